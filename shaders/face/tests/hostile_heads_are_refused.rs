//! Head files from anywhere: errors with file, place and remedy, never a panic, never a wrong face.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed test is what it is for")]

mod common;

use face::{FaceError, Head, HeadError, NAMES, SHAPES, index_of, mirrored};

const GOOD: &[u8] = include_bytes!("../../../assets/head/head.safetensors");

fn refusal(bytes: &[u8]) -> HeadError {
    match Head::from_bytes("some.safetensors", bytes) {
        Err(FaceError::Head(e)) => e,
        Err(e) => panic!("another error: {e}"),
        Ok(_) => panic!("was accepted"),
    }
}

fn header_end() -> usize {
    8 + u64::from_le_bytes(GOOD[..8].try_into().unwrap()) as usize
}

/// The file with its header's text changed; same length, so offsets stay right.
fn edited(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let text = String::from_utf8(GOOD[8..header_end()].to_vec()).unwrap();
    assert!(text.contains(from), "{from} is not in the header");
    let mut out = GOOD.to_vec();
    out[8..header_end()].copy_from_slice(text.replacen(from, to, 1).as_bytes());
    out
}

/// Where a tensor's bytes begin.
fn start_of(name: &str) -> usize {
    let header: serde_json::Value = serde_json::from_slice(&GOOD[8..header_end()]).unwrap();
    header_end() + header[name]["data_offsets"][0].as_u64().unwrap() as usize
}

fn overwritten(name: &str, at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut out = GOOD.to_vec();
    let from = start_of(name) + at;
    out[from..from + bytes.len()].copy_from_slice(bytes);
    out
}

#[test]
fn the_builtin_head_is_whole() {
    let head = common::head();
    assert_eq!((head.vertices(), head.triangles()), (11_169, 20_740));
    assert_eq!(head.mirror().len(), head.vertices());
}

#[test]
fn truncated_files_are_refused_at_every_length() {
    let lengths = (0..64).chain((64..GOOD.len()).step_by(GOOD.len() / 150)).chain([GOOD.len() - 1]);
    for n in lengths {
        let e = refusal(&GOOD[..n]);
        assert!(e.file == "some.safetensors" && !e.place.is_empty() && !e.remedy.is_empty(), "at {n}: {e}");
    }
}

#[test]
fn a_header_that_claims_too_much_is_refused() {
    let mut b = GOOD.to_vec();
    b[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(refusal(&b).place.starts_with("header"));
}

#[test]
fn flipped_bytes_never_panic() {
    let mut state = 7_u64;
    for _ in 0..60 {
        let mut b = GOOD.to_vec();
        for _ in 0..4 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (state >> 33) as usize % header_end();
            b[at] ^= 1 << (state >> 61);
        }
        let _ = Head::from_bytes("flipped", &b);
    }
}

#[test]
fn indices_out_of_range_are_named() {
    let e = refusal(&overwritten("triangle", 40, &60_000_u32.to_le_bytes()));
    assert!(e.place.contains("triangle: entry 10 is 60000, expected less than 11169"), "{e}");
    let e = refusal(&overwritten("index", 6, &u16::MAX.to_le_bytes()));
    assert!(e.place.contains("index: entry 3 is 65535"), "{e}");
    let e = refusal(&overwritten("mirror", 0, &(-1_i32).to_le_bytes()));
    assert!(e.place.contains("mirror: entry 0"), "{e}");
    let e = refusal(&overwritten("span", 4, &u32::MAX.to_le_bytes()));
    assert!(e.place.starts_with("span: "), "{e}");
    let e = refusal(&overwritten("part", 9, &[200]));
    assert!(e.place.contains("unknown part 200 at vertex 9"), "{e}");
}

#[test]
fn numbers_that_are_none_are_named() {
    let e = refusal(&overwritten("position", 12, &f32::NAN.to_le_bytes()));
    assert!(e.place.contains("position: row 1"), "{e}");
    let e = refusal(&overwritten("delta", 0, &0x7e00_u16.to_le_bytes()));
    assert!(e.place.contains("delta: entry 0 (eyeBlinkLeft)"), "{e}");
}

#[test]
fn missing_and_doubled_shapes_are_named() {
    let e = refusal(&edited("eyeBlinkLeft", "eyeBlinkLoft"));
    assert!(e.place.contains("eyeBlinkLeft is missing"), "{e}");
    let e = refusal(&edited("mouthFrownLeft", "mouthSmileLeft"));
    assert!(e.place.contains("mouthSmileLeft comes twice"), "{e}");
    let e = refusal(&edited("\"albedo\":{", "\"albino\":{"));
    assert!(e.place.contains("albedo: this tensor is missing") || e.place.contains("metadata"), "{e}");
}

#[test]
fn shapes_are_mapped_by_name_whatever_their_case() {
    let e = Head::from_bytes("case", &edited("mouthLeft", "MouthLeft"));
    assert!(e.is_ok());
}

#[test]
fn a_file_that_is_not_there_says_so() {
    let e = Head::read(std::path::Path::new("/nowhere/head.safetensors")).err().unwrap().to_string();
    assert!(e.contains("/nowhere/head.safetensors") && e.contains("cannot be opened"), "{e}");
}

#[test]
fn names_are_the_52_in_alphabetical_order_and_pair_up() {
    let mut sorted = NAMES;
    sorted.sort_by_key(|n| n.to_lowercase());
    assert_eq!(sorted, NAMES);
    for i in 0..SHAPES {
        assert_eq!(mirrored(mirrored(i)), i);
        assert_eq!(index_of(&NAMES[i].to_uppercase()), Some(i));
    }
    // sideways shapes pair up although they are no pair of one muscle
    assert_eq!(NAMES[mirrored(index_of("jawLeft").unwrap())], "jawRight");
}
