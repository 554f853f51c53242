//! A video as a folder of numbered pictures: `1.png` ... `751.png`, as REACT 2024 describes it (also `.jpg`).
//!
//! The number in the name is the place in time: picture `N` is frame `N - 1` (or frame `N`, where there is a picture
//! 0). A picture that is missing is a fault of the folder, and the nearest earlier one is shown in its place.
//! Other files, and the `._` files that some systems leave, are passed over.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clips::{Fault, FaultKind, Result};

use super::boxes::{MOST_PICTURES, MOST_PIXELS};
use super::guard::guarded;
use super::picture::{Kept, Picture};
use super::tape::{Step, Tape};

/// Pictures of a folder, by frame.
pub(super) struct Folder {
    path: PathBuf,
    /// File of each frame; a missing one has none.
    files: Arc<[Option<PathBuf>]>,
}

impl Folder {
    /// Lists the folder; opens no picture.
    ///
    /// # Errors
    /// No such folder, or one without numbered pictures.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let entries = std::fs::read_dir(path).map_err(|error| Fault::io(path, &error))?;
        let mut numbered = Vec::new();
        for entry in entries {
            let file = entry.map_err(|error| Fault::io(path, &error))?.path();
            let Some(number) = number_of(&file) else { continue };
            if number > MOST_PICTURES {
                let detail = format!("picture {number}, where {MOST_PICTURES} is the most");
                return Err(Fault::new(FaultKind::TooLarge, file, detail)
                    .remedy("number the pictures from 1, one for each frame of the clip"));
            }
            numbered.push((number, file));
        }
        // Of `7.jpg` and `7.png` the latter, which loses nothing; of `7.png` and `07.png` the same one every time.
        numbered.sort();
        let Some((last, _)) = numbered.last() else {
            return Err(Fault::new(FaultKind::Empty, path, "the folder holds no numbered picture")
                .remedy("it should hold 1.png, 2.png, ..., one for each frame"));
        };
        let first = usize::from(numbered.first().is_none_or(|(number, _)| *number > 0));
        let mut files = vec![None; last + 1 - first];
        for (number, file) in numbered {
            files[number - first] = Some(file);
        }
        Ok(Self { path: path.to_owned(), files: files.into() })
    }

    pub(super) fn pictures(&self) -> usize {
        self.files.len()
    }

    /// Frames without a picture.
    pub(super) fn missing(&self) -> Vec<usize> {
        let missing = self.files.iter().enumerate().filter(|(_, file)| file.is_none());
        missing.map(|(frame, _)| frame).collect()
    }

    /// Size of the first picture.
    pub(super) fn size(&self) -> Result<[u32; 2]> {
        let first = self.files.iter().flatten().next();
        let first = first.ok_or_else(|| Fault::new(FaultKind::Empty, &self.path, "no picture"))?;
        let size = guarded(|| image::image_dimensions(first)).map_err(|panic| unreadable(first, &panic))?;
        let (width, height) = size.map_err(|error| unreadable(first, &error.to_string()))?;
        check_size(first, width, height)?;
        Ok([width, height])
    }

    fn read(file: &Path) -> Result<Picture> {
        let decode = || -> Result<Picture> {
            let error = |error: image::ImageError| match error {
                image::ImageError::IoError(error) => Fault::io(file, &error),
                other => unreadable(file, &other.to_string()),
            };
            let (width, height) = image::image_dimensions(file).map_err(error)?;
            check_size(file, width, height)?;
            let mut reader = image::ImageReader::open(file).map_err(|error| Fault::io(file, &error))?;
            let mut limits = image::Limits::default();
            limits.max_alloc = Some(MOST_PIXELS * 16);
            reader.limits(limits);
            let rgba = reader.decode().map_err(error)?.into_rgba8();
            Ok(Picture { width: rgba.width(), height: rgba.height(), rgba: rgba.into_raw() })
        };
        guarded(decode).map_err(|panic| unreadable(file, &panic))?
    }
}

impl Tape for Folder {
    fn cost(&self, _: usize) -> usize {
        1
    }

    fn step(&mut self, picture: usize) -> Result<Step> {
        let Some(Some(file)) = self.files.get(picture) else { return Ok(Step::Nothing) };
        Ok(match Self::read(file) {
            Ok(read) => Step::Picture(picture, Kept::Rgba(Arc::new(read))),
            Err(fault) => Step::Lost(picture, fault),
        })
    }
}

fn check_size(file: &Path, width: u32, height: u32) -> Result<()> {
    if width > 0 && height > 0 && u64::from(width) * u64::from(height) <= MOST_PIXELS {
        return Ok(());
    }
    Err(Fault::new(FaultKind::TooLarge, file, format!("a picture of {width}x{height} pixels"))
        .remedy("scale the pictures down"))
}

fn unreadable(file: &Path, what: &str) -> Fault {
    Fault::new(FaultKind::Malformed, file, format!("the picture cannot be read: {what}"))
        .remedy("copy the picture again")
}

/// `17` of `17.png`.
fn number_of(file: &Path) -> Option<usize> {
    let kind = file.extension()?.to_str()?.to_ascii_lowercase();
    if !matches!(kind.as_str(), "png" | "jpg" | "jpeg") {
        return None;
    }
    let stem = file.file_stem()?.to_str()?;
    let digits = !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than a number holds are beyond every bound.
    digits.then(|| stem.parse().unwrap_or(usize::MAX))
}
