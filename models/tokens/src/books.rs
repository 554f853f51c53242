//! The four code books together: fitting, tokenising and detokenising.

use clips::channels::{AROUSAL, AU, COEFFICIENT_COUNT, EXPRESSIONS, ROTATION, TRANSLATION, VALENCE};
use clips::{Attributes, Coefficients, Control, Fault, FaultKind, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::au::{self, AuBook};
use crate::fsq;
use crate::kmeans::{self, Centers};
use crate::va::{self, VaBook};
use crate::{Frame, Stream};

/// Number of expression probabilities.
pub(crate) const EX_COUNT: usize = EXPRESSIONS.end - EXPRESSIONS.start;
/// Columns of a group of coefficients and the weight of the group in the distance. One scale per group: scaling
/// every column by itself would give noise columns the same say as the jaw.
const GROUPS: [(std::ops::Range<usize>, f64); 3] =
    [(0..ROTATION.start, 1.0), (ROTATION, 0.7), (TRANSLATION, 0.35)];

/// Sizes and seed of a fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FitConfig {
    /// Centres of the coefficients (fewer when there are fewer different frames).
    pub m3d: usize,
    /// Cells of each axis of the coefficients' finite scalar quantiser ([`fsq`]), whose codes take the place of the
    /// centres; none for k-means.
    pub m3d_levels: Vec<usize>,
    /// Centres of the expression probabilities.
    pub ex: usize,
    /// Most combinations of action units.
    pub au_cap: usize,
    /// Seed of all draws.
    pub seed: u64,
}

impl Default for FitConfig {
    /// The sizes of the base preset.
    fn default() -> Self {
        Self { m3d: 2048, m3d_levels: Vec::new(), ex: 1024, au_cap: 8192, seed: 0 }
    }
}

impl FitConfig {
    /// The sizes of the tiny preset.
    pub fn tiny() -> Self {
        Self { m3d: 64, ex: 32, ..Self::default() }
    }
}

/// One listener in one clip, as the fit reads it; both slices have one row a frame.
#[derive(Debug, Clone, Copy)]
pub struct Reaction<'a> {
    /// Name for messages ("train/NoXI/001/Novice_video/3").
    pub clip: &'a str,
    /// T x 25.
    pub attributes: &'a [[f32; 25]],
    /// T x 58, the mean face taken away.
    pub coefficients: &'a [[f32; 58]],
}

impl Reaction<'_> {
    /// Equal lengths and nothing but numbers; names clip and frame otherwise.
    pub(crate) fn require_sound(&self) -> Result<()> {
        if self.attributes.len() != self.coefficients.len() {
            return Err(Fault::new(
                FaultKind::Mismatch,
                self.clip,
                format!(
                    "{} frames of attributes and {} of coefficients",
                    self.attributes.len(),
                    self.coefficients.len()
                ),
            )
            .remedy("cut both streams to their common length"));
        }
        let broken = |frame: usize, what: &str, column: usize| {
            Err(Fault::new(FaultKind::NotFinite, self.clip, format!("the {what} are not all numbers"))
                .at(format!("frame {frame}, column {column}"))
                .remedy("drop the clip or fill the frames that have no value"))
        };
        for (frame, (attributes, coefficients)) in self.attributes.iter().zip(self.coefficients).enumerate() {
            if let Some(column) = attributes.iter().position(|x| !x.is_finite()) {
                return broken(frame, "attributes", column);
            }
            if let Some(column) = coefficients.iter().position(|x| !x.is_finite()) {
                return broken(frame, "coefficients", column);
            }
        }
        Ok(())
    }
}

/// Coefficients: centres in the scaled space, and the way there and back.
#[derive(Debug, Clone)]
pub struct M3dBook {
    pub(crate) centers: Centers<COEFFICIENT_COUNT>,
    pub(crate) mean: [f32; COEFFICIENT_COUNT],
    pub(crate) scale: [f32; COEFFICIENT_COUNT],
    values: Vec<[f32; COEFFICIENT_COUNT]>,
}

impl M3dBook {
    pub(crate) fn new(
        centers: Vec<[f32; COEFFICIENT_COUNT]>,
        mean: [f32; COEFFICIENT_COUNT],
        scale: [f32; COEFFICIENT_COUNT],
    ) -> Self {
        let values = centers
            .iter()
            .map(|row| std::array::from_fn(|column| row[column] / scale[column] + mean[column]))
            .collect();
        Self { centers: Centers::new(centers), mean, scale, values }
    }

    pub(crate) fn fit(reactions: &[Reaction], config: &FitConfig, control: &Control) -> Result<Self> {
        let frames: usize = reactions.iter().map(|reaction| reaction.coefficients.len()).sum();
        let rows = || reactions.iter().flat_map(|reaction| reaction.coefficients);
        let mut mean = [0.0f64; COEFFICIENT_COUNT];
        for row in rows() {
            mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += f64::from(*value));
        }
        mean.iter_mut().for_each(|mean| *mean /= frames.max(1) as f64);
        let mut energy = [0.0f64; GROUPS.len()];
        for row in rows() {
            for (energy, (columns, _)) in energy.iter_mut().zip(&GROUPS) {
                *energy += columns
                    .clone()
                    .map(|column| (f64::from(row[column]) - mean[column]).powi(2))
                    .sum::<f64>();
            }
        }
        let mut scale = [1.0f32; COEFFICIENT_COUNT];
        for (energy, (columns, weight)) in energy.iter().zip(&GROUPS) {
            let root_mean_square = (energy / frames.max(1) as f64).sqrt();
            // a group that never moves keeps the scale 1
            if root_mean_square > 1e-8 {
                scale[columns.clone()].fill((weight / root_mean_square) as f32);
            }
        }
        let book = Self::new(vec![[0.0; COEFFICIENT_COUNT]], mean.map(|x| x as f32), scale);
        let scaled: Vec<[f32; COEFFICIENT_COUNT]> = rows().map(|row| book.scaled(row)).collect();
        let purpose = "code book m3d";
        let centers = if config.m3d_levels.is_empty() {
            kmeans::fit(&scaled, config.m3d, config.seed, purpose, control)?.centers
        } else {
            fsq::fit(&scaled, &config.m3d_levels, config.seed, purpose, control)?
        };
        Ok(Self::new(centers, book.mean, book.scale))
    }

    /// A row of coefficients where distances are measured.
    pub fn scaled(&self, row: &[f32; COEFFICIENT_COUNT]) -> [f32; COEFFICIENT_COUNT] {
        std::array::from_fn(|column| (row[column] - self.mean[column]) * self.scale[column])
    }

    /// Every id where distances are measured.
    pub fn scaled_values(&self) -> &[[f32; COEFFICIENT_COUNT]] {
        self.centers.rows()
    }

    /// Coefficients (mean face taken away) of every id.
    pub fn values(&self) -> &[[f32; COEFFICIENT_COUNT]] {
        &self.values
    }

    /// What a difference of one unit in each column counts in the distance.
    pub fn scale(&self) -> &[f32; COEFFICIENT_COUNT] {
        &self.scale
    }
}

/// Expression probabilities: centres on the simplex.
#[derive(Debug, Clone)]
pub struct ExBook {
    pub(crate) centers: Centers<EX_COUNT>,
}

impl ExBook {
    pub(crate) fn fit(reactions: &[Reaction], config: &FitConfig, control: &Control) -> Result<Self> {
        let rows: Vec<[f32; EX_COUNT]> =
            reactions.iter().flat_map(|reaction| reaction.attributes).map(expressions).collect();
        let mut fitted = kmeans::fit(&rows, config.ex, config.seed, "code book ex", control)?;
        fitted.centers.iter_mut().for_each(onto_simplex);
        // Two centres may meet on the simplex when the input was not on it; the more frequent one stays.
        let mut centers: Vec<[f32; EX_COUNT]> = Vec::with_capacity(fitted.centers.len());
        let mut seen = std::collections::HashSet::new();
        for center in fitted.centers {
            if seen.insert(center.map(f32::to_bits)) {
                centers.push(center);
            }
        }
        Ok(Self { centers: Centers::new(centers) })
    }

    /// Probabilities of every id; not negative, sum 1.
    pub fn values(&self) -> &[[f32; EX_COUNT]] {
        self.centers.rows()
    }
}

/// The expression columns of a frame.
pub(crate) fn expressions(row: &[f32; 25]) -> [f32; EX_COUNT] {
    std::array::from_fn(|index| row[EXPRESSIONS.start + index])
}

/// Clamps below at zero and divides by the sum when it is not 1 already; nothing at all becomes uniform.
fn onto_simplex(center: &mut [f32; EX_COUNT]) {
    center.iter_mut().for_each(|x| *x = x.max(0.0) + 0.0); // + 0.0 turns -0 into 0
    let sum: f64 = center.iter().map(|x| f64::from(*x)).sum();
    if sum <= 1e-6 {
        *center = [1.0 / EX_COUNT as f32; EX_COUNT];
    } else if (sum - 1.0).abs() > 1e-6 {
        center.iter_mut().for_each(|x| *x = (f64::from(*x) / sum) as f32);
    }
}

/// The four code books of a model.
#[derive(Debug, Clone)]
pub struct CodeBooks {
    /// Coefficients.
    pub m3d: M3dBook,
    /// Action units.
    pub au: AuBook,
    /// Valence and arousal.
    pub va: VaBook,
    /// Expression probabilities.
    pub ex: ExBook,
}

impl CodeBooks {
    /// Fits all four books on the training listeners. The result depends on the frames, their order and the seed,
    /// not on threads.
    ///
    /// # Errors
    /// A fault naming clip and frame for NaN or streams of different length; bad request without frames; cancelled.
    pub fn fit(reactions: &[Reaction], config: &FitConfig, control: &Control) -> Result<Self> {
        reactions.par_iter().map(Reaction::require_sound).collect::<Result<Vec<()>>>()?;
        if reactions.iter().all(|reaction| reaction.attributes.is_empty()) {
            return Err(Fault::new(FaultKind::BadRequest, "", "no frames to fit the code books on")
                .remedy("give at least one training listener"));
        }
        let rows = || reactions.iter().flat_map(|reaction| reaction.attributes);
        Ok(Self {
            m3d: M3dBook::fit(reactions, config, control)?,
            au: AuBook::fit(rows().map(|row| au::code(&row[AU])), config.au_cap),
            va: VaBook::fit(rows().map(|row| va::cell(row[VALENCE], row[AROUSAL]))),
            ex: ExBook::fit(reactions, config, control)?,
        })
    }

    /// Number of ids of each stream, in the order of [`Stream::ALL`].
    pub fn sizes(&self) -> [usize; 4] {
        Stream::ALL.map(|stream| self.size(stream))
    }

    /// Number of ids of a stream.
    pub fn size(&self, stream: Stream) -> usize {
        match stream {
            Stream::M3d => self.m3d.values().len(),
            Stream::Au => self.au.values().len(),
            Stream::Va => self.va.values().len(),
            Stream::Ex => self.ex.values().len(),
        }
    }

    /// The ids of every frame. `clip` names the clip in faults.
    ///
    /// # Errors
    /// A fault naming clip and frame for NaN, or streams of different length.
    pub fn tokenise(
        &self,
        clip: &str,
        attributes: &[[f32; 25]],
        coefficients: &[[f32; 58]],
    ) -> Result<Vec<Frame>> {
        Reaction { clip, attributes, coefficients }.require_sound()?;
        let mut scores = Vec::new();
        let mut frames = Vec::with_capacity(attributes.len());
        for (attributes, coefficients) in attributes.iter().zip(coefficients) {
            frames.push([
                self.m3d.centers.nearest(&self.m3d.scaled(coefficients), &mut scores).0,
                self.au.id(au::code(&attributes[AU])),
                self.va.id(va::cell(attributes[VALENCE], attributes[AROUSAL])),
                self.ex.centers.nearest(&expressions(attributes), &mut scores).0,
            ]);
        }
        Ok(frames)
    }

    /// Attributes and coefficients (mean face taken away) of a row of frames.
    ///
    /// # Errors
    /// [`FaultKind::OutOfRange`] naming the frame when an id is not in its book.
    pub fn detokenise(&self, frames: &[Frame]) -> Result<(Attributes, Coefficients)> {
        let mut attributes = Attributes::with_capacity(frames.len());
        let mut coefficients = Coefficients::with_capacity(frames.len());
        for (index, frame) in frames.iter().enumerate() {
            let [m3d, au, va, ex] = frame.map(|id| id as usize);
            let (Some(m3d), Some(au), Some(va), Some(ex)) = (
                self.m3d.values().get(m3d),
                self.au.values().get(au),
                self.va.values().get(va),
                self.ex.values().get(ex),
            ) else {
                return Err(Fault::new(
                    FaultKind::OutOfRange,
                    "",
                    format!("ids {frame:?} with code books of {:?}", self.sizes()),
                )
                .at(format!("frame {index}"))
                .remedy("use the code books of the checkpoint that made the ids"));
            };
            let mut row = [0.0; 25];
            row[AU].copy_from_slice(au);
            [row[VALENCE], row[AROUSAL]] = *va;
            row[EXPRESSIONS].copy_from_slice(ex);
            attributes.push(row);
            coefficients.push(*m3d);
        }
        Ok((attributes, coefficients))
    }

    /// The value of an id: 58 coefficients, 15 action units, valence and arousal, or 8 probabilities.
    pub fn value(&self, stream: Stream, id: u32) -> Option<&[f32]> {
        let id = id as usize;
        match stream {
            Stream::M3d => self.m3d.values().get(id).map(|row| row.as_slice()),
            Stream::Au => self.au.values().get(id).map(|row| row.as_slice()),
            Stream::Va => self.va.values().get(id).map(|row| row.as_slice()),
            Stream::Ex => self.ex.values().get(id).map(|row| row.as_slice()),
        }
    }

    /// Probability-weighted mean of the values of `kept` (id, probability; any positive total): less jitter than a
    /// draw, but it averages modes. `None` for action units, which are never averaged, for an unknown id, and
    /// without mass.
    pub fn expected(&self, stream: Stream, kept: &[(u32, f32)]) -> Option<Vec<f32>> {
        if stream == Stream::Au {
            return None;
        }
        let total: f64 = kept.iter().map(|(_, mass)| f64::from(*mass)).sum();
        let mut mean = vec![0.0f64; self.value(stream, 0)?.len()];
        for (id, mass) in kept {
            let weight = f64::from(*mass) / total;
            mean.iter_mut()
                .zip(self.value(stream, *id)?)
                .for_each(|(mean, x)| *mean += weight * f64::from(*x));
        }
        (total > 0.0 && total.is_finite()).then(|| mean.into_iter().map(|x| x as f32).collect())
    }
}
