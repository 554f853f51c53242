//! The speaker side: feature groups projected and stacked on channels (paper, section II-A), a learned first
//! position, self units, a final normalisation.
//!
//! Position 0 is learned: every row then has a key, and an online decoder has something to attend to before any
//! speech. Positions 1..=T are the frames.

use super::blocks::{Linear, Norm, NormTape, Rotation, add};
use super::config::{Config, GROUPS};
use super::dropout::{Dropout, drop_values};
use super::gau::{Mask, SelfTape, SelfUnit};
use super::parameters::{Layout, Slot, Start};
use crate::real::Real;

/// One group of speaker features of a clip, standardised.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<T> {
    /// `[T, columns]`.
    pub rows: Vec<T>,
    /// Frames in which the group was measured; `None` when in all.
    pub present: Option<Vec<bool>>,
}

/// The speaker as the network takes it; an absent group is `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Speaker<T> {
    /// Number of frames T.
    pub frames: usize,
    /// In the order of [`GROUPS`].
    pub groups: [Option<Group<T>>; 6],
}

impl<T: Copy> Speaker<T> {
    /// Frames `first..first + frames` as a clip of their own.
    pub fn part(&self, columns: &[usize; 6], first: usize, frames: usize) -> Self {
        let frames = frames.min(self.frames.saturating_sub(first));
        let groups = std::array::from_fn(|index| {
            self.groups[index].as_ref().map(|group| Group {
                rows: group.rows[first * columns[index]..(first + frames) * columns[index]].to_vec(),
                present: group.present.as_ref().map(|present| present[first..first + frames].to_vec()),
            })
        });
        Self { frames, groups }
    }
}

/// Projections of the groups, and what stands in for an absent one.
#[derive(Debug, Clone)]
pub struct SpeakerInput {
    /// In the order of [`GROUPS`].
    pub maps: [Linear; 6],
    /// Learned stand-ins.
    pub absent: [Slot; 6],
    width: usize,
}

impl SpeakerInput {
    /// Projections to the model width.
    pub fn new(layout: &mut Layout, config: &Config) -> Self {
        let maps = std::array::from_fn(|group| {
            let (columns, width) = (config.feature_columns[group], config.feature_widths[group]);
            Linear::new(layout, &format!("feat.{}", GROUPS[group]), columns, width, 1.0)
        });
        let absent = std::array::from_fn(|group| {
            layout.add(
                format!("absent.{}", GROUPS[group]),
                &[config.feature_widths[group]],
                Start::Constant(0.0),
            )
        });
        Self { maps, absent, width: config.width }
    }

    /// Frame tokens `[T, d]` into `out`.
    pub fn forward_into<T: Real>(&self, values: &[T], speaker: &Speaker<T>, out: &mut [T]) {
        let mut first = 0;
        for (group, (map, absent)) in self.maps.iter().zip(self.absent).enumerate() {
            let absent = absent.of(values);
            let measured = speaker.groups[group].as_ref();
            if let Some(measured) = measured {
                map.forward_into(values, &measured.rows, &mut out[first..], self.width);
            }
            for frame in 0..speaker.frames {
                if !is_present(measured, frame) {
                    out[frame * self.width + first..][..map.outputs].copy_from_slice(absent);
                }
            }
            first += map.outputs;
        }
    }

    /// Adds the parameters' gradients; the features themselves need none.
    pub fn backward<T: Real>(&self, speaker: &Speaker<T>, dtokens: &[T], gradients: &mut [T]) {
        let mut first = 0;
        for (group, (map, absent)) in self.maps.iter().zip(self.absent).enumerate() {
            let measured = speaker.groups[group].as_ref();
            let mut dense = vec![T::ZERO; speaker.frames * map.outputs];
            for (frame, dense) in dense.chunks_exact_mut(map.outputs).enumerate() {
                let row = &dtokens[frame * self.width + first..][..map.outputs];
                if is_present(measured, frame) {
                    dense.copy_from_slice(row);
                } else {
                    add(absent.of_mut(gradients), row);
                }
            }
            if let Some(measured) = measured {
                map.backward_parameters(&measured.rows, &dense, map.outputs, gradients);
            }
            first += map.outputs;
        }
    }
}

/// Whether a group was measured in a frame.
pub fn is_present<T>(group: Option<&Group<T>>, frame: usize) -> bool {
    group.is_some_and(|group| group.present.as_ref().is_none_or(|present| present[frame]))
}

/// The encoder.
#[derive(Debug, Clone)]
pub struct Encoder {
    /// Projections of the speaker's features.
    pub input: SpeakerInput,
    /// Learned position 0.
    pub sink: Slot,
    /// Self units.
    pub units: Vec<SelfUnit>,
    /// Final normalisation.
    pub norm: Norm,
    width: usize,
}

/// What the backward pass of the encoder needs.
#[derive(Debug)]
pub struct EncoderTape<T> {
    units: Vec<SelfTape<T>>,
    norm: NormTape<T>,
    dropped: Option<Vec<T>>,
}

impl Encoder {
    /// An encoder with fresh parameters in `layout`.
    pub fn new(layout: &mut Layout, config: &Config, scale: f64) -> Self {
        let input = SpeakerInput::new(layout, config);
        let sink = layout.add("enc_sink", &[config.width], Start::Vector(0.3));
        let units = (0..config.encoder_units)
            .map(|i| SelfUnit::new(layout, &format!("enc.{i}"), config, scale))
            .collect();
        Self { input, sink, units, norm: Norm::new(layout, "enc_norm", config.width), width: config.width }
    }

    /// Speaker memory `[T + 1, d]`.
    pub fn forward<T: Real>(
        &self,
        values: &[T],
        speaker: &Speaker<T>,
        mask: Mask,
        rotation: &Rotation<T>,
        dropout: &Dropout,
    ) -> (Vec<T>, EncoderTape<T>) {
        let mut x = vec![T::ZERO; (speaker.frames + 1) * self.width];
        x[..self.width].copy_from_slice(self.sink.of(values));
        self.input.forward_into(values, speaker, &mut x[self.width..]);
        let dropped = dropout.factors(0, x.len() - self.width);
        drop_values(&mut x[self.width..], dropped.as_deref());
        let mut units = Vec::with_capacity(self.units.len());
        for (index, unit) in self.units.iter().enumerate() {
            let of_branch = dropout.factors(1 + index, x.len());
            let (y, tape) = unit.forward_with(values, &x, mask, rotation, of_branch);
            units.push(tape);
            x = y;
        }
        let (y, norm) = self.norm.forward(values, &x);
        (y, EncoderTape { units, norm, dropped })
    }

    /// Adds all gradients that reach the encoder through its memory.
    pub fn backward<T: Real>(
        &self,
        values: &[T],
        speaker: &Speaker<T>,
        tape: &EncoderTape<T>,
        dmemory: &[T],
        rotation: &Rotation<T>,
        gradients: &mut [T],
    ) {
        let mut dx = self.norm.backward(values, &tape.norm, dmemory, gradients);
        for (unit, tape) in self.units.iter().zip(&tape.units).rev() {
            dx = unit.backward(values, tape, &dx, rotation, gradients);
        }
        add(self.sink.of_mut(gradients), &dx[..self.width]);
        drop_values(&mut dx[self.width..], tape.dropped.as_deref());
        self.input.backward(speaker, &dx[self.width..], gradients);
    }
}
