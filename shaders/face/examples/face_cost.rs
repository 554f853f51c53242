//! What faces cost on this machine: `cargo run --release -p face --example face_cost`.
//!
//! For 1, 8 and 16 faces by size and quality: time a frame from our first line to the finished picture, processor
//! time of the whole program (on a software device that is the device too), our own share (planning and recording),
//! and the work that a frame is. Then a film: a wall of 8 at 1280 x 720, pictures read back.
#![allow(clippy::print_stdout, reason = "a command-line example")]

use face::{
    Batch, Camera, Coefficients, Expression, Headless, Look, Moment, Picture, Quality, Shot, Target, View,
    Work,
};
use std::time::Instant;

fn moment(frame: usize) -> Expression {
    let at = frame as f32 * 0.11;
    Expression::default()
        .with(&[
            ("mouthSmile", 0.5 + 0.5 * at.sin()),
            ("jawOpen", 0.3 + 0.3 * (2.3 * at).sin()),
            ("browInnerUp", 0.5 + 0.5 * (0.7 * at).cos()),
            ("eyeBlink", f32::from(frame % 60 < 4)),
        ])
        .posed(0.1 * at.sin(), 0.25 * (0.6 * at).cos(), 0.05 * (0.4 * at).sin())
}

/// Processor time of this program so far, ms; 0 where the system does not say.
fn processor_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = text
        .rsplit(')')
        .next()
        .map(|t| t.split_whitespace().filter_map(|x| x.parse().ok()).collect())
        .unwrap_or_default();
    // user and system time, in hundredths of a second; the letter of the state is not among the numbers
    fields.get(10).zip(fields.get(11)).map_or(0.0, |(user, system)| (user + system) * 10.0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let begun = Instant::now();
    let gpu = Headless::new()?;
    println!("{}: opened in {:.0} ms", gpu.name(), begun.elapsed().as_secs_f64() * 1e3);
    let (device, _, renderer) = gpu.parts();
    let mut coefficients = Coefficients::new(renderer);
    let mut batch = Batch::new(renderer);
    let frames: Vec<Expression> = (0..750).map(moment).collect();
    let take = coefficients.put(renderer, &frames)?;
    let (camera, look) = (Camera::portrait(), Look::dark());
    println!("faces  size       quality  ms/frame  cpu ms  ours ms  vertices  triangles  draws  bytes");
    for quality in [Quality::Quick, Quality::Fine] {
        for [w, h] in [[150, 140], [320, 360]] {
            for count in [1, 8, 16] {
                let targets: Vec<Target> = (0..count).map(|_| Target::plain(renderer, w, h)).collect();
                let rounds = 5;
                let (mut best, mut ours, mut work) = (f64::MAX, f64::MAX, Work::default());
                let mut spent = 0.0;
                for round in 0..=rounds {
                    if round == 1 {
                        spent = processor_ms();
                    }
                    let shots: Vec<Shot<'_>> = targets
                        .iter()
                        .enumerate()
                        .map(|(i, target)| Shot {
                            target,
                            moment: Moment::Take(take, (i * 40 + round) as f32 + 0.5),
                            camera: &camera,
                            look: &look,
                            person: 0,
                        })
                        .collect();
                    let begun = Instant::now();
                    work = batch.draw(renderer, &mut coefficients, &shots, quality);
                    device.poll(face::wait()).map_err(|e| e.to_string())?;
                    if round > 0 {
                        best = best.min(begun.elapsed().as_secs_f64() * 1e3);
                        ours = ours.min(work.cpu.as_secs_f64() * 1e3);
                    }
                }
                let cpu = (processor_ms() - spent) / rounds as f64;
                println!(
                    "{count:5}  {w:4}x{h:<4}  {quality:>7?}  {best:8.1}  {cpu:6.0}  {ours:7.3}  {:8}  {:9}  {:5}  {}",
                    work.vertices, work.triangles, work.draws, work.bytes
                );
            }
        }
    }
    for quality in [Quality::Quick, Quality::Plain, Quality::Fine] {
        let rounds = 8;
        let size = |i: usize| if i == 0 { [420, 708] } else { [208, 351] };
        let (begun, spent) = (Instant::now(), processor_ms());
        for round in 0..rounds {
            let faces: Vec<Expression> = (0..9).map(|i| moment(round * 30 + i * 77)).collect();
            let views: Vec<View<'_>> = faces
                .iter()
                .enumerate()
                .map(|(i, expression)| View { expression, camera: &camera, look: &look, size: size(i) })
                .collect();
            let _: Vec<Picture> = gpu.pictures(&views, quality)?;
        }
        let each = begun.elapsed().as_secs_f64() / rounds as f64;
        let cpu = (processor_ms() - spent) / rounds as f64 / 1e3;
        println!(
            "film, speaker and 8 faces at 1280x720, {quality:?}: {:.0} ms a frame, {:.0} ms of processor time; 750 frames {:.0} s here, {:.0} s on two free cores",
            each * 1e3,
            cpu * 1e3,
            each * 750.0,
            cpu * 750.0 / 2.0
        );
    }
    Ok(())
}
