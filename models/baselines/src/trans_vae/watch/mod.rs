//! The video encoder of Trans-VAE (`video.rs`) on pictures instead of tensors of video: the same numbers and gradients, a picture
//! at a time, so that memory does not hold a clip at every size that the network makes of it.
//!
//! The convolutions are of single pictures; only the norms look over all of them. So each layer is two passes: convolve every
//! picture and add up sums, then go on with what the sums make of it. Behind the first norm come ReLU and a maximum, and both
//! rise with their argument: the maximum is taken first, and a quarter of the numbers is kept. A picture costs
//! 0.3 MB (width 32) to 1.2 MB (official) while a step is computed, instead of 15 to 30 on the tape.
//!
//! Windows of an online network see 1, 2, 3 ... windows of pictures, each under norms of its own; the first convolution, half of the
//! work before the norms, is shared. Sums are added in the order of pictures: the bits do not depend on threads.

mod backward;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor, bail};
use listener::real::Real;
use rayon::prelude::*;

use backward::Toward;

use crate::layers::columns::Columns;
use crate::pictures::{Prepared, number};

const EPSILON: f64 = 1e-5;
/// Pictures whose gradients of weights are added up before they meet those of others.
const GROUP: usize = 8;
/// Pictures that are fetched before they are convolved.
const FETCHED: usize = 16;

/// Sizes of the five convolutions.
#[derive(Debug, Clone)]
pub struct Sizes {
    layers: [Columns; 5],
}

/// Sum and sum of squares of each channel of a picture.
type Sums = Vec<[f64; 2]>;

/// Mean and 1 / deviation of each channel.
#[derive(Debug, Default)]
struct Norm<T> {
    mean: Vec<T>,
    scale: Vec<T>,
}

/// What the first convolution makes of a picture: the greatest number of each 3 by 3, where it lay, and sums over all.
struct First<T> {
    pooled: Vec<T>,
    places: Vec<u8>,
    sums: Sums,
}

/// What the first pictures of a clip are under their norms.
struct Prefix<T> {
    norms: Vec<Norm<T>>,
    /// What convolutions 2 to 5 make, before their norms, by picture.
    raw: Vec<Vec<Vec<T>>>,
    end: usize,
}

#[derive(Default)]
struct Scratch<T> {
    padded: Vec<T>,
    columns: Vec<T>,
    more: Vec<T>,
}

fn relu<T: Real>(x: T) -> T {
    if x > T::ZERO { x } else { T::ZERO }
}

fn sums<T: Real>(picture: &[T], channels: usize) -> Sums {
    let part = picture.len() / channels;
    let of = |plane: &[T]| {
        plane.iter().fold([0.0, 0.0], |[sum, squares], x| {
            let x = x.wide();
            [sum + x, squares + x * x]
        })
    };
    picture.chunks_exact(part).map(of).collect()
}

/// The sums of many pictures, in order.
fn total<'a>(each: impl Iterator<Item = &'a Sums>, channels: usize) -> Sums {
    let mut all = vec![[0.0; 2]; channels];
    for sums in each {
        for (all, [a, b]) in all.iter_mut().zip(sums) {
            *all = [all[0] + a, all[1] + b];
        }
    }
    all
}

impl<T: Real> Norm<T> {
    fn of(sums: &Sums, count: f64) -> Self {
        let mean = |[sum, _]: &[f64; 2]| sum / count;
        let scale = |both: &[f64; 2]| {
            let variance = (both[1] / count - mean(both).powi(2)).max(0.0);
            T::of(1.0 / (variance + EPSILON).sqrt())
        };
        Self {
            mean: sums.iter().map(|both| T::of(mean(both))).collect(),
            scale: sums.iter().map(scale).collect(),
        }
    }

    fn at(&self, channel: usize, x: T) -> T {
        (x - self.mean[channel]) * self.scale[channel]
    }
}

impl Sizes {
    /// Of an encoder of width d for pictures of a side; `None` for pictures that are too small.
    pub fn new(width: usize, side: usize) -> Option<Self> {
        let layer = |inputs, outputs, taps, stride, padding, side| Columns {
            inputs,
            outputs,
            taps,
            stride,
            padding,
            side,
        };
        let one = layer(3, width / 4, 7, 2, 3, side);
        let pooled = one.side_out().checked_sub(1)? / 2;
        let two = layer(width / 4, width, 7, 2, 3, pooled);
        let three = layer(width, width, 3, 2, 1, two.side_out());
        let four = layer(width, width, 3, 1, 1, three.side_out());
        let five = layer(width, width, 3, 2, 1, four.side_out());
        (pooled > 0).then_some(Self { layers: [one, two, three, four, five] })
    }

    fn side(&self) -> usize {
        self.layers[0].side
    }

    /// Numbers of the five weights, one after the other.
    fn parts(&self) -> [Range<usize>; 5] {
        let mut end = 0;
        self.layers.map(|layer| {
            let begin = end;
            end += layer.outputs * layer.patch();
            begin..end
        })
    }

    fn width(&self) -> usize {
        self.layers[4].outputs
    }

    /// Bytes of a picture as padded planes.
    fn enter<T: Real>(&self, picture: &[u8], table: &[T; 256], padded: &mut Vec<T>) {
        let first = &self.layers[0];
        let (side, wide) = (first.side, first.padded());
        padded.clear();
        padded.resize(first.numbers(), T::ZERO);
        for (row, line) in picture.chunks_exact(3 * side).enumerate().take(side) {
            for colour in 0..3 {
                let to = (colour * wide + row + first.padding) * wide + first.padding;
                let bytes = line[colour..].iter().step_by(3);
                bytes.zip(&mut padded[to..to + side]).for_each(|(byte, to)| *to = table[usize::from(*byte)]);
            }
        }
    }

    fn first<T: Real>(
        &self,
        weights: &[T],
        table: &[T; 256],
        picture: &[u8],
        scratch: &mut Scratch<T>,
    ) -> First<T> {
        let layer = &self.layers[0];
        let (side, pooled_side) = (layer.side_out(), self.layers[1].side);
        self.enter(picture, table, &mut scratch.padded);
        let made = &mut scratch.more;
        made.resize(layer.outputs * side * side, T::ZERO);
        layer.forward(&scratch.padded, &weights[self.parts()[0].clone()], made, &mut scratch.columns);
        let count = layer.outputs * pooled_side * pooled_side;
        let (mut pooled, mut places) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for plane in made.chunks_exact(side * side) {
            for row in 0..pooled_side {
                for column in 0..pooled_side {
                    let (mut most, mut place) = (plane[2 * row * side + 2 * column], 0);
                    for at in 1..9 {
                        let value = plane[(2 * row + at / 3) * side + 2 * column + at % 3];
                        if value > most {
                            (most, place) = (value, at as u8);
                        }
                    }
                    pooled.push(most);
                    places.push(place);
                }
            }
        }
        First { pooled, places, sums: sums(made, layer.outputs) }
    }

    /// What convolution `layer` (1 to 4, counted from 0) reads of a picture.
    fn read<T: Real>(
        &self,
        layer: usize,
        frame: usize,
        first: &[First<T>],
        so_far: &Prefix<T>,
        out: &mut Vec<T>,
    ) {
        let (columns, norms, raw) = (&self.layers[layer], &so_far.norms, &so_far.raw);
        match layer {
            1 => columns.pad(&first[frame].pooled, out, |c, _, x| relu(norms[0].at(c, x))),
            2 | 3 => {
                let norm = &norms[layer - 1];
                columns.pad(&raw[layer - 2][frame], out, |c, _, x| relu(norm.at(c, x)));
            }
            _ => {
                let beside = &raw[2][frame];
                columns.pad(&raw[1][frame], out, |c, at, x| {
                    relu(norms[2].at(c, x)) + relu(norms[3].at(c, beside[at]))
                });
            }
        }
    }

    /// The tokens of the first `end` pictures, `[end, d]`; what is not needed for gradients is given back unless it is kept.
    fn prefix<T: Real>(
        &self,
        weights: &[T],
        first: &[First<T>],
        end: usize,
        keep: bool,
    ) -> (Vec<T>, Prefix<T>) {
        let parts = self.parts();
        let count = |layer: &Columns| (end * layer.side_out() * layer.side_out()) as f64;
        let of_first = total(first[..end].iter().map(|one| &one.sums), self.layers[0].outputs);
        let mut so_far =
            Prefix { norms: vec![Norm::of(&of_first, count(&self.layers[0]))], raw: Vec::new(), end };
        for index in 1..5 {
            let layer = &self.layers[index];
            let numbers = layer.outputs * layer.side_out() * layer.side_out();
            let made: Vec<(Vec<T>, Sums)> = (0..end)
                .into_par_iter()
                .map_init(Scratch::default, |scratch, frame| {
                    self.read(index, frame, first, &so_far, &mut scratch.padded);
                    let mut out = vec![T::ZERO; numbers];
                    let weight = &weights[parts[index].clone()];
                    layer.forward(&scratch.padded, weight, &mut out, &mut scratch.columns);
                    let sums = sums(&out, layer.outputs);
                    (out, sums)
                })
                .collect();
            let all = total(made.iter().map(|(_, sums)| sums), layer.outputs);
            so_far.norms.push(Norm::of(&all, count(layer)));
            so_far.raw.push(made.into_iter().map(|(out, _)| out).collect());
            if !keep && index == 2 {
                so_far.raw[0] = Vec::new();
            }
        }
        let (norm, last) = (&so_far.norms[4], &self.layers[4]);
        let area = last.side_out() * last.side_out();
        let mut tokens = Vec::with_capacity(end * last.outputs);
        for picture in &so_far.raw[3] {
            for (channel, plane) in picture.chunks_exact(area).enumerate() {
                let sum = plane.iter().fold(T::ZERO, |sum, x| sum + relu(norm.at(channel, *x)));
                tokens.push(sum / T::of(area as f64));
            }
        }
        (tokens, so_far)
    }
}

fn table<T: Real>() -> [T; 256] {
    std::array::from_fn(|byte| T::of(f64::from(number(byte as u8))))
}

/// What a clip leaves behind for its gradients.
struct Memory<T> {
    first: Vec<First<T>>,
    prefixes: Vec<Prefix<T>>,
}

enum Kept {
    Nothing,
    F32(Vec<Memory<f32>>),
    F64(Vec<Memory<f64>>),
}

struct Watch {
    sizes: Sizes,
    clips: Vec<Vec<Prepared>>,
    ends: Vec<usize>,
    keep: bool,
    kept: Mutex<Kept>,
}

impl Watch {
    fn forward<T: Real>(&self, weights: &[T]) -> (Vec<T>, Vec<Memory<T>>) {
        let (table, mut tokens, mut kept) = (table(), Vec::new(), Vec::new());
        for pictures in &self.clips {
            let first: Vec<First<T>> = pictures
                .par_iter()
                .map_init(Scratch::default, |scratch, picture| {
                    self.sizes.first(weights, &table, picture, scratch)
                })
                .collect();
            let mut prefixes = Vec::new();
            for end in &self.ends {
                let (of_prefix, prefix) = self.sizes.prefix(weights, &first, *end, self.keep);
                tokens.extend(of_prefix);
                if self.keep {
                    prefixes.push(prefix);
                }
            }
            if self.keep {
                kept.push(Memory { first, prefixes });
            }
        }
        (tokens, kept)
    }

    fn backward<T: Real>(&self, weights: &[T], kept: &[Memory<T>], of_tokens: &[T]) -> Vec<T> {
        let (sizes, table) = (&self.sizes, table());
        let mut of_weights = vec![T::ZERO; weights.len()];
        let mut rest = of_tokens;
        for (memory, pictures) in kept.iter().zip(&self.clips) {
            let (channels, pooled) =
                (sizes.layers[0].outputs, memory.first.first().map_or(0, |f| f.pooled.len()));
            let zeros = |width: usize| vec![vec![T::ZERO; width]; pictures.len()];
            let mut toward =
                Toward { pooled: zeros(pooled), shift: zeros(channels), factor: zeros(channels) };
            for prefix in &memory.prefixes {
                let (own, others) = rest.split_at(prefix.end * sizes.width());
                rest = others;
                sizes.back(weights, &memory.first, prefix, own, &mut of_weights, &mut toward);
            }
            sizes.back_first(weights, &table, pictures, &memory.first, &toward, &mut of_weights);
        }
        of_weights
    }
}

impl CustomOp1 for Watch {
    fn name(&self) -> &'static str {
        "watch"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some((from, to)) = layout.contiguous_offsets() else { bail!("weights must lie side by side") };
        let (out, kept) = match storage {
            CpuStorage::F32(weights) => {
                let (tokens, kept) = self.forward(&weights[from..to]);
                (CpuStorage::F32(tokens), Kept::F32(kept))
            }
            CpuStorage::F64(weights) => {
                let (tokens, kept) = self.forward(&weights[from..to]);
                (CpuStorage::F64(tokens), Kept::F64(kept))
            }
            _ => bail!("floats of 32 or 64 bits are needed"),
        };
        if self.keep {
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        }
        let rows = self.ends.iter().sum::<usize>();
        Ok((out, (self.clips.len(), rows, self.sizes.width()).into()))
    }

    fn bwd(&self, weights: &Tensor, _: &Tensor, of_tokens: &Tensor) -> Result<Option<Tensor>> {
        let of_tokens = of_tokens.flatten_all()?;
        let made = match &*self.kept.lock().unwrap_or_else(PoisonError::into_inner) {
            Kept::F32(kept) => {
                let made = self.backward(&weights.to_vec1()?, kept, &of_tokens.to_vec1()?);
                Tensor::from_vec(made, weights.dims(), weights.device())?
            }
            Kept::F64(kept) => {
                let made = self.backward(&weights.to_vec1()?, kept, &of_tokens.to_vec1()?);
                Tensor::from_vec(made, weights.dims(), weights.device())?
            }
            Kept::Nothing => bail!("nothing was kept for a backward pass"),
        };
        Ok(Some(made))
    }
}

/// Whether pictures are of the side, and there are enough of them.
fn check(sizes: &Sizes, pictures: &[Prepared], ends: &[usize]) -> Result<()> {
    let bytes = 3 * sizes.side() * sizes.side();
    if pictures.iter().any(|picture| picture.len() != bytes) {
        bail!("pictures must be {0} by {0} pixels", sizes.side());
    }
    match ends.iter().find(|end| !(1..=pictures.len()).contains(*end)) {
        Some(end) => bail!("{end} of {} pictures", pictures.len()),
        None => Ok(()),
    }
}

/// The tokens of each clip's first `ends[0]`, then first `ends[1]` ... pictures, `[clips, sum of ends, d]`, from the weights of
/// the convolutions, one after the other. On the tape when the weights are.
///
/// # Errors
/// Pictures of another side, or fewer than asked for.
pub fn watch(sizes: &Sizes, weights: &Tensor, clips: &[Vec<Prepared>], ends: &[usize]) -> Result<Tensor> {
    for pictures in clips {
        check(sizes, pictures, ends)?;
    }
    weights.contiguous()?.apply_op1(Watch {
        sizes: sizes.clone(),
        clips: clips.to_vec(),
        ends: ends.to_vec(),
        keep: weights.track_op(),
        kept: Mutex::new(Kept::Nothing),
    })
}

/// [`watch`] of one clip whose pictures are fetched a few at a time and forgotten, without a tape: `[1, sum of ends, d]`.
///
/// # Errors
/// Those of `fetch`, and as [`watch`].
pub fn watch_once(
    sizes: &Sizes,
    weights: &Tensor,
    ends: &[usize],
    fetch: &mut dyn FnMut(usize) -> Result<Prepared>,
) -> Result<Tensor> {
    let weights = weights.to_dtype(DType::F32)?.to_vec1::<f32>()?;
    let frames = ends.iter().copied().max().unwrap_or(0);
    let (table, mut first) = (table(), Vec::with_capacity(frames));
    for begin in (0..frames).step_by(FETCHED) {
        let pictures: Vec<Prepared> =
            (begin..(begin + FETCHED).min(frames)).map(&mut *fetch).collect::<Result<_>>()?;
        check(sizes, &pictures, &[])?;
        first.par_extend(
            pictures.par_iter().map_init(Scratch::default, |scratch, picture| {
                sizes.first(&weights, &table, picture, scratch)
            }),
        );
    }
    let mut tokens = Vec::new();
    for end in ends {
        tokens.extend(sizes.prefix(&weights, &first, *end, false).0);
    }
    let rows = ends.iter().sum::<usize>();
    Tensor::from_vec(tokens, (1, rows, sizes.width()), &candle_core::Device::Cpu)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use clips::Chance;

    use super::*;
    use crate::parameters::{Fresh, Parameters, build_as};
    use crate::pass::{Pass, normal};
    use crate::trans_vae::video::VideoEncoder;

    const SIDE: usize = 40;
    const ENDS: [usize; 3] = [2, 5, 5];

    fn clips() -> Vec<Vec<Prepared>> {
        let mut chance = Chance::new(3, "pictures", &[]);
        let mut picture = || -> Prepared { (0..3 * SIDE * SIDE).map(|_| chance.below(256) as u8).collect() };
        (0..2).map(|_| (0..5).map(|_| picture()).collect()).collect()
    }

    /// The same as a tensor, `[2, 5, 3, SIDE, SIDE]`.
    fn video(dtype: DType) -> Tensor {
        let clips = clips();
        let numbers: Vec<f32> =
            clips.iter().flatten().flat_map(|picture| crate::pictures::numbers(picture)).collect();
        Tensor::from_vec(numbers, (2, 5, 3, SIDE, SIDE), &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
    }

    fn encoder(dtype: DType) -> (VideoEncoder, Parameters) {
        build_as(&mut Fresh { seed: 5 }, dtype, &Device::Cpu, |scope| VideoEncoder::new(scope, 8)).unwrap()
    }

    fn gap(a: &Tensor, b: &Tensor) -> f64 {
        assert_eq!(a.dims(), b.dims());
        let gap = (a - b).unwrap().abs().unwrap().max_all().unwrap();
        gap.to_dtype(DType::F64).unwrap().to_scalar::<f64>().unwrap()
    }

    #[test]
    fn tokens_and_gradients_equal_those_of_tensors_of_video() {
        let (encoder, parameters) = encoder(DType::F64);
        let (video, pass) = (video(DType::F64), Pass::evaluation());
        let watched = encoder.watch(&clips(), &ENDS).unwrap();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for (index, end) in ENDS.into_iter().enumerate() {
            let one = encoder.map(&watched[index]).unwrap();
            let two = encoder.forward(&video.narrow(1, 0, end).unwrap(), &pass).unwrap();
            assert!(gap(&one, &two) < 1e-10, "{end}: {}", gap(&one, &two));
            // every window has a weight of its own
            let slope = normal(&mut Chance::new(index as u64, "slope", &[]), one.dims(), DType::F64).unwrap();
            ours.push((one * &slope).unwrap().sum_all().unwrap());
            theirs.push((two * &slope).unwrap().sum_all().unwrap());
        }
        let gradients =
            |terms: &[Tensor]| Tensor::stack(terms, 0).unwrap().sum_all().unwrap().backward().unwrap();
        let (ours, theirs) = (gradients(&ours), gradients(&theirs));
        let mut checked = 0;
        for (name, value) in parameters.trained() {
            let (one, two) = (ours.get(value).unwrap(), theirs.get(value).unwrap());
            let size = two.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
            assert!(
                size > 1e-4 && gap(one, two) < 1e-9 * (1.0 + size),
                "{name}: {} of {size}",
                gap(one, two)
            );
            checked += 1;
        }
        assert_eq!(checked, 7, "five convolutions, and weight and bias of the last layer");
    }

    #[test]
    fn fetched_pictures_are_the_same_to_the_bit_on_any_number_of_threads() {
        let (encoder, _) = encoder(DType::F32);
        let clips = clips();
        let watched = encoder.watch(&clips[..1], &ENDS).unwrap();
        let sizes = Sizes::new(8, SIDE).unwrap();
        let weights = encoder.weights().unwrap();
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut asked = Vec::new();
            let once = pool.install(|| {
                watch_once(&sizes, &weights, &ENDS, &mut |frame| {
                    asked.push(frame);
                    Ok(clips[0][frame].clone())
                })
            });
            assert_eq!(asked, [0, 1, 2, 3, 4], "each once, in order");
            let all = Tensor::cat(&watched, 1).unwrap();
            assert_eq!(gap(&once.unwrap(), &all), 0.0);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Sizes::new(8, 2).is_none());
        let (encoder, _) = encoder(DType::F32);
        assert!(encoder.watch(&clips(), &[6]).is_err());
        let mut odd = clips();
        odd[1][2] = vec![0; 12].into();
        assert!(encoder.watch(&odd, &[5]).is_err());
    }
}
