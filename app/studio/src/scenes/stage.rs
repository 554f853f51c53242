//! A studio without a window: its frames are drawn into a texture that can be saved.

use std::path::Path;
use std::time::{Duration, Instant};

use clips::time::FRAMES_PER_SECOND;
use clips::{Fault, FaultKind, Result};
use egui::{Context, Pos2, RawInput, Rect, vec2};
use egui_wgpu::{RenderState, RendererOptions, ScreenDescriptor, wgpu};
use media::Transport;

use crate::Studio;
use crate::commands::Command;
use crate::theme::Theme;

/// Longest wait for workers.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// A studio and what draws it.
pub struct Stage {
    pub ctx: Context,
    pub gpu: RenderState,
    pub studio: Studio,
    pub size: [u32; 2],
    seconds: f64,
    pub pointer: Option<Pos2>,
    shapes: Vec<egui::epaint::ClippedShape>,
    /// Time spent in the studio's own code in the last frame.
    pub spent: Duration,
}

impl Stage {
    /// A studio whose pictures are the same on every driver.
    pub fn new(size: [u32; 2], theme: Theme) -> Result<Self> {
        Self::painted(size, theme, RendererOptions::PREDICTABLE)
    }

    /// A studio that is painted as its window is.
    pub fn as_window(size: [u32; 2], theme: Theme) -> Result<Self> {
        let options = RendererOptions { dithering: crate::window::DITHERING, ..Default::default() };
        let stage = Self::painted(size, theme, options)?;
        crate::app::keep_canvas(&stage.ctx, Some(&stage.gpu));
        Ok(stage)
    }

    fn painted(size: [u32; 2], theme: Theme, options: RendererOptions) -> Result<Self> {
        let gpu = gpu(options)?;
        let ctx = Context::default();
        let mut studio = Studio::bare(&ctx, Some(gpu.clone()), Transport::manual());
        studio.face_budget = None;
        studio.state.theme = theme;
        studio.state.evaluate.cache = None;
        studio.state.train.root = None;
        crate::theme::apply(&ctx, theme);
        let mut stage = Self {
            ctx,
            gpu,
            studio,
            size,
            seconds: 0.0,
            pointer: None,
            shapes: Vec::new(),
            spent: Duration::ZERO,
        };
        stage.settle()?;
        Ok(stage)
    }

    pub fn act(&mut self, command: Command) {
        self.studio.act(&self.ctx, command);
    }

    /// One frame, 40 ms later.
    pub fn frame(&mut self) {
        self.seconds += 1.0 / f64::from(FRAMES_PER_SECOND);
        let screen = Rect::from_min_size(
            Pos2::ZERO,
            vec2(self.size[0] as f32, self.size[1] as f32) / self.ctx.pixels_per_point(),
        );
        let mut input =
            RawInput { screen_rect: Some(screen), time: Some(self.seconds), ..RawInput::default() };
        if let Some(at) = self.pointer {
            input.events.push(egui::Event::PointerMoved(at));
        }
        let studio = &mut self.studio;
        let mut spent = Duration::ZERO;
        let mut output = self.ctx.run_ui(input, |ui| {
            let begun = Instant::now();
            studio.ui(ui);
            spent += begun.elapsed();
        });
        self.spent = spent;
        let mut renderer = self.gpu.renderer.write();
        for (id, images) in output.textures_delta.set.drain() {
            for image in images {
                renderer.update_texture(&self.gpu.device, &self.gpu.queue, id, &image);
            }
        }
        for id in output.textures_delta.free.drain() {
            renderer.free_texture(&id);
        }
        self.shapes = output.shapes;
    }

    /// Frames until no worker is busy; the first failure of a worker is the failure of the scene.
    pub fn settle(&mut self) -> Result<()> {
        self.wait_for_workers(true)
    }

    /// Frames until no worker is busy. In a strict scene any message is a failure.
    pub fn wait_for_workers(&mut self, strict: bool) -> Result<()> {
        let begun = Instant::now();
        loop {
            self.frame();
            if let Some(message) = self.studio.state.messages.first().filter(|_| strict) {
                return Err(Fault::new(
                    FaultKind::Internal,
                    "",
                    format!("{}: {}", message.about, message.what),
                )
                .remedy(message.remedy.clone()));
            }
            if self.studio.settled() {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(Fault::new(FaultKind::Internal, "", "a worker did not answer in time"));
            }
            std::thread::sleep(Duration::from_millis(4));
        }
    }

    pub fn wait(&self) {
        // A lost device shows itself when the picture is read.
        let _ = self
            .gpu
            .device
            .poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(Duration::from_secs(10)) });
    }

    /// Somewhere to paint.
    pub fn canvas(&self) -> wgpu::Texture {
        let [width, height] = self.size;
        self.gpu.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("scene"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: self.gpu.target_format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        })
    }

    /// Paints the last frame.
    pub fn paint(&mut self, canvas: &wgpu::Texture) {
        let (device, queue) = (&self.gpu.device, &self.gpu.queue);
        let screen =
            ScreenDescriptor { pixels_per_point: self.ctx.pixels_per_point(), size_in_pixels: self.size };
        let jobs = self.ctx.tessellate(std::mem::take(&mut self.shapes), screen.pixels_per_point);
        let [r, g, b, a] = self.studio.ground().map(f64::from);
        let ground = wgpu::Color { r, g, b, a };
        let view = canvas.create_view(&wgpu::TextureViewDescriptor::default());
        let mut encoder =
            device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("scene") });
        let mut renderer = self.gpu.renderer.write();
        let extra = renderer.update_buffers(device, queue, &mut encoder, &jobs, &screen);
        {
            let mut pass = encoder
                .begin_render_pass(&wgpu::RenderPassDescriptor {
                    label: Some("scene"),
                    color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                        view: &view,
                        resolve_target: None,
                        ops: wgpu::Operations {
                            load: wgpu::LoadOp::Clear(ground),
                            store: wgpu::StoreOp::Store,
                        },
                        depth_slice: None,
                    })],
                    ..Default::default()
                })
                .forget_lifetime();
            renderer.render(&mut pass, &jobs, &screen);
        }
        drop(renderer);
        queue.submit(extra.into_iter().chain([encoder.finish()]));
    }

    /// Paints the last frame into a file.
    pub fn picture(&mut self, out: &Path) -> Result<()> {
        let texture = self.canvas();
        self.paint(&texture);
        let (device, queue) = (&self.gpu.device, &self.gpu.queue);
        let [width, height] = self.size;
        let row = (width * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("scene pixels"),
            size: u64::from(row) * u64::from(height),
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        let mut encoder =
            device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("scene pixels") });
        encoder.copy_texture_to_buffer(
            texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &buffer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(row),
                    rows_per_image: None,
                },
            },
            texture.size(),
        );
        queue.submit([encoder.finish()]);
        let slice = buffer.slice(..);
        slice.map_async(wgpu::MapMode::Read, |_| {});
        let lost = |error: String| {
            Fault::new(FaultKind::Unsupported, "", format!("the graphics device gave no picture: {error}"))
                .remedy("update the graphics driver; on Debian or Ubuntu: mesa-vulkan-drivers")
        };
        device
            .poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(Duration::from_secs(60)) })
            .map_err(|error| lost(error.to_string()))?;
        let bytes = slice.get_mapped_range().map_err(|error| lost(error.to_string()))?;
        let swapped = format!("{:?}", self.gpu.target_format).starts_with("Bgra");
        let mut pixels = Vec::with_capacity((width * height * 3) as usize);
        for line in bytes.chunks_exact(row as usize) {
            for pixel in line[..(width * 4) as usize].chunks_exact(4) {
                let [r, g, b] =
                    if swapped { [pixel[2], pixel[1], pixel[0]] } else { [pixel[0], pixel[1], pixel[2]] };
                pixels.extend([r, g, b]);
            }
        }
        image::save_buffer(out, &pixels, width, height, image::ExtendedColorType::Rgb8).map_err(|error| {
            Fault::new(FaultKind::NotWritable, out, error.to_string())
                .remedy("name a .png file in a folder you may write to")
        })
    }
}

/// A device for off-screen drawing.
fn gpu(options: RendererOptions) -> Result<RenderState> {
    let setup = crate::window::gpu_setup();
    let none = |error: String| {
        Fault::new(FaultKind::Unsupported, "", format!("no graphics device: {error}"))
            .remedy("install a graphics driver, a software one will do; Debian or Ubuntu: libvulkan1 mesa-vulkan-drivers")
    };
    pollster::block_on(async {
        let instance = setup.new_instance().await;
        let configuration = egui_wgpu::WgpuConfiguration { wgpu_setup: setup, ..Default::default() };
        RenderState::create(&configuration, &instance, None, options)
            .await
            .map_err(|error| none(error.to_string()))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

    use super::*;
    use crate::canvas::Canvas;
    use crate::overlay::Overlay;
    use crate::state::Workspace;

    /// The window as it is, as it would be if all of it had been painted for this frame, and as egui's painter paints it.
    fn thrice(stage: &mut Stage, folder: &Path) -> [image::RgbImage; 3] {
        let ctx = stage.ctx.clone();
        let shown = stage.shapes.clone();
        let file = folder.join("window.png");
        let mut picture = |shapes: &Vec<_>| {
            stage.shapes.clone_from(shapes);
            stage.picture(&file).unwrap();
            image::open(&file).unwrap().into_rgb8()
        };
        let changed = picture(&shown);
        let shapes = ctx.with_plugin(|canvas: &mut Canvas| canvas.paint_all(&ctx)).unwrap();
        [changed, picture(&shown), picture(&shapes)]
    }

    #[test]
    fn painting_what_has_changed_makes_the_window_that_painting_all_makes() {
        let folder = tempfile::tempdir().unwrap();
        let mut stage = Stage::as_window([1280, 800], Theme::Dark).unwrap();
        if stage.ctx.plugin_opt::<Canvas>().is_none() {
            return; // a graphics card paints whole windows
        }
        crate::scenes::plays::compare(&mut stage).unwrap();
        let painted = |stage: &Stage| stage.ctx.with_plugin(|canvas: &mut Canvas| canvas.painted()).unwrap();
        let mut chance = clips::Chance::new(1, "canvas", &[]);
        let all: Vec<Command> = [
            Command::Overlay(Overlay::Regions),
            Command::ToggleList,
            Command::Palette,
            Command::Close,
            Command::SwitchTheme,
            Command::Show(Workspace::Face),
            Command::Show(Workspace::Compare),
            Command::ToggleInspector,
            Command::ToggleGhost,
        ]
        .into();
        for step in 0..60 {
            let pixels = stage.size.map(f64::from);
            stage.pointer =
                Some(Pos2::new((chance.uniform() * pixels[0]) as f32, (chance.uniform() * pixels[1]) as f32));
            match step % 6 {
                0 => stage.act(all[step / 6 % all.len()].clone()),
                3 => stage.studio.playback.seek(chance.below(700)),
                _ => {}
            }
            if step == 40 {
                stage.size = [1000, 700];
            }
            stage.frame();
            let [changed, whole, egui] = thrice(&mut stage, folder.path());
            let differing = changed.pixels().zip(whole.pixels()).filter(|(a, b)| a != b).count();
            assert_eq!(differing, 0, "step {step}");
            let far = changed.iter().zip(egui.iter()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(far <= Some(1), "step {step}: {far:?} levels");
        }
        // what stands still is not painted
        let before = painted(&stage);
        for _ in 0..30 {
            stage.frame();
        }
        let window = u64::from(stage.size[0] * stage.size[1]);
        assert!(painted(&stage) - before < window, "{} pixels", painted(&stage) - before);
    }
}
