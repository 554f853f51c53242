//! Sizes of Trans-VAE and the weights of its losses.

use clips::channels::{ATTRIBUTE_COUNT, COEFFICIENT_COUNT};
use clips::{Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};

/// What the network sees of the speaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sight {
    /// Video frames `[3, H, W]`, as the official network.
    Frames,
    /// The 25 attributes of the face. *Ours*, for corpora without video: one linear layer stands where the video encoder
    /// stood; the rest is the official network.
    Attributes,
}

/// Sizes of the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Width d of everything; a multiple of 4 and of `heads`.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// What is seen of the speaker.
    pub sight: Sight,
    /// Columns of the audio features.
    pub audio_columns: usize,
    /// Frames of a window; nothing for the offline network, which answers the whole clip at once.
    pub window: Option<usize>,
    /// Dropout of the transformer layers.
    pub dropout: f64,
    /// Most frames of a clip (the official mask and table end there).
    pub most_frames: usize,
}

/// Factors of the losses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// Of the divergence of the latent from N(0, 1).
    pub divergence: f64,
    /// Of the term that punishes two draws for being alike.
    pub diversity: f64,
}

impl Default for Weights {
    /// As in the README of the official code. (Its defaults in code are 2e-4 and 10.)
    fn default() -> Self {
        Self { divergence: 1e-5, diversity: 10.0 }
    }
}

/// Attributes and coefficients of a reaction.
pub const WIDTHS: (usize, usize) = (ATTRIBUTE_COUNT, COEFFICIENT_COUNT);

impl Config {
    /// Names of the presets.
    pub const PRESETS: [&'static str; 5] =
        ["official-offline", "official-online", "small-offline", "small-online", "small-attributes"];

    /// The official offline network.
    pub fn official() -> Self {
        Self {
            width: 128,
            heads: 4,
            sight: Sight::Frames,
            audio_columns: 78,
            window: None,
            dropout: 0.1,
            most_frames: 751,
        }
    }

    /// A preset by name: official sizes, small ones (width 32), and the small one that reads attributes.
    pub fn preset(name: &str) -> Option<Self> {
        let official = Self::official();
        let small = Self { width: 32, ..official.clone() };
        Some(match name {
            "official-offline" => official,
            "official-online" => Self { window: Some(16), ..official },
            "small-offline" => small,
            "small-online" => Self { window: Some(16), ..small },
            "small-attributes" => Self { sight: Sight::Attributes, ..small },
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
        if !(4..=4096).contains(&self.width) || !self.width.is_multiple_of(4) {
            return refuse("width", format!("{} is no multiple of 4 between 4 and 4096", self.width));
        }
        if self.heads == 0 || !self.width.is_multiple_of(self.heads) {
            return refuse("heads", format!("{} heads do not divide {}", self.heads, self.width));
        }
        if !(1..=4096).contains(&self.audio_columns) {
            return refuse("audio_columns", format!("{} is not between 1 and 4096", self.audio_columns));
        }
        if !(1..=5000).contains(&self.most_frames) {
            return refuse("most_frames", format!("{} is not between 1 and 5000", self.most_frames));
        }
        if self.window.is_some_and(|window| !(1..=self.most_frames).contains(&window)) {
            return refuse("window", format!("{:?} is not between 1 and most_frames", self.window));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return refuse("dropout", format!("{} is not in 0..1", self.dropout));
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
        assert!(Config::preset("none").is_none());
        let small = Config::preset("small-online").unwrap();
        for (bad, field) in [
            (Config { width: 30, ..small.clone() }, "width"),
            (Config { heads: 5, ..small.clone() }, "heads"),
            (Config { window: Some(0), ..small.clone() }, "window"),
            (Config { dropout: 1.0, ..small.clone() }, "dropout"),
        ] {
            assert_eq!(bad.check().unwrap_err().place, field);
        }
        let text = serde_json::to_string(&small).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), small);
    }
}
