//! The bar at the bottom: what the window does, which clock leads, how fast reactions were made, the last message.

use egui::{Align, Align2, Layout, Role, Sense, Ui, UiBuilder, WidgetInfo, pos2, vec2};
use media::ClockKind;

use crate::commands::Command;
use crate::desk::Desk;
use crate::state::Severity;
use crate::text::{self, label};
use crate::theme;
use crate::widgets::text_cut;

/// Draws the bar.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let bar = ui.max_rect().shrink2(vec2(12.0, 0.0));
    ui.scope_builder(UiBuilder::new().max_rect(bar).layout(Layout::left_to_right(Align::Center)), |ui| {
        ui.spacing_mut().item_spacing.x = 18.0;
        let transport = desk.playback.transport();
        let pace = match desk.memory.frames_per_second {
            Some(fps) if desk.playback.moving() => format!("{fps:.0} fps"),
            _ if desk.jobs.told().is_some() => label::WORKING.to_owned(),
            _ => label::IDLE.to_owned(),
        };
        let busy = desk.playback.moving() || desk.jobs.told().is_some();
        let dot = if busy { tokens.good } else { tokens.faint };
        item(ui, &pace, tokens.dim, Some(dot));
        let kind = desk.playback.badge();
        let quiet = kind == ClockKind::Wall && transport.has_sound() && !desk.playback.moving();
        let badge = text::clock_badge(kind, quiet, transport.has_sound());
        let ink = if badge.starts_with("no sound") { tokens.warn } else { tokens.faint };
        item(ui, &badge, ink, None);
        let reactions = &desk.state.reactions;
        if let Some(first) = reactions.all.first() {
            let speed = text::speed(reactions.all.len(), first.take.frames(), reactions.seconds);
            item(ui, &speed, tokens.faint, None);
        }
        let left = ui.min_rect().right() + 24.0;
        right_ui(desk, ui, left);
    });
}

fn item(ui: &mut Ui, text: &str, ink: egui::Color32, dot: Option<egui::Color32>) {
    let galley = ui.painter().layout_no_wrap(text.to_owned(), theme::small(), ink);
    let lead = if dot.is_some() { 14.0 } else { 0.0 };
    let (rect, response) = ui.allocate_exact_size(galley.size() + vec2(lead, 0.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Status, true, text));
    if let Some(dot) = dot {
        ui.painter().circle_filled(pos2(rect.left() + 4.0, rect.center().y), 3.5, dot);
    }
    ui.painter().galley(rect.min + vec2(lead, 0.0), galley, ink);
}

/// Running jobs, else the last message.
fn right_ui(desk: &mut Desk<'_>, ui: &mut Ui, left: f32) {
    let tokens = desk.tokens;
    let bar = ui.max_rect();
    let (words, ink) = if let Some(job) = desk.jobs.told() {
        let progress = job.progress();
        let words = match progress {
            Some(progress) if progress.total > 0 => {
                format!("{} \u{b7} {} {}/{}", job.title, progress.stage, progress.done, progress.total)
            }
            _ => format!("{}\u{2026}", job.title),
        };
        (words, tokens.dim)
    } else if let Some(message) = desk.state.messages.last().filter(|message| {
        // what went wrong is in the messages; once something else went right, the bar is free again
        message.severity != Severity::Failure || message.at >= desk.state.succeeded_at
    }) {
        let ink = match message.severity {
            Severity::Note => tokens.faint,
            Severity::Warning => tokens.warn,
            Severity::Failure => tokens.bad,
        };
        (format!("{}: {}", message.about, message.what), ink)
    } else {
        let adapter = desk.memory.adapter.clone();
        let words = if desk.faces.software() {
            format!("{adapter} \u{b7} {}", text::PLAIN_WHILE_PLAYING)
        } else {
            adapter
        };
        (words, tokens.faint)
    };
    let room = bar.right() - left;
    if room < 60.0 {
        return;
    }
    let at = pos2(bar.right(), bar.center().y);
    let rect = text_cut(ui.painter(), at, Align2::RIGHT_CENTER, &words, theme::small(), ink, room);
    let response = ui.interact(rect, ui.scope_id().with("last message"), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Status, true, &words));
    if response.on_hover_text(Command::Messages.hint()).clicked() {
        desk.send(Command::Messages);
    }
}
