//! Losses and gradients of training on an accelerator: the second implementation of `training`'s [`Engine`], with candle.
//!
//! Start reading at [`Accelerated`], then `objective.rs` and `passes.rs`. Clips of a batch lie side by side, padded to the longest; the flat
//! slice of parameters is sent to the device at each step and the flat gradient comes back, so nothing else of training
//! knows where it was computed. What this crate is not: it draws nothing, steps no optimiser, makes no reactions.
//!
//! [`Engine`]: training::Engine

mod batch;
mod blocks;
pub mod device;
mod engine;
mod gau;
mod heads;
mod objective;
mod passes;
mod tensors;

pub use engine::Accelerated;

/// The engine of a device by its name.
///
/// # Errors
/// A name of no device; a device that this build or this machine does not have, with what there is.
pub fn engine(name: &str) -> clips::Result<Box<dyn training::Engine>> {
    Ok(match device::Name::parse(name)?.open()? {
        None => Box::new(training::Plain),
        Some(chosen) => Box::new(Accelerated::new(chosen)),
    })
}
