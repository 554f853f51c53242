//! Whole runs of every compared system on a small synthetic corpus: the loss falls, a stopped run ends as an uninterrupted one,
//! orders are obeyed, the checkpoint answers, and a corpus without what is needed is refused with the reason.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, OnceLock};

use clips::corpus::{Corpus, Split};
use clips::{Control, Fault, FaultKind, Track, synth};
use listener::{Request, corpus_speaker};
use training::Plain;
use training::orders::Order;
use training::status::{Phase, Status};
use training::sweep::{self, Sweep};
use training::systems::{Settings, Summary, systems};

static CORPUS: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("corpus");
    let settings = synth::Config { clips: Some(16), seconds: 4.0, seed: 5, ..Default::default() };
    synth::write(&settings, &root, &Control::default()).unwrap();
    (folder, root)
});

fn corpus() -> Corpus {
    Corpus::open(&CORPUS.1, &Control::default()).unwrap()
}

/// System, its first preset, and settings that train in seconds.
const SMALL: [(&str, &[&str]); 4] = [
    ("trans-vae", &["frames=30", "network.width=8", "network.heads=2", "stage1_rate=1e-2"]),
    (
        "belfusion",
        &[
            "frames=30",
            "network.vae.width=8",
            "network.vae.mlp=[8, 8]",
            "network.vae.window=10",
            "network.denoiser.width=16",
            "network.denoiser.layers=3",
            "network.hypotheses=2",
        ],
    ),
    (
        "regnn",
        &[
            "network.frames=20",
            "network.stride=10",
            "network.perceptual.width=8",
            "network.perceptual.heads=2",
            "network.perceptual.out=8",
            "network.convert=8",
            "network.perceptual.cross_layers=1",
            "network.perceptual.memory_layers=1",
        ],
    ),
    (
        "learning2listen",
        &[
            "stage2_rate=1e-2",
            "network.vq.width=16",
            "network.vq.heads=2",
            "network.vq.layers=1",
            "network.vq.inner=16",
            "network.vq.codes=8",
            "network.predictor.width=8",
            "network.predictor.heads=2",
            "network.predictor.inner=8",
            "network.predictor.cross_layers=1",
            "network.predictor.joint_layers=1",
            "network.predictor.codes=8",
        ],
    ),
];

fn has_two_stages(system: &str) -> bool {
    matches!(system, "belfusion" | "learning2listen")
}

fn settings(system: &str, own: &[&str], more: &[&str]) -> Settings {
    baselines::lessons::register();
    let mut settings = Settings::preset(system, None).unwrap();
    let common = [
        "batch=4",
        "stage1_steps=7",
        "warmup=2",
        "watch_every=3",
        "watch_clips=6",
        "save_every=2",
        "keep=2",
        "validate_clips=2",
        "validate_samples=2",
    ];
    let second = if has_two_stages(system) { &["stage2_steps=5"][..] } else { &[] };
    let all: Vec<&str> = [&common[..], own, second, more].concat();
    settings.set_all(&all).unwrap();
    settings
}

fn settings_of(settings: &Settings, more: &str) -> Settings {
    let mut settings = settings.clone();
    settings.set_all(&[more]).unwrap();
    settings
}

fn train(settings: &Settings, run: &Path, resume: bool, control: &Control) -> Result<Summary, Fault> {
    settings.train(&Plain, &corpus(), run, resume, control)
}

/// Runs until a step of a stage, and stops there.
fn stop_at(settings: &Settings, run: &Path, resume: bool, stage: &'static str, step: u64) -> Fault {
    let handle: Arc<OnceLock<Control>> = Arc::default();
    let inner = handle.clone();
    let control = Control::with_listener(move |progress| {
        if progress.stage == stage && progress.done == step {
            inner.get().unwrap().stop();
        }
    });
    handle.set(control.clone()).unwrap();
    train(settings, run, resume, &control).unwrap_err()
}

/// The lines of metrics without the time that steps took.
fn metrics(run: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let without_time = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line.as_object_mut().unwrap().remove("seconds").unwrap().as_f64().unwrap() >= 0.0);
        line
    };
    text.lines().map(without_time).collect()
}

/// Files with results, by name.
fn results(run: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for folder in ["checkpoints", "previews"] {
        let Ok(entries) = std::fs::read_dir(run.join(folder)) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending != "md") {
                let name = format!("{folder}/{}", path.file_name().unwrap().to_string_lossy());
                all.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    all.sort();
    all
}

/// The state without its line of JSON, in which seconds are.
fn state(run: &Path) -> Vec<u8> {
    let bytes = std::fs::read(run.join("state.bin")).unwrap();
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    bytes[end..].to_vec()
}

#[test]
fn a_run_stopped_twice_and_resumed_equals_an_uninterrupted_one_and_answers() {
    for (system, own) in SMALL {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(system, own, &[]);
        let whole = folder.path().join("whole");
        let Summary::Course(summary) = train(&settings, &whole, false, &Control::default()).unwrap() else {
            panic!("{system} is a course");
        };
        assert_eq!(summary.system, system);
        let validation = summary.validation.as_ref().unwrap();
        assert!((validation.clips, validation.samples) == (2, 2) && validation.FRDist.is_finite());
        assert!(summary.watch["total"].is_finite() && summary.parameters > 500, "{summary}");

        let parts = folder.path().join("parts");
        let two = has_two_stages(system);
        let second = if two { "training, stage 2" } else { "training, stage 1" };
        for (resume, stage, step) in
            [(false, "training, stage 1", 3), (true, second, if two { 2 } else { 6 })]
        {
            let fault = stop_at(&settings, &parts, resume, stage, step);
            assert!(fault.is_cancelled() && fault.to_string().contains("--resume"), "{fault}");
            let status = Status::read(&parts.join("status.json")).unwrap();
            assert_eq!((status.state, status.step), (Phase::Stopped, step as usize));
        }
        // on another number of threads it is the same
        let threads = settings_of(&settings, "threads=2");
        let other = folder.path().join("threads");
        train(&threads, &other, false, &Control::default()).unwrap();
        assert!(state(&other) == state(&whole), "{system} on two threads");

        // settings are found in the folder
        let text = std::fs::read_to_string(parts.join("config.toml")).unwrap();
        let again = Settings::from_toml("config.toml".as_ref(), &text).unwrap();
        train(&again, &parts, true, &Control::default()).unwrap();
        assert_eq!(metrics(&whole), metrics(&parts), "{system}");
        let (a, b) = (results(&whole), results(&parts));
        let names = |all: &[(String, Vec<u8>)]| all.iter().map(|one| one.0.clone()).collect::<Vec<_>>();
        assert_eq!(names(&a), names(&b));
        assert!(a == b && state(&whole) == state(&parts), "{system}");
        let expected = if two { "s2-000004" } else { "s1-000006" };
        for name in ["best", "last", expected] {
            assert!(
                names(&a).contains(&format!("checkpoints/{name}.safetensors")),
                "{name}: {:?}",
                names(&a)
            );
            let card = std::fs::read_to_string(whole.join(format!("checkpoints/{name}.md"))).unwrap();
            for words in [system, "--set", "| batch |", "Licence", "synthetic dyads", "fingerprint"] {
                assert!(card.contains(words), "{words} is not in\n{card}");
            }
        }
        assert_eq!(names(&a).iter().any(|name| name.starts_with("previews/")), system != "regnn");
        // lines as every reader of run folders expects them
        for line in metrics(&whole) {
            for key in ["stage", "step", "steps", "epoch", "norm", "rate"] {
                assert!(line[key].is_number(), "{line}");
            }
            assert!(line["losses"]["total"].is_number() && line["losses"].as_object().unwrap().len() > 2);
        }
        let last = metrics(&whole).pop().unwrap();
        assert!(last["watch"]["total"].is_number() && last["validation"]["FRCorr"].is_number());
        assert_eq!(last["checkpoint"], "last.safetensors");

        let answering = baselines::load(&whole.join("checkpoints/last.safetensors")).unwrap();
        assert_eq!(answering.name(), system);
        let corpus = corpus();
        let entry = &corpus.clips(Split::Val)[0];
        let speaker = corpus_speaker(&corpus, entry).unwrap();
        let takes =
            answering.generate(&entry.id, &speaker, &Request::default(), &Control::default()).unwrap();
        assert_eq!(takes[0].attributes.len(), speaker.frames());
        let online = Request { track: Track::Online, ..Request::default() };
        let online = answering.generate(&entry.id, &speaker, &online, &Control::default());
        assert_eq!(online.is_ok(), answering.answers_online());
        assert_eq!(answering.answers_online(), system == "learning2listen");
    }
}

#[test]
fn a_sweep_trains_several_systems_and_goes_on() {
    baselines::lessons::register();
    let folder = tempfile::tempdir().unwrap();
    let mut text =
        "seeds = [1, 2]\n[set]\nbatch = 2\nstage1_steps = 2\nvalidate_clips = 0\n[grid]\nclip = [0.5]\n"
            .to_owned();
    for (system, own) in [SMALL[0], SMALL[2]] {
        text += &format!("[[variant]]\nname = '{system}'\nsystem = '{system}'\n");
        for setting in own {
            let (key, value) = setting.split_once('=').unwrap();
            text += &format!("\"{key}\" = {value}\n");
        }
    }
    let file = folder.path().join("sweep.toml");
    std::fs::write(&file, &text).unwrap();
    let sweep = Sweep::read(&file).unwrap();
    let names: Vec<&str> = sweep.runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names[..2], ["trans-vae_clip-0.5_seed-1", "trans-vae_clip-0.5_seed-2"]);
    assert_eq!((names.len(), names[3]), (4, "regnn_clip-0.5_seed-2"));
    let runs = folder.path().join("runs");
    let train = || sweep::run(&sweep, &corpus(), &runs, &Control::default()).unwrap();
    let report = train();
    assert_eq!(report.count(Phase::Done), 4, "{report}");
    let changed = &report.runs[2].settings;
    assert!(changed.contains(&("network.convert".to_owned(), "8".to_owned())), "{changed:?}");
    let state = file_of(&runs.join(names[3]), "state.bin");
    assert_eq!(train().count(Phase::Done), 4);
    assert!(state == file_of(&runs.join(names[3]), "state.bin"), "what is finished is left alone");
    let wrong = text.replace("network.convert", "network.wide");
    std::fs::write(&file, wrong).unwrap();
    let fault = Sweep::read(&file).unwrap_err();
    assert!(
        fault.to_string().contains("sweep.toml") && fault.to_string().contains("network.wide"),
        "{fault}"
    );
}

fn file_of(run: &Path, name: &str) -> Vec<u8> {
    std::fs::read(run.join(name)).unwrap()
}

#[test]
fn losses_fall() {
    for (system, own) in SMALL {
        let folder = tempfile::tempdir().unwrap();
        let more =
            ["stage1_steps=60", "stage2_steps=60", "save_every=100", "watch_every=60", "validate_clips=0"];
        let more = if has_two_stages(system) { &more[..] } else { &[more[0], more[2], more[3], more[4]] };
        let settings = settings(system, own, more);
        train(&settings, folder.path(), false, &Control::default()).unwrap();
        let lines = metrics(folder.path());
        for stage in 1..=if has_two_stages(system) { 2 } else { 1 } {
            let losses: Vec<f64> = lines
                .iter()
                .filter(|line| line["stage"] == stage)
                .map(|line| line["losses"]["total"].as_f64().unwrap())
                .collect();
            let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
            let (first, last) = (mean(&losses[..10]), mean(&losses[50..]));
            assert!(last < 0.9 * first, "{system}, stage {stage}: {first} to {last}");
        }
    }
}

#[test]
fn orders_are_obeyed_and_a_step_that_is_no_number_is_skipped() {
    let (system, own) = SMALL[2];
    let folder = tempfile::tempdir().unwrap();
    // too high a rate to stay with numbers: every step after the first goes astray
    let wild = settings(system, own, &["stage1_rate=1e30", "most_skips=2", "clip=0", "decay=0"]);
    let fault = train(&wild, &folder.path().join("wild"), false, &Control::default()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotFinite, "{fault}");
    assert!(fault.to_string().contains("train/"), "the clips are named: {fault}");
    let skipped = metrics_of_skipped(&folder.path().join("wild"));
    assert_eq!(skipped, 3);

    let calm = settings(system, own, &[]);
    let run = folder.path().join("calm");
    std::fs::create_dir_all(&run).unwrap();
    Order::Stop.give(&run).unwrap();
    assert!(train(&calm, &run, false, &Control::default()).unwrap_err().is_cancelled());
    Order::StopAtEpoch.give(&run).unwrap();
    // an epoch of so few rows ends before the run does, or with it
    let ended = train(&calm, &run, true, &Control::default());
    assert!(ended.is_ok() || ended.unwrap_err().is_cancelled());
    // another run is not overwritten, other settings are not resumed
    assert!(train(&calm, &run, false, &Control::default()).is_err());
    let other = settings(system, own, &["seed=9"]);
    assert!(train(&other, &run, true, &Control::default()).unwrap_err().to_string().contains("settings"));
}

fn metrics_of_skipped(run: &Path) -> usize {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    text.lines().filter(|line| line.contains("\"skipped\"")).count()
}

#[test]
fn what_is_missing_is_told_and_what_reads_video_is_not_trained() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("mute");
    let settings_of_corpus = synth::Config { clips: Some(8), seconds: 4.0, seed: 1, ..Default::default() };
    synth::write(&settings_of_corpus, &root, &Control::default()).unwrap();
    std::fs::remove_dir_all(root.join("train/Audio_files")).unwrap();
    let mute = Corpus::open(&root, &Control::default()).unwrap();
    let attempt = |settings: &Settings, corpus: &Corpus, name: &str| {
        settings.train(&Plain, corpus, &folder.path().join(name), false, &Control::default())
    };
    let trans_vae = settings(SMALL[0].0, SMALL[0].1, &[]);
    let fault = attempt(&trans_vae, &mute, "a").unwrap_err();
    assert_eq!(fault.kind, FaultKind::MissingModality);
    assert!(fault.to_string().contains("no sound") && fault.remedy.contains("belfusion"), "{fault}");
    // belfusion hears nothing and trains all the same
    attempt(&settings(SMALL[1].0, SMALL[1].1, &[]), &mute, "deaf").unwrap();
    // 4 s are 100 frames: too short for windows of 200
    let long = settings(SMALL[2].0, SMALL[2].1, &["network.frames=200", "network.stride=100"]);
    let fault = attempt(&long, &corpus(), "long").unwrap_err();
    assert_eq!(fault.kind, FaultKind::WrongLength, "{fault}");
    assert!(fault.to_string().contains("100 frames are less than the 200"), "{fault}");
    for (system, preset) in [("trans-vae", "official-online"), ("regnn", "official-vggish")] {
        let video = Settings::preset(system, Some(preset)).unwrap();
        let fault = attempt(&video, &corpus(), preset).unwrap_err();
        assert!(fault.to_string().contains("video") && fault.remedy.contains("small"), "{fault}");
    }
    for preset in ["official", "react"] {
        let deca = Settings::preset("learning2listen", Some(preset)).unwrap();
        let fault = attempt(&deca, &corpus(), preset).unwrap_err();
        assert!(fault.to_string().contains("128 bands") && fault.remedy.contains("small"), "{fault}");
    }
    for (system, wrong) in [
        ("trans-vae", "network.width=9"),
        ("trans-vae", "network.size=9"),
        ("trans-vae", "losses.diversity=much"),
        ("belfusion", "frames=10"),
        ("belfusion", "losses.starts=nowhere"),
        ("regnn", "losses.targets=0"),
        ("regnn", "system=belfusion"),
        ("learning2listen", "losses.most_seen=1001"),
        ("learning2listen", "losses.codebook=full"),
        ("learning2listen", "network.vq.codes_over=people"),
        ("learning2listen", "network.vq.codes=9"),
    ] {
        let mut plan = Settings::preset(system, None).unwrap();
        let fault = plan.set_all(&[wrong]).unwrap_err();
        assert!(fault.to_string().contains("--set") || fault.remedy.contains("--system"), "{wrong}: {fault}");
    }
}

#[test]
fn every_preset_of_the_table_is_sound() {
    baselines::lessons::register();
    let all = systems();
    assert_eq!(
        all.iter().map(|listed| listed.name).collect::<Vec<_>>(),
        ["latent-intent", "latent-intent-plain", "trans-vae", "belfusion", "regnn", "learning2listen"]
    );
    for listed in all {
        for preset in &listed.presets {
            assert_eq!(Settings::preset(listed.name, Some(preset)).unwrap().system(), listed.name);
        }
        assert!(Settings::preset(listed.name, Some("none")).is_err());
    }
}
