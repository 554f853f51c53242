//! One person's files: what is broken in them, too short, or out of range.
//!
//! A kind of fault is said once a file, with its number and first place: 750 frames without a face are one finding.

use std::path::{Path, PathBuf};

use super::{CheckConfig, Finding};
use crate::array::{read_npy, read_npy_shape};
use crate::channels::{
    AROUSAL, ATTRIBUTE_COUNT, ATTRIBUTES, AU, BLENDSHAPE_COUNT, BLENDSHAPES, COEFFICIENT_COUNT, EXPRESSIONS,
    ROTATION, VALENCE,
};
use crate::corpus::files::read_rows;
use crate::corpus::{PersonFiles, VideoFiles, emotion};
use crate::fault::{Fault, FaultKind, Result};
use crate::pose::is_raw;
use crate::streams::{Attributes, Coefficients};
use crate::time::FRAMES_PER_SECOND;

/// What the whole corpus is judged by, of one person.
pub(super) struct Facts {
    /// Files that were read.
    pub files: usize,
    /// Attribute file and its frames.
    pub attributes: Option<(PathBuf, usize)>,
    /// Coefficient file and whether it is raw.
    pub raw: Option<(PathBuf, bool)>,
}

/// The streams of one person, as far as they could be read; values may be NaN.
#[derive(Default)]
pub(super) struct Person {
    pub attributes: Option<Attributes>,
    pub coefficients: Option<Coefficients>,
    pub loudness: Option<Vec<f32>>,
    pub video_frames: Option<usize>,
    pub rate: u32,
}

/// Columns of ready-made features of sound (wav2vec2-base, VGGish) and video (Swin).
const FEATURES: [&[usize]; 2] = [&[768, 128], &[768]];
/// Distance of a probability sum from 1 that rounding in the files explains.
const SUM_SLACK: f32 = 0.01;
/// Frames that a sound may be shorter than the attributes (a codec's last block).
const SOUND_SHORT: usize = 2;
/// Frames that a sound may be longer: REACT's are 20 ms longer, a second is somebody's mistake.
const SOUND_LONG: usize = 25;
/// Blendshape weights beyond this are a lost tracker; real ones pass 1 a little.
const MOST_WEIGHT: f32 = 3.0;

pub(super) fn read(
    files: &PersonFiles,
    config: &CheckConfig<'_>,
    found: &mut Vec<Finding>,
) -> (Person, Facts) {
    let mut person = Person { rate: files.frames_per_second.max(1), ..Person::default() };
    let mut facts = Facts { files: 0, attributes: None, raw: None };
    if let Some(path) = &files.attributes {
        facts.files += 1;
        let npy = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npy"));
        let rows = if npy { read_rows::<ATTRIBUTE_COUNT>(path, false) } else { emotion::parse(path, false) };
        if let Some(rows) = kept(rows, found) {
            attributes(path, &rows, found);
            facts.attributes = Some((path.clone(), rows.len()));
            person.attributes = Some(rows);
        }
    }
    if let Some(path) = &files.coefficients {
        facts.files += 1;
        if let Some(rows) = kept(read_rows::<COEFFICIENT_COUNT>(path, false), found) {
            coefficients(path, &rows, found);
            facts.raw = (!rows.is_empty()).then(|| (path.clone(), is_raw(&rows)));
            person.coefficients = Some(rows);
        }
    }
    if let Some(path) = &files.sound {
        facts.files += 1;
        let frames = match config.loudness {
            Some(loudness) => kept(loudness.frames_db(path), found).map(|frames| {
                let length = frames.len();
                person.loudness = Some(frames);
                length
            }),
            None => kept(wav_frames(path), found),
        };
        if let (Some(frames), Some(rows)) = (frames, &person.attributes) {
            sound_length(path, frames, rows.len(), person.rate, found);
        }
    }
    let given = [("sound", &files.sound_features), ("video", &files.video_features)];
    for ((of, path), columns) in given.into_iter().zip(FEATURES) {
        if let Some(path) = path {
            facts.files += 1;
            kept(features(path, of, columns), found);
        }
    }
    if let Some(video) = &files.video {
        facts.files += 1;
        person.video_frames = kept(video_frames(video), found).flatten();
    }
    lengths(files, &person, found);
    (person, facts)
}

fn kept<T>(result: Result<T>, found: &mut Vec<Finding>) -> Option<T> {
    result.map_err(|fault| found.push(Finding::error(fault))).ok()
}

/// Counts values that break a rule and keeps the first place.
#[derive(Default)]
struct Count {
    number: usize,
    first: Option<(usize, &'static str, f32)>,
}

impl Count {
    fn add(&mut self, frame: usize, column: &'static str, value: f32) {
        self.number += 1;
        self.first.get_or_insert((frame, column, value));
    }

    fn fault(&self, kind: FaultKind, path: &Path, what: &str) -> Option<Fault> {
        let (frame, column, value) = self.first?;
        let more =
            if self.number == 1 { String::new() } else { format!(", one of {} such values", self.number) };
        Some(Fault::new(kind, path, format!("{what}: {value}{more}")).at(format!("frame {frame}, {column}")))
    }
}

fn attributes(path: &Path, rows: &[[f32; ATTRIBUTE_COUNT]], found: &mut Vec<Finding>) {
    let (mut nan, mut units, mut affect, mut sums) =
        (Count::default(), Count::default(), Count::default(), Count::default());
    for (frame, row) in rows.iter().enumerate() {
        for (column, value) in row.iter().enumerate() {
            if !value.is_finite() {
                nan.add(frame, ATTRIBUTES[column], *value);
            } else if AU.contains(&column) {
                if *value != 0.0 && *value != 1.0 {
                    units.add(frame, ATTRIBUTES[column], *value);
                }
            } else if (column == VALENCE || column == AROUSAL) && !(-1.0..=1.0).contains(value) {
                affect.add(frame, ATTRIBUTES[column], *value);
            }
        }
        let shares = &row[EXPRESSIONS];
        let sum: f32 = shares.iter().sum();
        if sum.is_finite()
            && ((sum - 1.0).abs() > SUM_SLACK || shares.iter().any(|share| *share < -SUM_SLACK))
        {
            sums.add(frame, "sum of the 8 expressions", sum);
        }
    }
    let range = FaultKind::OutOfRange;
    found.extend(nan.fault(FaultKind::NotFinite, path, "not a number").map(|fault| {
        Finding::error(fault.remedy("replace frames where no face was found, or leave the clip out"))
    }));
    found.extend(units.fault(range, path, "an action unit is neither 0 nor 1").map(|fault| {
        Finding::warning(
            fault.remedy("REACT's are occurrences; threshold intensities before scoring against it"),
        )
    }));
    found.extend(
        affect
            .fault(range, path, "valence or arousal outside -1..1")
            .map(|fault| Finding::warning(fault.remedy("scale it to -1..1; check the order of the columns"))),
    );
    found.extend(sums.fault(range, path, "the expressions are no probabilities").map(|fault| {
        Finding::warning(
            fault.remedy("they should sum to 1; apply the softmax, check the order of the columns"),
        )
    }));
    frozen(path, rows, found);
}

fn coefficients(path: &Path, rows: &[[f32; COEFFICIENT_COUNT]], found: &mut Vec<Finding>) {
    let (mut nan, mut weights, mut angles) = (Count::default(), Count::default(), Count::default());
    for (frame, row) in rows.iter().enumerate() {
        for (column, value) in row.iter().enumerate() {
            let name = BLENDSHAPES.get(column).copied().unwrap_or("pose");
            if !value.is_finite() {
                nan.add(frame, name, *value);
            } else if column < BLENDSHAPE_COUNT && value.abs() > MOST_WEIGHT {
                weights.add(frame, name, *value);
            } else if ROTATION.contains(&column) && value.abs() > std::f32::consts::TAU {
                angles.add(frame, "rotation", *value);
            }
        }
    }
    found.extend(nan.fault(FaultKind::NotFinite, path, "not a number").map(|fault| {
        Finding::error(fault.remedy("replace frames where the tracker was lost, or leave the clip out"))
    }));
    found.extend(weights.fault(FaultKind::OutOfRange, path, "a blendshape weight far from 0..1").map(
        |fault| {
            Finding::warning(
                fault.remedy("is the file FaceVerse v2 (52 blendshapes first)? was it divided by std_face?"),
            )
        },
    ));
    found.extend(
        angles
            .fault(FaultKind::OutOfRange, path, "an angle beyond a full turn")
            .map(|fault| Finding::warning(fault.remedy("rotations are in radians, columns 52 to 54"))),
    );
    frozen(path, rows, found);
}

/// Every frame the same: a tracker that never ran.
fn frozen<const N: usize>(path: &Path, rows: &[[f32; N]], found: &mut Vec<Finding>) {
    if rows.len() > 1 && rows.windows(2).all(|pair| pair[0] == pair[1]) {
        found.push(Finding::warning(
            Fault::new(FaultKind::Identical, path, format!("all {} frames are the same", rows.len()))
                .remedy("nothing moves in this file; extract it again"),
        ));
    }
}

/// Length of a wav file in frames of 25 a second, from its header.
fn wav_frames(path: &Path) -> Result<usize> {
    let reader = hound::WavReader::open(path).map_err(|error| match error {
        hound::Error::IoError(error) => Fault::io(path, &error),
        other => Fault::new(FaultKind::Malformed, path, format!("not a wav file: {other}"))
            .at("header")
            .remedy("cut the sound out of the recording again"),
    })?;
    Ok(crate::time::frames_in_samples(reader.duration() as usize, reader.spec().sample_rate))
}

fn sound_length(path: &Path, frames: usize, attributes: usize, rate: u32, found: &mut Vec<Finding>) {
    let wanted = (attributes as u64 * u64::from(FRAMES_PER_SECOND) / u64::from(rate)) as usize;
    if frames + SOUND_SHORT < wanted || frames > wanted + SOUND_LONG {
        let seconds = |frames: usize| crate::time::seconds_of_frame(frames as f64);
        found.push(Finding::warning(
            Fault::new(
                FaultKind::WrongLength,
                path,
                format!("{:.2} s of sound for {:.2} s of attributes", seconds(frames), seconds(wanted)),
            )
            .remedy("clip k of a recording is the seconds 30(k-1) to 30k; cut the sound again"),
        ));
    }
}

fn features(path: &Path, of: &str, known: &[usize]) -> Result<()> {
    let shape = read_npy_shape(path)?;
    if !matches!(shape[..], [_, columns] if known.contains(&columns)) {
        let text = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
        return Err(Fault::new(FaultKind::WrongShape, path, format!("the shape is {text}"))
            .at("header")
            .remedy(format!(
                "ready-made features of {of} are frames x {}",
                known.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ")
            )));
    }
    read_npy(path)?.require_finite(path)
}

/// Frames of a PNG folder; `None` for an mp4, whose frames only a decoder can count.
fn video_frames(video: &VideoFiles) -> Result<Option<usize>> {
    match video {
        VideoFiles::Mp4(path) => {
            let mut head = [0u8; 12];
            let mut file = std::fs::File::open(path).map_err(|error| Fault::io(path, &error))?;
            let whole = std::io::Read::read_exact(&mut file, &mut head).is_ok();
            if whole && &head[4..8] == b"ftyp" {
                return Ok(None);
            }
            let (kind, detail) = match file.metadata().map(|meta| meta.len()) {
                Ok(0) => (FaultKind::Empty, "the file is empty"),
                _ => (FaultKind::Malformed, "not an mp4 file: there is no ftyp box at its begin"),
            };
            Err(Fault::new(kind, path, detail).at("header").remedy("copy the video again"))
        }
        VideoFiles::Frames(folder) => {
            let frames = video.frames();
            let number = |path: &Path| path.file_stem()?.to_str()?.parse::<usize>().ok();
            if frames.is_empty() {
                return Err(Fault::new(FaultKind::Empty, folder, "no frame in the folder")
                    .remedy("frames are 1.png, 2.png, …"));
            }
            match frames.iter().enumerate().find(|(index, path)| number(path) != Some(index + 1)) {
                None => Ok(Some(frames.len())),
                Some((index, _)) => Err(Fault::new(
                    FaultKind::WrongLength,
                    folder,
                    format!("frame {}.png is missing", index + 1),
                )
                .remedy("copy the folder again; later frames would be shown too early")),
            }
        }
    }
}

/// Lengths of the streams against each other. Video and coefficients may have one frame more than there are labels.
fn lengths(files: &PersonFiles, person: &Person, found: &mut Vec<Finding>) {
    let Some(labels) = person.attributes.as_ref().map(Vec::len) else { return };
    let mut hold = |path: Option<&Path>, what: &str, frames: Option<usize>| {
        let (Some(path), Some(frames)) = (path, frames) else { return };
        if frames != labels && frames != labels + 1 {
            let fault = Fault::new(
                FaultKind::WrongLength,
                path,
                format!("{frames} frames of {what} for {labels} frames of attributes"),
            )
            .remedy(format!("it should be {labels} or {}; extract both from the same clip", labels + 1));
            found.push(if frames < labels { Finding::error(fault) } else { Finding::warning(fault) });
        }
    };
    hold(files.coefficients.as_deref(), "coefficients", person.coefficients.as_ref().map(Vec::len));
    hold(files.video.as_ref().map(VideoFiles::path), "video", person.video_frames);
}
