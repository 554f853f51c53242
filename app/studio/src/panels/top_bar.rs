//! The bar on top: name, workspaces, the clip at hand, the system, and the buttons of the window.

use egui::{Align, Align2, Layout, Rect, Role, Sense, Ui, UiBuilder, WidgetInfo, pos2, vec2};

use crate::commands::Command;
use crate::desk::Desk;
use crate::state::Workspace;
use crate::text::{self, label};
use crate::theme;
use crate::widgets::{icon_button, icons::Icon, segments, text_cut};

/// Draws the bar.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let bar = ui.max_rect();
    ui.scope_builder(UiBuilder::new().max_rect(bar).layout(Layout::left_to_right(Align::Center)), |ui| {
        ui.add_space(14.0);
        name_ui(desk, ui);
        ui.add_space(10.0);
        let places = [
            Workspace::Compare,
            Workspace::Evaluate,
            Workspace::Latents,
            Workspace::Train,
            Workspace::Face,
            Workspace::Present,
        ];
        let chosen = places.iter().position(|place| *place == desk.state.workspace).unwrap_or(0);
        let words =
            [label::COMPARE, label::EVALUATE, label::LATENTS, label::TRAIN, label::FACE, label::PRESENT];
        if let Some(index) = segments(ui, tokens, &words, chosen, 30.0) {
            desk.send(if places[index] == Workspace::Present {
                Command::Present
            } else {
                Command::Show(places[index])
            });
        }
        let left = ui.min_rect().right();
        let right = buttons_ui(desk, ui, bar);
        title_ui(desk, ui, bar, left + 16.0, right - 16.0);
    });
}

fn name_ui(desk: &Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let (rect, response) = ui.allocate_exact_size(vec2(112.0, 30.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text::PROGRAM));
    let painter = ui.painter();
    painter.circle_filled(pos2(rect.left() + 5.0, rect.center().y), 4.5, tokens.text);
    let back = painter.text(
        pos2(rect.left() + 16.0, rect.center().y),
        Align2::LEFT_CENTER,
        "back",
        theme::strong(14.5),
        tokens.text,
    );
    painter.text(
        pos2(back.right(), rect.center().y),
        Align2::LEFT_CENTER,
        "channel",
        theme::strong(14.5),
        tokens.accent,
    );
}

/// Returns the left edge of the buttons.
fn buttons_ui(desk: &mut Desk<'_>, ui: &mut Ui, bar: Rect) -> f32 {
    let tokens = desk.tokens;
    let layout = Layout::right_to_left(Align::Center);
    let area = bar.with_max_x(bar.right() - 10.0);
    ui.scope_builder(UiBuilder::new().max_rect(area).layout(layout), |ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let problems =
            desk.state.messages.iter().any(|message| message.severity == crate::state::Severity::Failure);
        let theme_icon = if desk.state.theme == theme::Theme::Dark { Icon::Sun } else { Icon::Moon };
        for (icon, command, on) in [
            (Icon::Keys, Command::Help, false),
            (theme_icon, Command::SwitchTheme, false),
            (Icon::Bell, Command::Messages, false),
            (Icon::Inspector, Command::ToggleInspector, false),
            (Icon::List, Command::ToggleList, false),
        ] {
            let button =
                icon_button(ui, tokens, icon, &command.text(), 30.0, on).on_hover_text(command.hint());
            if icon == Icon::Bell && problems {
                ui.painter().circle_filled(button.rect.right_top() + vec2(-8.0, 8.0), 3.5, tokens.bad);
            }
            if button.clicked() {
                desk.send(command);
            }
        }
        ui.add_space(6.0);
        let palette =
            crate::widgets::chip(ui, tokens, label::PALETTE, false).on_hover_text(Command::Palette.hint());
        if palette.clicked() {
            desk.send(Command::Palette);
        }
        ui.add_space(2.0);
        if let Some(row) = desk.state.systems.get(desk.state.system) {
            let name = if row.name.chars().count() > 34 {
                format!("{}\u{2026}", row.name.chars().take(33).collect::<String>())
            } else {
                row.name.clone()
            };
            system_ui(desk, ui, &name);
        }
        ui.min_rect().left()
    })
    .inner
}

fn system_ui(desk: &mut Desk<'_>, ui: &mut Ui, name: &str) {
    let chip = crate::widgets::chip(ui, desk.tokens, name, false);
    let origin = desk.state.systems[desk.state.system].origin.clone();
    let mut wanted = None;
    egui::Popup::menu(&chip).show(|ui| {
        ui.set_min_width(240.0);
        for (index, row) in desk.state.systems.iter().enumerate() {
            let button =
                ui.selectable_label(index == desk.state.system, &row.name).on_hover_text(&row.origin);
            if button.clicked() {
                wanted = Some(Command::System(index));
            }
        }
        ui.separator();
        if ui.button(Command::OpenFiles.text()).clicked() {
            wanted = Some(Command::OpenFiles);
        }
    });
    chip.on_hover_text(origin);
    if let Some(command) = wanted {
        desk.send(command);
    }
}

fn title_ui(desk: &Desk<'_>, ui: &mut Ui, bar: Rect, left: f32, right: f32) {
    let tokens = desk.tokens;
    let evaluate = desk.state.workspace == Workspace::Evaluate;
    let train = desk.state.workspace == Workspace::Train;
    let latents = desk.state.workspace == Workspace::Latents;
    let explored =
        desk.state.systems.get(desk.state.system).and_then(|row| desk.state.explore.of(&row.origin));
    let run = desk.state.train.run().map(text::of_run_title);
    let (title, remark) = match (&desk.state.clip, &desk.state.evaluate.board) {
        _ if desk.state.workspace == Workspace::Face => return,
        _ if train => match &run {
            Some((title, remark)) => (title.clone(), remark.as_str()),
            None => return,
        },
        _ if latents => match explored {
            Some(found) => (text::of_explored(found), ""),
            None => return,
        },
        (_, Some(board)) if evaluate => (text::of_board(board), ""),
        (Some(clip), _) if !evaluate => {
            let remark = match (clip.synthetic, &clip.listener) {
                (true, _) => label::SYNTHETIC,
                (false, None) => label::SOUND_ONLY,
                (false, Some(_)) => "",
            };
            (clip.id.replace('/', " / "), remark)
        }
        _ => return,
    };
    let room = right - left;
    if room < 80.0 {
        return;
    }
    let painter = ui.painter();
    let ink = tokens.dim;
    let width = painter.layout_no_wrap(title.clone(), theme::body(), ink).size().x;
    let remark_width = painter.layout_no_wrap(remark.to_owned(), theme::small(), ink).size().x + 10.0;
    // in the middle of the bar, or as near to it as there is room; a title that is too long begins at the left
    let half = (width + remark_width) * 0.5;
    let start = (bar.center().x.min(right - half) - half).max(left);
    let at = pos2(start, bar.center().y);
    let shown = text_cut(painter, at, Align2::LEFT_CENTER, &title, theme::body(), ink, room - remark_width);
    painter.text(
        pos2(shown.right() + 10.0, bar.center().y),
        Align2::LEFT_CENTER,
        remark,
        theme::small(),
        tokens.faint,
    );
    let response = ui.interact(shown, ui.scope_id().with("title"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{title} {remark}")));
}
