//! Learning2Listen (Ng et al., CVPR 2022): listener motion as codes, predicted from speaker motion and sound. The
//! challenge's Trans-VAE is another network.
//!
//! Reading order: `config.rs`, `vq.rs` (with `squash.rs`, `blocks.rs`, `quantiser.rs`), `predictor.rs`. The two networks are
//! trained one after the other and have a file each. Made for DECA's 56 columns at 30 frames a second; the preset
//! `react` has our 58 with losses cut at 52, 3, 3.

pub mod blocks;
pub mod config;
pub mod predictor;
pub mod quantiser;
pub mod squash;
pub mod vq;

use candle_core::Result;

use crate::parameters::Scope;
pub use config::{Config, PredictorConfig, VqConfig};
pub use predictor::{Predictor, Seen};
pub use quantiser::Quantised;
pub use vq::{Vq, VqLosses};

/// Both networks, as a system.
#[derive(Debug, Clone)]
pub struct Learning2Listen {
    /// Motion to codes and back.
    pub vq: Vq,
    /// The next codes.
    pub predictor: Predictor,
}

impl Learning2Listen {
    /// `vq` and `predictor`, each as in its official checkpoint below. The first is frozen: it comes from the first stage of
    /// training.
    ///
    /// # Errors
    /// Of the tensor library; the configuration is checked by [`Config::check`].
    pub fn new(config: &Config, scope: &Scope<'_, '_>) -> Result<Self> {
        Ok(Self {
            vq: Vq::new(&config.vq, &scope.at("vq").frozen())?,
            predictor: Predictor::new(&config.predictor, &scope.at("predictor"))?,
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
