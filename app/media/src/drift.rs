//! A measurement: how far a playing transport is from real time. Used by the benchmark and the example `clock`; it
//! plays in real time, so it takes as long as it is told to.

use std::time::{Duration, Instant};

use clips::Waveform;
use clips::time::FRAMES_PER_SECOND;

use crate::Transport;

/// What was seen. Distances are in frames, positive when the playhead is ahead of real time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Drift {
    /// How often the playhead was looked at.
    pub looks: u32,
    /// The largest distance, without sign.
    pub largest: f64,
    /// The distance at the last look.
    pub last: f64,
    /// How often it had gone back.
    pub steps_back: u32,
}

/// Plays silence on a transport for some seconds, looking about as often as a screen is drawn.
pub fn measure(transport: &Transport, seconds: f64) -> Drift {
    let fps = f64::from(FRAMES_PER_SECOND);
    let seconds = if seconds.is_finite() { seconds.clamp(0.0, 3_600.0) } else { 0.0 };
    let whole = seconds.ceil() as usize + 1;
    let sound = Waveform { rate: 16_000, channels: 1, samples: vec![0.0; 16_000 * whole].into() };
    transport.load(Some(sound), FRAMES_PER_SECOND as usize * whole);
    let (start, mut drift, mut before) = (Instant::now(), Drift::default(), 0.0);
    transport.play();
    while start.elapsed().as_secs_f64() < seconds {
        std::thread::sleep(Duration::from_millis(7));
        let moment = transport.moment();
        drift.last = moment - start.elapsed().as_secs_f64() * fps;
        drift.largest = drift.largest.max(drift.last.abs());
        drift.steps_back += u32::from(moment < before);
        drift.looks += 1;
        before = moment;
    }
    transport.pause();
    drift
}

/// Largest distance of the playhead from real time in frames, on the wall clock.
pub fn wall_clock_drift_frames(seconds: f64) -> f64 {
    measure(&Transport::silent(), seconds).largest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_keeps_time_and_a_standing_one_is_found_out() {
        let drift = measure(&Transport::silent(), 0.3);
        assert!(drift.largest < 0.5 && drift.steps_back == 0 && drift.looks > 5, "{drift:?}");
        let standing = measure(&Transport::manual(), 0.3);
        assert!(standing.last < -6.0, "{standing:?}");
    }
}
