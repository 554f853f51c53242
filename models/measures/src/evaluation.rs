//! All six measures over a set of clips, per clip and in the mean, with bootstrap intervals and warnings.
//!
//! Clips are independent (rayon); sums run in clip order, so the numbers do not depend on threads. What cannot be
//! scored is a fault; what can be scored and misleads is a warning in the result. Nothing is cut or dropped silently.

use std::collections::BTreeMap;

use clips::{Attributes, Chance, Control, Fault, FaultKind, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::frcorr::{self, Centred};
use crate::frdist::{self, Prepared, Scratch};
pub use crate::uncertainty::Interval;
pub(crate) use crate::uncertainty::percentile;
use crate::{frdiv, frdvs, frsyn, frvar};

/// Samples a clip has in the published numbers.
const OFFICIAL_SAMPLES: usize = 10;

/// How to evaluate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Bootstrap resamples over clips; 0 for no intervals.
    pub bootstrap: usize,
    /// Seed of the resamples.
    pub seed: u64,
}

/// The measures of one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(non_snake_case, reason = "the official names are the keys of the JSON")]
pub struct ClipScores {
    /// Row of the clip.
    pub clip: usize,
    /// Sum over samples of the best concordance.
    pub FRCorr: f64,
    /// Sum over samples of the smallest distance.
    pub FRDist: f64,
    /// Mean squared difference between the samples.
    pub FRDiv: f64,
    /// Mean variance in time; `None` below two frames.
    pub FRVar: Option<f64>,
    /// Mean squared difference to the reactions of all other clips; `None` when there are none.
    pub FRDvs: Option<f64>,
    /// Absolute offset of the first sample, in frames.
    pub FRSyn: f64,
    /// Mean absolute offset of all samples.
    #[serde(rename = "FRSyn_all_samples")]
    pub FRSyn_all_samples: f64,
    /// Whether constant columns leave the synchrony of the first sample undefined.
    pub synchrony_undefined: bool,
    /// Best concordance of each sample, at most 1, and the neighbour that gave it.
    pub correlation: Vec<(f64, u32)>,
    /// Smallest distance of each sample and the neighbour that gave it.
    pub distance: Vec<(f64, u32)>,
    /// Signed offset of each sample, in frames; positive when the reaction comes later.
    pub offset: Vec<i32>,
}

/// The measures of a set, with the official names as keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(non_snake_case, reason = "the official names are the keys of the JSON")]
pub struct Evaluation {
    /// Appropriateness by concordance, a sum over samples; higher is better.
    pub FRCorr: f64,
    /// Appropriateness by distance, a sum over samples; lower is better.
    pub FRDist: f64,
    /// Diversity among the samples of a clip.
    pub FRDiv: f64,
    /// Movement in time; `None` below two frames.
    pub FRVar: Option<f64>,
    /// Diversity among clips; `None` for one clip.
    pub FRDvs: Option<f64>,
    /// Mean absolute offset to the speaker over first samples, in frames; lower is better.
    pub FRSyn: f64,
    /// The same over all samples.
    #[serde(rename = "FRSyn_all_samples")]
    pub FRSyn_all_samples: f64,
    /// Share of clips whose first sample has an undefined synchrony (each counts as 1 to 49 frames, mostly 49).
    pub constant_share: f64,
    /// FRSyn over the clips where it is defined; `None` when there are none.
    #[serde(rename = "FRSyn_defined")]
    pub FRSyn_defined: Option<f64>,
    /// FRCorr divided by the samples: comparable between sample counts.
    #[serde(rename = "FRCorr_per_sample")]
    pub FRCorr_per_sample: f64,
    /// FRDist divided by the samples.
    #[serde(rename = "FRDist_per_sample")]
    pub FRDist_per_sample: f64,
    /// Clips scored.
    pub clips: usize,
    /// Samples of each clip.
    pub samples: usize,
    /// Frames of each reaction.
    pub frames: usize,
    /// One entry a clip, in the order given.
    pub per_clip: Vec<ClipScores>,
    /// 95 % bootstrap intervals over clips by measure; empty when none were asked for. FRDvs is a mean over pairs; its
    /// interval is of the linear part of that mean.
    pub intervals: BTreeMap<String, Interval>,
    /// What a reader of the numbers must know.
    pub warnings: Vec<String>,
}

impl Evaluation {
    /// Scores `predictions` (clips x samples) against the true listeners (and those of the neighbours: `neighbours[n]`
    /// lists the rows of `listeners` that are appropriate for clip n) and the speakers.
    ///
    /// # Errors
    /// A fault naming the clip when counts or lengths differ, a clip has no sample, a row has no neighbour or one that
    /// does not exist, or a value is not a number; cancelled on request.
    pub fn of(
        predictions: &[Vec<Attributes>],
        listeners: &[Attributes],
        speakers: &[Attributes],
        neighbours: &[Vec<u32>],
        options: &Options,
        control: &Control,
    ) -> Result<Self> {
        let (samples, frames) = require_sound(predictions, listeners, speakers, neighbours)?;
        let mut used = vec![false; listeners.len()];
        neighbours.iter().flatten().for_each(|row| used[*row as usize] = true);
        let prepared: Vec<Option<(Centred, Prepared)>> = listeners
            .par_iter()
            .zip(&used)
            .map(|(rows, used)| used.then(|| (Centred::new(rows), Prepared::new(rows))))
            .collect();
        let done = std::sync::atomic::AtomicU64::new(0);
        let mut per_clip: Vec<ClipScores> = (0..predictions.len())
            .into_par_iter()
            .map(|clip| {
                control.check()?;
                let scores = score(clip, &predictions[clip], &speakers[clip], &neighbours[clip], &prepared);
                let finished = 1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                control.step("scoring clips", finished, predictions.len() as u64, "")?;
                Ok(scores)
            })
            .collect::<Result<_>>()?;
        if let Some(each) = frdvs::per_clip(predictions) {
            per_clip.iter_mut().zip(each).for_each(|(scores, value)| scores.FRDvs = Some(value));
        }
        let mean = |value: &dyn Fn(&ClipScores) -> f64| {
            per_clip.iter().map(value).sum::<f64>() / per_clip.len() as f64
        };
        let mean_or_none = |value: fn(&ClipScores) -> Option<f64>| {
            let sum = per_clip.iter().map(value).sum::<Option<f64>>()?;
            Some(sum / per_clip.len() as f64)
        };
        let defined: Vec<f64> =
            per_clip.iter().filter(|scores| !scores.synchrony_undefined).map(|scores| scores.FRSyn).collect();
        let mut evaluation = Self {
            FRCorr: mean(&|scores| scores.FRCorr),
            FRDist: mean(&|scores| scores.FRDist),
            FRDiv: mean(&|scores| scores.FRDiv),
            FRVar: mean_or_none(|scores| scores.FRVar),
            FRDvs: mean_or_none(|scores| scores.FRDvs),
            FRSyn: mean(&|scores| scores.FRSyn),
            FRSyn_all_samples: mean(&|scores| scores.FRSyn_all_samples),
            constant_share: mean(&|scores| f64::from(u8::from(scores.synchrony_undefined))),
            FRSyn_defined: (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64),
            FRCorr_per_sample: mean(&|scores| scores.FRCorr) / samples as f64,
            FRDist_per_sample: mean(&|scores| scores.FRDist) / samples as f64,
            clips: per_clip.len(),
            samples,
            frames,
            intervals: BTreeMap::new(),
            warnings: Vec::new(),
            per_clip,
        };
        evaluation.warnings = evaluation.cautions(neighbours);
        evaluation.intervals = evaluation.bootstrap(options, control)?;
        Ok(evaluation)
    }

    fn cautions(&self, neighbours: &[Vec<u32>]) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.samples == 1 {
            warnings.push("One sample a clip: FRDiv is 0 by definition".to_owned());
        }
        if self.samples != OFFICIAL_SAMPLES {
            warnings.push(format!(
                "FRCorr and FRDist are sums over samples; published values use {OFFICIAL_SAMPLES} samples, here are {}",
                self.samples
            ));
        }
        if self.frames <= frsyn::MOST_LAG + 1 {
            warnings.push(format!(
                "{} frames are too few for lags up to {}: FRSyn is 49 whatever the reaction",
                self.frames,
                frsyn::MOST_LAG
            ));
        }
        if self.constant_share > 0.0 {
            warnings.push(format!(
                "{:.1} % of the clips have a column that never changes; their FRSyn says only that",
                100.0 * self.constant_share
            ));
        }
        if self.clips == 1 {
            warnings.push("One clip: FRDvs is undefined".to_owned());
        }
        if self.frames < 2 {
            warnings.push("One frame: FRVar is undefined".to_owned());
        }
        let alone = neighbours.iter().filter(|row| row.len() == 1).count();
        if alone > 0 {
            warnings
                .push(format!("{alone} of {} clips have a single appropriate reaction", neighbours.len()));
        }
        warnings
    }

    /// Percentile intervals of the means over resampled clips.
    fn bootstrap(&self, options: &Options, control: &Control) -> Result<BTreeMap<String, Interval>> {
        if options.bootstrap == 0 {
            return Ok(BTreeMap::new());
        }
        type Column = (&'static str, fn(&ClipScores) -> Option<f64>);
        let columns: [Column; 8] = [
            ("FRCorr", |scores| Some(scores.FRCorr)),
            ("FRDist", |scores| Some(scores.FRDist)),
            ("FRDiv", |scores| Some(scores.FRDiv)),
            ("FRVar", |scores| scores.FRVar),
            ("FRDvs", |scores| scores.FRDvs),
            ("FRSyn", |scores| Some(scores.FRSyn)),
            ("FRSyn_all_samples", |scores| Some(scores.FRSyn_all_samples)),
            ("constant_share", |scores| Some(f64::from(u8::from(scores.synchrony_undefined)))),
        ];
        let values: Vec<(&str, Vec<f64>)> = columns
            .iter()
            .filter_map(|(name, value)| {
                Some((*name, self.per_clip.iter().map(value).collect::<Option<Vec<f64>>>()?))
            })
            .collect();
        let count = self.per_clip.len();
        let means: Vec<Vec<f64>> = (0..options.bootstrap)
            .into_par_iter()
            .map(|round| {
                control.check()?;
                let mut chance = Chance::new(options.seed, "bootstrap", &[round as u64]);
                let rows: Vec<usize> = (0..count).map(|_| chance.below(count)).collect();
                Ok(values
                    .iter()
                    .map(|(_, values)| rows.iter().map(|row| values[*row]).sum::<f64>() / count as f64)
                    .collect())
            })
            .collect::<Result<_>>()?;
        Ok(values
            .iter()
            .enumerate()
            .map(|(column, (name, values))| {
                let center = values.iter().sum::<f64>() / count as f64;
                // a clip enters a mean over pairs twice: once as either partner
                let gain = if *name == "FRDvs" { 2.0 } else { 1.0 };
                let mut sorted: Vec<f64> =
                    means.iter().map(|means| center + gain * (means[column] - center)).collect();
                sorted.sort_by(f64::total_cmp);
                (
                    (*name).to_owned(),
                    Interval { low: percentile(&sorted, 0.025), high: percentile(&sorted, 0.975) },
                )
            })
            .collect())
    }
}

fn score(
    clip: usize,
    samples: &[Attributes],
    speaker: &Attributes,
    neighbours: &[u32],
    prepared: &[Option<(Centred, Prepared)>],
) -> ClipScores {
    let appropriate: Vec<(u32, &(Centred, Prepared))> =
        neighbours.iter().filter_map(|row| Some((*row, prepared[*row as usize].as_ref()?))).collect();
    let to_warp: Vec<(u32, &Prepared)> = appropriate.iter().map(|(row, (_, ready))| (*row, ready)).collect();
    let mut scratch = Scratch::default();
    let mut correlation = Vec::with_capacity(samples.len());
    let mut distance = Vec::with_capacity(samples.len());
    let mut synchrony = Vec::with_capacity(samples.len());
    for rows in samples {
        let centred = Centred::new(rows);
        correlation.extend(frcorr::best(&centred, appropriate.iter().map(|(row, (ready, _))| (*row, ready))));
        distance.extend(frdist::best(&Prepared::new(rows), &to_warp, &mut scratch));
        synchrony.push(frsyn::of_reaction(rows, speaker));
    }
    let offset: Vec<i32> = synchrony.iter().map(|synchrony| synchrony.offset).collect();
    let absolute = |offset: &i32| f64::from(offset.abs());
    ClipScores {
        clip,
        FRCorr: correlation.iter().map(|(value, _)| value).sum(),
        FRDist: distance.iter().map(|(value, _)| value).sum(),
        FRDiv: frdiv::of_clip(samples).unwrap_or(0.0), // samples and frames were required before
        FRVar: frvar::of_clip(samples),
        FRDvs: None,
        FRSyn: offset.first().map_or(0.0, absolute),
        FRSyn_all_samples: offset.iter().map(absolute).sum::<f64>() / samples.len() as f64,
        synchrony_undefined: synchrony.first().is_some_and(frsyn::Synchrony::undefined),
        correlation,
        distance,
        offset,
    }
}

/// Samples and frames of a set that can be scored.
fn require_sound(
    predictions: &[Vec<Attributes>],
    listeners: &[Attributes],
    speakers: &[Attributes],
    neighbours: &[Vec<u32>],
) -> Result<(usize, usize)> {
    let mismatch = |place: String, detail: String, remedy: &str| {
        Err(Fault::new(FaultKind::Mismatch, "", detail).at(place).remedy(remedy))
    };
    let clips = predictions.len();
    if clips == 0 {
        return Err(Fault::new(FaultKind::BadRequest, "", "there are no predictions")
            .remedy("name at least one clip"));
    }
    for (what, count) in [
        ("listeners", listeners.len()),
        ("speakers", speakers.len()),
        ("rows of neighbours", neighbours.len()),
    ] {
        if count != clips {
            return mismatch(
                what.to_owned(),
                format!("{count} for predictions of {clips} clips"),
                "score a prediction against the split it was made for, in the order of its list",
            );
        }
    }
    let samples = predictions[0].len();
    let frames = predictions[0].first().map_or(0, Vec::len);
    if samples == 0 || frames == 0 {
        return Err(Fault::new(FaultKind::Empty, "", format!("{samples} samples of {frames} frames"))
            .at("predictions, clip 0")
            .remedy("give every clip at least one reaction of at least one frame"));
    }
    for clip in 0..clips {
        if predictions[clip].len() != samples {
            return mismatch(
                format!("predictions, clip {clip}"),
                format!("{} samples, but clip 0 has {samples}", predictions[clip].len()),
                "generate the same number of samples for every clip",
            );
        }
        let series = predictions[clip]
            .iter()
            .enumerate()
            .map(|(sample, rows)| (format!("predictions, clip {clip}, sample {sample}"), rows))
            .chain([
                (format!("listeners, clip {clip}"), &listeners[clip]),
                (format!("speakers, clip {clip}"), &speakers[clip]),
            ]);
        for (place, rows) in series {
            if rows.len() != frames {
                return mismatch(
                    place,
                    format!("{} frames, but the first prediction has {frames}", rows.len()),
                    "cut all series to their common frames (the labels of REACT 2024 have 750)",
                );
            }
            if let Some(frame) = rows.iter().position(|row| row.iter().any(|value| !value.is_finite())) {
                return Err(Fault::new(FaultKind::NotFinite, "", "a value is not a number")
                    .at(format!("{place}, frame {frame}"))
                    .remedy("the official measures are undefined there; repair or leave out the clip"));
            }
        }
        let row = &neighbours[clip];
        if row.is_empty() {
            return mismatch(
                format!("neighbours, row {clip}"),
                "no appropriate reaction is listed".to_owned(),
                "every row needs at least one 1 (the clip's own listener is one)",
            );
        }
        if let Some(beyond) = row.iter().find(|row| **row as usize >= clips) {
            return mismatch(
                format!("neighbours, row {clip}"),
                format!("reaction {beyond} does not exist among {clips}"),
                "use the neighbour matrix of the same split",
            );
        }
    }
    Ok((samples, frames))
}
