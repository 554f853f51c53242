//! What happens to a run from outside: orders, numbers that are none, a disk without space, data that cannot carry it.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod small;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clips::corpus::Corpus;
use clips::{Control, FaultKind};
use small::{assert_equal, config, data, files, log, metrics, write_corpus};
use training::orders::Order;
use training::status::{Phase, Status};
use training::sweep::{self, Sweep};
use training::{Data, train, train_on};

fn wait_for(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited a minute for: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn orders_in_the_control_file_are_obeyed_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&["keep=0", "stage1_steps=14"]);
    let data = data(&config, &folder.path().join("corpus"));
    let (whole, run) = (folder.path().join("whole"), folder.path().join("run"));
    train_on(&config, &data, &whole, false, &Control::default()).unwrap();

    // The order is given at a step, so that it does not depend on how fast this machine is.
    let ordered = |step: u64, order: Order| {
        let run = run.clone();
        Control::with_listener(move |progress| {
            if progress.stage == "training, stage 1" && progress.done == step {
                order.give(&run).unwrap();
            }
        })
    };
    let status = || Status::read(&run.join("status.json")).unwrap();
    let fault = train_on(&config, &data, &run, false, &ordered(2, Order::Stop)).unwrap_err();
    assert!(fault.is_cancelled());
    assert_eq!((status().state, status().step), (Phase::Stopped, 2));
    assert!(!run.join("control").exists(), "an order is removed");

    let epoch = data.drawn.len().div_ceil(config.batch);
    assert!((4..14).contains(&epoch), "{epoch}");
    train_on(&config, &data, &run, true, &ordered(3, Order::StopAtEpoch)).unwrap_err();
    assert_eq!((status().state, status().step), (Phase::Stopped, epoch));

    let control = ordered(epoch as u64 + 1, Order::Pause);
    std::thread::scope(|scope| {
        let training = scope.spawn(|| train_on(&config, &data, &run, true, &control));
        wait_for("the pause", || status().state == Phase::Paused);
        assert_eq!(status().step, epoch + 1);
        let lines = metrics(&run).len();
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(metrics(&run).len(), lines, "a paused run takes no steps");
        std::fs::write(run.join("control"), "nonsense").unwrap();
        wait_for("nonsense to be removed", || !run.join("control").exists());
        Order::Resume.give(&run).unwrap();
        training.join().unwrap().unwrap();
    });
    assert_eq!(status().state, Phase::Done);
    assert!(log(&run).contains("nonsense") && log(&run).contains("paused at stage 1"));
    assert_equal(&whole, &run);
}

#[test]
fn a_run_that_goes_astray_names_the_batch_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&["stage1_rate=1e30", "clip=1e30", "warmup=0", "stage1_steps=20", "most_skips=3"]);
    let data = data(&config, &folder.path().join("corpus"));
    let run = folder.path().join("run");
    let fault = train_on(&config, &data, &run, false, &Control::default()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotFinite);
    let text = fault.to_string();
    assert!(text.contains("4 steps in a row") && text.contains("stage 1 step"), "{text}");
    assert!(data.train.iter().any(|row| text.contains(&row.id)) && text.contains("frames "), "{text}");
    let skipped: Vec<_> =
        metrics_with_gaps(&run).into_iter().filter(|line| line.get("skipped").is_some()).collect();
    assert_eq!(skipped.len(), 4);
    assert!(skipped[0]["losses"]["total"].is_null());
    assert_eq!(Status::read(&run.join("status.json")).unwrap().state, Phase::Failed);
    assert!(log(&run).contains("skipped stage 1 step"));
}

/// As `metrics`, of a run whose last line has no time.
fn metrics_with_gaps(run: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_spike_is_skipped_and_the_weights_do_not_see_it() {
    let folder = tempfile::tempdir().unwrap();
    // A threshold this low skips whatever is above the median: enough to see that skipping works.
    let config = config(&["spike=0.01", "most_skips=50", "stage1_steps=30", "stage2_steps=0", "keep=0"]);
    let data = data(&config, &folder.path().join("corpus"));
    let run = folder.path().join("run");
    let summary = train_on(&config, &data, &run, false, &Control::default()).unwrap();
    let lines = metrics(&run);
    assert_eq!(lines.len(), 30, "a skipped step has its line");
    let mut window: Vec<f64> = Vec::new();
    let mut skipped = 0;
    for line in &lines {
        let total = line["losses"]["total"].as_f64().unwrap();
        let most = training::guard::threshold(&window, 0.01);
        let expected = most.is_some_and(|most| total > most);
        assert_eq!(line.get("skipped").is_some(), expected, "{line}");
        if expected { skipped += 1 } else { window.push(total) }
    }
    assert!((1..20).contains(&skipped), "{skipped} skipped");
    assert_eq!(summary.steps.0, 0, "stage two has no steps");
    let state = std::fs::read(run.join("state.bin")).unwrap();
    assert!(!state.is_empty());
}

#[test]
fn a_disk_without_space_costs_a_checkpoint_and_not_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&["stage1_steps=40", "stage2_steps=2", "save_every=5"]);
    let data = data(&config, &folder.path().join("corpus"));
    let (whole, run) = (folder.path().join("whole"), folder.path().join("run"));
    train_on(&config, &data, &whole, false, &Control::default()).unwrap();

    // What stands in the way of the partial files fails their writing, as a full disk does.
    let blocked = ["checkpoints/s1-000010.safetensors.partial", "state.bin.partial"];
    let (inner, saved) = (run.clone(), AtomicU64::new(0));
    let control = Control::with_listener(move |progress| {
        let old = || std::fs::read(inner.join("state.bin")).unwrap();
        match (progress.stage, progress.done) {
            ("training, stage 1", 8) => {
                for path in blocked {
                    std::fs::create_dir_all(inner.join(path)).unwrap();
                }
                saved.store(old().len() as u64, Ordering::Relaxed);
            }
            ("training, stage 1", 12) => {
                assert_eq!(old().len() as u64, saved.load(Ordering::Relaxed), "the old state is kept");
                assert!(String::from_utf8_lossy(&old()[..200]).contains("\"step\":5"));
                for path in blocked {
                    std::fs::remove_dir(inner.join(path)).unwrap();
                }
            }
            _ => {}
        }
    });
    train_on(&config, &data, &run, false, &control).unwrap();
    let log = log(&run);
    assert!(log.contains("not saved") && log.contains("s1-000010.safetensors"), "{log}");
    assert!(log.contains("is saved again"), "{log}");
    let without = |run: &Path| -> Vec<serde_json::Value> {
        let mut lines = metrics(run);
        lines.iter_mut().for_each(|line| drop(line.as_object_mut().unwrap().remove("checkpoint")));
        lines
    };
    assert_eq!(without(&whole), without(&run), "training went on as if nothing had happened");
    assert!(small::checkpoint(&whole, "last") == small::checkpoint(&run, "last"));
}

#[test]
fn a_stage_ends_early_when_nothing_gets_better() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        ["patience=2", "watch_every=1", "stage1_steps=200", "stage2_steps=3", "stage1_rate=0.5", "keep=0"];
    let config = config(&settings);
    let data = data(&config, &folder.path().join("corpus"));
    let run = folder.path().join("run");
    train_on(&config, &data, &run, false, &Control::default()).unwrap();
    let first = metrics(&run).iter().filter(|line| line["stage"] == 1).count();
    assert!(first < 200, "{first}");
    assert!(log(&run).contains("2 looks without a better \"clg\""), "{}", log(&run));
    assert_eq!(metrics(&run).last().unwrap()["stage"], 2);
}

#[test]
fn a_corpus_without_neighbours_falls_back_to_the_true_listener_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("corpus");
    write_corpus(&root);
    for file in files(&root) {
        if file.starts_with("neighbour_emotion") || file.starts_with("Approprirate") {
            std::fs::remove_file(root.join(file)).unwrap();
        }
    }
    let corpus = Corpus::open(&root, &Control::default()).unwrap();
    let config = config(&["stage1_steps=1", "stage2_steps=2"]);
    let run = folder.path().join("run");
    let summary = train(&config, &corpus, &run, false, &Control::default()).unwrap();
    let said = |text: &str| text.contains("no neighbour matrix") && text.contains("true listener alone");
    assert!(summary.warnings.iter().any(|warning| said(warning)), "{:?}", summary.warnings);
    assert!(said(&log(&run)));
    assert!(said(&std::fs::read_to_string(run.join("checkpoints/last.md")).unwrap()));
    assert_eq!(summary.rows.1, 0);
}

#[test]
fn more_latents_than_rows_are_refused_and_few_rows_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = write_corpus(&folder.path().join("corpus"));
    let load = |settings: &[&str]| Data::load(&corpus, &config(settings), None, &Control::default());
    let rows = load(&[]).unwrap().drawn.len();
    let fault = load(&[&format!("latents={}", rows + 1)]).unwrap_err();
    assert!(fault.to_string().contains(&format!("at most {rows}")), "{fault}");
    let data = load(&[&format!("latents={rows}"), "book_ex=8000"]).unwrap();
    assert!(data.notes.iter().any(|note| note.contains("fewer than 8 rows")), "{:?}", data.notes);
    assert!(data.notes.iter().any(|note| note.starts_with("book_ex")), "{:?}", data.notes);
}

#[test]
fn a_sweep_skips_what_is_finished_and_survives_what_fails() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = write_corpus(&folder.path().join("corpus"));
    let file = folder.path().join("sweep.toml");
    let text = "seeds = [1]\n[set]\nstage1_steps = 2\nstage2_steps = 2\nframes = 40\nbatch = 4\nbook_m3d = 16\n\
                book_ex = 8\nvalidate_clips = 0\nkeep = 0\n\
                [[variant]]\nname = 'one'\n[[variant]]\nname = 'broken'\nlatents = 64\n\
                [[variant]]\nname = 'two'\nweight_bag = 0\n";
    std::fs::write(&file, text).unwrap();
    let sweep = Sweep::read(&file).unwrap();
    let root = folder.path().join("runs");
    let seen = std::sync::Arc::new(std::sync::Mutex::new(None));
    let (inner, of_two) = (seen.clone(), root.join("two/status.json"));
    let control = Control::with_listener(move |progress| {
        if progress.stage == "training, stage 1" {
            inner.lock().unwrap().get_or_insert(Status::read(&of_two).unwrap().state);
        }
    });
    let report = sweep::run(&sweep, &corpus, &root, &control).unwrap();
    assert_eq!(*seen.lock().unwrap(), Some(Phase::Queued), "the others wait in the open");
    let states: Vec<Phase> = report.runs.iter().map(|run| run.state).collect();
    assert_eq!(states, [Phase::Done, Phase::Failed, Phase::Done]);
    assert!(report.runs[1].error.as_ref().unwrap().contains("64 latents"));
    assert_eq!(Status::read(&root.join("broken/status.json")).unwrap().state, Phase::Failed);
    assert!(report.to_string().contains("two") && root.join("sweep.json").exists());

    let log_before = log(&root.join("one"));
    let again = sweep::run(&sweep, &corpus, &root, &Control::default()).unwrap();
    assert_eq!(log(&root.join("one")), log_before, "a finished run is left alone");
    assert_eq!(again.runs[2].summary.as_ref().unwrap()["steps"], serde_json::json!([2, 0]));
    // an interrupted run goes on
    std::fs::remove_file(root.join("two/summary.json")).unwrap();
    sweep::run(&sweep, &corpus, &root, &Control::default()).unwrap();
    assert!(log(&root.join("two")).contains("resumed at stage 2"));
}
