//! glTF, GLB and VRM (0 and 1) with morph targets that have ARKit's names.
//!
//! Names come from `mesh.extras.targetNames`, and for VRM also from its expressions (`blendShapeMaster` of version 0,
//! `VRMC_vrm.expressions` of version 1). Meshes stand where their nodes and skins put them in the rest pose. What has a
//! named target is a part of the face; what has none comes along when it is near the head (eyes, teeth, hair).
//! A vertex has the look of its part, or the colour of what is painted on it (`gltf_paint.rs`).

use super::draft::{Draft, Read};
use super::gltf_data::{Data, size};
use super::gltf_paint::{Pictures, colours};
use super::names::{missing, shape_of};
use super::report::Report;
use crate::head::part;
use crate::names::SHAPES;
use glam::{Mat3, Mat4, Quat, Vec3, Vec4};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// Most vertices that are looked at, before cropping to the head.
pub const MOST_RAW: usize = 800_000;
/// Most moved vertices over all shapes, before cropping.
const MOST_MOVES: usize = 24_000_000;
/// Most nodes.
const MOST_NODES: usize = 20_000;

/// Which shapes a target of a mesh is, with weights.
type Targets = HashMap<(usize, usize), Vec<(usize, f32)>>;

/// Reads the scene into a draft; unit and place are still those of the file.
pub(crate) fn read(file: &str, bytes: &[u8], folder: Option<&Path>, report: &mut Report) -> Read<Draft> {
    let data = Data::read(file, bytes, folder)?;
    let vrm0 = &data.json["extensions"]["VRM"];
    let vrm1 = &data.json["extensions"]["VRMC_vrm"];
    report.format = if vrm0.is_object() || vrm1.is_object() { "VRM" } else { "glTF" }.into();
    report.credit = credit(&data);
    let worlds = worlds(&data)?;
    let placed = placed(&data, &worlds)?;
    let targets = targets(&data, &placed, report);
    let mut found = [false; SHAPES];
    targets.values().flatten().for_each(|(shape, _)| found[*shape] = true);
    report.found(&found);
    let missing = missing(&found);
    if !missing.is_empty() {
        let place = if missing.len() + 1 == SHAPES {
            let has = if report.ignored.is_empty() { "none".into() } else { report.ignored.join(", ") };
            format!("no morph target has a name of ARKit's 52 shapes; it has: {has}")
        } else {
            format!("{} morph targets are missing: {}", missing.len(), missing.join(", "))
        };
        return Err(super::draft::fault(
            data.file,
            place,
            "add them in a modelling program under ARKit's names (for a VRM: Perfect Sync), or choose another head",
        ));
    }
    let mut draft = Draft::new();
    let (mut moves, mut pictures) = (0, Pictures::default());
    for (node, mesh, world) in &placed {
        let nodes = data.list("nodes");
        let skin = skin(&data, &nodes[*node], &worlds)?;
        let primitives = data.list("meshes").get(*mesh).and_then(|m| m["primitives"].as_array());
        for (p, primitive) in primitives.into_iter().flatten().enumerate() {
            let what = format!("meshes[{mesh}].primitives[{p}]");
            if primitive["mode"].as_u64().unwrap_or(4) != 4 {
                report.note(format!("{what} is not made of triangles and is left out"));
                continue;
            }
            let kind = kind(&data, *node, *mesh, primitive);
            primitive_into(
                &data,
                primitive,
                &what,
                *mesh,
                kind,
                world,
                skin.as_deref(),
                &targets,
                &mut pictures,
                &mut draft,
                &mut moves,
                report,
            )?;
        }
    }
    Ok(draft)
}

/// What the file says of itself.
fn credit(data: &Data<'_>) -> String {
    let (vrm0, vrm1) =
        (&data.json["extensions"]["VRM"]["meta"], &data.json["extensions"]["VRMC_vrm"]["meta"]);
    let words = [
        vrm0["title"].as_str(),
        vrm0["author"].as_str(),
        vrm0["licenseName"].as_str(),
        vrm1["name"].as_str(),
        vrm1["authors"][0].as_str(),
        vrm1["licenseUrl"].as_str(),
        data.json["asset"]["copyright"].as_str(),
    ];
    let words: Vec<String> = words.iter().flatten().map(|w| w.chars().take(100).collect()).collect();
    words.join(", ")
}

/// Every node with a mesh and its place in the world; every node is visited once.
fn placed(data: &Data<'_>, worlds: &[Option<Mat4>]) -> Read<Vec<(usize, usize, Mat4)>> {
    let nodes = data.list("nodes");
    let mut out = Vec::new();
    for (i, world) in worlds.iter().enumerate() {
        if let (Some(world), Some(mesh)) = (world, size(&nodes[i]["mesh"])) {
            if mesh >= data.list("meshes").len() {
                return Err(data.fault(format!("nodes[{i}]: mesh {mesh} is not there")));
            }
            out.push((i, mesh, *world));
        }
    }
    Ok(out)
}

/// World transform of every node of the scene.
fn worlds(data: &Data<'_>) -> Read<Vec<Option<Mat4>>> {
    let nodes = data.list("nodes");
    if nodes.len() > MOST_NODES {
        return Err(data.fault(format!("nodes: {} of them, at most {MOST_NODES} are read", nodes.len())));
    }
    let scene = size(&data.json["scene"]).unwrap_or(0);
    let children = |value: &Value| -> Vec<usize> {
        value.as_array().into_iter().flatten().filter_map(size).filter(|i| *i < nodes.len()).collect()
    };
    let mut roots = data.list("scenes").get(scene).map(|s| children(&s["nodes"])).unwrap_or_default();
    if roots.is_empty() {
        let inner: HashSet<usize> = nodes.iter().flat_map(|n| children(&n["children"])).collect();
        roots = (0..nodes.len()).filter(|i| !inner.contains(i)).collect();
    }
    let mut world: Vec<Option<Mat4>> = vec![None; nodes.len()];
    let mut open: Vec<(usize, Mat4)> = roots.into_iter().map(|i| (i, Mat4::IDENTITY)).collect();
    while let Some((i, parent)) = open.pop() {
        if world[i].is_some() {
            return Err(data.fault(format!("nodes[{i}] is reached twice: the nodes are no tree")));
        }
        let own = parent * local(&nodes[i]);
        if !own.is_finite() {
            return Err(data.fault(format!("nodes[{i}]: its transform is not made of numbers")));
        }
        world[i] = Some(own);
        open.extend(children(&nodes[i]["children"]).into_iter().map(|child| (child, own)));
    }
    Ok(world)
}

fn local(node: &Value) -> Mat4 {
    let numbers = |key: &str| -> Vec<f32> {
        node[key].as_array().into_iter().flatten().filter_map(Value::as_f64).map(|v| v as f32).collect()
    };
    if let Ok(m) = <[f32; 16]>::try_from(numbers("matrix")) {
        return Mat4::from_cols_array(&m);
    }
    let three = |key: &str, or: f32| <[f32; 3]>::try_from(numbers(key)).map_or(Vec3::splat(or), Vec3::from);
    let turn = <[f32; 4]>::try_from(numbers("rotation")).map_or(Quat::IDENTITY, Quat::from_array);
    let turn = if turn.length_squared() > 1e-12 { turn.normalize() } else { Quat::IDENTITY };
    Mat4::from_scale_rotation_translation(three("scale", 1.0), turn, three("translation", 0.0))
}

/// Matrices of a node's skin in the rest pose.
fn skin(data: &Data<'_>, node: &Value, worlds: &[Option<Mat4>]) -> Read<Option<Vec<Mat4>>> {
    let Some(skin) = size(&node["skin"]).and_then(|i| data.list("skins").get(i)) else { return Ok(None) };
    let joints: Vec<usize> = skin["joints"].as_array().into_iter().flatten().filter_map(size).collect();
    let inverse = match &skin["inverseBindMatrices"] {
        Value::Null => vec![[0.0; 16]; 0],
        accessor => data.rows::<16>(accessor, "inverseBindMatrices")?,
    };
    let matrix = |(k, joint): (usize, &usize)| {
        let world = worlds.get(*joint).copied().flatten().unwrap_or(Mat4::IDENTITY);
        world * inverse.get(k).map_or(Mat4::IDENTITY, Mat4::from_cols_array)
    };
    Ok(Some(joints.iter().enumerate().map(matrix).collect()))
}

/// Which targets of which meshes are which shapes.
fn targets(data: &Data<'_>, placed: &[(usize, usize, Mat4)], report: &mut Report) -> Targets {
    let mut out = Targets::new();
    let mut seen = [false; SHAPES];
    let mut ignored = BTreeMap::new();
    let drawn: HashSet<usize> = placed.iter().map(|p| p.1).collect();
    for (m, mesh) in data.list("meshes").iter().enumerate().filter(|(m, _)| drawn.contains(m)) {
        let of_primitive = &mesh["primitives"][0]["extras"]["targetNames"];
        let names = mesh["extras"]["targetNames"].as_array().or(of_primitive.as_array());
        for (t, name) in names.into_iter().flatten().enumerate().take(4096) {
            let Some(name) = name.as_str() else { continue };
            match shape_of(name) {
                Some(shape) => {
                    seen[shape] = true;
                    out.entry((m, t)).or_default().push((shape, 1.0));
                }
                None => drop(ignored.insert(name.chars().take(60).collect::<String>(), ())),
            }
        }
    }
    // expressions of VRM say which targets they are made of; they fill what the targets' names leave open
    let mut expression = |name: &str, binds: &Value, mesh_of: &dyn Fn(&Value) -> Option<usize>, unit: f32| {
        let Some(shape) = shape_of(name).filter(|shape| !seen[*shape]) else { return };
        for bind in binds.as_array().into_iter().flatten() {
            if let (Some(mesh), Some(target)) = (mesh_of(bind), size(&bind["index"])) {
                let weight = bind["weight"].as_f64().unwrap_or(1.0) as f32 * unit;
                if weight.is_finite() && weight.abs() <= 4.0 {
                    out.entry((mesh, target)).or_default().push((shape, weight));
                }
            }
        }
    };
    let groups = &data.json["extensions"]["VRM"]["blendShapeMaster"]["blendShapeGroups"];
    for group in groups.as_array().into_iter().flatten() {
        let name = group["name"].as_str().unwrap_or("");
        expression(name, &group["binds"], &|bind| size(&bind["mesh"]), 0.01);
    }
    let expressions = &data.json["extensions"]["VRMC_vrm"]["expressions"];
    for kind in ["preset", "custom"] {
        for (name, group) in expressions[kind].as_object().into_iter().flatten() {
            let mesh_of = |bind: &Value| size(&data.list("nodes").get(size(&bind["node"])?)?["mesh"]);
            expression(name, &group["morphTargetBinds"], &mesh_of, 1.0);
        }
    }
    report.ignored = ignored.into_keys().take(200).collect();
    out
}

/// What a primitive is, by the names of its node, mesh and material.
fn kind(data: &Data<'_>, node: usize, mesh: usize, primitive: &Value) -> u8 {
    let name = |list: &str, i: usize| data.list(list).get(i).and_then(|v| v["name"].as_str()).unwrap_or("");
    let material = size(&primitive["material"]).map_or("", |m| name("materials", m));
    kind_of(&[material, name("meshes", mesh), name("nodes", node)])
}

/// The part that names speak of; the first that says anything decides. Eyes are told left from right later.
fn kind_of(names: &[&str]) -> u8 {
    for name in names {
        let name = name.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|w| name.contains(w));
        if has(&["brow"]) {
            return part::BROW;
        }
        if has(&["lash", "eyeline"]) {
            return part::LASH;
        }
        if has(&["teeth", "tooth", "dent", "gum"]) {
            return part::TEETH_UPPER;
        }
        if has(&["tongue"]) {
            return part::TONGUE;
        }
        if has(&["eye", "iris", "pupil", "sclera", "cornea"])
            && !has(&["lid", "socket", "shadow", "occlusion", "wet", "tear"])
        {
            return part::EYE_LEFT;
        }
        if has(&["hair", "beard", "mustache"]) {
            return part::HAIR;
        }
        if has(&["cloth", "outfit", "shirt", "jacket", "dress", "collar", "suit", "garment"]) {
            return part::GARMENT;
        }
        if name == "ear" || name == "ears" {
            return part::EAR;
        }
        if has(&["mouth", "cavity"]) {
            return part::MOUTH_BAG;
        }
        if has(&["skin", "head", "face"]) {
            return part::SKIN;
        }
    }
    part::SKIN
}

fn primitive_into(
    data: &Data<'_>,
    primitive: &Value,
    what: &str,
    mesh: usize,
    kind: u8,
    world: &Mat4,
    skin: Option<&[Mat4]>,
    targets: &Targets,
    pictures: &mut Pictures,
    draft: &mut Draft,
    moves: &mut usize,
    report: &mut Report,
) -> Read<()> {
    let position = data.rows::<3>(&primitive["attributes"]["POSITION"], &format!("{what}.POSITION"))?;
    let base = draft.position.len();
    if base + position.len() > MOST_RAW {
        return Err(super::draft::fault(
            data.file,
            format!(
                "over {MOST_RAW} vertices ({} in {what}); at most {MOST_RAW} are read, {} are drawn",
                position.len(),
                super::draft::MOST_VERTICES
            ),
            "reduce it in a modelling program (decimate), or export the head alone",
        ));
    }
    let matrices = bones(data, primitive, what, position.len(), world, skin)?;
    let matrix = |v: usize| matrices.get(v).unwrap_or(world);
    let index = match &primitive["indices"] {
        Value::Null => (0..position.len() as u32).collect(),
        accessor => data.indices(accessor, &format!("{what}.indices"), position.len())?,
    };
    let paint = colours(data, pictures, primitive, what, kind, &index, position.len(), report)?;
    for (v, p) in position.iter().enumerate() {
        let p = matrix(v).transform_point3(Vec3::from(*p));
        if !p.is_finite() {
            return Err(data.fault(format!("{what}: vertex {v} is not at a place")));
        }
        draft.vertex(p.into(), kind);
        if let Some(colour) = paint.get(v) {
            draft.painted |= kind == part::SKIN;
            draft.albedo[base + v] = *colour;
        }
    }
    let flipped = world.determinant() < 0.0 && skin.is_none();
    let corner = |v: u32| v + base as u32;
    draft.triangle.extend(index.chunks_exact(3).map(|t| {
        let [a, b, c] = [t[0], t[1], t[2]].map(corner);
        if flipped { [a, c, b] } else { [a, b, c] }
    }));
    // several targets may add up to one shape
    let mut sums: BTreeMap<usize, HashMap<u32, Vec3>> = BTreeMap::new();
    for (t, target) in primitive["targets"].as_array().into_iter().flatten().enumerate() {
        let Some(shapes) = targets.get(&(mesh, t)) else { continue };
        let accessor = &target["POSITION"];
        if accessor.is_null() {
            continue;
        }
        let rows = data.rows::<3>(accessor, &format!("{what}.targets[{t}]"))?;
        if rows.len() != position.len() {
            let place = format!("{what}.targets[{t}]: {} rows for {} vertices", rows.len(), position.len());
            return Err(data.fault(place));
        }
        for (v, d) in rows.iter().enumerate().filter(|(_, d)| **d != [0.0; 3]) {
            let d = Mat3::from_mat4(*matrix(v)) * Vec3::from(*d);
            for (shape, weight) in shapes {
                let sum = sums.entry(*shape).or_default();
                let slot = sum.entry((base + v) as u32).or_insert_with(|| {
                    *moves += 1;
                    Vec3::ZERO
                });
                *slot += d * *weight;
            }
        }
        if *moves > MOST_MOVES {
            return Err(data.fault(format!("its shapes move over {MOST_MOVES} vertices in all")));
        }
    }
    for (shape, sum) in sums {
        let mut list: Vec<(u32, [f32; 3])> = sum.into_iter().map(|(v, d)| (v, d.into())).collect();
        list.sort_by_key(|(v, _)| *v);
        draft.shapes[shape].extend(list);
    }
    Ok(())
}

/// The matrix of each vertex of a skinned mesh in the rest pose; empty when it has no skin.
fn bones(
    data: &Data<'_>,
    primitive: &Value,
    what: &str,
    count: usize,
    world: &Mat4,
    skin: Option<&[Mat4]>,
) -> Read<Vec<Mat4>> {
    let attributes = &primitive["attributes"];
    let Some(skin) = skin.filter(|s| !s.is_empty() && !attributes["JOINTS_0"].is_null()) else {
        return Ok(Vec::new());
    };
    let joints = data.rows::<4>(&attributes["JOINTS_0"], &format!("{what}.JOINTS_0"))?;
    let weights = data.rows::<4>(&attributes["WEIGHTS_0"], &format!("{what}.WEIGHTS_0"))?;
    if joints.len() != count || weights.len() != count {
        return Err(data.fault(format!("{what}: {} joints for {count} vertices", joints.len())));
    }
    let one = |(j, w): (&[f32; 4], &[f32; 4])| {
        let total = Vec4::from(*w).element_sum();
        let mut sum = Mat4::ZERO;
        for k in 0..4 {
            if w[k] != 0.0 {
                sum += *skin.get(j[k] as usize).unwrap_or(world) * w[k];
            }
        }
        if total.abs() > 1e-6 { sum * (1.0 / total) } else { *world }
    };
    Ok(joints.iter().zip(&weights).map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_meshes_say_what_they_are() {
        for (names, part) in [
            (["", "", "Wolf3D_Head"], part::SKIN),
            (["Wolf3D_Eye", "", ""], part::EYE_LEFT),
            (["", "eyebrows", ""], part::BROW),
            (["N00_000_00_FaceEyelash_00_FACE", "Face", ""], part::LASH),
            (["N00_000_00_EyeIris_00_EYE", "Face", ""], part::EYE_LEFT),
            (["N00_000_00_FaceMouth_00_FACE", "Face", ""], part::MOUTH_BAG),
            (["", "Wolf3D_Teeth", ""], part::TEETH_UPPER),
            (["Material.001", "", "mesh_2"], part::SKIN),
            (["", "Eyelids", ""], part::SKIN),
            (["garment", "", ""], part::GARMENT),
            (["ears", "", ""], part::EAR),
        ] {
            assert_eq!(kind_of(&names), part, "{names:?}");
        }
    }
}
