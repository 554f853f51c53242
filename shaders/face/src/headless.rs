//! Pictures without a window: on a device of our own, or by the software twin where there is none.

use crate::batch::{Batch, Moment, Shot};
use crate::coefficients::Coefficients;
use crate::error::{Result, device as device_error};
use crate::expression::Expression;
use crate::gpu::Renderer;
use crate::head::Head;
use crate::smooth::{Smoother, smooth_all};
use crate::target::Target;
use crate::twin;
use crate::view::{Camera, Look, Quality};
use std::sync::Arc;

/// A picture in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// sRGB and alpha, 4 bytes a pixel, rows from the top.
    pub rgba: Vec<u8>,
}

impl Picture {
    /// The pixel at x, y; black outside.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 4] {
        if x >= self.width {
            return [0; 4];
        }
        let i = (y as usize * self.width as usize + x as usize) * 4;
        match self.rgba.get(i..i + 4) {
            Some(p) => [p[0], p[1], p[2], p[3]],
            None => [0; 4],
        }
    }

    /// Half as many pixels each way, four of them averaged as they are stored, by how much each covers.
    pub(crate) fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut rgba = Vec::with_capacity(4 * width as usize * height as usize);
        for y in 0..height {
            for x in 0..width {
                let four = [(0, 0), (1, 0), (0, 1), (1, 1)];
                let four = four.map(|(right, down)| self.pixel(2 * x + right, 2 * y + down).map(u32::from));
                let cover: u32 = four.iter().map(|pixel| pixel[3]).sum();
                for channel in 0..3 {
                    let sum: u32 = four.iter().map(|pixel| pixel[channel] * pixel[3]).sum();
                    rgba.push(((sum + cover / 2) / cover.max(1)) as u8);
                }
                rgba.push(((cover + 2) / 4) as u8);
            }
        }
        Self { width, height, rgba }
    }
}

/// What drew a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A graphics device, by name.
    Gpu(String),
    /// The software twin; why there was no device.
    Twin(String),
}

impl std::fmt::Display for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gpu(name) => write!(f, "{name}"),
            Self::Twin(why) => write!(f, "software ({why})"),
        }
    }
}

/// One face of a wall of pictures.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What the face does.
    pub expression: &'a Expression,
    /// From where.
    pub camera: &'a Camera,
    /// In what light.
    pub look: &'a Look,
    /// Width and height in pixels.
    pub size: [u32; 2],
}

/// What is kept between the pictures of one renderer.
struct Easel {
    batch: Batch,
    coefficients: Coefficients,
    targets: Vec<Target>,
    smoothers: Vec<Smoother>,
    /// What pictures are read back through.
    through: Option<wgpu::Buffer>,
}

impl Easel {
    fn new(renderer: &Renderer) -> Self {
        let coefficients = Coefficients::new(renderer);
        Self {
            batch: Batch::new(renderer),
            coefficients,
            targets: Vec::new(),
            smoothers: Vec::new(),
            through: None,
        }
    }

    fn pictures(
        &mut self,
        renderer: &Renderer,
        views: &[View<'_>],
        quality: Quality,
    ) -> Result<Vec<Picture>> {
        self.targets.truncate(views.len());
        for (i, view) in views.iter().enumerate() {
            let [w, h] = view.size;
            if self.targets.get(i).is_none_or(|t| t.size() != (w, h)) {
                let new = Target::new(renderer, w, h);
                match self.targets.get_mut(i) {
                    Some(slot) => *slot = new,
                    None => self.targets.push(new),
                }
            }
        }
        let shots: Vec<Shot<'_>> = views
            .iter()
            .zip(&self.targets)
            .map(|(v, target)| Shot {
                target,
                moment: Moment::Still(*v.expression),
                camera: v.camera,
                look: v.look,
                person: 0,
            })
            .collect();
        // what a lost device makes is invalid, which would end the program where nobody watches
        let invalid = renderer.device.push_error_scope(wgpu::ErrorFilter::Validation);
        self.batch.draw(renderer, &mut self.coefficients, &shots, quality);
        let targets: Vec<&Target> = self.targets.iter().collect();
        let out = read_back_through(&mut self.through, &renderer.device, &renderer.queue, &targets);
        if let Some(e) = pollster::block_on(invalid.pop()) {
            return Err(device_error(format!("the graphics device refused to draw: {e}")));
        }
        let mut out = out?;
        for (picture, view) in out.iter_mut().zip(views) {
            if view.look.transparent {
                straighten(picture);
            }
        }
        if quality == Quality::Plain {
            smooth_all(&mut self.smoothers, &mut out);
        }
        Ok(out)
    }
}

/// A device of our own and a renderer on it.
pub struct Headless {
    device: wgpu::Device,
    queue: wgpu::Queue,
    renderer: Renderer,
    name: String,
    software: bool,
    easel: std::sync::Mutex<Easel>,
}

impl Headless {
    /// The built-in head on the best device there is.
    ///
    /// # Errors
    /// [`crate::FaceError::Device`] when the machine has no graphics driver at all.
    pub fn new() -> Result<Self> {
        Self::with_head(&Head::builtin()?)
    }

    /// Another head on the best device there is.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_head(head: &Arc<Head>) -> Result<Self> {
        let (device, queue, info) = open()?;
        let renderer = Renderer::new(&device, &queue, head)?;
        let easel = std::sync::Mutex::new(Easel::new(&renderer));
        let software = info.device_type == wgpu::DeviceType::Cpu;
        Ok(Self { device, queue, renderer, name: info.name, software, easel })
    }

    /// The device's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the device is a program on the processor.
    pub fn software(&self) -> bool {
        self.software
    }

    /// The device, its queue and the renderer on it.
    pub fn parts(&self) -> (&wgpu::Device, &wgpu::Queue, &Renderer) {
        (&self.device, &self.queue, &self.renderer)
    }

    /// Draws one picture and reads it back.
    ///
    /// # Errors
    /// [`crate::FaceError::Device`] when the size is beyond the device or the device is lost.
    pub fn picture(
        &self,
        expression: &Expression,
        camera: &Camera,
        look: &Look,
        width: u32,
        height: u32,
    ) -> Result<Picture> {
        one(self.pictures(&[View { expression, camera, look, size: [width, height] }], Quality::Fine)?)
    }

    /// Draws many faces in one batch and reads them back together.
    ///
    /// # Errors
    /// As [`Self::picture`].
    pub fn pictures(&self, views: &[View<'_>], quality: Quality) -> Result<Vec<Picture>> {
        self.checked(views)?;
        let mut easel = self.easel.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        easel.pictures(&self.renderer, views, quality)
    }

    /// [`Self::picture`] by another renderer on the same device.
    ///
    /// # Errors
    /// As [`Self::picture`].
    pub fn picture_by(
        &self,
        renderer: &Renderer,
        expression: &Expression,
        camera: &Camera,
        look: &Look,
        width: u32,
        height: u32,
    ) -> Result<Picture> {
        let view = [View { expression, camera, look, size: [width, height] }];
        self.checked(&view)?;
        one(Easel::new(renderer).pictures(renderer, &view, Quality::Fine)?)
    }

    fn checked(&self, views: &[View<'_>]) -> Result<()> {
        let most = self.device.limits().max_texture_dimension_2d;
        match views.iter().map(|v| v.size).find(|[w, h]| *w == 0 || *h == 0 || *w > most || *h > most) {
            Some([width, height]) => Err(device_error(format!(
                "a picture of {width} x {height} pixels was asked for; this device draws 1 to {most}"
            ))),
            None => Ok(()),
        }
    }
}

fn one(pictures: Vec<Picture>) -> Result<Picture> {
    pictures.into_iter().next().ok_or_else(|| device_error("no picture was drawn"))
}

/// Colours that were averaged with nothing get their full strength back; alpha stays.
fn straighten(picture: &mut Picture) {
    for p in picture.rgba.chunks_exact_mut(4) {
        if p[3] == 0 || p[3] == 255 {
            continue;
        }
        for k in 0..3 {
            let v = f32::from(p[k]) / 255.0;
            let linear = if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) };
            p[k] = twin::encode(linear * 255.0 / f32::from(p[3]));
        }
    }
}

fn open() -> Result<(wgpu::Device, wgpu::Queue, wgpu::AdapterInfo)> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..Default::default()
    }))
    .map_err(|e| device_error(format!("no graphics device: {e}")))?;
    let info = adapter.get_info();
    let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
        label: Some("face"),
        required_limits: adapter.limits(),
        ..Default::default()
    }))
    .map_err(|e| device_error(format!("the graphics device {} cannot be opened: {e}", info.name)))?;
    Ok((device, queue, info))
}

/// A graphics adapter of this machine, as `backchannel doctor` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapter {
    /// Name the driver gives.
    pub name: String,
    /// Vulkan, Metal, DX12 or GL.
    pub backend: String,
    /// DiscreteGpu, IntegratedGpu, Cpu, ...
    pub kind: String,
}

/// All graphics adapters; empty without a driver.
pub fn adapters() -> Vec<Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()))
        .iter()
        .map(|adapter| {
            let info = adapter.get_info();
            Adapter {
                name: info.name,
                backend: format!("{:?}", info.backend),
                kind: format!("{:?}", info.device_type),
            }
        })
        .collect()
}

/// For `Device::poll`: until everything submitted is done.
pub fn wait() -> wgpu::PollType {
    wgpu::PollType::wait_indefinitely()
}

/// Copies a drawn target to memory; waits for the device.
///
/// # Errors
/// [`crate::FaceError::Device`] when the device is lost on the way.
pub fn read_back(device: &wgpu::Device, queue: &wgpu::Queue, target: &Target) -> Result<Picture> {
    one(read_back_all(device, queue, &[target])?)
}

/// Copies many drawn targets to memory at once; waits for the device.
///
/// # Errors
/// As [`read_back`].
pub fn read_back_all(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    targets: &[&Target],
) -> Result<Vec<Picture>> {
    read_back_through(&mut None, device, queue, targets)
}

/// [`read_back_all`] through a buffer that is kept: new memory for every frame of a film costs more than its copies.
fn read_back_through(
    kept: &mut Option<wgpu::Buffer>,
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    targets: &[&Target],
) -> Result<Vec<Picture>> {
    let row = |t: &Target| (t.size().0 * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let size: u64 = targets.iter().map(|t| u64::from(row(t)) * u64::from(t.size().1)).sum();
    let new = || {
        device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("face read back"),
            size: size.max(4),
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        })
    };
    let buffer = kept.take().filter(|old| old.size() == size.max(4)).unwrap_or_else(new);
    let mut encoder = device.create_command_encoder(&Default::default());
    let mut offset = 0;
    for target in targets {
        let (width, height) = target.size();
        encoder.copy_texture_to_buffer(
            target.texture().as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &buffer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset,
                    bytes_per_row: Some(row(target)),
                    rows_per_image: None,
                },
            },
            wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        );
        offset += u64::from(row(target)) * u64::from(height);
    }
    queue.submit([encoder.finish()]);
    let out = with_mapped(device, &buffer, |bytes| {
        let mut at = 0;
        let mut out = Vec::with_capacity(targets.len());
        for target in targets {
            let (width, height) = target.size();
            let mut rgba = Vec::with_capacity(width as usize * height as usize * 4);
            for _ in 0..height {
                rgba.extend_from_slice(bytes.get(at..at + width as usize * 4).unwrap_or(&[]));
                at += row(target) as usize;
            }
            out.push(Picture { width, height, rgba });
        }
        out
    })?;
    buffer.unmap();
    *kept = Some(buffer);
    Ok(out)
}

/// The bytes of a buffer that can be mapped; waits for the device.
pub(crate) fn mapped(device: &wgpu::Device, buffer: &wgpu::Buffer) -> Result<Vec<u8>> {
    with_mapped(device, buffer, <[u8]>::to_vec)
}

/// What is made of the bytes of a buffer that can be mapped; waits for the device.
fn with_mapped<T>(device: &wgpu::Device, buffer: &wgpu::Buffer, read: impl FnOnce(&[u8]) -> T) -> Result<T> {
    let slice = buffer.slice(..);
    let (send, receive) = std::sync::mpsc::channel();
    slice.map_async(wgpu::MapMode::Read, move |r| {
        let _ = send.send(r.is_ok());
    });
    device
        .poll(wgpu::PollType::wait_indefinitely())
        .map_err(|e| device_error(format!("the graphics device stopped: {e}")))?;
    if !receive.recv().unwrap_or(false) {
        return Err(device_error("the picture could not be copied from the graphics device"));
    }
    let bytes = slice
        .get_mapped_range()
        .map_err(|e| device_error(format!("the picture could not be copied: {e}")))?;
    Ok(read(&bytes))
}

/// Draws on the GPU where there is one and by the twin otherwise. A device that is lost is opened again once; after
/// that the twin draws.
pub struct Painter {
    head: Arc<Head>,
    gpu: std::sync::Mutex<Gpu>,
}

struct Gpu {
    device: std::result::Result<Headless, String>,
    /// Devices that have failed.
    lost: u32,
}

impl Painter {
    /// With the built-in head.
    ///
    /// # Errors
    /// Only when the built-in head cannot be read.
    pub fn new() -> Result<Self> {
        Ok(Self::with_head(&Head::builtin()?))
    }

    /// With another head.
    pub fn with_head(head: &Arc<Head>) -> Self {
        let device = Headless::with_head(head).map_err(|e| e.to_string());
        Self { head: head.clone(), gpu: std::sync::Mutex::new(Gpu { device, lost: 0 }) }
    }

    /// With a device that is already open.
    pub fn with_device(device: Headless) -> Self {
        let head = device.renderer.head().clone();
        Self { head, gpu: std::sync::Mutex::new(Gpu { device: Ok(device), lost: 0 }) }
    }

    /// The software twin alone, as on a machine without a graphics driver.
    pub fn software(head: &Arc<Head>) -> Self {
        let device = Err("asked for".into());
        Self { head: head.clone(), gpu: std::sync::Mutex::new(Gpu { device, lost: 0 }) }
    }

    /// Whether pictures come from a device that is a program on the processor, or from the twin.
    pub fn slow(&self) -> bool {
        self.gpu().device.as_ref().map_or(true, Headless::software)
    }

    fn gpu(&self) -> std::sync::MutexGuard<'_, Gpu> {
        self.gpu.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// One picture, and what drew it.
    pub fn picture(
        &self,
        expression: &Expression,
        camera: &Camera,
        look: &Look,
        width: u32,
        height: u32,
    ) -> (Picture, Backend) {
        let (mut all, by) =
            self.pictures(&[View { expression, camera, look, size: [width, height] }], Quality::Fine);
        match all.pop() {
            Some(picture) => (picture, by),
            None => (twin::picture(&self.head, expression, camera, look, width, height), by),
        }
    }

    /// Many faces, and what drew them. Small fine ones are drawn larger ([`Quality::drawn`]).
    pub fn pictures(&self, views: &[View<'_>], quality: Quality) -> (Vec<Picture>, Backend) {
        let drawn = |view: &View<'_>| quality.drawn(view.size, view.look);
        let larger: Vec<View<'_>> = views.iter().map(|view| View { size: drawn(view), ..*view }).collect();
        let (mut pictures, by) = self.pictures_as_they_are(&larger, quality);
        for (picture, _) in pictures.iter_mut().zip(views).filter(|(_, view)| drawn(view) != view.size) {
            *picture = picture.halved();
        }
        (pictures, by)
    }

    fn pictures_as_they_are(&self, views: &[View<'_>], quality: Quality) -> (Vec<Picture>, Backend) {
        let mut gpu = self.gpu();
        let why = loop {
            match &gpu.device {
                Ok(device) => match device.pictures(views, quality) {
                    Ok(all) => return (all, Backend::Gpu(device.name.clone())),
                    Err(e) if device.checked(views).is_err() => break e.to_string(),
                    Err(e) => {
                        gpu.lost += 1;
                        let again = gpu.lost < 2;
                        gpu.device = match again {
                            true => Headless::with_head(&self.head).map_err(|e| e.to_string()),
                            false => Err(e.to_string()),
                        };
                    }
                },
                Err(e) => break e.clone(),
            }
        };
        let draw =
            |v: &View<'_>| twin::picture_by(&self.head, v.expression, v.camera, v.look, v.size, quality);
        (views.iter().map(draw).collect(), Backend::Twin(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_pixels_become_one_by_what_they_cover() {
        let rgba = [[255, 0, 0, 255], [0, 0, 255, 255], [9, 9, 9, 0], [9, 9, 9, 0]].concat();
        let one = Picture { width: 2, height: 2, rgba }.halved();
        assert_eq!((one.width, one.height, one.rgba.as_slice()), (1, 1, [128, 0, 128, 128].as_slice()));
    }

    #[test]
    fn a_small_fine_picture_is_the_larger_one_shrunk_and_no_other_is() {
        let painter = Painter::new().unwrap();
        let (expression, camera, look) = (Expression::default(), Camera::portrait(), Look::dark());
        let view = |side, look| View { expression: &expression, camera: &camera, look, size: [side, side] };
        let draw = |view, quality| painter.pictures(&[view], quality).0.remove(0);
        let as_it_is = |view, quality| painter.pictures_as_they_are(&[view], quality).0.remove(0);
        let (small, large) =
            (draw(view(80, &look), Quality::Fine), as_it_is(view(160, &look), Quality::Fine));
        assert!(small == large.halved());
        let lines = look.with(crate::Overlays { wireframe: true, ..Default::default() });
        for (view, quality) in [
            (view(80, &look), Quality::Quick),
            (view(80, &lines), Quality::Fine),
            (view(401, &look), Quality::Fine),
        ] {
            assert!(draw(view, quality) == as_it_is(view, quality), "{quality:?} {:?}", view.size);
        }
    }
}
