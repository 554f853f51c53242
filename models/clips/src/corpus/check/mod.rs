//! What is wrong with a corpus: every file is read, every fault has a path, a kind, a place and a remedy, and one bad
//! clip never hides the others.
//!
//! Stages: what opening found; every pair (`person.rs` reads a person's files, `pair.rs` holds two people and their
//! streams against each other), in parallel, a pair in memory at a time and thread; what only the whole shows (the
//! usual length, raw among centred clips); what only the layout knows (lists, matrices, leftovers). The order of the
//! findings does not depend on the threads.

pub(super) mod matrices;
mod pair;
mod person;
mod report;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::{ClipEntry, Corpus, Split};
use crate::control::Control;
use crate::fault::{Fault, FaultKind, Result};

pub use pair::follows;
pub use report::{Finding, Report, Severity};

/// Loudness of a sound file, one number in dB relative to full scale for every 25th of a second. This crate decodes
/// no sound, so the caller brings it; a closure will do.
pub trait Loudness: Sync {
    /// Decodes `path`.
    ///
    /// # Errors
    /// What is wrong with the file; it becomes a finding.
    fn frames_db(&self, path: &Path) -> Result<Vec<f32>>;
}

impl<F: Fn(&Path) -> Result<Vec<f32>> + Sync> Loudness for F {
    fn frames_db(&self, path: &Path) -> Result<Vec<f32>> {
        self(path)
    }
}

/// What to hold the corpus against.
#[derive(Default, Clone, Copy)]
pub struct CheckConfig<'a> {
    /// Frames that the attributes of a clip should have; `None` takes the length that most clips have, in layouts whose
    /// clips are all of one length.
    pub frames: Option<usize>,
    /// Decodes sound; without it only the headers of wav files are looked at and nothing is said about the jaw.
    pub loudness: Option<&'a dyn Loudness>,
}

/// Opens the corpus in `root` and checks it; see [`check`].
///
/// # Errors
/// When there is no corpus, or on a stop. Everything else is a finding.
pub fn check_path(root: &Path, config: &CheckConfig<'_>, control: &Control) -> Result<Report> {
    check(&Corpus::open(root, &control.silent())?, config, control)
}

/// Reads every file of `corpus` and says what is wrong.
///
/// # Errors
/// On a stop only; everything else is a finding.
pub fn check(corpus: &Corpus, config: &CheckConfig<'_>, control: &Control) -> Result<Report> {
    let mut faults: Vec<Finding> = corpus.faults().iter().cloned().map(Finding::of_opening).collect();
    // A person stands in two rows; the first half has everyone.
    let pairs: Vec<&ClipEntry> = Split::ALL
        .iter()
        .flat_map(|split| {
            let rows = corpus.clips(*split);
            &rows[..rows.len() / 2]
        })
        .collect();
    let done = AtomicU64::new(0);
    let results = pairs
        .par_iter()
        .map(|row| {
            control.check()?;
            let result = pair::check(row, config);
            let count = done.fetch_add(1, Ordering::Relaxed) + 1;
            if count.is_multiple_of(16) || count == pairs.len() as u64 {
                control.step("checking clips", count, pairs.len() as u64, row.id.as_str())?;
            }
            Ok(result)
        })
        .collect::<Result<Vec<_>>>()?;
    let mut files = 0;
    let mut facts = Vec::with_capacity(2 * results.len());
    for result in results {
        faults.extend(result.found);
        for fact in result.people {
            files += fact.files;
            facts.push(fact);
        }
    }
    if config.frames.is_some() || corpus.layout().one_length() {
        lengths(&facts, config.frames, &mut faults);
    }
    centring(&facts, &mut faults);
    faults.extend(corpus.layout().check(corpus, control)?);
    faults.sort_by(|a, b| a.order().cmp(&b.order()));
    Ok(Report {
        root: corpus.root().to_owned(),
        layout: corpus.layout().name(),
        clips: Split::ALL.iter().map(|split| corpus.clips(*split).len()).sum(),
        files,
        faults,
    })
}

/// Attributes that are shorter or longer than those of the other clips.
fn lengths(facts: &[person::Facts], wanted: Option<usize>, faults: &mut Vec<Finding>) {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for (_, frames) in facts.iter().filter_map(|fact| fact.attributes.as_ref()) {
        *counts.entry(*frames).or_default() += 1;
    }
    // Of two lengths that are equally frequent the longer one is meant: clips get cut, they do not grow.
    let usual =
        wanted.or_else(|| counts.iter().max_by_key(|(frames, count)| (**count, **frames)).map(|(f, _)| *f));
    let Some(usual) = usual else { return };
    for (path, frames) in facts.iter().filter_map(|fact| fact.attributes.as_ref()) {
        if *frames != usual {
            let fault = Fault::new(
                FaultKind::WrongLength,
                path,
                format!("{frames} frames of attributes, {usual} are usual here"),
            );
            faults.push(if *frames < usual {
                Finding::error(
                    fault.remedy("extract the attributes again; scores of this clip would be refused"),
                )
            } else {
                Finding::warning(fault.remedy(format!("frames from {usual} on are never scored; cut them")))
            });
        }
    }
}

/// Raw coefficients among centred ones, or the other way round.
fn centring(facts: &[person::Facts], faults: &mut Vec<Finding>) {
    let known = || facts.iter().filter_map(|fact| fact.raw.as_ref());
    let raw = known().filter(|(_, raw)| *raw).count();
    let most = 2 * raw > known().count();
    for (path, raw) in known().filter(|(_, raw)| *raw != most) {
        let (this, others) =
            if *raw { ("raw", "centred on the mean face") } else { ("centred", "raw tracker output") };
        faults.push(Finding::warning(
            Fault::new(
                FaultKind::Mismatch,
                path,
                format!("the coefficients are {this}, most others are {others}"),
            )
            .at("column 52, rotation x")
            .remedy("add or subtract mean_face.npy so that all clips are of one kind"),
        ));
    }
}
