//! How a corpus lies on a disk, as one trait: implement it for a corpus of your own and hand it to
//! [`Corpus::open_as`](super::Corpus::open_as), or add it to [`LAYOUTS`] so that it is found by itself.
//!
//! A layout says only what is particular to it: how to recognise a root folder, which two people make a pair and
//! where their files are, and which reactions are appropriate. Everything else is shared and lives in
//! [`Corpus`](super::Corpus) and [`check`](super::check): the role swap and its order, missing modalities, reading,
//! lengths and ranges.

use std::fmt::Debug;
use std::path::Path;

use super::check::Finding;
use super::{ClipEntry, Corpus, Neighbours, PersonFiles, React2024, React2025, Split};
use crate::control::Control;
use crate::fault::{Fault, Result};
use crate::time::FRAMES_PER_SECOND;

/// The pairs of a split, and what went wrong while they were looked up.
#[derive(Debug, Default)]
pub struct Pairs {
    /// First and second person of every pair, in the order of the corpus. Row n of the split is pair n with the first
    /// person speaking; row n + pairs has the roles swapped.
    pub pairs: Vec<[PersonFiles; 2]>,
    /// Lines and folders that gave no pair.
    pub faults: Vec<Fault>,
}

/// One way a corpus lies on a disk. Opening may read lists and folder entries, never the clips themselves.
pub trait Layout: Debug + Send + Sync {
    /// Name for people ("REACT 2024").
    fn name(&self) -> &'static str;

    /// Whether `root` looks like this layout. Cheap: a handful of existence tests.
    fn fits(&self, root: &Path) -> bool;

    /// Frames a second of attributes, coefficients and video as they are stored.
    fn frames_per_second(&self) -> u32 {
        FRAMES_PER_SECOND
    }

    /// Whether every clip is cut to the same length, so that a shorter one is a fault.
    fn one_length(&self) -> bool {
        false
    }

    /// The pairs of a split; none when the split is not there. A missing modality is no error.
    ///
    /// # Errors
    /// On a stop, or when nothing of the split can be known (an unreadable list).
    fn pairs(&self, root: &Path, split: Split, control: &Control) -> Result<Pairs>;

    /// Which reactions are appropriate to which row of `rows` (the whole split, both roles); `None` when the corpus
    /// does not say.
    ///
    /// # Errors
    /// A matrix that cannot be read or does not fit the rows.
    fn neighbours(&self, root: &Path, split: Split, rows: &[ClipEntry]) -> Result<Option<Neighbours>>;

    /// What only this layout can find wrong: lists, matrices, files that belong to no clip. Called by
    /// [`check`](super::check::check) after the clips.
    ///
    /// # Errors
    /// On a stop only; everything else is a finding.
    fn check(&self, corpus: &Corpus, control: &Control) -> Result<Vec<Finding>> {
        let _ = corpus;
        control.check().map(|()| Vec::new())
    }
}

/// The layouts that [`Corpus::open`](super::Corpus::open) knows, in the order in which they are tried.
pub static LAYOUTS: [&dyn Layout; 2] = [&React2025, &React2024];

/// The first known layout that fits, if any.
pub fn detect(root: &Path) -> Option<&'static dyn Layout> {
    LAYOUTS.into_iter().find(|layout| layout.fits(root))
}
