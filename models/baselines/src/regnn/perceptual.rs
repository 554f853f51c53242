//! Perceptual processor of REGNN: video and audio features to 64 numbers a frame.
//!
//! Video (Swin, 768) is mapped to d; audio enters as it is when it has d columns already (VGGish, 128), else it is mapped
//! (wav2vec2). Video reads audio, a second transformer reads the result, two layers with a skip, one to 64. The official
//! state dict has `proj_a` in either case; where it is unused it is left out here.

use candle_core::{Result, Tensor};

use super::config::PerceptualConfig;
use super::fusion::Transformer;
use crate::layers::linear::{self, Linear};
use crate::layers::pointwise::relu;
use crate::parameters::{Scope, Start};
use crate::pass::Pass;

/// `fuse_model`.
#[derive(Debug, Clone)]
pub struct Perceptual {
    video: Tensor,
    audio: Option<Tensor>,
    cross: Transformer,
    memory: Transformer,
    skip: [Linear; 2],
    out: Linear,
}

impl Perceptual {
    /// Names as in the official state dict, below `fuse_model`.
    ///
    /// # Errors
    /// Of the tensor library.
    pub fn new(config: &PerceptualConfig, scope: &Scope<'_, '_>) -> Result<Self> {
        let d = config.width;
        // convolutions of one tap without bias
        let map = |name: &str, columns: usize| {
            scope.at(name).tensor("weight", &[d, columns, 1], Start::fan_in(columns))?.squeeze(2)
        };
        let transformer =
            |name: &str, layers| Transformer::new(&scope.at(name), d, config.heads, layers, config.dropout);
        Ok(Self {
            video: map("proj_v", config.video)?,
            audio: if config.audio == d { None } else { Some(map("proj_a", config.audio)?) },
            cross: transformer("trans_v_with_a", config.cross_layers)?,
            memory: transformer("trans_v_mem", config.memory_layers)?,
            skip: [Linear::new(&scope.at("proj1"), d, d)?, Linear::new(&scope.at("proj2"), d, d)?],
            out: Linear::new(&scope.at("out_layer"), d, config.out)?,
        })
    }

    /// Video `[B, T, 768]` and audio `[B, T, 128 or 768]` to `[B, T, 64]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, video: &Tensor, audio: &Tensor, pass: &Pass) -> Result<Tensor> {
        let video = linear::apply(video, &self.video, None)?;
        pass.note("proj_v", &video);
        let audio = match &self.audio {
            Some(weight) => linear::apply(audio, weight, None)?,
            None => audio.clone(),
        };
        let h = self.memory.forward(&self.cross.forward(&video, Some(&audio), pass)?, None, pass)?;
        let skipped = self.skip[1].forward(&relu(&self.skip[0].forward(&h)?)?)?;
        self.out.forward(&(h + skipped)?)
    }
}

/// Rows of one rate to `frames` rows by adaptive averages, as the notes on the wav2vec2 variant bring its 49.95 rows a
/// second to video frames: row j is the mean of rows floor(j n / frames) to ceil((j + 1) n / frames) - 1.
///
/// `rows` is `[n, width]`, row-major.
pub fn pooled(rows: &[f32], width: usize, frames: usize) -> Vec<f32> {
    let count = rows.len() / width.max(1);
    let mut out = Vec::with_capacity(frames * width);
    for frame in 0..frames {
        let (from, to) = (frame * count / frames, ((frame + 1) * count).div_ceil(frames));
        for column in 0..width {
            let sum: f64 = (from..to).map(|row| f64::from(rows[row * width + column])).sum();
            out.push((sum / (to - from).max(1) as f64) as f32);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooled_rows_overlap_where_rates_do_not_divide() {
        assert_eq!(pooled(&[1.0, 2.0, 3.0, 4.0], 1, 2), [1.5, 3.5]);
        assert_eq!(pooled(&[1.0, 2.0, 6.0], 1, 2), [1.5, 4.0]);
        assert_eq!(pooled(&[1.0, 2.0], 1, 3), [1.0, 1.5, 2.0]);
    }
}
