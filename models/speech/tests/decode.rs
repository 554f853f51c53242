//! Sound files good, cut, lying and foreign.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::io::Cursor;
use std::path::{Path, PathBuf};

use clips::{Fault, FaultKind};
use speech::{decode, decode_with_warnings};

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// A 16-bit WAV of a ramp.
fn wav_bytes(rate: u32, channels: u16, samples: usize) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for i in 0..samples * usize::from(channels) {
        writer.write_sample((i % 20_000) as i16 - 10_000).unwrap();
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

#[track_caller]
fn assert_explained(fault: &Fault, kind: FaultKind, path: &Path) {
    assert_eq!(fault.kind, kind, "{fault}");
    assert_eq!(fault.path, path);
    assert!(!fault.remedy.is_empty() && !fault.detail.is_empty(), "{fault}");
}

#[test]
fn wav_samples_come_back_exactly() {
    let folder = Folder::new();
    let path = folder.write("a.wav", &wav_bytes(22_050, 2, 5_000));
    let decoded = decode_with_warnings(&path).unwrap();
    assert!(decoded.warnings.is_empty(), "{:?}", decoded.warnings);
    let sound = decoded.waveform;
    assert_eq!((sound.rate, sound.channels, sound.len()), (22_050, 2, 5_000));
    for (i, sample) in sound.samples.iter().enumerate() {
        assert!((sample - ((i % 20_000) as f32 - 10_000.0) / 32_768.0).abs() < 1e-6);
    }
}

#[test]
fn float_and_24_bit_wavs_are_read_and_holes_are_told() {
    let folder = Folder::new();
    for (bits, sample_format) in [(24, hound::SampleFormat::Int), (32, hound::SampleFormat::Float)] {
        let spec = hound::WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample: bits, sample_format };
        let path = folder.0.path().join(format!("{bits}.wav"));
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for i in 0..1_000 {
            match bits {
                24 => writer.write_sample(i * 1_000).unwrap(),
                _ if i == 7 => writer.write_sample(f32::NAN).unwrap(),
                _ => writer.write_sample(i as f32 / 8_388.608).unwrap(),
            }
        }
        writer.finalize().unwrap();
        let decoded = decode_with_warnings(&path).unwrap();
        assert_eq!(decoded.waveform.len(), 1_000);
        assert!((decoded.waveform.samples[999] - 0.119).abs() < 1e-3);
        assert_eq!(decoded.waveform.samples[0], 0.0);
        assert_eq!(decoded.warnings.iter().any(|w| w.kind == FaultKind::NotFinite), bits == 32);
        assert!(decoded.waveform.samples.iter().all(|sample| sample.is_finite()));
    }
}

#[test]
fn every_compressed_format_gives_the_chirp() {
    for (name, tolerance) in
        [("chirp.flac", 1e-4), ("chirp.ogg", 0.1), ("chirp.mp3", 0.1), ("chirp.m4a", 0.25)]
    {
        let decoded = decode_with_warnings(&data(name)).unwrap();
        assert!(decoded.warnings.is_empty(), "{name}: {:?}", decoded.warnings);
        let sound = decoded.waveform;
        assert_eq!((sound.rate, sound.channels), (16_000, 1), "{name}");
        assert!((9_600..13_000).contains(&sound.len()), "{name}: {} samples", sound.len());
        // AAC in MP4 keeps its encoder's delay; look for the chirp anywhere near the start
        let error = (0..=sound.len() - 9_600).map(|shift| {
            let difference = (2_000..8_000).map(|i| {
                let t = i as f64 / 16_000.0;
                let expected = 0.5 * (std::f64::consts::TAU * (200.0 * t + 900.0 * t * t)).sin();
                (f64::from(sound.samples[i + shift]) - expected).powi(2)
            });
            (difference.sum::<f64>() / 6_000.0).sqrt()
        });
        let best = error.fold(f64::MAX, f64::min);
        assert!(best < tolerance, "{name}: rms error {best}");
        assert_eq!(decode(&data(name)).unwrap(), sound);
    }
}

#[test]
fn a_cut_wav_gives_the_sound_that_is_there_and_a_warning() {
    let folder = Folder::new();
    let whole = wav_bytes(16_000, 1, 16_000);
    let path = folder.write("cut.wav", &whole[..44 + 2 * 9_001]);
    let decoded = decode_with_warnings(&path).unwrap();
    assert_eq!(decoded.waveform.len(), 9_001);
    assert_explained(&decoded.warnings[0], FaultKind::Truncated, &path);
    assert!(decoded.warnings[0].place.contains("0.56 s"), "{}", decoded.warnings[0]);
    assert!(decoded.warnings[0].detail.contains("1.00 s"), "{}", decoded.warnings[0]);
}

#[test]
fn a_wav_that_ends_with_its_header_is_a_fault() {
    let folder = Folder::new();
    let path = folder.write("header.wav", &wav_bytes(16_000, 1, 16_000)[..44]);
    assert_explained(&decode(&path).unwrap_err(), FaultKind::Truncated, &path);
    for length in [1, 4, 11, 20, 36, 40, 43] {
        let path = folder.write("stub.wav", &wav_bytes(16_000, 1, 16_000)[..length]);
        let fault = decode(&path).unwrap_err();
        assert!(matches!(fault.kind, FaultKind::Malformed | FaultKind::Unsupported), "{length}: {fault}");
        assert!(fault.path == path && !fault.remedy.is_empty());
    }
}

#[test]
fn a_wav_without_samples_is_a_fault() {
    let folder = Folder::new();
    let path = folder.write("silent.wav", &wav_bytes(16_000, 1, 0));
    assert_explained(&decode(&path).unwrap_err(), FaultKind::Empty, &path);
}

#[test]
fn a_header_that_promises_four_gigabytes_takes_no_memory() {
    let folder = Folder::new();
    let mut bytes = wav_bytes(16_000, 1, 100);
    bytes[4..8].copy_from_slice(&4_000_000_036u32.to_le_bytes());
    bytes[40..44].copy_from_slice(&4_000_000_000u32.to_le_bytes());
    let path = folder.write("huge.wav", &bytes);
    let decoded = decode_with_warnings(&path).unwrap();
    assert_eq!(decoded.waveform.len(), 100);
    assert_explained(&decoded.warnings[0], FaultKind::Truncated, &path);
    let path = folder.write("huge.wav", &bytes[..44]);
    assert_explained(&decode(&path).unwrap_err(), FaultKind::Truncated, &path);
}

#[test]
fn tables_that_promise_more_than_the_file_holds_are_refused() {
    let folder = Folder::new();
    let whole = std::fs::read(data("chirp.m4a")).unwrap();
    for (name, count_at) in [(b"stts", 8), (b"stsc", 8), (b"stco", 8), (b"stsz", 12)] {
        let at = whole.windows(4).position(|window| window == name).unwrap();
        let mut bytes = whole.clone();
        bytes[at + count_at..at + count_at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        let path = folder.write("table.m4a", &bytes);
        assert_explained(&decode(&path).unwrap_err(), FaultKind::TooLarge, &path);
    }
    let whole = std::fs::read(data("chirp.ogg")).unwrap();
    let at = whole.windows(3).position(|window| window == b"BCV").unwrap();
    let mut bytes = whole;
    bytes[at + 3..at + 8].fill(0xFF);
    let path = folder.write("book.ogg", &bytes);
    assert_explained(&decode(&path).unwrap_err(), FaultKind::TooLarge, &path);
}

#[test]
fn a_wav_written_to_a_pipe_is_whole() {
    let folder = Folder::new();
    let mut bytes = wav_bytes(16_000, 1, 3_000);
    bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    bytes[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    let decoded = decode_with_warnings(&folder.write("pipe.wav", &bytes)).unwrap();
    assert_eq!(decoded.waveform.len(), 3_000);
    assert!(decoded.warnings.is_empty(), "{:?}", decoded.warnings);
}

#[test]
fn absurd_rates_are_refused() {
    let folder = Folder::new();
    for rate in [0u32, 1, u32::MAX] {
        let mut bytes = wav_bytes(16_000, 1, 100);
        bytes[24..28].copy_from_slice(&rate.to_le_bytes());
        let path = folder.write("rate.wav", &bytes);
        let fault = decode(&path).unwrap_err();
        assert!(fault.path == path && !fault.remedy.is_empty(), "{fault}");
    }
}

#[test]
fn what_is_no_sound_file_is_told_apart() {
    let folder = Folder::new();
    let missing = folder.0.path().join("missing.wav");
    assert_explained(&decode(&missing).unwrap_err(), FaultKind::NotFound, &missing);
    assert_explained(&decode(folder.0.path()).unwrap_err(), FaultKind::Malformed, folder.0.path());
    let empty = folder.write("empty.wav", b"");
    assert_explained(&decode(&empty).unwrap_err(), FaultKind::Empty, &empty);
    let text = folder.write("text.mp3", "just some words, and again and again. ".repeat(2_000).as_bytes());
    assert_explained(&decode(&text).unwrap_err(), FaultKind::Unsupported, &text);
    let picture = folder.write("picture.wav", b"\x89PNG\r\n\x1a\n0000000000000000000000000000");
    let fault = decode(&picture).unwrap_err();
    assert!(matches!(fault.kind, FaultKind::Malformed | FaultKind::Unsupported), "{fault}");
}

#[test]
fn cut_and_damaged_files_never_panic() {
    let folder = Folder::new();
    let mut chance = clips::Chance::new(11, "damage", &[]);
    std::panic::set_hook(Box::new(|_| {})); // a caught panic inside a decoder is what is being provoked
    let mut outcomes = [0usize; 2];
    for name in ["chirp.flac", "chirp.ogg", "chirp.mp3", "chirp.m4a", "wav"] {
        let whole =
            if name == "wav" { wav_bytes(16_000, 2, 2_000) } else { std::fs::read(data(name)).unwrap() };
        for round in 0..120 {
            let mut bytes = whole.clone();
            if round % 3 == 0 {
                bytes.truncate(chance.below(bytes.len()) + 1);
            }
            for _ in 0..if round % 3 == 0 { 0 } else { 1 + chance.below(12) } {
                let reach = if round % 2 == 0 { bytes.len() } else { bytes.len().min(200) };
                let at = chance.below(reach);
                bytes[at] = chance.bits() as u8;
            }
            let path = folder.write(&format!("damaged.{}", name.rsplit('.').next().unwrap()), &bytes);
            match decode_with_warnings(&path) {
                Ok(decoded) => {
                    outcomes[0] += 1;
                    assert!(!decoded.waveform.is_empty());
                }
                Err(fault) => {
                    outcomes[1] += 1;
                    assert!(fault.path == path && !fault.remedy.is_empty(), "{fault}");
                }
            }
        }
    }
    let _ = std::panic::take_hook();
    assert!(outcomes[0] > 100 && outcomes[1] > 20, "{outcomes:?}");
}

#[test]
fn a_table_that_the_file_ends_in_is_refused_before_memory_is_taken() {
    let mut bytes = std::fs::read(data("chirp.m4a")).unwrap();
    let at = bytes.windows(4).position(|word| word == b"stco").unwrap();
    // The count of entries, and then one byte of the first: shorter than any table the guard used to read.
    bytes[at + 8..at + 12].copy_from_slice(&[0x2c, 0, 0, 0]);
    bytes.truncate(at + 13);
    let folder = Folder::new();
    let path = folder.write("ends.m4a", &bytes);
    let fault = decode(&path).unwrap_err();
    assert_eq!(fault.kind, FaultKind::TooLarge, "{fault}");
    assert!(fault.place.contains("stco"), "{fault}");
}

/// The size of a sample in an MP4's table is what the decoding library takes in memory before it reads it.
#[test]
fn an_mp4_sample_larger_than_its_file_is_refused_before_memory_is_taken() {
    let mut bytes = std::fs::read(data("chirp.m4a")).unwrap();
    let table = bytes.windows(4).position(|window| window == b"stsz").unwrap();
    // kind, version and flags, one size for all (0), count; then the sizes
    bytes[table + 16..table + 20].copy_from_slice(&0x6c00_0000u32.to_be_bytes());
    let folder = Folder::new();
    let path = folder.write("lying.m4a", &bytes);
    let fault = decode(&path).unwrap_err();
    assert_explained(&fault, FaultKind::TooLarge, &path);
    assert!(fault.place.contains("stsz"), "{fault}");
}
