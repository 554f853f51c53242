//! `react78`: what the official REACT 2024 code feeds its Trans-VAE, and the Kaldi front end it is made of.
//!
//! Source: torchaudio's `compliance.kaldi` as called by the official `dataset.py`, reproduced from its description.
//! Samples are in -1..1 (not at int16 scale). A video frame is `floor(rate / 25)` samples and is processed alone:
//! frames of 25 ms every 10 ms that fit whole, which is two for every usual rate. A frame: minus its mean; log-energy;
//! pre-emphasis 0.97 with the first sample repeated; Povey window; power spectrum padded to a power of two; 23
//! triangles from 20 Hz to Nyquist; ln of at least f32's epsilon; 13 cosines; lifter 22; coefficient 0 replaced by the
//! log-energy, which is floored at ln 1 = 0. Then deltas over the two frames, laid out as kind x cepstrum x frame.
//!
//! Two consequences to know of: both deltas are 0.3 times the difference of the two frames and the delta-delta is 0, so
//! 26 of the 78 numbers say everything; and at this scale the energy floor makes coefficient 0 exactly 0 in quiet sound.
//!
//! What it is not: a good feature. It is here because a baseline was trained on it; ours are in [`mfcc`](crate::mfcc).

use clips::time::FRAMES_PER_SECOND;

use crate::bank::{Bank, Layout, Scale};
use crate::mfcc::centred_delta;
use crate::spectrum::{Transform, cosines, finite, lifter, povey, times, whole_frames};

/// Mel bands of the cepstra.
const BANDS: usize = 23;
/// Cepstra kept.
const KEPT: usize = 13;
/// Lower edge of the first band in Hz.
const LOWEST_HZ: f64 = 20.0;
/// Smallest band power: the epsilon of `f32`.
const EPSILON: f64 = f32::EPSILON as f64;

/// The 78 numbers of every whole video frame of mono sound at its own rate: `[T, 78]`,
/// index = kind * 26 + cepstrum * 2 + frame. Empty below 1 kHz, where two frames do not fit.
pub fn react78(samples: &[f32], rate: u32) -> Vec<[f32; 78]> {
    let window = (rate / FRAMES_PER_SECOND) as usize;
    let mut front = Front::new(rate, BANDS);
    if rate < 1000 || whole_frames(window, front.length, front.hop) != 2 {
        return Vec::new();
    }
    let samples = finite(samples);
    samples
        .chunks_exact(window)
        .map(|chunk| {
            let frames: Vec<[f64; KEPT]> = front.cepstra(chunk, true);
            let delta = centred_delta(&frames);
            let delta_delta = centred_delta(&delta);
            let mut row = [0.0; 78];
            for (kind, rows) in [&frames, &delta, &delta_delta].into_iter().enumerate() {
                for (frame, values) in rows.iter().enumerate() {
                    for (cepstrum, value) in values.iter().enumerate() {
                        row[kind * 26 + cepstrum * 2 + frame] = *value as f32;
                    }
                }
            }
            row
        })
        .collect()
}

/// Kaldi cepstra of a whole clip without the energy (`use_energy = false`), every 10 ms: `[T, 13]`.
pub fn mfcc13(samples: &[f32], rate: u32) -> Vec<[f32; KEPT]> {
    let mut front = Front::new(rate, BANDS);
    front.cepstra(&finite(samples), false).into_iter().map(|row| row.map(|value| value as f32)).collect()
}

/// Kaldi log-mel power of a whole clip in 40 bands, every 10 ms: `[T, 40]`.
pub fn fbank40(samples: &[f32], rate: u32) -> Vec<[f32; 40]> {
    let mut front = Front::new(rate, 40);
    let samples = finite(samples);
    front
        .frames(&samples)
        .into_iter()
        .map(|(_, logs)| std::array::from_fn(|band| logs.get(band).map_or(0.0, |log| *log as f32)))
        .collect()
}

/// The triangles over the bins below Nyquist at a rate: `[bands][bins]`.
pub fn triangles(rate: u32, bands: usize) -> Vec<Vec<f64>> {
    let front = Front::new(rate, bands);
    front.bank.dense(front.length.next_power_of_two() / 2)
}

/// Tables and buffers of one rate.
struct Front {
    /// Samples in a frame.
    length: usize,
    hop: usize,
    window: Vec<f64>,
    transform: Transform,
    bank: Bank,
    cosines: Vec<Vec<f64>>,
}

impl Front {
    fn new(rate: u32, bands: usize) -> Self {
        // floor(0.025 rate) and floor(0.010 rate) without a rounding error of the product
        let (length, hop) = ((rate / 40).max(2) as usize, (rate / 100).max(1) as usize);
        let fft = length.next_power_of_two();
        let bank = Bank::new(&Layout {
            bands,
            low_hz: LOWEST_HZ,
            high_hz: f64::from(rate) / 2.0,
            rate: f64::from(rate),
            fft,
            bins: 0..fft / 2,
            scale: Scale::Htk,
            straight_in_mel: true,
            area_one: false,
        });
        Self {
            length,
            hop,
            window: povey(length),
            transform: Transform::new(fft),
            bank,
            cosines: cosines(bands, KEPT),
        }
    }

    /// Log-energy and log-mel power of every whole frame.
    fn frames(&mut self, samples: &[f64]) -> Vec<(f64, Vec<f64>)> {
        (0..whole_frames(samples.len(), self.length, self.hop))
            .map(|frame| {
                let raw = &samples[frame * self.hop..][..self.length];
                let mean = raw.iter().sum::<f64>() / self.length as f64;
                let energy = raw.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
                let emphasised = (0..self.length).map(|i| {
                    let before = raw[i.saturating_sub(1)] - mean;
                    ((raw[i] - mean) - 0.97 * before) * self.window[i]
                });
                let power: Vec<f64> = self.transform.power(emphasised).collect();
                let logs = self.bank.apply(&power).map(|x| x.max(EPSILON).ln()).collect();
                (energy.max(EPSILON).ln(), logs)
            })
            .collect()
    }

    fn cepstra(&mut self, samples: &[f64], with_energy: bool) -> Vec<[f64; KEPT]> {
        self.frames(samples)
            .into_iter()
            .map(|(energy, logs)| {
                let cepstra = times(&self.cosines, &logs);
                let mut row: [f64; KEPT] =
                    std::array::from_fn(|k| cepstra.get(k).map_or(0.0, |value| value * lifter(k)));
                if with_energy {
                    row[0] = energy.max(0.0);
                }
                row
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_of_two_frames_are_what_the_header_says() {
        let mut chance = clips::Chance::new(1, "kaldi", &[]);
        let samples: Vec<f32> = (0..1764 * 3).map(|_| chance.between(-0.5, 0.5) as f32).collect();
        let rows = react78(&samples, 44_100);
        assert_eq!(rows.len(), 3);
        for row in rows {
            for cepstrum in 0..13 {
                let step = 0.3 * (row[cepstrum * 2 + 1] - row[cepstrum * 2]);
                assert!((row[26 + cepstrum * 2] - step).abs() < 1e-4);
                assert!((row[26 + cepstrum * 2 + 1] - step).abs() < 1e-4);
            }
            assert!(row[52..].iter().all(|value| value.abs() < 1e-6));
        }
    }

    #[test]
    fn silence_odd_numbers_and_tiny_rates_stay_finite() {
        let mut samples = vec![0.0; 640 * 2];
        samples[3] = f32::NAN;
        let rows = react78(&samples, 16_000);
        assert!(rows.len() == 2 && rows.iter().flatten().all(|value| value.is_finite()));
        for rate in [0, 1, 24, 25, 999, 1000, 8000, 11_025] {
            assert!(react78(&samples, rate).iter().flatten().all(|value| value.is_finite()), "{rate}");
        }
    }
}
