//! The files of one person in one clip, and the row that two people make.
//!
//! Streams are read on demand, at 25 frames a second whatever the corpus was recorded at: a corpus of another rate
//! (REACT 2025 comes at 30) is brought to the project's frames here and nowhere else.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::emotion::read_emotion;
use crate::array::{read_npy, read_npy_shape};
use crate::channels::{ATTRIBUTE_COUNT, AU, COEFFICIENT_COUNT};
use crate::fault::{Fault, FaultKind, Result};
use crate::footage::Footage;
use crate::streams::{Attributes, Coefficients, Given, Streams};
use crate::time::FRAMES_PER_SECOND;

/// Moving pictures of a person, in one of the two forms that are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VideoFiles {
    /// `CLIP.mp4`, as the archive is shipped.
    Mp4(PathBuf),
    /// `CLIP/1.png … CLIP/751.png`, as the official README says; counted from 1.
    Frames(PathBuf),
}

impl VideoFiles {
    /// The file, or the folder of the frames.
    pub fn path(&self) -> &Path {
        match self {
            Self::Mp4(path) | Self::Frames(path) => path,
        }
    }

    /// The frames of a PNG folder in order of their numbers; empty for an mp4 and for an unreadable folder. Files
    /// whose name is no number are left out.
    pub fn frames(&self) -> Vec<PathBuf> {
        let Self::Frames(folder) = self else { return Vec::new() };
        let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let number = entry.file_name().to_str()?.strip_suffix(".png")?.parse().ok()?;
                Some((number, entry.path()))
            })
            .collect();
        found.sort();
        found.into_iter().map(|(_, path)| path).collect()
    }
}

/// Where one person's files of one clip are; `None` where there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonFiles {
    /// Name within the split, as the lists name it (`SITE/CHAT/PERSON/CLIP`).
    pub name: String,
    /// Sound.
    pub sound: Option<PathBuf>,
    /// Attributes (csv, or npy of frames x 25).
    pub attributes: Option<PathBuf>,
    /// Coefficients (npy).
    pub coefficients: Option<PathBuf>,
    /// Video; decoded by the media crate.
    pub video: Option<VideoFiles>,
    /// Ready-made sound features (npy of rows x 768 or 128).
    pub sound_features: Option<PathBuf>,
    /// Ready-made features of the video (npy of frames x 768).
    pub video_features: Option<PathBuf>,
    /// Frames a second of attributes, coefficients and video.
    pub frames_per_second: u32,
}

impl Default for PersonFiles {
    fn default() -> Self {
        Self {
            name: String::new(),
            sound: None,
            attributes: None,
            coefficients: None,
            video: None,
            sound_features: None,
            video_features: None,
            frames_per_second: FRAMES_PER_SECOND,
        }
    }
}

impl PersonFiles {
    /// Reads what is there of attributes and coefficients; sound is decoded by the speech crate from
    /// [`PersonFiles::sound`]. Coefficients are cut to the length of the attributes when both are there (the tracker
    /// gives one frame more than there are labels). Streams of another rate are brought to 25 frames a second:
    /// action units take the nearest frame, everything else is interpolated.
    ///
    /// # Errors
    /// The first broken file, with place and remedy.
    pub fn read(&self) -> Result<Streams> {
        let attributes = self.attributes.as_deref().map(read_attributes).transpose()?;
        let mut coefficients = self.coefficients.as_deref().map(read_coefficients).transpose()?;
        if let (Some(attributes), Some(coefficients)) = (&attributes, &mut coefficients) {
            coefficients.truncate(attributes.len());
        }
        Ok(Streams {
            sound: None,
            attributes: attributes.map(|rows| at_our_rate(rows, self.frames_per_second, AU.end)),
            coefficients: coefficients.map(|rows| at_our_rate(rows, self.frames_per_second, 0)),
            video: self.video.clone().map(|files| Footage { files, rate: self.frames_per_second }),
            given: Given { video: self.video_features.clone(), sound: self.sound_features.clone() },
        })
    }

    /// Whether no file of the person is there at all.
    pub fn is_empty(&self) -> bool {
        self.sound.is_none()
            && self.attributes.is_none()
            && self.coefficients.is_none()
            && self.video.is_none()
            && self.sound_features.is_none()
            && self.video_features.is_none()
    }
}

/// One row: somebody speaks, somebody listens. A person stands in two rows, which share their files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipEntry {
    /// `SPLIT/SITE/CHAT/PERSON/CLIP` of the speaker.
    pub id: String,
    /// The speaker's files.
    pub speaker: Arc<PersonFiles>,
    /// The listener's files.
    pub listener: Arc<PersonFiles>,
}

impl ClipEntry {
    /// What is there of the speaker, without sound; see [`PersonFiles::read`].
    ///
    /// # Errors
    /// The first broken file, with place and remedy.
    pub fn read_speaker(&self) -> Result<Streams> {
        self.speaker.read()
    }

    /// What is there of the listener, without sound; see [`PersonFiles::read`].
    ///
    /// # Errors
    /// The first broken file, with place and remedy.
    pub fn read_listener(&self) -> Result<Streams> {
        self.listener.read()
    }
}

/// Reads attributes from a csv file, or from an `.npy` of frames x 25 (or frames x 1 x 25).
///
/// # Errors
/// As [`read_emotion`]; for arrays as [`read_coefficients`].
pub fn read_attributes(path: &Path) -> Result<Attributes> {
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npy")) {
        read_rows::<ATTRIBUTE_COUNT>(path, true)
    } else {
        read_emotion(path)
    }
}

/// Reads coefficients of shape (T, 58) or (T, 1, 58).
///
/// # Errors
/// [`FaultKind::WrongShape`], [`FaultKind::NotFinite`] and the faults of [`read_npy`].
pub fn read_coefficients(path: &Path) -> Result<Coefficients> {
    read_rows::<COEFFICIENT_COUNT>(path, true)
}

/// Rows of `N` columns; NaN and infinity are refused when `finite`.
pub(super) fn read_rows<const N: usize>(path: &Path, finite: bool) -> Result<Vec<[f32; N]>> {
    let shape = read_npy_shape(path)?;
    let fits = matches!(shape.as_slice(), [_, columns] | [_, 1, columns] if *columns == N);
    if !fits {
        let text = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
        let what = if N == COEFFICIENT_COUNT { "coefficients are" } else { "attributes are" };
        return Err(Fault::new(FaultKind::WrongShape, path, format!("the shape is {text}"))
            .at("header")
            .remedy(format!("{what} frames x {N} or frames x 1 x {N}")));
    }
    let array = read_npy(path)?;
    if finite {
        array.require_finite(path)?;
    }
    array.rows(path)
}

/// Rows at `rate` frames a second as rows at 25: frame `t` is what was there at `t / 25` seconds. The first `stepped`
/// columns take the nearest row (an action unit is on or off), the others are interpolated between their neighbours.
fn at_our_rate<const N: usize>(rows: Vec<[f32; N]>, rate: u32, stepped: usize) -> Vec<[f32; N]> {
    if rate == FRAMES_PER_SECOND || rate == 0 || rows.is_empty() {
        return rows;
    }
    let frames = (rows.len() as u64 * u64::from(FRAMES_PER_SECOND) / u64::from(rate)) as usize;
    (0..frames)
        .map(|frame| {
            let at = frame as f64 * f64::from(rate) / f64::from(FRAMES_PER_SECOND);
            let before = (at as usize).min(rows.len() - 1);
            let after = (before + 1).min(rows.len() - 1);
            let share = (at - before as f64) as f32;
            let nearest = if share < 0.5 { before } else { after };
            std::array::from_fn(|column| {
                if column < stepped {
                    rows[nearest][column]
                } else {
                    rows[before][column] + share * (rows[after][column] - rows[before][column])
                }
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_frames_a_second_become_twenty_five_and_a_ramp_stays_a_ramp() {
        let rows: Vec<[f32; 2]> = (0..60).map(|t| [f32::from(u8::from(t >= 30)), t as f32 / 30.0]).collect();
        let ours = at_our_rate(rows.clone(), 30, 1);
        assert_eq!(ours.len(), 50);
        for (frame, row) in ours.iter().enumerate() {
            assert!((row[1] - frame as f32 / 25.0).abs() < 1e-5, "frame {frame} is at its own second");
            assert!(row[0] == 0.0 || row[0] == 1.0, "an action unit is on or off");
        }
        assert_eq!((ours[24][0], ours[25][0]), (0.0, 1.0), "it fires at the same second");
        assert_eq!(at_our_rate(rows.clone(), 25, 1), rows);
    }
}
