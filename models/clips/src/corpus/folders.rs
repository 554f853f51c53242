//! Listing a tree of folders: in parallel, with a bound on the depth, links followed.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::control::Control;
use crate::fault::Result;

/// One file below a base folder.
#[derive(Debug)]
pub(super) struct Found {
    /// Path below the base, with `/` between its parts.
    pub inside: String,
    /// The file.
    pub path: PathBuf,
}

/// Every file below `base`, unsorted; none when there is no such folder (a missing modality is no error). `depth`
/// levels of folders are entered, so that a link that leads upwards ends. Names beginning with a dot are junk of
/// desktop systems and come only when `hidden`.
///
/// # Errors
/// On a stop.
pub(super) fn files(base: &Path, depth: usize, hidden: bool, control: &Control) -> Result<Vec<Found>> {
    walk(base, "", depth, hidden, control)
}

fn walk(folder: &Path, prefix: &str, depth: usize, hidden: bool, control: &Control) -> Result<Vec<Found>> {
    control.check()?;
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Vec::new()) };
    let (mut found, mut folders) = (Vec::new(), Vec::new());
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.starts_with('.') && !hidden {
            continue;
        }
        let inside = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        // Large corpora are often linked together from several disks.
        let is_folder = match entry.file_type() {
            Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
            Ok(kind) => kind.is_dir(),
            Err(_) => continue,
        };
        if !is_folder {
            found.push(Found { inside, path: entry.path() });
        } else if depth > 0 {
            folders.push((entry.path(), inside));
        }
    }
    // Many small folders: on a cold disk the waiting is what costs, so they are listed side by side.
    let below = folders
        .par_iter()
        .map(|(path, inside)| walk(path, inside, depth - 1, hidden, control))
        .collect::<Result<Vec<_>>>()?;
    below.into_iter().for_each(|more| found.extend(more));
    Ok(found)
}
