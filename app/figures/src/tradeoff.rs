//! Two measures against each other, one point a system, with the front of those that no other beats in both.

use crate::axis::{Direction, Scale, aside, drawable};
use crate::drawing::{Align, Drawing, Item, Rect, Size, Stroke};
use crate::heading::{Heading, empty, footnotes, inner, undefined};
use crate::plot::{Plot, Wanted, arrow};
use crate::style::Style;
use crate::{Figure, labels, number, text};

/// One system.
#[derive(Debug, Clone, PartialEq)]
pub struct TradeoffPoint {
    /// For the mark.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Horizontal value; not finite when undefined.
    pub x: f64,
    /// Vertical value; not finite when undefined.
    pub y: f64,
    /// Interval of `x`.
    pub x_interval: Option<(f64, f64)>,
    /// Interval of `y`.
    pub y_interval: Option<(f64, f64)>,
    /// Which series look it has.
    pub look: usize,
    /// The system this is about.
    pub emphasised: bool,
    /// Copied from a paper, not measured here: drawn hollow.
    pub published: bool,
    /// A bound such as the truth: where it lies far beyond the others, the axes do not stretch to it.
    pub bound: bool,
}

/// How the front is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Front {
    /// Not at all.
    None,
    /// As the edge of what is beaten.
    #[default]
    Stepped,
    /// From point to point.
    Straight,
}

/// The figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Tradeoff {
    /// Title and note.
    pub heading: Heading,
    /// Name of the horizontal measure and which way is better.
    pub x: (String, Direction),
    /// Name of the vertical measure and which way is better.
    pub y: (String, Direction),
    /// Scale of the horizontal axis.
    pub x_scale: Scale,
    /// Scale of the vertical axis.
    pub y_scale: Scale,
    /// The front.
    pub front: Front,
    /// Systems, in any order.
    pub points: Vec<TradeoffPoint>,
}

/// Indices of the points that no other beats in one measure without losing in the other, by ascending `x`; points
/// with a value that is not finite are no part of it.
pub fn pareto(points: &[(f64, f64)], x: Direction, y: Direction) -> Vec<usize> {
    let mut order: Vec<usize> =
        (0..points.len()).filter(|&at| points[at].0.is_finite() && points[at].1.is_finite()).collect();
    // From the best x on, a point is on the front when its y is better than every one before it.
    let best_first = |direction: Direction, a: f64, b: f64| match direction {
        Direction::Higher => b.total_cmp(&a),
        Direction::Lower => a.total_cmp(&b),
    };
    order.sort_by(|&a, &b| {
        best_first(x, points[a].0, points[b].0).then_with(|| best_first(y, points[a].1, points[b].1))
    });
    let mut front: Vec<usize> = Vec::new();
    for index in order {
        let extends = front
            .last()
            .is_none_or(|&last| y.better(points[index].1, points[last].1) || points[index] == points[last]);
        if extends {
            front.push(index);
        }
    }
    front.sort_by(|&a, &b| points[a].0.total_cmp(&points[b].0).then(a.cmp(&b)));
    front
}

impl Figure for Tradeoff {
    fn height(&self, style: &Style, width: f32) -> f32 {
        self.heading.height(style, width) + (width * 0.62).clamp(style.text * 20.0, style.text * 40.0)
    }

    fn draw(&self, style: &Style, size: Size) -> Drawing {
        let mut drawing = Drawing::new(style, size);
        let mut room = inner(&drawing, style);
        self.heading.draw(&mut drawing, style, &mut room);
        if crate::heading::too_small(&mut drawing, style, room) {
            return drawing;
        }
        let shown =
            |point: &TradeoffPoint| drawable(point.x, self.x_scale) && drawable(point.y, self.y_scale);
        let points: Vec<&TradeoffPoint> = self.points.iter().filter(|point| shown(point)).collect();
        let mut notes = Vec::new();
        let hidden: Vec<&TradeoffPoint> = self.points.iter().filter(|point| !shown(point)).collect();
        let beyond_log = hidden.iter().filter(|point| point.x.is_finite() && point.y.is_finite()).count();
        notes.extend(undefined(hidden.len() - beyond_log, "system"));
        if beyond_log > 0 {
            notes.push(format!("{} beyond the scale", number::counted(beyond_log, "system")));
        }
        if points.iter().any(|point| point.published) {
            notes.push("hollow: as published".into());
        }

        footnotes(&mut drawing, style, &mut room, &notes);
        if points.is_empty() {
            empty(&mut drawing, style, room, "no system has both values");
            return drawing;
        }
        let ends = |interval: Option<(f64, f64)>| interval.into_iter().flat_map(|(low, high)| [low, high]);
        let bounds: Vec<bool> = points.iter().map(|point| point.bound).collect();
        let beyond = |value: fn(&TradeoffPoint) -> f64| {
            aside(&points.iter().map(|point| (value(point), value(point))).collect::<Vec<_>>(), &bounds)
        };
        let (x_beyond, y_beyond) = (beyond(|point| point.x), beyond(|point| point.y));
        let x = Wanted {
            name: &self.x.0,
            better: Some(self.x.1),
            scale: self.x_scale,
            values: points
                .iter()
                .zip(&x_beyond)
                .filter(|(_, beyond)| !**beyond)
                .flat_map(|(p, _)| std::iter::once(p.x).chain(ends(p.x_interval)))
                .collect(),
            exactly: None,
        };
        let y = Wanted {
            name: &self.y.0,
            better: Some(self.y.1),
            scale: self.y_scale,
            values: points
                .iter()
                .zip(&y_beyond)
                .filter(|(_, beyond)| !**beyond)
                .flat_map(|(p, _)| std::iter::once(p.y).chain(ends(p.y_interval)))
                .collect(),
            exactly: None,
        };
        let y = with_room_below(y);
        let Some(plot) = Plot::lay(&mut drawing, style, room, &x, &y) else { return drawing };
        let obstacles = self.draw_front(&mut drawing, style, &plot, &points);
        let ink = |point: &TradeoffPoint| {
            if point.emphasised { style.accent } else { style.look(point.look).color }
        };
        for (point, beyond) in points.iter().zip(x_beyond.iter().zip(&y_beyond)) {
            let color = ink(point);
            if *beyond.0 || *beyond.1 {
                continue;
            }
            let bar = Stroke::new(style.hair * 1.4, color.alpha(0.65));
            if let Some((low, high)) =
                point.x_interval.filter(|(low, high)| low.is_finite() && high.is_finite())
            {
                drawing.line(vec![plot.at(low, point.y), plot.at(high, point.y)], bar.clone());
            }
            if let Some((low, high)) =
                point.y_interval.filter(|(low, high)| low.is_finite() && high.is_finite())
            {
                drawing.line(vec![plot.at(point.x, low), plot.at(point.x, high)], bar);
            }
        }
        let radius = |point: &TradeoffPoint| {
            style.glyph() * style.look(point.look).glyph.scale() * if point.emphasised { 1.2 } else { 1.0 }
        };
        for (index, point) in points.iter().enumerate() {
            let mut look = style.look(point.look);
            look.glyph.hollow |= point.published;
            let at = plot.at(point.x, point.y);
            drawing.glyph(at, radius(point), look.glyph, ink(point), Some(style.ground), style.line);
            let reach = radius(point) * 1.3 + style.text * 0.4;
            if x_beyond[index] {
                let side = if plot.x.share(point.x) > 0.5 { 1.0 } else { -1.0 };
                arrow(&mut drawing, style, [at[0] + side * reach, at[1]], [side, 0.0], ink(point));
            }
            if y_beyond[index] {
                let side = if plot.y.share(point.y) > 0.5 { -1.0 } else { 1.0 };
                arrow(&mut drawing, style, [at[0], at[1] + side * reach], [0.0, side], ink(point));
            }
            let what = format!(
                "{}: {} {}, {} {}",
                text::name(&point.name),
                self.x.0,
                number::fixed(point.x, number::decimals_for([point.x])),
                self.y.0,
                number::fixed(point.y, number::decimals_for([point.y]))
            );
            drawing.mark_point(point.id, &what, at, radius(point) * 1.6);
        }
        // The name that matters most finds its place first.
        let mut order: Vec<&TradeoffPoint> = points.clone();
        order.sort_by_key(|point| !point.emphasised);
        // what lies beyond an axis says by how much
        let named = |point: &TradeoffPoint| {
            let place = points.iter().position(|other| other.id == point.id).unwrap_or(0);
            let values: Vec<String> = [(x_beyond[place], point.x), (y_beyond[place], point.y)]
                .into_iter()
                .filter(|(beyond, _)| *beyond)
                .map(|(_, value)| number::fixed(value, number::decimals_for([value])))
                .collect();
            match values.is_empty() {
                true => text::name(&point.name),
                false => format!("{} {}", text::name(&point.name), values.join(", ")),
            }
        };
        let wanted: Vec<labels::Wanted> = order
            .iter()
            .map(|point| {
                let face = if point.emphasised { style.strong() } else { style.words() };
                labels::Wanted {
                    at: plot.at(point.x, point.y),
                    radius: radius(point) * 1.15,
                    text: text::fit_name(&named(point), face, room.w * 0.45),
                    face,
                }
            })
            .collect();
        let mut nameless = 0;
        let room = Rect::new(
            plot.inner.x,
            plot.inner.y - style.small * 0.3,
            room.right() - plot.inner.x,
            plot.inner.h,
        );
        for ((point, wanted), placed) in
            order.iter().zip(&wanted).zip(labels::place(&wanted, &obstacles, room))
        {
            let Some(placed) = placed else {
                nameless += 1;
                continue;
            };
            if let Some([from, to]) = placed.leader {
                drawing.line(vec![from, to], Stroke::new(style.hair, style.faint));
            }
            let ink = if point.emphasised { style.ink } else { style.quiet };
            let (wide, tall) = (text::width(&wanted.text, wanted.face), wanted.face.size);
            let patch = Rect::new(placed.at[0] - 0.5, placed.at[1] - tall * 0.8, wide + 1.0, tall);
            drawing.fill(patch, 0.0, style.ground.alpha(0.8)); // lines behind a name fade
            drawing.text(placed.at, &wanted.text, wanted.face, ink, placed.align);
        }
        if nameless > 0 {
            let words = format!("{} without room", number::counted(nameless, "name"));
            let at = [
                size.width - crate::heading::pad(style),
                size.height - crate::heading::pad(style) - style.small * 0.25,
            ];
            let left = notes.iter().map(|note| text::width(note, style.notes())).sum::<f32>() + style.small;
            let words =
                text::fit(&words, style.notes(), size.width - 2.0 * crate::heading::pad(style) - left);
            drawing.text(at, &words, style.notes(), style.faint, Align::End);
        }
        drawing
    }
}

/// Many measures end at 0, where points then lie: room below them is room for their names.
fn with_room_below(mut wanted: Wanted) -> Wanted {
    if wanted.scale == Scale::Linear {
        let drawn = wanted.values.iter().copied().filter(|value| drawable(*value, Scale::Linear));
        let (low, high) =
            drawn.fold((f64::MAX, f64::MIN), |(low, high), value| (value.min(low), value.max(high)));
        if low < high {
            wanted.values.push(low - 0.06 * (high - low));
        }
    }
    wanted
}

impl Tradeoff {
    /// Draws the front below the points; gives what names should keep off.
    fn draw_front(
        &self,
        drawing: &mut Drawing,
        style: &Style,
        plot: &Plot,
        points: &[&TradeoffPoint],
    ) -> Vec<Rect> {
        let values: Vec<(f64, f64)> = points.iter().map(|point| (point.x, point.y)).collect();
        // a bound is no competitor
        let competing = |point: &&TradeoffPoint| if point.bound { f64::NAN } else { point.x };
        let entered: Vec<(f64, f64)> = points.iter().map(|point| (competing(point), point.y)).collect();
        let front = pareto(&entered, self.x.1, self.y.1);
        if self.front == Front::None || front.is_empty() {
            return Vec::new();
        }
        let at = |index: usize| plot.at(values[index].0, values[index].1);
        let mut line: Vec<[f32; 2]> = vec![];
        for &index in &front {
            let here = at(index);
            if let (Front::Stepped, Some(&[x, y])) = (self.front, line.last()) {
                // What is beaten lies on the worse side of both values, so the step keeps the worse of each pair.
                let worse_x = if (self.x.1 == Direction::Higher) == (x < here[0]) { x } else { here[0] };
                let lower = y.max(here[1]);
                let worse_y = if self.y.1 == Direction::Higher { lower } else { y.min(here[1]) };
                line.push([worse_x, worse_y]);
            }
            line.push(here);
        }
        if self.front == Front::Stepped {
            // To the edges: a system is beaten up to there.
            let ends = [front.first(), front.last()].map(|index| index.map(|&index| at(index)));
            if let [Some(first), Some(last)] = ends {
                let bottom = if self.y.1 == Direction::Higher { plot.inner.bottom() } else { plot.inner.y };
                match self.x.1 {
                    Direction::Higher => {
                        line.insert(0, [plot.inner.x, first[1]]);
                        line.push([last[0], bottom]);
                    }
                    Direction::Lower => {
                        line.insert(0, [first[0], bottom]);
                        line.push([plot.inner.right(), last[1]]);
                    }
                }
            }
        }
        let thin = |a: [f32; 2], b: [f32; 2]| {
            let rect = Rect::spanned(a, b);
            Rect::new(rect.x - 0.5, rect.y - 0.5, rect.w + 1.0, rect.h + 1.0)
        };
        // A slanted line covers its box only along the way; a name may cross it.
        let obstacles = line
            .windows(2)
            .filter(|pair| pair[0][0] == pair[1][0] || pair[0][1] == pair[1][1])
            .map(|pair| thin(pair[0], pair[1]))
            .collect();
        let dash = [style.text * 0.3, style.text * 0.22];
        drawing.items.push(Item::Line {
            points: if line.len() > 1 { line } else { return Vec::new() },
            stroke: Stroke::new(style.hair * 1.5, style.faint).dashed(&dash),
        });
        obstacles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_equals_its_definition() {
        use Direction::{Higher, Lower};
        let points: Vec<(f64, f64)> = (0..60)
            .map(|i| (f64::from(i * 37 % 101), f64::from(i * i * 13 % 97)))
            .chain([(f64::NAN, 1e9)])
            .collect();
        for (x, y) in [(Higher, Higher), (Higher, Lower), (Lower, Higher), (Lower, Lower)] {
            let beaten = |at: usize| {
                points.iter().any(|other| {
                    let (dx, dy) = (x.better(other.0, points[at].0), y.better(other.1, points[at].1));
                    (dx && other.1 == points[at].1) || (dy && other.0 == points[at].0) || (dx && dy)
                })
            };
            let mut wanted: Vec<usize> =
                (0..points.len()).filter(|&at| points[at].0.is_finite() && !beaten(at)).collect();
            let mut got = pareto(&points, x, y);
            assert!(got.windows(2).all(|pair| points[pair[0]].0 <= points[pair[1]].0));
            got.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(got, wanted, "{x:?} {y:?}");
        }
        assert_eq!(pareto(&[(1.0, 1.0), (1.0, 1.0)], Higher, Higher), [0, 1]);
    }
}
