//! Plays on the wall clock and then on the sound device, for a minute each (or for the seconds given), and prints how
//! far the playhead is from `Instant`: `cargo run -p media --example clock -- 60`. The sound device is behind real
//! time by its buffer, on purpose: what is shown is what is heard.

#![allow(clippy::print_stdout, reason = "a measurement that is read on a terminal")]

use media::Transport;

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(60.0);
    for (what, transport) in [("wall clock", Transport::silent()), ("default device", Transport::new())] {
        let drift = media::drift::measure(&transport, seconds);
        println!(
            "{what}: kept by the {}; {} looks in {seconds} s, largest distance {:.3} ms, at the end {:.3} ms, steps back {}",
            transport.badge().label(),
            drift.looks,
            drift.largest * 40.0,
            drift.last * 40.0,
            drift.steps_back,
        );
    }
}
