//! Draws many faces at once: one compute dispatch moves all of them, one pass lays their shadows side by side, one
//! pass paints them side by side into a shared picture, from which each is copied to its own target. One submission
//! a batch, whatever the number of faces.

use crate::coefficients::{Coefficients, MOST_BODIES, Take};
use crate::expression::Expression;
use crate::frame::{Frame, movement};
use crate::gpu::{DEPTH, FORMAT, FRAME_STRIDE, Renderer};
use crate::morph::{Doing, Dynamic, Movement, morph};
use crate::plan::{Body, HAIR, pack, plan, shadow_size, shown};
use crate::resources::{buffer, depth, groups, moved_buffer, texture};
use crate::row::Row;
use crate::target::Target;
use crate::view::{Camera, Look, Quality, Style};
use std::mem::size_of;
use std::time::{Duration, Instant};

/// What a face does.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one a face and frame; being Copy is worth more than 200 bytes"
)]
pub enum Moment {
    /// This.
    Still(Expression),
    /// What a loaded take does at a moment in frames; between two frames it is in between.
    Take(Take, f32),
}

/// One face to be drawn.
pub struct Shot<'a> {
    /// Where to; it says the size.
    pub target: &'a Target,
    /// What the face does.
    pub moment: Moment,
    /// From where.
    pub camera: &'a Camera,
    /// In what light, with what over it.
    pub look: &'a Look,
    /// Whose face it is, among the heads of the renderer.
    pub person: usize,
}

/// What a batch has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Faces, ghosts included.
    pub faces: usize,
    /// Vertices moved.
    pub vertices: usize,
    /// Triangles drawn, shadows included.
    pub triangles: usize,
    /// Bytes sent to the device.
    pub bytes: usize,
    /// Draw calls.
    pub draws: usize,
    /// Time on our side: planning and recording, without the device's own work.
    pub cpu: Duration,
}

/// The parts of a batch that are as large as its pictures; they grow and are kept.
struct Surfaces {
    size: [u32; 2],
    texture: wgpu::Texture,
    view: wgpu::TextureView,
    many: Option<wgpu::TextureView>,
    depth: wgpu::TextureView,
}

/// Draws batches; keeps its buffers and textures between them.
pub struct Batch {
    surfaces: [Option<Surfaces>; 3],
    shadow: wgpu::TextureView,
    shadow_size: [u32; 2],
    frames: wgpu::Buffer,
    doings: wgpu::Buffer,
    moved: wgpu::Buffer,
    moved_room: u64,
    frame_group: wgpu::BindGroup,
    shade_group: wgpu::BindGroup,
    morph_group: Option<(u64, wgpu::BindGroup)>,
    on_cpu: Vec<Dynamic>,
    bytes: Vec<u8>,
}

impl Batch {
    /// Buffers on the renderer's device.
    pub fn new(renderer: &Renderer) -> Self {
        use wgpu::BufferUsages as Use;
        let make = |label, size: usize, usage| buffer(renderer, label, size as u64, usage);
        let frames = make("face frames", MOST_BODIES * FRAME_STRIDE, Use::UNIFORM);
        let doings = make("face doings", MOST_BODIES * size_of::<Doing>(), Use::UNIFORM);
        let shadow = texture(renderer, "face shadow", [1, 1], 1, DEPTH);
        let shadow = shadow.create_view(&wgpu::TextureViewDescriptor::default());
        let (frame_group, shade_group) = groups(renderer, &frames, &shadow);
        Self {
            surfaces: [None, None, None],
            shadow,
            shadow_size: [1, 1],
            moved: moved_buffer(renderer, 1),
            moved_room: 1,
            frames,
            doings,
            frame_group,
            shade_group,
            morph_group: None,
            on_cpu: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// Draws the shots into their targets and submits. Call it only for pictures that have changed.
    pub fn draw(
        &mut self,
        renderer: &Renderer,
        coefficients: &mut Coefficients,
        shots: &[Shot<'_>],
        quality: Quality,
    ) -> Work {
        let mut work = Work::default();
        let mut left = shots;
        while !left.is_empty() {
            let most = renderer.device.limits().max_texture_dimension_2d.min(4096);
            let (count, at, size) = pack(left, most);
            let (now, later) = left.split_at(count);
            self.draw_packed(renderer, coefficients, now, &at, size, quality, &mut work);
            left = later;
        }
        work
    }

    fn draw_packed(
        &mut self,
        renderer: &Renderer,
        coefficients: &mut Coefficients,
        shots: &[Shot<'_>],
        at: &[[u32; 2]],
        size: [u32; 2],
        quality: Quality,
        work: &mut Work,
    ) {
        let begun = Instant::now();
        let cell = shots
            .iter()
            .map(|s| shadow_size(s.target.size().0, s.target.size().1, quality))
            .max()
            .map_or(1, |cell| if shots.len() > 4 { cell.min(512) } else { cell });
        let columns = (shots.len() as f32).sqrt().ceil() as u32;
        let rows = (shots.len() as u32).div_ceil(columns);
        let bodies = plan(renderer, coefficients, shots, at, [columns, cell], quality);
        let vertices: u32 =
            bodies.last().map_or(0, |b| b.moved + renderer.levels[b.level].vertices.len() as u32);
        self.room(renderer, [columns * cell, rows * cell], u64::from(vertices), size, quality);
        self.upload(renderer, coefficients, &bodies, [columns * cell, rows * cell], cell, work);

        let device = &renderer.device;
        let mut encoder =
            device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("face") });
        if let (Some(compute), Some((_, group))) = (&renderer.compute, &self.morph_group) {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: Some("face morph"),
                timestamp_writes: None,
            });
            let most = bodies.iter().map(|b| renderer.levels[b.level].vertices.len() as u32).max();
            pass.set_pipeline(&compute.pipeline);
            pass.set_bind_group(0, group, &[]);
            pass.dispatch_workgroups(most.unwrap_or(0).div_ceil(64), bodies.len() as u32, 1);
        }
        self.shadows(renderer, &mut encoder, &bodies, cell, work);
        self.paint(renderer, &mut encoder, &bodies, quality, work);
        if let Some(surface) = &self.surfaces[quality as usize] {
            for (shot, at) in shots.iter().zip(at) {
                let (width, height) = shot.target.size();
                encoder.copy_texture_to_texture(
                    wgpu::TexelCopyTextureInfo {
                        origin: wgpu::Origin3d { x: at[0], y: at[1], z: 0 },
                        ..surface.texture.as_image_copy()
                    },
                    shot.target.texture().as_image_copy(),
                    wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
                );
            }
        }
        let commands = encoder.finish();
        work.faces += bodies.len();
        work.vertices += vertices as usize;
        work.cpu += begun.elapsed();
        renderer.queue.submit([commands]);
    }

    /// Makes room for shadows, vertices and pictures; what is large enough stays.
    fn room(
        &mut self,
        renderer: &Renderer,
        shadow: [u32; 2],
        vertices: u64,
        size: [u32; 2],
        quality: Quality,
    ) {
        let view = |t: &wgpu::Texture| t.create_view(&wgpu::TextureViewDescriptor::default());
        if self.shadow_size != shadow {
            self.shadow = view(&texture(renderer, "face shadow", shadow, 1, DEPTH));
            self.shadow_size = shadow;
            (self.frame_group, self.shade_group) = groups(renderer, &self.frames, &self.shadow);
        }
        if self.moved_room < vertices {
            self.moved = moved_buffer(renderer, vertices);
            self.moved_room = vertices;
            self.morph_group = None;
        }
        let slot = &mut self.surfaces[quality as usize];
        let fits = |s: &Surfaces| {
            let waste = u64::from(s.size[0]) * u64::from(s.size[1]);
            s.size[0] >= size[0]
                && s.size[1] >= size[1]
                && waste <= 3 * u64::from(size[0]) * u64::from(size[1]) + (1 << 18)
        };
        if !slot.as_ref().is_some_and(fits) {
            let samples = renderer.pipelines(quality).samples;
            let resolved = texture(renderer, "faces", size, 1, FORMAT);
            *slot = Some(Surfaces {
                size,
                view: view(&resolved),
                texture: resolved,
                many: (samples > 1).then(|| view(&texture(renderer, "face samples", size, samples, FORMAT))),
                depth: view(&texture(renderer, "face depth", size, samples, DEPTH)),
            });
        }
    }

    fn upload(
        &mut self,
        renderer: &Renderer,
        coefficients: &mut Coefficients,
        bodies: &[Body<'_>],
        map: [u32; 2],
        cell: u32,
        work: &mut Work,
    ) {
        let queue = &renderer.queue;
        let mut scratch = vec![Row::default(); 2 * bodies.len()];
        let mut doings = Vec::with_capacity(bodies.len());
        self.bytes.clear();
        self.bytes.resize(bodies.len() * FRAME_STRIDE, 0);
        for (i, body) in bodies.iter().enumerate() {
            let look = body.shot.look;
            let (width, height) = body.shot.target.size();
            let share = |texels: u32, side: u32| texels as f32 / side as f32;
            let [x, y] = body.shadow;
            let shadow = [share(cell, map[0]), share(cell, map[1]), share(x, map[0]), share(y, map[1])];
            let frame = Frame::new(
                renderer.head_of(body.shot.person),
                &body.row,
                body.shot.camera,
                look,
                body.ghost.as_ref(),
                [width, height],
                shadow,
            );
            self.bytes[i * FRAME_STRIDE..][..size_of::<Frame>()].copy_from_slice(bytemuck::bytes_of(&frame));
            let moves = movement(&body.row, look);
            let level = &renderer.levels[body.level];
            if renderer.on_device() {
                let own = 1 + 2 * i as u32;
                scratch[2 * i + 1] = moves.against;
                let (a, b, t) = match (body.ghost, body.shot.moment) {
                    (None, Moment::Take(take, frame)) => take.around(frame),
                    _ => {
                        scratch[2 * i] = body.row;
                        (own, own, 0.0)
                    }
                };
                let pose = body.row.pose();
                let [x, y, z] = pose.translation_cm;
                let mut activity = [0.0; 16];
                activity[..moves.activity.len()].copy_from_slice(&moves.activity);
                doings.push(Doing {
                    turn: pose.turn().to_array(),
                    shift: [x, y, z, t],
                    rows: [a, b, own + 1, level.vertices.start],
                    range: [level.vertices.len() as u32, body.moved, 0, 0],
                    activity,
                });
            } else {
                self.move_here(renderer, body, &moves);
                work.bytes += self.on_cpu.len() * size_of::<Dynamic>();
            }
        }
        queue.write_buffer(&self.frames, 0, &self.bytes);
        work.bytes += self.bytes.len();
        if renderer.on_device() {
            queue.write_buffer(&self.doings, 0, bytemuck::cast_slice(&doings));
            coefficients.scratch(renderer, &scratch);
            work.bytes += doings.len() * size_of::<Doing>() + scratch.len() * size_of::<Row>();
            self.bind_morph(renderer, coefficients);
        }
    }

    fn move_here(&mut self, renderer: &Renderer, body: &Body<'_>, moves: &Movement) {
        morph(renderer.mesh(body.level), moves, &mut self.on_cpu);
        let offset = u64::from(body.moved) * size_of::<Dynamic>() as u64;
        renderer.queue.write_buffer(&self.moved, offset, bytemuck::cast_slice(&self.on_cpu));
    }

    fn bind_morph(&mut self, renderer: &Renderer, coefficients: &Coefficients) {
        let (Some(compute), Some(rows)) = (&renderer.compute, coefficients.buffer()) else { return };
        if self.morph_group.as_ref().is_some_and(|(generation, _)| *generation == coefficients.generation) {
            return;
        }
        let all = [&self.doings, rows, &compute.neutral, &compute.entries, &compute.regions, &self.moved];
        let entries: Vec<_> = all
            .iter()
            .enumerate()
            .map(|(i, b)| wgpu::BindGroupEntry { binding: i as u32, resource: b.as_entire_binding() })
            .collect();
        let group = renderer.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("face morph"),
            layout: &compute.layout,
            entries: &entries,
        });
        self.morph_group = Some((coefficients.generation, group));
    }

    fn shadows(
        &self,
        renderer: &Renderer,
        encoder: &mut wgpu::CommandEncoder,
        bodies: &[Body<'_>],
        cell: u32,
        work: &mut Work,
    ) {
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("face shadow"),
            depth_stencil_attachment: Some(depth(&self.shadow, true)),
            ..Default::default()
        });
        pass.set_pipeline(&renderer.shadow);
        pass.set_index_buffer(renderer.indices.slice(..), wgpu::IndexFormat::Uint32);
        for (i, body) in bodies.iter().enumerate().filter(|(_, b)| b.layer == 0) {
            let [x, y] = body.shadow.map(|v| v as f32);
            pass.set_viewport(x, y, cell as f32, cell as f32, 0.0, 1.0);
            pass.set_scissor_rect(body.shadow[0], body.shadow[1], cell, cell);
            pass.set_bind_group(0, &self.frame_group, &[(i * FRAME_STRIDE) as u32]);
            self.vertices(renderer, &mut pass, body);
            for range in shown(renderer, body) {
                draw(renderer, &mut pass, body, range, work);
            }
        }
    }

    fn paint(
        &self,
        renderer: &Renderer,
        encoder: &mut wgpu::CommandEncoder,
        bodies: &[Body<'_>],
        quality: Quality,
        work: &mut Work,
    ) {
        let Some(surface) = &self.surfaces[quality as usize] else { return };
        let pipes = renderer.pipelines(quality);
        let layers = bodies.iter().map(|b| b.layer).max().unwrap_or(0);
        for layer in 0..=layers {
            let last = layer == layers;
            let load =
                if layer == 0 { wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT) } else { wgpu::LoadOp::Load };
            let many = surface.many.as_ref();
            let store = if last && many.is_some() { wgpu::StoreOp::Discard } else { wgpu::StoreOp::Store };
            let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("face"),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: many.unwrap_or(&surface.view),
                    depth_slice: None,
                    resolve_target: many.filter(|_| last).map(|_| &surface.view),
                    ops: wgpu::Operations { load, store },
                })],
                depth_stencil_attachment: Some(depth(&surface.depth, false)),
                ..Default::default()
            });
            pass.set_index_buffer(renderer.indices.slice(..), wgpu::IndexFormat::Uint32);
            for (i, body) in bodies.iter().enumerate().filter(|(_, b)| b.layer == layer) {
                let (w, h) = body.shot.target.size();
                pass.set_viewport(body.at[0] as f32, body.at[1] as f32, w as f32, h as f32, 0.0, 1.0);
                pass.set_scissor_rect(body.at[0], body.at[1], w, h);
                pass.set_bind_group(0, &self.shade_group, &[(i * FRAME_STRIDE) as u32]);
                self.vertices(renderer, &mut pass, body);
                if body.ghost.is_some() {
                    let mesh = renderer.mesh(body.level);
                    for pipeline in [&pipes.ghost_depth, &pipes.ghost] {
                        pass.set_pipeline(pipeline);
                        draw(renderer, &mut pass, body, 0..mesh.triangles.len() as u32, work);
                    }
                    continue;
                }
                self.face(renderer, &mut pass, body, quality, work);
            }
        }
    }

    fn face(
        &self,
        renderer: &Renderer,
        pass: &mut wgpu::RenderPass<'_>,
        body: &Body<'_>,
        quality: Quality,
        work: &mut Work,
    ) {
        let pipes = renderer.pipelines(quality);
        let overlays = &body.shot.look.overlays;
        let mesh = renderer.mesh(body.level);
        for (group, (pipeline, range)) in pipes.face.iter().zip(&mesh.groups).enumerate() {
            if !range.is_empty() && (group != HAIR || body.shot.look.style == Style::Character) {
                pass.set_pipeline(pipeline);
                draw(renderer, pass, body, range.clone(), work);
            }
        }
        if !body.shot.look.transparent {
            pass.set_pipeline(&pipes.wall);
            pass.draw(0..3, 0..1);
            work.draws += 1;
        }
        if overlays.wireframe {
            let level = &renderer.levels[body.level];
            pass.set_pipeline(&pipes.wire);
            pass.set_index_buffer(renderer.edges.slice(..), wgpu::IndexFormat::Uint32);
            pass.draw_indexed(level.edges.clone(), 0, 0..1);
            pass.set_index_buffer(renderer.indices.slice(..), wgpu::IndexFormat::Uint32);
            work.draws += 1;
        }
        if let Some(trail) = overlays.trail.filter(|trail| trail.pieces() > 0) {
            pass.set_pipeline(&pipes.trail);
            pass.draw(0..6 * trail.pieces(), 0..1);
            work.draws += 1;
        }
        if overlays.axes {
            pass.set_pipeline(&pipes.axis);
            pass.draw(0..18, 0..1);
            work.draws += 1;
        }
    }

    fn vertices(&self, renderer: &Renderer, pass: &mut wgpu::RenderPass<'_>, body: &Body<'_>) {
        let level = &renderer.levels[body.level];
        let bytes = |v: u32, size: usize| u64::from(v) * size as u64;
        pass.set_vertex_buffer(0, self.moved.slice(bytes(body.moved, size_of::<Dynamic>())..));
        let from = bytes(level.vertices.start, size_of::<crate::head::Static>());
        pass.set_vertex_buffer(1, renderer.statics.slice(from..));
    }

    /// The vertices that the last batch moved, in the order of its faces, for tests and measurements; waits for the
    /// device.
    ///
    /// # Errors
    /// [`crate::FaceError::Device`] when the device is lost.
    pub fn moved(&self, renderer: &Renderer, vertices: usize) -> crate::Result<Vec<Dynamic>> {
        let size = (vertices.min(self.moved_room as usize) * size_of::<Dynamic>()) as u64;
        let copy = renderer.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("face vertices read back"),
            size,
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        let mut encoder = renderer.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&self.moved, 0, &copy, 0, size);
        renderer.queue.submit([encoder.finish()]);
        let bytes = crate::headless::mapped(&renderer.device, &copy)?;
        Ok(bytemuck::pod_collect_to_vec(&bytes))
    }
}

fn draw(
    renderer: &Renderer,
    pass: &mut wgpu::RenderPass<'_>,
    body: &Body<'_>,
    triangles: std::ops::Range<u32>,
    work: &mut Work,
) {
    let from = renderer.levels[body.level].indices;
    pass.draw_indexed(from + triangles.start * 3..from + triangles.end * 3, 0, 0..1);
    work.triangles += triangles.len();
    work.draws += 1;
}
