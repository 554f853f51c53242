//! Waveform to 25 fps speech features: decoding, resampling, cepstra with deltas, loudness and pitch, one row for
//! every video frame; and the demo clips that ship with the program.
//!
//! Start reading at [`mfcc`]; files come in through [`decode`](mod@decode). What this crate is not: it plays nothing
//! (the media crate does), it knows no network, and it keeps no state between calls.

pub mod bank;
pub mod centred;
pub mod decode;
pub mod demo;
pub mod golden;
pub mod kaldi;
pub mod kind;
mod math;
pub mod mfcc;
pub mod prosody;
pub mod psf;
pub mod resample;
pub mod resampy;
pub mod spectrum;
pub mod tracks;
pub mod vggish;
pub mod wav2vec2;
mod weights;

use clips::Waveform;

pub use decode::{Decoded, decode, decode_bytes, decode_with_warnings};
pub use kind::{Extractor, Features, Kind, features};
pub use prosody::{loudness_db, pitch_hz};
pub use resample::resample;
pub use tracks::{Spectrogram, Tracks, spectrogram};

/// Sampling rate at which all features are computed, in samples a second.
pub const FEATURE_RATE: u32 = 16_000;

/// The speech features of the model: `[T, 78]`, 26 log cepstra, their causal deltas and delta-deltas, one row for
/// every whole video frame of the sound. Row t depends on sound up to the end of frame t (and, when the sound is not
/// at 16 kHz, on the half-width of the resampling kernel beyond it, under 1 ms).
pub fn features_of(sound: &Waveform) -> Vec<[f32; 78]> {
    let mut rows = mfcc::mfcc78(&mono_at_feature_rate(sound));
    rows.truncate(sound.frames());
    rows
}

/// As [`features_of`] with 13 cepstra: `[T, 39]`.
pub fn features39(sound: &Waveform) -> Vec<[f32; 39]> {
    let mut rows = mfcc::mfcc39(&mono_at_feature_rate(sound));
    rows.truncate(sound.frames());
    rows
}

/// Mean of the channels at 16 kHz.
pub fn mono_at_feature_rate(sound: &Waveform) -> Vec<f32> {
    let mono = sound.mono();
    if sound.rate == FEATURE_RATE { mono } else { resample(&mono, sound.rate, FEATURE_RATE) }
}
