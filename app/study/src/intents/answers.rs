//! What a system says: which latent it recognises in real listeners, and what the judge sees in its answers.

use clips::synth::world::{CLASSES, appropriate};
use clips::{Chance, Control, Fault, FaultKind, Result, Sampling};
use listener::{LatentChoice, Request, System};
use measures::intents::{Answers, Judged};
use measures::judge::{Judge, summary, verdict};
use measures::{frdiv, frvar};
use rayon::prelude::*;

use super::{Asked, Known, KnownSplit};

/// Reactions of a system without latents that stand in for the K of a system with them.
const SAMPLES_WITHOUT_LATENT: usize = 8;
/// Speakers answered for each template.
const SPEAKERS_PER_TEMPLATE: usize = 2;

/// What the recognition pass says of one real pair.
struct Reading {
    posterior: Vec<f64>,
    own: f64,
    foreign: Option<f64>,
    gap: f64,
}

/// What the recognition pass says of all real pairs; empty for systems without latents.
#[derive(Default)]
pub struct Recognised {
    pub posteriors: Vec<Vec<f64>>,
    pub own: Vec<f64>,
    pub foreign: Vec<f64>,
    pub gap: Option<f64>,
}

/// Reads real listeners with the recognition pass.
///
/// # Errors
/// What the system says.
pub fn recognise(system: &dyn System, judged: &[Known], asked: &Asked) -> Result<Recognised> {
    let Some(model) = system.latent_intent().filter(|_| system.latents() > 0) else {
        return Ok(Recognised::default());
    };
    let rows: Result<Vec<Reading>> = judged
        .par_iter()
        .enumerate()
        .map(|(index, known)| {
            let mut chance = Chance::new(asked.seed, "intents", &[index as u64]);
            let (posterior, own) = model.recognise("", &known.speaker, &known.listener)?;
            let posterior: Vec<f64> = posterior.into_iter().map(f64::from).collect();
            let foreign: Vec<&Known> =
                judged.iter().filter(|other| other.row.class != known.row.class).collect();
            let foreign = match foreign.get(chance.below(foreign.len())) {
                Some(other) => Some(f64::from(model.recognise("", &known.speaker, &other.listener)?.1)),
                None => None,
            };
            let losses = model.likelihoods("", &known.speaker, &known.listener, asked.track)?;
            let random = losses[chance.below(losses.len())];
            let gap = random - losses[verdict(&posterior).0];
            Ok(Reading { posterior, own: f64::from(own), foreign, gap })
        })
        .collect();
    let rows = rows?;
    Ok(Recognised {
        gap: Some(rows.iter().map(|row| row.gap).sum::<f64>() / rows.len() as f64),
        own: rows.iter().map(|row| row.own).collect(),
        foreign: rows.iter().filter_map(|row| row.foreign).collect(),
        posteriors: rows.into_iter().map(|row| row.posterior).collect(),
    })
}

/// The answers to some speakers, judged.
pub struct Answered {
    pub judged: Vec<Answers>,
    /// Mean FRVar of the answers and of the real listeners.
    pub variances: Option<(f64, f64)>,
    /// Mean FRDiv over the answers to a speaker.
    pub diversity: Option<f64>,
}

/// Answers two speakers of every template with every latent.
///
/// # Errors
/// A system that makes no coefficients, what the system says, a stop on request.
pub fn of(
    system: &dyn System,
    judge: &Judge,
    known: &KnownSplit,
    asked: &Asked,
    sampling: Sampling,
    control: &Control,
) -> Result<Answered> {
    let mut chosen: Vec<&Known> = Vec::new();
    for one in &known.judged {
        let same = |other: &&&Known| other.row.template == one.row.template;
        if chosen.iter().filter(same).count() < SPEAKERS_PER_TEMPLATE {
            chosen.push(one);
        }
    }
    let request = Request {
        latents: LatentChoice::All,
        samples: if system.latents() > 0 { 1 } else { SAMPLES_WITHOUT_LATENT },
        seed: asked.seed,
        sampling,
        track: asked.track,
        turns: Vec::new(),
    };
    let (mut answers, mut variance, mut diversity) = (Vec::new(), Vec::new(), Vec::new());
    for (index, one) in chosen.iter().enumerate() {
        control.step("answering speakers", index as u64, chosen.len() as u64, CLASSES[one.row.class])?;
        let clip = format!("{}/{}", known.split.name(), one.row.row);
        let mut takes = system.generate(&clip, &one.speaker, &request, &control.silent())?;
        if sampling.shared_noise && system.latents() == 0 {
            // without a latent nothing differs any more
            let first = takes.swap_remove(0);
            takes = vec![first; SAMPLES_WITHOUT_LATENT];
        }
        let mut by_latent = Vec::new();
        for take in &takes {
            let coefficients = take.coefficients.as_ref().ok_or_else(|| {
                Fault::new(FaultKind::BadRequest, "", format!("{} makes no coefficients", system.name()))
                    .remedy("the judge needs attributes and coefficients")
            })?;
            let probabilities = judge.probabilities(&summary(&take.attributes, coefficients)?);
            by_latent.push(Judged { probabilities, score: take.header.rm_score.map(f64::from) });
        }
        let reactions: Vec<&[[f32; 25]]> = takes.iter().map(|take| take.attributes.as_slice()).collect();
        variance.extend(frvar::of_clip(&reactions));
        diversity.extend(frdiv::of_clip(&reactions));
        answers.push(Answers { by_latent, appropriate: appropriate(one.row.class) });
    }
    control.step("answering speakers", chosen.len() as u64, chosen.len() as u64, "")?;
    let mean =
        |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    Ok(Answered {
        variances: mean(&variance).zip(known.variance()),
        diversity: mean(&diversity),
        judged: answers,
    })
}
