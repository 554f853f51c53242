//! Valence and arousal as tokens: the occupied cells of an 80 x 80 grid over [-1, 1] x [-1, 1].
//!
//! The value of a cell is its centre, so the error is at most 0.0125; 1.0 belongs to the last cell. Ids number the
//! occupied cells in ascending order; an unoccupied cell takes the id of the nearest occupied centre, ties to the
//! lower cell.

use rayon::prelude::*;

/// Cells along one side.
pub const SIDE: usize = 80;
/// Cells of the grid.
pub const CELLS: usize = SIDE * SIDE;

/// The occupied cells.
#[derive(Debug, Clone, PartialEq)]
pub struct VaBook {
    cells: Vec<u16>,
    values: Vec<[f32; 2]>,
    /// Id of every cell.
    table: Vec<u16>,
}

/// Row or column of the grid for a value; values beyond [-1, 1] fall into the outer cells.
pub fn step(value: f32) -> usize {
    // in double precision: 40 (v + 1) of a single-precision v is then exact enough to never cross an edge
    ((40.0 * (f64::from(value) + 1.0)).floor().max(0.0) as usize).min(SIDE - 1)
}

/// The cell of a frame.
pub fn cell(valence: f32, arousal: f32) -> u16 {
    (SIDE * step(valence) + step(arousal)) as u16
}

/// Centre of a cell: valence, arousal.
pub fn center(cell: u16) -> [f32; 2] {
    [usize::from(cell) / SIDE, usize::from(cell) % SIDE]
        .map(|step| (-1.0 + (step as f64 + 0.5) / 40.0) as f32)
}

impl VaBook {
    /// The cells met in `cells` (at least one).
    pub(crate) fn fit(cells: impl Iterator<Item = u16>) -> Self {
        Self::new(cells.collect::<std::collections::BTreeSet<_>>().into_iter().collect())
    }

    /// A book of ascending cells below [`CELLS`].
    pub(crate) fn new(cells: Vec<u16>) -> Self {
        let table = (0..CELLS as u16)
            .into_par_iter()
            .map(|cell| cells.binary_search(&cell).unwrap_or_else(|_| nearest(&cells, cell)) as u16)
            .collect();
        let values = cells.iter().map(|cell| center(*cell)).collect();
        Self { cells, values, table }
    }

    /// Id of a cell, occupied or not.
    pub fn id(&self, cell: u16) -> u32 {
        u32::from(self.table[usize::from(cell).min(CELLS - 1)])
    }

    /// Valence and arousal of every id.
    pub fn values(&self) -> &[[f32; 2]] {
        &self.values
    }

    /// Cell of every id, ascending.
    pub fn cells(&self) -> &[u16] {
        &self.cells
    }
}

fn nearest(cells: &[u16], cell: u16) -> usize {
    let place = |cell: u16| (i32::from(cell) / SIDE as i32, i32::from(cell) % SIDE as i32);
    let (row, column) = place(cell);
    let distance = |other: u16| {
        let (other_row, other_column) = place(other);
        (row - other_row).pow(2) + (column - other_column).pow(2)
    };
    // min_by_key keeps the first of equals: the lower cell
    cells.iter().enumerate().min_by_key(|(_, other)| distance(**other)).map_or(0, |(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_in_the_last_cell_and_the_error_is_half_a_cell() {
        assert_eq!(step(1.0), 79);
        assert_eq!(step(-1.0), 0);
        assert_eq!((step(7.0), step(-7.0)), (79, 0));
        for index in 0..=20_000 {
            let value = -1.0 + index as f32 / 10_000.0;
            let [back, _] = center(cell(value, 0.0));
            assert!((back - value).abs() <= 0.0125 + 1e-6, "{value} {back}");
        }
    }

    #[test]
    fn every_occupied_cell_returns_to_itself_and_others_to_the_nearest() {
        let book = VaBook::fit([cell(-0.9, 0.1), cell(0.5, 0.5), cell(0.5, 0.6), cell(0.5, 0.5)].into_iter());
        assert_eq!(book.cells().len(), 3);
        for (id, value) in book.values().iter().enumerate() {
            assert_eq!(book.id(cell(value[0], value[1])), id as u32);
        }
        assert_eq!(book.id(cell(1.0, 1.0)), 2);
        let between = VaBook::new(vec![10, 12]);
        assert_eq!(between.id(11), 0, "ties go to the lower cell");
    }
}
