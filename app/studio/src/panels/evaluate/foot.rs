//! The line below the table: what there is beyond its edge, what the signs mean, and where it can be taken.

use egui::{Align2, Rect, Role, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, pos2, vec2};

use crate::commands::Command;
use crate::desk::Desk;
use crate::evaluate::{Do, TableForm};
use crate::text::{self, label};
use crate::theme::{self, Tokens};
use crate::widgets::{chip, text_cut};

/// Says below the table that there are more columns; returns the room it took.
pub(super) fn more_ui(desk: &Desk<'_>, ui: &mut Ui, note: Rect, hidden: usize) -> f32 {
    let tokens = desk.tokens;
    let words = text::more_measures(hidden);
    let galley = ui.painter().layout_no_wrap(words.clone(), theme::small(), tokens.accent);
    let size = galley.size() + vec2(14.0, 6.0);
    let place = Rect::from_min_size(pos2(note.left(), note.center().y - size.y * 0.5), size);
    ui.painter().rect(place, 9.0, tokens.card, Stroke::new(1.0, tokens.line), StrokeKind::Inside);
    ui.painter().galley(place.min + vec2(7.0, 3.0), galley, tokens.accent);
    let response = ui.interact(place, ui.scope_id().with("more"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &words));
    response.on_hover_text(text::MORE_HINT);
    size.x + 8.0
}

/// Draws the line.
pub(super) fn note_ui(desk: &mut Desk<'_>, ui: &mut Ui, area: Rect) {
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
    if desk.memory.export_to.is_some() {
        export_ui(desk, ui, area.with_max_x(left - 8.0));
        return;
    }
    let words = text::board_note(desk.state.evaluate.beside);
    let at = pos2(area.left() + 2.0, area.center().y);
    let room = left - area.left() - 14.0;
    let place = text_cut(ui.painter(), at, Align2::LEFT_CENTER, words, theme::small(), tokens.faint, room);
    let response = ui.interact(place, ui.scope_id().with("note"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words));
    response.on_hover_text(words);
}

/// Where to write, typed: for desktops without a file dialog.
fn export_ui(desk: &mut Desk<'_>, ui: &mut Ui, area: Rect) {
    let mut folder = desk.memory.export_to.clone().unwrap_or_default();
    let mut done = None;
    ui.scope_builder(
        UiBuilder::new().max_rect(area).layout(egui::Layout::left_to_right(egui::Align::Center)),
        |ui| {
            let width = (ui.available_width() - 150.0).clamp(80.0, 520.0);
            let field =
                egui::TextEdit::singleline(&mut folder).hint_text(label::EXPORT_TO).desired_width(width);
            let response = ui.add(field);
            response.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, label::EXPORT_TO));
            if std::mem::take(&mut desk.memory.export_focus) {
                response.request_focus();
            }
            let entered = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            let wanted = !folder.trim().is_empty();
            let clicked = ui.add_enabled(wanted, egui::Button::new(label::WRITE)).clicked();
            if wanted && (clicked || entered) {
                done = Some(Some(folder.trim().into()));
            } else if ui.button(label::CANCEL).clicked() {
                done = Some(None);
            }
        },
    );
    desk.memory.export_to = Some(folder);
    match done {
        Some(Some(folder)) => desk.send(Command::Do(Do::ExportTo(folder))),
        Some(None) => desk.memory.export_to = None,
        None => {}
    }
}
