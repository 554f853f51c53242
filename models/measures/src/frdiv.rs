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
    let mut sum = 0.0;
    for frame in 0..frames {
        for column in 0..ATTRIBUTE_COUNT {
            let value = |sample: &R| f64::from(sample.as_ref()[frame][column]);
            let mean = samples.iter().map(value).sum::<f64>() / count as f64;
            sum += samples.iter().map(|sample| (value(sample) - mean).powi(2)).sum::<f64>();
        }
    }
    Some(2.0 * sum / ((count - 1) as f64 * (frames * ATTRIBUTE_COUNT) as f64))
}
