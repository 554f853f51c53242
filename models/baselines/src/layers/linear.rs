//! A linear layer as PyTorch's: y = x W^T + b, weight `[outputs, inputs]`.

use candle_core::{Result, Tensor};

use crate::parameters::{Scope, Start};

/// `weight` and, unless it is made without, `bias`.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// With a bias, started as PyTorch does.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(scope: &Scope<'_, '_>, inputs: usize, outputs: usize) -> Result<Self> {
        Self::started(scope, inputs, outputs, Start::fan_in(inputs), Some(Start::fan_in(inputs)))
    }

    /// Without a bias.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn without_bias(scope: &Scope<'_, '_>, inputs: usize, outputs: usize) -> Result<Self> {
        Self::started(scope, inputs, outputs, Start::fan_in(inputs), None)
    }

    /// With another start.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn started(
        scope: &Scope<'_, '_>,
        inputs: usize,
        outputs: usize,
        weight: Start,
        bias: Option<Start>,
    ) -> Result<Self> {
        Ok(Self {
            weight: scope.tensor("weight", &[outputs, inputs], weight)?,
            bias: bias.map(|bias| scope.tensor("bias", &[outputs], bias)).transpose()?,
        })
    }

    /// `[..., inputs]` to `[..., outputs]`.
    ///
    /// # Errors
    /// When the last dimension is another one.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        apply(x, &self.weight, self.bias.as_ref())
    }

    /// The weight `[outputs, inputs]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }
}

/// `[..., inputs]` times a weight `[outputs, inputs]`, turned, plus a bias. Leading dimensions are folded into one
/// product.
///
/// # Errors
/// When the last dimension is another one.
pub fn apply(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (outputs, inputs) = weight.dims2()?;
    let mut shape = x.dims().to_vec();
    let rows: usize = shape.iter().rev().skip(1).product();
    if let Some(last) = shape.last_mut() {
        *last = outputs;
    }
    // a reshape copies what does not lie in order
    let y = x.reshape((rows, inputs))?.matmul(&weight.t()?)?;
    let y = match bias {
        Some(bias) => y.broadcast_add(bias)?,
        None => y,
    };
    y.reshape(shape)
}
