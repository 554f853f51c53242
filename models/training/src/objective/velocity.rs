//! The velocity loss: how far coefficients should go from frame to frame, and how far the heads expect them to (after the
//! velocity loss of ReactDiff, Luo et al. 2025, here on tokens decoded softly). An extension, off unless asked for.
//!
//! ```text
//! y_t = sum over ids of p(id at t) centre(id)            expected coefficients, in the units of the code book
//! V   = mean over frames and columns of ((y_t - y_(t-1)) - (centre(r_t) - centre(r_(t-1))))^2
//! ```
//!
//! Under teacher forcing y_t is the mean of what may come, so V is least where CLG is; it tells near misses from far ones,
//! which CLG does not.

use listener::latent_intent::decoder::Frame;
use listener::real::{Real, View, product};

use super::terms::softmax;

/// What the ids of the coefficients stand for, and how much their velocity counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Velocity {
    weight: f64,
    columns: usize,
    centres: Vec<f32>,
}

impl Velocity {
    /// Of the tokens it is about: the coefficients.
    pub const STREAM: usize = 0;

    /// Of centres `[ids, columns]` in units that make columns comparable; nothing without a weight.
    pub fn new<const C: usize>(weight: f64, centres: &[[f32; C]]) -> Option<Self> {
        (weight > 0.0).then(|| Self { weight, columns: C, centres: centres.as_flattened().to_vec() })
    }

    /// What the loss is multiplied by.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// Columns of a centre.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// `[ids, columns]`.
    pub fn centres(&self) -> &[f32] {
        &self.centres
    }

    /// The sum over the frames of a clip, and the gradient of its logits `[frames, ids]`, times `scale`.
    pub(super) fn of_clip<T: Real>(&self, logits: &[T], frames: &[Frame], scale: f64) -> (f64, Vec<T>) {
        let (columns, rows) = (self.columns, frames.len());
        let ids = logits.len() / rows.max(1);
        let centres: Vec<T> = self.centres.iter().map(|x| T::of(f64::from(*x))).collect();
        let centres = View::dense(&centres, ids, columns);
        let mut slopes: Vec<T> = logits
            .chunks_exact(ids.max(1))
            .flat_map(|row| softmax(&row.iter().map(|logit| logit.wide()).collect::<Vec<_>>()))
            .map(T::of)
            .collect();
        let mut expected = vec![T::ZERO; rows * columns];
        product(&mut expected, columns, View::dense(&slopes, rows, ids), centres, T::ONE, false);
        let (sum, dexpected) = self.of_expected(&expected, frames, scale);
        let mut along = vec![T::ZERO; logits.len()];
        product(&mut along, ids, View::dense(&dexpected, rows, columns), centres.transposed(), T::ONE, false);
        // through the softmax
        for (p, along) in slopes.chunks_exact_mut(ids.max(1)).zip(along.chunks_exact(ids.max(1))) {
            let mean: f64 = p.iter().zip(along).map(|(p, along)| p.wide() * along.wide()).sum();
            p.iter_mut().zip(along).for_each(|(p, along)| *p = T::of(p.wide() * (along.wide() - mean)));
        }
        (sum, slopes)
    }

    /// The sum over the frames of a clip for expected coefficients `[frames, columns]`, and their gradient, times `scale`.
    pub fn of_expected<T: Real>(&self, expected: &[T], frames: &[Frame], scale: f64) -> (f64, Vec<T>) {
        let columns = self.columns;
        let centre = |frame: &Frame| &self.centres[frame[Self::STREAM] as usize * columns..][..columns];
        let mut slope = vec![T::ZERO; expected.len()];
        let mut sum = 0.0;
        let share = 1.0 / columns.max(1) as f64;
        for (t, pair) in frames.windows(2).enumerate() {
            let (before, now) = (centre(&pair[0]), centre(&pair[1]));
            for column in 0..columns {
                let at = (t + 1) * columns + column;
                let went = f64::from(now[column]) - f64::from(before[column]);
                let short = expected[at].wide() - expected[at - columns].wide() - went;
                sum += short * short * share;
                let push = T::of(2.0 * short * share * scale);
                slope[at] += push;
                slope[at - columns] -= push;
            }
        }
        (sum, slope)
    }
}
