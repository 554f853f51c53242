//! Moves and places the head's vertices on the CPU: the twin of `morph.wgsl`, used where the device has no storage
//! buffers and by the software renderer. Both end in the world: shapes first, then the head's turn and the shift of
//! the bust.

use crate::expression::{PIVOT, part_turn};
use crate::head::Head;
use crate::mesh::Mesh;
use crate::names::SHAPES;
use crate::row::Row;
use bytemuck::{Pod, Zeroable};
use glam::{Quat, Vec3};

/// A moved vertex. Mirrors `VertexIn` (position, normal) of `frame.wgsl` and what `morph.wgsl` writes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Dynamic {
    /// Position in the world, cm; w: displacement by the shapes alone, cm.
    pub position: [f32; 4],
    /// Normal in the world, as long as the skin is open: 1, and less in a fold (0.5 at least); w: activity of the vertex'
    /// region, 0..1.
    pub normal: [f32; 4],
}

/// Action units that regions are known for; see [`crate::REGIONS`].
pub const REGION_COUNT: usize = 15;

/// What one face does, for the CPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Movement {
    /// Weights and pose.
    pub now: Row,
    /// Weights that displacement is measured from; neutral is a row of zeros.
    pub against: Row,
    /// How strongly each action unit's region is lit, 0..1.
    pub activity: [f32; REGION_COUNT],
}

/// Mirrors `Doing` of `morph.wgsl`: what one face does, for the compute shader.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Doing {
    /// Turn of the head, a quaternion.
    pub turn: [f32; 4],
    /// Shift of the bust, cm; w: how far from row a to row b.
    pub shift: [f32; 4],
    /// Rows a and b, the row that displacement is measured from, and the first vertex of the mesh.
    pub rows: [u32; 4],
    /// Vertices of the mesh, where its moved ones begin, 2 unused.
    pub range: [u32; 4],
    /// How strongly each region is lit; the last one is unused.
    pub activity: [f32; 16],
}

/// Moves every vertex into `out` (resized to fit).
pub(crate) fn morph(mesh: &Mesh, movement: &Movement, out: &mut Vec<Dynamic>) {
    let pose = movement.now.pose();
    let (turn, shift) = (pose.turn(), Vec3::from(pose.translation_cm));
    let lit = movement.activity.iter().any(|a| *a > 0.0);
    out.clear();
    out.extend(mesh.neutral.iter().zip(mesh.first.windows(2)).enumerate().map(|(v, ([p, n], span))| {
        let mut position = Vec3::from_slice(p);
        let mut normal = Vec3::from_slice(n);
        let mut away = Vec3::ZERO;
        let mut fold = 0.0;
        for e in &mesh.entries[span[0] as usize..span[1] as usize] {
            let w = movement.now.weights[e.shape as usize];
            let b = movement.against.weights[e.shape as usize];
            if w == 0.0 && b == 0.0 {
                continue;
            }
            let [x, y, z, nx, ny, nz] = e.delta.map(f32::from);
            let d = Vec3::new(x, y, z);
            position += w * d;
            normal += w * Vec3::new(nx, ny, nz);
            fold += w * f32::from(e.fold);
            away += (w - b) * d;
        }
        let region = if lit { region(&mesh.regions[v], &movement.activity) } else { 0.0 };
        let q: Quat = part_turn(turn, p[3]);
        let world = PIVOT + q * (position - PIVOT) + shift;
        let n = open(fold) * (q * (normal / normal.length().max(1e-6)));
        Dynamic { position: [world.x, world.y, world.z, away.length()], normal: [n.x, n.y, n.z, region] }
    }));
}

/// Every vertex of the head at rest with these weights as they are, without the laws of a drawn face.
pub fn moved(head: &Head, weights: &[f32; SHAPES]) -> Vec<Dynamic> {
    let now = Row { weights: *weights, ..Row::default() };
    let movement = Movement { now, against: Row::default(), activity: [0.0; REGION_COUNT] };
    let mut out = Vec::new();
    morph(&head.meshes[0], &movement, &mut out);
    out
}

/// What is left of the light from around in a fold that is so much more hollow than the skin at rest, 1/cm.
fn open(fold: f32) -> f32 {
    1.0 - (fold - 0.06).clamp(0.0, 0.5)
}

/// The strongest of the lit regions at a vertex.
fn region(share: &[u8; 16], activity: &[f32; REGION_COUNT]) -> f32 {
    share.iter().zip(activity).fold(0.0, |most, (s, a)| f32::max(most, f32::from(*s) / 255.0 * a))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::index_of;

    fn openness(head: &Head, names: &[&str]) -> Vec<f32> {
        let mut weights = [0.0; SHAPES];
        names.iter().for_each(|name| weights[index_of(name).unwrap()] = 1.0);
        moved(head, &weights).iter().map(|v| Vec3::from_slice(&v.normal).length()).collect()
    }

    #[test]
    fn a_smile_folds_the_skin_beside_the_mouth_and_a_face_at_rest_has_no_fold() {
        let head = Head::builtin().unwrap();
        assert!(openness(&head, &[]).iter().all(|open| (open - 1.0).abs() < 1e-5));
        let smile = openness(&head, &["mouthSmileLeft"]);
        let folded: Vec<usize> = (0..smile.len()).filter(|v| smile[*v] < 0.9).collect();
        assert!(folded.len() > 10, "{} vertices lie in a fold", folded.len());
        for v in &folded {
            let rest = head.meshes[0].statics[*v].rest;
            assert!(smile[*v] > 0.499 && rest[0] > -1.0, "{}: {rest:?}", smile[*v]);
        }
        // the other side folds as much as this one, though quads are not cut alike
        let shut = |side: &[f32]| side.iter().map(|open| 1.0 - open).sum::<f32>();
        let (left, right) = (shut(&smile), shut(&openness(&head, &["mouthSmileRight"])));
        assert!((left / right - 1.0).abs() < 0.01, "{left} and {right}");
    }
}
