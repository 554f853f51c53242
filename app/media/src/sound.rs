//! The clock of the sound device: a source that counts the samples it hands out, and the reader of that count.
//!
//! How it works. The device pulls [`SoundSource`] in bursts, one buffer ahead of what is heard. The source notes an
//! *anchor* (output sample, clip position, step) whenever an order reaches it, and the moment each burst began.
//! The reader takes the burst, adds the time since, subtracts the buffer, and asks [`travel`] where the anchor's
//! playhead is by then: the place that is *heard*, smooth between bursts. The source never waits: it only tries
//! locks that the reader holds for a few instructions.
//!
//! Nothing here opens a device (see `device.rs`), so tests pull the source by hand.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use crate::clock::{Clock, ClockKind, Order, Time};
use crate::playhead::{Clip, ONE, Place, travel};

/// Output frames between two looks at the time; a burst is noticed this exactly.
const LOOK_EVERY: u64 = 32;
/// A pause in pulling that is longer than this ends a burst.
const BURST_GAP: Duration = Duration::from_millis(2);
/// How long a device is watched before it is judged, and how far it may be off.
const WATCH: Duration = Duration::from_millis(500);
const TOLERANCE: f64 = 0.2;

#[derive(Debug, Clone, Copy, Default)]
struct Anchor {
    /// Output frames handed out when it was set.
    written: u64,
    position: u64,
    /// Clip samples per output frame in fixed point; 0 stands still.
    step: u64,
    looped: Option<(u64, u64)>,
    /// Set by a seek, and not by carrying on.
    jumped: bool,
}

impl Anchor {
    fn place(&self, written: u64, end: u64) -> Place {
        let travelled = u128::from(written.saturating_sub(self.written)) * u128::from(self.step);
        travel(self.position, travelled, end, self.looped)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Report {
    /// The order that `anchor` obeys.
    version: u64,
    anchor: Anchor,
    before: Anchor,
    burst_written: u64,
    burst_at: Duration,
}

/// What the source and its reader share.
#[derive(Debug)]
struct Desk {
    version: AtomicU64,
    order: Mutex<Order>,
    written: AtomicU64,
    report: Mutex<Report>,
}

/// The reading side: a clock that follows the device.
#[derive(Debug)]
pub struct SoundClock {
    desk: Arc<Desk>,
    time: Time,
    rate: u32,
    latency: u64,
    version: u64,
    ordered: Order,
    /// The clip before this one: kept until the next, so that the source never frees one on the device's thread.
    retired: Option<Arc<Clip>>,
    heard: u64,
    watched: Option<(Duration, u64)>,
    wrong: bool,
    /// Whatever has to live as long as the clock (the open device).
    keep: Option<Box<dyn Any + Send>>,
}

/// The playing side: an endless stream of interleaved samples at the device's own rate and channels.
#[derive(Debug)]
pub struct SoundSource {
    desk: Arc<Desk>,
    time: Time,
    rate: u32,
    channels: u16,
    channel: u16,
    clip: Arc<Clip>,
    gain: f32,
    place: Place,
    written: u64,
    looked_at: Duration,
    report: Report,
    unsent: bool,
}

/// A clock and its source for a device of `rate` samples a second and `channels` channels that plays a sample
/// `latency` output frames after the burst it came in began. Zero rate or channels count as one.
pub fn pair(rate: u32, channels: u16, latency: u32, time: Time) -> (SoundClock, SoundSource) {
    let clip = Arc::new(Clip::new(None, 0));
    let order = Order { clip: clip.clone(), at: Some(0), playing: false, rate: 1.0, looped: None, gain: 1.0 };
    let desk = Arc::new(Desk {
        version: AtomicU64::new(0),
        order: Mutex::new(order.clone()),
        written: AtomicU64::new(0),
        report: Mutex::default(),
    });
    let clock = SoundClock {
        desk: desk.clone(),
        time: time.clone(),
        rate: rate.max(1),
        latency: u64::from(latency),
        version: 0,
        ordered: order,
        retired: None,
        heard: 0,
        watched: None,
        wrong: false,
        keep: None,
    };
    let source = SoundSource {
        desk,
        looked_at: Duration::ZERO,
        time,
        rate: rate.max(1),
        channels: channels.max(1),
        channel: 0,
        clip,
        gain: 1.0,
        place: Place { position: 0, ended: true },
        written: 0,
        report: Report::default(),
        unsent: false,
    };
    (clock, source)
}

impl SoundClock {
    /// Ties the life of something (the open device) to the clock.
    pub fn keep(&mut self, what: Box<dyn Any + Send>) {
        self.keep = Some(what);
    }

    /// Output frames that the device has taken so far.
    pub fn taken(&self) -> u64 {
        self.desk.written.load(Ordering::Acquire)
    }

    /// Output frames heard by now; never goes back.
    fn heard(&mut self, report: &Report) -> u64 {
        let written = self.desk.written.load(Ordering::Acquire);
        let since = self.time.now().saturating_sub(report.burst_at).as_secs_f64();
        let taken = report.burst_written + (since * f64::from(self.rate)) as u64;
        // A device that swallows sound faster than time must not drag the playhead along until it is found out.
        let (since, from) = self.watched.unwrap_or_default();
        let elapsed = self.time.now().saturating_sub(since).as_secs_f64();
        let most = from + (elapsed * f64::from(self.rate) * (1.0 + TOLERANCE)) as u64;
        self.heard = self.heard.max(taken.saturating_sub(self.latency).min(written).min(most));
        self.heard
    }

    fn watch(&mut self) {
        let (now, written) = (self.time.now(), self.desk.written.load(Ordering::Acquire));
        let (since, from) = *self.watched.get_or_insert((now, written));
        let elapsed = now.saturating_sub(since);
        if elapsed >= WATCH {
            let expected = elapsed.as_secs_f64() * f64::from(self.rate);
            let off = ((written - from) as f64 - expected).abs();
            // The buffer itself comes in bursts; that much is no fault.
            self.wrong |= off > TOLERANCE * expected + self.latency as f64;
            if !self.wrong {
                self.watched = Some((now, written));
            }
        }
    }
}

impl Clock for SoundClock {
    fn kind(&self) -> ClockKind {
        ClockKind::Sound
    }

    fn order(&mut self, order: &Order) {
        self.version += 1;
        if !Arc::ptr_eq(&self.ordered.clip, &order.clip) {
            self.retired = Some(self.ordered.clip.clone());
        }
        self.ordered = order.clone();
        *self.desk.order.lock().unwrap_or_else(PoisonError::into_inner) = order.clone();
        self.desk.version.store(self.version, Ordering::Release);
    }

    fn read(&mut self) -> Place {
        self.watch();
        let report = *self.desk.report.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = self.heard(&report);
        let end = self.ordered.clip.end();
        if report.version != self.version
            && let Some(position) = self.ordered.at
        {
            // Not picked up yet: the playhead waits where it was sent.
            return Place { position: position.min(end), ended: false };
        }
        let anchor = if heard < report.anchor.written && !report.anchor.jumped {
            report.before
        } else {
            report.anchor
        };
        let place = anchor.place(heard, end);
        Place { ended: place.ended && self.ordered.playing, ..place }
    }

    fn keeps_time(&mut self) -> bool {
        !self.wrong
    }
}

impl SoundSource {
    /// Samples a second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Interleaved channels.
    pub fn channels(&self) -> u16 {
        self.channels
    }

    fn begin_frame(&mut self) {
        if self.written.is_multiple_of(LOOK_EVERY) {
            let now = self.time.now();
            if self.written == 0 || now.saturating_sub(self.looked_at) > BURST_GAP {
                (self.report.burst_written, self.report.burst_at) = (self.written, now);
                self.unsent = true;
            }
            self.looked_at = now;
        }
        if self.desk.version.load(Ordering::Acquire) != self.report.version {
            self.obey();
        }
        self.place = self.report.anchor.place(self.written, self.clip.end());
        if self.unsent
            && let Some(mut shared) = free(self.desk.report.try_lock())
        {
            *shared = self.report;
            self.unsent = false;
        }
    }

    fn obey(&mut self) {
        let Some(order) = free(self.desk.order.try_lock()) else { return };
        let here = self.report.anchor.place(self.written, self.clip.end()).position;
        let step = order.rate * f64::from(order.clip.rate()) / f64::from(self.rate) * ONE as f64;
        self.report.before = self.report.anchor;
        self.report.anchor = Anchor {
            written: self.written,
            position: order.at.unwrap_or(here),
            step: if order.playing { step.round() as u64 } else { 0 },
            looped: order.looped,
            jumped: order.at.is_some(),
        };
        self.clip = order.clip.clone();
        self.gain = order.gain;
        self.report.version = self.desk.version.load(Ordering::Acquire);
        self.unsent = true;
    }
}

fn free<T>(tried: Result<T, TryLockError<T>>) -> Option<T> {
    match tried {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

impl Iterator for SoundSource {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        if self.channel == 0 {
            self.begin_frame();
        }
        let moving = self.report.anchor.step > 0 && !self.place.ended;
        let value = if moving && self.gain > 0.0 {
            let channel = usize::from(self.channel);
            self.gain * self.clip.value(self.place.position, channel, usize::from(self.channels))
        } else {
            0.0
        };
        self.channel += 1;
        if self.channel == self.channels {
            self.channel = 0;
            self.written += 1;
            self.desk.written.store(self.written, Ordering::Release);
        }
        Some(value)
    }
}
