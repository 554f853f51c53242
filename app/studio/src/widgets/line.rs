//! Lines of a plot as one finished mesh: dashed along the time axis, so that a steep edge stays closed, and
//! tessellated once, so that a still picture costs nothing to draw again.

use std::sync::Arc;

use egui::epaint::{self, Mesh, PathShape, Shape};
use egui::{Color32, Context, Pos2, Stroke, pos2};

use crate::theme::Dash;

/// Collects lines and turns them into a mesh.
#[derive(Default)]
pub struct Lines {
    shapes: Vec<Shape>,
}

impl Lines {
    /// Adds a line through points (x growing), dashed along x.
    pub fn add(&mut self, points: &[Pos2], width: f32, color: Color32, dash: Dash) {
        let stroke = Stroke::new(width, color);
        if dash.is_empty() {
            if points.len() > 1 {
                self.shapes.push(Shape::Path(PathShape::line(straightened(points), stroke)));
            }
            return;
        }
        let mut piece: Vec<Pos2> = Vec::new();
        let (mut part, mut left, mut on) = (0, dash[0], true);
        for pair in points.windows(2) {
            let (mut from, to) = (pair[0], pair[1]);
            if on && piece.is_empty() {
                piece.push(from);
            }
            // A jump is drawn whole, whatever the dash is doing.
            if (to.y - from.y).abs() > 4.0 * (to.x - from.x).max(0.25) {
                if on {
                    piece.push(to);
                } else {
                    self.shapes.push(Shape::Path(PathShape::line(vec![from, to], stroke)));
                }
                let (was, mut ahead) = (on, (to.x - from.x).max(0.0));
                while ahead > left {
                    ahead -= left;
                    part = (part + 1) % dash.len();
                    (left, on) = (dash[part], !on);
                }
                left -= ahead;
                if was && !on {
                    self.finish(&mut piece, stroke);
                }
                continue;
            }
            while to.x - from.x > left {
                let share = left / (to.x - from.x);
                from = pos2(from.x + left, from.y + (to.y - from.y) * share);
                if on {
                    piece.push(from);
                    self.finish(&mut piece, stroke);
                }
                part = (part + 1) % dash.len();
                (left, on) = (dash[part], !on);
                if on {
                    piece.push(from);
                }
            }
            left -= (to.x - from.x).max(0.0);
            if on {
                piece.push(to);
            }
        }
        self.finish(&mut piece, stroke);
    }

    fn finish(&mut self, piece: &mut Vec<Pos2>, stroke: Stroke) {
        let points = std::mem::take(piece);
        if points.len() > 1 {
            self.shapes.push(Shape::Path(PathShape::line(straightened(&points), stroke)));
        }
    }

    /// Adds any other shape.
    pub fn push(&mut self, shape: Shape) {
        self.shapes.push(shape);
    }

    /// The finished mesh.
    pub fn mesh(self, ctx: &Context) -> Arc<Mesh> {
        let options = ctx.tessellation_options(|options| *options);
        let mut tessellator = epaint::Tessellator::new(ctx.pixels_per_point(), options, [1, 1], Vec::new());
        let mut mesh = Mesh::default();
        for shape in self.shapes {
            tessellator.tessellate_shape(shape, &mut mesh);
        }
        Arc::new(mesh)
    }
}

/// How far a line may pass by a point that is left out, in points of the screen.
const UNSEEN: f32 = 0.3;

/// The same line with fewer points: those that lie on the way (x growing) are left out, and what is drawn passes them no
/// further off than an eye can tell. Labels that hold their level for seconds are most of what tracks show.
fn straightened(points: &[Pos2]) -> Vec<Pos2> {
    let mut kept: Vec<Pos2> = Vec::with_capacity(points.len().min(64));
    // the slopes from the last point kept that pass all points since
    let (mut low, mut high) = (f32::NEG_INFINITY, f32::INFINITY);
    let mut before: Option<Pos2> = None;
    for point in points.iter().copied() {
        let (Some(last), Some(from)) = (before, kept.last().copied()) else {
            kept.push(point);
            before = Some(point);
            continue;
        };
        let slopes = |from: Pos2| {
            let over = (point.x - from.x).max(1e-6);
            [(point.y - UNSEEN - from.y) / over, (point.y + UNSEEN - from.y) / over]
        };
        let slope = (point.y - from.y) / (point.x - from.x).max(1e-6);
        let [least, most] = if slope >= low && slope <= high {
            slopes(from)
        } else {
            kept.push(last);
            (low, high) = (f32::NEG_INFINITY, f32::INFINITY);
            slopes(last)
        };
        (low, high) = (low.max(least), high.min(most));
        before = Some(point);
    }
    if let (Some(last), true) = (before, points.len() > 1) {
        kept.push(last);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dash_of() -> Dash {
        &[8.0, 4.0]
    }

    fn drawn(points: &[Pos2], dash: Dash) -> Vec<(f32, f32)> {
        let mut lines = Lines::default();
        lines.add(points, 1.0, Color32::WHITE, dash);
        lines
            .shapes
            .iter()
            .map(|shape| match shape {
                Shape::Path(path) => (path.points[0].x, path.points[path.points.len() - 1].x),
                _ => panic!("only paths"),
            })
            .collect()
    }

    #[test]
    fn a_line_with_fewer_points_passes_every_point_as_near() {
        let steps = |x: usize| if (x / 40).is_multiple_of(2) { 10.0 } else { 30.0 };
        let waves = |x: usize| 20.0 + 12.0 * (x as f32 * 0.05).sin();
        let noise = |x: usize| ((x * 7919) % 101) as f32 * 0.3;
        let shapes: [&dyn Fn(usize) -> f32; 3] = [&steps, &waves, &noise];
        for (shape, most) in shapes.into_iter().zip([40, 200, 750]) {
            let points: Vec<Pos2> = (0..750).map(|x| pos2(x as f32 * 0.87, shape(x))).collect();
            let kept = straightened(&points);
            assert!(kept.len() <= most, "{} points", kept.len());
            assert!(kept.first() == points.first() && kept.last() == points.last());
            for point in &points {
                let pair = kept.windows(2).find(|pair| pair[1].x >= point.x).unwrap();
                let share = (point.x - pair[0].x) / (pair[1].x - pair[0].x);
                let y = pair[0].y + share * (pair[1].y - pair[0].y);
                assert!((y - point.y).abs() <= 1.01 * UNSEEN, "{point:?}: {y}");
            }
        }
        // what stands still, goes straight up or is hardly there
        let up = [pos2(0.0, 0.0), pos2(5.0, 0.0), pos2(5.0, 20.0), pos2(9.0, 20.0)];
        assert_eq!(straightened(&up), up);
        assert_eq!(straightened(&up[..1]), &up[..1]);
        assert!(straightened(&[]).is_empty());
    }

    #[test]
    fn dashes_follow_the_time_axis_whatever_the_values() {
        let flat: Vec<Pos2> = (0..=10).map(|x| pos2(x as f32 * 3.0, 0.0)).collect();
        let wild: Vec<Pos2> = (0..=10).map(|x| pos2(x as f32 * 3.0, (x % 2) as f32 * 9.0)).collect();
        let dash: Dash = dash_of();
        assert_eq!(drawn(&flat, dash), [(0.0, 8.0), (12.0, 20.0), (24.0, 30.0)]);
        assert!(drawn(&flat, dash).iter().all(|dash| drawn(&wild, dash_of()).contains(dash)));
        assert_eq!(drawn(&flat, &[]), [(0.0, 30.0)]);
    }

    #[test]
    fn a_jump_is_drawn_whole_at_any_phase_of_the_dash() {
        for at in 0..14 {
            let (foot, top) = (pos2(4.0 + at as f32, 0.0), pos2(4.5 + at as f32, 100.0));
            let mut lines = Lines::default();
            lines.add(&[pos2(0.0, 0.0), foot, top, pos2(40.0, 100.0)], 1.0, Color32::WHITE, dash_of());
            let whole = lines.shapes.iter().any(|shape| match shape {
                Shape::Path(path) => path.points.windows(2).any(|pair| pair == [foot, top]),
                _ => false,
            });
            assert!(whole, "at {at}");
        }
    }
}
