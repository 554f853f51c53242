//! The software renderer: the same meshes, frame and light as the GPU's, in plain Rust. Slow (tenths of a second a
//! picture). For machines with no graphics driver, and as the second source that a test compares the GPU with.
//! `raster.rs` fills triangles, `shade.rs` is the twin of `shade.wgsl`, `lines.rs` of `lines.wgsl`.

mod lines;
mod raster;
mod shade;

use crate::expression::Expression;
use crate::frame::{Frame, movement, pixel_cm};
use crate::head::Head;
use crate::headless::Picture;
use crate::mesh::Mesh;
use crate::morph::{Dynamic, Movement, REGION_COUNT, morph};
use crate::plan::{HAIR, shadow_size};
use crate::row::Row;
use crate::view::{Camera, Ghost, Look, Quality, Style};
use glam::{Mat4, Vec2, Vec3, Vec4};
use raster::{Depth, Hit};
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
    picture_by(head, expression, camera, look, [width, height], Quality::Fine)
}

/// [`picture`] with a chosen quality; edges are smooth in both.
pub fn picture_by(
    head: &Head,
    expression: &Expression,
    camera: &Camera,
    look: &Look,
    size: [u32; 2],
    quality: Quality,
) -> Picture {
    let [width, height] = size.map(|side| side.clamp(1, MOST));
    let level = head.level(pixel_cm(camera, width, height), quality);
    let mesh = &head.meshes[level];
    let row = Row::of(expression);
    let whole = [1.0, 1.0, 0.0, 0.0];
    let frame = Frame::new(head, &row, camera, look, None, [width, height], whole);
    let mut moved = Vec::new();
    morph(mesh, &movement(&row, look), &mut moved);

    let size = shadow_size(width, height, quality) as usize;
    let from = Mat4::from_cols_array_2d(&frame.light_from_world);
    let mut map = Depth::new(size, size);
    let seen: Vec<Vec3> = moved.iter().map(|c| screen(from, world(c), size, size).0).collect();
    let shown = shown(mesh, look);
    for range in &shown {
        raster::fill_depth(&mut map, &seen, &mesh.triangles[range.start as usize..range.end as usize]);
    }
    let light = Light { frame: &frame, from, map: &map, quick: quality != Quality::Fine };

    let (w, h) = (width as usize * SIDE, height as usize * SIDE);
    let clip = Mat4::from_cols_array_2d(&frame.clip_from_world);
    let points: Vec<(Vec3, f32)> = moved.iter().map(|c| screen(clip, world(c), w, h)).collect();
    let (hits, depth) = raster::fill(&points, mesh, &shown, false, w, h);
    let over = lines::samples(mesh, &moved, &frame, &look.overlays, &depth, w, h);
    let mut scene =
        Scene { mesh, light: &light, moved: &moved, hits: &hits, over: &over, ghosts: Vec::new(), w, h };
    let ghosts: Vec<Spirit> = look
        .overlays
        .ghosts
        .iter()
        .flatten()
        .filter(|g| g.alpha > 0.0)
        .map(|g| Spirit::new(head, mesh, g, camera, look, [width, height]))
        .collect();
    scene.ghosts = ghosts;

    let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(16);
    let rows = (height as usize).div_ceil(threads).max(1);
    let mut rgba = vec![0_u8; width as usize * height as usize * 4];
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

/// The world positions (cm) that the finest mesh has for an expression: what a test compares the device's with.
pub fn positions(head: &Head, expression: &Expression) -> Vec<[f32; 3]> {
    let movement =
        Movement { now: Row::of(expression), against: Row::default(), activity: [0.0; REGION_COUNT] };
    let mut moved = Vec::new();
    morph(&head.meshes[0], &movement, &mut moved);
    moved.iter().map(|m| [m.position[0], m.position[1], m.position[2]]).collect()
}

fn world(m: &Dynamic) -> Vec3 {
    Vec3::from_slice(&m.position)
}

/// The triangles that are there at all: porcelain has no hair.
fn shown(mesh: &Mesh, look: &Look) -> Vec<std::ops::Range<u32>> {
    let hair = mesh.groups[HAIR].clone();
    let all = 0..mesh.triangles.len() as u32;
    match look.style {
        Style::Character => vec![all],
        Style::Porcelain => vec![0..hair.start, hair.end..all.end],
    }
}

/// Pixel position with depth, and 1 / w.
fn screen(clip: Mat4, p: Vec3, w: usize, h: usize) -> (Vec3, f32) {
    let c = clip * p.extend(1.0);
    let inverse = if c.w > 1e-4 { 1.0 / c.w } else { 0.0 };
    let n = c.truncate() * inverse;
    (Vec3::new((n.x * 0.5 + 0.5) * w as f32, (0.5 - n.y * 0.5) * h as f32, n.z), inverse)
}

/// A translucent face, placed.
struct Spirit {
    frame: Frame,
    moved: Vec<Dynamic>,
    hits: Vec<Hit>,
}

impl Spirit {
    fn new(head: &Head, mesh: &Mesh, ghost: &Ghost, camera: &Camera, look: &Look, size: [u32; 2]) -> Self {
        let row = Row::of(&ghost.expression);
        let frame = Frame::new(head, &row, camera, look, Some(ghost), size, [1.0, 1.0, 0.0, 0.0]);
        let mut moved = Vec::new();
        morph(mesh, &movement(&row, look), &mut moved);
        let [w, h] = size.map(|side| side as usize * SIDE);
        let clip = Mat4::from_cols_array_2d(&frame.clip_from_world);
        let points: Vec<(Vec3, f32)> = moved.iter().map(|c| screen(clip, world(c), w, h)).collect();
        let all = 0..mesh.triangles.len() as u32;
        let (hits, _) = raster::fill(&points, mesh, &[all], true, w, h);
        Self { frame, moved, hits }
    }
}

struct Scene<'a> {
    mesh: &'a Mesh,
    light: &'a Light<'a>,
    moved: &'a [Dynamic],
    hits: &'a [Hit],
    /// Lines over each sample, premultiplied.
    over: &'a [Vec4],
    ghosts: Vec<Spirit>,
    w: usize,
    h: usize,
}

impl Scene<'_> {
    fn pixel(&self, x: usize, y: usize) -> [u8; 4] {
        let mut sum = Vec4::ZERO;
        let frame = self.light.frame;
        for sy in 0..SIDE {
            for sx in 0..SIDE {
                let (px, py) = (x * SIDE + sx, y * SIDE + sy);
                let i = py * self.w + px;
                let hit = self.hits[i];
                let mut c = match hit.triangle {
                    Some(t) => {
                        let p = pixel_of(self.mesh, self.moved, t, hit);
                        self.light.shade(&p, if hit.front { 1.0 } else { -1.0 }).extend(1.0)
                    }
                    None if frame.overlay[3] > 0.5 => Vec4::ZERO,
                    None => {
                        let at = Vec2::new(
                            (px as f32 + 0.5) / self.w as f32 * 2.0 - 1.0,
                            1.0 - (py as f32 + 0.5) / self.h as f32 * 2.0,
                        );
                        wall(frame, at).extend(1.0)
                    }
                };
                if let Some(line) = self.over.get(i) {
                    c = *line + c * (1.0 - line.w);
                }
                for ghost in &self.ghosts {
                    let hit = ghost.hits[i];
                    if let Some(t) = hit.triangle.filter(|_| hit.front) {
                        let p = pixel_of(self.mesh, &ghost.moved, t, hit);
                        let g = shade::ghost(&ghost.frame, &p);
                        c = g + c * (1.0 - g.w);
                    }
                }
                sum += c;
            }
        }
        let c = sum / (SIDE * SIDE) as f32;
        let full = if c.w > 0.0 && c.w < 1.0 { 1.0 / c.w } else { 1.0 };
        [
            encode(c.x * full),
            encode(c.y * full),
            encode(c.z * full),
            (c.w.clamp(0.0, 1.0) * 255.0 + 0.5) as u8,
        ]
    }
}

fn pixel_of(mesh: &Mesh, moved: &[Dynamic], triangle: u32, hit: Hit) -> Pixel {
    let ids = mesh.triangles[triangle as usize].map(|v| v as usize);
    let share = [1.0 - hit.b - hit.c, hit.b, hit.c];
    let mut p = Pixel::default();
    for (v, k) in ids.into_iter().zip(share) {
        let (s, m) = (&mesh.statics[v], &moved[v]);
        p.world += k * world(m);
        let normal = Vec3::from_slice(&m.normal);
        p.normal += k * normal;
        p.rest += k * Vec3::from(s.rest);
        p.albedo += k * Vec3::new(s.albedo[0].to_f32(), s.albedo[1].to_f32(), s.albedo[2].to_f32());
        p.material += k * Vec4::from(s.material.map(|m| m.to_f32()));
        let bare = (s.part >> 8) as f32 / 255.0;
        p.marks += k * Vec4::new(m.position[3], m.normal[3], bare, normal.length());
    }
    p.part = (mesh.statics[ids[0]].part & 255) as u8;
    p
}

/// Twin of `wall` in `background.wgsl`.
fn wall(frame: &Frame, at: Vec2) -> Vec3 {
    let y = at.y * 0.5 + 0.5;
    let (top, bottom) = (Vec4::from(frame.top).truncate(), Vec4::from(frame.bottom).truncate());
    let base = bottom.lerp(top, y * y * (3.0 - 2.0 * y));
    let q = Vec2::new(at.x * frame.overlay[2], at.y);
    let p = q - Vec2::new(-0.10, 0.12);
    let pool = (-p.dot(p) * 0.9).exp();
    let d = (q - Vec2::new(0.34, -0.42)) * Vec2::new(1.15, 0.90);
    let cast = (-d.dot(d) * 2.4).exp();
    base * (0.84 + 0.40 * pool) * (1.0 - 0.26 * cast)
}

/// sRGB of the heat overlay at this share (0..1) of its full displacement, before light: for legends.
pub fn heat_colour(share: f32) -> [u8; 3] {
    let share = if share.is_finite() { share } else { 0.0 };
    (shade::heat(share) * 1.15).to_array().map(encode)
}

/// Linear 0..1 to an sRGB byte.
pub(crate) fn encode(v: f32) -> u8 {
    let v = v.clamp(0.0, 1.0);
    let s = if v <= 0.003_130_8 { v * 12.92 } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
    (s * 255.0 + 0.5) as u8
}
