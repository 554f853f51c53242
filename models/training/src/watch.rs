//! What to look at while training: does the model use its latents, and does the decoder listen to them?
//!
//! | number | meaning | trouble |
//! |---|---|---|
//! | usage | e^entropy of the mean posterior, up to K | under K / 3 |
//! | entropy | mean entropy of the posteriors, nats | near ln K: nothing is recognised |
//! | z_gap | CLG of a random latent minus CLG of the recognised one, nats per frame | under 0.02: z is ignored |
//! | nmi | normalised mutual information of the recognised latent and the true intent | synthetic corpora only |

use clips::{Chance, Result, Track};
use listener::latent_intent::decoder::{Frame, Slots};
use listener::latent_intent::network::Network;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::data::{Data, Row};
use crate::objective::softmax;

/// Clips the z-gap is measured on.
const GAP_CLIPS: usize = 16;

/// Watched numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Perplexity of the mean posterior.
    pub usage: f64,
    /// Mean entropy of the posteriors.
    pub entropy: f64,
    /// Likelihood lost with a random latent.
    pub z_gap: f64,
    /// Likelihood with the recognised latent (without a latent: likelihood).
    pub clg: f64,
    /// Agreement with the true intents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nmi: Option<f64>,
    /// Mean posterior, one share a latent; empty without a latent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub posterior: Vec<f64>,
}

impl Watch {
    /// Says so when a model of `latents` latents stops using them: less than a third in use, or a decoder that does
    /// not listen.
    pub fn collapse(&self, latents: usize) -> Option<String> {
        let third = latents as f64 / 3.0;
        (latents > 0 && (self.usage < third || self.z_gap < 0.02)).then(|| {
            format!(
                "latents are dying out: {:.1} of {latents} in use, a random one costs {:.3} nats",
                self.usage, self.z_gap
            )
        })
    }
}

/// Rows spread evenly over `rows`, at most `most`.
pub fn spread(rows: &[Row], most: usize) -> Vec<&Row> {
    let step = rows.len().div_ceil(most.max(1)).max(1);
    rows.iter().step_by(step).collect()
}

/// Posterior over latents and matching score of the first crop of every row.
///
/// # Errors
/// When the features cannot be read back.
pub fn recognise(
    network: &Network,
    values: &[f32],
    data: &Data,
    rows: &[&Row],
    track: Track,
) -> Result<Vec<(Vec<f64>, f64)>> {
    let training = network.config.training_frames;
    let rotation = network.rotation(training);
    rows.par_iter()
        .map(|row| {
            let frames = row.reaction.len().min(training);
            let speaker = data.speaker(row, 0, frames)?;
            let memory = network.encode(values, &speaker, track, &rotation).0;
            let (h, _) = network.recognise(values, &row.reaction[..frames], &memory, &rotation);
            Ok(match network.judge(values, &h[..network.config.width]) {
                Some((logits, score)) => {
                    let logits: Vec<f64> = logits.iter().map(|logit| f64::from(*logit)).collect();
                    (softmax(&logits), f64::from(score))
                }
                None => (Vec::new(), 0.0),
            })
        })
        .collect()
}

/// CLG of the first crop of a row with a latent.
fn likelihood(
    network: &Network,
    values: &[f32],
    data: &Data,
    row: &Row,
    track: Track,
    latent: Option<usize>,
) -> Result<f64> {
    let frames = row.reaction.len().min(network.config.training_frames);
    let rotation = network.rotation(frames);
    let speaker = data.speaker(row, 0, frames)?;
    let reaction: &[Frame] = &row.reaction[..frames];
    let memory = network.encode(values, &speaker, track, &rotation).0;
    let mut weights = vec![0.0; network.config.latents];
    if let Some(weight) = latent.and_then(|latent| weights.get_mut(latent)) {
        *weight = 1.0;
    }
    let vector = network.latent_vector(values, &weights);
    let slots = Slots::Generation { hidden: &[], latent: &vector };
    let (h, _) = network.generate(values, reaction, slots, &memory, track, &rotation);
    let logits = network.logits(values, &h[..frames * network.config.width], reaction);
    let mut sum = 0.0;
    for (stream, logits) in logits.iter().enumerate() {
        for (frame, row) in reaction.iter().zip(logits.chunks_exact(network.config.vocabulary[stream])) {
            let wide: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
            sum -= softmax(&wide)[frame[stream] as usize].max(1e-300).ln();
        }
    }
    Ok(sum / frames as f64)
}

/// Looks at up to `most` of `rows`, which are rows of `data`.
///
/// # Errors
/// When the features cannot be read back.
pub fn watch(
    network: &Network,
    values: &[f32],
    data: &Data,
    rows: &[Row],
    most: usize,
    track: Track,
) -> Result<Watch> {
    let few = spread(rows, GAP_CLIPS);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let latents = network.config.latents;
    if latents == 0 {
        let clg = few.par_iter().map(|row| likelihood(network, values, data, row, track, None));
        let clg = clg.collect::<Result<Vec<f64>>>()?;
        return Ok(Watch { clg: mean(&clg), ..Watch::default() });
    }
    let rows = spread(rows, most);
    let seen = recognise(network, values, data, &rows, track)?;
    let mut average = vec![0.0; latents];
    for (posterior, _) in &seen {
        average.iter_mut().zip(posterior).for_each(|(sum, p)| *sum += p / seen.len() as f64);
    }
    let entropy = |p: &[f64]| -p.iter().map(|p| p * p.max(1e-30).ln()).sum::<f64>();
    let entropies: Vec<f64> = seen.iter().map(|(posterior, _)| entropy(posterior)).collect();
    let pairs: Vec<(usize, usize)> =
        rows.iter().zip(&seen).filter_map(|(row, (p, _))| Some((argmax(p), row.intent?))).collect();

    let chosen = recognise(network, values, data, &few, track)?;
    let gaps: Vec<(f64, f64)> = few
        .par_iter()
        .zip(&chosen)
        .enumerate()
        .map(|(index, (row, (posterior, _)))| {
            let own = argmax(posterior);
            let other = Chance::new(0, "random latent", &[index as u64]).below(latents);
            let right = likelihood(network, values, data, row, track, Some(own))?;
            let random = if other == own {
                right
            } else {
                likelihood(network, values, data, row, track, Some(other))?
            };
            Ok((right, random))
        })
        .collect::<Result<_>>()?;
    let right: Vec<f64> = gaps.iter().map(|(right, _)| *right).collect();
    let gap: Vec<f64> = gaps.iter().map(|(right, random)| random - right).collect();
    Ok(Watch {
        usage: entropy(&average).exp(),
        entropy: mean(&entropies),
        z_gap: mean(&gap),
        clg: mean(&right),
        nmi: (!pairs.is_empty()).then(|| mutual_information(&pairs)),
        posterior: average,
    })
}

/// Index of the largest value; the first on ties.
pub fn argmax(values: &[f64]) -> usize {
    (0..values.len()).fold(0, |best, index| if values[index] > values[best] { index } else { best })
}

/// I(a; b) / sqrt(H(a) H(b)); 0 when either never changes.
pub fn mutual_information(pairs: &[(usize, usize)]) -> f64 {
    let size = |pick: fn(&(usize, usize)) -> usize| pairs.iter().map(pick).max().map_or(0, |most| most + 1);
    let (rows, columns) = (size(|pair| pair.0), size(|pair| pair.1));
    let share = 1.0 / pairs.len().max(1) as f64;
    let (mut joint, mut a, mut b) = (vec![0.0; rows * columns], vec![0.0; rows], vec![0.0; columns]);
    for (x, y) in pairs {
        joint[x * columns + y] += share;
        a[*x] += share;
        b[*y] += share;
    }
    let entropy = |p: &[f64]| -p.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>();
    let (ha, hb) = (entropy(&a), entropy(&b));
    if ha <= 0.0 || hb <= 0.0 { 0.0 } else { (ha + hb - entropy(&joint)) / (ha * hb).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collapse_is_said_when_latents_die_out_or_the_decoder_does_not_listen() {
        let watch = |usage, z_gap| Watch { usage, z_gap, ..Watch::default() };
        assert_eq!(watch(2.7, 0.05).collapse(8), None);
        assert!(watch(2.6, 0.05).collapse(8).is_some() && watch(7.0, 0.01).collapse(8).is_some());
        assert_eq!(watch(0.0, 0.0).collapse(0), None);
    }

    #[test]
    fn mutual_information_is_one_for_a_renaming_and_zero_for_independence() {
        let renamed: Vec<_> = (0..60).map(|i| (i % 3, 2 - i % 3)).collect();
        assert!((mutual_information(&renamed) - 1.0).abs() < 1e-12);
        let independent: Vec<_> = (0..60).map(|i| (i % 3, i / 3 % 4)).collect();
        assert!(mutual_information(&independent).abs() < 1e-12);
    }
}
