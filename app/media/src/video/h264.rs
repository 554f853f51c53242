//! H.264 from an MP4 file, one coded picture at a time, through the decoder `rust_h264` (Rust, no other program).
//!
//! Coded pictures come in the order of decoding, which is not that of showing; the container says which is which, so
//! a decoded picture is named by the coded one that it came from and nothing has to be put in order again. The
//! decoder hands out a picture when the next begins: one lags.
//!
//! To go back, or far ahead, decoding begins anew at the last place where it can (a *sync* picture) that is neither
//! decoded nor shown after the wanted one: a picture that is shown before its sync picture, as in open groups, needs
//! the group before.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clips::{Fault, FaultKind, Result};
use rust_h264::decoder::{ChromaFormat, Decoder, Frame};
use rust_h264::error::DecodeError;
use rust_h264::nal::{NalUnit, NalUnitType, parse_avcc, parse_avcc_config, parse_sps_info};

use super::boxes::{MOST_PIXELS, Track};
use super::guard::guarded;
use super::picture::{Colours, Kept, Planar};
use super::tape::{Step, Tape};

/// What decoding a coded picture brings.
enum Out {
    /// The picture before it, if it became one.
    Before(Option<Frame>),
    /// Nothing was decoded, and nothing is missing for it.
    PassedOver,
}

/// H.264 of one file.
pub(super) struct H264 {
    path: PathBuf,
    file: File,
    track: Arc<Track>,
    /// For each coded picture the number of the shown one.
    number: Vec<Option<u32>>,
    /// The coded pictures where decoding can begin.
    syncs: Vec<usize>,
    decoder: Decoder,
    length_size: usize,
    colours: Colours,
    /// The coded picture to decode next.
    next: usize,
    /// The coded picture that the decoder holds back.
    held: Option<usize>,
    /// Pictures that are shown before this time lean on ones that were not decoded.
    sound_from: i64,
}

impl H264 {
    /// A tape of its own over the same file.
    ///
    /// # Errors
    /// No parameter sets, ones that make no sense, pictures beyond the bounds.
    pub(super) fn open(path: &Path, track: Arc<Track>) -> Result<Self> {
        let file = File::open(path).map_err(|error| Fault::io(path, &error))?;
        let mut number = vec![None; track.samples.len()];
        for (shown, coded) in track.shown.iter().enumerate() {
            if let Some(place) = number.get_mut(*coded as usize) {
                *place = Some(shown as u32);
            }
        }
        let syncs = track.samples.iter().enumerate().filter(|(_, sample)| sample.sync).map(|(at, _)| at);
        let syncs = syncs.collect();
        let mut tape = Self {
            path: path.to_owned(),
            file,
            track,
            number,
            syncs,
            decoder: Decoder::new(),
            length_size: 4,
            colours: Colours::new(2, false),
            next: 0,
            held: None,
            sound_from: i64::MIN,
        };
        tape.begin(0)?;
        Ok(tape)
    }

    fn fault(&self, place: impl Into<String>, detail: impl std::fmt::Display) -> Fault {
        Fault::new(FaultKind::Malformed, &self.path, detail.to_string())
            .at(place)
            .remedy("copy the file again, or write it anew: ffmpeg -i IN -c:v libx264 OUT.mp4")
    }

    /// A fresh decoder that goes on at coded picture `at`.
    fn begin(&mut self, at: usize) -> Result<()> {
        let track = Arc::clone(&self.track);
        let config =
            track.config.as_deref().ok_or_else(|| self.fault("avcC", "there are no parameter sets"))?;
        let config = guarded(|| parse_avcc_config(config)).and_then(|parsed| parsed.map_err(str::to_owned));
        let config = config.map_err(|error| self.fault("avcC", error))?;
        self.length_size = config.length_size;
        self.decoder = Decoder::new();
        self.held = None;
        self.next = at;
        // At the beginning of the file nothing came before.
        self.sound_from = if at == 0 { i64::MIN } else { track.samples[at].time };
        for nal in config.sps_nals.iter().chain(&config.pps_nals) {
            self.feed(nal, "avcC")?;
        }
        Ok(())
    }

    /// Where decoding has to begin for coded picture `wanted`.
    fn sync_for(&self, wanted: usize) -> usize {
        let samples = &self.track.samples;
        let time = samples[wanted].time;
        let before = &self.syncs[..self.syncs.partition_point(|at| *at <= wanted)];
        before.iter().rev().find(|at| samples[**at].time <= time).copied().unwrap_or(0)
    }

    /// Whether going on leads to coded picture `wanted`, and is shorter than beginning anew.
    fn goes_on(&self, wanted: usize, sync: usize) -> bool {
        let ahead = self.held == Some(wanted) || self.next <= wanted;
        ahead && self.next >= sync && self.track.samples[wanted].time >= self.sound_from
    }

    fn feed(&mut self, nal: &NalUnit<'_>, place: &str) -> Result<Option<Frame>> {
        if nal.nal_unit_type == NalUnitType::Sps {
            let info = guarded(|| parse_sps_info(nal)).map_err(|error| self.fault(place, error))?;
            let info = info.map_err(|error| self.decode_fault(place, &error))?;
            let pixels = u64::from(info.coded_width) * u64::from(info.coded_height);
            if pixels == 0 || pixels > MOST_PIXELS || info.reference_frames > 16 {
                let detail = format!("pictures of {}x{} pixels", info.coded_width, info.coded_height);
                return Err(Fault::new(FaultKind::TooLarge, &self.path, detail)
                    .at(place)
                    .remedy("scale it down: ffmpeg -i IN -vf scale=1280:-2 OUT.mp4"));
            }
            // A few bytes could else ask for pictures of any size, again and again.
            let [width, height] = self.track.size.map(|side| side.next_multiple_of(64));
            if info.coded_width > width || info.coded_height > height {
                let detail = format!(
                    "pictures of {}x{} pixels in a file of {}x{}",
                    info.coded_width, info.coded_height, self.track.size[0], self.track.size[1]
                );
                return Err(Fault::new(FaultKind::Unsupported, &self.path, detail)
                    .at(place)
                    .remedy(super::CONVERT));
            }
            self.colours = Colours::new(info.matrix, info.full_range);
        }
        let fed = guarded(|| self.decoder.decode_nal(nal));
        let fed = fed.map_err(|panic| {
            // What a decoder holds after a panic is anyone's guess.
            self.decoder = Decoder::new();
            self.fault(place, format!("the decoder failed ({panic})"))
        })?;
        fed.map_err(|error| self.decode_fault(place, &error))
    }

    fn decode_fault(&self, place: &str, error: &DecodeError) -> Fault {
        match error {
            DecodeError::Unsupported(what) => {
                let detail = format!("H.264 of a kind that is not decoded: {what}");
                Fault::new(FaultKind::Unsupported, &self.path, detail).at(place).remedy(super::CONVERT)
            }
            other => self.fault(place, other),
        }
    }

    /// Decodes the next coded picture; what comes out is the one before it. On the way to `wanted`, pictures that no
    /// other leans on are passed over.
    fn decode_next(&mut self, wanted: usize) -> Result<Out> {
        let at = self.next;
        self.next += 1;
        let sample = self.track.samples[at];
        let mut bytes = vec![0; sample.size as usize];
        let io = |error: std::io::Error| Fault::io(&self.path, &error);
        self.file.seek(SeekFrom::Start(sample.offset)).map_err(io)?;
        self.file.read_exact(&mut bytes).map_err(io)?;
        let place = format!("coded picture {at}");
        let length_size = self.length_size;
        let nals = guarded(|| parse_avcc(&bytes, length_size)).map_err(|error| self.fault(&place, error))?;
        let leaf = |nal: &NalUnit<'_>| match nal.nal_unit_type {
            NalUnitType::Slice => nal.nal_ref_idc == 0,
            kind => !matches!(kind, NalUnitType::SliceIdr | NalUnitType::Sps | NalUnitType::Pps),
        };
        if at < wanted && nals.iter().all(leaf) {
            return Ok(Out::PassedOver);
        }
        let mut out = None;
        let mut fault = None;
        for nal in &nals {
            match self.feed(nal, &place) {
                Ok(frame) => out = out.or(frame),
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        match fault {
            // The picture before it is whole and wanted; the next step will miss this one and say so.
            Some(fault) if out.is_none() => Err(fault),
            _ => Ok(Out::Before(out)),
        }
    }

    fn planar(&self, frame: Frame) -> Option<Planar> {
        let deep = frame.bytes_per_sample() == 2;
        let (width, height) = (frame.width as usize, frame.height as usize);
        let half = (width.div_ceil(2), height.div_ceil(2));
        let (chroma, rows) = (frame.chroma_width() as usize, frame.chroma_height() as usize);
        let depth = usize::from(deep) + 1;
        if width * height == 0 || chroma != half.0 || frame.y.len() != width * height * depth {
            return None;
        }
        let shift = frame.bit_depth.saturating_sub(8);
        let eight = |plane: Vec<u8>| -> Vec<u8> {
            if !deep {
                return plane;
            }
            let sample = |pair: &[u8]| {
                let value = u32::from(pair[0]) | u32::from(pair[1]) << 8;
                (((value << 1) + (1 << shift)) >> (shift + 1)).min(255) as u8
            };
            plane.chunks_exact(2).map(sample).collect()
        };
        let halved = |plane: Vec<u8>| {
            let plane = eight(plane);
            if frame.chroma_format == ChromaFormat::Yuv420 {
                return plane;
            }
            let line = |row: usize| &plane[row.min(rows - 1) * chroma..][..chroma];
            let mean = |(a, b): (&u8, &u8)| (u16::from(*a) + u16::from(*b)).div_ceil(2) as u8;
            (0..half.1).flat_map(|row| line(2 * row).iter().zip(line(2 * row + 1)).map(mean)).collect()
        };
        if frame.u.len() != chroma * rows * depth || frame.v.len() != chroma * rows * depth || rows == 0 {
            return None;
        }
        let planes = [eight(frame.y), halved(frame.u), halved(frame.v)];
        let fits = planes[1].len() == half.0 * half.1;
        fits.then_some(Planar { width: frame.width, height: frame.height, planes, colours: self.colours })
    }
}

impl Tape for H264 {
    fn cost(&self, picture: usize) -> usize {
        let Some(wanted) = self.track.shown.get(picture).map(|coded| *coded as usize) else { return 0 };
        let sync = self.sync_for(wanted);
        if self.goes_on(wanted, sync) { (wanted + 1).saturating_sub(self.next) } else { wanted + 1 - sync }
    }

    fn step(&mut self, picture: usize) -> Result<Step> {
        let Some(wanted) = self.track.shown.get(picture).map(|coded| *coded as usize) else {
            return Ok(Step::Nothing);
        };
        let sync = self.sync_for(wanted);
        if !self.goes_on(wanted, sync) {
            self.begin(sync)?;
        }
        let held = self.held.take();
        let frame = if self.next < self.track.samples.len() {
            let next = self.next;
            match self.decode_next(wanted) {
                Ok(Out::PassedOver) => {
                    self.held = held;
                    return Ok(Step::Nothing);
                }
                Ok(Out::Before(frame)) => {
                    self.held = Some(next);
                    Ok(frame)
                }
                Err(fault) => {
                    self.held = Some(next);
                    Err(fault)
                }
            }
        } else {
            let flushed = guarded(|| self.decoder.flush());
            flushed.map_err(|panic| self.fault("last picture", format!("the decoder failed ({panic})")))
        };
        let shown = held.filter(|coded| self.track.samples[*coded].time >= self.sound_from);
        let shown = shown.and_then(|coded| Some((coded, self.number[coded]? as usize)));
        let Some((coded, number)) = shown else {
            // Nothing was due; a fault here belongs to the picture that is held now and shows when that is missing.
            return match frame {
                Err(fault) if fault.kind == FaultKind::Unsupported => Err(fault),
                _ => Ok(Step::Nothing),
            };
        };
        let lost = |fault| Ok(Step::Lost(number, fault));
        match frame {
            Ok(Some(frame)) => match self.planar(frame) {
                Some(planar) => Ok(Step::Picture(number, Kept::Planar(Arc::new(planar)))),
                None => lost(self.fault(format!("coded picture {coded}"), "a picture of an odd form")),
            },
            Ok(None) => {
                lost(self.fault(format!("coded picture {coded}"), "nothing could be decoded from it"))
            }
            Err(fault) => lost(fault),
        }
    }
}
