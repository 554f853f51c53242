//! How far the generated reactions as a whole are from the real ones as a whole.
//!
//! **Ours, not the FID or FRRea of the papers.** FRRea compares rendered pictures by Inception features; this compares
//! reactions by the 75 numbers of [`summary`](crate::summary), in units of the real set. Values of the two have nothing
//! to do with each other.
//!
//! *Frechet distance* (Dowson and Landau 1982, of Gaussians with the moments of both sets):
//! `|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))`, covariances divided by n - 1. Lower is better. It is biased: finite
//! sets of one distribution are apart, the more the smaller they are; and with fewer than features + 1 reactions a
//! covariance is singular, which is said in [`Realism::cautions`]. Compare systems only at equal counts.
//!
//! *Kernel distance* (as KID, Binkowski 2018): the unbiased estimate of the squared maximum mean discrepancy with the
//! kernel `(x y / d + 1)^3`. Two sets of one distribution give 0 on average, so single values may be negative. Unbiased
//! means: for independent reactions. Samples for one clip are not independent; give one sample a clip where that
//! matters.
//!
//! The trace is the sum of the singular values of `R1^T R2` where `C = R R^T`: no root of a rounding error is taken, so
//! equal sets are at 0 even when covariances are singular.

use clips::{Control, Fault, FaultKind, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::orthogonal::{dot, nuclear_norm, root};
use crate::summary::{Standard, require_rows};

/// How far two sets of reactions are from each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Realism {
    /// Frechet distance on standardised features; `None` below two reactions on a side.
    pub frechet: Option<f64>,
    /// Unbiased kernel distance on standardised features; `None` below two reactions on a side.
    pub kernel: Option<f64>,
    /// Real reactions.
    pub real: usize,
    /// Generated reactions.
    pub generated: usize,
    /// Features of each.
    pub features: usize,
    /// What a reader of the numbers must know.
    pub cautions: Vec<String>,
}

impl Realism {
    /// Compares features of `generated` reactions with those of `real` ones, both in units of the real set. Costs
    /// (real + generated)^2 products of rows.
    ///
    /// # Errors
    /// No reactions on a side, rows of different widths, values that are not numbers; cancelled on request.
    pub fn of<R: AsRef<[f64]>>(real: &[R], generated: &[R], control: &Control) -> Result<Self> {
        let features = require_rows("real", real, None)?;
        require_rows("generated", generated, Some(features))?;
        let standard = Standard::of(real)?;
        let in_units =
            |rows: &[R]| -> Vec<Vec<f64>> { rows.iter().map(|row| standard.apply(row.as_ref())).collect() };
        let (real, generated) = (in_units(real), in_units(generated));
        let fewest = real.len().min(generated.len());
        let mut cautions = Vec::new();
        if fewest < 2 {
            cautions.push("One reaction has no spread: both distances are undefined".to_owned());
        } else if fewest <= features {
            cautions.push(format!(
                "{fewest} reactions for {features} features: a covariance is singular and the Frechet distance is \
                 mostly its bias; read the kernel distance"
            ));
        }
        let defined = fewest >= 2;
        Ok(Self {
            frechet: defined.then(|| frechet_distance(&real, &generated)).transpose()?,
            kernel: defined.then(|| kernel_distance(&real, &generated, control)).transpose()?,
            real: real.len(),
            generated: generated.len(),
            features,
            cautions,
        })
    }
}

/// The Frechet distance of the Gaussians with the moments of two sets of rows, as they are (not standardised).
///
/// # Errors
/// [`FaultKind::BadRequest`] below two rows on a side, [`FaultKind::Mismatch`] for different widths,
/// [`FaultKind::NotFinite`] for values that are not numbers.
pub fn frechet_distance<R: AsRef<[f64]>>(a: &[R], b: &[R]) -> Result<f64> {
    require_spread(a, b)?;
    let ((a_mean, a), (b_mean, b)) = (moments(a), moments(b));
    let trace = |covariance: &[Vec<f64>]| (0..covariance.len()).map(|k| covariance[k][k]).sum::<f64>();
    let traces = trace(&a) + trace(&b);
    let (a, b) = (root(a)?, root(b)?);
    let shared =
        nuclear_norm(b.iter().map(|right| a.iter().map(|left| dot(left, right)).collect()).collect())?;
    let apart: f64 = a_mean.iter().zip(&b_mean).map(|(a, b)| (a - b).powi(2)).sum();
    // it is a distance: what is below 0 is rounding
    Ok((apart + traces - 2.0 * shared).max(0.0))
}

/// Mean, and the columns of the covariance divided by n - 1.
fn moments<R: AsRef<[f64]>>(rows: &[R]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let width = rows[0].as_ref().len();
    let columns = (0..width).map(|column| rows.iter().map(|row| row.as_ref()[column]).collect::<Vec<f64>>());
    let (mean, centred): (Vec<f64>, Vec<Vec<f64>>) = columns
        .map(|column| {
            let mean = crate::uncertainty::mean(&column);
            (mean, column.iter().map(|value| value - mean).collect())
        })
        .unzip();
    let rest = (rows.len() - 1) as f64;
    let covariance = centred.iter().map(|a| centred.iter().map(|b| dot(a, b) / rest).collect()).collect();
    (mean, covariance)
}

/// The unbiased squared maximum mean discrepancy of two sets of rows, as they are (not standardised), with the kernel
/// `(x y / d + 1)^3`.
///
/// # Errors
/// As [`frechet_distance`]; cancelled on request.
pub fn kernel_distance<R: AsRef<[f64]> + Sync>(a: &[R], b: &[R], control: &Control) -> Result<f64> {
    require_spread(a, b)?;
    let (within_a, within_b) = (kernel_sum(a, None, control)?, kernel_sum(b, None, control)?);
    let between = kernel_sum(a, Some(b), control)?;
    let (m, n) = (a.len() as f64, b.len() as f64);
    Ok(within_a / (m * (m - 1.0)) + within_b / (n * (n - 1.0)) - 2.0 * between / (m * n))
}

/// Sum of the kernel over all pairs of `a` with `others`, or over ordered pairs of different rows of `a`. Rows in
/// parallel, their sums in order.
fn kernel_sum<R: AsRef<[f64]> + Sync>(a: &[R], others: Option<&[R]>, control: &Control) -> Result<f64> {
    let sums: Vec<f64> = a
        .par_iter()
        .enumerate()
        .map(|(row, x)| {
            control.check()?;
            let (rest, twice) = match others {
                Some(others) => (others, 1.0),
                None => (&a[row + 1..], 2.0),
            };
            Ok(twice * rest.iter().map(|y| kernel(x.as_ref(), y.as_ref())).sum::<f64>())
        })
        .collect::<Result<_>>()?;
    Ok(sums.iter().sum())
}

fn kernel(x: &[f64], y: &[f64]) -> f64 {
    let scaled = dot(x, y) / x.len() as f64 + 1.0;
    scaled * scaled * scaled
}

fn require_spread<R: AsRef<[f64]>>(a: &[R], b: &[R]) -> Result<()> {
    let width = require_rows("first", a, None)?;
    require_rows("second", b, Some(width))?;
    if a.len() < 2 || b.len() < 2 {
        return Err(Fault::new(FaultKind::BadRequest, "", format!("{} and {} reactions", a.len(), b.len()))
            .remedy("a distribution needs at least two reactions"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clips::Chance;

    fn normal(count: usize, width: usize, chance: &mut Chance) -> Vec<Vec<f64>> {
        (0..count).map(|_| (0..width).map(|_| chance.normal()).collect()).collect()
    }

    /// Rows with exactly this mean and these variances, uncorrelated: one pair of rows for each direction.
    fn diagonal(mean: &[f64], variances: &[f64]) -> Vec<Vec<f64>> {
        let n = 2 * mean.len();
        let mut rows = vec![mean.to_vec(); n];
        for (column, variance) in variances.iter().enumerate() {
            let reach = (variance * (n - 1) as f64 / 2.0).sqrt();
            rows[2 * column][column] += reach;
            rows[2 * column + 1][column] -= reach;
        }
        rows
    }

    #[test]
    fn diagonal_gaussians_are_apart_by_their_means_and_deviations() {
        let (a, b) =
            (diagonal(&[1.0, 0.0, -2.0], &[4.0, 1.0, 0.25]), diagonal(&[0.0, 0.5, -2.0], &[1.0, 9.0, 0.0]));
        let expected = 1.0 + 0.25 + (2.0f64 - 1.0).powi(2) + (1.0f64 - 3.0).powi(2) + 0.25;
        assert!((frechet_distance(&a, &b).unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn correlated_gaussians_agree_with_the_closed_form_in_two_dimensions() {
        let mut chance = Chance::new(3, "two dimensions", &[]);
        for _ in 0..20 {
            let mut mixed = |count| -> Vec<Vec<f64>> {
                let (p, q, r) = (chance.normal(), chance.normal(), chance.normal());
                normal(count, 2, &mut chance)
                    .iter()
                    .map(|x| vec![p * x[0], q * x[0] + r * x[1] + p])
                    .collect()
            };
            let (a, b) = (mixed(7), mixed(5));
            let ((a_mean, p), (b_mean, q)) = (moments(&a), moments(&b));
            // for 2 x 2: tr(M^(1/2)) = sqrt(tr M + 2 sqrt(det M)), and det(P Q) = det P det Q
            let trace: f64 = (0..2).map(|i| p[i][0] * q[0][i] + p[i][1] * q[1][i]).sum();
            let determinant = |m: &[Vec<f64>]| m[0][0] * m[1][1] - m[0][1] * m[1][0];
            let shared = (trace + 2.0 * (determinant(&p) * determinant(&q)).max(0.0).sqrt()).sqrt();
            let apart: f64 = a_mean.iter().zip(&b_mean).map(|(a, b)| (a - b).powi(2)).sum();
            let expected = apart + p[0][0] + p[1][1] + q[0][0] + q[1][1] - 2.0 * shared;
            let found = frechet_distance(&a, &b).unwrap();
            assert!((found - expected).abs() < 1e-10 * (1.0 + expected), "{found} {expected}");
        }
    }

    #[test]
    fn numpy_and_scipy_give_the_same_distances() {
        let rows = |count: usize, phase: f64, scale: f64, shift: f64| -> Vec<Vec<f64>> {
            let value = |i: f64, j: f64| (1.7 * i + 0.9 * j * j + 0.31 * i * j + phase).sin() * scale + shift;
            (0..count).map(|i| (0..6).map(|j| value(i as f64, f64::from(j))).collect()).collect()
        };
        let (a, b) = (rows(40, 0.0, 1.0, 0.0), rows(25, 0.5, 1.3, 0.2));
        // numpy 2.4 cov, scipy 1.17 linalg.sqrtm; and the kernel written out
        let found = frechet_distance(&a, &b).unwrap();
        assert!((found - 0.965_010_844_142_373_9).abs() < 1e-12, "{found}");
        let found = kernel_distance(&a, &b, &Control::default()).unwrap();
        assert!((found - 0.039_489_988_532_467_546).abs() < 1e-13, "{found}");
    }

    #[test]
    fn a_set_is_at_zero_from_itself_and_order_and_sides_do_not_matter() {
        let control = Control::default();
        let mut chance = Chance::new(5, "zero", &[]);
        // more features than reactions: the covariance is singular
        let a = normal(30, 75, &mut chance);
        assert!(frechet_distance(&a, &a).unwrap() < 1e-10);
        let b: Vec<Vec<f64>> = normal(90, 75, &mut chance)
            .iter()
            .map(|row| row.iter().map(|x| 1.5 * x + 0.2).collect())
            .collect();
        let before = Realism::of(&a, &b, &control).unwrap();
        let (mut a_moved, mut b_moved) = (a.clone(), b.clone());
        chance.shuffle(&mut a_moved);
        chance.shuffle(&mut b_moved);
        let after = Realism::of(&a_moved, &b_moved, &control).unwrap();
        let near = |x: f64, y: f64| (x - y).abs() < 1e-9 * (1.0 + x.abs());
        assert!(near(before.frechet.unwrap(), after.frechet.unwrap()), "{before:?} {after:?}");
        assert!(near(before.kernel.unwrap(), after.kernel.unwrap()), "{before:?} {after:?}");
        assert!(near(frechet_distance(&a, &b).unwrap(), frechet_distance(&b, &a).unwrap()));
        assert!(before.cautions[0].contains("30 reactions for 75 features"), "{:?}", before.cautions);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Realism::of(&a, &b, &control).unwrap())
        };
        assert_eq!(on(1), on(3));
    }

    #[test]
    fn the_kernel_distance_of_one_distribution_is_zero_on_average_and_the_frechet_distance_is_not() {
        let control = Control::default();
        let (mut kernel, mut frechet) = (Vec::new(), Vec::new());
        for seed in 0..200 {
            let mut chance = Chance::new(seed, "unbiased", &[]);
            let (a, b) = (normal(12, 4, &mut chance), normal(15, 4, &mut chance));
            kernel.push(kernel_distance(&a, &b, &control).unwrap());
            frechet.push(frechet_distance(&a, &b).unwrap());
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let center = mean(&kernel);
        let error = (kernel.iter().map(|x| (x - center).powi(2)).sum::<f64>()).sqrt() / 200.0;
        assert!(center.abs() < 3.0 * error, "{center} {error}");
        assert!(kernel.iter().any(|value| *value < 0.0));
        assert!(mean(&frechet) > 0.5, "the bias of small sets: {}", mean(&frechet));
        // and a shifted set is told apart
        let mut chance = Chance::new(1, "shifted", &[]);
        let (a, mut b) = (normal(40, 4, &mut chance), normal(40, 4, &mut chance));
        b.iter_mut().for_each(|row| row[0] += 1.5);
        assert!(kernel_distance(&a, &b, &control).unwrap() > 0.5);
    }

    #[test]
    fn the_kernel_distance_is_the_one_summed_by_hand() {
        // one feature: k(x, y) = (x y + 1)^3 over {0, 1} and {1, 2}
        let value = kernel_distance(&[[0.0], [1.0]], &[[1.0], [2.0]], &Control::default()).unwrap();
        let expected = 1.0 + 27.0 - 2.0 * (1.0 + 1.0 + 8.0 + 27.0) / 4.0;
        assert!((value - expected).abs() < 1e-12);
    }

    #[test]
    fn constant_columns_and_single_reactions_are_no_trap() {
        let control = Control::default();
        let mut chance = Chance::new(8, "constant", &[]);
        let mut a = normal(10, 3, &mut chance);
        a.iter_mut().for_each(|row| row[1] = 0.3);
        let frozen = vec![vec![0.0; 3]; 4];
        let found = Realism::of(&a, &frozen, &control).unwrap();
        assert!(found.frechet.unwrap().is_finite() && found.kernel.unwrap().is_finite());
        let one = Realism::of(&a, &frozen[..1], &control).unwrap();
        assert_eq!((one.frechet, one.kernel), (None, None));
        assert!(one.cautions[0].contains("undefined"));
        assert_eq!(Realism::of(&a, &[], &control).unwrap_err().kind, FaultKind::BadRequest);
        let other = vec![vec![0.0; 2]; 4];
        assert_eq!(Realism::of(&a, &other, &control).unwrap_err().kind, FaultKind::Mismatch);
        assert_eq!(frechet_distance(&a[..1], &a).unwrap_err().kind, FaultKind::BadRequest);
    }
}
