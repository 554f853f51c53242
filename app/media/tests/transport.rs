//! The transport on time moved by hand, against a model written the slow way.

use std::time::Duration;

use clips::{Chance, Waveform};
use media::{ClockKind, Transport};

const FRAME: Duration = Duration::from_millis(40);

fn silent_sound(rate: u32, seconds: usize) -> Option<Waveform> {
    Some(Waveform { rate, channels: 1, samples: vec![0.0; rate as usize * seconds].into() })
}

/// The model counts thousandths of frames, one at a time.
struct Model {
    at: u64,
    frames: u64,
    playing: bool,
    looped: Option<(u64, u64)>,
    /// Thousandths of a frame in a millisecond, times 1000.
    rate: f64,
}

impl Model {
    fn advance(&mut self, millis: u64) {
        if !self.playing {
            return;
        }
        // Rates of the test are quarters and times are multiples of 4 ms: whole thousandths.
        let mut left = (millis as f64 * 25.0 * self.rate) as u64;
        while left > 0 {
            let inside = self.looped.filter(|(_, b)| self.at < b * 1_000);
            let stop = inside.map_or(self.frames * 1_000, |(_, b)| b * 1_000);
            let way = left.min(stop - self.at);
            self.at += way;
            left -= way;
            if self.at == stop {
                match inside {
                    Some((a, _)) => self.at = a * 1_000,
                    None => {
                        self.playing = false;
                        return;
                    }
                }
            }
        }
    }

    fn frame(&self) -> usize {
        (self.at / 1_000).min(self.frames.saturating_sub(1)) as usize
    }
}

#[test]
fn any_order_of_actions_agrees_with_the_model() {
    for seed in 0..40 {
        let mut chance = Chance::new(seed, "transport", &[]);
        let frames = 1 + chance.below(400);
        let transport = Transport::manual();
        // Rates whose frames are whole samples, so that the model's thousandths are exact.
        let rate = [8_000, 16_000, 48_000][chance.below(3)];
        transport.load(silent_sound(rate, chance.below(20)), frames);
        let mut model = Model { at: 0, frames: frames as u64, playing: false, looped: None, rate: 1.0 };
        for action in 0..400 {
            match chance.below(8) {
                0 => {
                    transport.play();
                    if !model.playing && model.at >= model.frames * 1_000 {
                        model.at = model.looped.map_or(0, |(a, _)| a * 1_000);
                    }
                    model.playing = true;
                }
                1 => {
                    transport.pause();
                    model.playing = false;
                }
                2 => {
                    let to = chance.below(frames + 20);
                    transport.seek(to);
                    model.at = to.min(frames - 1) as u64 * 1_000;
                }
                3 => {
                    let (a, b) = (chance.below(frames), chance.below(frames + 5));
                    let range = chance.happens(0.7).then_some((a, b));
                    transport.set_loop(range);
                    model.looped = range.map(|_| {
                        let first = a.min(b).min(frames - 1);
                        (first as u64, a.max(b).clamp(first + 1, frames) as u64)
                    });
                    assert_eq!(transport.looped().map(|(a, b)| (a as u64, b as u64)), model.looped);
                }
                4 => {
                    model.rate = [0.25, 0.5, 1.0, 1.25, 2.0][chance.below(5)];
                    transport.set_rate(model.rate);
                }
                _ => {
                    let millis = 4 * chance.below(500) as u64;
                    transport.advance(Duration::from_millis(millis));
                    model.advance(millis);
                }
            }
            assert_eq!(transport.frame(), model.frame(), "seed {seed}, action {action}");
            assert_eq!(transport.playing(), model.playing, "seed {seed}, action {action}");
        }
    }
}

#[test]
fn ten_minutes_of_wall_like_time_do_not_drift() {
    let transport = Transport::manual();
    transport.load(silent_sound(44_100, 1), 15_000);
    transport.play();
    for frame in 0..15_000 {
        assert_eq!(transport.frame(), frame);
        transport.advance(FRAME);
    }
    assert_eq!((transport.frame(), transport.playing()), (14_999, false));
}

#[test]
fn the_end_stops_at_the_last_frame_and_play_starts_again() {
    let transport = Transport::manual();
    transport.load(None, 50);
    transport.play();
    transport.advance(FRAME * 1_000);
    assert_eq!((transport.frame(), transport.playing()), (49, false));
    transport.play();
    assert_eq!((transport.frame(), transport.playing()), (0, true));
}

#[test]
fn a_loop_of_everything_never_ends() {
    let transport = Transport::manual();
    transport.load(None, 50);
    transport.set_loop(Some((0, 50)));
    transport.play();
    transport.advance(FRAME * 1_020);
    assert_eq!((transport.frame(), transport.playing()), (20, true));
}

#[test]
fn nothing_to_play_is_not_played() {
    let transport = Transport::manual();
    for _ in 0..2 {
        transport.play();
        transport.advance(FRAME);
        transport.seek(7);
        transport.set_loop(Some((3, 9)));
        assert_eq!((transport.frame(), transport.playing(), transport.looped()), (0, false, None));
        transport.load(silent_sound(16_000, 3), 0);
    }
    assert_eq!(transport.badge(), ClockKind::Manual);
}

#[test]
fn nonsense_is_cut_to_what_makes_sense() {
    let transport = Transport::manual();
    transport.load(None, 10);
    for (asked, got) in [(0.0, 0.25), (9.0, 2.0), (f64::NAN, 1.0), (-1.0, 0.25), (0.5, 0.5)] {
        transport.set_rate(asked);
        assert_eq!(transport.rate(), got);
    }
    transport.set_loop(Some((900, 20)));
    assert_eq!(transport.looped(), Some((9, 10)));
    transport.step(-5);
    assert_eq!(transport.frame(), 0);
    transport.step(isize::MAX);
    assert_eq!(transport.frame(), 9);
}

#[test]
fn loading_another_clip_starts_it_paused_at_its_beginning() {
    let transport = Transport::manual();
    transport.load(None, 100);
    transport.set_rate(2.0);
    transport.set_loop(Some((3, 5)));
    transport.play();
    transport.advance(FRAME);
    transport.load(None, 30);
    transport.advance(FRAME * 9);
    assert_eq!((transport.frame(), transport.playing(), transport.looped()), (0, false, None));
    assert_eq!((transport.frames(), transport.rate()), (30, 2.0));
}
