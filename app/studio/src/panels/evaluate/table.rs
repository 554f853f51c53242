//! The table: systems by measures, uncertainty beside each value and quieter than it, published rows below and marked.

use egui::{
    Align2, FontId, Rect, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};
use figures::number;
use measures::{Direction, Measure, published};
use study::{Board, Cell, Column, Row};

use crate::commands::Command;
use crate::desk::Desk;
use crate::evaluate::{Beside, Do, Focus, TableForm};
use crate::text::{self, heading, label};
use crate::theme::{self, Tokens};
use crate::widgets::{chip, icons, text_cut};

const ROW: f32 = 27.0;
const HEAD: f32 = 30.0;
const NOTE: f32 = 30.0;
const NAME: f32 = 226.0;
const TRACK: f32 = 74.0;
/// A measure is at least this wide.
const LEAST: f32 = 96.0;

/// Draws the table into `area`; returns what it took.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui, area: Rect) -> Rect {
    let Some(board) = desk.state.evaluate.board.clone() else { return area.with_max_y(area.top()) };
    let columns = desk.state.evaluate.columns();
    let published: Vec<&published::Row> = match desk.state.evaluate.published {
        true => study::plots::published_rows().collect(),
        false => Vec::new(),
    };
    let lines = board.rows.len() + published.len() + usize::from(!published.is_empty());
    let wanted = HEAD + ROW * lines as f32 + NOTE + 2.0;
    let area = area.with_max_y(area.bottom().min(area.top() + wanted));
    let (above, note) = area.split_top_bottom_at_y(area.bottom() - NOTE);
    let each = ((area.width() - NAME - TRACK) / columns.len() as f32).max(LEAST);
    let width = NAME + TRACK + each * columns.len() as f32;
    let mut child = ui.new_child(UiBuilder::new().max_rect(above));
    ScrollArea::horizontal().id_salt("columns").auto_shrink(false).show(&mut child, |ui| {
        ui.set_min_width(width);
        ui.spacing_mut().item_spacing.y = 0.0;
        head_ui(desk, ui, &columns, width, each);
        ScrollArea::vertical().id_salt("rows").auto_shrink(false).show(ui, |ui| {
            ui.set_min_width(width);
            for (index, row) in board.rows.iter().enumerate() {
                row_ui(desk, ui, &board, index, row, &columns, [width, each]);
            }
            if !published.is_empty() {
                section_ui(desk, ui, width);
            }
            for row in published {
                published_ui(desk, ui, row, &columns, [width, each]);
            }
        });
    });
    note_ui(desk, ui, note);
    area
}

fn head_ui(desk: &mut Desk<'_>, ui: &mut Ui, columns: &[Column], width: f32, each: f32) {
    let tokens = desk.tokens;
    let (rect, _) = ui.allocate_exact_size(vec2(width, HEAD), Sense::hover());
    let painter = ui.painter();
    let name = |x: f32, words: &str| {
        let at = pos2(x, rect.center().y);
        painter.text(at, Align2::LEFT_CENTER, words, theme::strong(12.0), tokens.faint);
    };
    name(rect.left() + 8.0, heading::SYSTEM_COLUMN);
    name(rect.left() + NAME, heading::TRACK_COLUMN);
    painter.hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, tokens.line));
    for (index, column) in columns.iter().enumerate() {
        let place = cell_rect(rect, index, each);
        let words = titled(*column);
        let response = ui.interact(place, ui.scope_id().with(("head", column.name())), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::ColumnHeader, true, &words));
        let ink = if desk.state.evaluate.focus.column == *column { tokens.text } else { tokens.faint };
        let at = pos2(place.right() - 10.0, place.center().y);
        text_cut(ui.painter(), at, Align2::RIGHT_CENTER, &words, theme::strong(12.0), ink, each - 12.0);
        if response.on_hover_text(column.meaning()).clicked() {
            let row = desk.state.evaluate.focus.row;
            desk.send(Command::Do(Do::Focus(Focus { row, column: *column })));
        }
    }
}

/// `FRDist ↓`.
pub fn titled(column: Column) -> String {
    match column.better() {
        Some(Direction::Higher) => format!("{} \u{2191}", column.name()),
        Some(Direction::Lower) => format!("{} \u{2193}", column.name()),
        None => column.name().to_owned(),
    }
}

fn cell_rect(row: Rect, index: usize, each: f32) -> Rect {
    let left = row.left() + NAME + TRACK + each * index as f32;
    Rect::from_min_max(pos2(left, row.top()), pos2(left + each, row.bottom()))
}

fn row_ui(
    desk: &mut Desk<'_>,
    ui: &mut Ui,
    board: &Board,
    index: usize,
    row: &Row,
    columns: &[Column],
    [width, each]: [f32; 2],
) {
    let tokens = desk.tokens;
    let focus = desk.state.evaluate.focus;
    let (rect, response) = ui.allocate_exact_size(vec2(width, ROW), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Row, true, focus.row == index, &row.label));
    let fill = if focus.row == index {
        tokens.chosen
    } else if response.hovered() {
        tokens.hover
    } else {
        egui::Color32::TRANSPARENT
    };
    ui.painter().rect_filled(rect, 5.0, fill);
    if response.clicked() {
        desk.send(Command::Do(Do::Focus(Focus { row: index, column: focus.column })));
    }
    let painter = ui.painter();
    let look = theme::latent_look(desk.state.theme, index);
    icons::glyph(painter, pos2(rect.left() + 14.0, rect.center().y), 4.3, look.glyph, look.color);
    let at = pos2(rect.left() + 26.0, rect.center().y);
    text_cut(painter, at, Align2::LEFT_CENTER, &row.label, theme::body(), tokens.text, NAME - 34.0);
    let track = match row.track {
        Some(clips::Track::Offline) => "offline",
        Some(clips::Track::Online) => "online",
        None => "",
    };
    let at = pos2(rect.left() + NAME, rect.center().y);
    painter.text(at, Align2::LEFT_CENTER, track, theme::body(), tokens.dim);
    for (place, column) in columns.iter().enumerate() {
        let Some(cell) = row.cell(*column) else { continue };
        let area = cell_rect(rect, place, each);
        let chosen = focus == Focus { row: index, column: *column };
        cell_ui(desk, ui, board, (index, *column), cell, area, chosen);
    }
    response.on_hover_text(row.warnings.join("\n"));
}

fn cell_ui(
    desk: &mut Desk<'_>,
    ui: &mut Ui,
    board: &Board,
    (row, column): (usize, Column),
    cell: &Cell,
    area: Rect,
    chosen: bool,
) {
    let tokens = desk.tokens;
    let response = ui.interact(area, ui.scope_id().with((row, column.name())), Sense::click());
    let words = match cell.value {
        // what has no room in decimals is a matter of its magnitude
        Some(value) if value.abs() >= 1e5 => format!("{value:.1e}"),
        Some(value) => number::fixed(value, column.decimals()),
        None => "\u{2014}".to_owned(),
    };
    let said = format!("{} of {}: {words}", column.name(), board.rows[row].label);
    response.widget_info(|| WidgetInfo::selected(Role::Cell, true, chosen, &said));
    let beside = beside_of(desk.state.evaluate.beside, cell, column);
    let painter = ui.painter();
    if chosen || response.hovered() {
        let ink = if chosen { tokens.accent } else { tokens.faint };
        painter.rect_stroke(area.shrink2(vec2(2.0, 2.5)), 5.0, Stroke::new(1.0, ink), StrokeKind::Inside);
    }
    let hollow = says_little(&board.rows[row], column);
    let ink = match (cell.value, cell.bold) {
        (None, _) => tokens.faint,
        _ if hollow => tokens.faint,
        (_, true) => tokens.accent,
        _ => tokens.text,
    };
    let right = area.right() - 10.0;
    let tail = beside_width(column);
    if let Some(beside) = beside {
        let at = pos2(right, area.center().y + 0.5);
        painter.text(at, Align2::RIGHT_CENTER, beside, theme::mono_small(), tokens.faint);
    }
    let at = pos2(right - tail, area.center().y);
    let font = theme::mono();
    painter.text(at, Align2::RIGHT_CENTER, &words, font.clone(), ink);
    if cell.bold {
        // the face has one weight: a second stroke makes it heavy
        painter.text(at + vec2(0.5, 0.0), Align2::RIGHT_CENTER, &words, font, ink);
    }
    let mut hint = hint_of(cell, column);
    if hollow {
        hint += &format!("\n{}", text::HOLLOW);
    }
    let response = if hint.is_empty() { response } else { response.on_hover_text(hint) };
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

fn beside_of(beside: Beside, cell: &Cell, column: Column) -> Option<String> {
    let decimals = column.decimals();
    let half = match beside {
        Beside::Interval => cell.interval.map(|interval| (interval.high - interval.low) * 0.5),
        Beside::Seeds => cell.spread.and_then(|spread| spread.deviation),
    };
    cell.value.and(half).map(|half| number::spread(half, decimals))
}

/// Room for the uncertainty, the same in the whole column, so that values stand in line.
fn beside_width(column: Column) -> f32 {
    7.0 * (3 + column.decimals()) as f32 + 3.0
}

fn hint_of(cell: &Cell, column: Column) -> String {
    if cell.value.is_none() {
        return cell.why.clone();
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
    lines.join("\n")
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

fn published_ui(
    desk: &mut Desk<'_>,
    ui: &mut Ui,
    row: &published::Row,
    columns: &[Column],
    [width, each]: [f32; 2],
) {
    let tokens = desk.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(width, ROW), Sense::hover());
    let said = format!("{}, {}", row.system, text::PUBLISHED_TAG);
    response.widget_info(|| WidgetInfo::labeled(Role::Row, true, &said));
    let painter = ui.painter();
    painter.circle_stroke(pos2(rect.left() + 14.0, rect.center().y), 3.6, Stroke::new(1.0, tokens.faint));
    let at = pos2(rect.left() + 26.0, rect.center().y);
    text_cut(painter, at, Align2::LEFT_CENTER, row.system, theme::body(), tokens.dim, NAME - 34.0);
    let track = match row.track {
        published::Track::Naive => "",
        published::Track::Offline => "offline",
        published::Track::Online => "online",
    };
    let at = pos2(rect.left() + NAME, rect.center().y);
    painter.text(at, Align2::LEFT_CENTER, track, theme::body(), tokens.faint);
    for (place, column) in columns.iter().enumerate() {
        let printed = published::MEASURES
            .iter()
            .position(|name| *name == column.name())
            .map_or("", |index| row.printed[index]);
        let area = cell_rect(rect, place, each);
        let at = pos2(area.right() - 10.0 - beside_width(*column), area.center().y);
        let font: FontId = theme::mono();
        painter.text(at, Align2::RIGHT_CENTER, printed, font, tokens.dim);
    }
    let mut hint = format!("{}\n{}", row.source.label(), text::PUBLISHED_HINT);
    if !row.caution.is_empty() {
        hint += &format!("\n{}", row.caution);
    }
    response.on_hover_text(hint);
}

fn note_ui(desk: &mut Desk<'_>, ui: &mut Ui, area: Rect) {
    let tokens: &Tokens = desk.tokens;
    let layout = egui::Layout::right_to_left(egui::Align::Center);
    let mut left = area.right();
    ui.scope_builder(UiBuilder::new().max_rect(area).layout(layout), |ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        for (words, command) in [
            (label::EXPORT, Do::Export),
            (label::CSV, Do::Copy(TableForm::Csv)),
            (label::LATEX, Do::Copy(TableForm::Latex)),
        ] {
            let command = Command::Do(command);
            if chip(ui, tokens, words, false).on_hover_text(command.hint()).clicked() {
                desk.commands.push(command);
            }
        }
        left = ui.min_rect().left();
    });
    let words = text::board_note(desk.state.evaluate.beside);
    let at = pos2(area.left() + 2.0, area.center().y);
    let room = left - area.left() - 14.0;
    let place = text_cut(ui.painter(), at, Align2::LEFT_CENTER, words, theme::small(), tokens.faint, room);
    let response = ui.interact(place, ui.scope_id().with("note"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words));
    response.on_hover_text(words);
}
