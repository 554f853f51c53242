//! Predictions of any other program as a system: an `.npy` of clips x samples x frames x 25 or 58.
//!
//! Such a system makes nothing; it hands out what the file holds, by the number of the clip. Columns are checked for
//! numbers and for range, so that a file of something else is refused instead of drawn. The values stay on the disk:
//! ten samples of a whole test split are more than a gigabyte.

use std::path::Path;
use std::sync::Arc;

use clips::blocks::Blocks;
use clips::channels::{AROUSAL, ATTRIBUTE_COUNT, COEFFICIENT_COUNT, VALENCE};
use clips::pose::is_raw;
use clips::{Control, Fault, FaultKind, Result, Sampling, Take, TakeHeader, Track};
use sha2::{Digest, Sha256};

/// An opened prediction file.
#[derive(Debug, Clone)]
pub struct Imported {
    name: String,
    hash: String,
    clips: usize,
    samples: usize,
    frames: usize,
    width: usize,
    raw: bool,
    blocks: Arc<Blocks>,
}

/// Opens a prediction file and reads it once, clip by clip, to see that it is sound.
///
/// # Errors
/// A fault naming the file and the place: not an `.npy`, another shape, NaN, values no attribute can have; cancelled on
/// request.
pub fn predictions(path: &Path, control: &Control) -> Result<Imported> {
    let blocks = Blocks::open(path)?;
    let &[clips, samples, frames, width] = blocks.shape() else {
        return Err(wrong_shape(path, &blocks));
    };
    if width != ATTRIBUTE_COUNT && width != COEFFICIENT_COUNT {
        return Err(wrong_shape(path, &blocks));
    }
    let mut hash = Sha256::new();
    let mut raw = false;
    for clip in 0..clips {
        control.step("reading predictions", clip as u64, clips as u64, "")?;
        let values = blocks.read(clip)?;
        require_sound(path, clip, &values, frames, width)?;
        if clip == 0 && width == COEFFICIENT_COUNT {
            raw = is_raw(values[..frames * width].as_chunks::<COEFFICIENT_COUNT>().0);
        }
        values.iter().for_each(|value| hash.update(value.to_le_bytes()));
    }
    let hash = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Ok(Imported { name, hash, clips, samples, frames, width, raw, blocks: Arc::new(blocks) })
}

/// Refuses values that no attribute can have, or that are no numbers.
fn require_sound(path: &Path, clip: usize, values: &[f32], frames: usize, width: usize) -> Result<()> {
    let sound = |column: usize, value: f32| {
        let low = if column == VALENCE || column == AROUSAL { -1.0 } else { 0.0 };
        value.is_finite() && (width != ATTRIBUTE_COUNT || (low - 0.5..=1.5).contains(&value))
    };
    let Some(at) = values.iter().enumerate().position(|(at, value)| !sound(at % width, *value)) else {
        return Ok(());
    };
    let (row, column) = (at / width, at % width);
    let place = format!("clip {clip}, sample {}, frame {}, column {column}", row / frames, row % frames);
    let (kind, remedy) = if values[at].is_finite() {
        (
            FaultKind::OutOfRange,
            "attributes are 15 AUs in 0..1, valence and arousal in -1..1, 8 probabilities; check the columns",
        )
    } else {
        (FaultKind::NotFinite, "replace or drop the frames without a value before opening the file")
    };
    Err(Fault::new(kind, path, format!("the value is {}", values[at])).at(place).remedy(remedy))
}

fn wrong_shape(path: &Path, blocks: &Blocks) -> Fault {
    let shape: Vec<String> = blocks.shape().iter().map(usize::to_string).collect();
    Fault::new(FaultKind::WrongShape, path, format!("the shape is {}", shape.join(" x ")))
        .at("header")
        .remedy("it must be clips x samples x frames x 25 (attributes) or 58 (coefficients)")
}

impl Imported {
    /// The file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.blocks.path()
    }

    /// SHA-256 of the values, in hex.
    pub fn checkpoint(&self) -> &str {
        &self.hash
    }

    /// Clips in the file.
    pub fn clips(&self) -> usize {
        self.clips
    }

    /// Samples of every clip.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Frames of every sample.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// The samples of clip number `index` as takes answering the clip called `clip`; empty beyond the file's clips.
    /// A file of coefficients gives takes whose attributes are read off the face (action units; no affect).
    ///
    /// # Errors
    /// When the file cannot be read any more.
    pub fn takes(&self, index: usize, clip: &str) -> Result<Vec<Take>> {
        if index >= self.clips {
            return Ok(Vec::new());
        }
        let values = self.blocks.read(index)?;
        let takes = values.chunks(self.frames * self.width).enumerate().map(|(sample, values)| {
            let (attributes, coefficients) = if self.width == ATTRIBUTE_COUNT {
                (values.as_chunks::<ATTRIBUTE_COUNT>().0.to_vec(), None)
            } else {
                let rows = values.as_chunks::<COEFFICIENT_COUNT>().0.to_vec();
                (rows.iter().map(attributes_of).collect(), Some(rows))
            };
            Take {
                header: TakeHeader {
                    system: self.name.clone(),
                    checkpoint: self.hash.clone(),
                    clip: clip.to_owned(),
                    latent: None,
                    sample,
                    seed: 0,
                    sampling: Sampling::default(),
                    track: Track::Offline,
                    turns: Vec::new(),
                    rm_score: None,
                    rank: None,
                },
                attributes: Arc::new(attributes),
                coefficients: coefficients.map(Arc::new),
            }
        });
        Ok(takes.collect())
    }

    /// Whether the coefficients are raw tracker output; `false` for attributes.
    pub fn is_raw(&self) -> bool {
        self.raw
    }
}

fn attributes_of(row: &[f32; COEFFICIENT_COUNT]) -> [f32; ATTRIBUTE_COUNT] {
    let mut attributes = [0.0; ATTRIBUTE_COUNT];
    let levels = clips::arkit::to_action_units(&clips::pose::shown_blendshapes(row));
    attributes[..levels.len()].copy_from_slice(&levels);
    attributes
}
