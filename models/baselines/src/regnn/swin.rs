//! Swin Transformer (Liu et al., 2021), which gives REGNN 768 numbers for each video frame.
//!
//! `[B, 3, H, H]` -> 4x4 patches, norm -> stages of pre-norm blocks in windows of 7x7, every second one shifted by 3 (none where
//! the map is one window), with learned biases by relative position; between stages 2x2 patches are merged. Features are
//! the mean of the normed last tokens.

use candle_core::{Result, Tensor};

use crate::layers::linear::Linear;
use crate::layers::norm::LayerNorm;
use crate::layers::rows::{Gelu, gelu, softmax};
use crate::parameters::{Scope, Start};
use crate::pass::Pass;

/// Sizes; the default is Swin-T on pictures of 224.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Side of a picture, a multiple of patch and windows at every stage.
    pub side: usize,
    /// Side of a patch.
    pub patch: usize,
    /// Width of the first stage; each next has twice that.
    pub width: usize,
    /// Blocks of each stage.
    pub depths: Vec<usize>,
    /// Heads of each stage.
    pub heads: Vec<usize>,
    /// Side of a window.
    pub window: usize,
    /// Classes of the head.
    pub classes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            side: 224,
            patch: 4,
            width: 96,
            depths: vec![2, 2, 6, 2],
            heads: vec![3, 6, 12, 24],
            window: 7,
            classes: 7,
        }
    }
}

/// Added to scores of tokens that a shift brought together.
const APART: f32 = -100.0;
const MLP: usize = 4;

#[derive(Debug, Clone)]
struct Block {
    norms: [LayerNorm; 2],
    qkv: Linear,
    out: Linear,
    /// Biases by relative position `[(2 window - 1)^2, heads]`, and which of them each pair of tokens has.
    bias: (Tensor, Tensor),
    /// `[windows, N, N]` of a shifted block.
    mask: Option<Tensor>,
    mlp: [Linear; 2],
    heads: usize,
    /// Side of the map, side of a window, shift.
    place: (usize, usize, usize),
}

#[derive(Debug, Clone)]
struct Stage {
    blocks: Vec<Block>,
    merge: Option<(LayerNorm, Linear)>,
    side: usize,
}

/// The network.
#[derive(Debug, Clone)]
pub struct Swin {
    patches: (Tensor, Tensor),
    patch_norm: LayerNorm,
    stages: Vec<Stage>,
    norm: LayerNorm,
    head: Linear,
    config: Config,
}

/// Whether a tensor of an official state dict is a constant that is made anew here.
pub fn is_junk(name: &str) -> bool {
    name.ends_with("relative_position_index") || name.ends_with("attn_mask")
}

impl Swin {
    /// Names as in the official state dict.
    ///
    /// # Errors
    /// Of the tensor library, and when sizes do not fit.
    pub fn new(config: &Config, scope: &Scope<'_, '_>) -> Result<Self> {
        let inputs = 3 * config.patch * config.patch;
        let embed = scope.at("patch_embed");
        let shape = [config.width, 3, config.patch, config.patch];
        let weight = embed.at("proj").tensor("weight", &shape, Start::fan_in(inputs))?;
        let bias = embed.at("proj").tensor("bias", &[config.width], Start::fan_in(inputs))?;
        let mut stages = Vec::new();
        let last = config.depths.len() - 1;
        for (index, (depth, heads)) in config.depths.iter().zip(&config.heads).enumerate() {
            let (width, side) = (config.width << index, (config.side / config.patch) >> index);
            let scope = scope.at("layers").at(index);
            let block = |block: usize| {
                let scope = scope.at("blocks").at(block);
                let shifted = block % 2 == 1 && side > config.window;
                let window = config.window.min(side);
                Block::new(&scope, width, *heads, (side, window, if shifted { window / 2 } else { 0 }))
            };
            let down = scope.at("downsample");
            stages.push(Stage {
                blocks: (0..*depth).map(block).collect::<Result<_>>()?,
                merge: if index < last {
                    let norm = LayerNorm::new(&down.at("norm"), 4 * width)?;
                    Some((norm, Linear::without_bias(&down.at("reduction"), 4 * width, 2 * width)?))
                } else {
                    None
                },
                side,
            });
        }
        let width = config.width << last;
        Ok(Self {
            patches: (weight.flatten_from(1)?, bias),
            patch_norm: LayerNorm::new(&embed.at("norm"), config.width)?,
            stages,
            norm: LayerNorm::new(&scope.at("norm"), width)?,
            head: Linear::new(&scope.at("head"), width, config.classes)?,
            config: config.clone(),
        })
    }

    /// Pictures `[B, 3, H, H]` to features `[B, width of the last stage]`.
    ///
    /// # Errors
    /// When pictures are of another size.
    pub fn features(&self, pictures: &Tensor, pass: &Pass) -> Result<Tensor> {
        let (batch, channels, height, width) = pictures.dims4()?;
        let (side, patch) = (self.config.side / self.config.patch, self.config.patch);
        if (channels, height, width) != (3, self.config.side, self.config.side) {
            candle_core::bail!(
                "pictures must be [3, {0}, {0}], these are {1:?}",
                self.config.side,
                pictures.dims()
            );
        }
        // patches do not overlap, so the convolution is one product
        let cut = pictures.reshape((batch, 3, side, patch, side, patch))?.permute((0, 2, 4, 1, 3, 5))?;
        let cut = cut.reshape((batch, side * side, 3 * patch * patch))?;
        let x = crate::layers::linear::apply(&cut, &self.patches.0, Some(&self.patches.1))?;
        let mut x = self.patch_norm.forward(&x)?;
        pass.note("patch_embed", &x);
        for stage in &self.stages {
            for block in &stage.blocks {
                x = block.forward(&x)?;
            }
            if let Some((norm, reduce)) = &stage.merge {
                x = reduce.forward(&norm.forward(&merged(&x, stage.side)?)?)?;
            }
            pass.note("stage", &x);
        }
        self.norm.forward(&x)?.mean(1)
    }

    /// Features to scores of classes.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn classes(&self, features: &Tensor) -> Result<Tensor> {
        self.head.forward(features)
    }
}

/// `[B, side^2, C]` to `[B, side^2 / 4, 4 C]`: (0,0), (1,0), (0,1), (1,1) of each square.
fn merged(x: &Tensor, side: usize) -> Result<Tensor> {
    let (batch, _, width) = x.dims3()?;
    let half = side / 2;
    let squares = x.reshape((batch, half, 2, half, 2, width))?;
    // row within the square is dimension 2, column dimension 4; columns vary slower
    squares.permute((0, 1, 3, 4, 2, 5))?.reshape((batch, half * half, 4 * width))
}

impl Block {
    fn new(scope: &Scope<'_, '_>, width: usize, heads: usize, place: (usize, usize, usize)) -> Result<Self> {
        let (side, window, shift) = place;
        let attention = scope.at("attn");
        let span = 2 * window - 1;
        let table =
            attention.tensor("relative_position_bias_table", &[span * span, heads], Start::Normal(0.02))?;
        let tokens = window * window;
        let at = |token: usize| (token / window, token % window);
        let index: Vec<u32> = (0..tokens * tokens)
            .map(|pair| {
                let ((r0, c0), (r1, c1)) = (at(pair / tokens), at(pair % tokens));
                ((r0 + window - 1 - r1) * span + c0 + window - 1 - c1) as u32
            })
            .collect();
        let index = Tensor::from_vec(index, tokens * tokens, table.device())?;
        let mask = if shift > 0 { Some(shift_mask(side, window, shift, &table)?) } else { None };
        let linear = |name: &str, inputs, outputs| {
            let start = Start::Normal(0.02);
            Linear::started(&scope.at(name), inputs, outputs, start, Some(Start::Constant(0.0)))
        };
        Ok(Self {
            norms: [LayerNorm::new(&scope.at("norm1"), width)?, LayerNorm::new(&scope.at("norm2"), width)?],
            qkv: linear("attn.qkv", width, 3 * width)?,
            out: linear("attn.proj", width, width)?,
            bias: (table, index),
            mask,
            mlp: [linear("mlp.fc1", width, MLP * width)?, linear("mlp.fc2", MLP * width, width)?],
            heads,
            place,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = (x + self.attention(&self.norms[0].forward(x)?)?)?;
        let inner = gelu(&self.mlp[0].forward(&self.norms[1].forward(&x)?)?, Gelu::Exact)?;
        &x + self.mlp[1].forward(&inner)?
    }

    /// Attention within windows of `[B, side^2, C]`.
    fn attention(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, _, width) = x.dims3()?;
        let (side, window, shift) = self.place;
        let (across, tokens) = (side / window, window * window);
        let rolled =
            |x: &Tensor, by: i32| if shift == 0 { Ok(x.clone()) } else { x.roll(by, 1)?.roll(by, 2) };
        let map = rolled(&x.reshape((batch, side, side, width))?, -(shift as i32))?;
        let windows = map.reshape((batch, across, window, across, window, width))?;
        let windows =
            windows.permute((0, 1, 3, 2, 4, 5))?.reshape((batch * across * across, tokens, width))?;
        let all = batch * across * across;
        let each = width / self.heads;
        let qkv = self.qkv.forward(&windows)?.reshape((all, tokens, 3, self.heads, each))?;
        let qkv = qkv.permute((2, 0, 3, 1, 4))?;
        let part = |index: usize| qkv.get(index)?.contiguous();
        let q = (part(0)? * (each as f64).powf(-0.5))?;
        let bias = self.bias.0.index_select(&self.bias.1, 0)?.reshape((tokens, tokens, self.heads))?;
        let bias = bias.permute((2, 0, 1))?.contiguous()?;
        let scores = q.matmul(&part(1)?.t()?)?.broadcast_add(&bias)?;
        let scores = match &self.mask {
            Some(mask) => {
                let apart = mask.reshape((1, across * across, 1, tokens, tokens))?;
                scores
                    .reshape((batch, across * across, self.heads, tokens, tokens))?
                    .broadcast_add(&apart)?
                    .reshape((all, self.heads, tokens, tokens))?
            }
            None => scores,
        };
        let seen = softmax(&scores)?.matmul(&part(2)?)?.transpose(1, 2)?.reshape((all, tokens, width))?;
        let seen = self.out.forward(&seen)?.reshape((batch, across, across, window, window, width))?;
        let map = seen.permute((0, 1, 3, 2, 4, 5))?.reshape((batch, side, side, width))?;
        rolled(&map, shift as i32)?.reshape((batch, side * side, width))
    }
}

/// `[windows, N, N]`: tokens of a shifted window that were not neighbours before the shift are kept apart.
fn shift_mask(side: usize, window: usize, shift: usize, like: &Tensor) -> Result<Tensor> {
    let region = |place: usize| match place {
        place if place < side - window => 0,
        place if place < side - shift => 1,
        _ => 2,
    };
    let (across, tokens) = (side / window, window * window);
    let mut values = Vec::with_capacity(across * across * tokens * tokens);
    for square in 0..across * across {
        let regions: Vec<usize> = (0..tokens)
            .map(|token| {
                let row = square / across * window + token / window;
                let column = square % across * window + token % window;
                region(row) * 3 + region(column)
            })
            .collect();
        for a in &regions {
            values.extend(regions.iter().map(|b| if a == b { 0.0 } else { APART }));
        }
    }
    Tensor::from_vec(values, (across * across, tokens, tokens), like.device())?.to_dtype(like.dtype())
}
