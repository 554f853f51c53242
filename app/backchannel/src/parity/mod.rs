//! Golden folders: finds the files, asks every form in turn, and lists every tensor.
//!
//! A form is one file here: a function that looks at a golden file and returns `None` when it is of another form. To
//! check another kind of golden file, add a file with such a function and a line to [`FORMS`]. What recomputes a file
//! belongs to the crate that owns the code under test, where its tests use it too.

mod baselines;
mod listener;
mod measures;
mod speech;

use std::path::{Path, PathBuf};

use clips::golden::{Line, Sheet, Verdict};
use clips::tensors::{self, Tensors};
use clips::{Control, Fault, FaultKind, Result};
use serde::Serialize;

/// How deep folders are searched.
const MOST_DEPTH: usize = 4;

/// What a form made of a file.
pub enum Recomputed {
    /// Tensors for a `.safetensors` file.
    Sheet(Sheet),
    /// Lines, and what to write under the file's name.
    Lines(Vec<Line>, serde_json::Value),
}

/// Looks at a golden file; `None` when it is of another form.
type Form = fn(&Path, &Control) -> Result<Option<Recomputed>>;

/// Every form: its name, and what recomputes it.
const FORMS: [(&str, Form); 4] = [
    ("speech", speech::recompute),
    ("measures", measures::recompute),
    ("listener", listener::recompute),
    ("baselines", baselines::recompute),
];

/// One golden file.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// Its path within the folder.
    pub file: String,
    /// What recomputed it; nothing when it is of no form we know.
    pub form: Option<&'static str>,
    /// Each of its tensors.
    pub tensors: Vec<Line>,
}

/// Checks every golden file of a folder; with `outputs`, writes what was computed there.
///
/// # Errors
/// When the folder has no golden file, a file cannot be read, or the outputs cannot be written. A file that
/// disagrees is no error but a line.
pub fn check(folder: &Path, outputs: Option<&Path>, control: &Control) -> Result<Vec<Checked>> {
    let mut found = Vec::new();
    search(folder, 0, &mut found)?;
    found.sort();
    let mut all = Vec::new();
    for (index, path) in found.iter().enumerate() {
        let file = path.strip_prefix(folder).unwrap_or(path);
        let name = file.to_string_lossy().into_owned();
        control.step("golden files", index as u64, found.len() as u64, &name)?;
        let mut made = None;
        for (form, recompute) in FORMS {
            if let Some(recomputed) = recompute(path, control)? {
                made = Some((form, recomputed));
                break;
            }
        }
        let tensors_of = |sheet: &Sheet| sheet.compare(&mut Tensors::open(path)?);
        let tensors = match &made {
            Some((_, Recomputed::Sheet(sheet))) => tensors_of(sheet)?,
            Some((_, Recomputed::Lines(lines, _))) => lines.clone(),
            None if !is_tensors(path) => continue,
            None => tensors_of(&Sheet::default())?,
        };
        if let (Some(outputs), Some((_, recomputed))) = (outputs, &made) {
            write(&outputs.join(file), recomputed, &tensors)?;
        }
        all.push(Checked { file: name, form: made.map(|(form, _)| form), tensors });
    }
    if all.is_empty() {
        return Err(Fault::new(FaultKind::NotFound, folder, "there is no golden file in the folder")
            .remedy("name a folder with .safetensors files, or with an expected.json and its cases"));
    }
    control.step("golden files", found.len() as u64, found.len() as u64, "")?;
    Ok(all)
}

fn search(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(|error| Fault::io(folder, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| Fault::io(folder, &error))?.path();
        if path.is_dir() {
            if depth < MOST_DEPTH {
                search(&path, depth + 1, found)?;
            }
        } else if is_tensors(&path) || path.file_name().is_some_and(|name| name == "expected.json") {
            found.push(path);
        }
    }
    Ok(())
}

fn is_tensors(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "safetensors")
}

/// Writes what was computed of the tensors that the golden file has.
fn write(path: &Path, recomputed: &Recomputed, lines: &[Line]) -> Result<()> {
    if let Some(folder) = path.parent() {
        clips::array::make_folder(folder)?;
    }
    match recomputed {
        Recomputed::Sheet(sheet) => {
            let wanted = |name: &str| {
                lines.iter().any(|line| {
                    line.tensor == name && matches!(line.verdict, Verdict::Within | Verdict::Beyond)
                })
            };
            let made: Vec<(&str, &[usize], Vec<f32>)> = sheet
                .computed()
                .iter()
                .filter(|(name, _)| wanted(name))
                .map(|(name, made)| {
                    (
                        name.as_str(),
                        made.shape.as_slice(),
                        made.values.iter().map(|value| *value as f32).collect(),
                    )
                })
                .collect();
            let named: Vec<tensors::Named<'_>> =
                made.iter().map(|(name, shape, values)| (*name, *shape, values.as_slice())).collect();
            tensors::write(path, &named, &std::collections::BTreeMap::new())
        }
        Recomputed::Lines(_, value) => clips::array::write_atomically(path, |writer| {
            serde_json::to_writer_pretty(writer, value).map_err(std::io::Error::from)
        }),
    }
}
