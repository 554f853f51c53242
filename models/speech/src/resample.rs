//! Change of sampling rate by a windowed sinc, computed phase by phase.
//!
//! With the ratio reduced to o : n, output sample i = p + n * j (phase p) sits at input position o * j + p * o / n.
//! Around it the kernel is `sinc(t) cos^2(pi t / 12) c / o` with `t = (k / o - p / n) c`, `c = 0.99 min(o, n)`,
//! cut at |t| = 6 (six zero crossings, roll-off 0.99), the same filter as the widely used torchaudio `Resample`. Input
//! beyond the ends is silence; the output has `ceil(n * length / o)` samples.
//!
//! What it is not: a streaming resampler; it wants the whole signal.

use std::f64::consts::PI;

/// Zero crossings of the sinc on each side.
const CROSSINGS: f64 = 6.0;
/// Pass band as a share of the lower Nyquist frequency.
const ROLL_OFF: f64 = 0.99;
/// Kernels are tabulated up to this many taps in all (32 MiB); odd ratios beyond it compute taps as they go.
const MOST_TAPS: u64 = 1 << 22;

/// `samples` (one channel) at `from` samples a second, as `to` samples a second. Equal rates give a copy, a rate of 0
/// gives nothing.
pub fn resample(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    if from == 0 || to == 0 || samples.is_empty() {
        return Vec::new();
    }
    if from == to {
        return samples.to_vec();
    }
    let divisor = gcd(from, to);
    let ratio = Ratio { old: u64::from(from / divisor), new: u64::from(to / divisor) };
    let length = (samples.len() as u128 * u128::from(ratio.new)).div_ceil(u128::from(ratio.old)) as u64;
    let tabulate = ratio.new.min(length) * (ratio.reach() * 2 + 2) <= MOST_TAPS;
    let kernels: Vec<Kernel> = if tabulate {
        (0..ratio.new.min(length)).map(|phase| ratio.kernel(phase)).collect()
    } else {
        Vec::new()
    };
    let mut out = Vec::with_capacity(length as usize);
    for index in 0..length {
        let (turn, phase) = (index / ratio.new, index % ratio.new);
        let origin = (turn * ratio.old) as i64;
        out.push(match kernels.get(phase as usize) {
            Some(kernel) => kernel.apply(samples, origin),
            None => ratio.kernel(phase).apply(samples, origin),
        });
    }
    out
}

/// A reduced ratio of rates.
struct Ratio {
    old: u64,
    new: u64,
}

impl Ratio {
    fn cutoff(&self) -> f64 {
        self.old.min(self.new) as f64 * ROLL_OFF
    }

    /// Half-width of the kernel in input samples.
    fn reach(&self) -> u64 {
        (CROSSINGS * self.old as f64 / self.cutoff()).ceil() as u64
    }

    /// The taps of an output phase that are not zero.
    fn kernel(&self, phase: u64) -> Kernel {
        let (old, cutoff) = (self.old as f64, self.cutoff());
        let centre = phase as f64 / self.new as f64; // in units of `old` input samples
        let half_width = CROSSINGS * old / cutoff;
        let first = (centre * old - half_width).ceil() as i64;
        let last = (centre * old + half_width).floor() as i64;
        let taps = (first..=last)
            .map(|k| {
                let t = ((k as f64 / old - centre) * cutoff).clamp(-CROSSINGS, CROSSINGS);
                let window = (PI * t / (2.0 * CROSSINGS)).cos().powi(2);
                let sinc = if t == 0.0 { 1.0 } else { (PI * t).sin() / (PI * t) };
                sinc * window * cutoff / old
            })
            .collect();
        Kernel { first, taps }
    }
}

/// The taps of one phase; tap i weighs input sample `origin + first + i`.
struct Kernel {
    first: i64,
    taps: Vec<f64>,
}

impl Kernel {
    fn apply(&self, samples: &[f32], origin: i64) -> f32 {
        let start = origin + self.first;
        let skip = (-start).max(0) as usize; // taps before the first sample
        let begin = start.max(0) as usize;
        let (Some(taps), Some(window)) = (self.taps.get(skip..), samples.get(begin..)) else {
            return 0.0;
        };
        taps.iter().zip(window).map(|(tap, sample)| tap * f64::from(*sample)).sum::<f64>() as f32
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_follow_the_ratio_and_odd_requests_do_not_panic() {
        assert_eq!(resample(&[0.5; 441], 44_100, 16_000).len(), 160);
        assert_eq!(resample(&[0.5; 442], 44_100, 16_000).len(), 161);
        assert_eq!(resample(&[0.5; 7], 1, 16_000).len(), 112_000);
        assert_eq!(resample(&[0.5; 50], u32::MAX, 16_000).len(), 1);
        assert!(resample(&[0.5; 7], 0, 16_000).is_empty() && resample(&[], 8_000, 16_000).is_empty());
        assert_eq!(resample(&[0.5, -0.5], 8_000, 8_000), [0.5, -0.5]);
    }

    #[test]
    fn a_tone_keeps_its_level_and_pitch() {
        let tone = |rate: f64, count: usize| -> Vec<f32> {
            (0..count).map(|i| (2.0 * PI * 440.0 * i as f64 / rate).sin() as f32).collect()
        };
        let out = resample(&tone(44_100.0, 44_100), 44_100, 16_000);
        let expected = tone(16_000.0, 16_000);
        for (a, b) in out.iter().zip(&expected).skip(100).take(15_800) {
            assert!((a - b).abs() < 2e-3, "{a} {b}");
        }
    }

    #[test]
    fn nothing_above_the_new_nyquist_folds_back() {
        let tone: Vec<f32> =
            (0..48_000).map(|i| (2.0 * PI * 11_000.0 * f64::from(i) / 48_000.0).sin() as f32).collect();
        let out = resample(&tone, 48_000, 16_000);
        let power = out.iter().map(|x| x * x).sum::<f32>() / out.len() as f32;
        assert!(power < 1e-4, "alias power {power}");
    }
}
