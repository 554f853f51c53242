//! The video of a person as networks take it: pictures by frame, decoded when they are asked for.
//!
//! Decoding belongs to another crate (`media`), which the networks do not know. It is registered by the program when it
//! starts ([`register`]), and [`Footage::open`] then opens what a corpus or a clip names. Nothing is decoded before a
//! picture is asked for, so footage can be carried along in [`Streams`](crate::Streams) at no cost.

use std::path::Path;
use std::sync::{PoisonError, RwLock};

use crate::corpus::VideoFiles;
use crate::fault::{Fault, FaultKind, Result};
use crate::time::FRAMES_PER_SECOND;

/// One picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// `width * height` pixels as red, green, blue, alpha bytes (sRGB), top row first.
    pub rgba: Vec<u8>,
}

/// Opened footage. Frames are those of the clip, 25 a second, whatever the rate of the file.
pub trait Pictures: Send {
    /// Frames that it covers.
    fn frames(&self) -> usize;

    /// The picture that a frame shows; beyond the end it is the last one.
    ///
    /// # Errors
    /// When no picture can be had.
    fn picture(&mut self, frame: usize) -> Result<Picture>;
}

/// Where the video of a person is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footage {
    /// The file, or the folder of pictures.
    pub files: VideoFiles,
    /// Pictures a second of a folder of pictures; a file says its own.
    pub rate: u32,
}

/// Opens footage.
pub type Opener = fn(&Footage) -> Result<Box<dyn Pictures>>;

static OPENER: RwLock<Option<Opener>> = RwLock::new(None);

/// From now on [`Footage::open`] asks this decoder. The program calls it when it starts.
pub fn register(opener: Opener) {
    *OPENER.write().unwrap_or_else(PoisonError::into_inner) = Some(opener);
}

impl Footage {
    /// Footage at 25 pictures a second.
    pub fn new(files: VideoFiles) -> Self {
        Self { files, rate: FRAMES_PER_SECOND }
    }

    /// The file, or the folder of pictures.
    pub fn path(&self) -> &Path {
        self.files.path()
    }

    /// The footage of a file that somebody brings: an `.mp4` may have pictures beside its sound.
    pub fn of_file(path: &Path) -> Option<Self> {
        let mp4 = path.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("mp4"));
        mp4.then(|| Self::new(VideoFiles::Mp4(path.to_owned())))
    }

    /// Opens it with the registered decoder.
    ///
    /// # Errors
    /// [`FaultKind::Unsupported`] when none is registered; what the decoder says of the file.
    pub fn open(&self) -> Result<Box<dyn Pictures>> {
        let opener = *OPENER.read().unwrap_or_else(PoisonError::into_inner);
        match opener {
            Some(open) => open(self),
            None => Err(Fault::new(
                FaultKind::Unsupported,
                self.path(),
                "this program was started without a decoder of video",
            )
            .remedy("use the program `backchannel`, or register a decoder (media::video::register)")),
        }
    }
}
