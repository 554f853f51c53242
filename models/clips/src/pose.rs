//! Head pose out of the six pose coefficients, in a y-up, z-forward world.
//!
//! Raw FaceVerse v2 files have the rotation about x near pi (their mesh is y-down, z-back) and the translation in z
//! near +6; centred files have the corpus mean subtracted and are about 0. Which of the two a clip is, is decided
//! by the median of |rotation x| over the clip, never frame by frame.
//!
//! Positive pitch nods down, positive yaw turns to the subject's left (image right), positive roll tips the crown
//! to the image left. Vertices move as `Rz(roll) Ry(yaw) Rx(pitch) v + t`.

use std::f32::consts::{FRAC_PI_2, PI, TAU};

use crate::channels::COEFFICIENT_COUNT;

/// Length of one FaceVerse v2 unit in centimetres.
pub const CENTIMETRES_PER_UNIT: f32 = 16.3;
/// Translation z at which raw FaceVerse tracking starts.
const RAW_DEPTH: f32 = 6.0;

/// Head pose of one frame.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HeadPose {
    /// Radians, positive nods down.
    pub pitch: f32,
    /// Radians, positive turns to the subject's left.
    pub yaw: f32,
    /// Radians, positive tips the crown to the image left.
    pub roll: f32,
    /// Centimetres, x to the subject's left, y up, z towards the camera.
    pub translation_cm: [f32; 3],
}

/// Whether these coefficients are raw tracker output (rotation x near pi) and not centred on the corpus mean.
pub fn is_raw(frames: &[[f32; COEFFICIENT_COUNT]]) -> bool {
    let mut angles: Vec<f32> = frames.iter().map(|frame| wrapped(frame[52]).abs()).collect();
    if angles.is_empty() {
        return false;
    }
    let middle = angles.len() / 2;
    *angles.select_nth_unstable_by(middle, f32::total_cmp).1 > FRAC_PI_2
}

/// Pose of one frame; `raw` as [`is_raw`] says of the whole clip.
pub fn head_pose(frame: &[f32; COEFFICIENT_COUNT], raw: bool) -> HeadPose {
    let depth = if raw { RAW_DEPTH } else { 0.0 };
    HeadPose {
        pitch: if raw { wrapped(frame[52] - PI) } else { frame[52] },
        yaw: frame[53],
        roll: frame[54],
        translation_cm: [
            frame[55] * CENTIMETRES_PER_UNIT,
            frame[56] * CENTIMETRES_PER_UNIT,
            (frame[57] - depth) * CENTIMETRES_PER_UNIT,
        ],
    }
}

/// The 52 blendshape weights of a frame as a head shows them: negative values (after adding a mean) are noise.
pub fn shown_blendshapes(frame: &[f32; COEFFICIENT_COUNT]) -> [f32; 52] {
    std::array::from_fn(|index| frame[index].clamp(0.0, 1.2))
}

fn wrapped(angle: f32) -> f32 {
    let turned = (angle + PI).rem_euclid(TAU) - PI;
    if turned.is_finite() { turned } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_and_centred_files_show_the_same_nod() {
        let mut centred = [[0.0f32; COEFFICIENT_COUNT]; 9];
        let mut raw = centred;
        for (index, frame) in centred.iter_mut().enumerate() {
            frame[52] = 0.02 * index as f32;
            raw[index][52] = PI + 0.02 * index as f32;
            raw[index][57] = RAW_DEPTH;
        }
        assert!(is_raw(&raw) && !is_raw(&centred) && !is_raw(&[]));
        for (a, b) in centred.iter().zip(&raw) {
            let (a, b) = (head_pose(a, false), head_pose(b, true));
            assert!((a.pitch - b.pitch).abs() < 1e-5 && b.translation_cm[2].abs() < 1e-5);
        }
    }
}
