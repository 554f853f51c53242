//! REACT 2025 and 2026 (the MARS recordings):
//! `ROOT/{train,val,test}/{coefficients,facial-attributes,audio,audio-features,video-face-crop,video-raw}/{speaker,
//! listener}/sessionK/FILE.*`.
//!
//! Known from the official README and loader (`dataset/react_2025.py` of `baseline_react2025`): these folders; that
//! the two people of a pair have the same FILE name under `speaker` and `listener`; attributes (T, 25), coefficients
//! (T, 58), sound features (T, 768) as `.npy`, lengths from 58 to over 20,000 frames; 30 frames a second by default;
//! that every listener of the same `sessionK` (of 23 scripted ones) is appropriate to every speaker of it.
//! Not known, and chosen here: the order (the official loader takes the file system's; ours is by session number and
//! name), and that coefficients may carry the middle dimension of 2024 (their loader squeezes it away). The real
//! recordings were not at hand: this reader is tested on files made after the description.

use std::collections::BTreeMap;
use std::path::Path;

use super::check::Finding;
use super::layout::{Layout, Pairs};
use super::{ClipEntry, Corpus, Neighbours, PersonFiles, Split, VideoFiles, folders};
use crate::control::Control;
use crate::fault::{Fault, FaultKind, Result};

/// The layout of REACT 2025 and 2026.
#[derive(Debug, Clone, Copy)]
pub struct React2025;

/// Folder and ending of every modality: sound, attributes, coefficients, face video, raw video, sound features.
const KINDS: [(&str, &str); 6] = [
    ("audio", ".wav"),
    ("facial-attributes", ".npy"),
    ("coefficients", ".npy"),
    ("video-face-crop", ".mp4"),
    ("video-raw", ".mp4"),
    ("audio-features", ".npy"),
];
/// `speaker/sessionK`: two levels of folders.
const DEPTH: usize = 2;
/// What the official loader assumes.
const FRAMES_PER_SECOND: u32 = 30;

impl Layout for React2025 {
    fn name(&self) -> &'static str {
        "REACT 2025"
    }

    fn fits(&self, root: &Path) -> bool {
        Split::ALL.iter().any(|split| {
            ["facial-attributes", "coefficients", "video-face-crop"]
                .iter()
                .any(|kind| root.join(split.name()).join(kind).is_dir())
        })
    }

    fn frames_per_second(&self) -> u32 {
        FRAMES_PER_SECOND
    }

    fn pairs(&self, root: &Path, split: Split, control: &Control) -> Result<Pairs> {
        let base = root.join(split.name());
        // Session (its number first, so that session10 follows session9), file name: speaker and listener.
        let mut clips: BTreeMap<(u64, String, String), [PersonFiles; 2]> = BTreeMap::new();
        for (kind, (folder, ending)) in KINDS.iter().enumerate() {
            for file in folders::files(&base.join(folder), DEPTH, false, control)? {
                let Some((role, session, name)) = place(&file.inside, ending) else { continue };
                let people = clips.entry((number(session), session.into(), name.into())).or_default();
                let person = &mut people[usize::from(role == "listener")];
                person.frames_per_second = FRAMES_PER_SECOND;
                match kind {
                    0 => person.sound = Some(file.path),
                    1 => person.attributes = Some(file.path),
                    2 => person.coefficients = Some(file.path),
                    3 => person.video = Some(VideoFiles::Mp4(file.path)),
                    4 if person.video.is_none() => person.video = Some(VideoFiles::Mp4(file.path)),
                    5 => person.sound_features = Some(file.path),
                    _ => {}
                }
            }
        }
        let mut pairs = Pairs::default();
        for ((_, session, name), mut people) in clips {
            let missing =
                ["speaker", "listener"].into_iter().zip(&people).find(|(_, person)| person.is_empty());
            if let Some((role, _)) = missing {
                pairs.faults.push(
                    Fault::new(
                        FaultKind::Mismatch,
                        base.join("*").join(role).join(&session),
                        format!("{name} has no {role}"),
                    )
                    .remedy(
                        "both people carry the same file name in the same session; the clip was left out",
                    ),
                );
                continue;
            }
            for (role, person) in ["speaker", "listener"].into_iter().zip(&mut people) {
                person.name = format!("{role}/{session}/{name}");
            }
            pairs.pairs.push(people);
        }
        Ok(pairs)
    }

    /// Every listener of the same session; the rows with the roles swapped are a world of their own, as in the
    /// official loader.
    fn neighbours(&self, _root: &Path, _split: Split, rows: &[ClipEntry]) -> Result<Option<Neighbours>> {
        let session =
            |row: &ClipEntry| row.listener.name.rsplit_once('/').map(|(session, _)| session.to_owned());
        let mut groups: BTreeMap<Option<String>, Vec<u32>> = BTreeMap::new();
        for (index, row) in rows.iter().enumerate() {
            groups.entry(session(row)).or_default().push(index as u32);
        }
        let neighbours =
            rows.iter().map(|row| groups.get(&session(row)).cloned().unwrap_or_default()).collect();
        Ok(Some(Neighbours { rows: neighbours }))
    }

    fn check(&self, corpus: &Corpus, control: &Control) -> Result<Vec<Finding>> {
        let mut found = Vec::new();
        for split in Split::ALL {
            for (folder, ending) in KINDS {
                for file in
                    folders::files(&corpus.root().join(split.name()).join(folder), DEPTH, true, control)?
                {
                    if place(&file.inside, ending).is_none() {
                        let fault = Fault::new(
                            FaultKind::Junk,
                            &file.path,
                            "no file of this modality has such a name",
                        )
                        .remedy("it is skipped; delete or move it");
                        found.push(Finding::note(fault));
                    }
                }
            }
        }
        found.sort_by(|a, b| a.fault.path.cmp(&b.fault.path));
        Ok(found)
    }
}

/// Role, session and name of `ROLE/SESSION/NAME.ending`.
fn place<'a>(inside: &'a str, ending: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let mut parts = inside.strip_suffix(ending)?.split('/');
    let found = (parts.next()?, parts.next()?, parts.next()?);
    let fits =
        matches!(found.0, "speaker" | "listener") && parts.next().is_none() && !found.2.starts_with('.');
    fits.then_some(found)
}

fn number(session: &str) -> u64 {
    session.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(u64::MAX)
}
