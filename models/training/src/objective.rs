//! The losses of both stages and their gradients (paper, section II-C).
//!
//! ```text
//! CLG = - mean over frames of sum over streams log p(r_t | e_z, s, r_<t)        e_z of the Gumbel-softmax weights
//! BOW = - mean over frames of sum over streams log p(r_t | slot 0)              slot 0 of the generation pass
//! RM  = - mean over clips of log sigma(m(s, r+)) + log(1 - sigma(m(s, r-)))     m of the recognition pass
//! USE = - entropy of the mean posterior
//! ```
//!
//! Stage one is CLG with e_z = 0. Means over frames make the weights independent of the clip's length. Clips are
//! worked through in a fixed number of lanes whose gradients are added in a fixed order, so results do not depend on
//! the number of threads.

use clips::Track;
use listener::latent_intent::blocks::{Rotation, add};
use listener::latent_intent::decoder::{DecoderTape, Frame, Slots};
use listener::latent_intent::dropout::{Dropout, Pass};
use listener::latent_intent::encoder::{EncoderTape, Speaker};
use listener::latent_intent::heads::Heads;
use listener::latent_intent::network::Network;
use listener::real::Real;
use rayon::prelude::*;

/// Gradient buffers; clips go to lane `index % LANES`.
const LANES: usize = 4;

/// One clip of a batch, all draws made.
#[derive(Debug, Clone)]
pub struct Item<T> {
    /// The speaker.
    pub speaker: Speaker<T>,
    /// The reaction to predict, as long as the speaker.
    pub reaction: Vec<Frame>,
    /// A reaction to somebody else, as long as the speaker; unused in stage one.
    pub negative: Vec<Frame>,
    /// Frames hidden from the history; empty for none.
    pub hidden: Vec<bool>,
    /// Gumbel noise, one value a latent; unused in stage one.
    pub gumbel: Vec<f64>,
    /// Generate without a latent.
    pub without_latent: bool,
    /// What is dropped.
    pub dropout: Dropout,
    /// Where it was drawn from.
    pub origin: Origin,
}

/// The rows and the crop of a clip of a batch, to find it again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    /// Training row of the speaker.
    pub row: usize,
    /// Training row whose listener is the positive.
    pub positive: usize,
    /// Training row whose listener is the negative.
    pub negative: usize,
    /// First frame of the crop.
    pub first: usize,
}

/// Weights of the losses.
#[derive(Debug, Clone, Copy)]
pub struct Weights {
    /// Of CLG.
    pub likelihood: f64,
    /// Of RM.
    pub matching: f64,
    /// Of BOW.
    pub bag: f64,
    /// Of USE.
    pub usage: f64,
    /// Temperature of the Gumbel-softmax.
    pub temperature: f64,
    /// Hard choice forward, soft backward.
    pub straight_through: bool,
}

/// Values of the losses.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Losses {
    /// CLG in nats per frame.
    pub clg: f64,
    /// RM.
    pub rm: f64,
    /// BOW in nats per frame.
    pub bow: f64,
    /// USE.
    pub usage: f64,
    /// Weighted sum.
    pub total: f64,
    /// CLG by stream (m3d, au, va, ex).
    #[serde(skip)]
    pub streams: [f64; 4],
}

/// Losses, gradient and what the tests look at.
#[derive(Debug)]
pub struct Outcome<T> {
    /// Loss values.
    pub losses: Losses,
    /// Gradient of the weighted sum, in the layout of the network.
    pub gradient: Vec<T>,
    /// Posterior logits of every clip.
    pub posterior: Vec<Vec<f64>>,
    /// Weights of the latents in the generation pass.
    pub chosen: Vec<Vec<f64>>,
    /// Matching logits of the reaction and of the negative.
    pub matching: Vec<(f64, f64)>,
}

/// One pass over the slots of the recognition pass.
struct Recognised<T> {
    h: Vec<T>,
    tape: DecoderTape<T>,
    logits: Vec<f64>,
    matching: f64,
}

struct Known<T> {
    memory: Vec<T>,
    tape: EncoderTape<T>,
    positive: Recognised<T>,
    negative: Recognised<T>,
}

fn frames_of<T>(items: &[Item<T>]) -> f64 {
    items.iter().map(|item| item.speaker.frames).sum::<usize>().max(1) as f64
}

fn longest<T: Real>(network: &Network, items: &[Item<T>]) -> Rotation<T> {
    network.rotation(items.iter().map(|item| item.speaker.frames).max().unwrap_or(0))
}

/// Stage one: likelihood of the true listener without a latent.
pub fn stage_one<T: Real>(network: &Network, values: &[T], items: &[Item<T>], track: Track) -> Outcome<T> {
    let (rotation, share) = (longest(network, items), 1.0 / frames_of(items));
    let zero = vec![T::ZERO; network.config.width];
    let lanes: Vec<(Losses, Vec<T>)> = (0..LANES)
        .into_par_iter()
        .map(|lane| {
            let mut gradient = vec![T::ZERO; network.layout.total()];
            let mut losses = Losses::default();
            for item in items.iter().skip(lane).step_by(LANES) {
                let dropout = item.dropout.pass(Pass::Encode);
                let (memory, tape) = network.encode_with(values, &item.speaker, track, &rotation, &dropout);
                let mut dmemory = vec![T::ZERO; memory.len()];
                let slots = Slots::Generation { hidden: &item.hidden, latent: &zero };
                let dropout = item.dropout.pass(Pass::Generate);
                let (h, decoder) =
                    network.generate_with(values, &item.reaction, slots, &memory, track, &rotation, &dropout);
                let (sum, streams, dh) =
                    likelihood(network, values, &h, &item.reaction, share, &mut gradient);
                losses.clg += sum;
                add_f64(&mut losses.streams, &streams);
                network.decoder.backward(
                    values,
                    &item.reaction,
                    slots,
                    &memory,
                    &decoder,
                    &dh,
                    &mut dmemory,
                    &rotation,
                    &mut gradient,
                );
                network.encoder.backward(values, &item.speaker, &tape, &dmemory, &rotation, &mut gradient);
            }
            (losses, gradient)
        })
        .collect();
    let (losses, gradient) = gather(lanes, |sum: &mut Losses, lane: Losses| {
        sum.clg += lane.clg;
        add_f64(&mut sum.streams, &lane.streams);
    });
    let losses = Losses { total: losses.clg, ..losses };
    Outcome { losses, gradient, posterior: Vec::new(), chosen: Vec::new(), matching: Vec::new() }
}

/// Stage two: all four losses.
///
/// # Panics
/// When the network has no latent.
pub fn stage_two<T: Real>(
    network: &Network,
    values: &[T],
    items: &[Item<T>],
    track: Track,
    weights: &Weights,
) -> Outcome<T> {
    assert!(network.latent.is_some(), "stage two trains a latent");
    let rotation = longest(network, items);
    let known: Vec<Known<T>> =
        items.par_iter().map(|item| recognise_both(network, values, item, track, &rotation)).collect();
    let count = items.len() as f64;
    let posteriors: Vec<Vec<f64>> = known.iter().map(|known| softmax(&known.positive.logits)).collect();
    let mut mean = vec![0.0; network.config.latents];
    for posterior in &posteriors {
        mean.iter_mut().zip(posterior).for_each(|(mean, p)| *mean += p / count);
    }
    let usage: f64 = mean.iter().map(|p| p * p.max(1e-30).ln()).sum();
    let usage_slope: Vec<f64> =
        mean.iter().map(|p| weights.usage * (p.max(1e-30).ln() + 1.0) / count).collect();
    let share = 1.0 / frames_of(items);

    let lanes: Vec<(Partial, Vec<T>)> = (0..LANES)
        .into_par_iter()
        .map(|lane| {
            let mut gradient = vec![T::ZERO; network.layout.total()];
            let mut partial = Partial::default();
            for index in (lane..items.len()).step_by(LANES) {
                let slope = backward_of(&posteriors[index], &usage_slope, 1.0);
                let clip = Clip { network, values, item: &items[index], track, rotation: &rotation };
                partial.clips.push((
                    index,
                    clip.generate(
                        &known[index],
                        weights,
                        share,
                        count,
                        slope,
                        &mut partial.losses,
                        &mut gradient,
                    ),
                ));
            }
            (partial, gradient)
        })
        .collect();
    let (partial, gradient) = gather(lanes, |sum: &mut Partial, lane: Partial| {
        sum.losses.clg += lane.losses.clg;
        add_f64(&mut sum.losses.streams, &lane.losses.streams);
        sum.losses.bow += lane.losses.bow;
        sum.losses.rm += lane.losses.rm;
        sum.clips.extend(lane.clips);
    });
    let mut chosen = vec![Vec::new(); items.len()];
    for (index, weights) in partial.clips {
        chosen[index] = weights;
    }
    let Losses { clg, rm, bow, streams, .. } = partial.losses;
    let total = weights.likelihood * clg + weights.matching * rm + weights.bag * bow + weights.usage * usage;
    Outcome {
        losses: Losses { clg, rm, bow, usage, total, streams },
        gradient,
        matching: known.iter().map(|known| (known.positive.matching, known.negative.matching)).collect(),
        posterior: known.into_iter().map(|known| known.positive.logits).collect(),
        chosen,
    }
}

#[derive(Default)]
struct Partial {
    losses: Losses,
    clips: Vec<(usize, Vec<f64>)>,
}

/// Adds the lanes up in their order.
fn gather<S: Default, T: Real>(lanes: Vec<(S, Vec<T>)>, join: impl Fn(&mut S, S)) -> (S, Vec<T>) {
    let mut sum = S::default();
    let mut gradient: Vec<T> = Vec::new();
    for (part, lane) in lanes {
        join(&mut sum, part);
        if gradient.is_empty() {
            gradient = lane;
        } else {
            add(&mut gradient, &lane);
        }
    }
    (sum, gradient)
}

fn recognise_both<T: Real>(
    network: &Network,
    values: &[T],
    item: &Item<T>,
    track: Track,
    rotation: &Rotation<T>,
) -> Known<T> {
    let dropout = item.dropout.pass(Pass::Encode);
    let (memory, tape) = network.encode_with(values, &item.speaker, track, rotation, &dropout);
    let recognise = |frames: &[Frame], pass: Pass| {
        let dropout = item.dropout.pass(pass);
        let (h, tape) = network.recognise_with(values, frames, &memory, rotation, &dropout);
        let (logits, matching) =
            network.judge(values, &h[..network.config.width]).unwrap_or((Vec::new(), T::ZERO));
        Recognised {
            h,
            tape,
            logits: logits.iter().map(|logit| logit.wide()).collect(),
            matching: matching.wide(),
        }
    };
    let positive = recognise(&item.reaction, Pass::RecognisePositive);
    let negative = recognise(&item.negative, Pass::RecogniseNegative);
    Known { memory, tape, positive, negative }
}

/// One clip on its way through the generation pass and all the way back.
struct Clip<'a, T> {
    network: &'a Network,
    values: &'a [T],
    item: &'a Item<T>,
    track: Track,
    rotation: &'a Rotation<T>,
}

impl<T: Real> Clip<'_, T> {
    /// Adds losses and gradients; `dlogits` is the gradient of the posterior logits so far (from USE). Returns the
    /// weights of the latents.
    fn generate(
        &self,
        known: &Known<T>,
        weights: &Weights,
        share: f64,
        count: f64,
        mut dlogits: Vec<f64>,
        losses: &mut Losses,
        gradient: &mut [T],
    ) -> Vec<f64> {
        let Self { network, values, item, track, rotation } = *self;
        let Some(latent) = &network.latent else { return Vec::new() };
        let d = network.config.width;
        let noisy: Vec<f64> = known
            .positive
            .logits
            .iter()
            .zip(&item.gumbel)
            .map(|(logit, noise)| (logit + noise) / weights.temperature)
            .collect();
        let soft = softmax(&noisy);
        let chosen = if weights.straight_through { one_hot(&soft) } else { soft.clone() };
        let used: Vec<T> =
            chosen.iter().map(|weight| if item.without_latent { T::ZERO } else { T::of(*weight) }).collect();
        let vector = network.latent_vector(values, &used);

        let slots = Slots::Generation { hidden: &item.hidden, latent: &vector };
        let dropout = item.dropout.pass(Pass::Generate);
        let (h, tape) =
            network.generate_with(values, &item.reaction, slots, &known.memory, track, rotation, &dropout);
        let (sum, streams, mut dh) =
            likelihood(network, values, &h, &item.reaction, share * weights.likelihood, gradient);
        let weight = weights.likelihood.max(f64::MIN_POSITIVE);
        losses.clg += sum / weight;
        add_f64(&mut losses.streams, &streams.map(|sum| sum / weight));
        let (sum, dfirst) =
            bag(network, values, &latent.bag, &h[..d], &item.reaction, share, weights.bag, gradient);
        losses.bow += sum;
        add(&mut dh[..d], &dfirst);

        let mut dmemory = vec![T::ZERO; known.memory.len()];
        let dvector = network.decoder.backward(
            values,
            &item.reaction,
            slots,
            &known.memory,
            &tape,
            &dh,
            &mut dmemory,
            rotation,
            gradient,
        );
        if !item.without_latent {
            let mut dchosen = Vec::with_capacity(chosen.len());
            let rows = latent.vectors.of(values).chunks_exact(d);
            for ((row, gradient), weight) in
                rows.zip(latent.vectors.of_mut(gradient).chunks_exact_mut(d)).zip(&used)
            {
                let mut along = T::ZERO;
                for i in 0..d {
                    along += row[i] * dvector[i];
                    gradient[i] += *weight * dvector[i];
                }
                dchosen.push(along.wide());
            }
            add_f64(&mut dlogits, &backward_of(&soft, &dchosen, 1.0 / weights.temperature));
        }
        let (up, down) = (known.positive.matching, known.negative.matching);
        losses.rm += (softplus(-up) + softplus(down)) / count;
        let slopes = (-weights.matching * sigmoid(-up) / count, weights.matching * sigmoid(down) / count);
        self.recognition_backward(
            known,
            &known.positive,
            &item.reaction,
            &dlogits,
            slopes.0,
            &mut dmemory,
            gradient,
        );
        self.recognition_backward(
            known,
            &known.negative,
            &item.negative,
            &[],
            slopes.1,
            &mut dmemory,
            gradient,
        );
        network.encoder.backward(values, &item.speaker, &known.tape, &dmemory, rotation, gradient);
        chosen
    }

    fn recognition_backward(
        &self,
        known: &Known<T>,
        pass: &Recognised<T>,
        frames: &[Frame],
        dlogits: &[f64],
        dmatching: f64,
        dmemory: &mut [T],
        gradient: &mut [T],
    ) {
        let Some(latent) = &self.network.latent else { return };
        let d = self.network.config.width;
        let mut dh = vec![T::ZERO; pass.h.len()];
        add(
            &mut dh[..d],
            &latent.matching.backward(self.values, &pass.h[..d], &[T::of(dmatching)], gradient),
        );
        if !dlogits.is_empty() {
            let dlogits: Vec<T> = dlogits.iter().map(|slope| T::of(*slope)).collect();
            add(&mut dh[..d], &latent.posterior.backward(self.values, &pass.h[..d], &dlogits, gradient));
        }
        self.network.decoder.backward(
            self.values,
            frames,
            Slots::Recognition,
            &known.memory,
            &pass.tape,
            &dh,
            dmemory,
            self.rotation,
            gradient,
        );
    }
}

/// `scale` times the negative log-likelihood of all frames and streams, the same by stream, and the gradient of h
/// (`[T + 1, d]`).
fn likelihood<T: Real>(
    network: &Network,
    values: &[T],
    h: &[T],
    frames: &[Frame],
    scale: f64,
    gradient: &mut [T],
) -> (f64, [f64; 4], Vec<T>) {
    let d = network.config.width;
    let used = &h[..frames.len() * d];
    let mut dh = vec![T::ZERO; h.len()];
    let (mut sum, mut streams) = (0.0, [0.0; 4]);
    for stream in 0..4 {
        let (inner, mut logits) = network.heads.forward(values, &network.decoder.embeddings, stream, used);
        for (row, frame) in logits.chunks_exact_mut(network.config.vocabulary[stream]).zip(frames) {
            let loss = cross_entropy(row, frame[stream] as usize, scale);
            sum += loss;
            streams[stream] += loss;
        }
        let slope = network.heads.backward(
            values,
            &network.decoder.embeddings,
            stream,
            used,
            &inner,
            &logits,
            gradient,
        );
        add(&mut dh, &slope);
    }
    (sum, streams, dh)
}

/// The bag-of-words loss of a clip (unweighted) and the weighted gradient of slot 0.
fn bag<T: Real>(
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

/// `scale` times -log softmax(row)[id]; the row becomes its gradient.
fn cross_entropy<T: Real>(row: &mut [T], id: usize, scale: f64) -> f64 {
    let top = row.iter().fold(row[0], |top, x| top.larger(*x));
    let picked = (row[id] - top).wide();
    row.iter_mut().for_each(|x| *x = (*x - top).exp());
    let total: f64 = row.iter().map(|x| x.wide()).sum();
    let factor = T::of(scale / total);
    row.iter_mut().for_each(|x| *x = *x * factor);
    row[id] -= T::of(scale);
    scale * (total.ln() - picked)
}

/// e^x / sum e^x.
pub fn softmax(logits: &[f64]) -> Vec<f64> {
    let top = logits.iter().copied().fold(f64::MIN, f64::max);
    let weights: Vec<f64> = logits.iter().map(|logit| (logit - top).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

/// Gradient through a softmax with result `p`, times `scale`.
fn backward_of(p: &[f64], slope: &[f64], scale: f64) -> Vec<f64> {
    let along: f64 = p.iter().zip(slope).map(|(p, slope)| p * slope).sum();
    p.iter().zip(slope).map(|(p, slope)| p * (slope - along) * scale).collect()
}

fn one_hot(p: &[f64]) -> Vec<f64> {
    let best = (0..p.len()).fold(0, |best, index| if p[index] > p[best] { index } else { best });
    (0..p.len()).map(|index| if index == best { 1.0 } else { 0.0 }).collect()
}

fn add_f64(sum: &mut [f64], values: &[f64]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
