//! A run folder: `config.toml`, `metrics.jsonl`, `log.txt`, `checkpoints/` and `state.bin`, from which a stopped run
//! goes on bit for bit as if it had never stopped.
//!
//! `state.bin` holds a JSON line (stage, step, best), the weights and both moments, little-endian; it is replaced
//! atomically, so there is always a whole one. Code books and feature statistics are fitted again from the corpus,
//! whose fingerprint must be the same.

use std::io::Write;
use std::path::{Path, PathBuf};

use clips::array::{make_folder, write_atomically};
use clips::{Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::objective::Losses;
use crate::optimiser::AdamW;

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// 1 or 2.
    pub stage: u64,
    /// Steps of the stage taken.
    pub step: usize,
    /// Lowest watched CLG of the stage so far.
    pub best: Option<f64>,
    /// Fingerprint of the corpus.
    pub corpus: String,
    /// Losses of the last steps of the stage, oldest first.
    pub recent: Vec<Losses>,
    /// Seconds spent so far.
    pub seconds: f64,
    steps_taken: u64,
    parameters: usize,
}

/// All that changes during a run.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Where the run is.
    pub place: Place,
    /// Weights.
    pub values: Vec<f32>,
    /// Optimiser.
    pub optimiser: AdamW,
}

impl State {
    /// The beginning of a stage.
    pub fn new(stage: u64, values: Vec<f32>, corpus: &str, seconds: f64) -> Self {
        let parameters = values.len();
        let place = Place {
            stage,
            step: 0,
            best: None,
            corpus: corpus.to_owned(),
            recent: Vec::new(),
            seconds,
            steps_taken: 0,
            parameters,
        };
        Self { place, values, optimiser: AdamW::new(parameters) }
    }
}

/// The files of a run.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Opens or makes a run folder. A folder that already holds a run is taken up only with `resume`, and only with
    /// the same settings.
    ///
    /// # Errors
    /// A folder that cannot be written, another run in it, nothing to resume.
    pub fn open(root: &Path, config: &Config, resume: bool) -> Result<Self> {
        make_folder(&root.join("checkpoints"))?;
        let folder = Self { root: root.to_owned() };
        let file = folder.config();
        let text = config.to_toml()?;
        if resume {
            let old = std::fs::read_to_string(&file).map_err(|error| {
                Fault::io(&file, &error).remedy("there is no run to resume here; start it without --resume")
            })?;
            if Config::from_toml(&file, &old)? != *config {
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
            for name in ["metrics.jsonl", "log.txt"] {
                write_atomically(&root.join(name), |_| Ok(()))?;
            }
        }
        Ok(folder)
    }

    /// The settings.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// The saved state.
    pub fn state(&self) -> PathBuf {
        self.root.join("state.bin")
    }

    /// A checkpoint by name: `stage-1`, `last`, `best`.
    pub fn checkpoint(&self, name: &str) -> PathBuf {
        self.root.join("checkpoints").join(format!("{name}.safetensors"))
    }

    /// Adds a line to `metrics.jsonl`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn metric(&self, line: &serde_json::Value) -> Result<()> {
        self.append("metrics.jsonl", &line.to_string())
    }

    /// Adds a line to `log.txt`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn log(&self, line: &str) -> Result<()> {
        self.append("log.txt", line)
    }

    fn append(&self, name: &str, line: &str) -> Result<()> {
        let path = self.root.join(name);
        std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .and_then(|mut file| writeln!(file, "{line}"))
            .map_err(|error| Fault::write(&path, &error))
    }

    /// Drops metrics of steps after the saved state: they will be made again.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn forget_after(&self, place: &Place) -> Result<()> {
        let path = self.root.join("metrics.jsonl");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let kept: Vec<&str> = text
            .lines()
            .filter(|line| {
                let Ok(value) = serde_json::from_str::<serde_json::Value>(line) else { return false };
                let (stage, step) =
                    (value["stage"].as_u64().unwrap_or(0), value["step"].as_u64().unwrap_or(0));
                (stage, step) <= (place.stage, place.step as u64)
            })
            .collect();
        write_atomically(&path, |writer| kept.iter().try_for_each(|line| writeln!(writer, "{line}")))
    }

    /// Saves the state.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, state: &mut State) -> Result<()> {
        state.place.steps_taken = state.optimiser.steps;
        state.place.parameters = state.values.len();
        let place = serde_json::to_string(&state.place)
            .map_err(|error| Fault::new(FaultKind::Internal, self.state(), error.to_string()))?;
        write_atomically(&self.state(), |writer| {
            writeln!(writer, "{place}")?;
            for values in [&state.values, &state.optimiser.first, &state.optimiser.second] {
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                writer.write_all(&bytes)?;
            }
            Ok(())
        })
    }

    /// Reads the saved state; `None` when the run has not saved one yet.
    ///
    /// # Errors
    /// A state that is broken.
    pub fn restore(&self) -> Result<Option<State>> {
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
        let place: Place =
            serde_json::from_slice(&bytes[..end]).map_err(|error| broken(&error.to_string()))?;
        let words = bytes[end + 1..].as_chunks::<4>().0;
        if bytes.len() - end - 1 != words.len() * 4 || words.len() != place.parameters.saturating_mul(3) {
            return Err(broken("the state has another size than it says"));
        }
        let numbers: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        let n = place.parameters;
        let optimiser = AdamW {
            first: numbers[n..2 * n].to_vec(),
            second: numbers[2 * n..].to_vec(),
            steps: place.steps_taken,
        };
        Ok(Some(State { values: numbers[..n].to_vec(), optimiser, place }))
    }
}
