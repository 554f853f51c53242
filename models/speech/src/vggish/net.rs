//! The VGGish network: 96 x 64 log-mel patches to 128 numbers, and the whitening and 8-bit quantisation after it.
//!
//! Six 3x3 convolutions (1-64, 64-128, 128-256-256, 256-512-512) with ReLU and four 2x2 maxima leave [6, 4, 512] (the
//! PyTorch port turns its channels last before flattening, so we keep them last throughout); three layers 12288-4096-
//! 4096-128 with ReLU after each, the last one too. Then `E (x - mean)`, clamped to +-2 and rounded to 0..=255 (as
//! floats, used without scaling by the baseline). Tensor names: `features.{0,3,6,8,11,13}`, `embeddings.{0,2,4}`, and
//! `pproc.pca_eigen_vectors`, `pproc.pca_means` or, in the file that comes apart, without `pproc.`.

use std::path::Path;

use clips::tensors::Tensors;
use clips::{Control, Fault, FaultKind, Result};
use rayon::prelude::*;

use super::front::{BANDS, PATCH, PATCH_ROWS};
use crate::math::{Linear, View, add_bias, product, relu};
use crate::weights::take;

/// Width of the output.
pub const WIDTH: usize = 128;
/// Index in `features`, channels in and out, and whether a maximum follows.
const CONVOLUTIONS: [(usize, usize, usize, bool); 6] = [
    (0, 1, 64, true),
    (3, 64, 128, true),
    (6, 128, 256, false),
    (8, 256, 256, true),
    (11, 256, 512, false),
    (13, 512, 512, true),
];
/// Index in `embeddings`, and sizes.
const LAYERS: [(usize, usize, usize); 3] = [(0, 12_288, 4096), (2, 4096, 4096), (4, 4096, WIDTH)];
/// Patches that go through the network together.
const BATCH: usize = 16;

/// A loaded network.
#[derive(Debug)]
pub struct Network {
    convolutions: Vec<Linear>,
    layers: Vec<Linear>,
    /// Rows of eigenvectors, then their means; absent when the weights came without.
    whitening: Option<(Linear, Vec<f32>)>,
}

impl Network {
    /// The network of named tensors; `of` gives a tensor by name and shape.
    ///
    /// # Errors
    /// Those of `of`.
    pub fn from_tensors(
        mut of: impl FnMut(&str, &[usize]) -> Result<Vec<f32>>,
        with_whitening: bool,
    ) -> Result<Self> {
        let mut convolutions = Vec::new();
        for (index, inputs, outputs, _) in CONVOLUTIONS {
            let weight = of(&format!("features.{index}.weight"), &[outputs, inputs, 3, 3])?;
            let bias = of(&format!("features.{index}.bias"), &[outputs])?;
            convolutions.push(Linear { weight: taps_first(&weight, inputs), bias, inputs: inputs * 9 });
        }
        let mut layers = Vec::new();
        for (index, inputs, outputs) in LAYERS {
            let weight = of(&format!("embeddings.{index}.weight"), &[outputs, inputs])?;
            let bias = of(&format!("embeddings.{index}.bias"), &[outputs])?;
            layers.push(Linear { weight, bias, inputs });
        }
        let whitening = if with_whitening {
            let vectors = of("pproc.pca_eigen_vectors", &[WIDTH, WIDTH])?;
            let means = of("pproc.pca_means", &[WIDTH, 1])?;
            Some((Linear { weight: vectors, bias: Vec::new(), inputs: WIDTH }, means))
        } else {
            None
        };
        Ok(Self { convolutions, layers, whitening })
    }

    /// The network of a folder of weight files (`.safetensors`, `.pth`, `.bin`), whitening included.
    ///
    /// # Errors
    /// When a tensor is missing, in no file, or of another shape.
    pub fn open(folder: &Path) -> Result<Self> {
        let mut files = crate::weights::files(folder)?
            .iter()
            .map(|path| Tensors::open(path))
            .collect::<Result<Vec<_>>>()?;
        Self::from_tensors(
            |name, shape| {
                let short = name.trim_start_matches("pproc.");
                for file in &mut files {
                    for name in [name, short] {
                        if file.shape(name).is_some() {
                            return take(file, name, shape);
                        }
                    }
                }
                Err(Fault::new(FaultKind::NotFound, folder, "no file of the folder has this tensor").at(name).remedy(
                    "put the VGGish state dict and its PCA parameters (pproc.pca_eigen_vectors, pproc.pca_means) there",
                ))
            },
            true,
        )
    }

    /// What the convolutions leave of patches: `[patches, 6 * 4 * 512]`, channels last.
    pub fn features(&self, patches: &[f32]) -> Vec<f32> {
        let maps: Vec<Vec<f32>> = patches
            .par_chunks_exact(PATCH)
            .map(|patch| {
                let (mut map, mut rows, mut columns) = (patch.to_vec(), PATCH_ROWS, BANDS);
                let mut strips = Vec::new();
                for (layer, (_, inputs, outputs, halve)) in self.convolutions.iter().zip(CONVOLUTIONS) {
                    map = convolve(layer, &map, rows, columns, inputs, &mut strips);
                    if halve {
                        map = maxima(&map, rows, columns, outputs);
                        (rows, columns) = (rows / 2, columns / 2);
                    }
                }
                map
            })
            .collect();
        maps.concat()
    }

    /// The embeddings of patches before whitening: `[patches, 128]`.
    ///
    /// # Errors
    /// When stopped.
    pub fn embeddings(&self, patches: &[f32], control: &Control) -> Result<Vec<f32>> {
        let total = (patches.len() / PATCH) as u64;
        let mut out = Vec::with_capacity(total as usize * WIDTH);
        for (done, batch) in patches.chunks(BATCH * PATCH).enumerate() {
            control.step("VGGish", (done * BATCH) as u64, total, "")?;
            let mut rows = self.features(batch);
            for layer in &self.layers {
                rows = wide(layer, &rows);
            }
            out.extend(rows);
        }
        control.step("VGGish", total, total, "")?;
        Ok(out)
    }

    /// Whitened and quantised embeddings: whole numbers from 0 to 255, `[rows, 128]`. Without whitening tensors the
    /// rows come back as they are.
    pub fn quantised(&self, embeddings: &[f32]) -> Vec<f32> {
        let Some((vectors, means)) = &self.whitening else { return embeddings.to_vec() };
        let mut rows = embeddings.to_vec();
        for row in rows.chunks_exact_mut(WIDTH) {
            for (value, mean) in row.iter_mut().zip(means) {
                *value -= mean;
            }
        }
        vectors.forward(&rows, |rows| {
            for value in rows {
                *value = ((value.clamp(-2.0, 2.0) + 2.0) * (255.0 / 4.0)).round_ties_even();
            }
        })
    }
}

/// A layer with few rows and many outputs: parallel over outputs.
fn wide(layer: &Linear, rows: &[f32]) -> Vec<f32> {
    const PART: usize = 512;
    let (count, outputs) = (rows.len() / layer.inputs, layer.outputs());
    let parts: Vec<Vec<f32>> = layer
        .weight
        .par_chunks(PART * layer.inputs)
        .zip(layer.bias.par_chunks(PART))
        .map(|(weight, bias)| {
            let mut out = vec![0.0; count * bias.len()];
            let weight = View::dense(weight, bias.len(), layer.inputs).transposed();
            product(&mut out, bias.len(), View::dense(rows, count, layer.inputs), weight, 1.0);
            add_bias(&mut out, bias);
            relu(&mut out);
            out
        })
        .collect();
    let mut out = Vec::with_capacity(count * outputs);
    for row in 0..count {
        for part in &parts {
            let width = part.len() / count;
            out.extend_from_slice(&part[row * width..][..width]);
        }
    }
    out
}

/// `[out, in, 3, 3]` to `[out, 3, 3, in]`, so that a pixel's channels lie together.
fn taps_first(weight: &[f32], inputs: usize) -> Vec<f32> {
    let one = |kernel: &[f32]| -> Vec<f32> {
        (0..9)
            .flat_map(|tap| (0..inputs).map(move |input| (input, tap)))
            .map(|(i, t)| kernel[i * 9 + t])
            .collect()
    };
    weight.chunks_exact(inputs * 9).flat_map(one).collect()
}

/// A 3x3 convolution with zeros around the map, and ReLU: `[rows, columns, in]` to `[rows, columns, out]`.
fn convolve(
    layer: &Linear,
    map: &[f32],
    rows: usize,
    columns: usize,
    inputs: usize,
    strips: &mut Vec<f32>,
) -> Vec<f32> {
    let outputs = layer.outputs();
    let mut out = vec![0.0; rows * columns * outputs];
    // a few rows at a time keep the unfolded neighbourhoods small
    let block = (8_192 / columns).clamp(1, 32);
    for (first, out) in (0..rows).step_by(block).zip(out.chunks_mut(block * columns * outputs)) {
        let count = out.len() / (columns * outputs);
        strips.clear();
        strips.resize(count * columns * 9 * inputs, 0.0);
        for (pixel, patch) in strips.chunks_exact_mut(9 * inputs).enumerate() {
            let (row, column) = (first + pixel / columns, pixel % columns);
            for (tap, slot) in patch.chunks_exact_mut(inputs).enumerate() {
                let (r, c) = ((row + tap / 3).wrapping_sub(1), (column + tap % 3).wrapping_sub(1));
                if r < rows && c < columns {
                    slot.copy_from_slice(&map[(r * columns + c) * inputs..][..inputs]);
                }
            }
        }
        layer.apply(View::dense(strips, count * columns, 9 * inputs), out);
        relu(out);
    }
    out
}

/// The maximum of each 2x2 square.
fn maxima(map: &[f32], rows: usize, columns: usize, channels: usize) -> Vec<f32> {
    let mut out = vec![f32::NEG_INFINITY; rows / 2 * (columns / 2) * channels];
    for (pixel, out) in out.chunks_exact_mut(channels).enumerate() {
        let (row, column) = (pixel / (columns / 2) * 2, pixel % (columns / 2) * 2);
        for (r, c) in [(row, column), (row, column + 1), (row + 1, column), (row + 1, column + 1)] {
            for (most, value) in out.iter_mut().zip(&map[(r * columns + c) * channels..]) {
                *most = most.max(*value);
            }
        }
    }
    out
}
