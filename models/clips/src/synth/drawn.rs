//! Video for a synthetic corpus: simple drawn faces, a numbered picture a frame, from the coefficients that are there.
//!
//! For systems that read video. What a face of 64 pixels can show of brows, lids, gaze, mouth and head is drawn from the same
//! numbers as the coefficients file, so pictures and labels agree; it looks like a drawing and is none of a person.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use rayon::prelude::*;

use super::performance::mean_face;
use super::write::MARK;
use crate::array::{make_folder, write_atomically};
use crate::channels::{BLENDSHAPE_COUNT, BLENDSHAPES};
use crate::control::Control;
use crate::corpus::{Corpus, PersonFiles, Split, read_coefficients};
use crate::fault::{Fault, FaultKind, Result};

/// Pixels a side.
pub const SIDE: usize = 64;

/// Draws every person of a synthetic corpus into `SPLIT/Video_files/PERSON/CLIP/1.png ...` and returns the number of
/// pictures. The same corpus gives the same bytes.
///
/// # Errors
/// A folder that is no synthetic corpus of ours, coefficients that cannot be read, a full disk; cancelled.
pub fn film(root: &Path, control: &Control) -> Result<usize> {
    if !root.join(MARK).is_file() {
        return Err(Fault::new(FaultKind::Mismatch, root, "this is no synthetic corpus of ours")
            .remedy("faces are drawn for corpora of `backchannel synth` only"));
    }
    let corpus = Corpus::open(root, control)?;
    let mut people: BTreeMap<PathBuf, &PersonFiles> = BTreeMap::new();
    for split in Split::ALL {
        for entry in corpus.clips(split) {
            let person = entry.speaker.as_ref();
            people.insert(root.join(split.name()).join("Video_files").join(&person.name), person);
        }
    }
    let (total, done) = (people.len() as u64, std::sync::atomic::AtomicU64::new(0));
    let each: Vec<usize> = people
        .into_par_iter()
        .map(|(folder, person)| {
            control.check()?;
            let Some(path) = &person.coefficients else { return Ok(0) };
            let rows = read_coefficients(path)?;
            make_folder(&folder)?;
            for (frame, row) in rows.iter().enumerate() {
                let picture = folder.join(format!("{}.png", frame + 1));
                write_picture(&picture, &Face::of(row, &person.name).draw())?;
            }
            let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            control.step("video", done, total, &person.name)?;
            Ok(rows.len())
        })
        .collect::<Result<_>>()?;
    Ok(each.into_iter().sum())
}

fn write_picture(path: &Path, rgb: &[u8]) -> Result<()> {
    write_atomically(path, |file| {
        PngEncoder::new_with_quality(file, CompressionType::Fast, FilterType::Sub)
            .write_image(rgb, SIDE as u32, SIDE as u32, ExtendedColorType::Rgb8)
            .map_err(std::io::Error::other)
    })
}

/// What is drawn of one frame. Lengths are in half pictures, down is positive; left is the left of the picture.
#[derive(Debug, Clone, PartialEq)]
struct Face {
    skin: [f32; 3],
    /// Where the head is, and how it is turned in the picture.
    at: [f32; 2],
    roll: f32,
    /// Where the features have gone on the head by yaw and pitch.
    turned: [f32; 2],
    /// Left and right in the picture.
    eyes: [Eye; 2],
    /// How far the corners of the mouth are above its middle.
    smile: f32,
    /// How far the mouth is open, and half its width.
    open: f32,
    wide: f32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Eye {
    open: f32,
    gaze: [f32; 2],
    /// How far the brow is up, and its inner end above its outer one.
    brow: f32,
    tilt: f32,
}

impl Face {
    /// From raw coefficients; the person's name gives the colour of the skin.
    fn of(row: &[f32; 58], person: &str) -> Self {
        let mean = mean_face();
        let of = |name: &str| {
            let at = BLENDSHAPES.iter().position(|known| *known == name).unwrap_or(BLENDSHAPE_COUNT);
            (row[at] - mean[at]).clamp(0.0, 1.2)
        };
        let both = |name: &str| (of(&format!("{name}Left")) + of(&format!("{name}Right"))) / 2.0;
        let pose: [f32; 6] = std::array::from_fn(|axis| row[52 + axis] - mean[52 + axis]);
        let inner = of("browInnerUp");
        // the subject's right is on the left of the picture; `inward` is toward the nose
        let eye = |side: &str, inward: f32| {
            let of = |name: &str| of(&format!("{name}{side}"));
            Eye {
                open: ((1.0 - of("eyeBlink")) * (1.0 + 0.5 * of("eyeWide") - 0.4 * of("eyeSquint")))
                    .clamp(0.0, 1.6),
                gaze: [inward * (of("eyeLookIn") - of("eyeLookOut")), of("eyeLookDown") - of("eyeLookUp")],
                brow: of("browOuterUp") - of("browDown"),
                tilt: inner - 0.5 * of("browDown"),
            }
        };
        let tone = person.bytes().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let tone = (tone % 97) as f32 / 96.0;
        Self {
            skin: [228.0 - 90.0 * tone, 180.0 - 85.0 * tone, 150.0 - 85.0 * tone],
            at: [(0.25 * pose[3]).clamp(-0.3, 0.3), (-0.25 * pose[4]).clamp(-0.3, 0.3)],
            roll: pose[2].clamp(-1.0, 1.0),
            turned: [0.5 * pose[1].clamp(-1.2, 1.2).sin(), 0.5 * pose[0].clamp(-1.2, 1.2).sin()],
            eyes: [eye("Right", 1.0), eye("Left", -1.0)],
            smile: both("mouthSmile") - both("mouthFrown"),
            open: of("jawOpen") + 0.4 * both("mouthLowerDown") + 0.3 * both("mouthUpperUp"),
            wide: 0.26
                * (1.0 + 0.3 * both("mouthStretch") + 0.25 * both("mouthSmile") - 0.45 * of("mouthPucker")),
        }
    }

    /// Red, green and blue bytes, top row first.
    fn draw(&self) -> Vec<u8> {
        let mut rgb = Vec::with_capacity(SIDE * SIDE * 3);
        let middle = |at: usize| (2.0 * at as f32 + 1.0) / SIDE as f32 - 1.0;
        let (sin, cos) = self.roll.sin_cos();
        for row in 0..SIDE {
            for column in 0..SIDE {
                let (x, y) = (middle(column) - self.at[0], middle(row) - self.at[1]);
                let colour = self.colour(middle(row), cos * x + sin * y, cos * y - sin * x);
                rgb.extend(colour.map(|value| value.round().clamp(0.0, 255.0) as u8));
            }
        }
        rgb
    }

    /// The colour at a place of the head; `height` is that in the picture.
    fn colour(&self, height: f32, x: f32, y: f32) -> [f32; 3] {
        let mut colour = [62.0, 74.0 - 8.0 * height, 92.0 - 16.0 * height];
        let mut over = |paint: [f32; 3], share: f32| {
            for (old, new) in colour.iter_mut().zip(paint) {
                *old += share * (new - *old);
            }
        };
        over([52.0, 38.0, 30.0], ellipse(x, y + 0.08, 0.74, 0.90));
        let shade = 1.0 - 0.12 * x - 0.08 * y;
        over(self.skin.map(|part| part * shade), ellipse(x, y - 0.06, 0.66, 0.80));
        let (x, y) = (x - self.turned[0], y - self.turned[1]);
        for (side, eye) in [-1.0f32, 1.0].into_iter().zip(&self.eyes) {
            let (ex, ey) = (x - side * 0.28, y + 0.14);
            let lid = 0.10 * eye.open;
            let white = ellipse(ex, ey, 0.145, lid.max(0.012));
            over(if lid < 0.012 { [70.0, 45.0, 40.0] } else { [244.0, 242.0, 238.0] }, white);
            let pupil = ellipse(ex - 0.07 * eye.gaze[0], ey - 0.05 * eye.gaze[1], 0.065, 0.065);
            over([34.0, 26.0, 24.0], pupil.min(white) * f32::from(u8::from(lid >= 0.012)));
            // the inner end is the one toward the nose
            let brow = ey + 0.20 + 0.11 * eye.brow - 0.35 * eye.tilt * side * ex + 0.05 * eye.tilt;
            over([48.0, 34.0, 28.0], ellipse(ex, brow, 0.17, 0.032));
        }
        over(self.skin.map(|part| part * 0.82), ellipse(x, y - 0.14, 0.05, 0.12));
        // corners rise along a parabola
        let along = x / self.wide;
        let line = y - 0.44 - 0.05 * self.open + 0.15 * self.smile * along * along;
        let half = (1.0 - along * along).max(0.0).sqrt();
        let gap = 0.16 * self.open.min(1.3) * half;
        over([168.0, 70.0, 72.0], band(line.abs(), gap + 0.045 * half) * inside(along));
        over([58.0, 20.0, 26.0], band(line.abs(), gap) * inside(along));
        colour
    }
}

/// Half a pixel: edges fade over one.
const EDGE: f32 = 1.0 / SIDE as f32;

fn band(distance: f32, most: f32) -> f32 {
    ((most - distance) / (2.0 * EDGE) + 0.5).clamp(0.0, 1.0) * f32::from(u8::from(most > 0.0))
}

fn inside(along: f32) -> f32 {
    f32::from(u8::from(along.abs() < 1.0))
}

/// How much of a pixel an ellipse around the origin covers, about.
fn ellipse(x: f32, y: f32, across: f32, down: f32) -> f32 {
    let radius = (x * x / (across * across) + y * y / (down * down)).sqrt();
    ((1.0 - radius) * across.min(down) / (2.0 * EDGE) + 0.5).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::blendshape;

    fn drawn(change: &[(&str, f32)]) -> Vec<u8> {
        let mut row = mean_face();
        for (name, value) in change {
            row[blendshape(name).unwrap()] += value;
        }
        Face::of(&row, "a").draw()
    }

    /// Sum of |difference| over some rows of the picture.
    fn gap(one: &[u8], two: &[u8], rows: std::ops::Range<usize>) -> u64 {
        let part = rows.start * SIDE * 3..rows.end * SIDE * 3;
        one[part.clone()].iter().zip(&two[part]).map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
    }

    #[test]
    fn every_feature_shows_where_it_belongs() {
        let rest = drawn(&[]);
        assert_eq!(rest.len(), SIDE * SIDE * 3);
        let (upper, lower) = (0..36, 40..64);
        for change in [&[("jawOpen", 0.7)][..], &[("mouthSmileLeft", 0.8), ("mouthSmileRight", 0.8)]] {
            let face = drawn(change);
            assert!(gap(&rest, &face, lower.clone()) > 2000, "{change:?}");
            assert_eq!(gap(&rest, &face, upper.clone()), 0, "{change:?}");
        }
        for change in [
            &[("eyeBlinkLeft", 1.0), ("eyeBlinkRight", 1.0)][..],
            &[("browInnerUp", 0.8)],
            &[("eyeLookOutLeft", 0.8), ("eyeLookInRight", 0.8)],
        ] {
            let face = drawn(change);
            assert!(gap(&rest, &face, upper.clone()) > 1000, "{change:?}");
            assert_eq!(gap(&rest, &face, lower.clone()), 0, "{change:?}");
        }
        let mut turned = mean_face();
        turned[53] += 0.4;
        assert!(gap(&rest, &Face::of(&turned, "a").draw(), 0..64) > 10_000);
        assert_ne!(Face::of(&turned, "b").skin, Face::of(&turned, "a").skin);
    }
}
