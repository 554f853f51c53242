//! Sinusoidal tables of positions, in the two layouts that the compared systems use. Computed in `f64`, rounded once.

use std::ops::Range;

/// Rows of positions, one after the other, sines in the even and cosines in the odd columns: column 2i and 2i + 1 have the rate
/// exp(-2i ln(10000) / width).
pub fn interleaved(positions: Range<usize>, width: usize) -> Vec<f32> {
    // the official table is computed in single precision throughout; rounding the rate and the product
    // where it does keeps late rows equal
    let rate = |column: usize| ((column / 2 * 2) as f32 * (-(10_000f64.ln()) / width as f64) as f32).exp();
    let rates: Vec<f32> = (0..width).map(rate).collect();
    let row = |position: usize| {
        let columns = rates.iter().enumerate();
        columns.map(move |(column, rate)| {
            let angle = position as f32 * rate;
            if column % 2 == 0 { angle.sin() } else { angle.cos() }
        })
    };
    positions.flat_map(row).collect()
}

/// Row `row`, sines in the first and cosines in the second half; rate exp(-j ln(10000) / (width / 2 - 1)).
pub fn halves(row: usize, width: usize) -> Vec<f32> {
    let half = width / 2;
    let step = (-(10_000f64.ln()) / (half.max(2) - 1) as f64) as f32;
    let angle = |j: usize| row as f32 * (j as f32 * step).exp();
    let mut values: Vec<f32> = (0..half).map(|j| angle(j).sin()).collect();
    values.extend((0..half).map(|j| angle(j).cos()));
    values.resize(width, 0.0); // an odd width ends in a zero
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_begin_as_they_are_defined() {
        assert_eq!(interleaved(0..1, 4), [0.0, 1.0, 0.0, 1.0]);
        assert_eq!(halves(0, 4), [0.0, 0.0, 1.0, 1.0]);
        let row = interleaved(3..4, 4);
        let wanted = [3f64.sin(), 3f64.cos(), 0.03f64.sin(), 0.03f64.cos()];
        assert!(row.iter().zip(wanted).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6), "{row:?}");
        let row = halves(3, 4);
        let wanted = [3f64.sin(), 3e-4f64.sin(), 3f64.cos(), 3e-4f64.cos()];
        assert!(row.iter().zip(wanted).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6), "{row:?}");
    }
}
