//! Placeholder until the export lands.
use crate::board::{Board, Scored};
use clips::{Control, Result};
use std::path::{Path, PathBuf};
/// Writes.
///
/// # Errors
/// None.
pub fn write(_: &Board, _: &[Scored], _: &Path, _: &Control) -> Result<Vec<PathBuf>> {
    Ok(Vec::new())
}
