//! A small synthetic corpus, settings that train on it in seconds, and ways to look at a run folder.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::path::Path;
use std::sync::{Arc, OnceLock};

use clips::corpus::Corpus;
use clips::{Control, Fault, synth};
use training::{Config, Data, train_on};

pub fn config(more: &[&str]) -> Config {
    let mut config = Config::tiny();
    let small = [
        "stage1_steps=5",
        "stage2_steps=6",
        "frames=40",
        "batch=4",
        "warmup=2",
        "watch_every=3",
        "save_every=2",
        "book_m3d=16",
        "book_ex=8",
        "validate_clips=0",
    ];
    for setting in small.iter().chain(more) {
        config.set(setting).unwrap();
    }
    config
}

pub fn write_corpus(folder: &Path) -> Corpus {
    let control = Control::default();
    let settings = synth::Config { clips: Some(24), seconds: 4.0, seed: 5, ..Default::default() };
    synth::write(&settings, folder, &control).unwrap();
    Corpus::open(folder, &control).unwrap()
}

pub fn data(config: &Config, folder: &Path) -> Data {
    Data::load(&write_corpus(folder), config, None, &Control::default()).unwrap()
}

/// Runs until a step of a stage, and stops there.
pub fn stop_at(
    config: &Config,
    data: &Data,
    run: &Path,
    resume: bool,
    stage: &'static str,
    step: u64,
) -> Fault {
    let handle: Arc<OnceLock<Control>> = Arc::default();
    let inner = handle.clone();
    let control = Control::with_listener(move |progress| {
        if progress.stage == stage && progress.done == step {
            inner.get().unwrap().stop();
        }
    });
    handle.set(control.clone()).unwrap();
    train_on(config, data, run, resume, &control).unwrap_err()
}

pub fn checkpoint(run: &Path, name: &str) -> Vec<u8> {
    std::fs::read(run.join(format!("checkpoints/{name}.safetensors"))).unwrap()
}

/// The lines of metrics without the time that steps took.
pub fn metrics(run: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(line.as_object_mut().unwrap().remove("seconds").unwrap().as_f64().unwrap() >= 0.0);
            line
        })
        .collect()
}

pub fn log(run: &Path) -> String {
    std::fs::read_to_string(run.join("log.txt")).unwrap()
}

/// Names of the files in a folder, sorted.
pub fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Everything that must be equal in two runs that are the same run.
pub fn assert_equal(one: &Path, other: &Path) {
    assert_eq!(files(&one.join("checkpoints")), files(&other.join("checkpoints")));
    for file in files(&one.join("checkpoints")) {
        if let Some(name) = file.strip_suffix(".safetensors") {
            assert!(checkpoint(one, name) == checkpoint(other, name), "{name} differs");
        }
    }
    for file in files(&one.join("previews")) {
        let read = |run: &Path| std::fs::read(run.join("previews").join(&file)).unwrap();
        assert!(read(one) == read(other), "preview {file} differs");
    }
    assert_eq!(metrics(one), metrics(other));
}
