//! Moves the head's vertices on the CPU: the twin of `morph.wgsl`, used where the device has no storage buffers and
//! by the software renderer. Pose is not applied here.

use crate::head::Head;
use crate::names::SHAPES;
use bytemuck::{Pod, Zeroable};
use glam::Vec3;

/// A moved vertex. Mirrors `VertexIn` (position, normal) of `frame.wgsl` and what `morph.wgsl` writes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Dynamic {
    /// Position, head at rest; w: displacement in cm.
    pub position: [f32; 4],
    /// Unit normal; w unused.
    pub normal: [f32; 4],
}

/// Mirrors `Weights` of `morph.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Weights {
    /// What the face does.
    pub now: [f32; SHAPES],
    /// What displacement is measured from.
    pub against: [f32; SHAPES],
}

/// Moves every vertex into `out` (resized to fit).
pub fn morph(head: &Head, weights: &Weights, out: &mut Vec<Dynamic>) {
    out.clear();
    out.extend(head.neutral.iter().zip(head.first.windows(2)).map(|([p, n], span)| {
        let mut position = Vec3::from_slice(p);
        let mut normal = Vec3::from_slice(n);
        let mut away = Vec3::ZERO;
        for e in &head.entries[span[0] as usize..span[1] as usize] {
            let w = weights.now[e.shape as usize];
            let b = weights.against[e.shape as usize];
            if w == 0.0 && b == 0.0 {
                continue;
            }
            let [x, y, z, nx, ny, nz] = e.delta.map(f32::from);
            let d = Vec3::new(x, y, z);
            position += w * d;
            normal += w * Vec3::new(nx, ny, nz);
            away += (w - b) * d;
        }
        let n = normal / normal.length().max(1e-6);
        Dynamic {
            position: [position.x, position.y, position.z, away.length()],
            normal: [n.x, n.y, n.z, 0.0],
        }
    }));
}
