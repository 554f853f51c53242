//! The table that Live Link Face writes: one line a frame, 52 weights, head and eye angles.
//!
//! Columns and their order are those of the app's recordings: `Timecode`, `BlendshapeCount` (61), Apple's 52 names with a
//! capital letter in Apple's order, then yaw, pitch and roll of the head and of both eyes, in radians. Ours: a positive
//! pitch nods down, a positive yaw turns to the subject's left, a positive roll tips the crown to the subject's right
//! shoulder (image left). Eye angles follow from the gaze weights.

use crate::expression::Expression;
use crate::names::index_of;
use std::fmt::Write;

/// The columns after `Timecode` and `BlendshapeCount`.
pub const COLUMNS: [&str; 61] = [
    "EyeBlinkLeft",
    "EyeLookDownLeft",
    "EyeLookInLeft",
    "EyeLookOutLeft",
    "EyeLookUpLeft",
    "EyeSquintLeft",
    "EyeWideLeft",
    "EyeBlinkRight",
    "EyeLookDownRight",
    "EyeLookInRight",
    "EyeLookOutRight",
    "EyeLookUpRight",
    "EyeSquintRight",
    "EyeWideRight",
    "JawForward",
    "JawRight",
    "JawLeft",
    "JawOpen",
    "MouthClose",
    "MouthFunnel",
    "MouthPucker",
    "MouthRight",
    "MouthLeft",
    "MouthSmileLeft",
    "MouthSmileRight",
    "MouthFrownLeft",
    "MouthFrownRight",
    "MouthDimpleLeft",
    "MouthDimpleRight",
    "MouthStretchLeft",
    "MouthStretchRight",
    "MouthRollLower",
    "MouthRollUpper",
    "MouthShrugLower",
    "MouthShrugUpper",
    "MouthPressLeft",
    "MouthPressRight",
    "MouthLowerDownLeft",
    "MouthLowerDownRight",
    "MouthUpperUpLeft",
    "MouthUpperUpRight",
    "BrowDownLeft",
    "BrowDownRight",
    "BrowInnerUp",
    "BrowOuterUpLeft",
    "BrowOuterUpRight",
    "CheekPuff",
    "CheekSquintLeft",
    "CheekSquintRight",
    "NoseSneerLeft",
    "NoseSneerRight",
    "TongueOut",
    "HeadYaw",
    "HeadPitch",
    "HeadRoll",
    "LeftEyeYaw",
    "LeftEyePitch",
    "LeftEyeRoll",
    "RightEyeYaw",
    "RightEyePitch",
    "RightEyeRoll",
];

/// Degrees that a gaze weight of 1 turns the eye: down, up, in, out.
const GAZE: [f32; 4] = [22.0, 20.0, 26.0, 27.0];

/// The table of `frames` at `rate` whole frames a second (1 to 999), from timecode 00:00:00:00.
pub fn csv(frames: &[Expression], rate: u32) -> String {
    let rate = rate.clamp(1, 999) as usize;
    let mut out = format!("Timecode,BlendshapeCount,{}\n", COLUMNS.join(","));
    for (number, frame) in frames.iter().enumerate() {
        let (seconds, rest) = (number / rate, number % rate);
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        let _ = write!(out, "{hours:02}:{minutes:02}:{:02}:{rest:02}.000,{}", seconds % 60, COLUMNS.len());
        let drawn = frame.drawn_weights();
        let weight = |name: &str| index_of(name).map_or(0.0, |i| drawn[i]);
        let pose = frame.pose.sane();
        let eye = |side: &str, inwards: f32| {
            let [down, up, inner, outer] =
                ["Down", "Up", "In", "Out"].map(|way| weight(&format!("eyeLook{way}{side}")));
            let yaw = inwards * (GAZE[2] * inner - GAZE[3] * outer);
            [yaw.to_radians(), (GAZE[0] * down - GAZE[1] * up).to_radians(), 0.0]
        };
        // looking in turns the left eye to the subject's right
        let angles = [[pose.yaw, pose.pitch, pose.roll], eye("Left", -1.0), eye("Right", 1.0)];
        for value in COLUMNS[..52].iter().map(|name| weight(name)).chain(angles.into_iter().flatten()) {
            // no "-0.000000"
            let _ = write!(out, ",{:.6}", (value * 1e6).round() / 1e6 + 0.0);
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::NAMES;

    #[test]
    fn the_columns_are_our_52_names_and_nine_angles() {
        let mut ours: Vec<String> = NAMES.iter().map(|n| n.to_lowercase()).collect();
        let mut theirs: Vec<String> = COLUMNS[..52].iter().map(|n| n.to_lowercase()).collect();
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn a_line_reads_back_as_the_frame_it_was_made_of() {
        let e =
            Expression::default().with(&[("jawOpen", 0.25), ("eyeLookInLeft", 1.0)]).posed(0.1, -0.2, 0.3);
        let frames = vec![e; 60];
        let text = csv(&frames, 25);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        assert_eq!(lines.len(), 61);
        assert!(lines.iter().all(|line| line.len() == 63));
        assert_eq!(
            (lines[1][0], lines[28][0], lines[60][0]),
            ("00:00:00:00.000", "00:00:01:02.000", "00:00:02:09.000")
        );
        assert_eq!(lines[1][1], "61");
        let at = |name: &str| {
            lines[7][2 + COLUMNS.iter().position(|c| *c == name).unwrap()].parse::<f32>().unwrap()
        };
        assert_eq!((at("JawOpen"), at("HeadPitch"), at("HeadYaw"), at("HeadRoll")), (0.25, 0.1, -0.2, 0.3));
        assert!((at("LeftEyeYaw") + 26f32.to_radians()).abs() < 1e-5 && at("RightEyeYaw") == 0.0);
    }

    #[test]
    fn broken_numbers_do_not_reach_the_table() {
        let mut e = Expression { weights: [f32::NAN; 52], ..Expression::default() };
        e.pose.yaw = f32::INFINITY;
        let text = csv(&[e], 25);
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}
