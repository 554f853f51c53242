//! A head in memory: neutral mesh, colours, and the 52 shapes as sparse entries per vertex, with the change of the
//! normal computed once at load. Reading files is `read.rs`; moving the vertices is `morph.rs`.

use crate::error::Result;
use crate::expression::{PIVOT, Pose};
use crate::mesh::Mesh;
use crate::morph::REGION_COUNT;
use crate::names::{NAMES, SHAPES, index_of, mirrored};
use crate::simplify::simplify;
use crate::view::Quality;
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
    /// One of [`part`] in the lowest 8 bits; above it the occlusion (0..255) of a head without hair and brows.
    pub part: u32,
    /// Linear rgb; the fourth is unused.
    pub albedo: [f16; 4],
    /// Roughness, specular F0, subsurface, occlusion.
    pub material: [f16; 4],
}

/// One shape's pull on one vertex. Mirrors `Entry` of `morph.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Entry {
    /// Index into [`crate::NAMES`].
    pub shape: u16,
    /// How much more hollow the skin is there at weight 1: change of the mean curvature, 1/cm, positive in a fold.
    pub fold: f16,
    /// Change of position and of normal at weight 1.
    pub delta: [f16; 6],
}

/// What a head may bring along; what is missing is worked out from the shapes.
#[derive(Default)]
pub(crate) struct Details {
    /// Occlusion of each vertex on a head without hair, brows and garment, 0..1.
    pub bare: Option<Vec<f32>>,
    /// For each of [`REGIONS`]: how much each vertex belongs to it, 0..1.
    pub regions: Option<Vec<Vec<f32>>>,
}

/// Action units that a region of the face belongs to, in the order of the data.
pub const REGIONS: [&str; REGION_COUNT] = [
    "AU1", "AU2", "AU4", "AU6", "AU7", "AU9", "AU10", "AU12", "AU14", "AU15", "AU17", "AU23", "AU24", "AU25",
    "AU26",
];

/// The shapes whose movement marks a region, where a head does not say.
const MARKED_BY: [&[&str]; REGION_COUNT] = [
    &["browInnerUp"],
    &["browOuterUpLeft", "browOuterUpRight"],
    &["browDownLeft", "browDownRight"],
    &["cheekSquintLeft", "cheekSquintRight"],
    &["eyeSquintLeft", "eyeSquintRight"],
    &["noseSneerLeft", "noseSneerRight"],
    &["mouthUpperUpLeft", "mouthUpperUpRight"],
    &["mouthSmileLeft", "mouthSmileRight"],
    &["mouthDimpleLeft", "mouthDimpleRight"],
    &["mouthFrownLeft", "mouthFrownRight"],
    &["mouthShrugLower"],
    &["mouthPressLeft", "mouthPressRight", "mouthPucker"],
    &["mouthPressLeft", "mouthPressRight"],
    &["mouthLowerDownLeft", "mouthLowerDownRight"],
    &["jawOpen"],
];

/// A head, ready to be drawn. Immutable; share it by `Arc`.
pub struct Head {
    /// The head itself, then coarser ones for small pictures.
    pub(crate) meshes: Vec<Mesh>,
    pub(crate) mirror: Vec<u32>,
    pub(crate) eyes: [[f32; 4]; 2],
    /// Middle of each of [`REGIONS`] on the subject's left half of the neutral face.
    pub(crate) region_middle: [Vec3; REGION_COUNT],
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
        self.meshes[0].statics.len()
    }

    /// How many triangles.
    pub fn triangles(&self) -> usize {
        self.meshes[0].triangles.len()
    }

    /// The mirrored vertex of each vertex.
    pub fn mirror(&self) -> &[u32] {
        &self.mirror
    }

    /// The middle of each of [`REGIONS`] on the subject's left half, cm, as an expression carries it: where a view
    /// writes the unit's name.
    pub fn region_places(&self, pose: &Pose) -> [[f32; 3]; REGION_COUNT] {
        let shift = Vec3::from(pose.sane().translation_cm);
        self.region_middle.map(|p| (PIVOT + pose.turn() * (p - PIVOT) + shift).to_array())
    }

    /// The part of each vertex, one of [`part`].
    pub fn parts(&self) -> impl Iterator<Item = u8> + '_ {
        self.meshes[0].statics.iter().map(|s| s.part as u8)
    }

    /// The linear colour of each vertex.
    pub fn colours(&self) -> impl Iterator<Item = [f32; 3]> + '_ {
        self.meshes[0].statics.iter().map(|s| [0, 1, 2].map(|c| s.albedo[c].to_f32()))
    }

    /// The mesh for pictures in which a pixel covers this many cm: the coarsest whose triangles are still about a
    /// pixel, or a few where quality is not the finest.
    pub(crate) fn level(&self, pixel_cm: f32, quality: Quality) -> usize {
        let sooner = match quality {
            Quality::Fine => 1.0,
            Quality::Quick | Quality::Plain => 0.75,
        };
        let coarse = COARSER.iter().filter(|(_, from)| pixel_cm >= from * sooner).count();
        coarse.min(self.meshes.len() - 1)
    }

    pub(crate) fn with_details(mut p: Parts, details: Details) -> Self {
        let part = |v: u32| p.part[v as usize];
        p.triangle.sort_by_key(|t| group(part(t[0])));
        let groups = Mesh::groups(&p.triangle, part);
        let n = p.position.len();
        let bare = details.bare.filter(|b| b.len() == n);
        let statics = (0..n)
            .map(|v| {
                let [r, g, b] = p.albedo[v];
                let open = bare.as_ref().map_or(p.material[v][3], |b| b[v]);
                Static {
                    rest: p.position[v],
                    part: u32::from(p.part[v]) | u32::from(byte(open)) << 8,
                    albedo: [r, g, b, 0.0].map(f16::from_f32),
                    material: p.material[v].map(f16::from_f32),
                }
            })
            .collect();
        let neutral = (0..n)
            .map(|v| {
                let (a, b) = (p.position[v], p.normal[v]);
                [[a[0], a[1], a[2], follow(p.part[v], a)], [b[0], b[1], b[2], 0.0]]
            })
            .collect();
        let (first, entries) = entries(&p);
        let regions = match details.regions {
            Some(r) if r.len() == REGION_COUNT && r.iter().all(|r| r.len() == n) => r,
            _ => marked(&p),
        };
        let region_middle = std::array::from_fn(|k| middle(&p, &regions[k]));
        let regions =
            (0..n).map(|v| std::array::from_fn(|k| regions.get(k).map_or(0, |r| byte(r[v])))).collect();
        let eye = |c: [f32; 3]| [c[0], c[1], c[2], p.eye_radius];
        let fine = Mesh { neutral, statics, regions, triangles: p.triangle, groups, first, entries };
        let targets: Vec<usize> =
            COARSER.iter().map(|(count, _)| *count).filter(|count| *count < fine.triangles.len()).collect();
        let mut meshes = simplify(&fine, &targets);
        meshes.insert(0, fine);
        Self { meshes, eyes: p.eye_centre.map(eye), mirror: p.mirror, region_middle }
    }
}

/// Triangles of each coarser mesh, and the cm a pixel must cover for it to be drawn.
const COARSER: [(usize, f32); 2] = [(9_000, 0.075), (4_400, 0.16)];

fn byte(share: f32) -> u8 {
    (share.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}

/// Regions by how far the marking shapes move a vertex, 1 where it moves farthest.
fn marked(p: &Parts) -> Vec<Vec<f32>> {
    MARKED_BY
        .iter()
        .map(|names| {
            let mut far = vec![0.0_f32; p.position.len()];
            for shape in names.iter().filter_map(|n| index_of(n)).filter_map(|i| p.shapes.get(i)) {
                for (v, d) in shape {
                    let skin = matches!(p.part[*v as usize], part::SKIN | part::BROW);
                    far[*v as usize] += if skin { Vec3::from(*d).length() } else { 0.0 };
                }
            }
            let most = far.iter().copied().fold(1e-6, f32::max);
            far.iter().map(|f| (f / most * 1.3 - 0.15).clamp(0.0, 1.0)).collect()
        })
        .collect()
}

/// The middle of a region's left half.
fn middle(p: &Parts, share: &[f32]) -> Vec3 {
    let (mut sum, mut all) = (Vec3::ZERO, 1e-9);
    for (at, s) in p.position.iter().zip(share).filter(|(at, _)| at[0] >= 0.0) {
        sum += Vec3::from(*at) * s * s;
        all += s * s;
    }
    sum / all
}

/// Materials that `shade.wgsl` has a pipeline for.
pub(crate) const GROUPS: usize = 6;

/// Groups whose parts are closed: their back faces are never seen and are not drawn. Lashes, brows, ears and the
/// inside of the collar are single sheets.
pub(crate) const CLOSED: [bool; GROUPS] = [true, true, true, false, false, false];

/// `GROUP` in `shade.wgsl` for each group: ears are skin, but an open sheet.
pub(crate) const SHADED_AS: [u32; GROUPS] = [0, 1, 2, 3, 4, 0];

/// The material group of a part; with [`SHADED_AS`] it mirrors the constants beside `GROUP` in `shade.wgsl`.
pub(crate) fn group(part: u8) -> usize {
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

/// No fold is deeper, 1/cm: edges of lids and lips, which are no folds, turn over more sharply.
const MOST_FOLD: f32 = 4.0;

/// The vertices that share an edge with each vertex.
fn beside(p: &Parts) -> Vec<Vec<u32>> {
    let mut beside: Vec<Vec<u32>> = vec![Vec::new(); p.position.len()];
    for [a, b, c] in &p.triangle {
        for (v, u) in [(a, b), (b, c), (c, a)] {
            beside[*v as usize].push(*u);
            beside[*u as usize].push(*v);
        }
    }
    for around in &mut beside {
        around.sort_unstable();
        around.dedup();
    }
    beside
}

/// Folds are a vertex or two wide, and the mesh is not regular: twice each vertex takes half of what those beside it have.
/// Returns what `wanted` vertices have then; `once` is room for all.
fn smoothed(folds: &[f32], beside: &[Vec<u32>], wanted: &[u32], once: &mut [f32]) -> Vec<f32> {
    let shared = |values: &[f32], v: u32| {
        let around = &beside[v as usize];
        let sum: f32 = around.iter().map(|u| values[*u as usize]).sum();
        0.5 * values[v as usize] + 0.5 * sum / around.len().max(1) as f32
    };
    for v in wanted.iter().flat_map(|v| std::iter::once(v).chain(&beside[*v as usize])) {
        once[*v as usize] = shared(folds, *v);
    }
    wanted.iter().map(|v| shared(once, *v)).collect()
}

/// Folds of mirrored shapes at mirrored vertices are made equal: quads of skin are not cut alike on both sides, and a smile
/// would fold one of them more.
fn alike_on_both_sides(mut per_vertex: Vec<Vec<Entry>>, mirror: &[u32]) -> Vec<Vec<Entry>> {
    let sides: [u16; SHAPES] = std::array::from_fn(|shape| mirrored(shape) as u16);
    let of = |entries: &[Entry], shape: u16| {
        let place = entries.binary_search_by_key(&shape, |entry| entry.shape).ok()?;
        Some(f32::from(entries[place].fold))
    };
    let both = |v: usize, entry: &Entry| {
        let other = mirror.get(v).and_then(|m| per_vertex.get(*m as usize))?;
        let there = of(other, *sides.get(usize::from(entry.shape))?)?;
        Some(f16::from_f32(0.5 * (f32::from(entry.fold) + there)))
    };
    let all: Vec<Vec<f16>> = (0..per_vertex.len())
        .map(|v| per_vertex[v].iter().map(|entry| both(v, entry).unwrap_or(entry.fold)).collect())
        .collect();
    for (entries, folds) in per_vertex.iter_mut().zip(all) {
        entries.iter_mut().zip(folds).for_each(|(entry, fold)| entry.fold = fold);
    }
    per_vertex
}

/// The shapes turned into entries sorted by vertex. The normal's change is that of the area-weighted mesh normal
/// when one shape is at weight 1, mouthClose over the open jaw that it closes; for mixtures it is added up, like the
/// positions.
fn entries(p: &Parts) -> (Vec<u32>, Vec<Entry>) {
    let n = p.position.len();
    let at = |v: u32| Vec3::from(p.position[v as usize]);
    let mut around: Vec<Vec<u32>> = vec![Vec::new(); n];
    for (t, tri) in p.triangle.iter().enumerate() {
        for v in tri {
            around[*v as usize].push(t as u32);
        }
    }
    let beside = beside(p);
    let face = |t: u32, offset: &dyn Fn(u32) -> Vec3| {
        let [a, b, c] = p.triangle[t as usize];
        let (a, b, c) = (at(a) + offset(a), at(b) + offset(b), at(c) + offset(c));
        (b - a).cross(c - a)
    };
    // how hollow the surface is at a vertex: its mean curvature by cotangents, which do not see which way quads are cut
    let hollow = |v: u32, normal: Vec3, offset: &dyn Fn(u32) -> Vec3| {
        let middle = at(v) + offset(v);
        let (mut pull, mut area) = (Vec3::ZERO, 1e-6);
        for t in &around[v as usize] {
            let tri = p.triangle[*t as usize];
            let turn = tri.iter().position(|u| *u == v).unwrap_or(0);
            let [a, b] = [1, 2].map(|next| {
                let u = tri[(turn + next) % 3];
                at(u) + offset(u)
            });
            let twice = (a - middle).cross(b - middle).length();
            let cotangent = |corner: Vec3, other: Vec3| {
                ((middle - corner).dot(other - corner) / twice.max(1e-6)).clamp(-3.0, 3.0)
            };
            pull += cotangent(a, b) * (b - middle) + cotangent(b, a) * (a - middle);
            area += twice / 6.0;
        }
        normal.dot(pull) / (4.0 * area)
    };
    // almost all shapes begin at rest
    let still = |v: u32, ground: &dyn Fn(u32) -> Vec3| {
        let normal: Vec3 = around[v as usize].iter().map(|t| face(*t, ground)).sum();
        let normal = normal.normalize_or_zero();
        (normal, hollow(v, normal, ground))
    };
    let rest: Vec<(Vec3, f32)> = (0..n as u32).map(|v| still(v, &|_| Vec3::ZERO)).collect();
    let mut per_vertex: Vec<Vec<Entry>> = vec![Vec::new(); n];
    let mut offsets = vec![Vec3::ZERO; n];
    let mut ground = vec![Vec3::ZERO; n];
    let mut stamp = vec![usize::MAX; n];
    let (mut folds, mut once) = (vec![0.0_f32; n], vec![0.0_f32; n]);
    let mut touched: Vec<u32> = Vec::new();
    for s in 0..SHAPES.min(p.shapes.len()) {
        for (v, d) in &p.shapes[s] {
            offsets[*v as usize] = Vec3::from(*d);
        }
        let below = if NAMES[s] == "mouthClose" {
            index_of("jawOpen").and_then(|jaw| p.shapes.get(jaw))
        } else {
            None
        };
        for (v, d) in below.into_iter().flatten() {
            ground[*v as usize] = Vec3::from(*d);
        }
        let offset = |v: u32| offsets[v as usize];
        let grounded = |v: u32| ground[v as usize];
        for (v, _) in &p.shapes[s] {
            for t in &around[*v as usize] {
                for u in p.triangle[*t as usize] {
                    if std::mem::replace(&mut stamp[u as usize], s) == s {
                        continue;
                    }
                    let moving = |v: u32| grounded(v) + offset(v);
                    let moved: Vec3 = around[u as usize].iter().map(|t| face(*t, &moving)).sum();
                    let moved = moved.normalize_or_zero();
                    let (normal, was) = match below {
                        None => rest[u as usize],
                        Some(_) => still(u, &grounded),
                    };
                    let turn = moved - normal;
                    let d = offset(u);
                    if d.length() < 2e-3 && turn.length() < 4e-3 {
                        continue;
                    }
                    if p.part[u as usize] == part::SKIN {
                        folds[u as usize] = (hollow(u, moved, &moving) - was).clamp(-MOST_FOLD, MOST_FOLD);
                    }
                    touched.push(u);
                    let delta = [d.x, d.y, d.z, turn.x, turn.y, turn.z].map(f16::from_f32);
                    per_vertex[u as usize].push(Entry { shape: s as u16, fold: f16::ZERO, delta });
                }
            }
        }
        for (v, fold) in touched.iter().zip(smoothed(&folds, &beside, &touched, &mut once)) {
            if let Some(entry) = per_vertex[*v as usize].last_mut() {
                entry.fold = f16::from_f32(fold);
            }
        }
        touched.drain(..).for_each(|v| folds[v as usize] = 0.0);
        for (v, _) in &p.shapes[s] {
            offsets[*v as usize] = Vec3::ZERO;
        }
        for (v, _) in below.into_iter().flatten() {
            ground[*v as usize] = Vec3::ZERO;
        }
    }
    let per_vertex = alike_on_both_sides(per_vertex, &p.mirror);
    let mut first = Vec::with_capacity(n + 1);
    let mut all = Vec::new();
    for list in per_vertex {
        first.push(all.len() as u32);
        all.extend(list);
    }
    first.push(all.len() as u32);
    (first, all)
}
