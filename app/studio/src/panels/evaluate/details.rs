//! What stands behind the chosen number: its meaning, its uncertainty, what the official definition hides, another system
//! clip by clip, the clips at its ends, and what the latents of its system do.

use egui::{Align2, Role, ScrollArea, Sense, Ui, WidgetInfo, vec2};
use figures::{Figure, number};
use measures::{Evaluation, Measure};
use study::{Board, Column, Row, plots};

use super::layout::titled;
use crate::commands::Command;
use crate::desk::Desk;
use crate::evaluate::{Do, Focus};
use crate::figure;
use crate::panels::pictures::{figure_ui, kept, key_of, slot};
use crate::text::{self, empty, heading, label};
use crate::theme;
use crate::widgets::{self, divider, text_cut, value_row};

/// Clips listed at the worse and at the better end.
const LISTED: [usize; 2] = [4, 3];

/// Draws the panel.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let Some(board) = desk.state.evaluate.board.clone() else {
        let rect = ui.available_rect_before_wrap();
        widgets::empty(ui, tokens, rect, empty::CELL, empty::CELL_REMEDY);
        return;
    };
    let Focus { row, column } = desk.state.evaluate.focus;
    let Some(shown) = board.rows.get(row) else { return };
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 3.0;
        cell_ui(desk, ui, shown, column);
        divider(ui, tokens);
        compared_ui(desk, ui, &board, row, column);
        clips_ui(desk, ui, &board, row, column);
        latents_ui(desk, ui, shown, row);
        ui.add_space(8.0);
    });
}

fn cell_ui(desk: &Desk<'_>, ui: &mut Ui, row: &Row, column: Column) {
    let tokens = desk.tokens;
    let Some(cell) = row.cell(column) else { return };
    widgets::heading(ui, tokens, &titled(column), Some((&row.label, tokens.dim)));
    ui.label(egui::RichText::new(column.meaning()).font(theme::small()).color(tokens.dim));
    ui.add_space(3.0);
    let decimals = column.decimals() + 1;
    let value = cell.value.map_or_else(|| cell.why.clone(), |value| number::fixed(value, decimals));
    value_row(ui, tokens, label::VALUE, &value, cell.value.is_some());
    if let Some(interval) = cell.interval {
        let words = number::interval((interval.low, interval.high), decimals);
        value_row(ui, tokens, label::INTERVAL, &words, true);
    }
    if let Some((spread, deviation)) = cell.spread.and_then(|spread| Some((spread, spread.deviation?))) {
        let words = format!("{} of {}", number::spread(deviation, decimals), text::counted(spread.n, "seed"));
        value_row(ui, tokens, label::DEVIATION, &words, true);
    }
    let outcome = desk.state.evaluate.chosen().and_then(|(_, scored)| scored.outcomes.first());
    if let Some(outcome) = outcome {
        for (name, value) in honest(column, &outcome.evaluation) {
            value_row(ui, tokens, name, &value, true);
        }
    }
    if !cell.caution.is_empty() {
        ui.label(egui::RichText::new(&cell.caution).font(theme::small()).color(tokens.warn));
    }
    let synchrony =
        matches!(column, Column::Measure(Measure::Syn | Measure::SynAllSamples | Measure::ConstantShare));
    for warning in &row.warnings {
        // what is said of synchrony stands beside synchrony
        let of_synchrony = warning.contains("FRSyn");
        if of_synchrony && !synchrony {
            continue;
        }
        let ink = if of_synchrony || warning.contains("outside") { tokens.warn } else { tokens.faint };
        ui.label(egui::RichText::new(warning).font(theme::small()).color(ink));
    }
}

/// What the official definition of a measure hides.
fn honest(column: Column, evaluation: &Evaluation) -> Vec<(&'static str, String)> {
    let number = |value: f64, decimals| number::fixed(value, decimals);
    let optional = |value: Option<f64>, decimals| {
        value.map_or_else(|| "\u{2014}".to_owned(), |value| number::fixed(value, decimals))
    };
    match column {
        Column::Measure(Measure::Corr) => {
            vec![("A sample, at most 1", number(evaluation.FRCorr_per_sample, 4))]
        }
        Column::Measure(Measure::Dist) => vec![("A sample", number(evaluation.FRDist_per_sample, 3))],
        Column::Measure(Measure::Var) | Column::VarRatio => vec![
            ("FRVar of the truth", optional(evaluation.FRVar_truth, 5)),
            ("Ratio to the truth", optional(evaluation.FRVar_ratio, 3)),
        ],
        Column::Measure(Measure::Syn | Measure::SynAllSamples | Measure::ConstantShare) => vec![
            ("Undefined clips", number::percent(evaluation.constant_share)),
            ("Where it is defined", optional(evaluation.FRSyn_defined, 2)),
            ("Over all samples", number(evaluation.FRSyn_all_samples, 2)),
        ],
        _ => Vec::new(),
    }
}

fn compared_ui(desk: &mut Desk<'_>, ui: &mut Ui, board: &Board, row: usize, column: Column) {
    let tokens = desk.tokens;
    let Some(other) = desk.state.evaluate.other() else { return };
    widgets::heading(ui, tokens, heading::COMPARED, None);
    ui.horizontal(|ui| {
        let words = ui.label(egui::RichText::new(label::AGAINST).color(tokens.dim));
        let name = board.rows[other].label.clone();
        egui::ComboBox::from_id_salt("against").selected_text(name).width(ui.available_width()).show_ui(
            ui,
            |ui| {
                for (index, candidate) in board.rows.iter().enumerate().filter(|(index, _)| *index != row) {
                    if ui.selectable_label(index == other, &candidate.label).clicked() {
                        desk.send(Command::Do(Do::Against(index)));
                    }
                }
            },
        );
        let _ = words;
    });
    let wanted = (desk.state.evaluate.generation, row, other, column);
    desk.memory.comparison_wanted = Some(wanted);
    let known = desk.memory.comparison.as_ref().filter(|(known, _)| *known == wanted);
    let decimals = column.decimals() + 1;
    match known {
        None => {
            value_row(ui, tokens, label::AHEAD, label::COMPARING, false);
        }
        Some((_, None)) => {
            value_row(ui, tokens, label::AHEAD, "\u{2014}", true).on_hover_text(empty::NO_CLIPS_REMEDY);
            if let Some(why) = board.incomparable(row, other, column) {
                ui.label(egui::RichText::new(why).font(theme::small()).color(tokens.warn));
            }
        }
        Some((_, Some(found))) => {
            value_row(ui, tokens, label::AHEAD, &number::signed(found.difference, decimals), true);
            if let Some(interval) = found.interval {
                let words = number::interval((interval.low, interval.high), decimals);
                value_row(ui, tokens, label::INTERVAL, &words, true);
            }
            let better =
                format!("{} of {}", number::percent(found.better), text::counted(found.clips, "clip"));
            value_row(ui, tokens, label::BETTER_ON, &better, true);
            let effect =
                found.effect.map_or_else(|| "\u{2014}".to_owned(), |effect| number::signed(effect, 2));
            value_row(ui, tokens, label::EFFECT, &effect, true)
                .on_hover_text("mean of the differences over their standard deviation");
            let p = found.permutation.map_or_else(|| "\u{2014}".to_owned(), probability);
            value_row(ui, tokens, label::CHANCE, &p, true)
                .on_hover_text("sign-flip permutation test, two-sided, of one comparison");
        }
    }
    divider(ui, tokens);
}

fn probability(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { number::fixed(p, 3) }
}

fn clips_ui(desk: &mut Desk<'_>, ui: &mut Ui, board: &Board, row: usize, column: Column) {
    let ranked = board.rows[row].ranked_clips(column);
    if ranked.is_empty() {
        return;
    }
    let tokens = desk.tokens;
    let worst: Vec<_> = ranked.iter().take(LISTED[0]).copied().collect();
    let best: Vec<_> = ranked.iter().rev().take(LISTED[1]).copied().collect();
    for (title, clips) in [(heading::WORST, worst), (heading::BEST, best)] {
        widgets::heading(ui, tokens, title, None);
        for (clip, value) in clips {
            clip_ui(desk, ui, board, row, clip, &number::fixed(value, column.decimals()));
        }
        ui.add_space(4.0);
    }
    divider(ui, tokens);
}

fn clip_ui(desk: &mut Desk<'_>, ui: &mut Ui, board: &Board, row: usize, clip: usize, value: &str) {
    let tokens = desk.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 22.0), Sense::click());
    let id = board.ids.get(clip).map_or("", String::as_str);
    let name = id.split('/').skip(2).collect::<Vec<_>>().join(" \u{b7} ");
    response.widget_info(|| WidgetInfo::labeled(Role::Link, true, format!("{name}: {value}")));
    if response.hovered() {
        ui.painter().rect_filled(rect, 5.0, tokens.hover);
    }
    widgets::focus_ring(ui, tokens, &response, rect);
    let painter = ui.painter();
    let value = painter.text(rect.right_center(), Align2::RIGHT_CENTER, value, theme::mono(), tokens.text);
    let room = value.left() - rect.left() - 12.0;
    text_cut(
        painter,
        rect.left_center() + vec2(4.0, 0.0),
        Align2::LEFT_CENTER,
        &name,
        theme::small(),
        tokens.dim,
        room,
    );
    let hint = format!("{id}\n{}", Do::Clip { row, clip }.text());
    if response.on_hover_text(hint).clicked() {
        desk.send(Command::Do(Do::Clip { row, clip }));
    }
}

fn latents_ui(desk: &mut Desk<'_>, ui: &mut Ui, shown: &Row, row: usize) {
    if shown.latents.is_empty() {
        return;
    }
    let style = figures::Style { paper: None, ..figure::style(desk.state.theme) };
    let width = ui.available_width();
    let usage = plots::usage(shown);
    let area = slot(ui, usage.height(&style, width));
    let key = key_of(desk, area, &("usage", row));
    let drawing =
        kept(desk, "usage", key, || usage.draw(&style, figures::Size::new(area.width(), area.height())));
    if let Some(latent) = figure_ui(ui, area, &drawing, "how often each latent is ranked best") {
        // the first clip for which the latent is ranked best
        if let Some(clip) = shown.latents.get(latent as usize).and_then(|latent| latent.clips.first()) {
            desk.send(Command::Do(Do::Clip { row, clip: *clip }));
        }
    }
    ui.add_space(8.0);
    let signatures = plots::signatures(shown);
    let area = slot(ui, signatures.height(&style, width));
    let key = key_of(desk, area, &("signatures", row));
    let drawing = kept(desk, "signatures", key, || {
        signatures.draw(&style, figures::Size::new(area.width(), area.height()))
    });
    figure_ui(ui, area, &drawing, "what sets each latent apart");
}
