//! The studio's pictures: which there are, drawing them with the built program, and telling whether one is blank.
//!
//! This list is the one place that says what is in `screenshots/`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::shell::{cargo, program, root, say_and_run};

/// (file in `screenshots/`, the command that draws it, without `--out`)
const PICTURES: &[(&str, &[&str])] = &[
    ("compare-dark.png", &["screenshot", "compare", "--theme", "dark", "--size", "1600x1000"]),
    ("compare-light.png", &["screenshot", "compare", "--theme", "light", "--size", "1280x800"]),
    (
        "compare-sound-only.png",
        &["screenshot", "compare-sound-only", "--theme", "dark", "--size", "1280x800"],
    ),
    ("compare-fault.png", &["screenshot", "compare-fault", "--theme", "dark", "--size", "1280x800"]),
    ("compare-hearing.png", &["screenshot", "compare-hearing", "--theme", "dark", "--size", "1280x800"]),
    ("compare-video.png", &["screenshot", "compare-video", "--theme", "dark", "--size", "1280x800"]),
    ("compare-lanes.png", &["screenshot", "compare-lanes", "--theme", "dark", "--size", "1440x900"]),
    ("compare-average.png", &["screenshot", "compare-average", "--theme", "dark", "--size", "1280x800"]),
    ("compare-systems.png", &["screenshot", "compare-systems", "--theme", "dark", "--size", "1600x1000"]),
    ("latents-dark.png", &["screenshot", "latents", "--theme", "dark", "--size", "1280x800"]),
    ("evaluate-dark.png", &["screenshot", "evaluate", "--theme", "dark", "--size", "1600x1000"]),
    ("evaluate-light.png", &["screenshot", "evaluate", "--theme", "light", "--size", "1280x800"]),
    (
        "evaluate-difference.png",
        &["screenshot", "evaluate-difference", "--theme", "dark", "--size", "1280x800"],
    ),
    ("train-dark.png", &["screenshot", "train", "--theme", "dark", "--size", "1600x1000"]),
    ("train-compare.png", &["screenshot", "train-compare", "--theme", "light", "--size", "1280x800"]),
    ("check.png", &["screenshot", "check", "--theme", "dark", "--size", "1280x800"]),
    ("face.png", &["screenshot", "face", "--theme", "dark", "--size", "1280x800"]),
    ("compare-units.png", &["screenshot", "compare-units", "--theme", "dark", "--size", "1280x800"]),
    ("present.png", &["screenshot", "present", "--theme", "dark", "--size", "1280x800"]),
    ("palette.png", &["screenshot", "palette", "--theme", "dark", "--size", "1280x800"]),
    ("units.png", &["render", "face:units", "--size", "1000x630"]),
    ("units-porcelain.png", &["render", "face:units", "--size", "1000x630", "--style", "porcelain"]),
    ("expressions.png", &["render", "face:expressions", "--size", "1000x420"]),
    (
        "expressions-porcelain.png",
        &["render", "face:expressions", "--size", "1000x420", "--style", "porcelain"],
    ),
    ("shapes.png", &["render", "face:shapes", "--size", "1600x1200"]),
    ("shapes-porcelain.png", &["render", "face:shapes", "--size", "1600x1200", "--style", "porcelain"]),
    ("wall.png", &["render", "demo", "--layout", "wall", "--from", "333", "--size", "1600x800"]),
];

/// Draws all pictures of the README again.
pub fn rewrite() -> Result<()> {
    say_and_run(cargo().args(["build", "--release", "--locked", "-p", "backchannel"]))?;
    let program = program("release")?;
    let folder = root().join("screenshots");
    std::fs::create_dir_all(&folder)?;
    for (name, arguments) in PICTURES {
        draw(&program, arguments, &folder.join(name))?;
    }
    println!("\n{} pictures in screenshots/; look at each before you commit it", PICTURES.len());
    Ok(())
}

/// Draws the main screen in both themes, with no display, and looks whether there is anything on it.
pub fn check(program: &Path, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut pictures = Vec::new();
    for theme in ["dark", "light"] {
        let path = folder.join(format!("compare-{theme}.png"));
        draw(program, &["screenshot", "compare", "--theme", theme], &path)?;
        pictures.push(std::fs::read(&path).with_context(|| path.display().to_string())?);
    }
    ensure!(pictures[0] != pictures[1], "the dark and the light screen are the same picture");
    Ok(())
}

/// Runs a drawing command and judges its PNG.
pub fn draw(program: &Path, arguments: &[&str], out: &Path) -> Result<()> {
    // What an earlier run left must not pass for a picture of this one.
    std::fs::remove_file(out).ok();
    let mut command = Command::new(program);
    command.current_dir(root()).args(arguments).arg("--out").arg(out);
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    say_and_run(&mut command)?;
    let png = std::fs::read(out).with_context(|| format!("{} was not written", out.display()))?;
    judge(&png).with_context(|| out.display().to_string())
}

/// Whether a PNG holds a picture. A one-coloured picture takes 0.17 bits a pixel as the program writes PNGs (1280x800:
/// 21.7 kB, and with a plain gradient no more), a real screen a multiple of that; so its size tells, and no decoder is
/// needed here.
fn judge(png: &[u8]) -> Result<()> {
    const LEAST_BITS_PER_PIXEL: f64 = 0.25;
    let header =
        png.get(..24).filter(|header| header.starts_with(b"\x89PNG\r\n\x1a\n") && &header[12..16] == b"IHDR");
    let Some(header) = header else { bail!("not a PNG") };
    let side = |at: usize| {
        f64::from(u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]))
    };
    let (width, height) = (side(16), side(20));
    let bits = png.len() as f64 * 8.0 / (width * height).max(1.0);
    ensure!(bits > LEAST_BITS_PER_PIXEL, "looks blank: {bits:.3} bits a pixel at {width}x{height}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32, bytes: usize) -> Vec<u8> {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend(width.to_be_bytes());
        png.extend(height.to_be_bytes());
        png.resize(bytes, 0);
        png
    }

    #[test]
    fn blank_and_broken_pictures_are_told_from_real_ones() {
        judge(&png(1280, 800, 60_000)).unwrap();
        assert!(judge(&png(1280, 800, 21_779)).is_err(), "a plain gradient of that size");
        assert!(judge(b"GIF89a").is_err() && judge(&[]).is_err());
    }
}
