//! What each scene shows: the steps that bring a stage there.

use std::path::Path;
use std::time::{Duration, Instant};

use clips::arkit::FaceSource;
use clips::channels::VALENCE;
use clips::{Control, Fault, FaultKind, Result, Streams};
use egui::Pos2;
use listener::Naive;
use media::Transport;
use study::{Column, Draw};

use super::stage::{PATIENCE, Stage};
use crate::cameras::Turning;
use crate::commands::Command;
use crate::evaluate::{Choice, Do, Focus, Who};
use crate::explore::Do as Explore;
use crate::faces::Seat;
use crate::jobs::Slot;
use crate::lane::Painted;
use crate::library::ClipKey;
use crate::overlay::Overlay;
use crate::sliders::Do as Sliding;
use crate::state::{Clip, Reactions, Workspace};
use crate::tracks::{Heard, Track};
use crate::work::{self, Made};
use crate::{Options, Studio};

/// Where scenes stand: inside their loop, where the reactions differ most.
const LOOP: (usize, usize) = (205, 390);

/// The demo clip with all latents of the shipped system.
pub fn compare(stage: &mut Stage) -> Result<()> {
    let transport = Transport::manual();
    let gpu = stage.gpu.clone();
    let theme = stage.studio.state.theme;
    stage.studio = Studio::new(&stage.ctx, Some(gpu), &Options::default(), transport);
    stage.studio.face_budget = None;
    stage.studio.state.theme = theme;
    stage.studio.state.evaluate.cache = None;
    stage.studio.state.train.root = None;
    stage.studio.state.explore.keep_names = false;
    crate::theme::apply(&stage.ctx, theme);
    // A clip is read, then reactions are made, then the list's small pictures: each begins when the one before ends.
    for _ in 0..4 {
        stage.settle()?;
    }
    if stage.studio.state.reactions.all.is_empty() {
        return Err(Fault::new(
            FaultKind::Internal,
            "",
            "the shipped system made no reactions to the demo clip",
        ));
    }
    stage.act(Command::Loop(LOOP.0, LOOP.1));
    let frame = liveliest(&stage.studio.state.reactions, LOOP);
    stage.act(Command::Seek(frame));
    Ok(())
}

/// The frame of a passage at which the faces of the takes are farthest from their mean.
fn liveliest(reactions: &Reactions, (first, last): (usize, usize)) -> usize {
    let count = reactions.all.len().max(1) as f32;
    let spread = |frame: usize| -> f32 {
        let faces: Vec<face::Expression> =
            reactions.all.iter().map(|reaction| reaction.motion.at(frame)).collect();
        (0..face::SHAPES)
            .map(|shape| {
                let mean = faces.iter().map(|face| face.weights[shape]).sum::<f32>() / count;
                faces.iter().map(|face| (face.weights[shape] - mean).powi(2)).sum::<f32>()
            })
            .sum()
    };
    (first..last)
        .map(|frame| (frame, spread(frame)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(first, |best| best.0)
}

pub fn compare_loading(stage: &mut Stage) -> Result<()> {
    stage.studio.state.library.demos = speech::demo::clips().to_vec();
    stage.studio.state.library.refresh();
    stage.settle()?;
    stage.settle()?;
    stage.studio.state.chosen_clip = Some(ClipKey::Demo(0));
    stage.studio.jobs.start(Slot::Clip, "Reading the clip", |control| {
        while !control.stopped() {
            control.step(crate::text::STAGE_CLIP, 1, 3, "")?;
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(Fault::cancelled())
    });
    while stage.studio.jobs.in_slot(Slot::Clip).is_some_and(|job| job.progress().is_none()) {
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// The demo clip reduced to its sound, as any opened sound file is.
pub fn compare_sound_only(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    let state = &mut stage.studio.state;
    let Some(clip) = state.clip.take() else { return Ok(()) };
    let sound = clip.speaker.streams.sound.clone();
    let speaker = Streams { sound, ..Streams::default() };
    let clip = Clip {
        id: "interview.wav".to_owned(),
        synthetic: false,
        speaker: crate::state::Person::new(speaker),
        listener: None,
        key: ClipKey::File(0),
        ..clip
    };
    let row = state.systems[state.system].clone();
    if let Made::Reactions(reactions) = work::react(&row, &clip, &state.wishes, &Control::default())?.made {
        state.reactions = *reactions;
    }
    state.clip = Some(clip);
    state.library.files = vec!["interviews/interview.wav".into()];
    state.library.refresh();
    state.chosen_clip = Some(ClipKey::File(0));
    state.generation += 1;
    stage.studio.memory.sparklines.insert(ClipKey::File(0), None);
    stage.act(Command::BestLatent);
    let frame = liveliest(&stage.studio.state.reactions, LOOP);
    stage.act(Command::Seek(frame));
    Ok(())
}

/// Sixteen latents, the most there can be: two draws of the shipped system, numbered through.
pub fn compare_sixteen(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    let state = &mut stage.studio.state;
    let (Some(clip), Some(row)) = (&state.clip, state.systems.get(state.system)) else { return Ok(()) };
    let wishes = crate::state::Wishes { seed: 2, ..state.wishes.clone() };
    let Made::Reactions(second) = work::react(row, clip, &wishes, &Control::default())?.made else {
        return Ok(());
    };
    let count = state.reactions.all.len();
    let mut takes: Vec<clips::Take> =
        state.reactions.all.iter().map(|reaction| reaction.take.clone()).collect();
    for reaction in second.all {
        let mut take = reaction.take;
        take.header.latent = take.header.latent.map(|latent| latent + count);
        takes.push(take);
    }
    takes.truncate(16);
    rank(&mut takes);
    state.reactions = Reactions { seconds: 1.0, ..work::reactions_of(takes, &row.name) };
    state.generation += 1;
    for track in Track::all().filter(|track| matches!(track, Track::Attribute(_) | Track::Head(_))) {
        stage.act(Command::AddTrack(track));
    }
    Ok(())
}

fn rank(takes: &mut [clips::Take]) {
    let mut order: Vec<usize> = (0..takes.len()).collect();
    let score = |take: &clips::Take| take.header.rm_score.unwrap_or(f32::MIN);
    order.sort_by(|a, b| score(&takes[*b]).total_cmp(&score(&takes[*a])));
    for (rank, index) in order.into_iter().enumerate() {
        takes[index].header.rank = Some(rank + 1);
    }
}

pub fn compare_fault(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    stage.act(Command::Open("recordings/interview_03.wav".into()));
    for _ in 0..200 {
        stage.frame();
        if stage.studio.settled() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

pub fn compare_hover(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    let [width, height] = stage.size.map(|side| side as f32);
    stage.pointer = Some(Pos2::new(width * 0.42, height * 0.82));
    Ok(())
}

/// What is heard in the speaker's sound.
pub fn compare_hearing(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    stage.studio.state.tracks = vec![Track::Sound, Track::Spectrum];
    for heard in [Heard::Loudness, Heard::Pitch, Heard::Voice] {
        stage.act(Command::AddTrack(Track::Heard(heard)));
    }
    stage.act(Command::AddTrack(Track::Attribute(7)));
    Ok(())
}

pub fn compare_zoom(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    stage.act(Command::ZoomLoop);
    stage.act(Command::Latent(0));
    stage.act(Command::AddTrack(Track::Head(0)));
    Ok(())
}

/// The speaker as filmed: pictures of the demo's own face, numbered as a corpus numbers them.
pub fn compare_video(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    let home = std::env::temp_dir().join(format!("backchannel-scene-{}", std::process::id()));
    let shown = film_speaker(stage, &home);
    // Pictures that are left behind harm nobody.
    std::fs::remove_dir_all(&home).ok();
    shown
}

/// A corpus with every fault planted, after its check.
pub fn check(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    // One name for all runs: the picture shows it.
    let home = std::env::temp_dir().join("backchannel-planted");
    let shown = (|| {
        clips::synth::planted(&home, &Control::default())?;
        for command in [Command::Open(home.clone()), Command::CheckCorpus] {
            stage.act(command);
            for _ in 0..4 {
                // Opening tells of faults, which is what the scene is about.
                stage.wait_for_workers(false)?;
            }
        }
        Ok(())
    })();
    // Files that are left behind harm nobody.
    std::fs::remove_dir_all(&home).ok();
    stage.studio.state.messages.clear();
    shown
}

fn film_speaker(stage: &mut Stage, home: &Path) -> Result<()> {
    let lost = |error: face::FaceError| Fault::new(FaultKind::Unsupported, "", error.to_string());
    let frame = stage.studio.playback.frame();
    let Some(motion) = stage.studio.state.clip.as_ref().and_then(|clip| clip.speaker.motion.clone()) else {
        return Err(Fault::new(FaultKind::Internal, "", "the demo clip has no face"));
    };
    std::fs::create_dir_all(home).map_err(|error| Fault::write(home, &error))?;
    let painter = face::Headless::new().map_err(lost)?;
    let (camera, look) = (face::Camera::portrait(), face::Look::light());
    let mut picture = None;
    for number in 0..=frame {
        // One drawing serves for five pictures, but for those that are looked at.
        if number % 5 == 0 || number + 5 > frame {
            picture = Some(painter.picture(&motion.at(number), &camera, &look, 256, 256).map_err(lost)?);
        }
        if let Some(picture) = &picture {
            let file = home.join(format!("{}.png", number + 1));
            media::film::write_png(file, picture.width, picture.height, &picture.rgba)?;
        }
    }
    if let Some(clip) = &mut stage.studio.state.clip {
        clip.speaker.video = Some(media::VideoSource::Frames(home.to_owned()));
    }
    stage.act(Command::SpeakerVideo);
    let begun = Instant::now();
    while stage.studio.videos.frame(crate::faces::Seat::Speaker) != Some(frame as u32) {
        stage.frame();
        if begun.elapsed() > PATIENCE {
            return Err(Fault::new(FaultKind::Internal, "", "the video did not come in time"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

pub fn present(stage: &mut Stage, one: bool) -> Result<()> {
    compare(stage)?;
    stage.act(Command::Present);
    stage.studio.state.present_one = one;
    Ok(())
}

pub fn over(stage: &mut Stage, command: Command) -> Result<()> {
    compare(stage)?;
    stage.act(command);
    Ok(())
}

pub fn messages(stage: &mut Stage) -> Result<()> {
    compare_fault(stage)?;
    stage.act(Command::Messages);
    Ok(())
}

/// A study of six systems over the validation split of a synthetic corpus.
pub fn evaluate(stage: &mut Stage, steps: &[Do]) -> Result<()> {
    study_of(stage, 80, 10, &[])?;
    let board = stage.studio.state.evaluate.board.as_ref();
    let row = board.and_then(|board| board.rows.iter().position(|row| !row.naive)).unwrap_or_default();
    stage.act(Command::Do(Do::Focus(Focus { row, column: Column::OFFICIAL[0] })));
    steps.iter().for_each(|step| stage.act(Command::Do(step.clone())));
    for _ in 0..4 {
        stage.settle()?;
    }
    Ok(())
}

/// Scores who usually takes part, and some baselines more, over the validation split of a corpus of so many sessions.
pub fn study_of(stage: &mut Stage, sessions: usize, samples: usize, more: &[Naive]) -> Result<()> {
    compare(stage)?;
    stage.studio.state.evaluate.settings.samples = samples;
    for naive in more {
        let choice = Choice { who: Who::Naive(*naive), draw: Draw::Best, track: clips::Track::Offline };
        stage.act(Command::Do(Do::Toggle(choice)));
    }
    // One name for all runs: the picture shows it.
    let home = std::env::temp_dir().join("backchannel-study");
    let shown = (|| {
        let config =
            clips::synth::Config { clips: Some(sessions), seconds: 4.0, seed: 2, ..Default::default() };
        clips::synth::write(&config, &home, &Control::default())?;
        stage.act(Command::Show(Workspace::Evaluate));
        stage.act(Command::Open(home.clone()));
        stage.settle()?;
        stage.act(Command::Do(Do::Run));
        // Every answer starts the next system.
        let begun = Instant::now();
        while stage.studio.state.evaluate.scored.len() < stage.studio.state.evaluate.asked {
            stage.settle()?;
            if begun.elapsed() > PATIENCE {
                return Err(Fault::new(FaultKind::Internal, "", "the study did not end in time"));
            }
        }
        Ok(())
    })();
    // Files that are left behind harm nobody.
    std::fs::remove_dir_all(&home).ok();
    shown
}

/// A lane painted by hand and replayed, above what the network thinks of the real listener.
pub fn compare_lanes(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    stage.studio.state.tracks.truncate(4);
    stage.act(Command::AddTrack(Track::Recognised));
    stage.act(Command::AddTrack(Track::Attribute(VALENCE)));
    let frames = stage.studio.state.frames();
    stage.act(Command::Paint(Painted { from: frames / 4, to: frames / 2, latent: 2 }));
    stage.act(Command::Paint(Painted { from: frames / 2, to: frames * 5 / 6, latent: 3 }));
    for _ in 0..4 {
        stage.settle()?;
    }
    stage.act(Command::Latent(stage.studio.state.tiles().len().saturating_sub(1)));
    Ok(())
}

/// All systems that ship, on one clip: one reaction of each beside the latents.
pub fn compare_systems(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    stage.act(Command::Beside);
    for _ in 0..8 {
        stage.settle()?;
    }
    Ok(())
}

/// What a model of one answer tends to, beside the reactions of the latents: a clip whose group has several intents.
pub fn compare_average(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    let home = std::env::temp_dir().join("backchannel-average");
    let shown = (|| {
        let config = clips::synth::Config { clips: Some(80), seconds: 4.0, seed: 2, ..Default::default() };
        clips::synth::write(&config, &home, &Control::default())?;
        stage.act(Command::Open(home.clone()));
        stage.settle()?;
        stage.act(Command::Average);
        stage.act(Command::ShowClip(ClipKey::Corpus(clips::corpus::Split::Val, 0)));
        for _ in 0..4 {
            stage.settle()?;
        }
        stage.act(Command::Latent(stage.studio.state.tiles().len().saturating_sub(1)));
        let frames = stage.studio.state.frames();
        stage.act(Command::Seek(liveliest(&stage.studio.state.reactions, (0, frames))));
        stage.settle()
    })();
    // Files that are left behind harm nobody.
    std::fs::remove_dir_all(&home).ok();
    shown
}

/// The latents of the shipped system over a synthetic split; one of them has a name.
pub fn latents(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    let home = std::env::temp_dir().join("backchannel-latents");
    let shown = (|| {
        let config = clips::synth::Config { clips: Some(120), seconds: 4.0, seed: 2, ..Default::default() };
        clips::synth::write(&config, &home, &Control::default())?;
        stage.act(Command::Open(home.clone()));
        stage.settle()?;
        stage.act(Command::Explore(Explore::Run));
        stage.settle()?;
        stage.act(Command::Explore(Explore::Name(2, "warm smile".to_owned())));
        stage.act(Command::Explore(Explore::Latent(2)));
        stage.settle()
    })();
    // Files that are left behind harm nobody.
    std::fs::remove_dir_all(&home).ok();
    shown
}

/// The wall with an overlay on.
pub fn overlaid(stage: &mut Stage, overlay: Overlay) -> Result<()> {
    compare(stage)?;
    stage.act(Command::Overlay(overlay));
    stage.settle()
}

/// Axes of the heads, and where they have pointed.
pub fn compare_trails(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    stage.act(Command::Overlay(Overlay::Axes));
    stage.act(Command::Overlay(Overlay::Trail));
    stage.settle()
}

/// Two tiles with cameras of their own.
pub fn compare_cameras(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    stage.act(Command::OwnCameras);
    let aside = Turning { yaw: 0.7, ..Turning::default() };
    let close = Turning { closer: 0.55, up_cm: 4.0, ..Turning::default() };
    stage.act(Command::Turn(Seat::Tile(1), aside));
    stage.act(Command::Turn(Seat::Tile(3), close));
    stage.settle()
}

/// Every face of the wall another person.
pub fn compare_people(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    stage.act(Command::DifferentPeople);
    stage.settle()
}

/// A face set by hand: by action units with their regions lit, or as the chosen reaction shows it.
pub fn face(stage: &mut Stage, source: FaceSource) -> Result<()> {
    compare(stage)?;
    if source == FaceSource::Coefficients {
        stage.act(Command::Face(Sliding::TakeOver));
    } else {
        stage.act(Command::Show(Workspace::Face));
        stage.act(Command::Face(Sliding::Source(source)));
        stage.act(Command::Face(Sliding::Preset(0)));
        stage.act(Command::Overlay(Overlay::Regions));
    }
    stage.settle()
}

/// The workspace before anything was scored.
pub fn evaluate_empty(stage: &mut Stage) -> Result<()> {
    compare(stage)?;
    stage.act(Command::Show(Workspace::Evaluate));
    stage.settle()
}
