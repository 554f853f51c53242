//! What workers do for the Evaluate workspace: read the split, score one system after the other, write what others read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clips::corpus::{Corpus, Split as Which};
use clips::{Control, Fault, FaultKind, Result, Sampling};
use listener::Naive;
use study::entry::{Answerer, Predictions};
use study::{Board, Cache, Entry, Scored, Settings, Split};

use crate::evaluate::{Choice, Who};
use crate::state::{Maker, SystemRow};
use crate::text;
use crate::work::{Answer, Made};

/// Reads the split that is scored, cut to the `least` frames that predictions have.
///
/// # Errors
/// As [`Split::read`].
pub fn read(corpus: Arc<Corpus>, which: Which, least: Option<usize>, control: &Control) -> Result<Answer> {
    let split = Split::read(corpus, which, None, control)?;
    let split = match least {
        Some(frames) => split.cut(frames, "the shortest predictions have no more"),
        None => split,
    };
    Ok(Made::Split(Arc::new(split)).into())
}

/// Scores one choice and puts it beside those that were scored before.
///
/// # Errors
/// As [`study::score_entry`].
pub fn score(
    choice: Choice,
    row: Option<SystemRow>,
    label: String,
    slot: Option<usize>,
    before: Vec<Scored>,
    split: &Split,
    settings: &Settings,
    cache: Option<&Path>,
    control: &Control,
) -> Result<Answer> {
    // Without a place to keep outcomes they are made anew each time; that is no reason to fail.
    let cache = cache.and_then(|folder| Cache::open(folder).ok());
    let entry = Entry { slot, ..entry(&choice, row, label, split, control)? };
    let scored = study::score_entry(&entry, split, settings, cache.as_ref(), control)?;
    let all: Vec<Scored> = before.into_iter().chain([scored.clone()]).collect();
    let board = Board::of(&all, split, settings, control)?;
    Ok(Made::Scored(choice, Box::new(scored), Arc::new(board)).into())
}

fn entry(
    choice: &Choice,
    row: Option<SystemRow>,
    label: String,
    split: &Split,
    control: &Control,
) -> Result<Entry> {
    let (answerer, spec) = match (&choice.who, row) {
        (Who::Naive(naive), _) => {
            (Answerer::System(naive.system(&split.corpus, split.which, control)?), naive.name().to_owned())
        }
        (Who::System(_), Some(row)) => match row.maker {
            Maker::System(system) => {
                let spec = match row.name.as_str() {
                    text::SHIPPED_SYSTEM => "demo".to_owned(),
                    text::SHIPPED_PLAIN => "demo-plain".to_owned(),
                    _ => row.origin.clone(),
                };
                (Answerer::System(system), spec)
            }
            Maker::Imported(imported) => {
                let path = imported.path().to_owned();
                let spec = path.display().to_string();
                (Answerer::File(Arc::new(Predictions::open(&path, control)?)), spec)
            }
        },
        (Who::System(origin), None) => {
            return Err(Fault::new(FaultKind::NotFound, "", format!("{origin} is not open any more"))
                .remedy("open the system again"));
        }
    };
    let mut spec = spec;
    if choice.draw == study::Draw::Spread {
        spec += "@spread";
    }
    if choice.track == clips::Track::Online {
        spec += "@online";
    }
    let sampling = Sampling::default();
    Ok(Entry { label, spec, answerer, track: choice.track, draw: choice.draw, sampling, slot: None })
}

/// The system of a scored row, to be brought to Compare.
pub fn system_of(scored: &Scored) -> Option<SystemRow> {
    let Answerer::System(system) = &scored.entry.answerer else { return None };
    let naive = Naive::of_name(system.name())?;
    Some(SystemRow {
        name: scored.entry.label.clone(),
        origin: format!("{}: {}", text::NAIVE_ORIGIN, naive.name()),
        maker: Maker::System(system.clone()),
        answers: None,
        file: None,
    })
}

/// Writes a small synthetic corpus into the user's cache folder and opens it.
///
/// # Errors
/// When it cannot be written.
pub fn synthetic(control: &Control) -> Result<Answer> {
    let home =
        Cache::usual_place().and_then(|place| place.parent().map(Path::to_owned)).ok_or_else(|| {
            Fault::new(FaultKind::NotWritable, "", "there is no folder for temporary files of yours")
                .remedy("set HOME, or write one yourself: backchannel synth --out DIR")
        })?;
    let folder = home.join("synthetic-4s");
    let config = clips::synth::Config { clips: Some(160), seconds: 4.0, seed: 2, ..Default::default() };
    clips::synth::write(&config, &folder, control)?;
    Ok(Made::Corpus(Arc::new(Corpus::open(&folder, control)?)).into())
}

/// Writes tables, figures and the report into a folder inside the one that was chosen.
///
/// # Errors
/// When they cannot be written.
pub fn export(board: &Board, scored: &[Scored], into: &Path, control: &Control) -> Result<Answer> {
    let folder: PathBuf = into.join(format!("evaluation-{}", board.split.name()));
    study::export::write(board, scored, &folder, control)?;
    Ok(Made::Exported(folder).into())
}
