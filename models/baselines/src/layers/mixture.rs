//! Sums of channels by weights.
//!
//! The library makes the product of every channel with its weight, then their sum over a dimension in the middle, and on the way
//! back both again for two gradients. Here it is one operation. The gradient of the weights is added up in the library's order:
//! where weights are shares of a sum it is a difference of nearly equal sums, and another order is another difference.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use listener::real::Real;

use super::slices::{by_element, ours, result, slice, tensor, with};

/// `[B, C, rest]` and `[C]` to `[B, rest]`.
struct Mixture;

/// Batch, channels and numbers of a channel.
fn sizes(dims: &[usize], weights: usize) -> Result<[usize; 3]> {
    match dims {
        [batch, channels, rest @ ..] if *channels == weights => {
            Ok([*batch, *channels, rest.iter().product()])
        }
        _ => bail!("{weights} weights for channels of {dims:?}"),
    }
}

impl CustomOp2 for Mixture {
    fn name(&self) -> &'static str {
        "mixture"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        weights: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let [batch, channels, each] = sizes(lx.dims(), lw.shape().elem_count())?;
        let shape: Vec<usize> = std::iter::once(batch).chain(lx.dims()[2..].iter().copied()).collect();
        by_element!(x.dtype(), T => {
            let (x, weights) = (slice::<T>(x, lx)?, slice::<T>(weights, lw)?);
            let mut out = vec![T::ZERO; batch * each];
            for (x, out) in x.chunks_exact(channels * each).zip(out.chunks_exact_mut(each)) {
                for (x, weight) in x.chunks_exact(each).zip(weights) {
                    out.iter_mut().zip(x).for_each(|(out, x)| *out += *x * *weight);
                }
            }
            result(out, shape)
        })
    }

    fn bwd(
        &self,
        x: &Tensor,
        weights: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [_, channels, each] = sizes(x.dims(), weights.elem_count())?;
        let g = gradient.contiguous()?;
        by_element!(x.dtype(), T => with::<T, _, 3>([x, weights, &g], |[numbers, shares, g]| {
            let mut of_x = Vec::with_capacity(numbers.len());
            let mut of_weights = vec![T::ZERO; channels];
            for (x, g) in numbers.chunks_exact(channels * each).zip(g.chunks_exact(each)) {
                for share in shares {
                    of_x.extend(g.iter().map(|g| *g * *share));
                }
                // channels side by side: each is a chain of additions
                for place in 0..each {
                    for (channel, sum) in of_weights.iter_mut().enumerate() {
                        *sum += g[place] * x[channel * each + place];
                    }
                }
            }
            Ok((Some(tensor(of_x, x.shape())?), Some(tensor(of_weights, weights.shape())?)))
        }))
    }
}

/// The sum of channels, the second dimension of `x` `[B, C, ...]`, each times its weight of `[C]`.
///
/// # Errors
/// When there are not as many weights as channels.
pub fn mixture(x: &Tensor, weights: &Tensor) -> Result<Tensor> {
    if !ours(x) {
        let mut shape = vec![1; x.rank()];
        shape[1] = weights.elem_count();
        return x.broadcast_mul(&weights.reshape(shape)?)?.sum(1);
    }
    x.contiguous()?.apply_op2(&weights.contiguous()?, Mixture)
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::layers::twins::{assert_same, assert_slopes, draw};

    #[test]
    fn mixtures_equal_the_composed_form_and_differences() {
        let inputs = |element| [draw("mixture", &[3, 4, 5, 2], element), draw("weights", &[4], element)];
        for element in [DType::F32, DType::F64] {
            assert_same(&inputs(element), &|x| mixture(&x[0], &x[1]), &|x| {
                x[0].broadcast_mul(&x[1].reshape((1, 4, 1, 1))?)?.sum(1)
            });
        }
        assert_slopes(&inputs(DType::F64), &|x| mixture(&x[0], &x[1]));
        let [x, _] = inputs(DType::F32);
        assert!(mixture(x.as_tensor(), draw("weights", &[5], DType::F32).as_tensor()).is_err());
    }
}
