//! What two systems differ by, clip by clip: sorted bars, the mean with its interval, and how many are better.

use crate::axis::{Direction, Scale, drawable};
use crate::drawing::{Align, Drawing, Rect, Size, Stroke};
use crate::heading::{Heading, Key, empty, footnotes, inner, legend, undefined};
use crate::plot::{Plot, Wanted};
use crate::style::Style;
use crate::{Figure, number, text};

/// A clip and a value of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipValue {
    /// For the mark.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Not finite when undefined.
    pub value: f64,
}

/// The figure. A difference is that of the first system minus the second.
#[derive(Debug, Clone, PartialEq)]
pub struct Differences {
    /// Title and note; the note usually names the systems: "Latent intent − REGNN".
    pub heading: Heading,
    /// Name of the measure.
    pub measure: String,
    /// Which values of it are better.
    pub better: Direction,
    /// Clips in any order.
    pub clips: Vec<ClipValue>,
    /// Mean over clips; computed from them when absent.
    pub mean: Option<f64>,
    /// Its interval.
    pub interval: Option<(f64, f64)>,
}

/// Height of a bar's column that stands for clips `from..to` of the ascending values: the extreme of them.
fn extreme<'a>(clips: &[&'a ClipValue]) -> Option<&'a ClipValue> {
    clips.iter().copied().max_by(|a, b| a.value.abs().total_cmp(&b.value.abs()))
}

impl Figure for Differences {
    fn height(&self, style: &Style, width: f32) -> f32 {
        self.heading.height(style, width) + (width * 0.5).clamp(style.text * 20.0, style.text * 30.0)
    }

    fn draw(&self, style: &Style, size: Size) -> Drawing {
        let mut drawing = Drawing::new(style, size);
        let mut room = inner(&drawing, style);
        self.heading.draw(&mut drawing, style, &mut room);
        if crate::heading::too_small(&mut drawing, style, room) {
            return drawing;
        }
        let mut clips: Vec<&ClipValue> =
            self.clips.iter().filter(|clip| drawable(clip.value, Scale::Linear)).collect();
        clips.sort_by(|a, b| a.value.total_cmp(&b.value).then(a.id.cmp(&b.id)));
        let notes: Vec<String> = undefined(self.clips.len() - clips.len(), "clip").into_iter().collect();
        footnotes(&mut drawing, style, &mut room, &notes);
        if clips.is_empty() {
            empty(&mut drawing, style, room, "no clip has a value of both systems");
            return drawing;
        }
        let (higher, lower) = match self.better {
            Direction::Higher => (style.good, style.bad),
            Direction::Lower => (style.bad, style.good),
        };
        let count = |better: bool| {
            let side = |value: f64| {
                if better { self.better.better(value, 0.0) } else { self.better.better(0.0, value) }
            };
            clips.iter().filter(|clip| side(clip.value)).count()
        };
        let (better, worse) = (count(true), count(false));
        let mean = self
            .mean
            .filter(|mean| mean.is_finite())
            .unwrap_or_else(|| clips.iter().map(|clip| clip.value / clips.len() as f64).sum());
        let interval = self.interval.filter(|(low, high)| low.is_finite() && high.is_finite());
        let mut entries = vec![
            (Key::Square(style.good), format!("better on {}", number::count(better))),
            (Key::Square(style.bad), format!("worse on {}", number::count(worse))),
        ];
        if better + worse < clips.len() {
            entries.push((Key::Bare, format!("equal on {}", number::count(clips.len() - better - worse))));
        }
        // Two digits of the half-width are as many as an interval can carry.
        let decimals = match interval {
            Some((low, high)) if high > low => number::decimals_for([(high - low) * 5.0]),
            _ => number::decimals_for([mean]),
        };
        let mut words = format!("mean {}", number::signed(mean, decimals));
        if let Some(interval) = interval {
            words = format!("{words} {}", number::interval(interval, decimals));
        }
        entries.push((Key::Line(crate::Look { color: style.accent, ..style.look(0) }), words));
        legend(&mut drawing, style, &mut room, &entries);
        let y = Wanted {
            name: &format!("Difference in {}", text::clean(&self.measure)),
            better: Some(self.better),
            scale: Scale::Linear,
            values: clips
                .iter()
                .map(|clip| clip.value)
                .chain([0.0, mean])
                .chain(interval.into_iter().flat_map(|(low, high)| [low, high]))
                .collect(),
            exactly: None,
        };
        let x = Wanted {
            name: "",
            better: None,
            scale: Scale::Linear,
            values: Vec::new(),
            exactly: Some((0.0, clips.len() as f64)),
        };
        let Some(plot) = lay_sorted(&mut drawing, style, room, &x, &y, clips.len()) else { return drawing };
        let area = plot.inner;
        let zero = plot.y_of(0.0);
        let columns = clips.len().min((area.w / 1.0).max(1.0) as usize);
        let pitch = area.w / columns as f32;
        // Gaps of a part of a pixel beat against the pixels: narrow bars have none and are one stepped area.
        let gap = if pitch >= 6.0 { (pitch * 0.18).round().clamp(1.0, 2.0) } else { 0.0 };
        if let Some((low, high)) = interval {
            let band = Rect::spanned([area.x, plot.y_of(low)], [area.right(), plot.y_of(high)]);
            let band = Rect { h: band.h.max(style.hair), ..band };
            drawing.fill(band, 0.0, style.accent.alpha(0.22));
        }
        // Bars without a gap are one area: the edges of many would show as stripes.
        let (mut above, mut below) = (Vec::new(), Vec::new());
        for column in 0..columns {
            let (from, to) = (column * clips.len() / columns, (column + 1) * clips.len() / columns);
            let Some(clip) = extreme(&clips[from..to]) else { continue };
            let left = area.x + pitch * column as f32;
            let y = plot.y_of(clip.value);

            if gap > 0.0 {
                let [from, to] = [left, left + pitch - gap].map(f32::round);
                let bar = Rect::spanned([from, zero], [to, y]);
                drawing.fill(bar, 0.0, if clip.value > 0.0 { higher } else { lower });
            } else {
                let steps = if clip.value > 0.0 { &mut above } else { &mut below };
                steps.extend([[left, y], [left + pitch, y]]);
            }
            let mut what =
                format!("{}: {}", text::name(&clip.name), number::signed(clip.value, decimals.max(3)));
            if to - from > 1 {
                what = format!("{what} (most of {} clips here)", to - from);
            }
            drawing.mark_rect(clip.id, &what, Rect::new(left, area.y, pitch, area.h));
        }
        for (mut steps, color) in [(above, higher), (below, lower)] {
            if let (Some(&[left, _]), Some(&[right, _])) = (steps.first(), steps.last()) {
                steps.extend([[right, zero], [left, zero]]);
                drawing.area(steps, color);
            }
        }
        drawing.line(vec![[area.x, zero], [area.right(), zero]], Stroke::new(style.hair * 1.4, style.quiet));
        let y = plot.y_of(mean);
        drawing.line(vec![[area.x, y], [area.right(), y]], Stroke::new(style.line, style.accent));
        drawing
    }
}

/// A plot whose horizontal axis only says that clips are sorted.
fn lay_sorted(
    drawing: &mut Drawing,
    style: &Style,
    room: Rect,
    x: &Wanted,
    y: &Wanted,
    clips: usize,
) -> Option<Plot> {
    let before = drawing.items.len();
    let plot = Plot::lay(drawing, style, room, x, y)?;
    // Clip numbers of a sorted list mean nothing: their ticks and grid go, one line of words stays.
    let area = plot.inner;
    let mut index = 0;
    drawing.items.retain(|item| {
        index += 1;
        if index <= before {
            return true;
        }
        match item {
            crate::Item::Line { points, .. } => points[0][0] != points[1][0],
            crate::Item::Text(text) => text.at[1] < area.bottom() + style.small * 1.2,
            _ => true,
        }
    });
    let words = format!("{}, sorted", number::counted(clips, "clip"));
    let at = [area.x + area.w / 2.0, area.bottom() + style.small * 1.3];
    drawing.text(at, &words, style.notes(), style.quiet, Align::Middle);
    Some(plot)
}
