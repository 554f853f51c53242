//! Lines over an axis, with bands: learning curves, sweeps.

use crate::axis::{Direction, Scale, drawable};
use crate::drawing::{Drawing, Point, Rect, Size, Stroke};
use crate::heading::{Heading, Key, empty, footnotes, inner, legend, legend_height, scaled, undefined};
use crate::plot::{Plot, Wanted};
use crate::style::Style;
use crate::{Figure, number, text};

/// One place of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Horizontal value.
    pub x: f64,
    /// Vertical value; not finite leaves a gap.
    pub y: f64,
    /// Band about it.
    pub band: Option<(f64, f64)>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// For the marks.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Which series look it has.
    pub look: usize,
    /// By ascending `x`.
    pub points: Vec<CurvePoint>,
}

/// The figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Title and note.
    pub heading: Heading,
    /// Name of the horizontal axis.
    pub x: String,
    /// Name of the vertical axis.
    pub y: String,
    /// Which vertical values are better.
    pub better: Option<Direction>,
    /// Scale of the horizontal axis.
    pub x_scale: Scale,
    /// Scale of the vertical axis.
    pub y_scale: Scale,
    /// Lines; later ones lie above.
    pub series: Vec<Series>,
}

impl Curve {
    /// What the legend says; one line alone needs none.
    fn entries(&self, style: &Style) -> Vec<(Key, String)> {
        let series = if self.series.len() > 1 { self.series.as_slice() } else { &[] };
        series.iter().map(|series| (Key::Line(style.look(series.look)), text::name(&series.name))).collect()
    }
}

impl Figure for Curve {
    fn height(&self, style: &Style, width: f32) -> f32 {
        self.heading.height(style, width)
            + legend_height(style, width, &self.entries(style))
            + (width * 0.6).clamp(style.text * 18.0, style.text * 28.0)
    }

    fn draw(&self, style: &Style, size: Size) -> Drawing {
        let mut drawing = Drawing::new(style, size);
        let mut room = inner(&drawing, style);
        self.heading.draw(&mut drawing, style, &mut room);
        if crate::heading::too_small(&mut drawing, style, room) {
            return drawing;
        }
        let shown = |point: &CurvePoint| drawable(point.x, self.x_scale) && drawable(point.y, self.y_scale);
        let all = || self.series.iter().flat_map(|series| &series.points);
        let notes: Vec<String> =
            undefined(all().filter(|point| !shown(point)).count(), "value").into_iter().collect();
        footnotes(&mut drawing, style, &mut room, &notes);
        let drawn: Vec<&CurvePoint> = all().filter(|point| shown(point)).collect();
        if drawn.is_empty() {
            empty(&mut drawing, style, room, "no values");
            return drawing;
        }
        legend(&mut drawing, style, &mut room, &self.entries(style));
        let bands = drawn.iter().filter_map(|point| point.band).flat_map(|(low, high)| [low, high]);
        let x = Wanted {
            name: &self.x,
            better: None,
            scale: self.x_scale,
            values: drawn.iter().map(|point| point.x).collect(),
            exactly: None,
        };
        let y = Wanted {
            name: &self.y,
            better: self.better,
            scale: self.y_scale,
            values: drawn.iter().map(|point| point.y).chain(bands).collect(),
            exactly: None,
        };
        let Some(plot) = Plot::lay(&mut drawing, style, room, &x, &y) else { return drawing };
        for series in &self.series {
            let color = style.look(series.look).color;
            for run in runs(series, &plot) {
                let edge = |pick: fn((f64, f64)) -> f64| -> Vec<Point> {
                    let thin = thinned(&run, &plot, |point| pick(point.band.unwrap_or((point.y, point.y))));
                    thin.into_iter().map(|(x, y, _)| [x, y]).collect()
                };
                if run.iter().any(|point| point.band.is_some()) {
                    let mut band = edge(|band| band.1);
                    band.extend(edge(|band| band.0).into_iter().rev());
                    drawing.area(band, color.alpha(0.18));
                }
            }
        }
        for series in &self.series {
            let look = style.look(series.look);
            let stroke = Stroke::new(style.line, look.color).dashed(&scaled(look.dash, style));
            for run in runs(series, &plot) {
                let thin = thinned(&run, &plot, |point| point.y);
                if let [only] = thin.as_slice() {
                    drawing.glyph(
                        [only.0, only.1],
                        style.glyph() * 0.6,
                        look.glyph,
                        look.color,
                        None,
                        style.line,
                    );
                }
                drawing.line(thin.iter().map(|(x, y, _)| [*x, *y]).collect(), stroke.clone());
                for (x, y, point) in thin {
                    let what = format!(
                        "{}: {} {}, {} {}",
                        text::name(&series.name),
                        self.x,
                        number::fixed(point.x, number::decimals_for([point.x]).min(2)),
                        self.y,
                        number::fixed(point.y, number::decimals_for([point.y]))
                    );
                    let reach = Rect::new(x - 1.0, y - style.glyph(), 2.0, 2.0 * style.glyph());
                    drawing.mark_rect(series.id, &what, reach);
                }
            }
        }
        drawing
    }
}

/// Stretches of a line without a gap.
fn runs(series: &Series, plot: &Plot) -> Vec<Vec<CurvePoint>> {
    let stretches = series.points.split(|point| !plot.shows(point.x, point.y));
    stretches.filter(|run| !run.is_empty()).map(<[CurvePoint]>::to_vec).collect()
}

/// At most four places a point of width - the first, lowest, highest and last value there - so that a million values
/// draw as fast as a thousand and no peak is lost.
fn thinned(
    run: &[CurvePoint],
    plot: &Plot,
    value: impl Fn(&CurvePoint) -> f64,
) -> Vec<(f32, f32, CurvePoint)> {
    let place = |point: &CurvePoint| {
        let y = value(point);
        let y = if drawable(y, plot.y.scale) { y } else { point.y };
        (plot.x_of(point.x), plot.y_of(y), *point)
    };
    if run.len() <= plot.inner.w as usize * 2 {
        return run.iter().map(place).collect();
    }
    let mut out: Vec<(f32, f32, CurvePoint)> = Vec::new();
    let mut column: Vec<(f32, f32, CurvePoint)> = Vec::new();
    let mut flush = |column: &mut Vec<(f32, f32, CurvePoint)>| {
        let by_height = |a: &&usize, b: &&usize| column[**a].1.total_cmp(&column[**b].1);
        let order: Vec<usize> = (0..column.len()).collect();
        let mut keep: Vec<usize> =
            [order.first(), order.iter().min_by(by_height), order.iter().max_by(by_height), order.last()]
                .into_iter()
                .flatten()
                .copied()
                .collect();
        keep.sort_unstable();
        keep.dedup();
        out.extend(keep.into_iter().map(|index| column[index]));
        column.clear();
    };
    for point in run.iter().map(place) {
        if column.first().is_some_and(|first| first.0.floor() != point.0.floor()) {
            flush(&mut column);
        }
        column.push(point);
    }
    flush(&mut column);
    out
}
