//! REACT 2023 and 2024 as they are shipped:
//! `ROOT/{train,val,test}/{Video_files,Audio_files,Emotion,3D_FV_files}/SITE/CHAT/PERSON/CLIP.*`, lists
//! `ROOT/{train,val,test}.csv`, matrices `ROOT/neighbour_emotion_*.npy`.
//!
//! Traps served here: Emotion folders named P1 and P2 (the official role map), `._*` junk and extra arrays beside the
//! real files (matched by exact name), missing sound, lists with gaps in the index and without a final line end,
//! UDIVA's paths of five parts, video as mp4 or as a folder of PNG frames. Without a list the folders are paired.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rayon::prelude::*;

use super::check::{Finding, matrices};
use super::layout::{Layout, Pairs};
use super::{ClipEntry, Corpus, Neighbours, PersonFiles, Split, VideoFiles, folders, neighbours};
use crate::control::Control;
use crate::fault::{Fault, FaultKind, Result};

/// The layout of REACT 2023 and 2024.
#[derive(Debug, Clone, Copy)]
pub struct React2024;

/// Folders of the modalities and the endings of their files. Video is looked up by name: listing a million PNG files
/// to learn that they are there would cost more than everything else.
const KINDS: [(&str, &str); 3] = [("Audio_files", "wav"), ("Emotion", "csv"), ("3D_FV_files", "npy")];
/// Folders of ready-made features that somebody may have put beside them, arrays of frames x columns: what a picture network (Swin)
/// and a sound network (VGGish, wav2vec2) made. The names are ours; the shipped archive has none.
const FEATURES: [(&str, &str); 2] = [("Video_features", "npy"), ("Audio_features", "npy")];
/// Folder of the video.
const VIDEO: &str = "Video_files";

/// SITE/CHAT/PERSON (UDIVA has one level more): five levels bound the walk.
const DEPTH: usize = 5;

/// Rows of a list we accept; the whole challenge has 2,962.
const MOST_PAIRS: usize = 1_000_000;

/// The official map from the person of a list to the folder of the Emotion files.
pub(super) fn emotion_person(person: &str) -> Option<&'static str> {
    match person {
        "Expert_video" | "P25" | "P41" | "P45" => Some("P1"),
        "Novice_video" | "P26" | "P42" | "P46" => Some("P2"),
        _ => None,
    }
}

impl Layout for React2024 {
    fn name(&self) -> &'static str {
        "REACT 2024"
    }

    fn fits(&self, root: &Path) -> bool {
        Split::ALL.iter().any(|split| {
            root.join(format!("{}.csv", split.name())).is_file()
                || KINDS.iter().any(|(kind, _)| root.join(split.name()).join(kind).is_dir())
        })
    }

    fn one_length(&self) -> bool {
        true
    }

    fn pairs(&self, root: &Path, split: Split, control: &Control) -> Result<Pairs> {
        let folder = root.join(split.name());
        let index = Index::of(&folder, control)?;
        let list = root.join(format!("{}.csv", split.name()));
        let mut faults = Vec::new();
        let names =
            if list.is_file() { listed(&list, &mut faults)? } else { index.paired(&folder, &mut faults) };
        let pairs =
            names.par_iter().map(|(first, second)| [index.person(first), index.person(second)]).collect();
        Ok(Pairs { pairs, faults })
    }

    fn neighbours(&self, root: &Path, split: Split, rows: &[ClipEntry]) -> Result<Option<Neighbours>> {
        neighbours::read(root, split, rows)
    }

    fn check(&self, corpus: &Corpus, control: &Control) -> Result<Vec<Finding>> {
        let mut found = matrices::check(corpus, control)?;
        for split in Split::ALL {
            found.extend(leftovers(corpus, split, control)?);
        }
        Ok(found)
    }
}

/// Files in the folders of the modalities that belong to no row.
fn leftovers(corpus: &Corpus, split: Split, control: &Control) -> Result<Vec<Finding>> {
    let rows = corpus.clips(split);
    let known: HashSet<&Path> = rows[..rows.len() / 2]
        .iter()
        .flat_map(|row| [&row.speaker, &row.listener])
        .flat_map(|person| [&person.sound, &person.attributes, &person.coefficients])
        .flatten()
        .map(PathBuf::as_path)
        .collect();
    let base = corpus.root().join(split.name());
    let mut found = Vec::new();
    for (kind, ending) in KINDS {
        for file in folders::files(&base.join(kind), DEPTH, true, control)? {
            if !known.contains(file.path.as_path()) {
                found.push(leftover(file.path, ending));
            }
        }
    }
    // The frames of a PNG folder are not listed here; junk beside mp4 files is.
    for file in folders::files(&base.join(VIDEO), 3, true, control)? {
        let name = file.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with('.') || !(name.ends_with(".mp4") || name.ends_with(".png")) {
            found.push(leftover(file.path, "mp4"));
        }
    }
    found.sort_by(|a, b| a.fault.path.cmp(&b.fault.path));
    Ok(found)
}

fn leftover(path: PathBuf, ending: &str) -> Finding {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (stem, dotted) =
        (name.strip_suffix(ending).and_then(|stem| stem.strip_suffix('.')), name.starts_with('.'));
    let (detail, remedy) = match (dotted, stem) {
        (true, _) if name.starts_with("._") => {
            ("AppleDouble junk of a copy made on a Mac", "it is skipped; find ROOT -name '._*' -delete")
        }
        (true, _) => ("hidden junk of a desktop system", "it is skipped; delete it"),
        (false, None) => ("no file of this modality has such a name", "it is skipped; delete or move it"),
        (false, Some(stem)) if !is_number(stem) => (
            "an extra file beside the clips; clips are matched by exact name",
            "it is skipped; delete or move it",
        ),
        (false, Some(_)) => {
            ("no row of the list names this clip", "it is not used; add the pair to the list or remove it")
        }
    };
    Finding::note(Fault::new(FaultKind::Junk, &path, detail).remedy(remedy))
}

/// Clips are numbered; anything else beside them is an extra file.
fn is_number(stem: &str) -> bool {
    !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit())
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
    features: [HashMap<String, PathBuf>; 2],
    video: PathBuf,
    /// Listings of the PERSON folders of the video, filled as they are asked for.
    videos: Mutex<HashMap<String, HashMap<String, VideoFiles>>>,
}

impl Index {
    fn of(split: &Path, control: &Control) -> Result<Self> {
        let found = [&KINDS[..], &FEATURES]
            .concat()
            .par_iter()
            .map(|(folder, ending)| {
                let files = folders::files(&split.join(folder), DEPTH, false, control)?;
                Ok(files
                    .into_iter()
                    .filter_map(|mut file| {
                        let length = file.inside.strip_suffix(ending)?.strip_suffix('.')?.len();
                        file.inside.truncate(length);
                        Some((file.inside, file.path))
                    })
                    .collect())
            })
            .collect::<Result<Vec<HashMap<_, _>>>>()?;
        let mut found = found.into_iter();
        let files = std::array::from_fn(|_| found.next().unwrap_or_default());
        let features = std::array::from_fn(|_| found.next().unwrap_or_default());
        let video = split.join(VIDEO);
        Ok(Self { files, features, video, videos: Mutex::default() })
    }

    fn person(&self, name: &str) -> PersonFiles {
        let of = |kind: usize, name: &str| self.files[kind].get(name).cloned();
        let attributes = of(1, name).or_else(|| {
            let mut parts: Vec<&str> = name.split('/').collect();
            let person = parts.len().checked_sub(2)?;
            parts[person] = emotion_person(parts[person])?;
            of(1, &parts.join("/"))
        });
        PersonFiles {
            name: name.to_owned(),
            sound: of(0, name),
            attributes,
            coefficients: of(2, name),
            video: self.video_of(name),
            video_features: self.features[0].get(name).cloned(),
            sound_features: self.features[1].get(name).cloned(),
            ..Default::default()
        }
    }

    fn video_of(&self, name: &str) -> Option<VideoFiles> {
        let (folder, clip) = name.rsplit_once('/')?;
        let mut videos = self.videos.lock().ok()?;
        if !videos.contains_key(folder) {
            videos.insert(folder.to_owned(), videos_in(&self.video.join(folder)));
        }
        videos.get(folder)?.get(clip).cloned()
    }

    /// Pairs without a list: two people of the same chat and clip, in the order of their names. Where clips are
    /// numbered, other names beside them are extra files and no clips.
    fn paired(&self, split: &Path, faults: &mut Vec<Fault>) -> Vec<(String, String)> {
        let mut clips: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        // Sound and coefficients carry the people's own names; attributes may carry P1 and P2, so they count alone only.
        let own: BTreeSet<&String> = self.files[0].keys().chain(self.files[2].keys()).collect();
        let names = if own.is_empty() { self.files[1].keys().collect() } else { own };
        let clip_of = |name: &String| name.rsplit('/').next().is_some_and(is_number);
        let numbered = names.iter().any(|name| clip_of(name));
        for name in names.into_iter().filter(|name| !numbered || clip_of(name)) {
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

/// `CLIP.mp4` and folders `CLIP` of one PERSON folder; the mp4 wins where there are both.
fn videos_in(folder: &Path) -> HashMap<String, VideoFiles> {
    let mut found = HashMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        if let Some(clip) = name.strip_suffix(".mp4") {
            found.insert(clip.to_owned(), VideoFiles::Mp4(path));
        } else if !name.contains('.') && path.is_dir() {
            found.entry(name.to_owned()).or_insert(VideoFiles::Frames(path));
        }
    }
    found
}
