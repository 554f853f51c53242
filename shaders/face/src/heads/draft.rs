//! A head on its way from another program's file to ours: vertices, parts and 52 shapes, in any unit at first.
//!
//! A reader fills a [`Draft`]; `fit.rs` brings it to the place and size of the built-in head; [`Draft::write`] turns it
//! into the file layout of `assets/head/README.md`, which `read.rs` reads and checks like any other. So there is one
//! way into the program for every head, and the converted file is what the cache keeps.

use crate::error::HeadError;
use crate::head::part;
use crate::names::{NAMES, SHAPES, index_of};
use glam::Vec3;
use half::f16;
use std::collections::HashMap;

/// Most vertices of a head from another program, after cropping.
pub const MOST_VERTICES: usize = 200_000;
/// Most triangles of a head from another program, after cropping.
pub const MOST_TRIANGLES: usize = 400_000;
/// Most moved vertices, summed over the 52 shapes.
const MOST_ENTRIES: usize = 6_000_000;
/// Offsets below this are not kept, cm.
const KEPT: f32 = 0.002;

pub(crate) type Read<T> = Result<T, HeadError>;

/// A refusal of `file` with its place and remedy.
pub(crate) fn fault(file: &str, place: impl Into<String>, remedy: &str) -> HeadError {
    HeadError { file: file.into(), place: place.into(), remedy: remedy.into() }
}

/// Look of a part: linear colour and (roughness, F0, subsurface, occlusion).
pub(crate) fn look_of(kind: u8) -> ([f32; 3], [f32; 4]) {
    match kind {
        part::EYE_LEFT | part::EYE_RIGHT => ([0.43, 0.41, 0.39], [0.09, 0.045, 0.15, 0.66]),
        part::TEETH_UPPER | part::TEETH_LOWER => ([0.758, 0.662, 0.602], [0.22, 0.05, 0.4, 0.30]),
        part::TONGUE => ([0.523, 0.106, 0.106], [0.35, 0.04, 0.7, 0.25]),
        part::BROW => ([0.038, 0.017, 0.010], [0.62, 0.03, 0.15, 0.88]),
        part::LASH => ([0.040, 0.018, 0.013], [0.6, 0.02, 0.11, 0.4]),
        part::HAIR => ([0.029, 0.016, 0.012], [0.54, 0.035, 0.25, 0.92]),
        part::GARMENT => ([0.021, 0.036, 0.066], [0.85, 0.02, 0.1, 0.79]),
        part::MOUTH_BAG => ([0.213, 0.047, 0.042], [0.75, 0.013, 0.5, 0.19]),
        _ => ([0.731, 0.373, 0.257], [0.47, 0.032, 0.98, 0.78]),
    }
}

/// Linear colour and roughness of lips.
const LIPS: ([f32; 3], f32) = ([0.52, 0.155, 0.125], 0.37);

/// A head that is being put together; lengths agree, shapes are sparse.
#[derive(Default, Clone)]
pub(crate) struct Draft {
    pub position: Vec<[f32; 3]>,
    pub triangle: Vec<[u32; 3]>,
    /// One of [`part`] for each vertex.
    pub part: Vec<u8>,
    /// Linear rgb.
    pub albedo: Vec<[f32; 3]>,
    /// Roughness, specular F0, subsurface, occlusion.
    pub material: Vec<[f32; 4]>,
    /// For each of [`NAMES`]: (vertex, offset at weight 1), at most once a vertex.
    pub shapes: Vec<Vec<(u32, [f32; 3])>>,
    pub eye_centre: [[f32; 3]; 2],
    pub eye_radius: f32,
    /// Whether the skin has colours of its own.
    pub painted: bool,
}

impl Draft {
    pub fn new() -> Self {
        Self { shapes: vec![Vec::new(); SHAPES], ..Self::default() }
    }

    /// Adds a vertex with the usual look of its part.
    pub fn vertex(&mut self, position: [f32; 3], kind: u8) {
        let (albedo, material) = look_of(kind);
        self.position.push(position);
        self.part.push(kind);
        self.albedo.push(albedo);
        self.material.push(material);
    }

    pub fn at(&self, v: u32) -> Vec3 {
        Vec3::from(self.position[v as usize])
    }

    /// Keeps the triangles that `keep` says and the vertices they use; the numbers of the others change.
    pub fn retain(&mut self, keep: impl Fn(&Self, &[u32; 3]) -> bool) {
        let kept: Vec<[u32; 3]> = self.triangle.iter().filter(|t| keep(self, t)).copied().collect();
        let mut number = vec![u32::MAX; self.position.len()];
        let mut order = Vec::new();
        for v in kept.iter().flatten() {
            if number[*v as usize] == u32::MAX {
                number[*v as usize] = order.len() as u32;
                order.push(*v as usize);
            }
        }
        self.triangle = kept.iter().map(|t| t.map(|v| number[v as usize])).collect();
        self.position = order.iter().map(|v| self.position[*v]).collect();
        self.part = order.iter().map(|v| self.part[*v]).collect();
        self.albedo = order.iter().map(|v| self.albedo[*v]).collect();
        self.material = order.iter().map(|v| self.material[*v]).collect();
        for shape in &mut self.shapes {
            shape.retain(|(v, _)| number[*v as usize] != u32::MAX);
            shape.iter_mut().for_each(|(v, _)| *v = number[*v as usize]);
        }
    }

    /// Joins vertices that are one (same place, part and offsets, split only for their texture), so that normals have
    /// no seams there.
    pub fn weld(&mut self) {
        let n = self.position.len();
        let mut moves = vec![0u64; n];
        for (s, shape) in self.shapes.iter().enumerate() {
            for (v, d) in shape {
                let mut hash = moves[*v as usize] ^ (s as u64 + 1);
                for value in d {
                    hash = (hash ^ u64::from((value + 0.0).to_bits())).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    hash ^= hash >> 29;
                }
                moves[*v as usize] = hash;
            }
        }
        let mut first: HashMap<([u32; 3], u8, u64), u32> = HashMap::with_capacity(n);
        let to: Vec<u32> = (0..n)
            .map(|v| {
                let key = (self.position[v].map(|x| (x + 0.0).to_bits()), self.part[v], moves[v]);
                *first.entry(key).or_insert(v as u32)
            })
            .collect();
        for t in &mut self.triangle {
            *t = t.map(|v| to[v as usize]);
        }
        self.retain(|_, [a, b, c]| a != b && b != c && a != c);
    }

    /// Adds another draft's vertices, triangles and shapes.
    pub fn join(&mut self, other: &Self) {
        let base = self.position.len() as u32;
        self.position.extend(&other.position);
        self.part.extend(&other.part);
        self.albedo.extend(&other.albedo);
        self.material.extend(&other.material);
        self.triangle.extend(other.triangle.iter().map(|t| t.map(|v| v + base)));
        for (mine, theirs) in self.shapes.iter_mut().zip(&other.shapes) {
            mine.extend(theirs.iter().map(|(v, d)| (v + base, *d)));
        }
    }

    /// Colours the lips: where rolling the lips moves the skin most.
    pub fn paint_lips(&mut self) {
        let mut ink = vec![0.0f32; self.position.len()];
        for name in ["mouthRollLower", "mouthRollUpper"] {
            let Some(shape) = index_of(name).and_then(|s| self.shapes.get(s)) else { continue };
            let most = shape.iter().map(|(_, d)| Vec3::from(*d).length()).fold(0.0, f32::max);
            for (v, d) in shape {
                let t = ((Vec3::from(*d).length() / most.max(1e-6) - 0.30) / 0.30).clamp(0.0, 1.0);
                let slot = &mut ink[*v as usize];
                *slot = slot.max(t * t * (3.0 - 2.0 * t));
            }
        }
        for (v, t) in ink.into_iter().enumerate() {
            if self.part[v] == part::SKIN || self.part[v] == part::EAR {
                for (c, lip) in self.albedo[v].iter_mut().zip(LIPS.0) {
                    *c += t * (lip - *c);
                }
                self.material[v][0] += t * (LIPS.1 - self.material[v][0]);
            }
        }
    }

    /// Area-weighted normals.
    fn normals(&self) -> Vec<[f32; 3]> {
        let mut sum = vec![Vec3::ZERO; self.position.len()];
        for [a, b, c] in &self.triangle {
            let n = (self.at(*b) - self.at(*a)).cross(self.at(*c) - self.at(*a));
            for v in [a, b, c] {
                sum[*v as usize] += n;
            }
        }
        sum.into_iter().map(|n| if n.length() > 1e-12 { n.normalize() } else { Vec3::Z }.into()).collect()
    }

    /// For each vertex the one of its part nearest to its mirror image.
    fn mirror(&self) -> Vec<u32> {
        const CELL: f32 = 0.5;
        let cell = |p: Vec3| (p / CELL).floor().to_array().map(|v| v as i32);
        let mut grid: HashMap<(u8, [i32; 3]), Vec<u32>> = HashMap::new();
        let twin = |kind: u8| match kind {
            part::EYE_LEFT => part::EYE_RIGHT,
            part::EYE_RIGHT => part::EYE_LEFT,
            other => other,
        };
        for v in 0..self.position.len() {
            grid.entry((self.part[v], cell(self.at(v as u32)))).or_default().push(v as u32);
        }
        let find = |v: u32| {
            let p = self.at(v) * Vec3::new(-1.0, 1.0, 1.0);
            let kind = twin(self.part[v as usize]);
            let [x, y, z] = cell(p);
            let mut best = (f32::INFINITY, v);
            for dx in -1..=1 {
                for dy in -1..=1 {
                    for dz in -1..=1 {
                        for u in grid.get(&(kind, [x + dx, y + dy, z + dz])).into_iter().flatten() {
                            let d = self.at(*u).distance_squared(p);
                            if d < best.0 {
                                best = (d, *u);
                            }
                        }
                    }
                }
            }
            best.1
        };
        (0..self.position.len() as u32).map(find).collect()
    }

    /// How much each vertex takes part in each action unit, 0..1, from how far the unit's shapes move it.
    fn regions(&self) -> Vec<f32> {
        let n = self.position.len();
        let mut out = vec![0.0f32; AU_SHAPES.len() * n];
        for ((_, names), row) in AU_SHAPES.iter().zip(out.chunks_exact_mut(n.max(1))) {
            for (s, shape) in self.shapes.iter().enumerate() {
                if !names
                    .iter()
                    .any(|stem| NAMES[s].trim_end_matches("Left").trim_end_matches("Right") == *stem)
                {
                    continue;
                }
                let most = shape.iter().map(|(_, d)| Vec3::from(*d).length()).fold(1e-6, f32::max);
                for (v, d) in shape {
                    let t = (Vec3::from(*d).length() / most / 0.6).min(1.0);
                    let slot = &mut row[*v as usize];
                    *slot = slot.max(t);
                }
            }
        }
        out
    }

    /// The file layout of the built-in head; the same draft gives the same bytes.
    pub fn write(&self, file: &str, source: &str) -> Read<Vec<u8>> {
        let (n, m) = (self.position.len(), self.triangle.len());
        const SMALLER: &str = "reduce it in a modelling program (decimate), or export the head alone";
        if n > MOST_VERTICES || m > MOST_TRIANGLES {
            return Err(fault(
                file,
                format!(
                    "{n} vertices and {m} triangles, a head may have {MOST_VERTICES} and {MOST_TRIANGLES}"
                ),
                SMALLER,
            ));
        }
        if n == 0 || m == 0 {
            return Err(fault(file, "no triangle of it belongs to a head", "export the head's mesh with it"));
        }
        let (mut span, mut index, mut delta) = (Vec::new(), Vec::new(), Vec::new());
        for shape in &self.shapes {
            let from = index.len() as u32;
            let mut moves: Vec<_> = shape.iter().filter(|(_, d)| Vec3::from(*d).length() > KEPT).collect();
            moves.sort_by_key(|(v, _)| *v);
            for (v, d) in moves {
                index.push(*v);
                delta.extend(d.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()));
            }
            span.extend([from, index.len() as u32 - from]);
        }
        if index.len() > MOST_ENTRIES {
            let place =
                format!("its shapes move {} vertices in all, at most {MOST_ENTRIES} are read", index.len());
            return Err(fault(file, place, SMALLER));
        }
        let floats =
            |rows: &mut dyn Iterator<Item = f32>| rows.flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
        let words =
            |rows: &mut dyn Iterator<Item = u32>| rows.flat_map(u32::to_le_bytes).collect::<Vec<u8>>();
        let chart = self.position.iter().flat_map(|p| {
            let d = (Vec3::from(*p) - Vec3::new(0.0, -1.6, 0.4)).normalize_or(Vec3::Z);
            let angle = d.z.clamp(-1.0, 1.0).acos() / std::f32::consts::TAU;
            let flat = glam::Vec2::new(d.x, d.y).normalize_or_zero() * angle;
            [0.5 + flat.x, 0.5 + flat.y]
        });
        let eyes = self.eye_centre.iter().flatten().copied();
        let tensors: Vec<(&str, &str, Vec<usize>, Vec<u8>)> = vec![
            ("position", "F32", vec![n, 3], floats(&mut self.position.iter().flatten().copied())),
            ("normal", "F32", vec![n, 3], floats(&mut self.normals().iter().flatten().copied())),
            ("triangle", "U32", vec![m, 3], words(&mut self.triangle.iter().flatten().copied())),
            ("albedo", "F32", vec![n, 3], floats(&mut self.albedo.iter().flatten().copied())),
            ("material", "F32", vec![n, 4], floats(&mut self.material.iter().flatten().copied())),
            ("ao_bare", "F32", vec![n], floats(&mut self.material.iter().map(|m| m[3]))),
            ("uv", "F32", vec![n, 2], floats(&mut chart.into_iter())),
            ("au_region", "F32", vec![AU_SHAPES.len(), n], floats(&mut self.regions().into_iter())),
            ("mirror", "U32", vec![n], words(&mut self.mirror().into_iter())),
            ("eye_centre", "F32", vec![2, 3], floats(&mut eyes.into_iter())),
            ("span", "U32", vec![SHAPES, 2], words(&mut span.into_iter())),
            ("index", "U32", vec![index.len()], words(&mut index.iter().copied())),
            ("delta", "F16", vec![index.len(), 3], delta),
            ("part", "U8", vec![n], self.part.clone()),
        ];
        let au_names: Vec<&str> = AU_SHAPES.iter().map(|(name, _)| *name).collect();
        let text = |value: &[&str]| serde_json::Value::from(serde_json::json!(value).to_string());
        let mut header = serde_json::Map::new();
        header.insert(
            "__metadata__".into(),
            serde_json::json!({
                "au_names": text(&au_names), "eye_radius": self.eye_radius.to_string(),
                "shape_names": text(&NAMES), "source": source,
            }),
        );
        let mut at = 0;
        for (name, kind, shape, bytes) in &tensors {
            let to = at + bytes.len();
            header.insert(
                (*name).into(),
                serde_json::json!({ "dtype": kind, "shape": shape, "data_offsets": [at, to] }),
            );
            at = to;
        }
        let mut head = serde_json::Value::Object(header).to_string().into_bytes();
        head.resize(head.len().next_multiple_of(8), b' ');
        let mut out = (head.len() as u64).to_le_bytes().to_vec();
        out.extend(head);
        tensors.iter().for_each(|(.., bytes)| out.extend(bytes));
        Ok(out)
    }
}

/// The shapes (without their side) that an action unit is seen by.
const AU_SHAPES: [(&str, &[&str]); 15] = [
    ("AU1", &["browInnerUp"]),
    ("AU2", &["browOuterUp"]),
    ("AU4", &["browDown"]),
    ("AU6", &["cheekSquint"]),
    ("AU7", &["eyeSquint"]),
    ("AU9", &["noseSneer"]),
    ("AU10", &["mouthUpperUp"]),
    ("AU12", &["mouthSmile"]),
    ("AU14", &["mouthDimple"]),
    ("AU15", &["mouthFrown"]),
    ("AU17", &["mouthShrugLower"]),
    ("AU23", &["mouthPress", "mouthRollLower", "mouthRollUpper"]),
    ("AU24", &["mouthPress"]),
    ("AU25", &["mouthLowerDown", "mouthUpperUp"]),
    ("AU26", &["jawOpen"]),
];
