//! Icons as painted shapes: no icon font, no missing glyphs.

use egui::epaint::PathShape;
use egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, Vec2, pos2, vec2};

use crate::theme::Glyph;

/// One icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum Icon {
    Play,
    Pause,
    StepBack,
    StepForward,
    Repeat,
    Search,
    Sun,
    Moon,
    Close,
    Add,
    Tick,
    Warning,
    Bell,
    Folder,
    List,
    Inspector,
    Keys,
    Sound,
    Muted,
    Person,
    Down,
    Expand,
    Stop,
    StopAtEnd,
    Pin,
    Card,
    Export,
}

/// Paints an icon into the middle of `rect`; its side is the shorter side of `rect`.
pub fn paint(painter: &Painter, rect: Rect, icon: Icon, color: Color32) {
    let side = rect.width().min(rect.height());
    let center = rect.center();
    let at = |x: f32, y: f32| center + vec2(x, y) * side * 0.5;
    let stroke = Stroke::new((side * 0.1).clamp(1.2, 2.2), color);
    let fill = |points: Vec<Pos2>| {
        painter.add(Shape::convex_polygon(points, color, Stroke::NONE));
    };
    let line = |points: Vec<Pos2>| {
        painter.add(Shape::Path(PathShape::line(points, stroke)));
    };
    let bar = |x: f32, y0: f32, y1: f32, width: f32| {
        painter.rect_filled(Rect::from_two_pos(at(x - width, y0), at(x + width, y1)), side * 0.05, color);
    };
    match icon {
        Icon::Play => fill(vec![at(-0.45, -0.7), at(0.7, 0.0), at(-0.45, 0.7)]),
        Icon::Pause => {
            bar(-0.36, -0.65, 0.65, 0.17);
            bar(0.36, -0.65, 0.65, 0.17);
        }
        Icon::Stop => {
            painter.rect_filled(Rect::from_two_pos(at(-0.55, -0.55), at(0.55, 0.55)), side * 0.06, color);
        }
        Icon::StopAtEnd => {
            painter.rect_filled(Rect::from_two_pos(at(-0.8, -0.45), at(0.1, 0.45)), side * 0.06, color);
            line(vec![at(0.62, -0.75), at(0.62, 0.75)]);
        }
        Icon::Pin => {
            line(vec![at(0.0, 0.1), at(0.0, 0.85)]);
            line(vec![at(-0.5, 0.1), at(0.5, 0.1)]);
            line(vec![at(-0.3, 0.1), at(-0.22, -0.7), at(0.22, -0.7), at(0.3, 0.1)]);
        }
        Icon::Card => {
            painter.rect_stroke(
                Rect::from_two_pos(at(-0.6, -0.75), at(0.6, 0.75)),
                side * 0.08,
                stroke,
                StrokeKind::Middle,
            );
            line(vec![at(-0.3, -0.3), at(0.3, -0.3)]);
            line(vec![at(-0.3, 0.1), at(0.3, 0.1)]);
        }
        Icon::Export => {
            line(vec![at(0.0, -0.8), at(0.0, 0.3)]);
            line(vec![at(-0.4, -0.1), at(0.0, 0.32), at(0.4, -0.1)]);
            line(vec![at(-0.7, 0.35), at(-0.7, 0.75), at(0.7, 0.75), at(0.7, 0.35)]);
        }
        Icon::StepBack => {
            bar(-0.55, -0.6, 0.6, 0.1);
            fill(vec![at(0.55, -0.6), at(-0.35, 0.0), at(0.55, 0.6)]);
        }
        Icon::StepForward => {
            bar(0.55, -0.6, 0.6, 0.1);
            fill(vec![at(-0.55, -0.6), at(0.35, 0.0), at(-0.55, 0.6)]);
        }
        Icon::Repeat => {
            line(vec![at(-0.7, 0.1), at(-0.7, -0.45), at(0.65, -0.45)]);
            line(vec![at(0.35, -0.75), at(0.68, -0.45), at(0.35, -0.15)]);
            line(vec![at(0.7, -0.1), at(0.7, 0.45), at(-0.65, 0.45)]);
            line(vec![at(-0.35, 0.75), at(-0.68, 0.45), at(-0.35, 0.15)]);
        }
        Icon::Search => {
            painter.circle_stroke(at(-0.15, -0.15), side * 0.25, stroke);
            line(vec![at(0.22, 0.22), at(0.65, 0.65)]);
        }
        Icon::Sun => {
            painter.circle_filled(center, side * 0.19, color);
            for step in 0..8 {
                let direction = Vec2::angled(std::f32::consts::TAU * step as f32 / 8.0);
                painter.line_segment(
                    [center + direction * side * 0.31, center + direction * side * 0.44],
                    stroke,
                );
            }
        }
        Icon::Moon => {
            // Two arcs: the outer rim and the inner shadow line.
            let outer = (0..=24).map(|step| {
                let angle = 0.9 + step as f32 / 24.0 * 4.2;
                at(0.72 * angle.cos(), -0.72 * angle.sin())
            });
            let inner = (0..=16).map(|step| {
                let angle = 5.05 - step as f32 / 16.0 * 2.95;
                at(0.38 + 0.56 * (angle - 0.45).cos(), -0.28 - 0.56 * (angle - 0.45).sin())
            });
            painter.add(Shape::closed_line(outer.chain(inner).collect(), stroke));
        }
        Icon::Close => {
            line(vec![at(-0.5, -0.5), at(0.5, 0.5)]);
            line(vec![at(0.5, -0.5), at(-0.5, 0.5)]);
        }
        Icon::Add => {
            line(vec![at(-0.55, 0.0), at(0.55, 0.0)]);
            line(vec![at(0.0, -0.55), at(0.0, 0.55)]);
        }
        Icon::Tick => line(vec![at(-0.6, 0.05), at(-0.15, 0.5), at(0.65, -0.5)]),
        Icon::Warning => {
            painter.add(Shape::closed_line(vec![at(0.0, -0.75), at(0.8, 0.65), at(-0.8, 0.65)], stroke));
            line(vec![at(0.0, -0.25), at(0.0, 0.2)]);
            painter.circle_filled(at(0.0, 0.42), stroke.width * 0.6, color);
        }
        Icon::Bell => {
            line(vec![
                at(-0.7, 0.4),
                at(-0.5, 0.1),
                at(-0.5, -0.2),
                at(-0.3, -0.6),
                at(0.0, -0.72),
                at(0.3, -0.6),
                at(0.5, -0.2),
                at(0.5, 0.1),
                at(0.7, 0.4),
                at(-0.7, 0.4),
            ]);
            line(vec![at(-0.15, 0.68), at(0.15, 0.68)]);
        }
        Icon::Folder => {
            painter.add(Shape::closed_line(
                vec![
                    at(-0.75, 0.55),
                    at(-0.75, -0.55),
                    at(-0.2, -0.55),
                    at(0.0, -0.3),
                    at(0.75, -0.3),
                    at(0.75, 0.55),
                ],
                stroke,
            ));
        }
        Icon::List | Icon::Inspector => {
            let frame = Rect::from_two_pos(at(-0.75, -0.6), at(0.75, 0.6));
            painter.rect_stroke(frame, side * 0.1, stroke, StrokeKind::Middle);
            let x = if icon == Icon::List { -0.2 } else { 0.2 };
            line(vec![at(x, -0.6), at(x, 0.6)]);
        }
        Icon::Keys => {
            let frame = Rect::from_two_pos(at(-0.85, -0.5), at(0.85, 0.5));
            painter.rect_stroke(frame, side * 0.12, stroke, StrokeKind::Middle);
            for (x, y) in [(-0.5, -0.17), (0.0, -0.17), (0.5, -0.17)] {
                painter.circle_filled(at(x, y), stroke.width * 0.55, color);
            }
            line(vec![at(-0.4, 0.2), at(0.4, 0.2)]);
        }
        Icon::Sound | Icon::Muted => {
            painter.add(Shape::closed_line(
                vec![
                    at(-0.75, -0.25),
                    at(-0.4, -0.25),
                    at(0.0, -0.6),
                    at(0.0, 0.6),
                    at(-0.4, 0.25),
                    at(-0.75, 0.25),
                ],
                stroke,
            ));
            if icon == Icon::Sound {
                arc(painter, center, side * 0.17, stroke);
                arc(painter, center, side * 0.34, stroke);
            } else {
                line(vec![at(0.3, -0.25), at(0.75, 0.25)]);
                line(vec![at(0.75, -0.25), at(0.3, 0.25)]);
            }
        }
        Icon::Person => {
            painter.circle_stroke(at(0.0, -0.3), side * 0.19, stroke);
            let shoulders = (0..=14).map(|step| {
                let angle = std::f32::consts::PI * step as f32 / 14.0;
                at(0.65 * angle.cos(), 0.75 - 0.5 * angle.sin())
            });
            line(shoulders.collect());
        }
        Icon::Down => line(vec![at(-0.5, -0.22), at(0.0, 0.28), at(0.5, -0.22)]),
        Icon::Expand => {
            for (x, y) in [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)] {
                line(vec![at(x * 0.65, y * 0.2), at(x * 0.65, y * 0.65), at(x * 0.2, y * 0.65)]);
            }
        }
    }
}

fn arc(painter: &Painter, center: Pos2, radius: f32, stroke: Stroke) {
    let points = (0..=10)
        .map(|step| {
            center + Vec2::angled(-0.8 + 1.6 * step as f32 / 10.0) * radius + vec2(radius * 0.15, 0.0)
        })
        .collect();
    painter.add(Shape::line(points, stroke));
}

/// Paints a latent's glyph with the given radius.
pub fn glyph(painter: &Painter, center: Pos2, radius: f32, glyph: Glyph, color: Color32) {
    let polygon = |corners: usize, turn: f32, scale: f32| -> Vec<Pos2> {
        (0..corners)
            .map(|corner| {
                let angle = turn + std::f32::consts::TAU * corner as f32 / corners as f32;
                center + Vec2::angled(angle) * radius * scale
            })
            .collect()
    };
    let up = -std::f32::consts::FRAC_PI_2;
    let points = match glyph.shape {
        0 => polygon(20, 0.0, 0.95),
        1 => polygon(4, up + std::f32::consts::FRAC_PI_4, 1.15),
        2 => polygon(3, up, 1.25),
        3 => polygon(4, up, 1.15),
        4 => polygon(3, -up, 1.25),
        5 => {
            let (long, thin) = (radius, radius * 0.42);
            for (x, y) in [(long, thin), (thin, long)] {
                let rect = Rect::from_center_size(center, vec2(2.0 * x, 2.0 * y));
                if glyph.hollow {
                    painter.rect_stroke(rect, 0.0, Stroke::new(1.0, color), StrokeKind::Inside);
                } else {
                    painter.rect_filled(rect, 0.0, color);
                }
            }
            return;
        }
        6 => polygon(6, 0.0, 1.05),
        _ => {
            // A four-pointed star, as four kites so that each piece is convex.
            for point in 0..4 {
                let direction = Vec2::angled(up + std::f32::consts::FRAC_PI_2 * point as f32);
                let side = direction.rot90();
                let kite = vec![
                    center,
                    center + (direction + side) * radius * 0.34,
                    center + direction * radius * 1.3,
                    center + (direction - side) * radius * 0.34,
                ];
                if glyph.hollow {
                    painter.add(Shape::line(kite[1..].to_vec(), Stroke::new(1.2, color)));
                } else {
                    painter.add(Shape::convex_polygon(kite, color, Stroke::NONE));
                }
            }
            return;
        }
    };
    if glyph.hollow {
        painter.add(Shape::closed_line(points, Stroke::new(1.4, color)));
    } else {
        painter.add(Shape::convex_polygon(points, color, Stroke::NONE));
    }
}

/// The middle of the right edge, moved in by `inset`.
pub fn right_middle(rect: Rect, inset: f32) -> Pos2 {
    pos2(rect.right() - inset, rect.center().y)
}
