//! Convolutions and pooling with right gradients.
//!
//! The tensor library's `conv1d` has wrong gradients on the processor, `conv_transpose1d` none, and pooling whose stride
//! differs from its window none. So one dimension is an operation of ours (`taps.rs`), its transpose is one over a signal
//! with zeros between the samples, and pooling has a gradient of ours. Two
//! dimensions use the library's `conv2d`, whose gradients are right (held by the golden gradients of Trans-VAE).

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::slices::{Number, by_element, fill, result, slice, tensor, width, with};
pub use super::taps::Beyond;
use super::taps::Taps;
use crate::parameters::{Scope, Start};

/// A convolution of `[B, C, L]` with weight `[outputs, inputs, taps]`.
#[derive(Debug, Clone)]
pub struct Conv1d {
    weight: Tensor,
    bias: Tensor,
    taps: Taps,
}

impl Conv1d {
    /// With a bias.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(
        scope: &Scope<'_, '_>,
        (inputs, outputs, taps): (usize, usize, usize),
        stride: usize,
        padding: usize,
        beyond: Beyond,
    ) -> Result<Self> {
        let start = Start::fan_in(inputs * taps);
        Ok(Self {
            weight: scope.tensor("weight", &[outputs, inputs, taps], start)?,
            bias: scope.tensor("bias", &[outputs], start)?,
            taps: Taps { stride: stride.max(1), padding: (padding, padding), beyond },
        })
    }

    /// `[B, inputs, L]` to `[B, outputs, (L + 2 padding - taps) / stride + 1]`.
    ///
    /// # Errors
    /// When the channels are others or the signal is shorter than the taps.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.taps.convolve(x, &self.weight, &self.bias)
    }
}

/// A transposed convolution of `[B, C, L]` with weight `[inputs, outputs, taps]`.
#[derive(Debug, Clone)]
pub struct ConvTranspose1d {
    weight: Tensor,
    bias: Tensor,
    stride: usize,
    padding: usize,
    output_padding: usize,
}

impl ConvTranspose1d {
    /// With a bias.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(
        scope: &Scope<'_, '_>,
        (inputs, outputs, taps): (usize, usize, usize),
        stride: usize,
        padding: usize,
        output_padding: usize,
    ) -> Result<Self> {
        let start = Start::fan_in(outputs * taps);
        Ok(Self {
            weight: scope.tensor("weight", &[inputs, outputs, taps], start)?,
            bias: scope.tensor("bias", &[outputs], start)?,
            stride: stride.max(1),
            padding,
            output_padding,
        })
    }

    /// `[B, inputs, L]` to `[B, outputs, (L - 1) stride - 2 padding + taps + output_padding]`.
    ///
    /// # Errors
    /// When the channels are others.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (inputs, outputs, taps) = self.weight.dims3()?;
        let (batch, _, length) = x.dims3()?;
        // zeros between the samples, then an ordinary convolution with the taps turned round
        let spread = match self.stride {
            1 => x.clone(),
            stride => {
                let zeros = Tensor::zeros((batch, inputs, length, stride - 1), x.dtype(), x.device())?;
                let spread = Tensor::cat(&[&x.unsqueeze(3)?, &zeros], 3)?;
                spread.reshape((batch, inputs, length * stride))?.narrow(2, 0, (length - 1) * stride + 1)?
            }
        };
        let (before, after) = ((taps - 1).checked_sub(self.padding), taps - 1 + self.output_padding);
        let (Some(before), Some(after)) = (before, after.checked_sub(self.padding)) else {
            candle_core::bail!("a padding of {} is more than {taps} taps have", self.padding);
        };
        let places: Vec<u32> = (0..taps as u32).rev().collect();
        let turned = self.weight.index_select(&Tensor::from_vec(places, taps, x.device())?, 2)?;
        let weight = turned.transpose(0, 1)?.contiguous()?;
        debug_assert_eq!(weight.dims(), [outputs, inputs, taps]);
        let taps = Taps { stride: 1, padding: (before, after), beyond: Beyond::Zeros };
        taps.convolve(&spread, &weight, &self.bias)
    }
}

/// Maximum over windows of `size`, `stride` apart, along the last dimension; a last partial window is dropped. Where several
/// are the largest the gradient is shared.
///
/// # Errors
/// When the signal is shorter than a window.
pub fn max_pool1d(x: &Tensor, size: usize, stride: usize) -> Result<Tensor> {
    let length = x.dim(x.rank() - 1)?;
    if length < size || size * stride == 0 {
        candle_core::bail!("a signal of {length} is shorter than a window of {size}");
    }
    x.contiguous()?.apply_op1(Pool { size, stride, count: (length - size) / stride + 1 })
}

struct Pool {
    size: usize,
    stride: usize,
    count: usize,
}

impl Pool {
    /// Windows and the largest of each.
    fn windows<'a, T: Number>(&self, x: &'a [T]) -> impl Iterator<Item = (&'a [T], T)> {
        let windows = x.windows(self.size).step_by(self.stride).take(self.count);
        windows.map(|window| (window, window.iter().fold(window[0], |most, x| most.larger(*x))))
    }
}

impl CustomOp1 for Pool {
    fn name(&self) -> &'static str {
        "pooling"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (length, count) = (width(layout), self.count);
        let mut shape = layout.dims().to_vec();
        shape.pop();
        shape.push(count);
        by_element!(x.dtype(), T => {
            let x = slice::<T>(x, layout)?;
            let made = fill(x.len() / length * count, count, |first, out| {
                for (x, out) in x[first * length..].chunks_exact(length).zip(out.chunks_exact_mut(count)) {
                    self.windows(x).zip(out).for_each(|((_, most), out)| *out = most);
                }
            });
            result(made, shape)
        })
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let (g, length, count) = (gradient.contiguous()?, x.dim(x.rank() - 1)?, self.count);
        by_element!(x.dtype(), T => with::<T, _, 2>([x, &g], |[values, g]| {
            let made = fill(values.len(), length, |first, out: &mut [T]| {
                let values = values[first * length..].chunks_exact(length);
                let rows = values.zip(g[first * count..].chunks_exact(count));
                for ((x, g), out) in rows.zip(out.chunks_exact_mut(length)) {
                    for (at, ((window, most), g)) in self.windows(x).zip(g).enumerate() {
                        let equal = window.iter().filter(|x| **x == most).count();
                        let both = window.iter().zip(&mut out[at * self.stride..]);
                        both.filter(|(x, _)| **x == most).for_each(|(_, out)| *out += *g / equal as T);
                    }
                }
            });
            tensor(made, x.shape()).map(Some)
        }))
    }
}

/// Maximum over squares of `size`, `stride` apart, of `[.., H, W]`. Where two are equal the gradient is shared.
///
/// # Errors
/// When a side is shorter than a window.
pub fn max_pool2d(x: &Tensor, size: usize, stride: usize) -> Result<Tensor> {
    let (a, b) = (x.rank() - 2, x.rank() - 1);
    let columns = max_pool1d(x, size, stride)?;
    max_pool1d(&columns.transpose(a, b)?.contiguous()?, size, stride)?.transpose(a, b)?.contiguous()
}

/// Each position of the last dimension twice.
///
/// # Errors
/// Of the tensor library.
pub fn twice(x: &Tensor) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last *= 2;
    }
    Tensor::stack(&[x, x], x.rank())?.reshape(shape)
}

/// A convolution of square pictures `[N, C, H, H]` without bias; weight `[outputs, inputs, 1, k, k]`, as a stack of
/// frames is convolved frame by frame. Square, because the library's gradient takes the padding of the height for
/// the width too.
#[derive(Debug, Clone)]
pub struct FrameConv {
    weight: Tensor,
    stride: usize,
    padding: usize,
}

impl FrameConv {
    /// `weight`.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(
        scope: &Scope<'_, '_>,
        (inputs, outputs, side): (usize, usize, usize),
        stride: usize,
        padding: usize,
    ) -> Result<Self> {
        let start = Start::fan_in(inputs * side * side);
        let weight = scope.tensor("weight", &[outputs, inputs, 1, side, side], start)?;
        Ok(Self { weight: weight.squeeze(2)?, stride, padding })
    }

    /// `[outputs, inputs, k, k]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// `[N, inputs, H, H]` to `[N, outputs, H', H']`.
    ///
    /// # Errors
    /// When the channels are others or the pictures are not square.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (_, _, height, width) = x.dims4()?;
        if height != width {
            candle_core::bail!("pictures must be square, these are {height} by {width}");
        }
        x.conv2d(&self.weight, self.padding, self.stride, 1, 1)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};
    use clips::Chance;

    use super::*;
    use crate::parameters::{Fresh, build_as};
    use crate::pass::normal;

    /// Largest |slope on the tape - slope by differences| of a weighted sum of `of(x)`.
    fn slope_error(x: &Var, of: &dyn Fn(&Tensor) -> Result<Tensor>) -> f64 {
        let shape = of(x.as_tensor()).unwrap().dims().to_vec();
        let weights = normal(&mut Chance::new(3, "weights", &[]), &shape, DType::F64).unwrap();
        let sum = |x: &Tensor| (of(x).unwrap() * &weights).unwrap().sum_all().unwrap();
        let gradient = sum(x.as_tensor()).backward().unwrap().get(x).unwrap().clone();
        let gradient = gradient.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let values = x.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let mut worst = 0.0f64;
        for (index, slope) in gradient.iter().enumerate() {
            let moved = |by: f64| {
                let mut values = values.clone();
                values[index] += by;
                sum(&Tensor::from_vec(values, x.dims(), &Device::Cpu).unwrap()).to_scalar::<f64>().unwrap()
            };
            worst = worst.max((slope - (moved(1e-6) - moved(-1e-6)) / 2e-6).abs());
        }
        worst
    }

    fn doubles<N>(make: impl FnOnce(&Scope<'_, '_>) -> Result<N>) -> N {
        build_as(&mut Fresh { seed: 4 }, DType::F64, &Device::Cpu, make).unwrap().0
    }

    #[test]
    fn gradients_equal_differences() {
        let x = Var::from_tensor(&normal(&mut Chance::new(1, "x", &[]), &[2, 3, 8], DType::F64).unwrap())
            .unwrap();
        for beyond in [Beyond::Zeros, Beyond::Edge] {
            for stride in [1, 2] {
                let conv = doubles(|scope| Conv1d::new(scope, (3, 4, 5), stride, 2, beyond));
                assert!(slope_error(&x, &|x| conv.forward(x)) < 1e-8, "{beyond:?} {stride}");
            }
        }
        let back = doubles(|scope| ConvTranspose1d::new(scope, (3, 4, 5), 2, 2, 1));
        assert!(slope_error(&x, &|x| back.forward(x)) < 1e-8);
        assert!(slope_error(&x, &|x| max_pool1d(x, 3, 2)) < 1e-8);
        assert!(slope_error(&x, &twice) < 1e-8);
        let y = normal(&mut Chance::new(2, "y", &[]), &[2, 3, 6, 6], DType::F64).unwrap();
        let y = Var::from_tensor(&y).unwrap();
        assert!(slope_error(&y, &|x| max_pool2d(x, 3, 2)) < 1e-8);
        let frames = doubles(|scope| FrameConv::new(scope, (3, 2, 3), 2, 1));
        assert!(slope_error(&y, &|x| frames.forward(x)) < 1e-8);
    }

    #[test]
    fn forward_equals_the_library() {
        let x = normal(&mut Chance::new(1, "x", &[]), &[2, 3, 9], DType::F64).unwrap();
        let near = |a: &Tensor, b: &Tensor| {
            assert_eq!(a.dims(), b.dims());
            (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap() < 1e-12
        };
        let conv = doubles(|scope| Conv1d::new(scope, (3, 4, 5), 2, 2, Beyond::Zeros));
        let bias = |bias: &Tensor| bias.reshape((1, 4, 1)).unwrap();
        let library = x.conv1d(&conv.weight, 2, 2, 1, 1).unwrap().broadcast_add(&bias(&conv.bias));
        assert!(near(&conv.forward(&x).unwrap(), &library.unwrap()));
        let back = doubles(|scope| ConvTranspose1d::new(scope, (3, 4, 5), 2, 2, 1));
        let library =
            x.conv_transpose1d(&back.weight, 2, 1, 2, 1, 1).unwrap().broadcast_add(&bias(&back.bias));
        assert!(near(&back.forward(&x).unwrap(), &library.unwrap()));
        let y = normal(&mut Chance::new(2, "y", &[]), &[2, 3, 7, 6], DType::F64).unwrap();
        assert!(near(&max_pool2d(&y, 3, 2).unwrap(), &y.max_pool2d_with_stride(3, 2).unwrap()));
    }
}
