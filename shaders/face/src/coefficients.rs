//! The table of rows on the device: whole takes, loaded once; a frame of one is an index into it. The first rows are
//! a neutral face and scratch for moments that belong to no take.

use crate::error::{Result, device as device_error};
use crate::expression::Expression;
use crate::gpu::Renderer;
use crate::row::Row;

/// Faces of one batch, ghosts included. Mirrors the length of `doings` in `morph.wgsl`.
pub(crate) const MOST_BODIES: usize = 64;
/// Neutral, then two rows a body.
pub(crate) const SCRATCH: usize = 1 + 2 * MOST_BODIES;
/// Most rows of a table: 1 GiB of them is refused long before a device would.
const MOST_ROWS: usize = 400_000;

/// A loaded take; give it back with [`Coefficients::remove`]. Only valid in the table that loaded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Take {
    first: u32,
    count: u32,
}

impl Take {
    /// Frames of the take.
    pub fn frames(&self) -> usize {
        self.count as usize
    }

    /// Rows around a moment in frames, and how far it lies between them; the ends hold.
    pub(crate) fn around(&self, frame: f32) -> (u32, u32, f32) {
        let last = self.count.saturating_sub(1);
        let frame = if frame.is_finite() { frame.clamp(0.0, last as f32) } else { 0.0 };
        let a = frame.floor();
        let b = (a as u32 + 1).min(last);
        (self.first + a as u32, self.first + b, frame - a)
    }
}

/// The table. Rows are kept in memory too: they pose the head, and move it where there is no compute shader.
pub struct Coefficients {
    rows: Vec<Row>,
    /// Free stretches beyond the scratch, ordered and never touching.
    free: Vec<std::ops::Range<u32>>,
    buffer: Option<wgpu::Buffer>,
    /// Counts the buffers, so that bind groups know when theirs is gone.
    pub(crate) generation: u64,
}

impl Coefficients {
    /// An empty table.
    pub fn new(renderer: &Renderer) -> Self {
        let mut out = Self { rows: Vec::new(), free: Vec::new(), buffer: None, generation: 0 };
        out.grow(renderer, SCRATCH + 127);
        out
    }

    /// Rows in use and free, without the scratch.
    pub fn rows(&self) -> usize {
        self.rows.len() - SCRATCH
    }

    fn grow(&mut self, renderer: &Renderer, rows: usize) {
        let old = self.rows.len();
        self.rows.resize(rows, Row::default());
        let from = old.max(SCRATCH) as u32;
        self.release(from..rows as u32);
        if !renderer.on_device() {
            return;
        }
        let buffer = renderer.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("face rows"),
            size: (rows * size_of::<Row>()) as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        renderer.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&self.rows));
        self.buffer = Some(buffer);
        self.generation += 1;
    }

    fn release(&mut self, range: std::ops::Range<u32>) {
        if range.is_empty() {
            return;
        }
        let at = self.free.partition_point(|r| r.start < range.start);
        self.free.insert(at, range);
        self.free.dedup_by(|later, earlier| {
            let touch = earlier.end == later.start;
            if touch {
                earlier.end = later.end;
            }
            touch
        });
    }

    /// Loads a take.
    ///
    /// # Errors
    /// [`crate::FaceError::Device`] when it is empty or the table would grow beyond [`MOST_ROWS`].
    pub fn put(&mut self, renderer: &Renderer, frames: &[Expression]) -> Result<Take> {
        let count = frames.len();
        if count == 0 || count > MOST_ROWS || self.rows.len() + count > MOST_ROWS {
            return Err(device_error(format!("a take of {count} frames cannot be loaded beside the others")));
        }
        let fits = |r: &std::ops::Range<u32>| (r.end - r.start) as usize >= count;
        if !self.free.iter().any(fits) {
            self.grow(renderer, (self.rows.len() + count).max(self.rows.len() * 3 / 2).min(MOST_ROWS));
        }
        let Some(at) = self.free.iter().position(fits) else {
            return Err(device_error("the table of takes is full"));
        };
        let first = self.free[at].start;
        self.free[at].start += count as u32;
        if self.free[at].is_empty() {
            self.free.remove(at);
        }
        for (row, frame) in self.rows[first as usize..].iter_mut().zip(frames) {
            *row = Row::of(frame);
        }
        let take = Take { first, count: count as u32 };
        if let Some(buffer) = &self.buffer {
            let rows = &self.rows[first as usize..first as usize + count];
            let offset = u64::from(first) * size_of::<Row>() as u64;
            renderer.queue.write_buffer(buffer, offset, bytemuck::cast_slice(rows));
        }
        Ok(take)
    }

    /// Gives a take's rows back.
    pub fn remove(&mut self, take: Take) {
        self.release(take.first..take.first + take.count);
    }

    /// The face of a take at a moment in frames, between two of them where it falls so.
    pub fn at(&self, take: Take, frame: f32) -> Row {
        let (a, b, t) = take.around(frame);
        match (self.rows.get(a as usize), self.rows.get(b as usize)) {
            (Some(a), Some(b)) => a.towards(b, t),
            _ => Row::default(),
        }
    }

    pub(crate) fn buffer(&self) -> Option<&wgpu::Buffer> {
        self.buffer.as_ref()
    }

    /// Writes the scratch rows; the first of `rows` is row 1.
    pub(crate) fn scratch(&mut self, renderer: &Renderer, rows: &[Row]) {
        let count = rows.len().min(SCRATCH - 1);
        self.rows[1..=count].copy_from_slice(&rows[..count]);
        if let Some(buffer) = &self.buffer {
            let offset = size_of::<Row>() as u64;
            renderer.queue.write_buffer(buffer, offset, bytemuck::cast_slice(&rows[..count]));
        }
    }
}
