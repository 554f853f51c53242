//! Encoder and decoder on batches, forward and backward; the twins of `listener::latent_intent::{encoder, decoder}`.

use candle_core::{D, Result, Tensor};
use listener::latent_intent::gau::Attend;
use listener::latent_intent::network::Network;
use listener::latent_intent::{Config, GROUPS, LatentPlace, STREAMS};

use crate::batch::{Factors, Group, Speakers, Tokens};
use crate::blocks::{Linear, Norm, NormTape, Turn};
use crate::gau::{CrossTape, CrossUnit, SelfTape, SelfUnit, Sight, dropped};
use crate::heads::chunks;
use crate::tensors::{Gradients, Key, Math, Names, Values, rows};

/// What all passes of a step share.
pub struct Scene<'a> {
    /// Precision and device.
    pub math: &'a Math,
    /// Parameters.
    pub values: &'a Values,
    /// Angles.
    pub turn: &'a Turn,
}

/// The speaker side.
#[derive(Debug)]
pub struct Encoder {
    maps: Vec<Linear>,
    absent: Vec<Key>,
    widths: [usize; 6],
    sink: Key,
    units: Vec<SelfUnit>,
    norm: Norm,
}

/// What the backward pass of the encoder needs.
#[derive(Debug)]
pub struct EncoderTape {
    units: Vec<SelfTape>,
    norm: NormTape,
}

impl Encoder {
    /// Finds its parameters.
    pub fn new(names: &Names<'_>, config: &Config) -> Result<Self> {
        let maps = GROUPS.iter().map(|group| Linear::new(names, &format!("feat.{group}")));
        let absent = GROUPS.iter().map(|group| names.find(&format!("absent.{group}")));
        let units = (0..config.encoder_units).map(|i| SelfUnit::new(names, &format!("enc.{i}"), config));
        Ok(Self {
            maps: maps.collect::<Result<_>>()?,
            absent: absent.collect::<Result<_>>()?,
            widths: config.feature_widths,
            sink: names.find("enc_sink")?,
            units: units.collect::<Result<_>>()?,
            norm: Norm::new(names, "enc_norm")?,
        })
    }

    /// Places where values are dropped.
    pub fn places(&self) -> usize {
        1 + self.units.len()
    }

    /// Speaker memory `[B, T + 1, d]`.
    pub fn forward(
        &self,
        scene: &Scene<'_>,
        speakers: &Speakers,
        sight: &Sight,
        factors: &Factors,
    ) -> Result<(Tensor, EncoderTape)> {
        let Scene { math, values, turn } = *scene;
        let (clips, frames) = (speakers.lengths.len(), speakers.frames);
        let tokens = speakers.groups.iter().zip(&self.maps).zip(&self.absent).zip(self.widths);
        let tokens = tokens.map(|(((group, map), absent), width)| {
            let absent = values.get(*absent).reshape((1, width))?;
            match group {
                Group::Absent => absent.broadcast_as((clips * frames, width))?.contiguous(),
                Group::Whole(rows) => map.forward(math, values, rows),
                Group::Part { rows, present, missing } => {
                    map.forward(math, values, rows)?.broadcast_mul(present)?
                        + missing.broadcast_mul(&absent)?
                }
            }
        });
        let tokens = Tensor::cat(&tokens.collect::<Result<Vec<_>>>()?, 1)?;
        let tokens = dropped(tokens.reshape((clips, frames, ()))?, factors.at(0))?;
        let mut x = with_first(values.get(self.sink), &tokens)?;
        let mut units = Vec::with_capacity(self.units.len());
        for (index, unit) in self.units.iter().enumerate() {
            let (y, tape) = unit.forward(math, values, &x, sight, turn, factors.at(1 + index))?;
            units.push(tape);
            x = y;
        }
        let (y, norm) = self.norm.forward(values, &x)?;
        Ok((y, EncoderTape { units, norm }))
    }

    /// Adds all gradients that reach the encoder through its memory.
    pub fn backward(
        &self,
        scene: &Scene<'_>,
        speakers: &Speakers,
        sight: &Sight,
        factors: &Factors,
        tape: &EncoderTape,
        dmemory: &Tensor,
        gradients: &mut Gradients,
    ) -> Result<()> {
        let Scene { math, values, turn } = *scene;
        let mut dx = self.norm.backward(math, values, &tape.norm, dmemory, gradients)?;
        for (index, (unit, tape)) in self.units.iter().zip(&tape.units).enumerate().rev() {
            let factors = factors.at(1 + index);
            dx = unit.backward(math, values, tape, &dx, sight, turn, factors, gradients)?;
        }
        let (first, tokens) = without_first(&dx)?;
        gradients.add(self.sink, &math.column_sums(&first)?)?;
        let tokens = rows(&dropped(tokens, factors.at(0))?)?;
        let mut start = 0;
        for (((group, map), absent), width) in
            speakers.groups.iter().zip(&self.maps).zip(&self.absent).zip(self.widths)
        {
            let slope = tokens.narrow(D::Minus1, start, width)?.contiguous()?;
            match group {
                Group::Absent => gradients.add(*absent, &math.column_sums(&slope)?)?,
                Group::Whole(rows) => map.backward_parameters(math, rows, &slope, gradients)?,
                Group::Part { rows, present, missing } => {
                    gradients.add(*absent, &math.column_sums(&slope.broadcast_mul(missing)?)?)?;
                    map.backward_parameters(math, rows, &slope.broadcast_mul(present)?, gradients)?;
                }
            }
            start += width;
        }
        Ok(())
    }
}

/// Rows `[B, T, d]` behind a learned row: `[B, T + 1, d]`.
fn with_first(first: &Tensor, others: &Tensor) -> Result<Tensor> {
    let (clips, _, width) = others.dims3()?;
    let first = first.reshape((1, 1, width))?.broadcast_as((clips, 1, width))?;
    Tensor::cat(&[&first.contiguous()?, others], 1)
}

/// Row 0 of every clip `[B, d]`, and the others.
fn without_first(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let frames = x.dim(1)? - 1;
    Ok((x.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?, x.narrow(1, 1, frames)?.contiguous()?))
}

/// What stands in the slots of a pass.
pub enum Slots<'a> {
    /// A reaction to be predicted.
    Generation {
        /// Hidden frames.
        hidden: Option<&'a (Tensor, Tensor)>,
        /// e_z of every clip `[B, d]`; `None` without a latent.
        latent: Option<&'a Tensor>,
    },
    /// A finished reaction.
    Recognition,
}

/// What the rows of a decoder pass see.
pub struct Sights<'a> {
    /// Of their own kind.
    pub own: &'a Sight,
    /// Of the speaker.
    pub memory: &'a Sight,
}

/// The listener side.
#[derive(Debug)]
pub struct Decoder {
    /// Embeddings of the four streams.
    pub embeddings: Vec<Key>,
    hidden: Key,
    bos: Key,
    mask_token: Option<Key>,
    layers: Vec<(SelfUnit, CrossUnit)>,
    norm: Norm,
    token_widths: [usize; 4],
    latent_place: LatentPlace,
    /// How scores are scaled.
    pub attend: Attend,
}

/// What the backward pass of the decoder needs.
#[derive(Debug)]
pub struct DecoderTape {
    layers: Vec<(SelfTape, CrossTape)>,
    norm: NormTape,
}

impl Decoder {
    /// Finds its parameters.
    pub fn new(names: &Names<'_>, network: &Network) -> Result<Self> {
        let config = &network.config;
        let embeddings = STREAMS.iter().map(|stream| names.find(&format!("emb.{stream}.weight")));
        let layers = (0..config.decoder_layers).map(|i| {
            Ok((
                SelfUnit::new(names, &format!("dec_self.{i}"), config)?,
                CrossUnit::new(names, &format!("dec_cross.{i}"), config)?,
            ))
        });
        let Some((unit, _)) = network.decoder.layers.first() else {
            candle_core::bail!("a network without decoder layers")
        };
        Ok(Self {
            embeddings: embeddings.collect::<Result<_>>()?,
            hidden: names.find("hist_mask")?,
            bos: names.find("bos")?,
            mask_token: (config.latents > 0).then(|| names.find("m_tok")).transpose()?,
            layers: layers.collect::<Result<_>>()?,
            norm: Norm::new(names, "dec_norm")?,
            token_widths: config.token_widths,
            latent_place: config.latent_place,
            attend: unit.attend,
        })
    }

    /// Places where values are dropped.
    pub fn places(&self) -> usize {
        1 + 2 * self.layers.len()
    }

    fn first(&self, slots: &Slots<'_>) -> Key {
        match (slots, self.mask_token) {
            (Slots::Recognition, Some(token)) => token,
            _ => self.bos,
        }
    }

    /// Hidden states `[B, T + 1, d]` of a pass.
    pub fn forward(
        &self,
        scene: &Scene<'_>,
        tokens: &Tokens,
        slots: &Slots<'_>,
        memory: &Tensor,
        sights: &Sights<'_>,
        factors: &Factors,
    ) -> Result<(Tensor, DecoderTape)> {
        let Scene { math, values, turn } = *scene;
        let stacked = self
            .embeddings
            .iter()
            .zip(&tokens.ids)
            .map(|(table, ids)| values.get(*table).contiguous()?.index_select(&ids.squeeze(1)?, 0));
        let stacked = Tensor::cat(&stacked.collect::<Result<Vec<_>>>()?, 1)?;
        let mut frames = stacked.reshape((tokens.clips, tokens.frames, ()))?;
        if let Slots::Generation { hidden: Some((hidden, kept)), .. } = slots {
            let stand_in = hidden.broadcast_mul(&values.get(self.hidden).reshape((1, 1, ()))?)?;
            frames = (frames.broadcast_mul(kept)? + stand_in)?;
        }
        let frames = dropped(frames, factors.at(0))?;
        let mut x = with_first(values.get(self.first(slots)), &frames)?;
        if let Slots::Generation { latent: Some(latent), .. } = slots {
            let latent = latent.unsqueeze(1)?;
            x = match self.latent_place {
                LatentPlace::Every => x.broadcast_add(&latent)?,
                LatentPlace::First => {
                    let others = x.narrow(1, 1, tokens.frames)?;
                    Tensor::cat(&[(x.narrow(1, 0, 1)? + latent)?, others], 1)?
                }
            };
        }
        let mut layers = Vec::with_capacity(self.layers.len());
        for (index, (own, cross)) in self.layers.iter().enumerate() {
            let (y, own) = own.forward(math, values, &x, sights.own, turn, factors.at(1 + 2 * index))?;
            let factors = factors.at(2 + 2 * index);
            let (y, cross) = cross.forward(math, values, &y, memory, sights.memory, turn, factors)?;
            layers.push((own, cross));
            x = y;
        }
        let (h, norm) = self.norm.forward(values, &x)?;
        Ok((h, DecoderTape { layers, norm }))
    }

    /// Gradients of e_z `[B, d]` (nobody's, in recognition) and of the speaker memory.
    pub fn backward(
        &self,
        scene: &Scene<'_>,
        tokens: &Tokens,
        slots: &Slots<'_>,
        memory: &Tensor,
        sights: &Sights<'_>,
        factors: &Factors,
        tape: &DecoderTape,
        dh: &Tensor,
        gradients: &mut Gradients,
    ) -> Result<(Tensor, Tensor)> {
        let Scene { math, values, turn } = *scene;
        let mut dx = self.norm.backward(math, values, &tape.norm, dh, gradients)?;
        let mut dmemory: Option<Tensor> = None;
        for (index, ((own, cross), (own_tape, cross_tape))) in
            self.layers.iter().zip(&tape.layers).enumerate().rev()
        {
            let of_cross = factors.at(2 + 2 * index);
            let (dlistener, dspeaker) = cross.backward(
                math,
                values,
                cross_tape,
                memory,
                &dx,
                sights.memory,
                turn,
                of_cross,
                gradients,
            )?;
            dmemory = Some(match dmemory {
                Some(sum) => (sum + dspeaker)?,
                None => dspeaker,
            });
            let of_own = factors.at(1 + 2 * index);
            dx = own.backward(math, values, own_tape, &dlistener, sights.own, turn, of_own, gradients)?;
        }
        let (first, frames) = without_first(&dx)?;
        gradients.add(self.first(slots), &math.column_sums(&first)?)?;
        let dlatent = match self.latent_place {
            LatentPlace::Every => dx.sum(1)?,
            LatentPlace::First => first,
        };
        let mut frames = dropped(frames, factors.at(0))?;
        if let Slots::Generation { hidden, .. } = slots {
            // Always a gradient, also of a batch that hides nothing.
            let slope = match hidden {
                Some((hidden, kept)) => {
                    let slope = math.column_sums(&rows(&frames.broadcast_mul(hidden)?)?)?;
                    frames = frames.broadcast_mul(kept)?;
                    slope
                }
                None => values.get(self.hidden).zeros_like()?,
            };
            gradients.add(self.hidden, &slope)?;
        }
        self.embed_backward(math, values, tokens, &rows(&frames)?, gradients)?;
        let Some(dmemory) = dmemory else { candle_core::bail!("a network without decoder layers") };
        Ok((dlatent, dmemory))
    }

    fn embed_backward(
        &self,
        math: &Math,
        values: &Values,
        tokens: &Tokens,
        slopes: &Tensor,
        gradients: &mut Gradients,
    ) -> Result<()> {
        let mut start = 0;
        for (stream, width) in self.token_widths.into_iter().enumerate() {
            let slopes = slopes.narrow(1, start, width)?.contiguous()?;
            let (table, ids) = (self.embeddings[stream], &tokens.ids[stream]);
            looked_up_backward(math, values, table, ids, &slopes, gradients)?;
            start += width;
        }
        Ok(())
    }
}

/// Adds rows of gradients to the table they were looked up in by `ids` (`[rows, 1]`): a product with the one-hot ids, which
/// is quick and adds in a fixed order on every device (adding row by row is neither on a GPU).
pub fn looked_up_backward(
    math: &Math,
    values: &Values,
    table: Key,
    ids: &Tensor,
    slopes: &Tensor,
    gradients: &mut Gradients,
) -> Result<()> {
    let size = values.get(table).dim(0)?;
    for (first, count) in chunks(slopes.dim(0)?, size) {
        let ids = ids.narrow(0, first, count)?.contiguous()?;
        let one = Tensor::ones((count, 1), math.float, &math.device)?;
        let ones = math.zeros(&[count, size])?.scatter_add(&ids, &one, 1)?;
        let part = slopes.narrow(0, first, count)?.contiguous()?;
        gradients.add(table, &ones.t()?.matmul(&part)?)?;
    }
    Ok(())
}
