//! Quantities over a run: the raw values faint behind their smoothed line, other runs quieter and dashed, marks where
//! something begins; and shares of a whole as stacked columns.
//!
//! Unlike [`crate::Curve`] it is drawn for a screen that is looked at while it grows: the range may be given, axes can be
//! asked for without drawing, and no more is drawn than there are points of width.

use crate::axis::{Axis, Scale, drawable};
use crate::drawing::{Align, Color, Drawing, Point, Rect, Size, Stroke};
use crate::style::Style;
use crate::{Figure, text};

/// Most columns of stacked shares.
const MOST_COLUMNS: usize = 72;

/// One or more neighbouring values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrendPoint {
    /// Where.
    pub x: f64,
    /// The smoothed value.
    pub smooth: f64,
    /// The lowest raw value.
    pub low: f64,
    /// The highest raw value.
    pub high: f64,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct TrendLine {
    /// Its name; lines of another run may have none.
    pub name: String,
    /// Which series look it has; `None` is the accent.
    pub look: Option<usize>,
    /// Of another run: thinner, dashed, without its raw values.
    pub other: bool,
    /// By ascending `x`.
    pub points: Vec<TrendPoint>,
}

/// The figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// What it shows.
    pub title: String,
    /// A remark beside the title.
    pub note: String,
    /// The range of the horizontal axis; `None` takes what the lines have.
    pub range: Option<(f64, f64)>,
    /// Scale of the vertical axis.
    pub scale: Scale,
    /// The raw values behind the smoothed ones.
    pub raw: bool,
    /// Lines; the first lie on top.
    pub lines: Vec<TrendLine>,
    /// Places where something begins, with words.
    pub marks: Vec<(f64, String)>,
    /// Shares of a whole instead of lines: places, and one value a part for each.
    pub shares: Vec<(f64, Vec<f64>)>,
}

/// Where things lie in the figure.
#[derive(Debug, Clone, PartialEq)]
pub struct TrendPlot {
    /// The inside of the axes.
    pub inner: Rect,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
}

impl Trend {
    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.points.is_empty()) && self.shares.is_empty()
    }

    fn color(line: &TrendLine, style: &Style) -> Color {
        let color = line.look.map_or(style.accent, |look| style.look(look).color);
        if line.other { color.mix(style.ground, 0.35) } else { color }
    }

    /// The axes at a size.
    pub fn plot(&self, style: &Style, size: Size) -> TrendPlot {
        let small = style.small;
        let top = style.title * 2.1;
        let inner_h = (size.height - top - small * 1.9).max(8.0);
        let shown: Vec<&TrendPoint> = self.lines.iter().flat_map(|line| &line.points).collect();
        let xs = shown.iter().map(|point| point.x).chain(self.shares.iter().map(|share| share.0));
        let (first, last) = self.range.unwrap_or_else(|| {
            let (low, high) = xs
                .filter(|x| x.is_finite())
                .fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(x), high.max(x)));
            if low < high { (low, high) } else { (0.0, 1.0) }
        });
        let count = (inner_h / (small * 2.6)) as usize;
        let y = if self.shares.is_empty() {
            let inside = |point: &&&TrendPoint| (first..=last).contains(&point.x);
            // What is seen decides: raw outliers may leave the picture, lines never do.
            let mut edges: Vec<f64> = Vec::new();
            if self.raw {
                let of_lines = self.lines.iter().filter(|line| !line.other).flat_map(|line| &line.points);
                edges = of_lines
                    .filter(|point| (first..=last).contains(&point.x))
                    .flat_map(|point| [point.low, point.high])
                    .filter(|value| drawable(*value, self.scale))
                    .collect();
                let cut = edges.len() / 100;
                if let Some(last) = edges.len().checked_sub(1) {
                    let low = *edges.select_nth_unstable_by(cut, f64::total_cmp).1;
                    let high = *edges.select_nth_unstable_by(last - cut, f64::total_cmp).1;
                    edges = vec![low, high];
                }
            }
            let smooth = shown.iter().filter(inside).map(|point| point.smooth);
            Axis::around(smooth.chain(edges), self.scale, count)
        } else {
            Axis { scale: Scale::Linear, low: 0.0, high: 1.0, ticks: Vec::new() }
        };
        let numbers = style.numbers();
        let wide = y.ticks.iter().map(|tick| text::width(&tick.label, numbers)).fold(0.0, f32::max);
        // Charts above each other have their axes in one line.
        let gutter = (wide + small * 0.9).max(small * 3.6);
        let inner = Rect::new(gutter, top, (size.width - gutter - small * 0.9).max(8.0), inner_h);
        let x = Axis::linear(first, last, (inner.w / (small * 7.0)) as usize);
        TrendPlot { inner, x, y }
    }

    /// The picture in axes that were laid out for the same style and size.
    pub fn draw_in(&self, style: &Style, size: Size, plot: &TrendPlot) -> Drawing {
        let mut drawing = Drawing::new(style, size);
        self.heading(&mut drawing, style);
        self.data(&mut drawing, style, plot);
        drawing
    }

    fn heading(&self, drawing: &mut Drawing, style: &Style) {
        let base = style.title * 1.2;
        drawing.text([style.small * 0.7, base], &self.title, style.heading(), style.ink, Align::Start);
        let mut left = style.small * 0.7 + text::width(&self.title, style.heading()) + style.small;
        let mut right = drawing.size.width - style.small * 0.7;
        // The legend on the right, from its end; what has no room is left to the pointer.
        let mut named: Vec<&TrendLine> =
            self.lines.iter().filter(|line| !line.other && !line.name.is_empty()).collect();
        if named.len() == 1 {
            named.clear();
        }
        for line in named.into_iter().rev() {
            let width = text::width(&line.name, style.notes());
            if right - width - 22.0 < left {
                break;
            }
            drawing.text([right, base], &line.name, style.notes(), style.quiet, Align::End);
            let stroke = Stroke::new(style.line * 1.4, Self::color(line, style));
            let y = base - style.small * 0.32;
            drawing.line(vec![[right - width - 16.0, y], [right - width - 5.0, y]], stroke);
            right -= width + 27.0;
        }
        if !self.note.is_empty() && right - left > 40.0 {
            let note = text::fit(&self.note, style.notes(), right - left - 4.0);
            drawing.text([left, base], &note, style.notes(), style.faint, Align::Start);
            left += text::width(&note, style.notes());
        }
        let _ = left;
    }

    fn shares(&self, drawing: &mut Drawing, style: &Style, plot: &TrendPlot) {
        let (first, last) = (plot.x.low, plot.x.high);
        let inside: Vec<&(f64, Vec<f64>)> =
            self.shares.iter().filter(|(x, _)| (first..=last).contains(x)).collect();
        let each = inside.len().div_ceil(MOST_COLUMNS).max(1);
        let columns: Vec<(f64, Vec<f64>)> = inside
            .chunks(each)
            .map(|part| {
                let parts = part.iter().map(|(_, shares)| shares.len()).max().unwrap_or(0);
                let mean = |index: usize| {
                    let all = part.iter().map(|(_, shares)| shares.get(index).copied().unwrap_or(0.0));
                    all.sum::<f64>() / part.len() as f64
                };
                (part[part.len() - 1].0, (0..parts).map(mean).collect())
            })
            .collect();
        let mut from = None;
        for (index, (x, shares)) in columns.iter().enumerate() {
            let right = plot.x.place(*x, plot.inner.x, plot.inner.right());
            let ahead = columns.get(index + 1).map_or(right - plot.inner.x, |next| {
                plot.x.place(next.0, plot.inner.x, plot.inner.right()) - right
            });
            // A share holds for the steps up to where it was looked at.
            // The first one holds from where its stage began at the earliest.
            let begun = self.marks.iter().map(|(at, _)| *at).filter(|at| at < x).fold(plot.x.low, f64::max);
            let begun = plot.x.place(begun, plot.inner.x, plot.inner.right());
            let left = from.unwrap_or((right - ahead).max(begun));
            from = Some(right);
            let total: f64 = shares.iter().filter(|share| share.is_finite()).sum();
            let mut top = plot.inner.y;
            for (part, share) in shares.iter().enumerate() {
                if !share.is_finite() || total <= 0.0 {
                    continue;
                }
                let high = (share / total) as f32 * plot.inner.h;
                let gap = if right - left > 5.0 { 1.0 } else { 0.0 };
                let rect = Rect::new(left, top, (right - left - gap).max(0.5), (high - 1.0).max(0.4));
                drawing.fill(rect, 0.0, style.look(part).color);
                top += high;
            }
        }
    }

    fn line(&self, drawing: &mut Drawing, style: &Style, plot: &TrendPlot, line: &TrendLine) {
        let color = Self::color(line, style);
        let at = |x: f64, y: f64| -> Point {
            [
                plot.x.place(x, plot.inner.x, plot.inner.right()),
                plot.y.place(y, plot.inner.bottom(), plot.inner.y),
            ]
        };
        // One point beyond each end, so that a line that goes on is drawn to the edge.
        let from = line.points.partition_point(|point| point.x < plot.x.low).saturating_sub(1);
        let to = (line.points.partition_point(|point| point.x <= plot.x.high) + 1).min(line.points.len());
        let all = &line.points[from.min(to)..to];
        let shown = |value: f64| drawable(value, self.scale);
        let each = all.len().div_ceil((plot.inner.w as usize).max(8)).max(1);
        if self.raw && !line.other {
            let mut raw: Vec<Point> = Vec::new();
            for part in all.chunks(each) {
                let low =
                    part.iter().map(|point| point.low).filter(|value| shown(*value)).fold(f64::MAX, f64::min);
                let high = part.iter().map(|point| point.high).fold(f64::MIN, f64::max);
                if low > high || !shown(high) {
                    continue;
                }
                let x = part[part.len() / 2].x;
                raw.push(at(x, low));
                if high > low {
                    raw.push(at(x, high));
                }
            }
            drawing.line(raw, Stroke::new(style.hair, color.alpha(0.28)));
        }
        let mut piece: Vec<Point> = Vec::new();
        let width = if line.other { style.line * 0.75 } else { style.line * 1.15 };
        let dash: &[f32] = if line.other { &[5.0, 3.5] } else { &[] };
        let stroke = Stroke::new(width, color).dashed(dash);
        let end = all.len().checked_sub(1).filter(|last| last % each != 0).map(|last| &all[last]);
        for point in all.iter().step_by(each).chain(end) {
            if shown(point.smooth) && point.x.is_finite() {
                piece.push(at(point.x, point.smooth));
            } else {
                drawing.line(std::mem::take(&mut piece), stroke.clone());
            }
        }
        if let [only] = piece.as_slice() {
            let radius = style.glyph() * 0.7;
            let place = Rect::new(only[0] - radius, only[1] - radius, 2.0 * radius, 2.0 * radius);
            drawing.fill(place, radius, color);
        }
        drawing.line(piece, stroke);
    }
}

impl Trend {
    fn data(&self, drawing: &mut Drawing, style: &Style, plot: &TrendPlot) {
        let (inner, small, numbers) = (plot.inner, style.small, style.numbers());
        if inner.w < 30.0 || inner.h < 16.0 {
            return;
        }
        if self.is_empty() {
            let at = [inner.x + inner.w * 0.5, inner.y + inner.h * 0.5];
            drawing.text(at, "no values yet", style.notes(), style.faint, Align::Middle);
            return;
        }
        let grid = Stroke::new(style.hair, style.grid);
        for tick in &plot.y.ticks {
            let y = plot.y.place(tick.value, inner.bottom(), inner.y);
            drawing.line(vec![[inner.x, y], [inner.right(), y]], grid.clone());
            let at = [inner.x - small * 0.6, y + numbers.size * text::CAPITAL / 2.0];
            drawing.text(at, &tick.label, numbers, style.faint, Align::End);
        }
        if !self.shares.is_empty() {
            self.shares(drawing, style, plot);
        }
        crate::plot::x_ticks(drawing, style, &plot.x, inner);
        for (x, words) in &self.marks {
            if *x <= plot.x.low || *x >= plot.x.high {
                continue;
            }
            let x = plot.x.place(*x, inner.x, inner.right());
            let stroke = Stroke::new(style.hair, style.faint).dashed(&[3.0, 3.0]);
            drawing.line(vec![[x, inner.y], [x, inner.bottom()]], stroke);
            // Small charts lie under a large one that says so.
            if inner.h > 140.0 && !words.is_empty() {
                let room = inner.right() - x - 6.0;
                let fits = text::width(words, style.notes()) <= room;
                let (at, align) = if fits { (x + 5.0, Align::Start) } else { (x - 5.0, Align::End) };
                drawing.text([at, inner.y + small], words, style.notes(), style.quiet, align);
            }
        }
        for line in self.lines.iter().rev() {
            self.line(drawing, style, plot, line);
        }
    }
}

impl Figure for Trend {
    fn height(&self, _: &Style, width: f32) -> f32 {
        (width * 0.5).clamp(120.0, 420.0)
    }

    fn draw(&self, style: &Style, size: Size) -> Drawing {
        self.draw_in(style, size, &self.plot(style, size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Item;

    fn trend(count: usize) -> Trend {
        let point = |index: usize| {
            let value = 5.0 / (1.0 + index as f64);
            TrendPoint { x: index as f64, smooth: value, low: value * 0.9, high: value * 1.1 }
        };
        let line = TrendLine {
            name: "train".to_owned(),
            look: None,
            other: false,
            points: (0..count).map(point).collect(),
        };
        Trend {
            title: "Total loss".to_owned(),
            note: String::new(),
            range: None,
            scale: Scale::Log,
            raw: true,
            lines: vec![line],
            marks: vec![(count as f64 / 2.0, "stage 2 begins".to_owned())],
            shares: Vec::new(),
        }
    }

    #[test]
    fn as_much_is_drawn_as_there_is_room_and_all_of_it_inside() {
        let style = Style::dark();
        for count in [0, 1, 2, 500, 30_000] {
            let trend = trend(count);
            let size = Size::new(600.0, 240.0);
            let drawing = trend.draw(&style, size);
            let inner = trend.plot(&style, size).inner;
            let points: Vec<&Point> = drawing
                .items
                .iter()
                .filter_map(|item| if let Item::Line { points, .. } = item { Some(points) } else { None })
                .flatten()
                .collect();
            assert!(points.len() < 2_400, "{count}: {}", points.len());
            let room = Rect::new(inner.x - 30.0, 0.0, size.width, size.height);
            assert!(points.iter().all(|point| room.contains(**point)), "{count}");
        }
    }

    #[test]
    fn a_value_lies_where_the_axis_says() {
        let style = Style::dark();
        let mut trend = trend(100);
        trend.raw = false;
        let size = Size::new(600.0, 240.0);
        let plot = trend.plot(&style, size);
        let drawing = trend.draw(&style, size);
        let line = drawing.items.iter().rev().find_map(|item| match item {
            Item::Line { points, .. } => Some(points.clone()),
            _ => None,
        });
        let last = *line.unwrap().last().unwrap();
        assert!((last[0] - plot.x.place(99.0, plot.inner.x, plot.inner.right())).abs() < 0.01);
        assert!((last[1] - plot.y.place(0.05, plot.inner.bottom(), plot.inner.y)).abs() < 0.01);
    }

    #[test]
    fn shares_fill_the_height_and_long_runs_stay_small() {
        let style = Style::dark();
        let shares = (0..5_000).map(|x| (x as f64, vec![0.25, 0.5, 0.25])).collect();
        let trend = Trend { shares, lines: Vec::new(), marks: Vec::new(), ..trend(0) };
        let size = Size::new(600.0, 200.0);
        let inner = trend.plot(&style, size).inner;
        let rects: Vec<Rect> = trend
            .draw(&style, size)
            .items
            .iter()
            .filter_map(|item| if let Item::Rect { rect, .. } = item { Some(*rect) } else { None })
            .filter(|rect| rect.w < inner.w * 0.5)
            .collect();
        assert!((150..=3 * MOST_COLUMNS).contains(&rects.len()), "{}", rects.len());
        let tall: f32 = rects[3..6].iter().map(|rect| rect.h + 1.0).sum();
        assert!((tall - inner.h).abs() < 0.1, "{tall} {}", inner.h);
    }
}
