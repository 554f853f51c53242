//! How loud and how high: one number for every video frame.
//!
//! Both are plain measurements for plots and for driving a face; the model does not read them (it reads
//! [`mfcc`](crate::mfcc)).

use std::f64::consts::PI;

use clips::Waveform;
use clips::time::sample_of_frame;

use crate::{FEATURE_RATE, mono_at_feature_rate};

/// Loudness of a frame of digital silence, in dB relative to full scale.
pub const SILENCE_DB: f32 = -100.0;

/// Root mean square of each whole video frame in dB relative to full scale (a full-scale sine is about -3),
/// not below [`SILENCE_DB`].
pub fn loudness_db(sound: &Waveform) -> Vec<f32> {
    let mono = sound.mono();
    (0..sound.frames())
        .map(|frame| {
            let range = sample_of_frame(frame, sound.rate)..sample_of_frame(frame + 1, sound.rate);
            let samples = mono.get(range).unwrap_or_default();
            let power = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>()
                / samples.len().max(1) as f64;
            let decibel = (10.0 * power.max(1e-20).log10()) as f32;
            if decibel.is_finite() { decibel.max(SILENCE_DB) } else { SILENCE_DB }
        })
        .collect()
}

/// Lowest and highest pitch looked for, in Hz.
const PITCH_HZ: (f64, f64) = (60.0, 400.0);
/// Least normalised autocorrelation of a voiced frame.
const VOICED: f64 = 0.55;
/// Half of the analysis window (two frames) in samples at 16 kHz.
const HALF: usize = 640;

/// Fundamental frequency around the middle of each whole video frame; `None` where the sound is not voiced.
/// Normalised autocorrelation over 80 ms; the shortest period whose peak is nearly as high as the highest one is
/// taken, which avoids most octave errors. It looks 40 ms past a frame's middle, so it is not for online use.
pub fn pitch_hz(sound: &Waveform) -> Vec<Option<f32>> {
    let samples = low_passed(&mono_at_feature_rate(sound));
    (0..sound.frames())
        .map(|frame| {
            let middle = sample_of_frame(frame, FEATURE_RATE) + HALF / 2;
            let window = samples.get(middle.saturating_sub(HALF)..(middle + HALF).min(samples.len()))?;
            pitch_of(window)
        })
        .collect()
}

fn pitch_of(window: &[f64]) -> Option<f32> {
    let shortest = (f64::from(FEATURE_RATE) / PITCH_HZ.1) as usize;
    let longest = ((f64::from(FEATURE_RATE) / PITCH_HZ.0) as usize).min(window.len() / 2);
    let mean = window.iter().sum::<f64>() / window.len().max(1) as f64;
    let x: Vec<f64> = window.iter().map(|sample| sample - mean).collect();
    let power = x.iter().map(|v| v * v).sum::<f64>() / x.len().max(1) as f64;
    if power < 1e-7 || longest <= shortest + 2 {
        return None;
    }
    let correlation: Vec<f64> = (shortest - 1..=longest + 1)
        .map(|lag| {
            let (a, b) = (&x[..x.len() - lag], &x[lag..]);
            let (mut ab, mut aa, mut bb) = (0.0, 1e-12, 1e-12);
            for (u, v) in a.iter().zip(b) {
                ab += u * v;
                aa += u * u;
                bb += v * v;
            }
            ab / (aa * bb).sqrt()
        })
        .collect();
    let peaks: Vec<usize> = (1..correlation.len() - 1)
        .filter(|i| correlation[*i] >= correlation[i - 1] && correlation[*i] > correlation[i + 1])
        .collect();
    let highest = peaks.iter().map(|i| correlation[*i]).fold(0.0, f64::max);
    if highest < VOICED {
        return None;
    }
    let chosen = *peaks.iter().find(|i| correlation[**i] > 0.9 * highest)?;
    let (left, top, right) = (correlation[chosen - 1], correlation[chosen], correlation[chosen + 1]);
    let bend = left - 2.0 * top + right;
    let shift = if bend.abs() > 1e-12 { 0.5 * (left - right) / bend } else { 0.0 };
    Some((f64::from(FEATURE_RATE) / ((shortest - 1 + chosen) as f64 + shift)) as f32)
}

/// One pole at 900 Hz, twice: enough to keep formants out of the pitch.
fn low_passed(samples: &[f32]) -> Vec<f64> {
    let keep = (-2.0 * PI * 900.0 / f64::from(FEATURE_RATE)).exp();
    let (mut first, mut second) = (0.0, 0.0);
    samples
        .iter()
        .map(|sample| {
            let sample = if sample.is_finite() { f64::from(*sample) } else { 0.0 };
            first = sample + (first - sample) * keep;
            second = first + (second - first) * keep;
            second
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(rate: u32, seconds: f64, at: impl Fn(f64) -> f64) -> Waveform {
        let count = (seconds * f64::from(rate)) as usize;
        let samples: Vec<f32> = (0..count).map(|i| at(i as f64 / f64::from(rate)) as f32).collect();
        Waveform { rate, channels: 1, samples: samples.into() }
    }

    #[test]
    fn a_sine_has_its_level_and_silence_the_floor() {
        let sound = wave(22_050, 1.0, |t| if t < 0.5 { (2.0 * PI * 200.0 * t).sin() } else { 0.0 });
        let loudness = loudness_db(&sound);
        assert_eq!(loudness.len(), 25);
        assert!((loudness[5] + 3.01).abs() < 0.1 && loudness[20] == SILENCE_DB, "{loudness:?}");
    }

    #[test]
    fn a_pulse_train_is_heard_at_its_pitch_and_noise_is_not_voiced() {
        let mut state = 1u32;
        for pitch in [80.0, 120.0, 210.0, 330.0] {
            let sound = wave(16_000, 1.0, |t| if (t * pitch).fract() < 0.1 { 0.5 } else { -0.05 });
            let found = pitch_hz(&sound);
            assert!(
                found[4..20].iter().all(|f| (f64::from(f.unwrap()) / pitch - 1.0).abs() < 0.03),
                "{found:?}"
            );
        }
        let noise: Vec<f32> = (0..16_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state as f32 / u32::MAX as f32 - 0.5
            })
            .collect();
        let found = pitch_hz(&Waveform { rate: 16_000, channels: 1, samples: noise.into() });
        assert!(found.iter().flatten().count() < 4, "{found:?}");
        assert!(pitch_hz(&wave(16_000, 1.0, |_| 0.0)).iter().all(Option::is_none));
    }
}
