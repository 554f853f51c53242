//! What answering costs with the shipped checkpoint: one online frame of all latents, and a 30 s clip offline.

use std::time::Instant;

use clips::{Control, Streams, Waveform};
use listener::Request;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let frames = clips::time::CLIP_FRAMES;
    let samples: Vec<f32> = (0..frames * 640).map(|n| 0.2 * (n as f32 * 0.04).sin()).collect();
    let speaker = Streams {
        sound: Some(Waveform { rate: 16_000, channels: 1, samples: samples.into() }),
        attributes: Some(vec![[0.1; 25]; frames]),
        coefficients: Some(vec![[0.0; 58]; frames]),
        ..Streams::default()
    };
    let system = listener::demo()?;
    let mut times = listener::online_frame_times(&*system, &speaker)?;
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] * 1e3;
    let count = system.latents();
    let online = format!("online, {count} latents: {:.3} ms a frame, p99 {:.3} ms", at(0.5), at(0.99));
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let begun = Instant::now();
        system.generate("cost", &speaker, &Request::default(), &Control::default())?;
        best = best.min(begun.elapsed().as_secs_f64());
    }
    let seconds = clips::time::seconds_of_frame(frames as f64);
    let offline =
        format!("offline, {count} x {frames} frames, ranked: {best:.3} s, {:.0} x real time", seconds / best);
    #[expect(clippy::print_stdout, reason = "an example that prints its result")]
    {
        println!("{online}\n{offline}");
    }
    Ok(())
}
