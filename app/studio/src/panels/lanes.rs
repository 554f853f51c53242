//! Two lanes of latents on the time axis: the one that is painted by hand, and what a watcher thinks of the real listener.

use egui::epaint::Mesh;
use egui::{Align2, PointerButton, Rect, Response, Sense, Shape, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::commands::Command;
use crate::desk::Desk;
use crate::lane::Painted;
use crate::panels::tracks::Axis;
use crate::text::{self, empty, label};
use crate::theme;
use crate::widgets::{icons, text_cut};

/// Draws the painted lane, and paints where the pointer drags.
pub fn intent_ui(desk: &mut Desk<'_>, ui: &Ui, plot: Rect, axis: Axis, response: &Response) {
    let tokens = desk.tokens;
    let latents = desk.state.latents();
    let painter = ui.painter_at(plot.intersect(ui.clip_rect()));
    painter.rect_filled(plot, 4.0, tokens.card);
    if latents == 0 {
        let at = plot.left_center() + vec2(8.0, 0.0);
        let room = plot.width() - 16.0;
        text_cut(&painter, at, Align2::LEFT_CENTER, empty::LANE, theme::small(), tokens.faint, room);
        return;
    }
    let frames = desk.state.frames();
    let place = |part: Painted| {
        Rect::from_x_y_ranges(axis.x(part.from as f64)..=axis.x(part.to as f64), plot.y_range())
            .shrink2(vec2(0.5, 1.0))
    };
    let block = |part: Painted, strength: f32| {
        let look = theme::latent_look(desk.state.theme, part.latent);
        let rect = place(part);
        painter.rect_filled(rect, 4.0, look.color.gamma_multiply(0.45 * strength));
        painter.rect_stroke(
            rect,
            4.0,
            Stroke::new(1.2, look.color.gamma_multiply(strength)),
            StrokeKind::Inside,
        );
        let left = rect.left().max(plot.left()) + 10.0;
        if rect.right() - left > 14.0 {
            icons::glyph(&painter, pos2(left, rect.center().y), 4.0, look.glyph, look.color);
            let words = match desk.state.latent_name(part.latent) {
                Some(name) => format!("z{} {name}", part.latent + 1),
                None => format!("z{}", part.latent + 1),
            };
            let at = pos2(left + 9.0, rect.center().y);
            let room = rect.right().min(plot.right()) - at.x - 4.0;
            text_cut(&painter, at, Align2::LEFT_CENTER, &words, theme::small(), tokens.text, room);
        }
    };
    let lane = &desk.state.lane;
    lane.parts().iter().for_each(|part| block(*part, 1.0));
    let brush = desk.state.brush();
    if lane.parts().is_empty() && desk.memory.painting.is_none() {
        let words = text::paint_with(brush);
        let at = plot.left_center() + vec2(8.0, 0.0);
        let room = plot.width() - 16.0;
        text_cut(&painter, at, Align2::LEFT_CENTER, &words, theme::small(), tokens.faint, room);
    }
    if response.drag_started_by(PointerButton::Primary)
        && let Some(at) = ui.input(|input| input.pointer.press_origin())
    {
        let frame = axis.frame(at.x).clamp(0.0, frames as f64);
        desk.memory.painting = Some((frame, frame));
    }
    if let Some((from, to)) = desk.memory.painting {
        let to = response.interact_pointer_pos().map_or(to, |at| axis.frame(at.x).clamp(0.0, frames as f64));
        desk.memory.painting = Some((from, to));
        let (a, b) = (from.min(to).floor() as usize, from.max(to).ceil() as usize);
        let part = Painted { from: a, to: b, latent: brush };
        if response.dragged_by(PointerButton::Primary) {
            block(part, 0.8);
        } else {
            desk.memory.painting = None;
            if b > a + 1 {
                desk.commands.push(Command::Paint(part));
            }
        }
    }
    if !response.dragged() {
        response.clone().on_hover_text(label::LANE_HINT);
    }
    if response.secondary_clicked()
        && let Some(at) = response.interact_pointer_pos()
        && let Some(part) = lane.at(axis.frame(at.x).max(0.0) as usize)
    {
        desk.commands.push(Command::Unpaint(part.from, part.to));
    }
}

/// Draws what the recognition pass would have said of the real listener up to each moment: stacked shares.
pub fn recognised_ui(desk: &mut Desk<'_>, ui: &mut Ui, plot: Rect, axis: Axis) {
    let tokens = desk.tokens;
    let painter = ui.painter_at(plot.intersect(ui.clip_rect()));
    let known = desk
        .state
        .posterior
        .as_ref()
        .filter(|known| desk.state.posterior_wanted().as_ref() == Some(&known.of));
    let Some(known) = known else {
        let words = match desk.state.posterior_wanted() {
            Some(wanted) => {
                desk.memory.posterior_wanted = Some(wanted);
                label::RECOGNISING
            }
            None => empty::RECOGNISED,
        };
        let (at, room) = (plot.left_center(), plot.width());
        text_cut(&painter, at, Align2::LEFT_CENTER, words, theme::small(), tokens.faint, room);
        return;
    };
    let mut mesh = Mesh::default();
    let mut from = 0;
    let mut under = None;
    let pointer = ui.input(|input| input.pointer.hover_pos()).filter(|at| plot.contains(*at));
    for (end, shares) in &known.posterior {
        let columns = axis.x(from as f64)..=axis.x(*end as f64);
        if pointer.is_some_and(|at| columns.contains(&at.x)) {
            under = Some((*end, shares));
        }
        let mut bottom = plot.bottom();
        for (latent, share) in shares.iter().enumerate() {
            let top = bottom - share * plot.height();
            let color = theme::latent_look(desk.state.theme, latent).color;
            let rect = Rect::from_x_y_ranges(columns.clone(), top..=bottom).intersect(plot);
            if rect.is_positive() {
                mesh.add_colored_rect(rect, color.lerp_to_gamma(tokens.ground, 0.2));
            }
            bottom = top;
        }
        from = *end;
    }
    painter.add(Shape::mesh(mesh));
    // The surest latent is named where it comes to lead.
    let mut leader = None;
    let mut from = 0;
    for (end, shares) in &known.posterior {
        let best = shares.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(latent, _)| latent);
        if best != leader
            && let Some(latent) = best
        {
            let at = pos2(axis.x(from as f64).max(plot.left()) + 4.0, plot.top() + 8.0);
            let words = format!("z{}", latent + 1);
            let galley = painter.layout_no_wrap(words, theme::mono_small(), tokens.text);
            let rect =
                Rect::from_min_size(at - vec2(2.0, galley.size().y * 0.5), galley.size() + vec2(4.0, 0.0));
            painter.rect_filled(rect, 3.0, tokens.ground.gamma_multiply(0.8));
            painter.galley(rect.min + vec2(2.0, 0.0), galley, tokens.text);
            leader = best;
        }
        from = *end;
    }
    if let (Some((end, shares)), Some(at)) = (under, pointer) {
        let mut order: Vec<usize> = (0..shares.len()).collect();
        order.sort_by(|a, b| shares[*b].total_cmp(&shares[*a]));
        let words: Vec<String> = order
            .iter()
            .take(3)
            .map(|latent| {
                let name =
                    desk.state.latent_name(*latent).map_or_else(String::new, |name| format!(" {name}"));
                format!("z{}{name} {:.2}", latent + 1, shares[*latent])
            })
            .collect();
        painter.vline(at.x, plot.y_range(), Stroke::new(1.0, tokens.faint));
        let id = ui.scope_id().with("recognised");
        ui.interact(plot, id, Sense::hover())
            .on_hover_text(format!("up to frame {end}: {}", words.join(", ")));
    }
}
