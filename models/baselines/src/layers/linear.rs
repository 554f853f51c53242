//! A linear layer as PyTorch's: y = x W^T + b, weight `[outputs, inputs]`.
//!
//! One operation of ours: out of the tensor library's it is a product, a sum of all rows with the bias, and backwards a
//! gradient of each, those of parameters that nobody trains included.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};
use listener::real::View;

use super::slices::{Number, by_element, column_sums, ours, product, result, slice, tensor, with};
use crate::parameters::{Scope, Start};

/// `weight` and, unless it is made without, `bias`.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// With a bias, started as PyTorch does.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(scope: &Scope<'_, '_>, inputs: usize, outputs: usize) -> Result<Self> {
        Self::started(scope, inputs, outputs, Start::fan_in(inputs), Some(Start::fan_in(inputs)))
    }

    /// Without a bias.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn without_bias(scope: &Scope<'_, '_>, inputs: usize, outputs: usize) -> Result<Self> {
        Self::started(scope, inputs, outputs, Start::fan_in(inputs), None)
    }

    /// With another start.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn started(
        scope: &Scope<'_, '_>,
        inputs: usize,
        outputs: usize,
        weight: Start,
        bias: Option<Start>,
    ) -> Result<Self> {
        Ok(Self {
            weight: scope.tensor("weight", &[outputs, inputs], weight)?,
            bias: bias.map(|bias| scope.tensor("bias", &[outputs], bias)).transpose()?,
        })
    }

    /// `[..., inputs]` to `[..., outputs]`.
    ///
    /// # Errors
    /// When the last dimension is another one.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        apply(x, &self.weight, self.bias.as_ref())
    }

    /// The weight `[outputs, inputs]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias `[outputs]`, where there is one.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }
}

/// `[..., inputs]` times a weight `[outputs, inputs]`, turned, plus a bias `[outputs]`. Leading dimensions are folded into one
/// product.
///
/// # Errors
/// When the last dimension is another one.
pub fn apply(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    if !ours(x) || x.elem_count() == 0 {
        return apply_composed(x, weight, bias);
    }
    let (outputs, inputs) = weight.dims2()?;
    let fits = x.dims().last() == Some(&inputs) && bias.is_none_or(|bias| bias.dims() == [outputs]);
    if !fits || inputs * outputs == 0 {
        candle_core::bail!("{:?} is not for a linear layer of {:?}", x.dims(), weight.dims());
    }
    let (x, weight) = (x.contiguous()?, weight.contiguous()?);
    match bias {
        Some(bias) => x.apply_op3(&weight, &bias.contiguous()?, Affine),
        None => x.apply_op2(&weight, Affine),
    }
}

/// [`apply`] out of the library's operations.
///
/// # Errors
/// When the last dimension is another one.
pub fn apply_composed(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (outputs, inputs) = weight.dims2()?;
    let mut shape = x.dims().to_vec();
    let rows: usize = shape.iter().rev().skip(1).product();
    if let Some(last) = shape.last_mut() {
        *last = outputs;
    }
    let y = x.reshape((rows, inputs))?.matmul(&weight.t()?)?;
    let y = match bias {
        Some(bias) => y.broadcast_add(bias)?,
        None => y,
    };
    y.reshape(shape)
}

/// x W^T, with or without a bias.
struct Affine;

impl Affine {
    fn forward(
        (x, lx): (&CpuStorage, &Layout),
        (weight, lw): (&CpuStorage, &Layout),
        bias: Option<(&CpuStorage, &Layout)>,
    ) -> Result<(CpuStorage, Shape)> {
        let (outputs, inputs) = lw.shape().dims2()?;
        let rows = lx.shape().elem_count() / inputs;
        let mut shape = lx.dims().to_vec();
        shape.pop();
        shape.push(outputs);
        by_element!(x.dtype(), T => {
            let (x, weight) = (slice::<T>(x, lx)?, slice::<T>(weight, lw)?);
            let mut out = match bias {
                Some((bias, layout)) => slice::<T>(bias, layout)?.repeat(rows),
                None => vec![0.0; rows * outputs],
            };
            let (x, weight) = (View::dense(x, rows, inputs), View::dense(weight, outputs, inputs));
            product(&mut out, outputs, x, weight.transposed(), 1.0, bias.is_some());
            result(out, shape)
        })
    }

    /// Gradients of x and weight; none for what nobody asks about.
    fn backward<T: Number>(
        x: &Tensor,
        weight: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (outputs, inputs) = weight.dims2()?;
        let rows = x.elem_count() / inputs;
        with::<T, _, 3>([x, weight, g], |[values, factors, g]| {
            let g = View::dense(g, rows, outputs);
            let of_x = || {
                let mut out = vec![T::ZERO; rows * inputs];
                product(&mut out, inputs, g, View::dense(factors, outputs, inputs), T::ONE, false);
                tensor(out, x.shape())
            };
            let of_weight = || {
                let mut out = vec![T::ZERO; outputs * inputs];
                product(&mut out, inputs, g.transposed(), View::dense(values, rows, inputs), T::ONE, false);
                tensor(out, weight.shape())
            };
            Ok((x.track_op().then(of_x).transpose()?, weight.track_op().then(of_weight).transpose()?))
        })
    }
}

impl CustomOp2 for Affine {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        weight: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Self::forward((x, lx), (weight, lw), None)
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        by_element!(x.dtype(), T => Self::backward::<T>(x, weight, &gradient.contiguous()?))
    }
}

impl CustomOp3 for Affine {
    fn name(&self) -> &'static str {
        "linear with bias"
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
        Self::forward((x, lx), (weight, lw), Some((bias, lb)))
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
        by_element!(x.dtype(), T => {
            let (of_x, of_weight) = Self::backward::<T>(x, weight, &g)?;
            let of_bias = || {
                with::<T, _, 1>([&g], |[g]| tensor(column_sums(g, bias.elem_count()), bias.shape()))
            };
            Ok((of_x, of_weight, bias.track_op().then(of_bias).transpose()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::layers::twins::{assert_same, assert_slopes, draw};

    #[test]
    fn the_single_operation_equals_the_composed_one() {
        for element in [DType::F32, DType::F64] {
            let inputs =
                [draw("x", &[3, 5, 7], element), draw("w", &[9, 7], element), draw("b", &[9], element)];
            assert_same(&inputs, &|x| apply(&x[0], &x[1], Some(&x[2])), &|x| {
                apply_composed(&x[0], &x[1], Some(&x[2]))
            });
            assert_same(&inputs[..2], &|x| apply(&x[0], &x[1], None), &|x| {
                apply_composed(&x[0], &x[1], None)
            });
            // a part of a weight, and rows that do not lie one after the other
            assert_same(
                &inputs[..2],
                &|x| apply(&x[0].transpose(0, 1)?, &x[1].narrow(0, 2, 4)?, None),
                &|x| apply_composed(&x[0].transpose(0, 1)?.contiguous()?, &x[1].narrow(0, 2, 4)?, None),
            );
        }
    }

    #[test]
    fn gradients_equal_differences() {
        let inputs = [&[2, 3][..], &[4, 3], &[4]].map(|shape| draw("linear", shape, DType::F64));
        assert_slopes(&inputs, &|x| apply(&x[0], &x[1], Some(&x[2])));
    }

    #[test]
    fn other_widths_are_refused() {
        let x = draw("x", &[3, 5], DType::F32);
        assert!(apply(x.as_tensor(), draw("w", &[4, 6], DType::F32).as_tensor(), None).is_err());
    }
}
