//! FaceVerse version 2 (`faceverse_simple_v2.npy`) and version 3 (`faceverse_v3_6_s.npy`).
//!
//! Version 2 is a face mask of unit 16.3 cm, y down and z back: `ours = 16.3 (x, -y, -z)`; no eyeballs, teeth or neck.
//! Version 3 is a full head with eyeballs (`ver_inds`: end of the head, of the left and of the right eye), unit 0.163 cm,
//! the same axes, triangles the other way round. The unit is fitted, not taken for granted.
//! Both hold the 52 shapes of the coefficients as `exBase` or `exBase_52`, rows interleaved x, y, z per vertex.
//! The mean person is drawn. Versions 0, 1 and 4 have other expression axes and are refused.

use super::arrays::Dict;
use super::draft::{Draft, Read, fault, look_of};
use super::names::{missing, shape_of};
use super::report::Report;
use crate::head::part;
use crate::names::{NAMES, SHAPES};

const OTHER: &str = "use version 2 (faceverse_simple_v2.npy) or version 3 (faceverse_v3_6_s.npy)";
/// Most vertices that are looked at.
const MOST: usize = 200_000;

/// Reads the dict into a draft; unit and place are still those of the file.
pub(crate) fn read(file: &str, bytes: &[u8], report: &mut Report) -> Read<Draft> {
    let dict = Dict::read(file, bytes)?;
    let third = dict.has("exBase_52");
    let (base, names) = if third { ("exBase_52", "exp_name_list_52") } else { ("exBase", "exp_name_list") };
    report.format = if third { "FaceVerse 3" } else { "FaceVerse 2" }.into();
    if !dict.has("meanshape") || !dict.has(base) {
        let place =
            format!("keys {}: no FaceVerse model (meanshape and {base} are needed)", dict.keys().join(", "));
        return Err(fault(file, place, OTHER));
    }
    let (_, mean) = dict.numbers("meanshape")?;
    let n = mean.len() / 3;
    if n == 0 || mean.len() % 3 != 0 || n > MOST {
        let place = format!("meanshape: {} numbers, expected 3 for each of 1 to {MOST} vertices", mean.len());
        return Err(fault(file, place, OTHER));
    }
    let shape = dict.array(base)?.shape;
    if shape != [3 * n, SHAPES] {
        let place = format!(
            "{base}: shape {shape:?}, expected [{}, {SHAPES}]; models with other expression axes cannot show these \
             coefficients",
            3 * n
        );
        return Err(fault(file, place, OTHER));
    }
    let columns = columns(file, &dict, names, report)?;
    let (_, offsets) = dict.numbers(base)?;

    // the reduced mesh of version 2 is made for many small faces
    let reduced = !third && dict.has("select_id") && dict.has("tri_select");
    let chosen: Vec<u32> = if reduced { dict.indices("select_id", n)? } else { (0..n as u32).collect() };
    let triangles = dict.indices(if reduced { "tri_select" } else { "tri" }, chosen.len())?;
    if triangles.len() % 3 != 0 {
        return Err(fault(file, "tri: not rows of three", OTHER));
    }
    if reduced {
        report.note(format!("its reduced mesh of {} vertices is drawn", chosen.len()));
    }
    let ends = if third && dict.has("ver_inds") { dict.indices("ver_inds", n + 1)? } else { Vec::new() };
    let mask = !third;

    let mut draft = Draft::new();
    for v in &chosen {
        let p = &mean[3 * *v as usize..3 * *v as usize + 3];
        let kind = match ends.as_slice() {
            [head, left, ..] if v >= head => {
                if v < left {
                    part::EYE_LEFT
                } else {
                    part::EYE_RIGHT
                }
            }
            // a mask is an open sheet, seen from both sides
            _ => {
                if mask {
                    part::EAR
                } else {
                    part::SKIN
                }
            }
        };
        draft.vertex([p[0], -p[1], -p[2]], kind);
    }
    for (column, shape) in columns.iter().enumerate() {
        let Some(shape) = *shape else { continue };
        let moves = chosen.iter().enumerate().filter_map(|(to, v)| {
            let [x, y, z] = [0, 1, 2].map(|axis| offsets[(3 * *v as usize + axis) * SHAPES + column]);
            (x != 0.0 || y != 0.0 || z != 0.0).then_some((to as u32, [x, -y, -z]))
        });
        draft.shapes[shape] = moves.collect();
    }
    draft.triangle = triangles.chunks_exact(3).map(|t| [t[0], t[1], t[2]]).collect();
    colours(&dict, &chosen, n, &mut draft, report);
    Ok(draft)
}

/// Which of our shapes each column is.
fn columns(file: &str, dict: &Dict<'_>, key: &str, report: &mut Report) -> Read<Vec<Option<usize>>> {
    let names = if dict.has(key) {
        dict.words(key)?
    } else {
        report.note(format!("{key} is missing: the columns are taken in the order FaceVerse documents"));
        NAMES.iter().map(|name| (*name).to_owned()).collect()
    };
    let columns: Vec<Option<usize>> = names.iter().map(|name| shape_of(name)).collect();
    let mut found = [false; SHAPES];
    for (name, column) in names.iter().zip(&columns) {
        match column {
            Some(shape) if std::mem::replace(&mut found[*shape], true) => {
                return Err(fault(file, format!("{key}: {name} comes twice"), OTHER));
            }
            Some(_) => {}
            None => report.ignored.push(name.clone()),
        }
    }
    report.found(&found);
    let missing = missing(&found);
    match names.len() == SHAPES && missing.is_empty() {
        true => Ok(columns),
        false => {
            Err(fault(file, format!("{key}: {} names; missing: {}", names.len(), missing.join(", ")), OTHER))
        }
    }
}

/// The mean texture, where it fits.
fn colours(dict: &Dict<'_>, chosen: &[u32], n: usize, draft: &mut Draft, report: &mut Report) {
    let Ok((_, colour)) = dict.numbers("meantex") else { return };
    if colour.len() != 3 * n {
        report.note("meantex does not fit the mesh and is not used");
        return;
    }
    for (slot, v) in chosen.iter().enumerate() {
        if draft.part[slot] != part::SKIN && draft.part[slot] != part::EAR {
            continue;
        }
        let rgb = [0, 1, 2].map(|c| linear(colour[3 * *v as usize + c] / 255.0));
        // photographs hold their own light and shade; half of ours keeps the skin warm
        let (ours, _) = look_of(part::SKIN);
        draft.albedo[slot] = [0, 1, 2].map(|c| 0.6 * rgb[c] + 0.4 * ours[c]);
    }
    draft.painted = true;
}

/// sRGB to linear, clamped to 0..1.
pub(crate) fn linear(value: f32) -> f32 {
    let v = value.clamp(0.0, 1.0);
    if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
}
