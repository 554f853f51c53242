//! What a person sees of a sound: loudness, pitch and voice, one value a video frame, and a picture of the spectrum.
//!
//! Voice activity is by energy: a frame is active when it is 9 dB above the noise floor and above -55 dB, active frames
//! hold for another 0.2 s, and bursts of a single frame are dropped. The noise floor is the level that a tenth of the
//! clip's frames stay below, and at most 25 dB under the clip's loud frames (the level that a tenth exceed), so that
//! a clip without pauses is not its own floor. The floor is taken over the whole clip: for plots, checks and rendering,
//! not for an online track.

use clips::Waveform;
use clips::time::{FRAMES_PER_SECOND, sample_of_frame};
use rayon::prelude::*;

use crate::bank::{Bank, Layout, Scale};
use crate::prosody::{SILENCE_DB, loudness_db, pitch_hz};
use crate::spectrum::{Transform, finite, hann};
use crate::{FEATURE_RATE, mono_at_feature_rate};

/// Least distance of a voiced frame from the noise floor, in dB.
const ABOVE_FLOOR_DB: f32 = 9.0;
/// Most that the noise floor lies under the loud frames, in dB.
const FLOOR_RANGE_DB: f32 = 25.0;
/// Level under which nothing is voice, in dB of full scale.
const QUIETEST_DB: f32 = -55.0;
/// Frames that activity holds after its last active frame.
const HANGOVER: usize = 5;

/// One value of each kind for every whole video frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracks {
    /// Root mean square in dB of full scale, see [`loudness_db`].
    pub loudness_db: Vec<f32>,
    /// Fundamental frequency where the sound is periodic, see [`pitch_hz`].
    pub pitch_hz: Vec<Option<f32>>,
    /// Whether somebody speaks.
    pub voice: Vec<bool>,
}

impl Tracks {
    /// The tracks of a sound.
    pub fn of(sound: &Waveform) -> Self {
        let loudness_db = loudness_db(sound);
        let voice = voice(&loudness_db);
        Self { pitch_hz: pitch_hz(sound), voice, loudness_db }
    }

    /// Share of frames in which somebody speaks; 0 of nothing.
    pub fn voiced_share(&self) -> f32 {
        self.voice.iter().filter(|voice| **voice).count() as f32 / self.voice.len().max(1) as f32
    }
}

/// Voice activity from loudness in dB.
pub fn voice(loudness_db: &[f32]) -> Vec<bool> {
    let mut sorted: Vec<f32> = loudness_db.iter().map(|level| level.max(SILENCE_DB)).collect();
    sorted.sort_by(f32::total_cmp);
    let level_at = |share: usize| sorted.get(sorted.len() * share / 10).copied().unwrap_or(SILENCE_DB);
    let floor = level_at(1).max(SILENCE_DB);
    let loud = sorted.get(sorted.len().saturating_sub(1) * 9 / 10).copied().unwrap_or(SILENCE_DB);
    let least = (floor.min(loud - FLOOR_RANGE_DB) + ABOVE_FLOOR_DB).max(QUIETEST_DB);
    let active: Vec<bool> = loudness_db.iter().map(|level| *level > least).collect();
    let mut voice = vec![false; active.len()];
    let mut held = 0;
    for frame in 0..active.len() {
        let beside =
            |other: Option<usize>| other.and_then(|other| active.get(other)).is_some_and(|active| *active);
        if active[frame] && (beside(frame.checked_sub(1)) || beside(Some(frame + 1))) {
            held = HANGOVER + 1;
        }
        voice[frame] = held > 0;
        held = held.saturating_sub(1);
    }
    voice
}

/// A picture of the spectrum over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrogram {
    /// Columns a video frame.
    pub columns_per_frame: usize,
    /// Mel bands, the lowest first.
    pub bands: usize,
    /// `[columns, bands]`: 0 is [`Spectrogram::FLOOR_DB`] and below, 255 the level of a full-scale sine and above.
    pub levels: Vec<u8>,
}

impl Spectrogram {
    /// Level of 0, in dB under a full-scale sine.
    pub const FLOOR_DB: f64 = -90.0;

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.levels.len() / self.bands.max(1)
    }

    /// One column, the lowest band first.
    pub fn column(&self, column: usize) -> &[u8] {
        self.levels.get(column * self.bands..(column + 1) * self.bands).unwrap_or_default()
    }
}

/// The log-mel spectrum of a sound between 60 and 7600 Hz: windows of 32 ms centred on their columns, which divide every
/// whole video frame evenly. `columns_per_frame` and `bands` are held to 1..=16 and 8..=128.
pub fn spectrogram(sound: &Waveform, columns_per_frame: usize, bands: usize) -> Spectrogram {
    const WINDOW: usize = 512;
    /// Columns of one task.
    const BLOCK: usize = 256;
    let (columns_per_frame, bands) = (columns_per_frame.clamp(1, 16), bands.clamp(8, 128));
    let samples = finite(&mono_at_feature_rate(sound));
    let window = hann(WINDOW);
    let bank = Bank::new(&Layout {
        bands,
        low_hz: 60.0,
        high_hz: 7_600.0,
        rate: f64::from(FEATURE_RATE),
        fft: WINDOW,
        bins: 1..WINDOW / 2,
        scale: Scale::Htk,
        straight_in_mel: false,
        area_one: false,
    });
    // a sine of amplitude 1 has this power at its bin
    let full = (window.iter().sum::<f64>() / 2.0).powi(2);
    let mut levels = vec![0; sound.frames() * columns_per_frame * bands];
    let hop = f64::from(FEATURE_RATE) / f64::from(FRAMES_PER_SECOND) / columns_per_frame as f64;
    levels.par_chunks_mut(BLOCK * bands).enumerate().for_each(|(block, levels)| {
        let mut transform = Transform::new(WINDOW);
        let mut power = vec![0.0; WINDOW / 2 + 1];
        for (index, column) in levels.chunks_exact_mut(bands).enumerate() {
            let column_index = block * BLOCK + index;
            let frame = sample_of_frame(column_index / columns_per_frame, FEATURE_RATE);
            let middle = frame as f64 + ((column_index % columns_per_frame) as f64 + 0.5) * hop;
            let first = middle as i64 - (WINDOW / 2) as i64;
            let heard = window.iter().enumerate().map(|(i, weight)| {
                let at = usize::try_from(first + i as i64).ok();
                at.and_then(|at| samples.get(at)).map_or(0.0, |sample| sample * weight)
            });
            for (slot, bin) in power.iter_mut().zip(transform.power(heard)) {
                *slot = bin;
            }
            for (slot, band) in column.iter_mut().zip(bank.apply(&power)) {
                let level = 10.0 * (band / full).max(1e-20).log10();
                *slot = ((1.0 - level / Spectrogram::FLOOR_DB) * 255.0).round().clamp(0.0, 255.0) as u8;
            }
        }
    });
    Spectrogram { columns_per_frame, bands, levels }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(seconds: f64, at: impl Fn(f64) -> f64) -> Waveform {
        let samples: Vec<f32> =
            (0..(seconds * 16_000.0) as usize).map(|i| at(i as f64 / 16_000.0) as f32).collect();
        Waveform { rate: 16_000, channels: 1, samples: samples.into() }
    }

    fn tone(hz: f64, t: f64) -> f64 {
        (2.0 * std::f64::consts::PI * hz * t).sin()
    }

    #[test]
    fn speech_between_pauses_is_found_and_held_and_clicks_are_not() {
        // 1 s of pause, 1 s of voice, 1 s of pause with a click of one frame in its middle
        let sound = wave(3.0, |t| {
            let speaking = (1.0..2.0).contains(&t) || (2.52..2.555).contains(&t);
            0.001 * tone(997.0, t) + if speaking { 0.3 * tone(180.0, t) } else { 0.0 }
        });
        let tracks = Tracks::of(&sound);
        assert_eq!(tracks.voice.len(), 75);
        assert!(!tracks.voice[..25].iter().any(|v| *v) && tracks.voice[25..50 + HANGOVER].iter().all(|v| *v));
        assert!(!tracks.voice[50 + HANGOVER..].iter().any(|v| *v), "{:?}", tracks.voice);
        assert!((tracks.voiced_share() - 30.0 / 75.0).abs() < 1e-6);
    }

    #[test]
    fn a_clip_without_a_pause_is_voice_and_silence_is_not() {
        assert!(Tracks::of(&wave(2.0, |t| 0.3 * tone(150.0, t))).voice.iter().all(|v| *v));
        assert!(!Tracks::of(&wave(2.0, |_| 0.0)).voice.iter().any(|v| *v));
        assert!(!Tracks::of(&wave(2.0, |t| 1e-4 * tone(150.0, t))).voice.iter().any(|v| *v));
        assert!(Tracks::of(&wave(0.0, |_| 0.0)).voice.is_empty());
    }

    #[test]
    fn a_tone_lights_its_band_in_every_column_and_higher_tones_higher_bands() {
        let brightest = |hz: f64| {
            let picture = spectrogram(&wave(1.0, |t| tone(hz, t)), 4, 64);
            assert_eq!(picture.columns(), 100);
            let bands: Vec<usize> = (2..98)
                .map(|c| {
                    let column = picture.column(c);
                    (0..64).max_by_key(|band| (column[*band], *band)).unwrap()
                })
                .collect();
            assert!(bands.iter().all(|band| *band == bands[0]), "{bands:?}");
            let column = picture.column(50);
            assert!(column[bands[0]] >= 235, "{hz}: {}", column[bands[0]]);
            bands[0]
        };
        let bands = [300.0, 1000.0, 3000.0, 6000.0].map(brightest);
        assert!(bands.is_sorted() && bands[0] != bands[1] && bands[2] != bands[3], "{bands:?}");
        assert!(spectrogram(&wave(1.0, |_| 0.0), 1, 64).levels.iter().all(|level| *level == 0));
    }
}
