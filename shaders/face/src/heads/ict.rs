//! An ICT-FaceKit folder: a checkout of the project with `FaceXModel/*.obj` (MIT; the user points at it).
//!
//! 26,719 vertices in cm, +Y up, +Z nose, +X the subject's left; shapes are full positions, so the neutral is taken off.
//! `_L` and `_R` are Left and Right; `browInnerUp` and `cheekPuff` are one shape of two files; there is no tongue shape.
//! Of the shapes only lines of vertices are read. What a vertex is, is told by its number.

use super::draft::{Draft, Read, fault};
use super::names::{missing, shape_of};
use super::report::Report;
use crate::error::HeadError;
use crate::head::part;
use crate::names::{SHAPES, index_of};
use std::path::{Path, PathBuf};

const REMEDY: &str = "name the folder of an ICT-FaceKit checkout, with its FaceXModel folder complete";
/// Most bytes of one OBJ file.
const MOST_BYTES: u64 = 1 << 26;
/// Offsets below this are rounding of the text, cm.
const MOVED: f32 = 1e-3;

/// Vertices and triangles of an OBJ file.
type Surface = (Vec<[f32; 3]>, Vec<[u32; 3]>);

/// Which vertices are what: ends of consecutive ranges.
pub(crate) struct Topology {
    pub(crate) vertices: usize,
    /// (end of the range, its part); `None` is not drawn.
    pub(crate) ranges: &'static [(usize, Option<u8>)],
}

/// Version 1 of the kit, the only one.
pub(crate) const FACEKIT: Topology = Topology {
    vertices: 26_719,
    ranges: &[
        (11_248, Some(part::SKIN)),
        (14_062, Some(part::MOUTH_BAG)),
        (17_039, Some(part::TONGUE)),
        (21_451, Some(part::TEETH_UPPER)),
        // scleras; the sclera covers the iris mesh, ours is painted by angle
        (22_221, Some(part::EYE_LEFT)),
        (23_021, None),
        (23_791, Some(part::EYE_RIGHT)),
        (24_591, None),
        // tear fluid, blends, occlusion
        (25_351, None),
        (26_719, Some(part::LASH)),
    ],
};

/// Whether a folder looks like one.
pub(crate) fn neutral_of(folder: &Path) -> Option<PathBuf> {
    [folder.join("FaceXModel"), folder.to_owned()]
        .into_iter()
        .map(|f| f.join("generic_neutral_mesh.obj"))
        .find(|f| f.is_file())
}

/// The files of shapes with what they are, by name.
pub(crate) fn shape_files(neutral: &Path, report: &mut Report) -> Read<Vec<(PathBuf, usize)>> {
    let folder = neutral.parent().unwrap_or(neutral);
    let name = folder.display().to_string();
    let entries =
        std::fs::read_dir(folder).map_err(|e| fault(&name, format!("cannot be read: {e}"), REMEDY))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("obj")) && path != neutral);
    files.sort();
    if files.len() > 4096 {
        return Err(fault(&name, format!("{} OBJ files, at most 4096 are read", files.len()), REMEDY));
    }
    let mut out = Vec::new();
    for path in files {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let middle = stem.strip_suffix("_L").or(stem.strip_suffix("_R")).and_then(index_of);
        match shape_of(&stem).or(middle) {
            Some(shape) => out.push((path, shape)),
            None if stem.starts_with("identity") => {}
            None => report.ignored.push(stem),
        }
    }
    Ok(out)
}

/// Reads the folder into a draft.
pub(crate) fn read(neutral: &Path, topology: &Topology, report: &mut Report) -> Read<Draft> {
    report.format = "ICT-FaceKit".into();
    let files = shape_files(neutral, report)?;
    let mut found = [false; SHAPES];
    files.iter().for_each(|(_, shape)| found[*shape] = true);
    report.found(&found);
    let missing = missing(&found);
    let name = neutral.display().to_string();
    if !missing.is_empty() {
        return Err(fault(
            &name,
            format!("{} shapes are missing: {}", missing.len(), missing.join(", ")),
            REMEDY,
        ));
    }
    let mut draft = Draft::new();
    let (position, faces) = obj(neutral, true)?;
    if position.len() != topology.vertices {
        let place = format!("{} vertices, expected {}", position.len(), topology.vertices);
        return Err(fault(&name, place, REMEDY));
    }
    let kind = |v: usize| topology.ranges.iter().find(|(end, _)| v < *end).and_then(|(_, kind)| *kind);
    for (v, p) in position.iter().enumerate() {
        draft.vertex(*p, kind(v).unwrap_or(part::SKIN));
    }
    draft.triangle = faces;
    for (path, shape) in files {
        let (moved, _) = obj(&path, false)?;
        if moved.len() != position.len() {
            let place = format!("{} vertices, the neutral has {}", moved.len(), position.len());
            return Err(fault(&path.display().to_string(), place, REMEDY));
        }
        // two files of one shape move the two sides: their offsets add up
        let mut sum: Vec<[f32; 3]> = vec![[0.0; 3]; position.len()];
        draft.shapes[shape].iter().for_each(|(v, d)| sum[*v as usize] = *d);
        for ((slot, m), p) in sum.iter_mut().zip(&moved).zip(&position) {
            for axis in 0..3 {
                slot[axis] += m[axis] - p[axis];
            }
        }
        let kept = sum.into_iter().enumerate().filter(|(_, d)| d.iter().any(|x| x.abs() > MOVED));
        draft.shapes[shape] = kept.map(|(v, d)| (v as u32, d)).collect();
    }
    draft.retain(|_, t| t.iter().all(|v| kind(*v as usize).is_some()));
    Ok(draft)
}

/// Positions, and the faces as triangles if they are wanted; reading stops after the positions if not.
fn obj(path: &Path, faces: bool) -> Read<Surface> {
    let name = path.display().to_string();
    let size =
        std::fs::metadata(path).map_err(|e| fault(&name, format!("cannot be opened: {e}"), REMEDY))?.len();
    if size > MOST_BYTES {
        return Err(fault(&name, format!("{size} bytes, at most {MOST_BYTES} are read"), REMEDY));
    }
    let text = std::fs::read(path).map_err(|e| fault(&name, format!("cannot be read: {e}"), REMEDY))?;
    parse(&name, &text, faces)
}

fn parse(name: &str, text: &[u8], faces: bool) -> Read<Surface> {
    let wrong =
        |line: usize, what: &str| -> HeadError { fault(name, format!("line {}: {what}", line + 1), REMEDY) };
    let (mut position, mut triangle) = (Vec::new(), Vec::new());
    for (number, line) in text.split(|b| *b == b'\n').enumerate() {
        let Ok(line) = std::str::from_utf8(line) else { return Err(wrong(number, "not text")) };
        if let Some(rest) = line.strip_prefix("v ") {
            let mut numbers = rest.split_ascii_whitespace().map(|w| w.parse::<f32>().ok());
            let p = [numbers.next(), numbers.next(), numbers.next()]
                .map(|v| v.flatten().filter(|v| v.abs() < 1e5));
            let [Some(x), Some(y), Some(z)] = p else {
                return Err(wrong(number, "not three numbers of a place"));
            };
            position.push([x, y, z]);
        } else if !faces && !position.is_empty() && (line.starts_with("vt") || line.starts_with("f ")) {
            break;
        } else if let Some(rest) = line.strip_prefix("f ").filter(|_| faces) {
            let corner = |w: &str| -> Option<u32> {
                let v: usize = w.split('/').next()?.parse().ok()?;
                (v >= 1 && v <= position.len()).then_some(v as u32 - 1)
            };
            let corners: Option<Vec<u32>> = rest.split_ascii_whitespace().take(64).map(corner).collect();
            let corners = corners.ok_or_else(|| wrong(number, "a face of vertices that are not there"))?;
            triangle.extend(corners.windows(2).skip(1).map(|w| [corners[0], w[0], w[1]]));
        }
    }
    Ok((position, triangle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quads_become_two_triangles_and_slips_are_named_by_line() {
        let good = b"# a\nv 0 0 0\nv 1 0 0 1.0\nv 1 1 0\nv 0 1 0\nvt 0 0\nf 1/1 2/1 3/1 4/1\n";
        let (p, t) = parse("a.obj", good, true).unwrap();
        assert_eq!((p.len(), t), (4, vec![[0, 1, 2], [0, 2, 3]]));
        assert_eq!(parse("a.obj", good, false).unwrap().1.len(), 0);
        for (text, line) in [
            (&b"v 0 0\n"[..], "line 1"),
            (b"v 0 0 nan\n", "line 1"),
            (b"v 0 0 0\nv 1 1 inf", "line 2"),
            (b"v 0 0 0\nf 1 2 3\n", "line 2"),
            (b"v 0 0 0\nf -1 0 1\n", "line 2"),
            (b"v 0 0 \xff\n", "line 1"),
        ] {
            let e = parse("a.obj", text, true).unwrap_err();
            assert!(e.place.starts_with(line), "{e}");
        }
    }

    #[test]
    fn the_ranges_cover_every_vertex_once_and_in_order() {
        assert!(FACEKIT.ranges.windows(2).all(|w| w[0].0 < w[1].0));
        assert_eq!(FACEKIT.ranges.last().map(|r| r.0), Some(FACEKIT.vertices));
    }
}
