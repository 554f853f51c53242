//! What the Train workspace knows: the runs that are followed, what is looked at and how, and the run that is about to be
//! started. Plain data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clips::{Fault, FaultKind};
use runs::{Launch, Launcher, Order, Place, Row, Run, Seen};
use training::course::flat;
use training::systems::{Settings, systems};

use crate::motion::Motion;

/// Most runs that are compared.
pub const MOST_COMPARED: usize = 6;
/// Most faces of a preview.
pub const MOST_FACES: usize = 8;

/// What the horizontal axis counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Along {
    /// Steps over both stages.
    #[default]
    Step,
    /// Passes over the data.
    Epoch,
    /// Minutes of training.
    Time,
}

impl Along {
    /// All, in the order of the switch.
    pub const ALL: [Self; 3] = [Self::Step, Self::Epoch, Self::Time];

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Epoch => "epoch",
            Self::Time => "minutes",
        }
    }

    /// Where a place of a run lies.
    pub fn of(self, place: &Place) -> f64 {
        match self {
            Self::Step => place.step,
            Self::Epoch => place.epoch,
            Self::Time => place.seconds / 60.0,
        }
    }
}

/// A setting that cannot be: its key, and what is wrong with it.
pub type Problem = (String, String);

/// The run that is about to be started.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// Name of one of the systems that can be trained.
    pub system: String,
    /// Preset the values start from.
    pub preset: String,
    /// Corpus folder; empty takes the open one.
    pub corpus: String,
    /// Name of the run; empty takes the next free one.
    pub name: String,
    /// Settings that differ from the preset, as they are typed.
    pub changed: BTreeMap<String, String>,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            system: "latent-intent".to_owned(),
            preset: "tiny".to_owned(),
            corpus: String::new(),
            name: String::new(),
            changed: BTreeMap::new(),
        }
    }
}

impl Form {
    /// The settings of the preset of the system; where there is none of these names, those that come nearest.
    pub fn preset(&self) -> Settings {
        Settings::preset(&self.system, Some(&self.preset))
            .or_else(|_| Settings::preset(&self.system, None))
            .unwrap_or_else(|fault| {
                tracing::debug!("{fault}");
                Settings::Own(Box::default())
            })
    }

    /// Another system begins from its own first preset, unless it has one of the same name; changes of settings that it
    /// does not have are dropped.
    pub fn choose_system(&mut self, name: &str) {
        self.system = name.to_owned();
        let presets = self.presets();
        if !presets.contains(&self.preset.as_str()) {
            self.preset = presets.first().copied().unwrap_or_default().to_owned();
        }
        let table = self.preset().table();
        self.changed.retain(|key, _| table.contains_key(key));
    }

    /// Presets of the system.
    pub fn presets(&self) -> Vec<&'static str> {
        let listed = systems().into_iter().find(|listed| listed.name == self.system);
        listed.map_or_else(Vec::new, |listed| listed.presets)
    }

    /// The settings of the run, and the changes in an order in which each of them can be made: some fit together only
    /// after others.
    ///
    /// # Errors
    /// For each setting that cannot be: its key and what is wrong with it.
    pub fn config(&self) -> Result<(Settings, Vec<String>), Vec<Problem>> {
        let mut config = self.preset();
        let mut order = Vec::new();
        let mut left: Vec<(&String, &String)> = self.changed.iter().collect();
        loop {
            let before = left.len();
            left.retain(|(key, value)| {
                let change = format!("{key}={value}");
                let fits = config.set_all(&[&change]).is_ok();
                if fits {
                    order.push(change);
                }
                !fits
            });
            if left.is_empty() {
                return Ok((config, order));
            }
            if left.len() == before {
                break;
            }
        }
        let problem = |(key, value): (&String, &String)| {
            let fault = config.clone().set_all(&[format!("{key}={value}")]).err();
            (key.clone(), fault.map_or_else(String::new, |fault| fault.detail))
        };
        Err(left.into_iter().map(problem).collect())
    }

    /// Writes a setting; one that equals the preset's is no change.
    pub fn write(&mut self, key: &str, text: &str) {
        let table = self.preset().table();
        if table.get(key).is_some_and(|value| shown(value) == text.trim()) {
            self.changed.remove(key);
        } else {
            self.changed.insert(key.to_owned(), text.to_owned());
        }
    }
}

/// A setting as it is typed.
pub fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Float(number) if *number != 0.0 && number.abs() < 0.01 => format!("{number:e}"),
        toml::Value::Array(all) => {
            format!("[{}]", all.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Reactions that were made when a checkpoint was saved.
#[derive(Clone)]
pub struct Shown {
    /// The file.
    pub path: PathBuf,
    /// One face a latent.
    pub motions: Vec<Arc<Motion>>,
}

/// The workspace.
pub struct Train {
    /// Folder whose runs are listed; nowhere in scenes and tests that do not ask for one.
    pub root: Option<PathBuf>,
    /// Runs elsewhere that were opened.
    pub named: Vec<PathBuf>,
    /// What was last seen of all of them.
    pub seen: Arc<Seen>,
    /// The run that is looked at.
    pub chosen: Option<PathBuf>,
    /// Runs it is compared with.
    pub compared: Vec<PathBuf>,
    /// Weight of the past in the smoothed lines, 0 to 0.99.
    pub smoothing: f32,
    /// Vertical axes by logarithm.
    pub log_y: bool,
    /// What the horizontal axes count.
    pub along: Along,
    /// The shown part of the horizontal axes.
    pub zoom: Option<(f64, f64)>,
    /// Learning rate, gradient norm and what else was measured.
    pub more: bool,
    /// In place of the latents' use: settings that differ between runs.
    pub settings: bool,
    /// The run that is about to be started.
    pub form: Form,
    /// The chosen preview, counted from 0; `None` is the newest.
    pub preview: Option<usize>,
    /// The preview in memory.
    pub shown: Option<Shown>,
    /// Frame of the preview.
    pub frame: usize,
    /// The preview plays.
    pub playing: bool,
    /// A card that is read: its name and its words.
    pub card: Option<(String, String)>,
    /// Starts runs.
    pub launcher: Arc<dyn Launcher>,
    /// Whether runs that wait are started by this window.
    pub serves_queue: bool,
}

impl Default for Train {
    fn default() -> Self {
        Self {
            root: runs::usual_root(),
            named: Vec::new(),
            seen: Arc::default(),
            chosen: None,
            compared: Vec::new(),
            smoothing: 0.9,
            log_y: true,
            along: Along::Step,
            zoom: None,
            more: false,
            settings: false,
            form: Form::default(),
            preview: None,
            shown: None,
            frame: 0,
            playing: false,
            card: None,
            launcher: Arc::new(runs::launch::OwnProgram),
            serves_queue: true,
        }
    }
}

impl Train {
    /// The run that is looked at, once it was read.
    pub fn run(&self) -> Option<&Run> {
        self.seen.runs.iter().find(|run| Some(&run.path) == self.chosen.as_ref())
    }

    /// Runs it is compared with, in the order they were chosen.
    pub fn others(&self) -> impl Iterator<Item = &Run> {
        self.compared.iter().filter_map(|path| self.seen.runs.iter().find(|run| run.path == *path))
    }

    /// The row of the run that is looked at.
    pub fn row(&self) -> Option<&Row> {
        self.seen.rows.iter().find(|row| Some(&row.path) == self.chosen.as_ref())
    }

    /// The run that one that waits has to wait for: one that is at work, else the last that was asked for earlier.
    pub fn before(&self, run: &Run) -> Option<&str> {
        let rows = &self.seen.rows;
        let asked = rows.iter().find(|row| row.path == run.path)?.asked?;
        let at_work = || rows.iter().find(|row| row.state.alive());
        let earlier = rows.iter().filter(|row| row.asked.is_some_and(|other| other < asked));
        let earlier = earlier.max_by(|a, b| a.asked.unwrap_or(0.0).total_cmp(&b.asked.unwrap_or(0.0)));
        earlier.or_else(at_work).map(|row| row.name.as_str())
    }

    /// Place of the chosen preview in the run's list.
    pub fn preview_of(&self, run: &Run) -> Option<usize> {
        let last = run.previews.len().checked_sub(1)?;
        Some(self.preview.unwrap_or(last).min(last))
    }

    /// Frames of the preview in memory.
    pub fn frames(&self) -> usize {
        let motions = self.shown.as_ref().map_or(&[][..], |shown| &shown.motions);
        motions.iter().map(|motion| motion.frames.len()).max().unwrap_or(0)
    }

    /// A name no run has: the preset and the next number.
    pub fn free_name(&self) -> String {
        let taken = |name: &str| {
            self.seen.rows.iter().any(|row| row.name == name)
                || self.root.as_ref().is_some_and(|root| root.join(name).exists())
        };
        let own = self.form.system.starts_with("latent-intent");
        let stem = if own { &self.form.preset } else { &self.form.system };
        let name = |number: usize| format!("{stem}-{number:02}");
        (1..10_000).map(name).find(|name| !taken(name)).unwrap_or_else(|| name(10_000))
    }

    /// What would be started, on the corpus `open` where the form names none.
    ///
    /// # Errors
    /// What is missing or cannot be.
    pub fn launch(&self, open: Option<&Path>) -> Result<Launch, Fault> {
        let bad = |detail: String, remedy: &str| {
            Err(Fault::new(FaultKind::BadRequest, "", detail).remedy(remedy.to_owned()))
        };
        let (_, set) = match self.form.config() {
            Ok(found) => found,
            Err(problems) => {
                let (key, what) = problems.into_iter().next().unwrap_or_default();
                return bad(format!("{key}: {what}"), "correct the setting or reset it");
            }
        };
        let corpus = match (self.form.corpus.trim(), open) {
            ("", Some(open)) => open.to_owned(),
            ("", None) => {
                return bad(
                    "no corpus is named".to_owned(),
                    "open a corpus, or write its folder into the form",
                );
            }
            (typed, _) => PathBuf::from(typed),
        };
        let Some(root) = &self.root else {
            return bad(
                "there is no folder for runs".to_owned(),
                "set HOME, or start the run on the command line",
            );
        };
        let name = match self.form.name.trim() {
            "" => self.free_name(),
            typed => typed.to_owned(),
        };
        if name.starts_with('.') || name.contains(['/', '\\', ':']) {
            return bad(format!("{name} is no name of a folder"), "use letters, digits and hyphens");
        }
        Ok(Launch {
            system: self.form.system.clone(),
            preset: self.form.preset.clone(),
            corpus,
            run: root.join(name),
            set,
            resume: false,
            asked: 0.0,
        })
    }

    /// Settings that differ between the run that is looked at and those it is compared with: key, and a value a run
    /// (empty where a run has none).
    pub fn differences(&self) -> Vec<(String, Vec<String>)> {
        let all: Vec<&Run> = self.run().into_iter().chain(self.others()).collect();
        let configs: Vec<toml::Table> = all.iter().map(|run| flat(&run.config)).collect();
        let keys: std::collections::BTreeSet<&String> = configs.iter().flat_map(toml::Table::keys).collect();
        let value = |config: &toml::Table, key: &String| config.get(key).map_or_else(String::new, shown);
        keys.into_iter()
            .map(|key| (key.clone(), configs.iter().map(|config| value(config, key)).collect::<Vec<_>>()))
            .filter(|(_, values)| values.windows(2).any(|pair| pair[0] != pair[1]))
            .collect()
    }
}

/// A chart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Chart {
    /// All terms together.
    Loss,
    /// The likelihood of each stream.
    Streams,
    /// Reaction matching.
    Matching,
    /// How much each latent is used.
    Latents,
    /// Measures of validation.
    Validation,
    /// Everything under one name that has no chart of its own.
    Other(String),
}

/// What can be done in the workspace.
#[derive(Debug, Clone, PartialEq)]
pub enum Do {
    /// Look at a run.
    Choose(PathBuf),
    /// Look at a run below (positive) or above in the list.
    Move(i32),
    /// Compare with a run, or no longer.
    Compare(PathBuf),
    /// Compare with none.
    Alone,
    /// Tell the run something.
    Order(Order),
    /// Pause, or go on.
    PauseOrGoOn,
    /// Go on with a run that was left.
    TakeUp,
    /// Take a run that waits out of the queue.
    Dequeue,
    /// Weight of the past in the smoothed lines.
    Smoothing(f32),
    /// Vertical axes by logarithm, or evenly.
    LogY,
    /// What the horizontal axes count.
    Along(Along),
    /// The next thing that the horizontal axes can count.
    NextAlong,
    /// Show a part of the horizontal axes; `None` shows all.
    Zoom(Option<(f64, f64)>),
    /// Learning rate, gradient norm and what else was measured.
    More,
    /// Settings that differ, in place of the latents' use.
    Settings,
    /// Change the run that is about to be started.
    Form(Form),
    /// Start it, or put it into the queue.
    Start,
    /// Write all numbers of the run as CSV.
    ExportCsv,
    /// Write all numbers of the run for TensorBoard.
    ExportEvents,
    /// Write a chart as a picture.
    Picture(Chart),
    /// Choose a preview.
    Preview(usize),
    /// The preview after (positive) or before.
    MovePreview(i32),
    /// A frame of the preview.
    Frame(usize),
    /// Step a frame of the preview.
    MoveFrame(i32),
    /// Play the preview, or stop.
    Play,
    /// Pin a checkpoint, or let go of it.
    Pin(PathBuf),
    /// Open a checkpoint as a system in Compare.
    OpenCheckpoint(PathBuf),
    /// Read the card of a checkpoint.
    Card(PathBuf),
    /// Close the card.
    CloseCard,
    /// Ask for a run folder or numbers of another program.
    OpenRun,
    /// Ask for the corpus of the form.
    AskCorpus,
    /// Write a small synthetic corpus and open it.
    Synthetic,
}

impl Do {
    /// Words in palette and tooltips.
    pub fn text(&self) -> &'static str {
        match self {
            Self::Choose(_) => "Look at a run",
            Self::Move(1..) => "The run below",
            Self::Move(_) => "The run above",
            Self::Compare(_) => "Compare with this run or no longer",
            Self::Alone => "Compare with no other run",
            Self::Order(Order::Pause) => "Pause the run",
            Self::Order(Order::Resume) => "Let the run go on",
            Self::Order(Order::Stop) => "Stop the run now",
            Self::Order(Order::StopAtEpoch) => "Stop the run when the epoch ends",
            Self::PauseOrGoOn => "Pause the run or let it go on",
            Self::TakeUp => "Go on with a run that was left",
            Self::Dequeue => "Take the run out of the queue",
            Self::Smoothing(_) => "Change the smoothing",
            Self::LogY => "Logarithmic or linear values",
            Self::Along(_) => "Change what the horizontal axis counts",
            Self::NextAlong => "Horizontal axis: step, epoch or minutes",
            Self::Zoom(None) => "Show the whole run",
            Self::Zoom(Some(_)) => "Show a part of the run",
            Self::More => "Show or hide learning rate, gradient norm and the rest",
            Self::Settings => "Settings that differ, or the use of latents",
            Self::Form(_) => "Change the new run",
            Self::Start => "Start training",
            Self::ExportCsv => "Export all numbers of the run as CSV\u{2026}",
            Self::ExportEvents => "Export the run for TensorBoard\u{2026}",
            Self::Picture(_) => "Export this chart as a picture\u{2026}",
            Self::Preview(_) => "Choose a checkpoint preview",
            Self::MovePreview(1..) => "The next checkpoint preview",
            Self::MovePreview(_) => "The checkpoint preview before",
            Self::Frame(_) => "Go to a frame of the preview",
            Self::MoveFrame(1..) => "Step the preview one frame on",
            Self::MoveFrame(_) => "Step the preview one frame back",
            Self::Play => "Play or stop the preview",
            Self::Pin(_) => "Keep this checkpoint or let go of it",
            Self::OpenCheckpoint(_) => "Open this checkpoint in Compare",
            Self::Card(_) => "Read the card of this checkpoint",
            Self::CloseCard => "Close the card",
            Self::OpenRun => "Follow a run of another folder\u{2026}",
            Self::AskCorpus => "Choose the corpus of the new run\u{2026}",
            Self::Synthetic => "Write a small synthetic corpus and open it",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_equals_the_preset_is_no_change_and_a_wrong_one_is_named() {
        let mut form = Form::default();
        form.write("stage2_steps", "900");
        form.write("seed", "1");
        assert_eq!(form.changed.keys().collect::<Vec<_>>(), ["stage2_steps"]);
        assert_eq!(form.config().unwrap().0.table()["stage2_steps"].as_integer(), Some(900));
        form.write("latent_dropout", "2");
        let problems = form.config().unwrap_err();
        assert_eq!(problems.len(), 1);
        assert!(problems[0].0 == "latent_dropout" && problems[0].1.contains("0..1"), "{problems:?}");
        form.write("latent_dropout", "0.1");
        assert!(form.config().is_ok());
    }

    #[test]
    fn changes_that_fit_only_together_are_put_in_an_order() {
        let mut form = Form::default();
        // random and hidden together must not be above 1: hidden has to fall before random may rise
        form.write("history_random", "0.9");
        form.write("history_hidden", "0.05");
        let (config, order) = form.config().unwrap();
        let table = config.table();
        let share = |key: &str| table[key].as_float();
        assert_eq!((share("history_random"), share("history_hidden")), (Some(0.9), Some(0.05)));
        let mut again = form.preset();
        order.iter().for_each(|change| again.set_all(&[change]).unwrap());
        assert_eq!(again.table(), table);
        assert_eq!(order[0], "history_hidden=0.05");
    }

    #[test]
    fn a_run_says_what_it_waits_for_and_what_it_was_told() {
        let row = |name: &str, state, asked| Row {
            path: name.into(),
            name: name.to_owned(),
            state,
            status: runs::Status::default(),
            place: None,
            value: None,
            sparks: Vec::new(),
            began: 0.0,
            asked,
        };
        let rows = vec![
            row("third", runs::State::Queued, Some(3.0)),
            row("second", runs::State::Queued, Some(2.0)),
            row("first", runs::State::Running, None),
        ];
        let train = Train { seen: Arc::new(Seen { rows, ..Seen::default() }), ..Train::default() };
        let queued = |name: &str| Run { path: name.into(), state: runs::State::Queued, ..Run::default() };
        let said = |run: &Run| crate::text::where_run_stands(run, train.before(run));
        assert_eq!(said(&queued("second")), "Queued \u{b7} begins when first has ended");
        assert_eq!(said(&queued("third")), "Queued \u{b7} begins when second has ended");

        let status = runs::Status {
            stage: Some(1),
            step: Some(0),
            steps: Some(0),
            epoch: Some(0.0),
            epochs: Some(0.0),
            message: "reads the corpus".to_owned(),
            ..runs::Status::default()
        };
        let mut run = Run { state: runs::State::Running, status, ..Run::default() };
        assert_eq!(said(&run), "Running \u{b7} reads the corpus");
        run.told = Some(Order::Pause);
        assert_eq!(said(&run), "Pausing\u{2026} \u{b7} reads the corpus");
        run.last = Some((2, 40, Some(500)));
        run.status.message.clear();
        assert_eq!(said(&run), "Pausing\u{2026} \u{b7} stage 2 \u{b7} epoch 0.0 \u{b7} step 40 / 500");
    }

    #[test]
    fn every_value_of_every_preset_reads_back_as_it_is_shown() {
        for preset in ["tiny", "small", "base"] {
            let form = Form { preset: preset.to_owned(), ..Form::default() };
            let mut config = form.preset();
            for (key, _, value) in training::fields::settings(&form.preset().table()) {
                config.set_all(&[format!("{key}={}", shown(&value))]).unwrap();
            }
            assert_eq!(config.table(), form.preset().table());
        }
    }

    #[test]
    fn a_launch_says_what_is_missing() {
        let mut train = Train { root: Some("runs".into()), ..Train::default() };
        assert!(train.launch(None).unwrap_err().detail.contains("corpus"));
        let launch = train.launch(Some("corpus".as_ref())).unwrap();
        assert!(launch.run.ends_with("runs/tiny-01") && launch.set.is_empty());
        train.form.name = "../elsewhere".to_owned();
        assert!(train.launch(Some("corpus".as_ref())).is_err());
    }
}
