//! Films of the faces: MP4 (through the `ffmpeg` program), GIF, or a folder of PNGs, one frame after the other.
//!
//! A film is written under a hidden name beside the final one and renamed when it is finished, so there is never
//! half a film under the final name; a film that is dropped unfinished leaves nothing. GIFs and folders cannot
//! carry sound: theirs is written as a `.wav` beside (or in) them. What it is not: an encoder; H.264 and AAC are
//! ffmpeg's work.

mod folder;
mod gif;
mod mp4;
mod palette;
mod wav;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clips::{Fault, FaultKind, Result, Waveform};

pub use mp4::{ffmpeg, ffmpeg_version};
pub(crate) use mp4::{last_words, url};
pub use wav::write as write_wav;

/// A film in the making.
#[derive(Debug)]
pub struct Film {
    path: PathBuf,
    width: u32,
    height: u32,
    frames: u64,
    /// For what cannot carry it.
    sound: Option<Waveform>,
    writer: Box<dyn Writer>,
}

/// One kind of film. Dropping it unfinished removes everything it wrote.
trait Writer: std::fmt::Debug + Send {
    fn frame(&mut self, rgba: &[u8]) -> Result<()>;
    /// Completes the film and puts it under its final name.
    fn finish(&mut self) -> Result<()>;
}

/// Size and speed of a film.
#[derive(Debug, Clone, Copy)]
struct Format {
    width: u32,
    height: u32,
    fps: f64,
}

impl Film {
    /// Begins a film of `width` x `height` pixels at `fps` frames a second (12.5 and 25 are meant; up to 100 are
    /// served): an MP4 or a GIF by its extension, a folder of PNGs when there is no extension.
    ///
    /// # Errors
    /// A [`Fault`] with its remedy: an extension we do not write, a size of 0 or too large, ffmpeg missing, a place
    /// that cannot be written, a folder in the way that holds other things.
    pub fn create(
        path: impl AsRef<Path>,
        width: u32,
        height: u32,
        fps: f64,
        sound: Option<&Waveform>,
    ) -> Result<Self> {
        Self::create_with(path.as_ref(), Format { width, height, fps }, sound, Path::new("ffmpeg"))
    }

    fn create_with(path: &Path, format: Format, sound: Option<&Waveform>, ffmpeg: &Path) -> Result<Self> {
        let Format { width, height, fps } = format;
        if width == 0 || height == 0 || width > 16_384 || height > 16_384 {
            return Err(Fault::new(
                FaultKind::BadRequest,
                path,
                format!("a film of {width}x{height} pixels"),
            )
            .remedy("choose a size between 1x1 and 16384x16384"));
        }
        if !(0.1..=100.0).contains(&fps) {
            return Err(Fault::new(FaultKind::BadRequest, path, format!("{fps} frames a second"))
                .remedy("choose 12.5 or 25"));
        }
        if path.file_name().is_none() {
            return Err(Fault::new(FaultKind::BadRequest, path, "a film needs a name")
                .remedy("give a file or folder name"));
        }
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        let sound = sound.filter(|sound| !sound.is_empty() && sound.rate > 0 && sound.channels > 0);
        let (writer, beside): (Box<dyn Writer>, _) = match extension.as_deref() {
            Some("mp4") => (Box::new(mp4::Mp4::create(path, format, sound, ffmpeg)?), None),
            Some("gif") => (Box::new(gif::Gif::create(path, format)?), sound.cloned()),
            None => (Box::new(folder::Folder::create(path, format, sound)?), None),
            Some(other) => {
                return Err(Fault::new(
                    FaultKind::Unsupported,
                    path,
                    format!("films are not written as .{other}"),
                )
                .remedy("use .mp4, .gif, or a name without extension for a folder of PNGs"));
            }
        };
        Ok(Self { path: path.to_owned(), width, height, frames: 0, sound: beside, writer })
    }

    /// Adds a frame: `width * height` pixels as red, green, blue, alpha bytes, top row first. Films are opaque: alpha
    /// counts in PNGs only.
    ///
    /// # Errors
    /// A buffer of the wrong length, or a place that can no longer be written.
    pub fn frame(&mut self, rgba: &[u8]) -> Result<()> {
        check_pixels(&self.path, self.width, self.height, rgba)
            .map_err(|fault| fault.at(format!("frame {}", self.frames)))?;
        self.writer.frame(rgba)?;
        self.frames += 1;
        Ok(())
    }

    /// Completes the film under its final name, replacing a file of that name.
    ///
    /// # Errors
    /// A film without frames, a failing encoder, a full disk. Nothing is left then.
    pub fn finish(mut self) -> Result<()> {
        if self.frames == 0 {
            return Err(Fault::new(FaultKind::BadRequest, &self.path, "a film without a frame")
                .remedy("choose a range with at least one frame"));
        }
        self.writer.finish()?;
        match &self.sound {
            Some(sound) => write_wav(self.path.with_extension("wav"), sound),
            None => Ok(()),
        }
    }
}

/// Writes one picture as a PNG, complete or not at all.
///
/// # Errors
/// A buffer of the wrong length, or a place that cannot be written.
pub fn write_png(path: impl AsRef<Path>, width: u32, height: u32, rgba: &[u8]) -> Result<()> {
    let path = path.as_ref();
    check_pixels(path, width, height, rgba)?;
    let part = Part::beside(path);
    folder::encode(&part.0, width, height, rgba).map_err(|fault| Fault { path: path.to_owned(), ..fault })?;
    part.take_place_of(path)
}

fn check_pixels(path: &Path, width: u32, height: u32, rgba: &[u8]) -> Result<()> {
    let expected = width as usize * height as usize * 4;
    if rgba.len() == expected && expected > 0 {
        return Ok(());
    }
    let detail = format!("a picture of {} bytes where {width}x{height} pixels need {expected}", rgba.len());
    Err(Fault::new(FaultKind::WrongShape, path, detail).remedy("draw the picture at the size of the film"))
}

/// A file or folder under a hidden name, removed when dropped.
#[derive(Debug)]
struct Part(PathBuf);

impl Part {
    /// `.NAME.PID.part` beside `path`, keeping no extension that a program could take for a finished file.
    fn beside(path: &Path) -> Self {
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{}.part", std::process::id()));
        Self(path.with_file_name(name))
    }

    fn take_place_of(&self, path: &Path) -> Result<()> {
        std::fs::rename(&self.0, path).map_err(|error| Fault::write(path, &error))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Nothing is there any more after a successful rename; a failure to tidy up has no one to go to.
        if self.0.is_dir() {
            std::fs::remove_dir_all(&self.0).ok();
        } else {
            std::fs::remove_file(&self.0).ok();
        }
    }
}

#[cfg(test)]
mod tests;
