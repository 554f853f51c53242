//! Clips longer than the training length, in stretches as long as training clips; and the recognition pass over
//! them: how well a reaction fits, and which latent a listener shows.
//!
//! A stretch is encoded as a clip of its own, so the network never sees more positions than it was trained on, and
//! memory and time grow linearly. Stretches overlap by half; a listener's row attends to the stretch around it. A
//! clip that fits the training length is one stretch, and everything is exactly the full pass.

use clips::{Control, Result, Track};

use super::decoder::Frame;
use super::encoder::Speaker;
use super::network::Network;

/// First frame and number of frames of the stretches of a clip.
pub fn stretches(frames: usize, training_frames: usize) -> Vec<(usize, usize)> {
    if frames <= training_frames {
        return vec![(0, frames)];
    }
    let last = frames - training_frames;
    let hop = (training_frames / 2).max(1);
    let mut starts: Vec<usize> = (0..last).step_by(hop).collect();
    starts.push(last);
    starts.into_iter().map(|start| (start, training_frames)).collect()
}

/// Index of the stretch whose middle is nearest to `frame`.
pub fn stretch_around(stretches: &[(usize, usize)], frame: usize) -> usize {
    let distance = |(start, length): &(usize, usize)| (2 * start + length).abs_diff(2 * frame);
    let mut best = 0;
    for (index, stretch) in stretches.iter().enumerate() {
        if distance(stretch) < distance(&stretches[best]) {
            best = index;
        }
    }
    best
}

/// A speaker encoded stretch by stretch.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// First frame and number of frames.
    pub stretches: Vec<(usize, usize)>,
    /// Memory `[n + 1, d]` of each stretch.
    pub memory: Vec<Vec<f32>>,
}

impl Encoded {
    /// Encodes a clip.
    ///
    /// # Errors
    /// Cancelled.
    pub fn new(
        network: &Network,
        values: &[f32],
        speaker: &Speaker<f32>,
        track: Track,
        control: &Control,
    ) -> Result<Self> {
        let stretches = stretches(speaker.frames, network.config.training_frames);
        let rotation = network.rotation(stretches[0].1);
        let mut memory = Vec::with_capacity(stretches.len());
        for (first, frames) in &stretches {
            control.check()?;
            let part = speaker.part(&network.config.feature_columns, *first, *frames);
            memory.push(network.encode(values, &part, track, &rotation).0);
        }
        Ok(Self { stretches, memory })
    }

    /// Mean posterior logits (K) and mean matching logit of a reaction over the stretches; `None` without a latent.
    pub fn judge(&self, network: &Network, values: &[f32], reaction: &[Frame]) -> Option<(Vec<f32>, f32)> {
        network.latent.as_ref()?;
        let rotation = network.rotation(self.stretches[0].1);
        let mut logits = vec![0.0; network.config.latents];
        let mut matching = 0.0;
        let share = 1.0 / self.stretches.len() as f32;
        for ((first, frames), memory) in self.stretches.iter().zip(&self.memory) {
            let reaction = &reaction[*first..first + frames];
            let (h, _) = network.recognise(values, reaction, memory, &rotation);
            let (posterior, score) = network.judge(values, &h[..network.config.width])?;
            logits.iter_mut().zip(&posterior).for_each(|(sum, logit)| *sum += logit * share);
            matching += score * share;
        }
        Some((logits, matching))
    }
}

/// e^x / sum e^x.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let top = logits.iter().copied().fold(f32::MIN, f32::max);
    let weights: Vec<f32> = logits.iter().map(|logit| crate::real::exp(logit - top)).collect();
    let total: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

/// Ranks by descending score, 1 = best; ties go to the earlier one.
pub fn ranks(scores: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    let mut ranks = vec![0; scores.len()];
    for (rank, index) in order.into_iter().enumerate() {
        ranks[index] = rank + 1;
    }
    ranks
}
