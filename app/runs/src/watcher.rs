//! A worker that follows the runs somebody looks at: the list of a folder, and some of them in full.
//!
//! It looks a few times a second and leaves the newest answer in a slot; whoever draws takes it from there and never waits.

use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clips::{Fault, FaultKind, Result};

use crate::listing::{Known, Row, rows};
use crate::reader::{Reader, Run};

/// Between two looks at the list.
const LIST_EVERY: Duration = Duration::from_millis(900);

/// What somebody looks at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wish {
    /// Folder whose runs are listed.
    pub root: Option<PathBuf>,
    /// Runs elsewhere that are listed too.
    pub named: Vec<PathBuf>,
    /// Runs that are read in full.
    pub open: Vec<PathBuf>,
    /// Between two looks.
    pub every: Duration,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The list, newest first.
    pub rows: Vec<Row>,
    /// The runs in full, in the order of the wish.
    pub runs: Vec<Run>,
    /// The wish it answers; later looks at the same wish keep its number.
    pub answers: u64,
    /// Grows with every answer.
    pub number: u64,
}

/// The worker.
pub struct Watcher {
    wishes: Sender<(u64, Wish)>,
    asked: u64,
    wish: Option<Wish>,
    latest: Arc<Mutex<Arc<Seen>>>,
}

impl Watcher {
    /// Starts the worker; `wake` is called from it whenever there is something new.
    ///
    /// # Errors
    /// When there can be no more threads.
    pub fn start(wake: impl Fn() + Send + 'static) -> Result<Self> {
        let (wishes, inbox) = channel::<(u64, Wish)>();
        let latest: Arc<Mutex<Arc<Seen>>> = Arc::default();
        let slot = latest.clone();
        let work = move || {
            let mut wish: Option<(u64, Wish)> = None;
            let mut readers: Vec<Reader> = Vec::new();
            let mut known = Known::default();
            let mut listed: Option<Instant> = None;
            let mut seen = Seen::default();
            let mut pause = Duration::from_secs(3600);
            loop {
                match inbox.recv_timeout(pause) {
                    Ok(mut newest) => {
                        while let Ok(newer) = inbox.try_recv() {
                            newest = newer;
                        }
                        let open = &newest.1.open;
                        let mut kept: Vec<Option<Reader>> = readers.into_iter().map(Some).collect();
                        readers = open
                            .iter()
                            .map(|path| {
                                let old = kept.iter_mut().find(|reader| {
                                    reader.as_ref().is_some_and(|reader| reader.run().path == *path)
                                });
                                old.and_then(Option::take).unwrap_or_else(|| Reader::new(path))
                            })
                            .collect();
                        wish = Some(newest);
                        listed = None;
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                let Some((number, wish)) = &wish else { continue };
                let mut more = false;
                for reader in &mut readers {
                    more |= reader.look();
                }
                let mut news = seen.answers != *number;
                if listed.is_none_or(|listed| listed.elapsed() >= LIST_EVERY) {
                    let found = rows(wish.root.as_deref(), &wish.named, &mut known);
                    news |= found != seen.rows;
                    seen.rows = found;
                    listed = Some(Instant::now());
                }
                news |= readers.len() != seen.runs.len()
                    || readers.iter().zip(&seen.runs).any(|(reader, run)| {
                        (reader.run().generation, &reader.run().path) != (run.generation, &run.path)
                    });
                if news && !more {
                    seen.runs = readers.iter().map(|reader| reader.run().clone()).collect();
                    seen.answers = *number;
                    seen.number += 1;
                    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(seen.clone());
                    wake();
                }
                pause = if more { Duration::ZERO } else { wish.every.max(Duration::from_millis(20)) };
            }
        };
        std::thread::Builder::new().name("watching runs".to_owned()).spawn(work).map_err(|error| {
            Fault::new(FaultKind::Internal, "", format!("runs cannot be watched: {error}"))
        })?;
        Ok(Self { wishes, asked: 0, wish: None, latest })
    }

    /// Says what is looked at; the same wish again asks for nothing.
    pub fn ask(&mut self, wish: Wish) {
        if self.wish.as_ref() != Some(&wish) {
            self.wish = Some(wish);
            self.ask_again();
        }
    }

    /// Asks for a look at once, after something was changed on the disk.
    pub fn ask_again(&mut self) {
        if let Some(wish) = self.wish.clone() {
            self.asked += 1;
            // A worker that is gone answers nothing; the window says what it knows.
            let _ = self.wishes.send((self.asked, wish));
        }
    }

    /// The newest answer.
    pub fn latest(&self) -> Arc<Seen> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the newest answer is to the newest wish.
    pub fn settled(&self) -> bool {
        self.latest().answers == self.asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_answered_and_growth_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("one");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("config.toml"), "seed = 1").unwrap();
        let write = |steps: u32| {
            let text: String = (1..=steps)
                .map(|step| format!("{{\"step\":{step},\"losses\":{{\"total\":1.5}}}}\n"))
                .collect();
            std::fs::write(folder.join("metrics.jsonl"), text).unwrap();
        };
        write(10);
        let mut watcher = Watcher::start(|| {}).unwrap();
        let wait = |watcher: &Watcher, what: &dyn Fn(&Seen) -> bool| {
            let begun = Instant::now();
            while !(watcher.settled() && what(&watcher.latest())) {
                assert!(begun.elapsed() < Duration::from_secs(20));
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        let wish = Wish {
            root: Some(root.path().to_owned()),
            open: vec![folder.clone()],
            every: Duration::from_millis(20),
            ..Wish::default()
        };
        watcher.ask(wish);
        let points =
            |seen: &Seen| seen.runs[0].series("loss/total").map_or(0, |series| series.points().len());
        wait(&watcher, &|seen| seen.rows.len() == 1 && points(seen) == 10);
        write(15);
        wait(&watcher, &|seen| points(seen) == 15);
        watcher.ask(Wish { root: None, ..Wish::default() });
        wait(&watcher, &|seen| seen.rows.is_empty() && seen.runs.is_empty());
    }
}
