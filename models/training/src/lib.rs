//! Training of the listener networks: losses with their gradients, optimiser, draws, run folders, resume.
//!
//! Start reading at [`train`], then [`objective`]. Every draw is a function of seed and step, the optimiser's state is
//! public, and clips are summed in a fixed order: a resumed run equals an uninterrupted one bit for bit, on any
//! number of threads. What this crate is not: it measures nothing but what it needs to watch itself.

pub mod batch;
mod config;
pub mod data;
pub mod fields;
pub mod objective;
pub mod optimiser;
pub mod run;
pub mod signature;
pub mod store;
mod trainer;
pub mod watch;

pub use config::{Config, Mode, SystemKind};
pub use data::Data;
pub use trainer::{Summary, train, train_on};
