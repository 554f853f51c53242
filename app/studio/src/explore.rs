//! What the Latents workspace knows: what was found of the latents of a system, their names, and the one looked at.
//! Plain data.

use std::collections::HashMap;
use std::sync::Arc;

use clips::corpus::Split;
use study::explore::Explorer;
use study::names::Names;

/// What was found, and of what.
#[derive(Debug, Clone)]
pub struct Found {
    /// Where the system comes from.
    pub origin: String,
    /// Split that was looked at.
    pub split: Split,
    /// What was found.
    pub explorer: Arc<Explorer>,
}

/// The workspace.
pub struct Explore {
    /// Split that is looked at.
    pub split: Split,
    /// Clips that are answered at most; 0 for all.
    pub clips: usize,
    /// What was found.
    pub found: Option<Found>,
    /// The latent that is looked at.
    pub latent: usize,
    /// Names by the hash of the checkpoint.
    pub names: HashMap<String, Names>,
    /// Whether names are read from and written to the disk; not in scenes and tests.
    pub keep_names: bool,
    /// Grows with everything that changes a picture.
    pub generation: u64,
}

impl Default for Explore {
    fn default() -> Self {
        Self {
            split: Split::Val,
            clips: study::explore::Asked::default().clips,
            found: None,
            latent: 0,
            names: HashMap::new(),
            keep_names: true,
            generation: 0,
        }
    }
}

impl Explore {
    /// What people call a latent of a checkpoint.
    pub fn name(&self, checkpoint: &str, latent: usize) -> Option<&str> {
        self.names.get(checkpoint)?.of(latent)
    }

    /// What was found of the system that comes from `origin`.
    pub fn of(&self, origin: &str) -> Option<&Found> {
        self.found.as_ref().filter(|found| found.origin == origin)
    }
}

/// What can be done in the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Do {
    /// Look at the latents of the chosen system.
    Run,
    /// Stop looking.
    Cancel,
    /// Another split.
    Split(Split),
    /// Another number of clips.
    Clips(usize),
    /// Look at a latent.
    Latent(usize),
    /// Look at the one so many below.
    Move(i32),
    /// Call a latent something else; nothing takes the name away.
    Name(usize, String),
    /// Open a clip of the split in Compare with the latent that is looked at.
    Clip(usize),
}

impl Do {
    /// Words in palette and tooltips.
    pub fn text(&self) -> &'static str {
        match self {
            Self::Run => "Explore the latents",
            Self::Cancel => "Stop exploring",
            Self::Split(_) => "Explore another split",
            Self::Clips(_) => "Change how many clips are answered",
            Self::Latent(_) => "Look at a latent",
            Self::Move(by) if *by > 0 => "The latent below",
            Self::Move(_) => "The latent above",
            Self::Name(..) => "Name a latent",
            Self::Clip(_) => "Open this clip in Compare",
        }
    }
}
