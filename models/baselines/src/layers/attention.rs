//! Multi-head attention on `[B, T, d]`, as PyTorch's `nn.MultiheadAttention` packs its parameters, and the product
//! of queries, keys and values that every attention here ends in.

use candle_core::{Result, Tensor};

use super::linear::{self, Linear};
use super::rows::softmax;
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
    /// `[T, S]` or of their shape. Gives `[B, T, d]`.
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
        let (q, k, v) = if queries.id() == memory.id() {
            let all = part(queries, 0, 3)?;
            let third = |index: usize| all.narrow(2, index * self.width, self.width);
            (third(0)?, third(1)?, third(2)?)
        } else {
            let both = part(memory, 1, 2)?;
            (part(queries, 0, 1)?, both.narrow(2, 0, self.width)?, both.narrow(2, self.width, self.width)?)
        };
        let scale = ((self.width / self.heads) as f64).powf(-0.5);
        self.out.forward(&attend(&q, &k, &v, self.heads, scale, mask)?)
    }
}

/// Softmax(scale q k^T + mask) v with the width cut into `heads`: `[B, T, d]` and twice `[B, S, d]` to `[B, T, d]`.
///
/// # Errors
/// When shapes do not fit.
pub fn attend(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: usize,
    scale: f64,
    mask: Option<&Tensor>,
) -> Result<Tensor> {
    let (batch, frames, width) = q.dims3()?;
    let split = |x: &Tensor| {
        let length = x.dim(1)?;
        x.reshape((batch, length, heads, width / heads))?.transpose(1, 2)?.contiguous()
    };
    let scores = (split(q)? * scale)?.matmul(&split(k)?.t()?)?;
    let scores = match mask {
        Some(mask) => scores.broadcast_add(mask)?,
        None => scores,
    };
    softmax(&scores)?.matmul(&split(v)?)?.transpose(1, 2)?.reshape((batch, frames, width))
}
