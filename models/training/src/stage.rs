//! The loop over the steps of a stage: draw, compute, guard, step, look, save, tell; and the orders that come from
//! outside.
//!
//! While a step is computed the next batch is drawn beside it: draws depend on the step's number alone. Only what the
//! weights, the lines and the checkpoints depend on is in the state; time is not.

use clips::{Fault, FaultKind, Result, Track};
use listener::latent_intent::network::Network;
use serde_json::{Value, json};

use crate::clock;
use crate::config::Config;
use crate::data::Data;
use crate::engine::Job;
use crate::guard::{self, WINDOW};
use crate::objective::{Item, Losses, Outcome, Velocity, Weights};
use crate::optimiser::{clip, follow, rate};
use crate::pace::{AVERAGED, Pace};
use crate::run::State;
use crate::save::Known;
use crate::trainer::{Trainer, WATCHED};
use crate::validate::{Validation, cost};
use crate::watch::{Watch, watch};
use crate::{batch, keep};

/// Steps before dying latents are worth a warning: it takes a while until they mean something.
const SETTLED: usize = 300;
/// What a step of the second stage costs beside one of the first: three passes for one.
const SECOND_STAGE_COST: f64 = 2.1;

/// A stage at its end.
#[derive(Debug, Default)]
pub(crate) struct End {
    /// Mean losses of the last steps.
    pub(crate) losses: Losses,
    /// The last look.
    pub(crate) watch: Option<Watch>,
    /// The line of the last step, to which the end of the stage is added.
    pub(crate) line: Option<Value>,
}

/// What does not change during a stage.
struct Terms<'a> {
    config: &'a Config,
    network: &'a Network,
    steps: usize,
    peak: f64,
    name: &'static str,
    velocity: Option<Velocity>,
}

impl<'a> Terms<'a> {
    fn new(config: &'a Config, network: &'a Network, data: &Data, stage: u64) -> Self {
        let (steps, peak, name) = match stage {
            1 => (config.stage1_steps, config.stage1_rate, "training, stage 1"),
            _ => (config.stage2_steps, config.stage2_rate, "training, stage 2"),
        };
        let velocity = Velocity::new(config.weight_velocity, data.books.m3d.scaled_values());
        Self { config, network, steps, peak, name, velocity }
    }

    fn weights(&self, step: usize) -> Weights<'_> {
        let config = self.config;
        let share = step as f64 / (self.steps.max(2) - 1) as f64;
        Weights {
            likelihood: config.weight_likelihood,
            matching: config.weight_matching,
            bag: config.weight_bag,
            usage: config.weight_usage,
            temperature: config.gumbel_temperature
                + share * (config.gumbel_final - config.gumbel_temperature),
            straight_through: config.straight_through,
            bag_from: config.bag_from,
            margin: config.weight_margin,
            margin_width: config.margin,
            velocity: self.velocity.as_ref(),
        }
    }

    fn job<'b>(&'b self, values: &'b [f32], step: usize, batch: &'b (Track, Vec<Item<f32>>)) -> Job<'b> {
        Job {
            network: self.network,
            values,
            items: &batch.1,
            track: batch.0,
            weights: self.weights(step),
            precision: self.config.precision,
        }
    }
}

impl Trainer<'_> {
    /// Runs the stage of `state` to its end.
    pub(crate) fn stage(&self, network: &Network, state: &mut State) -> Result<End> {
        let (config, engine) = (self.config, self.engine);
        let terms = Terms::new(config, network, self.data, state.place.stage);
        let draw =
            |stage: u64, step: usize| batch::draw(self.data, config, stage, step, network.config.latents);
        let mut pace = Pace::new(state.place.seconds);
        let mut ahead = None;
        let mut end = End::default();
        while state.place.step < terms.steps && !state.place.ended {
            self.helm.obey(state, &mut pace, |step| self.epoch(step))?;
            let (stage, step) = (state.place.stage, state.place.step);
            let batch = match ahead.take() {
                Some(batch) => batch,
                None => draw(stage, step),
            }?;
            let (outcome, next) = rayon::join(
                || engine.compute(&terms.job(&state.values, step, &batch)),
                || (step + 1 < terms.steps).then(|| draw(stage, step + 1)),
            );
            ahead = next;
            let mut line = self.step(&terms, state, &batch, outcome?)?;
            end.watch = self.after_step(&terms, state, &mut line, &mut pace)?;
            if state.place.step == terms.steps || state.place.ended {
                end.line = Some(line);
            } else {
                self.folder.metric(&line);
                self.save(&terms, state, &pace)?;
            }
        }
        state.place.seconds = pace.seconds();
        end.losses = mean(&state.place.recent);
        Ok(end)
    }

    /// Takes the step, or skips it; returns its line.
    fn step(
        &self,
        terms: &Terms<'_>,
        state: &mut State,
        batch: &(Track, Vec<Item<f32>>),
        outcome: Outcome<f32>,
    ) -> Result<Value> {
        let config = self.config;
        let (losses, mut gradient) = (outcome.losses, outcome.gradient);
        let norm = clip(&mut gradient, config.clip);
        let rate = rate(state.place.step, terms.steps, config.warmup, terms.peak, config.final_rate);
        let objection = guard::objection(losses.total, norm, &state.place.window, config.spike);
        let place = &mut state.place;
        place.step += 1;
        let mut line = json!({
            "stage": place.stage, "step": place.step, "steps": terms.steps, "epoch": self.epoch(place.step),
            "track": batch.0, "losses": losses, "streams": losses.streams, "norm": norm, "rate": rate,
        });
        // they stand beside the losses
        if let Some(losses) = line["losses"].as_object_mut() {
            losses.remove("streams");
            if terms.velocity.is_none() {
                losses.remove("velocity");
            }
        }
        if !outcome.matching.is_empty() {
            let right = outcome.matching.iter().filter(|(up, down)| up > down).count();
            line["rm_right"] = (right as f64 / outcome.matching.len() as f64).into();
        }
        if let Some(why) = objection {
            place.skipped += 1;
            place.skipped_in_a_row += 1;
            let words = guard::describe(batch.0, &batch.1, self.data);
            let what = format!(
                "stage {} step {} (seed {}): {why}; norm {norm:.3e}; {words}",
                place.stage, place.step, config.seed
            );
            self.folder.log(&format!("skipped {what}"));
            line["skipped"] = why.into();
            if place.skipped_in_a_row > config.most_skips {
                self.folder.metric(&line);
                return Err(Fault::new(
                    FaultKind::NotFinite,
                    self.folder.config(),
                    format!(
                        "{} steps in a row could not be taken, the last of them {what}",
                        place.skipped_in_a_row
                    ),
                )
                .at(format!("stage {}, step {}", place.stage, place.step))
                .remedy("lower the learning rate or look at the clips named; an earlier state is kept"));
            }
            return Ok(line);
        }
        place.skipped_in_a_row = 0;
        keep_last(&mut place.recent, losses, AVERAGED);
        keep_last(&mut place.window, losses.total, WINDOW);
        state.optimiser.step(&terms.network.layout, &mut state.values, &gradient, rate, config.decay);
        if let Some(average) = &mut state.average {
            follow(average, &state.values, config.ema, state.optimiser.steps);
        }
        Ok(line)
    }

    /// Looks, keeps the best, writes the checkpoint of the step, tells how far it is.
    fn after_step(
        &self,
        terms: &Terms<'_>,
        state: &mut State,
        line: &mut Value,
        pace: &mut Pace,
    ) -> Result<Option<Watch>> {
        let (config, network) = (self.config, terms.network);
        let at_end = state.place.step == terms.steps;
        let due = |every: usize| every > 0 && state.place.step.is_multiple_of(every);
        let (look, measure) = (due(config.watch_every) || at_end, due(config.validate_every) && !at_end);
        let mut seen = None;
        if look {
            let rows = self.data.watched();
            let watched = watch(network, state.best_values(), self.data, rows, WATCHED.0, Track::Offline)?;
            line["watch"] = serde_json::to_value(&watched).unwrap_or(Value::Null);
            if state.place.step >= SETTLED
                && let Some(warning) = watched.collapse(network.config.latents)
            {
                self.folder.log(&format!("warning: step {}: {warning}", state.place.step));
                self.reporter.update(|status| status.message.clone_from(&warning));
                line["warning"] = warning.into();
            }
            seen = Some(watched);
        }
        let validation = if measure { self.validate(network, state, false)? } else { None };
        if let Some(validation) = &validation {
            line["validation"] = serde_json::to_value(validation).unwrap_or(Value::Null);
        }
        self.judge(terms, state, seen.as_ref(), validation.as_ref())?;
        if self.save_is_due(terms, state) && config.keep > 0 {
            let name = keep::name(state.place.stage, state.place.step);
            let known = Known {
                losses: mean(&state.place.recent),
                watch: seen.as_ref(),
                validation: validation.as_ref(),
            };
            let written = self.write(network, state, &known, &name);
            if self.helm.tolerate(written)?.is_some() {
                line["checkpoint"] = format!("{name}.safetensors").into();
                self.helm.tolerate(self.write_preview(network, state))?;
                self.helm.tolerate(keep::prune(&self.folder.checkpoints(), config.keep))?;
            }
        }
        pace.step();
        line["seconds"] = pace.seconds().into();
        self.tell(terms, state, pace, line);
        Ok(seen)
    }

    /// Keeps the best checkpoint, and ends the stage when there was no better one for long.
    fn judge(
        &self,
        terms: &Terms<'_>,
        state: &mut State,
        seen: Option<&Watch>,
        validation: Option<&Validation>,
    ) -> Result<()> {
        let Some(cost) = cost(self.config.best_by, seen, validation) else { return Ok(()) };
        if state.place.best.is_none_or(|best| cost < best) {
            if state.place.stage == 2 || self.alone() {
                let known = Known { losses: mean(&state.place.recent), watch: seen, validation };
                self.helm.tolerate(self.write(terms.network, state, &known, "best"))?;
            }
            (state.place.best, state.place.since_best) = (Some(cost), 0);
            return Ok(());
        }
        state.place.since_best += 1;
        if self.config.patience > 0 && state.place.since_best >= self.config.patience {
            state.place.ended = true;
            self.folder.log(&format!(
                "stage {} ends at step {} of {}: {} looks without a better {}",
                state.place.stage,
                state.place.step,
                terms.steps,
                state.place.since_best,
                serde_json::to_value(self.config.best_by).unwrap_or(Value::Null),
            ));
        }
        Ok(())
    }

    fn save_is_due(&self, terms: &Terms<'_>, state: &State) -> bool {
        self.helm.save_is_due(state, self.config.save_every, terms.steps)
    }

    /// Saves the state after the line of its step.
    fn save(&self, terms: &Terms<'_>, state: &mut State, pace: &Pace) -> Result<()> {
        if self.save_is_due(terms, state) { self.helm.save(state, pace) } else { Ok(()) }
    }

    /// Passes over the drawn rows after so many steps.
    fn epoch(&self, step: usize) -> f64 {
        (step * self.config.batch) as f64 / self.data.drawn.len().max(1) as f64
    }

    fn tell(&self, terms: &Terms<'_>, state: &State, pace: &Pace, line: &Value) {
        let place = &state.place;
        let of_step = pace.of_step();
        let mut left = (terms.steps - place.step) as f64;
        if place.stage == 1 && !self.alone() {
            left += self.config.stage2_steps as f64 * SECOND_STAGE_COST;
        }
        let left = of_step.map(|seconds| seconds * left);
        let clips = of_step.map_or(0.0, |seconds| self.config.batch as f64 / seconds.max(1e-9));
        self.reporter.update(|status| {
            (status.stage, status.step, status.steps) = (place.stage, place.step, terms.steps);
            (status.epoch, status.epochs) = (self.epoch(place.step), self.epoch(terms.steps));
            (status.seconds, status.left_seconds, status.clips_per_second) = (pace.seconds(), left, clips);
        });
        let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
        let mut note = format!(
            "loss {:.3}, clg {:.3}, rate {:.1e}, {clips:.0} clips/s",
            number(&line["losses"]["total"]),
            number(&line["losses"]["clg"]),
            number(&line["rate"]),
        );
        if let Some(left) = left {
            note += &format!(", {} left", clock::duration(left));
        }
        // A stop is noticed at the top of the loop, where the state is saved.
        let _ = self.control.step(terms.name, place.step as u64, terms.steps as u64, note);
    }
}

pub(crate) fn keep_last<T>(values: &mut Vec<T>, value: T, most: usize) {
    values.push(value);
    let surplus = values.len().saturating_sub(most);
    values.drain(..surplus);
}

pub(crate) fn mean(all: &[Losses]) -> Losses {
    let share = 1.0 / all.len().max(1) as f64;
    all.iter().fold(Losses::default(), |sum, losses| Losses {
        clg: sum.clg + losses.clg * share,
        rm: sum.rm + losses.rm * share,
        bow: sum.bow + losses.bow * share,
        usage: sum.usage + losses.usage * share,
        margin: sum.margin + losses.margin * share,
        velocity: sum.velocity + losses.velocity * share,
        total: sum.total + losses.total * share,
        streams: std::array::from_fn(|stream| sum.streams[stream] + losses.streams[stream] * share),
    })
}
