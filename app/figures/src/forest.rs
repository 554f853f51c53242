//! One measure, one row a system: mean and interval; published values are hollow and have none.

use crate::axis::{Direction, Scale, aside, drawable};
use crate::drawing::{Drawing, Rect, Size, Stroke};
use crate::heading::{Heading, empty, footnotes, inner, notes_height};
use crate::plot::{Wanted, arrow};
use crate::rows::{Row, Rows};
use crate::style::Style;
use crate::{Figure, number, text};

/// One system.
#[derive(Debug, Clone, PartialEq)]
pub struct ForestRow {
    /// For the mark.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its value; not finite when undefined.
    pub value: f64,
    /// Its interval.
    pub interval: Option<(f64, f64)>,
    /// Which series look it has.
    pub look: usize,
    /// The system this is about.
    pub emphasised: bool,
    /// Copied from a paper, not measured here.
    pub published: bool,
    /// A bound such as the truth: where it lies far beyond the others, the axis does not stretch to it.
    pub bound: bool,
}

/// The figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    /// Title and note.
    pub heading: Heading,
    /// Name of the measure.
    pub measure: String,
    /// Which values are better.
    pub better: Option<Direction>,
    /// Scale of the values.
    pub scale: Scale,
    /// Decimals of the values.
    pub decimals: usize,
    /// A value to compare with and what it is ("chance"), drawn as a dashed line.
    pub reference: Option<(f64, String)>,
    /// Systems, top to bottom.
    pub rows: Vec<ForestRow>,
}

impl Figure for Forest {
    fn height(&self, style: &Style, width: f32) -> f32 {
        2.0 * crate::heading::pad(style)
            + self.heading.height(style, width)
            + Rows::height(style, self.rows.len(), 1.75)
            + notes_height(style, width, &self.notes())
    }

    fn draw(&self, style: &Style, size: Size) -> Drawing {
        let mut drawing = Drawing::new(style, size);
        let mut room = inner(&drawing, style);
        self.heading.draw(&mut drawing, style, &mut room);
        if crate::heading::too_small(&mut drawing, style, room) {
            return drawing;
        }
        let mut notes = self.notes();
        notes.extend(Rows::missing(style, room, self.rows.len()));
        footnotes(&mut drawing, style, &mut room, &notes);
        let reference = self.reference().map(|(value, _)| *value);
        if self.rows.is_empty() {
            empty(&mut drawing, style, room, "no systems");
            return drawing;
        }
        let rows: Vec<Row> = self
            .rows
            .iter()
            .map(|row| Row {
                name: text::name(&row.name),
                value: if drawable(row.value, self.scale) {
                    (number::fixed(row.value, self.decimals), interval_words(row, self.decimals))
                } else {
                    ("—".into(), String::new())
                },
                strong: row.emphasised,
                quiet: row.published,
            })
            .collect();
        let spans: Vec<(f64, f64)> = self.rows.iter().map(|row| (row.value, row.value)).collect();
        let beyond = aside(&spans, &self.rows.iter().map(|row| row.bound).collect::<Vec<_>>());
        let wanted = Wanted {
            name: &self.measure,
            better: self.better,
            scale: self.scale,
            values: self
                .rows
                .iter()
                .zip(&beyond)
                .filter(|(_, beyond)| !**beyond)
                .flat_map(|(row, _)| {
                    std::iter::once(row.value).chain(row.interval.into_iter().flat_map(|(a, b)| [a, b]))
                })
                .chain(reference)
                .collect(),
            exactly: None,
        };
        let laid = Rows::lay(&mut drawing, style, room, &rows, "", &wanted);
        if let Some(reference) = reference {
            let x = laid.x_of(reference);
            let stroke =
                Stroke::new(style.hair * 1.4, style.faint).dashed(&[style.text * 0.3, style.text * 0.22]);
            drawing.line(vec![[x, laid.plot.y], [x, laid.plot.bottom()]], stroke);
        }
        for (index, row) in self.rows.iter().take(laid.shown).enumerate() {
            if !drawable(row.value, self.scale) {
                continue;
            }
            let (x, y) = (laid.x_of(row.value), laid.middle(index));
            let mut look = style.look(row.look);
            look.glyph.hollow |= row.published;
            if row.emphasised {
                look.color = style.accent;
            }
            if beyond[index] {
                // its value stands on the right
                let side = if laid.axis.share(row.value) > 0.5 { 1.0 } else { -1.0 };
                let at = [x - side * style.text * 1.3, y];
                arrow(&mut drawing, style, [x - side * style.text * 0.2, y], [side, 0.0], look.color);
                drawing.glyph(
                    at,
                    style.glyph().min(laid.row * 0.36) * look.glyph.scale(),
                    look.glyph,
                    look.color,
                    Some(style.ground),
                    style.line,
                );
            } else if let Some((low, high)) = finite(row.interval) {
                let (low, high) = (laid.x_of(low), laid.x_of(high));
                drawing.line(vec![[low, y], [high, y]], Stroke::new(style.line, look.color));
                let cap = style.glyph() * 0.55;
                for x in [low, high] {
                    drawing.line(vec![[x, y - cap], [x, y + cap]], Stroke::new(style.line * 0.8, look.color));
                }
            }
            let radius = style.glyph() * look.glyph.scale() * if row.emphasised { 1.15 } else { 1.0 };
            let radius = radius.min(laid.row * 0.36);
            if !beyond[index] {
                drawing.glyph([x, y], radius, look.glyph, look.color, Some(style.ground), style.line);
            }
            let what = format!(
                "{}: {} {} {}",
                text::name(&row.name),
                self.measure,
                number::fixed(row.value, self.decimals),
                interval_words(row, self.decimals)
            );
            let strip = Rect::new(laid.plot.x, y - laid.row / 2.0, laid.plot.w, laid.row);
            drawing.mark_rect(row.id, &what, strip);
        }
        drawing
    }
}

impl Forest {
    fn reference(&self) -> Option<&(f64, String)> {
        self.reference.as_ref().filter(|(value, _)| drawable(*value, self.scale))
    }

    fn notes(&self) -> Vec<String> {
        let undefined = self.rows.iter().filter(|row| !drawable(row.value, self.scale)).count();
        let mut notes: Vec<String> = crate::heading::undefined(undefined, "value").into_iter().collect();
        if self.rows.iter().any(|row| row.published) {
            notes.push("hollow: as published".into());
        }
        notes.extend(self.reference().map(|(_, what)| format!("dashed: {}", text::name(what))));
        notes
    }
}

fn finite(interval: Option<(f64, f64)>) -> Option<(f64, f64)> {
    interval.filter(|(low, high)| low.is_finite() && high.is_finite())
}

fn interval_words(row: &ForestRow, decimals: usize) -> String {
    finite(row.interval).map_or(String::new(), |interval| number::interval(interval, decimals))
}
