//! Softmax(scale q k^T + mask) v for several heads, as one operation: what every attention here ends in.
//!
//! Queries, keys and values are read where the linear layers left them, side by side, and their gradients are written there.
//! Scores are made some rows at a time and made again for the gradient, so that no table of all queries by all keys is
//! ever kept: the tape holds what came in and what went out.

use std::ops::Range;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};
use listener::real::{View, product};
use rayon::prelude::*;

use super::rows::{share, softmax};
use super::slices::{Loop, Number, by_element, ours, result, run, slice, sum, tensor, with};

/// Scores that are made at a time, at most (but for one row).
const BLOCK: usize = 1 << 15;

/// Where queries, keys and values come from.
#[derive(Debug, Clone)]
pub enum Read {
    /// All three side by side, `[B, T, 3d]`: attention of rows to each other.
    Themselves(Tensor),
    /// Queries `[B, T, d]`, and keys and values side by side, `[B, S, 2d]`.
    Memory(Tensor, Tensor),
}

/// Attention with the width cut into `heads`, `[B, T, d]`; `mask` is added to the scores, is `[T, S]` and has no gradient.
///
/// # Errors
/// When shapes do not fit.
pub fn attend(read: &Read, heads: usize, scale: f64, mask: Option<&Tensor>) -> Result<Tensor> {
    let (first, (batch, queries, width), keys) = match read {
        Read::Themselves(all) => {
            let (batch, length, wide) = all.dims3()?;
            (all, (batch, length, wide / 3), length)
        }
        Read::Memory(q, both) => {
            let (batch, keys, wide) = both.dims3()?;
            if q.dim(0)? != batch || q.dim(2)? * 2 != wide {
                candle_core::bail!("queries {:?} do not fit keys and values {:?}", q.dims(), both.dims());
            }
            (q, q.dims3()?, keys)
        }
    };
    if heads == 0 || !width.is_multiple_of(heads) || mask.is_some_and(|mask| mask.dims() != [queries, keys]) {
        candle_core::bail!(
            "{heads} heads and the mask do not fit {queries} x {width} queries of {keys} keys"
        );
    }
    if !ours(first) || first.elem_count() * keys == 0 {
        return attend_composed(read, heads, scale, mask);
    }
    let mask = mask.map(|mask| mask.detach().contiguous()).transpose()?;
    let op = Attend { sizes: Sizes { batch, queries, keys, heads, part: width / heads }, scale, mask };
    match read {
        Read::Themselves(all) => all.contiguous()?.apply_op1(op),
        Read::Memory(q, both) => q.contiguous()?.apply_op2(&both.contiguous()?, op),
    }
}

/// [`attend`] out of the library's operations.
///
/// # Errors
/// When shapes do not fit.
pub fn attend_composed(read: &Read, heads: usize, scale: f64, mask: Option<&Tensor>) -> Result<Tensor> {
    let (q, k, v) = match read {
        Read::Themselves(all) => {
            let width = all.dim(2)? / 3;
            let third = |index: usize| all.narrow(2, index * width, width);
            (third(0)?, third(1)?, third(2)?)
        }
        Read::Memory(q, both) => {
            let width = q.dim(2)?;
            (q.clone(), both.narrow(2, 0, width)?, both.narrow(2, width, width)?)
        }
    };
    let (batch, frames, width) = q.dims3()?;
    let split = |x: &Tensor| {
        let length = x.dim(1)?;
        x.reshape((batch, length, heads, width / heads))?.transpose(1, 2)?.contiguous()
    };
    let scores = (split(&q)? * scale)?.matmul(&split(&k)?.t()?)?;
    let scores = match mask {
        Some(mask) => scores.broadcast_add(mask)?,
        None => scores,
    };
    softmax(&scores)?.matmul(&split(&v)?)?.transpose(1, 2)?.reshape((batch, frames, width))
}

#[derive(Debug, Clone, Copy)]
struct Sizes {
    batch: usize,
    queries: usize,
    keys: usize,
    heads: usize,
    /// Width of a head.
    part: usize,
}

/// One of queries, keys and values: rows `stride` apart, the first number of the first head at `start`.
#[derive(Debug, Clone, Copy)]
struct Side<'a, T> {
    values: &'a [T],
    length: usize,
    stride: usize,
    start: usize,
}

impl<'a, T> Side<'a, T> {
    /// Some rows of one head of one item; units are heads of items.
    fn rows(&self, sizes: &Sizes, unit: usize, rows: Range<usize>) -> View<'a, T> {
        let (item, head) = (unit / sizes.heads, unit % sizes.heads);
        let from = (item * self.length + rows.start) * self.stride + self.start + head * sizes.part;
        View::strided(&self.values[from..], rows.len(), sizes.part, self.stride)
    }

    fn all(&self, sizes: &Sizes, unit: usize) -> View<'a, T> {
        self.rows(sizes, unit, 0..self.length)
    }
}

struct Attend {
    sizes: Sizes,
    scale: f64,
    mask: Option<Tensor>,
}

/// Turns rows of scores into shares, a mask added first.
struct MaskedShares;

impl<'a, T: Number> Loop<T, 0, (usize, Option<&'a [T]>)> for MaskedShares {
    #[inline(always)]
    fn run([]: [&[T]; 0], scores: &mut [T], (keys, mask): (usize, Option<&'a [T]>)) {
        if let Some(mask) = mask {
            scores.iter_mut().zip(mask).for_each(|(score, mask)| *score += *mask);
        }
        for row in scores.chunks_exact_mut(keys) {
            share(row);
        }
    }
}

/// Turns gradients of shares into those of scores.
struct ThroughShares;

impl<T: Number> Loop<T, 1, usize> for ThroughShares {
    #[inline(always)]
    fn run([shares]: [&[T]; 1], slopes: &mut [T], keys: usize) {
        for (shares, slopes) in shares.chunks_exact(keys).zip(slopes.chunks_exact_mut(keys)) {
            let dot = sum(shares, slopes, |share, slope| share * slope);
            shares.iter().zip(slopes).for_each(|(share, slope)| *slope = *share * (*slope - dot));
        }
    }
}

impl Attend {
    fn themselves<'a, T>(&self, all: &'a [T]) -> [Side<'a, T>; 3] {
        let (length, width) = (self.sizes.queries, self.sizes.heads * self.sizes.part);
        [0, 1, 2].map(|index| Side { values: all, length, stride: 3 * width, start: index * width })
    }

    fn memory<'a, T>(&self, q: &'a [T], both: &'a [T]) -> [Side<'a, T>; 3] {
        let (Sizes { queries, keys, .. }, width) = (self.sizes, self.sizes.heads * self.sizes.part);
        let side =
            |index: usize| Side { values: both, length: keys, stride: 2 * width, start: index * width };
        [Side { values: q, length: queries, stride: width, start: 0 }, side(0), side(1)]
    }

    /// Calls `of` with the numbers of the mask.
    fn masked<T: Number, R>(&self, of: impl FnOnce(Option<&[T]>) -> Result<R>) -> Result<R> {
        match &self.mask {
            Some(mask) => with::<T, _, 1>([mask], |[mask]| of(Some(mask))),
            None => of(None),
        }
    }

    /// Rows of queries, some at a time.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (queries, rows) = (self.sizes.queries, (BLOCK / self.sizes.keys).max(1));
        (0..queries).step_by(rows).map(move |first| first..(first + rows).min(queries))
    }

    /// What some queries of a unit read of each key, `[rows, keys]`.
    fn shares<T: Number>(
        &self,
        [q, k, _]: &[Side<'_, T>; 3],
        mask: Option<&[T]>,
        unit: usize,
        rows: &Range<usize>,
        out: &mut Vec<T>,
    ) {
        let (sizes, keys) = (&self.sizes, self.sizes.keys);
        out.resize(rows.len() * keys, T::ZERO);
        let q = q.rows(sizes, unit, rows.clone());
        product(out, keys, q, k.all(sizes, unit).transposed(), T::of(self.scale), false);
        let mask = mask.map(|mask| &mask[rows.start * keys..rows.end * keys]);
        run(MaskedShares, [], out, (keys, mask));
    }

    /// Units that one thread takes at least.
    fn few(&self) -> usize {
        let Sizes { queries, keys, part, .. } = self.sizes;
        (BLOCK / (queries * keys * part)).max(1)
    }

    fn forward<T: Number>(&self, sides: &[Side<'_, T>; 3], mask: Option<&[T]>) -> Vec<T> {
        let Sizes { batch, queries, heads, part, .. } = self.sizes;
        let mut units = vec![T::ZERO; batch * heads * queries * part];
        let each = units.par_chunks_mut(queries * part).with_min_len(self.few()).enumerate();
        each.for_each_init(Vec::new, |shares, (unit, out)| {
            for rows in self.blocks() {
                self.shares(sides, mask, unit, &rows, shares);
                let shares = View::dense(shares, rows.len(), self.sizes.keys);
                let v = sides[2].all(&self.sizes, unit);
                product(&mut out[rows.start * part..], part, shares, v, T::ONE, false);
            }
        });
        let mut out = vec![T::ZERO; units.len()];
        beside(&units, queries * part, 0, queries, &self.sizes, &mut out, heads * part, 0);
        out
    }

    /// For each unit the gradients of its queries, keys and values, one after the other.
    fn backward<T: Number>(&self, sides: &[Side<'_, T>; 3], mask: Option<&[T]>, g: &[T]) -> Vec<T> {
        let (sizes, Sizes { batch, queries, keys, heads, part }) = (&self.sizes, self.sizes);
        let g = Side { values: g, length: queries, stride: heads * part, start: 0 };
        let mut units = vec![T::ZERO; batch * heads * (queries + 2 * keys) * part];
        let each = units.par_chunks_mut((queries + 2 * keys) * part).with_min_len(self.few()).enumerate();
        each.for_each_init(<(Vec<T>, Vec<T>)>::default, |(shares, slopes), (unit, out)| {
            let (of_q, rest) = out.split_at_mut(queries * part);
            let (of_k, of_v) = rest.split_at_mut(keys * part);
            let (k, v) = (sides[1].all(sizes, unit), sides[2].all(sizes, unit));
            let scale = T::of(self.scale);
            for rows in self.blocks() {
                self.shares(sides, mask, unit, &rows, shares);
                slopes.resize(rows.len() * keys, T::ZERO);
                let (g, q) = (g.rows(sizes, unit, rows.clone()), sides[0].rows(sizes, unit, rows.clone()));
                let read = View::dense(shares, rows.len(), keys);
                product(of_v, part, read.transposed(), g, T::ONE, true);
                product(slopes, keys, g, v.transposed(), T::ONE, false);
                run(ThroughShares, [shares], slopes, keys);
                let slopes = View::dense(slopes, rows.len(), keys);
                product(&mut of_q[rows.start * part..], part, slopes, k, scale, false);
                product(of_k, part, slopes.transposed(), q, scale, true);
            }
        });
        units
    }
}

/// Lays the heads' rows beside each other: of units of `unit` numbers those from `from` on, `length` rows each, into rows of
/// `stride` from column `start` on.
fn beside<T: Copy>(
    units: &[T],
    unit: usize,
    from: usize,
    length: usize,
    sizes: &Sizes,
    out: &mut [T],
    stride: usize,
    start: usize,
) {
    for (index, unit) in units.chunks_exact(unit).enumerate() {
        let (item, head) = (index / sizes.heads, index % sizes.heads);
        for (row, numbers) in unit[from..from + length * sizes.part].chunks_exact(sizes.part).enumerate() {
            let at = (item * length + row) * stride + start + head * sizes.part;
            out[at..at + sizes.part].copy_from_slice(numbers);
        }
    }
}

impl CustomOp1 for Attend {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(&self, all: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Sizes { batch, queries, heads, part, .. } = self.sizes;
        by_element!(all.dtype(), T => {
            let sides = self.themselves(slice::<T>(all, layout)?);
            let made = self.masked(|mask| Ok(self.forward(&sides, mask)))?;
            result(made, (batch, queries, heads * part))
        })
    }

    fn bwd(&self, all: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let (sizes, Sizes { queries, heads, part, .. }) = (&self.sizes, self.sizes);
        let g = gradient.contiguous()?;
        by_element!(all.dtype(), T => with::<T, _, 2>([all, &g], |[values, g]| {
            let units = self.masked(|mask| Ok(self.backward(&self.themselves(values), mask, g)))?;
            let mut out = vec![0.0; values.len()];
            for index in 0..3 {
                let (unit, width) = (queries * part, heads * part);
                beside(&units, 3 * unit, index * unit, queries, sizes, &mut out, 3 * width, index * width);
            }
            tensor(out, all.shape()).map(Some)
        }))
    }
}

impl CustomOp2 for Attend {
    fn name(&self) -> &'static str {
        "attention to a memory"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        lq: &Layout,
        both: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        by_element!(q.dtype(), T => {
            let sides = self.memory(slice::<T>(q, lq)?, slice::<T>(both, lb)?);
            let made = self.masked(|mask| Ok(self.forward(&sides, mask)))?;
            result(made, lq.shape().clone())
        })
    }

    fn bwd(
        &self,
        q: &Tensor,
        both: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (sizes, Sizes { queries, keys, heads, part, .. }) = (&self.sizes, self.sizes);
        let g = gradient.contiguous()?;
        by_element!(q.dtype(), T => with::<T, _, 3>([q, both, &g], |[values, kept, g]| {
            let units = self.masked(|mask| Ok(self.backward(&self.memory(values, kept), mask, g)))?;
            let (unit, width) = ((queries + 2 * keys) * part, heads * part);
            let (mut of_q, mut of_both) = (vec![0.0; values.len()], vec![0.0; kept.len()]);
            beside(&units, unit, 0, queries, sizes, &mut of_q, width, 0);
            for index in 0..2 {
                let from = (queries + index * keys) * part;
                beside(&units, unit, from, keys, sizes, &mut of_both, 2 * width, index * width);
            }
            Ok((Some(tensor(of_q, q.shape())?), Some(tensor(of_both, both.shape())?)))
        }))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::layers::transformer::causal_mask;
    use crate::layers::twins::{assert_same, assert_slopes, draw};

    #[test]
    fn the_single_operation_equals_the_composed_one() {
        for element in [DType::F32, DType::F64] {
            // the second is long enough to be made in several blocks
            for (length, keys) in [(5, 7), (260, 201)] {
                let mask = causal_mask(length, element, &Device::Cpu).unwrap();
                let all = [draw("all", &[2, length, 24], element)];
                for mask in [None, Some(&mask)] {
                    let read = |x: &[Tensor]| Read::Themselves(x[0].clone());
                    assert_same(&all, &|x| attend(&read(x), 2, 0.3, mask), &|x| {
                        attend_composed(&read(x), 2, 0.3, mask)
                    });
                }
                let both = [draw("q", &[2, length, 8], element), draw("kv", &[2, keys, 16], element)];
                let read = |x: &[Tensor]| Read::Memory(x[0].clone(), x[1].clone());
                assert_same(&both, &|x| attend(&read(x), 4, 0.7, None), &|x| {
                    attend_composed(&read(x), 4, 0.7, None)
                });
            }
        }
    }

    #[test]
    fn gradients_equal_differences() {
        let mask = causal_mask(4, DType::F64, &Device::Cpu).unwrap();
        let all = [draw("all", &[2, 4, 12], DType::F64)];
        assert_slopes(&all, &|x| attend(&Read::Themselves(x[0].clone()), 2, 0.6, Some(&mask)));
        let both = [draw("q", &[2, 3, 4], DType::F64), draw("kv", &[2, 5, 8], DType::F64)];
        assert_slopes(&both, &|x| attend(&Read::Memory(x[0].clone(), x[1].clone()), 2, 0.6, None));
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let draw = |name, shape: &[usize]| draw(name, shape, DType::F32).as_tensor().clone();
        let read = Read::Memory(draw("q", &[2, 3, 4]), draw("kv", &[1, 5, 8]));
        assert!(attend(&read, 2, 1.0, None).is_err());
        let read = Read::Themselves(draw("all", &[2, 3, 12]));
        assert!(attend(&read, 3, 1.0, None).is_err());
        assert!(attend(&read, 2, 1.0, Some(&draw("mask", &[3, 4]))).is_err());
    }
}
