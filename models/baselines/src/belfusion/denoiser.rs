//! The denoiser of BeLFusion's REACT version, `MLPSkipNet`: a noisy latent, a step and the speaker's latent to an estimate of
//! the clean latent.
//!
//! Layer i: u = linear([h, x]), the noisy latent x at *every* layer; all but the last: u (1 + linear_emb(SiLU(c))), layer
//! norm, SiLU. c = [step, condition]. There is no shift, and scaling comes before the norm. In official state dicts
//! `layers.i.cond_layers.1.*` lists `layers.i.linear_emb.*` a second time.

use candle_core::{Result, Tensor};

use super::config::DenoiserConfig;
use crate::layers::linear::Linear;
use crate::layers::norm::LayerNorm;
use crate::layers::pointwise::silu;
use crate::parameters::{Scope, Start};
use crate::pass::Pass;

/// Width of the embedding of a step before its layers.
pub const STEP_WIDTH: usize = 64;

#[derive(Debug, Clone)]
struct Layer {
    linear: Linear,
    /// Absent in the last layer.
    modulated: Option<(Linear, LayerNorm)>,
}

/// The denoiser.
#[derive(Debug, Clone)]
pub struct Denoiser {
    step: [Linear; 2],
    condition: [Linear; 2],
    layers: Vec<Layer>,
}

impl Denoiser {
    /// `time_embed`, `cond_embed`, `layers`; latents of `latent` numbers.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(config: &DenoiserConfig, latent: usize, scope: &Scope<'_, '_>) -> Result<Self> {
        let pair = |name: &str, inputs| -> Result<[Linear; 2]> {
            let scope = scope.at(name);
            Ok([Linear::new(&scope.at(0), inputs, latent)?, Linear::new(&scope.at(2), latent, latent)?])
        };
        // Kaiming's normal start with gain sqrt 2
        let kaiming = |scope: &Scope<'_, '_>, inputs: usize, outputs: usize| {
            let start = Start::Normal((2.0 / inputs as f64).sqrt());
            Linear::started(scope, inputs, outputs, start, Some(Start::fan_in(inputs)))
        };
        let layer = |index: usize| -> Result<Layer> {
            let scope = scope.at("layers").at(index);
            let inputs = latent + if index == 0 { latent } else { config.width };
            if index + 1 == config.layers {
                return Ok(Layer {
                    linear: Linear::new(&scope.at("linear"), inputs, latent)?,
                    modulated: None,
                });
            }
            let scale = kaiming(&scope.at("linear_emb"), 2 * latent, config.width)?;
            Ok(Layer {
                linear: kaiming(&scope.at("linear"), inputs, config.width)?,
                modulated: Some((scale, LayerNorm::new(&scope.at("norm"), config.width)?)),
            })
        };
        Ok(Self {
            step: pair("time_embed", STEP_WIDTH)?,
            condition: pair("cond_embed", latent)?,
            layers: (0..config.layers).map(layer).collect::<Result<_>>()?,
        })
    }

    /// Noisy latents `[N, latent]` at steps t (N of them, not rescaled), under conditions `[N, latent]`, to estimates
    /// of the clean ones.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, steps: &[usize], condition: &Tensor, pass: &Pass) -> Result<Tensor> {
        let embedded: Vec<f32> = steps.iter().flat_map(|step| embedding(*step)).collect();
        let step = Tensor::from_vec(embedded, (steps.len(), STEP_WIDTH), x.device())?.to_dtype(x.dtype())?;
        let mapped = |layers: &[Linear; 2], x: &Tensor| layers[1].forward(&silu(&layers[0].forward(x)?)?);
        let c = Tensor::cat(&[mapped(&self.step, &step)?, mapped(&self.condition, condition)?], 1)?;
        let c = silu(&c)?;
        let mut h = x.clone();
        for layer in &self.layers {
            h = layer.linear.forward(&Tensor::cat(&[&h, x], 1)?)?;
            if let Some((scale, norm)) = &layer.modulated {
                h = silu(&norm.forward(&(&h * (scale.forward(&c)? + 1.0)?)?)?)?;
                pass.note("layer", &h);
            }
        }
        Ok(h)
    }
}

/// [cos(t f_j), sin(t f_j)] with f_j = exp(-ln(10000) j / 32).
pub fn embedding(step: usize) -> Vec<f32> {
    let half = STEP_WIDTH / 2;
    let angle = |j: usize| step as f32 * (-(10_000f64.ln()) as f32 * j as f32 / half as f32).exp();
    (0..half).map(|j| angle(j).cos()).chain((0..half).map(|j| angle(j).sin())).collect()
}
