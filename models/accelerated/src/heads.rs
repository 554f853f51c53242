//! Output heads and the losses they end in, with their gradients; the twins of `listener::latent_intent::heads` and of
//! the terms of `training::objective`.
//!
//! Logits are by far the largest tensor of a step (frames x vocabulary), so they are worked through in pieces of
//! bounded size and never kept.

use candle_core::{D, Result, Tensor};
use listener::latent_intent::STREAMS;
use listener::latent_intent::heads::CHAIN;

use crate::blocks::Linear;
use crate::passes::{Scene, looked_up_backward};
use crate::tensors::{Gradients, Key, Math, Names};

/// Most logits of a piece: 64 MB in f32.
const MOST_LOGITS: usize = 1 << 24;

/// Pieces `(first, count)` of `rows` rows with `columns` columns each.
pub fn chunks(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    let most = (MOST_LOGITS / columns.max(1)).max(1);
    (0..rows).step_by(most).map(move |first| (first, most.min(rows - first)))
}

/// What the heads of a frame tell each other, in the order of [`CHAIN`]; the twin of `heads::Chain`.
#[derive(Debug)]
struct Chain {
    maps: Vec<Key>,
}

impl Chain {
    fn said(scene: &Scene<'_>, table: Key, ids: &Tensor) -> Result<Tensor> {
        scene.values.get(table).contiguous()?.index_select(&ids.squeeze(1)?, 0)
    }

    /// h with what stream `CHAIN[place]` has to say.
    fn tell(
        &self,
        scene: &Scene<'_>,
        tables: &[Key],
        place: usize,
        ids: &[Tensor],
        h: &Tensor,
    ) -> Result<Tensor> {
        let said = Self::said(scene, tables[CHAIN[place]], &ids[CHAIN[place]])?;
        h + scene.math.times_transposed(&said, scene.values.get(self.maps[place]))?
    }

    /// Gradients of the matrix and of the embeddings from that of h after [`Chain::tell`].
    fn backward(
        &self,
        scene: &Scene<'_>,
        tables: &[Key],
        place: usize,
        ids: &[Tensor],
        dh: &Tensor,
        gradients: &mut Gradients,
    ) -> Result<()> {
        let Scene { math, values, .. } = *scene;
        let (table, ids) = (tables[CHAIN[place]], &ids[CHAIN[place]]);
        let said = Self::said(scene, table, ids)?;
        gradients.add(self.maps[place], &math.transposed_times(dh, &said)?)?;
        let dsaid = math.times(dh, values.get(self.maps[place]))?;
        looked_up_backward(math, values, table, ids, &dsaid, gradients)
    }
}

/// Four heads.
#[derive(Debug)]
pub struct Heads {
    maps: Vec<Linear>,
    biases: Vec<Key>,
    chain: Option<Chain>,
}

/// Slopes of a loss along the values that a stream's ids are expected to have.
#[derive(Debug)]
pub struct Along {
    /// Of the ids.
    pub stream: usize,
    /// What ids stand for, `[V, columns]`.
    pub centres: Tensor,
    /// `[rows, columns]`.
    pub slopes: Tensor,
}

/// e^(logits - top), their sum, and the top, of each row.
struct Raised {
    raised: Tensor,
    total: Tensor,
    top: Tensor,
}

fn raise(logits: &Tensor) -> Result<Raised> {
    let top = logits.max_keepdim(D::Minus1)?;
    let raised = logits.broadcast_sub(&top)?.exp()?;
    let total = raised.sum_keepdim(D::Minus1)?;
    Ok(Raised { raised, total, top })
}

impl Along {
    /// Gradient of the logits of some rows.
    fn through(&self, math: &Math, raised: &Raised, first: usize, count: usize) -> Result<Tensor> {
        let likely = raised.raised.broadcast_div(&raised.total)?;
        let slopes = math.times_transposed(&self.slopes.narrow(0, first, count)?, &self.centres)?;
        let mean = (&likely * &slopes)?.sum_keepdim(D::Minus1)?;
        likely * slopes.broadcast_sub(&mean)?
    }
}

impl Heads {
    /// The heads of this name.
    pub fn new(names: &Names<'_>, name: &str) -> Result<Self> {
        let maps = STREAMS.iter().map(|stream| Linear::new(names, &format!("{name}.{stream}")));
        let biases = STREAMS.iter().map(|stream| names.find(&format!("{name}_bias.{stream}")));
        Ok(Self { maps: maps.collect::<Result<_>>()?, biases: biases.collect::<Result<_>>()?, chain: None })
    }

    /// The same heads, each hearing what those before it said.
    pub fn chained(self, names: &Names<'_>) -> Result<Self> {
        let maps = CHAIN[..3].iter().map(|stream| names.find(&format!("chain.{}", STREAMS[*stream])));
        Ok(Self { chain: Some(Chain { maps: maps.collect::<Result<_>>()? }), ..self })
    }

    /// The rows that each stream's head reads, in the order in which they are known, with the stream.
    fn read(
        &self,
        scene: &Scene<'_>,
        tables: &[Key],
        h: &Tensor,
        ids: &[Tensor],
    ) -> Result<Vec<(usize, Tensor)>> {
        let Some(chain) = &self.chain else {
            return Ok((0..STREAMS.len()).map(|stream| (stream, h.clone())).collect());
        };
        let mut rows = vec![(CHAIN[0], h.clone())];
        for place in 0..3 {
            let told = chain.tell(scene, tables, place, ids, &rows[place].1)?;
            rows.push((CHAIN[place + 1], told));
        }
        Ok(rows)
    }

    fn logits(&self, scene: &Scene<'_>, stream: usize, table: Key, inner: &Tensor) -> Result<Tensor> {
        let Scene { math, values, .. } = *scene;
        math.times_transposed(inner, values.get(table))?.broadcast_add(values.get(self.biases[stream]))
    }

    /// Gradient of `inner`, and of the head's table and bias.
    fn logits_backward(
        &self,
        scene: &Scene<'_>,
        stream: usize,
        table: Key,
        inner: &Tensor,
        dlogits: &Tensor,
        gradients: &mut Gradients,
    ) -> Result<Tensor> {
        let Scene { math, values, .. } = *scene;
        gradients.add(self.biases[stream], &math.column_sums(dlogits)?)?;
        gradients.add(table, &math.transposed_times(dlogits, inner)?)?;
        math.times(dlogits, values.get(table))
    }

    /// The negative log-likelihood `[rows]` of the ids `[rows, 1]` of each stream, for hidden rows `h`.
    pub fn losses(
        &self,
        scene: &Scene<'_>,
        tables: &[Key],
        h: &Tensor,
        ids: &[Tensor],
    ) -> Result<Vec<Tensor>> {
        let losses = self.read(scene, tables, h, ids)?.into_iter().map(|(stream, h)| {
            let inner = self.maps[stream].forward(scene.math, scene.values, &h)?;
            let size = scene.values.get(tables[stream]).dim(0)?;
            let pieces = chunks(h.dim(0)?, size).map(|(first, count)| {
                let inner = inner.narrow(0, first, count)?;
                let logits = self.logits(scene, stream, tables[stream], &inner)?;
                cross_entropy(&logits, &raise(&logits)?, &ids[stream].narrow(0, first, count)?)
            });
            Ok((stream, Tensor::cat(&pieces.collect::<Result<Vec<_>>>()?, 0)?))
        });
        Ok(by_stream(losses.collect::<Result<_>>()?))
    }

    /// What a stream without others before it is expected to be, `[rows, columns]`: `centres` `[V, columns]` weighed by the
    /// probabilities of their ids.
    pub fn expected(
        &self,
        scene: &Scene<'_>,
        tables: &[Key],
        h: &Tensor,
        ids: &[Tensor],
        stream: usize,
        centres: &Tensor,
    ) -> Result<Tensor> {
        let read = self.read(scene, tables, h, ids)?.into_iter().find(|(read, _)| *read == stream);
        let Some((_, h)) = read else { candle_core::bail!("no stream {stream}") };
        let inner = self.maps[stream].forward(scene.math, scene.values, &h)?;
        let size = scene.values.get(tables[stream]).dim(0)?;
        let pieces = chunks(h.dim(0)?, size).map(|(first, count)| {
            let logits = self.logits(scene, stream, tables[stream], &inner.narrow(0, first, count)?)?;
            let Raised { raised, total, .. } = raise(&logits)?;
            scene.math.times(&raised.broadcast_div(&total)?, centres)
        });
        Tensor::cat(&pieces.collect::<Result<Vec<_>>>()?, 0)
    }

    /// As `losses`, with the gradient of h of their sum, each row times its `scale` (`[rows, 1]`), and of what is said `along`.
    pub fn losses_and_gradient(
        &self,
        scene: &Scene<'_>,
        tables: &[Key],
        h: &Tensor,
        ids: &[Tensor],
        scale: &Tensor,
        along: Option<&Along>,
        gradients: &mut Gradients,
    ) -> Result<(Vec<Tensor>, Tensor)> {
        let Scene { math, values, .. } = *scene;
        let (mut losses, mut slopes) = (Vec::new(), Vec::new());
        for (stream, h) in self.read(scene, tables, h, ids)? {
            let table = tables[stream];
            let inner = self.maps[stream].forward(math, values, &h)?;
            let (mut rows, mut dinner) = (Vec::new(), Vec::new());
            for (first, count) in chunks(h.dim(0)?, values.get(table).dim(0)?) {
                let ids = ids[stream].narrow(0, first, count)?.contiguous()?;
                let inner = inner.narrow(0, first, count)?;
                let scale = scale.narrow(0, first, count)?;
                let logits = self.logits(scene, stream, table, &inner)?;
                let raised = raise(&logits)?;
                rows.push(cross_entropy(&logits, &raised, &ids)?);
                let mut dlogits = raised.raised.broadcast_mul(&(&scale / &raised.total)?)?.scatter_add(
                    &ids,
                    &scale.neg()?.contiguous()?,
                    1,
                )?;
                if let Some(along) = along.filter(|along| along.stream == stream) {
                    dlogits = (dlogits + along.through(math, &raised, first, count)?)?;
                }
                dinner.push(self.logits_backward(scene, stream, table, &inner, &dlogits, gradients)?);
            }
            losses.push((stream, Tensor::cat(&rows, 0)?));
            let dinner = Tensor::cat(&dinner, 0)?;
            slopes.push(self.maps[stream].backward(math, values, &h, &dinner, gradients)?);
        }
        let mut dh = h.zeros_like()?;
        for (place, slope) in slopes.iter().enumerate().rev() {
            // what a head is told, all heads after it are told
            if let Some(chain) = self.chain.as_ref().filter(|_| place < 3) {
                chain.backward(scene, tables, place, ids, &dh, gradients)?;
            }
            dh = (dh + slope)?;
        }
        Ok((by_stream(losses), dh))
    }

    /// The bag of words: the sum over clips of the negative log-likelihood of all tokens of a clip given one row `[B, d]`,
    /// and the gradient of the rows, times `weight`. `counts` has `[B, V]` of each stream, `frames` `[B, 1]`.
    pub fn bag(
        &self,
        scene: &Scene<'_>,
        tables: &[Key],
        first: &Tensor,
        counts: &[Tensor],
        frames: &Tensor,
        weight: f64,
        gradients: &mut Gradients,
    ) -> Result<(Tensor, Tensor)> {
        let Scene { math, values, .. } = *scene;
        let mut sum = math.zeros(&[])?;
        let mut dfirst = first.zeros_like()?;
        for (stream, counts) in counts.iter().enumerate() {
            let inner = self.maps[stream].forward(math, values, first)?;
            let logits = self.logits(scene, stream, tables[stream], &inner)?;
            let Raised { raised, total, top } = raise(&logits)?;
            let likelihood = logits.broadcast_sub(&(&top + total.log()?)?)?;
            sum = (sum - (likelihood * counts)?.sum_all()?)?;
            let expected = raised.broadcast_mul(&(frames / &total)?)?;
            let dlogits = (expected - counts)?.affine(weight, 0.0)?;
            let dinner = self.logits_backward(scene, stream, tables[stream], &inner, &dlogits, gradients)?;
            dfirst = (dfirst + self.maps[stream].backward(math, values, first, &dinner, gradients)?)?;
        }
        Ok((sum, dfirst))
    }
}

/// Sorted into the order of the streams.
fn by_stream(mut found: Vec<(usize, Tensor)>) -> Vec<Tensor> {
    found.sort_by_key(|(stream, _)| *stream);
    found.into_iter().map(|(_, tensor)| tensor).collect()
}

fn cross_entropy(logits: &Tensor, raised: &Raised, ids: &Tensor) -> Result<Tensor> {
    let picked = (logits.gather(&ids.contiguous()?, 1)? - &raised.top)?;
    (raised.total.log()? - picked)?.squeeze(1)
}
