//! Official checkpoints to ours: `.pth` state dicts, read without executing them, or safetensors exported from whole pickled
//! modules.
//!
//! BeLFusion and Learning2Listen were trained in two stages with a file each; both files are named and become one checkpoint.
//! What a network has no use for (optimiser state, buffers that are made anew, tensors listed twice or used by nothing) is left
//! out and told. Whole modules (REGNN) are refused by the reader, with the lines of Python that export a state dict.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clips::tensors::Tensors;
use clips::{Control, Fault, FaultKind, Result};
use serde::Serialize;

use crate::parameters::{Source, Start, Stored};
use crate::systems::{self, SYSTEMS, Settings};
use crate::{belfusion, learning2listen, regnn, trans_vae};

/// What an import did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Imported {
    /// The system.
    pub system: &'static str,
    /// The preset whose sizes the checkpoint has.
    pub preset: String,
    /// Tensors taken over.
    pub tensors: usize,
    /// Numbers in them.
    pub numbers: usize,
    /// Tensors of the files that no network has a use for.
    pub left_out: Vec<String>,
}

/// Most files of a system.
const MOST_FILES: usize = 2;

/// The name in our checkpoint of a tensor of an official one; `None` for what is left out.
fn name_of(settings: &Settings, official: &str) -> Option<String> {
    let name = official.strip_prefix("state_dict.").unwrap_or(official);
    let name = name.strip_prefix("module.").unwrap_or(name);
    let kept = |junk: bool, name: String| (!junk).then_some(name);
    match settings {
        Settings::TransVae(_) => kept(trans_vae::is_junk(name), name.to_owned()),
        Settings::BelFusion(_) => {
            let of_denoiser = ["layers.", "time_embed.", "cond_embed."];
            let part = match name {
                _ if name.starts_with("statistics.") => "",
                _ if of_denoiser.iter().any(|start| name.starts_with(start)) => "denoiser.",
                _ => "vae.",
            };
            kept(belfusion::is_junk(name), format!("{part}{name}"))
        }
        Settings::Regnn(config) => kept(regnn::is_junk(config, name), name.to_owned()),
        Settings::Learning2Listen(_) => {
            let of_vq = ["encoder.", "decoder.", "quantize."];
            let name = learning2listen::official_name(name)?;
            if name.starts_with("statistics.") {
                return Some(name);
            }
            let part = if of_vq.iter().any(|start| name.starts_with(start)) { "vq" } else { "predictor" };
            Some(format!("{part}.{name}"))
        }
    }
}

/// A tensor that every official checkpoint of a system has: the end of its name.
const MARKS: [(&str, &[&str]); 4] = [
    ("trans-vae", &["reaction_decoder.vae_model.mu_token"]),
    ("belfusion", &["x_rnn.rnn_f.weight_ih", "layers.0.linear_emb.weight"]),
    ("regnn", &["cognitive_processor.EdgeLayer.qk.1.weight"]),
    ("learning2listen", &["quantize.embedding.weight", "listener_past_tok_embedding.weight"]),
];

/// The system of a file by its tensors.
fn told_by(file: &Tensors) -> Option<&'static str> {
    let has = |mark: &&str| file.names().any(|name| name.ends_with(mark));
    MARKS.iter().find(|(_, marks)| marks.iter().any(&has)).map(|(system, _)| *system)
}

/// The preset of official size that fits what the files have.
fn official_preset(system: &str, files: &[Tensors]) -> &'static str {
    let shape = |end: &str| {
        files.iter().find_map(|file| {
            let name = file.names().find(|name| name.ends_with(end))?;
            file.shape(name)
        })
    };
    match system {
        "trans-vae" if shape("reaction_decoder.lstm.weight_ih_l0").is_some() => "official-online",
        "trans-vae" => "official-offline",
        // hypotheses matter in training only
        "belfusion" => "official-k1",
        "regnn" if shape("fuse_model.proj_a.weight").is_some_and(|shape| shape.get(1) == Some(&768)) => {
            "official-wav2vec2"
        }
        "regnn" => "official-vggish",
        _ => "official",
    }
}

/// Several files as one source.
struct Several<'a> {
    files: Vec<Stored<'a>>,
    path: PathBuf,
}

impl Source for Several<'_> {
    fn values(&mut self, name: &str, shape: &[usize], start: Start) -> std::result::Result<Vec<f32>, String> {
        match self.files.iter_mut().find(|file| file.has(name)) {
            Some(file) => file.values(name, shape, start),
            None => Err("it is missing".to_owned()),
        }
    }

    fn left_over(&self) -> Vec<String> {
        self.files.iter().flat_map(Source::left_over).collect()
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// Converts official checkpoints of a system (the files of both stages where there are two) to one of ours. Without a
/// preset the official size that fits is taken.
///
/// # Errors
/// When a file cannot be read or would have to be executed, is of another system, or tensors do not fit: then every missing,
/// surplus, misshapen or non-finite one is named in one fault, and nothing is written.
pub fn import(
    checkpoints: &[PathBuf],
    system: &str,
    preset: Option<&str>,
    out: &Path,
    control: &Control,
) -> Result<Imported> {
    let bad = |detail: String, remedy: String| Fault::new(FaultKind::BadRequest, "", detail).remedy(remedy);
    if !SYSTEMS.contains(&system) {
        return Err(bad(format!("there is no system {system:?}"), format!("choose {}", SYSTEMS.join(", "))));
    }
    if !(1..=MOST_FILES).contains(&checkpoints.len()) {
        return Err(bad(
            format!("{} checkpoints", checkpoints.len()),
            "name the file of each stage of training, at most two".to_owned(),
        ));
    }
    let mut files: Vec<Tensors> =
        checkpoints.iter().map(|path| Tensors::open(path)).collect::<Result<_>>()?;
    for file in &files {
        if let Some(other) = told_by(file).filter(|other| *other != system) {
            return Err(Fault::new(
                FaultKind::Mismatch,
                file.path(),
                format!("this is a checkpoint of {other}, not of {system}"),
            )
            .remedy(format!("use --system {other}")));
        }
    }
    let preset = preset.unwrap_or_else(|| official_preset(system, &files)).to_owned();
    let settings = Settings::preset(system, &preset)?;
    let mut left_out: Vec<String> = files
        .iter()
        .flat_map(Tensors::names)
        .filter(|name| name_of(&settings, name).is_none())
        .map(str::to_owned)
        .collect();
    left_out.sort();
    control.step("importing", 0, 1, system)?;
    let path = files.first().map(|file| file.path().to_owned()).unwrap_or_default();
    let sources = files.iter_mut().map(|file| Stored::new(file, |name| name_of(&settings, name))).collect();
    let built = settings.build(&mut Several { files: sources, path });
    let two_stages = matches!(system, "belfusion" | "learning2listen") && checkpoints.len() == 1;
    let (_, parameters) = built.map_err(|fault| match two_stages {
        true => fault.remedy("name the checkpoints of both stages of training, or another --preset"),
        false => fault.remedy("choose the --preset of its size, or another checkpoint"),
    })?;
    let names: Vec<String> = checkpoints
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect();
    let more = BTreeMap::from([("imported_from".to_owned(), names.join(", "))]);
    systems::save(out, &settings, &parameters, &more)?;
    control.step("importing", 1, 1, system)?;
    Ok(Imported {
        system: settings.system(),
        preset,
        tensors: parameters.iter().count(),
        numbers: parameters.iter().map(|(_, one)| one.value.elem_count()).sum(),
        left_out,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::{Fresh, Parameters};

    /// Writes parameters under official names, with junk beside them.
    fn official(path: &Path, parameters: &Parameters, wrap: &str, junk: &[&str]) {
        let values: Vec<(String, Vec<usize>, Vec<f32>)> = parameters
            .iter()
            .map(|(name, one)| {
                let values = one.value.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                (format!("{wrap}{name}"), one.value.dims().to_vec(), values)
            })
            .chain(junk.iter().map(|name| ((*name).to_owned(), vec![1], vec![0.0])))
            .collect();
        let named: Vec<clips::tensors::Named<'_>> = values
            .iter()
            .map(|(name, shape, values)| (name.as_str(), shape.as_slice(), values.as_slice()))
            .collect();
        clips::tensors::write(path, &named, &BTreeMap::new()).unwrap();
    }

    fn fresh(system: &str) -> Parameters {
        Settings::preset(system, "small").unwrap().build(&mut Fresh { seed: 7 }).unwrap().1
    }

    #[test]
    fn two_stages_become_one_checkpoint_with_the_same_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let parameters = fresh("belfusion");
        let mut first = parameters.below("vae.");
        first.extend("statistics.", &parameters.below("statistics."));
        official(&at("vae"), &first, "", &["optimizer.state.0.step"]);
        let junk = ["state_dict.layers.0.cond_layers.1.weight", "epoch"];
        official(&at("denoiser"), &parameters.below("denoiser."), "state_dict.", &junk);
        let files = [at("vae"), at("denoiser")];
        let control = Control::default();
        let done = import(&files, "belfusion", Some("small"), &at("out"), &control).unwrap();
        assert_eq!(done.tensors, parameters.iter().count());
        assert_eq!(done.left_out.len(), 3, "{:?}", done.left_out);
        let (settings, _, read) = systems::load(&at("out")).unwrap();
        assert_eq!(settings, Settings::preset("belfusion", "small").unwrap());
        for (name, one) in parameters.iter() {
            let flat = |value: &candle_core::Var| value.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(flat(&one.value), flat(read.get(name).unwrap()), "{name}");
        }
        let fault = import(&files[..1], "belfusion", Some("small"), &at("no"), &control).unwrap_err();
        assert!(fault.remedy.contains("both stages") && !at("no").exists(), "{fault}");
    }

    #[test]
    fn a_checkpoint_of_several_devices_and_of_another_system() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (parameters, control) = (fresh("learning2listen"), Control::default());
        let mut first = parameters.below("vq.");
        first.extend("statistics.", &parameters.below("statistics."));
        official(&at("vq"), &first, "module.", &["module.a.num_batches_tracked"]);
        official(&at("predictor"), &parameters.below("predictor."), "state_dict.module.", &[]);
        let files = [at("vq"), at("predictor")];
        let done = import(&files, "learning2listen", Some("small"), &at("out"), &control).unwrap();
        assert_eq!((done.tensors, done.left_out.len()), (parameters.iter().count(), 1));
        let fault = import(&files, "regnn", None, &at("no"), &control).unwrap_err();
        assert!(fault.to_string().contains("learning2listen, not of regnn"), "{fault}");
    }

    #[test]
    fn another_size_is_told_tensor_by_tensor() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let parameters = fresh("regnn");
        let unused = ["motor_processor.l", "perceptual_processor.fuse_model.trans_v_mem.version"];
        official(&at("regnn"), &parameters, "", &unused);
        let control = Control::default();
        let file = [at("regnn")];
        assert_eq!(import(&file, "regnn", Some("small"), &at("out"), &control).unwrap().left_out.len(), 2);
        let fault = import(&file, "regnn", None, &at("no"), &control).unwrap_err();
        for part in [
            "proj_v.weight: its shape is [32, 25, 1], it must be [128, 768, 1]",
            "layers.4.fc1.bias: it is missing",
        ] {
            assert!(fault.detail.contains(part), "{fault}");
        }
    }
}
