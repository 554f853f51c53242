//! How often each latent is used: a bar in its colour, the share, its interval, and what it does in words.

use crate::drawing::{Align, Drawing, Rect, Size, Stroke};
use crate::heading::{Heading, empty, footnotes, inner, undefined};
use crate::style::Style;
use crate::{Figure, number, text};

/// One latent.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageBar {
    /// For the mark.
    pub id: u64,
    /// Which latent, counted from 0: its colour and glyph.
    pub latent: usize,
    /// What it is called: "z3".
    pub name: String,
    /// Share of uses between 0 and 1; not finite when undefined.
    pub share: f64,
    /// Its interval.
    pub interval: Option<(f64, f64)>,
    /// What it does: "smile, nod".
    pub words: String,
}

/// The figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// Title and note.
    pub heading: Heading,
    /// Latents, top to bottom.
    pub bars: Vec<UsageBar>,
}

impl UsageBar {
    fn high(&self) -> f64 {
        self.interval
            .filter(|(_, high)| high.is_finite())
            .map_or(self.share, |(_, high)| high.max(self.share))
    }
}

impl Figure for Usage {
    fn height(&self, style: &Style, width: f32) -> f32 {
        let noted = self.bars.iter().any(|bar| !bar.share.is_finite());
        2.0 * crate::heading::pad(style)
            + self.heading.height(style, width)
            + self.bars.len().max(3) as f32 * style.text * 1.75
            + if noted { style.small * 1.7 } else { 0.0 }
    }

    fn draw(&self, style: &Style, size: Size) -> Drawing {
        let mut drawing = Drawing::new(style, size);
        let mut room = inner(&drawing, style);
        self.heading.draw(&mut drawing, style, &mut room);
        if crate::heading::too_small(&mut drawing, style, room) {
            return drawing;
        }
        let hidden = self.bars.iter().filter(|bar| !bar.share.is_finite()).count();
        let shown = ((room.h / 6.0) as usize).min(self.bars.len());
        let mut notes: Vec<String> = undefined(hidden, "share").into_iter().collect();
        if shown < self.bars.len() {
            let missing = number::counted(self.bars.len() - shown, "latent");
            notes.push(format!("{missing} not shown: the figure is too low"));
        }

        footnotes(&mut drawing, style, &mut room, &notes);
        if self.bars.is_empty() {
            empty(&mut drawing, style, room, "no latents");
            return drawing;
        }
        let bars = &self.bars[..shown];
        let row = (room.h / shown.max(1) as f32).min(style.text * 2.2);
        let fitted =
            |face: crate::drawing::Face| crate::drawing::Face { size: face.size.min(row * 0.9), ..face };
        let (words, numbers) = (fitted(style.notes()), fitted(style.numbers()));
        let widest = |of: &dyn Fn(&UsageBar) -> f32| bars.iter().map(of).fold(0.0, f32::max);
        let glyph = style.glyph().min(row * 0.36);
        let name_width = widest(&|bar| text::width(&text::name(&bar.name), words)).min(room.w * 0.25);
        let left = room.x + glyph * 3.4 + name_width + style.text * 0.5;
        let gap = style.text * 0.5;
        let share_width = widest(&|bar| text::width(&share_words(bar), numbers));
        let words_room = (room.w * 0.42).min(room.right() - left - share_width - gap * 3.0).max(0.0);
        let described: Vec<String> =
            bars.iter().map(|bar| text::fit(&text::clean(&bar.words), words, words_room)).collect();
        // The longest scale at which every bar still leaves room for its words.
        let full = (room.right() - left).max(1.0);
        let scale = bars
            .iter()
            .zip(&described)
            .filter(|(bar, _)| bar.high().is_finite() && bar.high() > 0.0)
            .map(|(bar, described)| {
                let after =
                    gap + text::width(&share_words(bar), numbers) + gap + text::width(described, words);
                f64::from((full - after).max(full * 0.12)) / bar.high()
            })
            .fold(f64::INFINITY, f64::min);
        let scale = if scale.is_finite() { scale } else { 0.0 };
        for (index, (bar, described)) in bars.iter().zip(&described).enumerate() {
            let middle = room.y + row * (index as f32 + 0.5);
            let look = style.look(bar.latent);
            drawing.glyph(
                [room.x + glyph * 1.4, middle],
                glyph,
                look.glyph,
                look.color,
                Some(style.ground),
                style.line * 0.8,
            );
            let baseline = middle + words.size * text::CAPITAL / 2.0;
            let name = text::fit(&text::name(&bar.name), words, name_width + 0.01);
            drawing.text([room.x + glyph * 3.4, baseline], &name, words, style.ink, Align::Start);
            let share = if bar.share.is_finite() { bar.share.clamp(0.0, 1e6) } else { 0.0 };
            let long = (share * scale) as f32;
            let half = (row * 0.34).min(style.text * 0.52);
            if long > 0.0 {
                let rect = Rect::new(left, middle - half, long.max(0.8), half * 2.0);
                drawing.fill(rect, half * 0.35, look.color);
            } else {
                drawing.line(
                    vec![[left, middle - half], [left, middle + half]],
                    Stroke::new(style.hair, style.faint),
                );
            }
            let mut end = left + long;
            if let Some((low, high)) = bar.interval.filter(|(low, high)| low.is_finite() && high.is_finite())
            {
                let at = |value: f64| left + ((value.max(0.0) * scale) as f32).min(full);
                let (low, high) = (at(low), at(high));
                // Ink on the bar and beyond it: seen on both, with a rim of the ground where they meet.
                drawing
                    .line(vec![[low, middle], [high, middle]], Stroke::new(style.line * 2.2, style.ground));
                drawing.line(vec![[low, middle], [high, middle]], Stroke::new(style.line * 0.9, style.ink));
                for x in [low, high] {
                    let cap = half * 0.45;
                    drawing.line(
                        vec![[x, middle - cap], [x, middle + cap]],
                        Stroke::new(style.line * 0.9, style.ink),
                    );
                }
                end = end.max(high);
            }
            let baseline = middle + numbers.size * text::CAPITAL / 2.0;
            let value = share_words(bar);
            let ink = if bar.share == 0.0 { style.faint } else { style.ink };
            drawing.text([end + gap, baseline], &value, numbers, ink, Align::Start);
            let at =
                [end + gap + text::width(&value, numbers) + gap, middle + words.size * text::CAPITAL / 2.0];
            drawing.text(at, described, words, style.quiet, Align::Start);
            let mut what = format!("{}: {value}", text::name(&bar.name));
            if let Some((low, high)) = bar.interval {
                what = format!("{what} [{}, {}]", number::percent(low), number::percent(high));
            }
            if !bar.words.is_empty() {
                what = format!("{what}, {}", bar.words);
            }
            drawing.mark_rect(bar.id, &what, Rect::new(room.x, middle - row / 2.0, room.w, row));
        }
        drawing
    }
}

fn share_words(bar: &UsageBar) -> String {
    if bar.share.is_finite() { number::percent(bar.share) } else { "—".into() }
}
