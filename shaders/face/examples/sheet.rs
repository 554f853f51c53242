//! Writes contact sheets of expressions, to be looked at:
//! `cargo run -p face --example sheet -- OUT_DIR [twin]`.
#![allow(clippy::print_stdout, reason = "a command-line example")]

use face::{Camera, Expression, Ghost, Head, Headless, Heat, Look, Overlay, Picture, twin};
use std::path::Path;

fn faces() -> Vec<(&'static str, Expression)> {
    let e = Expression::default;
    vec![
        ("neutral", e()),
        ("smile", e().with(&[("mouthSmile", 0.85), ("cheekSquint", 0.6)]).posed(0.06, 0.10, 0.04)),
        (
            "laugh",
            e().with(&[
                ("mouthSmile", 0.9),
                ("cheekSquint", 0.8),
                ("jawOpen", 0.42),
                ("mouthUpperUp", 0.35),
                ("eyeSquint", 0.3),
            ])
            .posed(-0.12, -0.15, -0.05),
        ),
        (
            "surprise",
            e().with(&[("browInnerUp", 0.9), ("browOuterUp", 0.9), ("eyeWide", 0.8), ("jawOpen", 0.4)]),
        ),
        (
            "sad",
            e().with(&[
                ("browInnerUp", 0.8),
                ("mouthFrown", 0.7),
                ("mouthShrugLower", 0.35),
                ("eyeLookDown", 0.25),
                ("eyeBlink", 0.15),
            ])
            .posed(0.18, 0.12, -0.08),
        ),
        (
            "anger",
            e().with(&[("browDown", 0.95), ("eyeSquint", 0.35), ("mouthPress", 0.6), ("noseSneer", 0.35)]),
        ),
        ("blink, nod", e().with(&[("eyeBlink", 1.0), ("mouthSmile", 0.3)]).posed(0.25, 0.0, 0.0)),
        (
            "look aside",
            e().with(&[("eyeLookInLeft", 0.7), ("eyeLookOutRight", 0.7), ("mouthPucker", 0.4)])
                .posed(0.0, -0.5, 0.0),
        ),
    ]
}

struct Sheet(image::RgbaImage);

impl Sheet {
    fn put(&mut self, p: &Picture, x: u32, y: u32) {
        if let Some(tile) = image::RgbaImage::from_raw(p.width, p.height, p.rgba.clone()) {
            image::imageops::replace(&mut self.0, &tile, i64::from(x), i64::from(y));
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let out = args.next().ok_or("say where to write: sheet OUT_DIR [twin]")?;
    let by_twin = args.next().is_some();
    std::fs::create_dir_all(&out)?;
    let head = Head::builtin()?;
    let gpu = if by_twin { None } else { Some(Headless::new()?) };
    println!("{}", gpu.as_ref().map_or("twin", |g| g.name()));
    let draw = |e: &Expression, c: &Camera, l: &Look, w, h| match &gpu {
        Some(g) => g.picture(e, c, l, w, h),
        None => Ok(twin::picture(&head, e, c, l, w, h)),
    };
    let save = |s: &Sheet, name: &str| s.0.save(Path::new(&out).join(name));
    let camera = Camera::portrait();
    let faces = faces();

    let mut small = Sheet(image::RgbaImage::new(8 * 164, 2 * 184));
    for (row, look) in [Look::dark(), Look::light()].iter().enumerate() {
        for (i, (_, e)) in faces.iter().enumerate() {
            small.put(&draw(e, &camera, look, 160, 180)?, i as u32 * 164, row as u32 * 184);
        }
    }
    save(&small, "small.png")?;

    let mut middle = Sheet(image::RgbaImage::new(4 * 364, 2 * 404));
    for (i, (_, e)) in faces.iter().enumerate() {
        let i = i as u32;
        middle.put(&draw(e, &camera, &Look::dark(), 360, 400)?, i % 4 * 364, i / 4 * 404);
    }
    save(&middle, "middle.png")?;

    let mut large = Sheet(image::RgbaImage::new(1424, 780));
    large.put(&draw(&faces[1].1, &camera, &Look::dark(), 710, 780)?, 0, 0);
    large.put(&draw(&faces[2].1, &camera, &Look::light(), 710, 780)?, 714, 0);
    save(&large, "large.png")?;

    let mut all = Sheet(image::RgbaImage::new(11 * 144, 5 * 164));
    for (i, _) in face::NAMES.iter().enumerate() {
        let mut e = Expression::default();
        e.weights[i] = 1.0;
        let i = i as u32;
        all.put(&draw(&e, &camera, &Look::dark(), 142, 162)?, i % 11 * 144, i / 11 * 164);
    }
    save(&all, "shapes.png")?;

    let mut turn = Sheet(image::RgbaImage::new(4 * 364, 404 * 2));
    for (i, yaw) in [-1.2_f32, -0.6, 0.6, 2.6].into_iter().enumerate() {
        let c = Camera { yaw, ..camera };
        turn.put(&draw(&faces[i].1, &c, &Look::dark(), 360, 400)?, i as u32 * 364, 0);
    }
    let heat = Look { overlay: Overlay::Heat(Heat::default()), ..Look::dark() };
    turn.put(&draw(&faces[2].1, &camera, &heat, 360, 400)?, 0, 404);
    let ghost = Ghost { expression: faces[3].1.posed(0.0, 0.15, 0.0), tint: [0.25, 0.6, 1.0], alpha: 0.6 };
    let haunted = Look { ghost: Some(ghost), ..Look::dark() };
    turn.put(&draw(&faces[1].1, &camera, &haunted, 360, 400)?, 364, 404);
    turn.put(&draw(&faces[3].1, &camera, &Look::dark(), 200, 400)?, 728, 404);
    turn.put(&draw(&faces[4].1, &camera, &Look::light(), 364, 180)?, 1092, 404);
    save(&turn, "turn.png")?;
    Ok(())
}
