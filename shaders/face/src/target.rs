//! One picture on the device, of a size that never changes.

use crate::gpu::{FORMAT, Renderer};

/// A texture that faces are drawn for. Make a new one when the size changes.
pub struct Target {
    width: u32,
    height: u32,
    texture: wgpu::Texture,
    view: wgpu::TextureView,
}

impl Target {
    /// A picture of this many pixels (`Rgba8UnormSrgb`), at least 1 and at most what the device allows.
    pub fn new(renderer: &Renderer, width: u32, height: u32) -> Self {
        Self::of(&renderer.device, width, height, FORMAT)
    }

    /// The same bits in a format that decodes nothing (`Rgba8Unorm`), for painters that mix colours as they are
    /// stored, as egui's does.
    pub fn plain(renderer: &Renderer, width: u32, height: u32) -> Self {
        Self::of(&renderer.device, width, height, wgpu::TextureFormat::Rgba8Unorm)
    }

    fn of(device: &wgpu::Device, width: u32, height: u32, format: wgpu::TextureFormat) -> Self {
        use wgpu::TextureUsages as Usage;
        let most = device.limits().max_texture_dimension_2d.max(1);
        let (width, height) = (width.clamp(1, most), height.clamp(1, most));
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("face"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage: Usage::TEXTURE_BINDING | Usage::COPY_SRC | Usage::COPY_DST,
            view_formats: &[],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        Self { width, height, texture, view }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The picture, ready to be registered with egui.
    pub fn view(&self) -> &wgpu::TextureView {
        &self.view
    }

    /// The texture behind [`Self::view`]; can be copied from.
    pub fn texture(&self) -> &wgpu::Texture {
        &self.texture
    }
}
