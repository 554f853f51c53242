//! From what a listener does to what a face shows: action units, expressions and valence/arousal as the 52
//! blendshapes, and the approximate way back.
//!
//! The tables are our own reading of FACS. A face that is shown from them is not a measurement: every
//! view names its [`FaceSource`]. The synthetic corpus uses the same tables in the other direction, so that its
//! coefficients and its action units agree by construction.

use std::sync::LazyLock;

use crate::channels::{
    AROUSAL, ATTRIBUTE_COUNT, ATTRIBUTES, AU, AU_COUNT, BLENDSHAPE_COUNT, EXPRESSIONS, VALENCE, blendshape,
};

/// Blendshape weights of one frame, in the order of [`BLENDSHAPES`](crate::channels::BLENDSHAPES).
pub type Blendshapes = [f32; BLENDSHAPE_COUNT];

/// Where a shown face comes from; views print it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaceSource {
    /// The 58 coefficients of the take or clip.
    Coefficients,
    /// Action units through the table of this module.
    Attributes,
    /// Expression mix with valence and arousal as modifiers, through the same table.
    Expressions,
}

impl FaceSource {
    /// The words a view shows.
    pub fn label(self) -> &'static str {
        match self {
            Self::Coefficients => "3DMM",
            Self::Attributes => "from AUs",
            Self::Expressions => "from expression + VA",
        }
    }
}

/// The weights as data: `kind name blendshape weight`, one line each.
const TABLE: &str = include_str!("arkit.tsv");

/// (blendshapes, weight at level 1); a name without Left or Right in the table means both sides.
type Row = Vec<(Vec<usize>, f32)>;

/// The table of `arkit.tsv`, by column.
#[derive(Debug, Default)]
struct Tables {
    units: [Row; AU_COUNT],
    expressions: [Row; 8],
    /// Valence above and below 0, arousal above and below 0.
    mood: [Row; 4],
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables::read(TABLE).unwrap_or_default());

impl Tables {
    /// Reads the table; an error names its line.
    fn read(text: &str) -> std::result::Result<Self, String> {
        let mut tables = Self::default();
        for (number, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: &str| format!("line {}: {what}: {line}", number + 1);
            let [kind, name, shape, weight] = line.split('\t').collect::<Vec<_>>()[..] else {
                return Err(wrong("not four columns"));
            };
            let column = |range: std::ops::Range<usize>| {
                ATTRIBUTES[range].iter().position(|n| *n == name).ok_or_else(|| wrong("no such column"))
            };
            let row = match kind {
                "au" => &mut tables.units[column(AU)?],
                "expression" => &mut tables.expressions[column(EXPRESSIONS)?],
                "valence+" => &mut tables.mood[0],
                "valence-" => &mut tables.mood[1],
                "arousal+" => &mut tables.mood[2],
                "arousal-" => &mut tables.mood[3],
                _ => return Err(wrong("no such kind")),
            };
            let shapes = sides(shape);
            if shapes.is_empty() {
                return Err(wrong("no such blendshape"));
            }
            let weight: f32 = weight.parse().map_err(|_| wrong("not a weight"))?;
            if !(0.0..=1.0).contains(&weight) {
                return Err(wrong("a weight outside 0 to 1"));
            }
            row.push((shapes, weight));
        }
        Ok(tables)
    }
}

/// The blendshape of this name, or both sides of it.
fn sides(name: &str) -> Vec<usize> {
    match blendshape(name) {
        Some(index) => vec![index],
        None => ["Left", "Right"].iter().filter_map(|side| blendshape(&format!("{name}{side}"))).collect(),
    }
}

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

fn add_row(weights: &mut Blendshapes, row: &Row, level: f32) {
    if level != 0.0 {
        for (shapes, weight) in row {
            shapes.iter().for_each(|index| weights[*index] += level * weight);
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
    for (row, level) in TABLES.units.iter().zip(levels) {
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
    for (row, probability) in TABLES.expressions.iter().zip(probabilities) {
        add_row(&mut weights, row, probability.clamp(0.0, 1.0));
    }
    let (v, a) = (valence.clamp(-1.0, 1.0), arousal.clamp(-1.0, 1.0));
    let mood = [v.max(0.0), (-v).max(0.0), a.max(0.0), (-a).max(0.0)];
    for (row, level) in TABLES.mood.iter().zip(mood) {
        add_row(&mut weights, row, level);
    }
    weights.map(|weight| weight.clamp(0.0, 1.0))
}

/// What a whole clip without coefficients is shown from: its action units when any of them ever fires, else its
/// expressions with valence and arousal. One answer a clip, so that no face changes its source on the way.
pub fn source_of(frames: &[[f32; ATTRIBUTE_COUNT]]) -> FaceSource {
    match frames.iter().any(|frame| frame[AU].iter().any(|level| *level > 0.05)) {
        true => FaceSource::Attributes,
        false => FaceSource::Expressions,
    }
}

/// What a 25-column frame shows when there are no coefficients: its action units (times `gain`, because the labels
/// are 0 or 1), or its expression mix with valence and arousal. `source` is that of the clip ([`source_of`]).
pub fn from_attributes(frame: &[f32; ATTRIBUTE_COUNT], source: FaceSource, gain: f32) -> Blendshapes {
    if source == FaceSource::Expressions {
        let mut probabilities = [0.0; 8];
        probabilities.copy_from_slice(&frame[EXPRESSIONS]);
        return from_expressions(&probabilities, frame[VALENCE], frame[AROUSAL]);
    }
    let mut levels = [0.0; AU_COUNT];
    for (level, value) in levels.iter_mut().zip(frame) {
        *level = value.clamp(0.0, 1.0) * gain;
    }
    from_action_units(&levels)
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
    fn the_table_is_whole_and_a_slip_in_it_is_named() {
        let tables = Tables::read(TABLE).unwrap();
        assert!(tables.units.iter().all(|row| !row.is_empty()));
        // neutral moves nothing, every other class does
        assert_eq!(tables.expressions.iter().filter(|row| row.is_empty()).count(), 1);
        assert!(tables.expressions[0].is_empty() && tables.mood.iter().all(|row| !row.is_empty()));
        for (from, to) in [
            ("au\tAU4", "au\tAU5"),
            ("browDown\t1.0", "browDoom\t1.0"),
            ("0.95", "1.95"),
            ("0.95", "much"),
            ("valence+\t", "valence\t"),
            ("\tmouthFrown", " mouthFrown"),
        ] {
            assert!(TABLE.contains(from), "{from}");
            let error = Tables::read(&TABLE.replacen(from, to, 1)).unwrap_err();
            assert!(error.starts_with("line "), "{error}");
        }
    }

    #[test]
    fn a_clip_has_one_source_and_keeps_it() {
        let mut quiet = [0.0; ATTRIBUTE_COUNT];
        quiet[EXPRESSIONS.start + 1] = 1.0;
        assert_eq!(source_of(&[quiet; 3]), FaceSource::Expressions);
        let mut smiling = quiet;
        smiling[7] = 1.0;
        let clip = [quiet, smiling];
        assert_eq!(source_of(&clip), FaceSource::Attributes);
        // the frame without an action unit shows none, although its expression is happy
        let shown = from_attributes(&quiet, FaceSource::Attributes, 1.0);
        assert_eq!(shown, [0.0; BLENDSHAPE_COUNT]);
        assert!(get(&from_attributes(&quiet, FaceSource::Expressions, 1.0), "mouthSmile") > 0.8);
    }

    #[test]
    fn a_dropped_jaw_without_parted_lips_keeps_them_closed() {
        let mut levels = [0.0; AU_COUNT];
        levels[14] = 1.0;
        let alone = from_action_units(&levels);
        let (jaw, close) = (get(&alone, "jawOpen"), get(&alone, "mouthClose"));
        assert!((close - 0.6 * jaw).abs() < 1e-6 && jaw > 0.0);
        levels[13] = 1.0;
        assert_eq!(get(&from_action_units(&levels), "mouthClose"), 0.0);
    }

    #[test]
    fn the_way_back_of_any_two_units_stays_within_bounds() {
        for unit in 0..AU_COUNT {
            for other in 0..AU_COUNT {
                let mut levels = [0.0; AU_COUNT];
                levels[unit] = 0.8;
                levels[other] = 0.8;
                let back = to_action_units(&from_action_units(&levels));
                assert!(back.iter().all(|level| (0.0..=1.0).contains(level)), "{unit} {other}: {back:?}");
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
