//! `backchannel bench corpus`: a synthetic corpus of 6,000 short clips, written, indexed, streamed and checked, with
//! times and peak memory.
//!
//! Clips are counted as the challenge counts them (3,000 pairs in both roles; REACT 2024 has 5,924). Memory is the
//! peak of the resident set above what was resident before, as Linux tells it; elsewhere these rows are left out.

use std::path::Path;
use std::time::Instant;

use clips::corpus::check::{CheckConfig, check};
use clips::corpus::{Corpus, Split};
use clips::{Control, Fault};

use super::Row;
use crate::output::Output;

/// Pairs in the training split of a corpus with this many clips in all: the other two splits have three tenths each.
fn training_pairs(clips: usize) -> usize {
    (clips / 2 * 10 / 16).max(2)
}

/// Measures everything; `cold` also empties the system's file cache (needs root).
pub fn rows(clips: usize, cold: bool, output: &Output) -> clips::Result<Vec<Row>> {
    let folder = std::env::temp_dir().join(format!("backchannel-bench-{}", std::process::id()));
    let result = measured(&folder, clips, cold, output);
    let _ = std::fs::remove_dir_all(&folder); // the measurement stands whether it goes or not
    result
}

fn measured(folder: &Path, clips: usize, cold: bool, output: &Output) -> clips::Result<Vec<Row>> {
    let control = Control::default();
    let config = clips::synth::Config {
        clips: Some(training_pairs(clips)),
        seconds: 4.0,
        seed: 1,
        ..Default::default()
    };
    let begun = Instant::now();
    clips::synth::write(&config, folder, &control)?;
    let mut rows = vec![Row::less_is_better(
        "corpus",
        "written by synth, clips of 4 s",
        begun.elapsed().as_secs_f64(),
        "s",
        120.0,
    )];
    if cold {
        match forget_files() {
            Ok(()) => {
                let begun = Instant::now();
                Corpus::open(folder, &control)?;
                let spent = begun.elapsed().as_secs_f64();
                rows.push(Row::less_is_better("corpus", "indexed, file cache empty", spent, "s", 5.0));
            }
            Err(fault) => output.warn(fault),
        }
    }
    let peak = Peak::start();
    let (warm, corpus) = super::best_of(3, || Corpus::open(folder, &control));
    let corpus = corpus?;
    let found: usize = Split::ALL.iter().map(|split| corpus.clips(*split).len()).sum();
    rows.push(Row::less_is_better("corpus", format!("{found} clips indexed, warm"), warm, "s", 1.0));
    rows.extend(peak.row("the index and the making of it", 64.0));

    let order: Vec<usize> = (0..corpus.clips(Split::Train).len()).rev().collect();
    let peak = Peak::start();
    let begun = Instant::now();
    let mut frames = 0;
    let stream = corpus.stream(Split::Train, &order, 8, |row| {
        Ok((row.read_speaker()?.frames(), row.read_listener()?.frames()))
    })?;
    for pair in stream {
        let (speaker, listener) = pair?;
        frames += speaker + listener;
    }
    let speed = order.len() as f64 / begun.elapsed().as_secs_f64();
    let what = format!("streamed, attributes and coefficients of both people, {frames} frames");
    rows.push(Row::more_is_better("corpus", what, speed, "clips/s", 100.0));
    rows.extend(peak.row("streaming, 8 clips ahead", 16.0));

    let loudness =
        |path: &Path| -> clips::Result<Vec<f32>> { Ok(speech::loudness_db(&speech::decode(path)?)) };
    let peak = Peak::start();
    let begun = Instant::now();
    let report =
        check(&corpus, &CheckConfig { loudness: Some(&loudness), ..CheckConfig::default() }, &control)?;
    let what = format!("checked, {} files read, sound decoded, {} faults", report.files, report.faults.len());
    rows.push(Row::less_is_better("corpus", what, begun.elapsed().as_secs_f64(), "s", 60.0));
    rows.extend(peak.row("checking", 64.0));
    match studio::scenes::list_cost(folder, 200) {
        Ok(cost) => {
            let what =
                format!("our CPU share of a frame while the list of {} rows scrolls, median", cost.rows);
            rows.push(Row::less_is_better("corpus", what, cost.median_ms, "ms", 4.0));
            rows.push(Row::less_is_better("corpus", "the same, 95th percentile", cost.p95_ms, "ms", 4.0));
            rows.push(Row::less_is_better("corpus", "a key in the search field", cost.search_ms, "ms", 16.0));
        }
        Err(fault) => output.warn(format!("list: {fault}")),
    }
    Ok(rows)
}

/// Writes dirty pages and asks the system to drop its caches of files and folders.
fn forget_files() -> clips::Result<()> {
    let path = Path::new("/proc/sys/vm/drop_caches");
    let _ = std::process::Command::new("sync").status(); // pages that are dirty would stay
    std::fs::write(path, "3")
        .map_err(|error| Fault::io(path, &error).remedy("--cold needs Linux and root; the row was left out"))
}

/// Peak of the resident set since [`Peak::start`], in MB.
struct Peak {
    before: Option<f64>,
}

impl Peak {
    fn start() -> Self {
        // 5 resets the peak to what is resident now.
        let reset = std::fs::write("/proc/self/clear_refs", "5").is_ok();
        Self { before: reset.then(|| status("VmRSS")).flatten() }
    }

    fn row(&self, what: &str, bar: f64) -> Option<Row> {
        let grown = (status("VmHWM")? - self.before?).max(0.0);
        Some(Row::less_is_better("corpus", format!("more memory at the peak: {what}"), grown, "MB", bar))
    }
}

fn status(name: &str) -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? * 1024.0 / 1e6)
}
