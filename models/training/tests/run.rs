//! Whole runs on a small synthetic corpus: resume, determinism, refusals, and that the result loads and answers.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod small;

use clips::{Control, FaultKind, Sampling};
use listener::Request;
use listener::latent_intent::{Checkpoint, LatentIntent};
use small::{assert_equal, checkpoint, config, data, files, log, metrics, stop_at};
use training::status::{Phase, Status};
use training::{Config, train_on};

#[test]
fn a_run_stopped_twice_and_resumed_equals_an_uninterrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let plain = config(&[]);
    let data = data(&plain, &folder.path().join("corpus"));
    let everything = config(&[
        "ema=0.9",
        "dropout=0.2",
        "spike=1",
        "most_skips=20",
        "validate_every=3",
        "validate_clips=3",
        "validate_samples=2",
        "best_by=FRDist",
        "patience=9",
        "keep=2",
        "style=true",
        "weight_velocity=1",
    ]);
    for (name, config) in [("plain", plain), ("everything", everything)] {
        let whole = folder.path().join(format!("{name}, whole"));
        let summary = train_on(&config, &data, &whole, false, &Control::default()).unwrap();
        assert_eq!(summary.validation.is_some(), config.validate_clips > 0);

        let parts = folder.path().join(format!("{name}, parts"));
        for (resume, stage, step) in [(false, "training, stage 1", 3), (true, "training, stage 2", 3)] {
            let fault = stop_at(&config, &data, &parts, resume, stage, step);
            assert!(fault.is_cancelled() && fault.to_string().contains("--resume"), "{fault}");
            let status = Status::read(&parts.join("status.json")).unwrap();
            assert_eq!((status.state, status.step), (Phase::Stopped, 3));
        }
        train_on(&config, &data, &parts, true, &Control::default()).unwrap();
        assert_equal(&whole, &parts);
        let status = Status::read(&whole.join("status.json")).unwrap();
        assert_eq!((status.state, status.stage, status.step, status.steps), (Phase::Done, 2, 6, 6));
        assert!(status.clips_per_second > 0.0 && (status.epochs - 24.0 / 24.0).abs() < 2.0);
        for kept in ["config.toml", "log.txt", "state.bin"] {
            assert!(whole.join(kept).exists(), "{kept}");
        }
        // once more: nothing is left to do, and nothing changes
        train_on(&config, &data, &parts, true, &Control::default()).unwrap();
        assert_equal(&whole, &parts);
    }
}

#[test]
fn a_network_that_knows_styles_answers_as_one_person_or_another() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&["style=true", "drop_style=0", "weight_velocity=1"]);
    let data = data(&config, &folder.path().join("corpus"));
    assert!(data.train.iter().any(|row| row.style.iter().any(|number| number.abs() > 0.5)));
    let run = folder.path().join("run");
    train_on(&config, &data, &run, false, &Control::default()).unwrap();
    let losses = &metrics(&run)[0]["losses"];
    assert!(losses["velocity"].as_f64().unwrap() > 0.0, "{losses}");

    let bytes = std::fs::read(run.join("checkpoints/last.safetensors")).unwrap();
    let read = Checkpoint::from_bytes(&run, &bytes).unwrap();
    assert_eq!(read.to_bytes().unwrap(), bytes);
    assert_eq!(read.styles, Some(data.styles));
    let system = LatentIntent::new(read, String::new()).unwrap();
    let speaker = data.speaker(&data.train[0], 0, 30).unwrap();
    let answer = |style| {
        let sampling = Sampling { style, guidance: 0.5, ..Sampling::default() };
        let request = Request { sampling, ..Request::default() };
        system.answer("clip", &speaker, &request, &Control::default()).unwrap()
    };
    let (average, lively) = (answer([0.0; 5]), answer([3.0; 5]));
    assert!(
        average.iter().zip(&lively).any(|(a, b)| a.attributes != b.attributes),
        "a style changes nothing"
    );
    assert_eq!(lively[0].header.sampling.style, [3.0; 5]);

    let plain = listener::demo().unwrap();
    let request =
        Request { sampling: Sampling { style: [1.0; 5], ..Sampling::default() }, ..Request::default() };
    let streams = clips::Streams { attributes: Some(vec![[0.0; 25]; 30]), ..Default::default() };
    let refused = plain.generate("clip", &streams, &request, &Control::default()).unwrap_err();
    assert!(refused.to_string().contains("style=true"), "{refused}");
}

#[test]
fn a_run_folder_holds_what_its_readers_expect() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&["keep=2", "validate_every=4", "validate_clips=3", "validate_samples=2"]);
    let data = data(&config, &folder.path().join("corpus"));
    let run = folder.path().join("run");
    std::fs::create_dir_all(run.join("checkpoints")).unwrap();
    std::fs::write(run.join("checkpoints/pinned.txt"), "s1-000002.safetensors\n").unwrap();
    train_on(&config, &data, &run, false, &Control::default()).unwrap();

    let lines = metrics(&run);
    assert_eq!(lines.len(), 11);
    for (index, line) in lines.iter().enumerate() {
        let second = index >= 5;
        assert_eq!(line["stage"], if second { 2 } else { 1 });
        assert_eq!(line["steps"], if second { 6 } else { 5 });
        let step = line["step"].as_u64().unwrap();
        assert_eq!(step, if second { index as u64 - 4 } else { index as u64 + 1 });
        let epoch = line["epoch"].as_f64().unwrap();
        assert!((epoch - (step * 4) as f64 / data.drawn.len() as f64).abs() < 1e-12);
        let number = |value: &serde_json::Value| value.as_f64().unwrap();
        let losses = &line["losses"];
        let keys: Vec<&String> = losses.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["bow", "clg", "margin", "rm", "total", "usage"]);
        let streams: f64 = line["streams"].as_array().unwrap().iter().map(number).sum();
        assert!((streams - number(&losses["clg"])).abs() < 1e-9, "streams sum to CLG");
        assert_eq!(line.get("rm_right").is_some(), second);
        assert_eq!(line.get("watch").is_some(), step % 3 == 0 || index == 4 || index == 10);
        assert_eq!(line.get("validation").is_some(), step == 4 || index == 4 || index == 10, "{line}");
        for key in ["norm", "rate"] {
            assert!(number(&line[key]) > 0.0);
        }
    }
    let posterior = lines[10]["watch"]["posterior"].as_array().unwrap();
    assert!((posterior.iter().map(|p| p.as_f64().unwrap()).sum::<f64>() - 1.0).abs() < 1e-9);
    assert_eq!(posterior.len(), 8);
    assert_eq!(lines[10]["validation"]["clips"], 3);
    assert!(lines[10]["validation"]["intervals"]["FRCorr"]["low"].is_number());
    let saved: Vec<&str> = lines.iter().filter_map(|line| line["checkpoint"].as_str()).collect();
    assert_eq!(
        saved,
        [
            "s1-000002.safetensors",
            "s1-000004.safetensors",
            "stage-1.safetensors",
            "s2-000002.safetensors",
            "s2-000004.safetensors",
            "last.safetensors"
        ]
    );
    let names = ["best", "last", "s1-000002", "s2-000002", "s2-000004", "stage-1"];
    let mut expected: Vec<String> =
        names.iter().flat_map(|name| [format!("{name}.md"), format!("{name}.safetensors")]).collect();
    expected.push("pinned.txt".to_owned());
    expected.sort();
    assert_eq!(files(&run.join("checkpoints")), expected);

    for (name, latents) in [("s1-000002", 1), ("s1-000005", 1), ("s2-000002", 8), ("s2-000006", 8)] {
        let preview = clips::array::read_npy(&run.join(format!("previews/{name}.npy"))).unwrap();
        assert_eq!(preview.shape, [latents, 100, 58], "{name}");
        assert!(preview.values.iter().all(|value| value.is_finite()));
    }
    let about = std::fs::read_to_string(run.join("previews/about.json")).unwrap();
    assert!(about.contains("\"latents\":8") && about.contains("\"frames\":100"), "{about}");

    let card = std::fs::read_to_string(run.join("checkpoints/last.md")).unwrap();
    for words in [
        "8 latents",
        data.fingerprint.as_str(),
        "--set stage2_steps=6",
        "| batch | 16 | 4 |",
        "Seed 1",
        "step 6 of 6 after 5 of stage 1",
        "| FRCorr |",
        "Licence",
        "synthetic dyads",
        "- z8:",
    ] {
        assert!(card.contains(words), "{words} is not in the card:\n{card}");
    }
    let line = log(&run).lines().next().unwrap().to_owned();
    let stamp: String = line.chars().take(20).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(stamp, "0000-00-00 00:00:00 ", "{line}");

    let system = listener::load(&run.join("checkpoints/last.safetensors")).unwrap();
    assert_eq!((system.name(), system.latents()), ("latent-intent", 8));
    assert!(system.signature(7).is_some() && system.signature(8).is_none());
    let plain = listener::load(&run.join("checkpoints/stage-1.safetensors")).unwrap();
    assert_eq!((plain.name(), plain.latents()), ("latent-intent-plain", 0));

    // another run is not overwritten, other settings are not resumed, nor is another corpus
    assert!(train_on(&config, &data, &run, false, &Control::default()).is_err());
    let other = Config { seed: 9, ..config.clone() };
    assert!(train_on(&other, &data, &run, true, &Control::default()).is_err());
    let mut changed = data;
    changed.fingerprint.replace_range(..1, "x");
    let fault = train_on(&config, &changed, &run, true, &Control::default()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Mismatch);
    assert!(fault.to_string().contains("code books"), "{fault}");
}

#[test]
fn looking_validating_and_averaging_do_not_change_what_is_learned() {
    let folder = tempfile::tempdir().unwrap();
    let plain = config(&["keep=0", "watch_every=100"]);
    let data = data(&plain, &folder.path().join("corpus"));
    let busy =
        config(&["watch_every=1", "validate_every=1", "validate_clips=2", "validate_samples=1", "ema=0.5"]);
    let weights = |config: &Config, name: &str, file: &str| {
        let run = folder.path().join(name);
        train_on(config, &data, &run, false, &Control::default()).unwrap();
        let bytes = checkpoint(&run, file);
        listener::latent_intent::Checkpoint::from_bytes("checkpoint".as_ref(), &bytes).unwrap().values
    };
    let learned = weights(&plain, "plain", "last");
    assert_eq!(learned, weights(&busy, "busy", "last-raw"));
    let average = checkpoint(&folder.path().join("busy"), "last");
    let average = listener::latent_intent::Checkpoint::from_bytes("a".as_ref(), &average).unwrap().values;
    assert_ne!(learned, average, "checkpoints hold the average");
}
