//! The keys of this screen and what the pointer does, in two columns.

use egui::{Align2, Rect, Role, ScrollArea, Sense, Ui, WidgetInfo, vec2};

use crate::commands::{Command, GROUPS};
use crate::desk::Desk;
use crate::panels::palette::key_cap;
use crate::state::Workspace;
use crate::text::{POINTER, POINTER_EVALUATE, POINTER_FACE, POINTER_LATENTS, POINTER_TRAIN, heading};
use crate::theme::{self, Tokens};
use crate::widgets;

const ROW: f32 = 24.0;

/// Draws the help over the window.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    title_ui(desk, ui, heading::KEYS);
    let height = ui.ctx().content_rect().height() - 150.0;
    ScrollArea::vertical().max_height(height).auto_shrink([false, true]).show(ui, |ui| {
        egui::Frame::NONE.inner_margin(egui::Margin { left: 20, right: 20, top: 2, bottom: 16 }).show(
            ui,
            |ui| {
                ui.spacing_mut().item_spacing = vec2(28.0, 0.0);
                let workspace = desk.state.workspace;
                let clips = matches!(workspace, Workspace::Compare | Workspace::Present);
                ui.columns(3, |columns| {
                    // each group goes to the shortest column so far
                    let mut used = [0usize; 3];
                    let mut next = |rows: usize| {
                        let column = (0..3).min_by_key(|column| used[*column]).unwrap_or(0);
                        used[column] += rows + 2;
                        column
                    };
                    for (group, commands) in GROUPS {
                        let here: Vec<Command> = commands
                            .iter()
                            .filter(|command| {
                                !command.keys_text().is_empty() && command.belongs_to(workspace)
                            })
                            .cloned()
                            .collect();
                        if here.is_empty() {
                            continue;
                        }
                        let digits = *group == *"Reactions" && clips;
                        let column = &mut columns[next(here.len() + 2 * usize::from(digits))];
                        group_ui(column, tokens, group, &here);
                        if digits {
                            pair_ui(column, tokens, "1 \u{2013} 0", "Choose latent 1 to 10");
                            pair_ui(column, tokens, "Shift+1 \u{2013} 6", "Choose latent 11 to 16");
                            column.add_space(12.0);
                        }
                    }
                    let gestures: &[(&str, &str)] = match workspace {
                        Workspace::Evaluate => &POINTER_EVALUATE,
                        Workspace::Train => &POINTER_TRAIN,
                        Workspace::Latents => &POINTER_LATENTS,
                        Workspace::Face => &POINTER_FACE,
                        Workspace::Compare | Workspace::Present => &POINTER,
                    };
                    let column = &mut columns[next(gestures.len())];
                    widgets::heading(column, tokens, heading::POINTER, None);
                    for (gesture, words) in gestures {
                        pointer_ui(column, tokens, gesture, words);
                    }
                });
            },
        );
    });
}

/// The title of something that lies on top, with a button to close it.
pub fn title_ui(desk: &mut Desk<'_>, ui: &mut Ui, title: &str) {
    let tokens = desk.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 52.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Heading, true, title));
    ui.painter().text(
        rect.left_center() + vec2(20.0, 0.0),
        Align2::LEFT_CENTER,
        title,
        theme::strong(16.0),
        tokens.text,
    );
    let place = Rect::from_center_size(rect.right_center() - vec2(26.0, 0.0), vec2(28.0, 28.0));
    let close = ui
        .scope_builder(egui::UiBuilder::new().max_rect(place), |ui| {
            widgets::icon_button(ui, tokens, widgets::icons::Icon::Close, "Close", 28.0, false)
        })
        .inner;
    if close.clicked() {
        desk.send(Command::Close);
    }
}

fn group_ui(ui: &mut Ui, tokens: &Tokens, group: &str, commands: &[Command]) {
    widgets::heading(ui, tokens, &group.to_uppercase(), None);
    for command in commands {
        let keys = command.keys_text();
        if !keys.is_empty() {
            pair_ui(ui, tokens, &keys, &command.text());
        }
    }
    if group != "Reactions" {
        ui.add_space(12.0);
    }
}

fn pair_ui(ui: &mut Ui, tokens: &Tokens, keys: &str, words: &str) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{words}: {keys}")));
    let cap = key_cap(ui.painter(), rect.right_center(), keys, tokens);
    let room = rect.width() - cap - 8.0;
    widgets::text_cut(
        ui.painter(),
        rect.left_center(),
        Align2::LEFT_CENTER,
        words,
        theme::body(),
        tokens.dim,
        room,
    );
}

fn pointer_ui(ui: &mut Ui, tokens: &Tokens, gesture: &str, words: &str) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{gesture}: {words}")));
    let half = rect.width() * 0.56;
    let painter = ui.painter();
    widgets::text_cut(
        painter,
        rect.left_center(),
        Align2::LEFT_CENTER,
        gesture,
        theme::small(),
        tokens.text,
        half - 6.0,
    );
    let at = rect.left_center() + vec2(half, 0.0);
    widgets::text_cut(
        painter,
        at,
        Align2::LEFT_CENTER,
        words,
        theme::small(),
        tokens.dim,
        rect.width() - half,
    );
}
