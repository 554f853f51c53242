//! Pictures without a window: on a device of our own, or by the software twin where there is none.

use crate::error::{Result, device as device_error};
use crate::expression::Expression;
use crate::gpu::{Renderer, Target};
use crate::head::Head;
use crate::twin;
use crate::view::{Camera, Look};
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

/// A device of our own and a renderer on it.
pub struct Headless {
    device: wgpu::Device,
    queue: wgpu::Queue,
    renderer: Renderer,
    name: String,
    target: std::sync::Mutex<Option<Target>>,
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
        let (device, queue, name) = open()?;
        let renderer = Renderer::new(&device, &queue, head)?;
        Ok(Self { device, queue, renderer, name, target: std::sync::Mutex::new(None) })
    }

    /// The device's name.
    pub fn name(&self) -> &str {
        &self.name
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
        self.picture_by(&self.renderer, expression, camera, look, width, height)
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
        let most = self.device.limits().max_texture_dimension_2d;
        if width == 0 || height == 0 || width > most || height > most {
            return Err(device_error(format!(
                "a picture of {width} x {height} pixels was asked for; this device draws 1 to {most}"
            )));
        }
        let own = std::ptr::eq(renderer, &self.renderer);
        let kept = self.target.lock().ok().and_then(|mut t| t.take());
        let mut target = kept
            .filter(|t| own && t.size() == (width, height))
            .unwrap_or_else(|| Target::new(renderer, width, height));
        renderer.draw(&self.device, &self.queue, &mut target, expression, camera, look);
        let picture = read_back(&self.device, &self.queue, &target);
        if let (true, Ok(mut slot)) = (own, self.target.lock()) {
            *slot = Some(target);
        }
        picture
    }
}

fn open() -> Result<(wgpu::Device, wgpu::Queue, String)> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..Default::default()
    }))
    .map_err(|e| device_error(format!("no graphics device: {e}")))?;
    let name = adapter.get_info().name;
    let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
        label: Some("face"),
        required_limits: adapter.limits(),
        ..Default::default()
    }))
    .map_err(|e| device_error(format!("the graphics device {name} cannot be opened: {e}")))?;
    Ok((device, queue, name))
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

/// Copies a drawn target to memory; waits for the device.
///
/// # Errors
/// [`crate::FaceError::Device`] when the device is lost on the way.
pub fn read_back(device: &wgpu::Device, queue: &wgpu::Queue, target: &Target) -> Result<Picture> {
    let (width, height) = target.size();
    let row = width * 4;
    let padded = row.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("face read back"),
        size: u64::from(padded) * u64::from(height),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&Default::default());
    encoder.copy_texture_to_buffer(
        target.texture().as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: &buffer,
            layout: wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(padded),
                rows_per_image: None,
            },
        },
        wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
    );
    queue.submit([encoder.finish()]);
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
    let mut rgba = Vec::with_capacity(row as usize * height as usize);
    for line in bytes.chunks(padded as usize) {
        rgba.extend_from_slice(&line[..row as usize]);
    }
    Ok(Picture { width, height, rgba })
}

/// Draws on the GPU where there is one and by the twin otherwise; asks for a device only once.
pub struct Painter {
    head: Arc<Head>,
    gpu: std::result::Result<Headless, String>,
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
        Self { head: head.clone(), gpu: Headless::with_head(head).map_err(|e| e.to_string()) }
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
        let why = match &self.gpu {
            Ok(h) => match h.picture(expression, camera, look, width, height) {
                Ok(p) => return (p, Backend::Gpu(h.name.clone())),
                Err(e) => e.to_string(),
            },
            Err(e) => e.clone(),
        };
        (twin::picture(&self.head, expression, camera, look, width, height), Backend::Twin(why))
    }
}
