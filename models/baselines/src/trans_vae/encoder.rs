//! Speaker encoder of Trans-VAE: what is seen and what is heard, each mapped to d, concatenated, mapped to d. No
//! activation anywhere.

use candle_core::{Result, Tensor};

use super::config::{Config, Sight, WIDTHS};
use super::video::VideoEncoder;
use crate::layers::linear::Linear;
use crate::parameters::Scope;
use crate::pass::Pass;

/// What is known of a speaker, `[B, T, ...]`.
#[derive(Debug, Clone)]
pub struct Speaker {
    /// Video `[B, T, 3, H, W]`, normalised as (x / 255 - 0.5) / 0.5, or attributes `[B, T, 25]`; which of the two is the
    /// configuration's [`Sight`].
    pub seen: Tensor,
    /// Audio features `[B, T, 78]`.
    pub heard: Tensor,
}

impl Speaker {
    /// The first frames.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn first(&self, frames: usize) -> Result<Self> {
        Ok(Self { seen: self.seen.narrow(1, 0, frames)?, heard: self.heard.narrow(1, 0, frames)? })
    }
}

#[derive(Debug, Clone)]
enum Eyes {
    Frames(VideoEncoder),
    Attributes(Linear),
}

/// `video_encoder` (or `attribute_map`, ours), `audio_feature_map`, `fusion_layer`.
#[derive(Debug, Clone)]
pub struct SpeakerEncoder {
    eyes: Eyes,
    ears: Linear,
    both: Linear,
}

impl SpeakerEncoder {
    /// As configured.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(scope: &Scope<'_, '_>, config: &Config) -> Result<Self> {
        let d = config.width;
        Ok(Self {
            eyes: match config.sight {
                Sight::Frames => Eyes::Frames(VideoEncoder::new(&scope.at("video_encoder"), d)?),
                Sight::Attributes => Eyes::Attributes(Linear::new(&scope.at("attribute_map"), WIDTHS.0, d)?),
            },
            ears: Linear::new(&scope.at("audio_feature_map"), config.audio_columns, d)?,
            both: Linear::new(&scope.at("fusion_layer"), 2 * d, d)?,
        })
    }

    /// `[B, T, d]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, speaker: &Speaker, pass: &Pass) -> Result<Tensor> {
        let seen = match &self.eyes {
            Eyes::Frames(encoder) => encoder.forward(&speaker.seen, pass)?,
            Eyes::Attributes(map) => map.forward(&speaker.seen)?,
        };
        let heard = self.ears.forward(&speaker.heard)?;
        pass.note("video_feature", &seen);
        pass.note("audio_feature", &heard);
        let feature = self.both.forward(&Tensor::cat(&[seen, heard], 2)?)?;
        pass.note("speaker_feature", &feature);
        Ok(feature)
    }
}
