//! What stands around a plot: title and note above, legend below them, footnotes at the bottom.

use crate::drawing::{Align, Drawing, Point, Rect, Stroke};
use crate::style::{Look, Style};
use crate::text;

/// Title and note above a figure; either may be empty. In a paper the caption says it, so both are usually empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Heading {
    /// Upper left: "FRCorr by clip".
    pub title: String,
    /// Upper right, quieter: "Latent intent − REGNN".
    pub note: String,
}

impl Heading {
    /// A title alone.
    pub fn new(title: &str) -> Self {
        Self { title: title.into(), note: String::new() }
    }

    /// With a note.
    #[must_use]
    pub fn note(mut self, note: &str) -> Self {
        self.note = note.into();
        self
    }

    /// Draws it and takes its height from `room`.
    pub(crate) fn draw(&self, drawing: &mut Drawing, style: &Style, room: &mut Rect) {
        let (title, note) = (text::clean(&self.title), text::clean(&self.note));
        if title.is_empty() && note.is_empty() {
            return;
        }
        let gap = style.text;
        let (title_width, note_width) =
            (text::width(&title, style.heading()), text::width(&note, style.notes()));
        let one_line = title.is_empty() || note.is_empty() || title_width + gap + note_width <= room.w;
        if !title.is_empty() {
            let title = text::fit(&title, style.heading(), room.w);
            let at = [room.x, room.y + style.title * 0.8];
            drawing.text(at, &title, style.heading(), style.ink, Align::Start);
        }
        if one_line {
            let at = [room.right(), room.y + style.title * 0.8];
            drawing.text(
                at,
                &text::fit(&note, style.notes(), room.w),
                style.notes(),
                style.quiet,
                Align::End,
            );
        }
        take_top(room, style.title * 1.25);
        if !one_line {
            let at = [room.x, room.y + style.small * 0.85];
            let note = text::fit(&note, style.notes(), room.w);
            drawing.text(at, &note, style.notes(), style.quiet, Align::Start);
            take_top(room, style.small * 1.35);
        }
        take_top(room, style.text * 0.35);
    }

    /// The height that [`Heading::draw`] takes at a width.
    pub(crate) fn height(&self, style: &Style, width: f32) -> f32 {
        let mut room = Rect::new(0.0, 0.0, (width - 2.0 * pad(style)).max(1.0), 1e4);
        let mut nowhere = Drawing::new(style, crate::Size::new(width, 100.0));
        self.draw(&mut nowhere, style, &mut room);
        room.y
    }
}

/// Air around a figure: little on paper, where the page has margins.
pub(crate) fn pad(style: &Style) -> f32 {
    if style.text < 9.0 { 3.0 } else { style.text }
}

/// The canvas without its air.
pub(crate) fn inner(drawing: &Drawing, style: &Style) -> Rect {
    let pad = pad(style);
    Rect::new(pad, pad, drawing.size.width - 2.0 * pad, drawing.size.height - 2.0 * pad)
}

/// Takes a strip off the top.
pub(crate) fn take_top(room: &mut Rect, height: f32) {
    let height = height.min(room.h - 1.0).max(0.0);
    room.y += height;
    room.h -= height;
}

/// Draws notes at the bottom, one a line, and takes their height from `room`.
pub(crate) fn footnotes(drawing: &mut Drawing, style: &Style, room: &mut Rect, notes: &[String]) {
    let line = style.small * 1.3;
    for (index, note) in notes.iter().rev().enumerate() {
        let at = [room.x, room.bottom() - line * index as f32 - style.small * 0.25];
        let note = text::fit(note, style.notes(), room.w);
        drawing.text(at, &note, style.notes(), style.faint, Align::Start);
    }
    if !notes.is_empty() {
        room.h = (room.h - line * notes.len() as f32 - style.small * 0.4).max(1.0);
    }
}

/// "3 values undefined", where some are.
pub(crate) fn undefined(count: usize, what: &str) -> Option<String> {
    (count > 0).then(|| format!("{} undefined", crate::number::counted(count, what)))
}

/// Says in the middle of `room` why nothing is drawn.
pub(crate) fn empty(drawing: &mut Drawing, style: &Style, room: Rect, why: &str) {
    let at = [room.x + room.w / 2.0, room.y + room.h / 2.0 + style.text * text::CAPITAL / 2.0];
    let why = text::fit(why, style.words(), room.w);
    drawing.text(at, &why, style.words(), style.faint, Align::Middle);
}

/// What stands before the words of a legend entry.
pub(crate) enum Key {
    /// A line with its glyph.
    Line(Look),
    /// A filled square.
    Square(crate::Color),
    /// Nothing.
    Bare,
}

/// Draws entries in rows, as many as fit the width, and takes their height from `room`. With `dry` only measures.
pub(crate) fn legend(
    drawing: &mut Drawing,
    style: &Style,
    room: &mut Rect,
    entries: &[(Key, String)],
    dry: bool,
) {
    if entries.is_empty() {
        return;
    }
    let (face, line) = (style.notes(), style.small * 1.5);
    let (mut x, mut y) = (room.x, room.y);
    for (key, words) in entries {
        let key_width = match key {
            Key::Line(_) => style.text * 2.6,
            Key::Square(_) => style.small * 1.2,
            Key::Bare => 0.0,
        };
        let words = text::fit(words, face, (room.w - key_width).max(0.0));
        let width = key_width + text::width(&words, face);
        if x > room.x && x + width > room.right() {
            (x, y) = (room.x, y + line);
        }
        if !dry {
            let middle: Point = [x, y + line * 0.5];
            match key {
                Key::Line(look) => {
                    let from = [x, middle[1]];
                    let to = [x + style.text * 2.1, middle[1]];
                    let stroke = Stroke::new(style.line, look.color).dashed(&scaled(look.dash, style));
                    drawing.line(vec![from, to], stroke);
                }
                Key::Square(color) => {
                    let side = style.small * 0.72;
                    drawing.fill(Rect::new(x, middle[1] - side / 2.0, side, side), side * 0.2, *color);
                }
                Key::Bare => {}
            }
            let at = [x + key_width, middle[1] + style.small * text::CAPITAL / 2.0];
            drawing.text(at, &words, face, style.quiet, Align::Start);
        }
        x += width + style.text * 1.4;
    }
    let height = y + line + style.text * 0.3 - room.y;
    take_top(room, height);
}

/// A look's dashes at the size of the style: the theme gives them for the window.
pub(crate) fn scaled(dash: &[f32], style: &Style) -> Vec<f32> {
    dash.iter().map(|length| length * (style.text / 12.0).max(0.5)).collect()
}
