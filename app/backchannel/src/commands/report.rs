//! `backchannel report`: several systems over one split as one self-contained page, with tables and figures to take along.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clips::array::write_atomically;
use clips::corpus::Corpus;
use study::protocol::PROTOCOLS;
use study::{Board, Cache, Entry, Protocol, Settings, Split};

use super::generate::parse_split;
use crate::output::Output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Corpus folder in the REACT layout
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Split of the corpus: train, val or test
    #[arg(long, default_value = "val")]
    split: String,
    /// Systems, with commas between: [LABEL=]WHAT[@OPTION]... where WHAT is random, mime, mean-sequence, mean-frame, truth,
    /// demo, demo-plain, demo-trans-vae, demo-belfusion, demo-regnn, demo-learning2listen, a checkpoint, an .npy or a folder
    /// written by `generate`; options are @online, @best (the paper's way), @spread (samples go round the latents), @z3, @guidance:1, @temperature:0.8, @top-p:0.9, @top-k:5
    #[arg(long, value_name = "A,B,...", value_delimiter = ',', num_args = 1..,
          default_value = "random,mime,mean-frame,truth,demo,demo@spread,demo-plain")]
    systems: Vec<String>,
    /// Whose table: react2024 (10 samples, 1 seed, six columns), or ofrg, as the repository
    /// Offline_Facial_Reaction_Generation states (5 samples, mean and spread over 3 seeds, its five columns beside its
    /// published rows)
    #[arg(long, default_value = "react2024", value_parser = clap::builder::PossibleValuesParser::new(Protocol::names()))]
    protocol: String,
    /// Reactions to each clip, in place of the protocol's
    #[arg(long)]
    samples: Option<usize>,
    /// Seeds of systems that draw, 1 to this number, in place of the protocol's
    #[arg(long)]
    seeds: Option<u64>,
    /// Bootstrap resamples over clips
    #[arg(long, default_value_t = Settings::default().bootstrap)]
    bootstrap: usize,
    /// Compare only this many frames of each clip, of the truth and of predictions; without it the shortest clip, at most
    /// 750
    #[arg(long)]
    frames: Option<usize>,
    /// Where predictions have another length than the split, compare the frames that all have, with a warning; without it
    /// they are refused
    #[arg(long)]
    truncate: bool,
    /// Where outcomes are kept, so that a second report is quick and an interrupted one goes on; without it the user's
    /// cache folder
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Keep no outcomes
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
    /// Also write tables (LaTeX, CSV, Markdown, JSON) and figures (SVG, PNG) into this folder
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,
    /// The page
    #[arg(long, value_name = "FILE.html")]
    out: PathBuf,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    let protocol = Protocol::of_name(&args.protocol).unwrap_or(&PROTOCOLS[0]);
    let (samples, seeds) = (args.samples.unwrap_or(protocol.samples), args.seeds.unwrap_or(protocol.seeds));
    if samples == 0 || seeds == 0 || seeds > 100 {
        return Err(super::bad_request(
            format!("{samples} samples with {seeds} seeds"),
            "ask for at least one sample and 1 to 100 seeds",
        ));
    }
    let control = output.control();
    let corpus = Arc::new(Corpus::open(&args.corpus, &control.silent())?);
    let which = parse_split(&args.split)?;
    let entries = args
        .systems
        .iter()
        .map(|spec| Entry::parse(spec, &corpus, which, &control))
        .collect::<clips::Result<Vec<_>>>()?;
    if let Some(twice) =
        (1..entries.len()).find(|at| entries[..*at].iter().any(|e| e.label == entries[*at].label))
    {
        return Err(super::bad_request(
            format!("two systems are called {}", entries[twice].label),
            format!("name one of them otherwise: --systems \"mine={}\"", entries[twice].spec),
        ));
    }
    let mut split = Split::read(corpus, which, args.frames, &control)?;
    if args.truncate {
        let shortest = entries.iter().filter_map(|entry| Some((entry.held_frames()?, &entry.label))).min();
        if let Some((frames, label)) = shortest {
            split = split.cut(frames, &format!("the reactions of {label} have no more"));
        }
    }
    split.warnings.iter().for_each(|warning| output.warn(warning));
    let settings = Settings {
        samples,
        seeds: (1..=seeds).collect(),
        bootstrap: args.bootstrap,
        truncate: args.truncate,
    };
    let place = if args.no_cache { None } else { args.cache.clone().or_else(Cache::usual_place) };
    let cache = place.map(|folder| Cache::open(&folder)).transpose()?;
    let (scored, board) = study::run(&entries, &split, &settings, cache.as_ref(), &control)?;
    for one in &scored {
        one.warnings.iter().for_each(|warning| output.warn(format!("{}: {warning}", one.entry.label)));
    }
    let page = study::report::html(&board, &scored, &control)?;
    write_atomically(&args.out, |file| std::io::Write::write_all(file, page.as_bytes()))?;
    let mut written = vec![args.out.clone()];
    if let Some(folder) = &args.tables {
        written.extend(study::export::write(&board, &scored, folder, &control)?);
        written.extend(study::export::table_of(&board, protocol, folder)?);
    }
    let text = table(&board, protocol);
    let files = written.len();
    let value = serde_json::json!({ "protocol": protocol.name, "board": board, "written": written });
    output.result(&value, format!("{text}{} and {} more files", args.out.display(), files - 1))
}

fn table(board: &Board, protocol: &Protocol) -> String {
    let several = board.settings.seeds.len() > 1;
    let width = if several { 18 } else { 11 };
    let mut text = format!(
        "{} clips of {} frames, {} samples{}\n{:<34}",
        board.clips,
        board.frames,
        board.settings.samples,
        if several { ", mean and deviation over seeds" } else { "" },
        ""
    );
    // writing to a String cannot fail
    for column in protocol.columns {
        let _ = write!(text, "{:>width$}", column.name());
    }
    text.push('\n');
    for row in &board.rows {
        let _ = write!(text, "{:<34}", row.label);
        for column in protocol.columns {
            let cell = row.cell(*column);
            let digits = column.decimals();
            let words =
                cell.and_then(|cell| Some((cell, cell.value?))).map_or("-".to_owned(), |(cell, value)| {
                    let deviation =
                        cell.spread.as_ref().and_then(|spread| spread.deviation).filter(|_| several);
                    match deviation {
                        Some(deviation) => format!("{value:.digits$} \u{b1}{deviation:.digits$}"),
                        None => format!("{value:.digits$}"),
                    }
                });
            let _ = write!(text, "{words:>width$}");
        }
        text.push('\n');
    }
    text
}
