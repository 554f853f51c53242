//! Softmax, layer norm and GELU as single operations with a backward.
//!
//! The tensor library has fused forms of the first two *without* a backward, which cut gradients without a word, and
//! slow forms composed of five to eight operations. Here each is one loop over rows for the value and one for the
//! gradient. On other devices than the processor the composed forms (`*_composed`, also the twins of the tests) run.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, D, Layout, Result, Shape, Tensor};

use super::slices::{Loop, Number, by_element, fill_from, largest, result, slice, sum, width};

/// Runs a loop of one row-wise argument.
macro_rules! by_float {
    ($x:expr, $layout:expr, $values:ident => $body:expr) => {
        by_element!($x.dtype(), T => {
            let $values = slice::<T>($x, $layout)?;
            result::<T>($body, $layout.shape().clone())
        })
    };
}

/// The same for two arguments.
macro_rules! by_floats {
    ($a:expr, $b:expr, ($x:ident, $y:ident) => $body:expr) => {
        by_element!($a.0.dtype(), T => {
            let ($x, $y) = (slice::<T>($a.0, $a.1)?, slice::<T>($b.0, $b.1)?);
            result::<T>($body, $a.1.shape().clone())
        })
    };
}

/// Turns scores into shares: e^x over the sum of the row's, in place.
#[inline(always)]
pub(super) fn share<T: Number>(row: &mut [T]) {
    let most = largest(row);
    let closed = T::of(-87.0);
    for x in row.iter_mut() {
        let below = *x - most;
        // what is hidden by a mask is exactly nothing
        *x = if below < closed { T::ZERO } else { below.exp() };
    }
    let whole = T::ONE / sum(row, row, |x, _| x);
    row.iter_mut().for_each(|x| *x *= whole);
}

#[derive(Clone, Copy)]
struct Softmax;
/// Gradient of a softmax from its result and the result's gradient.
#[derive(Clone, Copy)]
struct SoftmaxBack;

impl<T: Number> Loop<T, 1, usize> for Softmax {
    #[inline(always)]
    fn run([x]: [&[T]; 1], out: &mut [T], width: usize) {
        out.copy_from_slice(x);
        for row in out.chunks_exact_mut(width) {
            share(row);
        }
    }
}

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = width(layout);
        by_float!(storage, layout, x => fill_from(Softmax, [x], width, width))
    }

    fn bwd(&self, _: &Tensor, result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        result.apply_op2_no_bwd(&gradient.contiguous()?, &SoftmaxBack).map(Some)
    }
}

impl<T: Number> Loop<T, 2, usize> for SoftmaxBack {
    #[inline(always)]
    fn run([y, g]: [&[T]; 2], out: &mut [T], width: usize) {
        let rows = y.chunks_exact(width).zip(g.chunks_exact(width));
        for ((y, g), out) in rows.zip(out.chunks_exact_mut(width)) {
            let dot = sum(y, g, |y, g| y * g);
            for ((y, g), out) in y.iter().zip(g).zip(out) {
                *out = *y * (*g - dot);
            }
        }
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
        let width = width(ly);
        by_floats!((y, ly), (g, lg), (y, g) => fill_from(SoftmaxBack, [y, g], width, width))
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
#[derive(Clone, Copy)]
struct Normalise(f64);
/// Gradient of [`Normalise`] from its argument and the result's gradient.
#[derive(Clone, Copy)]
struct NormaliseBack(f64);

/// Mean and 1 / deviation of a row.
#[inline(always)]
pub(super) fn moments<T: Number>(x: &[T], epsilon: f64) -> (T, T) {
    let count = T::of(x.len() as f64);
    let mean = sum(x, x, |x, _| x) / count;
    let variance = sum(x, x, |x, _| (x - mean) * (x - mean)) / count;
    (mean, T::ONE / (variance + T::of(epsilon)).sqrt())
}

impl<T: Number> Loop<T, 1, (usize, f64)> for Normalise {
    #[inline(always)]
    fn run([x]: [&[T]; 1], out: &mut [T], (width, epsilon): (usize, f64)) {
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            let (mean, scale) = moments(x, epsilon);
            x.iter().zip(out).for_each(|(x, out)| *out = (*x - mean) * scale);
        }
    }
}

impl CustomOp1 for Normalise {
    fn name(&self) -> &'static str {
        "normalise"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = width(layout);
        by_float!(storage, layout, x => fill_from(*self, [x], width, (width, self.0)))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        x.apply_op2_no_bwd(&gradient.contiguous()?, &NormaliseBack(self.0)).map(Some)
    }
}

impl<T: Number> Loop<T, 2, (usize, f64)> for NormaliseBack {
    #[inline(always)]
    fn run([x, g]: [&[T]; 2], out: &mut [T], (width, epsilon): (usize, f64)) {
        let rows = x.chunks_exact(width).zip(g.chunks_exact(width));
        for ((x, g), out) in rows.zip(out.chunks_exact_mut(width)) {
            let (mean, scale) = moments(x, epsilon);
            let count = T::of(width as f64);
            let slope = sum(g, g, |g, _| g) / count;
            let dot = sum(x, g, |x, g| g * (x - mean)) * scale / count;
            for ((x, g), out) in x.iter().zip(g).zip(out) {
                *out = scale * (*g - slope - (*x - mean) * scale * dot);
            }
        }
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
        let width = width(lx);
        by_floats!((x, lx), (g, lg), (x, g) => fill_from(*self, [x, g], width, (width, self.0)))
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

/// Value and slope of the exact form.
#[inline(always)]
fn exact<T: Number>(x: T) -> (T, T) {
    let below = T::of(0.5) * (T::ONE + (x * T::of(std::f64::consts::FRAC_1_SQRT_2)).erf());
    let density = (-(T::of(0.5) * x * x)).exp() * T::of(0.398_942_280_401_432_7);
    (x * below, below + x * density)
}

/// Value and slope of the approximation.
#[inline(always)]
fn by_tangent<T: Number>(x: T) -> (T, T) {
    let (half, one) = (T::of(0.5), T::ONE);
    let (scale, cube) = (T::of(TANH.0), T::of(TANH.1));
    let t = (scale * (x + cube * x * x * x)).tanh();
    let inner = scale * (one + T::of(3.0) * cube * x * x);
    (half * x * (one + t), half * (one + t) + half * x * (one - t * t) * inner)
}

#[derive(Clone, Copy)]
struct GeluBack(Gelu);

impl<T: Number> Loop<T, 1, Gelu> for Gelu {
    #[inline(always)]
    fn run([x]: [&[T]; 1], out: &mut [T], kind: Gelu) {
        let both = x.iter().zip(out);
        match kind {
            Gelu::Exact => both.for_each(|(x, out)| *out = exact(*x).0),
            Gelu::Tanh => both.for_each(|(x, out)| *out = by_tangent(*x).0),
        }
    }
}

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        by_float!(storage, layout, x => fill_from(*self, [x], 1, *self))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        x.apply_op2_no_bwd(&gradient.contiguous()?, &GeluBack(*self)).map(Some)
    }
}

impl<T: Number> Loop<T, 2, Gelu> for GeluBack {
    #[inline(always)]
    fn run([x, g]: [&[T]; 2], out: &mut [T], kind: Gelu) {
        let all = x.iter().zip(g).zip(out);
        match kind {
            Gelu::Exact => all.for_each(|((x, g), out)| *out = exact(*x).1 * *g),
            Gelu::Tanh => all.for_each(|((x, g), out)| *out = by_tangent(*x).1 * *g),
        }
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
        by_floats!((x, lx), (g, lg), (x, g) => fill_from(*self, [x, g], 1, self.0))
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
