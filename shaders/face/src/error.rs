//! The errors of this crate: a head file that is not one, or a graphics device that is missing or refuses.

/// A problem with a head file: which file, where in it, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {place}; {remedy}")]
pub struct HeadError {
    /// The file (or "built-in head").
    pub file: String,
    /// Where in it, and what is wrong there.
    pub place: String,
    /// What the user can do.
    pub remedy: String,
}

/// Anything that can go wrong in this crate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaceError {
    /// A head file.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The graphics device: what happened, and what to do.
    #[error("{what}; {remedy}")]
    Device {
        /// What happened.
        what: String,
        /// What the user can do.
        remedy: String,
    },
}

/// Result of this crate.
pub type Result<T, E = FaceError> = std::result::Result<T, E>;

pub(crate) fn device(what: impl Into<String>) -> FaceError {
    FaceError::Device {
        what: what.into(),
        remedy: "install a graphics driver (on Debian: mesa-vulkan-drivers) or use the software renderer"
            .into(),
    }
}
