//! The listener networks: the paper's latent-intent model, the same without its latent, and predictions of others.
//!
//! Start reading at [`System`], then [`latent_intent`]. The networks run on plain slices: matrix products for
//! training and ranking, small loops for decoding. What this crate is not: it trains nothing (the training crate
//! does), it measures nothing, and it knows no window.

pub mod ceiling;
pub mod cost;
pub mod import;
pub mod latent_intent;
pub mod naive;
pub mod real;
mod system;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use clips::tensors::Tensors;
use clips::{Fault, FaultKind, Result, Streams};

pub use latent_intent::LatentIntent;
pub use latent_intent::features::{corpus_listener, corpus_speaker, read_face};
pub use naive::Naive;
pub use system::{LatentChoice, Request, System};

static DEMO: &[u8] = include_bytes!("../../checkpoints/latent-intent-demo.safetensors");
static DEMO_PLAIN: &[u8] = include_bytes!("../../checkpoints/latent-intent-plain-demo.safetensors");

/// Reads a checkpoint of systems that another crate knows.
pub type Reader = fn(&Path) -> Result<Arc<dyn System>>;

static READERS: RwLock<BTreeMap<&'static str, Reader>> = RwLock::new(BTreeMap::new());

/// From now on [`load`] gives files whose metadata names this format to this reader. The program calls it when it starts, so that
/// whoever loads checkpoints (studies, the window) needs to know no other network library.
pub fn register(format: &'static str, reader: Reader) {
    READERS.write().unwrap_or_else(PoisonError::into_inner).insert(format, reader);
}

/// Loads a checkpoint file as a system: of this crate, or of one that was registered.
///
/// # Errors
/// A fault that says what is wrong with the file and what to do.
pub fn load(path: &Path) -> Result<Arc<dyn System>> {
    // what is no tensors file at all is explained by our own reader
    let format = Tensors::open(path).ok().and_then(|file| file.metadata().get("format").cloned());
    let readers = READERS.read().unwrap_or_else(PoisonError::into_inner);
    let reader = format.and_then(|format| readers.get(format.as_str()).copied());
    drop(readers);
    match reader {
        Some(reader) => reader(path),
        None => Ok(Arc::new(LatentIntent::load(path)?)),
    }
}

/// Loads a checkpoint from memory; `name` stands for its path in faults.
///
/// # Errors
/// As [`load`].
pub fn load_bytes(name: &str, bytes: &[u8]) -> Result<Arc<dyn System>> {
    Ok(Arc::new(LatentIntent::from_bytes(Path::new(name), bytes)?))
}

/// The checkpoint that ships with the program: `latent-intent`, trained on synthetic dyads.
///
/// # Errors
/// None in a build that passed its tests.
pub fn demo() -> Result<Arc<dyn System>> {
    load_bytes("latent-intent-demo.safetensors", DEMO)
}

/// The shipped checkpoint without a latent: `latent-intent-plain`.
///
/// # Errors
/// None in a build that passed its tests.
pub fn demo_plain() -> Result<Arc<dyn System>> {
    load_bytes("latent-intent-plain-demo.safetensors", DEMO_PLAIN)
}

/// Makes a checkpoint that ships with the program.
pub type Shipped = fn() -> Result<Arc<dyn System>>;

static SHIPPED: RwLock<BTreeMap<&'static str, Shipped>> = RwLock::new(BTreeMap::new());

/// From now on [`shipped`] knows this name, too. The program calls it when it starts, as [`register`].
pub fn ship(name: &'static str, make: Shipped) {
    SHIPPED.write().unwrap_or_else(PoisonError::into_inner).insert(name, make);
}

/// A checkpoint that ships with the program: `demo`, `demo-plain`, or one that was registered; `None` for other names.
pub fn shipped(name: &str) -> Option<Result<Arc<dyn System>>> {
    match name {
        "demo" => Some(demo()),
        "demo-plain" => Some(demo_plain()),
        _ => {
            let make = SHIPPED.read().unwrap_or_else(PoisonError::into_inner).get(name).copied()?;
            Some(make())
        }
    }
}

/// Names that [`shipped`] knows, the paper's model first.
pub fn shipped_names() -> Vec<&'static str> {
    let others = SHIPPED.read().unwrap_or_else(PoisonError::into_inner);
    ["demo", "demo-plain"].into_iter().chain(others.keys().copied()).collect()
}

/// What networks run on here, a line each.
pub fn devices() -> Vec<String> {
    vec![format!("CPU, {} threads, gemm and plain loops", rayon::current_num_threads())]
}

/// Seconds it takes to hear one frame and to make one frame of every latent's reaction, for each frame of `speaker`
/// after the first, on one thread.
///
/// # Errors
/// When the system does not answer live, or there is nothing to answer.
pub fn online_frame_times(system: &dyn System, speaker: &Streams) -> Result<Vec<f64>> {
    let system = system.latent_intent().ok_or_else(|| {
        Fault::new(FaultKind::Unsupported, "", format!("{} does not answer live", system.name()))
            .remedy("choose a latent-intent checkpoint")
    })?;
    let heard = system.speaker(speaker);
    let which: Vec<_> = match system.config().latents {
        0 => vec![latent_intent::live::Which { latent: None, sample: 0 }],
        latents => (0..latents).map(|z| latent_intent::live::Which { latent: Some(z), sample: 0 }).collect(),
    };
    let mut live = system.live("online", &which, &Request::default());
    live.react();
    let columns = system.config().feature_columns;
    Ok((1..heard.frames)
        .map(|frame| {
            let part = heard.part(&columns, frame - 1, 1);
            let begun = Instant::now();
            live.hear(&part);
            live.react();
            begun.elapsed().as_secs_f64()
        })
        .collect())
}
