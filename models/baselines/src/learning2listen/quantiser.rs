//! The codebook of Learning2Listen.
//!
//! *Parity:* the encoder's output `[B, 4, H]` is turned to `[B, H, 4]` and cut into 4 rows of H, so that a code covers a
//! quarter of the channels over all 4 time steps, not one time step. Predicting "the next code" therefore does not mean
//! predicting the next 8 frames; their roll-out treats it so all the same. [`CodesOver::Time`] (ours) looks up each of the 4
//! rows as it is, so that a code is a quarter of the time, and the roll-out means what it does.

use candle_core::{D, Result, Tensor};

use super::config::{CodesOver, TOKENS, VqConfig};
use crate::layers::pointwise::mean_square;
use crate::parameters::{Scope, Start};

/// `embedding.weight` [codes, H].
#[derive(Debug, Clone)]
pub struct Quantiser {
    codes: Tensor,
    over: CodesOver,
}

/// What a batch became.
#[derive(Debug, Clone)]
pub struct Quantised {
    /// Codes in place of the encoder's output, with the gradient passed straight through: `[B, 4, H]`.
    pub vectors: Tensor,
    /// The codes' numbers `[B, 4]`.
    pub indices: Tensor,
    /// What codes were looked up for, `[4 B, H]`, without a gradient.
    pub rows: Tensor,
    /// Squared distances of every row to every code `[4 B, codes]`.
    pub distances: Tensor,
    /// 0.25 MSE(fixed codes, vectors) + MSE(codes, fixed vectors).
    pub loss: Tensor,
}

/// Weight of the term that draws the encoder to its codes.
const COMMITMENT: f64 = 0.25;

impl Quantiser {
    /// Started uniformly in -1/codes..1/codes.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(scope: &Scope<'_, '_>, config: &VqConfig) -> Result<Self> {
        let start = Start::Uniform(1.0 / config.codes.max(1) as f64);
        let codes = scope.tensor("embedding.weight", &[config.codes, config.width], start)?;
        Ok(Self { codes, over: config.codes_over })
    }

    /// `[B, 4, H]` to the rows that codes stand for, `[4 B, H]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn rows(&self, z: &Tensor) -> Result<Tensor> {
        let width = z.dim(2)?;
        match self.over {
            CodesOver::Channels => z.transpose(1, 2)?.contiguous()?.reshape(((), width)),
            CodesOver::Time => z.reshape(((), width)),
        }
    }

    /// The inverse of [`Quantiser::rows`].
    fn tokens(&self, rows: &Tensor) -> Result<Tensor> {
        let width = rows.dim(1)?;
        match self.over {
            CodesOver::Channels => rows.reshape(((), width, TOKENS))?.transpose(1, 2)?.contiguous(),
            CodesOver::Time => rows.reshape(((), TOKENS, width)),
        }
    }

    /// The nearest codes of `[B, 4, H]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, z: &Tensor) -> Result<Quantised> {
        let (batch, tokens, _) = z.dims3()?;
        let rows = self.rows(z)?;
        let (fixed, codes) = (rows.detach(), self.codes.detach());
        let cross = fixed.matmul(&codes.t()?)?.affine(-2.0, 0.0)?;
        let distances = cross
            .broadcast_add(&fixed.sqr()?.sum_keepdim(1)?)?
            .broadcast_add(&codes.sqr()?.sum(1)?.unsqueeze(0)?)?;
        let indices = distances.argmin(D::Minus1)?;
        let chosen = self.codes.index_select(&indices, 0)?;
        let drawn = (mean_square(&chosen.detach(), &rows)? * COMMITMENT)?;
        let loss = (drawn + mean_square(&chosen, &rows.detach())?)?;
        let straight = (&rows + (chosen - &rows)?.detach())?;
        Ok(Quantised {
            vectors: self.tokens(&straight)?,
            indices: indices.reshape((batch, tokens))?,
            rows: fixed,
            distances,
            loss,
        })
    }

    /// The vectors `[B, 4, H]` of codes `[B, 4]`.
    ///
    /// # Errors
    /// When a code does not exist.
    pub fn vectors(&self, indices: &Tensor) -> Result<Tensor> {
        self.tokens(&self.codes.index_select(&indices.flatten_all()?, 0)?)
    }
}
