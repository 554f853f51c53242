//! Sound as a 16-bit `.wav`, complete or not at all.

use std::path::Path;

use clips::{Fault, FaultKind, Result, Waveform};
use hound::{SampleFormat, WavSpec, WavWriter};

use super::Part;

/// Writes a sound as 16-bit PCM; louder than full scale is cut, what is no number is silence.
///
/// # Errors
/// A sound without rate or channels, more than 4 GB, or a place that cannot be written.
pub fn write(path: impl AsRef<Path>, sound: &Waveform) -> Result<()> {
    let path = path.as_ref();
    if sound.rate == 0 || sound.channels == 0 {
        return Err(Fault::new(FaultKind::BadRequest, path, "a sound without rate or channels"));
    }
    if sound.samples.len() as u64 * 2 > u64::from(u32::MAX) - 64 {
        return Err(Fault::new(FaultKind::TooLarge, path, "a .wav holds at most 4 GB")
            .remedy("write a shorter stretch"));
    }
    let part = Part::beside(path);
    let spec = WavSpec {
        channels: sound.channels,
        sample_rate: sound.rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    encode(&part.0, spec, sound).map_err(|error| match error {
        hound::Error::IoError(error) => Fault::write(path, &error),
        other => Fault::new(FaultKind::NotWritable, path, other.to_string()),
    })?;
    part.take_place_of(path)
}

fn encode(path: &Path, spec: WavSpec, sound: &Waveform) -> hound::Result<()> {
    let mut writer = WavWriter::create(path, spec)?;
    let whole = sound.len() * usize::from(sound.channels);
    for sample in &sound.samples[..whole] {
        // `as` makes silence of NaN and cuts at the ends.
        writer.write_sample((sample * 32_767.0).round() as i16)?;
    }
    writer.finalize()
}
