//! From logits to one token: temperature, then the k most likely, then the smallest set with mass p; and the draw.
//!
//! Ties at the threshold go to lower ids. The draw inverts the cumulative sum in id order, accumulated in `f64`, so
//! that the same uniform number gives the same token everywhere.

use clips::Sampling;

/// Probabilities after the filters; zero where a token is not kept. Temperature 0 keeps the most likely token.
pub fn probabilities(logits: &[f32], sampling: &Sampling) -> Vec<f32> {
    let mut kept = vec![0.0; logits.len()];
    for (id, probability) in nucleus(logits, sampling) {
        kept[id as usize] = probability;
    }
    kept
}

/// The kept tokens with their probabilities, in order of id.
pub fn nucleus(logits: &[f32], sampling: &Sampling) -> Vec<(u32, f32)> {
    let mut best = 0;
    for (id, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = id;
        }
    }
    if logits.is_empty() {
        return Vec::new();
    }
    if sampling.temperature <= 0.0 {
        return vec![(best as u32, 1.0)];
    }
    let (top, sharpness) = (logits[best], 1.0 / sampling.temperature);
    let mut all: Vec<(u32, f32)> = logits
        .iter()
        .enumerate()
        .map(|(id, logit)| (id as u32, crate::real::exp((logit - top) * sharpness)))
        .collect();
    let more_likely = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if sampling.top_k > 0 && sampling.top_k < all.len() {
        all.sort_unstable_by(more_likely);
        all.truncate(sampling.top_k);
    }
    let total: f64 = all.iter().map(|(_, weight)| f64::from(*weight)).sum();
    let mut mass = total;
    if sampling.top_p < 1.0 {
        // Tokens this rare cannot belong to the set even all together, so they need no sorting.
        let rare = ((1.0 - f64::from(sampling.top_p)) * total / all.len() as f64) as f32;
        all.retain(|(_, weight)| *weight >= rare);
        all.sort_unstable_by(more_likely);
        let goal = f64::from(sampling.top_p) * total;
        let (mut reached, mut count) = (0.0, 0);
        for (_, weight) in &all {
            reached += f64::from(*weight);
            count += 1;
            if reached >= goal {
                break;
            }
        }
        all.truncate(count);
        mass = reached;
    }
    all.sort_unstable_by_key(|(id, _)| *id);
    for (_, weight) in &mut all {
        *weight = (f64::from(*weight) / mass) as f32;
    }
    all
}

/// The token at `uniform` (in 0..1) of the cumulative distribution.
pub fn draw(kept: &[(u32, f32)], uniform: f64) -> u32 {
    let total: f64 = kept.iter().map(|(_, probability)| f64::from(*probability)).sum();
    let goal = uniform * total;
    let mut reached = 0.0;
    for (id, probability) in kept {
        reached += f64::from(*probability);
        if goal < reached {
            return *id;
        }
    }
    kept.last().map_or(0, |(id, _)| *id)
}
