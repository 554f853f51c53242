//! The stage: the speaker, the real listener under it, and the wall of reactions, one tile a latent.
//!
//! A drag on a face turns it, the wheel moves it closer, the right button or Shift moves it across: all faces with one
//! camera, or this one.

use egui::{
    Align2, Color32, CornerRadius, Rect, Response, Role, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo,
    pos2, vec2,
};

use std::sync::Arc;

use media::VideoSource;

use crate::cameras::Turning;
use crate::commands::Command;
use crate::desk::Desk;
use crate::faces::Seat;
use crate::jobs::Slot;
use crate::motion::Motion;
use crate::overlay::Beside;
use crate::panels::face_view;
use crate::people::person;
use crate::state::Person;
use crate::text::{self, empty, label};
use crate::theme::{self, size};
use crate::video::Sight;
use crate::widgets::{self, Pill, icons, pill, text_cut};

const ROUND: f32 = size::ROUND as f32;

/// Draws speaker, listener and wall into `rect`.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui, rect: Rect) {
    let inner = rect.shrink(size::GAP);
    if desk.state.clip.is_none() {
        if desk.jobs.in_slot(Slot::Clip).is_some() || desk.jobs.in_slot(Slot::Start).is_some() {
            loading_ui(desk, ui, inner);
        } else {
            nothing_ui(desk, ui, inner);
        }
        return;
    }
    let column = (inner.width() * 0.27).min(inner.height() * 0.92).max(150.0);
    let (left, right) = inner.split_left_right_at_x(inner.left() + column);
    people_ui(desk, ui, left);
    wall_ui(desk, ui, right.with_min_x(right.left() + size::GAP));
}

/// Nothing is open: where to drop things, and the ways to open them.
fn nothing_ui(desk: &mut Desk<'_>, ui: &mut Ui, rect: Rect) {
    let tokens = desk.tokens;
    let area = Rect::from_center_size(rect.center(), vec2(rect.width().min(560.0), rect.height().min(300.0)));
    let edge = [area.left_top(), area.right_top(), area.right_bottom(), area.left_bottom(), area.left_top()];
    let mut shapes = Vec::new();
    Shape::dashed_line_many(&edge, Stroke::new(1.5, tokens.line), 8.0, 6.0, &mut shapes);
    ui.painter().extend(shapes);
    let icon = Rect::from_center_size(area.center() - vec2(0.0, 78.0), vec2(46.0, 46.0));
    icons::paint(ui.painter(), icon, icons::Icon::Folder, tokens.faint);
    let words = Rect::from_center_size(area.center() - vec2(0.0, 14.0), vec2(area.width() - 40.0, 60.0));
    widgets::empty(ui, tokens, words, empty::STAGE, empty::STAGE_REMEDY);
    let row = Rect::from_center_size(area.center() + vec2(0.0, 62.0), vec2(316.0, 34.0));
    ui.scope_builder(egui::UiBuilder::new().max_rect(row), |ui| {
        ui.horizontal_centered(|ui| {
            let names = [(Command::OpenFiles, label::OPEN_FILES), (Command::OpenFolder, label::OPEN_FOLDER)];
            for (command, name) in names {
                let hint = command.hint();
                let button = ui.add_sized([154.0, 32.0], egui::Button::new(name));
                if button.on_hover_text(hint).clicked() {
                    desk.send(command);
                }
            }
        });
    });
}

fn loading_ui(desk: &Desk<'_>, ui: &Ui, rect: Rect) {
    let tokens = desk.tokens;
    let job = desk.jobs.in_slot(Slot::Clip).or(desk.jobs.in_slot(Slot::Start));
    let title = job.map_or(label::LOADING, |job| job.title.as_str());
    // Places where faces and tracks will be, so that nothing jumps when they come.
    let whole = rect;
    let (rect, below) = whole.split_top_bottom_at_y(whole.top() + whole.height() * 0.46);
    for row in 0..6 {
        let height = below.height() / 6.6;
        let top = below.top() + size::TRANSPORT + row as f32 * height;
        let line = Rect::from_min_size(pos2(below.left(), top + 6.0), vec2(below.width(), height - 12.0));
        ui.painter().rect_filled(line.intersect(whole), 6.0, tokens.panel.gamma_multiply(0.6));
    }
    let column = (rect.width() * 0.27).min(rect.height() * 0.92).max(150.0);
    let (left, right) = rect.split_left_right_at_x(rect.left() + column);
    let (top, bottom) = left.split_top_bottom_at_y(left.top() + left.height() * 0.6);
    let ghost = |rect: Rect| {
        ui.painter().rect_filled(rect, ROUND, tokens.panel);
    };
    ghost(top);
    ghost(bottom.with_min_y(bottom.top() + size::GAP));
    let right = right.with_min_x(right.left() + size::GAP);
    grid(right, 8).into_iter().for_each(ghost);
    let box_rect = Rect::from_center_size(whole.center(), vec2(280.0, 72.0));
    ui.painter().rect(box_rect, 10.0, tokens.panel, Stroke::new(1.0, tokens.line), StrokeKind::Inside);
    let at = box_rect.center_top() + vec2(0.0, 24.0);
    ui.painter().text(at, Align2::CENTER_CENTER, title, theme::strong(13.0), tokens.text);
    let fraction = job.and_then(crate::jobs::Running::progress).map_or(0.0, |progress| progress.fraction());
    let bar = Rect::from_min_size(box_rect.left_top() + vec2(24.0, 46.0), vec2(232.0, 4.0));
    widgets::bar(ui.painter(), bar, fraction.max(0.04), tokens.accent, tokens.hover);
    let response = ui.interact(box_rect, ui.scope_id().with("loading"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::ProgressIndicator, true, title));
}

fn people_ui(desk: &mut Desk<'_>, ui: &mut Ui, rect: Rect) {
    let Some(clip) = &desk.state.clip else { return };
    let (speaker, listener) = (clip.speaker.clone(), clip.listener.clone());
    let share = if listener.is_some() { 0.585 } else { 0.82 };
    let (top, bottom) = rect.split_top_bottom_at_y((rect.top() + rect.height() * share).round());
    person_ui(desk, ui, top, Seat::Speaker, label::SPEAKER, &speaker);
    face_view::menu_ui(desk, ui, top);
    let bottom = bottom.with_min_y(bottom.top() + size::GAP);
    match listener {
        Some(person) => person_ui(desk, ui, bottom, Seat::Listener, label::LISTENER, &person),
        None => {
            let tokens = desk.tokens;
            ui.painter().rect_filled(bottom, ROUND, tokens.panel);
            let at = bottom.center();
            let room = bottom.width() - 20.0;
            text_cut(
                ui.painter(),
                at,
                Align2::CENTER_CENTER,
                label::NO_LISTENER,
                theme::small(),
                tokens.faint,
                room,
            );
        }
    }
}

fn person_ui(desk: &mut Desk<'_>, ui: &mut Ui, rect: Rect, seat: Seat, name: &str, person: &Person) {
    let response = ui.interact(rect, ui.scope_id().with(("person", name)), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    turn(desk, ui, &response, seat);
    // A person of whom there is nothing but a video is shown by it.
    let filmed = desk.state.filmed(seat) || person.motion.is_none();
    match (&person.motion, person.video.as_ref().filter(|_| filmed)) {
        (_, Some(source)) => {
            video_ui(desk, ui, rect, seat, source);
            let codec = desk.videos.codec(seat).unwrap_or_default();
            caption_ui(desk, ui, rect, name, &format!("{} \u{b7} {codec}", label::AS_VIDEO));
        }
        (Some(motion), None) => {
            let motion = motion.clone();
            face_ui(desk, ui, rect, seat, &motion);
            caption_ui(desk, ui, rect, name, motion.source.label());
            if seat == Seat::Listener {
                legend_dash(desk, ui, rect.shrink(7.0).left_bottom());
            }
        }
        (None, None) => sound_face_ui(desk, ui, rect, name),
    }
    if person.video.is_some() && person.motion.is_some() {
        switch_ui(desk, ui, rect, seat, name);
    }
}

/// The newest picture of a person's video, whole, in the middle of its tile.
fn video_ui(desk: &mut Desk<'_>, ui: &Ui, rect: Rect, seat: Seat, source: &VideoSource) {
    let tokens = desk.tokens;
    ui.painter().rect_filled(rect, ROUND, tokens.card);
    match desk.videos.sight(ui.ctx(), seat, source, desk.playback.frame()) {
        Sight::Picture(texture, size) => {
            let size = vec2(size[0] as f32, size[1] as f32);
            let scale = (rect.width() / size.x).min(rect.height() / size.y);
            let place = Rect::from_center_size(rect.center(), size * scale);
            let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            let corners = CornerRadius::same(size::ROUND);
            let shape =
                egui::epaint::RectShape::filled(place, corners, Color32::WHITE).with_texture(texture, uv);
            ui.painter().add(shape);
        }
        Sight::Coming => widgets::empty(ui, tokens, rect, label::VIDEO_COMING, ""),
        Sight::Failed(fault) => widgets::empty(ui, tokens, rect, empty::VIDEO, &fault.remedy),
    }
}

/// Drawn or filmed: two words in the corner of a tile, the one that is shown brighter.
fn switch_ui(desk: &mut Desk<'_>, ui: &Ui, rect: Rect, seat: Seat, name: &str) {
    let tokens = desk.tokens;
    let filmed = desk.state.filmed(seat);
    let place = Rect::from_min_size(rect.right_bottom() - vec2(103.0, 29.0), vec2(96.0, 22.0));
    let command = if seat == Seat::Speaker { Command::SpeakerVideo } else { Command::ListenerVideo };
    let response = ui.interact(place, ui.scope_id().with(("video", name)), Sense::click());
    let other = if filmed { label::AS_MESH } else { label::AS_VIDEO };
    response
        .widget_info(|| WidgetInfo::selected(Role::Switch, true, filmed, format!("{name}: show {other}")));
    let painter = ui.painter_at(rect);
    let veil = if response.hovered() { 0.9 } else { 0.72 };
    painter.rect_filled(place, 11.0, tokens.veil.gamma_multiply(veil));
    let ink = |on: bool| if on { tokens.on_picture } else { tokens.on_picture_dim };
    let font = |on: bool| if on { theme::strong(11.0) } else { egui::FontId::proportional(11.0) };
    for (x, words, on) in [(0.28, label::AS_MESH, !filmed), (0.74, label::AS_VIDEO, filmed)] {
        let at = pos2(place.left() + place.width() * x, place.center().y);
        painter.text(at, Align2::CENTER_CENTER, words, font(on), ink(on));
    }
    if response.has_focus() {
        painter.rect_stroke(place, 11.0, Stroke::new(1.5, tokens.accent), StrokeKind::Inside);
    }
    let hint = command.hint();
    if response.on_hover_text(hint).clicked() {
        desk.send(command);
    }
}

/// The short dashed line that says which curves are the real listener's.
fn legend_dash(desk: &Desk<'_>, ui: &Ui, corner: egui::Pos2) {
    let tokens = desk.tokens;
    let place = Rect::from_min_size(corner - vec2(0.0, 16.0), vec2(38.0, 16.0));
    ui.painter().rect_filled(place, 8.0, tokens.veil.gamma_multiply(0.72));
    let from = place.left_center() + vec2(7.0, 0.0);
    let mut shapes = Vec::new();
    let dash = theme::TRUTH_DASH;
    let stroke = Stroke::new(1.6, tokens.on_picture);
    Shape::dashed_line_many(&[from, from + vec2(24.0, 0.0)], stroke, dash[0], dash[1], &mut shapes);
    ui.painter().extend(shapes);
}

/// A speaker of whom only the voice is known: the sound around the playhead.
fn sound_face_ui(desk: &Desk<'_>, ui: &Ui, rect: Rect, name: &str) {
    let tokens = desk.tokens;
    let painter = ui.painter_at(rect);
    painter.rect(rect, ROUND, tokens.panel, Stroke::new(1.0, tokens.line), StrokeKind::Inside);
    painter.text(
        rect.left_top() + vec2(10.0, 16.0),
        Align2::LEFT_CENTER,
        name,
        theme::strong(12.5),
        tokens.text,
    );
    let right = rect.right_top() + vec2(-10.0, 16.0);
    painter.text(right, Align2::RIGHT_CENTER, label::SOUND_ONLY, theme::small(), tokens.faint);
    let below = rect.center_bottom() - vec2(0.0, 18.0);
    painter.text(below, Align2::CENTER_CENTER, label::NO_FACE, theme::small(), tokens.faint);
    let Some(clip) = &desk.state.clip else { return };
    let (Some(peaks), Some(sound)) = (&clip.peaks, &clip.speaker.streams.sound) else { return };
    let moment = desk.playback.moment();
    let bars = ((rect.width() - 32.0) / 5.0).floor().max(4.0) as usize;
    // One second and a half around the playhead.
    let frames = 38.0;
    let middle = rect.center();
    let most = rect.height() * 0.28;
    for bar in 0..bars {
        let share = (bar as f64 + 0.5) / bars as f64 - 0.5;
        let frame = moment + share * frames;
        let at = |frame: f64| {
            (clips::time::seconds_of_frame(frame.max(0.0)) * f64::from(sound.rate)).min(sound.len() as f64)
                as usize
        };
        let (from, to) = (at(frame - 0.5 * frames / bars as f64), at(frame + 0.5 * frames / bars as f64));
        let (low, high) = peaks.range(from, to.max(from + 1), 1).first().copied().unwrap_or_default();
        let level = (high - low).abs().clamp(0.0, 2.0) * 0.5;
        let height = (level.sqrt() * most).max(1.5);
        let x = rect.left() + 16.0 + (bar as f32 + 0.5) * (rect.width() - 32.0) / bars as f32;
        let ink = if share <= 0.0 { tokens.accent } else { tokens.accent.lerp_to_gamma(tokens.panel, 0.6) };
        let column = Rect::from_center_size(pos2(x, middle.y), vec2(3.0, 2.0 * height));
        painter.rect_filled(column, 1.5, ink);
    }
}

/// Name and source in the upper corners of a face.
pub fn caption_ui(desk: &Desk<'_>, ui: &Ui, rect: Rect, name: &str, source: &str) {
    let tokens = desk.tokens;
    let painter = ui.painter_at(rect);
    let inset = rect.shrink(7.0);
    pill(
        &painter,
        tokens,
        inset.left_top(),
        Pill::Left,
        &[(name, theme::strong(12.5), tokens.on_picture)],
        None,
    );
    let words = [(source, theme::small(), tokens.on_picture_dim)];
    pill(&painter, tokens, inset.right_top(), Pill::Right, &words, None);
}

/// Rectangles of `count` tiles that fill `rect` with the largest faces.
pub fn grid(rect: Rect, count: usize) -> Vec<Rect> {
    let count = count.max(1);
    let gap = size::GAP;
    let best = (1..=count)
        .map(|columns| {
            let rows = count.div_ceil(columns);
            let width = (rect.width() - gap * (columns - 1) as f32) / columns as f32;
            let height = (rect.height() - gap * (rows - 1) as f32) / rows as f32;
            // A face wants to be a little higher than wide; empty cells cost a little.
            let face = (width / 0.82).min(height);
            let empty = (columns * rows - count) as f32;
            (columns, face - 0.02 * face * empty)
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(1, |(columns, _)| columns);
    let rows = count.div_ceil(best);
    let cell = vec2(
        (rect.width() - gap * (best - 1) as f32) / best as f32,
        (rect.height() - gap * (rows - 1) as f32) / rows as f32,
    );
    (0..count)
        .map(|index| {
            let (row, column) = (index / best, index % best);
            let min = rect.min + vec2(column as f32 * (cell.x + gap), row as f32 * (cell.y + gap));
            Rect::from_min_size(min.round(), cell.floor())
        })
        .collect()
}

/// Draws the tiles into `rect`.
pub fn wall_ui(desk: &mut Desk<'_>, ui: &mut Ui, rect: Rect) {
    let tokens = desk.tokens;
    let tiles = desk.state.tiles();
    if tiles.is_empty() {
        ui.painter().rect_filled(rect, ROUND, tokens.panel);
        if let Some(job) = desk.jobs.in_slot(Slot::Takes) {
            let words = job.progress().map_or_else(String::new, |progress| progress.stage.to_owned());
            widgets::empty(ui, tokens, rect, &job.title, &words);
        } else if desk.state.systems.is_empty() {
            widgets::empty(ui, tokens, rect, empty::WALL_NO_SYSTEM, empty::WALL_NO_SYSTEM_REMEDY);
        } else {
            widgets::empty(ui, tokens, rect, empty::WALL, empty::WALL_REMEDY);
        }
        return;
    }
    for (tile, place) in grid(rect, tiles.len()).into_iter().enumerate() {
        tile_ui(desk, ui, place, tile, tiles[tile]);
    }
}

fn tile_ui(desk: &mut Desk<'_>, ui: &mut Ui, rect: Rect, tile: usize, index: usize) {
    let tokens = desk.tokens;
    let name = desk.state.reactions.name(index);
    let chosen = desk.state.chosen() == Some(index);
    let reaction = &desk.state.reactions.all[index];
    let (motion, rank) = (reaction.motion.clone(), reaction.take.header.rank);
    let other_system = reaction.beside.is_some();
    let look = theme::latent_look(desk.state.theme, desk.state.reactions.look_index(index));
    let signature = desk.state.given_name(reaction).map_or_else(|| reaction.signature.text(), str::to_owned);
    let score = desk.state.reactions.score(index);
    let response = ui.interact(rect, ui.scope_id().with(("tile", tile)), Sense::click_and_drag());
    response.widget_info(|| {
        let words = match score {
            Some(score) => format!("Reaction {name}, {signature}, score {score:.2}"),
            None => format!("Reaction {name}, {signature}"),
        };
        WidgetInfo::selected(Role::Button, true, chosen, words)
    });
    turn(desk, ui, &response, Seat::Tile(tile));
    if response.clicked() {
        desk.send(Command::Latent(tile));
    }
    let small = rect.height() < 118.0 || rect.width() < 104.0;
    // Words grow with the tile: a wall for an audience is read from afar.
    let scale = (rect.width() / 300.0).clamp(1.0, 1.8);
    let plate_height = if small { 26.0 } else { (31.0 * scale).round() };
    let (face, foot) = rect.split_top_bottom_at_y(rect.bottom() - plate_height);
    face_in(
        desk,
        ui,
        face,
        Seat::Tile(tile),
        &motion,
        CornerRadius { sw: 0, se: 0, ..CornerRadius::same(size::ROUND) },
    );
    let painter = ui.painter_at(rect);
    let inset = rect.shrink(6.0);
    let sized = |font: egui::FontId| egui::FontId { size: font.size * scale, ..font };
    // Where a face comes from is never left out: a narrow tile says it at the foot of the face.
    let wide = rect.width() >= if other_system { 210.0 } else { 112.0 };
    // The name of a system may be longer than a narrow tile is wide.
    let most = ((inset.width() - if wide { 90.0 } else { 40.0 }) / (7.2 * scale)).max(4.0) as usize;
    let shown = if name.chars().count() > most {
        format!("{}\u{2026}", name.chars().take(most.saturating_sub(1)).collect::<String>())
    } else {
        name.clone()
    };
    let words = [(shown.as_str(), sized(theme::strong(12.5)), tokens.on_picture)];
    pill(&painter, tokens, inset.left_top(), Pill::Left, &words, Some((look.glyph, look.color)));
    let rank = rank.map(|rank| format!("#{rank}"));
    let mut right: Vec<(&str, egui::FontId, Color32)> = Vec::new();
    if wide {
        right.push((motion.source.label(), sized(egui::FontId::proportional(10.5)), tokens.on_picture_dim));
    }
    if let Some(rank) = &rank {
        right.push((
            rank,
            sized(theme::mono_small()),
            if rank == "#1" { look.color } else { tokens.on_picture },
        ));
    }
    pill(&painter, tokens, inset.right_top(), Pill::Right, &right, None);
    if !wide {
        let source = [(motion.source.label(), egui::FontId::proportional(10.0), tokens.on_picture_dim)];
        let at = pos2(inset.left(), face.bottom() - 24.0);
        pill(&painter, tokens, at, Pill::Left, &source, None);
    }
    // What it does and how well it fits, on a plate of its own, so that the face stays whole.
    let plate = CornerRadius { nw: 0, ne: 0, ..CornerRadius::same(size::ROUND) };
    painter.rect_filled(foot, plate, tokens.card);
    let row = foot.top() + if small { 10.0 } else { 12.0 * scale };
    let mut room = foot.width() - 18.0;
    if let Some(score) = score {
        let at = pos2(foot.right() - 9.0, row);
        let number = painter.text(
            at,
            Align2::RIGHT_CENTER,
            format!("{score:.2}"),
            sized(theme::mono_small()),
            tokens.text,
        );
        room -= number.width() + 6.0;
        let bar = Rect::from_min_max(
            pos2(foot.left() + 9.0, foot.bottom() - 4.0 - 3.0 * scale),
            pos2(foot.right() - 9.0, foot.bottom() - 4.0),
        );
        widgets::bar(&painter, bar, score, look.color, tokens.line);
    }
    let words = signature;
    let font = if small { egui::FontId::proportional(10.5) } else { sized(theme::small()) };
    text_cut(&painter, pos2(foot.left() + 9.0, row), Align2::LEFT_CENTER, &words, font, tokens.dim, room);
    if chosen {
        let look = theme::latent_look(desk.state.theme, desk.state.reactions.look_index(index));
        ui.painter().rect_stroke(rect, ROUND, Stroke::new(2.5, look.color), StrokeKind::Outside);
    } else if response.hovered() || response.has_focus() {
        ui.painter().rect_stroke(rect, ROUND, Stroke::new(1.5, tokens.faint), StrokeKind::Outside);
    }
}

/// Moves the camera of a face by dragging and the wheel.
pub fn turn(desk: &mut Desk<'_>, ui: &Ui, response: &Response, seat: Seat) {
    let drag = if response.dragged() { response.drag_delta() } else { egui::Vec2::ZERO };
    let (wheel, shift) = ui.input(|input| (input.smooth_scroll_delta().y, input.modifiers.shift));
    let wheel = if response.hovered() { wheel } else { 0.0 };
    if drag != egui::Vec2::ZERO || wheel != 0.0 {
        let mut by = Turning { closer: (-wheel * 0.0016).exp(), ..Turning::default() };
        if shift || !response.dragged_by(egui::PointerButton::Primary) {
            let size = response.rect.size();
            let cm = desk.state.cameras.of(seat).cm_a_pixel(size.x, size.y);
            (by.right_cm, by.up_cm) = (drag.x * cm, -drag.y * cm);
        } else {
            (by.yaw, by.pitch) = (-drag.x * 0.008, drag.y * 0.006);
        }
        desk.send(Command::Turn(seat, by));
    }
    if response.double_clicked() {
        desk.send(Command::ResetCameraOf(seat));
    }
}

/// Draws one face into `rect` with round corners.
pub fn face_ui(desk: &mut Desk<'_>, ui: &Ui, rect: Rect, seat: Seat, motion: &Arc<Motion>) {
    face_in(desk, ui, rect, seat, motion, CornerRadius::same(size::ROUND));
}

fn face_in(
    desk: &mut Desk<'_>,
    ui: &Ui,
    rect: Rect,
    seat: Seat,
    motion: &Arc<Motion>,
    corners: CornerRadius,
) {
    let scale = ui.ctx().pixels_per_point();
    let pixels = [(rect.width() * scale).round() as u32, (rect.height() * scale).round() as u32];
    let frame = desk.playback.frame();
    let beside = match seat {
        Seat::Tile(_) | Seat::Stage => desk.state.beside(frame),
        _ => Beside::default(),
    };
    let look = desk.state.overlays.look(desk.state.theme, motion, frame, &beside);
    // between two frames of the data a quick display gets faces in between
    let moment = if desk.faces.software() { frame as f32 } else { desk.playback.moment() as f32 };
    // the colours mean the same on all tiles: the chosen one has the scale
    let told = !matches!(seat, Seat::Tile(tile) if tile != desk.state.tile);
    let over = face::Overlays { heat: look.overlays.heat.filter(|_| told), ..look.overlays };
    let picture = desk.faces.motion(
        seat,
        pixels,
        motion,
        moment,
        &desk.state.cameras.of(seat),
        look,
        person(seat, desk.state.tile),
    );
    paint(desk, ui, rect, seat, corners, picture, &motion.at(frame), &over);
}

/// Draws a face that does not move by itself into `rect`.
pub fn still_ui(desk: &mut Desk<'_>, ui: &Ui, rect: Rect, seat: Seat, motion: &Motion) {
    let scale = ui.ctx().pixels_per_point();
    let pixels = [(rect.width() * scale).round() as u32, (rect.height() * scale).round() as u32];
    let look = desk.state.overlays.look(desk.state.theme, motion, 0, &Beside::default());
    let over = look.overlays;
    let expression = motion.at(0);
    let picture = desk.faces.picture(
        seat,
        pixels,
        &expression,
        &desk.state.cameras.of(seat),
        look,
        person(seat, desk.state.tile),
    );
    paint(desk, ui, rect, seat, CornerRadius::same(size::ROUND), picture, &expression, &over);
}

/// The picture of a face, or why there is none.
fn paint(
    desk: &Desk<'_>,
    ui: &Ui,
    rect: Rect,
    seat: Seat,
    corners: CornerRadius,
    picture: Option<egui::TextureId>,
    expression: &face::Expression,
    over: &face::Overlays,
) {
    let tokens = desk.tokens;
    match picture {
        Some(texture) => {
            let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            let shape =
                egui::epaint::RectShape::filled(rect, corners, Color32::WHITE).with_texture(texture, uv);
            ui.painter().add(shape);
            face_view::over_ui(desk, ui, rect, seat, expression, over);
        }
        None => {
            ui.painter().rect_filled(rect, corners, tokens.card);
            if desk.jobs.in_slot(Slot::Start).is_none() && matches!(seat, Seat::Speaker | Seat::Stage) {
                widgets::empty(ui, tokens, rect, text::empty::FACES, text::empty::FACES_REMEDY);
            } else {
                let side = (rect.height() * 0.3).min(64.0);
                let place = Rect::from_center_size(rect.center(), vec2(side, side));
                icons::paint(ui.painter(), place, icons::Icon::Person, tokens.hover);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_lie_inside_and_do_not_overlap_for_every_count() {
        for size in [vec2(640.0, 360.0), vec2(300.0, 700.0), vec2(1800.0, 500.0)] {
            let rect = Rect::from_min_size(pos2(10.0, 20.0), size);
            for count in 1..=16 {
                let tiles = grid(rect, count);
                assert_eq!(tiles.len(), count);
                for (index, tile) in tiles.iter().enumerate() {
                    assert!(
                        rect.expand(1.0).contains_rect(*tile) && tile.width() > 20.0,
                        "{count} in {size:?}"
                    );
                    assert!(
                        tiles[..index].iter().all(|other| !other.shrink(1.0).intersects(tile.shrink(1.0)))
                    );
                }
            }
        }
    }
}
