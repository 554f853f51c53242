//! Linear maps, norms and gains for stepping: weights copied out so that a row times a matrix is a sum of scaled rows,
//! which vectorises and adds in the same order for every batch.

use pulp::NullaryFnOnce;

use super::super::blocks::{EPSILON, Linear, Norm};
use super::super::gau::OffsetScale;
use super::panels::Panels;
use super::rows::Precision;
use crate::real::{exp, vectorised};

/// A linear map with its weights transposed to `[inputs, outputs]`.
#[derive(Debug, Clone)]
pub(super) struct Map {
    weight: Panels,
    pub(super) bias: Vec<f32>,
}

impl Map {
    pub(super) fn new(precision: Precision, values: &[f32], linear: &Linear) -> Self {
        Self::transpose(precision, linear.weight.of(values), linear.bias.of(values))
    }

    pub(super) fn transpose(precision: Precision, weight: &[f32], bias: &[f32]) -> Self {
        let (outputs, inputs) = (bias.len(), weight.len() / bias.len());
        let weight = Panels::new(precision, inputs, outputs, |input, row| {
            row.iter_mut()
                .zip(weight.chunks_exact(inputs))
                .for_each(|(turned, weights)| *turned = weights[input]);
        });
        Self { weight, bias: bias.to_vec() }
    }

    pub(super) fn inputs(&self) -> usize {
        self.weight.inputs()
    }

    /// One row of `y` for each row of `x`; rows of `x` begin `stride` apart.
    pub(super) fn apply(&self, x: &[f32], stride: usize, y: &mut [f32]) {
        y.chunks_exact_mut(self.bias.len()).for_each(|row| row.copy_from_slice(&self.bias));
        self.weight.add_product(x, stride, y);
    }

    /// Adds bias and product to the rows of `y`.
    pub(super) fn add_with_bias(&self, x: &[f32], stride: usize, y: &mut [f32]) {
        for row in y.chunks_exact_mut(self.bias.len()) {
            row.iter_mut().zip(&self.bias).for_each(|(y, bias)| *y += bias);
        }
        self.weight.add_product(x, stride, y);
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
