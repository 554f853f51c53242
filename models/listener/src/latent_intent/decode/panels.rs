//! The weights of a linear map, `[inputs, outputs]`, in the order in which a step reads them.
//!
//! Columns stand in panels: all rows of a panel follow each other, so that a thread reads one stretch of memory from end to
//! end while the sums of the panel stay in registers. A sum runs over the rows in order, whatever the number of results and
//! of threads. Like cached keys and values (`rows.rs`), weights come in two widths.

use pulp::NullaryFnOnce;
use rayon::prelude::*;

use super::rows::{Number, Precision, SHARED, level};
use crate::real::vectorised;

/// Columns of a panel: two registers of 16 numbers, or four of 8.
const PANEL: usize = 32;
/// Most results that are summed at a time.
const MOST: usize = 10;

/// Results that are summed at a time: with their sums, two registers each or four, and a row of weights the registers of
/// the processor are full. No bit depends on it.
fn together() -> usize {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        return MOST;
    }
    3
}

/// All panels, one after the other.
#[derive(Debug, Clone)]
enum Stored {
    Single(Vec<[f32; PANEL]>),
    Sixteen(Vec<[i16; PANEL]>),
}

/// A matrix in panels; what the last one has beyond the last column is 0.
#[derive(Debug, Clone)]
pub(super) struct Panels {
    outputs: usize,
    stored: Stored,
    /// What a row's stored numbers are multiplied with; 1 in single precision.
    scales: Vec<f32>,
}

impl Panels {
    /// Lays out `inputs` rows; `fill` writes one of them.
    pub(super) fn new(
        precision: Precision,
        inputs: usize,
        outputs: usize,
        fill: impl Fn(usize, &mut [f32]),
    ) -> Self {
        let places = outputs.div_ceil(PANEL) * inputs;
        let mut stored = match precision {
            Precision::Single => Stored::Single(vec![[0.0; PANEL]; places]),
            Precision::Sixteen => Stored::Sixteen(vec![[0; PANEL]; places]),
        };
        let (mut values, mut levels) = (vec![0.0; outputs], vec![0; outputs]);
        let scales = (0..inputs).map(|row| {
            fill(row, &mut values);
            match &mut stored {
                Stored::Single(all) => {
                    lay(&values, &mut all[row..], inputs);
                    1.0
                }
                Stored::Sixteen(all) => {
                    let scale = level(&values, &mut levels);
                    lay(&levels, &mut all[row..], inputs);
                    scale
                }
            }
        });
        let scales = scales.collect();
        Self { outputs, stored, scales }
    }

    /// Rows.
    pub(super) fn inputs(&self) -> usize {
        self.scales.len()
    }

    /// `y += x W` for the rows of `y`, which are as wide as ours; those of `x` begin `stride` apart and have a number for each
    /// of our rows. Threads share the columns of a large product for one row, since one of them alone cannot read as fast as
    /// the memory gives.
    pub(super) fn add_product(&self, x: &[f32], stride: usize, y: &mut [f32]) {
        let together = together();
        let x = self.packed(x, stride, y.len() / self.outputs, together);
        if y.len() == self.outputs && self.inputs() * self.outputs >= SHARED {
            let share = self.outputs.div_ceil(PANEL).div_ceil(rayon::current_num_threads()) * PANEL;
            y.par_chunks_mut(share)
                .enumerate()
                .for_each(|(part, y)| self.add_panels(part * share / PANEL, &x, y, y.len(), together));
        } else {
            self.add_panels(0, &x, y, self.outputs, together);
        }
    }

    /// The rows of `x` times our scales, as they are read: so many of them side by side, and what is left likewise.
    fn packed(&self, x: &[f32], stride: usize, results: usize, together: usize) -> Vec<f32> {
        let mut packed = vec![0.0; results * self.inputs()];
        for (group, packed) in packed.chunks_mut(together * self.inputs()).enumerate() {
            let count = packed.len() / self.inputs();
            for one in 0..count {
                let x = &x[(group * together + one) * stride..][..self.inputs()];
                let places = packed[one..].iter_mut().step_by(count);
                places.zip(x.iter().zip(&self.scales)).for_each(|(place, (x, scale))| *place = x * scale);
            }
        }
        packed
    }

    /// The same for the panels from `first` on and rows of `y` of `columns` numbers.
    fn add_panels(&self, first: usize, x: &[f32], y: &mut [f32], columns: usize, together: usize) {
        let (inputs, first) = (self.inputs(), first * self.inputs());
        match &self.stored {
            Stored::Single(all) => vectorised(Add { all: &all[first..], inputs, x, y, columns, together }),
            Stored::Sixteen(all) => vectorised(Add { all: &all[first..], inputs, x, y, columns, together }),
        }
    }
}

/// Writes a row into the panels, whose rows of the same number are `inputs` apart.
fn lay<T: Copy>(values: &[T], places: &mut [[T; PANEL]], inputs: usize) {
    for (values, place) in values.chunks(PANEL).zip(places.iter_mut().step_by(inputs)) {
        place[..values.len()].copy_from_slice(values);
    }
}

struct Add<'a, T> {
    all: &'a [[T; PANEL]],
    inputs: usize,
    x: &'a [f32],
    y: &'a mut [f32],
    columns: usize,
    together: usize,
}

impl<T: Number> NullaryFnOnce for Add<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { all, inputs, x, y, columns, together } = self;
        for (panel, weights) in all.chunks_exact(inputs).take(columns.div_ceil(PANEL)).enumerate() {
            let place = panel * PANEL..columns.min((panel + 1) * PANEL);
            for (x, y) in x.chunks(together * inputs).zip(y.chunks_mut(together * columns)) {
                let place = place.clone();
                match y.len() / columns {
                    1 => sum::<T, 1>(weights, x, y, columns, place),
                    2 => sum::<T, 2>(weights, x, y, columns, place),
                    3 => sum::<T, 3>(weights, x, y, columns, place),
                    4 => sum::<T, 4>(weights, x, y, columns, place),
                    5 => sum::<T, 5>(weights, x, y, columns, place),
                    6 => sum::<T, 6>(weights, x, y, columns, place),
                    7 => sum::<T, 7>(weights, x, y, columns, place),
                    8 => sum::<T, 8>(weights, x, y, columns, place),
                    9 => sum::<T, 9>(weights, x, y, columns, place),
                    _ => sum::<T, MOST>(weights, x, y, columns, place),
                }
            }
        }
    }
}

/// Adds the products of a panel with `N` rows, `x` being `[inputs, N]`, to the columns `place` of the rows of `y`.
#[inline(always)]
fn sum<T: Number, const N: usize>(
    weights: &[[T; PANEL]],
    x: &[f32],
    y: &mut [f32],
    columns: usize,
    place: std::ops::Range<usize>,
) {
    let mut sums = [[0.0f32; PANEL]; N];
    for (sums, y) in sums.iter_mut().zip(y.chunks_exact(columns)) {
        sums[..place.len()].copy_from_slice(&y[place.clone()]);
    }
    let (x, _) = x.as_chunks::<N>();
    for (row, x) in weights.iter().zip(x) {
        let mut wide = [0.0; PANEL];
        wide.iter_mut().zip(row).for_each(|(wide, stored)| *wide = stored.wide());
        for (sums, x) in sums.iter_mut().zip(x) {
            for (sum, weight) in sums.iter_mut().zip(&wide) {
                *sum = x.mul_add(*weight, *sum);
            }
        }
    }
    for (sums, y) in sums.iter().zip(y.chunks_exact_mut(columns)) {
        y[place.clone()].copy_from_slice(&sums[..place.len()]);
    }
}

#[cfg(test)]
mod tests {
    use clips::Chance;

    use super::*;

    /// Wide enough that the last panel is not full, and large enough to be shared among threads.
    const OUTPUTS: usize = 1030;
    const INPUTS: usize = 277;

    #[test]
    fn products_are_those_of_plain_sums_and_the_same_bits_for_any_batch_and_any_threads() {
        let mut chance = Chance::new(2, "panels", &[]);
        let mut drawn = |count: usize| -> Vec<f32> { (0..count).map(|_| chance.normal() as f32).collect() };
        let (weights, stride) = (drawn(INPUTS * OUTPUTS), INPUTS + 3);
        let x = drawn((MOST + 3) * stride);
        for (precision, error) in [(Precision::Single, 0.0), (Precision::Sixteen, 5.0 / 65_534.0)] {
            let panels = Panels::new(precision, INPUTS, OUTPUTS, |row, values| {
                values.copy_from_slice(&weights[row * OUTPUTS..][..OUTPUTS]);
            });
            assert_eq!(panels.inputs(), INPUTS);
            let alone: Vec<Vec<f32>> = x
                .chunks_exact(stride)
                .map(|x| {
                    let mut y = vec![0.5; OUTPUTS];
                    panels.add_product(x, stride, &mut y);
                    y
                })
                .collect();
            for (x, y) in x.chunks_exact(stride).zip(&alone) {
                for column in (0..OUTPUTS).step_by(101).chain([OUTPUTS - 1]) {
                    let terms = (0..INPUTS).map(|row| f64::from(x[row] * weights[row * OUTPUTS + column]));
                    let tolerance = 2e-4 + error * x.iter().map(|x| f64::from(x.abs())).sum::<f64>();
                    assert!((0.5 + terms.sum::<f64>() - f64::from(y[column])).abs() < tolerance, "{column}");
                }
            }
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                for batch in 1..=alone.len() {
                    let mut together = vec![0.5; batch * OUTPUTS];
                    pool.install(|| panels.add_product(&x[..batch * stride], stride, &mut together));
                    assert_eq!(together, alone[..batch].concat(), "{batch} on {threads}");
                }
            }
        }
    }
}
