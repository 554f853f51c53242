//! `backchannel evaluate`: the official six of REACT 2024 for any predictions, with the honest readings beside them.
//!
//! Predictions are read clip by clip, so that a whole test split fits; an interrupted evaluation goes on where it was.

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
    /// Cut lists and series to their shortest, as the official code does in silence; what was cut is a warning
    #[arg(long)]
    truncate: bool,
    /// Where finished clips are kept while it runs, so that an interrupted evaluation goes on; without it the user's
    /// cache folder
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    let control = output.control();
    let predictions = Predictions::open(&args.predictions, &control)?;
    let [_, samples, frames] = predictions.size();
    let most = args.samples.unwrap_or(samples);
    if most == 0 || most > samples {
        return Err(super::bad_request(
            format!("--samples {most}: {} holds {samples} of each clip", args.predictions.display()),
            format!("ask for 1 to {samples}"),
        ));
    }
    let options = Options { bootstrap: args.bootstrap, seed: args.seed, truncate: args.truncate };
    let key = Key::new("evaluate/1")
        .part("predictions", predictions.hash())
        .part("samples", most)
        .part("options", format!("{options:?}"));
    let reactions = First { predictions, samples: most };
    let evaluation = match (&args.corpus, &args.listeners, &args.speakers, &args.neighbours) {
        (Some(root), ..) => {
            let corpus = Arc::new(Corpus::open(root, &control.silent())?);
            let split = Split::read(corpus, parse_split(&args.split)?, Some(frames), &control)?;
            let ids: Vec<&str> = split.entries().iter().map(|entry| entry.id.as_str()).collect();
            reactions.predictions.require_clips(&ids, &args.split)?;
            split.warnings.iter().for_each(|warning| output.warn(warning));
            let key = key.part("split", &split.fingerprint);
            resumed(&reactions, &split.truth(), &options, &key, args, &control)?
        }
        (None, Some(listeners), Some(speakers), Some(neighbours)) => {
            let key = key.file("listeners", listeners)?.file("speakers", speakers)?;
            let key = key.file("neighbours", neighbours)?;
            let (listeners, speakers) = (read_clips(listeners)?, read_clips(speakers)?);
            let neighbours = Neighbours::read(neighbours)?.rows;
            let truth = Truth { listeners: &listeners, speakers: &speakers, neighbours: &neighbours };
            resumed(&reactions, &truth, &options, &key, args, &control)?
        }
        _ => {
            return Err(super::bad_request(
                "nothing to compare with",
                "give --corpus or --listeners, --speakers and --neighbours",
            ));
        }
    };
    for warning in &evaluation.warnings {
        output.warn(warning);
    }
    output.result(&evaluation, table(&evaluation))
}

/// The first samples of every clip.
struct First {
    predictions: Predictions,
    samples: usize,
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

/// Scores with a journal that lasts until the evaluation is complete.
fn resumed(
    reactions: &First,
    truth: &Truth<'_>,
    options: &Options,
    key: &Key,
    args: &Args,
    control: &Control,
) -> clips::Result<Evaluation> {
    let Some(folder) = args.cache.clone().or_else(Cache::usual_place) else {
        return Evaluation::of(reactions, truth, options, control);
    };
    let cache = Cache::open(&folder)?;
    let evaluation = Evaluation::resumed(reactions, truth, options, &cache.journal(key)?, control)?;
    cache.forget(key);
    Ok(evaluation)
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
