//! Decoding step by step: plain loops over slices, reactions in lock-step, with caches of bounded size.
//!
//! A step costs little more than its multiplications, and weights are fetched once for all reactions that step
//! together. Sums run in the same order for every batch: a reaction does not depend, not in one bit, on which other
//! reactions are made.
//!
//! Up to the training length n0 the result is that of the full pass. Beyond it every row sees as many keys as in
//! training: a ring of the last n0 - 1 rows and position 0, which sits right before the oldest row of the ring.

mod cache;
mod map;
mod panels;
mod rows;

use rayon::prelude::*;

use super::blocks::Rotation;
use super::config::LatentPlace;
use super::decoder::Frame;
use super::gau::{Attend, CrossUnit, SelfUnit};
use super::heads::order;
use super::network::Network;
pub use cache::Cache;
use cache::attend;
use map::{Gain, Map, Turn, silu};
pub use rows::{Precision, Rows};

/// Speaker rows that are taken in at a time.
const PUSHED: usize = 32;

#[derive(Debug, Clone)]
struct SelfPlain {
    norm: Gain,
    uvz: Map,
    out: Map,
    query: Turn,
    key: Turn,
    attend: Attend,
}

impl SelfPlain {
    fn gate_width(&self) -> usize {
        self.out.inputs()
    }

    fn new(precision: Precision, values: &[f32], unit: &SelfUnit) -> Self {
        Self {
            norm: Gain::new(values, &unit.norm),
            uvz: Map::new(precision, values, &unit.uvz),
            out: Map::new(precision, values, &unit.out),
            query: Turn::new(values, &unit.qk, 0),
            key: Turn::new(values, &unit.qk, 1),
            attend: unit.attend,
        }
    }

    /// Replaces each row of x (the next position of its cache) by the unit's result.
    fn step<'a>(
        &self,
        x: &mut [f32],
        caches: impl Iterator<Item = &'a mut Cache>,
        rotation: &Rotation<f32>,
        scratch: &mut Scratch,
    ) {
        let (d, e, s) = (self.out.bias.len(), self.gate_width(), scratch.turned.len());
        let wide = 2 * e + s;
        scratch.make_room(x.len() / d, d, wide);
        scratch.normed.chunks_exact_mut(d).zip(x.chunks_exact(d)).for_each(|(y, x)| self.norm.apply(x, y));
        self.uvz.apply(&scratch.normed, d, &mut scratch.active);
        silu(&mut scratch.active);
        let alone = x.len() == d;
        for (row, cache) in scratch.active.chunks_exact_mut(wide).zip(caches) {
            let position = cache.count;
            let (gate, others) = row.split_at_mut(e);
            let (value, base) = others.split_at(e);
            self.key.apply(base, &mut scratch.turned);
            cache.push(&scratch.turned, value, rotation);
            self.query.apply(base, &mut scratch.turned);
            rotation.turn(&mut scratch.turned, position);
            let mixed = &mut scratch.mixed[..e];
            attend(&self.attend, &scratch.turned, s, cache, &mut scratch.scores, mixed, alone);
            gate.iter_mut().zip(mixed).for_each(|(gate, mixed)| *gate *= *mixed);
        }
        self.out.add_with_bias(&scratch.active, wide, x);
    }
}

#[derive(Debug, Clone)]
struct CrossPlain {
    norm: Gain,
    uq: Map,
    vk: Map,
    out: Map,
    query: Turn,
    key: Turn,
    attend: Attend,
}

impl CrossPlain {
    fn gate_width(&self) -> usize {
        self.out.inputs()
    }

    fn new(precision: Precision, values: &[f32], unit: &CrossUnit) -> Self {
        Self {
            norm: Gain::new(values, &unit.norm),
            uq: Map::new(precision, values, &unit.uq),
            vk: Map::new(precision, values, &unit.vk),
            out: Map::new(precision, values, &unit.out),
            query: Turn::new(values, &unit.qk, 0),
            key: Turn::new(values, &unit.qk, 1),
            attend: unit.attend,
        }
    }

    /// Adds speaker rows to what listeners may see.
    fn push(&self, rows: &[f32], cache: &mut Cache, rotation: &Rotation<f32>) {
        let (d, s) = (self.norm.width(), self.query.gamma.len());
        let wide = self.vk.bias.len();
        let mut active = vec![0.0; rows.len() / d * wide];
        self.vk.apply(rows, d, &mut active);
        silu(&mut active);
        let mut key = vec![0.0; s];
        for row in active.chunks_exact(wide) {
            let (value, base) = row.split_at(wide - s);
            self.key.apply(base, &mut key);
            cache.push(&key, value, rotation);
        }
    }

    /// Replaces each listener row of x at `position` by the unit's result.
    fn step(
        &self,
        x: &mut [f32],
        position: usize,
        cache: &Cache,
        rotation: &Rotation<f32>,
        scratch: &mut Scratch,
    ) {
        let (d, e, s) = (self.out.bias.len(), self.gate_width(), scratch.turned.len());
        let wide = e + s;
        scratch.make_room(x.len() / d, d, wide);
        scratch.normed.chunks_exact_mut(d).zip(x.chunks_exact(d)).for_each(|(y, x)| self.norm.apply(x, y));
        self.uq.apply(&scratch.normed, d, &mut scratch.active);
        silu(&mut scratch.active);
        let rows = x.len() / d;
        scratch.queries.resize(rows * s, 0.0);
        for (row, query) in scratch.active.chunks_exact(wide).zip(scratch.queries.chunks_exact_mut(s)) {
            self.query.apply(&row[e..], query);
            rotation.turn(query, position);
        }
        scratch.mixed.resize(rows * e, 0.0);
        attend(&self.attend, &scratch.queries, s, cache, &mut scratch.scores, &mut scratch.mixed, true);
        for (row, mixed) in scratch.active.chunks_exact_mut(wide).zip(scratch.mixed.chunks_exact(e)) {
            row[..e].iter_mut().zip(mixed).for_each(|(gate, mixed)| *gate *= mixed);
        }
        self.out.add_with_bias(&scratch.active, wide, x);
    }
}

/// Room for a step of any number of rows; what stands in it before a step means nothing.
#[derive(Debug, Clone)]
pub struct Scratch {
    x: Vec<f32>,
    normed: Vec<f32>,
    active: Vec<f32>,
    turned: Vec<f32>,
    queries: Vec<f32>,
    scores: Vec<f32>,
    mixed: Vec<f32>,
    logits: Vec<f32>,
}

impl Scratch {
    fn make_room(&mut self, rows: usize, width: usize, wide: usize) {
        self.normed.resize(rows * width, 0.0);
        self.active.resize(rows * wide, 0.0);
    }
}

/// The network's weights laid out for stepping.
#[derive(Debug, Clone)]
pub struct Plain {
    precision: Precision,
    width: usize,
    key_width: usize,
    gate_width: usize,
    capacity: usize,
    encoder: Vec<SelfPlain>,
    encoder_norm: Gain,
    sink: Vec<f32>,
    layers: Vec<(SelfPlain, CrossPlain)>,
    norm: Gain,
    bos: Vec<f32>,
    heads: [(Map, Map); 4],
    /// What a stream that is drawn tells the heads after it, in the order of the chain.
    chain: Option<[Map; 3]>,
    order: [usize; 4],
    embeddings: [Vec<f32>; 4],
    token_widths: [usize; 4],
    latent_place: LatentPlace,
}

impl Plain {
    /// Copies the weights out of `values`; caches are kept as the weights are.
    pub fn new(network: &Network, values: &[f32], precision: Precision) -> Self {
        let config = &network.config;
        Self {
            precision,
            width: config.width,
            key_width: config.key_width,
            gate_width: config.gate_width(),
            capacity: config.training_frames,
            encoder: network
                .encoder
                .units
                .iter()
                .map(|unit| SelfPlain::new(precision, values, unit))
                .collect(),
            encoder_norm: Gain::new(values, &network.encoder.norm),
            sink: network.encoder.sink.of(values).to_vec(),
            layers: network
                .decoder
                .layers
                .iter()
                .map(|(own, cross)| {
                    (SelfPlain::new(precision, values, own), CrossPlain::new(precision, values, cross))
                })
                .collect(),
            norm: Gain::new(values, &network.decoder.norm),
            bos: network.decoder.bos.of(values).to_vec(),
            heads: std::array::from_fn(|stream| {
                let table = network.decoder.embeddings[stream].of(values);
                (
                    Map::new(precision, values, &network.heads.maps[stream]),
                    Map::transpose(precision, table, network.heads.biases[stream].of(values)),
                )
            }),
            chain: network.chain.as_ref().map(|chain| {
                chain
                    .maps
                    .each_ref()
                    .map(|map| Map::transpose(precision, map.of(values), &vec![0.0; config.width]))
            }),
            order: order(network.chain.as_ref()),
            embeddings: std::array::from_fn(|stream| network.decoder.embeddings[stream].of(values).to_vec()),
            token_widths: config.token_widths,
            latent_place: config.latent_place,
        }
    }

    /// An empty cache of at most `capacity` rows.
    fn cache(&self, capacity: usize) -> Cache {
        Cache::new(self.precision, self.key_width, self.gate_width, capacity)
    }

    /// Whether a stream has to hear what was drawn before it.
    pub fn chained(&self) -> bool {
        self.chain.is_some()
    }

    /// The order in which the streams of a frame are drawn.
    pub fn order(&self) -> [usize; 4] {
        self.order
    }

    /// The token embeddings of a frame, the first slot's own row before any.
    fn embed(&self, frame: Option<&Frame>, x: &mut [f32]) {
        let Some(frame) = frame else {
            x.copy_from_slice(&self.bos);
            return;
        };
        let mut first = 0;
        for (stream, width) in self.token_widths.iter().enumerate() {
            let row = &self.embeddings[stream][frame[stream] as usize * width..][..*width];
            x[first..first + width].copy_from_slice(row);
            first += width;
        }
    }

    /// Room for steps.
    pub fn scratch(&self) -> Scratch {
        Scratch {
            x: Vec::new(),
            normed: Vec::new(),
            active: Vec::new(),
            turned: vec![0.0; self.key_width],
            queries: Vec::new(),
            scores: Vec::new(),
            mixed: vec![0.0; self.gate_width],
            logits: Vec::new(),
        }
    }
}

/// The speaker heard so far, encoded frame by frame without looking ahead.
#[derive(Debug, Clone)]
pub struct Heard {
    caches: Vec<Cache>,
    /// What each decoder layer may attend to.
    memory: Vec<Cache>,
    scratch: Scratch,
}

impl Heard {
    /// Nothing heard yet: position 0 alone.
    pub fn new(plain: &Plain, rotation: &Rotation<f32>) -> Self {
        let mut heard = Self {
            caches: vec![plain.cache(plain.capacity); plain.encoder.len()],
            memory: vec![plain.cache(plain.capacity); plain.layers.len()],
            scratch: plain.scratch(),
        };
        let sink = plain.sink.clone();
        heard.push(plain, &sink, rotation);
        heard
    }

    /// Hears the next frame token (width d).
    pub fn push(&mut self, plain: &Plain, token: &[f32], rotation: &Rotation<f32>) {
        let mut x = token.to_vec();
        for (unit, cache) in plain.encoder.iter().zip(&mut self.caches) {
            unit.step(&mut x, std::iter::once(cache), rotation, &mut self.scratch);
        }
        let mut y = vec![0.0; x.len()];
        plain.encoder_norm.apply(&x, &mut y);
        for ((_, cross), cache) in plain.layers.iter().zip(&mut self.memory) {
            cross.push(&y, cache, rotation);
        }
    }

    /// What each decoder layer may attend to now.
    pub fn memory(&self) -> &[Cache] {
        &self.memory
    }
}

/// The caches of each decoder layer for a stretch of the speaker encoded as a whole: `memory` is `[n + 1, d]`, its
/// row 0 at position `first`.
pub fn stretch(plain: &Plain, memory: &[f32], first: usize, rotation: &Rotation<f32>) -> Vec<Cache> {
    let rows = memory.len() / plain.width;
    plain
        .layers
        .par_iter()
        .map(|(_, cross)| {
            let mut cache = plain.cache(rows + 1).beginning_at(first);
            for rows in memory.chunks(PUSHED * plain.width) {
                cross.push(rows, &mut cache, rotation);
            }
            cache
        })
        .collect()
}

/// One reaction in the making.
#[derive(Debug, Clone)]
pub struct Reaction {
    caches: Vec<Cache>,
    latent: Vec<f32>,
    position: usize,
    /// The row that chained heads read and add to; empty where heads are independent.
    hidden: Vec<f32>,
    /// Logits of the next frame after [`Reaction::step`]; where heads are chained, those of a stream after
    /// [`Reaction::tell`] of all streams before it.
    pub logits: [Vec<f32>; 4],
}

impl Reaction {
    /// A reaction with the given e_z, before its first frame.
    pub fn new(plain: &Plain, latent: Vec<f32>) -> Self {
        Self {
            caches: vec![plain.cache(plain.capacity); plain.layers.len()],
            latent,
            position: 0,
            hidden: Vec::new(),
            logits: std::array::from_fn(|stream| vec![0.0; plain.heads[stream].1.bias.len()]),
        }
    }

    /// Goes on with another e_z; what was made stays.
    pub fn turn(&mut self, latent: Vec<f32>) {
        self.latent = latent;
    }

    /// Takes in the frame each of them just made (`None` before the first) and computes the logits of the next ones, all
    /// at the same position. `memory` is what each layer may see of the speaker.
    pub fn step(
        plain: &Plain,
        reactions: &mut [&mut Self],
        frames: &[Option<Frame>],
        memory: &[Cache],
        rotation: &Rotation<f32>,
        scratch: &mut Scratch,
    ) {
        let Some(position) = reactions.first().map(|first| first.position) else { return };
        let mut x = std::mem::take(&mut scratch.x);
        x.resize(reactions.len() * plain.width, 0.0);
        for ((x, reaction), frame) in x.chunks_exact_mut(plain.width).zip(reactions.iter()).zip(frames) {
            debug_assert_eq!(reaction.position, position);
            plain.embed(frame.as_ref(), x);
            if plain.latent_place.holds(position) {
                x.iter_mut().zip(&reaction.latent).for_each(|(x, z)| *x += z);
            }
        }
        for (layer, ((own, cross), memory)) in plain.layers.iter().zip(memory).enumerate() {
            let caches = reactions.iter_mut().map(|reaction| &mut reaction.caches[layer]);
            own.step(&mut x, caches, rotation, scratch);
            cross.step(&mut x, position, memory, rotation, scratch);
        }
        let d = plain.width;
        scratch.normed.chunks_exact_mut(d).zip(x.chunks_exact(d)).for_each(|(y, x)| plain.norm.apply(x, y));
        if plain.chain.is_some() {
            for (reaction, row) in reactions.iter_mut().zip(scratch.normed.chunks_exact(d)) {
                reaction.hidden.clear();
                reaction.hidden.extend_from_slice(row);
            }
            Self::read_out(plain, plain.order[0], reactions, scratch);
        } else {
            plain.order.into_iter().for_each(|stream| Self::read_out(plain, stream, reactions, scratch));
        }
        reactions.iter_mut().for_each(|reaction| reaction.position += 1);
        scratch.x = x;
    }

    /// Tells the heads that come after place `place` of the order which id each reaction drew there, and computes the
    /// logits of the next stream. Where heads are independent there is nothing to tell.
    pub fn tell(
        plain: &Plain,
        place: usize,
        reactions: &mut [&mut Self],
        ids: &[u32],
        scratch: &mut Scratch,
    ) {
        let Some(map) = plain.chain.as_ref().and_then(|chain| chain.get(place)) else { return };
        let (stream, d) = (plain.order[place], plain.width);
        let width = plain.token_widths[stream];
        scratch.active.clear();
        for id in ids {
            scratch.active.extend_from_slice(&plain.embeddings[stream][*id as usize * width..][..width]);
        }
        scratch.normed.resize(reactions.len() * d, 0.0);
        map.apply(&scratch.active, width, &mut scratch.normed);
        for (reaction, row) in reactions.iter_mut().zip(scratch.normed.chunks_exact_mut(d)) {
            reaction.hidden.iter_mut().zip(row.iter_mut()).for_each(|(h, said)| {
                *h += *said;
                *said = *h;
            });
        }
        Self::read_out(plain, plain.order[place + 1], reactions, scratch);
    }

    /// Logits of a stream from the rows in `scratch.normed`.
    fn read_out(plain: &Plain, stream: usize, reactions: &mut [&mut Self], scratch: &mut Scratch) {
        let (inner, outer) = &plain.heads[stream];
        let (middle, size) = (inner.bias.len(), outer.bias.len());
        scratch.active.resize(reactions.len() * middle, 0.0);
        inner.apply(&scratch.normed, plain.width, &mut scratch.active);
        scratch.logits.resize(reactions.len() * size, 0.0);
        outer.apply(&scratch.active, middle, &mut scratch.logits);
        for (reaction, logits) in reactions.iter_mut().zip(scratch.logits.chunks_exact(size)) {
            reaction.logits[stream].copy_from_slice(logits);
        }
    }

    /// Keys and values of a layer's own rows.
    pub fn cache(&self, layer: usize) -> &Cache {
        &self.caches[layer]
    }
}
