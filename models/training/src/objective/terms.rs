//! Terms of the losses over the tokens of a clip, with their gradients, and the scalar functions they are made of.

use std::borrow::Cow;

use listener::latent_intent::blocks::add;
use listener::latent_intent::decoder::Frame;
use listener::latent_intent::heads::{Heads, order};
use listener::latent_intent::network::Network;
use listener::real::Real;

use super::velocity::Velocity;

/// Sums over the frames of clips.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sums {
    /// The negative log-likelihood by stream.
    pub streams: [f64; 4],
    /// The velocity loss.
    pub velocity: f64,
}

impl Sums {
    /// Adds another clip, times `share`.
    pub fn add(&mut self, other: &Self, share: f64) {
        self.streams.iter_mut().zip(other.streams).for_each(|(sum, other)| *sum += other * share);
        self.velocity += other.velocity * share;
    }
}

/// The negative log-likelihood of all frames by stream and the velocity loss, and the gradient of h (`[T + 1, d]`): that of
/// `scale` times the likelihood, and of the velocity loss times its own scale.
pub fn likelihood<T: Real>(
    network: &Network,
    values: &[T],
    h: &[T],
    frames: &[Frame],
    scale: f64,
    velocity: Option<(&Velocity, f64)>,
    gradient: &mut [T],
) -> (Sums, Vec<T>) {
    let d = network.config.width;
    let used = &h[..frames.len() * d];
    let mut dh = vec![T::ZERO; h.len()];
    let mut sums = Sums::default();
    let (embeddings, chain) = (&network.decoder.embeddings, network.chain.as_ref());
    let mut seen = Cow::Borrowed(used);
    let mut slopes: Vec<Vec<T>> = Vec::with_capacity(4);
    for (place, stream) in order(chain).into_iter().enumerate() {
        let (inner, mut logits) = network.heads.forward(values, embeddings, stream, &seen);
        let moved = velocity.filter(|_| stream == Velocity::STREAM);
        let moved = moved.map(|(velocity, scale)| velocity.of_clip(&logits, frames, scale));
        for (row, frame) in logits.chunks_exact_mut(network.config.vocabulary[stream]).zip(frames) {
            sums.streams[stream] += cross_entropy(row, frame[stream] as usize, scale);
        }
        if let Some((sum, slope)) = moved {
            sums.velocity = sum;
            add(&mut logits, &slope);
        }
        slopes.push(network.heads.backward(values, embeddings, stream, &seen, &inner, &logits, gradient));
        if let Some(chain) = chain.filter(|_| place < 3) {
            chain.tell(values, embeddings, place, frames, seen.to_mut());
        }
    }
    match chain {
        None => slopes.iter().for_each(|slope| add(&mut dh, slope)),
        // what a head is told, all heads after it are told
        Some(chain) => {
            for (place, slope) in slopes.iter().enumerate().rev() {
                if place < 3 {
                    chain.backward(values, embeddings, place, frames, &dh[..used.len()], gradient);
                }
                add(&mut dh, slope);
            }
        }
    }
    (sums, dh)
}

/// The negative log-likelihood of all frames and streams.
pub fn loss_of<T: Real>(network: &Network, values: &[T], h: &[T], frames: &[Frame]) -> f64 {
    let used = &h[..frames.len() * network.config.width];
    let mut sum = 0.0;
    for (stream, mut logits) in network.logits(values, used, frames).into_iter().enumerate() {
        for (row, frame) in logits.chunks_exact_mut(network.config.vocabulary[stream]).zip(frames) {
            sum += cross_entropy(row, frame[stream] as usize, 1.0);
        }
    }
    sum
}

/// The bag-of-words loss of a clip (unweighted) and the weighted gradient of slot 0.
pub fn bag<T: Real>(
    network: &Network,
    values: &[T],
    heads: &Heads,
    h: &[T],
    frames: &[Frame],
    share: f64,
    weight: f64,
    gradient: &mut [T],
) -> (f64, Vec<T>) {
    let mut dh = vec![T::ZERO; h.len()];
    let mut sum = 0.0;
    for stream in 0..4 {
        let (inner, mut logits) = heads.forward(values, &network.decoder.embeddings, stream, h);
        let wide: Vec<f64> = logits.iter().map(|logit| logit.wide()).collect();
        let probabilities = softmax(&wide);
        let mut counts = vec![0.0; logits.len()];
        for frame in frames {
            let id = frame[stream] as usize;
            counts[id] += 1.0;
            sum -= probabilities[id].max(1e-300).ln() * share;
        }
        for ((slope, p), count) in logits.iter_mut().zip(&probabilities).zip(&counts) {
            *slope = T::of(weight * share * (p * frames.len() as f64 - count));
        }
        let slope = heads.backward(values, &network.decoder.embeddings, stream, h, &inner, &logits, gradient);
        add(&mut dh, &slope);
    }
    (sum, dh)
}

/// -log softmax(row)[id]; the row becomes the gradient of `scale` times that.
fn cross_entropy<T: Real>(row: &mut [T], id: usize, scale: f64) -> f64 {
    let top = row.iter().fold(row[0], |top, x| top.larger(*x));
    let picked = (row[id] - top).wide();
    row.iter_mut().for_each(|x| *x = (*x - top).exp());
    let total: f64 = row.iter().map(|x| x.wide()).sum();
    let factor = T::of(scale / total);
    row.iter_mut().for_each(|x| *x = *x * factor);
    row[id] -= T::of(scale);
    total.ln() - picked
}

/// e^x / sum e^x.
pub fn softmax(logits: &[f64]) -> Vec<f64> {
    let top = logits.iter().copied().fold(f64::MIN, f64::max);
    let weights: Vec<f64> = logits.iter().map(|logit| (logit - top).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

/// Gradient through a softmax with result `p`, times `scale`.
pub fn backward_of(p: &[f64], slope: &[f64], scale: f64) -> Vec<f64> {
    let along: f64 = p.iter().zip(slope).map(|(p, slope)| p * slope).sum();
    p.iter().zip(slope).map(|(p, slope)| p * (slope - along) * scale).collect()
}

/// 1 at the largest value, the first of equals.
pub fn one_hot(p: &[f64]) -> Vec<f64> {
    let best = (0..p.len()).fold(0, |best, index| if p[index] > p[best] { index } else { best });
    (0..p.len()).map(|index| if index == best { 1.0 } else { 0.0 }).collect()
}

/// Adds element by element.
pub fn add_f64(sum: &mut [f64], values: &[f64]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// 1 / (1 + e^-x).
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// log(1 + e^x).
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
