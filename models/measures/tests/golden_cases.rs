//! The official numbers (see golden/README.md) are met in every case, in the mean and per item.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use clips::array::{Array, read_npy};
use clips::{Attributes, Control};
use measures::frcorr::{Centred, concordance};
use measures::frdist::{Prepared, groups};
use measures::{Evaluation, Options, Truth, frsyn, frvar};
use serde_json::Value;

struct Case {
    predictions: Vec<Vec<Attributes>>,
    listeners: Vec<Attributes>,
    speakers: Vec<Attributes>,
    neighbours: Vec<Vec<u32>>,
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn array(case: &str, name: &str) -> Array {
    read_npy(&golden().join(case).join(name)).unwrap()
}

fn series(array: &Array) -> Vec<Attributes> {
    let frames = array.shape[array.shape.len() - 2];
    array.rows::<25>(Path::new("x")).unwrap().chunks(frames).map(<[_]>::to_vec).collect()
}

fn load(case: &str) -> Case {
    let predictions = array(case, "pred.npy");
    let matrix = array(case, "neighbours.npy");
    let row = |values: &[f32]| (0..values.len() as u32).filter(|j| values[*j as usize] == 1.0).collect();
    Case {
        predictions: series(&predictions).chunks(predictions.shape[1]).map(<[_]>::to_vec).collect(),
        listeners: series(&array(case, "listener.npy")),
        speakers: series(&array(case, "speaker.npy")),
        neighbours: matrix.values.chunks(matrix.shape[1]).map(row).collect(),
    }
}

fn close(what: &str, value: f64, expected: &Value, relative: f64, absolute: f64) {
    let expected = expected.as_f64().unwrap();
    let difference = (value - expected).abs();
    assert!(
        difference <= relative * expected.abs() + absolute,
        "{what}: {value} for {expected}, off by {difference:e}"
    );
}

#[test]
fn every_official_number_is_met() {
    let text = std::fs::read_to_string(golden().join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let cases = expected["cases"].as_object().unwrap();
    assert_eq!(cases.len(), 10);
    for (name, wanted) in cases {
        let case = load(name);
        let truth =
            Truth { listeners: &case.listeners, speakers: &case.speakers, neighbours: &case.neighbours };
        let options = Options { bootstrap: 20, seed: 1, ..Options::default() };
        let found = Evaluation::of(&case.predictions, &truth, &options, &Control::default()).unwrap();
        let say = |measure: &str| format!("{name} {measure}");
        let (official, double) = (&wanted["official"], &wanted["f64"]);
        for (measure, key, value, relative, absolute) in [
            ("FRCorr", "FRC", found.FRCorr, 0.0, 1e-6),
            ("FRDist", "FRD", found.FRDist, 1e-9, 1e-9),
            ("FRDiv", "FRDiv", found.FRDiv, 1e-4, 1e-6),
            ("FRVar", "FRVar", found.FRVar.unwrap(), 1e-4, 1e-6),
            ("FRDvs", "FRDvs", found.FRDvs.unwrap(), 1e-4, 1e-6),
        ] {
            close(&say(measure), value, &official[key], relative, absolute);
            close(&say(measure), value, &double[key], 1e-9, 1e-14);
        }
        let biased: Option<f64> = case.predictions.iter().map(|clip| frvar::biased_of_clip(clip)).sum();
        let biased = biased.unwrap() / found.clips as f64;
        close(&say("biased FRVar"), biased, &official["FRVar_biased_unused"], 1e-4, 1e-6);
        let frames = found.frames as f64;
        let rescaled = found.FRVar.unwrap() * (frames - 1.0) / frames;
        assert!((biased - rescaled).abs() <= 1e-12 * rescaled, "{name}: {biased} {rescaled}");
        close(&say("FRSyn"), found.FRSyn, &official["TLCC_mp"], 1e-6, 0.0);
        close(&say("FRSyn_all_samples"), found.FRSyn_all_samples, &official["TLCC"], 1e-6, 0.0);

        let items = &wanted["per_item"];
        for (clip, scores) in found.per_clip.iter().enumerate() {
            for sample in 0..found.samples {
                let (correlation, distance) = (scores.correlation[sample], scores.distance[sample]);
                // the official items carry means rounded to single precision
                close(&say("ccc_best"), correlation.0, &items["ccc_best"][clip][sample], 0.0, 1e-6);
                close(&say("dtw_best"), distance.0, &items["dtw_best"][clip][sample], 1e-9, 1e-12);
                assert_eq!(
                    u64::from(correlation.1),
                    items["ccc_neighbour"][clip][sample],
                    "{name} {clip} {sample}"
                );
                assert_eq!(
                    u64::from(distance.1),
                    items["dtw_neighbour"][clip][sample],
                    "{name} {clip} {sample}"
                );
                // officially 49 - argmax: the sign is turned round
                assert_eq!(
                    -scores.offset[sample], items["tlcc_offset"][clip][sample],
                    "{name} {clip} {sample}"
                );
            }
        }

        let first = &wanted["first_item"];
        let (rows, neighbour) = (&case.predictions[0][0], first["neighbour"].as_u64().unwrap() as usize);
        let listener = &case.listeners[neighbour];
        let value = concordance(&Centred::new(listener), &Centred::new(rows));
        close(&say("concordance"), value, &first["ccc_mean_over_columns"], 0.0, 1e-6);
        for (group, value) in groups(&Prepared::new(listener), &Prepared::new(rows)).into_iter().enumerate() {
            close(&say("warping"), value, &first["dtw_groups"][group], 1e-9, 1e-12);
        }
        let curve = frsyn::curve(rows, &case.speakers[0]);
        assert_eq!(curve.len(), 99);
        for (lag, value) in curve.into_iter().enumerate() {
            match value {
                Some(value) => close(&say("lag curve"), value, &first["tlcc_curve"][lag], 0.0, 1e-6),
                None => assert!(first["tlcc_curve"][lag].is_null(), "{name}: lag {lag} is defined"),
            }
        }
    }
}
