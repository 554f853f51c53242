//! What a set of generated reactions is worth: the six official measures of REACT 2024 as pure functions on slices, one
//! file each, with the honest reading beside each; what lies beyond them ([`realism`], [`coverage`], [`calibration`],
//! [`react2025`]); how sure a number is ([`uncertainty`], [`paired`]); what others printed ([`published`]); and the judge
//! and measures for corpora whose intents are known.
//!
//! Start reading at [`Evaluation`]; each measure's file has its definition and corner cases in its header. What this
//! crate is not: it reads no files and knows no network; it never repairs its input, it explains it.

pub mod calibration;
pub mod cost;
pub mod coverage;
pub mod evaluation;
pub mod frcorr;
pub mod frdist;
pub mod frdiv;
pub mod frdvs;
pub mod frsyn;
pub mod frvar;
pub mod intents;
pub mod judge;
pub mod measure;
mod orthogonal;
pub mod paired;
pub mod published;
pub mod react2025;
pub mod realism;
pub mod summary;
pub mod uncertainty;

pub use evaluation::{ClipScores, Evaluation, Journal, Options, Reactions, Truth};
pub use measure::Measure;
pub use paired::Direction;
pub use uncertainty::{Interval, percentile};
