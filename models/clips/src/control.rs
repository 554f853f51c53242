//! Progress and stopping of long operations, the same for the terminal and the window.
//!
//! A long operation takes a `&Control`, says how far it is, and asks now and then whether it should stop. What it
//! is not: a thread pool or a queue; who runs the operation, and where, is the caller's choice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::fault::{Fault, Result};

/// How far an operation is: `done` of `total` `unit`s.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// What is being done ("decoding frames").
    pub stage: &'static str,
    /// Units finished.
    pub done: u64,
    /// Units in all; 0 when unknown.
    pub total: u64,
    /// A short remark (a loss, a clip name); may be empty.
    pub note: String,
}

impl Progress {
    /// Share finished in 0..=1; 0 when the total is unknown.
    pub fn fraction(&self) -> f32 {
        if self.total == 0 { 0.0 } else { (self.done as f32 / self.total as f32).clamp(0.0, 1.0) }
    }
}

type Listener = dyn Fn(Progress) + Send + Sync;

/// The handle of a long operation. Clones share the stop flag and the listener.
#[derive(Clone, Default)]
pub struct Control {
    stop: Arc<AtomicBool>,
    listener: Option<Arc<Listener>>,
}

impl Control {
    /// A control that tells `listener` of every step.
    pub fn with_listener(listener: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self { stop: Arc::default(), listener: Some(Arc::new(listener)) }
    }

    /// The same stop flag without the listener, for an operation inside another one.
    pub fn silent(&self) -> Self {
        Self { stop: self.stop.clone(), listener: None }
    }

    /// Asks the operation to stop at the next safe point.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether a stop was asked for.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// `Err(cancelled)` once a stop was asked for; call it at safe points with `?`.
    ///
    /// # Errors
    /// [`FaultKind::Cancelled`](crate::FaultKind::Cancelled) after [`Control::stop`].
    pub fn check(&self) -> Result<()> {
        if self.stopped() { Err(Fault::cancelled()) } else { Ok(()) }
    }

    /// Reports a step and checks for a stop.
    ///
    /// # Errors
    /// As [`Control::check`].
    pub fn step(&self, stage: &'static str, done: u64, total: u64, note: impl Into<String>) -> Result<()> {
        if let Some(listener) = &self.listener {
            listener(Progress { stage, done, total, note: note.into() });
        }
        self.check()
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("stopped", &self.stopped()).finish_non_exhaustive()
    }
}
