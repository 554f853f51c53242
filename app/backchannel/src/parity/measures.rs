//! The official measures: an `expected.json` with a folder of four arrays for each case.

use std::path::Path;

use clips::array::{Array, read_npy};
use clips::golden::{Computed, Line, Tolerance, Verdict};
use clips::{Attributes, Control, Fault, FaultKind, Result};
use measures::frcorr::{Centred, concordance};
use measures::frdist::{Prepared, groups};
use measures::{Evaluation, Options, Truth, frsyn, frvar};
use serde_json::{Map, Value, json};

use super::Recomputed;

/// What is computed of a case: the section and key of the expected number, our values, and the tolerance.
type Made = (&'static str, &'static str, Vec<f64>, Tolerance);

const MOST_BYTES: u64 = 64 << 20;

pub fn recompute(path: &Path, control: &Control) -> Result<Option<Recomputed>> {
    if path.file_name().is_none_or(|name| name != "expected.json") {
        return Ok(None);
    }
    let length = std::fs::metadata(path).map_err(|error| Fault::io(path, &error))?.len();
    let text = std::fs::read_to_string(path).map_err(|error| Fault::io(path, &error))?;
    let expected: Value = match serde_json::from_str(&text) {
        Ok(value) if length <= MOST_BYTES => value,
        _ => return Ok(None),
    };
    let Some(cases) = expected["cases"].as_object() else { return Ok(None) };
    let (mut lines, mut outputs) = (Vec::new(), Map::new());
    for (name, wanted) in cases {
        control.check()?;
        let made = case(&path.with_file_name(name), wanted, control)?;
        let mut ours = Map::new();
        for section in ["official", "f64", "per_item", "first_item"] {
            for (key, value) in wanted[section].as_object().into_iter().flatten() {
                let tensor = format!("{name}.{section}.{key}");
                let mut theirs = Vec::new();
                flatten(value, &mut theirs);
                let found = made.iter().find(|made| (made.0, made.1) == (section, key));
                lines.push(match found {
                    Some((_, _, values, tolerance)) => {
                        ours.entry(section).or_insert_with(|| json!({}))[key] = json!(values);
                        let made = Computed {
                            shape: vec![values.len()],
                            values: values.clone(),
                            tolerance: *tolerance,
                        };
                        made.held_against(&tensor, &[theirs.len()], &theirs)
                    }
                    None => Line {
                        verdict: if key == "neighbour" { Verdict::Input } else { Verdict::NotComputed },
                        tensor,
                        shape: vec![theirs.len()],
                        largest_difference: None,
                        tolerance: None,
                        remark: String::new(),
                    },
                });
            }
        }
        outputs.insert(name.clone(), ours.into());
    }
    Ok(Some(Recomputed::Lines(lines, json!({ "cases": outputs }))))
}

/// All numbers of a value in order; null is a value that is not defined.
fn flatten(value: &Value, out: &mut Vec<f64>) {
    match value {
        Value::Array(members) => members.iter().for_each(|member| flatten(member, out)),
        Value::Null => out.push(f64::NAN),
        other => out.push(other.as_f64().unwrap_or(f64::NAN)),
    }
}

fn case(folder: &Path, wanted: &Value, control: &Control) -> Result<Vec<Made>> {
    let read = |name: &str| read_npy(&folder.join(name));
    let predictions = read("pred.npy")?;
    let &[_, samples, ..] = predictions.shape.as_slice() else { return Err(wrong(folder, "pred.npy")) };
    let predictions: Vec<Vec<Attributes>> =
        series(folder, &predictions)?.chunks(samples.max(1)).map(<[_]>::to_vec).collect();
    let (listeners, speakers) =
        (series(folder, &read("listener.npy")?)?, series(folder, &read("speaker.npy")?)?);
    let matrix = read("neighbours.npy")?;
    let row =
        |values: &[f32]| (0u32..).zip(values).filter(|(_, value)| **value == 1.0).map(|(j, _)| j).collect();
    let neighbours: Vec<Vec<u32>> =
        matrix.values.chunks(matrix.shape.get(1).copied().unwrap_or(1).max(1)).map(row).collect();
    let truth = Truth { listeners: &listeners, speakers: &speakers, neighbours: &neighbours };
    let found = Evaluation::of(&predictions, &truth, &Options::default(), control)?;

    let (variance, diversity) = (found.FRVar.unwrap_or(f64::NAN), found.FRDvs.unwrap_or(f64::NAN));
    let biased: f64 = predictions.iter().map(|clip| frvar::biased_of_clip(clip).unwrap_or(f64::NAN)).sum();
    let (one_float, torch) = (Tolerance::absolute(1e-6), Tolerance::both(1e-6, 1e-4));
    let (warp, double) = (Tolerance::both(1e-9, 1e-9), Tolerance::both(1e-14, 1e-9));
    let mean = Tolerance::both(0.0, 1e-6); // a mean of whole numbers in single precision
    let mut made: Vec<Made> = vec![
        ("official", "FRC", vec![found.FRCorr], one_float),
        ("official", "FRC_mp", vec![found.FRCorr], one_float),
        ("official", "FRD", vec![found.FRDist], warp),
        ("official", "FRD_mp", vec![found.FRDist], warp),
        ("official", "FRDiv", vec![found.FRDiv], torch),
        ("official", "FRVar", vec![variance], torch),
        ("official", "FRVar_biased_unused", vec![biased / predictions.len() as f64], torch),
        ("official", "FRDvs", vec![diversity], torch),
        ("official", "TLCC", vec![found.FRSyn_all_samples], mean),
        ("official", "TLCC_mp", vec![found.FRSyn], mean),
        ("f64", "FRC", vec![found.FRCorr], double),
        ("f64", "FRD", vec![found.FRDist], double),
        ("f64", "FRDiv", vec![found.FRDiv], double),
        ("f64", "FRVar", vec![variance], double),
        ("f64", "FRDvs", vec![diversity], double),
    ];
    let clips = &found.per_clip;
    let items = |of: &dyn Fn(&measures::ClipScores, usize) -> f64| -> Vec<f64> {
        clips.iter().flat_map(|scores| (0..found.samples).map(move |sample| of(scores, sample))).collect()
    };
    made.extend([
        ("per_item", "ccc_best", items(&|s, i| s.correlation[i].0), one_float),
        ("per_item", "ccc_neighbour", items(&|s, i| f64::from(s.correlation[i].1)), Tolerance::EXACT),
        ("per_item", "dtw_best", items(&|s, i| s.distance[i].0), Tolerance::both(1e-12, 1e-9)),
        ("per_item", "dtw_neighbour", items(&|s, i| f64::from(s.distance[i].1)), Tolerance::EXACT),
        // officially 49 - argmax: the sign is turned round
        ("per_item", "tlcc_offset", items(&|s, i| -f64::from(s.offset[i])), Tolerance::EXACT),
    ]);
    let neighbour = wanted["first_item"]["neighbour"].as_u64().unwrap_or(0) as usize;
    let first = predictions.first().and_then(|samples| samples.first());
    if let (Some(rows), Some(listener), Some(speaker)) = (first, listeners.get(neighbour), speakers.first()) {
        let warped = groups(&Prepared::new(listener), &Prepared::new(rows));
        let curve = frsyn::curve(rows, speaker).into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();
        made.extend([
            (
                "first_item",
                "ccc_mean_over_columns",
                vec![concordance(&Centred::new(listener), &Centred::new(rows))],
                one_float,
            ),
            ("first_item", "dtw_groups", warped.to_vec(), Tolerance::both(1e-12, 1e-9)),
            ("first_item", "tlcc_curve", curve, one_float),
        ]);
    }
    Ok(made)
}

fn series(folder: &Path, array: &Array) -> Result<Vec<Attributes>> {
    let frames = array.shape.iter().rev().nth(1).copied().unwrap_or(0);
    if array.shape.len() < 3 || frames == 0 {
        return Err(wrong(folder, &array.shape_text()));
    }
    Ok(array.rows::<25>(folder)?.chunks(frames).map(<[_]>::to_vec).collect())
}

fn wrong(folder: &Path, what: &str) -> Fault {
    Fault::new(FaultKind::WrongShape, folder, format!("{what} does not have the shape of the case"))
        .remedy("write the golden files again")
}
