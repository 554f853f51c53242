//! Log-mel patches, in the standard form and as the REACT 2024 baseline parametrises it.
//!
//! Both: periodic Hann, *magnitude* spectrum, 64 triangles straight in mel from 125 to 7500 Hz, the bin at 0 Hz without
//! weight, ln(x + 0.01), no padding, patches of 96 rows without overlap, the last partial patch dropped. Standard
//! (what the published weights were trained on): 16 kHz, window 400, hop 160, FFT 512, a patch is 0.96 s. REACT: 24 kHz,
//! window 600, hop *10 samples*, FFT 1024, a patch is 960 samples, one video frame. The published weights never saw
//! such patches; the baseline feeds them all the same.
//!
//! Row r hears `window` samples from `hop * r` on, so a REACT patch hears 590 samples (24.6 ms) past its video frame.
//! 30.04 s make 750 patches and 30.00 s 749; the official loader repeats the last one, and so do we (see
//! [`kind`](crate::kind)).

use rayon::prelude::*;

use crate::bank::{Bank, Layout, Scale};
use crate::spectrum::{Transform, finite, hann, whole_frames};

/// Mel bands of a row.
pub const BANDS: usize = 64;
/// Rows of a patch.
pub const PATCH_ROWS: usize = 96;
/// Numbers in a patch.
pub const PATCH: usize = PATCH_ROWS * BANDS;
const OFFSET: f64 = 0.01;
/// Rows computed by one task.
const BLOCK: usize = 512;

/// A parametrisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Front {
    /// Sampling rate in Hz.
    pub rate: u32,
    /// Samples of a row.
    pub window: usize,
    /// Samples between rows.
    pub hop: usize,
    /// Length of the transform.
    pub fft: usize,
}

/// As VGGish was trained.
pub const STANDARD: Front = Front { rate: 16_000, window: 400, hop: 160, fft: 512 };
/// As the REACT 2024 baseline calls it.
pub const REACT: Front = Front { rate: 24_000, window: 600, hop: 10, fft: 1024 };

impl Front {
    /// Rows of `samples` samples.
    pub fn rows(&self, samples: usize) -> usize {
        whole_frames(samples, self.window, self.hop)
    }

    /// The triangles over the bins: `[64][fft / 2 + 1]`.
    pub fn triangles(&self) -> Vec<Vec<f64>> {
        self.bank().dense(self.fft / 2 + 1)
    }

    fn bank(&self) -> Bank {
        Bank::new(&Layout {
            bands: BANDS,
            low_hz: 125.0,
            high_hz: 7_500.0,
            rate: f64::from(self.rate),
            fft: self.fft,
            bins: 1..self.fft / 2 + 1,
            scale: Scale::Htk,
            straight_in_mel: true,
            area_one: false,
        })
    }

    /// Log-mel rows of mono sound at [`Front::rate`]: `[T, 64]`.
    pub fn log_mel(&self, samples: &[f32]) -> Vec<[f32; BANDS]> {
        let (bank, window) = (self.bank(), hann(self.window));
        let rows = self.rows(samples.len());
        let mut out = vec![[0.0; BANDS]; rows];
        out.par_chunks_mut(BLOCK).enumerate().for_each(|(block, out)| {
            let mut transform = Transform::new(self.fft);
            let mut magnitude = vec![0.0; self.fft / 2 + 1];
            let from = block * BLOCK * self.hop;
            let heard = finite(&samples[from..][..(out.len() - 1) * self.hop + self.window]);
            for (row, out) in out.iter_mut().enumerate() {
                let part =
                    heard[row * self.hop..].iter().zip(&window).map(|(sample, weight)| sample * weight);
                for (slot, power) in magnitude.iter_mut().zip(transform.power(part)) {
                    *slot = power.sqrt();
                }
                for (slot, band) in out.iter_mut().zip(bank.apply(&magnitude)) {
                    *slot = (band + OFFSET).ln() as f32;
                }
            }
        });
        out
    }

    /// Patches of mono sound at [`Front::rate`]: `[patches, 96 * 64]`, row by row of each.
    pub fn patches(&self, samples: &[f32]) -> Vec<f32> {
        let rows = self.log_mel(samples);
        rows[..rows.len() / PATCH_ROWS * PATCH_ROWS].as_flattened().to_vec()
    }
}
