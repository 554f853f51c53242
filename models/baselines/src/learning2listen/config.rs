//! Sizes of Learning2Listen's two networks, and what they read.

use clips::channels::{ATTRIBUTE_COUNT, COEFFICIENT_COUNT};
use clips::{Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};

/// Frames of a clip of the first network; three halvings make 4 tokens of them.
pub const FRAMES: usize = 32;
/// Tokens of a clip.
pub const TOKENS: usize = 4;
/// Frames of the speaker that the predictor sees: 32 past and 8 current.
pub const SEEN: usize = 40;
/// Frames of a code, or of a quarter of a clip where codes cover channels.
pub const STEP: usize = FRAMES / TOKENS;
/// Rows of audio for each frame, officially.
pub const AUDIO_ROWS: usize = 4;
/// Columns of our sound features, `react78`, one row a frame.
pub const SOUND: usize = 78;

/// What a code stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodesOver {
    /// A quarter of the channels over all of a clip, as officially.
    #[default]
    Channels,
    /// All channels of a quarter of a clip, 8 frames (ours): then the next code is the next 8 frames.
    Time,
}

/// Sizes of both networks, trained one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The network that turns motion into codes and back.
    pub vq: VqConfig,
    /// The network that predicts codes.
    pub predictor: PredictorConfig,
}

/// Sizes of the quantising network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VqConfig {
    /// Columns of motion by groups, each with an L1 loss of its own. Expression, rotation and jaw: 50, 3, 3 for DECA;
    /// 52, 3, 3 for our 58 coefficients; with our 25 attributes in front 25, 52, 3, 3.
    pub columns: Vec<usize>,
    /// Width H, a multiple of 4 and of `heads`.
    pub width: usize,
    /// Transformer blocks on either side.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width inside the feed-forward blocks.
    pub inner: usize,
    /// Codes.
    pub codes: usize,
    /// What a code stands for.
    #[serde(default)]
    pub codes_over: CodesOver,
}

/// Sizes of the predictor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictorConfig {
    /// Columns of the speaker's motion: the listener's, or our 25 attributes.
    pub motion: usize,
    /// Columns of the speaker's sound: 128 bands officially, 78 for ours.
    pub audio: usize,
    /// Rows of sound for each frame, of which the loudest counts: 4 officially, 1 for ours.
    #[serde(default = "official_rows")]
    pub audio_rows: usize,
    /// Width; the speaker's is twice that.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width inside the feed-forward blocks.
    pub inner: usize,
    /// Blocks in which the speaker's motion reads the sound.
    pub cross_layers: usize,
    /// Blocks over listener and speaker together.
    pub joint_layers: usize,
    /// Codes.
    pub codes: usize,
}

fn official_rows() -> usize {
    AUDIO_ROWS
}

impl Config {
    /// Names of the presets.
    pub const PRESETS: [&'static str; 4] = ["official", "react", "attributes", "small"];

    /// The official sizes, for DECA faces.
    pub fn official() -> Self {
        Self {
            vq: VqConfig {
                columns: vec![50, 3, 3],
                width: 256,
                layers: 12,
                heads: 8,
                inner: 384,
                codes: 200,
                codes_over: CodesOver::Channels,
            },
            predictor: PredictorConfig {
                motion: 56,
                audio: 128,
                audio_rows: AUDIO_ROWS,
                width: 200,
                heads: 10,
                inner: 128,
                cross_layers: 2,
                joint_layers: 5,
                codes: 200,
            },
        }
    }

    /// The official sizes for DECA faces (`official`), the same for our 58 coefficients (`react`); and ours, which read what a
    /// clip has and answer it: the official sizes (`attributes`), or small networks (`small`).
    pub fn preset(name: &str) -> Option<Self> {
        let Self { vq, predictor } = Self::official();
        let ours = Self {
            vq: VqConfig {
                columns: vec![ATTRIBUTE_COUNT, 52, 3, 3],
                codes_over: CodesOver::Time,
                ..vq.clone()
            },
            predictor: PredictorConfig {
                motion: ATTRIBUTE_COUNT,
                audio: SOUND,
                audio_rows: 1,
                ..predictor.clone()
            },
        };
        Some(match name {
            "official" => Self { vq, predictor },
            "react" => Self {
                vq: VqConfig { columns: vec![52, 3, 3], ..vq },
                predictor: PredictorConfig { motion: COEFFICIENT_COUNT, ..predictor },
            },
            "attributes" => ours,
            "small" => Self {
                vq: VqConfig { width: 64, layers: 2, heads: 4, inner: 96, codes: 64, ..ours.vq },
                predictor: PredictorConfig {
                    width: 40,
                    heads: 4,
                    inner: 64,
                    joint_layers: 2,
                    codes: 64,
                    ..ours.predictor
                },
            },
            _ => return None,
        })
    }

    /// Whether it reads what a clip has (ours): attributes and `react78` of the speaker; and makes attributes and coefficients.
    /// Such networks carry the statistics by which they standardise.
    pub fn is_ours(&self) -> bool {
        self.vq.motion() == ATTRIBUTE_COUNT + COEFFICIENT_COUNT
            && self.predictor.motion == ATTRIBUTE_COUNT
            && (self.predictor.audio, self.predictor.audio_rows) == (SOUND, 1)
    }

    /// Whether the sizes fit together and are of this world.
    ///
    /// # Errors
    /// A fault that names the field.
    pub fn check(&self) -> Result<()> {
        self.vq.check()?;
        self.predictor.check()?;
        let fits = self.vq.motion() == self.predictor.motion || self.is_ours();
        if self.vq.codes != self.predictor.codes || !fits {
            return Err(refused(
                "predictor",
                "the predictor must have the codes of the quantising network, and its motion columns or (ours) 25 \
                 attributes and 78 sound features a frame for a network of 83 columns"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

fn refused(field: &str, detail: String) -> Fault {
    Fault::new(FaultKind::OutOfRange, "", detail)
        .at(field)
        .remedy(format!("start from one of the presets {}", Config::PRESETS.join(", ")))
}

fn sizes(fields: &[(&str, usize)]) -> Result<()> {
    match fields.iter().find(|(_, size)| !(1..=1 << 14).contains(size)) {
        Some((field, size)) => Err(refused(field, format!("{size} is not between 1 and {}", 1 << 14))),
        None => Ok(()),
    }
}

impl VqConfig {
    /// Columns of motion in all.
    pub fn motion(&self) -> usize {
        self.columns.iter().sum()
    }

    /// Whether the sizes fit together.
    ///
    /// # Errors
    /// A fault that names the field.
    pub fn check(&self) -> Result<()> {
        if !(1..=8).contains(&self.columns.len()) {
            return Err(refused(
                "vq.columns",
                format!("{} groups of columns are not 1 to 8", self.columns.len()),
            ));
        }
        self.columns.iter().try_for_each(|columns| sizes(&[("vq.columns", *columns)]))?;
        sizes(&[("vq.layers", self.layers), ("vq.inner", self.inner), ("vq.codes", self.codes)])?;
        sizes(&[("vq.width", self.width), ("vq.heads", self.heads)])?;
        if !self.width.is_multiple_of(self.heads) || !self.width.is_multiple_of(TOKENS) {
            return Err(refused("vq.width", format!("{} is no multiple of 4 and of heads", self.width)));
        }
        Ok(())
    }
}

impl PredictorConfig {
    /// Whether the sizes fit together.
    ///
    /// # Errors
    /// A fault that names the field.
    pub fn check(&self) -> Result<()> {
        sizes(&[("predictor.motion", self.motion), ("predictor.audio", self.audio)])?;
        sizes(&[("predictor.audio_rows", self.audio_rows)])?;
        sizes(&[("predictor.width", self.width), ("predictor.heads", self.heads)])?;
        sizes(&[("predictor.inner", self.inner), ("predictor.codes", self.codes)])?;
        sizes(&[
            ("predictor.cross_layers", self.cross_layers),
            ("predictor.joint_layers", self.joint_layers),
        ])?;
        if !self.width.is_multiple_of(self.heads) {
            return Err(refused("predictor.width", format!("{} is no multiple of heads", self.width)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_sound_and_bad_sizes_are_named() {
        for name in Config::PRESETS {
            Config::preset(name).unwrap().check().unwrap();
        }
        let mut bad = Config::preset("small").unwrap();
        bad.vq.heads = 3;
        assert_eq!(bad.check().unwrap_err().place, "vq.width");
        let mut bad = Config::preset("small").unwrap();
        bad.predictor.codes = 63;
        assert_eq!(bad.check().unwrap_err().place, "predictor");
        let mut bad = Config::preset("small").unwrap();
        bad.predictor.audio_rows = 4;
        assert_eq!(bad.check().unwrap_err().place, "predictor");
        let mut bad = Config::preset("react").unwrap();
        bad.vq.columns.clear();
        assert_eq!(bad.check().unwrap_err().place, "vq.columns");
        let ours = Config::PRESETS.map(|name| Config::preset(name).unwrap().is_ours());
        assert_eq!(ours, [false, false, true, true]);
    }

    #[test]
    fn what_was_written_before_there_were_choices_is_official() {
        let official = Config::official();
        let mut text = serde_json::to_value(&official).unwrap();
        text["vq"].as_object_mut().unwrap().remove("codes_over").unwrap();
        text["predictor"].as_object_mut().unwrap().remove("audio_rows").unwrap();
        assert_eq!(serde_json::from_value::<Config>(text).unwrap(), official);
    }
}
