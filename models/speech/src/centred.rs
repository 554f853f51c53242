//! The usual library defaults at 16 kHz: frames of 400 samples every 160, centred on their moment, the ends mirrored.
//!
//! torchaudio's `MFCC` and librosa's `melspectrogram` with `n_fft = 400, hop = 160`. A centred frame hears 12.5 ms past
//! its moment and the dB scale the loudest frame of the whole clip, so these are to compare with other programs; no
//! system is offered them.

use crate::bank::{Bank, Layout, Scale};
use crate::spectrum::{Transform, cosines, finite, hann, mirrored, times, whole_frames};

const WINDOW: usize = 400;
const HOP: usize = 160;
const BINS: usize = WINDOW / 2 + 1;
const RATE: f64 = 16_000.0;

/// 13 cepstra of 64 HTK bands (0 to 8000 Hz, slopes straight in Hz) in dB, at least the clip's maximum - 80 dB:
/// `[1 + floor(N / 160), 13]`.
pub fn mfcc13(samples: &[f32]) -> Vec<[f32; 13]> {
    let bank = bank(64, Scale::Htk, false);
    let mut levels: Vec<Vec<f64>> = powers(samples)
        .iter()
        .map(|power| bank.apply(power).map(|band| 10.0 * band.max(1e-10).log10()).collect())
        .collect();
    let floor = levels.iter().flatten().fold(f64::NEG_INFINITY, |most, level| most.max(*level)) - 80.0;
    levels.iter_mut().flatten().for_each(|level| *level = level.max(floor));
    let cosines = cosines(64, 13);
    levels
        .iter()
        .map(|row| {
            let cepstra = times(&cosines, row);
            std::array::from_fn(|k| cepstra.get(k).map_or(0.0, |value| *value as f32))
        })
        .collect()
}

/// Power in 40 Slaney bands of area 1: `[1 + floor(N / 160), 40]`.
pub fn mel40_slaney(samples: &[f32]) -> Vec<[f32; 40]> {
    let bank = bank(40, Scale::Slaney, true);
    powers(samples)
        .iter()
        .map(|power| {
            let mut row = [0.0; 40];
            for (slot, band) in row.iter_mut().zip(bank.apply(power)) {
                *slot = band as f32;
            }
            row
        })
        .collect()
}

/// The triangles of [`mel40_slaney`] over the 201 bins.
pub fn slaney_triangles() -> Vec<Vec<f64>> {
    bank(40, Scale::Slaney, true).dense(BINS)
}

fn bank(bands: usize, scale: Scale, area_one: bool) -> Bank {
    Bank::new(&Layout {
        bands,
        low_hz: 0.0,
        high_hz: 8_000.0,
        rate: RATE,
        fft: WINDOW,
        bins: 0..BINS,
        scale,
        straight_in_mel: false,
        area_one,
    })
}

fn powers(samples: &[f32]) -> Vec<Vec<f64>> {
    if samples.is_empty() {
        return Vec::new();
    }
    let (window, mut transform) = (hann(WINDOW), Transform::new(WINDOW));
    let padded = mirrored(&finite(samples), WINDOW / 2);
    (0..whole_frames(padded.len(), WINDOW, HOP))
        .map(|frame| {
            let part = &padded[frame * HOP..][..WINDOW];
            transform.power(part.iter().zip(&window).map(|(sample, weight)| sample * weight)).collect()
        })
        .collect()
}
