//! A mutation fuzzer for the readers of foreign files that runs on stable Rust:
//!
//! `cargo run --release -p speech --example speech_fuzz -- SECONDS SEED [wav|tensors|torch|npy]`
//!
//! It starts from small valid files (made here, or the fixtures of the tests), flips bits, overwrites length fields, cuts,
//! repeats and splices, and gives the result to the reader. It fails on a panic (the reader's own guard against panics
//! inside the sound decoder is allowed to catch), and when a reader holds more than 64 MiB + 16 times the file at any
//! moment, which the allocator of this program counts. A failing input is written to the temporary folder.
#![allow(clippy::print_stdout, reason = "an example prints")]
#![allow(clippy::unwrap_used, reason = "a failed step ends the fuzzer, and says where")]
#![expect(unsafe_code, reason = "counting allocations means being the allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clips::Chance;
use clips::tensors::Tensors;

/// Panics that a reader caught itself; one that escapes ends the program.
static CAUGHT: AtomicUsize = AtomicUsize::new(0);

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

// SAFETY: every call is handed on to the system's allocator unchanged; a request beyond the limit ends the program.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(held, Ordering::Relaxed);
        if held > LIMIT.load(Ordering::Relaxed) {
            // what follows allocates itself; the input lies in the temporary folder already
            LIMIT.store(usize::MAX, Ordering::Relaxed);
            let trace = std::backtrace::Backtrace::force_capture();
            eprintln!("{} more bytes would make {held}\n{trace}", layout.size());
            std::process::abort();
        }
        // SAFETY: the caller's promise about `layout` is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the pointer came from `System.alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A reader, its valid files, and where the file of each attempt is written.
struct Target {
    name: &'static str,
    seeds: Vec<Vec<u8>>,
    read: fn(&Path) -> bool,
}

fn targets() -> Vec<Target> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = |folder: &str, names: &[&str]| -> Vec<Vec<u8>> {
        names.iter().map(|name| std::fs::read(here.join(folder).join(name)).unwrap()).collect()
    };
    let mut wavs = vec![wav(16, 1, &[1, 0]), wav(24, 2, &[1, 0]), wav(32, 1, &[3, 0]), wav(8, 1, &[1, 0])];
    wavs.extend(files("tests/data", &["chirp.flac", "chirp.ogg", "chirp.mp3", "chirp.m4a"]));
    vec![
        Target { name: "wav", seeds: wavs, read: |path| speech::decode(path).is_ok() },
        Target {
            name: "tensors",
            seeds: vec![safetensors(), files("tests/golden", &["deltas.safetensors"]).remove(0)],
            read: read_all,
        },
        Target {
            name: "torch",
            seeds: files("../clips/tests/torch", &["plain.pth", "nested.pth", "protocol4.pth", "module.pth"]),
            read: read_all,
        },
        Target {
            name: "npy",
            seeds: vec![npy("<f4", 4), npy("<f8", 8)],
            read: |path| clips::array::read_npy(path).is_ok(),
        },
    ]
}

/// Opens a file of tensors and reads every one.
fn read_all(path: &Path) -> bool {
    let Ok(mut file) = Tensors::open(path) else { return false };
    let names: Vec<String> = file.names().map(str::to_owned).collect();
    names.iter().all(|name| file.floats(name).is_ok())
}

fn wav(bits: u16, channels: u16, coding: &[u8; 2]) -> Vec<u8> {
    let data: Vec<u8> = (0..600u32).flat_map(|i| ((i * 37 % 251) as u8).to_le_bytes()).collect();
    let align = channels * bits / 8;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0");
    bytes.extend(coding);
    bytes.extend(channels.to_le_bytes());
    bytes.extend(16_000u32.to_le_bytes());
    bytes.extend((16_000 * u32::from(align)).to_le_bytes());
    bytes.extend(align.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

fn safetensors() -> Vec<u8> {
    let header = br#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend([7; 32]);
    bytes
}

fn npy(descr: &str, size: usize) -> Vec<u8> {
    let header =
        format!("{:<117}\n", format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (3, 4), }}"));
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(vec![1; 12 * size]);
    bytes
}

/// A number that length fields like to be wrong with.
fn lying(chance: &mut Chance, length: usize) -> u64 {
    let near = length as u64;
    let all = [
        0,
        1,
        near,
        near + 1,
        near.saturating_sub(1),
        near * 2,
        0x7fff_ffff,
        0xffff_ffff,
        1 << 31,
        1 << 40,
        u64::MAX,
        1 << 62,
    ];
    all[below(chance, all.len())]
}

fn below(chance: &mut Chance, end: usize) -> usize {
    (chance.between(0.0, end as f64) as usize).min(end.saturating_sub(1))
}

fn mutate(chance: &mut Chance, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=below(chance, 6) {
        if bytes.is_empty() {
            return;
        }
        // headers are at the start and, in a zip, at the end: look there more often
        let at = match below(chance, 4) {
            0 => below(chance, bytes.len()),
            1 => bytes.len() - 1 - below(chance, bytes.len().min(512)),
            _ => below(chance, bytes.len().min(256)),
        };
        match below(chance, 8) {
            0 => bytes[at] ^= 1 << below(chance, 8),
            1 => bytes[at] = below(chance, 256) as u8,
            2 => {
                let (width, value) = ([2, 4, 8][below(chance, 3)], lying(chance, bytes.len()));
                for (slot, byte) in bytes[at..].iter_mut().zip(value.to_le_bytes()).take(width) {
                    *slot = byte;
                }
            }
            3 => bytes.truncate(at),
            4 => {
                let length = below(chance, 64).min(bytes.len() - at);
                bytes.drain(at..at + length);
            }
            5 => {
                let part = bytes[at..].iter().copied().take(1 + below(chance, 64)).collect::<Vec<_>>();
                let to = below(chance, bytes.len());
                bytes.splice(to..to, part);
            }
            6 => {
                // a decimal digit elsewhere: headers of text
                if let Some(digit) = bytes[at..].iter().position(u8::is_ascii_digit) {
                    bytes[at + digit] = b'0' + below(chance, 10) as u8;
                }
            }
            _ => {
                let from = below(chance, other.len().max(1));
                let part: Vec<u8> =
                    other[from.min(other.len())..].iter().copied().take(1 + below(chance, 256)).collect();
                let end = (at + part.len()).min(bytes.len());
                bytes.splice(at..end, part);
            }
        }
    }
}

fn fuzz(target: &Target, seconds: u64, seed: u64, folder: &Path) -> PathBuf {
    const ALLOWED: usize = 64 << 20;
    let path = folder.join(format!("fuzz-{}-{}.bin", target.name, std::process::id()));
    let mut chance = Chance::new(seed, target.name, &[]);
    let (begun, mut runs, mut read, mut most) = (Instant::now(), 0u64, 0u64, 0usize);
    while begun.elapsed() < Duration::from_secs(seconds) {
        let mut bytes = target.seeds[below(&mut chance, target.seeds.len())].clone();
        let other = &target.seeds[below(&mut chance, target.seeds.len())];
        if runs >= target.seeds.len() as u64 {
            mutate(&mut chance, &mut bytes, other);
        }
        std::fs::write(&path, &bytes).unwrap();
        let (before, length) = (HELD.load(Ordering::Relaxed), bytes.len());
        drop(bytes);
        MOST.store(before, Ordering::Relaxed);
        LIMIT.store(before + ALLOWED + 16 * length, Ordering::Relaxed);
        read += u64::from((target.read)(&path));
        LIMIT.store(usize::MAX, Ordering::Relaxed);
        most = most.max(MOST.load(Ordering::Relaxed).saturating_sub(before));
        runs += 1;
    }
    println!(
        "{}: {runs} files in {seconds} s, {read} of them readable, at most {:.1} MiB held, {} panics inside the sound decoder caught by its guard, none beyond",
        target.name,
        most as f64 / f64::from(1 << 20),
        CAUGHT.swap(0, Ordering::Relaxed)
    );
    path
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(10);
    let seed = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1);
    let only = arguments.next();
    let folder = std::env::temp_dir();
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |what| {
        // the decoding library's own are expected now and then; anything of ours is told at length
        if what.location().is_some_and(|place| place.file().contains("symphonia")) {
            CAUGHT.fetch_add(1, Ordering::Relaxed);
        } else {
            report(what);
        }
    }));
    println!(
        "the file of the moment is {}/fuzz-NAME-{}.bin; it stays after a failure",
        folder.display(),
        std::process::id()
    );
    for target in targets().iter().filter(|target| only.as_ref().is_none_or(|only| only == target.name)) {
        let path = fuzz(target, seconds, seed, &folder);
        std::fs::remove_file(path).unwrap();
    }
}
