//! An ICT-FaceKit folder written from the built-in head, with ranges of its own, and read back.

use super::*;
use crate::names::{NAMES, index_of};
use std::fmt::Write as _;

const ORDER: [u8; 7] = [
    part::SKIN,
    part::MOUTH_BAG,
    part::TONGUE,
    part::TEETH_UPPER,
    part::EYE_LEFT,
    part::EYE_RIGHT,
    part::LASH,
];

/// The built-in head in the form of the kit: one OBJ a shape, two files where the kit has two.
fn write_kit(folder: &Path, leave_out: &str) -> ict::Topology {
    let ours = builtin().unwrap();
    let kinds = |k: u8| if k == part::TEETH_LOWER { part::TEETH_UPPER } else { k };
    let mut chosen: Vec<usize> =
        (0..ours.position.len()).filter(|v| ORDER.contains(&kinds(ours.part[*v]))).collect();
    chosen.sort_by_key(|v| ORDER.iter().position(|k| *k == kinds(ours.part[*v])));
    let mut ranges = Vec::new();
    for kind in ORDER {
        let upto = ORDER.iter().position(|k| *k == kind);
        let end =
            chosen.iter().filter(|v| ORDER.iter().position(|k| *k == kinds(ours.part[**v])) <= upto).count();
        ranges.push((end, Some(kind)));
    }
    let mut number = vec![0; ours.position.len()];
    chosen.iter().enumerate().for_each(|(to, v)| number[*v] = to + 1);
    let model = folder.join("FaceXModel");
    std::fs::create_dir_all(&model).unwrap();
    let write = |name: &str, position: &dyn Fn(usize) -> [f32; 3]| {
        let mut text = String::from("# OBJ\n");
        for v in &chosen {
            let [x, y, z] = position(*v);
            writeln!(text, "v {x:.6} {y:.6} {z:.6}").unwrap();
        }
        text.push_str("vt 0 0\n");
        if name == "generic_neutral_mesh" {
            for t in ours.triangle.iter().filter(|t| number[t[0] as usize] > 0) {
                let [a, b, c] = t.map(|v| number[v as usize]);
                writeln!(text, "f {a}/1 {b}/1 {c}/1").unwrap();
            }
        }
        std::fs::write(model.join(format!("{name}.obj")), text).unwrap();
    };
    write("generic_neutral_mesh", &|v| ours.position[v]);
    for (s, name) in NAMES.iter().enumerate().filter(|(_, n)| **n != "tongueOut" && **n != leave_out) {
        let mut moved = ours.position.clone();
        for (v, d) in &ours.shapes[s] {
            (0..3).for_each(|axis| moved[*v as usize][axis] += d[axis]);
        }
        let short = |n: &str| n.replace("Left", "_L").replace("Right", "_R");
        match *name {
            // the kit splits these; a vertex in the middle belongs to the left
            "browInnerUp" | "cheekPuff" => {
                for (side, keep) in [("_L", 1.0f32), ("_R", -1.0)] {
                    let half = |v: usize| {
                        let x = ours.position[v][0];
                        if x * keep > 0.0 || (x == 0.0 && keep > 0.0) { moved[v] } else { ours.position[v] }
                    };
                    write(&format!("{name}{side}"), &half);
                }
            }
            // sideways shapes keep their names
            "mouthLeft" | "mouthRight" | "jawLeft" | "jawRight" => write(name, &|v| moved[v]),
            _ => write(&short(name), &|v| moved[v]),
        }
    }
    write("cheekRaiser_L", &|v| ours.position[v]);
    write("identity000", &|v| ours.position[v]);
    ict::Topology { vertices: chosen.len(), ranges: ranges.leak() }
}

#[test]
fn a_kit_folder_is_read_as_it_was_written() {
    let folder = std::env::temp_dir().join(format!("face-kit-{}", std::process::id()));
    let topology = write_kit(&folder, "");
    let neutral = ict::neutral_of(&folder).unwrap();
    let mut report = Report::default();
    let mut draft = ict::read(&neutral, &topology, &mut report).unwrap();
    finish("kit", &mut draft, &mut report).unwrap();
    assert_eq!((report.found.len(), report.missing.as_slice()), (51, &["tongueOut".to_owned()][..]));
    assert_eq!(report.ignored, ["cheekRaiser_L"]);
    assert!((report.unit_cm - 1.0).abs() < 1e-3, "{}", report.unit_cm);
    // every skin vertex is where it was, and moves as it did
    let ours = builtin().unwrap();
    let key = |p: &[f32; 3]| p.map(|x| (x * 200.0).round() as i32);
    let place: std::collections::HashMap<_, _> = (0..draft.position.len())
        .filter(|v| draft.part[*v] == part::SKIN)
        .map(|v| (key(&draft.position[v]), v))
        .collect();
    for name in ["browInnerUp", "cheekPuff", "jawOpen", "mouthSmileLeft", "mouthRight"] {
        let s = index_of(name).unwrap();
        let theirs: std::collections::HashMap<u32, [f32; 3]> = draft.shapes[s].iter().copied().collect();
        let (mut compared, mut most) = (0, 0.0f32);
        let skin = ours.shapes[s].iter().filter(|(v, _)| ours.part[*v as usize] == part::SKIN).count();
        for (v, d) in ours.shapes[s].iter().filter(|(v, _)| ours.part[*v as usize] == part::SKIN) {
            let Some(to) = place.get(&key(&ours.position[*v as usize])) else { continue };
            let got = theirs.get(&(*to as u32)).copied().unwrap_or_default();
            most = most.max(Vec3::from(*d).distance(got.into()));
            compared += 1;
        }
        assert!(
            compared * 100 > skin * 98 && most < 4e-3,
            "{name}: {compared} of {skin} compared, {most} cm"
        );
    }
    // the real numbers of the kit are asked for when a folder is opened
    let refusal = open(&folder, &Options::default()).err().unwrap().to_string();
    assert!(refusal.contains("expected 26719"), "{refusal}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_kit_folder_without_shapes_is_refused_with_their_names() {
    let folder = std::env::temp_dir().join(format!("face-kit-without-{}", std::process::id()));
    write_kit(&folder, "jawOpen");
    std::fs::remove_file(folder.join("FaceXModel/eyeBlink_L.obj")).unwrap();
    let (report, refusal) = inspect(&folder);
    let refusal = refusal.unwrap().to_string();
    assert!(refusal.contains("2 shapes are missing: eyeBlinkLeft, jawOpen"), "{refusal}");
    assert_eq!(report.missing, ["eyeBlinkLeft", "jawOpen", "tongueOut"]);
    std::fs::remove_dir_all(&folder).unwrap();
    let refusal = open(&std::env::temp_dir(), &Options::default()).err().unwrap().to_string();
    assert!(refusal.contains("no ICT-FaceKit checkout"), "{refusal}");
}
