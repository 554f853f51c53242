//! The program as others call it: results, JSON, exit codes, and what it says to bad input.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::path::Path;
use std::process::{Command, Output};

use clips::array::{read_npy, write_npy};
use serde_json::Value;

fn backchannel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backchannel"))
        .args(arguments)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .unwrap()
}

/// Runs a command that must succeed and returns its JSON.
fn json(arguments: &[&str]) -> Value {
    let done = backchannel(&[arguments, &["--json"]].concat());
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(text.lines().count(), 1, "one JSON object and nothing else: {text}");
    serde_json::from_str(&text).unwrap()
}

/// Runs a command that must fail with an exit code; returns what it says.
fn fails(code: i32, arguments: &[&str]) -> String {
    let done = backchannel(arguments);
    let text = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(code), "{arguments:?}: {text}");
    text
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn corpus(root: &Path) -> std::path::PathBuf {
    let corpus = root.join("corpus");
    json(&["synth", "--out", text(&corpus), "--seconds", "4", "--clips", "16", "--seed", "3"]);
    corpus
}

#[test]
fn a_corpus_is_written_answered_and_scored_and_the_same_command_gives_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = corpus(dir.path());
    let run = |name: &str, seed: &str| {
        let out = dir.path().join(name);
        let made = json(&[
            "generate",
            "--checkpoint",
            "demo",
            "--corpus",
            text(&corpus),
            "--split",
            "val",
            "--seed",
            seed,
            "--out",
            text(&out),
        ]);
        assert_eq!(made["frames"], 100);
        (
            std::fs::read(out.join("attributes.npy")).unwrap(),
            std::fs::read(out.join("takes.json")).unwrap(),
            out,
        )
    };
    let (first, second, other) = (run("a", "1"), run("b", "1"), run("c", "2"));
    assert!(first.0 == second.0 && first.1 == second.1);
    assert!(first.0 != other.0, "the seed reaches the draws");

    let attributes = read_npy(&first.2.join("attributes.npy")).unwrap();
    let coefficients = read_npy(&first.2.join("coefficients.npy")).unwrap();
    assert_eq!(attributes.shape[2..], [100, 25]);
    assert_eq!(coefficients.shape[..3], attributes.shape[..3]);
    let takes: Value = serde_json::from_slice(&first.1).unwrap();
    assert_eq!(takes["takes"].as_array().unwrap().len(), attributes.shape[0] * attributes.shape[1]);

    let scores = json(&[
        "evaluate",
        "--predictions",
        text(&first.2),
        "--corpus",
        text(&corpus),
        "--split",
        "val",
        "--bootstrap",
        "20",
    ]);
    for key in ["FRCorr", "FRDist", "FRDiv", "FRVar", "FRDvs", "FRSyn", "FRSyn_all_samples", "constant_share"]
    {
        assert!(scores[key].is_number(), "{key}");
    }
    assert!(scores["per_clip"].is_array() && scores["intervals"].is_object());

    let said = fails(
        1,
        &["generate", "--checkpoint", "demo-plain", "--corpus", text(&corpus), "--out", text(&first.2)],
    );
    assert!(said.contains("another request"), "{said}");

    // As many clips, and other ones.
    let said = fails(
        1,
        &["evaluate", "--predictions", text(&first.2), "--corpus", text(&corpus), "--split", "test"],
    );
    assert!(said.contains("val/NoXI") && said.contains("--split"), "{said}");
}

#[test]
fn what_is_asked_for_and_cannot_be_is_refused_with_the_range() {
    let sound = ["--clip", "a.wav", "--out", "x"];
    let asked = |checkpoint: &str, more: &[&str]| {
        let words = [&["generate", "--checkpoint", checkpoint], more, &sound].concat();
        fails(2, &words)
    };
    assert!(asked("demo", &["--temperature", "-1"]).contains("0 to 10"));
    assert!(asked("demo", &["--latent", "y2"]).contains("z1"));
    assert!(asked("demo", &["--frames", "0"]).contains("at least 1"));
    assert!(asked("demo-plain", &["--latent", "z2"]).contains("no latent"));
    assert!(fails(2, &["synth", "--out", "x", "--clips", "0"]).contains("at least 1"));
    assert!(fails(2, &["gnerate"]).contains("did you mean `backchannel generate`"));
    assert!(fails(2, &["nowhere/interview.wav"]).contains("nowhere/interview.wav"));
}

#[test]
fn a_sound_alone_gets_reactions_to_the_sound() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = corpus(dir.path());
    let sound = std::fs::read_dir(corpus.join("val/Audio_files/NoXI"))
        .unwrap()
        .flatten()
        .next()
        .map(|chat| chat.path().join("Expert_video/1.wav"))
        .unwrap();
    let out = dir.path().join("out");
    let made = json(&[
        "generate",
        "--checkpoint",
        "demo",
        "--clip",
        text(&sound),
        "--latent",
        "2",
        "--samples",
        "2",
        "--out",
        text(&out),
    ]);
    assert_eq!(
        (&made["clips"], &made["takes_per_clip"], &made["frames"]),
        (&1.into(), &2.into(), &100.into())
    );
    let online = dir.path().join("online");
    json(&[
        "generate",
        "--checkpoint",
        "demo",
        "--clip",
        text(&sound),
        "--track",
        "online",
        "--out",
        text(&online),
    ]);
}

#[test]
fn arrays_of_any_program_are_scored_like_ours() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let values = |seed: usize, count: usize| -> Vec<f32> {
        (0..count).map(|i| ((i * 37 + seed * 11) % 101) as f32 / 101.0).collect()
    };
    write_npy(&at("p.npy"), &[2, 3, 60, 25], &values(1, 2 * 3 * 60 * 25)).unwrap();
    write_npy(&at("l.npy"), &[2, 60, 25], &values(2, 2 * 60 * 25)).unwrap();
    write_npy(&at("s.npy"), &[2, 60, 25], &values(3, 2 * 60 * 25)).unwrap();
    write_npy(&at("n.npy"), &[2, 2], &[1.0, 0.0, 0.0, 1.0]).unwrap();
    let [p, l, s, n] = ["p.npy", "l.npy", "s.npy", "n.npy"].map(at);
    let arguments = [
        "evaluate",
        "--predictions",
        text(&p),
        "--listeners",
        text(&l),
        "--speakers",
        text(&s),
        "--neighbours",
        text(&n),
    ];
    assert!(json(&arguments)["FRDist"].as_f64().unwrap() > 0.0);

    let mut broken = values(1, 2 * 3 * 60 * 25);
    broken[77] = f32::NAN;
    write_npy(&p, &[2, 3, 60, 25], &broken).unwrap();
    let said = fails(1, &arguments);
    assert!(
        said.contains("p.npy") && said.contains("NaN") && said.contains("sample 0, frame 3, column 2"),
        "{said}"
    );
    write_npy(&p, &[2, 3, 60, 24], &values(1, 2 * 3 * 60 * 24)).unwrap();
    assert!(fails(1, &arguments).contains("clips x samples x frames x 25"));
}

#[test]
fn bad_files_are_explained_with_file_and_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let out = dir.path().join("out");
    let generate = |option: &str, path: &Path| {
        let said = fails(1, &["generate", "--checkpoint", "demo", option, text(path), "--out", text(&out)]);
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(said.contains(name) && said.contains('('), "file and remedy: {said}");
    };
    generate("--clip", &at("empty.wav", b""));
    generate("--clip", &at("text.wav", b"this is not a sound at all, whatever its name says"));
    let mut huge = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\xff\xff\xff\xff".to_vec();
    generate("--clip", &at("huge.wav", &huge));
    huge.truncate(30);
    generate("--clip", &at("truncated.wav", &huge));
    generate("--clip", &dir.path().join("missing.wav"));
    let nothing = dir.path().join("nothing");
    std::fs::create_dir(&nothing).unwrap();
    generate("--corpus", &nothing);

    for (name, bytes) in [
        ("other.safetensors", b"\x02\0\0\0\0\0\0\0{}".as_slice()),
        ("text.safetensors", b"hello"),
        ("void.safetensors", b""),
    ] {
        let path = at(name, bytes);
        let said =
            fails(1, &["generate", "--checkpoint", text(&path), "--clip", "x.wav", "--out", text(&out)]);
        assert!(said.contains(name) && said.contains('('), "{said}");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let inside = file.join("corpus");
    let said = fails(1, &["synth", "--out", text(&inside), "--seconds", "4", "--clips", "2"]);
    assert!(said.contains("corpus") && said.contains("folder you may write to"), "{said}");
}

#[test]
fn wrong_usage_exits_with_two() {
    fails(2, &["generate", "--no-such-flag"]);
    fails(2, &["generate", "--checkpoint", "demo", "--clip", "a.wav", "--temperature", "-1", "--out", "x"]);
    fails(2, &["generate", "--checkpoint", "demo", "--clip", "a.wav", "--track", "sideways", "--out", "x"]);
    fails(2, &["synth", "--out", "x", "--seconds", "1"]);
    let said = fails(2, &["screenshot", "nowhere", "--out", "x.png"]);
    assert!(said.contains("compare"), "{said}");
}

#[test]
fn the_doctor_names_what_is_missing_and_the_way_on() {
    let found = json(&["doctor"]);
    let display =
        found["findings"].as_array().unwrap().iter().find(|finding| finding["what"] == "display").unwrap();
    assert_eq!(display["state"], "missing");
    assert!(!display["remedy"].as_str().unwrap().is_empty());
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_device_that_is_not_here_is_refused_with_those_that_are() {
    let dir = tempfile::tempdir().unwrap();
    let (nowhere, run) = (dir.path().join("corpus"), dir.path().join("run"));
    let train = |device: &str| {
        fails(2, &["train", "--corpus", text(&nowhere), "--run", text(&run), "--device", device])
    };
    let said = train("cuda:0");
    for word in ["--device cuda:0", "--features cuda", "docs/devices.md", "cpu, candle-cpu"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(train("gpu").contains("the name of no device"));
    assert!(!run.exists());
    let found = json(&["doctor"]);
    let networks = found["findings"].as_array().unwrap().iter().find(|f| f["what"] == "networks").unwrap();
    assert!(networks["detail"].as_str().unwrap().contains("candle-cpu"), "{networks}");
    assert!(networks["remedy"].as_str().unwrap().contains("cuda"), "{networks}");
}

#[test]
fn without_a_display_the_window_says_so() {
    let said = fails(1, &[]);
    assert!(said.contains("DISPLAY"), "{said}");
}

#[test]
fn a_check_says_what_is_wrong_with_a_corpus_and_its_exit_code_counts_junk_unless_told_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = corpus(dir.path());
    assert_eq!(json(&["check", text(&corpus)])["faults"].as_array().unwrap().len(), 0);
    std::fs::write(corpus.join("val/Emotion/._1.csv"), "junk").unwrap();
    let check = |more: &[&str]| {
        let done = backchannel(&[&["check", text(&corpus), "--json"], more].concat());
        let text = String::from_utf8(done.stdout).unwrap();
        assert_eq!(text.lines().count(), 1, "one JSON object and nothing else: {text}");
        (done.status.code(), serde_json::from_str::<Value>(&text).unwrap())
    };
    let (code, report) = check(&[]);
    assert_eq!((code, &report["faults"][0]["kind"]), (Some(1), &"junk".into()), "{report}");
    for key in ["path", "kind", "detail", "remedy"] {
        assert!(report["faults"][0][key].is_string(), "{key}");
    }
    assert_eq!(check(&["--fail-on", "warning"]).0, Some(0));
    std::fs::write(corpus.join("val/Audio_files/NoXI/101_synthetic/Expert_video/1.wav"), "no sound").unwrap();
    let (code, report) = check(&["--fail-on", "warning"]);
    assert_eq!((code, report["faults"].as_array().unwrap().len()), (Some(1), 2), "the sound is decoded");
    fails(1, &["check", text(&dir.path().join("nothing"))]);
}

#[test]
fn the_full_matrix_is_cut_into_those_of_the_splits() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = corpus(dir.path());
    let own = |split: &str| std::fs::read(corpus.join(format!("neighbour_emotion_{split}.npy"))).unwrap();
    let before = ["train", "val", "test"].map(own);
    let full = corpus.join("Approprirate_facial_reaction.npy");
    let out = dir.path().join("out");
    let cut = ["check", text(&corpus), "--split-matrix", text(&full), "--out", text(&out)];
    assert_eq!(json(&cut)["matrices"].as_array().unwrap().len(), 3);
    for (split, before) in ["train", "val", "test"].into_iter().zip(before) {
        let made = std::fs::read(out.join(format!("neighbour_emotion_{split}.npy"))).unwrap();
        assert!(made == before, "{split} is cut byte for byte as it was written");
    }
    let indices = corpus.join("data_indices.csv");
    let text_of = std::fs::read_to_string(&indices).unwrap();
    std::fs::write(&indices, text_of.replacen("NoXI", "RECOLA", 1)).unwrap();
    let said = fails(1, &cut);
    assert!(said.contains("drops this row in silence") && said.contains("Expert_video/1"), "{said}");
}
