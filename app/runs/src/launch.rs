//! Starting runs as processes of their own, and the queue of those that wait.
//!
//! A run that waits is a folder with `launch.json` and a status that says so; whoever looks at the folder next may start
//! it, so a queue outlives the window that made it. A run that was started is a process of the same program that anybody
//! could have typed: it goes on when the window is closed, and neither can take the other down.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clips::array::{make_folder, write_atomically};
use clips::{Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};

use crate::listing::Row;
use crate::status::{State, Status, now};
use crate::tail::last_lines;

/// Longest `launch.json`.
const LONGEST: u64 = 1 << 20;

/// How a run is started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// `latent-intent`, `latent-intent-plain`.
    pub system: String,
    /// `tiny`, `small`, `base`.
    pub preset: String,
    /// Corpus folder.
    pub corpus: PathBuf,
    /// Run folder.
    pub run: PathBuf,
    /// Settings that differ from the preset, as `key=value`, in an order in which each of them can be set.
    #[serde(default)]
    pub set: Vec<String>,
    /// Go on where the run was left.
    #[serde(default)]
    pub resume: bool,
    /// When it was asked for, in seconds since 1970.
    #[serde(default)]
    pub asked: f64,
}

impl Launch {
    /// Arguments of the program.
    pub fn arguments(&self) -> Vec<String> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let mut all: Vec<String> =
            ["train", "--system", &self.system, "--preset", &self.preset].map(str::to_owned).to_vec();
        all.extend(["--corpus".to_owned(), path(&self.corpus), "--run".to_owned(), path(&self.run)]);
        for change in &self.set {
            all.extend(["--set".to_owned(), change.clone()]);
        }
        if self.resume {
            all.push("--resume".to_owned());
        }
        all
    }

    /// The command as people type it.
    pub fn command(&self) -> String {
        let plain = |word: &String| {
            let simple = |letter: char| letter.is_alphanumeric() || "-_./=:,+".contains(letter);
            if word.chars().all(simple) { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) }
        };
        let words: Vec<String> = self.arguments().iter().map(plain).collect();
        format!("backchannel {}", words.join(" "))
    }

    /// How the run of a folder was asked for; `None` where it was not by this program.
    pub fn read(folder: &Path) -> Option<Self> {
        let mut text = String::new();
        File::open(folder.join("launch.json")).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
        let launch: Self = serde_json::from_str(&text).ok()?;
        // A folder that was moved keeps its launch: the folder it lies in counts.
        Some(Self { run: folder.to_owned(), ..launch })
    }

    /// Puts the run into the queue: writes its folder.
    ///
    /// # Errors
    /// [`FaultKind::BadRequest`] when there is a run in the folder already; [`FaultKind::NotWritable`].
    pub fn enqueue(&self) -> Result<()> {
        let taken = ["state.bin", "metrics.jsonl", "status.json", "launch.json"];
        if !self.resume && taken.iter().any(|name| self.run.join(name).exists()) {
            return Err(Fault::new(FaultKind::BadRequest, &self.run, "there is a run of this name")
                .remedy("give the run another name"));
        }
        make_folder(&self.run)?;
        let path = self.run.join("launch.json");
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Fault::new(FaultKind::Internal, &path, error.to_string()))?;
        write_atomically(&path, |file| std::io::Write::write_all(file, &text))?;
        let before = Status::read(&self.run).unwrap_or_default();
        let status = Status {
            state: State::Queued,
            pid: None,
            message: String::new(),
            updated: Some(now()),
            ..before
        };
        status.write(&self.run)
    }
}

/// Takes a run that waits out of the queue. One that had begun before stays as a stopped one; of one that never began
/// nothing is left.
///
/// # Errors
/// When the folder cannot be written.
pub fn dequeue(folder: &Path) -> Result<()> {
    if folder.join("state.bin").exists() || folder.join("metrics.jsonl").exists() {
        let status = Status::read(folder).unwrap_or_default();
        return Status { state: State::Stopped, ..status }.write(folder);
    }
    for name in ["launch.json", "status.json", "config.toml"] {
        let path = folder.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Fault::write(&path, &error));
            }
            _ => {}
        }
    }
    // Anything else in it is not ours to remove.
    let _ = std::fs::remove_dir(folder);
    Ok(())
}

/// The run that is to be started now: the one that waits longest, when none under the same root is at work.
pub fn next(rows: &[Row]) -> Option<&Row> {
    if rows.iter().any(|row| row.state.alive()) {
        return None;
    }
    let waiting = rows.iter().filter(|row| row.state == State::Queued && row.asked.is_some());
    waiting.min_by(|a, b| a.asked.unwrap_or(0.0).total_cmp(&b.asked.unwrap_or(0.0)))
}

/// Starts processes. Tests have one of their own.
pub trait Launcher: Send + Sync {
    /// Starts a run; returns the number of its process.
    ///
    /// # Errors
    /// When no process can be started.
    fn start(&self, launch: &Launch) -> Result<u32>;
}

/// Starts a run that waits: from here on its status says that it runs.
///
/// # Errors
/// As [`Launcher::start`]; the status then says why.
pub fn start(launcher: &dyn Launcher, folder: &Path) -> Result<u32> {
    let launch = Launch::read(folder).ok_or_else(|| {
        Fault::new(FaultKind::NotFound, folder, "nothing says how this run is started")
            .remedy("start it again from the form, or on the command line")
    })?;
    let before = Status::read(folder).unwrap_or_default();
    let says = |state, pid, message| Status { state, pid, message, updated: Some(now()), ..before.clone() };
    // Before the process begins, so that it is never overwritten with older news.
    says(State::Running, None, "starting".to_owned()).write(folder)?;
    match launcher.start(&launch) {
        Ok(pid) => Ok(pid),
        Err(fault) => {
            says(State::Failed, None, fault.detail.clone()).write(folder)?;
            Err(fault)
        }
    }
}

/// The program itself, as a process of its own, at low priority where that can be asked for.
#[derive(Debug, Default)]
pub struct OwnProgram;

impl Launcher for OwnProgram {
    fn start(&self, launch: &Launch) -> Result<u32> {
        let program = std::env::current_exe().map_err(|error| {
            Fault::new(FaultKind::Internal, "", format!("where this program is: {error}"))
        })?;
        let words = launch.run.join("stderr.txt");
        let errors = File::create(&words).map_err(|error| Fault::write(&words, &error))?;
        let mut command = match nice() {
            Some(nice) => {
                let mut command = Command::new(nice);
                command.args(["-n", "10"]).arg(&program);
                command
            }
            None => Command::new(&program),
        };
        command.args(launch.arguments()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
        #[cfg(unix)]
        // Keys that end the window's terminal do not end the run.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|error| {
            Fault::new(FaultKind::Internal, &program, format!("the run cannot be started: {error}"))
                .remedy(format!("start it in a terminal: {}", launch.command()))
        })?;
        let (pid, folder) = (child.id(), launch.run.clone());
        // Whoever waits for it learns how it ended, also when it had no time to say so itself.
        let watch = std::thread::Builder::new().name(format!("run {pid}")).spawn(move || {
            let ended = child.wait();
            let fine = ended.as_ref().is_ok_and(std::process::ExitStatus::success);
            said_nothing(&folder, fine);
        });
        drop(watch);
        Ok(pid)
    }
}

/// A run that ended and still says that it runs: says for it what became of it.
fn said_nothing(folder: &Path, fine: bool) {
    let Some(status) = Status::read(folder).filter(|status| status.state.alive()) else { return };
    let words = last_lines(&folder.join("stderr.txt"), 3).unwrap_or_default().join(" ");
    let ended = last_lines(&folder.join("log.txt"), 1).unwrap_or_default().pop().unwrap_or_default();
    let state = match fine {
        true => State::Done,
        false if ended.contains("stopped at") => State::Stopped,
        false => State::Failed,
    };
    let message = if fine { String::new() } else { words.chars().take(600).collect() };
    // Nobody is left to be told when this fails.
    let _ = Status { state, message, updated: Some(now()), ..status }.write(folder);
}

/// The program that lowers priorities, where there is one.
fn nice() -> Option<PathBuf> {
    if !cfg!(unix) {
        return None;
    }
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|folder| folder.join("nice")).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Told(Mutex<Vec<String>>, bool);

    impl Launcher for Told {
        fn start(&self, launch: &Launch) -> Result<u32> {
            if self.1 {
                return Err(Fault::new(FaultKind::Internal, "", "no more processes"));
            }
            self.0.lock().unwrap().push(launch.command());
            Ok(std::process::id())
        }
    }

    fn launch(root: &Path, name: &str, asked: f64) -> Launch {
        Launch {
            system: "latent-intent".to_owned(),
            preset: "tiny".to_owned(),
            corpus: "a corpus".into(),
            run: root.join(name),
            set: vec!["seed=2".to_owned()],
            resume: false,
            asked,
        }
    }

    #[test]
    fn runs_wait_for_their_turn_and_nothing_is_started_twice() {
        let root = tempfile::tempdir().unwrap();
        let told = Told::default();
        launch(root.path(), "second", 2.0).enqueue().unwrap();
        launch(root.path(), "first", 1.0).enqueue().unwrap();
        assert!(launch(root.path(), "first", 3.0).enqueue().is_err());
        let rows = || crate::list(Some(root.path()), &[]);
        let names = |state| {
            rows().into_iter().filter(|row| row.state == state).map(|row| row.name).collect::<Vec<_>>()
        };
        assert_eq!(names(State::Queued).len(), 2);
        let all = rows();
        let turn = next(&all).unwrap();
        assert_eq!(turn.name, "first");
        start(&told, &turn.path).unwrap();
        assert_eq!(names(State::Running), ["first"]);
        assert!(next(&rows()).is_none(), "one at a time");
        said_nothing(&root.path().join("first"), true);
        assert_eq!(names(State::Done), ["first"]);
        let all = rows();
        assert_eq!(next(&all).unwrap().name, "second");
        dequeue(&root.path().join("second")).unwrap();
        assert!(!root.path().join("second").exists() && next(&rows()).is_none());
        let told = told.0.into_inner().unwrap();
        assert_eq!(told.len(), 1);
        assert!(
            told[0].contains("--corpus 'a corpus' --run") && told[0].ends_with("--set seed=2"),
            "{}",
            told[0]
        );
    }

    #[test]
    fn a_run_that_cannot_be_started_or_dies_without_a_word_has_failed() {
        let root = tempfile::tempdir().unwrap();
        let run = launch(root.path(), "none", 1.0);
        run.enqueue().unwrap();
        assert!(start(&Told(Mutex::default(), true), &run.run).is_err());
        let status = Status::read(&run.run).unwrap();
        assert_eq!((status.state, status.message.as_str()), (State::Failed, "no more processes"));
        start(&Told::default(), &run.run).unwrap();
        std::fs::write(run.run.join("stderr.txt"), "error: the corpus is gone\n").unwrap();
        said_nothing(&run.run, false);
        let status = Status::read(&run.run).unwrap();
        assert_eq!((status.state, status.message.as_str()), (State::Failed, "error: the corpus is gone"));
        // what a run has said itself is left alone
        Status { state: State::Stopped, ..status }.write(&run.run).unwrap();
        said_nothing(&run.run, false);
        assert_eq!(Status::read(&run.run).unwrap().state, State::Stopped);
    }
}
