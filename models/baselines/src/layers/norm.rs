//! Layer and instance norm with a backward (the tensor library's fused layer norm has none).

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use super::rows::{moments, normalise};
use super::slices::{Loop, Number, by_element, fill_from, ours, result, run, slice, sum, tensor, with};
use crate::parameters::{Scope, Start};

/// Added to variances.
pub(super) const EPSILON: f64 = 1e-5;

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
        layer_norm(x, &self.weight, &self.bias)
    }
}

/// Layer norm of `[..., width]` with weight and bias `[width]`.
///
/// # Errors
/// When the last dimension is another one.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let columns = x.dims().last().copied().unwrap_or_default();
    if !ours(x) || columns == 0 || weight.dims() != [columns] || bias.dims() != [columns] {
        return layer_norm_composed(x, weight, bias);
    }
    x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, Level)
}

/// [`layer_norm`] out of two operations of the library behind the norm.
///
/// # Errors
/// When the last dimension is another one.
pub fn layer_norm_composed(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    normalise(x, EPSILON)?.broadcast_mul(weight)?.broadcast_add(bias)
}

/// Rows brought to mean 0 and variance 1, times a weight, plus a bias.
#[derive(Clone, Copy)]
struct Level;

impl<'a, T: Number> Loop<T, 1, (&'a [T], &'a [T])> for Level {
    #[inline(always)]
    fn run([x]: [&[T]; 1], out: &mut [T], (weight, bias): (&'a [T], &'a [T])) {
        let width = weight.len();
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            let (mean, scale) = moments(x, EPSILON);
            let factors = weight.iter().zip(bias);
            for ((x, (weight, bias)), out) in x.iter().zip(factors).zip(out) {
                *out = (*x - mean) * scale * *weight + *bias;
            }
        }
    }
}

impl CustomOp3 for Level {
    fn name(&self) -> &'static str {
        "layer-norm"
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
            let (x, weight, bias) = (slice::<T>(x, lx)?, slice(weight, lw)?, slice(bias, lb)?);
            let made = fill_from(Level, [x], weight.len(), (weight, bias));
            result(made, lx.shape().clone())
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
            let of_x = tensor(fill_from(OfRows, [values, slopes], factors.len(), factors), x.shape())?;
            if !weight.track_op() && !bias.track_op() {
                return Ok((Some(of_x), None, None));
            }
            let mut of_weight = vec![0.0; 2 * factors.len()];
            run(OfColumns, [values, slopes], &mut of_weight, ());
            let of_bias = of_weight.split_off(factors.len());
            Ok((
                Some(of_x),
                Some(tensor(of_weight, weight.shape())?),
                Some(tensor(of_bias, bias.shape())?),
            ))
        }))
    }
}

/// Gradient of the rows: with h = w g and y = (x - mean) s, s (h - mean(h) - y mean(h y)).
#[derive(Clone, Copy)]
struct OfRows;

impl<'a, T: Number> Loop<T, 2, &'a [T]> for OfRows {
    #[inline(always)]
    fn run([x, g]: [&[T]; 2], out: &mut [T], weight: &'a [T]) {
        let width = weight.len();
        let rows = x.chunks_exact(width).zip(g.chunks_exact(width));
        for ((x, g), out) in rows.zip(out.chunks_exact_mut(width)) {
            let (mean, scale) = moments(x, EPSILON);
            let count = T::of(width as f64);
            out.iter_mut().zip(g).zip(weight).for_each(|((out, g), weight)| *out = *g * *weight);
            let slope = sum(out, out, |h, _| h) / count;
            let dot = sum(x, out, |x, h| h * (x - mean)) * scale / count;
            for (x, out) in x.iter().zip(out) {
                *out = scale * (*out - slope - (*x - mean) * scale * dot);
            }
        }
    }
}

/// Gradients of weight and bias, one after the other: sums of g y and of g over rows.
struct OfColumns;

impl<T: Number> Loop<T, 2, ()> for OfColumns {
    #[inline(always)]
    fn run([x, g]: [&[T]; 2], out: &mut [T], (): ()) {
        let width = out.len() / 2;
        let (of_weight, of_bias) = out.split_at_mut(width);
        for (x, g) in x.chunks_exact(width).zip(g.chunks_exact(width)) {
            let (mean, scale) = moments(x, EPSILON);
            let sums = of_weight.iter_mut().zip(of_bias.iter_mut());
            for ((x, g), (of_weight, of_bias)) in x.iter().zip(g).zip(sums) {
                *of_weight += *g * (*x - mean) * scale;
                *of_bias += *g;
            }
        }
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

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::layers::twins::{assert_same, assert_slopes, draw};

    #[test]
    fn the_single_operation_equals_the_composed_one_and_differences() {
        for (element, shape) in
            [(DType::F32, [3, 21, 37]), (DType::F64, [3, 200, 37]), (DType::F64, [1, 2, 5])]
        {
            let inputs = [
                draw("x", &shape, element),
                draw("w", &shape[2..], element),
                draw("b", &shape[2..], element),
            ];
            assert_same(&inputs, &|x| layer_norm(&x[0], &x[1], &x[2]), &|x| {
                layer_norm_composed(&x[0], &x[1], &x[2])
            });
            if shape[0] == 1 {
                assert_slopes(&inputs, &|x| layer_norm(&x[0], &x[1], &x[2]));
            }
        }
    }
}
