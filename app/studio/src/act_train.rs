//! Carries out what is asked in the Train workspace, and takes in what was seen of the runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clips::time::FRAMES_PER_SECOND;
use clips::{Control, Fault};
use egui::Context;
use figures::Figure;
use runs::{Launch, State, Table, Watcher, Wish};

use crate::app::Studio;
use crate::commands::Command;
use crate::jobs::Slot;
use crate::motion::Motion;
use crate::panels::train::charts;
use crate::state::{Message, Severity, Workspace};
use crate::train::{Along, Chart, Do, MOST_COMPARED, Shown};
use crate::work::Made;
use crate::{figure, scoring, text};

/// Between two looks at runs while they are watched, and while they are not.
const LOOKS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];

impl Studio {
    /// One command of the workspace.
    pub(crate) fn training(&mut self, ctx: &Context, what: Do) {
        match what {
            Do::Choose(path) => self.look_at_run(path),
            Do::Move(by) => self.step_run(by),
            Do::Compare(path) => self.compare_run(path),
            Do::Alone => {
                self.state.train.compared.clear();
                self.state.train.settings = false;
            }
            Do::Order(order) => {
                let Some(run) = self.state.train.run().filter(|run| run.state.alive()) else { return };
                let folder = run.path.clone();
                self.change_run(text::STAGE_ORDER, move |_| runs::order(&folder, order));
            }
            Do::PauseOrGoOn => {
                let order = match self.state.train.run().map(|run| run.state) {
                    Some(State::Running) => runs::Order::Pause,
                    Some(State::Paused) => runs::Order::Resume,
                    _ => return,
                };
                self.training(ctx, Do::Order(order));
            }
            Do::TakeUp => self.take_up(ctx),
            Do::Dequeue => {
                let Some(run) = self.state.train.run().filter(|run| run.state == State::Queued) else {
                    return;
                };
                let folder = run.path.clone();
                self.change_run(text::STAGE_ORDER, move |_| runs::launch::dequeue(&folder));
            }
            Do::Smoothing(weight) => self.state.train.smoothing = weight.clamp(0.0, 0.99),
            Do::LogY => self.state.train.log_y ^= true,
            Do::Along(along) => {
                if self.state.train.along != along {
                    self.state.train.along = along;
                    self.state.train.zoom = None;
                }
            }
            Do::NextAlong => {
                let here = Along::ALL.iter().position(|along| *along == self.state.train.along).unwrap_or(0);
                self.training(ctx, Do::Along(Along::ALL[(here + 1) % Along::ALL.len()]));
            }
            Do::Zoom(range) => self.state.train.zoom = range,
            Do::More => self.state.train.more ^= true,
            Do::Settings => self.state.train.settings ^= true,
            Do::Form(form) => self.state.train.form = form,
            Do::Start => self.start_run(ctx),
            Do::ExportCsv => self.export_run(false),
            Do::ExportEvents => self.export_run(true),
            Do::Picture(chart) => self.export_chart(chart),
            Do::Preview(index) => self.state.train.preview = Some(index),
            Do::MovePreview(by) => {
                let train = &self.state.train;
                if let Some((run, here)) = train.run().and_then(|run| Some((run, train.preview_of(run)?))) {
                    let last = run.previews.len() - 1;
                    self.state.train.preview = Some(here.saturating_add_signed(by as isize).min(last));
                }
            }
            Do::Frame(frame) => {
                self.state.train.frame = frame.min(self.state.train.frames().saturating_sub(1))
            }
            Do::MoveFrame(by) => {
                let frame = self.state.train.frame.saturating_add_signed(by as isize);
                self.state.train.playing = false;
                self.training(ctx, Do::Frame(frame));
            }
            Do::Play => self.state.train.playing ^= true,
            Do::Pin(path) => {
                let Some(run) = self.state.train.run() else { return };
                let Some(checkpoint) = run.checkpoints.iter().find(|known| known.path == path).cloned()
                else {
                    return;
                };
                let folder = run.path.clone();
                self.change_run(text::STAGE_ORDER, move |_| {
                    runs::set_pinned(&folder, &checkpoint, !checkpoint.pinned)
                });
            }
            Do::OpenCheckpoint(path) => {
                self.show(ctx, Workspace::Compare);
                self.act(ctx, Command::Open(path));
            }
            Do::Card(path) => {
                let Some(run) = self.state.train.run() else { return };
                let Some(checkpoint) = run.checkpoints.iter().find(|known| known.path == path).cloned()
                else {
                    return;
                };
                self.jobs.start(Slot::Runs, text::STAGE_CARD, move |_| {
                    let words = runs::read_card(&checkpoint)?;
                    Ok(Made::Card(checkpoint.name, words).into())
                });
            }
            Do::CloseCard => self.state.train.card = None,
            Do::OpenRun => {
                self.jobs.start(Slot::Dialog, text::STAGE_CHOOSE_RUN, |_| {
                    let picked = rfd::FileDialog::new().pick_folder();
                    Ok(Made::Picked(picked.into_iter().collect()).into())
                });
            }
            Do::AskCorpus => {
                self.jobs.start(Slot::Dialog, text::STAGE_CHOOSE_CORPUS, |_| {
                    Ok(Made::CorpusOfForm(rfd::FileDialog::new().pick_folder()).into())
                });
            }
            Do::Synthetic => {
                self.jobs.start(Slot::Open, text::STAGE_SYNTHETIC, scoring::synthetic);
            }
        }
    }

    /// Begins to follow runs: those that were left running are found again, and those that wait get their turn.
    pub fn follow_runs(&mut self, ctx: &Context) {
        if self.watcher.is_some() {
            return;
        }
        let waker = ctx.clone();
        match Watcher::start(move || waker.request_repaint()) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(fault) => self.tell_of(ctx, &fault, text::label::RUNS),
        }
        self.ask_for_runs();
    }

    /// Says which runs are looked at.
    pub(crate) fn ask_for_runs(&mut self) {
        let train = &self.state.train;
        let Some(watcher) = &mut self.watcher else { return };
        let here = self.state.workspace == Workspace::Train;
        let open = train.chosen.iter().chain(&train.compared).cloned().collect();
        watcher.ask(Wish {
            root: train.root.clone(),
            named: train.named.clone(),
            open,
            every: LOOKS[usize::from(!here)],
        });
    }

    /// Takes in what was seen of the runs since the last frame.
    pub(crate) fn see_runs(&mut self, ctx: &Context) {
        let Some(watcher) = &self.watcher else { return };
        let latest = watcher.latest();
        if latest.number != self.state.train.seen.number {
            self.state.train.seen = latest;
            let train = &mut self.state.train;
            let there = |path: &PathBuf| train.seen.rows.iter().any(|row| row.path == *path);
            let gone: Vec<PathBuf> = train.compared.iter().filter(|path| !there(path)).cloned().collect();
            train.compared.retain(|path| !gone.contains(path));
            if train.chosen.as_ref().is_none_or(|path| !train.seen.rows.iter().any(|row| row.path == *path)) {
                // One that is at work is what people come for; else the newest.
                let rows = &train.seen.rows;
                let first = rows.iter().find(|row| row.state.alive()).or(rows.first());
                train.chosen = first.map(|row| row.path.clone());
                train.preview = None;
                train.zoom = None;
            }
            self.serve_queue();
            self.ask_for_runs();
        }
        self.ask_for_preview();
        self.play_preview(ctx);
    }

    /// Starts the run whose turn it is.
    fn serve_queue(&mut self) {
        let train = &self.state.train;
        if !train.serves_queue || self.jobs.in_slot(Slot::Launch).is_some() {
            return;
        }
        let Some(next) = runs::launch::next(&train.seen.rows) else { return };
        let (folder, launcher) = (next.path.clone(), train.launcher.clone());
        let root = train.root.clone();
        self.jobs.start(Slot::Launch, text::starting(&next.name), move |_| {
            // What was seen is a moment old: another may have begun since.
            let now = runs::list(root.as_deref(), &[]);
            if runs::launch::next(&now).is_some_and(|row| row.path == folder) {
                runs::launch::start(launcher.as_ref(), &folder)?;
            }
            Ok(Made::Launched.into())
        });
    }

    fn ask_for_preview(&mut self) {
        let train = &self.state.train;
        let wanted = train.run().and_then(|run| Some(run.previews.get(train.preview_of(run)?)?.path.clone()));
        let Some(path) = wanted else {
            self.state.train.shown = None;
            return;
        };
        let known = train.shown.as_ref().is_some_and(|shown| shown.path == path);
        if known || self.memory.preview_asked.as_ref() == Some(&path) {
            return;
        }
        self.memory.preview_asked = Some(path.clone());
        self.jobs.start(Slot::Preview, text::STAGE_PREVIEW, move |_| {
            let latents = runs::read_preview(&path)?;
            let motions = latents.iter().map(|rows| Arc::new(Motion::of_coefficients(rows))).collect();
            Ok(Made::Preview(Shown { path, motions }).into())
        });
    }

    fn play_preview(&mut self, ctx: &Context) {
        let frames = self.state.train.frames();
        if !self.state.train.playing || self.state.workspace != Workspace::Train || frames == 0 {
            self.memory.preview_clock = 0.0;
            return;
        }
        let clock = self.memory.preview_clock + ctx.input(|input| f64::from(input.stable_dt.min(0.2)));
        let per_frame = 1.0 / f64::from(FRAMES_PER_SECOND);
        let ahead = (clock / per_frame).floor();
        self.memory.preview_clock = clock - ahead * per_frame;
        self.state.train.frame = (self.state.train.frame + ahead as usize) % frames;
        ctx.request_repaint_after(Duration::from_secs_f64(per_frame * 0.5));
    }

    /// Opens a run that is not under the root, or numbers of another program.
    pub(crate) fn take_run(&mut self, ctx: &Context, path: PathBuf) {
        let train = &mut self.state.train;
        let under_root = path.parent().is_some_and(|parent| Some(parent) == train.root.as_deref());
        if !under_root && !train.named.contains(&path) {
            train.named.push(path.clone());
        }
        self.show(ctx, Workspace::Train);
        self.look_at_run(path);
    }

    fn look_at_run(&mut self, path: PathBuf) {
        let train = &mut self.state.train;
        if train.chosen.as_ref() == Some(&path) {
            return;
        }
        train.compared.retain(|other| *other != path);
        train.chosen = Some(path);
        (train.preview, train.zoom, train.shown, train.frame) = (None, None, None, 0);
        self.memory.preview_asked = None;
        self.ask_for_runs();
    }

    fn step_run(&mut self, by: i32) {
        let train = &self.state.train;
        let rows = &train.seen.rows;
        let here = rows.iter().position(|row| Some(&row.path) == train.chosen.as_ref()).unwrap_or(0);
        let next = here.saturating_add_signed(by as isize).min(rows.len().saturating_sub(1));
        if let Some(path) = rows.get(next).map(|row| row.path.clone()) {
            self.look_at_run(path);
        }
    }

    fn compare_run(&mut self, path: PathBuf) {
        let train = &mut self.state.train;
        if train.chosen.as_ref() == Some(&path) {
            return;
        }
        match train.compared.iter().position(|other| *other == path) {
            Some(place) => drop(train.compared.remove(place)),
            None => {
                train.compared.truncate(MOST_COMPARED - 1);
                train.compared.push(path);
            }
        }
        train.settings = !train.compared.is_empty();
        self.ask_for_runs();
    }

    /// A small change on the disk, made by a worker, after which the runs are looked at again.
    fn change_run(
        &mut self,
        title: &str,
        change: impl FnOnce(&Control) -> clips::Result<()> + Send + 'static,
    ) {
        self.jobs.start(Slot::Runs, title, move |control| {
            change(control)?;
            Ok(Made::Launched.into())
        });
    }

    fn start_run(&mut self, ctx: &Context) {
        self.show(ctx, Workspace::Train);
        let open = self.state.library.corpus.as_ref().map(|corpus| corpus.root().to_owned());
        match self.state.train.launch(open.as_deref()) {
            Ok(launch) => self.enqueue(launch),
            Err(fault) => self.tell_of(ctx, &fault, Do::Start.text()),
        }
    }

    fn enqueue(&mut self, launch: Launch) {
        self.state.train.form.name.clear();
        let path = launch.run.clone();
        self.change_run(Do::Start.text(), move |_| {
            let launch = Launch { asked: runs_now(), ..launch };
            launch.enqueue()
        });
        self.state.train.named.retain(|known| *known != path);
        self.memory.run_awaited = Some(path);
    }

    /// Goes on with the run that is looked at: with the launch it was started with, else with the form's corpus.
    fn take_up(&mut self, ctx: &Context) {
        let open = self.state.library.corpus.as_ref().map(|corpus| corpus.root().to_owned());
        let train = &self.state.train;
        let Some(run) = train.run().filter(|run| run.state.resumable()) else { return };
        let launch = match &run.launch {
            Some(launch) => Some(Launch { resume: true, ..launch.as_ref().clone() }),
            // Started on a command line: its settings are in its folder, its corpus is not.
            None => {
                let corpus = match train.form.corpus.trim() {
                    "" => open,
                    typed => Some(PathBuf::from(typed)),
                };
                corpus.map(|corpus| taken_up(run, corpus))
            }
        };
        match launch {
            Some(launch) => {
                let named = train.root.as_deref() != run.path.parent();
                // A folder elsewhere has no queue; it is started at once.
                if named {
                    let (folder, launcher) = (run.path.clone(), train.launcher.clone());
                    self.change_run(Do::TakeUp.text(), move |_| {
                        Launch { asked: runs_now(), ..launch }.enqueue()?;
                        runs::launch::start(launcher.as_ref(), &folder).map(drop)
                    });
                } else {
                    self.enqueue(launch);
                }
            }
            None => {
                let fault = Fault::new(clips::FaultKind::BadRequest, &run.path, text::NO_CORPUS_OF_RUN)
                    .remedy("open its corpus, or write the folder into the form, and try again");
                self.tell_of(ctx, &fault, Do::TakeUp.text());
            }
        }
    }

    fn export_run(&mut self, events: bool) {
        let Some(run) = self.state.train.run() else { return };
        let (path, name) = (run.path.clone(), run.name.clone());
        let began = self.state.train.row().map_or(0.0, |row| row.began);
        self.jobs.start(Slot::Export, text::STAGE_EXPORT_RUN, move |control| {
            let into = if events {
                rfd::FileDialog::new().pick_folder()
            } else {
                rfd::FileDialog::new().set_file_name(format!("{name}.csv")).save_file()
            };
            let into = into.ok_or_else(Fault::cancelled)?;
            let table = Table::read(&path, control)?;
            let written = if events {
                table.write_events(&into.join(&name), began)?
            } else {
                table.write_csv(&into)?;
                into
            };
            Ok(Made::Written(written).into())
        });
    }

    fn export_chart(&mut self, chart: Chart) {
        let Some(run) = self.state.train.run() else { return };
        let trend = charts::trend(&self.state.train, run, &chart);
        let style = figure::style(self.state.theme);
        let name = format!("{}-{}", run.name, trend.title.to_lowercase().replace(' ', "-"));
        self.jobs.start(Slot::Export, text::STAGE_EXPORT_RUN, move |_| {
            let dialog = rfd::FileDialog::new().add_filter("picture", &["png", "svg"]);
            let into =
                dialog.set_file_name(format!("{name}.png")).save_file().ok_or_else(Fault::cancelled)?;
            let drawing = trend.draw(&style, figures::Size::new(720.0, 360.0));
            let bytes = match into.extension() {
                Some(kind) if kind == "svg" => figures::svg(&drawing).into_bytes(),
                _ => figures::png(&drawing, 2.0)?,
            };
            clips::array::write_atomically(&into, |file| std::io::Write::write_all(file, &bytes))?;
            Ok(Made::Written(into).into())
        });
    }

    /// Something on the disk was changed by a worker: look again.
    pub(crate) fn runs_changed(&mut self) {
        if let Some(path) = self.memory.run_awaited.take() {
            self.look_at_run(path);
        }
        self.ask_for_runs();
        if let Some(watcher) = &mut self.watcher {
            watcher.ask_again();
        }
    }

    fn tell_of(&mut self, ctx: &Context, fault: &Fault, about: &str) {
        self.tell(Message {
            severity: Severity::Failure,
            about: about.to_owned(),
            what: fault.detail.clone(),
            remedy: fault.remedy.clone(),
            at: ctx.input(|input| input.time),
            floating: true,
        });
    }
}

fn runs_now() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// The settings of a compared system's run that differ from its preset; `None` for the paper's own.
fn changes_of_course(run: &runs::Run, system: &str, preset: &str) -> Option<Vec<String>> {
    let usual = training::course::course(system)?.plan(preset).ok()?;
    let own: training::course::Plan = run.config.as_ref().clone().try_into().ok()?;
    let changes = own.differences(&usual).ok()?;
    Some(changes.into_iter().map(|(key, _, value)| format!("{key}={value}")).collect())
}

/// The launch of a run that was started elsewhere: its settings against its preset.
fn taken_up(run: &runs::Run, corpus: PathBuf) -> Launch {
    let text = |key: &str, absent: &str| {
        run.config.get(key).and_then(toml::Value::as_str).unwrap_or(absent).to_owned()
    };
    let (system, preset) = (text("system", "latent-intent"), text("preset", "tiny"));
    if let Some(set) = changes_of_course(run, &system, &preset) {
        return Launch { system, preset, corpus, run: run.path.clone(), set, resume: true, asked: 0.0 };
    }
    let mut form =
        crate::train::Form { system: system.clone(), preset: preset.clone(), ..Default::default() };
    let config = training::course::flat(&run.config);
    for (key, value) in config.iter().filter(|(key, _)| !["system", "preset"].contains(&key.as_str())) {
        form.write(key, &crate::train::shown(value));
    }
    let set = form.config().map(|(_, set)| set).unwrap_or_default();
    Launch { system, preset, corpus, run: run.path.clone(), set, resume: true, asked: 0.0 }
}
