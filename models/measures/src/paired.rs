//! Two systems over the same clips: is one better, how surely, by how much, and which may be printed bold.
//!
//! All from the differences d_n = a_n - b_n of the clips where both have a value (the others are left out and counted):
//! - the mean difference and its 95 % bootstrap interval ([`crate::uncertainty`]);
//! - the *sign-flip permutation test*: were the systems equal, each d_n might as well have the other sign. p is the share
//!   of sign patterns whose |sum| is at least the one found, over all 2^n for n <= 16, else `(1 + hits) / (1 + rounds)`
//!   over seeded random ones;
//! - the *Wilcoxon signed-rank test* (1945) as a second source that no single clip can dominate: differences of 0 are
//!   dropped, equal ones share their mean rank; exact over all sign patterns for n <= 16, else normal with correction
//!   for ties and continuity;
//! - the effect: Cohen's d_z = mean / standard deviation of the differences (n - 1), and the share of clips where a is
//!   the better one (a tie counts one half).
//!
//! Both p are two-sided. Several comparisons need a correction: [`holm`] (1979). FRDvs is a mean over pairs of clips, so
//! its columns are compared with [`Kind::Pairs`] for the interval, and have no permutation test: their differences are
//! not independent.
//!
//! Clips of one session or one person are not independent either; then all of this is too sure.

use clips::{Chance, Control, Fault, FaultKind, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::uncertainty::{Interval, Kind, Resampling, interval, mean, normal_share};

/// Below this p (adjusted) a difference is taken for one.
pub const LEVEL: f64 = 0.05;

/// Most differences whose sign patterns are all tried.
const MOST_EXACT: usize = 16;

/// Which way a measure is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// As FRCorr.
    Higher,
    /// As FRDist and FRSyn.
    Lower,
}

impl Direction {
    /// Whether `a` is better than `b`.
    pub fn better(self, a: f64, b: f64) -> bool {
        match self {
            Self::Higher => a > b,
            Self::Lower => a < b,
        }
    }
}

/// Two systems, a and b, by one measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Clips where both have a value.
    pub clips: usize,
    /// Clips where one of them has none.
    pub left_out: usize,
    /// Mean of a over the shared clips.
    pub mean_a: f64,
    /// Mean of b over the shared clips.
    pub mean_b: f64,
    /// Mean of a - b.
    pub difference: f64,
    /// 95 % interval of the difference; `None` below two clips (three for pairs) or without rounds.
    pub interval: Option<Interval>,
    /// p of the sign-flip permutation test; `None` for means over pairs, or above 16 clips without rounds.
    pub permutation: Option<f64>,
    /// p of the signed-rank test; `None` for means over pairs, or when all differences are 0.
    pub signed_rank: Option<f64>,
    /// Whether all sign patterns were tried in the permutation test.
    pub exact: bool,
    /// Cohen's d_z; `None` below two clips or when all differences are equal.
    pub effect: Option<f64>,
    /// Share of clips where a is better, ties counting one half.
    pub better: f64,
    /// The shared clips and their differences, in order.
    pub differences: Vec<(u32, f64)>,
}

impl Comparison {
    /// Compares one value a clip of system `a` with that of system `b`; `kind` says what their mean is.
    ///
    /// # Errors
    /// [`FaultKind::Mismatch`] for different numbers of clips, [`FaultKind::BadRequest`] when no clip has both values,
    /// [`FaultKind::NotFinite`] for what is no number; as [`crate::uncertainty::intervals`].
    pub fn of(
        a: &[Option<f64>],
        b: &[Option<f64>],
        direction: Direction,
        kind: Kind,
        resampling: &Resampling,
        control: &Control,
    ) -> Result<Self> {
        if a.len() != b.len() {
            return Err(Fault::new(FaultKind::Mismatch, "", format!("{} and {} clips", a.len(), b.len()))
                .remedy("compare systems over the same clips in the same order"));
        }
        let shared: Vec<(u32, f64, f64)> =
            (0u32..).zip(a.iter().zip(b)).filter_map(|(clip, (a, b))| Some((clip, (*a)?, (*b)?))).collect();
        if shared.is_empty() {
            return Err(Fault::new(FaultKind::BadRequest, "", "no clip has a value of both systems")
                .remedy("compare by a measure that is defined for both"));
        }
        if let Some((clip, ..)) = shared.iter().find(|(_, a, b)| !(a - b).is_finite()) {
            return Err(Fault::new(FaultKind::NotFinite, "", "a value is not a number")
                .at(format!("clip {clip}"))
                .remedy("leave undefined values empty"));
        }
        let values = |of: fn(&(u32, f64, f64)) -> f64| shared.iter().map(of).collect::<Vec<f64>>();
        let differences = values(|(_, a, b)| a - b);
        let better: f64 = shared
            .iter()
            .map(|(_, a, b)| if a == b { 0.5 } else { f64::from(u8::from(direction.better(*a, *b))) })
            .sum();
        let independent = kind == Kind::Clips;
        Ok(Self {
            clips: shared.len(),
            left_out: a.len() - shared.len(),
            mean_a: mean(&values(|(_, a, _)| *a)),
            mean_b: mean(&values(|(_, _, b)| *b)),
            difference: mean(&differences),
            interval: interval(&differences, kind, resampling, control)?,
            permutation: if independent { permutation(&differences, resampling, control)? } else { None },
            signed_rank: if independent { signed_rank(&differences) } else { None },
            exact: independent && shared.len() <= MOST_EXACT,
            effect: effect(&differences),
            better: better / shared.len() as f64,
            differences: shared.iter().map(|(clip, a, b)| (*clip, a - b)).collect(),
        })
    }
}

/// p of the sign-flip permutation test of a mean of 0, two-sided; `None` without differences, or above 16 of them
/// without rounds. All differences 0 give 1.
///
/// # Errors
/// Cancelled on request.
pub fn permutation(differences: &[f64], resampling: &Resampling, control: &Control) -> Result<Option<f64>> {
    if differences.is_empty() {
        return Ok(None);
    }
    if differences.len() <= MOST_EXACT {
        return Ok(Some(over_all_signs(differences)));
    }
    let rounds = resampling.rounds;
    if rounds == 0 {
        return Ok(None);
    }
    let least = reached(differences);
    let hits = (0..rounds)
        .into_par_iter()
        .map(|round| {
            control.check()?;
            let mut chance = Chance::new(resampling.seed, "sign flips", &[round as u64]);
            let sum: f64 = differences
                .chunks(64)
                .map(|chunk| {
                    let signs = chance.bits();
                    chunk.iter().enumerate().map(|(bit, d)| signed(*d, signs, bit)).sum::<f64>()
                })
                .sum();
            Ok(usize::from(sum.abs() >= least))
        })
        .collect::<Result<Vec<usize>>>()?;
    Ok(Some((1 + hits.iter().sum::<usize>()) as f64 / (1 + rounds) as f64))
}

/// Share of all sign patterns whose |sum| is at least that of `values`; at most 16 of them.
fn over_all_signs(values: &[f64]) -> f64 {
    let least = reached(values);
    // the mirrored pattern has the same |sum|: the first sign may stay
    let patterns = 1u64 << values.len().saturating_sub(1);
    let hits = (0..patterns)
        .filter(|signs| {
            let sum: f64 = values.iter().rev().enumerate().map(|(bit, d)| signed(*d, *signs, bit)).sum();
            sum.abs() >= least
        })
        .count();
    hits as f64 / patterns as f64
}

/// The |sum| that counts as reached: sums of the same terms in another order must not fall short by rounding.
fn reached(values: &[f64]) -> f64 {
    values.iter().sum::<f64>().abs() - 1e-12 * values.iter().map(|d| d.abs()).sum::<f64>()
}

fn signed(value: f64, signs: u64, bit: usize) -> f64 {
    if signs >> bit & 1 == 1 { -value } else { value }
}

/// p of the Wilcoxon signed-rank test, two-sided; `None` when all differences are 0.
pub fn signed_rank(differences: &[f64]) -> Option<f64> {
    let mut moved: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    if moved.is_empty() {
        return None;
    }
    moved.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let (n, mut ranks, mut ties) = (moved.len() as f64, Vec::with_capacity(moved.len()), 0.0);
    for group in moved.chunk_by(|a, b| a.abs() == b.abs()) {
        let size = group.len() as f64;
        let rank = ranks.len() as f64 + 0.5 * (size + 1.0);
        ranks.extend(group.iter().map(|d| rank.copysign(*d)));
        ties += size * size * size - size;
    }
    if ranks.len() <= MOST_EXACT {
        return Some(over_all_signs(&ranks));
    }
    let positive: f64 = ranks.iter().filter(|rank| **rank > 0.0).sum();
    let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0;
    let away = ((positive - n * (n + 1.0) / 4.0).abs() - 0.5).max(0.0);
    Some((2.0 * normal_share(-away / variance.sqrt())).min(1.0))
}

fn effect(differences: &[f64]) -> Option<f64> {
    let (n, mean) = (differences.len() as f64, mean(differences));
    let square: f64 = differences.iter().map(|d| (d - mean).powi(2)).sum();
    // equal differences leave a rounding error, not a spread
    let floor = 1e-24 * differences.iter().map(|d| d * d).sum::<f64>();
    (n > 1.0 && square > floor).then(|| mean / (square / (n - 1.0)).sqrt())
}

/// Holm's adjusted p-values (1979): compared with 0.05 they keep the chance of any false alarm among all of them below
/// 5 %. What is `None` is no comparison and does not count.
pub fn holm(values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> =
        values.iter().enumerate().filter_map(|(place, p)| Some((place, (*p)?))).collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut adjusted = vec![None; values.len()];
    let (count, mut largest) = (order.len(), 0.0f64);
    for (rank, (place, p)) in order.into_iter().enumerate() {
        largest = largest.max(((count - rank) as f64 * p).min(1.0));
        adjusted[place] = Some(largest);
    }
    adjusted
}

/// Which systems may be printed bold in one column of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bold {
    /// One a system.
    pub bold: Vec<bool>,
    /// The system with the best mean over the shared clips (the first of equals); `None` when none can be named.
    pub best: Option<usize>,
    /// Clips where every system that has values has one.
    pub clips: usize,
    /// Mean difference of each system to the best and its interval; `None` for the best and for what has none.
    pub to_best: Vec<Option<(f64, Interval)>>,
    /// p of the sign-flip test of each system against the best, adjusted by [`holm`] for all of them; `None` for the best
    /// and for means over pairs, which have no such test.
    pub adjusted: Vec<Option<f64>>,
    /// Why nothing is bold; empty when something is.
    pub reason: String,
}

/// Bold only where the interval allows. `columns` has for each system one value a clip; over the clips that all systems
/// with values share:
///
/// 1. the best mean names the best system;
/// 2. a system is *told apart* from it when the 95 % interval of their paired difference leaves 0 out and p of the
///    sign-flip test, adjusted by [`holm`] for all systems of the column, is below [`LEVEL`] (a mean over pairs of clips
///    has no such test: there the interval alone decides);
/// 3. bold are the best and all that are not told apart from it, but only when at least one other system *is* told
///    apart: where nothing can be told apart, nothing is bold.
///
/// A system without any value is never bold and does not take part.
///
/// # Errors
/// [`FaultKind::Mismatch`] for different numbers of clips; as [`crate::uncertainty::intervals`].
pub fn bold(
    columns: &[Vec<Option<f64>>],
    direction: Direction,
    kind: Kind,
    resampling: &Resampling,
    control: &Control,
) -> Result<Bold> {
    let clips = columns.first().map_or(0, Vec::len);
    if let Some(other) = columns.iter().find(|column| column.len() != clips) {
        return Err(Fault::new(FaultKind::Mismatch, "", format!("{clips} and {} clips", other.len()))
            .remedy("compare systems over the same clips in the same order"));
    }
    let taking_part: Vec<usize> =
        (0..columns.len()).filter(|system| columns[*system].iter().any(Option::is_some)).collect();
    let shared: Vec<usize> = (0..clips)
        .filter(|clip| taking_part.iter().all(|system| columns[*system][*clip].is_some()))
        .collect();
    let mut found = Bold {
        bold: vec![false; columns.len()],
        best: None,
        clips: shared.len(),
        to_best: vec![None; columns.len()],
        adjusted: vec![None; columns.len()],
        reason: String::new(),
    };
    if taking_part.len() < 2 || shared.len() < 2 {
        found.reason = format!("{} systems over {} shared clips", taking_part.len(), shared.len());
        return Ok(found);
    }
    let values =
        |system: usize| -> Vec<f64> { shared.iter().filter_map(|clip| columns[system][*clip]).collect() };
    let mut best = (taking_part[0], mean(&values(taking_part[0])));
    for system in &taking_part[1..] {
        let candidate = mean(&values(*system));
        if direction.better(candidate, best.1) {
            best = (*system, candidate);
        }
    }
    let of_best = values(best.0);
    let mut apart = vec![false; columns.len()];
    let independent = kind == Kind::Clips;
    for system in taking_part.iter().copied().filter(|system| *system != best.0) {
        let differences: Vec<f64> = values(system).iter().zip(&of_best).map(|(a, b)| a - b).collect();
        let Some(interval) = interval(&differences, kind, resampling, control)? else { continue };
        apart[system] = !interval.contains(0.0);
        found.to_best[system] = Some((mean(&differences), interval));
        if independent {
            found.adjusted[system] = permutation(&differences, resampling, control)?;
        }
    }
    if independent {
        found.adjusted = holm(&found.adjusted);
        apart
            .iter_mut()
            .zip(&found.adjusted)
            .for_each(|(apart, p)| *apart = *apart && p.is_some_and(|p| p < LEVEL));
    }
    found.best = Some(best.0);
    if apart.contains(&true) {
        taking_part.iter().for_each(|system| found.bold[*system] = !apart[*system]);
    } else {
        found.reason = "no system can be told apart from the best".to_owned();
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rounds: usize) -> Resampling {
        Resampling { rounds, seed: 1, ..Resampling::default() }
    }

    fn compare(a: &[Option<f64>], b: &[Option<f64>]) -> Comparison {
        let control = Control::default();
        Comparison::of(a, b, Direction::Higher, Kind::Clips, &plan(2000), &control).unwrap()
    }

    fn some(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    fn normal(count: usize, mean: f64, seed: u64) -> Vec<f64> {
        let mut chance = Chance::new(seed, "paired", &[]);
        (0..count).map(|_| mean + chance.normal()).collect()
    }

    /// Heights of cross- and self-fertilised maize (Darwin 1876), the example of Fisher and of scipy's documentation.
    const MAIZE: [f64; 15] =
        [6.0, 8.0, 14.0, 16.0, 23.0, 24.0, 28.0, 29.0, 41.0, -48.0, 49.0, 56.0, 60.0, -67.0, 75.0];

    #[test]
    fn darwins_maize_has_its_published_p_values() {
        // scipy 1.17: wilcoxon(d).pvalue
        assert!((signed_rank(&MAIZE).unwrap() - 0.041_259_765_625).abs() < 1e-15);
        // Fisher's permutation of the same plants (The Design of Experiments, 21): 1726 of 32768
        let p = permutation(&MAIZE, &plan(0), &Control::default()).unwrap().unwrap();
        assert!((p - 1726.0 / 32768.0).abs() < 1e-15, "{p}");
    }

    #[test]
    fn values_worked_by_hand() {
        let found = compare(&some(&[3.0, 5.0, 2.0, 4.0]), &[Some(1.0), Some(4.0), None, Some(4.0)]);
        assert_eq!((found.clips, found.left_out), (3, 1));
        assert_eq!((found.mean_a, found.mean_b, found.difference), (4.0, 3.0, 1.0));
        assert_eq!((found.better, found.effect), (2.5 / 3.0, Some(1.0)));
        assert_eq!(found.differences, [(0, 2.0), (1, 1.0), (3, 0.0)]);
        // signs of 2, 1, 0: |sum| = 3 in 4 of 8 patterns; ranks of 2 and 1: 3 in 2 of 4
        assert_eq!((found.permutation, found.signed_rank, found.exact), (Some(0.5), Some(0.5), true));
    }

    #[test]
    fn the_random_patterns_and_the_normal_curve_agree_with_all_patterns() {
        let mut values = normal(16, 0.6, 3);
        let control = Control::default();
        let exact = permutation(&values, &plan(0), &control).unwrap().unwrap();
        values.push(0.0); // adds nothing to any sum, but is the 17th
        assert_eq!(permutation(&values, &plan(0), &control).unwrap(), None);
        let drawn = permutation(&values, &plan(40_000), &control).unwrap().unwrap();
        assert!(
            (exact - drawn).abs() < 4.0 * (exact * (1.0 - exact) / 40_000.0f64).sqrt(),
            "{exact} {drawn}"
        );
        // 18 values with ties; scipy 1.17: wilcoxon(d, method="approx", correction=True)
        let tied =
            [1.0, 1.0, -1.0, 2.0, 2.0, 3.0, -3.0, 4.0, 5.0, 5.0, 5.0, -6.0, 7.0, 8.0, 9.0, 9.0, -10.0, 11.0];
        assert!(
            (signed_rank(&tied).unwrap() - 0.038_326_608_296_465_545).abs() < 1e-12,
            "{:?}",
            signed_rank(&tied)
        );
    }

    #[test]
    fn equal_systems_differ_by_chance_only_and_false_alarms_are_one_in_twenty() {
        let same = normal(40, 0.0, 1);
        let found = compare(&some(&same), &some(&same));
        assert_eq!((found.permutation, found.signed_rank, found.effect), (Some(1.0), None, None));
        assert_eq!((found.better, found.difference), (0.5, 0.0));
        assert!(found.interval.unwrap().contains(0.0));
        let (mut by_sum, mut by_rank) = (0, 0);
        for seed in 0..300 {
            let values = normal(30, 0.0, seed);
            by_sum +=
                usize::from(permutation(&values, &plan(400), &Control::default()).unwrap().unwrap() <= 0.05);
            by_rank += usize::from(signed_rank(&values).unwrap() <= 0.05);
        }
        assert!((5..=26).contains(&by_sum) && (5..=26).contains(&by_rank), "{by_sum} {by_rank} of 300");
    }

    #[test]
    fn swapping_the_systems_mirrors_everything() {
        let (a, b) = (normal(50, 0.5, 1), normal(50, 0.0, 2));
        let (one, other) = (compare(&some(&a), &some(&b)), compare(&some(&b), &some(&a)));
        assert_eq!((one.permutation, one.signed_rank), (other.permutation, other.signed_rank));
        assert!((one.difference + other.difference).abs() < 1e-12);
        assert!((one.effect.unwrap() + other.effect.unwrap()).abs() < 1e-12);
        assert!((one.better + other.better - 1.0).abs() < 1e-12);
        let (one, other) = (one.interval.unwrap(), other.interval.unwrap());
        assert!((one.low + other.high).abs() < 1e-9 && (one.high + other.low).abs() < 1e-9);
    }

    #[test]
    fn holm_multiplies_the_smallest_by_the_number_and_never_falls() {
        // 4 x 0.005, 3 x 0.01, 2 x 0.03, and 1 x 0.04 is held at the one before
        let found = holm(&[Some(0.01), None, Some(0.04), Some(0.03), Some(0.005)]);
        let expected = [Some(0.03), None, Some(0.06), Some(0.06), Some(0.02)];
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found.is_some(), expected.is_some());
            assert!((found.unwrap_or(0.0) - expected.unwrap_or(0.0)).abs() < 1e-15, "{found:?}");
        }
        assert_eq!(holm(&[Some(0.9), Some(0.8)]), [Some(1.0), Some(1.0)]);
    }

    #[test]
    fn bold_is_what_cannot_be_told_from_the_best_and_nothing_when_nothing_can_be() {
        let of = |columns: &[Vec<Option<f64>>], direction| {
            bold(columns, direction, Kind::Clips, &plan(1000), &Control::default()).unwrap()
        };
        let base = normal(60, 0.0, 5);
        let like = |shift: f64, jitter: f64, seed| -> Vec<Option<f64>> {
            base.iter()
                .zip(normal(60, shift, seed))
                .map(|(x, e)| Some(x + shift + jitter * (e - shift)))
                .collect()
        };
        let (best, close, far) = (like(1.0, 0.1, 1), like(0.99, 0.3, 2), like(0.2, 0.1, 3));
        let none = vec![None; 60];
        let found = of(&[far.clone(), best.clone(), none.clone(), close.clone()], Direction::Higher);
        assert_eq!(found.bold, [false, true, false, true], "{found:?}");
        assert_eq!((found.best, found.clips, found.to_best[1].is_none()), (Some(1), 60, true));
        assert_eq!(
            of(&[far.clone(), best.clone(), close.clone()], Direction::Lower).bold,
            [true, false, false]
        );
        let undecided = of(&[best.clone(), close], Direction::Higher);
        assert_eq!(undecided.bold, [false, false]);
        assert!(undecided.reason.contains("told apart"));
        assert_eq!(of(&[best.clone(), none], Direction::Higher).bold, [false, false]);
        // the interval alone is not enough: four clips of one sign have p 2/16, whatever their interval
        let (ahead, behind) = (some(&[1.0, 1.1, 1.2, 1.1]), some(&[0.5, 0.5, 0.6, 0.6]));
        let few = of(&[ahead, behind], Direction::Higher);
        assert!(few.to_best[1].is_some_and(|(_, interval)| !interval.contains(0.0)), "{few:?}");
        assert_eq!((few.bold.as_slice(), few.adjusted[1]), (&[false, false][..], Some(0.125)));
        // and each p pays for the others: 2/64 alone is below 0.05, of two it is not
        let (first, close) = (some(&[1.0, 1.1, 1.2, 1.1, 1.3, 1.0]), some(&[0.9, 1.2, 1.1, 1.2, 1.2, 1.1]));
        let lower = some(&[0.1, 0.2, 0.1, 0.2, 0.1, 0.2]);
        assert_eq!(of(&[first.clone(), lower.clone()], Direction::Higher).bold, [true, false]);
        assert_eq!(of(&[first, lower, close], Direction::Higher).bold, [false; 3]);
        // clips that one of them lacks are not compared
        let mut gaps = far;
        gaps[3] = None;
        assert_eq!(of(&[best, gaps], Direction::Higher).clips, 59);
    }

    #[test]
    fn means_over_pairs_have_an_interval_twice_as_wide_and_no_test() {
        let (a, b) = (some(&normal(30, 0.5, 1)), some(&normal(30, 0.0, 2)));
        let of =
            |kind| Comparison::of(&a, &b, Direction::Higher, kind, &plan(500), &Control::default()).unwrap();
        let (plain, pairs) = (of(Kind::Clips), of(Kind::Pairs));
        assert_eq!((pairs.permutation, pairs.signed_rank), (None, None));
        let width = |found: &Comparison| found.interval.map(|interval| interval.high - interval.low).unwrap();
        assert!((width(&pairs) / width(&plain) - 2.0 * 29.0 / 28.0).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let kind = |a: &[Option<f64>], b: &[Option<f64>]| {
            let control = Control::default();
            Comparison::of(a, b, Direction::Lower, Kind::Clips, &plan(10), &control).unwrap_err().kind
        };
        assert_eq!(kind(&[Some(1.0)], &[]), FaultKind::Mismatch);
        assert_eq!(kind(&[Some(1.0), None], &[None, Some(1.0)]), FaultKind::BadRequest);
        assert_eq!(kind(&[Some(f64::NAN)], &[Some(1.0)]), FaultKind::NotFinite);
    }
}
