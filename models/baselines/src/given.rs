//! Ready-made features as REGNN's official presets read them: what a picture network made of each frame (Swin, 768 columns) and a
//! sound network of the sound (VGGish, 128 columns and a row a frame; wav2vec2, 768 columns at 49.95 rows a second).
//!
//! The official code extracts them once a clip, before training; the networks' published weights are no part of this program. So
//! they are arrays (`.npy`, rows x columns) beside the other files of a corpus: `SPLIT/Video_features/SITE/CHAT/PERSON/CLIP.npy` and
//! `SPLIT/Audio_features/...`. The video's rows are frames; sound whose rows are not as many (give or take two) is averaged to as
//! many, as adaptive pooling does. A clip that is a row short repeats its last one, as officially.

use std::path::Path;

use clips::array::{read_npy, read_npy_shape};
use clips::{Fault, FaultKind, Given, Result};
use listener::latent_intent::features::MOST_FRAMES;

use crate::regnn::perceptual::pooled;

/// Rows that one of two files may have more than the other at the same rate.
const SLACK: usize = 2;

/// Rows of features, a row a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Frames.
    pub frames: usize,
    /// `[frames, columns]` of the video.
    pub video: Vec<f32>,
    /// `[frames, columns]` of the sound.
    pub sound: Vec<f32>,
}

fn rows(path: &Path, what: &str, columns: usize) -> Result<Vec<f32>> {
    let shape = read_npy_shape(path)?;
    let fits = matches!(shape.as_slice(), [_, width] | [_, 1, width] if *width == columns);
    let count = shape.first().copied().unwrap_or(0);
    if !fits || count == 0 {
        let text = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
        return Err(Fault::new(FaultKind::WrongShape, path, format!("the shape is {text}"))
            .at("header")
            .remedy(format!("this preset reads {what} features of frames x {columns}")));
    }
    if count > 4 * MOST_FRAMES {
        return Err(
            Fault::new(FaultKind::TooLarge, path, format!("{count} rows of features")).remedy("cut the clip")
        );
    }
    let array = read_npy(path)?;
    array.require_finite(path)?;
    Ok(array.values)
}

impl Features {
    /// Reads the features of a person with so many columns of video and sound; what is missing is a fault of `clip`.
    ///
    /// # Errors
    /// A file that is missing, of other columns, or not finite.
    pub fn read(clip: &Path, given: &Given, (video, sound): (usize, usize)) -> Result<Self> {
        let missing = |what: &str, folder: &str, columns: usize| {
            Fault::new(FaultKind::MissingModality, clip, format!("no features of the {what}")).remedy(format!(
                "put what the {what} network makes into {folder} beside Audio_files (SITE/CHAT/PERSON/CLIP.npy, rows x {columns}), \
                 or choose the preset small, which reads attributes and sound"
            ))
        };
        let path = given.video.as_deref().ok_or_else(|| missing("video", "Video_features", video))?;
        let seen = rows(path, "video", video)?;
        let path = given.sound.as_deref().ok_or_else(|| missing("sound", "Audio_features", sound))?;
        let heard = rows(path, "sound", sound)?;
        let (frames, count) = (seen.len() / video, heard.len() / sound);
        let heard = if count.abs_diff(frames) <= SLACK {
            fitted(heard, sound, frames)
        } else {
            pooled(&heard, sound, frames)
        };
        Ok(Self { frames, video: seen, sound: heard })
    }

    /// As many frames as asked for: cut, or the last row again.
    #[must_use]
    pub fn fitted(self, frames: usize) -> Self {
        let (video, sound) = (self.video.len() / self.frames, self.sound.len() / self.frames);
        Self { frames, video: fitted(self.video, video, frames), sound: fitted(self.sound, sound, frames) }
    }
}

fn fitted(mut rows: Vec<f32>, columns: usize, frames: usize) -> Vec<f32> {
    rows.truncate(frames * columns);
    while rows.len() < frames * columns {
        rows.extend_from_within(rows.len() - columns..);
    }
    rows
}

#[cfg(test)]
mod tests {
    use clips::array::write_npy;

    use super::*;

    #[test]
    fn rows_meet_at_the_frames_of_the_video() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, rows: usize, columns: usize| {
            let path = folder.path().join(name);
            let values: Vec<f32> = (0..rows * columns).map(|at| (at / columns) as f32).collect();
            write_npy(&path, &[rows, columns], &values).unwrap();
            Some(path)
        };
        let clip = Path::new("val/a/1");
        let given = |video, sound| Given { video, sound };
        let video = file("v", 10, 3);
        // a row short, as VGGish of 30 s is
        let features = Features::read(clip, &given(video.clone(), file("a", 9, 2)), (3, 2)).unwrap();
        assert_eq!((features.frames, &features.sound[16..]), (10, &[8.0, 8.0, 8.0, 8.0][..]));
        // twice as many rows: means of two
        let features = Features::read(clip, &given(video.clone(), file("b", 20, 2)), (3, 2)).unwrap();
        assert_eq!(features.sound[..4], [0.5, 0.5, 2.5, 2.5]);
        let cut = features.clone().fitted(4);
        assert_eq!((cut.video.len(), cut.sound.as_slice()), (12, &features.sound[..8]));
        assert_eq!(features.fitted(12).video[30..], [9.0; 6]);

        let fault = Features::read(clip, &given(None, None), (3, 2)).unwrap_err();
        assert!(fault.to_string().contains("val/a/1") && fault.remedy.contains("Video_features"), "{fault}");
        let fault = Features::read(clip, &given(video.clone(), None), (3, 2)).unwrap_err();
        assert!(fault.remedy.contains("Audio_features"), "{fault}");
        let fault = Features::read(clip, &given(video, file("c", 10, 4)), (3, 2)).unwrap_err();
        assert!(fault.kind == FaultKind::WrongShape && fault.remedy.contains("frames x 2"), "{fault}");
    }
}
