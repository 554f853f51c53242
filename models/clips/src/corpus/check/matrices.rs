//! Lists and matrices of REACT 2024: do they fit each other and the clips.

use std::collections::HashMap;
use std::path::Path;

use super::Finding;
use crate::array::read_npy_rows;
use crate::control::Control;
use crate::corpus::neighbours::{key_of, read_indices};
use crate::corpus::react2024::emotion_person;
use crate::corpus::{ClipEntry, Corpus, FULL_MATRIX, Split, data_indices};
use crate::fault::{Fault, FaultKind, Result};

/// Rows that are named in a finding; the others are counted.
const NAMED: usize = 8;

pub(in crate::corpus) fn check(corpus: &Corpus, control: &Control) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for split in Split::ALL {
        control.check()?;
        let rows = corpus.clips(split);
        pairs(corpus, split, &rows[..rows.len() / 2], &mut found);
        let path = corpus.root().join(format!("neighbour_emotion_{}.npy", split.name()));
        if path.is_file() {
            matrix(&path, rows.len(), &mut found);
        }
    }
    full(corpus, &mut found);
    Ok(found)
}

/// Rows of a list: each pair once, the same chat and clip on both sides, the expert first.
fn pairs(corpus: &Corpus, split: Split, pairs: &[ClipEntry], found: &mut Vec<Finding>) {
    let list = corpus.root().join(format!("{}.csv", split.name()));
    if !list.is_file() {
        return;
    }
    let mut seen: HashMap<(&str, &str), usize> = HashMap::new();
    for (index, pair) in pairs.iter().enumerate() {
        let (first, second) = (pair.speaker.name.as_str(), pair.listener.name.as_str());
        let mut say = |severe: bool, kind, detail: String, remedy: &str| {
            let fault = Fault::new(kind, &list, detail).at(format!("pair {}", index + 1)).remedy(remedy);
            found.push(if severe { Finding::error(fault) } else { Finding::warning(fault) });
        };
        if first == second {
            say(
                true,
                FaultKind::Identical,
                format!("{first} listens to itself"),
                "name the other person in column 2",
            );
        } else if key_of(first) != key_of(second) {
            say(
                false,
                FaultKind::Mismatch,
                format!("{first} and {second} are not of the same chat and clip"),
                "the two people of a pair share SITE, CHAT and CLIP",
            );
        } else if person_of(first) == Some("P2") && person_of(second) == Some("P1") {
            say(
                false,
                FaultKind::Mismatch,
                format!("{first} stands in column 1, the novice's side"),
                "the full matrix counts column 1 as the expert, P25, P41 or P45; exchange the columns",
            );
        }
        if let Some(before) = seen.insert((first, second), index) {
            say(
                false,
                FaultKind::Mismatch,
                format!("the same pair as pair {}", before + 1),
                "list every pair once; it would count twice in every score",
            );
        }
    }
}

fn person_of(name: &str) -> Option<&'static str> {
    emotion_person(name.rsplit('/').nth(1)?)
}

/// Size, a 1 in every row, 0 and 1 only, the true listener among the appropriate ones.
fn matrix(path: &Path, clips: usize, found: &mut Vec<Finding>) {
    let (mut empty, mut foreign, mut without_self) = (Vec::new(), 0usize, 0usize);
    let read = read_npy_rows(path, |index, row| {
        if !row.contains(&1.0) {
            empty.push(index);
        } else if row.get(index) != Some(&1.0) {
            without_self += 1;
        }
        foreign += row.iter().filter(|value| **value != 0.0 && **value != 1.0).count();
        Ok(())
    });
    let (height, width) = match read {
        Ok(shape) => shape,
        Err(fault) => return found.push(Finding::error(fault)),
    };
    if height != clips || width != clips {
        found.push(Finding::error(
            Fault::new(FaultKind::Mismatch, path, format!("{height} x {width} for {clips} clips in both roles"))
                .at("header")
                .remedy("cut the full matrix again for this list (backchannel check --split-matrix); the official tool drops rows it cannot match in silence, and its scorers ignore the tail"),
        ));
        return;
    }
    if !empty.is_empty() {
        let named: Vec<String> = empty.iter().take(NAMED).map(usize::to_string).collect();
        let more = if empty.len() > NAMED { ", …" } else { "" };
        found.push(Finding::error(
            Fault::new(
                FaultKind::OutOfRange,
                path,
                format!("{} rows have no appropriate reaction", empty.len()),
            )
            .at(format!("row {}{more}", named.join(", ")))
            .remedy("every row needs a 1; the official scorers stop with a ValueError here"),
        ));
    }
    if without_self > 0 {
        found.push(Finding::warning(
            Fault::new(
                FaultKind::Mismatch,
                path,
                format!("in {without_self} rows the true listener is not appropriate"),
            )
            .at("diagonal")
            .remedy("the diagonal of the official matrices is 1; is this the matrix of another list?"),
        ));
    }
    if foreign > 0 {
        found.push(Finding::warning(
            Fault::new(FaultKind::OutOfRange, path, format!("{foreign} values are neither 0 nor 1")).remedy(
                "only entries of exactly 1 count; a matrix of similarities must be thresholded first",
            ),
        ));
    }
}

/// The matrix over the whole corpus, its index, and the lists.
fn full(corpus: &Corpus, found: &mut Vec<Finding>) {
    let path = corpus.root().join(FULL_MATRIX);
    let indices = match (path.is_file(), data_indices(corpus.root())) {
        (false, None) => return,
        (true, None) => {
            found.push(Finding::warning(
                Fault::new(
                    FaultKind::NotFound,
                    &path,
                    "there is no data_indices.csv to read this matrix with",
                )
                .remedy("copy tool/data_indices.csv of the challenge's repository into the corpus"),
            ));
            return;
        }
        (_, Some(indices)) => indices,
    };
    let known = match read_indices(&indices) {
        Ok(known) => known,
        Err(fault) => return found.push(Finding::error(fault)),
    };
    if path.is_file() {
        match crate::array::read_npy_shape(&path) {
            Err(fault) => found.push(Finding::error(fault)),
            Ok(shape) if shape != [2 * known.len(), 2 * known.len()] => found.push(Finding::error(
                Fault::new(
                    FaultKind::Mismatch,
                    &path,
                    format!("the shape is {shape:?} for the {} clips of {}", known.len(), indices.display()),
                )
                .at("header")
                .remedy("the full matrix has two rows for every clip of data_indices.csv; use the two files together"),
            )),
            Ok(_) => {}
        }
    }
    for split in Split::ALL {
        let rows = corpus.clips(split);
        for row in &rows[..rows.len() / 2] {
            if key_of(&row.speaker.name).is_none_or(|key| !known.contains_key(&key)) {
                found.push(Finding::error(
                    Fault::new(FaultKind::Mismatch, &indices, format!("{} is not in it", row.id))
                        .remedy("the official tool drops such a row in silence, and every later row of the matrix then belongs to another clip"),
                ));
            }
        }
    }
}
