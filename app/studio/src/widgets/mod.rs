//! Small building blocks that know no data: buttons, chips, rows of a name and a value, bars, lines. Each
//! has a name and a role for screen readers.

pub mod dial;
pub mod heat;
pub mod icons;
pub mod line;

use egui::{
    Align2, Color32, CornerRadius, FontId, Painter, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind,
    Ui, WidgetInfo, pos2, vec2,
};

use crate::theme::{self, Tokens};
pub use dial::{dial_slider, slider};
use icons::Icon;

/// A line of text cut with an ellipsis at `width`, in one colour; returns its rectangle.
pub fn text_cut(
    painter: &Painter,
    at: Pos2,
    anchor: Align2,
    text: &str,
    font: FontId,
    color: Color32,
    width: f32,
) -> Rect {
    let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), font, color);
    job.wrap = egui::text::TextWrapping::truncate_at_width(width.max(8.0));
    let galley = painter.layout_job(job);
    let rect = anchor.anchor_size(at, galley.size());
    painter.galley(rect.min, galley, color);
    rect
}

/// A quiet heading of a section, with an optional remark on the right.
pub fn heading(ui: &mut Ui, tokens: &Tokens, text: &str, remark: Option<(&str, Color32)>) {
    let width = ui.available_width();
    let (rect, response) = ui.allocate_exact_size(vec2(width, 20.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    let painter = ui.painter();
    painter.text(rect.left_center(), Align2::LEFT_CENTER, text, theme::strong(10.5), tokens.faint);
    if let Some((remark, color)) = remark {
        painter.text(rect.right_center(), Align2::RIGHT_CENTER, remark, theme::strong(10.5), color);
    }
}

/// A hairline across the panel with air around it.
pub fn divider(ui: &mut Ui, tokens: &Tokens) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 13.0), Sense::hover());
    ui.painter().hline(rect.x_range(), rect.center().y, Stroke::new(1.0, tokens.line));
}

/// A name on the left, a value on the right.
pub fn value_row(ui: &mut Ui, tokens: &Tokens, name: &str, value: &str, number: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 18.5), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{name}: {value}")));
    let painter = ui.painter();
    let label = painter.text(rect.left_center(), Align2::LEFT_CENTER, name, theme::body(), tokens.dim);
    let font = if number { theme::mono() } else { theme::body() };
    let room = rect.right() - label.right() - 10.0;
    text_cut(painter, rect.right_center(), Align2::RIGHT_CENTER, value, font, tokens.text, room);
    response
}

/// A square button with an icon.
pub fn icon_button(ui: &mut Ui, tokens: &Tokens, icon: Icon, name: &str, side: f32, on: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, ui.is_enabled(), on, name));
    let fill = if on {
        tokens.accent
    } else if response.hovered() {
        tokens.hover
    } else {
        Color32::TRANSPARENT
    };
    ui.painter().rect_filled(rect, 7.0, fill);
    focus_ring(ui, tokens, &response, rect);
    let ink = if on {
        tokens.on_accent
    } else if response.hovered() {
        tokens.text
    } else {
        tokens.dim
    };
    icons::paint(ui.painter(), rect.shrink(side * 0.26), icon, ink);
    response
}

/// A pill with text.
pub fn chip(ui: &mut Ui, tokens: &Tokens, text: &str, on: bool) -> Response {
    chip_of(ui, tokens, text, on, theme::small())
}

/// A pill with a number.
pub fn chip_mono(ui: &mut Ui, tokens: &Tokens, text: &str, on: bool) -> Response {
    chip_of(ui, tokens, text, on, theme::mono_small())
}

fn chip_of(ui: &mut Ui, tokens: &Tokens, text: &str, on: bool, font: FontId) -> Response {
    let ink = if on { tokens.text } else { tokens.dim };
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font, ink);
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x + 20.0, 24.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, ui.is_enabled(), on, text));
    let (fill, edge) = if on {
        (tokens.chosen, tokens.accent)
    } else if response.hovered() {
        (tokens.hover, tokens.faint)
    } else {
        (tokens.card, tokens.line)
    };
    ui.painter().rect(rect, CornerRadius::same(12), fill, Stroke::new(1.0, edge), StrokeKind::Inside);
    focus_ring(ui, tokens, &response, rect);
    let at = pos2(rect.center().x - galley.size().x * 0.5, rect.center().y - galley.size().y * 0.5);
    ui.painter().galley(at, galley, ink);
    response
}

/// The one coloured button of a screen, as wide as its panel.
pub fn primary_button(ui: &mut Ui, tokens: &Tokens, text: &str, keys: &str, enabled: bool) -> Response {
    let sense = if enabled { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 32.0), sense);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, text));
    let fill = match (enabled, response.hovered()) {
        (false, _) => tokens.card,
        (true, true) => tokens.accent.lerp_to_gamma(tokens.text, 0.18),
        (true, false) => tokens.accent,
    };
    let ink = if enabled { tokens.on_accent } else { tokens.faint };
    ui.painter().rect_filled(rect, 8.0, fill);
    focus_ring(ui, tokens, &response, rect);
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, theme::strong(13.0), ink);
    let keys_at = icons::right_middle(rect, 12.0);
    ui.painter().text(keys_at, Align2::RIGHT_CENTER, keys, theme::mono_small(), ink);
    response
}

/// Two or more words of which one is chosen; returns the one that was clicked.
pub fn segments(ui: &mut Ui, tokens: &Tokens, words: &[&str], chosen: usize, height: f32) -> Option<usize> {
    let font = theme::body();
    let galleys: Vec<_> = words
        .iter()
        .enumerate()
        .map(|(index, word)| {
            let ink = if index == chosen { tokens.text } else { tokens.dim };
            ui.painter().layout_no_wrap((*word).to_owned(), font.clone(), ink)
        })
        .collect();
    let width: f32 = galleys.iter().map(|galley| galley.size().x + 24.0).sum::<f32>() + 4.0;
    let (rect, _) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    ui.painter().rect_filled(rect, 8.0, tokens.ground);
    let mut clicked = None;
    let mut x = rect.left() + 2.0;
    for (index, galley) in galleys.into_iter().enumerate() {
        let part = Rect::from_min_size(pos2(x, rect.top() + 2.0), vec2(galley.size().x + 24.0, height - 4.0));
        x = part.right();
        let response = ui.interact(part, ui.scope_id().with(("segment", words[index])), Sense::click());
        response.widget_info(|| WidgetInfo::selected(Role::Button, true, index == chosen, words[index]));
        if index == chosen || response.hovered() {
            ui.painter().rect_filled(part, 6.0, tokens.hover);
        }
        focus_ring(ui, tokens, &response, part);
        ui.painter().galley(part.center() - galley.size() * 0.5, galley, tokens.dim);
        if response.clicked() {
            clicked = Some(index);
        }
    }
    clicked
}

/// A thin bar that is filled from the left.
pub fn bar(painter: &Painter, rect: Rect, share: f32, fill: Color32, ground: Color32) {
    painter.rect_filled(rect, rect.height() * 0.5, ground);
    let width = rect.width() * share.clamp(0.0, 1.0);
    if width > 0.5 {
        let part = Rect::from_min_size(rect.min, vec2(width.max(rect.height()), rect.height()));
        painter.rect_filled(part, rect.height() * 0.5, fill);
    }
}

/// What is missing, and what to do, in the middle of an empty place.
pub fn empty(ui: &Ui, tokens: &Tokens, rect: Rect, what: &str, remedy: &str) {
    let painter = ui.painter_at(rect);
    let mut job = egui::text::LayoutJob::single_section(
        remedy.to_owned(),
        egui::TextFormat::simple(theme::small(), tokens.faint),
    );
    job.halign = egui::Align::Center;
    job.wrap.max_width = (rect.width() - 24.0).clamp(40.0, 320.0);
    let below = painter.layout_job(job);
    let mut job = egui::text::LayoutJob::single_section(
        what.to_owned(),
        egui::TextFormat::simple(theme::strong(14.0), tokens.dim),
    );
    job.halign = egui::Align::Center;
    job.wrap.max_width = (rect.width() - 24.0).max(40.0);
    let above = painter.layout_job(job);
    let height = above.size().y + 6.0 + below.size().y;
    let top = pos2(rect.center().x, rect.center().y - height * 0.5);
    let gap = above.size().y + 6.0;
    painter.galley(top, above, tokens.dim);
    painter.galley(top + vec2(0.0, gap), below, tokens.faint);
    let response = ui.interact(rect, ui.scope_id().with(("empty", what)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{what}. {remedy}")));
}

/// A ring around what has the keyboard.
pub fn focus_ring(ui: &Ui, tokens: &Tokens, response: &Response, rect: Rect) {
    if response.has_focus() {
        ui.painter().rect_stroke(rect.expand(1.0), 8.0, Stroke::new(1.5, tokens.accent), StrokeKind::Outside);
    }
}

/// Which corner a pill hangs from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pill {
    /// The upper left.
    Left,
    /// The upper right.
    Right,
}

/// Words on a picture, on a plate that keeps them readable whatever is behind; with a latent's glyph in front.
pub fn pill(
    painter: &Painter,
    tokens: &Tokens,
    corner: Pos2,
    side: Pill,
    words: &[(&str, FontId, Color32)],
    glyph: Option<(theme::Glyph, Color32)>,
) {
    if words.is_empty() {
        return;
    }
    let galleys: Vec<_> = words
        .iter()
        .map(|(words, font, ink)| (painter.layout_no_wrap((*words).to_owned(), font.clone(), *ink), *ink))
        .collect();
    let tall = galleys.iter().map(|(galley, _)| galley.size().y).fold(0.0, f32::max);
    let scale = (tall / 16.0).max(1.0);
    let gap = 6.0 * scale;
    let lead = if glyph.is_some() { 15.0 * scale } else { 0.0 };
    let text: f32 = galleys.iter().map(|(galley, _)| galley.size().x).sum();
    let size = vec2(text + gap * (galleys.len() - 1) as f32 + lead + 15.0 * scale, 21.0 * scale);
    let min = if side == Pill::Left { corner } else { corner - vec2(size.x, 0.0) };
    let place = Rect::from_min_size(min, size);
    painter.rect_filled(place, size.y * 0.5, tokens.veil.gamma_multiply(0.72));
    let mut x = place.left() + 8.0 * scale;
    if let Some((glyph, color)) = glyph {
        icons::glyph(painter, pos2(x + 4.0 * scale, place.center().y), 4.3 * scale, glyph, color);
        x += lead;
    }
    for (galley, ink) in galleys {
        let (width, height) = (galley.size().x, galley.size().y);
        painter.galley(pos2(x, place.center().y - height * 0.5), galley, ink);
        x += width + gap;
    }
}
