//! Facial reactions as discrete tokens and back: four code books over one frame.
//!
//! | stream | what | how |
//! |---|---|---|
//! | `m3d` | 58 coefficients minus the mean face | k-means on group-scaled columns, or finite scalar quantisation |
//! | `au` | 15 action units | dictionary of the combinations seen |
//! | `va` | valence, arousal | occupied cells of an 80 x 80 grid |
//! | `ex` | 8 expression probabilities | k-means |
//!
//! A frame is four ids, always in this order (paper, section II-A). The books are fitted once on training listeners
//! ([`CodeBooks::fit`]), travel inside the checkpoint ([`CodeBooks::tensors`]), and are never refitted.
//! Start reading at [`CodeBooks`]. What this crate is not: it knows no network and no corpus layout; smoothing
//! ([`smooth`]) is for pictures and off wherever something is measured.

pub mod au;
mod books;
mod diagnostics;
pub mod fsq;
pub mod kmeans;
pub mod sizing;
pub mod smooth;
mod tensors;
pub mod va;

pub use books::{CodeBooks, ExBook, FitConfig, M3dBook, Reaction};
pub use diagnostics::{Diagnostics, StreamDiagnostics};
pub use smooth::Smoothing;
pub use tensors::{TensorData, Tensors};

/// Ids of one frame in the order of [`Stream::ALL`].
pub type Frame = [u32; 4];

/// One of the four token streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Coefficients of the face model.
    M3d,
    /// Action units.
    Au,
    /// Valence and arousal.
    Va,
    /// Expression probabilities.
    Ex,
}

impl Stream {
    /// All streams in the order in which a frame lists them.
    pub const ALL: [Self; 4] = [Self::M3d, Self::Au, Self::Va, Self::Ex];

    /// Name in tensor names and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::M3d => "m3d",
            Self::Au => "au",
            Self::Va => "va",
            Self::Ex => "ex",
        }
    }

    /// Place in a [`Frame`].
    pub fn index(self) -> usize {
        self as usize
    }
}
