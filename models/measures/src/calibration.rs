//! Does a reaction-matching score mean what it says? Of reactions given the probability p of being appropriate, a share
//! p should be.
//!
//! From pairs (probability p_i, appropriate y_i):
//! - *reliability*: probabilities in bins of equal width, in each the mean probability beside the share that is
//!   appropriate, with its 95 % Wilson interval (1927);
//! - *expected calibration error* `sum_b n_b / n |share_b - mean_b|` (Naeini et al. 2015); it depends on the bins, which
//!   are said with it, and is biased upwards where bins are thinly filled;
//! - *Brier score* (1950) `(1/n) sum (p_i - y_i)^2`, which needs no bins; beside it that of always saying the base rate
//!   r, `r (1 - r)`, which a score of any use is below;
//! - *area under the curve* of appropriate against not: ranking alone, blind to calibration.
//!
//! A logit of the model becomes a probability by [`probability`].

use clips::{Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};

use crate::intents::area_under_curve;
use crate::uncertainty::Interval;

/// Bins that are usual.
pub const BINS: usize = 10;
const MOST_BINS: usize = 1000;
/// 97.5th percentile of a standard normal.
const Z: f64 = 1.959_963_984_540_054;

/// One bar of the reliability diagram.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Lower end, in the bin.
    pub low: f64,
    /// Upper end; in the bin only when it is 1.
    pub high: f64,
    /// Reactions in it.
    pub count: usize,
    /// Mean probability of them; `None` for an empty bin.
    pub mean: Option<f64>,
    /// Share of them that is appropriate; `None` for an empty bin.
    pub share: Option<f64>,
    /// Wilson interval of the share; `None` for an empty bin.
    pub interval: Option<Interval>,
    /// Positions of the pairs in it.
    pub members: Vec<u32>,
}

/// Calibration and ranking of reaction-matching scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Bins from 0 to 1.
    pub bins: Vec<Bin>,
    /// Expected calibration error over these bins.
    pub expected_error: f64,
    /// Largest difference of share and mean over filled bins.
    pub largest_error: f64,
    /// Brier score.
    pub brier: f64,
    /// Brier score of always saying the base rate.
    pub brier_of_base_rate: f64,
    /// Share that is appropriate.
    pub base_rate: f64,
    /// Area under the curve; `None` when all or none are appropriate.
    pub area: Option<f64>,
    /// Pairs.
    pub count: usize,
}

/// The probability that a logit says.
pub fn probability(logit: f64) -> f64 {
    if logit >= 0.0 {
        1.0 / (1.0 + (-logit).exp())
    } else {
        let power = logit.exp();
        power / (1.0 + power)
    }
}

/// What each pair adds to the Brier score, `(p - y)^2`: a column for intervals and for finding the worst ranked.
pub fn brier_terms(pairs: &[(f64, bool)]) -> Vec<f64> {
    pairs.iter().map(|(p, appropriate)| (p - f64::from(u8::from(*appropriate))).powi(2)).collect()
}

impl Calibration {
    /// Measures `pairs` of (probability, appropriate?) in `bins` bins of equal width.
    ///
    /// # Errors
    /// [`FaultKind::BadRequest`] without pairs or with no or more than 1000 bins, [`FaultKind::OutOfRange`] for what is
    /// no probability.
    pub fn of(pairs: &[(f64, bool)], bins: usize) -> Result<Self> {
        if pairs.is_empty() || bins == 0 || bins > MOST_BINS || u32::try_from(pairs.len()).is_err() {
            return Err(Fault::new(
                FaultKind::BadRequest,
                "",
                format!("{} pairs in {bins} bins", pairs.len()),
            )
            .remedy(format!("give at least one scored reaction and 1 to {MOST_BINS} bins")));
        }
        if let Some(place) = pairs.iter().position(|(p, _)| !(0.0..=1.0).contains(p)) {
            return Err(Fault::new(
                FaultKind::OutOfRange,
                "",
                format!("{} is no probability", pairs[place].0),
            )
            .at(format!("pair {place}"))
            .remedy("turn logits into probabilities first"));
        }
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); bins];
        for (place, (p, _)) in (0u32..).zip(pairs) {
            members[((p * bins as f64) as usize).min(bins - 1)].push(place);
        }
        let bins: Vec<Bin> = members
            .into_iter()
            .enumerate()
            .map(|(bin, members)| {
                let edge = |bin: usize| bin as f64 / bins as f64;
                let count = members.len();
                let of = |value: fn(&(f64, bool)) -> f64| {
                    let sum: f64 = members.iter().map(|place| value(&pairs[*place as usize])).sum();
                    (count > 0).then(|| sum / count as f64)
                };
                let (mean, share) = (of(|(p, _)| *p), of(|(_, y)| f64::from(u8::from(*y))));
                let interval = share.map(|share| wilson(share, count));
                Bin { low: edge(bin), high: edge(bin + 1), count, mean, share, interval, members }
            })
            .collect();
        let count = pairs.len() as f64;
        let errors =
            || bins.iter().filter_map(|bin| Some(((bin.share? - bin.mean?).abs(), bin.count as f64 / count)));
        let side = |wanted: bool| -> Vec<f64> {
            pairs.iter().filter(|(_, y)| *y == wanted).map(|(p, _)| *p).collect()
        };
        let (positive, negative) = (side(true), side(false));
        let base_rate = positive.len() as f64 / count;
        Ok(Self {
            expected_error: errors().map(|(error, weight)| error * weight).sum(),
            largest_error: errors().map(|(error, _)| error).fold(0.0, f64::max),
            brier: brier_terms(pairs).iter().sum::<f64>() / count,
            brier_of_base_rate: base_rate * (1.0 - base_rate),
            base_rate,
            area: area_under_curve(&positive, &negative),
            count: pairs.len(),
            bins,
        })
    }
}

/// Wilson's 95 % interval of a share of `count`.
fn wilson(share: f64, count: usize) -> Interval {
    let n = count as f64;
    let center = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let reach = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt() / (1.0 + Z * Z / n);
    Interval { low: (center - reach).max(0.0), high: (center + reach).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clips::Chance;

    #[test]
    fn a_few_pairs_give_the_values_computed_by_hand() {
        let pairs = [(0.1, false), (0.2, true), (0.8, true), (0.9, true), (1.0, false)];
        let found = Calibration::of(&pairs, 2).unwrap();
        assert_eq!((found.bins[0].members.as_slice(), found.bins[1].count), ([0, 1].as_slice(), 3));
        assert_eq!((found.bins[0].share, found.bins[1].share), (Some(0.5), Some(2.0 / 3.0)));
        // |0.5 - 0.15| x 2/5 + |2/3 - 0.9| x 3/5
        assert!((found.expected_error - (0.14 + 0.14)).abs() < 1e-12, "{}", found.expected_error);
        assert!((found.largest_error - 0.35).abs() < 1e-12);
        assert!((found.brier - (0.01 + 0.64 + 0.04 + 0.01 + 1.0) / 5.0).abs() < 1e-12);
        assert!((found.brier_of_base_rate - 0.24).abs() < 1e-12);
        // 0.2 beats one, 0.8 one, 0.9 one of two each: 3 of 6
        assert_eq!(found.area, Some(0.5));
        let empty = Calibration::of(&[(0.9, true)], 4).unwrap();
        assert_eq!((empty.bins[0].share, empty.bins[0].interval, empty.area), (None, None, None));
    }

    #[test]
    fn outcomes_drawn_with_their_probability_are_calibrated_and_pushed_ones_are_not() {
        let mut chance = Chance::new(3, "calibrated", &[]);
        let pairs: Vec<(f64, bool)> = (0..40_000)
            .map(|_| {
                let p = chance.uniform();
                (p, chance.happens(p))
            })
            .collect();
        let found = Calibration::of(&pairs, BINS).unwrap();
        assert!(found.expected_error < 0.01, "{}", found.expected_error);
        // for uniform p: E p (1 - p) = 1/6 and area = 5/6
        assert!((found.brier - 1.0 / 6.0).abs() < 0.005 && (found.area.unwrap() - 5.0 / 6.0).abs() < 0.005);
        let held = found.bins.iter().filter(|bin| bin.interval.unwrap().contains(0.5 * (bin.low + bin.high)));
        assert!(held.count() >= 8);
        // three times the logit: overconfident, but ranked the same
        let pushed: Vec<(f64, bool)> =
            pairs.iter().map(|(p, y)| (probability(3.0 * (p / (1.0 - p)).ln()), *y)).collect();
        let worse = Calibration::of(&pushed, BINS).unwrap();
        assert!(worse.expected_error > 0.1 && worse.brier > found.brier);
        assert!((worse.area.unwrap() - found.area.unwrap()).abs() < 1e-3);
    }

    #[test]
    fn logits_keep_their_meaning_at_the_ends() {
        assert_eq!((probability(0.0), probability(800.0), probability(-800.0)), (0.5, 1.0, 0.0));
        assert!((probability(2.0) + probability(-2.0) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn the_interval_of_a_share_is_wilsons() {
        // 8 of 10, by scipy 1.17: binomtest(8, 10).proportion_ci(method="wilson")
        let interval = wilson(0.8, 10);
        assert!(
            (interval.low - 0.490_162_471_536).abs() < 1e-9
                && (interval.high - 0.943_317_848_545).abs() < 1e-9,
            "{interval:?}"
        );
        assert_eq!(wilson(0.0, 5).low, 0.0);
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        assert_eq!(Calibration::of(&[], 5).unwrap_err().kind, FaultKind::BadRequest);
        assert_eq!(Calibration::of(&[(0.5, true)], 0).unwrap_err().kind, FaultKind::BadRequest);
        let fault = Calibration::of(&[(0.5, true), (1.5, true)], 5).unwrap_err();
        assert_eq!((fault.kind, fault.place.as_str()), (FaultKind::OutOfRange, "pair 1"));
        assert!(Calibration::of(&[(f64::NAN, true)], 5).is_err());
    }
}
