//! `backchannel train`: a run folder with config, metrics, checkpoints and log; resumable.

use std::path::PathBuf;

use clips::corpus::Corpus;

use super::bad_request;
use crate::output::Output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// latent-intent, or latent-intent-plain for the paper's system without a latent
    #[arg(long, default_value = "latent-intent")]
    system: String,
    /// tiny (two CPU cores, minutes), small or base
    #[arg(long, default_value = "tiny")]
    preset: String,
    /// Corpus folder in the REACT layout
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Run folder to write
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Change a setting of the preset; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Only `cpu` in this build
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Go on with an interrupted run; the result equals an uninterrupted one
    #[arg(long)]
    resume: bool,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    if args.device != "cpu" {
        return Err(bad_request(
            format!("--device {} is not in this build", args.device),
            "networks run on the CPU: --device cpu",
        ));
    }
    let mut config = training::Config::preset(&args.preset)?;
    config.set(&format!("system={}", args.system))?;
    for change in &args.set {
        config.set(change)?;
    }
    let control = output.control();
    let corpus = Corpus::open(&args.corpus, &control.silent())?;
    let summary = training::train(&config, &corpus, &args.run, args.resume, &control)?;
    output.result(&summary, &summary)
}
