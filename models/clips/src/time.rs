//! Frames, seconds and samples: the one place where they are turned into each other.
//!
//! The frame index is the truth (25 frames a second, REACT 2024); seconds and sound samples are derived from it.
//! Nothing else in the project multiplies by 25 or divides by a sampling rate to find a moment.

/// Video and label rate of the REACT 2024 corpus, in frames a second.
pub const FRAMES_PER_SECOND: u32 = 25;
/// Frames of a REACT clip (30 s). Video and coefficients are shipped with 751; what is scored is cut to 750.
pub const CLIP_FRAMES: usize = 750;

/// Start of frame `frame` in seconds.
pub fn seconds_of_frame(frame: f64) -> f64 {
    frame / f64::from(FRAMES_PER_SECOND)
}

/// The frame that is shown at `seconds` (the last one that has begun); negative times are frame 0.
pub fn frame_at_seconds(seconds: f64) -> usize {
    // A frame boundary written in decimal seconds (0.12) must not fall into the frame before it.
    (seconds * f64::from(FRAMES_PER_SECOND) + 1e-9).floor().max(0.0) as usize
}

/// First sample of frame `frame` at `rate` samples a second.
pub fn sample_of_frame(frame: usize, rate: u32) -> usize {
    (frame as u64 * u64::from(rate) / u64::from(FRAMES_PER_SECOND)) as usize
}

/// The frame that sample `sample` at `rate` samples a second belongs to.
pub fn frame_of_sample(sample: u64, rate: u32) -> usize {
    if rate == 0 {
        return 0;
    }
    let (rate, sample) = (u64::from(rate), u64::from(FRAMES_PER_SECOND) * (sample + 1));
    // The last frame whose first sample, floor(frame * rate / 25), is not after `sample`.
    ((sample - 1) / rate) as usize
}

/// Whole frames covered by `samples` samples at `rate` samples a second.
pub fn frames_in_samples(samples: usize, rate: u32) -> usize {
    if rate == 0 { 0 } else { (samples as u128 * u128::from(FRAMES_PER_SECOND) / u128::from(rate)) as usize }
}

/// A moment as people read it: `00:12.40`.
pub fn clock_text(frame: usize) -> String {
    let hundredths = frame as u64 * 100 / u64::from(FRAMES_PER_SECOND);
    format!("{:02}:{:02}.{:02}", hundredths / 6000, hundredths / 100 % 60, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_and_sample_agree_at_every_rate() {
        for rate in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000] {
            for frame in 0..2_000 {
                let first = sample_of_frame(frame, rate) as u64;
                assert_eq!(frame_of_sample(first, rate), frame, "first sample of {frame} at {rate}");
                if first > 0 {
                    assert_eq!(
                        frame_of_sample(first - 1, rate),
                        frame - 1,
                        "sample before {frame} at {rate}"
                    );
                }
            }
        }
    }

    #[test]
    fn seconds_round_trip() {
        for frame in 0..20_000usize {
            assert_eq!(frame_at_seconds(seconds_of_frame(frame as f64)), frame);
        }
        assert_eq!(frame_at_seconds(-1.0), 0);
        assert_eq!(clock_text(310), "00:12.40");
    }
}
