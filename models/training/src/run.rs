//! A run folder: `config.toml`, `metrics.jsonl`, `status.json`, `control`, `log.txt`, `checkpoints/`, `previews/`,
//! `summary.json` at the end, and `state.bin`, from which a stopped or killed run goes on bit for bit as if it had never stopped.
//!
//! `state.bin` holds a JSON line (stage, step, best, the last losses), the weights, both moments and the moving average
//! where there is one, little-endian; it is replaced atomically, so there is always a whole one. A checkpoint of a step
//! is written before the step's line of metrics, and that before the state: what a kill leaves beyond the state is made
//! again, the same. Code books and feature statistics are fitted again from the corpus, whose fingerprint must be the
//! same.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use clips::array::{make_folder, write_atomically};
use clips::{Fault, FaultKind, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::config::Config;
use crate::objective::Losses;
use crate::optimiser::AdamW;

/// Lines that wait for a disk with space.
const MOST_WAITING: usize = 100_000;

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place<L = Losses> {
    /// 1 or 2.
    pub stage: u64,
    /// Steps of the stage taken.
    pub step: usize,
    /// Lowest cost of the stage so far in the measure that decides which checkpoint is the best (CLG, unless set
    /// otherwise).
    pub best: Option<f64>,
    /// Looks at that measure since.
    #[serde(default)]
    pub since_best: usize,
    /// The stage ended before its last step.
    #[serde(default)]
    pub ended: bool,
    /// Fingerprint of the corpus.
    pub corpus: String,
    /// Losses of the last steps of the stage, oldest first.
    pub recent: Vec<L>,
    /// Weighted sums of the last steps that were taken, oldest first; what a spike is told by.
    #[serde(default)]
    pub window: Vec<f64>,
    /// Steps skipped in a row.
    #[serde(default)]
    pub skipped_in_a_row: usize,
    /// Steps skipped in this stage.
    #[serde(default)]
    pub skipped: usize,
    /// Numbers that a course of training carries from step to step (averages of an epoch, thresholds).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memory: Vec<f64>,
    /// Seconds spent so far.
    pub seconds: f64,
    steps_taken: u64,
    parameters: usize,
    /// The moving average lies behind the moments.
    #[serde(default)]
    averaged: bool,
}

/// All that changes during a run.
#[derive(Debug, Clone, PartialEq)]
pub struct State<L = Losses> {
    /// Where the run is.
    pub place: Place<L>,
    /// Weights.
    pub values: Vec<f32>,
    /// Optimiser.
    pub optimiser: AdamW,
    /// Moving average of the weights, where there is one.
    pub average: Option<Vec<f32>>,
}

impl<L> State<L> {
    /// The beginning of a stage.
    pub fn new(stage: u64, values: Vec<f32>, averaged: bool, corpus: &str, seconds: f64) -> Self {
        let parameters = values.len();
        let place = Place {
            stage,
            step: 0,
            best: None,
            since_best: 0,
            ended: false,
            corpus: corpus.to_owned(),
            recent: Vec::new(),
            window: Vec::new(),
            skipped_in_a_row: 0,
            skipped: 0,
            memory: Vec::new(),
            seconds,
            steps_taken: 0,
            parameters,
            averaged,
        };
        let average = averaged.then(|| values.clone());
        Self { place, values, optimiser: AdamW::new(parameters), average }
    }

    /// The weights to look at and to write down: the average where there is one.
    pub fn best_values(&self) -> &[f32] {
        self.average.as_deref().unwrap_or(&self.values)
    }
}

/// The files of a run. While it lives no other program can open the same folder.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    _lock: File,
    metrics: Lines,
    log: Lines,
}

impl Folder {
    /// Opens or makes a run folder. A folder that already holds a run is taken up only with `resume`, and only with
    /// the same settings.
    ///
    /// # Errors
    /// A folder that cannot be written, another run in it, another program that trains there, nothing to resume.
    pub fn open(root: &Path, config: &Config, resume: bool) -> Result<Self> {
        let same = |file: &Path, old: &str| Ok(Config::from_toml(file, old)? == *config);
        Self::open_as(root, &config.to_toml()?, resume, same)
    }

    /// As [`Folder::open`] for settings of any kind: their `text`, and whether an older text says the `same`.
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub fn open_as(
        root: &Path,
        text: &str,
        resume: bool,
        same: impl Fn(&Path, &str) -> Result<bool>,
    ) -> Result<Self> {
        make_folder(&root.join("checkpoints"))?;
        let lock = lock(root)?;
        let lines = |name: &str| Lines { path: root.join(name), waiting: Mutex::default() };
        let (metrics, log) = (lines("metrics.jsonl"), lines("log.txt"));
        let folder = Self { root: root.to_owned(), _lock: lock, metrics, log };
        let file = folder.config();
        if resume {
            let old = std::fs::read_to_string(&file).map_err(|error| {
                Fault::io(&file, &error).remedy("there is no run to resume here; start it without --resume")
            })?;
            if !same(&file, &old)? {
                return Err(Fault::new(
                    FaultKind::Mismatch,
                    &file,
                    "the settings differ from those of the run",
                )
                .remedy("resume with the same settings, or start another run folder"));
            }
        } else {
            if folder.state().exists() {
                return Err(Fault::new(FaultKind::Mismatch, root, "there is a run in this folder")
                    .remedy("go on with --resume, or choose another folder"));
            }
            write_atomically(&file, |writer| writer.write_all(text.as_bytes()))?;
            for lines in [&folder.metrics, &folder.log] {
                write_atomically(&lines.path, |_| Ok(()))?;
            }
        }
        Ok(folder)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The settings.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// How far the run is.
    pub fn status(&self) -> PathBuf {
        self.root.join("status.json")
    }

    /// What the finished run has to show.
    pub fn summary(&self) -> PathBuf {
        self.root.join("summary.json")
    }

    /// The saved state.
    pub fn state(&self) -> PathBuf {
        self.root.join("state.bin")
    }

    /// The folder of checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// The folder of previews.
    pub fn previews(&self) -> PathBuf {
        self.root.join("previews")
    }

    /// A checkpoint by name: `stage-1`, `last`, `best`, `s2-000400`.
    pub fn checkpoint(&self, name: &str) -> PathBuf {
        self.checkpoints().join(format!("{name}.safetensors"))
    }

    /// Adds a line to `metrics.jsonl`. A line that finds no space waits for the next one.
    pub fn metric(&self, line: &serde_json::Value) {
        self.metrics.add(line.to_string());
    }

    /// Adds a line with the time to `log.txt`. A line that finds no space waits for the next one.
    pub fn log(&self, line: &str) {
        let now = clock::utc(clock::unix(SystemTime::now()));
        self.log.add(format!("{now} {}", line.replace('\n', " ")));
    }

    /// Drops metrics of steps after the saved state: they will be made again.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget_after(&self, stage: u64, step: usize) -> Result<()> {
        let text = std::fs::read(&self.metrics.path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let kept: Vec<&str> = text
            .lines()
            .filter(|line| {
                let Ok(value) = serde_json::from_str::<serde_json::Value>(line) else { return false };
                let place = (value["stage"].as_u64().unwrap_or(0), value["step"].as_u64().unwrap_or(0));
                place <= (stage, step as u64)
            })
            .collect();
        write_atomically(&self.metrics.path, |writer| {
            kept.iter().try_for_each(|line| writeln!(writer, "{line}"))
        })
    }

    /// Saves the state.
    ///
    /// # Errors
    /// When it cannot be written; the one before is then still there.
    pub fn save<L: Serialize>(&self, state: &mut State<L>) -> Result<()> {
        state.place.steps_taken = state.optimiser.steps;
        state.place.parameters = state.values.len();
        state.place.averaged = state.average.is_some();
        let place = serde_json::to_string(&state.place)
            .map_err(|error| Fault::new(FaultKind::Internal, self.state(), error.to_string()))?;
        let parts = [Some(&state.values), Some(&state.optimiser.first), Some(&state.optimiser.second)];
        write_atomically(&self.state(), |writer| {
            writeln!(writer, "{place}")?;
            for values in parts.into_iter().chain([state.average.as_ref()]).flatten() {
                values.iter().try_for_each(|value| writer.write_all(&value.to_le_bytes()))?;
            }
            Ok(())
        })
    }

    /// Reads the saved state; `None` when the run has not saved one yet.
    ///
    /// # Errors
    /// A state that is broken.
    pub fn restore<L: DeserializeOwned>(&self) -> Result<Option<State<L>>> {
        let path = self.state();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Fault::io(&path, &error)),
        };
        let broken = |detail: &str| {
            Fault::new(FaultKind::Malformed, &path, detail).remedy("start the run again in another folder")
        };
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| broken("not a saved state"))?;
        let place: Place<L> =
            serde_json::from_slice(&bytes[..end]).map_err(|error| broken(&error.to_string()))?;
        let (n, parts) = (place.parameters, if place.averaged { 4 } else { 3 });
        let words = bytes[end + 1..].as_chunks::<4>().0;
        if n == 0
            || bytes.len() - end - 1 != words.len().saturating_mul(4)
            || words.len() != n.saturating_mul(parts)
        {
            return Err(broken("the state has another size than it says"));
        }
        let part = |index: usize| -> Vec<f32> {
            words[index * n..(index + 1) * n].iter().map(|word| f32::from_le_bytes(*word)).collect()
        };
        let optimiser = AdamW { first: part(1), second: part(2), steps: place.steps_taken };
        let average = place.averaged.then(|| part(3));
        Ok(Some(State { values: part(0), optimiser, average, place }))
    }
}

/// Takes the folder for this program; the system gives it back when the program ends, however it ends.
fn lock(root: &Path) -> Result<File> {
    let path = root.join(".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| Fault::write(&path, &error))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            Err(Fault::new(FaultKind::Mismatch, root, "another program is training in this folder")
                .remedy("wait for it, stop it (write stop into the file control), or choose another folder"))
        }
        // A file system without locks (some network drives) must not forbid training.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// A text file that grows line by line.
#[derive(Debug)]
struct Lines {
    path: PathBuf,
    waiting: Mutex<Vec<String>>,
}

impl Lines {
    fn add(&self, line: String) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST_WAITING {
            waiting.push(line + "\n");
        }
        if self.append(&waiting.concat()).is_ok() {
            waiting.clear();
        }
    }

    /// All or nothing: half a line would make the next one unreadable.
    fn append(&self, text: &str) -> std::io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        let length = file.metadata()?.len();
        file.write_all(text.as_bytes()).inspect_err(|_| {
            let _ = file.set_len(length);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back_as_it_was_and_a_cut_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let run = Folder::open(folder.path(), &Config::tiny(), false).unwrap();
        assert_eq!(run.restore::<Losses>().unwrap(), None);
        for averaged in [false, true] {
            let mut state: State = State::new(2, vec![0.1, -2.0, 3e-30], averaged, "corpus", 1.5);
            state.optimiser.first[1] = 0.25;
            state.place.window = vec![1.0 / 3.0];
            if let Some(average) = &mut state.average {
                average[0] = 7.0;
            }
            run.save(&mut state).unwrap();
            assert_eq!(run.restore().unwrap(), Some(state));
        }
        let bytes = std::fs::read(run.state()).unwrap();
        for cut in [0, 10, bytes.len() - 4, bytes.len() - 1] {
            std::fs::write(run.state(), &bytes[..cut]).unwrap();
            assert_eq!(run.restore::<Losses>().unwrap_err().kind, FaultKind::Malformed);
        }
    }

    #[test]
    fn one_program_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let run = Folder::open(folder.path(), &Config::tiny(), false).unwrap();
        let fault = Folder::open(folder.path(), &Config::tiny(), true).unwrap_err();
        assert!(fault.to_string().contains("another program"), "{fault}");
        drop(run);
        Folder::open(folder.path(), &Config::tiny(), true).unwrap();
    }

    #[test]
    fn lines_that_find_no_space_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let lines = Lines { path: path.clone(), waiting: Mutex::default() };
        std::fs::create_dir(&path).unwrap(); // nothing can be appended to a folder
        lines.add("one".to_owned());
        std::fs::remove_dir(&path).unwrap();
        lines.add("two".to_owned());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn metrics_after_the_state_and_half_lines_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let run = Folder::open(folder.path(), &Config::tiny(), false).unwrap();
        for (stage, step) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
            run.metric(&serde_json::json!({ "stage": stage, "step": step }));
        }
        let path = folder.path().join("metrics.jsonl");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], b"{\"stage\":1,\"st\xff"].concat()).unwrap();
        run.forget_after(2, 1).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3);
    }
}
