//! Predictions of any other program as a system: an `.npy` of clips x samples x frames x 25 or 58.
//!
//! Such a system makes nothing; it hands out what the file holds, by the number of the clip. Columns are checked for
//! numbers and for range, so that a file of something else is refused instead of drawn.

use std::path::Path;
use std::sync::Arc;

use clips::array::{Array, read_npy};
use clips::channels::{ATTRIBUTE_COUNT, COEFFICIENT_COUNT, EXPRESSIONS};
use clips::pose::is_raw;
use clips::{Fault, FaultKind, Result, Sampling, Take, TakeHeader, Track};

use crate::latent_intent::checkpoint::sha256;

/// An opened prediction file.
#[derive(Debug, Clone)]
pub struct Imported {
    name: String,
    hash: String,
    clips: usize,
    samples: usize,
    frames: usize,
    width: usize,
    values: Arc<[f32]>,
}

/// Opens a prediction file.
///
/// # Errors
/// A fault naming the file and the place: not an `.npy`, another shape, NaN, values no attribute can have.
pub fn predictions(path: &Path) -> Result<Imported> {
    let array = read_npy(path)?;
    let [clips, samples, frames, width] = array.shape[..] else {
        return Err(wrong_shape(path, &array));
    };
    if clips * samples * frames == 0 || (width != ATTRIBUTE_COUNT && width != COEFFICIENT_COUNT) {
        return Err(wrong_shape(path, &array));
    }
    array.require_finite(path)?;
    if width == ATTRIBUTE_COUNT {
        let place =
            array.values.as_chunks::<ATTRIBUTE_COUNT>().0.iter().enumerate().find_map(|(row, values)| {
                let column = values.iter().enumerate().position(|(column, value)| {
                    let low = if column == 15 || column == 16 { -1.0 } else { 0.0 };
                    debug_assert_eq!(EXPRESSIONS.end, ATTRIBUTE_COUNT);
                    !(low - 0.5..=1.5).contains(value)
                })?;
                Some((row, column, values[column]))
            });
        if let Some((row, column, value)) = place {
            let (clip, rest) = (row / (samples * frames), row % (samples * frames));
            return Err(Fault::new(FaultKind::OutOfRange, path, format!("the value is {value}"))
                .at(format!("clip {clip}, sample {}, frame {}, column {column}", rest / frames, rest % frames))
                .remedy("attributes are 15 AUs in 0..1, valence and arousal in -1..1, 8 probabilities; check the columns"));
        }
    }
    let bytes: Vec<u8> = array.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok(Imported {
        name: path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
        hash: sha256(&bytes),
        clips,
        samples,
        frames,
        width,
        values: array.values.into(),
    })
}

fn wrong_shape(path: &Path, array: &Array) -> Fault {
    Fault::new(FaultKind::WrongShape, path, format!("the shape is {}", array.shape_text()))
        .at("header")
        .remedy("it must be clips x samples x frames x 25 (attributes) or 58 (coefficients)")
}

impl Imported {
    /// The file's name.
    pub fn name(&self) -> &str {
        &self.name
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
    pub fn takes(&self, index: usize, clip: &str) -> Vec<Take> {
        if index >= self.clips {
            return Vec::new();
        }
        (0..self.samples)
            .map(|sample| {
                let length = self.frames * self.width;
                let values = &self.values[(index * self.samples + sample) * length..][..length];
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
                        rm_score: None,
                        rank: None,
                    },
                    attributes: Arc::new(attributes),
                    coefficients: coefficients.map(Arc::new),
                }
            })
            .collect()
    }

    /// Whether the coefficients are raw tracker output; `false` for attributes.
    pub fn is_raw(&self) -> bool {
        let first = &self.values[..self.frames * self.width];
        self.width == COEFFICIENT_COUNT && is_raw(first.as_chunks::<COEFFICIENT_COUNT>().0)
    }
}

fn attributes_of(row: &[f32; COEFFICIENT_COUNT]) -> [f32; ATTRIBUTE_COUNT] {
    let mut attributes = [0.0; ATTRIBUTE_COUNT];
    let levels = clips::arkit::to_action_units(&clips::pose::shown_blendshapes(row));
    attributes[..levels.len()].copy_from_slice(&levels);
    attributes
}
