//! The boxes of an MP4 file (ISO/IEC 14496-12): where each picture lies, when it is shown, and how it is coded.
//!
//! Only the sample tables of the first video track are read; the pictures stay on disk. The file is taken to be
//! hostile: every length is checked against what holds it before anything is taken from it, counts are bounded, and
//! nothing recurses. What is refused (with a remedy): fragmented files, edits that cut the film in pieces, pictures
//! beyond [`MOST_PIXELS`].
//!
//! *Time zero is the first picture that is shown*: encoders with pictures out of order begin later than 0 and say so
//! in an edit list, or forget to; labels of a corpus count pictures, as every reader of frames does.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use clips::{Fault, FaultKind, Result};

/// Largest accepted picture.
pub const MOST_PIXELS: u64 = 4096 * 2304;
/// Most pictures of a film: eleven hours at 25 a second.
pub const MOST_PICTURES: usize = 1_000_000;
/// Largest accepted index of a film and largest coded picture, in bytes.
const MOST_INDEX_BYTES: u64 = 64 << 20;
const MOST_SAMPLE_BYTES: u32 = 16 << 20;

/// One coded picture, in the order of decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// First byte in the file.
    pub offset: u64,
    /// Bytes.
    pub size: u32,
    /// When it is shown, in units of the film's time scale; orders the pictures.
    pub time: i64,
    /// Decoding can begin here.
    pub sync: bool,
}

/// The first video track of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Four letters: `avc1` (H.264), `hvc1` (H.265), ...
    pub codec: [u8; 4],
    /// Pixels across and down, as the container says.
    pub size: [u32; 2],
    /// Parameter sets of H.264 (`avcC`).
    pub config: Option<Vec<u8>>,
    /// Units of time in a second.
    pub timescale: u32,
    /// All coded pictures, in the order of decoding.
    pub samples: Vec<Sample>,
    /// The pictures that are shown, in that order: indices of `samples`.
    pub shown: Vec<u32>,
    /// When each of `shown` begins, from 0.
    pub begins: Vec<i64>,
    /// When the last picture ends.
    pub end: i64,
    /// Coded pictures that the file promises and does not hold.
    pub cut_off: usize,
}

/// Reads the tables of the first video track.
///
/// # Errors
/// A file that cannot be read, is no MP4, has no video, or is of a kind that is refused.
pub fn read(path: &Path) -> Result<Track> {
    let mut file = File::open(path).map_err(|error| Fault::io(path, &error))?;
    let length = file.metadata().map_err(|error| Fault::io(path, &error))?.len();
    let moov = index(path, &mut file, length)?;
    let movie_scale = find(&moov, b"mvhd").and_then(timescale_of).unwrap_or(1);
    let track = Boxes(&moov)
        .filter(|(kind, _)| kind == b"trak")
        .map(|(_, body)| body)
        .find(|track| down(track, &[b"mdia", b"hdlr"]).and_then(|body| body.get(8..12)) == Some(b"vide"));
    let Some(track) = track else {
        return Err(Fault::new(FaultKind::MissingModality, path, "the file holds no video")
            .remedy("give a file with a video track"));
    };
    let reader = Reader { path, length };
    reader.track(track, movie_scale, find(&moov, b"mvex").is_some())
}

/// The `moov` box, which is the index of the whole file.
fn index(path: &Path, file: &mut File, length: u64) -> Result<Vec<u8>> {
    let mut at = 0;
    // Files have a handful of boxes at the top; fragmented ones some thousands.
    for _ in 0..100_000 {
        if at + 8 > length {
            break;
        }
        let io = |error| Fault::io(path, &error);
        file.seek(SeekFrom::Start(at)).map_err(io)?;
        let mut head = [0; 16];
        file.read_exact(&mut head[..8]).map_err(io)?;
        let kind = &head[4..8].to_owned();
        let (mut size, mut header) = (u64::from(be32(&head, 0).unwrap_or(0)), 8);
        if size == 1 && at + 16 <= length {
            file.read_exact(&mut head[8..]).map_err(io)?;
            let [_, _, _, _, _, _, _, _, a, b, c, d, e, f, g, h] = head;
            (size, header) = (u64::from_be_bytes([a, b, c, d, e, f, g, h]), 16);
        } else if size == 0 {
            size = length - at;
        }
        if size < header {
            break;
        }
        if kind == b"moov" {
            if size - header > MOST_INDEX_BYTES {
                let detail = format!("the index has {size} bytes, more than {MOST_INDEX_BYTES}");
                return Err(Fault::new(FaultKind::TooLarge, path, detail).at("moov").remedy(REMUX));
            }
            if at.saturating_add(size) > length {
                return Err(Fault::new(FaultKind::Truncated, path, "the file ends within its index")
                    .at("moov")
                    .remedy("copy the file again; it ends too early"));
            }
            let mut moov = vec![0; (size - header) as usize];
            file.read_exact(&mut moov).map_err(io)?;
            return Ok(moov);
        }
        at = at.saturating_add(size);
    }
    Err(Fault::new(FaultKind::Malformed, path, "no MP4: there is no index (moov) in it")
        .remedy("copy the file again, or write it anew: ffmpeg -i IN -c copy OUT.mp4"))
}

const REMUX: &str = "write it anew: ffmpeg -i IN -c copy -movflags +faststart OUT.mp4";

/// Boxes one after the other in a body; ends quietly where a length makes no sense.
struct Boxes<'a>(&'a [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let size = be32(self.0, 0)? as usize;
        let kind = self.0.get(4..8)?.try_into().ok()?;
        // Long boxes (size 1) do not occur in an index of at most 64 MB.
        let size = if size == 0 { self.0.len() } else { size };
        let body = self.0.get(8..size)?;
        self.0 = &self.0[size..];
        Some((kind, body))
    }
}

fn find<'a>(body: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    Boxes(body).find(|(is, _)| is == kind).map(|(_, body)| body)
}

fn down<'a>(mut body: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    for kind in path {
        body = find(body, kind)?;
    }
    Some(body)
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// Time scale in the body of `mvhd` and `mdhd`.
fn timescale_of(body: &[u8]) -> Option<u32> {
    be32(body, if *body.first()? == 1 { 20 } else { 12 }).filter(|scale| *scale > 0)
}

/// Rows of `width` bytes of a table whose count stands at `at`; refuses a count that the box does not hold.
fn rows(body: &[u8], at: usize, width: usize) -> Option<std::slice::ChunksExact<'_, u8>> {
    let count = be32(body, at)? as usize;
    let bytes = body.get(at + 4..)?;
    Some(bytes.get(..count.checked_mul(width)?)?.chunks_exact(width))
}

/// How a track is coded.
struct Entry {
    codec: [u8; 4],
    size: [u32; 2],
    config: Option<Vec<u8>>,
}

struct Reader<'a> {
    path: &'a Path,
    /// Of the file.
    length: u64,
}

impl Reader<'_> {
    fn bad(&self, place: &str) -> Fault {
        let detail = "a table of the video is missing or does not fit its box";
        Fault::new(FaultKind::Malformed, self.path, detail).at(place).remedy(REMUX)
    }

    fn unsupported(&self, place: &str, detail: String) -> Fault {
        Fault::new(FaultKind::Unsupported, self.path, detail).at(place).remedy(REMUX)
    }

    fn track(&self, track: &[u8], movie_scale: u32, fragmented: bool) -> Result<Track> {
        let timescale = down(track, &[b"mdia", b"mdhd"]).and_then(timescale_of);
        let timescale = timescale.ok_or_else(|| self.bad("mdhd"))?;
        let table = down(track, &[b"mdia", b"minf", b"stbl"]).ok_or_else(|| self.bad("stbl"))?;
        let Entry { codec, size, config } = self.entry(table)?;
        let (mut samples, last) = self.samples(table)?;
        if samples.is_empty() && fragmented {
            return Err(self.unsupported("mvex", "a fragmented MP4, which is not read".to_owned()));
        }
        let promised = samples.len();
        let held = samples.iter().position(|sample| {
            sample.offset.checked_add(u64::from(sample.size)).is_none_or(|end| end > self.length)
        });
        samples.truncate(held.unwrap_or(promised));
        if samples.is_empty() {
            return Err(Fault::new(FaultKind::Truncated, self.path, "the file holds no picture")
                .at("stbl")
                .remedy("copy the file again; it ends too early"));
        }
        // A file whose first picture is not marked would have no place to begin.
        samples[0].sync = true;
        let (from, until) = self.edit(track, timescale, movie_scale)?;
        let mut shown: Vec<u32> = (0..samples.len() as u32).collect();
        let time = |index: &u32| samples[*index as usize].time;
        shown.sort_by_key(time);
        let all = shown.clone();
        shown.retain(|index| (from..until).contains(&time(index)));
        if shown.is_empty() {
            // An edit list that shows nothing is broken; pictures are better than none.
            shown = all;
        }
        let zero = shown.first().map_or(0, time);
        let begins: Vec<i64> = shown.iter().map(|index| time(index).saturating_sub(zero)).collect();
        let end = begins.last().map_or(0, |begin| begin.saturating_add(i64::from(last.max(1))));
        let cut_off = promised - samples.len();
        Ok(Track { codec, size, config, timescale, samples, shown, begins, end, cut_off })
    }

    /// Codec, size and parameter sets.
    fn entry(&self, table: &[u8]) -> Result<Entry> {
        let entries = find(table, b"stsd").and_then(|body| body.get(8..)).unwrap_or_default();
        let (codec, body) = Boxes(entries).next().ok_or_else(|| self.bad("stsd"))?;
        let (width, height) = be16(body, 24).zip(be16(body, 26)).ok_or_else(|| self.bad("stsd"))?;
        let size = [u32::from(width), u32::from(height)];
        if width == 0 || height == 0 || u64::from(width) * u64::from(height) > MOST_PIXELS {
            let detail = format!("pictures of {width}x{height} pixels");
            return Err(Fault::new(FaultKind::TooLarge, self.path, detail)
                .at("stsd")
                .remedy("scale it down: ffmpeg -i IN -vf scale=1280:-2 OUT.mp4"));
        }
        let config = body.get(78..).and_then(|children| find(children, b"avcC")).map(<[u8]>::to_vec);
        Ok(Entry { codec, size, config })
    }

    /// All samples, and how long the last one is shown.
    fn samples(&self, table: &[u8]) -> Result<(Vec<Sample>, u32)> {
        let bad = |place: &'static str| move || self.bad(place);
        let part = |kind: &'static [u8; 4]| find(table, kind);
        let sizes = part(b"stsz").ok_or_else(bad("stsz"))?;
        let (same, count) = be32(sizes, 4).zip(be32(sizes, 8)).ok_or_else(bad("stsz"))?;
        let count = count as usize;
        if count > MOST_PICTURES {
            let detail = format!("{count} pictures, more than {MOST_PICTURES}");
            return Err(Fault::new(FaultKind::TooLarge, self.path, detail)
                .at("stsz")
                .remedy("cut the recording into clips"));
        }
        let sizes: Vec<u32> = if same > 0 {
            vec![same; count]
        } else {
            rows(sizes, 8, 4).ok_or_else(bad("stsz"))?.filter_map(|row| be32(row, 0)).collect()
        };
        if let Some(large) = sizes.iter().position(|size| *size > MOST_SAMPLE_BYTES) {
            let detail = format!("coded picture {large} has {} bytes", sizes[large]);
            return Err(Fault::new(FaultKind::TooLarge, self.path, detail).at("stsz").remedy(REMUX));
        }
        let offsets = self.offsets(table, &sizes)?;
        let runs = rows(part(b"stts").ok_or_else(bad("stts"))?, 4, 8).ok_or_else(bad("stts"))?;
        let durations = spread(runs, count);
        let shifts = match part(b"ctts") {
            Some(body) => spread(rows(body, 4, 8).ok_or_else(bad("ctts"))?, count),
            None => Vec::new(),
        };
        let syncs = match part(b"stss") {
            Some(body) => Some(rows(body, 4, 4).ok_or_else(bad("stss"))?),
            None => None,
        };
        let mut sync = vec![syncs.is_none(); count];
        for number in syncs.into_iter().flatten().filter_map(|row| be32(row, 0)) {
            if let Some(mark) = (number as usize).checked_sub(1).and_then(|index| sync.get_mut(index)) {
                *mark = true;
            }
        }
        let mut decoded_at = 0i64;
        let mut samples = Vec::with_capacity(offsets.len());
        for (index, offset) in offsets.into_iter().enumerate() {
            // The shift is signed in version 1, and in practice in version 0 too.
            let shift = shifts.get(index).map_or(0, |shift| i64::from(*shift as i32));
            let time = decoded_at.saturating_add(shift);
            samples.push(Sample { offset, size: sizes[index], time, sync: sync[index] });
            decoded_at = decoded_at.saturating_add(i64::from(durations.get(index).copied().unwrap_or(0)));
        }
        Ok((samples, durations.last().copied().unwrap_or(0)))
    }

    /// Where each sample begins; fewer than there are sizes when the chunks end early.
    fn offsets(&self, table: &[u8], sizes: &[u32]) -> Result<Vec<u64>> {
        let chunks: Vec<u64> = if let Some(body) = find(table, b"stco") {
            let rows = rows(body, 4, 4).ok_or_else(|| self.bad("stco"))?;
            rows.filter_map(|row| be32(row, 0)).map(u64::from).collect()
        } else {
            let body = find(table, b"co64").ok_or_else(|| self.bad("stco"))?;
            rows(body, 4, 8).ok_or_else(|| self.bad("co64"))?.filter_map(|row| be64(row, 0)).collect()
        };
        let runs = find(table, b"stsc").and_then(|body| rows(body, 4, 12)).ok_or_else(|| self.bad("stsc"))?;
        let runs: Vec<(usize, usize)> = runs
            .filter_map(|row| be32(row, 0).zip(be32(row, 4)))
            .map(|(first, samples)| (first as usize, samples as usize))
            .collect();
        let mut offsets = Vec::with_capacity(sizes.len());
        let mut run = 0;
        for (index, chunk) in chunks.iter().enumerate() {
            while runs.get(run + 1).is_some_and(|next| next.0 <= index + 1) {
                run += 1;
            }
            let held = runs.get(run).map_or(0, |run| run.1);
            let mut at = *chunk;
            for _ in 0..held {
                let Some(size) = sizes.get(offsets.len()) else { return Ok(offsets) };
                offsets.push(at);
                at = at.saturating_add(u64::from(*size));
            }
        }
        Ok(offsets)
    }

    /// The stretch of time that is shown, in the track's time scale.
    fn edit(&self, track: &[u8], timescale: u32, movie_scale: u32) -> Result<(i64, i64)> {
        let everything = (i64::MIN, i64::MAX);
        let Some(body) = down(track, &[b"edts", b"elst"]) else { return Ok(everything) };
        let long = body.first() == Some(&1);
        let rows = rows(body, 4, if long { 20 } else { 12 }).ok_or_else(|| self.bad("elst"))?;
        let edits = rows.filter_map(|row| {
            if long {
                be64(row, 0).zip(be64(row, 8).map(|time| time as i64))
            } else {
                Some((u64::from(be32(row, 0)?), i64::from(be32(row, 4)? as i32)))
            }
        });
        // An edit at -1 is a wait before the first picture; see above for why it does not count.
        let mut edits = edits.filter(|(_, time)| *time >= 0);
        let Some((duration, from)) = edits.next() else { return Ok(everything) };
        if edits.next().is_some() {
            return Err(self.unsupported("elst", "the video is cut in pieces by an edit list".to_owned()));
        }
        if duration == 0 {
            return Ok((from, i64::MAX));
        }
        let length = u128::from(duration) * u128::from(timescale) / u128::from(movie_scale);
        Ok((from, from.saturating_add(i64::try_from(length).unwrap_or(i64::MAX))))
    }
}

/// One value a sample of a table of (count, value) rows; the last value goes on where the table ends early.
fn spread(rows: std::slice::ChunksExact<'_, u8>, count: usize) -> Vec<u32> {
    let mut values = Vec::with_capacity(count);
    for (run, value) in rows.filter_map(|row| be32(row, 0).zip(be32(row, 4))) {
        let room = count - values.len();
        values.extend(std::iter::repeat_n(value, room.min(run as usize)));
    }
    if let Some(last) = values.last().copied() {
        values.resize(count, last);
    }
    values
}
