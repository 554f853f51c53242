//! One entry, one seed, over a split: reactions made or read, scored, kept.

use std::path::Path;

use clips::cache::Key;
use clips::{Control, Result, Take};
use measures::coverage::{self, Coverage};
use measures::realism::Realism;
use measures::summary::{Features, features};
use measures::{Evaluation, Journal, Options, Reactions};
use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::entry::{Answerer, Entry};
use crate::latents::ClipLatents;
use crate::recognition::Recognition;
use crate::spill::Writer;
use crate::split::Split;

/// Clips whose reactions are compared with all real ones as a set.
const MOST_COMPARED: usize = 400;

/// How a study is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Reactions of each clip; the published numbers use 10.
    pub samples: usize,
    /// Seeds of systems that draw; every seed is a run of its own.
    pub seeds: Vec<u64>,
    /// Bootstrap resamples over clips.
    pub bootstrap: usize,
    /// Predictions longer than the split are cut to it; without it they are refused.
    pub truncate: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { samples: 10, seeds: vec![1], bootstrap: 1000, truncate: false }
    }
}

/// What one entry reached with one seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Seed of all draws.
    pub seed: u64,
    /// The measures.
    pub evaluation: Evaluation,
    /// What the takes of each clip say of the latents; empty without latents.
    pub latents: Vec<ClipLatents>,
    /// How far the reactions are from real ones, as a set; `None` below two frames.
    pub realism: Option<Realism>,
    /// Whether the samples are among the appropriate reactions and answer all of them; `None` below two frames.
    pub coverage: Option<Coverage>,
}

/// Scores an entry; a finished outcome in the cache is handed out, an unfinished one goes on.
///
/// # Errors
/// What the system, the files and the measures say; cancelled on request, with finished clips kept in the cache.
pub fn score(
    entry: &Entry,
    split: &Split,
    settings: &Settings,
    seed: u64,
    cache: Option<&Cache>,
    control: &Control,
) -> Result<Outcome> {
    let key = key_of(entry, split, settings, seed);
    if let Some(known) = cache.and_then(|cache| cache.get(&key)) {
        return Ok(known);
    }
    let outcome = match cache {
        Some(cache) => {
            let journal = cache.journal(&key)?;
            fresh(entry, split, settings, seed, &journal, Some(cache.folder()), control)?
        }
        None => fresh(entry, split, settings, seed, &(), None, control)?,
    };
    if let Some(cache) = cache {
        cache.put(&key, &outcome)?;
    }
    Ok(outcome)
}

/// Everything an outcome depends on.
fn key_of(entry: &Entry, split: &Split, settings: &Settings, seed: u64) -> Key {
    Key::new("outcome/1")
        .part("split", &split.fingerprint)
        .part("frames", split.frames)
        .part("system", entry.system_name())
        .part("checkpoint", entry.checkpoint())
        .part("asked", format!("{:?} {:?} {:?}", entry.track, entry.draw, entry.sampling))
        .part("samples", settings.samples)
        .part("bootstrap", settings.bootstrap)
        .part("seed", seed)
}

fn fresh(
    entry: &Entry,
    split: &Split,
    settings: &Settings,
    seed: u64,
    journal: &dyn Journal,
    folder: Option<&Path>,
    control: &Control,
) -> Result<Outcome> {
    if let Answerer::File(predictions) = &entry.answerer {
        let ids: Vec<&str> = split.entries().iter().map(|entry| entry.id.as_str()).collect();
        predictions.require_clips(&ids, split.which.name())?;
        predictions.require_frames(split.frames, settings.truncate || split.asked)?;
    }
    let count = split.entries().len();
    let mut writer = Writer::create(folder)?;
    let (mut latents, mut summaries) = (Vec::new(), Vec::new());
    for row in 0..count {
        control.step("making reactions", row as u64, count as u64, entry.label.clone())?;
        let takes = entry.takes(split, row, settings.samples, seed, &control.silent())?;
        if takes.iter().any(|take| take.header.latent.is_some()) {
            latents.push(ClipLatents::of(&takes));
        }
        writer.push(&split.entries()[row].id, &takes)?;
        if split.frames > 1 && takes.iter().all(finite) {
            summaries.push(takes.iter().map(|take| features(&take.attributes)).collect::<Result<Vec<_>>>()?);
        }
    }
    control.step("making reactions", count as u64, count as u64, entry.label.clone())?;
    let spill = writer.finish()?;
    debug_assert_eq!(spill.clips(), count);
    let options = Options { bootstrap: settings.bootstrap, seed: 0, ..Options::default() };
    let evaluation = Evaluation::resumed(&spill, &split.truth(), &options, journal, control)?;
    let (realism, coverage) = if summaries.len() == count {
        (Some(realism(&summaries, split, control)?), Some(covered(&summaries, split, control)?))
    } else {
        (None, None)
    };
    let latents = if latents.len() == count { latents } else { Vec::new() };
    Ok(Outcome { seed, evaluation, latents, realism, coverage })
}

/// What is no number is refused by the evaluation, with its place.
fn finite(take: &Take) -> bool {
    take.attributes.iter().flatten().all(|value| value.is_finite())
}

/// Every real listener against every reaction, of at most [`MOST_COMPARED`] clips: the cost grows with their square.
fn realism(made: &[Vec<Features>], split: &Split, control: &Control) -> Result<Realism> {
    let real = split.listener_features()?;
    let step = made.len().div_ceil(MOST_COMPARED).max(1);
    let made: Vec<Features> = made.iter().step_by(step).flatten().copied().collect();
    Realism::of(&real, &made, &control.silent())
}

fn covered(made: &[Vec<Features>], split: &Split, control: &Control) -> Result<Coverage> {
    let real = split.listener_features()?;
    Coverage::of(made, &real, &split.neighbours, coverage::NEIGHBOURS, &control.silent())
}

/// What the network of an entry makes of the real listeners of the split; cached like an outcome.
///
/// # Errors
/// As [`Recognition::of`].
pub fn recognise(
    entry: &Entry,
    split: &Split,
    cache: Option<&Cache>,
    control: &Control,
) -> Result<Option<Recognition>> {
    let Answerer::System(system) = &entry.answerer else { return Ok(None) };
    let key = Key::new("recognition/1")
        .part("split", &split.fingerprint)
        .part("frames", split.frames)
        .part("checkpoint", entry.checkpoint());
    if let Some(known) = cache.and_then(|cache| cache.get(&key)) {
        return Ok(Some(known));
    }
    let found = Recognition::of(&**system, split, control)?;
    if let (Some(cache), Some(found)) = (cache, &found) {
        cache.put(&key, found)?;
    }
    Ok(found)
}
