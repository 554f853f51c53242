//! Paints a [`figures::Drawing`] with the window's painter, in the colours of the window's theme, and says what is under
//! the pointer. The same drawing is written as SVG and PNG elsewhere; nothing is drawn here that is not in it.

use std::sync::Arc;

use egui::epaint::{CircleShape, Mesh, RectShape, TextShape};
use egui::{Color32, CornerRadius, FontId, Pos2, Rect, Shape, Stroke, StrokeKind, Ui, pos2, vec2};
use figures::drawing::{Align, Item, Text};
use figures::{Drawing, Style};

use crate::theme::Theme;

/// The figures' style for an edition of the window.
pub fn style(theme: Theme) -> Style {
    match theme {
        Theme::Dark => Style::dark(),
        Theme::Light => Style::light(),
    }
}

/// What a drawing depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Width and height of its place, in points.
    pub size: [i32; 2],
    /// A hash of everything else.
    pub content: u64,
}

/// A drawing that is good as long as its key is.
#[derive(Clone)]
pub struct Kept {
    /// What it was drawn from.
    pub key: Key,
    /// The drawing.
    pub drawing: Arc<Drawing>,
}

/// A drawing that a worker is to make.
pub struct Wanted {
    /// Where it is shown.
    pub place: &'static str,
    /// What it is drawn from.
    pub key: Key,
    /// Draws it.
    pub work: Box<dyn FnOnce() -> Drawing + Send>,
}

impl Wanted {
    /// Draws it.
    pub fn draw(self) -> (&'static str, Kept) {
        (self.place, Kept { key: self.key, drawing: Arc::new((self.work)()) })
    }
}

/// What is under the pointer.
#[derive(Debug, Clone, PartialEq)]
pub struct Under {
    /// The caller's number.
    pub id: u64,
    /// Words for a tooltip.
    pub what: String,
}

/// Paints the drawing with its upper left corner at `at`.
pub fn paint(ui: &Ui, at: Pos2, drawing: &Drawing) {
    let area = Rect::from_min_size(at, vec2(drawing.size.width, drawing.size.height));
    let painter = ui.painter_at(area);
    for item in &drawing.items {
        match item {
            Item::Line { points, stroke } => {
                let points: Vec<Pos2> = points.iter().map(|point| place(at, *point)).collect();
                let pen = Stroke::new(stroke.width, color(stroke.color));
                if stroke.dash.is_empty() {
                    painter.add(Shape::line(points, pen));
                } else {
                    let dashes: Vec<f32> = stroke.dash.iter().copied().step_by(2).collect();
                    let gaps: Vec<f32> = stroke.dash.iter().copied().skip(1).step_by(2).collect();
                    painter.extend(Shape::dashed_line_with_offset(&points, pen, &dashes, &gaps, 0.0));
                }
            }
            Item::Area { points, fill, stroke } => {
                if let Some(fill) = fill {
                    painter.add(filled(at, points, color(*fill)));
                }
                if let Some(stroke) = stroke {
                    let points: Vec<Pos2> = points.iter().map(|point| place(at, *point)).collect();
                    painter.add(Shape::closed_line(points, Stroke::new(stroke.width, color(stroke.color))));
                }
            }
            Item::Rect { rect, radius, fill, stroke } => {
                let rect = Rect::from_min_size(place(at, [rect.x, rect.y]), vec2(rect.w, rect.h));
                let pen = stroke
                    .as_ref()
                    .map_or(Stroke::NONE, |stroke| Stroke::new(stroke.width, color(stroke.color)));
                let round = CornerRadius::same(radius.clamp(0.0, 255.0) as u8);
                let fill = fill.map_or(Color32::TRANSPARENT, color);
                painter.add(RectShape::new(rect, round, fill, pen, StrokeKind::Middle));
            }
            Item::Circle { center, radius, fill, stroke } => {
                painter.add(CircleShape {
                    center: place(at, *center),
                    radius: *radius,
                    fill: fill.map_or(Color32::TRANSPARENT, color),
                    stroke: stroke
                        .as_ref()
                        .map_or(Stroke::NONE, |stroke| Stroke::new(stroke.width, color(stroke.color))),
                });
            }
            Item::Text(text) => text_ui(&painter, at, text),
        }
    }
}

/// The inside of a polygon; the window's own filling is for convex ones only.
fn filled(at: Pos2, points: &[[f32; 2]], fill: Color32) -> Mesh {
    let mut mesh = Mesh::default();
    for corners in figures::triangles(points) {
        let first = mesh.vertices.len() as u32;
        corners.iter().for_each(|corner| mesh.colored_vertex(place(at, *corner), fill));
        mesh.add_triangle(first, first + 1, first + 2);
    }
    mesh
}

/// The mark under a place of the window.
pub fn under(at: Pos2, drawing: &Drawing, pointer: Pos2) -> Option<Under> {
    let mark = drawing.hit([pointer.x - at.x, pointer.y - at.y], 6.0)?;
    Some(Under { id: mark.id, what: mark.what.clone() })
}

fn text_ui(painter: &egui::Painter, at: Pos2, text: &Text) {
    let font =
        if text.face.mono { FontId::monospace(text.face.size) } else { FontId::proportional(text.face.size) };
    let ink = color(text.color);
    let galley = painter.layout_no_wrap(text.text.clone(), font, ink);
    let anchor = place(at, text.at);
    let baseline = galley.rows.first().map_or(galley.size().y * 0.8, |row| {
        row.pos.y + row.row.glyphs.first().map_or(row.row.size.y * 0.8, |glyph| glyph.pos.y)
    });
    let before = match text.align {
        Align::Start => 0.0,
        Align::Middle => galley.size().x * 0.5,
        Align::End => galley.size().x,
    };
    if text.rotation == 0.0 {
        painter.galley(anchor - vec2(before, baseline), galley, ink);
    } else {
        // the corner of the galley, turned about the anchor
        let turn = -text.rotation.to_radians();
        let offset = egui::emath::Rot2::from_angle(turn) * vec2(-before, -baseline);
        painter.add(TextShape::new(anchor + offset, galley, ink).with_angle(turn));
    }
}

fn place(at: Pos2, point: [f32; 2]) -> Pos2 {
    pos2(at.x + point[0], at.y + point[1])
}

fn color(color: figures::Color) -> Color32 {
    Color32::from_rgba_unmultiplied(color.r, color.g, color.b, color.a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::{MOST_LATENTS, latent_look};

    #[test]
    fn figures_and_window_give_a_latent_the_same_look() {
        for theme in [Theme::Dark, Theme::Light] {
            for index in 0..MOST_LATENTS {
                let (figure, window) = (style(theme).look(index), latent_look(theme, index));
                let near = |a: u8, b: u8| a.abs_diff(b) <= 1;
                let (a, b) = (color(figure.color), window.color);
                assert!(
                    near(a.r(), b.r()) && near(a.g(), b.g()) && near(a.b(), b.b()),
                    "{index}: {a:?} {b:?}"
                );
                assert_eq!(
                    (figure.glyph.shape, figure.glyph.hollow),
                    (window.glyph.shape, window.glyph.hollow)
                );
                assert_eq!(figure.dash, window.dash);
            }
        }
    }

    #[test]
    fn systems_are_the_grey_of_the_window() {
        for theme in [Theme::Dark, Theme::Light] {
            let tokens = theme.tokens();
            let look = |hollow| color(style(theme).look(figures::system('B', hollow)).color);
            assert_eq!((look(false), look(true)), (tokens.dim, tokens.faint));
        }
    }

    #[test]
    fn a_concave_area_is_filled_inside_only() {
        let corner = [[0.0, 0.0], [4.0, 0.0], [4.0, 1.0], [1.0, 1.0], [1.0, 4.0], [0.0, 4.0]];
        let mesh = filled(Pos2::ZERO, &corner, Color32::WHITE);
        let area: f32 = mesh
            .indices
            .chunks(3)
            .map(|of| {
                let [a, b, c] = [of[0], of[1], of[2]].map(|index| mesh.vertices[index as usize].pos);
                0.5 * ((b - a).x * (c - a).y - (b - a).y * (c - a).x).abs()
            })
            .sum();
        assert!((area - 7.0).abs() < 1e-4, "{area}");
    }
}
