//! Drawings that change seldom, kept as pictures on the device: a mesh of lines is painted once, and the window shows one
//! rectangle until something it was drawn from changes. Tens of thousands of triangles in every frame are nothing to a
//! graphics card, and most of the time of a software driver while a playhead moves over them.
//!
//! A picture has the pixels of the window one to one, so it looks as the mesh does.

use std::collections::HashMap;

use egui::epaint::{ClippedPrimitive, ImageDelta, Mesh, Primitive};
use egui::{Color32, ColorImage, Painter, Pos2, Rect, Shape, TextureId, TextureOptions, pos2, vec2};
use egui_wgpu::{RenderState, Renderer, RendererOptions, ScreenDescriptor, wgpu};
use std::sync::Arc;

use crate::tracks::Track;

/// What the window's painter reads as it is.
const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;
/// Longest side of a picture in pixels; larger drawings are painted as they are.
const LARGEST: u32 = 8192;
/// Window frames after which an unseen picture is given back.
const FORGET_AFTER: u64 = 240;

struct Sheet {
    key: u64,
    texture: TextureId,
    view: wgpu::TextureView,
    size: [u32; 2],
    seen: u64,
}

/// All pictures of a window.
#[derive(Default)]
pub struct Sheets {
    gpu: Option<RenderState>,
    /// What paints them; made when first needed.
    painter: Option<Renderer>,
    sheets: HashMap<Track, Sheet>,
    round: u64,
    drawn: u64,
    /// Pictures painted since they were last asked for.
    redrawn: Vec<TextureId>,
}

impl Sheets {
    /// Paints with the given device; without one meshes are shown as they are.
    pub fn new(gpu: Option<RenderState>) -> Self {
        Self { gpu, ..Self::default() }
    }

    /// Begins a window frame; gives back what has not been seen for some time.
    pub fn begin(&mut self) {
        self.round += 1;
        let Some(gpu) = &self.gpu else { return };
        let round = self.round;
        self.sheets.retain(|_, sheet| {
            let keep = round - sheet.seen < FORGET_AFTER;
            if !keep {
                gpu.renderer.write().free_texture(&sheet.texture);
            }
            keep
        });
    }

    /// Pictures painted since the start; tests count them.
    pub fn drawn(&self) -> u64 {
        self.drawn
    }

    /// The textures that have been painted since the last call.
    pub(crate) fn take_redrawn(&mut self) -> Vec<TextureId> {
        std::mem::take(&mut self.redrawn)
    }

    /// Shows a mesh that lies within `area`. `key` says what it was made from: the picture of the same key is shown again.
    pub fn show(&mut self, painter: &Painter, track: Track, key: u64, area: Rect, mesh: &Arc<Mesh>) {
        let scale = painter.ctx().pixels_per_point();
        // whole pixels of the window
        let (low, high) = (area.min * scale, area.max * scale);
        let (low, high) = (pos2(low.x.floor(), low.y.floor()), pos2(high.x.ceil(), high.y.ceil()));
        let size = [(high.x - low.x) as u32, (high.y - low.y) as u32];
        let place = Rect::from_min_max(low / scale, high / scale);
        match self.texture(track, key, place, size, scale, mesh) {
            Some(texture) => {
                let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
                painter.image(texture, place, whole, Color32::WHITE);
            }
            None => {
                painter.add(Shape::mesh(mesh.clone()));
            }
        }
    }

    fn texture(
        &mut self,
        track: Track,
        key: u64,
        place: Rect,
        size: [u32; 2],
        scale: f32,
        mesh: &Mesh,
    ) -> Option<TextureId> {
        let gpu = self.gpu.as_ref()?;
        if mesh.is_empty() || size.iter().any(|side| *side == 0 || *side > LARGEST) {
            return None;
        }
        if self.sheets.get(&track).is_none_or(|sheet| sheet.size != size) {
            let view = blank(&gpu.device, size);
            let mut window = gpu.renderer.write();
            // a pixel is a pixel: between them there is nothing to filter
            let filter = wgpu::FilterMode::Nearest;
            let texture = match self.sheets.remove(&track) {
                Some(old) => {
                    window.update_egui_texture_from_wgpu_texture(&gpu.device, &view, filter, old.texture);
                    old.texture
                }
                None => window.register_native_texture(&gpu.device, &view, filter),
            };
            self.sheets.insert(track, Sheet { key: !key, texture, view, size, seen: 0 });
        }
        let sheet = self.sheets.get_mut(&track)?;
        sheet.seen = self.round;
        if sheet.key != key {
            sheet.key = key;
            self.drawn += 1;
            self.redrawn.push(sheet.texture);
            let painter = self.painter.get_or_insert_with(|| renderer(gpu));
            paint(gpu, painter, sheet, place, scale, mesh);
        }
        Some(sheet.texture)
    }
}

fn blank(device: &wgpu::Device, [width, height]: [u32; 2]) -> wgpu::TextureView {
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("sheet"),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: FORMAT,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::TEXTURE_BINDING,
        view_formats: &[],
    });
    texture.create_view(&wgpu::TextureViewDescriptor::default())
}

/// A painter like the window's, for the format of the pictures. Lines have no texture: theirs is one white pixel.
fn renderer(gpu: &RenderState) -> Renderer {
    let options = RendererOptions { dithering: false, ..RendererOptions::default() };
    let mut renderer = Renderer::new(&gpu.device, FORMAT, options);
    let white = ImageDelta::full(ColorImage::filled([1, 1], Color32::WHITE), TextureOptions::NEAREST);
    renderer.update_texture(&gpu.device, &gpu.queue, TextureId::default(), &white);
    renderer
}

fn paint(gpu: &RenderState, painter: &mut Renderer, sheet: &Sheet, place: Rect, scale: f32, mesh: &Mesh) {
    let mut moved = mesh.clone();
    moved.translate(-place.min.to_vec2());
    let area = Rect::from_min_size(Pos2::ZERO, vec2(sheet.size[0] as f32, sheet.size[1] as f32) / scale);
    let jobs = [ClippedPrimitive { clip_rect: area, primitive: Primitive::Mesh(moved) }];
    let screen = ScreenDescriptor { size_in_pixels: sheet.size, pixels_per_point: scale };
    let mut encoder =
        gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("sheet") });
    let extra = painter.update_buffers(&gpu.device, &gpu.queue, &mut encoder, &jobs, &screen);
    {
        let mut pass = encoder
            .begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("sheet"),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &sheet.view,
                    resolve_target: None,
                    ops: wgpu::Operations {
                        load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                        store: wgpu::StoreOp::Store,
                    },
                    depth_slice: None,
                })],
                ..Default::default()
            })
            .forget_lifetime();
        painter.render(&mut pass, &jobs, &screen);
    }
    gpu.queue.submit(extra.into_iter().chain([encoder.finish()]));
}
