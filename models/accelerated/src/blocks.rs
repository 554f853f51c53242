//! Linear maps, layer normalisation, the gate's nonlinearity and rotary positions on tensors, forward and backward; the
//! twins of `listener::latent_intent::blocks`, whose documentation has the formulas.

use candle_core::{D, Result, Tensor};
use listener::latent_intent::blocks::{EPSILON, Rotation};

use crate::tensors::{Gradients, Key, Math, Names, Values, rows};

/// `y = x W^T + c` over the last dimension.
#[derive(Debug, Clone, Copy)]
pub struct Linear {
    weight: Key,
    bias: Key,
}

impl Linear {
    /// The map of this name.
    pub fn new(names: &Names<'_>, name: &str) -> Result<Self> {
        Ok(Self {
            weight: names.find(&format!("{name}.weight"))?,
            bias: names.find(&format!("{name}.bias"))?,
        })
    }

    /// y of `[.., inputs]`.
    pub fn forward(&self, math: &Math, values: &Values, x: &Tensor) -> Result<Tensor> {
        let y = math
            .times_transposed(&rows(x)?, values.get(self.weight))?
            .broadcast_add(values.get(self.bias))?;
        let mut shape = x.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = y.dim(1)?;
        }
        y.reshape(shape)
    }

    /// Gradient of the parameters alone.
    pub fn backward_parameters(
        &self,
        math: &Math,
        x: &Tensor,
        dy: &Tensor,
        gradients: &mut Gradients,
    ) -> Result<()> {
        let dy = rows(dy)?;
        gradients.add(self.weight, &math.transposed_times(&dy, &rows(x)?)?)?;
        gradients.add(self.bias, &math.column_sums(&dy)?)
    }

    /// Gradient of x, and of the parameters.
    pub fn backward(
        &self,
        math: &Math,
        values: &Values,
        x: &Tensor,
        dy: &Tensor,
        gradients: &mut Gradients,
    ) -> Result<Tensor> {
        self.backward_parameters(math, x, dy, gradients)?;
        math.times(&rows(dy)?, values.get(self.weight))?.reshape(x.shape())
    }
}

/// Layer normalisation with gain and bias over the last dimension.
#[derive(Debug, Clone, Copy)]
pub struct Norm {
    weight: Key,
    bias: Key,
}

/// What the backward pass of [`Norm`] needs.
#[derive(Debug)]
pub struct NormTape {
    centred: Tensor,
    scale: Tensor,
}

impl Norm {
    /// The normalisation of this name.
    pub fn new(names: &Names<'_>, name: &str) -> Result<Self> {
        Ok(Self {
            weight: names.find(&format!("{name}.weight"))?,
            bias: names.find(&format!("{name}.bias"))?,
        })
    }

    /// Normalised rows and the tape.
    pub fn forward(&self, values: &Values, x: &Tensor) -> Result<(Tensor, NormTape)> {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let scale = (variance + EPSILON)?.sqrt()?.recip()?;
        let centred = centred.broadcast_mul(&scale)?;
        let y = centred.broadcast_mul(values.get(self.weight))?.broadcast_add(values.get(self.bias))?;
        Ok((y, NormTape { centred, scale }))
    }

    /// Gradient of the rows.
    pub fn backward(
        &self,
        math: &Math,
        values: &Values,
        tape: &NormTape,
        dy: &Tensor,
        gradients: &mut Gradients,
    ) -> Result<Tensor> {
        gradients.add(self.weight, &math.column_sums(&rows(&(dy * &tape.centred)?)?)?)?;
        gradients.add(self.bias, &math.column_sums(&rows(dy)?)?)?;
        let scaled = dy.broadcast_mul(values.get(self.weight))?;
        let along = (&scaled * &tape.centred)?.mean_keepdim(D::Minus1)?;
        let off = scaled.broadcast_sub(&scaled.mean_keepdim(D::Minus1)?)?;
        (off - tape.centred.broadcast_mul(&along)?)?.broadcast_mul(&tape.scale)
    }
}

/// x sigmoid(x), kept with the sigmoid for the way back.
#[derive(Debug)]
pub struct Silu {
    /// The result.
    pub active: Tensor,
    sigmoid: Tensor,
}

impl Silu {
    /// Of every value; the sigmoid is a hyperbolic tangent, which cannot overflow.
    pub fn forward(x: &Tensor) -> Result<Self> {
        let sigmoid = x.affine(0.5, 0.0)?.tanh()?.affine(0.5, 0.5)?;
        Ok(Self { active: (x * &sigmoid)?, sigmoid })
    }

    /// Gradient of x.
    pub fn backward(&self, dy: &Tensor) -> Result<Tensor> {
        let slope = ((&self.sigmoid + &self.active)? - (&self.active * &self.sigmoid)?)?;
        dy * slope
    }
}

/// Cosines and sines of the rotary angles, laid out so that a turn is two products.
#[derive(Debug)]
pub struct Turn {
    cosines: Tensor,
    sines: Tensor,
    half: usize,
}

impl Turn {
    /// Angles of positions `0..positions` for rows of `width` columns; those of the plain-slice network.
    pub fn new(math: &Math, positions: usize, width: usize) -> Result<Self> {
        let rotation = Rotation::<f64>::new(positions, width);
        let half = width / 2;
        let (mut cosines, mut sines) = (Vec::new(), Vec::new());
        for position in 0..positions {
            // (1, 0) turned is (cosine, sine)
            let mut row = vec![0.0; width];
            row[..half].fill(1.0);
            rotation.turn(&mut row, position);
            let (cosine, sine) = row.split_at(half);
            cosines.extend([cosine, cosine].concat());
            sines.extend(sine.iter().map(|sine| -sine).chain(sine.iter().copied()));
        }
        Ok(Self {
            cosines: math.wide(&cosines, &[positions, width])?,
            sines: math.wide(&sines, &[positions, width])?,
            half,
        })
    }

    /// Rows `[.., positions, width]`, each turned to its position.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.broadcast_mul(&self.cosines)? + self.swap(x)?.broadcast_mul(&self.sines)?
    }

    /// Gradient of x: the turn back.
    pub fn backward(&self, dy: &Tensor) -> Result<Tensor> {
        dy.broadcast_mul(&self.cosines)? + self.swap(&dy.broadcast_mul(&self.sines)?)?
    }

    fn swap(&self, x: &Tensor) -> Result<Tensor> {
        let (low, high) = (x.narrow(D::Minus1, 0, self.half)?, x.narrow(D::Minus1, self.half, self.half)?);
        Tensor::cat(&[high, low], D::Minus1)
    }
}
