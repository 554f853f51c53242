//! Sound files in: WAV, FLAC, Ogg Vorbis, MP3 and AAC in MP4, as one interleaved [`Waveform`].
//!
//! Files are foreign and treated so: memory is taken by what has been decoded, not by what a header says (`guard`
//! looks where the decoding library would do otherwise); length, rate and channels are bounded; damaged packets are skipped and told; a panic inside a decoder (hostile
//! files have caused some) becomes a fault. A file that ends early gives the sound that is there and a warning; one
//! without any sound gives a fault with the file, the place and the remedy.
//!
//! What it is not: a player or a film reader; the sound track of an MP4 is all that is taken from it.

mod guard;

use std::fs::File;
use std::io::{Cursor, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use clips::{Fault, FaultKind, Result, Waveform};
use symphonia::core::audio::{Layout, SampleBuffer, SignalSpec};
use symphonia::core::codecs::{
    CODEC_TYPE_FLAC, CODEC_TYPE_NULL, CodecParameters, CodecType, Decoder, DecoderOptions,
};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::{Limit, MetadataOptions};
use symphonia::core::probe::Hint;

/// Longest sound taken, in seconds: four hours.
pub const MOST_SECONDS: u64 = 4 * 3600;
/// Most samples taken over all channels (4 GiB of memory).
const MOST_SAMPLES: usize = 1 << 30;
/// Sampling rates taken, in samples a second.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;
/// Most channels taken.
const MOST_CHANNELS: usize = 32;
/// Damaged packets in a row after which a file is given up.
const MOST_BAD_PACKETS: usize = 1_000;
/// Tags and pictures larger than this are not read.
const MOST_TAG_BYTES: usize = 1 << 24;

const REMEDY_FORMAT: &str = "convert it to WAV or FLAC: ffmpeg -i FILE -vn out.wav";
const REMEDY_COPY: &str = "copy the file again from its source, or re-encode it: ffmpeg -i FILE -vn out.wav";

/// A sound and what was wrong with its file.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The sound.
    pub waveform: Waveform,
    /// What the file lacks or what was skipped; empty for a healthy file.
    pub warnings: Vec<Fault>,
}

/// The sound of a file.
///
/// # Errors
/// As [`decode_with_warnings`]; warnings are dropped.
pub fn decode(path: &Path) -> Result<Waveform> {
    decode_with_warnings(path).map(|decoded| decoded.waveform)
}

/// The sound of a file, and what was wrong with it.
///
/// # Errors
/// A fault naming the file when it is missing, a folder, empty, not a sound file we read, without any decodable
/// sound, or longer than [`MOST_SECONDS`].
pub fn decode_with_warnings(path: &Path) -> Result<Decoded> {
    let meta = std::fs::metadata(path).map_err(|error| Fault::io(path, &error))?;
    if meta.is_dir() {
        return Err(Fault::new(FaultKind::Malformed, path, "this is a folder").remedy("name a sound file"));
    }
    if !meta.is_file() {
        return Err(
            Fault::new(FaultKind::Malformed, path, "this is not a regular file").remedy("name a sound file")
        );
    }
    if meta.len() == 0 {
        return Err(Fault::new(FaultKind::Empty, path, "the file is empty").remedy("write or copy it again"));
    }
    let file = File::open(path).map_err(|error| Fault::io(path, &error))?;
    guarded(path, Box::new(file))
}

/// As [`decode_with_warnings`] for a file held in memory; `name` is what faults call it.
///
/// # Errors
/// As [`decode_with_warnings`].
pub fn decode_bytes(name: &Path, bytes: &'static [u8]) -> Result<Decoded> {
    if bytes.is_empty() {
        return Err(Fault::new(FaultKind::Empty, name, "the file is empty").remedy("write or copy it again"));
    }
    guarded(name, Box::new(Cursor::new(bytes)))
}

fn guarded(path: &Path, source: Box<dyn MediaSource>) -> Result<Decoded> {
    catch_unwind(AssertUnwindSafe(|| read(path, source))).unwrap_or_else(|_| {
        Err(Fault::new(FaultKind::Malformed, path, "the decoder gave up on a contradiction in the file")
            .remedy(REMEDY_COPY))
    })
}

fn read(path: &Path, mut source: Box<dyn MediaSource>) -> Result<Decoded> {
    guard::check(path, source.as_mut())?;
    let mut format = open(path, source)?;
    let (track, params) = sound_track(path, format.as_ref())?;
    let mut decoder =
        symphonia::default::get_codecs().make(&params, &DecoderOptions { verify: false }).map_err(
            |error| unsupported(path, &format!("its coding is not one we read ({error})")).at("header"),
        )?;
    let mut sound = Sound::new(path);
    sound.take_all(format.as_mut(), decoder.as_mut(), track)?;
    sound.finish(&params)
}

fn unsupported(path: &Path, what: &str) -> Fault {
    Fault::new(FaultKind::Unsupported, path, what).remedy(REMEDY_FORMAT)
}

fn open(path: &Path, source: Box<dyn MediaSource>) -> Result<Box<dyn FormatReader>> {
    let mut hint = Hint::new();
    if let Some(extension) = path.extension().and_then(|extension| extension.to_str()) {
        hint.with_extension(extension);
    }
    let stream = MediaSourceStream::new(source, Default::default());
    let options = FormatOptions { enable_gapless: true, ..FormatOptions::default() };
    let tags = MetadataOptions {
        limit_metadata_bytes: Limit::Maximum(MOST_TAG_BYTES),
        limit_visual_bytes: Limit::Maximum(MOST_TAG_BYTES),
    };
    let probed = symphonia::default::get_probe().format(&hint, stream, &options, &tags);
    probed.map(|probed| probed.format).map_err(|error| match error {
        Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Fault::new(FaultKind::Malformed, path, "it ends before any sound begins, or is not a sound file")
                .at("header")
                .remedy(REMEDY_COPY)
        }
        Error::IoError(error) => Fault::io(path, &error),
        Error::Unsupported(_) => {
            unsupported(path, "not a sound file we read (WAV, FLAC, Ogg Vorbis, MP3, AAC in MP4)")
        }
        other => {
            Fault::new(FaultKind::Malformed, path, format!("the header does not hold together: {other}"))
                .at("header")
                .remedy(REMEDY_FORMAT)
        }
    })
}

/// The first track with a coding: its id and parameters.
fn sound_track(path: &Path, format: &dyn FormatReader) -> Result<(u32, CodecParameters)> {
    let tracks = format.tracks();
    let known = |codec: CodecType| {
        codec != CODEC_TYPE_NULL && symphonia::default::get_codecs().get_codec(codec).is_some()
    };
    let track = tracks
        .iter()
        .find(|track| known(track.codec_params.codec))
        .ok_or_else(|| unsupported(path, "there is no sound track we can decode in it").at("header"))?;
    let mut params = track.codec_params.clone();
    if let Some(rate) = params.sample_rate {
        check_rate(path, rate)?;
    }
    if let Some(channels) = params.channels {
        check_channels(path, channels.count())?;
    } else if params.channel_layout.is_none() {
        // some AAC headers leave it to the stream; the decoder only needs a first guess
        params.with_channel_layout(Layout::Stereo);
    }
    Ok((track.id, params))
}

fn check_rate(path: &Path, rate: u32) -> Result<()> {
    if RATES.contains(&rate) {
        return Ok(());
    }
    Err(Fault::new(FaultKind::OutOfRange, path, format!("the sampling rate is {rate} Hz"))
        .at("header")
        .remedy(format!(
            "resample it: ffmpeg -i FILE -ar 16000 out.wav (we take {} to {})",
            RATES.start(),
            RATES.end()
        )))
}

fn check_channels(path: &Path, channels: usize) -> Result<()> {
    if (1..=MOST_CHANNELS).contains(&channels) {
        return Ok(());
    }
    Err(Fault::new(FaultKind::OutOfRange, path, format!("it has {channels} channels"))
        .at("header")
        .remedy("mix it down: ffmpeg -i FILE -ac 1 out.wav"))
}

/// What has been decoded so far.
struct Sound<'a> {
    path: &'a Path,
    spec: Option<SignalSpec>,
    samples: Vec<f32>,
    /// Samples that were not numbers.
    not_finite: usize,
    /// Packets that could not be decoded, and what was said of the first.
    bad_packets: usize,
    first_bad: String,
    /// Why reading ended, when not by the end of the file.
    ended: Option<String>,
}

impl<'a> Sound<'a> {
    fn new(path: &'a Path) -> Self {
        Self {
            path,
            spec: None,
            samples: Vec::new(),
            not_finite: 0,
            bad_packets: 0,
            first_bad: String::new(),
            ended: None,
        }
    }

    fn take_all(
        &mut self,
        format: &mut dyn FormatReader,
        decoder: &mut dyn Decoder,
        track: u32,
    ) -> Result<()> {
        let mut bad_in_a_row = 0;
        let mut buffer: Option<SampleBuffer<f32>> = None;
        loop {
            let packet = match format.next_packet() {
                Ok(packet) => packet,
                Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
                Err(Error::ResetRequired) => {
                    self.ended =
                        Some("another recording follows in the same file and was left out".to_owned());
                    return Ok(());
                }
                Err(error) => {
                    self.ended = Some(format!("reading stopped there: {error}"));
                    return Ok(());
                }
            };
            if packet.track_id() != track {
                continue;
            }
            let decoded = match decoder.decode(&packet) {
                Ok(decoded) => decoded,
                Err(Error::IoError(error)) if error.kind() != ErrorKind::UnexpectedEof => {
                    return Err(Fault::io(self.path, &error));
                }
                Err(error) => {
                    self.bad_packets += 1;
                    bad_in_a_row += 1;
                    if self.first_bad.is_empty() {
                        self.first_bad = format!("packet at time stamp {}: {error}", packet.ts());
                    }
                    if bad_in_a_row >= MOST_BAD_PACKETS {
                        self.ended = Some(format!("{bad_in_a_row} damaged packets in a row"));
                        return Ok(());
                    }
                    continue;
                }
            };
            bad_in_a_row = 0;
            let spec = *decoded.spec();
            match self.spec {
                None => {
                    check_rate(self.path, spec.rate)?;
                    check_channels(self.path, spec.channels.count())?;
                    self.spec = Some(spec);
                }
                Some(first) if first != spec => {
                    self.ended =
                        Some("rate or channels change in the middle; the rest was left out".to_owned());
                    return Ok(());
                }
                Some(_) => {}
            }
            let needed = decoded.capacity() as u64;
            let enough = buffer
                .as_ref()
                .is_some_and(|buffer| buffer.capacity() as u64 >= needed * spec.channels.count() as u64);
            if !enough {
                buffer = Some(SampleBuffer::new(needed, spec));
            }
            if let Some(buffer) = &mut buffer {
                buffer.copy_interleaved_ref(decoded);
                self.push(buffer.samples(), spec)?;
            }
        }
    }

    fn push(&mut self, samples: &[f32], spec: SignalSpec) -> Result<()> {
        let most = MOST_SECONDS
            .saturating_mul(u64::from(spec.rate))
            .saturating_mul(spec.channels.count() as u64)
            .min(MOST_SAMPLES as u64);
        if (self.samples.len() + samples.len()) as u64 > most {
            return Err(Fault::new(
                FaultKind::TooLarge,
                self.path,
                "it holds more sound than we take (4 hours)",
            )
            .at(format!("after {} s", most / u64::from(spec.rate) / spec.channels.count() as u64))
            .remedy("cut it: ffmpeg -i FILE -t 3600 -ac 1 out.wav"));
        }
        self.not_finite += samples.iter().filter(|sample| !sample.is_finite()).count();
        self.samples.extend(samples.iter().map(|sample| if sample.is_finite() { *sample } else { 0.0 }));
        Ok(())
    }

    fn finish(self, params: &CodecParameters) -> Result<Decoded> {
        let fault = |kind, detail: String| Fault::new(kind, self.path, detail);
        let promised = promised_samples(params);
        let (Some(spec), false) = (self.spec, self.samples.is_empty()) else {
            return Err(if self.bad_packets > 0 {
                fault(FaultKind::Malformed, "nothing in it could be decoded".to_owned())
                    .at(self.first_bad)
                    .remedy(REMEDY_COPY)
            } else if promised.is_some_and(|promised| promised > 0) {
                fault(
                    FaultKind::Truncated,
                    "the header promises sound and the file ends before any".to_owned(),
                )
                .at("end of the header")
                .remedy(REMEDY_COPY)
            } else {
                fault(FaultKind::Empty, "there is no sound in it".to_owned())
                    .at("data")
                    .remedy("record or export it again")
            });
        };
        let channels = spec.channels.count();
        let length = (self.samples.len() / channels) as u64;
        let place = format!("after {:.2} s", length as f64 / f64::from(spec.rate));
        let mut warnings = Vec::new();
        if let Some(promised) = promised {
            // containers of packets may count padding; PCM and FLAC count exactly
            let exact = params.codec == CODEC_TYPE_FLAC || params.bits_per_coded_sample.is_some();
            let slack = if exact { 0 } else { (promised / 50).max(u64::from(spec.rate) / 5) };
            if length + slack < promised {
                let detail = format!(
                    "it ends early: the header promises {:.2} s of sound",
                    promised as f64 / f64::from(spec.rate)
                );
                warnings.push(fault(FaultKind::Truncated, detail).at(&place).remedy(REMEDY_COPY));
            }
        }
        if self.bad_packets > 0 {
            let detail = format!("{} damaged packets were left out", self.bad_packets);
            warnings.push(fault(FaultKind::Malformed, detail).at(&self.first_bad).remedy(REMEDY_COPY));
        }
        if let Some(why) = &self.ended {
            warnings.push(fault(FaultKind::Malformed, why.clone()).at(&place).remedy(REMEDY_FORMAT));
        }
        if self.not_finite > 0 {
            let detail = format!("{} samples are not numbers and were taken as silence", self.not_finite);
            warnings.push(
                fault(FaultKind::NotFinite, detail).at("samples").remedy("export it again as 16-bit WAV"),
            );
        }
        let mut samples = self.samples;
        samples.truncate(length as usize * channels);
        let waveform = Waveform { rate: spec.rate, channels: channels as u16, samples: samples.into() };
        Ok(Decoded { waveform, warnings })
    }
}

/// Samples in a channel the header promises; `None` when it does not say. A WAV written to a pipe says the largest
/// number there is, which is no promise.
fn promised_samples(params: &CodecParameters) -> Option<u64> {
    let count = params.n_frames?;
    if let (Some(bits), Some(channels)) = (params.bits_per_coded_sample, params.channels) {
        let bytes = u64::from(bits.div_ceil(8)) * channels.count() as u64;
        if bytes > 0 && count >= (u64::from(u32::MAX) - 4096) / bytes {
            return None;
        }
    }
    let (rate, base) = (params.sample_rate?, params.time_base?);
    if base.denom == rate && base.numer == 1 {
        return Some(count);
    }
    // an MP4 counts in units of its own
    let seconds = base.calc_time(count);
    Some(((seconds.seconds as f64 + seconds.frac) * f64::from(rate)) as u64)
}
