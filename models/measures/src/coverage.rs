//! Are the samples for a clip among its appropriate reactions, and is every appropriate reaction answered by one?
//!
//! For corpora whose intents are not known (where they are, [`intents`](crate::intents) asks the judge instead).
//! Reactions are points: the 75 numbers of [`summary`](crate::summary) in units of all real listeners of the split.
//! Kynkaanniemi et al. (2019) estimate a distribution by the union of balls around its points, each reaching to the
//! point's k-th nearest other point. Here both sides are those of *one clip*: its appropriate reactions, its samples.
//!
//! - `precision_n` = share of samples inside the ball of at least one appropriate reaction;
//! - `recall_n` = share of appropriate reactions inside the ball of at least one sample. Samples that are far apart have
//!   wide balls, which flatters: read
//! - `coverage_n` = share of appropriate reactions whose *own* ball holds at least one sample (Naeem et al. 2020).
//!
//! k is 3 as in the papers ([`NEIGHBOURS`]), or the number of others where a clip has fewer; [`ClipCoverage`] says how
//! many it was. A ball needs another point: with a single appropriate reaction precision and coverage, with a single
//! sample recall is undefined, which is `None` with a reason and never 0. The means are over the clips that are left,
//! whose number stands beside them. On the border counts as inside, so samples that equal a reaction are in its ball even
//! where its neighbours equal it too.

use clips::{Control, Fault, FaultKind, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::summary::{Standard, require_rows};

/// Neighbours that a ball reaches to, in the papers.
pub const NEIGHBOURS: usize = 3;

/// Why a value of a clip does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undefined {
    /// One appropriate reaction: it has no neighbour that would give its ball a radius.
    OneAppropriateReaction,
    /// One sample: the same on the other side.
    OneSample,
}

impl Undefined {
    /// The reason in words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::OneAppropriateReaction => {
                "one appropriate reaction has no neighbour to measure closeness by: precision and coverage are \
                 undefined"
            }
            Self::OneSample => "one sample has no neighbour to measure closeness by: recall is undefined",
        }
    }
}

/// The coverage of one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClipCoverage {
    /// Row of the clip.
    pub clip: usize,
    /// Share of samples inside the ball of an appropriate reaction; `None` for one such reaction.
    pub precision: Option<f64>,
    /// Share of appropriate reactions inside the ball of a sample; `None` for one sample.
    pub recall: Option<f64>,
    /// Share of appropriate reactions whose ball holds a sample; `None` for one such reaction.
    pub coverage: Option<f64>,
    /// Why values are missing; empty when none is.
    pub undefined: Vec<Undefined>,
    /// Which neighbour the balls of appropriate reactions reach to; 0 when there is none.
    pub reach: usize,
    /// Which neighbour the balls of samples reach to; 0 when there is none.
    pub sample_reach: usize,
    /// The nearest appropriate reaction of each sample (row and distance), the first listed of equals.
    pub nearest: Vec<(u32, f64)>,
    /// Whether each sample is inside the ball of an appropriate reaction; empty when undefined.
    pub inside: Vec<bool>,
    /// Whether the ball of each appropriate reaction, in the order listed, holds a sample; empty when undefined.
    pub answered: Vec<bool>,
}

/// The coverage of a set of clips.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Mean precision over the clips that have one; `None` when none has.
    pub precision: Option<f64>,
    /// Mean recall over the clips that have one.
    pub recall: Option<f64>,
    /// Mean coverage over the clips that have one.
    pub coverage: Option<f64>,
    /// Clips with a precision (and so a coverage).
    pub clips_with_precision: usize,
    /// Clips with a recall.
    pub clips_with_recall: usize,
    /// One entry a clip, in the order given.
    pub per_clip: Vec<ClipCoverage>,
}

impl Coverage {
    /// Compares the features of the samples of each clip with those of its appropriate reactions (`neighbours[n]` lists
    /// rows of `real`, each once). `real` are all listeners of the split, which give the units; `most` is the k of the
    /// balls ([`NEIGHBOURS`]).
    ///
    /// # Errors
    /// A fault naming the clip when counts or widths differ, a clip has no sample or no appropriate reaction, one that
    /// does not exist or is listed twice, or a value is not a number; k = 0; cancelled on request.
    pub fn of<R: AsRef<[f64]> + Sync>(
        samples: &[Vec<R>],
        real: &[R],
        neighbours: &[Vec<u32>],
        most: usize,
        control: &Control,
    ) -> Result<Self> {
        require_sound(samples, real, neighbours, most)?;
        let standard = Standard::of(real)?;
        let in_units = |row: &R| standard.apply(row.as_ref());
        let real: Vec<Vec<f64>> = real.iter().map(in_units).collect();
        let per_clip: Vec<ClipCoverage> = samples
            .par_iter()
            .zip(neighbours)
            .enumerate()
            .map(|(clip, (samples, rows))| {
                control.check()?;
                let samples: Vec<Vec<f64>> = samples.iter().map(in_units).collect();
                Ok(of_clip(clip, &samples, &real, rows, most))
            })
            .collect::<Result<_>>()?;
        let mean = |value: fn(&ClipCoverage) -> Option<f64>| {
            let values: Vec<f64> = per_clip.iter().filter_map(value).collect();
            let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
            (mean, values.len())
        };
        let (precision, clips_with_precision) = mean(|clip| clip.precision);
        let (recall, clips_with_recall) = mean(|clip| clip.recall);
        let (coverage, _) = mean(|clip| clip.coverage);
        Ok(Self { precision, recall, coverage, clips_with_precision, clips_with_recall, per_clip })
    }
}

/// Features are already in one unit; there is at least one sample and one row.
fn of_clip(clip: usize, samples: &[Vec<f64>], real: &[Vec<f64>], rows: &[u32], most: usize) -> ClipCoverage {
    let appropriate: Vec<&[f64]> = rows.iter().map(|row| real[*row as usize].as_slice()).collect();
    let samples: Vec<&[f64]> = samples.iter().map(Vec::as_slice).collect();
    let apart: Vec<Vec<f64>> = samples
        .iter()
        .map(|sample| appropriate.iter().map(|reaction| distance(sample, reaction)).collect())
        .collect();
    let nearest = apart
        .iter()
        .map(|row| {
            let least = row.iter().copied().fold(f64::INFINITY, f64::min);
            let place = row.iter().position(|distance| *distance == least).unwrap_or(0);
            (rows[place], least)
        })
        .collect();
    let (reach, sample_reach) = (most.min(appropriate.len() - 1), most.min(samples.len() - 1));
    let mut found = ClipCoverage {
        clip,
        precision: None,
        recall: None,
        coverage: None,
        undefined: Vec::new(),
        reach,
        sample_reach,
        nearest,
        inside: Vec::new(),
        answered: Vec::new(),
    };
    if reach > 0 {
        let radii = radii(&appropriate, reach);
        let held = |sample: &[f64], reaction: usize| sample[reaction] <= radii[reaction];
        found.inside = apart.iter().map(|row| (0..radii.len()).any(|reaction| held(row, reaction))).collect();
        found.answered =
            (0..radii.len()).map(|reaction| apart.iter().any(|row| held(row, reaction))).collect();
        found.precision = share(&found.inside);
        found.coverage = share(&found.answered);
    } else {
        found.undefined.push(Undefined::OneAppropriateReaction);
    }
    if sample_reach > 0 {
        let radii = radii(&samples, sample_reach);
        let recalled: Vec<bool> = (0..appropriate.len())
            .map(|reaction| apart.iter().zip(&radii).any(|(row, radius)| row[reaction] <= *radius))
            .collect();
        found.recall = share(&recalled);
    } else {
        found.undefined.push(Undefined::OneSample);
    }
    found
}

/// Distance of each point to its `reach`-th nearest other point; there are more than `reach`, which is at least 1.
fn radii(points: &[&[f64]], reach: usize) -> Vec<f64> {
    (0..points.len())
        .map(|own| {
            let mut others: Vec<f64> = (0..points.len())
                .filter(|other| *other != own)
                .map(|other| distance(points[own], points[other]))
                .collect();
            others.sort_by(f64::total_cmp);
            others[reach - 1]
        })
        .collect()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

fn share(hits: &[bool]) -> Option<f64> {
    (!hits.is_empty()).then(|| hits.iter().filter(|hit| **hit).count() as f64 / hits.len() as f64)
}

fn require_sound<R: AsRef<[f64]>>(
    samples: &[Vec<R>],
    real: &[R],
    neighbours: &[Vec<u32>],
    most: usize,
) -> Result<()> {
    if most == 0 {
        return Err(Fault::new(FaultKind::BadRequest, "", "balls that reach to no neighbour")
            .remedy(format!("use k = {NEIGHBOURS}, as the papers do")));
    }
    let width = require_rows("real", real, None)?;
    if samples.len() != neighbours.len() {
        let detail = format!("{} clips with {} rows of neighbours", samples.len(), neighbours.len());
        return Err(Fault::new(FaultKind::Mismatch, "", detail)
            .remedy("score samples against the split they were made for, in the order of its list"));
    }
    for (clip, (samples, row)) in samples.iter().zip(neighbours).enumerate() {
        require_rows(&format!("clip {clip},"), samples, Some(width))?;
        let mut seen = row.clone();
        seen.sort_unstable();
        let twice = seen.windows(2).any(|pair| pair[0] == pair[1]);
        let beyond = seen.last().is_none_or(|last| *last as usize >= real.len());
        if twice || beyond {
            let detail = match seen.last() {
                None => "no appropriate reaction is listed".to_owned(),
                Some(_) if twice => "an appropriate reaction is listed twice".to_owned(),
                Some(last) => format!("reaction {last} does not exist among {}", real.len()),
            };
            return Err(Fault::new(FaultKind::Mismatch, "", detail)
                .at(format!("neighbours, row {clip}"))
                .remedy("use the neighbour matrix of the same split"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clips::Chance;

    /// Points on a line, in units that standardising leaves alone up to scale and shift.
    fn line(values: &[f64]) -> Vec<Vec<f64>> {
        values.iter().map(|value| vec![*value]).collect()
    }

    fn one_clip(samples: &[f64], real: &[f64], k: usize) -> ClipCoverage {
        let rows = (0..real.len() as u32).collect();
        let found = Coverage::of(&[line(samples)], &line(real), &[rows], k, &Control::default()).unwrap();
        found.per_clip[0].clone()
    }

    #[test]
    fn points_on_a_line_give_the_values_computed_by_hand() {
        // with k = 1 the balls are 0+-1, 1+-1, 5+-4; samples reach 0.4+-1.1, 1.5+-1.1, 20+-18.5
        let found = one_clip(&[0.4, 1.5, 20.0], &[0.0, 1.0, 5.0], 1);
        assert_eq!(found.inside, [true, true, false]);
        assert_eq!(found.answered, [true, true, true]);
        assert_eq!((found.precision, found.coverage), (Some(2.0 / 3.0), Some(1.0)));
        assert_eq!(found.recall, Some(1.0), "5 is inside 20+-18.5: an outlier flatters recall");
        let rows: Vec<u32> = found.nearest.iter().map(|(row, _)| *row).collect();
        assert_eq!(rows, [0, 1, 2]);
        // all samples in one place answer one group of reactions
        let collapsed = one_clip(&[0.1, 0.1, 0.1], &[0.0, 0.2, 9.0, 9.2], 1);
        assert_eq!((collapsed.precision, collapsed.coverage), (Some(1.0), Some(0.5)));
        assert_eq!(collapsed.recall, Some(0.0), "equal samples have balls of no size");
    }

    #[test]
    fn the_appropriate_reactions_themselves_are_precise_and_cover_everything() {
        let mut chance = Chance::new(6, "same", &[]);
        let real: Vec<Vec<f64>> = (0..30).map(|_| (0..5).map(|_| chance.normal()).collect()).collect();
        let neighbours: Vec<Vec<u32>> = (0..6).map(|clip| (clip * 5..clip * 5 + 5).collect()).collect();
        let samples: Vec<Vec<Vec<f64>>> =
            neighbours.iter().map(|row| row.iter().map(|j| real[*j as usize].clone()).collect()).collect();
        let of = |samples: &[Vec<Vec<f64>>]| {
            Coverage::of(samples, &real, &neighbours, NEIGHBOURS, &Control::default()).unwrap()
        };
        let found = of(&samples);
        assert_eq!((found.precision, found.recall, found.coverage), (Some(1.0), Some(1.0), Some(1.0)));
        assert_eq!((found.clips_with_precision, found.clips_with_recall), (6, 6));
        // order of samples and scale of features do not matter
        let mut moved = samples.clone();
        moved.iter_mut().for_each(|clip| clip.reverse());
        assert_eq!(of(&moved).precision, Some(1.0));
        let far: Vec<Vec<Vec<f64>>> = samples
            .iter()
            .map(|clip| clip.iter().map(|row| row.iter().map(|x| x + 50.0).collect()).collect())
            .collect();
        assert_eq!((of(&far).precision, of(&far).coverage), (Some(0.0), Some(0.0)));
    }

    #[test]
    fn what_is_undefined_is_none_with_a_reason_and_does_not_enter_the_mean() {
        let real = line(&[0.0, 1.0, 2.0]);
        let samples = [line(&[0.1, 0.15]), line(&[1.0])];
        let neighbours = [vec![0], vec![1, 2]];
        let found = Coverage::of(&samples, &real, &neighbours, 3, &Control::default()).unwrap();
        assert_eq!(found.per_clip[0].undefined, [Undefined::OneAppropriateReaction]);
        assert_eq!((found.per_clip[0].precision, found.per_clip[0].coverage), (None, None));
        assert_eq!(found.per_clip[0].recall, Some(0.0));
        assert_eq!(found.per_clip[1].undefined, [Undefined::OneSample]);
        assert_eq!((found.per_clip[1].precision, found.per_clip[1].recall), (Some(1.0), None));
        assert_eq!((found.precision, found.clips_with_precision), (Some(1.0), 1));
        assert_eq!((found.per_clip[1].reach, found.per_clip[1].sample_reach), (1, 0), "k is lowered to fit");
        assert!(Undefined::OneSample.reason().contains("recall"));
    }

    #[test]
    fn what_cannot_be_compared_is_refused_with_its_place() {
        let real = line(&[0.0, 1.0]);
        let refused = |samples: &[Vec<Vec<f64>>], neighbours: &[Vec<u32>], k| {
            let fault = Coverage::of(samples, &real, neighbours, k, &Control::default()).unwrap_err();
            assert!(!fault.remedy.is_empty(), "{fault}");
            (fault.kind, fault.place)
        };
        let one = [line(&[0.0])];
        assert_eq!(refused(&one, &[vec![0]], 0).0, FaultKind::BadRequest);
        assert_eq!(refused(&one, &[], 3).0, FaultKind::Mismatch);
        for row in [vec![], vec![2], vec![1, 0, 1]] {
            let fault = refused(&one, &[row], 3);
            assert_eq!(fault, (FaultKind::Mismatch, "neighbours, row 0".to_owned()));
        }
        assert_eq!(refused(&[vec![]], &[vec![0]], 3).0, FaultKind::BadRequest);
        let fault = refused(&[vec![vec![f64::NAN]]], &[vec![0]], 3);
        assert_eq!(fault, (FaultKind::NotFinite, "clip 0, reaction 0".to_owned()));
    }
}
