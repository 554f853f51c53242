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
//! clamped against the loudest frame of the clip would look into the future too, so no system is offered it.
//!
//! What it is not: other programs' cepstra, which differ in window, log and lifter ([`kaldi`](crate::kaldi),
//! [`psf`](crate::psf), [`vggish`](crate::vggish)).

use std::sync::OnceLock;

use crate::bank::{Bank, Layout, Scale};
use crate::spectrum::{Transform, cosines, hann};

/// Samples in a window and between windows, at 16 kHz: one video frame.
pub const WINDOW: usize = 640;
/// Mel bands.
pub const BANDS: usize = 40;
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
    let mut transform = Transform::new(WINDOW);
    let mut power = vec![0.0; WINDOW / 2 + 1];
    samples
        .chunks_exact(WINDOW)
        .map(|window| {
            let weighted = window
                .iter()
                .zip(&tables.hann)
                .map(|(sample, weight)| if sample.is_finite() { f64::from(*sample) * weight } else { 0.0 });
            for (slot, bin) in power.iter_mut().zip(transform.power(weighted)) {
                *slot = bin;
            }
            let mut bands = [0.0; BANDS];
            for (band, sum) in bands.iter_mut().zip(tables.bank.apply(&power)) {
                *band = sum;
            }
            bands
        })
        .collect()
}

/// The first `N` log cepstra (at most 40): `[T, N]`.
pub fn cepstra<const N: usize>(samples: &[f32]) -> Vec<[f64; N]> {
    mel_power(samples)
        .iter()
        .map(|bands| cosine_transform(&bands.map(|power| (power + FLOOR).ln())))
        .collect()
}

/// As [`mfcc39_centred`] (`N` = 13, `M` = 39) or [`mfcc78_centred`] (26, 78) with a level in dB that is not below the
/// clip's loudest band - 80 dB. The maximum is that of the whole clip, so it looks arbitrarily far ahead; it is here
/// to compare with other programs and no system is offered it.
pub fn mfcc_decibel<const N: usize, const M: usize>(samples: &[f32]) -> Vec<[f32; M]> {
    let mut levels: Vec<[f64; BANDS]> =
        mel_power(samples).iter().map(|bands| bands.map(|power| 10.0 * power.max(1e-10).log10())).collect();
    let floor = levels.iter().flatten().fold(f64::NEG_INFINITY, |most, level| most.max(*level)) - 80.0;
    levels.iter_mut().flatten().for_each(|level| *level = level.max(floor));
    joined(&levels.iter().map(cosine_transform::<N>).collect::<Vec<_>>(), with_centred)
}

/// The weights of every band over the 321 bins.
pub fn triangles() -> Vec<Vec<f64>> {
    tables().bank.dense(WINDOW / 2 + 1)
}

fn cosine_transform<const N: usize>(levels: &[f64; BANDS]) -> [f64; N] {
    let cosines = &tables().cosines;
    std::array::from_fn(|k| {
        cosines.get(k).map_or(0.0, |row| row.iter().zip(levels).map(|(cosine, level)| cosine * level).sum())
    })
}

/// Regression over +-`reach` rows, edge rows repeated: `d[t] = sum n (x[t + n] - x[t - n]) / (2 sum n^2)`.
pub fn delta_over<const N: usize>(rows: &[[f64; N]], reach: usize) -> Vec<[f64; N]> {
    let last = rows.len().saturating_sub(1);
    (0..rows.len()).map(|row| slope_at(row, last, reach, |at| rows[at])).collect()
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

/// The delta over +-2 rows at `row` when the rows are `0..=last`.
fn delta_at<const N: usize>(row: usize, last: usize, at: impl Fn(usize) -> [f64; N]) -> [f64; N] {
    slope_at(row, last, 2, at)
}

fn slope_at<const N: usize>(
    row: usize,
    last: usize,
    reach: usize,
    at: impl Fn(usize) -> [f64; N],
) -> [f64; N] {
    let mut delta = [0.0; N];
    let scale: usize = 2 * (1..=reach).map(|n| n * n).sum::<usize>();
    for n in 1..=reach {
        let (after, before) = (at((row + n).min(last)), at(row.saturating_sub(n)));
        for (out, (a, b)) in delta.iter_mut().zip(after.iter().zip(&before)) {
            *out += n as f64 * (a - b) / scale as f64;
        }
    }
    delta
}

pub(crate) type Deltas<const N: usize> = (Vec<[f64; N]>, Vec<[f64; N]>);

fn with_prefix<const N: usize>(rows: &[[f64; N]]) -> Deltas<N> {
    (prefix_delta(rows), prefix_delta_delta(rows))
}

pub(crate) fn with_centred<const N: usize>(rows: &[[f64; N]]) -> Deltas<N> {
    let delta = centred_delta(rows);
    let delta_delta = centred_delta(&delta);
    (delta, delta_delta)
}

/// Columns static, delta, delta-delta.
pub(crate) fn joined<const N: usize, const M: usize>(
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

struct Tables {
    hann: Vec<f64>,
    bank: Bank,
    /// Rows of the orthonormal DCT-II.
    cosines: Vec<Vec<f64>>,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| Tables {
        hann: hann(WINDOW),
        bank: Bank::new(&Layout {
            bands: BANDS,
            low_hz: LOWEST_HZ,
            high_hz: HIGHEST_HZ,
            rate: RATE,
            fft: WINDOW,
            bins: 0..WINDOW / 2 + 1,
            scale: Scale::Htk,
            straight_in_mel: false,
            area_one: false,
        }),
        cosines: cosines(BANDS, BANDS),
    })
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
        assert!(triangles().iter().all(|weights| weights.iter().sum::<f64>() > 0.1));
    }
}
