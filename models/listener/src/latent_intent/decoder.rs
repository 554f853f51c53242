//! The listener side: one position per frame with four streams stacked on channels, layers of a self unit and a
//! cross unit, used in two passes with the same weights (paper, section II-C).
//!
//! | pass | slot 0 | slot i | self mask | reads |
//! |---|---|---|---|---|
//! | generation | bos + e_z | frame i + e_z | causal | slot i predicts frame i + 1 |
//! | recognition | m | frame i | full | slot 0 |
//!
//! e_z is added to every slot: given in slot 0 alone, the network learns to ignore it.

use super::blocks::{Norm, NormTape, Rotation, add};
use super::config::{Config, LatentPlace, STREAMS};
use super::dropout::{Dropout, drop_values};
use super::gau::{CrossTape, CrossUnit, Mask, SelfTape, SelfUnit};
use super::parameters::{Layout, Slot, Start};
use crate::real::Real;

/// Token ids of one frame, in the order of [`STREAMS`].
pub type Frame = [u32; 4];

/// What stands in the slots of a pass.
#[derive(Debug, Clone, Copy)]
pub enum Slots<'a, T> {
    /// Frames so far, which of them are hidden (history corruption), and e_z.
    Generation {
        /// Hidden frames; empty for none.
        hidden: &'a [bool],
        /// The latent's vector, width d.
        latent: &'a [T],
    },
    /// A finished reaction.
    Recognition,
}

/// The decoder.
#[derive(Debug, Clone)]
pub struct Decoder {
    /// Embeddings of the four streams, shared with the heads.
    pub embeddings: [Slot; 4],
    /// Stands in for a hidden frame.
    pub hidden: Slot,
    /// Slot 0 of the generation pass.
    pub bos: Slot,
    /// Slot 0 of the recognition pass; `None` in the network without a latent.
    pub mask_token: Option<Slot>,
    /// Layers.
    pub layers: Vec<(SelfUnit, CrossUnit)>,
    /// Final normalisation.
    pub norm: Norm,
    /// Width of each embedding.
    pub token_widths: [usize; 4],
    width: usize,
    latent_place: LatentPlace,
}

/// What the backward pass of the decoder needs.
#[derive(Debug)]
pub struct DecoderTape<T> {
    layers: Vec<(SelfTape<T>, CrossTape<T>)>,
    norm: NormTape<T>,
    dropped: Option<Vec<T>>,
}

impl Decoder {
    /// A decoder with fresh parameters in `layout`.
    pub fn new(layout: &mut Layout, config: &Config, scale: f64) -> Self {
        let embeddings = std::array::from_fn(|stream| {
            let width = config.token_widths[stream];
            layout.add(
                format!("emb.{}.weight", STREAMS[stream]),
                &[config.vocabulary[stream], width],
                Start::Vector(1.0 / (width as f64).sqrt()),
            )
        });
        let d = config.width;
        let hidden = layout.add("hist_mask", &[d], Start::Vector(0.3));
        let bos = layout.add("bos", &[d], Start::Vector(0.3));
        let mask_token = (config.latents > 0).then(|| layout.add("m_tok", &[d], Start::Vector(0.3)));
        let layers = (0..config.decoder_layers)
            .map(|i| {
                (
                    SelfUnit::new(layout, &format!("dec_self.{i}"), config, scale),
                    CrossUnit::new(layout, &format!("dec_cross.{i}"), config, scale),
                )
            })
            .collect();
        let norm = Norm::new(layout, "dec_norm", d);
        Self {
            embeddings,
            hidden,
            bos,
            mask_token,
            layers,
            norm,
            token_widths: config.token_widths,
            width: d,
            latent_place: config.latent_place,
        }
    }

    /// Copies the stacked embedding of a frame into `row`.
    pub fn embed<T: Real>(&self, values: &[T], frame: &Frame, row: &mut [T]) {
        let mut first = 0;
        for (stream, width) in self.token_widths.iter().enumerate() {
            let table = self.embeddings[stream].of(values);
            row[first..first + width].copy_from_slice(&table[frame[stream] as usize * width..][..*width]);
            first += width;
        }
    }

    /// Hidden states `[T + 1, d]` of a pass over `frames`. `mask` is the self mask; `memory_mask` the cross mask.
    pub fn forward<T: Real>(
        &self,
        values: &[T],
        frames: &[Frame],
        slots: Slots<'_, T>,
        memory: &[T],
        mask: Mask,
        memory_mask: Mask,
        rotation: &Rotation<T>,
        dropout: &Dropout,
    ) -> (Vec<T>, DecoderTape<T>) {
        let d = self.width;
        let mut x = vec![T::ZERO; (frames.len() + 1) * d];
        for (index, (row, frame)) in x[d..].chunks_exact_mut(d).zip(frames).enumerate() {
            match slots {
                Slots::Generation { hidden, .. } if hidden.get(index) == Some(&true) => {
                    row.copy_from_slice(self.hidden.of(values));
                }
                _ => self.embed(values, frame, row),
            }
        }
        let dropped = dropout.factors(0, x.len() - d);
        drop_values(&mut x[d..], dropped.as_deref());
        match slots {
            Slots::Generation { latent, .. } => {
                x[..d].copy_from_slice(self.bos.of(values));
                let holds = |slot: &usize| self.latent_place.holds(*slot);
                let rows = x.chunks_exact_mut(d).enumerate().filter(|(slot, _)| holds(slot));
                rows.for_each(|(_, row)| add(row, latent));
            }
            Slots::Recognition => {
                if let Some(token) = self.mask_token {
                    x[..d].copy_from_slice(token.of(values));
                }
            }
        }
        let mut layers = Vec::with_capacity(self.layers.len());
        for (index, (own, cross)) in self.layers.iter().enumerate() {
            let of_branch = dropout.factors(1 + 2 * index, x.len());
            let (y, own_tape) = own.forward_with(values, &x, mask, rotation, of_branch);
            let of_branch = dropout.factors(2 + 2 * index, x.len());
            let (y, cross_tape) = cross.forward_with(values, &y, memory, memory_mask, rotation, of_branch);
            layers.push((own_tape, cross_tape));
            x = y;
        }
        let (h, norm) = self.norm.forward(values, &x);
        (h, DecoderTape { layers, norm, dropped })
    }

    /// Gradient of e_z (zero in recognition); the gradient of the speaker memory is added into `dmemory`.
    pub fn backward<T: Real>(
        &self,
        values: &[T],
        frames: &[Frame],
        slots: Slots<'_, T>,
        memory: &[T],
        tape: &DecoderTape<T>,
        dh: &[T],
        dmemory: &mut [T],
        rotation: &Rotation<T>,
        gradients: &mut [T],
    ) -> Vec<T> {
        let d = self.width;
        let mut dx = self.norm.backward(values, &tape.norm, dh, gradients);
        for ((own, cross), (own_tape, cross_tape)) in self.layers.iter().zip(&tape.layers).rev() {
            dx = cross.backward(values, cross_tape, memory, &dx, dmemory, rotation, gradients);
            dx = own.backward(values, own_tape, &dx, rotation, gradients);
        }
        let mut dlatent = vec![T::ZERO; d];
        match slots {
            Slots::Generation { .. } => {
                add(self.bos.of_mut(gradients), &dx[..d]);
                let holds = |slot: &usize| self.latent_place.holds(*slot);
                let rows = dx.chunks_exact(d).enumerate().filter(|(slot, _)| holds(slot));
                rows.for_each(|(_, row)| add(&mut dlatent, row));
            }
            Slots::Recognition => {
                if let Some(token) = self.mask_token {
                    add(token.of_mut(gradients), &dx[..d]);
                }
            }
        }
        drop_values(&mut dx[d..], tape.dropped.as_deref());
        for (index, (row, frame)) in dx[d..].chunks_exact(d).zip(frames).enumerate() {
            match slots {
                Slots::Generation { hidden, .. } if hidden.get(index) == Some(&true) => {
                    add(self.hidden.of_mut(gradients), row);
                }
                _ => {
                    let mut first = 0;
                    for (stream, width) in self.token_widths.iter().enumerate() {
                        let table = self.embeddings[stream].of_mut(gradients);
                        add(
                            &mut table[frame[stream] as usize * width..][..*width],
                            &row[first..first + width],
                        );
                        first += width;
                    }
                }
            }
        }
        dlatent
    }
}
