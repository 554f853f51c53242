//! The compared systems: Trans-VAE, BeLFusion, REGNN and Learning2Listen, equal to the official code on the same
//! weights, forward and gradients.
//!
//! Start reading at [`trans_vae`] (one folder a system, one file a block), then [`layers`] (blocks that several share),
//! [`parameters`] (where tensors come from), [`golden`] (how equality is shown) and [`answer`] (checkpoints as systems that
//! answer speakers). What this crate is not: it has no training loop, reads no corpus, and knows no window of the screen.

pub mod answer;
pub mod belfusion;
pub mod given;
pub mod golden;
pub mod import;
pub mod layers;
pub mod learning2listen;
pub mod lessons;
pub mod parameters;
pub mod pass;
pub mod pictures;
pub mod regnn;
pub mod systems;
pub mod trans_vae;

pub use answer::load;
pub use parameters::{Fresh, Parameters, Scope, Source, Start, Stored, build};
pub use pass::Pass;
pub use systems::{Network, Settings};
