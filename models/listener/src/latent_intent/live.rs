//! Answering while the speaker is still speaking: frame by frame, every reaction side by side, nothing ahead.
//!
//! The reaction to frame t is made from speaker frames before t and from the reaction so far. Time and memory of a
//! frame do not grow with the length of the clip. Online takes are made by this very code.

use clips::{Chance, Sampling};

use super::blocks::Rotation;
use super::decode::{Cache, Heard, Plain, Reaction, Scratch};
use super::decoder::Frame;
use super::encoder::Speaker;
use super::intent::LatentIntent;
use super::sampling::{draw, nucleus};
use crate::system::Request;

/// Which reaction: latent (`None` for the system without) and sample number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Which {
    /// Latent, counted from 0.
    pub latent: Option<usize>,
    /// Sample within the latent.
    pub sample: usize,
}

/// One reaction being drawn: the network's state and its draws.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    reaction: Reaction,
    /// The same history without a latent, for guidance.
    without: Option<Reaction>,
    chance: Chance,
    sampling: Sampling,
    /// Frames at which e_z changes, the last first.
    turns: Vec<(usize, Vec<f32>)>,
    /// Frames made so far.
    pub(super) frames: Vec<Frame>,
}

impl Drawn {
    pub(super) fn new(system: &LatentIntent, clip: &str, which: Which, request: &Request) -> Self {
        let (plain, sampling) = (system.plain(&request.sampling), request.sampling);
        let latent = which.latent.filter(|_| !sampling.shared_noise);
        let words = [latent.map_or(u64::MAX, |latent| latent as u64), which.sample as u64];
        let guided = sampling.guidance > 0.0 && which.latent.is_some();
        let turns = request.turns.iter().rev();
        let vector = |latent| system.vector(latent, &sampling.style);
        Self {
            reaction: Reaction::new(plain, vector(which.latent)),
            without: guided.then(|| Reaction::new(plain, vector(None))),
            chance: Chance::new(request.seed, &format!("tokens of {clip}"), &words),
            sampling,
            turns: turns.map(|(frame, latent)| (*frame, vector(Some(*latent)))).collect(),
            frames: Vec::new(),
        }
    }

    /// Makes the next frame of each of them, all at the same position.
    pub(super) fn step(
        plain: &Plain,
        drawn: &mut [Self],
        memory: &[Cache],
        rotation: &Rotation<f32>,
        scratch: &mut Scratch,
    ) -> Vec<Frame> {
        let mut together = Vec::with_capacity(2 * drawn.len());
        let mut last = Vec::with_capacity(2 * drawn.len());
        for one in drawn.iter_mut() {
            if let Some((_, latent)) = one.turns.pop_if(|(frame, _)| *frame <= one.frames.len()) {
                one.reaction.turn(latent);
            }
            let frame = one.frames.last().copied();
            together.push(&mut one.reaction);
            last.push(frame);
            if let Some(without) = &mut one.without {
                together.push(without);
                last.push(frame);
            }
        }
        Reaction::step(plain, &mut together, &last, memory, rotation, scratch);
        // One draw a stream in stream order, so draw number 4 t + stream belongs to frame t for ever.
        let uniforms: Vec<[f64; 4]> =
            drawn.iter_mut().map(|one| std::array::from_fn(|_| one.chance.uniform())).collect();
        let mut frames: Vec<Frame> = vec![[0; 4]; drawn.len()];
        for (place, stream) in plain.order().into_iter().enumerate() {
            for ((one, frame), uniforms) in drawn.iter_mut().zip(&mut frames).zip(&uniforms) {
                frame[stream] = one.draw(stream, uniforms[stream]);
            }
            if !plain.chained() {
                continue;
            }
            let (mut together, mut ids) = (Vec::new(), Vec::new());
            for (one, frame) in drawn.iter_mut().zip(&frames) {
                for reaction in std::iter::once(&mut one.reaction).chain(&mut one.without) {
                    together.push(reaction);
                    ids.push(frame[stream]);
                }
            }
            Reaction::tell(plain, place, &mut together, &ids, scratch);
        }
        drawn.iter_mut().zip(&frames).for_each(|(one, frame)| one.frames.push(*frame));
        frames
    }

    /// Draws a token of the stream whose logits are known.
    fn draw(&mut self, stream: usize, uniform: f64) -> u32 {
        let logits = &mut self.reaction.logits[stream];
        if let Some(without) = &self.without {
            let guidance = self.sampling.guidance;
            for (with, without) in logits.iter_mut().zip(&without.logits[stream]) {
                *with += guidance * (*with - without);
            }
        }
        draw(&nucleus(logits, &self.sampling), uniform)
    }
}

/// Reactions in the making.
#[derive(Debug)]
pub struct Live<'a> {
    system: &'a LatentIntent,
    plain: &'a Plain,
    rotation: Rotation<f32>,
    heard: Heard,
    position: usize,
    drawn: Vec<Drawn>,
    scratch: Scratch,
}

impl<'a> Live<'a> {
    pub(super) fn new(system: &'a LatentIntent, clip: &str, which: &[Which], request: &Request) -> Self {
        let rotation = Rotation::new(2, system.config().key_width);
        let plain = system.plain(&request.sampling);
        let heard = Heard::new(plain, &rotation);
        let drawn = which.iter().map(|which| Drawn::new(system, clip, *which, request)).collect();
        Self { system, plain, rotation, heard, position: 0, drawn, scratch: plain.scratch() }
    }

    /// Makes the next frame of every reaction from what was heard so far. Call it once before the first
    /// [`Live::hear`] for the reaction at the speaker's first frame, and once after each.
    pub fn react(&mut self) -> Vec<Frame> {
        self.rotation.reach(self.position + 2);
        self.position += 1;
        let (memory, rotation) = (self.heard.memory(), &self.rotation);
        // among the threads that share work, as in `LatentIntent::generate`
        rayon::scope(|_| Drawn::step(self.plain, &mut self.drawn, memory, rotation, &mut self.scratch))
    }

    /// Hears the first frame of `speaker` (see [`LatentIntent::speaker`]).
    pub fn hear(&mut self, speaker: &Speaker<f32>) {
        self.rotation.reach(self.position + 2);
        let token = self.system.token(speaker);
        rayon::scope(|_| self.heard.push(self.plain, &token, &self.rotation));
    }

    /// The reactions so far.
    pub fn reactions(&self) -> impl Iterator<Item = &[Frame]> {
        self.drawn.iter().map(|drawn| drawn.frames.as_slice())
    }
}
