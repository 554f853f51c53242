//! What each latent does to each channel: a heat map, one column a latent in its colour, one row a channel.
//!
//! Strength is the mix of the latent's colour with the ground; negative values are grey, so that the sign survives
//! colour blindness; a plus or minus stands where the interval excludes 0, so that it survives a grey print.

use crate::drawing::{Align, Color, Drawing, Rect, Size, Stroke};
use crate::heading::{Heading, empty, footnotes, inner, notes_height, undefined};
use crate::style::Style;
use crate::{Figure, number, text};

/// One latent.
#[derive(Debug, Clone, PartialEq)]
pub struct SignatureColumn {
    /// For the marks: the id of a cell is `id * rows + row`.
    pub id: u64,
    /// Which latent, counted from 0: its colour and glyph.
    pub latent: usize,
    /// What it is called: "z3".
    pub name: String,
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignatureCell {
    /// Not finite when undefined.
    pub value: f64,
    /// Its interval.
    pub interval: Option<(f64, f64)>,
}

/// The figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Signatures {
    /// Title and note.
    pub heading: Heading,
    /// Channels, top to bottom.
    pub rows: Vec<String>,
    /// Latents, left to right.
    pub columns: Vec<SignatureColumn>,
    /// Row by row, `rows x columns`; missing cells are undefined.
    pub cells: Vec<SignatureCell>,
    /// What the values are: "standard deviations from the mean".
    pub unit: String,
    /// The value of full strength; the largest when absent.
    pub most: Option<f64>,
}

impl Signatures {
    fn cell(&self, row: usize, column: usize) -> SignatureCell {
        let missing = SignatureCell { value: f64::NAN, interval: None };
        self.cells.get(row * self.columns.len() + column).copied().unwrap_or(missing)
    }

    fn strongest(&self) -> f64 {
        let given = self.most.filter(|most| most.is_finite() && *most > 0.0);
        given.unwrap_or_else(|| {
            let values = self.cells.iter().map(|cell| cell.value.abs());
            let most = values.filter(|value| value.is_finite() && *value < 1e100).fold(0.0, f64::max);
            if most > 0.0 { most } else { 1.0 }
        })
    }
}

/// Colour of a value: towards the latent's colour above 0, towards grey below.
fn shade(style: &Style, color: Color, strength: f64) -> Color {
    let toward = if strength >= 0.0 { color } else { style.faint };
    // The square root lifts weak values off the ground, where eyes are least exact.
    style.card.mix(toward, strength.abs().min(1.0).powf(0.8) as f32)
}

impl Figure for Signatures {
    fn height(&self, style: &Style, width: f32) -> f32 {
        2.0 * crate::heading::pad(style)
            + self.heading.height(style, width)
            + style.text * 1.6
            + self.rows.len().max(2) as f32 * style.text * 1.3
            + style.small * 2.4
            + notes_height(style, width, &self.notes())
    }

    fn draw(&self, style: &Style, size: Size) -> Drawing {
        let mut drawing = Drawing::new(style, size);
        let mut room = inner(&drawing, style);
        self.heading.draw(&mut drawing, style, &mut room);
        if crate::heading::too_small(&mut drawing, style, room) {
            return drawing;
        }
        footnotes(&mut drawing, style, &mut room, &self.notes());
        if self.rows.is_empty() || self.columns.is_empty() {
            empty(&mut drawing, style, room, "no latents");
            return drawing;
        }
        let (rows, columns) = (self.rows.len(), self.columns.len());
        let most = self.strongest();
        let (above, below) = (style.text * 1.6, style.small * 2.0);
        let row = ((room.h - above - below) / rows as f32).max(0.5);
        let face = crate::drawing::Face { size: style.small.min(row * 0.95), ..style.notes() };
        let names: Vec<String> = self.rows.iter().map(|name| text::name(name)).collect();
        let gutter = names.iter().map(|name| text::width(name, face)).fold(0.0, f32::max).min(room.w * 0.3);
        let left = room.x + gutter + style.text * 0.6;
        let wide = ((room.right() - left) / columns as f32).max(0.5);
        let top = room.y + above;
        for (at, column) in self.columns.iter().enumerate() {
            let look = style.look(column.latent);
            let middle = left + wide * (at as f32 + 0.5);
            let name = text::name(&column.name);
            let radius = (style.glyph() * 0.8).min(wide * 0.4);
            let name_width = text::width(&name, style.notes());
            let baseline = room.y + style.small * 0.95;
            let height = baseline - style.small * text::CAPITAL / 2.0;
            let (together, apart) = (radius * 2.9 + name_width, style.small * 0.6);
            let glyph_at = |drawing: &mut Drawing, x: f32| {
                let line = style.line * 0.8;
                drawing.glyph([x, height], radius, look.glyph, look.color, Some(style.ground), line);
            };
            if together + apart <= wide {
                let from = middle - together / 2.0;
                glyph_at(&mut drawing, from + radius);
                let at = [from + radius * 2.9, baseline];
                drawing.text(at, &name, style.notes(), style.quiet, Align::Start);
            } else if name_width + apart * 0.5 <= wide {
                // No room for both: the name in the latent's colour.
                drawing.text([middle, baseline], &name, style.notes(), look.color, Align::Middle);
            } else {
                glyph_at(&mut drawing, middle);
            }
        }
        let gap = (wide.min(row) * 0.12).min(2.0);
        for (y, name) in names.iter().enumerate() {
            let middle = top + row * (y as f32 + 0.5);
            // Where rows are lower than readable type, every n-th has a name.
            let every = (4.5 / row).ceil().max(1.0) as usize;
            if y % every == 0 {
                let face = crate::drawing::Face { size: face.size.max(4.5), ..face };
                let name = text::fit(name, face, gutter + 0.01);
                let at = [room.x, middle + face.size * text::CAPITAL / 2.0];
                drawing.text(at, &name, face, style.quiet, Align::Start);
            }
            for (x, column) in self.columns.iter().enumerate() {
                let cell = self.cell(y, x);
                let rect = Rect::new(
                    left + wide * x as f32 + gap / 2.0,
                    top + row * y as f32 + gap / 2.0,
                    wide - gap,
                    row - gap,
                );
                let round = (rect.h * 0.2).min(2.5);
                let what = format!("{}, {}: ", text::name(&column.name), name);
                let id = column.id.wrapping_mul(rows as u64).wrapping_add(y as u64);
                if !cell.value.is_finite() {
                    let edge = Stroke::new(style.hair, style.grid);
                    drawing.line(vec![[rect.x, rect.bottom()], [rect.right(), rect.y]], edge.clone());
                    drawing.frame(rect, round, None, edge);
                    drawing.mark_rect(id, &format!("{what}undefined"), rect);
                    continue;
                }
                let fill = shade(style, style.look(column.latent).color, cell.value / most);
                drawing.fill(rect, round, fill);
                let mut what = format!("{what}{}", number::signed(cell.value, number::decimals_for([most])));
                if let Some((low, high)) = cell.interval {
                    what = format!("{what} {}", number::interval((low, high), number::decimals_for([most])));
                    if (low > 0.0 || high < 0.0) && row >= 4.0 && wide >= 4.0 {
                        let ink = if fill.contrast(style.ink) >= fill.contrast(style.ground) {
                            style.ink
                        } else {
                            style.ground
                        };
                        sign(&mut drawing, rect, low > 0.0, style, ink);
                    }
                }
                drawing.mark_rect(id, &what, rect);
            }
        }
        self.legend(
            &mut drawing,
            style,
            Rect::new(left, top + row * rows as f32, room.right() - left, below),
            most,
        );
        drawing
    }
}

fn sign(drawing: &mut Drawing, cell: Rect, plus: bool, style: &Style, ink: Color) {
    let (x, y) = (cell.x + cell.w / 2.0, cell.y + cell.h / 2.0);
    let half = (cell.w.min(cell.h) * 0.2).min(style.text * 0.22);
    let stroke = Stroke::new(style.line * 0.75, ink);
    drawing.line(vec![[x - half, y], [x + half, y]], stroke.clone());
    if plus {
        drawing.line(vec![[x, y - half], [x, y + half]], stroke);
    }
}

impl Signatures {
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let unit = text::clean(&self.unit);
        if !unit.is_empty() {
            notes.push(unit);
        }
        let excludes =
            |cell: &SignatureCell| cell.interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0);
        if self.cells.iter().any(|cell| cell.value.is_finite() && excludes(cell)) {
            notes.push("+ − interval excludes 0".into());
        }
        notes.extend(undefined(self.hidden(), "value"));
        notes
    }

    fn hidden(&self) -> usize {
        let cells = self.rows.len().saturating_mul(self.columns.len());
        cells - self.cells.iter().take(cells).filter(|cell| cell.value.is_finite()).count()
    }

    /// The scale below the map: grey below 0, colour above, and what the signs mean.
    fn legend(&self, drawing: &mut Drawing, style: &Style, room: Rect, most: f64) {
        let signed = self.cells.iter().any(|cell| cell.value < 0.0);
        let decimals = number::decimals_for([most]).min(2);
        let (low, high) = (
            if signed { number::signed(-most, decimals) } else { "0".into() },
            number::signed(most, decimals),
        );
        let numbers = style.numbers();
        let baseline = room.y + style.small * 1.5;
        let steps = 9;
        let side = style.small * 0.9;
        let mut x = room.x;
        drawing.text([x, baseline], &low, numbers, style.faint, Align::Start);
        x += text::width(&low, numbers) + style.small * 0.5;
        for step in 0..steps {
            let share = step as f64 / f64::from(steps - 1);
            let value = if signed { share * 2.0 - 1.0 } else { share };
            let rect = Rect::new(x, baseline - style.small * 0.75, side, side * 0.9);
            if rect.right() < room.right() {
                drawing.fill(rect, 0.0, shade(style, style.accent, value));
            }
            x += side;
        }
        x += style.small * 0.5;
        drawing.text([x, baseline], &high, numbers, style.faint, Align::Start);
    }
}
