//! Cepstra at 25 rows a second: one 40 ms window for every video frame.
//!
//! 16 kHz; window = hop = 640 samples, no padding, so row t sees exactly frame t and there are `floor(N / 640)` rows.
//! Periodic Hann, power spectrum (321 bins), 40 triangles between 20 and 8000 Hz with edges even on the HTK mel
//! scale and slopes linear in Hz, `ln(x + 1e-6)`, orthonormal DCT-II, the first 13 or 26 kept (the 0th too, no
//! lifter). The delta is the regression over +-2 rows with the edge rows repeated. The paper gives 78 numbers in
//! 40 ms windows and no more; the other parameters are ours.
//!
//! Two kinds of delta: *centred* ones look two (delta-delta: four) rows ahead; *prefix* ones are the last row of the
//! operator on the rows so far, so they know no future. The model uses prefix deltas in both tracks. A dB scale
//! clamped against the loudest frame of the clip would look into the future too, so it is not offered.
//!
//! What it is not: other programs' cepstra (Kaldi, python_speech_features, VGGish differ in window, log and lifter).

use std::f64::consts::PI;
use std::sync::OnceLock;

use realfft::{RealFftPlanner, RealToComplex};

/// Samples in a window and between windows, at 16 kHz: one video frame.
pub const WINDOW: usize = 640;
/// Mel bands.
pub const BANDS: usize = 40;
const BINS: usize = WINDOW / 2 + 1;
const RATE: f64 = 16_000.0;
const LOWEST_HZ: f64 = 20.0;
const HIGHEST_HZ: f64 = 8_000.0;
/// Added before the logarithm; the level of silence.
const FLOOR: f64 = 1e-6;

/// The model's features of 16 kHz mono sound: `[T, 78]` = 26 cepstra, prefix deltas, prefix delta-deltas.
pub fn mfcc78(samples: &[f32]) -> Vec<[f32; 78]> {
    joined(&cepstra::<26>(samples), with_prefix)
}

/// As [`mfcc78`] with 13 cepstra: `[T, 39]`.
pub fn mfcc39(samples: &[f32]) -> Vec<[f32; 39]> {
    joined(&cepstra::<13>(samples), with_prefix)
}

/// As [`mfcc78`] with centred deltas, which look up to four rows ahead.
pub fn mfcc78_centred(samples: &[f32]) -> Vec<[f32; 78]> {
    joined(&cepstra::<26>(samples), with_centred)
}

/// As [`mfcc39`] with centred deltas, which look up to four rows ahead.
pub fn mfcc39_centred(samples: &[f32]) -> Vec<[f32; 39]> {
    joined(&cepstra::<13>(samples), with_centred)
}

/// Power in each mel band: `[T, 40]`. A sample that is not a number counts as silence.
pub fn mel_power(samples: &[f32]) -> Vec<[f64; BANDS]> {
    let tables = tables();
    let mut input = tables.fft.make_input_vec();
    let mut spectrum = tables.fft.make_output_vec();
    let mut scratch = tables.fft.make_scratch_vec();
    samples
        .chunks_exact(WINDOW)
        .map(|window| {
            for ((slot, sample), weight) in input.iter_mut().zip(window).zip(&tables.hann) {
                *slot = if sample.is_finite() { f64::from(*sample) * weight } else { 0.0 };
            }
            let mut bands = [0.0; BANDS];
            // lengths are fixed by the plan, so the transform cannot refuse; if it did, the row would be silence
            if tables.fft.process_with_scratch(&mut input, &mut spectrum, &mut scratch).is_ok() {
                for (band, triangle) in bands.iter_mut().zip(&tables.triangles) {
                    let bins = spectrum.iter().skip(triangle.first);
                    *band =
                        triangle.weights.iter().zip(bins).map(|(weight, bin)| weight * bin.norm_sqr()).sum();
                }
            }
            bands
        })
        .collect()
}

/// The first `N` log cepstra (at most 40): `[T, N]`.
pub fn cepstra<const N: usize>(samples: &[f32]) -> Vec<[f64; N]> {
    let cosines = &tables().cosines;
    mel_power(samples)
        .iter()
        .map(|bands| {
            let logs = bands.map(|power| (power + FLOOR).ln());
            std::array::from_fn(|k| {
                cosines
                    .get(k)
                    .map_or(0.0, |row| row.iter().zip(&logs).map(|(cosine, log)| cosine * log).sum())
            })
        })
        .collect()
}

/// Regression over +-2 rows, edge rows repeated: `d[t] = sum n (x[t + n] - x[t - n]) / 10`, n = 1, 2.
pub fn centred_delta<const N: usize>(rows: &[[f64; N]]) -> Vec<[f64; N]> {
    (0..rows.len()).map(|row| delta_at(row, rows.len() - 1, |at| rows[at])).collect()
}

/// The last row of the delta on rows `0..=t`, for every t.
pub fn prefix_delta<const N: usize>(rows: &[[f64; N]]) -> Vec<[f64; N]> {
    (0..rows.len()).map(|row| delta_at(row, row, |at| rows[at])).collect()
}

/// The last row of the delta of the delta on rows `0..=t`, for every t. (Not the prefix delta of the prefix deltas:
/// row t may use what row t tells about the slope at row t - 1.)
pub fn prefix_delta_delta<const N: usize>(rows: &[[f64; N]]) -> Vec<[f64; N]> {
    (0..rows.len()).map(|row| delta_at(row, row, |at| delta_at(at, row, |inner| rows[inner]))).collect()
}

/// The delta at `row` when the rows are `0..=last`.
fn delta_at<const N: usize>(row: usize, last: usize, at: impl Fn(usize) -> [f64; N]) -> [f64; N] {
    let mut delta = [0.0; N];
    for reach in 1..=2 {
        let (after, before) = (at((row + reach).min(last)), at(row.saturating_sub(reach)));
        for (out, (a, b)) in delta.iter_mut().zip(after.iter().zip(&before)) {
            *out += reach as f64 * (a - b) / 10.0;
        }
    }
    delta
}

type Deltas<const N: usize> = (Vec<[f64; N]>, Vec<[f64; N]>);

fn with_prefix<const N: usize>(rows: &[[f64; N]]) -> Deltas<N> {
    (prefix_delta(rows), prefix_delta_delta(rows))
}

fn with_centred<const N: usize>(rows: &[[f64; N]]) -> Deltas<N> {
    let delta = centred_delta(rows);
    let delta_delta = centred_delta(&delta);
    (delta, delta_delta)
}

/// Columns static, delta, delta-delta.
fn joined<const N: usize, const M: usize>(
    rows: &[[f64; N]],
    deltas: impl Fn(&[[f64; N]]) -> Deltas<N>,
) -> Vec<[f32; M]> {
    const { assert!(M == 3 * N) };
    let (delta, delta_delta) = deltas(rows);
    rows.iter()
        .zip(delta.iter().zip(&delta_delta))
        .map(|(row, (d, dd))| {
            let mut out = [0.0; M];
            for (slot, value) in out.iter_mut().zip(row.iter().chain(d).chain(dd)) {
                *slot = *value as f32;
            }
            out
        })
        .collect()
}

/// A mel band: weights of the bins from `first` on.
struct Triangle {
    first: usize,
    weights: Vec<f64>,
}

struct Tables {
    fft: std::sync::Arc<dyn RealToComplex<f64>>,
    hann: Vec<f64>,
    triangles: Vec<Triangle>,
    /// Rows of the orthonormal DCT-II.
    cosines: Vec<[f64; BANDS]>,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| Tables {
        fft: RealFftPlanner::new().plan_fft_forward(WINDOW),
        hann: hann(),
        triangles: triangles(),
        cosines: cosines(),
    })
}

/// Periodic Hann.
fn hann() -> Vec<f64> {
    (0..WINDOW).map(|i| 0.5 - 0.5 * (2.0 * PI * i as f64 / WINDOW as f64).cos()).collect()
}

fn triangles() -> Vec<Triangle> {
    let mel = |hz: f64| 2595.0 * (1.0 + hz / 700.0).log10();
    let hz = |mel: f64| 700.0 * (10f64.powf(mel / 2595.0) - 1.0);
    let (low, high) = (mel(LOWEST_HZ), mel(HIGHEST_HZ));
    let edge = |index: usize| hz(low + (high - low) * index as f64 / (BANDS + 1) as f64);
    (0..BANDS)
        .map(|band| {
            let (left, middle, right) = (edge(band), edge(band + 1), edge(band + 2));
            let weight = |bin: usize| {
                let at = bin as f64 * RATE / WINDOW as f64;
                ((at - left) / (middle - left)).min((right - at) / (right - middle)).max(0.0)
            };
            let bins: Vec<usize> = (0..BINS).filter(|bin| weight(*bin) > 0.0).collect();
            let first = bins.first().copied().unwrap_or(0);
            Triangle { first, weights: bins.iter().map(|bin| weight(*bin)).collect() }
        })
        .collect()
}

fn cosines() -> Vec<[f64; BANDS]> {
    (0..BANDS)
        .map(|k| {
            let scale = if k == 0 { (1.0 / BANDS as f64).sqrt() } else { (2.0 / BANDS as f64).sqrt() };
            std::array::from_fn(|band| scale * (PI / BANDS as f64 * (band as f64 + 0.5) * k as f64).cos())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_and_odd_numbers_stay_finite() {
        assert!(mfcc78(&[]).is_empty() && mfcc78(&[0.1; WINDOW - 1]).is_empty());
        let mut samples = vec![0.0; WINDOW * 3];
        samples[700] = f32::NAN;
        samples[701] = f32::INFINITY;
        let rows = mfcc78(&samples);
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().flatten().all(|value| value.is_finite()));
        assert!((f64::from(rows[0][0]) - FLOOR.ln() * (BANDS as f64).sqrt()).abs() < 1e-4);
    }

    #[test]
    fn every_band_has_weight() {
        assert!(triangles().iter().all(|triangle| triangle.weights.iter().sum::<f64>() > 0.1));
    }
}
