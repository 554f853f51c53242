//! The gated attention units on batches of padded sequences, forward and backward; the twins of
//! `listener::latent_intent::gau`, whose documentation has the formulas.
//!
//! Padding: a key beyond a clip's last frame is invisible to every row of that clip. Rows beyond it compute numbers that
//! nobody reads; their gradients are zero from the losses on, and stay so.

use candle_core::{D, Result, Tensor};
use listener::latent_intent::gau::Attend;
use listener::latent_intent::{Attention, Config};

use crate::blocks::{Linear, Norm, NormTape, Silu, Turn};
use crate::tensors::{Gradients, Key, Math, Names, Values, rows};

/// Which keys the rows of a batch see, and how scores are scaled for that.
#[derive(Debug)]
pub struct Sight {
    /// What is added to scores: 0, or minus infinity where nothing is seen; `None` when all is seen. `[1 or B, N, N]`.
    added: Option<Tensor>,
    /// 1 where something is seen, else 0.
    seen: Option<Tensor>,
    /// Factor on q.k of a row, `[1 or B, N, 1]`.
    scale: Tensor,
    /// 1 over the number of keys a row sees.
    share: Tensor,
}

impl Sight {
    /// Of clips of `lengths` frames on a grid of `positions`.
    pub fn new(
        math: &Math,
        attend: &Attend,
        lengths: &[usize],
        positions: usize,
        causal: bool,
    ) -> Result<Self> {
        let alike = lengths.iter().all(|length| length + 1 == positions);
        let lengths = if alike { &lengths[..1.min(lengths.len())] } else { lengths };
        let visible: Vec<usize> = lengths
            .iter()
            .flat_map(|length| {
                (0..positions).map(move |row| if causal { (length + 1).min(row + 1) } else { length + 1 })
            })
            .collect();
        let shape = [lengths.len(), positions, 1];
        let scale: Vec<f64> = visible.iter().map(|seen| attend.score_scale(*seen)).collect();
        let share: Vec<f64> = visible.iter().map(|seen| 1.0 / *seen as f64).collect();
        let (mut added, mut seen) = (None, None);
        if causal || !alike {
            let marks: Vec<f32> = visible
                .iter()
                .flat_map(|seen| (0..positions).map(move |key| if key < *seen { 1.0 } else { 0.0 }))
                .collect();
            let hidden: Vec<f32> =
                marks.iter().map(|mark| if *mark > 0.0 { 0.0 } else { f32::NEG_INFINITY }).collect();
            let shape = [lengths.len(), positions, positions];
            added = Some(math.tensor(&hidden, &shape)?);
            seen = Some(math.tensor(&marks, &shape)?);
        }
        Ok(Self { added, seen, scale: math.wide(&scale, &shape)?, share: math.wide(&share, &shape)? })
    }
}

/// Attention without its projections.
#[derive(Debug, Clone, Copy)]
struct Weigh(Attention);

/// What the backward pass of the attention needs.
#[derive(Debug)]
struct WeighTape {
    /// Scaled queries.
    q: Tensor,
    k: Tensor,
    weights: Tensor,
    /// Positive scores, with squared ReLU.
    positive: Option<Tensor>,
}

impl Weigh {
    fn forward(self, q: &Tensor, k: Tensor, sight: &Sight) -> Result<WeighTape> {
        let q = q.broadcast_mul(&sight.scale)?;
        // Scores stay wide: rounding them would move attention, and they are a small part of the work.
        let scores = q.matmul(&k.t()?)?;
        let (weights, positive) = match self.0 {
            Attention::Softmax => {
                let scores = match &sight.added {
                    Some(added) => scores.broadcast_add(added)?,
                    None => scores,
                };
                let raised = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
                (raised.broadcast_div(&raised.sum_keepdim(D::Minus1)?)?, None)
            }
            Attention::Relu2 => {
                let mut positive = scores.relu()?;
                if let Some(seen) = &sight.seen {
                    positive = positive.broadcast_mul(seen)?;
                }
                (positive.sqr()?.broadcast_mul(&sight.share)?, Some(positive))
            }
        };
        Ok(WeighTape { q, k, weights, positive })
    }

    /// Gradients of the queries and of the keys.
    fn backward(self, tape: &WeighTape, dweights: &Tensor, sight: &Sight) -> Result<(Tensor, Tensor)> {
        let dscores = match &tape.positive {
            None => {
                let along = (&tape.weights * dweights)?.sum_keepdim(D::Minus1)?;
                (&tape.weights * dweights.broadcast_sub(&along)?)?
            }
            Some(positive) => ((dweights * positive)?.broadcast_mul(&sight.share)? * 2.0)?,
        };
        let dq = dscores.matmul(&tape.k)?.broadcast_mul(&sight.scale)?;
        Ok((dq, dscores.t()?.matmul(&tape.q)?))
    }
}

/// Gains and offsets of queries (row 0) and keys (row 1).
#[derive(Debug, Clone, Copy)]
struct OffsetScale {
    gamma: Key,
    beta: Key,
}

impl OffsetScale {
    fn new(names: &Names<'_>, name: &str) -> Result<Self> {
        Ok(Self {
            gamma: names.find(&format!("{name}.qk.gamma"))?,
            beta: names.find(&format!("{name}.qk.beta"))?,
        })
    }

    fn forward(&self, values: &Values, which: usize, base: &Tensor, turn: &Turn) -> Result<Tensor> {
        let (gamma, beta) = (values.get(self.gamma).get(which)?, values.get(self.beta).get(which)?);
        turn.forward(&base.broadcast_mul(&gamma)?.broadcast_add(&beta)?)
    }

    /// Gradients of both bases, queries first.
    fn backward(
        &self,
        math: &Math,
        values: &Values,
        bases: [&Tensor; 2],
        slopes: [&Tensor; 2],
        turn: &Turn,
        gradients: &mut Gradients,
    ) -> Result<[Tensor; 2]> {
        let (mut dgamma, mut dbeta, mut dbase) = (Vec::new(), Vec::new(), Vec::new());
        for (which, (base, slope)) in bases.into_iter().zip(slopes).enumerate() {
            let slope = turn.backward(slope)?;
            dgamma.push(math.column_sums(&rows(&(&slope * base)?)?)?);
            dbeta.push(math.column_sums(&rows(&slope)?)?);
            dbase.push(slope.broadcast_mul(&values.get(self.gamma).get(which)?)?);
        }
        gradients.add(self.gamma, &Tensor::stack(&dgamma, 0)?)?;
        gradients.add(self.beta, &Tensor::stack(&dbeta, 0)?)?;
        match <[Tensor; 2]>::try_from(dbase) {
            Ok(both) => Ok(both),
            Err(_) => candle_core::bail!("two bases"),
        }
    }
}

/// Values that are dropped on the way: factors, or nothing.
pub type Dropped<'a> = Option<&'a Tensor>;

/// `x * factors`, where there are factors.
pub fn dropped(x: Tensor, factors: Dropped<'_>) -> Result<Tensor> {
    match factors {
        Some(factors) => x * factors,
        None => Ok(x),
    }
}

fn part(x: &Tensor, first: usize, width: usize) -> Result<Tensor> {
    x.narrow(D::Minus1, first, width)?.contiguous()
}

/// A unit that attends to its own rows.
#[derive(Debug, Clone, Copy)]
pub struct SelfUnit {
    norm: Norm,
    uvz: Linear,
    out: Linear,
    qk: OffsetScale,
    weigh: Weigh,
    gate: usize,
    key: usize,
}

/// What the backward pass of a self unit needs.
#[derive(Debug)]
pub struct SelfTape {
    norm: NormTape,
    normed: Tensor,
    silu: Silu,
    u: Tensor,
    v: Tensor,
    base: Tensor,
    weigh: WeighTape,
    mixed: Tensor,
    gated: Tensor,
}

impl SelfUnit {
    /// The unit of this name.
    pub fn new(names: &Names<'_>, name: &str, config: &Config) -> Result<Self> {
        Ok(Self {
            norm: Norm::new(names, &format!("{name}.norm"))?,
            uvz: Linear::new(names, &format!("{name}.uvz"))?,
            out: Linear::new(names, &format!("{name}.out"))?,
            qk: OffsetScale::new(names, name)?,
            weigh: Weigh(config.attention),
            gate: config.gate_width(),
            key: config.key_width,
        })
    }

    /// y of x `[B, N, d]`; the branch is multiplied by `factors` before it joins x.
    pub fn forward(
        &self,
        math: &Math,
        values: &Values,
        x: &Tensor,
        sight: &Sight,
        turn: &Turn,
        factors: Dropped<'_>,
    ) -> Result<(Tensor, SelfTape)> {
        let (normed, norm) = self.norm.forward(values, x)?;
        let silu = Silu::forward(&self.uvz.forward(math, values, &normed)?)?;
        let u = part(&silu.active, 0, self.gate)?;
        let v = part(&silu.active, self.gate, self.gate)?;
        let base = part(&silu.active, 2 * self.gate, self.key)?;
        let q = self.qk.forward(values, 0, &base, turn)?;
        let k = self.qk.forward(values, 1, &base, turn)?;
        let weigh = self.weigh.forward(&q, k, sight)?;
        let mixed = math.times(&weigh.weights, &v)?;
        let gated = (&u * &mixed)?;
        let y = (dropped(self.out.forward(math, values, &gated)?, factors)? + x)?;
        Ok((y, SelfTape { norm, normed, silu, u, v, base, weigh, mixed, gated }))
    }

    /// Gradient of x.
    pub fn backward(
        &self,
        math: &Math,
        values: &Values,
        tape: &SelfTape,
        dy: &Tensor,
        sight: &Sight,
        turn: &Turn,
        factors: Dropped<'_>,
        gradients: &mut Gradients,
    ) -> Result<Tensor> {
        let dbranch = dropped(dy.clone(), factors)?;
        let dgated = self.out.backward(math, values, &tape.gated, &dbranch, gradients)?;
        let du = (&dgated * &tape.mixed)?;
        let dmixed = (&dgated * &tape.u)?;
        let dv = math.transposed_times(&tape.weigh.weights, &dmixed)?;
        let dweights = math.times_transposed(&dmixed, &tape.v)?;
        let (dq, dk) = self.weigh.backward(&tape.weigh, &dweights, sight)?;
        let bases = [&tape.base, &tape.base];
        let [dbase, other] = self.qk.backward(math, values, bases, [&dq, &dk], turn, gradients)?;
        let dactive = Tensor::cat(&[du, dv, (dbase + other)?], D::Minus1)?;
        let dbefore = tape.silu.backward(&dactive)?;
        let dnormed = self.uvz.backward(math, values, &tape.normed, &dbefore, gradients)?;
        self.norm.backward(math, values, &tape.norm, &dnormed, gradients)? + dy
    }
}

/// A unit whose values and keys come from another sequence on the same grid of positions.
#[derive(Debug, Clone, Copy)]
pub struct CrossUnit {
    norm: Norm,
    uq: Linear,
    vk: Linear,
    out: Linear,
    qk: OffsetScale,
    weigh: Weigh,
    gate: usize,
    key: usize,
}

/// What the backward pass of a cross unit needs.
#[derive(Debug)]
pub struct CrossTape {
    norm: NormTape,
    normed: Tensor,
    listener: Silu,
    speaker: Silu,
    u: Tensor,
    v: Tensor,
    bases: [Tensor; 2],
    weigh: WeighTape,
    mixed: Tensor,
    gated: Tensor,
}

impl CrossUnit {
    /// The unit of this name.
    pub fn new(names: &Names<'_>, name: &str, config: &Config) -> Result<Self> {
        Ok(Self {
            norm: Norm::new(names, &format!("{name}.norm"))?,
            uq: Linear::new(names, &format!("{name}.uq"))?,
            vk: Linear::new(names, &format!("{name}.vk"))?,
            out: Linear::new(names, &format!("{name}.out"))?,
            qk: OffsetScale::new(names, name)?,
            weigh: Weigh(config.attention),
            gate: config.gate_width(),
            key: config.key_width,
        })
    }

    /// y of listener rows x given speaker rows `memory`.
    pub fn forward(
        &self,
        math: &Math,
        values: &Values,
        x: &Tensor,
        memory: &Tensor,
        sight: &Sight,
        turn: &Turn,
        factors: Dropped<'_>,
    ) -> Result<(Tensor, CrossTape)> {
        let (normed, norm) = self.norm.forward(values, x)?;
        let listener = Silu::forward(&self.uq.forward(math, values, &normed)?)?;
        let speaker = Silu::forward(&self.vk.forward(math, values, memory)?)?;
        let u = part(&listener.active, 0, self.gate)?;
        let v = part(&speaker.active, 0, self.gate)?;
        let bases =
            [part(&listener.active, self.gate, self.key)?, part(&speaker.active, self.gate, self.key)?];
        let q = self.qk.forward(values, 0, &bases[0], turn)?;
        let k = self.qk.forward(values, 1, &bases[1], turn)?;
        let weigh = self.weigh.forward(&q, k, sight)?;
        let mixed = math.times(&weigh.weights, &v)?;
        let gated = (&u * &mixed)?;
        let y = (dropped(self.out.forward(math, values, &gated)?, factors)? + x)?;
        Ok((y, CrossTape { norm, normed, listener, speaker, u, v, bases, weigh, mixed, gated }))
    }

    /// Gradients of x and of `memory`.
    pub fn backward(
        &self,
        math: &Math,
        values: &Values,
        tape: &CrossTape,
        memory: &Tensor,
        dy: &Tensor,
        sight: &Sight,
        turn: &Turn,
        factors: Dropped<'_>,
        gradients: &mut Gradients,
    ) -> Result<(Tensor, Tensor)> {
        let dbranch = dropped(dy.clone(), factors)?;
        let dgated = self.out.backward(math, values, &tape.gated, &dbranch, gradients)?;
        let du = (&dgated * &tape.mixed)?;
        let dmixed = (&dgated * &tape.u)?;
        let dv = math.transposed_times(&tape.weigh.weights, &dmixed)?;
        let dweights = math.times_transposed(&dmixed, &tape.v)?;
        let (dq, dk) = self.weigh.backward(&tape.weigh, &dweights, sight)?;
        let bases = [&tape.bases[0], &tape.bases[1]];
        let [dquery, dkey] = self.qk.backward(math, values, bases, [&dq, &dk], turn, gradients)?;
        let dspeaker = tape.speaker.backward(&Tensor::cat(&[dv, dkey], D::Minus1)?)?;
        let dmemory = self.vk.backward(math, values, memory, &dspeaker, gradients)?;
        let dlistener = tape.listener.backward(&Tensor::cat(&[du, dquery], D::Minus1)?)?;
        let dnormed = self.uq.backward(math, values, &tape.normed, &dlistener, gradients)?;
        let dx = (self.norm.backward(math, values, &tape.norm, &dnormed, gradients)? + dy)?;
        Ok((dx, dmemory))
    }
}
