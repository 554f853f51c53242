//! A head and its movement as one binary glTF 2.0 file.
//!
//! Metres, +Y up, +Z forward. One mesh a part (skin, eyes, teeth, ...), each with the 52 morph targets under ARKit's names
//! where the part moves, in the order of [`crate::NAMES`]; targets are sparse accessors. Two joints, `body` and `head`,
//! with the neck's blend between them as skin weights, so the head turns as it does here. One animation, `take`: weights of
//! every moving part, rotation of the head, translation of the body.

use crate::expression::{Expression, PIVOT};
use crate::head::{Head, part};
use crate::names::{NAMES, SHAPES};
use glam::{Quat, Vec3};
use serde_json::{Value, json};

/// cm to m.
const METRE: f32 = 0.01;
const NAMES_OF_PARTS: [&str; part::COUNT as usize] = [
    "skin",
    "unused",
    "eye_left",
    "eye_right",
    "teeth_upper",
    "teeth_lower",
    "tongue",
    "brows",
    "lashes",
    "hair",
    "ears",
    "garment",
    "mouth",
];

/// The file. `frames` may be empty: then there is no animation. `rate` is frames a second; `name` is the scene's.
pub fn glb(head: &Head, frames: &[Expression], rate: f32, name: &str) -> Vec<u8> {
    let mut file = File::default();
    let mut meshes = Vec::new();
    let mut materials = Vec::new();
    // 0 body, 1 head, then one a part
    let mut nodes = vec![
        json!({ "name": "body", "children": [1] }),
        json!({ "name": "head", "translation": (PIVOT * METRE).to_array() }),
    ];
    let mut moving = Vec::new();
    for kind in 0..part::COUNT {
        let Some((mesh, material, moves)) = mesh(head, kind, materials.len(), &mut file) else { continue };
        if moves {
            moving.push(nodes.len());
        }
        nodes.push(json!({ "name": NAMES_OF_PARTS[usize::from(kind)], "mesh": meshes.len(), "skin": 0 }));
        meshes.push(mesh);
        materials.push(material);
    }
    let inverse: Vec<f32> = [Vec3::ZERO, PIVOT]
        .iter()
        .flat_map(|p| glam::Mat4::from_translation(*p * -METRE).to_cols_array())
        .collect();
    let inverse = file.floats(&inverse, "MAT4", 16, false);
    let roots: Vec<usize> = std::iter::once(0).chain(2..nodes.len()).collect();
    let mut json = json!({
        "asset": { "version": "2.0", "generator": "Backchannel" },
        "scene": 0,
        "scenes": [{ "name": name, "nodes": roots }],
        "skins": [{ "name": "neck", "joints": [0, 1], "skeleton": 0, "inverseBindMatrices": inverse }],
    });
    if !frames.is_empty() {
        json["animations"] = json!([animation(frames, rate, &moving, &mut file)]);
    }
    json["nodes"] = nodes.into();
    json["meshes"] = meshes.into();
    json["materials"] = materials.into();
    file.finish(json)
}

/// The mesh of one part: its JSON, its material and whether it moves.
fn mesh(head: &Head, kind: u8, material: usize, file: &mut File) -> Option<(Value, Value, bool)> {
    let mesh = &head.meshes[0];
    let mut number = vec![u32::MAX; mesh.statics.len()];
    let chosen: Vec<usize> =
        (0..mesh.statics.len()).filter(|v| mesh.statics[*v].part & 255 == u32::from(kind)).collect();
    chosen.iter().enumerate().for_each(|(to, v)| number[*v] = to as u32);
    let index: Vec<u32> =
        mesh.triangles.iter().flatten().map(|v| number[*v as usize]).filter(|v| *v != u32::MAX).collect();
    if index.is_empty() {
        return None;
    }
    let of = |row: usize| -> Vec<f32> {
        let unit = if row == 0 { METRE } else { 1.0 };
        chosen.iter().flat_map(|v| mesh.neutral[*v][row][..3].iter().map(move |x| x * unit)).collect()
    };
    let colour: Vec<f32> = chosen.iter().flat_map(|v| colour(head, *v)).collect();
    let follow = |v: &usize| mesh.neutral[*v][0][3].clamp(0.0, 1.0);
    let weights: Vec<f32> = chosen.iter().flat_map(|v| [1.0 - follow(v), follow(v), 0.0, 0.0]).collect();
    let joints: Vec<u8> = chosen.iter().flat_map(|v| [0, u8::from(follow(v) > 0.0), 0, 0]).collect();
    let mut primitive = json!({
        "attributes": {
            "POSITION": file.floats(&of(0), "VEC3", 3, true),
            "NORMAL": file.floats(&of(1), "VEC3", 3, false),
            "COLOR_0": file.floats(&colour, "VEC3", 3, false),
            "JOINTS_0": file.bytes(&joints, "VEC4", 4),
            "WEIGHTS_0": file.floats(&weights, "VEC4", 4, false),
        },
        "indices": file.words(&index),
        "material": material,
    });
    let mut moves: Vec<Vec<(u32, [f32; 6])>> = vec![Vec::new(); SHAPES];
    for (to, v) in chosen.iter().enumerate() {
        for e in &mesh.entries[mesh.first[*v] as usize..mesh.first[*v + 1] as usize] {
            moves[e.shape as usize].push((to as u32, e.delta.map(|d| d.to_f32())));
        }
    }
    let moving = moves.iter().any(|m| !m.is_empty());
    let mut out = json!({ "name": NAMES_OF_PARTS[usize::from(kind)] });
    if moving {
        let targets: Vec<Value> = moves
            .iter()
            .map(|m| {
                json!({
                    "POSITION": file.sparse(m, chosen.len(), 0, METRE, true),
                    "NORMAL": file.sparse(m, chosen.len(), 3, 1.0, false),
                })
            })
            .collect();
        primitive["targets"] = targets.into();
        out["weights"] = vec![0.0; SHAPES].into();
        out["extras"] = json!({ "targetNames": NAMES.as_slice() });
    }
    out["primitives"] = json!([primitive]);
    let [rough, ..] = mesh.statics[chosen[0]].material.map(|m| m.to_f32());
    let material = json!({
        "name": NAMES_OF_PARTS[usize::from(kind)],
        "doubleSided": matches!(kind, part::BROW | part::LASH | part::EAR | part::GARMENT | part::MOUTH_BAG),
        "pbrMetallicRoughness": { "metallicFactor": 0.0, "roughnessFactor": (rough * 1e3).round() / 1e3 },
    });
    Some((out, material, moving))
}

/// Linear colour of a vertex; the iris, which is painted while drawing, as rings by the angle from the optical axis.
fn colour(head: &Head, v: usize) -> [f32; 3] {
    let s = &head.meshes[0].statics[v];
    let [r, g, b, _] = s.albedo.map(|c| c.to_f32());
    let eye = match s.part as u8 {
        part::EYE_LEFT => head.eyes[0],
        part::EYE_RIGHT => head.eyes[1],
        _ => return [r, g, b].map(|c| c.clamp(0.0, 1.0)),
    };
    let d = (Vec3::from(s.rest) - Vec3::new(eye[0], eye[1], eye[2])).normalize_or(Vec3::Z);
    match d.z.clamp(-1.0, 1.0).acos().to_degrees() {
        a if a < 13.7 => [0.004, 0.004, 0.005],
        a if a < 30.9 => [0.07, 0.15, 0.15],
        _ => [0.79, 0.77, 0.75],
    }
}

fn animation(frames: &[Expression], rate: f32, moving: &[usize], file: &mut File) -> Value {
    let rate = if rate.is_finite() && rate > 0.0 { rate } else { 25.0 };
    let times: Vec<f32> = (0..frames.len()).map(|i| i as f32 / rate).collect();
    let weights: Vec<f32> = frames.iter().flat_map(Expression::drawn_weights).collect();
    let turn = |e: &Expression| {
        let p = e.pose.sane();
        let turn =
            Quat::from_rotation_z(p.roll) * Quat::from_rotation_y(p.yaw) * Quat::from_rotation_x(p.pitch);
        turn.normalize().to_array()
    };
    let turns: Vec<f32> = frames.iter().flat_map(turn).collect();
    let shift = |e: &Expression| e.pose.sane().translation_cm.map(|x| x * METRE);
    let shifts: Vec<f32> = frames.iter().flat_map(shift).collect();
    let input = file.floats(&times, "SCALAR", 1, true);
    let sampler = |output: usize| json!({ "input": input, "output": output, "interpolation": "LINEAR" });
    let samplers = [
        sampler(file.floats(&turns, "VEC4", 4, false)),
        sampler(file.floats(&shifts, "VEC3", 3, false)),
        sampler(file.floats(&weights, "SCALAR", 1, false)),
    ];
    let mut channels = vec![
        json!({ "sampler": 0, "target": { "node": 1, "path": "rotation" } }),
        json!({ "sampler": 1, "target": { "node": 0, "path": "translation" } }),
    ];
    channels.extend(
        moving.iter().map(|node| json!({ "sampler": 2, "target": { "node": node, "path": "weights" } })),
    );
    json!({ "name": "take", "samplers": samplers, "channels": channels })
}

/// The binary part and its accessors.
#[derive(Default)]
struct File {
    binary: Vec<u8>,
    views: Vec<Value>,
    accessors: Vec<Value>,
}

impl File {
    fn view(&mut self, bytes: &[u8]) -> usize {
        self.binary.resize(self.binary.len().next_multiple_of(4), 0);
        self.views.push(json!({ "buffer": 0, "byteOffset": self.binary.len(), "byteLength": bytes.len() }));
        self.binary.extend(bytes);
        self.views.len() - 1
    }

    fn accessor(&mut self, value: Value) -> usize {
        self.accessors.push(value);
        self.accessors.len() - 1
    }

    fn floats(&mut self, values: &[f32], kind: &str, width: usize, bounds: bool) -> usize {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let view = self.view(&bytes);
        let mut accessor = json!({
            "bufferView": view, "componentType": 5126, "count": values.len() / width, "type": kind,
        });
        if bounds {
            let (min, max) = range(values.chunks_exact(width), width);
            accessor["min"] = min.into();
            accessor["max"] = max.into();
        }
        self.accessor(accessor)
    }

    fn words(&mut self, values: &[u32]) -> usize {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let view = self.view(&bytes);
        self.accessor(
            json!({ "bufferView": view, "componentType": 5125, "count": values.len(), "type": "SCALAR" }),
        )
    }

    fn bytes(&mut self, values: &[u8], kind: &str, width: usize) -> usize {
        let view = self.view(values);
        self.accessor(
            json!({ "bufferView": view, "componentType": 5121, "count": values.len() / width, "type": kind }),
        )
    }

    /// A table of zeros with some rows; a shape that moves nothing here keeps one row, because a sparse accessor
    /// needs one.
    fn sparse(
        &mut self,
        rows: &[(u32, [f32; 6])],
        count: usize,
        from: usize,
        unit: f32,
        bounds: bool,
    ) -> usize {
        let still = [(0, [0.0; 6])];
        let rows = if rows.is_empty() { &still[..] } else { rows };
        let index: Vec<u8> = rows.iter().flat_map(|(v, _)| v.to_le_bytes()).collect();
        let values: Vec<f32> =
            rows.iter().flat_map(|(_, d)| d[from..from + 3].iter().map(|x| x * unit)).collect();
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let (index, place) = (self.view(&index), self.view(&bytes));
        let mut accessor = json!({
            "componentType": 5126, "count": count, "type": "VEC3",
            "sparse": {
                "count": rows.len(),
                "indices": { "bufferView": index, "componentType": 5125 },
                "values": { "bufferView": place },
            },
        });
        if bounds {
            let zero = [0.0; 3];
            let rest = (rows.len() < count).then_some(&zero[..]);
            let (min, max) = range(values.chunks_exact(3).chain(rest), 3);
            accessor["min"] = min.into();
            accessor["max"] = max.into();
        }
        self.accessor(accessor)
    }

    fn finish(mut self, mut json: Value) -> Vec<u8> {
        self.binary.resize(self.binary.len().next_multiple_of(4), 0);
        json["buffers"] = json!([{ "byteLength": self.binary.len() }]);
        json["bufferViews"] = self.views.into();
        json["accessors"] = self.accessors.into();
        let mut text = json.to_string().into_bytes();
        text.resize(text.len().next_multiple_of(4), b' ');
        let whole = 12 + 8 + text.len() + 8 + self.binary.len();
        let mut out = Vec::with_capacity(whole);
        out.extend(b"glTF");
        out.extend(2u32.to_le_bytes());
        out.extend((whole as u32).to_le_bytes());
        for (kind, bytes) in [(b"JSON", &text), (b"BIN\0", &self.binary)] {
            out.extend((bytes.len() as u32).to_le_bytes());
            out.extend(kind);
            out.extend(bytes);
        }
        out
    }
}

/// Smallest and largest value of each column.
fn range<'a>(rows: impl Iterator<Item = &'a [f32]>, width: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut min, mut max) = (vec![f32::INFINITY; width], vec![f32::NEG_INFINITY; width]);
    for row in rows {
        for (c, v) in row.iter().enumerate() {
            min[c] = min[c].min(*v);
            max[c] = max[c].max(*v);
        }
    }
    (min, max)
}
