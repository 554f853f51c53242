//! A look at the two places where the decoding library takes memory by what a header says: the sample tables of an
//! MP4 and the code books of Vorbis. A file that promises there more than it can hold is refused before it is opened.
//!
//! What it is not: a parser of these formats. Whatever is merely wrong is left to the decoder to complain about.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use clips::{Fault, FaultKind, Result};

use super::REMEDY_COPY;

/// How far from the start a container may begin; the decoding library looks as far.
const SEARCH_BYTES: u64 = 1 << 20;
/// Most pages of an Ogg file that are looked at for headers.
const MOST_PAGES: usize = 2_048;
/// Largest table of a Vorbis code book, in numbers; real ones stay under a million.
const MOST_BOOK_VALUES: u64 = 1 << 24;

/// Refuses a file whose header would make the decoder take more memory than the file justifies; the position in
/// `source` is at the start afterwards.
pub fn check(path: &Path, source: &mut (impl Read + Seek + ?Sized)) -> Result<()> {
    let found = inspect(source);
    source.seek(SeekFrom::Start(0)).map_err(|error| Fault::io(path, &error))?;
    match found {
        Ok(()) => Ok(()),
        Err(Finding::Promise(place)) => Err(Fault::new(
            FaultKind::TooLarge,
            path,
            "a table in the header promises more than the file can hold",
        )
        .at(place)
        .remedy(REMEDY_COPY)),
        Err(Finding::Ended) => Ok(()),
    }
}

/// Why inspection stopped.
enum Finding {
    /// The file lies at this place.
    Promise(String),
    /// It ended or could not be read on; the decoder will say what is wrong.
    Ended,
}

impl From<std::io::Error> for Finding {
    fn from(_: std::io::Error) -> Self {
        Self::Ended
    }
}

fn inspect(source: &mut (impl Read + Seek + ?Sized)) -> std::result::Result<(), Finding> {
    let length = source.seek(SeekFrom::End(0))?;
    source.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    Read::take(&mut *source, SEARCH_BYTES.min(length)).read_to_end(&mut head)?;
    if head.starts_with(b"RIFF") || head.starts_with(b"fLaC") {
        return Ok(());
    }
    let find = |mark: &[u8]| head.windows(4).position(|window| window == mark);
    if let Some(at) = find(b"ftyp").and_then(|at| at.checked_sub(4)) {
        boxes(source, at as u64, length, 0)?;
    }
    if let Some(at) = find(b"OggS") {
        pages(source, at as u64)?;
    }
    Ok(())
}

/// Walks MP4 boxes between two places and compares the entry counts of tables with the size of their boxes.
fn boxes(
    source: &mut (impl Read + Seek + ?Sized),
    mut at: u64,
    end: u64,
    depth: usize,
) -> std::result::Result<(), Finding> {
    while at + 8 <= end && depth < 8 {
        source.seek(SeekFrom::Start(at))?;
        let mut header = [0; 8];
        source.read_exact(&mut header)?;
        let [s0, s1, s2, s3, kind @ ..] = header;
        let (mut size, mut body) = (u64::from(u32::from_be_bytes([s0, s1, s2, s3])), at + 8);
        if size == 1 {
            let mut wide = [0; 8];
            source.read_exact(&mut wide)?;
            (size, body) = (u64::from_be_bytes(wide), at + 16);
        } else if size == 0 {
            size = end - at;
        }
        let Some(next) = at.checked_add(size).filter(|next| *next >= body) else { return Ok(()) };
        // A box may claim more than its parent holds; what counts is what there is.
        let inside = next.min(end).saturating_sub(body);
        match &kind {
            b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" | b"moof" | b"traf" | b"mvex" => {
                boxes(source, body, next.min(end), depth + 1)?;
            }
            b"stts" | b"stsc" | b"stco" | b"co64" | b"stsz" | b"ctts" => {
                let mut start = [0; 12];
                source.seek(SeekFrom::Start(body))?;
                source.read_exact(&mut start)?;
                let word = |i: usize| {
                    u64::from(u32::from_be_bytes([start[i], start[i + 1], start[i + 2], start[i + 3]]))
                };
                let (count, entry) = match &kind {
                    b"stsz" if word(4) != 0 => (0, 0), // one size for all, no table
                    b"stsz" => (word(8), 4),
                    b"stco" => (word(4), 4),
                    b"stsc" => (word(4), 12),
                    _ => (word(4), 8),
                };
                if count * entry > inside {
                    let name = String::from_utf8_lossy(&kind).into_owned();
                    return Err(Finding::Promise(format!("box {name} at byte {at}: {count} entries")));
                }
            }
            _ => {}
        }
        at = next;
    }
    Ok(())
}

/// Puts the first packets of every stream of an Ogg file together and looks at Vorbis code books.
fn pages(source: &mut (impl Read + Seek + ?Sized), at: u64) -> std::result::Result<(), Finding> {
    /// Packets of a stream that may be headers.
    const HEADERS: usize = 4;
    let mut streams: Vec<(u32, usize, Vec<u8>)> = Vec::new(); // serial, packets finished, packet so far
    source.seek(SeekFrom::Start(at))?;
    for _ in 0..MOST_PAGES {
        let mut header = [0; 27];
        source.read_exact(&mut header)?;
        if !header.starts_with(b"OggS") {
            return Ok(());
        }
        let serial = u32::from_le_bytes([header[14], header[15], header[16], header[17]]);
        let mut lacing = vec![0; usize::from(header[26])];
        source.read_exact(&mut lacing)?;
        let index = match streams.iter().position(|stream| stream.0 == serial) {
            Some(index) => index,
            None => {
                streams.push((serial, 0, Vec::new()));
                streams.len() - 1
            }
        };
        let (_, finished, packet) = &mut streams[index];
        for segment in lacing {
            let mut bytes = [0; 255];
            let bytes = &mut bytes[..usize::from(segment)];
            source.read_exact(bytes)?;
            if *finished < HEADERS {
                packet.extend_from_slice(bytes); // at most 255 x 255 bytes a page that are really there
            }
            if segment < 255 && *finished < HEADERS {
                if packet.starts_with(b"\x05vorbis") {
                    code_books(packet)?;
                }
                packet.clear();
                *finished += 1;
            }
        }
        if streams.iter().all(|stream| stream.1 >= HEADERS) {
            return Ok(());
        }
    }
    Ok(())
}

/// Finds code books by their mark at every bit (they are packed without gaps) and multiplies dimensions by entries.
fn code_books(packet: &[u8]) -> std::result::Result<(), Finding> {
    const MARK: u64 = 0x56_4342;
    for byte in 0..packet.len().saturating_sub(8) {
        let window =
            packet[byte..].iter().take(9).rev().fold(0u128, |bits, next| bits << 8 | u128::from(*next));
        for bit in 0..8 {
            let bits = (window >> bit) as u64;
            let (dimensions, entries) = (bits >> 24 & 0xFFFF, bits >> 40 & 0xFF_FFFF);
            if bits & 0xFF_FFFF == MARK && dimensions * entries > MOST_BOOK_VALUES {
                return Err(Finding::Promise(format!("Vorbis code book of {entries} x {dimensions}")));
            }
        }
    }
    Ok(())
}
