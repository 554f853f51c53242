//! The traps of the shipped archive, one by one, on small trees.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod common;

use clips::array::{write_npy, write_npy_f64};
use clips::corpus::{Corpus, Split, read_emotion};
use clips::synth::{Config, write};
use clips::{Control, FaultKind};
use common::{coefficients, emotion, put, shipped};

#[test]
fn a_clip_as_shipped_opens_with_both_roles_and_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path());
    let corpus = Corpus::open(dir.path(), &Control::default()).unwrap();
    let rows = corpus.clips(Split::Val);
    assert_eq!(rows.len(), 2, "the list has no final line end and is still read");
    assert_eq!(
        (rows[0].id.as_str(), rows[1].id.as_str()),
        ("val/NoXI/010/Expert_video/1", "val/NoXI/010/Novice_video/1")
    );
    assert_eq!(rows[0].speaker, rows[1].listener);
    let expert = rows[0].speaker.read().unwrap();
    assert_eq!(expert.attributes.unwrap().len(), 750);
    assert_eq!(expert.coefficients.unwrap().len(), 750, "751 are cut to the labels");
    let missing: Vec<_> = corpus.faults().iter().map(|fault| (fault.kind, fault.detail.as_str())).collect();
    assert_eq!(missing, [(FaultKind::MissingModality, "no sound")], "only the novice has no sound");
    assert!(corpus.neighbours(Split::Val).unwrap().is_none() && corpus.intents().unwrap().is_none());
}

#[test]
fn without_a_list_the_folders_are_paired() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path());
    std::fs::remove_file(dir.path().join("val.csv")).unwrap();
    let corpus = Corpus::open(dir.path(), &Control::default()).unwrap();
    assert_eq!(corpus.clips(Split::Val).len(), 2);
    assert!(corpus.clips(Split::Val)[0].speaker.attributes.is_some());
}

#[test]
fn a_folder_without_clips_a_file_and_a_missing_folder_are_explained() {
    let dir = tempfile::tempdir().unwrap();
    let fault = Corpus::open(dir.path(), &Control::default()).unwrap_err();
    assert!(fault.kind == FaultKind::Empty && !fault.remedy.is_empty(), "{fault}");
    put(dir.path(), "file", "x");
    assert_eq!(
        Corpus::open(&dir.path().join("file"), &Control::default()).unwrap_err().kind,
        FaultKind::Malformed
    );
    assert_eq!(
        Corpus::open(&dir.path().join("no"), &Control::default()).unwrap_err().kind,
        FaultKind::NotFound
    );
}

#[test]
fn broken_attributes_are_named_by_row_and_column() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("e.csv");
    for (text, kind, place) in [
        (emotion(3).replacen("0.1,", "nan,", 1), FaultKind::NotFinite, "row 2, column valence"),
        (emotion(3).replacen("-0.1,", "none,", 2), FaultKind::Malformed, "row 2, column arousal"),
        (emotion(1) + "1,2,3\n", FaultKind::WrongShape, "row 3"),
        ("header\n".into(), FaultKind::Empty, ""),
    ] {
        std::fs::write(&path, text).unwrap();
        let fault = read_emotion(&path).unwrap_err();
        assert_eq!((fault.kind, fault.place.as_str()), (kind, place));
    }
}

#[test]
fn a_bad_clip_is_a_fault_of_its_own_and_not_of_the_corpus() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path());
    coefficients(dir.path(), "val/3D_FV_files/NoXI/010/Expert_video/1.npy", &[751, 52]);
    let corpus = Corpus::open(dir.path(), &Control::default()).unwrap();
    assert_eq!(corpus.clips(Split::Val)[0].speaker.read().unwrap_err().kind, FaultKind::WrongShape);
    assert!(corpus.clips(Split::Val)[0].listener.read().is_ok());
}

#[test]
fn a_matrix_of_another_list_is_refused_and_only_exact_ones_count() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path());
    let path = dir.path().join("neighbour_emotion_val.npy");
    let corpus = Corpus::open(dir.path(), &Control::default()).unwrap();
    write_npy_f64(&path, &[2, 2], &[1.0, 0.5, 2.0, 1.0]).unwrap();
    assert_eq!(corpus.neighbours(Split::Val).unwrap().unwrap().rows, [vec![0], vec![1]]);
    write_npy_f64(&path, &[3, 3], &[1.0; 9]).unwrap();
    assert_eq!(corpus.neighbours(Split::Val).unwrap_err().kind, FaultKind::Mismatch);
}

#[test]
fn a_list_cannot_lead_out_of_the_corpus() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path());
    put(
        dir.path(),
        "val.csv",
        ",a,b\n0,../../etc/passwd,NoXI/010/Novice_video/1\n1,NoXI/010/Expert_video/1,NoXI/010/Novice_video/1\n",
    );
    let corpus = Corpus::open(dir.path(), &Control::default()).unwrap();
    assert_eq!(corpus.clips(Split::Val).len(), 2);
    assert!(corpus.faults().iter().any(|fault| fault.kind == FaultKind::Malformed && fault.place == "row 2"));
}

#[test]
fn the_matrix_of_a_split_is_cut_from_the_full_one_as_the_official_tool_does() {
    let config = Config { clips: Some(20), seconds: 4.0, seed: 1, ..Default::default() };
    let dir = tempfile::tempdir().unwrap();
    write(&config, dir.path(), &Control::default()).unwrap();
    let corpus = Corpus::open(dir.path(), &Control::default()).unwrap();
    for split in Split::ALL {
        let own = corpus.neighbours(split).unwrap().unwrap();
        std::fs::remove_file(dir.path().join(format!("neighbour_emotion_{}.npy", split.name()))).unwrap();
        assert_eq!(corpus.neighbours(split).unwrap().unwrap(), own);
        assert_eq!(own.rows_with_alternatives().len(), own.with_alternatives());
    }
    let indices = dir.path().join("data_indices.csv");
    let text = std::fs::read_to_string(&indices).unwrap();
    std::fs::write(&indices, text.replacen("NoXI", "RECOLA", 1)).unwrap();
    let fault = corpus.neighbours(Split::Train).unwrap_err();
    assert!(fault.kind == FaultKind::Mismatch && fault.detail.contains("Expert_video/1"), "{fault}");
    std::fs::remove_file(&indices).unwrap();
    assert!(corpus.neighbours(Split::Train).unwrap().is_none());
}

#[test]
fn a_checkout_with_its_corpus_in_data_opens_with_its_mean_face() {
    let dir = tempfile::tempdir().unwrap();
    shipped(&dir.path().join("data"));
    coefficients(dir.path(), "external/FaceVerse/mean_face.npy", &[58]);
    for root in [dir.path().to_owned(), dir.path().join("data")] {
        let corpus = Corpus::open(&root, &Control::default()).unwrap();
        assert_eq!((corpus.clips(Split::Val).len(), corpus.mean_face()), (2, Some([0.25; 58])));
    }
}

#[test]
fn truncated_coefficients_and_those_with_a_nan_name_the_file_and_the_place() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path());
    let corpus = Corpus::open(dir.path(), &Control::default()).unwrap();
    let speaker = || corpus.clips(Split::Val)[0].read_speaker().unwrap_err();
    let path = dir.path().join("val/3D_FV_files/NoXI/010/Expert_video/1.npy");
    let bytes = std::fs::read(&path).unwrap();
    for length in 0..300 {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let fault = speaker();
        assert!(fault.path == path && !fault.remedy.is_empty(), "{length} bytes: {fault}");
    }
    let mut values = vec![0.5; 751 * 58];
    values[3 * 58 + 7] = f32::NAN;
    write_npy(&path, &[751, 1, 58], &values).unwrap();
    let fault = speaker();
    assert!(fault.kind == FaultKind::NotFinite && fault.place.contains("[3, 0, 7]"), "{fault}");
    assert!(corpus.clips(Split::Val)[1].read_speaker().is_ok());
}

#[test]
fn a_clip_without_a_partner_is_named_when_there_is_no_list() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path());
    std::fs::remove_file(dir.path().join("val.csv")).unwrap();
    coefficients(dir.path(), "val/3D_FV_files/NoXI/010/Expert_video/2.npy", &[751, 1, 58]);
    let corpus = Corpus::open(dir.path(), &Control::default()).unwrap();
    assert_eq!(corpus.clips(Split::Val).len(), 2);
    let fault = corpus.faults().iter().find(|fault| fault.kind == FaultKind::Mismatch).unwrap();
    assert!(fault.detail.contains("clip 2") && !fault.remedy.is_empty(), "{fault}");
}

#[cfg(unix)]
#[test]
fn folders_linked_from_another_disk_are_followed_and_a_loop_of_links_ends() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    shipped(disk.path());
    std::fs::create_dir(dir.path().join("val")).unwrap();
    std::fs::create_dir(dir.path().join("val/3D_FV_files")).unwrap();
    for (inside, place) in [
        ("val.csv", "val.csv"),
        ("val/Emotion", "val/Emotion"),
        ("val/3D_FV_files/NoXI", "val/3D_FV_files/NoXI"),
        ("val/3D_FV_files", "val/3D_FV_files/NoXI/010/loop"),
    ] {
        std::os::unix::fs::symlink(disk.path().join(inside), dir.path().join(place)).unwrap();
    }
    let corpus = Corpus::open(dir.path(), &Control::default()).unwrap();
    let streams = corpus.clips(Split::Val)[0].read_listener().unwrap();
    assert!(streams.attributes.is_some() && streams.coefficients.is_some());
}

#[test]
fn bytes_that_are_no_text_never_stop_the_reader() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path());
    let mut chance = clips::Chance::new(1, "hostile", &[]);
    for round in 0..40 {
        let junk: Vec<u8> = (0..round * 23).map(|_| chance.bits() as u8).collect();
        for name in ["val.csv", "intents.csv", "neighbour_emotion_val.npy", "mean_face.npy"] {
            std::fs::write(dir.path().join(name), &junk).unwrap();
        }
        if let Ok(corpus) = Corpus::open(dir.path(), &Control::default()) {
            let _ = (corpus.neighbours(Split::Val), corpus.intents()); // any answer but a panic
        }
        let path = dir.path().join("junk.csv");
        std::fs::write(&path, &junk).unwrap();
        assert!(read_emotion(&path).is_err());
    }
}
