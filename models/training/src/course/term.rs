//! The loop of a course: compute, guard, step, look, save, tell, stage after stage, in the run folder that all systems share.
//!
//! As for the paper's own model a checkpoint is written before its step's line, the line before the state; all that weights,
//! lines and checkpoints depend on is in the state, so a stopped or killed run ends bit for bit as one left alone.

use std::io::Write;
use std::path::{Path, PathBuf};

use clips::array::{make_folder, write_atomically, write_npy};
use clips::channels::COEFFICIENT_COUNT;
use clips::corpus::Corpus;
use clips::{Control, Fault, FaultKind, Result};
use serde::Serialize;
use serde_json::{Value, json};

use super::card::{self, Card, words};
use super::{At, Course, Lesson, Metadata, Numbers, Outcome, Plan};
use crate::guard::{self, WINDOW};
use crate::helm::Helm;
use crate::optimiser::clip;
use crate::pace::{AVERAGED, Pace};
use crate::run::{Folder, State};
use crate::save::resumable;
use crate::stage::keep_last;
use crate::status::Reporter;
use crate::trainer::ended;
use crate::validate::Validation;
use crate::{clock, keep};

/// What a finished run has to show.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// What was trained.
    pub system: String,
    /// The trained checkpoint.
    pub checkpoint: PathBuf,
    /// The checkpoint of the lowest validation loss.
    pub best: PathBuf,
    /// Training rows, those of them with more than one appropriate reaction, and those that were drawn.
    pub rows: (usize, usize, usize),
    /// Parameters that the last stage learned.
    pub parameters: usize,
    /// Mean losses of the last steps.
    pub losses: Numbers,
    /// Losses of the validation rows at the end.
    pub watch: Numbers,
    /// Measures of the paper on validation clips, with intervals.
    pub validation: Option<Validation>,
    /// Steps of the last stage that were taken, and those of them that were skipped by the guard.
    pub steps: (usize, usize),
    /// Seconds of training, without reading the corpus.
    pub seconds: f64,
    /// What losses and gradients were computed on.
    pub device: String,
    /// Clips that were left out.
    pub faults: Vec<Fault>,
    /// What the reader of the numbers must know.
    pub warnings: Vec<String>,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { system, rows, parameters, losses, watch, seconds, checkpoint, .. } = self;
        writeln!(
            f,
            "{system}: {parameters} parameters, {} rows ({} with alternatives), {}",
            rows.0,
            rows.1,
            clock::duration(*seconds)
        )?;
        writeln!(f, "losses: {}", words(losses))?;
        writeln!(f, "validation: {}", words(watch))?;
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

/// Trains a system on a corpus into a run folder.
///
/// # Errors
/// Impossible settings, a folder that holds another run, a corpus without what the system needs, a network that went
/// astray; cancelled on a stop, after the state was saved, so that `resume` goes on from there.
pub fn attend(
    course: &dyn Course,
    plan: &Plan,
    corpus: &Corpus,
    run: &Path,
    resume: bool,
    control: &Control,
) -> Result<Summary> {
    let mut plan = plan.clone();
    plan.check()?;
    course.check(&mut plan)?;
    let same = |file: &Path, old: &str| Ok(Plan::from_toml(file, old)? == plan);
    let folder = Folder::open_as(run, &plan.to_toml()?, resume, same)?;
    let reporter = Reporter::new(folder.status(), "reading the corpus");
    let result = (|| {
        let preset = course.plan(&plan.preset)?;
        // The run folder is on a disk that has room; a folder for temporary files may be memory.
        let mut lesson = course.begin(&plan, corpus, run, control)?;
        reporter.update(|status| status.device = lesson.device());
        let helm = Helm::new(&folder, control, &reporter);
        Term { plan: &plan, preset: &preset, about: course.about(), helm, lesson: &mut *lesson }.run(resume)
    })();
    ended(&folder, reporter, result)
}

type Now = State<Numbers>;

struct Term<'a> {
    plan: &'a Plan,
    preset: &'a Plan,
    about: &'static str,
    helm: Helm<'a>,
    lesson: &'a mut dyn Lesson,
}

/// A stage at its end.
#[derive(Default)]
struct End {
    looked: Option<Numbers>,
    line: Option<Value>,
}

impl Term<'_> {
    fn run(&mut self, resume: bool) -> Result<Summary> {
        let folder = self.helm.folder;
        let facts = self.lesson.facts().clone();
        let mut state = match folder.restore::<Numbers>()?.filter(|_| resume) {
            Some(state) => {
                if state.place.corpus != facts.fingerprint {
                    return Err(Fault::new(
                        FaultKind::Mismatch,
                        folder.state(),
                        "the corpus is not the one the run began with",
                    )
                    .remedy("resume on the corpus the run began with, or start another run"));
                }
                self.lesson.resume(state.place.stage, &state.values)?;
                folder.forget_after(state.place.stage, state.place.step)?;
                folder.log(&format!("resumed at stage {} step {}", state.place.stage, state.place.step));
                state
            }
            None => {
                folder.forget_after(0, 0)?;
                folder.log(&format!(
                    "begun {} on {}: {} training rows, {} of them drawn; fingerprint {}",
                    self.plan.system, facts.corpus, facts.rows, facts.drawn, facts.fingerprint
                ));
                for fault in &facts.faults {
                    folder.log(&format!("left out: {fault}"));
                }
                for note in &facts.notes {
                    folder.log(&format!("warning: {note}"));
                }
                self.begin(1, None, &facts.fingerprint, 0.0)?
            }
        };
        folder.log(&format!("computes on {}", self.lesson.device()));
        self.helm.reporter.tell(|status| status.message = facts.notes.join("; "));
        loop {
            let mut end = self.stage(&mut state)?;
            let last = state.place.stage == self.lesson.stages();
            let validation = self.finish(&mut state, &mut end, last)?;
            if last {
                return self.summarise(&state, end, validation);
            }
            let (stage, seconds) = (state.place.stage + 1, state.place.seconds);
            state = self.begin(stage, Some(&state.values), &facts.fingerprint, seconds)?;
            folder.save(&mut state)?;
        }
    }

    fn begin(&mut self, stage: u64, before: Option<&[f32]>, corpus: &str, seconds: f64) -> Result<Now> {
        let values = self.lesson.begin(stage, before)?;
        let looked = self.lesson.look(stage, &values)?;
        let (learned, steps) = (self.lesson.learned(), self.steps(stage));
        self.helm.folder.log(&format!(
            "stage {stage}: {learned} parameters to learn in {steps} steps; before: {}",
            words(&looked)
        ));
        Ok(State::new(stage, values, false, corpus, seconds))
    }

    fn steps(&self, stage: u64) -> usize {
        self.plan.steps(stage, self.lesson.facts().drawn)
    }

    /// Passes over the drawn rows after so many steps.
    fn epoch(&self, step: usize) -> f64 {
        (step * self.plan.batch) as f64 / self.lesson.facts().drawn.max(1) as f64
    }

    fn stage(&mut self, state: &mut Now) -> Result<End> {
        let steps = self.steps(state.place.stage);
        let mut pace = Pace::new(state.place.seconds);
        let mut end = End::default();
        while state.place.step < steps && !state.place.ended {
            self.helm.obey(state, &mut pace, |step| self.epoch(step))?;
            let at = At { stage: state.place.stage, step: state.place.step };
            let outcome = self.lesson.step(at, &state.values, &state.place.memory)?;
            let mut line = self.step(at, steps, state, outcome)?;
            end.looked = self.after_step(steps, state, &mut line, &mut pace)?;
            if state.place.step == steps || state.place.ended {
                end.line = Some(line);
            } else {
                self.helm.folder.metric(&line);
                if self.helm.save_is_due(state, self.plan.save_every, steps) {
                    self.helm.save(state, &pace)?;
                }
            }
        }
        state.place.seconds = pace.seconds();
        Ok(end)
    }

    /// Takes the step, or skips it; returns its line.
    fn step(&self, at: At, steps: usize, state: &mut Now, outcome: Outcome) -> Result<Value> {
        let plan = self.plan;
        let Outcome { losses, mut gradient, touched, carried, memory } = outcome;
        let total = losses.get("total").copied().unwrap_or(f64::NAN);
        let norm = clip(&mut gradient, if plan.clip > 0.0 { plan.clip } else { f64::INFINITY });
        let rule = plan.rule(at.stage, at.step, steps, self.epoch(at.step));
        let objection = guard::objection(total, norm, &state.place.window, plan.spike);
        let place = &mut state.place;
        place.step += 1;
        let mut line = json!({
            "stage": place.stage, "step": place.step, "steps": steps, "epoch": self.epoch(place.step),
            "losses": losses, "norm": norm, "rate": rule.rate,
        });
        if let Some(why) = objection {
            place.skipped += 1;
            place.skipped_in_a_row += 1;
            let what = format!(
                "stage {} step {} (seed {}): {why}; norm {norm:.3e}; {}",
                place.stage,
                place.step,
                plan.seed,
                self.lesson.describe(at)
            );
            self.helm.folder.log(&format!("skipped {what}"));
            line["skipped"] = why.into();
            if place.skipped_in_a_row > plan.most_skips {
                self.helm.folder.metric(&line);
                return Err(Fault::new(
                    FaultKind::NotFinite,
                    self.helm.folder.config(),
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
        place.memory = memory;
        keep_last(&mut place.recent, losses, AVERAGED);
        keep_last(&mut place.window, total, WINDOW);
        state.optimiser.step_in(&rule, &touched, &mut state.values, &gradient);
        for (first, values) in carried {
            state.values[first..first + values.len()].copy_from_slice(&values);
        }
        Ok(line)
    }

    /// Looks, keeps the best, writes the checkpoint of the step, tells how far it is.
    fn after_step(
        &mut self,
        steps: usize,
        state: &mut Now,
        line: &mut Value,
        pace: &mut Pace,
    ) -> Result<Option<Numbers>> {
        let plan = self.plan;
        let (stage, step) = (state.place.stage, state.place.step);
        let due = |every: usize| every > 0 && step.is_multiple_of(every);
        let answers = self.lesson.answers(stage);
        let looked = match due(plan.watch_every) || step == steps {
            true => Some(self.lesson.look(stage, &state.values)?),
            false => None,
        };
        if let Some(looked) = &looked {
            line["watch"] = serde_json::to_value(looked).unwrap_or(Value::Null);
        }
        let measure = answers && due(plan.validate_every) && step < steps;
        let validation = if measure { self.validate(state, false)? } else { None };
        if let Some(validation) = &validation {
            line["validation"] = serde_json::to_value(validation).unwrap_or(Value::Null);
        }
        if let Some(looked) = &looked {
            self.judge(state, looked, validation.as_ref(), steps)?;
        }
        if answers && plan.keep > 0 && self.helm.save_is_due(state, plan.save_every, steps) {
            let name = keep::name(stage, step);
            let written = self.write(state, &name, looked.as_ref(), validation.as_ref());
            if self.helm.tolerate(written)?.is_some() {
                line["checkpoint"] = format!("{name}.safetensors").into();
                let preview = self.write_preview(state);
                self.helm.tolerate(preview)?;
                self.helm.tolerate(keep::prune(&self.helm.folder.checkpoints(), plan.keep))?;
            }
        }
        pace.step();
        line["seconds"] = pace.seconds().into();
        self.tell(steps, state, pace, line);
        Ok(looked)
    }

    /// Keeps the best checkpoint, and ends the stage when there was no better one for long.
    fn judge(
        &mut self,
        state: &mut Now,
        looked: &Numbers,
        validation: Option<&Validation>,
        steps: usize,
    ) -> Result<()> {
        let Some(cost) = looked.get("total").copied().filter(|cost| cost.is_finite()) else { return Ok(()) };
        if state.place.best.is_none_or(|best| cost < best) {
            if self.lesson.answers(state.place.stage) {
                let written = self.write(state, "best", Some(looked), validation);
                self.helm.tolerate(written)?;
            }
            (state.place.best, state.place.since_best) = (Some(cost), 0);
            return Ok(());
        }
        state.place.since_best += 1;
        if self.plan.patience > 0 && state.place.since_best >= self.plan.patience {
            state.place.ended = true;
            self.helm.folder.log(&format!(
                "stage {} ends at step {} of {steps}: {} looks without a lower validation loss",
                state.place.stage, state.place.step, state.place.since_best,
            ));
        }
        Ok(())
    }

    fn write(
        &mut self,
        state: &Now,
        name: &str,
        looked: Option<&Numbers>,
        validation: Option<&Validation>,
    ) -> Result<()> {
        let path = self.helm.folder.checkpoint(name);
        let losses = mean(&state.place.recent);
        let steps = self.steps(state.place.stage);
        let text = card::text(&Card {
            name,
            about: self.about,
            plan: self.plan,
            preset: self.preset,
            facts: self.lesson.facts(),
            learned: self.lesson.learned(),
            device: self.lesson.device(),
            place: &state.place,
            steps,
            losses: &losses,
            looked,
            validation,
        })?;
        let metadata = Metadata::from([
            ("corpus".to_owned(), self.lesson.facts().fingerprint.clone()),
            ("run".to_owned(), self.plan.to_toml()?),
            ("step".to_owned(), format!("{} of {steps}", state.place.step)),
            ("losses".to_owned(), serde_json::to_string(&losses).unwrap_or_default()),
        ]);
        self.lesson.save(&state.values, &path, &metadata)?;
        write_atomically(&path.with_extension("md"), |writer| writer.write_all(text.as_bytes()))
    }

    /// Writes the preview of the state, named by stage and step.
    fn write_preview(&mut self, state: &Now) -> Result<()> {
        let preview = match self.lesson.preview(&state.values) {
            Ok(Some(preview)) => preview,
            Ok(None) => return Ok(()),
            Err(fault) => {
                self.helm.folder.log(&format!("warning: there is no preview of this step: {fault}"));
                return Ok(());
            }
        };
        let folder = self.helm.folder.previews();
        make_folder(&folder)?;
        let frames = preview.coefficients.len();
        let about = json!({ "clip": preview.clip, "frames": frames, "latents": 1 });
        write_atomically(&folder.join("about.json"), |writer| write!(writer, "{about}"))?;
        let name = keep::name(state.place.stage, state.place.step);
        let values = preview.coefficients.concat();
        write_npy(&folder.join(format!("{name}.npy")), &[1, frames, COEFFICIENT_COUNT], &values)
    }

    /// Measures the validation clips; what cannot be scored is logged, and is no reason to end a run.
    fn validate(&mut self, state: &Now, with_intervals: bool) -> Result<Option<Validation>> {
        match self.lesson.validate(&state.values, with_intervals) {
            Ok(validation) => Ok(validation),
            Err(fault) => {
                let message = format!("warning: the validation clips cannot be scored: {fault}");
                self.helm.folder.log(&message);
                Ok(None)
            }
        }
    }

    /// Ends a stage: its checkpoint, its last line, and the state when there is no other stage.
    fn finish(&mut self, state: &mut Now, end: &mut End, last: bool) -> Result<Option<Validation>> {
        self.helm
            .reporter
            .tell(|status| status.message = "measuring and writing the end of the stage".to_owned());
        let mut validation = None;
        if self.lesson.answers(state.place.stage) {
            validation = self.validate(state, true)?;
            if end.looked.is_none() {
                // taken up again after its last step
                end.looked = Some(self.lesson.look(state.place.stage, &state.values)?);
            }
            let name = if last { "last".to_owned() } else { format!("stage-{}", state.place.stage) };
            self.write(state, &name, end.looked.as_ref(), validation.as_ref()).map_err(resumable)?;
            let preview = self.write_preview(state);
            self.helm.tolerate(preview)?;
            if let Some(line) = &mut end.line {
                line["checkpoint"] = format!("{name}.safetensors").into();
            }
        }
        if let Some(line) = &mut end.line {
            if let Some(validation) = &validation {
                line["validation"] = serde_json::to_value(validation).unwrap_or(Value::Null);
            }
            self.helm.folder.metric(line);
        }
        if last {
            self.helm.folder.save(state)?;
        }
        Ok(validation)
    }

    fn summarise(&self, state: &Now, end: End, validation: Option<Validation>) -> Result<Summary> {
        let facts = self.lesson.facts();
        let folder = self.helm.folder;
        let summary = Summary {
            system: self.plan.system.clone(),
            checkpoint: folder.checkpoint("last"),
            best: folder.checkpoint("best"),
            rows: (facts.rows, facts.alternatives, facts.drawn),
            parameters: self.lesson.learned(),
            losses: mean(&state.place.recent),
            watch: end.looked.unwrap_or_default(),
            validation,
            steps: (state.place.step, state.place.skipped),
            seconds: state.place.seconds,
            device: self.lesson.device(),
            faults: facts.faults.clone(),
            warnings: facts.notes.clone(),
        };
        let text = serde_json::to_string_pretty(&summary).unwrap_or_default();
        write_atomically(&folder.summary(), |writer| writer.write_all(text.as_bytes()))?;
        folder.log(&format!(
            "done in {}: training {}; validation {}",
            clock::duration(summary.seconds),
            words(&summary.losses),
            words(&summary.watch)
        ));
        Ok(summary)
    }

    fn tell(&self, steps: usize, state: &Now, pace: &Pace, line: &Value) {
        let place = &state.place;
        let of_step = pace.of_step();
        let later: usize = (place.stage + 1..=self.lesson.stages()).map(|stage| self.steps(stage)).sum();
        // Steps of another stage cost something else; it is a guess until they are taken.
        let left = of_step.map(|seconds| seconds * (steps - place.step + later) as f64);
        let clips = of_step.map_or(0.0, |seconds| self.plan.batch as f64 / seconds.max(1e-9));
        self.helm.reporter.update(|status| {
            (status.stage, status.step, status.steps) = (place.stage, place.step, steps);
            (status.epoch, status.epochs) = (self.epoch(place.step), self.epoch(steps));
            (status.seconds, status.left_seconds, status.clips_per_second) = (pace.seconds(), left, clips);
        });
        let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
        let mut note = format!(
            "loss {:.4}, rate {:.1e}, {clips:.0} clips/s",
            number(&line["losses"]["total"]),
            number(&line["rate"]),
        );
        if let Some(left) = left {
            note += &format!(", {} left", clock::duration(left));
        }
        let name = match place.stage {
            1 => "training, stage 1",
            _ => "training, stage 2",
        };
        // A stop is noticed at the top of the loop, where the state is saved.
        let _ = self.helm.control.step(name, place.step as u64, steps as u64, note);
    }
}

/// The mean of each number.
fn mean(all: &[Numbers]) -> Numbers {
    let share = 1.0 / all.len().max(1) as f64;
    let mut mean = Numbers::new();
    for (name, value) in all.iter().flatten() {
        *mean.entry(name.clone()).or_default() += value * share;
    }
    mean
}
