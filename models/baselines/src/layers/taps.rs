//! A convolution of signals and its gradients as one operation: taps laid side by side as columns, some items at a time so
//! that they stay bounded, and one matrix product. Ends are laid on as columns are cut, not as a tensor of their own.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use listener::real::{View, product};
use rayon::prelude::*;

use super::slices::{self, Number, by_element, result, slice, tensor, with};

/// Numbers of columns at a time, at most (but for one item).
const STRIP: usize = 1 << 20;

/// What lies beyond the ends of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// Zeros.
    Zeros,
    /// The first and last value again.
    Edge,
}

/// How a convolution is laid over a signal.
#[derive(Debug, Clone, Copy)]
pub struct Taps {
    /// Samples from one position to the next.
    pub stride: usize,
    /// Samples laid on before the first and behind the last.
    pub padding: (usize, usize),
    /// What they are.
    pub beyond: Beyond,
}

/// Sizes of one convolution.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    outputs: usize,
    inputs: usize,
    taps: usize,
    length: usize,
    count: usize,
}

impl Sizes {
    fn patch(&self) -> usize {
        self.inputs * self.taps
    }

    /// Items whose columns are made at a time.
    fn items(&self) -> usize {
        (STRIP / (self.patch() * self.count).max(1)).max(1)
    }
}

impl Taps {
    /// Convolves `[B, inputs, L]` with a weight `[outputs, inputs, taps]` and a bias `[outputs]` into
    /// `[B, outputs, (L + padding - taps) / stride + 1]`.
    ///
    /// # Errors
    /// When the channels are others or the signal is shorter than the taps.
    pub fn convolve(self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
        self.sizes(x.dims(), weight.dims())?;
        x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, self)
    }

    fn sizes(&self, x: &[usize], weight: &[usize]) -> Result<Sizes> {
        let (&[_, channels, length], &[outputs, inputs, taps]) = (x, weight) else {
            candle_core::bail!(
                "a convolution takes [B, C, L] and [outputs, C, taps], not {x:?} and {weight:?}"
            );
        };
        let padded = length + self.padding.0 + self.padding.1;
        if padded < taps || channels != inputs || length == 0 {
            candle_core::bail!(
                "a signal {x:?} is shorter than its taps or of other channels than {weight:?}"
            );
        }
        Ok(Sizes { outputs, inputs, taps, length, count: (padded - taps) / self.stride + 1 })
    }

    /// The sample that a tap sees at a position; none for a zero beyond the ends.
    fn place(&self, sizes: &Sizes, tap: usize, position: usize) -> Option<usize> {
        let at = (position * self.stride + tap).checked_sub(self.padding.0);
        match (at, self.beyond) {
            (Some(at), _) if at < sizes.length => Some(at),
            (_, Beyond::Zeros) => None,
            (Some(_), Beyond::Edge) => Some(sizes.length - 1),
            (None, Beyond::Edge) => Some(0),
        }
    }

    /// The samples of some items `[n, inputs, L]` as `[inputs taps, n count]`.
    fn gather<T: Number>(&self, sizes: &Sizes, x: &[T], columns: &mut Vec<T>) {
        let Sizes { inputs, taps, length, count, .. } = *sizes;
        let items = x.len() / (inputs * length);
        columns.resize(sizes.patch() * items * count, T::ZERO);
        let places: Vec<Vec<Option<usize>>> = (0..taps)
            .map(|tap| (0..count).map(|position| self.place(sizes, tap, position)).collect())
            .collect();
        let mut runs = columns.chunks_exact_mut(count);
        for channel in 0..inputs {
            for places in &places {
                for item in 0..items {
                    let x = &x[(item * inputs + channel) * length..][..length];
                    let Some(run) = runs.next() else { return };
                    for (out, place) in run.iter_mut().zip(places) {
                        *out = place.map_or(T::ZERO, |place| x[place]);
                    }
                }
            }
        }
    }

    /// Adds columns back to where [`Taps::gather`] took them.
    fn scatter<T: Number>(&self, sizes: &Sizes, columns: &[T], x: &mut [T]) {
        let Sizes { inputs, taps, length, count, .. } = *sizes;
        let items = x.len() / (inputs * length);
        let mut runs = columns.chunks_exact(count);
        for channel in 0..inputs {
            for tap in 0..taps {
                for item in 0..items {
                    let x = &mut x[(item * inputs + channel) * length..][..length];
                    let Some(run) = runs.next() else { return };
                    for (position, slope) in run.iter().enumerate() {
                        if let Some(place) = self.place(sizes, tap, position) {
                            x[place] += *slope;
                        }
                    }
                }
            }
        }
    }

    fn forward<T: Number>(&self, sizes: &Sizes, x: &[T], weight: &[T], bias: &[T]) -> Vec<T> {
        let Sizes { outputs, inputs, length, count, .. } = *sizes;
        let (batch, items) = (x.len() / (inputs * length), sizes.items());
        let mut out = vec![T::ZERO; batch * outputs * count];
        let strips = out.par_chunks_mut(items * outputs * count).zip(x.par_chunks(items * inputs * length));
        strips.for_each_init(<(Vec<T>, Vec<T>)>::default, |(columns, made), (out, x)| {
            self.gather(sizes, x, columns);
            let wide = out.len() / outputs;
            made.clear();
            made.resize(out.len(), T::ZERO);
            let columns = View::dense(columns, sizes.patch(), wide);
            product(made, wide, View::dense(weight, outputs, sizes.patch()), columns, T::ONE, false);
            for (index, out) in out.chunks_exact_mut(count).enumerate() {
                let (item, output) = (index / outputs, index % outputs);
                let made = &made[output * wide + item * count..];
                out.iter_mut().zip(made).for_each(|(out, made)| *out = *made + bias[output]);
            }
        });
        out
    }

    /// Gradients of x, weight and bias; none of x where it is not `wanted`.
    fn backward<T: Number>(
        &self,
        sizes: &Sizes,
        x: &[T],
        weight: &[T],
        g: &[T],
        wanted: bool,
    ) -> (Option<Vec<T>>, Vec<T>, Vec<T>) {
        let Sizes { outputs, inputs, length, count, .. } = *sizes;
        let (items, patch) = (sizes.items(), sizes.patch());
        let mut of_x = wanted.then(|| vec![T::ZERO; x.len()]);
        let (mut of_weight, mut of_bias) = (vec![T::ZERO; weight.len()], vec![T::ZERO; outputs]);
        let (mut columns, mut turned) = (Vec::new(), Vec::new());
        for (strip, (x, g)) in
            x.chunks(items * inputs * length).zip(g.chunks(items * outputs * count)).enumerate()
        {
            let wide = g.len() / outputs;
            turned.resize(g.len(), T::ZERO);
            for (index, g) in g.chunks_exact(count).enumerate() {
                let (item, output) = (index / outputs, index % outputs);
                turned[output * wide + item * count..][..count].copy_from_slice(g);
                g.iter().for_each(|g| of_bias[output] += *g);
            }
            self.gather(sizes, x, &mut columns);
            let slopes = View::dense(&turned, outputs, wide);
            let cut = View::dense(&columns, patch, wide);
            slices::product(&mut of_weight, patch, slopes, cut.transposed(), T::ONE, true);
            if let Some(of_x) = &mut of_x {
                let weight = View::dense(weight, outputs, patch);
                slices::product(&mut columns, wide, weight.transposed(), slopes, T::ONE, false);
                self.scatter(sizes, &columns, &mut of_x[strip * items * inputs * length..][..x.len()]);
            }
        }
        (of_x, of_weight, of_bias)
    }
}

impl CustomOp3 for Taps {
    fn name(&self) -> &'static str {
        "convolution of a signal"
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
        let sizes = self.sizes(lx.dims(), lw.dims())?;
        by_element!(x.dtype(), T => {
            let made = self.forward::<T>(&sizes, slice(x, lx)?, slice(weight, lw)?, slice(bias, lb)?);
            result(made, (lx.dims()[0], sizes.outputs, sizes.count))
        })
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (g, sizes) = (gradient.contiguous()?, self.sizes(x.dims(), weight.dims())?);
        by_element!(x.dtype(), T => with::<T, _, 3>([x, weight, &g], |[values, factors, slopes]| {
            let (of_x, of_weight, of_bias) = self.backward(&sizes, values, factors, slopes, x.track_op());
            Ok((
                of_x.map(|of_x| tensor(of_x, x.shape())).transpose()?,
                Some(tensor(of_weight, weight.shape())?),
                Some(tensor(of_bias, bias.shape())?),
            ))
        }))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::layers::twins::{assert_slopes, draw};

    #[test]
    fn many_items_are_the_same_as_each_by_itself() {
        let taps = Taps { stride: 1, padding: (2, 2), beyond: Beyond::Edge };
        let [x, w, b] = [&[5, 90, 1200][..], &[2, 90, 5], &[2]].map(|shape| draw("taps", shape, DType::F32));
        let all = taps.convolve(&x, &w, &b).unwrap();
        assert!(taps.sizes(x.dims(), w.dims()).unwrap().items() < 5);
        for item in 0..5 {
            let one = taps.convolve(&x.narrow(0, item, 1).unwrap(), &w, &b).unwrap();
            let off = (one - all.narrow(0, item, 1).unwrap()).unwrap().abs().unwrap().max_all().unwrap();
            assert!(off.to_scalar::<f32>().unwrap() < 1e-4);
        }
    }

    #[test]
    fn gradients_equal_differences() {
        for (stride, padding, beyond) in
            [(1, (2, 2), Beyond::Edge), (2, (2, 1), Beyond::Zeros), (2, (2, 2), Beyond::Edge)]
        {
            let taps = Taps { stride, padding, beyond };
            let inputs = [&[2, 3, 7][..], &[4, 3, 5], &[4]].map(|shape| draw("taps", shape, DType::F64));
            assert_slopes(&inputs, &|x| taps.convolve(&x[0], &x[1], &x[2]));
        }
    }
}
