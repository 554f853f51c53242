//! Multi-head attention on `[B, T, d]`, as PyTorch's `nn.MultiheadAttention` packs its parameters.

use candle_core::{Result, Tensor};

use super::attend::{Read, attend};
use super::linear::{self, Linear};
use crate::parameters::{Scope, Start};

/// `in_proj_weight` [3d, d], `in_proj_bias` [3d], `out_proj`.
#[derive(Debug, Clone)]
pub struct MultiHeadAttention {
    weight: Tensor,
    bias: Tensor,
    out: Linear,
    heads: usize,
    width: usize,
}

impl MultiHeadAttention {
    /// Xavier start of the packed weight, both biases 0.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(scope: &Scope<'_, '_>, width: usize, heads: usize) -> Result<Self> {
        Self::started(scope, width, heads, Start::fan_in(width))
    }

    /// As [`MultiHeadAttention::new`] with another start of the output's weight.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn started(scope: &Scope<'_, '_>, width: usize, heads: usize, out: Start) -> Result<Self> {
        let zero = Start::Constant(0.0);
        Ok(Self {
            weight: scope.tensor("in_proj_weight", &[3 * width, width], Start::xavier(width, 3 * width))?,
            bias: scope.tensor("in_proj_bias", &[3 * width], zero)?,
            out: Linear::started(&scope.at("out_proj"), width, width, out, Some(zero))?,
            heads,
            width,
        })
    }

    /// Queries `[B, T, d]` over keys and values from `memory` `[B, S, d]`; `mask` is added to the scores and is
    /// `[T, S]`. Gives `[B, T, d]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, queries: &Tensor, memory: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let part = |x: &Tensor, from: usize, parts: usize| {
            let (start, length) = (from * self.width, parts * self.width);
            linear::apply(
                x,
                &self.weight.narrow(0, start, length)?,
                Some(&self.bias.narrow(0, start, length)?),
            )
        };
        let read = if queries.id() == memory.id() {
            Read::Themselves(part(queries, 0, 3)?)
        } else {
            Read::Memory(part(queries, 0, 1)?, part(memory, 1, 2)?)
        };
        let scale = ((self.width / self.heads) as f64).powf(-0.5);
        self.out.forward(&attend(&read, self.heads, scale, mask)?)
    }
}
