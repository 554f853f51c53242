//! The largest singular value of a small square matrix, in `f64`: Jacobi rotations on A^T A, which converge for every matrix
//! (iterating a vector does not, where the two largest values are close).

/// ||A||_2 of a row-major matrix of `size` rows and columns.
pub fn norm(matrix: &[f64], size: usize) -> f64 {
    let at = |row: usize, column: usize| matrix[row * size + column];
    let mut m: Vec<f64> = (0..size * size)
        .map(|index| (0..size).map(|row| at(row, index / size) * at(row, index % size)).sum())
        .collect();
    for _ in 0..60 {
        let off: f64 = (0..size)
            .flat_map(|row| (0..row).map(move |column| row * size + column))
            .map(|index| m[index] * m[index])
            .sum();
        let whole: f64 = m.iter().map(|value| value * value).sum();
        // not a number ends the loop too
        if off <= 1e-28 * whole || off.is_nan() {
            break;
        }
        for p in 0..size {
            for q in p + 1..size {
                rotate(&mut m, size, p, q);
            }
        }
    }
    (0..size).map(|index| m[index * size + index]).fold(0.0, f64::max).sqrt()
}

/// Makes entry (p, q) of a symmetric matrix zero.
fn rotate(m: &mut [f64], size: usize, p: usize, q: usize) {
    let between = m[p * size + q];
    if between == 0.0 {
        return;
    }
    let theta = (m[q * size + q] - m[p * size + p]) / (2.0 * between);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for k in 0..size {
        let (a, b) = (m[k * size + p], m[k * size + q]);
        (m[k * size + p], m[k * size + q]) = (c * a - s * b, s * a + c * b);
    }
    for k in 0..size {
        let (a, b) = (m[p * size + k], m[q * size + k]);
        (m[p * size + k], m[q * size + k]) = (c * a - s * b, s * a + c * b);
    }
}

#[cfg(test)]
mod tests {
    use clips::Chance;

    use super::*;

    #[test]
    fn known_matrices() {
        assert!((norm(&[3.0, 0.0, 0.0, -5.0], 2) - 5.0).abs() < 1e-12);
        // golden ratio
        assert!((norm(&[1.0, 1.0, 0.0, 1.0], 2) - (1.0 + 5f64.sqrt()) / 2.0).abs() < 1e-12);
        assert_eq!(norm(&[0.0; 9], 3), 0.0);
    }

    #[test]
    fn no_vector_is_stretched_by_more_and_one_is_by_as_much() {
        let (size, mut chance) = (50, Chance::new(1, "spectral", &[]));
        let matrix: Vec<f64> = (0..size * size).map(|_| chance.normal()).collect();
        let bound = norm(&matrix, size);
        let mut vector: Vec<f64> = (0..size).map(|_| chance.normal()).collect();
        let times = |v: &[f64], turned: bool| -> Vec<f64> {
            let at = |row: usize, column: usize| {
                matrix[if turned { column * size + row } else { row * size + column }]
            };
            (0..size).map(|row| (0..size).map(|column| at(row, column) * v[column]).sum()).collect()
        };
        let length = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        let mut stretch = 0.0;
        for _ in 0..3000 {
            let unit: Vec<f64> = vector.iter().map(|x| x / length(&vector)).collect();
            let image = times(&unit, false);
            stretch = length(&image);
            assert!(stretch <= bound * (1.0 + 1e-12));
            vector = times(&image, true);
        }
        assert!((stretch - bound).abs() < 1e-6 * bound, "{stretch} {bound}");
    }
}
