//! How sure is a number: seeded bootstrap intervals over clips, and the spread over seeds.
//!
//! Clips are drawn with replacement `rounds` times (Efron 1979). The interval of a mean is read off the sorted means at
//! 2.5 % and 97.5 % (percentile), or at the shares that BCa (Efron 1987) moves them to when values are skewed. Round i
//! draws the same clips for every column of the same length, so columns may be subtracted. Draws depend on seed and
//! round alone, not on threads.
//!
//! FRDvs is no mean over clips but over *pairs* of clips, and every clip is in N - 1 of them. What a clip adds,
//! `h_n = mean over m of d(n, m)`, moves such a mean about twice as much as it moves a plain one: leaving clip n out
//! changes it by `2 (h_n - mean) / (N - 2)`, so its jackknife pseudo-values are `mean + 2 (N-1)/(N-2) (h_n - mean)`
//! (Hoeffding 1948; Arvesen 1969). [`Kind::Pairs`] resamples those.
//!
//! What an interval is not: it says nothing about other training seeds ([`Spread`] does), nor about clips of another
//! corpus. Below about 20 clips percentile intervals are too narrow.

use clips::{Chance, Control, Fault, FaultKind, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Most rounds that are accepted; far beyond what changes the second digit of an interval.
pub const MOST_ROUNDS: usize = 1_000_000;
/// Most means kept at once (rounds x columns): 1 GiB.
const MOST_MEANS: usize = 1 << 27;

/// A 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// 2.5th percentile.
    pub low: f64,
    /// 97.5th percentile.
    pub high: f64,
}

impl Interval {
    /// Whether `value` lies in it, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// How to read the interval off the resampled means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The 2.5th and 97.5th percentile.
    #[default]
    Percentile,
    /// Percentiles corrected for bias and for skewness (Efron 1987, with the acceleration of a mean).
    Bca,
}

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Resampling {
    /// Rounds; 0 for no interval.
    pub rounds: usize,
    /// Seed of the draws.
    pub seed: u64,
    /// How to read the interval.
    pub method: Method,
}

impl Default for Resampling {
    fn default() -> Self {
        Self { rounds: 2000, seed: 0, method: Method::Percentile }
    }
}

/// What the mean of a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The mean of a value that each clip has of its own.
    Clips,
    /// A mean over pairs of clips, of which the column has what each clip adds (FRDvs).
    Pairs,
}

/// The 95 % interval of the mean of one column; `None` below two clips (three for pairs) or with no rounds.
///
/// # Errors
/// As [`intervals`].
pub fn interval(
    values: &[f64],
    kind: Kind,
    resampling: &Resampling,
    control: &Control,
) -> Result<Option<Interval>> {
    Ok(intervals(&[(values, kind)], resampling, control)?.pop().flatten())
}

/// The 95 % interval of a mean over clips; `None` below two clips or with no rounds.
///
/// # Errors
/// As [`intervals`].
pub fn mean_interval(values: &[f64], resampling: &Resampling, control: &Control) -> Result<Option<Interval>> {
    interval(values, Kind::Clips, resampling, control)
}

/// The 95 % interval of a mean over pairs of clips from what each clip adds ([`MeanReaction::differences`](crate::frdvs::MeanReaction::differences)); `None` below three
/// clips or with no rounds.
///
/// # Errors
/// As [`intervals`].
pub fn pairs_interval(
    per_clip: &[f64],
    resampling: &Resampling,
    control: &Control,
) -> Result<Option<Interval>> {
    interval(per_clip, Kind::Pairs, resampling, control)
}

/// The mean of a - b over clips that both have, and its 95 % interval (paired: each round draws the same clips of
/// both); `None` below two clips or with no rounds.
///
/// # Errors
/// [`FaultKind::Mismatch`] for different lengths; else as [`intervals`].
pub fn difference_interval(
    a: &[f64],
    b: &[f64],
    resampling: &Resampling,
    control: &Control,
) -> Result<Option<(f64, Interval)>> {
    require_paired(a.len(), b.len())?;
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let interval = mean_interval(&differences, resampling, control)?;
    Ok(interval.map(|interval| (mean(&differences), interval)))
}

/// Intervals of the means of several columns over the same clips, in one pass.
///
/// # Errors
/// [`FaultKind::Mismatch`] for columns of different lengths, [`FaultKind::NotFinite`] for a value that is not a number,
/// [`FaultKind::TooLarge`] for more than [`MOST_ROUNDS`]; cancelled on request.
pub fn intervals(
    columns: &[(&[f64], Kind)],
    resampling: &Resampling,
    control: &Control,
) -> Result<Vec<Option<Interval>>> {
    let count = columns.first().map_or(0, |(values, _)| values.len());
    for (place, (values, _)) in columns.iter().enumerate() {
        require_paired(count, values.len())?;
        require_finite(values, place)?;
    }
    let rounds = resampling.rounds;
    if rounds > MOST_ROUNDS || rounds.saturating_mul(columns.len()) > MOST_MEANS {
        return Err(Fault::new(FaultKind::TooLarge, "", format!("{rounds} rounds of the bootstrap"))
            .remedy("a few thousand rounds settle an interval"));
    }
    if rounds == 0 || count < 2 {
        return Ok(vec![None; columns.len()]);
    }
    let means: Vec<Vec<f64>> = (0..rounds)
        .into_par_iter()
        .map(|round| {
            control.check()?;
            let mut chance = Chance::new(resampling.seed, "bootstrap", &[round as u64]);
            let rows: Vec<usize> = (0..count).map(|_| chance.below(count)).collect();
            Ok(columns
                .iter()
                .map(|(values, _)| rows.iter().map(|row| values[*row]).sum::<f64>() / count as f64)
                .collect())
        })
        .collect::<Result<_>>()?;
    Ok(columns
        .iter()
        .enumerate()
        .map(|(column, (values, kind))| {
            let center = mean(values);
            let gain = match kind {
                Kind::Clips => 1.0,
                Kind::Pairs if count < 3 => return None,
                Kind::Pairs => 2.0 * (count - 1) as f64 / (count - 2) as f64,
            };
            let mut sorted: Vec<f64> =
                means.iter().map(|means| center + gain * (means[column] - center)).collect();
            sorted.sort_by(f64::total_cmp);
            let (low, high) = match resampling.method {
                Method::Percentile => (0.025, 0.975),
                Method::Bca => corrected_shares(&sorted, values, center),
            };
            Some(Interval { low: percentile(&sorted, low), high: percentile(&sorted, high) })
        })
        .collect())
}

/// Shares at which BCa reads the sorted means. The skewness of pseudo-values is that of the values.
fn corrected_shares(sorted: &[f64], values: &[f64], center: f64) -> (f64, f64) {
    let below = sorted.partition_point(|mean| *mean < center);
    let not_above = sorted.partition_point(|mean| *mean <= center);
    let share = 0.5 * (below + not_above) as f64 / sorted.len() as f64;
    let square: f64 = values.iter().map(|value| (value - center).powi(2)).sum();
    if share <= 0.0 || share >= 1.0 || square <= 0.0 {
        return (0.025, 0.975);
    }
    let cube: f64 = values.iter().map(|value| (value - center).powi(3)).sum();
    let (bias, acceleration) = (normal_quantile(share), cube / (6.0 * square.powf(1.5)));
    let moved = |share: f64| {
        let shifted = bias + normal_quantile(share);
        normal_share(bias + shifted / (1.0 - acceleration * shifted)).clamp(0.0, 1.0)
    };
    (moved(0.025), moved(0.975))
}

/// P(Z <= z) of a standard normal.
pub(crate) fn normal_share(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// The z with P(Z <= z) = `share`, by halving; `share` in (0, 1).
fn normal_quantile(share: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if normal_share(middle) < share { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Percentile of a sorted, non-empty list, linear between ranks.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn require_paired(a: usize, b: usize) -> Result<()> {
    if a == b {
        return Ok(());
    }
    Err(Fault::new(FaultKind::Mismatch, "", format!("columns of {a} and {b} clips"))
        .remedy("compare values of the same clips in the same order"))
}

fn require_finite(values: &[f64], column: usize) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(clip) => Err(Fault::new(FaultKind::NotFinite, "", "a value is not a number")
            .at(format!("column {column}, clip {clip}"))
            .remedy("leave out the clips where the measure is undefined")),
    }
}

/// The values that are defined, and how many are not.
pub fn defined(values: &[Option<f64>]) -> (Vec<f64>, usize) {
    let kept: Vec<f64> = values.iter().copied().flatten().collect();
    let left_out = values.len() - kept.len();
    (kept, left_out)
}

/// One measure of the same system trained or sampled with several seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Mean over seeds.
    pub mean: f64,
    /// Standard deviation with n - 1; `None` for one seed.
    pub deviation: Option<f64>,
    /// Seeds.
    pub n: usize,
}

impl Spread {
    /// The spread of `values`, one a seed; `None` without values or when one is not a number.
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let n = values.len();
        let mean = mean(values);
        let square: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self { mean, deviation: (n > 1).then(|| (square / (n - 1) as f64).sqrt()), n })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rounds: usize, seed: u64) -> Resampling {
        Resampling { rounds, seed, method: Method::Percentile }
    }

    /// Share of `sets` drawn data sets whose interval holds the truth.
    fn covered(sets: u64, truth: f64, one: impl Fn(&mut Chance, u64) -> Interval) -> f64 {
        let hits = (0..sets)
            .filter(|set| one(&mut Chance::new(11, "coverage of intervals", &[*set]), *set).contains(truth));
        hits.count() as f64 / sets as f64
    }

    #[test]
    fn intervals_of_a_known_mean_hold_it_nineteen_times_in_twenty() {
        let control = Control::default();
        let normal = covered(500, 3.0, |chance, set| {
            let values: Vec<f64> = (0..60).map(|_| 3.0 + 2.0 * chance.normal()).collect();
            mean_interval(&values, &plan(400, set), &control).unwrap().unwrap()
        });
        assert!((0.915..=0.975).contains(&normal), "{normal}");
        // skewed values: exponential with mean 1
        for method in [Method::Percentile, Method::Bca] {
            let skewed = covered(500, 1.0, |chance, set| {
                let values: Vec<f64> = (0..60).map(|_| -(1.0 - chance.uniform()).ln()).collect();
                let plan = Resampling { method, ..plan(400, set) };
                mean_interval(&values, &plan, &control).unwrap().unwrap()
            });
            assert!((0.9..=0.975).contains(&skewed), "{method:?} {skewed}");
        }
    }

    #[test]
    fn a_mean_over_pairs_needs_its_own_interval() {
        // clips are points in three dimensions, d = squared distance, of mean 2 x 3
        let added = |chance: &mut Chance| -> Vec<f64> {
            let points: Vec<[f64; 3]> = (0..40).map(|_| std::array::from_fn(|_| chance.normal())).collect();
            let apart =
                |a: &[f64; 3], b: &[f64; 3]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum() };
            points.iter().map(|a| points.iter().map(|b| apart(a, b)).sum::<f64>() / 39.0).collect()
        };
        let control = Control::default();
        let right = covered(400, 6.0, |chance, set| {
            pairs_interval(&added(chance), &plan(300, set), &control).unwrap().unwrap()
        });
        let wrong = covered(400, 6.0, |chance, set| {
            mean_interval(&added(chance), &plan(300, set), &control).unwrap().unwrap()
        });
        assert!((0.9..=0.98).contains(&right), "{right}");
        assert!(wrong < 0.75, "taken for a plain mean the interval is half as wide: {wrong}");
    }

    #[test]
    fn the_gain_is_that_of_leaving_a_clip_out() {
        // the jackknife of the pair mean itself, from all pairs
        let mut chance = Chance::new(4, "jackknife", &[]);
        let points: Vec<f64> = (0..9).map(|_| chance.normal()).collect();
        let over_pairs = |kept: &[f64]| {
            let n = kept.len() as f64;
            kept.iter().flat_map(|a| kept.iter().map(move |b| (a - b).powi(2))).sum::<f64>() / (n * (n - 1.0))
        };
        let (n, all) = (points.len() as f64, over_pairs(&points));
        for left_out in 0..points.len() {
            let mut kept = points.clone();
            let out = kept.remove(left_out);
            let pseudo = n * all - (n - 1.0) * over_pairs(&kept);
            let adds = points.iter().map(|b| (out - b).powi(2)).sum::<f64>() / (n - 1.0);
            let gain = 2.0 * (n - 1.0) / (n - 2.0);
            assert!((pseudo - (all + gain * (adds - all))).abs() < 1e-12);
        }
    }

    #[test]
    fn threads_change_nothing_and_columns_share_their_draws() {
        let mut chance = Chance::new(1, "threads", &[]);
        let a: Vec<f64> = (0..30).map(|_| chance.normal()).collect();
        let b: Vec<f64> = a.iter().map(|a| a - 0.25).collect();
        let control = Control::default();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                intervals(&[(&a, Kind::Clips), (&b, Kind::Pairs)], &plan(500, 3), &control).unwrap()
            })
        };
        assert_eq!(on(1), on(3));
        let alone = mean_interval(&a, &plan(500, 3), &control).unwrap();
        assert_eq!(alone, on(2)[0]);
        let (difference, interval) = difference_interval(&a, &b, &plan(500, 3), &control).unwrap().unwrap();
        // the clips differ a lot, the pairs do not
        assert!((difference - 0.25).abs() < 1e-12 && interval.high - interval.low < 1e-12);
    }

    #[test]
    fn bias_and_skewness_move_the_interval_towards_the_long_tail() {
        let mut chance = Chance::new(2, "skewed", &[]);
        let values: Vec<f64> = (0..25).map(|_| (1.5 * chance.normal()).exp()).collect();
        let control = Control::default();
        let of = |method| {
            let plan = Resampling { method, ..plan(4000, 1) };
            mean_interval(&values, &plan, &control).unwrap().unwrap()
        };
        let (plain, moved) = (of(Method::Percentile), of(Method::Bca));
        assert!(moved.low > plain.low && moved.high > plain.high, "{plain:?} {moved:?}");
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-12);
        assert!((normal_share(1.0) - 0.841_344_746_068_542_9).abs() < 1e-15);
        // a constant column has an interval of one point by either method
        for method in [Method::Percentile, Method::Bca] {
            let plan = Resampling { method, ..plan(50, 1) };
            let point = mean_interval(&[2.0; 5], &plan, &control).unwrap().unwrap();
            assert_eq!((point.low, point.high), (2.0, 2.0));
        }
    }

    #[test]
    fn what_has_no_interval_is_none_and_what_cannot_be_resampled_is_refused() {
        let control = Control::default();
        assert_eq!(mean_interval(&[1.0], &plan(10, 0), &control).unwrap(), None);
        assert_eq!(mean_interval(&[1.0, 2.0], &plan(0, 0), &control).unwrap(), None);
        assert_eq!(pairs_interval(&[1.0, 1.0], &plan(10, 0), &control).unwrap(), None);
        let kind = |result: Result<Option<Interval>>| result.unwrap_err().kind;
        assert_eq!(kind(mean_interval(&[1.0, f64::NAN], &plan(10, 0), &control)), FaultKind::NotFinite);
        assert_eq!(
            kind(mean_interval(&[1.0, 2.0], &plan(MOST_ROUNDS + 1, 0), &control)),
            FaultKind::TooLarge
        );
        let fault = difference_interval(&[1.0], &[1.0, 2.0], &plan(10, 0), &control).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Mismatch);
        let stopped = Control::default();
        stopped.stop();
        assert!(mean_interval(&[1.0, 2.0], &plan(10, 0), &stopped).unwrap_err().is_cancelled());
    }

    #[test]
    fn the_spread_over_seeds_is_unbiased_and_undefined_for_one() {
        let spread = Spread::of(&[1.0, 2.0, 4.0]).unwrap();
        assert_eq!(spread.n, 3);
        assert!((spread.mean - 7.0 / 3.0).abs() < 1e-12);
        assert!((spread.deviation.unwrap() - (7.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of(&[5.0]), Some(Spread { mean: 5.0, deviation: None, n: 1 }));
        assert_eq!((Spread::of(&[]), Spread::of(&[f64::NAN])), (None, None));
        assert_eq!(defined(&[Some(1.0), None, Some(2.0)]), (vec![1.0, 2.0], 1));
    }
}
