//! What the window writes over a drawn face: the scale of colours, names of active units; and the menu of overlays.

use egui::{Align2, Color32, FontId, Rect, Ui, UiBuilder, pos2, vec2};
use face::{Expression, Heat, Overlays};

use crate::commands::Command;
use crate::desk::Desk;
use crate::faces::Seat;
use crate::overlay::{NAMED_FROM, NAMED_HIGH, Overlay, SCALED_HIGH};
use crate::people::{MOST_PERSON, People, person};
use crate::state::Workspace;
use crate::text;
use crate::widgets::chip;

/// Scale and names over the face that is drawn in `rect` with `overlays`.
pub fn over_ui(
    desk: &Desk<'_>,
    ui: &Ui,
    rect: Rect,
    seat: Seat,
    expression: &Expression,
    overlays: &Overlays,
) {
    if let Some(heat) = overlays.heat.filter(|_| rect.height() > SCALED_HIGH) {
        // buttons and signs stand in the corner of these
        let corner = if matches!(seat, Seat::Speaker | Seat::Listener | Seat::Stage) { 44.0 } else { 16.0 };
        scale_ui(desk, ui, rect, corner, &heat);
    }
    if let Some(units) = overlays.regions.filter(|_| rect.height() > NAMED_HIGH) {
        names_ui(desk, ui, rect, seat, expression, &units);
    }
}

fn scale_ui(desk: &Desk<'_>, ui: &Ui, rect: Rect, corner: f32, heat: &Heat) {
    let tokens = desk.tokens;
    let painter = ui.painter_at(rect);
    let bar = Rect::from_min_size(
        rect.left_bottom() + vec2(22.0, -corner),
        vec2((rect.width() - 140.0).clamp(16.0, 64.0), 6.0),
    );
    let [none, full] = text::heat_scale(heat.full_cm, heat.against.is_some());
    let font = FontId::proportional(10.0);
    let full = painter.layout_no_wrap(full, font.clone(), tokens.on_picture);
    let plate = bar.expand2(vec2(16.0, 6.0)).with_max_x(bar.right() + full.size().x + 12.0);
    painter.rect_filled(plate, 8.0, tokens.veil);
    for step in 0..32 {
        let [r, g, b] = face::twin::heat_colour(step as f32 / 31.0);
        let left = bar.left() + bar.width() * step as f32 / 32.0;
        let cell = Rect::from_min_size(pos2(left, bar.top()), vec2(bar.width() / 32.0 + 0.5, bar.height()));
        painter.rect_filled(cell, 0.0, Color32::from_rgb(r, g, b));
    }
    let middle = bar.center().y;
    painter.text(pos2(bar.left() - 4.0, middle), Align2::RIGHT_CENTER, none, font, tokens.on_picture);
    painter.galley(pos2(bar.right() + 4.0, middle - full.size().y * 0.5), full, tokens.on_picture);
}

fn names_ui(desk: &Desk<'_>, ui: &Ui, rect: Rect, seat: Seat, expression: &Expression, units: &[f32; 15]) {
    let tokens = desk.tokens;
    let Some(places) = desk.faces.region_places(expression, person(seat, desk.state.tile)) else { return };
    let camera = desk.state.cameras.of(seat);
    let painter = ui.painter_at(rect);
    let mut taken: Vec<Rect> = Vec::new();
    for ((place, name), active) in places.into_iter().zip(face::REGIONS).zip(units) {
        if *active < NAMED_FROM {
            continue;
        }
        let Some([x, y]) = camera.project(place, rect.width(), rect.height()) else { continue };
        let font = FontId::proportional(10.0);
        let galley = painter.layout_no_wrap(name.to_owned(), font, tokens.on_picture);
        let mut plate = Rect::from_center_size(rect.min + vec2(x + 16.0, y), galley.size() + vec2(8.0, 2.0));
        while let Some(other) = taken.iter().find(|other| other.intersects(plate)) {
            plate = plate.translate(vec2(0.0, other.bottom() + 1.0 - plate.top()));
        }
        taken.push(plate);
        painter.rect_filled(plate, 6.0, tokens.veil.gamma_multiply(0.8));
        painter.galley(plate.center() - galley.size() * 0.5, galley, tokens.on_picture);
    }
}

/// The menu of what lies over the faces, in the corner of the speaker's tile.
pub fn menu_ui(desk: &mut Desk<'_>, ui: &mut Ui, tile: Rect) {
    if tile.width() < 170.0 || tile.height() < 90.0 {
        return;
    }
    let place = Rect::from_min_size(tile.left_bottom() + vec2(7.0, -31.0), vec2(60.0, 24.0));
    let mut wanted = None;
    ui.scope_builder(UiBuilder::new().max_rect(place), |ui| {
        let on = desk.state.overlays.any() || desk.state.ghost;
        let button = chip(ui, desk.tokens, text::VIEW_MENU, on);
        egui::Popup::menu(&button).close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
            ui.set_width(290.0);
            // an empty box is seen on the menu
            ui.visuals_mut().widgets.inactive.bg_stroke.color = desk.tokens.faint;
            // a face set by hand is alone, and nobody's reaction
            let alone = desk.state.workspace == Workspace::Face;
            if !alone {
                let mut ghost = desk.state.ghost;
                if ui.checkbox(&mut ghost, Command::ToggleGhost.hint()).clicked() {
                    wanted = Some(Command::ToggleGhost);
                }
                let mut each = desk.state.cameras.each();
                if ui.checkbox(&mut each, Command::OwnCameras.hint()).clicked() {
                    wanted = Some(Command::OwnCameras);
                }
                ui.separator();
            }
            for overlay in Overlay::ALL.into_iter().filter(|it| !alone || !it.compares()) {
                let mut on = desk.state.overlays.has(overlay);
                if ui.checkbox(&mut on, text::overlay(overlay)).clicked() {
                    wanted = Some(Command::Overlay(overlay));
                }
            }
            ui.separator();
            wanted = people_ui(desk, ui, alone).or(wanted.take());
        });
    });
    if let Some(command) = wanted {
        desk.send(command);
    }
}

/// Whose faces are shown, and another head.
fn people_ui(desk: &Desk<'_>, ui: &mut Ui, alone: bool) -> Option<Command> {
    let mut wanted = None;
    let people = desk.state.people;
    let mut each = people == People::Each;
    if !alone && ui.checkbox(&mut each, Command::DifferentPeople.text()).clicked() {
        wanted = Some(Command::DifferentPeople);
    }
    ui.horizontal(|ui| {
        let mut seed = match people {
            People::One(seed) => seed,
            People::Each => 0,
        };
        ui.add_enabled_ui(!each, |ui| {
            let words = ui.label(text::PERSON);
            let number = egui::DragValue::new(&mut seed).range(0..=MOST_PERSON).speed(1.0);
            if ui.add(number).labelled_by(words.id).on_hover_text(text::PERSON_HINT).changed() {
                wanted = Some(Command::People(People::One(seed)));
            }
        });
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if ui.button(Command::OpenHead.text()).clicked() {
                wanted = Some(Command::OpenHead);
            }
        });
    });
    if let Some(head) = &desk.state.head {
        ui.horizontal(|ui| {
            ui.label(text::head_of(head)).on_hover_text(head.display().to_string());
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.button(Command::BuiltinHead.text()).clicked() {
                    wanted = Some(Command::BuiltinHead);
                }
            });
        });
    }
    wanted
}
