//! What every path costs at least, in whole numbers: sixteen cells at a time, where `bounds` has eight.
//!
//! Values are clamped to -2..2 and rounded to steps of 1/512. Clamping takes no two frames further apart than they were,
//! and rounding moves a frame by at most its residual. So by the triangle inequality along any path, with `steps` cells
//! at most, `root(cost) >= root(rounded cost) - root(steps) (residual a + residual b)`.
//!
//! Rounded costs are whole. Each is divided by a power of two and rounded down, and sums saturate: both only lower the
//! bound. The divisor is chosen so that a typical total just fits, which keeps what rounding down takes near one part in
//! a hundred. What is no frame costs much; that it is not infinite only lowers the bound, too.

use super::Prepared;
use super::machine::Machine;
use super::table::{LAYERS, Place, row_length};

/// Steps of a unit.
const GRID: f32 = 512.0;
/// Values beyond are clamped.
const RANGE: f32 = 2.0;
/// Cost of what is no frame, in squared steps.
const OUTSIDE: i32 = 1 << 30;
/// Columns in a stored number.
const PAIR: usize = 2;

/// Numbers stored for a frame of a group of `columns` columns: the squared norm, then the columns in pairs.
pub const fn channels(columns: usize) -> usize {
    1 + columns.div_ceil(PAIR)
}

/// A group of a reaction in whole numbers, as the table reads it from the last frame on.
#[derive(Debug, Clone, Default)]
pub struct Coarse {
    values: Vec<i32>,
    /// The largest distance of a frame from its rounded one.
    residual: f64,
}

impl Coarse {
    /// Rounds the columns of a group.
    pub fn new<'a>(rows: impl ExactSizeIterator<Item = &'a [f32]>) -> Self {
        let frames = rows.len();
        let place = Place::new(frames);
        let mut values = Vec::new();
        let mut largest = 0.0f64;
        for (frame, row) in rows.enumerate() {
            if values.is_empty() {
                values.resize(channels(row.len()) * place.length(), 0);
                values[..place.length()].fill(OUTSIDE);
            }
            let at = place.of(frames - frame);
            let (mut norm, mut residual) = (0, 0.0);
            for (pair, columns) in row.chunks(PAIR).enumerate() {
                let steps = [columns.first(), columns.get(1)].map(|value| {
                    let value = value.map_or(0.0, |value| value.clamp(-RANGE, RANGE) * GRID);
                    residual += f64::from(value - value.round()).powi(2);
                    value.round() as i32
                });
                norm += steps.iter().map(|step| step * step).sum::<i32>();
                values[(1 + pair) * place.length() + at] = packed(steps);
            }
            values[at] = norm;
            largest = largest.max(residual);
        }
        Self { values, residual: largest.sqrt() / f64::from(GRID) }
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.values[..])
    }
}

/// Two columns in one number, the first below.
fn packed([first, second]: [i32; PAIR]) -> i32 {
    (second << 16) | (first & 0xffff)
}

/// The columns of a number.
fn unpacked(pair: i32) -> [i32; PAIR] {
    [i32::from(pair as i16), pair >> 16]
}

/// A group of the prediction in strips, and the memory of the table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: Vec<i32>,
    above: Vec<u16>,
    below: Vec<u16>,
    /// Rows of the first strip that are no frames.
    padding: usize,
    residual: f64,
}

impl Table {
    /// Packs a group of the prediction for registers of `lanes` numbers, from its last frame to its first.
    pub fn fill(&mut self, prediction: &Prepared, group: usize, lanes: usize) {
        let Prepared { frames, coarse, .. } = prediction;
        let (frames, coarse) = (*frames, &coarse[group]);
        let place = Place::new(frames);
        let channels = coarse.values.len() / place.length();
        let height = LAYERS * lanes;
        let strips = frames.div_ceil(height);
        self.padding = strips * height - frames;
        self.residual = coarse.residual;
        self.rows.clear();
        self.rows.resize(strips * height * channels, 0);
        for (strip, values) in self.rows.chunks_exact_mut(height * channels).enumerate() {
            for (channel, values) in values.chunks_exact_mut(height).enumerate() {
                for row in 0..height {
                    let value = &mut values[row % LAYERS * lanes + row / LAYERS];
                    let frame = (strips - strip) * height - 1 - row;
                    *value = if frame < frames {
                        let stored = coarse.values[channel * place.length() + place.of(frames - frame)];
                        let doubled = |pair| packed(unpacked(pair).map(|step| -2 * step));
                        if channel == 0 { stored } else { doubled(stored) }
                    } else if channel == 0 {
                        OUTSIDE / 2
                    } else {
                        0
                    };
                }
            }
        }
    }

    /// Surely not above the true cost of the group, for paths that cost about `typical`; it says little of dearer ones.
    /// `None` on processors that gain nothing by it. Both sides have frames and no value that is not a number.
    pub fn floor(
        &mut self,
        machine: Machine,
        prediction: &Prepared,
        reaction: &Prepared,
        group: usize,
        typical: f64,
    ) -> Option<f64> {
        let steps = typical * f64::from(GRID * GRID) / f64::from(u16::MAX);
        // the largest cost of a cell is below 2^31, and a divisor of 2^15 leaves it finite
        let shift = (steps.log2().ceil().max(0.0) as u32).min(15);
        let cost = match machine {
            #[cfg(target_arch = "x86_64")]
            Machine::Avx2(simd) => self.lowest(simd, reaction, group, shift)?,
            Machine::Portable => return None,
        };
        let rounded = (f64::from(cost) * f64::from(1u32 << shift)).sqrt() / f64::from(GRID);
        let residual = self.residual + reaction.coarse[group].residual;
        let cells = (prediction.frames + reaction.frames) as f64;
        // far more than double precision rounds here
        let root = (rounded - cells.sqrt() * residual) * (1.0 - 1e-9);
        Some(root.max(0.0).powi(2))
    }

    #[cfg(target_arch = "x86_64")]
    fn lowest(&mut self, simd: pulp::x86::V3, reaction: &Prepared, group: usize, shift: u32) -> Option<u16> {
        for row in [&mut self.above, &mut self.below] {
            row.clear();
            row.resize(row_length(reaction.frames), u16::MAX);
        }
        let channels = reaction.coarse[group].values.len() / Place::new(reaction.frames).length();
        match channels {
            9 => Some(pulp::Simd::vectorize(simd, avx2::Pass::<9>::new(simd, self, reaction, group, shift))),
            5 => Some(pulp::Simd::vectorize(simd, avx2::Pass::<5>::new(simd, self, reaction, group, shift))),
            2 => Some(pulp::Simd::vectorize(simd, avx2::Pass::<2>::new(simd, self, reaction, group, shift))),
            _ => None,
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use core::arch::x86_64::{__m128i, __m256i};

    use pulp::{NullaryFnOnce, cast, x86::V3};

    use super::super::Prepared;
    use super::super::lanes::{Costs, Lanes, sums};
    use super::super::table::{self, LAYERS, ROOM, strip_rows};
    use super::Table;

    /// Sixteen totals of 16 bits over costs of 32.
    #[derive(Debug, Clone, Copy)]
    struct Halves {
        simd: V3,
        /// Bits that costs lose.
        shift: __m128i,
    }

    pub struct Pass<'a, const D: usize> {
        halves: Halves,
        table: &'a mut Table,
        reaction: &'a Prepared,
        group: usize,
    }

    impl<'a, const D: usize> Pass<'a, D> {
        pub fn new(simd: V3, table: &'a mut Table, reaction: &'a Prepared, group: usize, shift: u32) -> Self {
            let shift = cast::<[u32; 4], __m128i>([shift, 0, 0, 0]);
            Self { halves: Halves { simd, shift }, table, reaction, group }
        }
    }

    impl<const D: usize> NullaryFnOnce for Pass<'_, D> {
        type Output = u16;

        #[inline(always)]
        fn call(self) -> u16 {
            let Self { halves, table: Table { rows, above, below, padding, .. }, reaction, group } = self;
            let (frames, columns) = (reaction.frames, &reaction.coarse[group].values);
            above[ROOM] = 0;
            for (strip, values) in rows.chunks_exact(strip_rows::<Halves>() * D).enumerate() {
                let never = None::<fn(usize, u16) -> bool>;
                let padding = if strip == 0 { *padding } else { 0 };
                table::fill::<Halves, D>(halves, values, columns, frames, above, below, 0, padding, never);
                std::mem::swap(above, below);
            }
            above[ROOM + frames]
        }
    }

    impl Halves {
        /// Costs of the lower or the upper eight lanes.
        #[inline(always)]
        fn half<const HALF: usize, const D: usize>(
            self,
            layers: &[[[__m256i; 2]; LAYERS]; D],
            at: (&[i32], usize, usize),
        ) -> Option<Costs<__m256i>> {
            let avx2 = self.simd.avx2;
            let load = |from: &[i32; 17], start: usize| {
                let chunk = from.get(start + 8 * HALF..).and_then(|from| from.first_chunk());
                cast::<[i32; 8], __m256i>(*chunk.unwrap_or(&[0; 8]))
            };
            sums(
                layers,
                layers[1..].iter(),
                at,
                self.splat(0),
                load,
                |row, column| avx2._mm256_add_epi32(row[HALF], column),
                |row, column, cost| avx2._mm256_add_epi32(cost, avx2._mm256_madd_epi16(row[HALF], column)),
            )
        }
    }

    impl Lanes for Halves {
        type Number = u16;
        type Register = __m256i;
        type Value = i32;
        type Values = [__m256i; 2];
        const COUNT: usize = 16;
        const INFINITE: u16 = u16::MAX;

        #[inline(always)]
        fn splat(self, value: u16) -> __m256i {
            self.simd.avx._mm256_set1_epi16(value as i16)
        }
        #[inline(always)]
        fn load(self, from: &[i32], start: usize) -> [__m256i; 2] {
            let chunk = from.get(start..).and_then(|from| from.first_chunk()).unwrap_or(&[0; 16]);
            cast::<[i32; 16], [__m256i; 2]>(*chunk)
        }
        #[inline(always)]
        fn last(self, value: __m256i) -> u16 {
            cast::<__m256i, [u16; 16]>(value)[15]
        }
        #[inline(always)]
        fn add(self, a: __m256i, b: __m256i) -> __m256i {
            self.simd.avx2._mm256_adds_epu16(a, b)
        }
        #[inline(always)]
        fn costs<const D: usize>(
            self,
            layers: &[[[__m256i; 2]; LAYERS]; D],
            channels: &[i32],
            at: usize,
            length: usize,
        ) -> Option<Costs<__m256i>> {
            let avx2 = self.simd.avx2;
            let none = self.splat(0);
            let at = (channels, at, length);
            let low = self.half::<0, D>(layers, at)?;
            let high = self.half::<1, D>(layers, at)?;
            let mut costs = [[none; LAYERS]; 2];
            for step in 0..2 {
                for layer in 0..LAYERS {
                    let lower = avx2._mm256_srl_epi32(low[step][layer], self.shift);
                    let upper = avx2._mm256_srl_epi32(high[step][layer], self.shift);
                    // packing goes by halves of a register
                    let packed = avx2._mm256_packus_epi32(lower, upper);
                    costs[step][layer] = avx2._mm256_permute4x64_epi64::<0b11_01_10_00>(packed);
                }
            }
            Some(costs)
        }
        #[inline(always)]
        fn freed(self, value: __m256i, lane: usize) -> __m256i {
            let mut value = cast::<__m256i, [u16; 16]>(value);
            value[lane % 16] = 0;
            cast(value)
        }
        #[inline(always)]
        fn smaller(self, a: __m256i, b: __m256i) -> __m256i {
            self.simd.avx2._mm256_min_epu16(a, b)
        }
        #[inline(always)]
        fn shifted(self, value: __m256i, first: u16) -> __m256i {
            let halves = self.simd.avx2._mm256_permute2x128_si256::<0x20>(self.splat(first), value);
            self.simd.avx2._mm256_alignr_epi8::<14>(value, halves)
        }
        #[inline(always)]
        fn least(self, value: __m256i) -> u16 {
            cast::<__m256i, [u16; 16]>(value).into_iter().fold(u16::MAX, u16::min)
        }
    }
}

#[cfg(test)]
mod tests {
    use clips::{Attributes, Chance};

    use super::super::{GROUPS, Prepared, groups};
    use super::{Machine, Table};

    fn series(frames: usize, wide: f32, chance: &mut Chance) -> Attributes {
        let mut state = [0.0f32; 25];
        let mut row = || {
            state.iter_mut().for_each(|x| *x = 0.9 * *x + 0.3 * chance.normal() as f32);
            state.map(|x| 0.5 + wide * x)
        };
        (0..frames).map(|_| row()).collect()
    }

    #[test]
    fn never_above_the_true_cost_and_close_to_it_where_values_are_usual() {
        let machine = Machine::detect();
        let mut chance = Chance::new(5, "coarse", &[]);
        for (frames, other) in [(1, 1), (1, 90), (64, 64), (65, 129), (300, 200), (750, 750)] {
            for (wide, usual) in [(0.2, true), (3.0, false), (1e4, false)] {
                let a = Prepared::new(&series(frames, wide, &mut chance));
                let b = Prepared::new(&series(other, wide, &mut chance));
                let truth = groups(&a, &b);
                for group in 0..GROUPS.len() {
                    let mut table = Table::default();
                    table.fill(&a, group, machine.coarse());
                    let cost = truth[group] * truth[group];
                    for typical in [0.0, 0.1 * cost, cost, 1.1 * cost, 50.0 * cost] {
                        let Some(floor) = table.floor(machine, &a, &b, group, typical) else { continue };
                        let what =
                            format!("{frames} x {other} x {wide}: {floor} of {cost}, typical {typical}");
                        assert!(floor <= cost, "{what}");
                        let long = frames.min(other) >= 64 && usual && (cost..2.0 * cost).contains(&typical);
                        assert!(!long || floor.sqrt() > 0.96 * truth[group], "{what}");
                    }
                }
            }
        }
    }
}
