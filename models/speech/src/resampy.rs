//! Change of sampling rate as resampy's `kaiser_best` does it, which the REACT baseline calls before VGGish.
//!
//! resampy 0.4: a sinc under a Kaiser window (beta 12.98), 50 zero crossings, roll-off 0.917, tabulated 8192 times per
//! crossing and read by linear interpolation. Output sample i sits at input time `i * from / to`; there are
//! `floor(n * to / from)`. When the rate falls the kernel is stretched by the ratio, with a step through the table
//! that is cut to a whole number, as in the original.
//!
//! What it is not: the resampler of our own features, which is [`resample`](mod@crate::resample).

use std::sync::OnceLock;

use rayon::prelude::*;

const CROSSINGS: usize = 50;
const STEPS: usize = 8192;
const ROLL_OFF: f64 = 0.917_347_368_671_260_9;
const BETA: f64 = 12.984_585_247_040_012;

/// `samples` (one channel) at `from` samples a second, as `to` samples a second.
pub fn kaiser_best(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    if from == 0 || to == 0 || samples.is_empty() {
        return Vec::new();
    }
    if from == to {
        return samples.to_vec();
    }
    let ratio = f64::from(to) / f64::from(from);
    let scale = ratio.min(1.0);
    let (table, step) = (table(), ((scale * STEPS as f64) as usize).max(1));
    let length = (samples.len() as u128 * u128::from(to) / u128::from(from)) as usize;
    (0..length)
        .into_par_iter()
        .with_min_len(1024)
        .map(|index| {
            let moment = index as f64 / ratio;
            let at = moment as usize;
            let side = |distance: f64, samples: &mut dyn Iterator<Item = &f32>| {
                let place = distance * STEPS as f64;
                let (offset, part) = (place as usize, place.fract());
                let taps = (table.len().saturating_sub(offset)) / step;
                let mut sum = 0.0;
                for (tap, sample) in samples.take(taps).enumerate() {
                    let slot = offset + tap * step;
                    let (this, next) = (table[slot], table.get(slot + 1).copied().unwrap_or(table[slot]));
                    sum += (this + part * (next - this)) * f64::from(*sample);
                }
                sum
            };
            let distance = scale * (moment - at as f64);
            let before = side(distance, &mut samples[..(at + 1).min(samples.len())].iter().rev());
            let after = side(scale - distance, &mut samples.get(at + 1..).unwrap_or_default().iter());
            (scale * (before + after)) as f32
        })
        .collect()
}

/// The right half of the windowed sinc.
fn table() -> &'static [f64] {
    static TABLE: OnceLock<Vec<f64>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let last = CROSSINGS * STEPS;
        (0..=last)
            .map(|index| {
                let t = index as f64 / STEPS as f64;
                let x = std::f64::consts::PI * t * ROLL_OFF;
                let sinc = if index == 0 { 1.0 } else { x.sin() / x };
                let edge = index as f64 / last as f64;
                ROLL_OFF * sinc * bessel(BETA * (1.0 - edge * edge).sqrt()) / bessel(BETA)
            })
            .collect()
    })
}

/// The modified Bessel function of the first kind of order 0, by its series (arguments up to 13 need 40 terms).
fn bessel(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..60 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_tone_keeps_its_shape_and_a_high_one_vanishes() {
        let tone = |hz: f64, rate: f64, n: usize| -> Vec<f32> {
            (0..n).map(|i| (2.0 * std::f64::consts::PI * hz * i as f64 / rate).sin() as f32).collect()
        };
        let out = kaiser_best(&tone(1000.0, 44_100.0, 44_100), 44_100, 24_000);
        assert_eq!(out.len(), 24_000);
        for (a, b) in out.iter().zip(tone(1000.0, 24_000.0, 24_000)).skip(200).take(23_000) {
            assert!((a - b).abs() < 1e-3, "{a} {b}");
        }
        let high = kaiser_best(&tone(16_000.0, 44_100.0, 44_100), 44_100, 24_000);
        assert!(high[200..23_000].iter().all(|x| x.abs() < 1e-3));
    }
}
