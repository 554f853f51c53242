//! `backchannel codebooks`: how well the code books of a checkpoint speak for the listeners of a split.

use std::fmt::Write as _;
use std::path::PathBuf;

use clips::corpus::Corpus;
use clips::{Fault, FaultKind, Streams};
use rayon::prelude::*;
use tokens::{Diagnostics, Reaction};

use super::generate::parse_split;
use crate::output::Output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Checkpoint file; `demo` and `demo-plain` are the shipped ones
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// Corpus folder in the REACT layout
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Split of the corpus: train, val or test. A book that does well on train alone is too large for its data
    #[arg(long, default_value = "val")]
    split: String,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    let control = output.control();
    let system = super::load_system(&args.checkpoint)?;
    let network = system.latent_intent().ok_or_else(|| {
        Fault::new(FaultKind::Unsupported, &args.checkpoint, "this system has no code books")
    })?;
    let corpus = Corpus::open(&args.corpus, &control.silent())?;
    let split = parse_split(&args.split)?;
    let entries = corpus.clips(split);
    let people: Vec<Streams> = entries
        .par_iter()
        .map(|entry| {
            control.check()?;
            let mut person = listener::read_face(&corpus, &entry.listener)?;
            let frames = person.frames();
            person.cut(frames);
            Ok(person)
        })
        .collect::<clips::Result<_>>()?;
    let whole: Vec<Reaction> = entries
        .iter()
        .zip(&people)
        .filter_map(|(entry, person)| {
            let (attributes, coefficients) = (person.attributes.as_ref()?, person.coefficients.as_ref()?);
            Some(Reaction { clip: &entry.id, attributes, coefficients })
        })
        .collect();
    if whole.is_empty() {
        return Err(Fault::new(
            FaultKind::Empty,
            corpus.root(),
            format!("no listener of the {} split has attributes and coefficients", split.name()),
        )
        .remedy("choose another split with --split"));
    }
    if whole.len() < people.len() {
        output.warn(format!(
            "{} of {} listeners lack a stream and are left out",
            people.len() - whole.len(),
            people.len()
        ));
    }
    let found = Diagnostics::of(network.books(), &whole, &control)?;
    let value = serde_json::json!({
        "checkpoint": system.checkpoint(), "split": split, "clips": found.clips, "frames": found.frames,
        "streams": found.streams,
    });
    output.result(&value, table(&found))
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
