//! Heads in the formats of other programs: read right, cached, or refused with every reason.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed test is what it is for")]

mod common;

use face::heads::{self, Options, Report};
use face::morph::{Dynamic, moved};
use face::{Head, NAMES, SHAPES, index_of, motion, part};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const V2: [&[u8]; 2] =
    [include_bytes!("golden/faceverse2_p2.npy"), include_bytes!("golden/faceverse2_p4.npy")];
const V3: &[u8] = include_bytes!("golden/faceverse3.npy");
const POSITIONS: &[u8] = include_bytes!("golden/positions.npy");

fn shape(head: &Head, name: Option<&str>) -> Vec<Dynamic> {
    let mut weights = [0.0; SHAPES];
    if let Some(i) = name.and_then(index_of) {
        weights[i] = 1.0;
    }
    moved(head, &weights)
}

fn refusal(name: &str, bytes: &[u8]) -> String {
    match heads::from_bytes(name, bytes) {
        Err(e) => e.to_string(),
        Ok(_) => panic!("{name} was accepted"),
    }
}

fn opened(name: &str, bytes: &[u8]) -> (std::sync::Arc<Head>, Report) {
    match heads::from_bytes(name, bytes) {
        Ok(o) => (o.head, o.report),
        Err(e) => panic!("{name}: {e}"),
    }
}

/// Position rounded to a tenth of a millimetre and the part: enough to find a vertex again.
type Spot = ([i32; 3], u8);

fn spots(head: &Head) -> HashMap<Spot, usize> {
    let rest = shape(head, None);
    let spot = |v: &Dynamic| [0, 1, 2].map(|a| (v.position[a] * 100.0).round() as i32);
    head.parts().enumerate().map(|(v, part)| ((spot(&rest[v]), part), v)).collect()
}

/// Largest difference of the moved skin between two heads, over `names`, and how many vertices were compared.
fn differs(a: &Head, b: &Head, names: &[&str]) -> (f32, usize) {
    let (sa, sb) = (spots(a), spots(b));
    let pairs: Vec<(usize, usize)> = sa
        .iter()
        .filter(|((_, part), _)| *part == part::SKIN)
        .filter_map(|(spot, v)| Some((*v, *sb.get(spot)?)))
        .collect();
    let mut most = 0.0f32;
    for name in names {
        let (ma, mb) = (shape(a, Some(name)), shape(b, Some(name)));
        for (v, w) in &pairs {
            for axis in 0..3 {
                most = most.max((ma[*v].position[axis] - mb[*w].position[axis]).abs());
            }
        }
    }
    (most, pairs.len())
}

/// The JSON of a GLB changed; the binary part stays.
fn edited(glb: &[u8], edit: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let length = u32::from_le_bytes(glb[12..16].try_into().unwrap()) as usize;
    let mut json: serde_json::Value = serde_json::from_slice(&glb[20..20 + length]).unwrap();
    edit(&mut json);
    let mut text = json.to_string().into_bytes();
    text.resize(text.len().next_multiple_of(4), b' ');
    let mut out = b"glTF\x02\0\0\0".to_vec();
    out.extend(((12 + 8 + text.len() + glb.len() - 20 - length) as u32).to_le_bytes());
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(b"JSON");
    out.extend(text);
    out.extend(&glb[20 + length..]);
    out
}

fn builtin_glb() -> Vec<u8> {
    motion::glb(&common::head(), &[], 25.0, "head")
}

/// A GLB of a few thousand vertices.
fn small_glb() -> Vec<u8> {
    motion::glb(&opened("v2", V2[1]).0, &[], 25.0, "small")
}

#[test]
fn the_builtin_head_comes_back_from_a_glb() {
    let (head, report) = opened("head.glb", &builtin_glb());
    assert_eq!((report.format.as_str(), report.found.len()), ("glTF", 52));
    assert!((report.unit_cm - 100.0).abs() < 0.05, "{}", report.unit_cm);
    let (most, compared) = differs(&common::head(), &head, &NAMES);
    assert!(most < 3e-3 && compared > 3400, "{most} cm over {compared} vertices");
    // colours and parts come along
    let parts: HashMap<&str, usize> = report.parts.iter().map(|(n, c)| (n.as_str(), *c)).collect();
    assert!(
        [
            "skin",
            "left eye",
            "right eye",
            "upper teeth",
            "lower teeth",
            "tongue",
            "brows",
            "lashes",
            "hair",
            "mouth",
            "garment",
            "skin, open sheet"
        ]
        .iter()
        .all(|name| parts.contains_key(name)),
        "{parts:?}"
    );
}

/// A GLB whose skin has a picture: its left half (u below 0.5) green, the other red; u is where a vertex stands.
fn painted_glb(picture: &[u8]) -> Vec<u8> {
    let glb = builtin_glb();
    let length = u32::from_le_bytes(glb[12..16].try_into().unwrap()) as usize;
    let json: serde_json::Value = serde_json::from_slice(&glb[20..20 + length]).unwrap();
    let mut binary = glb[20 + length + 8..].to_vec();
    let mut views = Vec::new();
    let mut put = |bytes: &[u8], binary: &mut Vec<u8>| {
        binary.resize(binary.len().next_multiple_of(4), 0);
        views.push(serde_json::json!({ "buffer": 0, "byteOffset": binary.len(), "byteLength": bytes.len() }));
        binary.extend(bytes);
    };
    put(picture, &mut binary);
    // the first part of all is the skin
    let skin = &json["meshes"][0]["primitives"][0];
    let accessor = &json["accessors"][skin["attributes"]["POSITION"].as_u64().unwrap() as usize];
    let count = accessor["count"].as_u64().unwrap() as usize;
    let view = &json["bufferViews"][accessor["bufferView"].as_u64().unwrap() as usize];
    let from =
        (view["byteOffset"].as_u64().unwrap_or(0) + accessor["byteOffset"].as_u64().unwrap_or(0)) as usize;
    let step = view["byteStride"].as_u64().unwrap_or(12) as usize;
    let places: Vec<u8> = (0..count)
        .flat_map(|v| {
            let at = from + v * step;
            let x = f32::from_le_bytes(binary[at..at + 4].try_into().unwrap());
            [if x < 0.0 { 0.25f32 } else { 0.75 }, 0.5]
        })
        .flat_map(f32::to_le_bytes)
        .collect();
    put(&places, &mut binary);
    let mut json = json;
    let first = json["bufferViews"].as_array().unwrap().len();
    json["bufferViews"].as_array_mut().unwrap().extend(views);
    json["buffers"][0]["byteLength"] = binary.len().into();
    let rows = json["accessors"].as_array().unwrap().len();
    json["accessors"].as_array_mut().unwrap().push(serde_json::json!({
        "bufferView": first + 1, "componentType": 5126, "count": count, "type": "VEC2",
    }));
    json["images"] = serde_json::json!([{ "bufferView": first, "mimeType": "image/png" }]);
    json["textures"] = serde_json::json!([{ "source": 0 }]);
    let primitive = &mut json["meshes"][0]["primitives"][0];
    primitive["attributes"]["TEXCOORD_0"] = rows.into();
    primitive["attributes"].as_object_mut().unwrap().remove("COLOR_0");
    let material = primitive["material"].as_u64().unwrap() as usize;
    json["materials"][material]["pbrMetallicRoughness"] =
        serde_json::json!({ "baseColorTexture": { "index": 0 }, "baseColorFactor": [0.5, 1.0, 1.0, 1.0] });
    binary.resize(binary.len().next_multiple_of(4), 0);
    let mut glb = glb[..20 + length + 8].to_vec();
    let word = |n: usize| (n as u32).to_le_bytes();
    glb[20 + length..20 + length + 4].copy_from_slice(&word(binary.len()));
    glb.extend(binary);
    edited(&glb, |old| *old = json)
}

#[test]
fn skin_takes_the_colours_of_its_picture_and_a_broken_picture_is_noted() {
    let mut picture = image::RgbImage::from_pixel(64, 64, image::Rgb([255, 0, 0]));
    for (x, _, pixel) in picture.enumerate_pixels_mut() {
        if x < 32 {
            *pixel = image::Rgb([0, 255, 0]);
        }
    }
    let mut png = Vec::new();
    picture.write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
    let (head, report) = opened("painted.glb", &painted_glb(&png));
    assert!(!report.notes.iter().any(|note| note.contains("images[0]")), "{:?}", report.notes);
    let rest = shape(&head, None);
    let mut seen = [0, 0];
    for (v, (part, colour)) in head.parts().zip(head.colours()).enumerate() {
        // behind, the neck and the open sheets have other materials or meet in the middle
        if part == part::SKIN && rest[v].position[0].abs() > 2.0 && rest[v].position[2] > 2.0 {
            let left = rest[v].position[0] < 0.0;
            assert_eq!(
                colour,
                if left { [0.0, 1.0, 0.0] } else { [0.5, 0.0, 0.0] },
                "{:?}",
                rest[v].position
            );
            seen[usize::from(left)] += 1;
        }
    }
    assert!(seen.iter().all(|many| *many > 100), "{seen:?}");
    let (_, report) = opened("broken.glb", &painted_glb(&png[..png.len() / 2]));
    assert!(report.notes.iter().any(|note| note.starts_with("images[0]: ")), "{:?}", report.notes);
}

/// Turned to -z, as VRM 0 stands, and named by expressions instead of targets.
#[test]
fn a_vrm_is_named_by_its_expressions_and_turned_to_us() {
    let rename = |json: &mut serde_json::Value| {
        for mesh in json["meshes"].as_array_mut().unwrap() {
            if mesh["extras"].is_object() {
                mesh["extras"]["targetNames"] =
                    (0..SHAPES).map(|i| format!("t{i}")).collect::<Vec<_>>().into();
            }
        }
    };
    let version0 = edited(&builtin_glb(), |json| {
        rename(json);
        json["nodes"][0]["rotation"] = serde_json::json!([0.0, 1.0, 0.0, 0.0]);
        let meshes: Vec<usize> = (0..json["meshes"].as_array().unwrap().len())
            .filter(|m| json["meshes"][m]["extras"].is_object())
            .collect();
        let groups: Vec<serde_json::Value> = NAMES
            .iter()
            .enumerate()
            .map(|(i, name)| {
                let binds: Vec<_> = meshes
                    .iter()
                    .map(|m| serde_json::json!({ "mesh": m, "index": i, "weight": 100 }))
                    .collect();
                serde_json::json!({ "name": name[..1].to_uppercase() + &name[1..], "binds": binds })
            })
            .collect();
        json["extensions"] = serde_json::json!({
            "VRM": { "meta": { "title": "Test" }, "blendShapeMaster": { "blendShapeGroups": groups } },
        });
    });
    let version1 = edited(&builtin_glb(), |json| {
        rename(json);
        let nodes: Vec<usize> = (0..json["nodes"].as_array().unwrap().len())
            .filter(|n| {
                json["nodes"][n]["mesh"]
                    .as_u64()
                    .is_some_and(|m| json["meshes"][m as usize]["extras"].is_object())
            })
            .collect();
        let custom: serde_json::Map<String, serde_json::Value> = NAMES
            .iter()
            .enumerate()
            .map(|(i, name)| {
                let binds: Vec<_> = nodes
                    .iter()
                    .map(|n| serde_json::json!({ "node": n, "index": i, "weight": 1.0 }))
                    .collect();
                ((*name).to_owned(), serde_json::json!({ "morphTargetBinds": binds }))
            })
            .collect();
        json["extensions"] = serde_json::json!({ "VRMC_vrm": { "expressions": { "custom": custom } } });
    });
    for (name, bytes, credit) in [("0.vrm", version0, "Test"), ("1.vrm", version1, "")] {
        let (head, report) = opened(name, &bytes);
        assert_eq!((report.format.as_str(), report.found.len(), report.credit.as_str()), ("VRM", 52, credit));
        let (most, compared) =
            differs(&common::head(), &head, &["jawOpen", "mouthSmileLeft", "browDownRight"]);
        assert!(most < 3e-3 && compared > 3400, "{name}: {most} cm over {compared} vertices");
    }
}

#[test]
fn missing_names_are_listed_all_at_once() {
    let bytes = edited(&builtin_glb(), |json| {
        for mesh in json["meshes"].as_array_mut().unwrap() {
            if mesh["extras"].is_object() {
                for name in ["jawOpen", "browInnerUp", "tongueOut", "eyeBlinkLeft"] {
                    let at = NAMES.iter().position(|n| *n == name).unwrap();
                    mesh["extras"]["targetNames"][at] = format!("old_{name}_x").into();
                }
            }
        }
    });
    let e = refusal("less.glb", &bytes);
    // a head may lack a tongue
    assert!(e.contains("3 morph targets are missing: browInnerUp, eyeBlinkLeft, jawOpen;"), "{e}");
    let none = edited(&builtin_glb(), |json| {
        json["meshes"].as_array_mut().unwrap().iter_mut().for_each(|m| m["extras"] = serde_json::Value::Null);
    });
    assert!(refusal("none.glb", &none).contains("no morph target has a name of ARKit's 52"));
}

#[test]
fn a_glb_that_lies_is_refused_and_says_where() {
    let glb = small_glb();
    let with = |edit: &dyn Fn(&mut serde_json::Value)| refusal("lies.glb", &edited(&glb, edit));
    let position = |json: &serde_json::Value| {
        json["meshes"][0]["primitives"][0]["attributes"]["POSITION"].as_u64().unwrap() as usize
    };
    for (edit, words) in [
        (
            &(|j: &mut serde_json::Value| {
                let p = position(j);
                j["accessors"][p]["count"] = 3_000_000_000u64.into()
            }) as &dyn Fn(&mut _),
            "expected 1 to 4000000",
        ),
        (
            &|j| {
                let p = position(j);
                j["accessors"][p]["byteOffset"] = u64::MAX.into()
            },
            "accessor",
        ),
        (
            &|j| {
                let p = position(j);
                j["accessors"][p]["byteOffset"] = 1_000_000_000u64.into()
            },
            "do not fit",
        ),
        (
            &|j| {
                let p = position(j);
                j["accessors"][p]["type"] = "VEC4".into()
            },
            "expected VEC3",
        ),
        (
            &|j| {
                let p = position(j);
                j["accessors"][p]["componentType"] = 5124.into()
            },
            "component type",
        ),
        (
            &|j| j["meshes"][0]["primitives"][0]["attributes"]["POSITION"] = 9999.into(),
            "there is none of this number",
        ),
        (&|j| j["buffers"][0]["byteLength"] = 4_000_000_000u64.into(), "byteLength"),
        (&|j| j["buffers"][0]["uri"] = "../secret.bin".into(), "outside the folder"),
        (&|j| j["buffers"][0]["uri"] = "/etc/passwd".into(), "outside the folder"),
        (&|j| j["buffers"][0]["uri"] = "http://a/b".into(), "outside the folder"),
        (
            &|j| j["extensionsRequired"] = serde_json::json!(["KHR_draco_mesh_compression"]),
            "KHR_draco_mesh_compression is not read",
        ),
        (&|j| j["asset"]["version"] = "1.0".into(), "expected 2.0"),
        (&|j| j["nodes"][1]["children"] = serde_json::json!([0]), "no tree"),
        (&|j| j["nodes"][2]["mesh"] = 77.into(), "mesh 77 is not there"),
    ] {
        println!("{words}");
        let e = with(edit);
        assert!(e.contains(words) && e.starts_with("lies.glb"), "{words}: {e}");
    }
}

#[test]
fn a_head_of_a_million_vertices_is_refused_with_the_limit() {
    let e = refusal(
        "million.glb",
        &edited(&small_glb(), |j| {
            let p = j["meshes"][0]["primitives"][0]["attributes"]["POSITION"].as_u64().unwrap() as usize;
            // a million zeros need no bytes in the file
            j["accessors"][p] =
                serde_json::json!({ "componentType": 5126, "count": 1_000_001, "type": "VEC3" });
        }),
    );
    assert!(e.contains("at most 800000 are read, 200000 are drawn") && e.contains("decimate"), "{e}");
}

#[test]
fn numbers_that_are_none_do_not_become_faces() {
    let glb = small_glb();
    let length = u32::from_le_bytes(glb[12..16].try_into().unwrap()) as usize;
    for bad in [f32::NAN, f32::INFINITY, 1e30] {
        let mut bytes = glb.clone();
        bytes[28 + length..32 + length].copy_from_slice(&bad.to_le_bytes());
        let e = refusal("nan.glb", &bytes);
        assert!(e.contains("row 0 has a number that is no place"), "{e}");
    }
}

#[test]
fn truncated_files_are_refused_at_every_length() {
    for (name, bytes) in [("cut.glb", small_glb()), ("cut2.npy", V2[0].to_vec()), ("cut3.npy", V3.to_vec())] {
        for n in (0..80).chain((80..bytes.len()).step_by(bytes.len() / 60)).chain([bytes.len() - 1]) {
            let e = refusal(name, &bytes[..n]);
            assert!(e.starts_with(name) && e.len() > 30, "at {n}: {e}");
        }
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let mut state = 3_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below.max(1)
    };
    let glb = small_glb();
    let header = 20 + u32::from_le_bytes(glb[12..16].try_into().unwrap()) as usize;
    let mut accepted = 0;
    for round in 0..240 {
        let (mut bytes, within) = match round % 4 {
            0 => (glb.clone(), header),
            1 => (glb.clone(), glb.len()),
            2 => (V2[1].to_vec(), if round % 8 == 2 { 400 } else { V2[1].len() }),
            _ => (V3.to_vec(), if round % 8 == 3 { 400 } else { V3.len() }),
        };
        for _ in 0..1 + round % 5 {
            let at = next(within);
            bytes[at] = if round % 3 == 0 { next(256) as u8 } else { bytes[at] ^ (1 << next(8)) };
        }
        accepted += usize::from(heads::from_bytes("flipped", &bytes).is_ok());
    }
    println!("{accepted} of 240 were still heads");
    assert!(accepted < 240);
}

#[test]
fn faceverse_files_written_by_numpy_are_read_as_they_were_meant() {
    let (data, values) = POSITIONS.split_at(POSITIONS.len() - 348 * 12);
    assert!(data.starts_with(b"\x93NUMPY"));
    let wanted: Vec<[f32; 3]> = values
        .chunks_exact(12)
        .map(|c| [0, 4, 8].map(|k| f32::from_le_bytes(c[k..k + 4].try_into().unwrap())))
        .collect();
    for (name, bytes, format, sheet) in [
        ("p2.npy", V2[0], "FaceVerse 2", part::EAR),
        ("p4.npy", V2[1], "FaceVerse 2", part::EAR),
        ("v3.npy", V3, "FaceVerse 3", part::SKIN),
    ] {
        let (head, report) = opened(name, bytes);
        assert_eq!((report.format.as_str(), report.found.len()), (format, 52));
        // up to the scale and shift that put it in its place, the sheet is the one that was written
        let rest: Vec<[f32; 3]> = shape(&head, None)
            .iter()
            .zip(head.parts())
            .filter(|(_, part)| *part == sheet)
            .map(|(v, _)| [v.position[0], v.position[1], v.position[2]])
            .collect();
        assert_eq!(rest.len(), 252, "{name}");
        let unit = if format == "FaceVerse 3" { 0.163 } else { 16.3 };
        let width = |p: &dyn Fn(usize) -> f32, n: usize| {
            (0..n).map(p).fold(f32::MIN, f32::max) - (0..n).map(p).fold(f32::MAX, f32::min)
        };
        let (x, y) = (width(&|i| rest[i][0], 252), width(&|i| rest[i][1], 252));
        let (wx, wy) = (width(&|i| wanted[i][0], 252), width(&|i| wanted[i][1], 252));
        let scale = x / wx;
        assert!((report.unit_cm / unit / scale - 1.0).abs() < 1e-3, "{name}: {} {scale}", report.unit_cm);
        assert!(
            (0.8..1.25).contains(&scale) && (y / wy / scale - 1.0).abs() < 1e-3,
            "{name}: {scale} {y} {wy}"
        );
        // the face looks to us, and a smile acts where it was put: on the subject's left, which is +x
        let (still, smile) = (shape(&head, None), shape(&head, Some("mouthSmileLeft")));
        let skin: Vec<usize> =
            head.parts().enumerate().filter(|(_, p)| *p == sheet).map(|(v, _)| v).collect();
        let most =
            *skin.iter().max_by(|a, b| smile[**a].position[3].total_cmp(&smile[**b].position[3])).unwrap();
        let at = still[most].position;
        assert!(
            (1.6..4.2).contains(&at[0]) && (-8.0..-4.5).contains(&at[1]) && at[2] > 4.0,
            "{name}: {at:?}"
        );
        assert!(
            (smile[most].position[3] / scale - (0.01f32 + 0.36 + 0.04).sqrt()).abs() < 0.13,
            "{name}: {}",
            smile[most].position[3] / scale
        );
        assert!(still[most].normal[2] > 0.5, "{name}: the skin looks to us: {:?}", still[most].normal);
    }
}

/// A pickle in a container that numpy would write.
fn npy(pickle: &[u8]) -> Vec<u8> {
    let text = "{'descr': '|O', 'fortran_order': False, 'shape': (), }\n";
    let mut out = b"\x93NUMPY\x01\0".to_vec();
    out.extend((text.len() as u16).to_le_bytes());
    out.extend(text.as_bytes());
    out.extend(pickle);
    out
}

#[test]
fn hostile_pickles_are_refused_and_run_nothing() {
    let marker = std::env::temp_dir().join(format!("face-pickle-ran-{}", std::process::id()));
    let call = format!("cos\nsystem\n(X\x20\0\0\0touch {:<26}tR.", marker.display());
    let e = refusal("system.npy", &npy(call.as_bytes()));
    assert!(e.contains("os.system, which would have to be executed"), "{e}");
    assert!(!marker.exists());
    let stack = b"\x80\x04\x8c\x05posix\x8c\x06system\x93.";
    assert!(refusal("stack.npy", &npy(stack)).contains("posix.system"));
    for (name, pickle, words) in [
        ("eval", &b"cbuiltins\neval\n."[..], "builtins.eval"),
        ("getattr", b"c__builtin__\ngetattr\n.", "getattr"),
        ("instance", b"(ios\nsystem\n.", "0x69"),
        ("object", b"(cos\nsystem\no.", "os.system"),
        ("newobj", b"cnumpy\nndarray\n)\x81.", "0x81"),
        ("persistent", b"Pabc\n.", "0x50"),
        ("extension", b"\x82\x01.", "0x82"),
        ("deep", &[b'('; 3_000_000], "values"),
        ("mark", b"t.", "a mark is missing"),
        ("empty", b".", "the stack is empty"),
        ("memo", b"h\x07.", "never written"),
        ("gap", b"Nr\xff\xff\xff\x7f.", "gaps"),
        ("long", b"B\xff\xff\xff\xffabc", "ends too early"),
        ("longer", b"\x8e\xff\xff\xff\xff\xff\xff\xff\xffabc", "ends too early"),
        ("no dict", b"N.", "no dict"),
        ("other dict", b"}.", "no FaceVerse model"),
    ] {
        let e = refusal(name, &npy(pickle));
        assert!(e.contains(words), "{name}: {e}");
    }
}

#[test]
fn a_memo_that_doubles_itself_costs_nothing() {
    // a list of two of the list before, 60 deep: 2^60 members if it were ever unfolded
    let mut pickle = b"\x80\x04]\x94".to_vec();
    for level in 0..60u8 {
        pickle.extend([b'h', level, b'h', level, 0x86, 0x94]);
    }
    pickle.extend(b".");
    let start = std::time::Instant::now();
    let e = refusal("bomb.npy", &npy(&pickle));
    assert!(e.contains("no dict") && start.elapsed().as_secs() < 2, "{e}");
    // a text that is encoded again and again
    let mut pickle = b"\x80\x02c_codecs\nencode\nq\0X\0\0\x01\0".to_vec();
    pickle.extend([b'a'; 65536]);
    pickle.extend(b"q\x01U\x06latin1q\x020");
    for _ in 0..2000 {
        pickle.extend(b"h\0h\x01h\x02\x86R0");
    }
    pickle.extend(b"}.");
    let e = refusal("again.npy", &npy(&pickle));
    assert!(e.contains("more bytes made of text") || e.contains("stack"), "{e}");
}

#[test]
fn huge_shapes_and_other_models_are_refused_with_reasons() {
    // text replaced inside the pickle, lengths kept
    let swap = |from: &[u8], to: &[u8]| {
        assert_eq!(from.len(), to.len());
        let mut bytes = V2[1].to_vec();
        let at = bytes.windows(from.len()).position(|w| w == from).unwrap();
        bytes[at..at + from.len()].copy_from_slice(to);
        bytes
    };
    let e = refusal("less.npy", &swap(b"exBase", b"exBush"));
    assert!(e.contains("meanshape and exBase are needed") && e.contains("exBush"), "{e}");
    let e = refusal("names.npy", &swap(b"jawOpen", b"jawOper"));
    assert!(e.contains("missing: jawOpen"), "{e}");
    let e = refusal("twice.npy", &swap(b"mouthSmileRight", b"mouthFrownRight"));
    assert!(e.contains("comes twice"), "{e}");
    // (252, 3) becomes (252, 255)
    let e = refusal("shape.npy", &swap(b"K\xfcK\x03\x86", b"K\xfcK\xff\x86"));
    assert!(e.contains("needs 64260 elements, the file has 756"), "{e}");
    // (756, 52) becomes (756, 64): the axes of version 0
    let e = refusal("v0.npy", &swap(b"M\xf4\x02K4\x86", b"M\xf4\x02K@\x86"));
    assert!(e.contains("exBase: shape [756, 64]"), "{e}");
    let plain = POSITIONS;
    assert!(refusal("plain.npy", plain).contains("a plain array"));
    assert!(refusal("junk.bin", b"BM junk that is no head").contains("no head we know"));
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("face-heads-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn a_converted_head_is_kept_by_its_content_and_made_again_when_the_cache_is_damaged() {
    let at = folder("cache");
    let file = at.join("mine.npy");
    std::fs::write(&file, V2[1]).unwrap();
    let options = Options { cache: Some(at.join("cache")), ..Options::default() };
    let files = |folder: &Path| -> Vec<PathBuf> {
        let inside = |p: &Path| std::fs::read_dir(p).unwrap().map(|e| e.unwrap().path()).collect::<Vec<_>>();
        let mut all: Vec<PathBuf> = inside(folder).iter().flat_map(|p| inside(p)).collect();
        all.sort();
        all
    };
    let first = heads::open(&file, &options).unwrap();
    std::fs::write(at.join("plain.npy"), POSITIONS).unwrap();
    assert!(heads::is_head(&file) && !heads::is_head(&at.join("plain.npy")) && !heads::is_head(&at));
    let kept = files(&at.join("cache"));
    assert_eq!(kept.len(), 2, "{kept:?}");
    let bytes = std::fs::read(&kept[1]).unwrap();
    // another name, the same content: the same entry
    let other = at.join("other.npy");
    std::fs::copy(&file, &other).unwrap();
    let second = heads::open(&other, &options).unwrap();
    assert_eq!((files(&at.join("cache")).len(), &second.report), (2, &first.report));
    assert_eq!(differs(&first.head, &second.head, &["jawOpen"]).0, 0.0);
    // a torn entry is made again, byte for byte
    std::fs::write(&kept[1], &bytes[..bytes.len() / 2]).unwrap();
    heads::open(&file, &options).unwrap();
    assert_eq!(std::fs::read(&kept[1]).unwrap(), bytes);
    // what the cache keeps is a head file of ours
    assert_eq!(heads::open(&kept[1], &Options::default()).unwrap().report.format, "Backchannel");
    // buffers of a glTF in JSON lie beside it
    let glb = small_glb();
    let length = u32::from_le_bytes(glb[12..16].try_into().unwrap()) as usize;
    let mut json: serde_json::Value = serde_json::from_slice(&glb[20..20 + length]).unwrap();
    json["buffers"][0]["uri"] = "mine.bin".into();
    std::fs::write(at.join("mine.bin"), &glb[28 + length..]).unwrap();
    std::fs::write(at.join("mine.gltf"), json.to_string()).unwrap();
    assert!(heads::is_head(&at.join("mine.gltf")) && heads::is_head(&kept[1]));
    let beside = heads::open(&at.join("mine.gltf"), &Options::default()).unwrap();
    assert_eq!(beside.report.found.len(), 52);
    std::fs::remove_dir_all(&at).unwrap();
    assert!(!heads::is_head(&file));
    let gone = heads::open(&file, &options).err().unwrap().to_string();
    assert!(gone.contains("mine.npy") && gone.contains("cannot be opened"), "{gone}");
}
