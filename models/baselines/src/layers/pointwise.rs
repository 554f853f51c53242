//! Activations and losses of single elements.
//!
//! The tensor library's ReLU has slope 1 at 0 and its absolute value too; PyTorch has 0. That matters where values are
//! exactly 0 (padding, thresholds), so [`relu`] and [`absolute`] are built to have slope 0 there.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, DType, Layout, Result, Shape, Tensor};

use super::slices::{Loop, Number, by_element, fill_from, ours, result, slice, tensor, with};

/// Functions of single numbers, each one operation with a slope that is a function of argument and value.
#[derive(Debug, Clone, Copy)]
enum Function {
    /// x where it is positive, so many times x elsewhere.
    Leaky(f64),
    Sigmoid,
    Tanh,
    /// x sigmoid(x).
    Silu,
}

/// Values of a function.
#[derive(Clone, Copy)]
struct Values;

impl<T: Number> Loop<T, 1, Function> for Values {
    #[inline(always)]
    fn run([x]: [&[T]; 1], out: &mut [T], function: Function) {
        let both = x.iter().zip(out);
        match function {
            // what is no number stays none
            Function::Leaky(slope) => {
                let slope = T::of(slope);
                both.for_each(|(x, out)| *out = if *x <= T::ZERO { *x * slope } else { *x });
            }
            Function::Sigmoid => both.for_each(|(x, out)| *out = x.sigmoid()),
            Function::Tanh => both.for_each(|(x, out)| *out = Number::tanh(*x)),
            Function::Silu => both.for_each(|(x, out)| *out = *x * x.sigmoid()),
        }
    }
}

/// Gradients at x, where the values are y and their gradients g.
#[derive(Clone, Copy)]
struct Slopes;

impl<T: Number> Loop<T, 3, Function> for Slopes {
    #[inline(always)]
    fn run([x, y, g]: [&[T]; 3], out: &mut [T], function: Function) {
        let all = x.iter().zip(y).zip(g).zip(out);
        match function {
            Function::Leaky(slope) => {
                let slope = T::of(slope);
                all.for_each(|(((x, _), g), out)| *out = if *x > T::ZERO { *g } else { *g * slope });
            }
            Function::Sigmoid => all.for_each(|(((_, y), g), out)| *out = *g * *y * (T::ONE - *y)),
            Function::Tanh => all.for_each(|(((_, y), g), out)| *out = *g * (T::ONE - *y * *y)),
            Function::Silu => all.for_each(|(((x, y), g), out)| {
                let share = x.sigmoid();
                *out = *g * (share + *y * (T::ONE - share));
            }),
        }
    }
}

impl Function {
    fn apply(self, x: &Tensor) -> Result<Tensor> {
        x.contiguous()?.apply_op1(self)
    }
}

impl CustomOp1 for Function {
    fn name(&self) -> &'static str {
        "function of numbers"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        by_element!(x.dtype(), T => {
            let x = slice::<T>(x, layout)?;
            let made = fill_from(Values, [x], 1, *self);
            result(made, layout.shape().clone())
        })
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let g = gradient.contiguous()?;
        by_element!(x.dtype(), T => with::<T, _, 3>([x, y, &g], |[numbers, y, g]| {
            let made = fill_from(Slopes, [numbers, y, g], 1, *self);
            tensor(made, x.shape()).map(Some)
        }))
    }
}

/// Product with a factor that nobody asks a gradient of.
struct Times;

impl CustomOp2 for Times {
    fn name(&self) -> &'static str {
        "times a constant"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        factor: &CpuStorage,
        lf: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        by_element!(x.dtype(), T => {
            let (x, factor) = (slice::<T>(x, lx)?, slice::<T>(factor, lf)?);
            result(x.iter().zip(factor).map(|(x, factor)| *x * *factor).collect(), lx.shape().clone())
        })
    }

    fn bwd(
        &self,
        _: &Tensor,
        factor: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(gradient.mul(factor)?), None))
    }
}

/// x times a constant of its shape; the library would make a gradient of the constant, too.
///
/// # Errors
/// When shapes differ.
pub fn times_constant(x: &Tensor, factor: &Tensor) -> Result<Tensor> {
    if x.dims() != factor.dims() || !ours(x) {
        return x.mul(&factor.detach());
    }
    x.contiguous()?.apply_op2(&factor.detach().contiguous()?, Times)
}

/// max(x, 0), slope 0 at 0.
///
/// # Errors
/// Of the tensor library.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    Function::Leaky(0.0).apply(x)
}

/// |x|, slope 0 at 0.
///
/// # Errors
/// Of the tensor library.
pub fn absolute(x: &Tensor) -> Result<Tensor> {
    times_constant(x, &x.detach().sign()?)
}

/// x where it is positive, `slope` times x elsewhere.
///
/// # Errors
/// Of the tensor library.
pub fn leaky_relu(x: &Tensor, slope: f64) -> Result<Tensor> {
    Function::Leaky(slope).apply(x)
}

/// 1 / (1 + e^-x).
///
/// # Errors
/// Of the tensor library.
pub fn sigmoid(x: &Tensor) -> Result<Tensor> {
    Function::Sigmoid.apply(x)
}

/// The hyperbolic tangent.
///
/// # Errors
/// Of the tensor library.
pub fn tanh(x: &Tensor) -> Result<Tensor> {
    Function::Tanh.apply(x)
}

/// x / (1 + e^-x).
///
/// # Errors
/// Of the tensor library.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    Function::Silu.apply(x)
}

/// Mean of squared differences over all elements.
///
/// # Errors
/// When shapes differ.
pub fn mean_square(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    (a - b)?.sqr()?.mean_all()
}

/// Mean of absolute differences over all elements.
///
/// # Errors
/// When shapes differ.
pub fn mean_absolute(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    absolute(&(a - b)?)?.mean_all()
}

/// KL divergence of N(mu, exp(logvar)) from N(0, 1) for every element: 0.5 (mu^2 + e^logvar - 1 - logvar).
///
/// # Errors
/// When shapes differ.
pub fn kl_from_standard(mu: &Tensor, logvar: &Tensor) -> Result<Tensor> {
    (((mu.sqr()? + logvar.exp()?)? - logvar)? - 1.0)? * 0.5
}

/// A scalar as `f64`.
///
/// # Errors
/// When it is none.
pub fn scalar(x: &Tensor) -> Result<f64> {
    x.to_dtype(DType::F64)?.to_scalar::<f64>()
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::layers::twins::{assert_same, assert_slopes, draw};

    #[test]
    fn slopes_at_zero_are_those_of_pytorch() {
        let x = Var::new(&[-2f32, 0.0, 3.0], &Device::Cpu).unwrap();
        let slopes = |of: &dyn Fn(&Tensor) -> Result<Tensor>| {
            let gradient = of(x.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
            gradient.get(&x).unwrap().to_vec1::<f32>().unwrap()
        };
        assert_eq!(slopes(&relu), [0.0, 0.0, 1.0]);
        assert_eq!(slopes(&absolute), [-1.0, 0.0, 1.0]);
        assert_eq!(slopes(&|x| leaky_relu(x, 0.25)), [0.25, 0.25, 1.0]);
        assert_eq!(absolute(x.as_tensor()).unwrap().to_vec1::<f32>().unwrap(), [2.0, 0.0, 3.0]);
        let far = Tensor::new(&[-200f32, 0.0, 200.0], &Device::Cpu).unwrap();
        let far = sigmoid(&far).unwrap().to_vec1::<f32>().unwrap();
        assert!(far[0] < 1e-37 && far[1..] == [0.5, 1.0], "{far:?}");
    }

    #[test]
    fn functions_equal_the_library_and_differences() {
        type Of = fn(&Tensor) -> Result<Tensor>;
        let pairs: [(Of, Of); 4] = [
            (sigmoid, |x| (x * 0.5)?.tanh()?.affine(0.5, 0.5)),
            (tanh, |x| x.tanh()),
            (silu, |x| x.silu()),
            (|x| times_constant(x, &x.detach()), |x| x.mul(&x.detach())),
        ];
        for (single, composed) in pairs {
            for element in [DType::F32, DType::F64] {
                let x = [draw("pointwise", &[3, 23], element)];
                assert_same(&x, &|x| single(&x[0]), &|x| composed(&x[0]));
            }
        }
        for of in [sigmoid, tanh, silu, relu] {
            assert_slopes(&[draw("pointwise", &[3, 5], DType::F64)], &|x| of(&x[0]));
        }
    }
}
