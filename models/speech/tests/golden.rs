//! Features and resampling against values computed by an independent implementation (see `golden/README.md`).
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::path::PathBuf;

use safetensors::SafeTensors;
use speech::mfcc;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Named tensors of a file: shape and values.
struct Golden(Vec<u8>);

impl Golden {
    fn open(name: &str) -> Self {
        Self(std::fs::read(folder().join(format!("{name}.safetensors"))).unwrap())
    }

    fn get(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let tensors = SafeTensors::deserialize(&self.0).unwrap();
        let view = tensors.tensor(name).unwrap();
        let values = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        (view.shape().to_vec(), values)
    }

    fn rows<const N: usize>(&self, name: &str) -> Vec<[f32; N]> {
        let (shape, values) = self.get(name);
        assert_eq!(shape[1], N, "{name}");
        values.as_chunks::<N>().0.to_vec()
    }
}

fn wav(name: &str) -> (u32, Vec<f32>) {
    let mut reader = hound::WavReader::open(folder().join(format!("{name}.wav"))).unwrap();
    let samples = reader.samples::<i16>().map(|s| f32::from(s.unwrap()) / 32768.0).collect();
    (reader.spec().sample_rate, samples)
}

/// The 16 kHz sound the feature goldens start from.
fn wave16k(name: &str, golden: &Golden) -> Vec<f32> {
    if name == "chirp_16k" { wav(name).1 } else { golden.get("wave16k").1 }
}

const CLIPS: [&str; 3] = ["chirp_16k", "noise_44k1", "speech_22k05"];

#[track_caller]
fn assert_close<const N: usize>(found: &[[f32; N]], expected: &[[f32; N]], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: rows");
    for (t, (a, b)) in found.iter().zip(expected).enumerate() {
        for (column, (x, y)) in a.iter().zip(b).enumerate() {
            assert!((x - y).abs() <= tolerance, "{what}: row {t} column {column}: {x} instead of {y}");
        }
    }
}

fn as_f64<const N: usize>(rows: &[[f32; N]]) -> Vec<[f64; N]> {
    rows.iter().map(|row| row.map(f64::from)).collect()
}

fn as_f32<const N: usize>(rows: &[[f64; N]]) -> Vec<[f32; N]> {
    rows.iter().map(|row| row.map(|value| value as f32)).collect()
}

#[test]
fn resampling_equals_the_reference() {
    for name in CLIPS {
        let golden = Golden::open(name);
        let (rate, samples) = wav(name);
        let close = |found: &[f32], expected: &[f32], what: &str| {
            for (i, (a, b)) in found.iter().zip(expected).enumerate() {
                assert!((a - b).abs() <= 2e-5, "{name} {what}: sample {i}: {a} instead of {b}");
            }
        };
        let (found, expected) = (speech::resample(&samples, rate, 16_000), wave16k(name, &golden));
        assert_eq!(found.len(), expected.len(), "{name}");
        close(&found, &expected, "16 kHz");
        close(&speech::resample(&samples, rate, 24_000), &golden.get("wave24k_head").1, "24 kHz");
    }
}

#[test]
fn mel_power_and_cepstra_equal_the_reference() {
    for name in CLIPS {
        let golden = Golden::open(name);
        let sound = wave16k(name, &golden);
        let power: Vec<[f32; 40]> = mfcc::mel_power(&sound).iter().map(|row| row.map(|v| v as f32)).collect();
        let expected = golden.rows::<40>("mel40_power_16k");
        let largest = expected.iter().flatten().fold(0.0f32, |m, v| m.max(*v));
        assert_close(&power, &expected, 1e-5 * largest.max(1.0), name);
        assert_close(&mfcc::mfcc39_centred(&sound), &golden.rows("mfcc13_log_d_dd_16k"), 1e-3, name);
        assert_close(&mfcc::mfcc78_centred(&sound), &golden.rows("mfcc26_log_d_dd_16k"), 1e-3, name);
        assert_close(&mfcc::mfcc39(&sound), &golden.rows("mfcc13_log_prefix_d_dd_16k"), 1e-3, name);
    }
}

#[test]
fn the_78_and_39_column_families_agree_where_they_overlap() {
    let golden = Golden::open("speech_22k05");
    let sound = wave16k("speech_22k05", &golden);
    for (wide, narrow) in mfcc::mfcc78(&sound).iter().zip(mfcc::mfcc39(&sound)) {
        for kind in 0..3 {
            assert_eq!(wide[26 * kind..26 * kind + 13], narrow[13 * kind..13 * kind + 13]);
        }
    }
}

#[test]
fn deltas_equal_the_reference() {
    let golden = Golden::open("deltas");
    let one = as_f64(&golden.rows::<5>("one"));
    assert_close(&as_f32(&mfcc::centred_delta(&one)), &golden.rows("one_d5"), 1e-6, "one row");
    let two = as_f64(&golden.rows::<13>("two"));
    let delta = mfcc::centred_delta(&two);
    assert_close(&as_f32(&delta), &golden.rows("two_d5"), 1e-5, "two rows");
    assert_close(&as_f32(&mfcc::centred_delta(&delta)), &golden.rows("two_dd5"), 1e-5, "two rows, twice");
    let many = as_f64(&golden.rows::<7>("x"));
    let delta = mfcc::centred_delta(&many);
    assert_close(&as_f32(&delta), &golden.rows("x_d5"), 1e-5, "33 rows");
    assert_close(&as_f32(&mfcc::centred_delta(&delta)), &golden.rows("x_dd5"), 1e-5, "33 rows, twice");
}

#[test]
fn prefix_deltas_are_the_last_rows_of_the_prefixes() {
    let rows = as_f64(&Golden::open("deltas").rows::<7>("x"));
    let (delta, delta_delta) = (mfcc::prefix_delta(&rows), mfcc::prefix_delta_delta(&rows));
    for last in 0..rows.len() {
        let centred = mfcc::centred_delta(&rows[..=last]);
        assert_eq!(delta[last], centred[last]);
        assert_eq!(delta_delta[last], mfcc::centred_delta(&centred)[last]);
    }
}

#[test]
fn window_and_cosines_make_the_reference_bands() {
    // tables alone: a unit impulse has a flat spectrum of height hann[i]^2, and the cepstra of it are known
    let golden = Golden::open("stages");
    let (hann, dct) = (golden.get("hann640_periodic").1, golden.rows::<26>("dct_40x26"));
    let mut impulse = vec![0.0f32; 640];
    impulse[200] = 0.5;
    let power = mfcc::mel_power(&impulse)[0];
    let narrow = power[0].min(power[1]);
    assert!(narrow > 0.0 && power[39] > power[0], "wide bands gather more of a flat spectrum");
    let height = f64::from(hann[200] * 0.5).powi(2);
    assert!(power.iter().all(|p| *p > height * 0.2), "{power:?}");
    let cepstra = mfcc::cepstra::<26>(&impulse)[0];
    for (k, value) in cepstra.iter().enumerate() {
        let expected: f64 = dct.iter().zip(power).map(|(row, p)| f64::from(row[k]) * (p + 1e-6).ln()).sum();
        assert!((value - expected).abs() < 1e-4, "{k}: {value} {expected}");
    }
}
