//! The latent-intent model as a listener system: a loaded checkpoint that answers speakers with takes.
//!
//! `latent-intent` has K latents and ranks its reactions; `latent-intent-plain` is the same network without a latent
//! (the paper's ablation): it gives samples and no ranking.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use clips::channels::{ATTRIBUTE_COUNT, COEFFICIENT_COUNT};
use clips::take::Style;
use clips::{Control, Fault, FaultKind, Result, Sampling, Streams, Take, TakeHeader, Track};
use rayon::prelude::*;

use super::blocks::Rotation;
use super::checkpoint::{About, Checkpoint, read_file, sha256};
use super::config::Config;
use super::decode::{Plain, Precision, stretch};
use super::decoder::{Frame, Slots};
use super::encoder::Speaker;
use super::features::{Measured, Standardisation, centre, require_frames};
use super::live::{Drawn, Live, Which};
use super::network::Network;
use super::ranking::{Encoded, ranks, softmax, stretch_around, stretches};
use super::style::measured;
use crate::system::{LatentChoice, Request, System};

/// Most reactions of one request.
const MOST_TAKES: usize = 1000;

/// A loaded latent-intent model.
#[derive(Debug)]
pub struct LatentIntent {
    checkpoint: Checkpoint,
    hash: String,
    network: Network,
    plain: Plain,
    /// The same in 16 bits, once it is asked for.
    sixteen: OnceLock<Plain>,
}

/// A drawn reaction before it becomes a take.
struct Candidate {
    which: Which,
    frames: Vec<Frame>,
    score: Option<f32>,
}

impl LatentIntent {
    /// Loads a checkpoint file.
    ///
    /// # Errors
    /// A fault naming file, tensor and remedy.
    pub fn load(path: &Path) -> Result<Self> {
        Self::from_bytes(path, &read_file(path)?)
    }

    /// Loads a checkpoint from memory; `name` stands for its path in faults.
    ///
    /// # Errors
    /// As [`LatentIntent::load`].
    pub fn from_bytes(name: &Path, bytes: &[u8]) -> Result<Self> {
        Self::new(Checkpoint::from_bytes(name, bytes)?, sha256(bytes))
    }

    /// A model of a checkpoint in memory; `hash` is what takes are signed with.
    ///
    /// # Errors
    /// When the sizes do not fit together.
    pub fn new(checkpoint: Checkpoint, hash: String) -> Result<Self> {
        let network = Network::new(&checkpoint.about.config)?;
        let plain = Plain::new(&network, &checkpoint.values, Precision::Single);
        Ok(Self { checkpoint, hash, network, plain, sixteen: OnceLock::new() })
    }

    /// What the checkpoint says of itself.
    pub fn about(&self) -> &About {
        &self.checkpoint.about
    }

    /// Sizes of the network.
    pub fn config(&self) -> &Config {
        &self.network.config
    }

    /// The code books.
    pub fn books(&self) -> &tokens::CodeBooks {
        &self.checkpoint.books
    }

    /// Feature statistics of the training speakers.
    pub fn standardisation(&self) -> &Standardisation {
        &self.checkpoint.standardisation
    }

    /// How a listener listens beside the training people; `None` where the network hears of no styles. Over several clips
    /// of a person take the mean.
    ///
    /// # Errors
    /// A missing stream.
    pub fn style_of(&self, clip: &str, listener: &Streams) -> Result<Option<Style>> {
        let Some(styles) = self.checkpoint.styles else { return Ok(None) };
        let (attributes, coefficients) = both(clip, listener)?;
        Ok(Some(styles.style(&measured(attributes, coefficients))))
    }

    /// Mean matching score of every latent over the training set: which to show first in a live answer.
    pub fn prior(&self) -> &[f32] {
        &self.checkpoint.prior
    }

    pub(super) fn plain(&self, sampling: &Sampling) -> &Plain {
        if !sampling.sixteen_bits {
            return &self.plain;
        }
        let laid_out = || Plain::new(&self.network, &self.checkpoint.values, Precision::Sixteen);
        self.sixteen.get_or_init(laid_out)
    }

    /// What is added to the slots of an answer: e_z and the style.
    pub(super) fn vector(&self, latent: Option<usize>, style: &Style) -> Vec<f32> {
        let mut weights = vec![0.0; self.network.config.latents];
        if let Some(weight) = latent.and_then(|latent| weights.get_mut(latent)) {
            *weight = 1.0;
        }
        let mut vector = self.network.latent_vector(&self.checkpoint.values, &weights);
        self.network.add_style(&self.checkpoint.values, style, &mut vector);
        vector
    }

    /// The token (width d) of the first frame of a speaker.
    pub(super) fn token(&self, speaker: &Speaker<f32>) -> Vec<f32> {
        let first = speaker.part(&self.network.config.feature_columns, 0, 1);
        let mut token = vec![0.0; self.network.config.width];
        self.network.encoder.input.forward_into(&self.checkpoint.values, &first, &mut token);
        token
    }

    /// Standardised features of a speaker.
    pub fn speaker(&self, streams: &Streams) -> Speaker<f32> {
        self.checkpoint.standardisation.apply(&Measured::of(streams, None))
    }

    /// A live answer: reactions made frame by frame; see [`Live`].
    pub fn live(&self, clip: &str, which: &[Which], request: &Request) -> Live<'_> {
        Live::new(self, clip, which, request)
    }

    /// Token ids of a listener; attributes and coefficients must both be there.
    ///
    /// # Errors
    /// A fault naming the clip.
    pub fn tokens_of(&self, clip: &str, listener: &Streams) -> Result<Vec<Frame>> {
        let (attributes, coefficients) = both(clip, listener)?;
        let mut coefficients = coefficients.to_vec();
        centre(&mut coefficients, None);
        self.checkpoint.books.tokenise(clip, attributes, &coefficients)
    }

    /// Which latent a real or made reaction shows: the posterior over latents of the recognition pass, `[K]`, and the
    /// matching logit. Both people are cut to their common length.
    ///
    /// # Errors
    /// A missing stream, no common frame, or a system without a latent.
    pub fn recognise(&self, clip: &str, speaker: &Streams, listener: &Streams) -> Result<(Vec<f32>, f32)> {
        let (speaker, frames) = self.pair(clip, speaker, listener)?;
        let values = &self.checkpoint.values;
        let encoded = Encoded::new(&self.network, values, &speaker, Track::Offline, &Control::default())?;
        let (logits, score) =
            encoded.judge(&self.network, values, &frames).ok_or_else(|| self.no_latent())?;
        Ok((softmax(&logits), score))
    }

    /// The posterior alone; see [`LatentIntent::recognise`].
    ///
    /// # Errors
    /// As [`LatentIntent::recognise`].
    pub fn posterior(&self, clip: &str, speaker: &Streams, listener: &Streams) -> Result<Vec<f32>> {
        self.recognise(clip, speaker, listener).map(|(posterior, _)| posterior)
    }

    /// What a watcher would have thought on the way: the posterior over latents `[K]` of the reaction up to every
    /// `step` frames and at its end, of the last training length where it is longer. The speaker is known no further than
    /// the reaction, so nothing looks ahead.
    ///
    /// # Errors
    /// As [`LatentIntent::recognise`].
    pub fn posterior_over_time(
        &self,
        clip: &str,
        speaker: &Streams,
        listener: &Streams,
        step: usize,
        control: &Control,
    ) -> Result<Vec<(usize, Vec<f32>)>> {
        let (speaker, frames) = self.pair(clip, speaker, listener)?;
        let (values, columns) = (&self.checkpoint.values, &self.network.config.feature_columns);
        let training = self.network.config.training_frames;
        let rotation = self.network.rotation(training.min(frames.len()));
        let ends: Vec<usize> =
            (1..frames.len()).filter(|end| end.is_multiple_of(step.max(1))).chain([frames.len()]).collect();
        ends.into_par_iter()
            .map(|end| {
                control.check()?;
                let first = end.saturating_sub(training);
                let heard = speaker.part(columns, first, end - first);
                let memory = self.network.encode(values, &heard, Track::Offline, &rotation).0;
                let h = self.network.recognise(values, &frames[first..end], &memory, &rotation).0;
                let (logits, _) = self
                    .network
                    .judge(values, &h[..self.network.config.width])
                    .ok_or_else(|| self.no_latent())?;
                Ok((end, softmax(&logits)))
            })
            .collect()
    }

    /// Negative log-likelihood of a listener in nats per frame, summed over the four streams, given each latent in
    /// turn; one value (no latent) for the system without. The clip is read in stretches of the training length.
    ///
    /// # Errors
    /// A missing stream or no common frame.
    pub fn likelihoods(
        &self,
        clip: &str,
        speaker: &Streams,
        listener: &Streams,
        track: Track,
    ) -> Result<Vec<f64>> {
        let (speaker, frames) = self.pair(clip, speaker, listener)?;
        let values = &self.checkpoint.values;
        let (d, training) = (self.network.config.width, self.network.config.training_frames);
        let latents: Vec<Option<usize>> = match self.network.config.latents {
            0 => vec![None],
            latents => (0..latents).map(Some).collect(),
        };
        let mut sums = vec![0.0; latents.len()];
        let rotation = self.network.rotation(training.min(frames.len()));
        for first in (0..frames.len()).step_by(training) {
            let part = &frames[first..(first + training).min(frames.len())];
            let heard = speaker.part(&self.network.config.feature_columns, first, part.len());
            let memory = self.network.encode(values, &heard, track, &rotation).0;
            for (sum, latent) in sums.iter_mut().zip(&latents) {
                let latent = self.vector(*latent, &Style::default());
                let slots = Slots::Generation { hidden: &[], latent: &latent };
                let h = self.network.generate(values, part, slots, &memory, track, &rotation).0;
                let logits = self.network.logits(values, &h[..part.len() * d], part);
                for (stream, logits) in logits.iter().enumerate() {
                    let size = self.network.config.vocabulary[stream];
                    for (frame, row) in part.iter().zip(logits.chunks_exact(size)) {
                        *sum -= log_probability(row, frame[stream] as usize);
                    }
                }
            }
        }
        Ok(sums.into_iter().map(|sum| sum / frames.len() as f64).collect())
    }

    fn pair(&self, clip: &str, speaker: &Streams, listener: &Streams) -> Result<(Speaker<f32>, Vec<Frame>)> {
        let mut frames = self.tokens_of(clip, listener)?;
        let common = require_frames(clip, speaker)?.min(frames.len());
        if common == 0 {
            return Err(Fault::new(FaultKind::Empty, clip, "the listener has no frame"));
        }
        frames.truncate(common);
        let speaker = self.speaker(speaker).part(&self.network.config.feature_columns, 0, common);
        Ok((speaker, frames))
    }

    fn no_latent(&self) -> Fault {
        Fault::new(
            FaultKind::BadRequest,
            "",
            format!("{} has no latent intents", self.checkpoint.about.system),
        )
        .remedy("choose a latent-intent checkpoint")
    }

    fn offline(
        &self,
        clip: &str,
        encoded: &Encoded,
        frames: usize,
        wanted: &[Which],
        request: &Request,
        control: &Control,
    ) -> Result<Vec<Vec<Frame>>> {
        let plain = self.plain(&request.sampling);
        let rotation = Rotation::new(frames + 1, self.network.config.key_width);
        let memory: Vec<_> = encoded
            .stretches
            .par_iter()
            .zip(&encoded.memory)
            .map(|((first, _), memory)| stretch(plain, memory, *first, &rotation))
            .collect();
        let share = wanted.len().div_ceil(rayon::current_num_threads()).max(1);
        let made: Result<Vec<Vec<Vec<Frame>>>> = wanted
            .par_chunks(share)
            .map(|wanted| {
                let mut drawn: Vec<Drawn> =
                    wanted.iter().map(|which| Drawn::new(self, clip, *which, request)).collect();
                let mut scratch = plain.scratch();
                for frame in 0..frames {
                    if frame % 25 == 0 {
                        control.check()?;
                    }
                    let around = stretch_around_quickly(&encoded.stretches, frame);
                    Drawn::step(plain, &mut drawn, &memory[around], &rotation, &mut scratch);
                }
                Ok(drawn.into_iter().map(|drawn| drawn.frames).collect())
            })
            .collect();
        Ok(made?.into_iter().flatten().collect())
    }

    fn online(
        &self,
        clip: &str,
        speaker: &Speaker<f32>,
        wanted: &[Which],
        request: &Request,
        control: &Control,
    ) -> Result<Vec<Vec<Frame>>> {
        let columns = &self.network.config.feature_columns;
        let share = wanted.len().div_ceil(rayon::current_num_threads()).max(1);
        let made: Result<Vec<Vec<Vec<Frame>>>> = wanted
            .par_chunks(share)
            .map(|wanted| {
                let mut live = Live::new(self, clip, wanted, request);
                live.react();
                for frame in 1..speaker.frames {
                    if frame % 25 == 0 {
                        control.check()?;
                    }
                    live.hear(&speaker.part(columns, frame - 1, 1));
                    live.react();
                }
                Ok(live.reactions().map(<[Frame]>::to_vec).collect())
            })
            .collect();
        Ok(made?.into_iter().flatten().collect())
    }

    fn candidates(
        &self,
        clip: &str,
        speaker: &Speaker<f32>,
        encoded: &Encoded,
        wanted: &[Which],
        request: &Request,
        control: &Control,
    ) -> Result<Vec<Candidate>> {
        let made = match request.track {
            Track::Offline => self.offline(clip, encoded, speaker.frames, wanted, request, control)?,
            Track::Online => self.online(clip, speaker, wanted, request, control)?,
        };
        control.check()?;
        Ok(wanted
            .par_iter()
            .zip(made)
            .map(|(which, frames)| {
                let score =
                    encoded.judge(&self.network, &self.checkpoint.values, &frames).map(|(_, score)| score);
                Candidate { which: *which, frames, score }
            })
            .collect())
    }

    /// As [`System::generate`] for a speaker whose features are at hand, standardised.
    ///
    /// # Errors
    /// A request for something there is not; cancelled.
    pub fn answer(
        &self,
        clip: &str,
        heard: &Speaker<f32>,
        request: &Request,
        control: &Control,
    ) -> Result<Vec<Take>> {
        let latents = self.latents();
        let bad =
            |detail: String, remedy: &str| Err(Fault::new(FaultKind::BadRequest, "", detail).remedy(remedy));
        if request.samples == 0 || request.samples * latents.max(1) > MOST_TAKES {
            return bad(format!("{} samples of each latent", request.samples), "ask for 1 to 100");
        }
        if request.sampling.has_style() && self.checkpoint.styles.is_none() {
            return bad(
                "this checkpoint knows no styles".to_owned(),
                "train one with --set style=true, or ask without a style",
            );
        }
        if let Some((_, latent)) = request.turns.iter().find(|(_, latent)| *latent >= latents) {
            return match latents {
                0 => {
                    bad("this system has no latent to change".to_owned(), "choose a latent-intent checkpoint")
                }
                _ => bad(
                    format!("there is no latent z{} to change to", latent + 1),
                    &format!("choose z1 to z{latents}"),
                ),
            };
        }
        if !request.turns.is_sorted_by(|one, two| one.0 < two.0) {
            return bad(
                "changes of the latent are not in the order of frames".to_owned(),
                "sort them by frame",
            );
        }
        let samples = 0..request.samples;
        let group = |latent| samples.clone().map(move |sample| Which { latent, sample });
        let wanted: Vec<Which> = match request.latents {
            _ if latents == 0 => group(None).collect(),
            LatentChoice::All => (0..latents).flat_map(|latent| group(Some(latent))).collect(),
            LatentChoice::Best => {
                (0..latents).map(|latent| Which { latent: Some(latent), sample: 0 }).collect()
            }
            LatentChoice::One(latent) if latent < latents => group(Some(latent)).collect(),
            LatentChoice::One(latent) => {
                return bad(
                    format!("there is no latent z{}", latent + 1),
                    &format!("choose z1 to z{latents} (0 to {} as numbers)", latents - 1),
                );
            }
        };
        let encoded = if request.track == Track::Offline || latents > 0 {
            Encoded::new(&self.network, &self.checkpoint.values, heard, request.track, control)?
        } else {
            Encoded {
                stretches: stretches(heard.frames, self.network.config.training_frames),
                memory: Vec::new(),
            }
        };
        let mut made = self.candidates(clip, heard, &encoded, &wanted, request, control)?;
        if request.latents == LatentChoice::Best && latents > 0 {
            let scores: Vec<f32> = made.iter().map(|candidate| candidate.score.unwrap_or(0.0)).collect();
            let best = ranks(&scores).iter().position(|rank| *rank == 1).unwrap_or(0);
            let others: Vec<Which> = group(Some(best)).skip(1).collect();
            made = vec![made.swap_remove(best)];
            made.extend(self.candidates(clip, heard, &encoded, &others, request, control)?);
        }
        let ranks: Vec<Option<usize>> = if latents == 0 {
            vec![None; made.len()]
        } else {
            let scores: Vec<f32> = made.iter().map(|candidate| candidate.score.unwrap_or(0.0)).collect();
            ranks(&scores).into_iter().map(Some).collect()
        };
        made.into_iter()
            .zip(ranks)
            .map(|(candidate, rank)| self.take(clip, candidate, rank, request))
            .collect()
    }

    fn take(&self, clip: &str, candidate: Candidate, rank: Option<usize>, request: &Request) -> Result<Take> {
        let (attributes, coefficients) = self.checkpoint.books.detokenise(&candidate.frames)?;
        Ok(Take {
            header: TakeHeader {
                system: self.checkpoint.about.system.clone(),
                checkpoint: self.hash.clone(),
                clip: clip.to_owned(),
                latent: candidate.which.latent,
                sample: candidate.which.sample,
                seed: request.seed,
                sampling: request.sampling,
                track: request.track,
                turns: request.turns.clone(),
                rm_score: candidate.score,
                rank,
            },
            attributes: Arc::new(attributes),
            coefficients: Some(Arc::new(coefficients)),
        })
    }
}

/// Rows of attributes and of coefficients.
type Both<'a> = (&'a [[f32; ATTRIBUTE_COUNT]], &'a [[f32; COEFFICIENT_COUNT]]);

/// Attributes and coefficients of a listener, cut to their common frames.
fn both<'a>(clip: &str, listener: &'a Streams) -> Result<Both<'a>> {
    let (Some(attributes), Some(coefficients)) = (&listener.attributes, &listener.coefficients) else {
        return Err(Fault::new(
            FaultKind::MissingModality,
            clip,
            "the listener's attributes or coefficients are missing",
        )
        .remedy("both are needed to read a reaction"));
    };
    let frames = attributes.len().min(coefficients.len());
    Ok((&attributes[..frames], &coefficients[..frames]))
}

/// As [`stretch_around`], looking only where the answer can be: stretches are a constant hop apart.
fn stretch_around_quickly(all: &[(usize, usize)], frame: usize) -> usize {
    let hop = all.get(1).map_or(1, |(start, _)| *start).max(1);
    let middle = (frame / hop).min(all.len() - 1);
    let (low, high) = (middle.saturating_sub(2), (middle + 2).min(all.len()));
    low + stretch_around(&all[low..high], frame)
}

fn log_probability(logits: &[f32], id: usize) -> f64 {
    let top = logits.iter().copied().fold(f32::MIN, f32::max);
    let total: f64 = logits.iter().map(|logit| f64::from(logit - top).exp()).sum();
    f64::from(logits[id] - top) - total.ln()
}

impl System for LatentIntent {
    fn name(&self) -> &str {
        &self.checkpoint.about.system
    }

    fn checkpoint(&self) -> &str {
        &self.hash
    }

    fn latents(&self) -> usize {
        self.network.config.latents
    }

    fn signature(&self, latent: usize) -> Option<&str> {
        self.checkpoint.about.signatures.get(latent).map(String::as_str)
    }

    fn generate(
        &self,
        clip: &str,
        speaker: &Streams,
        request: &Request,
        control: &Control,
    ) -> Result<Vec<Take>> {
        require_frames(clip, speaker)?;
        // Among the threads that share work: from outside, every product that they share would wake them anew.
        rayon::scope(|_| self.answer(clip, &self.speaker(speaker), request, control))
    }

    fn latent_intent(&self) -> Option<&LatentIntent> {
        Some(self)
    }
}
