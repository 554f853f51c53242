//! Render pipelines: one set for each [`Quality`], with a pipeline a material so that no pixel pays for the others.

use crate::frame::Frame;
use crate::gpu::{DEPTH, FORMAT, wgsl};
use crate::head::{CLOSED, GROUPS, SHADED_AS, Static};
use crate::morph::Dynamic;
use crate::view::Quality;
use std::mem::size_of;

const _: () = assert!(size_of::<Frame>() <= crate::gpu::FRAME_STRIDE);

/// All that paints into a picture.
pub(crate) struct Pipelines {
    pub samples: u32,
    pub wall: wgpu::RenderPipeline,
    /// One for each material group, see `head.rs`.
    pub face: Vec<wgpu::RenderPipeline>,
    pub ghost_depth: wgpu::RenderPipeline,
    pub ghost: wgpu::RenderPipeline,
    pub wire: wgpu::RenderPipeline,
    pub axis: wgpu::RenderPipeline,
    pub trail: wgpu::RenderPipeline,
}

#[derive(Clone, Copy)]
struct Pipe<'a> {
    label: &'a str,
    module: &'a wgpu::ShaderModule,
    vertex: &'a str,
    fragment: Option<&'a str>,
    mesh: bool,
    lines: bool,
    /// Values of the constants that the module declares.
    constants: &'a [(&'a str, f64)],
    cull: bool,
    compare: wgpu::CompareFunction,
    write: bool,
    /// Into a picture, or depth alone.
    colour: bool,
    samples: u32,
    blend: Option<wgpu::BlendState>,
}

fn module(device: &wgpu::Device, label: &str, source: &str) -> wgpu::ShaderModule {
    device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(label),
        source: wgpu::ShaderSource::Wgsl(format!("{}\n{source}", wgsl::FRAME).into()),
    })
}

/// Depth from the key light.
pub(crate) fn shadow_pipeline(
    device: &wgpu::Device,
    frame: &wgpu::BindGroupLayout,
    shade: &wgpu::BindGroupLayout,
) -> wgpu::RenderPipeline {
    let module = module(device, "face shadow", wgsl::SHADOW);
    Pipes { device, frame, shade }.make(&Pipe {
        label: "face shadow",
        module: &module,
        vertex: "vs_shadow",
        fragment: None,
        mesh: true,
        lines: false,
        constants: &[],
        cull: false,
        compare: wgpu::CompareFunction::Less,
        write: true,
        colour: false,
        samples: 1,
        blend: None,
    })
}

impl Pipelines {
    pub fn new(
        device: &wgpu::Device,
        frame: &wgpu::BindGroupLayout,
        shade: &wgpu::BindGroupLayout,
        quality: Quality,
    ) -> Self {
        let pipes = Pipes { device, frame, shade };
        let samples = if quality == Quality::Fine { 4 } else { 1 };
        let quick = f64::from(u8::from(quality != Quality::Fine));
        let shade_module = module(device, "face shade", wgsl::SHADE);
        let wall_module = module(device, "face wall", wgsl::BACKGROUND);
        let lines_module = module(device, "face lines", wgsl::LINES);
        let less = wgpu::CompareFunction::Less;
        let over = Pipe {
            label: "face wall",
            module: &wall_module,
            vertex: "vs_wall",
            fragment: Some("fs_wall"),
            mesh: false,
            lines: false,
            constants: &[],
            cull: false,
            // where nothing else is: painted after the face, it costs only what is seen of it
            compare: wgpu::CompareFunction::LessEqual,
            write: false,
            colour: true,
            samples,
            blend: None,
        };
        let on = Pipe { label: "face", module: &shade_module, vertex: "vs_face", mesh: true, ..over };
        let always = wgpu::CompareFunction::Always;
        let lines = Pipe { module: &lines_module, label: "face lines", compare: always, ..over };
        let blend = Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING);
        Self {
            samples,
            wall: pipes.make(&over),
            face: (0..GROUPS)
                .map(|group| {
                    pipes.make(&Pipe {
                        fragment: Some("fs_face"),
                        constants: &[("GROUP", f64::from(SHADED_AS[group])), ("QUICK", quick)],
                        cull: CLOSED[group],
                        compare: less,
                        write: true,
                        ..on
                    })
                })
                .collect(),
            ghost_depth: pipes.make(&Pipe { fragment: None, compare: less, write: true, ..on }),
            ghost: pipes.make(&Pipe {
                label: "face ghost",
                fragment: Some("fs_ghost"),
                compare: wgpu::CompareFunction::Equal,
                blend,
                ..on
            }),
            wire: pipes.make(&Pipe {
                vertex: "vs_wire",
                fragment: Some("fs_wire"),
                mesh: true,
                lines: true,
                compare: wgpu::CompareFunction::LessEqual,
                blend,
                ..lines
            }),
            trail: pipes.make(&Pipe { vertex: "vs_trail", fragment: Some("fs_trail"), blend, ..lines }),
            axis: pipes.make(&Pipe { vertex: "vs_axis", fragment: Some("fs_axis"), ..lines }),
        }
    }
}

struct Pipes<'a> {
    device: &'a wgpu::Device,
    frame: &'a wgpu::BindGroupLayout,
    shade: &'a wgpu::BindGroupLayout,
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
        let groups = if p.colour { self.shade } else { self.frame };
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(p.label),
            bind_group_layouts: &[Some(groups)],
            immediate_size: 0,
        });
        // a pass with a colour attachment needs a pipeline that names it, also where nothing is written to it
        let write_mask =
            if p.fragment.is_some() { wgpu::ColorWrites::ALL } else { wgpu::ColorWrites::empty() };
        let colour = [Some(wgpu::ColorTargetState { format: FORMAT, blend: p.blend, write_mask })];
        let entry = p.fragment.or(p.colour.then_some("fs_ghost"));
        let topology =
            if p.lines { wgpu::PrimitiveTopology::LineList } else { wgpu::PrimitiveTopology::TriangleList };
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
                topology,
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
                    constants: p.constants,
                    ..Default::default()
                },
                targets: &colour,
            }),
            multiview_mask: None,
            cache: None,
        })
    }
}
