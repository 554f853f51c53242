//! FRCorr: how well each generated reaction follows the best of its appropriate reactions.
//!
//! `(1/N) sum_n sum_s max_j mean_d CCC_d(listener[j], prediction[n][s])`, j over the neighbours of n: a **sum** over
//! samples, so ten samples reach at most 10. `CCC = 2 r sx sy / (sx^2 + sy^2 + (mx - my)^2 + 1e-8)` with population
//! variances. A column that is constant on either side scores 0, even when both are equal; so the truth itself stays
//! below the number of samples. The honest reading is the value divided by the samples.
//!
//! The official code rounds means and deviations to single precision; this one does not, and stays within 1e-7.

use clips::channels::ATTRIBUTE_COUNT;

const EPSILON: f64 = 1e-8;

/// A reaction prepared for many comparisons: centred columns and their moments.
#[derive(Debug, Clone)]
pub struct Centred {
    frames: usize,
    /// Column after column, each minus its mean.
    columns: Vec<f64>,
    mean: [f64; ATTRIBUTE_COUNT],
    /// Sum of squares of each centred column; exactly 0 for a constant one.
    energy: [f64; ATTRIBUTE_COUNT],
}

impl Centred {
    /// Prepares a reaction.
    pub fn new(rows: &[[f32; ATTRIBUTE_COUNT]]) -> Self {
        let frames = rows.len();
        let mut columns = Vec::with_capacity(frames * ATTRIBUTE_COUNT);
        let mut mean = [0.0; ATTRIBUTE_COUNT];
        let mut energy = [0.0; ATTRIBUTE_COUNT];
        for column in 0..ATTRIBUTE_COUNT {
            mean[column] = rows.iter().map(|row| f64::from(row[column])).sum::<f64>() / frames.max(1) as f64;
            columns.extend(rows.iter().map(|row| f64::from(row[column]) - mean[column]));
            // constancy is tested on the values: a rounded mean must not make one out of a constant column
            if rows.iter().any(|row| row[column] != rows[0][column]) {
                energy[column] = columns[column * frames..].iter().map(|x| x * x).sum();
            }
        }
        Self { frames, columns, mean, energy }
    }

    /// Columns that never change.
    pub fn constant_columns(&self) -> impl Iterator<Item = usize> + '_ {
        (0..ATTRIBUTE_COUNT).filter(|column| self.energy[*column] == 0.0)
    }
}

/// Mean concordance correlation over the 25 columns; both must have the same number of frames.
pub fn concordance(a: &Centred, b: &Centred) -> f64 {
    let frames = a.frames.min(b.frames);
    let mut sum = 0.0;
    for column in 0..ATTRIBUTE_COUNT {
        let (a_energy, b_energy) = (a.energy[column], b.energy[column]);
        if a_energy == 0.0 || b_energy == 0.0 {
            continue;
        }
        let product = dot(
            &a.columns[column * a.frames..column * a.frames + frames],
            &b.columns[column * b.frames..column * b.frames + frames],
        );
        let (a_deviation, b_deviation) =
            ((a_energy / frames as f64).sqrt(), (b_energy / frames as f64).sqrt());
        let correlation = (product / (a_energy.sqrt() * b_energy.sqrt())).clamp(-1.0, 1.0);
        let shift = a.mean[column] - b.mean[column];
        sum += 2.0 * correlation * a_deviation * b_deviation
            / (a_deviation * a_deviation + b_deviation * b_deviation + shift * shift + EPSILON);
    }
    sum / ATTRIBUTE_COUNT as f64
}

/// Eight running sums, so that the order of additions is fixed and wide registers are used.
fn dot(a: &[f64], b: &[f64]) -> f64 {
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

/// The best concordance of `prediction` with its appropriate reactions, and which of them gave it (the first of
/// equals); `None` without any.
pub fn best<'a>(
    prediction: &Centred,
    appropriate: impl Iterator<Item = (u32, &'a Centred)>,
) -> Option<(f64, u32)> {
    appropriate.fold(None, |best: Option<(f64, u32)>, (index, listener)| {
        let value = concordance(listener, prediction);
        match best {
            Some((known, _)) if known >= value => best,
            _ => Some((value, index)),
        }
    })
}
