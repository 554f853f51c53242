//! What is known of one person in one clip: sound, attributes, coefficients; any of them may be absent.

use std::path::PathBuf;
use std::sync::Arc;

use crate::channels::{ATTRIBUTE_COUNT, COEFFICIENT_COUNT};
use crate::footage::Footage;
use crate::time::{frames_in_samples, sample_of_frame};

/// T frames of 25 attributes: `[15 AU | valence, arousal | 8 expressions]`.
pub type Attributes = Vec<[f32; ATTRIBUTE_COUNT]>;
/// T frames of 58 coefficients: `[52 blendshapes | 3 rotation | 3 translation]`.
pub type Coefficients = Vec<[f32; COEFFICIENT_COUNT]>;

/// Decoded sound, interleaved, in -1..1.
#[derive(Debug, Clone, PartialEq)]
pub struct Waveform {
    /// Samples a second.
    pub rate: u32,
    /// Channels (at least 1).
    pub channels: u16,
    /// Interleaved samples; length is a multiple of `channels`.
    pub samples: Arc<[f32]>,
}

impl Waveform {
    /// Samples in one channel.
    pub fn len(&self) -> usize {
        self.samples.len() / usize::from(self.channels.max(1))
    }

    /// Whether there is no sound in it.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Whole video frames covered.
    pub fn frames(&self) -> usize {
        frames_in_samples(self.len(), self.rate)
    }

    /// Mean of the channels.
    pub fn mono(&self) -> Vec<f32> {
        let channels = usize::from(self.channels.max(1));
        self.samples.chunks_exact(channels).map(|all| all.iter().sum::<f32>() / channels as f32).collect()
    }
}

/// One person in one clip.
#[derive(Debug, Clone, Default)]
pub struct Streams {
    /// Sound of the person.
    pub sound: Option<Waveform>,
    /// Facial attributes, one row a frame.
    pub attributes: Option<Attributes>,
    /// 3DMM coefficients, one row a frame; raw or centred as the corpus has them (see [`crate::pose`]).
    pub coefficients: Option<Coefficients>,
    /// Where the pictures of the person are; decoded only by who asks for them.
    pub video: Option<Footage>,
    /// Features that others made of video and sound.
    pub given: Given,
}

/// Files of ready-made features of a person, arrays of rows x columns; read only by who asks for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Of the video, a row a frame.
    pub video: Option<PathBuf>,
    /// Of the sound, a row a frame or at a rate of its own.
    pub sound: Option<PathBuf>,
}

impl Streams {
    /// Frames that every present stream covers; 0 when nothing is present. Video, which is not opened here, does not count:
    /// past its end its last picture stands.
    pub fn frames(&self) -> usize {
        [
            self.sound.as_ref().map(Waveform::frames),
            self.attributes.as_ref().map(Vec::len),
            self.coefficients.as_ref().map(Vec::len),
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(0)
    }

    /// Cuts every present stream to its first `frames` frames; shorter streams stay as they are.
    pub fn cut(&mut self, frames: usize) {
        if let Some(sound) = &mut self.sound {
            let samples = sample_of_frame(frames, sound.rate) * usize::from(sound.channels.max(1));
            if samples < sound.samples.len() {
                sound.samples = sound.samples[..samples].into();
            }
        }
        if let Some(rows) = &mut self.attributes {
            rows.truncate(frames);
        }
        if let Some(rows) = &mut self.coefficients {
            rows.truncate(frames);
        }
    }
}
