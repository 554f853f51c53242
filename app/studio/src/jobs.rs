//! Named workers: typed results, progress, cancelling. The window never waits for one.
//!
//! A job belongs to a slot. Starting another job in an exclusive slot stops the one before, and an answer that
//! comes late to an old question is dropped by its number. A panic in a worker is a failed job with its message.
//! What it is not: a scheduler; every job has a thread of its own and there are few of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clips::{Control, Fault, FaultKind, Progress, Result};

/// What a job works on. Only the newest job of an exclusive slot may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    /// Loading the systems and clips that ship with the program.
    Start,
    /// Reading the chosen clip (exclusive).
    Clip,
    /// Making reactions (exclusive).
    Takes,
    /// Opening something the user named.
    Open,
    /// Reading every file of the corpus (exclusive).
    Check,
    /// Scoring systems over a split (exclusive).
    Evaluate,
    /// Comparing two rows of the table (exclusive).
    Paired,
    /// Writing tables, figures and reports (exclusive).
    Export,
    /// Starting a run (exclusive).
    Launch,
    /// Small changes in run folders, and cards read from them.
    Runs,
    /// The faces of a checkpoint preview (exclusive).
    Preview,
    /// Looking at the latents of a system (exclusive).
    Explore,
    /// What latents are called, read and written.
    Names,
    /// What stands beside the latents (exclusive).
    Extras,
    /// Reading a real listener (exclusive).
    Posterior,
    /// A file dialog (exclusive).
    Dialog,
    /// Small pictures of clips in the list (exclusive).
    Sparklines,
    /// Drawing figures (exclusive).
    Figures,
    /// Writing down how the window looks (exclusive).
    Settings,
}

impl Slot {
    fn exclusive(self) -> bool {
        !matches!(self, Self::Start | Self::Open | Self::Runs | Self::Names)
    }
}

/// Number of a job.
pub type JobId = u64;

/// A job that has not answered yet.
#[derive(Debug)]
pub struct Running {
    /// Number.
    pub id: JobId,
    /// What it works on.
    pub slot: Slot,
    /// What it does, for people.
    pub title: String,
    /// Stops it.
    pub control: Control,
    latest: Arc<Mutex<Option<Progress>>>,
}

impl Running {
    /// How far it is, if it has said so.
    pub fn progress(&self) -> Option<Progress> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The answer of a job.
#[derive(Debug)]
pub struct Done<T> {
    /// Number.
    pub id: JobId,
    /// What it worked on.
    pub slot: Slot,
    /// What it did.
    pub title: String,
    /// The answer.
    pub result: Result<T>,
}

/// All workers of a window.
pub struct Jobs<T> {
    next: JobId,
    running: Vec<Running>,
    sender: Sender<(JobId, Result<T>)>,
    receiver: Receiver<(JobId, Result<T>)>,
    wake: Arc<dyn Fn() + Send + Sync>,
    threads: Vec<JoinHandle<()>>,
}

impl<T> Jobs<T> {
    /// Asks all jobs to stop.
    pub fn stop_all(&self) {
        self.running.iter().for_each(|job| job.control.stop());
    }
}

/// How long a window that closes waits for its workers.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a worker holds of the window must be gone before the program ends: a graphics device that is dropped while the driver
/// is unloaded takes the program down.
impl<T> Drop for Jobs<T> {
    fn drop(&mut self) {
        self.stop_all();
        let until = Instant::now() + PATIENCE;
        while self.threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl<T: Send + 'static> Jobs<T> {
    /// `wake` is called from workers whenever there is something to look at.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (sender, receiver) = channel();
        Self { next: 1, running: Vec::new(), sender, receiver, wake: Arc::new(wake), threads: Vec::new() }
    }

    /// Starts `work` on a thread of its own.
    pub fn start(
        &mut self,
        slot: Slot,
        title: impl Into<String>,
        work: impl FnOnce(&Control) -> Result<T> + Send + 'static,
    ) -> JobId {
        if slot.exclusive() {
            for old in self.running.iter().filter(|old| old.slot == slot) {
                old.control.stop();
            }
            self.running.retain(|old| old.slot != slot);
        }
        let (id, title) = (self.next, title.into());
        self.next += 1;
        let latest: Arc<Mutex<Option<Progress>>> = Arc::default();
        let (slot_of_latest, wake) = (latest.clone(), self.wake.clone());
        let control = Control::with_listener(move |progress| {
            *slot_of_latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
            wake();
        });
        let (sender, wake, own) = (self.sender.clone(), self.wake.clone(), control.clone());
        let spawned = std::thread::Builder::new().name(title.clone()).spawn(move || {
            let result =
                catch_unwind(AssertUnwindSafe(|| work(&own))).unwrap_or_else(|panic| Err(of_panic(&*panic)));
            // Nobody listens any more when the window is gone.
            let _ = sender.send((id, result));
            wake();
        });
        self.threads.retain(|thread| !thread.is_finished());
        match spawned {
            Ok(thread) => self.threads.push(thread),
            Err(error) => {
                let fault =
                    Fault::new(FaultKind::Internal, "", format!("no worker could be started: {error}"));
                let _ = self.sender.send((id, Err(fault.remedy("close other programs and try again"))));
            }
        }
        self.running.push(Running { id, slot, title, control, latest });
        id
    }

    /// The answers since the last call; late ones are dropped.
    pub fn drain(&mut self) -> Vec<Done<T>> {
        let mut done = Vec::new();
        while let Ok((id, result)) = self.receiver.try_recv() {
            if let Some(index) = self.running.iter().position(|job| job.id == id) {
                let job = self.running.remove(index);
                done.push(Done { id, slot: job.slot, title: job.title, result });
            }
        }
        done
    }

    /// Jobs that have not answered.
    pub fn running(&self) -> &[Running] {
        &self.running
    }

    /// The job the status bar tells of: the oldest that is more than a moment's work.
    pub fn told(&self) -> Option<&Running> {
        self.running.iter().find(|job| !matches!(job.slot, Slot::Figures | Slot::Settings))
    }

    /// The running job of a slot.
    pub fn in_slot(&self, slot: Slot) -> Option<&Running> {
        self.running.iter().find(|job| job.slot == slot)
    }

    /// Asks the jobs of a slot to stop.
    pub fn stop(&self, slot: Slot) {
        self.running.iter().filter(|job| job.slot == slot).for_each(|job| job.control.stop());
    }
}

fn of_panic(panic: &(dyn std::any::Any + Send)) -> Fault {
    let words = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Fault::new(FaultKind::Internal, "", format!("a worker failed: {words}"))
        .remedy("the session goes on; please report this with the file that caused it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait<T: Send + 'static>(jobs: &mut Jobs<T>) -> Vec<Done<T>> {
        let mut all = Vec::new();
        while !jobs.running().is_empty() {
            all.extend(jobs.drain());
            std::thread::yield_now();
        }
        all
    }

    #[test]
    fn a_panic_is_a_failed_job() {
        let mut jobs = Jobs::<u32>::new(|| {});
        jobs.start(Slot::Open, "test", |_| panic!("boom {}", 7));
        let fault = wait(&mut jobs).remove(0).result.unwrap_err();
        assert!(fault.detail.contains("boom 7") && !fault.remedy.is_empty());
    }

    #[test]
    fn a_late_answer_to_an_old_question_is_dropped() {
        let mut jobs = Jobs::<u32>::new(|| {});
        let (go, gate) = channel::<()>();
        jobs.start(Slot::Clip, "old", move |_| {
            let _ = gate.recv();
            Ok(1)
        });
        jobs.start(Slot::Clip, "new", |_| Ok(2));
        go.send(()).unwrap();
        let answers: Vec<u32> = wait(&mut jobs).into_iter().map(|done| done.result.unwrap()).collect();
        assert_eq!(answers, [2]);
    }

    #[test]
    fn nothing_of_a_worker_is_left_when_its_window_is_gone() {
        let held = Arc::new(());
        let mut jobs = Jobs::<u32>::new(|| {});
        let kept = held.clone();
        jobs.start(Slot::Takes, "long", move |control| {
            let _kept = kept;
            loop {
                control.step("waiting", 1, 2, "")?;
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        drop(jobs);
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn a_stopped_job_answers_that_it_was_stopped() {
        let mut jobs = Jobs::<u32>::new(|| {});
        jobs.start(Slot::Takes, "long", |control| {
            loop {
                control.step("waiting", 1, 2, "")?;
            }
        });
        while jobs.in_slot(Slot::Takes).is_some_and(|job| job.progress().is_none()) {}
        jobs.stop(Slot::Takes);
        assert!(wait(&mut jobs).remove(0).result.unwrap_err().is_cancelled());
    }
}
