//! A study: several systems answer one split of a corpus, are scored by the measures, and are set beside each other.
//!
//! Start reading at [`Split`] (what is known of the split), [`Entry`] (a system and how it is asked), [`score`] (one
//! entry, one seed: an [`Outcome`], cached and resumable), then [`Board`] (rows with intervals and paired tests). What
//! this crate is not: it knows no window, no command line and no network; whatever answers is a [`listener::System`] or
//! a prediction file.

pub mod board;
pub mod cache;
pub mod column;
pub mod conclusions;
pub mod entry;
pub mod explore;
pub mod export;
pub mod gallery;
pub mod intents;
pub mod latents;
pub mod looks;
pub mod names;
pub mod outcome;
pub mod plots;
pub mod predictions;
pub mod protocol;
pub mod ranges;
pub mod recognition;
pub mod report;
pub mod run;
mod spill;
pub mod split;
pub mod tables;

pub use board::{Board, Cell, Row, Scored};
pub use cache::Cache;
pub use column::Column;
pub use entry::{Draw, Entry};
pub use outcome::{Outcome, Settings, recognise, score};
pub use protocol::Protocol;
pub use recognition::Recognition;
pub use run::{run, score_entry};
pub use split::Split;
