//! Short runs through the whole of training: near those of the plain slices, the same bytes twice, taken up where they
//! were stopped, and a run folder that says what it was computed on.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

#[path = "../../training/tests/small/mod.rs"]
mod small;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use clips::{Control, FaultKind};
use small::{assert_equal, config, data, log, metrics};
use training::{Plain, train_on_with};

fn losses(run: &Path) -> Vec<f64> {
    metrics(run).iter().map(|line| line["losses"]["total"].as_f64().unwrap()).collect()
}

#[test]
fn twenty_steps_are_near_those_of_the_plain_slices_and_repeat_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        config(&["stage1_steps=8", "stage2_steps=12", "dropout=0.1", "ema=0.9", "weight_margin=0.3"]);
    let data = data(&config, &folder.path().join("corpus"));
    let engine = accelerated::engine("candle-cpu").unwrap();
    let [plain, ours, again] = ["plain", "ours", "again"].map(|name| folder.path().join(name));
    train_on_with(&Plain, &config, &data, &plain, false, &Control::default()).unwrap();
    let summary = train_on_with(&*engine, &config, &data, &ours, false, &Control::default()).unwrap();
    let (theirs, found) = (losses(&plain), losses(&ours));
    assert_eq!((theirs.len(), found.len()), (20, 20));
    for (step, (a, b)) in found.iter().zip(&theirs).enumerate() {
        assert!((a - b).abs() < 2e-3 * b.abs(), "step {step}: {a}, should be near {b}");
    }
    assert!(theirs[7] < theirs[0], "it learns");
    assert!(summary.device.starts_with("candle-cpu"), "{}", summary.device);
    assert!(log(&ours).contains("computes on candle-cpu") && log(&plain).contains("computes on cpu;"));
    let status = training::status::Status::read(&ours.join("status.json")).unwrap();
    assert_eq!(status.device, summary.device);
    let card = std::fs::read_to_string(ours.join("checkpoints/last.md")).unwrap();
    assert!(card.contains("on candle-cpu"), "{card}");

    // Stopped in the second stage and taken up: as one that was left alone, which is as the first.
    let handle: Arc<OnceLock<Control>> = Arc::default();
    let inner = handle.clone();
    let control = Control::with_listener(move |progress| {
        if progress.stage == "training, stage 2" && progress.done == 5 {
            inner.get().unwrap().stop();
        }
    });
    handle.set(control.clone()).unwrap();
    train_on_with(&*engine, &config, &data, &again, false, &control).unwrap_err();
    train_on_with(&*engine, &config, &data, &again, true, &Control::default()).unwrap();
    assert_equal(&ours, &again);
}

#[test]
fn a_precision_the_device_does_not_have_begins_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&["precision=bf16"]);
    let data = data(&config, &folder.path().join("corpus"));
    let run = folder.path().join("run");
    for name in ["cpu", "candle-cpu"] {
        let engine = accelerated::engine(name).unwrap();
        let fault = train_on_with(&*engine, &config, &data, &run, false, &Control::default()).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unsupported, "{fault}");
        assert!(!run.exists());
    }
}
