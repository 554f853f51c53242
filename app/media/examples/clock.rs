//! Plays on the wall clock and, where there is one, on the sound device for a minute each (or for the seconds given),
//! and prints how far the playhead drifts from `Instant`: `cargo run -p media --example clock -- 60`.

#![allow(clippy::print_stdout, reason = "a measurement that is read on a terminal")]

use std::time::{Duration, Instant};

use clips::Waveform;
use media::Transport;

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(60u32);
    measure("wall clock", &Transport::silent(), seconds);
    measure("default device", &Transport::new(), seconds);
}

fn measure(what: &str, transport: &Transport, seconds: u32) {
    let samples = vec![0.0; 48_000 * seconds as usize].into();
    transport.load(Some(Waveform { rate: 48_000, channels: 1, samples }), 25 * seconds as usize);
    let start = Instant::now();
    transport.play();
    let (mut worst, mut looks, mut back, mut last) = (0.0f64, 0u32, 0u32, 0.0);
    while transport.playing() && start.elapsed() < Duration::from_secs(u64::from(seconds) - 1) {
        std::thread::sleep(Duration::from_millis(7));
        let (moment, elapsed) = (transport.moment(), start.elapsed().as_secs_f64());
        worst = worst.max((moment / 25.0 - elapsed).abs());
        back += u32::from(moment < last);
        last = moment;
        looks += 1;
    }
    let drift = last / 25.0 - start.elapsed().as_secs_f64();
    println!(
        "{what}: kept by the {}; {looks} looks in {:.1} s, largest difference {:.3} ms, at the end {:.3} ms, steps back {back}",
        transport.badge().label(),
        start.elapsed().as_secs_f64(),
        worst * 1e3,
        drift * 1e3,
    );
}
