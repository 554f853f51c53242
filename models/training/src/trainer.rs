//! The two stages of training, from a corpus to checkpoints.
//!
//! Stage one learns the true listener without a latent; its weights start stage two, whose latent parts and optimiser
//! start fresh. The stage-one checkpoint is kept: it is the system without a latent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clips::array::write_atomically;
use clips::corpus::Corpus;
use clips::{Control, Fault, FaultKind, Result, Track};
use listener::latent_intent::network::Network;
use listener::latent_intent::{About, Checkpoint};
use serde::Serialize;

use crate::batch;
use crate::config::{Config, SystemKind};
use crate::data::Data;
use crate::objective::{Losses, Weights, stage_one, stage_two};
use crate::optimiser::{clip, rate};
use crate::run::{Folder, State};
use crate::signature::{prior, signatures};
use crate::watch::{Watch, watch};

/// Validation rows looked at during training, and at the end.
const WATCHED: (usize, usize) = (48, 144);
/// Steps over which reported losses are averaged.
const AVERAGED: usize = 20;

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
    /// Seconds of training, without reading the corpus.
    pub seconds: f64,
    /// Clips that were left out.
    pub faults: Vec<Fault>,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rows, parameters, losses, watch, seconds, checkpoint, .. } = self;
        writeln!(
            f,
            "{parameters} parameters, {} rows ({} with alternatives), {seconds:.0} s",
            rows.0, rows.1
        )?;
        writeln!(
            f,
            "losses: clg {:.3}, rm {:.3}, bow {:.3}, usage {:.3}",
            losses.clg, losses.rm, losses.bow, losses.usage
        )?;
        writeln!(f, "validation: clg {:.3}, usage {:.1}, z-gap {:.3}", watch.clg, watch.usage, watch.z_gap)?;
        if !self.faults.is_empty() {
            writeln!(f, "{} clips were left out; see log.txt", self.faults.len())?;
        }
        write!(f, "-> {}", checkpoint.display())
    }
}

/// Trains on a corpus into a run folder.
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
    config.check()?;
    let folder = Folder::open(run, config, resume)?;
    // The run folder is on a disk that has room; a folder for temporary files may be memory.
    let data = Data::load(corpus, config, Some(run), control)?;
    Trainer { config, data: &data, folder: &folder, control }.run(resume)
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
    config.check()?;
    let folder = Folder::open(run, config, resume)?;
    Trainer { config, data, folder: &folder, control }.run(resume)
}

struct Trainer<'a> {
    config: &'a Config,
    data: &'a Data,
    folder: &'a Folder,
    control: &'a Control,
}

impl Trainer<'_> {
    fn run(&self, resume: bool) -> Result<Summary> {
        let (config, data) = (self.config, self.data);
        let mut sizes = config.network(data.books.sizes());
        let whole = Network::new(&sizes)?;
        sizes.latents = 0;
        let plain = Network::new(&sizes)?;
        for fault in &data.faults {
            self.folder.log(&format!("left out: {fault}"))?;
        }
        let mut state = match self.folder.restore()? {
            Some(state) if resume => {
                if state.place.corpus != data.fingerprint {
                    return Err(Fault::new(
                        FaultKind::Mismatch,
                        self.folder.state(),
                        "the corpus has changed",
                    )
                    .remedy("resume on the corpus the run began with, or start another run"));
                }
                let expected = if state.place.stage == 1 { &plain } else { &whole };
                if state.values.len() != expected.layout.total() {
                    return Err(Fault::new(
                        FaultKind::Mismatch,
                        self.folder.state(),
                        "the network has other sizes",
                    )
                    .remedy("start the run again in another folder"));
                }
                self.folder.forget_after(&state.place)?;
                self.folder
                    .log(&format!("resumed at stage {} step {}", state.place.stage, state.place.step))?;
                state
            }
            _ => State::new(1, plain.layout.first_values(config.seed), &data.fingerprint, 0.0),
        };
        let alone = config.system == SystemKind::LatentIntentPlain;
        let plain_path = self.folder.checkpoint("stage-1");
        let mut losses = Losses::default();
        if state.place.stage == 1 {
            losses = self.stage(&plain, &mut state)?;
            self.write(&plain, &state, &losses, "stage-1")?;
            if alone {
                self.write(&plain, &state, &losses, "last")?;
                self.folder.save(&mut state)?;
            } else {
                let values = carry_over(&plain, &state.values, &whole, config.seed);
                state = State::new(2, values, &data.fingerprint, state.place.seconds);
                self.folder.save(&mut state)?;
            }
        }
        let network = if alone { &plain } else { &whole };
        if !alone {
            losses = self.stage(&whole, &mut state)?;
            self.write(&whole, &state, &losses, "last")?;
            self.folder.save(&mut state)?;
        }
        let watched = watch(network, &state.values, data, self.watched(), WATCHED.1, Track::Offline)?;
        let last = self.folder.checkpoint("last");
        let summary = Summary {
            checkpoint: last,
            plain_checkpoint: plain_path,
            rows: (data.train.len(), data.train.iter().filter(|row| row.appropriate.len() > 1).count()),
            parameters: network.layout.total(),
            losses,
            watch: watched,
            seconds: state.place.seconds,
            faults: data.faults.clone(),
        };
        self.folder.log(&format!("done in {:.1} s: {losses:?} {watched:?}", summary.seconds))?;
        Ok(summary)
    }

    fn watched(&self) -> &[crate::data::Row] {
        if self.data.validation.is_empty() { &self.data.train } else { &self.data.validation }
    }

    /// Runs the stage of `state` to its end; returns the mean losses of its last steps.
    fn stage(&self, network: &Network, state: &mut State) -> Result<Losses> {
        let config = self.config;
        let second = state.place.stage == 2;
        let (steps, peak) = if second {
            (config.stage2_steps, config.stage2_rate)
        } else {
            (config.stage1_steps, config.stage1_rate)
        };
        let weights = |step: usize| Weights {
            likelihood: config.weight_likelihood,
            matching: config.weight_matching,
            bag: config.weight_bag,
            usage: config.weight_usage,
            temperature: {
                let share = step as f64 / (steps.max(2) - 1) as f64;
                config.gumbel_temperature + share * (config.gumbel_final - config.gumbel_temperature)
            },
            straight_through: config.straight_through,
            bag_from: config.bag_from,
            margin: config.weight_margin,
            margin_width: config.margin,
        };
        let stage = if second { "training, stage 2" } else { "training, stage 1" };
        let spent = state.place.seconds;
        let begun = Instant::now();
        while state.place.step < steps {
            if self.control.stopped() {
                state.place.seconds = spent + begun.elapsed().as_secs_f64();
                self.folder.save(state)?;
                self.folder
                    .log(&format!("stopped at stage {} step {}", state.place.stage, state.place.step))?;
                return Err(Fault::cancelled());
            }
            let step = state.place.step;
            let (track, items) =
                batch::draw(self.data, config, state.place.stage, step, network.config.latents)?;
            let outcome = if second {
                stage_two(network, &state.values, &items, track, &weights(step))
            } else {
                stage_one(network, &state.values, &items, track)
            };
            let (losses, mut gradient) = (outcome.losses, outcome.gradient);
            let norm = clip(&mut gradient, config.clip);
            if !losses.total.is_finite() || !norm.is_finite() {
                return Err(Fault::new(
                    FaultKind::NotFinite,
                    self.folder.config(),
                    "the loss is not a number",
                )
                .at(format!("stage {}, step {step}", state.place.stage))
                .remedy("lower the learning rate; an earlier state is kept"));
            }
            let rate = rate(step, steps, config.warmup, peak, config.final_rate);
            state.optimiser.step(&network.layout, &mut state.values, &gradient, rate, config.decay);
            state.place.step += 1;
            state.place.recent.push(losses);
            let surplus = state.place.recent.len().saturating_sub(AVERAGED);
            state.place.recent.drain(..surplus);
            self.after_step(network, state, &losses, norm, rate, track, steps)?;
            let note = format!("loss {:.3}, clg {:.3}", losses.total, losses.clg);
            // A stop is noticed at the top of the loop, where the state is saved.
            let _ = self.control.step(stage, state.place.step as u64, steps as u64, note);
            if state.place.step.is_multiple_of(config.save_every) && state.place.step < steps {
                state.place.seconds = spent + begun.elapsed().as_secs_f64();
                self.folder.save(state)?;
            }
        }
        state.place.seconds = spent + begun.elapsed().as_secs_f64();
        Ok(mean(&state.place.recent))
    }

    fn after_step(
        &self,
        network: &Network,
        state: &mut State,
        losses: &Losses,
        norm: f64,
        rate: f64,
        track: Track,
        steps: usize,
    ) -> Result<()> {
        let place = &state.place;
        let mut line = serde_json::json!({
            "stage": place.stage, "step": place.step, "track": track, "losses": losses, "norm": norm, "rate": rate,
        });
        if place.step.is_multiple_of(self.config.watch_every) || place.step == steps {
            let seen = watch(network, &state.values, self.data, self.watched(), WATCHED.0, Track::Offline)?;
            line["watch"] = serde_json::to_value(seen).unwrap_or_default();
            let better = state.place.best.is_none_or(|best| seen.clg < best);
            if better {
                state.place.best = Some(seen.clg);
                if state.place.stage == 2 || self.config.system == SystemKind::LatentIntentPlain {
                    self.write(network, state, losses, "best")?;
                }
            }
            if network.config.latents > 0 && place_is_late(&state.place) {
                let third = network.config.latents as f64 / 3.0;
                if seen.usage < third || seen.z_gap < 0.02 {
                    let warning = format!(
                        "step {}: latents are dying out: usage {:.1}, z-gap {:.3}",
                        state.place.step, seen.usage, seen.z_gap
                    );
                    self.folder.log(&warning)?;
                }
            }
        }
        self.folder.metric(&line)
    }

    fn write(&self, network: &Network, state: &State, losses: &Losses, name: &str) -> Result<()> {
        let config = self.config;
        let latent = network.config.latents > 0;
        let finished = name == "last" || name == "stage-1";
        let rows = self.data.answers(if finished { 256 } else { 64 });
        let (prior, signatures) = if latent {
            let seen = crate::watch::recognise(network, &state.values, self.data, &rows, Track::Offline)?;
            (
                prior(&seen, network.config.latents),
                signatures(&rows, &seen, &self.data.books, network.config.latents)?,
            )
        } else {
            (Vec::new(), Vec::new())
        };
        let mut numbers = BTreeMap::from([
            ("clg".to_owned(), losses.clg),
            ("steps".to_owned(), state.place.step as f64),
            ("total".to_owned(), losses.total),
        ]);
        if latent {
            for (name, value) in [("rm", losses.rm), ("bow", losses.bow), ("usage", losses.usage)] {
                numbers.insert(name.to_owned(), value);
            }
        }
        let checkpoint = Checkpoint {
            about: About {
                system: if latent { "latent-intent" } else { "latent-intent-plain" }.to_owned(),
                config: network.config.clone(),
                corpus: self.data.fingerprint.clone(),
                seed: config.seed,
                command: config.to_toml()?,
                losses: numbers,
                signatures,
            },
            values: state.values.clone(),
            standardisation: self.data.standardisation.clone(),
            books: self.data.books.clone(),
            prior,
        };
        let bytes = checkpoint.to_bytes()?;
        write_atomically(&self.folder.checkpoint(name), |writer| std::io::Write::write_all(writer, &bytes))
    }
}

fn place_is_late(place: &crate::run::Place) -> bool {
    place.step >= 300
}

fn mean(all: &[Losses]) -> Losses {
    let share = 1.0 / all.len().max(1) as f64;
    all.iter().fold(Losses::default(), |sum, losses| Losses {
        clg: sum.clg + losses.clg * share,
        rm: sum.rm + losses.rm * share,
        bow: sum.bow + losses.bow * share,
        margin: sum.margin + losses.margin * share,
        streams: std::array::from_fn(|stream| sum.streams[stream] + losses.streams[stream] * share),
        usage: sum.usage + losses.usage * share,
        total: sum.total + losses.total * share,
    })
}

/// The values of stage two: those of stage one by name, the rest fresh.
fn carry_over(from: &Network, values: &[f32], to: &Network, seed: u64) -> Vec<f32> {
    let known: BTreeMap<&str, _> =
        from.layout.entries().iter().map(|entry| (entry.name.as_str(), entry)).collect();
    let mut carried = to.layout.first_values(seed);
    for entry in to.layout.entries() {
        if let Some(old) = known.get(entry.name.as_str()) {
            entry.slot.of_mut(&mut carried).copy_from_slice(old.slot.of(values));
        }
    }
    carried
}
