//! A whole study on a small synthetic corpus: what the naive baselines must give, that the cache changes nothing, that
//! a stopped study goes on, and what is refused.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use clips::corpus::{self, Corpus};
use clips::{Control, FaultKind, synth};
use measures::Measure;
use study::{Board, Cache, Column, Draw, Entry, Outcome, Scored, Settings, Split, run, score};

/// One corpus and one study of it for all tests: 12 validation rows of 4 s.
struct Set {
    _folder: tempfile::TempDir,
    split: Split,
    scored: Vec<Scored>,
    board: Board,
}

const ENTRIES: [&str; 10] = [
    "random",
    "mime",
    "mean-sequence",
    "mean-frame",
    "average-of-modes",
    "truth",
    "tokenised:demo",
    "demo@spread",
    "calm=demo@z2",
    "demo-plain",
];

static SET: LazyLock<Set> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let config = synth::Config { clips: Some(20), seconds: 4.0, seed: 3, ..Default::default() };
    synth::write(&config, folder.path(), &Control::default()).unwrap();
    let split = open(folder.path());
    let entries: Vec<Entry> = ENTRIES.iter().map(|spec| entry(spec, &split)).collect();
    let settings = Settings { samples: 8, seeds: vec![1, 2], bootstrap: 200, ..Settings::default() };
    let (scored, board) = run(&entries, &split, &settings, None, &Control::default()).unwrap();
    Set { _folder: folder, split, scored, board }
});

fn open(folder: &Path) -> Split {
    let corpus = Arc::new(Corpus::open(folder, &Control::default()).unwrap());
    Split::read(corpus, corpus::Split::Val, None, &Control::default()).unwrap()
}

fn entry(spec: &str, split: &Split) -> Entry {
    Entry::parse(spec, &split.corpus, split.which, &Control::default()).unwrap()
}

fn value(label: &str, measure: Measure) -> f64 {
    let board = &SET.board;
    let row = board.row(label).unwrap_or_else(|| panic!("no row {label}"));
    board.rows[row].cell(Column::Measure(measure)).unwrap().value.unwrap()
}

#[test]
fn naive_baselines_give_what_they_must_on_any_corpus() {
    // the first row of the paper's table I
    assert!((value("random", Measure::Div) - 1.0 / 6.0).abs() < 1e-3);
    assert!((value("random", Measure::Var) - 1.0 / 12.0).abs() < 1e-3);
    assert!((value("random", Measure::Dvs) - 1.0 / 6.0).abs() < 1e-3);
    for label in ["mime", "mean-sequence", "mean-frame", "average-of-modes", "truth"] {
        assert_eq!(value(label, Measure::Div), 0.0, "{label}");
    }
    assert_eq!(value("mean-frame", Measure::Corr), 0.0);
    assert!(value("mean-frame", Measure::Var) < 1e-12 && value("mean-frame", Measure::Dvs) < 1e-12);
    assert_eq!(value("mean-frame", Measure::Syn), 49.0);
    assert!(value("mean-sequence", Measure::Dvs) < 1e-12);
    assert_eq!(value("truth", Measure::Dist), 0.0);
    // every person speaks in one row and listens in another
    assert!((value("truth", Measure::Var) - value("mime", Measure::Var)).abs() < 1e-12);
    assert!((value("truth", Measure::Dvs) - value("mime", Measure::Dvs)).abs() < 1e-12);
    let truth = SET.board.row("truth").unwrap();
    let cell = |column| SET.board.rows[truth].cell(column).unwrap().value.unwrap();
    assert!((cell(Column::VarRatio) - 1.0).abs() < 1e-12);
    // not 0: eight copies of twelve reactions have another unbiased covariance than the twelve
    for row in SET.board.rows.iter().filter(|row| !["truth", "mime"].contains(&row.label.as_str())) {
        assert!(cell(Column::Frechet) < row.cell(Column::Frechet).unwrap().value.unwrap(), "{}", row.label);
    }
    assert_eq!(cell(Column::Precision), 1.0);
}

#[test]
fn the_code_books_come_near_the_truth_and_the_average_of_modes_moves_little() {
    // what the specification asks of code books; and a mean moves less than what it is the mean of
    let ratio = value("tokenised:demo", Measure::Var) / value("truth", Measure::Var);
    assert!((0.9..1.1).contains(&ratio), "{ratio}");
    assert!(value("tokenised:demo", Measure::Dist) < 0.5 * value("mean-frame", Measure::Dist));
    assert!(value("tokenised:demo", Measure::Dist) > 0.0);
    // half of the rows have one answer only, which is its own mean
    assert!(value("average-of-modes", Measure::Var) < 0.95 * value("truth", Measure::Var));
    assert!(SET.board.rows.iter().filter(|row| row.naive).count() == 7);
}

#[test]
fn seeds_matter_only_to_what_draws() {
    let of = |label: &str| {
        let row = SET.board.row(label).unwrap();
        (&SET.scored[row].outcomes, &SET.board.rows[row])
    };
    for (label, runs) in [("random", 2), ("mime", 1), ("truth", 1), ("latent-intent spread", 2)] {
        let (outcomes, row) = of(label);
        assert_eq!((outcomes.len(), row.seeds.len()), (runs, runs), "{label}");
    }
    let (outcomes, row) = of("latent-intent spread");
    assert_ne!(outcomes[0].evaluation.per_clip, outcomes[1].evaluation.per_clip);
    let cell = row.cell(Column::Measure(Measure::Corr)).unwrap();
    let mean = outcomes.iter().map(|outcome| outcome.evaluation.FRCorr).sum::<f64>() / 2.0;
    assert!((cell.value.unwrap() - mean).abs() < 1e-12);
    assert!(cell.spread.unwrap().deviation.unwrap() > 0.0);
    assert!(cell.interval.unwrap().contains(mean));
    let by_clip = cell.per_clip.iter().map(|value| value.unwrap()).sum::<f64>() / cell.per_clip.len() as f64;
    assert!((by_clip - mean).abs() < 1e-9);
}

#[test]
fn latents_are_told_from_takes() {
    let row = &SET.board.rows[SET.board.row("latent-intent spread").unwrap()];
    assert_eq!(row.draw, Some(Draw::Spread));
    assert_eq!(row.latents.len(), 8);
    let shares: f64 = row.latents.iter().map(|latent| latent.use_share.value).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
    let chosen: usize = row.latents.iter().map(|latent| latent.clips.len()).sum();
    assert_eq!(chosen, SET.split.entries().len());
    // signatures are differences to the mean of all latents
    for column in 0..25 {
        let sum: f64 =
            row.latents.iter().map(|latent| latent.signature.as_ref().unwrap()[column].value).sum();
        assert!(sum.abs() < 1e-6, "column {column}: {sum}");
    }
    let one = &SET.board.rows[SET.board.row("calm").unwrap()];
    assert_eq!(one.latents[1].clips.len(), SET.split.entries().len());
    let plain = &SET.board.rows[SET.board.row("latent-intent-plain").unwrap()];
    assert!(plain.latents.is_empty() && plain.draw.is_none());
    let empty = plain.cell(Column::Usage).unwrap();
    assert!(empty.value.is_none() && empty.why.contains("no latent"), "{empty:?}");
    let usage = row.cell(Column::Usage).unwrap().value.unwrap();
    assert!((1.0..=8.0).contains(&usage), "{usage}");
    assert!(row.cell(Column::Agreement).unwrap().value.is_some());
    assert!((0.0..=1.0).contains(&row.cell(Column::MatchingArea).unwrap().value.unwrap()));
}

#[test]
fn bold_is_for_trained_systems_that_can_be_told_apart() {
    for column in Column::all() {
        let bold: Vec<&str> = SET
            .board
            .rows
            .iter()
            .filter(|row| row.cell(column).unwrap().bold)
            .map(|row| row.label.as_str())
            .collect();
        assert!(SET.board.rows.iter().all(|row| !(row.naive && row.cell(column).unwrap().bold)));
        let trained = SET.board.rows.iter().filter(|row| !row.naive).count();
        assert!(bold.len() < trained, "{}: {bold:?}", column.name());
    }
    let (a, b) = (SET.board.row("truth").unwrap(), SET.board.row("random").unwrap());
    let column = Column::Measure(Measure::Dist);
    let found = SET.board.compare(a, b, column, 500, &Control::default()).unwrap().unwrap();
    assert_eq!(found.better, 1.0);
    assert!(found.difference < 0.0 && found.permutation.unwrap() < 0.05);
    let worst = SET.board.rows[b].ranked_clips(column);
    assert_eq!(worst.len(), SET.split.entries().len());
    assert!(worst.windows(2).all(|pair| pair[0].1 >= pair[1].1), "the largest distance is the worst");
}

#[test]
fn a_stopped_outcome_goes_on_and_a_finished_one_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let settings = Settings { samples: 4, seeds: vec![1], bootstrap: 50, ..Settings::default() };
    let entry = entry("demo", &SET.split);
    let fresh = score(&entry, &SET.split, &settings, 1, None, &Control::default()).unwrap();

    let stopper: Arc<std::sync::OnceLock<Control>> = Arc::default();
    let own = stopper.clone();
    let control = Control::with_listener(move |progress| {
        if progress.stage == "scoring clips" && progress.done == 3 {
            own.get().unwrap().stop();
        }
    });
    stopper.set(control.clone()).unwrap();
    let stopped = score(&entry, &SET.split, &settings, 1, Some(&cache), &control);
    assert!(stopped.unwrap_err().is_cancelled());
    let place = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let lines = std::fs::read_to_string(place.join("scores.jsonl")).unwrap();
    assert!((1..12).contains(&lines.lines().count()));
    // a line that a crash cut in half is scored again
    std::fs::write(place.join("scores.jsonl"), &lines[..lines.len() - 20]).unwrap();

    let resumed = score(&entry, &SET.split, &settings, 1, Some(&cache), &Control::default()).unwrap();
    assert_eq!(resumed, fresh);
    assert!(place.join("outcome.json").is_file() && !place.join("scores.jsonl").exists());
    let kept: Outcome = score(&entry, &SET.split, &settings, 1, Some(&cache), &Control::default()).unwrap();
    assert_eq!(kept, fresh, "the disk gives back every bit");
    let other = score(&entry, &SET.split, &settings, 2, Some(&cache), &Control::default()).unwrap();
    assert_ne!(other.evaluation.per_clip, fresh.evaluation.per_clip);
}

#[test]
fn what_cannot_take_part_is_refused_with_a_remedy() {
    let refused = |spec: &str| {
        let fault = Entry::parse(spec, &SET.split.corpus, SET.split.which, &Control::default()).unwrap_err();
        assert!(!fault.remedy.is_empty(), "{fault}");
        fault.kind
    };
    for spec in
        ["nobody", "demo@sideways", "demo@z9", "demo@guidance:99", "demo-plain@guidance:1", "demo@top-p:x"]
    {
        assert_eq!(refused(spec), FaultKind::BadRequest, "{spec}");
    }
    // predictions of another number of clips
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("few.npy");
    clips::array::write_npy(&file, &[2, 1, 100, 25], &[0.5; 2 * 100 * 25]).unwrap();
    let few = entry(file.to_str().unwrap(), &SET.split);
    let fault = score(&few, &SET.split, &Settings::default(), 1, None, &Control::default()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Mismatch);
    let wrong = folder.path().join("wrong.npy");
    clips::array::write_npy(&wrong, &[2, 100, 25], &[0.5; 2 * 100 * 25]).unwrap();
    assert_eq!(refused(wrong.to_str().unwrap()), FaultKind::WrongShape);
}

#[test]
fn predictions_on_the_disk_are_scored_as_the_system_that_made_them() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { samples: 3, seeds: vec![1], bootstrap: 0, ..Settings::default() };
    let random = entry("random", &SET.split);
    let mut values = Vec::new();
    for row in 0..SET.split.entries().len() {
        for take in random.takes(&SET.split, row, 3, 1, &Control::default()).unwrap() {
            values.extend(take.attributes.iter().flatten());
        }
    }
    let file = folder.path().join("random.npy");
    let shape = [SET.split.entries().len(), 3, SET.split.frames, 25];
    clips::array::write_npy(&file, &shape, &values).unwrap();
    let read = score(
        &entry(file.to_str().unwrap(), &SET.split),
        &SET.split,
        &settings,
        1,
        None,
        &Control::default(),
    );
    let made = score(&random, &SET.split, &settings, 1, None, &Control::default());
    assert_eq!(read.unwrap().evaluation, made.unwrap().evaluation);
}
