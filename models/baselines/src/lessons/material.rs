//! A corpus as the compared systems learn from it: attributes, coefficients, 78 sound features, and pictures, frame by frame.
//!
//! People are read once, a few at a time; their rows lie in a file without a name and are read back by the frame, so memory
//! does not grow with the corpus. Frames without a face are the frame before. Rows hold both roles, so that swapping the roles at
//! random, as officially, is drawing a row.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use clips::channels::{ATTRIBUTE_COUNT, COEFFICIENT_COUNT};
use clips::corpus::{ClipEntry, Corpus, PersonFiles, Split};
use clips::{Attributes, Control, Fault, FaultKind, Footage, Result, Streams};
use listener::latent_intent::features::{Measured, read_face, read_person};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use training::course::{Facts, Plan};
use training::store::{Kept, Store};

use super::gallery::Gallery;
use crate::answer::{CEPSTRA, cepstra, held};
use crate::given::Features;
use crate::parameters::internal;
use crate::pictures::Prepared;

/// What a system needs of a corpus.
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    /// Attributes of the speaker. Those of the listener are always needed.
    pub speaker_attributes: bool,
    /// The speaker's sound.
    pub sound: bool,
    /// The listener's coefficients.
    pub coefficients: bool,
    /// The speaker's video: the preset that does without.
    pub video: Option<&'static str>,
    /// Ready-made features of the speaker's video and sound, of so many columns.
    pub features: Option<(usize, usize)>,
    /// Fewer frames than these are no use.
    pub frames: usize,
}

/// One of the two people of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Who is answered.
    Speaker,
    /// Who answers.
    Listener,
}

/// A speaker and the true listener.
#[derive(Debug, Clone)]
pub struct Row {
    /// Name of the clip.
    pub id: String,
    /// Frames that both have.
    pub frames: usize,
    /// Rows whose listener is appropriate here, this one among them; sorted.
    pub appropriate: Vec<u32>,
    speaker: Kept,
    listener: Kept,
    video: Option<Footage>,
}

/// A corpus ready to learn from.
pub struct Material {
    /// What there is, for cards.
    pub facts: Facts,
    /// Training rows.
    pub train: Vec<Row>,
    /// Those that are drawn.
    pub drawn: Vec<usize>,
    /// Rows that are looked at: of the validation split, or the training rows where there are none.
    pub watched: Vec<Row>,
    /// Raw streams of the speakers of watched rows, by row: those that validation may ask for.
    files: Vec<PersonFiles>,
    root: std::path::PathBuf,
    store: Store,
    gallery: Gallery,
}

/// Places of the streams among the groups of the store.
const ATTRIBUTES: usize = 0;
const COEFFICIENTS: usize = 3;
const SOUND: usize = 4;
/// Ready-made features lie where the paper's network has others.
const GIVEN_VIDEO: usize = 1;
const GIVEN_SOUND: usize = 5;
/// People that are read side by side before they are written.
const AT_ONCE: usize = 32;

fn read(corpus: &Corpus, person: &PersonFiles, needs: &Needs) -> Result<Measured> {
    let sound = needs.sound;
    let streams = if sound && person.sound.is_some() {
        read_person(corpus, person)?
    } else {
        read_face(corpus, person)?
    };
    let given = match needs.features {
        Some(columns) if streams.given.video.is_some() && streams.given.sound.is_some() => {
            Some(Features::read(Path::new(&person.name), &streams.given, columns)?)
        }
        _ => None,
    };
    let frames = match (streams.frames(), &given) {
        (0, Some(given)) => given.frames,
        (frames, _) => frames,
    };
    let mut measured = Measured { frames, ..Measured::default() };
    if let Some(given) = given {
        let given = given.fitted(frames);
        measured.groups[GIVEN_VIDEO] = Some(given.video);
        measured.groups[GIVEN_SOUND] = Some(given.sound);
    }
    if let Some(rows) = &streams.attributes {
        measured.groups[ATTRIBUTES] = Some(held(&rows[..frames]).into_flattened());
    }
    if let Some(rows) = &streams.coefficients {
        measured.groups[COEFFICIENTS] = Some(held(&rows[..frames]).into_flattened());
    }
    if sound && streams.sound.is_some() {
        measured.groups[SOUND] = Some(cepstra(&person.name, &streams, frames)?.into_flattened());
    }
    Ok(measured)
}

/// What a person lacks for a role.
fn lacks(
    person: &PersonFiles,
    measured: &Measured,
    who: Who,
    needs: &Needs,
) -> Option<(&'static str, String)> {
    let speaks = who == Who::Speaker;
    let has = |group: usize| measured.groups[group].is_some();
    if let Some(preset) = needs.video.filter(|_| speaks && person.video.is_none()) {
        let remedy = format!(
            "add the video of the clip (Video_files; `backchannel synth --video` draws some), or train the preset {preset}, \
             which reads attributes instead"
        );
        return Some(("video", remedy));
    }
    if let Some((video, sound)) = needs.features.filter(|_| speaks && !has(GIVEN_VIDEO)) {
        let remedy = format!(
            "put what the picture and sound networks make beside the clip (Video_features, Audio_features: CLIP.npy of rows x \
             {video} and rows x {sound}), or train the preset small, which reads attributes and sound"
        );
        return Some(("features of video and sound", remedy));
    }
    if !has(ATTRIBUTES) && (!speaks || needs.speaker_attributes) {
        return Some(("attributes", "add the Emotion file of the clip".to_owned()));
    }
    if speaks && needs.sound && !has(SOUND) {
        let remedy = "add the sound file of the clip, or train belfusion, which needs none";
        return Some(("sound", remedy.to_owned()));
    }
    if !speaks && needs.coefficients && !has(COEFFICIENTS) {
        let remedy = "add the 3D_FV file of the clip, or train regnn, which needs none";
        return Some(("coefficients", remedy.to_owned()));
    }
    None
}

type People = BTreeMap<String, Result<(Kept, Vec<Who>)>>;

impl Material {
    /// Reads the training and validation rows for a system.
    ///
    /// # Errors
    /// A corpus in which no training row has what is needed (the first reason is told); a matrix
    /// that cannot be read, a full disk; cancelled.
    pub fn load(
        corpus: &Corpus,
        needs: &Needs,
        plan: &Plan,
        scratch: &Path,
        control: &Control,
    ) -> Result<Self> {
        let mut store = Store::create(Some(scratch))?;
        let mut faults = Vec::new();
        let mut people = Vec::new();
        for split in [Split::Train, Split::Val] {
            people.push(read_people(corpus, split, needs, &mut store, &mut faults, control)?);
        }
        let intents = corpus.intents()?.unwrap_or_default();
        let (train, _) = rows(corpus, Split::Train, &people[0], needs, &mut faults)?;
        if train.is_empty() {
            return Err(faults.into_iter().next().unwrap_or_else(|| {
                Fault::new(FaultKind::Empty, corpus.root(), "the training split has no usable row")
                    .remedy("run `backchannel check` on the corpus")
            }));
        }
        let (mut watched, mut files) = rows(corpus, Split::Val, &people[1], needs, &mut faults)?;
        let validation = watched.len();
        if watched.is_empty() {
            (watched, files) = rows(corpus, Split::Train, &people[0], needs, &mut Vec::new())?;
        }
        let accompanied = |rows: &[Row]| -> Vec<usize> {
            let some: Vec<usize> = (0..rows.len()).filter(|row| rows[*row].appropriate.len() > 1).collect();
            if some.is_empty() || !plan.alternatives_only { (0..rows.len()).collect() } else { some }
        };
        let drawn = accompanied(&train);
        let mut material = Self {
            facts: Facts {
                corpus: corpus
                    .root()
                    .file_name()
                    .map_or_else(String::new, |name| name.to_string_lossy().into()),
                fingerprint: String::new(),
                rows: train.len(),
                alternatives: train.iter().filter(|row| row.appropriate.len() > 1).count(),
                drawn: drawn.len(),
                validation,
                frames: train.iter().map(|row| row.frames).sum(),
                synthetic: !intents.is_empty(),
                faults,
                notes: Vec::new(),
            },
            train,
            drawn,
            watched,
            files,
            root: corpus.root().to_owned(),
            store,
            gallery: Gallery::default(),
        };
        // what is looked at is chosen as what is drawn
        material.keep_accompanied(&accompanied(&material.watched));
        material.facts.fingerprint = material.fingerprint()?;
        Ok(material)
    }

    /// Keeps these of the watched rows; the neighbours are numbered anew.
    fn keep_accompanied(&mut self, kept: &[usize]) {
        let place: BTreeMap<u32, u32> =
            kept.iter().enumerate().map(|(new, old)| (*old as u32, new as u32)).collect();
        let rows: Vec<Row> = kept
            .iter()
            .map(|row| {
                let mut row = self.watched[*row].clone();
                row.appropriate = row.appropriate.iter().filter_map(|old| place.get(old).copied()).collect();
                row
            })
            .collect();
        self.files = kept.iter().map(|row| self.files[*row].clone()).collect();
        self.watched = rows;
        if self.facts.validation > 0 {
            self.facts.validation = self.watched.len();
        }
    }

    /// Training rows, or watched ones.
    pub fn rows(&self, training: bool) -> &[Row] {
        if training { &self.train } else { &self.watched }
    }

    /// Frames `first..first + frames` of one stream, `[frames, columns]` flat; the last row again where it ends.
    fn part(&self, kept: &Kept, group: usize, first: usize, frames: usize) -> Result<Vec<f32>> {
        let mut measured = self.store.part(kept, first, frames)?;
        let mut rows = measured.groups[group].take().unwrap_or_default();
        let columns = rows.len() / measured.frames.max(1);
        while columns > 0 && rows.len() < frames * columns {
            rows.extend_from_within(rows.len() - columns..);
        }
        Ok(rows)
    }

    fn kept(row: &Row, who: Who) -> &Kept {
        match who {
            Who::Speaker => &row.speaker,
            Who::Listener => &row.listener,
        }
    }

    fn stacked(
        &self,
        group: usize,
        columns: usize,
        who: Who,
        rows: &[(&Row, usize)],
        frames: usize,
    ) -> Result<Tensor> {
        let mut all = Vec::with_capacity(rows.len() * frames * columns);
        for (row, first) in rows {
            all.extend(self.part(Self::kept(row, who), group, *first, frames)?);
        }
        Tensor::from_vec(all, (rows.len(), frames, columns), &Device::Cpu).map_err(internal)
    }

    /// Attributes of some rows, each from a frame of its own on: `[B, frames, 25]`.
    ///
    /// # Errors
    /// When they cannot be read back.
    pub fn attributes(&self, who: Who, rows: &[(&Row, usize)], frames: usize) -> Result<Tensor> {
        self.stacked(ATTRIBUTES, ATTRIBUTE_COUNT, who, rows, frames)
    }

    /// Coefficients: `[B, frames, 58]`.
    ///
    /// # Errors
    /// When they cannot be read back.
    pub fn coefficients(&self, who: Who, rows: &[(&Row, usize)], frames: usize) -> Result<Tensor> {
        self.stacked(COEFFICIENTS, COEFFICIENT_COUNT, who, rows, frames)
    }

    /// Sound features: `[B, frames, 78]`.
    ///
    /// # Errors
    /// When they cannot be read back.
    pub fn sound(&self, who: Who, rows: &[(&Row, usize)], frames: usize) -> Result<Tensor> {
        self.stacked(SOUND, CEPSTRA, who, rows, frames)
    }

    /// Ready-made features of the speakers' video and sound: `[B, frames, columns]` each.
    ///
    /// # Errors
    /// When they cannot be read back.
    pub fn features(
        &self,
        rows: &[(&Row, usize)],
        frames: usize,
        (video, sound): (usize, usize),
    ) -> Result<(Tensor, Tensor)> {
        let of = |group, columns| self.stacked(group, columns, Who::Speaker, rows, frames);
        Ok((of(GIVEN_VIDEO, video)?, of(GIVEN_SOUND, sound)?))
    }

    /// Pictures of the speakers of some rows, each from a frame of its own on: `frames` for each row, on all threads.
    ///
    /// # Errors
    /// A row without video; pictures that cannot be had.
    pub fn pictures(&self, rows: &[(&Row, usize)], frames: usize) -> Result<Vec<Vec<Prepared>>> {
        rows.par_iter()
            .map(|(row, first)| match &row.video {
                Some(footage) => self.gallery.pictures(footage, *first, frames),
                None => Err(Fault::new(FaultKind::MissingModality, self.root.join(&row.id), "no video")),
            })
            .collect()
    }

    /// Attributes of speaker and true listener of a watched row, its first `frames` frames.
    ///
    /// # Errors
    /// When they cannot be read back.
    pub fn faces(&self, row: usize, frames: usize) -> Result<(Attributes, Attributes)> {
        let row = &self.watched[row];
        let of = |kept: &Kept| -> Result<Attributes> {
            Ok(self.part(kept, ATTRIBUTES, 0, frames)?.as_chunks::<ATTRIBUTE_COUNT>().0.to_vec())
        };
        Ok((of(&row.speaker)?, of(&row.listener)?))
    }

    /// The streams of the speaker of a watched row as any system is given them, its first `frames` frames.
    ///
    /// # Errors
    /// A file that cannot be read any more.
    pub fn streams(&self, row: usize, frames: usize) -> Result<Streams> {
        let person = self.files.get(row).ok_or_else(|| {
            Fault::new(FaultKind::Internal, &self.root, format!("there is no watched row {row}"))
        })?;
        let mut streams = person.read()?;
        streams.coefficients = None;
        if let Some(path) = &person.sound {
            streams.sound = Some(speech::decode(path)?);
        }
        streams.cut(frames.min(streams.frames()));
        Ok(streams)
    }

    fn fingerprint(&self) -> Result<String> {
        let mut hash = Sha256::new();
        for row in &self.train {
            hash.update(row.id.as_bytes());
            for kept in [&row.speaker, &row.listener] {
                for group in self.store.part(kept, 0, row.frames)?.groups.iter().flatten() {
                    group.iter().for_each(|value| hash.update(value.to_le_bytes()));
                }
            }
            // pictures are not read for it: what stands for them is how much there is
            if let Some(footage) = &row.video {
                let bytes = std::fs::metadata(footage.path()).ok().filter(std::fs::Metadata::is_file);
                let pictures = std::fs::read_dir(footage.path()).map_or(0, |all| all.count() as u64);
                hash.update(bytes.map_or(pictures, |file| file.len()).to_le_bytes());
            }
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

fn read_people(
    corpus: &Corpus,
    split: Split,
    needs: &Needs,
    store: &mut Store,
    faults: &mut Vec<Fault>,
    control: &Control,
) -> Result<People> {
    let mut people: BTreeMap<String, &PersonFiles> = BTreeMap::new();
    for entry in corpus.clips(split) {
        people.insert(entry.speaker.name.clone(), &entry.speaker);
        people.insert(entry.listener.name.clone(), &entry.listener);
    }
    let people: Vec<_> = people.into_iter().collect();
    let mut read_so_far = People::new();
    for (index, part) in people.chunks(AT_ONCE).enumerate() {
        control.step("reading clips", (index * AT_ONCE) as u64, people.len() as u64, split.name())?;
        let part: Vec<_> =
            part.par_iter().map(|(name, person)| (name, person, read(corpus, person, needs))).collect();
        for (name, person, measured) in part {
            let kept = match measured {
                Ok(measured) => {
                    let mut roles = Vec::new();
                    for who in [Who::Speaker, Who::Listener] {
                        match lacks(person, &measured, who, needs) {
                            None => roles.push(who),
                            Some((what, remedy)) => faults.push(
                                Fault::new(
                                    FaultKind::MissingModality,
                                    corpus.root().join(split.name()).join(name),
                                    format!("no {what}, so there is no {who:?} to learn from").to_lowercase(),
                                )
                                .remedy(remedy),
                            ),
                        }
                    }
                    Ok((store.put(&measured)?, roles))
                }
                Err(fault) => {
                    faults.push(fault.clone());
                    Err(fault)
                }
            };
            read_so_far.insert((*name).clone(), kept);
        }
    }
    Ok(read_so_far)
}

/// The usable rows of a split, and the files of their speakers.
fn rows(
    corpus: &Corpus,
    split: Split,
    people: &People,
    needs: &Needs,
    faults: &mut Vec<Fault>,
) -> Result<(Vec<Row>, Vec<PersonFiles>)> {
    let neighbours = corpus.neighbours(split)?;
    let entries = corpus.clips(split);
    let of = |person: &PersonFiles, who: Who| {
        let known = people.get(&person.name)?.as_ref().ok()?;
        known.1.contains(&who).then_some(&known.0)
    };
    let both = |entry: &ClipEntry| {
        let (speaker, listener) = (of(&entry.speaker, Who::Speaker)?, of(&entry.listener, Who::Listener)?);
        Some((speaker.clone(), listener.clone(), speaker.frames.min(listener.frames)))
    };
    // Rows that are left out must vanish from the neighbours of the others.
    let mut place = vec![None; entries.len()];
    let mut found = Vec::new();
    for (row, entry) in entries.iter().enumerate() {
        let Some((speaker, listener, frames)) = both(entry) else { continue };
        if frames < needs.frames.max(1) {
            faults.push(
                Fault::new(
                    FaultKind::WrongLength,
                    corpus.root().join(&entry.id),
                    format!("{frames} frames are less than the {} of a training item", needs.frames),
                )
                .remedy("give longer clips, or choose smaller windows (--set network...)"),
            );
            continue;
        }
        place[row] = Some(found.len() as u32);
        found.push((row, entry, speaker, listener, frames));
    }
    Ok(found
        .into_iter()
        .map(|(row, entry, speaker, listener, frames)| {
            let mut appropriate: Vec<u32> = match &neighbours {
                Some(neighbours) => {
                    neighbours.rows[row].iter().filter_map(|other| place[*other as usize]).collect()
                }
                None => Vec::new(),
            };
            appropriate.extend(place[row]);
            appropriate.sort_unstable();
            appropriate.dedup();
            let rate = entry.speaker.frames_per_second;
            let video = entry.speaker.video.clone().filter(|_| needs.video.is_some());
            let video = video.map(|files| Footage { files, rate });
            let row = Row { id: entry.id.clone(), frames, appropriate, speaker, listener, video };
            (row, entry.speaker.as_ref().clone())
        })
        .unzip())
}
