//! A square matrix as coloured cells with names on both sides.

use egui::{Align2, Color32, Pos2, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::theme::{self, Tokens};

/// Draws a matrix; returns the cell (row, column) under the pointer and whether it was clicked.
///
/// `names` carry their colours; the closest pair is the faintest colour, the farthest the
/// strongest, the diagonal is empty.
pub fn matrix(
    ui: &mut Ui,
    tokens: &Tokens,
    label: &str,
    names: &[(String, Color32)],
    value: impl Fn(usize, usize) -> f32,
    chosen: Option<usize>,
) -> Option<(usize, usize, bool)> {
    let count = names.len().max(1);
    let gutter = if names.iter().any(|(name, _)| name.chars().count() > 3) { 38.0 } else { 26.0 };
    let width = ui.available_width();
    let cell_width = (width - gutter) / count as f32;
    let cell_height = (cell_width * 0.55).clamp(9.0, 15.0);
    let height = cell_height * count as f32 + 16.0;
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, label));
    let painter = ui.painter();
    let (least, most) = (0..names.len())
        .flat_map(|row| (0..row).map(move |column| (row, column)))
        .map(|(row, column)| value(row, column))
        .fold((f32::MAX, 0.0f32), |(least, most), value| (least.min(value), most.max(value)));
    let span = (most - least).max(1e-6);
    let gap = if cell_width > 10.0 { 2.0 } else { 1.0 };
    let cell_at = |row: usize, column: usize| {
        Rect::from_min_size(
            pos2(rect.left() + gutter + column as f32 * cell_width, rect.top() + row as f32 * cell_height),
            vec2(cell_width - gap, cell_height - gap),
        )
    };
    let named = |at: Pos2, anchor, index: usize| {
        let (name, color) = &names[index];
        painter.text(at, anchor, name, theme::small(), *color);
    };
    for row in 0..names.len() {
        if names.len() <= 9 || row % 2 == 0 {
            named(pos2(rect.left(), cell_at(row, 0).center().y), Align2::LEFT_CENTER, row);
        }
        if names.len() <= 9 || row % 2 == 0 {
            named(pos2(cell_at(0, row).center().x, rect.bottom()), Align2::CENTER_BOTTOM, row);
        }
        for column in 0..names.len() {
            let cell = cell_at(row, column);
            let share = ((value(row, column) - least) / span).clamp(0.0, 1.0);
            let fill = if row == column {
                tokens.ground
            } else {
                tokens.card.lerp_to_gamma(tokens.accent, 0.12 + 0.88 * share)
            };
            painter.rect_filled(cell, 3.0, fill);
        }
    }
    if let Some(chosen) = chosen.filter(|chosen| *chosen < names.len()) {
        let row = cell_at(chosen, 0).union(cell_at(chosen, names.len() - 1));
        painter.rect_stroke(row.expand(1.0), 3.0, Stroke::new(1.0, names[chosen].1), StrokeKind::Outside);
    }
    let pointer = response.hover_pos()?;
    let column = ((pointer.x - rect.left() - gutter) / cell_width).floor();
    let row = ((pointer.y - rect.top()) / cell_height).floor();
    let inside = |index: f32| (index >= 0.0 && (index as usize) < names.len()).then_some(index as usize);
    let (row, column) = (inside(row)?, inside(column)?);
    let cell = cell_at(row, column);
    ui.painter().rect_stroke(cell, 3.0, Stroke::new(1.5, tokens.text), StrokeKind::Outside);
    response.clone().on_hover_text_at_pointer(format!(
        "{} \u{2013} {}: {:.3}",
        names[row].0,
        names[column].0,
        value(row, column)
    ));
    Some((row, column, response.clicked()))
}
