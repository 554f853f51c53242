//! `control` in a run folder: one word, written by anybody, obeyed and removed by the run at its next step.

use std::io::Write;
use std::path::Path;

use clips::Result;
use clips::array::write_atomically;

/// Name of the file.
pub const FILE: &str = "control";

/// What a run is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Save and wait.
    Pause,
    /// Go on.
    Resume,
    /// Save and end; it can be resumed.
    Stop,
    /// The same when the current pass over the rows is complete.
    StopAtEpoch,
}

impl Order {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Pause, "pause"),
        (Self::Resume, "resume"),
        (Self::Stop, "stop"),
        (Self::StopAtEpoch, "stop-at-epoch"),
    ];

    /// The word in the file.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(order, _)| *order == self).map_or("", |(_, word)| word)
    }

    /// Gives the order to the run of a folder.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn give(self, run: &Path) -> Result<()> {
        write_atomically(&run.join(FILE), |writer| writer.write_all(self.word().as_bytes()))
    }

    /// Takes the order that waits in a folder and removes it; an unknown word comes back as an error.
    pub fn take(run: &Path) -> Option<std::result::Result<Self, String>> {
        let path = run.join(FILE);
        let text = std::fs::read(&path).ok()?;
        // A file that cannot be removed must not pause a run for ever: then the order does not count.
        std::fs::remove_file(&path).ok()?;
        let text = String::from_utf8_lossy(&text[..text.len().min(64)]).trim().to_owned();
        Some(Self::ALL.iter().find(|(_, word)| *word == text).map(|(order, _)| *order).ok_or(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Order::take(folder.path()), None);
        for (order, _) in Order::ALL {
            order.give(folder.path()).unwrap();
            assert_eq!(Order::take(folder.path()), Some(Ok(order)));
            assert_eq!(Order::take(folder.path()), None);
        }
        std::fs::write(folder.path().join(FILE), " pause\n").unwrap();
        assert_eq!(Order::take(folder.path()), Some(Ok(Order::Pause)));
        std::fs::write(folder.path().join(FILE), "faster").unwrap();
        assert_eq!(Order::take(folder.path()), Some(Err("faster".to_owned())));
    }
}
