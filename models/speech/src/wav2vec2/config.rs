//! The sizes of a wav2vec2 encoder, from the `config.json` of a Hugging Face folder, checked before anything is
//! allocated.

use std::path::Path;

use clips::{Fault, FaultKind, Result};
use serde::Deserialize;

/// Longest `config.json`; vocabularies of fine-tuned models stay far below.
const MOST_BYTES: u64 = 4 << 20;

/// Where the convolutions of the feature encoder are normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConvolutionNorm {
    /// After the first one, each channel over time.
    Group,
    /// After every one, each moment over channels.
    Layer,
}

/// What of `config.json` decides the encoder. Keys that are absent have the value Hugging Face gives them, that of
/// wav2vec2-base.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Columns of the hidden states.
    pub hidden_size: usize,
    /// Transformer layers.
    pub num_hidden_layers: usize,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Columns between the two parts of the feed-forward block.
    pub intermediate_size: usize,
    /// Output channels of every convolution.
    pub conv_dim: Vec<usize>,
    /// Kernel of every convolution.
    pub conv_kernel: Vec<usize>,
    /// Stride of every convolution.
    pub conv_stride: Vec<usize>,
    /// Whether the convolutions have a bias.
    pub conv_bias: bool,
    /// Kernel of the positional convolution.
    pub num_conv_pos_embeddings: usize,
    /// Groups of the positional convolution.
    pub num_conv_pos_embedding_groups: usize,
    /// Normalisation of the convolutions.
    pub feat_extract_norm: ConvolutionNorm,
    /// Whether layers normalise their input (large models) or their output (base).
    pub do_stable_layer_norm: bool,
    /// Added to variances.
    pub layer_norm_eps: f64,
    /// Whether an adapter follows the encoder; such models are refused.
    pub add_adapter: bool,
    /// Activation of the transformer; only `gelu` is known.
    pub hidden_act: String,
    /// Activation of the convolutions; only `gelu` is known.
    pub feat_extract_activation: String,
    /// Family of the model; only `wav2vec2` is known.
    pub model_type: String,
    /// Whether each clip is brought to mean 0 and variance 1 first (from `preprocessor_config.json`).
    #[serde(skip, default = "yes")]
    pub normalise: bool,
}

fn yes() -> bool {
    true
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            conv_dim: vec![512; 7],
            conv_kernel: vec![10, 3, 3, 3, 3, 2, 2],
            conv_stride: vec![5, 2, 2, 2, 2, 2, 2],
            conv_bias: false,
            num_conv_pos_embeddings: 128,
            num_conv_pos_embedding_groups: 16,
            feat_extract_norm: ConvolutionNorm::Group,
            do_stable_layer_norm: false,
            layer_norm_eps: 1e-5,
            add_adapter: false,
            hidden_act: "gelu".to_owned(),
            feat_extract_activation: "gelu".to_owned(),
            model_type: "wav2vec2".to_owned(),
            normalise: true,
        }
    }
}

#[derive(Deserialize)]
#[serde(default)]
struct Preprocessor {
    do_normalize: bool,
    sampling_rate: u32,
}

impl Default for Preprocessor {
    fn default() -> Self {
        Self { do_normalize: true, sampling_rate: crate::FEATURE_RATE }
    }
}

impl Config {
    /// Reads `config.json`, and `preprocessor_config.json` beside it when it is there.
    ///
    /// # Errors
    /// When the file is missing or no JSON, or describes a model this encoder is not.
    pub fn read(path: &Path) -> Result<Self> {
        let mut config: Self = json(path)?;
        let beside = path.with_file_name("preprocessor_config.json");
        if beside.exists() {
            let preprocessor: Preprocessor = json(&beside)?;
            if preprocessor.sampling_rate != crate::FEATURE_RATE {
                return Err(unsupported(
                    &beside,
                    "sampling_rate",
                    &format!("the model wants {} Hz", preprocessor.sampling_rate),
                    "choose a model for 16000 Hz",
                ));
            }
            config.normalise = preprocessor.do_normalize;
        }
        config.check(path)?;
        Ok(config)
    }

    /// Refuses what this encoder is not, and sizes that no such model has.
    ///
    /// # Errors
    /// Naming the key.
    pub fn check(&self, path: &Path) -> Result<()> {
        if self.model_type != "wav2vec2" {
            let detail = format!("the model is a {}", self.model_type);
            return Err(unsupported(path, "model_type", &detail, "choose a wav2vec2 model"));
        }
        if self.add_adapter {
            return Err(unsupported(
                path,
                "add_adapter",
                "an adapter after the encoder makes fewer rows than 50 a second",
                "choose a checkpoint without an adapter, such as facebook/wav2vec2-base-960h",
            ));
        }
        for (key, value) in
            [("hidden_act", &self.hidden_act), ("feat_extract_activation", &self.feat_extract_activation)]
        {
            if value != "gelu" {
                return Err(unsupported(
                    path,
                    key,
                    &format!("the activation is {value}"),
                    "only gelu is known",
                ));
            }
        }
        let sizes = [
            ("hidden_size", self.hidden_size, 4096),
            ("num_hidden_layers", self.num_hidden_layers, 96),
            ("num_attention_heads", self.num_attention_heads, 128),
            ("intermediate_size", self.intermediate_size, 16_384),
            ("num_conv_pos_embeddings", self.num_conv_pos_embeddings, 1024),
            ("num_conv_pos_embedding_groups", self.num_conv_pos_embedding_groups, 1024),
            ("conv_dim", self.conv_dim.len(), 16),
        ];
        for (key, value, most) in sizes {
            range(path, key, value, most)?;
        }
        for (key, list, most) in [
            ("conv_dim", &self.conv_dim, 4096),
            ("conv_kernel", &self.conv_kernel, 64),
            ("conv_stride", &self.conv_stride, 64),
        ] {
            for value in list {
                range(path, key, *value, most)?;
            }
            if list.len() != self.conv_dim.len() {
                let detail = format!("{} values for {} convolutions", list.len(), self.conv_dim.len());
                return Err(Fault::new(FaultKind::Mismatch, path, detail).at(key).remedy(REMEDY));
            }
        }
        if self.conv_stride.iter().product::<usize>() != STRIDE {
            return Err(unsupported(
                path,
                "conv_stride",
                &format!("a row comes every {} samples", self.conv_stride.iter().product::<usize>()),
                "choose a model with a row every 320 samples",
            ));
        }
        for (key, parts) in [
            ("num_attention_heads", self.num_attention_heads),
            ("num_conv_pos_embedding_groups", self.num_conv_pos_embedding_groups),
        ] {
            if !self.hidden_size.is_multiple_of(parts) {
                let detail = format!("{parts} do not divide {} columns", self.hidden_size);
                return Err(Fault::new(FaultKind::Mismatch, path, detail).at(key).remedy(REMEDY));
            }
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            let detail = format!("it is {}", self.layer_norm_eps);
            return Err(Fault::new(FaultKind::OutOfRange, path, detail).at("layer_norm_eps").remedy(REMEDY));
        }
        Ok(())
    }

    /// Samples that one row hears.
    pub fn receptive_field(&self) -> usize {
        self.conv_kernel
            .iter()
            .zip(&self.conv_stride)
            .rev()
            .fold(1, |field, (kernel, stride)| (field - 1) * stride + kernel)
    }

    /// Rows of `samples` samples.
    pub fn rows(&self, samples: usize) -> usize {
        self.conv_kernel.iter().zip(&self.conv_stride).fold(samples, |length, (kernel, stride)| {
            if length < *kernel { 0 } else { (length - kernel) / stride + 1 }
        })
    }
}

/// Samples between rows of every such model: 20 ms.
pub const STRIDE: usize = 320;

const REMEDY: &str = "take config.json and the weights from the same place";

fn range(path: &Path, key: &str, value: usize, most: usize) -> Result<()> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    let detail = format!("it is {value}; real models have 1 to {most}");
    Err(Fault::new(FaultKind::OutOfRange, path, detail).at(key).remedy(REMEDY))
}

fn unsupported(path: &Path, key: &str, detail: &str, remedy: &str) -> Fault {
    Fault::new(FaultKind::Unsupported, path, detail).at(key).remedy(remedy)
}

fn json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let meta = std::fs::metadata(path).map_err(|error| {
        let fault = Fault::io(path, &error);
        match fault.kind {
            FaultKind::NotFound => {
                fault.remedy("name the folder of a Hugging Face model: config.json and model.safetensors")
            }
            _ => fault,
        }
    })?;
    if meta.len() > MOST_BYTES {
        return Err(Fault::new(FaultKind::TooLarge, path, format!("it has {} bytes", meta.len()))
            .remedy("name the config.json of a model"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| Fault::io(path, &error))?;
    serde_json::from_str(&text).map_err(|error| {
        Fault::new(FaultKind::Malformed, path, error.to_string())
            .at(format!("line {}", error.line()))
            .remedy("download config.json again")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_those_of_the_reference() {
        let config = Config::default();
        for (samples, rows) in
            [(480_000, 1499), (480_640, 1501), (64_000, 199), (9_600, 29), (400, 1), (399, 0)]
        {
            assert_eq!(config.rows(samples), rows, "{samples}");
        }
        assert_eq!(config.receptive_field(), 400);
    }

    #[test]
    fn what_the_encoder_is_not_is_refused_by_name() {
        let path = Path::new("config.json");
        let refused = |change: &dyn Fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            let fault = config.check(path).unwrap_err();
            assert!(!fault.remedy.is_empty(), "{fault}");
            (fault.kind, fault.place)
        };
        assert_eq!(refused(&|c| c.add_adapter = true), (FaultKind::Unsupported, "add_adapter".to_owned()));
        assert_eq!(refused(&|c| c.model_type = "hubert".into()).1, "model_type");
        assert_eq!(refused(&|c| c.hidden_act = "relu".into()).1, "hidden_act");
        assert_eq!(
            refused(&|c| c.hidden_size = usize::MAX),
            (FaultKind::OutOfRange, "hidden_size".to_owned())
        );
        assert_eq!(refused(&|c| c.num_hidden_layers = 0).1, "num_hidden_layers");
        assert_eq!(refused(&|c| c.num_attention_heads = 7).1, "num_attention_heads");
        assert_eq!(refused(&|c| c.conv_kernel = vec![3]).1, "conv_kernel");
        assert_eq!(refused(&|c| c.conv_stride[0] = 4).1, "conv_stride");
        assert_eq!(refused(&|c| c.layer_norm_eps = f64::NAN).1, "layer_norm_eps");
        Config::default().check(path).unwrap();
    }
}
