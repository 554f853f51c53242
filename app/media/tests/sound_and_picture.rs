//! What is heard and what is shown, with the device played by hand: the source is pulled in bursts as a device
//! pulls it, every sample says which sample of the clip it is, and a model of the converter delays it by one
//! buffer. So the ear of these tests is independent of the clock under test.

use std::collections::VecDeque;
use std::time::Duration;

use clips::time::{frame_of_sample, sample_of_frame};
use clips::{Chance, Waveform};
use media::clock::Time;
use media::sound::{SoundSource, pair};
use media::{ClockKind, Transport};

/// Sample `index` has the value `(index + 1) / 2^24`; exact, and never silence.
fn numbered(rate: u32, samples: usize) -> Waveform {
    let samples = (0..samples).map(|index| (index + 1) as f32 / 16_777_216.0).collect();
    Waveform { rate, channels: 1, samples }
}

/// Which sample of the clip a value is; `None` is silence.
fn named(value: f32) -> Option<u64> {
    let index = (f64::from(value) * 16_777_216.0).round() as i64;
    (index > 0).then(|| index as u64 - 1)
}

/// A double-buffered device: a burst is heard after the one before it.
struct Device {
    source: SoundSource,
    time: Time,
    rate: u32,
    burst: usize,
    queued: VecDeque<f32>,
}

impl Device {
    /// A transport on a device of `rate` with bursts of `burst` output frames.
    fn new(rate: u32, burst: u32) -> (Transport, Self) {
        let time = Time::manual();
        let (clock, source) = pair(rate, 2, burst, time.clone());
        let queued = VecDeque::from(vec![0.0; burst as usize]);
        (Transport::on(Box::new(clock)), Self { source, time, rate, burst: burst as usize, queued })
    }

    /// Pulls a burst, lets its time pass in `parts`, and tells `look` what sounds at each of those moments.
    fn burst(&mut self, parts: u32, mut look: impl FnMut(f32)) {
        for _ in 0..self.burst {
            let left = self.source.next().expect("the source never ends");
            assert_eq!(self.source.next(), Some(left), "both ears hear one voice");
            self.queued.push_back(left);
        }
        let nanos = self.burst as u64 * 1_000_000_000 / u64::from(self.rate);
        for part in 1..=parts {
            self.time.advance(Duration::from_nanos(nanos / u64::from(parts)));
            let heard = self.burst * part as usize / parts as usize;
            look(self.queued[heard.min(self.burst) - 1]);
        }
        self.queued.drain(..self.burst);
    }
}

#[test]
fn sound_and_picture_stay_within_a_frame_for_ten_minutes() {
    for (clip_rate, device_rate, burst) in [(16_000, 48_000, 2_400), (22_050, 44_100, 2_048)] {
        let minutes = 10;
        let samples = clip_rate as usize * 60 * minutes;
        let (transport, mut device) = Device::new(device_rate, burst);
        // A few samples more than are played: between the last one and silence no value names a sample.
        transport.load(Some(numbered(clip_rate, samples + 8)), 60 * 25 * minutes);
        transport.play();
        let (mut worst, mut looks, mut last) = (0.0f64, 0, 0.0);
        while transport.playing() {
            device.burst(3, |heard| {
                let moment = transport.moment();
                assert!(moment >= last, "the cursor went back from {last} to {moment}");
                last = moment;
                if let Some(sample) = named(heard) {
                    let sounding = sample as f64 * 25.0 / f64::from(clip_rate);
                    worst = worst.max((sounding - moment).abs());
                    looks += 1;
                }
            });
        }
        assert!(looks > 30_000, "{looks} looks");
        assert!(worst < 0.1, "sound and picture are {worst} frames apart at {clip_rate} on {device_rate}");
        assert_eq!(transport.frame(), 60 * 25 * minutes - 1, "it stops at the last frame");
        assert_eq!(transport.badge(), ClockKind::Sound);
    }
}

#[test]
fn a_seek_sounds_from_the_exact_sample() {
    for rate in [8_000u32, 11_025, 16_000, 22_050, 44_100] {
        let (transport, mut device) = Device::new(rate, 512);
        transport.load(Some(numbered(rate, rate as usize * 20)), 500);
        transport.play();
        for frame in [250, 3, 499, 0, 77] {
            transport.seek(frame);
            assert_eq!(transport.frame(), frame, "before the device knows");
            let first = device.source.next().and_then(named);
            assert_eq!(first, Some(sample_of_frame(frame, rate) as u64), "frame {frame} at {rate}");
            device.source.next();
            device.burst(1, |_| {});
        }
    }
}

#[test]
fn a_loop_sounds_without_a_gap_or_a_repeat() {
    let rate = 16_000;
    let (transport, mut device) = Device::new(rate, 160);
    transport.load(Some(numbered(rate, 16_000 * 4)), 100);
    transport.set_loop(Some((10, 13)));
    transport.seek(9);
    transport.play();
    let (a, b) = (sample_of_frame(10, rate) as u64, sample_of_frame(13, rate) as u64);
    let mut expected = sample_of_frame(9, rate) as u64;
    for _ in 0..20_000 {
        assert_eq!(device.source.next().and_then(named), Some(expected));
        device.source.next();
        expected += 1;
        if expected == b {
            expected = a;
        }
    }
}

#[test]
fn the_picture_follows_the_ear_around_a_loop() {
    let rate = 16_000;
    let (transport, mut device) = Device::new(rate, 800);
    transport.load(Some(numbered(rate, 16_000 * 4)), 100);
    transport.set_loop(Some((20, 45)));
    transport.play();
    let mut looks = 0;
    for _ in 0..400 {
        device.burst(5, |heard| {
            let Some(sample) = named(heard) else { return };
            // The last sample heard may be one before the sample that the cursor stands on.
            let (frame, sounding) = (transport.frame(), frame_of_sample(sample, rate));
            let apart = frame.abs_diff(sounding).min((frame + 25).abs_diff(sounding));
            assert!(apart <= 1, "shows {frame}, sounds {sounding}");
            looks += 1;
        });
    }
    assert!(looks > 1_500 && transport.playing());
}

#[test]
fn rates_change_speed_and_stay_together() {
    for rate in [0.25, 0.5, 1.0, 1.5, 2.0] {
        let (transport, mut device) = Device::new(48_000, 960);
        transport.load(Some(numbered(16_000, 16_000 * 60)), 1_500);
        transport.set_rate(rate);
        transport.play();
        for _ in 0..500 {
            device.burst(2, |heard| {
                if let Some(sample) = named(heard) {
                    let apart = (sample as f64 * 25.0 / 16_000.0 - transport.moment()).abs();
                    assert!(apart < 0.1, "{apart} frames apart at rate {rate}");
                }
            });
        }
        let expected = 25.0 * rate * (500.0 - 1.0) * 960.0 / 48_000.0;
        assert!((transport.moment() - expected).abs() < 0.1, "{} at rate {rate}", transport.moment());
    }
}

#[test]
fn a_rate_change_while_playing_neither_jumps_nor_goes_back() {
    let (transport, mut device) = Device::new(48_000, 2_400);
    transport.load(Some(numbered(16_000, 16_000 * 120)), 3_000);
    transport.play();
    let mut chance = Chance::new(5, "rates", &[]);
    let mut last = 0.0;
    for burst in 0..600 {
        if burst % 5 == 0 {
            transport.set_rate(chance.between(0.25, 2.0));
        }
        device.burst(4, |_| {
            let moment = transport.moment();
            // 12.5 ms at twice the speed are 0.625 frames.
            assert!(moment >= last && moment - last < 0.65, "{last} to {moment} in burst {burst}");
            last = moment;
        });
    }
    assert!(last > 100.0);
}

#[test]
fn mute_and_volume_are_heard() {
    let (transport, mut device) = Device::new(16_000, 160);
    let loud = Waveform { rate: 16_000, channels: 2, samples: vec![0.5; 64_000].into() };
    transport.load(Some(loud), 50);
    assert_eq!(device.source.next(), Some(0.0), "paused is silent");
    device.source.next();
    transport.play();
    assert_eq!(device.source.next(), Some(0.5));
    device.source.next();
    transport.set_volume(0.5);
    assert_eq!(device.source.next(), Some(0.25));
    device.source.next();
    transport.set_muted(true);
    assert_eq!(device.source.next(), Some(0.0));
    assert_eq!((transport.volume(), transport.muted()), (0.5, true));
}

#[test]
fn a_device_that_swallows_minutes_in_a_second_loses_the_clock() {
    let time = Time::manual();
    let (clock, mut source) = pair(48_000, 2, 2_400, time.clone());
    let transport = Transport::on(Box::new(clock));
    transport.load(Some(numbered(16_000, 16_000 * 60)), 1_500);
    transport.play();
    for burst in 1..=14 {
        time.advance(Duration::from_millis(50));
        source.by_ref().take(2 * 48_000).for_each(drop);
        let ahead = transport.moment() - f64::from(burst) * 1.25;
        assert!(ahead < 0.25 * 14.0, "{ahead} frames ahead of the wall after {burst} bursts");
    }
    assert_eq!(transport.badge(), ClockKind::Wall);
    assert!(transport.playing());
}

#[test]
fn a_device_that_stops_pulling_loses_the_clock() {
    let (transport, mut device) = Device::new(48_000, 2_400);
    transport.load(Some(numbered(16_000, 16_000 * 60)), 1_500);
    transport.play();
    for _ in 0..40 {
        device.burst(2, |_| assert_eq!(transport.badge(), ClockKind::Sound));
    }
    let before = transport.moment();
    device.time.advance(Duration::from_millis(700));
    transport.frame();
    assert_eq!(transport.badge(), ClockKind::Wall);
    assert!(transport.playing() && transport.moment() >= before);
}
