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

    fn frame(values: &[(usize, f32)]) -> [f32; COEFFICIENT_COUNT] {
        let mut frame = [0.0; COEFFICIENT_COUNT];
        values.iter().for_each(|(column, value)| frame[*column] = *value);
        frame
    }

    /// The definition, written out: `v_world = Rz(roll) Ry(yaw) Rx(pitch) v`, y up, z to the camera.
    fn turned(pose: &HeadPose, [x, y, z]: [f32; 3]) -> [f32; 3] {
        let (s, c) = pose.pitch.sin_cos();
        let (y, z) = (c * y - s * z, s * y + c * z);
        let (s, c) = pose.yaw.sin_cos();
        let (x, z) = (c * x + s * z, c * z - s * x);
        let (s, c) = pose.roll.sin_cos();
        [c * x - s * y, s * x + c * y, z]
    }

    const NOSE: [f32; 3] = [0.0, 0.0, 1.0];
    const CROWN: [f32; 3] = [0.0, 1.0, 0.0];

    #[test]
    fn a_positive_rotation_about_x_nods_the_nose_down() {
        for (value, raw) in [(0.3, false), (PI + 0.3, true), (0.3 - PI, true)] {
            let pose = head_pose(&frame(&[(52, value)]), raw);
            assert!((pose.pitch - 0.3).abs() < 1e-5, "{value}: {pose:?}");
            assert!(turned(&pose, NOSE)[1] < -0.2, "the nose goes down");
        }
    }

    #[test]
    fn a_positive_rotation_about_y_turns_the_nose_to_the_subjects_left_which_is_image_right() {
        let pose = head_pose(&frame(&[(53, 0.3)]), false);
        assert!((pose.yaw - 0.3).abs() < 1e-6 && turned(&pose, NOSE)[0] > 0.2);
    }

    #[test]
    fn a_positive_rotation_about_z_tips_the_crown_to_the_image_left() {
        let pose = head_pose(&frame(&[(54, 0.3)]), false);
        assert!((pose.roll - 0.3).abs() < 1e-6 && turned(&pose, CROWN)[0] < -0.2);
    }

    #[test]
    fn translations_keep_their_signs_and_raw_depth_is_taken_off() {
        let raw = head_pose(&frame(&[(52, PI), (55, 0.1), (56, 0.2), (57, RAW_DEPTH + 0.3)]), true);
        let centred = head_pose(&frame(&[(55, 0.1), (56, 0.2), (57, 0.3)]), false);
        for axis in 0..3 {
            let wanted = [1.63, 3.26, 4.89][axis];
            assert!((raw.translation_cm[axis] - wanted).abs() < 1e-4, "raw, axis {axis}");
            assert!((centred.translation_cm[axis] - wanted).abs() < 1e-4, "centred, axis {axis}");
        }
    }

    #[test]
    fn raw_is_decided_by_the_median_so_a_lost_tracker_does_not_flip_a_clip() {
        let mut frames = vec![frame(&[(52, PI - 0.1)]); 9];
        frames[0][52] = 0.0;
        frames[1][52] = -PI + 0.05; // the same side of the circle
        assert!(is_raw(&frames));
        frames[..5].iter_mut().for_each(|frame| frame[52] = 0.1);
        assert!(!is_raw(&frames));
    }

    #[test]
    fn negative_weights_after_adding_a_mean_are_noise_and_are_cut_never_mirrored() {
        let shown = shown_blendshapes(&frame(&[(0, -0.4), (1, 0.4), (24, 3.0)]));
        assert_eq!((shown[0], shown[1], shown[24]), (0.0, 0.4, 1.2));
    }

    #[test]
    fn subtracting_a_mean_face_turns_a_raw_clip_into_a_centred_one_with_the_same_pose() {
        let mean = crate::synth::performance::mean_face();
        let raw = frame(&[(52, PI + 0.2), (53, 0.1), (54, -0.1), (55, 0.5), (57, RAW_DEPTH - 0.5)]);
        let centred: [f32; COEFFICIENT_COUNT] = std::array::from_fn(|column| raw[column] - mean[column]);
        let (a, b) = (head_pose(&raw, true), head_pose(&centred, false));
        assert!((a.pitch - b.pitch).abs() < 1e-5 && a.yaw == b.yaw && a.roll == b.roll);
        assert!((0..3).all(|axis| (a.translation_cm[axis] - b.translation_cm[axis]).abs() < 1e-4));
    }
}
