//! Smooths the stairs of pictures that were drawn with one sample a pixel, after the idea of FXAA: where brightness steps
//! across a pixel, the edge is followed both ways to its ends, and the pixel takes as much of its neighbour as the edge
//! covers of it. One sample
//! and this take less than a third of the processor that four samples take where the device is a program on it
//! (`examples/face_cost.rs` on lavapipe, a wall of nine at 1280 x 720: 0.25 against 0.86 s a frame). It is no filter for a device of its own, which gives four samples for nothing.

use crate::Picture;

/// Steps of brightness below this are no edges, as a share of the brighter side.
const RELATIVE: f32 = 0.1;
/// And below this on a dark ground.
const ABSOLUTE: f32 = 0.03;
/// Pixels an edge is followed each way.
const REACH: i32 = 12;

/// Smooths a picture.
pub fn smooth(picture: &mut Picture) {
    Smoother::default().smooth(picture);
}

/// Smooths pictures one after the other with the memory of the first: new memory for every picture of a film costs a
/// system more than the smoothing.
#[derive(Debug, Default)]
pub struct Smoother {
    luma: Vec<f32>,
    before: Vec<u8>,
}

impl Smoother {
    /// Smooths a picture.
    pub fn smooth(&mut self, picture: &mut Picture) {
        let (width, height) = (picture.width as usize, picture.height as usize);
        if width < 3 || height < 3 || picture.rgba.len() != 4 * width * height {
            return;
        }
        self.luma.clear();
        self.luma.extend(picture.rgba.chunks_exact(4).map(brightness));
        self.before.clear();
        self.before.extend_from_slice(&picture.rgba);
        let shape = Shape { luma: &self.luma, width: width as i32, height: height as i32 };
        shape.smooth(&self.before, &mut picture.rgba);
    }
}

/// Smooths pictures on all processors; `smoothers` keeps their memory for the next ones.
pub(crate) fn smooth_all(smoothers: &mut Vec<Smoother>, pictures: &mut [Picture]) {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(16);
    let mut left: Vec<&mut Picture> = pictures.iter_mut().collect();
    left.sort_by_key(|picture| std::cmp::Reverse(picture.rgba.len()));
    // the largest first, each to whom has least to do
    let mut lots: Vec<(usize, Vec<&mut Picture>)> = (0..threads).map(|_| (0, Vec::new())).collect();
    for picture in left {
        if let Some(lot) = lots.iter_mut().min_by_key(|(size, _)| *size) {
            lot.0 += picture.rgba.len();
            lot.1.push(picture);
        }
    }
    smoothers.resize_with(threads, Smoother::default);
    std::thread::scope(|scope| {
        for (smoother, (_, lot)) in smoothers.iter_mut().zip(lots).filter(|(_, (size, _))| *size > 0) {
            scope.spawn(move || lot.into_iter().for_each(|picture| smoother.smooth(picture)));
        }
    });
}

/// How bright a pixel looks, 0..1; what is transparent counts as dark.
fn brightness(pixel: &[u8]) -> f32 {
    let [r, g, b, a] = [0, 1, 2, 3].map(|channel| f32::from(pixel[channel]));
    (0.299 * r + 0.587 * g + 0.114 * b) * a * (1.0 / (255.0 * 255.0))
}

struct Shape<'a> {
    luma: &'a [f32],
    width: i32,
    height: i32,
}

impl Shape<'_> {
    /// Smooths all but the outermost rows and columns.
    fn smooth(&self, before: &[u8], rgba: &mut [u8]) {
        let (width, height) = (self.width as usize, self.height as usize);
        let mut steps = vec![0.0f32; width];
        for (y, row) in rgba.chunks_exact_mut(4 * width).enumerate().take(height - 1).skip(1) {
            let [above, own, below] = [y - 1, y, y + 1].map(|y| &self.luma[y * width..][..width]);
            // most pixels are on no edge: that is found for a whole row at once
            let inner = steps[1..width - 1].iter_mut().zip(own.windows(3)).zip(&above[1..]).zip(&below[1..]);
            for (((step, level), north), south) in inner {
                let high = level[1].max(level[0]).max(level[2]).max(*north).max(*south);
                let low = level[1].min(level[0]).min(level[2]).min(*north).min(*south);
                *step = high - low - ABSOLUTE.max(RELATIVE * high);
            }
            for x in (1..width - 1).filter(|x| steps[*x] >= 0.0) {
                let Some((toward, share)) = self.blend(x as i32, y as i32) else { continue };
                let at = 4 * (y * width + x);
                let other = at as i64 + 4 * i64::from(toward);
                let (own, other) = (&before[at..at + 4], &before[other as usize..][..4]);
                for ((to, own), other) in row[4 * x..4 * x + 4].iter_mut().zip(own).zip(other) {
                    let (own, other) = (f32::from(*own), f32::from(*other));
                    *to = (own + share * (other - own)).round() as u8;
                }
            }
        }
    }

    fn at(&self, x: i32, y: i32) -> f32 {
        self.luma[(y.clamp(0, self.height - 1) * self.width + x.clamp(0, self.width - 1)) as usize]
    }

    /// Where a pixel on an edge takes colour from (an offset in pixels of the whole picture) and how much of it; `None` where
    /// that is next to nothing.
    fn blend(&self, x: i32, y: i32) -> Option<(i32, f32)> {
        let centre = self.at(x, y);
        let (north, south) = (self.at(x, y - 1), self.at(x, y + 1));
        let (west, east) = (self.at(x - 1, y), self.at(x + 1, y));
        let high = centre.max(north).max(south).max(west).max(east);
        let low = centre.min(north).min(south).min(west).min(east);
        let (nw, ne) = (self.at(x - 1, y - 1), self.at(x + 1, y - 1));
        let (sw, se) = (self.at(x - 1, y + 1), self.at(x + 1, y + 1));
        let level = (nw - 2.0 * west + sw).abs()
            + 2.0 * (north - 2.0 * centre + south).abs()
            + (ne - 2.0 * east + se).abs();
        let upright = (nw - 2.0 * north + ne).abs()
            + 2.0 * (west - 2.0 * centre + east).abs()
            + (sw - 2.0 * south + se).abs();
        // an edge that runs level has its step above or below, an upright one left or right
        let runs_level = level >= upright;
        let (before, after) = if runs_level { (north, south) } else { (west, east) };
        let (side, other) =
            if (before - centre).abs() >= (after - centre).abs() { (-1, before) } else { (1, after) };
        let step = (other - centre).abs();
        let middle = 0.5 * (other + centre);
        // the mean of both sides of the edge, `along` pixels away
        let across = |along: i32| {
            if runs_level {
                0.5 * (self.at(x + along, y) + self.at(x + along, y + side))
            } else {
                0.5 * (self.at(x, y + along) + self.at(x + side, y + along))
            }
        };
        let end = |way: i32| {
            (1..=REACH)
                .map(|n| (n, across(way * n) - middle))
                .find(|(_, off)| off.abs() >= 0.25 * step)
                .unwrap_or((REACH, 0.0))
        };
        let (back, forth) = (end(-1), end(1));
        let (near, off) = if back.0 <= forth.0 { back } else { forth };
        // only the side of the edge that the other colour reaches into is mixed
        let reaches = (centre - middle < 0.0) != (off < 0.0);
        let share = if off != 0.0 && reaches { 0.5 - near as f32 / (back.0 + forth.0) as f32 } else { 0.0 };
        // a single bright or dark pixel has no edge to follow; beside a straight edge a third of what is around differs
        let around = (2.0 * (north + south + west + east) + nw + ne + sw + se) / 12.0;
        let alone = (((around - centre).abs() / (high - low) - 0.34) / 0.5).clamp(0.0, 1.0);
        let share = share.max(0.7 * alone);
        let toward = if runs_level { side * self.width } else { side };
        (share > 0.01).then_some((toward, share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// White below a line through the middle, black above; `samples` a side and pixel.
    fn slope(rise: f32, samples: u32) -> Picture {
        let (width, height) = (96u32, 64u32);
        let mut rgba = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let inside = (0..samples * samples)
                    .filter(|n| {
                        let part = |n: u32| (n as f32 + 0.5) / samples as f32;
                        let (px, py) = (x as f32 + part(n % samples), y as f32 + part(n / samples));
                        py - 32.0 > rise * (px - 48.0)
                    })
                    .count() as f32;
                let value = (255.0 * inside / (samples * samples) as f32) as u8;
                rgba.extend([value, value, value, 255]);
            }
        }
        Picture { width, height, rgba }
    }

    fn distance(a: &Picture, b: &Picture) -> f64 {
        let sum: f64 = a.rgba.iter().zip(&b.rgba).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
        (sum / a.rgba.len() as f64).sqrt()
    }

    #[test]
    fn a_slanted_edge_comes_nearer_to_what_many_samples_draw() {
        for rise in [0.1, 0.24, 0.5, 0.9, 2.3, -0.3, -1.4] {
            let (stairs, fine) = (slope(rise, 1), slope(rise, 16));
            let mut smoothed = stairs.clone();
            smooth(&mut smoothed);
            let (before, after) = (distance(&stairs, &fine), distance(&smoothed, &fine));
            assert!(after < 0.7 * before, "slope {rise}: {after:.2} after {before:.2}");
        }
    }

    #[test]
    fn plain_areas_straight_edges_and_tiny_pictures_stay_as_they_are() {
        for rise in [0.0, 1e6] {
            let stairs = slope(rise, 1);
            let mut smoothed = stairs.clone();
            smooth(&mut smoothed);
            assert!(distance(&stairs, &smoothed) < 1.0, "an edge without stairs keeps its sharpness");
        }
        let mut grey = Picture { width: 9, height: 9, rgba: vec![120; 9 * 9 * 4] };
        let before = grey.rgba.clone();
        smooth(&mut grey);
        assert_eq!(grey.rgba, before);
        for (width, height) in [(0, 0), (1, 1), (2, 40)] {
            smooth(&mut Picture { width, height, rgba: vec![7; (4 * width * height) as usize] });
        }
    }
}
