//! What a view costs the CPU, and a whole picture: `cargo run --release -p face --example cost`.
#![allow(clippy::print_stdout, reason = "a command-line example")]

use face::{Camera, Expression, Headless, Look, Target, read_back};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let gpu = Headless::new()?;
    println!("{}: opened in {:.0} ms", gpu.name(), start.elapsed().as_secs_f64() * 1e3);
    let (device, queue, renderer) = gpu.parts();
    let mut views: Vec<Target> = (0..8).map(|_| Target::new(renderer, 320, 360)).collect();
    let e = Expression::default().with(&[("mouthSmile", 0.7), ("jawOpen", 0.2)]);
    for round in 0..4 {
        let start = Instant::now();
        for v in &mut views {
            renderer.draw(device, queue, v, &e, &Camera::portrait(), &Look::dark());
        }
        let record = start.elapsed().as_secs_f64() * 1e3 / views.len() as f64;
        read_back(device, queue, &views[7])?;
        let all = start.elapsed().as_secs_f64() * 1e3;
        println!(
            "round {round}: record {record:.3} ms a view, eight views of 320 x 360 drawn in {all:.0} ms"
        );
    }
    Ok(())
}
