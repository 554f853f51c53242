//! The twin of `lines.wgsl`: edges of the mesh, the axes of the head and its trail, sample by sample.

use super::{raster, screen, world};
use crate::expression::PIVOT;
use crate::frame::Frame;
use crate::mesh::Mesh;
use crate::morph::Dynamic;
use crate::trail::{AXIS_CM, AXIS_FROM, FORWARD};
use crate::view::Overlays;
use glam::{Mat4, Quat, Vec2, Vec3, Vec4};

const WIRE: Vec4 = Vec4::new(0.02 * 0.42, 0.05 * 0.42, 0.09 * 0.42, 0.42);
const TRAIL: Vec3 = Vec3::new(0.0, 0.50, 0.85);

/// What lies over each sample, premultiplied; empty without lines. Edges are one pixel (two samples) wide.
pub(super) fn samples(
    mesh: &Mesh,
    moved: &[Dynamic],
    frame: &Frame,
    overlays: &Overlays,
    depth: &[f32],
    w: usize,
    h: usize,
) -> Vec<Vec4> {
    if !overlays.wireframe && !overlays.axes && overlays.trail.is_none() {
        return Vec::new();
    }
    let mut over = vec![Vec4::ZERO; w * h];
    let clip = Mat4::from_cols_array_2d(&frame.clip_from_world);
    if overlays.wireframe {
        let eye = Vec4::from(frame.eye).truncate();
        let points: Vec<(Vec3, f32)> = moved
            .iter()
            .map(|m| {
                let p = world(m);
                screen(clip, p + (eye - p).normalize() * 0.06, w, h)
            })
            .collect();
        for [a, b] in mesh.edges() {
            let ((a, wa), (b, wb)) = (points[a as usize], points[b as usize]);
            if wa > 0.0 && wb > 0.0 {
                edge(a, b, [w, h], |i, z| {
                    if z <= depth[i] {
                        over[i] = WIRE;
                    }
                });
            }
        }
    }
    if overlays.trail.is_some() {
        trail(frame, clip, w, h, &mut over);
    }
    if overlays.axes {
        axes(frame, clip, w, h, &mut over);
    }
    over
}

/// Every sample within half a pixel of an edge, once a step along its longer direction.
fn edge(a: Vec3, b: Vec3, [w, h]: [usize; 2], mut each: impl FnMut(usize, f32)) {
    let d = b - a;
    let steps = d.x.abs().max(d.y.abs()).ceil().clamp(1.0, 8192.0);
    let flat = d.x.abs() >= d.y.abs();
    for k in 0..=steps as u32 {
        let p = a + d * (k as f32 / steps);
        for side in [-0.5, 0.5] {
            let (x, y) = if flat { (p.x, p.y + side) } else { (p.x + side, p.y) };
            if x >= 0.0 && y >= 0.0 && (x as usize) < w && (y as usize) < h {
                each(y as usize * w + x as usize, p.z);
            }
        }
    }
}

fn trail(frame: &Frame, clip: Mat4, w: usize, h: usize, over: &mut [Vec4]) {
    let pixel = h as f32 / frame.style[3];
    let count = frame.trail.iter().take_while(|p| p[3] > 0.0).count();
    let points: Vec<Vec2> = frame.trail[..count]
        .iter()
        .map(|p| screen(clip, Vec4::from(*p).truncate(), w, h).0.truncate())
        .collect();
    let Some(now) = points.first().copied() else { return };
    let thick = pixel * (frame.style[3] * 0.009).max(1.2);
    let side = |i: usize| {
        let way = points[(i + 1).min(count - 1)] - points[i.saturating_sub(1)];
        Vec2::new(-way.y, way.x) / way.length().max(1e-3) * thick * (0.25 + 0.75 * frame.trail[i][3])
    };
    let mut put = |corners: [Vec2; 4], strength: f32| {
        let alpha = 0.25 + 0.70 * strength;
        let colour = (TRAIL * alpha).extend(alpha);
        let [a, b, c, d] = corners;
        for t in [[a, b, c], [a, c, d]] {
            raster::mark(t, w, h, |s| over[s] = colour + over[s] * (1.0 - alpha));
        }
    };
    for i in 1..count {
        let (a, b) = (points[i - 1], points[i]);
        let (from, to) = (side(i - 1), side(i));
        put([a - from, b - to, b + to, a + from], frame.trail[i - 1][3]);
    }
    let (x, y) = (Vec2::X * 2.0 * thick, Vec2::Y * 2.0 * thick);
    put([now - x, now - y, now + x, now + y], 1.0);
}

fn axes(frame: &Frame, clip: Mat4, w: usize, h: usize, over: &mut [Vec4]) {
    let turn = Quat::from_array(frame.turn);
    let body = Vec4::from(frame.body).truncate();
    let placed = |p: Vec3| PIVOT + turn * (p - PIVOT) + body;
    for axis in 0..3 {
        let mut d = Vec3::ZERO;
        d[axis] = AXIS_CM * if axis == 2 { FORWARD } else { 1.0 };
        let (a, wa) = screen(clip, placed(AXIS_FROM), w, h);
        let (b, wb) = screen(clip, placed(AXIS_FROM + d), w, h);
        if wa <= 0.0 || wb <= 0.0 {
            continue;
        }
        let (a, b) = (Vec2::new(a.x, a.y), Vec2::new(b.x, b.y));
        let along = b - a;
        let pixel = h as f32 / frame.style[3];
        let thick = pixel * (frame.style[3] * 0.008).max(1.3);
        let side = Vec2::new(-along.y, along.x) / along.length().max(1e-3) * thick;
        let mut colour = Vec3::splat(0.05);
        colour[axis] = 0.75;
        for t in [[a - side, b - side * 0.35, b + side * 0.35], [a - side, b + side * 0.35, a + side]] {
            raster::mark(t, w, h, |i| over[i] = colour.extend(1.0));
        }
    }
}
