//! FRDvs: how different the reactions to different clips are.
//!
//! `sum_s sum_{n != m} |p_ns - p_ms|^2 / (N (N-1) S T 25)`: same sample index, different clips. Undefined for one
//! clip (the official code divides by zero). The sum over pairs is taken through the mean reaction of each sample
//! index, so the cost grows with the clips, not with their square.

use clips::channels::ATTRIBUTE_COUNT;
use rayon::prelude::*;

/// What each clip adds: the mean squared difference to all other clips. Their mean is FRDvs. `None` below two clips,
/// without samples or frames. All clips have equal samples and frames.
pub fn per_clip<R: AsRef<[[f32; ATTRIBUTE_COUNT]]> + Sync>(predictions: &[Vec<R>]) -> Option<Vec<f64>> {
    let count = predictions.len();
    let samples = predictions.first()?.len();
    let frames = predictions.first()?.first()?.as_ref().len();
    if count < 2 || frames == 0 {
        return None;
    }
    let mut from_mean = vec![0.0f64; count];
    for sample in 0..samples {
        // frames in parallel, clips in order: the sum does not depend on threads
        let mean: Vec<[f64; ATTRIBUTE_COUNT]> = (0..frames)
            .into_par_iter()
            .map(|frame| {
                let mut sum = [0.0f64; ATTRIBUTE_COUNT];
                for clip in predictions {
                    let row = &clip[sample].as_ref()[frame];
                    sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
                }
                sum.map(|sum| sum / count as f64)
            })
            .collect();
        from_mean.par_iter_mut().zip(predictions).for_each(|(total, clip)| {
            for (row, mean) in clip[sample].as_ref().iter().zip(&mean) {
                *total +=
                    row.iter().zip(mean).map(|(value, mean)| (f64::from(*value) - mean).powi(2)).sum::<f64>();
            }
        });
    }
    let all: f64 = from_mean.iter().sum();
    let scale = (count - 1) as f64 * (samples * frames * ATTRIBUTE_COUNT) as f64;
    Some(from_mean.iter().map(|own| (count as f64 * own + all) / scale).collect())
}

/// FRDvs of a whole set; `None` where [`per_clip`] is.
pub fn of<R: AsRef<[[f32; ATTRIBUTE_COUNT]]> + Sync>(predictions: &[Vec<R>]) -> Option<f64> {
    per_clip(predictions).map(|each| each.iter().sum::<f64>() / each.len() as f64)
}
