//! Measured features of many people in a file without a name: training reads the frames that it needs, so memory
//! does not grow with the corpus. What is read often stays in the system's file cache, which gives way when memory is
//! needed elsewhere. The file vanishes with the store, also when the program is killed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use clips::{Fault, Result};
use listener::latent_intent::features::Measured;

/// Where the features of one person lie.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kept {
    /// Frames of the clip.
    pub frames: usize,
    /// First byte and columns of each group that was measured.
    groups: [Option<(u64, usize)>; 6],
}

/// The file.
#[derive(Debug)]
pub struct Store {
    file: Mutex<File>,
    end: u64,
}

const NAME: &str = "features of the corpus";

impl Store {
    /// An empty store, in `folder` where one is given (a folder for temporary files may lie in memory).
    ///
    /// # Errors
    /// When no file can be made there.
    pub fn create(folder: Option<&Path>) -> Result<Self> {
        let made = match folder {
            Some(folder) => tempfile::tempfile_in(folder),
            None => tempfile::tempfile(),
        };
        let place = folder.map_or_else(std::env::temp_dir, Path::to_owned);
        let file = made.map_err(|error| Fault::write(&place, &error))?;
        Ok(Self { file: Mutex::new(file), end: 0 })
    }

    /// Writes the features of a person.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn put(&mut self, measured: &Measured) -> Result<Kept> {
        let mut kept = Kept { frames: measured.frames, groups: [None; 6] };
        let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (place, rows) in kept.groups.iter_mut().zip(&measured.groups) {
            let Some(rows) = rows else { continue };
            let bytes: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
            file.seek(SeekFrom::Start(self.end))
                .and_then(|_| file.write_all(&bytes))
                .map_err(|error| Fault::write(Path::new(NAME), &error))?;
            *place = Some((self.end, rows.len() / measured.frames.max(1)));
            self.end += bytes.len() as u64;
        }
        Ok(kept)
    }

    /// Frames `first..first + frames` of a person, as many of them as there are.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn part(&self, kept: &Kept, first: usize, frames: usize) -> Result<Measured> {
        let first = first.min(kept.frames);
        let frames = frames.min(kept.frames - first);
        let mut measured = Measured { frames, ..Measured::default() };
        for (rows, place) in measured.groups.iter_mut().zip(&kept.groups) {
            let Some((start, columns)) = place else { continue };
            let mut bytes = vec![0; frames * columns * size_of::<f32>()];
            let at = start + (first * columns * size_of::<f32>()) as u64;
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(at))
                .and_then(|_| file.read_exact(&mut bytes))
                .map_err(|error| Fault::io(Path::new(NAME), &error))?;
            drop(file);
            let (words, _) = bytes.as_chunks::<4>();
            *rows = Some(words.iter().map(|word| f32::from_le_bytes(*word)).collect());
        }
        Ok(measured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_what_was_put() {
        let measured = |frames: usize, seed: f32| Measured {
            frames,
            groups: std::array::from_fn(|group| {
                let values = (0..frames * (group + 1)).map(|at| seed + at as f32 * 0.5);
                (group != 4).then(|| values.collect())
            }),
        };
        let mut store = Store::create(None).unwrap();
        let (one, two) = (measured(7, 0.0), measured(5, f32::NAN));
        let (kept, also) = (store.put(&one).unwrap(), store.put(&two).unwrap());
        let whole = store.part(&kept, 0, 99).unwrap();
        assert_eq!((whole.frames, &whole.groups), (7, &one.groups));
        assert!(store.part(&also, 0, 5).unwrap().groups[0].as_ref().unwrap()[0].is_nan());
        let part = store.part(&kept, 2, 3).unwrap();
        for (part, whole) in part.groups.iter().zip(&one.groups) {
            let columns = whole.as_ref().map_or(0, |rows| rows.len() / 7);
            assert_eq!(part.as_deref(), whole.as_ref().map(|rows| &rows[2 * columns..5 * columns]));
        }
        assert_eq!(store.part(&kept, 9, 3).unwrap().frames, 0);
    }
}
