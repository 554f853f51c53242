//! Reads a head file: safetensors with sparse half-float shapes (layout: `assets/head/README.md`). The file may
//! come from anywhere, so every length, index and number is checked before use and nothing panics.
//! Accepted: vertices up to [`MOST`], shapes in any order (mapped by name, case ignored), unknown tensors.
//! Refused: missing shapes, indices out of range, numbers that are not finite.

use crate::error::HeadError;
use crate::head::{Details, Head, Parts, part};
use crate::morph::REGION_COUNT;
use crate::names::{NAMES, SHAPES, index_of};
use half::f16;
use safetensors::tensor::{Dtype, SafeTensors};
use std::path::Path;

/// Largest number of vertices or triangles that is read.
pub const MOST: usize = 2_000_000;
/// Largest file that is read, in bytes.
pub const MOST_BYTES: u64 = 1 << 28;

/// (vertex, offset at weight 1) of one shape.
type Moves = Vec<(u32, [f32; 3])>;
type Read<T> = Result<T, HeadError>;

struct Source<'a> {
    file: &'a str,
    tensors: SafeTensors<'a>,
}

const REMEDY: &str = "use the built-in head, or make the file again with assets/head/generate_head.py";

fn fault(file: &str, place: impl Into<String>) -> HeadError {
    HeadError { file: file.into(), place: place.into(), remedy: REMEDY.into() }
}

/// Reads a head from a file on disk.
pub(crate) fn head_file(path: &Path) -> Read<Head> {
    let name = path.display().to_string();
    let size = std::fs::metadata(path).map_err(|e| fault(&name, format!("cannot be opened: {e}")))?.len();
    if size > MOST_BYTES {
        return Err(fault(&name, format!("{size} bytes, more than the {MOST_BYTES} a head may have")));
    }
    let bytes = std::fs::read(path).map_err(|e| fault(&name, format!("cannot be read: {e}")))?;
    head(&name, &bytes)
}

/// Reads a head from bytes; `file` is what errors call it.
pub(crate) fn head(file: &str, bytes: &[u8]) -> Read<Head> {
    let parts = parts(file, bytes)?;
    let details = details(file, bytes, parts.position.len())?;
    Ok(Head::with_details(parts, details))
}

/// Reads what a head may bring along.
fn details(file: &str, bytes: &[u8], n: usize) -> Read<Details> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| fault(file, format!("tensors: {e}")))?;
    let s = Source { file, tensors };
    let has = |name: &str| s.tensors.tensor(name).is_ok();
    let bare = has("ao_bare").then(|| s.floats("ao_bare", n)).transpose()?;
    let regions = has("au_region").then(|| s.floats("au_region", n * REGION_COUNT)).transpose()?;
    let regions = regions.map(|all| all.chunks_exact(n).map(<[f32]>::to_vec).collect());
    Ok(Details { bare, regions })
}

/// Reads what a head is made of.
pub(crate) fn parts(file: &str, bytes: &[u8]) -> Read<Parts> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| fault(file, format!("header: {e}")))?;
    let words = metadata.metadata().as_ref();
    let word = |key: &str| {
        words.and_then(|m| m.get(key)).ok_or_else(|| fault(file, format!("metadata: {key} is missing")))
    };
    let names: Vec<String> = serde_json::from_str(word("shape_names")?)
        .map_err(|e| fault(file, format!("metadata shape_names: {e}")))?;
    let eye_radius: f32 = match word("eye_radius")?.parse() {
        Ok(r) if (0.1..20.0).contains(&r) => r,
        _ => return Err(fault(file, "metadata eye_radius: not a length in cm")),
    };
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| fault(file, format!("tensors: {e}")))?;
    let s = Source { file, tensors };

    let position = s.rows::<3>("position", None)?;
    let n = position.len();
    if n == 0 || n > MOST {
        return Err(fault(file, format!("position: {n} vertices, expected 1 to {MOST}")));
    }
    let normal = s.rows::<3>("normal", Some(n))?;
    let albedo = s.rows::<3>("albedo", Some(n))?;
    let material = s.rows::<4>("material", Some(n))?;
    let part = s.bytes("part", n)?;
    if let Some(v) = part.iter().position(|p| *p >= part::COUNT) {
        return Err(fault(file, format!("part: unknown part {} at vertex {v}", part[v])));
    }
    let triangle: Vec<[u32; 3]> =
        s.words("triangle", 3, n)?.chunks_exact(3).map(|c| [c[0], c[1], c[2]]).collect();
    if triangle.is_empty() || triangle.len() > MOST {
        return Err(fault(file, format!("triangle: {} triangles, expected 1 to {MOST}", triangle.len())));
    }
    let mirror = s.words("mirror", 1, n)?;
    if mirror.len() != n {
        return Err(fault(file, format!("mirror: {} entries, expected {n}", mirror.len())));
    }
    let eyes = s.rows::<3>("eye_centre", Some(2))?;
    let shapes = s.shapes(&names, n)?;
    let eye_centre = [eyes[0], eyes[1]];
    Ok(Parts { position, normal, triangle, part, albedo, material, mirror, eye_centre, eye_radius, shapes })
}

impl Source<'_> {
    fn fault(&self, place: impl Into<String>) -> HeadError {
        fault(self.file, place)
    }

    fn tensor(&self, name: &str, types: &[Dtype]) -> Read<(Vec<usize>, Dtype, &[u8])> {
        let t =
            self.tensors.tensor(name).map_err(|_| self.fault(format!("{name}: this tensor is missing")))?;
        if !types.contains(&t.dtype()) {
            return Err(self.fault(format!("{name}: type {:?}, expected {types:?}", t.dtype())));
        }
        Ok((t.shape().to_vec(), t.dtype(), t.data()))
    }

    /// A table of finite f32 with `W` columns.
    fn rows<const W: usize>(&self, name: &str, rows: Option<usize>) -> Read<Vec<[f32; W]>> {
        let (shape, _, data) = self.tensor(name, &[Dtype::F32])?;
        if shape.len() != 2 || shape[1] != W || rows.is_some_and(|r| r != shape[0]) {
            let r = rows.map_or("n".into(), |r| r.to_string());
            return Err(self.fault(format!("{name}: shape {shape:?}, expected [{r}, {W}]")));
        }
        let mut out = Vec::with_capacity(data.len() / (4 * W));
        for (i, row) in data.chunks_exact(4 * W).enumerate() {
            let mut values = [0.0; W];
            for (value, b) in values.iter_mut().zip(row.chunks_exact(4)) {
                *value = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
            }
            if values.iter().any(|v| !v.is_finite() || v.abs() > 1e4) {
                return Err(
                    self.fault(format!("{name}: row {i} has a number that is not a length or colour"))
                );
            }
            out.push(values);
        }
        Ok(out)
    }

    /// Finite numbers, as many as said, whatever the shape.
    fn floats(&self, name: &str, count: usize) -> Read<Vec<f32>> {
        let (shape, _, data) = self.tensor(name, &[Dtype::F32])?;
        if data.len() != 4 * count {
            return Err(self.fault(format!("{name}: shape {shape:?}, expected {count} numbers")));
        }
        let out: Vec<f32> =
            data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        match out.iter().position(|v| !v.is_finite()) {
            Some(i) => Err(self.fault(format!("{name}: entry {i} is not a number"))),
            None => Ok(out),
        }
    }

    fn bytes(&self, name: &str, count: usize) -> Read<Vec<u8>> {
        let (shape, _, data) = self.tensor(name, &[Dtype::U8])?;
        if data.len() != count {
            return Err(self.fault(format!("{name}: shape {shape:?}, expected [{count}]")));
        }
        Ok(data.to_vec())
    }

    /// Whole numbers below `limit`, of any integer type up to 32 bits; the count must be a multiple of `per_row`.
    fn words(&self, name: &str, per_row: usize, limit: usize) -> Read<Vec<u32>> {
        let (shape, kind, data) = self.tensor(name, &[Dtype::U32, Dtype::I32, Dtype::U16])?;
        let width = if kind == Dtype::U16 { 2 } else { 4 };
        if data.len() % (width * per_row) != 0 {
            return Err(self.fault(format!("{name}: shape {shape:?} is not rows of {per_row}")));
        }
        let value = |b: &[u8]| {
            if width == 2 {
                u32::from(u16::from_le_bytes([b[0], b[1]]))
            } else {
                u32::from_le_bytes([b[0], b[1], b[2], b[3]])
            }
        };
        let out: Vec<u32> = data.chunks_exact(width).map(value).collect();
        match out.iter().position(|v| *v as usize >= limit) {
            Some(i) => {
                Err(self.fault(format!("{name}: entry {i} is {}, expected less than {limit}", out[i])))
            }
            None => Ok(out),
        }
    }

    fn shapes(&self, names: &[String], vertices: usize) -> Read<Vec<Moves>> {
        let span = self.words("span", 2, usize::MAX)?;
        if span.len() != names.len() * 2 {
            return Err(self.fault(format!("span: {} rows for {} shape names", span.len() / 2, names.len())));
        }
        let index = self.words("index", 1, vertices)?;
        let (shape, _, data) = self.tensor("delta", &[Dtype::F16])?;
        if data.len() != index.len() * 6 {
            return Err(self.fault(format!("delta: shape {shape:?}, expected [{}, 3]", index.len())));
        }
        let mut out = vec![Vec::new(); SHAPES];
        let mut seen = [false; SHAPES];
        for (name, s) in names.iter().zip(span.chunks_exact(2)) {
            let Some(i) = index_of(name) else { continue };
            if std::mem::replace(&mut seen[i], true) {
                return Err(self.fault(format!("metadata shape_names: {name} comes twice")));
            }
            let (from, count) = (s[0] as usize, s[1] as usize);
            let to = from.checked_add(count).filter(|to| *to <= index.len()).ok_or_else(|| {
                self.fault(format!("span: {name} is {from} + {count} of {} entries", index.len()))
            })?;
            let mut list = Vec::with_capacity(count);
            for e in from..to {
                let b = &data[6 * e..6 * e + 6];
                let d = [0, 2, 4].map(|k| f16::from_le_bytes([b[k], b[k + 1]]).to_f32());
                if d.iter().any(|v| !v.is_finite()) {
                    return Err(self.fault(format!("delta: entry {e} ({name}) is not a number")));
                }
                list.push((index[e], d));
            }
            out[i] = list;
        }
        match seen.iter().position(|s| !s) {
            Some(i) => Err(self.fault(format!("metadata shape_names: {} is missing", NAMES[i]))),
            None => Ok(out),
        }
    }
}
