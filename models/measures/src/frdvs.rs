//! FRDvs: how different the reactions to different clips are.
//!
//! `sum_s sum_{n != m} |p_ns - p_ms|^2 / (N (N-1) S T 25)`: same sample index, different clips. Undefined for one
//! clip (the official code divides by zero). The sum over pairs is taken through the mean reaction of each sample
//! index, so the cost grows with the clips, not with their square, and clips may come one after the other.

use clips::channels::ATTRIBUTE_COUNT;

/// The mean reaction of each sample index, over clips that are added one by one.
#[derive(Debug, Clone)]
pub struct MeanReaction {
    clips: usize,
    /// Samples x frames x 25: the sum until [`MeanReaction::finish`], then the mean.
    rows: Vec<Vec<[f64; ATTRIBUTE_COUNT]>>,
}

impl MeanReaction {
    /// Nothing yet.
    pub fn new(samples: usize, frames: usize) -> Self {
        Self { clips: 0, rows: vec![vec![[0.0; ATTRIBUTE_COUNT]; frames]; samples] }
    }

    /// Adds the samples of a clip.
    pub fn add<R: AsRef<[[f32; ATTRIBUTE_COUNT]]>>(&mut self, samples: &[R]) {
        self.clips += 1;
        for (sums, rows) in self.rows.iter_mut().zip(samples) {
            for (sum, row) in sums.iter_mut().zip(rows.as_ref()) {
                sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
            }
        }
    }

    /// Makes means of sums, once all clips were added.
    pub fn finish(&mut self) {
        let count = self.clips.max(1) as f64;
        self.rows.iter_mut().flatten().flatten().for_each(|sum| *sum /= count);
    }

    /// Squared distance of a clip's reactions from the mean reactions, summed over samples, frames and columns.
    pub fn squared_distance<R: AsRef<[[f32; ATTRIBUTE_COUNT]]>>(&self, samples: &[R]) -> f64 {
        // sums by column, so that wide registers can make them; their order is the same with any
        let sums = pulp::Arch::new().dispatch(|| {
            let mut sums = [0.0f64; ATTRIBUTE_COUNT];
            for (means, rows) in self.rows.iter().zip(samples) {
                for (mean, row) in means.iter().zip(rows.as_ref()) {
                    for column in 0..ATTRIBUTE_COUNT {
                        let difference = f64::from(row[column]) - mean[column];
                        sums[column] += difference * difference;
                    }
                }
            }
            sums
        });
        sums.iter().sum()
    }

    /// From the [`MeanReaction::squared_distance`] of every clip: its mean squared difference to all other clips. The
    /// mean of these is FRDvs. `None` below two clips, without samples or frames.
    pub fn differences(&self, from_mean: &[f64]) -> Option<Vec<f64>> {
        let frames = self.rows.first()?.len();
        if self.clips < 2 || from_mean.len() != self.clips || frames == 0 {
            return None;
        }
        let all: f64 = from_mean.iter().sum();
        let scale = (self.clips - 1) as f64 * (self.rows.len() * frames * ATTRIBUTE_COUNT) as f64;
        Some(from_mean.iter().map(|own| (self.clips as f64 * own + all) / scale).collect())
    }
}

/// FRDvs of a whole set in memory; `None` below two clips, without samples or frames. All clips have equal samples and
/// frames.
pub fn of<R: AsRef<[[f32; ATTRIBUTE_COUNT]]>>(predictions: &[Vec<R>]) -> Option<f64> {
    let first = predictions.first()?;
    let mut mean = MeanReaction::new(first.len(), first.first()?.as_ref().len());
    predictions.iter().for_each(|samples| mean.add(samples));
    mean.finish();
    let own: Vec<f64> = predictions.iter().map(|samples| mean.squared_distance(samples)).collect();
    mean.differences(&own).map(|each| each.iter().sum::<f64>() / each.len() as f64)
}
