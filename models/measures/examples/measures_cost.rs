//! What the measures cost, in processor milliseconds per unit, beside the official Python code:
//! `cargo run --release -p measures --example measures_cost -- [--python PYTHON] [--samples N]`.
//!
//! 8 clips, 10 samples, 750 frames, 8 neighbours, one thread. Without `--python` the yardstick is the cost of the official
//! code measured once on another machine of two x86-64 cores, so read the ratios as orders of magnitude. With it,
//! `official.py` computes the same measures of the same data in the same run (slow ones for the first N samples of each
//! clip, 1 if not said), and values are compared. FRDist depends on the data and is shown on every kind.
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::path::Path;
use std::process::{Command, ExitCode};

use clips::array::write_npy;
use clips::{Attributes, Control, Fault, FaultKind, Result};
use measures::cost::{self, CLIPS, CostRow, Data, FRAMES, Kind, Measure, SAMPLES};
use serde_json::Value;

struct Arguments {
    python: Option<String>,
    samples: usize,
}

fn arguments() -> Option<Arguments> {
    let mut found = Arguments { python: None, samples: 1 };
    let mut rest = std::env::args().skip(1);
    while let Some(name) = rest.next() {
        match name.as_str() {
            "--python" => found.python = Some(rest.next()?),
            "--samples" => found.samples = rest.next()?.parse().ok().filter(|n| (1..=SAMPLES).contains(n))?,
            _ => return None,
        }
    }
    Some(found)
}

/// What the Python code finds for the same data.
fn official(python: &str, samples: usize, data: &Data, measures: &[Measure]) -> Result<Value> {
    let fault = |detail: String| {
        Fault::new(FaultKind::BadRequest, "", detail)
            .remedy("name a Python with numpy, torch and tslearn (pip install numpy torch tslearn)")
    };
    let folder = tempfile::tempdir().map_err(|error| fault(error.to_string()))?;
    let flat = |all: Vec<&Attributes>| -> Vec<f32> { all.into_iter().flatten().flatten().copied().collect() };
    let path = |name: &str| folder.path().join(name);
    let predictions = flat(data.predictions.iter().flatten().collect());
    write_npy(&path("pred.npy"), &[CLIPS, SAMPLES, FRAMES, 25], &predictions)?;
    write_npy(&path("listener.npy"), &[CLIPS, FRAMES, 25], &flat(data.listeners.iter().collect()))?;
    write_npy(&path("speaker.npy"), &[CLIPS, FRAMES, 25], &flat(data.speakers.iter().collect()))?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/official.py");
    let names: Vec<&str> = measures.iter().map(|measure| measure.name()).collect();
    let output = Command::new(python)
        .arg(script)
        .arg(folder.path())
        .args(["--samples", &samples.to_string(), "--only", &names.join(",")])
        .output()
        .map_err(|error| fault(format!("{python}: {error}")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(fault(said.trim().to_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| fault(format!("{python}: {error}")))
}

/// The largest difference to the official values, and what is allowed (relative to the value where it is above 1).
fn difference(row: &CostRow, samples: usize, official: &Value) -> Option<(f64, f64)> {
    let theirs: Vec<f64> = official["values"].as_array()?.iter().filter_map(Value::as_f64).collect();
    let slow = matches!(row.measure, Measure::FRCorr | Measure::FRDist | Measure::FRSyn);
    let ours: Vec<f64> = if slow {
        row.values.chunks(SAMPLES).flat_map(|clip| &clip[..samples]).copied().collect()
    } else {
        row.values.clone()
    };
    let allowed = match row.measure {
        Measure::FRDist => 1e-9,
        Measure::FRSyn => 0.0,
        Measure::FRCorr => 1e-6,
        _ => 1e-4, // single precision in the official code
    };
    let apart = |(a, b): (&f64, &f64)| (a - b).abs() / b.abs().max(1.0);
    (ours.len() == theirs.len()).then(|| (ours.iter().zip(&theirs).map(apart).fold(0.0, f64::max), allowed))
}

fn report(arguments: &Arguments) -> Result<bool> {
    let mut agree = true;
    println!("processor ms per unit; the ratio is to the official cost beside it");
    for kind in Kind::ALL {
        let data = Data::new(kind);
        let measures: &[Measure] = if kind == Kind::Unrelated { &Measure::ALL } else { &[Measure::FRDist] };
        let before = cost::run(&data, measures, &Control::default())?;
        let python = arguments.python.as_deref();
        let theirs = python.map(|python| official(python, arguments.samples, &data, measures)).transpose()?;
        // once more: what else runs on the machine changes by the minute, and the best counts, as in official.py
        let after = cost::run(&data, measures, &Control::default())?;
        if kind == Kind::Unrelated {
            println!("a prepared listener of FRDist takes {} bytes", cost::prepared_bytes(&data));
        }
        for (before, after) in before.iter().zip(&after) {
            let (measure, ours) = (before.measure, before.ours_ms.min(after.ours_ms));
            let given = measure.official_ms();
            let mut line = format!(
                "{:<7} {:<28} {:<26} {ours:>8.4} | given {given:>7.3} {:>6.1}x",
                measure.name(),
                kind.name(),
                measure.unit(),
                given / ours
            );
            if let Some(theirs) = &theirs {
                let theirs = &theirs[measure.name()];
                let ms = theirs["ms"].as_f64().unwrap_or(f64::NAN);
                line += &format!(" | here {ms:>7.3} {:>6.1}x", ms / ours);
                match difference(before, arguments.samples, theirs) {
                    Some((apart, allowed)) if apart <= allowed => line += &format!(" | agree to {apart:.0e}"),
                    Some((apart, allowed)) => {
                        agree = false;
                        line += &format!(" | DIFFER by {apart:.1e}, allowed {allowed:.0e}");
                    }
                    None => {
                        agree = false;
                        line += " | DIFFER in number";
                    }
                }
            }
            println!("{line}");
        }
    }
    Ok(agree)
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        println!("usage: cost [--python PYTHON] [--samples 1..={SAMPLES}]");
        return ExitCode::FAILURE;
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    match pool.map(|pool| pool.install(|| report(&arguments))) {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::FAILURE,
        Ok(Err(fault)) => {
            println!("{fault}\n{}", fault.remedy);
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}
