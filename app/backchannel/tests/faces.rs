//! Faces as the command line makes them: heads of other programs, other people, pictures and motion for other programs,
//! and what the mapping table does to the built-in head.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clips::arkit;
use clips::array::write_npy;
use clips::channels::{ATTRIBUTES, AU_COUNT};
use face::morph::moved;
use serde_json::Value;

fn backchannel(arguments: &[&str], cache: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backchannel"))
        .args(arguments)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env("XDG_CACHE_HOME", cache)
        .output()
        .unwrap()
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shaders/face/tests/golden").join(name)
}

/// Where each action unit moves the skin of the built-in head: (|x| from, to, y from, to), cm; eyes at y 0 and |x| 3.15,
/// mouth at y -6.35.
const REGIONS: [(&str, [f32; 4]); AU_COUNT] = [
    ("AU1", [0.0, 4.1, -0.6, 6.0]),
    ("AU2", [1.3, 6.6, -0.6, 5.8]),
    ("AU4", [0.0, 5.7, 0.0, 4.3]),
    ("AU6", [1.3, 6.6, -4.2, 1.8]),
    ("AU7", [1.4, 4.8, -2.0, 2.3]),
    ("AU9", [0.0, 5.4, -6.7, 4.0]),
    ("AU10", [0.0, 3.0, -6.8, -3.1]),
    ("AU12", [0.6, 5.5, -8.2, -2.1]),
    ("AU14", [1.1, 3.9, -7.9, -4.8]),
    ("AU15", [0.8, 4.0, -8.2, -4.4]),
    ("AU17", [0.0, 2.8, -10.6, -5.1]),
    ("AU23", [0.0, 3.8, -8.2, -4.8]),
    ("AU24", [0.0, 3.9, -7.6, -5.1]),
    ("AU25", [0.0, 6.4, -11.6, -5.3]),
    ("AU26", [0.0, 6.6, -11.8, -4.7]),
];

#[test]
fn every_action_unit_moves_its_region_and_nothing_else() {
    let head = face::Head::builtin().unwrap();
    let parts: Vec<u8> = head.parts().collect();
    let drawn = |levels: &[f32; AU_COUNT]| moved(&head, &arkit::from_action_units(levels));
    let rest = drawn(&[0.0; AU_COUNT]);
    for (unit, (name, [x0, x1, y0, y1])) in REGIONS.iter().enumerate() {
        assert_eq!(ATTRIBUTES[unit], *name);
        let mut levels = [0.0; AU_COUNT];
        levels[unit] = 1.0;
        let (mut inside, mut all, mut left, mut most) = (0.0f64, 0.0f64, 0.0f64, 0.0f32);
        for (v, at) in drawn(&levels).iter().enumerate() {
            // eyeballs, teeth and what else is not skin follow from the shapes
            if parts[v] != face::part::SKIN {
                continue;
            }
            let [x, y, ..] = rest[v].position;
            let far: f32 =
                (0..3).map(|axis| (at.position[axis] - rest[v].position[axis]).powi(2)).sum::<f32>().sqrt();
            let energy = f64::from(far * far);
            all += energy;
            most = most.max(far);
            if (*x0..=*x1).contains(&x.abs()) && (*y0..=*y1).contains(&y) {
                inside += energy;
            }
            if x > 0.0 {
                left += energy;
            }
        }
        assert!(most > 0.12, "{name} moves the skin by {most} cm only");
        assert!(
            inside > 0.97 * all,
            "{name}: {:.1} % of its movement is elsewhere",
            100.0 * (1.0 - inside / all)
        );
        assert!((left / all - 0.5).abs() < 0.06, "{name} is one-sided: {:.2} on the left", left / all);
    }
}

#[test]
fn heads_are_inspected_and_refused_with_every_reason() {
    let dir = tempfile::tempdir().unwrap();
    let file = golden("faceverse2_p4.npy");
    let done = backchannel(&["heads", file.to_str().unwrap(), "--json"], dir.path());
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!(done.status.success() && told["accepted"] == true, "{told}");
    assert_eq!(told["report"]["format"], "FaceVerse 2");
    assert_eq!(told["report"]["found"].as_array().unwrap().len(), 52);
    let broken = dir.path().join("broken.npy");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
    let done = backchannel(&["heads", broken.to_str().unwrap()], dir.path());
    let words = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(1));
    assert!(words.contains("refused:") && words.contains("ends too early"), "{words}");
}

#[test]
fn takes_are_drawn_with_other_heads_and_written_for_other_programs() {
    let dir = tempfile::tempdir().unwrap();
    // two takes of 12 frames: AU12 comes on; nothing but attributes is known
    let takes = dir.path().join("takes.npy");
    let mut values = vec![0.0f32; 2 * 12 * 25];
    for frame in 4..12 {
        values[(12 + frame) * 25 + 7] = 1.0;
        values[frame * 25 + 7] = 1.0;
    }
    write_npy(&takes, &[1, 2, 12, 25], &values).unwrap();
    let run = |arguments: &[&str]| {
        let all = [&["render", takes.to_str().unwrap()], arguments, &["--json"]].concat();
        let done = backchannel(&all, dir.path());
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice::<Value>(&done.stdout).unwrap()
    };
    let out = |name: &str| dir.path().join(name);
    let path = |name: &str| out(name).to_str().unwrap().to_owned();

    let told = run(&["--layout", "single", "--out", &path("take.csv")]);
    assert_eq!(told["frames"], 12);
    let text = std::fs::read_to_string(out("take.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    let smile = rows[0].iter().position(|name| *name == "MouthSmileLeft").unwrap();
    assert_eq!((rows.len(), rows[0].len()), (13, 63));
    assert!(rows[4][smile] == "0.000000" && rows[12][smile].parse::<f32>().unwrap() > 0.5, "{text}");

    // a wall is one file a face
    let told = run(&["--out", &path("all.glb"), "--identity", "5"]);
    let files = told["out"].as_array().unwrap();
    assert_eq!(files.len(), 2);
    assert!(files.iter().all(|file| std::fs::read(file.as_str().unwrap()).unwrap().starts_with(b"glTF")));

    let size = ["--size", "320x160"];
    let draw = |name: &str, more: &[&str]| {
        run(&[&["--out", &path(name)], &size[..], more].concat());
        std::fs::read(out(name)).unwrap()
    };
    let plain = draw("plain.png", &[]);
    assert_eq!(plain, draw("again.png", &[]), "the same command, the same bytes");
    let head = golden("faceverse3.npy");
    for (name, more) in [
        ("people.png", &["--identity", "3,4"][..]),
        ("head.png", &["--head", head.to_str().unwrap()]),
        ("strip.png", &["--layout", "strip", "--moments", "3"]),
        ("sheet.png", &["--layout", "sheet", "--moments", "3", "--bare"]),
    ] {
        assert_ne!(plain, draw(name, more), "{name}");
    }
    // kept for the next time
    assert!(out("backchannel/heads").is_dir());
    let wrong = backchannel(
        &["render", takes.to_str().unwrap(), "--layout", "strip", "--out", &path("strip.gif")],
        dir.path(),
    );
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn a_face_set_by_hand_is_exported_as_it_was_set_and_a_wrong_word_is_explained() {
    let home = tempfile::tempdir().unwrap();
    let table = home.path().join("face.csv");
    let out = table.to_str().unwrap();
    let done = backchannel(
        &["render", "face:jawOpen=0.4 pitch=10", "--layout", "single", "--out", out],
        home.path(),
    );
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = std::fs::read_to_string(&table).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let (names, row) = (lines.next().unwrap(), lines.next().unwrap());
    let value = |name: &str| -> f32 {
        let column = names.iter().position(|known| known.eq_ignore_ascii_case(name)).unwrap();
        row[column].parse().unwrap()
    };
    assert!((value("jawOpen") - 0.4).abs() < 1e-4 && value("mouthPucker") == 0.0);
    assert!((value("headPitch").abs() - 10f32.to_radians()).abs() < 1e-3);
    let refused = backchannel(&["render", "face:AU12=1 jawOpen=0.4", "--out", out], home.path());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("AU12") && said.contains("jawOpen"), "{said}");
}

#[test]
fn the_faces_of_a_contact_sheet_all_move_and_no_two_are_alike() {
    for (words, faces, resting) in
        [("face:units", 15, 0), ("face:expressions", 10, 1), ("face:shapes", 52, 0)]
    {
        let home = tempfile::tempdir().unwrap();
        let sheet = home.path().join("sheet.csv");
        let done = backchannel(&["render", words, "--out", sheet.to_str().unwrap(), "--json"], home.path());
        assert!(done.status.success(), "{words}: {}", String::from_utf8_lossy(&done.stderr));
        let told: Value = serde_json::from_slice(&done.stdout).unwrap();
        let rows: std::collections::BTreeSet<Vec<String>> = told["out"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| {
                let text = std::fs::read_to_string(file.as_str().unwrap()).unwrap();
                // behind the time code and the count of columns
                text.lines().nth(1).unwrap().split(',').skip(2).map(str::to_owned).collect()
            })
            .collect();
        let rests = |row: &&Vec<String>| row.iter().all(|value| value.parse::<f32>().unwrap() == 0.0);
        assert_eq!((rows.len(), rows.iter().filter(rests).count()), (faces, resting), "{words}");
    }
}

#[test]
fn every_overlay_is_seen_and_a_difference_is_that_to_whom_it_names() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    // a jaw that opens and a head that turns, as a take and as a listener; and a listener who rests
    let mut moves = vec![0.0f32; 30 * 58];
    for frame in 0..30 {
        moves[frame * 58 + 24] = 0.03 * frame as f32;
        moves[frame * 58 + 53] = 0.02 * frame as f32;
    }
    write_npy(Path::new(&path("take.npy")), &[1, 1, 30, 58], &moves).unwrap();
    write_npy(Path::new(&path("same.npy")), &[30, 58], &moves).unwrap();
    write_npy(Path::new(&path("rests.npy")), &[30, 58], &vec![0.0f32; 30 * 58]).unwrap();
    let render = |more: &[&str]| {
        let first = [path("take.npy"), "--out".to_owned(), path("face.png")];
        let first: Vec<&str> = first.iter().map(String::as_str).collect();
        let rest = ["--layout", "single", "--size", "160x180", "--from", "25"];
        backchannel(&[&["render"], &first[..], &rest, more].concat(), dir.path())
    };
    let draw = |more: &[&str]| {
        let done = render(more);
        assert!(done.status.success(), "{more:?}: {}", String::from_utf8_lossy(&done.stderr));
        std::fs::read(path("face.png")).unwrap()
    };
    let (same, rests) = (path("same.npy"), path("rests.npy"));
    let plain = draw(&[]);
    for overlay in ["movement", "units", "onion", "axes", "trail", "mesh"] {
        assert_ne!(draw(&["--overlay", overlay]), plain, "{overlay}");
    }
    assert_ne!(draw(&["--overlay", "listener", "--listener", &rests]), plain);
    assert_ne!(draw(&["--camera", "40,0"]), plain);
    // nobody differs from himself
    let own = draw(&["--overlay", "difference", "--against", "1"]);
    assert_eq!(own, draw(&["--overlay", "difference", "--listener", &same]));
    assert_ne!(own, draw(&["--overlay", "difference", "--listener", &rests]));
    for (more, said) in [
        (&["--overlay", "difference"][..], "--listener"),
        (&["--overlay", "difference", "--against", "2"], "there is no such take"),
    ] {
        let done = render(more);
        let words = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.code() == Some(2) && words.contains(said), "{words}");
    }
}
