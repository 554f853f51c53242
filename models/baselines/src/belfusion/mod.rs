//! BeLFusion in its REACT 2024 version: latent diffusion of attribute windows under the speaker's attributes.
//!
//! Reading order: `config.rs`, `vae.rs`, `statistics.rs` (latents to -1..1), `denoiser.rs`, `schedule.rs`, then here. It is not the
//! architecture of the paper (LSTM, adversarial decoder, U-Net): here a GRU window VAE and an MLP. It sees *only* the
//! speaker's 25 attributes. Windows are drawn independently; there is no continuity between them.
//!
//! *Parity:* with [`LatentOf::State`] a window's latent is the encoder's last state, decoded directly although the decoder
//! learned draws around the mean; and the target in attribute space is the decoded latent of the true window, not the true
//! window. [`LatentOf::Mean`] is ours.

pub mod config;
pub mod denoiser;
pub mod lesson;
pub mod schedule;
pub mod statistics;
pub mod vae;

use candle_core::{Result, Tensor};
use clips::channels::ATTRIBUTE_COUNT;

use crate::layers::pointwise::absolute;
use crate::parameters::Scope;
use crate::pass::Pass;
pub use config::{Config, DenoiserConfig, LatentOf, VaeConfig};
use denoiser::Denoiser;
use schedule::Schedule;
use statistics::Statistics;
use vae::Vae;

/// Columns that are action units, which `binarise` rounds.
pub const ACTION_UNITS: usize = 15;
/// Weights of the two terms of the diffusion's loss.
const WEIGHTS: (f64, f64) = (10.0, 10.0);

/// The whole system.
#[derive(Debug, Clone)]
pub struct BelFusion {
    config: Config,
    vae: Vae,
    statistics: Statistics,
    denoiser: Denoiser,
    schedule: Schedule,
}

/// A reaction and what it was decoded from.
#[derive(Debug, Clone)]
pub struct Reaction {
    /// Attributes `[B, T, 25]`, not clamped.
    pub emotion: Tensor,
    /// Coefficients `[B, T, 58]`.
    pub coefficients: Tensor,
    /// Latents `[B, windows * width]` in -1..1.
    pub latents: Tensor,
}

/// Scalars of a batch of the diffusion, and what they are of.
#[derive(Debug, Clone)]
pub struct Losses {
    /// What is minimised: 10 latent + 10 decoded.
    pub total: Tensor,
    /// Least mean |difference| of latents over the hypotheses.
    pub latent: Tensor,
    /// Least mean squared difference of attributes over the hypotheses.
    pub decoded: Tensor,
    /// Estimated latents `[B, k, width]`.
    pub made: Tensor,
    /// True latents, repeated.
    pub wanted: Tensor,
    /// Decoded estimates `[B, k, window, 25]`.
    pub made_frames: Tensor,
    /// Decoded true latents, repeated.
    pub wanted_frames: Tensor,
}

/// What a checkpoint of the second stage holds besides the denoiser's parameters.
pub fn is_junk(name: &str) -> bool {
    name.contains(".cond_layers.1.") || name.starts_with("optimizer.") || name == "epoch"
}

impl BelFusion {
    /// `vae`, `statistics` and `denoiser`, each as in its official checkpoint below. The first two are frozen: they come
    /// from the first stage of training.
    ///
    /// # Errors
    /// Of the tensor library; the configuration is checked by [`Config::check`].
    pub fn new(config: &Config, scope: &Scope<'_, '_>) -> Result<Self> {
        let width = config.vae.width;
        Ok(Self {
            config: config.clone(),
            vae: Vae::new(&config.vae, &scope.at("vae").frozen())?,
            statistics: Statistics::new(&scope.at("statistics"), width)?,
            denoiser: Denoiser::new(&config.denoiser, width, &scope.at("denoiser"))?,
            schedule: Schedule::cosine(config.steps),
        })
    }

    /// Sizes and options.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The window VAE.
    pub fn vae(&self) -> &Vae {
        &self.vae
    }

    /// The denoiser.
    pub fn denoiser(&self) -> &Denoiser {
        &self.denoiser
    }

    /// Windows `[N, window, 25]` as latents in -1..1, `[N, width]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn encode(&self, windows: &Tensor) -> Result<Tensor> {
        self.statistics.normalise(&self.latents(windows)?)
    }

    /// Windows `[N, window, 25]` as latents before they are brought to -1..1, `[N, width]`: what the statistics are of.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn latents(&self, windows: &Tensor) -> Result<Tensor> {
        let encoded = self.vae.encode(windows)?;
        Ok(match self.config.latent {
            LatentOf::State => encoded.state,
            LatentOf::Mean => encoded.mu,
        })
    }

    /// The statistics of latents, to be set when the VAE is trained.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Latents in -1..1 as windows `[N, window, 25]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        self.vae.decode(&self.statistics.restore(latents)?)
    }

    /// What a speaker's clips `[B, T, 25]` condition on, `[B windows, width]`. Online the clip is shifted by one window, and
    /// zeros stand before the first.
    ///
    /// # Errors
    /// When T is no whole number of windows.
    pub fn condition(&self, speaker: &Tensor) -> Result<Tensor> {
        if !self.config.online {
            return self.encode(&self.vae.windows(speaker)?);
        }
        let (_, frames, _) = speaker.dims3()?;
        let window = self.config.vae.window;
        let before = speaker.narrow(1, 0, window)?.zeros_like()?;
        let shifted = Tensor::cat(&[before, speaker.narrow(1, 0, frames - window)?], 1)?;
        self.encode(&self.vae.windows(&shifted)?)
    }

    /// The whole way from noise `[N, width]` under conditions `[N, width]` to clean latents: every step t from the last to 0,
    /// x0 = clamp(net(x, t), -1, 1), then back by one.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn sample(&self, noise: &Tensor, condition: &Tensor, pass: &Pass) -> Result<Tensor> {
        let (mut x, mut clean) = (noise.clone(), noise.clone());
        for step in (0..self.schedule.steps()).rev() {
            pass.note("x_t", &x);
            let steps = vec![step; x.dim(0)?];
            clean = self.denoiser.forward(&x, &steps, condition, pass)?.clamp(-1.0, 1.0)?;
            pass.note("pred_xstart", &clean);
            x = self.schedule.back(&x, &clean, step)?;
            pass.note("sample", &x);
        }
        Ok(clean)
    }

    /// Reactions to clips `[B, T, 25]`, T a whole number of windows; noise `[B windows, width]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, speaker: &Tensor, noise: &Tensor, pass: &Pass) -> Result<Reaction> {
        let condition = self.condition(speaker)?;
        pass.note("cond_speaker", &condition);
        self.react(&condition, noise, speaker.dim(0)?, pass)
    }

    /// Reactions of `batch` clips from noise `[B windows, width]` under conditions of that shape, see [`BelFusion::condition`].
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn react(&self, condition: &Tensor, noise: &Tensor, batch: usize, pass: &Pass) -> Result<Reaction> {
        let latents = self.sample(noise, condition, pass)?;
        let emotion = self.decode(&latents)?.reshape((batch, (), ATTRIBUTE_COUNT))?;
        let coefficients = self.vae.coefficients(&emotion)?;
        let emotion = if self.config.binarise { binarised(&emotion)? } else { emotion };
        Ok(Reaction { emotion, coefficients, latents: latents.reshape((batch, ()))? })
    }

    /// The diffusion's loss for one window of each item. `speaker` and `listener` are `[B, window, 25]`, `steps` one of
    /// 0..n for each item, `noise` `[B k, width]` for k hypotheses of each item, one after the other.
    ///
    /// Each term is a mean over features, then the least over the hypotheses (for each term by itself), then the
    /// mean over items. *Parity:* officially one random start in 0..50 a batch, so that only the first 99 frames of a
    /// clip are ever used; which windows are given here is the caller's choice.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn loss(
        &self,
        speaker: &Tensor,
        listener: &Tensor,
        steps: &[usize],
        noise: &Tensor,
        pass: &Pass,
    ) -> Result<Losses> {
        let (batch, width) = (listener.dim(0)?, self.config.vae.width);
        let k = noise.dim(0)? / batch.max(1);
        let repeated =
            |x: &Tensor| x.unsqueeze(1)?.broadcast_as((batch, k, width))?.reshape((batch * k, width));
        let wanted = repeated(&self.encode(listener)?)?;
        let condition = repeated(&self.encode(speaker)?)?;
        let steps: Vec<usize> = steps.iter().flat_map(|step| std::iter::repeat_n(*step, k)).collect();
        let noised = self.schedule.noised(&wanted, &steps, noise)?;
        let made = self.denoiser.forward(&noised, &steps, &condition, pass)?;
        let (made_frames, wanted_frames) = (self.decode(&made)?, self.decode(&wanted)?);
        let least = |each: Tensor| each.flatten_from(1)?.mean(1)?.reshape((batch, k))?.min(1)?.mean_all();
        let latent = least(absolute(&(&made - &wanted)?)?)?;
        let decoded = least((&made_frames - &wanted_frames)?.sqr()?)?;
        let total = ((&latent * WEIGHTS.0)? + (&decoded * WEIGHTS.1)?)?;
        let by_item = |x: &Tensor| {
            let mut shape = vec![batch, k];
            shape.extend(&x.dims()[1..]);
            x.reshape(shape)
        };
        Ok(Losses {
            total,
            latent,
            decoded,
            made: by_item(&made)?,
            wanted: by_item(&wanted)?,
            made_frames: by_item(&made_frames)?,
            wanted_frames: by_item(&wanted_frames)?,
        })
    }
}

/// Action units `[..., 25]` rounded to whole numbers, halves to even; the other columns stay. Values are not clamped
/// first, so that -1 or 2 can occur, as officially.
///
/// # Errors
/// Of the tensor library.
pub fn binarised(emotion: &Tensor) -> Result<Tensor> {
    let last = emotion.rank() - 1;
    let units = emotion.narrow(last, 0, ACTION_UNITS)?;
    let rounded: Vec<f32> = units
        .to_dtype(candle_core::DType::F32)?
        .flatten_all()?
        .to_vec1::<f32>()?
        .into_iter()
        .map(f32::round_ties_even)
        .collect();
    let rounded = Tensor::from_vec(rounded, units.dims(), emotion.device())?.to_dtype(emotion.dtype())?;
    let rest = emotion.dim(last)? - ACTION_UNITS;
    Tensor::cat(&[rounded, emotion.narrow(last, ACTION_UNITS, rest)?], last)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use clips::Chance;

    use super::*;
    use crate::parameters::{Fresh, build};
    use crate::pass::normal;

    #[test]
    fn halves_are_rounded_to_even_and_only_action_units() {
        let row: Vec<f32> = [0.5, 1.5, -0.5, 0.49, 2.5].into_iter().cycle().take(25).collect();
        let x = Tensor::from_vec(row, (1, 25), &Device::Cpu).unwrap();
        let made = binarised(&x).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(made[0][..5], [0.0, 2.0, 0.0, 0.0, 2.0]);
        assert_eq!(made[0][15..20], [0.5, 1.5, -0.5, 0.49, 2.5]);
    }

    #[test]
    fn online_windows_do_not_know_their_own_speaker() {
        let config = Config { online: true, ..Config::preset("small").unwrap() };
        let (system, _) = build(&mut Fresh { seed: 1 }, |scope| BelFusion::new(&config, scope)).unwrap();
        let mut chance = Chance::new(2, "speaker", &[]);
        let element = candle_core::DType::F32;
        let speaker = normal(&mut chance, &[1, 75, 25], element).unwrap();
        let noise = normal(&mut chance, &[3, 32], element).unwrap();
        let other = normal(&mut chance, &[1, 25, 25], element).unwrap();
        let changed = Tensor::cat(&[speaker.narrow(1, 0, 50).unwrap(), other], 1).unwrap();
        let of = |speaker: &Tensor| {
            let made = system.forward(speaker, &noise, &Pass::evaluation()).unwrap();
            made.emotion.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        assert_eq!(of(&speaker), of(&changed), "the last window of the speaker is never seen");
        let other_start =
            Tensor::cat(&[&changed.narrow(1, 50, 25).unwrap(), &speaker.narrow(1, 25, 50).unwrap()], 1);
        assert_ne!(of(&speaker)[25 * 25..50 * 25], of(&other_start.unwrap())[25 * 25..50 * 25]);
    }
}
