//! Sizes of Learning2Listen's two networks.

use clips::{Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};

/// Frames of a clip of the first network; three halvings make 4 tokens of them.
pub const FRAMES: usize = 32;
/// Tokens of a clip.
pub const TOKENS: usize = 4;
/// Frames of the speaker that the predictor sees: 32 past and 8 current.
pub const SEEN: usize = 40;
/// Rows of audio for each frame.
pub const AUDIO_ROWS: usize = 4;

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
    /// Columns of expression, rotation and jaw: 50, 3, 3 for DECA; 52, 3, 3 for our 58 coefficients.
    pub columns: [usize; 3],
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
}

/// Sizes of the predictor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictorConfig {
    /// Columns of the speaker's motion.
    pub motion: usize,
    /// Bins of the speaker's sound.
    pub audio: usize,
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

impl Config {
    /// Names of the presets.
    pub const PRESETS: [&'static str; 3] = ["official", "react", "small"];

    /// The official sizes, for DECA faces.
    pub fn official() -> Self {
        Self {
            vq: VqConfig { columns: [50, 3, 3], width: 256, layers: 12, heads: 8, inner: 384, codes: 200 },
            predictor: PredictorConfig {
                motion: 56,
                audio: 128,
                width: 200,
                heads: 10,
                inner: 128,
                cross_layers: 2,
                joint_layers: 5,
                codes: 200,
            },
        }
    }

    /// The official sizes (DECA faces), the same for our 58 coefficients, or a small network for those.
    pub fn preset(name: &str) -> Option<Self> {
        let Self { vq, predictor } = Self::official();
        let react = Self {
            vq: VqConfig { columns: [52, 3, 3], ..vq.clone() },
            predictor: PredictorConfig { motion: 58, ..predictor.clone() },
        };
        Some(match name {
            "official" => Self { vq, predictor },
            "react" => react,
            "small" => Self {
                vq: VqConfig { width: 64, layers: 2, heads: 4, inner: 96, codes: 64, ..react.vq },
                predictor: PredictorConfig {
                    width: 40,
                    heads: 4,
                    inner: 64,
                    joint_layers: 2,
                    codes: 64,
                    ..react.predictor
                },
            },
            _ => return None,
        })
    }

    /// Whether the sizes fit together and are of this world.
    ///
    /// # Errors
    /// A fault that names the field.
    pub fn check(&self) -> Result<()> {
        self.vq.check()?;
        self.predictor.check()?;
        let motion: usize = self.vq.columns.iter().sum();
        if self.vq.codes != self.predictor.codes || motion != self.predictor.motion {
            return Err(refused(
                "predictor",
                "the predictor must have the codes and the motion columns of the quantising network"
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
    /// Whether the sizes fit together.
    ///
    /// # Errors
    /// A fault that names the field.
    pub fn check(&self) -> Result<()> {
        let [a, b, c] = self.columns;
        let columns = [("vq.columns", a), ("vq.columns", b), ("vq.columns", c)];
        sizes(&columns)?;
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
    }
}
