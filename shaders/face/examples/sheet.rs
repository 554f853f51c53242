//! Writes contact sheets to be looked at: `cargo run --release -p face --example sheet -- OUT_DIR [twin]`.
//!
//! 52 shapes, 15 action units and 8 expressions in both materials at 160 pixels, a few large faces, turns of the
//! camera, and every overlay.
#![allow(clippy::print_stdout, reason = "a command-line example")]

use face::{
    Camera, Expression, Ghost, Head, Headless, Heat, Look, Overlays, Picture, Quality, View, index_of, twin,
};
use std::path::Path;
use std::sync::Arc;

/// Shapes at full strength of each action unit; both sides.
const UNITS: [(&str, &[(&str, f32)]); 15] = [
    ("AU1", &[("browInnerUp", 1.0)]),
    ("AU2", &[("browOuterUp", 1.0)]),
    ("AU4", &[("browDown", 1.0)]),
    ("AU6", &[("cheekSquint", 1.0), ("eyeSquint", 0.35)]),
    ("AU7", &[("eyeSquint", 0.9)]),
    ("AU9", &[("noseSneer", 1.0), ("browDown", 0.25)]),
    ("AU10", &[("mouthUpperUp", 0.9)]),
    ("AU12", &[("mouthSmile", 1.0)]),
    ("AU14", &[("mouthDimple", 1.0)]),
    ("AU15", &[("mouthFrown", 1.0)]),
    ("AU17", &[("mouthShrugLower", 0.9), ("mouthShrugUpper", 0.25)]),
    (
        "AU23",
        &[("mouthPress", 0.45), ("mouthPucker", 0.2), ("mouthRollLower", 0.25), ("mouthRollUpper", 0.2)],
    ),
    ("AU24", &[("mouthPress", 0.95)]),
    ("AU25", &[("jawOpen", 0.12), ("mouthLowerDown", 0.3), ("mouthUpperUp", 0.12)]),
    ("AU26", &[("jawOpen", 0.5)]),
];

/// The eight expressions at probability 1.
const FEELINGS: [(&str, &[(&str, f32)]); 8] = [
    ("neutral", &[]),
    ("happy", &[("mouthSmile", 0.85), ("cheekSquint", 0.6), ("mouthUpperUp", 0.15), ("jawOpen", 0.08)]),
    (
        "sad",
        &[
            ("browInnerUp", 0.8),
            ("mouthFrown", 0.7),
            ("mouthShrugLower", 0.35),
            ("eyeLookDown", 0.25),
            ("eyeBlink", 0.15),
        ],
    ),
    ("surprise", &[("browInnerUp", 0.9), ("browOuterUp", 0.9), ("eyeWide", 0.8), ("jawOpen", 0.4)]),
    (
        "fear",
        &[
            ("browInnerUp", 0.9),
            ("browOuterUp", 0.45),
            ("browDown", 0.3),
            ("eyeWide", 0.8),
            ("mouthStretch", 0.6),
            ("jawOpen", 0.15),
        ],
    ),
    (
        "disgust",
        &[
            ("noseSneer", 0.9),
            ("mouthUpperUp", 0.6),
            ("browDown", 0.45),
            ("cheekSquint", 0.4),
            ("mouthShrugLower", 0.3),
        ],
    ),
    (
        "anger",
        &[
            ("browDown", 0.95),
            ("eyeSquint", 0.35),
            ("mouthPress", 0.6),
            ("noseSneer", 0.35),
            ("eyeWide", 0.15),
        ],
    ),
    (
        "contempt",
        &[
            ("mouthSmileLeft", 0.45),
            ("mouthDimpleLeft", 0.8),
            ("eyeSquintLeft", 0.2),
            ("eyeSquintRight", 0.2),
        ],
    ),
];

fn laugh() -> Expression {
    Expression::default()
        .with(&[
            ("mouthSmile", 0.9),
            ("cheekSquint", 0.8),
            ("jawOpen", 0.42),
            ("mouthUpperUp", 0.35),
            ("eyeSquint", 0.3),
        ])
        .posed(-0.12, -0.15, -0.05)
}

type Faces = Vec<(Expression, Camera, Look)>;

struct Desk {
    head: Arc<Head>,
    gpu: Option<Headless>,
    out: String,
}

impl Desk {
    /// A sheet of equal faces, `columns` wide.
    fn sheet(
        &self,
        name: &str,
        columns: u32,
        [w, h]: [u32; 2],
        faces: &Faces,
        quality: Quality,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let rows = (faces.len() as u32).div_ceil(columns);
        let mut sheet = image::RgbaImage::new(columns * (w + 3), rows * (h + 3));
        for (n, part) in faces.chunks(16).enumerate() {
            let views: Vec<View<'_>> = part
                .iter()
                .map(|(expression, camera, look)| View { expression, camera, look, size: [w, h] })
                .collect();
            let all: Vec<Picture> = match &self.gpu {
                Some(gpu) => gpu.pictures(&views, quality)?,
                None => views
                    .iter()
                    .map(|v| twin::picture_by(&self.head, v.expression, v.camera, v.look, v.size, quality))
                    .collect(),
            };
            for (k, p) in all.into_iter().enumerate() {
                let i = (n * 16 + k) as u32;
                if let Some(tile) = image::RgbaImage::from_raw(p.width, p.height, p.rgba) {
                    let (x, y) = (i % columns * (w + 3), i / columns * (h + 3));
                    image::imageops::replace(&mut sheet, &tile, i64::from(x), i64::from(y));
                }
            }
        }
        sheet.save(Path::new(&self.out).join(name))?;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let out = args.next().ok_or("say where to write: sheet OUT_DIR [twin]")?;
    let by_twin = args.next().is_some();
    std::fs::create_dir_all(&out)?;
    let gpu = if by_twin { None } else { Some(Headless::new()?) };
    println!("{}", gpu.as_ref().map_or("twin", |g| g.name()));
    let desk = Desk { head: Head::builtin()?, gpu, out };
    let (camera, dark, light) = (Camera::portrait(), Look::dark(), Look::light());
    let e = Expression::default;
    let fine = Quality::Fine;

    let feelings = |look: Look| FEELINGS.iter().map(move |(_, w)| (e().with(w), camera, look));
    let units = |look: Look| UNITS.iter().map(move |(_, w)| (e().with(w), camera, look));
    let large: Faces = vec![
        (e().with(FEELINGS[1].1).posed(0.06, 0.10, 0.04), camera, dark),
        (laugh(), camera, light),
        (laugh(), camera, dark.porcelain()),
    ];
    desk.sheet("large.png", 3, [600, 660], &large, fine)?;
    let all: Faces = feelings(dark)
        .chain(feelings(light))
        .chain(feelings(dark.porcelain()))
        .chain(feelings(light.porcelain()))
        .collect();
    desk.sheet("expressions.png", 8, [160, 180], &all, fine)?;
    desk.sheet("expressions-quick.png", 8, [160, 180], &all, Quality::Quick)?;
    let all: Faces = units(dark).chain(units(dark.porcelain())).collect();
    desk.sheet("units.png", 8, [160, 180], &all, fine)?;
    for (name, look) in [("shapes.png", dark), ("shapes-porcelain.png", light.porcelain())] {
        let shape = |i: usize| {
            let mut x = e();
            x.weights[i] = 1.0;
            if face::NAMES[i] == "mouthClose" {
                x = x.with(&[("jawOpen", 1.0)]);
            }
            (x, camera, look)
        };
        desk.sheet(name, 11, [142, 162], &(0..face::SHAPES).map(shape).collect(), fine)?;
    }
    let turned = |yaw: f32, x: Expression, look: Look| (x, Camera { yaw, ..camera }, look);
    let listener = Ghost { expression: e().with(FEELINGS[3].1), tint: [0.25, 0.6, 1.0], alpha: 0.6 };
    let mut active = [0.0; 15];
    (active[3], active[7]) = (0.8, 1.0);
    let recent: Vec<Expression> =
        (1..4).map(|k| laugh().posed(-0.12, -0.15 + 0.14 * k as f32, 0.0)).collect();
    let over = |overlays: Overlays| Look::dark().with(overlays);
    let heat = |against| Some(Heat { against, ..Heat::default() });
    let mut winking = e();
    winking.weights[index_of("eyeBlinkLeft").unwrap_or(0)] = 1.0;
    let turn: Faces = vec![
        turned(-1.2, e(), dark),
        turned(-0.6, laugh(), dark),
        turned(0.6, laugh(), light.porcelain()),
        turned(2.6, e(), dark),
        (e().posed(0.5, 0.0, 0.0), camera, dark),
        (e().posed(-0.4, 0.6, 0.3), camera, light),
        (laugh(), camera, over(Overlays { heat: heat(None), ..Overlays::default() })),
        (laugh(), camera, over(Overlays { heat: heat(Some(winking.weights)), ..Overlays::default() })),
        (
            laugh(),
            camera,
            over(Overlays { regions: Some(active), axes: true, ..Overlays::default() }).porcelain(),
        ),
        (laugh(), camera, over(Overlays { regions: Some(active), wireframe: true, ..Overlays::default() })),
        (e().with(FEELINGS[1].1), camera, over(Overlays::default().with_ghost(listener))),
        (laugh(), camera, over(Overlays::default().with_onion(&recent, [0.9, 0.9, 0.9]))),
    ];
    desk.sheet("turn.png", 4, [360, 400], &turn, fine)?;
    let clear = Look { transparent: true, ..dark };
    desk.sheet(
        "clear.png",
        2,
        [300, 330],
        &vec![(e(), camera, clear), (laugh(), camera, clear.porcelain())],
        fine,
    )?;
    Ok(())
}
