//! The runs: name, where each stands, a small curve of its loss; a mark beside those that are compared.

use egui::{Align2, Color32, Rect, Role, ScrollArea, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use runs::{Row, State};

use crate::commands::Command;
use crate::desk::Desk;
use crate::text::{self, empty, heading};
use crate::theme::{self, Tokens};
use crate::train::Do;
use crate::widgets::{self, icon_button, icons::Icon, text_cut};

const ROW: f32 = 41.0;

/// Height that the whole list would take.
pub fn wanted(desk: &Desk<'_>) -> f32 {
    let rows = desk.state.train.seen.rows.len().max(2);
    32.0 + ROW * rows as f32 + 10.0
}

/// Draws the list.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    ui.spacing_mut().item_spacing.y = 2.0;
    ui.horizontal(|ui| {
        let words = ui.available_width() - 30.0;
        ui.allocate_ui(vec2(words, 24.0), |ui| widgets::heading(ui, tokens, heading::RUNS, None));
        let command = Command::Train(Do::OpenRun);
        let button = icon_button(ui, tokens, Icon::Folder, Do::OpenRun.text(), 24.0, false);
        if button.on_hover_text(command.hint()).clicked() {
            desk.send(command);
        }
    });
    let seen = desk.state.train.seen.clone();
    if seen.rows.is_empty() {
        let rect = ui.available_rect_before_wrap();
        let at = rect.left_top() + vec2(2.0, 12.0);
        text_cut(ui.painter(), at, Align2::LEFT_CENTER, empty::RUNS, theme::body(), tokens.dim, rect.width());
        return;
    }
    ScrollArea::vertical().id_salt("runs").auto_shrink(false).show_rows(
        ui,
        ROW - 2.0,
        seen.rows.len(),
        |ui, rows| {
            for row in &seen.rows[rows] {
                row_ui(desk, ui, row);
            }
        },
    );
}

/// The colour that stands for a state.
pub fn ink(tokens: &Tokens, state: State) -> Color32 {
    match state {
        State::Running => tokens.good,
        State::Paused | State::Stopped => tokens.warn,
        State::Failed | State::Interrupted => tokens.bad,
        State::Queued => tokens.accent,
        State::Done | State::Imported => tokens.faint,
    }
}

fn row_ui(desk: &mut Desk<'_>, ui: &mut Ui, row: &Row) {
    let tokens = desk.tokens;
    let train = &desk.state.train;
    let chosen = train.chosen.as_ref() == Some(&row.path);
    let compared = train.compared.contains(&row.path);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW - 2.0), Sense::click());
    let remark = text::of_run(row);
    response.widget_info(|| {
        WidgetInfo::selected(Role::ListItem, true, chosen, format!("Run {}, {remark}", row.name))
    });
    let fill = if chosen {
        tokens.chosen
    } else if response.hovered() || compared {
        tokens.hover
    } else {
        Color32::TRANSPARENT
    };
    ui.painter().rect_filled(rect, 6.0, fill);
    widgets::focus_ring(ui, tokens, &response, rect);
    let painter = ui.painter();
    let dot = pos2(rect.right() - 10.0, rect.center().y);
    let color = ink(tokens, row.state);
    if row.state == State::Queued {
        painter.circle_stroke(dot, 3.5, Stroke::new(1.5, color));
    } else {
        painter.circle_filled(dot, 4.0, color);
    }
    let spark = Rect::from_min_max(
        pos2(rect.right() - 80.0, rect.top() + 10.0),
        pos2(rect.right() - 22.0, rect.bottom() - 10.0),
    );
    let words = if row.sparks.len() > 1 { spark.left() - rect.left() - 14.0 } else { rect.width() - 34.0 };
    let at = pos2(rect.left() + 8.0, rect.top() + 12.5);
    text_cut(painter, at, Align2::LEFT_CENTER, &row.name, theme::body(), tokens.text, words);
    let at = pos2(rect.left() + 8.0, rect.top() + 28.0);
    text_cut(
        painter,
        at,
        Align2::LEFT_CENTER,
        &remark,
        theme::small(),
        if chosen { tokens.dim } else { tokens.faint },
        words,
    );
    sparkline(ui, spark, &row.sparks, if chosen { tokens.text } else { tokens.dim });
    // A click compares while Ctrl is held, and so does the small place beside the dot.
    let held = ui.input(|input| input.modifiers.command);
    let mark = Rect::from_min_max(pos2(rect.right() - 20.0, rect.top()), rect.max);
    let on_mark = !chosen && response.interact_pointer_pos().is_some_and(|at| mark.contains(at));
    if compared {
        painter.circle_stroke(dot, 7.0, Stroke::new(1.2, tokens.text));
    }
    let clicked = response.clicked();
    let hint = format!("{}\n{}\n{}", row.path.display(), text::of_run(row), text::COMPARE_HINT);
    response.on_hover_text(hint);
    if clicked {
        let path = row.path.clone();
        desk.send(Command::Train(if held || on_mark { Do::Compare(path) } else { Do::Choose(path) }));
    }
}

/// A small curve, by logarithm where it can be.
fn sparkline(ui: &Ui, rect: Rect, values: &[f32], ink: Color32) {
    if values.len() < 2 {
        return;
    }
    let by_log = values.iter().all(|value| *value > 0.0);
    let height = |value: f32| if by_log { value.ln() } else { value };
    let (low, high) = values
        .iter()
        .map(|value| height(*value))
        .fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)));
    let span = (high - low).max(1e-6);
    let points = values
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let x = rect.left() + rect.width() * index as f32 / (values.len() - 1) as f32;
            pos2(x, rect.bottom() - rect.height() * (height(*value) - low) / span)
        })
        .collect();
    ui.painter().add(egui::Shape::line(points, Stroke::new(1.2, ink)));
}
