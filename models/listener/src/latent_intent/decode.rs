//! Decoding step by step: plain loops over slices, one reaction at a time, with caches of bounded size.
//!
//! A step costs little more than its multiplications: weights are copied out transposed, so that a row times a
//! matrix is a sum of scaled rows, which vectorises and adds in the same order for every batch. A reaction therefore
//! does not depend, not in one bit, on which other reactions are made.
//!
//! Up to the training length n0 the result is that of the full pass. Beyond it every row sees as many keys as in
//! training: a ring of the last n0 - 1 rows and position 0, which sits right before the oldest row of the ring.

use super::blocks::{EPSILON, Linear, Norm, Rotation};
use super::config::LatentPlace;
use super::decoder::Frame;
use super::gau::{Attend, CrossUnit, OffsetScale, SelfUnit};
use super::network::Network;
use crate::real::exp;

/// A linear map with its weights transposed to `[inputs, outputs]`.
#[derive(Debug, Clone)]
struct Map {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Map {
    fn new(values: &[f32], linear: &Linear) -> Self {
        Self::transpose(linear.weight.of(values), linear.bias.of(values))
    }

    fn transpose(weight: &[f32], bias: &[f32]) -> Self {
        let (outputs, inputs) = (bias.len(), weight.len() / bias.len());
        let mut turned = vec![0.0; weight.len()];
        for row in 0..outputs {
            for column in 0..inputs {
                turned[column * outputs + row] = weight[row * inputs + column];
            }
        }
        Self { weight: turned, bias: bias.to_vec() }
    }

    fn apply(&self, x: &[f32], y: &mut [f32]) {
        y.copy_from_slice(&self.bias);
        self.add_to(x, y);
    }

    fn add_to(&self, x: &[f32], y: &mut [f32]) {
        let outputs = self.bias.len();
        let (fours, rest) = x.as_chunks::<4>();
        let (blocks, tail) = self.weight.split_at(fours.len() * 4 * outputs);
        for (x, rows) in fours.iter().zip(blocks.chunks_exact(4 * outputs)) {
            let (a, others) = rows.split_at(outputs);
            let (b, others) = others.split_at(outputs);
            let (c, d) = others.split_at(outputs);
            for ((((y, a), b), c), d) in y.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *y += (x[0] * a + x[1] * b) + (x[2] * c + x[3] * d);
            }
        }
        for (x, row) in rest.iter().zip(tail.chunks_exact(outputs)) {
            for (y, w) in y.iter_mut().zip(row) {
                *y += x * w;
            }
        }
    }
}

#[derive(Debug, Clone)]
struct Gain {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Gain {
    fn new(values: &[f32], norm: &Norm) -> Self {
        Self { weight: norm.weight.of(values).to_vec(), bias: norm.bias.of(values).to_vec() }
    }

    fn apply(&self, x: &[f32], y: &mut [f32]) {
        let share = 1.0 / x.len() as f32;
        let mean = x.iter().sum::<f32>() * share;
        let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() * share;
        let scale = 1.0 / (variance + EPSILON as f32).sqrt();
        for (((y, x), weight), bias) in y.iter_mut().zip(x).zip(&self.weight).zip(&self.bias) {
            *y = (x - mean) * scale * weight + bias;
        }
    }
}

#[derive(Debug, Clone)]
struct Turn {
    gamma: Vec<f32>,
    beta: Vec<f32>,
}

impl Turn {
    fn new(values: &[f32], qk: &OffsetScale, which: usize) -> Self {
        let (gamma, beta) = qk.of(values, which);
        Self { gamma: gamma.to_vec(), beta: beta.to_vec() }
    }

    fn apply(&self, base: &[f32], out: &mut [f32]) {
        for (((out, base), gamma), beta) in out.iter_mut().zip(base).zip(&self.gamma).zip(&self.beta) {
            *out = base * gamma + beta;
        }
    }
}

fn silu(values: &mut [f32]) {
    values.iter_mut().for_each(|x| *x /= 1.0 + exp(-*x));
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a8, a_rest), (b8, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0f32; 8];
    for (a, b) in a8.iter().zip(b8) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7])) + rest
}

/// Keys (rotated) and values of the rows a new row may see.
#[derive(Debug, Clone)]
pub struct Cache {
    /// Rows kept, position 0 among them.
    capacity: usize,
    /// Rows seen so far.
    count: usize,
    keys: Vec<f32>,
    values: Vec<f32>,
    /// Key of position 0 before rotation; it is moved along once the ring turns.
    sink: Vec<f32>,
}

impl Cache {
    fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(2), count: 0, keys: Vec::new(), values: Vec::new(), sink: Vec::new() }
    }

    /// Adds the row of the next position; `key` is not yet rotated.
    fn push(&mut self, key: &[f32], value: &[f32], rotation: &Rotation<f32>) {
        let (s, e, position) = (key.len(), value.len(), self.count);
        if position == 0 {
            self.sink = key.to_vec();
        }
        let slot = if position < self.capacity { position } else { 1 + (position - 1) % (self.capacity - 1) };
        if slot * s == self.keys.len() {
            self.keys.extend_from_slice(key);
            self.values.extend_from_slice(value);
        } else {
            self.keys[slot * s..][..s].copy_from_slice(key);
            self.values[slot * e..][..e].copy_from_slice(value);
        }
        rotation.turn(&mut self.keys[slot * s..][..s], position);
        if position >= self.capacity {
            self.keys[..s].copy_from_slice(&self.sink);
            rotation.turn(&mut self.keys[..s], position + 1 - self.capacity);
        }
        self.count += 1;
    }

    /// Rotated keys `[rows, s]` and values `[rows, E]` kept now.
    pub fn rows(&self) -> (&[f32], &[f32]) {
        (&self.keys, &self.values)
    }
}

/// Attention of one query over rows of keys and values.
fn attend(
    attend: &Attend,
    q: &[f32],
    keys: &[f32],
    values: &[f32],
    scores: &mut Vec<f32>,
    mixed: &mut [f32],
) {
    scores.clear();
    scores.extend(keys.chunks_exact(q.len()).map(|key| dot(q, key)));
    attend.weigh(scores);
    mixed.fill(0.0);
    let e = mixed.len();
    for (weights, rows) in scores.chunks(4).zip(values.chunks(4 * e)) {
        if let ([w0, w1, w2, w3], [..]) = (weights, rows) {
            let (a, others) = rows.split_at(e);
            let (b, others) = others.split_at(e);
            let (c, d) = others.split_at(e);
            for ((((m, a), b), c), d) in mixed.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *m += (w0 * a + w1 * b) + (w2 * c + w3 * d);
            }
        } else {
            for (weight, row) in weights.iter().zip(rows.chunks_exact(e)) {
                for (m, v) in mixed.iter_mut().zip(row) {
                    *m += weight * v;
                }
            }
        }
    }
}

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
    fn new(values: &[f32], unit: &SelfUnit) -> Self {
        Self {
            norm: Gain::new(values, &unit.norm),
            uvz: Map::new(values, &unit.uvz),
            out: Map::new(values, &unit.out),
            query: Turn::new(values, &unit.qk, 0),
            key: Turn::new(values, &unit.qk, 1),
            attend: unit.attend,
        }
    }

    /// Replaces row x (the next position of `cache`) by the unit's result.
    fn step(&self, x: &mut [f32], cache: &mut Cache, rotation: &Rotation<f32>, scratch: &mut Scratch) {
        let (e, position) = (scratch.mixed.len(), cache.count);
        self.norm.apply(x, &mut scratch.normed);
        self.uvz.apply(&scratch.normed, &mut scratch.active);
        silu(&mut scratch.active);
        let (gate, others) = scratch.active.split_at_mut(e);
        let (value, base) = others.split_at(e);
        self.key.apply(base, &mut scratch.turned);
        cache.push(&scratch.turned, value, rotation);
        self.query.apply(base, &mut scratch.turned);
        rotation.turn(&mut scratch.turned, position);
        attend(
            &self.attend,
            &scratch.turned,
            &cache.keys,
            &cache.values,
            &mut scratch.scores,
            &mut scratch.mixed,
        );
        gate.iter_mut().zip(&scratch.mixed).for_each(|(gate, mixed)| *gate *= mixed);
        for (x, bias) in x.iter_mut().zip(&self.out.bias) {
            *x += bias;
        }
        self.out.add_to(gate, x);
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
    fn new(values: &[f32], unit: &CrossUnit) -> Self {
        Self {
            norm: Gain::new(values, &unit.norm),
            uq: Map::new(values, &unit.uq),
            vk: Map::new(values, &unit.vk),
            out: Map::new(values, &unit.out),
            query: Turn::new(values, &unit.qk, 0),
            key: Turn::new(values, &unit.qk, 1),
            attend: unit.attend,
        }
    }

    /// Adds a speaker row to what listeners may see.
    fn push(&self, row: &[f32], cache: &mut Cache, rotation: &Rotation<f32>) {
        let (e, s) = (self.out.weight.len() / self.out.bias.len(), self.query.gamma.len());
        let mut active = vec![0.0; e + s];
        self.vk.apply(row, &mut active);
        silu(&mut active);
        let mut key = vec![0.0; s];
        self.key.apply(&active[e..], &mut key);
        cache.push(&key, &active[..e], rotation);
    }

    /// Replaces listener row x at `position` by the unit's result.
    fn step(
        &self,
        x: &mut [f32],
        position: usize,
        cache: &Cache,
        rotation: &Rotation<f32>,
        scratch: &mut Scratch,
    ) {
        let (e, s) = (scratch.mixed.len(), scratch.turned.len());
        self.norm.apply(x, &mut scratch.normed);
        let active = &mut scratch.active[..e + s];
        self.uq.apply(&scratch.normed, active);
        silu(active);
        let (gate, base) = active.split_at_mut(e);
        self.query.apply(base, &mut scratch.turned);
        rotation.turn(&mut scratch.turned, position);
        attend(
            &self.attend,
            &scratch.turned,
            &cache.keys,
            &cache.values,
            &mut scratch.scores,
            &mut scratch.mixed,
        );
        gate.iter_mut().zip(&scratch.mixed).for_each(|(gate, mixed)| *gate *= mixed);
        for (x, bias) in x.iter_mut().zip(&self.out.bias) {
            *x += bias;
        }
        self.out.add_to(gate, x);
    }
}

#[derive(Debug, Clone)]
struct Scratch {
    x: Vec<f32>,
    normed: Vec<f32>,
    active: Vec<f32>,
    turned: Vec<f32>,
    scores: Vec<f32>,
    mixed: Vec<f32>,
}

/// The network's weights laid out for stepping.
#[derive(Debug, Clone)]
pub struct Plain {
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
    embeddings: [Vec<f32>; 4],
    token_widths: [usize; 4],
    latent_place: LatentPlace,
}

impl Plain {
    /// Copies the weights out of `values`.
    pub fn new(network: &Network, values: &[f32]) -> Self {
        let config = &network.config;
        Self {
            width: config.width,
            key_width: config.key_width,
            gate_width: config.gate_width(),
            capacity: config.training_frames,
            encoder: network.encoder.units.iter().map(|unit| SelfPlain::new(values, unit)).collect(),
            encoder_norm: Gain::new(values, &network.encoder.norm),
            sink: network.encoder.sink.of(values).to_vec(),
            layers: network
                .decoder
                .layers
                .iter()
                .map(|(own, cross)| (SelfPlain::new(values, own), CrossPlain::new(values, cross)))
                .collect(),
            norm: Gain::new(values, &network.decoder.norm),
            bos: network.decoder.bos.of(values).to_vec(),
            heads: std::array::from_fn(|stream| {
                let table = network.decoder.embeddings[stream].of(values);
                (
                    Map::new(values, &network.heads.maps[stream]),
                    Map::transpose(table, network.heads.biases[stream].of(values)),
                )
            }),
            embeddings: std::array::from_fn(|stream| network.decoder.embeddings[stream].of(values).to_vec()),
            token_widths: config.token_widths,
            latent_place: config.latent_place,
        }
    }

    fn scratch(&self) -> Scratch {
        Scratch {
            x: vec![0.0; self.width],
            normed: vec![0.0; self.width],
            active: vec![0.0; 2 * self.gate_width + self.key_width],
            turned: vec![0.0; self.key_width],
            scores: Vec::new(),
            mixed: vec![0.0; self.gate_width],
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
            caches: vec![Cache::new(plain.capacity); plain.encoder.len()],
            memory: vec![Cache::new(plain.capacity); plain.layers.len()],
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
            unit.step(&mut x, cache, rotation, &mut self.scratch);
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
        .iter()
        .map(|(_, cross)| {
            let mut cache = Cache::new(rows + 1);
            for row in memory.chunks_exact(plain.width) {
                cross.push(row, &mut cache, rotation);
            }
            // Positions count within the stretch; only distances to the listener's rows matter.
            let s = plain.key_width;
            if first > 0 {
                for (row, key) in cache.keys.chunks_exact_mut(s).enumerate() {
                    rotation.turn_back(key, row);
                    rotation.turn(key, first + row);
                }
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
    scratch: Scratch,
    /// Logits of the next frame after [`Reaction::step`].
    pub logits: [Vec<f32>; 4],
}

impl Reaction {
    /// A reaction with the given e_z, before its first frame.
    pub fn new(plain: &Plain, latent: Vec<f32>) -> Self {
        Self {
            caches: vec![Cache::new(plain.capacity); plain.layers.len()],
            latent,
            position: 0,
            scratch: plain.scratch(),
            logits: std::array::from_fn(|stream| vec![0.0; plain.heads[stream].1.bias.len()]),
        }
    }

    /// Goes on with another e_z; what was made stays.
    pub fn turn(&mut self, latent: Vec<f32>) {
        self.latent = latent;
    }

    /// Takes in the frame just made (`None` before the first) and computes the logits of the next one. `memory` is
    /// what each layer may see of the speaker.
    pub fn step(&mut self, plain: &Plain, frame: Option<&Frame>, memory: &[Cache], rotation: &Rotation<f32>) {
        let mut x = std::mem::take(&mut self.scratch.x);
        match frame {
            None => x.copy_from_slice(&plain.bos),
            Some(frame) => {
                let mut first = 0;
                for (stream, width) in plain.token_widths.iter().enumerate() {
                    let row = &plain.embeddings[stream][frame[stream] as usize * width..][..*width];
                    x[first..first + width].copy_from_slice(row);
                    first += width;
                }
            }
        }
        if plain.latent_place.holds(self.position) {
            x.iter_mut().zip(&self.latent).for_each(|(x, z)| *x += z);
        }
        for (((own, cross), cache), memory) in plain.layers.iter().zip(&mut self.caches).zip(memory) {
            own.step(&mut x, cache, rotation, &mut self.scratch);
            cross.step(&mut x, self.position, memory, rotation, &mut self.scratch);
        }
        plain.norm.apply(&x, &mut self.scratch.normed);
        for (stream, (inner, outer)) in plain.heads.iter().enumerate() {
            let middle = &mut self.scratch.active[..inner.bias.len()];
            inner.apply(&self.scratch.normed, middle);
            outer.apply(middle, &mut self.logits[stream]);
        }
        self.scratch.x = x;
        self.position += 1;
    }

    /// Keys and values of a layer's own rows.
    pub fn cache(&self, layer: usize) -> &Cache {
        &self.caches[layer]
    }
}
