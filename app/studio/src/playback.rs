//! What the keys do to time: shuttle in both directions, steps, and the loop that a selection makes.
//!
//! [`media::Transport`] owns the clock and knows forward only; going backward is done here by seeking along the
//! window's own time, silently. Every change of the shown frame goes through this file.

use clips::time::FRAMES_PER_SECOND;
use media::{ClockKind, Transport};

/// Forward rates a shuttle passes through.
const FORWARD: [f64; 3] = [1.0, 1.5, 2.0];
/// Rates the rate button passes through.
pub const RATES: [f64; 6] = [0.25, 0.5, 0.75, 1.0, 1.5, 2.0];

/// Time as the window sees it.
#[derive(Debug)]
pub struct Playback {
    transport: Transport,
    /// Backward shuttle: where and when it began, and how fast it goes.
    backward: Option<(usize, f64, f64)>,
    /// First frame of a loop that waits for its end.
    marked: Option<usize>,
}

impl Playback {
    /// Around a transport; tests hand in a manual one.
    pub fn new(transport: Transport) -> Self {
        Self { transport, backward: None, marked: None }
    }

    /// The clock's own handle, to read from.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Moves a backward shuttle to `now` (seconds of the window). Call once a frame.
    pub fn tick(&mut self, now: f64) {
        if let Some((from, since, rate)) = self.backward {
            let gone = ((now - since) * rate * f64::from(FRAMES_PER_SECOND)).max(0.0) as usize;
            self.transport.seek(from.saturating_sub(gone));
            if gone >= from {
                self.backward = None;
            }
        }
    }

    /// Whether anything moves.
    pub fn moving(&self) -> bool {
        self.backward.is_some() || self.transport.playing()
    }

    /// The frame to show.
    pub fn frame(&self) -> usize {
        self.transport.frame()
    }

    /// The playhead with its fraction; whole frames while nothing moves.
    pub fn moment(&self) -> f64 {
        if self.moving() { self.transport.moment() } else { self.transport.frame() as f64 }
    }

    /// Plays or pauses.
    pub fn toggle(&mut self) {
        if self.backward.take().is_none() {
            self.transport.toggle();
        }
    }

    /// Stops where it is; `reset` also returns to normal speed.
    pub fn stop(&mut self, reset: bool) {
        self.backward = None;
        self.transport.pause();
        if reset {
            self.transport.set_rate(1.0);
        }
    }

    /// Goes to a frame.
    pub fn seek(&mut self, frame: usize) {
        self.backward = None;
        self.transport.seek(frame);
    }

    /// Pauses and goes some frames on or back.
    pub fn step(&mut self, by: isize) {
        self.stop(false);
        self.transport.step(by);
    }

    /// Forward shuttle: plays, and faster at every further call.
    pub fn shuttle_forward(&mut self) {
        self.backward = None;
        if self.transport.playing() {
            let rate = self.transport.rate();
            let next = FORWARD.into_iter().find(|next| *next > rate + 1e-6).unwrap_or(FORWARD[2]);
            self.transport.set_rate(next);
        } else {
            self.transport.set_rate(1.0);
            self.transport.play();
        }
    }

    /// Backward shuttle: plays backward without sound, and faster at every further call.
    pub fn shuttle_backward(&mut self, now: f64) {
        let rate = self.backward.map_or(1.0, |(_, _, rate)| (rate * 2.0).min(4.0));
        self.transport.pause();
        self.backward = Some((self.transport.frame(), now, rate));
    }

    /// The loop begins here; with an end known it is set at once.
    pub fn mark_in(&mut self) {
        let here = self.frame();
        match self.transport.looped() {
            Some((_, end)) if here < end => self.transport.set_loop(Some((here, end))),
            _ => self.marked = Some(here),
        }
    }

    /// The loop ends behind this frame; without a beginning it begins at the start of the clip.
    pub fn mark_out(&mut self) {
        let here = self.frame() + 1;
        let begin = self.marked.take().or(self.transport.looped().map(|(a, _)| a)).unwrap_or(0);
        self.set_loop(Some((begin.min(here - 1), here)));
    }

    /// Repeats frames a..b, or nothing.
    pub fn set_loop(&mut self, frames: Option<(usize, usize)>) {
        self.marked = None;
        self.transport.set_loop(frames);
        if let Some((a, b)) = self.transport.looped()
            && !(a..b).contains(&self.frame())
        {
            self.seek(a);
        }
    }

    /// The frame where a loop was begun and not yet ended.
    pub fn marked(&self) -> Option<usize> {
        self.marked
    }

    /// Which clock drives it.
    pub fn badge(&self) -> ClockKind {
        self.transport.badge()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn playback() -> Playback {
        let playback = Playback::new(Transport::manual());
        playback.transport().load(None, 750);
        playback
    }

    #[test]
    fn shuttle_goes_faster_each_time_and_back_in_window_time() {
        let mut playback = playback();
        for rate in [1.0, 1.5, 2.0, 2.0] {
            playback.shuttle_forward();
            assert_eq!(playback.transport().rate(), rate);
        }
        playback.transport().advance(Duration::from_secs(2));
        assert_eq!(playback.frame(), 100);
        playback.shuttle_backward(10.0);
        playback.tick(11.0);
        assert_eq!(playback.frame(), 75);
        playback.tick(99.0);
        assert_eq!((playback.frame(), playback.moving()), (0, false));
    }

    #[test]
    fn marks_make_a_loop_and_the_playhead_is_inside_it() {
        let mut playback = playback();
        playback.seek(100);
        playback.mark_in();
        playback.seek(149);
        playback.mark_out();
        assert_eq!(playback.transport().looped(), Some((100, 150)));
        playback.set_loop(Some((300, 400)));
        assert_eq!(playback.frame(), 300);
    }
}
