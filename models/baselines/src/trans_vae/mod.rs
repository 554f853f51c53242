//! Trans-VAE, the baseline that the REACT 2024 challenge calls "after Learning2Listen" (it shares no layer with it).
//!
//! Reading order: `config.rs`, `encoder.rs` (with `video.rs`), `vae.rs`, `reaction.rs`, then [`TransVae::forward`] here.
//! Equal to `TransformerVAE` of the official repository, names of its state dict included.
//!
//! Not copied: the official evaluation tests for a list where the network returns a tuple, feeds 751 frames to the first
//! of ten passes and 750 to the others, needs a GPU, and forces windows of 8 whatever was trained. Here the window is
//! part of the configuration. Copied though it looks wrong: frames beyond the last whole window come out as zeros; the
//! norms of the video encoder run over time (`video.rs`); windows are not causal within (`reaction.rs`).

pub mod config;
pub mod encoder;
pub mod lesson;
pub mod loss;
pub mod reaction;
pub mod vae;
pub mod video;
pub mod watch;

use candle_core::{Result, Tensor};

use crate::layers::linear::Linear;
use crate::parameters::Scope;
use crate::pass::Pass;
pub use config::{Config, Sight, Weights};
use encoder::SpeakerEncoder;
pub use encoder::{Seen, Speaker};
pub use loss::{Losses, Target};
pub use reaction::Reaction;
use reaction::ReactionDecoder;
pub use vae::Latent;

/// The network.
#[derive(Debug, Clone)]
pub struct TransVae {
    config: Config,
    encoder: SpeakerEncoder,
    fusion: Linear,
    decoder: ReactionDecoder,
}

/// What official checkpoints hold besides parameters.
pub fn is_junk(name: &str) -> bool {
    name.ends_with("PE.pe") || name.starts_with("optimizer.") || name == "epoch"
}

impl TransVae {
    /// `speaker_behaviour_encoder`, `fusion` (there offline too, and unused), `reaction_decoder`.
    ///
    /// # Errors
    /// Of the tensor library; the configuration is checked by [`Config::check`].
    pub fn new(config: &Config, scope: &Scope<'_, '_>) -> Result<Self> {
        let (d, (attributes, coefficients)) = (config.width, config::WIDTHS);
        Ok(Self {
            config: config.clone(),
            encoder: SpeakerEncoder::new(&scope.at("speaker_behaviour_encoder"), config)?,
            fusion: Linear::new(&scope.at("fusion"), d + coefficients + attributes, d)?,
            decoder: ReactionDecoder::new(&scope.at("reaction_decoder"), config)?,
        })
    }

    /// Sizes.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Windows of a clip, and so draws of the latent: one offline, T / w online (a last partial window is left out).
    pub fn windows(&self, frames: usize) -> usize {
        self.config.window.map_or(1, |window| frames / window)
    }

    /// Frames that the video encoder is to be asked for, one prefix a window (offline: the whole clip), as
    /// [`Seen::Tokens`] holds them.
    pub fn ends(&self, frames: usize) -> Vec<usize> {
        match self.config.window {
            None => vec![frames],
            Some(window) => (1..=self.windows(frames)).map(|index| index * window).collect(),
        }
    }

    /// The video encoder of a network that sees frames.
    pub fn eyes(&self) -> Option<&video::VideoEncoder> {
        self.encoder.eyes()
    }

    /// A reaction of as many frames as the speaker has, and the latent of each window. `eps` is N(0, 1) noise
    /// `[windows, B, d]`, one draw a window. Online the frames beyond the last whole window are zeros.
    ///
    /// # Errors
    /// When shapes do not fit or the clip is longer than [`Config::most_frames`].
    pub fn forward(&self, speaker: &Speaker, eps: &Tensor, pass: &Pass) -> Result<(Reaction, Vec<Latent>)> {
        let (batch, frames, _) = speaker.heard.dims3()?;
        if frames > self.config.most_frames {
            candle_core::bail!("{frames} frames are more than the {} of the mask", self.config.most_frames);
        }
        let Some(window) = self.config.window else {
            let latent = self.decoder.vae.forward(&self.encoder.forward(speaker, pass)?, pass)?;
            let reaction = self.decoder.forward(&latent.draw(&eps.get(0)?)?, frames, None, pass)?;
            return Ok((reaction, vec![latent]));
        };
        let zeros = |count: usize, width: usize| {
            Tensor::zeros((batch, count, width), speaker.heard.dtype(), speaker.heard.device())
        };
        let (mut emotion, mut coefficients, mut latents) = (Vec::new(), Vec::new(), Vec::new());
        for index in 0..self.windows(frames) {
            let feature = self.encoder.forward(&speaker.window(index, (index + 1) * window)?, pass)?;
            // what was answered so far, then zeros for the window that is asked for
            let (widths, joined) = (config::WIDTHS, |so_far: &[Tensor], width: usize| {
                let mut parts = so_far.to_vec();
                parts.push(zeros(window, width)?);
                Tensor::cat(&parts, 1)
            });
            let answered = [&feature, &joined(&coefficients, widths.1)?, &joined(&emotion, widths.0)?];
            let fused = self.fusion.forward(&Tensor::cat(&answered, 2)?)?;
            pass.note("fused", &fused);
            let latent = self.decoder.vae.forward(&fused, pass)?;
            let past = if index == 0 { None } else { Some(Tensor::cat(&coefficients, 1)?) };
            let made = self.decoder.forward(&latent.draw(&eps.get(index)?)?, window, past.as_ref(), pass)?;
            emotion.push(made.emotion);
            coefficients.push(made.coefficients);
            latents.push(latent);
        }
        let rest = frames - self.windows(frames) * window;
        if rest > 0 {
            emotion.push(zeros(rest, config::WIDTHS.0)?);
            coefficients.push(zeros(rest, config::WIDTHS.1)?);
        }
        let reaction =
            Reaction { emotion: Tensor::cat(&emotion, 1)?, coefficients: Tensor::cat(&coefficients, 1)? };
        Ok((reaction, latents))
    }
}
