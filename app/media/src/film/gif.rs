//! A film as an animated GIF that repeats for ever: 255 colours, no sound.
//!
//! Only the rectangle that changed is stored, and unchanged pixels in it are transparent; both make films of faces a
//! fraction of their full size. Times are whole hundredths of a second; where a frame is none, the rounding is
//! carried on, so that the film as a whole keeps its length.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use clips::{Fault, FaultKind, Result};
use gif::{DisposalMethod, Encoder, EncodingError, Frame, Repeat};

use super::palette::{COLOURS, Palette};
use super::{Format, Part, Writer};

const UNCHANGED: u8 = COLOURS as u8;
/// A palette is replaced when its mean squared error passes that of its own first frame by this factor and floor.
const MISFIT_FACTOR: f64 = 1.6;
const MISFIT_FLOOR: f64 = 12.0;

#[derive(Debug)]
pub(super) struct Gif {
    path: PathBuf,
    part: Part,
    format: Format,
    encoder: Output,
    palette: Option<(Palette, f64)>,
    /// What a viewer shows so far: the colours chosen, not those asked for.
    shown: Vec<u8>,
    frames: u64,
}

struct Output(Option<Encoder<BufWriter<File>>>);

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Output")
    }
}

impl Gif {
    pub(super) fn create(path: &Path, format: Format) -> Result<Self> {
        let part = Part::beside(path);
        let file = File::create(&part.0).map_err(|error| Fault::write(path, &error))?;
        let (width, height) = (format.width as u16, format.height as u16);
        let mut encoder =
            Encoder::new(BufWriter::new(file), width, height, &[]).map_err(|error| fault(path, error))?;
        encoder.set_repeat(Repeat::Infinite).map_err(|error| fault(path, error))?;
        let encoder = Output(Some(encoder));
        Ok(Self { path: path.to_owned(), part, format, encoder, palette: None, shown: Vec::new(), frames: 0 })
    }

    /// Hundredths of a second until frame `frame` is shown.
    fn shown_at(&self, frame: u64) -> u64 {
        (frame as f64 * 100.0 / self.format.fps).round() as u64
    }

    /// The palette for this picture: the one at hand while it fits.
    fn fit_palette(&mut self, rgba: &[u8]) -> &mut Palette {
        // A look at some ten thousand pixels is enough to see new colours.
        let stride = (rgba.len() / 4 / 10_000).max(1) | 1;
        let kept = self.palette.take().and_then(|(mut palette, at_first)| {
            let misfit = palette.misfit(rgba, stride);
            (misfit <= at_first * MISFIT_FACTOR + MISFIT_FLOOR).then_some((palette, at_first))
        });
        let fitting = kept.unwrap_or_else(|| {
            let mut palette = Palette::of(rgba);
            let misfit = palette.misfit(rgba, stride);
            (palette, misfit)
        });
        &mut self.palette.insert(fitting).0
    }
}

impl Writer for Gif {
    fn frame(&mut self, rgba: &[u8]) -> Result<()> {
        let width = self.format.width as usize;
        let palette = self.fit_palette(rgba);
        let indices: Vec<u8> = rgba.chunks_exact(4).map(|p| palette.index([p[0], p[1], p[2]])).collect();
        let colours = palette.bytes();
        let colour = |index: u8| &colours[usize::from(index) * 3..][..3];
        let first = self.shown.is_empty();
        let changed: Vec<bool> = if first {
            vec![true; indices.len()]
        } else {
            indices
                .iter()
                .zip(self.shown.chunks_exact(3))
                .map(|(index, shown)| colour(*index) != shown)
                .collect()
        };
        let (left, top, across, down) = bounds(&changed, width);
        let mut pixels = Vec::with_capacity(across * down);
        for row in top..top + down {
            for at in row * width + left..row * width + left + across {
                pixels.push(if changed[at] { indices[at] } else { UNCHANGED });
            }
        }
        self.shown = indices.iter().flat_map(|index| colour(*index)).copied().collect();
        let delay = self.shown_at(self.frames + 1) - self.shown_at(self.frames);
        // The decoder wants a full table for the index of transparency to be legal.
        let mut table = colours;
        table.resize(256 * 3, 0);
        let frame = Frame {
            delay: delay.min(u64::from(u16::MAX)) as u16,
            dispose: DisposalMethod::Keep,
            transparent: Some(UNCHANGED),
            left: left as u16,
            top: top as u16,
            width: across as u16,
            height: down as u16,
            palette: Some(table),
            buffer: pixels.into(),
            ..Frame::default()
        };
        self.frames += 1;
        let Some(encoder) = &mut self.encoder.0 else {
            return Err(Fault::new(FaultKind::Internal, &self.path, "the film is finished already"));
        };
        encoder.write_frame(&frame).map_err(|error| fault(&self.path, error))
    }

    fn finish(&mut self) -> Result<()> {
        if let Some(encoder) = self.encoder.0.take() {
            let buffer = encoder.into_inner().map_err(|error| fault(&self.path, error))?;
            buffer.into_inner().map_err(|error| Fault::write(&self.path, error.error()))?;
        }
        self.part.take_place_of(&self.path)
    }
}

/// The smallest rectangle (left, top, width, height) around what changed; one pixel when nothing did.
fn bounds(changed: &[bool], width: usize) -> (usize, usize, usize, usize) {
    let (mut left, mut right, mut top, mut bottom) = (usize::MAX, 0, usize::MAX, 0);
    for (row, pixels) in changed.chunks_exact(width).enumerate() {
        if let Some(first) = pixels.iter().position(|changed| *changed) {
            let last = pixels.iter().rposition(|changed| *changed).unwrap_or(first);
            (left, right) = (left.min(first), right.max(last));
            (top, bottom) = (top.min(row), row);
        }
    }
    if left == usize::MAX { (0, 0, 1, 1) } else { (left, top, right - left + 1, bottom - top + 1) }
}

fn fault(path: &Path, error: EncodingError) -> Fault {
    match error {
        EncodingError::Io(error) => Fault::write(path, &error),
        other => Fault::new(FaultKind::NotWritable, path, other.to_string()),
    }
}
