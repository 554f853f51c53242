//! The network against golden vectors of an independent implementation (see golden/README.md): every tensor that
//! `latent_intent::golden` recomputes is within its tolerance, and what it leaves out is known.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::path::PathBuf;

use clips::Control;
use clips::golden::Verdict;
use clips::tensors::Tensors;
use listener::latent_intent::golden::recompute;

/// Recomputes a file; gives the numbers of tensors that agree and that are left out.
fn within(name: &str) -> (usize, usize) {
    let path = PathBuf::from(format!("{}/tests/golden/{name}.safetensors", env!("CARGO_MANIFEST_DIR")));
    let sheet = recompute(&path, &Control::default()).unwrap().expect("a form we know");
    let lines = sheet.compare(&mut Tensors::open(&path).unwrap()).unwrap();
    for line in &lines {
        assert_ne!(line.verdict, Verdict::Beyond, "{name}: {line:?}");
        assert!(line.verdict != Verdict::NotComputed || !line.remark.is_empty(), "{name}: {line:?}");
    }
    let count = |verdict| lines.iter().filter(|line| line.verdict == verdict).count();
    (count(Verdict::Within), count(Verdict::NotComputed))
}

#[test]
fn units_agree_within_and_beyond_the_training_length() {
    for attention in ["softmax", "relu2"] {
        assert_eq!(within(&format!("gau_{attention}_train_len")), (13, 0));
        assert_eq!(within(&format!("gau_{attention}_beyond_n0")), (13, 0));
    }
}

#[test]
fn the_whole_network_agrees() {
    assert_eq!(within("model_softmax"), (82, 84));
}

#[test]
fn the_whole_network_agrees_with_squared_relu() {
    assert_eq!(within("model_relu2"), (82, 84));
}

#[test]
fn sampling_filters_agree() {
    assert_eq!(within("sampling"), (6, 0));
}
