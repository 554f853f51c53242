//! What a kind of video has to offer: decoded pictures, one small step at a time.

use clips::{Fault, Result};

use super::picture::Kept;

/// What one step brought.
#[derive(Debug)]
pub(super) enum Step {
    /// Work was done, no picture came of it yet.
    Nothing,
    /// A picture by its number in the order of showing; not always the one asked for.
    Picture(usize, Kept),
    /// A picture that cannot be had, and why.
    Lost(usize, Fault),
}

/// Decodes pictures, numbered from 0 in the order of showing.
pub(super) trait Tape: Send {
    /// Steps until `picture` would be there.
    fn cost(&self, picture: usize) -> usize;

    /// Works towards `picture`: no more than one picture is decoded, so that a worker can change its mind between
    /// steps. Asked again and again for the same picture, it comes, or is lost, within `cost` and two more steps.
    ///
    /// # Errors
    /// The video as a whole cannot be read.
    fn step(&mut self, picture: usize) -> Result<Step>;
}
