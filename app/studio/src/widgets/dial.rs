//! A slider with its name above it and its number, which can be typed.

use egui::{
    Align2, Event, Id, Key, Rect, Response, Role, Sense, Stroke, TextEdit, Ui, WidgetInfo, pos2, vec2,
};

use super::text_cut;
use crate::theme::{self, Tokens};

/// Height of a slider with its name.
const HEIGHT: f32 = 33.0;
/// Height of the line of the name and the number.
const NUMBER: f32 = 18.0;
/// Width of the field in which a number is typed.
const FIELD: f32 = 58.0;

/// A slider with its name on the left and its value on the right; true when it was moved.
pub fn slider(
    ui: &mut Ui,
    tokens: &Tokens,
    name: &str,
    value: &mut f32,
    range: std::ops::RangeInclusive<f32>,
    step: f32,
    show: impl Fn(f32) -> String,
) -> bool {
    dial_slider(ui, tokens, (name, ""), value, range, step, show).changed()
}

/// The same with a quieter word on what it is, filled from 0 where that lies inside. The rail follows the pointer and, while it has
/// the focus, the arrows; a click on the number opens it for typing, which Enter ends and Escape drops.
pub fn dial_slider(
    ui: &mut Ui,
    tokens: &Tokens,
    (name, meaning): (&str, &str),
    value: &mut f32,
    range: std::ops::RangeInclusive<f32>,
    step: f32,
    show: impl Fn(f32) -> String,
) -> Response {
    let (rect, whole) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::hover());
    let lower = rect.with_min_y(rect.top() + NUMBER);
    let mut response = ui.interact(lower, whole.id.with("rail"), Sense::click_and_drag());
    let (low, high) = (*range.start(), *range.end());
    let before = *value;
    let rail = Rect::from_min_max(
        pos2(rect.left() + 6.0, rect.bottom() - 10.5),
        pos2(rect.right() - 6.0, rect.bottom() - 7.5),
    );
    if let Some(pointer) = response.interact_pointer_pos() {
        let share = ((pointer.x - rail.left()) / rail.width()).clamp(0.0, 1.0);
        *value = low + share * (high - low);
    }
    if response.has_focus() {
        // or the arrows also move the focus
        let arrows = egui::EventFilter { horizontal_arrows: true, ..egui::EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
        let by = ui.input(|input| {
            f32::from(u8::from(input.key_pressed(egui::Key::ArrowRight)))
                - f32::from(u8::from(input.key_pressed(egui::Key::ArrowLeft)))
        });
        *value += by * step;
    }
    let upper = rect.with_max_y(lower.top());
    let number = number_ui(ui, tokens, (name, whole.id), upper, (value, low), &show);
    if *value != before {
        // divided, so that a step of 0.01 gives 0.6 and not the number next to it
        let steps = (1.0 / step).round().max(1.0);
        *value = ((*value * steps).round() / steps).clamp(low, high);
    }
    if *value != before {
        response.mark_changed();
    }
    response.widget_info(|| WidgetInfo::slider(ui.is_enabled(), f64::from(*value), name));
    let painter = ui.painter();
    let row = rect.top() + 10.0;
    let name = painter.text(pos2(rect.left(), row), Align2::LEFT_CENTER, name, theme::body(), tokens.dim);
    let room = number.left() - name.right() - 16.0;
    if !meaning.is_empty() && room > 40.0 {
        let at = pos2(name.right() + 8.0, row);
        text_cut(painter, at, Align2::LEFT_CENTER, meaning, theme::small(), tokens.faint, room);
    }
    let x = |value: f32| rail.left() + (value - low) / (high - low) * rail.width();
    painter.rect_filled(rail, 2.0, tokens.hover);
    let knob = pos2(x(*value), rail.center().y);
    let zero = x(0f32.clamp(low, high));
    let filled = Rect::from_x_y_ranges(zero.min(knob.x)..=zero.max(knob.x), rail.y_range());
    painter.rect_filled(filled, 2.0, tokens.accent);
    let radius = if response.hovered() || response.dragged() { 7.0 } else { 6.0 };
    painter.circle(knob, radius, tokens.text, Stroke::new(2.0, tokens.panel));
    if response.has_focus() {
        painter.circle_stroke(knob, radius + 2.0, Stroke::new(1.5, tokens.accent));
    }
    response
}

/// The value in the corner of `place`, or the field in which it is typed; returns where it is.
fn number_ui(
    ui: &mut Ui,
    tokens: &Tokens,
    (name, id): (&str, Id),
    place: Rect,
    (value, low): (&mut f32, f32),
    show: &impl Fn(f32) -> String,
) -> Rect {
    let field = id.with("field");
    let row = place.top() + 10.0;
    if let Some(mut typed) = ui.data(|data| data.get_temp::<String>(id)) {
        let at = Rect::from_min_max(pos2(place.right() - FIELD, row - 9.0), pos2(place.right(), row + 9.0));
        let edit = TextEdit::singleline(&mut typed)
            .id(field)
            .font(theme::mono())
            .align(Align2::RIGHT_CENTER)
            .margin(vec2(3.0, 1.0));
        let edit = ui.put(at, edit);
        let done = edit.lost_focus();
        // of the raw events: the window may have taken the key for itself
        let escape = |event: &Event| matches!(event, Event::Key { key: Key::Escape, pressed: true, .. });
        if done && !ui.input(|input| input.raw.events.iter().any(escape)) {
            *value = number_of(&typed, low, show).unwrap_or(*value);
        }
        ui.data_mut(|data| {
            data.remove::<String>(id);
            if !done {
                data.insert_temp(id, typed);
            }
        });
        return at;
    }
    let galley = ui.painter().layout_no_wrap(show(*value), theme::mono(), tokens.text);
    let at = Align2::RIGHT_CENTER.anchor_size(pos2(place.right(), row), galley.size());
    let number = ui.interact(at.expand(2.0), id.with("number"), Sense::click());
    let said = format!("Type {name}");
    number.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), &said));
    if number.hovered() {
        ui.painter().rect_filled(at.expand2(vec2(4.0, 1.0)), 4.0, tokens.hover);
    }
    ui.painter().galley(at.min, galley, tokens.text);
    if number.clicked() {
        let typed = show(*value);
        let typed = typed.trim_end_matches(|letter: char| !letter.is_ascii_digit()).to_owned();
        let end = egui::text::CCursor::new(typed.chars().count());
        let all = egui::text::CCursorRange::two(egui::text::CCursor::new(0), end);
        let mut state = egui::text_edit::TextEditState::default();
        state.cursor.set_char_range(Some(all));
        state.store(ui.ctx(), field);
        ui.data_mut(|data| data.insert_temp(id, typed));
        ui.memory_mut(|memory| memory.request_focus(field));
    }
    number.on_hover_cursor(egui::CursorIcon::Text).on_hover_text(crate::text::TYPE_IT);
    at
}

/// The number that was typed; what is no number changes nothing. A slider may show its lowest number or 0 as a word ("off").
fn number_of(typed: &str, low: f32, show: &impl Fn(f32) -> String) -> Option<f32> {
    let typed = typed.trim();
    if let Some(number) = [low, 0.0].into_iter().find(|number| typed.eq_ignore_ascii_case(&show(*number))) {
        return Some(number);
    }
    let words = typed.replace(',', ".");
    let number = words.trim_end_matches(|letter: char| !letter.is_ascii_digit() && letter != '.');
    number.parse().ok().filter(|number: &f32| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_a_number_with_its_unit_or_the_word_of_the_lowest() {
        let guidance = |value: f32| if value < 0.025 { "off".to_owned() } else { format!("{value:.2}") };
        for (typed, number) in [
            ("0.6", Some(0.6)),
            (" ,5 ", Some(0.5)),
            ("-12,5°", Some(-12.5)),
            ("Off", Some(0.0)),
            ("", None),
            ("much", None),
            ("NaN", None),
            ("1e999", None),
        ] {
            assert_eq!(number_of(typed, 0.0, &guidance), number, "{typed}");
        }
    }
}
