//! Both stages of the objective on a device: the twin of `training::objective`, with the clips of a batch side by side
//! instead of one after the other.
//!
//! What is small (K numbers a clip: posterior, Gumbel-softmax, usage, matching) is computed on the host in f64 by the very
//! functions of the plain-slice objective, so every option of the latent means the same here; what is large never leaves
//! the device.

use candle_core::{Result, Tensor};
use clips::take::STYLES;
use listener::latent_intent::decoder::Frame;
use listener::latent_intent::dropout::{Dropout, Pass};
use training::objective::{
    BagFrom, Item, Losses, Outcome, Velocity, Weights, backward_of, one_hot, sigmoid, softmax, softplus,
};

use crate::batch::{Factors, Speakers, Tokens};
use crate::engine::{Latent, Model};
use crate::gau::Sight;
use crate::heads::Along;
use crate::passes::{DecoderTape, Scene, Sights, Slots};
use crate::tensors::{Gradients, down, rows};

/// A batch and what its passes share.
pub struct Step<'a> {
    /// Blocks.
    pub model: &'a Model,
    /// Device, parameters, angles.
    pub scene: Scene<'a>,
    /// The clips.
    pub items: &'a [Item<f32>],
    /// Of the network.
    pub width: usize,
    /// Features.
    pub speakers: Speakers,
    /// Reactions to be predicted.
    pub reactions: Tokens,
    /// Frames hidden from the history.
    pub hidden: Option<(Tensor, Tensor)>,
    /// Of the encoder, and of the generation pass to the speaker.
    pub track: Sight,
    /// Of the generation pass to itself.
    pub causal: Sight,
    /// What is dropped in the generation pass.
    pub generation: Factors,
}

/// What is dropped in a pass of each clip.
pub fn dropouts(items: &[Item<f32>], pass: Pass) -> Vec<Dropout> {
    items.iter().map(|item| item.dropout.pass(pass)).collect()
}

impl Step<'_> {
    fn frames(&self) -> f64 {
        self.speakers.lengths.iter().sum::<usize>().max(1) as f64
    }

    fn factors(&self, dropouts: &[Dropout], lengths: &[usize], places: usize) -> Result<Factors> {
        Factors::new(self.scene.math, dropouts, lengths, places, self.speakers.frames, self.width)
    }

    fn sights(&self) -> Sights<'_> {
        Sights { own: &self.causal, memory: &self.track }
    }

    /// Hidden rows that predict a frame, `[B T, d]`.
    fn predicting(&self, h: &Tensor) -> Result<Tensor> {
        rows(&h.narrow(1, 0, self.speakers.frames)?)
    }

    /// The gradient of all hidden rows from that of the predicting ones.
    fn padded(&self, dh: &Tensor) -> Result<Tensor> {
        let clips = self.items.len();
        let last = self.scene.math.zeros(&[clips, 1, self.width])?;
        Tensor::cat(&[dh.reshape((clips, self.speakers.frames, self.width))?, last], 1)
    }

    /// A number for every frame of the grid `[B T, 1]`: that of the clip, 0 for padding.
    fn scale(&self, of_clip: &[f64]) -> Result<Tensor> {
        let frames = self.speakers.frames;
        let mut scale = vec![0.0; of_clip.len() * frames];
        for (clip, (number, length)) in of_clip.iter().zip(&self.speakers.lengths).enumerate() {
            scale[clip * frames..][..*length].fill(*number);
        }
        self.scene.math.wide(&scale, &[scale.len(), 1])
    }

    /// Sums over the frames of each clip, by stream: `[4][B]`.
    fn sums(&self, losses: &[Tensor]) -> Result<Vec<Vec<f64>>> {
        let (frames, clips) = (self.speakers.frames, self.items.len());
        let mask = self.scale(&vec![1.0; clips])?.squeeze(1)?;
        let sums = losses.iter().map(|rows| (rows * &mask)?.reshape((clips, frames))?.sum(1));
        let all = down(&Tensor::stack(&sums.collect::<Result<Vec<_>>>()?, 0)?)?;
        Ok(all.chunks_exact(clips).map(<[f64]>::to_vec).collect())
    }

    /// How the listeners of all clips usually listen, `[B, 5]`.
    fn styles(&self) -> Result<Tensor> {
        let all: Vec<f32> = self.items.iter().flat_map(|item| item.style).collect();
        self.scene.math.tensor(&all, &[self.items.len(), STYLES.len()])
    }

    /// e_z (nothing for none) and what the styles add to it, `[B, d]`; `None` where there is neither.
    fn styled(&self, vector: Option<&Tensor>) -> Result<Option<Tensor>> {
        let Some(style) = self.model.style else { return Ok(vector.cloned()) };
        let Scene { math, values, .. } = self.scene;
        let said = math.times_transposed(&self.styles()?, values.get(style))?;
        Ok(Some(match vector {
            Some(vector) => (vector + said)?,
            None => said,
        }))
    }

    fn style_backward(&self, dvector: &Tensor, gradients: &mut Gradients) -> Result<()> {
        let Some(style) = self.model.style else { return Ok(()) };
        gradients.add(style, &self.scene.math.transposed_times(dvector, &self.styles()?)?)
    }

    /// The velocity loss and its slopes, which are computed on the host: they are few.
    fn velocity(&self, velocity: Option<&Velocity>, h: &Tensor, share: f64) -> Result<(f64, Option<Along>)> {
        let Some(velocity) = velocity else { return Ok((0.0, None)) };
        let (scene, columns, stream) = (&self.scene, velocity.columns(), Velocity::STREAM);
        let tables = &self.model.decoder.embeddings;
        let size = scene.values.get(tables[stream]).dim(0)?;
        let centres = scene.math.tensor(velocity.centres(), &[size, columns])?;
        let expected = self.model.heads.expected(scene, tables, h, &self.reactions.ids, stream, &centres)?;
        let expected = down(&expected)?;
        let mut slopes = vec![0.0; expected.len()];
        let mut loss = 0.0;
        for (clip, item) in self.items.iter().enumerate() {
            let first = clip * self.speakers.frames * columns;
            let rows = first..first + self.speakers.lengths[clip] * columns;
            let scale = share * velocity.weight();
            let (sum, slope) = velocity.of_expected(&expected[rows.clone()], &item.reaction, scale);
            loss += sum * share;
            slopes[rows].copy_from_slice(&slope);
        }
        let slopes = scene.math.wide(&slopes, &[slopes.len() / columns, columns])?;
        Ok((loss, Some(Along { stream, centres, slopes })))
    }

    /// Stage one: likelihood of the true listener without a latent, and the velocity loss where there is one.
    pub fn one(&self, velocity: Option<&Velocity>, gradients: &mut Gradients) -> Result<Outcome<f64>> {
        let (scene, model, share) = (&self.scene, self.model, 1.0 / self.frames());
        let encoding = self.factors(
            &dropouts(self.items, Pass::Encode),
            &self.speakers.lengths,
            model.encoder.places(),
        )?;
        let (memory, tape) = model.encoder.forward(scene, &self.speakers, &self.track, &encoding)?;
        let vector = self.styled(None)?;
        let slots = Slots::Generation { hidden: self.hidden.as_ref(), latent: vector.as_ref() };
        let (h, decoder) = model.decoder.forward(
            scene,
            &self.reactions,
            &slots,
            &memory,
            &self.sights(),
            &self.generation,
        )?;
        let predicting = self.predicting(&h)?;
        let (gone, along) = self.velocity(velocity, &predicting, share)?;
        let (losses, dh) = model.heads.losses_and_gradient(
            scene,
            &model.decoder.embeddings,
            &predicting,
            &self.reactions.ids,
            &self.scale(&vec![share; self.items.len()])?,
            along.as_ref(),
            gradients,
        )?;
        let (dvector, dmemory) = model.decoder.backward(
            scene,
            &self.reactions,
            &slots,
            &memory,
            &self.sights(),
            &self.generation,
            &decoder,
            &self.padded(&dh)?,
            gradients,
        )?;
        self.style_backward(&dvector, gradients)?;
        model.encoder.backward(scene, &self.speakers, &self.track, &encoding, &tape, &dmemory, gradients)?;
        let streams = means(&self.sums(&losses)?, share);
        let clg = streams.iter().sum();
        let total = clg + velocity.map_or(0.0, |velocity| velocity.weight() * gone);
        Ok(Outcome {
            losses: Losses { clg, streams, velocity: gone, total, ..Losses::default() },
            gradient: Vec::new(),
            posterior: Vec::new(),
            chosen: Vec::new(),
            matching: Vec::new(),
        })
    }

    /// Stage two: all losses.
    pub fn two(
        &self,
        latent: &Latent,
        latents: usize,
        weights: &Weights<'_>,
        gradients: &mut Gradients,
    ) -> Result<Outcome<f64>> {
        let Scene { math, values, .. } = self.scene;
        let (scene, model, items) = (&self.scene, self.model, self.items);
        let (clips, tables) = (items.len(), &model.decoder.embeddings[..]);
        let (count, share) = (clips as f64, 1.0 / self.frames());

        // The speaker, and both reactions recognised side by side: the appropriate ones, then the others.
        let encoding =
            self.factors(&dropouts(items, Pass::Encode), &self.speakers.lengths, model.encoder.places())?;
        let (memory, encoder) = model.encoder.forward(scene, &self.speakers, &self.track, &encoding)?;
        let both = Both::new(self)?;
        let memory_twice = Tensor::cat(&[&memory, &memory], 0)?;
        let (h_both, recogniser) = model.decoder.forward(
            scene,
            &both.tokens,
            &Slots::Recognition,
            &memory_twice,
            &both.sights(),
            &both.factors,
        )?;
        let first_both = h_both.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?;
        let first_own = first_both.narrow(0, 0, clips)?.contiguous()?;
        let logits = down(&latent.posterior.forward(math, values, &first_own)?)?;
        let posterior: Vec<Vec<f64>> = logits.chunks_exact(latents).map(<[f64]>::to_vec).collect();
        let scores = down(&latent.matching.forward(math, values, &first_both)?)?;
        let matching: Vec<(f64, f64)> = (0..clips).map(|clip| (scores[clip], scores[clips + clip])).collect();

        // What the latents are chosen by.
        let soft: Vec<Vec<f64>> = posterior
            .iter()
            .zip(items)
            .map(|(logits, item)| {
                let noisy =
                    logits.iter().zip(&item.gumbel).map(|(logit, g)| (logit + g) / weights.temperature);
                softmax(&noisy.collect::<Vec<_>>())
            })
            .collect();
        let chosen: Vec<Vec<f64>> = soft
            .iter()
            .map(|soft| if weights.straight_through { one_hot(soft) } else { soft.clone() })
            .collect();
        let used: Vec<f64> = chosen
            .iter()
            .zip(items)
            .flat_map(|(chosen, item)| {
                chosen.iter().map(|weight| if item.without_latent { 0.0 } else { *weight })
            })
            .collect();
        let used = math.wide(&used, &[clips, latents])?;

        // The reaction predicted, and its losses.
        let generated = self.generate(latent, &memory, used)?;
        let predicting = self.predicting(&generated.h)?;
        let rival = if weights.margin > 0.0 {
            self.rival(latent, latents, &memory, &posterior, &predicting, weights)?
        } else {
            None
        };
        let mut scale = vec![share * weights.likelihood; clips];
        if let Some(rival) = &rival {
            scale.iter_mut().zip(&rival.slopes).for_each(|(scale, slope)| *scale += slope);
        }
        let ids = &self.reactions.ids;
        let (velocity, along) = self.velocity(weights.velocity, &predicting, share)?;
        let (rows, dh) = model.heads.losses_and_gradient(
            scene,
            tables,
            &predicting,
            ids,
            &self.scale(&scale)?,
            along.as_ref(),
            gradients,
        )?;
        let streams = means(&self.sums(&rows)?, share);
        let mut dh = self.padded(&dh)?;
        let bag_row = match weights.bag_from {
            BagFrom::Generation => generated.h.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?,
            BagFrom::Recognition => first_own.clone(),
        };
        let (counts, lengths) = self.counts()?;
        let (bow, dbag) =
            latent.bag.bag(scene, tables, &bag_row, &counts, &lengths, share * weights.bag, gradients)?;
        if weights.bag_from == BagFrom::Generation {
            dh = (dh + self.only_first(&dbag)?)?;
        }

        // Back: through the generation pass, its latent, the recognition pass, the speaker.
        let (dvector, mut dmemory) = self.generate_backward(latent, &memory, &generated, &dh, gradients)?;
        let dchosen = down(&math.times_transposed(&dvector, values.get(latent.vectors))?)?;
        if let Some(rival) = &rival {
            let against: Vec<f64> = rival.slopes.iter().map(|slope| -slope).collect();
            let (_, dh) = model.heads.losses_and_gradient(
                scene,
                tables,
                &self.predicting(&rival.pass.h)?,
                ids,
                &self.scale(&against)?,
                None,
                gradients,
            )?;
            let dh = self.padded(&dh)?;
            let (_, through) = self.generate_backward(latent, &memory, &rival.pass, &dh, gradients)?;
            dmemory = (dmemory + through)?;
        }
        let posteriors: Vec<Vec<f64>> = posterior.iter().map(|logits| softmax(logits)).collect();
        let (usage, usage_slope) = usage(&posteriors, latents, weights.usage);
        let mut dlogits = Vec::with_capacity(clips * latents);
        for (clip, item) in items.iter().enumerate() {
            let mut slope = backward_of(&posteriors[clip], &usage_slope, 1.0);
            if !item.without_latent {
                let along = &dchosen[clip * latents..][..latents];
                let more = backward_of(&soft[clip], along, 1.0 / weights.temperature);
                slope.iter_mut().zip(more).for_each(|(slope, more)| *slope += more);
            }
            dlogits.extend(slope);
        }
        let dmatching: Vec<f64> = matching
            .iter()
            .map(|(up, _)| -weights.matching * sigmoid(-up) / count)
            .chain(matching.iter().map(|(_, down)| weights.matching * sigmoid(*down) / count))
            .collect();
        let dmatching = math.wide(&dmatching, &[2 * clips, 1])?;
        let dlogits = math.wide(&dlogits, &[clips, latents])?;
        let of_matching = latent.matching.backward(math, values, &first_both, &dmatching, gradients)?;
        let mut of_posterior = latent.posterior.backward(math, values, &first_own, &dlogits, gradients)?;
        if weights.bag_from == BagFrom::Recognition {
            of_posterior = (of_posterior + dbag)?;
        }
        let of_posterior = Tensor::cat(&[&of_posterior, &of_posterior.zeros_like()?], 0)?;
        let (_, through) = model.decoder.backward(
            scene,
            &both.tokens,
            &Slots::Recognition,
            &memory_twice,
            &both.sights(),
            &both.factors,
            &recogniser,
            &self.only_first(&(of_matching + of_posterior)?)?,
            gradients,
        )?;
        dmemory = ((dmemory + through.narrow(0, 0, clips)?)? + through.narrow(0, clips, clips)?)?;
        model.encoder.backward(
            scene,
            &self.speakers,
            &self.track,
            &encoding,
            &encoder,
            &dmemory,
            gradients,
        )?;

        let clg = streams.iter().sum();
        let rm = matching.iter().map(|(up, down)| softplus(-up) + softplus(*down)).sum::<f64>() / count;
        let bow = down(&bow)?[0] * share;
        let margin = rival.map_or(0.0, |rival| rival.loss);
        let total = weights.likelihood * clg
            + weights.matching * rm
            + weights.bag * bow
            + weights.usage * usage
            + weights.margin * margin
            + weights.velocity.map_or(0.0, |term| term.weight() * velocity);
        let losses = Losses { clg, streams, rm, bow, usage, margin, velocity, total };
        Ok(Outcome { losses, gradient: Vec::new(), posterior, chosen, matching })
    }

    fn generate(&self, latent: &Latent, memory: &Tensor, used: Tensor) -> Result<Generated> {
        let Scene { math, values, .. } = self.scene;
        let vector = math.times(&used, values.get(latent.vectors))?;
        let vector = self.styled(Some(&vector))?.unwrap_or(vector);
        let slots = Slots::Generation { hidden: self.hidden.as_ref(), latent: Some(&vector) };
        let (h, tape) = self.model.decoder.forward(
            &self.scene,
            &self.reactions,
            &slots,
            memory,
            &self.sights(),
            &self.generation,
        )?;
        Ok(Generated { used, vector, h, tape })
    }

    /// Gradients of e_z and of the speaker memory.
    fn generate_backward(
        &self,
        latent: &Latent,
        memory: &Tensor,
        pass: &Generated,
        dh: &Tensor,
        gradients: &mut Gradients,
    ) -> Result<(Tensor, Tensor)> {
        let slots = Slots::Generation { hidden: self.hidden.as_ref(), latent: Some(&pass.vector) };
        let (dvector, dmemory) = self.model.decoder.backward(
            &self.scene,
            &self.reactions,
            &slots,
            memory,
            &self.sights(),
            &self.generation,
            &pass.tape,
            dh,
            gradients,
        )?;
        // A clip without a latent used none of them: its weights are zero.
        gradients.add(latent.vectors, &self.scene.math.transposed_times(&pass.used, &dvector)?)?;
        self.style_backward(&dvector, gradients)?;
        Ok((dvector, dmemory))
    }

    /// The same clips with latents that were not recognised; `None` when every clip is content with its margin.
    fn rival(
        &self,
        latent: &Latent,
        latents: usize,
        memory: &Tensor,
        posterior: &[Vec<f64>],
        predicting: &Tensor,
        weights: &Weights<'_>,
    ) -> Result<Option<Rival>> {
        let (items, math, model) = (self.items, self.scene.math, self.model);
        if items.iter().all(|item| item.without_latent) {
            return Ok(None);
        }
        let mut used = vec![0.0; items.len() * latents];
        for (clip, (logits, item)) in posterior.iter().zip(items).enumerate() {
            let recognised = one_hot(logits).iter().position(|weight| *weight > 0.0).unwrap_or(0);
            let other = (recognised + 1 + item.rival % (latents - 1).max(1)) % latents;
            used[clip * latents + other] = 1.0;
        }
        let pass = self.generate(latent, memory, math.wide(&used, &[items.len(), latents])?)?;
        let of_clip = |h: &Tensor| -> Result<Vec<f64>> {
            let (tables, ids) = (&model.decoder.embeddings, &self.reactions.ids);
            let sums = self.sums(&model.heads.losses(&self.scene, tables, h, ids)?)?;
            Ok((0..items.len()).map(|clip| sums.iter().map(|stream| stream[clip]).sum()).collect())
        };
        let (own, other) = (of_clip(predicting)?, of_clip(&self.predicting(&pass.h)?)?);
        let count = items.len() as f64;
        let (mut loss, mut slopes) = (0.0, vec![0.0; items.len()]);
        for (clip, item) in items.iter().enumerate() {
            let frames = self.speakers.lengths[clip] as f64;
            let short = weights.margin_width - (other[clip] - own[clip]) / frames;
            if short > 0.0 && !item.without_latent {
                loss += short / count;
                slopes[clip] = weights.margin / (count * frames);
            }
        }
        let content = slopes.iter().all(|slope| *slope == 0.0);
        Ok((!content).then_some(Rival { pass, loss, slopes }))
    }

    /// How often every token occurs in each clip `[B, V]`, by stream, and the clips' lengths `[B, 1]`.
    fn counts(&self) -> Result<(Vec<Tensor>, Tensor)> {
        let Scene { math, values, .. } = self.scene;
        let clips = self.items.len();
        let counts = (0..4).map(|stream| {
            let size = values.get(self.model.decoder.embeddings[stream]).dim(0)?;
            let mut counts = vec![0.0; clips * size];
            for (clip, item) in self.items.iter().enumerate() {
                item.reaction.iter().for_each(|frame| counts[clip * size + frame[stream] as usize] += 1.0);
            }
            math.tensor(&counts, &[clips, size])
        });
        let lengths: Vec<f64> = self.speakers.lengths.iter().map(|length| *length as f64).collect();
        Ok((counts.collect::<Result<_>>()?, math.wide(&lengths, &[clips, 1])?))
    }

    /// Rows `[B, d]` as the gradient of slot 0, nothing for the others.
    fn only_first(&self, first: &Tensor) -> Result<Tensor> {
        let others = [first.dim(0)?, self.speakers.frames, self.width];
        Tensor::cat(&[first.unsqueeze(1)?, self.scene.math.zeros(&others)?], 1)
    }
}

/// A generation pass.
struct Generated {
    used: Tensor,
    vector: Tensor,
    h: Tensor,
    tape: DecoderTape,
}

/// A generation pass with latents that were not recognised.
struct Rival {
    pass: Generated,
    loss: f64,
    /// Of the margin along the likelihood of a token, of each clip.
    slopes: Vec<f64>,
}

/// Both reactions of every clip, as the recognition pass takes them.
struct Both {
    tokens: Tokens,
    sight: Sight,
    factors: Factors,
}

impl Both {
    fn new(step: &Step<'_>) -> Result<Self> {
        let (items, frames) = (step.items, step.speakers.frames);
        let reactions: Vec<&[Frame]> = items
            .iter()
            .map(|item| &item.reaction[..])
            .chain(items.iter().map(|item| &item.negative[..]))
            .collect();
        let lengths = step.speakers.lengths.repeat(2);
        let mut both = dropouts(items, Pass::RecognisePositive);
        both.extend(dropouts(items, Pass::RecogniseNegative));
        let attend = &step.model.decoder.attend;
        Ok(Self {
            tokens: Tokens::new(step.scene.math, &reactions, frames)?,
            sight: Sight::new(step.scene.math, attend, &lengths, frames + 1, false)?,
            factors: step.factors(&both, &lengths, step.model.decoder.places())?,
        })
    }

    fn sights(&self) -> Sights<'_> {
        Sights { own: &self.sight, memory: &self.sight }
    }
}

fn means(sums: &[Vec<f64>], share: f64) -> [f64; 4] {
    std::array::from_fn(|stream| sums[stream].iter().sum::<f64>() * share)
}

/// USE, and its slope along the posterior of a clip.
fn usage(posteriors: &[Vec<f64>], latents: usize, weight: f64) -> (f64, Vec<f64>) {
    let count = posteriors.len() as f64;
    let mut mean = vec![0.0; latents];
    for posterior in posteriors {
        mean.iter_mut().zip(posterior).for_each(|(mean, p)| *mean += p / count);
    }
    let loss = mean.iter().map(|p| p * p.max(1e-30).ln()).sum();
    (loss, mean.iter().map(|p| weight * (p.max(1e-30).ln() + 1.0) / count).collect())
}
