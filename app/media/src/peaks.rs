//! Smallest and largest sample of any stretch of a sound, fast enough to draw hours at any zoom.
//!
//! A pyramid: level 0 holds the extremes of blocks of 64 samples, each further level those of 4 blocks below. A
//! stretch is put together from its ragged ends (read from the samples) and the largest blocks that fit between, so
//! the answer is exact, not rounded to blocks. All channels count as one: the envelope is what leaves no peak out.

use clips::Waveform;

const BLOCK: usize = 64;
const FAN: usize = 4;
/// What joins with anything and changes nothing.
const NOTHING: (f32, f32) = (f32::INFINITY, f32::NEG_INFINITY);

/// The pyramid of one sound.
#[derive(Debug, Clone)]
pub struct Peaks {
    sound: Waveform,
    levels: Vec<Vec<(f32, f32)>>,
}

impl Peaks {
    /// Reads the whole sound once. Values that are no numbers are left out.
    pub fn of(sound: &Waveform) -> Self {
        let sound = Waveform { channels: sound.channels.max(1), ..sound.clone() };
        let width = BLOCK * usize::from(sound.channels);
        let mut levels: Vec<Vec<(f32, f32)>> = vec![sound.samples.chunks(width).map(extremes).collect()];
        while let Some(below) = levels.last().filter(|below| below.len() > FAN) {
            let above = below.chunks(FAN).map(|blocks| blocks.iter().copied().fold(NOTHING, join)).collect();
            levels.push(above);
        }
        Self { sound, levels }
    }

    /// Samples (per channel) that it covers.
    pub fn len(&self) -> usize {
        self.sound.len()
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// (smallest, largest) of each of `buckets` equal parts of samples a..b; a part holds at least one sample.
    /// Parts beyond the sound, and a range the wrong way round, are (0, 0).
    pub fn range(&self, a: usize, b: usize, buckets: usize) -> Vec<(f32, f32)> {
        let width = b.saturating_sub(a) as u128;
        let edge = |part: usize| a + (part as u128 * width / buckets as u128) as usize;
        (0..buckets)
            .map(|part| {
                let first = edge(part);
                let last = edge(part + 1).max(first.saturating_add(1)).min(self.len());
                if width == 0 || first >= last { (0.0, 0.0) } else { self.extremes(first, last) }
            })
            .collect()
    }

    /// Extremes of samples first..last, which lie inside the sound; (0, 0) when none is a number.
    fn extremes(&self, first: usize, last: usize) -> (f32, f32) {
        let (mut low, mut high) = (first.div_ceil(BLOCK), last / BLOCK);
        let mut found = if low >= high {
            self.direct(first, last)
        } else {
            join(self.direct(first, low * BLOCK), self.direct(high * BLOCK, last))
        };
        for level in &self.levels {
            if low >= high {
                break;
            }
            while low < high && !low.is_multiple_of(FAN) {
                found = join(found, level[low]);
                low += 1;
            }
            while low < high && !high.is_multiple_of(FAN) {
                high -= 1;
                found = join(found, level[high]);
            }
            (low, high) = (low / FAN, high / FAN);
        }
        // What is left is on the top level, which has no level above to hand on to.
        if let Some(top) = self.levels.last() {
            found = top.get(low * FAN..high * FAN).into_iter().flatten().copied().fold(found, join);
        }
        if found.0 <= found.1 { found } else { (0.0, 0.0) }
    }

    fn direct(&self, first: usize, last: usize) -> (f32, f32) {
        let channels = usize::from(self.sound.channels);
        extremes(&self.sound.samples[first * channels..last * channels])
    }
}

fn join(a: (f32, f32), b: (f32, f32)) -> (f32, f32) {
    (a.0.min(b.0), a.1.max(b.1))
}

fn extremes(samples: &[f32]) -> (f32, f32) {
    samples
        .iter()
        .filter(|sample| sample.is_finite())
        .fold(NOTHING, |found, sample| join(found, (*sample, *sample)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clips::Chance;

    fn noise(samples: usize, channels: u16) -> Waveform {
        let mut chance = Chance::new(samples as u64, "peaks", &[]);
        let samples = (0..samples * usize::from(channels))
            .map(|index| if index % 9_973 == 5 { f32::NAN } else { chance.between(-1.0, 1.0) as f32 })
            .collect();
        Waveform { rate: 16_000, channels, samples }
    }

    #[test]
    fn every_range_equals_the_slow_way() {
        for (samples, channels) in
            [(0, 1), (1, 1), (63, 2), (64, 1), (65, 1), (1_024, 1), (40_000, 2), (70_001, 1)]
        {
            let sound = noise(samples, channels);
            let peaks = Peaks::of(&sound);
            let mut chance = Chance::new(7, "ranges", &[samples as u64]);
            for _ in 0..300 {
                let (a, b) = (chance.below(samples + 10), chance.below(samples + 200));
                let buckets = 1 + chance.below(40);
                let twin: Vec<_> = (0..buckets)
                    .map(|part| {
                        let width = b.saturating_sub(a);
                        let first = a + part * width / buckets;
                        let last = (a + (part + 1) * width / buckets).max(first + 1);
                        let mut found = NOTHING;
                        for index in first..last.min(samples) {
                            for channel in 0..usize::from(channels) {
                                let value = sound.samples[index * usize::from(channels) + channel];
                                found = (found.0.min(value), found.1.max(value));
                            }
                        }
                        if width > 0 && found.0 <= found.1 { found } else { (0.0, 0.0) }
                    })
                    .collect();
                assert_eq!(peaks.range(a, b, buckets), twin, "{a}..{b} in {buckets} of {samples}");
            }
        }
    }

    #[test]
    fn a_single_click_is_seen_at_every_zoom() {
        let mut samples = vec![0.0f32; 100_000];
        samples[54_321] = 0.9;
        let peaks = Peaks::of(&Waveform { rate: 16_000, channels: 1, samples: samples.into() });
        for buckets in [1, 2, 7, 100, 1_000, 99_999] {
            let highest =
                peaks.range(0, 100_000, buckets).into_iter().map(|(_, high)| high).fold(0.0, f32::max);
            assert_eq!(highest, 0.9);
        }
        assert!(
            peaks.range(5, 5, 3).iter().all(|peak| *peak == (0.0, 0.0)) && peaks.range(0, 9, 0).is_empty()
        );
    }
}
