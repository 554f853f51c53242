//! Systems beside each other: every cell with its spread over seeds, its interval over clips and its values clip by clip;
//! paired comparisons of any two; what may be printed bold.

use std::collections::BTreeMap;
use std::sync::Arc;

use clips::{Control, Result, Track};
use listener::ceiling::{is_yardstick, knows_the_truth};
use measures::paired::{self, Comparison};
use measures::uncertainty::{Interval, Resampling, Spread, interval};
use serde::{Deserialize, Serialize};

use crate::column::Column;
use crate::entry::{Draw, Entry};
use crate::latents::{self, LatentRow};
use crate::looks;
use crate::outcome::{Outcome, Settings};
use crate::recognition::Recognition;
use crate::split::Split;

/// One system of a study with everything that was scored of it.
#[derive(Debug, Clone)]
pub struct Scored {
    /// Who and how.
    pub entry: Entry,
    /// One outcome a seed.
    pub outcomes: Vec<Arc<Outcome>>,
    /// What its network makes of the real listeners.
    pub recognition: Option<Arc<Recognition>>,
    /// What went wrong beside the measures.
    pub warnings: Vec<String>,
}

/// One value of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Mean over seeds; `None` where undefined.
    pub value: Option<f64>,
    /// Mean, deviation and number of seeds.
    pub spread: Option<Spread>,
    /// 95 % interval over clips of the mean over seeds; `None` for what only a set has.
    pub interval: Option<Interval>,
    /// Mean over seeds of each clip; empty for what only a set has.
    #[serde(skip)]
    pub per_clip: Vec<Option<f64>>,
    /// May be printed bold.
    pub bold: bool,
    /// Why there is no value; empty when there is one.
    pub why: String,
    /// Why the value may not be set beside others of its column; empty where it may.
    #[serde(default)]
    pub caution: String,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What it is called.
    pub label: String,
    /// How it was named; enough to ask again.
    pub spec: String,
    /// Name of the system.
    pub system: String,
    /// SHA-256 of checkpoint or predictions.
    pub checkpoint: String,
    /// What the system may see; `None` for baselines and predictions, where it is not ours to say.
    pub track: Option<Track>,
    /// How samples were drawn from its latents; `None` without latents.
    pub draw: Option<Draw>,
    /// A naive baseline or the truth: never bold.
    pub naive: bool,
    /// How it looks in every picture ([`figures::system`]): a letter of its own, hollow for what is naive.
    #[serde(default)]
    pub look: usize,
    /// Seeds that were run.
    pub seeds: Vec<u64>,
    /// Samples of each clip.
    pub samples: usize,
    /// Values by the name of the column.
    pub cells: BTreeMap<String, Cell>,
    /// What its latents do; empty without latents.
    pub latents: Vec<LatentRow>,
    /// What a reader of the row must know.
    pub warnings: Vec<String>,
}

/// A finished study.
#[derive(Debug, Clone, Serialize)]
pub struct Board {
    /// Folder of the corpus.
    pub corpus: String,
    /// Which split.
    pub split: clips::corpus::Split,
    /// Stands for the content of the split.
    pub fingerprint: String,
    /// Clips of the split.
    pub clips: usize,
    /// Frames that were compared.
    pub frames: usize,
    /// How it was made.
    pub settings: Settings,
    /// A row a system.
    pub rows: Vec<Row>,
    /// For each column with values by clip, why nothing is bold in it.
    pub not_bold: BTreeMap<String, String>,
    /// Names of the clips.
    #[serde(skip)]
    pub ids: Vec<String>,
    /// What a reader of any number must know.
    pub warnings: Vec<String>,
}

impl Board {
    /// Puts systems beside each other.
    ///
    /// # Errors
    /// Cancelled on request; outcomes of other splits.
    pub fn of(scored: &[Scored], split: &Split, settings: &Settings, control: &Control) -> Result<Self> {
        let resampling = Resampling { rounds: settings.bootstrap, seed: 0, ..Resampling::default() };
        let (mut rows, mut trained) = (Vec::with_capacity(scored.len()), 0);
        for (index, scored) in scored.iter().enumerate() {
            control.step("intervals", index as u64, rows.capacity() as u64, scored.entry.label.clone())?;
            let mut row = row_of(scored, &resampling, &control.silent())?;
            if !row.naive {
                let slot = scored.entry.slot.unwrap_or(trained);
                row.look = looks::trained(slot);
                trained += 1;
            }
            rows.push(row);
        }
        let mut board = Self {
            corpus: split.root().display().to_string(),
            split: split.which,
            fingerprint: split.fingerprint.clone(),
            clips: split.entries().len(),
            frames: split.frames,
            settings: settings.clone(),
            rows,
            not_bold: BTreeMap::new(),
            ids: split.entries().iter().map(|entry| entry.id.clone()).collect(),
            warnings: split.warnings.clone(),
        };
        board.embolden(&resampling, &control.silent())?;
        Ok(board)
    }

    fn embolden(&mut self, resampling: &Resampling, control: &Control) -> Result<()> {
        let trained: Vec<usize> = (0..self.rows.len()).filter(|row| !self.rows[*row].naive).collect();
        for column in Column::all() {
            let Some(direction) = column.better() else { continue };
            if let Some(why) = self.uneven(column) {
                self.not_bold.insert(column.name().to_owned(), why.clone());
                for row in &mut self.rows {
                    let samples = figures::number::counted(row.samples, "sample");
                    if let Some(cell) = row.cells.get_mut(column.name()).filter(|cell| cell.value.is_some()) {
                        cell.caution = format!("of {samples}; {why}");
                    }
                }
                continue;
            }
            let taking: Vec<usize> = trained
                .iter()
                .copied()
                .filter(|row| self.rows[*row].cell(column).is_some_and(|cell| !cell.per_clip.is_empty()))
                .collect();
            let values: Vec<Vec<Option<f64>>> = taking
                .iter()
                .filter_map(|row| Some(self.rows[*row].cell(column)?.per_clip.clone()))
                .collect();
            if values.is_empty() {
                continue;
            }
            let found = paired::bold(&values, direction, column.kind(), resampling, control)?;
            for (row, bold) in taking.iter().zip(&found.bold) {
                if let Some(cell) = self.rows[*row].cells.get_mut(column.name()) {
                    cell.bold = *bold;
                }
            }
            if !found.reason.is_empty() {
                self.not_bold.insert(column.name().to_owned(), found.reason);
            }
        }
        Ok(())
    }

    /// Samples of a clip that most rows have (of equals the more): the rows whose sums over samples can be compared.
    pub fn usual_samples(&self) -> usize {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        self.rows.iter().for_each(|row| *counts.entry(row.samples).or_default() += 1);
        counts.into_iter().max_by_key(|(samples, rows)| (*rows, *samples)).map_or(0, |(samples, _)| samples)
    }

    /// Why the rows of a column cannot all be compared: it is a sum over samples, and the rows have unequal numbers of
    /// them. `None` where they can.
    pub fn uneven(&self, column: Column) -> Option<String> {
        let first = self.rows.first()?.samples;
        if !column.sums_over_samples() || self.rows.iter().all(|row| row.samples == first) {
            return None;
        }
        let usual = self.usual_samples();
        let others: Vec<String> = self
            .rows
            .iter()
            .filter(|row| row.samples != usual)
            .map(|row| format!("{} has {}", row.label, row.samples))
            .collect();
        Some(format!(
            "{} is a sum over samples: {}, the others {usual}; such values are not compared",
            column.name(),
            others.join(", ")
        ))
    }

    /// Why two rows cannot be compared by a column; `None` where they can.
    pub fn incomparable(&self, a: usize, b: usize, column: Column) -> Option<String> {
        let (a, b) = (self.rows.get(a)?, self.rows.get(b)?);
        (column.sums_over_samples() && a.samples != b.samples).then(|| {
            format!("{} is a sum over samples, here of {} and of {}", column.name(), a.samples, b.samples)
        })
    }

    /// Two rows by one column, clip by clip; `None` where one of them has no values by clip, or none in common, or
    /// where they are sums over unequal numbers of samples ([`Board::incomparable`]).
    ///
    /// # Errors
    /// Cancelled on request.
    pub fn compare(
        &self,
        a: usize,
        b: usize,
        column: Column,
        rounds: usize,
        control: &Control,
    ) -> Result<Option<Comparison>> {
        if self.incomparable(a, b, column).is_some() {
            return Ok(None);
        }
        let (Some(direction), Some(a), Some(b)) = (column.better(), self.rows.get(a), self.rows.get(b))
        else {
            return Ok(None);
        };
        let (Some(a), Some(b)) = (a.cell(column), b.cell(column)) else { return Ok(None) };
        let shared = a.per_clip.iter().zip(&b.per_clip).any(|(a, b)| a.is_some() && b.is_some());
        if !shared || a.per_clip.len() != b.per_clip.len() {
            return Ok(None);
        }
        let resampling = Resampling { rounds, seed: 0, ..Resampling::default() };
        Comparison::of(&a.per_clip, &b.per_clip, direction, column.kind(), &resampling, control).map(Some)
    }

    /// The row of that label.
    pub fn row(&self, label: &str) -> Option<usize> {
        self.rows.iter().position(|row| row.label == label)
    }
}

impl Row {
    /// Whether it knows the real listeners: a bound, no competitor.
    pub fn is_truth(&self) -> bool {
        knows_the_truth(&self.system)
    }

    /// The cell of a column.
    pub fn cell(&self, column: Column) -> Option<&Cell> {
        self.cells.get(column.name())
    }

    /// Clips by their value in a column, the worst first (the largest first where nothing is better); clips without a
    /// value are left out.
    pub fn ranked_clips(&self, column: Column) -> Vec<(usize, f64)> {
        let Some(cell) = self.cell(column) else { return Vec::new() };
        let mut clips: Vec<(usize, f64)> =
            cell.per_clip.iter().enumerate().filter_map(|(clip, value)| Some((clip, (*value)?))).collect();
        clips.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        if column.better() != Some(measures::Direction::Higher) {
            clips.reverse();
        }
        clips
    }
}

fn row_of(scored: &Scored, resampling: &Resampling, control: &Control) -> Result<Row> {
    let entry = &scored.entry;
    let network =
        scored.recognition.is_some() || scored.outcomes.iter().any(|outcome| !outcome.latents.is_empty());
    let naive = is_yardstick(&entry.system_name());
    let mut cells = BTreeMap::new();
    for column in Column::all() {
        cells.insert(column.name().to_owned(), cell_of(scored, column, network, resampling, control)?);
    }
    let latents = match scored.outcomes.as_slice() {
        [first, ..] => latents::table(&first.latents, resampling.rounds, resampling.seed),
        [] => Vec::new(),
    };
    let mut warnings = scored.warnings.clone();
    for warning in scored.outcomes.iter().flat_map(|outcome| &outcome.evaluation.warnings) {
        if !warnings.contains(warning) {
            warnings.push(warning.clone());
        }
    }
    Ok(Row {
        label: entry.label.clone(),
        spec: entry.spec.clone(),
        system: entry.system_name(),
        checkpoint: entry.checkpoint().to_owned(),
        track: entry.has_track().then_some(entry.track),
        draw: (entry.latents() > 0).then_some(entry.draw),
        naive,
        look: looks::naive(&entry.system_name()),
        seeds: scored.outcomes.iter().map(|outcome| outcome.seed).collect(),
        samples: scored.outcomes.first().map_or(0, |outcome| outcome.evaluation.samples),
        cells,
        latents,
        warnings,
    })
}

fn cell_of(
    scored: &Scored,
    column: Column,
    has_latents: bool,
    resampling: &Resampling,
    control: &Control,
) -> Result<Cell> {
    let values: Option<Vec<f64>> =
        scored.outcomes.iter().map(|outcome| column.of(outcome, scored.recognition.as_deref())).collect();
    let value = values
        .as_ref()
        .filter(|values| !values.is_empty())
        .map(|values| values.iter().sum::<f64>() / values.len() as f64);
    let per_clip = mean_by_clip(scored, column);
    let (defined, _) = measures::uncertainty::defined(&per_clip);
    let interval = match value {
        Some(_) if !defined.is_empty() => interval(&defined, column.kind(), resampling, control)?,
        _ => None,
    };
    Ok(Cell {
        value,
        spread: values.as_deref().and_then(Spread::of),
        interval,
        per_clip,
        bold: false,
        why: if value.is_none() { column.why_empty(has_latents).to_owned() } else { String::new() },
        caution: String::new(),
    })
}

/// Mean over seeds of each clip; a clip that one seed leaves undefined is undefined.
fn mean_by_clip(scored: &Scored, column: Column) -> Vec<Option<f64>> {
    let Some(seeds) =
        scored.outcomes.iter().map(|outcome| column.per_clip(outcome)).collect::<Option<Vec<_>>>()
    else {
        return Vec::new();
    };
    let count = seeds.iter().map(Vec::len).min().unwrap_or(0);
    (0..count)
        .map(|clip| {
            let sum = seeds.iter().map(|seed| seed[clip]).sum::<Option<f64>>()?;
            Some(sum / seeds.len() as f64)
        })
        .collect()
}
