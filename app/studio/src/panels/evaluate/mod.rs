//! The Evaluate workspace: who takes part, the table, two pictures of it, and on the right what stands behind the chosen
//! number. From every cell a way leads to its clips, and from a clip to Compare.

mod cards;
mod details;
mod foot;
mod layout;
mod strip;
mod table;

use egui::{Frame, Margin, Panel, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::commands::Command;
use crate::desk::Desk;
use crate::evaluate::Do;
use crate::panels::{status, top_bar};
use crate::text::{empty, label};
use crate::theme::size;
use crate::widgets;

/// Draws the workspace.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let bar = Frame::NONE.fill(tokens.panel);
    Panel::top("top bar").exact_size(size::BAR).frame(bar).show(ui, |ui| top_bar::ui(desk, ui));
    Panel::bottom("status").exact_size(size::STATUS).frame(bar).show(ui, |ui| status::ui(desk, ui));
    if desk.state.library.corpus.is_none() {
        let rect = ui.available_rect_before_wrap();
        nothing_ui(desk, ui, rect);
        return;
    }
    let side = bar.inner_margin(Margin { left: 12, right: 12, top: 10, bottom: 4 });
    if desk.state.inspector_open {
        // as wide as the window allows and never by what it shows: a panel that moves takes the table with it
        let width = (ui.available_width() * 0.2).clamp(size::INSPECTOR + 26.0, 460.0).round();
        Panel::right("behind the number")
            .exact_size(width)
            .resizable(false)
            .frame(side)
            .show(ui, |ui| details::ui(desk, ui));
    }
    let middle = ui.available_rect_before_wrap().shrink2(vec2(12.0, 10.0));
    if middle.width() < 80.0 || middle.height() < 120.0 {
        return;
    }
    let strip = strip::ui(desk, ui, middle);
    let rest = Rect::from_min_max(pos2(middle.left(), strip.bottom() + 10.0), middle.max);
    if desk.state.evaluate.board.is_none() {
        widgets::empty(ui, tokens, rest, empty::BOARD, empty::BOARD_REMEDY);
        return;
    }
    // The cards keep a readable height; the table takes what it needs and scrolls beyond that.
    let cards = (rest.height() * 0.46).clamp(150.0, 380.0);
    let most = rest.height() - cards - 10.0;
    let used = table::ui(desk, ui, Rect::from_min_size(rest.min, vec2(rest.width(), most)));
    let below = Rect::from_min_max(pos2(rest.left(), used.bottom() + 10.0), rest.max);
    let below = below.with_max_y(below.bottom().min(below.top() + (below.width() * 0.36).max(380.0)));
    cards::ui(desk, ui, below);
}

/// No corpus: what to do.
fn nothing_ui(desk: &mut Desk<'_>, ui: &mut Ui, rect: Rect) {
    widgets::empty(ui, desk.tokens, rect, empty::STUDY, empty::STUDY_REMEDY);
    let row = Rect::from_center_size(rect.center() + vec2(0.0, 56.0), vec2(rect.width(), 32.0));
    // two halves about the middle: a row of its own width cannot be centred before it is known
    let (left, right) = row.split_left_right_at_x(row.center().x);
    let side = |ui: &mut Ui, area: Rect, layout: egui::Layout, words: &str, hint: String| {
        ui.scope_builder(egui::UiBuilder::new().max_rect(area).layout(layout), |ui| {
            ui.button(words).on_hover_text(hint).clicked()
        })
        .inner
    };
    let to_left = egui::Layout::right_to_left(egui::Align::Center);
    let open = side(
        ui,
        left.with_max_x(left.right() - 4.0),
        to_left,
        label::OPEN_FOLDER,
        Command::OpenFolder.hint(),
    );
    if open {
        desk.send(Command::OpenFolder);
    }
    let to_right = egui::Layout::left_to_right(egui::Align::Center);
    let write = Do::Synthetic.text().to_owned();
    if side(ui, right.with_min_x(right.left() + 4.0), to_right, label::SYNTHETIC_CORPUS, write) {
        desk.send(Command::Do(Do::Synthetic));
    }
    if let Some(job) = desk.jobs.running().first() {
        let words =
            job.progress().map_or_else(|| job.title.clone(), |progress| crate::text::progress(&progress));
        let at = rect.center() + vec2(0.0, 92.0);
        let (_, response) = (
            at,
            ui.interact(
                Rect::from_center_size(at, vec2(320.0, 20.0)),
                ui.scope_id().with("job"),
                Sense::hover(),
            ),
        );
        response.widget_info(|| WidgetInfo::labeled(Role::Status, true, &words));
        ui.painter().text(at, egui::Align2::CENTER_CENTER, words, crate::theme::small(), desk.tokens.faint);
    }
}
