//! `backchannel train`: a run folder with config, metrics, checkpoints and log; resumable. With `--sweep`, several.

use std::path::PathBuf;

use clips::corpus::Corpus;
use training::Engine;
use training::status::Phase;
use training::sweep::{self, Sweep};
use training::systems::Settings;

use crate::output::Output;

const AFTER: &str = "\
While it runs:
  Ctrl-C saves and ends; the same command with --resume goes on, and the result equals an uninterrupted run.
  Write one word into the file RUN/control from anywhere: pause, resume, stop, or stop-at-epoch.
  RUN/status.json says how far it is, RUN/metrics.jsonl has a line a step, RUN/log.txt what happened.
  RUN/checkpoints keeps the last checkpoints (--set keep=N), the best one (--set best_by=clg or a measure), and those
  named in RUN/checkpoints/pinned.txt; each has a card (NAME.md). `training` in the studio shows it live.

A sweep file:
  system = \"latent-intent\"   # or any of the systems; a [[variant]] may name its own
  preset = \"tiny\"
  seeds = [1, 2, 3]
  [set]                # settings for all
  [grid]               # lists of values: every combination
  [[variant]]          # name = \"...\" and settings
It trains into RUN/NAME, one after the other; finished runs are skipped, an interrupted one goes on, one that fails does
not stop the others. RUN/sweep.json has the table.";

/// What `--help` says at the end: the systems and their presets, then how a run is steered.
fn after() -> String {
    let mut text = "Systems and their presets, the default one first:\n".to_owned();
    for listed in training::systems::systems() {
        text +=
            &format!("  {:20} {}\n  {:20} {}\n", listed.name, listed.presets.join(", "), "", listed.about);
    }
    text + "\nSettings of compared systems may lie in tables: --set network.width=64, --set losses.divergence=1e-4.\n\n"
        + AFTER
}

#[derive(Debug, clap::Args)]
#[command(after_long_help = after(), after_help = "--help says how to pause, stop, resume and sweep")]
pub struct Args {
    /// latent-intent (the default), latent-intent-plain, or a compared system: trans-vae, belfusion, regnn, learning2listen;
    /// --help lists them with their presets
    #[arg(long)]
    system: Option<String>,
    /// tiny (the default: two CPU cores, minutes), small or base; compared systems have presets of their own
    #[arg(long)]
    preset: Option<String>,
    /// Corpus folder in the REACT layout
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Run folder to write; with --sweep the folder of all runs
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Change a setting of the preset; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Train the runs of a sweep file, one after the other
    #[arg(long, value_name = "FILE.toml", conflicts_with_all = ["system", "preset", "set", "resume"])]
    sweep: Option<PathBuf>,
    /// What computes losses and gradients: cpu, cuda:N or metal (as built; `doctor` lists what is here), or candle-cpu
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Go on with an interrupted run; the result equals an uninterrupted one. Settings are those of the run
    #[arg(long)]
    resume: bool,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    let engine = accelerated::engine(&args.device)?;
    if let Some(file) = &args.sweep {
        return run_sweep(&*engine, args, &Sweep::read(file)?, output);
    }
    let settings = settings(args)?;
    let control = output.control();
    let corpus = Corpus::open(&args.corpus, &control.silent())?;
    let summary = settings.train(&*engine, &corpus, &args.run, args.resume, &control)?;
    output.result(&summary, &summary)
}

/// The settings asked for; with `--resume` and nothing else, those of the run.
fn settings(args: &Args) -> clips::Result<Settings> {
    let file = args.run.join("config.toml");
    if args.resume && args.preset.is_none() && args.system.is_none() && args.set.is_empty() {
        let text = std::fs::read_to_string(&file).map_err(|error| {
            clips::Fault::io(&file, &error)
                .remedy("there is no run to resume here; start it without --resume")
        })?;
        return Settings::from_toml(&file, &text);
    }
    // `--set system=` is how sweeps and older scripts say it
    let set = args.set.iter().rev().find_map(|set| set.strip_prefix("system="));
    let system = args.system.as_deref().or(set).unwrap_or("latent-intent");
    let mut settings = Settings::preset(system, args.preset.as_deref())?;
    settings.set_all(&args.set)?;
    Ok(settings)
}

fn run_sweep(engine: &dyn Engine, args: &Args, sweep: &Sweep, output: &Output) -> clips::Result<()> {
    let control = output.control();
    let corpus = Corpus::open(&args.corpus, &control.silent())?;
    let report = sweep::run_with(engine, sweep, &corpus, &args.run, &control)?;
    output.result(&report, &report)?;
    match report.count(Phase::Failed) {
        0 => Ok(()),
        failed => {
            output.warn(format!("{failed} of {} runs failed; sweep.json says why", report.runs.len()));
            Err(clips::Fault::new(clips::FaultKind::Mismatch, &args.run, format!("{failed} runs failed")))
        }
    }
}
