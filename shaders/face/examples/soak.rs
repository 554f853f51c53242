//! Opens, resizes, draws and closes views for as long as one likes, and says what is left behind:
//! `cargo run --release -p face --example soak -- [MINUTES]`.
//!
//! Walls of one to nine faces with changing people, looks, overlays and qualities, in whole sizes and in none; one of fifty
//! walls is drawn, the others are only opened and closed. Ends with an error when the device finds anything invalid or
//! runs out of memory, or when things or memory grow. `tests/batches_and_takes.rs` has the short form.
#![expect(clippy::print_stdout, reason = "this program prints its result")]

use std::time::{Duration, Instant};

use face::{
    Batch, Camera, Coefficients, Expression, Heat, Look, Moment, Overlays, Quality, Renderer, Shot, Target,
};

/// Walls that are opened for each that is drawn.
const OPENED: u64 = 50;
/// What may be alive later beyond what was alive at the first count.
const SLACK: usize = 24;
/// Growth of memory since the second count that is a leak, MB.
const GROWTH_MB: f64 = 64.0;

type Done = Result<(), Box<dyn std::error::Error>>;

/// Memory of this process, MB (Linux; 0 elsewhere).
fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    number.unwrap_or(0.0) / 1024.0
}

fn moment(k: u64) -> Expression {
    let at = k as f32 * 0.37;
    Expression::default()
        .with(&[("mouthSmile", at.sin().abs()), ("jawOpen", 0.4 * at.cos().abs()), ("eyeBlinkLeft", 0.3)])
        .posed(0.1 * at.sin(), 0.3 * at.cos(), 0.1 * (2.0 * at).sin())
}

fn look(k: u64) -> Look {
    let overlays = Overlays {
        heat: k.is_multiple_of(3).then(Heat::default),
        wireframe: k.is_multiple_of(5),
        axes: k.is_multiple_of(2),
        ..Overlays::default()
    };
    let overlays =
        if k.is_multiple_of(4) { overlays.with_onion(&[moment(k + 1)], [0.5; 3]) } else { overlays };
    let look = if k.is_multiple_of(2) { Look::dark() } else { Look::light() }.with(overlays);
    if k.is_multiple_of(7) { look.porcelain() } else { look }
}

fn main() -> Done {
    let minutes: f64 = std::env::args().nth(1).map_or(Ok(1.0), |word| word.parse())?;
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = pollster::block_on(instance.request_adapter(&Default::default()))?;
    let (device, queue) = pollster::block_on(adapter.request_device(&Default::default()))?;
    println!("{}", adapter.get_info().name);
    let heads = (0..3).map(face::heads::builtin_person).collect::<Result<Vec<_>, _>>()?;
    let renderer = Renderer::with_people(&device, &queue, &heads)?;
    let (mut batch, mut rows) = (Batch::new(&renderer), Coefficients::new(&renderer));
    let alive = || {
        let report = instance.generate_report();
        report.map_or([0; 3], |all| {
            let hub = all.hub_report();
            [hub.textures.num_allocated, hub.buffers.num_allocated, hub.bind_groups.num_allocated]
        })
    };
    let invalid = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let camera = Camera::portrait();
    let (begun, mut walls, mut views, mut counts) = (Instant::now(), 0u64, 0u64, Vec::new());
    let end = Duration::from_secs_f64(60.0 * minutes);
    let every = (end / 12).max(Duration::from_secs(5));
    while begun.elapsed() < end {
        let size = |k: u64| ((walls * 7919 + k * 104_729) % 400) as u32;
        let targets: Vec<Target> = (0..walls % 9 + 1)
            .map(|k| match walls % 2 {
                0 => Target::plain(&renderer, size(k), size(k + 9)),
                _ => Target::new(&renderer, size(k), size(k + 9)),
            })
            .collect();
        views += targets.len() as u64;
        if walls.is_multiple_of(OPENED) {
            let looks: Vec<Look> = (0..targets.len() as u64).map(|k| look(walls / OPENED + k)).collect();
            let shots: Vec<Shot<'_>> = targets
                .iter()
                .zip(&looks)
                .enumerate()
                .map(|(seat, (target, look))| Shot {
                    target,
                    moment: Moment::Still(moment(walls + seat as u64)),
                    camera: &camera,
                    look,
                    person: seat % 3,
                })
                .collect();
            let quality = if walls.is_multiple_of(2 * OPENED) { Quality::Quick } else { Quality::Fine };
            batch.draw(&renderer, &mut rows, &shots, quality);
            device.poll(face::wait())?;
        }
        drop(targets);
        walls += 1;
        if begun.elapsed() > every * (counts.len() as u32 + 1) {
            device.poll(face::wait())?;
            let (alive, mb) = (alive(), resident_mb());
            println!(
                "{:>6.1} min {walls:>9} walls {views:>9} views; textures, buffers, groups {alive:?}; {mb:.0} MB",
                begun.elapsed().as_secs_f64() / 60.0
            );
            counts.push((alive, mb));
        }
    }
    device.poll(face::wait())?;
    let problems = [pollster::block_on(memory.pop()), pollster::block_on(invalid.pop())];
    if let Some(problem) = problems.into_iter().flatten().next() {
        return Err(problem.into());
    }
    if let (Some((first, _)), Some((_, settled)), Some((last, mb))) =
        (counts.first(), counts.get(1), counts.last())
        && (first.iter().zip(last).any(|(first, last)| *last > first + SLACK) || mb - settled > GROWTH_MB)
    {
        return Err(format!("it grows: {first:?} to {last:?}, {settled:.0} to {mb:.0} MB").into());
    }
    println!("nothing invalid, nothing left behind");
    Ok(())
}
