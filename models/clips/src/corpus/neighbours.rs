//! Neighbour matrices: which true reactions are appropriate to which row.

use std::path::Path;

use super::Split;
use crate::array::read_npy;
use crate::fault::{Fault, FaultKind, Result};

/// Appropriate reactions of every row, as ascending indices into the rows of the same split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbours {
    /// `rows[n]` lists the j whose listener is appropriate to row n (matrix entry exactly 1).
    pub rows: Vec<Vec<u32>>,
}

impl Neighbours {
    /// Reads a square matrix file; an entry counts when it is exactly 1, as in the official code.
    ///
    /// # Errors
    /// [`FaultKind::WrongShape`] when it is not square; the faults of [`read_npy`].
    pub fn read(path: &Path) -> Result<Self> {
        let array = read_npy(path)?;
        let [height, width] = array.shape[..] else {
            return Err(not_square(path, &array.shape_text()));
        };
        if height != width {
            return Err(not_square(path, &array.shape_text()));
        }
        let rows = array
            .values
            .chunks(width.max(1))
            .map(|row| {
                row.iter()
                    .enumerate()
                    .filter(|(_, value)| **value == 1.0)
                    .map(|(column, _)| column as u32)
                    .collect()
            })
            .collect();
        Ok(Self { rows })
    }

    /// Rows that have another appropriate reaction beside their own.
    pub fn with_alternatives(&self) -> usize {
        self.rows.iter().filter(|row| row.len() > 1).count()
    }
}

fn not_square(path: &Path, shape: &str) -> Fault {
    Fault::new(FaultKind::WrongShape, path, format!("the shape is {shape}"))
        .remedy("a neighbour matrix is square")
}

pub(super) fn read(root: &Path, split: Split, rows: usize) -> Result<Option<Neighbours>> {
    let path = root.join(format!("neighbour_emotion_{}.npy", split.name()));
    if !path.is_file() {
        return Ok(None);
    }
    let found = Neighbours::read(&path)?;
    if found.rows.len() == rows {
        return Ok(Some(found));
    }
    Err(Fault::new(
        FaultKind::Mismatch,
        &path,
        format!("{} rows for a list of {rows} (pairs counted in both roles)", found.rows.len()),
    )
    .remedy(
        "cut the full matrix again for this list; the official tool drops rows it cannot match in silence",
    ))
}
