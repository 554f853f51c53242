//! Settings that differ between the runs that are compared: a row a setting, a column a run.

use egui::{Align2, Rect, Role, ScrollArea, Sense, Stroke, Ui, UiBuilder, WidgetInfo, pos2, vec2};

use crate::desk::Desk;
use crate::text::{empty, heading};
use crate::theme;
use crate::widgets::{self, text_cut};

const ROW: f32 = 20.0;

/// Draws the table into `area`.
pub fn ui(desk: &mut Desk<'_>, ui: &mut Ui, area: Rect) {
    let tokens = desk.tokens;
    ui.painter().rect_filled(area, 8.0, tokens.panel);
    let inner = area.shrink2(vec2(10.0, 6.0));
    let train = &desk.state.train;
    let names: Vec<String> =
        train.run().into_iter().chain(train.others()).map(|run| run.name.clone()).collect();
    let rows = train.differences();
    let painter = ui.painter();
    painter.text(
        inner.left_top() + vec2(0.0, 10.0),
        Align2::LEFT_CENTER,
        heading::DIFFERING,
        theme::strong(13.0),
        tokens.text,
    );
    if rows.is_empty() {
        let below = inner.with_min_y(inner.top() + 22.0);
        widgets::empty(ui, tokens, below, empty::NO_DIFFERENCE, empty::NO_DIFFERENCE_REMEDY);
        return;
    }
    let name = (inner.width() * 0.36).min(170.0);
    let each = (inner.width() - name) / names.len().max(1) as f32;
    let head = inner.top() + 30.0;
    for (column, words) in names.iter().enumerate() {
        let at = pos2(inner.left() + name + each * (column + 1) as f32, head);
        let ink = if column == 0 { tokens.dim } else { tokens.faint };
        text_cut(painter, at, Align2::RIGHT_CENTER, words, theme::small(), ink, each - 8.0);
    }
    painter.hline(inner.x_range(), head + 10.0, Stroke::new(1.0, tokens.line));
    let below = Rect::from_min_max(pos2(inner.left(), head + 12.0), inner.max);
    let mut child = ui.new_child(UiBuilder::new().max_rect(below));
    ScrollArea::vertical().id_salt("differences").auto_shrink(false).show(&mut child, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for (key, values) in rows {
            let (rect, response) = ui.allocate_exact_size(vec2(below.width(), ROW), Sense::hover());
            let said = format!("{key}: {}", values.join(", "));
            response.widget_info(|| WidgetInfo::labeled(Role::Row, true, &said));
            let painter = ui.painter();
            let words = key.replace('_', " ");
            text_cut(
                painter,
                rect.left_center(),
                Align2::LEFT_CENTER,
                &words,
                theme::small(),
                tokens.dim,
                name - 6.0,
            );
            for (column, value) in values.iter().enumerate() {
                let value = if value.is_empty() { "\u{2014}" } else { value };
                let at = pos2(rect.left() + name + each * (column + 1) as f32, rect.center().y);
                let differs = column > 0 && Some(value) != values.first().map(String::as_str);
                let ink = if differs { tokens.accent } else { tokens.text };
                text_cut(painter, at, Align2::RIGHT_CENTER, value, theme::mono_small(), ink, each - 8.0);
            }
            let help = training::fields::field_of(&key).map_or("", |field| field.help);
            if !help.is_empty() {
                response.on_hover_text(format!("{said}\n{help}"));
            }
        }
    });
}
