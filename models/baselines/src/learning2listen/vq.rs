//! Motion to codes and back: `[B, 32, columns]` -> 4 codes -> `[B, 32, columns]`.
//!
//! Encoder: [`Squash`] 32 -> 4, linear, positions, transformer. Decoder: [`Expand`] 4 -> 32, linear, positions,
//! transformer, a convolution that smooths over block ends.

use candle_core::{Result, Tensor};

use super::blocks::Transformer;
use super::config::{FRAMES, TOKENS, VqConfig};
use super::quantiser::{Quantised, Quantiser};
use super::squash::{Expand, Squash};
use crate::layers::convolution::{Beyond, Conv1d};
use crate::layers::linear::Linear;
use crate::layers::pointwise::mean_absolute;
use crate::parameters::{Scope, Start};
use crate::pass::Pass;

/// The quantising network.
#[derive(Debug, Clone)]
pub struct Vq {
    columns: Vec<usize>,
    squash: Squash,
    encoder: Tower,
    quantiser: Quantiser,
    expand: Expand,
    decoder: Tower,
    smooth: Conv1d,
}

/// Linear, positions, transformer.
#[derive(Debug, Clone)]
struct Tower {
    map: Linear,
    positions: Tensor,
    blocks: Transformer,
}

impl Tower {
    fn new(scope: &Scope<'_, '_>, side: &str, length: usize, config: &VqConfig) -> Result<Self> {
        let (h, at) = (config.width, |name: &str| scope.at(format!("{side}_{name}")));
        Ok(Self {
            map: Linear::new(&at("linear_embedding").at("net"), h, h)?,
            positions: at("pos_embedding").tensor("pos_embedding", &[length, h], Start::Constant(0.0))?,
            blocks: Transformer::new(&at("transformer"), h, config.layers, config.heads, config.inner)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.blocks.forward(&self.map.forward(x)?.broadcast_add(&self.positions)?, None)
    }
}

/// Scalars of a batch.
#[derive(Debug, Clone)]
pub struct VqLosses {
    /// What is minimised: L1 of each group of columns (a mean each), and the codebook's loss.
    pub total: Tensor,
    /// The part of motion.
    pub motion: Tensor,
    /// The codebook's part.
    pub quantiser: Tensor,
    /// The codes' numbers `[4 B]`, and what they were looked up for, `[4 B, H]`, without a gradient.
    pub lookups: (Tensor, Tensor),
    /// How many codes the batch uses: e to the entropy of their shares. It has no gradient.
    pub used: Tensor,
}

impl Vq {
    /// `encoder`, `quantize`, `decoder`.
    ///
    /// # Errors
    /// Of the tensor library; the configuration is checked by [`VqConfig::check`].
    pub fn new(config: &VqConfig, scope: &Scope<'_, '_>) -> Result<Self> {
        let (h, columns) = (config.width, config.motion());
        let (encoder, decoder) = (scope.at("encoder"), scope.at("decoder"));
        Ok(Self {
            columns: config.columns.clone(),
            squash: Squash::new(&encoder.at("squasher"), columns, h)?,
            encoder: Tower::new(&encoder, "encoder", TOKENS, config)?,
            quantiser: Quantiser::new(&scope.at("quantize"), config)?,
            expand: Expand::new(&decoder.at("expander"), h)?,
            decoder: Tower::new(&decoder, "decoder", FRAMES, config)?,
            smooth: Conv1d::new(&decoder.at("cross_smooth_layer"), (h, columns, 5), 1, 2, Beyond::Zeros)?,
        })
    }

    /// Codes of motion `[B, 32, columns]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn encode(&self, motion: &Tensor, pass: &Pass) -> Result<Quantised> {
        self.quantiser.forward(&self.encoded(motion, pass)?)
    }

    /// What codes are looked up for, `[4 B, H]`, of motion `[B, 32, columns]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn rows(&self, motion: &Tensor, pass: &Pass) -> Result<Tensor> {
        self.quantiser.rows(&self.encoded(motion, pass)?)
    }

    fn encoded(&self, motion: &Tensor, pass: &Pass) -> Result<Tensor> {
        let squashed = self.squash.forward(&motion.transpose(1, 2)?, pass)?.transpose(1, 2)?;
        pass.note("squashed", &squashed);
        let z = self.encoder.forward(&squashed)?;
        pass.note("encoder_out", &z);
        Ok(z)
    }

    /// Motion `[B, 32, columns]` of code vectors `[B, 4, H]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn decode(&self, vectors: &Tensor, pass: &Pass) -> Result<Tensor> {
        let expanded = self.expand.forward(&vectors.transpose(1, 2)?, pass)?.transpose(1, 2)?;
        let out = self.decoder.forward(&expanded)?;
        self.smooth.forward(&out.transpose(1, 2)?)?.transpose(1, 2)?.contiguous()
    }

    /// Motion `[B, 32, columns]` of codes `[B, 4]`.
    ///
    /// # Errors
    /// When a code does not exist.
    pub fn decode_codes(&self, codes: &Tensor, pass: &Pass) -> Result<Tensor> {
        self.decode(&self.quantiser.vectors(codes)?, pass)
    }

    /// Everything to train on for motion `[B, 32, columns]`, and the motion it became.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn loss(&self, motion: &Tensor, pass: &Pass) -> Result<(VqLosses, Tensor)> {
        let quantised = self.encode(motion, pass)?;
        let made = self.decode(&quantised.vectors, pass)?;
        let (mut parts, mut start) = (Vec::new(), 0);
        for length in &self.columns {
            let part = |x: &Tensor| x.narrow(2, start, *length);
            parts.push(mean_absolute(&part(&made)?, &part(motion)?)?);
            start += length;
        }
        let motion = Tensor::stack(&parts, 0)?.sum_all()?;
        let losses = VqLosses {
            total: (&motion + &quantised.loss)?,
            motion,
            used: used(&quantised)?.to_dtype(made.dtype())?,
            lookups: (quantised.indices.flatten_all()?, quantised.rows),
            quantiser: quantised.loss,
        };
        Ok((losses, made))
    }
}

/// e to the entropy of the shares of codes.
fn used(quantised: &Quantised) -> Result<Tensor> {
    let indices = quantised.indices.flatten_all()?.to_vec1::<u32>()?;
    let mut counts = std::collections::BTreeMap::<u32, f64>::new();
    indices.iter().for_each(|code| *counts.entry(*code).or_default() += 1.0 / indices.len() as f64);
    let entropy: f64 = counts.values().map(|share| -share * share.ln()).sum();
    Tensor::new(entropy.exp(), quantised.indices.device())
}
