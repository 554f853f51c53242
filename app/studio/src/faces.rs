//! Pictures of faces as textures of the window: one off-screen target a view, redrawn only when its moment, camera,
//! size or look has changed, so that a still wall costs nothing. All that are redrawn go to the device as one batch;
//! takes are loaded once and a frame of one is an index.
//!
//! The window's painter reads textures as they are and decodes nothing, so targets are of the plain format. On a
//! device that is a program on the processor faces are plainer while something plays, and fine again when it stands.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use egui::TextureId;
use egui_wgpu::{RenderState, wgpu};
use face::{Batch, Camera, Coefficients, Expression, Look, Moment, Quality, Renderer, Shot, Take, Target};

use crate::motion::Motion;

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
    /// The one face of Present, or the one set by hand.
    Stage,
}

/// Side of a target in pixels.
const LARGEST: u32 = 2048;
/// Windows frames after which an unseen picture is given back.
const FORGET_AFTER: u64 = 240;

/// How long after the last turn of the camera faces stay plain on a slow device.
const TURNING: Duration = Duration::from_millis(300);

struct View {
    target: Target,
    texture: TextureId,
    shown: Shown,
    /// How it was last drawn.
    quality: Quality,
    /// Window frame in which it was last asked for.
    seen: u64,
    /// Window frame in which it was last drawn.
    drawn: u64,
    /// Whether it still shows something else.
    old: bool,
}

/// What a face does.
#[derive(Clone, Copy, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one a view; being Copy is worth more than 200 bytes")]
enum Doing {
    Still(Expression),
    /// A loaded motion by its key, at a moment in frames.
    Take(usize, f32),
}

/// Everything that a picture depends on.
#[derive(Clone, PartialEq)]
struct Shown {
    doing: Doing,
    camera: Camera,
    look: Look,
    size: [u32; 2],
    person: usize,
}

/// A motion on the device. The weak pointer keeps its address, which is its key, from being used again.
struct Loaded {
    motion: Weak<Motion>,
    take: Take,
    seen: u64,
}

/// What draws, once a worker has made the renderer.
struct Easel {
    renderer: Renderer,
    batch: Batch,
    coefficients: Coefficients,
    takes: HashMap<usize, Loaded>,
}

/// All pictures of a window.
#[derive(Default)]
pub struct Faces {
    gpu: Option<RenderState>,
    easel: Option<Easel>,
    views: HashMap<Seat, View>,
    round: u64,
    drawn: u64,
    /// Pictures drawn since they were last asked for.
    redrawn: Vec<TextureId>,
    held: bool,
    /// When the camera was last turned.
    turned: Option<Instant>,
    /// How faces were last drawn.
    quality: Quality,
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
        let (batch, coefficients) = (Batch::new(&renderer), Coefficients::new(&renderer));
        self.easel = Some(Easel { renderer, batch, coefficients, takes: HashMap::new() });
    }

    /// Whether faces can be drawn.
    pub fn ready(&self) -> bool {
        self.gpu.is_some() && self.easel.is_some()
    }

    /// Whether the device is a program on the processor.
    pub fn software(&self) -> bool {
        self.gpu.as_ref().is_some_and(|gpu| gpu.adapter.get_info().device_type == wgpu::DeviceType::Cpu)
    }

    /// Pictures drawn since the start; tests count them.
    pub fn drawn(&self) -> u64 {
        self.drawn
    }

    /// The textures that have been drawn since the last call.
    pub(crate) fn take_redrawn(&mut self) -> Vec<TextureId> {
        std::mem::take(&mut self.redrawn)
    }

    /// How faces were last drawn.
    pub fn quality(&self) -> Quality {
        self.quality
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
        if let Some(Easel { coefficients, takes, .. }) = &mut self.easel {
            takes.retain(|_, loaded| {
                let keep = loaded.motion.strong_count() > 0 && round - loaded.seen < FORGET_AFTER;
                if !keep {
                    coefficients.remove(loaded.take);
                }
                keep
            });
        }
    }

    /// The picture of an expression for a view of `size` pixels, right after the next [`Faces::flush`]; `None` while no
    /// faces can be drawn.
    pub fn picture(
        &mut self,
        seat: Seat,
        size: [u32; 2],
        expression: &Expression,
        camera: &Camera,
        look: Look,
        person: usize,
    ) -> Option<TextureId> {
        self.view(seat, size, Doing::Still(*expression), camera, look, person)
    }

    /// The picture of a motion at a moment in frames, as [`Faces::picture`]. The motion is loaded when first seen.
    pub fn motion(
        &mut self,
        seat: Seat,
        size: [u32; 2],
        motion: &Arc<Motion>,
        moment: f32,
        camera: &Camera,
        look: Look,
        person: usize,
    ) -> Option<TextureId> {
        let easel = self.easel.as_mut()?;
        let key = Arc::as_ptr(motion) as usize;
        let round = self.round;
        let known = easel.takes.get_mut(&key).map(|loaded| loaded.seen = round).is_some();
        let loaded = known
            || match easel.coefficients.put(&easel.renderer, &motion.frames) {
                Ok(take) => {
                    let loaded = Loaded { motion: Arc::downgrade(motion), take, seen: round };
                    easel.takes.insert(key, loaded);
                    true
                }
                Err(_) => false,
            };
        // a motion without frames, or too many for the table: its face is drawn from this moment alone
        let doing = match loaded {
            true => Doing::Take(key, moment),
            false => Doing::Still(motion.at(moment.max(0.0) as usize)),
        };
        self.view(seat, size, doing, camera, look, person)
    }

    fn view(
        &mut self,
        seat: Seat,
        size: [u32; 2],
        doing: Doing,
        camera: &Camera,
        look: Look,
        person: usize,
    ) -> Option<TextureId> {
        let (gpu, easel) = (self.gpu.as_ref()?, self.easel.as_ref()?);
        let size = size.map(|side| side.clamp(16, LARGEST));
        let shown = Shown { doing, camera: *camera, look, size, person };
        if !self.views.contains_key(&seat) {
            let quality = Quality::Fine;
            let [width, height] = quality.drawn(size, &shown.look);
            let target = Target::plain(&easel.renderer, width, height);
            let filter = wgpu::FilterMode::Linear;
            let texture = gpu.renderer.write().register_native_texture(&gpu.device, target.view(), filter);
            let (shown, seen) = (shown.clone(), self.round);
            self.views.insert(seat, View { target, texture, shown, quality, seen, drawn: 0, old: true });
        }
        let view = self.views.get_mut(&seat)?;
        view.seen = self.round;
        if view.shown != shown {
            if view.shown.camera != shown.camera {
                self.turned = Some(Instant::now());
            }
            view.shown = shown;
            view.old = true;
        }
        Some(view.texture)
    }

    /// Where the names of the action units stand on a face of a person, world cm.
    pub fn region_places(&self, expression: &Expression, person: usize) -> Option<[[f32; 3]; 15]> {
        Some(self.easel.as_ref()?.renderer.head_of(person).region_places(&expression.pose))
    }

    /// Stops drawing, for measuring everything else.
    pub(crate) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Draws the pictures that are no longer right as one batch. `moving` says that something plays: a device that is
    /// a program on the processor then draws plainer faces, and fine ones a few at a time when it stands, until
    /// `budget` is spent. True when some are left for the next window frame.
    pub fn flush(&mut self, budget: Option<Duration>, moving: bool) -> bool {
        let software = self.software();
        let (Some(gpu), Some(easel)) = (self.gpu.as_ref(), self.easel.as_mut()) else { return false };
        if self.held {
            return false;
        }
        let begun = Instant::now();
        let turning = software && self.turned.is_some_and(|at| at.elapsed() < TURNING);
        let moving = moving || turning;
        let quality = if software && moving && budget.is_some() { Quality::Quick } else { Quality::Fine };
        let round = self.round;
        let mut waiting: Vec<&mut View> = self
            .views
            .values_mut()
            .filter(|view| view.seen == round && (view.old || (!moving && view.quality != quality)))
            .collect();
        // what shows another moment comes before what is only plainer than it could be; then the longest waiting
        waiting.sort_by_key(|view| (!view.old, view.drawn));
        let at_once = if software && quality == Quality::Fine && budget.is_some() { 1 } else { usize::MAX };
        for views in waiting.chunks_mut(at_once.min(64)) {
            if views.iter().all(|view| view.drawn == round) {
                continue;
            }
            if self.drawn > 0 && at_once == 1 && budget.is_some_and(|budget| begun.elapsed() >= budget) {
                return true;
            }
            draw(gpu, easel, views, quality);
            self.quality = quality;
            for view in views.iter_mut() {
                (view.drawn, view.old, view.quality) = (round, false, quality);
            }
            self.redrawn.extend(views.iter().map(|view| view.texture));
            self.drawn += views.len() as u64;
        }
        turning && budget.is_some()
    }
}

fn draw(gpu: &RenderState, easel: &mut Easel, views: &mut [&mut View], quality: Quality) {
    let Easel { renderer, batch, coefficients, takes } = easel;
    // a picture of another size takes the place of the old one, which was shown stretched until now; a larger one than the
    // view is shrunk by the window's painter
    let mut resized = Vec::new();
    for (index, view) in views.iter_mut().enumerate() {
        let [width, height] = quality.drawn(view.shown.size, &view.shown.look);
        if view.target.size() != (width, height) {
            view.target = Target::plain(renderer, width, height);
            resized.push(index);
        }
    }
    let shots: Vec<Shot<'_>> = views
        .iter()
        .map(|view| Shot {
            target: &view.target,
            moment: match view.shown.doing {
                Doing::Still(expression) => Moment::Still(expression),
                Doing::Take(key, at) => match takes.get(&key) {
                    Some(loaded) => Moment::Take(loaded.take, at),
                    None => Moment::Still(Expression::default()),
                },
            },
            camera: &view.shown.camera,
            look: &view.shown.look,
            person: view.shown.person,
        })
        .collect();
    batch.draw(renderer, coefficients, &shots, quality);
    let mut painter = gpu.renderer.write();
    for view in resized.into_iter().map(|index| &views[index]) {
        let (seen, filter) = (view.target.view(), wgpu::FilterMode::Linear);
        painter.update_egui_texture_from_wgpu_texture(&gpu.device, seen, filter, view.texture);
    }
}
