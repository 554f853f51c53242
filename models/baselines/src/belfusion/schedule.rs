//! Diffusion tables: the cosine schedule, predicting the clean latent, DDIM with eta 0.
//!
//! abar(u) = cos^2((u + 0.008) / 1.008 pi / 2), beta_i = min(1 - abar((i + 1) / n) / max(1e-5, abar(i / n)), 0.999). *Parity:*
//! no division by abar(0). Tables are `f64`; a value looked up is rounded to `f32`.

use candle_core::{Result, Tensor};

/// Tables of n steps, entry t for step t.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Variance added at a step.
    pub betas: Vec<f64>,
    /// Products of 1 - beta up to and with a step.
    pub alphas: Vec<f64>,
    /// The same one step earlier; 1 at step 0.
    pub alphas_before: Vec<f64>,
}

impl Schedule {
    /// The cosine schedule of n steps.
    pub fn cosine(steps: usize) -> Self {
        let bar = |u: f64| ((u + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2);
        let at = |i: usize| i as f64 / steps as f64;
        let betas: Vec<f64> =
            (0..steps).map(|i| (1.0 - bar(at(i + 1)) / bar(at(i)).max(1e-5)).min(0.999)).collect();
        let alphas: Vec<f64> = betas
            .iter()
            .scan(1.0, |product, beta| {
                *product *= 1.0 - beta;
                Some(*product)
            })
            .collect();
        let alphas_before = std::iter::once(1.0).chain(alphas.iter().copied()).take(steps).collect();
        Self { betas, alphas, alphas_before }
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.betas.len()
    }

    /// Variance of the previous latent given this one and the clean one, at every step.
    pub fn posterior_variance(&self) -> Vec<f64> {
        self.each(|beta, a, before| beta * (1.0 - before) / (1.0 - a))
    }

    /// Factor of the clean latent in that Gaussian's mean.
    pub fn posterior_of_clean(&self) -> Vec<f64> {
        self.each(|beta, a, before| beta * before.sqrt() / (1.0 - a))
    }

    /// Factor of this step's latent in that Gaussian's mean.
    pub fn posterior_of_noisy(&self) -> Vec<f64> {
        self.each(|beta, a, before| (1.0 - before) * (1.0 - beta).sqrt() / (1.0 - a))
    }

    fn each(&self, of: impl Fn(f64, f64, f64) -> f64) -> Vec<f64> {
        let tables = self.betas.iter().zip(&self.alphas).zip(&self.alphas_before);
        tables.map(|((beta, a), before)| of(*beta, *a, *before)).collect()
    }

    /// Clean latents `[N, d]` noised to steps t (N of them): sqrt(A_t) x0 + sqrt(1 - A_t) noise.
    ///
    /// # Errors
    /// When a step does not exist or shapes do not fit.
    pub fn noised(&self, clean: &Tensor, steps: &[usize], noise: &Tensor) -> Result<Tensor> {
        if let Some(step) = steps.iter().find(|step| **step >= self.steps()) {
            candle_core::bail!("there is no step {step} of {}", self.steps());
        }
        let column = |of: &dyn Fn(f64) -> f64| -> Result<Tensor> {
            let values: Vec<f32> = steps.iter().map(|step| of(self.alphas[*step]) as f32).collect();
            Tensor::from_vec(values, (steps.len(), 1), clean.device())?.to_dtype(clean.dtype())
        };
        clean.broadcast_mul(&column(&f64::sqrt)?)? + noise.broadcast_mul(&column(&|a| (1.0 - a).sqrt())?)?
    }

    /// One step backwards: x_t and the estimate of the clean latent to x_{t-1}.
    ///
    /// The official loop also draws a normal tensor and multiplies it by 0, which matters only to reproduce PyTorch's
    /// stream of random numbers.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn back(&self, x: &Tensor, clean: &Tensor, step: usize) -> Result<Tensor> {
        let (a, before) = (self.alphas[step], self.alphas_before[step]);
        let rounded = |value: f64| f64::from(value as f32);
        // eps = (x / sqrt(A) - x0) / sqrt(1 / A - 1)
        let eps = ((x * rounded((1.0 / a).sqrt()))? - clean)?;
        let eps = (eps / rounded((1.0 / a - 1.0).sqrt()))?;
        let before = rounded(before);
        (clean * rounded((before as f32).sqrt().into()))? + (eps * rounded((1.0 - before).sqrt()))?
    }
}
