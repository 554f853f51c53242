//! What a command prints: one result on standard output (a table, or one JSON object), progress and warnings on
//! standard error, and the exit code of a fault.
//!
//! Whoever reads may stop reading (`| head`): what is written into a closed pipe is lost in silence, and is no fault.

use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use clips::{Control, Fault, FaultKind};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Where a command writes.
pub struct Output {
    json: bool,
}

impl Output {
    /// `json`: one JSON object instead of text.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// The result of the command: `text` for people, `value` for programs.
    pub fn result(&self, value: &impl Serialize, text: impl std::fmt::Display) -> clips::Result<()> {
        if self.json {
            let line = serde_json::to_string(value).map_err(|error| {
                Fault::new(FaultKind::Internal, "", format!("the result is not JSON: {error}"))
            })?;
            print(&line)
        } else {
            print(text.to_string().trim_end())
        }
    }

    /// Something the user should know that does not end the work.
    pub fn warn(&self, message: impl std::fmt::Display) {
        say(&format!("warning: {message}"));
    }

    /// Tells of a fault and gives its exit code.
    pub fn failed(&self, fault: &Fault) -> ExitCode {
        if self.json {
            // the exit code tells of the fault, whether or not anybody reads this
            let _ = print(&serde_json::json!({ "error": fault, "message": fault.to_string() }).to_string());
        }
        say(&format!("{}: {fault}", if fault.is_cancelled() { "stopped" } else { "error" }));
        ExitCode::from(if fault.kind == FaultKind::BadRequest { 2 } else { 1 })
    }

    /// A control with a progress bar (on a terminal) that Ctrl-C stops; a second Ctrl-C ends the program.
    pub fn control(&self) -> Control {
        let bar: Arc<Mutex<Option<(&'static str, ProgressBar)>>> = Arc::default();
        let control = Control::with_listener(move |progress| {
            let Ok(mut slot) = bar.lock() else { return };
            if slot.as_ref().is_none_or(|(stage, _)| *stage != progress.stage) {
                if let Some((_, old)) = slot.take() {
                    old.finish_and_clear();
                }
                let new = ProgressBar::new(progress.total);
                if let Ok(style) =
                    ProgressStyle::with_template("{prefix:<22} {bar:32} {pos}/{len} {eta} {msg}")
                {
                    new.set_style(style);
                }
                new.set_prefix(progress.stage);
                *slot = Some((progress.stage, new));
            }
            if let Some((_, bar)) = slot.as_ref() {
                bar.set_length(progress.total);
                bar.set_position(progress.done);
                bar.set_message(progress.note);
                if progress.total > 0 && progress.done >= progress.total {
                    bar.finish_and_clear();
                }
            }
        });
        let (stopping, mut asked) = (control.clone(), false);
        let handler = ctrlc::set_handler(move || {
            if asked {
                std::process::exit(1);
            }
            asked = true;
            say("stopping at the next safe point; press Ctrl-C again to end at once");
            stopping.stop();
        });
        if handler.is_err() {
            self.warn("Ctrl-C cannot be caught here; the work ends at once when interrupted");
        }
        control
    }
}

/// A line on standard output; a reader who has gone is no fault, a full disk is.
fn print(line: &str) -> clips::Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Fault::new(FaultKind::NotWritable, "", format!("standard output: {error}"))
                .remedy("write to a place with room"))
        }
        _ => Ok(()),
    }
}

/// A line on standard error; there is nowhere to tell that it could not be written.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
