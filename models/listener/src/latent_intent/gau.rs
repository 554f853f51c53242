//! Gated attention units: one head, a gate, and a residual; the self unit and the cross unit of the decoder.
//!
//! With `x` of `[rows, d]`, gate width E and key width s (paper, section II-B):
//!
//! ```text
//! [u | v | b] = silu(norm(x) W + c)      q = rope(g_q * b + o_q)      k = rope(g_k * b + o_k)
//! A = softmax(l_i q k^T / sqrt(s))       y = x + (u * (A v)) W_o + c_o
//! ```
//!
//! The cross unit takes u and the query base from the listener, v and the key base from the speaker. `l_i` is
//! max(1, ln n_i / ln n0) with n_i the number of keys row i sees: a cache that grows is a changing length. n_i is
//! counted per row, otherwise step by step and all at once would differ.

use std::borrow::Cow;

use super::blocks::{Linear, Norm, NormTape, Rotation, add, silu, silu_backward};
use super::config::{Attention, Config};
use super::dropout::drop_values;
use super::parameters::{Layout, Slot, Start};
use crate::real::{Real, View, product};

/// Which keys a row sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mask {
    /// Row i sees keys 0..=i only.
    pub causal: bool,
    /// Keys from here on are padding, invisible to all.
    pub keys: usize,
}

impl Mask {
    /// Number of keys row `row` sees.
    pub fn visible(self, row: usize) -> usize {
        if self.causal { self.keys.min(row + 1) } else { self.keys }
    }
}

/// Attention of one unit, without its projections.
#[derive(Debug, Clone, Copy)]
pub struct Attend {
    kind: Attention,
    key_width: usize,
    gate_width: usize,
    log_training_frames: f64,
}

impl Attend {
    fn new(config: &Config) -> Self {
        Self {
            kind: config.attention,
            key_width: config.key_width,
            gate_width: config.gate_width(),
            log_training_frames: (config.training_frames.max(2) as f64).ln(),
        }
    }

    /// Factor on q.k of a row that sees `visible` keys.
    pub fn score_scale(&self, visible: usize) -> f64 {
        let root = 1.0 / (self.key_width as f64).sqrt();
        match self.kind {
            Attention::Softmax => root * ((visible as f64).ln() / self.log_training_frames).max(1.0),
            Attention::Relu2 => root,
        }
    }

    /// Turns the products q.k a row sees into its attention weights, in place.
    pub fn weigh<T: Real>(&self, scores: &mut [T]) {
        let scale = T::of(self.score_scale(scores.len()));
        match self.kind {
            Attention::Softmax => {
                let mut top = scores.first().copied().unwrap_or(T::ZERO);
                for score in scores.iter() {
                    top = top.larger(*score);
                }
                let mut total = T::ZERO;
                for score in scores.iter_mut() {
                    *score = ((*score - top) * scale).exp();
                }
                for score in scores.iter() {
                    total += *score;
                }
                let share = T::ONE / total;
                scores.iter_mut().for_each(|score| *score = *score * share);
            }
            Attention::Relu2 => {
                let share = T::of(1.0 / scores.len() as f64);
                for score in scores.iter_mut() {
                    let positive = (*score * scale).larger(T::ZERO);
                    *score = positive * positive * share;
                }
            }
        }
    }

    /// Attention weights `[rows, keys]` (0 where nothing is visible); q and k are dense.
    pub fn weights<T: Real>(&self, q: &[T], k: &[T], mask: Mask) -> Vec<T> {
        let (rows, keys) = (q.len() / self.key_width, k.len() / self.key_width);
        let mut weights = vec![T::ZERO; rows * keys];
        product(
            &mut weights,
            keys,
            View::dense(q, rows, self.key_width),
            View::dense(k, keys, self.key_width).transposed(),
            T::ONE,
            false,
        );
        for (row, weights) in weights.chunks_exact_mut(keys).enumerate() {
            let (seen, hidden) = weights.split_at_mut(mask.visible(row).min(keys));
            self.weigh(seen);
            hidden.fill(T::ZERO);
        }
        weights
    }

    /// Turns the gradient of the weights into the gradient of q.k, in place. `q` and `k` are needed by relu^2 only.
    fn weights_backward<T: Real>(&self, weights: &[T], gradient: &mut [T], keys: usize, mask: Mask) {
        for (row, (weights, gradient)) in
            weights.chunks_exact(keys).zip(gradient.chunks_exact_mut(keys)).enumerate()
        {
            let visible = mask.visible(row).min(keys);
            let scale = T::of(self.score_scale(visible));
            match self.kind {
                Attention::Softmax => {
                    let mut along = T::ZERO;
                    for j in 0..visible {
                        along += weights[j] * gradient[j];
                    }
                    for j in 0..visible {
                        gradient[j] = weights[j] * (gradient[j] - along) * scale;
                    }
                }
                Attention::Relu2 => {
                    // a = p^2 / n with p = scale * q.k, so da/d(q.k) = 2 p scale / n and p = sqrt(a n)
                    let n = visible as f64;
                    for j in 0..visible {
                        gradient[j] = gradient[j] * T::of(2.0 / n) * (weights[j] * T::of(n)).sqrt() * scale;
                    }
                }
            }
            gradient[visible..].fill(T::ZERO);
        }
    }

    /// `weights * v`, dense; rows of v are `stride` apart, starting at `offset`.
    fn mix<T: Real>(&self, weights: &[T], v: &[T], stride: usize, keys: usize) -> Vec<T> {
        let rows = weights.len() / keys;
        let mut mixed = vec![T::ZERO; rows * self.gate_width];
        product(
            &mut mixed,
            self.gate_width,
            View::dense(weights, rows, keys),
            View::strided(v, keys, self.gate_width, stride),
            T::ONE,
            false,
        );
        mixed
    }
}

/// Gains and offsets that make queries (row 0) and keys (row 1) of the shared base.
#[derive(Debug, Clone, Copy)]
pub struct OffsetScale {
    gamma: Slot,
    beta: Slot,
    width: usize,
}

impl OffsetScale {
    fn new(layout: &mut Layout, name: &str, width: usize) -> Self {
        Self {
            gamma: layout.add(format!("{name}.qk.gamma"), &[2, width], Start::Constant(1.0)),
            beta: layout.add(format!("{name}.qk.beta"), &[2, width], Start::Constant(0.0)),
            width,
        }
    }

    /// Gain and offset of `which`: 0 = queries, 1 = keys.
    pub fn of<'a, T>(&self, values: &'a [T], which: usize) -> (&'a [T], &'a [T]) {
        let range = which * self.width..(which + 1) * self.width;
        (&self.gamma.of(values)[range.clone()], &self.beta.of(values)[range])
    }

    /// Rotated queries or keys of base rows `stride` apart.
    fn forward<T: Real>(
        &self,
        values: &[T],
        which: usize,
        base: &[T],
        stride: usize,
        rows: usize,
        rotation: &Rotation<T>,
    ) -> Vec<T> {
        let (gamma, beta) = self.of(values, which);
        let mut out = vec![T::ZERO; rows * self.width];
        for (row, out) in out.chunks_exact_mut(self.width).enumerate() {
            let base = &base[row * stride..][..self.width];
            for i in 0..self.width {
                out[i] = base[i] * gamma[i] + beta[i];
            }
            rotation.turn(out, row);
        }
        out
    }

    /// Adds the gradient of the base rows into `dbase` (rows `stride` apart); consumes the gradient of the result.
    fn backward<T: Real>(
        &self,
        values: &[T],
        which: usize,
        base: &[T],
        dbase: &mut [T],
        stride: usize,
        mut gradient: Vec<T>,
        rotation: &Rotation<T>,
        gradients: &mut [T],
    ) {
        let (gamma, _) = self.of(values, which);
        let (mut dgamma, mut dbeta) = (vec![T::ZERO; self.width], vec![T::ZERO; self.width]);
        for (row, gradient) in gradient.chunks_exact_mut(self.width).enumerate() {
            rotation.turn_back(gradient, row);
            let base = &base[row * stride..][..self.width];
            let dbase = &mut dbase[row * stride..][..self.width];
            for i in 0..self.width {
                dgamma[i] += gradient[i] * base[i];
                dbeta[i] += gradient[i];
                dbase[i] += gradient[i] * gamma[i];
            }
        }
        let range = which * self.width..(which + 1) * self.width;
        add(&mut self.gamma.of_mut(gradients)[range.clone()], &dgamma);
        add(&mut self.beta.of_mut(gradients)[range], &dbeta);
    }
}

/// A unit that attends to its own rows.
#[derive(Debug, Clone, Copy)]
pub struct SelfUnit {
    /// Pre-norm.
    pub norm: Norm,
    /// Rows u, v, base.
    pub uvz: Linear,
    /// Back to the model width.
    pub out: Linear,
    /// Queries and keys.
    pub qk: OffsetScale,
    /// Attention.
    pub attend: Attend,
}

/// What the backward pass of a self unit needs, and what the tests look at.
#[derive(Debug)]
pub struct SelfTape<T> {
    norm: NormTape<T>,
    normed: Vec<T>,
    before: Vec<T>,
    /// `[rows, u | v | base]` after the nonlinearity.
    pub active: Vec<T>,
    /// Rotated queries.
    pub q: Vec<T>,
    /// Rotated keys.
    pub k: Vec<T>,
    /// Attention weights.
    pub weights: Vec<T>,
    mixed: Vec<T>,
    gated: Vec<T>,
    mask: Mask,
    dropped: Option<Vec<T>>,
}

impl SelfUnit {
    /// A unit; `scale` shrinks the first residual branch of deep stacks.
    pub fn new(layout: &mut Layout, name: &str, config: &Config, scale: f64) -> Self {
        let (d, e, s) = (config.width, config.gate_width(), config.key_width);
        Self {
            norm: Norm::new(layout, &format!("{name}.norm"), d),
            uvz: Linear::new(layout, &format!("{name}.uvz"), d, 2 * e + s, 1.0),
            out: Linear::new(layout, &format!("{name}.out"), e, d, scale),
            qk: OffsetScale::new(layout, name, s),
            attend: Attend::new(config),
        }
    }

    /// y of dense rows x.
    pub fn forward<T: Real>(
        &self,
        values: &[T],
        x: &[T],
        mask: Mask,
        rotation: &Rotation<T>,
    ) -> (Vec<T>, SelfTape<T>) {
        self.forward_with(values, x, mask, rotation, None)
    }

    /// As `forward`; the branch is multiplied by `dropped` before it joins x.
    pub fn forward_with<T: Real>(
        &self,
        values: &[T],
        x: &[T],
        mask: Mask,
        rotation: &Rotation<T>,
        dropped: Option<Vec<T>>,
    ) -> (Vec<T>, SelfTape<T>) {
        let e = self.attend.gate_width;
        let rows = x.len() / self.norm.width;
        let stride = self.uvz.outputs;
        let (normed, norm) = self.norm.forward(values, x);
        let before = self.uvz.forward(values, &normed);
        let active = silu(&before);
        let q = self.qk.forward(values, 0, &active[2 * e..], stride, rows, rotation);
        let k = self.qk.forward(values, 1, &active[2 * e..], stride, rows, rotation);
        let weights = self.attend.weights(&q, &k, mask);
        let mixed = self.attend.mix(&weights, &active[e..], stride, rows);
        let gated = gate(&active, stride, &mixed, e);
        let mut y = self.out.forward(values, &gated);
        drop_values(&mut y, dropped.as_deref());
        add(&mut y, x);
        (y, SelfTape { norm, normed, before, active, q, k, weights, mixed, gated, mask, dropped })
    }

    /// Gradient of x.
    pub fn backward<T: Real>(
        &self,
        values: &[T],
        tape: &SelfTape<T>,
        dy: &[T],
        rotation: &Rotation<T>,
        gradients: &mut [T],
    ) -> Vec<T> {
        let (e, s) = (self.attend.gate_width, self.attend.key_width);
        let rows = dy.len() / self.norm.width;
        let stride = self.uvz.outputs;
        let dbranch = branch(dy, tape.dropped.as_deref());
        let dgated = self.out.backward(values, &tape.gated, &dbranch, gradients);
        let mut dactive = vec![T::ZERO; tape.active.len()];
        let dmixed = gate_backward(&tape.active, &mut dactive, stride, &tape.mixed, dgated, e);
        let dmixed = View::dense(&dmixed, rows, e);
        let mut dscores = vec![T::ZERO; tape.weights.len()];
        product(
            &mut dscores,
            rows,
            dmixed,
            View::strided(&tape.active[e..], rows, e, stride).transposed(),
            T::ONE,
            false,
        );
        product(
            &mut dactive[e..],
            stride,
            View::dense(&tape.weights, rows, rows).transposed(),
            dmixed,
            T::ONE,
            false,
        );
        self.attend.weights_backward(&tape.weights, &mut dscores, rows, tape.mask);
        let dscores = View::dense(&dscores, rows, rows);
        let (mut dq, mut dk) = (vec![T::ZERO; rows * s], vec![T::ZERO; rows * s]);
        product(&mut dq, s, dscores, View::dense(&tape.k, rows, s), T::ONE, false);
        product(&mut dk, s, dscores.transposed(), View::dense(&tape.q, rows, s), T::ONE, false);
        let base = &tape.active[2 * e..];
        self.qk.backward(values, 0, base, &mut dactive[2 * e..], stride, dq, rotation, gradients);
        self.qk.backward(values, 1, base, &mut dactive[2 * e..], stride, dk, rotation, gradients);
        silu_backward(&tape.before, &mut dactive);
        let dnormed = self.uvz.backward(values, &tape.normed, &dactive, gradients);
        let mut dx = self.norm.backward(values, &tape.norm, &dnormed, gradients);
        add(&mut dx, dy);
        dx
    }
}

/// A unit whose values and keys come from another sequence on the same grid of positions.
#[derive(Debug, Clone, Copy)]
pub struct CrossUnit {
    /// Pre-norm of the listener rows; the speaker rows come normalised.
    pub norm: Norm,
    /// Rows u, query base.
    pub uq: Linear,
    /// Rows v, key base.
    pub vk: Linear,
    /// Back to the model width.
    pub out: Linear,
    /// Queries and keys.
    pub qk: OffsetScale,
    /// Attention.
    pub attend: Attend,
}

/// What the backward pass of a cross unit needs.
#[derive(Debug)]
pub struct CrossTape<T> {
    norm: NormTape<T>,
    normed: Vec<T>,
    before_listener: Vec<T>,
    listener: Vec<T>,
    before_speaker: Vec<T>,
    speaker: Vec<T>,
    q: Vec<T>,
    k: Vec<T>,
    weights: Vec<T>,
    mixed: Vec<T>,
    gated: Vec<T>,
    mask: Mask,
    dropped: Option<Vec<T>>,
}

impl CrossUnit {
    /// A unit; `scale` shrinks the first residual branch of deep stacks.
    pub fn new(layout: &mut Layout, name: &str, config: &Config, scale: f64) -> Self {
        let (d, e, s) = (config.width, config.gate_width(), config.key_width);
        Self {
            norm: Norm::new(layout, &format!("{name}.norm"), d),
            uq: Linear::new(layout, &format!("{name}.uq"), d, e + s, 1.0),
            vk: Linear::new(layout, &format!("{name}.vk"), d, e + s, 1.0),
            out: Linear::new(layout, &format!("{name}.out"), e, d, scale),
            qk: OffsetScale::new(layout, name, s),
            attend: Attend::new(config),
        }
    }

    /// y of listener rows x given speaker rows `memory`.
    pub fn forward<T: Real>(
        &self,
        values: &[T],
        x: &[T],
        memory: &[T],
        mask: Mask,
        rotation: &Rotation<T>,
    ) -> (Vec<T>, CrossTape<T>) {
        self.forward_with(values, x, memory, mask, rotation, None)
    }

    /// As `forward`; the branch is multiplied by `dropped` before it joins x.
    pub fn forward_with<T: Real>(
        &self,
        values: &[T],
        x: &[T],
        memory: &[T],
        mask: Mask,
        rotation: &Rotation<T>,
        dropped: Option<Vec<T>>,
    ) -> (Vec<T>, CrossTape<T>) {
        let e = self.attend.gate_width;
        let (rows, keys) = (x.len() / self.norm.width, memory.len() / self.norm.width);
        let stride = self.uq.outputs;
        let (normed, norm) = self.norm.forward(values, x);
        let before_listener = self.uq.forward(values, &normed);
        let listener = silu(&before_listener);
        let before_speaker = self.vk.forward(values, memory);
        let speaker = silu(&before_speaker);
        let q = self.qk.forward(values, 0, &listener[e..], stride, rows, rotation);
        let k = self.qk.forward(values, 1, &speaker[e..], stride, keys, rotation);
        let weights = self.attend.weights(&q, &k, mask);
        let mixed = self.attend.mix(&weights, &speaker, stride, keys);
        let gated = gate(&listener, stride, &mixed, e);
        let mut y = self.out.forward(values, &gated);
        drop_values(&mut y, dropped.as_deref());
        add(&mut y, x);
        let tape = CrossTape {
            norm,
            normed,
            before_listener,
            listener,
            before_speaker,
            speaker,
            q,
            k,
            weights,
            mixed,
            gated,
            mask,
            dropped,
        };
        (y, tape)
    }

    /// Gradient of x; the gradient of `memory` is added into `dmemory`.
    pub fn backward<T: Real>(
        &self,
        values: &[T],
        tape: &CrossTape<T>,
        memory: &[T],
        dy: &[T],
        dmemory: &mut [T],
        rotation: &Rotation<T>,
        gradients: &mut [T],
    ) -> Vec<T> {
        let (e, s) = (self.attend.gate_width, self.attend.key_width);
        let (rows, keys) = (dy.len() / self.norm.width, memory.len() / self.norm.width);
        let stride = self.uq.outputs;
        let dbranch = branch(dy, tape.dropped.as_deref());
        let dgated = self.out.backward(values, &tape.gated, &dbranch, gradients);
        let mut dlistener = vec![T::ZERO; tape.listener.len()];
        let mut dspeaker = vec![T::ZERO; tape.speaker.len()];
        let dmixed = gate_backward(&tape.listener, &mut dlistener, stride, &tape.mixed, dgated, e);
        let dmixed = View::dense(&dmixed, rows, e);
        let mut dscores = vec![T::ZERO; tape.weights.len()];
        product(
            &mut dscores,
            keys,
            dmixed,
            View::strided(&tape.speaker, keys, e, stride).transposed(),
            T::ONE,
            false,
        );
        product(
            &mut dspeaker,
            stride,
            View::dense(&tape.weights, rows, keys).transposed(),
            dmixed,
            T::ONE,
            false,
        );
        self.attend.weights_backward(&tape.weights, &mut dscores, keys, tape.mask);
        let dscores = View::dense(&dscores, rows, keys);
        let (mut dq, mut dk) = (vec![T::ZERO; rows * s], vec![T::ZERO; keys * s]);
        product(&mut dq, s, dscores, View::dense(&tape.k, keys, s), T::ONE, false);
        product(&mut dk, s, dscores.transposed(), View::dense(&tape.q, rows, s), T::ONE, false);
        self.qk.backward(
            values,
            0,
            &tape.listener[e..],
            &mut dlistener[e..],
            stride,
            dq,
            rotation,
            gradients,
        );
        self.qk.backward(values, 1, &tape.speaker[e..], &mut dspeaker[e..], stride, dk, rotation, gradients);
        silu_backward(&tape.before_listener, &mut dlistener);
        silu_backward(&tape.before_speaker, &mut dspeaker);
        add(dmemory, &self.vk.backward(values, memory, &dspeaker, gradients));
        let dnormed = self.uq.backward(values, &tape.normed, &dlistener, gradients);
        let mut dx = self.norm.backward(values, &tape.norm, &dnormed, gradients);
        add(&mut dx, dy);
        dx
    }
}

/// The gradient of a branch behind its dropout.
fn branch<'a, T: Real>(dy: &'a [T], dropped: Option<&[T]>) -> Cow<'a, [T]> {
    let Some(dropped) = dropped else { return Cow::Borrowed(dy) };
    let mut branch = dy.to_vec();
    drop_values(&mut branch, Some(dropped));
    Cow::Owned(branch)
}

/// u * mixed, where u is the first `e` columns of rows `stride` apart.
fn gate<T: Real>(active: &[T], stride: usize, mixed: &[T], e: usize) -> Vec<T> {
    let mut gated = vec![T::ZERO; mixed.len()];
    for (row, (gated, mixed)) in gated.chunks_exact_mut(e).zip(mixed.chunks_exact(e)).enumerate() {
        for ((g, m), u) in gated.iter_mut().zip(mixed).zip(&active[row * stride..]) {
            *g = *u * *m;
        }
    }
    gated
}

/// Writes the gradient of u into `dactive`, returns the gradient of `mixed`.
fn gate_backward<T: Real>(
    active: &[T],
    dactive: &mut [T],
    stride: usize,
    mixed: &[T],
    mut dgated: Vec<T>,
    e: usize,
) -> Vec<T> {
    for (row, (dgated, mixed)) in dgated.chunks_exact_mut(e).zip(mixed.chunks_exact(e)).enumerate() {
        let u = &active[row * stride..][..e];
        let du = &mut dactive[row * stride..][..e];
        for i in 0..e {
            du[i] = dgated[i] * mixed[i];
            dgated[i] = dgated[i] * u[i];
        }
    }
    dgated
}
