//! One frame of the window and its keys.
//!
//! [`Studio`] knows nothing of eframe: the same code is drawn by the window ([`crate::window`]), by tests and by the
//! off-screen scenes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use clips::Fault;
use egui::{Context, Frame, Margin, Modal, Panel, Stroke, Ui};
use egui_wgpu::RenderState;
use media::{ClockKind, Transport};

use crate::Options;
use crate::act_settings::Keeper;
use crate::canvas::Canvas;
use crate::commands::Command;
use crate::desk::{Desk, Memory, Overlay};
use crate::faces::Faces;
use crate::jobs::{Jobs, Slot};
use crate::library::ClipKey;
use crate::panels;
use crate::people::{Cast, People};
use crate::playback::Playback;
use crate::sheets::Sheets;
use crate::state::{State, SystemRow, Workspace};
use crate::text;
use crate::theme::{self, size};
use crate::video::Videos;
use crate::work::{self, Answer, Made};

/// Time for drawing faces in one window frame.
pub(crate) const FACE_BUDGET: Duration = Duration::from_millis(24);
/// Small pictures asked of one worker at a time.
const SPARKLINES_AT_ONCE: usize = 24;

/// Everything behind a window.
pub struct Studio {
    /// What is loaded and looked at.
    pub state: State,
    /// Time.
    pub playback: Playback,
    pub(crate) jobs: Jobs<Answer>,
    /// The window that workers wake.
    window: Arc<Mutex<Context>>,
    /// Windows it has moved out of.
    pub(crate) moves: u32,
    pub(crate) faces: Faces,
    pub(crate) sheets: Sheets,
    /// What the shown faces are made of.
    pub(crate) cast: Cast,
    /// What was last asked for.
    pub(crate) asked: Cast,
    /// Videos of the people.
    pub videos: Videos,
    pub(crate) memory: Memory,
    pub(crate) watcher: Option<runs::Watcher>,
    pub(crate) opened_by_arguments: bool,
    /// Where it is kept how the window looks.
    pub(crate) keeper: Option<Keeper>,
    pub(crate) kept_tile: bool,
    /// Time for faces in one frame; `None` draws all, however long it takes.
    pub(crate) face_budget: Option<Duration>,
    commands: Vec<Command>,
}

impl Studio {
    /// A studio that loads what ships with the program and opens what `options` name. `gpu` draws the faces;
    /// without it there are none. Time comes from `transport`.
    pub fn new(ctx: &Context, gpu: Option<RenderState>, options: &Options, transport: Transport) -> Self {
        keep_canvas(ctx, gpu.as_ref());
        let mut studio = Self::bare(ctx, gpu, transport);
        studio.opened_by_arguments = options.open.iter().any(|path| crate::work::is_looked_at(path));
        if let Some(file) = &options.settings {
            studio.remember_in(ctx, file.clone());
        }
        studio.start_shipped();
        for path in &options.open {
            studio.act(ctx, Command::Open(path.clone()));
        }
        studio
    }

    /// A studio that loads nothing by itself.
    pub fn bare(ctx: &Context, gpu: Option<RenderState>, transport: Transport) -> Self {
        theme::install(ctx);
        let state = State::default();
        theme::apply(ctx, state.theme);
        let window = Arc::new(Mutex::new(ctx.clone()));
        let wake = window.clone();
        let mut studio = Self {
            state,
            playback: Playback::new(transport),
            jobs: Jobs::new(move || repaint(&wake)),
            window,
            moves: 0,
            sheets: Sheets::new(gpu.clone()),
            memory: Memory { adapter: adapter_of(gpu.as_ref()), ..Memory::default() },
            faces: Faces::new(gpu),
            cast: Cast::default(),
            asked: Cast::default(),
            videos: Videos::default(),
            watcher: None,
            opened_by_arguments: false,
            keeper: None,
            kept_tile: false,
            face_budget: Some(FACE_BUDGET),
            commands: Vec::new(),
        };
        studio.start_faces(Cast { head: None, seeds: vec![0] });
        studio
    }

    /// Goes on in another window, with another device: everything that is loaded, chosen or running stays; what lay on the old
    /// device is made again.
    pub fn move_in(&mut self, ctx: &Context, gpu: Option<RenderState>) {
        theme::install(ctx);
        theme::apply(ctx, self.state.theme);
        keep_canvas(ctx, gpu.as_ref());
        if let Ok(mut window) = self.window.lock() {
            *window = ctx.clone();
        }
        self.moves += 1;
        self.sheets = Sheets::new(gpu.clone());
        self.memory = Memory {
            adapter: adapter_of(gpu.as_ref()),
            run_awaited: self.memory.run_awaited.take(),
            ..Memory::default()
        };
        self.faces = Faces::new(gpu);
        self.videos = Videos::default();
        // the clock of a window begins with it
        self.state.messages.iter_mut().for_each(|message| message.at = 0.0);
        if self.watcher.take().is_some() {
            self.follow_runs(ctx);
        }
        // what was shown; a head that was asked for and refused is not
        let cast = if self.cast.seeds.is_empty() { &self.asked } else { &self.cast };
        self.start_faces(cast.clone());
    }

    /// Prepares the renderer, with another head if one is named; until it is ready, and when it is refused, the faces
    /// stay as they are.
    pub(crate) fn start_faces(&mut self, cast: Cast) {
        let another = self.asked.head != cast.head;
        self.asked = cast.clone();
        let Some(gpu) = self.faces.gpu() else { return };
        let (device, queue, moves) = (gpu.device.clone(), gpu.queue.clone(), self.moves);
        let (slot, title) = match &cast.head {
            None => (Slot::Start, "Preparing faces".to_owned()),
            Some(path) => (Slot::Open, format!("Opening the head {}", crate::state::file_name(path))),
        };
        self.jobs.start(slot, title, move |control| {
            let mut warnings = Vec::new();
            let mut heads = Vec::with_capacity(cast.seeds.len());
            for (number, seed) in cast.seeds.iter().enumerate() {
                control.step(text::STAGE_PEOPLE, number as u64, cast.seeds.len() as u64, "")?;
                heads.push(match &cast.head {
                    None => {
                        face::heads::builtin_person(*seed).map_err(|error| of_face(&error.to_string()))?
                    }
                    Some(path) => {
                        let cache =
                            study::Cache::usual_place().and_then(|place| Some(place.parent()?.join("heads")));
                        let options = face::heads::Options { cache, identity: *seed };
                        let opened =
                            face::heads::open(path, &options).map_err(|error| of_head(path, &error))?;
                        let notes = opened.report.notes.iter().filter(|_| another && number == 0);
                        warnings.extend(notes.map(|note| format!("{}: {note}", opened.report.format)));
                        opened.head
                    }
                });
            }
            let renderer = face::Renderer::with_people(&device, &queue, &heads)
                .map_err(|error| of_face(&error.to_string()))?;
            Ok(crate::work::Answer { made: Made::Faces(Box::new(renderer), cast, moves), warnings })
        });
    }

    /// Asks for the people of the wall when they are not those that were asked for last. A job that prepares faces is
    /// waited for: while a number is dragged only some are made.
    fn ask_for_people(&mut self) {
        let preparing = [Slot::Start, Slot::Open].iter().any(|slot| self.jobs.in_slot(*slot).is_some());
        let seeds = self.state.people.seeds(self.state.tiles().len());
        // a wall that has become smaller keeps its people
        if preparing || (self.asked.seeds.starts_with(&seeds) && self.state.people == People::Each) {
            return;
        }
        if self.asked.seeds != seeds {
            self.start_faces(Cast { head: self.cast.head.clone(), seeds });
        }
    }

    fn start_shipped(&mut self) {
        self.jobs.start(Slot::Start, "Loading the demo clips", |_| {
            Ok(Made::Demos(speech::demo::clips().to_vec()).into())
        });
        self.jobs.start(Slot::Start, "Loading the shipped system", |_| {
            let row = SystemRow {
                name: text::SHIPPED_SYSTEM.to_owned(),
                origin: text::SHIPPED_ORIGIN.to_owned(),
                maker: crate::state::Maker::System(listener::demo()?),
                answers: None,
                file: None,
            };
            Ok(Made::System(row).into())
        });
    }

    /// One frame of the window.
    pub fn ui(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        self.before(&ctx);
        let mut desk = Desk {
            state: &self.state,
            playback: &self.playback,
            jobs: &self.jobs,
            faces: &mut self.faces,
            sheets: &mut self.sheets,
            videos: &mut self.videos,
            memory: &mut self.memory,
            tokens: self.state.theme.tokens(),
            commands: &mut self.commands,
        };
        draw(&mut desk, ui);
        if self.faces.flush(self.face_budget, self.playback.moving()) {
            ctx.request_repaint();
        }
        let fresh = self.faces.take_redrawn().into_iter().chain(self.sheets.take_redrawn());
        ctx.with_plugin(|canvas: &mut Canvas| canvas.tell(self.state.theme.tokens().ground, fresh));
        self.after(&ctx);
    }

    /// What happened since the last frame.
    fn before(&mut self, ctx: &Context) {
        let (now, delta) = ctx.input(|input| (input.time, input.unstable_dt));
        self.take_in(ctx);
        self.see_runs(ctx);
        self.memory.chart_cursor = self.memory.chart_cursor_next.take();
        self.playback.tick(now);
        if self.playback.moving() {
            let fps = 1.0 / delta.max(1e-3);
            let old = self.memory.frames_per_second.unwrap_or(fps);
            self.memory.frames_per_second = Some(old + 0.08 * (fps - old));
        } else {
            self.memory.frames_per_second = None;
        }
        let dropped: Vec<Command> = ctx.input(|input| {
            input.raw.dropped_files.iter().filter_map(|file| dropped_path(file).map(Command::Open)).collect()
        });
        for command in dropped.into_iter().chain(self.keys(ctx)) {
            self.act(ctx, command);
        }
        self.faces.begin();
        self.sheets.begin();
        self.videos.begin();
    }

    /// Carries out what panels asked for, and says when the next frame is needed.
    fn after(&mut self, ctx: &Context) {
        let commands = std::mem::take(&mut self.commands);
        if !commands.is_empty() {
            ctx.request_repaint();
        }
        for command in commands {
            self.act(ctx, command);
        }
        self.ask_for_sparklines();
        self.ask_for_figures();
        self.ask_for_comparison();
        self.ask_for_posterior();
        self.ask_for_people();
        for fault in self.videos.news() {
            self.tell_of_video(ctx, &fault);
        }
        if self.playback.moving() && self.playback.badge() != ClockKind::Manual {
            ctx.request_repaint();
        }
        let now = ctx.input(|input| input.time);
        if let Some(left) = self.keep_settings(now) {
            ctx.request_repaint_after(Duration::from_secs_f64(left));
        }
        if let Some(left) = self.age_messages(now) {
            ctx.request_repaint_after(Duration::from_secs_f64(left.clamp(0.05, 60.0)));
        }
    }

    /// Commands whose keys were pressed.
    fn keys(&self, ctx: &Context) -> Vec<Command> {
        let typing = ctx.egui_wants_keyboard_input();
        let on_top = self.memory.overlay != Overlay::None;
        let workspace = self.state.workspace;
        // An open menu closes itself at Escape, and arrows move in it.
        let menu = egui::Popup::is_any_open(ctx);
        ctx.input_mut(|input| {
            let mut pressed = Vec::new();
            // Shift is not looked at when a key is matched (a question mark needs it on many keyboards), so keys that
            // ask for it come before the same keys without.
            let all = || {
                Command::with_keys(workspace)
                    .flat_map(|it| it.keys().into_iter().map(move |keys| (it.clone(), keys)))
            };
            let shifted = all().filter(|(_, keys)| keys.modifiers.shift);
            for (command, keys) in shifted.chain(all().filter(|(_, keys)| !keys.modifiers.shift)) {
                let bare = !keys.modifiers.command && !keys.modifiers.ctrl;
                let closes = command == Command::Close;
                // Words being typed are no commands, and what lies on top takes the plain keys.
                let free = !menu && if closes { on_top || !typing } else { !typing && !on_top };
                if bare && !free {
                    continue;
                }
                // On a slow machine several presses reach one frame.
                let times = input.count_and_consume_key(keys.modifiers, keys.logical_key);
                pressed.extend(std::iter::repeat_n(command, times));
            }
            pressed
        })
    }

    fn ask_for_sparklines(&mut self) {
        let wanted: Vec<ClipKey> = std::mem::take(&mut self.memory.sparklines_wanted);
        if wanted.is_empty() || self.jobs.in_slot(Slot::Sparklines).is_some() {
            return;
        }
        let work: Vec<_> = wanted
            .into_iter()
            .take(SPARKLINES_AT_ONCE)
            .filter_map(|key| self.source(key).map(|source| (key, source)))
            .collect();
        for (key, _) in &work {
            self.memory.sparklines.insert(*key, None);
        }
        if !work.is_empty() {
            self.jobs
                .start(Slot::Sparklines, "Looking at clips", move |control| work::sparklines(work, control));
        }
    }

    /// Has figures drawn; while a worker is at it, what is wanted is asked for again in the next frame.
    fn ask_for_figures(&mut self) {
        let wanted = std::mem::take(&mut self.memory.figures_wanted);
        if wanted.is_empty() || self.jobs.in_slot(Slot::Figures).is_some() {
            return;
        }
        self.jobs.start(Slot::Figures, "Drawing figures", move |_| {
            Ok(Made::Figures(wanted.into_iter().map(crate::figure::Wanted::draw).collect()).into())
        });
    }

    /// The colour that everything is painted on, as the painter of a window clears it. No panel paints it again: a software
    /// driver takes as long for an empty window as for a wall of faces.
    pub fn ground(&self) -> [f32; 4] {
        self.state.theme.tokens().ground.to_normalized_gamma_f32()
    }

    /// What lies over the workspace.
    pub fn overlay(&self) -> Overlay {
        self.memory.overlay
    }

    /// Whether a worker of this slot is busy.
    pub fn busy(&self, slot: Slot) -> bool {
        self.jobs.in_slot(slot).is_some()
    }

    /// Whether no worker is busy; scenes and tests wait for it.
    pub fn settled(&self) -> bool {
        self.jobs.running().is_empty() && self.watcher.as_ref().is_none_or(runs::Watcher::settled)
    }
}

/// Why a head file is refused.
fn of_head(path: &std::path::Path, error: &face::FaceError) -> Fault {
    match error {
        face::FaceError::Head(head) => {
            Fault::new(clips::FaultKind::Malformed, path, &head.place).remedy(&head.remedy)
        }
        other => of_face(&other.to_string()),
    }
}

fn of_face(what: &str) -> Fault {
    Fault::new(clips::FaultKind::Unsupported, "", format!("faces cannot be drawn: {what}"))
        .remedy("curves and numbers still work; update the graphics driver (Debian: mesa-vulkan-drivers)")
}

fn dropped_path(file: &egui::DroppedFileHandle) -> Option<std::path::PathBuf> {
    Some(file.path().to_path_buf())
}

/// Has a window painted piece by piece where painting is slow.
pub(crate) fn keep_canvas(ctx: &Context, gpu: Option<&RenderState>) {
    if let Some(canvas) = gpu.and_then(Canvas::new) {
        ctx.add_plugin(canvas);
    }
}

fn adapter_of(gpu: Option<&RenderState>) -> String {
    gpu.map_or_else(String::new, |gpu| gpu.adapter.get_info().name)
}

fn repaint(window: &Mutex<Context>) {
    if let Ok(window) = window.lock() {
        window.request_repaint();
    }
}

fn draw(desk: &mut Desk<'_>, ui: &mut Ui) {
    match desk.state.workspace {
        Workspace::Present => panels::present::ui(desk, ui, ui.max_rect()),
        Workspace::Compare => compare_ui(desk, ui),
        Workspace::Evaluate => panels::evaluate::ui(desk, ui),
        Workspace::Train => panels::train::ui(desk, ui),
        Workspace::Latents => panels::latents::ui(desk, ui),
        Workspace::Face => panels::sliders::ui(desk, ui),
    }
    if desk.state.workspace != Workspace::Present {
        // An audience sees faces; the messages wait in their list.
        panels::messages::floating_ui(desk, ui);
    }
    overlay_ui(desk, ui);
    if ui.ctx().input(|input| !input.raw.hovered_files.is_empty()) {
        panels::messages::drop_ui(desk, ui);
    }
}

fn compare_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let bar = Frame::NONE.fill(tokens.panel);
    Panel::top("top bar").exact_size(size::BAR).frame(bar).show(ui, |ui| panels::top_bar::ui(desk, ui));
    Panel::bottom("status").exact_size(size::STATUS).frame(bar).show(ui, |ui| panels::status::ui(desk, ui));
    let side = bar.inner_margin(Margin { left: 10, right: 10, top: 10, bottom: 4 });
    if desk.state.list_open {
        Panel::left("clips")
            .default_size(size::LIST)
            .size_range(170.0..=420.0)
            .frame(side)
            .show(ui, |ui| panels::clip_list::ui(desk, ui));
    }
    if desk.state.inspector_open {
        Panel::right("inspector")
            .default_size(size::INSPECTOR)
            .size_range(220.0..=420.0)
            .frame(side)
            .show(ui, |ui| panels::inspector::ui(desk, ui));
    }
    let middle = ui.available_rect_before_wrap();
    if middle.width() < 60.0 || middle.height() < 120.0 {
        return;
    }
    if desk.state.clip.is_none() {
        panels::wall::ui(desk, ui, middle);
        return;
    }
    // Many faces get more of the height.
    let share = if desk.state.tiles().len() > 8 { 0.55 } else { 0.47 };
    let stage = (middle.height() * share).min(middle.width() * 0.62).max(80.0).round();
    let (top, rest) = middle.split_top_bottom_at_y(middle.top() + stage);
    let (transport, tracks) = rest.split_top_bottom_at_y((rest.top() + size::TRANSPORT).min(rest.bottom()));
    panels::tracks::ui(desk, ui, tracks);
    panels::wall::ui(desk, ui, top);
    panels::transport::ui(desk, ui, transport);
}

fn overlay_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let (name, width) = match desk.memory.overlay {
        Overlay::None => return,
        Overlay::Palette => ("palette", 560.0f32),
        Overlay::Help => ("help", 1010.0),
        Overlay::Messages => ("messages", 620.0),
        Overlay::Check => ("check", 860.0),
    };
    let screen = ui.ctx().content_rect();
    let shadow =
        egui::Shadow { offset: [0, 12], blur: 40, spread: 0, color: egui::Color32::from_black_alpha(110) };
    let frame =
        Frame::NONE.fill(tokens.panel).stroke(Stroke::new(1.0, tokens.line)).corner_radius(12).shadow(shadow);
    let id = egui::Id::unique(name);
    let mut area = Modal::default_area(id).default_size(egui::vec2(width, screen.height() - 60.0));
    if desk.memory.overlay == Overlay::Palette {
        area = area.anchor(egui::Align2::CENTER_TOP, [0.0, screen.height() * 0.14]);
    }
    let modal = Modal::new(id)
        .area(area)
        .frame(frame)
        .backdrop_color(egui::Color32::from_black_alpha(120))
        .show(ui.ctx(), |ui| {
            ui.set_width(width.min(screen.width() - 32.0));
            ui.spacing_mut().item_spacing.y = 0.0;
            match desk.memory.overlay {
                Overlay::Palette => panels::palette::ui(desk, ui),
                Overlay::Help => panels::help::ui(desk, ui),
                Overlay::Messages => panels::messages::ui(desk, ui),
                Overlay::Check => panels::check::ui(desk, ui),
                Overlay::None => {}
            }
        });
    if modal.backdrop_response.clicked() {
        desk.send(Command::Close);
    }
}
