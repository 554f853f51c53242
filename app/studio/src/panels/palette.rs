//! The command palette: every action with its key, found by a few letters, run by Enter.

use egui::{Align2, Key, Rect, Role, ScrollArea, Sense, TextEdit, Ui, WidgetInfo, vec2};

use crate::commands::{Command, GROUPS};
use crate::desk::Desk;
use crate::state::State;
use crate::text::label;
use crate::theme;
use crate::tracks::Track;
use crate::widgets::text_cut;

const ROW: f32 = 32.0;

/// Every action that can be run now, in the order of the palette.
fn actions(state: &State) -> Vec<(&'static str, Command)> {
    let mut all: Vec<(&'static str, Command)> = GROUPS
        .iter()
        .flat_map(|(group, commands)| commands.iter().map(|command| (*group, command.clone())))
        .filter(|(_, command)| *command != Command::Palette && *command != Command::Close)
        .collect();
    all.extend((0..state.tiles().len()).map(|index| ("Reactions", Command::Latent(index))));
    if state.systems.len() > 1 {
        all.extend((0..state.systems.len()).map(|index| ("Systems", Command::System(index))));
    }
    all.extend(Track::all().map(|track| {
        let shown = state.tracks.contains(&track);
        ("Tracks", if shown { Command::RemoveTrack(track) } else { Command::AddTrack(track) })
    }));
    all
}

/// Words of an action, with the names of things where it has a number.
fn words(state: &State, command: &Command) -> String {
    match command {
        Command::System(index) => {
            state.systems.get(*index).map_or_else(|| command.text(), |row| format!("Use system {}", row.name))
        }
        Command::Latent(tile) => state.tiles().get(*tile).map_or_else(
            || command.text(),
            |index| {
                let reactions = &state.reactions;
                format!("Choose {}: {}", reactions.name(*index), reactions.all[*index].signature.text())
            },
        ),
        _ => command.text(),
    }
}

/// Whether every letter of the query appears in order; smaller is better.
fn fit(query: &str, text: &str) -> Option<usize> {
    let text = text.to_lowercase();
    if let Some(at) = text.find(&query.to_lowercase()) {
        return Some(at);
    }
    let (mut cost, mut from) = (100, 0);
    let letters: Vec<char> = text.chars().collect();
    for wanted in query.to_lowercase().chars().filter(|letter| !letter.is_whitespace()) {
        let step = letters[from..].iter().position(|letter| *letter == wanted)?;
        cost += step;
        from += step + 1;
    }
    Some(cost)
}

/// Draws the palette over the window.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let query = desk.memory.palette_query.clone();
    let mut found: Vec<(usize, &'static str, Command, String)> = actions(desk.state)
        .into_iter()
        .filter_map(|(group, command)| {
            let words = words(desk.state, &command);
            fit(&query, &words).map(|cost| (cost, group, command, words))
        })
        .collect();
    if !query.is_empty() {
        found.sort_by_key(|(cost, _, _, words)| (*cost, words.len()));
    }
    let (up, down, enter) = ui.input_mut(|input| {
        (
            input.consume_key(egui::Modifiers::NONE, Key::ArrowUp),
            input.consume_key(egui::Modifiers::NONE, Key::ArrowDown),
            input.consume_key(egui::Modifiers::NONE, Key::Enter),
        )
    });
    let last = found.len().saturating_sub(1);
    let mut row = desk.memory.palette_row.min(last);
    row = if down { (row + 1).min(last) } else { row.saturating_sub(usize::from(up)) };
    let edit = egui::Frame::NONE
        .inner_margin(egui::Margin::symmetric(18, 14))
        .show(ui, |ui| {
            ui.add(
                TextEdit::singleline(&mut desk.memory.palette_query)
                    .hint_text(label::PALETTE_HINT)
                    .font(egui::FontId::proportional(16.0))
                    .frame(egui::Frame::NONE)
                    .desired_width(f32::INFINITY),
            )
        })
        .inner;
    edit.widget_info(|| WidgetInfo::labeled(Role::SearchInput, true, label::PALETTE_HINT));
    edit.request_focus();
    if edit.changed() {
        row = 0;
    }
    let line = edit.rect.bottom() + 13.0;
    ui.painter().hline(ui.max_rect().x_range(), line, egui::Stroke::new(1.0, tokens.line));
    let mut run = None;
    if found.is_empty() {
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 64.0), Sense::hover());
        ui.painter().text(
            rect.center(),
            Align2::CENTER_CENTER,
            label::NOTHING_FITS,
            theme::body(),
            tokens.faint,
        );
    }
    let height = (ui.ctx().content_rect().height() * 0.5).min(ROW * 11.0);
    ScrollArea::vertical().max_height(height).min_scrolled_height(height).auto_shrink([false, true]).show(
        ui,
        |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            ui.add_space(6.0);
            for (index, (_, group, command, words)) in found.iter().enumerate() {
                let (rect, response) =
                    ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
                response.widget_info(|| WidgetInfo::selected(Role::MenuItem, true, index == row, words));
                if index == row {
                    ui.painter().rect_filled(rect.shrink2(vec2(8.0, 1.0)), 6.0, tokens.chosen);
                    if up || down {
                        response.scroll_to_me(None);
                    }
                } else if response.hovered() {
                    ui.painter().rect_filled(rect.shrink2(vec2(8.0, 1.0)), 6.0, tokens.hover);
                }
                row_ui(desk, ui, rect, group, command, words);
                if response.clicked() || (enter && index == row) {
                    run = Some(command.clone());
                }
            }
            ui.add_space(6.0);
        },
    );
    desk.memory.palette_row = row;
    if let Some(command) = run {
        desk.send(Command::Close);
        desk.send(command);
    }
}

fn row_ui(desk: &Desk<'_>, ui: &Ui, rect: Rect, group: &str, command: &Command, words: &str) {
    let tokens = desk.tokens;
    let painter = ui.painter();
    let inner = rect.shrink2(vec2(18.0, 0.0));
    let group_at = inner.left_center();
    painter.text(group_at, Align2::LEFT_CENTER, group, theme::small(), tokens.faint);
    let keys = command.keys_text();
    let mut room = inner.width() - 84.0;
    if !keys.is_empty() {
        room -= key_cap(painter, inner.right_center(), &keys, tokens) + 12.0;
    }
    let at = group_at + vec2(84.0, 0.0);
    text_cut(painter, at, Align2::LEFT_CENTER, words, theme::body(), tokens.text, room);
}

/// A key as a small cap whose right middle is at `at`; returns its width.
pub fn key_cap(painter: &egui::Painter, at: egui::Pos2, keys: &str, tokens: &crate::theme::Tokens) -> f32 {
    let galley = painter.layout_no_wrap(keys.to_owned(), theme::mono_small(), tokens.dim);
    let size = galley.size() + vec2(14.0, 6.0);
    let cap = Rect::from_min_size(at - vec2(size.x, size.y * 0.5), size);
    painter.rect(cap, 5.0, tokens.card, egui::Stroke::new(1.0, tokens.line), egui::StrokeKind::Inside);
    painter.galley(cap.min + vec2(7.0, 3.0), galley, tokens.dim);
    size.x
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn letters_in_order_fit_and_whole_words_come_first() {
        assert_eq!(fit("play", "Play or pause"), Some(0));
        assert!(fit("ppa", "Play or pause").is_some() && fit("zzz", "Play or pause").is_none());
        assert!(fit("loop", "Clear the loop") < fit("lop", "Clear the loop"));
    }
}
