//! Arithmetic of the networks: matrix products by `gemm`, and the few loops that must be fast.
//!
//! Activations are row-major `[rows, width]` slices; a product runs on the calling thread and parallelism is over blocks
//! of rows whose size depends on nothing but the shape, so that results do not depend on the number of threads. The
//! loops are written branch-free and compiled once more for wider registers (`pulp` chooses at run time); they add in
//! the same order either way.

use pulp::Arch;
use rayon::prelude::*;

/// A strided matrix in a slice.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// `rows` x `columns`, rows `stride` apart. Rows may overlap: a convolution over time is a product with such a view.
    pub fn strided(data: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        Self { data, rows, columns, row_stride: stride, column_stride: 1 }
    }

    /// `rows` x `columns`, rows one after the other.
    pub fn dense(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::strided(data, rows, columns, columns)
    }

    /// The transpose of the same memory.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    fn fits(&self) -> bool {
        self.rows > 0
            && self.columns > 0
            && (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride < self.data.len()
    }
}

/// `out = scale * left * right`, on the calling thread. `out` has `left.rows` rows of `right.columns` values,
/// `out_stride` apart; what lies between is left alone.
///
/// # Panics
/// When the shapes do not fit; they are decided by checked weights, never by input.
#[expect(unsafe_code, reason = "gemm's interface is pointers; every extent is checked first")]
pub fn product(out: &mut [f32], out_stride: usize, left: View<'_>, right: View<'_>, scale: f32) {
    assert_eq!(left.columns, right.rows, "inner sizes differ");
    if left.rows == 0 || right.columns == 0 {
        return;
    }
    assert!(left.fits() && right.fits(), "a matrix reaches beyond its slice");
    assert!(out_stride >= right.columns, "rows of the result overlap");
    assert!((left.rows - 1) * out_stride + right.columns <= out.len(), "the result reaches beyond its slice");
    // SAFETY: all three matrices lie within their slices (asserted above) and `out` is borrowed alone.
    unsafe {
        gemm::gemm(
            left.rows,
            right.columns,
            left.columns,
            out.as_mut_ptr(),
            1,
            out_stride as isize,
            false,
            left.data.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.data.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            0.0,
            scale,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Rows that one task works on: all rows in equal parts of at most 192, so that small machines and large ones are kept
/// busy and a part of the activations stays in cache.
pub fn block_rows(rows: usize) -> usize {
    const MOST: usize = 192;
    rows.div_ceil(rows.div_ceil(MOST).max(1)).max(1)
}

/// A linear layer; weights are `[outputs][inputs]` as in PyTorch.
#[derive(Debug, Clone)]
pub struct Linear {
    /// `[outputs][inputs]`.
    pub weight: Vec<f32>,
    /// `[outputs]`; empty for none.
    pub bias: Vec<f32>,
    /// Columns of the input.
    pub inputs: usize,
}

impl Linear {
    /// Columns of the output.
    pub fn outputs(&self) -> usize {
        self.weight.len().checked_div(self.inputs).unwrap_or(0)
    }

    /// The layer on a view of rows, on the calling thread.
    pub fn apply(&self, rows: View<'_>, out: &mut [f32]) {
        let outputs = self.outputs();
        product(out, outputs, rows, View::dense(&self.weight, outputs, self.inputs).transposed(), 1.0);
        add_bias(out, &self.bias);
    }

    /// The layer on `[rows, inputs]`, in parallel; `after` works on each finished block in place.
    pub fn forward(&self, rows: &[f32], after: impl Fn(&mut [f32]) + Sync) -> Vec<f32> {
        let (outputs, count) = (self.outputs(), rows.len() / self.inputs.max(1));
        let mut out = vec![0.0; count * outputs];
        let block = block_rows(count);
        out.par_chunks_mut(block * outputs).zip(rows.par_chunks(block * self.inputs)).for_each(
            |(out, rows)| {
                self.apply(View::dense(rows, rows.len() / self.inputs, self.inputs), out);
                after(out);
            },
        );
        out
    }
}

/// Adds `bias` to every row.
pub fn add_bias(rows: &mut [f32], bias: &[f32]) {
    if !bias.is_empty() {
        for row in rows.chunks_exact_mut(bias.len()) {
            for (value, bias) in row.iter_mut().zip(bias) {
                *value += bias;
            }
        }
    }
}

/// `rows += more`.
pub fn add(rows: &mut [f32], more: &[f32]) {
    for (value, more) in rows.iter_mut().zip(more) {
        *value += more;
    }
}

/// max(x, 0) in place.
pub fn relu(values: &mut [f32]) {
    values.iter_mut().for_each(|value| *value = value.max(0.0));
}

/// GELU in its exact form, x / 2 (1 + erf(x / sqrt 2)), in place.
pub fn gelu(values: &mut [f32]) {
    Arch::new().dispatch(|| {
        for value in values.iter_mut() {
            *value = 0.5 * *value * (1.0 + erf(*value * std::f32::consts::FRAC_1_SQRT_2));
        }
    });
}

/// The error function to 5e-7: an odd rational function of degree 13 over 8, constant beyond +-4 (coefficients of
/// Eigen's and XLA's single-precision `erf`).
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    let mut p = -2.726_142_3e-10;
    for coefficient in
        [2.770_681_4e-8, -2.101_024e-6, -5.692_506_4e-5, -7.349_906e-4, -2.954_6e-3, -1.609_603_3e-2]
    {
        p = p * square + coefficient;
    }
    let mut q = -1.456_607_2e-5;
    for coefficient in [-2.133_740_6e-4, -1.682_827e-3, -7.373_329_3e-3, -1.426_473_9e-2] {
        q = q * square + coefficient;
    }
    x * p / q
}

/// e^x to 2 units in the last place for -87 <= x <= 88, clamped outside: reduction to +-ln(2)/2 and the degree-5
/// polynomial of the Cephes library.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_6e-1, 0.5] {
        p = p * r + coefficient;
    }
    let value = p * r * r + r + 1.0;
    value * f32::from_bits((shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127)) << 23)
}

/// Running sums side by side, so that a sum vectorises without a change of order between machines.
const LANES: usize = 16;

#[inline(always)]
fn sum(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let (whole, rest) = values.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for chunk in whole {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += of(*value);
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|value| of(*value)).sum::<f32>()
}

/// Softmax of every row of `width` values, in place.
pub fn softmax(rows: &mut [f32], width: usize) {
    Arch::new().dispatch(|| {
        for row in rows.chunks_exact_mut(width.max(1)) {
            let (whole, rest) = row.as_chunks::<LANES>();
            let mut most = [f32::NEG_INFINITY; LANES];
            for chunk in whole {
                for (most, value) in most.iter_mut().zip(chunk) {
                    *most = if *value > *most { *value } else { *most };
                }
            }
            let most = most.iter().chain(rest).fold(f32::NEG_INFINITY, |most, value| most.max(*value));
            for value in row.iter_mut() {
                *value = exp(*value - most);
            }
            let scale = 1.0 / sum(row, |value| value);
            for value in row.iter_mut() {
                *value *= scale;
            }
        }
    });
}

/// A layer normalisation with its gain and shift.
#[derive(Debug, Clone)]
pub struct Norm {
    /// `[width]`.
    pub gain: Vec<f32>,
    /// `[width]`.
    pub shift: Vec<f32>,
    /// Added to the variance.
    pub epsilon: f32,
}

impl Norm {
    /// Normalises every row in place, on the calling thread.
    pub fn apply(&self, rows: &mut [f32]) {
        let width = self.gain.len().max(1);
        Arch::new().dispatch(|| {
            for row in rows.chunks_exact_mut(width) {
                let mean = sum(row, |value| value) / width as f32;
                let variance = sum(row, |value| (value - mean) * (value - mean)) / width as f32;
                let scale = 1.0 / (variance + self.epsilon).sqrt();
                for (value, (gain, shift)) in row.iter_mut().zip(self.gain.iter().zip(&self.shift)) {
                    *value = (*value - mean) * scale * gain + shift;
                }
            }
        });
    }

    /// As [`Norm::apply`], in parallel.
    pub fn forward(&self, rows: &mut [f32]) {
        let width = self.gain.len().max(1);
        let block = block_rows(rows.len() / width);
        rows.par_chunks_mut(block * width).for_each(|rows| self.apply(rows));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// erf by its power series in f64.
    fn erf_series(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn the_error_function_agrees_with_its_series() {
        let mut worst: f64 = 0.0;
        for step in -45_000..=45_000 {
            let x = step as f32 * 1e-4;
            worst = worst.max((f64::from(erf(x)) - erf_series(f64::from(x))).abs());
        }
        assert!(worst < 1e-6, "{worst:e}");
        println!("largest error of erf: {worst:e}");
        assert!((erf(1e30) - 1.0).abs() < 1e-6 && (erf(-1e30) + 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_exponential_agrees_with_the_library() {
        for step in -8700..8800 {
            let x = step as f32 * 0.01;
            assert!((f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs() < 4e-7, "{x}");
        }
    }

    #[test]
    fn softmax_and_normalisation_follow_their_definitions() {
        let mut chance = clips::Chance::new(5, "math", &[]);
        let rows: Vec<f32> = (0..3 * 37).map(|_| chance.between(-9.0, 9.0) as f32).collect();
        let (mut soft, mut normed) = (rows.clone(), rows.clone());
        softmax(&mut soft, 37);
        Norm { gain: vec![2.0; 37], shift: vec![0.5; 37], epsilon: 1e-5 }.apply(&mut normed);
        for (row, (soft, normed)) in rows.chunks(37).zip(soft.chunks(37).zip(normed.chunks(37))) {
            let row: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
            let all: f64 = row.iter().map(|x| x.exp()).sum();
            let mean = row.iter().sum::<f64>() / 37.0;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 37.0;
            for (x, (soft, normed)) in row.iter().zip(soft.iter().zip(normed)) {
                assert!((f64::from(*soft) - x.exp() / all).abs() < 1e-6);
                let expected = 2.0 * (x - mean) / (variance + 1e-5).sqrt() + 0.5;
                assert!((f64::from(*normed) - expected).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn a_linear_layer_equals_its_sums_whatever_the_blocks() {
        let mut chance = clips::Chance::new(6, "math", &[]);
        let mut random =
            |n: usize| -> Vec<f32> { (0..n).map(|_| chance.between(-1.0, 1.0) as f32).collect() };
        let layer = Linear { weight: random(7 * 5), bias: random(7), inputs: 5 };
        for rows in [1, 191, 193, 400] {
            let input = random(rows * 5);
            let out = layer.forward(&input, |_| ());
            for (row, out) in input.chunks(5).zip(out.chunks(7)) {
                for (column, out) in out.iter().enumerate() {
                    let weights = &layer.weight[column * 5..][..5];
                    let dot: f32 = row.iter().zip(weights).map(|(a, b)| a * b).sum();
                    assert!((out - dot - layer.bias[column]).abs() < 1e-5);
                }
            }
        }
    }
}
