//! The judge: which intent does a reaction show? For corpora whose intents are known.
//!
//! Multinomial logistic regression on summaries of a whole reaction: for every action unit the maximum and the mean
//! of its 7-frame average; 5th and 95th percentile of valence and arousal; the maximum of each smoothed expression;
//! standard deviation of pitch, roll and depth; log power of pitch in 0.5-1.4, 1.4-2.8 and 2.8-5 Hz. It is fitted on
//! real training listeners after tokenising and detokenising, and must be right on at least 99 % of real validation
//! listeners before it may judge a model ([`Judge::MAY_JUDGE`]).
//!
//! The fit is convex and deterministic: standardised summaries, a ridge of 1/n, accelerated gradient steps until the
//! gradient vanishes.

use clips::channels::{AROUSAL, AU_COUNT, EXPRESSIONS, ROTATION, TRANSLATION, VALENCE};
use clips::{Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};

use crate::uncertainty::percentile;

/// Numbers in a summary.
pub const SUMMARY: usize = 2 * AU_COUNT + 4 + (EXPRESSIONS.end - EXPRESSIONS.start) + 3 + BANDS.len();
/// Bands of head pitch in Hz: slow nods, nods, shakes of laughter.
const BANDS: [(f64, f64); 3] = [(0.5, 1.4), (1.4, 2.8), (2.8, 5.0)];
const FRAMES_A_SECOND: f64 = 25.0;
/// Half the smoothing window: 7 frames.
const REACH: usize = 3;

/// Summarises a reaction at 25 frames a second; both slices have the same number of frames.
///
/// # Errors
/// [`FaultKind::BadRequest`] below 8 frames, for different lengths, or for values that are not numbers.
pub fn summary(attributes: &[[f32; 25]], coefficients: &[[f32; 58]]) -> Result<[f64; SUMMARY]> {
    let frames = attributes.len();
    if frames < 8 || frames != coefficients.len() {
        return Err(Fault::new(
            FaultKind::BadRequest,
            "",
            format!("{frames} frames of attributes and {} of coefficients", coefficients.len()),
        )
        .remedy("the judge needs both streams of the same reaction, at least 8 frames long"));
    }
    let sound = |row: &[f32]| row.iter().all(|value| value.is_finite());
    // checked first: maxima would pass over a NaN
    let broken = (0..frames).find(|frame| !sound(&attributes[*frame]) || !sound(&coefficients[*frame]));
    if let Some(frame) = broken {
        return Err(Fault::new(FaultKind::NotFinite, "", "the reaction has values that are not numbers")
            .at(format!("frame {frame}"))
            .remedy("drop the clip or fill the frames that have no value"));
    }
    let attribute =
        |column: usize| -> Vec<f64> { attributes.iter().map(|row| f64::from(row[column])).collect() };
    let coefficient =
        |column: usize| -> Vec<f64> { coefficients.iter().map(|row| f64::from(row[column])).collect() };
    let mut values = Vec::with_capacity(SUMMARY);
    for unit in 0..AU_COUNT {
        let smooth = smoothed(&attribute(unit));
        values.push(smooth.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        values.push(smooth.iter().sum::<f64>() / frames as f64);
    }
    for column in [VALENCE, AROUSAL] {
        let mut sorted = attribute(column);
        sorted.sort_by(f64::total_cmp);
        values.extend([percentile(&sorted, 0.05), percentile(&sorted, 0.95)]);
    }
    for column in EXPRESSIONS {
        values.push(smoothed(&attribute(column)).into_iter().fold(f64::NEG_INFINITY, f64::max));
    }
    let pitch = coefficient(ROTATION.start);
    for column in [ROTATION.start, ROTATION.end - 1, TRANSLATION.end - 1] {
        values.push(deviation(&coefficient(column)));
    }
    for (low, high) in BANDS {
        // the floor is far below any nod and keeps a still head finite
        values.push((band_power(&pitch, low, high) + 1e-8).ln());
    }
    <[f64; SUMMARY]>::try_from(values).map_err(|values| {
        Fault::new(FaultKind::Internal, "", format!("a summary of {} numbers", values.len()))
    })
}

/// Mean over the seven frames around each; fewer at the ends.
fn smoothed(values: &[f64]) -> Vec<f64> {
    (0..values.len())
        .map(|frame| {
            let window = &values[frame.saturating_sub(REACH)..(frame + REACH + 1).min(values.len())];
            window.iter().sum::<f64>() / window.len() as f64
        })
        .collect()
}

fn deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

/// Variance of `values` carried by the whole-clip frequencies in `low..high` Hz (Goertzel's recurrence).
fn band_power(values: &[f64], low: f64, high: f64) -> f64 {
    let frames = values.len() as f64;
    let mean = values.iter().sum::<f64>() / frames;
    let bin = |hertz: f64| (hertz * frames / FRAMES_A_SECOND).ceil() as usize;
    (bin(low).max(1)..bin(high).min(values.len() / 2))
        .map(|bin| {
            let twist = 2.0 * (std::f64::consts::TAU * bin as f64 / frames).cos();
            let (mut last, mut before) = (0.0, 0.0);
            for value in values {
                (last, before) = (value - mean + twist * last - before, last);
            }
            2.0 * (last * last + before * before - twist * last * before) / (frames * frames)
        })
        .sum()
}

/// A fitted judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judge {
    mean: Vec<f64>,
    scale: Vec<f64>,
    /// One row an intent: weights of the standardised summary, then the bias.
    weights: Vec<Vec<f64>>,
}

impl Judge {
    /// Accuracy on real validation listeners from which on its word counts.
    pub const MAY_JUDGE: f64 = 0.99;

    /// Fits a judge of `intents` intents to summaries and their true intents.
    ///
    /// # Errors
    /// [`FaultKind::BadRequest`] when there is nothing to tell apart or a label does not exist.
    pub fn fit<S: AsRef<[f64]>>(summaries: &[S], labels: &[usize], intents: usize) -> Result<Self> {
        let width = summaries.first().map_or(0, |row| row.as_ref().len());
        let sound = summaries.len() == labels.len()
            && width > 0
            && labels.iter().all(|label| *label < intents)
            && labels.iter().any(|label| *label != labels[0])
            && summaries
                .iter()
                .all(|row| row.as_ref().len() == width && row.as_ref().iter().all(|x| x.is_finite()));
        if !sound {
            return Err(Fault::new(
                FaultKind::BadRequest,
                "",
                format!("{} reactions with {} labels of {intents} intents", summaries.len(), labels.len()),
            )
            .remedy("give the judge reactions of at least two intents, one label each"));
        }
        let count = summaries.len() as f64;
        let mean: Vec<f64> =
            (0..width).map(|k| summaries.iter().map(|row| row.as_ref()[k]).sum::<f64>() / count).collect();
        let scale: Vec<f64> = (0..width)
            .map(|k| {
                let square =
                    summaries.iter().map(|row| (row.as_ref()[k] - mean[k]).powi(2)).sum::<f64>() / count;
                if square > 1e-18 { 1.0 / square.sqrt() } else { 0.0 }
            })
            .collect();
        let mut judge = Self { mean, scale, weights: vec![vec![0.0; width + 1]; intents] };
        let rows: Vec<Vec<f64>> = summaries.iter().map(|row| judge.standardised(row.as_ref())).collect();
        judge.descend(&rows, labels);
        Ok(judge)
    }

    /// Accelerated gradient descent with restarts, to a vanishing gradient.
    fn descend(&mut self, rows: &[Vec<f64>], labels: &[usize]) {
        let count = rows.len() as f64;
        let ridge = 1.0 / count;
        // softmax has curvature at most 1/2 of the largest eigenvalue of the second moments, found by power iteration
        let step = 1.0 / (0.5 * largest_eigenvalue(rows) * 1.01 + ridge);
        let (mut ahead, mut momentum) = (self.weights.clone(), 1.0f64);
        for _ in 0..4000 {
            let mut gradient: Vec<Vec<f64>> = vec![vec![0.0; ahead[0].len()]; ahead.len()];
            for (row, label) in rows.iter().zip(labels) {
                for (intent, probability) in softmax(&ahead, row).into_iter().enumerate() {
                    let error = (probability - f64::from(u8::from(intent == *label))) / count;
                    gradient[intent].iter_mut().zip(row).for_each(|(sum, x)| *sum += error * x);
                }
            }
            let (mut largest, mut uphill) = (0.0f64, 0.0);
            let mut next = ahead.clone();
            for ((next, gradient), last) in next.iter_mut().zip(&gradient).zip(&self.weights) {
                for k in 0..next.len() {
                    // the bias is not held back
                    let slope = gradient[k] + if k + 1 < next.len() { ridge * next[k] } else { 0.0 };
                    largest = largest.max(slope.abs());
                    next[k] -= step * slope;
                    uphill += slope * (next[k] - last[k]);
                }
            }
            let following =
                if uphill > 0.0 { 1.0 } else { 0.5 * (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt()) };
            let swing = if uphill > 0.0 { 0.0 } else { (momentum - 1.0) / following };
            for ((ahead, next), last) in ahead.iter_mut().zip(&next).zip(&self.weights) {
                for k in 0..ahead.len() {
                    ahead[k] = next[k] + swing * (next[k] - last[k]);
                }
            }
            self.weights = next;
            momentum = following;
            if largest < 1e-7 {
                break;
            }
        }
    }

    /// The summary in units of its spread, and a 1 for the bias.
    fn standardised(&self, summary: &[f64]) -> Vec<f64> {
        summary
            .iter()
            .zip(&self.mean)
            .zip(&self.scale)
            .map(|((x, mean), scale)| (x - mean) * scale)
            .chain([1.0])
            .collect()
    }

    /// Probability of every intent.
    pub fn probabilities(&self, summary: &[f64]) -> Vec<f64> {
        softmax(&self.weights, &self.standardised(summary))
    }

    /// The most likely intent (the lowest of equals) and its probability.
    pub fn verdict(&self, summary: &[f64]) -> (usize, f64) {
        verdict(&self.probabilities(summary))
    }

    /// Share of reactions whose verdict is their label; `None` without reactions.
    pub fn accuracy<S: AsRef<[f64]>>(&self, summaries: &[S], labels: &[usize]) -> Option<f64> {
        let right = summaries
            .iter()
            .zip(labels)
            .filter(|(row, label)| self.verdict(row.as_ref()).0 == **label)
            .count();
        (!summaries.is_empty()).then(|| right as f64 / summaries.len() as f64)
    }

    /// How often each true intent (row) is judged as each intent (column).
    pub fn confusion<S: AsRef<[f64]>>(&self, summaries: &[S], labels: &[usize]) -> Vec<Vec<usize>> {
        let mut table = vec![vec![0; self.weights.len()]; self.weights.len()];
        for (row, label) in summaries.iter().zip(labels).filter(|(_, label)| **label < self.weights.len()) {
            table[*label][self.verdict(row.as_ref()).0] += 1;
        }
        table
    }
}

/// The largest probability and where it is (the lowest index of equals).
pub fn verdict(probabilities: &[f64]) -> (usize, f64) {
    probabilities.iter().enumerate().fold((0, f64::NEG_INFINITY), |best, (intent, probability)| {
        if *probability > best.1 { (intent, *probability) } else { best }
    })
}

fn softmax(weights: &[Vec<f64>], row: &[f64]) -> Vec<f64> {
    let scores: Vec<f64> =
        weights.iter().map(|weights| weights.iter().zip(row).map(|(weight, x)| weight * x).sum()).collect();
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

fn largest_eigenvalue(rows: &[Vec<f64>]) -> f64 {
    let mut direction = vec![1.0; rows[0].len()];
    let mut value = 1.0;
    for _ in 0..100 {
        let mut image = vec![0.0; direction.len()];
        for row in rows {
            let along: f64 = row.iter().zip(&direction).map(|(x, d)| x * d).sum();
            image.iter_mut().zip(row).for_each(|(sum, x)| *sum += along * x / rows.len() as f64);
        }
        value = image.iter().map(|x| x * x).sum::<f64>().sqrt();
        let length = value.max(1e-300);
        direction = image.into_iter().map(|x| x / length).collect();
    }
    value.max(1e-3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clips::Chance;

    /// A still face, a nod at 2 Hz, a smile, a tilt.
    fn toy(intent: usize, chance: &mut Chance) -> [f64; SUMMARY] {
        let (mut attributes, mut coefficients) = (vec![[0.0f32; 25]; 100], vec![[0.0f32; 58]; 100]);
        let start = 20 + chance.below(40);
        for frame in 0..100 {
            let active = (start..start + 25).contains(&frame);
            let (row, pose) = (&mut attributes[frame], &mut coefficients[frame]);
            row[15] = (0.02 * chance.normal()) as f32;
            row[17] = 1.0;
            pose[52] = (0.01 * chance.normal()) as f32;
            match intent {
                1 if active => pose[52] += 0.2 * (std::f32::consts::TAU * 2.0 * frame as f32 / 25.0).sin(),
                2 if active => (row[3], row[7], row[15], row[18], row[17]) = (1.0, 1.0, 0.45, 0.9, 0.1),
                3 if active => pose[54] = 0.18,
                _ => {}
            }
        }
        summary(&attributes, &coefficients).unwrap()
    }

    #[test]
    fn a_toy_world_is_told_apart_and_the_fit_repeats_itself() {
        let draw = |count: usize, seed| {
            let mut chance = Chance::new(seed, "toy", &[]);
            let labels: Vec<usize> = (0..count).map(|index| index % 4).collect();
            let rows: Vec<_> = labels.iter().map(|label| toy(*label, &mut chance)).collect();
            (rows, labels)
        };
        let (rows, labels) = draw(80, 1);
        let judge = Judge::fit(&rows, &labels, 4).unwrap();
        assert_eq!(judge, Judge::fit(&rows, &labels, 4).unwrap());
        let (held_out, truth) = draw(200, 2);
        assert_eq!(judge.accuracy(&held_out, &truth), Some(1.0), "{:?}", judge.confusion(&held_out, &truth));
        let sum: f64 = judge.probabilities(&held_out[0]).iter().sum();
        assert!((sum - 1.0).abs() < 1e-12);
        assert!(judge.verdict(&held_out[1]).1 > 0.6);
    }

    #[test]
    fn power_is_found_in_the_band_it_is_in() {
        let wave: Vec<f64> =
            (0..250).map(|t| 0.2 * (std::f64::consts::TAU * 2.0 * t as f64 / 25.0).sin()).collect();
        assert!((band_power(&wave, 1.4, 2.8) - 0.02).abs() < 1e-9, "a sine has half its squared amplitude");
        assert!(band_power(&wave, 0.5, 1.4) < 1e-9 && band_power(&wave, 2.8, 5.0) < 1e-9);
    }

    #[test]
    fn what_cannot_be_judged_is_explained() {
        assert!(summary(&[[0.0; 25]; 3], &[[0.0; 58]; 3]).is_err());
        assert!(summary(&[[0.0; 25]; 30], &[[0.0; 58]; 31]).is_err());
        let mut rows = vec![[0.0; 25]; 30];
        rows[4][15] = f32::NAN;
        assert_eq!(summary(&rows, &vec![[0.0; 58]; 30]).unwrap_err().kind, FaultKind::NotFinite);
        assert!(Judge::fit(&[[1.0], [2.0]], &[0, 0], 2).is_err());
        assert!(Judge::fit(&[[1.0], [2.0]], &[0, 5], 2).is_err());
        assert!(Judge::fit::<[f64; 1]>(&[], &[], 2).is_err());
    }
}
