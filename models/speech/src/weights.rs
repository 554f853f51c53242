//! Weights that the user points at: which files of a folder hold them, and one tensor of a known shape.

use std::path::{Path, PathBuf};

use clips::tensors::Tensors;
use clips::{Fault, FaultKind, Result};

/// Endings of files that hold tensors.
const ENDINGS: [&str; 4] = ["safetensors", "bin", "pth", "pt"];
/// Most files of a folder that are opened.
const MOST_FILES: usize = 16;

/// The weight files of a folder, sorted by name; a file stands for itself.
///
/// # Errors
/// When the folder cannot be read or has no such file, or too many.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    if folder.is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let entries = std::fs::read_dir(folder).map_err(|error| Fault::io(folder, &error))?;
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .and_then(|ending| ending.to_str())
                .is_some_and(|ending| ENDINGS.contains(&ending))
                && !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("._"))
        })
        .collect();
    found.sort();
    let fault = |kind, detail: &str| {
        Err(Fault::new(kind, folder, detail)
            .remedy("name a folder with the weights of one model as .safetensors, .bin or .pth"))
    };
    match found.len() {
        0 => fault(FaultKind::NotFound, "there are no weights in the folder"),
        1..=MOST_FILES => Ok(found),
        _ => fault(FaultKind::BadRequest, "the folder holds many weight files"),
    }
}

/// A tensor that must have this shape, as finite `f32`.
///
/// # Errors
/// When it is missing, of another shape, not of floats, cut, or holds a value that is not a number.
pub fn take(tensors: &mut Tensors, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let path = tensors.path().to_owned();
    let found = tensors.shape(name).ok_or_else(|| {
        Fault::new(FaultKind::NotFound, &path, "the tensor is missing")
            .at(name)
            .remedy("the file is incomplete or of another model; download it again")
    })?;
    if found != shape {
        return Err(Fault::new(
            FaultKind::WrongShape,
            &path,
            format!("the shape is {found:?}, not {shape:?}"),
        )
        .at(name)
        .remedy("the weights do not fit the model or its config.json; take both from the same place"));
    }
    let values = tensors.floats(name)?;
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(values),
        Some(at) => Err(Fault::new(FaultKind::NotFinite, &path, format!("element {at} is {}", values[at]))
            .at(name)
            .remedy("the file is damaged; download it again")),
    }
}
