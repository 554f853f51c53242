//! The variational part of Trans-VAE: one Gaussian for a whole clip.
//!
//! Two learned tokens are put before the features and a transformer layer without positions reads both off, so the
//! summary does not know the order of frames. z = mu + exp(logvar / 2) eps, in evaluation too: the draw is the only source
//! of diversity.

use candle_core::{Result, Tensor};

use super::config::Config;
use crate::layers::linear::Linear;
use crate::layers::transformer::EncoderLayer;
use crate::parameters::{Scope, Start};
use crate::pass::Pass;

/// A diagonal Gaussian for each item, `[B, d]` each.
#[derive(Debug, Clone)]
pub struct Latent {
    /// Mean.
    pub mu: Tensor,
    /// Logarithm of the variance.
    pub logvar: Tensor,
}

impl Latent {
    /// exp(logvar)^(1/2).
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn deviation(&self) -> Result<Tensor> {
        (&self.logvar * 0.5)?.exp()
    }

    /// mu + deviation eps, eps `[B, d]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn draw(&self, eps: &Tensor) -> Result<Tensor> {
        &self.mu + self.deviation()?.mul(eps)?
    }
}

/// `linear`, `mu_token`, `logvar_token`, `seqTransEncoder.layers.0`.
#[derive(Debug, Clone)]
pub struct Vae {
    map: Linear,
    tokens: [Tensor; 2],
    layer: EncoderLayer,
}

impl Vae {
    /// As configured.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(scope: &Scope<'_, '_>, config: &Config) -> Result<Self> {
        let d = config.width;
        let token = |name| scope.tensor(name, &[d], Start::Normal(1.0));
        Ok(Self {
            map: Linear::new(&scope.at("linear"), d, d)?,
            tokens: [token("mu_token")?, token("logvar_token")?],
            layer: EncoderLayer::new(
                &scope.at("seqTransEncoder.layers.0"),
                d,
                config.heads,
                2 * d,
                config.dropout,
            )?,
        })
    }

    /// The Gaussian of features `[B, T, d]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, features: &Tensor, pass: &Pass) -> Result<Latent> {
        let (batch, _, d) = features.dims3()?;
        let mapped = self.map.forward(features)?;
        pass.note("vae_linear", &mapped);
        let token = |index: usize| self.tokens[index].reshape((1, 1, d))?.broadcast_as((batch, 1, d));
        let all = Tensor::cat(&[token(0)?, token(1)?, mapped], 1)?;
        // only the tokens are read off; in training the others have their draws of dropout
        let read = match pass.is_training() || pass.is_noting() {
            true => self.layer.forward(&all, pass)?,
            false => self.layer.first(&all, 2)?,
        };
        pass.note("vae_encoder_out", &read);
        let row = |index: usize| read.narrow(1, index, 1)?.squeeze(1);
        let latent = Latent { mu: row(0)?, logvar: row(1)? };
        pass.note("mu", &latent.mu);
        pass.note("std", &latent.deviation()?);
        Ok(latent)
    }
}
