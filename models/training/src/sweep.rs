//! Several runs, one after the other, from a small file: seeds, lists of values, variants.
//!
//! ```toml
//! system = "latent-intent" # or any other of the table; this one unless named
//! preset = "tiny"          # what all start from; the system's first unless named
//! seeds = [1, 2, 3]
//! [set]                    # for all
//! stage2_steps = 600
//! [grid]                   # every combination of these
//! latents = [8, 12]
//! [[variant]]              # with each of these
//! name = "reference"
//! [[variant]]
//! name = "no-bow"
//! weight_bag = 0.0
//! ```
//!
//! A variant may name a `system` and a `preset` of its own, so that one sweep trains several systems. Settings in tables are
//! `"network.width" = [32, 64]`, or `[set.network]`.
//!
//! Each run has a folder under the sweep's. Started again, finished runs are skipped and an interrupted one goes on. A run
//! that fails is noted and does not stop the others.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use clips::array::{make_folder, write_atomically};
use clips::corpus::Corpus;
use clips::{Control, Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock;
use crate::config::Config;
use crate::course;
use crate::data::Data;
use crate::engine::{Engine, Plain};
use crate::status::{Phase, Status};
use crate::systems::{Settings, systems};
use crate::trainer::train_on_with;

/// Most runs of a sweep.
const MOST_RUNS: usize = 1000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    system: Option<String>,
    #[serde(default)]
    preset: Option<String>,
    #[serde(default)]
    seeds: Vec<u64>,
    #[serde(default)]
    set: toml::Table,
    #[serde(default)]
    grid: toml::Table,
    #[serde(default)]
    variant: Vec<Variant>,
}

#[derive(Debug, Default, Deserialize)]
struct Variant {
    #[serde(default)]
    name: String,
    #[serde(default)]
    system: Option<String>,
    #[serde(default)]
    preset: Option<String>,
    #[serde(flatten)]
    set: toml::Table,
}

/// The system unless one is named.
const USUAL: &str = "latent-intent";

/// One run of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// Name of its folder.
    pub name: String,
    /// Its settings.
    pub settings: Settings,
}

/// The runs of a sweep, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Runs with different names.
    pub runs: Vec<Planned>,
    text: String,
}

impl Sweep {
    /// Reads a sweep file.
    ///
    /// # Errors
    /// A file that cannot be read, unknown settings, impossible values, two runs of one name.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Fault::io(path, &error))?;
        Self::parse(path, text)
    }

    fn parse(path: &Path, text: String) -> Result<Self> {
        let bad = |detail: String| {
            Fault::new(FaultKind::BadRequest, path, detail).remedy(
                "a sweep has system, preset, seeds, [set], [grid] with lists of values, and [[variant]] with a name",
            )
        };
        let file: File = toml::from_str(&text).map_err(|error| bad(error.to_string()))?;
        let assign = |table: &toml::Table| -> Vec<String> {
            course::flat(table).iter().map(|(key, value)| format!("{key}={value}")).collect()
        };
        // `[set] system = ` is how `--set` says it
        let of_set = |key: &str| file.set.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        let system = of_set("system").or_else(|| file.system.clone()).unwrap_or_else(|| USUAL.to_owned());
        // Every combination of the grid, the last key fastest; its name and its settings.
        let mut cells: Vec<(Vec<String>, Vec<String>)> = vec![Default::default()];
        let grid = course::flat(&file.grid);
        for (key, values) in &grid {
            let values = values.as_array().filter(|values| !values.is_empty());
            let values = values.ok_or_else(|| bad(format!("[grid] {key} is not a list of values")))?;
            if cells.len().saturating_mul(values.len()) > MOST_RUNS {
                return Err(bad(format!("the grid has more than {MOST_RUNS} cells")));
            }
            cells = cells
                .iter()
                .flat_map(|(names, settings)| {
                    values.iter().map(move |value| {
                        let plain = value.to_string().replace(['"', ' ', '[', ']'], "").replace(',', "-");
                        let (mut names, mut settings) = (names.clone(), settings.clone());
                        names.push(format!("{key}-{plain}"));
                        settings.push(format!("{key}={value}"));
                        (names, settings)
                    })
                })
                .collect();
        }
        let nothing = [Variant::default()];
        let variants = if file.variant.is_empty() { &nothing[..] } else { &file.variant };
        let mut runs = Vec::new();
        for variant in variants {
            if variant.name.is_empty() && !file.variant.is_empty() {
                return Err(bad("a [[variant]] has no name".to_owned()));
            }
            for (names, cell) in &cells {
                let seeds: Vec<Option<u64>> = match file.seeds.as_slice() {
                    [] => vec![None],
                    seeds => seeds.iter().copied().map(Some).collect(),
                };
                for seed in &seeds {
                    let mut settings = assign(&file.set);
                    settings.extend(cell.iter().cloned().chain(assign(&variant.set)));
                    settings.extend(seed.map(|seed| format!("seed={seed}")));
                    settings.retain(|setting| !setting.starts_with("system="));
                    let system = variant.system.as_ref().unwrap_or(&system);
                    // where a variant's system has no such preset, it begins with its own
                    let known = systems().into_iter().find(|listed| listed.name == *system);
                    let own = file.preset.as_deref().filter(|preset| {
                        variant.system.is_none()
                            || known.is_some_and(|listed| listed.presets.contains(preset))
                    });
                    let preset = variant.preset.as_deref().or(own);
                    let configured = Settings::preset(system, preset).and_then(|mut configured| {
                        configured.set_all(&settings)?;
                        Ok(configured)
                    });
                    let settings = configured.map_err(|mut fault| {
                        fault.path = path.to_owned();
                        fault
                    })?;
                    let mut parts: Vec<String> = vec![variant.name.clone()];
                    parts.extend(names.iter().cloned());
                    parts.extend(seed.filter(|_| seeds.len() > 1).map(|seed| format!("seed-{seed}")));
                    parts.retain(|part| !part.is_empty());
                    let name =
                        if parts.is_empty() { settings.preset_name().to_owned() } else { parts.join("_") };
                    runs.push(Planned { name, settings });
                }
            }
        }
        if runs.len() > MOST_RUNS {
            return Err(bad(format!("{} runs are more than {MOST_RUNS}", runs.len())));
        }
        let mut known = BTreeSet::new();
        for run in &runs {
            let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            if run.name.starts_with('.') || !run.name.chars().all(fits) {
                let detail = format!("{:?} cannot be the name of a folder", run.name);
                return Err(bad(detail).remedy("use letters, digits, dots, - and _"));
            }
            if !known.insert(&run.name) {
                return Err(bad(format!("two runs are named {}", run.name)));
            }
        }
        Ok(Self { runs, text })
    }
}

/// How a run of a sweep came out.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Name of its folder.
    pub name: String,
    /// Done, failed, stopped, or queued when the sweep ended before it.
    pub state: Phase,
    /// Settings that differ from the preset.
    pub settings: Vec<(String, String)>,
    /// What a finished run has to show; as in its `summary.json`.
    pub summary: Option<Value>,
    /// Why it failed.
    pub error: Option<String>,
}

/// How a sweep came out.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Folder of the sweep.
    pub folder: PathBuf,
    /// One entry a run, in order.
    pub runs: Vec<Outcome>,
}

impl Report {
    /// Runs in a state.
    pub fn count(&self, state: Phase) -> usize {
        self.runs.iter().filter(|run| run.state == state).count()
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width = self.runs.iter().map(|run| run.name.len()).max().unwrap_or(0).max(3);
        let heads = ["clg", "usage", "z-gap", "nmi", "FRCorr", "FRDist", "FRDiv", "FRVar/real"];
        let mut head = format!("{:width$}  state   ", "run");
        for name in heads {
            let _ = write!(head, " {name:>10}");
        }
        writeln!(f, "{head}       time")?;
        for run in &self.runs {
            let state = serde_json::to_value(run.state).unwrap_or_default();
            write!(f, "{:width$}  {:8}", run.name, state.as_str().unwrap_or_default())?;
            let Some(summary) = &run.summary else {
                // the whole story is in sweep.json
                writeln!(
                    f,
                    " {}",
                    run.error.iter().flat_map(|error| error.split("; ")).next().unwrap_or("")
                )?;
                continue;
            };
            let (watch, measured) = (&summary["watch"], &summary["validation"]);
            for (value, digits) in [
                (&watch["clg"], 3),
                (&watch["usage"], 1),
                (&watch["z_gap"], 3),
                (&watch["nmi"], 2),
                (&measured["FRCorr"], 3),
                (&measured["FRDist"], 1),
                (&measured["FRDiv"], 4),
                (&measured["FRVar_ratio"], 2),
            ] {
                match value.as_f64() {
                    Some(value) => write!(f, " {value:>10.digits$}")?,
                    None => write!(f, " {:>10}", "-")?,
                }
            }
            writeln!(f, " {:>10}", clock::duration(summary["seconds"].as_f64().unwrap_or(0.0)))?;
        }
        write!(f, "-> {}", self.folder.join("sweep.json").display())
    }
}

/// What of the settings the data depends on: runs that share it share the data.
fn data_key(config: &Config) -> String {
    let Config { seed, book_m3d, book_ex, alternatives_only, true_pairs_only, latents, system, .. } = config;
    format!("{seed} {book_m3d} {book_ex} {alternatives_only} {true_pairs_only} {latents} {system:?}")
}

/// Trains all runs of a sweep on the processor, into folders under `folder`; writes `sweep.json` after each.
///
/// # Errors
/// As [`run_with`].
pub fn run(sweep: &Sweep, corpus: &Corpus, folder: &Path, control: &Control) -> Result<Report> {
    run_with(&Plain, sweep, corpus, folder, control)
}

/// As [`run`], where losses and gradients are computed by `engine`.
///
/// # Errors
/// A folder that cannot be written; cancelled on a stop. A run that fails is in the report.
pub fn run_with(
    engine: &dyn Engine,
    sweep: &Sweep,
    corpus: &Corpus,
    folder: &Path,
    control: &Control,
) -> Result<Report> {
    make_folder(folder)?;
    write_atomically(&folder.join("sweep.toml"), |writer| writer.write_all(sweep.text.as_bytes()))?;
    let mut report = Report { folder: folder.to_owned(), runs: Vec::new() };
    for planned in &sweep.runs {
        let differences = planned.settings.differences()?;
        let outcome = Outcome {
            name: planned.name.clone(),
            state: Phase::Queued,
            settings: differences.into_iter().map(|(key, _, value)| (key, value)).collect(),
            summary: finished(&folder.join(&planned.name), &planned.settings),
            error: None,
        };
        if outcome.summary.is_none() {
            announce(&folder.join(&planned.name), Phase::Queued, "waits for the runs before it")?;
        }
        report.runs.push(outcome);
    }
    let mut data: Option<(String, Data)> = None;
    for (index, planned) in sweep.runs.iter().enumerate() {
        let outcome = &mut report.runs[index];
        if outcome.summary.is_some() {
            outcome.state = Phase::Done;
            continue;
        }
        control.check()?;
        let run = folder.join(&planned.name);
        match train_one(engine, &planned.settings, corpus, &run, folder, &mut data, control) {
            Ok(summary) => (outcome.state, outcome.summary) = (Phase::Done, Some(summary)),
            Err(fault) if fault.is_cancelled() && control.stopped() => {
                outcome.state = Phase::Stopped;
                write_report(&report)?;
                return Err(
                    fault.remedy("start the sweep again: what is finished is skipped, the rest goes on")
                );
            }
            // Stopped through its own folder: the others go on.
            Err(fault) if fault.is_cancelled() => outcome.state = Phase::Stopped,
            Err(fault) => (outcome.state, outcome.error) = (Phase::Failed, Some(fault.to_string())),
        }
        write_report(&report)?;
    }
    write_report(&report)?;
    Ok(report)
}

fn train_one(
    engine: &dyn Engine,
    settings: &Settings,
    corpus: &Corpus,
    run: &Path,
    scratch: &Path,
    known: &mut Option<(String, Data)>,
    control: &Control,
) -> Result<Value> {
    let internal = |error: serde_json::Error| Fault::new(FaultKind::Internal, run, error.to_string());
    let resume = run.join("config.toml").exists();
    let Settings::Own(config) = settings else {
        *known = None;
        let failed = |fault: &Fault| {
            if !fault.is_cancelled() {
                let _ = announce(run, Phase::Failed, &fault.to_string());
            }
        };
        let summary = settings.train(engine, corpus, run, resume, control).inspect_err(failed)?;
        return serde_json::to_value(&summary).map_err(internal);
    };
    let key = data_key(config);
    if known.as_ref().is_none_or(|(of, _)| *of != key) {
        *known = None; // its file goes before another takes the space
        announce(run, Phase::Running, "reading the corpus")?;
        let loaded = Data::load(corpus, config, Some(scratch), control).inspect_err(|fault| {
            let phase = if fault.is_cancelled() { Phase::Queued } else { Phase::Failed };
            let _ = announce(run, phase, &fault.to_string());
        })?;
        *known = Some((key, loaded));
    }
    let Some((_, data)) = known else { return Err(Fault::new(FaultKind::Internal, run, "no data")) };
    let summary = train_on_with(engine, config, data, run, resume, control)
        // a folder that cannot be taken up says so in its status, too
        .inspect_err(|fault| {
            if fault.kind == FaultKind::Mismatch {
                let _ = announce(run, Phase::Failed, &fault.to_string());
            }
        })?;
    serde_json::to_value(&summary).map_err(internal)
}

fn announce(run: &Path, state: Phase, message: &str) -> Result<()> {
    make_folder(run)?;
    Status::new(state, message).write(&run.join("status.json"))
}

/// The summary of a run that came to its end with the same settings.
fn finished(run: &Path, settings: &Settings) -> Option<Value> {
    let file = run.join("config.toml");
    let same = Settings::from_toml(&file, &std::fs::read_to_string(&file).ok()?).ok()? == *settings;
    let done = Status::read(&run.join("status.json"))?.state == Phase::Done;
    let summary = std::fs::read_to_string(run.join("summary.json")).ok()?;
    serde_json::from_str(&summary).ok().filter(|_| same && done)
}

fn write_report(report: &Report) -> Result<()> {
    let text = serde_json::to_string_pretty(report).unwrap_or_default();
    write_atomically(&report.folder.join("sweep.json"), |writer| writer.write_all(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Sweep> {
        Sweep::parse("sweep.toml".as_ref(), text.to_owned())
    }

    #[test]
    fn seeds_values_and_variants_are_multiplied_in_order() {
        let sweep = parse(
            "seeds = [1, 2]\n[set]\nbatch = 8\n[grid]\nlatents = [4, 8]\nmode = ['online']\n\
             [[variant]]\nname = 'reference'\n[[variant]]\nname = 'no-bow'\nweight_bag = 0\n",
        )
        .unwrap();
        let names: Vec<&str> = sweep.runs.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(names.len(), 8);
        assert_eq!(names[0], "reference_latents-4_mode-online_seed-1");
        assert_eq!(names[7], "no-bow_latents-8_mode-online_seed-2");
        let Settings::Own(last) = &sweep.runs[7].settings else { panic!("the paper's own") };
        assert_eq!((last.batch, last.latents, last.seed, last.weight_bag), (8, 8, 2, 0.0));
        assert_eq!(last.mode, crate::Mode::Online);
        let plain = parse("preset = 'small'").unwrap();
        assert_eq!((plain.runs.len(), plain.runs[0].name.as_str()), (1, "small"));
    }

    #[test]
    fn what_cannot_be_swept_is_refused_with_the_file() {
        for wrong in [
            "speed = 3",
            "preset = 'huge'",
            "[grid]\nlatents = 8",
            "[grid]\nlatents = []",
            "[grid]\nlatent = [8]",
            "[set]\nbatch = 0",
            "seeds = [1, 1]",
            "[[variant]]\nbatch = 3",
            "[[variant]]\nname = '../up'",
            "[[variant]]\nname = 'a'\n[[variant]]\nname = 'a'",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse("[set]\nbatch = 0").unwrap_err().to_string().contains("sweep.toml"));
    }
}
