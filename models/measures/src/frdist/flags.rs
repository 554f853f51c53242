//! The table of action units that are all 0 or 1 on both sides, as in the true listeners: in whole numbers, exactly.
//!
//! A frame is a pattern of bits and a cost the number of bits that differ. Sums are small enough for 16 bits, of which
//! a register holds twice as many numbers; the highest bit of a pattern marks sentinels, its weight in a cost is "no
//! path". Sums saturate, so that no path stays none.

use pulp::NullaryFnOnce;

use super::lanes::{Costs, Lanes, sums};
use super::machine::Machine;
use super::table::{self, LAYERS, Place, ROOM, row_length, strip_rows};

/// Marks what is no frame; also where sums end.
const SENTINEL: u16 = 1 << 15;

/// Action units as bits, in the order of the table and by frame.
#[derive(Debug, Clone)]
pub struct Flags {
    by_frame: Vec<u16>,
    placed: Vec<u16>,
}

impl Flags {
    /// The patterns of rows of up to 15 columns; `None` when a value is neither 0 nor 1.
    pub fn new<'a>(rows: impl ExactSizeIterator<Item = &'a [f32]>) -> Option<Self> {
        let frames = rows.len();
        let place = Place::new(frames);
        let mut by_frame = Vec::with_capacity(frames);
        for row in rows {
            let mut pattern = 0;
            for value in row {
                pattern = pattern << 1 | u16::from(*value == 1.0);
                if *value != 0.0 && *value != 1.0 {
                    return None;
                }
            }
            by_frame.push(pattern);
        }
        let mut placed = vec![SENTINEL; place.length()];
        for (frame, pattern) in by_frame.iter().enumerate() {
            placed[place.of(frame + 1)] = *pattern;
        }
        Some(Self { by_frame, placed })
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.by_frame[..]) + size_of_val(&self.placed[..])
    }
}

/// Memory of the table.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    rows: Vec<u16>,
    above: Vec<u16>,
    below: Vec<u16>,
}

/// Cost of the cheapest path; `None` when the sums might not fit. Both sides have frames.
pub fn cost(machine: Machine, a: &Flags, b: &Flags, memory: &mut Memory) -> Option<u16> {
    let frames = (a.by_frame.len(), b.by_frame.len());
    if frames.0.checked_add(frames.1)?.checked_mul(16)? >= usize::from(SENTINEL) {
        return None;
    }
    let cost = match machine {
        #[cfg(target_arch = "x86_64")]
        Machine::Avx2(simd) => {
            pulp::Simd::vectorize(simd, Pass { machine: avx2::Patterns(simd), a, b, memory })
        }
        Machine::Portable => Pass { machine: Patterns, a, b, memory }.call(),
    };
    (cost < SENTINEL).then_some(cost)
}

struct Pass<'a, M> {
    machine: M,
    a: &'a Flags,
    b: &'a Flags,
    memory: &'a mut Memory,
}

impl<M: Lanes<Number = u16, Value = u16>> NullaryFnOnce for Pass<'_, M> {
    type Output = u16;

    #[inline(always)]
    fn call(self) -> u16 {
        let Memory { rows, above, below } = self.memory;
        let (height, frames) = (strip_rows::<M>(), self.b.by_frame.len());
        // the padding comes first, so that the last row of the last strip is the last frame
        let padding = self.a.by_frame.len().next_multiple_of(height) - self.a.by_frame.len();
        rows.clear();
        rows.resize(padding + self.a.by_frame.len(), SENTINEL);
        for (frame, pattern) in self.a.by_frame.iter().enumerate() {
            let (strip, row) = ((padding + frame) / height, (padding + frame) % height);
            rows[strip * height + row % LAYERS * M::COUNT + row / LAYERS] = *pattern;
        }
        for row in [&mut *above, &mut *below] {
            row.clear();
            row.resize(row_length(frames), u16::MAX);
        }
        above[ROOM] = 0;
        for strip in rows.chunks_exact(height) {
            let never = None::<fn(usize, u16) -> bool>;
            table::fill::<M, 1>(self.machine, strip, &self.b.placed, frames, above, below, 0, 0, never);
            std::mem::swap(above, below);
        }
        above[ROOM + frames]
    }
}

/// Patterns for any processor.
#[derive(Debug, Clone, Copy)]
struct Patterns;

impl Lanes for Patterns {
    type Number = u16;
    type Register = [u16; 8];
    type Value = u16;
    type Values = [u16; 8];
    const COUNT: usize = 8;
    const INFINITE: u16 = u16::MAX;

    #[inline(always)]
    fn splat(self, value: u16) -> [u16; 8] {
        [value; 8]
    }
    #[inline(always)]
    fn load(self, from: &[u16], start: usize) -> [u16; 8] {
        from.get(start..).and_then(|from| from.first_chunk()).copied().unwrap_or([SENTINEL; 8])
    }
    #[inline(always)]
    fn last(self, value: [u16; 8]) -> u16 {
        value[7]
    }
    #[inline(always)]
    fn add(self, a: [u16; 8], b: [u16; 8]) -> [u16; 8] {
        std::array::from_fn(|lane| a[lane].saturating_add(b[lane]))
    }
    #[inline(always)]
    fn costs<const D: usize>(
        self,
        layers: &[[[u16; 8]; LAYERS]; D],
        channels: &[u16],
        at: usize,
        length: usize,
    ) -> Option<Costs<[u16; 8]>> {
        let differing = |row: &[u16; 8], column: [u16; 8]| {
            std::array::from_fn(|lane| {
                let different = row[lane] ^ column[lane];
                (different & SENTINEL) + (different & !SENTINEL).count_ones() as u16
            })
        };
        let load = |from: &[u16; 17], start| self.load(from, start);
        let more = |row: &[u16; 8], column, cost| self.add(cost, differing(row, column));
        sums(layers, layers[1..].iter(), (channels, at, length), [u16::MAX; 8], load, differing, more)
    }
    #[inline(always)]
    fn freed(self, mut value: [u16; 8], lane: usize) -> [u16; 8] {
        value[lane % 8] = 0;
        value
    }
    #[inline(always)]
    fn smaller(self, a: [u16; 8], b: [u16; 8]) -> [u16; 8] {
        std::array::from_fn(|lane| a[lane].min(b[lane]))
    }
    #[inline(always)]
    fn shifted(self, mut value: [u16; 8], first: u16) -> [u16; 8] {
        value.rotate_right(1);
        value[0] = first;
        value
    }
    #[inline(always)]
    fn least(self, value: [u16; 8]) -> u16 {
        value.into_iter().fold(u16::MAX, u16::min)
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use core::arch::x86_64::__m256i;

    use pulp::{cast, x86::V3};

    use super::{Costs, LAYERS, Lanes, SENTINEL, sums};

    /// Sixteen patterns.
    #[derive(Debug, Clone, Copy)]
    pub struct Patterns(pub V3);

    impl Patterns {
        /// How many bits differ, and no path where only one is a sentinel.
        #[inline(always)]
        fn differing(self, row: __m256i, column: __m256i) -> __m256i {
            let avx2 = self.0.avx2;
            // bits in each half of a byte, by a table
            let bits = [0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4];
            let bits = cast::<[[u8; 16]; 2], __m256i>([bits; 2]);
            let half = self.0.avx._mm256_set1_epi8(0x0f);
            let different = avx2._mm256_xor_si256(row, column);
            let none = avx2._mm256_and_si256(different, self.splat(SENTINEL));
            let low = avx2._mm256_shuffle_epi8(bits, avx2._mm256_and_si256(different, half));
            let high = avx2._mm256_and_si256(avx2._mm256_srli_epi16::<4>(different), half);
            let bytes = avx2._mm256_add_epi8(low, avx2._mm256_shuffle_epi8(bits, high));
            let words = avx2._mm256_maddubs_epi16(bytes, self.0.avx._mm256_set1_epi8(1));
            // a sentinel's bit counts once more, which does not matter: it is no path already
            avx2._mm256_add_epi16(words, none)
        }
    }

    impl Lanes for Patterns {
        type Number = u16;
        type Register = __m256i;
        type Value = u16;
        type Values = __m256i;
        const COUNT: usize = 16;
        const INFINITE: u16 = u16::MAX;

        #[inline(always)]
        fn splat(self, value: u16) -> __m256i {
            self.0.avx._mm256_set1_epi16(value as i16)
        }
        #[inline(always)]
        fn load(self, from: &[u16], start: usize) -> __m256i {
            let chunk = from.get(start..).and_then(|from| from.first_chunk()).unwrap_or(&[SENTINEL; 16]);
            cast::<[u16; 16], __m256i>(*chunk)
        }
        #[inline(always)]
        fn last(self, value: __m256i) -> u16 {
            cast::<__m256i, [u16; 16]>(value)[15]
        }
        #[inline(always)]
        fn add(self, a: __m256i, b: __m256i) -> __m256i {
            self.0.avx2._mm256_adds_epu16(a, b)
        }
        #[inline(always)]
        fn costs<const D: usize>(
            self,
            layers: &[[__m256i; LAYERS]; D],
            channels: &[u16],
            at: usize,
            length: usize,
        ) -> Option<Costs<__m256i>> {
            let load = |from: &[u16; 17], start| self.load(from, start);
            let first = |row: &__m256i, column| self.differing(*row, column);
            let more = |row: &__m256i, column, cost| self.add(cost, first(row, column));
            sums(layers, layers[1..].iter(), (channels, at, length), self.splat(u16::MAX), load, first, more)
        }
        #[inline(always)]
        fn freed(self, value: __m256i, lane: usize) -> __m256i {
            let mut value = cast::<__m256i, [u16; 16]>(value);
            value[lane % 16] = 0;
            cast(value)
        }
        #[inline(always)]
        fn smaller(self, a: __m256i, b: __m256i) -> __m256i {
            self.0.avx2._mm256_min_epu16(a, b)
        }
        #[inline(always)]
        fn shifted(self, value: __m256i, first: u16) -> __m256i {
            let halves = self.0.avx2._mm256_permute2x128_si256::<0x20>(self.splat(first), value);
            self.0.avx2._mm256_alignr_epi8::<14>(value, halves)
        }
        #[inline(always)]
        fn least(self, value: __m256i) -> u16 {
            cast::<__m256i, [u16; 16]>(value).into_iter().fold(u16::MAX, u16::min)
        }
    }
}
