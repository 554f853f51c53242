//! A film as a folder of numbered PNGs (`frame_00000.png`, ...), with `sound.wav` where there is sound.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use clips::{Fault, FaultKind, Result, Waveform};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use super::{Format, Part, Writer, wav};

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    part: Part,
    format: Format,
    frames: usize,
}

impl Folder {
    pub(super) fn create(path: &Path, format: Format, sound: Option<&Waveform>) -> Result<Self> {
        refuse_foreign(path)?;
        let part = Part::beside(path);
        std::fs::create_dir_all(&part.0).map_err(|error| Fault::write(path, &error))?;
        if let Some(sound) = sound {
            wav::write(part.0.join("sound.wav"), sound)?;
        }
        Ok(Self { path: path.to_owned(), part, format, frames: 0 })
    }
}

impl Writer for Folder {
    fn frame(&mut self, rgba: &[u8]) -> Result<()> {
        let name = format!("frame_{:05}.png", self.frames);
        encode(&self.part.0.join(name), self.format.width, self.format.height, rgba)?;
        self.frames += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        refuse_foreign(&self.path)?;
        if self.path.is_dir() {
            std::fs::remove_dir_all(&self.path).map_err(|error| Fault::write(&self.path, &error))?;
        }
        self.part.take_place_of(&self.path)
    }
}

/// Only a folder that holds nothing but an earlier film of ours may be replaced.
fn refuse_foreign(path: &Path) -> Result<()> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Fault::write(path, &error)),
    };
    for entry in entries {
        let name = entry.map_err(|error| Fault::io(path, &error))?.file_name();
        let name = name.to_string_lossy();
        let ours = name == "sound.wav" || (name.starts_with("frame_") && name.ends_with(".png"));
        if !ours {
            return Err(Fault::new(
                FaultKind::BadRequest,
                path,
                format!("the folder holds other things ({name})"),
            )
            .remedy("choose a new or an empty folder"));
        }
    }
    Ok(())
}

/// Encodes one PNG.
pub(super) fn encode(path: &Path, width: u32, height: u32, rgba: &[u8]) -> Result<()> {
    let file = File::create(path).map_err(|error| Fault::write(path, &error))?;
    PngEncoder::new_with_quality(BufWriter::new(file), CompressionType::Fast, FilterType::Adaptive)
        .write_image(rgba, width, height, ExtendedColorType::Rgba8)
        .map_err(|error| match error {
            image::ImageError::IoError(error) => Fault::write(path, &error),
            other => Fault::new(FaultKind::NotWritable, path, other.to_string()),
        })
}
