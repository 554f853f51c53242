//! The compared systems: recomputed by the baselines crate.

use std::path::Path;

use clips::{Control, Result};

use super::Recomputed;

pub fn recompute(path: &Path, control: &Control) -> Result<Option<Recomputed>> {
    if !super::is_tensors(path) {
        return Ok(None);
    }
    Ok(::baselines::golden::recompute(path, control)?.map(Recomputed::Sheet))
}
