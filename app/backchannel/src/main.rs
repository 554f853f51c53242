//! `backchannel`: the one program. Without a sub-command it opens the studio; the sub-commands are its headless face
//! and do the same work through the same crates.
//!
//! Exit codes: 0 done, 1 the work failed or found faults, 2 wrong usage. With `--json` exactly one JSON object is
//! written to standard output; progress and warnings always go to standard error.

mod commands;
mod output;
mod parity;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clips::{Fault, FaultKind};

use crate::output::Output;

/// What reaches the terminal unasked: libraries talk of what the commands say themselves, with place and remedy.
const QUIET: &str = "warn,wgpu_hal=off,wgpu_core=error,egui_wgpu=error,winit=error,sctk=off,\
                     symphonia=off,symphonia_core=off,symphonia_format_mkv=off,symphonia_format_isomp4=off,\
                     symphonia_format_riff=off,tiny_skia=off,usvg=error,symphonia_format_ogg=off,symphonia_bundle_mp3=off,symphonia_bundle_flac=off";

/// Studio for listener reactions: one speaker, K appropriate answers, drawn, heard and plotted on one cursor.
#[derive(Debug, Parser)]
#[command(name = "backchannel", version, about, long_about = None, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    /// What to open in the studio: a sound, a prediction array, a checkpoint, a run, a head or a corpus folder; nothing
    /// opens the built-in demo
    #[arg(value_name = "CORPUS or FILE")]
    open: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What this machine offers, what is missing and how to get it
    Doctor(commands::doctor::Args),
    /// Write a synthetic dyadic corpus with known intents in the REACT 2024 layout
    Synth(commands::synth::Args),
    /// Find every fault of a corpus; exit code 1 when there is any
    Check(commands::check::Args),
    /// Train a system into a run folder
    Train(commands::train::Args),
    /// Make listener reactions to a corpus split or to any sound file
    Generate(commands::generate::Args),
    /// Predictions of the naive baselines: random, mime, mean-sequence, mean-frame, truth
    Baseline(commands::baseline::Args),
    /// Score predictions with the official REACT measures
    Evaluate(commands::evaluate::Args),
    /// The speech features of a sound as a tensor
    Features(commands::features::Args),
    /// Convert official PyTorch checkpoints of a compared system
    Import(commands::import::Args),
    /// Golden files recomputed with our own code, every tensor against its tolerance
    Parity(commands::parity::Args),
    /// On a corpus with known intents: what each latent intent does, and how well it can be told
    Intents(commands::intents::Args),
    /// Train and measure the variants of the method: what each of its parts is for
    Ablate(commands::ablate::Args),
    /// Which latent intent a network sees in real listeners, as a whole and on the way
    Recognise(commands::recognise::Args),
    /// How well the code books of a checkpoint speak for the listeners of a split
    Codebooks(commands::codebooks::Args),
    /// What each latent intent does over a split: signature, exemplars, neighbours, names
    Latents(commands::latents::Args),
    /// Several systems over one split: tables, figures, configs and hashes in one self-contained page
    Report(commands::report::Args),
    /// Pictures and films of takes, off-screen
    Render(commands::render::Args),
    /// What a head file of another program holds, and whether it can be drawn; exit code 1 when it cannot
    Heads(commands::heads::Args),
    /// The studio itself, drawn headless into a picture
    Screenshot(commands::screenshot::Args),
    /// Speed of the parts that matter, as ratios where there is a yardstick
    Bench(commands::bench::Args),
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("BACKCHANNEL_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(QUIET)),
        )
        .with_writer(std::io::stderr)
        .without_time()
        .init();
    // before the arguments: `train --help` lists what can be trained
    media::video::register();
    baselines::answer::register();
    baselines::lessons::register();
    let cli = Cli::parse();
    let Some(command) = cli.command else {
        if let Some(missing) = cli.open.iter().find(|path| !path.exists()) {
            return Output::new(false).failed(&no_such(missing));
        }
        let options = studio::Options { open: cli.open, settings: studio::settings::usual_place() };
        return match studio::run(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(fault) => Output::new(false).failed(&fault),
        };
    };
    match command {
        Command::Doctor(args) => run(args.json, |output| commands::doctor::run(&args, output)),
        Command::Synth(args) => run(args.json, |output| commands::synth::run(&args, output)),
        Command::Check(args) => check(&args),
        Command::Train(args) => run(args.json, |output| commands::train::run(&args, output)),
        Command::Generate(args) => run(args.json, |output| commands::generate::run(&args, output)),
        Command::Baseline(args) => run(args.json, |output| commands::baseline::run(&args, output)),
        Command::Evaluate(args) => run(args.json, |output| commands::evaluate::run(&args, output)),
        Command::Features(args) => run(args.json, |output| commands::features::run(&args, output)),
        Command::Import(args) => run(args.json, |output| commands::import::run(&args, output)),
        Command::Parity(args) => parity(&args),
        Command::Intents(args) => run(args.json, |output| commands::intents::run(&args, output)),
        Command::Recognise(args) => run(args.json, |output| commands::recognise::run(&args, output)),
        Command::Codebooks(args) => run(args.json, |output| commands::codebooks::run(&args, output)),
        Command::Latents(args) => run(args.json, |output| commands::latents::run(&args, output)),
        Command::Ablate(args) => run(args.json, |output| commands::ablate::run(&args, output)),
        Command::Report(args) => run(args.json, |output| commands::report::run(&args, output)),
        Command::Heads(args) => heads(&args),
        Command::Render(args) => run(args.json, |output| commands::render::run(&args, output)),
        Command::Screenshot(args) => run(args.json, |output| commands::screenshot::run(&args, output)),
        Command::Bench(args) => run(args.json, |output| commands::bench::run(&args, output)),
    }
}

/// A path that is not there, which may be a command with a slip in it.
fn no_such(path: &std::path::Path) -> Fault {
    let word = path.to_string_lossy();
    let commands = Cli::command();
    let near = commands
        .get_subcommands()
        .map(|command| (strsim::damerau_levenshtein(command.get_name(), &word), command.get_name()))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    match near {
        Some((_, name)) => Fault::new(FaultKind::BadRequest, path, "no such command and no such file")
            .remedy(format!("did you mean `backchannel {name}`?")),
        None => Fault::new(FaultKind::BadRequest, path, "no such file or folder").remedy(
            "check the path; `backchannel --help` lists the commands, `backchannel` alone opens the demo",
        ),
    }
}

/// A check that worked and found faults is no failure of the command: it prints its result and exits with 1.
fn check(args: &commands::check::Args) -> ExitCode {
    let output = Output::new(args.json);
    match commands::check::run(args, &output) {
        Ok(found) => ExitCode::from(u8::from(found)),
        Err(fault) => output.failed(&fault),
    }
}

/// As [`check`]: a tensor beyond its tolerance is a result that exits with 1.
fn parity(args: &commands::parity::Args) -> ExitCode {
    let output = Output::new(args.json);
    match commands::parity::run(args, &output) {
        Ok(beyond) => ExitCode::from(u8::from(beyond)),
        Err(fault) => output.failed(&fault),
    }
}

/// As [`check`]: a head that is refused is a result that exits with 1.
fn heads(args: &commands::heads::Args) -> ExitCode {
    let output = Output::new(args.json);
    match commands::heads::run(args, &output) {
        Ok(refused) => ExitCode::from(u8::from(refused)),
        Err(fault) => output.failed(&fault),
    }
}

fn run(json: bool, work: impl FnOnce(&Output) -> clips::Result<()>) -> ExitCode {
    let output = Output::new(json);
    match work(&output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => output.failed(&fault),
    }
}
