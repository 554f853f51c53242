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
/// Boxes and descriptions of codecs up to this length are never refused; real ones have a few bytes.
const LARGE_DESCRIPTION: u64 = 1 << 20;
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
    if head.starts_with(b"RIFF") {
        return Ok(());
    }
    let find = |mark: &[u8]| head.windows(4).position(|window| window == mark);
    if let Some(at) = find(b"fLaC") {
        blocks(source, at as u64 + 4, length)?;
    }
    if head.starts_with(b"fLaC") {
        return Ok(());
    }
    if let Some(at) = find(b"ftyp").and_then(|at| at.checked_sub(4)) {
        boxes(source, at as u64, length, length, 0)?;
    }
    if let Some(at) = find(b"OggS") {
        pages(source, at as u64)?;
    }
    Ok(())
}

/// Walks MP4 boxes between two places; compares the entry counts of tables with the size of their boxes, and the sizes
/// of samples with the `length` of the file, because a sample's memory is taken before it is read.
fn boxes(
    source: &mut (impl Read + Seek + ?Sized),
    mut at: u64,
    end: u64,
    length: u64,
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
        // Sound may be cut off; any other box is read whole, so its memory is taken first.
        if !matches!(&kind, b"mdat" | b"free" | b"skip") && next - body > length.max(LARGE_DESCRIPTION) {
            let name = String::from_utf8_lossy(&kind).into_owned();
            return Err(Finding::Promise(format!("box {name} at byte {at}: {} bytes", next - body)));
        }
        match &kind {
            b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" | b"moof" | b"traf" | b"mvex" => {
                boxes(source, body, next.min(end), length, depth + 1)?;
            }
            b"stts" | b"stsc" | b"stco" | b"co64" | b"stsz" | b"ctts" => {
                // A file that ends inside the table still has its count read: missing bytes are 0.
                let mut start = [0; 12];
                source.seek(SeekFrom::Start(body))?;
                let mut there = Vec::with_capacity(start.len());
                Read::take(&mut *source, start.len() as u64).read_to_end(&mut there)?;
                start[..there.len()].copy_from_slice(&there);
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
        if &kind == b"stsd" {
            let mut bytes = Vec::new();
            source.seek(SeekFrom::Start(body))?;
            Read::take(&mut *source, inside).read_to_end(&mut bytes)?; // bytes that are really there
            if let Some(size) = descriptions(&bytes).find(|size| *size > length.max(LARGE_DESCRIPTION)) {
                return Err(Finding::Promise(format!(
                    "box stsd at byte {at}: a description of {size} bytes"
                )));
            }
        }
        if let b"stsz" | b"trun" | b"tfhd" | b"trex" = &kind {
            let mut bytes = Vec::new();
            source.seek(SeekFrom::Start(body))?;
            Read::take(&mut *source, inside).read_to_end(&mut bytes)?; // bytes that are really there
            if let Some(size) = sample_sizes(kind, &bytes).find(|size| u64::from(*size) > length) {
                let name = String::from_utf8_lossy(&kind).into_owned();
                return Err(Finding::Promise(format!("box {name} at byte {at}: a sample of {size} bytes")));
            }
        }
        at = next;
    }
    Ok(())
}

/// Lengths that may be those of a codec's description: behind each byte that could be its tag in an `esds` box, up to
/// four groups of seven bits (ISO/IEC 14496-1, section 8.3.3). Some are chance, so only impossible ones say anything.
fn descriptions(stsd: &[u8]) -> impl Iterator<Item = u64> + '_ {
    const TAG: u8 = 5;
    let start = stsd.windows(4).position(|window| window == b"esds").unwrap_or(stsd.len());
    let tags = (start..stsd.len()).filter(|at| stsd[*at] == TAG);
    tags.map(|at| {
        let mut size = 0;
        for byte in stsd[at + 1..].iter().take(4) {
            size = size << 7 | u64::from(byte & 0x7F);
            if byte & 0x80 == 0 {
                break;
            }
        }
        size
    })
}

/// Walks the metadata blocks of a FLAC file (RFC 9639, section 8) and compares the lengths inside pictures and comments
/// with their block.
fn blocks(
    source: &mut (impl Read + Seek + ?Sized),
    mut at: u64,
    length: u64,
) -> std::result::Result<(), Finding> {
    const COMMENT: u8 = 4;
    const PICTURE: u8 = 6;
    while at + 4 <= length {
        source.seek(SeekFrom::Start(at))?;
        let mut header = [0; 4];
        source.read_exact(&mut header)?;
        let [kind, l0, l1, l2] = header;
        let size = u64::from(u32::from_be_bytes([0, l0, l1, l2]));
        let mut body = Vec::new();
        if matches!(kind & 0x7F, COMMENT | PICTURE) {
            Read::take(&mut *source, size).read_to_end(&mut body)?; // bytes that are really there
        }
        let mut rest = body.as_slice();
        // each text or picture is a length and as many bytes
        let mut skip = |fixed: usize, of: fn([u8; 4]) -> u32| -> Option<u32> {
            rest = rest.get(fixed..)?;
            let (count, after) = rest.split_first_chunk::<4>()?;
            let count = of(*count);
            rest = after;
            let inside = rest.get(count as usize..);
            rest = inside.unwrap_or_default();
            inside.is_none().then_some(count)
        };
        let promise = match kind & 0x7F {
            // kind of picture; then its format, its description, and behind four numbers the picture
            PICTURE => [4, 0, 16].into_iter().find_map(|fixed| skip(fixed, u32::from_be_bytes)),
            // the vendor, then behind their number all comments
            COMMENT => skip(0, u32::from_le_bytes).or_else(|| {
                let most = body.len() / 4;
                (0..most).find_map(|index| skip(if index == 0 { 4 } else { 0 }, u32::from_le_bytes))
            }),
            _ => None,
        };
        if let Some(promise) = promise {
            return Err(Finding::Promise(format!("metadata block at byte {at}: {promise} bytes")));
        }
        if kind & 0x80 != 0 {
            break;
        }
        at += 4 + size;
    }
    Ok(())
}

/// The sample sizes that a box tells (ISO/IEC 14496-12, sections 8.7.3 and 8.8): a table, one for all, or the default
/// of a fragment.
fn sample_sizes(kind: [u8; 4], body: &[u8]) -> impl Iterator<Item = u32> + '_ {
    let words = body.as_chunks::<4>().0;
    let word = |index: usize| words.get(index).map_or(0, |bytes| u32::from_be_bytes(*bytes));
    let flags = word(0) & 0xFF_FFFF;
    let set = |bit: u32| usize::from(flags & bit != 0);
    // index of the first size in words, words from one to the next, and how many there are
    let (first, step, most) = match &kind {
        b"stsz" if word(1) != 0 => (1, 1, 1),
        b"stsz" => (3, 1, usize::MAX),
        b"trex" => (4, 1, 1),
        // flags, track; base offset of two words, description, duration, then the size
        b"tfhd" => (2 + 2 * set(0x1) + set(0x2) + set(0x8), 1, set(0x10)),
        // flags, count; data offset, flags of the first sample; then duration, size, flags, offset of every sample
        _ => {
            let step = set(0x100) + set(0x200) + set(0x400) + set(0x800);
            let most = if flags & 0x200 == 0 { 0 } else { word(1) as usize };
            (2 + set(0x1) + set(0x4) + set(0x100), step, most)
        }
    };
    words.iter().skip(first).step_by(step.max(1)).take(most).map(|bytes| u32::from_be_bytes(*bytes))
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
