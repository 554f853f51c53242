//! The list of clips: what there is to choose from, and which of it fits the chosen part, facet and search words.
//! Plain data; reading clips is [`crate::work`], drawing the list is the panel's.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clips::corpus::check::{Report, Severity};
use clips::corpus::{ClipEntry, Corpus, Split, VideoFiles};

use crate::state::file_name;

/// Stands between the parts of a clip's name.
pub const SEPARATOR: &str = " \u{b7} ";

/// Names a clip of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClipKey {
    /// A clip that ships with the program.
    Demo(usize),
    /// A sound file that was opened.
    File(usize),
    /// A clip of an opened corpus.
    Corpus(Split, usize),
}

impl ClipKey {
    /// The part of the list it stands in.
    pub fn shelf(self) -> Shelf {
        match self {
            Self::Demo(_) => Shelf::Demo,
            Self::File(_) => Shelf::Files,
            Self::Corpus(split, _) => Shelf::Corpus(split),
        }
    }

    /// Its number in its own list, which is how prediction files count clips.
    pub fn number(self) -> usize {
        match self {
            Self::Demo(number) | Self::File(number) | Self::Corpus(_, number) => number,
        }
    }
}

/// A part of the list that a chip chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shelf {
    /// Clips that ship with the program.
    Demo,
    /// Opened sounds.
    Files,
    /// A split of the opened corpus.
    Corpus(Split),
}

/// A property of corpus clips that narrows the list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Facet {
    /// From one recording site (`NoXI`).
    Site(String),
    /// A stream is missing.
    Incomplete,
    /// The check found a fault in one of its files.
    Faulty,
}

/// A clip as the list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipRow {
    /// Which.
    pub key: ClipKey,
    /// First line.
    pub name: String,
    /// Second line.
    pub detail: String,
    /// What is not there, in words: `no sound, listener AU`; empty when all is.
    pub missing: String,
    /// Faults that the check found in its files.
    pub faults: usize,
}

/// The list on the left.
#[derive(Default)]
pub struct Library {
    /// Clips that ship with the program.
    pub demos: Vec<speech::demo::DemoClip>,
    /// Sound files that were opened.
    pub files: Vec<PathBuf>,
    /// The opened corpus.
    pub corpus: Option<Arc<Corpus>>,
    /// The chosen part; `None` shows all.
    pub shelf: Option<Shelf>,
    /// The chosen facet.
    pub facet: Option<Facet>,
    /// Search words.
    pub search: String,
    /// Faults of a clip, by the check.
    pub faults: HashMap<ClipKey, usize>,
    /// Rows that fit part, facet and search; remade when one of them changes.
    pub rows: Vec<ClipRow>,
    /// Facets of the chosen part that more than none and fewer than all of its clips have, with their numbers.
    pub facets: Vec<(Facet, usize)>,
}

impl Library {
    /// Takes a corpus in; the list shows its first part that holds something.
    pub fn set_corpus(&mut self, corpus: Arc<Corpus>) -> Option<ClipKey> {
        self.corpus = Some(corpus);
        self.faults.clear();
        self.show_everything();
        let split = self.shelves().into_iter().find_map(|(shelf, ..)| match shelf {
            Shelf::Corpus(split) => Some(split),
            _ => None,
        });
        self.shelf = split.map(Shelf::Corpus).or(self.shelf);
        self.refresh();
        split.map(|split| ClipKey::Corpus(split, 0))
    }

    /// Drops search and facet, so that what was just opened is seen.
    pub fn show_everything(&mut self) {
        self.facet = None;
        self.search.clear();
    }

    /// The part of the list that predictions of `clips` clips answer: the one of that size, the chosen clip's first;
    /// else the chosen clip's.
    pub fn answered_by(&self, clips: usize, chosen: Option<ClipKey>) -> Option<Shelf> {
        let chosen = chosen.map(ClipKey::shelf);
        let fitting = || self.shelves().into_iter().filter(move |(_, _, count)| *count == clips);
        fitting()
            .map(|(shelf, ..)| shelf)
            .find(|shelf| Some(*shelf) == chosen)
            .or_else(|| fitting().map(|(shelf, ..)| shelf).next())
            .or(chosen)
    }

    /// The shelves that hold something, with their sizes.
    pub fn shelves(&self) -> Vec<(Shelf, &'static str, usize)> {
        let mut shelves =
            vec![(Shelf::Demo, "demo", self.demos.len()), (Shelf::Files, "files", self.files.len())];
        if let Some(corpus) = &self.corpus {
            for (split, name) in [(Split::Val, "val"), (Split::Train, "train"), (Split::Test, "test")] {
                shelves.push((Shelf::Corpus(split), name, corpus.clips(split).len()));
            }
        }
        shelves.retain(|(_, _, count)| *count > 0);
        shelves
    }

    /// The clips a file belongs to; a file can be the speaker's of one and the listener's of another.
    pub fn clips_of(&self, path: &Path) -> Vec<ClipKey> {
        let Some(corpus) = &self.corpus else { return Vec::new() };
        let mut keys = Vec::new();
        for split in Split::ALL {
            for (index, entry) in corpus.clips(split).iter().enumerate() {
                if files(entry).any(|file| path.starts_with(file)) {
                    keys.push(ClipKey::Corpus(split, index));
                }
            }
        }
        keys
    }

    /// Remakes rows and facets.
    pub fn refresh(&mut self) {
        let words: Vec<String> = self.search.split_whitespace().map(str::to_lowercase).collect();
        let shown = |shelf| self.shelf.is_none_or(|chosen| chosen == shelf);
        let mut rows = Vec::new();
        let plain = |key, name, detail| ClipRow { key, name, detail, missing: String::new(), faults: 0 };
        if shown(Shelf::Files) {
            for (index, path) in self.files.iter().enumerate().rev() {
                let folder = path.parent().map_or_else(String::new, |folder| folder.display().to_string());
                rows.push(plain(ClipKey::File(index), file_name(path), folder));
            }
        }
        if let Some(corpus) = &self.corpus {
            for split in [Split::Val, Split::Train, Split::Test] {
                if shown(Shelf::Corpus(split)) {
                    rows.extend(corpus.clips(split).iter().enumerate().map(|(index, entry)| {
                        let key = ClipKey::Corpus(split, index);
                        let (name, detail) = row_words(&entry.id);
                        let faults = self.faults.get(&key).copied().unwrap_or(0);
                        ClipRow { key, name, detail, missing: missing(entry), faults }
                    }));
                }
            }
        }
        if shown(Shelf::Demo) {
            for (index, demo) in self.demos.iter().enumerate() {
                rows.push(plain(ClipKey::Demo(index), demo.title.to_owned(), "synthetic".to_owned()));
            }
        }
        self.facets = facets(&rows);
        if self.facet.as_ref().is_some_and(|chosen| self.facets.iter().all(|(facet, _)| facet != chosen)) {
            self.facet = None;
        }
        rows.retain(|row| {
            self.facet.as_ref().is_none_or(|facet| has(row, facet))
                && words.iter().all(|word| says(row, word))
        });
        self.rows = rows;
    }
}

/// Findings of each clip, errors and warnings: those whose file is one of the clip's. Notes are no reason to mark a
/// clip.
pub fn faults_of_clips(corpus: &Corpus, report: &Report) -> HashMap<ClipKey, usize> {
    let mut owners: HashMap<&Path, Vec<ClipKey>> = HashMap::new();
    for split in Split::ALL {
        for (index, entry) in corpus.clips(split).iter().enumerate() {
            for file in files(entry) {
                owners.entry(file).or_default().push(ClipKey::Corpus(split, index));
            }
        }
    }
    let mut faults = HashMap::new();
    for finding in report.faults.iter().filter(|finding| finding.severity != Severity::Note) {
        // A picture of a folder of frames is the folder's.
        let owner = finding.fault.path.ancestors().find_map(|path| owners.get(path));
        for key in owner.into_iter().flatten() {
            *faults.entry(*key).or_default() += 1;
        }
    }
    faults
}

fn says(row: &ClipRow, word: &str) -> bool {
    [&row.name, &row.detail, &row.missing].iter().any(|text| text.to_lowercase().contains(word))
}

fn has(row: &ClipRow, facet: &Facet) -> bool {
    match facet {
        Facet::Site(site) => site_of(row) == Some(site),
        Facet::Incomplete => !row.missing.is_empty(),
        Facet::Faulty => row.faults > 0,
    }
}

fn site_of(row: &ClipRow) -> Option<&str> {
    matches!(row.key, ClipKey::Corpus(..)).then(|| row.detail.split(SEPARATOR).nth(1)).flatten()
}

/// Facets that tell clips apart, in a fixed order.
fn facets(rows: &[ClipRow]) -> Vec<(Facet, usize)> {
    let mut sites: Vec<(&str, usize)> = Vec::new();
    for site in rows.iter().filter_map(site_of) {
        match sites.iter_mut().find(|(known, _)| *known == site) {
            Some((_, count)) => *count += 1,
            None => sites.push((site, 1)),
        }
    }
    let mut facets: Vec<(Facet, usize)> =
        sites.into_iter().map(|(site, count)| (Facet::Site(site.to_owned()), count)).collect();
    for facet in [Facet::Incomplete, Facet::Faulty] {
        let count = rows.iter().filter(|row| has(row, &facet)).count();
        facets.push((facet, count));
    }
    // A site that all clips share says nothing; that all clips are incomplete does.
    facets.retain(|(facet, count)| *count > 0 && (!matches!(facet, Facet::Site(_)) || *count < rows.len()));
    facets
}

fn files(entry: &ClipEntry) -> impl Iterator<Item = &Path> {
    [&entry.speaker, &entry.listener].into_iter().flat_map(|person| {
        let plain = [&person.sound, &person.attributes, &person.coefficients].map(Option::as_deref);
        plain.into_iter().chain([person.video.as_ref().map(VideoFiles::path)]).flatten()
    })
}

/// What a clip lacks: the speaker's sound and both faces. The listener's sound is never used.
fn missing(entry: &ClipEntry) -> String {
    let mut lacks = Vec::new();
    for (there, name) in [
        (entry.speaker.sound.is_some(), "sound"),
        (entry.speaker.attributes.is_some(), "AU"),
        (entry.speaker.coefficients.is_some(), "3DMM"),
        (entry.listener.attributes.is_some(), "listener AU"),
        (entry.listener.coefficients.is_some(), "listener 3DMM"),
    ] {
        if !there {
            lacks.push(name);
        }
    }
    if lacks.is_empty() { String::new() } else { format!("no {}", lacks.join(", ")) }
}

/// `val/NoXI/001/Expert_video/1` as a name and a quieter second line.
fn row_words(id: &str) -> (String, String) {
    let parts: Vec<&str> = id.split('/').collect();
    match parts.as_slice() {
        [split, site, session @ .., role, clip] if !session.is_empty() => (
            [session.join(" ").as_str(), clip].join(SEPARATOR),
            [split, site, role.trim_end_matches("_video")].join(SEPARATOR),
        ),
        _ => (id.to_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corpus_names_are_short_and_complete() {
        for (id, wanted) in [
            (
                "val/NoXI/010_2016-03-25/Novice_video/7",
                ["010_2016-03-25 \u{b7} 7", "val \u{b7} NoXI \u{b7} Novice"],
            ),
            ("train/UDIVA/talk/055128/FC1/3", ["talk 055128 \u{b7} 3", "train \u{b7} UDIVA \u{b7} FC1"]),
            ("x.wav", ["x.wav", ""]),
        ] {
            let (name, detail) = row_words(id);
            assert_eq!([name.as_str(), detail.as_str()], wanted);
        }
    }

    fn row(index: usize, detail: &str, missing: &str) -> ClipRow {
        ClipRow {
            key: ClipKey::Corpus(Split::Val, index),
            name: format!("clip {index}"),
            detail: detail.to_owned(),
            missing: missing.to_owned(),
            faults: 0,
        }
    }

    #[test]
    fn facets_tell_clips_apart() {
        let rows = [
            row(0, "val \u{b7} NoXI \u{b7} Expert", ""),
            row(1, "val \u{b7} NoXI \u{b7} Novice", "no sound"),
            row(2, "val \u{b7} RECOLA \u{b7} P41", ""),
        ];
        let site = |name: &str| Facet::Site(name.to_owned());
        assert_eq!(facets(&rows), [(site("NoXI"), 2), (site("RECOLA"), 1), (Facet::Incomplete, 1)]);
        // One site only: it is no choice.
        assert_eq!(facets(&rows[..2]), [(Facet::Incomplete, 1)]);
        assert!(says(&rows[1], "sound") && !says(&rows[0], "sound"));
    }
}
