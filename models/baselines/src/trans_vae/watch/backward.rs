//! Gradients of the pictures' way through the video encoder: from tokens back to the weights, prefix by prefix.

use rayon::prelude::*;

use listener::real::Real;

use super::{First, GROUP, Norm, Prefix, Scratch, Sizes, Sums, total};
use crate::pictures::Prepared;

/// Gradients that reach the first convolution of each picture: of the pooled numbers, and shift and factor of each channel.
pub(super) struct Toward<T> {
    pub pooled: Vec<Vec<T>>,
    pub shift: Vec<Vec<T>>,
    pub factor: Vec<Vec<T>>,
}

impl Sizes {
    /// From the gradient of what ReLU makes of normed pictures to that of the pictures before their norm.
    fn through_norm<T: Real>(raw: &[Vec<T>], norm: &Norm<T>, slopes: &mut [Vec<T>]) {
        let channels = norm.mean.len();
        let each: Vec<Sums> =
            slopes.par_iter_mut().zip(raw).map(|(slope, raw)| masked(slope, raw, norm)).collect();
        let all = total(each.iter(), channels);
        let count = raw.iter().map(Vec::len).sum::<usize>() as f64 / channels as f64;
        slopes.par_iter_mut().zip(raw).for_each(|(slope, raw)| {
            let part = slope.len() / channels;
            let planes = slope.chunks_exact_mut(part).zip(raw.chunks_exact(part));
            for (channel, (slope, raw)) in planes.enumerate() {
                let [a, b] = all[channel].map(|sum| T::of(sum / count));
                for (slope, x) in slope.iter_mut().zip(raw) {
                    *slope = norm.scale[channel] * (*slope - a - norm.at(channel, *x) * b);
                }
            }
        });
    }

    /// From the gradient of what a convolution makes to that of what it reads; that of its weight is added to `of_weight`.
    fn through_layer<T: Real>(
        &self,
        index: usize,
        weights: &[T],
        slopes: &[Vec<T>],
        of_weights: &mut [T],
        read: impl Fn(usize, &mut Vec<T>) + Sync,
    ) -> Vec<Vec<T>> {
        let (layer, part) = (&self.layers[index], self.parts()[index].clone());
        let weight = &weights[part.clone()];
        let groups: Vec<(Vec<Vec<T>>, Vec<T>)> = slopes
            .par_chunks(GROUP)
            .enumerate()
            .map(|(group, slopes)| {
                let mut scratch = Scratch::default();
                let mut of_weight = vec![T::ZERO; weight.len()];
                let of_pictures = slopes.iter().enumerate().map(|(at, slope)| {
                    read(group * GROUP + at, &mut scratch.padded);
                    scratch.more.clear();
                    scratch.more.resize(layer.numbers(), T::ZERO);
                    let (padded, columns) = (&scratch.padded, &mut scratch.columns);
                    let of_picture = Some(&mut scratch.more[..]);
                    layer.backward(padded, weight, slope, &mut of_weight, of_picture, columns);
                    layer.unpad(&scratch.more)
                });
                (of_pictures.collect(), of_weight)
            })
            .collect();
        let mut all = Vec::with_capacity(slopes.len());
        for (of_pictures, of_weight) in groups {
            all.extend(of_pictures);
            of_weights[part.clone()].iter_mut().zip(of_weight).for_each(|(sum, more)| *sum += more);
        }
        all
    }

    /// From the gradient of the tokens of a prefix, `[end, d]`, to those of weights 2 to 5 and of the first convolution.
    pub(super) fn back<T: Real>(
        &self,
        weights: &[T],
        first: &[First<T>],
        prefix: &Prefix<T>,
        of_tokens: &[T],
        of_weights: &mut [T],
        toward: &mut Toward<T>,
    ) {
        let (norms, raw) = (&prefix.norms, &prefix.raw);
        let area = self.layers[4].side_out() * self.layers[4].side_out();
        let spread = |token: &[T]| -> Vec<T> {
            token.iter().flat_map(|slope| std::iter::repeat_n(*slope / T::of(area as f64), area)).collect()
        };
        let mut slopes: Vec<Vec<T>> = of_tokens.chunks_exact(self.width()).map(spread).collect();
        let mut beside: Vec<Vec<T>> = Vec::new();
        for index in (1..5).rev() {
            Self::through_norm(&raw[index - 1], &norms[index], &mut slopes);
            let read = |frame: usize, padded: &mut Vec<T>| self.read(index, frame, first, prefix, padded);
            slopes = self.through_layer(index, weights, &slopes, of_weights, read);
            match index {
                // the sum that convolution 5 reads has convolution 3's result in it, too
                4 => beside.clone_from(&slopes),
                3 => slopes.iter_mut().zip(&beside).for_each(|(slopes, beside)| {
                    slopes.iter_mut().zip(beside).for_each(|(slope, more)| *slope += *more);
                }),
                _ => {}
            }
        }
        // the first norm: its gradient is dense where the maximum's is not
        let (norm, channels) = (&norms[0], self.layers[0].outputs);
        let each: Vec<Sums> = slopes
            .par_iter_mut()
            .zip(first)
            .map(|(slope, first)| masked(slope, &first.pooled, norm))
            .collect();
        let all = total(each.iter(), channels);
        let side = self.layers[0].side_out();
        let count = (prefix.end * side * side) as f64;
        for (frame, slopes) in slopes.into_iter().enumerate() {
            let part = slopes.len() / channels;
            let sparse = toward.pooled[frame].chunks_exact_mut(part).zip(slopes.chunks_exact(part));
            for (channel, (to, slopes)) in sparse.enumerate() {
                let scale = norm.scale[channel];
                to.iter_mut().zip(slopes).for_each(|(to, slope)| *to += scale * *slope);
                let [a, b] = all[channel].map(|sum| T::of(sum / count));
                toward.shift[frame][channel] += scale * (norm.mean[channel] * scale * b - a);
                toward.factor[frame][channel] -= scale * scale * b;
            }
        }
    }

    /// The gradient of the first weight, from what reaches the first convolution of each picture.
    pub(super) fn back_first<T: Real>(
        &self,
        weights: &[T],
        table: &[T; 256],
        pictures: &[Prepared],
        first: &[First<T>],
        toward: &Toward<T>,
        of_weights: &mut [T],
    ) {
        let (layer, part) = (&self.layers[0], self.parts()[0].clone());
        let (side, pooled_side) = (layer.side_out(), self.layers[1].side);
        let weight = &weights[part.clone()];
        let frames: Vec<usize> = (0..pictures.len()).collect();
        let groups: Vec<Vec<T>> = frames
            .par_chunks(GROUP)
            .map(|group| {
                let (mut scratch, mut of_weight) = (Scratch::default(), vec![T::ZERO; weight.len()]);
                for frame in group {
                    self.enter(&pictures[*frame], table, &mut scratch.padded);
                    let slope = &mut scratch.more;
                    slope.resize(layer.outputs * side * side, T::ZERO);
                    layer.forward(&scratch.padded, weight, slope, &mut scratch.columns);
                    for (channel, plane) in slope.chunks_exact_mut(side * side).enumerate() {
                        let (shift, factor) = (toward.shift[*frame][channel], toward.factor[*frame][channel]);
                        plane.iter_mut().for_each(|x| *x = shift + factor * *x);
                        let area = pooled_side * pooled_side;
                        let own = channel * area..(channel + 1) * area;
                        let sparse =
                            toward.pooled[*frame][own.clone()].iter().zip(&first[*frame].places[own]);
                        for (at, (more, place)) in sparse.enumerate() {
                            let (row, column, place) =
                                (at / pooled_side, at % pooled_side, usize::from(*place));
                            plane[(2 * row + place / 3) * side + 2 * column + place % 3] += *more;
                        }
                    }
                    let (padded, columns) = (&scratch.padded, &mut scratch.columns);
                    layer.backward(padded, weight, &scratch.more, &mut of_weight, None, columns);
                }
                of_weight
            })
            .collect();
        for of_weight in groups {
            of_weights[part.clone()].iter_mut().zip(of_weight).for_each(|(sum, more)| *sum += more);
        }
    }
}

/// Sets a gradient to 0 where ReLU was closed; sums of it, and of it times the normed number, by channel.
fn masked<T: Real>(slope: &mut [T], raw: &[T], norm: &Norm<T>) -> Sums {
    let part = slope.len() / norm.mean.len();
    let planes = slope.chunks_exact_mut(part).zip(raw.chunks_exact(part)).enumerate();
    planes
        .map(|(channel, (slope, raw))| {
            let mut sums = [0.0; 2];
            for (slope, x) in slope.iter_mut().zip(raw) {
                let normed = norm.at(channel, *x);
                if normed > T::ZERO {
                    sums = [sums[0] + slope.wide(), sums[1] + slope.wide() * normed.wide()];
                } else {
                    *slope = T::ZERO;
                }
            }
            sums
        })
        .collect()
}
