//! Speaker streams as the network takes them: split into groups, standardised, absent where nothing was measured.
//!
//! | group | from | columns |
//! |---|---|---|
//! | au, va, ex | attributes | 15, 2, 8 |
//! | m3d | coefficients minus the mean face | 58 |
//! | mfcc | sound | 78 |
//! | w2v | wav2vec2 states; no reader yet, always absent | 1024 |
//!
//! Row t depends on nothing after frame t. A group is absent when its stream is, and in frames where it is not finite
//! (no face found). Sound alone is enough.

use std::path::Path;

use clips::channels::{ATTRIBUTE_COUNT, AU, COEFFICIENT_COUNT, EXPRESSIONS};
use clips::corpus::{ClipEntry, Corpus, PersonFiles};
use clips::pose::is_raw;
use clips::{Fault, FaultKind, Result, Streams};

use super::encoder::{Group, Speaker};

/// Longest clip answered, in frames (30 minutes): memory stays under a gigabyte.
pub const MOST_FRAMES: usize = 45_000;
/// Standardised values are cut here: a column that hardly moved in training must not drown the others elsewhere.
const FARTHEST: f32 = 10.0;

/// Mean and standard deviation of every column of every group, from the training speakers.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardisation {
    /// Means, in the order of [`GROUPS`](super::config::GROUPS).
    pub mean: [Vec<f32>; 6],
    /// Standard deviations; columns that never move give 0.
    pub deviation: [Vec<f32>; 6],
}

/// Raw rows of the measured groups, before standardisation.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Frames that every present stream covers.
    pub frames: usize,
    /// `[frames, columns]` in the order of [`GROUPS`](super::config::GROUPS).
    pub groups: [Option<Vec<f32>>; 6],
}

impl Measured {
    /// Splits streams into groups. `mean_face` is taken off raw coefficients (centred ones stay as they are).
    pub fn of(streams: &Streams, mean_face: Option<&[f32; COEFFICIENT_COUNT]>) -> Self {
        let frames = streams.frames();
        let mut groups: [Option<Vec<f32>>; 6] = Default::default();
        if let Some(rows) = &streams.attributes {
            for (group, columns) in [AU, AU.end..EXPRESSIONS.start, EXPRESSIONS].into_iter().enumerate() {
                let rows = rows[..frames].iter().flat_map(|row| row[columns.clone()].iter().copied());
                groups[group] = Some(rows.collect());
            }
            debug_assert_eq!(EXPRESSIONS.end, ATTRIBUTE_COUNT);
        }
        if let Some(rows) = &streams.coefficients {
            let mut rows = rows[..frames].to_vec();
            centre(&mut rows, mean_face);
            groups[3] = Some(rows.into_iter().flatten().collect());
        }
        if let Some(sound) = &streams.sound {
            // Resampling may lose the last fraction of a frame; its row is then the one before.
            let mut rows = speech::features_of(sound);
            if let Some(last) = rows.last().copied() {
                rows.resize(frames, last);
                groups[4] = Some(rows.into_iter().flatten().collect());
            }
        }
        Self { frames, groups }
    }
}

/// Takes the mean face off raw coefficients; centred ones stay as they are.
pub fn centre(rows: &mut [[f32; COEFFICIENT_COUNT]], mean_face: Option<&[f32; COEFFICIENT_COUNT]>) {
    if let (Some(mean), true) = (mean_face, is_raw(rows)) {
        for row in rows {
            row.iter_mut().zip(mean).for_each(|(value, mean)| *value -= mean);
        }
    }
}

/// Statistics of a group of columns, clip by clip.
#[derive(Debug, Clone)]
struct Sums {
    count: f64,
    sum: Vec<f64>,
    squares: Vec<f64>,
}

/// Collects what [`Standardisation`] is made of, one clip at a time.
#[derive(Debug, Clone)]
pub struct Fitting([Sums; 6]);

impl Fitting {
    /// Nothing yet; `columns` of each group.
    pub fn new(columns: &[usize; 6]) -> Self {
        Self(columns.map(|width| Sums { count: 0.0, sum: vec![0.0; width], squares: vec![0.0; width] }))
    }

    /// Adds all finite rows of a clip.
    pub fn add(&mut self, clip: &Measured) {
        for (sums, rows) in self.0.iter_mut().zip(&clip.groups) {
            let Some(rows) = rows else { continue };
            let rows = rows.chunks_exact(sums.sum.len().max(1));
            for row in rows.filter(|row| row.iter().all(|value| value.is_finite())) {
                sums.count += 1.0;
                for (column, value) in row.iter().enumerate() {
                    sums.sum[column] += f64::from(*value);
                    sums.squares[column] += f64::from(*value).powi(2);
                }
            }
        }
    }

    /// Mean and deviation of every column; a column that never changes has deviation 0.
    pub fn finish(&self) -> Standardisation {
        let of = |column: fn(&Sums, usize) -> f32| -> [Vec<f32>; 6] {
            std::array::from_fn(|group| {
                let sums = &self.0[group];
                (0..sums.sum.len())
                    .map(|index| if sums.count > 0.0 { column(sums, index) } else { 0.0 })
                    .collect()
            })
        };
        Standardisation {
            mean: of(|sums, index| (sums.sum[index] / sums.count) as f32),
            deviation: of(|sums, index| {
                let mean = sums.sum[index] / sums.count;
                let deviation = (sums.squares[index] / sums.count - mean * mean).max(0.0).sqrt();
                if deviation < 1e-6 { 0.0 } else { deviation.max(1e-3) as f32 }
            }),
        }
    }
}

impl Standardisation {
    /// The groups as the network takes them.
    pub fn apply(&self, measured: &Measured) -> Speaker<f32> {
        let groups = std::array::from_fn(|group| {
            let rows = measured.groups[group].as_ref()?;
            let (mean, deviation) = (&self.mean[group], &self.deviation[group]);
            let mut out = Vec::with_capacity(rows.len());
            let mut present = Vec::with_capacity(measured.frames);
            for row in rows.chunks_exact(mean.len()) {
                let found = row.iter().all(|value| value.is_finite());
                present.push(found);
                out.extend(row.iter().zip(mean).zip(deviation).map(|((value, mean), deviation)| {
                    if found && *deviation > 0.0 {
                        ((value - mean) / deviation).clamp(-FARTHEST, FARTHEST)
                    } else {
                        0.0
                    }
                }));
            }
            let everywhere = present.iter().all(|found| *found);
            Some(Group { rows: out, present: (!everywhere).then_some(present) })
        });
        Speaker { frames: measured.frames, groups }
    }
}

/// Refuses a speaker there is nothing to answer to.
pub fn require_frames(clip: &str, speaker: &Streams) -> Result<usize> {
    match speaker.frames() {
        0 => Err(Fault::new(FaultKind::MissingModality, clip, "the speaker has neither sound nor face")
            .remedy("give a sound file, attributes or coefficients of at least one frame")),
        frames if frames > MOST_FRAMES => {
            Err(Fault::new(FaultKind::TooLarge, clip, format!("{frames} frames are more than {MOST_FRAMES}"))
                .remedy("cut the clip to parts of at most 30 minutes"))
        }
        frames => Ok(frames),
    }
}

/// Reads the face of one person of a corpus: attributes, and coefficients centred on the corpus' mean face.
///
/// # Errors
/// The first broken file.
pub fn read_face(corpus: &Corpus, person: &PersonFiles) -> Result<Streams> {
    let mut streams = person.read()?;
    if let Some(rows) = &mut streams.coefficients {
        centre(rows, corpus.mean_face().as_ref());
    }
    Ok(streams)
}

/// Reads one person of a corpus with everything there is: the face of [`read_face`] and decoded sound, cut to a common
/// length.
///
/// # Errors
/// The first broken file.
pub fn read_person(corpus: &Corpus, person: &PersonFiles) -> Result<Streams> {
    let mut streams = read_face(corpus, person)?;
    if let Some(path) = &person.sound {
        streams.sound = Some(speech::decode(path)?);
    }
    let frames = streams.frames();
    streams.cut(frames);
    if frames == 0 {
        return Err(Fault::new(
            FaultKind::Empty,
            Path::new(&person.name),
            "no frame is covered by all streams",
        ));
    }
    Ok(streams)
}

/// The speaker of a corpus row with everything there is.
///
/// # Errors
/// As [`read_person`].
pub fn corpus_speaker(corpus: &Corpus, entry: &ClipEntry) -> Result<Streams> {
    read_person(corpus, &entry.speaker)
}

/// The listener of a corpus row with everything there is.
///
/// # Errors
/// As [`read_person`].
pub fn corpus_listener(corpus: &Corpus, entry: &ClipEntry) -> Result<Streams> {
    read_person(corpus, &entry.listener)
}
