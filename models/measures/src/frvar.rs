//! FRVar: how much a generated reaction moves in time.
//!
//! Mean over clips, samples and columns of the unbiased variance over frames (divided by T - 1). The official code has a
//! biased twin (divided by T, in `metric/metric.py`) that nothing calls; it is here as [`biased_of_clip`], to tell which
//! of the two a number from elsewhere is: at 750 frames they differ by 0.13 %, at 8 by 12.5 %.
//!
//! A ratio to the variance of the true listeners near 1 is the aim; far above is jitter, far below a frozen face.

use clips::channels::ATTRIBUTE_COUNT;

/// Mean variance of the 25 columns of one reaction; `None` below two frames.
pub fn of_reaction(rows: &[[f32; ATTRIBUTE_COUNT]]) -> Option<f64> {
    if rows.len() < 2 {
        return None;
    }
    Some(square_sum(rows) / ((rows.len() - 1) * ATTRIBUTE_COUNT) as f64)
}

/// The biased twin: divided by T. 0 for one frame, `None` without frames.
pub fn biased_of_reaction(rows: &[[f32; ATTRIBUTE_COUNT]]) -> Option<f64> {
    (!rows.is_empty()).then(|| square_sum(rows) / (rows.len() * ATTRIBUTE_COUNT) as f64)
}

/// Sum over frames and columns of the squared distance to the column's mean.
fn square_sum(rows: &[[f32; ATTRIBUTE_COUNT]]) -> f64 {
    // sums by column, so that wide registers can make them; their order is the same with any
    let sums = pulp::Arch::new().dispatch(|| {
        let mut mean = [0.0f64; ATTRIBUTE_COUNT];
        for row in rows {
            mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += f64::from(*value));
        }
        mean.iter_mut().for_each(|mean| *mean /= rows.len() as f64);
        let mut sums = [0.0f64; ATTRIBUTE_COUNT];
        for row in rows {
            for column in 0..ATTRIBUTE_COUNT {
                let difference = f64::from(row[column]) - mean[column];
                sums[column] += difference * difference;
            }
        }
        sums
    });
    sums.iter().sum()
}

/// Mean over the samples of one clip; `None` without samples or below two frames.
pub fn of_clip<R: AsRef<[[f32; ATTRIBUTE_COUNT]]>>(samples: &[R]) -> Option<f64> {
    let sum = samples.iter().map(|rows| of_reaction(rows.as_ref())).sum::<Option<f64>>()?;
    (!samples.is_empty()).then(|| sum / samples.len() as f64)
}

/// Mean of the biased twin over the samples of one clip; `None` without samples or frames.
pub fn biased_of_clip<R: AsRef<[[f32; ATTRIBUTE_COUNT]]>>(samples: &[R]) -> Option<f64> {
    let sum = samples.iter().map(|rows| biased_of_reaction(rows.as_ref())).sum::<Option<f64>>()?;
    (!samples.is_empty()).then(|| sum / samples.len() as f64)
}
