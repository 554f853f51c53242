//! The fixed world of the synthetic corpus: speaker classes, listener intents, and how a face shows them.
//!
//! The seed of a corpus draws templates and people; nothing of this file depends on it, so a model trained on one
//! seed can be judged on another.

use crate::channels::AU_COUNT;

/// Listener intents, in the order of their numbers.
pub const INTENTS: [&str; 6] = ["nod", "smile", "surprise", "frown", "neutral", "laugh"];
/// Speaker classes, in the order of their numbers (template index modulo 6).
pub const CLASSES: [&str; 6] = ["explain", "joy", "surprise", "complaint", "question", "joke"];

/// What a speaker class looks and sounds like, and which intents answer it.
#[derive(Debug, Clone)]
pub struct Class {
    /// Action unit columns that fire (AU25 comes from speech).
    pub action_units: &'static [usize],
    /// Target valence and arousal.
    pub affect: [f32; 2],
    /// Expression logits added at full strength, by column of the 8 expressions.
    pub expressions: [f32; 8],
    /// First two formants of its vowels, in Hz.
    pub formants: [f64; 2],
    /// Probability of each intent of [`INTENTS`].
    pub intents: [f64; 6],
}

// Columns of the action units: 0 AU1, 1 AU2, 2 AU4, 3 AU6, 4 AU7, 5 AU9, 6 AU10, 7 AU12, 8 AU14, 9 AU15, 10 AU17,
// 11 AU23, 12 AU24, 13 AU25, 14 AU26. Expressions: 0 Neutral, 1 Happy, 2 Sad, 3 Surprise, 4 Fear, 5 Disgust,
// 6 Anger, 7 Contempt.

/// The speaker class of a number (modulo 6).
pub fn class(number: usize) -> Class {
    const NONE: f32 = 0.0;
    match number % 6 {
        0 => Class {
            action_units: &[],
            affect: [0.05, 0.05],
            expressions: [2.0, NONE, NONE, NONE, NONE, NONE, NONE, NONE],
            formants: [500.0, 1500.0],
            intents: [0.50, 0.15, 0.0, 0.0, 0.35, 0.0],
        },
        1 => Class {
            action_units: &[3, 7],
            affect: [0.5, 0.3],
            expressions: [NONE, 2.5, NONE, NONE, NONE, NONE, NONE, NONE],
            formants: [400.0, 2000.0],
            intents: [0.30, 0.50, 0.0, 0.0, 0.0, 0.20],
        },
        2 => Class {
            action_units: &[0, 1, 14],
            affect: [0.15, 0.6],
            expressions: [NONE, NONE, NONE, 2.5, 0.6, NONE, NONE, NONE],
            formants: [700.0, 1200.0],
            intents: [0.0, 0.20, 0.55, 0.25, 0.0, 0.0],
        },
        3 => Class {
            action_units: &[2, 9],
            affect: [-0.5, 0.1],
            expressions: [NONE, NONE, 1.4, NONE, NONE, 0.6, 1.6, NONE],
            formants: [450.0, 900.0],
            intents: [0.35, 0.0, 0.0, 0.45, 0.20, 0.0],
        },
        4 => Class {
            action_units: &[0, 1],
            affect: [0.0, 0.2],
            expressions: [1.2, NONE, NONE, 0.9, NONE, NONE, NONE, NONE],
            formants: [350.0, 1700.0],
            intents: [0.40, 0.15, 0.15, 0.30, 0.0, 0.0],
        },
        _ => Class {
            action_units: &[7],
            affect: [0.45, 0.35],
            expressions: [0.4, 2.0, NONE, NONE, NONE, NONE, NONE, NONE],
            formants: [600.0, 1800.0],
            intents: [0.0, 0.35, 0.0, 0.0, 0.20, 0.45],
        },
    }
}

/// What a listener intent looks like at the height of an event.
#[derive(Debug, Clone)]
pub struct Intent {
    /// Action unit columns that fire.
    pub action_units: &'static [usize],
    /// Valence and arousal at the peak.
    pub affect: [f32; 2],
    /// Expression logits at the peak.
    pub expressions: [f32; 8],
    /// Amplitude (radians) and frequency (Hz) of the pitch oscillation.
    pub nod: [f32; 2],
    /// Steady pitch, roll (radians) and translation z (units) at the peak.
    pub posture: [f32; 3],
}

/// The listener intent of a number in 0..6.
pub fn intent(number: usize) -> Intent {
    let rest = Intent {
        action_units: &[],
        affect: [0.0, 0.0],
        expressions: [0.0; 8],
        nod: [0.0, 1.0],
        posture: [0.0; 3],
    };
    match number {
        0 => Intent { affect: [0.10, 0.08], nod: [0.20, 2.0], ..rest },
        1 => Intent {
            action_units: &[3, 7],
            affect: [0.45, 0.20],
            expressions: [0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            nod: [0.08, 1.0],
            ..rest
        },
        2 => Intent {
            action_units: &[0, 1, 14],
            affect: [0.10, 0.60],
            expressions: [0.0, 0.0, 0.0, 3.0, 1.2, 0.0, 0.0, 0.0],
            posture: [-0.12, 0.0, -0.1],
            ..rest
        },
        3 => Intent {
            action_units: &[2, 4, 10],
            affect: [-0.45, 0.15],
            expressions: [0.0, 0.0, 1.4, 0.0, 0.0, 0.0, 2.4, 1.8],
            posture: [0.0, 0.18, 0.0],
            ..rest
        },
        5 => Intent {
            action_units: &[3, 7, 13, 14],
            affect: [0.75, 0.55],
            expressions: [0.0, 3.4, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            nod: [0.12, 4.0],
            posture: [0.0, 0.0, 0.06],
        },
        _ => rest,
    }
}

/// Expression logits of a face at rest: neutral leads.
pub const REST_LOGITS: [f32; 8] = [2.2, 0.0, 0.0, -0.4, -0.8, -0.8, -0.6, -0.4];

/// Intents that answer a class (probability above 0).
pub fn appropriate(class_number: usize) -> Vec<usize> {
    let weights = class(class_number).intents;
    (0..INTENTS.len()).filter(|intent| weights[*intent] > 0.0).collect()
}

/// Levels of all action units for a list of columns.
pub fn levels(columns: &[usize], level: f32) -> [f32; AU_COUNT] {
    let mut all = [0.0; AU_COUNT];
    for column in columns {
        all[*column] = level;
    }
    all
}
