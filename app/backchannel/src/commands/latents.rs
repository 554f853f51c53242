//! `backchannel latents`: what each latent intent of a checkpoint does over a split, and what people call it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clips::corpus::Corpus;
use clips::{Fault, FaultKind};
use study::Split;
use study::explore::{Asked, Explorer, plots, trait_name};
use study::names::{self, Names};

use super::generate::{parse_split, parse_track};
use super::sampling::SamplingArgs;
use super::{DEMO, DEMO_PLAIN, bad_request};
use crate::output::Output;

#[derive(Debug, clap::Args)]
#[command(allow_negative_numbers = true)]
pub struct Args {
    /// Checkpoint file; `demo` is the shipped one
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// Corpus folder in the REACT layout; only with --name it may be left out
    #[arg(long, value_name = "DIR", required_unless_present = "name")]
    corpus: Option<PathBuf>,
    /// Split of the corpus: train, val or test
    #[arg(long, default_value = "val")]
    split: String,
    /// Give a latent a name, or take it away: z3=warm smile, z3=; may be repeated. Kept beside the checkpoint, for a
    /// shipped one in the user's data folder
    #[arg(long, value_name = "LATENT=NAME")]
    name: Vec<String>,
    /// Clips that are answered at most, evenly spread over the split; 0 for all
    #[arg(long, default_value_t = Asked::default().clips)]
    clips: usize,
    /// Real listeners shown for each latent
    #[arg(long, default_value_t = Asked::default().exemplars)]
    exemplars: usize,
    /// Compare only this many frames of each clip
    #[arg(long)]
    frames: Option<usize>,
    #[command(flatten)]
    sampling: SamplingArgs,
    /// offline or online
    #[arg(long, default_value = "offline")]
    track: String,
    /// Seed of every draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write signatures, known intents and neighbours as figures (SVG, PNG) into this folder
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    let control = output.control();
    let system = super::load_system(&args.checkpoint)?;
    if system.latents() == 0 {
        return Err(Fault::new(
            FaultKind::Unsupported,
            &args.checkpoint,
            "this system has no latent intents",
        )
        .remedy("choose a latent-intent checkpoint"));
    }
    let shipped = matches!(args.checkpoint.to_str(), Some(DEMO | DEMO_PLAIN));
    let file = names::file((!shipped).then_some(args.checkpoint.as_path()), system.checkpoint());
    let mut known = match &file {
        Some(file) => Names::read(file, system.checkpoint())?,
        None => Names::default(),
    };
    if !args.name.is_empty() {
        for pair in &args.name {
            let (latent, name) = parse_name(pair, system.latents())?;
            known.give(latent, name);
        }
        let file = file.ok_or_else(|| {
            bad_request("there is no folder for the names of a shipped checkpoint", "set HOME")
        })?;
        known.write(&file)?;
    }
    let Some(corpus) = &args.corpus else {
        let value = serde_json::json!({ "checkpoint": system.checkpoint(), "names": known.names });
        let lines: String =
            known.names.iter().map(|(latent, name)| format!("{latent:<4} {name}\n")).collect();
        return output
            .result(&value, if lines.is_empty() { "no latent has a name now".to_owned() } else { lines });
    };
    let asked = Asked {
        track: parse_track(&args.track)?,
        sampling: args.sampling.sampling()?,
        seed: args.seed,
        clips: args.clips,
        exemplars: args.exemplars,
        ..Asked::default()
    };
    let corpus = Arc::new(Corpus::open(corpus, &control.silent())?);
    let split = Split::read(corpus, parse_split(&args.split)?, args.frames, &control)?;
    split.warnings.iter().for_each(|warning| output.warn(warning));
    let found = Explorer::of(&*system, &split, &asked, &control)?;
    if let Some(folder) = &args.figures {
        plots::write(&found, &known, folder)?;
    }
    let mut value = serde_json::json!(found);
    value["names"] = serde_json::json!(known.names);
    output.result(&value, table(&found, &known))
}

fn parse_name(pair: &str, latents: usize) -> clips::Result<(usize, &str)> {
    let read = || {
        let (latent, name) = pair.split_once('=')?;
        let index = latent.trim().strip_prefix('z')?.parse::<usize>().ok()?.checked_sub(1)?;
        (index < latents && name.chars().count() <= names::LONGEST).then_some((index, name))
    };
    read().ok_or_else(|| {
        bad_request(
            format!("--name {pair} names no latent"),
            format!(
                "write z1=NAME to z{latents}=NAME, at most {} letters; nothing after = takes the name away",
                names::LONGEST
            ),
        )
    })
}

fn table(found: &Explorer, names: &Names) -> String {
    let usage = found.usage.map_or_else(|| "-".to_owned(), |usage| format!("{usage:.1}"));
    let mut text = format!(
        "{}: {usage} of {} latents in use over {} real listeners; {} clips were answered\n",
        found.system,
        found.latents.len(),
        found.listeners,
        found.clips
    );
    // writing to a String cannot fail
    let _ = writeln!(text, "     recognised  best  {:<28} {:<44} most alike", "name", "more than the others");
    for latent in &found.latents {
        let name: String = names
            .of(latent.latent)
            .map_or_else(|| format!("({})", latent.proposed), str::to_owned)
            .chars()
            .take(28)
            .collect();
        let mut raised: Vec<usize> = (0..latent.made.len())
            .filter(|at| latent.made[*at].raised() && latent.made[*at].value >= 0.005)
            .collect();
        raised.sort_by(|a, b| latent.made[*b].value.total_cmp(&latent.made[*a].value));
        let raised: Vec<String> = raised
            .iter()
            .take(3)
            .map(|at| format!("{} {:+.2}", trait_name(*at), latent.made[*at].value))
            .collect();
        let near = latent.nearest.map_or_else(String::new, |(z, apart)| format!("z{} ({apart:.2})", z + 1));
        let _ = writeln!(
            text,
            "z{:<3} {:>9.1} % {:>4.0} %  {name:<28} {:<44} {near}",
            latent.latent + 1,
            latent.recognised.value * 100.0,
            latent.ranked.value * 100.0,
            raised.join(" ")
        );
    }
    text += "recognised: share of the real listeners; best: share of the clips for which its reaction is ranked first; (name): proposed;\nmost alike: distance in standard deviations\n";
    if !found.intents.is_empty() {
        let known: u32 = found.intents.iter().flat_map(|(_, counts)| counts).sum();
        let _ = write!(text, "\n{known} listeners with a known intent, recognised as\n            ");
        (0..found.latents.len()).for_each(|latent| text += &format!("{:>6}", format!("z{}", latent + 1)));
        for (name, counts) in &found.intents {
            let _ = write!(text, "\n{name:<12}");
            counts.iter().for_each(|count| text += &format!("{count:>6}"));
        }
        let nmi = found.nmi.map_or_else(|| "-".to_owned(), |nmi| format!("{nmi:.2}"));
        let _ = writeln!(text, "\nagreement (NMI) {nmi}");
    }
    text
}
