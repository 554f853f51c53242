//! Pictures of faces as textures of the window: one off-screen target a view, redrawn only when its frame, camera,
//! size or theme has changed, so that a still wall costs nothing.
//!
//! The window's painter reads textures as they are and decodes nothing, while a face is drawn into an sRGB target;
//! so each picture is copied, bit by bit, into a texture of the plain format.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use egui::TextureId;
use egui_wgpu::{RenderState, wgpu};
use face::{Camera, Expression, Ghost, Look, Renderer, Target};

use crate::theme::Theme;

/// Which view a picture is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Seat {
    /// The speaker.
    Speaker,
    /// The real listener.
    Listener,
    /// A tile of the wall.
    Tile(usize),
    /// A face of a checkpoint preview.
    Preview(usize),
    /// The one face of Present.
    Stage,
}

/// Side of a target in pixels.
const LARGEST: u32 = 2048;
/// Windows frames after which an unseen picture is given back.
const FORGET_AFTER: u64 = 240;

struct View {
    target: Target,
    plain: wgpu::Texture,
    texture: TextureId,
    /// The window's texture is still the picture of another size, stretched, until the next drawing.
    stretched: bool,
    shown: Shown,
    /// Window frame in which it was last asked for.
    seen: u64,
    /// Window frame in which it was last drawn.
    drawn: u64,
    /// Whether it still shows something else.
    old: bool,
}

/// Everything that a picture depends on.
#[derive(Clone, PartialEq)]
struct Shown {
    expression: Expression,
    camera: Camera,
    theme: Theme,
    size: [u32; 2],
    ghost: Option<Expression>,
}

/// All pictures of a window.
#[derive(Default)]
pub struct Faces {
    gpu: Option<RenderState>,
    renderer: Option<Renderer>,
    views: HashMap<Seat, View>,
    round: u64,
    drawn: u64,
    held: bool,
}

impl Faces {
    /// Draws with the given device; `None` draws no faces.
    pub fn new(gpu: Option<RenderState>) -> Self {
        Self { gpu, ..Self::default() }
    }

    /// The device, to make a renderer on a worker.
    pub fn gpu(&self) -> Option<&RenderState> {
        self.gpu.as_ref()
    }

    /// Takes the renderer when a worker has made it; pictures of another head are given back and drawn anew.
    pub fn set_renderer(&mut self, renderer: Renderer) {
        if let Some(gpu) = &self.gpu {
            let mut painter = gpu.renderer.write();
            self.views.drain().for_each(|(_, view)| painter.free_texture(&view.texture));
        }
        self.renderer = Some(renderer);
    }

    /// Whether faces can be drawn.
    pub fn ready(&self) -> bool {
        self.gpu.is_some() && self.renderer.is_some()
    }

    /// Whether the device is a program on the processor.
    pub fn software(&self) -> bool {
        self.gpu.as_ref().is_some_and(|gpu| gpu.adapter.get_info().device_type == wgpu::DeviceType::Cpu)
    }

    /// Pictures drawn since the start; tests count them.
    pub fn drawn(&self) -> u64 {
        self.drawn
    }

    /// Begins a window frame; gives back pictures that have not been seen for some time.
    pub fn begin(&mut self) {
        self.round += 1;
        let Some(gpu) = &self.gpu else { return };
        let round = self.round;
        self.views.retain(|_, view| {
            let keep = round - view.seen < FORGET_AFTER;
            if !keep {
                gpu.renderer.write().free_texture(&view.texture);
            }
            keep
        });
    }

    /// The picture of a face for a view of `size` pixels, right after the next [`Faces::flush`]; `None` while no faces
    /// can be drawn.
    pub fn picture(
        &mut self,
        seat: Seat,
        size: [u32; 2],
        expression: &Expression,
        camera: &Camera,
        theme: Theme,
        ghost: Option<&Expression>,
    ) -> Option<TextureId> {
        let (gpu, renderer) = (self.gpu.as_ref()?, self.renderer.as_ref()?);
        let size = size.map(|side| side.clamp(16, LARGEST));
        let shown = Shown { expression: *expression, camera: *camera, theme, size, ghost: ghost.copied() };
        let resized = self.views.get(&seat).is_none_or(|view| view.shown.size != size);
        if resized {
            let target = Target::new(renderer, size[0], size[1]);
            let plain = plain_texture(&gpu.device, size);
            let (texture, stretched) = match self.views.remove(&seat) {
                Some(old) => (old.texture, true),
                None => {
                    let seen = plain.create_view(&wgpu::TextureViewDescriptor::default());
                    let mut painter = gpu.renderer.write();
                    let filter = wgpu::FilterMode::Linear;
                    (painter.register_native_texture(&gpu.device, &seen, filter), false)
                }
            };
            let (shown, seen) = (shown.clone(), self.round);
            let view = View { target, plain, texture, stretched, shown, seen, drawn: 0, old: true };
            self.views.insert(seat, view);
        }
        let view = self.views.get_mut(&seat)?;
        view.seen = self.round;
        if view.shown != shown {
            view.shown = shown;
            view.old = true;
        }
        Some(view.texture)
    }

    /// Stops drawing, for measuring everything else.
    pub(crate) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Draws the pictures that are no longer right, longest waiting first, until `budget` is spent (at least one;
    /// all without a budget). True when some are left for the next window frame: on a slow device faces lag a
    /// little, and the window stays quick.
    pub fn flush(&mut self, budget: Option<Duration>) -> bool {
        let (Some(gpu), Some(renderer)) = (self.gpu.as_ref(), self.renderer.as_ref()) else { return false };
        if self.held {
            return false;
        }
        let (begun, mut drawn) = (Instant::now(), 0);
        let mut waiting: Vec<&mut View> =
            self.views.values_mut().filter(|view| view.old && view.seen == self.round).collect();
        waiting.sort_by_key(|view| view.drawn);
        for view in waiting {
            if drawn > 0 && budget.is_some_and(|budget| begun.elapsed() >= budget) {
                return true;
            }
            draw(gpu, renderer, view);
            view.drawn = self.round;
            view.old = false;
            drawn += 1;
            self.drawn += 1;
        }
        false
    }
}

fn draw(gpu: &RenderState, renderer: &Renderer, view: &mut View) {
    let shown = &view.shown;
    let mut look = match shown.theme {
        Theme::Dark => Look::dark(),
        Theme::Light => Look::light(),
    };
    look.ghost = shown.ghost.map(|expression| Ghost { expression, tint: [1.0, 1.0, 1.0], alpha: 0.55 });
    renderer.draw(&gpu.device, &gpu.queue, &mut view.target, &shown.expression, &shown.camera, &look);
    let mut encoder =
        gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("face copy") });
    encoder.copy_texture_to_texture(
        view.target.texture().as_image_copy(),
        view.plain.as_image_copy(),
        wgpu::Extent3d { width: shown.size[0], height: shown.size[1], depth_or_array_layers: 1 },
    );
    gpu.queue.submit([encoder.finish()]);
    if std::mem::take(&mut view.stretched) {
        let seen = view.plain.create_view(&wgpu::TextureViewDescriptor::default());
        let mut painter = gpu.renderer.write();
        let filter = wgpu::FilterMode::Linear;
        painter.update_egui_texture_from_wgpu_texture(&gpu.device, &seen, filter, view.texture);
    }
}

fn plain_texture(device: &wgpu::Device, size: [u32; 2]) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: Some("face for the window"),
        size: wgpu::Extent3d { width: size[0], height: size[1], depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    })
}
