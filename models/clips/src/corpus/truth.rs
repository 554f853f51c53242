//! `intents.csv` of a synthetic corpus: the true intent of every listener. Read by evaluations only, never by training.

use std::path::Path;

use serde::Deserialize;

use super::Split;
use crate::fault::{Fault, FaultKind, Result};
use crate::synth::world::{CLASSES, INTENTS};

/// The truth about one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentRow {
    /// Split of the row.
    pub split: Split,
    /// Row of the split in the official order.
    pub row: usize,
    /// Speaker class, index into [`CLASSES`].
    pub class: usize,
    /// Stimulus, counted within the split.
    pub template: usize,
    /// True intent, index into [`INTENTS`].
    pub intent: usize,
    /// Frames at which the speaker's events begin.
    pub event_frames: Vec<usize>,
}

#[derive(Deserialize)]
struct Line {
    split: Split,
    row: usize,
    class: String,
    template: usize,
    intent: String,
    event_frames: String,
}

pub(super) fn read(root: &Path) -> Result<Option<Vec<IntentRow>>> {
    let path = root.join("intents.csv");
    if !path.is_file() {
        return Ok(None);
    }
    let wrong = |row: usize, what: String| {
        Fault::new(FaultKind::Malformed, &path, what)
            .at(format!("row {}", row + 2))
            .remedy("write the corpus again with backchannel synth")
    };
    let mut reader = csv::Reader::from_path(&path).map_err(|error| wrong(0, error.to_string()))?;
    let mut rows = Vec::new();
    for (number, line) in reader.deserialize::<Line>().enumerate() {
        let line = line.map_err(|error| wrong(number, error.to_string()))?;
        let find = |names: &[&str], name: &str| {
            names
                .iter()
                .position(|known| *known == name)
                .ok_or_else(|| wrong(number, format!("\"{name}\" is not known")))
        };
        rows.push(IntentRow {
            split: line.split,
            row: line.row,
            class: find(&CLASSES, &line.class)?,
            template: line.template,
            intent: find(&INTENTS, &line.intent)?,
            event_frames: line
                .event_frames
                .split_whitespace()
                .filter_map(|frame| frame.parse().ok())
                .collect(),
        });
    }
    Ok(Some(rows))
}
