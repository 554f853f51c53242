//! Generated reactions of a whole split in a file without a name: ten samples of a test split are more than a gigabyte.
//! The file vanishes with the value, also when the program is killed.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use clips::channels::ATTRIBUTE_COUNT;
use clips::{Attributes, Fault, FaultKind, Result, Take};
use measures::Reactions;

const NAME: &str = "reactions of the split";

/// The file while it is written.
pub struct Writer {
    file: BufWriter<File>,
    clips: usize,
    shape: Option<(usize, usize)>,
}

impl Writer {
    /// An empty file, in `folder` where one is given (the folder for temporary files may lie in memory).
    pub fn create(folder: Option<&Path>) -> Result<Self> {
        let made = match folder {
            Some(folder) => tempfile::tempfile_in(folder),
            None => tempfile::tempfile(),
        };
        let place = folder.map_or_else(std::env::temp_dir, Path::to_owned);
        let file = made.map_err(|error| Fault::write(&place, &error))?;
        Ok(Self { file: BufWriter::new(file), clips: 0, shape: None })
    }

    /// Adds the takes of the next clip.
    pub fn push(&mut self, clip: &str, takes: &[Take]) -> Result<()> {
        let frames = takes.first().map_or(0, Take::frames);
        let shape = (takes.len(), frames);
        let fits =
            *self.shape.get_or_insert(shape) == shape && takes.iter().all(|take| take.frames() == frames);
        if !fits || takes.is_empty() || frames == 0 {
            return Err(Fault::new(
                FaultKind::WrongShape,
                clip,
                format!("{} reactions of {frames} frames, unlike those of the first clip", takes.len()),
            )
            .remedy("every clip needs as many reactions, equally long"));
        }
        for value in takes.iter().flat_map(|take| take.attributes.iter().flatten()) {
            self.file
                .write_all(&value.to_le_bytes())
                .map_err(|error| Fault::write(Path::new(NAME), &error))?;
        }
        self.clips += 1;
        Ok(())
    }

    /// The file, to be read.
    pub fn finish(self) -> Result<Spill> {
        let file = self.file.into_inner().map_err(|error| Fault::write(Path::new(NAME), error.error()))?;
        let (samples, frames) = self.shape.unwrap_or((0, 0));
        Ok(Spill { file: Mutex::new(file), clips: self.clips, samples, frames })
    }
}

/// The finished file.
pub struct Spill {
    file: Mutex<File>,
    clips: usize,
    samples: usize,
    frames: usize,
}

impl Reactions for Spill {
    fn clips(&self) -> usize {
        self.clips
    }

    fn of_clip(&self, clip: usize) -> Result<Cow<'_, [Attributes]>> {
        let mut bytes = vec![0u8; self.samples * self.frames * ATTRIBUTE_COUNT * size_of::<f32>()];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(clip as u64 * bytes.len() as u64))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|error| Fault::io(Path::new(NAME), &error))?;
        drop(file);
        let values: Vec<f32> =
            bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let samples = values.chunks(self.frames * ATTRIBUTE_COUNT);
        Ok(Cow::Owned(samples.map(|values| values.as_chunks::<ATTRIBUTE_COUNT>().0.to_vec()).collect()))
    }
}
