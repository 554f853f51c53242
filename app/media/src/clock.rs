//! What drives the playhead: a trait, and the clocks that need no device (wall time, and time moved by hand).
//!
//! The third maker, [`crate::sound::SoundClock`], counts the samples a device has taken. A clock obeys orders and
//! says where the playhead is; it decides nothing. Who may give orders: [`crate::Transport`] alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::playhead::{Clip, Place, travel};

/// Which clock drives the playhead; views show it as a badge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockKind {
    /// The sound device: what is shown is what is heard.
    Sound,
    /// The clock of the machine: no sound device, or one that does not keep time.
    Wall,
    /// Moved by hand, in tests and screenshots.
    Manual,
}

impl ClockKind {
    /// The word of the badge.
    pub fn label(self) -> &'static str {
        match self {
            Self::Sound => "sound clock",
            Self::Wall => "wall clock",
            Self::Manual => "manual clock",
        }
    }
}

/// Everything a clock needs to know; each order replaces the one before.
#[derive(Debug, Clone)]
pub struct Order {
    /// What to play.
    pub clip: Arc<Clip>,
    /// Where to go; `None` carries on from wherever the playhead is.
    pub at: Option<u64>,
    /// Whether to move.
    pub playing: bool,
    /// Seconds of clip in a second.
    pub rate: f64,
    /// Positions of a loop, half open.
    pub looped: Option<(u64, u64)>,
    /// Loudness factor; 0 is mute.
    pub gain: f32,
}

/// A maker of time.
pub trait Clock: Send {
    /// What kind it is.
    fn kind(&self) -> ClockKind;
    /// Obeys.
    fn order(&mut self, order: &Order);
    /// Where the playhead is now.
    fn read(&mut self) -> Place;
    /// False once the clock is found to run wrong and must be replaced.
    fn keeps_time(&mut self) -> bool {
        true
    }
}

/// Time since some start: the machine's, or moved by hand.
#[derive(Debug, Clone)]
pub enum Time {
    /// The monotonic clock of the machine.
    Wall(Instant),
    /// Nanoseconds, moved by [`Time::advance`]; clones share them.
    Manual(Arc<AtomicU64>),
}

impl Time {
    /// Real time from now on.
    pub fn wall() -> Self {
        Self::Wall(Instant::now())
    }

    /// Time that stands still until it is advanced.
    pub fn manual() -> Self {
        Self::Manual(Arc::default())
    }

    /// Time since the start.
    pub fn now(&self) -> Duration {
        match self {
            Self::Wall(start) => start.elapsed(),
            Self::Manual(nanos) => Duration::from_nanos(nanos.load(Ordering::Acquire)),
        }
    }

    /// Moves manual time; does nothing to real time.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(nanos) = self {
            nanos.fetch_add(by.as_nanos() as u64, Ordering::AcqRel);
        }
    }
}

/// A clock without a device.
#[derive(Debug)]
pub struct TimeClock {
    time: Time,
    since: Duration,
    order: Order,
}

impl TimeClock {
    /// A clock over `time`, standing at the start of an empty clip.
    pub fn new(time: Time) -> Self {
        let since = time.now();
        let clip = Arc::new(Clip::new(None, 0));
        Self {
            time,
            since,
            order: Order { clip, at: None, playing: false, rate: 1.0, looped: None, gain: 1.0 },
        }
    }
}

impl Clock for TimeClock {
    fn kind(&self) -> ClockKind {
        match self.time {
            Time::Wall(_) => ClockKind::Wall,
            Time::Manual(_) => ClockKind::Manual,
        }
    }

    fn order(&mut self, order: &Order) {
        let at = order.at.unwrap_or_else(|| self.read().position);
        self.since = self.time.now();
        self.order = Order { at: Some(at), ..order.clone() };
    }

    fn read(&mut self) -> Place {
        let start = self.order.at.unwrap_or(0);
        let travelled = if self.order.playing {
            // Rates are multiples of 1/65536, so that whole frames of time are whole frames of clip.
            let rate = (self.order.rate * 65_536.0).round().max(0.0) as u128;
            let elapsed = self.time.now().saturating_sub(self.since).as_nanos();
            ((elapsed * u128::from(self.order.clip.rate()) * rate) << 16) / 1_000_000_000
        } else {
            0
        };
        travel(start, travelled, self.order.clip.end(), self.order.looped)
    }
}
