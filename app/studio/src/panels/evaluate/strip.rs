//! Who takes part and how: chips of systems, split, samples, seeds, and the button that scores.

use clips::corpus::Split;
use egui::{Align, Layout, Rect, Ui, UiBuilder, vec2};

use crate::commands::Command;
use crate::desk::Desk;
use crate::evaluate::{Beside, Do, choices};
use crate::jobs::Slot;
use crate::panels::job_button;
use crate::text::{self, label};
use crate::widgets::{chip, segments};

/// Draws the strip at the top of `area`; returns what it took.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui, area: Rect) -> Rect {
    let inner = ui.scope_builder(UiBuilder::new().max_rect(area), |ui| {
        ui.spacing_mut().item_spacing = vec2(6.0, 6.0);
        ui.horizontal_wrapped(|ui| takes_part_ui(desk, ui));
        ui.add_space(2.0);
        ui.horizontal(|ui| how_ui(desk, ui));
    });
    inner.response.rect.with_max_x(area.right())
}

fn takes_part_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    for choice in choices(&desk.state.systems) {
        let on = desk.state.evaluate.takes_part(&choice);
        if chip(ui, desk.tokens, &choice.label(&desk.state.systems), on).clicked() {
            desk.send(Command::Do(Do::Toggle(choice)));
        }
    }
}

fn how_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let tokens = desk.tokens;
    let evaluate = &desk.state.evaluate;
    let names: Vec<&str> = Split::ALL.iter().map(|split| split.name()).collect();
    let chosen = Split::ALL.iter().position(|split| *split == evaluate.split).unwrap_or(0);
    if let Some(index) = segments(ui, tokens, &names, chosen, 28.0) {
        desk.commands.push(Command::Do(Do::Split(Split::ALL[index])));
    }
    let mut settings = evaluate.settings.clone();
    ui.add_space(8.0);
    let words = ui.label(egui::RichText::new(label::SAMPLES_A_CLIP).color(tokens.dim));
    ui.add(egui::DragValue::new(&mut settings.samples).range(1..=50)).labelled_by(words.id);
    let mut seeds = settings.seeds.len();
    let words = ui.label(egui::RichText::new(label::SEEDS).color(tokens.dim));
    ui.add(egui::DragValue::new(&mut seeds).range(1..=10)).labelled_by(words.id);
    settings.seeds = (1..=seeds as u64).collect();
    let imported = desk.state.systems.iter().any(|row| matches!(row.maker, crate::state::Maker::Imported(_)));
    if (imported || settings.truncate)
        && chip(ui, tokens, label::CUT_LENGTHS, settings.truncate)
            .on_hover_text(text::CUT_LENGTHS_HINT)
            .clicked()
    {
        settings.truncate ^= true;
    }
    if settings != evaluate.settings {
        desk.commands.push(Command::Do(Do::Settings(settings)));
    }
    ui.add_space(8.0);
    if chip(ui, tokens, label::BEYOND, evaluate.beyond).on_hover_text(Do::Beyond.text()).clicked() {
        desk.commands.push(Command::Do(Do::Beyond));
    }
    if chip(ui, tokens, label::PUBLISHED, evaluate.published).on_hover_text(text::PUBLISHED_HINT).clicked() {
        desk.commands.push(Command::Do(Do::Published));
    }
    let beside = usize::from(evaluate.beside == Beside::Seeds);
    ui.label(egui::RichText::new(label::PLUS_MINUS).color(tokens.faint));
    if let Some(index) = segments(ui, tokens, &[label::OF_INTERVAL, label::OF_SEEDS], beside, 28.0) {
        let beside = if index == 0 { Beside::Interval } else { Beside::Seeds };
        desk.commands.push(Command::Do(Do::Beside(beside)));
    }
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| run_ui(desk, ui));
}

/// The button that scores, or how far it is.
fn run_ui(desk: &mut Desk<'_>, ui: &mut Ui) {
    let enabled = !desk.state.evaluate.taking_part(&desk.state.systems).is_empty();
    let (run, cancel) = (Command::Do(Do::Run), Command::Do(Do::Cancel));
    job_button::ui(desk, ui, Slot::Evaluate, label::RUN, enabled, (run, cancel));
}
