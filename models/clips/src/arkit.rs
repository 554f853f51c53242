//! From what a listener does to what a face shows: action units, expressions and valence/arousal as the 52
//! blendshapes, and the approximate way back.
//!
//! The tables are our own reading of FACS. A face that is shown from them is not a measurement: every
//! view names its [`FaceSource`]. The synthetic corpus uses the same tables in the other direction, so that its
//! coefficients and its action units agree by construction.

use crate::channels::{
    AROUSAL, ATTRIBUTE_COUNT, AU_COUNT, BLENDSHAPE_COUNT, EXPRESSIONS, VALENCE, blendshape,
};

/// Blendshape weights of one frame, in the order of [`BLENDSHAPES`](crate::channels::BLENDSHAPES).
pub type Blendshapes = [f32; BLENDSHAPE_COUNT];

/// Where a shown face comes from; views print it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaceSource {
    /// The 58 coefficients of the take or clip.
    Coefficients,
    /// Action units, expression mix and valence/arousal through the tables of this file.
    Attributes,
}

impl FaceSource {
    /// The words a view shows.
    pub fn label(self) -> &'static str {
        match self {
            Self::Coefficients => "3DMM",
            Self::Attributes => "from AUs",
        }
    }
}

/// (blendshape, weight at level 1); a name without Left or Right means both sides.
type Row = &'static [(&'static str, f32)];

/// Weights of the 15 action units at level 1, in column order.
pub const AU_ROWS: [Row; AU_COUNT] = [
    &[("browInnerUp", 1.0)],
    &[("browOuterUp", 1.0)],
    &[("browDown", 1.0)],
    &[("cheekSquint", 1.0), ("eyeSquint", 0.35)],
    &[("eyeSquint", 0.9)],
    &[("noseSneer", 1.0), ("browDown", 0.25)],
    &[("mouthUpperUp", 0.9)],
    &[("mouthSmile", 1.0)],
    &[("mouthDimple", 1.0)],
    &[("mouthFrown", 1.0)],
    &[("mouthShrugLower", 0.9), ("mouthShrugUpper", 0.25)],
    &[("mouthPress", 0.45), ("mouthPucker", 0.2), ("mouthRollLower", 0.25), ("mouthRollUpper", 0.2)],
    &[("mouthPress", 0.95)],
    &[("jawOpen", 0.12), ("mouthLowerDown", 0.3), ("mouthUpperUp", 0.12)],
    &[("jawOpen", 0.5)],
];

/// Weights of the 8 expression classes at probability 1, in column order.
pub const EXPRESSION_ROWS: [Row; 8] = [
    &[],
    &[("mouthSmile", 0.85), ("cheekSquint", 0.6), ("mouthUpperUp", 0.15), ("jawOpen", 0.08)],
    &[
        ("browInnerUp", 0.8),
        ("mouthFrown", 0.7),
        ("mouthShrugLower", 0.35),
        ("eyeLookDown", 0.25),
        ("eyeBlink", 0.15),
    ],
    &[("browInnerUp", 0.9), ("browOuterUp", 0.9), ("eyeWide", 0.8), ("jawOpen", 0.4)],
    &[
        ("browInnerUp", 0.9),
        ("browOuterUp", 0.45),
        ("browDown", 0.3),
        ("eyeWide", 0.8),
        ("mouthStretch", 0.6),
        ("jawOpen", 0.15),
    ],
    &[
        ("noseSneer", 0.9),
        ("mouthUpperUp", 0.6),
        ("browDown", 0.45),
        ("cheekSquint", 0.4),
        ("mouthShrugLower", 0.3),
    ],
    &[("browDown", 0.95), ("eyeSquint", 0.35), ("mouthPress", 0.6), ("noseSneer", 0.35), ("eyeWide", 0.15)],
    // one side on purpose
    &[("mouthSmileLeft", 0.45), ("mouthDimpleLeft", 0.8), ("eyeSquint", 0.2)],
];

/// Adds `level` of a named blendshape (both sides when the name has none).
pub fn add(weights: &mut Blendshapes, name: &str, level: f32) {
    if let Some(index) = blendshape(name) {
        weights[index] += level;
    } else {
        for side in ["Left", "Right"] {
            if let Some(index) = blendshape(&format!("{name}{side}")) {
                weights[index] += level;
            }
        }
    }
}

fn add_row(weights: &mut Blendshapes, row: Row, level: f32) {
    if level != 0.0 {
        for (name, weight) in row {
            add(weights, name, level * weight);
        }
    }
}

fn get(weights: &Blendshapes, name: &str) -> f32 {
    match blendshape(name) {
        Some(index) => weights[index],
        None => ["Left", "Right"]
            .iter()
            .filter_map(|side| blendshape(&format!("{name}{side}")))
            .map(|index| weights[index] * 0.5)
            .sum(),
    }
}

/// Blendshapes of action unit levels in 0..1, conflicts resolved (parted lips do not press; a dropped jaw without
/// parted lips keeps them closed). Result in 0..1.
pub fn from_action_units(levels: &[f32; AU_COUNT]) -> Blendshapes {
    const AU23: usize = 11;
    const AU24: usize = 12;
    const AU25: usize = 13;
    const AU26: usize = 14;
    let mut weights = [0.0; BLENDSHAPE_COUNT];
    for (row, level) in AU_ROWS.iter().zip(levels) {
        add_row(&mut weights, row, level.clamp(0.0, 1.0));
    }
    let open = levels[AU25].max(levels[AU26]).clamp(0.0, 1.0);
    if open > 0.0 && levels[AU23].max(levels[AU24]) > 0.0 {
        for name in ["mouthPressLeft", "mouthPressRight", "mouthRollLower", "mouthRollUpper"] {
            if let Some(index) = blendshape(name) {
                weights[index] *= 1.0 - open;
            }
        }
    }
    if levels[AU26] > levels[AU25] {
        let closed = 0.6 * get(&weights, "jawOpen") * (levels[AU26] - levels[AU25]).clamp(0.0, 1.0);
        add(&mut weights, "mouthClose", closed);
    }
    weights.map(|weight| weight.clamp(0.0, 1.0))
}

/// Blendshapes of an expression mix (probabilities) with valence and arousal as small modifiers. Result in 0..1.
pub fn from_expressions(probabilities: &[f32; 8], valence: f32, arousal: f32) -> Blendshapes {
    let mut weights = [0.0; BLENDSHAPE_COUNT];
    for (row, probability) in EXPRESSION_ROWS.iter().zip(probabilities) {
        add_row(&mut weights, row, probability.clamp(0.0, 1.0));
    }
    let (v, a) = (valence.clamp(-1.0, 1.0), arousal.clamp(-1.0, 1.0));
    for (name, level) in [
        ("mouthSmile", 0.5 * v.max(0.0)),
        ("cheekSquint", 0.3 * v.max(0.0)),
        ("mouthFrown", 0.4 * (-v).max(0.0)),
        ("browInnerUp", 0.2 * (-v).max(0.0)),
        ("browDown", 0.15 * (-v).max(0.0)),
        ("eyeWide", 0.3 * a.max(0.0)),
        ("browOuterUp", 0.2 * a.max(0.0)),
        ("jawOpen", 0.08 * a.max(0.0)),
        ("eyeBlink", 0.25 * (-a).max(0.0)),
        ("eyeLookDown", 0.12 * (-a).max(0.0)),
    ] {
        add(&mut weights, name, level);
    }
    weights.map(|weight| weight.clamp(0.0, 1.0))
}

/// What a 25-column frame shows when there are no coefficients: its action units (times `gain`, because the labels
/// are 0 or 1), and where no action unit fires its expression mix and valence/arousal.
pub fn from_attributes(frame: &[f32; ATTRIBUTE_COUNT], gain: f32) -> Blendshapes {
    let mut levels = [0.0; AU_COUNT];
    for (level, value) in levels.iter_mut().zip(frame) {
        *level = value.clamp(0.0, 1.0) * gain;
    }
    if levels.iter().any(|level| *level > 0.05) {
        return from_action_units(&levels);
    }
    let mut probabilities = [0.0; 8];
    probabilities.copy_from_slice(&frame[EXPRESSIONS]);
    from_expressions(&probabilities, frame[VALENCE], frame[AROUSAL])
}

/// Approximate action unit levels of a blendshape vector; "derived from the 3DMM", not detections.
pub fn to_action_units(weights: &Blendshapes) -> [f32; AU_COUNT] {
    let of = |name| get(weights, name);
    let roll = (of("mouthRollLower") + of("mouthRollUpper")) * 0.5;
    let parted = if of("jawOpen") > 0.05 { 1.0 } else { 0.0f32 };
    [
        of("browInnerUp"),
        of("browOuterUp"),
        of("browDown"),
        of("cheekSquint"),
        of("eyeSquint"),
        of("noseSneer"),
        of("mouthUpperUp"),
        of("mouthSmile"),
        of("mouthDimple"),
        of("mouthFrown"),
        of("mouthShrugLower"),
        of("mouthPress") * 0.5 + roll * 0.5,
        of("mouthPress"),
        parted.max(of("mouthLowerDown")),
        (2.0 * of("jawOpen")).min(1.0),
    ]
    .map(|level| level.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_the_tables_is_a_blendshape() {
        for row in AU_ROWS.iter().chain(&EXPRESSION_ROWS) {
            for (name, _) in *row {
                let mut weights = [0.0; BLENDSHAPE_COUNT];
                add(&mut weights, name, 1.0);
                assert!(weights.iter().sum::<f32>() > 0.0, "{name}");
            }
        }
    }

    #[test]
    fn a_single_action_unit_comes_back() {
        for unit in 0..AU_COUNT {
            let mut levels = [0.0; AU_COUNT];
            levels[unit] = 1.0;
            let back = to_action_units(&from_action_units(&levels));
            assert!(back[unit] > 0.2, "AU column {unit} vanished: {back:?}");
        }
    }

    #[test]
    fn parted_lips_do_not_press() {
        let mut levels = [0.0; AU_COUNT];
        levels[12] = 1.0;
        levels[13] = 1.0;
        assert_eq!(get(&from_action_units(&levels), "mouthPress"), 0.0);
    }
}
