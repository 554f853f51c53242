//! Two pictures under the table: appropriateness against diversity, and the chosen measure clip by clip.

use egui::{Rect, Ui, UiBuilder};
use figures::Figure;
use measures::Measure;
use study::{Column, plots};

use crate::commands::Command;
use crate::desk::Desk;
use crate::evaluate::{Card, Do, Focus};
use crate::figure;
use crate::panels::pictures::{figure_ui, kept, kept_by_worker, key_of, size_of};
use crate::text::{empty, label};
use crate::widgets::{self, segments};

/// What a trade-off is drawn of unless the chosen measure is a diversity itself.
const AXES: [Column; 2] = [Column::Measure(Measure::Corr), Column::Measure(Measure::Div)];

/// Draws the cards side by side.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui, area: Rect) {
    if area.height() < 90.0 {
        return;
    }
    let middle = area.left() + (area.width() * 0.46).round();
    let left = area.with_max_x(middle - 5.0);
    let right = area.with_min_x(middle + 5.0);
    tradeoff_ui(desk, ui, left);
    by_clip_ui(desk, ui, right);
}

fn frame_ui(desk: &Desk<'_>, ui: &Ui, area: Rect) -> Rect {
    let tokens = desk.tokens;
    ui.painter().rect_filled(area, 8.0, tokens.panel);
    area.shrink(8.0)
}

fn tradeoff_ui(desk: &mut Desk<'_>, ui: &mut Ui, area: Rect) {
    let inner = frame_ui(desk, ui, area);
    let Some(board) = desk.state.evaluate.board.clone() else { return };
    let focus = desk.state.evaluate.focus.row;
    let key = key_of(desk, inner, &("trade-off", focus));
    let style = figure::style(desk.state.theme);
    let drawing = kept_by_worker(desk, "trade-off", key, move || {
        // published systems answered other clips: they have no place on these axes
        plots::tradeoff(&board, AXES, Some(focus), false).draw(&style, size_of(inner))
    });
    if let Some(mark) = figure_ui(ui, inner, &drawing, "appropriateness against diversity") {
        let column = desk.state.evaluate.focus.column;
        desk.send(Command::Do(Do::Focus(Focus { row: mark as usize, column })));
    }
}

fn by_clip_ui(desk: &mut Desk<'_>, ui: &mut Ui, area: Rect) {
    let tokens = desk.tokens;
    let inner = frame_ui(desk, ui, area);
    let Some(board) = desk.state.evaluate.board.clone() else { return };
    let cards = [Card::Distribution, Card::Difference, Card::Reliability];
    let words = [label::DISTRIBUTION, label::DIFFERENCE, label::RELIABILITY];
    let (head, below) = inner.split_top_bottom_at_y(inner.top() + 28.0);
    let chosen = cards.iter().position(|card| *card == desk.state.evaluate.card).unwrap_or(0);
    ui.scope_builder(UiBuilder::new().max_rect(head), |ui| {
        if let Some(index) = segments(ui, tokens, &words, chosen, 26.0) {
            desk.send(Command::Do(Do::Card(cards[index])));
        }
    });
    let Focus { row, column } = desk.state.evaluate.focus;
    let style = figure::style(desk.state.theme);
    let nothing = |ui: &Ui, (what, more): (&str, &str)| widgets::empty(ui, tokens, below, what, more);
    let drawing = match desk.state.evaluate.card {
        Card::Distribution => {
            if !board.rows.iter().any(|row| row.cell(column).is_some_and(|cell| !cell.per_clip.is_empty())) {
                return nothing(ui, (empty::NO_CLIPS, empty::NO_CLIPS_REMEDY));
            }
            let key = key_of(desk, below, &("distribution", row, column));
            kept_by_worker(desk, "by clip", key, move || {
                plots::distribution(&board, column, Some(row)).draw(&style, size_of(below))
            })
        }
        Card::Difference => {
            let Some(other) = desk.state.evaluate.other() else {
                return nothing(ui, (empty::NO_OTHER, empty::NO_OTHER_REMEDY));
            };
            let wanted = (desk.state.evaluate.generation, row, other, column);
            desk.memory.comparison_wanted = Some(wanted);
            match desk.memory.comparison.as_ref().filter(|(known, _)| *known == wanted) {
                None => return nothing(ui, (label::COMPARING, "")),
                Some((_, None)) => {
                    let why = board.incomparable(row, other, column);
                    return match &why {
                        Some(why) => nothing(ui, (empty::INCOMPARABLE, why)),
                        None => nothing(ui, (empty::NO_CLIPS, empty::NO_CLIPS_REMEDY)),
                    };
                }
                Some((_, Some(found))) => {
                    let found = found.clone();
                    let key = key_of(desk, below, &("difference", wanted));
                    kept_by_worker(desk, "by clip", key, move || {
                        plots::differences(&board, row, other, column, &found).draw(&style, size_of(below))
                    })
                }
            }
        }
        Card::Reliability => {
            let found = desk.state.evaluate.chosen().and_then(|(_, scored)| scored.recognition.clone());
            let figure = found
                .as_deref()
                .zip(board.rows.get(row))
                .and_then(|(found, shown)| plots::reliability(&shown.label, shown.look, found));
            let Some(figure) = figure else {
                return nothing(ui, (empty::NO_LATENTS, empty::NO_LATENTS_REMEDY));
            };
            let key = key_of(desk, below, &("reliability", row));
            kept(desk, "by clip", key, || figure.draw(&style, size_of(below)))
        }
    };
    let clips = desk.state.evaluate.card != Card::Reliability;
    if let Some(mark) = figure_ui(ui, below, &drawing, "the measure clip by clip").filter(|_| clips) {
        let (row, clip) = plots::clip_of(mark);
        desk.send(Command::Do(Do::Clip { row, clip }));
    }
}
