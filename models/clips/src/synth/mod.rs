//! The synthetic dyadic corpus: people whose intents are known, written in the REACT 2024 layout.
//!
//! [`world`] is fixed (classes, intents, how a face shows them); [`dyad`] draws templates, people and sessions;
//! [`performance`] turns a state into streams that agree; [`voice`] makes sound; [`spoken`] moves a face by the phones of real sentences (the demo clips); [`write`](fn@write) puts everything on disk as
//! the real corpus lies there, so that the real readers are what gets used; [`film`] adds drawn faces as video; [`statistics`] says whether it is
//! plausible. It is called synthetic wherever it is shown, and no score on it is a claim about people.

mod drawn;
pub mod dyad;
pub mod performance;
mod planted;
pub mod spoken;
pub mod statistics;
pub mod voice;
pub mod world;
mod write;

pub use drawn::film;
pub use planted::{Plant, planted};
pub use statistics::Statistics;
pub use write::{Config, write};
