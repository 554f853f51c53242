//! 255 colours for pictures of thousands: median cut over a histogram of 6 bits a channel.
//!
//! A palette is kept from frame to frame as long as it fits, because a palette of its own for each frame makes still
//! areas flicker; [`Palette::misfit`] says when it no longer does. The last index stays free for "unchanged".

/// Bits kept of each channel when colours are counted and looked up.
const BITS: u32 = 6;
const BINS: usize = 1 << (3 * BITS);
/// Colours of a palette; index 255 is left for transparency.
pub(super) const COLOURS: usize = 255;

/// A palette with its lookup table, filled as colours are met.
#[derive(Debug)]
pub(super) struct Palette {
    colours: Vec<[u8; 3]>,
    /// Index + 1; 0 is not looked up yet.
    table: Vec<u16>,
}

#[derive(Debug, Clone, Copy)]
struct Colour {
    count: u64,
    /// Mean of the pixels counted.
    rgb: [u8; 3],
}

fn bin(rgb: [u8; 3]) -> usize {
    rgb.iter().fold(0, |bin, channel| (bin << BITS) | usize::from(channel >> (8 - BITS)))
}

impl Palette {
    /// The palette of a picture.
    pub(super) fn of(rgba: &[u8]) -> Self {
        let mut counts = vec![(0u64, [0u64; 3]); BINS];
        for pixel in rgba.chunks_exact(4) {
            let (count, sums) = &mut counts[bin([pixel[0], pixel[1], pixel[2]])];
            *count += 1;
            for (sum, channel) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(*channel);
            }
        }
        let colours = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, sums)| Colour { count, rgb: sums.map(|sum| (sum / count) as u8) })
            .collect();
        Self { colours: median_cut(colours), table: vec![0; BINS] }
    }

    /// Red, green, blue of each index.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.colours.concat()
    }

    /// Index of the nearest colour.
    pub(super) fn index(&mut self, rgb: [u8; 3]) -> u8 {
        let bin = bin(rgb);
        if self.table[bin] == 0 {
            let nearest = (0..self.colours.len()).min_by_key(|index| distance(self.colours[*index], rgb));
            self.table[bin] = nearest.unwrap_or(0) as u16 + 1;
        }
        (self.table[bin] - 1) as u8
    }

    /// Mean squared distance of a picture's pixels to their colours, over every `stride`-th pixel.
    pub(super) fn misfit(&mut self, rgba: &[u8], stride: usize) -> f64 {
        let (mut sum, mut count) = (0u64, 0u64);
        for pixel in rgba.chunks_exact(4).step_by(stride.max(1)) {
            let rgb = [pixel[0], pixel[1], pixel[2]];
            let index = self.index(rgb);
            sum += u64::from(distance(self.colours[usize::from(index)], rgb));
            count += 1;
        }
        sum as f64 / count.max(1) as f64
    }
}

fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    // Green weighs most in what the eye sees.
    let weights = [2, 4, 3];
    (0..3).map(|channel| weights[channel] * u32::from(a[channel].abs_diff(b[channel])).pow(2)).sum::<u32>()
        / 3
}

/// Splits the box with the largest spread until there are enough boxes; a colour is the mean of its box.
fn median_cut(colours: Vec<Colour>) -> Vec<[u8; 3]> {
    let mut boxes = vec![colours];
    while boxes.len() < COLOURS {
        let widest = boxes
            .iter()
            .enumerate()
            .map(|(index, colours)| (index, spread(colours)))
            .max_by(|a, b| a.1.1.total_cmp(&b.1.1));
        let Some((index, (channel, error))) = widest else { break };
        if error <= 0.0 {
            break;
        }
        let mut low = boxes.swap_remove(index);
        low.sort_by_key(|colour| (colour.rgb[channel], colour.rgb));
        let half = low.iter().map(|colour| colour.count).sum::<u64>() / 2;
        let mut passed = 0;
        let cut = low
            .iter()
            .position(|colour| {
                passed += colour.count;
                passed > half
            })
            .unwrap_or(0);
        let high = low.split_off((cut + 1).min(low.len() - 1));
        boxes.extend([low, high]);
    }
    boxes.iter().map(|colours| mean(colours).map(|channel| channel.round() as u8)).collect()
}

fn mean(colours: &[Colour]) -> [f64; 3] {
    let total = colours.iter().map(|colour| colour.count).sum::<u64>().max(1) as f64;
    [0, 1, 2].map(|channel| {
        colours.iter().map(|colour| colour.count as f64 * f64::from(colour.rgb[channel])).sum::<f64>() / total
    })
}

/// The channel that varies most, and the squared error of the box along it; 0 for one colour.
fn spread(colours: &[Colour]) -> (usize, f64) {
    let mean = mean(colours);
    let mut found = (0, 0.0);
    if colours.len() > 1 {
        for channel in 0..3 {
            let error: f64 = colours
                .iter()
                .map(|colour| colour.count as f64 * (f64::from(colour.rgb[channel]) - mean[channel]).powi(2))
                .sum();
            if error > found.1 {
                found = (channel, error);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_are_kept_exactly() {
        let rgba: Vec<u8> = (0..200u8).flat_map(|level| [level, 255 - level, (level / 8) * 8, 255]).collect();
        // Two levels share a bin of 6 bits only with their neighbours, so distinct colours stay within 2 levels.
        let mut palette = Palette::of(&rgba);
        for pixel in rgba.chunks_exact(4) {
            let index = palette.index([pixel[0], pixel[1], pixel[2]]);
            let colour = &palette.bytes()[usize::from(index) * 3..][..3];
            for channel in 0..3 {
                assert!(colour[channel].abs_diff(pixel[channel]) <= 4, "{colour:?} for {pixel:?}");
            }
        }
        assert_eq!(Palette::of(&[9, 8, 7, 255]).bytes(), [9, 8, 7]);
    }

    #[test]
    fn a_gradient_is_near_and_a_foreign_picture_is_far() {
        let gradient: Vec<u8> = (0..65_536u32).flat_map(|at| [(at >> 8) as u8, at as u8, 128, 255]).collect();
        let mut palette = Palette::of(&gradient);
        assert_eq!(palette.bytes().len(), COLOURS * 3);
        let near = palette.misfit(&gradient, 1);
        let foreign: Vec<u8> = gradient.chunks_exact(4).flat_map(|p| [p[0], p[1], 0, 255]).collect();
        assert!(near < 100.0 && palette.misfit(&foreign, 1) > 10.0 * near, "{near}");
    }
}
