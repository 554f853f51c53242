//! Statistics of latents over the training windows of speakers and listeners, by which latents are brought to -1..1. They
//! belong to the checkpoint of the VAE; the diffusion uses the least and the greatest.

use candle_core::{Result, Tensor, Var};

use crate::parameters::{Scope, Start};

/// `min`, `max`, `mean`, `std`, `var`, `[width]` each.
#[derive(Debug, Clone)]
pub struct Statistics {
    min: Var,
    max: Var,
    mean: Var,
    std: Var,
    var: Var,
}

impl Statistics {
    /// -1, 1, 0, 1, 1 until they are set.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(scope: &Scope<'_, '_>, width: usize) -> Result<Self> {
        let stored = |name: &str, value: f64| scope.buffer(name, &[width], Start::Constant(value));
        Ok(Self {
            min: stored("min", -1.0)?,
            max: stored("max", 1.0)?,
            mean: stored("mean", 0.0)?,
            std: stored("std", 1.0)?,
            var: stored("var", 1.0)?,
        })
    }

    /// Takes the statistics of latents `[N, width]`; variance and deviation with N - 1.
    ///
    /// # Errors
    /// When there are fewer than two.
    pub fn set(&self, latents: &Tensor) -> Result<()> {
        if latents.dim(0)? < 2 {
            candle_core::bail!("statistics need at least two windows");
        }
        let latents = latents.detach();
        let var = latents.var(0)?;
        self.min.set(&latents.min(0)?)?;
        self.max.set(&latents.max(0)?)?;
        self.mean.set(&latents.mean(0)?)?;
        self.std.set(&var.sqrt()?)?;
        self.var.set(&var)
    }

    /// 2 (h - min) / (max - min) - 1.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn normalise(&self, latents: &Tensor) -> Result<Tensor> {
        latents
            .broadcast_sub(&self.min.as_detached_tensor())?
            .broadcast_div(&self.range()?)?
            .affine(2.0, -1.0)
    }

    /// The inverse of [`Statistics::normalise`].
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn restore(&self, normalised: &Tensor) -> Result<Tensor> {
        normalised
            .affine(0.5, 0.5)?
            .broadcast_mul(&self.range()?)?
            .broadcast_add(&self.min.as_detached_tensor())
    }

    fn range(&self) -> Result<Tensor> {
        self.max.as_detached_tensor() - self.min.as_detached_tensor()
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::parameters::{Fresh, build};

    #[test]
    fn latents_of_the_data_come_to_one_and_back() {
        let (statistics, parameters) =
            build(&mut Fresh { seed: 1 }, |scope| Statistics::new(scope, 2)).unwrap();
        let latents = Tensor::new(&[[0f32, 10.0], [4.0, 10.5], [1.0, 12.0]], &Device::Cpu).unwrap();
        statistics.set(&latents).unwrap();
        let normal = statistics.normalise(&latents).unwrap();
        assert_eq!(normal.to_vec2::<f32>().unwrap(), [[-1.0, -1.0], [1.0, -0.5], [-0.5, 1.0]]);
        assert_eq!(
            statistics.restore(&normal).unwrap().to_vec2::<f32>().unwrap(),
            latents.to_vec2::<f32>().unwrap()
        );
        let var = parameters.get("var").unwrap().to_vec1::<f32>().unwrap();
        assert!((var[0] - 13.0 / 3.0).abs() < 1e-5, "{var:?}");
        assert_eq!(parameters.count(), 0, "statistics are not trained");
    }
}
