//! From one state of a face over time to its streams: attributes and coefficients that agree by construction.
//!
//! A [`Performance`] says what the person does (action unit levels, affect, articulation, head); [`perform`] adds what
//! every living face adds (blinks, gaze, slow drift, measurement noise) and writes both streams from the same numbers.
//! The coefficients follow the tables of [`crate::arkit`]. The synthetic corpus and the demo clips both come through
//! here. It draws nothing and knows no file.

use crate::arkit::{self, Blendshapes};
use crate::chance::Chance;
use crate::channels::{AROUSAL, AU_COUNT, BLENDSHAPE_COUNT, EXPRESSIONS, VALENCE, blendshape};
use crate::streams::{Attributes, Coefficients};
use crate::synth::world::REST_LOGITS;
use crate::time::FRAMES_PER_SECOND;

/// What a person does, frame by frame. All vectors have the same length.
#[derive(Debug, Clone, Default)]
pub struct Performance {
    /// Action unit levels in 0..1; the label is 1 above 0.5.
    pub action_units: Vec<[f32; AU_COUNT]>,
    /// Valence in -1..1.
    pub valence: Vec<f32>,
    /// Arousal in -1..1.
    pub arousal: Vec<f32>,
    /// Logits of the 8 expressions, without noise.
    pub expression_logits: Vec<[f32; 8]>,
    /// Speech articulation: blendshape weights added to what the action units show.
    pub articulation: Vec<Blendshapes>,
    /// Pitch, yaw, roll in radians and translation in FaceVerse units, relative to rest.
    pub head: Vec<[f32; 6]>,
    /// Frames at which something ends and a blink is likely.
    pub blink_cues: Vec<usize>,
    /// Share of the time the person looks away (a speaker planning: 0.3; a listener: 0.06).
    pub looks_away: f32,
}

impl Performance {
    /// A resting performance of the given length.
    pub fn at_rest(frames: usize) -> Self {
        Self {
            action_units: vec![[0.0; AU_COUNT]; frames],
            valence: vec![0.0; frames],
            arousal: vec![0.0; frames],
            expression_logits: vec![REST_LOGITS; frames],
            articulation: vec![[0.0; BLENDSHAPE_COUNT]; frames],
            head: vec![[0.0; 6]; frames],
            blink_cues: Vec::new(),
            looks_away: 0.06,
        }
    }

    /// Frames.
    pub fn frames(&self) -> usize {
        self.action_units.len()
    }
}

/// The mean face of the synthetic world: blendshapes at rest, rotation x at pi, translation z at 6, as the raw
/// FaceVerse tracker has them. Written as `mean_face.npy`.
pub fn mean_face() -> [f32; 58] {
    let mut mean = [0.0; 58];
    mean[..BLENDSHAPE_COUNT].fill(0.02);
    mean[52] = std::f32::consts::PI;
    mean[57] = 6.0;
    mean
}

/// Writes the streams of a performance: attributes, and raw coefficients (mean face included). `chance` draws
/// blinks, gaze, drift and noise; the same chance gives the same bytes.
pub fn perform(performance: &Performance, chance: &mut Chance) -> (Attributes, Coefficients) {
    let frames = performance.frames();
    let blinks = blinks(performance, chance);
    let gaze = gaze(frames, performance.looks_away, chance);
    let drift: [Drift; 3] =
        std::array::from_fn(|axis| Drift::drawn(if axis == 2 { 0.010 } else { 0.018 }, chance));
    let mean = mean_face();
    let mut noise = Noise::start(chance);
    let mut attributes = Vec::with_capacity(frames);
    let mut coefficients = Vec::with_capacity(frames);
    for t in 0..frames {
        noise.step(chance);
        attributes.push(attribute_row(performance, t, &noise, chance));

        let mut face = arkit::from_action_units(&performance.action_units[t]);
        let (v, a) = (performance.valence[t], performance.arousal[t]);
        let mood = arkit::from_expressions(&[0.0; 8], v, a);
        for (index, weight) in face.iter_mut().enumerate() {
            *weight += 0.35 * mood[index] + performance.articulation[t][index];
        }
        let lids = blinks[t].max(0.0);
        for name in ["eyeWide", "eyeSquint"] {
            scale(&mut face, name, 1.0 - lids);
        }
        arkit::add(&mut face, "eyeBlink", lids);
        look(&mut face, gaze[t]);
        let mut row = [0.0f32; 58];
        for index in 0..BLENDSHAPE_COUNT {
            let quiet = if (8..=17).contains(&index) { 0.3 } else { 1.0 }; // lids and eyes are tracked steadily
            row[index] =
                (face[index].clamp(0.0, 1.1) + quiet * noise.blendshapes[index] as f32 + mean[index])
                    .max(0.0);
        }
        let seconds = t as f32 / FRAMES_PER_SECOND as f32;
        for axis in 0..3 {
            row[52 + axis] = mean[52 + axis]
                + performance.head[t][axis]
                + drift[axis].at(seconds)
                + noise.pose[axis] as f32;
            row[55 + axis] = mean[55 + axis] + performance.head[t][3 + axis] + noise.pose[3 + axis] as f32;
        }
        coefficients.push(row);
    }
    (attributes, coefficients)
}

fn attribute_row(performance: &Performance, t: usize, noise: &Noise, chance: &mut Chance) -> [f32; 25] {
    let mut row = [0.0f32; 25];
    for unit in 0..AU_COUNT {
        let fires = performance.action_units[t][unit] > 0.5;
        row[unit] = f32::from(u8::from(fires != chance.happens(0.004)));
    }
    row[VALENCE] = (performance.valence[t] + noise.affect[0] as f32).clamp(-1.0, 1.0);
    row[AROUSAL] = (performance.arousal[t] + noise.affect[1] as f32).clamp(-1.0, 1.0);
    let logits: [f64; 8] = std::array::from_fn(|index| {
        f64::from(performance.expression_logits[t][index]) + noise.expressions[index]
    });
    let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let raised = logits.map(|logit| (logit - highest).exp());
    let total: f64 = raised.iter().sum();
    for (column, value) in EXPRESSIONS.zip(raised) {
        row[column] = (value / total) as f32;
    }
    row
}

/// Ornstein-Uhlenbeck noise of the trackers: correlated over about half a second.
struct Noise {
    affect: [f64; 2],
    expressions: [f64; 8],
    blendshapes: [f64; BLENDSHAPE_COUNT],
    pose: [f64; 6],
}

/// Share kept from frame to frame.
const MEMORY: f64 = 0.92;

impl Noise {
    fn start(chance: &mut Chance) -> Self {
        Self {
            affect: std::array::from_fn(|_| 0.02 * chance.normal()),
            expressions: std::array::from_fn(|_| 0.15 * chance.normal()),
            blendshapes: std::array::from_fn(|_| 0.02 * chance.normal()),
            pose: std::array::from_fn(|_| 0.006 * chance.normal()),
        }
    }

    fn step(&mut self, chance: &mut Chance) {
        let fresh = (1.0 - MEMORY * MEMORY).sqrt();
        let mut renew = |values: &mut [f64], spread: f64| {
            for value in values {
                *value = MEMORY * *value + fresh * spread * chance.normal();
            }
        };
        renew(&mut self.affect, 0.02);
        renew(&mut self.expressions, 0.15);
        renew(&mut self.blendshapes, 0.02);
        renew(&mut self.pose, 0.006);
    }
}

/// Breathing-slow sway of one axis: two sines of 0.2 to 0.3 Hz and below.
struct Drift {
    amplitude: f32,
    frequency: [f32; 2],
    phase: [f32; 2],
}

impl Drift {
    fn drawn(amplitude: f32, chance: &mut Chance) -> Self {
        Self {
            amplitude,
            frequency: [chance.between(0.2, 0.3) as f32, chance.between(0.05, 0.12) as f32],
            phase: std::array::from_fn(|_| chance.between(0.0, std::f64::consts::TAU) as f32),
        }
    }

    fn at(&self, seconds: f32) -> f32 {
        let wave = |which: usize| {
            (std::f32::consts::TAU * self.frequency[which] * seconds + self.phase[which]).sin()
        };
        self.amplitude * (0.6 * wave(0) + wave(1))
    }
}

/// Lid closure per frame: about 15 blinks a minute, 200 ms each, more likely at cues.
fn blinks(performance: &Performance, chance: &mut Chance) -> Vec<f32> {
    const SHAPE: [f32; 5] = [0.45, 1.0, 1.0, 0.55, 0.2];
    let frames = performance.frames();
    let mut lids = vec![0.0f32; frames];
    let mut next = chance.between(0.0, 130.0) as usize;
    let mut starts = Vec::new();
    while next < frames {
        starts.push(next);
        next += 16 + (-(1.0 - chance.uniform()).ln() * 105.0) as usize;
    }
    for cue in &performance.blink_cues {
        if chance.happens(0.12) {
            starts.push(cue + chance.below(6));
        }
    }
    starts.sort_unstable();
    starts.dedup_by(|later, earlier| *later < *earlier + 10);
    for start in starts {
        for (offset, closure) in SHAPE.iter().enumerate() {
            if let Some(lid) = lids.get_mut(start + offset) {
                *lid = lid.max(*closure);
            }
        }
    }
    lids
}

/// Gaze per frame (left positive, up positive, in -1..1): fixations joined by saccades of one frame.
fn gaze(frames: usize, looks_away: f32, chance: &mut Chance) -> Vec<[f32; 2]> {
    let mut path = Vec::with_capacity(frames);
    while path.len() < frames {
        let away = chance.happens(f64::from(looks_away));
        let reach = if away { 0.55 } else { 0.07 };
        let target = [
            (reach * chance.normal()).clamp(-0.9, 0.9) as f32,
            (0.6 * reach * chance.normal()).clamp(-0.7, 0.7) as f32,
        ];
        let hold = if away { chance.between(12.0, 40.0) } else { chance.between(20.0, 70.0) } as usize;
        path.extend(std::iter::repeat_n(target, hold.min(frames - path.len())));
    }
    path
}

fn look(face: &mut Blendshapes, [left, up]: [f32; 2]) {
    let pairs =
        if left >= 0.0 { ["eyeLookOutLeft", "eyeLookInRight"] } else { ["eyeLookInLeft", "eyeLookOutRight"] };
    for name in pairs {
        arkit::add(face, name, left.abs());
    }
    arkit::add(face, if up >= 0.0 { "eyeLookUp" } else { "eyeLookDown" }, up.abs());
}

fn scale(face: &mut Blendshapes, name: &str, factor: f32) {
    for side in ["Left", "Right"] {
        if let Some(index) = blendshape(&format!("{name}{side}")) {
            face[index] *= factor;
        }
    }
}
