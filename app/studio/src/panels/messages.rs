//! Messages: floating ones in the corner, and the list of all.

use egui::{
    Align2, Color32, Id, LayerId, Order, Rect, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, WidgetInfo,
    vec2,
};

use crate::commands::Command;
use crate::desk::Desk;
use crate::panels::help::title_ui;
use crate::state::{Message, Severity, Workspace};
use crate::text::{heading, label};
use crate::theme::{self, Tokens, size};
use crate::widgets::icons::{self, Icon};

/// Most messages that float at once.
const FLOATING: usize = 3;

fn ink(tokens: &Tokens, severity: Severity) -> (Color32, Icon) {
    match severity {
        Severity::Note => (tokens.good, Icon::Tick),
        Severity::Warning => (tokens.warn, Icon::Warning),
        Severity::Failure => (tokens.bad, Icon::Warning),
    }
}

/// Draws the floating messages in the lower right corner of the workspace.
pub fn floating_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let screen = ui.max_rect();
    let mut bottom = screen.bottom() - size::STATUS - 12.0;
    // Beside the inspector, whose button must stay in reach.
    let compare = desk.state.workspace == Workspace::Compare && desk.state.inspector_open;
    let right = screen.right() - if compare { size::INSPECTOR + 24.0 } else { 12.0 };
    let shown: Vec<(usize, Message)> = desk
        .state
        .messages
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, message)| message.floating)
        .take(FLOATING)
        .map(|(index, message)| (index, message.clone()))
        .collect();
    for (index, message) in shown {
        let id = Id::unique(("message", index));
        let width = 380.0f32.min(screen.width() - 24.0);
        let area = egui::Area::new(id)
            .order(Order::Foreground)
            .pivot(Align2::RIGHT_BOTTOM)
            .fixed_pos(egui::pos2(right, bottom))
            .constrain(false);
        let tokens = desk.tokens;
        let response = area
            .show(ui.ctx(), |ui| {
                let shadow = egui::Shadow {
                    offset: [0, 4],
                    blur: 16,
                    spread: 0,
                    color: Color32::from_black_alpha(70),
                };
                egui::Frame::NONE
                    .fill(tokens.panel)
                    .stroke(Stroke::new(1.0, tokens.line))
                    .shadow(shadow)
                    .corner_radius(10)
                    .inner_margin(egui::Margin::symmetric(12, 10))
                    .show(ui, |ui| {
                        ui.set_width(width - 24.0);
                        if card_ui(ui, tokens, &message, true) {
                            desk.send(Command::Dismiss(index));
                        }
                    });
            })
            .response;
        bottom = response.rect.top() - 8.0;
    }
}

/// One message; true when its close button was clicked.
fn card_ui(ui: &mut Ui, tokens: &Tokens, message: &Message, closable: bool) -> bool {
    let (color, icon) = ink(tokens, message.severity);
    let mut closed = false;
    ui.horizontal_top(|ui| {
        let (mark, _) = ui.allocate_exact_size(vec2(18.0, 18.0), Sense::hover());
        icons::paint(ui.painter(), mark.shrink(1.5), icon, color);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 3.0;
            let width = ui.available_width() - if closable { 26.0 } else { 0.0 };
            ui.set_max_width(width);
            let strong = theme::strong(13.0);
            ui.add(
                egui::Label::new(egui::RichText::new(&message.about).font(strong).color(tokens.text))
                    .truncate(),
            );
            ui.label(egui::RichText::new(&message.what).color(tokens.dim));
            if !message.remedy.is_empty() {
                ui.label(egui::RichText::new(&message.remedy).color(color));
            }
        });
        if closable {
            let place = Rect::from_min_size(
                egui::pos2(ui.max_rect().right() - 22.0, ui.min_rect().top()),
                vec2(22.0, 22.0),
            );
            let button = ui.interact(place, ui.scope_id().with("dismiss"), Sense::click());
            button.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Dismiss"));
            if button.hovered() {
                ui.painter().rect_filled(place, 5.0, tokens.hover);
            }
            icons::paint(ui.painter(), place.shrink(6.5), Icon::Close, tokens.dim);
            closed = button.clicked();
        }
    });
    closed
}

/// Draws the list of all messages.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    title_ui(desk, ui, heading::MESSAGES);
    if desk.state.messages.is_empty() {
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 90.0), Sense::hover());
        ui.painter().text(
            rect.center(),
            Align2::CENTER_CENTER,
            label::NO_MESSAGES,
            theme::body(),
            tokens.faint,
        );
        return;
    }
    let height = ui.ctx().content_rect().height() * 0.6;
    ScrollArea::vertical().max_height(height).auto_shrink([false, true]).show(ui, |ui| {
        egui::Frame::NONE.inner_margin(egui::Margin { left: 20, right: 20, top: 0, bottom: 16 }).show(
            ui,
            |ui| {
                for message in desk.state.messages.iter().rev() {
                    card_ui(ui, tokens, message, false);
                    ui.add_space(8.0);
                }
            },
        );
    });
}

/// The place where a dragged file may be dropped: the whole window.
pub fn drop_ui(desk: &Desk<'_>, ui: &Ui) {
    let tokens = desk.tokens;
    let painter = ui.ctx().layer_painter(LayerId::new(Order::Foreground, Id::unique("drop")));
    let screen = ui.ctx().content_rect();
    painter.rect_filled(screen, 0.0, tokens.ground.gamma_multiply(0.82));
    let inner = screen.shrink(24.0);
    painter.rect_stroke(inner, 16.0, Stroke::new(2.0, tokens.accent), StrokeKind::Inside);
    painter.text(inner.center(), Align2::CENTER_CENTER, label::DROP, theme::strong(22.0), tokens.text);
    let below = inner.center() + vec2(0.0, 30.0);
    painter.text(below, Align2::CENTER_CENTER, crate::text::OPENABLE, theme::body(), tokens.dim);
}
