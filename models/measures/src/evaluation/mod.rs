//! All six measures over a set of clips, per clip and in the mean, with bootstrap intervals and warnings.
//!
//! Reactions are read clip by clip, twice: once for the mean reaction that FRDvs needs, and to refuse what cannot be
//! scored before hours of work; once to be scored. So memory does not grow with them. Clips are independent (rayon);
//! sums run in clip order, so the numbers do not depend on threads. What can be scored and misleads is a warning in
//! the result. Nothing is cut or dropped silently. A [`Journal`] keeps finished clips, so that a stopped evaluation
//! goes on where it was.

mod reactions;
mod truth;

use std::borrow::Cow;
use std::collections::BTreeMap;

use clips::{Attributes, Control, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::frcorr::{self, Centred};
use crate::frdist::{self, Prepared, Scratch};
use crate::frdvs::MeanReaction;
use crate::measure::Measure;
use crate::uncertainty::{Interval, Kind, Resampling, intervals};
use crate::{frdiv, frsyn, frvar};

pub use reactions::Reactions;
use truth::Size;
pub use truth::Truth;

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
    /// Cut lists and series to their shortest, as the official code does in silence; what was cut is a warning.
    pub truncate: bool,
}

/// Where finished clips are kept while an evaluation runs.
pub trait Journal: Sync {
    /// The scores of a clip that was finished before; [`ClipScores::FRDvs`] is computed anew.
    fn scored(&self, clip: usize) -> Option<ClipScores>;

    /// Keeps the scores of a clip.
    ///
    /// # Errors
    /// When they cannot be written.
    fn keep(&self, scores: &ClipScores) -> Result<()>;
}

/// Keeps nothing.
impl Journal for () {
    fn scored(&self, _: usize) -> Option<ClipScores> {
        None
    }

    fn keep(&self, _: &ClipScores) -> Result<()> {
        Ok(())
    }
}

/// Listeners that are appropriate for a clip of `holds`, ready to be compared with.
fn prepared(
    truth: &Truth<'_>,
    size: Size,
    holds: &(dyn Fn(usize) -> bool + Sync),
) -> Vec<Option<(Centred, Prepared)>> {
    let mut used = vec![false; truth.listeners.len()];
    let neighbours = truth.neighbours[..size.clips].iter().enumerate();
    neighbours
        .filter(|(clip, _)| holds(*clip))
        .flat_map(|(_, row)| row)
        .for_each(|row| used[*row as usize] = true);
    truth
        .listeners
        .par_iter()
        .zip(&used)
        .map(|(rows, used)| {
            let rows = &rows[..size.frames.min(rows.len())];
            used.then(|| (Centred::new(rows), Prepared::new(rows)))
        })
        .collect()
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
    /// FRVar of the true listeners.
    #[serde(rename = "FRVar_truth")]
    pub FRVar_truth: Option<f64>,
    /// FRVar divided by that of the true listeners: near 1 is the aim, above is jitter, below a frozen face.
    #[serde(rename = "FRVar_ratio")]
    pub FRVar_ratio: Option<f64>,
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
    #[serde(default)]
    pub intervals: BTreeMap<String, Interval>,
    /// What a reader of the numbers must know.
    pub warnings: Vec<String>,
}

impl Evaluation {
    /// Scores reactions against the truth, clip by clip.
    ///
    /// # Errors
    /// A fault naming the clip when counts or lengths differ, a clip has no sample, a row has no neighbour or one that
    /// does not exist, or a value is not a number; cancelled on request.
    pub fn of(
        reactions: &dyn Reactions,
        truth: &Truth<'_>,
        options: &Options,
        control: &Control,
    ) -> Result<Self> {
        Self::resumed(reactions, truth, options, &(), control)
    }

    /// As [`Evaluation::of`]; clips that the journal has are not scored again, new ones are kept there.
    ///
    /// # Errors
    /// As there, and what the journal says.
    pub fn resumed(
        reactions: &dyn Reactions,
        truth: &Truth<'_>,
        options: &Options,
        journal: &dyn Journal,
        control: &Control,
    ) -> Result<Self> {
        let (size, cut) = truth::size_of(reactions, truth, options)?;
        truth::require(truth, size, options)?;
        let mean = mean_reaction(reactions, size, options, control)?;
        let neighbours = &truth.neighbours[..size.clips];
        let prepared = prepared(truth, size, &|_| true);
        let done = std::sync::atomic::AtomicU64::new(0);
        let scored: Vec<(ClipScores, f64)> = (0..size.clips)
            .into_par_iter()
            .map(|clip| {
                control.check()?;
                let samples = cut_to(reactions.of_clip(clip)?, size.frames);
                let own = mean.squared_distance(&samples);
                let scores = match journal.scored(clip) {
                    Some(known) => known,
                    None => {
                        let speaker = &truth.speakers[clip][..size.frames];
                        let scores = score(clip, &samples, speaker, &neighbours[clip], &prepared);
                        journal.keep(&scores)?;
                        scores
                    }
                };
                let finished = 1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                control.step("scoring clips", finished, size.clips as u64, "")?;
                Ok((scores, own))
            })
            .collect::<Result<_>>()?;
        let (mut per_clip, own): (Vec<ClipScores>, Vec<f64>) = scored.into_iter().unzip();
        if let Some(each) = mean.differences(&own) {
            per_clip.iter_mut().zip(each).for_each(|(scores, value)| scores.FRDvs = Some(value));
        }
        let listeners = &truth.listeners[..size.clips.min(truth.listeners.len())];
        let real = frvar::of_clip(
            &listeners.iter().map(|rows| &rows[..size.frames.min(rows.len())]).collect::<Vec<_>>(),
        );
        let mut evaluation = Self::summed(per_clip, size, real);
        evaluation.warnings = cut;
        evaluation.warnings.extend(evaluation.cautions(neighbours));
        evaluation.intervals = evaluation.bootstrap(options, control)?;
        Ok(evaluation)
    }

    /// Scores only the clips that `holds` names and leaves them in the journal, for several machines that share a set:
    /// [`Evaluation::resumed`] with all their journals sums up. Returns how many clips that were.
    ///
    /// # Errors
    /// As [`Evaluation::resumed`].
    pub fn part(
        reactions: &dyn Reactions,
        truth: &Truth<'_>,
        options: &Options,
        holds: &(dyn Fn(usize) -> bool + Sync),
        journal: &dyn Journal,
        control: &Control,
    ) -> Result<usize> {
        let (size, _) = truth::size_of(reactions, truth, options)?;
        truth::require(truth, size, options)?;
        let prepared = prepared(truth, size, holds);
        let ours: Vec<usize> = (0..size.clips).filter(|clip| holds(*clip)).collect();
        let done = std::sync::atomic::AtomicU64::new(0);
        ours.par_iter().try_for_each(|clip| {
            control.check()?;
            if journal.scored(*clip).is_none() {
                let samples = reactions.of_clip(*clip)?;
                truth::require_reactions(*clip, &samples, size, options)?;
                let samples = cut_to(samples, size.frames);
                let speaker = &truth.speakers[*clip][..size.frames];
                journal.keep(&score(*clip, &samples, speaker, &truth.neighbours[*clip], &prepared))?;
            }
            let finished = 1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            control.step("scoring clips", finished, ours.len() as u64, "")
        })?;
        Ok(ours.len())
    }

    /// The means over clips.
    fn summed(per_clip: Vec<ClipScores>, size: Size, real_variance: Option<f64>) -> Self {
        let mean = |measure: Measure| {
            let sum = per_clip.iter().map(|scores| measure.of_clip(scores)).sum::<Option<f64>>()?;
            Some(sum / per_clip.len() as f64)
        };
        // defined for every clip that was scored
        let always = |measure| mean(measure).unwrap_or(f64::NAN);
        let defined: Vec<f64> =
            per_clip.iter().filter(|scores| !scores.synchrony_undefined).map(|scores| scores.FRSyn).collect();
        let variance = mean(Measure::Var);
        Self {
            FRCorr: always(Measure::Corr),
            FRDist: always(Measure::Dist),
            FRDiv: always(Measure::Div),
            FRVar: variance,
            FRDvs: mean(Measure::Dvs),
            FRSyn: always(Measure::Syn),
            FRSyn_all_samples: always(Measure::SynAllSamples),
            constant_share: always(Measure::ConstantShare),
            FRSyn_defined: (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64),
            FRCorr_per_sample: always(Measure::Corr) / size.samples as f64,
            FRDist_per_sample: always(Measure::Dist) / size.samples as f64,
            FRVar_truth: real_variance,
            FRVar_ratio: variance
                .zip(real_variance.filter(|real| *real > 0.0))
                .map(|(made, real)| made / real),
            clips: size.clips,
            samples: size.samples,
            frames: size.frames,
            intervals: BTreeMap::new(),
            warnings: Vec::new(),
            per_clip,
        }
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
        let foreign =
            neighbours.iter().enumerate().filter(|(clip, row)| !row.contains(&(*clip as u32))).count();
        if 2 * foreign > neighbours.len() {
            warnings.push(format!(
                "{foreign} of {} rows do not list the clip's own listener: the neighbour matrix may be that of another split",
                neighbours.len()
            ));
        }
        let alone = neighbours.iter().filter(|row| row.len() == 1).count();
        if alone > 0 {
            warnings
                .push(format!("{alone} of {} clips have a single appropriate reaction", neighbours.len()));
        }
        warnings
    }

    /// Percentile intervals of the means over resampled clips; none for measures that a clip leaves undefined.
    fn bootstrap(&self, options: &Options, control: &Control) -> Result<BTreeMap<String, Interval>> {
        let values: Vec<(Measure, Vec<f64>)> = Measure::ALL
            .into_iter()
            .filter_map(|measure| {
                let each = self.per_clip.iter().map(|scores| measure.of_clip(scores));
                Some((measure, each.collect::<Option<Vec<f64>>>()?))
            })
            .collect();
        let columns: Vec<(&[f64], Kind)> =
            values.iter().map(|(measure, values)| (values.as_slice(), measure.kind())).collect();
        let resampling =
            Resampling { rounds: options.bootstrap, seed: options.seed, ..Resampling::default() };
        let found = intervals(&columns, &resampling, control)?;
        Ok(values
            .iter()
            .zip(found)
            .filter_map(|((measure, _), interval)| Some((measure.name().to_owned(), interval?)))
            .collect())
    }
}

/// The mean reaction of every sample index; refuses what cannot be scored on the way.
fn mean_reaction(
    reactions: &dyn Reactions,
    size: Size,
    options: &Options,
    control: &Control,
) -> Result<MeanReaction> {
    let mut mean = MeanReaction::new(size.samples, size.frames);
    for clip in 0..size.clips {
        control.step("reading reactions", clip as u64, size.clips as u64, "")?;
        let samples = reactions.of_clip(clip)?;
        truth::require_reactions(clip, &samples, size, options)?;
        mean.add(&cut_to(samples, size.frames));
    }
    control.step("reading reactions", size.clips as u64, size.clips as u64, "")?;
    mean.finish();
    Ok(mean)
}

fn cut_to(samples: Cow<'_, [Attributes]>, frames: usize) -> Cow<'_, [Attributes]> {
    if samples.iter().all(|rows| rows.len() == frames) {
        return samples;
    }
    let mut samples = samples.into_owned();
    samples.iter_mut().for_each(|rows| rows.truncate(frames));
    Cow::Owned(samples)
}

fn score(
    clip: usize,
    samples: &[Attributes],
    speaker: &[[f32; clips::channels::ATTRIBUTE_COUNT]],
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
