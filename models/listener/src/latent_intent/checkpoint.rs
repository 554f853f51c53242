//! One file a model: a safetensors file with the network's tensors, the code books, the feature statistics and the
//! prior scores, and a JSON text that says what it is. Reading and writing are twins.
//!
//! A checkpoint is a foreign file: every name, shape, type and value is checked, and a fault names the tensor.

use std::collections::BTreeMap;
use std::path::Path;

use clips::take::{STYLES, Style};
use clips::{Fault, FaultKind, Result};
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokens::{CodeBooks, TensorData};

use super::config::{Config, GROUPS};
use super::features::Standardisation;
use super::network::Network;
use super::style::Styles;

/// What the metadata's `format` says.
const FORMAT: &str = "backchannel latent-intent 1";
/// No checkpoint is larger.
const MOST_BYTES: u64 = 4 << 30;

/// What is known of a checkpoint beside its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Name of the system.
    pub system: String,
    /// Sizes of the network.
    pub config: Config,
    /// SHA-256 over the training rows and the frames read.
    pub corpus: String,
    /// Seed of the run.
    pub seed: u64,
    /// The command or settings that made it.
    pub command: String,
    /// Last losses and watched numbers.
    pub losses: BTreeMap<String, f64>,
    /// A few words on every latent.
    pub signatures: Vec<String>,
}

/// A checkpoint in memory.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// What it is.
    pub about: About,
    /// Values of all parameters, in the order of the network's layout.
    pub values: Vec<f32>,
    /// Feature statistics.
    pub standardisation: Standardisation,
    /// Code books.
    pub books: CodeBooks,
    /// Mean matching score of each latent on the training set; empty without a latent.
    pub prior: Vec<f32>,
    /// How the training people listen; `None` where the network hears of no styles.
    pub styles: Option<Styles>,
}

impl Checkpoint {
    /// The file's bytes; equal checkpoints give equal bytes.
    ///
    /// # Errors
    /// When the network's sizes do not fit together.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let network = Network::new(&self.about.config)?;
        let mut tensors: BTreeMap<String, (Vec<usize>, TensorData)> = BTreeMap::new();
        let mut floats = |name: String, shape: Vec<usize>, values: &[f32]| {
            tensors.insert(name, (shape, TensorData::F32(values.to_vec())));
        };
        for entry in network.layout.entries() {
            floats(entry.name.clone(), entry.shape.clone(), entry.slot.of(&self.values));
        }
        for (group, name) in GROUPS.iter().enumerate() {
            let (mean, deviation) =
                (&self.standardisation.mean[group], &self.standardisation.deviation[group]);
            floats(format!("feat.{name}.mean"), vec![mean.len()], mean);
            floats(format!("feat.{name}.std"), vec![deviation.len()], deviation);
        }
        if !self.prior.is_empty() {
            floats("rm_prior".to_owned(), vec![self.prior.len()], &self.prior);
        }
        if let Some(Styles { mean, deviation }) = &self.styles {
            floats("style.mean".to_owned(), vec![mean.len()], mean);
            floats("style.std".to_owned(), vec![deviation.len()], deviation);
        }
        tensors.extend(self.books.tensors().into_iter().map(|(name, shape, data)| (name, (shape, data))));
        write_tensors(&tensors, &self.about)
    }

    /// Reads a checkpoint; `path` names it in faults.
    ///
    /// # Errors
    /// A fault that says what is wrong with which tensor, and what to do.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self> {
        let malformed = |detail: String| {
            Fault::new(FaultKind::Malformed, path, detail)
                .remedy("name a .safetensors checkpoint written by `backchannel train`")
        };
        if bytes.is_empty() {
            return Err(
                Fault::new(FaultKind::Empty, path, "the file is empty").remedy("copy or train it again")
            );
        }
        let (_, header) = SafeTensors::read_metadata(bytes)
            .map_err(|error| malformed(format!("not a safetensors file: {error}")))?;
        let file = SafeTensors::deserialize(bytes)
            .map_err(|error| malformed(format!("not a safetensors file: {error}")))?;
        let foreign = |detail: &str| {
            Fault::new(FaultKind::Unsupported, path, detail.to_owned())
                .at("metadata")
                .remedy("this program reads checkpoints written by `backchannel train`")
        };
        let metadata =
            header.metadata().as_ref().ok_or_else(|| foreign("the checkpoint of another program"))?;
        if metadata.get("format").map(String::as_str) != Some(FORMAT) {
            return Err(foreign("the checkpoint of another program or of another version"));
        }
        let about = metadata.get("about").ok_or_else(|| foreign("the description is missing"))?;
        let about: About = serde_json::from_str(about)
            .map_err(|error| foreign(&format!("the description cannot be read: {error}")))?;
        let network =
            Network::new(&about.config).map_err(|fault| malformed(fault.detail).at("metadata, config"))?;

        let tensors = read_tensors(path, &file)?;
        let floats = |name: &str, shape: &[usize]| -> Result<&[f32]> {
            let (found, data) = tensors.get(name).ok_or_else(|| {
                Fault::new(FaultKind::Malformed, path, "the tensor is missing")
                    .at(name)
                    .remedy("the file is incomplete; copy or train it again")
            })?;
            let TensorData::F32(values) = data else {
                return Err(Fault::new(FaultKind::WrongType, path, "the tensor is not f32").at(name));
            };
            if found != shape {
                return Err(Fault::new(
                    FaultKind::WrongShape,
                    path,
                    format!("the shape is {found:?}, not {shape:?}"),
                )
                .at(name)
                .remedy("the tensors do not belong to the config in the metadata; train it again"));
            }
            if values.iter().any(|value| !value.is_finite()) {
                return Err(Fault::new(
                    FaultKind::NotFinite,
                    path,
                    "the tensor holds values that are not numbers",
                )
                .at(name)
                .remedy("the training went astray; use an earlier checkpoint"));
            }
            Ok(values)
        };
        let mut values = vec![0.0; network.layout.total()];
        for entry in network.layout.entries() {
            entry.slot.of_mut(&mut values).copy_from_slice(floats(&entry.name, &entry.shape)?);
        }
        let columns = about.config.feature_columns;
        let mut standardisation = Standardisation { mean: Default::default(), deviation: Default::default() };
        for (group, name) in GROUPS.iter().enumerate() {
            standardisation.mean[group] = floats(&format!("feat.{name}.mean"), &[columns[group]])?.to_vec();
            standardisation.deviation[group] =
                floats(&format!("feat.{name}.std"), &[columns[group]])?.to_vec();
        }
        let prior = match about.config.latents {
            0 => Vec::new(),
            latents => floats("rm_prior", &[latents])?.to_vec(),
        };
        let style = |numbers: &[f32]| -> Style { std::array::from_fn(|number| numbers[number]) };
        let styles = match about.config.style {
            false => None,
            true => {
                let shape = [STYLES.len()];
                let (mean, deviation) = (floats("style.mean", &shape)?, floats("style.std", &shape)?);
                Some(Styles { mean: style(mean), deviation: style(deviation) })
            }
        };
        let books = CodeBooks::from_tensors(path, &tensors)?;
        if books.sizes() != about.config.vocabulary {
            return Err(Fault::new(FaultKind::Mismatch, path, "the code books do not fit the network")
                .at(format!("{:?} ids for heads of {:?}", books.sizes(), about.config.vocabulary))
                .remedy("code books and weights come from different runs; train it again"));
        }
        Ok(Self { about, values, standardisation, books, prior, styles })
    }
}

/// Reads a checkpoint file whole.
///
/// # Errors
/// When it cannot be read or is larger than any checkpoint.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let meta = std::fs::metadata(path).map_err(|error| Fault::io(path, &error))?;
    if meta.is_dir() {
        return Err(Fault::new(FaultKind::Malformed, path, "this is a folder")
            .remedy("name a checkpoint file, such as RUN/checkpoints/best.safetensors"));
    }
    if meta.len() > MOST_BYTES {
        return Err(Fault::new(FaultKind::TooLarge, path, format!("{} bytes are too many", meta.len()))
            .remedy("name a checkpoint written by `backchannel train`"));
    }
    std::fs::read(path).map_err(|error| Fault::io(path, &error))
}

/// SHA-256 in hex.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_tensors(path: &Path, file: &SafeTensors<'_>) -> Result<tokens::Tensors> {
    let mut tensors = tokens::Tensors::new();
    for (name, view) in file.tensors() {
        let words = view.data().as_chunks::<4>().0;
        let data = match view.dtype() {
            Dtype::F32 => TensorData::F32(words.iter().map(|word| f32::from_le_bytes(*word)).collect()),
            Dtype::U32 => TensorData::U32(words.iter().map(|word| u32::from_le_bytes(*word)).collect()),
            other => {
                return Err(Fault::new(FaultKind::WrongType, path, format!("elements are {other:?}"))
                    .at(name)
                    .remedy("tensors are f32, ids are u32"));
            }
        };
        tensors.insert(name, (view.shape().to_vec(), data));
    }
    Ok(tensors)
}

/// A safetensors file: length of the header, the header as JSON with sorted keys, the data in the same order.
fn write_tensors(tensors: &BTreeMap<String, (Vec<usize>, TensorData)>, about: &About) -> Result<Vec<u8>> {
    let internal = |error: serde_json::Error| Fault::new(FaultKind::Internal, "", error.to_string());
    let mut header = serde_json::Map::new();
    let about = serde_json::to_string(about).map_err(internal)?;
    header.insert("__metadata__".to_owned(), serde_json::json!({ "format": FORMAT, "about": about }));
    let mut data = Vec::new();
    for (name, (shape, values)) in tensors {
        let start = data.len();
        let kind = match values {
            TensorData::F32(values) => {
                data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                "F32"
            }
            TensorData::U32(values) => {
                data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                "U32"
            }
        };
        header.insert(
            name.clone(),
            serde_json::json!({ "dtype": kind, "shape": shape, "data_offsets": [start, data.len()] }),
        );
    }
    let mut header = serde_json::to_vec(&header).map_err(internal)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(data);
    Ok(bytes)
}
