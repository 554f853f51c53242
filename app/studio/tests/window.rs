//! The window, driven by label and key without a window: the demo opens, keys move time, a choice is the same
//! everywhere, bad files are explained, work can be stopped.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::time::{Duration, Instant};

use egui::{Key, Modifiers, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use listener::latent_intent::Checkpoint;
use listener::latent_intent::style::Styles;
use media::Transport;
use studio::commands::Command;
use studio::desk::Overlay;
use studio::faces::Seat;
use studio::jobs::Slot;
use studio::people::People;
use studio::state::{Severity, Workspace};
use studio::{Options, Theme};
use studio::{Shell, Studio};

type Window = Harness<'static, Shell>;

/// A window on manual time without faces; with them it would cost a second a frame on a software device.
fn window(options: Options) -> Window {
    let mut window =
        Harness::builder().with_size([1280.0, 800.0]).with_max_steps(16).build_eframe(move |creation| {
            Shell::around(Studio::new(&creation.egui_ctx, None, &options, Transport::manual()))
        });
    settle(&mut window);
    window
}

/// Frames until every worker has answered, and one more.
fn settle(window: &mut Window) {
    let begun = Instant::now();
    loop {
        window.run_steps(2);
        if window.state().studio.settled() {
            window.run_steps(2);
            if window.state().studio.settled() {
                return;
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "a worker did not answer");
        std::thread::sleep(Duration::from_millis(3));
    }
}

fn demo() -> Window {
    window(Options::default())
}

fn frame(window: &Window) -> usize {
    window.state().studio.playback.frame()
}

#[test]
fn the_demo_opens_with_one_tile_a_latent_and_the_best_one_chosen() {
    let window = demo();
    let studio = &window.state().studio;
    let state = &studio.state;
    assert!(state.messages.is_empty(), "{:?}", state.messages);
    let tiles = state.tiles();
    assert!(tiles.len() >= 4, "{} tiles", tiles.len());
    assert_eq!(window.get_all_by_label_contains("Reaction z").count(), tiles.len());
    let chosen = state.chosen().expect("a reaction is chosen");
    assert_eq!(state.reactions.all[chosen].take.header.rank, Some(1));
    assert!(state.clip.as_ref().is_some_and(|clip| clip.synthetic));
    assert!(window.query_all_by_label_contains("synthetic").count() > 0);
}

#[test]
fn a_studio_goes_on_in_another_window_as_if_nothing_had_happened() {
    let mut first = demo();
    first.key_press(Key::Num3);
    first.run_steps(2);
    for _ in 0..5 {
        first.key_press(Key::Period);
    }
    first.run_steps(2);
    let ctx = first.ctx.clone();
    let empty = Studio::bare(&ctx, None, Transport::manual());
    let mut studio = std::mem::replace(&mut first.state_mut().studio, empty);
    let (tiles, chosen, at) = (studio.state.tiles(), studio.state.chosen(), studio.playback.frame());
    assert!(chosen.is_some() && at == 5);
    drop(first);

    let mut second = Harness::builder().with_size([1280.0, 800.0]).build_eframe(move |creation| {
        studio.move_in(&creation.egui_ctx, None);
        Shell::around(studio)
    });
    settle(&mut second);
    let state = &second.state().studio.state;
    assert_eq!((state.tiles(), state.chosen(), frame(&second)), (tiles.clone(), chosen, at));
    assert_eq!(second.get_all_by_label_contains("Reaction z").count(), tiles.len());
    // workers wake the new window, and keys reach it
    let before = second.state().studio.state.reactions.all.len();
    second.key_press(Key::Period);
    let ctx = second.ctx.clone();
    second.state_mut().studio.act(&ctx, Command::Generate);
    settle(&mut second);
    assert_eq!(frame(&second), at + 1);
    assert_eq!(second.state().studio.state.reactions.all.len(), before);
    assert!(second.state().studio.state.messages.is_empty());
}

#[test]
fn space_plays_full_stop_steps_and_shuttle_and_marks_work_by_key() {
    let mut window = demo();
    window.key_press(Key::Period);
    window.run_steps(2);
    assert_eq!(frame(&window), 1);
    window.key_press(Key::Space);
    window.run_steps(1);
    assert!(window.state().studio.playback.moving());
    window.state().studio.playback.transport().advance(Duration::from_secs(2));
    window.run_steps(1);
    assert_eq!(frame(&window), 51);
    window.key_press(Key::I);
    window.run_steps(1);
    window.key_press(Key::Space);
    window.run_steps(1);
    assert!(!window.state().studio.playback.moving());
    for _ in 0..10 {
        window.key_press(Key::Period);
        window.run_steps(1);
    }
    window.key_press(Key::O);
    window.run_steps(2);
    assert_eq!(window.state().studio.playback.transport().looped(), Some((51, 62)));
    window.key_press(Key::Comma);
    window.run_steps(2);
    assert_eq!(frame(&window), 60);
}

#[test]
fn shift_reaches_the_action_that_asks_for_it_and_presses_are_counted() {
    let mut window = demo();
    let (before, ghost) = (frame(&window), window.state().studio.state.tile);
    window.key_press(Key::Period);
    window.key_press(Key::Period);
    window.key_press(Key::Period);
    window.run_steps(2);
    assert_eq!(frame(&window), before + 3, "three presses in one frame are three steps");
    // Shift+1 is latent 11, which is not there; without shift it would be latent 1.
    window.key_press(Key::Num3);
    window.run_steps(2);
    window.key_press_modifiers(egui::Modifiers::SHIFT, Key::Num1);
    window.run_steps(2);
    assert_eq!(window.state().studio.state.tile, 2, "was {ghost}");
}

#[test]
fn a_clicked_tile_is_chosen_everywhere() {
    let mut window = demo();
    for tile in [2usize, 0, 3] {
        let name = window.state().studio.state.reactions.name(window.state().studio.state.tiles()[tile]);
        window.get_by_label_contains(&format!("Reaction {name},")).click();
        window.run_steps(3);
        let state = &window.state().studio.state;
        assert_eq!(state.tile, tile);
        assert_eq!(state.chosen(), Some(state.tiles()[tile]));
        // The inspector is about the same one.
        let words = state.reactions.all[state.tiles()[tile]].signature.text();
        assert!(window.query_by_label(&format!("Signature: {words}")).is_some(), "{words}");
    }
    window.key_press(Key::Num2);
    window.run_steps(2);
    assert_eq!(window.state().studio.state.tile, 1);
}

#[test]
fn bad_files_are_explained_and_the_session_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = demo();
    for (name, bytes) in [
        ("broken.wav", b"RIFF\x08\x00\x00\x00WAVEnonsense".as_slice()),
        ("empty.npy", b""),
        ("not-a-model.safetensors", b"hello"),
        ("notes.txt", b"hello"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        window.state_mut().studio.state.messages.clear();
        let ctx = window.ctx.clone();
        window.state_mut().studio.act(&ctx, Command::Open(path));
        settle(&mut window);
        let message = window
            .state()
            .studio
            .state
            .messages
            .last()
            .unwrap_or_else(|| panic!("no message on {name}"))
            .clone();
        assert_eq!(message.severity, Severity::Failure, "{message:?}");
        assert!(message.about.contains(name), "{message:?}");
        assert!(!message.what.is_empty() && !message.remedy.is_empty(), "{message:?}");
        assert!(window.state().studio.state.clip.is_some(), "the clip at hand is gone after {name}");
    }
    window.key_press(Key::Period);
    window.run_steps(2);
    assert_eq!(frame(&window), 1);
}

#[test]
fn a_corpus_a_sound_predictions_and_a_checkpoint_open_as_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = folder.path().join("corpus");
    let config = clips::synth::Config { clips: Some(4), seconds: 4.0, seed: 2, ..Default::default() };
    clips::synth::write(&config, &corpus, &clips::Control::default()).unwrap();
    let mut window = demo();
    let mut open = |path: &std::path::Path| {
        let ctx = window.ctx.clone();
        window.state_mut().studio.act(&ctx, Command::Open(path.to_owned()));
        settle(&mut window);
        let state = &window.state().studio.state;
        let broken: Vec<_> = state.messages.iter().filter(|m| m.severity == Severity::Failure).collect();
        assert!(broken.is_empty(), "{path:?}: {broken:?}");
        let clip = state.clip.as_ref().expect("a clip is shown");
        (clip.id.clone(), clip.frames, state.systems.len(), state.reactions.all.len())
    };
    let (id, frames, systems, reactions) = open(&corpus);
    assert!(id.starts_with("val/NoXI/") && frames == 100 && reactions >= 4, "{id} {frames} {reactions}");

    let sound = corpus.join("val/Audio_files/NoXI/101_synthetic/Expert_video/1.wav");
    let (id, frames, _, reactions) = open(&sound);
    assert!(
        id == "1.wav" && frames == 100 && reactions >= 4,
        "a sound alone is answered: {id} {frames} {reactions}"
    );

    let predictions = folder.path().join("other-system.npy");
    clips::array::write_npy(&predictions, &[1, 3, 100, 25], &[0.25; 3 * 100 * 25]).unwrap();
    assert_eq!(open(&predictions).2, systems + 1, "predictions of any program are a system");
    // They answer the one clip of their list; every other clip is answered by a network, and the window says so.
    let other = folder.path().join("other.wav");
    std::fs::copy(&sound, &other).unwrap();
    assert!(open(&other).3 >= 4, "a new sound gets reactions");

    let checkpoint = folder.path().join("mine.safetensors");
    std::fs::write(&checkpoint, include_bytes!("../../../models/checkpoints/latent-intent-demo.safetensors"))
        .unwrap();
    assert_eq!(open(&checkpoint).2, systems + 2);
    let state = &window.state().studio.state;
    assert!(
        state
            .messages
            .iter()
            .any(|message| message.about == "other-system.npy" && message.what.contains("answers instead"))
    );
}

#[test]
fn a_check_lists_what_was_planted_and_a_click_goes_to_the_clip() {
    let folder = tempfile::tempdir().unwrap();
    let planted = clips::synth::planted(folder.path(), &clips::Control::default()).unwrap();
    let mut window = demo();
    let ctx = window.ctx.clone();
    window.state_mut().studio.act(&ctx, Command::Open(folder.path().to_owned()));
    settle(&mut window);
    window.state_mut().studio.act(&ctx, Command::CheckCorpus);
    settle(&mut window);
    let report = window.state().studio.state.check.clone().expect("a report");
    assert!(report.faults.len() >= planted.len() / 2, "{} of {}", report.faults.len(), planted.len());
    let library = &window.state().studio.state.library;
    assert!(!library.faults.is_empty(), "faults are marked on clips");
    let (finding, key) = report
        .faults
        .iter()
        .find_map(|finding| Some((finding, *library.clips_of(&finding.fault.path).first()?)))
        .expect("a fault of a clip");
    let path = finding.fault.path.strip_prefix(&report.root).unwrap().display().to_string();
    let label = format!("{path}: {}", finding.fault.detail);
    window.get_by_label(&label).click();
    window.run_steps(3);
    let studio = &window.state().studio;
    // A clip whose file cannot be read is chosen until its reader says so.
    let refused = studio.state.messages.iter().any(|message| message.severity == Severity::Failure);
    assert!(studio.state.chosen_clip == Some(key) || refused, "{:?}", studio.state.chosen_clip);
    assert_eq!(studio.overlay(), studio::desk::Overlay::None);
}

#[test]
fn a_drag_on_a_track_makes_a_loop_and_a_click_seeks() {
    let mut window = demo();
    let rect = window.get_by_label("Track Valence").rect();
    let (from, to) = (rect.left_center() + vec2(200.0, 0.0), rect.left_center() + vec2(400.0, 0.0));
    window.drag_at(from);
    window.run_steps(1);
    window.hover_at(from + vec2(60.0, 0.0));
    window.run_steps(1);
    window.hover_at(to);
    window.run_steps(1);
    window.drop_at(to);
    window.run_steps(3);
    let frames = window.state().studio.state.frames() as f32;
    let (a, b) = window.state().studio.playback.transport().looped().expect("a loop");
    let expected = 200.0 / (rect.width() - 20.0) * frames;
    assert!(((b - a) as f32 - expected).abs() <= 4.0, "{a}..{b}, expected {expected} frames");
    window.key_press(Key::X);
    window.run_steps(2);
    assert_eq!(window.state().studio.playback.transport().looped(), None);
    window.get_by_label("Track Arousal").click();
    window.run_steps(2);
    assert!((frame(&window) as f32 - frames * 0.5).abs() < frames * 0.02, "{}", frame(&window));
}

#[test]
fn cancel_stops_the_reactions_and_a_later_answer_is_not_shown() {
    let mut window = demo();
    let before = window.state().studio.state.generation;
    let mut wishes = window.state().studio.state.wishes.clone();
    wishes.samples = 10;
    let ctx = window.ctx.clone();
    window.state_mut().studio.act(&ctx, Command::Wish(wishes));
    window.state_mut().studio.act(&ctx, Command::Generate);
    window.state_mut().studio.act(&ctx, Command::Cancel);
    assert!(window.state().studio.busy(Slot::Takes));
    settle(&mut window);
    let state = &window.state().studio.state;
    assert_eq!(state.generation, before, "cancelled reactions were shown");
    assert_eq!(state.reactions.samples(), 1);
    assert!(state.messages.iter().all(|message| message.severity == Severity::Note), "{:?}", state.messages);
}

#[test]
fn other_systems_stand_beside_the_latents() {
    let mut window = demo();
    let ctx = window.ctx.clone();
    let latents = window.state().studio.state.reactions.all.len();
    window.state_mut().studio.act(&ctx, Command::Beside);
    settle(&mut window);
    let state = &window.state().studio.state;
    let others: Vec<&str> =
        state.reactions.all.iter().filter_map(|reaction| reaction.beside.as_deref()).collect();
    assert_eq!(others.len(), state.systems.len() - 1, "{others:?}");
    assert!(
        !others.is_empty() && others.iter().all(|name| state.systems.iter().any(|row| row.name == *name))
    );
    assert_eq!(state.reactions.all.len(), latents + others.len());
    for (place, name) in others.iter().enumerate() {
        assert_eq!(state.reactions.name(latents + place), *name);
    }
    assert!(state.reactions.has_latents());
    // the latents stay what they were, and go on alone when the others are not wanted
    window.state_mut().studio.act(&ctx, Command::Beside);
    settle(&mut window);
    assert_eq!(window.state().studio.state.reactions.all.len(), latents);
}

#[test]
fn the_palette_finds_and_runs_a_command_and_letters_in_it_are_no_commands() {
    let mut window = demo();
    window.key_press_modifiers(Modifiers::COMMAND, Key::K);
    window.run_steps(3);
    assert_eq!(window.state().studio.overlay(), Overlay::Palette);
    window.get_by_label("Type what you want to do").type_text("light");
    window.run_steps(3);
    window.key_press(Key::Enter);
    window.run_steps(3);
    assert_eq!(window.state().studio.state.theme, Theme::Light);
    assert_eq!(window.state().studio.overlay(), Overlay::None);
    window.key_press(Key::Questionmark);
    window.run_steps(2);
    assert_eq!(window.state().studio.overlay(), Overlay::Help);
    window.key_press(Key::Escape);
    window.run_steps(2);
    assert_eq!(window.state().studio.overlay(), Overlay::None);
}

#[test]
fn a_filmed_speaker_is_shown_frame_by_frame_and_a_damaged_video_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    for number in (1..=60).filter(|number| *number != 20) {
        let picture = image::RgbImage::from_pixel(32, 32, image::Rgb([number as u8, 0, 0]));
        picture.save(folder.path().join(format!("{number}.png"))).unwrap();
    }
    let mut window = demo();
    assert!(window.query_by_label("Speaker: show video").is_none(), "the demo was never filmed");
    let clip = window.state_mut().studio.state.clip.as_mut().unwrap();
    clip.speaker.video = Some(media::VideoSource::Frames(folder.path().to_owned()));
    window.run_steps(2);
    window.get_by_label("Speaker: show video").click();
    window.run_steps(3);
    assert!(window.state().studio.state.speaker_video);
    assert!(window.query_by_label("Speaker: show 3DMM").is_some());
    for frame in [0usize, 1, 2, 40, 7] {
        window.state_mut().studio.playback.seek(frame);
        let begun = Instant::now();
        while window.state().studio.videos.frame(Seat::Speaker) != Some(frame as u32) {
            window.run_steps(1);
            assert!(begun.elapsed() < Duration::from_secs(20), "frame {frame} never came");
        }
    }
    let told: Vec<_> = window.state().studio.state.messages.iter().collect();
    assert!(told.len() == 1 && told[0].what.contains("1 of 60"), "{told:?}");
    // The key goes back to the mesh; what cannot be read is said once, and the window goes on.
    window.key_press(Key::V);
    window.run_steps(2);
    assert!(window.query_by_label("Speaker: show video").is_some());
    let clip = window.state_mut().studio.state.clip.as_mut().unwrap();
    clip.speaker.video = Some(media::VideoSource::Mp4(folder.path().join("gone.mp4")));
    window.key_press(Key::V);
    let begun = Instant::now();
    while window.state().studio.state.messages.len() < 2 {
        window.run_steps(2);
        assert!(begun.elapsed() < Duration::from_secs(20), "no word on a video that is not there");
    }
    window.run_steps(4);
    let told = &window.state().studio.state.messages;
    assert!(
        told.len() == 2 && told[1].severity == Severity::Warning && !told[1].remedy.is_empty(),
        "{told:?}"
    );
}

#[test]
fn a_filmed_corpus_shows_both_people_as_filmed() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = folder.path().join("corpus");
    let config = clips::synth::Config { clips: Some(4), seconds: 4.0, seed: 2, ..Default::default() };
    clips::synth::write(&config, &corpus, &clips::Control::default()).unwrap();
    let film = |person: &str| corpus.join(format!("val/Video_files/NoXI/101_synthetic/{person}/1"));
    for person in ["Expert_video", "Novice_video"] {
        std::fs::create_dir_all(film(person)).unwrap();
        for number in 1..=101 {
            let picture = image::RgbImage::from_pixel(16, 16, image::Rgb([number as u8, 0, 0]));
            picture.save(film(person).join(format!("{number}.png"))).unwrap();
        }
    }
    let mut window = demo();
    let ctx = window.ctx.clone();
    window.state_mut().studio.act(&ctx, Command::Open(corpus.clone()));
    settle(&mut window);
    let clip = window.state().studio.state.clip.clone().unwrap();
    assert!(clip.id.ends_with("/1"), "{}", clip.id);
    let source = |person| Some(media::VideoSource::Frames(film(person)));
    assert_eq!(clip.speaker.video, source("Expert_video"));
    assert_eq!(clip.listener.unwrap().video, source("Novice_video"));
    window.key_press(Key::V);
    window.run_steps(1);
    window.key_press_modifiers(Modifiers::SHIFT, Key::V);
    window.run_steps(1);
    window.state_mut().studio.playback.seek(99);
    let begun = Instant::now();
    let shown = |window: &Window, seat| window.state().studio.videos.frame(seat);
    while [Seat::Speaker, Seat::Listener].iter().any(|seat| shown(&window, *seat) != Some(99)) {
        window.run_steps(1);
        assert!(begun.elapsed() < Duration::from_secs(20), "the videos never came");
    }
    let warnings = window.state().studio.state.messages.iter().filter(|told| told.about == "Video").count();
    assert_eq!(warnings, 0, "{:?}", window.state().studio.state.messages);
}

#[test]
fn present_shows_the_wall_alone_and_escape_leaves_it() {
    let mut window = demo();
    window.key_press(Key::F5);
    window.run_steps(2);
    assert_eq!(window.state().studio.state.workspace, Workspace::Present);
    assert!(window.query_by_label("Search clips").is_none());
    window.key_press(Key::Escape);
    window.run_steps(2);
    assert_eq!(window.state().studio.state.workspace, Workspace::Compare);
}

#[test]
fn a_face_is_set_by_slider_preset_and_key_and_taken_over_from_a_reaction() {
    let mut window = demo();
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num5);
    settle(&mut window);
    assert_eq!(window.state().studio.state.workspace, Workspace::Face);
    let set = |window: &Window| window.state().studio.state.sliders.dials.clone();
    assert!(set(&window).is_neutral());
    window.get_by_label("Felt smile").click();
    window.run_steps(2);
    assert_eq!(set(&window).to_string(), "AU6=0.9 AU12=0.9 AU25=0.6");
    // the focused slider moves by key, and no other with it; a pressed one follows the pointer
    window.get_by_label("AU12").focus();
    window.run_steps(3);
    for _ in 0..3 {
        window.key_press(Key::ArrowLeft);
        window.run_steps(2);
    }
    assert_eq!(set(&window).to_string(), "AU6=0.9 AU12=0.87 AU25=0.6");
    window.get_by_label("AU1").click();
    window.run_steps(2);
    assert!(set(&window).to_string().starts_with("AU1=0.5 "), "{}", set(&window));
    // its number can be typed; what is none changes nothing, Escape drops it, and the end of the scale holds
    let mut type_it = |text: &str, end: Key| {
        window.get_by_label("Type AU2").click();
        window.run_steps(2);
        window.event(egui::Event::Text(text.to_owned()));
        window.run_steps(1);
        window.key_press(end);
        window.run_steps(2);
        set(&window).to_string()
    };
    assert!(type_it("0.37", Key::Enter).starts_with("AU1=0.5 AU2=0.37 "));
    assert!(type_it("much", Key::Enter).starts_with("AU1=0.5 AU2=0.37 "));
    assert!(type_it("0.9", Key::Escape).starts_with("AU1=0.5 AU2=0.37 "));
    assert!(type_it("7", Key::Enter).starts_with("AU1=0.5 AU2=1 "));
    assert!(type_it("0", Key::Enter).starts_with("AU1=0.5 AU6"));
    window.key_press(Key::Backspace);
    window.run_steps(2);
    assert!(set(&window).is_neutral());
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
    assert!(set(&window).to_string().starts_with("AU1=0.5 "), "{}", set(&window));
    window.key_press_modifiers(Modifiers::COMMAND, Key::Y);
    window.run_steps(2);
    assert!(set(&window).is_neutral());
    // the chosen reaction where it moves most
    window.state_mut().studio.playback.seek(331);
    window.run_steps(1);
    window.get_by_label("From the reaction").click();
    window.run_steps(2);
    let studio = &window.state().studio;
    let shown = studio.state.reactions.all[studio.state.chosen().unwrap()].motion.at(331);
    let weights = set(&window).weights();
    assert!(weights.iter().any(|weight| *weight > 0.1), "a face that does something");
    for (a, b) in weights.iter().zip(shown.weights) {
        assert!((a - b.min(1.0)).abs() < 0.006, "{a}, not {b}");
    }
    // sources do not mix: units know nothing of it until they drive
    window.get_by_label("Action units").click();
    window.run_steps(2);
    assert_ne!(set(&window).weights(), weights);
}

#[test]
fn a_network_that_knows_styles_has_their_sliders_and_others_are_not_asked() {
    let folder = tempfile::tempdir().unwrap();
    let window = demo();
    assert!(window.query_by_label("Smiles").is_none());

    // the shipped network, told of styles: a step of the first number goes straight into every slot
    let path = folder.path().join("styled.safetensors");
    let shipped = include_bytes!("../../../models/checkpoints/latent-intent-demo.safetensors");
    let mut styled = Checkpoint::from_bytes(&path, shipped).unwrap();
    styled.about.config.style = true;
    for row in 0..styled.about.config.width {
        styled.values.extend([if row % 2 == 0 { 0.4 } else { -0.4 }, 0.0, 0.0, 0.0, 0.0]);
    }
    styled.styles = Some(Styles { mean: [0.0; 5], deviation: [1.0; 5] });
    std::fs::write(&path, styled.to_bytes().unwrap()).unwrap();
    // named on the command line, it answers a clip of the demo
    let mut window = self::window(Options { open: vec![path], ..Options::default() });
    let ctx = window.ctx.clone();
    assert_eq!(window.state().studio.state.clip.as_ref().unwrap().frames, 750);

    let reactions = |window: &Window| {
        let all = &window.state().studio.state.reactions.all;
        all.iter().map(|reaction| reaction.take.clone()).collect::<Vec<_>>()
    };
    let average = reactions(&window);
    window.get_by_label("Type Smiles").click();
    window.run_steps(2);
    window.event(egui::Event::Text("1.5".to_owned()));
    window.run_steps(1);
    window.key_press(Key::Enter);
    window.run_steps(2);
    window.key_press(Key::G);
    settle(&mut window);
    let smiling = reactions(&window);
    assert_eq!(smiling[0].header.sampling.style, [1.5, 0.0, 0.0, 0.0, 0.0]);
    assert!(average.iter().zip(&smiling).any(|(a, b)| a.attributes != b.attributes));

    // back to the shipped one: it is asked for nobody in particular
    let number = window.state().studio.state.systems.iter().position(|row| row.name == "latent-intent");
    window.state_mut().studio.act(&ctx, Command::System(number.unwrap_or(0)));
    settle(&mut window);
    assert!(window.query_by_label("Smiles").is_none());
    assert!(!reactions(&window)[0].header.sampling.has_style());
}

#[test]
fn an_idle_window_asks_for_no_frames() {
    let mut window = demo();
    // Sparklines are read after the clip; nothing may follow them.
    settle(&mut window);
    window.run();
    let output = window.output().viewport_output.values().next().unwrap().repaint_delay;
    assert!(output > Duration::from_secs(1), "repaints after {output:?}");
}

#[test]
fn a_dragged_face_turns_all_until_each_has_a_camera_of_its_own() {
    let mut window = demo();
    let tiles = window.state().studio.state.tiles();
    let name = window.state().studio.state.reactions.name(tiles[1]);
    let drag = |window: &mut Window| {
        let at = window.get_by_label_contains(&format!("Reaction {name},")).rect().center();
        window.drag_at(at);
        window.run_steps(2);
        window.hover_at(at + vec2(40.0, 10.0));
        window.run_steps(2);
        window.drop_at(at + vec2(40.0, 10.0));
        window.run_steps(2);
    };
    let of = |window: &Window, tile: usize| window.state().studio.state.cameras.of(Seat::Tile(tile));
    let front = of(&window, 0);
    drag(&mut window);
    let turned = of(&window, 0);
    assert!(turned != front && turned == of(&window, 1), "one camera for all");
    let switch = |window: &mut Window| {
        window.get_by_label("View").click();
        window.run_steps(3);
        window.get_by_label(&Command::OwnCameras.hint()).click();
        window.run_steps(3);
        window.key_press(Key::Escape);
        window.run_steps(3);
    };
    switch(&mut window);
    assert!(window.state().studio.state.cameras.each());
    drag(&mut window);
    assert_eq!(of(&window, 0), turned, "the others stay");
    assert!(of(&window, 1).yaw != turned.yaw);
    // the key resets all of them
    window.key_press(Key::C);
    window.run_steps(3);
    assert!([0, 1].iter().all(|tile| of(&window, *tile) == front));
    drag(&mut window);
    switch(&mut window);
    assert!([0, 1].iter().all(|tile| of(&window, *tile) == front), "one camera again");
}

#[test]
fn the_wall_shows_one_person_another_one_or_one_for_each_face() {
    let mut window = demo();
    let people = |window: &Window| window.state().studio.state.people;
    assert_eq!(people(&window), People::One(0));
    window.get_by_label("View").click();
    window.run_steps(3);
    // what is pressed in a menu reaches nothing behind it
    let clip = window.state().studio.state.chosen_clip;
    window.key_press(Key::ArrowDown);
    window.run_steps(3);
    assert_eq!(window.state().studio.state.chosen_clip, clip);
    window.get_by_label("Another person for each face").click();
    window.run_steps(3);
    assert_eq!(people(&window), People::Each);
    window.get_by_label("Another person for each face").click();
    window.run_steps(3);
    assert_eq!(people(&window), People::One(0));
    let number = window.get_by_role_and_label(egui::accesskit::Role::SpinButton, "Person");
    number.focus();
    window.run_steps(2);
    window.key_press(Key::ArrowUp);
    window.run_steps(3);
    assert!(matches!(people(&window), People::One(seed) if seed > 0), "{:?}", people(&window));
}
