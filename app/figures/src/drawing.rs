//! The display list that every figure becomes: shapes and text in points, and the places a window can hover.
//!
//! The origin is the upper left corner, y grows downwards. Five kinds of item are all there is, so that a painter
//! stays small; dashes, glyphs and anchors are spelled out. Text never leaves the canvas: what would protrude is
//! moved inside, what is wider than the canvas is shortened.

use crate::style::{Glyph, Style};
use crate::text;

/// A place, in points.
pub type Point = [f32; 2];

/// A colour with straight alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Color {
    /// Red, sRGB.
    pub r: u8,
    /// Green, sRGB.
    pub g: u8,
    /// Blue, sRGB.
    pub b: u8,
    /// Opacity; 255 is opaque.
    pub a: u8,
}

impl Color {
    /// An opaque colour from `0xrrggbb`.
    pub const fn hex(hex: u32) -> Self {
        Self { r: (hex >> 16) as u8, g: (hex >> 8) as u8, b: hex as u8, a: 255 }
    }

    /// The same with an opacity between 0 and 1.
    #[must_use]
    pub fn alpha(self, alpha: f32) -> Self {
        Self { a: (alpha.clamp(0.0, 1.0) * 255.0).round() as u8, ..self }
    }

    /// Towards `other` by `share` between 0 and 1, on the sRGB values.
    #[must_use]
    pub fn mix(self, other: Self, share: f32) -> Self {
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        let mix = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share).round() as u8;
        Self {
            r: mix(self.r, other.r),
            g: mix(self.g, other.g),
            b: mix(self.b, other.b),
            a: mix(self.a, other.a),
        }
    }

    /// Relative luminance of WCAG 2, 0 to 1; alpha is ignored.
    pub fn luminance(self) -> f32 {
        let linear = |value: u8| {
            let value = f32::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.r) + 0.7152 * linear(self.g) + 0.0722 * linear(self.b)
    }

    /// Contrast of WCAG 2, 1 to 21.
    pub fn contrast(self, other: Self) -> f32 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }
}

/// Width and height in points, each from 48 to 8,000: smaller ones hold no figure, larger ones no memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    /// Points.
    pub width: f32,
    /// Points.
    pub height: f32,
}

impl Size {
    /// A size; out of range or not a number is brought into range.
    pub fn new(width: f32, height: f32) -> Self {
        let within = |value: f32| if value.is_finite() { value.clamp(48.0, 8000.0) } else { 48.0 };
        Self { width: within(width), height: within(height) }
    }
}

/// Widths of figures in print.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Width {
    /// One column of a two-column paper: 88.9 mm, 252 pt.
    Column,
    /// Both columns: 181.9 mm, 516 pt.
    Page,
    /// Any other.
    Points(f32),
}

impl Width {
    /// In points.
    pub fn points(self) -> f32 {
        match self {
            Self::Column => 252.0,
            Self::Page => 516.0,
            Self::Points(points) => points,
        }
    }

    /// With a height of `aspect` times the width.
    pub fn with_aspect(self, aspect: f32) -> Size {
        Size::new(self.points(), self.points() * aspect)
    }
}

/// An upright rectangle in points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    /// Left.
    pub x: f32,
    /// Top.
    pub y: f32,
    /// Width.
    pub w: f32,
    /// Height.
    pub h: f32,
}

impl Rect {
    /// From its corner and size.
    pub fn new(x: f32, y: f32, w: f32, h: f32) -> Self {
        Self { x, y, w, h }
    }

    /// Spanned by two corners in any order.
    pub fn spanned(a: Point, b: Point) -> Self {
        Self { x: a[0].min(b[0]), y: a[1].min(b[1]), w: (a[0] - b[0]).abs(), h: (a[1] - b[1]).abs() }
    }

    /// Right edge.
    pub fn right(&self) -> f32 {
        self.x + self.w
    }

    /// Bottom edge.
    pub fn bottom(&self) -> f32 {
        self.y + self.h
    }

    /// Whether `point` lies in it, edges included.
    pub fn contains(&self, point: Point) -> bool {
        (self.x..=self.right()).contains(&point[0]) && (self.y..=self.bottom()).contains(&point[1])
    }

    /// Area shared with `other`.
    pub fn overlap(&self, other: &Self) -> f32 {
        let w = self.right().min(other.right()) - self.x.max(other.x);
        let h = self.bottom().min(other.bottom()) - self.y.max(other.y);
        w.max(0.0) * h.max(0.0)
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Stroke {
    /// Points.
    pub width: f32,
    /// Colour.
    pub color: Color,
    /// Dash and gap lengths in points; empty is solid.
    pub dash: Vec<f32>,
}

impl Stroke {
    /// A solid line.
    pub fn new(width: f32, color: Color) -> Self {
        Self { width, color, dash: Vec::new() }
    }

    /// The same with dashes.
    #[must_use]
    pub fn dashed(mut self, dash: &[f32]) -> Self {
        self.dash = dash.to_vec();
        self
    }
}

/// Where the anchor of a text lies along it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// The text begins at the anchor.
    Start,
    /// It is centred on it.
    Middle,
    /// It ends at it.
    End,
}

/// The type of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Face {
    /// Height of the type in points.
    pub size: f32,
    /// Heavier.
    pub bold: bool,
    /// Fixed width, for numbers.
    pub mono: bool,
}

/// A line of text.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// Anchor on the baseline.
    pub at: Point,
    /// What it says: cleaned, one line.
    pub text: String,
    /// Type.
    pub face: Face,
    /// Colour.
    pub color: Color,
    /// Where the anchor lies.
    pub align: Align,
    /// Degrees counter-clockwise about the anchor; the figures use 0 and 90.
    pub rotation: f32,
}

impl Text {
    /// What it covers, by the measures of the built-in fonts.
    pub fn bounds(&self) -> Rect {
        let width = text::width(&self.text, self.face);
        let before = match self.align {
            Align::Start => 0.0,
            Align::Middle => width / 2.0,
            Align::End => width,
        };
        let (up, down) = (text::ASCENT * self.face.size, text::DESCENT * self.face.size);
        let (sin, cos) = (-self.rotation.to_radians()).sin_cos();
        let corners = [[-before, -up], [width - before, -up], [-before, down], [width - before, down]]
            .map(|[x, y]| [self.at[0] + x * cos - y * sin, self.at[1] + x * sin + y * cos]);
        let low = |axis: usize| corners.iter().map(|corner| corner[axis]).fold(f32::MAX, f32::min);
        let high = |axis: usize| corners.iter().map(|corner| corner[axis]).fold(f32::MIN, f32::max);
        Rect::spanned([low(0), low(1)], [high(0), high(1)])
    }
}

/// One thing to draw; later ones lie above earlier ones.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// An open line through points.
    Line {
        /// At least two.
        points: Vec<Point>,
        /// Its look.
        stroke: Stroke,
    },
    /// A closed polygon.
    Area {
        /// At least three; may be concave ([`crate::triangles`] helps), never crosses itself.
        points: Vec<Point>,
        /// Inside.
        fill: Option<Color>,
        /// Outline.
        stroke: Option<Stroke>,
    },
    /// A rectangle.
    Rect {
        /// Where.
        rect: Rect,
        /// Radius of its corners.
        radius: f32,
        /// Inside.
        fill: Option<Color>,
        /// Outline.
        stroke: Option<Stroke>,
    },
    /// A circle.
    Circle {
        /// Centre.
        center: Point,
        /// Radius.
        radius: f32,
        /// Inside.
        fill: Option<Color>,
        /// Outline.
        stroke: Option<Stroke>,
    },
    /// Words and numbers.
    Text(Text),
}

/// The outline of a [`Mark`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// A rectangle.
    Rect(Rect),
    /// A disc.
    Point {
        /// Centre.
        at: Point,
        /// Radius.
        radius: f32,
    },
}

/// A place that leads somewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Chosen by the caller: the index of a clip or a system.
    pub id: u64,
    /// What it is, for a tooltip.
    pub what: String,
    /// Where it is.
    pub shape: Shape,
}

/// A picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// Canvas.
    pub size: Size,
    /// In drawing order.
    pub items: Vec<Item>,
    /// In drawing order.
    pub marks: Vec<Mark>,
}

impl Drawing {
    /// An empty canvas, filled with the style's paper where it has one.
    pub fn new(style: &Style, size: Size) -> Self {
        let size = Size::new(size.width, size.height);
        let mut drawing = Self { size, items: Vec::new(), marks: Vec::new() };
        if let Some(paper) = style.paper {
            drawing.fill(Rect::new(0.0, 0.0, size.width, size.height), 0.0, paper);
        }
        drawing
    }

    /// The mark at a place: the one whose centre is nearest among those within `reach` points.
    pub fn hit(&self, at: Point, reach: f32) -> Option<&Mark> {
        let distances = self.marks.iter().filter_map(|mark| {
            let (gap, center) = match mark.shape {
                Shape::Rect(rect) => {
                    let dx = (rect.x - at[0]).max(at[0] - rect.right()).max(0.0);
                    let dy = (rect.y - at[1]).max(at[1] - rect.bottom()).max(0.0);
                    (dx.hypot(dy), [rect.x + rect.w / 2.0, rect.y + rect.h / 2.0])
                }
                Shape::Point { at: center, radius } => {
                    let far = (center[0] - at[0]).hypot(center[1] - at[1]);
                    ((far - radius).max(0.0), center)
                }
            };
            (gap <= reach).then(|| (gap, (center[0] - at[0]).hypot(center[1] - at[1]), mark))
        });
        distances.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))).map(|(_, _, mark)| mark)
    }

    /// A line through points; fewer than two, or a place that is not a number, draw nothing.
    pub fn line(&mut self, points: Vec<Point>, stroke: Stroke) {
        if points.len() > 1 && finite(&points) {
            let points = self.inside(points);
            self.items.push(Item::Line { points, stroke });
        }
    }

    /// Nothing leaves the canvas, whatever the data ask for.
    fn inside(&self, mut points: Vec<Point>) -> Vec<Point> {
        for point in &mut points {
            *point = [point[0].clamp(0.0, self.size.width), point[1].clamp(0.0, self.size.height)];
        }
        points
    }

    /// A polygon without an outline.
    pub fn area(&mut self, points: Vec<Point>, fill: Color) {
        if points.len() > 2 && finite(&points) {
            let points = self.inside(points);
            self.items.push(Item::Area { points, fill: Some(fill), stroke: None });
        }
    }

    /// A filled rectangle.
    pub fn fill(&mut self, rect: Rect, radius: f32, fill: Color) {
        if finite(&[[rect.x, rect.y], [rect.w, rect.h]]) && rect.w > 0.0 && rect.h > 0.0 {
            let corners = self.inside(vec![[rect.x, rect.y], [rect.right(), rect.bottom()]]);
            let rect = Rect::spanned(corners[0], corners[1]);
            let radius = radius.min(rect.w / 2.0).min(rect.h / 2.0);
            self.items.push(Item::Rect { rect, radius, fill: Some(fill), stroke: None });
        }
    }

    /// An outlined rectangle, filled or not.
    pub fn frame(&mut self, rect: Rect, radius: f32, fill: Option<Color>, stroke: Stroke) {
        if finite(&[[rect.x, rect.y], [rect.w, rect.h]]) {
            self.items.push(Item::Rect { rect, radius, fill, stroke: Some(stroke) });
        }
    }

    /// A glyph of `radius` about `center`; hollow ones are filled with `ground` so that lines do not show through.
    pub fn glyph(
        &mut self,
        center: Point,
        radius: f32,
        glyph: Glyph,
        color: Color,
        ground: Option<Color>,
        line: f32,
    ) {
        if !finite(&[center]) {
            return;
        }
        let (fill, stroke) =
            if glyph.hollow { (ground, Some(Stroke::new(line, color))) } else { (Some(color), None) };
        match glyph.outline(center, radius) {
            None => self.items.push(Item::Circle { center, radius, fill, stroke }),
            Some(points) => self.items.push(Item::Area { points, fill, stroke }),
        }
        if let Some(letter) = glyph.letter {
            let face = Face { size: radius * 1.55, bold: !glyph.hollow, mono: false };
            let ink = if glyph.hollow { color } else { ground.unwrap_or(Color::hex(0xffffff)) };
            let at = [center[0], center[1] + face.size * text::CAPITAL / 2.0];
            self.text(at, &letter.to_string(), face, ink, Align::Middle);
        }
    }

    /// A line of text with its anchor on the baseline; kept inside the canvas.
    pub fn text(&mut self, at: Point, text: &str, face: Face, color: Color, align: Align) {
        self.put(at, text, face, color, align, 0.0);
    }

    /// The same, reading upwards.
    pub fn text_up(&mut self, at: Point, text: &str, face: Face, color: Color, align: Align) {
        self.put(at, text, face, color, align, 90.0);
    }

    fn put(&mut self, at: Point, text: &str, face: Face, color: Color, align: Align, rotation: f32) {
        let room = if rotation == 0.0 { self.size.width } else { self.size.height };
        let text = text::fit(&text::clean(text), face, room - 2.0);
        if text.is_empty() || !finite(&[at]) {
            return;
        }
        let mut text = Text { at, text, face, color, align, rotation };
        let bounds = text.bounds();
        text.at[0] += (1.0 - bounds.x).max(0.0) - (bounds.right() - self.size.width + 1.0).max(0.0);
        text.at[1] += (-bounds.y).max(0.0) - (bounds.bottom() - self.size.height).max(0.0);
        self.items.push(Item::Text(text));
    }

    /// A mark with a rectangle, cut to the canvas.
    pub fn mark_rect(&mut self, id: u64, what: &str, rect: Rect) {
        let low = [rect.x.max(0.0), rect.y.max(0.0)];
        let high = [rect.right().min(self.size.width), rect.bottom().min(self.size.height)];
        if low[0] <= high[0] && low[1] <= high[1] {
            let shape = Shape::Rect(Rect::spanned(low, high));
            self.marks.push(Mark { id, what: text::clean(what), shape });
        }
    }

    /// A mark with a disc; one whose centre lies outside the canvas is left out.
    pub fn mark_point(&mut self, id: u64, what: &str, at: Point, radius: f32) {
        if Rect::new(0.0, 0.0, self.size.width, self.size.height).contains(at) {
            let room = at[0].min(at[1]).min(self.size.width - at[0]).min(self.size.height - at[1]);
            let shape = Shape::Point { at, radius: radius.min(room) };
            self.marks.push(Mark { id, what: text::clean(what), shape });
        }
    }
}

fn finite(points: &[Point]) -> bool {
    points.iter().flatten().all(|value| value.is_finite())
}
