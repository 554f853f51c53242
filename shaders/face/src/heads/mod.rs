//! Heads from other programs: FaceVerse 2 and 3, ICT-FaceKit, glTF, GLB and VRM, and files of our own.
//!
//! Start at [`open`]. The kind of a file is told by its first bytes, never by its name. Each reader fills a draft;
//! the draft is brought onto the built-in head, gets eyes that turn, and is written in our own layout, which is read
//! like any other head file and is what the cache keeps (by the hash of the content). It is not a general importer:
//! bodies and bones are left behind, and of a texture remains what the vertices show.

mod arrays;
mod draft;
mod faceverse;
mod fit;
mod gltf;
mod gltf_data;
mod gltf_paint;
mod ict;
mod identity;
mod names;
mod pickle;
mod report;

use crate::error::{FaceError, HeadError, Result};
use crate::head::{Head, Parts, part};
use crate::read;
use draft::{Draft, Read, fault};
use glam::Vec3;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

pub use draft::{MOST_TRIANGLES, MOST_VERTICES};
pub use gltf::MOST_RAW;
pub use identity::field_names;
pub use report::Report;

/// Version of the conversion: part of the cache's key.
const VERSION: &str = "face heads 2";
/// Most bytes of a FaceVerse file.
const MOST_NPY: u64 = 1 << 30;
/// Most bytes of a glTF file.
const MOST_GLTF: u64 = 1 << 28;
const ELSE: &str = "open a FaceVerse .npy, a .glb, .gltf or .vrm with ARKit's shapes, an ICT-FaceKit folder, or a \
                    .safetensors head";

/// How a head is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Folder for converted heads; none converts every time. It may be lost at any time.
    pub cache: Option<PathBuf>,
    /// Another person made of the same head, always the same one for a number; 0 is the head as it is.
    pub identity: u64,
}

/// A head and what its file held.
pub struct Opened {
    /// Ready to be drawn.
    pub head: Arc<Head>,
    /// Where it comes from.
    pub report: Report,
}

/// Opens a head of any known kind.
///
/// # Errors
/// [`FaceError::Head`] with the file, the place in it and what to do: an unknown kind, missing names (all of them), a
/// topology that does not fit, numbers that are none, sizes beyond the limits.
pub fn open(path: &Path, options: &Options) -> Result<Opened> {
    let mut report = Report::default();
    let name = path.display().to_string();
    let bytes = load(path, options, &mut report)?;
    let head = person(&name, &bytes, options.identity)?;
    Ok(Opened { head, report })
}

/// The built-in head as another person; 0 is the one that ships.
///
/// # Errors
/// When the built-in head cannot be read.
pub fn builtin_person(identity: u64) -> Result<Arc<Head>> {
    person("built-in head", crate::head::BUILTIN, identity)
}

fn person(name: &str, bytes: &[u8], identity: u64) -> Result<Arc<Head>> {
    Ok(Arc::new(match identity {
        0 => read::head(name, bytes)?,
        seed => read::head(name, &identity::vary(name, bytes, seed)?)?,
    }))
}

/// Whether a path is a head, told by a folder's files or a file's first bytes, and for our own layout by its header. A
/// checkpoint or an array of predictions is none.
pub fn is_head(path: &Path) -> bool {
    use std::io::Read as _;
    if path.is_dir() {
        return ict::neutral_of(path).is_some();
    }
    let mut start = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(1 << 16).read_to_end(&mut start));
    let has = |word: &[u8]| start.windows(word.len()).any(|w| w == word);
    let text = |word: &str| has(word.as_bytes());
    match read {
        Err(_) => false,
        Ok(_) if start.starts_with(b"glTF") => true,
        Ok(_) if start.starts_with(b"\x93NUMPY") => text("'|O'"),
        Ok(_) if start.get(8) == Some(&b'{') => text("shape_names") && text("eye_radius"),
        Ok(_) => {
            start.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{')
                && (text("\"asset\"") || text("\"accessors\""))
        }
    }
}

/// What a file holds, and why it is refused if it is; reads it whole, without a cache.
pub fn inspect(path: &Path) -> (Report, Option<FaceError>) {
    let mut report = Report::default();
    let refusal = load(path, &Options::default(), &mut report).err();
    (report, refusal)
}

/// A head of any known kind from bytes in memory; `name` is what errors call it.
///
/// # Errors
/// As [`open`]; a glTF may not name files beside it.
pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Opened> {
    let mut report = Report::default();
    let bytes = convert(name, bytes, None, &Options::default(), &mut report)?;
    Ok(Opened { head: person(name, &bytes, 0)?, report })
}

/// The head of a file or folder in our own layout.
fn load(path: &Path, options: &Options, report: &mut Report) -> Result<Vec<u8>> {
    let name = path.display().to_string();
    if path.is_dir() {
        let neutral = ict::neutral_of(path).ok_or_else(|| {
            fault(
                &name,
                "a folder without FaceXModel/generic_neutral_mesh.obj: no ICT-FaceKit checkout",
                ELSE,
            )
        })?;
        report.hash = folder_hash(&neutral)?;
        return cached(&name, options, report, |report| {
            let mut draft = ict::read(&neutral, &ict::FACEKIT, report)?;
            finish(&name, &mut draft, report)?;
            draft.write(&name, &report.format)
        });
    }
    let size = std::fs::metadata(path)
        .map_err(|e| fault(&name, format!("cannot be opened: {e}"), "check the path"))?
        .len();
    if size > MOST_NPY {
        return Err(
            fault(&name, format!("{size} bytes, more than the {MOST_NPY} a head may have"), ELSE).into()
        );
    }
    let bytes =
        std::fs::read(path).map_err(|e| fault(&name, format!("cannot be read: {e}"), "check the file"))?;
    convert(&name, &bytes, path.parent(), options, report)
}

fn convert(
    name: &str,
    bytes: &[u8],
    folder: Option<&Path>,
    options: &Options,
    report: &mut Report,
) -> Result<Vec<u8>> {
    report.hash = hex(Sha256::digest(bytes).as_ref());
    let json = bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
    // the header of our own layout is JSON behind its length
    let ours = bytes.get(8) == Some(&b'{') && !bytes.starts_with(b"\x93NUMPY") && !bytes.starts_with(b"glTF");
    if ours {
        report.format = "Backchannel".into();
        stocktake(&read::parts(name, bytes)?, report);
        return Ok(bytes.to_vec());
    }
    let gltf = bytes.starts_with(b"glTF") || json;
    if !gltf && !bytes.starts_with(b"\x93NUMPY") {
        return Err(fault(name, "its first bytes are those of no head we know", ELSE).into());
    }
    if gltf && bytes.len() as u64 > MOST_GLTF {
        let place = format!("{} bytes, more than the {MOST_GLTF} a glTF may have", bytes.len());
        return Err(fault(name, place, "export the head alone").into());
    }
    cached(name, options, report, |report| {
        let mut draft = match gltf {
            true => gltf::read(name, bytes, folder, report)?,
            false => faceverse::read(name, bytes, report)?,
        };
        finish(name, &mut draft, report)?;
        draft.write(name, &report.format)
    })
}

/// The head in the cache, or made and kept there. What cannot be kept is made again the next time.
fn cached(
    name: &str,
    options: &Options,
    report: &mut Report,
    make: impl FnOnce(&mut Report) -> Read<Vec<u8>>,
) -> Result<Vec<u8>> {
    let key = hex(Sha256::digest(format!("{VERSION} {}", report.hash)).as_ref());
    let place = options.cache.as_ref().map(|folder| folder.join(&key[..2]));
    let file = place.as_ref().map(|folder| folder.join(format!("{key}.safetensors")));
    let notes = file.as_ref().map(|file| file.with_extension("json"));
    if let (Some(file), Some(notes)) = (&file, &notes)
        && let (Ok(bytes), Ok(text)) = (std::fs::read(file), std::fs::read_to_string(notes))
        && let (Ok(_), Ok(known)) = (read::parts(name, &bytes), serde_json::from_str::<Report>(&text))
        && known.hash == report.hash
    {
        *report = known;
        return Ok(bytes);
    }
    let bytes = make(report)?;
    stocktake(&read::parts(name, &bytes)?, report);
    if let (Some(folder), Some(file), Some(notes)) = (&place, &file, &notes)
        && let Ok(text) = serde_json::to_string(report)
        && std::fs::create_dir_all(folder).is_ok()
    {
        // whole or not at all: written under a name of this process and renamed
        for (to, bytes) in [(file, bytes.as_slice()), (notes, text.as_bytes())] {
            let part = to.with_extension(format!("{}.part", std::process::id()));
            if std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, to)).is_err() {
                std::fs::remove_file(&part).ok();
            }
        }
    }
    Ok(bytes)
}

/// Everything between a reader and our layout.
fn finish(name: &str, draft: &mut Draft, report: &mut Report) -> Read<()> {
    let ours = builtin()?;
    report.unit_cm = fit::place(name, draft, ours)?;
    fit::crop(draft);
    draft.weld();
    sides(draft);
    let open = report.format == "FaceVerse 2";
    if report.format != "glTF" && report.format != "VRM" {
        outwards(draft);
    }
    match fit::eyes(draft, ours) {
        fit::Eyes::Replaced => report.note("its eyeballs are drawn by ours, in their place and size"),
        fit::Eyes::Added => report.note("it has no eyeballs: ours were added"),
        fit::Eyes::Kept => report.note("its eyes are no balls: kept as they are, without an iris of ours"),
    }
    if open && fit::mouth(draft, ours) {
        report.note("it is a mask: teeth, tongue and the inside of the mouth are ours");
    }
    if !draft.painted {
        draft.paint_lips();
    }
    Ok(())
}

/// Tells left eyes from right ones, upper teeth from lower ones, and finds eyeballs that no name speaks of.
fn sides(draft: &mut Draft) {
    let jaw = crate::index_of("jawOpen").map_or(&[][..], |s| draft.shapes[s].as_slice());
    let most = jaw.iter().map(|(_, d)| d[1].abs()).fold(0.0, f32::max);
    let mut lower = vec![false; draft.position.len()];
    jaw.iter().filter(|(_, d)| d[1] < -0.25 * most).for_each(|(v, _)| lower[*v as usize] = true);
    for v in 0..draft.position.len() {
        match draft.part[v] {
            part::EYE_LEFT | part::EYE_RIGHT => {
                draft.part[v] = if draft.position[v][0] > 0.0 { part::EYE_LEFT } else { part::EYE_RIGHT };
            }
            part::TEETH_UPPER if lower[v] => draft.part[v] = part::TEETH_LOWER,
            _ => {}
        }
    }
    if draft.part.iter().any(|kind| *kind == part::EYE_LEFT || *kind == part::EYE_RIGHT) {
        return;
    }
    let found: Vec<_> = components(draft).into_iter().filter_map(|c| eyeball(draft, c)).collect();
    for (side, balls) in found {
        balls.into_iter().for_each(|v| draft.part[v as usize] = [part::EYE_LEFT, part::EYE_RIGHT][side]);
    }
}

/// A connected piece that is a ball about where eyes are; 0 is left.
fn eyeball(draft: &Draft, piece: Vec<u32>) -> Option<(usize, Vec<u32>)> {
    let points: Vec<Vec3> = piece.iter().map(|v| draft.at(*v)).collect();
    let (centre, radius, off) = fit::sphere(&points)?;
    let ours = builtin().ok()?;
    let side = usize::from(centre.x < 0.0);
    let near = centre.distance(ours.eye_centre[side].into()) < 2.2;
    (points.len() >= 24 && near && (0.6..2.2).contains(&radius) && off < 0.08 * radius)
        .then_some((side, piece))
}

/// Vertices of each connected piece of the skin.
fn components(draft: &Draft) -> Vec<Vec<u32>> {
    let mut parent: Vec<u32> = (0..draft.position.len() as u32).collect();
    fn root(parent: &mut [u32], mut v: u32) -> u32 {
        while parent[v as usize] != v {
            parent[v as usize] = parent[parent[v as usize] as usize];
            v = parent[v as usize];
        }
        v
    }
    for [a, b, c] in &draft.triangle {
        for (x, y) in [(a, b), (b, c)] {
            let (x, y) = (root(&mut parent, *x), root(&mut parent, *y));
            parent[x.max(y) as usize] = x.min(y);
        }
    }
    let mut out: std::collections::BTreeMap<u32, Vec<u32>> = Default::default();
    for v in 0..draft.position.len() as u32 {
        out.entry(root(&mut parent, v)).or_default().push(v);
    }
    out.into_values().collect()
}

/// Turns the triangles round when the face looks away: files that are flipped on the way in.
fn outwards(draft: &mut Draft) {
    let mut towards = 0.0;
    for [a, b, c] in &draft.triangle {
        let (a, b, c) = (draft.at(*a), draft.at(*b), draft.at(*c));
        // the front of the face; what is behind it looks elsewhere
        if (a.z + b.z + c.z) / 3.0 > 6.0 {
            towards += (b - a).cross(c - a).z;
        }
    }
    if towards < 0.0 {
        draft.triangle.iter_mut().for_each(|t| t.swap(1, 2));
    }
}

/// What the drawn head is made of.
fn stocktake(parts: &Parts, report: &mut Report) {
    const WORDS: [&str; part::COUNT as usize] = [
        "skin",
        "unused",
        "left eye",
        "right eye",
        "upper teeth",
        "lower teeth",
        "tongue",
        "brows",
        "lashes",
        "hair",
        "skin, open sheet",
        "garment",
        "mouth",
    ];
    report.vertices = parts.position.len();
    report.triangles = parts.triangle.len();
    let count = |kind: u8| parts.part.iter().filter(|p| **p == kind).count();
    let all = (0..part::COUNT).map(|kind| (WORDS[usize::from(kind)].to_owned(), count(kind)));
    report.parts = all.filter(|(_, n)| *n > 0).collect();
    if report.found.is_empty() {
        report.found(&std::array::from_fn(|s| !parts.shapes[s].is_empty()));
    }
}

/// The built-in head as it is read, kept for fitting.
fn builtin() -> Read<&'static Parts> {
    static PARTS: OnceLock<std::result::Result<Parts, HeadError>> = OnceLock::new();
    PARTS.get_or_init(|| read::parts("built-in head", crate::head::BUILTIN)).as_ref().map_err(Clone::clone)
}

fn folder_hash(neutral: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let mut files: Vec<PathBuf> =
        ict::shape_files(neutral, &mut Report::default())?.into_iter().map(|(path, _)| path).collect();
    files.push(neutral.to_owned());
    for path in files {
        let name = path.display().to_string();
        let bytes = std::fs::read(&path)
            .map_err(|e| fault(&name, format!("cannot be read: {e}"), "check the file"))?;
        hash.update(path.file_name().unwrap_or_default().to_string_lossy().as_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(&bytes);
    }
    Ok(hex(hash.finalize().as_ref()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests;
