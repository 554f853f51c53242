//! A corpus as training reads it: standardised speakers, tokenised listeners, who may answer whom.
//!
//! Clips are read once, a few at a time. Features lie in a file and are read back by the frame; in memory stay tokens
//! (16 bytes a frame) and neighbours. Code books and feature statistics are fitted on the training rows only;
//! validation rows use them.

use clips::channels::{ATTRIBUTE_COUNT, COEFFICIENT_COUNT};
use clips::corpus::{ClipEntry, Corpus, PersonFiles, Split};
use clips::take::{STYLES, Style};
use clips::{Chance, Control, Fault, FaultKind, Result};
use listener::latent_intent::decoder::Frame;
use listener::latent_intent::encoder::Speaker;
use listener::latent_intent::features::{Fitting, Measured, Standardisation, read_person};
use listener::latent_intent::style::{Styles, measured};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use tokens::{CodeBooks, FitConfig, Reaction};

use crate::config::{Config, SystemKind};
use crate::store::{Kept, Store};

/// One row: what the speaker did and what the listener answered.
#[derive(Debug, Clone)]
pub struct Row {
    /// Name of the clip.
    pub id: String,
    /// Frames that speaker and listener both have.
    pub frames: usize,
    /// Where the speaker's features lie; [`Data::speaker`] reads them.
    pub speaker: Kept,
    /// Where the true listener lies; [`Data::faces`] reads both.
    pub listener: Kept,
    /// Tokens of the true listener.
    pub reaction: Vec<Frame>,
    /// Rows whose listener is appropriate here, this one among them; sorted.
    pub appropriate: Vec<u32>,
    /// True intent, on synthetic corpora.
    pub intent: Option<usize>,
    /// How the listener listens here.
    measured: [f64; STYLES.len()],
    /// How the same person listens in other rows that are drawn; average where there is none, and in validation.
    pub style: Style,
}

/// A corpus ready to train on.
#[derive(Debug)]
pub struct Data {
    /// Training rows.
    pub train: Vec<Row>,
    /// Rows of `train` that are drawn: all of them, or those with an alternative answer.
    pub drawn: Vec<usize>,
    /// Validation rows, chosen in the same way; may be empty.
    pub validation: Vec<Row>,
    /// Code books.
    pub books: CodeBooks,
    /// Feature statistics.
    pub standardisation: Standardisation,
    /// How the training people listen.
    pub styles: Styles,
    /// SHA-256 over the names and values read.
    pub fingerprint: String,
    /// Clips that were left out, and why.
    pub faults: Vec<Fault>,
    /// What the one who reads the results must know of the data.
    pub notes: Vec<String>,
    /// Name of the corpus folder.
    pub name: String,
    /// Whether the true intents are known: a synthetic corpus.
    pub synthetic: bool,
    store: Store,
}

type People = BTreeMap<String, Result<Kept>>;

/// Clips that are read side by side before their features are written.
const AT_ONCE: usize = 32;
/// Most frames of listeners that code books are fitted on; of more, every second, third ... listener is taken.
const FITTED_FRAMES: usize = 300_000;

fn read(corpus: &Corpus, person: &PersonFiles) -> Result<Measured> {
    let streams = read_person(corpus, person)?;
    if streams.attributes.is_none() || streams.coefficients.is_none() {
        return Err(Fault::new(
            FaultKind::MissingModality,
            &person.name,
            "attributes or coefficients are missing",
        )
        .remedy("both are needed to learn from a listener"));
    }
    Ok(Measured::of(&streams, None))
}

fn read_people(corpus: &Corpus, split: Split, store: &mut Store, control: &Control) -> Result<People> {
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
            part.par_iter().map(|(name, person)| (name.clone(), read(corpus, person))).collect();
        for (name, person) in part {
            let kept = match person {
                Ok(measured) => Ok(store.put(&measured)?),
                Err(fault) => Err(fault),
            };
            read_so_far.insert(name, kept);
        }
    }
    Ok(read_so_far)
}

/// The streams of a listener as code books take them: the groups AU, VA, EX side by side, and the coefficients.
fn listened(measured: &Measured) -> (clips::Attributes, clips::Coefficients) {
    let columns = |group: usize, frame: usize| -> &[f32] {
        let rows = measured.groups[group].as_deref().unwrap_or_default();
        let width = rows.len() / measured.frames.max(1);
        &rows[frame * width..(frame + 1) * width]
    };
    (0..measured.frames)
        .map(|frame| {
            let mut attributes = [0.0; ATTRIBUTE_COUNT];
            let parts = (0..3).flat_map(|group| columns(group, frame));
            attributes.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
            let mut coefficients = [0.0; COEFFICIENT_COUNT];
            coefficients.iter_mut().zip(columns(3, frame)).for_each(|(to, from)| *to = *from);
            (attributes, coefficients)
        })
        .unzip()
}

impl Data {
    /// Reads the training and validation rows; their features go to a file without a name in `scratch` (else in the
    /// folder for temporary files). Rows with a broken file are left out and listed in `faults`.
    ///
    /// # Errors
    /// When no training row is left, the neighbour matrix cannot be read, the disk is full, or on a stop.
    pub fn load(corpus: &Corpus, config: &Config, scratch: Option<&Path>, control: &Control) -> Result<Self> {
        let mut store = Store::create(scratch)?;
        let mut people = Vec::new();
        for split in [Split::Train, Split::Val] {
            people.push(read_people(corpus, split, &mut store, control)?);
        }
        let mut faults = Vec::new();
        for people in &people {
            faults.extend(people.values().filter_map(|person| person.as_ref().err().cloned()));
        }
        let of = |split: usize, person: &PersonFiles| {
            people[split].get(&person.name).and_then(|person| person.as_ref().ok())
        };
        let usable = |split: usize, entry: &ClipEntry| {
            let (speaker, listener) = (of(split, &entry.speaker)?, of(split, &entry.listener)?);
            let frames = speaker.frames.min(listener.frames);
            (frames > 0).then_some((speaker, listener, frames))
        };
        let lonely = |split: Split| -> Result<Vec<bool>> {
            let rows = corpus.neighbours(split)?.map(|neighbours| neighbours.rows).unwrap_or_default();
            let none_is_better = rows.iter().all(|row| row.len() < 2) || !config.alternatives_only;
            Ok((0..corpus.clips(split).len()).map(|row| !none_is_better && rows[row].len() < 2).collect())
        };
        let (lonely_train, lonely_validation) = (lonely(Split::Train)?, lonely(Split::Val)?);
        let fitted: Vec<_> = corpus
            .clips(Split::Train)
            .iter()
            .zip(&lonely_train)
            .filter(|(_, lonely)| !**lonely)
            .filter_map(|(entry, _)| Some((entry, usable(0, entry)?)))
            .collect();
        if fitted.is_empty() {
            return Err(faults.into_iter().next().unwrap_or_else(|| {
                Fault::new(FaultKind::Empty, corpus.root(), "the training split has no usable row")
                    .remedy("run `backchannel check` on the corpus")
            }));
        }
        if config.system == SystemKind::LatentIntent && config.latents > fitted.len() {
            return Err(Fault::new(
                FaultKind::BadRequest,
                corpus.root(),
                format!("{} latents for {} training rows", config.latents, fitted.len()),
            )
            .remedy(format!("set latents to at most {}, an eighth of the rows is better", fitted.len())));
        }
        control.step("fitting code books", 0, 0, "")?;
        let books = {
            let frames: usize = fitted.iter().map(|(_, (_, listener, _))| listener.frames).sum();
            let listeners = fitted
                .iter()
                .step_by(frames.div_ceil(FITTED_FRAMES).max(1))
                .map(|(entry, (_, listener, _))| {
                    Ok((&entry.id, listened(&store.part(listener, 0, listener.frames)?)))
                })
                .collect::<Result<Vec<_>>>()?;
            let listeners: Vec<Reaction<'_>> = listeners
                .iter()
                .map(|(clip, (attributes, coefficients))| Reaction { clip, attributes, coefficients })
                .collect();
            let fit = FitConfig {
                m3d: config.book_m3d,
                m3d_levels: config.book_m3d_levels.clone(),
                ex: config.book_ex,
                seed: config.seed,
                ..FitConfig::tiny()
            };
            CodeBooks::fit(&listeners, &fit, &control.silent())?
        };
        let mut fitting = Fitting::new(&config.network(books.sizes()).feature_columns);
        for (_, (speaker, _, _)) in &fitted {
            fitting.add(&store.part(speaker, 0, speaker.frames)?);
        }
        let standardisation = fitting.finish();

        let intents = corpus.intents()?.unwrap_or_default();
        let rows = |split: Split, index: usize| -> Result<Vec<Row>> {
            let neighbours = corpus.neighbours(split)?;
            let entries = corpus.clips(split);
            // Rows that are left out must vanish from the neighbours of the others.
            let mut place = vec![None; entries.len()];
            let mut kept = 0u32;
            for (row, entry) in entries.iter().enumerate() {
                if usable(index, entry).is_some() {
                    place[row] = Some(kept);
                    kept += 1;
                }
            }
            let known: BTreeMap<usize, usize> =
                intents.iter().filter(|row| row.split == split).map(|row| (row.row, row.intent)).collect();
            entries
                .par_iter()
                .enumerate()
                .filter_map(|(row, entry)| Some((row, entry, usable(index, entry)?)))
                .map(|(row, entry, (speaker, listener, frames))| {
                    let (attributes, coefficients) = listened(&store.part(listener, 0, frames)?);
                    let reaction = books.tokenise(&entry.id, &attributes, &coefficients)?;
                    let mut appropriate: Vec<u32> = match &neighbours {
                        Some(neighbours) => {
                            neighbours.rows[row].iter().filter_map(|other| place[*other as usize]).collect()
                        }
                        None => Vec::new(),
                    };
                    appropriate.extend(place[row]);
                    appropriate.sort_unstable();
                    appropriate.dedup();
                    Ok(Row {
                        id: entry.id.clone(),
                        frames,
                        speaker: speaker.clone(),
                        listener: listener.clone(),
                        reaction,
                        appropriate,
                        intent: known.get(&row).copied(),
                        measured: measured(&attributes, &coefficients),
                        style: Style::default(),
                    })
                })
                .collect()
        };
        let (mut train, mut validation) = (rows(Split::Train, 0)?, rows(Split::Val, 1)?);
        let alone = |row: &Row| row.appropriate.len() < 2;
        let drawn: Vec<usize> = match lonely_train.iter().any(|lonely| *lonely) {
            true => (0..train.len()).filter(|row| !alone(&train[*row])).collect(),
            false => (0..train.len()).collect(),
        };
        let people = corpus.clips(Split::Train).iter().filter(|entry| usable(0, entry).is_some());
        let people: Vec<&str> = people.map(|entry| person_of(&entry.listener.name)).collect();
        let listened: Vec<_> = drawn.iter().map(|row| (people[*row], train[*row].measured)).collect();
        let (styles, all) = styles_of(&listened);
        drawn.iter().zip(all).for_each(|(row, style)| train[*row].style = style);
        if lonely_validation.iter().any(|lonely| *lonely) {
            keep_accompanied(&mut validation);
        }
        let notes = notes(config, &books, &train, &drawn, corpus.neighbours(Split::Train)?.is_some());
        let mut data = Self {
            train,
            drawn,
            validation,
            books,
            standardisation,
            styles,
            fingerprint: String::new(),
            faults,
            notes,
            name: corpus.root().file_name().map_or_else(String::new, |name| name.to_string_lossy().into()),
            synthetic: !intents.is_empty(),
            store,
        };
        data.fingerprint = fingerprint(&data)?;
        Ok(data)
    }

    /// Standardised features of the speaker of a row, frames `first..first + frames` of those that the listener has
    /// too.
    ///
    /// # Errors
    /// When they cannot be read back.
    pub fn speaker(&self, row: &Row, first: usize, frames: usize) -> Result<Speaker<f32>> {
        let frames = frames.min(row.frames.saturating_sub(first));
        Ok(self.standardisation.apply(&self.store.part(&row.speaker, first, frames)?))
    }

    /// Attributes of speaker and true listener of a row, its first `frames` frames.
    ///
    /// # Errors
    /// When they cannot be read back.
    pub fn faces(&self, row: &Row, frames: usize) -> Result<(clips::Attributes, clips::Attributes)> {
        let frames = frames.min(row.frames);
        let of = |kept| Ok(listened(&self.store.part(kept, 0, frames)?).0);
        Ok((of(&row.speaker)?, of(&row.listener)?))
    }

    /// The rows that are looked at during training: the validation rows, or the training rows where there are none.
    pub fn watched(&self) -> &[Row] {
        if self.validation.is_empty() { &self.train } else { &self.validation }
    }

    /// At most `most` of the training rows that are drawn, spread evenly.
    pub fn answers(&self, most: usize) -> Vec<&Row> {
        let step = self.drawn.len().div_ceil(most.max(1)).max(1);
        self.drawn.iter().step_by(step).map(|row| &self.train[*row]).collect()
    }

    /// A training row whose listener is not appropriate to `row`.
    pub fn inappropriate(&self, row: usize, chance: &mut Chance) -> usize {
        let appropriate = &self.train[row].appropriate;
        for _ in 0..1000 {
            let other = self.drawn[chance.below(self.drawn.len())];
            if appropriate.binary_search(&(other as u32)).is_err() {
                return other;
            }
        }
        self.drawn[chance.below(self.drawn.len())]
    }
}

/// A person's name without the clip: `SITE/CHAT/PERSON/CLIP` without its end.
fn person_of(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(person, _)| person)
}

/// How people differ, and the style that each listener has in other clips than this one; of each clip who listens in it and
/// what was measured there.
fn styles_of(clips: &[(&str, [f64; STYLES.len()])]) -> (Styles, Vec<Style>) {
    let mut people: BTreeMap<&str, (f64, [f64; STYLES.len()])> = BTreeMap::new();
    for (name, measured) in clips {
        let (count, sums) = people.entry(name).or_default();
        *count += 1.0;
        sums.iter_mut().zip(measured).for_each(|(sum, number)| *sum += number);
    }
    let mean = |(count, sums): &(f64, [f64; STYLES.len()])| sums.map(|sum| sum / count);
    let styles = Styles::fit(&people.values().map(mean).collect::<Vec<_>>());
    let elsewhere = |(name, measured): &(&str, [f64; STYLES.len()])| {
        let (count, mut sums) = people[name];
        sums.iter_mut().zip(measured).for_each(|(sum, own)| *sum -= own);
        // whoever is known from one clip alone would be told by that clip what to do in it
        match count > 1.0 {
            true => styles.style(&sums.map(|sum| sum / (count - 1.0))),
            false => Style::default(),
        }
    };
    (styles, clips.iter().map(elsewhere).collect())
}

/// Drops rows that have no answer but their own; the neighbours of the others are numbered anew.
fn keep_accompanied(rows: &mut Vec<Row>) {
    let mut kept = 0;
    let place: Vec<Option<u32>> = rows
        .iter()
        .map(|row| {
            let stays = row.appropriate.len() > 1;
            kept += u32::from(stays);
            stays.then(|| kept - 1)
        })
        .collect();
    rows.retain(|row| row.appropriate.len() > 1);
    for row in rows {
        row.appropriate = row.appropriate.iter().filter_map(|other| place[*other as usize]).collect();
    }
}

/// What makes a run on this data other than its settings say.
fn notes(config: &Config, books: &CodeBooks, train: &[Row], drawn: &[usize], matrix: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let both = config.system == SystemKind::LatentIntent;
    if both && !config.true_pairs_only && drawn.iter().all(|row| train[*row].appropriate.len() < 2) {
        let why = if matrix {
            "no row of the neighbour matrix has an alternative answer"
        } else {
            "the corpus has no neighbour matrix"
        };
        notes
            .push(format!("{why}: stage 2 learns from the true listener alone, one answer for each speaker"));
    }
    if both && drawn.len() < 8 * config.latents {
        notes.push(format!(
            "{} latents for {} training rows: fewer than 8 rows each, some latents will stay empty or share an intent",
            config.latents,
            drawn.len()
        ));
    }
    let sizes = books.sizes();
    for (name, asked, got) in [("book_m3d", config.book_m3d, sizes[0]), ("book_ex", config.book_ex, sizes[3])]
    {
        if got < asked {
            notes.push(format!(
                "{name}: the listeners hold {got} different frames, not the {asked} asked for"
            ));
        }
    }
    notes
}

fn fingerprint(data: &Data) -> Result<String> {
    let mut hash = Sha256::new();
    for row in &data.train {
        hash.update(row.id.as_bytes());
        for frame in &row.reaction {
            frame.iter().for_each(|id| hash.update(id.to_le_bytes()));
        }
        for group in data.speaker(row, 0, row.frames)?.groups.iter().flatten() {
            group.rows.iter().for_each(|value| hash.update(value.to_le_bytes()));
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_known_by_his_other_clips_and_by_them_alone() {
        let smiles = |smile: f64| [smile, 0.0, 0.0, 0.0, 0.0];
        let clips = [("a", 0.1), ("b", 0.9), ("a", 0.3), ("b", 0.7), ("c", 0.5)];
        let clips = clips.map(|(name, smile)| (name, smiles(smile)));
        let (styles, all) = styles_of(&clips);
        assert_eq!(styles, Styles::fit(&[smiles(0.2), smiles(0.8), smiles(0.5)]));
        for (clip, elsewhere) in [(0, 0.3), (1, 0.7), (2, 0.1), (3, 0.9)] {
            let expected = styles.style(&smiles(elsewhere))[0];
            assert!((all[clip][0] - expected).abs() < 1e-6, "clip {clip}: {:?}", all[clip]);
        }
        assert_eq!(all[4], Style::default());
        assert_eq!(person_of("NoXI/001/Expert_video/7"), "NoXI/001/Expert_video");
    }
}
