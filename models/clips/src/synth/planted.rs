//! A small corpus in the exact shipped layout of REACT 2024 with every fault planted in it: what `check` is shown on and
//! held to.
//!
//! Healthy people are made as in the synthetic corpus (30 s, 751 frames of raw coefficients, 750 rows of attributes in
//! `P1` and `P2`, a list with gaps and without a final line end); each fault is then done to a file of its own. The mp4
//! files are boxes without a picture.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::array::{make_folder, write_atomically, write_npy, write_npy_f64};
use crate::chance::Chance;
use crate::control::Control;
use crate::fault::{Fault, FaultKind, Result};
use crate::streams::{Attributes, Coefficients};
use crate::synth::dyad::{self, Session, Template};
use crate::synth::performance::{mean_face, perform};
use crate::synth::voice;
use crate::synth::write::{emotion_text, write_wav};
use crate::time::CLIP_FRAMES;

/// One planted fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plant {
    /// File or folder below the corpus.
    pub path: &'static str,
    /// Kind that a check should find there.
    pub kind: FaultKind,
    /// What was done.
    pub what: &'static str,
}

/// Pair, its folder for attributes: site and chat, first and second person, clip.
struct Place {
    split: &'static str,
    chat: &'static str,
    people: [&'static str; 2],
    labels: [&'static str; 2],
    clip: usize,
}

const NOXI: &str = "NoXI/010_2016-03-25_Paris";
const PLACES: [Place; 9] = [
    noxi(1),
    noxi(2),
    noxi(3),
    noxi(4),
    noxi(5),
    noxi(6),
    Place { split: "val", chat: "RECOLA/group-2", people: ["P41", "P42"], labels: ["P1", "P2"], clip: 1 },
    Place {
        split: "val",
        chat: "UDIVA/talk/058110",
        people: ["FC1", "FC2"],
        labels: ["FC1", "FC2"],
        clip: 1,
    },
    Place { split: "train", chat: "RECOLA/group-1", people: ["P25", "P26"], labels: ["P1", "P2"], clip: 1 },
];

const fn noxi(clip: usize) -> Place {
    Place { split: "val", chat: NOXI, people: ["Expert_video", "Novice_video"], labels: ["P1", "P2"], clip }
}

/// Two people of a clip.
type Person = (Attributes, Coefficients, Vec<f32>);

/// The smallest picture: one grey pixel.
const PIXEL: [u8; 67] = [
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 1, 0, 0,
    0, 1, 8, 0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x08, 0xd7, 0x63,
    0x68, 0, 0, 0, 0x82, 0, 0x81, 0xdd, 0x43, 0x6a, 0xf4, 0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42,
    0x60, 0x82,
];
/// An mp4 file with its two outermost boxes and nothing in them.
const BOXES: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2\0\0\0\x08mdat";

/// Writes the corpus into `out`, which must be new or empty, and says what was planted.
///
/// # Errors
/// [`FaultKind::Mismatch`] when `out` holds something, [`FaultKind::NotWritable`], or a stop.
pub fn planted(out: &Path, control: &Control) -> Result<Vec<Plant>> {
    if std::fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Fault::new(FaultKind::Mismatch, out, "the folder holds something")
            .remedy("choose a new or empty folder; nothing was written"));
    }
    PLACES.par_iter().enumerate().try_for_each(|(index, place)| {
        control.check()?;
        let people = two_people(index as u64);
        for (side, person) in people.iter().enumerate() {
            write_person(out, place, side, person)?;
        }
        Ok(())
    })?;
    lists(out)?;
    let mut plants = Vec::new();
    files(out, &mut plants)?;
    streams(out, &mut plants)?;
    matrices(out, &mut plants)?;
    Ok(plants)
}

fn two_people(number: u64) -> [Person; 2] {
    let template = Template::drawn(7, 1, number as usize, CLIP_FRAMES);
    let mut session = Session::drawn(7, 1, 2 * number as usize, 0, &template);
    session.expert_speaks = true;
    let mut chance = Chance::new(7, "planted", &[number]);
    let talk = |chance: &mut Chance| -> Person {
        let loudness = dyad::syllables(&template.gate, chance);
        let speaking = dyad::speaker(&template, &session, &loudness, chance);
        let strength = dyad::envelope(&session.events, CLIP_FRAMES, [4.0, 8.0, 8.0]);
        let pitch = session.base_pitch;
        let sound = voice::voice(template.class, pitch, &loudness, &speaking.arousal, &strength, chance);
        let (attributes, coefficients) = perform(&speaking, chance);
        (attributes, coefficients, sound)
    };
    let speaker = talk(&mut chance);
    let (attributes, coefficients) =
        perform(&dyad::listener(&session, CLIP_FRAMES, &mut chance), &mut chance);
    let silence = speaker.2.iter().map(|_| (0.003 * chance.normal()) as f32).collect();
    [speaker, (attributes, coefficients, silence)]
}

fn file(out: &Path, place: &Place, kind: &str, person: &str, ending: &str) -> Result<PathBuf> {
    let folder = out.join(place.split).join(kind).join(place.chat).join(person);
    make_folder(&folder)?;
    Ok(folder.join(format!("{}{ending}", place.clip)))
}

fn write_person(
    out: &Path,
    place: &Place,
    side: usize,
    (attributes, coefficients, sound): &Person,
) -> Result<()> {
    let (person, label) = (place.people[side], place.labels[side]);
    put(&file(out, place, "Emotion", label, ".csv")?, emotion_text(attributes).as_bytes())?;
    write_coefficients(&file(out, place, "3D_FV_files", person, ".npy")?, coefficients)?;
    write_wav(&file(out, place, "Audio_files", person, ".wav")?, sound)?;
    if place.clip == 1 && place.chat == NOXI {
        let folder = file(out, place, "Video_files", person, "")?;
        make_folder(&folder)?;
        return (1..=CLIP_FRAMES + 1).try_for_each(|frame| put(&folder.join(format!("{frame}.png")), &PIXEL));
    }
    put(&file(out, place, "Video_files", person, ".mp4")?, BOXES)
}

/// One frame more than there are labels, as the tracker's files have it.
fn write_coefficients(path: &Path, rows: &[[f32; 58]]) -> Result<()> {
    let mut flat: Vec<f32> = rows.iter().flatten().copied().collect();
    flat.extend(rows.last().into_iter().flatten());
    write_npy(path, &[rows.len() + 1, 1, 58], &flat)
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(path, |file| std::io::Write::write_all(file, bytes))
}

fn lists(out: &Path) -> Result<()> {
    let line = |index: usize, place: &Place, clip: usize| {
        let [first, second] = place.people;
        format!("\n{index},{0}/{first}/{clip},{0}/{second}/{clip}", place.chat)
    };
    let mut val = String::from(",speaker_path,listener_path");
    // The index has gaps, row 9 leads out of the corpus, row 10 names a clip of which nothing is there.
    PLACES[..8].iter().enumerate().for_each(|(index, place)| val += &line(3 * index + 2, place, place.clip));
    val += "\n40,../../secret/1,NoXI/010_2016-03-25_Paris/Novice_video/1";
    val += &line(41, &PLACES[0], 7);
    put(&out.join("val.csv"), val.as_bytes())?;
    let train = format!(",speaker_path,listener_path{}\n", line(0, &PLACES[8], 1));
    put(&out.join("train.csv"), train.as_bytes())?;
    // Every clip but UDIVA's; RECOLA is written otherwise than in the paths, as in the official file.
    let mut indices = String::from("site,chat_index,clip_index\n");
    (1..=7).for_each(|clip| indices += &format!("NoXI,010_2016-03-25_Paris,{clip}\n"));
    indices += "Recola,group-1,1\nRecola,group-2,1\n";
    make_folder(&out.join("tool"))?;
    put(&out.join("tool/data_indices.csv"), indices.as_bytes())
}

/// Faults of whole files: junk, missing, cut, empty.
fn files(out: &Path, plants: &mut Vec<Plant>) -> Result<()> {
    let mut plant = |path, kind, what| {
        plants.push(Plant { path, kind, what });
        out.join(path)
    };
    use FaultKind as K;
    let coefficients = "val/3D_FV_files/NoXI/010_2016-03-25_Paris/Expert_video";
    for path in [
        "val/3D_FV_files/NoXI/010_2016-03-25_Paris/Expert_video/._1.npy",
        "val/Emotion/NoXI/010_2016-03-25_Paris/P1/._1.csv",
    ] {
        put(
            &plant(path, K::Junk, "AppleDouble junk beside the real file"),
            b"\0\x05\x16\x07\0\x02\0\0Mac OS X",
        )?;
    }
    let extra = "val/3D_FV_files/NoXI/010_2016-03-25_Paris/Expert_video/1_origin.npy";
    copy(&out.join(coefficients).join("1.npy"), &plant(extra, K::Junk, "an extra array beside the clip"))?;
    let place = "val/NoXI/010_2016-03-25_Paris/Novice_video/2";
    plant(place, K::MissingModality, "the sound is missing");
    remove(&out.join("val/Audio_files/NoXI/010_2016-03-25_Paris/Novice_video/2.wav"))?;
    let place = "val/Video_files/NoXI/010_2016-03-25_Paris/Expert_video/2.mp4";
    put(&plant(place, K::Empty, "an mp4 of no bytes"), b"")?;
    let place = "val/Video_files/NoXI/010_2016-03-25_Paris/Novice_video/1";
    remove(&plant(place, K::WrongLength, "frame 400 of the PNG folder is missing").join("400.png"))?;
    let place = "val/3D_FV_files/NoXI/010_2016-03-25_Paris/Expert_video/6.npy";
    let path = plant(place, K::Truncated, "the array ends in the middle");
    let bytes = std::fs::read(&path).map_err(|error| Fault::io(&path, &error))?;
    put(&path, &bytes[..bytes.len() / 2])?;
    let place = "val/3D_FV_files/NoXI/010_2016-03-25_Paris/Novice_video/6.npy";
    write_npy(&plant(place, K::WrongShape, "52 columns instead of 58"), &[751, 52], &vec![0.1; 751 * 52])?;
    plant("val/NoXI/010_2016-03-25_Paris/Expert_video/7", K::NotFound, "the list names it, nothing is there");
    plant("val/NoXI/010_2016-03-25_Paris/Novice_video/7", K::NotFound, "the list names it, nothing is there");
    plant("val.csv", K::Malformed, "a row leads out of the corpus");
    let place = "val/Audio_files/RECOLA/group-2/P41/1.wav";
    let path = plant(place, K::Malformed, "a wav file that is a web page");
    put(&path, b"<!DOCTYPE html><title>403 Forbidden</title> the share has expired")?;
    let place = "mean_face.npy";
    write_npy(&plant(place, K::WrongShape, "a mean face of 52 values"), &[52], &mean_face()[..52])
}

/// Faults inside the streams: values, lengths, mixed up people.
fn streams(out: &Path, plants: &mut Vec<Plant>) -> Result<()> {
    let mut plant = |path, kind, what| {
        plants.push(Plant { path, kind, what });
        out.join(path)
    };
    use FaultKind as K;
    // The people as they were written; the same numbers draw them again.
    let [expert, novice] = two_people(1);
    let mut rows = expert.1;
    rows[10][24] = f32::NAN;
    rows[11][24] = f32::INFINITY;
    let place = "val/3D_FV_files/NoXI/010_2016-03-25_Paris/Expert_video/2.npy";
    write_coefficients(&plant(place, K::NotFinite, "the jaw is NaN in frame 10"), &rows)?;
    let mut rows = novice.0;
    rows[5][15] = f32::NAN;
    let place = "val/Emotion/NoXI/010_2016-03-25_Paris/P2/2.csv";
    put(&plant(place, K::NotFinite, "valence is NaN in frame 5"), emotion_text(&rows).as_bytes())?;

    let [expert, novice] = two_people(2);
    let mut rows = expert.0;
    rows[3][0] = 0.5;
    rows[4][16] = 1.5;
    rows[6][17..25].fill(0.5);
    let place = "val/Emotion/NoXI/010_2016-03-25_Paris/P1/3.csv";
    let path = plant(place, K::OutOfRange, "AU1 is 0.5, arousal 1.5, the expressions sum to 4");
    put(&path, emotion_text(&rows).as_bytes())?;
    let place = "val/Emotion/NoXI/010_2016-03-25_Paris/P2/3.csv";
    let path = plant(place, K::WrongLength, "700 rows of attributes instead of 750");
    put(&path, emotion_text(&novice.0[..700]).as_bytes())?;
    let place = "val/3D_FV_files/NoXI/010_2016-03-25_Paris/Novice_video/3.npy";
    plant(place, K::WrongLength, "751 frames beside 700 rows of attributes");
    let place = "val/Audio_files/NoXI/010_2016-03-25_Paris/Novice_video/3.wav";
    plant(place, K::WrongLength, "30 s of sound beside 700 rows of attributes");
    let place = "val/3D_FV_files/NoXI/010_2016-03-25_Paris/Expert_video/3.npy";
    let mut rows = expert.1;
    rows[7][0] = 30.0;
    rows[8][53] = 57.3;
    write_coefficients(&plant(place, K::OutOfRange, "a weight of 30 and an angle in degrees"), &rows)?;

    let place = "val/Emotion/NoXI/010_2016-03-25_Paris/P2/4.csv";
    let path = plant(place, K::Identical, "the listener's attributes are the speaker's");
    copy(&out.join("val/Emotion/NoXI/010_2016-03-25_Paris/P1/4.csv"), &path)?;
    let place = "val/3D_FV_files/NoXI/010_2016-03-25_Paris/Novice_video/4.npy";
    let path = plant(place, K::Identical, "the listener's coefficients are the speaker's");
    copy(&out.join("val/3D_FV_files/NoXI/010_2016-03-25_Paris/Expert_video/4.npy"), &path)?;

    let sounds = out.join("val/Audio_files/NoXI/010_2016-03-25_Paris");
    let place = "val/Audio_files/NoXI/010_2016-03-25_Paris/Novice_video/5.wav";
    let path = plant(place, K::Mismatch, "the sounds of the two people are swapped");
    copy(&sounds.join("Novice_video/5.wav"), &sounds.join("swap"))?;
    copy(&sounds.join("Expert_video/5.wav"), &path)?;
    copy(&sounds.join("swap"), &sounds.join("Expert_video/5.wav"))?;
    remove(&sounds.join("swap"))?;

    let [_, mut second] = two_people(6);
    let mean = mean_face();
    second.1.iter_mut().flatten().zip(mean.iter().cycle()).for_each(|(value, mean)| *value -= mean);
    let place = "val/3D_FV_files/RECOLA/group-2/P42/1.npy";
    write_coefficients(&plant(place, K::Mismatch, "centred among raw coefficients"), &second.1)?;

    let [first, _] = two_people(8);
    let place = "train/Audio_files/RECOLA/group-1/P26/1.wav";
    write_wav(&plant(place, K::OutOfRange, "digital silence"), &vec![0.0; first.2.len()])?;
    let place = "train/Audio_files/RECOLA/group-1/P25/1.wav";
    write_wav(&plant(place, K::WrongLength, "12 s of sound for a clip of 30 s"), &first.2[..12 * 16_000])
}

/// Matrices that do not fit: a row without a 1, a size of another list, a clip that is in no index.
fn matrices(out: &Path, plants: &mut Vec<Plant>) -> Result<()> {
    let mut plant = |path, kind, what| {
        plants.push(Plant { path, kind, what });
        out.join(path)
    };
    let path = "neighbour_emotion_train.npy";
    write_npy_f64(&plant(path, FaultKind::OutOfRange, "row 1 has no 1"), &[2, 2], &[1.0, 0.0, 0.0, 0.0])?;
    plant("tool/data_indices.csv", FaultKind::Mismatch, "the UDIVA clip is not in the index");
    // As the official tool makes it: the dropped row shrinks the matrix.
    let path =
        plant("neighbour_emotion_val.npy", FaultKind::Mismatch, "two rows fewer than the list has clips");
    let unit = |size: usize| {
        (0..size * size).map(|at| f64::from(u8::from(at / size == at % size))).collect::<Vec<_>>()
    };
    write_npy_f64(&path, &[16, 16], &unit(16))?;
    write_npy_f64(&out.join(crate::corpus::FULL_MATRIX), &[18, 18], &unit(18))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).map(|_| ()).map_err(|error| Fault::write(to, &error))
}

fn remove(path: &Path) -> Result<()> {
    std::fs::remove_file(path).map_err(|error| Fault::write(path, &error))
}
