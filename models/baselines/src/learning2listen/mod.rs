//! Learning2Listen (Ng et al., CVPR 2022): listener motion as codes, predicted from speaker motion and sound. The
//! challenge's Trans-VAE is another network.
//!
//! Reading order: `config.rs`, `vq.rs` (with `squash.rs`, `blocks.rs`, `quantiser.rs`), `predictor.rs`, `rollout.rs`, then
//! `statistics.rs` and `lesson.rs`. The two networks are trained one after the other and have a file each. Made for DECA's 56
//! columns at 30 frames a second; the preset `react` has our 58 with losses cut at 52, 3, 3.
//!
//! The presets `attributes` and `small` are *ours*: a listener is 25 attributes and 58 coefficients, a speaker 25 attributes
//! and 78 sound features a frame, a code is 8 frames ([`CodesOver::Time`]), and statistics are in the checkpoint.

pub mod blocks;
pub mod config;
pub mod lesson;
pub mod predictor;
pub mod quantiser;
pub mod rollout;
pub mod squash;
pub mod statistics;
pub mod vq;

use candle_core::{D, DType, Result, Tensor};

use crate::parameters::Scope;
use crate::pass::Pass;
pub use config::{CodesOver, Config, PredictorConfig, VqConfig};
pub use predictor::{Predictor, Seen};
pub use quantiser::Quantised;
pub use statistics::Statistics;
pub use vq::{Vq, VqLosses};

/// Both networks, as a system.
#[derive(Debug, Clone)]
pub struct Learning2Listen {
    /// Motion to codes and back.
    pub vq: Vq,
    /// The next codes.
    pub predictor: Predictor,
    /// By what streams are standardised; `None` for the official sizes, whose statistics are files of their own.
    pub statistics: Option<Statistics>,
    motion: usize,
}

/// Scalars of a batch of the second stage.
#[derive(Debug, Clone)]
pub struct Losses {
    /// What is minimised: cross-entropy of the 4 next codes.
    pub total: Tensor,
    /// Of the first of them alone, which is the one that the roll-out keeps.
    pub next: Tensor,
    /// Share of these that the greatest logit names. It has no gradient.
    pub hits: Tensor,
}

impl Learning2Listen {
    /// `vq` and `predictor`, each as in its official checkpoint below, and `statistics`. The first is frozen: it comes from the
    /// first stage of training.
    ///
    /// # Errors
    /// Of the tensor library; the configuration is checked by [`Config::check`].
    pub fn new(config: &Config, scope: &Scope<'_, '_>) -> Result<Self> {
        let statistics = || Statistics::new(config, &scope.at("statistics"));
        Ok(Self {
            vq: Vq::new(&config.vq, &scope.at("vq").frozen())?,
            predictor: Predictor::new(&config.predictor, &scope.at("predictor"))?,
            statistics: config.is_ours().then(statistics).transpose()?,
            motion: config.vq.motion(),
        })
    }

    /// Everything to train the predictor on. Streams are standardised: the listener's motion `[B, 64, columns]`, of whose first
    /// half the past codes are made and of whose second the next ones; the speaker's motion `[B, 40, columns]` and sound
    /// `[B, 40 rows, columns]` from the same frame on.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn loss(
        &self,
        listener: &Tensor,
        (motion, sound): (&Tensor, &Tensor),
        seen: Seen,
        pass: &Pass,
    ) -> Result<Losses> {
        // what is frozen stays as it is: stored statistics of its norms also in training
        let frozen = Pass::evaluation();
        let half = |index: usize| {
            let half = listener.narrow(1, index * config::FRAMES, config::FRAMES)?;
            Ok(self.vq.encode(&half, &frozen)?.indices.detach())
        };
        let (past, future): (Result<Tensor>, Result<Tensor>) = (half(0), half(1));
        let future = future?;
        let logits = self.predictor.forward(&past?, motion, sound, seen, pass)?;
        let first = future.narrow(1, 0, 1)?.contiguous()?;
        let best = logits.detach().narrow(1, 0, 1)?.contiguous()?.argmax(D::Minus1)?;
        Ok(Losses {
            total: self.predictor.loss(&logits, &future)?,
            next: self.predictor.loss(&logits, &first)?,
            hits: best.eq(&first)?.to_dtype(DType::F32)?.mean_all()?,
        })
    }
}

/// The name within the network of a tensor of an official checkpoint, which was saved from several devices; `None` for
/// what is no parameter.
pub fn official_name(name: &str) -> Option<String> {
    let name = name.strip_prefix("state_dict.").unwrap_or(name);
    let name = name.strip_prefix("module.").unwrap_or(name);
    let junk = name.ends_with("num_batches_tracked") || name.starts_with("optimizer.") || name == "epoch";
    (!junk).then(|| name.to_owned())
}
