//! Fills triangles: depth alone (shadow), or which triangle is seen where (picture). Perspective-correct. No light.

use crate::head::CLOSED;
use crate::mesh::Mesh;
use glam::{Vec2, Vec3};

/// A depth map, 1 = far.
pub(super) struct Depth {
    pub width: usize,
    pub height: usize,
    pub z: Vec<f32>,
}

impl Depth {
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height, z: vec![1.0; width * height] }
    }
}

/// What one sample sees.
#[derive(Clone, Copy)]
pub(super) struct Hit {
    pub triangle: Option<u32>,
    pub front: bool,
    /// Shares of the second and third corner.
    pub b: f32,
    pub c: f32,
}

/// Calls `each(index of sample, shares in screen space, depth, front)` for samples inside a triangle.
fn cover(p: [Vec3; 3], width: usize, height: usize, mut each: impl FnMut(usize, [f32; 3], f32, bool)) {
    let [a, b, c] = p.map(|v| Vec2::new(v.x, v.y));
    let area = (b - a).perp_dot(c - a);
    if !area.is_finite() || area.abs() < 1e-9 {
        return;
    }
    let low = a.min(b).min(c);
    let high = a.max(b).max(c);
    let first = |v: f32| (v - 0.5).ceil().max(0.0) as usize;
    let last = |v: f32, n: usize| ((v - 0.5).floor() + 1.0).clamp(0.0, n as f32) as usize;
    for y in first(low.y)..last(high.y, height) {
        for x in first(low.x)..last(high.x, width) {
            let q = Vec2::new(x as f32 + 0.5, y as f32 + 0.5);
            let k1 = (q - a).perp_dot(c - a) / area;
            let k2 = (b - a).perp_dot(q - a) / area;
            let k0 = 1.0 - k1 - k2;
            if k0 < 0.0 || k1 < 0.0 || k2 < 0.0 {
                continue;
            }
            let z = k0 * p[0].z + k1 * p[1].z + k2 * p[2].z;
            if (0.0..=1.0).contains(&z) {
                // y points down here, so counter-clockwise in the world is a negative area
                each(y * width + x, [k0, k1, k2], z, area < 0.0);
            }
        }
    }
}

pub(super) fn fill_depth(map: &mut Depth, points: &[Vec3], triangles: &[[u32; 3]]) {
    for t in triangles {
        let p = t.map(|v| points[v as usize]);
        cover(p, map.width, map.height, |i, _, z, _| map.z[i] = map.z[i].min(z));
    }
}

/// What every sample sees of the triangles in these ranges, and how far away. `both` draws back faces too.
pub(super) fn fill(
    points: &[(Vec3, f32)],
    mesh: &Mesh,
    shown: &[std::ops::Range<u32>],
    both: bool,
    width: usize,
    height: usize,
) -> (Vec<Hit>, Vec<f32>) {
    let mut z = vec![1.0_f32; width * height];
    let mut hits = vec![Hit { triangle: None, front: true, b: 0.0, c: 0.0 }; width * height];
    let closed = |n: u32| mesh.groups.iter().zip(CLOSED).any(|(g, closed)| closed && g.contains(&n));
    for n in shown.iter().cloned().flatten() {
        let cull = !both && closed(n);
        let p = mesh.triangles[n as usize].map(|v| points[v as usize]);
        if p.iter().any(|(_, w)| *w <= 0.0) {
            continue;
        }
        cover(p.map(|(p, _)| p), width, height, |i, k, depth, front| {
            if depth < z[i] && (front || !cull) {
                z[i] = depth;
                let q = [k[0] * p[0].1, k[1] * p[1].1, k[2] * p[2].1];
                let sum = q[0] + q[1] + q[2];
                hits[i] = Hit { triangle: Some(n), front, b: q[1] / sum, c: q[2] / sum };
            }
        });
    }
    (hits, z)
}

/// Marks the samples of a triangle on the screen.
pub(super) fn mark(p: [Vec2; 3], width: usize, height: usize, each: impl FnMut(usize)) {
    let mut each = each;
    cover(p.map(|v| v.extend(0.5)), width, height, |i, _, _, _| each(i));
}
