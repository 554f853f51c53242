//! Which kinds know the future: the sound after a row (and after what its kind says it hears beyond) is changed, and
//! the row must stay as it was, bit for bit. The check itself must catch a kind that hears the whole clip.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::path::{Path, PathBuf};

use clips::{Control, FaultKind, Waveform};
use speech::Kind;
use speech::kind::{Extractor, LookAhead};

const FRAMES: usize = 24;

fn noise(rate: u32, seed: u64) -> Waveform {
    let mut chance = clips::Chance::new(seed, "causality", &[]);
    let count = rate as usize / 25 * FRAMES;
    Waveform { rate, channels: 1, samples: (0..count).map(|_| chance.between(-0.5, 0.5) as f32).collect() }
}

/// The tiny random wav2vec2 of the golden files as a Hugging Face folder.
fn tiny(name: &str) -> tempfile::TempDir {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/wav2vec2");
    let dir = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| {
        std::fs::copy(golden.join(format!("{name}.{from}")), dir.path().join(to)).unwrap()
    };
    copy("weights.safetensors", "model.safetensors");
    copy("config.json", "config.json");
    dir
}

fn rows(kind: Kind, weights: Option<&Path>, sound: &Waveform) -> Vec<Vec<f32>> {
    let extractor = Extractor::open(kind, weights).unwrap();
    let found = extractor.features(sound, &Control::default()).unwrap();
    found.values.chunks(found.width).map(<[f32]>::to_vec).collect()
}

/// The first row that changes when everything from `seconds` on is other sound.
fn first_changed(kind: Kind, weights: Option<&Path>, sound: &Waveform, seconds: f64) -> Option<usize> {
    let from = (seconds * f64::from(sound.rate)).round() as usize;
    let other = noise(sound.rate, 99);
    let mut changed = sound.samples.to_vec();
    changed[from..].copy_from_slice(&other.samples[from..]);
    let changed = Waveform { samples: changed.into(), ..sound.clone() };
    let (before, after) = (rows(kind, weights, sound), rows(kind, weights, &changed));
    assert_eq!(before.len(), after.len());
    (0..before.len()).find(|row| before[*row] != after[*row])
}

/// Whether rows keep to what a kind says; the promise is checked at several moments.
fn keeps(kind: Kind, weights: Option<&Path>, promise: f64) -> bool {
    let facts = kind.facts();
    let sound = noise(facts.rate.unwrap_or(16_000), 1);
    let per_second = f64::from(facts.rows_per_second);
    [6, 11, 15].into_iter().all(|row| {
        let end = f64::from(row + 1) / per_second + promise;
        first_changed(kind, weights, &sound, end).is_none_or(|first| first > row as usize)
    })
}

#[test]
fn every_kind_hears_no_further_than_it_says() {
    for kind in Kind::ALL.into_iter().filter(|kind| !kind.facts().needs_weights) {
        let promise = match kind.facts().look_ahead {
            LookAhead::Nothing => 0.0,
            LookAhead::Seconds(seconds) => seconds,
            LookAhead::WholeClip => panic!("{kind}"),
        };
        assert!(keeps(kind, None, promise), "{kind}");
        assert_eq!(kind.causal(), promise == 0.0);
        // and it does hear that far, so the table does not exaggerate
        if promise > 0.0 {
            assert!(!keeps(kind, None, promise - 0.012), "{kind} hears less far than it says");
        }
    }
}

#[test]
fn the_check_catches_a_kind_that_hears_the_whole_clip() {
    for name in ["stable_tiny", "postnorm_tiny"] {
        let dir = tiny(name);
        assert!(!keeps(Kind::Wav2vec2, Some(dir.path()), 0.0), "{name}");
        let sound = noise(16_000, 1);
        let last = first_changed(Kind::Wav2vec2, Some(dir.path()), &sound, 0.04 * (FRAMES - 1) as f64);
        assert_eq!(last, Some(0), "{name}: the last frame reaches the first row");
    }
}

#[test]
fn an_online_track_is_told_which_kinds_it_may_use() {
    for kind in Kind::ALL {
        match kind.require_causal() {
            Ok(()) => assert!(kind.causal(), "{kind}"),
            Err(fault) => {
                assert!(!kind.causal() && fault.kind == FaultKind::BadRequest, "{kind}");
                assert!(
                    fault.detail.contains(kind.name()) && fault.remedy.contains("mfcc39-causal"),
                    "{fault}"
                );
            }
        }
        assert_eq!(kind.name().parse::<Kind>().unwrap(), kind);
    }
    assert!("mfcc40".parse::<Kind>().unwrap_err().remedy.contains("psf78"));
}

#[test]
fn rows_and_columns_are_those_of_the_table_at_every_rate() {
    let dir = tiny("postnorm_tiny");
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Vggish) {
        let weights = kind.facts().needs_weights.then(|| dir.path());
        let extractor = Extractor::open(kind, weights).unwrap();
        for rate in [16_000, 22_050, 24_000, 44_100] {
            let found = extractor.features(&noise(rate, 3), &Control::default()).unwrap();
            let expected = if kind == Kind::VggishLogmel { 94 } else { FRAMES };
            assert_eq!((found.rows(), found.width), (expected, extractor.width()), "{kind} at {rate}");
            assert!(kind.facts().width.is_none_or(|width| width == found.width));
            assert!(found.values.iter().all(|value| value.is_finite()), "{kind}");
        }
    }
}

#[test]
fn half_a_minute_gives_750_rows_of_wav2vec2_and_short_sounds_give_what_there_is() {
    let dir = tiny("stable_tiny");
    let extractor = Extractor::open(Kind::Wav2vec2, Some(dir.path())).unwrap();
    for (samples, rows) in [(480_000, 750), (480_640, 751), (640, 1), (639, 0), (0, 0)] {
        let sound = Waveform { rate: 16_000, channels: 1, samples: vec![0.1; samples].into() };
        let found = extractor.features(&sound, &Control::default()).unwrap();
        assert_eq!(found.rows(), rows, "{samples}");
        assert!(found.values.iter().all(|value| value.is_finite()));
    }
}

#[test]
fn weights_are_asked_for_where_they_are_needed_and_only_there() {
    for kind in [Kind::Vggish, Kind::Wav2vec2] {
        let fault = Extractor::open(kind, None).unwrap_err();
        assert!(fault.kind == FaultKind::BadRequest && fault.remedy.contains("--weights"), "{fault}");
    }
    assert_eq!(Extractor::open(Kind::Psf78, Some(Path::new("."))).unwrap_err().kind, FaultKind::BadRequest);
    let empty = tempfile::tempdir().unwrap();
    let fault = Extractor::open(Kind::Wav2vec2, Some(empty.path())).unwrap_err();
    assert!(fault.kind == FaultKind::NotFound && fault.remedy.contains("config.json"), "{fault}");
    assert_eq!(Extractor::open(Kind::Vggish, Some(empty.path())).unwrap_err().kind, FaultKind::NotFound);
    let dir = tiny("stable_tiny");
    let text = std::fs::read_to_string(dir.path().join("config.json")).unwrap();
    std::fs::write(
        dir.path().join("config.json"),
        text.replace("\"hidden_size\": 32", "\"hidden_size\": 64"),
    )
    .unwrap();
    let fault = Extractor::open(Kind::Wav2vec2, Some(dir.path())).unwrap_err();
    assert!(fault.kind == FaultKind::WrongShape && !fault.place.is_empty(), "{fault}");
}

#[test]
fn a_stop_is_obeyed() {
    let dir = tiny("stable_tiny");
    let control = Control::default();
    control.stop();
    let sound = noise(16_000, 1);
    assert!(speech::features(Kind::Wav2vec2, &sound, Some(dir.path()), &control).unwrap_err().is_cancelled());
    assert!(speech::features(Kind::Mfcc39, &sound, None, &control).unwrap_err().is_cancelled());
}
