//! Batch norm of signals as one operation, with the running statistics of PyTorch.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, Var};

use super::norm::EPSILON;
use super::slices::{Number, by_element, result, slice, sum, tensor, with};
use crate::parameters::{Scope, Start};
use crate::pass::Pass;

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
        if self.weight.dims() != [channels] || x.elem_count() == 0 {
            candle_core::bail!("a norm of {:?} channels is not for {:?}", self.weight.dims(), x.dims());
        }
        let (x, training) = (x.contiguous()?, pass.is_training());
        let (mean, variance) = if training {
            let (mean, variance) = by_element!(x.dtype(), T => with::<T, _, 1>([&x], |[x]| {
                Ok(moments(x, channels, length))
            }))?;
            let count = (batch * length) as f64;
            let into = |running: &Var, newest: &[f64], factor: f64| -> Result<()> {
                let newest = tensor(newest.to_vec(), channels)?.to_dtype(running.dtype())?;
                let kept = running.as_detached_tensor().affine(1.0 - MOMENTUM, 0.0)?;
                running.set(&(kept + newest.affine(MOMENTUM * factor, 0.0)?)?)
            };
            into(&self.mean, &mean, 1.0)?;
            into(&self.variance, &variance, count / (count - 1.0).max(1.0))?;
            (mean, variance)
        } else {
            let stored =
                |of: &Var| of.as_detached_tensor().to_dtype(candle_core::DType::F64)?.to_vec1::<f64>();
            (stored(&self.mean)?, stored(&self.variance)?)
        };
        let scale = variance.iter().map(|variance| 1.0 / (variance + EPSILON).sqrt()).collect();
        x.apply_op3(&self.weight, &self.bias, Level { mean, scale, length, training })
    }
}

/// The rows of one channel.
fn rows<T>(x: &[T], channels: usize, length: usize, channel: usize) -> impl Iterator<Item = &[T]> {
    x.chunks_exact(length).skip(channel).step_by(channels)
}

/// Mean and (biased) variance of each channel of `[B, channels, length]`.
fn moments<T: Number>(x: &[T], channels: usize, length: usize) -> (Vec<f64>, Vec<f64>) {
    let count = (x.len() / channels) as f64;
    let each = |channel: usize| {
        let rows = || rows(x, channels, length, channel);
        let mean = rows().map(|row| sum(row, row, |x, _| x).wide()).sum::<f64>() / count;
        let centre = T::of(mean);
        let squares = rows().map(|row| sum(row, row, |x, _| (x - centre) * (x - centre)).wide());
        (mean, squares.sum::<f64>() / count)
    };
    (0..channels).map(each).unzip()
}

/// Channels brought to mean 0 and variance 1, times a weight, plus a bias.
struct Level {
    mean: Vec<f64>,
    /// 1 / deviation.
    scale: Vec<f64>,
    length: usize,
    /// Whether the statistics are those of the batch, so that gradients flow through them.
    training: bool,
}

impl Level {
    /// Mean and 1 / deviation of a row.
    fn of<T: Number>(&self, row: usize) -> (usize, T, T) {
        let channel = row % self.mean.len();
        (channel, T::of(self.mean[channel]), T::of(self.scale[channel]))
    }

    /// Gradients of x, weight and bias: with y = (x - mean) s, w s (g - mean(g) - y mean(g y)), sum(g y) and sum(g).
    fn backward<T: Number>(&self, x: &[T], weight: &[T], g: &[T]) -> (Vec<T>, Vec<T>, Vec<T>) {
        let channels = weight.len();
        let (mut of_weight, mut of_bias) = (vec![T::ZERO; channels], vec![T::ZERO; channels]);
        let mut out = vec![T::ZERO; x.len()];
        let both = || x.chunks_exact(self.length).zip(g.chunks_exact(self.length)).enumerate();
        for (row, (x, g)) in both() {
            let (channel, mean, scale) = self.of::<T>(row);
            of_weight[channel] += sum(x, g, |x, g| g * (x - mean)) * scale;
            of_bias[channel] += sum(g, g, |g, _| g);
        }
        let count = T::of((x.len() / channels) as f64);
        for ((row, (x, g)), out) in both().zip(out.chunks_exact_mut(self.length)) {
            let (channel, mean, scale) = self.of::<T>(row);
            let (slope, dot) = match self.training {
                true => (of_bias[channel] / count, of_weight[channel] / count),
                false => (T::ZERO, T::ZERO),
            };
            let factor = weight[channel] * scale;
            for ((x, g), out) in x.iter().zip(g).zip(out) {
                *out = factor * (*g - slope - (*x - mean) * scale * dot);
            }
        }
        (out, of_weight, of_bias)
    }
}

impl CustomOp3 for Level {
    fn name(&self) -> &'static str {
        "batch-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        weight: &CpuStorage,
        lw: &Layout,
        bias: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        by_element!(x.dtype(), T => {
            let (x, weight, bias) = (slice::<T>(x, lx)?, slice::<T>(weight, lw)?, slice::<T>(bias, lb)?);
            let mut out = Vec::with_capacity(x.len());
            for (row, x) in x.chunks_exact(self.length).enumerate() {
                let (channel, mean, scale) = self.of::<T>(row);
                let (factor, bias) = (scale * weight[channel], bias[channel]);
                out.extend(x.iter().map(|x| (*x - mean) * factor + bias));
            }
            result(out, lx.shape().clone())
        })
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let g = gradient.contiguous()?;
        by_element!(x.dtype(), T => with::<T, _, 3>([x, weight, &g], |[values, factors, slopes]| {
            let (of_x, of_weight, of_bias) = self.backward(values, factors, slopes);
            Ok((
                Some(tensor(of_x, x.shape())?),
                Some(tensor(of_weight, weight.shape())?),
                Some(tensor(of_bias, bias.shape())?),
            ))
        }))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use clips::Chance;

    use super::*;
    use crate::layers::twins::{assert_same, assert_slopes, draw};
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

    #[test]
    fn gradients_equal_differences_and_the_composed_form() {
        let inputs = [&[3, 2, 5][..], &[2], &[2]].map(|shape| draw("batch norm", shape, DType::F64));
        let buffer = || Var::zeros(2, DType::F64, &Device::Cpu).unwrap();
        let of = |x: &[Tensor], training: bool| {
            let (weight, bias) = (x[1].clone(), x[2].clone());
            let norm = BatchNorm { weight, bias, mean: buffer(), variance: buffer() };
            let chance = Chance::new(1, "batch norm", &[]);
            norm.forward(&x[0], &if training { Pass::training(chance) } else { Pass::evaluation() })
        };
        for training in [true, false] {
            assert_slopes(&inputs, &|x| of(x, training));
        }
        assert_same(&inputs, &|x| of(x, true), &|x| {
            let centred = x[0].broadcast_sub(&x[0].mean_keepdim((0, 2))?)?;
            let deviation = (centred.sqr()?.mean_keepdim((0, 2))? + EPSILON)?.sqrt()?;
            let column = |t: &Tensor| t.reshape((1, 2, 1));
            centred.broadcast_div(&deviation)?.broadcast_mul(&column(&x[1])?)?.broadcast_add(&column(&x[2])?)
        });
    }
}
