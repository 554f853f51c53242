//! What people call the latents of a checkpoint: a small file beside it, that travels with it.
//!
//! `last.safetensors` has its names in `last.names.toml`. A checkpoint that ships with the program has no folder to
//! write to; its names are kept in the user's data folder under its hash.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use clips::array::{make_folder, write_atomically};
use clips::{Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};

/// Longest name, in letters: tiles are small.
pub const LONGEST: usize = 40;
/// Bytes of a file that is read at most.
const MOST_BYTES: u64 = 64 * 1024;

/// Names of latents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// SHA-256 of the checkpoint they were given to, hex.
    pub checkpoint: String,
    /// By `z1`, `z2`, ...
    #[serde(default)]
    pub names: BTreeMap<String, String>,
}

impl Names {
    /// The names of a checkpoint, and a warning where the file is of another one; none where there is no file.
    ///
    /// # Errors
    /// A file that cannot be read, or holds something else.
    pub fn read(file: &Path, checkpoint: &str) -> Result<Self> {
        let fresh = || Self { checkpoint: checkpoint.to_owned(), names: BTreeMap::new() };
        let Ok(meta) = std::fs::metadata(file) else { return Ok(fresh()) };
        if meta.len() > MOST_BYTES {
            return Err(Fault::new(FaultKind::TooLarge, file, format!("{} bytes of names", meta.len()))
                .remedy("remove the file; names are given again"));
        }
        let text = std::fs::read_to_string(file).map_err(|error| Fault::io(file, &error))?;
        let read: Self = toml::from_str(&text).map_err(|error| {
            Fault::new(FaultKind::Malformed, file, error.to_string()).remedy("correct or remove the file")
        })?;
        for (latent, name) in &read.names {
            Self::number(latent).filter(|_| name.chars().count() <= LONGEST).ok_or_else(|| {
                Fault::new(FaultKind::Malformed, file, format!("{latent} = {name:?}"))
                    .remedy(format!("write z1 = \"name\", at most {LONGEST} letters"))
            })?;
        }
        // The names of weights that have been overwritten say nothing about the new ones.
        Ok(if read.checkpoint == checkpoint { read } else { fresh() })
    }

    /// Writes them.
    ///
    /// # Errors
    /// A folder that cannot be written to.
    pub fn write(&self, file: &Path) -> Result<()> {
        if let Some(folder) = file.parent() {
            make_folder(folder)?;
        }
        let text = toml::to_string(self)
            .map_err(|error| Fault::new(FaultKind::Internal, file, error.to_string()))?;
        write_atomically(file, |writer| writer.write_all(text.as_bytes()))
    }

    /// The name of a latent counted from 0.
    pub fn of(&self, latent: usize) -> Option<&str> {
        self.names.get(&format!("z{}", latent + 1)).map(String::as_str)
    }

    /// Gives a name, or takes it away with an empty one; cut to what fits.
    pub fn give(&mut self, latent: usize, name: &str) {
        let name: String = name.trim().chars().filter(|letter| !letter.is_control()).take(LONGEST).collect();
        let key = format!("z{}", latent + 1);
        if name.is_empty() {
            self.names.remove(&key);
        } else {
            self.names.insert(key, name);
        }
    }

    fn number(key: &str) -> Option<usize> {
        key.strip_prefix('z')?.parse::<usize>().ok()?.checked_sub(1)
    }
}

/// Where the names of a checkpoint are kept: beside its file, else in the user's data folder; `None` without a home.
pub fn file(checkpoint_file: Option<&Path>, hash: &str) -> Option<PathBuf> {
    if let Some(path) = checkpoint_file {
        return Some(path.with_extension("names.toml"));
    }
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")))?;
    Some(base.join("backchannel/names").join(format!("{hash}.toml")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_belong_to_one_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(Some(&folder.path().join("last.safetensors")), "a").unwrap();
        assert!(path.ends_with("last.names.toml"));
        let mut names = Names::read(&path, "a").unwrap();
        assert_eq!(names.of(2), None);
        names.give(2, "  warm\u{7} smile ");
        names.give(0, "nod");
        names.give(0, "");
        names.write(&path).unwrap();
        let read = Names::read(&path, "a").unwrap();
        assert_eq!(read.of(2), Some("warm smile"));
        assert_eq!(read.of(0), None);
        assert_eq!(Names::read(&path, "b").unwrap().of(2), None);
    }

    #[test]
    fn a_broken_file_is_refused_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.names.toml");
        for text in ["names = 3", "checkpoint = \"a\"\n[names]\nq = \"x\"", "\u{0}"] {
            std::fs::write(&path, text).unwrap();
            let fault = Names::read(&path, "a").unwrap_err();
            assert!(fault.to_string().contains("x.names.toml"), "{fault}");
        }
    }
}
