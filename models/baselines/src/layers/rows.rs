//! Softmax, layer norm and GELU as single operations with a backward.
//!
//! The tensor library has fused forms of the first two *without* a backward, which cut gradients without a word, and
//! slow forms composed of five to eight operations. Here each is one loop over rows for the value and one for the
//! gradient. On other devices than the processor the composed forms (`*_composed`, also the twins of the tests) run.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, D, Layout, Result, Shape, Tensor, WithDType, bail};
use rayon::prelude::*;

/// Elements below which a loop stays on its thread.
const PART: usize = 1 << 14;

/// A float with the functions used here.
trait Real: WithDType + Send + Sync + std::ops::Neg<Output = Self> {
    fn of(value: f64) -> Self;
    fn exp(self) -> Self;
    fn sqrt(self) -> Self;
    fn tanh(self) -> Self;
    fn erf(self) -> Self;
}

macro_rules! real {
    ($float:ty, $erf:path) => {
        impl Real for $float {
            fn of(value: f64) -> Self {
                value as $float
            }
            fn exp(self) -> Self {
                <$float>::exp(self)
            }
            fn sqrt(self) -> Self {
                <$float>::sqrt(self)
            }
            fn tanh(self) -> Self {
                <$float>::tanh(self)
            }
            fn erf(self) -> Self {
                $erf(self)
            }
        }
    };
}
real!(f32, libm::erff);
real!(f64, libm::erf);

/// Rows of a contiguous storage.
fn slice<'a, T>(values: &'a [T], layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(&values[from..to]),
        None => bail!("rows must lie one after the other"),
    }
}

fn width(layout: &Layout) -> usize {
    layout.dims().last().copied().unwrap_or(1).max(1)
}

/// Fills rows of `width`; `of` gets the number of its first row and some rows.
fn fill<T: Real>(count: usize, width: usize, of: impl Fn(usize, &mut [T]) + Sync) -> Vec<T> {
    let mut out = vec![T::of(0.0); count];
    let rows = (PART / width).max(1);
    if count <= PART {
        of(0, &mut out);
    } else {
        out.par_chunks_mut(rows * width).enumerate().for_each(|(part, out)| of(part * rows, out));
    }
    out
}

/// Runs one of two monomorphic versions.
macro_rules! by_float {
    ($storage:expr, $values:ident => $body:expr) => {
        match $storage {
            CpuStorage::F32($values) => CpuStorage::F32($body),
            CpuStorage::F64($values) => CpuStorage::F64($body),
            _ => bail!("floats of 32 or 64 bits are needed"),
        }
    };
}
macro_rules! by_floats {
    ($a:expr, $b:expr, ($x:ident, $y:ident) => $body:expr) => {
        match ($a, $b) {
            (CpuStorage::F32($x), CpuStorage::F32($y)) => CpuStorage::F32($body),
            (CpuStorage::F64($x), CpuStorage::F64($y)) => CpuStorage::F64($body),
            _ => bail!("two tensors of the same float are needed"),
        }
    };
}

struct Softmax;
/// Gradient of a softmax from its result and the result's gradient.
struct SoftmaxBack;

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(x: &[T], width: usize) -> Vec<T> {
            fill(x.len(), width, |first, out| {
                let x = x[first * width..].chunks_exact(width);
                for (x, out) in x.zip(out.chunks_exact_mut(width)) {
                    let most = x.iter().copied().fold(x[0], |most, x| if x > most { x } else { most });
                    let mut sum = T::of(0.0);
                    for (x, out) in x.iter().zip(out.iter_mut()) {
                        *out = (*x - most).exp();
                        sum += *out;
                    }
                    out.iter_mut().for_each(|out| *out /= sum);
                }
            })
        }
        let out = by_float!(storage, x => run(slice(x, layout)?, width(layout)));
        Ok((out, layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        result.apply_op2_no_bwd(&gradient.contiguous()?, &SoftmaxBack).map(Some)
    }
}

impl CustomOp2 for SoftmaxBack {
    fn name(&self) -> &'static str {
        "softmax-back"
    }

    fn cpu_fwd(
        &self,
        y: &CpuStorage,
        ly: &Layout,
        g: &CpuStorage,
        lg: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(y: &[T], g: &[T], width: usize) -> Vec<T> {
            fill(y.len(), width, |first, out| {
                let rows = y[first * width..].chunks_exact(width).zip(g[first * width..].chunks_exact(width));
                for ((y, g), out) in rows.zip(out.chunks_exact_mut(width)) {
                    let dot = y.iter().zip(g).fold(T::of(0.0), |sum, (y, g)| sum + *y * *g);
                    for ((y, g), out) in y.iter().zip(g).zip(out) {
                        *out = *y * (*g - dot);
                    }
                }
            })
        }
        let out = by_floats!(y, g, (y, g) => run(slice(y, ly)?, slice(g, lg)?, width(ly)));
        Ok((out, ly.shape().clone()))
    }
}

/// Softmax over the last dimension.
///
/// # Errors
/// Of the tensor library.
pub fn softmax(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() { x.contiguous()?.apply_op1(Softmax) } else { softmax_composed(x) }
}

/// [`softmax`] out of the library's operations.
///
/// # Errors
/// Of the tensor library.
pub fn softmax_composed(x: &Tensor) -> Result<Tensor> {
    let e = x.broadcast_sub(&x.detach().max_keepdim(D::Minus1)?)?.exp()?;
    e.broadcast_div(&e.sum_keepdim(D::Minus1)?)
}

/// Rows brought to mean 0 and variance 1 (biased), without weight and bias.
struct Normalise(f64);
/// Gradient of [`Normalise`] from its argument and the result's gradient.
struct NormaliseBack(f64);

/// Mean and 1 / deviation of a row.
fn moments<T: Real>(x: &[T], epsilon: f64) -> (T, T) {
    let count = T::of(x.len() as f64);
    let mean = x.iter().fold(T::of(0.0), |sum, x| sum + *x) / count;
    let variance = x.iter().fold(T::of(0.0), |sum, x| sum + (*x - mean) * (*x - mean)) / count;
    (mean, T::of(1.0) / (variance + T::of(epsilon)).sqrt())
}

impl CustomOp1 for Normalise {
    fn name(&self) -> &'static str {
        "normalise"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(x: &[T], width: usize, epsilon: f64) -> Vec<T> {
            fill(x.len(), width, |first, out| {
                let x = x[first * width..].chunks_exact(width);
                for (x, out) in x.zip(out.chunks_exact_mut(width)) {
                    let (mean, scale) = moments(x, epsilon);
                    x.iter().zip(out).for_each(|(x, out)| *out = (*x - mean) * scale);
                }
            })
        }
        let out = by_float!(storage, x => run(slice(x, layout)?, width(layout), self.0));
        Ok((out, layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        x.apply_op2_no_bwd(&gradient.contiguous()?, &NormaliseBack(self.0)).map(Some)
    }
}

impl CustomOp2 for NormaliseBack {
    fn name(&self) -> &'static str {
        "normalise-back"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        g: &CpuStorage,
        lg: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        // y = (x - mean) s; dx = s (g - mean(g) - y mean(g y))
        fn run<T: Real>(x: &[T], g: &[T], width: usize, epsilon: f64) -> Vec<T> {
            fill(x.len(), width, |first, out| {
                let rows = x[first * width..].chunks_exact(width).zip(g[first * width..].chunks_exact(width));
                for ((x, g), out) in rows.zip(out.chunks_exact_mut(width)) {
                    let (mean, scale) = moments(x, epsilon);
                    let (mut sum, mut dot) = (T::of(0.0), T::of(0.0));
                    for (x, g) in x.iter().zip(g) {
                        sum += *g;
                        dot += *g * (*x - mean) * scale;
                    }
                    let count = T::of(width as f64);
                    let (sum, dot) = (sum / count, dot / count);
                    for ((x, g), out) in x.iter().zip(g).zip(out) {
                        *out = scale * (*g - sum - (*x - mean) * scale * dot);
                    }
                }
            })
        }
        let out = by_floats!(x, g, (x, g) => run(slice(x, lx)?, slice(g, lg)?, width(lx), self.0));
        Ok((out, lx.shape().clone()))
    }
}

/// Each row of the last dimension brought to mean 0 and (biased) variance 1, `epsilon` added to the variance.
///
/// # Errors
/// Of the tensor library.
pub fn normalise(x: &Tensor, epsilon: f64) -> Result<Tensor> {
    if x.device().is_cpu() {
        x.contiguous()?.apply_op1(Normalise(epsilon))
    } else {
        normalise_composed(x, epsilon)
    }
}

/// [`normalise`] out of the library's operations.
///
/// # Errors
/// Of the tensor library.
pub fn normalise_composed(x: &Tensor, epsilon: f64) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    centred.broadcast_div(&(variance + epsilon)?.sqrt()?)
}

/// The two forms of GELU that the compared systems use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gelu {
    /// x times the normal distribution function, by the error function.
    Exact,
    /// The approximation by a hyperbolic tangent.
    Tanh,
}

/// sqrt(2 / pi) and the factor of the cube in the approximation.
const TANH: (f64, f64) = (0.797_884_560_802_865_4, 0.044_715);

impl Gelu {
    /// Value and slope.
    fn at<T: Real>(self, x: T) -> (T, T) {
        let (half, one) = (T::of(0.5), T::of(1.0));
        match self {
            Self::Exact => {
                let below = half * (one + (x * T::of(std::f64::consts::FRAC_1_SQRT_2)).erf());
                let density = (-(half * x * x)).exp() * T::of(0.398_942_280_401_432_7);
                (x * below, below + x * density)
            }
            Self::Tanh => {
                let (scale, cube) = (T::of(TANH.0), T::of(TANH.1));
                let t = (scale * (x + cube * x * x * x)).tanh();
                let inner = scale * (one + T::of(3.0) * cube * x * x);
                (half * x * (one + t), half * (one + t) + half * x * (one - t * t) * inner)
            }
        }
    }
}

struct GeluBack(Gelu);

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(x: &[T], kind: Gelu) -> Vec<T> {
            fill(x.len(), 1, |first, out| {
                x[first..].iter().zip(out).for_each(|(x, out)| *out = kind.at(*x).0);
            })
        }
        let out = by_float!(storage, x => run(slice(x, layout)?, *self));
        Ok((out, layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        x.apply_op2_no_bwd(&gradient.contiguous()?, &GeluBack(*self)).map(Some)
    }
}

impl CustomOp2 for GeluBack {
    fn name(&self) -> &'static str {
        "gelu-back"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        g: &CpuStorage,
        lg: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(x: &[T], g: &[T], kind: Gelu) -> Vec<T> {
            fill(x.len(), 1, |first, out| {
                let both = x[first..].iter().zip(&g[first..]);
                both.zip(out).for_each(|((x, g), out)| *out = kind.at(*x).1 * *g);
            })
        }
        let out = by_floats!(x, g, (x, g) => run(slice(x, lx)?, slice(g, lg)?, self.0));
        Ok((out, lx.shape().clone()))
    }
}

/// GELU of every element.
///
/// # Errors
/// Of the tensor library.
pub fn gelu(x: &Tensor, kind: Gelu) -> Result<Tensor> {
    if x.device().is_cpu() { x.contiguous()?.apply_op1(kind) } else { gelu_composed(x, kind) }
}

/// [`gelu`] out of the library's operations.
///
/// # Errors
/// Of the tensor library.
pub fn gelu_composed(x: &Tensor, kind: Gelu) -> Result<Tensor> {
    let below = match kind {
        Gelu::Exact => (x * std::f64::consts::FRAC_1_SQRT_2)?.erf()?,
        Gelu::Tanh => ((x + (x.sqr()? * x)?.affine(TANH.1, 0.0)?)? * TANH.0)?.tanh()?,
    };
    x * below.affine(0.5, 0.5)?
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};
    use clips::Chance;

    use super::*;
    use crate::pass::normal;

    /// Value and gradient of `of` at x, weighted so that no symmetry hides a fault.
    fn both(x: &Var, of: &dyn Fn(&Tensor) -> Result<Tensor>) -> Vec<f64> {
        let weights = normal(&mut Chance::new(2, "weights", &[]), x.dims(), x.dtype()).unwrap();
        let y = of(x.as_tensor()).unwrap();
        let gradient = (&y * weights).unwrap().sum_all().unwrap().backward().unwrap();
        [y, gradient.get(x).unwrap().clone()]
            .iter()
            .flat_map(|t| t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap())
            .collect()
    }

    #[test]
    fn single_operations_equal_composed_ones_with_their_gradients() {
        type Of = dyn Fn(&Tensor) -> Result<Tensor>;
        let pairs: [(&Of, &Of); 4] = [
            (&softmax, &softmax_composed),
            (&|x| normalise(x, 1e-5), &|x| normalise_composed(x, 1e-5)),
            (&|x| gelu(x, Gelu::Exact), &|x| gelu_composed(x, Gelu::Exact)),
            (&|x| gelu(x, Gelu::Tanh), &|x| gelu_composed(x, Gelu::Tanh)),
        ];
        for (element, tolerance) in [(DType::F32, 2e-6), (DType::F64, 1e-13)] {
            // the second is long enough to be split over threads
            for shape in [vec![2, 3, 7], vec![3, 41, 257]] {
                let values = normal(&mut Chance::new(1, "rows", &[]), &shape, element).unwrap();
                let x = Var::from_tensor(&values).unwrap();
                for (index, (single, composed)) in pairs.iter().enumerate() {
                    for (a, b) in both(&x, single).iter().zip(both(&x, composed)) {
                        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{index} {element:?}: {a} {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn turned_tensors_are_brought_in_order_first() {
        let x = Tensor::arange(0f32, 6.0, &Device::Cpu).unwrap().reshape((2, 3)).unwrap().t().unwrap();
        let rows = softmax(&x).unwrap().to_vec2::<f32>().unwrap();
        assert!(rows.iter().all(|row| (row[1] / row[0] - 3f32.exp()).abs() < 1e-3), "{rows:?}");
    }
}
