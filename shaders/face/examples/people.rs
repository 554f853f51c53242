//! Writes a contact sheet of other people made of a head: `cargo run -p face --example people -- OUT.png [HEAD]`.
//! Columns are seeds; rows are neutral, a laugh, a full blink with a nod, and a pucker in half profile.

use face::heads::{Options, builtin_person, open};
use face::{Camera, Expression, Look, Painter};
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let out = args.next().ok_or("say where to write: people OUT.png [HEAD]")?;
    let file = args.next();
    let e = Expression::default;
    let rows = [
        e(),
        e().with(&[("mouthSmile", 0.9), ("cheekSquint", 0.8), ("jawOpen", 0.42), ("mouthUpperUp", 0.35)]),
        e().with(&[("eyeBlink", 1.0), ("mouthFrown", 0.5)]).posed(0.2, 0.0, 0.0),
        e().with(&[("mouthPucker", 0.9), ("browInnerUp", 0.8), ("eyeWide", 0.6)]).posed(0.0, -0.55, 0.05),
    ];
    let (columns, wide, high) = (8u32, 180u32, 200u32);
    let mut sheet = image::RgbaImage::new(columns * (wide + 4), rows.len() as u32 * (high + 4));
    for seed in 0..columns {
        let head = match &file {
            None => builtin_person(u64::from(seed))?,
            Some(file) => {
                open(Path::new(file), &Options { identity: u64::from(seed), ..Options::default() })?.head
            }
        };
        let painter = Painter::with_head(&head);
        for (row, expression) in rows.iter().enumerate() {
            let (tile, _) = painter.picture(expression, &Camera::portrait(), &Look::dark(), wide, high);
            if let Some(tile) = image::RgbaImage::from_raw(wide, high, tile.rgba) {
                let (x, y) = (i64::from(seed * (wide + 4)), row as i64 * i64::from(high + 4));
                image::imageops::replace(&mut sheet, &tile, x, y);
            }
        }
    }
    sheet.save(out)?;
    Ok(())
}
