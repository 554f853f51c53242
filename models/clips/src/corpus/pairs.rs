//! Which people of which clips belong together: from the list of a split, or, without a list, from the folders.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::{ClipEntry, PersonFiles, Split};
use crate::control::Control;
use crate::fault::{Fault, FaultKind, Result};

/// Kind of file, folder name, ending.
const KINDS: [(&str, &str); 3] = [("Audio_files", "wav"), ("Emotion", "csv"), ("3D_FV_files", "npy")];

/// Rows of a list we accept; the whole challenge has 2,962.
const MOST_PAIRS: usize = 1_000_000;

/// The official map from the person of a list to the folder of the Emotion files.
fn emotion_person(person: &str) -> Option<&'static str> {
    match person {
        "Expert_video" | "P25" | "P41" | "P45" => Some("P1"),
        "Novice_video" | "P26" | "P42" | "P46" => Some("P2"),
        _ => None,
    }
}

/// Rows of a split: the pairs, then the pairs with the roles swapped.
pub(super) fn entries(
    root: &Path,
    split: Split,
    faults: &mut Vec<Fault>,
    control: &Control,
) -> Result<Vec<ClipEntry>> {
    let index = Index::of(&root.join(split.name()), control)?;
    let list = root.join(format!("{}.csv", split.name()));
    let pairs =
        if list.is_file() { listed(&list, faults)? } else { index.paired(&root.join(split.name()), faults) };
    let found: Vec<(PersonFiles, PersonFiles)> =
        pairs.iter().map(|(first, second)| (index.person(first), index.person(second))).collect();
    for (first, second) in &found {
        for person in [first, second] {
            let missing: Vec<&str> = [
                ("sound", person.sound.is_none()),
                ("attributes", person.attributes.is_none()),
                ("coefficients", person.coefficients.is_none()),
            ]
            .iter()
            .filter_map(|(what, missing)| missing.then_some(*what))
            .collect();
            if !missing.is_empty() {
                faults.push(
                    Fault::new(
                        FaultKind::MissingModality,
                        root.join(split.name()).join(&person.name),
                        format!("no {}", missing.join(", no ")),
                    )
                    .remedy("the clip is used with what it has"),
                );
            }
        }
    }
    let entry = |speaker: &PersonFiles, listener: &PersonFiles| ClipEntry {
        id: format!("{}/{}", split.name(), speaker.name),
        speaker: speaker.clone(),
        listener: listener.clone(),
    };
    let straight = found.iter().map(|(first, second)| entry(first, second));
    let swapped = found.iter().map(|(first, second)| entry(second, first));
    Ok(straight.chain(swapped).collect())
}

/// Columns 1 and 2 of a list; column 0 is an index with gaps that means nothing.
fn listed(path: &Path, faults: &mut Vec<Fault>) -> Result<Vec<(String, String)>> {
    let file = std::fs::File::open(path).map_err(|error| Fault::io(path, &error))?;
    let mut reader =
        csv::ReaderBuilder::new().has_headers(true).flexible(true).from_reader(std::io::BufReader::new(file));
    let mut pairs = Vec::new();
    for (row, record) in reader.records().enumerate() {
        if row == MOST_PAIRS {
            faults.push(
                Fault::new(FaultKind::TooLarge, path, format!("more than {MOST_PAIRS} rows"))
                    .remedy("split the list; the rows beyond were left out"),
            );
            break;
        }
        let place = format!("row {}", row + 2);
        match record {
            Ok(record) => match (record.get(1), record.get(2)) {
                (Some(first), Some(second)) if safe(first) && safe(second) => {
                    pairs.push((first.trim().to_owned(), second.trim().to_owned()));
                }
                _ => faults.push(
                    Fault::new(FaultKind::Malformed, path, "not a pair of clips")
                        .at(place)
                        .remedy("a row is: index, speaker path, listener path, both inside the corpus"),
                ),
            },
            Err(error) => faults.push(Fault::new(FaultKind::Malformed, path, error.to_string()).at(place)),
        }
    }
    Ok(pairs)
}

/// A path of a list stays inside the corpus.
fn safe(path: &str) -> bool {
    let path = path.trim();
    !path.is_empty() && !path.starts_with('/') && path.split('/').all(|part| !part.is_empty() && part != "..")
}

/// Every file of a split by kind and `SITE/CHAT/PERSON/CLIP`.
struct Index {
    files: [HashMap<String, PathBuf>; 3],
}

impl Index {
    fn of(split: &Path, control: &Control) -> Result<Self> {
        let mut files: [HashMap<String, PathBuf>; 3] = Default::default();
        for ((folder, ending), found) in KINDS.iter().zip(&mut files) {
            let base = split.join(folder);
            // SITE/CHAT/PERSON (UDIVA has one level more): five levels bound the walk.
            walk(&base, &base, ending, 5, found, control)?;
        }
        Ok(Self { files })
    }

    fn person(&self, name: &str) -> PersonFiles {
        let of = |kind: usize, name: &str| self.files[kind].get(name).cloned();
        let attributes = of(1, name).or_else(|| {
            let mut parts: Vec<&str> = name.split('/').collect();
            let person = parts.len().checked_sub(2)?;
            parts[person] = emotion_person(parts[person])?;
            of(1, &parts.join("/"))
        });
        PersonFiles { name: name.to_owned(), sound: of(0, name), attributes, coefficients: of(2, name) }
    }

    /// Pairs without a list: two people of the same chat and clip, in the order of their names.
    fn paired(&self, split: &Path, faults: &mut Vec<Fault>) -> Vec<(String, String)> {
        let mut clips: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        // Sound and coefficients carry the people's own names; attributes may carry P1 and P2, so they count alone only.
        let own: BTreeSet<&String> = self.files[0].keys().chain(self.files[2].keys()).collect();
        let names = if own.is_empty() { self.files[1].keys().collect() } else { own };
        for name in names {
            let parts: Vec<&str> = name.split('/').collect();
            if let [chat @ .., _person, clip] = parts.as_slice() {
                clips.entry((chat.join("/"), (*clip).to_owned())).or_default().push(name.clone());
            }
        }
        let mut pairs = Vec::new();
        for ((chat, clip), mut people) in clips {
            people.sort();
            match <[String; 2]>::try_from(people) {
                Ok([first, second]) => pairs.push((first, second)),
                Err(people) => faults.push(
                    Fault::new(
                        FaultKind::Mismatch,
                        split.join(chat),
                        format!("clip {clip} has {} people, not two", people.len()),
                    )
                    .remedy("list the pairs in a csv beside the split's folder; the clip was left out"),
                ),
            }
        }
        pairs.sort();
        pairs
    }
}

fn walk(
    base: &Path,
    folder: &Path,
    ending: &str,
    depth: usize,
    found: &mut HashMap<String, PathBuf>,
    control: &Control,
) -> Result<()> {
    control.check()?;
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) }; // a missing modality is no error
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Some(name) = name.to_str() else { continue };
        if name.starts_with('.') {
            continue; // AppleDouble junk lies beside the real files
        }
        // Large corpora are often linked together from several disks; the depth bounds a link that leads upwards.
        let folder = match entry.file_type() {
            Ok(kind) if kind.is_symlink() => path.is_dir(),
            Ok(kind) => kind.is_dir(),
            Err(_) => continue,
        };
        match folder {
            true if depth > 0 => walk(base, &path, ending, depth - 1, found, control)?,
            false => {
                if let Some(stem) = name.strip_suffix(ending).and_then(|stem| stem.strip_suffix('.'))
                    && let Ok(inside) = path.strip_prefix(base)
                    && let Some(parent) = inside.parent().and_then(Path::to_str)
                {
                    found.insert(format!("{parent}/{stem}"), path);
                }
            }
            _ => {}
        }
    }
    Ok(())
}
