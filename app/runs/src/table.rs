//! A run in full: every step a row, every quantity a column. What CSV and TensorBoard event files are written from and
//! read into.

use std::path::{Path, PathBuf};

use clips::{Control, Fault, FaultKind, Result};

use crate::reader::read_whole;
use crate::record::Record;
use crate::{csv, tensorboard};

/// Most cells of a table: 128 MB of numbers.
pub(crate) const MOST_CELLS: usize = 16 << 20;
/// Most columns of a table.
pub(crate) const MOST_COLUMNS: usize = 512;

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Stage, from 1.
    pub stage: u64,
    /// Step of the stage.
    pub step: u64,
    /// Passes over the data; NaN where it is not known.
    pub epoch: f64,
    /// Seconds since the run began; NaN where it is not known.
    pub seconds: f64,
    /// One value a column; NaN where the step has none.
    pub values: Vec<f64>,
}

/// A run in full.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Names of the quantities.
    pub columns: Vec<String>,
    /// By stage and step.
    pub rows: Vec<Row>,
}

impl Table {
    /// A table of records in their order.
    ///
    /// # Errors
    /// [`FaultKind::TooLarge`] for more than 16 million cells.
    pub fn of(path: &Path, records: &[Record]) -> Result<Self> {
        let mut columns: Vec<String> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for (name, _) in records.iter().flat_map(|record| &record.values) {
            if columns.len() < MOST_COLUMNS && !places.contains_key(name.as_str()) {
                places.insert(name.as_str(), columns.len());
                columns.push(name.clone());
            }
        }
        if records.len().saturating_mul(columns.len()) > MOST_CELLS {
            return Err(too_large(path));
        }
        let rows = records
            .iter()
            .map(|record| {
                let mut values = vec![f64::NAN; columns.len()];
                for (name, value) in &record.values {
                    if let Some(place) = places.get(name.as_str()) {
                        values[*place] = *value;
                    }
                }
                Row {
                    stage: record.stage,
                    step: record.step,
                    epoch: record.epoch.unwrap_or(f64::NAN),
                    seconds: record.seconds.unwrap_or(f64::NAN),
                    values,
                }
            })
            .collect();
        Ok(Self { columns, rows })
    }

    /// The steps as records, for whoever reads a run step by step.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        self.rows.iter().map(|row| Record {
            stage: row.stage,
            step: row.step,
            epoch: Some(row.epoch).filter(|value| value.is_finite()),
            seconds: Some(row.seconds).filter(|value| value.is_finite()),
            values: self
                .columns
                .iter()
                .zip(&row.values)
                .filter(|(_, value)| value.is_finite())
                .map(|(name, value)| (name.clone(), *value))
                .collect(),
            ..Record::default()
        })
    }

    /// Reads whatever holds numbers of a run: a run folder, a folder with TensorBoard event files, an event file, a CSV.
    ///
    /// # Errors
    /// A fault naming the file: not readable, not one of these, too large.
    pub fn read(path: &Path, control: &Control) -> Result<Self> {
        if path.is_dir() {
            if path.join("metrics.jsonl").exists() {
                return Self::of(path, &read_whole(path, control)?);
            }
            let files = Self::event_files(path);
            if files.is_empty() {
                return Err(Fault::new(FaultKind::Empty, path, "the folder holds no run")
                    .remedy("open a run folder, or one with TensorBoard event files"));
            }
            return tensorboard::read(path, &files, control);
        }
        if Self::is_events(path) {
            return tensorboard::read(path, std::slice::from_ref(&path.to_owned()), control);
        }
        csv::read(path, control)
    }

    /// Writes all steps as CSV: stage, step, epoch, seconds, then every quantity; what a step has not is left empty.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_csv(&self, path: &Path) -> Result<()> {
        csv::write(self, path)
    }

    /// Writes a TensorBoard event file into a folder, which is made; returns the file. Steps are counted over all stages;
    /// `stage` and `epoch` become scalars of their own. `began` is when the run began, in seconds since 1970.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_events(&self, folder: &Path, began: f64) -> Result<PathBuf> {
        tensorboard::write(self, folder, began)
    }

    /// Event files in a folder, by name.
    pub fn event_files(folder: &Path) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let mut files: Vec<PathBuf> = entries
            .flatten()
            .take(4096)
            .map(|entry| entry.path())
            .filter(|path| Self::is_events(path))
            .collect();
        files.sort();
        files
    }

    /// Whether a file is named as TensorBoard names event files.
    pub fn is_events(path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.contains("tfevents") && path.is_file()
    }

    /// Whether a CSV file has a column of steps.
    pub fn is_csv(path: &Path) -> bool {
        csv::has_steps(path)
    }

    /// Steps of the stages before each row's, to count over all of them.
    pub(crate) fn bases(&self) -> Vec<u64> {
        let (mut base, mut last) = (0, (0, 0));
        self.rows
            .iter()
            .map(|row| {
                if row.stage != last.0 {
                    base += last.1;
                }
                last = (row.stage, row.step);
                base
            })
            .collect()
    }
}

pub(crate) fn too_large(path: &Path) -> Fault {
    Fault::new(FaultKind::TooLarge, path, "the run has more than 16 million numbers")
        .remedy("watch fewer quantities, or cut the file")
}
