//! One picture of a video: as it is shown (RGBA), and as it is kept (Y'CbCr 4:2:0, three eighths of the bytes).

use std::sync::Arc;

/// A decoded picture, as a texture wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// `width * height` pixels as red, green, blue, alpha bytes (sRGB, opaque), top row first.
    pub rgba: Vec<u8>,
}

/// How the numbers of a coded picture mean colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Colours {
    /// Shares of red and blue in the brightness.
    red: f32,
    blue: f32,
    /// 0 to 255 instead of 16 to 235.
    full_range: bool,
}

impl Colours {
    /// By the matrix number of ITU-T H.273; what is not said is BT.601, as ffmpeg takes it.
    pub(super) fn new(matrix: u8, full_range: bool) -> Self {
        let (red, blue) = match matrix {
            1 => (0.2126, 0.0722),
            9 | 10 => (0.2627, 0.0593),
            _ => (0.299, 0.114),
        };
        Self { red, blue, full_range }
    }
}

/// A picture as codecs make it, 8 bits a sample, each colour sample standing for 2x2 pixels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Planar {
    pub width: u32,
    pub height: u32,
    /// Brightness, then the two colour planes, each of which is half as wide and high (rounded up).
    pub planes: [Vec<u8>; 3],
    pub colours: Colours,
}

impl Planar {
    pub(super) fn bytes(&self) -> usize {
        self.planes.iter().map(Vec::len).sum()
    }

    /// Bytes of a picture of this size.
    pub(super) fn bytes_of([width, height]: [u32; 2]) -> usize {
        let half = |length: u32| length.div_ceil(2) as usize;
        width as usize * height as usize + 2 * half(width) * half(height)
    }

    /// A picture smaller by a whole factor in both directions, by averaging.
    pub(super) fn shrink(&self, factor: u32) -> Self {
        let (width, height) = (self.width.div_ceil(factor), self.height.div_ceil(factor));
        let half = |length: u32| length.div_ceil(2);
        let [luma, cb, cr] = &self.planes;
        let from = (half(self.width), half(self.height));
        let to = (half(width), half(height));
        let planes = [
            shrink(luma, (self.width, self.height), (width, height), factor),
            shrink(cb, from, to, factor),
            shrink(cr, from, to, factor),
        ];
        Self { width, height, planes, colours: self.colours }
    }

    pub(super) fn to_picture(&self) -> Picture {
        let Colours { red, blue, full_range } = self.colours;
        let (black, luma, chroma) =
            if full_range { (0, 1.0, 1.0) } else { (16, 255.0 / 219.0, 255.0 / 224.0) };
        let green = 1.0 - red - blue;
        // 16 bits behind the point.
        let fixed = |value: f32| (value * 65_536.0).round() as i32;
        let scale = fixed(luma);
        let to_red = fixed(2.0 * (1.0 - red) * chroma);
        let to_blue = fixed(2.0 * (1.0 - blue) * chroma);
        let green_of_blue = fixed(-2.0 * (1.0 - blue) * blue / green * chroma);
        let green_of_red = fixed(-2.0 * (1.0 - red) * red / green * chroma);
        let (width, half) = (self.width as usize, self.width.div_ceil(2) as usize);
        let mut rgba = Vec::with_capacity(width * self.height as usize * 4);
        let [y, cb, cr] = &self.planes;
        for (row, line) in y.chunks_exact(width.max(1)).enumerate() {
            let at = row / 2 * half;
            let colours = cb[at..at + half].iter().zip(&cr[at..at + half]);
            for (pair, (cb, cr)) in line.chunks(2).zip(colours) {
                let (cb, cr) = (i32::from(*cb) - 128, i32::from(*cr) - 128);
                let add = [to_red * cr, green_of_blue * cb + green_of_red * cr, to_blue * cb];
                for y in pair {
                    let y = (i32::from(*y) - black) * scale + 32_768;
                    let channel = |add: i32| ((y + add) >> 16).clamp(0, 255) as u8;
                    rgba.extend_from_slice(&[channel(add[0]), channel(add[1]), channel(add[2]), 255]);
                }
            }
        }
        Picture { width: self.width, height: self.height, rgba }
    }
}

fn shrink(plane: &[u8], from: (u32, u32), to: (u32, u32), factor: u32) -> Vec<u8> {
    let (width, height) = (from.0 as usize, from.1 as usize);
    let factor = factor as usize;
    let mut small = Vec::with_capacity(to.0 as usize * to.1 as usize);
    for row in 0..to.1 as usize {
        for column in 0..to.0 as usize {
            // The last cell of a row or column may be narrower; a plane rounded up once more repeats its edge.
            let (left, top) = ((column * factor).min(width - 1), (row * factor).min(height - 1));
            let (right, bottom) = ((left + factor).min(width), (top + factor).min(height));
            let mut sum = 0;
            for line in top..bottom {
                sum += plane[line * width + left..line * width + right]
                    .iter()
                    .map(|value| u32::from(*value))
                    .sum::<u32>();
            }
            let cells = ((right - left) * (bottom - top)) as u32;
            small.push(((sum + cells / 2) / cells) as u8);
        }
    }
    small
}

/// A picture in memory.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    /// From a codec; made colours of when it is shown.
    Planar(Arc<Planar>),
    /// From a picture file.
    Rgba(Arc<Picture>),
}

impl Kept {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Planar(planar) => planar.bytes(),
            Self::Rgba(picture) => picture.rgba.len(),
        }
    }

    pub(super) fn picture(&self) -> Arc<Picture> {
        match self {
            Self::Planar(planar) => Arc::new(planar.to_picture()),
            Self::Rgba(picture) => Arc::clone(picture),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(y: u8, cb: u8, cr: u8, colours: Colours) -> Planar {
        let planes = [vec![y; 15], vec![cb; 6], vec![cr; 6]];
        Planar { width: 5, height: 3, planes, colours }
    }

    #[test]
    fn the_colours_of_the_standard_come_out() {
        // Colour bars at 100 % in BT.601 and BT.709, 16 to 235, as the standards' tables give them.
        let cases = [
            (6, false, [16, 128, 128], [0, 0, 0]),
            (6, false, [235, 128, 128], [255, 255, 255]),
            (6, false, [81, 90, 240], [255, 0, 0]),
            (6, false, [145, 54, 34], [0, 255, 0]),
            (6, false, [41, 240, 110], [0, 0, 255]),
            (1, false, [63, 102, 240], [255, 0, 0]),
            (1, false, [173, 42, 26], [0, 255, 0]),
            (1, false, [32, 240, 118], [0, 0, 255]),
            (6, true, [76, 85, 255], [254, 0, 0]),
            (6, true, [200, 128, 128], [200, 200, 200]),
        ];
        for (matrix, full, [y, cb, cr], rgb) in cases {
            let picture = flat(y, cb, cr, Colours::new(matrix, full)).to_picture();
            assert_eq!(picture.rgba.len(), 60);
            for pixel in picture.rgba.chunks_exact(4) {
                for channel in 0..3 {
                    assert!(pixel[channel].abs_diff(rgb[channel]) <= 2, "{matrix} {full}: {pixel:?} {rgb:?}");
                }
                assert_eq!(pixel[3], 255);
            }
        }
    }

    #[test]
    fn a_smaller_picture_is_the_mean_of_its_cells_at_any_size() {
        for (width, height) in [(1u32, 1u32), (5, 3), (16, 9), (17, 8)] {
            for factor in 1..6 {
                let bytes = |count: u32, add: u32| (0..count).map(|at| (at * 7 + add) as u8).collect();
                let half = width.div_ceil(2) * height.div_ceil(2);
                let planes = [bytes(width * height, 1), bytes(half, 2), bytes(half, 3)];
                let colours = Colours::new(6, false);
                let whole = Planar { width, height, planes, colours };
                assert_eq!(whole.bytes(), Planar::bytes_of([width, height]));
                let small = whole.shrink(factor);
                assert_eq!(small.bytes(), Planar::bytes_of([small.width, small.height]));
                assert_eq!(small.to_picture().rgba.len() as u32, small.width * small.height * 4);
                if factor == 1 {
                    assert_eq!(small, whole);
                }
            }
        }
        let planes = [vec![0, 100, 50, 51], vec![7], vec![9]];
        let small = Planar { width: 2, height: 2, planes, colours: Colours::new(6, false) }.shrink(2);
        assert_eq!(small.planes, [vec![50], vec![7], vec![9]]);
    }
}
