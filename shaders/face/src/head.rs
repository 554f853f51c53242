//! A head in memory: neutral mesh, colours, and the 52 shapes as sparse entries per vertex, with the change of the
//! normal computed once at load. Reading files is `read.rs`; moving the vertices is `morph.rs`.

use crate::error::Result;
use crate::names::SHAPES;
use bytemuck::{Pod, Zeroable};
use glam::Vec3;
use half::f16;
use std::path::Path;
use std::sync::Arc;

/// What a vertex belongs to; the numbers are those of the file and of `shade.wgsl`.
pub mod part {
    /// Face, lids, lips, neck.
    pub const SKIN: u8 = 0;
    /// The subject's left eyeball.
    pub const EYE_LEFT: u8 = 2;
    /// The subject's right eyeball.
    pub const EYE_RIGHT: u8 = 3;
    /// Upper teeth.
    pub const TEETH_UPPER: u8 = 4;
    /// Lower teeth.
    pub const TEETH_LOWER: u8 = 5;
    /// Tongue.
    pub const TONGUE: u8 = 6;
    /// Eyebrows.
    pub const BROW: u8 = 7;
    /// Eyelashes.
    pub const LASH: u8 = 8;
    /// Hair.
    pub const HAIR: u8 = 9;
    /// Ears.
    pub const EAR: u8 = 10;
    /// Garment: does not follow the head.
    pub const GARMENT: u8 = 11;
    /// Inside of the mouth.
    pub const MOUTH_BAG: u8 = 12;
    /// One more than the last part.
    pub const COUNT: u8 = 13;
}

/// What a reader hands over: everything is already checked (equal lengths, indices in range, finite numbers).
pub(crate) struct Parts {
    pub position: Vec<[f32; 3]>,
    pub normal: Vec<[f32; 3]>,
    pub triangle: Vec<[u32; 3]>,
    pub part: Vec<u8>,
    pub albedo: Vec<[f32; 3]>,
    pub material: Vec<[f32; 4]>,
    pub mirror: Vec<u32>,
    pub eye_centre: [[f32; 3]; 2],
    pub eye_radius: f32,
    /// For each of [`crate::NAMES`]: (vertex, offset at weight 1).
    pub shapes: Vec<Vec<(u32, [f32; 3])>>,
}

/// Never changes after load. Mirrors `VertexIn` (rest, part, albedo, material) of `frame.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Static {
    /// Neutral position.
    pub rest: [f32; 3],
    /// One of [`part`].
    pub part: u32,
    /// Linear rgb, and how far the vertex follows the head.
    pub albedo: [f16; 4],
    /// Roughness, specular F0, subsurface, occlusion.
    pub material: [f16; 4],
}

/// One shape's pull on one vertex. Mirrors `Entry` of `morph.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Entry {
    /// Index into [`crate::NAMES`].
    pub shape: u32,
    /// Change of position and of normal at weight 1.
    pub delta: [f16; 6],
}

/// A head, ready to be drawn. Immutable; share it by `Arc`.
pub struct Head {
    pub(crate) neutral: Vec<[[f32; 4]; 2]>,
    pub(crate) statics: Vec<Static>,
    /// Sorted by material group.
    pub(crate) triangles: Vec<[u32; 3]>,
    /// The triangles of each material group.
    pub(crate) groups: [std::ops::Range<u32>; GROUPS],
    pub(crate) first: Vec<u32>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) mirror: Vec<u32>,
    pub(crate) eyes: [[f32; 4]; 2],
}

pub(crate) static BUILTIN: &[u8] = include_bytes!("../../../assets/head/head.safetensors");

impl Head {
    /// The head that ships with the program.
    pub fn builtin() -> Result<Arc<Self>> {
        Ok(Arc::new(crate::read::head("built-in head", BUILTIN)?))
    }

    /// Reads a head file (the layout of `assets/head/README.md`).
    pub fn read(path: &Path) -> Result<Arc<Self>> {
        Ok(Arc::new(crate::read::head_file(path)?))
    }

    /// Reads a head from bytes; `name` is what errors call it.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Arc<Self>> {
        Ok(Arc::new(crate::read::head(name, bytes)?))
    }

    /// How many vertices.
    pub fn vertices(&self) -> usize {
        self.statics.len()
    }

    /// How many triangles.
    pub fn triangles(&self) -> usize {
        self.triangles.len()
    }

    /// The mirrored vertex of each vertex.
    pub fn mirror(&self) -> &[u32] {
        &self.mirror
    }

    /// The part of each vertex, one of [`part`].
    pub fn parts(&self) -> impl Iterator<Item = u8> + '_ {
        self.statics.iter().map(|s| s.part as u8)
    }

    pub(crate) fn new(mut p: Parts) -> Self {
        let of = |t: &[u32; 3]| group(p.part[t[0] as usize]);
        p.triangle.sort_by_key(of);
        let groups = std::array::from_fn(|g| {
            let at = |g: usize| p.triangle.partition_point(|t| of(t) < g) as u32;
            at(g)..at(g + 1)
        });
        let n = p.position.len();
        let statics = (0..n)
            .map(|v| {
                let [r, g, b] = p.albedo[v];
                let follow = follow(p.part[v], p.position[v]);
                Static {
                    rest: p.position[v],
                    part: u32::from(p.part[v]),
                    albedo: [r, g, b, follow].map(f16::from_f32),
                    material: p.material[v].map(f16::from_f32),
                }
            })
            .collect();
        let neutral = (0..n)
            .map(|v| {
                let (a, b) = (p.position[v], p.normal[v]);
                [[a[0], a[1], a[2], 0.0], [b[0], b[1], b[2], 0.0]]
            })
            .collect();
        let (first, entries) = entries(&p);
        let eye = |c: [f32; 3]| [c[0], c[1], c[2], p.eye_radius];
        Self {
            neutral,
            statics,
            triangles: p.triangle,
            groups,
            first,
            entries,
            mirror: p.mirror,
            eyes: p.eye_centre.map(eye),
        }
    }
}

/// Materials that `shade.wgsl` has a pipeline for.
pub(crate) const GROUPS: usize = 6;

/// Groups whose parts are closed: their back faces are never seen and are not drawn. Lashes, brows, ears and the
/// inside of the collar are single sheets.
pub(crate) const CLOSED: [bool; GROUPS] = [true, true, true, false, false, false];

/// `GROUP` in `shade.wgsl` for each group: ears are skin, but an open sheet.
pub(crate) const SHADED_AS: [u32; GROUPS] = [0, 1, 2, 3, 4, 0];

/// The material group of a part; with [`SHADED_AS`] it mirrors the constants beside `GROUP` in `shade.wgsl`.
fn group(part: u8) -> usize {
    match part {
        part::SKIN => 0,
        part::EYE_LEFT | part::EYE_RIGHT => 1,
        part::HAIR => 2,
        part::GARMENT => 3,
        part::EAR => 5,
        _ => 4,
    }
}

/// How far a vertex follows the head: the garment not at all, the neck more and more from the collar up, so that
/// nothing tears.
fn follow(part: u8, [_, y, z]: [f32; 3]) -> f32 {
    match part {
        part::GARMENT => 0.0,
        part::SKIN => {
            let t = ((y + 2.6 * (z / 6.0).clamp(0.0, 1.0) + 12.8) / 5.4).clamp(0.0, 1.0);
            t * t * (3.0 - 2.0 * t)
        }
        _ => 1.0,
    }
}

/// The shapes turned into entries sorted by vertex. The normal's change is that of the area-weighted mesh normal
/// when one shape is at weight 1; for mixtures it is added up, like the positions.
fn entries(p: &Parts) -> (Vec<u32>, Vec<Entry>) {
    let n = p.position.len();
    let at = |v: u32| Vec3::from(p.position[v as usize]);
    let mut around: Vec<Vec<u32>> = vec![Vec::new(); n];
    for (t, tri) in p.triangle.iter().enumerate() {
        for v in tri {
            around[*v as usize].push(t as u32);
        }
    }
    let face = |t: u32, offset: &dyn Fn(u32) -> Vec3| {
        let [a, b, c] = p.triangle[t as usize];
        let (a, b, c) = (at(a) + offset(a), at(b) + offset(b), at(c) + offset(c));
        (b - a).cross(c - a)
    };
    let mut per_vertex: Vec<Vec<Entry>> = vec![Vec::new(); n];
    let mut offsets = vec![Vec3::ZERO; n];
    let mut stamp = vec![usize::MAX; n];
    for s in 0..SHAPES.min(p.shapes.len()) {
        for (v, d) in &p.shapes[s] {
            offsets[*v as usize] = Vec3::from(*d);
        }
        let offset = |v: u32| offsets[v as usize];
        for (v, _) in &p.shapes[s] {
            for t in &around[*v as usize] {
                for u in p.triangle[*t as usize] {
                    if std::mem::replace(&mut stamp[u as usize], s) == s {
                        continue;
                    }
                    let (mut moved, mut still) = (Vec3::ZERO, Vec3::ZERO);
                    for t in &around[u as usize] {
                        moved += face(*t, &offset);
                        still += face(*t, &|_| Vec3::ZERO);
                    }
                    let turn = moved.normalize_or_zero() - still.normalize_or_zero();
                    let d = offset(u);
                    if d.length() < 2e-3 && turn.length() < 4e-3 {
                        continue;
                    }
                    let delta = [d.x, d.y, d.z, turn.x, turn.y, turn.z].map(f16::from_f32);
                    per_vertex[u as usize].push(Entry { shape: s as u32, delta });
                }
            }
        }
        for (v, _) in &p.shapes[s] {
            offsets[*v as usize] = Vec3::ZERO;
        }
    }
    let mut first = Vec::with_capacity(n + 1);
    let mut all = Vec::new();
    for list in per_vertex {
        first.push(all.len() as u32);
        all.extend(list);
    }
    first.push(all.len() as u32);
    (first, all)
}
