//! The software renderer: the same mesh, frame and light as the GPU's, in plain Rust. Slow (tenths of a second a
//! picture). For machines with no graphics driver, and as the second source that a test compares the GPU with.
//! `raster.rs` fills triangles, `shade.rs` is the twin of `shade.wgsl`. Ghosts are drawn by the GPU only.

mod raster;
mod shade;

use crate::expression::Expression;
use crate::frame::{Frame, weights};
use crate::gpu::shadow_size;
use crate::head::Head;
use crate::headless::Picture;
use crate::morph::morph;
use crate::view::{Camera, Look};
use glam::{Mat4, Vec2, Vec3, Vec4};
use raster::{Corner, Depth, Hit};
use shade::{Light, Pixel};

/// Samples per pixel along each side.
const SIDE: usize = 2;
/// Largest picture that is drawn, in pixels a side.
const MOST: u32 = 4096;

/// Draws one picture without any GPU. The size is kept within 1..=4096 a side.
pub fn picture(
    head: &Head,
    expression: &Expression,
    camera: &Camera,
    look: &Look,
    width: u32,
    height: u32,
) -> Picture {
    let (width, height) = (width.clamp(1, MOST), height.clamp(1, MOST));
    let frame = Frame::new(head, expression, camera, look, width, height);
    let mut moved = Vec::new();
    morph(head, &weights(expression, look), &mut moved);
    let rest_to_head = Mat4::from_cols_array_2d(&frame.head_from_rest);
    let body = Vec4::from(frame.body).truncate();
    let corners: Vec<Corner> = moved
        .iter()
        .zip(&head.statics)
        .map(|(m, s)| {
            let follow = s.albedo[3].to_f32();
            let (p, n) = (Vec4::from(m.position).truncate(), Vec4::from(m.normal).truncate());
            Corner {
                world: (p + body).lerp(rest_to_head.transform_point3(p), follow),
                normal: n.lerp(rest_to_head.transform_vector3(n), follow),
            }
        })
        .collect();

    let size = shadow_size(width, height) as usize;
    let from = Mat4::from_cols_array_2d(&frame.light_from_world);
    let mut map = Depth::new(size, size);
    let seen: Vec<Vec3> = corners.iter().map(|c| screen(from, c.world, size, size).0).collect();
    raster::fill_depth(&mut map, &seen, &head.triangles);
    let light = Light { frame: &frame, from, map: &map };

    let (w, h) = (width as usize * SIDE, height as usize * SIDE);
    let clip = Mat4::from_cols_array_2d(&frame.clip_from_world);
    let points: Vec<(Vec3, f32)> = corners.iter().map(|c| screen(clip, c.world, w, h)).collect();
    let hits = raster::fill(&points, head, w, h);

    let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(16);
    let rows = (height as usize).div_ceil(threads).max(1);
    let mut rgba = vec![0_u8; width as usize * height as usize * 4];
    let scene =
        Scene { head, frame: &frame, light: &light, corners: &corners, moved: &moved, hits: &hits, w, h };
    std::thread::scope(|scope| {
        for (band, out) in rgba.chunks_mut(rows * width as usize * 4).enumerate() {
            let scene = &scene;
            scope.spawn(move || {
                for (i, pixel) in out.chunks_exact_mut(4).enumerate() {
                    let (x, y) = (i % width as usize, band * rows + i / width as usize);
                    pixel.copy_from_slice(&scene.pixel(x, y));
                }
            });
        }
    });
    Picture { width, height, rgba }
}

/// Pixel position with depth, and 1 / w.
fn screen(clip: Mat4, p: Vec3, w: usize, h: usize) -> (Vec3, f32) {
    let c = clip * p.extend(1.0);
    let inverse = if c.w > 1e-4 { 1.0 / c.w } else { 0.0 };
    let n = c.truncate() * inverse;
    (Vec3::new((n.x * 0.5 + 0.5) * w as f32, (0.5 - n.y * 0.5) * h as f32, n.z), inverse)
}

struct Scene<'a> {
    head: &'a Head,
    frame: &'a Frame,
    light: &'a Light<'a>,
    corners: &'a [Corner],
    moved: &'a [crate::morph::Dynamic],
    hits: &'a [Hit],
    w: usize,
    h: usize,
}

impl Scene<'_> {
    fn pixel(&self, x: usize, y: usize) -> [u8; 4] {
        let mut sum = Vec3::ZERO;
        for sy in 0..SIDE {
            for sx in 0..SIDE {
                let (px, py) = (x * SIDE + sx, y * SIDE + sy);
                let hit = self.hits[py * self.w + px];
                sum += match hit.triangle {
                    Some(t) => self.surface(t, hit),
                    None => {
                        let at = Vec2::new(
                            (px as f32 + 0.5) / self.w as f32 * 2.0 - 1.0,
                            1.0 - (py as f32 + 0.5) / self.h as f32 * 2.0,
                        );
                        wall(self.frame, at)
                    }
                };
            }
        }
        let c = sum / (SIDE * SIDE) as f32;
        [encode(c.x), encode(c.y), encode(c.z), 255]
    }

    fn surface(&self, triangle: u32, hit: Hit) -> Vec3 {
        let ids = self.head.triangles[triangle as usize].map(|v| v as usize);
        let share = [1.0 - hit.b - hit.c, hit.b, hit.c];
        let mut p = Pixel::default();
        for (v, k) in ids.into_iter().zip(share) {
            let s = &self.head.statics[v];
            p.world += k * self.corners[v].world;
            p.normal += k * self.corners[v].normal;
            p.rest += k * Vec3::from(s.rest);
            p.albedo += k * Vec3::new(s.albedo[0].to_f32(), s.albedo[1].to_f32(), s.albedo[2].to_f32());
            p.material += k * Vec4::from(s.material.map(|m| m.to_f32()));
            p.moved += k * self.moved[v].position[3];
        }
        p.part = self.head.statics[ids[0]].part as u8;
        self.light.shade(&p, if hit.front { 1.0 } else { -1.0 })
    }
}

/// Twin of `wall` in `background.wgsl`.
fn wall(frame: &Frame, at: Vec2) -> Vec3 {
    let y = at.y * 0.5 + 0.5;
    let (top, bottom) = (Vec4::from(frame.top).truncate(), Vec4::from(frame.bottom).truncate());
    let base = bottom.lerp(top, y * y * (3.0 - 2.0 * y));
    let q = Vec2::new(at.x * frame.overlay[2], at.y - 0.15);
    base * (0.86 + 0.34 * (-q.dot(q) * 0.9).exp())
}

fn encode(v: f32) -> u8 {
    let v = v.clamp(0.0, 1.0);
    let s = if v <= 0.003_130_8 { v * 12.92 } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
    (s * 255.0 + 0.5) as u8
}
