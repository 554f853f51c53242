//! GRU cell and LSTM as PyTorch's. The products of all inputs are one product; the recurrence is a loop on the tape.

use candle_core::{Result, Tensor};

use super::linear;
use super::pointwise::sigmoid;
use crate::parameters::{Scope, Start};

/// `weight_ih` [gates d, inputs], `weight_hh` [gates d, d] and their biases.
#[derive(Debug, Clone)]
struct Gates {
    input: (Tensor, Tensor),
    state: (Tensor, Tensor),
    width: usize,
}

impl Gates {
    fn new(scope: &Scope<'_, '_>, suffix: &str, gates: usize, inputs: usize, width: usize) -> Result<Self> {
        let start = Start::fan_in(width);
        let pair = |kind: &str, columns: usize| -> Result<(Tensor, Tensor)> {
            Ok((
                scope.tensor(&format!("weight_{kind}{suffix}"), &[gates * width, columns], start)?,
                scope.tensor(&format!("bias_{kind}{suffix}"), &[gates * width], start)?,
            ))
        };
        Ok(Self { input: pair("ih", inputs)?, state: pair("hh", width)?, width })
    }

    fn of_input(&self, x: &Tensor) -> Result<Tensor> {
        linear::apply(x, &self.input.0, Some(&self.input.1))
    }

    fn of_state(&self, h: &Tensor) -> Result<Tensor> {
        linear::apply(h, &self.state.0, Some(&self.state.1))
    }
}

/// A GRU cell: gates in the order reset, update, new.
#[derive(Debug, Clone)]
pub struct GruCell(Gates);

impl GruCell {
    /// `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(scope: &Scope<'_, '_>, inputs: usize, width: usize) -> Result<Self> {
        Gates::new(scope, "", 3, inputs, width).map(Self)
    }

    /// What inputs `[..., inputs]` contribute to the gates, for [`GruCell::step`]: `[..., 3d]`.
    ///
    /// # Errors
    /// When the last dimension is another one.
    pub fn of_input(&self, x: &Tensor) -> Result<Tensor> {
        self.0.of_input(x)
    }

    /// The weight of the inputs `[3d, inputs]` and its bias, for inputs that are put together from parts.
    pub fn input(&self) -> (&Tensor, &Tensor) {
        (&self.0.input.0, &self.0.input.1)
    }

    /// The state `[B, d]` after one input, given as [`GruCell::of_input`] made it: `[B, 3d]`.
    /// r, z = sigmoid; n = tanh(i_n + r (W h + b)_n); h' = n + z (h - n).
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn step(&self, input: &Tensor, h: &Tensor) -> Result<Tensor> {
        let d = self.0.width;
        let state = self.0.of_state(h)?;
        let gates = sigmoid(&(input.narrow(1, 0, 2 * d)? + state.narrow(1, 0, 2 * d)?)?)?;
        let (r, z) = (gates.narrow(1, 0, d)?, gates.narrow(1, d, d)?);
        let n = (input.narrow(1, 2 * d, d)? + (r * state.narrow(1, 2 * d, d)?)?)?.tanh()?;
        &n + (z * (h - &n)?)?
    }

    /// Width of the state.
    pub fn width(&self) -> usize {
        self.0.width
    }
}

/// An LSTM of one layer: gates in the order input, forget, cell, output.
#[derive(Debug, Clone)]
pub struct Lstm(Gates);

impl Lstm {
    /// `weight_ih_l0` and so on.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(scope: &Scope<'_, '_>, inputs: usize, width: usize) -> Result<Self> {
        Gates::new(scope, "_l0", 4, inputs, width).map(Self)
    }

    /// Outputs `[B, T, d]` of inputs `[B, T, inputs]` from states h and c `[B, d]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, h: &Tensor, c: &Tensor) -> Result<Tensor> {
        let d = self.0.width;
        let inputs = self.0.of_input(x)?;
        let (mut h, mut c) = (h.clone(), c.clone());
        let mut outputs = Vec::with_capacity(x.dim(1)?);
        for frame in 0..x.dim(1)? {
            let gates = (inputs.narrow(1, frame, 1)?.squeeze(1)? + self.0.of_state(&h)?)?;
            let gate = |index: usize| gates.narrow(1, index * d, d);
            let kept = (sigmoid(&gate(1)?)? * &c)?;
            c = (kept + (sigmoid(&gate(0)?)? * gate(2)?.tanh()?)?)?;
            h = (sigmoid(&gate(3)?)? * c.tanh()?)?;
            outputs.push(h.clone());
        }
        Tensor::stack(&outputs, 1)
    }
}
