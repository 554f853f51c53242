//! Convolution stacks that halve time three times, and that double it three times. `[B, C, T]` throughout.

use candle_core::{Result, Tensor};

use crate::layers::batch_norm::BatchNorm;
use crate::layers::convolution::{Beyond, Conv1d, ConvTranspose1d, max_pool1d, twice};
use crate::layers::pointwise::leaky_relu;
use crate::parameters::Scope;
use crate::pass::Pass;

const TAPS: usize = 5;
const SLOPE: f64 = 0.2;

fn conv(scope: &Scope<'_, '_>, inputs: usize, outputs: usize, stride: usize) -> Result<Conv1d> {
    Conv1d::new(&scope.at(0), (inputs, outputs, TAPS), stride, 2, Beyond::Edge)
}

/// A strided convolution, then two convolutions with a maximum of 2 behind each; each with leaky ReLU and batch norm.
#[derive(Debug, Clone)]
pub struct Squash {
    convolutions: [Conv1d; 3],
    norms: [BatchNorm; 3],
}

impl Squash {
    /// `0.0`, `0.2`, `1.0`, ...
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(scope: &Scope<'_, '_>, inputs: usize, width: usize) -> Result<Self> {
        let norm = |index: usize| BatchNorm::new(&scope.at(index).at(2), width);
        Ok(Self {
            convolutions: [
                conv(&scope.at(0), inputs, width, 2)?,
                conv(&scope.at(1), width, width, 1)?,
                conv(&scope.at(2), width, width, 1)?,
            ],
            norms: [norm(0)?, norm(1)?, norm(2)?],
        })
    }

    /// `[B, inputs, T]` to `[B, width, T / 8]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let mut x = x.clone();
        for (index, (conv, norm)) in self.convolutions.iter().zip(&self.norms).enumerate() {
            x = norm.forward(&leaky_relu(&conv.forward(&x)?, SLOPE)?, pass)?;
            if index > 0 {
                x = max_pool1d(&x, 2, 2)?;
            }
        }
        Ok(x)
    }
}

/// A transposed convolution, then two convolutions after which each frame is repeated.
#[derive(Debug, Clone)]
pub struct Expand {
    first: ConvTranspose1d,
    convolutions: [Conv1d; 2],
    norms: [BatchNorm; 3],
}

impl Expand {
    /// `0.0`, `0.2`, `1.0`, ...
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(scope: &Scope<'_, '_>, width: usize) -> Result<Self> {
        let norm = |index: usize| BatchNorm::new(&scope.at(index).at(2), width);
        Ok(Self {
            first: ConvTranspose1d::new(&scope.at(0).at(0), (width, width, TAPS), 2, 2, 1)?,
            convolutions: [conv(&scope.at(1), width, width, 1)?, conv(&scope.at(2), width, width, 1)?],
            norms: [norm(0)?, norm(1)?, norm(2)?],
        })
    }

    /// `[B, width, T]` to `[B, width, 8 T]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let mut x = self.norms[0].forward(&leaky_relu(&self.first.forward(x)?, SLOPE)?, pass)?;
        for (conv, norm) in self.convolutions.iter().zip(&self.norms[1..]) {
            x = twice(&norm.forward(&leaky_relu(&conv.forward(&x)?, SLOPE)?, pass)?)?;
        }
        Ok(x)
    }
}
