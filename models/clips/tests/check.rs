//! What a check finds: every planted fault, and nothing else.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::path::Path;

use clips::corpus::Corpus;
use clips::corpus::check::{CheckConfig, Finding, Severity, check, check_path};
use clips::synth::{Config, planted, write};
use clips::time::sample_of_frame;
use clips::{Control, Fault, FaultKind};

/// Loudness of 16-bit mono wav files; the command line brings the speech crate's.
fn loudness(path: &Path) -> clips::Result<Vec<f32>> {
    let wrong = |error: hound::Error| {
        Fault::new(FaultKind::Malformed, path, error.to_string()).remedy("cut it again")
    };
    let mut reader = hound::WavReader::open(path).map_err(wrong)?;
    let rate = reader.spec().sample_rate;
    let samples: Vec<f32> =
        reader.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32768.0).collect();
    let frames = clips::time::frames_in_samples(samples.len(), rate);
    Ok((0..frames)
        .map(|frame| {
            let part = &samples[sample_of_frame(frame, rate)..sample_of_frame(frame + 1, rate)];
            let power = part.iter().map(|sample| sample * sample).sum::<f32>() / part.len() as f32;
            (10.0 * power.log10()).max(-100.0)
        })
        .collect())
}

fn config() -> CheckConfig<'static> {
    CheckConfig {
        loudness: Some(&(loudness as fn(&Path) -> clips::Result<Vec<f32>>)),
        ..CheckConfig::default()
    }
}

#[test]
fn every_planted_fault_is_found_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let plants = planted(dir.path(), &Control::default()).unwrap();
    let report = check_path(dir.path(), &config(), &Control::default()).unwrap();
    for plant in &plants {
        let hit = |finding: &&Finding| {
            finding.fault.path == dir.path().join(plant.path) && finding.fault.kind == plant.kind
        };
        assert!(report.faults.iter().any(|finding| hit(&finding)), "not found: {plant:?}\n{report}");
    }
    for finding in &report.faults {
        let known = plants.iter().any(|plant| {
            finding.fault.path == dir.path().join(plant.path) && finding.fault.kind == plant.kind
        });
        assert!(known, "nobody planted this: {:?} {}", finding.severity, finding.fault);
        assert!(!finding.fault.remedy.is_empty() && !finding.fault.detail.is_empty(), "{finding:?}");
    }
    assert_eq!(report.clips, 9 * 2 + 2, "rows of both roles; the row out of the corpus is none");
    let silent = check_path(dir.path(), &CheckConfig::default(), &Control::default()).unwrap();
    let heard = |finding: &Finding| finding.fault.detail.contains("jaw");
    assert!(report.faults.iter().any(heard) && !silent.faults.iter().any(heard));
    assert!(report.faults.is_sorted_by_key(|finding| finding.severity));
}

#[test]
fn the_json_of_a_report_has_the_keys_that_scripts_read() {
    let dir = tempfile::tempdir().unwrap();
    write(
        &Config { clips: Some(2), seconds: 4.0, seed: 1, ..Default::default() },
        dir.path(),
        &Control::default(),
    )
    .unwrap();
    std::fs::write(dir.path().join("val/Emotion/._1.csv"), "junk").unwrap();
    let report = check_path(dir.path(), &config(), &Control::default()).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["clips"], 12);
    let [fault] = json["faults"].as_array().unwrap().as_slice() else { panic!("{json}") };
    assert!(fault["path"].as_str().unwrap().ends_with("._1.csv"));
    assert_eq!((&fault["kind"], &fault["severity"]), (&"junk".into(), &"note".into()));
    assert!(fault["detail"].is_string() && fault["remedy"].is_string());
}

#[test]
fn a_healthy_corpus_has_no_fault_and_a_checked_one_is_the_same_whatever_the_threads() {
    let dir = tempfile::tempdir().unwrap();
    write(
        &Config { clips: Some(6), seconds: 8.0, seed: 3, ..Default::default() },
        dir.path(),
        &Control::default(),
    )
    .unwrap();
    let corpus = Corpus::open(dir.path(), &Control::default()).unwrap();
    let report = check(&corpus, &config(), &Control::default()).unwrap();
    assert_eq!(report.faults, [], "{report}");
    assert_eq!(report.files, 10 * 2 * 3);
    for clip in 1..=3 {
        let path = dir.path().join(format!("train/Emotion/NoXI/001_synthetic/P1/{clip}.csv"));
        std::fs::write(path, "header\n1,2,3\n").unwrap();
    }
    let all = check(&corpus, &config(), &Control::default()).unwrap();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(one.install(|| check(&corpus, &config(), &Control::default()).unwrap().faults), all.faults);
    assert_eq!(all.count(Severity::Error), 3, "one bad clip never hides the others");
    for clip in 0..5 {
        std::fs::write(dir.path().join(format!("train/Emotion/._{clip}.csv")), "junk").unwrap();
    }
    std::fs::write(dir.path().join("val/Audio_files/._1.wav"), "junk").unwrap();
    let junk = check(&corpus, &config(), &Control::default()).unwrap();
    assert!(junk.to_string().contains("… and 1 more like these"), "{junk}");
    let long = junk.table(true);
    assert!(long.matches("AppleDouble").count() == 6 && long.matches("-delete").count() == 1, "{long}");
}

#[test]
fn a_jaw_follows_its_own_sound_and_not_a_strangers() {
    use clips::channels::blendshape;
    use clips::corpus::check::follows;
    let dir = tempfile::tempdir().unwrap();
    write(
        &Config { clips: Some(40), seconds: 30.0, seed: 5, ..Default::default() },
        dir.path(),
        &Control::default(),
    )
    .unwrap();
    let corpus = Corpus::open(dir.path(), &Control::default()).unwrap();
    let jaw = blendshape("jawOpen").unwrap();
    let mut talkers: Vec<(Vec<f32>, Vec<f32>)> = Vec::new();
    for row in corpus.clips(clips::corpus::Split::Train) {
        let level = loudness(row.speaker.sound.as_deref().unwrap()).unwrap();
        let rows = row.speaker.read().unwrap().coefficients.unwrap();
        let opening: Vec<f32> = rows.iter().map(|row| row[jaw]).collect();
        if follows(&opening, &level).is_some() {
            talkers.push((opening, level));
        }
    }
    assert_eq!(talkers.len(), 40, "one of two people talks; of a silent one nothing can be said");
    let own = |at: usize| follows(&talkers[at].0, &talkers[at].1).unwrap();
    let least = (0..40).map(own).fold(f32::INFINITY, f32::min);
    // sessions of one template speak the same text, so strangers are taken ten talkers (20 sessions) away
    let mut strangers: Vec<f32> =
        (0..40).filter_map(|at| follows(&talkers[at].0, &talkers[(at + 10) % 40].1)).collect();
    strangers.sort_by(f32::total_cmp);
    println!(
        "own at least {least:.2}; strangers {:.2} in the middle, {:.2} at most",
        strangers[20], strangers[39]
    );
    assert!(least > 0.5, "{least}");
    assert!(strangers[20] < 0.15, "{strangers:?}");
}

#[test]
fn a_stop_ends_a_check() {
    let dir = tempfile::tempdir().unwrap();
    write(
        &Config { clips: Some(2), seconds: 4.0, seed: 1, ..Default::default() },
        dir.path(),
        &Control::default(),
    )
    .unwrap();
    let control = Control::default();
    let corpus = Corpus::open(dir.path(), &control).unwrap();
    control.stop();
    assert!(check(&corpus, &CheckConfig::default(), &control).unwrap_err().is_cancelled());
}
