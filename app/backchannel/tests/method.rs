//! The method from the command line: turning the latent, sharing work, what latents do, and the variants of a run.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clips::array::read_npy;
use serde_json::Value;

fn backchannel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backchannel")).args(arguments).output().unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let done = backchannel(&[arguments, &["--json"]].concat());
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

fn refused(arguments: &[&str]) -> String {
    let done = backchannel(arguments);
    assert_eq!(done.status.code(), Some(2), "{arguments:?}");
    String::from_utf8(done.stderr).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn corpus(root: &Path) -> PathBuf {
    let corpus = root.join("corpus");
    json(&["synth", "--out", text(&corpus), "--seconds", "4", "--clips", "16", "--seed", "3"]);
    corpus
}

#[test]
fn shards_make_what_one_process_makes_and_a_turn_keeps_what_was_before() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = corpus(dir.path());
    let place = |name: &str| dir.path().join(name);
    let generate = |out: &Path, more: &[&str]| {
        let base = ["generate", "--checkpoint", "demo", "--corpus", text(&corpus), "--latent", "z2"];
        json(&[&base, &["--out", text(out)][..], more].concat())
    };
    let rows = |out: &Path| read_npy(&out.join("attributes.npy")).unwrap();
    let (whole, shared, turned) = (place("whole"), place("shared"), place("turned"));
    generate(&whole, &[]);
    assert!(generate(&shared, &["--shard", "2/2"])["left"].as_u64().unwrap() > 0);
    assert!(!shared.join("attributes.npy").exists());
    assert_eq!(generate(&shared, &["--shard", "1/2"])["left"], 0);
    generate(&shared, &[]);
    for file in ["attributes.npy", "coefficients.npy", "takes.json"] {
        let read = |out: &Path| std::fs::read(out.join(file)).unwrap();
        assert!(read(&whole) == read(&shared), "{file}");
    }
    generate(&turned, &["--turn", "60:z5"]);
    let (straight, turned) = (rows(&whole), rows(&turned));
    let per_clip = 100 * 25;
    for (one, other) in straight.values.chunks(per_clip).zip(turned.values.chunks(per_clip)) {
        assert_eq!(one[..60 * 25], other[..60 * 25]);
        assert_ne!(one[60 * 25..], other[60 * 25..]);
    }
    let base = ["generate", "--checkpoint", "demo", "--corpus", text(&corpus), "--out", text(dir.path())];
    let says = |more: &[&str]| refused(&[&base, more].concat());
    assert!(says(&["--turn", "60"]).contains("250:z3"));
    assert!(says(&["--turn", "60:z9"]).contains("z9"));
    assert!(says(&["--shard", "3/2"]).contains("2/4"));
}

#[test]
fn variants_are_trained_measured_and_taken_up_again() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = corpus(dir.path());
    let out = dir.path().join("ablate");
    let base =
        ["ablate", "--corpus", text(&corpus), "--out", text(&out), "--only", "reference,without-latent"];
    let short = ["--set", "stage1_steps=2", "--set", "stage2_steps=2", "--set", "batch=2"];
    let first = json(&[&base, &short[..], &["--shard", "1/2"]].concat());
    assert_eq!(first["missing"], 1);
    let names = |table: &Value| -> Vec<String> {
        let rows = table["rows"].as_array().unwrap();
        rows.iter().map(|row| row["variant"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&first), ["reference"]);
    let weights = out.join("runs/reference-1/checkpoints/last.safetensors");
    let before = std::fs::metadata(&weights).unwrap().modified().unwrap();
    let both = json(&[&base, &short[..]].concat());
    assert_eq!(names(&both), ["reference", "without-latent"]);
    assert_eq!(both["missing"], 0);
    assert_eq!(std::fs::metadata(&weights).unwrap().modified().unwrap(), before, "what is done stays");
    let table = std::fs::read_to_string(out.join("ablations.md")).unwrap();
    assert_eq!(table.lines().count(), 4, "{table}");
    // other settings are another table
    let done = backchannel(&[&base, &["--set", "stage1_steps=3"][..]].concat());
    assert!(String::from_utf8(done.stderr).unwrap().contains("other settings"));
    assert!(refused(&[&base[..5], &["--only", "no-such"]].concat()).contains("list"));
}

#[test]
fn what_latents_do_is_printed_under_the_names_of_the_measures() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = corpus(dir.path());
    let found = json(&["intents", "--checkpoint", "demo", "--corpus", text(&corpus)]);
    let names = "oracle nmi usage z_gap control control_guided precision coverage rank1 rm_auc_real \
                 rm_auc_generated frvar_ratio frdiv frdiv_shared_noise coverage_shared_noise mixed";
    for name in names.split_whitespace() {
        assert!(found[name].is_f64(), "{name}: {}", found[name]);
    }
    let recognised: u64 = found["confusion"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!(Some(recognised), found["listeners"].as_u64());
    assert_eq!(found["confusion"][0].as_array().unwrap().len(), 8);
    // without a latent nothing but noise differs, and when that is shared, nothing
    let plain = json(&["intents", "--checkpoint", "demo-plain", "--corpus", text(&corpus)]);
    assert_eq!(plain["frdiv_shared_noise"], 0.0);
    assert!(plain["control"].is_null() && plain["frdiv"].as_f64().unwrap() > 0.0);
}

#[test]
fn latents_are_explored_recognised_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = corpus(dir.path());
    let checkpoint = dir.path().join("mine.safetensors");
    let shipped =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/checkpoints/latent-intent-demo.safetensors");
    std::fs::copy(shipped, &checkpoint).unwrap();
    let (corpus, checkpoint) = (text(&corpus), text(&checkpoint));
    let asked = ["--checkpoint", checkpoint, "--corpus", corpus];
    let figures = dir.path().join("figures");
    let found = json(&[&["latents"], &asked[..], &["--figures", text(&figures)]].concat());
    let latents = found["latents"].as_array().unwrap();
    assert_eq!(latents.len(), 8);
    let share: f64 = latents.iter().map(|latent| latent["recognised"]["value"].as_f64().unwrap()).sum();
    assert!((share - 1.0).abs() < 1e-9, "every listener is recognised as one latent: {share}");
    // a signature is what a latent does more than the mean of all
    for index in 0..28 {
        let sum: f64 = latents.iter().map(|latent| latent["made"][index]["value"].as_f64().unwrap()).sum();
        assert!(sum.abs() < 1e-6, "trait {index}: {sum}");
    }
    assert!(figures.join("signatures.svg").is_file() && figures.join("known-intents.png").is_file());

    let named = json(&["latents", "--checkpoint", checkpoint, "--name", "z3=warm smile"]);
    assert_eq!(named["names"]["z3"], "warm smile");
    let again = json(&[&["latents"], &asked[..]].concat());
    assert_eq!(again["names"]["z3"], "warm smile");
    assert_eq!(again["latents"], found["latents"], "a name changes no number");
    refused(&["latents", "--checkpoint", checkpoint, "--name", "z9=x"]);

    let read = json(&[&["recognise"], &asked[..], &["--row", "0", "--every", "25"]].concat());
    let (row, last) = (&read["rows"][0], read["rows"][0]["on_the_way"].as_array().unwrap().last().unwrap());
    assert_eq!(last["frames"], 100);
    for (whole, end) in row["posterior"].as_array().unwrap().iter().zip(last["posterior"].as_array().unwrap())
    {
        let apart = (whole.as_f64().unwrap() - end.as_f64().unwrap()).abs();
        assert!(apart < 1e-5, "at the end the watcher has seen what the whole pass sees: {apart}");
    }
    let books = json(&[&["codebooks"], &asked[..]].concat());
    for stream in books["streams"].as_array().unwrap() {
        assert!(
            stream["r2"].as_f64().unwrap() > 0.5 && stream["ids_used"].as_u64() <= stream["size"].as_u64()
        );
    }

    // new books instead of a checkpoint's: a size is tried until it is enough or the frames give no more
    let fitted = json(&["codebooks", "--fit", "--corpus", corpus, "--ex", "8", "--target-r2"]);
    let tried = fitted["tried"].as_array().unwrap();
    for name in ["m3d", "ex"] {
        let of = tried.iter().filter(|size| size["stream"] == name).map(|size| size["r2"].as_f64().unwrap());
        let r2: Vec<f64> = of.collect();
        assert!(r2.len() > 1 && r2[r2.len() - 1] > r2[0], "{name} {r2:?}");
    }
    let scalar = json(&["codebooks", "--fit", "--corpus", corpus, "--levels", "3,2"]);
    assert_eq!((&scalar["streams"][0]["size"], scalar["tried"].as_array().unwrap().len()), (&6.into(), 0));
    refused(&["codebooks", "--corpus", corpus]);
    refused(&["codebooks", "--fit", "--corpus", corpus, "--levels", "1"]);
    refused(&["codebooks", "--fit", "--corpus", corpus, "--levels", "4,4", "--target-r2"]);
}
