//! The table of the compared systems: their names, presets, how a network is made of a configuration, and checkpoints.
//!
//! A sixth is a variant of [`Settings`] and of [`Network`], which the compiler then asks for wherever a system is told from
//! another. A checkpoint is one safetensors file with the configuration in its metadata.

use std::collections::BTreeMap;
use std::path::Path;

use clips::tensors::Tensors;
use clips::{Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};

use crate::belfusion::{self, BelFusion};
use crate::learning2listen::{self, Learning2Listen};
use crate::parameters::{Parameters, Scope, Source, Stored, build};
use crate::regnn::{self, Regnn};
use crate::trans_vae::{self, TransVae};

/// What a checkpoint's metadata calls its format.
pub const FORMAT: &str = "backchannel-baseline-1";
/// Longest configuration in a checkpoint's metadata, in bytes.
const MOST_CONFIG: usize = 1 << 16;

/// Configuration of one of the systems.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "system", content = "config", rename_all = "kebab-case")]
pub enum Settings {
    /// Trans-VAE.
    TransVae(trans_vae::Config),
    /// BeLFusion.
    #[serde(rename = "belfusion")]
    BelFusion(belfusion::Config),
    /// REGNN.
    Regnn(regnn::Config),
    /// Learning2Listen.
    #[serde(rename = "learning2listen")]
    Learning2Listen(learning2listen::Config),
}

/// A network of one of the systems.
#[derive(Debug, Clone)]
pub enum Network {
    /// Trans-VAE.
    TransVae(TransVae),
    /// BeLFusion.
    BelFusion(BelFusion),
    /// REGNN.
    Regnn(Regnn),
    /// Learning2Listen.
    Learning2Listen(Learning2Listen),
}

/// Names of the systems.
pub const SYSTEMS: [&str; 4] = ["trans-vae", "belfusion", "regnn", "learning2listen"];

/// Presets of a system, the default one first; `None` for an unknown name.
pub fn presets(system: &str) -> Option<&'static [&'static str]> {
    Some(match system {
        "trans-vae" => &trans_vae::Config::PRESETS,
        "belfusion" => &belfusion::Config::PRESETS,
        "regnn" => &regnn::Config::PRESETS,
        "learning2listen" => &learning2listen::Config::PRESETS,
        _ => return None,
    })
}

impl Settings {
    /// A preset of a system.
    ///
    /// # Errors
    /// A fault that names what there is.
    pub fn preset(system: &str, preset: &str) -> Result<Self> {
        let Some(known) = presets(system) else {
            return Err(Fault::new(FaultKind::BadRequest, "", format!("there is no system {system:?}"))
                .remedy(format!("choose {}", SYSTEMS.join(", "))));
        };
        let found = match system {
            "trans-vae" => trans_vae::Config::preset(preset).map(Self::TransVae),
            "belfusion" => belfusion::Config::preset(preset).map(Self::BelFusion),
            "regnn" => regnn::Config::preset(preset).map(Self::Regnn),
            _ => learning2listen::Config::preset(preset).map(Self::Learning2Listen),
        };
        found.ok_or_else(|| {
            Fault::new(FaultKind::BadRequest, "", format!("{system} has no preset {preset:?}"))
                .remedy(format!("choose {}", known.join(", ")))
        })
    }

    /// The system's name.
    pub fn system(&self) -> &'static str {
        match self {
            Self::TransVae(_) => SYSTEMS[0],
            Self::BelFusion(_) => SYSTEMS[1],
            Self::Regnn(_) => SYSTEMS[2],
            Self::Learning2Listen(_) => SYSTEMS[3],
        }
    }

    /// Whether the sizes fit together and are of this world.
    ///
    /// # Errors
    /// A fault that names the field.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::TransVae(config) => config.check(),
            Self::BelFusion(config) => config.check(),
            Self::Regnn(config) => config.check(),
            Self::Learning2Listen(config) => config.check(),
        }
    }

    /// The network to train, with parameters from a source.
    ///
    /// # Errors
    /// A fault that names the field of the configuration, or every tensor that does not fit.
    pub fn build(&self, source: &mut dyn Source) -> Result<(Network, Parameters)> {
        self.check()?;
        build(source, |scope| self.make(scope))
    }

    /// The network to answer with: nothing is kept for a backward pass, so that memory is given back layer by layer.
    ///
    /// # Errors
    /// As [`Settings::build`].
    pub fn build_to_answer(&self, source: &mut dyn Source) -> Result<Network> {
        self.check()?;
        Ok(build(source, |scope| self.make(&scope.frozen()))?.0)
    }

    fn make(&self, scope: &Scope<'_, '_>) -> candle_core::Result<Network> {
        Ok(match self {
            Self::TransVae(config) => Network::TransVae(TransVae::new(config, scope)?),
            Self::BelFusion(config) => Network::BelFusion(BelFusion::new(config, scope)?),
            Self::Regnn(config) => Network::Regnn(Regnn::new(config, scope)?),
            Self::Learning2Listen(config) => Network::Learning2Listen(Learning2Listen::new(config, scope)?),
        })
    }
}

/// Writes a checkpoint; `more` goes into its metadata.
///
/// # Errors
/// When it cannot be written.
pub fn save(
    path: &Path,
    settings: &Settings,
    parameters: &Parameters,
    more: &BTreeMap<String, String>,
) -> Result<()> {
    let text = serde_json::to_string(settings)
        .map_err(|error| Fault::new(FaultKind::Internal, path, error.to_string()))?;
    let mut metadata = more.clone();
    metadata.insert("format".to_owned(), FORMAT.to_owned());
    metadata.insert("settings".to_owned(), text);
    parameters.write(path, &metadata)
}

/// Reads a checkpoint.
///
/// # Errors
/// When it is none of ours, its configuration is not understood, or tensors do not fit it (all of them are named).
pub fn load(path: &Path) -> Result<(Settings, Network, Parameters)> {
    let mut file = Tensors::open(path)?;
    let settings = settings_of(&file)?;
    let (network, parameters) = settings.build(&mut Stored::new(&mut file, |name| Some(name.to_owned())))?;
    Ok((settings, network, parameters))
}

/// Reads a checkpoint to answer with, see [`Settings::build_to_answer`].
///
/// # Errors
/// As [`load`].
pub fn load_to_answer(path: &Path) -> Result<(Settings, Network)> {
    read_to_answer(Tensors::open(path)?)
}

/// As [`load_to_answer`], of a file that is open.
///
/// # Errors
/// As [`load`].
pub(crate) fn read_to_answer(mut file: Tensors) -> Result<(Settings, Network)> {
    let settings = settings_of(&file)?;
    let network = settings.build_to_answer(&mut Stored::new(&mut file, |name| Some(name.to_owned())))?;
    Ok((settings, network))
}

/// The configuration in a checkpoint's metadata.
///
/// # Errors
/// When there is none, or it is not understood.
pub fn settings_of(file: &Tensors) -> Result<Settings> {
    let fault = |kind, detail: String, remedy: &str| {
        Err(Fault::new(kind, file.path(), detail).at("metadata").remedy(remedy))
    };
    let format = file.metadata().get("format").map(String::as_str);
    if format != Some(FORMAT) {
        return fault(
            FaultKind::Unsupported,
            format!("this is no checkpoint of a compared system (format {})", format.unwrap_or("not stated")),
            "convert an official checkpoint with `backchannel import` first",
        );
    }
    let text = file.metadata().get("settings").map_or("", String::as_str);
    if text.len() > MOST_CONFIG {
        return fault(
            FaultKind::TooLarge,
            format!("{} bytes of configuration", text.len()),
            "write it again",
        );
    }
    let settings: Settings = match serde_json::from_str(text) {
        Ok(settings) => settings,
        Err(error) => {
            let detail = format!("the configuration is not understood: {error}");
            return fault(FaultKind::Malformed, detail, "use the version of the program that wrote it");
        }
    };
    settings.check()?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::Fresh;

    #[test]
    fn every_system_has_presets_and_a_checkpoint_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        for system in SYSTEMS {
            for preset in presets(system).unwrap() {
                let settings = Settings::preset(system, preset).unwrap();
                settings.check().unwrap();
                assert_eq!(settings.system(), system);
                if !preset.starts_with("small") {
                    continue;
                }
                let (_, parameters) = settings.build(&mut Fresh { seed: 1 }).unwrap();
                let path = folder.path().join(format!("{system}-{preset}.safetensors"));
                save(&path, &settings, &parameters, &BTreeMap::new()).unwrap();
                let (read, _, again) = load(&path).unwrap();
                assert_eq!((read, again.count()), (settings, parameters.count()));
            }
        }
        assert!(Settings::preset("trans-vae", "no").unwrap_err().remedy.contains("official-online"));
        assert!(Settings::preset("no", "no").unwrap_err().remedy.contains("belfusion"));
    }

    #[test]
    fn a_network_to_answer_with_says_the_same_and_leaves_no_tape() {
        use candle_core::{Device, Tensor};
        let settings = Settings::preset("trans-vae", "small-attributes").unwrap();
        let (one, _) = settings.build(&mut Fresh { seed: 1 }).unwrap();
        let two = settings.build_to_answer(&mut Fresh { seed: 1 }).unwrap();
        let ones = |shape: &[usize]| Tensor::ones(shape, candle_core::DType::F32, &Device::Cpu).unwrap();
        let speaker = trans_vae::Speaker { seen: ones(&[1, 9, 25]).into(), heard: ones(&[1, 9, 78]) };
        let answer = |network: &Network| {
            let Network::TransVae(network) = network else { panic!("another system") };
            let (made, _) =
                network.forward(&speaker, &ones(&[1, 1, 32]), &crate::Pass::evaluation()).unwrap();
            made.emotion
        };
        let (one, two) = (answer(&one), answer(&two));
        assert!(one.track_op() && !two.track_op());
        assert_eq!(one.to_vec3::<f32>().unwrap(), two.to_vec3::<f32>().unwrap());
    }

    #[test]
    fn official_sizes_have_the_official_number_of_parameters() {
        let count = |system: &str, preset: &str| {
            Settings::preset(system, preset).unwrap().build(&mut Fresh { seed: 1 }).unwrap().1
        };
        assert_eq!(count("trans-vae", "official-offline").count(), 1_315_891);
        assert_eq!(count("trans-vae", "official-online").count(), 1_670_835);
        let belfusion = count("belfusion", "official-k1");
        assert_eq!(belfusion.count(), 12_300_928, "the denoiser; the rest is frozen");
        let numbers = |parameters: &Parameters| -> usize {
            parameters.iter().map(|(_, one)| one.value.elem_count()).sum()
        };
        assert_eq!(numbers(&belfusion.below("vae.")), 242_579);
        // less what the official network has and nothing uses: means of a mixture, an LU matrix, proj_a
        let unused = 6 * 2 * (50 * 50 + 50) + (3 * 50 * 50 + 2 * 50) + 128 * 128;
        let official = 2_233_171 + (50 * 50 + 50); // `p` and `sign_s` are stored, not trained
        assert_eq!(count("regnn", "official-vggish").count(), official - unused);
        let both = count("learning2listen", "official");
        assert_eq!(both.count(), 5_438_224, "the predictor; the other is frozen");
        let running = |name: &str| name.ends_with("running_mean") || name.ends_with("running_var");
        let vq = both.below("vq.");
        let of_vq: usize =
            vq.iter().filter(|(name, _)| !running(name)).map(|(_, one)| one.value.elem_count()).sum();
        assert_eq!(of_vq, 13_034_552);
    }

    #[test]
    fn other_files_are_refused_with_a_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        clips::tensors::write(&path, &[("a", &[1], &[0.0])], &BTreeMap::new()).unwrap();
        assert!(load(&path).unwrap_err().remedy.contains("import"));
        let metadata = BTreeMap::from([
            ("format".to_owned(), FORMAT.to_owned()),
            ("settings".to_owned(), "{\"system\":\"regnn\",\"config\":{}}".to_owned()),
        ]);
        clips::tensors::write(&path, &[("a", &[1], &[0.0])], &metadata).unwrap();
        assert_eq!(load(&path).unwrap_err().kind, FaultKind::Malformed);
    }
}
