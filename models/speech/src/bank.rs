//! Mel filter banks: triangles over the bins of a power or magnitude spectrum.
//!
//! Every bank here has its edges even on a mel scale. The factor in front of the logarithm (2595 log10 or 1127 ln)
//! cancels out of edges and slopes, so the HTK and Kaldi scales are one; Slaney's is linear below 1 kHz. Banks differ in
//! whether a slope is straight in Hz or in mel, in area normalisation, and in which bins they may touch.
//!
//! What it is not: it knows no window and no logarithm; those belong to the families of features.

/// A mel scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// ln(1 + f / 700), as in HTK and Kaldi.
    Htk,
    /// Linear below 1 kHz, logarithmic above (Slaney's Auditory Toolbox, the default of librosa).
    Slaney,
}

impl Scale {
    /// Mel of a frequency in Hz (up to a constant factor).
    pub fn mel(self, hz: f64) -> f64 {
        match self {
            Self::Htk => (1.0 + hz / 700.0).ln(),
            Self::Slaney if hz < 1000.0 => hz * 3.0 / 200.0,
            Self::Slaney => 15.0 + (hz / 1000.0).ln() * 27.0 / 6.4f64.ln(),
        }
    }

    /// Frequency in Hz of a mel.
    pub fn hz(self, mel: f64) -> f64 {
        match self {
            Self::Htk => 700.0 * (mel.exp() - 1.0),
            Self::Slaney if mel < 15.0 => mel * 200.0 / 3.0,
            Self::Slaney => 1000.0 * ((mel - 15.0) * 6.4f64.ln() / 27.0).exp(),
        }
    }
}

/// How a bank is laid over a spectrum.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Number of triangles.
    pub bands: usize,
    /// Lower edge of the first triangle in Hz.
    pub low_hz: f64,
    /// Upper edge of the last triangle in Hz.
    pub high_hz: f64,
    /// Sampling rate in Hz.
    pub rate: f64,
    /// Length of the transform; bin b is at b * rate / fft Hz.
    pub fft: usize,
    /// Bins that may have weight.
    pub bins: std::ops::Range<usize>,
    /// The scale on which the edges are even.
    pub scale: Scale,
    /// Slopes are straight in mel (Kaldi, VGGish) instead of in Hz (HTK as torchaudio and librosa draw it).
    pub straight_in_mel: bool,
    /// Each triangle has area 1 in Hz (Slaney).
    pub area_one: bool,
}

/// One triangle: weights of the bins from `first` on.
#[derive(Debug, Clone)]
struct Triangle {
    first: usize,
    weights: Vec<f64>,
}

/// A bank of triangles.
#[derive(Debug, Clone)]
pub struct Bank {
    triangles: Vec<Triangle>,
}

impl Bank {
    /// The bank of a layout.
    pub fn new(layout: &Layout) -> Self {
        let scale = layout.scale;
        let (low, high) = (scale.mel(layout.low_hz), scale.mel(layout.high_hz));
        let edge = |index: usize| low + (high - low) * index as f64 / (layout.bands + 1) as f64;
        let axis = |mel: f64| if layout.straight_in_mel { mel } else { scale.hz(mel) };
        let triangles = (0..layout.bands).map(|band| {
            let [left, middle, right] = [0, 1, 2].map(|side| axis(edge(band + side)));
            let height =
                if layout.area_one { 2.0 / (scale.hz(edge(band + 2)) - scale.hz(edge(band))) } else { 1.0 };
            let weight = |bin: usize| {
                let hz = bin as f64 * layout.rate / layout.fft as f64;
                let at = if layout.straight_in_mel { scale.mel(hz) } else { hz };
                ((at - left) / (middle - left)).min((right - at) / (right - middle)).max(0.0) * height
            };
            Triangle::of(layout.bins.clone(), weight)
        });
        Self { triangles: triangles.collect() }
    }

    /// The bank of python_speech_features: corners at whole bins, `floor((fft + 1) f / rate)`, for even mel from 0 to
    /// Nyquist.
    pub fn at_whole_bins(bands: usize, rate: f64, fft: usize) -> Self {
        let high = Scale::Htk.mel(rate / 2.0);
        let corner = |index: usize| {
            ((fft + 1) as f64 * Scale::Htk.hz(high * index as f64 / (bands + 1) as f64) / rate).floor()
        };
        let triangles = (0..bands).map(|band| {
            let [left, middle, right] = [0, 1, 2].map(|side| corner(band + side));
            Triangle::of(0..fft / 2 + 1, |bin| match bin as f64 {
                bin if (left..middle).contains(&bin) => (bin - left) / (middle - left),
                bin if (middle..right).contains(&bin) => (right - bin) / (right - middle),
                _ => 0.0,
            })
        });
        Self { triangles: triangles.collect() }
    }

    /// Weighted sums of a spectrum, one for each band.
    pub fn apply<'a>(&'a self, spectrum: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.triangles.iter().map(|triangle| {
            let bins = spectrum.iter().skip(triangle.first);
            triangle.weights.iter().zip(bins).map(|(weight, value)| weight * value).sum()
        })
    }

    /// The weight of every bin in every band: `[bands][bins]`.
    pub fn dense(&self, bins: usize) -> Vec<Vec<f64>> {
        let row = |triangle: &Triangle| {
            let mut row = vec![0.0; bins];
            for (slot, weight) in row.iter_mut().skip(triangle.first).zip(&triangle.weights) {
                *slot = *weight;
            }
            row
        };
        self.triangles.iter().map(row).collect()
    }
}

impl Triangle {
    fn of(bins: std::ops::Range<usize>, weight: impl Fn(usize) -> f64) -> Self {
        let first = bins.clone().find(|bin| weight(*bin) > 0.0).unwrap_or(bins.start);
        let weights: Vec<f64> = (first..bins.end).map(weight).collect();
        let length = weights.iter().rposition(|weight| *weight > 0.0).map_or(0, |last| last + 1);
        Self { first, weights: weights.into_iter().take(length).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_scales_turn_back() {
        for scale in [Scale::Htk, Scale::Slaney] {
            for hz in [0.0, 20.0, 999.0, 1000.0, 1001.0, 7999.0] {
                assert!((scale.hz(scale.mel(hz)) - hz).abs() < 1e-9, "{scale:?} {hz}");
            }
        }
    }

    #[test]
    fn a_flat_spectrum_gives_the_sums_of_the_rows() {
        let bank = Bank::at_whole_bins(26, 16_000.0, 640);
        let sums: Vec<f64> = bank.apply(&[1.0; 321]).collect();
        for (sum, row) in sums.iter().zip(bank.dense(321)) {
            assert!((sum - row.iter().sum::<f64>()).abs() < 1e-12 && *sum > 0.5);
        }
    }
}
