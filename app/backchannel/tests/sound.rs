//! `features` and `parity` as others call them, on the golden files of the speech crate.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clips::tensors::{Tensors, write};
use serde_json::Value;

fn backchannel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backchannel")).args(arguments).output().unwrap()
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/speech/tests/golden")
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn features_of_a_file_are_written_and_an_online_track_is_refused_what_hears_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let (sound, out) = (golden().join("speech_22k05.wav"), dir.path().join("f.safetensors"));
    let of = |kind: &str, more: &[&str]| {
        backchannel(
            &[&["features", text(&sound), "--kind", kind, "--out", text(&out), "--json"], more].concat(),
        )
    };
    for (kind, shape) in [("mfcc39", [72, 39]), ("react78", [72, 78]), ("psf78", [73, 78])] {
        let done = of(kind, &[]);
        assert!(done.status.success(), "{kind}: {}", String::from_utf8_lossy(&done.stderr));
        let told: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!((&told["frames"], &told["width"]), (&shape[0].into(), &shape[1].into()));
        assert_eq!(Tensors::open(&out).unwrap().shape("features"), Some(shape.as_slice()), "{kind}");
    }
    assert_eq!(of("psf78", &["--causal"]).status.code(), Some(2));
    assert!(of("mfcc39-causal", &["--causal"]).status.success());
    assert_eq!(of("wav2vec2", &[]).status.code(), Some(2), "weights are asked for");
    assert_eq!(of("mfcc40", &[]).status.code(), Some(2));
}

#[test]
fn cached_features_are_the_same_bytes_and_another_kind_is_another_entry() {
    let dir = tempfile::tempdir().unwrap();
    let (sound, cache) = (golden().join("speech_22k05.wav"), dir.path().join("cache"));
    let of = |kind: &str, name: &str| {
        let out = dir.path().join(name);
        let arguments =
            ["features", text(&sound), "--kind", kind, "--cache", text(&cache), "--out", text(&out)];
        assert!(backchannel(&arguments).status.success());
        std::fs::read(out).unwrap()
    };
    let files = || walk(&cache).len();
    let (made, kept) = (of("mfcc39", "a"), of("mfcc39", "b"));
    assert!(made == kept && files() == 1);
    assert!(of("mfcc78", "c") != made && files() == 2);
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn golden_files_agree_and_one_wrong_number_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, outputs) = (dir.path().join("golden"), dir.path().join("ours"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(golden().join("deltas.safetensors"), folder.join("deltas.safetensors")).unwrap();
    let run = || {
        let done = backchannel(&["parity", text(&folder), "--outputs", text(&outputs), "--json"]);
        let line = String::from_utf8(done.stdout).unwrap().lines().next().unwrap().to_owned();
        (done.status.code(), serde_json::from_str::<Value>(&line).unwrap())
    };
    let (code, report) = run();
    assert_eq!((code, &report["within"], &report["beyond"]), (Some(0), &7.into(), &0.into()));
    assert!(Tensors::open(&outputs.join("deltas.safetensors")).unwrap().shape("x_dd5").is_some());

    let mut file = Tensors::open(&folder.join("deltas.safetensors")).unwrap();
    let names: Vec<String> = file.names().map(str::to_owned).collect();
    let mut tensors: Vec<(String, Vec<usize>, Vec<f32>)> = names
        .iter()
        .map(|name| (name.clone(), file.shape(name).unwrap().to_vec(), file.floats(name).unwrap()))
        .collect();
    tensors.iter_mut().find(|tensor| tensor.0 == "x_d5").unwrap().2[3] += 0.01;
    tensors.push(("unknown".to_owned(), vec![1], vec![0.0]));
    let named: Vec<_> = tensors.iter().map(|(n, s, v)| (n.as_str(), s.as_slice(), v.as_slice())).collect();
    write(&folder.join("deltas.safetensors"), &named, &Default::default()).unwrap();
    let (code, report) = run();
    assert_eq!((code, &report["beyond"], &report["not_computed"]), (Some(1), &1.into(), &1.into()));
}
