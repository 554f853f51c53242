//! The one owner of time: play, pause, seek, loop, rate and volume go through here, and the shown frame comes from
//! here.
//!
//! It starts on the wall clock; the sound device is asked for at the first play of a clip with sound, on a thread of
//! its own, and takes over when it answers. A device that does not keep time (ALSA's null device swallows minutes
//! in a second) loses it to the wall clock again. What it is not: a player of files, or a thread; it moves only
//! when it is asked where it is.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clips::Waveform;

use crate::clock::{Clock, ClockKind, Order, Time, TimeClock};
use crate::playhead::{Clip, Place};
use crate::sound::SoundClock;

/// Slowest and fastest rate; pitch changes with the rate.
pub const RATES: std::ops::RangeInclusive<f64> = 0.25..=2.0;

/// Play, pause, seek, loop and rate of the clip at hand. All methods take `&self`; none blocks or fails.
pub struct Transport {
    state: Mutex<State>,
    /// Only for [`Transport::advance`].
    manual: Option<Time>,
}

enum Device {
    /// Not asked for, and never to be.
    Unwanted,
    /// To be asked for at the first play.
    Unasked,
    /// Asked for.
    Asked(Receiver<SoundClock>),
}

struct State {
    clock: Box<dyn Clock>,
    device: Device,
    clip: Arc<Clip>,
    playing: bool,
    rate: f64,
    /// Frames, half open.
    looped: Option<(usize, usize)>,
    volume: f32,
    muted: bool,
}

impl Default for Transport {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.lock();
        f.debug_struct("Transport")
            .field("clock", &state.clock.kind())
            .field("frames", &state.clip.frames())
            .field("playing", &state.playing)
            .finish_non_exhaustive()
    }
}

impl Transport {
    /// On the wall clock until something with sound is played and a sound device answers.
    pub fn new() -> Self {
        Self::make(Box::new(TimeClock::new(Time::wall())), Device::Unasked, None)
    }

    /// On the wall clock for ever; opens no device.
    pub fn silent() -> Self {
        Self::make(Box::new(TimeClock::new(Time::wall())), Device::Unwanted, None)
    }

    /// On time that only [`Transport::advance`] moves.
    pub fn manual() -> Self {
        let time = Time::manual();
        Self::make(Box::new(TimeClock::new(time.clone())), Device::Unwanted, Some(time))
    }

    /// On a clock of the caller's.
    pub fn on(clock: Box<dyn Clock>) -> Self {
        Self::make(clock, Device::Unwanted, None)
    }

    fn make(clock: Box<dyn Clock>, device: Device, manual: Option<Time>) -> Self {
        let state = State {
            clock,
            device,
            clip: Arc::new(Clip::new(None, 0)),
            playing: false,
            rate: 1.0,
            looped: None,
            volume: 1.0,
            muted: false,
        };
        Self { state: Mutex::new(state), manual }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the time of a manual transport; does nothing to others.
    pub fn advance(&self, by: Duration) {
        if let Some(time) = &self.manual {
            time.advance(by);
        }
    }

    /// Takes a clip of `frames` frames with its sound, paused at frame 0. Rate and volume stay, the loop goes.
    pub fn load(&self, sound: Option<Waveform>, frames: usize) {
        let mut state = self.lock();
        state.clip = Arc::new(Clip::new(sound, frames));
        state.playing = false;
        state.looped = None;
        state.send(Some(0));
    }

    /// Plays on from here; from the start (of the loop) when at the end. Without frames it does nothing.
    pub fn play(&self) {
        let mut state = self.lock();
        let place = state.place();
        if state.playing || state.clip.frames() == 0 {
            return;
        }
        state.ask_for_device();
        let at = if place.position >= state.clip.end() {
            state.clip.position_of(state.looped.map_or(0, |(a, _)| a))
        } else {
            place.position
        };
        state.playing = true;
        state.send(Some(at));
    }

    /// Stops where it is.
    pub fn pause(&self) {
        let mut state = self.lock();
        let place = state.place();
        if state.playing {
            state.playing = false;
            state.send(Some(place.position));
        }
    }

    /// Plays or pauses.
    pub fn toggle(&self) {
        if self.playing() { self.pause() } else { self.play() }
    }

    /// Goes to the first sample of a frame; beyond the last frame it goes to the last.
    pub fn seek(&self, frame: usize) {
        let mut state = self.lock();
        state.place();
        let last = state.clip.frames().saturating_sub(1);
        let at = state.clip.position_of(frame.min(last));
        state.send(Some(at));
    }

    /// Goes `by` frames forward or back from the shown one.
    pub fn step(&self, by: isize) {
        self.seek(self.frame().saturating_add_signed(by));
    }

    /// Repeats frames a..b (half open, at least one frame, cut to the clip); `None` plays to the end. A playhead
    /// that is beyond b plays on to the end.
    pub fn set_loop(&self, frames: Option<(usize, usize)>) {
        let mut state = self.lock();
        state.place();
        let count = state.clip.frames();
        state.looped = frames.filter(|_| count > 0).map(|(a, b)| {
            let a_first = a.min(b).min(count - 1);
            (a_first, a.max(b).clamp(a_first + 1, count))
        });
        state.send(None);
    }

    /// Seconds of clip in a second, cut to [`RATES`]; anything that is no number is 1.
    pub fn set_rate(&self, rate: f64) {
        let mut state = self.lock();
        state.place();
        state.rate = if rate.is_finite() { rate.clamp(*RATES.start(), *RATES.end()) } else { 1.0 };
        state.send(None);
    }

    /// Loudness in 0..1 (anything that is no number is 1).
    pub fn set_volume(&self, volume: f32) {
        let mut state = self.lock();
        state.place();
        state.volume = if volume.is_finite() { volume.clamp(0.0, 1.0) } else { 1.0 };
        state.send(None);
    }

    /// Silence without losing the volume.
    pub fn set_muted(&self, muted: bool) {
        let mut state = self.lock();
        state.place();
        state.muted = muted;
        state.send(None);
    }

    /// The frame to show; 0 when there is none.
    pub fn frame(&self) -> usize {
        let mut state = self.lock();
        let place = state.place();
        state.clip.frame_at(place.position)
    }

    /// The playhead counted in frames, with its fraction: for cursors that move smoothly.
    pub fn moment(&self) -> f64 {
        let mut state = self.lock();
        let place = state.place();
        state.clip.moment_at(place.position)
    }

    /// Whether it moves (false once the end is reached).
    pub fn playing(&self) -> bool {
        let mut state = self.lock();
        state.place();
        state.playing
    }

    /// Which clock drives it.
    pub fn badge(&self) -> ClockKind {
        let mut state = self.lock();
        state.place();
        state.clock.kind()
    }

    /// Frames of the clip.
    pub fn frames(&self) -> usize {
        self.lock().clip.frames()
    }

    /// Whether the clip has anything to hear.
    pub fn has_sound(&self) -> bool {
        self.lock().clip.has_sound()
    }

    /// The rate.
    pub fn rate(&self) -> f64 {
        self.lock().rate
    }

    /// The loop in frames, half open.
    pub fn looped(&self) -> Option<(usize, usize)> {
        self.lock().looped
    }

    /// The volume, whether muted or not.
    pub fn volume(&self) -> f32 {
        self.lock().volume
    }

    /// Whether it is muted.
    pub fn muted(&self) -> bool {
        self.lock().muted
    }
}

/// Asks for the sound device; `None` in a program that was built without sound.
fn open_device() -> Option<Receiver<SoundClock>> {
    #[cfg(feature = "sound")]
    return Some(crate::device::open());
    #[cfg(not(feature = "sound"))]
    None
}

impl State {
    /// Where the playhead is; takes over a device that has answered, leaves one that runs wrong, stops at the end.
    fn place(&mut self) -> Place {
        self.meet_device();
        let mut place = self.clock.read();
        if !self.clock.keeps_time() {
            tracing::warn!("the sound device does not keep time; the wall clock does from here on");
            self.change_clock(Box::new(TimeClock::new(Time::wall())), place);
            place = self.clock.read();
        }
        if place.ended && self.playing {
            self.playing = false;
            self.send(Some(place.position));
        }
        place
    }

    fn send(&mut self, at: Option<u64>) {
        let clip = self.clip.clone();
        let looped = self.looped.map(|(a, b)| (clip.position_of(a), clip.position_of(b)));
        let gain = if self.muted { 0.0 } else { self.volume };
        self.clock.order(&Order { clip, at, playing: self.playing, rate: self.rate, looped, gain });
    }

    fn change_clock(&mut self, clock: Box<dyn Clock>, place: Place) {
        self.clock = clock;
        self.send(Some(place.position));
    }

    fn ask_for_device(&mut self) {
        if matches!(self.device, Device::Unasked) && self.clip.has_sound() {
            self.device = open_device().map_or(Device::Unwanted, Device::Asked);
        }
    }

    fn meet_device(&mut self) {
        let Device::Asked(answer) = &self.device else { return };
        match answer.try_recv() {
            Ok(clock) => {
                self.device = Device::Unwanted;
                let place = self.clock.read();
                self.change_clock(Box::new(clock), place);
            }
            Err(TryRecvError::Disconnected) => self.device = Device::Unwanted,
            Err(TryRecvError::Empty) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::pair;

    /// Sound whose value names its own sample: exact in f32 below 2^24 samples.
    fn numbered(rate: u32, seconds: u32) -> Waveform {
        let samples = (0..rate * seconds).map(|index| index as f32 / 16_777_216.0).collect();
        Waveform { rate, channels: 1, samples }
    }

    #[test]
    fn a_device_that_answers_late_takes_over_without_a_jump() {
        let (answer, asked) = std::sync::mpsc::channel();
        let time = Time::manual();
        let clock = Box::new(TimeClock::new(time.clone()));
        let transport = Transport::make(clock, Device::Asked(asked), Some(time.clone()));
        transport.load(Some(numbered(16_000, 10)), 250);
        transport.play();
        transport.advance(Duration::from_millis(800));
        assert_eq!((transport.frame(), transport.badge()), (20, ClockKind::Manual));
        let (clock, mut source) = pair(48_000, 2, 960, time);
        answer.send(clock).unwrap();
        assert_eq!((transport.frame(), transport.badge()), (20, ClockKind::Sound));
        let mut last = transport.moment();
        for _ in 0..50 {
            source.by_ref().take(960 * 2).for_each(drop);
            for _ in 0..4 {
                transport.advance(Duration::from_millis(5));
                let moment = transport.moment();
                assert!(moment >= last && moment - last < 0.26, "{last} to {moment}");
                last = moment;
            }
        }
        assert!((last - 20.0 - 24.5).abs() < 0.1, "a second less one buffer later: {last}");
    }

    #[test]
    fn no_device_leaves_the_wall_clock() {
        let (answer, asked) = std::sync::mpsc::channel();
        let transport = Transport::make(Box::new(TimeClock::new(Time::wall())), Device::Asked(asked), None);
        drop(answer);
        transport.load(Some(numbered(16_000, 1)), 25);
        transport.play();
        assert_eq!(transport.badge(), ClockKind::Wall);
        assert!(transport.playing());
    }
}
