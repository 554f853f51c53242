//! How a measure is spread over clips, one row a system: histogram, median, quartiles, and 5 to 95 %.

use crate::axis::{Direction, Scale, aside, drawable};
use crate::differences::ClipValue;
use crate::drawing::{Align, Drawing, Rect, Size, Stroke};
use crate::heading::{Heading, empty, footnotes, inner, undefined};
use crate::plot::{Wanted, arrow};
use crate::rows::{Row, Rows};
use crate::style::{Look, Style};
use crate::summary::{five_numbers, histogram};
use crate::{Figure, number, text};

/// One system.
#[derive(Debug, Clone, PartialEq)]
pub struct DistributionRow {
    /// Its name.
    pub name: String,
    /// Which series look it has.
    pub look: usize,
    /// Clips in any order.
    pub clips: Vec<ClipValue>,
    /// The system this is about.
    pub emphasised: bool,
    /// A bound such as the truth: where it lies far beyond the others, the axis does not stretch to it.
    pub bound: bool,
}

/// The figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Title and note.
    pub heading: Heading,
    /// Name of the measure.
    pub measure: String,
    /// Which values are better.
    pub better: Option<Direction>,
    /// Decimals of the median.
    pub decimals: usize,
    /// Systems, top to bottom.
    pub rows: Vec<DistributionRow>,
}

/// Up to this many clips are drawn as dots instead of a histogram.
const FEW: usize = 60;

impl Figure for Distribution {
    fn height(&self, style: &Style, width: f32) -> f32 {
        let noted =
            self.rows.iter().flat_map(|row| &row.clips).any(|clip| !drawable(clip.value, Scale::Linear));
        2.0 * crate::heading::pad(style)
            + self.heading.height(style, width)
            + Rows::height(style, self.rows.len(), 3.2)
            + if noted { style.small * 1.7 } else { 0.0 }
    }

    fn draw(&self, style: &Style, size: Size) -> Drawing {
        let mut drawing = Drawing::new(style, size);
        let mut room = inner(&drawing, style);
        self.heading.draw(&mut drawing, style, &mut room);
        if crate::heading::too_small(&mut drawing, style, room) {
            return drawing;
        }
        let sorted: Vec<Vec<&ClipValue>> = self
            .rows
            .iter()
            .map(|row| {
                let mut clips: Vec<&ClipValue> =
                    row.clips.iter().filter(|clip| drawable(clip.value, Scale::Linear)).collect();
                clips.sort_by(|a, b| a.value.total_cmp(&b.value).then(a.id.cmp(&b.id)));
                clips
            })
            .collect();
        let hidden = self.rows.iter().zip(&sorted).map(|(row, sorted)| row.clips.len() - sorted.len()).sum();
        let mut notes: Vec<String> = undefined(hidden, "value").into_iter().collect();
        notes.extend(Rows::missing(style, room, self.rows.len()));

        footnotes(&mut drawing, style, &mut room, &notes);
        if self.rows.is_empty() {
            empty(&mut drawing, style, room, "no systems");
            return drawing;
        }
        let values: Vec<Vec<f64>> =
            sorted.iter().map(|clips| clips.iter().map(|clip| clip.value).collect()).collect();
        let rows: Vec<Row> = self
            .rows
            .iter()
            .zip(&values)
            .map(|(row, values)| Row {
                name: text::name(&row.name),
                value: match five_numbers(values) {
                    Some(five) => (number::fixed(five.median, self.decimals), String::new()),
                    None => ("—".into(), String::new()),
                },
                strong: row.emphasised,
                quiet: false,
            })
            .collect();
        let spans: Vec<(f64, f64)> = values
            .iter()
            .map(|values| match values.as_slice() {
                [low, .., high] => (*low, *high),
                [one] => (*one, *one),
                [] => (f64::NAN, f64::NAN),
            })
            .collect();
        let beyond = aside(&spans, &self.rows.iter().map(|row| row.bound).collect::<Vec<_>>());
        let wanted = Wanted {
            name: &self.measure,
            better: self.better,
            scale: Scale::Linear,
            values: values
                .iter()
                .zip(&beyond)
                .filter(|(_, beyond)| !**beyond)
                .flat_map(|(values, _)| values.iter().copied())
                .collect(),
            exactly: None,
        };
        let laid = Rows::lay(&mut drawing, style, room, &rows, "median", &wanted);
        for (index, (row, clips)) in self.rows.iter().zip(&sorted).take(laid.shown).enumerate() {
            let mut look = style.look(row.look);
            if row.emphasised {
                look.color = style.accent;
            }
            if beyond[index] {
                draw_beyond(&mut drawing, style, &laid, index, look, &values[index], row, self.decimals);
                continue;
            }
            draw_row(&mut drawing, style, &laid, index, look, clips, &values[index], row);
        }
        drawing
    }
}

fn draw_row(
    drawing: &mut Drawing,
    style: &Style,
    laid: &Rows,
    index: usize,
    look: Look,
    clips: &[&ClipValue],
    values: &[f64],
    row: &DistributionRow,
) {
    let (top, height) = (laid.middle(index) - laid.row / 2.0, laid.row);
    let Some(five) = five_numbers(values) else {
        let at = [laid.plot.x + style.text * 0.5, laid.middle(index) + style.small * text::CAPITAL / 2.0];
        drawing.text(at, "no values", style.notes(), style.faint, Align::Start);
        return;
    };
    // Histogram or dots above, box below.
    let (floor, ceiling) = (top + height * 0.62, top + height * 0.08);
    if values.len() > FEW {
        let bins = ((laid.plot.w / (style.text * 0.45)) as usize).clamp(8, 80);
        let counts = histogram(values, laid.axis.low, laid.axis.high, bins);
        let most = counts.iter().copied().max().unwrap_or(0).max(1) as f32;
        let wide = laid.plot.w / bins as f32;
        for (bin, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let tall = ((floor - ceiling) * *count as f32 / most).max(style.hair);
            let bar = Rect::new(laid.plot.x + wide * bin as f32, floor - tall, wide - wide * 0.12, tall);
            drawing.fill(bar, 0.0, look.color.mix(style.ground, 0.55));
        }
    } else {
        swarm(drawing, style, laid, look, values, floor, ceiling);
    }
    let middle = top + height * 0.79;
    let half = (height * 0.11).min(style.text * 0.4);
    let x = |value: f64| laid.x_of(value);
    let whisker = Stroke::new(style.line * 0.8, look.color);
    drawing.line(vec![[x(five.low), middle], [x(five.high), middle]], whisker);
    let wide = (x(five.upper) - x(five.lower)).max(style.line);
    drawing.fill(Rect::new(x(five.lower), middle - half, wide, half * 2.0), half * 0.3, look.color);
    let median = x(five.median);
    let edge = half + style.line * 0.4;
    drawing.line(
        vec![[median, middle - edge], [median, middle + edge]],
        Stroke::new(style.line * 2.2, style.ground),
    );
    drawing.line(vec![[median, middle - edge], [median, middle + edge]], Stroke::new(style.line, style.ink));
    // One mark a point of width is as fine as a pointer gets: the clip nearest to its middle.
    let columns = clips.len().min((laid.plot.w as usize).max(1));
    let mut last = None;
    for column in 0..columns {
        let clip = clips[(2 * column + 1) * clips.len() / (2 * columns)];
        let center = x(clip.value);
        if last.is_some_and(|last: f32| center - last < 0.75) {
            continue;
        }
        last = Some(center);
        let what = format!(
            "{}, {}: {}",
            text::name(&row.name),
            text::name(&clip.name),
            number::fixed(clip.value, 4)
        );
        drawing.mark_rect(clip.id, &what, Rect::new(center - 0.75, top, 1.5, height));
    }
}

/// A row whose values lie beyond the axis: an arrow at that edge, and from where to where they are.
fn draw_beyond(
    drawing: &mut Drawing,
    style: &Style,
    laid: &Rows,
    index: usize,
    look: Look,
    values: &[f64],
    row: &DistributionRow,
    decimals: usize,
) {
    let Some(five) = five_numbers(values) else { return };
    let (right, y) = (laid.axis.share(five.median) > 0.5, laid.middle(index));
    let (edge, side) = if right { (laid.plot.right(), 1.0) } else { (laid.plot.x, -1.0) };
    arrow(drawing, style, [edge - side * style.text * 0.4, y], [side, 0.0], look.color);
    let words = format!("{} to {}", number::fixed(five.low, decimals), number::fixed(five.high, decimals));
    let at = [edge - side * style.text * 1.1, y + style.small * text::CAPITAL / 2.0];
    let align = if right { Align::End } else { Align::Start };
    drawing.text(at, &words, style.notes(), style.quiet, align);
    let what = format!("{}: {words}, beyond the axis", text::name(&row.name));
    let strip = Rect::new(laid.plot.x, y - laid.row / 2.0, laid.plot.w, laid.row);
    if let Some(clip) = row.clips.iter().find(|clip| drawable(clip.value, Scale::Linear)) {
        drawing.mark_rect(clip.id, &what, strip);
    }
}

/// Dots that move up where they would cover each other.
fn swarm(
    drawing: &mut Drawing,
    style: &Style,
    laid: &Rows,
    look: Look,
    values: &[f64],
    floor: f32,
    ceiling: f32,
) {
    let radius = (style.glyph() * 0.55).min((floor - ceiling) * 0.25);
    let levels = (((floor - ceiling) / (radius * 2.1)) as usize).max(1);
    let mut ends = vec![f32::MIN; levels];
    for value in values {
        let x = laid.x_of(*value);
        // The lowest free level; where all are taken, the one that was free first.
        let free = ends.iter().position(|end| x - end >= radius * 1.9);
        let level =
            free.unwrap_or_else(|| (0..levels).min_by(|a, b| ends[*a].total_cmp(&ends[*b])).unwrap_or(0));
        ends[level] = x;
        let y = floor - radius - radius * 2.1 * level as f32;
        drawing.items.push(crate::Item::Circle {
            center: [x, y],
            radius,
            fill: Some(look.color.mix(style.ground, 0.3)),
            stroke: None,
        });
    }
}
