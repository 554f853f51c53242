//! A whole study: every entry, every seed, one after the other; what is in the cache is not made again.

use std::sync::Arc;

use clips::{Control, Result};

use crate::board::{Board, Scored};
use crate::cache::Cache;
use crate::entry::{Answerer, Entry};
use crate::outcome::{Settings, recognise, score};
use crate::split::Split;

/// Scores one entry with every seed; a system that draws nothing is scored once.
///
/// # Errors
/// As [`score`].
pub fn score_entry(
    entry: &Entry,
    split: &Split,
    settings: &Settings,
    cache: Option<&Cache>,
    control: &Control,
) -> Result<Scored> {
    let seeds =
        if entry.draws() { settings.seeds.as_slice() } else { settings.seeds.get(..1).unwrap_or(&[]) };
    let outcomes = seeds
        .iter()
        .map(|seed| score(entry, split, settings, *seed, cache, control).map(Arc::new))
        .collect::<Result<_>>()?;
    let mut warnings = Vec::new();
    if let Answerer::File(predictions) = &entry.answerer {
        let [_, held, frames] = predictions.size();
        if frames > split.frames {
            warnings.push(format!(
                "{}: reactions of {frames} frames are cut to {}",
                predictions.path().display(),
                split.frames
            ));
        }
        warnings.extend(predictions.outside(settings.samples.min(held), split.frames, control)?);
    }
    let recognition = match recognise(entry, split, cache, control) {
        Ok(found) => found.map(Arc::new),
        Err(fault) if fault.is_cancelled() => return Err(fault),
        // The measures stand without it; the columns that need it are empty and the row says why.
        Err(fault) => {
            warnings.push(format!("real listeners could not be read by the network: {fault}"));
            None
        }
    };
    Ok(Scored { entry: entry.clone(), outcomes, recognition, warnings })
}

/// Scores all entries and puts them beside each other.
///
/// # Errors
/// As [`score_entry`] and [`Board::of`].
pub fn run(
    entries: &[Entry],
    split: &Split,
    settings: &Settings,
    cache: Option<&Cache>,
    control: &Control,
) -> Result<(Vec<Scored>, Board)> {
    let scored = entries
        .iter()
        .map(|entry| score_entry(entry, split, settings, cache, control))
        .collect::<Result<Vec<_>>>()?;
    let board = Board::of(&scored, split, settings, control)?;
    Ok((scored, board))
}
