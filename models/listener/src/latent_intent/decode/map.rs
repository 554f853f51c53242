//! Linear maps, norms and gains for stepping: weights copied out so that a row times a matrix is a sum of scaled rows,
//! which vectorises and adds in the same order for every batch.

use pulp::NullaryFnOnce;

use super::super::blocks::{EPSILON, Linear, Norm};
use super::super::gau::OffsetScale;
use crate::real::{exp, vectorised};

/// Outputs that are summed at a time: 20 rows of them stay in the first cache.
const TILE: usize = 256;

/// A linear map with its weights transposed to `[inputs, outputs]`.
#[derive(Debug, Clone)]
pub(super) struct Map {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Map {
    pub(super) fn new(values: &[f32], linear: &Linear) -> Self {
        Self::transpose(linear.weight.of(values), linear.bias.of(values))
    }

    pub(super) fn transpose(weight: &[f32], bias: &[f32]) -> Self {
        let (outputs, inputs) = (bias.len(), weight.len() / bias.len());
        let mut turned = vec![0.0; weight.len()];
        for row in 0..outputs {
            for column in 0..inputs {
                turned[column * outputs + row] = weight[row * inputs + column];
            }
        }
        Self { weight: turned, bias: bias.to_vec() }
    }

    pub(super) fn inputs(&self) -> usize {
        self.weight.len() / self.bias.len()
    }

    /// One row of `y` for each row of `x`; rows of `x` begin `stride` apart.
    pub(super) fn apply(&self, x: &[f32], stride: usize, y: &mut [f32]) {
        y.chunks_exact_mut(self.bias.len()).for_each(|row| row.copy_from_slice(&self.bias));
        self.add_to(x, stride, y);
    }

    /// Adds bias and product to the rows of `y`.
    pub(super) fn add_with_bias(&self, x: &[f32], stride: usize, y: &mut [f32]) {
        for row in y.chunks_exact_mut(self.bias.len()) {
            row.iter_mut().zip(&self.bias).for_each(|(y, bias)| *y += bias);
        }
        self.add_to(x, stride, y);
    }

    /// Every weight is fetched once for all rows: a tile of outputs stays at hand while the inputs pass by. The sum of
    /// each output runs over the inputs in the same order whatever the number of rows.
    fn add_to(&self, x: &[f32], stride: usize, y: &mut [f32]) {
        vectorised(AddProduct { weight: &self.weight, outputs: self.bias.len(), x, stride, y });
    }
}

/// `y += x W` for rows of x that begin `stride` apart; W is `[inputs, outputs]`.
struct AddProduct<'a> {
    weight: &'a [f32],
    outputs: usize,
    x: &'a [f32],
    stride: usize,
    y: &'a mut [f32],
}

impl NullaryFnOnce for AddProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { weight, outputs, x, stride, y } = self;
        let inputs = weight.len() / outputs;
        for first in (0..outputs).step_by(TILE) {
            let tile = first..(first + TILE).min(outputs);
            for input in (0..inputs - inputs % 4).step_by(4) {
                let row = |next: usize| &weight[(input + next) * outputs..][tile.clone()];
                let (a, b, c, d) = (row(0), row(1), row(2), row(3));
                for (x, y) in x.chunks(stride).zip(y.chunks_exact_mut(outputs)) {
                    let (x0, x1, x2, x3) = (x[input], x[input + 1], x[input + 2], x[input + 3]);
                    for ((((y, a), b), c), d) in y[tile.clone()].iter_mut().zip(a).zip(b).zip(c).zip(d) {
                        *y = x3.mul_add(*d, x2.mul_add(*c, x1.mul_add(*b, x0.mul_add(*a, *y))));
                    }
                }
            }
            for input in inputs - inputs % 4..inputs {
                let row = &weight[input * outputs..][tile.clone()];
                for (x, y) in x.chunks(stride).zip(y.chunks_exact_mut(outputs)) {
                    for (y, w) in y[tile.clone()].iter_mut().zip(row) {
                        *y = x[input].mul_add(*w, *y);
                    }
                }
            }
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Gain {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Gain {
    pub(super) fn width(&self) -> usize {
        self.weight.len()
    }

    pub(super) fn new(values: &[f32], norm: &Norm) -> Self {
        Self { weight: norm.weight.of(values).to_vec(), bias: norm.bias.of(values).to_vec() }
    }

    pub(super) fn apply(&self, x: &[f32], y: &mut [f32]) {
        let share = 1.0 / x.len() as f32;
        let mean = x.iter().sum::<f32>() * share;
        let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() * share;
        let scale = 1.0 / (variance + EPSILON as f32).sqrt();
        for (((y, x), weight), bias) in y.iter_mut().zip(x).zip(&self.weight).zip(&self.bias) {
            *y = (x - mean) * scale * weight + bias;
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Turn {
    pub(super) gamma: Vec<f32>,
    beta: Vec<f32>,
}

impl Turn {
    pub(super) fn new(values: &[f32], qk: &OffsetScale, which: usize) -> Self {
        let (gamma, beta) = qk.of(values, which);
        Self { gamma: gamma.to_vec(), beta: beta.to_vec() }
    }

    pub(super) fn apply(&self, base: &[f32], out: &mut [f32]) {
        for (((out, base), gamma), beta) in out.iter_mut().zip(base).zip(&self.gamma).zip(&self.beta) {
            *out = base * gamma + beta;
        }
    }
}

pub(super) fn silu(values: &mut [f32]) {
    vectorised(Silu(values));
}

struct Silu<'a>(&'a mut [f32]);

impl NullaryFnOnce for Silu<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for x in self.0 {
            *x /= 1.0 + exp(-*x);
        }
    }
}

#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a8, a_rest), (b8, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0f32; 8];
    for (a, b) in a8.iter().zip(b8) {
        for lane in 0..8 {
            sums[lane] = a[lane].mul_add(b[lane], sums[lane]);
        }
    }
    let mut rest = 0.0;
    for (a, b) in a_rest.iter().zip(b_rest) {
        rest += a * b;
    }
    ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7])) + rest
}
