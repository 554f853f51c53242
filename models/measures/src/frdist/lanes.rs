//! A register of numbers that the table is filled with: AVX2 where the processor has it, arrays elsewhere.
//!
//! In double precision a channel is a column and adds a squared difference, never fused, so that every kind of register
//! gives the same bits. In single precision the first channel holds norms, and each further one adds a product with the
//! row's values times -2; that may be fused, which the error bound allows for.

use std::hint::black_box;

use super::table::LAYERS;

/// Numbers of the widest register, and one.
const WIDEST: usize = 17;

/// Costs of each layer in two steps of the table: the second is [`LAYERS`] columns on.
pub type Costs<R> = [[R; LAYERS]; 2];

/// Registers of one width and precision. Lane 0 comes first in memory.
pub trait Lanes: Copy {
    /// A number of the table.
    type Number: Copy + PartialOrd + Into<f64> + Default;
    /// Numbers of the table.
    type Register: Copy;
    /// What rows and columns are stored as.
    type Value: Copy;
    /// As many of them as a register has numbers.
    type Values: Copy;
    /// Numbers in a register.
    const COUNT: usize;
    /// Above every value and path.
    const INFINITE: Self::Number;

    /// All lanes equal.
    fn splat(self, value: Self::Number) -> Self::Register;
    /// Lanes from `start` on; infinite where the slice ends too early (callers keep room behind the end).
    fn load(self, from: &[Self::Value], start: usize) -> Self::Values;
    /// The last lane.
    fn last(self, value: Self::Register) -> Self::Number;
    /// `a + b`.
    fn add(self, a: Self::Register, b: Self::Register) -> Self::Register;
    /// Costs of the layers against the columns from `at + 1` and from `at` on, of channels that are `length` apart;
    /// `None` where they end before.
    fn costs<const D: usize>(
        self,
        layers: &[[Self::Values; LAYERS]; D],
        channels: &[Self::Value],
        at: usize,
        length: usize,
    ) -> Option<Costs<Self::Register>>;
    /// `value` with a zero in one lane.
    fn freed(self, value: Self::Register, lane: usize) -> Self::Register;
    /// The smaller of each lane.
    fn smaller(self, a: Self::Register, b: Self::Register) -> Self::Register;
    /// Every lane moved up by one, and `first` in lane 0.
    fn shifted(self, value: Self::Register, first: Self::Number) -> Self::Register;
    /// The smallest lane.
    fn least(self, value: Self::Register) -> Self::Number;
}

/// [`Lanes::costs`] by what the first channel of a row and of a column costs and what each further one adds. `load`
/// takes a column from numbers that begin one before it.
#[inline(always)]
pub fn sums<'a, V: Copy + 'a, X, C: Copy, S: Copy, const D: usize>(
    layers: &[[V; LAYERS]; D],
    rest: impl Iterator<Item = &'a [V; LAYERS]>,
    (channels, at, length): (&[X], usize, usize),
    none: S,
    load: impl Fn(&[X; WIDEST], usize) -> C,
    first: impl Fn(&V, C) -> S,
    more: impl Fn(&V, C, S) -> S,
) -> Option<Costs<S>> {
    let from = channels.get(at..)?.first_chunk::<WIDEST>()?;
    let (there, after) = (load(from, 1), load(from, 0));
    let (mut near, mut far) = ([none; LAYERS], [none; LAYERS]);
    for layer in 0..LAYERS {
        near[layer] = first(&layers[0][layer], there);
        far[layer] = first(&layers[0][layer], after);
    }
    let mut row = channels.get(at..);
    // the compiler must not unroll this: it would keep the sums in memory, or add up one after the other
    for here in rest {
        row = row.and_then(|row| row.get(length..));
        let from = row.and_then(|row| row.first_chunk::<WIDEST>())?;
        let (there, after) = (load(from, 1), load(from, 0));
        for layer in 0..LAYERS {
            near[layer] = more(&here[layer], there, near[layer]);
            far[layer] = more(&here[layer], after, far[layer]);
        }
    }
    Some([near, far])
}

macro_rules! arrays {
    ($name:ident, $number:ty, $count:literal, $first:expr, $more:expr) => {
        /// Registers for any processor; the compiler makes of them what the target has.
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Lanes for $name {
            type Number = $number;
            type Register = [$number; $count];
            type Value = $number;
            type Values = [$number; $count];
            const COUNT: usize = $count;
            const INFINITE: $number = <$number>::INFINITY;

            #[inline(always)]
            fn splat(self, value: $number) -> Self::Register {
                [value; $count]
            }
            #[inline(always)]
            fn load(self, from: &[$number], start: usize) -> Self::Register {
                chunk(from, start).copied().unwrap_or([<$number>::INFINITY; $count])
            }
            #[inline(always)]
            fn last(self, value: Self::Register) -> $number {
                value[$count - 1]
            }
            #[inline(always)]
            fn add(self, a: Self::Register, b: Self::Register) -> Self::Register {
                std::array::from_fn(|lane| a[lane] + b[lane])
            }
            #[inline(always)]
            fn costs<const D: usize>(
                self,
                layers: &[[Self::Values; LAYERS]; D],
                channels: &[Self::Value],
                at: usize,
                length: usize,
            ) -> Option<Costs<Self::Register>> {
                sums(
                    layers,
                    black_box(&layers[1..]).iter(),
                    (channels, at, length),
                    [<$number>::INFINITY; $count],
                    |from, start| self.load(from, start),
                    |row, column| std::array::from_fn(|lane| $first(row[lane], column[lane])),
                    |row, column, cost| {
                        std::array::from_fn(|lane| cost[lane] + $more(row[lane], column[lane]))
                    },
                )
            }
            #[inline(always)]
            fn freed(self, mut value: Self::Register, lane: usize) -> Self::Register {
                value[lane % $count] = 0.0;
                value
            }
            #[inline(always)]
            fn smaller(self, a: Self::Register, b: Self::Register) -> Self::Register {
                std::array::from_fn(|lane| if a[lane] < b[lane] { a[lane] } else { b[lane] })
            }
            #[inline(always)]
            fn shifted(self, mut value: Self::Register, first: $number) -> Self::Register {
                value.rotate_right(1);
                value[0] = first;
                value
            }
            #[inline(always)]
            fn least(self, value: Self::Register) -> $number {
                value.into_iter().fold(<$number>::INFINITY, |least, x| if x < least { x } else { least })
            }
        }
    };
}

// norms, then products with the doubled, negative values of the row
arrays!(Single, f32, 4, |a, b| a + b, |a, b| a * b);
arrays!(Double, f64, 2, squared_difference, squared_difference);

#[inline(always)]
fn squared_difference(a: f64, b: f64) -> f64 {
    (a - b) * (a - b)
}

#[inline(always)]
fn chunk<T, const N: usize>(from: &[T], start: usize) -> Option<&[T; N]> {
    from.get(start..)?.first_chunk()
}

#[cfg(target_arch = "x86_64")]
pub use avx2::{DoubleAvx2, SingleAvx2};

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use core::arch::x86_64::{__m256, __m256d, __m256i};

    use pulp::{cast, x86::V3};

    use std::hint::black_box;

    use super::{Costs, LAYERS, Lanes, chunk, sums};

    /// Eight single-precision numbers.
    #[derive(Debug, Clone, Copy)]
    pub struct SingleAvx2(pub V3);

    impl Lanes for SingleAvx2 {
        type Number = f32;
        type Register = __m256;
        type Value = f32;
        type Values = __m256;
        const COUNT: usize = 8;
        const INFINITE: f32 = f32::INFINITY;

        #[inline(always)]
        fn splat(self, value: f32) -> __m256 {
            self.0.avx._mm256_set1_ps(value)
        }
        #[inline(always)]
        fn load(self, from: &[f32], start: usize) -> __m256 {
            cast::<[f32; 8], __m256>(*chunk(from, start).unwrap_or(&[f32::INFINITY; 8]))
        }
        #[inline(always)]
        fn last(self, value: __m256) -> f32 {
            cast::<__m256, [f32; 8]>(value)[7]
        }
        #[inline(always)]
        fn add(self, a: __m256, b: __m256) -> __m256 {
            self.0.avx._mm256_add_ps(a, b)
        }
        #[inline(always)]
        fn costs<const D: usize>(
            self,
            layers: &[[__m256; LAYERS]; D],
            channels: &[f32],
            at: usize,
            length: usize,
        ) -> Option<Costs<__m256>> {
            let avx = self.0.avx;
            sums(
                layers,
                black_box(&layers[1..]).iter(),
                (channels, at, length),
                self.splat(Self::INFINITE),
                |from, start| self.load(from, start),
                |row, column| avx._mm256_add_ps(*row, column),
                |row, column, cost| self.0.fma._mm256_fmadd_ps(*row, column, cost),
            )
        }
        #[inline(always)]
        fn freed(self, value: __m256, lane: usize) -> __m256 {
            let mut value = cast::<__m256, [f32; 8]>(value);
            value[lane % 8] = 0.0;
            cast(value)
        }
        #[inline(always)]
        fn smaller(self, a: __m256, b: __m256) -> __m256 {
            self.0.avx._mm256_min_ps(a, b)
        }
        #[inline(always)]
        fn shifted(self, value: __m256, first: f32) -> __m256 {
            // one shuffle of two sources a half: less latency than any shuffle across halves
            let halves = self.0.avx._mm256_permute2f128_ps::<0x20>(self.splat(first), value);
            let (value, halves) = (cast::<__m256, __m256i>(value), cast::<__m256, __m256i>(halves));
            cast(self.0.avx2._mm256_alignr_epi8::<12>(value, halves))
        }
        #[inline(always)]
        fn least(self, value: __m256) -> f32 {
            cast::<__m256, [f32; 8]>(value).into_iter().fold(f32::INFINITY, f32::min)
        }
    }

    /// Four double-precision numbers.
    #[derive(Debug, Clone, Copy)]
    pub struct DoubleAvx2(pub V3);

    impl Lanes for DoubleAvx2 {
        type Number = f64;
        type Register = __m256d;
        type Value = f64;
        type Values = __m256d;
        const COUNT: usize = 4;
        const INFINITE: f64 = f64::INFINITY;

        #[inline(always)]
        fn splat(self, value: f64) -> __m256d {
            self.0.avx._mm256_set1_pd(value)
        }
        #[inline(always)]
        fn load(self, from: &[f64], start: usize) -> __m256d {
            cast::<[f64; 4], __m256d>(*chunk(from, start).unwrap_or(&[f64::INFINITY; 4]))
        }
        #[inline(always)]
        fn last(self, value: __m256d) -> f64 {
            cast::<__m256d, [f64; 4]>(value)[3]
        }
        #[inline(always)]
        fn add(self, a: __m256d, b: __m256d) -> __m256d {
            self.0.avx._mm256_add_pd(a, b)
        }
        #[inline(always)]
        fn costs<const D: usize>(
            self,
            layers: &[[__m256d; LAYERS]; D],
            channels: &[f64],
            at: usize,
            length: usize,
        ) -> Option<Costs<__m256d>> {
            let avx = self.0.avx;
            let squared = |row: &__m256d, column| {
                let difference = avx._mm256_sub_pd(*row, column);
                avx._mm256_mul_pd(difference, difference)
            };
            sums(
                layers,
                black_box(&layers[1..]).iter(),
                (channels, at, length),
                self.splat(Self::INFINITE),
                |from, start| self.load(from, start),
                squared,
                |row, column, cost| avx._mm256_add_pd(cost, squared(row, column)),
            )
        }
        #[inline(always)]
        fn freed(self, value: __m256d, lane: usize) -> __m256d {
            let mut value = cast::<__m256d, [f64; 4]>(value);
            value[lane % 4] = 0.0;
            cast(value)
        }
        #[inline(always)]
        fn smaller(self, a: __m256d, b: __m256d) -> __m256d {
            self.0.avx._mm256_min_pd(a, b)
        }
        #[inline(always)]
        fn shifted(self, value: __m256d, first: f64) -> __m256d {
            let halves = self.0.avx._mm256_permute2f128_pd::<0x20>(self.splat(first), value);
            self.0.avx._mm256_shuffle_pd::<0b0101>(halves, value)
        }
        #[inline(always)]
        fn least(self, value: __m256d) -> f64 {
            cast::<__m256d, [f64; 4]>(value).into_iter().fold(f64::INFINITY, f64::min)
        }
    }
}
