//! Seeded chance: every random draw of the project comes from here.
//!
//! Draws are *counter based*: a draw is a function of a seed and of what it is for (clip, latent, frame, ...), never
//! of how many draws came before it on some other thread. So a take does not depend on batch size, thread count or
//! on which other takes are made, and a resumed run equals an uninterrupted one. The generator is ChaCha8 from
//! `rand_chacha`; its output is fixed by its specification and does not change between versions.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// A stream of draws for one purpose.
#[derive(Clone, Debug)]
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// The stream of `seed` for a purpose; `words` name it. Different purposes give independent streams.
    pub fn new(seed: u64, purpose: &str, words: &[u64]) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update((purpose.len() as u64).to_le_bytes());
        hash.update(purpose.as_bytes());
        for word in words {
            hash.update(word.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(hash.finalize().into()))
    }

    /// Moves to draw number `index` of the stream (each draw of [`Chance::uniform`] is one).
    pub fn seek(&mut self, index: u64) {
        self.0.set_word_pos(u128::from(index) * 2);
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1) with 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Uniform among 0..count; 0 when `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        // The bias of the multiply-shift is under 2^-32 for every count met here.
        ((u128::from(self.bits()) * count as u128) >> 64) as usize
    }

    /// Standard normal (Box-Muller, two draws; the second value is dropped to keep draws countable).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// True with the given probability.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// As many draws of [`Chance::happens`] as `each` has places, the same ones, several times as fast.
    pub fn happen(&mut self, probability: f64, each: &mut [bool]) {
        // `uniform() < probability` without leaving the integers: scaling by a power of two is exact.
        let below = (probability * (1u64 << 53) as f64).ceil() as u64;
        let mut bytes = [0; 4096];
        for each in each.chunks_mut(bytes.len() / 8) {
            let bytes = &mut bytes[..each.len() * 8];
            self.0.fill_bytes(bytes);
            let (words, _) = bytes.as_chunks();
            for (happens, word) in each.iter_mut().zip(words) {
                *happens = u64::from_le_bytes(*word) >> 11 < below;
            }
        }
    }

    /// An index drawn with the given non-negative weights; the last one when they sum to nothing.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let total: f64 = weights.iter().sum();
        let mut rest = self.uniform() * total;
        for (index, weight) in weights.iter().enumerate() {
            rest -= weight;
            if rest < 0.0 {
                return index;
            }
        }
        weights.len().saturating_sub(1)
    }

    /// Fisher-Yates shuffle in place.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seek_reaches_the_same_draw_as_counting() {
        let mut counted = Chance::new(7, "test", &[1, 2]);
        let draws: Vec<f64> = (0..100).map(|_| counted.uniform()).collect();
        for (index, draw) in draws.iter().enumerate().rev() {
            let mut sought = Chance::new(7, "test", &[1, 2]);
            sought.seek(index as u64);
            assert_eq!(sought.uniform(), *draw);
        }
    }

    #[test]
    fn many_that_happen_are_those_that_happen_one_by_one() {
        for (probability, before) in [(0.0, 0), (0.1, 1), (0.25, 3), (1.0 / 3.0, 0), (1.0, 2)] {
            let mut one = Chance::new(9, "test", &[]);
            one.seek(before);
            let mut many = one.clone();
            let mut all = [false; 1201];
            many.happen(probability, &mut all);
            assert!(all.iter().all(|happens| *happens == one.happens(probability)), "{probability}");
            assert_eq!(many.bits(), one.bits(), "both stand at the same draw");
        }
    }

    #[test]
    fn purposes_and_seeds_are_independent() {
        let first = |seed, purpose, word| Chance::new(seed, purpose, &[word]).bits();
        assert_ne!(first(1, "a", 0), first(2, "a", 0));
        assert_ne!(first(1, "a", 0), first(1, "b", 0));
        assert_ne!(first(1, "a", 0), first(1, "a", 1));
        assert_eq!(first(1, "a", 0), 7_935_531_286_637_964_469, "the stream is part of every file format");
    }

    #[test]
    fn moments_are_right() {
        let mut chance = Chance::new(3, "moments", &[]);
        let draws: Vec<f64> = (0..200_000).map(|_| chance.normal()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        let ones = (0..100_000).filter(|_| chance.weighted(&[1.0, 3.0]) == 1).count();
        assert!((ones as f64 / 100_000.0 - 0.75).abs() < 0.01);
    }
}
