//! Singular values of small dense matrices, and square roots of covariances, by one-sided Jacobi rotations.
//!
//! Hestenes (1958): rotate pairs of columns of A until all are orthogonal. Their lengths are then the singular values,
//! found to a relative error of rounding size; for a symmetric A without negative eigenvalues, such as a covariance, they
//! are its eigenvalues, and each column is its eigenvector times that. Written out because this is all the linear
//! algebra the crate needs, and so that the same input gives the same bits on every machine.

use clips::{Fault, FaultKind, Result};

/// Sweeps over all pairs; ten are usual.
const MOST_SWEEPS: usize = 60;

/// Rotates the columns until they are orthogonal. What is shorter than rounding of the longest is made 0.
///
/// # Errors
/// [`FaultKind::Internal`] when they do not settle, which finite numbers of sane size do.
pub(crate) fn orthogonalise(columns: &mut [Vec<f64>]) -> Result<()> {
    let count = columns.len();
    // rotations keep the sum of squares: no column gets longer than its root
    let all: f64 = columns.iter().map(|column| dot(column, column)).sum();
    let floor = all * (f64::EPSILON * count as f64).powi(2);
    for _ in 0..MOST_SWEEPS {
        let mut settled = true;
        for left in 0..count {
            for right in left + 1..count {
                let (head, tail) = columns.split_at_mut(right);
                let (a, b) = (&mut head[left], &mut tail[0]);
                let (aa, bb, ab) = (dot(a, a), dot(b, b), dot(a, b));
                if aa <= floor || bb <= floor || ab.abs() <= 4.0 * f64::EPSILON * (aa * bb).sqrt() {
                    continue;
                }
                settled = false;
                // the smaller of the two angles that make them orthogonal
                let slope = (bb - aa) / (2.0 * ab);
                let tangent = 1.0f64.copysign(slope) / (slope.abs() + slope.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                let sine = cosine * tangent;
                for (a, b) in a.iter_mut().zip(b.iter_mut()) {
                    (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
                }
            }
        }
        if settled {
            for column in columns.iter_mut().filter(|column| dot(column, column) <= floor) {
                column.fill(0.0);
            }
            return Ok(());
        }
    }
    Err(Fault::new(FaultKind::Internal, "", "the eigenvalues of a covariance were not found")
        .remedy("look for features of extreme size"))
}

/// Columns r with `C = sum r r^T` for a covariance given as columns: eigenvectors times roots of eigenvalues.
///
/// # Errors
/// As [`orthogonalise`].
pub(crate) fn root(mut covariance: Vec<Vec<f64>>) -> Result<Vec<Vec<f64>>> {
    orthogonalise(&mut covariance)?;
    for column in &mut covariance {
        let eigenvalue = dot(column, column).sqrt();
        if eigenvalue > 0.0 {
            let shrink = 1.0 / eigenvalue.sqrt();
            column.iter_mut().for_each(|value| *value *= shrink);
        }
    }
    Ok(covariance)
}

/// Sum of the singular values of a matrix given as columns.
///
/// # Errors
/// As [`orthogonalise`].
pub(crate) fn nuclear_norm(mut columns: Vec<Vec<f64>>) -> Result<f64> {
    orthogonalise(&mut columns)?;
    Ok(columns.iter().map(|column| dot(column, column).sqrt()).sum())
}

/// Eight running sums, so that the order of additions is fixed and wide registers are used.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clips::Chance;

    #[test]
    fn the_root_of_a_covariance_gives_it_back_even_when_it_is_singular() {
        let mut chance = Chance::new(2, "root", &[]);
        for rank in [1, 7, 20] {
            let factors: Vec<Vec<f64>> =
                (0..rank).map(|_| (0..20).map(|_| chance.normal()).collect()).collect();
            let product = |rows: &[Vec<f64>]| -> Vec<Vec<f64>> {
                let entry = |i: usize, j: usize| rows.iter().map(|row| row[i] * row[j]).sum();
                (0..20).map(|j| (0..20).map(|i| entry(i, j)).collect()).collect()
            };
            let covariance = product(&factors);
            let found = root(covariance.clone()).unwrap();
            assert_eq!(found.iter().filter(|column| dot(column, column) > 0.0).count(), rank);
            for (a, b) in product(&found).iter().flatten().zip(covariance.iter().flatten()) {
                assert!((a - b).abs() < 1e-12 * 400.0, "{a} {b}");
            }
        }
    }

    #[test]
    fn singular_values_of_known_matrices() {
        // [[3, 0], [4, 5]]: singular values sqrt 45 and sqrt 5
        let sum = nuclear_norm(vec![vec![3.0, 4.0], vec![0.0, 5.0]]).unwrap();
        assert!((sum - 45.0f64.sqrt() - 5.0f64.sqrt()).abs() < 1e-14);
        // a rotation of a diagonal with entries of very different size
        let mut chance = Chance::new(3, "sizes", &[]);
        let mut frame: Vec<Vec<f64>> = (0..6).map(|_| (0..6).map(|_| chance.normal()).collect()).collect();
        orthogonalise(&mut frame).unwrap();
        let sizes = [1e4, 30.0, 1.0, 1.0, 1e-3, 0.0];
        let columns: Vec<Vec<f64>> = frame
            .iter()
            .zip(sizes)
            .map(|(column, size)| column.iter().map(|x| x * size / dot(column, column).sqrt()).collect())
            .collect();
        // mixing the columns by another rotation changes no singular value
        let mixed: Vec<Vec<f64>> = frame
            .iter()
            .map(|mix| {
                let length = dot(mix, mix).sqrt();
                (0..6).map(|row| (0..6).map(|k| columns[k][row] * mix[k] / length).sum()).collect()
            })
            .collect();
        let expected: f64 = sizes.iter().sum();
        assert!((nuclear_norm(mixed).unwrap() / expected - 1.0).abs() < 1e-13);
        assert_eq!(nuclear_norm(vec![vec![0.0; 3]; 3]).unwrap(), 0.0);
        let lost = nuclear_norm(vec![vec![f64::NAN, 1.0], vec![1.0, 2.0]]).unwrap_err();
        assert_eq!(lost.kind, FaultKind::Internal);
    }
}
