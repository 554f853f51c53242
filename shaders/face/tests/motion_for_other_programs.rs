//! What is written for other programs, read back by a reader that is not ours.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed test is what it is for")]

mod common;

use face::morph::moved;
use face::{Expression, NAMES, SHAPES, motion, part};
use gltf::animation::Property;
use gltf::animation::util::ReadOutputs;

fn frames() -> Vec<Expression> {
    (0..30)
        .map(|i| {
            let t = i as f32 / 29.0;
            Expression::default()
                .with(&[("jawOpen", t), ("mouthSmile", 0.5 * t), ("eyeBlink", 1.0 - t)])
                .posed(0.2 * t, -0.3 * t, 0.1)
        })
        .collect()
}

#[test]
fn the_glb_is_valid_and_holds_the_head_the_shapes_and_the_take() {
    let head = common::head();
    let frames = frames();
    let bytes = motion::glb(&head, &frames, 25.0, "take");
    println!("{} bytes", bytes.len());
    // the reader checks the document against the schema
    let gltf::Gltf { document, blob } = gltf::Gltf::from_slice(&bytes).unwrap();
    let blob = blob.unwrap();
    let vertices: usize = document
        .meshes()
        .map(|mesh| mesh.primitives().next().unwrap().get(&gltf::Semantic::Positions).unwrap().count())
        .sum();
    let triangles: usize =
        document.meshes().map(|mesh| mesh.primitives().next().unwrap().indices().unwrap().count() / 3).sum();
    assert_eq!((vertices, triangles), (head.vertices(), head.triangles()));

    // a shape of the skin, place by place, against what we draw
    let skin = document.meshes().find(|mesh| mesh.name() == Some("skin")).unwrap();
    let names: serde_json::Value = serde_json::from_str(skin.extras().as_ref().unwrap().get()).unwrap();
    assert_eq!(
        names["targetNames"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect::<Vec<_>>(),
        NAMES
    );
    let primitive = skin.primitives().next().unwrap();
    let reader = primitive.reader(|_| Some(&blob));
    let rest: Vec<[f32; 3]> = reader.read_positions().unwrap().collect();
    let jaw = face::index_of("jawOpen").unwrap();
    let (targets, _, _) = reader.read_morph_targets().nth(jaw).unwrap();
    let targets: Vec<[f32; 3]> = targets.unwrap().collect();
    let mut weights = [0.0; SHAPES];
    weights[jaw] = 1.0;
    let drawn = moved(&head, &weights);
    let ours: Vec<_> = head.parts().zip(&drawn).filter(|(kind, _)| *kind == part::SKIN).collect();
    assert_eq!(ours.len(), rest.len());
    for ((_, d), (p, m)) in ours.iter().zip(rest.iter().zip(&targets)) {
        for axis in 0..3 {
            assert!((d.position[axis] - 100.0 * (p[axis] + m[axis])).abs() < 1e-3);
        }
    }

    // the neck's blend: the collar stays with the body, the face goes with the head
    let bones: Vec<f32> = reader.read_weights(0).unwrap().into_f32().map(|w| w[1]).collect();
    let high = bones.iter().zip(&rest).filter(|(_, p)| p[1] > -0.06).map(|(w, _)| *w).fold(1.0, f32::min);
    let low = bones.iter().zip(&rest).filter(|(_, p)| p[1] < -0.14).map(|(w, _)| *w).fold(0.0, f32::max);
    assert!(high > 0.99 && low < 0.3, "{high} {low}");
    let cloth =
        document.meshes().find(|mesh| mesh.name() == Some("garment")).unwrap().primitives().next().unwrap();
    assert!(cloth.reader(|_| Some(&blob)).read_weights(0).unwrap().into_f32().all(|w| w[1] == 0.0));

    // the animation
    let take = document.animations().next().unwrap();
    assert_eq!(take.name(), Some("take"));
    let (mut turned, mut weighted) = (0, 0);
    for channel in take.channels() {
        let reader = channel.reader(|_| Some(&blob));
        let times: Vec<f32> = reader.read_inputs().unwrap().collect();
        assert_eq!(times.len(), 30);
        assert!((times[29] - 29.0 / 25.0).abs() < 1e-6);
        match (channel.target().property(), reader.read_outputs().unwrap()) {
            (Property::Rotation, ReadOutputs::Rotations(turns)) => {
                assert_eq!(channel.target().node().name(), Some("head"));
                // the nose of the last frame: down, and to the subject's right
                let [x, y, z, w] = turns.into_f32().last().unwrap();
                let nose = glam_rotate([x, y, z, w], [0.0, 0.0, 1.0]);
                assert!(nose[0] < -0.2 && nose[1] < -0.1, "{nose:?}");
                turned += 1;
            }
            (Property::MorphTargetWeights, ReadOutputs::MorphTargetWeights(weights)) => {
                let all: Vec<f32> = weights.into_f32().collect();
                assert_eq!(all.len(), 30 * SHAPES);
                for (frame, row) in frames.iter().zip(all.chunks_exact(SHAPES)) {
                    assert_eq!(frame.drawn_weights(), row);
                }
                weighted += 1;
            }
            (Property::Translation, ReadOutputs::Translations(_)) => {}
            (other, _) => panic!("{other:?}"),
        }
    }
    // skin, two eyes, lower teeth, tongue, brows, lashes, mouth at least
    assert!(turned == 1 && weighted >= 8, "{turned} {weighted}");
    assert_eq!(bytes, motion::glb(&head, &frames, 25.0, "take"), "the same bytes");
}

fn glam_rotate([x, y, z, w]: [f32; 4], v: [f32; 3]) -> [f32; 3] {
    // v + 2 q x (q x v + w v)
    let cross = |a: [f32; 3], b: [f32; 3]| {
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    };
    let q = [x, y, z];
    let t = cross(q, v);
    let t = [0, 1, 2].map(|i| t[i] + w * v[i]);
    let t = cross(q, t);
    [0, 1, 2].map(|i| v[i] + 2.0 * t[i])
}

#[test]
fn a_head_without_movement_has_no_animation() {
    let bytes = motion::glb(&common::head(), &[], 25.0, "head");
    let gltf::Gltf { document, .. } = gltf::Gltf::from_slice(&bytes).unwrap();
    assert_eq!(document.animations().count(), 0);
    assert_eq!(document.skins().next().unwrap().joints().count(), 2);
}
