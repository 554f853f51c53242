//! Figures with one row a system: names on the left, a plot between, values on the right.

use crate::axis::Axis;
use crate::drawing::{Align, Drawing, Face, Rect, Stroke};
use crate::plot::{Wanted, x_ticks};
use crate::style::Style;
use crate::text;

/// One row's words.
pub(crate) struct Row {
    pub name: String,
    /// Value on the right, and its uncertainty, which is quieter.
    pub value: (String, String),
    pub strong: bool,
    pub quiet: bool,
}

/// Rows that were laid out.
pub(crate) struct Rows {
    pub plot: Rect,
    pub axis: Axis,
    pub row: f32,
    pub shown: usize,
}

/// Least height of a row that can still be read.
const LEAST_ROW: f32 = 6.0;

impl Rows {
    /// How many rows fit.
    pub(crate) fn fit(style: &Style, room: Rect, count: usize) -> usize {
        (((room.h - below(style, true)) / LEAST_ROW).max(0.0) as usize).min(count)
    }

    /// Height of rows that have room.
    pub(crate) fn height(style: &Style, count: usize, row: f32) -> f32 {
        style.small * 1.7 + below(style, true) + count.max(1) as f32 * style.text * row
    }

    /// Draws names, values, grid and ticks of the first rows that fit.
    pub(crate) fn lay(
        drawing: &mut Drawing,
        style: &Style,
        room: Rect,
        rows: &[Row],
        heading: &str,
        wanted: &Wanted,
    ) -> Self {
        let mut room = room;
        let shown = Self::fit(style, room, rows.len());
        let rows = &rows[..shown];
        let name = crate::axis::measure(&text::clean(wanted.name), wanted.better);
        let headed = room.h - below(style, true) - style.small * 1.7 >= LEAST_ROW * shown as f32;
        if headed {
            room.y += style.small * 1.7;
            room.h -= style.small * 1.7;
        }
        let height = (room.h - below(style, false)).max(1.0);
        let row = (height / shown.max(1) as f32).min(style.text * 4.0);
        let size = |face: Face| Face { size: face.size.min(row * 0.92), ..face };
        let (words, numbers) = (size(style.words()), size(style.numbers()));
        let strong = Face { bold: true, ..words };
        let widest = |of: &dyn Fn(&Row) -> f32| rows.iter().map(of).fold(0.0, f32::max);
        let name_width = widest(&|row| text::width(&row.name, if row.strong { strong } else { words }));
        let name_width = name_width.min(room.w * 0.42);
        let gap = style.text * 0.8;
        let mut value_width = widest(&|row| text::width(&row.value.0, numbers));
        let mut spread_width = widest(&|row| text::width(&row.value.1, numbers));
        let space = if spread_width > 0.0 { text::width("0", numbers) * 0.8 } else { 0.0 };
        if name_width + value_width + space + spread_width > room.w * 0.66 {
            spread_width = 0.0; // the whisker shows it; the table says it
        }
        if name_width + value_width > room.w * 0.66 {
            value_width = 0.0;
        }
        let values = value_width + if spread_width > 0.0 { space + spread_width } else { 0.0 };
        let left = room.x + if name_width > 0.0 { name_width + gap } else { 0.0 };
        let right = room.right() - if values > 0.0 { values + gap } else { style.small };
        let plot = Rect::new(left, room.y, (right - left).max(4.0), row * shown.max(1) as f32);
        let axis = wanted.axis((plot.w / (style.small * 4.0)) as usize);
        let grid = Stroke::new(style.hair, style.grid);
        for tick in &axis.ticks {
            let x = axis.place(tick.value, plot.x, plot.right());
            drawing.line(vec![[x, plot.y], [x, plot.bottom()]], grid.clone());
        }
        x_ticks(drawing, style, &axis, plot);
        if headed {
            let baseline = room.y - style.small * 0.7;
            let name = text::fit(&name, style.notes(), (right - left).max(0.0));
            drawing.text([left, baseline], &name, style.notes(), style.quiet, Align::Start);
            if values > 0.0 {
                let at = [room.x + room.w - values + value_width, baseline];
                let fits = text::width(heading, style.notes()) <= value_width + gap;
                let (at, align) =
                    if fits { (at, Align::End) } else { ([room.right(), baseline], Align::End) };
                drawing.text(at, heading, style.notes(), style.faint, align);
            }
        }
        for (index, one) in rows.iter().enumerate() {
            let middle = room.y + row * (index as f32 + 0.5);
            let baseline = middle + words.size * text::CAPITAL / 2.0;
            let face = if one.strong { strong } else { words };
            let ink = if one.quiet { style.quiet } else { style.ink };
            let name = text::fit_name(&one.name, face, name_width + 0.01);
            drawing.text([room.x, baseline], &name, face, ink, Align::Start);
            let baseline = middle + numbers.size * text::CAPITAL / 2.0;
            if value_width > 0.0 {
                let at = [room.right() - values + value_width, baseline];
                let face = Face { bold: one.strong, ..numbers };
                drawing.text(at, &one.value.0, face, ink, Align::End);
            }
            if spread_width > 0.0 {
                drawing.text([room.right(), baseline], &one.value.1, numbers, style.faint, Align::End);
            }
        }
        Self { plot, axis, row, shown }
    }

    pub(crate) fn x_of(&self, value: f64) -> f32 {
        self.axis.place(value, self.plot.x, self.plot.right())
    }

    pub(crate) fn middle(&self, index: usize) -> f32 {
        self.plot.y + self.row * (index as f32 + 0.5)
    }

    /// "12 systems not shown: make the figure taller", where some are not.
    pub(crate) fn missing(style: &Style, room: Rect, count: usize) -> Option<String> {
        let missing = count - Self::fit(style, room, count);
        (missing > 0).then(|| {
            format!("{} not shown: the figure is too low", crate::number::counted(missing, "system"))
        })
    }
}

fn below(style: &Style, noted: bool) -> f32 {
    style.small * if noted { 1.8 } else { 1.6 }
}
