//! Layer, instance and batch norm with a backward (the tensor library's fused layer norm has none).

use candle_core::{Result, Tensor, Var};

use super::rows::normalise;
use crate::parameters::{Scope, Start};
use crate::pass::Pass;

const EPSILON: f64 = 1e-5;

/// Layer norm over the last dimension: `weight`, `bias`.
#[derive(Debug, Clone)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    /// Weight 1, bias 0.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(scope: &Scope<'_, '_>, width: usize) -> Result<Self> {
        Ok(Self {
            weight: scope.tensor("weight", &[width], Start::Constant(1.0))?,
            bias: scope.tensor("bias", &[width], Start::Constant(0.0))?,
        })
    }

    /// The same shape.
    ///
    /// # Errors
    /// When the last dimension is another one.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        normalise(x, EPSILON)?.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)
    }
}

/// Instance norm without weights: `[B, C, ...]`, each channel of each item to mean 0 and (biased) variance 1.
///
/// # Errors
/// Of the tensor library.
pub fn instance_norm(x: &Tensor) -> Result<Tensor> {
    let shape = x.dims().to_vec();
    normalise(&x.flatten_from(2)?, EPSILON)?.reshape(shape)
}

/// Batch norm of `[B, C, L]`: `weight`, `bias`, and the stored `running_mean`, `running_var`.
#[derive(Debug, Clone)]
pub struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    mean: Var,
    variance: Var,
}

/// Share of the newest batch in the running statistics.
const MOMENTUM: f64 = 0.1;

impl BatchNorm {
    /// Weight 1, bias 0, statistics 0 and 1.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(scope: &Scope<'_, '_>, channels: usize) -> Result<Self> {
        Ok(Self {
            weight: scope.tensor("weight", &[channels], Start::Constant(1.0))?,
            bias: scope.tensor("bias", &[channels], Start::Constant(0.0))?,
            mean: scope.buffer("running_mean", &[channels], Start::Constant(0.0))?,
            variance: scope.buffer("running_var", &[channels], Start::Constant(1.0))?,
        })
    }

    /// In training the statistics are the batch's, and a tenth of them goes into the running ones (the variance
    /// unbiased, as PyTorch has it); otherwise the running ones.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let (batch, channels, length) = x.dims3()?;
        let column = |t: &Tensor| t.reshape((1, channels, 1));
        let scaled = if pass.is_training() {
            let count = (batch * length) as f64;
            let mean = x.mean_keepdim((0, 2))?;
            let centred = x.broadcast_sub(&mean)?;
            let variance = centred.sqr()?.mean_keepdim((0, 2))?;
            let into = |running: &Var, newest: &Tensor, factor: f64| -> Result<()> {
                let newest = newest.detach().reshape(channels)?.affine(MOMENTUM * factor, 0.0)?;
                running.set(&(running.as_detached_tensor().affine(1.0 - MOMENTUM, 0.0)? + newest)?)
            };
            into(&self.mean, &mean, 1.0)?;
            into(&self.variance, &variance, count / (count - 1.0).max(1.0))?;
            centred.broadcast_div(&(variance + EPSILON)?.sqrt()?)?
        } else {
            let deviation = (self.variance.as_detached_tensor() + EPSILON)?.sqrt()?;
            x.broadcast_sub(&column(&self.mean.as_detached_tensor())?)?.broadcast_div(&column(&deviation)?)?
        };
        scaled.broadcast_mul(&column(&self.weight)?)?.broadcast_add(&column(&self.bias)?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use clips::Chance;

    use super::*;
    use crate::parameters::{Fresh, build};

    #[test]
    fn a_trained_batch_norm_comes_to_the_statistics_of_its_data() {
        let (norm, parameters) = build(&mut Fresh { seed: 1 }, |scope| BatchNorm::new(scope, 2)).unwrap();
        // channel 0: 1, 3; channel 1: 10, 10
        let x = Tensor::new(&[[[1f32, 3.0], [10.0, 10.0]]], &Device::Cpu).unwrap();
        let train = Pass::training(Chance::new(1, "batch norm", &[]));
        let first = norm.forward(&x, &train).unwrap().to_vec3::<f32>().unwrap();
        assert!((first[0][0][0] + 1.0).abs() < 1e-4 && first[0][1][0].abs() < 1e-4, "{first:?}");
        for _ in 0..200 {
            norm.forward(&x, &train).unwrap();
        }
        let stored = |name: &str| parameters.get(name).unwrap().to_vec1::<f32>().unwrap();
        assert!(
            (stored("running_mean")[0] - 2.0).abs() < 1e-5 && (stored("running_mean")[1] - 10.0).abs() < 1e-4
        );
        assert!((stored("running_var")[0] - 2.0).abs() < 1e-4, "unbiased: {:?}", stored("running_var"));
        let later = norm.forward(&x, &Pass::evaluation()).unwrap().to_vec3::<f32>().unwrap();
        assert!((later[0][0][0] + 0.5f32.sqrt()).abs() < 1e-3, "{later:?}");
    }
}
