//! Where reactions come from while they are scored: a list in memory, or a file that is read clip by clip.

use std::borrow::Cow;

use clips::{Attributes, Result};

/// Reactions by clip. A clip may be asked for more than once and from several threads, and is the same every time.
pub trait Reactions: Sync {
    /// Clips there are.
    fn clips(&self) -> usize;

    /// The samples of a clip, each T x 25.
    ///
    /// # Errors
    /// When they cannot be read or made.
    fn of_clip(&self, clip: usize) -> Result<Cow<'_, [Attributes]>>;
}

impl Reactions for [Vec<Attributes>] {
    fn clips(&self) -> usize {
        self.len()
    }

    fn of_clip(&self, clip: usize) -> Result<Cow<'_, [Attributes]>> {
        Ok(Cow::Borrowed(&self[clip]))
    }
}

impl Reactions for Vec<Vec<Attributes>> {
    fn clips(&self) -> usize {
        self.len()
    }

    fn of_clip(&self, clip: usize) -> Result<Cow<'_, [Attributes]>> {
        self.as_slice().of_clip(clip)
    }
}
