//! Losses of Trans-VAE: reconstruction, divergence of the latent, and a diversity term between two draws.
//!
//! reconstruction = MSE(attributes) + MSE(expression) + 10 MSE(pose), expression being coefficients 0..52; divergence =
//! mean over batch, dimensions and windows of KL(N(mu, std) || N(0, 1)); diversity = the mean over the batch of
//! exp(-||a - b||^2 / 100) on flattened sequences, for coefficients and attributes, b being a second forward pass without
//! gradient.

use candle_core::{Result, Tensor};

use super::{Latent, Reaction, Speaker, TransVae, Weights};
use crate::layers::pointwise::{kl_from_standard, mean_square};
use crate::pass::Pass;

/// The true reaction: attributes `[B, T, 25]`, coefficients `[B, T, 58]`.
pub type Target = Reaction;

/// Scalars; `total` is what is minimised.
#[derive(Debug, Clone)]
pub struct Losses {
    /// reconstruction + weight divergence + weight diversity.
    pub total: Tensor,
    /// Without weight.
    pub reconstruction: Tensor,
    /// Without weight.
    pub divergence: Tensor,
    /// Without weight.
    pub diversity: Tensor,
}

/// Coefficients of expression; those of pose follow.
const EXPRESSION: usize = 52;

/// MSE of attributes, expression and (tenfold) pose.
///
/// # Errors
/// When shapes differ.
pub fn reconstruction(made: &Reaction, target: &Target) -> Result<Tensor> {
    let part = |x: &Reaction, start, length| x.coefficients.narrow(2, start, length);
    let pose = made.coefficients.dim(2)? - EXPRESSION;
    let expression = mean_square(&part(made, 0, EXPRESSION)?, &part(target, 0, EXPRESSION)?)?;
    let turn = mean_square(&part(made, EXPRESSION, pose)?, &part(target, EXPRESSION, pose)?)?;
    (mean_square(&made.emotion, &target.emotion)? + expression)? + (turn * 10.0)?
}

/// Mean divergence from N(0, 1) over the windows.
///
/// # Errors
/// Of the tensor library.
pub fn divergence(latents: &[Latent]) -> Result<Tensor> {
    let each: Vec<Tensor> = latents
        .iter()
        .map(|latent| kl_from_standard(&latent.mu, &latent.logvar)?.mean_all())
        .collect::<Result<_>>()?;
    Tensor::stack(&each, 0)?.mean_all()
}

/// How alike two draws are: 2 when they are equal, 0 when far apart.
///
/// # Errors
/// When shapes differ.
pub fn diversity(a: &Reaction, b: &Reaction) -> Result<Tensor> {
    let alike = |a: &Tensor, b: &Tensor| {
        let distance = (a - b)?.sqr()?.flatten_from(1)?.sum(1)?;
        distance.affine(-0.01, 0.0)?.exp()?.mean_all()
    };
    alike(&a.coefficients, &b.coefficients)? + alike(&a.emotion, &b.emotion)?
}

impl TransVae {
    /// Everything to train on for one batch; two draws of noise as [`TransVae::forward`] takes them.
    ///
    /// # Errors
    /// As [`TransVae::forward`].
    pub fn loss(
        &self,
        speaker: &Speaker,
        target: &Target,
        (eps, other): (&Tensor, &Tensor),
        weights: &Weights,
        pass: &Pass,
    ) -> Result<Losses> {
        let (made, latents) = self.forward(speaker, eps, pass)?;
        let (second, _) = self.forward(speaker, other, pass)?;
        let second =
            Reaction { emotion: second.emotion.detach(), coefficients: second.coefficients.detach() };
        let reconstruction = reconstruction(&made, target)?;
        let divergence = divergence(&latents)?;
        let diversity = diversity(&made, &second)?;
        let total =
            ((&reconstruction + (&divergence * weights.divergence)?)? + (&diversity * weights.diversity)?)?;
        Ok(Losses { total, reconstruction, divergence, diversity })
    }
}
