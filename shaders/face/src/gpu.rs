//! The GPU renderer: long-lived pipelines and mesh ([`Renderer`]), what one picture owns ([`Target`]), and drawing.
//! Works on a device that is given (the window's, a test harness's, our own); never changes the device.
//! Not here: choosing a device (`headless.rs`), reading pixels back.

use crate::error::{Result, device as device_error};
use crate::expression::Expression;
use crate::frame::{Frame, weights};
use crate::head::{CLOSED, GROUPS, Head, SHADED_AS, Static};
use crate::morph::{Dynamic, Weights, morph};
use crate::view::{Camera, Look};
use std::mem::size_of;
use std::num::NonZeroU64;
use std::sync::Arc;

/// Pixel format of every target.
pub const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8UnormSrgb;
const DEPTH: wgpu::TextureFormat = wgpu::TextureFormat::Depth32Float;
const SAMPLES: u32 = 4;

/// WGSL sources as they are compiled: with the common part in front.
pub mod wgsl {
    /// The layout shared by all.
    pub const FRAME: &str = include_str!("wgsl/frame.wgsl");
    /// The compute shader that moves the vertices; stands alone.
    pub const MORPH: &str = include_str!("wgsl/morph.wgsl");
    /// Depth from the key light; needs [`FRAME`].
    pub const SHADOW: &str = include_str!("wgsl/shadow.wgsl");
    /// The wall; needs [`FRAME`].
    pub const BACKGROUND: &str = include_str!("wgsl/background.wgsl");
    /// The face; needs [`FRAME`].
    pub const SHADE: &str = include_str!("wgsl/shade.wgsl");
}

/// How vertices are moved on this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MorphPath {
    /// A compute shader.
    Compute,
    /// The CPU, with an upload for each picture (devices without storage buffers).
    Cpu,
}

/// Everything that does not change from picture to picture. One serves any number of [`Target`]s.
pub struct Renderer {
    device: wgpu::Device,
    head: Arc<Head>,
    statics: wgpu::Buffer,
    indices: wgpu::Buffer,
    index_count: u32,
    compute: Option<Compute>,
    frame_layout: wgpu::BindGroupLayout,
    shade_layout: wgpu::BindGroupLayout,
    shadow_sampler: wgpu::Sampler,
    shadow: wgpu::RenderPipeline,
    wall: wgpu::RenderPipeline,
    /// One for each material group, see `head.rs`.
    face: Vec<wgpu::RenderPipeline>,
    ghost_depth: wgpu::RenderPipeline,
    ghost: wgpu::RenderPipeline,
}

struct Compute {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    neutral: wgpu::Buffer,
    first: wgpu::Buffer,
    entries: wgpu::Buffer,
}

fn layout_entry(
    binding: u32,
    visibility: wgpu::ShaderStages,
    ty: wgpu::BindingType,
) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry { binding, visibility, ty, count: None }
}

fn buffer_type(ty: wgpu::BufferBindingType, size: usize) -> wgpu::BindingType {
    wgpu::BindingType::Buffer {
        ty,
        has_dynamic_offset: false,
        min_binding_size: NonZeroU64::new(size as u64),
    }
}

fn filled(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    label: &str,
    bytes: &[u8],
    usage: wgpu::BufferUsages,
) -> wgpu::Buffer {
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size: bytes.len().next_multiple_of(4).max(16) as u64,
        usage: usage | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    queue.write_buffer(&buffer, 0, bytes);
    buffer
}

impl Renderer {
    /// Pipelines and mesh on this device.
    ///
    /// # Errors
    /// [`crate::FaceError::Device`] when the device refuses a pipeline or a buffer.
    pub fn new(device: &wgpu::Device, queue: &wgpu::Queue, head: &Arc<Head>) -> Result<Self> {
        // the compute shader also unpacks half floats, which a device may refuse: then the CPU moves the vertices
        Self::with_path(device, queue, head, MorphPath::Compute)
            .or_else(|_| Self::with_path(device, queue, head, MorphPath::Cpu))
    }

    /// The same with a chosen morph path; `Compute` needs four storage buffers a stage.
    ///
    /// # Errors
    /// [`crate::FaceError::Device`] when the device refuses a pipeline or a buffer.
    pub fn with_path(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        head: &Arc<Head>,
        path: MorphPath,
    ) -> Result<Self> {
        if path == MorphPath::Compute && device.limits().max_storage_buffers_per_shader_stage < 4 {
            return Err(device_error("this device has no storage buffers for the compute morph"));
        }
        let invalid = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let renderer = Self::build(device, queue, head, path);
        let problems = [pollster::block_on(memory.pop()), pollster::block_on(invalid.pop())];
        if let Some(e) = problems.into_iter().flatten().next() {
            return Err(device_error(format!("the face's pipelines were refused: {e}")));
        }
        Ok(renderer)
    }

    /// How vertices are moved here.
    pub fn path(&self) -> MorphPath {
        if self.compute.is_some() { MorphPath::Compute } else { MorphPath::Cpu }
    }

    /// The head that is drawn.
    pub fn head(&self) -> &Arc<Head> {
        &self.head
    }

    fn build(device: &wgpu::Device, queue: &wgpu::Queue, head: &Arc<Head>, path: MorphPath) -> Self {
        use wgpu::{BindingType, BufferBindingType, BufferUsages, ShaderStages};
        let statics =
            filled(device, queue, "face statics", bytemuck::cast_slice(&head.statics), BufferUsages::VERTEX);
        let indices =
            filled(device, queue, "face indices", bytemuck::cast_slice(&head.triangles), BufferUsages::INDEX);
        let compute = matches!(path, MorphPath::Compute).then(|| Compute::new(device, queue, head));

        let frame_entry = layout_entry(
            0,
            ShaderStages::VERTEX_FRAGMENT,
            buffer_type(BufferBindingType::Uniform, size_of::<Frame>()),
        );
        let frame_layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("face frame"),
            entries: &[frame_entry],
        });
        let depth_texture = BindingType::Texture {
            sample_type: wgpu::TextureSampleType::Depth,
            view_dimension: wgpu::TextureViewDimension::D2,
            multisampled: false,
        };
        let comparison = BindingType::Sampler(wgpu::SamplerBindingType::Comparison);
        let shade_layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("face shade"),
            entries: &[
                frame_entry,
                layout_entry(1, ShaderStages::FRAGMENT, depth_texture),
                layout_entry(2, ShaderStages::FRAGMENT, comparison),
            ],
        });
        let shadow_sampler = device.create_sampler(&wgpu::SamplerDescriptor {
            label: Some("face shadow"),
            mag_filter: wgpu::FilterMode::Linear,
            min_filter: wgpu::FilterMode::Linear,
            compare: Some(wgpu::CompareFunction::LessEqual),
            ..Default::default()
        });

        let module = |label: &str, source: &str| {
            device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(label),
                source: wgpu::ShaderSource::Wgsl(format!("{}\n{source}", wgsl::FRAME).into()),
            })
        };
        let pipes = Pipes { device, frame: &frame_layout, shade: &shade_layout };
        let shade_module = module("face shade", wgsl::SHADE);
        let shadow_module = module("face shadow", wgsl::SHADOW);
        let wall_module = module("face wall", wgsl::BACKGROUND);
        let shadow = pipes.make(&Pipe {
            label: "face shadow",
            module: &shadow_module,
            vertex: "vs_shadow",
            fragment: None,
            mesh: true,
            group: 0,
            cull: false,
            compare: wgpu::CompareFunction::Less,
            write: true,
            samples: 1,
            blend: None,
        });
        let over = Pipe {
            label: "face wall",
            module: &wall_module,
            vertex: "vs_wall",
            fragment: Some("fs_wall"),
            mesh: false,
            group: 0,
            cull: false,
            compare: wgpu::CompareFunction::Always,
            write: false,
            samples: SAMPLES,
            blend: None,
        };
        let wall = pipes.make(&over);
        let on = Pipe { module: &shade_module, vertex: "vs_face", mesh: true, ..over };
        let face = (0..GROUPS)
            .map(|group| {
                pipes.make(&Pipe {
                    label: "face",
                    fragment: Some("fs_face"),
                    group: SHADED_AS[group],
                    cull: CLOSED[group],
                    compare: wgpu::CompareFunction::Less,
                    write: true,
                    ..on
                })
            })
            .collect();
        let ghost_depth = pipes.make(&Pipe {
            label: "face ghost depth",
            module: &shade_module,
            fragment: None,
            compare: wgpu::CompareFunction::Less,
            write: true,
            ..on
        });
        let ghost = pipes.make(&Pipe {
            label: "face ghost",
            fragment: Some("fs_ghost"),
            compare: wgpu::CompareFunction::Equal,
            blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
            ..on
        });
        Self {
            device: device.clone(),
            head: head.clone(),
            statics,
            indices,
            index_count: (head.triangles.len() * 3) as u32,
            compute,
            frame_layout,
            shade_layout,
            shadow_sampler,
            shadow,
            wall,
            face,
            ghost_depth,
            ghost,
        }
    }

    /// Draws one picture into `target` and submits it. Call it only when something changed: expression, camera,
    /// look or size. Recording costs a fraction of a millisecond; the GPU does the rest.
    pub fn draw(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        target: &mut Target,
        expression: &Expression,
        camera: &Camera,
        look: &Look,
    ) {
        let (w, h) = (target.width, target.height);
        let frame = Frame::new(&self.head, expression, camera, look, w, h);
        let main = target.main.get_or_insert_with(|| Body::new(self, &target.shadow_view));
        main.load(self, queue, &frame, &weights(expression, look));
        let ghost = look.ghost.filter(|g| g.alpha > 0.0);
        if let Some(g) = ghost {
            let body = target.ghost.get_or_insert_with(|| Body::new(self, &target.shadow_view));
            let frame = Frame::new(&self.head, &g.expression, camera, look, w, h);
            body.load(self, queue, &frame, &weights(&g.expression, look));
        }
        let mut encoder =
            device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("face") });
        let bodies = [target.main.as_ref(), target.ghost.as_ref().filter(|_| ghost.is_some())];
        if let Some(compute) = &self.compute {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: Some("face morph"),
                timestamp_writes: None,
            });
            pass.set_pipeline(&compute.pipeline);
            for group in bodies.iter().flatten().filter_map(|b| b.morph.as_ref()) {
                pass.set_bind_group(0, group, &[]);
                pass.dispatch_workgroups((self.head.vertices() as u32).div_ceil(64), 1, 1);
            }
        }
        let [Some(main), ghost] = bodies else { return };
        {
            let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("face shadow"),
                depth_stencil_attachment: Some(depth(&target.shadow_view, true)),
                ..Default::default()
            });
            pass.set_pipeline(&self.shadow);
            pass.set_bind_group(0, &main.frame_group, &[]);
            self.mesh(&mut pass, main, 0..self.index_count);
        }
        {
            let mut pass =
                target.pass(&mut encoder, wgpu::LoadOp::Clear(wgpu::Color::BLACK), ghost.is_some());
            pass.set_pipeline(&self.wall);
            pass.set_bind_group(0, &main.shade_group, &[]);
            pass.draw(0..3, 0..1);
            for (pipeline, triangles) in self.face.iter().zip(&self.head.groups) {
                pass.set_pipeline(pipeline);
                self.mesh(&mut pass, main, triangles.start * 3..triangles.end * 3);
            }
        }
        if let Some(body) = ghost {
            let mut pass = target.pass(&mut encoder, wgpu::LoadOp::Load, false);
            pass.set_bind_group(0, &body.shade_group, &[]);
            pass.set_pipeline(&self.ghost_depth);
            self.mesh(&mut pass, body, 0..self.index_count);
            pass.set_pipeline(&self.ghost);
            self.mesh(&mut pass, body, 0..self.index_count);
        }
        queue.submit([encoder.finish()]);
    }

    fn mesh(&self, pass: &mut wgpu::RenderPass<'_>, body: &Body, indices: std::ops::Range<u32>) {
        pass.set_vertex_buffer(0, body.dynamic.slice(..));
        pass.set_vertex_buffer(1, self.statics.slice(..));
        pass.set_index_buffer(self.indices.slice(..), wgpu::IndexFormat::Uint32);
        pass.draw_indexed(indices, 0, 0..1);
    }
}

fn depth(view: &wgpu::TextureView, keep: bool) -> wgpu::RenderPassDepthStencilAttachment<'_> {
    let store = if keep { wgpu::StoreOp::Store } else { wgpu::StoreOp::Discard };
    wgpu::RenderPassDepthStencilAttachment {
        view,
        depth_ops: Some(wgpu::Operations { load: wgpu::LoadOp::Clear(1.0), store }),
        stencil_ops: None,
    }
}

impl Compute {
    fn new(device: &wgpu::Device, queue: &wgpu::Queue, head: &Head) -> Self {
        use wgpu::{BufferBindingType, BufferUsages, ShaderStages};
        let storage = |label, bytes| filled(device, queue, label, bytes, BufferUsages::STORAGE);
        let stage = ShaderStages::COMPUTE;
        let read = BufferBindingType::Storage { read_only: true };
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("face morph"),
            entries: &[
                layout_entry(0, stage, buffer_type(BufferBindingType::Uniform, size_of::<Weights>())),
                layout_entry(1, stage, buffer_type(read, 16)),
                layout_entry(2, stage, buffer_type(read, 4)),
                layout_entry(3, stage, buffer_type(read, 16)),
                layout_entry(4, stage, buffer_type(BufferBindingType::Storage { read_only: false }, 16)),
            ],
        });
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("face morph"),
            source: wgpu::ShaderSource::Wgsl(wgsl::MORPH.into()),
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("face morph"),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("face morph"),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("morph"),
            compilation_options: Default::default(),
            cache: None,
        });
        Self {
            pipeline,
            layout,
            neutral: storage("face neutral", bytemuck::cast_slice(&head.neutral)),
            first: storage("face first", bytemuck::cast_slice(&head.first)),
            entries: storage("face entries", bytemuck::cast_slice(&head.entries)),
        }
    }
}

struct Pipes<'a> {
    device: &'a wgpu::Device,
    frame: &'a wgpu::BindGroupLayout,
    shade: &'a wgpu::BindGroupLayout,
}

#[derive(Clone, Copy)]
struct Pipe<'a> {
    label: &'a str,
    module: &'a wgpu::ShaderModule,
    vertex: &'a str,
    fragment: Option<&'a str>,
    mesh: bool,
    group: u32,
    cull: bool,
    compare: wgpu::CompareFunction,
    write: bool,
    samples: u32,
    blend: Option<wgpu::BlendState>,
}

impl Pipes<'_> {
    fn make(&self, p: &Pipe<'_>) -> wgpu::RenderPipeline {
        let dynamic = wgpu::vertex_attr_array![0 => Float32x4, 1 => Float32x4];
        let fixed = wgpu::vertex_attr_array![2 => Float32x3, 3 => Uint32, 4 => Float16x4, 5 => Float16x4];
        let layout = |stride: usize, attributes| {
            Some(wgpu::VertexBufferLayout {
                array_stride: stride as u64,
                step_mode: wgpu::VertexStepMode::Vertex,
                attributes,
            })
        };
        let buffers = [layout(size_of::<Dynamic>(), &dynamic), layout(size_of::<Static>(), &fixed)];
        let groups = if p.samples == 1 { self.frame } else { self.shade };
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(p.label),
            bind_group_layouts: &[Some(groups)],
            immediate_size: 0,
        });
        // a pass with a colour attachment needs a pipeline that names it, also where nothing is written to it
        let write_mask =
            if p.fragment.is_some() { wgpu::ColorWrites::ALL } else { wgpu::ColorWrites::empty() };
        let colour = [Some(wgpu::ColorTargetState { format: FORMAT, blend: p.blend, write_mask })];
        let constants = [("GROUP", f64::from(p.group))];
        let entry = p.fragment.or((p.samples > 1).then_some("fs_ghost"));
        self.device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some(p.label),
            layout: Some(&pipeline_layout),
            vertex: wgpu::VertexState {
                module: p.module,
                entry_point: Some(p.vertex),
                compilation_options: Default::default(),
                buffers: if p.mesh { &buffers } else { &[] },
            },
            primitive: wgpu::PrimitiveState {
                cull_mode: p.cull.then_some(wgpu::Face::Back),
                ..Default::default()
            },
            depth_stencil: Some(wgpu::DepthStencilState {
                format: DEPTH,
                depth_write_enabled: Some(p.write),
                depth_compare: Some(p.compare),
                stencil: Default::default(),
                bias: Default::default(),
            }),
            multisample: wgpu::MultisampleState { count: p.samples, ..Default::default() },
            fragment: entry.map(|entry| wgpu::FragmentState {
                module: p.module,
                entry_point: Some(entry),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: if entry == "fs_face" { &constants } else { &[] },
                    ..Default::default()
                },
                targets: &colour,
            }),
            multiview_mask: None,
            cache: None,
        })
    }
}

/// One face of one picture: its moved vertices and its uniforms.
struct Body {
    dynamic: wgpu::Buffer,
    frame: wgpu::Buffer,
    weights: wgpu::Buffer,
    frame_group: wgpu::BindGroup,
    shade_group: wgpu::BindGroup,
    morph: Option<wgpu::BindGroup>,
    moved: Vec<Dynamic>,
}

impl Body {
    fn new(r: &Renderer, shadow: &wgpu::TextureView) -> Self {
        use wgpu::BufferUsages;
        let device = &r.device;
        let buffer = |label: &str, size: usize, usage: BufferUsages| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: size as u64,
                usage: usage | BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        let storage = if r.compute.is_some() { BufferUsages::STORAGE } else { BufferUsages::empty() };
        let dynamic =
            buffer("face vertices", r.head.vertices() * size_of::<Dynamic>(), BufferUsages::VERTEX | storage);
        let frame = buffer("face frame", size_of::<Frame>(), BufferUsages::UNIFORM);
        let weights = buffer("face weights", size_of::<Weights>(), BufferUsages::UNIFORM);
        let frame_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("face frame"),
            layout: &r.frame_layout,
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: frame.as_entire_binding() }],
        });
        let shade_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("face shade"),
            layout: &r.shade_layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: frame.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::TextureView(shadow) },
                wgpu::BindGroupEntry {
                    binding: 2,
                    resource: wgpu::BindingResource::Sampler(&r.shadow_sampler),
                },
            ],
        });
        let morph = r.compute.as_ref().map(|c| {
            let all = [&weights, &c.neutral, &c.first, &c.entries, &dynamic];
            let entries: Vec<_> = all
                .iter()
                .enumerate()
                .map(|(i, b)| wgpu::BindGroupEntry { binding: i as u32, resource: b.as_entire_binding() })
                .collect();
            device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("face morph"),
                layout: &c.layout,
                entries: &entries,
            })
        });
        Self { dynamic, frame, weights, frame_group, shade_group, morph, moved: Vec::new() }
    }

    fn load(&mut self, r: &Renderer, queue: &wgpu::Queue, frame: &Frame, weights: &Weights) {
        queue.write_buffer(&self.frame, 0, bytemuck::bytes_of(frame));
        if self.morph.is_some() {
            queue.write_buffer(&self.weights, 0, bytemuck::bytes_of(weights));
        } else {
            morph(&r.head, weights, &mut self.moved);
            queue.write_buffer(&self.dynamic, 0, bytemuck::cast_slice(&self.moved));
        }
    }
}

/// Texels a side of the shadow map of a picture.
pub(crate) fn shadow_size(width: u32, height: u32) -> u32 {
    if width.max(height) <= 420 { 512 } else { 1024 }
}

/// One picture: textures of its size and the face in it. Make a new one when the size changes.
pub struct Target {
    width: u32,
    height: u32,
    texture: wgpu::Texture,
    view: wgpu::TextureView,
    many: wgpu::TextureView,
    depth: wgpu::TextureView,
    shadow_view: wgpu::TextureView,
    main: Option<Body>,
    ghost: Option<Body>,
}

impl Target {
    /// A picture of this many pixels, at least 1 and at most what the device allows.
    pub fn new(renderer: &Renderer, width: u32, height: u32) -> Self {
        use wgpu::TextureUsages as Usage;
        let device = &renderer.device;
        let most = device.limits().max_texture_dimension_2d.max(1);
        let (width, height) = (width.clamp(1, most), height.clamp(1, most));
        let texture = |label, width, height, sample_count, format, usage| {
            device.create_texture(&wgpu::TextureDescriptor {
                label: Some(label),
                size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
                mip_level_count: 1,
                sample_count,
                dimension: wgpu::TextureDimension::D2,
                format,
                usage,
                view_formats: &[],
            })
        };
        let seen = Usage::RENDER_ATTACHMENT | Usage::TEXTURE_BINDING | Usage::COPY_SRC;
        let drawn = Usage::RENDER_ATTACHMENT;
        let shadow_size = shadow_size(width, height);
        let view = |t: &wgpu::Texture| t.create_view(&wgpu::TextureViewDescriptor::default());
        let resolved = texture("face", width, height, 1, FORMAT, seen);
        let shadow =
            texture("face shadow", shadow_size, shadow_size, 1, DEPTH, drawn | Usage::TEXTURE_BINDING);
        Self {
            width,
            height,
            view: view(&resolved),
            many: view(&texture("face samples", width, height, SAMPLES, FORMAT, drawn)),
            depth: view(&texture("face depth", width, height, SAMPLES, DEPTH, drawn)),
            shadow_view: view(&shadow),
            texture: resolved,
            main: None,
            ghost: None,
        }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The resolved picture (`Rgba8UnormSrgb`), ready to be registered with egui.
    pub fn view(&self) -> &wgpu::TextureView {
        &self.view
    }

    /// The texture behind [`Self::view`]; can be copied from.
    pub fn texture(&self) -> &wgpu::Texture {
        &self.texture
    }

    fn pass<'e>(
        &self,
        encoder: &'e mut wgpu::CommandEncoder,
        load: wgpu::LoadOp<wgpu::Color>,
        more: bool,
    ) -> wgpu::RenderPass<'e> {
        let store = if more { wgpu::StoreOp::Store } else { wgpu::StoreOp::Discard };
        encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("face"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &self.many,
                depth_slice: None,
                resolve_target: Some(&self.view),
                ops: wgpu::Operations { load, store },
            })],
            depth_stencil_attachment: Some(depth(&self.depth, false)),
            ..Default::default()
        })
    }
}

impl std::fmt::Debug for Renderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renderer").field("path", &self.path()).finish_non_exhaustive()
    }
}
