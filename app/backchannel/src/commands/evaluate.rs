//! `backchannel evaluate`: the official six of REACT 2024 for any predictions, with the honest readings beside them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clips::array::read_npy;
use clips::channels::ATTRIBUTE_COUNT;
use clips::corpus::{Corpus, Neighbours, PersonFiles};
use clips::{Attributes, Control, Fault, FaultKind};
use measures::{Evaluation, Options};

use super::generate::parse_split;
use crate::output::Output;

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("truth").required(true).args(["corpus", "listeners"])))]
pub struct Args {
    /// Predictions: an .npy of clips x samples x frames x 25, or a folder written by `generate`
    #[arg(long, value_name = "FILE or DIR")]
    predictions: PathBuf,
    /// True listeners, .npy of clips x frames x 25
    #[arg(long, value_name = "FILE", requires = "speakers", requires = "neighbours")]
    listeners: Option<PathBuf>,
    /// Speakers, .npy of clips x frames x 25
    #[arg(long, value_name = "FILE")]
    speakers: Option<PathBuf>,
    /// Neighbour matrix, .npy of clips x clips
    #[arg(long, value_name = "FILE")]
    neighbours: Option<PathBuf>,
    /// Corpus that the predictions belong to, instead of the three arrays
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Split of the corpus
    #[arg(long, default_value = "val")]
    split: String,
    /// Bootstrap resamples over clips for 95 % intervals; 0 for none
    #[arg(long, default_value_t = 0)]
    bootstrap: usize,
    /// Seed of the resamples
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Score at most this many samples of each clip
    #[arg(long)]
    samples: Option<usize>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    let control = output.control();
    let mut predictions = read_predictions(&args.predictions)?;
    let samples = predictions.first().map_or(0, Vec::len);
    if let Some(most) = args.samples {
        if most == 0 || most > samples {
            return Err(super::bad_request(
                format!("--samples {most}: {} holds {samples} of each clip", args.predictions.display()),
                format!("ask for 1 to {samples}"),
            ));
        }
        predictions.iter_mut().for_each(|samples| samples.truncate(most.max(1)));
    }
    let frames = predictions.first().and_then(|samples| samples.first()).map_or(0, Vec::len);
    let (listeners, speakers, neighbours) =
        match (&args.corpus, &args.listeners, &args.speakers, &args.neighbours) {
            (Some(root), ..) => {
                let truth = of_corpus(root, &args.split, frames, &control)?;
                same_clips(&args.predictions, predictions.len(), &truth.0, &args.split)?;
                truth.1
            }
            (None, Some(listeners), Some(speakers), Some(neighbours)) => {
                (read_clips(listeners)?, read_clips(speakers)?, Neighbours::read(neighbours)?.rows)
            }
            _ => {
                return Err(super::bad_request(
                    "nothing to compare with",
                    "give --corpus or --listeners, --speakers and --neighbours",
                ));
            }
        };
    let options = Options { bootstrap: args.bootstrap, seed: args.seed };
    let evaluation = Evaluation::of(&predictions, &listeners, &speakers, &neighbours, &options, &control)?;
    for warning in &evaluation.warnings {
        output.warn(warning);
    }
    output.result(&evaluation, table(&evaluation))
}

/// Refuses predictions of other clips than those of the split: numbers would come out and mean nothing.
fn same_clips(predictions: &Path, count: usize, clips: &[String], split: &str) -> clips::Result<()> {
    let differ = |detail: String| {
        Err(Fault::new(FaultKind::Mismatch, predictions, detail)
            .remedy("name the corpus and the --split that the predictions were made for"))
    };
    if count != clips.len() {
        return differ(format!("predictions of {count} clips; the {split} split has {}", clips.len()));
    }
    let sheet = predictions.join("takes.json");
    if !sheet.is_file() {
        // An array of another program names no clips; its order is trusted.
        return Ok(());
    }
    #[derive(serde::Deserialize)]
    struct Sheet {
        takes: Vec<super::generate::TakeRow>,
    }
    let text = std::fs::read_to_string(&sheet).map_err(|error| Fault::io(&sheet, &error))?;
    let rows: Sheet = serde_json::from_str(&text).map_err(|error| {
        Fault::new(FaultKind::Malformed, &sheet, error.to_string()).remedy("generate the folder again")
    })?;
    match rows.takes.iter().find(|row| clips.get(row.clip_index) != Some(&row.header.clip)) {
        Some(row) => differ(format!(
            "clip {} is {}, in the {split} split it is {}",
            row.clip_index,
            row.header.clip,
            clips.get(row.clip_index).map_or("not there", String::as_str)
        )),
        None => Ok(()),
    }
}

fn table(evaluation: &Evaluation) -> String {
    let mut text = format!(
        "{} clips x {} samples x {} frames\n",
        evaluation.clips, evaluation.samples, evaluation.frames
    );
    let rows = [
        ("FRCorr", "higher", Some(evaluation.FRCorr)),
        ("FRDist", "lower", Some(evaluation.FRDist)),
        ("FRDiv", "higher", Some(evaluation.FRDiv)),
        ("FRVar", "higher", evaluation.FRVar),
        ("FRDvs", "higher", evaluation.FRDvs),
        ("FRSyn", "lower", Some(evaluation.FRSyn)),
        ("FRSyn_all_samples", "lower", Some(evaluation.FRSyn_all_samples)),
        ("constant_share", "", Some(evaluation.constant_share)),
    ];
    for (name, better, value) in rows {
        let value = value.map_or_else(|| "undefined".to_owned(), |value| format!("{value:.6}"));
        let interval = evaluation
            .intervals
            .get(name)
            .map_or_else(String::new, |interval| format!("  [{:.6}, {:.6}]", interval.low, interval.high));
        // writing to a String cannot fail
        let _ = writeln!(text, "{name:<18} {value:>14}{interval}  {better}");
    }
    text
}

/// Predictions of an array file or of a `generate` folder.
pub fn read_predictions(path: &Path) -> clips::Result<Vec<Vec<Attributes>>> {
    let file = if path.is_dir() { path.join("attributes.npy") } else { path.to_owned() };
    if path.is_dir() && !file.is_file() {
        return Err(Fault::new(FaultKind::NotFound, path, "there is no attributes.npy in this folder")
            .remedy("name a folder written by backchannel generate, or an .npy"));
    }
    let array = read_npy(&file)?;
    let [_, samples, frames, ATTRIBUTE_COUNT] = array.shape[..] else {
        return Err(Fault::new(FaultKind::WrongShape, &file, format!("the shape is {}", array.shape_text()))
            .at("header")
            .remedy("predictions are clips x samples x frames x 25"));
    };
    array.require_finite(&file)?;
    let rows: Vec<[f32; ATTRIBUTE_COUNT]> = array.rows(&file)?;
    Ok(rows
        .chunks((samples * frames).max(1))
        .map(|clip| clip.chunks(frames.max(1)).map(<[_]>::to_vec).collect())
        .collect())
}

fn read_clips(path: &Path) -> clips::Result<Vec<Attributes>> {
    let array = read_npy(path)?;
    let [_, frames, ATTRIBUTE_COUNT] = array.shape[..] else {
        return Err(Fault::new(FaultKind::WrongShape, path, format!("the shape is {}", array.shape_text()))
            .at("header")
            .remedy("it must be clips x frames x 25"));
    };
    array.require_finite(path)?;
    Ok(array.rows(path)?.chunks(frames.max(1)).map(<[_]>::to_vec).collect())
}

type Truth = (Vec<Attributes>, Vec<Attributes>, Vec<Vec<u32>>);

/// Names of the clips of a split, and what predictions are held against.
fn of_corpus(
    root: &Path,
    split: &str,
    frames: usize,
    control: &Control,
) -> clips::Result<(Vec<String>, Truth)> {
    let corpus = Corpus::open(root, &control.silent())?;
    let split = parse_split(split)?;
    let neighbours = corpus.neighbours(split)?.ok_or_else(|| {
        Fault::new(FaultKind::NotFound, root, format!("no neighbour_emotion_{}.npy", split.name()))
            .remedy("put the neighbour matrix of the split beside the lists")
    })?;
    let read = |person: &PersonFiles| -> clips::Result<Attributes> {
        let mut rows = person.read()?.attributes.ok_or_else(|| {
            Fault::new(FaultKind::MissingModality, root.join(&person.name), "the clip has no attributes")
                .remedy("the official measures compare attributes; add the Emotion file")
        })?;
        if rows.len() < frames {
            return Err(Fault::new(
                FaultKind::WrongShape,
                root.join(&person.name),
                format!("{} frames of truth for {frames} frames of prediction", rows.len()),
            )
            .remedy("generate again with --frames"));
        }
        rows.truncate(frames);
        Ok(rows)
    };
    let entries = corpus.clips(split);
    let names = entries.iter().map(|entry| entry.id.clone()).collect();
    let listeners = entries.iter().map(|entry| read(&entry.listener)).collect::<clips::Result<_>>()?;
    let speakers = entries.iter().map(|entry| read(&entry.speaker)).collect::<clips::Result<_>>()?;
    Ok((names, (listeners, speakers, neighbours.rows)))
}
