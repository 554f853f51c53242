//! wav2vec2 (Baevski et al. 2020), the encoder of both families: *base* (group norm, post-norm) and *large* (layer norm,
//! pre-norm, "stable"). 16 kHz sound to one row of `hidden_size` numbers every 20 ms, and their means over pairs:
//! one row a video frame.
//!
//! Reference: Hugging Face transformers, `Wav2Vec2Model`. Seven convolutions ([T', 512], total stride 320 samples) ->
//! layer norm and projection -> + GELU of a grouped convolution over +-1.28 s (the positional encoding) ->
//! transformer. `encoder.layer_norm` comes before the layers in the post-norm family and after them in the other.
//!
//! How it runs: activations are `[time, channels]`, so a convolution over time is one matrix product with a view whose
//! rows overlap, without copies. The convolutions work through the clip in stretches of [`STRETCH`] rows; attention
//! goes head by head and block by block. Memory is the weights plus a few `[T, hidden]` and grows linearly with the clip.
//!
//! What it is not: causal. The whole clip is normalised, group norm runs over time, and every row attends to all. An
//! online track must not use it.

pub mod config;
mod load;

use clips::{Control, Fault, FaultKind, Result};
use rayon::prelude::*;

use crate::math::{Linear, Norm, View, add, add_bias, block_rows, gelu, product, softmax};
pub use config::{Config, ConvolutionNorm, STRIDE};

/// Longest clip in samples: ten minutes; attention costs the square of the length.
pub const MOST_SAMPLES: usize = 600 * crate::FEATURE_RATE as usize;
/// Rows that the convolutions make at a time.
const STRETCH: usize = 96;
/// Queries that attend at a time.
const QUERIES: usize = 128;
/// Added to the variance of the clip.
const CLIP_EPSILON: f64 = 1e-7;

/// A convolution over time as a layer on overlapping windows.
#[derive(Debug)]
struct Convolution {
    /// `[out, kernel * in]`.
    linear: Linear,
    stride: usize,
    norm: Option<Norm>,
}

/// The positional convolution, one layer a group.
#[derive(Debug)]
struct Positional {
    groups: Vec<Linear>,
    bias: Vec<f32>,
    kernel: usize,
}

#[derive(Debug)]
struct Attention {
    /// Queries, keys and values stacked.
    stacked: Linear,
    out: Linear,
    heads: usize,
}

#[derive(Debug)]
struct Layer {
    attention: Attention,
    norm: Norm,
    widen: Linear,
    narrow: Linear,
    final_norm: Norm,
}

/// A loaded encoder.
#[derive(Debug)]
pub struct Encoder {
    config: Config,
    convolutions: Vec<Convolution>,
    projection_norm: Norm,
    projection: Linear,
    positional: Positional,
    norm: Norm,
    layers: Vec<Layer>,
}

/// What happened on the way, for comparison with the reference: rows of `[T', ..]`.
#[derive(Debug, Default)]
pub struct Trace {
    /// The sound brought to mean 0 and variance 1.
    pub input_values: Vec<f32>,
    /// After the convolutions.
    pub conv_features: Vec<f32>,
    /// After the layer norm of the projection.
    pub norm_features: Vec<f32>,
    /// After the projection.
    pub projected: Vec<f32>,
    /// The positional encoding, before it is added.
    pub pos_conv: Vec<f32>,
    /// The input of the first layer and the output of every one.
    pub hidden: Vec<Vec<f32>>,
    /// Attention of the first layer, `[heads, T', T']`.
    pub attention: Vec<f32>,
}

impl Encoder {
    /// The sizes.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Hidden states of 16 kHz mono sound: `[T', hidden_size]`, a row every 20 ms.
    ///
    /// # Errors
    /// When the clip is longer than [`MOST_SAMPLES`], or on request.
    pub fn encode(&self, samples: &[f32], control: &Control) -> Result<Vec<f32>> {
        self.run(samples, control, None)
    }

    /// As [`Encoder::encode`], with what happened on the way.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn trace(&self, samples: &[f32], control: &Control) -> Result<(Vec<f32>, Trace)> {
        let mut trace = Trace::default();
        let hidden = self.run(samples, control, Some(&mut trace))?;
        Ok((hidden, trace))
    }

    fn run(&self, samples: &[f32], control: &Control, mut trace: Option<&mut Trace>) -> Result<Vec<f32>> {
        const STAGE: &str = "wav2vec2";
        if samples.len() > MOST_SAMPLES {
            return Err(Fault::new(
                FaultKind::TooLarge,
                "",
                format!("the clip is {} s long", samples.len() / crate::FEATURE_RATE as usize),
            )
            .at("wav2vec2")
            .remedy("cut it into parts of at most ten minutes"));
        }
        let total = self.layers.len() as u64 + 2;
        control.step(STAGE, 0, total, "convolutions")?;
        let input = if self.config.normalise { normalised(samples) } else { silenced(samples) };
        let mut rows = self.convolve(&input, control)?;
        if let Some(trace) = &mut trace {
            trace.conv_features.clone_from(&rows);
        }
        self.projection_norm.forward(&mut rows);
        if let Some(trace) = &mut trace {
            (trace.input_values, trace.norm_features) = (input, rows.clone());
        }
        let mut hidden = self.projection.forward(&rows, |_| ());
        drop(rows);
        control.step(STAGE, 1, total, "positions")?;
        let positions = self.positional.forward(&hidden, self.config.hidden_size);
        if let Some(trace) = &mut trace {
            (trace.projected, trace.pos_conv) = (hidden.clone(), positions.clone());
        }
        add(&mut hidden, &positions);
        drop(positions);
        if !self.config.do_stable_layer_norm {
            self.norm.forward(&mut hidden);
        }
        for (index, layer) in self.layers.iter().enumerate() {
            control.step(STAGE, 2 + index as u64, total, "layers")?;
            if let Some(trace) = &mut trace {
                trace.hidden.push(hidden.clone());
                if index == 0 {
                    trace.attention = layer.probabilities(&hidden, self.config.do_stable_layer_norm);
                }
            }
            layer.forward(&mut hidden, self.config.do_stable_layer_norm);
        }
        if let Some(trace) = &mut trace {
            trace.hidden.push(hidden.clone());
        }
        if self.config.do_stable_layer_norm {
            self.norm.forward(&mut hidden);
        }
        control.step(STAGE, total, total, "")?;
        Ok(hidden)
    }

    /// The feature encoder: `[T', channels]`.
    fn convolve(&self, input: &[f32], control: &Control) -> Result<Vec<f32>> {
        let rows = self.config.rows(input.len());
        let width = self.config.conv_dim.last().copied().unwrap_or(0);
        let over_time = match self.config.feat_extract_norm {
            ConvolutionNorm::Group => self.convolutions.first().map(|first| first.over_time(input)),
            ConvolutionNorm::Layer => None,
        };
        let field = self.config.receptive_field();
        let mut out = vec![0.0; rows * width];
        out.par_chunks_mut(STRETCH * width).enumerate().try_for_each(|(stretch, out)| {
            control.check()?;
            let heard = &input[stretch * STRETCH * STRIDE..][..(out.len() / width - 1) * STRIDE + field];
            let (mut now, mut channels) = (std::borrow::Cow::Borrowed(heard), 1);
            for (index, convolution) in self.convolutions.iter().enumerate() {
                let mut next = convolution.forward(&now, channels);
                channels = convolution.linear.outputs();
                match (&over_time, &convolution.norm) {
                    (Some((scale, shift)), _) if index == 0 => affine(&mut next, scale, shift),
                    (None, Some(norm)) => norm.apply(&mut next),
                    _ => {}
                }
                gelu(&mut next);
                now = next.into();
            }
            out.copy_from_slice(&now);
            Ok(())
        })?;
        Ok(out)
    }
}

impl Convolution {
    fn forward(&self, rows: &[f32], channels: usize) -> Vec<f32> {
        let (kernel, outputs) = (self.linear.inputs / channels, self.linear.outputs());
        let count = (rows.len() / channels - kernel) / self.stride + 1;
        let mut out = vec![0.0; count * outputs];
        self.linear.apply(View::strided(rows, count, self.linear.inputs, self.stride * channels), &mut out);
        out
    }

    /// The group norm of the first convolution as one scale and shift a channel. What the convolution gives is linear
    /// in windows of the input, so its mean and variance over time follow from those of the windows, without
    /// computing it: mean = w . m + b, variance = w' C w.
    fn over_time(&self, input: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let kernel = self.linear.inputs;
        let (mut count, mut sums, mut products) =
            (0.0f64, vec![0.0f64; kernel], vec![0.0f64; kernel * kernel]);
        for window in input.windows(kernel).step_by(self.stride) {
            count += 1.0;
            for (i, a) in window.iter().enumerate() {
                sums[i] += f64::from(*a);
                for (j, b) in window.iter().enumerate().take(i + 1) {
                    products[i * kernel + j] += f64::from(*a) * f64::from(*b);
                }
            }
        }
        let mean = |i: usize| sums[i] / count.max(1.0);
        let covariance = |i: usize, j: usize| {
            let (i, j) = (i.max(j), i.min(j));
            products[i * kernel + j] / count.max(1.0) - mean(i) * mean(j)
        };
        let Some(norm) = &self.norm else { return (Vec::new(), Vec::new()) };
        let channel = |(index, weights): (usize, &[f32])| {
            let weight = |i: usize| f64::from(weights[i]);
            let bias = self.linear.bias.get(index).map_or(0.0, |bias| f64::from(*bias));
            let average = bias + (0..kernel).map(|i| weight(i) * mean(i)).sum::<f64>();
            let variance: f64 = (0..kernel)
                .map(|i| (0..kernel).map(|j| weight(i) * weight(j) * covariance(i, j)).sum::<f64>())
                .sum();
            let scale = f64::from(norm.gain[index]) / (variance.max(0.0) + f64::from(norm.epsilon)).sqrt();
            (scale as f32, (f64::from(norm.shift[index]) - average * scale) as f32)
        };
        self.linear.weight.chunks_exact(kernel).enumerate().map(channel).unzip()
    }
}

impl Positional {
    /// GELU of the grouped convolution; the last row that an even kernel makes too many is not computed.
    fn forward(&self, rows: &[f32], width: usize) -> Vec<f32> {
        let part = width / self.groups.len().max(1);
        let count = rows.len() / width;
        let before = self.kernel / 2;
        let padded = count + 2 * before;
        // every group gets its own strip of time, so that its windows are overlapping rows again
        let strips: Vec<Vec<f32>> = (0..self.groups.len())
            .into_par_iter()
            .map(|group| {
                let mut strip = vec![0.0; padded * part];
                for (slot, row) in strip[before * part..].chunks_exact_mut(part).zip(rows.chunks_exact(width))
                {
                    slot.copy_from_slice(&row[group * part..][..part]);
                }
                let mut out = vec![0.0; count * part];
                if count > 0 {
                    let layer = &self.groups[group];
                    layer.apply(View::strided(&strip, count, layer.inputs, part), &mut out);
                }
                out
            })
            .collect();
        let mut out = vec![0.0; rows.len()];
        let block = block_rows(count);
        out.par_chunks_mut(block * width).enumerate().for_each(|(index, out)| {
            for (row, out) in out.chunks_exact_mut(width).enumerate() {
                for (slot, strip) in out.chunks_exact_mut(part).zip(&strips) {
                    slot.copy_from_slice(&strip[(index * block + row) * part..][..part]);
                }
            }
            add_bias(out, &self.bias);
            gelu(out);
        });
        out
    }
}

impl Layer {
    fn forward(&self, hidden: &mut [f32], stable: bool) {
        if stable {
            let mut normed = hidden.to_vec();
            self.norm.forward(&mut normed);
            add(hidden, &self.attention.forward(&normed));
            normed.copy_from_slice(hidden);
            self.final_norm.forward(&mut normed);
            self.feed_forward(&normed, hidden);
        } else {
            let attended = self.attention.forward(hidden);
            add(hidden, &attended);
            self.norm.forward(hidden);
            let input = hidden.to_vec();
            self.feed_forward(&input, hidden);
            self.final_norm.forward(hidden);
        }
    }

    /// Adds `narrow(gelu(widen(rows)))` to `hidden`, block by block, so that the wide rows never exist all at once.
    fn feed_forward(&self, rows: &[f32], hidden: &mut [f32]) {
        let (width, wide) = (self.widen.inputs, self.widen.outputs());
        let block = block_rows(rows.len() / width);
        hidden.par_chunks_mut(block * width).zip(rows.par_chunks(block * width)).for_each(
            |(hidden, rows)| {
                let count = rows.len() / width;
                let mut middle = vec![0.0; count * wide];
                self.widen.apply(View::dense(rows, count, width), &mut middle);
                gelu(&mut middle);
                let mut out = vec![0.0; rows.len()];
                self.narrow.apply(View::dense(&middle, count, wide), &mut out);
                add(hidden, &out);
            },
        );
    }

    /// The attention of every head on what the layer is given, `[heads, T', T']`.
    fn probabilities(&self, hidden: &[f32], stable: bool) -> Vec<f32> {
        let mut rows = hidden.to_vec();
        if stable {
            self.norm.forward(&mut rows);
        }
        let stacked = self.attention.stacked.forward(&rows, |_| ());
        let count = rows.len() / self.attention.width();
        let mut all = Vec::with_capacity(self.attention.heads * count * count);
        for head in 0..self.attention.heads {
            let mut scores = vec![0.0; count * count];
            self.attention.scores(&stacked, head, 0..count, &mut scores);
            all.extend(scores);
        }
        all
    }
}

impl Attention {
    fn width(&self) -> usize {
        self.stacked.inputs
    }

    /// Softmax over keys of the queries `which` of one head, into `[which, T']`.
    fn scores(&self, stacked: &[f32], head: usize, which: std::ops::Range<usize>, out: &mut [f32]) {
        let (stride, size) = (3 * self.width(), self.width() / self.heads);
        let count = stacked.len() / stride;
        let queries =
            View::strided(&stacked[which.start * stride + head * size..], which.len(), size, stride);
        let keys = View::strided(&stacked[self.width() + head * size..], count, size, stride);
        product(out, count, queries, keys.transposed(), 1.0 / (size as f32).sqrt());
        softmax(out, count);
    }

    fn forward(&self, rows: &[f32]) -> Vec<f32> {
        let (width, size) = (self.width(), self.width() / self.heads);
        let count = rows.len() / width;
        let stacked = self.stacked.forward(rows, |_| ());
        let mut attended = vec![0.0; rows.len()];
        attended.par_chunks_mut(QUERIES * width).enumerate().for_each_init(
            || vec![0.0; QUERIES * count],
            |scores, (block, out)| {
                let first = block * QUERIES;
                let queries = out.len() / width;
                for head in 0..self.heads {
                    let scores = &mut scores[..queries * count];
                    self.scores(&stacked, head, first..first + queries, scores);
                    let values = View::strided(&stacked[2 * width + head * size..], count, size, 3 * width);
                    product(&mut out[head * size..], width, View::dense(scores, queries, count), values, 1.0);
                }
            },
        );
        self.out.forward(&attended, |_| ())
    }
}

/// `rows * scale + shift`, a channel each.
fn affine(rows: &mut [f32], scale: &[f32], shift: &[f32]) {
    for row in rows.chunks_exact_mut(scale.len().max(1)) {
        for (value, (scale, shift)) in row.iter_mut().zip(scale.iter().zip(shift)) {
            *value = *value * scale + shift;
        }
    }
}

fn silenced(samples: &[f32]) -> Vec<f32> {
    samples.iter().map(|sample| if sample.is_finite() { *sample } else { 0.0 }).collect()
}

/// Mean and population variance of a clip; what is not a number counts as silence.
pub fn mean_and_variance(samples: &[f32]) -> (f64, f64) {
    let samples = silenced(samples);
    let count = samples.len().max(1) as f64;
    let mean = samples.iter().map(|sample| f64::from(*sample)).sum::<f64>() / count;
    let variance = samples.iter().map(|sample| (f64::from(*sample) - mean).powi(2)).sum::<f64>() / count;
    (mean, variance)
}

/// The clip at mean 0 and variance 1, as the encoder was trained to hear it.
pub fn normalised(samples: &[f32]) -> Vec<f32> {
    let (mean, variance) = mean_and_variance(samples);
    let scale = 1.0 / (variance + CLIP_EPSILON).sqrt();
    silenced(samples).iter().map(|sample| ((f64::from(*sample) - mean) * scale) as f32).collect()
}

/// 50 rows a second to 25: row t is the mean of rows 2t and 2t + 1, of the one there is at the end, and the last one
/// again beyond. Never an interpolation over the whole clip, which would drift.
pub fn pair_means(hidden: &[f32], width: usize, rows: usize) -> Vec<f32> {
    let width = width.max(1);
    let count = hidden.len() / width;
    let mut out = Vec::with_capacity(rows * width);
    for row in 0..rows {
        let last = count.saturating_sub(1);
        let (first, second) = ((2 * row).min(last), (2 * row + 1).min(last));
        let at = |row: usize| hidden.get(row * width..(row + 1) * width).unwrap_or_default();
        if count == 0 {
            out.extend(std::iter::repeat_n(0.0, width));
        } else {
            out.extend(at(first).iter().zip(at(second)).map(|(a, b)| 0.5 * (a + b)));
        }
    }
    out
}
