//! Names and order of every column: 25 facial attributes, 58 3DMM coefficients.
//!
//! Order as in REACT 2024 (`Emotion/*.csv`, `3D_FV_files/*.npy`); the 52 expression coefficients of FaceVerse v2 are
//! Apple's face blendshapes in alphabetical order. Read by position: header text of the shipped files is not
//! trustworthy.

use std::ops::Range;

/// Columns of the attributes.
pub const ATTRIBUTE_COUNT: usize = 25;
/// Columns of the coefficients.
pub const COEFFICIENT_COUNT: usize = 58;
/// Action units among the attributes.
pub const AU_COUNT: usize = 15;
/// Expression coefficients (blendshapes) among the coefficients.
pub const BLENDSHAPE_COUNT: usize = 52;

/// Attribute columns 0..15: occurrence of action units.
pub const AU: Range<usize> = 0..15;
/// Attribute column of valence, -1..1.
pub const VALENCE: usize = 15;
/// Attribute column of arousal, -1..1.
pub const AROUSAL: usize = 16;
/// Attribute columns 17..25: expression probabilities.
pub const EXPRESSIONS: Range<usize> = 17..25;
/// Coefficient columns 52..55: rotation about x, y, z in radians.
pub const ROTATION: Range<usize> = 52..55;
/// Coefficient columns 55..58: translation in FaceVerse v2 units (about 163 mm).
pub const TRANSLATION: Range<usize> = 55..58;

/// Names of the 25 attribute columns.
pub const ATTRIBUTES: [&str; ATTRIBUTE_COUNT] = [
    "AU1", "AU2", "AU4", "AU6", "AU7", "AU9", "AU10", "AU12", "AU14", "AU15", "AU17", "AU23", "AU24", "AU25",
    "AU26", "valence", "arousal", "Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Anger",
    "Contempt",
];

/// What each action unit does, in the order of [`ATTRIBUTES`] (FACS).
pub const AU_MEANINGS: [&str; AU_COUNT] = [
    "inner brow raiser",
    "outer brow raiser",
    "brow lowerer",
    "cheek raiser",
    "lid tightener",
    "nose wrinkler",
    "upper lip raiser",
    "lip corner puller",
    "dimpler",
    "lip corner depressor",
    "chin raiser",
    "lip tightener",
    "lip pressor",
    "lips part",
    "jaw drop",
];

/// A word or two for what a raised column looks like; empty where there is none.
pub fn word(column: usize) -> &'static str {
    const WORDS: [&str; ATTRIBUTE_COUNT] = [
        "inner brow up",
        "brow up",
        "brow down",
        "cheek raise",
        "lid tighten",
        "nose wrinkle",
        "upper lip up",
        "smile",
        "dimple",
        "lip corner down",
        "chin raise",
        "lip tighten",
        "lip press",
        "lips part",
        "jaw drop",
        "pleased",
        "aroused",
        "neutral",
        "happy",
        "sad",
        "surprised",
        "fearful",
        "disgusted",
        "angry",
        "contempt",
    ];
    WORDS.get(column).copied().unwrap_or_default()
}

/// Names of the 52 blendshapes, alphabetical (FaceVerse v2 order). Left and right are the subject's.
pub const BLENDSHAPES: [&str; BLENDSHAPE_COUNT] = [
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "eyeLookDownLeft",
    "eyeLookDownRight",
    "eyeLookInLeft",
    "eyeLookInRight",
    "eyeLookOutLeft",
    "eyeLookOutRight",
    "eyeLookUpLeft",
    "eyeLookUpRight",
    "eyeSquintLeft",
    "eyeSquintRight",
    "eyeWideLeft",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthFunnel",
    "mouthLeft",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "noseSneerLeft",
    "noseSneerRight",
    "tongueOut",
];

/// Position of an attribute by its name ("AU12"; case matters); `None` when there is no such column.
pub fn attribute(name: &str) -> Option<usize> {
    ATTRIBUTES.iter().position(|known| *known == name)
}

/// Position of a blendshape by its name, ignoring case (FaceVerse files write some names with a capital).
pub fn blendshape(name: &str) -> Option<usize> {
    BLENDSHAPES.iter().position(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blendshapes_are_alphabetical_and_where_the_tracker_reads_them() {
        assert!(BLENDSHAPES.is_sorted_by_key(|name| name.to_lowercase()));
        // the v3 tracker treats 8 and 9 as the blinks; smiling photographs peak at 43 and 44
        assert_eq!(blendshape("eyeblinkleft"), Some(8));
        assert_eq!(blendshape("mouthSmileRight"), Some(44));
        assert_eq!(attribute("AU12"), Some(7));
        assert_eq!(attribute("Contempt"), Some(24));
    }
}
