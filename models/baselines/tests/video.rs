//! Presets that read video, on a synthetic corpus with drawn faces: they learn, resume to the bit, answer, know nothing of the
//! future online, and say what is missing. Pictures are decoded by a reader of the test's own, as the program registers one.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use baselines::systems::save;
use baselines::{Fresh, trans_vae};
use clips::corpus::{Corpus, Split, VideoFiles};
use clips::footage::{Picture, Pictures};
use clips::{Chance, Control, Fault, FaultKind, Footage, Given, Streams, Take, Track, Waveform, synth};
use listener::{Request, System, corpus_speaker};
use training::Plain;
use training::systems::{Settings, Summary};

/// Numbered pictures of a folder, or of a name such as `a40b`: pictures drawn by `a`, from frame 40 on by `b`.
enum Reader {
    Folder(Vec<PathBuf>),
    Drawn(u8, usize, u8),
}

/// Pictures that were decoded.
static DECODED: AtomicUsize = AtomicUsize::new(0);

impl Pictures for Reader {
    fn frames(&self) -> usize {
        match self {
            Self::Folder(files) => files.len(),
            Self::Drawn(..) => usize::MAX,
        }
    }

    fn picture(&mut self, frame: usize) -> Result<Picture, Fault> {
        DECODED.fetch_add(1, Ordering::Relaxed);
        match self {
            Self::Folder(files) => {
                let rgba = image::open(&files[frame.min(files.len() - 1)]).unwrap().into_rgba8();
                let (width, height) = (rgba.width() as usize, rgba.height() as usize);
                Ok(Picture { width, height, rgba: rgba.into_raw() })
            }
            Self::Drawn(before, change, after) => {
                let by = usize::from(if frame < *change { *before } else { *after });
                let byte = |at: usize| ((at * 7919 + frame * 104_729 + by * 15_485_863) >> 5) as u8;
                Ok(Picture { width: 32, height: 32, rgba: (0..4 * 32 * 32).map(byte).collect() })
            }
        }
    }
}

fn open(footage: &Footage) -> Result<Box<dyn Pictures>, Fault> {
    let path = footage.path();
    if path.is_dir() {
        return Ok(Box::new(Reader::Folder(footage.files.frames())));
    }
    let name = path.to_str().unwrap();
    match (name.chars().next(), name.chars().last(), name[1..name.len() - 1].parse()) {
        (Some(before), Some(after), Ok(change)) => {
            Ok(Box::new(Reader::Drawn(before as u8, change, after as u8)))
        }
        _ => Err(Fault::new(FaultKind::NotFound, path, "there is no such video")),
    }
}

static CORPUS: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("corpus");
    let settings =
        synth::Config { clips: Some(4), held_out: Some(2), seconds: 4.0, seed: 5, ..Default::default() };
    synth::write(&settings, &root, &Control::default()).unwrap();
    let pictures = synth::film(&root, &Control::default()).unwrap();
    assert_eq!(pictures, 8 * 2 * 101);
    // and features as somebody's networks would have made them: a row a frame, and twice as many of the sound
    let corpus = Corpus::open(&root, &Control::default()).unwrap();
    for split in Split::ALL {
        for entry in corpus.clips(split) {
            for (kind, rows, columns) in [("Video_features", 100, 6), ("Audio_features", 200, 5)] {
                let file = root.join(split.name()).join(kind).join(format!("{}.npy", entry.speaker.name));
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                let mut chance = Chance::new(3, &entry.id, &[columns as u64]);
                let values: Vec<f32> = (0..rows * columns).map(|_| chance.normal() as f32).collect();
                clips::array::write_npy(&file, &[rows, columns], &values).unwrap();
            }
        }
    }
    (folder, root)
});

fn corpus() -> Corpus {
    clips::footage::register(open);
    Corpus::open(&CORPUS.1, &Control::default()).unwrap()
}

fn settings(preset: &str, more: &[&str]) -> Settings {
    baselines::lessons::register();
    let mut settings = Settings::preset("trans-vae", Some(preset)).unwrap();
    let common = [
        "network.width=8",
        "network.heads=2",
        "batch=2",
        "frames=8",
        "stage1_steps=4",
        "warmup=1",
        "watch_every=4",
        "watch_clips=2",
        "save_every=2",
        "validate_clips=0",
    ];
    settings.set_all(&[&common[..], more].concat()).unwrap();
    settings
}

fn train(settings: &Settings, run: &Path, resume: bool, control: &Control) -> Result<Summary, Fault> {
    settings.train(&Plain, &corpus(), run, resume, control)
}

fn file(run: &Path, name: &str) -> Vec<u8> {
    std::fs::read(run.join(name)).unwrap()
}

#[test]
fn a_run_on_pictures_stopped_and_resumed_equals_an_uninterrupted_one_and_answers() {
    let folder = tempfile::tempdir().unwrap();
    for (preset, more) in [("small-offline", vec![]), ("small-online", vec!["network.window=4"])] {
        let settings = settings(preset, &more);
        let (whole, parts) = (folder.path().join(preset), folder.path().join(format!("{preset}-parts")));
        train(&settings, &whole, false, &Control::default()).unwrap();
        // stopped at step 2 and on one thread from there
        let handle: Arc<std::sync::OnceLock<Control>> = Arc::default();
        let inner = handle.clone();
        let control = Control::with_listener(move |progress| {
            if progress.stage == "training, stage 1" && progress.done == 2 {
                inner.get().unwrap().stop();
            }
        });
        handle.set(control.clone()).unwrap();
        assert!(train(&settings, &parts, false, &control).unwrap_err().is_cancelled());
        train(&settings, &parts, true, &Control::default()).unwrap();
        let last = "checkpoints/last.safetensors";
        assert!(file(&whole, last) == file(&parts, last), "{preset}");
        let mut one = settings.clone();
        one.set_all(&["threads=1"]).unwrap();
        let alone = folder.path().join(format!("{preset}-alone"));
        train(&one, &alone, false, &Control::default()).unwrap();
        let weights = |run: &Path| {
            let mut file = clips::tensors::Tensors::open(&run.join(last)).unwrap();
            let names: Vec<String> = file.names().map(str::to_owned).collect();
            names.iter().map(|name| file.floats(name).unwrap()).collect::<Vec<Vec<f32>>>()
        };
        assert!(weights(&whole) == weights(&alone), "{preset} on one thread");

        let system = baselines::load(&whole.join(last)).unwrap();
        let corpus = corpus();
        let entry = &corpus.clips(Split::Val)[0];
        let mut speaker = corpus_speaker(&corpus, entry).unwrap();
        assert!(speaker.video.is_some(), "a corpus with video carries it along");
        speaker.cut(20);
        let answer = |speaker: &Streams| {
            let request = Request { samples: 2, ..Request::default() };
            system.generate(&entry.id, speaker, &request, &Control::default())
        };
        let before = DECODED.load(Ordering::Relaxed);
        let takes = answer(&speaker).unwrap();
        assert!(takes.len() == 2 && takes[0].attributes.len() == 20);
        assert!(takes[0].attributes != takes[1].attributes);
        assert!(DECODED.load(Ordering::Relaxed) >= before + 20);
        // what is seen matters, and attributes do not
        let blind = Streams { attributes: None, ..speaker.clone() };
        assert_eq!(answer(&blind).unwrap()[0].attributes, takes[0].attributes);
        let other =
            Streams { video: corpus.clips(Split::Val)[1].read_speaker().unwrap().video, ..speaker.clone() };
        assert!(answer(&other).unwrap()[0].attributes != takes[0].attributes);
        let fault = answer(&Streams { video: None, ..speaker.clone() }).unwrap_err();
        assert_eq!(fault.kind, FaultKind::MissingModality);
        assert!(fault.to_string().contains(&entry.id) && fault.remedy.contains("Video_files"), "{fault}");
        let gone = Footage::new(VideoFiles::Mp4("gone".into()));
        let fault = answer(&Streams { video: Some(gone), ..speaker }).unwrap_err();
        assert!(fault.kind == FaultKind::NotFound && fault.to_string().contains("gone"), "{fault}");
    }
}

#[test]
fn regnn_learns_and_answers_from_ready_made_features() {
    baselines::lessons::register();
    let mut settings = Settings::preset("regnn", Some("official-vggish")).unwrap();
    let small = [
        "network.frames=20",
        "network.stride=10",
        "network.perceptual.video=6",
        "network.perceptual.audio=5",
        "network.perceptual.width=8",
        "network.perceptual.heads=2",
        "network.perceptual.out=8",
        "network.convert=8",
        "network.perceptual.cross_layers=1",
        "network.perceptual.memory_layers=1",
        "batch=3",
        "stage1_steps=3",
        "validate_clips=0",
    ];
    settings.set_all(&small).unwrap();
    let run = tempfile::tempdir().unwrap();
    train(&settings, run.path(), false, &Control::default()).unwrap();
    let system = baselines::load(&run.path().join("checkpoints/last.safetensors")).unwrap();
    assert!(!system.hears());
    let corpus = corpus();
    let entry = &corpus.clips(Split::Val)[0];
    let speaker = corpus_speaker(&corpus, entry).unwrap();
    let answer =
        |speaker: &Streams| system.generate(&entry.id, speaker, &Request::default(), &Control::default());
    let takes = answer(&speaker).unwrap();
    assert_eq!(takes[0].attributes.len(), 100);
    let others = corpus.clips(Split::Val)[1].read_speaker().unwrap();
    let other = Streams { given: others.given, ..speaker.clone() };
    assert!(answer(&other).unwrap()[0].attributes != takes[0].attributes);
    let without = Streams { attributes: others.attributes, sound: None, ..speaker.clone() };
    assert_eq!(answer(&without).unwrap()[0].attributes, takes[0].attributes);
    let fault = answer(&Streams { given: Given::default(), ..speaker }).unwrap_err();
    assert!(fault.to_string().contains(&entry.id) && fault.remedy.contains("Video_features"), "{fault}");
    // the sizes of the files are those of the preset
    settings.set_all(&["network.perceptual.video=768"]).unwrap();
    let fault = train(&settings, &run.path().join("wide"), false, &Control::default()).unwrap_err();
    assert!(fault.kind == FaultKind::WrongShape && fault.to_string().contains("Video_features"), "{fault}");
}

#[test]
fn the_loss_falls_on_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(
        "small-offline",
        &["stage1_steps=40", "watch_every=40", "stage1_rate=1e-2", "save_every=100"],
    );
    train(&settings, folder.path(), false, &Control::default()).unwrap();
    let text = std::fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
    let losses: Vec<f64> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["losses"]["total"].as_f64().unwrap()
        })
        .collect();
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    assert!(mean(&losses[30..]) < 0.8 * mean(&losses[..8]), "{losses:?}");
}

fn system(window: Option<usize>) -> Arc<dyn System> {
    clips::footage::register(open);
    let config = trans_vae::Config::preset("small-offline").unwrap();
    let settings = baselines::Settings::TransVae(trans_vae::Config { width: 8, heads: 2, window, ..config });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.safetensors");
    let (_, parameters) = settings.build(&mut Fresh { seed: 5 }).unwrap();
    save(&path, &settings, &parameters, &BTreeMap::new()).unwrap();
    baselines::load(&path).unwrap()
}

fn speaker(video: &str, frames: usize) -> Streams {
    let samples: Vec<f32> = (0..frames * 640).map(|at| 0.3 * (at as f32 * 0.05).sin()).collect();
    Streams {
        sound: Some(Waveform { rate: 16_000, channels: 1, samples: samples.into() }),
        video: Some(Footage::new(VideoFiles::Mp4(video.into()))),
        ..Streams::default()
    }
}

fn ask(system: &dyn System, video: &str, track: Track) -> Take {
    let request = Request { track, ..Request::default() };
    let mut takes = system.generate("clip", &speaker(video, 24), &request, &Control::default()).unwrap();
    takes.remove(0)
}

#[test]
fn online_a_window_sees_pictures_up_to_its_own_end_and_offline_all_of_them() {
    let online = system(Some(8));
    for (one, two, same) in [("a12a", "a12b", 8), ("a16a", "a16b", 16), ("a0b", "a0c", 0)] {
        let (one, two) = (ask(&*online, one, Track::Online), ask(&*online, two, Track::Online));
        assert_eq!(one.attributes[..same], two.attributes[..same], "{same}");
        assert!(one.attributes[same..same + 8] != two.attributes[same..same + 8], "{same}");
    }
    let offline = system(None);
    let (one, two) = (ask(&*offline, "a16a", Track::Offline), ask(&*offline, "a16b", Track::Offline));
    assert!(one.attributes[0] != two.attributes[0]);
    let request = Request { track: Track::Online, ..Request::default() };
    assert!(offline.generate("clip", &speaker("a0a", 24), &request, &Control::default()).is_err());
}

#[test]
fn a_corpus_without_video_is_refused_with_its_first_clip_and_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("unseen");
    let config =
        synth::Config { clips: Some(2), held_out: Some(2), seconds: 4.0, seed: 1, ..Default::default() };
    synth::write(&config, &root, &Control::default()).unwrap();
    let unseen = Corpus::open(&root, &Control::default()).unwrap();
    let fault = settings("small-offline", &[])
        .train(&Plain, &unseen, &folder.path().join("run"), false, &Control::default())
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::MissingModality);
    for words in ["train/NoXI/001_synthetic", "no video"] {
        assert!(fault.to_string().contains(words), "{words}: {fault}");
    }
    assert!(fault.remedy.contains("small-attributes") && fault.remedy.contains("--video"), "{fault}");
    // faces are drawn for corpora of ours alone
    std::fs::remove_file(root.join("SYNTHETIC.txt")).unwrap();
    assert_eq!(synth::film(&root, &Control::default()).unwrap_err().kind, FaultKind::Mismatch);
}
