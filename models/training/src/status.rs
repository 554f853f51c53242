//! `status.json`: how far a run is, for whoever looks at its folder.
//!
//! The file is replaced whole, at most twice a second, and by a thread of its own every few seconds while nothing
//! changes: a reader that finds it older than half a minute knows that the program is gone. Not being able to write it
//! ends no run.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use clips::array::write_atomically;
use clips::{Fault, Result};
use serde::{Deserialize, Serialize};

use crate::clock;

/// Least time between two writes.
const PAUSE: Duration = Duration::from_millis(500);
/// Most time between two writes.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It reads the corpus or trains.
    Running,
    /// It waits for the word to go on.
    Paused,
    /// It was stopped; its state is saved.
    Stopped,
    /// It came to its end.
    Done,
    /// It ended with a fault; the message says which.
    Failed,
    /// It waits for other runs of its sweep.
    Queued,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// What it is doing.
    pub state: Phase,
    /// The process that trains.
    pub pid: u32,
    /// 1 or 2.
    pub stage: u64,
    /// Steps of the stage taken.
    pub step: usize,
    /// Steps of the stage.
    pub steps: usize,
    /// Passes over the drawn rows in this stage.
    pub epoch: f64,
    /// Passes of the whole stage.
    pub epochs: f64,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Seconds to the end, as far as one can tell.
    pub left_seconds: Option<f64>,
    /// Clips of batches worked through in a second.
    pub clips_per_second: f64,
    /// What losses and gradients are computed on; empty before that is known.
    #[serde(default)]
    pub device: String,
    /// A sentence for people.
    pub message: String,
    /// When this was written, in seconds since 1970.
    pub updated: u64,
}

impl Status {
    /// A run that has not begun.
    pub fn new(state: Phase, message: impl Into<String>) -> Self {
        Self {
            state,
            pid: std::process::id(),
            stage: 1,
            step: 0,
            steps: 0,
            epoch: 0.0,
            epochs: 0.0,
            seconds: 0.0,
            left_seconds: None,
            clips_per_second: 0.0,
            device: String::new(),
            message: message.into(),
            updated: 0,
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, path: &Path) -> Result<()> {
        self.updated = clock::unix(SystemTime::now());
        let text = serde_json::to_string(self).unwrap_or_default();
        write_atomically(path, |writer| writer.write_all(text.as_bytes()))
    }

    /// Reads the file; `None` when there is none, or none that can be read.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
    }
}

struct Shared {
    path: PathBuf,
    now: Mutex<(Status, Option<Instant>)>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, (Status, Option<Instant>)> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, now: &mut (Status, Option<Instant>)) {
        // Nobody is helped when a run ends because nobody could be told how far it is.
        let _ = now.0.write(&self.path);
        now.1 = Some(Instant::now());
    }
}

/// Keeps the file up to date while it lives.
pub struct Reporter {
    shared: Arc<Shared>,
    thread: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Reporter {
    /// Begins with a running state.
    pub fn new(path: PathBuf, message: &str) -> Self {
        let status = Status::new(Phase::Running, message);
        let shared = Arc::new(Shared { path, now: Mutex::new((status, None)) });
        shared.write(&mut shared.lock());
        let (sender, receiver) = channel::<()>();
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new().name("status of a run".to_owned()).spawn(move || {
            while receiver.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
                let mut now = of_thread.lock();
                if now.1.is_none_or(|last| last.elapsed() >= HEARTBEAT / 2) {
                    of_thread.write(&mut now);
                }
            }
        });
        Self { shared, thread: thread.ok().map(|thread| (sender, thread)) }
    }

    /// Changes the status; it is written if the last time is long enough ago.
    pub fn update(&self, change: impl FnOnce(&mut Status)) {
        let mut now = self.shared.lock();
        change(&mut now.0);
        if now.1.is_none_or(|last| last.elapsed() >= PAUSE) {
            self.shared.write(&mut now);
        }
    }

    /// Changes the status and writes it at once.
    pub fn tell(&self, change: impl FnOnce(&mut Status)) {
        let mut now = self.shared.lock();
        change(&mut now.0);
        self.shared.write(&mut now);
    }

    /// Writes how the run ended.
    pub fn end<T>(self, result: &Result<T>) {
        self.tell(|status| {
            status.left_seconds = None;
            (status.state, status.message) = match result {
                Ok(_) => (Phase::Done, "done".to_owned()),
                Err(fault) if fault.is_cancelled() => (Phase::Stopped, fault.to_string()),
                Err(fault) => (Phase::Failed, Fault::to_string(fault)),
            };
        });
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.thread.take() {
            drop(sender);
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_what_was_told_last_and_how_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status.json");
        let reporter = Reporter::new(path.clone(), "reading");
        assert_eq!(Status::read(&path).unwrap().state, Phase::Running);
        reporter.update(|status| status.step = 7); // too soon after the first one
        assert_eq!(Status::read(&path).unwrap().step, 0);
        reporter.tell(|status| status.state = Phase::Paused);
        let status = Status::read(&path).unwrap();
        assert_eq!((status.state, status.step, status.pid), (Phase::Paused, 7, std::process::id()));
        reporter.end(&Err::<(), _>(Fault::cancelled()));
        assert_eq!(Status::read(&path).unwrap().state, Phase::Stopped);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"state\":\"stopped\"") && text.contains("\"left_seconds\":null"), "{text}");
    }
}
