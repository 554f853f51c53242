//! The GPU against its second sources: the software renderer, and the CPU morph against the compute shader.
//! Also: Rust structs against WGSL, through naga.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed test is what it is for")]

mod common;

use common::{
    Alike, GHOST_TO_TWIN, GPU_TO_TWIN, LINES_TO_TWIN, MORPH_TO_MORPH, ONE_SAMPLE_TO_TWIN, SMOOTHED_TO_TWIN,
    difference, gpu, head,
};
use face::{
    Camera, Expression, Ghost, Heat, Look, MorphPath, Overlays, Picture, Quality, Renderer, Trail, View,
    twin, wgsl,
};
use std::mem::{offset_of, size_of};

fn views() -> Vec<(Expression, Camera, Look)> {
    let laugh = Expression::default()
        .with(&[("mouthSmile", 0.9), ("jawOpen", 0.4), ("eyeSquint", 0.4), ("browOuterUp", 0.6)])
        .posed(-0.1, 0.3, 0.08);
    let away =
        Expression::default().with(&[("eyeBlinkLeft", 0.6), ("eyeLookOutRight", 0.8), ("cheekPuff", 1.0)]);
    let heat = Look::light().with(Overlays { heat: Some(Heat::default()), ..Overlays::default() });
    let mut active = [0.0; 15];
    (active[7], active[0]) = (1.0, 0.6);
    let lit = Look::dark().porcelain().with(Overlays { regions: Some(active), ..Overlays::default() });
    let lines = Look::dark().with(Overlays { wireframe: true, axes: true, ..Overlays::default() });
    let path = (0..40).map(|i| {
        let at = 0.2 * i as f32;
        away.posed(0.25 * at.sin(), 0.4 * (0.7 * at).cos(), 0.0)
    });
    let trailing = Overlays { axes: true, trail: Some(Trail::of(path)), ..Overlays::default() };
    let pointed = Look::light().with(trailing);
    let ghost = Ghost { expression: away.posed(0.0, 0.2, 0.0), tint: [0.2, 0.6, 1.0], alpha: 0.6 };
    let haunted = Look::light().with(Overlays::default().with_ghost(ghost));
    let clear = Look { transparent: true, ..Look::dark().porcelain() };
    vec![
        (Expression::default(), Camera::portrait(), Look::dark()),
        (laugh, Camera::portrait(), Look::light()),
        (away, Camera { yaw: 0.7, pitch: 0.2, ..Camera::portrait() }, Look::dark()),
        (laugh, Camera::portrait(), heat),
        (laugh, Camera::portrait(), lit),
        (away, Camera::portrait(), lines),
        (laugh, Camera::portrait(), haunted),
        (away.posed(0.0, 0.4, 0.0), Camera { yaw: 0.5, pitch: 0.1, ..Camera::portrait() }, pointed),
        (laugh, Camera { yaw: -0.4, ..Camera::portrait() }, clear),
    ]
}

fn check(what: &str, a: &Picture, b: &Picture, alike: &Alike) {
    let (mean, over) = difference(a, b);
    println!("{what}: mean {mean:.3}, over 24: {:.3} %", over * 100.0);
    assert!(mean < alike.mean && over < alike.share_over_24, "{what}: mean {mean:.3}, over 24: {over:.4}");
}

#[test]
fn the_twin_draws_what_the_gpu_draws() {
    let Some(gpu) = gpu() else { return };
    for (i, (e, c, l)) in views().iter().enumerate() {
        let a = gpu.picture(e, c, l, 200, 220).unwrap();
        let b = twin::picture(&head(), e, c, l, 200, 220);
        let lines = l.overlays.wireframe;
        let alike = match (lines, l.overlays.ghosts[0]) {
            (true, _) => &LINES_TO_TWIN,
            (_, Some(_)) => &GHOST_TO_TWIN,
            _ => &GPU_TO_TWIN,
        };
        check(&format!("view {i}"), &a, &b, alike);
        if lines || l.overlays.trail.is_some() {
            let without = twin::picture(&head(), e, c, &l.with(Overlays::default()), 200, 220);
            assert!(
                difference(&a, &without).0 > 1.5 * difference(&a, &b).0,
                "the twin's lines lie elsewhere"
            );
        }
    }
}

#[test]
fn the_twin_follows_every_quality() {
    let Some(gpu) = gpu() else { return };
    let (expression, camera, look) = &views()[1];
    for (quality, alike) in [(Quality::Plain, SMOOTHED_TO_TWIN), (Quality::Quick, ONE_SAMPLE_TO_TWIN)] {
        for size in [[150, 140], [240, 260]] {
            let a = gpu.pictures(&[View { expression, camera, look, size }], quality).unwrap();
            let b = twin::picture_by(&head(), expression, camera, look, size, quality);
            check(&format!("{quality:?} {size:?}"), &a[0], &b, &alike);
        }
    }
}

#[test]
fn the_cpu_morph_moves_vertices_as_the_compute_shader_does() {
    let Some(gpu) = gpu() else { return };
    let (device, queue, renderer) = gpu.parts();
    if renderer.path() == MorphPath::Cpu {
        println!("skipping: this device has no storage buffers");
        return;
    }
    let cpu = Renderer::with_path(device, queue, &head(), MorphPath::Cpu).unwrap();
    for (i, (e, c, l)) in views().iter().enumerate() {
        let a = gpu.picture(e, c, l, 160, 160).unwrap();
        let b = gpu.picture_by(&cpu, e, c, l, 160, 160).unwrap();
        check(&format!("view {i}"), &a, &b, &MORPH_TO_MORPH);
    }
}

#[test]
fn the_same_picture_twice_is_the_same() {
    let Some(gpu) = gpu() else { return };
    let (e, c, l) = views()[1];
    let a = gpu.picture(&e, &c, &l, 120, 140).unwrap();
    let _ = gpu.picture(&Expression::default(), &c, &l, 120, 140).unwrap();
    assert_eq!(a, gpu.picture(&e, &c, &l, 120, 140).unwrap());
}

#[test]
fn pictures_too_large_for_the_device_are_refused_with_a_remedy() {
    let Some(gpu) = gpu() else { return };
    let refused = gpu.picture(&Expression::default(), &Camera::portrait(), &Look::dark(), 0, 1 << 20);
    assert!(refused.unwrap_err().to_string().contains("pixels was asked for"));
}

/// Members of a WGSL struct with their offsets, and the struct's size.
fn layout(source: &str, name: &str) -> (Vec<(String, u32)>, u32) {
    let module = naga::front::wgsl::parse_str(source).unwrap();
    let found = module.types.iter().find(|(_, t)| t.name.as_deref() == Some(name));
    match &found.unwrap().1.inner {
        naga::TypeInner::Struct { members, span } => {
            (members.iter().map(|m| (m.name.clone().unwrap(), m.offset)).collect(), *span)
        }
        _ => panic!("{name} is no struct"),
    }
}

macro_rules! same_layout {
    ($source:expr, $name:literal, $rust:ty, $($field:ident),+) => {{
        let (members, size) = layout($source, $name);
        let rust = vec![$((stringify!($field).to_string(), offset_of!($rust, $field) as u32)),+];
        assert_eq!(members, rust, "{}", $name);
        assert_eq!(size as usize, size_of::<$rust>(), "{}", $name);
    }};
}

#[test]
fn structs_have_the_layout_that_the_shaders_read() {
    use face::frame::Frame;
    use face::morph::Doing;
    same_layout!(
        wgsl::FRAME,
        "Frame",
        Frame,
        clip_from_world,
        light_from_world,
        turn,
        body,
        eye,
        key,
        fill,
        rim,
        kicker,
        top,
        bottom,
        eye_left,
        eye_right,
        overlay,
        ghost,
        shadow,
        style,
        trail
    );
    same_layout!(wgsl::MORPH, "Doing", Doing, turn, shift, rows, range, activity);
    assert_eq!(size_of::<face::row::Row>(), 4 * face::row::ROW);
    assert!(wgsl::MORPH.contains(&format!("const ROW = {}u;", face::row::ROW)));
    assert_eq!(offset_of!(face::row::Row, weights), 0);
    let [x, y, z] = face::PIVOT.to_array().map(|v| format!("{v:.1}"));
    for source in [wgsl::MORPH, wgsl::FRAME] {
        assert!(source.contains(&format!("const PIVOT = vec3f({x}, {y}, {z});")));
    }
    let (members, size) = layout(wgsl::MORPH, "Entry");
    assert_eq!(size as usize, size_of::<face::Entry>());
    let offsets: Vec<u32> = members.iter().map(|m| m.1).collect();
    assert_eq!(
        offsets,
        [offset_of!(face::Entry, shape), offset_of!(face::Entry, delta), 8, 12].map(|o| o as u32)
    );
}

#[test]
fn every_shader_is_valid() {
    let mut validator = naga::valid::Validator::new(
        naga::valid::ValidationFlags::all(),
        naga::valid::Capabilities::SHADER_FLOAT16_IN_FLOAT32,
    );
    for (name, source) in [
        ("morph", wgsl::MORPH.to_string()),
        ("shadow", format!("{}\n{}", wgsl::FRAME, wgsl::SHADOW)),
        ("background", format!("{}\n{}", wgsl::FRAME, wgsl::BACKGROUND)),
        ("shade", format!("{}\n{}", wgsl::FRAME, wgsl::SHADE)),
        ("lines", format!("{}\n{}", wgsl::FRAME, wgsl::LINES)),
    ] {
        let module = naga::front::wgsl::parse_str(&source).unwrap_or_else(|e| panic!("{name}: {e}"));
        validator.validate(&module).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    }
}
