//! The Evaluate workspace, driven by label and key without a window: systems are scored one after the other, every
//! number leads to its clips, a clip opens in Compare with the reactions that were scored, a failure stops nobody else.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::path::Path;
use std::time::{Duration, Instant};

use clips::corpus::Split;
use clips::{Control, synth};
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use listener::Naive;
use media::Transport;
use studio::Options;
use studio::commands::Command;
use studio::evaluate::{Card, Choice, Do, Focus, TableForm, Who};
use studio::jobs::Slot;
use studio::library::ClipKey;
use studio::state::{Severity, Workspace};
use studio::{Shell, Studio};
use study::{Column, Draw, Settings};

type Window = Harness<'static, Shell>;

fn settle(window: &mut Window) {
    let begun = Instant::now();
    let mut quiet = 0;
    while quiet < 3 {
        window.run_steps(2);
        quiet = if window.state().studio.settled() { quiet + 1 } else { 0 };
        assert!(begun.elapsed() < Duration::from_secs(120), "a worker did not answer");
        std::thread::sleep(Duration::from_millis(3));
    }
}

fn act(window: &mut Window, command: Command) {
    let ctx = window.ctx.clone();
    window.state_mut().studio.act(&ctx, command);
    settle(window);
}

/// A window with a small synthetic corpus in the Evaluate workspace; outcomes are kept nowhere.
fn window(folder: &Path) -> Window {
    let config = synth::Config { clips: Some(20), seconds: 4.0, seed: 3, ..Default::default() };
    synth::write(&config, folder, &Control::default()).unwrap();
    let mut window =
        Harness::builder().with_size([1280.0, 800.0]).with_max_steps(16).build_eframe(move |creation| {
            let mut studio = Studio::new(&creation.egui_ctx, None, &Options::default(), Transport::manual());
            studio.state.evaluate.cache = None;
            studio.state.evaluate.settings =
                Settings { samples: 4, seeds: vec![1], bootstrap: 100, ..Settings::default() };
            Shell::around(studio)
        });
    settle(&mut window);
    act(&mut window, Command::Show(Workspace::Evaluate));
    window.get_by_label_contains("No corpus is open");
    act(&mut window, Command::Open(folder.to_owned()));
    window.get_by_label_contains("Nothing is scored yet");
    window
}

/// What tells a take from another.
type Plain = (Option<usize>, usize, clips::Attributes);

fn told(take: &clips::Take) -> Plain {
    (take.header.latent, take.header.sample, take.attributes.to_vec())
}

/// The takes on the wall, in order.
fn on_the_wall(state: &studio::state::State) -> Vec<Plain> {
    state.tiles().into_iter().map(|index| told(&state.reactions.all[index].take)).collect()
}

fn naive(naive: Naive) -> Choice {
    Choice { who: Who::Naive(naive), draw: Draw::Best, track: clips::Track::Offline }
}

#[test]
fn every_number_leads_to_its_clips_and_a_clip_to_the_reactions_that_were_scored() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window(folder.path());
    // the truth takes part on request, and the list says who does
    window.get_by_label("truth").click();
    window.run_steps(2);
    let evaluate = &window.state().studio.state.evaluate;
    assert!(evaluate.takes_part(&naive(Naive::Truth)) && !evaluate.takes_part(&naive(Naive::MeanSequence)));
    window.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    settle(&mut window);
    let state = &window.state().studio.state;
    assert!(state.messages.iter().all(|message| message.severity == Severity::Note), "{:?}", state.messages);
    let board = state.evaluate.board.clone().unwrap();
    let labels: Vec<&str> = board.rows.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "random",
            "mime",
            "mean frame",
            "average of modes",
            "truth",
            "latent-intent \u{b7} demo",
            "latent-intent \u{b7} demo spread",
            "latent-intent-plain \u{b7} demo"
        ]
    );
    let random = board.row("random").unwrap();
    let shown = board.rows[random].cell(Column::OFFICIAL[2]).unwrap().value.unwrap();
    window.get_by_label(&format!("FRDiv of random: {shown:.4}")).click();
    settle(&mut window);
    let focus = window.state().studio.state.evaluate.focus;
    assert_eq!((focus.row, focus.column), (random, Column::OFFICIAL[2]));
    // published rows are there and say what they are
    assert!(window.query_all_by_label_contains("BeLFusion").count() > 0);
    window.get_by_label_contains("PUBLISHED");

    // by key to the distance of the system with latents, compared with the one without
    window.key_press(Key::ArrowLeft);
    (0..5).for_each(|_| window.key_press(Key::ArrowDown));
    window.run_steps(2);
    let plain = board.row("latent-intent-plain \u{b7} demo").unwrap();
    act(&mut window, Command::Do(Do::Against(plain)));
    act(&mut window, Command::Do(Do::Card(Card::Difference)));
    let state = &window.state().studio.state;
    assert_eq!(state.evaluate.focus.column, Column::OFFICIAL[1]);
    let latent = state.evaluate.focus.row;
    assert_eq!(board.rows[latent].label, "latent-intent \u{b7} demo");
    let found = board.compare(latent, plain, Column::OFFICIAL[1], 100, &Control::default()).unwrap().unwrap();
    let percent = format!("{} of {} clips", figures::number::percent(found.better), found.clips);
    window.get_by_label_contains(&percent);

    // the worst clip of the cell opens in Compare, answered by the system of the row
    let (worst, _) = board.rows[latent].ranked_clips(Column::OFFICIAL[1])[0];
    window.key_press(Key::Enter);
    settle(&mut window);
    let state = &window.state().studio.state;
    assert_eq!(state.workspace, Workspace::Compare);
    assert_eq!(state.clip.as_ref().unwrap().key, ClipKey::Corpus(Split::Val, worst));
    assert_eq!(state.systems[state.system].name, "latent-intent \u{b7} demo");
    let split = state.evaluate.read.clone().unwrap();
    let (_, scored) = &state.evaluate.scored[latent];
    let takes = scored.entry.takes(&split, worst, 4, 1, &Control::default()).unwrap();
    let wanted: Vec<Plain> = takes.iter().map(told).collect();
    assert_eq!(
        on_the_wall(state),
        wanted,
        "the reactions on the wall are the four that were scored, no more and no less"
    );
    let latent_of = takes[0].header.latent.unwrap() + 1;
    assert_eq!(state.reactions.name(3), format!("z{latent_of}\u{b7}4"));
    assert_eq!(state.tiles().len(), 4);
    let as_scored = state.reactions.scored.as_ref().unwrap();
    let value = board.rows[latent].cell(Column::OFFICIAL[1]).unwrap().per_clip[worst].unwrap();
    assert_eq!(as_scored.value, Some(value));
    assert!((as_scored.parts.iter().sum::<f64>() - value).abs() < 1e-9, "the samples add up to the clip");
    window.get_by_label_contains("FRDist of the clip");

    // samples that go round the latents too, each with its own
    let spread = board.row("latent-intent \u{b7} demo spread").unwrap();
    act(&mut window, Command::Do(Do::Clip { row: spread, clip: 1 }));
    let state = &window.state().studio.state;
    let (_, scored) = &state.evaluate.scored[spread];
    let takes = scored.entry.takes(&split, 1, 4, 1, &Control::default()).unwrap();
    assert_eq!(on_the_wall(state), takes.iter().map(told).collect::<Vec<_>>());
    let latents: std::collections::BTreeSet<_> = takes.iter().map(|take| take.header.latent).collect();
    assert_eq!(latents.len(), 4);
    // asked for anew, the wall is that of Compare again
    act(&mut window, Command::Generate);
    let state = &window.state().studio.state;
    assert!(state.reactions.scored.is_none() && state.tiles().len() == 8);

    // a baseline's clip shows the baseline
    act(&mut window, Command::Do(Do::Clip { row: board.row("mime").unwrap(), clip: 2 }));
    let state = &window.state().studio.state;
    assert_eq!(state.systems[state.system].name, "mime");
    let (mimed, speaker) = (&state.reactions.all[0].take, &state.clip.as_ref().unwrap().speaker.streams);
    assert_eq!(Some(mimed.attributes.as_ref()), speaker.attributes.as_ref());
}

#[test]
fn one_that_fails_keeps_nobody_from_their_turn_and_work_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window(folder.path());
    // predictions of another number of clips
    let file = folder.path().join("few.npy");
    clips::array::write_npy(&file, &[2, 4, 100, 25], &[0.5; 2 * 4 * 100 * 25]).unwrap();
    act(&mut window, Command::Open(file));
    window.state_mut().studio.state.messages.clear();
    act(&mut window, Command::Do(Do::Run));
    let state = &window.state().studio.state;
    let failures: Vec<_> =
        state.messages.iter().filter(|message| message.severity == Severity::Failure).collect();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].what.contains("predictions of 2 clips") && !failures[0].remedy.is_empty());
    assert_eq!(state.evaluate.board.as_ref().unwrap().rows.len(), 7);
    // the one that failed has a row with its reason; the bar is free again once something else succeeds
    let failed_at = failures[0].at;
    assert!(state.succeeded_at <= failed_at);
    window.get_by_label_contains("few.npy, failed: ");
    act(&mut window, Command::NextClip);
    assert!(window.state().studio.state.succeeded_at > failed_at);

    // what was scored stays scored; other settings begin anew
    let ctx = window.ctx.clone();
    let settings = Settings { samples: 5, ..window.state().studio.state.evaluate.settings.clone() };
    act(&mut window, Command::Do(Do::Settings(settings)));
    assert!(window.state().studio.state.evaluate.board.is_none());
    window.state_mut().studio.act(&ctx, Command::Do(Do::Run));
    window.state_mut().studio.act(&ctx, Command::Do(Do::Cancel));
    settle(&mut window);
    let state = &window.state().studio.state;
    assert!(state.evaluate.queue.is_empty() || state.evaluate.scored.len() < 6);
    assert!(!window.state().studio.busy(Slot::Evaluate));

    // every split keeps its own table
    act(&mut window, Command::Do(Do::Run));
    let labels = |window: &Window| -> Option<Vec<String>> {
        let board = window.state().studio.state.evaluate.board.clone()?;
        Some(board.rows.iter().map(|row| row.label.clone()).collect())
    };
    let before = labels(&window).unwrap();
    act(&mut window, Command::Do(Do::Split(Split::Test)));
    assert!(window.state().studio.state.evaluate.board.is_none());
    let Focus { row, .. } = window.state().studio.state.evaluate.focus;
    assert_eq!(row, 0);
    act(&mut window, Command::Do(Do::Split(Split::Val)));
    assert_eq!(labels(&window).unwrap(), before);
}

#[test]
fn the_table_goes_to_the_clipboard_and_keys_mean_what_the_screen_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window(folder.path());
    for choice in studio::evaluate::choices(&window.state().studio.state.systems) {
        let wanted = [naive(Naive::Random), naive(Naive::Mime)].contains(&choice);
        if window.state().studio.state.evaluate.takes_part(&choice) != wanted {
            act(&mut window, Command::Do(Do::Toggle(choice)));
        }
    }
    act(&mut window, Command::Do(Do::Run));
    act(&mut window, Command::Do(Do::Copy(TableForm::Latex)));
    let messages = &window.state().studio.state.messages;
    assert!(messages.iter().any(|message| message.what.contains("clipboard")), "{messages:?}");
    let board = window.state().studio.state.evaluate.board.clone().unwrap();
    let latex = study::tables::table(&board, &Column::OFFICIAL, true).latex();
    assert!(latex.contains("\\toprule") && latex.contains("random"), "{latex}");
    // who is left out stays in sight, marked, and leaves the table with the next run
    act(&mut window, Command::Do(Do::Toggle(naive(Naive::Random))));
    window.run_steps(2);
    window.get_by_label("random, not chosen");
    act(&mut window, Command::Do(Do::Run));
    let rows = &window.state().studio.state.evaluate.board.as_ref().unwrap().rows;
    assert_eq!(rows.iter().map(|row| row.label.as_str()).collect::<Vec<_>>(), ["mime"]);
    // who comes back is taken back as scored: nobody's numbers are made twice
    act(&mut window, Command::Do(Do::Toggle(naive(Naive::Random))));
    window.run_steps(2);
    window.get_by_label("random, not scored yet");
    let kept = window.state().studio.state.evaluate.aside[0].1.outcomes[0].clone();
    act(&mut window, Command::Do(Do::Run));
    let evaluate = &window.state().studio.state.evaluate;
    assert_eq!(evaluate.board.as_ref().unwrap().rows.len(), 2);
    assert!(evaluate.scored.iter().any(|(_, scored)| std::sync::Arc::ptr_eq(&scored.outcomes[0], &kept)));
    assert_eq!(evaluate.board.as_ref().unwrap().row("mime"), Some(0));
    // plain keys of Compare do nothing here; keys with Ctrl mean the same everywhere
    let frame = window.state().studio.playback.frame();
    window.key_press(Key::Period);
    window.key_press(Key::Space);
    window.run_steps(2);
    assert_eq!(window.state().studio.playback.frame(), frame);
    assert!(!window.state().studio.playback.moving());
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num1);
    window.run_steps(2);
    assert_eq!(window.state().studio.state.workspace, Workspace::Compare);
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num2);
    window.run_steps(2);
    assert_eq!(window.state().studio.state.workspace, Workspace::Evaluate);
}
