//! Post-norm transformer layers as PyTorch's `nn.TransformerEncoderLayer` and `nn.TransformerDecoderLayer`, batch
//! first, ReLU: x = norm(x + dropout(block(x))).

use candle_core::{DType, Device, Result, Tensor};

use super::attention::MultiHeadAttention;
use super::linear::Linear;
use super::norm::LayerNorm;
use super::pointwise::relu;
use crate::parameters::Scope;
use crate::pass::Pass;

/// Two linear layers with a ReLU between: `linear1`, `linear2`.
#[derive(Debug, Clone)]
struct FeedForward {
    first: Linear,
    second: Linear,
}

impl FeedForward {
    fn new(scope: &Scope<'_, '_>, width: usize, inner: usize) -> Result<Self> {
        Ok(Self {
            first: Linear::new(&scope.at("linear1"), width, inner)?,
            second: Linear::new(&scope.at("linear2"), inner, width)?,
        })
    }

    fn forward(&self, x: &Tensor, dropout: f64, pass: &Pass) -> Result<Tensor> {
        let inner = pass.drop(&relu(&self.first.forward(x)?)?, dropout)?;
        pass.drop(&self.second.forward(&inner)?, dropout)
    }
}

/// Self-attention and a feed-forward block.
#[derive(Debug, Clone)]
pub struct EncoderLayer {
    attention: MultiHeadAttention,
    feed_forward: FeedForward,
    norms: [LayerNorm; 2],
    dropout: f64,
}

impl EncoderLayer {
    /// `self_attn`, `linear1`, `linear2`, `norm1`, `norm2`.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(
        scope: &Scope<'_, '_>,
        width: usize,
        heads: usize,
        inner: usize,
        dropout: f64,
    ) -> Result<Self> {
        Ok(Self {
            attention: MultiHeadAttention::new(&scope.at("self_attn"), width, heads)?,
            feed_forward: FeedForward::new(scope, width, inner)?,
            norms: [LayerNorm::new(&scope.at("norm1"), width)?, LayerNorm::new(&scope.at("norm2"), width)?],
            dropout,
        })
    }

    /// `[B, T, d]` to the same.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let seen = pass.drop(&self.attention.forward(x, x, None)?, self.dropout)?;
        let x = self.norms[0].forward(&(x + seen)?)?;
        let moved = self.feed_forward.forward(&x, self.dropout, pass)?;
        self.norms[1].forward(&(x + moved)?)
    }

    /// The first `count` rows of what [`EncoderLayer::forward`] gives in evaluation, `[B, count, d]`; the others, which would
    /// cost as much each, are not made.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn first(&self, x: &Tensor, count: usize) -> Result<Tensor> {
        let few = x.narrow(1, 0, count)?.contiguous()?;
        let few = self.norms[0].forward(&(&few + self.attention.forward(&few, x, None)?)?)?;
        let moved = self.feed_forward.forward(&few, 0.0, &Pass::evaluation())?;
        self.norms[1].forward(&(few + moved)?)
    }
}

/// Self-attention, attention to a memory, and a feed-forward block.
#[derive(Debug, Clone)]
pub struct DecoderLayer {
    own: MultiHeadAttention,
    across: MultiHeadAttention,
    feed_forward: FeedForward,
    norms: [LayerNorm; 3],
    dropout: f64,
}

impl DecoderLayer {
    /// `self_attn`, `multihead_attn`, `linear1`, `linear2`, `norm1` to `norm3`.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(
        scope: &Scope<'_, '_>,
        width: usize,
        heads: usize,
        inner: usize,
        dropout: f64,
    ) -> Result<Self> {
        let norm = |index| LayerNorm::new(&scope.at(format!("norm{index}")), width);
        Ok(Self {
            own: MultiHeadAttention::new(&scope.at("self_attn"), width, heads)?,
            across: MultiHeadAttention::new(&scope.at("multihead_attn"), width, heads)?,
            feed_forward: FeedForward::new(scope, width, inner)?,
            norms: [norm(1)?, norm(2)?, norm(3)?],
            dropout,
        })
    }

    /// `[B, T, d]` with a memory `[B, S, d]` to `[B, T, d]`; `mask` `[T, T]` is added to the scores among x.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, memory: &Tensor, mask: Option<&Tensor>, pass: &Pass) -> Result<Tensor> {
        let seen = pass.drop(&self.own.forward(x, x, mask)?, self.dropout)?;
        let x = self.norms[0].forward(&(x + seen)?)?;
        let told = pass.drop(&self.across.forward(&x, memory, None)?, self.dropout)?;
        let x = self.norms[1].forward(&(x + told)?)?;
        let moved = self.feed_forward.forward(&x, self.dropout, pass)?;
        self.norms[2].forward(&(x + moved)?)
    }
}

/// What no softmax lets through; finite, so that a row of it stays a number.
const CLOSED: f64 = -1e30;

/// A mask `[frames, frames]` that hides what is later.
///
/// # Errors
/// Of the tensor library.
pub fn causal_mask(frames: usize, element: DType, device: &Device) -> Result<Tensor> {
    let mut values = vec![0f32; frames * frames];
    for (row, columns) in values.chunks_exact_mut(frames.max(1)).enumerate() {
        columns[row + 1..].fill(CLOSED as f32);
    }
    Tensor::from_vec(values, (frames, frames), device)?.to_dtype(element)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::twins::draw;
    use crate::parameters::{Fresh, build_as};

    #[test]
    fn the_first_rows_are_those_of_all() {
        let make = |scope: &Scope<'_, '_>| EncoderLayer::new(scope, 8, 2, 16, 0.1);
        let (layer, _) = build_as(&mut Fresh { seed: 1 }, DType::F64, &Device::Cpu, make).unwrap();
        let x = draw("x", &[2, 9, 8], DType::F64);
        let all = layer.forward(&x, &Pass::evaluation()).unwrap().narrow(1, 0, 2).unwrap();
        let off = (all - layer.first(&x, 2).unwrap()).unwrap().abs().unwrap().max_all().unwrap();
        assert!(off.to_scalar::<f64>().unwrap() < 1e-12);
    }
}
