//! Stage two of one clip: the generation pass, every loss that is a sum over clips, and all the way back.

use clips::Track;
use listener::latent_intent::blocks::{Rotation, add};
use listener::latent_intent::decoder::{DecoderTape, Frame, Slots};
use listener::latent_intent::dropout::Pass;
use listener::latent_intent::network::Network;
use listener::real::Real;

use super::terms::{add_f64, backward_of, bag, likelihood, loss_of, one_hot, sigmoid, softmax, softplus};
use super::{BagFrom, Item, Known, Losses, Recognised, Weights};

/// One clip on its way through the generation pass and all the way back.
pub struct Clip<'a, T> {
    pub network: &'a Network,
    pub values: &'a [T],
    pub item: &'a Item<T>,
    pub track: Track,
    pub rotation: &'a Rotation<T>,
}

impl<T: Real> Clip<'_, T> {
    /// Adds losses and gradients; `dlogits` is the gradient of the posterior logits so far (from USE). Returns the
    /// weights of the latents.
    pub fn generate(
        &self,
        known: &Known<T>,
        weights: &Weights<'_>,
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
        let mut vector = network.latent_vector(values, &used);
        network.add_style(values, &item.style, &mut vector);

        let slots = Slots::Generation { hidden: &item.hidden, latent: &vector };
        let dropout = item.dropout.pass(Pass::Generate);
        let (h, tape) =
            network.generate_with(values, &item.reaction, slots, &known.memory, track, rotation, &dropout);
        let rival = (weights.margin > 0.0 && !item.without_latent)
            .then(|| self.rival(known, &h, weights, count, losses))
            .flatten();
        let scale = share * weights.likelihood + rival.as_ref().map_or(0.0, |rival| rival.slope);
        let velocity = weights.velocity.map(|velocity| (velocity, share * velocity.weight()));
        let (sums, mut dh) = likelihood(network, values, &h, &item.reaction, scale, velocity, gradient);
        for (mean, sum) in losses.streams.iter_mut().zip(sums.streams) {
            *mean += sum * share;
        }
        losses.clg += sums.streams.iter().sum::<f64>() * share;
        losses.velocity += sums.velocity * share;
        let first = match weights.bag_from {
            BagFrom::Generation => &h[..d],
            BagFrom::Recognition => &known.positive.h[..d],
        };
        let (sum, dfirst) =
            bag(network, values, &latent.bag, first, &item.reaction, share, weights.bag, gradient);
        losses.bow += sum;
        let drecognised = match weights.bag_from {
            BagFrom::Generation => {
                add(&mut dh[..d], &dfirst);
                None
            }
            BagFrom::Recognition => Some(dfirst),
        };

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
        network.style_backward(&item.style, &dvector, gradient);
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
        if let Some(rival) = rival {
            rival.backward(self, known, &mut dmemory, gradient);
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
            drecognised.as_deref(),
            &mut dmemory,
            gradient,
        );
        self.recognition_backward(
            known,
            &known.negative,
            &item.negative,
            &[],
            slopes.1,
            None,
            &mut dmemory,
            gradient,
        );
        network.encoder.backward(values, &item.speaker, &known.tape, &dmemory, rotation, gradient);
        chosen
    }

    /// The same clip with a latent that was not recognised, if that is not worse by the margin already.
    fn rival(
        &self,
        known: &Known<T>,
        h: &[T],
        weights: &Weights<'_>,
        count: f64,
        losses: &mut Losses,
    ) -> Option<Rival<T>> {
        let Self { network, values, item, track, rotation } = *self;
        let latents = network.config.latents;
        let recognised = one_hot(&known.positive.logits).iter().position(|weight| *weight > 0.0)?;
        let latent = (recognised + 1 + item.rival % (latents - 1).max(1)) % latents;
        let mut chosen = vec![T::ZERO; latents];
        chosen[latent] = T::of(1.0);
        let mut vector = network.latent_vector(values, &chosen);
        network.add_style(values, &item.style, &mut vector);
        let slots = Slots::Generation { hidden: &item.hidden, latent: &vector };
        // Dropped as in the pass it is compared with: nothing but the latent differs.
        let dropout = item.dropout.pass(Pass::Generate);
        let (other, tape) =
            network.generate_with(values, &item.reaction, slots, &known.memory, track, rotation, &dropout);
        let frames = item.reaction.len() as f64;
        let gap = (loss_of(network, values, &other, &item.reaction)
            - loss_of(network, values, h, &item.reaction))
            / frames;
        let short = weights.margin_width - gap;
        if short <= 0.0 {
            return None;
        }
        losses.margin += short / count;
        Some(Rival { latent, vector, h: other, tape, slope: weights.margin / (count * frames) })
    }

    fn recognition_backward(
        &self,
        known: &Known<T>,
        pass: &Recognised<T>,
        frames: &[Frame],
        dlogits: &[f64],
        dmatching: f64,
        dfirst: Option<&[T]>,
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
        if let Some(dfirst) = dfirst {
            add(&mut dh[..d], dfirst);
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

/// A generation pass with a latent that was not recognised.
struct Rival<T> {
    latent: usize,
    vector: Vec<T>,
    h: Vec<T>,
    tape: DecoderTape<T>,
    /// Of the margin loss along the likelihood of a token.
    slope: f64,
}

impl<T: Real> Rival<T> {
    /// Adds the gradient of the margin through this pass.
    fn backward(&self, clip: &Clip<'_, T>, known: &Known<T>, dmemory: &mut [T], gradient: &mut [T]) {
        let Clip { network, values, item, rotation, .. } = *clip;
        let Some(latent) = &network.latent else { return };
        let d = network.config.width;
        let (_, dh) = likelihood(network, values, &self.h, &item.reaction, -self.slope, None, gradient);
        let slots = Slots::Generation { hidden: &item.hidden, latent: &self.vector };
        let dvector = network.decoder.backward(
            values,
            &item.reaction,
            slots,
            &known.memory,
            &self.tape,
            &dh,
            dmemory,
            rotation,
            gradient,
        );
        add(&mut latent.vectors.of_mut(gradient)[self.latent * d..][..d], &dvector);
        network.style_backward(&item.style, &dvector, gradient);
    }
}
