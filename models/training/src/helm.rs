//! What steers a run between two steps, whatever it trains: orders from outside, pauses, stops, and going on when a file
//! could not be written.

use std::cell::Cell;
use std::time::Duration;

use clips::{Control, Fault, FaultKind, Result};
use serde::Serialize;

use crate::orders::Order;
use crate::pace::Pace;
use crate::run::{Folder, State};
use crate::status::{Phase, Reporter};

/// Steps until a file that could not be written is tried again.
pub(crate) const AGAIN: usize = 10;

/// The helm of one run.
pub(crate) struct Helm<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) control: &'a Control,
    pub(crate) reporter: &'a Reporter,
    /// End when the pass over the rows is complete.
    stop_at_epoch: Cell<bool>,
    /// Something could not be written and waits for the next try.
    owed: Cell<bool>,
}

impl<'a> Helm<'a> {
    pub(crate) fn new(folder: &'a Folder, control: &'a Control, reporter: &'a Reporter) -> Self {
        Self { folder, control, reporter, stop_at_epoch: Cell::new(false), owed: Cell::new(false) }
    }

    /// Goes on after a file that could not be written, and says so; other faults end the run. `None` when it failed.
    pub(crate) fn tolerate<T>(&self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(fault) if fault.kind == FaultKind::NotWritable => {
                let message = format!("not saved, the old file is kept, training goes on: {fault}");
                if !self.owed.replace(true) {
                    self.folder.log(&message);
                }
                self.reporter.update(|status| status.message = message);
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Whether the state is saved after this step of `steps`; the end of a stage saves for itself.
    pub(crate) fn save_is_due<L>(&self, state: &State<L>, every: usize, steps: usize) -> bool {
        let place = &state.place;
        let again = self.owed.get() && place.step.is_multiple_of(AGAIN);
        (place.step.is_multiple_of(every) || again) && place.step < steps && !place.ended
    }

    /// Saves the state; call it after the line of its step.
    pub(crate) fn save<L: Serialize>(&self, state: &mut State<L>, pace: &Pace) -> Result<()> {
        let owed = self.owed.replace(false);
        state.place.seconds = pace.seconds();
        let saved = self.folder.save(state);
        if self.tolerate(saved)?.is_some() && owed {
            self.folder.log(&format!("the state of step {} is saved again", state.place.step));
        }
        Ok(())
    }

    /// Does what was ordered since the last step: waits, or saves and ends with a cancelled fault. `epoch` counts the
    /// passes over the rows after so many steps.
    pub(crate) fn obey<L: Serialize>(
        &self,
        state: &mut State<L>,
        pace: &mut Pace,
        epoch: impl Fn(usize) -> f64,
    ) -> Result<()> {
        match self.order() {
            Some(Order::Stop) => return self.stop(state, pace),
            Some(Order::StopAtEpoch) => {
                self.stop_at_epoch.set(true);
                self.reporter.tell(|status| status.message = "stops when the epoch is complete".to_owned());
            }
            Some(Order::Pause) => self.pause(state, pace)?,
            Some(Order::Resume) | None => {}
        }
        let step = state.place.step;
        let complete = step == 0 || epoch(step).floor() > epoch(step - 1).floor();
        if self.control.stopped() || (self.stop_at_epoch.get() && complete) {
            return self.stop(state, pace);
        }
        Ok(())
    }

    fn order(&self) -> Option<Order> {
        match Order::take(self.folder.root())? {
            Ok(order) => Some(order),
            Err(word) => {
                self.folder.log(&format!("warning: the file control says {word:?}, which is no order"));
                None
            }
        }
    }

    fn pause<L: Serialize>(&self, state: &mut State<L>, pace: &mut Pace) -> Result<()> {
        state.place.seconds = pace.seconds();
        self.tolerate(self.folder.save(state))?;
        self.folder.log(&format!("paused at stage {} step {}", state.place.stage, state.place.step));
        self.reporter.tell(|status| {
            (status.state, status.message) = (Phase::Paused, "paused; the state is saved".to_owned());
        });
        let go_on = loop {
            std::thread::sleep(Duration::from_millis(100));
            match self.order() {
                Some(Order::Resume) => break true,
                Some(Order::Stop | Order::StopAtEpoch) => break false,
                Some(Order::Pause) | None if self.control.stopped() => break false,
                Some(Order::Pause) | None => {}
            }
        };
        // A pause is not training time.
        *pace = Pace::new(state.place.seconds);
        if !go_on {
            return self.stop(state, pace);
        }
        self.folder.log("goes on");
        self.reporter.tell(|status| (status.state, status.message) = (Phase::Running, String::new()));
        Ok(())
    }

    fn stop<L: Serialize>(&self, state: &mut State<L>, pace: &Pace) -> Result<()> {
        state.place.seconds = pace.seconds();
        self.folder.save(state)?;
        let place = format!("stage {} step {}", state.place.stage, state.place.step);
        self.folder.log(&format!("stopped at {place}"));
        Err(Fault::cancelled()
            .at(format!("{}, {place}", self.folder.root().display()))
            .remedy("the state is saved; go on with --resume"))
    }
}
