//! Baselines, two systems clip by clip, other definitions and the report, as others call them.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::path::Path;
use std::process::{Command, Output};

use clips::array::{read_npy, write_npy};
use serde_json::Value;

fn backchannel(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backchannel"))
        .args(arguments)
        .env("XDG_CACHE_HOME", home.join("cache"))
        .output()
        .unwrap()
}

fn json(home: &Path, arguments: &[&str]) -> Value {
    let done = backchannel(home, &[arguments, &["--json"]].concat());
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(text.lines().count(), 1, "one JSON object and nothing else: {text}");
    serde_json::from_str(&text).unwrap()
}

fn fails(home: &Path, code: i32, arguments: &[&str]) -> String {
    let done = backchannel(home, arguments);
    let text = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(code), "{arguments:?}: {text}");
    text
}

#[test]
fn baselines_are_written_scored_compared_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    let path = |name: &str| home.join(name).to_str().unwrap().to_owned();
    let corpus = path("corpus");
    json(home, &["synth", "--out", &corpus, "--seconds", "4", "--clips", "12", "--seed", "3"]);
    for kind in ["random", "mime", "mean-sequence", "mean-frame", "average-of-modes", "truth"] {
        let made = json(home, &["baseline", kind, "--corpus", &corpus, "--out", &path(kind)]);
        assert_eq!(
            (made["takes_per_clip"].as_u64(), made["frames"].as_u64()),
            (Some(10), Some(100)),
            "{kind}"
        );
        let attributes = read_npy(&home.join(kind).join("attributes.npy")).unwrap();
        assert_eq!(attributes.shape[1..], [10, 100, 25]);
        assert_eq!(home.join(kind).join("coefficients.npy").is_file(), kind != "random");
    }
    let evaluate = |kind: &str, more: &[&str]| {
        let (predictions, mut arguments) =
            (path(kind), vec!["evaluate", "--corpus", &corpus, "--predictions"]);
        arguments.push(&predictions);
        arguments.extend(more);
        json(home, &arguments)
    };
    // the paper's table I: uniform noise on any corpus
    let random = evaluate("random", &[]);
    for (key, value) in [("FRDiv", 1.0 / 6.0), ("FRVar", 1.0 / 12.0), ("FRDvs", 1.0 / 6.0)] {
        assert!((random[key].as_f64().unwrap() - value).abs() < 1e-3, "{key}: {}", random[key]);
    }
    let truth = evaluate("truth", &["--against", &path("random")]);
    assert_eq!(truth["first"]["FRDist"], 0.0);
    let distance =
        truth["compared"].as_array().unwrap().iter().find(|line| line["measure"] == "FRDist").unwrap();
    assert_eq!(distance["better"], 1.0);
    assert!(distance["interval"]["high"].as_f64().unwrap() < 0.0);
    // six clips, all of one sign: 2 of 64 patterns
    assert_eq!(
        (distance["permutation"].as_f64(), distance["exact"].as_bool()),
        (Some(2.0 / 64.0), Some(true))
    );
    let later = evaluate("mime", &["--protocol", "react2025"]);
    assert!(later["FRC"].is_number() && later["MAE"].is_number() && later.get("FRDvs").is_none());

    let page = home.join("report.html");
    let tables = path("tables");
    let report = |systems: &str| {
        let page = page.to_str().unwrap();
        let asked =
            ["report", "--corpus", &corpus, "--systems", systems, "--samples", "3", "--bootstrap", "50"];
        json(home, &[&asked[..], &["--tables", &tables, "--out", page]].concat())
    };
    let made = report("random,mime,plain=demo-plain");
    assert_eq!(made["board"]["rows"].as_array().unwrap().len(), 3);
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("plain") && html.contains("<svg"));
    assert!(home.join("tables/table.tex").is_file());
    for file in made["written"].as_array().unwrap() {
        assert!(Path::new(file.as_str().unwrap()).is_file(), "{file}");
    }
    // what was scored is kept: the same command gives the same bytes
    report("random,mime,plain=demo-plain");
    assert_eq!(std::fs::read_to_string(&page).unwrap(), html);

    let asked = ["report", "--corpus", &corpus, "--out", page.to_str().unwrap(), "--systems"];
    let said = fails(home, 2, &[&asked[..], &["mime,mime"]].concat());
    assert!(said.contains("two systems are called mime"), "{said}");
    let said = fails(home, 2, &[&asked[..], &["nobody"]].concat());
    assert!(said.contains("nobody is no system"), "{said}");
}

#[test]
fn what_does_not_fit_is_explained_and_cut_only_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    let array = |name: &str, shape: &[usize]| {
        let values: Vec<f32> =
            (0..shape.iter().product::<usize>()).map(|at| ((at * 7919) % 1000) as f32 / 1000.0).collect();
        let file = home.join(name);
        write_npy(&file, shape, &values).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let predictions = array("pred.npy", &[3, 2, 60, 25]);
    let (listeners, speakers) = (array("listeners.npy", &[3, 60, 25]), array("speakers.npy", &[3, 62, 25]));
    let matrix = home.join("matrix.npy");
    write_npy(&matrix, &[3, 3], &[1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0]).unwrap();
    let matrix = matrix.to_str().unwrap();
    let asked =
        ["evaluate", "--predictions", &predictions, "--listeners", &listeners, "--speakers", &speakers];
    let asked = [&asked[..], &["--neighbours", matrix]].concat();
    let said = fails(home, 1, &asked);
    assert!(said.contains("speakers, clip 0") && said.contains("--truncate"), "{said}");
    let cut = json(home, &[&asked[..], &["--truncate"]].concat());
    assert_eq!(cut["frames"], 60);

    let empty = home.join("empty.npy");
    write_npy(&empty, &[3, 3], &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]).unwrap();
    let mut asked = asked;
    let last = asked.len() - 1;
    asked[last] = empty.to_str().unwrap();
    let said = fails(home, 1, &[&asked[..], &["--truncate"]].concat());
    assert!(said.contains("neighbours, row 1"), "{said}");
}
