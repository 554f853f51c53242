//! Speaker encoder of Trans-VAE: what is seen and what is heard, each mapped to d, concatenated, mapped to d. No
//! activation anywhere.

use candle_core::{Result, Tensor};

use super::config::{Config, Sight, WIDTHS};
use super::video::VideoEncoder;
use crate::layers::linear::Linear;
use crate::parameters::Scope;
use crate::pass::Pass;

/// What is seen of a speaker.
#[derive(Debug, Clone)]
pub enum Seen {
    /// Video `[B, T, 3, H, W]`, normalised as (x / 255 - 0.5) / 0.5, or attributes `[B, T, 25]`.
    Rows(Tensor),
    /// Video that was watched already: tokens `[B, end, d]` of the frames up to the end of each window, or of all frames
    /// ([`TransVae::ends`](super::TransVae::ends)).
    Tokens(Vec<Tensor>),
}

impl From<Tensor> for Seen {
    fn from(rows: Tensor) -> Self {
        Self::Rows(rows)
    }
}

/// What is known of a speaker, `[B, T, ...]`.
#[derive(Debug, Clone)]
pub struct Speaker {
    /// What is seen; whether video or attributes is the configuration's [`Sight`].
    pub seen: Seen,
    /// Audio features `[B, T, 78]`.
    pub heard: Tensor,
}

impl Speaker {
    /// What is known at the end of window `index`, which is frame `frames`.
    ///
    /// # Errors
    /// When there are fewer frames or windows.
    pub fn window(&self, index: usize, frames: usize) -> Result<Self> {
        let seen = match &self.seen {
            Seen::Rows(rows) => Seen::Rows(rows.narrow(1, 0, frames)?),
            Seen::Tokens(tokens) => match tokens.get(index) {
                Some(tokens) => Seen::Tokens(vec![tokens.clone()]),
                None => candle_core::bail!("window {index} was not watched"),
            },
        };
        Ok(Self { seen, heard: self.heard.narrow(1, 0, frames)? })
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

    /// The video encoder, where there is one.
    pub fn eyes(&self) -> Option<&VideoEncoder> {
        match &self.eyes {
            Eyes::Frames(encoder) => Some(encoder),
            Eyes::Attributes(_) => None,
        }
    }

    /// `[B, T, d]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, speaker: &Speaker, pass: &Pass) -> Result<Tensor> {
        let seen = match (&self.eyes, &speaker.seen) {
            (Eyes::Frames(encoder), Seen::Rows(video)) => encoder.forward(video, pass)?,
            (Eyes::Frames(encoder), Seen::Tokens(tokens)) => match tokens.as_slice() {
                [tokens] => encoder.map(tokens)?,
                _ => candle_core::bail!("{} windows where one is asked for", tokens.len()),
            },
            (Eyes::Attributes(map), Seen::Rows(rows)) => map.forward(rows)?,
            (Eyes::Attributes(_), Seen::Tokens(_)) => {
                candle_core::bail!("this network reads attributes and was given video")
            }
        };
        let heard = self.ears.forward(&speaker.heard)?;
        pass.note("video_feature", &seen);
        pass.note("audio_feature", &heard);
        let feature = self.both.forward(&Tensor::cat(&[seen, heard], 2)?)?;
        pass.note("speaker_feature", &feature);
        Ok(feature)
    }
}
