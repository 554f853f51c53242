//! The one place where commands are carried out and answers of workers are taken in.

use clips::Fault;
use egui::{Context, ViewportCommand};

use crate::app::Studio;
use crate::commands::Command;
use crate::desk::Overlay;
use crate::dialogs;
use crate::evaluate::Opened;
use crate::jobs::{Done, Slot};
use crate::lane::Painted;
use crate::library::ClipKey;
use crate::people::{Cast, People};
use crate::state::{Maker, Message, Severity, State, SystemRow, Workspace, file_name};
use crate::text;
use crate::theme::{self};
use crate::tracks::{FIRST_TRACKS, View};
use crate::work::{self, Answer, ClipSource, Made};

/// Longest time a message floats, in seconds.
fn float_seconds(severity: Severity) -> f64 {
    match severity {
        Severity::Note => 4.0,
        Severity::Warning => 9.0,
        Severity::Failure => 20.0,
    }
}

impl Studio {
    /// Carries out one command.
    pub fn act(&mut self, ctx: &Context, command: Command) {
        let now = ctx.input(|input| input.time);
        match command {
            Command::OpenFiles => self.ask_for_files(false),
            Command::OpenHead => {
                self.jobs.start(Slot::Dialog, "Choosing a head", |_| {
                    Ok(Made::Picked(vec![dialogs::head(text::TYPE_PATH)?]).into())
                });
            }
            Command::OpenFolder => self.ask_for_files(true),
            Command::TypePath => {
                self.state.list_open = true;
                self.state.workspace = Workspace::Compare;
                self.memory.path_focus = true;
            }
            Command::Open(path) => {
                let title = format!("Opening {}", file_name(&path));
                self.jobs.start(Slot::Open, title, move |control| work::open(&path, control));
            }
            Command::PlayPause => self.playback.toggle(),
            Command::StepBack => self.playback.step(-1),
            Command::StepForward => self.playback.step(1),
            Command::ShuttleBack => self.playback.shuttle_backward(now),
            Command::ShuttleStop => self.playback.stop(true),
            Command::ShuttleForward => self.playback.shuttle_forward(),
            Command::ToStart => self.playback.seek(0),
            Command::ToEnd => self.playback.seek(self.state.frames().saturating_sub(1)),
            Command::Seek(frame) => self.playback.seek(frame),
            Command::MarkIn => self.playback.mark_in(),
            Command::MarkOut => self.playback.mark_out(),
            Command::Loop(a, b) => self.playback.set_loop(Some((a, b))),
            Command::ClearLoop => self.playback.set_loop(None),
            Command::NextRate => {
                let rate = self.playback.transport().rate();
                let next = crate::playback::RATES.into_iter().find(|next| *next > rate + 1e-6);
                self.playback.transport().set_rate(next.unwrap_or(crate::playback::RATES[0]));
            }
            Command::Mute => self.playback.transport().set_muted(!self.playback.transport().muted()),
            Command::Latent(tile) => {
                if tile < self.state.tiles().len() {
                    self.state.tile = tile;
                }
            }
            Command::BestLatent => {
                let reactions = &self.state.reactions;
                let best =
                    self.state.tiles().into_iter().enumerate().min_by_key(|(_, index)| {
                        reactions.all[*index].take.header.rank.unwrap_or(usize::MAX)
                    });
                if let Some((tile, _)) = best {
                    self.state.tile = tile;
                }
            }
            Command::Sample(sample) => {
                self.state.sample = sample.min(self.state.reactions.samples().saturating_sub(1))
            }
            Command::Clip(key) => self.choose_clip(key),
            Command::NextClip => self.step_clip(1),
            Command::PreviousClip => self.step_clip(-1),
            Command::AddTrack(track) => {
                if !self.state.tracks.contains(&track) {
                    self.state.tracks.push(track);
                }
            }
            Command::RemoveTrack(track) => {
                self.state.tracks.retain(|shown| *shown != track);
                self.memory.tracks.remove(&track);
            }
            Command::ResetTracks => self.state.tracks = FIRST_TRACKS.to_vec(),
            Command::View(view) => self.state.view = view,
            Command::ZoomIn => self.zoom(1.6),
            Command::ZoomOut => self.zoom(1.0 / 1.6),
            Command::ZoomAll => self.state.view = View::whole(self.state.frames()),
            Command::ZoomLoop => {
                if let Some((a, b)) = self.playback.transport().looped() {
                    let air = (b - a) as f64 * 0.08 + 2.0;
                    let view = View { first: a as f64 - air, last: b as f64 + air };
                    self.state.view = view.moved(0.0, self.state.frames());
                }
            }
            Command::Generate => self.generate(),
            Command::Cancel => self.jobs.stop(Slot::Takes),
            Command::System(index) => {
                if index < self.state.systems.len() {
                    self.state.system = index;
                    self.generate();
                }
            }
            Command::Show(workspace) => self.show(ctx, workspace),
            Command::Do(what) => self.evaluating(ctx, what),
            Command::Train(what) => self.training(ctx, what),
            Command::Explore(what) => self.exploring(ctx, what),
            Command::Face(what) => self.setting_face(ctx, what),
            Command::Present => {
                let other = match self.state.workspace {
                    Workspace::Present => Workspace::Compare,
                    _ => Workspace::Present,
                };
                self.show(ctx, other);
            }
            Command::PresentOne => {
                self.state.present_one = !self.state.present_one;
                self.show(ctx, Workspace::Present);
            }
            Command::SwitchTheme => {
                self.state.theme = self.state.theme.other();
                theme::apply(ctx, self.state.theme);
            }
            Command::ToggleList => self.state.list_open = !self.state.list_open,
            Command::ToggleInspector => self.state.inspector_open = !self.state.inspector_open,
            Command::SpeakerVideo => self.state.speaker_video = !self.state.speaker_video,
            Command::ListenerVideo => self.state.listener_video = !self.state.listener_video,
            Command::ToggleGhost => self.state.ghost = !self.state.ghost,
            Command::Overlay(overlay) => self.state.overlays.toggle(overlay),
            Command::Turn(seat, by) => self.state.cameras.turn(seat, by),
            Command::BuiltinHead => {
                let seeds = self.state.people.seeds(self.state.tiles().len());
                self.start_faces(Cast { head: None, seeds });
            }
            Command::People(people) => self.state.people = people,
            Command::DifferentPeople => {
                self.state.people = match self.state.people {
                    People::One(_) => People::Each,
                    People::Each => People::default(),
                }
            }
            Command::OwnCameras => self.state.cameras.switch(),
            Command::ResetCameraOf(seat) => self.state.cameras.reset_one(seat),
            Command::ResetCamera => self.state.cameras.reset(),
            Command::ResetLayout => {
                let State { tracks, cameras, list_open, inspector_open, .. } = State::default();
                self.state.tracks = tracks;
                self.state.cameras = cameras;
                self.state.list_open = list_open;
                self.state.inspector_open = inspector_open;
                self.state.view = View::whole(self.state.frames());
            }
            Command::Wish(wishes) => self.state.wishes = wishes,
            Command::Paint(part) => self.paint(|lane| lane.paint(part)),
            Command::Unpaint(from, to) => self.paint(|lane| lane.clear(from, to)),
            Command::PaintLoop => {
                if let Some((from, to)) = self.playback.transport().looped() {
                    let part = Painted { from, to, latent: self.state.brush() };
                    self.paint(|lane| lane.paint(part));
                }
            }
            Command::Average => {
                self.state.average = !self.state.average;
                self.make_extras();
            }
            Command::Beside => {
                self.state.beside = !self.state.beside;
                if self.state.beside {
                    self.start_plain();
                }
                self.make_extras();
            }
            Command::ClearLane => self.paint(|lane| lane.clear(0, usize::MAX)),
            Command::Search(words) => {
                self.state.library.search = words;
                self.state.library.refresh();
            }
            Command::Shelf(shelf) => {
                self.state.library.shelf = shelf;
                self.state.library.refresh();
            }
            Command::CheckCorpus => self.check_corpus(),
            Command::CancelCheck => self.jobs.stop(Slot::Check),
            Command::Check => self.open(Overlay::Check),
            Command::ShowClip(key) => {
                self.memory.search.clear();
                self.state.library.show_everything();
                self.state.library.shelf = Some(key.shelf());
                self.state.library.refresh();
                self.choose_clip(key);
            }
            Command::Facet(facet) => {
                self.state.library.facet = facet;
                self.state.library.refresh();
            }
            Command::Dismiss(index) => {
                if let Some(message) = self.state.messages.get_mut(index) {
                    message.floating = false;
                }
            }
            Command::Palette => self.open(Overlay::Palette),
            Command::Help => self.open(Overlay::Help),
            Command::Messages => self.open(Overlay::Messages),
            Command::Close => self.close(ctx),
        }
    }

    /// Something is wrong with a video that is shown; the rest goes on.
    pub(crate) fn tell_of_video(&mut self, ctx: &Context, fault: &Fault) {
        let now = ctx.input(|input| input.time);
        let message = message_of(fault, text::label::VIDEO, now);
        self.tell(Message { severity: Severity::Warning, ..message });
    }

    fn open(&mut self, overlay: Overlay) {
        self.memory.overlay = if self.memory.overlay == overlay { Overlay::None } else { overlay };
        self.memory.palette_query.clear();
        self.memory.palette_row = 0;
    }

    fn close(&mut self, ctx: &Context) {
        if self.memory.overlay != Overlay::None {
            self.memory.overlay = Overlay::None;
        } else if self.state.train.card.is_some() && self.state.workspace == Workspace::Train {
            self.state.train.card = None;
        } else if self.state.workspace == Workspace::Present {
            self.show(ctx, Workspace::Compare);
        } else if let Some(message) = self.state.messages.iter_mut().rev().find(|message| message.floating) {
            message.floating = false;
        } else if self.playback.marked().is_some() || self.playback.transport().looped().is_some() {
            self.playback.set_loop(None);
        }
    }

    pub(crate) fn show(&mut self, ctx: &Context, workspace: Workspace) {
        if workspace == Workspace::Evaluate {
            self.start_plain();
        }
        if workspace == Workspace::Train {
            self.follow_runs(ctx);
        }
        if self.state.workspace != workspace {
            self.state.workspace = workspace;
            ctx.send_viewport_cmd(ViewportCommand::Fullscreen(workspace == Workspace::Present));
            self.ask_for_runs();
        }
    }

    fn zoom(&mut self, by: f64) {
        let about = self.playback.moment();
        let about = if (self.state.view.first..=self.state.view.last).contains(&about) {
            about
        } else {
            (self.state.view.first + self.state.view.last) * 0.5
        };
        self.state.view = self.state.view.zoomed(by, about, self.state.frames());
    }

    fn ask_for_files(&mut self, folder: bool) {
        self.jobs.start(Slot::Dialog, "Choosing what to open", move |_| {
            let picked = if folder {
                vec![dialogs::folder(text::TYPE_PATH)?]
            } else {
                dialogs::files(text::TYPE_PATH)?
            };
            Ok(Made::Picked(picked).into())
        });
    }

    fn step_clip(&mut self, by: isize) {
        let rows = &self.state.library.rows;
        let here = rows.iter().position(|row| Some(row.key) == self.state.chosen_clip);
        let next = match here {
            Some(here) => here.saturating_add_signed(by).min(rows.len().saturating_sub(1)),
            None => 0,
        };
        if let Some(row) = rows.get(next).filter(|_| here != Some(next)) {
            let key = row.key;
            self.choose_clip(key);
        }
    }

    /// Where a clip of the list is read from.
    pub(crate) fn source(&self, key: ClipKey) -> Option<ClipSource> {
        let library = &self.state.library;
        match key {
            ClipKey::Demo(index) => library.demos.get(index).cloned().map(ClipSource::Demo),
            ClipKey::File(index) => library.files.get(index).cloned().map(ClipSource::File),
            ClipKey::Corpus(split, index) => {
                let corpus = library.corpus.clone()?;
                let entry = corpus.clips(split).get(index)?.clone();
                Some(ClipSource::Entry(corpus, Box::new(entry)))
            }
        }
    }

    pub(crate) fn choose_clip(&mut self, key: ClipKey) {
        let Some(source) = self.source(key) else { return };
        self.state.chosen_clip = Some(key);
        self.memory.reveal_clip = true;
        self.jobs.stop(Slot::Takes);
        self.jobs
            .start(Slot::Clip, "Reading the clip", move |control| work::load_clip(key, &source, control));
    }

    /// Starts reading every file of the corpus; what it finds is shown on top.
    fn check_corpus(&mut self) {
        self.memory.overlay = Overlay::Check;
        let Some(corpus) = self.state.library.corpus.clone() else { return };
        self.jobs.start(Slot::Check, "Checking the corpus", move |control| work::check(&corpus, control));
    }

    /// Starts making the reactions that were scored of the chosen clip.
    fn show_as_scored(&mut self, opened: Opened) {
        let system =
            self.state.systems.get(self.state.system).map_or_else(String::new, |row| row.name.clone());
        self.jobs.start(Slot::Takes, "Making the scored reactions", move |control| {
            work::react_as_scored(&opened, &system, control)
        });
    }

    /// Starts making reactions to the chosen clip with the chosen system.
    fn generate(&mut self) {
        self.state.evaluate.opened = None;
        let (Some(clip), Some(row)) = (&self.state.clip, self.state.systems.get(self.state.system)) else {
            return;
        };
        let (row, wishes): (SystemRow, _) = (row.clone(), self.state.wishes.clone());
        let clip = clip.clone();
        self.jobs.start(Slot::Takes, "Generating reactions", move |control| {
            work::react(&row, &clip, &wishes, control)
        });
    }

    /// Takes in the answers of workers.
    pub(crate) fn take_in(&mut self, ctx: &Context) {
        for done in self.jobs.drain() {
            let now = ctx.input(|input| input.time);
            let Done { slot, title, result, .. } = done;
            match result {
                Ok(answer) => {
                    if !matches!(slot, Slot::Sparklines | Slot::Figures | Slot::Paired | Slot::Start) {
                        self.state.succeeded_at = now;
                    }
                    self.take_in_one(ctx, now, &title, answer);
                }
                // A dialog that was closed without a choice is nothing to talk about, nor what belonged to the clip before.
                Err(fault)
                    if fault.is_cancelled() && matches!(slot, Slot::Dialog | Slot::Export | Slot::Extras) => {
                }
                Err(fault) => {
                    if slot == Slot::Evaluate {
                        // What is finished stays; one that failed does not keep the others from their turn.
                        self.scoring_failed(&fault);
                    }
                    if slot == Slot::Export && fault.kind == clips::FaultKind::Unsupported {
                        self.memory.export_to.get_or_insert_default();
                        self.memory.export_focus = true;
                    }
                    if matches!(slot, Slot::Runs | Slot::Launch) {
                        self.memory.run_awaited = None;
                        self.runs_changed();
                    }
                    if slot == Slot::Clip {
                        // What was shown before stays, and the list says so.
                        self.state.chosen_clip = self.state.clip.as_ref().map(|clip| clip.key);
                    }
                    self.tell(message_of(&fault, &title, now));
                }
            }
        }
    }

    fn take_in_one(&mut self, ctx: &Context, now: f64, title: &str, answer: Answer) {
        // what a head was made fit with is no fault of it
        let notes = matches!(answer.made, Made::Faces(..));
        for (index, warning) in answer.warnings.iter().enumerate() {
            let message = Message {
                severity: if notes { Severity::Note } else { Severity::Warning },
                about: title.to_owned(),
                what: warning.clone(),
                remedy: String::new(),
                at: now,
                floating: index < 2,
            };
            self.tell(message);
        }
        match answer.made {
            Made::Demos(demos) => {
                self.state.library.demos = demos;
                self.state.library.refresh();
                if self.state.chosen_clip.is_none() && !self.opened_by_arguments {
                    self.choose_clip(ClipKey::Demo(0));
                }
            }
            // one that was made for a window that is gone draws nothing here
            Made::Faces(renderer, cast, moves) => {
                if moves == self.moves {
                    self.faces.set_renderer(*renderer);
                    self.state.head.clone_from(&cast.head);
                    self.cast = cast;
                    if let Some(head) = self.head_of_last_time() {
                        // it was told of when it was opened
                        self.asked.head = Some(head.clone());
                        self.start_faces(Cast { head: Some(head), seeds: self.cast.seeds.clone() });
                    }
                }
            }
            Made::Head(path) => {
                let tiles = self.state.tiles().len();
                self.start_faces(Cast { head: Some(path), seeds: self.state.people.seeds(tiles) });
            }
            Made::System(row) => self.take_system(row),
            Made::Corpus(corpus) => {
                self.memory.sparklines.retain(|key, _| !matches!(key, ClipKey::Corpus(..)));
                self.memory.search.clear();
                self.jobs.stop(Slot::Check);
                self.state.check = None;
                self.jobs.stop(Slot::Evaluate);
                self.state.evaluate.clear();
                self.jobs.stop(Slot::Explore);
                self.state.explore.found = None;
                if let Some(first) = self.state.library.set_corpus(corpus) {
                    self.choose_clip(first);
                }
            }
            Made::Split(split) => self.take_split(split),
            Made::Scored(choice, scored, board) => self.take_scored(choice, *scored, board),
            Made::Board(board) => self.take_board(board),
            Made::Compared(wanted, found) => self.memory.comparison = Some((wanted, found)),
            Made::Exported(folder) => self.tell(Message {
                severity: Severity::Note,
                about: title.to_owned(),
                what: text::exported(&folder),
                remedy: String::new(),
                at: now,
                floating: true,
            }),
            Made::Checked(report, faults) => {
                // The answer may be of a corpus that has been closed meanwhile.
                if self.state.library.corpus.as_ref().is_some_and(|corpus| corpus.root() == report.root) {
                    self.state.check = Some(report);
                    self.state.library.faults = faults;
                    self.state.library.refresh();
                }
            }
            Made::Sound(path) => {
                let files = &mut self.state.library.files;
                let index = files.iter().position(|known| *known == path).unwrap_or_else(|| {
                    files.push(path);
                    files.len() - 1
                });
                self.state.library.shelf = None;
                self.memory.search.clear();
                self.state.library.show_everything();
                self.state.library.refresh();
                self.choose_clip(ClipKey::File(index));
            }
            Made::Clip(clip) => {
                self.state.clip = Some(*clip);
                self.state.lane = Default::default();
                // what was being made beside the reactions belongs to the clip before
                self.jobs.stop(Slot::Extras);
                self.state.reactions = Default::default();
                self.state.generation += 1;
                let frames = self.state.frames();
                self.state.view = View::whole(frames);
                let sound = self.state.clip.as_ref().and_then(|clip| clip.speaker.streams.sound.clone());
                self.playback.stop(true);
                self.playback.transport().load(sound, frames);
                self.playback.set_loop(None);
                let key = self.state.clip.as_ref().map(|clip| clip.key);
                match self.state.evaluate.opened.clone().filter(|opened| Some(opened.key) == key) {
                    Some(opened) => self.show_as_scored(opened),
                    None => {
                        self.choose_fitting_system(now);
                        self.generate();
                    }
                }
            }
            Made::Reactions(reactions) => {
                self.state.reactions = *reactions;
                self.state.generation += 1;
                self.state.sample = self.state.sample.min(self.state.reactions.samples().saturating_sub(1));
                if !std::mem::replace(&mut self.kept_tile, true)
                    || self.state.tile >= self.state.tiles().len()
                {
                    self.act(ctx, Command::BestLatent);
                }
                self.make_extras();
            }
            Made::Picked(paths) => {
                for path in paths {
                    self.act(ctx, Command::Open(path));
                }
            }
            Made::Run(path) => self.take_run(ctx, path),
            Made::Preview(shown) => {
                if self.memory.preview_asked.as_ref() == Some(&shown.path) {
                    self.state.train.frame =
                        self.state.train.frame.min(
                            shown.motions.first().map_or(0, |motion| motion.frames.len()).saturating_sub(1),
                        );
                    self.state.train.shown = Some(shown);
                }
            }
            Made::Card(name, words) => self.state.train.card = Some((name, words)),
            Made::CorpusOfForm(picked) => {
                if let Some(path) = picked {
                    self.state.train.form.corpus = path.display().to_string();
                }
            }
            Made::Extras(reactions) => {
                self.state.reactions = *reactions;
                self.state.generation += 1;
                // the chosen latent stays chosen: it is what the next drag paints with
                self.state.tile = self.state.tile.min(self.state.tiles().len().saturating_sub(1));
            }
            Made::Recognised(posterior) => self.state.posterior = Some(posterior),
            Made::Explored(found) => self.take_explored(*found),
            Made::Named(hash, names) => {
                self.state.explore.names.insert(hash, names);
                self.state.explore.generation += 1;
            }
            Made::Launched => self.runs_changed(),
            Made::Remembered => {}
            Made::Written(path) => self.tell(Message {
                severity: Severity::Note,
                about: title.to_owned(),
                what: text::written(&path),
                remedy: String::new(),
                at: now,
                floating: true,
            }),
            Made::Figures(figures) => self.memory.figures.extend(figures),
            Made::Sparklines(pictures) => {
                for (key, picture) in pictures {
                    self.memory.sparklines.insert(key, Some(picture));
                }
            }
        }
    }

    /// Predictions of another program answer the clips they were made for; any other clip goes to a system that can
    /// answer it, and the window says so.
    fn choose_fitting_system(&mut self, now: f64) {
        let (Some(clip), Some(row)) = (&self.state.clip, self.state.systems.get(self.state.system)) else {
            return;
        };
        if row.fits(clip.key) {
            return;
        }
        let Some(other) = self.state.systems.iter().position(|other| other.fits(clip.key)) else { return };
        let message = Message {
            severity: Severity::Note,
            about: row.name.clone(),
            what: crate::text::answers_other_clips(&self.state.systems[other].name),
            remedy: String::new(),
            at: now,
            floating: true,
        };
        self.state.system = other;
        self.tell(message);
    }

    fn take_system(&mut self, mut row: SystemRow) {
        self.ask_for_names(&row);
        if let Maker::Imported(imported) = &row.maker {
            row.answers = self.state.library.answered_by(imported.clips(), self.state.chosen_clip);
        }
        if row.name == crate::text::SHIPPED_PLAIN {
            // Beside the shipped one, for whoever asks for it.
            let place = self.state.systems.iter().position(|known| known.name == crate::text::SHIPPED_SYSTEM);
            let place = place.map_or(0, |place| place + 1);
            self.state.systems.insert(place, row);
            if self.state.systems.len() > 1 && self.state.system >= place {
                self.state.system += 1;
            }
            return self.came_beside();
        }
        let shipped = listener::shipped_names();
        let place = |origin: &str| shipped.iter().position(|name| *name == origin);
        if let Some(own) = place(&row.origin).filter(|place| *place >= 2) {
            // A compared system that ships is there to be chosen, and takes nobody's place; the order is always the same.
            let behind = |known: &SystemRow| place(&known.origin).is_some_and(|other| other > own);
            let at = self.state.systems.iter().position(behind).unwrap_or(self.state.systems.len());
            self.state.systems.insert(at, row);
            if self.state.systems.len() > 1 && self.state.system >= at {
                self.state.system += 1;
            }
            return self.came_beside();
        }
        let shipped = row.name == crate::text::SHIPPED_SYSTEM;
        if shipped {
            // The shipped one never takes over from what the user opened.
            self.state.systems.insert(0, row);
            self.state.system = if self.state.systems.len() == 1 { 0 } else { self.state.system + 1 };
        } else {
            self.state.systems.retain(|known| known.origin != row.origin);
            self.state.systems.push(row);
            self.state.system = self.state.systems.len() - 1;
        }
        if !shipped || self.state.reactions.all.is_empty() {
            self.generate();
        }
    }

    /// A system came that nobody chose: it answers where all systems are asked.
    fn came_beside(&mut self) {
        if self.state.beside {
            self.make_extras();
        }
    }

    /// Adds a message.
    pub(crate) fn tell(&mut self, message: Message) {
        self.state.messages.push(message);
    }

    /// Ends the floating of old messages; returns the seconds until the next one ends.
    pub(crate) fn age_messages(&mut self, now: f64) -> Option<f64> {
        let mut next: Option<f64> = None;
        for message in self.state.messages.iter_mut().filter(|message| message.floating) {
            let left = message.at + float_seconds(message.severity) - now;
            message.floating = left > 0.0;
            if message.floating {
                next = Some(next.map_or(left, |next| next.min(left)));
            }
        }
        next
    }
}

/// A fault as a message; a stop on request is good to know and no failure.
pub(crate) fn message_of(fault: &Fault, title: &str, now: f64) -> Message {
    let severity = if fault.is_cancelled() { Severity::Note } else { Severity::Failure };
    let about = if fault.path.as_os_str().is_empty() { title.to_owned() } else { file_name(&fault.path) };
    let mut what = String::new();
    if !fault.place.is_empty() {
        what = format!("{}: ", fault.place);
    }
    what += &fault.detail;
    if let Some(folder) = fault.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        what += &format!(" (in {})", folder.display());
    }
    Message { severity, about, what, remedy: fault.remedy.clone(), at: now, floating: true }
}
