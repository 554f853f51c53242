//! Buffers, textures and bind groups that a batch asks for.

use crate::frame::Frame;
use crate::gpu::{DEPTH, Renderer};
use crate::morph::Dynamic;
use std::mem::size_of;

pub(crate) fn buffer(renderer: &Renderer, label: &str, size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    renderer.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size,
        usage: usage | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

pub(crate) fn moved_buffer(renderer: &Renderer, vertices: u64) -> wgpu::Buffer {
    use wgpu::BufferUsages as Use;
    let storage = if renderer.on_device() { Use::STORAGE } else { Use::empty() };
    let size = vertices * size_of::<Dynamic>() as u64;
    buffer(renderer, "face vertices", size, Use::VERTEX | Use::COPY_SRC | storage)
}

pub(crate) fn texture(
    renderer: &Renderer,
    label: &str,
    [width, height]: [u32; 2],
    sample_count: u32,
    format: wgpu::TextureFormat,
) -> wgpu::Texture {
    use wgpu::TextureUsages as Usage;
    let more = match (format == DEPTH, sample_count) {
        (true, 1) => Usage::TEXTURE_BINDING,
        (false, 1) => Usage::COPY_SRC,
        _ => Usage::empty(),
    };
    renderer.device.create_texture(&wgpu::TextureDescriptor {
        label: Some(label),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: Usage::RENDER_ATTACHMENT | more,
        view_formats: &[],
    })
}

pub(crate) fn groups(
    renderer: &Renderer,
    frames: &wgpu::Buffer,
    shadow: &wgpu::TextureView,
) -> (wgpu::BindGroup, wgpu::BindGroup) {
    let one = wgpu::BindingResource::Buffer(wgpu::BufferBinding {
        buffer: frames,
        offset: 0,
        size: std::num::NonZeroU64::new(size_of::<Frame>() as u64),
    });
    let frame = wgpu::BindGroupEntry { binding: 0, resource: one };
    let map = wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::TextureView(shadow) };
    let sampler = wgpu::BindingResource::Sampler(&renderer.shadow_sampler);
    let sampler = wgpu::BindGroupEntry { binding: 2, resource: sampler };
    let make = |label, layout, entries: &[wgpu::BindGroupEntry<'_>]| {
        renderer.device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some(label), layout, entries })
    };
    (
        make("face frame", &renderer.frame_layout, std::slice::from_ref(&frame)),
        make("face shade", &renderer.shade_layout, &[frame, map, sampler]),
    )
}

pub(crate) fn depth(view: &wgpu::TextureView, keep: bool) -> wgpu::RenderPassDepthStencilAttachment<'_> {
    let store = if keep { wgpu::StoreOp::Store } else { wgpu::StoreOp::Discard };
    wgpu::RenderPassDepthStencilAttachment {
        view,
        depth_ops: Some(wgpu::Operations { load: wgpu::LoadOp::Clear(1.0), store }),
        stencil_ops: None,
    }
}
