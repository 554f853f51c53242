//! `backchannel intents`: on a corpus with known intents, what each latent intent does and how well it can be told.

use std::fmt::Write as _;
use std::path::PathBuf;

use clips::corpus::Corpus;
use clips::synth::world::INTENTS;
use study::intents::{Asked, Findings, KnownSplit, bars, findings, may_judge};

use super::generate::{parse_split, parse_track};
use super::sampling::SamplingArgs;
use crate::output::Output;

#[derive(Debug, clap::Args)]
#[command(allow_negative_numbers = true)]
pub struct Args {
    /// Checkpoint file; `demo` and `demo-plain` are the shipped ones
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// Corpus written by `synth`
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Split that is judged
    #[arg(long, default_value = "val")]
    split: String,
    #[command(flatten)]
    sampling: SamplingArgs,
    /// offline or online
    #[arg(long, default_value = "offline")]
    track: String,
    /// Seed of every draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    let control = output.control();
    let system = super::load_system(&args.checkpoint)?;
    let sampling = args.sampling.sampling()?;
    let asked = Asked { track: parse_track(&args.track)?, sampling, seed: args.seed };
    let split = parse_split(&args.split)?;
    let corpus = Corpus::open(&args.corpus, &control.silent())?;
    let known = KnownSplit::read(&corpus, split, &control)?;
    let found = findings(&*system, &known, &asked, &control)?;
    if !may_judge(&found) {
        output.warn(format!(
            "the judge is right on {:.1} % of the real listeners; below 99 % its word on a model counts little",
            found.measures.oracle.unwrap_or(0.0) * 100.0
        ));
    }
    let mut value = serde_json::json!({
        "system": system.name(), "checkpoint": system.checkpoint(), "corpus": args.corpus, "split": split,
        "track": asked.track, "guidance": sampling.guidance, "sampling": sampling, "seed": args.seed,
        "speakers": found.speakers, "listeners": found.listeners,
        "measures": found.measures, "guided": found.guided,
        "names": found.measures.names.iter().map(|name| name.map(|intent| INTENTS[intent])).collect::<Vec<_>>(),
        "intents": INTENTS, "confusion": found.confusion,
        "average_of_modes": found.average_of_modes,
        "bars": bars::checked(&found),
    });
    for (name, number) in found.values() {
        value[name] = serde_json::json!(number);
    }
    output.result(&value, table(system.name(), &found))
}

fn table(system: &str, found: &Findings) -> String {
    let mut text = format!("{system}\n");
    for row in bars::checked(found) {
        let value = row.value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
        let verdict = match row.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        let (name, bar, meaning) = (row.name, row.bar.to_string(), row.meaning);
        // writing to a String cannot fail
        let _ = writeln!(text, "{name:<22} {value:>7}  {bar:<13} {verdict:<7} {meaning}");
    }
    for (latent, name) in found.measures.names.iter().enumerate() {
        let name = name.map_or("never recognised", |intent| INTENTS[intent]);
        let _ = writeln!(text, "z{:<3} {name}", latent + 1);
    }
    let average = found.average_of_modes;
    let _ = writeln!(
        text,
        "average of modes: mixed {:.2}, FRVar ratio {:.2}, FRDiv 0",
        average.mixed, average.frvar_ratio
    );
    text
}
