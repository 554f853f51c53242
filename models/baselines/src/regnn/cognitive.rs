//! Cognitive processor of REGNN: fused features to 25 nodes and the edges between them.
//!
//! *Parity:* the edges keep the union of *all* rows' most attended columns (five each) plus the diagonal, because an
//! official inner loop runs over every row's list. No gradient flows through the choice.

use candle_core::{D, Result, Tensor};

use super::NODES;
use super::config::Config;
use crate::layers::linear::Linear;
use crate::layers::rows::{Gelu, gelu, softmax};
use crate::parameters::Scope;
use crate::pass::Pass;

/// Two linear layers with an exact GELU between: `fc1`, `fc2`.
#[derive(Debug, Clone)]
pub struct Mlp([Linear; 2]);

impl Mlp {
    /// Of the three widths.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(scope: &Scope<'_, '_>, inputs: usize, inner: usize, outputs: usize) -> Result<Self> {
        Ok(Self([
            Linear::new(&scope.at("fc1"), inputs, inner)?,
            Linear::new(&scope.at("fc2"), inner, outputs)?,
        ]))
    }

    /// `[..., inputs]` to `[..., outputs]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.0[1].forward(&gelu(&self.0[0].forward(x)?, Gelu::Exact)?)
    }
}

/// `convert_layer`, `EdgeLayer`.
#[derive(Debug, Clone)]
pub struct Cognitive {
    convert: Mlp,
    mix: Mlp,
    queries_and_keys: Linear,
    channels: usize,
    neighbours: usize,
}

/// Added to sums before dividing by them.
const EPSILON: f64 = 1e-16;

impl Cognitive {
    /// Names as in the official state dict.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(config: &Config, scope: &Scope<'_, '_>) -> Result<Self> {
        let (frames, edges) = (config.frames, scope.at("EdgeLayer.qk"));
        Ok(Self {
            convert: Mlp::new(&scope.at("convert_layer"), config.perceptual.out, config.convert, NODES)?,
            mix: Mlp::new(&edges.at(0), frames, frames, frames)?,
            queries_and_keys: Linear::without_bias(&edges.at(1), frames, 2 * config.channels * frames)?,
            channels: config.channels,
            neighbours: config.neighbours,
        })
    }

    /// Fused features `[B, T, 64]` to nodes `[B, 25, T]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn nodes(&self, fused: &Tensor) -> Result<Tensor> {
        self.convert.forward(fused)?.transpose(1, 2)?.contiguous()
    }

    /// Edges `[B, channels, 25, 25]` between nodes `[B, 25, T]`: attention A, masked; R = A by rows, C = R by columns,
    /// R C^T.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn edges(&self, nodes: &Tensor, pass: &Pass) -> Result<Tensor> {
        let (batch, count, frames) = nodes.dims3()?;
        let both = self.queries_and_keys.forward(&self.mix.forward(nodes)?)?;
        let both = both.reshape((batch, count, 2, self.channels, frames))?.permute((2, 0, 3, 1, 4))?;
        let (q, k) = (both.get(0)?.contiguous()?, both.get(1)?.contiguous()?);
        let attention = softmax(&(q.matmul(&k.t()?)? * (frames as f64).powf(-0.5))?)?;
        pass.note("attn", &attention);
        let mask = self.mask(&attention)?;
        pass.note("mask_seen", &mask);
        let kept = attention.broadcast_mul(&mask.unsqueeze(1)?)?;
        pass.note("masked_attn", &kept);
        let share = |x: &Tensor, dimension: D| x.broadcast_div(&(x.sum_keepdim(dimension)? + EPSILON)?);
        let rows = share(&kept, D::Minus1)?;
        rows.matmul(&share(&rows, D::Minus2)?.t()?)
    }

    /// 1 where an edge is kept, `[B, 25, 25]`.
    fn mask(&self, attention: &Tensor) -> Result<Tensor> {
        let (batch, _, count, _) = attention.dims4()?;
        let summed = attention.detach().sum(1)?;
        let mut mask = vec![0f32; batch * count * count];
        for (item, mask) in mask.chunks_exact_mut(count * count).enumerate() {
            let rows = most_attended(&summed.get(item)?, self.neighbours)?;
            let mut union = vec![0f32; count];
            rows.iter().flatten().for_each(|column| union[*column] = 1.0);
            for (row, mask) in mask.chunks_exact_mut(count).enumerate() {
                mask.copy_from_slice(&union);
                mask[row] = 1.0;
            }
        }
        Tensor::from_vec(mask, (batch, count, count), attention.device())?.to_dtype(attention.dtype())
    }
}

/// The columns of the largest entries of each row, the largest first; of equal ones the first.
///
/// # Errors
/// Of the tensor library.
pub fn most_attended(rows: &Tensor, count: usize) -> Result<Vec<Vec<usize>>> {
    let rows = rows.to_dtype(candle_core::DType::F64)?.to_vec2::<f64>()?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let mut order: Vec<usize> = (0..row.len()).collect();
            order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
            order.truncate(count);
            order
        })
        .collect())
}

/// Means of the Gaussian mixture around nodes, which the official network computes and *never uses*: they stand in no loss
/// (variances are ones, weights equal). The paper's story of a distribution over graphs is not in the executed code. Here
/// for goldens, and for whoever wants to use them; not part of [`super::Regnn`].
#[derive(Debug, Clone)]
pub struct Mixture(Vec<Mlp>);

impl Mixture {
    /// `mean_0` and so on, of windows of `frames`.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(scope: &Scope<'_, '_>, parts: usize, frames: usize) -> Result<Self> {
        let part = |index: usize| Mlp::new(&scope.at(format!("mean_{index}")), frames, frames, frames);
        (0..parts).map(part).collect::<Result<_>>().map(Self)
    }

    /// Means `[parts, B, 25, T]` of nodes `[B, 25, T]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn means(&self, nodes: &Tensor) -> Result<Tensor> {
        let all: Vec<Tensor> = self.0.iter().map(|mlp| mlp.forward(nodes)).collect::<Result<_>>()?;
        Tensor::stack(&all, 0)
    }
}
