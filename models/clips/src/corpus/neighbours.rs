//! Neighbour matrices: which true reactions are appropriate to which row.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::{ClipEntry, FULL_MATRIX, Split};
use crate::array::{read_npy_rows, read_npy_shape};
use crate::fault::{Fault, FaultKind, Result};

/// Appropriate reactions of every row, as ascending indices into the rows of the same split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbours {
    /// `rows[n]` lists the j whose listener is appropriate to row n (matrix entry exactly 1).
    pub rows: Vec<Vec<u32>>,
}

impl Neighbours {
    /// Reads a square matrix file; an entry counts when it is exactly 1, as in the official code.
    ///
    /// # Errors
    /// [`FaultKind::WrongShape`] when it is not square; the faults of [`crate::array::read_npy`].
    pub fn read(path: &Path) -> Result<Self> {
        let shape = read_npy_shape(path)?;
        if !matches!(shape[..], [height, width] if height == width) {
            let text = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
            return Err(Fault::new(FaultKind::WrongShape, path, format!("the shape is {text}"))
                .remedy("a neighbour matrix is square"));
        }
        let mut rows = Vec::new();
        read_npy_rows(path, |_, row| {
            let ones = row.iter().enumerate().filter(|(_, value)| **value == 1.0);
            rows.push(ones.map(|(column, _)| column as u32).collect());
            Ok(())
        })?;
        Ok(Self { rows })
    }

    /// How many rows have another appropriate reaction beside their own.
    pub fn with_alternatives(&self) -> usize {
        self.rows_with_alternatives().len()
    }

    /// The rows that have another appropriate reaction beside their own, ascending. The others teach one answer only.
    pub fn rows_with_alternatives(&self) -> Vec<usize> {
        (0..self.rows.len()).filter(|row| self.rows[*row].len() > 1).collect()
    }
}

pub(super) fn read(root: &Path, split: Split, entries: &[ClipEntry]) -> Result<Option<Neighbours>> {
    let rows = entries.len();
    let path = root.join(format!("neighbour_emotion_{}.npy", split.name()));
    if !path.is_file() {
        return cut_from_full(root, &entries[..rows / 2]);
    }
    let found = Neighbours::read(&path)?;
    if found.rows.len() == rows {
        return Ok(Some(found));
    }
    Err(Fault::new(
        FaultKind::Mismatch,
        &path,
        format!("{} rows for a list of {rows} (pairs counted in both roles)", found.rows.len()),
    )
    .remedy(
        "cut the full matrix again for this list; the official tool drops rows it cannot match in silence",
    ))
}

/// The official rule: rows and columns `L ++ (L + W)` of the full matrix, L the positions of the pairs among the W rows
/// of `data_indices.csv`, matched by site (case ignored), chat and clip of the first person.
fn cut_from_full(root: &Path, pairs: &[ClipEntry]) -> Result<Option<Neighbours>> {
    let path = root.join(FULL_MATRIX);
    let Some(list) = data_indices(root).filter(|_| path.is_file() && !pairs.is_empty()) else {
        return Ok(None);
    };
    let known = read_indices(&list)?;
    let full = Neighbours::read(&path)?;
    if full.rows.len() != 2 * known.len() {
        return Err(Fault::new(
            FaultKind::Mismatch,
            &path,
            format!("{} rows for the {} clips of {}", full.rows.len(), known.len(), list.display()),
        )
        .remedy(
            "the full matrix has two rows for every clip of data_indices.csv; use the two files together",
        ));
    }
    let mut chosen = Vec::with_capacity(2 * pairs.len());
    for pair in pairs {
        let position = key_of(&pair.speaker.name).and_then(|key| known.get(&key)).ok_or_else(|| {
            Fault::new(FaultKind::Mismatch, &list, format!("{} is not in it", pair.speaker.name))
                .remedy("use the data_indices.csv that belongs to this corpus and its matrix")
        })?;
        chosen.push(*position);
    }
    chosen.extend_from_within(..);
    for position in &mut chosen[pairs.len()..] {
        *position += known.len();
    }
    // A clip may be listed twice, so a column of the full matrix may become several.
    let mut columns: Vec<Vec<u32>> = vec![Vec::new(); full.rows.len()];
    for (column, position) in chosen.iter().enumerate() {
        columns[*position].push(column as u32);
    }
    let cut = |position: &usize| {
        let mut row: Vec<u32> = full.rows[*position]
            .iter()
            .flat_map(|column| columns[*column as usize].iter().copied())
            .collect();
        row.sort_unstable();
        row
    };
    Ok(Some(Neighbours { rows: chosen.iter().map(cut).collect() }))
}

/// The `data_indices.csv` of a corpus: in it, in its `tool` folder, or in the `tool` folder of the checkout beside it.
pub fn data_indices(root: &Path) -> Option<PathBuf> {
    [root.join("data_indices.csv"), root.join("tool/data_indices.csv")]
        .into_iter()
        .chain(root.parent().map(|checkout| checkout.join("tool/data_indices.csv")))
        .find(|list| list.is_file())
}

/// Site, chat and clip.
pub(super) type Key = (String, String, String);

/// Position of every clip of `data_indices.csv`.
pub(super) fn read_indices(path: &Path) -> Result<HashMap<Key, usize>> {
    let file = std::fs::File::open(path).map_err(|error| Fault::io(path, &error))?;
    let mut known = HashMap::new();
    for (position, record) in csv::Reader::from_reader(std::io::BufReader::new(file)).records().enumerate() {
        let wrong = |what: String| {
            Fault::new(FaultKind::Malformed, path, what)
                .at(format!("row {}", position + 2))
                .remedy("a row is: site, chat, clip; every clip once")
        };
        let record = record.map_err(|error| wrong(error.to_string()))?;
        let [site, chat, clip] = std::array::from_fn(|column| record.get(column).unwrap_or_default().trim());
        if clip.is_empty() {
            return Err(wrong("not a clip".into()));
        }
        if known.insert((site.to_uppercase(), chat.to_owned(), clip.to_owned()), position).is_some() {
            return Err(wrong(format!("{site}/{chat}/{clip} is there twice")));
        }
    }
    Ok(known)
}

/// The key of `SITE/CHAT/PERSON/CLIP`, or of `UDIVA/TOPIC/SUBJECT/PERSON/CLIP`, whose chat is `SUBJECT_TOPIC`.
pub(super) fn key_of(name: &str) -> Option<Key> {
    match *name.split('/').collect::<Vec<_>>() {
        [site, chat, _, clip] => Some((site.to_uppercase(), chat.to_owned(), clip.to_owned())),
        [site, topic, subject, _, clip] => {
            Some((site.to_uppercase(), format!("{subject}_{topic}"), clip.to_owned()))
        }
        _ => None,
    }
}
