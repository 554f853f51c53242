//! The time axis: ruler, waveform and curves on one axis with one playhead. Click seeks, drag selects a loop, the
//! wheel zooms, shift and wheel or the middle button move along; the hovered track reads out its values.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use clips::time::{clock_text, seconds_of_frame};
use egui::epaint::Mesh;
use egui::{
    Align2, Pos2, Rect, Response, Role, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

use crate::commands::Command;
use crate::desk::{Desk, TrackDrawing};
use crate::panels::{lanes, sound_tracks};
use crate::text::empty;
use crate::theme::{self, size};
use crate::tracks::{Track, View, thinned};
use crate::widgets::line::Lines;
use crate::widgets::{self, icons, text_cut};

const RULER: f32 = 24.0;
const LEAST_TRACK: f32 = 46.0;
const MOST_TRACK: f32 = 120.0;

/// Where the axis lies on screen.
#[derive(Clone, Copy)]
pub struct Axis {
    /// Left edge of the plots.
    pub left: f32,
    /// Right edge.
    pub right: f32,
    /// The shown frames.
    pub view: View,
}

impl Axis {
    /// Where a frame begins.
    pub fn x(&self, frame: f64) -> f32 {
        self.left + ((frame - self.view.first) / self.view.span()) as f32 * (self.right - self.left)
    }

    /// The frame at a place.
    pub fn frame(&self, x: f32) -> f64 {
        self.view.first + f64::from((x - self.left) / (self.right - self.left)) * self.view.span()
    }

    fn visible(&self, frame: f64) -> bool {
        (self.view.first..=self.view.last).contains(&frame)
    }
}

/// Draws the axis and its tracks into `rect`.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui, rect: Rect) {
    let tokens = desk.tokens;
    if desk.state.clip.is_none() {
        return;
    }
    let axis =
        Axis { left: rect.left() + size::GUTTER + 12.0, right: rect.right() - 16.0, view: desk.state.view };
    if axis.right - axis.left < 40.0 || rect.height() < RULER + 20.0 {
        return;
    }
    let (ruler, body) = rect.split_top_bottom_at_y(rect.top() + RULER);
    if desk.state.tracks.is_empty() {
        widgets::empty(ui, tokens, body, empty::TRACKS, empty::TRACKS_REMEDY);
    } else {
        tracks_ui(desk, ui, body, axis);
    }
    ruler_ui(desk, ui, ruler, axis);
    overlay_ui(desk, ui, rect, axis);
}

fn tracks_ui(desk: &mut Desk<'_>, ui: &mut Ui, body: Rect, axis: Axis) {
    let tracks = desk.state.tracks.clone();
    let weights: Vec<f32> = tracks.iter().map(|track| track.weight()).collect();
    let unit = (body.height() / weights.iter().sum::<f32>()).clamp(LEAST_TRACK, MOST_TRACK);
    let heights: Vec<f32> = weights
        .iter()
        .map(|weight| (weight * unit).max(if *weight < 0.6 { 32.0 } else { 38.0 }).floor())
        .collect();
    let total: f32 = heights.iter().sum();
    let area = ui.new_child(egui::UiBuilder::new().max_rect(body));
    let mut area = area;
    area.set_clip_rect(body.intersect(ui.clip_rect()));
    // The wheel belongs to the zoom; a long list is moved with the scroll bar or the wheel over the names.
    let over_names = ui.input(|input| input.pointer.hover_pos().is_some_and(|at| at.x < axis.left));
    let source = egui::scroll_area::ScrollSource {
        mouse_wheel: over_names,
        ..egui::scroll_area::ScrollSource::SCROLL_BAR
    };
    egui::ScrollArea::vertical().scroll_source(source).auto_shrink(false).show(&mut area, |ui| {
        let (whole, _) = ui.allocate_exact_size(vec2(body.width(), total), Sense::hover());
        let mut y = whole.top();
        for (track, height) in tracks.iter().zip(heights) {
            let row = Rect::from_min_size(pos2(body.left(), y), vec2(body.width(), height));
            y += height;
            if row.intersects(body) {
                track_ui(desk, ui, row, *track, axis);
            }
        }
    });
}

fn track_ui(desk: &mut Desk<'_>, ui: &mut Ui, row: Rect, track: Track, axis: Axis) {
    let tokens = desk.tokens;
    let plot = Rect::from_min_max(pos2(axis.left, row.top() + 5.0), pos2(axis.right, row.bottom() - 6.0));
    ui.painter().hline(row.left() + 12.0..=axis.right, row.bottom() - 0.5, Stroke::new(1.0, tokens.line));
    gutter_ui(desk, ui, row, track);
    let response = ui.interact(
        row.with_min_x(axis.left - 4.0),
        ui.scope_id().with(("track", track)),
        Sense::click_and_drag(),
    );
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("Track {}", track.name())));
    pointer(desk, ui, &response, track, axis);
    let painter = ui.painter_at(plot.expand2(vec2(0.0, 4.0)).intersect(ui.clip_rect()));
    match track {
        Track::Sound => return sound_tracks::waveform_ui(desk, ui, plot, axis),
        Track::Intent => return lanes::intent_ui(desk, ui, plot, axis, &response),
        Track::Recognised => return lanes::recognised_ui(desk, ui, plot, axis),
        Track::Spectrum => return sound_tracks::spectrum_ui(desk, ui, plot, axis),
        _ => {}
    }
    let drawing = drawing(desk, ui, plot, track, axis);
    let (mesh, scale, key) = (drawing.mesh.clone(), drawing.scale, drawing.key);
    if scale.0 < 0.0 && scale.1 > 0.0 {
        let zero = y_of(0.0, scale, plot);
        painter.hline(plot.x_range(), zero, Stroke::new(1.0, tokens.line));
    }
    desk.sheets.show(&painter, track, key, plot.expand2(vec2(0.0, 4.0)), &mesh);
    if track.scale().is_none() {
        // On a plate, or the curves would cross the numbers.
        let quiet = |at: Pos2, anchor: Align2, value: f32| {
            let font = egui::FontId::monospace(9.5);
            let words = painter.layout_no_wrap(track.value_text(value), font, tokens.dim);
            let place = anchor.anchor_size(at, words.size());
            painter.rect_filled(place.expand2(vec2(3.0, 0.0)), 2.0, tokens.ground.gamma_multiply(0.85));
            painter.galley(place.min, words, tokens.dim);
        };
        quiet(plot.right_top(), Align2::RIGHT_TOP, scale.1);
        quiet(plot.right_bottom(), Align2::RIGHT_BOTTOM, scale.0);
    }
    if let Some(at) = response.hover_pos().filter(|_| desk.memory.selecting.is_none()) {
        read_out_ui(desk, ui, plot, track, axis, at);
    }
}

fn gutter_ui(desk: &mut Desk<'_>, ui: &mut Ui, row: Rect, track: Track) {
    let tokens = desk.tokens;
    let gutter = row.with_max_x(row.left() + size::GUTTER);
    let response = ui.interact(gutter, ui.scope_id().with(("gutter", track)), Sense::hover());
    let room = size::GUTTER - 14.0;
    let top = row.top() + (row.height() * 0.5 - 7.0).min(16.0);
    let painter = ui.painter();
    let at = pos2(row.left() + 12.0, top);
    text_cut(painter, at, Align2::LEFT_CENTER, track.name(), theme::body(), tokens.text, room);
    let at = pos2(row.left() + 12.0, top + 15.0);
    let small = egui::FontId::proportional(10.5);
    text_cut(painter, at, Align2::LEFT_CENTER, track.meaning(), small, tokens.faint, room);
    if response.contains_pointer() {
        let close = Rect::from_center_size(pos2(gutter.right() - 10.0, top), vec2(16.0, 16.0));
        let button = ui.interact(close, ui.scope_id().with(("remove", track)), Sense::click());
        let words = Command::RemoveTrack(track).text();
        button.widget_info(|| WidgetInfo::labeled(Role::Button, true, &words));
        let ink = if button.hovered() { tokens.text } else { tokens.faint };
        ui.painter().rect_filled(close, 4.0, if button.hovered() { tokens.hover } else { tokens.ground });
        icons::paint(ui.painter(), close.shrink(4.5), icons::Icon::Close, ink);
        if button.on_hover_text(words).clicked() {
            desk.send(Command::RemoveTrack(track));
        }
    }
}

/// What the pointer does on a track.
fn pointer(desk: &mut Desk<'_>, ui: &Ui, response: &Response, track: Track, axis: Axis) {
    let frames = desk.state.frames();
    let inside = |x: f32| axis.frame(x).clamp(0.0, frames as f64);
    if response.double_clicked() {
        desk.send(Command::ZoomAll);
    } else if response.clicked()
        && let Some(at) = response.interact_pointer_pos()
    {
        desk.send(Command::Seek((inside(at.x).floor() as usize).min(frames.saturating_sub(1))));
    }
    // On the intent lane a drag paints.
    let selects = track != Track::Intent;
    if selects
        && response.drag_started_by(egui::PointerButton::Primary)
        && let Some(at) = ui.input(|input| input.pointer.press_origin())
    {
        desk.memory.selecting = Some((inside(at.x), inside(at.x)));
    }
    if selects
        && response.dragged_by(egui::PointerButton::Primary)
        && let (Some((from, _)), Some(at)) = (desk.memory.selecting, response.interact_pointer_pos())
    {
        desk.memory.selecting = Some((from, inside(at.x)));
    }
    if selects
        && response.drag_stopped_by(egui::PointerButton::Primary)
        && let Some((from, to)) = desk.memory.selecting.take()
    {
        let (a, b) = (from.min(to).floor() as usize, from.max(to).ceil() as usize);
        if b > a + 1 {
            desk.send(Command::Loop(a, b));
        }
    }
    if response.dragged_by(egui::PointerButton::Middle) || response.dragged_by(egui::PointerButton::Secondary)
    {
        let by = -f64::from(response.drag_delta().x / (axis.right - axis.left)) * axis.view.span();
        desk.send(Command::View(axis.view.moved(by, frames)));
    }
    if response.contains_pointer() {
        wheel(desk, ui, response, axis);
    }
}

fn wheel(desk: &mut Desk<'_>, ui: &Ui, response: &Response, axis: Axis) {
    let frames = desk.state.frames();
    let (wheel, pinch) = ui.input(|input| (input.smooth_scroll_delta(), input.zoom_delta()));
    let Some(at) = response.hover_pos() else { return };
    let mut view = axis.view;
    if wheel.x != 0.0 {
        let by = -f64::from(wheel.x / (axis.right - axis.left)) * view.span();
        view = view.moved(by, frames);
    }
    let factor = f64::from(pinch) * f64::from(wheel.y * 0.004).exp();
    if (factor - 1.0).abs() > 1e-6 {
        view = view.zoomed(factor, axis.frame(at.x), frames);
    }
    if view != axis.view {
        desk.send(Command::View(view));
    }
}

/// Height of a value in a plot; a little beyond the scale is still drawn.
pub fn y_of(value: f32, scale: (f32, f32), plot: Rect) -> f32 {
    let share = (value - scale.0) / (scale.1 - scale.0).max(1e-6);
    plot.bottom() - share.clamp(-0.05, 1.05) * plot.height()
}

/// The lines of a track, drawn again only when something they depend on has changed.
fn drawing<'d>(desk: &'d mut Desk<'_>, ui: &Ui, plot: Rect, track: Track, axis: Axis) -> &'d TrackDrawing {
    let mut hasher = std::hash::DefaultHasher::new();
    let state = desk.state;
    (state.generation, state.tile, state.sample, state.theme == theme::Theme::Dark).hash(&mut hasher);
    for number in [plot.left(), plot.right(), plot.top(), plot.bottom(), ui.ctx().pixels_per_point()] {
        number.to_bits().hash(&mut hasher);
    }
    (axis.view.first.to_bits(), axis.view.last.to_bits()).hash(&mut hasher);
    let key = hasher.finish();
    if desk.memory.tracks.get(&track).is_none_or(|drawing| drawing.key != key) {
        let (mesh, scale) = draw(desk, ui, plot, track, axis);
        desk.memory.tracks.insert(track, TrackDrawing { key, mesh, scale });
    }
    &desk.memory.tracks[&track]
}

fn draw(desk: &Desk<'_>, ui: &Ui, plot: Rect, track: Track, axis: Axis) -> (Arc<Mesh>, (f32, f32)) {
    if let Track::Heard(which) = track {
        return sound_tracks::draw(desk, ui, plot, which, axis);
    }
    let state = desk.state;
    let tiles = state.tiles();
    let chosen = state.chosen();
    let truth = state
        .clip
        .as_ref()
        .and_then(|clip| clip.listener.as_ref())
        .map_or_else(Vec::new, |listener| track.of_person(&listener.streams));
    // The chosen one last, on top of all others.
    let mut order: Vec<usize> = tiles.iter().copied().filter(|index| Some(*index) != chosen).collect();
    order.extend(chosen);
    let series: Vec<Vec<f32>> =
        order.iter().map(|index| track.of_take(&state.reactions.all[*index].take)).collect();
    let scale = track.scale().unwrap_or_else(|| {
        let all = series.iter().chain([&truth]).flatten().filter(|value| value.is_finite());
        let (low, high) =
            all.fold((0.0f32, 0.0f32), |(low, high), value| (low.min(*value), high.max(*value)));
        let least = track.least_reach();
        if matches!(track, Track::Head(_)) {
            let most = low.abs().max(high).max(least) * 1.08;
            (-most, most)
        } else {
            let (low, high) = (low.min(-0.25 * least), high.max(least));
            let air = 0.08 * (high - low);
            (low - air, high + air)
        }
    });
    let columns = plot.width().round() as usize;
    // Labels are 0 or 1: lines that share a level are set a little apart, in the order of the tiles.
    let labels = matches!(track, Track::Attribute(column) if clips::channels::AU.contains(&column));
    let apart = if labels { (plot.height() * 0.16 / (tiles.len() + 1) as f32).min(1.6) } else { 0.0 };
    let inner = plot.with_min_y(plot.top() + apart * tiles.len() as f32);
    let part_of = |values: &[f32], part: std::ops::Range<usize>, rank: usize| -> Vec<Pos2> {
        let view =
            View { first: axis.view.first - part.start as f64, last: axis.view.last - part.start as f64 };
        thinned(&values[part], view, columns)
            .into_iter()
            .map(|(x, value)| pos2(plot.left() + x, y_of(value, scale, inner) - apart * rank as f32))
            .collect()
    };
    let mut lines = Lines::default();
    for (index, values) in order.iter().zip(&series) {
        let rank = tiles.iter().position(|tile| tile == index).map_or(0, |tile| tile + 1);
        let look = theme::latent_look(state.theme, state.reactions.look_index(*index));
        if Some(*index) == chosen {
            // A dark edge keeps the chosen line readable where others cross it.
            lines.add(&part_of(&truth, 0..truth.len(), 0), 1.3, desk.tokens.truth, theme::TRUTH_DASH);
            lines.add(&part_of(values, 0..values.len(), rank), 4.2, desk.tokens.ground, &[]);
            lines.add(&part_of(values, 0..values.len(), rank), 2.2, look.color, &[]);
        } else {
            // Of labels only what fires is drawn, or the zero lines would cover the row.
            let whole = || std::iter::once(0..values.len()).collect();
            for part in if labels { firing(values) } else { whole() } {
                lines.add(&part_of(values, part, rank), 1.2, look.color.gamma_multiply(0.68), look.dash);
            }
        }
    }
    if order.is_empty() {
        lines.add(&part_of(&truth, 0..truth.len(), 0), 1.3, desk.tokens.truth, theme::TRUTH_DASH);
    }
    (lines.mesh(ui.ctx()), scale)
}

/// Parts of a label series that are not 0, with the frame before and after each.
fn firing(values: &[f32]) -> Vec<std::ops::Range<usize>> {
    let mut parts: Vec<std::ops::Range<usize>> = Vec::new();
    for (frame, _) in values.iter().enumerate().filter(|(_, value)| **value > 0.02) {
        let (from, to) = (frame.saturating_sub(1), (frame + 2).min(values.len()));
        match parts.last_mut() {
            Some(part) if part.end >= from => part.end = to,
            _ => parts.push(from..to),
        }
    }
    parts
}

fn ruler_ui(desk: &mut Desk<'_>, ui: &mut Ui, ruler: Rect, axis: Axis) {
    let tokens = desk.tokens;
    let response =
        ui.interact(ruler.with_min_x(axis.left - 4.0), ui.scope_id().with("ruler"), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Slider, true, "Time ruler"));
    if (response.dragged() || response.clicked())
        && let Some(at) = response.interact_pointer_pos()
    {
        let frames = desk.state.frames();
        let frame = axis.frame(at.x).clamp(0.0, frames.saturating_sub(1) as f64).floor();
        desk.send(Command::Seek(frame as usize));
    }
    if response.contains_pointer() {
        wheel(desk, ui, &response, axis);
    }
    let seconds = seconds_of_frame(axis.view.span());
    let most = f64::from((axis.right - axis.left) / 62.0).max(1.0);
    let step = [0.04, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0]
        .into_iter()
        .find(|step| seconds / step <= most)
        .unwrap_or(1800.0);
    let from = (seconds_of_frame(axis.view.first) / step).ceil() as i64;
    let to = (seconds_of_frame(axis.view.last) / step).floor() as i64;
    let painter = ui.painter_at(ruler);
    for tick in from..=to {
        let time = tick as f64 * step;
        let x = axis.x(time * f64::from(clips::time::FRAMES_PER_SECOND));
        let words = if step < 0.1 {
            format!("{time:.2}s")
        } else if step < 1.0 {
            format!("{time:.1}s")
        } else {
            format!("{time:.0}s")
        };
        let anchor = if x - axis.left < 8.0 {
            Align2::LEFT_CENTER
        } else if axis.right - x < 12.0 {
            Align2::RIGHT_CENTER
        } else {
            Align2::CENTER_CENTER
        };
        painter.text(pos2(x, ruler.center().y), anchor, words, theme::mono_small(), tokens.faint);
    }
    if axis.view != View::whole(desk.state.frames()) {
        let at = pos2(ruler.left() + 12.0, ruler.center().y);
        let share = desk.state.frames() as f64 / axis.view.span();
        painter.text(
            at,
            Align2::LEFT_CENTER,
            format!("zoom {share:.1}\u{d7}"),
            theme::mono_small(),
            tokens.faint,
        );
    }
}

/// Loop, selection and playhead over all tracks.
fn overlay_ui(desk: &Desk<'_>, ui: &Ui, rect: Rect, axis: Axis) {
    let tokens = desk.tokens;
    let clip = Rect::from_min_max(pos2(axis.left - 1.0, rect.top()), pos2(axis.right + 1.0, rect.bottom()));
    let painter = ui.painter_at(clip);
    let band = |a: f64, b: f64, strong: bool| {
        let area =
            Rect::from_min_max(pos2(axis.x(a), rect.top() + RULER - 4.0), pos2(axis.x(b), rect.bottom()));
        painter.rect_filled(area, 0.0, tokens.accent.gamma_multiply(if strong { 0.16 } else { 0.09 }));
        let edge = Stroke::new(1.0, tokens.accent.gamma_multiply(0.8));
        painter.vline(area.left(), area.y_range(), edge);
        painter.vline(area.right(), area.y_range(), edge);
        for (x, letter, anchor) in
            [(area.left(), "A", Align2::LEFT_TOP), (area.right(), "B", Align2::RIGHT_TOP)]
        {
            let inset = if letter == "A" { 3.0 } else { -3.0 };
            painter.text(pos2(x + inset, area.top()), anchor, letter, theme::mono_small(), tokens.accent);
        }
    };
    if let Some((a, b)) = desk.memory.selecting {
        band(a.min(b), a.max(b), true);
    } else if let Some((a, b)) = desk.playback.transport().looped() {
        band(a as f64, b as f64, false);
    }
    if let Some(a) = desk.playback.marked() {
        painter.vline(
            axis.x(a as f64),
            rect.top() + RULER - 4.0..=rect.bottom(),
            Stroke::new(1.0, tokens.accent),
        );
    }
    let moment = desk.playback.moment() + if desk.playback.moving() { 0.0 } else { 0.5 };
    if axis.visible(moment) {
        let x = axis.x(moment);
        painter.vline(x, rect.top() + 4.0..=rect.bottom(), Stroke::new(1.6, tokens.truth));
        let top = pos2(x, rect.top() + 10.0);
        let head = vec![top + vec2(-5.0, -7.0), top + vec2(5.0, -7.0), top + vec2(0.0, 2.0)];
        painter.add(Shape::convex_polygon(head, tokens.truth, Stroke::NONE));
    }
}

/// Values of the hovered track at the pointer.
fn read_out_ui(desk: &Desk<'_>, ui: &Ui, plot: Rect, track: Track, axis: Axis, at: Pos2) {
    let tokens = desk.tokens;
    let state = desk.state;
    let frame = axis.frame(at.x).clamp(0.0, state.frames().saturating_sub(1) as f64).floor() as usize;
    let mut rows: Vec<(String, f32, Option<usize>)> = Vec::new();
    let column = |values: &[f32]| values.get(frame).copied();
    for index in state.tiles() {
        let take = &state.reactions.all[index].take;
        let value = match track {
            Track::Attribute(column) => take.attributes.get(frame).map(|row| row[column]),
            _ => column(&track.of_take(take)),
        };
        if let Some(value) = value {
            rows.push((state.reactions.name(index), value, Some(index)));
        }
    }
    let listener = state.clip.as_ref().and_then(|clip| clip.listener.as_ref());
    if let Some(value) = listener.and_then(|person| column(&track.of_person(&person.streams))) {
        rows.push(("real".to_owned(), value, None));
    }
    if let (Track::Heard(which), Some(hearing)) =
        (track, state.clip.as_ref().and_then(|clip| clip.hearing.as_ref()))
        && let Some(value) = which.values(&hearing.tracks).get(frame)
    {
        rows.push(("speaker".to_owned(), *value, None));
    }
    ui.painter().vline(at.x, plot.y_range(), Stroke::new(1.0, tokens.faint));
    let per_column = if rows.len() <= 9 { rows.len().max(1) } else { rows.len().div_ceil(2) };
    let columns = rows.len().div_ceil(per_column).max(1);
    let (cell, line) = (vec2(86.0, 15.0), 15.0);
    let shown = rows.len().min(per_column) as f32;
    let card = vec2((cell.x * columns as f32 + 16.0).max(206.0), 28.0 + shown * line + 4.0);
    let screen = ui.ctx().content_rect();
    let mut place = Rect::from_min_size(at + vec2(14.0, -card.y * 0.5), card);
    if place.right() > axis.right {
        place = place.translate(vec2(-card.x - 28.0, 0.0));
    }
    if place.bottom() > screen.bottom() - 4.0 {
        place = place.translate(vec2(0.0, screen.bottom() - 4.0 - place.bottom()));
    }
    let layer = egui::LayerId::new(egui::Order::Tooltip, ui.scope_id().with("read-out"));
    let painter = ui.ctx().layer_painter(layer);
    painter.rect(place, 7.0, tokens.panel, Stroke::new(1.0, tokens.line), StrokeKind::Inside);
    let head = format!("{}  f {frame}  {}", track.name(), clock_text(frame));
    painter.text(place.min + vec2(10.0, 13.0), Align2::LEFT_CENTER, head, theme::small(), tokens.dim);
    for (number, (name, value, index)) in rows.into_iter().enumerate() {
        let corner = place.min
            + vec2(10.0 + (number / per_column) as f32 * cell.x, 32.0 + (number % per_column) as f32 * line);
        let ink = match index {
            Some(index) => {
                let look = theme::latent_look(state.theme, state.reactions.look_index(index));
                icons::glyph(&painter, corner + vec2(4.0, 0.0), 3.4, look.glyph, look.color);
                if state.chosen() == Some(index) { tokens.text } else { tokens.dim }
            }
            None => {
                painter.hline(corner.x..=corner.x + 3.5, corner.y, Stroke::new(1.5, tokens.truth));
                painter.hline(corner.x + 5.5..=corner.x + 9.0, corner.y, Stroke::new(1.5, tokens.truth));
                tokens.text
            }
        };
        painter.text(corner + vec2(13.0, 0.0), Align2::LEFT_CENTER, name, theme::small(), ink);
        let end = corner + vec2(cell.x - 12.0, 0.0);
        painter.text(end, Align2::RIGHT_CENTER, track.value_text(value), theme::mono_small(), ink);
    }
}
