//! The measures of REACT 2025 and 2026, behind their own switch: other data (MARS), rewritten code, another scale. Their
//! numbers must not stand in one column with those of 2024 ([`Evaluation`](crate::Evaluation)).
//!
//! What differs from 2024, and where it is known from (P: the programs of `baseline_react2025` and `baseline_react2026`;
//! C: a copy of their metrics in another repository; O: our reading where both are silent):
//! - clips have lengths of their own, 58 to over 20 000 frames, at 30 frames a second by default (P);
//! - *FRC* sums over predictions the best mean concordance with a target, averaged over clips. The sum is P (a perfect
//!   oracle is given the number of predictions); concordance with its corner cases as in 2024 is O;
//! - *FRD* sums over predictions the smallest DTW over three groups of columns, weighted as in 2024 (C);
//! - *TLCC* reads the first prediction alone and lags of -49..=49, named 2 seconds at 25 frames a second though the data
//!   have 30 (P);
//! - *FRDiv* is named `smse`; below two predictions the official code stops (C), so here it is `None` (2024: 0);
//! - *FRVar* is the unbiased variance over frames, averaged over clips alike whatever their lengths (C);
//! - there is no FRDvs (P);
//! - *MAE*, in 2026, is the mean absolute error of columns 15..25 (valence, arousal, expressions) over all pairs of
//!   prediction and target (P). The official loop reads as many targets as there are predictions, which are equal there;
//!   this one reads all targets (O);
//! - the *appropriate set* of a test clip is the true reaction and 9 others drawn from those of the same session
//!   ([`appropriate_set`]); our draw is seeded by clip and is not the official draw.
//!
//! Officially a learned autoencoder (a checkpoint of theirs) brings every target to the length of the prediction before
//! anything is measured. It is not here, so targets of another length are refused, unless [`Lengths::Linear`] asks for
//! plain linear resampling: ours, not theirs, and said in the result.

use clips::channels::ATTRIBUTE_COUNT;
use clips::{Attributes, Chance, Control, Fault, FaultKind, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::frcorr::{self, Centred};
use crate::frdist::{self, Prepared, Scratch};
use crate::{frdiv, frsyn, frvar};

/// Targets of a test clip: the true reaction and nine others.
pub const TARGETS: usize = 10;
/// Columns of the mean absolute error: valence, arousal, expressions.
const ERROR_COLUMNS: std::ops::Range<usize> = 15..ATTRIBUTE_COUNT;
/// Up to here the official oracle counts as equal to its target.
const IDENTICAL: f32 = 1e-6;

/// What to do with targets that are not as long as the prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lengths {
    /// Refuse them.
    #[default]
    Refuse,
    /// Resample them linearly, first frame on first and last on last. Ours; the official way is a learned autoencoder.
    Linear,
}

/// How to evaluate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Targets of other lengths.
    pub lengths: Lengths,
    /// The rule of 2026 for its oracle GT_identical: when in *every* clip prediction i equals target i (within 1e-6), FRC
    /// is the number of predictions, which constant columns would otherwise keep it from.
    pub force_identity: bool,
}

/// One clip: what the speaker did, what was generated, and what would have been appropriate (the true reaction first).
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// The speaker, as long as the predictions.
    pub speaker: &'a [[f32; ATTRIBUTE_COUNT]],
    /// Generated reactions, of one length.
    pub predictions: &'a [Attributes],
    /// Appropriate reactions.
    pub targets: &'a [&'a [[f32; ATTRIBUTE_COUNT]]],
}

/// The measures of one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(non_snake_case, reason = "the official names are the keys of the JSON")]
pub struct ClipScores {
    /// Position of the clip.
    pub clip: usize,
    /// Frames of the predictions.
    pub frames: usize,
    /// Sum over predictions of the best concordance.
    pub FRC: f64,
    /// Sum over predictions of the smallest distance.
    pub FRD: f64,
    /// Absolute offset of the first prediction, in frames.
    pub TLCC: f64,
    /// Mean squared difference between the predictions; `None` for one.
    pub FRDiv: Option<f64>,
    /// Mean variance in time; `None` below two frames.
    pub FRVar: Option<f64>,
    /// Mean absolute error over valence, arousal and expressions, over all pairs.
    pub MAE: f64,
    /// Whether constant columns leave the synchrony of the first prediction undefined.
    pub synchrony_undefined: bool,
    /// Best concordance of each prediction and the position of the target that gave it.
    pub correlation: Vec<(f64, u32)>,
    /// Smallest distance of each prediction and the position of the target that gave it.
    pub distance: Vec<(f64, u32)>,
    /// Signed offset of the first prediction; positive when it comes later.
    pub offset: i32,
    /// Targets that were brought to another length.
    pub resampled: usize,
}

/// The measures of a set, with the official names as keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(non_snake_case, reason = "the official names are the keys of the JSON")]
pub struct Evaluation {
    /// Appropriateness by concordance, a sum over predictions; higher is better.
    pub FRC: f64,
    /// Appropriateness by distance, a sum over predictions; lower is better.
    pub FRD: f64,
    /// Mean absolute offset of first predictions, in frames; lower is better.
    pub TLCC: f64,
    /// Diversity among the predictions of a clip (`smse`); `None` for one prediction.
    pub FRDiv: Option<f64>,
    /// Movement in time; `None` when a clip has one frame.
    pub FRVar: Option<f64>,
    /// Mean absolute error (2026); lower is better.
    pub MAE: f64,
    /// Share of clips whose TLCC constant columns leave undefined.
    pub constant_share: f64,
    /// Whether the rule of 2026 set FRC.
    pub identity_forced: bool,
    /// Clips scored.
    pub clips: usize,
    /// Predictions of each clip.
    pub predictions: usize,
    /// One entry a clip, in the order given.
    pub per_clip: Vec<ClipScores>,
    /// What a reader of the numbers must know.
    pub warnings: Vec<String>,
}

impl Evaluation {
    /// Scores `items`, which have equally many predictions.
    ///
    /// # Errors
    /// A fault naming the clip when there is nothing to score, counts or lengths differ, or a value is not a number;
    /// cancelled on request.
    pub fn of(items: &[Item<'_>], options: &Options, control: &Control) -> Result<Self> {
        let predictions = require_sound(items, options)?;
        let done = std::sync::atomic::AtomicU64::new(0);
        let mut per_clip: Vec<ClipScores> = items
            .par_iter()
            .enumerate()
            .map(|(clip, item)| {
                let scores = score(clip, item, control)?;
                let finished = 1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                control.step("scoring clips", finished, items.len() as u64, "")?;
                Ok(scores)
            })
            .collect::<Result<_>>()?;
        let identical = options.force_identity && items.iter().all(is_identical);
        if identical {
            per_clip.iter_mut().for_each(|scores| scores.FRC = predictions as f64);
        }
        let count = per_clip.len() as f64;
        let mean = |value: fn(&ClipScores) -> f64| per_clip.iter().map(value).sum::<f64>() / count;
        let mean_or_none = |value: fn(&ClipScores) -> Option<f64>| {
            Some(per_clip.iter().map(value).sum::<Option<f64>>()? / count)
        };
        let mut evaluation = Self {
            FRC: mean(|scores| scores.FRC),
            FRD: mean(|scores| scores.FRD),
            TLCC: mean(|scores| scores.TLCC),
            FRDiv: mean_or_none(|scores| scores.FRDiv),
            FRVar: mean_or_none(|scores| scores.FRVar),
            MAE: mean(|scores| scores.MAE),
            constant_share: mean(|scores| f64::from(u8::from(scores.synchrony_undefined))),
            identity_forced: identical,
            clips: per_clip.len(),
            predictions,
            warnings: Vec::new(),
            per_clip,
        };
        evaluation.warnings = evaluation.cautions(items, options);
        Ok(evaluation)
    }

    fn cautions(&self, items: &[Item<'_>], options: &Options) -> Vec<String> {
        let mut warnings = vec!["REACT 2025/26 definitions: not comparable with REACT 2024".to_owned()];
        let resampled: usize = self.per_clip.iter().map(|scores| scores.resampled).sum();
        if resampled > 0 {
            warnings.push(format!(
                "{resampled} targets were resampled linearly; the official way is a learned autoencoder, and its \
                 numbers differ"
            ));
        }
        if self.predictions != TARGETS {
            warnings.push(format!(
                "FRC and FRD are sums over predictions; published values use {TARGETS}, here are {}",
                self.predictions
            ));
        }
        let other = items.iter().filter(|item| item.targets.len() != TARGETS).count();
        if other > 0 {
            warnings.push(format!("{other} of {} clips do not have {TARGETS} targets", items.len()));
        }
        if self.FRDiv.is_none() {
            warnings.push("One prediction a clip: FRDiv is undefined".to_owned());
        }
        if options.force_identity && !self.identity_forced {
            warnings.push("The predictions are not the targets: FRC was measured, not forced".to_owned());
        }
        if self.constant_share > 0.0 {
            warnings.push(format!(
                "{:.1} % of the clips have a column that never changes; their TLCC says only that",
                100.0 * self.constant_share
            ));
        }
        let short = self.per_clip.iter().filter(|scores| scores.frames <= frsyn::MOST_LAG + 1).count();
        if short > 0 {
            warnings.push(format!("{short} clips are too short for lags up to {}", frsyn::MOST_LAG));
        }
        warnings
    }
}

fn score(clip: usize, item: &Item<'_>, control: &Control) -> Result<ClipScores> {
    let frames = item.speaker.len();
    let mut resampled = 0;
    let targets: Vec<std::borrow::Cow<'_, [[f32; ATTRIBUTE_COUNT]]>> = item
        .targets
        .iter()
        .map(|rows| {
            if rows.len() == frames {
                (*rows).into()
            } else {
                resampled += 1;
                resample(rows, frames).into()
            }
        })
        .collect();
    let centred: Vec<(u32, Centred)> = (0u32..).zip(targets.iter().map(|rows| Centred::new(rows))).collect();
    let prepared: Vec<(u32, Prepared)> =
        (0u32..).zip(targets.iter().map(|rows| Prepared::new(rows))).collect();
    let to_warp: Vec<(u32, &Prepared)> = prepared.iter().map(|(place, ready)| (*place, ready)).collect();
    let mut scratch = Scratch::default();
    let (mut correlation, mut distance, mut error) = (Vec::new(), Vec::new(), 0.0);
    for rows in item.predictions {
        control.check()?;
        let own = Centred::new(rows);
        correlation.extend(frcorr::best(&own, centred.iter().map(|(place, ready)| (*place, ready))));
        distance.extend(frdist::best(&Prepared::new(rows), &to_warp, &mut scratch));
        error += targets.iter().map(|target| absolute_error(rows, target)).sum::<f64>();
    }
    let synchrony = frsyn::of_reaction(&item.predictions[0], item.speaker);
    Ok(ClipScores {
        clip,
        frames,
        FRC: correlation.iter().map(|(value, _)| value).sum(),
        FRD: distance.iter().map(|(value, _)| value).sum(),
        TLCC: f64::from(synchrony.offset.abs()),
        FRDiv: if item.predictions.len() > 1 { frdiv::of_clip(item.predictions) } else { None },
        FRVar: frvar::of_clip(item.predictions),
        MAE: error / (item.predictions.len() * targets.len()) as f64,
        synchrony_undefined: synchrony.undefined(),
        correlation,
        distance,
        offset: synchrony.offset,
        resampled,
    })
}

/// Mean absolute difference of columns 15..25 of two reactions of one length.
fn absolute_error(a: &[[f32; ATTRIBUTE_COUNT]], b: &[[f32; ATTRIBUTE_COUNT]]) -> f64 {
    let sum: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| ERROR_COLUMNS.map(|k| (f64::from(a[k]) - f64::from(b[k])).abs()).sum::<f64>())
        .sum();
    sum / (a.len() * ERROR_COLUMNS.len()) as f64
}

/// Whether prediction i equals target i, for all of them.
fn is_identical(item: &Item<'_>) -> bool {
    item.predictions.len() == item.targets.len()
        && item.predictions.iter().zip(item.targets).all(|(a, b)| {
            let near = |a: &[f32; ATTRIBUTE_COUNT], b: &[f32; ATTRIBUTE_COUNT]| {
                a.iter().zip(b).all(|(a, b)| (a - b).abs() <= IDENTICAL)
            };
            a.len() == b.len() && a.iter().zip(*b).all(|(a, b)| near(a, b))
        })
}

/// A reaction brought to `frames` frames by linear interpolation, first frame on first and last on last; one frame is
/// repeated. Binary action units become fractions where they change. Without frames the result has none.
pub fn resample(rows: &[[f32; ATTRIBUTE_COUNT]], frames: usize) -> Attributes {
    let Some(last) = rows.len().checked_sub(1) else { return Vec::new() };
    let step = if frames > 1 { last as f64 / (frames - 1) as f64 } else { 0.0 };
    (0..frames)
        .map(|frame| {
            let place = frame as f64 * step;
            let low = (place as usize).min(last);
            let (a, b, part) = (&rows[low], &rows[(low + 1).min(last)], (place - low as f64) as f32);
            std::array::from_fn(|column| a[column] + (b[column] - a[column]) * part)
        })
        .collect()
}

/// The appropriate set of clip `own`: itself and `count - 1` others of `session` (clips of the same session, in any
/// order, with or without `own`), drawn without repetition where there are enough, with repetition where there are
/// fewer, and `own` again and again where there are none. The draw depends on seed, `own` and the set of the session.
pub fn appropriate_set(session: &[u32], own: u32, count: usize, seed: u64) -> Vec<u32> {
    let mut others: Vec<u32> = session.iter().copied().filter(|clip| *clip != own).collect();
    others.sort_unstable();
    others.dedup();
    let mut chance = Chance::new(seed, "REACT 2025 targets", &[u64::from(own)]);
    let mut chosen = vec![own];
    let wanted = count.saturating_sub(1);
    if others.is_empty() {
        chosen.resize(1 + wanted, own);
    } else if others.len() >= wanted {
        chance.shuffle(&mut others);
        chosen.extend(&others[..wanted]);
    } else {
        chosen.extend((0..wanted).map(|_| others[chance.below(others.len())]));
    }
    chosen.truncate(count);
    chosen
}

/// Predictions of each clip, when all can be scored.
fn require_sound(items: &[Item<'_>], options: &Options) -> Result<usize> {
    let fault = |kind, place: String, detail: String, remedy: &str| {
        Err(Fault::new(kind, "", detail).at(place).remedy(remedy))
    };
    let Some(first) = items.first() else {
        return fault(
            FaultKind::BadRequest,
            "items".to_owned(),
            "there are no clips".to_owned(),
            "name at least one clip",
        );
    };
    let count = first.predictions.len();
    for (clip, item) in items.iter().enumerate() {
        let frames = item.predictions.first().map_or(0, Vec::len);
        if frames == 0 || item.targets.is_empty() {
            return fault(
                FaultKind::Empty,
                format!("clip {clip}"),
                format!(
                    "{} predictions of {frames} frames, {} targets",
                    item.predictions.len(),
                    item.targets.len()
                ),
                "give every clip at least one reaction of at least one frame, and one target",
            );
        }
        if item.predictions.len() != count {
            return fault(
                FaultKind::Mismatch,
                format!("clip {clip}"),
                format!("{} predictions, but clip 0 has {count}", item.predictions.len()),
                "generate the same number of reactions for every clip",
            );
        }
        let named = |what: &'static str| move |place: usize| format!("clip {clip}, {what} {place}");
        let (prediction, target) = (named("prediction"), named("target"));
        let series = [(format!("clip {clip}, speaker"), item.speaker, false)]
            .into_iter()
            .chain(
                item.predictions.iter().enumerate().map(|(i, rows)| (prediction(i), rows.as_slice(), false)),
            )
            .chain(item.targets.iter().enumerate().map(|(i, rows)| (target(i), *rows, true)));
        for (place, rows, is_target) in series {
            let may_differ = is_target && options.lengths == Lengths::Linear && !rows.is_empty();
            if rows.len() != frames && !may_differ {
                let detail = format!("{} frames, but the first prediction has {frames}", rows.len());
                let remedy = if is_target {
                    "officially a learned autoencoder brings targets to this length; ask for linear resampling \
                     (ours) to go on without it"
                } else {
                    "predictions are as long as their speaker"
                };
                return fault(FaultKind::Mismatch, place, detail, remedy);
            }
            if let Some(frame) = rows.iter().position(|row| row.iter().any(|value| !value.is_finite())) {
                return fault(
                    FaultKind::NotFinite,
                    format!("{place}, frame {frame}"),
                    "a value is not a number".to_owned(),
                    "repair or leave out the clip",
                );
            }
        }
    }
    Ok(count)
}
