//! The GPU renderer's long-lived part: pipelines and meshes on a device that is given (the window's, a test
//! harness's, our own); never changes the device. Drawing is `batch.rs`, choosing a device `headless.rs`.

use crate::coefficients::MOST_BODIES;
use crate::error::{Result, device as device_error};
use crate::frame::Frame;
use crate::head::{Head, Static};
use crate::mesh::Mesh;
use crate::morph::{Doing, Dynamic};
use crate::pipes::{Pipelines, shadow_pipeline};
use crate::view::Quality;
use std::mem::size_of;
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Pixel format of every target.
pub const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8UnormSrgb;
pub(crate) const DEPTH: wgpu::TextureFormat = wgpu::TextureFormat::Depth32Float;
/// Bytes from one face's uniforms to the next: the largest alignment a device may ask for divides it.
pub(crate) const FRAME_STRIDE: usize = 768;

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
    /// Edges, axes and trails; needs [`FRAME`].
    pub const LINES: &str = include_str!("wgsl/lines.wgsl");
}

/// How vertices are moved on this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MorphPath {
    /// A compute shader.
    Compute,
    /// The CPU, with an upload for each picture (devices without storage buffers).
    Cpu,
}

/// Where a mesh lies in the buffers.
pub(crate) struct Level {
    pub vertices: Range<u32>,
    /// First index of its triangles.
    pub indices: u32,
    pub edges: Range<u32>,
}

/// Everything that does not change from picture to picture. One serves any number of batches and targets.
pub struct Renderer {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    heads: Vec<Arc<Head>>,
    /// The head and mesh of each level.
    meshes: Vec<(usize, usize)>,
    pub(crate) statics: wgpu::Buffer,
    pub(crate) indices: wgpu::Buffer,
    pub(crate) edges: wgpu::Buffer,
    pub(crate) levels: Vec<Level>,
    pub(crate) compute: Option<Compute>,
    pub(crate) frame_layout: wgpu::BindGroupLayout,
    pub(crate) shade_layout: wgpu::BindGroupLayout,
    pub(crate) shadow_sampler: wgpu::Sampler,
    pub(crate) shadow: wgpu::RenderPipeline,
    /// By quality; made when first asked for.
    pipelines: [OnceLock<Pipelines>; 3],
}

/// The compute morph: pipeline, and the tables that it reads.
pub(crate) struct Compute {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
    pub neutral: wgpu::Buffer,
    pub entries: wgpu::Buffer,
    pub regions: wgpu::Buffer,
}

fn layout_entry(
    binding: u32,
    visibility: wgpu::ShaderStages,
    ty: wgpu::BindingType,
) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry { binding, visibility, ty, count: None }
}

fn buffer_type(ty: wgpu::BufferBindingType, size: usize, moves: bool) -> wgpu::BindingType {
    wgpu::BindingType::Buffer {
        ty,
        has_dynamic_offset: moves,
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
        Self::with_people(device, queue, std::slice::from_ref(head))
    }

    /// With several heads, the first of which is the one of [`Renderer::head`]: a batch draws them side by side, see
    /// [`crate::Shot`].
    ///
    /// # Errors
    /// [`crate::FaceError::Device`] when there is no head, and when the device refuses a pipeline or a buffer.
    pub fn with_people(device: &wgpu::Device, queue: &wgpu::Queue, heads: &[Arc<Head>]) -> Result<Self> {
        // the compute shader also unpacks half floats, which a device may refuse: then the CPU moves the vertices
        Self::with_heads(device, queue, heads, MorphPath::Compute)
            .or_else(|_| Self::with_heads(device, queue, heads, MorphPath::Cpu))
    }

    /// The same with a chosen morph path; `Compute` needs five storage buffers a stage.
    ///
    /// # Errors
    /// [`crate::FaceError::Device`] when the device refuses a pipeline or a buffer.
    pub fn with_path(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        head: &Arc<Head>,
        path: MorphPath,
    ) -> Result<Self> {
        Self::with_heads(device, queue, std::slice::from_ref(head), path)
    }

    fn with_heads(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        heads: &[Arc<Head>],
        path: MorphPath,
    ) -> Result<Self> {
        if heads.is_empty() {
            return Err(device_error("there is no head to draw"));
        }
        if path == MorphPath::Compute && device.limits().max_storage_buffers_per_shader_stage < 5 {
            return Err(device_error("this device has no storage buffers for the compute morph"));
        }
        let invalid = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let renderer = Self::build(device, queue, heads, path);
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

    /// The head that is drawn, the first of several.
    pub fn head(&self) -> &Arc<Head> {
        &self.heads[0]
    }

    /// Heads to choose from.
    pub fn people(&self) -> usize {
        self.heads.len()
    }

    /// The head of a person; those beyond the last begin again with the first.
    pub fn head_of(&self, person: usize) -> &Arc<Head> {
        &self.heads[person % self.heads.len()]
    }

    /// Number among the levels of a mesh of a person.
    pub(crate) fn level(&self, person: usize, mesh: usize) -> usize {
        let person = person % self.heads.len();
        self.heads[..person].iter().map(|head| head.meshes.len()).sum::<usize>() + mesh
    }

    /// The mesh of a level.
    pub(crate) fn mesh(&self, level: usize) -> &Mesh {
        let (person, mesh) = self.meshes[level];
        &self.heads[person].meshes[mesh]
    }

    pub(crate) fn on_device(&self) -> bool {
        self.compute.is_some()
    }

    pub(crate) fn pipelines(&self, quality: Quality) -> &Pipelines {
        self.pipelines[quality as usize]
            .get_or_init(|| Pipelines::new(&self.device, &self.frame_layout, &self.shade_layout, quality))
    }

    fn build(device: &wgpu::Device, queue: &wgpu::Queue, heads: &[Arc<Head>], path: MorphPath) -> Self {
        use wgpu::{BindingType, BufferBindingType, BufferUsages, ShaderStages};
        let of_head = |(person, head): (usize, &Arc<Head>)| {
            (0..head.meshes.len()).map(move |mesh| (person, mesh)).collect::<Vec<_>>()
        };
        let places: Vec<(usize, usize)> = heads.iter().enumerate().flat_map(of_head).collect();
        let meshes: Vec<&Mesh> = places.iter().map(|(person, mesh)| &heads[*person].meshes[*mesh]).collect();
        let statics: Vec<Static> = meshes.iter().flat_map(|m| m.statics.iter().copied()).collect();
        let triangles: Vec<[u32; 3]> = meshes.iter().flat_map(|m| m.triangles.iter().copied()).collect();
        let mut edges: Vec<[u32; 2]> = Vec::new();
        let (mut vertices, mut indices, mut levels) = (0, 0, Vec::new());
        for mesh in &meshes {
            let from = edges.len() as u32 * 2;
            edges.extend(mesh.edges());
            let count = mesh.statics.len() as u32;
            let range = vertices..vertices + count;
            levels.push(Level { vertices: range, indices, edges: from..edges.len() as u32 * 2 });
            vertices += count;
            indices += mesh.triangles.len() as u32 * 3;
        }
        let make = |label, bytes: &[u8], usage| filled(device, queue, label, bytes, usage);
        let statics = make("face statics", bytemuck::cast_slice(&statics), BufferUsages::VERTEX);
        let indices = make("face indices", bytemuck::cast_slice(&triangles), BufferUsages::INDEX);
        let edges = make("face edges", bytemuck::cast_slice(&edges), BufferUsages::INDEX);
        let compute = matches!(path, MorphPath::Compute).then(|| Compute::new(device, queue, &meshes));

        let frame_entry = layout_entry(
            0,
            ShaderStages::VERTEX_FRAGMENT,
            buffer_type(BufferBindingType::Uniform, size_of::<Frame>(), true),
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
        let renderer = Self {
            device: device.clone(),
            queue: queue.clone(),
            heads: heads.to_vec(),
            meshes: places,
            statics,
            indices,
            edges,
            levels,
            compute,
            shadow: shadow_pipeline(device, &frame_layout, &shade_layout),
            pipelines: Default::default(),
            frame_layout,
            shade_layout,
            shadow_sampler,
        };
        // refused shaders are found while errors are watched; the others differ by constants only
        renderer.pipelines(Quality::Fine);
        renderer
    }
}

impl Compute {
    fn new(device: &wgpu::Device, queue: &wgpu::Queue, meshes: &[&Mesh]) -> Self {
        use wgpu::{BufferBindingType, BufferUsages, ShaderStages};
        let storage = |label, bytes: &[u8]| filled(device, queue, label, bytes, BufferUsages::STORAGE);
        // the shader reads bits: position and follow, normal and the first entry; one more pair ends the last one
        let mut neutral: Vec<[u32; 4]> = Vec::new();
        let (mut entries, mut regions) = (Vec::new(), Vec::new());
        for mesh in meshes {
            let before = entries.len() as u32;
            for ([p, n], first) in mesh.neutral.iter().zip(&mesh.first) {
                neutral.push(p.map(f32::to_bits));
                let [x, y, z, _] = n.map(f32::to_bits);
                neutral.push([x, y, z, before + first]);
            }
            entries.extend_from_slice(&mesh.entries);
            regions.extend_from_slice(&mesh.regions);
        }
        neutral.extend([[0; 4], [0, 0, 0, entries.len() as u32]]);
        let stage = ShaderStages::COMPUTE;
        let read = BufferBindingType::Storage { read_only: true };
        let write = BufferBindingType::Storage { read_only: false };
        let uniform = buffer_type(BufferBindingType::Uniform, MOST_BODIES * size_of::<Doing>(), false);
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("face morph"),
            entries: &[
                layout_entry(0, stage, uniform),
                layout_entry(1, stage, buffer_type(read, 4, false)),
                layout_entry(2, stage, buffer_type(read, 16, false)),
                layout_entry(3, stage, buffer_type(read, 16, false)),
                layout_entry(4, stage, buffer_type(read, 16, false)),
                layout_entry(5, stage, buffer_type(write, size_of::<Dynamic>(), false)),
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
            neutral: storage("face neutral", bytemuck::cast_slice(&neutral)),
            entries: storage("face entries", bytemuck::cast_slice(&entries)),
            regions: storage("face regions", bytemuck::cast_slice(&regions)),
        }
    }
}

impl std::fmt::Debug for Renderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renderer").field("path", &self.path()).finish_non_exhaustive()
    }
}
