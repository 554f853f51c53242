//! Linear maps, layer normalisation, the gate's nonlinearity and rotary positions, forward and backward.
//!
//! Rows are positions. A backward function takes the gradient of its result, adds the gradients of its parameters
//! into `gradients` and returns (or adds) the gradient of its input.

use super::parameters::{Layout, Slot, Start};
use crate::real::{Real, View, product};

/// `y = x W^T + c`.
#[derive(Debug, Clone, Copy)]
pub struct Linear {
    /// `[outputs, inputs]`.
    pub weight: Slot,
    /// `[outputs]`.
    pub bias: Slot,
    /// Columns of x.
    pub inputs: usize,
    /// Columns of y.
    pub outputs: usize,
}

impl Linear {
    /// A linear map whose weights start with variance `scale^2 / inputs`.
    pub fn new(layout: &mut Layout, name: &str, inputs: usize, outputs: usize, scale: f64) -> Self {
        let deviation = scale / (inputs as f64).sqrt();
        Self {
            weight: layout.add(format!("{name}.weight"), &[outputs, inputs], Start::Matrix(deviation)),
            bias: layout.add(format!("{name}.bias"), &[outputs], Start::Constant(0.0)),
            inputs,
            outputs,
        }
    }

    /// y of dense rows x.
    pub fn forward<T: Real>(&self, values: &[T], x: &[T]) -> Vec<T> {
        let rows = x.len() / self.inputs;
        let mut y = vec![T::ZERO; rows * self.outputs];
        self.forward_into(values, x, &mut y, self.outputs);
        y
    }

    /// As `forward`, rows of y `stride` apart.
    pub fn forward_into<T: Real>(&self, values: &[T], x: &[T], y: &mut [T], stride: usize) {
        let rows = x.len() / self.inputs;
        let bias = self.bias.of(values);
        for row in 0..rows {
            y[row * stride..row * stride + self.outputs].copy_from_slice(bias);
        }
        let weight = View::dense(self.weight.of(values), self.outputs, self.inputs);
        product(y, stride, View::dense(x, rows, self.inputs), weight.transposed(), T::ONE, true);
    }

    /// Gradient of the parameters alone; rows of `dy` are `stride` apart.
    pub fn backward_parameters<T: Real>(&self, x: &[T], dy: &[T], stride: usize, gradients: &mut [T]) {
        let rows = x.len() / self.inputs;
        let bias = self.bias.of_mut(gradients);
        for row in 0..rows {
            for (sum, value) in bias.iter_mut().zip(&dy[row * stride..]) {
                *sum += *value;
            }
        }
        let dy = View::strided(dy, rows, self.outputs, stride).transposed();
        product(
            self.weight.of_mut(gradients),
            self.inputs,
            dy,
            View::dense(x, rows, self.inputs),
            T::ONE,
            true,
        );
    }

    /// Gradient of x, and of the parameters; `dy` is dense.
    pub fn backward<T: Real>(&self, values: &[T], x: &[T], dy: &[T], gradients: &mut [T]) -> Vec<T> {
        self.backward_parameters(x, dy, self.outputs, gradients);
        let rows = x.len() / self.inputs;
        let mut dx = vec![T::ZERO; x.len()];
        let weight = View::dense(self.weight.of(values), self.outputs, self.inputs);
        product(&mut dx, self.inputs, View::dense(dy, rows, self.outputs), weight, T::ONE, false);
        dx
    }
}

/// Layer normalisation with gain and bias over rows of `width` columns, epsilon 1e-5.
#[derive(Debug, Clone, Copy)]
pub struct Norm {
    /// Gain.
    pub weight: Slot,
    /// Bias.
    pub bias: Slot,
    /// Columns.
    pub width: usize,
}

/// What the backward pass of [`Norm`] needs.
#[derive(Debug)]
pub struct NormTape<T> {
    /// Normalised rows before gain and bias.
    centred: Vec<T>,
    /// 1 / standard deviation of each row.
    scale: Vec<T>,
}

/// Added to the variance.
pub const EPSILON: f64 = 1e-5;

impl Norm {
    /// A normalisation that starts as the identity after centring and scaling.
    pub fn new(layout: &mut Layout, name: &str, width: usize) -> Self {
        Self {
            weight: layout.add(format!("{name}.weight"), &[width], Start::Constant(1.0)),
            bias: layout.add(format!("{name}.bias"), &[width], Start::Constant(0.0)),
            width,
        }
    }

    /// Normalised rows and the tape.
    pub fn forward<T: Real>(&self, values: &[T], x: &[T]) -> (Vec<T>, NormTape<T>) {
        let (weight, bias) = (self.weight.of(values), self.bias.of(values));
        let share = T::of(1.0 / self.width as f64);
        let mut y = vec![T::ZERO; x.len()];
        let mut tape =
            NormTape { centred: vec![T::ZERO; x.len()], scale: Vec::with_capacity(x.len() / self.width) };
        for ((x, y), centred) in x
            .chunks_exact(self.width)
            .zip(y.chunks_exact_mut(self.width))
            .zip(tape.centred.chunks_exact_mut(self.width))
        {
            let mean = sum(x) * share;
            let mut variance = T::ZERO;
            for (c, x) in centred.iter_mut().zip(x) {
                *c = *x - mean;
                variance += *c * *c;
            }
            let scale = T::ONE / (variance * share + T::of(EPSILON)).sqrt();
            tape.scale.push(scale);
            for i in 0..self.width {
                centred[i] = centred[i] * scale;
                y[i] = centred[i] * weight[i] + bias[i];
            }
        }
        (y, tape)
    }

    /// Gradient of the rows.
    pub fn backward<T: Real>(
        &self,
        values: &[T],
        tape: &NormTape<T>,
        dy: &[T],
        gradients: &mut [T],
    ) -> Vec<T> {
        let weight = self.weight.of(values);
        let share = T::of(1.0 / self.width as f64);
        let mut dx = vec![T::ZERO; dy.len()];
        let mut dweight = vec![T::ZERO; self.width];
        let mut dbias = vec![T::ZERO; self.width];
        for (row, (dy, dx)) in dy.chunks_exact(self.width).zip(dx.chunks_exact_mut(self.width)).enumerate() {
            let centred = &tape.centred[row * self.width..][..self.width];
            let (mut mean, mut along) = (T::ZERO, T::ZERO);
            for i in 0..self.width {
                dweight[i] += dy[i] * centred[i];
                dbias[i] += dy[i];
                let scaled = dy[i] * weight[i];
                dx[i] = scaled;
                mean += scaled;
                along += scaled * centred[i];
            }
            let (mean, along) = (mean * share, along * share);
            for i in 0..self.width {
                dx[i] = (dx[i] - mean - centred[i] * along) * tape.scale[row];
            }
        }
        add(self.weight.of_mut(gradients), &dweight);
        add(self.bias.of_mut(gradients), &dbias);
        dx
    }
}

/// x / (1 + e^-x) of every value.
pub fn silu<T: Real>(x: &[T]) -> Vec<T> {
    x.iter().map(|x| *x / (T::ONE + (-*x).exp())).collect()
}

/// Turns the gradient of `silu(x)` into the gradient of x, in place.
pub fn silu_backward<T: Real>(x: &[T], gradient: &mut [T]) {
    for (g, x) in gradient.iter_mut().zip(x) {
        let sigmoid = T::ONE / (T::ONE + (-*x).exp());
        *g = *g * sigmoid * (T::ONE + *x * (T::ONE - sigmoid));
    }
}

/// `sum += values`.
pub fn add<T: Real>(sum: &mut [T], values: &[T]) {
    for (s, v) in sum.iter_mut().zip(values) {
        *s += *v;
    }
}

/// Sum in index order.
pub fn sum<T: Real>(values: &[T]) -> T {
    values.iter().fold(T::ZERO, |sum, value| sum + *value)
}

/// Cosines and sines of the rotary angles of integer positions, base 10000, pairs (i, i + half).
#[derive(Debug, Clone)]
pub struct Rotation<T> {
    half: usize,
    first: usize,
    cosines: Vec<T>,
    sines: Vec<T>,
}

impl<T: Real> Rotation<T> {
    /// Angles of positions `0..positions` for rows of `width` columns.
    pub fn new(positions: usize, width: usize) -> Self {
        Self::starting_at(0, positions, width)
    }

    /// Angles of `positions` positions from `first` on.
    pub fn starting_at(first: usize, positions: usize, width: usize) -> Self {
        let mut rotation = Self { half: width / 2, first, cosines: Vec::new(), sines: Vec::new() };
        rotation.reach(first + positions);
        rotation
    }

    /// Makes positions up to (not including) `end` known.
    pub fn reach(&mut self, end: usize) {
        for position in self.first + self.positions()..end {
            for pair in 0..self.half {
                // Frequencies and angles are rounded to f32 one by one, as every implementation of this scheme does.
                let frequency = (1.0 / 10_000f64.powf(pair as f64 / self.half as f64)) as f32;
                let angle = f64::from(position as f32 * frequency);
                self.cosines.push(T::of(angle.cos()));
                self.sines.push(T::of(angle.sin()));
            }
        }
    }

    /// Positions known.
    pub fn positions(&self) -> usize {
        self.cosines.len().checked_div(self.half).unwrap_or(0)
    }

    /// Turns one row to `position`.
    pub fn turn(&self, row: &mut [T], position: usize) {
        self.rotate(row, position, T::ONE);
    }

    /// The inverse of [`Rotation::turn`]; also its gradient.
    pub fn turn_back(&self, row: &mut [T], position: usize) {
        self.rotate(row, position, -T::ONE);
    }

    fn rotate(&self, row: &mut [T], position: usize, direction: T) {
        let (low, high) = row.split_at_mut(self.half);
        let start = (position - self.first) * self.half;
        let cosines = &self.cosines[start..][..self.half];
        let sines = &self.sines[start..][..self.half];
        for i in 0..self.half {
            let (a, b, sine) = (low[i], high[i], sines[i] * direction);
            low[i] = a * cosines[i] - b * sine;
            high[i] = a * sine + b * cosines[i];
        }
    }
}
