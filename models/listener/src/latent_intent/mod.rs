//! The paper's model: reactions as tokens, a K-way discrete latent intent, gated attention units throughout.
//!
//! ```text
//! speaker features -> encoder -> memory          (encoder.rs)
//! reaction + memory -> recognition -> posterior, matching score    (decoder.rs, network.rs, ranking.rs)
//! latent + history + memory -> generation -> four heads -> tokens  (decoder.rs, heads.rs, decode.rs, sampling.rs)
//! ```
//!
//! One file a block: [`gau`] is the unit everything is built of, [`network`] the whole in full passes (training,
//! ranking), [`decode`] the same network step by step (making reactions), [`live`] reactions to a speaker who is
//! still speaking, [`intent`] the system the rest of the program sees. The blocks keep no numbers: see [`parameters`].

pub mod blocks;
pub mod checkpoint;
pub mod config;
pub mod decode;
pub mod decoder;
pub mod dropout;
pub mod encoder;
pub mod features;
pub mod gau;
pub mod golden;
pub mod heads;
mod intent;
pub mod live;
pub mod network;
pub mod parameters;
pub mod ranking;
pub mod sampling;
pub mod style;

pub use checkpoint::{About, Checkpoint};
pub use config::{Attention, Config, GROUPS, LatentPlace, STREAMS};
pub use intent::LatentIntent;
