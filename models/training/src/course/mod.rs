//! A course: how a system that is not the paper's learns, behind the run folder that all of them share.
//!
//! A [`Course`] is a row of the table of systems: name, presets, settings, what it needs of a corpus. It begins a
//! [`Lesson`], which knows the network and the data of one run and computes losses and gradients; weights are one flat
//! slice to everybody else. The loop (`term.rs`), the settings (`plan.rs`) and the cards (`card.rs`) are the same for all:
//! draws, skips, orders, checkpoints and resume are as for the paper's own model.

mod card;
mod plan;
mod term;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use clips::corpus::Corpus;
use clips::{Control, Fault, Result};

pub use plan::{Plan, Schedule, flat};
pub use term::{Summary, attend};

use crate::validate::Validation;

/// Numbers by name; `total` is what is minimised.
pub type Numbers = BTreeMap<String, f64>;

/// A system that can be trained.
pub trait Course: Send + Sync {
    /// Its name on the command line and in files.
    fn name(&self) -> &'static str;

    /// A line about it.
    fn about(&self) -> &'static str;

    /// Its presets, the default one first.
    fn presets(&self) -> &'static [&'static str];

    /// The settings of one of [`Course::presets`].
    ///
    /// # Errors
    /// For another name, with those that there are.
    fn plan(&self, preset: &str) -> Result<Plan>;

    /// Checks what is the system's own in a plan and writes it as the system reads it.
    ///
    /// # Errors
    /// Settings that are unknown or impossible, with their place.
    fn check(&self, plan: &mut Plan) -> Result<()>;

    /// Reads a corpus for a run; what memory should not hold may lie in a file without a name in `scratch`.
    ///
    /// # Errors
    /// A corpus without what the system needs, or without a usable row; cancelled.
    fn begin(
        &self,
        plan: &Plan,
        corpus: &Corpus,
        scratch: &Path,
        control: &Control,
    ) -> Result<Box<dyn Lesson>>;
}

/// What a lesson learns from, for cards and logs.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Name of the corpus folder.
    pub corpus: String,
    /// SHA-256 over the names and values read.
    pub fingerprint: String,
    /// Training rows that were read.
    pub rows: usize,
    /// Those of them with more than one appropriate reaction.
    pub alternatives: usize,
    /// Those of them that are drawn.
    pub drawn: usize,
    /// Validation rows that are looked at.
    pub validation: usize,
    /// Frames of the training rows.
    pub frames: usize,
    /// Whether the true intents are known: no recorded person is in it.
    pub synthetic: bool,
    /// Clips that were left out, and why.
    pub faults: Vec<Fault>,
    /// What the one who reads the numbers must know.
    pub notes: Vec<String>,
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// Stage, from 1.
    pub stage: u64,
    /// Step of the stage, from 0.
    pub step: usize,
}

/// What a step computed.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The losses, `total` among them.
    pub losses: Numbers,
    /// Of `total`, as long as the values.
    pub gradient: Vec<f32>,
    /// Places of the parameters that have a gradient, ascending; the others stay.
    pub touched: Vec<Range<usize>>,
    /// Values that are not learned but carried along when the step is taken (running statistics), by first place.
    pub carried: Vec<(usize, Vec<f32>)>,
    /// What the next step is given as memory when this one is taken.
    pub memory: Vec<f64>,
}

/// What goes into the metadata of a checkpoint beside the system's own.
pub type Metadata = BTreeMap<String, String>;

/// One run of a course on one corpus. Everything it draws is a function of the plan's seed and of where the run is.
pub trait Lesson {
    /// What it learns from.
    fn facts(&self) -> &Facts;

    /// What it computes on.
    fn device(&self) -> String {
        "cpu".to_owned()
    }

    /// Stages one after the other.
    fn stages(&self) -> u64 {
        1
    }

    /// Begins a stage; `before` are the values at the end of the one before. Returns all values of the stage's network,
    /// learned and carried.
    ///
    /// # Errors
    /// When the network cannot be made.
    fn begin(&mut self, stage: u64, before: Option<&[f32]>) -> Result<Vec<f32>>;

    /// Takes a stage up again.
    ///
    /// # Errors
    /// When the values are not of this network.
    fn resume(&mut self, stage: u64, values: &[f32]) -> Result<()>;

    /// Numbers that are learned in the current stage.
    fn learned(&self) -> usize;

    /// Losses and gradient of one step; the same arguments give the same bytes.
    ///
    /// # Errors
    /// When features cannot be read back.
    fn step(&mut self, at: At, values: &[f32], memory: &[f64]) -> Result<Outcome>;

    /// The losses of the validation rows (training rows where there are none), without dropout and with draws of their
    /// own, `total` among them.
    ///
    /// # Errors
    /// When features cannot be read back.
    fn look(&mut self, stage: u64, values: &[f32]) -> Result<Numbers>;

    /// The clips of a step in a line, to find them again.
    fn describe(&self, at: At) -> String;

    /// Whether the values of this stage are a system that answers; there are checkpoints of such stages only.
    fn answers(&self, stage: u64) -> bool {
        stage == self.stages()
    }

    /// Writes the values as a checkpoint.
    ///
    /// # Errors
    /// When it cannot be written.
    fn save(&mut self, values: &[f32], path: &Path, metadata: &Metadata) -> Result<()>;

    /// The measures of the paper on a few validation clips; `None` where they cannot be taken.
    ///
    /// # Errors
    /// When the reactions cannot be made.
    fn validate(&mut self, values: &[f32], with_intervals: bool) -> Result<Option<Validation>>;

    /// The reaction to the clip that is kept as a picture of the progress; `None` for systems that make no coefficients.
    ///
    /// # Errors
    /// When it cannot be made.
    fn preview(&mut self, values: &[f32]) -> Result<Option<Preview>>;
}

/// A reaction as a picture of the progress.
#[derive(Debug, Clone)]
pub struct Preview {
    /// Name of the clip.
    pub clip: String,
    /// Coefficients, one row a frame.
    pub coefficients: clips::Coefficients,
}

static COURSES: RwLock<Vec<Arc<dyn Course>>> = RwLock::new(Vec::new());

/// From now on this system can be trained; one of the same name is replaced. The program calls it when it starts, so that
/// whoever trains needs to know no other network library.
pub fn register(course: Arc<dyn Course>) {
    let mut courses = COURSES.write().unwrap_or_else(PoisonError::into_inner);
    courses.retain(|known| known.name() != course.name());
    courses.push(course);
}

/// Everything that was registered, in that order.
pub fn courses() -> Vec<Arc<dyn Course>> {
    COURSES.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The course of this name.
pub fn course(name: &str) -> Option<Arc<dyn Course>> {
    courses().into_iter().find(|course| course.name() == name)
}
