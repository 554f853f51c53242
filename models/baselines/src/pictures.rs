//! A picture as the official networks take it: shorter side to 256 pixels, the middle 224 by 224, bytes to numbers.
//!
//! Officially a Pillow picture goes through torchvision's `Resize(256)` (bilinear, whose triangle is as wide as the step when
//! it shrinks), `CenterCrop(224)`, `ToTensor` and `Normalize(0.5, 0.5)`. Pillow resizes bytes in fixed point, first across, then
//! down, rounding to bytes in between; so do we, and the bytes are the same.

use std::sync::Arc;

use clips::footage::{Picture, Pictures};
use clips::{Fault, FaultKind, Footage, Result};

/// Pixels a side of what a network is given.
pub const SIDE: usize = 224;
/// Pixels of the shorter side before the middle is cut out.
const SHORTER: usize = 256;
/// Bits behind the point of Pillow's weights.
const BITS: u32 = 32 - 8 - 2;
/// Longest side accepted.
const MOST_PIXELS: usize = 1 << 14;
/// Longest side over the shorter one.
const MOST_RATIO: usize = 16;

/// [`SIDE`] by [`SIDE`] pixels, red, green and blue bytes, top row first.
pub type Prepared = Arc<[u8]>;

/// What a byte is to the network: (b / 255 - 0.5) / 0.5, rounded as there, in single precision.
pub fn number(byte: u8) -> f32 {
    (f32::from(byte) / 255.0 - 0.5) / 0.5
}

/// The bytes of a prepared picture as `[3, SIDE, SIDE]` numbers.
pub fn numbers(prepared: &[u8]) -> Vec<f32> {
    (0..3).flat_map(|colour| prepared.iter().skip(colour).step_by(3).map(|byte| number(*byte))).collect()
}

/// Which pixels make one new pixel, and their weights in fixed point.
struct Weights {
    first: usize,
    of: Vec<i32>,
}

/// Pillow's bilinear weights from `from` pixels to `to`.
fn weights(from: usize, to: usize) -> Vec<Weights> {
    let step = from as f64 / to as f64;
    let widened = step.max(1.0);
    (0..to)
        .map(|pixel| {
            let centre = (pixel as f64 + 0.5) * step;
            let first = ((centre - widened + 0.5) as i64).max(0) as usize;
            let end = ((centre + widened + 0.5) as usize).min(from);
            let raw: Vec<f64> = (first..end)
                .map(|at| (1.0 - ((at as f64 - centre + 0.5) / widened).abs()).max(0.0))
                .collect();
            let sum: f64 = raw.iter().sum();
            let scale = if sum == 0.0 { 1.0 } else { sum };
            let of = raw.iter().map(|w| (0.5 + w / scale * f64::from(1u32 << BITS)) as i32).collect();
            Weights { first, of }
        })
        .collect()
}

/// A new pixel from pixels `stride` bytes apart.
fn mixed(bytes: &[u8], stride: usize, weights: &Weights) -> u8 {
    let half = 1i32 << (BITS - 1);
    let terms = weights.of.iter().enumerate();
    let sum = terms.fold(half, |sum, (at, w)| sum + w * i32::from(bytes[(weights.first + at) * stride]));
    (sum >> BITS).clamp(0, 255) as u8
}

/// Where a cut of [`SIDE`] begins, as torchvision rounds it: half to even.
fn begin(length: usize) -> usize {
    let rest = length - SIDE;
    let half = rest / 2;
    if rest % 2 == 1 && half % 2 == 1 { half + 1 } else { half }
}

/// Resizes a picture and cuts its middle out.
///
/// # Errors
/// A picture without pixels, or one too large or too long.
pub fn prepare(picture: &Picture, footage: &Footage) -> Result<Prepared> {
    let (width, height) = (picture.width, picture.height);
    let (short, long) = (width.min(height), width.max(height));
    let sound = short > 0 && long <= MOST_PIXELS && long / short <= MOST_RATIO;
    if !sound || picture.rgba.len() < 4 * width * height {
        return Err(Fault::new(
            FaultKind::Unsupported,
            footage.path(),
            format!("a picture of {width} by {height} pixels"),
        )
        .remedy("give pictures of a face, 256 by 256 pixels or so"));
    }
    let other = |long: usize, short: usize| SHORTER * long / short;
    let (across, down) =
        if width <= height { (SHORTER, other(height, width)) } else { (other(width, height), SHORTER) };
    let (left, top) = (begin(across), begin(down));
    let columns = weights(width, across);
    let rows = weights(height, down);
    let (columns, rows) = (&columns[left..left + SIDE], &rows[top..top + SIDE]);
    // only the rows that the cut reads are resized across
    let first = rows.first().map_or(0, |row| row.first);
    let end = rows.last().map_or(0, |row| row.first + row.of.len());
    let mut between = vec![0u8; (end - first) * SIDE * 3];
    for (row, out) in (first..end).zip(between.chunks_exact_mut(SIDE * 3)) {
        let line = &picture.rgba[4 * row * width..4 * (row + 1) * width];
        for (column, out) in columns.iter().zip(out.as_chunks_mut::<3>().0) {
            for (colour, out) in out.iter_mut().enumerate() {
                // sizes that stay are not resampled, and these weights are exactly one pixel then
                *out = mixed(&line[colour..], 4, column);
            }
        }
    }
    let mut prepared = vec![0u8; SIDE * SIDE * 3];
    for (row, out) in rows.iter().zip(prepared.chunks_exact_mut(SIDE * 3)) {
        let here = Weights { first: row.first - first, of: row.of.clone() };
        for (at, out) in out.iter_mut().enumerate() {
            *out = mixed(&between[at..], SIDE * 3, &here);
        }
    }
    Ok(prepared.into())
}

/// Footage that is read frame by frame, prepared.
pub struct Prepare {
    footage: Footage,
    pictures: Box<dyn Pictures>,
}

impl Prepare {
    /// Opens footage.
    ///
    /// # Errors
    /// As [`Footage::open`].
    pub fn open(footage: &Footage) -> Result<Self> {
        Ok(Self { footage: footage.clone(), pictures: footage.open()? })
    }

    /// The picture of a frame.
    ///
    /// # Errors
    /// When none can be had.
    pub fn frame(&mut self, frame: usize) -> Result<Prepared> {
        prepare(&self.pictures.picture(frame)?, &self.footage)
    }
}

impl std::fmt::Debug for Prepare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepare").field("footage", &self.footage).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use clips::corpus::VideoFiles;
    use sha2::{Digest, Sha256};

    use super::*;

    /// A picture that any language draws alike.
    fn drawn(width: usize, height: usize) -> Picture {
        let noisy = |x: u32, y: u32, colour: u32| {
            ((x * 37 + y * 91 + colour * 53).wrapping_mul(2_654_435_761) >> 13) as u8
        };
        let mut rgba = Vec::new();
        for y in 0..height as u32 {
            for x in 0..width as u32 {
                rgba.extend([noisy(x, y, 0), noisy(x, y, 1), (x * 7 + y * 3) as u8, 255]);
            }
        }
        Picture { width, height, rgba }
    }

    fn footage() -> Footage {
        Footage::new(VideoFiles::Frames("somewhere".into()))
    }

    /// What Pillow 13.0.0 makes of them: `resize` (BILINEAR) of the shorter side to 256, `crop` of the middle 224.
    const OF_PILLOW: [(usize, usize, &str); 6] = [
        (64, 64, "81d5af7bac85ee1b40b64fa0eedff505a62128d821f1b823772cb4d278433794"),
        (256, 256, "ccfd97bf7b00cbf817369fc229efd7a9828848ef2ba404436011d9bc1642f6d4"),
        (300, 401, "979ef74e22c213a1017dbb2c80a96395c43900459d2c97ca945352dde4d4f57f"),
        (31, 50, "303b10b4c7916049f4a67cd017cda000ceef34091cf884deb601c538caa389eb"),
        (640, 479, "80361cdc3ae2e40bec041103e3337cf9bcdcf3445bbe7224d5e51d64b08c8a52"),
        (224, 260, "04d8f1e1e812c13a653755ac49c8c4138316b1c3bef34f786e9a3f7c2cd45e4a"),
    ];

    #[test]
    fn bytes_are_those_of_pillow() {
        for (width, height, hash) in OF_PILLOW {
            let prepared = prepare(&drawn(width, height), &footage()).unwrap();
            let found: String = Sha256::digest(&prepared).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(found, hash, "{width} by {height}");
        }
    }

    #[test]
    fn numbers_run_from_minus_one_to_one_and_colours_lie_apart() {
        assert_eq!((number(0), number(255)), (-1.0, 1.0));
        assert!((number(128) - 0.003_921_628).abs() < 1e-7);
        let prepared = prepare(&drawn(64, 64), &footage()).unwrap();
        let numbers = numbers(&prepared);
        assert_eq!(numbers.len(), 3 * SIDE * SIDE);
        assert_eq!(numbers[SIDE * SIDE + 1], number(prepared[4]));
    }

    #[test]
    fn pictures_that_are_none_are_refused() {
        for (width, height, bytes) in [(0, 5, 0), (5, 0, 0), (64, 64, 100), (20_000, 1, 80_000)] {
            let picture = Picture { width, height, rgba: vec![0; bytes] };
            let fault = prepare(&picture, &footage()).unwrap_err();
            assert!(fault.to_string().contains("somewhere"), "{fault}");
        }
        // 1 by 16384 would become 256 by 4 million
        let long = Picture { width: 1, height: 1 << 14, rgba: vec![0; 4 << 14] };
        assert!(prepare(&long, &footage()).is_err());
    }
}
