//! Throws broken files at the readers: `cargo run --release -p clips --example clips_fuzz -- SECONDS SEED [READER]`.
//!
//! Small valid files are mutated (bits flipped, cut, numbers and length fields overwritten, spliced with one another,
//! pieces repeated or put in) and read. A panic, or more memory than 64 MB + 16 times the file at any moment of a
//! reading, ends the run with the file that did it and exit code 1. Runs on stable; the same seed gives the same files.
//! Readers: npy, emotion, list, matrix, indices, truth, check; without a name they take turns.
#![expect(clippy::print_stdout, reason = "an example talks to its terminal")]
#![expect(unsafe_code, reason = "a counting allocator is an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clips::array::{read_npy, read_npy_rows, write_npy, write_npy_f64};
use clips::corpus::check::{CheckConfig, check};
use clips::corpus::{
    Corpus, Neighbours, Split, read_attributes, read_coefficients, read_emotion, split_matrix,
};
use clips::{Chance, Control};

/// Counts what is held and the most that was.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; the counters do not touch the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const READERS: [&str; 7] = ["npy", "emotion", "list", "matrix", "indices", "truth", "check"];
const SLACK: usize = 64 << 20;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [seconds, seed, reader @ ..] = arguments.as_slice() else {
        return Err(format!("usage: fuzz SECONDS SEED [{}]", READERS.join(" | ")).into());
    };
    let (seconds, seed): (f64, u64) = (seconds.parse()?, seed.parse()?);
    let readers: Vec<&str> = reader.first().map_or(READERS.to_vec(), |name| vec![name.as_str()]);
    if let Some(wrong) = readers.iter().find(|name| !READERS.contains(name)) {
        return Err(format!("there is no reader {wrong}; there are {}", READERS.join(", ")).into());
    }
    // One thread of our own: a panic in a pool would take the others with it, and counts would mix.
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global()?;
    let folder = tempfile::tempdir()?;
    let bench = Bench::new(folder.path())?;
    let begun = Instant::now();
    let (mut rounds, mut most, mut refused) = (0u64, 0usize, 0u64);
    while begun.elapsed().as_secs_f64() < seconds {
        let reader = readers[(rounds % readers.len() as u64) as usize];
        let mut chance = Chance::new(seed, reader, &[rounds]);
        let (path, bytes) = bench.broken(reader, &mut chance);
        std::fs::write(&path, &bytes)?;
        let before = HELD.load(Ordering::Relaxed);
        MOST.store(before, Ordering::Relaxed);
        let result = std::panic::catch_unwind(|| bench.read(reader, &path));
        let used = MOST.load(Ordering::Relaxed).saturating_sub(before);
        most = most.max(used);
        let kept = std::env::temp_dir().join(format!("clips-fuzz-{reader}-{seed}-{rounds}"));
        let keep = || std::fs::write(&kept, &bytes);
        match result {
            Err(_) => {
                keep()?;
                return Err(format!("{reader} panicked on {} (round {rounds})", kept.display()).into());
            }
            Ok(ok) => refused += u64::from(!ok),
        }
        if used > SLACK + 16 * bytes.len() {
            keep()?;
            return Err(format!(
                "{reader} took {used} bytes for {} of them: {}",
                bytes.len(),
                kept.display()
            )
            .into());
        }
        bench.restore(&path)?;
        rounds += 1;
    }
    println!(
        "{}: {rounds} files in {:.0} s, {refused} refused, at most {:.2} MB held while reading one; no panic",
        readers.join(", "),
        begun.elapsed().as_secs_f64(),
        most as f64 / 1e6
    );
    Ok(())
}

/// A small corpus whose files are broken one at a time and then put back.
struct Bench {
    root: PathBuf,
    seeds: Vec<(&'static str, PathBuf, Vec<u8>)>,
}

impl Bench {
    fn new(root: &Path) -> Result<Self, Failure> {
        clips::synth::write(
            &clips::synth::Config { clips: Some(2), seconds: 4.0, seed: 1, ..Default::default() },
            root,
            &Control::default(),
        )?;
        // One split is enough to break, and quicker to open.
        for split in ["val", "test"] {
            std::fs::remove_dir_all(root.join(split))?;
            std::fs::remove_file(root.join(format!("{split}.csv")))?;
        }
        let chat = "NoXI/001_synthetic";
        let emotion = root.join(format!("train/Emotion/{chat}/P1/1.csv"));
        let coefficients = root.join(format!("train/3D_FV_files/{chat}/Expert_video/1.npy"));
        let sound = root.join(format!("train/Audio_files/{chat}/Expert_video/1.wav"));
        // Short files break in more interesting places.
        let text = std::fs::read_to_string(&emotion)?;
        std::fs::write(&emotion, text.lines().take(6).collect::<Vec<_>>().join("\n"))?;
        write_npy(&coefficients, &[5, 1, 58], &[0.25; 5 * 58])?;
        let wide = root.join("wide.npy");
        write_npy_f64(&wide, &[3, 25], &[0.5; 75])?;
        let bytes = std::fs::read(&sound)?;
        std::fs::write(&sound, &bytes[..2000])?;
        let (mean, full) = (root.join("external/FaceVerse/mean_face.npy"), clips::corpus::FULL_MATRIX);
        let mut seeds = Vec::new();
        for (reader, path) in [
            ("npy", coefficients.clone()),
            ("npy", wide),
            ("emotion", emotion.clone()),
            ("list", root.join("train.csv")),
            ("matrix", root.join(full)),
            ("matrix", root.join("neighbour_emotion_train.npy")),
            ("indices", root.join("data_indices.csv")),
            ("truth", root.join("intents.csv")),
            ("check", emotion),
            ("check", coefficients),
            ("check", sound),
            ("check", mean),
            ("check", root.join("neighbour_emotion_train.npy")),
        ] {
            let bytes = std::fs::read(&path)?;
            seeds.push((reader, path, bytes));
        }
        Ok(Self { root: root.to_owned(), seeds })
    }

    fn restore(&self, path: &Path) -> std::io::Result<()> {
        match self.seeds.iter().find(|(_, known, _)| known == path) {
            Some((_, _, bytes)) => std::fs::write(path, bytes),
            None => Ok(()),
        }
    }

    /// A seed file of the reader, broken.
    fn broken(&self, reader: &str, chance: &mut Chance) -> (PathBuf, Vec<u8>) {
        let own: Vec<_> = self.seeds.iter().filter(|(of, ..)| *of == reader).collect();
        let (_, path, seed) = own[chance.below(own.len())];
        let other = &self.seeds[chance.below(self.seeds.len())].2;
        let mut bytes = seed.clone();
        for _ in 0..1 + chance.below(4) {
            mutate(&mut bytes, other, chance);
        }
        (path.clone(), bytes)
    }

    /// Whether the file was accepted.
    fn read(&self, reader: &str, path: &Path) -> bool {
        let control = Control::default();
        let open = || Corpus::open(&self.root, &control);
        match reader {
            "npy" => {
                let rows = read_npy(path).and_then(|array| {
                    array.require_finite(path)?;
                    array.rows::<58>(path).map(drop).or_else(|_| array.rows::<25>(path).map(drop))
                });
                let _ = (read_coefficients(path), read_attributes(path), read_npy_rows(path, |_, _| Ok(())));
                rows.is_ok()
            }
            "emotion" => read_emotion(path).is_ok(),
            "list" => open().is_ok_and(|corpus| corpus.faults().is_empty()),
            "matrix" | "indices" => {
                let _ = Neighbours::read(path);
                let full = self.root.join(clips::corpus::FULL_MATRIX);
                let indices = self.root.join("data_indices.csv");
                open().is_ok_and(|corpus| {
                    let _ = corpus.neighbours(Split::Train);
                    split_matrix(&corpus, &full, &indices, &control).is_ok()
                })
            }
            "truth" => open().is_ok_and(|corpus| corpus.intents().is_ok()),
            _ => open().is_ok_and(|corpus| {
                check(&corpus, &CheckConfig::default(), &control).is_ok_and(|report| report.faults.is_empty())
            }),
        }
    }
}

fn mutate(bytes: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    const NUMBERS: [&str; 12] = [
        "0",
        "-1",
        "1e999",
        "nan",
        "4294967295",
        "18446744073709551615",
        "9223372036854775808",
        "65536",
        "58",
        "\"",
        "(((((((((",
        "2500000000",
    ];
    let length = bytes.len();
    if length == 0 {
        bytes.extend_from_slice(other);
        return;
    }
    // Headers are where the promises stand: half of the places lie in the first 128 bytes.
    let header = chance.happens(0.5);
    let at = chance.below(if header { length.min(128) } else { length });
    match chance.below(9) {
        0 => bytes[at] ^= 1 << chance.below(8),
        1 => bytes.truncate(at),
        2 => bytes[at] = chance.bits() as u8,
        3 => {
            // a length field
            let value = [0, 1, 0xff, 0x7fff_ffff, u64::MAX, chance.bits()][chance.below(6)].to_le_bytes();
            let width = [2, 4, 8][chance.below(3)].min(length - at);
            bytes[at..at + width].copy_from_slice(&value[..width]);
        }
        4 => {
            // a number in text
            let digits = (at..length).find(|at| bytes[*at].is_ascii_digit()).unwrap_or(at);
            let end = (digits..length).find(|at| !bytes[*at].is_ascii_digit()).unwrap_or(length);
            let number = NUMBERS[chance.below(NUMBERS.len())];
            bytes.splice(digits..end, number.bytes());
        }
        5 => {
            let from = chance.below(other.len().max(1)).min(other.len());
            let tail = other[from..].to_vec();
            bytes.truncate(at);
            bytes.extend(tail);
        }
        6 => {
            let end = (at + 1 + chance.below(64)).min(length);
            let piece = bytes[at..end].to_vec();
            let times = 1 + chance.below(40);
            let again: Vec<u8> = (0..times).flat_map(|_| piece.iter().copied()).collect();
            bytes.splice(at..at, again);
        }
        7 => {
            let end = (at + 1 + chance.below(64)).min(length);
            bytes.drain(at..end);
        }
        _ => {
            let junk: Vec<u8> = (0..1 + chance.below(16)).map(|_| chance.bits() as u8).collect();
            bytes.splice(at..at, junk);
        }
    }
}
