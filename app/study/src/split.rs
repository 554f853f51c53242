//! What is known of a split: who speaks, who listened, which reactions are appropriate, cut to one length.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use clips::corpus::{self, ClipEntry, Corpus, IntentRow};
use clips::time::CLIP_FRAMES;
use clips::{Attributes, Control, Fault, FaultKind, Result, Streams};
use measures::Truth;
use measures::summary::{Features, features};
use rayon::prelude::*;

/// A split, in memory: attributes of both people of every clip.
#[derive(Debug, Clone)]
pub struct Split {
    /// The corpus.
    pub corpus: Arc<Corpus>,
    /// Which split.
    pub which: corpus::Split,
    /// Frames of every clip: what was asked for, else the shortest clip, at most 750.
    pub frames: usize,
    /// That many frames were asked for: longer predictions are cut to them as the truth is.
    pub asked: bool,
    /// The true listener of each row, frames x 25.
    pub listeners: Arc<[Attributes]>,
    /// The speaker of each row, frames x 25.
    pub speakers: Arc<[Attributes]>,
    /// Appropriate reactions of each row.
    pub neighbours: Arc<[Vec<u32>]>,
    /// True intents of the rows of this split, where the corpus knows them.
    pub intents: Option<Arc<[IntentRow]>>,
    /// Stands for all of the above in cache keys and reports, hex.
    pub fingerprint: String,
    /// What a reader of numbers over this split must know.
    pub warnings: Vec<String>,
}

impl Split {
    /// Reads a split; `frames` cuts all clips to that length.
    ///
    /// # Errors
    /// A split without clips or neighbour matrix; a clip without attributes, or shorter than asked for; cancelled on
    /// request.
    pub fn read(
        corpus: Arc<Corpus>,
        which: corpus::Split,
        frames: Option<usize>,
        control: &Control,
    ) -> Result<Self> {
        if frames == Some(0) {
            return Err(Fault::new(FaultKind::BadRequest, "", "--frames 0 compares nothing")
                .remedy("ask for at least one frame"));
        }
        let entries = corpus.clips(which);
        if entries.is_empty() {
            return Err(Fault::new(
                FaultKind::Empty,
                corpus.root(),
                format!("the {} split has no clips", which.name()),
            )
            .remedy("choose another split with --split"));
        }
        let neighbours = corpus.neighbours(which)?.ok_or_else(|| {
            Fault::new(
                FaultKind::NotFound,
                corpus.root(),
                format!("no neighbour_emotion_{}.npy", which.name()),
            )
            .remedy("put the neighbour matrix of the split beside the lists")
        })?;
        let done = std::sync::atomic::AtomicU64::new(0);
        let people: Vec<[Attributes; 2]> = entries
            .par_iter()
            .map(|entry| {
                let step = 1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                control.step("reading the split", step, entries.len() as u64, "")?;
                Ok([attributes(&corpus, entry, false)?, attributes(&corpus, entry, true)?])
            })
            .collect::<Result<_>>()?;
        let shortest = people.iter().flatten().map(Vec::len).min().unwrap_or(0);
        let longest = people.iter().flatten().map(Vec::len).max().unwrap_or(0);
        let asked = frames.is_some();
        let frames = frames.unwrap_or_else(|| shortest.min(CLIP_FRAMES));
        if let Some(row) = people.iter().position(|both| both.iter().any(|rows| rows.len() < frames.max(1))) {
            return Err(Fault::new(
                FaultKind::WrongShape,
                &entries[row].id,
                format!(
                    "{} frames of truth, {frames} are compared",
                    people[row].iter().map(Vec::len).min().unwrap_or(0)
                ),
            )
            .remedy("compare fewer frames, or leave the clip out of the list"));
        }
        let mut warnings = Vec::new();
        if longest > frames {
            warnings.push(format!("clips of up to {longest} frames are compared over their first {frames}"));
        }
        let (mut speakers, mut listeners): (Vec<_>, Vec<_>) =
            people.into_iter().map(|[speaker, listener]| (speaker, listener)).unzip();
        speakers.iter_mut().chain(&mut listeners).for_each(|rows| rows.truncate(frames));
        let intents = corpus
            .intents()?
            .map(|rows| rows.into_iter().filter(|row| row.split == which).collect::<Arc<[IntentRow]>>());
        let fingerprint = fingerprint(entries, &speakers, &listeners, &neighbours.rows);
        Ok(Self {
            corpus,
            which,
            frames,
            asked,
            listeners: listeners.into(),
            speakers: speakers.into(),
            neighbours: neighbours.rows.into(),
            intents,
            fingerprint,
            warnings,
        })
    }

    /// The same split over its first `frames` frames, because `why`, which becomes a warning; itself where it is no longer.
    #[must_use]
    pub fn cut(self, frames: usize, why: &str) -> Self {
        if frames >= self.frames || frames == 0 {
            return self;
        }
        let short = |people: &[Attributes]| -> Vec<Attributes> {
            people.iter().map(|rows| rows[..frames.min(rows.len())].to_vec()).collect()
        };
        let (speakers, listeners) = (short(&self.speakers), short(&self.listeners));
        let mut warnings = self.warnings;
        warnings.push(format!("the {} frames of every clip are cut to {frames}: {why}", self.frames));
        Self {
            frames,
            fingerprint: fingerprint(self.corpus.clips(self.which), &speakers, &listeners, &self.neighbours),
            speakers: speakers.into(),
            listeners: listeners.into(),
            warnings,
            ..self
        }
    }

    /// The rows.
    pub fn entries(&self) -> &[ClipEntry] {
        self.corpus.clips(self.which)
    }

    /// What reactions are held against.
    pub fn truth(&self) -> Truth<'_> {
        Truth { listeners: &self.listeners, speakers: &self.speakers, neighbours: &self.neighbours }
    }

    /// Summaries of all true listeners, for measures that compare distributions.
    ///
    /// # Errors
    /// Clips of less than two frames.
    pub fn listener_features(&self) -> Result<Vec<Features>> {
        self.listeners.par_iter().map(|rows| features(rows)).collect()
    }

    /// What a system is given of the speaker of a row, cut to the compared frames.
    ///
    /// # Errors
    /// A file that cannot be read, or sound shorter than the face.
    pub fn speaker(&self, row: usize, with_sound: bool) -> Result<Streams> {
        let entry = &self.entries()[row];
        let mut streams = if with_sound {
            listener::corpus_speaker(&self.corpus, entry)?
        } else {
            listener::read_face(&self.corpus, &entry.speaker)?
        };
        if streams.frames() < self.frames {
            return Err(Fault::new(
                FaultKind::WrongShape,
                &entry.id,
                format!(
                    "sound and face together cover {} frames, {} are compared",
                    streams.frames(),
                    self.frames
                ),
            )
            .remedy("compare fewer frames (--frames), or leave the clip out of the list"));
        }
        streams.cut(self.frames);
        Ok(streams)
    }

    /// The folder of the corpus.
    pub fn root(&self) -> PathBuf {
        self.corpus.root().to_owned()
    }
}

fn attributes(corpus: &Corpus, entry: &ClipEntry, listens: bool) -> Result<Attributes> {
    let person = if listens { &entry.listener } else { &entry.speaker };
    let path = corpus.root().join(entry.id.split('/').next().unwrap_or_default()).join(&person.name);
    let rows = person.read()?.attributes.ok_or_else(|| {
        Fault::new(FaultKind::MissingModality, &path, "the clip has no attributes")
            .remedy("the official measures compare attributes; add the Emotion file")
    })?;
    match rows.iter().position(|row| row.iter().any(|value| !value.is_finite())) {
        Some(frame) => Err(Fault::new(FaultKind::NotFinite, path, "a value is not a number")
            .at(format!("frame {frame}"))
            .remedy("the official measures are undefined there; repair or leave out the clip")),
        None => Ok(rows),
    }
}

/// Content of the truth, names of the rows, and size and time of the sound files that systems hear.
fn fingerprint(
    entries: &[ClipEntry],
    speakers: &[Attributes],
    listeners: &[Attributes],
    neighbours: &[Vec<u32>],
) -> String {
    let mut key = clips::cache::Key::new("split/1");
    for (((entry, speaker), listener), row) in entries.iter().zip(speakers).zip(listeners).zip(neighbours) {
        key = key.part("id", &entry.id);
        for rows in [speaker, listener] {
            let bytes: Vec<u8> = rows.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
            key = key.bytes("attributes", &bytes);
        }
        let bytes: Vec<u8> = row.iter().flat_map(|column| column.to_le_bytes()).collect();
        key = key.bytes("neighbours", &bytes);
        let sound = entry.speaker.sound.as_ref().and_then(|path| std::fs::metadata(path).ok());
        if let Some(meta) = sound {
            let time = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            key = key.part("sound", format!("{} {time:?}", meta.len()));
        }
    }
    key.hex()
}
