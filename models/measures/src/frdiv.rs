//! FRDiv: how different the samples for one clip are from each other.
//!
//! `(1/N) sum_n sum_{a != b} |p_na - p_nb|^2 / (S (S-1) T 25)` over ordered pairs: the mean squared difference, twice
//! the unbiased variance. Exactly 0 for one sample, by the official definition. Jitter raises it as well as choice
//! does: read it beside FRVar. The sum over pairs is taken as 2 S times the squared distance to the mean sample.

use clips::channels::ATTRIBUTE_COUNT;

/// The diversity of the samples of one clip; `None` without samples or frames. Samples have equal lengths.
pub fn of_clip<R: AsRef<[[f32; ATTRIBUTE_COUNT]]>>(samples: &[R]) -> Option<f64> {
    let frames = samples.first()?.as_ref().len();
    if frames == 0 {
        return None;
    }
    let count = samples.len();
    if count == 1 {
        return Some(0.0);
    }
    // sums by column, so that wide registers can make them; their order is the same with any
    let sums = pulp::Arch::new().dispatch(|| {
        let mut sums = [0.0f64; ATTRIBUTE_COUNT];
        for frame in 0..frames {
            let mut mean = [0.0f64; ATTRIBUTE_COUNT];
            for sample in samples {
                let row = &sample.as_ref()[frame];
                mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += f64::from(*value));
            }
            mean.iter_mut().for_each(|mean| *mean /= count as f64);
            for sample in samples {
                let row = &sample.as_ref()[frame];
                for column in 0..ATTRIBUTE_COUNT {
                    let difference = f64::from(row[column]) - mean[column];
                    sums[column] += difference * difference;
                }
            }
        }
        sums
    });
    let sum: f64 = sums.iter().sum();
    Some(2.0 * sum / ((count - 1) as f64 * (frames * ATTRIBUTE_COUNT) as f64))
}
