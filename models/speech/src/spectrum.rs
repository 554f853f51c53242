//! Windows, short-time spectra and cosines: what every family of cepstra is put together from, in `f64`.

use std::f64::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Periodic Hann window of `length` samples.
pub fn hann(length: usize) -> Vec<f64> {
    (0..length).map(|i| 0.5 - 0.5 * (2.0 * PI * i as f64 / length as f64).cos()).collect()
}

/// Kaldi's Povey window: the symmetric Hann window to the power of 0.85.
pub fn povey(length: usize) -> Vec<f64> {
    let last = length.saturating_sub(1).max(1) as f64;
    (0..length).map(|i| (0.5 - 0.5 * (2.0 * PI * i as f64 / last).cos()).powf(0.85)).collect()
}

/// The first `kept` rows of the orthonormal DCT-II over `bands` values: `[kept][bands]`.
pub fn cosines(bands: usize, kept: usize) -> Vec<Vec<f64>> {
    let count = bands as f64;
    (0..kept)
        .map(|k| {
            let scale = if k == 0 { (1.0 / count).sqrt() } else { (2.0 / count).sqrt() };
            (0..bands).map(|band| scale * (PI / count * (band as f64 + 0.5) * k as f64).cos()).collect()
        })
        .collect()
}

/// `matrix * values`.
pub fn times(matrix: &[Vec<f64>], values: &[f64]) -> Vec<f64> {
    matrix.iter().map(|row| row.iter().zip(values).map(|(a, b)| a * b).sum()).collect()
}

/// Coefficient k of the cepstral lifter that HTK, Kaldi and python_speech_features share (length 22).
pub fn lifter(k: usize) -> f64 {
    1.0 + 11.0 * (PI * k as f64 / 22.0).sin()
}

/// `samples` as `f64`; what is not a number counts as silence.
pub fn finite(samples: &[f32]) -> Vec<f64> {
    samples.iter().map(|sample| if sample.is_finite() { f64::from(*sample) } else { 0.0 }).collect()
}

/// A real Fourier transform of one length with its buffers.
pub struct Transform {
    plan: Arc<dyn RealToComplex<f64>>,
    input: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
}

impl Transform {
    /// A transform of `length` samples.
    pub fn new(length: usize) -> Self {
        let plan = RealFftPlanner::new().plan_fft_forward(length);
        let (input, spectrum) = (plan.make_input_vec(), plan.make_output_vec());
        let scratch = plan.make_scratch_vec();
        Self { plan, input, spectrum, scratch }
    }

    /// Squared magnitudes of the `length / 2 + 1` bins of a frame that is padded with zeros at its end.
    pub fn power(&mut self, frame: impl IntoIterator<Item = f64>) -> impl Iterator<Item = f64> + '_ {
        let mut frame = frame.into_iter();
        self.input.fill_with(|| frame.next().unwrap_or(0.0));
        // lengths are those of the plan, so it cannot refuse; if it did, the frame would be silence
        if self.plan.process_with_scratch(&mut self.input, &mut self.spectrum, &mut self.scratch).is_err() {
            self.spectrum.fill(Complex::default());
        }
        self.spectrum.iter().map(|bin| bin.norm_sqr())
    }
}

/// Frames of `window` samples every `hop` samples that lie wholly within `length` samples.
pub fn whole_frames(length: usize, window: usize, hop: usize) -> usize {
    if length < window || hop == 0 { 0 } else { (length - window) / hop + 1 }
}

/// `samples` with `margin` samples mirrored on both ends (the end sample is not repeated), as libraries pad centred
/// frames. Needs more than `margin` samples; fewer are padded with silence.
pub fn mirrored(samples: &[f64], margin: usize) -> Vec<f64> {
    let at = |index: i64| {
        let last = samples.len() as i64 - 1;
        let inside = if index < 0 {
            -index
        } else if index > last {
            2 * last - index
        } else {
            index
        };
        usize::try_from(inside).ok().and_then(|inside| samples.get(inside)).copied().unwrap_or(0.0)
    };
    (-(margin as i64)..(samples.len() + margin) as i64).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_are_orthonormal() {
        let rows = cosines(23, 23);
        for (i, a) in rows.iter().enumerate() {
            for (j, b) in rows.iter().enumerate() {
                let dot: f64 = a.iter().zip(b).map(|(x, y)| x * y).sum();
                assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn mirrors_do_not_repeat_the_end() {
        assert_eq!(mirrored(&[1.0, 2.0, 3.0], 2), [3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0]);
        assert_eq!(mirrored(&[], 1), [0.0, 0.0]);
        assert_eq!(whole_frames(400, 400, 160), 1);
        assert_eq!(whole_frames(399, 400, 160), 0);
    }
}
