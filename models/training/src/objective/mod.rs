//! The losses of both stages and their gradients (paper, section II-C).
//!
//! ```text
//! CLG = - mean over frames of sum over streams log p(r_t | e_z, s, r_<t)        e_z of the Gumbel-softmax weights
//! BOW = - mean over frames of sum over streams log p(r_t | slot 0)              slot 0 of the generation pass
//! RM  = - mean over clips of log sigma(m(s, r+)) + log(1 - sigma(m(s, r-)))     m of the recognition pass
//! USE = - entropy of the mean posterior
//! ```
//!
//! Ours, off unless asked for: a *margin*, `mean over clips of max(0, width - (CLG of another latent - CLG))`, which makes
//! a latent that was not recognised say the reaction is less likely; and the velocity loss (`velocity.rs`).
//!
//! Stage one is CLG with e_z = 0. Means over frames make the weights independent of the clip's length. Clips are
//! worked through in a fixed number of lanes whose gradients are added in a fixed order, so results do not depend on
//! the number of threads.

mod clip;
mod terms;
mod velocity;

use clips::Track;
use clips::take::Style;
use listener::latent_intent::blocks::{Rotation, add};
use listener::latent_intent::decoder::{DecoderTape, Frame, Slots};
use listener::latent_intent::dropout::{Dropout, Pass};
use listener::latent_intent::encoder::{EncoderTape, Speaker};
use listener::latent_intent::network::Network;
use listener::real::Real;
use rayon::prelude::*;

use clip::Clip;
use terms::{Sums, likelihood};
pub use terms::{backward_of, one_hot, sigmoid, softmax, softplus};
pub use velocity::Velocity;

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
    /// How the one who reacts usually listens; all 0 for an average person, or where the network hears of no styles.
    pub style: Style,
    /// Which other latent the margin compares with; any number.
    pub rival: usize,
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

/// Which state the bag of words is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BagFrom {
    /// Slot 0 of the generation pass, as PLATO's code does; so it passes through the latent.
    Generation,
    /// Slot 0 of the recognition pass, as equation 5 reads literally; an ablation.
    Recognition,
}

/// Weights of the losses.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a> {
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
    /// Where the bag of words is read.
    pub bag_from: BagFrom,
    /// Of the margin.
    pub margin: f64,
    /// How much less likely another latent should make the reaction, nats per frame.
    pub margin_width: f64,
    /// The velocity loss, of both stages.
    pub velocity: Option<&'a Velocity>,
}

/// Values of the losses.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Losses {
    /// CLG in nats per frame.
    pub clg: f64,
    /// Its part of each token stream.
    #[serde(default)]
    pub streams: [f64; 4],
    /// RM.
    pub rm: f64,
    /// BOW in nats per frame.
    pub bow: f64,
    /// USE.
    pub usage: f64,
    /// The margin, nats per frame.
    #[serde(default)]
    pub margin: f64,
    /// The velocity loss, squared units of the code book per frame.
    #[serde(default)]
    pub velocity: f64,
    /// Weighted sum.
    pub total: f64,
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

/// Stage one: likelihood of the true listener without a latent, and the velocity loss where there is one.
pub fn stage_one<T: Real>(
    network: &Network,
    values: &[T],
    items: &[Item<T>],
    track: Track,
    velocity: Option<&Velocity>,
) -> Outcome<T> {
    let (rotation, share) = (longest(network, items), 1.0 / frames_of(items));
    let moved = velocity.map(|velocity| (velocity, share * velocity.weight()));
    let lanes: Vec<(Sums, Vec<T>)> = (0..LANES)
        .into_par_iter()
        .map(|lane| {
            let mut gradient = vec![T::ZERO; network.layout.total()];
            let mut means = Sums::default();
            for item in items.iter().skip(lane).step_by(LANES) {
                let dropout = item.dropout.pass(Pass::Encode);
                let (memory, tape) = network.encode_with(values, &item.speaker, track, &rotation, &dropout);
                let mut dmemory = vec![T::ZERO; memory.len()];
                let mut vector = vec![T::ZERO; network.config.width];
                network.add_style(values, &item.style, &mut vector);
                let slots = Slots::Generation { hidden: &item.hidden, latent: &vector };
                let dropout = item.dropout.pass(Pass::Generate);
                let (h, decoder) =
                    network.generate_with(values, &item.reaction, slots, &memory, track, &rotation, &dropout);
                let (sums, dh) = likelihood(network, values, &h, &item.reaction, share, moved, &mut gradient);
                means.add(&sums, share);
                let dvector = network.decoder.backward(
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
                network.style_backward(&item.style, &dvector, &mut gradient);
                network.encoder.backward(values, &item.speaker, &tape, &dmemory, &rotation, &mut gradient);
            }
            (means, gradient)
        })
        .collect();
    let (Sums { streams, velocity: gone }, gradient) =
        gather(lanes, |sum: &mut Sums, lane| sum.add(&lane, 1.0));
    let clg = streams.iter().sum();
    let total = clg + velocity.map_or(0.0, |velocity| velocity.weight() * gone);
    let losses = Losses { clg, streams, velocity: gone, total, ..Losses::default() };
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
    weights: &Weights<'_>,
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
        sum.losses.bow += lane.losses.bow;
        sum.losses.rm += lane.losses.rm;
        sum.losses.margin += lane.losses.margin;
        sum.losses.velocity += lane.losses.velocity;
        sum.losses.streams.iter_mut().zip(lane.losses.streams).for_each(|(sum, lane)| *sum += lane);
        sum.clips.extend(lane.clips);
    });
    let mut chosen = vec![Vec::new(); items.len()];
    for (index, weights) in partial.clips {
        chosen[index] = weights;
    }
    let Losses { clg, rm, bow, margin, velocity, .. } = partial.losses;
    let total = weights.likelihood * clg
        + weights.matching * rm
        + weights.bag * bow
        + weights.usage * usage
        + weights.margin * margin
        + weights.velocity.map_or(0.0, |term| term.weight() * velocity);
    Outcome {
        losses: Losses { usage, total, ..partial.losses },
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
