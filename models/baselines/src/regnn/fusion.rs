//! The transformer in which one stream reads another, pre-norm, after MulT.
//!
//! `[B, T, d]` here, `[T, B, d]` in the original. Query and key stream are each scaled by sqrt(d) and get positions, once; a
//! layer's first norm serves query and key stream alike; values are the normed keys.
//!
//! *Parity:* a frame whose channel 0 is exactly 0.0 counts as padding and gets the zero row of the table instead of its
//! position. That happens with quantised VGGish features.

use candle_core::{Result, Tensor};

use crate::layers::attention::MultiHeadAttention;
use crate::layers::linear::Linear;
use crate::layers::norm::LayerNorm;
use crate::layers::pointwise::relu;
use crate::layers::positions::halves;
use crate::parameters::{Scope, Start};
use crate::pass::Pass;

/// Width of the feed-forward blocks over d.
const EXPANSION: usize = 4;

/// One layer.
#[derive(Debug, Clone)]
pub struct Layer {
    attention: MultiHeadAttention,
    feed_forward: [Linear; 2],
    norms: [LayerNorm; 2],
    dropout: [f64; 3],
}

/// A stack of layers and a last norm.
#[derive(Debug, Clone)]
pub struct Transformer {
    layers: Vec<Layer>,
    norm: LayerNorm,
    dropout: [f64; 3],
}

impl Layer {
    fn new(scope: &Scope<'_, '_>, width: usize, heads: usize, dropout: [f64; 3]) -> Result<Self> {
        let inner = EXPANSION * width;
        let start = Start::xavier(width, inner);
        let zero = Some(Start::Constant(0.0));
        let norm = |index: usize| LayerNorm::new(&scope.at("layer_norms").at(index), width);
        let out = Start::xavier(width, width);
        Ok(Self {
            attention: MultiHeadAttention::started(&scope.at("self_attn"), width, heads, out)?,
            feed_forward: [
                Linear::started(&scope.at("fc1"), width, inner, start, zero)?,
                Linear::started(&scope.at("fc2"), inner, width, start, zero)?,
            ],
            norms: [norm(0)?, norm(1)?],
            dropout,
        })
    }

    /// `[B, T, d]`, reading `memory` `[B, S, d]` or itself.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, memory: Option<&Tensor>, pass: &Pass) -> Result<Tensor> {
        let [_, residual, inside] = self.dropout;
        let normed = self.norms[0].forward(x)?;
        let read = match memory {
            Some(memory) => self.attention.forward(&normed, &self.norms[0].forward(memory)?, None)?,
            None => self.attention.forward(&normed, &normed, None)?,
        };
        let x = (x + pass.drop(&read, residual)?)?;
        let inner = relu(&self.feed_forward[0].forward(&self.norms[1].forward(&x)?)?)?;
        let moved = self.feed_forward[1].forward(&pass.drop(&inner, inside)?)?;
        x + pass.drop(&moved, residual)?
    }
}

impl Transformer {
    /// `layers.0` and so on, `layer_norm`. Dropout of embeddings, residuals and the ReLU.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(
        scope: &Scope<'_, '_>,
        width: usize,
        heads: usize,
        layers: usize,
        dropout: [f64; 3],
    ) -> Result<Self> {
        let layer = |index: usize| Layer::new(&scope.at("layers").at(index), width, heads, dropout);
        Ok(Self {
            layers: (0..layers).map(layer).collect::<Result<_>>()?,
            norm: LayerNorm::new(&scope.at("layer_norm"), width)?,
            dropout,
        })
    }

    /// `[B, T, d]`, reading `memory` `[B, S, d]` or itself.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, memory: Option<&Tensor>, pass: &Pass) -> Result<Tensor> {
        let embed = |x: &Tensor| {
            let scaled = (x * (x.dim(2)? as f64).sqrt())?;
            pass.drop(&(scaled + positions_of(x)?)?, self.dropout[0])
        };
        let memory = memory.map(embed).transpose()?;
        let x =
            self.layers.iter().try_fold(embed(x)?, |x, layer| layer.forward(&x, memory.as_ref(), pass))?;
        self.norm.forward(&x)
    }

    /// The layers.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }
}

/// Rows of the table for each frame of `[B, T, d]`: row t + 1, or zeros where channel 0 is exactly 0.
///
/// # Errors
/// Of the tensor library.
pub fn positions_of(x: &Tensor) -> Result<Tensor> {
    let (_, frames, width) = x.dims3()?;
    let table: Vec<f32> = (1..=frames).flat_map(|row| halves(row, width)).collect();
    let table = Tensor::from_vec(table, (1, frames, width), x.device())?.to_dtype(x.dtype())?;
    let first = x.detach().narrow(2, 0, 1)?;
    table.broadcast_mul(&first.ne(&first.zeros_like()?)?.to_dtype(x.dtype())?)
}
