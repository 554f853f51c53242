//! File dialogs of the desktop, and what is said where it has none: the library answers "nothing chosen" in both cases.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clips::{Fault, FaultKind, Result};

/// Nobody opens a dialog, reads it and closes it in this time: a dialog that ends sooner was never there.
const SEEN: Duration = Duration::from_millis(300);

/// Lets the user choose a folder; `instead` is what to do without a dialog.
///
/// # Errors
/// Cancelled by the user; [`FaultKind::Unsupported`] where no dialog could be shown.
pub fn folder(instead: &str) -> Result<PathBuf> {
    asked(instead, || rfd::FileDialog::new().pick_folder())
}

/// Lets the user choose files that the studio opens.
///
/// # Errors
/// As [`folder`].
pub fn files(instead: &str) -> Result<Vec<PathBuf>> {
    asked(instead, || {
        rfd::FileDialog::new()
            .add_filter(
                "sound, predictions, checkpoints, heads",
                &["wav", "flac", "ogg", "mp3", "npy", "safetensors", "glb", "gltf", "vrm"],
            )
            .pick_files()
    })
}

/// Lets the user choose a head for the faces.
///
/// # Errors
/// As [`folder`].
pub fn head(instead: &str) -> Result<PathBuf> {
    asked(instead, || {
        rfd::FileDialog::new()
            .add_filter("heads (FaceVerse, glTF, VRM)", &["npy", "glb", "gltf", "vrm", "safetensors"])
            .pick_file()
    })
}

fn asked<T>(instead: &str, show: impl FnOnce() -> Option<T>) -> Result<T> {
    let begun = Instant::now();
    match show() {
        Some(chosen) => Ok(chosen),
        None if begun.elapsed() >= SEEN => Err(Fault::cancelled()),
        None => Err(Fault::new(
            FaultKind::Unsupported,
            "",
            "no file dialog could be shown: this desktop offers none (on Linux it needs xdg-desktop-portal with a backend, or \
             zenity)",
        )
        .remedy(instead)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_that_was_never_seen_is_a_fault_and_a_closed_one_is_not() {
        let missing = asked("type the path", || None::<PathBuf>).unwrap_err();
        assert!(!missing.is_cancelled() && missing.detail.contains("xdg-desktop-portal"));
        assert_eq!(missing.remedy, "type the path");
        let closed = asked("", || {
            std::thread::sleep(SEEN);
            None::<PathBuf>
        });
        assert!(closed.unwrap_err().is_cancelled());
        assert_eq!(asked("", || Some(3)).unwrap(), 3);
    }
}
