//! Convolutions of one square picture on plain slices, forwards and backwards: patches laid side by side as columns, a strip
//! of rows at a time so that they stay in the cache, and one matrix product.
//!
//! Pictures are `[channels, side, side]`, *padded*: with the convolution's zeros around them, `[channels, padded, padded]`.

use std::ops::Range;

use listener::real::{Real, View, product};

/// Numbers of a strip's columns, at most (but for one row).
const STRIP: usize = 1 << 18;

/// Sizes of a convolution without bias; weight `[outputs, inputs, taps, taps]`.
#[derive(Debug, Clone, Copy)]
pub struct Columns {
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// Side of the kernel.
    pub taps: usize,
    /// Pixels from one patch to the next.
    pub stride: usize,
    /// Zeros around a picture.
    pub padding: usize,
    /// Side of a picture that comes in.
    pub side: usize,
}

impl Columns {
    /// Side of a picture with its zeros.
    pub fn padded(&self) -> usize {
        self.side + 2 * self.padding
    }

    /// Side of what comes out; 0 for a picture smaller than the kernel.
    pub fn side_out(&self) -> usize {
        (self.padded() + self.stride).saturating_sub(self.taps) / self.stride
    }

    /// Numbers of a patch.
    pub fn patch(&self) -> usize {
        self.inputs * self.taps * self.taps
    }

    /// Numbers of a padded picture.
    pub fn numbers(&self) -> usize {
        self.inputs * self.padded() * self.padded()
    }

    /// Puts a picture into its zeros, each number through `of` (channel, place, number).
    pub fn pad<T: Real>(&self, picture: &[T], padded: &mut Vec<T>, of: impl Fn(usize, usize, T) -> T) {
        let (side, wide, p) = (self.side, self.padded(), self.padding);
        padded.clear();
        padded.resize(self.numbers(), T::ZERO);
        for channel in 0..self.inputs {
            for row in 0..side {
                let from = (channel * side + row) * side;
                let to = (channel * wide + row + p) * wide + p;
                let line = picture[from..from + side].iter().enumerate();
                for ((at, value), out) in line.zip(&mut padded[to..to + side]) {
                    *out = of(channel, from + at, *value);
                }
            }
        }
    }

    /// The inverse of [`Columns::pad`]: the picture without its zeros.
    pub fn unpad<T: Real>(&self, padded: &[T]) -> Vec<T> {
        let (side, wide, p) = (self.side, self.padded(), self.padding);
        let mut picture = Vec::with_capacity(self.inputs * side * side);
        for channel in 0..self.inputs {
            for row in 0..side {
                let from = (channel * wide + row + p) * wide + p;
                picture.extend_from_slice(&padded[from..from + side]);
            }
        }
        picture
    }

    /// Strips of rows of what comes out.
    fn strips(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let side = self.side_out();
        let rows = (STRIP / (self.patch() * side).max(1)).clamp(1, side.max(1));
        (0..side).step_by(rows).map(move |first| first..(first + rows).min(side))
    }

    /// Calls `of` with the place of each run of a strip's columns: where it begins among the columns, and where its first
    /// pixel lies.
    fn runs(&self, rows: &Range<usize>, mut of: impl FnMut(usize, usize)) {
        let (wide, out) = (self.padded(), self.side_out());
        let mut at = 0;
        for channel in 0..self.inputs {
            for down in 0..self.taps {
                for across in 0..self.taps {
                    for row in rows.clone() {
                        of(at, (channel * wide + row * self.stride + down) * wide + across);
                        at += out;
                    }
                }
            }
        }
    }

    /// The patches of some rows as `[patch, rows * side_out]`.
    fn gather<T: Real>(&self, padded: &[T], rows: &Range<usize>, columns: &mut Vec<T>) {
        let (out, stride) = (self.side_out(), self.stride);
        columns.resize(self.patch() * rows.len() * out, T::ZERO);
        self.runs(rows, |at, from| {
            let to = &mut columns[at..at + out];
            if stride == 1 {
                to.copy_from_slice(&padded[from..from + out]);
            } else {
                let line = padded[from..].iter().step_by(stride);
                to.iter_mut().zip(line).for_each(|(to, value)| *to = *value);
            }
        });
    }

    /// Convolves a padded picture into `out`, `[outputs, side_out, side_out]`.
    pub fn forward<T: Real>(&self, padded: &[T], weight: &[T], out: &mut [T], columns: &mut Vec<T>) {
        let side = self.side_out();
        for rows in self.strips() {
            self.gather(padded, &rows, columns);
            let count = rows.len() * side;
            product(
                &mut out[rows.start * side..],
                side * side,
                View::dense(weight, self.outputs, self.patch()),
                View::dense(columns, self.patch(), count),
                T::ONE,
                false,
            );
        }
    }

    /// Adds the gradient of the weight, and that of the padded picture where it is wanted, for a gradient `slope` of what
    /// came out.
    pub fn backward<T: Real>(
        &self,
        padded: &[T],
        weight: &[T],
        slope: &[T],
        of_weight: &mut [T],
        mut of_picture: Option<&mut [T]>,
        columns: &mut Vec<T>,
    ) {
        let (side, stride, patch) = (self.side_out(), self.stride, self.patch());
        for rows in self.strips() {
            self.gather(padded, &rows, columns);
            let count = rows.len() * side;
            let slope = View::strided(&slope[rows.start * side..], self.outputs, count, side * side);
            let patches = View::dense(columns, patch, count);
            product(of_weight, patch, slope, patches.transposed(), T::ONE, true);
            let Some(of_picture) = of_picture.as_deref_mut() else { continue };
            let weight = View::dense(weight, self.outputs, patch).transposed();
            product(columns, count, weight, slope, T::ONE, false);
            self.runs(&rows, |at, to| {
                let line = of_picture[to..].iter_mut().step_by(stride);
                line.zip(&columns[at..at + side]).for_each(|(to, value)| *to += *value);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor, Var};
    use clips::Chance;

    use super::*;
    use crate::pass::normal;

    fn flat(tensor: &Tensor) -> Vec<f64> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn near(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-10)
    }

    #[test]
    fn values_and_gradients_equal_the_library() {
        for (taps, stride, padding, side) in [(7, 2, 3, 20), (3, 2, 1, 9), (3, 1, 1, 7), (5, 3, 0, 11)] {
            let sizes = Columns { inputs: 3, outputs: 4, taps, stride, padding, side };
            let draw = |name, shape: &[usize]| {
                let drawn = normal(&mut Chance::new(1, name, &[taps as u64]), shape, DType::F64).unwrap();
                Var::from_tensor(&drawn).unwrap()
            };
            let (x, w) = (draw("x", &[1, 3, side, side]), draw("w", &[4, 3, taps, taps]));
            let y = x.conv2d(&w, padding, stride, 1, 1).unwrap();
            let out = sizes.side_out();
            assert_eq!(y.dims(), [1, 4, out, out]);
            let slope = normal(&mut Chance::new(2, "slope", &[]), y.dims(), DType::F64).unwrap();
            let store = (&y * &slope).unwrap().sum_all().unwrap().backward().unwrap();

            let (mut padded, mut columns) = (Vec::new(), Vec::new());
            sizes.pad(&flat(&x), &mut padded, |_, _, value| value);
            assert_eq!(sizes.unpad(&padded), flat(&x));
            let mut made = vec![0.0; 4 * out * out];
            sizes.forward(&padded, &flat(&w), &mut made, &mut columns);
            assert!(near(&made, &flat(&y)));
            let (mut of_weight, mut of_picture) = (vec![0.0; 4 * sizes.patch()], vec![0.0; padded.len()]);
            sizes.backward(
                &padded,
                &flat(&w),
                &flat(&slope),
                &mut of_weight,
                Some(&mut of_picture),
                &mut columns,
            );
            assert!(near(&of_weight, &flat(store.get(&w).unwrap())), "{taps} {stride}");
            assert!(near(&sizes.unpad(&of_picture), &flat(store.get(&x).unwrap())), "{taps} {stride}");
        }
    }

    #[test]
    fn a_picture_of_many_strips_is_the_same() {
        let sizes = Columns { inputs: 3, outputs: 2, taps: 7, stride: 1, padding: 3, side: 90 };
        assert!(sizes.strips().count() > 2);
        let picture: Vec<f64> = (0..3 * 90 * 90).map(|at| f64::from(at * 37 % 101)).collect();
        let weight: Vec<f64> = (0..2 * sizes.patch()).map(|at| f64::from(at as u32 % 7) - 3.0).collect();
        let (mut padded, mut columns, mut made) = (Vec::new(), Vec::new(), vec![0.0; 2 * 90 * 90]);
        sizes.pad(&picture, &mut padded, |_, _, value| value);
        sizes.forward(&padded, &weight, &mut made, &mut columns);
        let x = Tensor::from_vec(picture, (1, 3, 90, 90), &Device::Cpu).unwrap();
        let w = Tensor::from_vec(weight, (2, 3, 7, 7), &Device::Cpu).unwrap();
        assert!(near(&made, &flat(&x.conv2d(&w, 3, 1, 1, 1).unwrap())));
    }
}
