//! The Train workspace, driven by label and key without a window: runs are started, queued, followed, steered, compared; what
//! a checkpoint does is seen and opened; a run of another program is read.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clips::corpus::Corpus;
use clips::{Fault, FaultKind};
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use media::Transport;
use runs::{Launch, Launcher, State, Status};
use studio::Options;
use studio::commands::Command;
use studio::state::{Severity, Workspace};
use studio::train::{Along, Do};
use studio::{Shell, Studio};
use training::course::{Course, Plan};

type Window = Harness<'static, Shell>;

/// A system of another crate, as the program registers the compared ones.
struct Sixth;

impl Course for Sixth {
    fn name(&self) -> &'static str {
        "sixth"
    }

    fn about(&self) -> &'static str {
        "a system that only this test knows"
    }

    fn presets(&self) -> &'static [&'static str] {
        &["narrow", "broad"]
    }

    fn plan(&self, preset: &str) -> clips::Result<Plan> {
        let width = if preset == "broad" { 64 } else { 8 };
        let network = toml::Table::from_iter([("width".to_owned(), toml::Value::Integer(width))]);
        Ok(Plan { network, ..Plan::usual("sixth", preset) })
    }

    fn check(&self, plan: &mut Plan) -> clips::Result<()> {
        match plan.network.get("width").and_then(toml::Value::as_integer) {
            Some(width) if width % 2 == 0 => Ok(()),
            width => Err(Fault::new(FaultKind::BadRequest, "", format!("{width:?} is not even"))),
        }
    }

    fn begin(
        &self,
        _: &Plan,
        _: &Corpus,
        _: &Path,
        _: &clips::Control,
    ) -> clips::Result<Box<dyn training::course::Lesson>> {
        Err(Fault::new(FaultKind::Unsupported, "", "it is never begun here"))
    }
}

/// Writes down what it is asked to start; the process it names is the test itself.
#[derive(Default)]
struct Told(Mutex<Vec<Launch>>);

impl Launcher for Told {
    fn start(&self, launch: &Launch) -> clips::Result<u32> {
        self.0.lock().unwrap().push(launch.clone());
        Ok(std::process::id())
    }
}

fn settle(window: &mut Window) {
    let begun = Instant::now();
    let mut quiet = 0;
    while quiet < 4 {
        window.run_steps(2);
        quiet = if window.state().studio.settled() { quiet + 1 } else { 0 };
        assert!(begun.elapsed() < Duration::from_secs(60), "a worker did not answer");
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// Frames until something is so: what lies on the disk is looked at a few times a second.
fn until(window: &mut Window, what: &str, so: impl Fn(&Studio) -> bool) {
    let begun = Instant::now();
    while !so(&window.state().studio) {
        settle(window);
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    settle(window);
}

fn act(window: &mut Window, command: Command) {
    let ctx = window.ctx.clone();
    window.state_mut().studio.act(&ctx, command);
    settle(window);
}

fn window(root: &Path) -> (Window, Arc<Told>) {
    let told = Arc::new(Told::default());
    let (root, launcher) = (root.to_owned(), told.clone());
    let mut window =
        Harness::builder().with_size([1280.0, 800.0]).with_max_steps(16).build_eframe(move |creation| {
            let mut studio = Studio::new(&creation.egui_ctx, None, &Options::default(), Transport::manual());
            studio.state.evaluate.cache = None;
            studio.state.train.root = Some(root);
            studio.state.train.launcher = launcher;
            Shell::around(studio)
        });
    settle(&mut window);
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num3);
    settle(&mut window);
    assert_eq!(window.state().studio.state.workspace, Workspace::Train);
    (window, told)
}

/// A run folder as the engine leaves one.
fn run(root: &Path, name: &str, steps: u32, changes: &[&str]) -> PathBuf {
    let folder = root.join(name);
    std::fs::create_dir_all(folder.join("checkpoints")).unwrap();
    let mut config = training::Config::tiny();
    changes.iter().for_each(|change| config.set(change).unwrap());
    std::fs::write(folder.join("config.toml"), config.to_toml().unwrap()).unwrap();
    std::fs::write(folder.join("metrics.jsonl"), lines(1..=steps)).unwrap();
    std::fs::write(folder.join("log.txt"), "2026-11-21 12:40:07 saved\n2026-11-21 12:40:09 done in 9 s\n")
        .unwrap();
    folder
}

fn lines(steps: std::ops::RangeInclusive<u32>) -> String {
    steps
        .map(|step| {
            let loss = 8.0 / f64::from(step).sqrt();
            format!(
                "{{\"stage\":{},\"step\":{},\"epoch\":{},\"seconds\":{step},\"losses\":{{\"total\":{loss}}},\
                 \"watch\":{{\"usage\":2,\"posterior\":[0.25,0.75]}}}}\n",
                1 + u32::from(step > 30),
                if step > 30 { step - 30 } else { step },
                f64::from(step) / 10.0,
            )
        })
        .collect()
}

fn status(folder: &Path, state: State, message: &str) {
    let updated = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    Status {
        state,
        pid: Some(std::process::id()),
        message: message.to_owned(),
        updated: Some(updated),
        ..Status::default()
    }
    .write(folder)
    .unwrap();
}

#[test]
fn without_runs_the_screen_says_what_to_do_and_a_run_is_started_and_queued() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("runs");
    let (mut window, told) = window(&root);
    window.get_by_label_contains("A run learns from a corpus");
    window.get_by_label("Write a synthetic corpus");
    // a setting that cannot be is named, and nothing is started
    let mut form = window.state().studio.state.train.form.clone();
    form.corpus = "my corpus".to_owned();
    form.write("latent_dropout", "3");
    act(&mut window, Command::Train(Do::Form(form.clone())));
    window.get_by_label_contains("latent_dropout: ");
    act(&mut window, Command::Train(Do::Start));
    assert!(told.0.lock().unwrap().is_empty());
    assert!(window.state().studio.state.messages.iter().any(|message| message.severity == Severity::Failure));
    form.write("latent_dropout", "0.1");
    form.write("stage2_steps", "77");
    act(&mut window, Command::Train(Do::Form(form)));
    // by its key: the first run begins, the second waits
    window.key_press_modifiers(Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::Enter);
    until(&mut window, "the run begins", |studio| {
        studio.state.train.seen.rows.iter().any(|row| row.state == State::Running)
    });
    // nothing grows by itself
    let wide = window.get_by_label("Add to the queue").rect().width();
    window.run_steps(60);
    assert_eq!(window.get_by_label("Add to the queue").rect().width(), wide);
    window.get_by_label("Add to the queue").click();
    until(&mut window, "the second waits", |studio| studio.state.train.seen.rows.len() == 2);
    {
        let told = told.0.lock().unwrap();
        assert_eq!(told.len(), 1, "one at a time");
        assert_eq!(
            (told[0].set.as_slice(), told[0].run.ends_with("tiny-01")),
            (&["stage2_steps=77".to_owned()][..], true)
        );
        assert!(told[0].command().contains("--corpus 'my corpus'"), "{}", told[0].command());
    }
    // the first ends: the second has its turn
    status(&root.join("tiny-01"), State::Done, "");
    until(&mut window, "the second begins", |_| told.0.lock().unwrap().len() == 2);
    assert!(told.0.lock().unwrap()[1].run.ends_with("tiny-02"));
    // a third is taken out again and leaves nothing behind
    act(&mut window, Command::Train(Do::Start));
    until(&mut window, "the third waits", |studio| {
        studio.state.train.run().is_some_and(|run| run.name == "tiny-03" && run.state == State::Queued)
    });
    act(&mut window, Command::Train(Do::Dequeue));
    until(&mut window, "it is gone", |studio| studio.state.train.seen.rows.len() == 2);
    assert!(!root.join("tiny-03").exists());
}

#[test]
fn another_system_is_chosen_set_and_started() {
    training::course::register(Arc::new(Sixth));
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("runs");
    let (mut window, told) = window(&root);
    let mut form = window.state().studio.state.train.form.clone();
    form.corpus = "corpus".to_owned();
    form.write("latent_dropout", "0.1");
    form.write("batch", "5");
    act(&mut window, Command::Train(Do::Form(form)));
    let choose = |window: &mut Window, list: &str, choice: &str| {
        window.get_by_label(list).click();
        settle(window);
        window.get_by_label(choice).click();
        settle(window);
    };
    choose(&mut window, "System: latent-intent", "sixth");
    // its own first preset, its own settings; of the changes those that it has, too
    window.get_by_label("Preset: narrow");
    let changed = |window: &Window| {
        let form = &window.state().studio.state.train.form;
        form.changed.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(changed(&window), ["batch"]);
    window.get_by_label("Model").click();
    settle(&mut window);
    window.get_by_label("network.width: 8");
    choose(&mut window, "Preset: narrow", "broad");
    window.get_by_label("network.width: 64").focus();
    settle(&mut window);
    // what cannot be is said at once, what can is taken
    for (before, typed, value) in [("64", "5", "645"), ("645", "0", "6450")] {
        window.get_by_label(&format!("network.width: {before}")).type_text(typed);
        settle(&mut window);
        window.get_by_label(&format!("network.width: {value}"));
        assert_eq!(window.query_by_label_contains("is not even").is_some(), value == "645");
    }
    assert_eq!(changed(&window), ["batch", "network.width"]);
    act(&mut window, Command::Train(Do::Start));
    until(&mut window, "the run begins", |_| !told.0.lock().unwrap().is_empty());
    let launch = told.0.lock().unwrap()[0].clone();
    assert_eq!((launch.system.as_str(), launch.preset.as_str()), ("sixth", "broad"));
    assert_eq!(launch.set, ["batch=5", "network.width=6450"]);
    assert!(launch.command().contains("--system sixth --preset broad"), "{}", launch.command());
    // and back: what the other had is no setting here
    choose(&mut window, "System: sixth", "latent-intent");
    window.get_by_label("Preset: tiny");
    assert_eq!(changed(&window), ["batch"]);
}

#[test]
fn a_run_of_the_command_line_is_followed_steered_and_its_states_are_told() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("runs");
    let folder = run(home.path(), "elsewhere", 60, &[]);
    status(&folder, State::Running, "");
    let (mut window, _) = window(&root);
    act(&mut window, Command::Open(folder.clone()));
    until(&mut window, "the run is read", |studio| studio.state.train.run().is_some());
    assert_eq!(window.state().studio.state.train.run().unwrap().name, "elsewhere");
    window.get_by_label_contains("Chart Total loss: train 1.03");
    // it grows, and the curve with it
    let metrics = folder.join("metrics.jsonl");
    let before = std::fs::read_to_string(&metrics).unwrap();
    std::fs::write(&metrics, before + &lines(61..=64)).unwrap();
    status(&folder, State::Running, "");
    until(&mut window, "growth is seen", |studio| {
        studio.state.train.run().is_some_and(|run| run.end.is_some_and(|end| end.step == 64.0))
    });
    window.get_by_label_contains("Chart Total loss: train 1.00");
    // orders are left in its folder
    window.key_press(Key::P);
    settle(&mut window);
    assert_eq!(std::fs::read_to_string(folder.join("control")).unwrap(), "pause");
    window.get_by_label("Stop the run when the epoch ends").click();
    settle(&mut window);
    assert_eq!(std::fs::read_to_string(folder.join("control")).unwrap(), "stop-at-epoch");
    status(&folder, State::Paused, "");
    until(&mut window, "it holds", |studio| studio.state.train.run().unwrap().state == State::Paused);
    window.key_press(Key::P);
    settle(&mut window);
    assert_eq!(std::fs::read_to_string(folder.join("control")).unwrap(), "resume");
    // failed, with the reason; a warning near the end
    status(&folder, State::Failed, "the disk is full");
    until(&mut window, "it failed", |studio| studio.state.train.run().unwrap().state == State::Failed);
    window.get_by_label("Failed: the disk is full");
    status(&folder, State::Done, "");
    let before = std::fs::read_to_string(&metrics).unwrap();
    let warning =
        "{\"stage\":2,\"step\":35,\"losses\":{\"total\":1},\"warning\":\"latents are dying out\"}\n";
    std::fs::write(&metrics, before + warning).unwrap();
    until(&mut window, "it warned", |studio| studio.state.train.run().unwrap().warning().is_some());
    window.get_by_label("Warning at step 65: latents are dying out");
    // says that it runs, and its process is gone
    Status { state: State::Running, pid: None, updated: Some(1.0), ..Status::default() }
        .write(&folder)
        .unwrap();
    let old = std::fs::File::options().append(true).open(&metrics).unwrap();
    old.set_modified(std::time::SystemTime::now() - Duration::from_secs(90)).unwrap();
    until(&mut window, "it was interrupted", |studio| {
        studio.state.train.run().unwrap().state == State::Interrupted
    });
    window.get_by_label_contains("Interrupted: ");
}

#[test]
fn runs_are_compared_curves_zoomed_and_checkpoints_looked_at() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("runs");
    let first = run(&root, "first", 60, &[]);
    let second = run(&root, "second", 40, &["stage2_rate=0.0005", "seed=9"]);
    let checkpoint = first.join("checkpoints/best.safetensors");
    let demo =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/checkpoints/latent-intent-demo.safetensors");
    std::fs::copy(demo, &checkpoint).unwrap();
    std::fs::write(first.join("checkpoints/best.md"), "# A card\nof the best\n").unwrap();
    std::fs::create_dir_all(first.join("previews")).unwrap();
    for (name, value) in [("s1-000020", 0.1), ("s2-000010", 0.2)] {
        let path = first.join(format!("previews/{name}.npy"));
        clips::array::write_npy(&path, &[2, 5, 58], &[value; 2 * 5 * 58]).unwrap();
    }
    std::fs::write(first.join("previews/about.json"), r#"{"clip":"val/one","frames":5,"latents":2}"#)
        .unwrap();
    let (mut window, _) = window(&root);
    act(&mut window, Command::Train(Do::Choose(first.clone())));
    until(&mut window, "the run is read", |studio| {
        studio.state.train.run().is_some_and(|run| run.name == "first") && studio.state.train.frames() == 5
    });
    // the newest preview, then the one before, by key; frames too
    window.get_by_label("Preview of z2, frame 0");
    window.key_press(Key::ArrowLeft);
    window.key_press(Key::Period);
    until(&mut window, "the first preview", |studio| {
        studio.state.train.shown.as_ref().is_some_and(|shown| shown.path.ends_with("s1-000020.npy"))
    });
    window.get_by_label("Preview of z1, frame 1");
    window.get_by_label_contains("Answering val");

    act(&mut window, Command::Train(Do::Compare(second.clone())));
    until(&mut window, "both are read", |studio| studio.state.train.others().count() == 1);
    let differences = window.state().studio.state.train.differences();
    let keys: Vec<&str> = differences.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["seed", "stage2_rate"]);
    assert_eq!(differences[1].1, ["1.4e-3", "5e-4"]);
    window.get_by_label("seed: 1, 9");
    window.get_by_label_contains("second \u{b7} train 1.265");

    // keys of the curves
    let train = |window: &Window| {
        let train = &window.state().studio.state.train;
        (train.along, train.log_y, train.more, train.zoom)
    };
    let before = train(&window).1;
    [Key::X, Key::L, Key::G].into_iter().for_each(|key| window.key_press(key));
    settle(&mut window);
    act(&mut window, Command::Train(Do::Zoom(Some((1.0, 2.0)))));
    assert_eq!(train(&window), (Along::Epoch, !before, true, Some((1.0, 2.0))));
    window.key_press(Key::A);
    settle(&mut window);
    assert_eq!(train(&window).3, None);

    // card, pin, Compare
    window.get_by_label("Read the card of this checkpoint (best)").click();
    settle(&mut window);
    window.get_by_label("CARD OF BEST");
    window.key_press(Key::Escape);
    settle(&mut window);
    window.get_by_label("Keep this checkpoint or let go of it (best)").click();
    until(&mut window, "it is pinned", |studio| studio.state.train.run().unwrap().checkpoints[0].pinned);
    window.get_by_label("Open this checkpoint in Compare (best)").click();
    settle(&mut window);
    let state = &window.state().studio.state;
    assert_eq!(state.workspace, Workspace::Compare);
    assert!(
        state.systems[state.system].origin.contains("best.safetensors"),
        "{}",
        state.systems[state.system].origin
    );
}

#[test]
fn numbers_of_other_programs_are_opened_as_runs() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("runs");
    let folder = run(&root, "own", 40, &[]);
    let table = runs::Table::read(&folder, &clips::Control::default()).unwrap();
    let events = home.path().join("events");
    table.write_events(&events, 1e9).unwrap();
    let csv = home.path().join("numbers.csv");
    std::fs::write(&csv, "step,train loss,accuracy\n1,2.5,0.1\n2,1.5,0.2\n").unwrap();
    let (mut window, _) = window(&root);
    act(&mut window, Command::Open(events.clone()));
    until(&mut window, "events are read", |studio| {
        studio.state.train.run().is_some_and(|run| run.path == events)
    });
    window.get_by_label_contains("Chart Total loss: train 1.265");
    act(&mut window, Command::Open(csv.clone()));
    until(&mut window, "the csv is read", |studio| {
        studio.state.train.run().is_some_and(|run| run.path == csv)
    });
    assert_eq!(window.state().studio.state.train.run().unwrap().state, State::Imported);
    window.get_by_label_contains("Chart Total loss: train loss 1.500");
    assert!(window.state().studio.state.messages.iter().all(|message| message.severity != Severity::Failure));
}
