//! Pre-norm transformer blocks of Learning2Listen: x + attention(norm(x)), x + mlp(norm(x)), GELU by the tangent.
//!
//! *Parity:* scores are scaled by the full width to the power -1/2, not by that of a head.

use candle_core::{Result, Tensor};

use crate::layers::attend::{Read, attend};
use crate::layers::linear::Linear;
use crate::layers::norm::LayerNorm;
use crate::layers::rows::{Gelu, gelu};
use crate::parameters::{Scope, Start};

/// Started as the official code starts linear layers of its transformers.
const START: Start = Start::Normal(0.02);

fn linear(scope: &Scope<'_, '_>, inputs: usize, outputs: usize, bias: bool) -> Result<Linear> {
    Linear::started(scope, inputs, outputs, START, bias.then_some(Start::Constant(0.0)))
}

/// `fn.norm`, `fn.fn.l1`, `fn.fn.l2`.
#[derive(Debug, Clone)]
struct Mlp {
    norm: LayerNorm,
    layers: [Linear; 2],
}

impl Mlp {
    fn new(scope: &Scope<'_, '_>, width: usize, inner: usize) -> Result<Self> {
        let scope = scope.at("fn");
        Ok(Self {
            norm: LayerNorm::new(&scope.at("norm"), width)?,
            layers: [
                linear(&scope.at("fn.l1"), width, inner, true)?,
                linear(&scope.at("fn.l2"), inner, width, true)?,
            ],
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let inner = gelu(&self.layers[0].forward(&self.norm.forward(x)?)?, Gelu::Tanh)?;
        x + self.layers[1].forward(&inner)?
    }
}

/// Self-attention and an MLP: `net.{2i}`, `net.{2i+1}`.
#[derive(Debug, Clone)]
struct Block {
    norm: LayerNorm,
    all: Linear,
    out: Linear,
    mlp: Mlp,
}

/// A stack of blocks over `[B, T, width]`.
#[derive(Debug, Clone)]
pub struct Transformer {
    blocks: Vec<Block>,
    heads: usize,
}

impl Transformer {
    /// `net.0` to `net.{2 layers - 1}`.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(
        scope: &Scope<'_, '_>,
        width: usize,
        layers: usize,
        heads: usize,
        inner: usize,
    ) -> Result<Self> {
        let block = |index: usize| -> Result<Block> {
            let first = scope.at("net").at(2 * index).at("fn");
            Ok(Block {
                norm: LayerNorm::new(&first.at("norm"), width)?,
                all: linear(&first.at("fn.to_qkv"), width, 3 * width, false)?,
                out: linear(&first.at("fn.to_out"), width, width, true)?,
                mlp: Mlp::new(&scope.at("net").at(2 * index + 1), width, inner)?,
            })
        };
        Ok(Self { blocks: (0..layers).map(block).collect::<Result<_>>()?, heads })
    }

    /// The same shape; `mask` `[T, T]` is added to the scores.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let width = x.dim(2)?;
        let scale = (width as f64).powf(-0.5);
        self.blocks.iter().try_fold(x.clone(), |x, block| {
            let all = block.all.forward(&block.norm.forward(&x)?)?;
            let seen = attend(&Read::Themselves(all), self.heads, scale, mask)?;
            block.mlp.forward(&(x + block.out.forward(&seen)?)?)
        })
    }
}

/// Blocks in which motion is updated by what the sound asks of it: queries from the sound, keys and values from the
/// motion. Only the motion is normed.
#[derive(Debug, Clone)]
pub struct CrossModal {
    blocks: Vec<CrossBlock>,
    heads: usize,
}

#[derive(Debug, Clone)]
struct CrossBlock {
    norm: LayerNorm,
    query: Linear,
    both: Linear,
    out: Linear,
    mlp: Mlp,
}

impl CrossModal {
    /// As [`Transformer::new`], with `to_q` and `to_kv`.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(
        scope: &Scope<'_, '_>,
        width: usize,
        layers: usize,
        heads: usize,
        inner: usize,
    ) -> Result<Self> {
        let block = |index: usize| -> Result<CrossBlock> {
            let first = scope.at("net").at(2 * index).at("fn");
            Ok(CrossBlock {
                norm: LayerNorm::new(&first.at("norm"), width)?,
                query: linear(&first.at("fn.to_q"), width, width, false)?,
                both: linear(&first.at("fn.to_kv"), width, 2 * width, false)?,
                out: linear(&first.at("fn.to_out"), width, width, true)?,
                mlp: Mlp::new(&scope.at("net").at(2 * index + 1), width, inner)?,
            })
        };
        Ok(Self { blocks: (0..layers).map(block).collect::<Result<_>>()?, heads })
    }

    /// Motion and sound `[B, T, width]` to motion.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, motion: &Tensor, sound: &Tensor) -> Result<Tensor> {
        let width = motion.dim(2)?;
        let scale = (width as f64).powf(-0.5);
        self.blocks.iter().try_fold(motion.clone(), |x, block| {
            let both = block.both.forward(&block.norm.forward(&x)?)?;
            let read = Read::Memory(block.query.forward(sound)?, both);
            let seen = attend(&read, self.heads, scale, None)?;
            block.mlp.forward(&(x + block.out.forward(&seen)?)?)
        })
    }
}
