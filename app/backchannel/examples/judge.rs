//! How well the judge tells the known intents of a synthetic corpus apart, raw and through the code books:
//! `cargo run --release -p backchannel --example judge -- CORPUS`.
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::path::PathBuf;

use clips::corpus::{Corpus, Split};
use clips::{Attributes, Coefficients, Control, Fault, FaultKind, Result};
use measures::judge::{Judge, SUMMARY, summary};
use tokens::{CodeBooks, Diagnostics, FitConfig, Reaction};

type Listener = (String, Attributes, Coefficients, usize);

fn main() -> Result<()> {
    let control = Control::default();
    let root = PathBuf::from(std::env::args().nth(1).unwrap_or_default());
    let corpus = Corpus::open(&root, &control)?;
    let (train, val) = (listeners(&corpus, Split::Train)?, listeners(&corpus, Split::Val)?);
    let raw = [&train, &val].map(|set| summaries(set));
    report("raw", &raw[0], &raw[1], &train, &val)?;

    let reactions: Vec<Reaction> = train.iter().map(reaction).collect();
    let books = CodeBooks::fit(&reactions, &FitConfig::tiny(), &control)?;
    for (name, set) in [("train", &train), ("val", &val)] {
        let reactions: Vec<Reaction> = set.iter().map(reaction).collect();
        for line in Diagnostics::of(&books, &reactions, &control)?.streams {
            println!("{name} {line:?}");
        }
    }
    let through = |set: &[Listener]| -> Result<Vec<Listener>> {
        set.iter()
            .map(|(clip, attributes, coefficients, intent)| {
                let (attributes, coefficients) =
                    books.detokenise(&books.tokenise(clip, attributes, coefficients)?)?;
                Ok((clip.clone(), attributes, coefficients, *intent))
            })
            .collect()
    };
    let tokenised = [summaries(&through(&train)?), summaries(&through(&val)?)];
    report("tokenised", &tokenised[0], &tokenised[1], &train, &val)
}

fn reaction(listener: &Listener) -> Reaction<'_> {
    Reaction { clip: &listener.0, attributes: &listener.1, coefficients: &listener.2 }
}

fn listeners(corpus: &Corpus, split: Split) -> Result<Vec<Listener>> {
    let truth =
        corpus.intents()?.ok_or_else(|| Fault::new(FaultKind::NotFound, corpus.root(), "no intents.csv"))?;
    let mean = corpus.mean_face().unwrap_or([0.0; 58]);
    truth
        .iter()
        .filter(|row| row.split == split)
        .map(|row| {
            let entry = &corpus.clips(split)[row.row];
            let streams = entry.listener.read()?;
            let attributes = streams.attributes.unwrap_or_default();
            let centred = |row: &[f32; 58]| std::array::from_fn(|column| row[column] - mean[column]);
            let coefficients = streams.coefficients.unwrap_or_default().iter().map(centred).collect();
            Ok((entry.id.clone(), attributes, coefficients, row.intent))
        })
        .collect()
}

fn summaries(set: &[Listener]) -> Result<Vec<[f64; SUMMARY]>> {
    set.iter().map(|(_, attributes, coefficients, _)| summary(attributes, coefficients)).collect()
}

fn report(
    name: &str,
    train: &Result<Vec<[f64; SUMMARY]>>,
    val: &Result<Vec<[f64; SUMMARY]>>,
    train_set: &[Listener],
    val_set: &[Listener],
) -> Result<()> {
    let (train, val) = (train.clone()?, val.clone()?);
    let labels = |set: &[Listener]| -> Vec<usize> { set.iter().map(|listener| listener.3).collect() };
    let start = std::time::Instant::now();
    let judge = Judge::fit(&train, &labels(train_set), clips::synth::world::INTENTS.len())?;
    println!(
        "{name}: fitted in {:.0} ms; right on {:.4} of {} training and {:.4} of {} validation listeners",
        start.elapsed().as_secs_f64() * 1e3,
        judge.accuracy(&train, &labels(train_set)).unwrap_or(f64::NAN),
        train.len(),
        judge.accuracy(&val, &labels(val_set)).unwrap_or(f64::NAN),
        val.len(),
    );
    for (intent, row) in judge.confusion(&val, &labels(val_set)).iter().enumerate() {
        println!("  {:>10} {row:?}", clips::synth::world::INTENTS[intent]);
    }
    Ok(())
}
