//! Reaction decoder of Trans-VAE: a latent to attributes and coefficients, the whole clip at once or window by window.
//!
//! Queries are the sinusoidal table itself. Decoder 1 attends to the one token z, which is a constant shift; decoder 2
//! takes decoder 1's output as both target and memory. *Parity:* decoder 2's (and the online decoder's) attention to its
//! memory is unmasked, so a window is not causal within itself; and the table restarts in every window.
//!
//! The official mask is built as a bias by distance whose period is the greatest length, so that every bias is divided
//! down to 0: a plain causal mask, the same for all heads. It ends at 751 frames, and so do we.

use candle_core::{Result, Tensor};

use super::config::{Config, WIDTHS};
use super::vae::Vae;
use crate::layers::linear::Linear;
use crate::layers::positions::interleaved;
use crate::layers::recurrent::Lstm;
use crate::layers::transformer::{DecoderLayer, causal_mask};
use crate::parameters::Scope;
use crate::pass::Pass;

/// A reaction: attributes `[B, T, 25]` and coefficients `[B, T, 58]`, neither clamped.
#[derive(Debug, Clone)]
pub struct Reaction {
    /// Attributes.
    pub emotion: Tensor,
    /// Face coefficients, centred on the mean face.
    pub coefficients: Tensor,
}

/// What only the online network has.
#[derive(Debug, Clone)]
struct Online {
    lstm: Lstm,
    past: Linear,
    present: Linear,
    decoder: DecoderLayer,
}

/// `vae_model`, the two decoders and the heads; online also `lstm`, `linear_3d`, `linear_reaction`,
/// `listener_reaction_decoder_3d`.
#[derive(Debug, Clone)]
pub struct ReactionDecoder {
    /// The variational part.
    pub vae: Vae,
    decoders: [DecoderLayer; 2],
    coefficients: Linear,
    emotion: [Linear; 2],
    online: Option<Online>,
    width: usize,
    dropout: f64,
}

impl ReactionDecoder {
    /// As configured.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(scope: &Scope<'_, '_>, config: &Config) -> Result<Self> {
        let (d, (attributes, coefficients)) = (config.width, WIDTHS);
        let decoder = |name: &str| {
            DecoderLayer::new(
                &scope.at(format!("listener_reaction_decoder_{name}.layers.0")),
                d,
                config.heads,
                2 * d,
                config.dropout,
            )
        };
        let emotion = scope.at("listener_reaction_emotion_map_layer");
        Ok(Self {
            vae: Vae::new(&scope.at("vae_model"), config)?,
            decoders: [decoder("1")?, decoder("2")?],
            coefficients: Linear::new(&scope.at("listener_reaction_3dmm_map_layer"), d, coefficients)?,
            emotion: [
                Linear::new(&emotion.at(0), d + coefficients, d)?,
                Linear::new(&emotion.at(1), d, attributes)?,
            ],
            online: match config.window {
                None => None,
                Some(_) => Some(Online {
                    lstm: Lstm::new(&scope.at("lstm"), d, d)?,
                    past: Linear::new(&scope.at("linear_3d"), coefficients, d)?,
                    present: Linear::new(&scope.at("linear_reaction"), d, d)?,
                    decoder: decoder("3d")?,
                }),
            },
            width: d,
            dropout: config.dropout,
        })
    }

    /// `frames` frames from a latent `[B, d]`. `past` are the coefficients `[B, n, 58]` of the windows before this one;
    /// the first window and the offline network have none.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, z: &Tensor, frames: usize, past: Option<&Tensor>, pass: &Pass) -> Result<Reaction> {
        let (batch, d) = z.dims2()?;
        let table =
            Tensor::from_vec(interleaved(0..frames, d), (1, frames, d), z.device())?.to_dtype(z.dtype())?;
        let queries = table.broadcast_as((batch, frames, d))?.contiguous()?;
        pass.note("time_queries", &queries);
        let queries = pass.drop(&queries, self.dropout)?;
        let mask = causal_mask(frames, z.dtype(), z.device())?;
        let one = self.decoders[0].forward(&queries, &z.unsqueeze(1)?, Some(&mask), pass)?;
        pass.note("decoder1", &one);
        let two = self.decoders[1].forward(&one, &one, Some(&mask), pass)?;
        pass.note("decoder2", &two);
        let face = match (&self.online, past) {
            (Some(online), Some(past)) => online.forward(&two, past, pass)?,
            _ => two.clone(),
        };
        let coefficients = self.coefficients.forward(&face)?;
        // the emotion head sees decoder 2, not what the online part made of it
        let emotion = self.emotion[0].forward(&Tensor::cat(&[&coefficients, &two], 2)?)?;
        Ok(Reaction { emotion: self.emotion[1].forward(&emotion)?, coefficients })
    }

    /// Width d of the latent.
    pub fn width(&self) -> usize {
        self.width
    }
}

impl Online {
    /// Joins this window `[B, w, d]` to the coefficients before it.
    fn forward(&self, present: &Tensor, past: &Tensor, pass: &Pass) -> Result<Tensor> {
        let (frames, before) = (present.dim(1)?, past.dim(1)?);
        let past = self.past.forward(past)?;
        let all = Tensor::cat(&[&past, &self.present.forward(present)?], 1)?;
        let mask = causal_mask(before + frames, all.dtype(), all.device())?;
        let joined = self.decoder.forward(&all, &all, Some(&mask), pass)?.narrow(1, before, frames)?;
        let state = past.narrow(1, before - 1, 1)?.squeeze(1)?;
        let out = self.lstm.forward(&joined, &state, &state)?;
        pass.note("lstm", &out);
        Ok(out)
    }
}
