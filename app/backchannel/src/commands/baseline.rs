//! `backchannel baseline`: the naive baselines of the challenge, in the form that `generate` writes.

use std::path::PathBuf;
use std::sync::Arc;

use clips::corpus::Corpus;
use listener::{LatentChoice, Naive, Request};

use super::generate::{Job, parse_split, sources_of_split};
use crate::output::Output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// random: uniform noise; mime: the speaker's own face; mean-sequence, mean-frame: the mean of the training clips, by
    /// frame or over all frames; truth: the real listener
    #[arg(value_parser = Naive::ALL.map(Naive::name))]
    kind: String,
    /// Corpus folder in the REACT layout
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Split of the corpus: train, val or test
    #[arg(long, default_value = "val")]
    split: String,
    /// Reactions to each clip; the published numbers use 10
    #[arg(long, default_value_t = 10)]
    samples: usize,
    /// Seed of random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Cut every clip to this many frames; without it at most 750, and clips must agree
    #[arg(long)]
    frames: Option<usize>,
    /// Leave out clips that cannot be read instead of stopping at the first
    #[arg(long)]
    keep_going: bool,
    /// Folder for attributes.npy, coefficients.npy (where the corpus has them) and takes.json; those of an earlier run in
    /// it are replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    if args.samples == 0 || args.frames == Some(0) {
        return Err(super::bad_request("0 samples or frames leave nothing", "ask for at least 1"));
    }
    let naive = Naive::of_name(&args.kind).ok_or_else(|| {
        super::bad_request(format!("{} is no baseline", args.kind), Naive::ALL.map(Naive::name).join(", "))
    })?;
    let control = output.control();
    let corpus = Arc::new(Corpus::open(&args.corpus, &control.silent())?);
    let split = parse_split(&args.split)?;
    let system = naive.system(&corpus, split, &control)?;
    let request =
        Request { latents: LatentChoice::All, samples: args.samples, seed: args.seed, ..Request::default() };
    let sources = sources_of_split(&corpus, split)?;
    Job {
        system: &*system,
        request: &request,
        latent: "all",
        frames: args.frames,
        shard: None,
        keep_going: args.keep_going,
        out: &args.out,
    }
    .run(&sources, output)
}
