//! How the compared systems learn: the table of their courses, and what their lessons share.
//!
//! A system's own file `lesson.rs` says its presets, its losses and what it needs of a corpus ([`Learner`]); here it becomes a
//! [`training::course::Course`]. A sixth system is its folder and one line in [`COURSES`]. The corpus is in `material.rs`,
//! weights as one slice in `slate.rs`, the rest of a lesson in `tutor.rs`.
//!
//! Every draw comes from [`clips::Chance`] by seed, stage and step: rows, crops, latents, diffusion noise and steps, dropout.

mod gallery;
mod material;
mod slate;
mod tutor;

use std::path::Path;
use std::sync::Arc;

use candle_core::Tensor;
use clips::corpus::Corpus;
use clips::{Chance, Control, Fault, FaultKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use training::course::{At, Course, Lesson, Numbers, Plan};

pub use material::{Material, Needs, Row, Who};
pub use slate::Slate;
use tutor::Tutor;

use crate::parameters::Parameters;
use crate::pass::Pass;
use crate::systems::Settings;
use crate::{belfusion, learning2listen, regnn, trans_vae};

/// The compared systems that can be trained, a line each.
pub const COURSES: &[Compared] = &[
    trans_vae::lesson::COURSE,
    belfusion::lesson::COURSE,
    regnn::lesson::COURSE,
    learning2listen::lesson::COURSE,
];

/// Makes the table of systems that can be trained know all of [`COURSES`]. The program calls it when it starts.
pub fn register() {
    for course in COURSES {
        training::course::register(Arc::new(*course));
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Compared {
    /// Name of the system.
    pub name: &'static str,
    /// A line about it.
    pub about: &'static str,
    /// Its presets, the default one first; all of them are presets of the network.
    pub presets: &'static [&'static str],
    /// The settings of a preset.
    pub plan: fn(&str) -> Option<Plan>,
    /// Checks what is its own in a plan and writes it as it is read.
    pub check: fn(&mut Plan) -> Result<()>,
    /// What it needs of a corpus.
    pub needs: fn(&Plan) -> Result<Needs>,
    /// Its part of a lesson.
    pub learner: fn(&Plan) -> Result<Box<dyn Learner>>,
}

/// Most clips of a validation: their sound is held in memory.
const MOST_VALIDATED: usize = 200;

impl Course for Compared {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn presets(&self) -> &'static [&'static str] {
        self.presets
    }

    fn plan(&self, preset: &str) -> Result<Plan> {
        let mut plan = (self.plan)(preset).ok_or_else(|| {
            Fault::new(FaultKind::BadRequest, "", format!("{} has no preset {preset} to train", self.name))
                .remedy(format!("choose {}", self.presets.join(", ")))
        })?;
        self.check(&mut plan)?;
        Ok(plan)
    }

    fn check(&self, plan: &mut Plan) -> Result<()> {
        if plan.validate_clips > MOST_VALIDATED {
            return Err(Fault::new(
                FaultKind::BadRequest,
                "",
                format!("validate_clips is at most {MOST_VALIDATED} for {}", self.name),
            ));
        }
        (self.check)(plan)
    }

    fn begin(
        &self,
        plan: &Plan,
        corpus: &Corpus,
        scratch: &Path,
        control: &Control,
    ) -> Result<Box<dyn Lesson>> {
        let material = Material::load(corpus, &(self.needs)(plan)?, plan, scratch, control)?;
        Ok(Box::new(Tutor::new(self.name, plan, material, (self.learner)(plan)?)?))
    }
}

/// What a system adds to a lesson.
pub trait Learner: Send {
    /// Stages one after the other.
    fn stages(&self) -> u64 {
        1
    }

    /// Makes the network of a stage, fresh; the tensors that learn and those that are carried along.
    ///
    /// # Errors
    /// Sizes that do not fit.
    fn enter(&mut self, stage: u64) -> Result<Parameters>;

    /// Sets what comes from the data or from the stage `before`, once when a stage begins; `parameters` are those of
    /// [`Learner::enter`].
    ///
    /// # Errors
    /// When features cannot be read back.
    fn prepare(
        &mut self,
        _parameters: &Parameters,
        _before: Option<&Parameters>,
        _material: &Material,
    ) -> Result<()> {
        Ok(())
    }

    /// The losses of some rows; the first is what is minimised.
    ///
    /// # Errors
    /// When features cannot be read back.
    fn loss(&mut self, asked: &mut Asked<'_>) -> Result<Lost>;

    /// Configuration of the checkpoint.
    fn settings(&self) -> Settings;
}

/// One computation of losses.
pub struct Asked<'a> {
    /// Where the run is.
    pub at: At,
    /// Passes over the rows so far, whole ones.
    pub epoch: u64,
    /// What rows are of.
    pub material: &'a Material,
    /// Whether they are training rows; else they are watched ones.
    pub training: bool,
    /// The rows.
    pub rows: Vec<usize>,
    /// Draws of this computation.
    pub chance: Chance,
    /// Training (with dropout) or evaluation.
    pub pass: Pass,
    /// What the step before left behind.
    pub memory: &'a [f64],
}

impl<'a> Asked<'a> {
    /// Training rows without a step: what a network takes its start from.
    pub fn first(material: &'a Material, rows: Vec<usize>, seed: u64) -> Self {
        Self {
            at: At { stage: 1, step: 0 },
            epoch: 0,
            material,
            training: true,
            rows,
            chance: Chance::new(seed, "draws of the start", &[]),
            pass: Pass::evaluation(),
            memory: &[],
        }
    }

    /// Crops of the rows: each row with its first frame, and as many frames as all of them have, at most `most`, but a whole
    /// number of windows and one at least.
    pub fn crops_of_whole(&mut self, most: usize, window: usize) -> (Vec<(&'a Row, usize)>, usize) {
        let rows = self.material.rows(self.training);
        let frames = self.rows.iter().map(|row| rows[*row].frames).min().unwrap_or(0).min(most);
        let frames = (frames / window).max(1) * window;
        let crop = |row: &usize| {
            let row = &rows[*row];
            (row, self.chance.below(row.frames - frames + 1))
        };
        (self.rows.iter().map(crop).collect(), frames)
    }
}

/// A learner that was asked before it was given a network.
pub(crate) fn not_entered() -> Fault {
    Fault::new(FaultKind::Internal, "", "no stage of the lesson was begun")
}

/// Losses on the tape.
pub struct Lost {
    /// What is minimised.
    pub total: Tensor,
    /// Terms by name, without weights.
    pub terms: Vec<(&'static str, Tensor)>,
    /// What the next step finds in its memory.
    pub memory: Vec<f64>,
    /// Numbers of learned tensors that are set anew when the step is taken: name, first number, values.
    pub renewed: Vec<(&'static str, usize, Vec<f32>)>,
}

impl Lost {
    /// The numbers.
    fn numbers(&self) -> candle_core::Result<Numbers> {
        let number = |tensor: &Tensor| tensor.to_dtype(candle_core::DType::F64)?.to_scalar::<f64>();
        let mut numbers = Numbers::from([("total".to_owned(), number(&self.total)?)]);
        for (name, term) in &self.terms {
            numbers.insert((*name).to_owned(), number(term)?);
        }
        Ok(numbers)
    }
}

/// A table of a plan as a type, and the table as that type writes it.
///
/// # Errors
/// Unknown keys and values of the wrong kind, with the table's name.
pub fn typed<T: Serialize + DeserializeOwned>(name: &str, table: &mut toml::Table) -> Result<T> {
    let bad = |detail: String| Fault::new(FaultKind::BadRequest, "", detail).at(name.to_owned());
    let value: T =
        table.clone().try_into().map_err(|error: toml::de::Error| bad(error.message().to_owned()))?;
    *table = toml::Table::try_from(&value).map_err(|error| bad(error.to_string()))?;
    Ok(value)
}

/// A type as a table of a plan.
pub(crate) fn table<T: Serialize>(value: &T) -> toml::Table {
    toml::Table::try_from(value).unwrap_or_default()
}
