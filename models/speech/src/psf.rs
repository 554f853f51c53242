//! `psf78`: the cepstra of python_speech_features, as a second team (Offline Facial Reaction Generation) uses them.
//!
//! Same width as the official 78, other numbers. Frames of 40 ms without overlap, the last one filled with zeros, so
//! there may be one row more than whole video frames; transform of max(512, frame) samples; pre-emphasis 0.97 over the
//! whole signal (first sample kept); rectangular window; power over the transform length; 26 triangles with corners at
//! whole bins, 0 Hz to Nyquist; zeros replaced by f64's epsilon; ln; 26 orthonormal cosines; lifter 22; coefficient 0
//! replaced by the log of the frame's power. Deltas over +-2 rows with the edge rows repeated, twice.
//!
//! Samples are in -1..1; the original scales int16 by 32767 instead of 32768, which moves coefficient 0 by 6e-5.

use clips::time::FRAMES_PER_SECOND;

use crate::bank::Bank;
use crate::mfcc::{joined, with_centred};
use crate::spectrum::{Transform, cosines, finite, lifter, times};

const BANDS: usize = 26;

/// 26 cepstra, deltas and delta-deltas of mono sound at its own rate: `[ceil(N / frame), 78]`. Deltas look up to four
/// rows ahead.
pub fn psf78(samples: &[f32], rate: u32) -> Vec<[f32; 78]> {
    joined(&cepstra(samples, rate), with_centred)
}

/// The 26 cepstra alone.
fn cepstra(samples: &[f32], rate: u32) -> Vec<[f64; BANDS]> {
    let length = (rate / FRAMES_PER_SECOND) as usize;
    if length == 0 {
        return Vec::new();
    }
    let fft = length.max(512);
    let (mut transform, bank) = (Transform::new(fft), Bank::at_whole_bins(BANDS, f64::from(rate), fft));
    let cosines = cosines(BANDS, BANDS);
    let samples = finite(samples);
    let emphasised: Vec<f64> =
        (0..samples.len()).map(|i| samples[i] - if i == 0 { 0.0 } else { 0.97 * samples[i - 1] }).collect();
    let above_zero = |value: f64| if value == 0.0 { f64::EPSILON } else { value };
    emphasised
        .chunks(length)
        .map(|frame| {
            let scale = 1.0 / fft as f64;
            let power: Vec<f64> = transform.power(frame.iter().copied()).map(|bin| bin * scale).collect();
            let energy = above_zero(power.iter().sum());
            let logs: Vec<f64> = bank.apply(&power).map(|band| above_zero(band).ln()).collect();
            let cepstra = times(&cosines, &logs);
            let mut row: [f64; BANDS] =
                std::array::from_fn(|k| cepstra.get(k).map_or(0.0, |value| value * lifter(k)));
            row[0] = energy.ln();
            row
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_frame_makes_a_row_and_silence_stays_finite() {
        assert_eq!(psf78(&[0.0; 641], 16_000).len(), 2);
        assert_eq!(psf78(&[0.0; 640], 16_000).len(), 1);
        assert!(psf78(&[], 16_000).is_empty() && psf78(&[1.0], 0).is_empty());
        assert!(psf78(&[0.0, f32::NAN, 0.5], 8_000).iter().flatten().all(|value| value.is_finite()));
    }
}
