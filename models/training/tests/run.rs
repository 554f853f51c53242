//! Whole runs on a small synthetic corpus: resume, determinism, refusals, and that the result loads and answers.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::path::Path;
use std::sync::{Arc, OnceLock};

use clips::corpus::Corpus;
use clips::{Control, synth};
use training::{Config, Data, train_on};

fn small_run() -> Config {
    let mut config = Config::tiny();
    for setting in [
        "stage1_steps=5",
        "stage2_steps=6",
        "frames=40",
        "batch=4",
        "warmup=2",
        "watch_every=3",
        "save_every=2",
        "book_m3d=16",
        "book_ex=8",
    ] {
        config.set(setting).unwrap();
    }
    config
}

fn data(config: &Config, folder: &Path) -> Data {
    let control = Control::default();
    let settings = synth::Config { clips: Some(24), held_out: None, seconds: 4.0, seed: 5 };
    synth::write(&settings, folder, &control).unwrap();
    let corpus = Corpus::open(folder, &control).unwrap();
    Data::load(&corpus, config, None, &control).unwrap()
}

#[test]
fn a_run_stopped_twice_and_resumed_equals_an_uninterrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let config = small_run();
    let data = data(&config, &folder.path().join("corpus"));
    let whole = folder.path().join("whole");
    train_on(&config, &data, &whole, false, &Control::default()).unwrap();

    let parts = folder.path().join("parts");
    for (resume, stop_stage, stop_step) in [(false, "training, stage 1", 3), (true, "training, stage 2", 3)] {
        let handle: Arc<OnceLock<Control>> = Arc::default();
        let inner = handle.clone();
        let control = Control::with_listener(move |progress| {
            if progress.stage == stop_stage && progress.done == stop_step {
                inner.get().unwrap().stop();
            }
        });
        handle.set(control.clone()).unwrap();
        let fault = train_on(&config, &data, &parts, resume, &control).unwrap_err();
        assert!(fault.is_cancelled(), "{fault}");
    }
    train_on(&config, &data, &parts, true, &Control::default()).unwrap();
    for name in ["stage-1", "last", "best"] {
        let read = |run: &Path| std::fs::read(run.join(format!("checkpoints/{name}.safetensors"))).unwrap();
        assert!(read(&whole) == read(&parts), "{name} differs");
    }
    let metrics = |run: &Path| std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert_eq!(metrics(&whole), metrics(&parts));
    assert_eq!(metrics(&whole).lines().count(), 11);
    for kept in ["config.toml", "log.txt", "state.bin"] {
        assert!(whole.join(kept).exists(), "{kept}");
    }

    // another run is not overwritten, other settings are not resumed
    assert!(train_on(&config, &data, &whole, false, &Control::default()).is_err());
    let other = Config { seed: 9, ..config };
    assert!(train_on(&other, &data, &whole, true, &Control::default()).is_err());

    let system = listener::load(&whole.join("checkpoints/last.safetensors")).unwrap();
    assert_eq!((system.name(), system.latents()), ("latent-intent", 8));
    assert!(system.signature(7).is_some() && system.signature(8).is_none());
    let plain = listener::load(&whole.join("checkpoints/stage-1.safetensors")).unwrap();
    assert_eq!((plain.name(), plain.latents()), ("latent-intent-plain", 0));
}
