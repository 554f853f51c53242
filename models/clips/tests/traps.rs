//! Every trap of the challenge's data and of its tools, one test each, named after it.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod common;

use std::path::Path;

use clips::array::{read_npy, write_npy, write_npy_f64};
use clips::corpus::check::{CheckConfig, Severity, check};
use clips::corpus::{
    ClipEntry, Corpus, FULL_MATRIX, Layout, Neighbours, Pairs, PersonFiles, Split, VideoFiles, data_indices,
    split_matrix,
};
use clips::{Control, FaultKind};
use common::{coefficients, emotion, put, shipped};

fn open(root: &Path) -> Corpus {
    Corpus::open(root, &Control::default()).unwrap()
}

fn list(root: &Path, split: &str, pairs: &[(&str, &str)]) {
    let rows: Vec<String> = pairs.iter().map(|(a, b)| format!("\n{},{a},{b}", a.len() * 7)).collect();
    put(root, &format!("{split}.csv"), &format!(",speaker_path,listener_path{}", rows.concat()));
}

#[test]
fn emotion_folders_are_p1_and_p2_by_the_official_role_map() {
    for (first, second) in [("Expert_video", "Novice_video"), ("P25", "P26"), ("P41", "P42"), ("P45", "P46")]
    {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "val/Emotion/SITE/chat/P1/1.csv", &emotion(3));
        put(dir.path(), "val/Emotion/SITE/chat/P2/1.csv", &emotion(4));
        list(dir.path(), "val", &[(&format!("SITE/chat/{first}/1"), &format!("SITE/chat/{second}/1"))]);
        let corpus = open(dir.path());
        let row = &corpus.clips(Split::Val)[0];
        // one third-party notebook has it the other way round
        assert_eq!(row.read_speaker().unwrap().attributes.unwrap().len(), 3, "{first} is P1");
        assert_eq!(row.read_listener().unwrap().attributes.unwrap().len(), 4, "{second} is P2");
    }
}

#[test]
fn emotion_folders_that_were_renamed_to_the_people_are_preferred() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "val/Emotion/NoXI/c/P1/1.csv", &emotion(3));
    put(dir.path(), "val/Emotion/NoXI/c/Expert_video/1.csv", &emotion(5));
    list(dir.path(), "val", &[("NoXI/c/Expert_video/1", "NoXI/c/Novice_video/1")]);
    let corpus = open(dir.path());
    assert_eq!(corpus.clips(Split::Val)[0].read_speaker().unwrap().attributes.unwrap().len(), 5);
}

#[test]
fn video_is_an_mp4_as_shipped_or_a_folder_of_png_as_the_readme_says() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path());
    let base = "val/Video_files/NoXI/010";
    put(dir.path(), &format!("{base}/Expert_video/1.mp4"), "\0\0\0\u{18}ftypisom");
    put(dir.path(), &format!("{base}/Expert_video/._1.mp4"), "junk");
    for frame in [1, 2, 10, 9, 3, 4, 5, 6, 7, 8] {
        put(dir.path(), &format!("{base}/Novice_video/1/{frame}.png"), "png");
    }
    put(dir.path(), &format!("{base}/Novice_video/1/._1.png"), "junk");
    let corpus = open(dir.path());
    let row = &corpus.clips(Split::Val)[0];
    assert_eq!(
        row.speaker.video,
        Some(VideoFiles::Mp4(dir.path().join(format!("{base}/Expert_video/1.mp4"))))
    );
    let video = row.listener.video.as_ref().unwrap();
    assert!(matches!(video, VideoFiles::Frames(_)));
    let names: Vec<_> =
        video.frames().iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"], "by number, not by text");
}

#[test]
fn video_that_only_some_clips_have_is_missed_in_the_others_only() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path());
    assert!(open(dir.path()).faults().iter().all(|fault| !fault.detail.contains("video")));
    put(dir.path(), "val/Video_files/NoXI/010/Expert_video/1.mp4", "\0\0\0\u{18}ftypisom");
    let corpus = open(dir.path());
    let fault = corpus.faults().iter().find(|fault| fault.detail.contains("video")).unwrap();
    assert!(fault.path.ends_with("Novice_video/1") && fault.kind == FaultKind::MissingModality);
}

#[test]
fn coefficients_of_751_x_1_x_58_and_labels_of_750_are_one_clip_without_a_fault() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path());
    let corpus = open(dir.path());
    let report = check(&corpus, &CheckConfig::default(), &Control::default()).unwrap();
    assert!(report.faults.iter().all(|finding| finding.fault.kind != FaultKind::WrongLength), "{report}");
    let streams = corpus.clips(Split::Val)[0].read_speaker().unwrap();
    assert_eq!((streams.attributes.unwrap().len(), streams.coefficients.unwrap().len()), (750, 750));
}

#[test]
fn extra_arrays_beside_the_clips_are_neither_read_nor_paired() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path());
    for person in ["Expert_video", "Novice_video"] {
        coefficients(dir.path(), &format!("val/3D_FV_files/NoXI/010/{person}/1_pose.npy"), &[9, 58]);
    }
    for listed in [true, false] {
        if !listed {
            std::fs::remove_file(dir.path().join("val.csv")).unwrap();
        }
        let corpus = open(dir.path());
        assert_eq!(corpus.clips(Split::Val).len(), 2);
        assert_eq!(corpus.clips(Split::Val)[0].read_speaker().unwrap().coefficients.unwrap().len(), 750);
        let report = check(&corpus, &CheckConfig::default(), &Control::default()).unwrap();
        let extra = report.faults.iter().filter(|finding| finding.fault.detail.contains("extra")).count();
        let junk = report.faults.iter().filter(|finding| finding.fault.kind == FaultKind::Junk).count();
        assert_eq!((extra, junk), (2, 4), "two extra arrays, two AppleDouble files\n{report}");
    }
}

#[test]
fn missing_sound_leaves_the_clip_usable() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path());
    let corpus = open(dir.path());
    let row = &corpus.clips(Split::Val)[1];
    assert!(row.speaker.sound.is_none() && row.read_speaker().unwrap().frames() == 750);
}

#[test]
fn udiva_paths_have_five_parts_and_its_chat_is_subject_and_topic() {
    let dir = tempfile::tempdir().unwrap();
    for person in ["FC1", "FC2"] {
        put(dir.path(), &format!("val/Emotion/UDIVA/talk/058110/{person}/3.csv"), &emotion(4));
        coefficients(dir.path(), &format!("val/3D_FV_files/UDIVA/talk/058110/{person}/3.npy"), &[5, 1, 58]);
    }
    list(dir.path(), "val", &[("UDIVA/talk/058110/FC1/3", "UDIVA/talk/058110/FC2/3")]);
    put(dir.path(), "data_indices.csv", "site,chat_index,clip_index\nNoXI,x,1\nUDIVA,058110_talk,3\n");
    let values: Vec<f64> = (0..16).map(f64::from).collect();
    write_npy_f64(&dir.path().join(FULL_MATRIX), &[4, 4], &values).unwrap();
    let corpus = open(dir.path());
    assert!(corpus.clips(Split::Val)[0].read_listener().unwrap().attributes.is_some());
    let cut = cut(&corpus);
    assert_eq!(cut[0].values, [5.0, 7.0, 13.0, 15.0], "rows and columns 1 and 1 + 2");
    std::fs::remove_file(dir.path().join("val.csv")).unwrap();
    assert_eq!(open(dir.path()).clips(Split::Val).len(), 2, "paired from the folders too");
}

#[test]
fn rows_are_all_pairs_and_then_all_pairs_with_the_roles_swapped() {
    let dir = tempfile::tempdir().unwrap();
    let name = |person: &str, clip: usize| format!("NoXI/c/{person}/{clip}");
    for person in ["Expert_video", "Novice_video"] {
        for clip in 1..=3 {
            coefficients(dir.path(), &format!("train/3D_FV_files/{}.npy", name(person, clip)), &[2, 58]);
        }
    }
    let pairs: Vec<(String, String)> =
        [3, 1, 2].iter().map(|clip| (name("Expert_video", *clip), name("Novice_video", *clip))).collect();
    let borrowed: Vec<(&str, &str)> = pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    list(dir.path(), "train", &borrowed);
    let corpus = open(dir.path());
    let rows = corpus.clips(Split::Train);
    assert_eq!(rows.len(), 6);
    for n in 0..3 {
        assert_eq!(rows[n].speaker.name, pairs[n].0, "the order is the list's");
        assert_eq!(rows[n + 3].speaker, rows[n].listener);
        assert_eq!(rows[n + 3].listener, rows[n].speaker);
    }
}

fn cut(corpus: &Corpus) -> Vec<clips::corpus::SplitMatrix> {
    let indices = data_indices(corpus.root()).unwrap();
    split_matrix(corpus, &corpus.root().join(FULL_MATRIX), &indices, &Control::default()).unwrap()
}

/// The clips of an index in textual order (1, 10, 11, …, 2) with sites spelt as in the official file, a list in another
/// order, and a matrix whose value at (r, c) is r * 1000 + c.
fn indexed(root: &Path) -> (Vec<usize>, usize) {
    let mut index = String::from("site,chat_index,clip_index\n");
    let mut clips: Vec<String> = (1..=12).map(|clip: usize| clip.to_string()).collect();
    clips.sort();
    clips.iter().for_each(|clip| index += &format!("NoXI,010,{clip}\n"));
    index += "Recola,group-2,1\n";
    put(root, "tool/data_indices.csv", &index);
    let wide = 13;
    let values: Vec<f64> =
        (0..4 * wide * wide).map(|at| (at / (2 * wide) * 1000 + at % (2 * wide)) as f64).collect();
    write_npy_f64(&root.join(FULL_MATRIX), &[2 * wide, 2 * wide], &values).unwrap();
    let mut pairs = Vec::new();
    for clip in [2, 10, 1] {
        for person in ["Expert_video", "Novice_video"] {
            coefficients(root, &format!("val/3D_FV_files/NoXI/010/{person}/{clip}.npy"), &[2, 58]);
        }
        pairs.push((format!("NoXI/010/Expert_video/{clip}"), format!("NoXI/010/Novice_video/{clip}")));
    }
    for person in ["P41", "P42"] {
        coefficients(root, &format!("val/3D_FV_files/RECOLA/group-2/{person}/1.npy"), &[2, 58]);
    }
    pairs.push(("RECOLA/group-2/P41/1".into(), "RECOLA/group-2/P42/1".into()));
    let borrowed: Vec<(&str, &str)> = pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    list(root, "val", &borrowed);
    // textual: 1 10 11 12 2 ...
    (vec![4, 1, 0, 12], wide)
}

#[test]
fn the_full_matrix_is_cut_to_rows_and_columns_l_and_l_plus_w_by_textual_index_and_site_without_case() {
    let dir = tempfile::tempdir().unwrap();
    let (chosen, wide) = indexed(dir.path());
    let corpus = open(dir.path());
    let matrix = cut(&corpus).remove(0);
    // the slow twin: the block formula of the official tool, written out
    let all: Vec<usize> = chosen.iter().copied().chain(chosen.iter().map(|place| place + wide)).collect();
    let wanted: Vec<f64> =
        all.iter().flat_map(|row| all.iter().map(move |column| (row * 1000 + column) as f64)).collect();
    assert_eq!((matrix.size, &matrix.values, matrix.dropped.len()), (8, &wanted, 0));
    let path = matrix.write(dir.path()).unwrap();
    assert!(path.ends_with("neighbour_emotion_val.npy"));
    let read = read_npy(&path).unwrap();
    assert_eq!((read.shape.as_slice(), read.values[9] as f64), ([8, 8].as_slice(), wanted[9]));
    let bytes = std::fs::read(&path).unwrap();
    assert!(String::from_utf8_lossy(&bytes[..80]).contains("<f8"), "float64 as the official tool writes it");
}

#[test]
fn a_list_row_that_the_official_tool_drops_in_silence_is_a_fault_and_its_matrix_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (chosen, wide) = indexed(dir.path());
    let indices = dir.path().join("tool/data_indices.csv");
    let text = std::fs::read_to_string(&indices).unwrap().replace("NoXI,010,10\n", "NoXI,011,10\n");
    std::fs::write(&indices, text).unwrap();
    let corpus = open(dir.path());
    let matrix = cut(&corpus).remove(0);
    assert_eq!(matrix.size, 6, "as the official result: smaller than the list");
    assert_eq!(matrix.values[7], (chosen[2] * 1000 + chosen[2]) as f64, "row 1 is now the third clip");
    let [fault] = matrix.dropped.as_slice() else { panic!("{:?}", matrix.dropped) };
    assert!(fault.detail.contains("Expert_video/10") && fault.remedy.contains("in silence"), "{fault}");
    matrix.write(dir.path()).unwrap();
    assert_eq!(corpus.neighbours(Split::Val).unwrap_err().kind, FaultKind::Mismatch);
    let report = check(&corpus, &CheckConfig::default(), &Control::default()).unwrap();
    for path in ["neighbour_emotion_val.npy", "tool/data_indices.csv"] {
        let hit = |finding: &&clips::corpus::check::Finding| {
            finding.fault.path == dir.path().join(path) && finding.severity == Severity::Error
        };
        assert!(report.faults.iter().any(|finding| hit(&finding)), "{path}\n{report}");
    }
    assert_eq!(wide, 13);
}

#[test]
fn a_matrix_and_an_index_of_different_corpora_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    indexed(dir.path());
    write_npy_f64(&dir.path().join(FULL_MATRIX), &[8, 8], &[1.0; 64]).unwrap();
    let corpus = open(dir.path());
    let indices = data_indices(dir.path()).unwrap();
    let fault =
        split_matrix(&corpus, &dir.path().join(FULL_MATRIX), &indices, &Control::default()).unwrap_err();
    assert!(fault.kind == FaultKind::Mismatch && fault.detail.contains("13 clips"), "{fault}");
}

#[test]
fn a_row_without_a_one_stops_the_official_scorers_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path());
    write_npy_f64(&dir.path().join("neighbour_emotion_val.npy"), &[2, 2], &[1.0, 0.0, 0.999, 0.0]).unwrap();
    let report = check(&open(dir.path()), &CheckConfig::default(), &Control::default()).unwrap();
    let fault = report.faults.iter().find(|finding| finding.fault.kind == FaultKind::OutOfRange).unwrap();
    assert!(fault.fault.place.contains("row 1") && fault.fault.remedy.contains("ValueError"), "{report}");
}

#[test]
fn a_list_whose_columns_are_exchanged_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path());
    list(dir.path(), "val", &[("NoXI/010/Novice_video/1", "NoXI/010/Expert_video/1")]);
    let report = check(&open(dir.path()), &CheckConfig::default(), &Control::default()).unwrap();
    assert!(report.faults.iter().any(|finding| finding.fault.detail.contains("novice's side")), "{report}");
}

/// Sessions of unequal length at 30 frames a second, as REACT 2025 describes them.
fn recordings(root: &Path) {
    for (session, name, frames) in
        [("session2", "Camera-b", 60), ("session10", "Camera-a", 90), ("session2", "Camera-a", 58)]
    {
        for role in ["speaker", "listener"] {
            let place = |kind: &str| root.join(format!("train/{kind}/{role}/{session}/{name}.npy"));
            for (kind, columns) in [("facial-attributes", 25), ("coefficients", 58), ("audio-features", 768)]
            {
                let path = place(kind);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                let value = |at: usize| match (columns, at % columns) {
                    (25, 0..15) => f32::from(u8::from(role == "speaker" && (at / 25).is_multiple_of(7))),
                    (25, 17) => 1.0,
                    (25, 18..) => 0.0,
                    _ => (at / columns) as f32 / 1000.0 + f32::from(u8::from(role == "speaker")) * 0.01,
                };
                let values: Vec<f32> = (0..frames * columns).map(value).collect();
                write_npy(&path, &[frames, columns], &values).unwrap();
            }
        }
    }
    put(root, "train/facial-attributes/speaker/session2/._Camera-a.npy", "junk");
}

#[test]
fn sessions_of_2025_pair_by_file_name_and_all_listeners_of_a_session_are_appropriate() {
    let dir = tempfile::tempdir().unwrap();
    recordings(dir.path());
    let corpus = open(dir.path());
    assert_eq!((corpus.layout().name(), corpus.layout().frames_per_second()), ("REACT 2025", 30));
    let rows = corpus.clips(Split::Train);
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(
        ids[..3],
        [
            "train/speaker/session2/Camera-a",
            "train/speaker/session2/Camera-b",
            "train/speaker/session10/Camera-a"
        ]
    );
    assert!(rows[3].speaker == rows[0].listener && rows[0].speaker.sound_features.is_some());
    let neighbours = corpus.neighbours(Split::Train).unwrap().unwrap();
    assert_eq!(neighbours.rows, [vec![0, 1], vec![0, 1], vec![2], vec![3, 4], vec![3, 4], vec![5]]);
}

#[test]
fn sessions_of_2025_come_at_30_frames_a_second_and_are_read_at_25() {
    let dir = tempfile::tempdir().unwrap();
    recordings(dir.path());
    let corpus = open(dir.path());
    let streams = corpus.clips(Split::Train)[1].read_speaker().unwrap();
    assert_eq!((streams.attributes.as_ref().unwrap().len(), streams.frames()), (50, 50), "two seconds");
    let rows = streams.coefficients.unwrap();
    for (frame, row) in rows.iter().enumerate() {
        assert!((row[0] - (frame as f32 * 1.2 / 1000.0 + 0.01)).abs() < 1e-6, "frame {frame}");
    }
    let report = check(&corpus, &CheckConfig::default(), &Control::default()).unwrap();
    let others: Vec<_> = report
        .faults
        .iter()
        .filter(|finding| finding.fault.detail != "no sound" && finding.fault.kind != FaultKind::Junk)
        .collect();
    assert!(others.is_empty(), "sessions of unequal length are no fault: {others:?}");
    assert_eq!(report.faults.iter().filter(|finding| finding.fault.kind == FaultKind::Junk).count(), 1);
}

#[test]
fn a_speaker_of_2025_without_a_listener_is_named() {
    let dir = tempfile::tempdir().unwrap();
    recordings(dir.path());
    for kind in ["facial-attributes", "coefficients", "audio-features"] {
        std::fs::remove_file(dir.path().join(format!("train/{kind}/listener/session10/Camera-a.npy")))
            .unwrap();
    }
    let corpus = open(dir.path());
    assert_eq!(corpus.clips(Split::Train).len(), 4);
    let fault = corpus.faults().iter().find(|fault| fault.kind == FaultKind::Mismatch).unwrap();
    assert!(fault.detail.contains("Camera-a has no listener"), "{fault}");
}

/// A corpus that joins through the trait: two files a clip in one folder.
#[derive(Debug)]
struct Flat;

impl Layout for Flat {
    fn name(&self) -> &'static str {
        "flat"
    }

    fn fits(&self, root: &Path) -> bool {
        root.join("a.csv").is_file()
    }

    fn pairs(&self, root: &Path, split: Split, _control: &Control) -> clips::Result<Pairs> {
        let person = |name: &str| PersonFiles {
            name: name.into(),
            attributes: Some(root.join(format!("{name}.csv"))),
            ..PersonFiles::default()
        };
        let pairs = if split == Split::Test { vec![[person("a"), person("b")]] } else { Vec::new() };
        Ok(Pairs { pairs, ..Pairs::default() })
    }

    fn neighbours(&self, _: &Path, _: Split, rows: &[ClipEntry]) -> clips::Result<Option<Neighbours>> {
        Ok(Some(Neighbours { rows: (0..rows.len() as u32).map(|row| vec![row]).collect() }))
    }
}

#[test]
fn a_corpus_of_ones_own_joins_by_implementing_the_trait() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "a.csv", &emotion(3));
    put(dir.path(), "b.csv", &emotion(3).replace("0.1,-0.1", "0.1,3"));
    let corpus = Corpus::open_as(dir.path(), &Flat, &Control::default()).unwrap();
    assert_eq!(corpus.clips(Split::Test)[1].read_listener().unwrap().frames(), 3);
    assert_eq!(corpus.neighbours(Split::Test).unwrap().unwrap().rows, [vec![0], vec![1]]);
    let report = check(&corpus, &CheckConfig::default(), &Control::default()).unwrap();
    assert!(report.faults.iter().any(|finding| finding.fault.detail.contains("arousal")), "{report}");
}

#[test]
fn a_stream_gives_the_rows_that_were_asked_for_in_that_order() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path());
    let corpus = open(dir.path());
    let stream = corpus.stream(Split::Val, &[1, 0, 1], 2, |row| Ok(row.id.clone())).unwrap();
    let ids: Vec<String> = stream.map(Result::unwrap).collect();
    assert!(ids[0].contains("Novice") && ids[1].contains("Expert") && ids[2] == ids[0]);
    assert_eq!(corpus.stream(Split::Val, &[2], 2, |_| Ok(())).unwrap_err().kind, FaultKind::BadRequest);
}
