//! The cache: right after crashes, damage, and beside other processes.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clips::array::Array;
use clips::cache::{Cache, Key};

fn value(number: usize) -> Array {
    let values = (0..20_000).map(|at| (at * (number + 1)) as f32).collect();
    Array::new(vec![100, 200], values).unwrap()
}

fn key(number: usize) -> Key {
    Key::new("test").part("number", number)
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let list = |folder: &Path| std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    list(folder)
        .filter(|path| path.is_dir())
        .flat_map(|path| list(&path).collect::<Vec<_>>())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect()
}

#[test]
fn a_value_is_computed_once_and_read_back_equal() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path()).unwrap();
    let computed = AtomicUsize::new(0);
    let get = |number: usize| {
        cache.get_or_compute(&key(number), || {
            computed.fetch_add(1, Ordering::SeqCst);
            Ok(value(number))
        })
    };
    for _ in 0..3 {
        assert_eq!((get(1).unwrap(), get(2).unwrap()), (value(1), value(2)));
    }
    assert_eq!(computed.load(Ordering::SeqCst), 2);
    assert!(cache.get(&key(3)).is_none());
}

#[test]
fn a_key_depends_on_content_and_parameters_and_not_on_names_and_times() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(&dir.path().join("cache")).unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    std::fs::write(&a, "the same").unwrap();
    std::fs::write(&b, "the same").unwrap();
    let of = |path: &Path, rate: u32| Key::new("mfcc").file("sound", path).unwrap().part("rate", rate);
    cache.put(&of(&a, 16_000), &value(1)).unwrap();
    assert!(cache.get(&of(&b, 16_000)).is_some(), "a copy of the file is the same content");
    assert!(cache.get(&of(&a, 8_000)).is_none());
    std::fs::write(&a, "the sane").unwrap();
    assert!(cache.get(&of(&a, 16_000)).is_none());
    cache.put(&Key::new("x").part("a", "bc"), &value(2)).unwrap();
    assert!(cache.get(&Key::new("x").part("ab", "c")).is_none(), "parts do not run into each other");
}

#[test]
fn an_entry_that_was_cut_or_damaged_anywhere_is_computed_again() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path()).unwrap();
    let small = Array::new(vec![2, 3], vec![1.0; 6]).unwrap();
    cache.put(&key(1), &small).unwrap();
    let path = files(dir.path(), "bca").remove(0);
    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(cache.get(&key(1)).is_none(), "{length} bytes");
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, &bytes).unwrap();
        assert!(cache.get(&key(1)).is_none(), "byte {at}");
    }
    assert_eq!(cache.get_or_compute(&key(1), || Ok(small.clone())).unwrap(), small);
    assert_eq!(cache.get(&key(1)).unwrap(), small, "and stored again");
    // An entry under another name is not taken for it.
    cache.put(&key(2), &value(2)).unwrap();
    let other = files(dir.path(), "bca").into_iter().find(|other| *other != path).unwrap();
    std::fs::copy(&other, &path).unwrap();
    assert!(cache.get(&key(1)).is_none());
}

#[test]
fn what_a_crash_left_half_written_is_not_read_and_is_swept_when_it_is_old() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(dir.path()).unwrap();
    cache.put(&key(1), &value(1)).unwrap();
    let path = files(dir.path(), "bca").remove(0);
    let half = path.with_extension("4242.0.partial");
    std::fs::rename(&path, &half).unwrap();
    std::fs::OpenOptions::new().write(true).open(&half).unwrap().set_len(5_000).unwrap();
    assert!(cache.get(&key(1)).is_none());
    let again = Cache::at(dir.path()).unwrap();
    assert!(half.exists(), "it could be another process' work");
    assert_eq!(again.sweep(Duration::ZERO), 1);
    assert!(!half.exists());
}

#[test]
fn a_cache_that_cannot_be_written_still_answers() {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(&dir.path().join("cache")).unwrap();
    std::fs::remove_dir_all(dir.path().join("cache")).unwrap();
    std::fs::write(dir.path().join("cache"), "a file is in the way").unwrap();
    assert_eq!(cache.get_or_compute(&key(1), || Ok(value(1))).unwrap(), value(1));
}

const FOLDER: &str = "CLIPS_CACHE_TEST_FOLDER";

/// Not a test of its own: what the processes of the next test run.
#[test]
fn a_process_that_writes_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let cache = Cache::at(Path::new(&folder)).unwrap();
    for round in 0.. {
        let number = round % 8;
        cache.put(&key(number), &value(number)).unwrap();
        if let Some(found) = cache.get(&key(number)) {
            assert_eq!(found, value(number));
        }
    }
}

#[test]
fn two_processes_killed_in_the_middle_leave_nothing_wrong_behind() {
    let dir = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    for round in 0..6 {
        let start = || {
            Command::new(&program)
                .args(["--exact", "a_process_that_writes_until_it_is_killed"])
                .env(FOLDER, dir.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        };
        let mut processes = [start(), start()];
        let begun = std::time::Instant::now();
        // until something was written, and a little longer, by another amount every time
        while files(dir.path(), "bca").is_empty() && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(15 + 13 * round));
        for process in &mut processes {
            assert!(
                process.try_wait().unwrap().is_none(),
                "it ran until it was killed: nothing it read was wrong"
            );
            process.kill().unwrap();
            process.wait().unwrap();
        }
        let cache = Cache::at(dir.path()).unwrap();
        let mut whole = 0;
        for number in 0..8 {
            if let Some(found) = cache.get(&key(number)) {
                assert_eq!(found, value(number));
                whole += 1;
            }
        }
        assert!(whole > 0);
        assert_eq!(whole, files(dir.path(), "bca").len(), "no entry is damaged");
    }
    Cache::at(dir.path()).unwrap().sweep(Duration::ZERO);
    assert!(files(dir.path(), "partial").is_empty());
}
