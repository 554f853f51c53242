//! Pictures of faces as textures of the window: one off-screen target a view, redrawn only when its frame, camera,
//! size or theme has changed, so that a still wall costs nothing.

use std::collections::HashMap;

use egui::TextureId;
use egui_wgpu::RenderState;
use face::{Camera, Expression, Look, Renderer, Target};

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
    /// The one face of Present.
    Stage,
}

/// Side of a target in pixels.
const LARGEST: u32 = 2048;
/// Windows frames after which an unseen picture is given back.
const FORGET_AFTER: u64 = 240;

struct View {
    target: Target,
    texture: TextureId,
    shown: Shown,
    seen: u64,
}

/// Everything that a picture depends on.
#[derive(Clone, PartialEq)]
struct Shown {
    expression: Expression,
    camera: Camera,
    theme: Theme,
    size: [u32; 2],
}

/// All pictures of a window.
#[derive(Default)]
pub struct Faces {
    gpu: Option<RenderState>,
    renderer: Option<Renderer>,
    views: HashMap<Seat, View>,
    round: u64,
    drawn: u64,
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

    /// Takes the renderer when a worker has made it.
    pub fn set_renderer(&mut self, renderer: Renderer) {
        self.renderer = Some(renderer);
    }

    /// Whether faces can be drawn.
    pub fn ready(&self) -> bool {
        self.gpu.is_some() && self.renderer.is_some()
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

    /// The picture of a face for a view of `size` pixels; `None` while no faces can be drawn.
    pub fn picture(
        &mut self,
        seat: Seat,
        size: [u32; 2],
        expression: &Expression,
        camera: &Camera,
        theme: Theme,
    ) -> Option<TextureId> {
        let (gpu, renderer) = (self.gpu.as_ref()?, self.renderer.as_mut()?);
        let size = size.map(|side| side.clamp(16, LARGEST));
        let shown = Shown { expression: *expression, camera: *camera, theme, size };
        if let Some(view) = self.views.get_mut(&seat) {
            view.seen = self.round;
            if view.shown == shown {
                return Some(view.texture);
            }
        }
        let look = match theme {
            Theme::Dark => Look::dark(),
            Theme::Light => Look::light(),
        };
        let resized = self.views.get(&seat).is_none_or(|view| view.shown.size != size);
        if resized {
            let target = Target::new(renderer, size[0], size[1]);
            let texture = match self.views.remove(&seat) {
                Some(old) => {
                    gpu.renderer.write().update_egui_texture_from_wgpu_texture(
                        &gpu.device,
                        target.view(),
                        egui_wgpu::wgpu::FilterMode::Linear,
                        old.texture,
                    );
                    old.texture
                }
                None => gpu.renderer.write().register_native_texture(
                    &gpu.device,
                    target.view(),
                    egui_wgpu::wgpu::FilterMode::Linear,
                ),
            };
            self.views.insert(seat, View { target, texture, shown: shown.clone(), seen: self.round });
        }
        let view = self.views.get_mut(&seat)?;
        renderer.draw(&gpu.device, &gpu.queue, &mut view.target, expression, camera, &look);
        view.shown = shown;
        self.drawn += 1;
        Some(view.texture)
    }
}
