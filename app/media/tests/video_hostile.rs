//! Damaged and malicious MP4 files: refused with a fault or shown as far as they go, never a panic, never for ever.
//!
//! Alone in its program, because it silences the words of the panics that are caught inside.

#![cfg(feature = "h264")]

use std::path::Path;
use std::time::{Duration, Instant};

use media::{Video, VideoSource};

/// A small generator of its own, so that a failure can be had again from its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

/// `BACKCHANNEL_FUZZ_SECONDS=600 cargo test -p media --test video_hostile` runs ten minutes.
#[test]
fn hostile_files_are_refused_or_shown_but_never_a_panic() {
    let seconds = std::env::var("BACKCHANNEL_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let limit = Duration::from_secs(seconds.unwrap_or(4));
    // Panics of the decoder are caught and become faults; their words would drown the report.
    std::panic::set_hook(Box::new(|_| ()));
    let seeds: Vec<Vec<u8>> =
        ["no-edit-list.mp4", "open-gop.mp4", "rate-30.mp4", "ten-bit.mp4", "fragmented.mp4"]
            .iter()
            .map(|name| {
                std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/videos").join(name)).unwrap()
            })
            .collect();
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("hostile.mp4");
    let (begun, mut rounds, mut shown) = (Instant::now(), 0u64, 0u64);
    let mut outcome = Ok(());
    while begun.elapsed() < limit && outcome.is_ok() {
        let mut random = Random(rounds.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995);
        let mut bytes = seeds[random.below(seeds.len())].clone();
        // The index, at the end of the file, is hit half of the time.
        let index = bytes.windows(4).position(|four| four == b"moov").unwrap_or(0);
        let from = if random.below(2) == 0 { index } else { 0 };
        for _ in 0..1 + random.below(6) {
            let at = from + random.below(bytes.len() - from);
            match random.below(4) {
                0 => bytes[at] = random.below(256) as u8,
                1 => bytes[at] ^= 1 << random.below(8),
                2 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
                _ => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0),
            }
        }
        if random.below(8) == 0 {
            bytes.truncate(random.below(bytes.len()));
        }
        std::fs::write(&path, &bytes).unwrap();
        let source = VideoSource::Mp4(path.clone());
        let begun = Instant::now();
        let round = std::panic::catch_unwind(|| {
            let mut video = Video::open_with(&source, None).ok()?;
            let frames = video.frames();
            for frame in [0, frames / 2, frames.saturating_sub(1), 3] {
                video.frame(frame).ok()?;
            }
            Some(())
        });
        match round {
            Ok(some) => shown += u64::from(some.is_some()),
            Err(_) => outcome = Err(format!("round {rounds} panicked")),
        }
        if begun.elapsed() > Duration::from_secs(20) {
            outcome = Err(format!("round {rounds} took {:?}", begun.elapsed()));
        }
        rounds += 1;
    }
    drop(std::panic::take_hook());
    println!("{rounds} hostile files, {shown} of them shown");
    outcome.unwrap();
    assert!(rounds > 20 && shown > 0);
}
