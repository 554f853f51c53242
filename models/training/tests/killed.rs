//! A run that is killed at any moment, twenty times, and resumed each time ends as if nothing had happened.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod small;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clips::corpus::Corpus;
use clips::{Chance, Control};
use small::{assert_equal, config, log, write_corpus};
use training::{Config, train};

/// Tells the test program that it is the child.
const FOLDER: &str = "TRAINING_TEST_FOLDER";
const KILLS: usize = 20;

fn settings() -> Config {
    config(&[
        "stage1_steps=60",
        "stage2_steps=60",
        "save_every=3",
        "watch_every=5",
        "validate_every=10",
        "validate_clips=2",
        "validate_samples=1",
        "ema=0.9",
        "dropout=0.1",
        "keep=2",
    ])
}

#[test]
#[ignore = "the program that the other test kills"]
fn the_child_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let run = folder.join("killed");
    let corpus = Corpus::open(&folder.join("corpus"), &Control::default()).unwrap();
    let resume = run.join("config.toml").exists();
    train(&settings(), &corpus, &run, resume, &Control::default()).unwrap();
}

fn start(folder: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_child_that_is_killed", "--ignored"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_run_killed_twenty_times_equals_one_that_was_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = write_corpus(&folder.path().join("corpus"));
    let begun = Instant::now();
    train(&settings(), &corpus, &folder.path().join("whole"), false, &Control::default()).unwrap();
    let whole = begun.elapsed();

    let mut chance = Chance::new(std::process::id().into(), "moments of death", &[]);
    let run = folder.path().join("killed");
    let state = run.join("state.bin");
    let mut killed = 0;
    while killed < KILLS {
        let before = std::fs::metadata(&state).and_then(|meta| meta.modified()).ok();
        let mut child = start(folder.path());
        // Some die while they read the corpus; most once they have saved something, so that the run gets on.
        let early = chance.happens(0.2);
        let patience = Instant::now();
        while !early && patience.elapsed() < Duration::from_secs(60) {
            let now = std::fs::metadata(&state).and_then(|meta| meta.modified()).ok();
            if now != before || child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(whole.mul_f64(0.03 * chance.uniform()));
        if let Some(status) = child.try_wait().unwrap() {
            // It came to its end before its time.
            assert!(status.success(), "{}", log(&run));
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
    }
    assert!(killed >= 10, "only {killed} of {KILLS} found the program alive");
    assert!(start(folder.path()).wait().unwrap().success(), "{}", log(&run));
    assert_equal(&folder.path().join("whole"), &run);
    assert!(log(&run).matches("resumed at").count() >= 5);
}
