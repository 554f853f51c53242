//! The law of motion of the playhead: where it is after having travelled some way from some place.
//!
//! Positions are sound samples in 32.32 fixed point, counted on the clip's own rate. A place is always computed
//! from an anchor and a distance, never by adding steps up, so nothing drifts however long it plays. The sound
//! source and the silent clocks share this one law, and therefore cannot disagree about a loop or the end.

use std::sync::Arc;

use clips::Waveform;
use clips::time::{FRAMES_PER_SECOND, frame_of_sample, sample_of_frame};

/// One whole sample in fixed point.
pub const ONE: u64 = 1 << 32;
/// Samples a second that positions of a clip without sound are counted in.
const SILENT_RATE: u32 = 48_000;

/// What is played: a number of frames, and perhaps their sound.
#[derive(Debug, Clone)]
pub struct Clip {
    samples: Arc<[f32]>,
    channels: usize,
    rate: u32,
    frames: usize,
}

impl Clip {
    /// A clip of `frames` frames. Sound beyond them is not played, missing sound is silence; a waveform whose
    /// header is empty (rate or channels 0) counts as no sound.
    pub fn new(sound: Option<Waveform>, frames: usize) -> Self {
        let sound = sound.filter(|sound| sound.rate > 0 && sound.channels > 0);
        let (samples, channels, rate) = match sound {
            Some(sound) => (sound.samples, usize::from(sound.channels), sound.rate),
            None => (Arc::from([]), 1, SILENT_RATE),
        };
        // The whole clip has to fit the fixed point: a day at 48 kHz.
        let longest = (u64::from(u32::MAX) * u64::from(FRAMES_PER_SECOND) / u64::from(rate)) as usize;
        Self { samples, channels, rate, frames: frames.min(longest) }
    }

    /// Frames to play.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Samples a second that positions count.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Whether there is anything to hear.
    pub fn has_sound(&self) -> bool {
        !self.samples.is_empty()
    }

    /// Position of the first sample of a frame.
    pub fn position_of(&self, frame: usize) -> u64 {
        (sample_of_frame(frame.min(self.frames), self.rate) as u64) << 32
    }

    /// Position of the end.
    pub fn end(&self) -> u64 {
        self.position_of(self.frames)
    }

    /// The frame shown at a position; the last one at the end, 0 in an empty clip.
    pub fn frame_at(&self, position: u64) -> usize {
        frame_of_sample(position >> 32, self.rate).min(self.frames.saturating_sub(1))
    }

    /// The position counted in frames, with its fraction; for cursors that move smoothly.
    pub fn moment_at(&self, position: u64) -> f64 {
        position as f64 / ONE as f64 * f64::from(FRAMES_PER_SECOND) / f64::from(self.rate)
    }

    /// The value to send to output channel `channel` of `of` at a position: cubic between samples, exact on them.
    /// One channel goes to both ears; a single output hears the mean.
    pub fn value(&self, position: u64, channel: usize, of: usize) -> f32 {
        if of == 1 && self.channels > 1 {
            return (0..self.channels).map(|from| self.between(position, from)).sum::<f32>()
                / self.channels as f32;
        }
        match self.channels {
            1 if channel < 2 => self.between(position, 0),
            channels if channel < channels => self.between(position, channel),
            _ => 0.0,
        }
    }

    fn between(&self, position: u64, channel: usize) -> f32 {
        let at = (position >> 32) as usize;
        let here = self.sample(Some(at), channel);
        let part = (position & (ONE - 1)) as f32 / ONE as f32;
        if part == 0.0 {
            return here;
        }
        let before = self.sample(at.checked_sub(1), channel);
        let [next, after] = [1, 2].map(|step| self.sample(at.checked_add(step), channel));
        let slope = 0.5 * (next - before);
        let bend = before - 2.5 * here + 2.0 * next - 0.5 * after;
        let turn = 0.5 * (after - before) + 1.5 * (here - next);
        ((turn * part + bend) * part + slope) * part + here
    }

    fn sample(&self, at: Option<usize>, channel: usize) -> f32 {
        at.and_then(|at| at.checked_mul(self.channels)?.checked_add(channel))
            .and_then(|index| self.samples.get(index))
            .copied()
            .filter(|value| value.is_finite())
            .unwrap_or(0.0)
    }
}

/// Where the playhead is, and whether it has come to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Samples in 32.32 fixed point.
    pub position: u64,
    /// Nothing is left to play.
    pub ended: bool,
}

/// Where a playhead that started at `start` is after `travelled`, both in fixed point. Inside or before the loop
/// `[a, b)` it never passes b; beyond the loop it runs to the end and stays there.
pub fn travel(start: u64, travelled: u128, end: u64, looped: Option<(u64, u64)>) -> Place {
    let goal = u128::from(start) + travelled;
    if let Some((a, b)) = looped
        && a < b
        && b <= end
        && start < b
    {
        let (a, b) = (u128::from(a), u128::from(b));
        let position = if goal < b { goal } else { a + (goal - b) % (b - a) };
        return Place { position: position as u64, ended: false };
    }
    if goal >= u128::from(end) {
        Place { position: end, ended: true }
    } else {
        Place { position: goal as u64, ended: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(rate: u32, samples: usize) -> Waveform {
        Waveform { rate, channels: 1, samples: (0..samples).map(|index| index as f32).collect() }
    }

    #[test]
    fn a_seek_to_a_frame_is_its_first_sample_at_every_rate() {
        for rate in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 12_345] {
            let clip = Clip::new(Some(ramp(rate, 10)), 2_000);
            for frame in 0..2_000 {
                let position = clip.position_of(frame);
                assert_eq!(position, (sample_of_frame(frame, rate) as u64) << 32);
                assert_eq!(clip.frame_at(position), frame);
            }
        }
    }

    #[test]
    fn a_loop_wraps_without_losing_a_sample() {
        let (a, b, end) = (100 * ONE, 130 * ONE, 1_000 * ONE);
        // Twin: one sample at a time.
        let mut slow = 50u64;
        for step in 0..5_000u128 {
            let place = travel(50 * ONE, step << 32, end, Some((a, b)));
            assert_eq!(place, Place { position: slow << 32, ended: false }, "after {step}");
            slow += 1;
            if slow == 130 {
                slow = 100;
            }
        }
    }

    #[test]
    fn beyond_the_loop_it_runs_to_the_end_and_stays() {
        let looped = Some((ONE, 2 * ONE));
        assert_eq!(travel(2 * ONE, 0, 9 * ONE, looped), Place { position: 2 * ONE, ended: false });
        assert_eq!(travel(2 * ONE, 7 << 32, 9 * ONE, looped), Place { position: 9 * ONE, ended: true });
        assert!(travel(0, u128::from(u64::MAX) * 9, 9 * ONE, None).ended);
        assert!(travel(0, 0, 0, None).ended, "an empty clip is over at once");
        // A broken loop is no loop.
        assert!(travel(0, 10 << 32, 9 * ONE, Some((3 * ONE, 3 * ONE))).ended);
    }

    #[test]
    fn values_are_exact_on_samples_and_straight_between_those_of_a_straight_line() {
        let clip = Clip::new(Some(ramp(48_000, 100)), 10);
        for at in 1..97u64 {
            assert_eq!(clip.value(at << 32, 0, 2), at as f32);
            assert!((clip.value((at << 32) + ONE / 4, 1, 2) - at as f32 - 0.25).abs() < 1e-4);
        }
        assert_eq!(clip.value(5_000 << 32, 0, 2), 0.0, "sound that is too short is followed by silence");
        assert_eq!(clip.value(50 << 32, 4, 6), 0.0, "one voice does not come from behind");
    }

    #[test]
    fn hostile_sound_is_silence() {
        let broken = Waveform { rate: 0, channels: 0, samples: vec![1.0; 5].into() };
        assert!(!Clip::new(Some(broken), 5).has_sound());
        let nan = Waveform { rate: 16_000, channels: 1, samples: vec![f32::NAN; 5].into() };
        assert_eq!(Clip::new(Some(nan), 5).value(ONE, 0, 1), 0.0);
        let clip = Clip::new(None, usize::MAX);
        assert!(clip.end() > 0 && clip.frame_at(clip.end()) == clip.frames() - 1);
    }
}
