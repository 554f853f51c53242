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

/// Notes as lines of at most `width`: together where they fit, apart where not.
fn packed(style: &Style, width: f32, notes: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for note in notes {
        match lines.last_mut() {
            Some(line) if text::width(&format!("{line} · {note}"), style.notes()) <= width => {
                line.push_str(" · ");
                line.push_str(note);
            }
            _ => lines.push(note.clone()),
        }
    }
    lines
}

/// Draws notes at the bottom and takes their height from `room`.
pub(crate) fn footnotes(drawing: &mut Drawing, style: &Style, room: &mut Rect, notes: &[String]) {
    let line = style.small * 1.3;
    for (index, note) in packed(style, room.w, notes).iter().rev().enumerate() {
        let at = [room.x, room.bottom() - line * index as f32 - style.small * 0.25];
        let note = text::fit(note, style.notes(), room.w);
        drawing.text(at, &note, style.notes(), style.faint, Align::Start);
    }
    room.h = (room.h - notes_height(style, room.w + 2.0 * pad(style), notes)).max(1.0);
}

/// The height that [`footnotes`] takes in a figure of a width.
pub(crate) fn notes_height(style: &Style, width: f32, notes: &[String]) -> f32 {
    match packed(style, width - 2.0 * pad(style), notes).len() {
        0 => 0.0,
        lines => style.small * (1.3 * lines as f32 + 0.4),
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

/// Says so where there is no room for a figure.
pub(crate) fn too_small(drawing: &mut Drawing, style: &Style, room: Rect) -> bool {
    let small = room.w < style.text * 9.0 || room.h < style.text * 3.4;
    if small {
        empty(drawing, style, room, "too small");
    }
    small
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

/// Draws entries in rows, as many as fit the width, and takes their height from `room`: at most 45 % of it, and then
/// says how many are missing.
pub(crate) fn legend(drawing: &mut Drawing, style: &Style, room: &mut Rect, entries: &[(Key, String)]) {
    let (face, line) = (style.notes(), style.small * 1.5);
    let (rows, shown) = legend_rows(style, *room, entries);
    for (entry, (x, row, words)) in entries.iter().zip(&rows) {
        let middle: Point = [*x, room.y + line * (*row as f32 + 0.5)];
        let baseline = middle[1] + style.small * text::CAPITAL / 2.0;
        match &entry.0 {
            Key::Line(look) => {
                let to = [x + style.text * 2.1, middle[1]];
                let stroke = Stroke::new(style.line, look.color).dashed(&scaled(look.dash, style));
                drawing.line(vec![middle, to], stroke);
            }
            Key::Square(color) => {
                let side = style.small * 0.72;
                drawing.fill(Rect::new(*x, middle[1] - side / 2.0, side, side), side * 0.2, *color);
            }
            Key::Bare => {}
        }
        drawing.text([x + entry.0.width(style), baseline], words, face, style.quiet, Align::Start);
    }
    let mut lines = rows.last().map_or(0, |(_, row, _)| row + 1);
    if shown < entries.len() {
        let missing = format!("and {} more", crate::number::count(entries.len() - shown));
        let baseline = room.y + line * (lines as f32 + 0.5) + style.small * text::CAPITAL / 2.0;
        drawing.text([room.x, baseline], &missing, face, style.faint, Align::Start);
        lines += 1;
    }
    if lines > 0 {
        take_top(room, line * lines as f32 + style.text * 0.3);
    }
}

/// The height of a legend that has all the room it wants in a figure of a width.
pub(crate) fn legend_height(style: &Style, width: f32, entries: &[(Key, String)]) -> f32 {
    let room = Rect::new(0.0, 0.0, width - 2.0 * pad(style), f32::MAX);
    let rows = legend_rows(style, room, entries).0;
    rows.last().map_or(0.0, |(_, row, _)| style.small * 1.5 * (row + 1) as f32 + style.text * 0.3)
}

impl Key {
    fn width(&self, style: &Style) -> f32 {
        match self {
            Self::Line(_) => style.text * 2.6,
            Self::Square(_) => style.small * 1.2,
            Self::Bare => 0.0,
        }
    }
}

/// Left edge, row and fitted words of the entries that are shown, and how many those are.
fn legend_rows(style: &Style, room: Rect, entries: &[(Key, String)]) -> (Vec<(f32, usize, String)>, usize) {
    let (face, line) = (style.notes(), style.small * 1.5);
    let most = ((room.h * 0.45 / line) as usize).max(1);
    let (mut x, mut row, mut rows) = (room.x, 0, Vec::new());
    for (key, words) in entries {
        let words = text::fit_name(words, face, (room.w - key.width(style)).max(0.0));
        let width = key.width(style) + text::width(&words, face);
        if x > room.x && x + width > room.right() {
            (x, row) = (room.x, row + 1);
        }
        if row >= most {
            break;
        }
        rows.push((x, row, words));
        x += width + style.text * 1.4;
    }
    let shown = rows.len();
    (rows, shown)
}

/// A look's dashes at the size of the style: the theme gives them for the window.
pub(crate) fn scaled(dash: &[f32], style: &Style) -> Vec<f32> {
    dash.iter().map(|length| length * (style.text / 12.0).max(0.5)).collect()
}
