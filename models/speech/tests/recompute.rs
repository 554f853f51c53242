//! Every tensor of every golden file that this crate recomputes is within its tolerance, and none is left out unseen.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::path::PathBuf;

use clips::Control;
use clips::golden::Verdict;
use clips::tensors::Tensors;

/// Recomputes a file; gives how many tensors were compared.
fn within(name: &str) -> usize {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let sheet = speech::golden::recompute(&path, &Control::default()).unwrap().expect("a form we know");
    let lines = sheet.compare(&mut Tensors::open(&path).unwrap()).unwrap();
    for line in &lines {
        assert!(!matches!(line.verdict, Verdict::Beyond | Verdict::NotComputed), "{name}: {line:?}");
    }
    lines.iter().filter(|line| line.verdict == Verdict::Within).count()
}

#[test]
fn features_of_three_clips_agree() {
    for clip in ["chirp_16k", "noise_44k1", "speech_22k05"] {
        assert!(within(&format!("{clip}.safetensors")) >= 12, "{clip}");
    }
}

#[test]
fn windows_banks_cosines_and_deltas_agree() {
    assert_eq!(within("stages.safetensors"), 11);
    assert_eq!(within("deltas.safetensors"), 7);
}

#[test]
fn the_official_78_agree() {
    assert_eq!(within("audio_mfcc78.safetensors"), 1);
}

#[test]
fn both_families_of_wav2vec2_agree_stage_by_stage() {
    assert_eq!(within("wav2vec2/stable_tiny.io.safetensors"), 11);
    assert_eq!(within("wav2vec2/postnorm_tiny.io.safetensors"), 11);
}

#[test]
fn the_vggish_front_end_agrees() {
    assert_eq!(within("vggish_frontend.safetensors"), 5);
}

#[test]
fn the_vggish_network_agrees() {
    assert_eq!(within("vggish_net_io.safetensors"), 4);
}
