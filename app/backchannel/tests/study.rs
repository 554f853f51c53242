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
    let theirs = path("theirs");
    let made = json(
        home,
        &[&asked[..], &["random,mime", "--protocol", "ofrg", "--bootstrap", "50", "--tables", &theirs]]
            .concat(),
    );
    let (settings, rows) = (&made["board"]["settings"], &made["board"]["rows"]);
    assert_eq!((&settings["samples"], &settings["seeds"]), (&5.into(), &serde_json::json!([1, 2, 3])));
    assert_eq!(rows[0]["seeds"].as_array().map(Vec::len), Some(3), "random is drawn anew with each seed");
    let table = std::fs::read_to_string(home.join("theirs/table-ofrg.md")).unwrap();
    assert!(
        table.contains("REGNN-W2V2") && !table.contains("B_Random") && !table.contains("FRDiv"),
        "{table}"
    );
    let said = fails(home, 2, &[&asked[..], &["mime,mime"]].concat());
    assert!(said.contains("two systems are called mime"), "{said}");
    let said = fails(home, 2, &[&asked[..], &["nobody"]].concat());
    assert!(said.contains("nobody is no system"), "{said}");
}

#[test]
fn machines_that_share_an_evaluation_sum_up_to_the_same_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    let path = |name: &str| home.join(name).to_str().unwrap().to_owned();
    let (corpus, made, cache) = (path("corpus"), path("random"), path("shared"));
    json(home, &["synth", "--out", &corpus, "--seconds", "4", "--clips", "12", "--seed", "3"]);
    json(home, &["baseline", "random", "--corpus", &corpus, "--out", &made]);
    let evaluate = ["evaluate", "--corpus", &corpus, "--predictions", &made];
    let whole = json(home, &evaluate);
    let clips = whole["clips"].as_u64().unwrap();
    let shard = |which: &str| {
        let made = json(home, &[&evaluate[..], &["--cache", &cache, "--shard", which]].concat());
        made["scored"].as_u64().unwrap()
    };
    assert_eq!(shard("1/3") + shard("2/3"), clips - clips / 3);
    // what the third did not do the last one does itself
    assert_eq!(json(home, &[&evaluate[..], &["--cache", &cache]].concat()), whole);
    assert!(fails(home, 2, &[&evaluate[..], &["--shard", "1/3"]].concat()).contains("--cache"));
    fails(home, 2, &[&evaluate[..], &["--cache", &cache, "--shard", "4/3"]].concat());
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

#[test]
fn unequal_lengths_and_samples_are_never_compared_in_silence() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    let path = |name: &str| home.join(name).to_str().unwrap().to_owned();
    let corpus = path("corpus");
    json(home, &["synth", "--out", &corpus, "--seconds", "4", "--clips", "12", "--seed", "3"]);
    json(home, &["baseline", "random", "--corpus", &corpus, "--samples", "3", "--out", &path("random")]);
    json(home, &["baseline", "mime", "--corpus", &corpus, "--samples", "1", "--out", &path("mime")]);
    let whole = read_npy(&home.join("random/attributes.npy")).unwrap();
    let clips = whole.shape[0];
    let cut = |name: &str, frames: usize| {
        let values: Vec<f32> =
            whole.values.chunks(100 * 25).flat_map(|rows| rows[..frames * 25].to_vec()).collect();
        write_npy(&home.join(name), &[clips, 3, frames, 25], &values).unwrap();
        path(name)
    };
    let short = cut("short.npy", 80);
    let asked = ["evaluate", "--corpus", &corpus, "--predictions", &short];
    let said = fails(home, 1, &asked);
    assert!(said.contains("short.npy") && said.contains("80") && said.contains("100"), "{said}");
    assert!(said.contains("--truncate"), "{said}");
    let done = backchannel(home, &[&asked[..], &["--truncate", "--json"]].concat());
    let found: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(found["frames"], 80);
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(said.contains("warning") && said.contains("cut to 80"), "{said}");

    // the report: refused, cut on request, and cut where frames were asked for
    let page = path("page.html");
    let report = |more: &[&str], systems: &str| {
        let systems = format!("random,{systems}");
        let asked = ["report", "--corpus", &corpus, "--samples", "3", "--bootstrap", "50", "--no-cache"];
        let asked = [&asked[..], &["--out", &page, "--systems", &systems], more].concat();
        backchannel(home, &asked.iter().map(|word| &**word).collect::<Vec<_>>())
    };
    let refused = report(&[], &short);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--truncate"));
    for more in [&["--truncate", "--json"][..], &["--frames", "60", "--json"]] {
        let done = report(more, &short);
        let made: Value = serde_json::from_slice(&done.stdout).unwrap();
        let frames = if more[0] == "--truncate" { 80 } else { 60 };
        assert_eq!(made["board"]["frames"], frames, "{}", String::from_utf8_lossy(&done.stderr));
        let warnings = format!("{} {}", made["board"]["warnings"], made["board"]["rows"]);
        assert!(warnings.contains(&format!("cut to {frames}")), "{warnings}");
    }

    // one sample against three: the first of each, and said so
    let asked =
        ["evaluate", "--corpus", &corpus, "--predictions", &path("random"), "--against", &path("mime")];
    let done = backchannel(home, &[&asked[..], &["--json"]].concat());
    let found: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&found["first"]["samples"], &found["second"]["samples"]), (&1.into(), &1.into()));
    assert!(found["cut"].as_str().unwrap().contains("3 samples of each clip against 1"), "{}", found["cut"]);
    assert!(String::from_utf8(done.stderr).unwrap().contains("the first 1 of each are compared"));
    // in the report nothing is tested or concluded by the sums between them
    let mime = path("mime");
    let done = report(&["--json"], &format!("one={mime},calm=demo-plain"));
    let made: Value = serde_json::from_slice(&done.stdout).unwrap();
    let why = made["board"]["not_bold"]["FRDist"].as_str().unwrap();
    assert!(why.contains("sum over samples") && why.contains("one has 1"), "{why}");
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("Nothing is concluded by them of one (1 sample)"));
}

#[test]
fn values_outside_their_range_are_told_and_scored() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    let path = |name: &str| home.join(name).to_str().unwrap().to_owned();
    let corpus = path("corpus");
    json(home, &["synth", "--out", &corpus, "--seconds", "4", "--clips", "12", "--seed", "3"]);
    json(home, &["baseline", "random", "--corpus", &corpus, "--samples", "2", "--out", &path("random")]);
    let mut whole = read_npy(&home.join("random/attributes.npy")).unwrap();
    whole.values.iter_mut().skip(3).step_by(50).for_each(|value| *value = 12.5);
    write_npy(&home.join("logits.npy"), &whole.shape, &whole.values).unwrap();
    let logits = path("logits.npy");
    let done = backchannel(home, &["evaluate", "--corpus", &corpus, "--predictions", &logits]);
    assert!(done.status.success());
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(said.contains("logits.npy: AU6") && said.contains("50") && said.contains("12.5"), "{said}");
    let none = backchannel(home, &["evaluate", "--corpus", &corpus, "--predictions", &path("random")]);
    assert!(!String::from_utf8(none.stderr).unwrap().contains("outside"));
}

#[cfg(unix)]
#[test]
fn a_reader_who_stops_reading_is_no_fault() {
    let dir = tempfile::tempdir().unwrap();
    for asked in [&["doctor", "--json"][..], &["doctor"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_backchannel"))
            .args(asked)
            .env("XDG_CACHE_HOME", dir.path())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(!said.contains("panicked") && done.status.code().is_some_and(|code| code < 2), "{said}");
    }
}
