//! Paints egui's triangles on a picture, and a picture on the window, with shaders that do no more than that.
//!
//! egui's own painter can also dither and filter by hand. A graphics card passes over what is switched off; a driver that
//! is a program on the processor computes it for every pixel and throws it away, which is most of its work. What is
//! painted is the same: textures and their bindings are those of egui's painter.

use egui::Color32;
use egui::epaint::{ClippedPrimitive, Primitive, Vertex};
use egui_wgpu::wgpu::util::DeviceExt as _;
use egui_wgpu::{CallbackResources, CallbackTrait, RenderState, wgpu};

/// The pipelines for one format.
pub(crate) struct Painter {
    triangles: wgpu::RenderPipeline,
    showing: wgpu::RenderPipeline,
    window: wgpu::Buffer,
    window_group: wgpu::BindGroup,
    picture_layout: wgpu::BindGroupLayout,
}

/// A picture on the window, as a shape of egui.
pub(crate) struct Show {
    pipeline: wgpu::RenderPipeline,
    picture: wgpu::BindGroup,
}

impl CallbackTrait for Show {
    fn paint(&self, _: egui::PaintCallbackInfo, pass: &mut wgpu::RenderPass<'static>, _: &CallbackResources) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.picture, &[]);
        pass.draw(0..3, 0..1);
    }
}

impl Painter {
    /// The pipelines for the format of the window, which pictures have as well.
    pub fn new(gpu: &RenderState) -> Self {
        let (device, format) = (&gpu.device, gpu.target_format);
        let module = device.create_shader_module(wgpu::include_wgsl!("painter.wgsl"));
        let layout = |label, entries: &[wgpu::BindGroupLayoutEntry]| {
            device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(label), entries })
        };
        let window_layout = layout("window", &[uniform(0, wgpu::ShaderStages::VERTEX)]);
        // equal to that of egui's painter, whose bind groups are used with it
        let sampler = wgpu::BindGroupLayoutEntry {
            binding: 1,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty: wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering),
            count: None,
        };
        let texture_layout =
            layout("texture", &[texture(true), sampler, uniform(2, wgpu::ShaderStages::FRAGMENT)]);
        let picture_layout = layout("picture", &[texture(false)]);
        let premultiplied = wgpu::BlendState {
            color: wgpu::BlendComponent {
                src_factor: wgpu::BlendFactor::One,
                dst_factor: wgpu::BlendFactor::OneMinusSrcAlpha,
                operation: wgpu::BlendOperation::Add,
            },
            alpha: wgpu::BlendComponent {
                src_factor: wgpu::BlendFactor::OneMinusDstAlpha,
                dst_factor: wgpu::BlendFactor::One,
                operation: wgpu::BlendOperation::Add,
            },
        };
        let vertices = wgpu::VertexBufferLayout {
            array_stride: size_of::<Vertex>() as u64,
            step_mode: wgpu::VertexStepMode::Vertex,
            attributes: &wgpu::vertex_attr_array![0 => Float32x2, 1 => Float32x2, 2 => Unorm8x4],
        };
        let pipeline =
            |label, groups: &[Option<&wgpu::BindGroupLayout>], entries: [&str; 2], blend, buffers: &[_]| {
                let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                    label: Some(label),
                    bind_group_layouts: groups,
                    immediate_size: 0,
                });
                let target = wgpu::ColorTargetState { format, blend, write_mask: wgpu::ColorWrites::ALL };
                device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
                    label: Some(label),
                    layout: Some(&layout),
                    vertex: wgpu::VertexState {
                        module: &module,
                        entry_point: Some(entries[0]),
                        buffers,
                        compilation_options: wgpu::PipelineCompilationOptions::default(),
                    },
                    fragment: Some(wgpu::FragmentState {
                        module: &module,
                        entry_point: Some(entries[1]),
                        targets: &[Some(target)],
                        compilation_options: wgpu::PipelineCompilationOptions::default(),
                    }),
                    primitive: wgpu::PrimitiveState::default(),
                    depth_stencil: None,
                    multisample: wgpu::MultisampleState::default(),
                    multiview_mask: None,
                    cache: None,
                })
            };
        let groups = [Some(&window_layout), Some(&texture_layout)];
        let triangles =
            pipeline("triangles", &groups, ["corner", "paint"], Some(premultiplied), &[Some(vertices)]);
        let showing = pipeline("showing", &[Some(&picture_layout)], ["everywhere", "show"], None, &[]);
        let window = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("window"),
            size: 16,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let window_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("window"),
            layout: &window_layout,
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: window.as_entire_binding() }],
        });
        Self { triangles, showing, window, window_group, picture_layout }
    }

    /// Shows a picture of the window's size on the window.
    pub fn show(&self, device: &wgpu::Device, picture: &wgpu::TextureView) -> Show {
        let picture = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("picture"),
            layout: &self.picture_layout,
            entries: &[wgpu::BindGroupEntry {
                binding: 0,
                resource: wgpu::BindingResource::TextureView(picture),
            }],
        });
        Show { pipeline: self.showing.clone(), picture }
    }

    /// Paints triangles over what is on a picture of `size` pixels, `scale` of them a point.
    pub fn paint(
        &self,
        gpu: &RenderState,
        picture: &wgpu::TextureView,
        size: [u32; 2],
        scale: f32,
        jobs: &[ClippedPrimitive],
    ) {
        let (device, queue) = (&gpu.device, &gpu.queue);
        let meshes: Vec<_> = jobs
            .iter()
            .filter_map(|job| match &job.primitive {
                Primitive::Mesh(mesh) => Some((scissors(job.clip_rect, size, scale)?, mesh)),
                Primitive::Callback(_) => None,
            })
            .collect();
        let corners: Vec<Vertex> =
            meshes.iter().flat_map(|(_, mesh)| mesh.vertices.iter().copied()).collect();
        let index: Vec<u32> = meshes.iter().flat_map(|(_, mesh)| mesh.indices.iter().copied()).collect();
        if index.is_empty() {
            return;
        }
        let buffer = |label, contents, usage| {
            device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
                label: Some(label),
                contents,
                usage,
            })
        };
        let corners = buffer("corners", bytemuck::cast_slice(&corners), wgpu::BufferUsages::VERTEX);
        let index = buffer("index", bytemuck::cast_slice(&index), wgpu::BufferUsages::INDEX);
        let [width, height] = size.map(|side| side as f32 / scale);
        queue.write_buffer(&self.window, 0, bytemuck::cast_slice(&[width, height, 0.0, 0.0]));
        let mut encoder =
            device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("painter") });
        {
            let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("painter"),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: picture,
                    resolve_target: None,
                    ops: wgpu::Operations { load: wgpu::LoadOp::Load, store: wgpu::StoreOp::Store },
                    depth_slice: None,
                })],
                ..Default::default()
            });
            pass.set_pipeline(&self.triangles);
            pass.set_bind_group(0, &self.window_group, &[]);
            pass.set_vertex_buffer(0, corners.slice(..));
            pass.set_index_buffer(index.slice(..), wgpu::IndexFormat::Uint32);
            let textures = gpu.renderer.read();
            let (mut first_corner, mut first) = (0, 0);
            for ([x, y, wide, high], mesh) in meshes {
                let count = mesh.indices.len() as u32;
                if let Some(texture) = textures.texture(&mesh.texture_id) {
                    pass.set_scissor_rect(x, y, wide, high);
                    pass.set_bind_group(1, &texture.bind_group, &[]);
                    pass.draw_indexed(first..first + count, first_corner, 0..1);
                }
                first += count;
                first_corner += mesh.vertices.len() as i32;
            }
        }
        queue.submit([encoder.finish()]);
    }
}

/// The pixels of a clip rectangle as egui's painter rounds them: left, top, width, height; `None` where there are none.
fn scissors(clip: egui::Rect, size: [u32; 2], scale: f32) -> Option<[u32; 4]> {
    let within = |at: f32, side: u32| ((at * scale).round().max(0.0) as u32).min(side);
    let [x0, x1] = [clip.min.x, clip.max.x].map(|x| within(x, size[0]));
    let [y0, y1] = [clip.min.y, clip.max.y].map(|y| within(y, size[1]));
    (x1 > x0 && y1 > y0).then(|| [x0, y0, x1 - x0, y1 - y0])
}

fn uniform(binding: u32, visibility: wgpu::ShaderStages) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Uniform,
            has_dynamic_offset: false,
            min_binding_size: wgpu::BufferSize::new(16),
        },
        count: None,
    }
}

fn texture(filterable: bool) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding: 0,
        visibility: wgpu::ShaderStages::FRAGMENT,
        ty: wgpu::BindingType::Texture {
            sample_type: wgpu::TextureSampleType::Float { filterable },
            view_dimension: wgpu::TextureViewDimension::D2,
            multisampled: false,
        },
        count: None,
    }
}

/// A rectangle of one colour whose edges are those of pixels.
pub(crate) fn flat(rect: egui::Rect, colour: Color32) -> egui::Shape {
    let mut mesh = egui::Mesh::default();
    mesh.add_colored_rect(rect, colour);
    egui::Shape::mesh(mesh)
}
