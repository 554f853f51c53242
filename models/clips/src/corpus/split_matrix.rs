//! Cutting the matrix over the whole corpus into the matrices of the splits, as `tool/matrix_split.py` of the challenge
//! does, in one pass over the file.
//!
//! Rule: for every row of a split's list, the position of its first person's clip in `data_indices.csv` (site without
//! case, chat, clip); L = these positions; the split's matrix is the full one restricted to rows and columns
//! `L ++ (L + W)`, W the number of rows of `data_indices.csv`. The official tool drops a row that has no position
//! without a word, after which every later row of the matrix belongs to another clip; the result here is the same, and
//! every dropped row is a fault.

use std::path::{Path, PathBuf};

use super::neighbours::{key_of, read_indices};
use super::{Corpus, Split};
use crate::array::{read_npy_rows, read_npy_shape, write_npy_f64};
use crate::control::Control;
use crate::fault::{Fault, FaultKind, Result};

/// The matrix over the whole corpus; its name is spelt as it is shipped.
pub const FULL_MATRIX: &str = "Approprirate_facial_reaction.npy";

/// The matrix of one split.
#[derive(Debug, Clone)]
pub struct SplitMatrix {
    /// The split.
    pub split: Split,
    /// Rows and columns.
    pub size: usize,
    /// size x size values, as they stand in the full matrix.
    pub values: Vec<f64>,
    /// Rows of the list that have no place in the full matrix and were left out. When there is any, the matrix does
    /// not fit the list.
    pub dropped: Vec<Fault>,
}

impl SplitMatrix {
    /// Writes `neighbour_emotion_SPLIT.npy` (float64) into `folder` and returns its path.
    ///
    /// # Errors
    /// [`FaultKind::NotWritable`].
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        let path = folder.join(format!("neighbour_emotion_{}.npy", self.split.name()));
        write_npy_f64(&path, &[self.size, self.size], &self.values)?;
        Ok(path)
    }
}

/// Cuts `full` for every split of `corpus` that has a clip; `indices` is the `data_indices.csv` that belongs to it.
/// Memory: the matrices of the splits and one row of the full one.
///
/// # Errors
/// A file that cannot be read, a matrix that does not fit `indices`, or a stop.
pub fn split_matrix(
    corpus: &Corpus,
    full: &Path,
    indices: &Path,
    control: &Control,
) -> Result<Vec<SplitMatrix>> {
    let known = read_indices(indices)?;
    let shape = read_npy_shape(full)?;
    if shape != [2 * known.len(), 2 * known.len()] {
        let text = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
        return Err(Fault::new(
            FaultKind::Mismatch,
            full,
            format!("the shape is {text} for the {} clips of {}", known.len(), indices.display()),
        )
        .at("header")
        .remedy(
            "the full matrix has two rows for every clip of data_indices.csv; use the two files together",
        ));
    }
    let mut made = Vec::new();
    let mut places = Vec::new();
    for split in Split::ALL {
        let rows = corpus.clips(split);
        if rows.is_empty() {
            continue;
        }
        let (mut chosen, mut dropped) = (Vec::new(), Vec::new());
        for row in &rows[..rows.len() / 2] {
            match key_of(&row.speaker.name).and_then(|key| known.get(&key)) {
                Some(position) => chosen.push(*position),
                None => dropped.push(
                    Fault::new(FaultKind::Mismatch, indices, format!("{} is not in it", row.id))
                        .remedy("the official tool drops this row in silence, and every later row of the matrix then belongs to another clip; use the data_indices.csv of this corpus, or take the row out of the list"),
                ),
            }
        }
        let half = chosen.len();
        chosen.extend_from_within(..);
        chosen[half..].iter_mut().for_each(|position| *position += known.len());
        // Where a row of the full matrix goes; a clip may be listed twice.
        let mut goes: Vec<Vec<usize>> = vec![Vec::new(); 2 * known.len()];
        chosen.iter().enumerate().for_each(|(place, position)| goes[*position].push(place));
        made.push(SplitMatrix {
            split,
            size: chosen.len(),
            values: vec![0.0; chosen.len() * chosen.len()],
            dropped,
        });
        places.push((chosen, goes));
    }
    read_npy_rows(full, |index, row| {
        if index.is_multiple_of(256) {
            control.step("splitting the matrix", index as u64, shape[0] as u64, "")?;
        }
        for (matrix, (chosen, goes)) in made.iter_mut().zip(&places) {
            for place in &goes[index] {
                let begin = place * matrix.size;
                for (value, column) in matrix.values[begin..begin + matrix.size].iter_mut().zip(chosen) {
                    *value = row[*column];
                }
            }
        }
        Ok(())
    })?;
    Ok(made)
}
