//! Scenes of the Train workspace. What they show are real runs: a small corpus is written and two small networks are
//! trained on it when a scene is drawn for the first time; the runs stay in the folder for temporary files, so that the
//! next scene need not wait for them.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clips::corpus::Corpus;
use clips::{Control, Fault, FaultKind, Result};
use egui::Pos2;
use training::Config;

use super::FrameCost;
use super::plays::compare;
use super::stage::{PATIENCE, Stage};
use crate::commands::Command;
use crate::state::Workspace;
use crate::theme::Theme;
use crate::train::Do;

/// The runs, oldest first: name, and what differs from the preset beside the lengths.
const RUNS: [(&str, &[&str]); 2] =
    [("tiny-01", &["weight_usage=0", "stage2_rate=0.0007", "seed=2"]), ("tiny-02", &[])];
/// Lengths that a scene can wait for.
const LENGTHS: [&str; 4] = ["stage1_steps=60", "stage2_steps=240", "watch_every=20", "save_every=40"];

fn config(changes: &[&str]) -> Result<Config> {
    let mut config = Config::tiny();
    for change in LENGTHS.iter().chain(changes) {
        config.set(change)?;
    }
    Ok(config)
}

/// The folder of the runs, trained now where they are not there yet.
fn recorded() -> Result<PathBuf> {
    let home = std::env::temp_dir().join("backchannel-training");
    let root = home.join("runs");
    for (name, changes) in RUNS {
        let (folder, config) = (root.join(name), config(changes)?);
        let same = std::fs::read_to_string(folder.join("config.toml"))
            .is_ok_and(|text| config.to_toml().is_ok_and(|own| own == text));
        let over = std::fs::read_to_string(folder.join("log.txt")).is_ok_and(|text| text.contains("done in"));
        if same && over {
            continue;
        }
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(|error| Fault::write(&folder, &error))?;
        }
        let corpus = home.join("corpus");
        if !corpus.exists() {
            let written =
                clips::synth::Config { clips: Some(80), seconds: 4.0, seed: 2, ..Default::default() };
            clips::synth::write(&written, &corpus, &Control::default())?;
        }
        let corpus = Corpus::open(&corpus, &Control::default())?;
        training::train(&config, &corpus, &folder, false, &Control::default())?;
    }
    Ok(root)
}

/// A run from its first step to its last, with its checkpoints.
pub fn train(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    look_at(stage, &recorded()?, RUNS[1].0)
}

fn look_at(stage: &mut Stage, root: &Path, name: &str) -> Result<()> {
    stage.studio.state.train.root = Some(root.to_owned());
    stage.act(Command::Show(Workspace::Train));
    stage.settle()?;
    stage.act(Command::Train(Do::Choose(root.join(name))));
    let begun = Instant::now();
    while stage.studio.state.train.run().is_none() {
        stage.settle()?;
        if begun.elapsed() > PATIENCE {
            return Err(Fault::new(FaultKind::Internal, root, "the run was not read in time"));
        }
    }
    // The preview is asked for once the run is there.
    for _ in 0..3 {
        stage.settle()?;
    }
    let frames = stage.studio.state.train.frames();
    stage.act(Command::Train(Do::Frame(frames / 2)));
    Ok(())
}

/// Two runs over each other, and the settings that differ; the pointer on a curve.
pub fn train_compare(stage: &mut Stage) -> Result<()> {
    train(stage)?;
    let root = recorded()?;
    stage.act(Command::Train(Do::Compare(root.join(RUNS[0].0))));
    for _ in 0..3 {
        stage.settle()?;
    }
    let [width, height] = stage.size.map(|side| side as f32);
    stage.pointer = Some(Pos2::new(width * 0.5, height * 0.32));
    Ok(())
}

/// The workspace before there is any run.
pub fn train_empty(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    stage.studio.state.library.corpus = None;
    stage.act(Command::Show(Workspace::Train));
    stage.settle()
}

/// Measures our own share of `frames` frames of a Train screen with a run of 30,000 steps (numbers made up for the purpose),
/// of which every fourth draws all curves anew, as when the run grows.
///
/// # Errors
/// As [`super::screenshot`].
pub fn train_frame_cost(frames: usize) -> Result<FrameCost> {
    let home = std::env::temp_dir().join(format!("backchannel-train-bench-{}", std::process::id()));
    let folder = home.join("long");
    std::fs::create_dir_all(&folder).map_err(|error| Fault::write(&folder, &error))?;
    let measured = measure(&home, &folder, frames);
    // Files that are left behind harm nobody.
    std::fs::remove_dir_all(&home).ok();
    measured
}

fn measure(home: &Path, folder: &Path, frames: usize) -> Result<FrameCost> {
    let mut text = String::new();
    for step in 1..=30_000u32 {
        let loss = 8.0 / f64::from(step).sqrt() + 0.2 * (f64::from(step) * 12.9898).sin().abs();
        text += &format!(
            "{{\"stage\":1,\"step\":{step},\"epoch\":{e},\"seconds\":{step},\"losses\":{{\"total\":{loss},\"rm\":{loss}}},\"streams\":[{loss},{loss},{loss},{loss}],\"rm_right\":0.5",
            e = f64::from(step) / 100.0
        );
        if step % 50 == 0 {
            text += &format!(
                ",\"watch\":{{\"usage\":4,\"clg\":{loss},\"posterior\":[0.1,0.2,0.1,0.1,0.1,0.2,0.1,0.1]}}"
            );
        }
        text += "}\n";
    }
    clips::array::write_atomically(&folder.join("metrics.jsonl"), |file| {
        std::io::Write::write_all(file, text.as_bytes())
    })?;
    let config = Config::tiny().to_toml()?;
    clips::array::write_atomically(&folder.join("config.toml"), |file| {
        std::io::Write::write_all(file, config.as_bytes())
    })?;
    let mut stage = Stage::new([1440, 900], Theme::Dark)?;
    let software_device = stage.studio.faces.software();
    look_at(&mut stage, home, "long")?;
    let mut costs: Vec<f64> = (0..frames.max(1))
        .map(|frame| {
            if frame % 4 == 0 {
                stage.act(Command::Train(Do::Smoothing(0.8 + 0.1 * (frame % 8) as f32 / 8.0)));
            }
            stage.frame();
            stage.wait();
            stage.spent.as_secs_f64() * 1e3
        })
        .collect();
    costs.sort_by(f64::total_cmp);
    let at = |share: f64| costs[((costs.len() - 1) as f64 * share).round() as usize];
    Ok(FrameCost { median_ms: at(0.5), p95_ms: at(0.95), frames: costs.len(), software_device })
}
