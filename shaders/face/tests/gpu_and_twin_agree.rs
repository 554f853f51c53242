//! The GPU against its second sources: the software renderer, and the CPU morph against the compute shader.
//! Also: Rust structs against WGSL, through naga.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed test is what it is for")]

mod common;

use common::{Alike, GPU_TO_TWIN, MORPH_TO_MORPH, difference, gpu, head};
use face::{Camera, Expression, Heat, Look, MorphPath, Overlay, Picture, Renderer, twin, wgsl};
use std::mem::{offset_of, size_of};

fn views() -> Vec<(Expression, Camera, Look)> {
    let laugh = Expression::default()
        .with(&[("mouthSmile", 0.9), ("jawOpen", 0.4), ("eyeSquint", 0.4), ("browOuterUp", 0.6)])
        .posed(-0.1, 0.3, 0.08);
    let away =
        Expression::default().with(&[("eyeBlinkLeft", 0.6), ("eyeLookOutRight", 0.8), ("cheekPuff", 1.0)]);
    let heat = Look { overlay: Overlay::Heat(Heat::default()), ..Look::light() };
    vec![
        (Expression::default(), Camera::portrait(), Look::dark()),
        (laugh, Camera::portrait(), Look::light()),
        (away, Camera { yaw: 0.7, pitch: 0.2, ..Camera::portrait() }, Look::dark()),
        (laugh, Camera::portrait(), heat),
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
        check(&format!("view {i}"), &a, &b, &GPU_TO_TWIN);
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
    use face::morph::Weights;
    same_layout!(
        wgsl::FRAME,
        "Frame",
        Frame,
        clip_from_world,
        light_from_world,
        head_from_rest,
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
        ghost
    );
    same_layout!(wgsl::MORPH, "Weights", Weights, now, against);
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
    ] {
        let module = naga::front::wgsl::parse_str(&source).unwrap_or_else(|e| panic!("{name}: {e}"));
        validator.validate(&module).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    }
}
