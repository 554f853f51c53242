//! Blinks and glances for motion whose data has none. Never on by itself, and whoever turns it on says so beside the
//! face: what is added is invented, the same for the same seed, and tells nothing about the person.

use crate::expression::Expression;
use crate::names::index_of;

/// What was added to a motion; both false where the data has its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// Blinks.
    pub blinks: bool,
    /// Small movements of the eyes.
    pub gaze: bool,
}

impl Added {
    /// Whether the face shows something that is not in the data.
    pub fn any(&self) -> bool {
        self.blinks || self.gaze
    }
}

/// Weights below this over a whole motion count as none.
const NOTHING: f32 = 0.05;
/// Shut, held and open again, seconds.
const BLINK: [f32; 3] = [0.08, 0.04, 0.16];

const LIDS: [&str; 2] = ["eyeBlinkLeft", "eyeBlinkRight"];
/// To the image right, to its left, up and down; both eyes together.
const LOOKS: [[&str; 2]; 4] = [
    ["eyeLookOutLeft", "eyeLookInRight"],
    ["eyeLookInLeft", "eyeLookOutRight"],
    ["eyeLookUpLeft", "eyeLookUpRight"],
    ["eyeLookDownLeft", "eyeLookDownRight"],
];

/// A small generator (splitmix64, Steele et al. 2014), so that a seed means the same everywhere.
struct Chance(u64);

impl Chance {
    /// 0..1.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1_u64 << 24) as f32
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.next()
    }
}

/// Adds blinks and glances to a motion of `rate` frames a second where it has none of its own; says which.
pub fn add_life(frames: &mut [Expression], rate: f32, seed: u64) -> Added {
    let rate = if rate.is_finite() && rate > 0.0 { rate } else { 25.0 };
    let has = |names: &[&str]| {
        let shapes: Vec<usize> = names.iter().filter_map(|n| index_of(n)).collect();
        frames.iter().any(|f| shapes.iter().any(|s| f.weights[*s] > NOTHING))
    };
    let looks: Vec<&str> = LOOKS.iter().flatten().copied().collect();
    let added = Added { blinks: !frames.is_empty() && !has(&LIDS), gaze: !frames.is_empty() && !has(&looks) };
    let seconds = frames.len() as f32 / rate;
    if added.blinks {
        let mut chance = Chance(seed);
        let mut at = chance.between(0.6, 3.0);
        while at < seconds {
            for (i, frame) in frames.iter_mut().enumerate() {
                let lid = shut(i as f32 / rate - at);
                if lid > 0.0 {
                    raise(frame, &LIDS, lid);
                }
            }
            // people blink every few seconds, and now and then twice
            at += if chance.next() < 0.12 { 0.35 } else { chance.between(1.8, 6.0) };
        }
    }
    if added.gaze {
        let mut chance = Chance(seed ^ 0x6761_7a65);
        let mut until = 0.0;
        let (mut from, mut to, mut since) = ([0.0_f32; 2], [0.0_f32; 2], 0.0);
        for (i, frame) in frames.iter_mut().enumerate() {
            let now = i as f32 / rate;
            if now >= until {
                (from, since) = (to, now);
                // most of the time a listener looks at the speaker
                let away = chance.next() < 0.3;
                let reach = if away { 0.35 } else { 0.06 };
                to = [chance.between(-reach, reach), chance.between(-0.6 * reach, 0.4 * reach)];
                until = now + if away { chance.between(0.4, 1.2) } else { chance.between(0.8, 3.0) };
            }
            let t = ((now - since) / 0.06).clamp(0.0, 1.0);
            let [x, y] = [0, 1].map(|k| from[k] + (to[k] - from[k]) * t);
            for (names, amount) in LOOKS.iter().zip([x, -x, y, -y]) {
                raise(frame, names, amount.max(0.0));
            }
        }
    }
    added
}

/// How far lids are shut so many seconds after a blink began.
fn shut(t: f32) -> f32 {
    let [down, hold, up] = BLINK;
    if t < 0.0 || t > down + hold + up {
        0.0
    } else if t < down {
        t / down
    } else {
        (1.0 - (t - down - hold).max(0.0) / up).clamp(0.0, 1.0)
    }
}

fn raise(frame: &mut Expression, names: &[&str], weight: f32) {
    for shape in names.iter().filter_map(|n| index_of(n)) {
        frame.weights[shape] = frame.weights[shape].max(weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blinks(frames: &[Expression]) -> usize {
        let lid = index_of("eyeBlinkLeft").unwrap();
        frames.windows(2).filter(|w| w[0].weights[lid] < 0.5 && w[1].weights[lid] >= 0.5).count()
    }

    #[test]
    fn a_still_face_blinks_as_often_as_people_do_and_the_same_for_the_same_seed() {
        let mut one = vec![Expression::default(); 1500];
        let mut two = one.clone();
        let mut other = one.clone();
        assert_eq!(add_life(&mut one, 25.0, 7), Added { blinks: true, gaze: true });
        add_life(&mut two, 25.0, 7);
        add_life(&mut other, 25.0, 8);
        assert_eq!(one, two);
        assert_ne!(one, other);
        assert!((8..40).contains(&blinks(&one)), "{} blinks a minute", blinks(&one));
        assert!(one.iter().all(|f| f.weights.iter().all(|w| (0.0..=1.0).contains(w))));
    }

    #[test]
    fn what_the_data_has_is_left_alone() {
        let mut frames = vec![Expression::default(); 200];
        frames[30] = frames[30].with(&[("eyeBlink", 1.0), ("eyeLookUp", 0.3)]);
        let before = frames.clone();
        assert!(!add_life(&mut frames, 25.0, 1).any());
        assert_eq!(frames, before);
        assert!(!add_life(&mut [], 25.0, 1).any());
    }
}
