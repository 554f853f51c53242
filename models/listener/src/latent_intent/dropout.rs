//! Dropout while training: values of frame tokens and of residual branches become 0, the others are scaled up so that
//! means stay (Srivastava et al. 2014).
//!
//! Which values is a function of seed, stage, step, clip, pass and place in the network, so a resumed run drops what an
//! uninterrupted one would have dropped, and a loss with dropout is a function whose slopes can be checked. Attention
//! weights are not dropped.

use clips::Chance;

use crate::real::Real;

/// What is dropped in the passes of one clip.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Dropout {
    rate: f64,
    seed: u64,
    words: [u64; 4],
}

/// The passes of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// The speaker.
    Encode,
    /// A reaction that is appropriate.
    RecognisePositive,
    /// A reaction to somebody else.
    RecogniseNegative,
    /// The reaction that is predicted.
    Generate,
}

impl Dropout {
    /// Nothing is dropped.
    pub const NONE: Self = Self { rate: 0.0, seed: 0, words: [0; 4] };

    /// Drops the share `rate` (below 1); `words` name stage, step and clip.
    pub fn new(rate: f64, seed: u64, words: [u64; 3]) -> Self {
        Self { rate, seed, words: [words[0], words[1], words[2], 0] }
    }

    /// The same clip in another pass.
    #[must_use]
    pub fn pass(self, pass: Pass) -> Self {
        let [stage, step, clip, _] = self.words;
        Self { words: [stage, step, clip, pass as u64], ..self }
    }

    /// The share that is dropped.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// A number that names seed, stage, step, clip and pass; starts generators that are not ours.
    pub fn number(&self) -> u64 {
        Chance::new(self.seed, "dropout of another device", &self.words).bits()
    }

    /// Factors of `count` values at a place: 0 or 1 / (1 - rate); `None` when nothing is dropped.
    pub fn factors<T: Real>(&self, place: usize, count: usize) -> Option<Vec<T>> {
        if self.rate <= 0.0 {
            return None;
        }
        let [a, b, c, d] = self.words;
        let mut chance = Chance::new(self.seed, "dropout", &[a, b, c, d, place as u64]);
        let dropped_below = (self.rate.min(1.0) * 4_294_967_296.0) as u64;
        let kept = T::of(1.0 / (1.0 - self.rate).max(f64::EPSILON));
        let mut factors = Vec::with_capacity(count + 1);
        while factors.len() < count {
            let bits = chance.bits();
            for half in [bits >> 32, bits & 0xffff_ffff] {
                factors.push(if half < dropped_below { T::ZERO } else { kept });
            }
        }
        factors.truncate(count);
        Some(factors)
    }
}

/// `values *= factors`, where there are factors.
pub(super) fn drop_values<T: Real>(values: &mut [T], factors: Option<&[T]>) {
    if let Some(factors) = factors {
        values.iter_mut().zip(factors).for_each(|(value, factor)| *value = *value * *factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_the_one_asked_for_and_the_mean_stays() {
        let dropout = Dropout::new(0.1, 3, [1, 2, 3]);
        let factors: Vec<f64> = dropout.factors(4, 100_001).unwrap();
        assert_eq!(factors.len(), 100_001);
        let dropped = factors.iter().filter(|factor| **factor == 0.0).count();
        // five standard deviations of a binomial
        assert!(dropped.abs_diff(10_000) < 475, "{dropped}");
        let mean = factors.iter().sum::<f64>() / factors.len() as f64;
        assert!((mean - 1.0).abs() < 0.006, "{mean}");
        assert_eq!(Dropout::NONE.factors::<f32>(0, 9), None);
    }

    #[test]
    fn clips_passes_and_places_drop_other_values_and_always_the_same() {
        let base = Dropout::new(0.5, 3, [1, 2, 3]);
        let of = |dropout: Dropout, place| dropout.factors::<f32>(place, 64).unwrap();
        assert_eq!(of(base, 0), of(Dropout::new(0.5, 3, [1, 2, 3]).pass(Pass::Encode), 0));
        for other in
            [base.pass(Pass::Generate), Dropout::new(0.5, 3, [1, 2, 4]), Dropout::new(0.5, 4, [1, 2, 3])]
        {
            assert_ne!(of(base, 0), of(other, 0));
        }
        assert_ne!(of(base, 0), of(base, 1));
    }
}
