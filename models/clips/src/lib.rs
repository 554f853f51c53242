//! The shared vocabulary of Backchannel: frames, channels, streams, takes, faults, progress and seeded chance;
//! corpus layouts and their readers; the synthetic corpus.
//!
//! Start reading at [`streams`] and [`take`]. What this crate is not: it knows no network, no window, no shader and
//! no sound device.

pub mod arkit;
pub mod array;
pub mod blocks;
pub mod cache;
pub mod chance;
pub mod channels;
pub mod control;
pub mod corpus;
pub mod dials;
mod fault;
pub mod footage;
pub mod golden;
pub mod pose;
pub mod streams;
pub mod synth;
pub mod take;
pub mod tensors;
pub mod time;
pub mod torch;

pub use chance::Chance;
pub use control::{Control, Progress};
pub use fault::{Fault, FaultKind, Result};
pub use footage::Footage;
pub use streams::{Attributes, Coefficients, Given, Streams, Waveform};
pub use take::{Sampling, Take, TakeHeader, Track};
