//! The table: systems by measures, uncertainty beside each value and quieter than it, published rows below and marked.

use egui::{
    Align2, FontId, Rect, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};
use figures::number;
use measures::{Direction, Measure, published};
use study::{Board, Cell, Column, Row};

use super::foot::{more_ui, note_ui};
use super::layout::{Layout, PAD, TRACK, beside_of, titled, words_of};
use crate::commands::Command;
use crate::desk::Desk;
use crate::evaluate::{Absent, Choice, Do, Focus};
use crate::text::{self, heading, label};
use crate::theme::{self, Tokens};
use crate::widgets::text_cut;

const ROW: f32 = 27.0;
const HEAD: f32 = 30.0;
const NOTE: f32 = 30.0;
/// Draws the table into `area`; returns what it took.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui, area: Rect) -> Rect {
    let Some(board) = desk.state.evaluate.board.clone() else { return area.with_max_y(area.top()) };
    let columns = desk.state.evaluate.columns();
    let published: Vec<&published::Row> = match desk.state.evaluate.published {
        true => study::plots::published_rows().collect(),
        false => Vec::new(),
    };
    let absent = desk.state.evaluate.absent(&desk.state.systems);
    let lines = board.rows.len() + absent.len() + published.len() + usize::from(!published.is_empty());
    let wanted = HEAD + ROW * lines as f32 + NOTE + 10.0;
    let area = area.with_max_y(area.bottom().min(area.top() + wanted));
    let (above, note) = area.split_top_bottom_at_y(area.bottom() - NOTE);
    let layout = Layout::of(&board, &columns, desk.state.evaluate.beside, area.width());
    let width = layout.width();
    let mut child = ui.new_child(UiBuilder::new().max_rect(above));
    if width > area.width() + 1.0 {
        // there is more to the right: the bar stays in sight
        child.spacing_mut().scroll =
            egui::style::ScrollStyle { bar_width: 6.0, ..egui::style::ScrollStyle::solid() };
    }
    let shown = ScrollArea::horizontal().id_salt("columns").auto_shrink(false).show(&mut child, |ui| {
        ui.set_min_width(width);
        ui.spacing_mut().item_spacing.y = 0.0;
        head_ui(desk, ui, &columns, &layout);
        ui.spacing_mut().scroll = egui::style::ScrollStyle::floating();
        ScrollArea::vertical().id_salt("rows").auto_shrink(false).show(ui, |ui| {
            ui.set_min_width(width);
            for (index, row) in board.rows.iter().enumerate() {
                row_ui(desk, ui, &board, index, row, &columns, &layout);
            }
            for (choice, why) in &absent {
                absent_ui(desk, ui, choice, why, &layout);
            }
            if !published.is_empty() {
                section_ui(desk, ui, width);
            }
            for row in published {
                published_ui(desk, ui, row, &columns, &layout);
            }
        });
    });
    let beyond = shown.state.clamped_offset().x + shown.inner_rect.width();
    let hidden = layout.edges[1..].iter().filter(|edge| **edge > beyond + 4.0).count();
    let taken = if hidden > 0 { more_ui(desk, ui, note, hidden) } else { 0.0 };
    note_ui(desk, ui, note.with_min_x(note.left() + taken));
    area
}

fn head_ui(desk: &mut Desk<'_>, ui: &mut Ui, columns: &[Column], layout: &Layout) {
    let tokens = desk.tokens;
    let (rect, _) = ui.allocate_exact_size(vec2(layout.width(), HEAD), Sense::hover());
    let numbers = layout.numbers(ui, rect);
    for (index, column) in columns.iter().enumerate() {
        let place = layout.cell(rect, index);
        let words = titled(*column);
        let seen = layout.seen(ui, rect, place);
        let ink = if desk.state.evaluate.focus.column == *column { tokens.text } else { tokens.faint };
        let at = pos2(place.right() - PAD, place.center().y);
        text_cut(&numbers, at, Align2::RIGHT_CENTER, &words, theme::strong(12.0), ink, place.width() - 6.0);
        if seen.width() < 8.0 {
            continue;
        }
        let response = ui.interact(seen, ui.scope_id().with(("head", column.name())), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::ColumnHeader, true, &words));
        if response.on_hover_text(head_hint(*column)).clicked() {
            let row = desk.state.evaluate.focus.row;
            desk.send(Command::Do(Do::Focus(Focus { row, column: *column })));
        }
    }
    let names = layout.names(ui, rect);
    let track = Rect::from_min_max(
        pos2(rect.left() + layout.name, rect.top()),
        pos2(rect.left() + layout.name + TRACK, rect.bottom()),
    );
    numbers.text(
        track.left_center(),
        Align2::LEFT_CENTER,
        heading::TRACK_COLUMN,
        theme::strong(12.0),
        tokens.faint,
    );
    let at = names.left_center() + vec2(8.0, 0.0);
    ui.painter().text(at, Align2::LEFT_CENTER, heading::SYSTEM_COLUMN, theme::strong(12.0), tokens.faint);
    for (place, name, hint) in [
        (names, heading::SYSTEM_COLUMN, text::SYSTEM_HINT),
        (layout.seen(ui, rect, track), heading::TRACK_COLUMN, text::TRACK_HINT),
    ] {
        if place.width() > 8.0 {
            let response = ui.interact(place, ui.scope_id().with(("head", name)), Sense::hover());
            response.widget_info(|| WidgetInfo::labeled(Role::ColumnHeader, true, name));
            response.on_hover_text(hint);
        }
    }
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, tokens.line));
}

/// What a measure says and which end is better.
fn head_hint(column: Column) -> String {
    let better = match column.better() {
        Some(Direction::Higher) => "Higher is better",
        Some(Direction::Lower) => "Lower is better",
        None => "Neither end is better",
    };
    format!("{}. {better}", column.meaning())
}

/// The square with the letter of a system, as it is in the pictures: filled, or hollow for a baseline.
fn badge(painter: &egui::Painter, tokens: &Tokens, center: egui::Pos2, look: usize) {
    let Some((letter, hollow)) = figures::of_system(look) else { return };
    let place = Rect::from_center_size(center, vec2(14.0, 14.0));
    let ink = if hollow {
        painter.rect_stroke(place, 2.0, Stroke::new(1.0, tokens.faint), StrokeKind::Inside);
        tokens.faint
    } else {
        painter.rect_filled(place, 2.0, tokens.dim);
        tokens.panel
    };
    painter.text(center, Align2::CENTER_CENTER, letter, FontId::proportional(10.5), ink);
}

fn row_ui(
    desk: &mut Desk<'_>,
    ui: &mut Ui,
    board: &Board,
    index: usize,
    row: &Row,
    columns: &[Column],
    layout: &Layout,
) {
    let tokens = desk.tokens;
    let evaluate = &desk.state.evaluate;
    let focus = evaluate.focus;
    let left_out = evaluate.scored.get(index).is_some_and(|(choice, _)| !evaluate.takes_part(choice));
    let (rect, response) = ui.allocate_exact_size(vec2(layout.width(), ROW), Sense::click());
    let said = if left_out { format!("{}, {}", row.label, text::LEFT_OUT) } else { row.label.clone() };
    response.widget_info(|| WidgetInfo::selected(Role::Row, true, focus.row == index, &said));
    let fill = if focus.row == index {
        tokens.chosen
    } else if response.hovered() {
        tokens.hover
    } else {
        tokens.ground
    };
    ui.painter().rect_filled(rect, 5.0, fill);
    if response.clicked() {
        desk.send(Command::Do(Do::Focus(Focus { row: index, column: focus.column })));
    }
    let ink = if left_out { tokens.faint } else { tokens.text };
    let track = match row.track {
        Some(clips::Track::Offline) => "offline",
        Some(clips::Track::Online) => "online",
        None => "",
    };
    let at = pos2(rect.left() + layout.name, rect.center().y);
    layout.numbers(ui, rect).text(at, Align2::LEFT_CENTER, track, theme::body(), tokens.dim);
    for (place, column) in columns.iter().enumerate() {
        let Some(cell) = row.cell(*column) else { continue };
        cell_ui(desk, ui, board, (index, *column), cell, layout, (rect, place));
    }
    let names = layout.names(ui, rect);
    badge(ui.painter(), tokens, pos2(names.left() + 15.0, names.center().y), row.look);
    let at = pos2(names.left() + 28.0, names.center().y);
    let tag = if left_out { text::LEFT_OUT } else { "" };
    let tag_width = if left_out { 66.0 } else { 0.0 };
    let room = layout.name - 36.0 - tag_width;
    text_cut(ui.painter(), at, Align2::LEFT_CENTER, &row.label, theme::body(), ink, room);
    let at = pos2(names.right() - 6.0, names.center().y);
    ui.painter().text(at, Align2::RIGHT_CENTER, tag, theme::small(), tokens.warn);
    let mut hint = vec![row.label.clone()];
    if left_out {
        hint.push(text::LEFT_OUT_HINT.to_owned());
    }
    hint.extend(row.warnings.iter().cloned());
    response.on_hover_text(hint.join("\n"));
}

/// Somebody who takes part and has no numbers, and why.
fn absent_ui(desk: &Desk<'_>, ui: &mut Ui, choice: &Choice, why: &Absent, layout: &Layout) {
    let tokens = desk.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(layout.width(), ROW), Sense::hover());
    let name = choice.label(&desk.state.systems);
    let (tag, words, ink) = match why {
        Absent::Failed(why) => (text::FAILED, why.as_str(), tokens.bad),
        Absent::Running => (text::SCORING, "", tokens.dim),
        Absent::Waiting => (text::WAITING, "", tokens.faint),
        Absent::NotYet => (text::NOT_SCORED, "", tokens.faint),
    };
    let said = if words.is_empty() { format!("{name}, {tag}") } else { format!("{name}, {tag}: {words}") };
    response.widget_info(|| WidgetInfo::labeled(Role::Row, true, &said));
    let names = layout.names(ui, rect);
    let at = pos2(names.left() + 28.0, names.center().y);
    text_cut(ui.painter(), at, Align2::LEFT_CENTER, &name, theme::body(), tokens.faint, layout.name - 36.0);
    let at = pos2(names.right(), names.center().y);
    let room = ui.clip_rect().right() - at.x - 12.0;
    let line = if words.is_empty() { tag.to_owned() } else { format!("{tag}: {words}") };
    text_cut(ui.painter(), at, Align2::LEFT_CENTER, &line, theme::small(), ink, room);
    response.on_hover_text(said);
}

fn cell_ui(
    desk: &mut Desk<'_>,
    ui: &mut Ui,
    board: &Board,
    (row, column): (usize, Column),
    cell: &Cell,
    layout: &Layout,
    (rect, place): (Rect, usize),
) {
    let tokens = desk.tokens;
    let chosen = desk.state.evaluate.focus == Focus { row, column };
    let area = layout.cell(rect, place);
    let here = Focus { row, column };
    if chosen && desk.memory.cell_shown != Some(here) {
        desk.memory.cell_shown = Some(here);
        // the names cover the left edge
        ui.scroll_to_rect(area.with_min_x(area.left() - layout.name), None);
    }
    let seen = layout.seen(ui, rect, area);
    if seen.width() < 8.0 {
        return;
    }
    let response = ui.interact(seen, ui.scope_id().with((row, column.name())), Sense::click());
    let words = words_of(cell, column);
    let said = format!("{} of {}: {words}", column.name(), board.rows[row].label);
    response.widget_info(|| WidgetInfo::selected(Role::Cell, true, chosen, &said));
    let painter = layout.numbers(ui, rect);
    if chosen || response.hovered() {
        let ink = if chosen { tokens.accent } else { tokens.faint };
        painter.rect_stroke(area.shrink2(vec2(2.0, 2.5)), 5.0, Stroke::new(1.0, ink), StrokeKind::Inside);
    }
    let hollow = says_little(&board.rows[row], column);
    let quiet = cell.value.is_none() || hollow || !cell.caution.is_empty();
    let ink = if quiet {
        tokens.faint
    } else if cell.bold {
        tokens.accent
    } else {
        tokens.text
    };
    let right = area.right() - PAD;
    if let Some(beside) = beside_of(desk.state.evaluate.beside, cell, column) {
        let at = pos2(right, area.center().y + 0.5);
        painter.text(at, Align2::RIGHT_CENTER, beside, theme::mono_small(), tokens.faint);
    }
    let at = pos2(right - layout.tails[place], area.center().y);
    let number = painter.text(at, Align2::RIGHT_CENTER, &words, theme::mono(), ink);
    if cell.bold {
        // the face has one weight: a dot is read on a grey print too
        painter.circle_filled(number.left_center() - vec2(6.5, 0.0), 2.6, ink);
    }
    let mut hint = hint_of(cell, column);
    for more in [hollow.then_some(text::HOLLOW), cell.bold.then_some(text::BOLD_HINT)].into_iter().flatten() {
        hint.push(more.to_owned());
    }
    if !cell.caution.is_empty() {
        hint.push(cell.caution.clone());
    }
    let response = if hint.is_empty() { response } else { response.on_hover_text(hint.join("\n")) };
    if response.double_clicked() {
        desk.send(Command::Do(Do::Focus(Focus { row, column })));
        desk.send(Command::Do(Do::Worst));
    } else if response.clicked() {
        desk.send(Command::Do(Do::Focus(Focus { row, column })));
    }
}

/// A synchrony that is undefined for most clips is a count of constant columns.
fn says_little(row: &Row, column: Column) -> bool {
    let synchrony = matches!(column, Column::Measure(Measure::Syn | Measure::SynAllSamples));
    let share = row.cell(Column::Measure(Measure::ConstantShare)).and_then(|cell| cell.value);
    synchrony && share.is_some_and(|share| share > 0.5)
}

fn hint_of(cell: &Cell, column: Column) -> Vec<String> {
    if cell.value.is_none() {
        return vec![cell.why.clone()];
    }
    let decimals = column.decimals() + 1;
    let mut lines = Vec::new();
    if let Some(interval) = cell.interval {
        lines.push(format!(
            "{} {}",
            label::INTERVAL,
            number::interval((interval.low, interval.high), decimals)
        ));
    }
    if let Some((spread, deviation)) = cell.spread.and_then(|spread| Some((spread, spread.deviation?))) {
        lines.push(format!("{} {}", number::spread(deviation, decimals), text::counted(spread.n, "seed")));
    }
    lines
}

/// What the rows below are.
fn section_ui(desk: &Desk<'_>, ui: &mut Ui, width: f32) {
    let tokens = desk.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(width, ROW), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::RowHeader, true, heading::PUBLISHED));
    let painter = ui.painter();
    painter.hline(rect.x_range(), rect.top() + 2.5, Stroke::new(1.0, tokens.line));
    let at = rect.left_center() + vec2(8.0, 2.0);
    painter.text(at, Align2::LEFT_CENTER, heading::PUBLISHED, theme::strong(10.5), tokens.faint);
    response.on_hover_text(text::PUBLISHED_HINT);
}

fn published_ui(desk: &mut Desk<'_>, ui: &mut Ui, row: &published::Row, columns: &[Column], layout: &Layout) {
    let tokens = desk.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(layout.width(), ROW), Sense::hover());
    let said = format!("{}, {}", row.system, text::PUBLISHED_TAG);
    response.widget_info(|| WidgetInfo::labeled(Role::Row, true, &said));
    let names = layout.names(ui, rect);
    let ring = pos2(names.left() + 15.0, names.center().y);
    ui.painter().circle_stroke(ring, 3.6, Stroke::new(1.0, tokens.faint));
    let at = pos2(names.left() + 28.0, names.center().y);
    text_cut(
        ui.painter(),
        at,
        Align2::LEFT_CENTER,
        row.system,
        theme::body(),
        tokens.dim,
        layout.name - 36.0,
    );
    let track = match row.track {
        published::Track::Naive => "",
        published::Track::Offline => "offline",
        published::Track::Online => "online",
    };
    let numbers = layout.numbers(ui, rect);
    let at = pos2(rect.left() + layout.name, rect.center().y);
    numbers.text(at, Align2::LEFT_CENTER, track, theme::body(), tokens.faint);
    let mut unprinted = Vec::new();
    for (place, column) in columns.iter().enumerate() {
        let printed = published::MEASURES
            .iter()
            .position(|name| *name == column.name())
            .map_or("", |index| row.printed[index].trim());
        let area = layout.cell(rect, place);
        if printed.parse::<f64>().is_err() {
            unprinted.push(layout.seen(ui, rect, area));
        }
        let words = if printed.is_empty() { "\u{2014}" } else { printed };
        let at = pos2(area.right() - PAD - layout.tails[place], area.center().y);
        let font: FontId = theme::mono();
        let ink = if printed.is_empty() { tokens.faint } else { tokens.dim };
        numbers.text(at, Align2::RIGHT_CENTER, words, font, ink);
    }
    let pointer = response.hover_pos();
    let empty = pointer.is_some_and(|at| unprinted.iter().any(|area| area.contains(at)));
    let mut hint = format!("{}: {}\n{}", row.system, row.source.label(), text::PUBLISHED_HINT);
    if empty {
        hint = format!("{}\n{hint}", text::NOT_PUBLISHED);
    }
    if !row.caution.is_empty() {
        hint += &format!("\n{}", row.caution);
    }
    response.on_hover_text(hint);
}
