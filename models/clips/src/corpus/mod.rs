//! The REACT 2024 corpus as it lies on a disk: whatever is there opens, and what is missing or broken is a fault
//! beside the result.
//!
//! Layout: `ROOT/{train,val,test}/{Audio_files,Emotion,3D_FV_files}/SITE/CHAT/PERSON/CLIP.*`, lists
//! `ROOT/{train,val,test}.csv`, neighbour matrices `ROOT/neighbour_emotion_*.npy`. Traps served here: Emotion folders
//! named P1 and P2, `._*` junk, coefficient files of 751 x 1 x 58, missing sound, lists with gaps in the index and
//! without a final line end. Rows come in the official order: every pair of the list as (column 1 speaks), then every
//! pair with the roles swapped. Opening reads lists and folders only; clips are read one at a time when asked for.

mod emotion;
mod neighbours;
mod pairs;
mod truth;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::array::{read_npy, read_npy_shape};
use crate::channels::COEFFICIENT_COUNT;
use crate::control::Control;
use crate::fault::{Fault, FaultKind, Result};
use crate::streams::{Coefficients, Streams};

pub use emotion::read_emotion;
pub use neighbours::Neighbours;
pub use truth::IntentRow;

/// A part of the corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// Where one person's files of one clip are; `None` where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonFiles {
    /// `SITE/CHAT/PERSON/CLIP`, as the lists name it.
    pub name: String,
    /// Sound.
    pub sound: Option<PathBuf>,
    /// Attributes (csv).
    pub attributes: Option<PathBuf>,
    /// Coefficients (npy).
    pub coefficients: Option<PathBuf>,
}

impl PersonFiles {
    /// Reads what is there of attributes and coefficients; sound is decoded by the speech crate from
    /// [`PersonFiles::sound`]. Coefficients are cut to the length of the attributes when both are there (the tracker
    /// gives one frame more than there are labels).
    ///
    /// # Errors
    /// The first broken file, with place and remedy.
    pub fn read(&self) -> Result<Streams> {
        let attributes = self.attributes.as_deref().map(read_emotion).transpose()?;
        let mut coefficients = self.coefficients.as_deref().map(read_coefficients).transpose()?;
        if let (Some(attributes), Some(coefficients)) = (&attributes, &mut coefficients) {
            coefficients.truncate(attributes.len());
        }
        Ok(Streams { sound: None, attributes, coefficients })
    }
}

/// One row: somebody speaks, somebody listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipEntry {
    /// `SPLIT/SITE/CHAT/PERSON/CLIP` of the speaker.
    pub id: String,
    /// The speaker's files.
    pub speaker: PersonFiles,
    /// The listener's files.
    pub listener: PersonFiles,
}

impl ClipEntry {
    /// What is there of the speaker, without sound; see [`PersonFiles::read`].
    ///
    /// # Errors
    /// The first broken file, with place and remedy.
    pub fn read_speaker(&self) -> Result<Streams> {
        self.speaker.read()
    }

    /// What is there of the listener, without sound; see [`PersonFiles::read`].
    ///
    /// # Errors
    /// The first broken file, with place and remedy.
    pub fn read_listener(&self) -> Result<Streams> {
        self.listener.read()
    }
}

/// An opened corpus.
#[derive(Debug)]
pub struct Corpus {
    root: PathBuf,
    splits: [Vec<ClipEntry>; 3],
    faults: Vec<Fault>,
    mean_face: Option<[f32; COEFFICIENT_COUNT]>,
}

impl Corpus {
    /// Opens the corpus in `root`, or in `root/data` when `root` is a checkout of the challenge with the corpus there.
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
        let root = if !holds_a_split(root) && holds_a_split(&beside) { beside.as_path() } else { root };
        let mut faults = Vec::new();
        let mut splits = [Vec::new(), Vec::new(), Vec::new()];
        for (split, entries) in Split::ALL.into_iter().zip(&mut splits) {
            control.step("corpus", split as u64, 3, split.name())?;
            *entries = pairs::entries(root, split, &mut faults, control)?;
        }
        if splits.iter().all(Vec::is_empty) {
            return Err(Fault::new(FaultKind::Empty, root, "no clip was found").remedy(
                "the folder should hold train, val or test with Emotion, 3D_FV_files or Audio_files below, or a list such as train.csv",
            ));
        }
        let mean_face = match read_mean_face(root) {
            Ok(mean) => mean,
            Err(fault) => {
                faults.push(fault);
                None
            }
        };
        Ok(Self { root: root.to_owned(), splits, faults, mean_face })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The rows of a split in the official order; the second half has the roles swapped.
    pub fn clips(&self, split: Split) -> &[ClipEntry] {
        &self.splits[split as usize]
    }

    /// What was found missing or broken while opening.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The mean face (58 values) that systems subtract, where the corpus has one.
    pub fn mean_face(&self) -> Option<[f32; COEFFICIENT_COUNT]> {
        self.mean_face
    }

    /// Which reactions are appropriate to which row: from the split's own matrix, else cut from the matrix over the
    /// whole corpus as the official tool cuts it; `None` when the corpus has neither.
    ///
    /// # Errors
    /// A matrix that cannot be read or does not fit the list.
    pub fn neighbours(&self, split: Split) -> Result<Option<Neighbours>> {
        neighbours::read(&self.root, split, self.clips(split))
    }

    /// The truth sheet of a synthetic corpus; `None` for real ones.
    ///
    /// # Errors
    /// A sheet that cannot be read.
    pub fn intents(&self) -> Result<Option<Vec<IntentRow>>> {
        truth::read(&self.root)
    }
}

/// Reads coefficients of shape (T, 58) or (T, 1, 58).
///
/// # Errors
/// [`FaultKind::WrongShape`], [`FaultKind::NotFinite`] and the faults of [`read_npy`].
pub fn read_coefficients(path: &Path) -> Result<Coefficients> {
    let shape = read_npy_shape(path)?;
    let fits = matches!(shape.as_slice(), [_, COEFFICIENT_COUNT] | [_, 1, COEFFICIENT_COUNT]);
    if !fits {
        let text = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
        return Err(Fault::new(FaultKind::WrongShape, path, format!("the shape is {text}"))
            .at("header")
            .remedy("coefficients are frames x 58 or frames x 1 x 58"));
    }
    let array = read_npy(path)?;
    array.require_finite(path)?;
    array.rows(path)
}

fn holds_a_split(root: &Path) -> bool {
    Split::ALL
        .iter()
        .any(|split| root.join(split.name()).is_dir() || root.join(format!("{}.csv", split.name())).is_file())
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
