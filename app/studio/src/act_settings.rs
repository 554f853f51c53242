//! Keeping how the window looks: read when it opens, written by a worker once the user has settled, and when it closes.

use std::path::PathBuf;

use egui::Context;

use crate::Studio;
use crate::act::message_of;
use crate::jobs::Slot;
use crate::settings::{self, Settings};
use crate::state::{Message, Severity};
use crate::work::Made;
use crate::{text, theme};

/// Seconds without another change until the file is written: a camera that is being turned is not written in every frame.
const SETTLED_AFTER: f64 = 2.0;

/// The file, what it says, and what it is to say.
pub(crate) struct Keeper {
    file: PathBuf,
    written: Settings,
    wanted: Settings,
    /// Seconds of the window when `wanted` last changed.
    changed: f64,
    /// A head to open once faces can be drawn.
    head: Option<PathBuf>,
}

impl Studio {
    /// Makes the window look as the file says, and keeps in it how the window looks from now on.
    pub(crate) fn remember_in(&mut self, ctx: &Context, file: PathBuf) {
        let settings = Settings::read(&file).unwrap_or_else(|fault| {
            self.tell(Message {
                severity: Severity::Warning,
                ..message_of(&fault, text::label::SETTINGS, 0.0)
            });
            if let Err(fault) = settings::put_aside(&file) {
                self.tell(message_of(&fault, text::label::SETTINGS, 0.0));
            }
            Settings::default()
        });
        settings.put(&mut self.state);
        theme::apply(ctx, self.state.theme);
        let head = settings.head().map(PathBuf::from);
        self.keeper = Some(Keeper { file, wanted: settings.clone(), written: settings, changed: 0.0, head });
    }

    /// The head of the last session, once: it may be gone by now, and then the built-in one is there already.
    pub(crate) fn head_of_last_time(&mut self) -> Option<PathBuf> {
        self.keeper.as_mut()?.head.take()
    }

    /// Has changes written once there are no more for a moment; returns the seconds until then.
    pub(crate) fn keep_settings(&mut self, now: f64) -> Option<f64> {
        let keeper = self.keeper.as_mut()?;
        let head = self.cast.head.as_ref().or(keeper.head.as_ref());
        let settings = Settings::of(&self.state, head);
        if settings != keeper.wanted {
            keeper.wanted = settings;
            keeper.changed = now;
        }
        if keeper.wanted == keeper.written {
            return None;
        }
        let left = keeper.changed + SETTLED_AFTER - now;
        if left > 0.0 || self.jobs.in_slot(Slot::Settings).is_some() {
            return Some(left.max(0.1));
        }
        keeper.written = keeper.wanted.clone();
        let (settings, file) = (keeper.written.clone(), keeper.file.clone());
        self.jobs.start(Slot::Settings, text::label::SETTINGS, move |_| {
            settings.write(&file)?;
            Ok(Made::Remembered.into())
        });
        None
    }

    /// Writes what has changed at the end of the session.
    pub(crate) fn keep_settings_now(&mut self) {
        let Some(keeper) = &self.keeper else { return };
        let head = self.cast.head.as_ref().or(keeper.head.as_ref());
        let settings = Settings::of(&self.state, head);
        if settings != keeper.written
            && let Err(fault) = settings.write(&keeper.file)
        {
            tracing::warn!("{fault}");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

    use media::Transport;

    use super::*;
    use crate::people::People;
    use crate::theme::Theme;

    fn window(file: &std::path::Path) -> Studio {
        let ctx = Context::default();
        let mut studio = Studio::bare(&ctx, None, Transport::manual());
        studio.remember_in(&ctx, file.to_owned());
        studio
    }

    #[test]
    fn changes_are_written_once_they_settle_and_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("window.toml");
        let mut studio = window(&file);
        assert_eq!(studio.keep_settings(1.0), None);
        assert!(!file.exists(), "a window that nobody changed writes nothing");
        studio.state.theme = Theme::Light;
        assert!(studio.keep_settings(2.0).is_some_and(|left| left > 1.9));
        studio.state.people = People::One(4);
        assert!(studio.keep_settings(3.9).is_some_and(|left| left > 1.9), "every change begins anew");
        assert_eq!(studio.keep_settings(6.0), None);
        while !file.exists() {
            std::thread::yield_now();
        }
        let again = window(&file);
        assert_eq!((again.state.theme, again.state.people), (Theme::Light, People::One(4)));
        studio.state.list_open = false;
        studio.keep_settings_now();
        assert!(!window(&file).state.list_open);
    }

    #[test]
    fn a_broken_file_costs_a_message_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("window.toml");
        std::fs::write(&file, "theme = 3").unwrap();
        let studio = window(&file);
        assert_eq!(studio.state.theme, Theme::Dark);
        let message = &studio.state.messages[0];
        assert!(message.what.contains("line 1") && message.about == "window.toml", "{message:?}");
        assert!(folder.path().join("window.toml.broken").exists() && !file.exists());
    }
}
