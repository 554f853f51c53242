//! The Face workspace: one face, and a slider for everything that moves it. Raters learn here what a unit looks like, and
//! analysts check what a column moves.

use clips::arkit::FaceSource;
use clips::channels::AU_MEANINGS;
use clips::dials::{Dial, Dials};
use egui::{Align, Frame, Layout, Margin, Panel, Rect, Role, ScrollArea, Sense, Ui, WidgetInfo, vec2};

use crate::commands::Command;
use crate::desk::Desk;
use crate::faces::Seat;
use crate::motion::Motion;
use crate::panels::{face_view, status, top_bar, wall};
use crate::sliders::Do;
use crate::text::{self, heading, label};
use crate::theme::size;
use crate::widgets::{self, chip, dial_slider, divider, segments};

/// A column of sliders is at least this wide.
const COLUMN: f32 = 250.0;

/// Draws the workspace.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let bar = Frame::NONE.fill(tokens.panel);
    Panel::top("top bar").exact_size(size::BAR).frame(bar).show(ui, |ui| top_bar::ui(desk, ui));
    Panel::bottom("status").exact_size(size::STATUS).frame(bar).show(ui, |ui| status::ui(desk, ui));
    let side = bar.inner_margin(Margin { left: 14, right: 10, top: 12, bottom: 6 });
    let width = (ui.available_width() * 0.42).clamp(300.0, 900.0).round();
    Panel::right("sliders").exact_size(width).frame(side).show(ui, |ui| sliders_ui(desk, ui));
    let stage = ui.available_rect_before_wrap().shrink(size::GAP);
    if stage.width() > 60.0 && stage.height() > 60.0 {
        face_ui(desk, ui, stage);
    }
}

fn face_ui(desk: &mut Desk<'_>, ui: &mut Ui, stage: Rect) {
    let motion = Motion::of_dials(&desk.state.sliders.dials);
    let response = ui.interact(stage, ui.scope_id().with("by hand"), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, label::BY_HAND));
    wall::turn(desk, ui, &response, Seat::Stage);
    wall::still_ui(desk, ui, stage, Seat::Stage, &motion);
    wall::caption_ui(desk, ui, stage, label::BY_HAND, motion.source.label());
    face_view::menu_ui(desk, ui, stage);
}

fn sliders_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let source = desk.state.sliders.dials.source;
    ui.spacing_mut().item_spacing = vec2(8.0, 6.0);
    let sources = [FaceSource::Attributes, FaceSource::Expressions, FaceSource::Coefficients];
    let words = [label::BY_UNITS, label::BY_EXPRESSIONS, label::BY_BLENDSHAPES];
    let chosen = sources.iter().position(|one| *one == source).unwrap_or(0);
    if let Some(index) = segments(ui, tokens, &words, chosen, 28.0) {
        desk.send(Command::Face(Do::Source(sources[index])));
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(5.0, 5.0);
        for (index, (name, words)) in Dials::presets(source).iter().enumerate() {
            if chip(ui, tokens, name, false).on_hover_text(*words).clicked() {
                desk.send(Command::Face(Do::Preset(index)));
            }
        }
    });
    ui.horizontal(|ui| {
        let neutral = desk.state.sliders.dials.is_neutral();
        let hint = Command::Face(Do::Reset).hint();
        if ui.add_enabled(!neutral, egui::Button::new(label::RESET)).on_hover_text(hint).clicked() {
            desk.send(Command::Face(Do::Reset));
        }
        let known = desk.state.chosen().is_some();
        let take_over = ui.add_enabled(known, egui::Button::new(label::TAKE_OVER));
        let hint = Command::Face(Do::TakeOver).hint();
        if take_over.on_hover_text(hint).on_disabled_hover_text(text::empty::WALL_REMEDY).clicked() {
            desk.send(Command::Face(Do::TakeOver));
        }
        let command = desk.state.sliders.command();
        if ui.button(label::COPY_COMMAND).on_hover_text(command).clicked() {
            desk.send(Command::Face(Do::Copy));
        }
        if source == FaceSource::Coefficients {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let mut both = desk.state.sliders.both_sides;
                if ui.checkbox(&mut both, label::BOTH_SIDES).clicked() {
                    desk.send(Command::Face(Do::BothSides));
                }
            });
        }
    });
    divider(ui, tokens);
    ScrollArea::vertical().id_salt(source.label()).auto_shrink(false).show(ui, |ui| {
        for (title, dials) in groups(source) {
            widgets::heading(ui, tokens, title, None);
            group_ui(desk, ui, &dials);
            ui.add_space(8.0);
        }
    });
}

/// The dials of a source under headings, the pose last.
fn groups(source: FaceSource) -> Vec<(&'static str, Vec<Dial>)> {
    let all = Dial::of(source);
    let mut groups: Vec<(&'static str, Vec<Dial>)> = match source {
        FaceSource::Attributes => vec![(heading::UNITS, all)],
        FaceSource::Expressions => {
            let (mood, expressions) = all.into_iter().partition(|dial| *dial.range().start() < 0.0);
            vec![(heading::EXPRESSIONS, expressions), (heading::MOOD, mood)]
        }
        FaceSource::Coefficients => {
            let parts = [
                (heading::BROWS, "brow"),
                (heading::EYES, "eye"),
                (heading::CHEEKS, "cheek"),
                (heading::NOSE, "nose"),
                (heading::JAW, "jaw"),
                (heading::MOUTH, "mouth"),
                (heading::TONGUE, "tongue"),
            ];
            parts
                .into_iter()
                .map(|(title, part)| {
                    (title, all.iter().copied().filter(|dial| dial.name().starts_with(part)).collect())
                })
                .collect()
        }
    };
    groups.push((heading::POSE, Dial::pose().collect()));
    groups
}

/// Sliders in as many columns as fit, read downward.
fn group_ui(desk: &mut Desk<'_>, ui: &mut Ui, dials: &[Dial]) {
    let columns = ((ui.available_width() / COLUMN) as usize).clamp(1, 3);
    let rows = dials.len().div_ceil(columns).max(1);
    ui.spacing_mut().item_spacing.x = 18.0;
    ui.columns(columns, |columns| {
        for (column, dials) in columns.iter_mut().zip(dials.chunks(rows)) {
            column.spacing_mut().item_spacing.y = 2.0;
            for dial in dials {
                dial_ui(desk, column, *dial);
            }
        }
    });
}

fn dial_ui(desk: &mut Desk<'_>, ui: &mut Ui, dial: Dial) {
    let before = desk.state.sliders.dials.get(dial);
    let mut value = before;
    let decimals = if matches!(dial, Dial::Pose(_)) { 1 } else { 2 };
    let shown = |value: f32| format!("{value:.decimals$}{}", dial.unit());
    let step = if decimals == 1 { 0.5 } else { 0.01 };
    let meaning = match dial {
        Dial::Attribute(column) => AU_MEANINGS.get(column).copied().unwrap_or_default(),
        _ => "",
    };
    let response =
        dial_slider(ui, desk.tokens, (dial.name(), meaning), &mut value, dial.range(), step, shown);
    if response.double_clicked() {
        value = 0.0;
    }
    if value != before {
        desk.send(Command::Face(Do::Set(dial, value)));
    }
}
