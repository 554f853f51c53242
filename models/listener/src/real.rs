//! Arithmetic the network runs on: `f32` for work, `f64` for checking gradients by finite differences.
//!
//! Matrix products go to the `gemm` crate on the calling thread (parallelism is over clips and reactions, where
//! it is free of overhead and does not change a single bit). The exponential is our own: it vectorises, and gives
//! the same bits on every machine.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

/// A floating point type.
pub trait Real:
    Copy
    + Debug
    + Default
    + Send
    + Sync
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Rounds from `f64`.
    fn of(value: f64) -> Self;
    /// Widens to `f64`.
    fn wide(self) -> f64;
    /// e to the power of the value.
    fn exp(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// `product` on so many threads; see there.
    fn multiply(
        out: &mut [Self],
        out_stride: usize,
        left: View<'_, Self>,
        right: View<'_, Self>,
        scale: Self,
        add: bool,
        threads: usize,
    );

    /// The larger one.
    fn larger(self, other: Self) -> Self {
        if other > self { other } else { self }
    }
}

/// A strided matrix in a slice.
#[derive(Debug, Clone, Copy)]
pub struct View<'a, T> {
    data: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T> View<'a, T> {
    /// `rows` x `columns`, rows `stride` apart.
    pub fn strided(data: &'a [T], rows: usize, columns: usize, stride: usize) -> Self {
        Self { data, rows, columns, row_stride: stride, column_stride: 1 }
    }

    /// `rows` x `columns`, rows one after the other.
    pub fn dense(data: &'a [T], rows: usize, columns: usize) -> Self {
        Self::strided(data, rows, columns, columns)
    }

    /// The transpose of the same memory.
    pub fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    fn fits(&self) -> bool {
        self.rows > 0
            && self.columns > 0
            && (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride < self.data.len()
    }
}

/// `out = scale * left * right`, or `out += ...` with `add`. `out` has `left.rows` rows of `right.columns` values,
/// `out_stride` apart.
///
/// # Panics
/// When the shapes do not fit; they are decided by the network's own sizes, never by input.
pub fn product<T: Real>(
    out: &mut [T],
    out_stride: usize,
    left: View<'_, T>,
    right: View<'_, T>,
    scale: T,
    add: bool,
) {
    product_on(1, out, out_stride, left, right, scale, add);
}

/// [`product`] on so many threads of the pool, where it is large enough for them. The bits are the same.
///
/// # Panics
/// As [`product`].
pub fn product_on<T: Real>(
    threads: usize,
    out: &mut [T],
    out_stride: usize,
    left: View<'_, T>,
    right: View<'_, T>,
    scale: T,
    add: bool,
) {
    assert_eq!(left.columns, right.rows, "inner sizes differ");
    if left.rows == 0 || right.columns == 0 {
        return;
    }
    assert!(left.fits() && right.fits(), "a matrix reaches beyond its slice");
    assert!((left.rows - 1) * out_stride + right.columns <= out.len(), "the result reaches beyond its slice");
    assert!(out_stride >= right.columns, "rows of the result overlap");
    T::multiply(out, out_stride, left, right, scale, add, threads);
}

macro_rules! multiply {
    () => {
        #[expect(unsafe_code, reason = "gemm's interface is pointers; `product_on` has checked every extent")]
        fn multiply(
            out: &mut [Self],
            out_stride: usize,
            left: View<'_, Self>,
            right: View<'_, Self>,
            scale: Self,
            add: bool,
            threads: usize,
        ) {
            // SAFETY: the only caller, `product_on`, asserts that all three matrices lie within their slices.
            unsafe {
                gemm::gemm(
                    left.rows,
                    right.columns,
                    left.columns,
                    out.as_mut_ptr(),
                    1,
                    out_stride as isize,
                    add,
                    left.data.as_ptr(),
                    left.column_stride as isize,
                    left.row_stride as isize,
                    right.data.as_ptr(),
                    right.column_stride as isize,
                    right.row_stride as isize,
                    1.0,
                    scale,
                    false,
                    false,
                    false,
                    match threads {
                        0 | 1 => gemm::Parallelism::None,
                        many => gemm::Parallelism::Rayon(many),
                    },
                );
            }
        }
    };
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    fn of(value: f64) -> Self {
        value as Self
    }

    fn wide(self) -> f64 {
        f64::from(self)
    }

    #[inline]
    fn exp(self) -> Self {
        exp(self)
    }

    fn sqrt(self) -> Self {
        self.sqrt()
    }

    multiply!();
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    fn of(value: f64) -> Self {
        value
    }

    fn wide(self) -> f64 {
        self
    }

    fn exp(self) -> Self {
        self.exp()
    }

    fn sqrt(self) -> Self {
        self.sqrt()
    }

    multiply!();
}

/// Runs `work` compiled for the widest vectors of this processor. Its `call`, and all that it calls, must be
/// `inline(always)`: what is not inlined is compiled for the least processor, where a `mul_add` is a slow function. Sums in
/// lanes are written out and multiply-adds are `mul_add`, so every processor computes the same bits.
#[inline(always)]
pub fn vectorised<W: pulp::NullaryFnOnce>(work: W) -> W::Output {
    pulp::Arch::new().dispatch(work)
}

/// e^x to 2 units in the last place for -87 <= x <= 88, clamped outside; branch-free, so that loops over it
/// vectorise. Range reduction to +-ln(2)/2 and the degree-5 polynomial of the Cephes library.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_6e-1;
    p = p * r + 0.5;
    let value = p * r * r + r + 1.0;
    let power = f32::from_bits((shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127)) << 23);
    value * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_agrees_with_the_library() {
        for step in -8700..8800 {
            let x = step as f32 * 0.01;
            let (ours, library) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((ours / library - 1.0).abs() < 4e-7, "{x}: {ours} {library}");
        }
        assert!(exp(-1e9) < 1e-37 && exp(1e9).is_finite());
    }

    #[test]
    fn products_of_views_agree_with_the_definition() {
        let left: Vec<f64> = (0..12).map(f64::from).collect();
        let right: Vec<f64> = (0..20).map(|x| f64::from(x) * 0.5 - 3.0).collect();
        let mut out = vec![1.0; 3 * 6];
        product(
            &mut out,
            6,
            View::dense(&left, 4, 3).transposed(),
            View::strided(&right, 4, 5, 5),
            2.0,
            true,
        );
        for i in 0..3 {
            for j in 0..5 {
                let expected: f64 =
                    1.0 + 2.0 * (0..4).map(|k| left[k * 3 + i] * right[k * 5 + j]).sum::<f64>();
                assert!((out[i * 6 + j] - expected).abs() < 1e-12);
            }
            assert_eq!(out[i * 6 + 5], 1.0, "padding is untouched");
        }
    }
}
