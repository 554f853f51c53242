//! The files of a run beside its numbers: checkpoints with their cards and pins, previews of reactions.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use clips::array::{make_folder, read_npy, read_npy_shape, write_atomically};
use clips::channels::COEFFICIENT_COUNT;
use clips::{Fault, FaultKind, Result};
use serde_json::Value;

/// Most files of one kind that are listed.
const MOST_FILES: usize = 4096;
/// Most latents and frames of a preview.
const MOST_PREVIEW: [usize; 2] = [64, 7500];

/// A saved network.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The file.
    pub path: PathBuf,
    /// Its name without the ending: `best`, `s2-000400`.
    pub name: String,
    /// Stage and step, where the name says them.
    pub place: Option<(u64, u64)>,
    /// Kept whatever comes after it.
    pub pinned: bool,
    /// There is a card beside it.
    pub card: bool,
}

/// Reactions of all latents to one fixed clip, made when a checkpoint was saved.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// The file.
    pub path: PathBuf,
    /// Its name without the ending.
    pub name: String,
    /// Stage and step.
    pub place: (u64, u64),
}

/// What the previews show.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PreviewAbout {
    /// The clip that is answered.
    pub clip: String,
}

/// `s2-000400` as stage and step.
fn place_of(name: &str) -> Option<(u64, u64)> {
    let (stage, step) = name.strip_prefix('s')?.split_once('-')?;
    Some((stage.parse().ok()?, step.parse().ok()?))
}

fn files_in(folder: &Path, ending: &str) -> Vec<(PathBuf, String)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<(PathBuf, String)> = entries
        .flatten()
        .take(MOST_FILES)
        .filter_map(|entry| {
            let path = entry.path();
            let fits = path.extension().is_some_and(|kind| kind == ending);
            let name = path.file_stem()?.to_string_lossy().into_owned();
            // what begins with a dot is being written
            (fits && !name.starts_with('.')).then_some((path, name))
        })
        .collect();
    found.sort_by(|a, b| a.1.cmp(&b.1));
    found
}

fn pinned(folder: &Path) -> BTreeSet<String> {
    let mut text = String::new();
    if let Ok(file) = std::fs::File::open(folder.join("checkpoints/pinned.txt")) {
        // A broken file pins nothing.
        let _ = file.take(1 << 16).read_to_string(&mut text);
    }
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Checkpoints of a run: numbered ones by place, then those with names.
pub(crate) fn checkpoints(folder: &Path) -> Vec<Checkpoint> {
    let pins = pinned(folder);
    let mut found: Vec<Checkpoint> = files_in(&folder.join("checkpoints"), "safetensors")
        .into_iter()
        .map(|(path, name)| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let pinned = pins.contains(file.as_ref()) || pins.contains(&name);
            let card = path.with_extension("md").is_file();
            Checkpoint { place: place_of(&name), pinned, card, path, name }
        })
        .collect();
    found.sort_by(|a, b| (a.place.is_none(), a.place, &a.name).cmp(&(b.place.is_none(), b.place, &b.name)));
    found
}

/// Pins a checkpoint, or lets go of it.
///
/// # Errors
/// When the list cannot be written.
pub fn set_pinned(run: &Path, checkpoint: &Checkpoint, pin: bool) -> Result<()> {
    let mut pins = pinned(run);
    let file = checkpoint.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    pins.remove(&checkpoint.name);
    if pin {
        pins.insert(file);
    } else {
        pins.remove(&file);
    }
    make_folder(&run.join("checkpoints"))?;
    let text: String = pins.into_iter().map(|name| name + "\n").collect();
    write_atomically(&run.join("checkpoints/pinned.txt"), |writer| {
        std::io::Write::write_all(writer, text.as_bytes())
    })
}

/// The card beside a checkpoint, at most 256 kB of it.
///
/// # Errors
/// When there is none or it cannot be read.
pub fn read_card(checkpoint: &Checkpoint) -> Result<String> {
    let path = checkpoint.path.with_extension("md");
    let mut bytes = Vec::new();
    std::fs::File::open(&path)
        .and_then(|file| file.take(256 << 10).read_to_end(&mut bytes))
        .map_err(|error| Fault::io(&path, &error).remedy("checkpoints of older runs have no card"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Previews of a run, by place, and what they show.
pub(crate) fn previews(folder: &Path) -> (Vec<Preview>, PreviewAbout) {
    let home = folder.join("previews");
    let mut found: Vec<Preview> = files_in(&home, "npy")
        .into_iter()
        .filter_map(|(path, name)| Some(Preview { place: place_of(&name)?, path, name }))
        .collect();
    found.sort_by_key(|preview| preview.place);
    let mut text = String::new();
    if let Ok(file) = std::fs::File::open(home.join("about.json")) {
        let _ = file.take(1 << 16).read_to_string(&mut text);
    }
    let about = serde_json::from_str::<Value>(&text).unwrap_or_default();
    let clip = about["clip"].as_str().unwrap_or_default().chars().take(200).collect();
    (found, PreviewAbout { clip })
}

/// Reads a preview: coefficients by latent and frame.
///
/// # Errors
/// A file that is no preview: another shape, too large, numbers that are none.
pub fn read_preview(path: &Path) -> Result<Vec<Vec<[f32; COEFFICIENT_COUNT]>>> {
    // the shape first: nothing is read of what is too large
    let shape = read_npy_shape(path)?;
    let [latents, frames, COEFFICIENT_COUNT] = shape[..] else {
        return Err(Fault::new(FaultKind::WrongShape, path, format!("a preview has the shape {shape:?}"))
            .remedy("a preview has the shape [latents, frames, 58]"));
    };
    if latents > MOST_PREVIEW[0] || frames > MOST_PREVIEW[1] || latents * frames == 0 {
        return Err(Fault::new(FaultKind::TooLarge, path, format!("{latents} latents of {frames} frames"))
            .remedy("a preview has 1 to 64 latents and 1 to 7500 frames"));
    }
    let array = read_npy(path)?;
    array.require_finite(path)?;
    let rows = array.values.as_chunks::<COEFFICIENT_COUNT>().0;
    Ok(rows.chunks(frames).map(<[_]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_listed_by_place_and_can_be_pinned() {
        let run = tempfile::tempdir().unwrap();
        let home = run.path().join("checkpoints");
        std::fs::create_dir_all(&home).unwrap();
        for name in ["best", "s2-000400", "s1-000900", "last", "s2-000200"] {
            std::fs::write(home.join(format!("{name}.safetensors")), "x").unwrap();
        }
        std::fs::write(home.join("best.md"), "# Best\n").unwrap();
        let all = checkpoints(run.path());
        let names: Vec<&str> = all.iter().map(|checkpoint| checkpoint.name.as_str()).collect();
        assert_eq!(names, ["s1-000900", "s2-000200", "s2-000400", "best", "last"]);
        assert_eq!(all[1].place, Some((2, 200)));
        assert_eq!(read_card(&all[3]).unwrap(), "# Best\n");
        assert!(!all[0].card && read_card(&all[0]).is_err());
        set_pinned(run.path(), &all[1], true).unwrap();
        set_pinned(run.path(), &all[3], true).unwrap();
        set_pinned(run.path(), &all[3], false).unwrap();
        let text = std::fs::read_to_string(home.join("pinned.txt")).unwrap();
        assert_eq!(text, "s2-000200.safetensors\n");
        let again = checkpoints(run.path());
        assert_eq!(again.iter().filter(|checkpoint| checkpoint.pinned).count(), 1);
    }

    #[test]
    fn a_preview_of_another_shape_is_refused() {
        let run = tempfile::tempdir().unwrap();
        let home = run.path().join("previews");
        std::fs::create_dir_all(&home).unwrap();
        let good = home.join("s2-000010.npy");
        let values: Vec<f32> = (0..2 * 3 * 58).map(|value| value as f32).collect();
        clips::array::write_npy(&good, &[2, 3, 58], &values).unwrap();
        std::fs::write(home.join("about.json"), r#"{"clip":"val/a","frames":3,"latents":2}"#).unwrap();
        let (found, about) = previews(run.path());
        assert_eq!((found.len(), found[0].place, about.clip.as_str()), (1, (2, 10), "val/a"));
        let read = read_preview(&good).unwrap();
        assert_eq!((read.len(), read[0].len(), read[1][2][57]), (2, 3, 347.0));
        for (shape, count) in [(vec![6, 58], 348), (vec![2, 3, 57], 342), (vec![70, 1, 58], 4060)] {
            let bad = home.join("bad.npy");
            clips::array::write_npy(&bad, &shape, &vec![0.0; count]).unwrap();
            assert!(read_preview(&bad).is_err(), "{shape:?}");
        }
    }
}
