//! The two stages of training, from a corpus to checkpoints.
//!
//! Stage one learns the true listener without a latent; its weights start stage two, whose latent parts and optimiser
//! start fresh. The stage-one checkpoint is kept: it is the system without a latent. The loop over the steps of a stage
//! is in `stage.rs`, what is written down on the way in `save.rs`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use clips::array::write_atomically;
use clips::corpus::Corpus;
use clips::{Control, Fault, FaultKind, Result, Track};
use listener::latent_intent::network::Network;
use listener::latent_intent::parameters::{Entry, Start};
use serde::Serialize;

use crate::clock;
use crate::config::{Config, SystemKind};
use crate::data::Data;
use crate::engine::{Engine, Plain};
use crate::helm::Helm;
use crate::objective::Losses;
use crate::run::{Folder, State};
use crate::status::Reporter;
use crate::validate::{Panel, Preview, Validation};
use crate::watch::{Watch, watch};

/// Validation rows looked at during training, and at the end.
pub(crate) const WATCHED: (usize, usize) = (48, 144);

/// What a finished run has to show.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The trained checkpoint.
    pub checkpoint: PathBuf,
    /// The checkpoint without a latent.
    pub plain_checkpoint: PathBuf,
    /// Training rows, and how many of them have more than one appropriate reaction.
    pub rows: (usize, usize),
    /// Parameters of the network.
    pub parameters: usize,
    /// Mean losses of the last steps.
    pub losses: Losses,
    /// Watched numbers at the end, offline.
    pub watch: Watch,
    /// Measures of the paper on the validation clips, with intervals.
    pub validation: Option<Validation>,
    /// Steps of the last stage that were taken, and those of them that were skipped by the guard.
    pub steps: (usize, usize),
    /// Seconds of training, without reading the corpus.
    pub seconds: f64,
    /// What losses and gradients were computed on, lastly.
    pub device: String,
    /// Clips that were left out.
    pub faults: Vec<Fault>,
    /// What the reader of the numbers must know.
    pub warnings: Vec<String>,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rows, parameters, losses, watch, seconds, checkpoint, .. } = self;
        writeln!(
            f,
            "{parameters} parameters, {} rows ({} with alternatives), {}",
            rows.0,
            rows.1,
            clock::duration(*seconds)
        )?;
        writeln!(
            f,
            "losses: clg {:.3}, rm {:.3}, bow {:.3}, usage {:.3}",
            losses.clg, losses.rm, losses.bow, losses.usage
        )?;
        writeln!(f, "validation: clg {:.3}, usage {:.1}, z-gap {:.3}", watch.clg, watch.usage, watch.z_gap)?;
        if let Some(Validation { FRCorr, FRDist, FRDiv, FRVar_ratio, clips, .. }) = &self.validation {
            let ratio = FRVar_ratio.map_or_else(|| "undefined".to_owned(), |ratio| format!("{ratio:.2}"));
            writeln!(
                f,
                "{clips} clips: FRCorr {FRCorr:.3}, FRDist {FRDist:.1}, FRDiv {FRDiv:.4}, FRVar ratio {ratio}"
            )?;
        }
        if self.steps.1 > 0 {
            writeln!(f, "{} of {} steps were skipped; see log.txt", self.steps.1, self.steps.0)?;
        }
        if !self.faults.is_empty() {
            writeln!(f, "{} clips were left out; see log.txt", self.faults.len())?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        write!(f, "-> {}", checkpoint.display())
    }
}

/// Trains on a corpus into a run folder, on the processor.
///
/// # Errors
/// Impossible settings, a folder that holds another run, a corpus without usable rows, a network that went astray;
/// cancelled on a stop, after the state was saved, so that `resume` goes on from there.
pub fn train(
    config: &Config,
    corpus: &Corpus,
    run: &Path,
    resume: bool,
    control: &Control,
) -> Result<Summary> {
    train_with(&Plain, config, corpus, run, resume, control)
}

/// As [`train`], where losses and gradients are computed by `engine`.
///
/// # Errors
/// As [`train`]; a precision the engine does not compute in; what the engine says.
pub fn train_with(
    engine: &dyn Engine,
    config: &Config,
    corpus: &Corpus,
    run: &Path,
    resume: bool,
    control: &Control,
) -> Result<Summary> {
    config.check()?;
    engine.check(config.precision)?;
    let folder = Folder::open(run, config, resume)?;
    let reporter = Reporter::new(folder.status(), "reading the corpus");
    // The run folder is on a disk that has room; a folder for temporary files may be memory.
    let result = Data::load(corpus, config, Some(run), control)
        .and_then(|data| Trainer::new(engine, config, &data, &folder, control, &reporter)?.run(resume));
    ended(&folder, reporter, result)
}

/// As [`train`] on data that is already read.
///
/// # Errors
/// As [`train`].
pub fn train_on(
    config: &Config,
    data: &Data,
    run: &Path,
    resume: bool,
    control: &Control,
) -> Result<Summary> {
    train_on_with(&Plain, config, data, run, resume, control)
}

/// As [`train_with`] on data that is already read.
///
/// # Errors
/// As [`train_with`].
pub fn train_on_with(
    engine: &dyn Engine,
    config: &Config,
    data: &Data,
    run: &Path,
    resume: bool,
    control: &Control,
) -> Result<Summary> {
    config.check()?;
    engine.check(config.precision)?;
    let folder = Folder::open(run, config, resume)?;
    let reporter = Reporter::new(folder.status(), "getting ready");
    let result = Trainer::new(engine, config, data, &folder, control, &reporter)
        .and_then(|trainer| trainer.run(resume));
    ended(&folder, reporter, result)
}

pub(crate) fn ended<T>(folder: &Folder, reporter: Reporter, result: Result<T>) -> Result<T> {
    if let Err(fault) = &result
        && !fault.is_cancelled()
    {
        folder.log(&format!("failed: {fault}"));
    }
    reporter.end(&result);
    result
}

pub(crate) struct Trainer<'a> {
    pub(crate) engine: &'a dyn Engine,
    pub(crate) config: &'a Config,
    pub(crate) data: &'a Data,
    pub(crate) folder: &'a Folder,
    pub(crate) control: &'a Control,
    pub(crate) reporter: &'a Reporter,
    pub(crate) panel: Option<Panel>,
    pub(crate) preview: Option<Preview>,
    pub(crate) helm: Helm<'a>,
}

impl<'a> Trainer<'a> {
    fn new(
        engine: &'a dyn Engine,
        config: &'a Config,
        data: &'a Data,
        folder: &'a Folder,
        control: &'a Control,
        reporter: &'a Reporter,
    ) -> Result<Self> {
        reporter.update(|status| status.device = engine.device());
        Ok(Self {
            engine,
            config,
            data,
            folder,
            control,
            reporter,
            panel: Panel::new(data, config)?,
            preview: Preview::new(data)?,
            helm: Helm::new(folder, control, reporter),
        })
    }

    /// Only the first stage is asked for.
    pub(crate) fn alone(&self) -> bool {
        self.config.system == SystemKind::LatentIntentPlain
    }

    fn run(&self, resume: bool) -> Result<Summary> {
        let (config, data) = (self.config, self.data);
        let mut sizes = config.network(data.books.sizes());
        let whole = Network::new(&sizes)?;
        sizes.latents = 0;
        let plain = Network::new(&sizes)?;
        let averaged = config.ema > 0.0;
        let mut state = match self.folder.restore()?.filter(|_| resume) {
            Some(state) => {
                self.require_same(&state, if state.place.stage == 1 { &plain } else { &whole })?;
                self.folder.forget_after(state.place.stage, state.place.step)?;
                self.folder.log(&format!("resumed at stage {} step {}", state.place.stage, state.place.step));
                state
            }
            None => {
                self.folder.forget_after(0, 0)?;
                self.folder.log(&format!(
                    "begun on {}: {} training rows, {} of them drawn; fingerprint {}",
                    data.name,
                    data.train.len(),
                    data.drawn.len(),
                    data.fingerprint
                ));
                for fault in &data.faults {
                    self.folder.log(&format!("left out: {fault}"));
                }
                for note in &data.notes {
                    self.folder.log(&format!("warning: {note}"));
                }
                State::new(1, first_values(&plain, config), averaged, &data.fingerprint, 0.0)
            }
        };
        // A run may go on elsewhere: the log has every device it was on.
        let threads = rayon::current_num_threads();
        self.folder.log(&format!("computes on {}; {threads} threads of the processor", self.engine.device()));
        self.reporter.tell(|status| status.message = data.notes.join("; "));
        let alone = self.alone();
        let (mut losses, mut validation) = (Losses::default(), None);
        if state.place.stage == 1 {
            let mut end = self.stage(&plain, &mut state)?;
            validation = self.finish(&plain, &mut state, &mut end)?;
            losses = end.losses;
            if !alone {
                let values = carry_over(&plain, &state.values, &whole, config);
                state = State::new(2, values, averaged, &data.fingerprint, state.place.seconds);
                self.folder.save(&mut state)?;
            }
        }
        let network = if alone { &plain } else { &whole };
        if !alone {
            let mut end = self.stage(&whole, &mut state)?;
            validation = self.finish(&whole, &mut state, &mut end)?;
            losses = end.losses;
        }
        let watched = watch(network, state.best_values(), data, data.watched(), WATCHED.1, Track::Offline)?;
        let mut warnings = data.notes.clone();
        warnings.extend(watched.collapse(network.config.latents));
        let summary = Summary {
            checkpoint: self.folder.checkpoint("last"),
            plain_checkpoint: self.folder.checkpoint("stage-1"),
            rows: (data.train.len(), data.train.iter().filter(|row| row.appropriate.len() > 1).count()),
            parameters: network.layout.total(),
            losses,
            watch: watched,
            validation,
            steps: (state.place.step, state.place.skipped),
            seconds: state.place.seconds,
            device: self.engine.device(),
            faults: data.faults.clone(),
            warnings,
        };
        let text = serde_json::to_string_pretty(&summary).unwrap_or_default();
        write_atomically(&self.folder.summary(), |writer| writer.write_all(text.as_bytes()))?;
        self.folder.log(&format!(
            "done in {}: training clg {:.4}; watched clg {:.4}, usage {:.2}, z-gap {:.3}",
            clock::duration(summary.seconds),
            losses.clg,
            summary.watch.clg,
            summary.watch.usage,
            summary.watch.z_gap
        ));
        Ok(summary)
    }

    fn require_same(&self, state: &State, network: &Network) -> Result<()> {
        let differs = |detail: &str, remedy: &str| {
            Err(Fault::new(FaultKind::Mismatch, self.folder.state(), detail).remedy(remedy))
        };
        if state.place.corpus != self.data.fingerprint {
            return differs(
                "the corpus is not the one the run began with: its code books and features would mean other things",
                "resume on the corpus the run began with, or start another run",
            );
        }
        if state.values.len() != network.layout.total() || state.average.is_some() != (self.config.ema > 0.0)
        {
            return differs("the network has other sizes", "start the run again in another folder");
        }
        Ok(())
    }
}

/// First values of a network, with the start of gains and offsets that the settings ask for.
fn first_values(network: &Network, config: &Config) -> Vec<f32> {
    let mut values = network.layout.first_values(config.seed);
    if config.gain_deviation > 0.0 {
        for entry in network.layout.entries().iter().filter(|entry| entry.name.contains(".qk.")) {
            let drawn = Entry { start: Start::Vector(config.gain_deviation), ..entry.clone() };
            drawn.draw(config.seed, entry.slot.of_mut(&mut values));
        }
    }
    values
}

/// The values of stage two: those of stage one by name, the rest fresh.
fn carry_over(from: &Network, values: &[f32], to: &Network, config: &Config) -> Vec<f32> {
    let known: BTreeMap<&str, _> =
        from.layout.entries().iter().map(|entry| (entry.name.as_str(), entry)).collect();
    let mut carried = first_values(to, config);
    for entry in to.layout.entries() {
        if let Some(old) = known.get(entry.name.as_str()) {
            entry.slot.of_mut(&mut carried).copy_from_slice(old.slot.of(values));
        }
    }
    carried
}
