//! What a run says of itself (`status.json`), whether that can be believed, and how it is told to pause or stop
//! (`control`).

use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clips::array::write_atomically;
use clips::{Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A run that has said nothing for so long is not running.
const SILENCE: Duration = Duration::from_secs(30);
/// A run that has just spoken is running, whatever the list of processes says: it may be on another machine.
const FRESH: Duration = Duration::from_secs(4);
/// Longest status file.
const LONGEST: u64 = 1 << 16;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waits for its turn.
    Queued,
    /// Trains.
    Running,
    /// Holds.
    Paused,
    /// Was stopped on request; can go on.
    Stopped,
    /// Came to its end.
    Done,
    /// Ended with a failure.
    Failed,
    /// Says that it runs, and does not.
    #[default]
    Interrupted,
    /// Numbers of another program.
    Imported,
}

impl State {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Imported => "imported",
        }
    }

    /// Whether a process is at work on it.
    pub fn alive(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }

    /// Whether it can be taken up where it was left.
    pub fn resumable(self) -> bool {
        matches!(self, Self::Stopped | Self::Interrupted | Self::Failed)
    }
}

/// What a run says of itself.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Where it stands.
    pub state: State,
    /// Its process.
    pub pid: Option<u32>,
    /// Stage, from 1.
    pub stage: Option<u64>,
    /// Step of the stage.
    pub step: Option<u64>,
    /// Steps of the stage.
    pub steps: Option<u64>,
    /// Passes over the data.
    pub epoch: Option<f64>,
    /// Passes over the data in the whole stage.
    pub epochs: Option<f64>,
    /// Seconds of training.
    pub seconds: Option<f64>,
    /// Seconds that are left.
    pub left_seconds: Option<f64>,
    /// Speed.
    pub clips_per_second: Option<f64>,
    /// What happens, or why it ended.
    pub message: String,
    /// When it was written, in seconds since 1970.
    pub updated: Option<f64>,
}

impl Status {
    /// The status in a run folder; `None` where there is none, or none that can be read.
    pub fn read(folder: &Path) -> Option<Self> {
        let mut text = String::new();
        let file = std::fs::File::open(folder.join("status.json")).ok()?;
        file.take(LONGEST).read_to_string(&mut text).ok()?;
        let Ok(Value::Object(object)) = serde_json::from_str::<Value>(&text) else { return None };
        // Key by key: one that another version writes differently does not hide the rest.
        let number = |key: &str| object.get(key).and_then(Value::as_f64).filter(|value| value.is_finite());
        let whole = |key: &str| object.get(key).and_then(Value::as_u64);
        let state = object.get("state").cloned().and_then(|value| serde_json::from_value(value).ok())?;
        let message = object.get("message").and_then(Value::as_str).unwrap_or_default();
        Some(Self {
            state,
            pid: whole("pid").and_then(|pid| u32::try_from(pid).ok()),
            stage: whole("stage"),
            step: whole("step"),
            steps: whole("steps"),
            epoch: number("epoch"),
            epochs: number("epochs"),
            seconds: number("seconds"),
            left_seconds: number("left_seconds").filter(|left| *left >= 0.0),
            clips_per_second: number("clips_per_second"),
            message: message.chars().take(2000).collect(),
            updated: number("updated"),
        })
    }

    /// Writes the status into a run folder; the old one is replaced whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join("status.json");
        let text = serde_json::to_vec(self)
            .map_err(|error| Fault::new(FaultKind::Internal, &path, error.to_string()))?;
        write_atomically(&path, |file| std::io::Write::write_all(file, &text))
    }

    /// Where the run really stands at `now` (seconds since 1970), when its numbers last grew at `grew`: one that says it
    /// runs and has been silent for long, or whose process is gone, was interrupted.
    pub fn believed(&self, grew: Option<f64>, now: f64) -> State {
        if !self.state.alive() {
            return self.state;
        }
        let heard = self.updated.into_iter().chain(grew).fold(f64::MIN, f64::max);
        let silent = now - heard;
        let there = self.pid.and_then(process_is_there);
        let alive = match (self.state, there) {
            (_, Some(false)) => silent < FRESH.as_secs_f64(),
            // A process that is there and holds says nothing new.
            (State::Paused, Some(true)) => true,
            _ => silent < SILENCE.as_secs_f64(),
        };
        if alive { self.state } else { State::Interrupted }
    }
}

/// Seconds since 1970.
pub fn now() -> f64 {
    seconds_of(SystemTime::now())
}

/// Seconds since 1970.
pub fn seconds_of(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Whether a process is there and not a dead one that nobody has asked after; `None` where this cannot be told.
pub fn process_is_there(pid: u32) -> Option<bool> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return Some(false) };
    // "pid (name) S ...": the name may hold anything, so the last bracket counts
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
    Some(!matches!(state, Some('Z' | 'X')))
}

/// What a run can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Hold.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Save and end now.
    Stop,
    /// Save and end when the epoch is over.
    StopAtEpoch,
}

impl Order {
    const ALL: [Self; 4] = [Self::Pause, Self::Resume, Self::Stop, Self::StopAtEpoch];

    /// The word in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Stop => "stop",
            Self::StopAtEpoch => "stop-at-epoch",
        }
    }
}

/// Tells the run of a folder something; it looks once a step.
///
/// # Errors
/// When the folder cannot be written.
pub fn order(folder: &Path, order: Order) -> Result<()> {
    write_atomically(&folder.join("control"), |file| std::io::Write::write_all(file, order.word().as_bytes()))
}

/// What the run of a folder was told and has not obeyed yet: it removes the word when it does.
pub fn order_that_waits(folder: &Path) -> Option<Order> {
    let mut text = String::new();
    let file = std::fs::File::open(folder.join("control")).ok()?;
    file.take(64).read_to_string(&mut text).ok()?;
    Order::ALL.into_iter().find(|order| order.word() == text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_says_it_runs_and_does_not_was_interrupted() {
        let running =
            |pid, updated| Status { state: State::Running, pid, updated: Some(updated), ..Status::default() };
        let own = std::process::id();
        assert_eq!(running(Some(own), 95.0).believed(None, 100.0), State::Running);
        assert_eq!(running(Some(own), 50.0).believed(None, 100.0), State::Interrupted);
        // numbers that grow are a sign of life too
        assert_eq!(running(Some(own), 50.0).believed(Some(99.0), 100.0), State::Running);
        if cfg!(target_os = "linux") {
            assert_eq!(running(Some(u32::MAX - 1), 90.0).believed(None, 100.0), State::Interrupted);
            assert_eq!(running(Some(u32::MAX - 1), 99.5).believed(None, 100.0), State::Running);
        }
        assert_eq!(running(None, 99.0).believed(None, 100.0), State::Running);
        let done = Status { state: State::Done, ..running(None, 0.0) };
        assert_eq!(done.believed(None, 1e9), State::Done);
        let paused = Status { state: State::Paused, ..running(Some(own), 0.0) };
        if cfg!(target_os = "linux") {
            assert_eq!(paused.believed(None, 1e6), State::Paused);
        }
    }

    #[test]
    fn written_is_read_and_odd_keys_do_not_hide_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Status::read(folder.path()), None);
        let status = Status {
            state: State::Failed,
            step: Some(5),
            left_seconds: Some(2.5),
            message: "disk full".to_owned(),
            ..Status::default()
        };
        status.write(folder.path()).unwrap();
        assert_eq!(Status::read(folder.path()), Some(status));
        let odd = r#"{"state":"paused","pid":-3,"step":"seven","left_seconds":null,"epoch":2}"#;
        std::fs::write(folder.path().join("status.json"), odd).unwrap();
        let read = Status::read(folder.path()).unwrap();
        assert_eq!((read.state, read.pid, read.step, read.epoch), (State::Paused, None, None, Some(2.0)));
        std::fs::write(folder.path().join("status.json"), "{\"state\":").unwrap();
        assert_eq!(Status::read(folder.path()), None);
        order(folder.path(), Order::StopAtEpoch).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("control")).unwrap(), "stop-at-epoch");
        assert_eq!(order_that_waits(folder.path()), Some(Order::StopAtEpoch));
        std::fs::write(folder.path().join("control"), "faster").unwrap();
        assert_eq!(order_that_waits(folder.path()), None);
    }
}
