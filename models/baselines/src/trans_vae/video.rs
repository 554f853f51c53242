//! Video encoder of Trans-VAE: frames to one token each. The official module is called `Conv3D`; all its kernels are
//! (1, k, k), so it is two-dimensional but for its norms.
//!
//! `[B, T, 3, H, W]` -> conv1 7x7/2 -> 3x3/2 maximum -> conv2 7x7/2 -> conv3 3x3/2 -> + conv4 3x3 -> conv5 3x3/2 -> mean
//! over the picture -> `[B, T, d]` -> `fc`. Each convolution is followed by an instance norm and ReLU.
//!
//! *Parity:* the norms' statistics run over frames, height and width together, so that a frame's token depends on every
//! frame of the clip: offline tokens see the future, and online the tokens of old frames change as the clip grows.

use candle_core::{Result, Tensor};

use crate::layers::convolution::{FrameConv, max_pool2d};
use crate::layers::linear::Linear;
use crate::layers::norm::instance_norm;
use crate::layers::pointwise::relu;
use crate::parameters::Scope;
use crate::pass::Pass;

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
        self.out.forward(&tokens)
    }
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
