//! What a window looks as when it opens again: theme, panels, tracks, whose faces and from where. A small TOML file of the
//! user's, which no data hangs on: one that cannot be read is told, put aside, and the window opens as new.
//!
//! What it is not: a document. Clips, systems and reactions are opened by whoever starts the window.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clips::array::write_atomically;
use clips::{Fault, FaultKind, Result};
use face::Camera;
use serde::{Deserialize, Serialize};

use crate::cameras::Cameras;
use crate::overlay::{Overlay, Shown};
use crate::people::People;
use crate::state::State;
use crate::theme::Theme;
use crate::tracks::Track;

/// Longest file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// What is kept, in the words of the file. What the file leaves out is as in a new window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    theme: Theme,
    list: bool,
    inspector: bool,
    /// Names of the tracks, from the top; what nothing is called is passed over.
    tracks: Vec<String>,
    overlays: Vec<Overlay>,
    real_listener_outlined: bool,
    /// Head file; the built-in head without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<PathBuf>,
    /// Whose face all show, or none: each shows another.
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<u64>,
    each_another_person: bool,
    /// Radians, radians, cm, cm.
    camera: Place,
}

/// A camera in the file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    yaw: f32,
    pitch: f32,
    distance_cm: f32,
    target_cm: [f32; 3],
}

impl Default for Place {
    fn default() -> Self {
        Self::of(&Camera::portrait())
    }
}

impl Place {
    fn of(camera: &Camera) -> Self {
        let Camera { yaw, pitch, distance, target } = *camera;
        Self { yaw, pitch, distance_cm: distance, target_cm: target }
    }

    fn camera(self) -> Camera {
        Camera { yaw: self.yaw, pitch: self.pitch, distance: self.distance_cm, target: self.target_cm }
            .limited()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::of(&State::default(), None)
    }
}

impl Settings {
    /// How a window looks.
    pub fn of(state: &State, head: Option<&PathBuf>) -> Self {
        Self {
            theme: state.theme,
            list: state.list_open,
            inspector: state.inspector_open,
            tracks: state.tracks.iter().map(|track| track.name().to_owned()).collect(),
            overlays: state.overlays.all().to_vec(),
            real_listener_outlined: state.ghost,
            head: head.cloned(),
            person: match state.people {
                People::One(seed) => Some(seed),
                People::Each => None,
            },
            each_another_person: state.people == People::Each,
            camera: Place::of(&state.cameras.shared()),
        }
    }

    /// Makes a window look so. The head is the caller's to open: it may be gone.
    pub fn put(&self, state: &mut State) {
        state.theme = self.theme;
        (state.list_open, state.inspector_open) = (self.list, self.inspector);
        let mut tracks: Vec<Track> = Vec::new();
        for track in self.tracks.iter().filter_map(|name| Track::all().find(|track| track.name() == name)) {
            if !tracks.contains(&track) {
                tracks.push(track);
            }
        }
        state.tracks = tracks;
        state.overlays = Shown::default();
        for overlay in &self.overlays {
            if !state.overlays.has(*overlay) {
                state.overlays.toggle(*overlay);
            }
        }
        state.ghost = self.real_listener_outlined;
        state.people = match self.each_another_person {
            true => People::Each,
            false => People::One(self.person.unwrap_or_default()),
        };
        state.cameras = Cameras::all_at(self.camera.camera());
    }

    /// The head file that faces are made of.
    pub fn head(&self) -> Option<&Path> {
        self.head.as_deref()
    }

    /// Reads a file; what a new window looks as where there is none.
    ///
    /// # Errors
    /// [`FaultKind::Malformed`] with line and column; what the system says of a file that cannot be read.
    pub fn read(file: &Path) -> Result<Self> {
        let length = match std::fs::metadata(file) {
            Ok(meta) => meta.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Fault::io(file, &error)),
        };
        let malformed = |why: String| {
            Fault::new(FaultKind::Malformed, file, why).remedy(
                "the window looks as new; the file is put aside under the same name with .broken at its end",
            )
        };
        if length > LONGEST {
            return Err(malformed(format!("{length} bytes are no settings of a window")));
        }
        let text = std::fs::read_to_string(file).map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => malformed("it is no text".to_owned()),
            _ => Fault::io(file, &error),
        })?;
        toml::from_str(&text).map_err(|error| malformed(error.to_string().trim().to_owned()))
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// What the system says of the folder or the file.
    pub fn write(&self, file: &Path) -> Result<()> {
        let text = toml::to_string(self)
            .map_err(|error| Fault::new(FaultKind::Internal, file, error.to_string()))?;
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(|error| Fault::io(folder, &error))?;
        }
        write_atomically(file, |writer| writer.write_all(text.as_bytes()))
    }
}

/// The user's file; `None` without a home.
pub fn usual_place() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")))?;
    Some(base.join("backchannel/window.toml"))
}

/// Puts a file aside that cannot be read, so that the next one does not overwrite what a person may have written.
pub fn put_aside(file: &Path) -> Result<()> {
    let mut aside = file.as_os_str().to_owned();
    aside.push(".broken");
    std::fs::rename(file, PathBuf::from(aside)).map_err(|error| Fault::io(file, &error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

    use super::*;
    use crate::cameras::Turning;
    use crate::faces::Seat;

    #[test]
    fn a_window_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backchannel/window.toml");
        assert_eq!(Settings::read(&file).unwrap(), Settings::default());
        let mut state = State { theme: Theme::Light, list_open: false, ghost: true, ..State::default() };
        state.tracks = Track::all().collect();
        state.people = People::One(7);
        state.overlays.toggle(Overlay::Porcelain);
        state.overlays.toggle(Overlay::Regions);
        state
            .cameras
            .turn(Seat::Speaker, Turning { yaw: 0.3, closer: 0.8, right_cm: 1.0, ..Turning::default() });
        let head = PathBuf::from("/heads/a.glb");
        let settings = Settings::of(&state, Some(&head));
        settings.write(&file).unwrap();
        let read = Settings::read(&file).unwrap();
        assert_eq!(read, settings);
        assert_eq!(read.head(), Some(head.as_path()));
        let mut other = State::default();
        read.put(&mut other);
        assert_eq!(Settings::of(&other, Some(&head)), settings);
        state.people = People::Each;
        let settings = Settings::of(&state, None);
        settings.write(&file).unwrap();
        Settings::read(&file).unwrap().put(&mut other);
        assert_eq!(other.people, People::Each);
    }

    #[test]
    fn a_broken_file_is_named_with_its_place_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("window.toml");
        for (text, place) in [
            ("theme = \"dark\"\nlist = 3", "line 2"),
            ("theme = \"pink\"", "line 1"),
            ("[camera]\nyaw = \"left\"", "line 2"),
            ("\u{0}", "line 1"),
        ] {
            std::fs::write(&file, text).unwrap();
            let fault = Settings::read(&file).unwrap_err();
            assert!(fault.detail.contains(place) && fault.to_string().contains("window.toml"), "{fault}");
        }
        put_aside(&file).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("window.toml.broken")).unwrap(), "\u{0}");
        std::fs::write(&file, vec![b' '; LONGEST as usize + 1]).unwrap();
        assert!(Settings::read(&file).is_err());
        std::fs::write(&file, [0xff, 0xfe]).unwrap();
        assert!(Settings::read(&file).unwrap_err().detail.contains("no text"));
    }

    #[test]
    fn what_a_file_says_beyond_reason_is_limited() {
        let text = "tracks = [\"AU12\", \"AU12\", \"no such\"]\nlater = 1\n[camera]\nyaw = nan\ndistance_cm = 1e30\n\
                    target_cm = [inf, 0.0, 900.0]";
        let settings: Settings = toml::from_str(text).unwrap();
        let mut state = State::default();
        settings.put(&mut state);
        assert_eq!(state.tracks.len(), 1);
        let camera = state.cameras.shared();
        assert!(
            camera.distance <= 260.0 && camera.yaw == 0.0 && camera.target.iter().all(|at| at.abs() < 20.0)
        );
    }
}
