//! One file a sub-command: its arguments, and the thin wiring from them to the crates that do the work.

pub mod ablate;
pub mod baseline;
pub mod bench;
pub mod check;
pub mod codebooks;
pub mod doctor;
pub mod evaluate;
pub mod features;
pub mod generate;
pub mod heads;
pub mod import;
pub mod intents;
pub mod latents;
pub mod parity;
pub mod recognise;
pub mod render;
pub mod report;
pub mod sampling;
pub mod screenshot;
pub mod synth;
pub mod train;

use std::path::Path;
use std::sync::Arc;

use clips::{Fault, FaultKind};
use listener::System;

/// The name that stands for the shipped demo checkpoint wherever a checkpoint file is expected.
pub const DEMO: &str = "demo";
/// The name that stands for the shipped checkpoint without a latent.
pub const DEMO_PLAIN: &str = "demo-plain";

/// Loads a checkpoint; `demo`, `demo-plain`, `demo-trans-vae` and so on are the shipped ones.
pub fn load_system(checkpoint: &Path) -> clips::Result<Arc<dyn System>> {
    match checkpoint.to_str().and_then(listener::shipped) {
        Some(system) => system,
        None => listener::load(checkpoint),
    }
}

/// Every N-th piece of a work that several processes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    first: usize,
    every: usize,
}

impl Shard {
    /// `2/4` is the second of four.
    pub fn parse(text: &str) -> clips::Result<Self> {
        let read = |(index, count): (&str, &str)| {
            let first = index.parse::<usize>().ok()?.checked_sub(1)?;
            let every = count.parse().ok()?;
            (first < every).then_some(Self { first, every })
        };
        text.split_once('/').and_then(read).ok_or_else(|| {
            bad_request(format!("--shard {text} is not I/N"), "write the second of four as 2/4")
        })
    }

    /// The part (from 1) and the number of parts, as they are written.
    pub fn numbers(self) -> (usize, usize) {
        (self.first + 1, self.every)
    }

    /// Whether the piece of this index is ours.
    pub fn holds(self, index: usize) -> bool {
        index % self.every == self.first
    }
}

/// Opens a head of any kind; converted ones are kept in the user's cache folder. `identity` 0 is the head as it is.
pub fn open_head(path: Option<&Path>, identity: u64) -> clips::Result<Arc<face::Head>> {
    let head = match path {
        None => face::heads::builtin_person(identity),
        Some(path) => {
            let cache = study::Cache::usual_place().and_then(|place| Some(place.parent()?.join("heads")));
            face::heads::open(path, &face::heads::Options { cache, identity }).map(|opened| opened.head)
        }
    };
    head.map_err(|error| of_head(&error))
}

/// A refused head as a fault.
pub fn of_head(error: &face::FaceError) -> Fault {
    match error {
        face::FaceError::Head(head) => {
            Fault::new(FaultKind::Malformed, &head.file, &head.place).remedy(&head.remedy)
        }
        other => Fault::new(FaultKind::Unsupported, "", other.to_string()),
    }
}

/// Refuses a request that cannot be served, as wrong usage (exit code 2).
pub fn bad_request(detail: impl Into<String>, remedy: impl Into<String>) -> Fault {
    Fault::new(FaultKind::BadRequest, "", detail).remedy(remedy)
}
