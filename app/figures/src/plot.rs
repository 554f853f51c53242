//! A plot with two axes: measures what the ticks need, draws grid, ticks and names, and places data.

use crate::axis::{Axis, Direction, Scale, drawable};
use crate::drawing::{Align, Drawing, Point, Rect, Stroke};
use crate::style::Style;
use crate::text;

/// What an axis is asked for.
pub(crate) struct Wanted<'a> {
    pub name: &'a str,
    pub better: Option<Direction>,
    pub scale: Scale,
    pub values: Vec<f64>,
    /// Exactly this range instead of the one around the values.
    pub exactly: Option<(f64, f64)>,
}

impl Wanted<'_> {
    pub(crate) fn axis(&self, count: usize) -> Axis {
        match (self.exactly, self.scale) {
            (Some((low, high)), Scale::Linear) => Axis::linear(low, high, count),
            (Some((low, high)), Scale::Log) => Axis::log(low, high, count),
            (None, scale) => Axis::around(self.values.iter().copied(), scale, count),
        }
    }
}

/// A plot that was laid out.
pub(crate) struct Plot {
    pub inner: Rect,
    pub x: Axis,
    pub y: Axis,
}

impl Plot {
    /// Draws axes and grid into `room`; `None`, and says so, where there is no room. The arrow of an axis points to where better is: up or down, right or left.
    pub(crate) fn lay(
        drawing: &mut Drawing,
        style: &Style,
        room: Rect,
        x: &Wanted,
        y: &Wanted,
    ) -> Option<Self> {
        let (small, numbers) = (style.small, style.numbers());
        let name_of = |wanted: &Wanted, higher: &str, lower: &str| {
            let name = text::clean(wanted.name);
            match wanted.better {
                Some(Direction::Higher) => format!("{name} {higher}"),
                Some(Direction::Lower) => format!("{name} {lower}"),
                None => name,
            }
        };
        let (x_name, y_name) = (name_of(x, "→", "←"), name_of(y, "↑", "↓"));
        let mut inner = room;
        if !y_name.is_empty() {
            inner.y += small * 2.0;
            inner.h -= small * 2.0;
        }
        inner.h -= small * 1.5 + if x_name.is_empty() { 0.0 } else { small * 1.4 };
        inner.h = inner.h.max(4.0);
        // two lines say where something is, three how far apart things are
        let least = (inner.h / (small * 3.0)) as usize;
        let mut y_axis = y.axis(least);
        for more in least.max(2) + 1..=12 {
            if y_axis.ticks.len() >= 3 {
                break;
            }
            y_axis = y.axis(more);
        }
        let gutter = y_axis.ticks.iter().map(|tick| text::width(&tick.label, numbers)).fold(0.0, f32::max)
            + small * 0.6;
        let gutter = gutter.min(room.w * 0.4);
        inner.x += gutter;
        inner.w = (inner.w - gutter - small * 0.8).max(4.0);
        let x_axis = x.axis((inner.w / (small * 4.5)) as usize);
        if inner.w < small * 3.0 || inner.h < small * 2.0 || inner.bottom() > room.bottom() {
            crate::heading::empty(drawing, style, room, "too small");
            return None;
        }
        let plot = Self { inner, x: x_axis, y: y_axis };
        let grid = Stroke::new(style.hair, style.grid);
        let mut free_below = f32::MAX;
        for tick in &plot.y.ticks {
            let y = plot.y_of(tick.value);
            drawing.line(vec![[inner.x, y], [inner.right(), y]], grid.clone());
            let at = [inner.x - small * 0.6, y + numbers.size * text::CAPITAL / 2.0];
            if y + numbers.size * 0.5 <= free_below {
                let label = text::fit(&tick.label, numbers, gutter);
                drawing.text(at, &label, numbers, style.faint, Align::End);
                free_below = y - numbers.size * 0.6;
            }
        }
        let grid_of_x = plot.x.ticks.iter().map(|tick| plot.x_of(tick.value));
        for x in grid_of_x {
            drawing.line(vec![[x, inner.y], [x, inner.bottom()]], grid.clone());
        }
        x_ticks(drawing, style, &plot.x, inner);
        if !y_name.is_empty() {
            let name = text::fit(&y_name, style.notes(), room.w);
            drawing.text([room.x, room.y + small * 0.9], &name, style.notes(), style.quiet, Align::Start);
        }
        if !x_name.is_empty() {
            let name = text::fit(&x_name, style.notes(), room.w);
            let at = [inner.x + inner.w / 2.0, inner.bottom() + small * 2.75];
            drawing.text(at, &name, style.notes(), style.quiet, Align::Middle);
        }
        Some(plot)
    }

    pub(crate) fn x_of(&self, value: f64) -> f32 {
        self.x.place(value, self.inner.x, self.inner.right())
    }

    pub(crate) fn y_of(&self, value: f64) -> f32 {
        self.y.place(value, self.inner.bottom(), self.inner.y)
    }

    pub(crate) fn at(&self, x: f64, y: f64) -> Point {
        [self.x_of(x), self.y_of(y)]
    }

    pub(crate) fn shows(&self, x: f64, y: f64) -> bool {
        drawable(x, self.x.scale) && drawable(y, self.y.scale)
    }
}

/// A small arrow at an edge: what it points to lies beyond. `toward` is one of the four directions.
pub(crate) fn arrow(
    drawing: &mut Drawing,
    style: &Style,
    at: Point,
    toward: [f32; 2],
    color: crate::drawing::Color,
) {
    let (long, half) = (style.text * 0.62, style.text * 0.3);
    let [dx, dy] = toward;
    let tip = [at[0] + dx * long * 0.5, at[1] + dy * long * 0.5];
    let foot = [at[0] - dx * long * 0.5, at[1] - dy * long * 0.5];
    let side = [-dy * half, dx * half];
    let corners = vec![tip, [foot[0] + side[0], foot[1] + side[1]], [foot[0] - side[0], foot[1] - side[1]]];
    drawing.area(corners, color);
}

/// Tick labels below `inner`; one that would touch the last is left out.
pub(crate) fn x_ticks(drawing: &mut Drawing, style: &Style, axis: &Axis, inner: Rect) {
    let numbers = style.numbers();
    let mut free_from = f32::MIN;
    for tick in &axis.ticks {
        let x = axis.place(tick.value, inner.x, inner.right());
        let half = text::width(&tick.label, numbers) / 2.0;
        // Near the edge of the canvas a label is moved inside; what it covers moves with it.
        let middle = x.clamp(half + 1.0, (drawing.size.width - half - 1.0).max(half + 1.0));
        if middle - half >= free_from {
            let at = [middle, inner.bottom() + style.small * 1.3];
            drawing.text(at, &tick.label, numbers, style.faint, Align::Middle);
            free_from = middle + half + style.small * 0.5;
        }
    }
}
