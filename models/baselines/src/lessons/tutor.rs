//! A lesson of any [`Learner`]: draws rows, computes losses and gradients, looks, saves, answers.
//!
//! Rows are drawn as officially: a pass over the rows is a shuffle of its own, batches go on across the ends of passes.

use std::path::Path;
use std::sync::Arc;

use clips::{Chance, Control, Fault, FaultKind, Result};
use listener::{Request, System};
use training::course::{At, Facts, Lesson, Metadata, Numbers, Outcome, Plan, Preview};
use training::validate::{Jury, Validation};

use super::slate::Copied;
use super::{Asked, Learner, Material, Slate};
use crate::answer::Answering;
use crate::parameters::internal;
use crate::pass::Pass;
use crate::systems;

/// Longest preview, in frames.
const MOST_PREVIEWED: usize = 150;

pub(super) struct Tutor {
    name: &'static str,
    plan: Plan,
    material: Material,
    learner: Box<dyn Learner>,
    slate: Slate,
    threads: Option<rayon::ThreadPool>,
    jury: Option<Jury>,
    /// Raw streams of the speakers of the jury's clips, and of the previewed clip.
    speakers: Vec<(String, clips::Streams)>,
    preview: Option<(String, clips::Streams)>,
}

impl Tutor {
    pub(super) fn new(
        name: &'static str,
        plan: &Plan,
        material: Material,
        learner: Box<dyn Learner>,
    ) -> Result<Self> {
        let told: Vec<(usize, &[u32])> =
            material.watched.iter().map(|row| (row.frames, row.appropriate.as_slice())).collect();
        let longest = told.iter().map(|row| row.0).max().unwrap_or(0);
        let asked = (plan.validate_clips, plan.validate_samples, longest);
        let jury = Jury::new(&told, asked, |row, frames| material.faces(row, frames))?;
        let speakers = match &jury {
            None => Vec::new(),
            Some(jury) => jury
                .chosen
                .iter()
                .map(|row| Ok((material.watched[*row].id.clone(), material.streams(*row, jury.frames)?)))
                .collect::<Result<_>>()?,
        };
        let middle = material.watched.len() / 2;
        let preview = match material.watched.get(middle) {
            Some(row) => Some((row.id.clone(), material.streams(middle, row.frames.min(MOST_PREVIEWED))?)),
            None => None,
        };
        let threads = match plan.threads {
            0 => None,
            count => {
                let named = |index| format!("step of a lesson {index}");
                let made = rayon::ThreadPoolBuilder::new().num_threads(count).thread_name(named).build();
                Some(made.map_err(|error| {
                    Fault::new(FaultKind::Internal, "", format!("no threads to compute on: {error}"))
                })?)
            }
        };
        Ok(Self {
            name,
            threads,
            plan: plan.clone(),
            material,
            learner,
            slate: Slate::default(),
            jury,
            speakers,
            preview,
        })
    }

    /// The training rows of a step.
    fn drawn(&self, at: At) -> (Vec<usize>, u64) {
        let drawn = &self.material.drawn;
        let first = at.step * self.plan.batch;
        let mut shuffled: Option<(usize, Vec<usize>)> = None;
        let rows = (first..first + self.plan.batch)
            .map(|item| {
                let (epoch, place) = (item / drawn.len(), item % drawn.len());
                if shuffled.as_ref().is_none_or(|(known, _)| *known != epoch) {
                    let mut order = drawn.clone();
                    let words = [at.stage, epoch as u64];
                    Chance::new(self.plan.seed, "order of a pass", &words).shuffle(&mut order);
                    shuffled = Some((epoch, order));
                }
                shuffled.as_ref().map_or(0, |(_, order)| order[place])
            })
            .collect();
        (rows, (first / drawn.len()) as u64)
    }

    fn enter(&mut self, stage: u64) -> Result<()> {
        self.slate = Slate::new(self.learner.enter(stage)?);
        Ok(())
    }

    /// The weights as a system that answers.
    fn system(&self, values: &[f32]) -> Result<Arc<dyn System>> {
        self.slate.write(values).map_err(internal)?;
        let settings = self.learner.settings();
        let network = settings.build_to_answer(&mut Copied(self.slate.parameters()))?;
        Ok(Arc::new(Answering::of(&settings, network, String::new(), Path::new(""))?))
    }
}

/// Computes on these threads, or on all.
fn within<T: Send>(threads: Option<&rayon::ThreadPool>, work: impl FnOnce() -> T + Send) -> T {
    match threads {
        Some(threads) => threads.install(work),
        None => work(),
    }
}

impl Lesson for Tutor {
    fn facts(&self) -> &Facts {
        &self.material.facts
    }

    fn stages(&self) -> u64 {
        self.learner.stages()
    }

    fn begin(&mut self, stage: u64, before: Option<&[f32]>) -> Result<Vec<f32>> {
        let old = match before {
            Some(values) => {
                self.slate.write(values).map_err(internal)?;
                Some(self.slate.clone())
            }
            None => None,
        };
        self.enter(stage)?;
        let before = old.as_ref().map(Slate::parameters);
        self.learner.prepare(self.slate.parameters(), before, &self.material)?;
        self.slate.read().map_err(internal)
    }

    fn resume(&mut self, stage: u64, values: &[f32]) -> Result<()> {
        self.enter(stage)?;
        self.slate.write(values).map_err(|error| {
            Fault::new(FaultKind::Mismatch, "", format!("the network has other sizes: {error}"))
                .remedy("start the run again in another folder")
        })
    }

    fn learned(&self) -> usize {
        self.slate.parameters().count()
    }

    fn step(&mut self, at: At, values: &[f32], memory: &[f64]) -> Result<Outcome> {
        self.slate.write(values).map_err(internal)?;
        let (rows, epoch) = self.drawn(at);
        let words = [at.stage, at.step as u64];
        let mut asked = Asked {
            at,
            epoch,
            material: &self.material,
            training: true,
            rows,
            chance: Chance::new(self.plan.seed, "draws of a step", &words),
            pass: Pass::training(Chance::new(self.plan.seed, "dropout of a step", &words)),
            memory,
        };
        let (learner, slate) = (&mut self.learner, &self.slate);
        within(self.threads.as_ref(), move || {
            let lost = learner.loss(&mut asked)?;
            let computed = || {
                let store = lost.total.backward()?;
                Ok((lost.numbers()?, slate.gradient(&store)?, slate.carried()?))
            };
            let (losses, (gradient, touched), mut carried) = computed().map_err(internal)?;
            for (name, first, values) in lost.renewed {
                carried.extend(slate.place(name).map(|place| (place + first, values)));
            }
            Ok(Outcome { losses, gradient, touched, carried, memory: lost.memory })
        })
    }

    fn look(&mut self, stage: u64, values: &[f32]) -> Result<Numbers> {
        self.slate.write(values).map_err(internal)?;
        let count = self.material.watched.len();
        let step = count.div_ceil(self.plan.watch_clips).max(1);
        let rows: Vec<usize> = (0..count).step_by(step).collect();
        let mut sum = Numbers::new();
        for (index, part) in rows.chunks(self.plan.batch).enumerate() {
            let mut asked = Asked {
                at: At { stage, step: 0 },
                epoch: 0,
                material: &self.material,
                training: false,
                rows: part.to_vec(),
                chance: Chance::new(self.plan.seed, "draws of a look", &[stage, index as u64]),
                pass: Pass::evaluation(),
                memory: &[],
            };
            let learner = &mut self.learner;
            let numbers =
                within(self.threads.as_ref(), move || learner.loss(&mut asked)?.numbers().map_err(internal))?;
            for (name, value) in numbers {
                *sum.entry(name).or_default() += value * part.len() as f64 / rows.len() as f64;
            }
        }
        Ok(sum)
    }

    fn describe(&self, at: At) -> String {
        let (rows, _) = self.drawn(at);
        let clips: Vec<&str> = rows.iter().map(|row| self.material.train[*row].id.as_str()).collect();
        format!("batch: {}", clips.join("; "))
    }

    fn save(&mut self, values: &[f32], path: &Path, metadata: &Metadata) -> Result<()> {
        self.slate.write(values).map_err(internal)?;
        systems::save(path, &self.learner.settings(), self.slate.parameters(), metadata)
    }

    fn validate(&mut self, values: &[f32], with_intervals: bool) -> Result<Option<Validation>> {
        let Some(jury) = &self.jury else { return Ok(None) };
        let system = self.system(values)?;
        let request = jury.request();
        // Not stopped half-way: a resumed run would lack this validation.
        let control = Control::default();
        let made: Vec<Vec<clips::Attributes>> = self
            .speakers
            .iter()
            .map(|(clip, speaker)| {
                let takes = system.generate(clip, speaker, &request, &control)?;
                Ok(takes.into_iter().map(|take| take.attributes.to_vec()).collect())
            })
            .collect::<Result<_>>()?;
        jury.score(&made, with_intervals, &control).map(Some)
    }

    fn preview(&mut self, values: &[f32]) -> Result<Option<Preview>> {
        let Some((clip, speaker)) = &self.preview else { return Ok(None) };
        let system = self.system(values)?;
        let takes = system.generate(clip, speaker, &Request::default(), &Control::default())?;
        let coefficients = takes.first().and_then(|take| take.coefficients.as_deref().cloned());
        Ok(coefficients.map(|coefficients| Preview { clip: clip.clone(), coefficients }))
    }
}

impl std::fmt::Debug for Tutor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tutor").field("name", &self.name).finish_non_exhaustive()
    }
}
