//! `backchannel synth`: a synthetic dyadic corpus with known intents, in the REACT 2024 layout.

use std::path::PathBuf;

use crate::output::Output;

#[derive(Debug, clap::Args)]
#[command(allow_negative_numbers = true)]
pub struct Args {
    /// Folder to write; must be new, empty or an earlier synthetic corpus
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Sessions (pairs) in the training split; the other splits follow in proportion
    #[arg(long)]
    clips: Option<usize>,
    /// Sessions in the validation and in the test split, each; without it three tenths of the training split
    #[arg(long)]
    held_out: Option<usize>,
    /// Length of a clip in seconds, 4 to 120
    #[arg(long, default_value_t = 30.0)]
    seconds: f64,
    /// Seed of the templates and people; the world itself is fixed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Draw everybody's face, too: a small numbered picture a frame (Video_files), for systems that read video. 24 kB a
    /// second and person
    #[arg(long)]
    video: bool,
    /// Everybody keeps their expressiveness and latency as a listener over all clips, instead of new ones for every clip:
    /// people whose style can be learned (`train --set style=true`)
    #[arg(long)]
    steady_people: bool,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    if args.clips == Some(0) || args.held_out == Some(0) {
        return Err(super::bad_request("0 sessions make nothing", "ask for at least 1 session"));
    }
    let mut config = clips::synth::Config { seconds: args.seconds, seed: args.seed, ..Default::default() };
    config.clips = args.clips;
    config.held_out = args.held_out;
    config.steady_people = args.steady_people;
    let statistics = clips::synth::write(&config, &args.out, &output.control())?;
    if args.video {
        clips::synth::film(&args.out, &output.control())?;
    }
    output.result(&statistics, format!("{statistics}\n-> {}", args.out.display()))
}
