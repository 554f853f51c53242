//! A take: one reaction of one system to one clip, with everything needed to make it again.
//!
//! Everything on screen reads takes; nothing on screen knows which network made one. Takes are immutable.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::streams::{Attributes, Coefficients};

/// Whole speaker clip visible, or only its past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Track {
    /// The system sees the whole speaker clip.
    #[default]
    Offline,
    /// Frame t is made from speaker frames before t only.
    Online,
}

/// What a style says of a person: see `listener::latent_intent::style`.
pub const STYLES: [&str; 5] = ["smile", "brows", "mouth", "liveliness", "head"];

/// How a person usually listens, in deviations from the average person, in the order of [`STYLES`].
pub type Style = [f32; STYLES.len()];

fn is_average(style: &Style) -> bool {
    *style == Style::default()
}

/// How tokens are drawn from a system's distributions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// Softmax temperature; 0 takes the most likely token.
    pub temperature: f32,
    /// Keep the k most likely tokens; 0 keeps all.
    pub top_k: usize,
    /// Keep the smallest set of tokens whose mass reaches p; 1 keeps all.
    pub top_p: f32,
    /// Latent guidance (0 = off): how far to move from the latent-free distribution.
    pub guidance: f32,
    /// Every latent draws the same random numbers, so that nothing but the latent differs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared_noise: bool,
    /// Weights and caches are read in 16 bits: faster for large networks, with a small error.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sixteen_bits: bool,
    /// Whose way of listening it is; all 0 for an average person. Refused by systems that know no styles.
    #[serde(default, skip_serializing_if = "is_average")]
    pub style: Style,
}

impl Sampling {
    /// Whether a person other than the average one is asked for.
    pub fn has_style(&self) -> bool {
        !is_average(&self.style)
    }
}

impl Default for Sampling {
    fn default() -> Self {
        // 0.98 rather than the paper lineage's 0.9: a nucleus of 0.9 cuts off the beginnings of movements, which are
        // rare in every single frame, and faces freeze (`intents --top-p` shows it: FRVar 0.63 against 0.89 of the real)
        Self {
            temperature: 1.0,
            top_k: 0,
            top_p: 0.98,
            guidance: 0.0,
            shared_noise: false,
            sixteen_bits: false,
            style: Style::default(),
        }
    }
}

/// Where a take comes from; enough to make it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TakeHeader {
    /// Name of the system ("latent-intent", or the file name of an imported prediction).
    pub system: String,
    /// SHA-256 of the checkpoint file (hex), or of the imported prediction file.
    pub checkpoint: String,
    /// The clip it answers ("val/NoXI/001/Expert_video/1", or a file name).
    pub clip: String,
    /// Latent intent, counted from 0; `None` for systems without one.
    pub latent: Option<usize>,
    /// Sample number within the latent, counted from 0.
    pub sample: usize,
    /// Seed of all draws.
    pub seed: u64,
    /// How tokens were drawn.
    pub sampling: Sampling,
    /// What the system could see.
    pub track: Track,
    /// Where the latent changes on the way: from frame `.0` on it is `.1`, the history kept; in the order of frames.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<(usize, usize)>,
    /// Reaction-matching logit; `None` for systems without a ranking.
    pub rm_score: Option<f32>,
    /// Rank by the score among the takes made together, 1 = best.
    pub rank: Option<usize>,
}

impl TakeHeader {
    /// The reaction-matching logit as a probability of being appropriate.
    pub fn score(&self) -> Option<f32> {
        self.rm_score.map(|logit| 1.0 / (1.0 + (-logit).exp()))
    }
}

/// One reaction: header, attributes, and coefficients where the system makes them.
#[derive(Debug, Clone)]
pub struct Take {
    /// Where it comes from.
    pub header: TakeHeader,
    /// T x 25.
    pub attributes: Arc<Attributes>,
    /// T x 58; `None` when the system makes attributes only.
    pub coefficients: Option<Arc<Coefficients>>,
}

impl Take {
    /// Frames of the reaction.
    pub fn frames(&self) -> usize {
        self.attributes.len()
    }
}
