//! A corpus as it lies on a disk: whatever is there opens, and what is missing or broken is a fault beside the result.
//!
//! Where the files are is a [`Layout`]'s knowledge ([`React2024`], [`React2025`], or one of your own); what is shared is
//! here. Rows come in the official order: every pair as (first person speaks), then every pair with the roles swapped.
//! Opening reads lists and folders only; clips are read one at a time when asked for, or ahead of their use by
//! [`Ahead`]. [`check`] reads everything and says what is wrong with it.

mod ahead;
pub mod check;
mod emotion;
mod files;
mod folders;
mod layout;
mod neighbours;
mod react2024;
mod react2025;
mod split_matrix;
mod truth;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::array::read_npy;
use crate::channels::COEFFICIENT_COUNT;
use crate::control::Control;
use crate::fault::{Fault, FaultKind, Result};

pub use ahead::Ahead;
pub use emotion::read_emotion;
pub use files::{ClipEntry, PersonFiles, VideoFiles, read_attributes, read_coefficients};
pub use layout::{LAYOUTS, Layout, Pairs, detect};
pub use neighbours::{Neighbours, data_indices};
pub use react2024::React2024;
pub use react2025::React2025;
pub use split_matrix::{FULL_MATRIX, SplitMatrix, split_matrix};
pub use truth::IntentRow;

/// A part of the corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// What systems are trained on.
    Train,
    /// What choices are made on.
    Val,
    /// What is reported.
    Test,
}

impl Split {
    /// All splits, in the usual order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// Folder and list name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

/// An opened corpus.
#[derive(Debug)]
pub struct Corpus {
    root: PathBuf,
    layout: &'static dyn Layout,
    splits: [Vec<ClipEntry>; 3],
    faults: Vec<Fault>,
    mean_face: Option<[f32; COEFFICIENT_COUNT]>,
}

impl Corpus {
    /// Opens the corpus in `root`, or in `root/data` when `root` is a checkout of the challenge with the corpus there,
    /// in the first of [`LAYOUTS`] that fits.
    ///
    /// # Errors
    /// When there is no such folder or no clip in it. Everything else that is wrong is in [`Corpus::faults`].
    pub fn open(root: &Path, control: &Control) -> Result<Self> {
        let meta = std::fs::metadata(root).map_err(|error| Fault::io(root, &error))?;
        if !meta.is_dir() {
            return Err(Fault::new(FaultKind::Malformed, root, "this is a file, not a corpus folder")
                .remedy("name the folder that holds train, val and test"));
        }
        let beside = root.join("data");
        let found = [root, beside.as_path()].into_iter().find_map(|root| Some((root, detect(root)?)));
        let Some((root, layout)) = found else {
            return Err(no_clip(root));
        };
        Self::open_as(root, layout, control)
    }

    /// Opens `root` in the given layout, for corpora that join through [`Layout`].
    ///
    /// # Errors
    /// When no clip is found. Everything else that is wrong is in [`Corpus::faults`].
    pub fn open_as(root: &Path, layout: &'static dyn Layout, control: &Control) -> Result<Self> {
        let mut faults = Vec::new();
        let mut splits = [Vec::new(), Vec::new(), Vec::new()];
        for (split, rows) in Split::ALL.into_iter().zip(&mut splits) {
            control.step("corpus", split as u64, 3, split.name())?;
            let pairs = layout.pairs(root, split, control)?;
            faults.extend(pairs.faults);
            missing(&root.join(split.name()), &pairs.pairs, &mut faults);
            *rows = both_roles(split, pairs.pairs);
        }
        if splits.iter().all(Vec::is_empty) {
            return Err(no_clip(root));
        }
        let mean_face = match read_mean_face(root) {
            Ok(mean) => mean,
            Err(fault) => {
                faults.push(fault);
                None
            }
        };
        Ok(Self { root: root.to_owned(), layout, splits, faults, mean_face })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How it lies on the disk.
    pub fn layout(&self) -> &'static dyn Layout {
        self.layout
    }

    /// The rows of a split in the official order; the second half has the roles swapped.
    pub fn clips(&self, split: Split) -> &[ClipEntry] {
        &self.splits[split as usize]
    }

    /// What was found missing or broken while opening; [`check::check`] finds more.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The mean face (58 values) that systems subtract, where the corpus has one.
    pub fn mean_face(&self) -> Option<[f32; COEFFICIENT_COUNT]> {
        self.mean_face
    }

    /// Which reactions are appropriate to which row: from the split's own matrix, else cut from the matrix over the
    /// whole corpus as the official tool cuts it (2024); all listeners of the session (2025); `None` when the corpus
    /// does not say.
    ///
    /// # Errors
    /// A matrix that cannot be read or does not fit the list.
    pub fn neighbours(&self, split: Split) -> Result<Option<Neighbours>> {
        self.layout.neighbours(&self.root, split, self.clips(split))
    }

    /// The truth sheet of a synthetic corpus; `None` for real ones.
    ///
    /// # Errors
    /// A sheet that cannot be read.
    pub fn intents(&self) -> Result<Option<Vec<IntentRow>>> {
        truth::read(&self.root)
    }

    /// Reads the rows `order` of a split one after the other with `read`, at most `ahead` of them before they are asked
    /// for, on a thread of its own; see [`Ahead`].
    ///
    /// # Errors
    /// [`FaultKind::BadRequest`] for a row that is not there.
    pub fn stream<T: Send + 'static>(
        &self,
        split: Split,
        order: &[usize],
        ahead: usize,
        read: impl Fn(&ClipEntry) -> Result<T> + Send + 'static,
    ) -> Result<Ahead<T>> {
        let rows = self.clips(split);
        let entries = order
            .iter()
            .map(|row| {
                rows.get(*row).cloned().ok_or_else(|| {
                    Fault::new(
                        FaultKind::BadRequest,
                        &self.root,
                        format!("there is no row {row} of {}", rows.len()),
                    )
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ahead::new(entries, ahead, move |entry: ClipEntry| read(&entry))
    }
}

fn no_clip(root: &Path) -> Fault {
    Fault::new(FaultKind::Empty, root, "no clip was found").remedy(
        "the folder should hold train, val or test with Emotion, 3D_FV_files or Audio_files below, or a list such as train.csv",
    )
}

/// Straight rows, then swapped ones.
fn both_roles(split: Split, pairs: Vec<[PersonFiles; 2]>) -> Vec<ClipEntry> {
    let pairs: Vec<[Arc<PersonFiles>; 2]> = pairs.into_iter().map(|pair| pair.map(Arc::new)).collect();
    let entry = |speaker: &Arc<PersonFiles>, listener: &Arc<PersonFiles>| ClipEntry {
        id: format!("{}/{}", split.name(), speaker.name),
        speaker: speaker.clone(),
        listener: listener.clone(),
    };
    let straight = pairs.iter().map(|[first, second]| entry(first, second));
    straight.chain(pairs.iter().map(|[first, second]| entry(second, first))).collect()
}

/// Says of every person which modality is missing. Video and ready-made features are optional as a whole: they are
/// missed only where others of the split have them.
fn missing(folder: &Path, pairs: &[[PersonFiles; 2]], faults: &mut Vec<Fault>) {
    let people = || pairs.iter().flatten();
    let with_video = people().any(|person| person.video.is_some());
    let with_features = people().any(|person| person.sound_features.is_some());
    for person in people() {
        let place = folder.join(&person.name);
        if person.is_empty() {
            faults.push(
                Fault::new(
                    FaultKind::NotFound,
                    place,
                    "the list names this clip, and no file of it is there",
                )
                .remedy("copy the clip again, or remove its row from the list and cut the matrix again"),
            );
            continue;
        }
        let missing: Vec<&str> = [
            ("sound", person.sound.is_none()),
            ("attributes", person.attributes.is_none()),
            ("coefficients", person.coefficients.is_none()),
            ("video", with_video && person.video.is_none()),
            ("sound features", with_features && person.sound_features.is_none()),
        ]
        .iter()
        .filter_map(|(what, missing)| missing.then_some(*what))
        .collect();
        if !missing.is_empty() {
            faults.push(
                Fault::new(FaultKind::MissingModality, place, format!("no {}", missing.join(", no ")))
                    .remedy("the clip is used with what it has"),
            );
        }
    }
}

/// The mean face lies in the corpus, or beside a corpus that is the `data` folder of a checkout.
fn read_mean_face(root: &Path) -> Result<Option<[f32; COEFFICIENT_COUNT]>> {
    let checkout = (root.file_name() == Some("data".as_ref())).then(|| root.parent()).flatten();
    let mut places = vec![root.join("external/FaceVerse/mean_face.npy"), root.join("mean_face.npy")];
    places.extend(checkout.map(|checkout| checkout.join("external/FaceVerse/mean_face.npy")));
    for path in places {
        if path.is_file() {
            let array = read_npy(&path)?;
            array.require_finite(&path)?;
            return match <[f32; COEFFICIENT_COUNT]>::try_from(array.values.as_slice()) {
                Ok(mean) => Ok(Some(mean)),
                Err(_) => Err(Fault::new(
                    FaultKind::WrongShape,
                    &path,
                    format!("the shape is {}", array.shape_text()),
                )
                .remedy("a mean face has 58 values")),
            };
        }
    }
    Ok(None)
}
