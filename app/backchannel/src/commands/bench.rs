//! `backchannel bench`: speed of the parts that matter, as ratios against their yardsticks, with the machine named.
//!
//! A ratio above 1 means "better than the bar". Nothing here is a test: a slow machine prints small ratios.

mod corpus;
mod step;

use std::time::Instant;

use clips::Control;
use clips::time::{FRAMES_PER_SECOND, seconds_of_frame};
use listener::latent_intent::Config;
use listener::{LatentChoice, Request};
use serde::Serialize;

use super::bad_request;
use crate::output::Output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// One benchmark; without a name all are run
    #[arg(value_parser = NAMES)]
    name: Option<String>,
    /// Clips of the corpus that `corpus` writes to the folder for temporary files (about 0.17 MB each)
    #[arg(long, default_value_t = 6000)]
    clips: usize,
    /// `corpus` also empties the system's file cache and indexes cold; needs Linux and root, slows others down
    #[arg(long)]
    cold: bool,
    /// `step` also measures this device, as named in `train`
    #[arg(long, default_value = "candle-cpu")]
    device: String,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

const NAMES: [&str; 12] = [
    "features", "offline", "online", "decode", "step", "measures", "frame", "playing", "start", "clock",
    "video", "corpus",
];

/// One measured quantity.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    what: String,
    value: f64,
    unit: &'static str,
    /// The bar, in the same unit.
    bar: f64,
    /// How many times better than the bar (above 1 is better).
    ratio: f64,
}

impl Row {
    fn less_is_better(
        name: &'static str,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        bar: f64,
    ) -> Self {
        Self { name, what: what.into(), value, unit, bar, ratio: bar / value.max(1e-9) }
    }

    fn more_is_better(
        name: &'static str,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        bar: f64,
    ) -> Self {
        Self { name, what: what.into(), value, unit, bar, ratio: value / bar }
    }
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    let wanted: Vec<&str> = args.name.as_deref().map_or(NAMES.to_vec(), |name| vec![name]);
    let mut rows = Vec::new();
    for name in wanted {
        match name {
            "features" => rows.push(features()?),
            "offline" => rows.push(offline()?),
            "online" => rows.extend(online()?),
            "decode" => rows.extend(decode()?),
            "measures" => rows.extend(measures(output)?),
            "frame" => rows.extend(frame()?),
            "playing" => rows.extend(playing()?),
            "start" => match start() {
                Ok(row) => rows.push(row),
                Err(fault) => output.warn(format!("start: {fault}")),
            },
            "clock" => rows.push(clock()),
            "video" => rows.extend(video(output)?),
            "step" => rows.extend(step::rows(&args.device)?),
            "corpus" => rows.extend(corpus::rows(args.clips, args.cold, output)?),
            other => return Err(bad_request(format!("there is no benchmark {other}"), NAMES.join(", "))),
        }
    }
    let machine = machine();
    let mut text =
        format!("{machine}\n{:<10} {:>12} {:<14} {:>9} {:>8}\n", "", "measured", "", "bar", "ratio");
    for row in &rows {
        let mark = if row.ratio < 1.0 { "!" } else { " " };
        text += &format!(
            "{:<10} {:>12.3} {:<14} {:>9.3} {:>8.2} {mark} {}\n",
            row.name, row.value, row.unit, row.bar, row.ratio, row.what
        );
    }
    if rows.iter().any(|row| row.ratio < 1.0) {
        text += "!: under its bar\n";
    }
    if rows.iter().any(|row| row.name == "measures") {
        text += "measures: processor time on one thread, against what the official code (numpy, tslearn, torch) was once measured \
                 to take for the same unit; side by side in one run: cargo run --release -p measures --example measures_cost\n";
    }
    output.result(&serde_json::json!({ "machine": machine, "rows": rows }), text)
}

/// Processor, threads, system and build profile.
fn machine() -> String {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let build = if cfg!(debug_assertions) { "debug build" } else { "release build" };
    format!("{}, {threads} threads, {}, {build}", processor_name(), std::env::consts::OS)
}

/// The processor's name where the system tells it.
pub fn processor_name() -> String {
    std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            text.lines().find_map(|line| {
                line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim().to_owned())
            })
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

fn demo_speaker() -> clips::Result<clips::Streams> {
    let demos = speech::demo::clips();
    let first = demos.first().ok_or_else(|| bad_request("no demo clip is built in", ""))?;
    first.streams()
}

fn features() -> clips::Result<Row> {
    let streams = demo_speaker()?;
    let sound = streams.sound.ok_or_else(|| bad_request("the demo clip has no sound", ""))?;
    let seconds = seconds_of_frame(sound.frames() as f64);
    let (spent, _) = best_of(5, || speech::features_of(&sound));
    Ok(Row::more_is_better(
        "features",
        "78 MFCC columns of 30 s of sound",
        seconds / spent,
        "x real time",
        300.0,
    ))
}

fn offline() -> clips::Result<Row> {
    let (system, streams) = (listener::demo()?, demo_speaker()?);
    let request = Request { latents: LatentChoice::All, ..Request::default() };
    let seconds = seconds_of_frame(streams.frames() as f64);
    let control = Control::default();
    let (spent, takes) = best_of(3, || system.generate("bench", &streams, &request, &control));
    let what =
        format!("{} ranked reactions of {} frames from sound and face", takes?.len(), streams.frames());
    Ok(Row::more_is_better("offline", what, seconds / spent, "x real time", 10.0))
}

fn online() -> clips::Result<Vec<Row>> {
    let mut times = listener::online_frame_times(&*listener::demo()?, &demo_speaker()?)?;
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] * 1e3;
    let what = |which: &str| format!("one frame of every latent, {which} of {} frames", times.len());
    Ok(vec![
        Row::less_is_better("online", what("99th percentile"), at(0.99), "ms", 10.0),
        Row::less_is_better("online", what("median"), at(0.5), "ms", 10.0),
    ])
}

/// Encoding and decoding at two sizes against the floor that the machine sets, measured in the same run.
fn decode() -> clips::Result<Vec<Row>> {
    let machine = listener::cost::machine();
    let mut rows = Vec::new();
    let tiny = Config::tiny([64, 64, 64, 32]);
    // decoding in single precision: a network that fits a cache has nothing of 16 bits
    for cost in listener::cost::decode(&tiny, machine, 5)?.into_iter().skip(2).take(2) {
        // below a tenth of a millisecond a stream it is what is around the products that counts
        let bar = if cost.streams == 1 { 0.1 } else { 2.5 * cost.floor_ms };
        let what = format!("tiny: {}", cost.what);
        rows.push(Row::less_is_better("decode", what, cost.spent_ms, "ms", bar));
    }
    // code books as large as those of the specification's cost model
    let base = Config::base([2048, 8029, 1681, 1024]);
    let bars = [1.8, 1.8, 2.0, 2.5, 2.0, 2.5];
    for (cost, bar) in listener::cost::decode(&base, machine, 2)?.into_iter().zip(bars) {
        let what = format!("base: {}, floor {:.2} ms", cost.what, cost.floor_ms);
        rows.push(Row::less_is_better("decode", what, cost.spent_ms, "ms", bar * cost.floor_ms));
    }
    let (error, spread) = listener::cost::error_of_sixteen_bits(&base)?;
    let what = format!("base: largest error of a logit, 16 bits, of logits that spread by {spread:.2}");
    rows.push(Row::less_is_better("decode", what, error, "", 0.01));
    let (flops, bandwidth) = (machine.flops * 1e-9, machine.bandwidth * 1e-9);
    rows.push(Row::more_is_better(
        "decode",
        "products of large matrices, all threads",
        flops,
        "GFLOP/s",
        1.0,
    ));
    rows.push(Row::more_is_better("decode", "reading a large array, all threads", bandwidth, "GB/s", 1.0));
    Ok(rows)
}

/// Processor time of the official measures on one thread, against what the official code takes for the same unit.
fn measures(output: &Output) -> clips::Result<Vec<Row>> {
    use measures::cost;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(|error| {
        clips::Fault::new(clips::FaultKind::Internal, "", format!("no thread could be started: {error}"))
    })?;
    let control = output.control();
    let mut rows = Vec::new();
    for kind in cost::Kind::ALL {
        let data = cost::Data::new(kind);
        // only the distance depends on the data
        let wanted = if rows.is_empty() { &cost::Measure::ALL[..] } else { &[cost::Measure::FRDist] };
        for row in pool.install(|| cost::run(&data, wanted, &control))? {
            let measure = row.measure;
            let what =
                format!("{}, {}, {} against the official code", measure.name(), kind.name(), measure.unit());
            let least = match measure {
                cost::Measure::FRCorr | cost::Measure::FRDist => 20.0,
                cost::Measure::FRSyn => 50.0,
                _ => 1.0,
            };
            let times = measure.official_ms() / row.ours_ms.max(1e-9);
            rows.push(Row::more_is_better("measures", what, times, "x faster", least));
        }
    }
    Ok(rows)
}

fn frame() -> clips::Result<Vec<Row>> {
    let costs = studio::scenes::frame_cost(120)?;
    let table = studio::scenes::table_cost(120)?;
    let train = studio::scenes::train_frame_cost(120)?;
    Ok(vec![
        Row::less_is_better(
            "frame",
            "our CPU share of a Compare frame, 8 faces, 12 tracks, median",
            costs.median_ms,
            "ms",
            4.0,
        ),
        Row::less_is_better("frame", "the same, 95th percentile", costs.p95_ms, "ms", 4.0),
        Row::less_is_better(
            "frame",
            format!(
                "our CPU share of an Evaluate frame, {} systems, {} clips, {} measures, median",
                table.systems, table.clips, table.measures
            ),
            table.median_ms,
            "ms",
            4.0,
        ),
        Row::less_is_better("frame", "the same, 95th percentile", table.p95_ms, "ms", 4.0),
        Row::less_is_better(
            "frame",
            "our CPU share of a Train frame, a run of 30,000 steps, median",
            train.median_ms,
            "ms",
            4.0,
        ),
        Row::less_is_better(
            "frame",
            "the same, 95th percentile (every curve drawn anew)",
            train.p95_ms,
            "ms",
            4.0,
        ),
    ])
}

/// How fast a window plays, all of it; on a software device its processor time is ours.
fn playing() -> clips::Result<Vec<Row>> {
    let playing = studio::scenes::playing(20)?;
    let processor = playing.changes.processor_ms + playing.window.processor_ms;
    Ok(vec![
        Row::more_is_better(
            "playing",
            format!(
                "a playing Compare window of 1280 x 800 with 10 faces, all of it, {}: faces ({:?}) and what else changes {:.0} ms, the window {:.0} ms",
                playing.adapter, playing.quality, playing.changes.wall_ms, playing.window.wall_ms
            ),
            playing.frames_per_second,
            "fps",
            8.0,
        ),
        Row::less_is_better(
            "playing",
            format!(
                "processor time of a frame, on a software device the device's too: changes {:.0} ms, the window {:.0} ms",
                playing.changes.processor_ms, playing.window.processor_ms
            ),
            processor,
            "ms",
            250.0,
        ),
    ])
}

fn start() -> clips::Result<Row> {
    let program = std::env::current_exe().map_err(|error| clips::Fault::io("", &error))?;
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let begun = Instant::now();
        let done = std::process::Command::new(&program)
            .env(studio::EXIT_AFTER_FIRST_FRAME, "1")
            .stderr(std::process::Stdio::null())
            .status()
            .map_err(|error| clips::Fault::io(&program, &error))?;
        if !done.success() {
            return Err(bad_request(
                "the window did not open",
                "run it where there is a display, or under xvfb-run",
            ));
        }
        best = best.min(begun.elapsed().as_secs_f64());
    }
    Ok(Row::less_is_better("start", "from the command to the first drawn frame, warm caches", best, "s", 1.0))
}

fn clock() -> Row {
    let frames = media::wall_clock_drift_frames(5.0);
    let what =
        format!("largest distance of the shown frame from wall time in 5 s at {FRAMES_PER_SECOND} fps");
    Row::less_is_better("clock", what, frames, "frames", 1.0)
}

/// Decoding and seeking of clips that are written for it, as an MP4 (where there is ffmpeg) and as a folder of PNGs.
fn video(output: &Output) -> clips::Result<Vec<Row>> {
    use media::video::measure;
    let home = std::env::temp_dir().join(format!("backchannel-bench-{}", std::process::id()));
    std::fs::create_dir_all(&home).map_err(|error| clips::Fault::write(&home, &error))?;
    let mut rows = Vec::new();
    for (name, kind) in [("clip.mp4", "H.264"), ("clip", "PNG folder")] {
        let cost = match measure::write_clip(&home.join(name)).and_then(|source| measure::cost(&source)) {
            Ok(cost) => cost,
            Err(fault) => {
                output.warn(format!("video: {fault}"));
                continue;
            }
        };
        let (count, side) = measure::CLIP;
        let what = |text: &str| format!("{kind}, {count} pictures of {side}x{side}: {text}");
        let row = |text: &str, value, bar| Row::less_is_better("video", what(text), value, "ms", bar);
        rows.push(row("decoding a picture, in order", cost.decode_ms, 4.0));
        rows.push(row("seek, median", cost.seek_ms[0], 50.0));
        rows.push(row("seek, 95th percentile", cost.seek_ms[1], 50.0));
        rows.push(row("seek right after opening, median", cost.seek_fresh_ms[0], 50.0));
        rows.push(row("seek right after opening, 95th percentile", cost.seek_fresh_ms[1], 50.0));
        rows.push(row("work behind the scenes until all is at hand", cost.fill_seconds * 1e3, 2000.0));
    }
    // What is left in the folder for temporary things is no fault of the bench.
    std::fs::remove_dir_all(&home).ok();
    Ok(rows)
}

/// Best wall time of `times` runs in seconds, and the last result.
fn best_of<T>(times: usize, mut work: impl FnMut() -> T) -> (f64, T) {
    let timed = |work: &mut dyn FnMut() -> T| {
        let begun = Instant::now();
        let result = work();
        (begun.elapsed().as_secs_f64(), result)
    };
    let (mut best, mut result) = timed(&mut work);
    for _ in 1..times {
        let (spent, again) = timed(&mut work);
        best = best.min(spent);
        result = again;
    }
    (best, result)
}
