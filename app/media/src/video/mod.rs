//! The video of a person, frame by frame: picture N belongs to frame N of the clip, whatever order it was coded in.
//!
//! Start reading at [`Video`] (open, ask for a frame) and [`Reel`] (the same on a thread of its own, for a window).
//! A video is a folder of numbered pictures or an MP4 file. H.264 is decoded in here, by a decoder in Rust; other
//! codecs go through the `ffmpeg` program where it is installed, and are refused with the remedy where it is not.
//!
//! **Which picture a frame shows.** Frames are the clip's, 25 a second. Where the file has another rate, frame `n`
//! shows the picture that is on screen a quarter of a frame after the frame begins, at (n + 1/4) / 25 s: times that
//! are rounded in the file never show a neighbour. At 25 pictures a second that is picture `n`. Time zero is the first
//! picture. A frame past the end shows the last picture: REACT has 751 pictures to 750 labels, and some have less.
//!
//! Not here: sound (`speech`), drawing, rotation flags of phones, interlacing (both fields are shown).

mod boxes;
mod folder;
mod guard;
#[cfg(feature = "h264")]
mod h264;
pub mod measure;
mod picture;
mod pipe;
mod reel;
mod store;
mod tape;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clips::corpus::VideoFiles;
use clips::time::FRAMES_PER_SECOND;
use clips::{Fault, FaultKind, Result};

use boxes::{MOST_PICTURES, Track};
use store::{MOST_BYTES, Store};
use tape::{Step, Tape};

pub use picture::Picture;
pub use reel::{Reel, ReelInfo};

/// What to do with a video that is not decoded.
const CONVERT: &str = "install ffmpeg, or convert it: ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4";
/// How often in a row a step may bring nothing before the video is given up: more than a decoder ever holds back.
const PATIENCE: usize = 64;

/// Where a video is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum VideoSource {
    /// A folder of numbered pictures, `1.png`, `2.png`, ... (or `.jpg`), one for each frame.
    Frames(PathBuf),
    /// The same, with another number of pictures a second (at least 1).
    FramesAt(PathBuf, u32),
    /// An MP4 file.
    Mp4(PathBuf),
}

impl VideoSource {
    /// The file or folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::Frames(path) | Self::FramesAt(path, _) | Self::Mp4(path) => path,
        }
    }
}

/// An opened video. Blocks while it decodes: a window uses [`Reel`].
pub struct Video {
    source: VideoSource,
    codec: String,
    size: [u32; 2],
    rate: f64,
    timeline: Timeline,
    /// The first follows what is wanted, the second fills the far shelf.
    tapes: Vec<Box<dyn Tape>>,
    store: Store,
    /// Pictures that cannot be had; the nearest earlier one stands in.
    lost: Vec<bool>,
    faults: Vec<Fault>,
    /// Coded pictures, shown or not.
    coded: usize,
    /// Steps in a row that brought nothing.
    fruitless: usize,
}

/// Which picture each frame shows.
enum Timeline {
    /// Pictures at one rate; at 25 a second picture N is frame N.
    Even {
        pictures: usize,
        rate: u32,
    },
    Timed {
        track: Arc<Track>,
        frames: usize,
    },
}

impl Timeline {
    fn frames(&self) -> usize {
        match self {
            Self::Even { pictures, rate } => {
                let (pictures, rate) = (*pictures as u64, u64::from(*rate));
                ((pictures * u64::from(FRAMES_PER_SECOND) + rate / 2) / rate).max(1) as usize
            }
            Self::Timed { frames, .. } => *frames,
        }
    }

    fn picture(&self, frame: usize) -> usize {
        match self {
            Self::Even { pictures, rate } => {
                let quarters = (4 * frame as u128 + 1) * u128::from(*rate);
                let picture = quarters / (4 * u128::from(FRAMES_PER_SECOND));
                picture.min(pictures.saturating_sub(1) as u128) as usize
            }
            Self::Timed { track, .. } => {
                // begins / timescale <= (frame + 1/4) / 25, without rounding.
                let quarters = 4 * frame as i128 + 1;
                let looked_at = quarters * i128::from(track.timescale);
                let unit = 4 * i128::from(FRAMES_PER_SECOND);
                track.begins.partition_point(|begin| i128::from(*begin) * unit <= looked_at).saturating_sub(1)
            }
        }
    }
}

impl Video {
    /// Opens a video and decodes its first picture.
    ///
    /// # Errors
    /// Nothing there, nothing in it, damaged, larger than what is accepted, or a codec that is not decoded here with no
    /// ffmpeg on the `PATH`.
    pub fn open(source: &VideoSource) -> Result<Self> {
        Self::open_with(source, crate::film::ffmpeg().as_deref())
    }

    /// Opens a video, with `ffmpeg` for what is not decoded in here; without, such a video is refused.
    ///
    /// # Errors
    /// As [`Video::open`].
    pub fn open_with(source: &VideoSource, ffmpeg: Option<&Path>) -> Result<Self> {
        match source {
            VideoSource::Frames(path) => Self::folder(source, path, FRAMES_PER_SECOND),
            VideoSource::FramesAt(path, rate) => Self::folder(source, path, (*rate).max(1)),
            VideoSource::Mp4(path) => Self::mp4(source, path, ffmpeg),
        }
    }

    fn folder(source: &VideoSource, path: &Path, rate: u32) -> Result<Self> {
        let folder = folder::Folder::open(path)?;
        let (pictures, size, missing) = (folder.pictures(), folder.size()?, folder.missing());
        let mut video = Self {
            source: source.clone(),
            codec: "pictures".to_owned(),
            size,
            rate: f64::from(rate),
            timeline: Timeline::Even { pictures, rate },
            tapes: vec![Box::new(folder)],
            store: Store::new(pictures, size, true, MOST_BYTES),
            lost: vec![false; pictures],
            faults: Vec::new(),
            coded: pictures,
            fruitless: 0,
        };
        for picture in &missing {
            video.lost[*picture] = true;
        }
        if let Some(first) = missing.first() {
            let detail =
                format!("{} of {pictures} pictures are missing, the first for frame {first}", missing.len());
            let fault = Fault::new(FaultKind::MissingModality, path, detail);
            video.faults.push(fault.remedy("the nearest earlier picture is shown; extract them again"));
        }
        video.frame(0)?;
        Ok(video)
    }

    fn mp4(source: &VideoSource, path: &Path, ffmpeg: Option<&Path>) -> Result<Self> {
        let track = Arc::new(boxes::read(path)?);
        let (pictures, timescale) = (track.shown.len(), f64::from(track.timescale));
        let seconds = track.end as f64 / timescale;
        let frames =
            (seconds * f64::from(FRAMES_PER_SECOND)).round().clamp(1.0, MOST_PICTURES as f64) as usize;
        let mut video = Self {
            source: source.clone(),
            codec: codec_name(track.codec),
            size: track.size,
            rate: if seconds > 0.0 { pictures as f64 / seconds } else { f64::from(FRAMES_PER_SECOND) },
            timeline: Timeline::Timed { track: Arc::clone(&track), frames },
            tapes: Vec::new(),
            store: Store::new(pictures, track.size, false, MOST_BYTES),
            lost: vec![false; pictures],
            faults: Vec::new(),
            coded: track.samples.len(),
            fruitless: 0,
        };
        if track.cut_off > 0 {
            let detail = format!("the file ends {} pictures early", track.cut_off);
            let fault = Fault::new(FaultKind::Truncated, path, detail);
            video.faults.push(fault.remedy("the last picture stays; copy the file again"));
        }
        let refused = match video.decode_here(path, &track) {
            Ok(()) => return Ok(video),
            Err(fault) if fault.kind == FaultKind::Unsupported => fault,
            Err(fault) => return Err(fault),
        };
        let Some(ffmpeg) = ffmpeg else { return Err(refused) };
        let pipe = || Box::new(pipe::Pipe::new(ffmpeg, path, track.size, pictures)) as Box<dyn Tape>;
        video.tapes = vec![pipe(), pipe()];
        video.codec += " (ffmpeg)";
        video.faults.retain(|fault| fault.kind == FaultKind::Truncated);
        video.lost.fill(false);
        video.store = Store::new(pictures, track.size, false, MOST_BYTES);
        video.frame(0)?;
        Ok(video)
    }

    /// Sets up the decoder in here and tries it on the first picture.
    fn decode_here(&mut self, path: &Path, track: &Arc<Track>) -> Result<()> {
        let refused =
            |detail: String| Err(Fault::new(FaultKind::Unsupported, path, detail).at("stsd").remedy(CONVERT));
        if !matches!(&track.codec, b"avc1" | b"avc3") || track.config.is_none() {
            return refused(format!("the video is {}, which is not decoded here", codec_name(track.codec)));
        }
        #[cfg(feature = "h264")]
        {
            for _ in 0..2 {
                self.tapes.push(Box::new(h264::H264::open(path, Arc::clone(track))?));
            }
            self.frame(0).map(|_| ())
        }
        #[cfg(not(feature = "h264"))]
        refused("this program was built without its H.264 decoder".to_owned())
    }

    /// Keeps decoded pictures in that many bytes instead of 120 MB, and forgets those it has.
    #[must_use]
    pub fn with_memory(mut self, bytes: usize) -> Self {
        let quick = matches!(self.timeline, Timeline::Even { .. });
        self.store = Store::new(self.lost.len(), self.size, quick, bytes);
        self
    }

    /// Where it came from.
    pub fn source(&self) -> &VideoSource {
        &self.source
    }

    /// The codec, for people: `H.264`, `H.265 (ffmpeg)`, `pictures`.
    pub fn codec(&self) -> &str {
        &self.codec
    }

    /// Frames of 25 a second that it covers.
    pub fn frames(&self) -> usize {
        self.timeline.frames()
    }

    /// Pixels across and down of the first picture.
    pub fn size(&self) -> [u32; 2] {
        self.size
    }

    /// Pictures a second, on average.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// What is wrong with it so far: pictures that are missing or damaged, a file cut short.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The picture of a frame, whole; decodes it when it is not at hand.
    ///
    /// # Errors
    /// The file went away, or there is no picture at all that could stand in.
    pub fn frame(&mut self, frame: usize) -> Result<Arc<Picture>> {
        loop {
            let picture = self.picture(frame)?;
            if let Some(kept) = self.store.whole(picture) {
                return Ok(kept.picture());
            }
            self.approach(frame)?;
        }
    }

    /// The picture of a frame without any decoding, and whether it is the whole one (`true`) or a smaller one.
    pub fn at_hand(&self, frame: usize) -> Option<(Arc<Picture>, bool)> {
        let picture = self.picture(frame).ok()?;
        let whole = self.store.whole(picture).map(|kept| (kept.picture(), true));
        whole.or_else(|| self.store.small(picture).map(|kept| (kept.picture(), false)))
    }

    /// A small piece of work towards a frame: at most one picture is decoded.
    ///
    /// # Errors
    /// As [`Video::frame`].
    pub fn approach(&mut self, frame: usize) -> Result<()> {
        let picture = self.picture(frame)?;
        let costs = self.tapes.iter().map(|tape| tape.cost(picture));
        let cheapest = costs.enumerate().min_by_key(|(_, cost)| *cost).map_or(0, |(tape, _)| tape);
        self.step(cheapest, picture, picture)
    }

    /// A small piece of work that will be wanted soon: the frames after this one, then all others. `false` when
    /// nothing is left to do.
    ///
    /// # Errors
    /// As [`Video::frame`].
    pub fn ahead(&mut self, frame: usize) -> Result<bool> {
        let wanted = self.picture(frame)?;
        if !self.store.holds_all_whole() {
            let last = (wanted + self.store.room_ahead(self.size)).min(self.lost.len().saturating_sub(1));
            let next = (wanted..=last).find(|at| !self.lost[*at] && self.store.whole(*at).is_none());
            if let Some(next) = next {
                self.step(0, next, wanted)?;
                return Ok(true);
            }
        }
        let Some(next) = self.store.lacking(wanted) else { return Ok(false) };
        let tape = self.tapes.len().saturating_sub(1);
        self.step(tape, next, wanted)?;
        Ok(true)
    }

    fn step(&mut self, tape: usize, picture: usize, wanted: usize) -> Result<()> {
        let step = match self.tapes.get_mut(tape) {
            Some(tape) => tape.step(picture)?,
            None => Step::Nothing,
        };
        self.fruitless += 1;
        match step {
            // Pictures that are not shown are decoded too; there are no more of them than coded ones.
            Step::Nothing if self.fruitless > PATIENCE + self.coded => return Err(self.hopeless()),
            Step::Nothing => {}
            Step::Picture(number, kept) => {
                self.fruitless = 0;
                if let Some(lost) = self.lost.get_mut(number) {
                    *lost = false;
                }
                self.store.keep(number, kept, wanted);
            }
            Step::Lost(number, fault) => {
                self.fruitless = 0;
                self.store.settle(number);
                let known = self.lost.get_mut(number).is_none_or(|lost| std::mem::replace(lost, true));
                // One damaged stretch breaks many pictures; the first few say what there is to know.
                if !known && self.faults.len() < 8 {
                    self.faults.push(fault);
                }
            }
        }
        Ok(())
    }

    /// The picture that a frame shows, past those that are lost.
    fn picture(&self, frame: usize) -> Result<usize> {
        let picture = self.timeline.picture(frame).min(self.lost.len().saturating_sub(1));
        let whole = |at: &usize| !self.lost[*at];
        let earlier = (0..=picture).rev().find(|at| self.lost.get(*at).is_some_and(|lost| !lost));
        earlier.or_else(|| (picture..self.lost.len()).find(whole)).ok_or_else(|| self.hopeless())
    }

    fn hopeless(&self) -> Fault {
        // The first thing that went wrong is the reason.
        self.faults.first().cloned().unwrap_or_else(|| {
            Fault::new(FaultKind::Malformed, self.source.path(), "no picture could be decoded")
                .remedy(CONVERT)
        })
    }
}

impl clips::footage::Pictures for Video {
    fn frames(&self) -> usize {
        Self::frames(self)
    }

    fn picture(&mut self, frame: usize) -> Result<clips::footage::Picture> {
        let picture = self.frame(frame)?;
        Ok(clips::footage::Picture {
            width: picture.width as usize,
            height: picture.height as usize,
            rgba: picture.rgba.clone(),
        })
    }
}

/// Memory for decoded pictures of a video that is read in order.
const IN_ORDER: usize = 8 << 20;

/// Makes [`clips::Footage::open`] decode with this crate. The program calls it when it starts.
pub fn register() {
    clips::footage::register(|footage| {
        let video = Video::open(&VideoSource::from(footage))?;
        Ok(Box::new(video.with_memory(IN_ORDER)))
    });
}

impl From<&clips::Footage> for VideoSource {
    fn from(footage: &clips::Footage) -> Self {
        match &footage.files {
            VideoFiles::Mp4(path) => Self::Mp4(path.clone()),
            VideoFiles::Frames(path) if footage.rate == FRAMES_PER_SECOND => Self::Frames(path.clone()),
            VideoFiles::Frames(path) => Self::FramesAt(path.clone(), footage.rate),
        }
    }
}

impl std::fmt::Debug for Video {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Video")
            .field("source", &self.source)
            .field("codec", &self.codec)
            .finish_non_exhaustive()
    }
}

/// A codec by the name that people know.
fn codec_name(letters: [u8; 4]) -> String {
    match &letters {
        b"avc1" | b"avc3" => "H.264".to_owned(),
        b"hvc1" | b"hev1" => "H.265".to_owned(),
        b"vp08" => "VP8".to_owned(),
        b"vp09" => "VP9".to_owned(),
        b"av01" => "AV1".to_owned(),
        b"mp4v" => "MPEG-4 Part 2".to_owned(),
        b"jpeg" | b"mjpa" | b"mjpb" => "Motion JPEG".to_owned(),
        other => format!("of the kind \"{}\"", other.escape_ascii()),
    }
}
