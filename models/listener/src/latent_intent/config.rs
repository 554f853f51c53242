//! Sizes of the latent-intent network: one value for the checkpoint, the trainer and the tests.
//!
//! What it is not: training settings (learning rate, steps) live in the training crate.

use clips::{Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};

/// The four token streams of a frame, in the order used everywhere.
pub const STREAMS: [&str; 4] = ["m3d", "au", "va", "ex"];
/// Speaker feature groups in the order in which their projections are stacked.
pub const GROUPS: [&str; 6] = ["au", "va", "ex", "m3d", "mfcc", "w2v"];

/// How attention weights are made of scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attention {
    /// Softmax, scores scaled by log n beyond the training length.
    Softmax,
    /// Squared ReLU over the number of visible keys, as the gated attention unit was first published; an ablation.
    Relu2,
}

/// Which slots of the generation pass e_z is added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LatentPlace {
    /// All of them.
    #[default]
    Every,
    /// Slot 0 alone, PLATO's way: the network learns to ignore it; an ablation.
    First,
}

impl LatentPlace {
    /// Whether e_z is added to this slot.
    pub fn holds(self, slot: usize) -> bool {
        self == Self::Every || slot == 0
    }

    fn is_usual(&self) -> bool {
        *self == Self::Every
    }
}

fn is_off(switch: &bool) -> bool {
    !*switch
}

/// Sizes of the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Model width d; the sum of `feature_widths` and of `token_widths`.
    pub width: usize,
    /// Expansion: the gated width is `expansion * width`.
    pub expansion: usize,
    /// Query and key width (even).
    pub key_width: usize,
    /// Values of the latent intent; 0 for the network without a latent.
    pub latents: usize,
    /// Gated attention units of the encoder.
    pub encoder_units: usize,
    /// Decoder layers, each a causal self unit and a cross unit.
    pub decoder_layers: usize,
    /// How attention weights are made.
    pub attention: Attention,
    /// Where the latent enters.
    #[serde(default, skip_serializing_if = "LatentPlace::is_usual")]
    pub latent_place: LatentPlace,
    /// Whether the heads of a frame hear what the heads before them said; ours, an extension.
    #[serde(default, skip_serializing_if = "is_off")]
    pub chain_heads: bool,
    /// Whether the network hears how the listener usually listens (`style.rs`); ours, an extension.
    #[serde(default, skip_serializing_if = "is_off")]
    pub style: bool,
    /// Frames of the training clips; beyond it attention is windowed.
    pub training_frames: usize,
    /// Vocabulary of each stream.
    pub vocabulary: [usize; 4],
    /// Embedding width of each stream.
    pub token_widths: [usize; 4],
    /// Columns of each speaker group.
    pub feature_columns: [usize; 6],
    /// Projected width of each speaker group.
    pub feature_widths: [usize; 6],
}

impl Config {
    /// The small network that trains on two CPU cores in minutes.
    pub fn tiny(vocabulary: [usize; 4]) -> Self {
        Self {
            width: 64,
            expansion: 2,
            key_width: 32,
            latents: 8,
            encoder_units: 2,
            decoder_layers: 2,
            attention: Attention::Softmax,
            latent_place: LatentPlace::Every,
            chain_heads: false,
            style: false,
            training_frames: 100,
            vocabulary,
            token_widths: [16; 4],
            feature_columns: [15, 2, 8, 58, 78, 1024],
            feature_widths: [8, 4, 4, 16, 28, 4],
        }
    }

    /// Between the two.
    pub fn small(vocabulary: [usize; 4]) -> Self {
        Self {
            width: 256,
            key_width: 64,
            latents: 12,
            encoder_units: 4,
            decoder_layers: 3,
            training_frames: 375,
            token_widths: [64; 4],
            feature_widths: [32, 16, 16, 64, 48, 80],
            ..Self::tiny(vocabulary)
        }
    }

    /// The paper's scale.
    pub fn base(vocabulary: [usize; 4]) -> Self {
        Self {
            width: 512,
            key_width: 128,
            latents: 20,
            encoder_units: 8,
            decoder_layers: 4,
            training_frames: 750,
            token_widths: [128; 4],
            feature_widths: [64, 32, 32, 128, 96, 160],
            ..Self::tiny(vocabulary)
        }
    }

    /// Width of the gate and of the values.
    pub fn gate_width(&self) -> usize {
        self.expansion * self.width
    }

    /// Refuses sizes that do not fit together or that no machine could hold.
    ///
    /// # Errors
    /// [`FaultKind::BadRequest`] naming the size.
    pub fn check(&self) -> Result<()> {
        let bad = |detail: String| {
            Err(Fault::new(FaultKind::BadRequest, "", detail)
                .remedy("choose a preset, or sizes that fit together"))
        };
        if !(1..=4096).contains(&self.width) || !(1..=8).contains(&self.expansion) {
            return bad(format!("width {} x {} is out of range", self.width, self.expansion));
        }
        if self.key_width == 0 || !self.key_width.is_multiple_of(2) || self.key_width > 1024 {
            return bad(format!("key width {} must be even and at most 1024", self.key_width));
        }
        if self.latents > 64
            || self.encoder_units > 64
            || self.decoder_layers > 64
            || self.decoder_layers == 0
        {
            return bad("at most 64 latents, units and layers, and at least one decoder layer".to_owned());
        }
        if !(2..=100_000).contains(&self.training_frames) {
            return bad(format!("{} training frames are out of range", self.training_frames));
        }
        if self.vocabulary.iter().any(|size| !(1..=32_768).contains(size)) {
            return bad(format!("vocabularies {:?} are out of range", self.vocabulary));
        }
        if self.feature_columns.iter().any(|columns| !(1..=4096).contains(columns)) {
            return bad(format!("feature columns {:?} are out of range", self.feature_columns));
        }
        for (name, widths) in [("token", &self.token_widths[..]), ("feature", &self.feature_widths[..])] {
            if widths.iter().any(|width| *width == 0 || *width > 4096)
                || widths.iter().sum::<usize>() != self.width
            {
                return bad(format!("{name} widths {widths:?} do not add up to {}", self.width));
            }
        }
        Ok(())
    }
}
