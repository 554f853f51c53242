//! The synthetic corpus: repeatable, lawful, and readable as what it says it is.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clips::corpus::{Corpus, Split};
use clips::synth::{Config, Statistics, world, write};
use clips::{Control, FaultKind};

const SMALL: Config = Config { clips: Some(48), seconds: 8.0, held_out: None, seed: 1, steady_people: false };

/// One corpus for every test that only reads; it lies among the build's files and is written over next time.
fn shared() -> &'static (PathBuf, Statistics) {
    static SHARED: OnceLock<(PathBuf, Statistics)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("synthetic-corpus");
        let statistics = write(&SMALL, &root, &Control::default()).unwrap();
        (root, statistics)
    })
}

fn open() -> Corpus {
    Corpus::open(&shared().0, &Control::default()).unwrap()
}

fn bytes(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(root).unwrap().to_string_lossy().into_owned();
                all.insert(name, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    all
}

#[test]
fn the_same_seed_gives_the_same_bytes_whatever_the_thread_count() {
    let (again, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = bytes(&shared().0);
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(|| {
        write(&SMALL, again.path(), &Control::default()).unwrap();
    });
    assert!(first == bytes(again.path()));
    write(&Config { clips: Some(8), seed: 2, ..SMALL }, other.path(), &Control::default()).unwrap();
    let name = "train/3D_FV_files/NoXI/001_synthetic/Expert_video/1.npy";
    assert!(first[name] != bytes(other.path())[name], "the seed reaches the files");
}

#[test]
fn matrices_are_symmetric_with_a_unit_diagonal_and_templates_stay_in_their_split() {
    let corpus = open();
    assert_eq!(corpus.faults(), []);
    let truth = corpus.intents().unwrap().unwrap();
    for split in Split::ALL {
        let rows = corpus.neighbours(split).unwrap().unwrap().rows;
        assert_eq!(rows.len(), corpus.clips(split).len());
        let template: HashMap<usize, usize> =
            truth.iter().filter(|row| row.split == split).map(|row| (row.row, row.template)).collect();
        for (row, columns) in rows.iter().enumerate() {
            assert!(columns.contains(&(row as u32)));
            for column in columns {
                assert!(rows[*column as usize].contains(&(row as u32)), "{row} {column}");
                assert_eq!(template.get(&row), template.get(&(*column as usize)));
            }
        }
    }
    let full = clips::array::read_npy(&shared().0.join("Approprirate_facial_reaction.npy")).unwrap();
    let rows: usize = Split::ALL.iter().map(|split| corpus.clips(*split).len()).sum();
    assert_eq!(full.shape, [rows, rows]);
}

#[test]
fn one_stimulus_has_several_intents_and_all_of_them_suit_its_class() {
    let truth = open().intents().unwrap().unwrap();
    let mut intents: HashMap<(Split, usize), HashSet<usize>> = HashMap::new();
    for row in &truth {
        assert!(world::appropriate(row.class).contains(&row.intent));
        intents.entry((row.split, row.template)).or_default().insert(row.intent);
    }
    let several = intents.values().filter(|set| set.len() > 1).count();
    assert!(several * 2 > intents.len(), "{several} of {}", intents.len());
}

#[test]
fn attributes_are_legal_and_the_coefficients_are_raw_tracker_output() {
    let corpus = open();
    let mean = corpus.mean_face().unwrap();
    for entry in corpus.clips(Split::Val) {
        let streams = entry.listener.read().unwrap();
        let (attributes, coefficients) = (streams.attributes.unwrap(), streams.coefficients.unwrap());
        assert_eq!((attributes.len(), coefficients.len()), (200, 200));
        assert!(clips::pose::is_raw(&coefficients));
        for row in &attributes {
            assert!(row[..15].iter().all(|value| *value == 0.0 || *value == 1.0));
            assert!(row[15..17].iter().all(|value| value.abs() <= 1.0));
            assert!((row[17..].iter().sum::<f32>() - 1.0).abs() < 1e-4);
        }
        assert!(coefficients.iter().all(|row| row[..52].iter().all(|value| *value >= 0.0)));
        let turned = coefficients.iter().map(|row| (row[53] - mean[53]).abs()).fold(0.0, f32::max);
        assert!(turned < 0.3, "heads turn a few degrees, not {turned} rad");
    }
}

/// Power of the head's pitch at a frequency, by a plain sum.
fn power(pitch: &[f32], hertz: f32) -> f32 {
    let mean = pitch.iter().sum::<f32>() / pitch.len() as f32;
    let angle = |t: usize| std::f32::consts::TAU * hertz * t as f32 / 25.0;
    let along = |wave: fn(f32) -> f32| {
        pitch.iter().enumerate().map(|(t, p)| (p - mean) * wave(angle(t))).sum::<f32>()
    };
    (along(f32::cos).powi(2) + along(f32::sin).powi(2)) / pitch.len() as f32
}

#[test]
fn a_nod_moves_the_head_at_two_hertz_and_a_laugh_at_four() {
    let corpus = open();
    let mut seen = HashSet::new();
    for row in corpus.intents().unwrap().unwrap() {
        if !["nod", "laugh"].contains(&world::INTENTS[row.intent]) {
            continue;
        }
        let entry = &corpus.clips(row.split)[row.row];
        let pitch: Vec<f32> =
            entry.listener.read().unwrap().coefficients.unwrap().iter().map(|frame| frame[52]).collect();
        let (two, four) = (power(&pitch, 2.0), power(&pitch, 4.0));
        match world::INTENTS[row.intent] {
            "nod" => assert!(two > 4.0 * four, "{two} {four}"),
            _ => assert!(four > 4.0 * two, "{two} {four}"),
        }
        seen.insert(row.intent);
    }
    assert_eq!(seen.len(), 2);
}

#[test]
fn the_speakers_jaw_follows_the_loudness() {
    let corpus = open();
    for row in corpus.intents().unwrap().unwrap().iter().filter(|row| row.split == Split::Test) {
        let speaker = &corpus.clips(row.split)[row.row].speaker;
        let jaw: Vec<f64> =
            speaker.read().unwrap().coefficients.unwrap().iter().map(|frame| f64::from(frame[24])).collect();
        let mut wav = hound::WavReader::open(speaker.sound.as_ref().unwrap()).unwrap();
        let rate = wav.spec().sample_rate;
        let samples: Vec<f64> = wav.samples::<i16>().map(|sample| f64::from(sample.unwrap())).collect();
        let loud: Vec<f64> = (0..jaw.len())
            .map(|t| {
                let (a, b) =
                    (clips::time::sample_of_frame(t, rate), clips::time::sample_of_frame(t + 1, rate));
                (samples[a..b].iter().map(|x| x * x).sum::<f64>() + 1.0).ln()
            })
            .collect();
        let r = correlation(&jaw, &loud);
        assert!(r > 0.3, "{}: {r}", speaker.name);
    }
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let covariance: f64 = a.iter().zip(b).map(|(x, y)| (x - ma) * (y - mb)).sum();
    let spread = |x: &[f64], m: f64| x.iter().map(|v| (v - m).powi(2)).sum::<f64>().sqrt();
    covariance / (spread(a, ma) * spread(b, mb)).max(1e-12)
}

#[test]
fn the_statistics_are_those_of_living_people() {
    let statistics = &shared().1;
    for split in &statistics.splits {
        for person in [&split.speaker, &split.listener] {
            assert!((8.0..=25.0).contains(&person.blinks_per_minute), "{person:?}");
            assert!((2.0..=40.0).contains(&person.head_degrees_per_second), "{person:?}");
            assert!(person.au_rates.iter().all(|rate| *rate < 0.7), "{person:?}");
            assert!(person.valence[1] > 0.03 && person.arousal[1] > 0.03, "{person:?}");
        }
        assert!(
            (0.3..=0.7).contains(&split.speaker.au_rates[13]),
            "talking parts the lips about half the time"
        );
    }
}

#[test]
fn a_foreign_folder_is_never_overwritten_and_a_stop_is_obeyed() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
    let fault = write(&Config::default(), dir.path(), &Control::default()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Mismatch);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    let empty = tempfile::tempdir().unwrap();
    let control = Control::default();
    control.stop();
    assert!(write(&Config::default(), empty.path(), &control).unwrap_err().is_cancelled());
    let wrong = Config { seconds: 1e9, ..Config::default() };
    assert_eq!(write(&wrong, empty.path(), &Control::default()).unwrap_err().kind, FaultKind::BadRequest);
}

/// Mean coefficients of the listeners of each intent while their answer is at its height, mean face subtracted.
fn faces_at_their_height(corpus: &Corpus) -> Vec<[f32; 58]> {
    let mean = corpus.mean_face().unwrap();
    let mut sums = vec![([0.0f32; 58], 0.0f32); world::INTENTS.len()];
    for row in corpus.intents().unwrap().unwrap() {
        let frames = corpus.clips(row.split)[row.row].read_listener().unwrap().coefficients.unwrap();
        let (sum, count) = &mut sums[row.intent];
        for begin in row.event_frames {
            for frame in frames.iter().skip(begin + 14).take(6) {
                *count += 1.0;
                for column in 0..58 {
                    sum[column] += frame[column] - mean[column];
                }
            }
        }
    }
    sums.into_iter().map(|(sum, count)| sum.map(|value| value / count.max(1.0))).collect()
}

#[test]
fn a_face_drawn_from_the_coefficients_shows_the_intent_it_has() {
    let faces = faces_at_their_height(&open());
    let level = |intent: &str, name: &str| {
        let intent = world::INTENTS.iter().position(|known| *known == intent).unwrap();
        faces[intent][clips::channels::blendshape(name).unwrap()]
    };
    for (intent, name, others) in [
        ("smile", "mouthSmileLeft", ["nod", "surprise", "frown", "neutral"]),
        ("laugh", "jawOpen", ["nod", "smile", "frown", "neutral"]),
        ("surprise", "browInnerUp", ["nod", "smile", "frown", "laugh"]),
        ("frown", "browDownRight", ["nod", "smile", "surprise", "laugh"]),
    ] {
        let own = level(intent, name);
        assert!(own > 0.3, "{intent}: {own}");
        for other in others {
            let there = level(other, name);
            assert!(own > 3.0 * there.max(0.0) + 0.1, "{intent} {own}, {other} {there}");
        }
    }
}

#[test]
fn a_larger_corpus_written_over_a_smaller_one_leaves_nothing_of_it() {
    let (reused, fresh) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = |clips, seed| Config { clips: Some(clips), seconds: 4.0, seed, ..Default::default() };
    write(&config(30, 1), reused.path(), &Control::default()).unwrap();
    for folder in [reused.path(), fresh.path()] {
        write(&config(12, 2), folder, &Control::default()).unwrap();
    }
    assert!(bytes(reused.path()) == bytes(fresh.path()));
    let file = fresh.path().join("train.csv");
    let fault = write(&config(2, 1), &file, &Control::default()).unwrap_err();
    assert!(!fault.remedy.is_empty() && fault.path.starts_with(&file), "{fault}");
}
