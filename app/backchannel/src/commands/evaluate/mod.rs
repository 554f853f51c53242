//! `backchannel evaluate`: the official six of REACT 2024 for any predictions, with the honest readings beside them.
//!
//! Predictions are read clip by clip, so that a whole test split fits; an interrupted evaluation goes on where it was.

mod against;
mod react2025;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clips::array::read_npy;
use clips::cache::Key;
use clips::channels::ATTRIBUTE_COUNT;
use clips::corpus::{Corpus, Neighbours};
use clips::{Attributes, Control, Fault, FaultKind};
use measures::{Evaluation, Options, Reactions, Truth};
use study::entry::Predictions;
use study::{Cache, Split};

use super::Shard;
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
    /// Predictions of a second system over the same clips: also compares the two, clip by clip
    #[arg(long, value_name = "FILE or DIR")]
    against: Option<PathBuf>,
    /// Definitions: react2024 or react2025 (also 2026; lists of unequal length, its own names and scale)
    #[arg(long, default_value = "react2024", value_parser = ["react2024", "react2025"])]
    protocol: String,
    /// With react2025: bring targets of another length to that of the prediction by straight lines (ours; the official
    /// way is a learned network that is not public)
    #[arg(long)]
    resample: bool,
    /// Cut lists and series to their shortest, as the official code does in silence; what was cut is a warning
    #[arg(long)]
    truncate: bool,
    /// Where finished clips are kept while it runs, so that an interrupted evaluation goes on; without it the user's
    /// cache folder
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Score every N-th clip only, beginning with the I-th (from 1), and leave the scores in the cache folder: 2/4. Several
    /// machines can share it; the same command without --shard sums up what they scored
    #[arg(long, value_name = "I/N", requires = "cache", conflicts_with = "against")]
    shard: Option<String>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    let control = output.control();
    let mut reactions = First::open(&args.predictions, args.samples, &control)?;
    let mut second =
        args.against.as_ref().map(|path| First::open(path, args.samples, &control)).transpose()?;
    let mut cut = None;
    if let Some(second) = second.as_mut().filter(|second| second.samples != reactions.samples) {
        let (ours, theirs) = (reactions.samples, second.samples);
        let least = ours.min(theirs);
        let words = format!(
            "{ours} samples of each clip against {theirs}: FRCorr and FRDist are sums over samples, so the first {least} of \
             each are compared"
        );
        output.warn(&words);
        (reactions.samples, second.samples) = (least, least);
        cut = Some(words);
    }
    let known = Known::read(args, output, &control)?;
    for reactions in std::iter::once(&reactions).chain(&second) {
        known.require(reactions, args)?;
        let [_, _, frames] = reactions.predictions.size();
        if let Some(warning) = reactions.predictions.outside(reactions.samples, frames, &control)? {
            output.warn(warning);
        }
    }
    if args.protocol == "react2025" {
        return react2025::run(args, &reactions, &known, output, &control);
    }
    if let Some(shard) = &args.shard {
        return part(&reactions, &known, Shard::parse(shard)?, args, output, &control);
    }
    let evaluation = scored(&reactions, &known, args, &control)?;
    for warning in &evaluation.warnings {
        output.warn(warning);
    }
    let Some(second) = second else {
        return output.result(&evaluation, table(&evaluation));
    };
    let rival = scored(&second, &known, args, &control)?;
    for warning in &rival.warnings {
        output.warn(format!("second: {warning}"));
    }
    against::report(&evaluation, &rival, cut, args, output, &control)
}

/// What predictions are held against.
struct Known {
    listeners: Arc<[Attributes]>,
    speakers: Arc<[Attributes]>,
    neighbours: Arc<[Vec<u32>]>,
    /// Names of the clips, where a corpus gives them.
    ids: Vec<String>,
    key: Key,
}

impl Known {
    /// Reads a split of a corpus, or the three arrays.
    fn read(args: &Args, output: &Output, control: &Control) -> clips::Result<Self> {
        let key = Key::new("evaluate/1");
        match (&args.corpus, &args.listeners, &args.speakers, &args.neighbours) {
            (Some(root), ..) => {
                let corpus = Arc::new(Corpus::open(root, &control.silent())?);
                let split = Split::read(corpus, parse_split(&args.split)?, None, control)?;
                split.warnings.iter().for_each(|warning| output.warn(warning));
                Ok(Self {
                    ids: split.entries().iter().map(|entry| entry.id.clone()).collect(),
                    key: key.part("split", &split.fingerprint),
                    listeners: split.listeners,
                    speakers: split.speakers,
                    neighbours: split.neighbours,
                })
            }
            (None, Some(listeners), Some(speakers), Some(neighbours)) => {
                let key = key.file("listeners", listeners)?.file("speakers", speakers)?;
                Ok(Self {
                    ids: Vec::new(),
                    key: key.file("neighbours", neighbours)?,
                    listeners: read_clips(listeners)?.into(),
                    speakers: read_clips(speakers)?.into(),
                    neighbours: Neighbours::read(neighbours)?.rows.into(),
                })
            }
            _ => Err(super::bad_request(
                "nothing to compare with",
                "give --corpus or --listeners, --speakers and --neighbours",
            )),
        }
    }

    /// Refuses predictions of other clips, and without --truncate of another length.
    fn require(&self, reactions: &First, args: &Args) -> clips::Result<()> {
        let [_, _, frames] = reactions.predictions.size();
        if !self.ids.is_empty() {
            let ids: Vec<&str> = self.ids.iter().map(String::as_str).collect();
            reactions.predictions.require_clips(&ids, &args.split)?;
            // all clips of a split that was read have the same length
            let truth = self.listeners.first().map_or(frames, Vec::len);
            // those of 2025 have a way of their own
            if !args.truncate && args.protocol == "react2024" {
                reactions.predictions.require_frames(truth, false)?;
            }
        }
        Ok(())
    }

    fn truth(&self) -> Truth<'_> {
        Truth { listeners: &self.listeners, speakers: &self.speakers, neighbours: &self.neighbours }
    }
}

/// Scores a share of the clips into the cache folder.
fn part(
    reactions: &First,
    known: &Known,
    shard: Shard,
    args: &Args,
    output: &Output,
    control: &Control,
) -> clips::Result<()> {
    let options = options(args);
    let Some(folder) = &args.cache else {
        return Err(super::bad_request("--shard leaves its scores in a folder", "name one with --cache"));
    };
    let (first, every) = shard.numbers();
    let journal = Cache::open(folder)?.journal_of_part(&key_of(reactions, known, &options), first, every)?;
    let holds = |clip: usize| shard.holds(clip);
    let count = Evaluation::part(reactions, &known.truth(), &options, &holds, &journal, control)?;
    let value = serde_json::json!({ "scored": count, "clips": reactions.clips(), "cache": folder });
    output.result(&value, format!("{count} of {} clips scored into {}", reactions.clips(), folder.display()))
}

fn options(args: &Args) -> Options {
    Options { bootstrap: args.bootstrap, seed: args.seed, truncate: args.truncate }
}

/// What stands for the scores of these clips in the cache.
fn key_of(reactions: &First, known: &Known, options: &Options) -> Key {
    known
        .key
        .clone()
        .part("predictions", reactions.predictions.hash())
        .part("samples", reactions.samples)
        .part("truncate", options.truncate)
}

/// Scores with a journal that lasts until the evaluation is complete.
fn scored(reactions: &First, known: &Known, args: &Args, control: &Control) -> clips::Result<Evaluation> {
    let options = options(args);
    let Some(folder) = args.cache.clone().or_else(Cache::usual_place) else {
        return Evaluation::of(reactions, &known.truth(), &options, control);
    };
    let key = key_of(reactions, known, &options);
    let cache = Cache::open(&folder)?;
    let evaluation =
        Evaluation::resumed(reactions, &known.truth(), &options, &cache.journal(&key)?, control)?;
    cache.forget(&key);
    Ok(evaluation)
}

/// The first samples of every clip.
struct First {
    predictions: Predictions,
    samples: usize,
}

impl First {
    fn open(path: &Path, samples: Option<usize>, control: &Control) -> clips::Result<Self> {
        let predictions = Predictions::open(path, control)?;
        let [_, held, _] = predictions.size();
        let samples = samples.unwrap_or(held);
        if samples == 0 || samples > held {
            return Err(super::bad_request(
                format!("--samples {samples}: {} holds {held} of each clip", path.display()),
                format!("ask for 1 to {held}"),
            ));
        }
        Ok(Self { predictions, samples })
    }
}

impl Reactions for First {
    fn clips(&self) -> usize {
        self.predictions.clips()
    }

    fn of_clip(&self, clip: usize) -> clips::Result<std::borrow::Cow<'_, [Attributes]>> {
        let mut all = self.predictions.attributes(clip)?;
        all.truncate(self.samples);
        Ok(all.into())
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
