//! A corpus in memory as training reads it: standardised speakers, tokenised listeners, who may answer whom.
//!
//! Code books and feature statistics are fitted on the training rows only; validation rows use them.

use clips::corpus::{ClipEntry, Corpus, PersonFiles, Split};
use clips::{Chance, Control, Fault, FaultKind, Result};
use listener::latent_intent::decoder::Frame;
use listener::latent_intent::encoder::Speaker;
use listener::latent_intent::features::{Measured, Standardisation, read_person};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use tokens::{CodeBooks, FitConfig, Reaction};

use crate::config::Config;

/// One row: what the speaker did and what the listener answered.
#[derive(Debug, Clone)]
pub struct Row {
    /// Name of the clip.
    pub id: String,
    /// Standardised features.
    pub speaker: Speaker<f32>,
    /// Tokens of the true listener.
    pub reaction: Vec<Frame>,
    /// Rows whose listener is appropriate here, this one among them; sorted.
    pub appropriate: Vec<u32>,
    /// True intent, on synthetic corpora.
    pub intent: Option<usize>,
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
    /// SHA-256 over the names and values read.
    pub fingerprint: String,
    /// Clips that were left out, and why.
    pub faults: Vec<Fault>,
}

/// A person as read.
struct Person {
    measured: Measured,
    attributes: clips::Attributes,
    coefficients: clips::Coefficients,
}

fn read(corpus: &Corpus, person: &PersonFiles) -> Result<Person> {
    let streams = read_person(corpus, person)?;
    let measured = Measured::of(&streams, None);
    let (Some(attributes), Some(coefficients)) = (streams.attributes, streams.coefficients) else {
        return Err(Fault::new(
            FaultKind::MissingModality,
            &person.name,
            "attributes or coefficients are missing",
        )
        .remedy("both are needed to learn from a listener"));
    };
    Ok(Person { measured, attributes, coefficients })
}

type People = BTreeMap<String, Result<Person>>;

fn read_people(corpus: &Corpus, split: Split, control: &Control) -> Result<People> {
    let mut people: BTreeMap<String, &PersonFiles> = BTreeMap::new();
    for entry in corpus.clips(split) {
        people.insert(entry.speaker.name.clone(), &entry.speaker);
        people.insert(entry.listener.name.clone(), &entry.listener);
    }
    let people: Vec<_> = people.into_iter().collect();
    let mut read_so_far = People::new();
    for (index, part) in people.chunks(32).enumerate() {
        control.step("reading clips", (index * 32) as u64, people.len() as u64, split.name())?;
        let part: Vec<_> =
            part.par_iter().map(|(name, person)| (name.clone(), read(corpus, person))).collect();
        read_so_far.extend(part);
    }
    Ok(read_so_far)
}

impl Data {
    /// Reads the training and validation rows. Rows with a broken file are left out and listed in `faults`.
    ///
    /// # Errors
    /// When no training row is left, the neighbour matrix cannot be read, or on a stop.
    pub fn load(corpus: &Corpus, config: &Config, control: &Control) -> Result<Self> {
        let people = [read_people(corpus, Split::Train, control)?, read_people(corpus, Split::Val, control)?];
        let mut faults = Vec::new();
        for people in &people {
            faults.extend(people.values().filter_map(|person| person.as_ref().err().cloned()));
        }
        let of = |split: usize, person: &PersonFiles| {
            people[split].get(&person.name).and_then(|p| p.as_ref().ok())
        };
        let usable = |split: usize, entry: &ClipEntry| {
            let (speaker, listener) = (of(split, &entry.speaker)?, of(split, &entry.listener)?);
            let frames =
                speaker.measured.frames.min(listener.attributes.len()).min(listener.coefficients.len());
            (frames > 0).then_some((speaker, listener, frames))
        };
        let train = corpus.clips(Split::Train);
        let lonely = |split: Split| -> Result<Vec<bool>> {
            let rows = corpus.neighbours(split)?.map(|neighbours| neighbours.rows).unwrap_or_default();
            let none_is_better = rows.iter().all(|row| row.len() < 2) || !config.alternatives_only;
            Ok((0..corpus.clips(split).len()).map(|row| !none_is_better && rows[row].len() < 2).collect())
        };
        let (lonely_train, lonely_validation) = (lonely(Split::Train)?, lonely(Split::Val)?);
        let listeners: Vec<Reaction<'_>> = train
            .iter()
            .zip(&lonely_train)
            .filter(|(_, lonely)| !**lonely)
            .filter_map(|(entry, _)| {
                let (_, listener, _) = usable(0, entry)?;
                let frames = listener.attributes.len().min(listener.coefficients.len());
                Some(Reaction {
                    clip: &entry.id,
                    attributes: &listener.attributes[..frames],
                    coefficients: &listener.coefficients[..frames],
                })
            })
            .collect();
        if listeners.is_empty() {
            return Err(faults.into_iter().next().unwrap_or_else(|| {
                Fault::new(FaultKind::Empty, corpus.root(), "the training split has no usable row")
                    .remedy("run `backchannel check` on the corpus")
            }));
        }
        control.step("fitting code books", 0, 0, "")?;
        let fit =
            FitConfig { m3d: config.book_m3d, ex: config.book_ex, seed: config.seed, ..FitConfig::tiny() };
        let books = CodeBooks::fit(&listeners, &fit, &control.silent())?;
        let columns = config.network(books.sizes()).feature_columns;
        let speakers = train
            .iter()
            .zip(&lonely_train)
            .filter(|(_, lonely)| !**lonely)
            .filter_map(|(entry, _)| usable(0, entry))
            .map(|(speaker, _, _)| &speaker.measured);
        let standardisation = Standardisation::fit(speakers, &columns);

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
                    let reaction = books.tokenise(
                        &entry.id,
                        &listener.attributes[..frames],
                        &listener.coefficients[..frames],
                    )?;
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
                        speaker: standardisation.apply(&speaker.measured).part(&columns, 0, frames),
                        reaction,
                        appropriate,
                        intent: known.get(&row).copied(),
                    })
                })
                .collect()
        };
        let (train, mut validation) = (rows(Split::Train, 0)?, rows(Split::Val, 1)?);
        let alone = |row: &Row| row.appropriate.len() < 2;
        let drawn = match lonely_train.iter().any(|lonely| *lonely) {
            true => (0..train.len()).filter(|row| !alone(&train[*row])).collect(),
            false => (0..train.len()).collect(),
        };
        if lonely_validation.iter().any(|lonely| *lonely) {
            validation.retain(|row| !alone(row));
        }
        let fingerprint = fingerprint(&train);
        Ok(Self { train, drawn, validation, books, standardisation, fingerprint, faults })
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

fn fingerprint(rows: &[Row]) -> String {
    let mut hash = Sha256::new();
    for row in rows {
        hash.update(row.id.as_bytes());
        for frame in &row.reaction {
            frame.iter().for_each(|id| hash.update(id.to_le_bytes()));
        }
        for group in row.speaker.groups.iter().flatten() {
            group.rows.iter().for_each(|value| hash.update(value.to_le_bytes()));
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
