//! Video encoder of Trans-VAE: frames to one token each. The official module is called `Conv3D`; all its kernels are
//! (1, k, k), so it is two-dimensional but for its norms.
//!
//! `[B, T, 3, H, W]` -> conv1 7x7/2 -> 3x3/2 maximum -> conv2 7x7/2 -> conv3 3x3/2 -> + conv4 3x3 -> conv5 3x3/2 -> mean
//! over the picture -> `[B, T, d]` -> `fc`. Each convolution is followed by an instance norm and ReLU.
//!
//! *Parity:* the norms' statistics run over frames, height and width together, so that a frame's token depends on every
//! frame of the clip: offline tokens see the future, and online the tokens of old frames change as the clip grows.

use candle_core::{Result, Tensor};

use super::watch::{self, Sizes};
use crate::layers::convolution::{FrameConv, max_pool2d};
use crate::layers::linear::Linear;
use crate::layers::norm::instance_norm;
use crate::layers::pointwise::relu;
use crate::parameters::Scope;
use crate::pass::Pass;
use crate::pictures::{Prepared, SIDE};

/// `Conv3D.conv1` to `conv5` and `fc`.
#[derive(Debug, Clone)]
pub struct VideoEncoder {
    convolutions: [FrameConv; 5],
    out: Linear,
}

impl VideoEncoder {
    /// Of width d, a multiple of 4.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(scope: &Scope<'_, '_>, width: usize) -> Result<Self> {
        let conv = |index, sizes, stride, padding| {
            FrameConv::new(&scope.at("Conv3D").at(format!("conv{index}")), sizes, stride, padding)
        };
        Ok(Self {
            convolutions: [
                conv(1, (3, width / 4, 7), 2, 3)?,
                conv(2, (width / 4, width, 7), 2, 3)?,
                conv(3, (width, width, 3), 2, 1)?,
                conv(4, (width, width, 3), 1, 1)?,
                conv(5, (width, width, 3), 2, 1)?,
            ],
            out: Linear::new(&scope.at("fc"), width, width)?,
        })
    }

    /// `[B, T, 3, H, W]` to `[B, T, d]`.
    ///
    /// # Errors
    /// When pictures are not of three channels or too small (under 21 a side).
    pub fn forward(&self, video: &Tensor, pass: &Pass) -> Result<Tensor> {
        let (batch, frames) = (video.dim(0)?, video.dim(1)?);
        let step = |index: usize, x: &Tensor| -> Result<Tensor> {
            let x = self.convolutions[index].forward(x)?;
            pass.note(CONVOLVED[index], &x);
            let x = norm_over_frames(&x, batch)?;
            pass.note(NORMED[index], &x);
            relu(&x)
        };
        let x = max_pool2d(&step(0, &video.flatten_to(1)?)?, 3, 2)?;
        let x = step(2, &step(1, &x)?)?;
        let x = (&x + step(3, &x)?)?;
        let x = step(4, &x)?.mean((2, 3))?;
        let tokens = x.reshape((batch, frames, ()))?;
        pass.note("conv_tokens", &tokens);
        self.map(&tokens)
    }

    /// What the convolutions made, `[B, T, d]`, through the last linear layer.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn map(&self, tokens: &Tensor) -> Result<Tensor> {
        self.out.forward(tokens)
    }

    /// Clips of prepared pictures as what the convolutions make of the first `ends[0]`, then first `ends[1]` ... pictures of
    /// each: `[clips, end, d]` for each end. Equal to [`VideoEncoder::forward`] before the last layer, and on the tape, but a
    /// picture at a time (`watch`).
    ///
    /// # Errors
    /// Pictures of different sizes, too small, or fewer than asked for.
    pub fn watch(&self, clips: &[Vec<Prepared>], ends: &[usize]) -> Result<Vec<Tensor>> {
        let picture = clips.iter().flatten().next();
        let sizes = self.sizes(picture.map_or(0, |picture| picture.len()))?;
        by_end(&watch::watch(&sizes, &self.weights()?, clips, ends)?, ends)
    }

    /// [`VideoEncoder::watch`] of one clip whose pictures are fetched, in order, and forgotten; without a tape.
    ///
    /// # Errors
    /// Those of `fetch`, and as [`VideoEncoder::watch`].
    pub fn watch_once(
        &self,
        ends: &[usize],
        fetch: &mut dyn FnMut(usize) -> Result<Prepared>,
    ) -> Result<Vec<Tensor>> {
        let sizes = self.sizes(3 * SIDE * SIDE)?;
        by_end(&watch::watch_once(&sizes, &self.weights()?, ends, fetch)?, ends)
    }

    /// All weights of the convolutions, one after the other.
    pub(super) fn weights(&self) -> Result<Tensor> {
        let each: Vec<Tensor> =
            self.convolutions.iter().map(|conv| conv.weight().flatten_all()).collect::<Result<_>>()?;
        Tensor::cat(&each, 0)
    }

    fn sizes(&self, bytes: usize) -> Result<Sizes> {
        let (width, side) = (self.convolutions[4].weight().dim(0)?, (bytes / 3).isqrt());
        match Sizes::new(width, side) {
            Some(sizes) => Ok(sizes),
            None => candle_core::bail!("pictures of {side} by {side} pixels are too small"),
        }
    }
}

/// `[B, sum of ends, d]` cut into one tensor an end.
fn by_end(all: &Tensor, ends: &[usize]) -> Result<Vec<Tensor>> {
    let mut first = 0;
    ends.iter()
        .map(|end| {
            first += end;
            all.narrow(1, first - end, *end)
        })
        .collect()
}

const CONVOLVED: [&str; 5] = ["conv1", "conv2", "conv3", "conv4", "conv5"];
const NORMED: [&str; 5] = ["in1", "in2", "in3", "in4", "in5"];

/// `[B T, C, H, W]`, each channel of each clip normed over frames and picture.
fn norm_over_frames(x: &Tensor, batch: usize) -> Result<Tensor> {
    let (all, channels, height, width) = x.dims4()?;
    let by_clip = (batch, all / batch.max(1), channels, height * width);
    let normed = instance_norm(&x.reshape(by_clip)?.transpose(1, 2)?.contiguous()?)?;
    normed.transpose(1, 2)?.reshape((all, channels, height, width))
}
