//! The one place that opens a sound device. It does so on a thread of its own, which then keeps the device until
//! the clock that was made from it is dropped; callers never wait.
//!
//! What it is not: a player. It hands the device a [`SoundSource`] and forgets about it.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use clips::{Fault, FaultKind, Result};
use rodio::cpal::BufferSize;
use rodio::cpal::traits::{DeviceTrait, HostTrait};
use rodio::{DeviceSinkBuilder, DeviceSinkError, MixerDeviceSink, Source};

use crate::clock::Time;
use crate::sound::{SoundClock, SoundSource, pair};

/// How long a device may take to start.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long its pace is watched before it gets the clock.
const GLANCE: Duration = Duration::from_millis(100);

impl Source for SoundSource {
    fn current_span_len(&self) -> Option<usize> {
        None
    }

    fn channels(&self) -> NonZero<u16> {
        NonZero::new(self.channels()).unwrap_or(NonZero::<u16>::MIN)
    }

    fn sample_rate(&self) -> NonZero<u32> {
        NonZero::new(self.rate()).unwrap_or(NonZero::<u32>::MIN)
    }

    fn total_duration(&self) -> Option<Duration> {
        None
    }
}

/// Asks for the default device. The receiver gets its clock, or is disconnected when there is none.
pub fn open() -> Receiver<SoundClock> {
    let (answer, clock) = channel();
    let spawned = std::thread::Builder::new().name("sound device".into()).spawn(move || {
        let sink = match sink() {
            Ok(sink) => sink,
            Err(error) => {
                tracing::info!("no sound device, the wall clock keeps time: {error}");
                return;
            }
        };
        let (rate, channels) = (sink.config().sample_rate().get(), sink.config().channel_count().get());
        // Two periods are queued: what a burst begins with is heard one period later.
        let latency = match sink.config().buffer_size() {
            BufferSize::Fixed(frames) => *frames,
            BufferSize::Default => rate / 20,
        };
        let (mut clock, source) = pair(rate, channels, latency, Time::wall());
        let (keep, dropped) = channel::<()>();
        clock.keep(Box::new(keep));
        sink.mixer().add(source);
        if !starts(&clock, rate, latency) {
            tracing::info!(
                "the sound device does not start or does not keep time; the wall clock keeps time"
            );
            return;
        }
        if answer.send(clock).is_ok() {
            // Nothing is ever sent; this returns when the clock is dropped.
            dropped.recv().ok();
        }
    });
    if let Err(error) = spawned {
        tracing::warn!("the thread of the sound device could not be started: {error}");
    }
    clock
}

/// Waits until the device takes sound (a sleeping headset needs a second or two) and looks whether it takes it at a
/// sane pace. Slower faults are found by the clock itself, in use.
fn starts(clock: &SoundClock, rate: u32, latency: u32) -> bool {
    let asked = Instant::now();
    // It fills its two periods at once, and may then sleep; only what it takes after that shows that it plays.
    while clock.taken() <= 3 * u64::from(latency) {
        if asked.elapsed() > PATIENCE {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let (since, from) = (Instant::now(), clock.taken());
    std::thread::sleep(GLANCE);
    let taken = (clock.taken() - from) as f64;
    taken < 2.0 * since.elapsed().as_secs_f64() * f64::from(rate) + 4.0 * f64::from(latency)
}

fn sink() -> std::result::Result<MixerDeviceSink, DeviceSinkError> {
    let mut sink = DeviceSinkBuilder::from_default_device()
        .and_then(|builder| {
            builder.with_error_callback(|error| tracing::debug!("sound device: {error}")).open_stream()
        })
        .or_else(|_| DeviceSinkBuilder::open_default_sink())?;
    sink.log_on_drop(false);
    Ok(sink)
}

/// Name of the default device, when it can be opened: a machine without a card still names a default one.
pub fn name() -> Result<String> {
    sink().map_err(|error| Fault::new(FaultKind::Unsupported, "", format!("no sound device: {error}")))?;
    rodio::cpal::default_host()
        .default_output_device()
        .and_then(|device| device.description().ok())
        .map(|description| description.name().to_owned())
        .ok_or_else(|| Fault::new(FaultKind::Unsupported, "", "no sound device"))
}
