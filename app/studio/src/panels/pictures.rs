//! Figures inside a panel: painted once and kept until something they depend on changes; what is under the pointer is said
//! and can be clicked.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use egui::{Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};
use figures::{Drawing, Size};

use crate::desk::Desk;
use crate::figure::{self, Kept, Key, Wanted};

/// Paints a drawing, shows what is under the pointer, and returns the mark that was clicked.
pub fn figure_ui(ui: &mut Ui, area: Rect, drawing: &Drawing, name: &str) -> Option<u64> {
    let response = ui.interact(area, ui.scope_id().with(name), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    figure::paint(ui, area.min, drawing);
    let under = response.hover_pos().and_then(|pointer| figure::under(area.min, drawing, pointer));
    let clicked = response.clicked();
    if let Some(under) = &under {
        ui.ctx().set_cursor_icon(egui::CursorIcon::PointingHand);
        response.on_hover_text(&under.what);
    }
    under.filter(|_| clicked).map(|under| under.id)
}

/// The size of an area.
pub fn size_of(area: Rect) -> Size {
    Size::new(area.width(), area.height())
}

/// Everything a drawing depends on.
pub fn key_of(desk: &Desk<'_>, area: Rect, what: &impl Hash) -> Key {
    let mut hasher = DefaultHasher::new();
    (desk.state.evaluate.generation, desk.state.theme == crate::Theme::Dark).hash(&mut hasher);
    what.hash(&mut hasher);
    Key { size: [area.width().round() as i32, area.height().round() as i32], content: hasher.finish() }
}

/// The drawing of a place of the screen, made anew when its key is another.
pub fn kept(
    desk: &mut Desk<'_>,
    place: &'static str,
    key: Key,
    draw: impl FnOnce() -> Drawing,
) -> Arc<Drawing> {
    let known = desk.memory.figures.get(place).filter(|kept| kept.key == key);
    if let Some(known) = known {
        return known.drawing.clone();
    }
    let drawing = Arc::new(draw());
    desk.memory.figures.insert(place, Kept { key, drawing: drawing.clone() });
    drawing
}

/// The same for a drawing that costs more than a frame has: a worker makes it, and what was there stays until it is done.
/// A place that is empty or has another size does not wait.
pub fn kept_by_worker(
    desk: &mut Desk<'_>,
    place: &'static str,
    key: Key,
    draw: impl FnOnce() -> Drawing + Send + 'static,
) -> Arc<Drawing> {
    match desk.memory.figures.get(place).filter(|known| known.key.size == key.size) {
        None => kept(desk, place, key, draw),
        Some(known) => {
            if known.key != key {
                desk.memory.figures_wanted.push(Wanted { place, key, work: Box::new(draw) });
            }
            known.drawing.clone()
        }
    }
}

/// The upper left corner and width of a figure inside a panel.
pub fn slot(ui: &mut Ui, height: f32) -> Rect {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    Rect::from_min_max(pos2(rect.left().round(), rect.top().round()), rect.max)
}
