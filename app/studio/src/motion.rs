//! What a face does over a clip: one expression and pose a frame, ready for the renderer.
//!
//! From coefficients where there are some (raw tracker output or relative to a mean face, which the whole clip
//! decides), else from action units, else from expressions with valence and arousal; the latter two with display
//! smoothing, because labels are 0 or 1, and a face that jumps between them looks broken. Every motion knows which of them it is, and views print it.

use clips::arkit::{self, FaceSource};
use clips::channels::{ATTRIBUTE_COUNT, AU, AU_COUNT, BLENDSHAPE_COUNT, COEFFICIENT_COUNT};
use clips::dials::{Dial, Dials};
use clips::time::FRAMES_PER_SECOND;
use clips::{Streams, pose};
use face::{Expression, Pose};

/// Rise and fall of a shown action unit, in milliseconds.
const ATTACK_MS: f32 = 80.0;
const RELEASE_MS: f32 = 160.0;
/// How strongly a label of 1 is shown.
const GAIN: f32 = 0.7;

/// The face of one person or take, frame by frame.
#[derive(Debug, Clone)]
pub struct Motion {
    /// What it was made from.
    pub source: FaceSource,
    /// One expression a frame.
    pub frames: Vec<Expression>,
    /// The action units of each frame, 0..1, where they are what the face was made from; else empty.
    units: Vec<[f32; AU_COUNT]>,
}

impl Motion {
    /// The face of what is known of a person; `None` when neither coefficients nor attributes are.
    pub fn of(streams: &Streams) -> Option<Self> {
        match (&streams.coefficients, &streams.attributes) {
            (Some(rows), _) if !rows.is_empty() => Some(Self::of_coefficients(rows)),
            (_, Some(rows)) if !rows.is_empty() => Some(Self::of_attributes(rows)),
            _ => None,
        }
    }

    /// From coefficients, raw or centred.
    pub fn of_coefficients(rows: &[[f32; COEFFICIENT_COUNT]]) -> Self {
        let raw = pose::is_raw(rows);
        let frames = rows
            .iter()
            .map(|row| Expression {
                weights: pose::shown_blendshapes(row).map(finite),
                pose: pose_of(pose::head_pose(row, raw)),
            })
            .collect();
        Self::of_frames(FaceSource::Coefficients, frames)
    }

    /// From attributes, smoothed for display.
    pub fn of_attributes(rows: &[[f32; ATTRIBUTE_COUNT]]) -> Self {
        let frame_ms = 1000.0 / FRAMES_PER_SECOND as f32;
        let [rise, fall] = [ATTACK_MS, RELEASE_MS].map(|time| 1.0 - (-frame_ms / time).exp());
        let mut shown = [0.0f32; BLENDSHAPE_COUNT];
        let mut started = false;
        let source = arkit::source_of(rows);
        let frames = rows
            .iter()
            .map(|row| {
                let goal = arkit::from_attributes(row, source, GAIN).map(finite);
                for (value, goal) in shown.iter_mut().zip(goal) {
                    let share = if !started {
                        1.0
                    } else if goal > *value {
                        rise
                    } else {
                        fall
                    };
                    *value += share * (goal - *value);
                }
                started = true;
                Expression { weights: shown, pose: Pose::default() }
            })
            .collect();
        let driven = source == FaceSource::Attributes;
        let units = if driven { rows.iter().map(units_of).collect() } else { Vec::new() };
        Self { source, frames, units }
    }

    /// The one frame of a face that is set by hand.
    pub fn of_dials(dials: &Dials) -> Self {
        let weights = dials.weights().map(finite);
        let frames = vec![Expression { weights, pose: pose_of(dials.head_pose()) }];
        let set = std::array::from_fn(|unit| dials.get(Dial::Attribute(AU.start + unit)));
        let units = if dials.source == FaceSource::Attributes { vec![set] } else { Vec::new() };
        Self { source: dials.source, frames, units }
    }

    /// Faces as they are, of which nothing else is known.
    pub fn of_frames(source: FaceSource, frames: Vec<Expression>) -> Self {
        Self { source, frames, units: Vec::new() }
    }

    /// Where the head has pointed up to a frame.
    pub fn trail(&self, frame: usize) -> face::Trail {
        face::Trail::of((0..face::MOST_TRAIL).filter_map(|k| frame.checked_sub(k)).map(|at| self.at(at)))
    }

    /// How strongly each action unit is shown: the units that the face was made from, else as worked back from its shapes.
    pub fn activity(&self, frame: usize) -> [f32; AU_COUNT] {
        let known = self.units.get(frame).or(self.units.last());
        known.copied().unwrap_or_else(|| self.at(frame).activity())
    }

    /// The face of a frame; the last one beyond the end, a neutral one when there is none.
    pub fn at(&self, frame: usize) -> Expression {
        self.frames.get(frame).or(self.frames.last()).copied().unwrap_or_default()
    }
}

fn units_of(row: &[f32; ATTRIBUTE_COUNT]) -> [f32; AU_COUNT] {
    std::array::from_fn(|unit| finite(row[AU.start + unit]).clamp(0.0, 1.0))
}

fn finite(value: f32) -> f32 {
    if value.is_finite() { value } else { 0.0 }
}

/// Poses beyond what a neck can do are tracking failures.
fn pose_of(head: pose::HeadPose) -> Pose {
    let limited = |value: f32, most: f32| finite(value).clamp(-most, most);
    Pose {
        pitch: limited(head.pitch, 1.0),
        yaw: limited(head.yaw, 1.2),
        roll: limited(head.roll, 0.9),
        translation_cm: head.translation_cm.map(|value| limited(value, 12.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_rises_faster_than_it_falls_and_never_jumps() {
        let mut rows = vec![[0.0; ATTRIBUTE_COUNT]; 30];
        rows[10..20].iter_mut().for_each(|row| row[7] = 1.0);
        let motion = Motion::of_attributes(&rows);
        let smile = clips::channels::blendshape("mouthSmileLeft").unwrap();
        let at = |frame: usize| motion.frames[frame].weights[smile];
        assert_eq!(at(9), 0.0);
        let (risen, fallen) = (at(11) / GAIN, 1.0 - at(21) / at(19));
        assert!(risen > fallen && at(10) > 0.0 && at(10) < 0.6 * GAIN && at(19) > 0.65, "{risen} {fallen}");
    }

    #[test]
    fn broken_numbers_are_no_broken_faces() {
        let motion = Motion::of_coefficients(&[[f32::NAN; COEFFICIENT_COUNT], [9e9; COEFFICIENT_COUNT]]);
        for frame in &motion.frames {
            assert!(frame.weights.iter().all(|weight| (0.0..=1.2).contains(weight)));
            assert!(
                frame.pose.pitch.abs() <= 1.0 && frame.pose.translation_cm.iter().all(|t| t.abs() <= 12.0)
            );
        }
    }
}
