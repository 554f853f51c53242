//! `backchannel codebooks`: how well code books speak for the listeners of a split: those of a checkpoint, or new ones.

use std::fmt::Write as _;
use std::path::PathBuf;

use clips::corpus::{Corpus, Split};
use clips::{Attributes, Coefficients, Control, Fault, FaultKind};
use rayon::prelude::*;
use tokens::sizing::{self, Size};
use tokens::{CodeBooks, Diagnostics, FitConfig, Reaction, Stream};

use super::generate::parse_split;
use crate::output::Output;

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("books").required(true).args(["checkpoint", "fit"]))]
pub struct Args {
    /// Checkpoint file; `demo` and `demo-plain` are the shipped ones
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Instead of a checkpoint's books, fit new ones on the training listeners of the corpus
    #[arg(long)]
    fit: bool,
    /// Corpus folder in the REACT layout
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Split of the corpus: train, val or test. A book that does well on train alone is too large for its data
    #[arg(long, default_value = "val")]
    split: String,
    /// With --fit: centres of the coefficients (`book_m3d` of a run)
    #[arg(long, value_name = "N", default_value_t = 64, requires = "fit", value_parser = centres)]
    m3d: usize,
    /// With --fit: finite scalar quantisation of the coefficients, cells of each axis, as `8,5,5,5` (`book_m3d_levels`
    /// of a run)
    #[arg(long, value_name = "N,...", value_delimiter = ',', requires = "fit")]
    levels: Vec<usize>,
    /// With --fit: centres of the expression probabilities (`book_ex` of a run)
    #[arg(long, value_name = "N", default_value_t = 32, requires = "fit", value_parser = centres)]
    ex: usize,
    /// With --fit: seed of all draws
    #[arg(long, default_value_t = 1, requires = "fit")]
    seed: u64,
    /// With --fit: double --m3d and --ex until the split is explained (R2 of 0.95 and 0.99), at most 8,192, and tell
    /// what every size does
    #[arg(long, requires = "fit", conflicts_with = "levels")]
    target_r2: bool,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// A number of centres that a code book can have.
fn centres(word: &str) -> Result<usize, String> {
    let many = word.parse().ok().filter(|many| (1..=tokens::kmeans::MOST_CODES).contains(many));
    many.ok_or_else(|| format!("a book has 1 to {} centres", tokens::kmeans::MOST_CODES))
}

type Listener = (String, Attributes, Coefficients);

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    let control = output.control();
    let split = parse_split(&args.split)?;
    let system = args.checkpoint.as_ref().map(|file| super::load_system(file)).transpose()?;
    let corpus = Corpus::open(&args.corpus, &control.silent())?;
    let people = listeners(&corpus, split, output, &control)?;
    let (tried, books) = match &system {
        Some(system) => {
            let none =
                || Fault::new(FaultKind::Unsupported, system.checkpoint(), "this system has no code books");
            (Vec::new(), system.latent_intent().ok_or_else(none)?.books().clone())
        }
        None => fit(args, &corpus, &people, output, &control)?,
    };
    let found = Diagnostics::of(&books, &reactions(&people), &control)?;
    let value = serde_json::json!({
        "checkpoint": system.as_ref().map(|system| system.checkpoint()), "split": split, "clips": found.clips,
        "frames": found.frames, "streams": found.streams, "tried": tried,
    });
    output.result(&value, curve(&tried) + &table(&found))
}

/// New books on the training listeners, and the sizes that were tried for `people`.
fn fit(
    args: &Args,
    corpus: &Corpus,
    people: &[Listener],
    output: &Output,
    control: &Control,
) -> clips::Result<(Vec<Size>, CodeBooks)> {
    let train = listeners(corpus, Split::Train, output, control)?;
    let config = FitConfig {
        m3d: args.m3d,
        m3d_levels: args.levels.clone(),
        ex: args.ex,
        seed: args.seed,
        ..FitConfig::default()
    };
    if args.target_r2 {
        return sizing::doubled(&reactions(&train), &reactions(people), &config, control);
    }
    Ok((Vec::new(), CodeBooks::fit(&reactions(&train), &config, control)?))
}

fn reactions(people: &[Listener]) -> Vec<Reaction<'_>> {
    people
        .iter()
        .map(|(clip, attributes, coefficients)| Reaction { clip, attributes, coefficients })
        .collect()
}

/// The listeners of a split that have both streams.
fn listeners(
    corpus: &Corpus,
    split: Split,
    output: &Output,
    control: &Control,
) -> clips::Result<Vec<Listener>> {
    let entries = corpus.clips(split);
    let people: Vec<Listener> = entries
        .par_iter()
        .map(|entry| {
            control.check()?;
            let mut person = listener::read_face(corpus, &entry.listener)?;
            let frames = person.frames();
            person.cut(frames);
            Ok(person.attributes.zip(person.coefficients).map(|(a, c)| (entry.id.clone(), a, c)))
        })
        .filter_map(Result::transpose)
        .collect::<clips::Result<_>>()?;
    if people.is_empty() {
        return Err(Fault::new(
            FaultKind::Empty,
            corpus.root(),
            format!("no listener of the {} split has attributes and coefficients", split.name()),
        )
        .remedy("choose another split with --split"));
    }
    if people.len() < entries.len() {
        output.warn(format!(
            "{} of {} {} listeners lack a stream and are left out",
            entries.len() - people.len(),
            entries.len(),
            split.name()
        ));
    }
    Ok(people)
}

/// The sizes that were tried, and how to ask a run for the last ones.
fn curve(tried: &[Size]) -> String {
    let mut text = String::new();
    for size in tried {
        let r2 = size.r2.map_or_else(|| "-".to_owned(), |r2| format!("{r2:.4}"));
        let enough = if size.enough { "  enough" } else { "" };
        // writing to a String cannot fail
        let _ = writeln!(
            text,
            "{:<4} {:>5} centres  R2 {r2:>7}  perplexity {:>7.1}{enough}",
            size.stream.name(),
            size.ids,
            size.perplexity
        );
    }
    let last = |stream| tried.iter().rfind(|size| size.stream == stream);
    if let (Some(m3d), Some(ex)) = (last(Stream::M3d), last(Stream::Ex)) {
        for (size, target) in [(m3d, sizing::ENOUGH_M3D), (ex, sizing::ENOUGH_EX)] {
            if !size.enough {
                let name = size.stream.name();
                let _ =
                    writeln!(text, "{name}: an R2 of {target} is not reached; a smaller book may do as well");
            }
        }
        let _ = writeln!(text, "for a run: --set book_m3d={} --set book_ex={}\n", m3d.asked, ex.asked);
    }
    text
}

fn table(found: &Diagnostics) -> String {
    let mut text = format!(
        "{} listeners, {} frames\n{:<8} {:>6} {:>6} {:>11} {:>7} {:>9} {:>7}  worst column\n",
        found.clips, found.frames, "", "ids", "used", "perplexity", "stays", "RMSE", "R2"
    );
    let share = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    for stream in &found.streams {
        let worst = match (&stream.worst_column, stream.worst_r2) {
            (Some(column), Some(r2)) => format!("{column} {r2:.3}"),
            _ => String::new(),
        };
        // writing to a String cannot fail
        let _ = writeln!(
            text,
            "{:<8} {:>6} {:>6} {:>11.1} {:>7} {:>9.4} {:>7}  {worst}",
            stream.stream.name(),
            stream.size,
            stream.ids_used,
            stream.perplexity,
            share(stream.stay),
            stream.rmse,
            share(stream.r2)
        );
    }
    text
}
