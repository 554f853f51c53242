//! Outcomes kept on the disk, so that a table that was computed once opens at once, and a stopped evaluation goes on.
//!
//! A folder an outcome, named by a key over everything it depends on: the split's content, the checkpoint, how it was
//! asked, the seed. `scores.jsonl` grows while clips are scored, a line each; `outcome.json` takes its place in the end.
//! The cache may be removed at any time.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use clips::array::{make_folder, write_atomically};
use clips::cache::Key;
use clips::{Fault, Result};
use measures::{ClipScores, Journal};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A folder of outcomes.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache in `folder`, which is made.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self> {
        make_folder(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The place of cached outcomes on this machine: `backchannel/evaluations` in the user's cache folder; `None` where
    /// there is no home.
    pub fn usual_place() -> Option<PathBuf> {
        let home = || {
            std::env::var_os("HOME")
                .filter(|home| !home.is_empty())
                .map(|home| PathBuf::from(home).join(".cache"))
        };
        let base = std::env::var_os("XDG_CACHE_HOME").filter(|base| !base.is_empty()).map(PathBuf::from);
        Some(base.or_else(home)?.join("backchannel/evaluations"))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn place(&self, key: &Key) -> PathBuf {
        self.folder.join(&key.hex()[..32])
    }

    /// A finished outcome; one that cannot be read is made again.
    pub fn get<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        let file = File::open(self.place(key).join("outcome.json")).ok()?;
        serde_json::from_reader(BufReader::new(file)).ok()
    }

    /// Keeps a finished outcome.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, key: &Key, outcome: &impl Serialize) -> Result<()> {
        let place = self.place(key);
        make_folder(&place)?;
        write_atomically(&place.join("outcome.json"), |file| {
            serde_json::to_writer(file, outcome).map_err(Into::into)
        })?;
        // Its lines are in the outcome now; a leftover would only be read again.
        let _ = std::fs::remove_file(place.join("scores.jsonl"));
        Ok(())
    }

    /// Removes what is kept under a key.
    pub fn forget(&self, key: &Key) {
        // What cannot be removed is made again or overwritten later; nobody is harmed.
        let _ = std::fs::remove_dir_all(self.place(key));
    }

    /// The journal of an outcome that is being made, with what an earlier run finished.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn journal(&self, key: &Key) -> Result<Lines> {
        let place = self.place(key);
        make_folder(&place)?;
        Lines::open(&place.join("scores.jsonl"), &parts(&place))
    }

    /// The journal of the `first` (from 1) of `every` parts of an outcome that several machines make in one folder;
    /// [`Cache::journal`] reads them all.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn journal_of_part(&self, key: &Key, first: usize, every: usize) -> Result<Lines> {
        let place = self.place(key);
        make_folder(&place)?;
        Lines::open(&place.join(format!("{PART}{first}-of-{every}.jsonl")), &[])
    }
}

/// How the name of a part's journal begins.
const PART: &str = "scores-";

/// The journals of parts in a folder, in the order of their names.
fn parts(place: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(place)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PART))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// Scores of clips, a line of JSON each.
pub struct Lines {
    path: PathBuf,
    known: HashMap<usize, ClipScores>,
    file: Mutex<File>,
}

impl Lines {
    /// Opens or begins a journal, and takes over what the journals of `others` have. A line that was cut by a crash ends
    /// a journal; what follows is scored again.
    ///
    /// # Errors
    /// When the file cannot be opened or written.
    pub fn open(path: &Path, others: &[PathBuf]) -> Result<Self> {
        let mut known = HashMap::new();
        for path in others.iter().map(PathBuf::as_path).chain([path]) {
            let Ok(file) = File::open(path) else { continue };
            for line in BufReader::new(file).lines() {
                let Some(scores) = line.ok().and_then(|line| serde_json::from_str::<ClipScores>(&line).ok())
                else {
                    break;
                };
                known.insert(scores.clip, scores);
            }
        }
        // Written anew, so that nothing is appended to half a line.
        write_atomically(path, |file| {
            let mut rows: Vec<&ClipScores> = known.values().collect();
            rows.sort_by_key(|scores| scores.clip);
            rows.into_iter().try_for_each(|scores| writeln!(file, "{}", serde_json::to_string(scores)?))
        })?;
        let file = File::options().append(true).open(path).map_err(|error| Fault::write(path, &error))?;
        Ok(Self { path: path.to_owned(), known, file: Mutex::new(file) })
    }

    /// Clips that were finished before.
    pub fn finished(&self) -> usize {
        self.known.len()
    }
}

impl Journal for Lines {
    fn scored(&self, clip: usize) -> Option<ClipScores> {
        self.known.get(&clip).cloned()
    }

    fn keep(&self, scores: &ClipScores) -> Result<()> {
        let mut line = serde_json::to_string(scores)
            .map_err(|error| Fault::new(clips::FaultKind::Internal, &self.path, error.to_string()))?;
        line.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes()).map_err(|error| Fault::write(&self.path, &error))
    }
}
