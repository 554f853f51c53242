//! The latent-intent network: recomputed by the listener crate.

use std::path::Path;

use clips::{Control, Result};

use super::Recomputed;

pub fn recompute(path: &Path, control: &Control) -> Result<Option<Recomputed>> {
    if !super::is_tensors(path) {
        return Ok(None);
    }
    Ok(listener::latent_intent::golden::recompute(path, control)?.map(Recomputed::Sheet))
}
