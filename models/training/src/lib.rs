//! Training of the listener networks: losses with their gradients, optimiser, draws, run folders, resume.
//!
//! Start reading at [`train`], then [`objective`]. Every draw is a function of seed and step, the optimiser's state is
//! public, and clips are summed in a fixed order: a resumed run equals an uninterrupted one bit for bit, on any
//! number of threads. What this crate is not: it measures nothing but what it needs to watch itself.

pub mod ablations;
pub mod batch;
mod card;
mod clock;
mod config;
pub mod course;
pub mod data;
pub mod engine;
pub mod fields;
pub mod guard;
mod helm;
pub mod keep;
pub mod objective;
pub mod optimiser;
pub mod orders;
mod pace;
pub mod run;
mod save;
pub mod signature;
mod stage;
pub mod status;
pub mod store;
pub mod sweep;
pub mod systems;
mod trainer;
pub mod validate;
pub mod watch;

pub use card::command;
pub use clock::duration;
pub use config::{BestBy, Config, Mode, SystemKind};
pub use data::Data;
pub use engine::{Engine, Plain, Precision};
pub use trainer::{Summary, train, train_on, train_on_with, train_with};
