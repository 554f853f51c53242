//! Names of shapes as other programs write them, mapped to ours.

use crate::names::{NAMES, SHAPES, index_of};

/// Shapes that a head may lack: formats without a tongue are common.
pub(crate) const OPTIONAL: [&str; 1] = ["tongueOut"];

/// The shape that a name means: case, `_L` for `Left`, underscores and what stands before a last dot or colon do not
/// matter (`blendShape1.browDown_L` is `browDownLeft`).
pub(crate) fn shape_of(name: &str) -> Option<usize> {
    let name = name.rsplit(['.', ':', '|']).next().unwrap_or(name).trim();
    if name.len() > 64 {
        return None;
    }
    if let Some(index) = index_of(name) {
        return Some(index);
    }
    let lower = name.to_ascii_lowercase();
    let long = match (lower.strip_suffix("_l"), lower.strip_suffix("_r")) {
        (Some(stem), _) => format!("{stem}left"),
        (_, Some(stem)) => format!("{stem}right"),
        _ => lower,
    };
    index_of(&long.replace(['_', '-', ' '], ""))
}

/// Names that are not among the found shapes, without those a head may lack.
pub(crate) fn missing(found: &[bool; SHAPES]) -> Vec<String> {
    let lacks = |i: &usize| !found[*i] && !OPTIONAL.contains(&NAMES[*i]);
    (0..SHAPES).filter(lacks).map(|i| NAMES[i].to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_programs_mean_ours() {
        for (name, ours) in [
            ("browDown_L", "browDownLeft"),
            ("BrowDownRight", "browDownRight"),
            ("blendShape1.eyeBlink_R", "eyeBlinkRight"),
            ("mouth_smile_left", "mouthSmileLeft"),
            ("MOUTHLEFT", "mouthLeft"),
            ("jaw-open", "jawOpen"),
            ("Face:cheekPuff", "cheekPuff"),
        ] {
            assert_eq!(shape_of(name).map(|i| NAMES[i]), Some(ours), "{name}");
        }
        for other in ["A", "Fcl_MTH_A", "mouth", "viseme_aa", "", "browInnerUp_L2"] {
            assert_eq!(shape_of(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_missing_is_named_all_at_once_and_a_tongue_is_not() {
        let mut found = [true; SHAPES];
        for name in ["jawOpen", "tongueOut", "browInnerUp"] {
            found[index_of(name).unwrap()] = false;
        }
        assert_eq!(missing(&found), ["browInnerUp", "jawOpen"]);
    }
}
