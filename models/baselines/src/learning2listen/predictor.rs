//! The predictor: 4 past listener codes and the speaker's last 40 frames to logits of the next codes.
//!
//! Speaker: sound `[B, 160, bins]` by maxima of 4 rows (ours has one row a frame) and motion `[B, 40, columns]`, each mapped to twice the width with
//! positions; [`CrossModal`] blocks; squashed to 5 tokens. Listener: embedded codes with positions. Together 9 tokens with
//! positions through a transformer, a norm and a linear layer to logits.
//!
//! [`Seen`] says how much of the listener's past may be used. With `Seen::Last(m)` the first 4 - m embeddings are zeros (plus
//! positions), and listener queries but the last m see no listener key; speaker queries see everything. *Parity:* the
//! transformer over the listener's past runs only with `Seen::Unmasked`, which neither training nor testing uses.

use candle_core::{Result, Tensor};

use super::blocks::{CrossModal, Transformer};
use super::config::{PredictorConfig, SEEN, TOKENS};
use super::squash::Squash;
use crate::layers::convolution::max_pool1d;
use crate::layers::linear::Linear;
use crate::layers::norm::LayerNorm;
use crate::parameters::{Scope, Start};
use crate::pass::Pass;

/// How much of the listener's past is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The last m codes; all from 4 on.
    Last(usize),
    /// All, through a transformer of their own.
    Unmasked,
}

/// Tokens of the speaker.
const SPEAKER: usize = SEEN / 8;
/// What no softmax lets through.
const CLOSED: f32 = -1e30;

/// The predictor.
#[derive(Debug, Clone)]
pub struct Predictor {
    rows: usize,
    sound: (Linear, Tensor),
    motion: (Linear, Tensor),
    cross: CrossModal,
    squash: Squash,
    narrow: Linear,
    codes: Tensor,
    past_positions: Tensor,
    past: Transformer,
    positions: Tensor,
    joint: Transformer,
    norm: LayerNorm,
    out: Linear,
}

impl Predictor {
    /// Names as in the official state dict.
    ///
    /// # Errors
    /// Of the tensor library; the configuration is checked by [`PredictorConfig::check`].
    pub fn new(config: &PredictorConfig, scope: &Scope<'_, '_>) -> Result<Self> {
        let (h, wide) = (config.width, 2 * config.width);
        let positions = |name: &str, length, width| {
            let scope = scope.at(format!("{name}_pos_embedding"));
            scope.tensor("pos_embedding", &[length, width], Start::Constant(0.0))
        };
        let linear = |name: &str, inputs, outputs| {
            let start = Start::Normal(0.02);
            Linear::started(&scope.at(name), inputs, outputs, start, Some(Start::Constant(0.0)))
        };
        let joint = scope.at("cross_modal_layer");
        let stack =
            |scope: &Scope<'_, '_>, layers| Transformer::new(scope, h, layers, config.heads, config.inner);
        let crossed = scope.at("cm_transformer");
        let codes = scope.at("listener_past_tok_embedding");
        let logits = joint.at("cross_output_layer");
        Ok(Self {
            rows: config.audio_rows,
            sound: (linear("audio_projector", config.audio, wide)?, positions("audio_full", SEEN, wide)?),
            motion: (linear("motion_projector", config.motion, wide)?, positions("motion_full", SEEN, wide)?),
            cross: CrossModal::new(&crossed, wide, config.cross_layers, config.heads, config.inner)?,
            squash: Squash::new(&scope.at("post_compressor"), wide, wide)?,
            narrow: linear("post_projector", wide, h)?,
            codes: codes.tensor("weight", &[config.codes, h], Start::Normal(0.02))?,
            past_positions: positions("listener_past", TOKENS, h)?,
            past: stack(&scope.at("listener_past_transformer"), 1)?,
            positions: joint.at("cross_pos_embedding").tensor(
                "pos_embedding",
                &[TOKENS + SPEAKER, h],
                Start::Constant(0.0),
            )?,
            joint: stack(&joint.at("transformer_layer"), config.joint_layers)?,
            norm: LayerNorm::new(&joint.at("cross_norm_layer"), h)?,
            out: Linear::started(&logits, h, config.codes, Start::Normal(0.02), None)?,
        })
    }

    /// Logits `[B, 9, codes]`; the first 4 are those of the listener. Past codes `[B, 4]` as `u32`, motion
    /// `[B, 40, columns]`, sound `[B, 160, bins]`.
    ///
    /// # Errors
    /// When shapes do not fit or a code does not exist.
    pub fn forward(
        &self,
        past: &Tensor,
        motion: &Tensor,
        sound: &Tensor,
        seen: Seen,
        pass: &Pass,
    ) -> Result<Tensor> {
        self.next(past, &self.perceive(motion, sound, pass)?, seen)
    }

    /// The speaker's tokens `[B, 5, width]`; motion and sound as for [`Predictor::forward`].
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn perceive(&self, motion: &Tensor, sound: &Tensor, pass: &Pass) -> Result<Tensor> {
        let loudest = match self.rows {
            1 => sound.clone(),
            rows => max_pool1d(&sound.transpose(1, 2)?.contiguous()?, rows, rows)?.transpose(1, 2)?,
        };
        let sound = self.sound.0.forward(&loudest)?.broadcast_add(&self.sound.1)?;
        let motion = self.motion.0.forward(motion)?.broadcast_add(&self.motion.1)?;
        let speaker = self.cross.forward(&motion, &sound)?;
        let speaker = self.squash.forward(&speaker.transpose(1, 2)?.contiguous()?, pass)?;
        self.narrow.forward(&speaker.transpose(1, 2)?)
    }

    /// Logits `[B, 9, codes]` of past codes and the speaker's tokens of [`Predictor::perceive`].
    ///
    /// # Errors
    /// When shapes do not fit or a code does not exist.
    pub fn next(&self, past: &Tensor, speaker: &Tensor, seen: Seen) -> Result<Tensor> {
        let (batch, tokens) = past.dims2()?;
        let listener = self.codes.index_select(&past.flatten_all()?, 0)?.reshape((batch, tokens, ()))?;
        let (listener, mask) = match seen {
            Seen::Unmasked => {
                (self.past.forward(&listener.broadcast_add(&self.past_positions)?, None)?, None)
            }
            Seen::Last(last) => {
                let hidden = TOKENS - last.min(TOKENS);
                let kept: Vec<f32> = (0..TOKENS).map(|token| f32::from(token >= hidden)).collect();
                let kept = self.constant(kept, (1, TOKENS, 1))?;
                let listener = listener.broadcast_mul(&kept)?.broadcast_add(&self.past_positions)?;
                (listener, Some(self.mask(hidden)?))
            }
        };
        let all = Tensor::cat(&[&listener, speaker], 1)?.broadcast_add(&self.positions)?;
        let all = self.joint.forward(&all, mask.as_ref())?;
        self.out.forward(&self.norm.forward(&all)?)
    }

    /// A mask `[9, 9]` by which the first `hidden` listener queries see no listener key.
    fn mask(&self, hidden: usize) -> Result<Tensor> {
        let all = TOKENS + SPEAKER;
        let values: Vec<f32> = (0..all)
            .flat_map(|query| {
                (0..all).map(move |key| if query < hidden && key < TOKENS { CLOSED } else { 0.0 })
            })
            .collect();
        self.constant(values, (all, all))
    }

    fn constant(&self, values: Vec<f32>, shape: impl Into<candle_core::Shape>) -> Result<Tensor> {
        Tensor::from_vec(values, shape.into(), self.codes.device())?.to_dtype(self.codes.dtype())
    }

    /// Cross-entropy of the first 4 positions of logits against the next codes `[B, 4]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn loss(&self, logits: &Tensor, future: &Tensor) -> Result<Tensor> {
        let (batch, tokens) = future.dims2()?;
        let rows = logits.narrow(1, 0, tokens)?.reshape((batch * tokens, ()))?;
        let shifted = rows.broadcast_sub(&rows.detach().max_keepdim(1)?)?;
        let partition = shifted.exp()?.sum_keepdim(1)?.log()?;
        let chosen = shifted.gather(&future.flatten_all()?.unsqueeze(1)?.contiguous()?, 1)?;
        (partition - chosen)?.mean_all()
    }
}
