//! REGNN, the reversible graph baseline. Offline only.
//!
//! Reading order: `config.rs`; `perceptual.rs` with `fusion.rs` (features to 64 numbers a frame); `cognitive.rs` (25 nodes and
//! their edges); `motor.rs` (reversible; backwards it reacts); `windows.rs`; then here. Features come from `swin.rs` and from
//! the speech crate's VGGish or wav2vec2, or are given.
//!
//! Training pulls the speaker's nodes and the motor's image of an appropriate reaction together; to react, noise is added to
//! the nodes and the motor runs backwards. The paper's mixture over graphs and its log-determinants are not in the executed
//! official code (see [`cognitive::Mixture`]). Also not copied: `--modify`, which would round *time steps* 0 to 14 where columns
//! were meant.

pub mod cognitive;
pub mod config;
pub mod fusion;
pub mod lesson;
pub mod motor;
pub mod perceptual;
pub mod spectral;
pub mod swin;
pub mod windows;

use candle_core::{DType, Result, Tensor};

use crate::layers::pointwise::absolute;
use crate::parameters::Scope;
use crate::pass::Pass;
pub use cognitive::Cognitive;
pub use config::{Config, PerceptualConfig, Weights};
pub use motor::Motor;
pub use perceptual::Perceptual;

/// Nodes: one an attribute.
pub const NODES: usize = clips::channels::ATTRIBUTE_COUNT;

/// The network, `MHP` in the official code.
#[derive(Debug, Clone)]
pub struct Regnn {
    config: Config,
    perceptual: Perceptual,
    cognitive: Cognitive,
    motor: Motor,
}

/// What the network makes of a speaker's windows.
#[derive(Debug, Clone)]
pub struct Perceived {
    /// Nodes `[B, 25, T]`.
    pub nodes: Tensor,
    /// Edges `[B, channels, 25, 25]`.
    pub edges: Tensor,
}

/// Scalars of a batch, and what they are of.
#[derive(Debug, Clone)]
pub struct Losses {
    /// What is minimised.
    pub total: Tensor,
    /// Mean over items of the least distance to one of its reactions, thresholded.
    pub nearest: Tensor,
    /// Mean squared distance of reactions' features from their item's mean.
    pub spread: Tensor,
    /// The reactions' features `[all reactions, 25, T]`.
    pub listener: Tensor,
    /// The speakers'.
    pub speaker: Perceived,
}

/// Whether a tensor of an official state dict is used by nothing. `proj_a` is unused where audio has the network's width.
pub fn is_junk(config: &Config, name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    matches!(last, "version" | "_float_tensor")
        || name.starts_with("cognitive_processor.dll.")
        || matches!(last, "l" | "u" | "log_s" | "p" | "sign_s") && name.starts_with("motor_processor.")
        || name.ends_with("fuse_model.proj_a.weight") && config.perceptual.audio == config.perceptual.width
}

impl Regnn {
    /// `perceptual_processor.fuse_model`, `cognitive_processor`, `motor_processor`.
    ///
    /// # Errors
    /// Of the tensor library; the configuration is checked by [`Config::check`].
    pub fn new(config: &Config, scope: &Scope<'_, '_>) -> Result<Self> {
        Ok(Self {
            config: config.clone(),
            perceptual: Perceptual::new(&config.perceptual, &scope.at("perceptual_processor.fuse_model"))?,
            cognitive: Cognitive::new(config, &scope.at("cognitive_processor"))?,
            motor: Motor::new(config, &scope.at("motor_processor"))?,
        })
    }

    /// Sizes.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The reversible part.
    pub fn motor(&self) -> &Motor {
        &self.motor
    }

    /// Windows of features `[B, T, ...]` as nodes and edges.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn perceive(&self, video: &Tensor, audio: &Tensor, pass: &Pass) -> Result<Perceived> {
        let nodes = self.cognitive.nodes(&self.perceptual.forward(video, audio, pass)?)?;
        let edges = self.cognitive.edges(&nodes, pass)?;
        Ok(Perceived { nodes, edges })
    }

    /// Reactions `[B, T, 25]`, not clamped, from noise N(0, 1) `[B, 25, T]`. With a limit the noise of the *whole batch*,
    /// officially the windows of one clip, is scaled so that no square exceeds it.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn react(&self, perceived: &Perceived, noise: &Tensor, limit: Option<f64>) -> Result<Tensor> {
        let noise = match limit {
            None => noise.clone(),
            Some(limit) => {
                let largest = noise.abs()?.max_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
                let most = limit.sqrt();
                if largest > most { (noise * (most / largest))? } else { noise.clone() }
            }
        };
        let made = self.motor.inverse(&(&perceived.nodes + noise)?, &perceived.edges)?;
        made.transpose(1, 2)?.contiguous()
    }

    /// Features and reactions in one go, with the configuration's limit.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, video: &Tensor, audio: &Tensor, noise: &Tensor, pass: &Pass) -> Result<Tensor> {
        self.react(&self.perceive(video, audio, pass)?, noise, self.config.noise_limit)
    }

    /// The training loss of windows and their appropriate reactions: `targets` `[all, 25, T]`, the first `counts[0]` of which
    /// answer item 0, and so on.
    ///
    /// # Errors
    /// When shapes or counts do not fit.
    pub fn loss(
        &self,
        video: &Tensor,
        audio: &Tensor,
        targets: &Tensor,
        counts: &[usize],
        weights: &Weights,
        pass: &Pass,
    ) -> Result<Losses> {
        let speaker = self.perceive(video, audio, pass)?;
        if counts.len() != video.dim(0)? || counts.iter().sum::<usize>() != targets.dim(0)? {
            candle_core::bail!(
                "{counts:?} reactions do not make {} for {} items",
                targets.dim(0)?,
                video.dim(0)?
            );
        }
        let owners: Vec<u32> =
            counts.iter().enumerate().flat_map(|(item, count)| vec![item as u32; *count]).collect();
        let owners = Tensor::from_vec(owners, targets.dim(0)?, targets.device())?;
        let listener = self.motor.forward(targets, &speaker.edges.index_select(&owners, 0)?, pass)?;
        let (nearest, spread) = matching(&speaker.nodes, &listener, counts, weights.threshold)?;
        let mut total = (&nearest + (&spread * weights.spread)?)?;
        if weights.node_difference > 0.0 {
            let count = listener.dim(1)? - 1;
            let steps = (listener.narrow(1, 1, count)? - listener.narrow(1, 0, count)?)?;
            total = (total + (absolute(&steps)?.mean_all()? * weights.node_difference)?)?;
        }
        Ok(Losses { total, nearest, spread, listener, speaker })
    }
}

/// How far speakers' features `[B, 25, T]` are from the nearest of their reactions' `[all, 25, T]` (mean over items, values up
/// to `threshold` counted as 0), and the mean squared distance of reactions from their item's mean.
///
/// # Errors
/// When shapes or counts do not fit.
pub fn matching(
    speaker: &Tensor,
    listener: &Tensor,
    counts: &[usize],
    threshold: Option<f64>,
) -> Result<(Tensor, Tensor)> {
    let all = listener.dim(0)?;
    let owners: Vec<usize> = counts.iter().enumerate().flat_map(|(item, count)| vec![item; *count]).collect();
    let own = Tensor::from_iter(owners.iter().map(|owner| *owner as u32), listener.device())?;
    let flat = listener.flatten_from(1)?;
    let away = (&flat - speaker.flatten_from(1)?.index_select(&own, 0)?)?.sqr()?.mean(1)?;
    let (mut nearest, mut start) = (Vec::new(), 0);
    for count in counts {
        nearest.push(away.narrow(0, start, *count)?.min(0)?);
        start += count;
    }
    // means of items as one product: cutting out each item would cost a gradient of all for each
    let mut shares = vec![0.0; counts.len() * all];
    owners.iter().enumerate().for_each(|(at, owner)| shares[owner * all + at] = 1.0 / counts[*owner] as f64);
    let shares = Tensor::from_vec(shares, (counts.len(), all), listener.device())?;
    let means = shares.to_dtype(listener.dtype())?.matmul(&flat)?;
    let spread = (&flat - means.index_select(&own, 0)?)?.sqr()?.sum_all()?;
    let mut nearest = Tensor::stack(&nearest, 0)?;
    if let Some(threshold) = threshold {
        let fixed = nearest.detach();
        nearest = nearest.mul(&fixed.gt(threshold)?.to_dtype(fixed.dtype())?)?;
    }
    let spread = (spread / listener.elem_count() as f64)?;
    Ok((nearest.mean_all()?, spread))
}
