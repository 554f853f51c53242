//! An encoder from a Hugging Face folder: `config.json` with `model.safetensors` or `pytorch_model.bin`.
//!
//! Names may carry any prefix (`wav2vec2.` in fine-tuned models); what belongs to training alone (`lm_head`, `quantizer`,
//! `project_*`, `masked_spec_embed`) is left alone. The positional convolution's weight normalisation is folded
//! once; three spellings are known: `weight_g` and `weight_v`, `parametrizations.weight.original0` and `1`, and a plain
//! `weight` that is folded already.

use std::path::Path;

use clips::tensors::Tensors;
use clips::{Fault, FaultKind, Result};

use super::config::{Config, ConvolutionNorm};
use super::{Attention, Convolution, Encoder, Layer, Positional};
use crate::math::{Linear, Norm};
use crate::weights::take;

/// A tensor that every such model has; what stands before it is the prefix.
const LANDMARK: &str = "feature_extractor.conv_layers.0.conv.weight";
/// The epsilon of the normalisations among the convolutions; not a setting in the original either.
const CONVOLUTION_EPSILON: f32 = 1e-5;

impl Encoder {
    /// Loads the encoder of a folder.
    ///
    /// # Errors
    /// When a file or tensor is missing, damaged, of another model, or of other sizes than `config.json` says.
    pub fn open(folder: &Path) -> Result<Self> {
        let config = Config::read(&folder.join("config.json"))?;
        let weights = ["model.safetensors", "pytorch_model.bin"]
            .map(|name| folder.join(name))
            .into_iter()
            .find(|path| path.exists())
            .ok_or_else(|| {
                let fault =
                    Fault::new(FaultKind::NotFound, folder, "there are no weights beside config.json");
                if folder.join("model.safetensors.index.json").exists() {
                    fault.remedy(
                        "the weights are split over several files; save them as one model.safetensors",
                    )
                } else {
                    fault.remedy("put model.safetensors or pytorch_model.bin there")
                }
            })?;
        Self::from_tensors(config, &mut Tensors::open(&weights)?)
    }

    /// The encoder of a checked config and named tensors.
    ///
    /// # Errors
    /// When a tensor is missing, of another shape, or holds a value that is not a number.
    pub fn from_tensors(config: Config, tensors: &mut Tensors) -> Result<Self> {
        config.check(tensors.path())?;
        let prefix =
            tensors.names().find_map(|name| name.strip_suffix(LANDMARK)).map(str::to_owned).ok_or_else(
                || {
                    Fault::new(
                        FaultKind::Unsupported,
                        tensors.path(),
                        "these are not the weights of a wav2vec2 model",
                    )
                    .at(LANDMARK)
                    .remedy("name the folder of a wav2vec2 model")
                },
            )?;
        let mut file = Prefixed { prefix, tensors, config: &config };
        let mut convolutions = Vec::new();
        let mut channels = 1;
        for (index, outputs) in config.conv_dim.iter().enumerate() {
            convolutions.push(file.convolution(index, channels, *outputs)?);
            channels = *outputs;
        }
        let epsilon = config.layer_norm_eps as f32;
        let hidden = config.hidden_size;
        let projection_norm = file.norm("feature_projection.layer_norm", channels, epsilon)?;
        let projection = file.linear("feature_projection.projection", channels, hidden)?;
        let positional = file.positional()?;
        let norm = file.norm("encoder.layer_norm", hidden, epsilon)?;
        let layers = (0..config.num_hidden_layers)
            .map(|index| {
                let name = |part: &str| format!("encoder.layers.{index}.{part}");
                let mut stacked = Linear { weight: Vec::new(), bias: Vec::new(), inputs: hidden };
                for part in ["q_proj", "k_proj", "v_proj"] {
                    let one = file.linear(&name(&format!("attention.{part}")), hidden, hidden)?;
                    stacked.weight.extend(one.weight);
                    stacked.bias.extend(one.bias);
                }
                Ok(Layer {
                    attention: Attention {
                        stacked,
                        out: file.linear(&name("attention.out_proj"), hidden, hidden)?,
                        heads: config.num_attention_heads,
                    },
                    norm: file.norm(&name("layer_norm"), hidden, epsilon)?,
                    widen: file.linear(
                        &name("feed_forward.intermediate_dense"),
                        hidden,
                        config.intermediate_size,
                    )?,
                    narrow: file.linear(
                        &name("feed_forward.output_dense"),
                        config.intermediate_size,
                        hidden,
                    )?,
                    final_norm: file.norm(&name("final_layer_norm"), hidden, epsilon)?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { convolutions, projection_norm, projection, positional, norm, layers, config })
    }
}

/// A file whose names share a prefix.
struct Prefixed<'a> {
    prefix: String,
    tensors: &'a mut Tensors,
    config: &'a Config,
}

impl Prefixed<'_> {
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        take(self.tensors, &format!("{}{name}", self.prefix), shape)
    }

    fn linear(&mut self, name: &str, inputs: usize, outputs: usize) -> Result<Linear> {
        let weight = self.take(&format!("{name}.weight"), &[outputs, inputs])?;
        Ok(Linear { weight, bias: self.take(&format!("{name}.bias"), &[outputs])?, inputs })
    }

    fn norm(&mut self, name: &str, width: usize, epsilon: f32) -> Result<Norm> {
        let gain = self.take(&format!("{name}.weight"), &[width])?;
        Ok(Norm { gain, shift: self.take(&format!("{name}.bias"), &[width])?, epsilon })
    }

    fn convolution(&mut self, index: usize, inputs: usize, outputs: usize) -> Result<Convolution> {
        let name = format!("feature_extractor.conv_layers.{index}");
        let (kernel, stride) = (self.config.conv_kernel[index], self.config.conv_stride[index]);
        let weight = self.take(&format!("{name}.conv.weight"), &[outputs, inputs, kernel])?;
        let bias = match self.config.conv_bias {
            true => self.take(&format!("{name}.conv.bias"), &[outputs])?,
            false => Vec::new(),
        };
        let normed = index == 0 || self.config.feat_extract_norm == ConvolutionNorm::Layer;
        let norm = match normed {
            true => Some(self.norm(&format!("{name}.layer_norm"), outputs, CONVOLUTION_EPSILON)?),
            false => None,
        };
        let linear = Linear { weight: taps_first(&weight, inputs, kernel), bias, inputs: inputs * kernel };
        Ok(Convolution { linear, stride, norm })
    }

    fn positional(&mut self) -> Result<Positional> {
        const NAME: &str = "encoder.pos_conv_embed.conv";
        let (hidden, groups) = (self.config.hidden_size, self.config.num_conv_pos_embedding_groups);
        let (kernel, part) = (self.config.num_conv_pos_embeddings, hidden / groups);
        let shape = [hidden, part, kernel];
        let spellings = [
            ["weight_g", "weight_v"],
            ["parametrizations.weight.original0", "parametrizations.weight.original1"],
        ];
        let spelling = spellings
            .into_iter()
            .find(|[gain, _]| self.tensors.shape(&format!("{}{NAME}.{gain}", self.prefix)).is_some());
        let weight = match spelling {
            Some([gain, direction]) => {
                let gain = self.take(&format!("{NAME}.{gain}"), &[1, 1, kernel])?;
                let direction = self.take(&format!("{NAME}.{direction}"), &shape)?;
                fold(&gain, &direction)
            }
            None => self.take(&format!("{NAME}.weight"), &shape)?,
        };
        let bias = self.take(&format!("{NAME}.bias"), &[hidden])?;
        let groups = weight
            .chunks_exact(part * part * kernel)
            .map(|group| Linear {
                weight: taps_first(group, part, kernel),
                bias: Vec::new(),
                inputs: part * kernel,
            })
            .collect();
        Ok(Positional { groups, bias, kernel })
    }
}

/// `[out, in, kernel]` to `[out, kernel, in]`: the channels of one moment lie together, as they do in the activations.
fn taps_first(weight: &[f32], inputs: usize, kernel: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(weight.len());
    for one in weight.chunks_exact(inputs * kernel) {
        for tap in 0..kernel {
            out.extend((0..inputs).map(|input| one[input * kernel + tap]));
        }
    }
    out
}

/// Weight normalisation along the kernel: W[o, i, k] = g[k] v[o, i, k] / |v[.., .., k]|.
fn fold(gain: &[f32], direction: &[f32]) -> Vec<f32> {
    let mut squares = vec![0.0f64; gain.len()];
    for taps in direction.chunks_exact(gain.len()) {
        for (square, value) in squares.iter_mut().zip(taps) {
            *square += f64::from(*value).powi(2);
        }
    }
    // a tap that is zero throughout stays zero
    let scales: Vec<f64> =
        gain.iter().zip(&squares).map(|(gain, square)| f64::from(*gain) / square.sqrt().max(1e-30)).collect();
    direction
        .chunks_exact(gain.len())
        .flat_map(|taps| taps.iter().zip(&scales).map(|(value, scale)| (f64::from(*value) * scale) as f32))
        .collect()
}
