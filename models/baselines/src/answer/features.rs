//! A speaker's streams as the compared networks take them.

use std::path::Path;

use candle_core::{Device, Tensor};
use clips::channels::ATTRIBUTE_COUNT;
use clips::{Fault, FaultKind, Result, Streams};
use speech::kaldi::react78;

use super::Asked;
use crate::given::Features;
use crate::pictures::{Prepare, Prepared};

/// Columns of the official sound features.
pub const CEPSTRA: usize = 78;

/// Rows in which what is not finite (no face was found) is the row before; zeros before the first.
pub fn held<const N: usize>(rows: &[[f32; N]]) -> Vec<[f32; N]> {
    let mut last = [0.0; N];
    let mut hold = |row: &[f32; N]| {
        if row.iter().all(|value| value.is_finite()) {
            last = *row;
        }
        last
    };
    rows.iter().map(&mut hold).collect()
}

/// The official 78 sound features ([`speech::kaldi`]) of the speaker's first `frames` frames, at the sound's own rate: officially
/// 44.1 kHz, and a network should hear the rate that it was trained on.
///
/// # Errors
/// When there is no sound, or its rate is too low for two analysis windows a frame.
pub fn cepstra(clip: &str, speaker: &Streams, frames: usize) -> Result<Vec<[f32; CEPSTRA]>> {
    let Some(sound) = &speaker.sound else {
        return Err(Fault::new(FaultKind::MissingModality, clip, "the speaker has no sound")
            .remedy("add the sound file of the clip"));
    };
    let mut rows = react78(&sound.mono(), sound.rate);
    if rows.len() < frames {
        return Err(Fault::new(
            FaultKind::Unsupported,
            clip,
            format!("{} rows of sound features at {} Hz for {frames} frames", rows.len(), sound.rate),
        )
        .remedy("give the sound at 16 or 44.1 kHz"));
    }
    rows.truncate(frames);
    Ok(rows)
}

impl Asked<'_> {
    /// The speaker's attributes, the last row repeated up to `frames` frames.
    pub(super) fn attributes(&self, frames: usize) -> Result<Tensor> {
        let rows = self.speaker.attributes.as_deref().unwrap_or_default();
        self.tensor(held::<ATTRIBUTE_COUNT>(&rows[..self.frames.min(rows.len())]), frames)
    }

    /// The speaker's sound features, the last row repeated up to `frames` frames.
    pub(super) fn cepstra(&self, frames: usize) -> Result<Tensor> {
        self.tensor(cepstra(self.clip, self.speaker, self.frames)?, frames)
    }

    /// Ready-made features of the speaker's video and sound, the last row repeated up to `frames` frames.
    pub(super) fn features(&self, frames: usize, columns: (usize, usize)) -> Result<(Tensor, Tensor)> {
        let given = Features::read(Path::new(self.clip), &self.speaker.given, columns)?;
        let given = given.fitted(self.frames).fitted(frames);
        let tensor = |rows: Vec<f32>, columns| {
            Tensor::from_vec(rows, (1, frames, columns), &Device::Cpu).map_err(|error| self.failed(&error))
        };
        Ok((tensor(given.video, columns.0)?, tensor(given.sound, columns.1)?))
    }

    /// The speaker's pictures, to be fetched in order.
    pub(super) fn film(&self) -> Result<Film<'_>> {
        let Some(footage) = &self.speaker.video else {
            return Err(Fault::new(FaultKind::MissingModality, self.clip, "the speaker has no video"));
        };
        Ok(Film { pictures: Prepare::open(footage)?, asked: self, fault: None })
    }

    /// `[1, frames, N]`.
    fn tensor<const N: usize>(&self, mut rows: Vec<[f32; N]>, frames: usize) -> Result<Tensor> {
        let last = rows.last().copied().unwrap_or([0.0; N]);
        rows.resize(frames, last);
        Tensor::from_vec(rows.into_flattened(), (1, frames, N), &Device::Cpu)
            .map_err(|error| self.failed(&error))
    }
}

/// Pictures of a speaker; what went wrong is kept beside the error that the tensor library can carry.
pub(super) struct Film<'a> {
    pictures: Prepare,
    asked: &'a Asked<'a>,
    pub(super) fault: Option<Fault>,
}

impl Film<'_> {
    /// The picture of a frame.
    pub(super) fn fetch(&mut self, frame: usize) -> candle_core::Result<Prepared> {
        let stop = self.asked.control.step("video", frame as u64, self.asked.frames as u64, self.asked.clip);
        stop.and_then(|()| self.pictures.frame(frame)).map_err(|fault| {
            let error = candle_core::Error::Msg(fault.to_string());
            self.fault = Some(fault);
            error
        })
    }
}

/// Refuses sound features that the program does not make.
pub(super) fn require_cepstra(asked: &Asked<'_>, columns: usize, preset: &str) -> Result<()> {
    if columns == CEPSTRA {
        return Ok(());
    }
    Err(Fault::new(
        FaultKind::Unsupported,
        asked.clip,
        format!(
            "this {} checkpoint hears {columns} sound features, and clips are given as {CEPSTRA}",
            asked.system
        ),
    )
    .remedy(format!("choose a checkpoint of the preset {preset}")))
}

#[cfg(test)]
mod tests {
    use super::held;

    #[test]
    fn rows_without_a_face_hold_the_last_one_and_never_the_next() {
        let gap = [f32::NAN, 1.0];
        assert_eq!(
            held(&[gap, [1.0, 2.0], gap, gap, [3.0, 4.0]]),
            [[0.0, 0.0], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [3.0, 4.0]]
        );
    }
}
