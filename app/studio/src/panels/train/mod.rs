//! The Train workspace: runs and the next one on the left, curves in the middle, on the right what the checkpoints do and
//! say. Runs are processes of their own; this screen only reads their folders and leaves orders in them.

pub mod charts;
mod differences;
mod form;
mod list;
mod side;
mod strip;

use egui::{Align, Frame, Layout, Margin, Panel, Rect, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};

use crate::commands::Command;
use crate::desk::Desk;
use crate::panels::{status, top_bar};
use crate::text::{empty, label};
use crate::theme::size;
use crate::train::{Chart, Do};
use crate::widgets;

/// Draws the workspace.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let bar = Frame::NONE.fill(tokens.panel);
    Panel::top("top bar").exact_size(size::BAR).frame(bar).show(ui, |ui| top_bar::ui(desk, ui));
    Panel::bottom("status").exact_size(size::STATUS).frame(bar).show(ui, |ui| status::ui(desk, ui));
    let side = bar.inner_margin(Margin { left: 10, right: 10, top: 10, bottom: 6 });
    let whole_width = ui.available_width();
    if desk.state.list_open {
        // a panel that may grow does so by itself, a little in every frame in which something in it is a little too wide
        let width = (whole_width * 0.2).clamp(size::LIST + 30.0, 360.0).round();
        Panel::left("runs").exact_size(width).frame(side).show(ui, |ui| {
            let whole = ui.available_rect_before_wrap();
            let wanted = list::wanted(desk);
            let split = whole.top() + wanted.min(whole.height() * 0.46);
            let (above, below) = whole.split_top_bottom_at_y(split);
            ui.scope_builder(UiBuilder::new().max_rect(above), |ui| list::ui(desk, ui));
            ui.scope_builder(UiBuilder::new().max_rect(below), |ui| form::ui(desk, ui));
        });
    }
    if desk.state.inspector_open && desk.state.train.run().is_some() {
        let width = (whole_width * 0.2).clamp(size::INSPECTOR + 14.0, 460.0).round();
        Panel::right("checkpoints").exact_size(width).frame(side).show(ui, |ui| side::ui(desk, ui));
    }
    let middle = ui.available_rect_before_wrap().shrink2(vec2(12.0, 10.0));
    if middle.width() < 80.0 || middle.height() < 120.0 {
        return;
    }
    if desk.state.train.run().is_none() {
        nothing_ui(desk, ui, middle);
        return;
    }
    let strip = strip::ui(desk, ui, middle);
    let rest = Rect::from_min_max(pos2(middle.left(), strip.bottom() + 8.0), middle.max);
    charts_ui(desk, ui, rest);
}

/// The loss large on top, two by two below it, and on demand what else was measured.
fn charts_ui(desk: &mut Desk<'_>, ui: &mut Ui, area: Rect) {
    const GAP: f32 = 8.0;
    let narrow = area.width() < 460.0;
    let more = if desk.state.train.more { charts::others(desk) } else { Vec::new() };
    let rows_below = if narrow { 4 } else { 2 };
    // Everything is seen at once where there is room; with more charts than that the rest scrolls.
    let (large, small) = if more.is_empty() && !narrow {
        let small = ((area.height() - GAP * 2.0) * 0.29).clamp(128.0, 420.0);
        ((area.height() - (small + GAP) * 2.0).max(150.0), small)
    } else {
        ((area.height() * 0.42).max(150.0), (area.height() * 0.27).max(128.0))
    };
    let columns = if narrow { 1 } else { 2 };
    let more_rows = more.len().div_ceil(columns);
    let wanted = large + (small + GAP) * (rows_below + more_rows) as f32;
    let mut child = ui.new_child(UiBuilder::new().max_rect(area));
    ScrollArea::vertical().id_salt("charts").auto_shrink(false).show(&mut child, |ui| {
        let (whole, _) = ui.allocate_exact_size(vec2(area.width(), wanted.max(1.0)), Sense::hover());
        let (top, _) = whole.split_top_bottom_at_y(whole.top() + large);
        charts::card_ui(desk, ui, top, &Chart::Loss);
        let each = (whole.width() - GAP * (columns - 1) as f32) / columns as f32;
        let mut place = 0;
        let mut next = || {
            let (row, column) = (place / columns, place % columns);
            place += 1;
            let min = pos2(
                whole.left() + column as f32 * (each + GAP),
                top.bottom() + GAP + row as f32 * (small + GAP),
            );
            Rect::from_min_size(min, vec2(each, small))
        };
        charts::card_ui(desk, ui, next(), &Chart::Streams);
        charts::card_ui(desk, ui, next(), &Chart::Matching);
        let place = next();
        if desk.state.train.settings {
            differences::ui(desk, ui, place);
        } else {
            charts::card_ui(desk, ui, place, &Chart::Latents);
        }
        charts::card_ui(desk, ui, next(), &Chart::Validation);
        for chart in more {
            charts::card_ui(desk, ui, next(), &chart);
        }
    });
}

/// No run: what to do.
fn nothing_ui(desk: &mut Desk<'_>, ui: &mut Ui, rect: Rect) {
    let corpus = desk.state.library.corpus.is_some() || !desk.state.train.form.corpus.trim().is_empty();
    let coming = desk.state.train.chosen.is_some();
    let (what, remedy) = match (coming, corpus) {
        (true, _) => (empty::RUN_COMING, ""),
        (false, true) => (empty::RUNS, empty::RUNS_REMEDY),
        (false, false) => (empty::RUNS, empty::RUNS_NO_CORPUS),
    };
    widgets::empty(ui, desk.tokens, rect, what, remedy);
    if coming {
        return;
    }
    let row = Rect::from_center_size(rect.center() + vec2(0.0, 58.0), vec2(rect.width(), 32.0));
    let (left, right) = row.split_left_right_at_x(row.center().x);
    let (left, right) = (left.with_max_x(left.right() - 4.0), right.with_min_x(right.left() + 4.0));
    let to_left = Layout::right_to_left(Align::Center);
    ui.scope_builder(UiBuilder::new().max_rect(left).layout(to_left), |ui| {
        let command = Command::Train(Do::OpenRun);
        if ui.button(label::FOLLOW_RUN).on_hover_text(command.hint()).clicked() {
            desk.send(command);
        }
    });
    let to_right = Layout::left_to_right(Align::Center);
    ui.scope_builder(UiBuilder::new().max_rect(right).layout(to_right), |ui| {
        let (words, command) = if corpus {
            (label::OPEN_FOLDER, Command::OpenFolder)
        } else {
            (label::SYNTHETIC_CORPUS, Command::Train(Do::Synthetic))
        };
        if ui.button(words).on_hover_text(command.hint()).clicked() {
            desk.send(command);
        }
    });
}
