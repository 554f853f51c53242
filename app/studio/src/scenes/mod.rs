//! The real studio drawn off-screen: for `backchannel screenshot`, the pictures of the README, and the cost of a
//! frame. No window, no display; a graphics driver (a software one will do) is needed.

mod plays;
mod stage;
mod training;

use std::path::Path;

use clips::arkit::FaceSource;
use clips::corpus::Split;
use clips::{Fault, FaultKind, Result};
use listener::Naive;

use crate::commands::Command;
use crate::evaluate::{Card, Do, Focus};
use crate::library::ClipKey;
use crate::overlay::Overlay;
use crate::theme::Theme;
use crate::tracks::Track;
use plays::{
    check, compare, compare_average, compare_cameras, compare_fault, compare_hearing, compare_hover,
    compare_lanes, compare_loading, compare_people, compare_sixteen, compare_sound_only, compare_systems,
    compare_trails, compare_video, compare_zoom, evaluate, evaluate_empty, face, latents, messages, over,
    overlaid, present,
};
use stage::Stage;
pub use training::train_frame_cost;
use training::{train, train_compare, train_empty};

/// Brings a stage into the state of a scene.
type Prepare = fn(&mut Stage) -> Result<()>;

/// What can be drawn, with the state it shows.
const SCENES: [(&str, Prepare); 35] = [
    ("compare", compare),
    ("compare-empty", |_| Ok(())),
    ("compare-loading", compare_loading),
    ("compare-sound-only", compare_sound_only),
    ("compare-sixteen", compare_sixteen),
    ("compare-fault", compare_fault),
    ("compare-hover", compare_hover),
    ("compare-zoom", compare_zoom),
    ("compare-hearing", compare_hearing),
    ("compare-video", compare_video),
    ("compare-lanes", compare_lanes),
    ("compare-average", compare_average),
    ("compare-systems", compare_systems),
    ("present", |stage| present(stage, false)),
    ("present-one", |stage| present(stage, true)),
    ("palette", |stage| over(stage, Command::Palette)),
    ("help", |stage| over(stage, Command::Help)),
    ("messages", messages),
    ("check", check),
    ("evaluate", |stage| evaluate(stage, &[])),
    ("evaluate-difference", |stage| evaluate(stage, &[Do::Card(Card::Difference), Do::Move(0, 1)])),
    ("evaluate-beyond", |stage| evaluate(stage, &[Do::Beyond, Do::Published, Do::Card(Card::Reliability)])),
    ("evaluate-empty", evaluate_empty),
    ("latents", latents),
    ("compare-difference", |stage| overlaid(stage, Overlay::Difference)),
    ("compare-chosen", |stage| overlaid(stage, Overlay::Chosen)),
    ("compare-units", |stage| overlaid(stage, Overlay::Regions)),
    ("compare-trails", compare_trails),
    ("compare-cameras", compare_cameras),
    ("compare-people", compare_people),
    ("face", |stage| face(stage, FaceSource::Attributes)),
    ("face-blendshapes", |stage| face(stage, FaceSource::Coefficients)),
    ("train", train),
    ("train-compare", train_compare),
    ("train-empty", train_empty),
];

/// Names of all scenes.
pub fn list() -> Vec<&'static str> {
    SCENES.iter().map(|(name, _)| *name).collect()
}

/// Draws a scene into a PNG file.
///
/// # Errors
/// [`FaultKind::BadRequest`] for an unknown scene, [`FaultKind::Unsupported`] without a graphics driver,
/// [`FaultKind::NotWritable`] when the file cannot be written; and what the demo's workers say.
pub fn screenshot(scene: &str, size: [u32; 2], theme: Theme, out: &Path) -> Result<()> {
    let Some((_, prepare)) = SCENES.iter().find(|(name, _)| *name == scene) else {
        return Err(Fault::new(FaultKind::BadRequest, "", format!("there is no scene {scene}"))
            .remedy(format!("choose from: {}", list().join(", "))));
    };
    let mut stage = Stage::new(size, theme)?;
    prepare(&mut stage)?;
    // Panels need a few frames to find their sizes and to draw the last faces.
    for _ in 0..4 {
        stage.frame();
    }
    stage.picture(out)
}

/// Cost of a window frame on the interface thread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameCost {
    /// Half of the frames cost less, in milliseconds.
    pub median_ms: f64,
    /// 95 of 100 frames cost less, in milliseconds.
    pub p95_ms: f64,
    /// Frames measured.
    pub frames: usize,
    /// The device is a program on the processor. What it does with the faces is then counted as the device's, as it
    /// would be on a real one.
    pub software_device: bool,
}

/// Measures our own share of `frames` frames of a playing Compare screen with 8 faces, speaker and listener and 12
/// tracks: everything between the begin and the end of the user interface code, without painting the window. With a
/// software device the drawing of faces is left out, because there it runs on the same processor.
///
/// # Errors
/// As [`screenshot`].
pub fn frame_cost(frames: usize) -> Result<FrameCost> {
    let mut stage = Stage::new([1440, 900], Theme::Dark)?;
    compare(&mut stage)?;
    stage.studio.playback.set_loop(None);
    let software_device = stage.studio.faces.software();
    for track in Track::all().filter(|track| matches!(track, Track::Attribute(_))) {
        if stage.studio.state.tracks.len() < 12 {
            stage.act(Command::AddTrack(track));
        }
    }
    for _ in 0..8 {
        stage.frame();
    }
    if software_device {
        // Every picture waits for a later frame that never comes; all the rest of the work is done.
        stage.studio.faces.hold(true);
    }
    let mut costs: Vec<f64> = (0..frames.max(1))
        .map(|step| {
            stage.studio.playback.seek(step % stage.studio.state.frames().max(1));
            stage.frame();
            // What the device still has to draw is not ours to wait for, nor to be slowed down by.
            stage.wait();
            stage.spent.as_secs_f64() * 1e3
        })
        .collect();
    costs.sort_by(f64::total_cmp);
    let at = |share: f64| costs[((costs.len() - 1) as f64 * share).round() as usize];
    Ok(FrameCost { median_ms: at(0.5), p95_ms: at(0.95), frames: costs.len(), software_device })
}

/// How fast a wall plays.
#[derive(Debug, Clone, PartialEq)]
pub struct Playing {
    /// Whole window frames a second: our code, the faces and the painting of the window, one after the other.
    pub frames_per_second: f64,
    /// Of a frame, our code, the faces and, on a software device, whatever else has changed.
    pub changes: Spent,
    /// Of a frame, painting the window.
    pub window: Spent,
    /// How the faces were drawn.
    pub quality: face::Quality,
    /// What draws.
    pub adapter: String,
}

/// What a part of a frame takes on average, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Until it was done.
    pub wall_ms: f64,
    /// Of all threads of this program, a software device included; 0 where the system does not say.
    pub processor_ms: f64,
}

impl Spent {
    fn add(&mut self, work: impl FnOnce()) {
        let (begun, before) = (std::time::Instant::now(), processor_ms());
        work();
        self.wall_ms += begun.elapsed().as_secs_f64() * 1e3;
        self.processor_ms += processor_ms() - before;
    }

    fn over(self, frames: f64) -> Self {
        Self { wall_ms: self.wall_ms / frames, processor_ms: self.processor_ms / frames }
    }
}

/// Processor time of this program so far.
fn processor_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // user and system time, in hundredths of a second, are the 12th and 13th field after the name
    let after = text.rsplit(')').next().unwrap_or_default();
    after.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>()
        * 10.0
}

/// Measures a Compare screen of 1280 x 800 that plays, with 8 reactions, speaker and listener, every face another in every
/// frame: `frames` whole frames at a time, the quickest of three times. Painter and quality are those of a window.
///
/// # Errors
/// As [`screenshot`].
pub fn playing(frames: usize) -> Result<Playing> {
    let mut stage = Stage::as_window([1280, 800], Theme::Dark)?;
    compare(&mut stage)?;
    stage.studio.playback.set_loop(None);
    stage.studio.playback.seek(0);
    stage.studio.face_budget = Some(crate::app::FACE_BUDGET);
    stage.act(Command::PlayPause);
    let canvas = stage.canvas();
    let mut play = |count: usize| {
        let (mut changes, mut window) = (Spent::default(), Spent::default());
        for _ in 0..count {
            let frame = 1.0 / f64::from(clips::time::FRAMES_PER_SECOND);
            stage.studio.playback.transport().advance(std::time::Duration::from_secs_f64(frame));
            changes.add(|| {
                stage.frame();
                stage.wait();
            });
            window.add(|| {
                stage.paint(&canvas);
                stage.wait();
            });
        }
        (changes.over(count as f64), window.over(count as f64))
    };
    play(4);
    let wall = |(changes, window): &(Spent, Spent)| changes.wall_ms + window.wall_ms;
    let mut best = play(frames.max(1));
    for _ in 0..2 {
        let again = play(frames.max(1));
        if wall(&again) < wall(&best) {
            best = again;
        }
    }
    Ok(Playing {
        frames_per_second: 1e3 / wall(&best),
        changes: best.0,
        window: best.1,
        quality: stage.studio.faces.quality(),
        adapter: stage.gpu.adapter.get_info().name,
    })
}

/// What the table of Evaluate costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TableCost {
    /// Systems in the table.
    pub systems: usize,
    /// Clips of each.
    pub clips: usize,
    /// Columns of the table.
    pub measures: usize,
    /// Half of the frames cost less, in milliseconds.
    pub median_ms: f64,
    /// 95 of 100 frames cost less, in milliseconds.
    pub p95_ms: f64,
}

/// Measures our own share of `frames` frames of an Evaluate screen with 8 systems over 288 clips, every measure and the
/// published rows; every tenth frame the chosen cell moves on, and the pictures of it are drawn anew.
///
/// # Errors
/// As [`screenshot`].
pub fn table_cost(frames: usize) -> Result<TableCost> {
    let mut stage = Stage::new([1920, 1080], Theme::Dark)?;
    plays::study_of(&mut stage, 480, 1, &[Naive::MeanSequence, Naive::Truth])?;
    stage.act(Command::Do(Do::Beyond));
    let Some(board) = stage.studio.state.evaluate.board.clone() else {
        return Err(Fault::new(FaultKind::Internal, "", "the study has no table"));
    };
    for _ in 0..8 {
        stage.frame();
    }
    let columns = stage.studio.state.evaluate.columns();
    let mut costs: Vec<f64> = (0..frames.max(1))
        .map(|step| {
            if step % 10 == 0 {
                let (row, column) = (step / 10 % board.rows.len(), columns[step / 10 % columns.len()]);
                stage.act(Command::Do(Do::Focus(Focus { row, column })));
            }
            stage.frame();
            stage.wait();
            stage.spent.as_secs_f64() * 1e3
        })
        .collect();
    costs.sort_by(f64::total_cmp);
    let at = |share: f64| costs[((costs.len() - 1) as f64 * share).round() as usize];
    Ok(TableCost {
        systems: board.rows.len(),
        clips: board.clips,
        measures: columns.len(),
        median_ms: at(0.5),
        p95_ms: at(0.95),
    })
}

/// What a long list costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ListCost {
    /// Rows of the list.
    pub rows: usize,
    /// Half of the frames cost less while the list scrolls from end to end, in milliseconds.
    pub median_ms: f64,
    /// 95 of 100 frames cost less, in milliseconds.
    pub p95_ms: f64,
    /// Searching all rows for a word, as every key in the search field does, in milliseconds.
    pub search_ms: f64,
}

/// Measures our own share of `frames` frames of a Compare screen whose list scrolls through all clips of a corpus.
///
/// # Errors
/// As [`screenshot`], and what opening the corpus says.
pub fn list_cost(corpus: &Path, frames: usize) -> Result<ListCost> {
    let mut stage = Stage::new([1440, 900], Theme::Dark)?;
    compare(&mut stage)?;
    stage.act(Command::Open(corpus.to_owned()));
    stage.wait_for_workers(false)?;
    stage.act(Command::Shelf(None));
    stage.studio.faces.hold(true);
    let keys: Vec<ClipKey> = stage.studio.state.library.rows.iter().map(|row| row.key).collect();
    if keys.is_empty() || !keys.iter().any(|key| matches!(key, ClipKey::Corpus(Split::Train, _))) {
        return Err(Fault::new(FaultKind::Empty, corpus, "no clips to scroll through"));
    }
    let mut costs: Vec<f64> = (0..frames.max(2))
        .map(|step| {
            stage.studio.state.chosen_clip = Some(keys[step * (keys.len() - 1) / (frames.max(2) - 1)]);
            stage.studio.memory.reveal_clip = true;
            stage.frame();
            stage.wait();
            stage.spent.as_secs_f64() * 1e3
        })
        .collect();
    costs.sort_by(f64::total_cmp);
    let at = |share: f64| costs[((costs.len() - 1) as f64 * share).round() as usize];
    let begun = std::time::Instant::now();
    stage.act(Command::Search("novice 7".to_owned()));
    let search_ms = begun.elapsed().as_secs_f64() * 1e3;
    Ok(ListCost { rows: keys.len(), median_ms: at(0.5), p95_ms: at(0.95), search_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lower middle of a Compare screen, where the tracks are, and how many pictures of them were painted so far.
    fn tracks(stage: &mut Stage, out: &Path) -> (image::RgbImage, u64) {
        for _ in 0..3 {
            stage.frame();
        }
        stage.picture(out).unwrap();
        let picture = image::open(out).unwrap().to_rgb8();
        let [width, height] = [picture.width(), picture.height()];
        let part =
            image::imageops::crop_imm(&picture, width / 4, height * 55 / 100, width / 2, height * 2 / 5);
        (part.to_image(), stage.studio.sheets.drawn())
    }

    #[test]
    fn pictures_of_tracks_look_as_their_lines_do_and_a_moving_playhead_leaves_them_alone() {
        let mut stage = match Stage::new([1440, 900], Theme::Dark) {
            Err(fault) if fault.to_string().contains("no graphics device") => {
                eprintln!("skipped: {fault}");
                return;
            }
            stage => stage.unwrap(),
        };
        compare(&mut stage).unwrap();
        stage.studio.faces.hold(true);
        let folder = tempfile::tempdir().unwrap();
        for scale in [1.0, 1.5] {
            stage.ctx.set_pixels_per_point(scale);
            let out = folder.path().join("tracks.png");
            let (shown, drawn) = tracks(&mut stage, &out);
            assert!(drawn > 3, "{drawn} pictures of tracks");
            stage.studio.playback.seek(stage.studio.playback.frame() + 1);
            stage.frame();
            assert_eq!(stage.studio.sheets.drawn(), drawn);
            stage.studio.playback.seek(stage.studio.playback.frame() - 1);
            // the slow twin: every line painted into the window
            let sheets = std::mem::take(&mut stage.studio.sheets);
            let (lines, none) = tracks(&mut stage, &out);
            assert_eq!(none, 0);
            stage.studio.sheets = sheets;
            let apart = shown.as_raw().iter().zip(lines.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(apart.unwrap() <= 2, "{apart:?} levels at {scale} pixels a point");
            // something is there to be compared
            let ink = lines.pixels().filter(|pixel| pixel.0.iter().any(|value| *value > 150)).count();
            assert!(ink > 500, "{ink} bright pixels");
            // another zoom is another picture
            stage.act(Command::View(crate::tracks::View { first: 100.0 * f64::from(scale), last: 400.0 }));
            stage.frame();
            assert!(stage.studio.sheets.drawn() > drawn);
        }
    }
}
