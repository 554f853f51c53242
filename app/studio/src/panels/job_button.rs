//! The button that starts the work of a screen, and in its place how far the work is while it runs.

use egui::{Rect, Role, Sense, Ui, WidgetInfo, vec2};

use crate::commands::Command;
use crate::desk::Desk;
use crate::jobs::Slot;
use crate::text::{self, label};
use crate::widgets::{self, text_cut};

/// Draws the button called `words`, or the progress of the job in `slot`; leaves the first command to start and the
/// second to stop.
pub fn ui(
    desk: &mut Desk<'_>,
    ui: &mut Ui,
    slot: Slot,
    words: &str,
    enabled: bool,
    (start, stop): (Command, Command),
) {
    let tokens = desk.tokens;
    let width = ui.available_width().clamp(40.0, 420.0);
    let Some(job) = desk.jobs.in_slot(slot) else {
        ui.allocate_ui(vec2(width.min(130.0), 32.0), |ui| {
            let button = widgets::primary_button(ui, tokens, words, "", enabled);
            if button.on_hover_text(start.hint()).clicked() {
                desk.send(start);
            }
        });
        return;
    };
    let progress = job.progress();
    let share = progress.as_ref().map_or(0.0, clips::Progress::fraction);
    let words = match &progress {
        Some(progress) => format!("{} \u{b7} {}", job.title, text::progress(progress)),
        None => job.title.clone(),
    };
    if ui.button(label::CANCEL).clicked() {
        desk.commands.push(stop);
    }
    let (rect, response) = ui.allocate_exact_size(vec2(width - 70.0, 34.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::ProgressIndicator, true, &words));
    let painter = ui.painter();
    let stage = progress.as_ref().map_or_else(String::new, text::progress);
    for (line, y, ink) in [(&job.title, 6.0, tokens.dim), (&stage, 20.0, tokens.faint)] {
        let at = rect.left_top() + vec2(0.0, y);
        let font = egui::FontId::proportional(11.0);
        text_cut(painter, at, egui::Align2::LEFT_CENTER, line, font, ink, rect.width());
    }
    let bar = Rect::from_min_size(rect.left_top() + vec2(0.0, 29.0), vec2(rect.width(), 4.0));
    widgets::bar(painter, bar, share.max(0.02), tokens.accent, tokens.hover);
    response.on_hover_text(words);
}
