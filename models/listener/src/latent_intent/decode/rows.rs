//! Rows of numbers that are read far more often than written: cached keys and values. Weights are in `panels.rs`.
//!
//! Decoding a large network is bound by reading them, so they come in two widths: single precision, and integers of 16
//! bits with a scale for each row (half the bytes; an error of at most 1/65,534 of the row's largest number, where a
//! half-precision float's is 1/2,048 of each). The scale of a row is folded into the number that multiplies it, once a row;
//! sums are in single precision. In both widths they run in one order for every batch.

use pulp::NullaryFnOnce;
use rayon::prelude::*;

use crate::real::vectorised;

/// Results that are summed at a time: they stay in the first cache, and with them the rows they are summed from.
const TILE: usize = 5120;
/// Fewest columns of a tile.
const NARROWEST: usize = 256;
/// Numbers a single product must read before its columns are shared among threads.
pub(super) const SHARED: usize = 1 << 18;
/// The largest level of a row of 16 bits.
const LEVELS: f32 = i16::MAX as f32;

/// How weights and caches are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floating point: what the network was trained in.
    Single,
    /// 16-bit integers with a scale for each row.
    Sixteen,
}

/// A stored number.
pub(super) trait Number: Copy + Send + Sync {
    fn wide(self) -> f32;
}

impl Number for f32 {
    #[inline(always)]
    fn wide(self) -> f32 {
        self
    }
}

impl Number for i16 {
    #[inline(always)]
    fn wide(self) -> f32 {
        f32::from(self)
    }
}

#[derive(Debug, Clone)]
enum Stored {
    Single(Vec<f32>),
    Sixteen(Vec<i16>),
}

/// Rows of equal width.
#[derive(Debug, Clone)]
pub struct Rows {
    width: usize,
    stored: Stored,
    /// What a row's stored numbers are multiplied with; 1 in single precision.
    scales: Vec<f32>,
}

impl Rows {
    /// No rows yet.
    pub(super) fn new(precision: Precision, width: usize) -> Self {
        let stored = match precision {
            Precision::Single => Stored::Single(Vec::new()),
            Precision::Sixteen => Stored::Sixteen(Vec::new()),
        };
        Self { width, stored, scales: Vec::new() }
    }

    /// Rows there are.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    /// Replaces a row, or adds one where `row` is the number of rows.
    pub(super) fn set(&mut self, row: usize, values: &[f32]) {
        debug_assert!(row <= self.len() && values.len() == self.width);
        let end = (row + 1) * self.width;
        if row == self.len() {
            self.scales.push(1.0);
            match &mut self.stored {
                Stored::Single(all) => all.resize(end, 0.0),
                Stored::Sixteen(all) => all.resize(end, 0),
            }
        }
        match &mut self.stored {
            Stored::Single(all) => all[end - self.width..end].copy_from_slice(values),
            Stored::Sixteen(all) => {
                self.scales[row] = level(values, &mut all[end - self.width..end]);
            }
        }
    }

    /// All numbers, row by row.
    pub fn wide(&self) -> Vec<f32> {
        match &self.stored {
            Stored::Single(all) => all.clone(),
            Stored::Sixteen(all) => {
                let rows = all.chunks_exact(self.width).zip(&self.scales);
                rows.flat_map(|(row, scale)| row.iter().map(move |level| level.wide() * scale)).collect()
            }
        }
    }

    /// `y += x W` for the rows of `y`; the rows of `x` begin `stride` apart and have a number for each of ours.
    ///
    /// `alone`: there is no more to compute than this. Threads then share the columns of a large product for one row of
    /// `x`, since a thread alone cannot read as fast as the memory gives.
    pub(super) fn add_product(&self, x: &[f32], stride: usize, y: &mut [f32], alone: bool) {
        if alone && y.len() == self.width && self.len() * self.width >= SHARED {
            let share = self.width.div_ceil(rayon::current_num_threads()).next_multiple_of(NARROWEST);
            let parts = y.par_chunks_mut(share).enumerate();
            parts.for_each(|(part, y)| self.add_columns(part * share, x, stride, y, share));
        } else {
            self.add_columns(0, x, stride, y, self.width);
        }
    }

    /// The same for the columns from `first` on; rows of `y` are at most `columns` wide.
    fn add_columns(&self, first: usize, x: &[f32], stride: usize, y: &mut [f32], columns: usize) {
        let (width, scales, columns) = (self.width, self.scales.as_slice(), columns.min(y.len()));
        match &self.stored {
            Stored::Single(all) => {
                vectorised(AddProduct { all: &all[first..], width, columns, scales, x, stride, y });
            }
            Stored::Sixteen(all) => {
                vectorised(AddProduct { all: &all[first..], width, columns, scales, x, stride, y });
            }
        }
    }

    /// The product of every query `[B, width]` with every row: `scores` is `[B, rows]`.
    pub(super) fn scores(&self, queries: &[f32], scores: &mut [f32]) {
        let (width, scales) = (self.width, self.scales.as_slice());
        match &self.stored {
            Stored::Single(all) => vectorised(Scores { all, width, scales, queries, scores }),
            Stored::Sixteen(all) => vectorised(Scores { all, width, scales, queries, scores }),
        }
    }
}

/// Rounds a row to 16 bits and gives its scale.
pub(super) fn level(values: &[f32], levels: &mut [i16]) -> f32 {
    vectorised(Level { values, levels })
}

struct Level<'a> {
    values: &'a [f32],
    levels: &'a mut [i16],
}

impl NullaryFnOnce for Level<'_> {
    type Output = f32;

    #[inline(always)]
    fn call(self) -> f32 {
        let largest = self.values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        // a row that is no number at all stays one: its scale says so
        if !(largest > 0.0 && largest.is_finite()) {
            self.levels.fill(i16::from(largest != 0.0));
            return largest;
        }
        let share = LEVELS / largest;
        for (level, value) in self.levels.iter_mut().zip(self.values) {
            *level = (value * share).round_ties_even() as i16;
        }
        largest / LEVELS
    }
}

/// Rows begin `width` apart; the first `columns` numbers of each are taken.
struct AddProduct<'a, T> {
    all: &'a [T],
    width: usize,
    columns: usize,
    scales: &'a [f32],
    x: &'a [f32],
    stride: usize,
    y: &'a mut [f32],
}

impl<T: Number> NullaryFnOnce for AddProduct<'_, T> {
    type Output = ();

    /// Every row is fetched once for all results: a tile of them stays at hand while the rows pass by. The sum of each
    /// result runs over the rows in the same order whatever the number of results.
    #[inline(always)]
    fn call(self) {
        let Self { all, width, columns, scales, x, stride, y } = self;
        let (rows, results) = (scales.len(), y.len() / columns);
        let step = NARROWEST.max(TILE / results.max(1) / NARROWEST * NARROWEST);
        for first in (0..columns).step_by(step) {
            let tile = first..(first + step).min(columns);
            for four in (0..rows - rows % 4).step_by(4) {
                let [a, b, c, d]: [&[T]; 4] =
                    std::array::from_fn(|next| &all[(four + next) * width..][tile.clone()]);
                for (x, y) in x.chunks(stride).zip(y.chunks_exact_mut(columns)) {
                    let x: [f32; 4] = std::array::from_fn(|next| x[four + next] * scales[four + next]);
                    for ((((y, a), b), c), d) in y[tile.clone()].iter_mut().zip(a).zip(b).zip(c).zip(d) {
                        let sum = x[1].mul_add(b.wide(), x[0].mul_add(a.wide(), *y));
                        *y = x[3].mul_add(d.wide(), x[2].mul_add(c.wide(), sum));
                    }
                }
            }
            for last in rows - rows % 4..rows {
                let row = &all[last * width..][tile.clone()];
                for (x, y) in x.chunks(stride).zip(y.chunks_exact_mut(columns)) {
                    let x = x[last] * scales[last];
                    for (y, w) in y[tile.clone()].iter_mut().zip(row) {
                        *y = x.mul_add(w.wide(), *y);
                    }
                }
            }
        }
    }
}

struct Scores<'a, T> {
    all: &'a [T],
    width: usize,
    scales: &'a [f32],
    queries: &'a [f32],
    scores: &'a mut [f32],
}

impl<T: Number> NullaryFnOnce for Scores<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { all, width, scales, queries, scores } = self;
        for (row, (key, scale)) in all.chunks_exact(width).zip(scales).enumerate() {
            for (query, scores) in queries.chunks_exact(width).zip(scores.chunks_exact_mut(scales.len())) {
                scores[row] = dot(query, key) * scale;
            }
        }
    }
}

/// The product of two rows, summed in eight lanes.
#[inline(always)]
fn dot<T: Number>(a: &[f32], b: &[T]) -> f32 {
    let ((a8, a_rest), (b8, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0f32; 8];
    for (a, b) in a8.iter().zip(b8) {
        for lane in 0..8 {
            sums[lane] = a[lane].mul_add(b[lane].wide(), sums[lane]);
        }
    }
    let mut rest = 0.0;
    for (a, b) in a_rest.iter().zip(b_rest) {
        rest += a * b.wide();
    }
    ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7])) + rest
}

#[cfg(test)]
mod tests {
    use clips::Chance;

    use super::*;

    const WIDTH: usize = 1030;

    fn drawn(chance: &mut Chance, count: usize) -> Vec<f32> {
        (0..count).map(|_| chance.normal() as f32).collect()
    }

    fn rows(precision: Precision, values: &[f32]) -> Rows {
        let mut rows = Rows::new(precision, WIDTH);
        values.chunks_exact(WIDTH).enumerate().for_each(|(row, values)| rows.set(row, values));
        rows
    }

    #[test]
    fn sixteen_bits_err_by_half_a_level_of_the_largest_of_the_row_at_most() {
        let mut values = drawn(&mut Chance::new(1, "rows", &[]), 5 * WIDTH);
        values[WIDTH..2 * WIDTH].fill(0.0);
        values[2 * WIDTH..3 * WIDTH].iter_mut().for_each(|value| *value *= 1e-30);
        assert_eq!(rows(Precision::Single, &values).wide(), values);
        let mut kept = rows(Precision::Sixteen, &values);
        let wide = kept.wide();
        for (row, back) in values.chunks_exact(WIDTH).zip(wide.chunks_exact(WIDTH)) {
            let largest = row.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
            for (value, back) in row.iter().zip(back) {
                assert!((value - back).abs() <= 0.505 * largest / LEVELS, "{value}, not {back}");
            }
        }
        // a row that is replaced has the scale of what stands there now
        kept.set(3, &vec![0.25; WIDTH]);
        assert_eq!((kept.len(), kept.wide()[3 * WIDTH]), (5, 0.25));
        assert_eq!(kept.wide()[4 * WIDTH..], wide[4 * WIDTH..]);
    }

    #[test]
    fn products_are_those_of_plain_sums_and_the_same_bits_for_any_batch_and_any_threads() {
        let mut chance = Chance::new(2, "rows", &[]);
        let (count, batch) = (277, 3);
        assert!(count * WIDTH >= SHARED, "large enough to be shared among threads");
        let (values, x) = (drawn(&mut chance, count * WIDTH), drawn(&mut chance, batch * count));
        let queries = drawn(&mut chance, batch * WIDTH);
        for precision in [Precision::Single, Precision::Sixteen] {
            let rows = rows(precision, &values);
            let wide = rows.wide();
            let mut together = vec![0.5; batch * WIDTH];
            rows.add_product(&x, count, &mut together, true);
            let mut scores = vec![0.0; batch * count];
            rows.scores(&queries, &mut scores);
            for (b, y) in together.chunks_exact(WIDTH).enumerate() {
                let x = &x[b * count..][..count];
                for shared in [true, false] {
                    let mut alone = vec![0.5; WIDTH];
                    rows.add_product(x, count, &mut alone, shared);
                    assert_eq!(alone, y);
                }
                for column in (0..WIDTH).step_by(101) {
                    let terms =
                        x.iter().enumerate().map(|(row, x)| f64::from(x * wide[row * WIDTH + column]));
                    assert!((0.5 + terms.sum::<f64>() - f64::from(y[column])).abs() < 2e-4);
                }
                for row in [0, 150, count - 1] {
                    let terms = (0..WIDTH).map(|n| f64::from(queries[b * WIDTH + n] * wide[row * WIDTH + n]));
                    assert!((terms.sum::<f64>() - f64::from(scores[b * count + row])).abs() < 2e-4);
                }
            }
        }
    }
}
