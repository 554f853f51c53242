//! What went wrong with a file or a request, said so that the reader can act: what, where, and the remedy.
//!
//! One type for every reader and writer of the project, so that the command line, the window and `check` say the
//! same words. A fault is a value beside the result of a batch: one bad clip never hides the others.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// The meaning of a fault; stable, so that scripts may match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The file or folder is not there.
    NotFound,
    /// It is there and cannot be read.
    NotReadable,
    /// It cannot be written (a read-only folder, a full disk).
    NotWritable,
    /// It ends before what its header promises.
    Truncated,
    /// It holds nothing.
    Empty,
    /// It promises more than we accept; checked before memory is taken.
    TooLarge,
    /// A header or a syntax we do not understand.
    Malformed,
    /// The right container with the wrong dimensions.
    WrongShape,
    /// The right container with the wrong element type.
    WrongType,
    /// A NaN or an infinity where a number must be.
    NotFinite,
    /// A number outside its legal range.
    OutOfRange,
    /// Two files that must fit together do not.
    Mismatch,
    /// A stream that should be there is missing.
    MissingModality,
    /// More or fewer frames than its clip should have.
    WrongLength,
    /// Two streams that should be different are the same.
    Identical,
    /// A file that belongs to nothing.
    Junk,
    /// A format or a model that this program does not serve.
    Unsupported,
    /// The caller asked for something impossible.
    BadRequest,
    /// Stopped on request; not an error of anything.
    Cancelled,
    /// A worker failed in a way it should not.
    Internal,
}

/// One fault: file, place, what happened, what to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fault {
    /// What it means.
    pub kind: FaultKind,
    /// The file or folder; empty when no file is involved.
    pub path: PathBuf,
    /// Where in it ("row 12, column AU12", "header", "byte 44"); may be empty.
    pub place: String,
    /// What happened.
    pub detail: String,
    /// What to do next; may be empty.
    pub remedy: String,
}

impl Fault {
    /// A fault of `path`; add a place and a remedy with [`Fault::at`] and [`Fault::remedy`].
    pub fn new(kind: FaultKind, path: impl AsRef<Path>, detail: impl Into<String>) -> Self {
        Self {
            kind,
            path: path.as_ref().to_owned(),
            place: String::new(),
            detail: detail.into(),
            remedy: String::new(),
        }
    }

    /// The request was stopped by its user.
    pub fn cancelled() -> Self {
        Self::new(FaultKind::Cancelled, "", "stopped on request")
    }

    /// Says where in the file.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// An input/output error of `path`, sorted by meaning.
    pub fn io(path: impl AsRef<Path>, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as E;
        let (kind, remedy) = match error.kind() {
            E::NotFound => (FaultKind::NotFound, "check the path"),
            E::UnexpectedEof => (FaultKind::Truncated, "copy the file again; it ends too early"),
            E::PermissionDenied | E::ReadOnlyFilesystem => {
                (FaultKind::NotReadable, "check the permissions of the file and its folder")
            }
            _ => (FaultKind::NotReadable, "check the file and the disk it lies on"),
        };
        Self::new(kind, path, error.to_string()).remedy(remedy)
    }

    /// A failure to write to `path`.
    pub fn write(path: impl AsRef<Path>, error: &std::io::Error) -> Self {
        Self::new(FaultKind::NotWritable, path, error.to_string())
            .remedy("choose a folder you may write to, with space left")
    }

    /// Whether this is a stop on request.
    pub fn is_cancelled(&self) -> bool {
        self.kind == FaultKind::Cancelled
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.as_os_str().is_empty() {
            write!(f, "{}: ", self.path.display())?;
        }
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.detail)?;
        if !self.remedy.is_empty() {
            write!(f, " ({})", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

/// Shorthand of the project's readers and writers.
pub type Result<T> = std::result::Result<T, Fault>;
