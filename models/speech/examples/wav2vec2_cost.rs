//! What a wav2vec2 encoder costs: `wav2vec2_cost MODEL_DIR [SECONDS] [OUT.bin]` encodes noise (the same generator as in
//! the comparison of the README) three times and prints the best time and the peak memory of the process.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::time::Instant;

use clips::Control;
use speech::wav2vec2::Encoder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: wav2vec2_cost MODEL_DIR [SECONDS] [OUT.bin]")?;
    let seconds: usize = arguments.next().map_or(Ok(30), |text| text.parse())?;
    let out = arguments.next();
    let mut state = 1u32;
    let sound: Vec<f32> = (0..seconds * 16_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        })
        .collect();
    let begun = Instant::now();
    let encoder = Encoder::open(folder.as_ref())?;
    println!("loaded in {:.2} s", begun.elapsed().as_secs_f64());
    let mut best = f64::INFINITY;
    let mut hidden = Vec::new();
    for _ in 0..3 {
        let begun = Instant::now();
        hidden = encoder.encode(&sound, &Control::default())?;
        best = best.min(begun.elapsed().as_secs_f64());
    }
    let peak = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = peak.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM unknown").to_owned();
    println!("{seconds} s of sound in {best:.2} s ({} values); {peak}", hidden.len());
    if let Some(out) = out {
        std::fs::write(out, hidden.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())?;
    }
    Ok(())
}
