//! Sizes of REGNN and the weights of its losses.

use clips::channels::ATTRIBUTE_COUNT;
use clips::{Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};

use crate::answer::CEPSTRA;

/// Sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Features to 64 numbers a frame.
    pub perceptual: PerceptualConfig,
    /// Width inside the layer that makes nodes.
    pub convert: usize,
    /// Frames of a window.
    pub frames: usize,
    /// Frames from one window to the next; half of `frames`, so that windows are joined by averaging halves.
    pub stride: usize,
    /// Channels of the edges.
    pub channels: usize,
    /// Columns that each row of the edges is held to.
    pub neighbours: usize,
    /// Reversible layers.
    pub motor_layers: usize,
    /// Noise of generation is scaled down so that its largest square is this; nothing leaves it as it is.
    pub noise_limit: Option<f64>,
}

/// Sizes of the perceptual processor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerceptualConfig {
    /// Columns of what is seen: 768 of Swin.
    pub video: usize,
    /// Columns of what is heard: 128 of VGGish, 768 of wav2vec2. Unless it equals `width` it is mapped to it.
    pub audio: usize,
    /// Width d of the transformers, even.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Layers of the transformer in which video reads audio.
    pub cross_layers: usize,
    /// Layers of the one behind it.
    pub memory_layers: usize,
    /// Columns of the result.
    pub out: usize,
    /// Dropout of embeddings, residuals, and the ReLU.
    pub dropout: [f64; 3],
}

/// Weights of the training loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// Distances to the nearest reaction up to this count as 0. Officially none in the first epoch, then a third of the
    /// last epoch's average.
    pub threshold: Option<f64>,
    /// Of the spread of reactions around their mean.
    pub spread: f64,
    /// Of the mean |difference| of neighbouring nodes of listener features; 0.1 in published notes on a
    /// wav2vec2 variant, which have no code behind them.
    pub node_difference: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { threshold: None, spread: 1.0, node_difference: 0.0 }
    }
}

impl PerceptualConfig {
    /// Whether it reads what a clip has, attributes and 78 sound features (ours), or features that others made.
    pub fn reads_clips(&self) -> bool {
        (self.video, self.audio) == (ATTRIBUTE_COUNT, CEPSTRA)
    }
}

impl Config {
    /// Names of the presets.
    pub const PRESETS: [&'static str; 4] =
        ["official-vggish", "official-wav2vec2", "noted-wav2vec2", "small"];

    /// The official network on VGGish features.
    pub fn official() -> Self {
        Self {
            perceptual: PerceptualConfig {
                video: 768,
                audio: 128,
                width: 128,
                heads: 4,
                cross_layers: 5,
                memory_layers: 5,
                out: 64,
                dropout: [0.25, 0.1, 0.1],
            },
            convert: 32,
            frames: 50,
            stride: 25,
            channels: 8,
            neighbours: 5,
            motor_layers: 2,
            noise_limit: Some(0.06),
        }
    }

    /// A preset by name. `official-*` are the sizes of the official run with either audio; `noted-wav2vec2` are the sizes of
    /// published notes that nothing verifies; `small` reads 25 attributes and 78 audio features (*ours*).
    pub fn preset(name: &str) -> Option<Self> {
        let official = Self::official();
        let perceptual = official.perceptual.clone();
        let of = |perceptual| Self { perceptual, ..official.clone() };
        Some(match name {
            "official-vggish" => official,
            "official-wav2vec2" => of(PerceptualConfig { audio: 768, ..perceptual }),
            "noted-wav2vec2" => of(PerceptualConfig {
                audio: 768,
                width: 256,
                heads: 8,
                cross_layers: 6,
                memory_layers: 6,
                out: 128,
                dropout: [0.2, 0.2, 0.2],
                ..perceptual
            }),
            "small" => of(PerceptualConfig {
                video: 25,
                audio: 78,
                width: 32,
                cross_layers: 2,
                memory_layers: 2,
                out: 32,
                ..perceptual
            }),
            _ => return None,
        })
    }

    /// Whether the sizes fit together and are of this world.
    ///
    /// # Errors
    /// A fault that names the field.
    pub fn check(&self) -> Result<()> {
        let refuse = |field: &str, detail: String| {
            Err(Fault::new(FaultKind::OutOfRange, "", detail)
                .at(field)
                .remedy(format!("start from one of the presets {}", Self::PRESETS.join(", "))))
        };
        let p = &self.perceptual;
        let fields = [
            ("perceptual.video", p.video, 1, 1 << 14),
            ("perceptual.audio", p.audio, 1, 1 << 14),
            ("perceptual.width", p.width, 4, 4096),
            ("perceptual.heads", p.heads, 1, p.width),
            ("perceptual.cross_layers", p.cross_layers, 1, 100),
            ("perceptual.memory_layers", p.memory_layers, 1, 100),
            ("perceptual.out", p.out, 1, 4096),
            ("convert", self.convert, 1, 4096),
            ("frames", self.frames, 2, 750),
            ("channels", self.channels, 1, 256),
            ("neighbours", self.neighbours, 1, super::NODES),
            ("motor_layers", self.motor_layers, 1, 100),
        ];
        if let Some((field, size, least, most)) =
            fields.iter().find(|(_, size, a, b)| !(*a..=*b).contains(size))
        {
            return refuse(field, format!("{size} is not between {least} and {most}"));
        }
        if !p.width.is_multiple_of(p.heads) || !p.width.is_multiple_of(2) {
            return refuse("perceptual.width", format!("{} is no multiple of 2 and of heads", p.width));
        }
        if self.stride * 2 != self.frames {
            return refuse("stride", format!("{} is not half of the {} frames", self.stride, self.frames));
        }
        if p.dropout.iter().any(|dropout| !(0.0..1.0).contains(dropout)) {
            return refuse("perceptual.dropout", format!("{:?} is not in 0..1", p.dropout));
        }
        if self.noise_limit.is_some_and(|limit| !(limit > 0.0 && limit.is_finite())) {
            return refuse("noise_limit", format!("{:?} is no positive number", self.noise_limit));
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
        let small = Config::preset("small").unwrap();
        for (bad, field) in [
            (Config { stride: 10, ..small.clone() }, "stride"),
            (Config { neighbours: 26, ..small.clone() }, "neighbours"),
            (Config { noise_limit: Some(-1.0), ..small.clone() }, "noise_limit"),
        ] {
            assert_eq!(bad.check().unwrap_err().place, field);
        }
    }
}
