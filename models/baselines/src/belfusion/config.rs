//! Sizes of BeLFusion's two networks, and what is optional about it.

use clips::{Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};

/// Sizes and options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The window VAE.
    pub vae: VaeConfig,
    /// The denoiser.
    pub denoiser: DenoiserConfig,
    /// Diffusion steps.
    pub steps: usize,
    /// Hypotheses for each item in training.
    pub hypotheses: usize,
    /// Each window answers the speaker's previous window instead of the same one.
    pub online: bool,
    /// Action units are rounded to whole numbers at the end.
    pub binarise: bool,
    /// What stands for a window in the diffusion.
    pub latent: LatentOf,
}

/// What stands for a window in the diffusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LatentOf {
    /// The encoder's last state. *Parity:* the official choice, though the decoder was trained on draws around the mean,
    /// so that decoding a state is not a reconstruction.
    #[default]
    State,
    /// The mean, *ours*: what the decoder knows. Another model, whose checkpoints do not mix with the official ones.
    Mean,
}

/// Sizes of the window VAE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaeConfig {
    /// Width of states and latent.
    pub width: usize,
    /// Widths of the two layers between state and attributes.
    pub mlp: [usize; 2],
    /// Frames of a window.
    pub window: usize,
}

/// Sizes of the denoiser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenoiserConfig {
    /// Width inside.
    pub width: usize,
    /// Linear layers.
    pub layers: usize,
}

impl Config {
    /// Names of the presets.
    pub const PRESETS: [&'static str; 6] = [
        "official-k1",
        "official-k10",
        "official-k10-binarised",
        "official-online-k1",
        "official-online-k10",
        "small",
    ];

    /// The official offline system with one hypothesis.
    pub fn official() -> Self {
        Self {
            vae: VaeConfig { width: 128, mlp: [64, 64], window: 50 },
            denoiser: DenoiserConfig { width: 1024, layers: 10 },
            steps: 10,
            hypotheses: 1,
            online: false,
            binarise: false,
            latent: LatentOf::State,
        }
    }

    /// A preset by name.
    pub fn preset(name: &str) -> Option<Self> {
        let official = Self::official();
        let k10 = Self { hypotheses: 10, ..official.clone() };
        Some(match name {
            "official-k1" => official,
            "official-k10" => k10,
            "official-k10-binarised" => Self { binarise: true, ..k10 },
            "official-online-k1" => Self { online: true, ..official },
            "official-online-k10" => Self { online: true, ..k10 },
            "small" => Self {
                vae: VaeConfig { width: 32, mlp: [32, 32], window: 25 },
                denoiser: DenoiserConfig { width: 128, layers: 5 },
                hypotheses: 4,
                ..official
            },
            _ => return None,
        })
    }

    /// Whether the sizes are of this world.
    ///
    /// # Errors
    /// A fault that names the field.
    pub fn check(&self) -> Result<()> {
        let fields = [
            ("vae.width", self.vae.width, 1, 4096),
            ("vae.mlp", self.vae.mlp[0], 1, 4096),
            ("vae.mlp", self.vae.mlp[1], 1, 4096),
            ("vae.window", self.vae.window, 1, 750),
            ("denoiser.width", self.denoiser.width, 1, 1 << 14),
            ("denoiser.layers", self.denoiser.layers, 2, 100),
            ("steps", self.steps, 2, 10_000),
            ("hypotheses", self.hypotheses, 1, 1000),
        ];
        match fields.iter().find(|(_, size, least, most)| !(*least..=*most).contains(size)) {
            None => Ok(()),
            Some((field, size, least, most)) => {
                let detail = format!("{size} is not between {least} and {most}");
                Err(Fault::new(FaultKind::OutOfRange, "", detail)
                    .at(*field)
                    .remedy(format!("start from one of the presets {}", Self::PRESETS.join(", "))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_sound_and_bad_sizes_are_named() {
        for name in Config::PRESETS {
            let preset = Config::preset(name).unwrap();
            preset.check().unwrap();
            assert_eq!(preset.online, name.contains("online"));
        }
        let bad = Config { steps: 1, ..Config::preset("small").unwrap() };
        assert_eq!(bad.check().unwrap_err().place, "steps");
    }
}
