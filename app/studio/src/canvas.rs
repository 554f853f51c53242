//! The window as one picture in which only what has changed is painted again.
//!
//! egui paints a whole window in every frame. That is nothing to a graphics card; a driver that is a program on the
//! processor takes longer for it than for a wall of faces. So there, the shapes of a frame are compared with those of the
//! frame before, the parts of the picture where they differ are painted ([`crate::painter`]), and the window shows
//! the picture. It looks as if all were painted: whatever lies over or under a change is painted with it, in order.

use std::collections::HashSet;
use std::sync::Arc;

use egui::epaint::{ClippedShape, Shape};
use egui::{Color32, Context, FullOutput, Pos2, Rect, TextureId, ViewportId, pos2};
use egui_wgpu::{RenderState, wgpu};

use crate::painter::{Painter, flat};

/// How far anti-aliasing reaches beyond a shape, pixels.
const FEATHER: f32 = 2.0;
/// How many shapes further on the same shape is looked for, when others come or go: a tooltip, not a screen.
const AHEAD: usize = 32;
/// Areas are painted as one if that costs at most so many pixels more: a square of a software driver's own grid.
const SPARE: i64 = 64 * 64;
/// Beyond so many areas the whole window is painted.
const MOST_AREAS: usize = 64;

/// Beyond so many shapes that differ, too.
const MOST_DIFFERING: usize = 200;

/// The picture, and what is on it.
pub(crate) struct Canvas {
    gpu: RenderState,
    painter: Painter,
    ground: Color32,
    /// Textures that are not egui's and were drawn anew since the last frame.
    fresh: HashSet<TextureId>,
    picture: Option<Picture>,
    shown: Vec<ClippedShape>,
    painted: u64,
}

struct Picture {
    view: wgpu::TextureView,
    size: [u32; 2],
    scale: f32,
    ground: Color32,
}

/// A part of a window in whole pixels: from (inclusive), to (exclusive).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Area {
    from: [i64; 2],
    to: [i64; 2],
}

impl Canvas {
    /// A picture for windows that `gpu` paints; nothing for a device that paints whole windows in no time.
    pub fn new(gpu: &RenderState) -> Option<Self> {
        let processor = gpu.adapter.get_info().device_type == wgpu::DeviceType::Cpu;
        // egui paints on formats that decode themselves in another way
        let plain = !gpu.target_format.is_srgb();
        (processor && plain).then(|| Self {
            gpu: gpu.clone(),
            painter: Painter::new(gpu),
            ground: Color32::BLACK,
            fresh: HashSet::new(),
            picture: None,
            shown: Vec::new(),
            painted: 0,
        })
    }

    /// Says before the end of a frame on which colour it is painted, and which textures look otherwise than in the last.
    pub fn tell(&mut self, ground: Color32, fresh: impl IntoIterator<Item = TextureId>) {
        self.ground = ground;
        self.fresh.extend(fresh);
    }

    /// Pixels painted since the start; tests count them.
    #[cfg(test)]
    pub fn painted(&self) -> u64 {
        self.painted
    }

    /// Paints everything that is shown, and returns it: the slow twin.
    #[cfg(test)]
    pub fn paint_all(&mut self, ctx: &Context) -> Vec<ClippedShape> {
        let Some(picture) = &self.picture else { return Vec::new() };
        let whole = Area { from: [0, 0], to: picture.size.map(i64::from) };
        let shapes = std::mem::take(&mut self.shown);
        self.paint(ctx, &shapes, &[whole]);
        self.shown.clone_from(&shapes);
        shapes
    }

    /// The picture's size for a window; `None` where there can be none.
    fn size(&self, ctx: &Context, scale: f32) -> Option<[u32; 2]> {
        let most = self.gpu.device.limits().max_texture_dimension_2d;
        let window = ctx.viewport_rect();
        let size = [window.width(), window.height()].map(|side| (side * scale).round() as u32);
        size.iter().all(|side| (1..=most).contains(side)).then_some(size)
    }

    /// Makes the picture of a new size, scale or ground; true when all of it has to be painted.
    fn prepare(&mut self, size: [u32; 2], scale: f32) -> bool {
        let ground = self.ground;
        if self.picture.as_ref().is_some_and(|it| it.size == size && it.scale == scale && it.ground == ground)
        {
            return false;
        }
        let view = blank(&self.gpu, size);
        self.picture = Some(Picture { view, size, scale, ground });
        true
    }

    /// Paints what lies in `areas`.
    fn paint(&mut self, ctx: &Context, shapes: &[ClippedShape], areas: &[Area]) {
        let Some(picture) = &self.picture else { return };
        let scale = picture.scale;
        let bounds: Vec<Rect> = shapes.iter().map(|shape| seen(shape, scale)).collect();
        let mut parts = Vec::new();
        for area in areas {
            let rect = area.rect(scale);
            parts.push(ClippedShape::new(rect, flat(rect, picture.ground)));
            for (shape, bounds) in shapes.iter().zip(&bounds) {
                if bounds.intersects(rect) {
                    let mut part = shape.clone();
                    part.clip_rect = part.clip_rect.intersect(rect);
                    parts.push(part);
                }
            }
            self.painted += area.pixels() as u64;
        }
        let jobs = ctx.tessellate(parts, scale);
        self.painter.paint(&self.gpu, &picture.view, picture.size, scale, &jobs);
    }
}

impl egui::Plugin for Canvas {
    fn debug_name(&self) -> &'static str {
        "canvas"
    }

    fn output_hook(&mut self, ctx: &Context, output: &mut FullOutput) {
        let scale = output.pixels_per_point;
        // a window that paints nothing is being closed; what paints itself is not ours to paint
        let foreign = output.shapes.iter().any(|shape| matches!(shape.shape, Shape::Callback(_)));
        if foreign || output.shapes.is_empty() || ctx.viewport_id() != ViewportId::ROOT {
            self.picture = None;
            return;
        }
        let Some(size) = self.size(ctx, scale) else {
            self.picture = None;
            return;
        };
        // new letters and pictures; the window's painter takes them again, which changes nothing
        let mut painter = self.gpu.renderer.write();
        for (id, images) in &output.textures_delta.set {
            for image in images {
                painter.update_texture(&self.gpu.device, &self.gpu.queue, *id, image);
            }
            // letters that were there stay where they are
            if *id != TextureId::default() {
                self.fresh.insert(*id);
            }
        }
        drop(painter);
        let whole = Area { from: [0, 0], to: size.map(i64::from) };
        let shapes = std::mem::take(&mut output.shapes);
        let areas = match self.prepare(size, scale) {
            true => vec![whole],
            false => joined(changes(&self.shown, &shapes, &self.fresh, scale), whole),
        };
        if !areas.is_empty() {
            self.paint(ctx, &shapes, &areas);
        }
        self.fresh.clear();
        self.shown = shapes;
        if let Some(picture) = &self.picture {
            let window = whole.rect(scale);
            let show = self.painter.show(&self.gpu.device, &picture.view);
            let show = egui_wgpu::Callback::new_paint_callback(window, show);
            output.shapes = vec![ClippedShape::new(window, Shape::Callback(show))];
        }
    }
}

impl Area {
    /// More than any window.
    const EVERYWHERE: Self = Self { from: [0, 0], to: [1 << 24, 1 << 24] };

    /// The whole pixels that a rectangle in points touches.
    fn of(rect: Rect, scale: f32) -> Self {
        let at = |pos: Pos2, round: fn(f32) -> f32| [pos.x, pos.y].map(|v| round(v * scale) as i64);
        Self { from: at(rect.min, f32::floor), to: at(rect.max, f32::ceil) }
    }

    fn rect(&self, scale: f32) -> Rect {
        let at = |[x, y]: [i64; 2]| pos2(x as f32 / scale, y as f32 / scale);
        Rect::from_min_max(at(self.from), at(self.to))
    }

    fn pixels(&self) -> i64 {
        (self.to[0] - self.from[0]).max(0) * (self.to[1] - self.from[1]).max(0)
    }

    fn within(&self, other: &Self) -> Self {
        let at = |axis: usize| (self.from[axis].max(other.from[axis]), self.to[axis].min(other.to[axis]));
        let ((x0, x1), (y0, y1)) = (at(0), at(1));
        Self { from: [x0, y0], to: [x1, y1] }
    }

    fn with(&self, other: &Self) -> Self {
        let at = |axis: usize| (self.from[axis].min(other.from[axis]), self.to[axis].max(other.to[axis]));
        let ((x0, x1), (y0, y1)) = (at(0), at(1));
        Self { from: [x0, y0], to: [x1, y1] }
    }
}

/// Where a shape is seen, points.
fn seen(shape: &ClippedShape, scale: f32) -> Rect {
    let bounds = shape.transform_after_tessellation.mul_rect(shape.shape.visual_bounding_rect());
    if bounds.is_negative() {
        return Rect::NOTHING;
    }
    bounds.expand(FEATHER / scale).intersect(shape.clip_rect)
}

/// Where two frames differ: what is in one of them only, in another order, or shows a texture that is `fresh`.
fn changes(old: &[ClippedShape], new: &[ClippedShape], fresh: &HashSet<TextureId>, scale: f32) -> Vec<Area> {
    let mut areas = Vec::new();
    let mut differs = |shape: &ClippedShape| {
        let rect = seen(shape, scale);
        if rect.is_positive() {
            areas.push(Area::of(rect, scale));
        }
    };
    let (mut i, mut j, mut differing) = (0, 0, 0);
    while i < old.len() && j < new.len() {
        if same(&old[i], &new[j]) {
            if shows(&new[j].shape, fresh) {
                differs(&new[j]);
            }
            (i, j) = (i + 1, j + 1);
            continue;
        }
        // the nearest pair that is the same: what lies before it has come, gone or changed
        let reach = AHEAD.min(old.len() - i + new.len() - j);
        let next = (1..reach).find_map(|far| {
            let pairs = (0..=far).map(|k| (i + k, j + far - k));
            pairs.into_iter().find(|(a, b)| *a < old.len() && *b < new.len() && same(&old[*a], &new[*b]))
        });
        let (a, b) = next.unwrap_or((i + 1, j + 1));
        differing += a - i + b - j;
        // comparing on would take longer than painting
        if differing > MOST_DIFFERING {
            return vec![Area::EVERYWHERE];
        }
        old[i..a].iter().chain(&new[j..b]).for_each(&mut differs);
        (i, j) = (a, b);
    }
    old[i..].iter().chain(&new[j..]).for_each(&mut differs);
    areas
}

fn same(a: &ClippedShape, b: &ClippedShape) -> bool {
    let shapes = match (&a.shape, &b.shape) {
        // equal most of the time, and long to compare
        (Shape::Mesh(a), Shape::Mesh(b)) => Arc::ptr_eq(a, b) || a == b,
        (a, b) => a == b,
    };
    shapes && a.clip_rect == b.clip_rect && a.transform_after_tessellation == b.transform_after_tessellation
}

fn shows(shape: &Shape, fresh: &HashSet<TextureId>) -> bool {
    match shape {
        Shape::Vec(shapes) => shapes.iter().any(|shape| shows(shape, fresh)),
        shape => fresh.contains(&shape.texture_id()),
    }
}

/// The same within the window as few areas that do not overlap.
fn joined(areas: Vec<Area>, whole: Area) -> Vec<Area> {
    let mut apart: Vec<Area> = Vec::new();
    for area in areas {
        let mut area = area.within(&whole);
        if area.pixels() == 0 {
            continue;
        }
        // one that has grown may meet another
        while let Some(at) = apart.iter().position(|other| {
            area.within(other).pixels() > 0
                || area.with(other).pixels() <= area.pixels() + other.pixels() + SPARE
        }) {
            area = area.with(&apart.swap_remove(at));
        }
        apart.push(area);
        if apart.len() > MOST_AREAS {
            return vec![whole];
        }
    }
    apart
}

fn blank(gpu: &RenderState, [width, height]: [u32; 2]) -> wgpu::TextureView {
    let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: Some("canvas"),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: gpu.target_format,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::TEXTURE_BINDING,
        view_formats: &[],
    });
    texture.create_view(&wgpu::TextureViewDescriptor::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::vec2;

    fn square(x: f32, y: f32, colour: Color32) -> ClippedShape {
        let rect = Rect::from_min_size(pos2(x, y), vec2(10.0, 10.0));
        ClippedShape::new(Rect::EVERYTHING, Shape::rect_filled(rect, 0.0, colour))
    }

    fn covered(areas: &[Area], at: [i64; 2]) -> bool {
        areas.iter().any(|it| (0..2).all(|axis| (it.from[axis]..it.to[axis]).contains(&at[axis])))
    }

    #[test]
    fn what_comes_goes_or_changes_its_place_is_found_and_nothing_else() {
        let (red, blue) = (Color32::RED, Color32::BLUE);
        let row: Vec<ClippedShape> = (0..20).map(|k| square(50.0 * k as f32, 0.0, red)).collect();
        let of = |new: &[ClippedShape]| changes(&row, new, &HashSet::new(), 1.0);
        assert!(of(&row).is_empty());
        let mut other = row.clone();
        other[3] = square(150.0, 0.0, blue);
        other.insert(7, square(333.0, 100.0, blue));
        other.remove(12);
        let areas = of(&other);
        assert!(covered(&areas, [155, 5]) && covered(&areas, [338, 105]) && covered(&areas, [555, 5]));
        assert!(!covered(&areas, [105, 5]) && !covered(&areas, [605, 5]), "{areas:?}");
        // two that lie over each other and change places
        let below = vec![square(0.0, 0.0, red), square(5.0, 0.0, blue)];
        let above = vec![below[1].clone(), below[0].clone()];
        assert!(covered(&changes(&below, &above, &HashSet::new(), 1.0), [7, 5]));
        // an image of a texture that was drawn anew
        let texture = TextureId::User(3);
        let mut mesh = egui::Mesh::with_texture(texture);
        let rect = Rect::from_min_max(pos2(8.0, 8.0), pos2(20.0, 20.0));
        mesh.add_rect_with_uv(rect, Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0)), Color32::WHITE);
        let image = vec![ClippedShape::new(Rect::EVERYTHING, Shape::mesh(mesh))];
        let fresh = HashSet::from([texture]);
        assert!(covered(&changes(&image, &image, &fresh, 2.0), [30, 30]));
        assert!(changes(&image, &image, &HashSet::new(), 2.0).is_empty());
    }

    #[test]
    fn areas_are_few_apart_and_cover_all_that_was_asked_for() {
        let whole = Area { from: [0, 0], to: [1000, 800] };
        let mut chance = clips::Chance::new(1, "areas", &[]);
        for many in [0, 1, 5, 40, 400] {
            let areas: Vec<Area> = (0..many)
                .map(|_| {
                    let [x, y] = [chance.below(1100) as i64 - 50, chance.below(900) as i64 - 50];
                    Area {
                        from: [x, y],
                        to: [x + 1 + chance.below(60) as i64, y + 1 + chance.below(60) as i64],
                    }
                })
                .collect();
            let apart = joined(areas.clone(), whole);
            assert!(
                apart.len() <= MOST_AREAS
                    && apart.is_empty() == areas.iter().all(|area| area.within(&whole).pixels() == 0)
            );
            for (k, area) in apart.iter().enumerate() {
                assert!(apart[..k].iter().all(|other| area.within(other).pixels() == 0), "{apart:?}");
            }
            for area in &areas {
                let area = area.within(&whole);
                if area.pixels() > 0 {
                    assert!(covered(&apart, area.from) && covered(&apart, [area.to[0] - 1, area.to[1] - 1]));
                }
            }
        }
    }
}
