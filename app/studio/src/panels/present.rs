//! Present: faces for an audience, the wall or one of them, with a large caption and nothing else.

use egui::{Align2, Rect, Role, Sense, Ui, WidgetInfo, vec2};

use crate::commands::Command;
use crate::desk::Desk;
use crate::faces::Seat;
use crate::panels::wall;
use crate::text::empty;
use crate::theme::{self, size};
use crate::widgets::{self, icons};

/// Draws the screen.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui, rect: Rect) {
    let tokens = desk.tokens;
    let caption = (rect.height() * 0.11).clamp(56.0, 120.0);
    let stage = Rect::from_min_max(rect.min, rect.max - vec2(0.0, caption)).shrink(size::GAP * 2.0);
    let below = rect.with_min_y(rect.bottom() - caption);
    let Some(index) = desk.state.chosen() else {
        match desk.state.clip.as_ref().and_then(|clip| clip.speaker.motion.clone()) {
            Some(motion) => wall::face_ui(desk, ui, stage, Seat::Stage, &motion),
            None => widgets::empty(ui, tokens, stage, empty::WALL, empty::WALL_REMEDY),
        }
        return;
    };
    if desk.state.present_one {
        one_ui(desk, ui, stage, index);
    } else {
        let width = (stage.height() * 0.72).min(stage.width() * 0.34);
        let (left, right) = stage.split_left_right_at_x(stage.left() + width);
        let speaker = desk.state.clip.as_ref().and_then(|clip| clip.speaker.motion.clone());
        match speaker {
            Some(motion) => {
                wall::face_ui(desk, ui, left, Seat::Speaker, &motion);
                let response = ui.interact(left, ui.scope_id().with("speaker"), Sense::click_and_drag());
                response.widget_info(|| WidgetInfo::labeled(Role::Image, true, crate::text::label::SPEAKER));
                wall::turn(desk, ui, &response, Seat::Speaker);
                wall::wall_ui(desk, ui, right.with_min_x(right.left() + size::GAP));
            }
            None => wall::wall_ui(desk, ui, stage),
        }
    }
    caption_ui(desk, ui, below, index);
}

fn one_ui(desk: &mut Desk<'_>, ui: &mut Ui, stage: Rect, index: usize) {
    let width = stage.width().min(stage.height() * 1.5);
    let place = Rect::from_center_size(stage.center(), vec2(width, stage.height()));
    let motion = desk.state.reactions.all[index].motion.clone();
    let response = ui.interact(place, ui.scope_id().with("one"), Sense::click_and_drag());
    let name = desk.state.reactions.name(index);
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("Reaction {name}")));
    wall::turn(desk, ui, &response, Seat::Stage);
    wall::face_ui(desk, ui, place, Seat::Stage, &motion);
}

fn caption_ui(desk: &mut Desk<'_>, ui: &mut Ui, rect: Rect, index: usize) {
    let tokens = desk.tokens;
    let reactions = &desk.state.reactions;
    let look = theme::latent_look(desk.state.theme, reactions.look_index(index));
    let big = (rect.height() * 0.34).clamp(22.0, 40.0);
    let painter = ui.painter();
    let y = rect.center().y - 4.0;
    let name = reactions.name(index);
    let words = reactions.all[index].signature.text();
    let left = rect.left() + size::GAP * 2.0 + big * 0.5;
    icons::glyph(painter, egui::pos2(left, y), big * 0.34, look.glyph, look.color);
    let at = egui::pos2(left + big * 0.8, y);
    let first = painter.text(at, Align2::LEFT_CENTER, &name, theme::strong(big), tokens.text);
    let at = egui::pos2(first.right() + big * 0.6, y);
    let room = rect.right() - at.x - 260.0;
    widgets::text_cut(
        painter,
        at,
        Align2::LEFT_CENTER,
        &words,
        egui::FontId::proportional(big),
        tokens.dim,
        room,
    );
    let right = rect.right() - size::GAP * 2.0;
    let time = clips::time::clock_text(desk.playback.frame());
    let time_at = egui::pos2(right, y);
    painter.text(time_at, Align2::RIGHT_CENTER, time, egui::FontId::monospace(big * 0.7), tokens.faint);
    let frames = desk.state.frames().max(1);
    let line = Rect::from_min_max(
        egui::pos2(rect.left() + size::GAP * 2.0, rect.bottom() - 14.0),
        egui::pos2(right, rect.bottom() - 10.0),
    );
    let share = desk.playback.frame() as f32 / frames as f32;
    widgets::bar(painter, line, share, look.color, tokens.hover);
    let response = ui.interact(line.expand(8.0), ui.scope_id().with("line"), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Slider, true, crate::text::label::TIME));
    if (response.clicked() || response.dragged())
        && let Some(at) = response.interact_pointer_pos()
    {
        let share = ((at.x - line.left()) / line.width()).clamp(0.0, 1.0);
        desk.send(Command::Seek((share * (frames - 1) as f32) as usize));
    }
}
