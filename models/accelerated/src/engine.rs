//! The engine: a job's parameters and batch to the device, losses and gradient back.

use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Result};
use clips::{Fault, FaultKind, Track};
use listener::latent_intent::Config;
use listener::latent_intent::decoder::Frame;
use listener::latent_intent::dropout::Pass;
use listener::latent_intent::network::Network;
use listener::latent_intent::parameters::Layout;
use training::engine::{Engine, Job, Precision};
use training::objective::Outcome;

use crate::batch::{Factors, Speakers, Tokens, hidden, seed};
use crate::blocks::{Linear, Turn};
use crate::device::Chosen;
use crate::gau::Sight;
use crate::heads::Heads;
use crate::objective::{Step, dropouts};
use crate::passes::{Decoder, Encoder, Scene};
use crate::tensors::{Gradients, Key, Math, Names, Values, down};

/// Computes losses and gradients with candle.
#[derive(Debug)]
pub struct Accelerated {
    chosen: Chosen,
    /// The network of the last job: a run has two, one after the other.
    model: Mutex<Option<(Config, Model)>>,
}

impl Accelerated {
    /// An engine on a device.
    pub fn new(chosen: Chosen) -> Self {
        Self { chosen, model: Mutex::new(None) }
    }

    /// Losses and gradient in the asked number types: of products, and of everything else.
    ///
    /// # Errors
    /// What candle says.
    pub fn outcome(&self, job: &Job<'_>, float: DType, product: DType) -> Result<Outcome<f64>> {
        let math = Math { device: self.chosen.device().clone(), float, product };
        let mut known = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        let model = match known.take() {
            Some((config, model)) if config == job.network.config => model,
            _ => Model::new(job.network)?,
        };
        let (_, model) = known.insert((job.network.config.clone(), model));
        model.outcome(&math, job)
    }
}

impl Engine for Accelerated {
    fn device(&self) -> String {
        self.chosen.to_string()
    }

    fn check(&self, precision: Precision) -> clips::Result<()> {
        if precision == Precision::Bf16 && !self.chosen.device().supports_bf16() {
            let detail = "precision=bf16 needs a device that multiplies in bfloat16; candle has no such product on the processor";
            return Err(Fault::new(FaultKind::Unsupported, "", detail)
                .at(format!("--device {}", self.chosen.name()))
                .remedy("choose --device cuda:0 or metal, or --set precision=f32"));
        }
        Ok(())
    }

    fn compute(&self, job: &Job<'_>) -> clips::Result<Outcome<f32>> {
        let product = match job.precision {
            Precision::F32 => DType::F32,
            Precision::Bf16 => DType::BF16,
        };
        let outcome = self.outcome(job, DType::F32, product).map_err(|error| {
            Fault::new(FaultKind::Internal, "", error.to_string())
                .at(format!("--device {}", self.chosen.name()))
                .remedy("if its memory is full, lower batch or frames; --device cpu needs no accelerator")
        })?;
        let gradient = outcome.gradient.into_iter().map(|slope| slope as f32).collect();
        let Outcome { losses, posterior, chosen, matching, .. } = outcome;
        Ok(Outcome { losses, gradient, posterior, chosen, matching })
    }
}

/// The network's blocks with the places of their parameters.
#[derive(Debug)]
pub struct Model {
    /// Speaker side.
    pub encoder: Encoder,
    /// Listener side.
    pub decoder: Decoder,
    /// Heads of the next frame.
    pub heads: Heads,
    /// `None` in the network without a latent.
    pub latent: Option<Latent>,
    /// `[d, 5]`; `None` in the network that hears of no styles.
    pub style: Option<Key>,
}

/// Parts that exist only with a latent.
#[derive(Debug)]
pub struct Latent {
    /// `[K, d]`.
    pub vectors: Key,
    /// Bag-of-words heads.
    pub bag: Heads,
    /// Posterior logits of the recognition state.
    pub posterior: Linear,
    /// Reaction-matching logit of the recognition state.
    pub matching: Linear,
}

impl Model {
    fn new(network: &Network) -> Result<Self> {
        let names = Names(&network.layout);
        let latent = network.latent.is_some().then(|| {
            Ok::<_, candle_core::Error>(Latent {
                vectors: names.find("z_emb")?,
                bag: Heads::new(&names, "bow")?,
                posterior: Linear::new(&names, "post")?,
                matching: Linear::new(&names, "rm")?,
            })
        });
        Ok(Self {
            encoder: Encoder::new(&names, &network.config)?,
            decoder: Decoder::new(&names, network)?,
            heads: match network.chain {
                Some(_) => Heads::new(&names, "head")?.chained(&names)?,
                None => Heads::new(&names, "head")?,
            },
            latent: latent.transpose()?,
            style: network.style.is_some().then(|| names.find("style.weight")).transpose()?,
        })
    }

    fn outcome(&self, math: &Math, job: &Job<'_>) -> Result<Outcome<f64>> {
        let Job { network, items, .. } = *job;
        let config = &network.config;
        seed(math, items)?;
        let values = Values::send(math, &network.layout, job.values)?;
        let speakers = Speakers::new(math, items, &config.feature_columns)?;
        let positions = speakers.frames + 1;
        let turn = Turn::new(math, positions, config.key_width)?;
        let scene = Scene { math, values: &values, turn: &turn };
        let sight = |causal| Sight::new(math, &self.decoder.attend, &speakers.lengths, positions, causal);
        let dropouts = dropouts(items, Pass::Generate);
        let places = self.decoder.places();
        let reactions: Vec<&[Frame]> = items.iter().map(|item| &item.reaction[..]).collect();
        let step = Step {
            model: self,
            items,
            width: config.width,
            reactions: Tokens::new(math, &reactions, speakers.frames)?,
            hidden: hidden(math, items, speakers.frames)?,
            track: sight(job.track == Track::Online)?,
            causal: sight(true)?,
            generation: Factors::new(
                math,
                &dropouts,
                &speakers.lengths,
                places,
                speakers.frames,
                config.width,
            )?,
            scene,
            speakers,
        };
        let mut gradients = Gradients::new(&network.layout);
        let mut outcome = match &self.latent {
            Some(latent) => step.two(latent, config.latents, &job.weights, &mut gradients)?,
            None => step.one(job.weights.velocity, &mut gradients)?,
        };
        outcome.gradient = finish(math, gradients, &network.layout)?;
        Ok(outcome)
    }
}

/// The gradient on the host. Every parameter must have been reached, but for what an input that was not there would have
/// reached: a block left out would otherwise train to nothing without a word.
fn finish(math: &Math, gradients: Gradients, layout: &Layout) -> Result<Vec<f64>> {
    let lost = gradients.untouched(layout);
    let lost: Vec<_> =
        lost.into_iter().filter(|name| !name.starts_with("feat.") && !name.starts_with("absent.")).collect();
    if !lost.is_empty() {
        candle_core::bail!("no gradient reached {}", lost.join(", "));
    }
    down(&gradients.flat(math, layout)?)
}
