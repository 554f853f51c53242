//! The window VAE of BeLFusion's REACT version: 50 frames of attributes to a latent and back, and a head for
//! coefficients. Official name `AutoencoderRNN_VAE_v2`.
//!
//! Encoder: a GRU over the window from a zero state; its last state h gives mean and logarithm of the variance. Decoder: the
//! mapped latent and the frame made last go into a GRU, two layers with tanh, one without; the result is the next frame
//! (no teacher forcing, no residual). Head: attributes to coefficients, frame by frame.
//!
//! Not copied: the official training script loads no coefficients, so that its target for the head is the number 0. The
//! loss here takes the true ones.

use candle_core::{Result, Tensor};
use clips::channels::{ATTRIBUTE_COUNT, COEFFICIENT_COUNT};

use super::config::VaeConfig;
use crate::layers::linear::{self, Linear};
use crate::layers::pointwise::{kl_from_standard, mean_square, tanh};
use crate::layers::recurrent::GruCell;
use crate::parameters::Scope;

/// The window VAE.
#[derive(Debug, Clone)]
pub struct Vae {
    window: usize,
    reader: GruCell,
    mu: Linear,
    logvar: Linear,
    from_latent: Linear,
    writer: GruCell,
    mlp: [Linear; 2],
    out: Linear,
    head: [Linear; 2],
}

/// What the encoder makes of windows, `[N, width]` each.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// Last state of the GRU.
    pub state: Tensor,
    /// Mean of the Gaussian.
    pub mu: Tensor,
    /// Logarithm of its variance.
    pub logvar: Tensor,
}

/// Scalars of a batch.
#[derive(Debug, Clone)]
pub struct VaeLosses {
    /// What is minimised: the three with weights 1, 1e-5 and 1.
    pub total: Tensor,
    /// MSE of attributes.
    pub reconstruction: Tensor,
    /// Divergence from N(0, 1), summed over windows and dimensions, for each clip.
    pub divergence: Tensor,
    /// MSE of coefficients.
    pub coefficients: Tensor,
}

const DIVERGENCE: f64 = 1e-5;

impl Vae {
    /// Names as in the official state dict.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(config: &VaeConfig, scope: &Scope<'_, '_>) -> Result<Self> {
        let (h, [a, b]) = (config.width, config.mlp);
        let linear = |name: &str, inputs, outputs| Linear::new(&scope.at(name), inputs, outputs);
        Ok(Self {
            window: config.window,
            reader: GruCell::new(&scope.at("x_rnn.rnn_f"), ATTRIBUTE_COUNT, h)?,
            mu: linear("fc_mu_enc", h, h)?,
            logvar: linear("fc_logvar_enc", h, h)?,
            from_latent: linear("fc_z_dec", h, h)?,
            writer: GruCell::new(&scope.at("d_rnn.rnn_f"), h + ATTRIBUTE_COUNT, h)?,
            mlp: [linear("d_mlp.affine_layers.0", h, a)?, linear("d_mlp.affine_layers.1", a, b)?],
            out: linear("d_out", b, ATTRIBUTE_COUNT)?,
            head: [linear("coeff_reg.0", ATTRIBUTE_COUNT, h)?, linear("coeff_reg.2", h, COEFFICIENT_COUNT)?],
        })
    }

    /// Frames of a window.
    pub fn window(&self) -> usize {
        self.window
    }

    /// Width of the latent.
    pub fn width(&self) -> usize {
        self.reader.width()
    }

    /// Clips `[B, T, 25]` as windows `[B T / window, window, 25]`.
    ///
    /// # Errors
    /// When T is no multiple of the window.
    pub fn windows(&self, clips: &Tensor) -> Result<Tensor> {
        let (batch, frames, width) = clips.dims3()?;
        if !frames.is_multiple_of(self.window) {
            candle_core::bail!("{frames} frames are no whole number of windows of {}", self.window);
        }
        clips.reshape((batch * frames / self.window, self.window, width))
    }

    /// Windows `[N, window, 25]` to their Gaussians.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn encode(&self, windows: &Tensor) -> Result<Encoded> {
        let (count, frames, _) = windows.dims3()?;
        let inputs = self.reader.of_input(windows)?;
        let mut state = Tensor::zeros((count, self.width()), windows.dtype(), windows.device())?;
        for frame in 0..frames {
            state = self.reader.step(&inputs.narrow(1, frame, 1)?.squeeze(1)?, &state)?;
        }
        Ok(Encoded { mu: self.mu.forward(&state)?, logvar: self.logvar.forward(&state)?, state })
    }

    /// Latents `[N, width]` to attributes `[N, window, 25]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn decode(&self, latent: &Tensor) -> Result<Tensor> {
        let (count, h) = latent.dims2()?;
        // the latent's share of the GRU's input is the same in every frame
        let (weight, bias) = self.writer.input();
        let constant =
            linear::apply(&self.from_latent.forward(latent)?, &weight.narrow(1, 0, h)?, Some(bias))?;
        let again = weight.narrow(1, h, ATTRIBUTE_COUNT)?.contiguous()?;
        let mut state = latent.zeros_like()?;
        let mut made: Vec<Tensor> = Vec::with_capacity(self.window);
        for _ in 0..self.window {
            let input = match made.last() {
                Some(last) => (&constant + linear::apply(last, &again, None)?)?,
                None => constant.clone(),
            };
            state = self.writer.step(&input, &state)?;
            let inner = tanh(&self.mlp[0].forward(&state)?)?;
            made.push(self.out.forward(&tanh(&self.mlp[1].forward(&inner)?)?)?);
        }
        Tensor::stack(&made, 1)?.reshape((count, self.window, ATTRIBUTE_COUNT))
    }

    /// Coefficients `[..., 58]` of attributes `[..., 25]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn coefficients(&self, attributes: &Tensor) -> Result<Tensor> {
        self.head[1].forward(&tanh(&self.head[0].forward(attributes)?)?)
    }

    /// Losses of clips `[B, T, 25]` with true coefficients `[B, T, 58]`, and the attributes they became. With noise
    /// `[B T / window, width]` the latent is a draw (training), without it the mean.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn loss(
        &self,
        clips: &Tensor,
        coefficients: &Tensor,
        eps: Option<&Tensor>,
    ) -> Result<(VaeLosses, Tensor)> {
        let encoded = self.encode(&self.windows(clips)?)?;
        let latent = match eps {
            Some(eps) => (&encoded.mu + (&encoded.logvar * 0.5)?.exp()?.mul(eps)?)?,
            None => encoded.mu.clone(),
        };
        let made = self.decode(&latent)?.reshape(clips.dims())?;
        let reconstruction = mean_square(&made, clips)?;
        let each = kl_from_standard(&encoded.mu, &encoded.logvar)?.sum_all()?;
        let divergence = (each / clips.dim(0)? as f64)?;
        let coefficients = mean_square(&self.coefficients(&made)?, coefficients)?;
        let total = ((&reconstruction + (&divergence * DIVERGENCE)?)? + &coefficients)?;
        Ok((VaeLosses { total, reconstruction, divergence, coefficients }, made))
    }
}
