//! What operations of ours share: tensors as slices of numbers, results as tensors, and loops over rows on all threads.
//!
//! An operation of ours is a `CustomOp` with a backward: one loop where the tensor library's operations would each write a
//! tensor, and a gradient of it. Results do not depend on the number of threads: parts are cut by size alone.

use std::marker::PhantomData;

use candle_core::{CpuStorage, DType, Device, Layout, Result, Shape, Storage, Tensor, WithDType, bail};
use listener::real::{Real, View, product_on, vectorised};
use pulp::NullaryFnOnce;
use rayon::prelude::*;

/// Elements below which a loop stays on its thread.
const PART: usize = 1 << 14;

/// A float that tensors are made of.
pub trait Number: WithDType + Real {
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The error function.
    fn erf(self) -> Self;

    /// 1 / (1 + e^-x).
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::ONE / (Self::ONE + (-self).exp())
    }
}

impl Number for f32 {
    /// Branch-free, so that loops over it vectorise: the polynomial of the Cephes library near 0, by the exponential elsewhere.
    #[inline(always)]
    fn tanh(self) -> Self {
        let square = self * self;
        let mut p = -5.704_988_7e-3;
        p = p * square + 2.063_909e-2;
        p = p * square - 5.373_971_6e-2;
        p = p * square + 1.333_144_2e-1;
        p = p * square - 3.333_328e-1;
        let near = p * square * self + self;
        let far = 1.0 - 2.0 / (Real::exp(2.0 * self.abs()) + 1.0);
        if self.abs() < 0.625 { near } else { far.copysign(self) }
    }

    fn erf(self) -> Self {
        libm::erff(self)
    }
}

impl Number for f64 {
    fn tanh(self) -> Self {
        Self::tanh(self)
    }

    fn erf(self) -> Self {
        libm::erf(self)
    }
}

/// Runs a generic expression for the element of a tensor or storage.
macro_rules! by_element {
    ($element:expr, $T:ident => $body:expr) => {
        match $element {
            candle_core::DType::F32 => {
                type $T = f32;
                $body
            }
            candle_core::DType::F64 => {
                type $T = f64;
                $body
            }
            _ => candle_core::bail!("floats of 32 or 64 bits are needed"),
        }
    };
}
pub(crate) use by_element;

/// The numbers of a storage that lie one after the other.
///
/// # Errors
/// When they do not, or are of another element.
pub fn slice<'a, T: WithDType>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(&T::cpu_storage_as_slice(storage)?[from..to]),
        None => bail!("rows must lie one after the other"),
    }
}

/// Calls `of` with the numbers of tensors, which must lie one after the other (see [`Tensor::contiguous`]).
///
/// # Errors
/// When they do not, are of another element, or not in main memory.
pub fn with<T: WithDType, R, const N: usize>(
    tensors: [&Tensor; N],
    of: impl FnOnce([&[T]; N]) -> Result<R>,
) -> Result<R> {
    let held = tensors.map(Tensor::storage_and_layout);
    let mut slices = [[].as_slice(); N];
    for ((storage, layout), slot) in held.iter().zip(&mut slices) {
        let Storage::Cpu(storage) = &**storage else { bail!("numbers in main memory are needed") };
        *slot = slice(storage, layout)?;
    }
    of(slices)
}

/// A tensor of numbers.
///
/// # Errors
/// When the shape is of another size.
pub fn tensor<T: WithDType>(values: Vec<T>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}

/// The result of an operation.
///
/// # Errors
/// Never; for the end of a chain.
pub fn result<T: WithDType>(values: Vec<T>, shape: impl Into<Shape>) -> Result<(CpuStorage, Shape)> {
    Ok((T::to_cpu_storage_owned(values), shape.into()))
}

/// Whether operations of ours can run: on floats in main memory.
pub fn ours(x: &Tensor) -> bool {
    x.device().is_cpu() && matches!(x.dtype(), DType::F32 | DType::F64)
}

/// The last dimension; 1 at least.
pub fn width(layout: &Layout) -> usize {
    layout.dims().last().copied().unwrap_or(1).max(1)
}

/// A loop that is compiled for the vectors of this processor. `run` must be `inline(always)`, and so must be what it calls (a
/// function that is handed on, or a long closure, is compiled for the least processor).
pub trait Loop<T, const N: usize, G> {
    /// From inputs and what is `given` to `out`.
    fn run(inputs: [&[T]; N], out: &mut [T], given: G);
}

struct Run<'a, L, T, const N: usize, G>(PhantomData<L>, [&'a [T]; N], &'a mut [T], G);

impl<L: Loop<T, N, G>, T, const N: usize, G> NullaryFnOnce for Run<'_, L, T, N, G> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        L::run(self.1, self.2, self.3);
    }
}

/// Runs a loop on this thread.
pub fn run<L: Loop<T, N, G>, T, const N: usize, G>(_: L, inputs: [&[T]; N], out: &mut [T], given: G) {
    vectorised(Run(PhantomData::<L>, inputs, out, given));
}

/// Fills rows of `width` from as many numbers of each input by a loop over some rows.
pub fn fill_from<L, T: Number, const N: usize, G>(of: L, inputs: [&[T]; N], width: usize, given: G) -> Vec<T>
where
    L: Loop<T, N, G> + Copy + Sync,
    G: Copy + Sync,
{
    fill(inputs.first().map_or(0, |first| first.len()), width, |first, out| {
        run(of, inputs.map(|all| &all[first * width..][..out.len()]), out, given);
    })
}

/// Fills rows of `width`; `of` gets the number of its first row and some rows.
pub fn fill<T: Number>(count: usize, width: usize, of: impl Fn(usize, &mut [T]) + Sync) -> Vec<T> {
    let mut out = vec![T::ZERO; count];
    let rows = (PART / width).max(1);
    if count <= PART {
        of(0, &mut out);
    } else {
        out.par_chunks_mut(rows * width).enumerate().for_each(|(part, out)| of(part * rows, out));
    }
    out
}

/// A product on all threads, see [`listener::real::product_on`].
pub fn product<T: Real>(
    out: &mut [T],
    out_stride: usize,
    left: View<'_, T>,
    right: View<'_, T>,
    scale: T,
    add: bool,
) {
    product_on(rayon::current_num_threads(), out, out_stride, left, right, scale, add);
}

/// Lanes in which sums run side by side, so that every processor adds in one order.
const LANES: usize = 16;

/// The sum of `of` over pairs of two rows.
#[inline(always)]
pub fn sum<T: Number>(a: &[T], b: &[T], of: impl Fn(T, T) -> T) -> T {
    let mut lanes = [T::ZERO; LANES];
    let (heads, tails) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = heads.remainder().iter().zip(tails.remainder());
    for (a, b) in heads.zip(tails) {
        for lane in 0..LANES {
            lanes[lane] += of(a[lane], b[lane]);
        }
    }
    rest.enumerate().for_each(|(lane, (a, b))| lanes[lane] += of(*a, *b));
    lanes.iter().fold(T::ZERO, |sum, lane| sum + *lane)
}

/// The largest number of a row that is not empty.
#[inline(always)]
pub fn largest<T: Number>(x: &[T]) -> T {
    let mut lanes = [x[0]; LANES];
    let blocks = x.chunks_exact(LANES);
    let rest = blocks.remainder();
    for block in blocks {
        for lane in 0..LANES {
            lanes[lane] = lanes[lane].larger(block[lane]);
        }
    }
    lanes.iter().chain(rest).fold(x[0], |most, x| most.larger(*x))
}

/// Sums of columns of rows.
pub fn column_sums<T: Number>(rows: &[T], width: usize) -> Vec<T> {
    let mut out = vec![T::ZERO; width];
    run(ColumnSums, [rows], &mut out, ());
    out
}

struct ColumnSums;

impl<T: Number> Loop<T, 1, ()> for ColumnSums {
    #[inline(always)]
    fn run([rows]: [&[T]; 1], out: &mut [T], (): ()) {
        for row in rows.chunks_exact(out.len()) {
            row.iter().zip(out.iter_mut()).for_each(|(x, out)| *out += *x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tangents_and_sums_agree_with_the_library() {
        for step in -2000..2000 {
            let x = step as f32 * 0.01;
            let (ours, library) = (f64::from(Number::tanh(x)), f64::from(x).tanh());
            assert!((ours - library).abs() <= 3e-7 * library.abs(), "{x}: {ours} {library}");
            let (ours, library) = (f64::from(x.sigmoid()), 1.0 / (1.0 + (-f64::from(x)).exp()));
            assert!((ours / library - 1.0).abs() < 1e-6, "{x}: {ours} {library}");
        }
        let a: Vec<f64> = (0..37).map(f64::from).collect();
        assert_eq!(sum(&a, &a, |a, b| a + b), 36.0 * 37.0);
        assert_eq!((largest(&a), largest(&[-1.0, -3.0])), (36.0, -1.0));
        assert_eq!(column_sums(&a[..6], 2), [6.0, 9.0]);
    }
}
