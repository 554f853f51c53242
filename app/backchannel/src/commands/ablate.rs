//! `backchannel ablate`: trains the variants of the method and measures what each part is for.
//!
//! A run that is there is taken up where it stopped, a finding that is there is kept, so an interrupted table goes on,
//! and several machines can share one folder with `--shard`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clips::array::{make_folder, write_atomically};
use clips::corpus::{Corpus, Split};
use clips::{Control, Fault, FaultKind, Sampling, Track};
use serde::{Deserialize, Serialize};
use study::intents::{Asked, KnownSplit, findings};
use training::ablations::{VARIANTS, Variant, reference};
use training::{Config, Engine, Mode};

use super::{Shard, bad_request};
use crate::output::Output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Corpus written by `synth`; variants learn from its train split and are judged on its val split
    #[arg(long, value_name = "DIR", required_unless_present = "only")]
    corpus: Option<PathBuf>,
    /// Seeds of the variants that a decision hangs on (the reference, the losses, history, latent, mode); the others have one
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// As many seeds for every row
    #[arg(long)]
    all_seeds: bool,
    /// Only these variants, separated by commas; `list` shows them
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    only: Vec<String>,
    /// Preset the variants start from
    #[arg(long, default_value = "tiny")]
    preset: String,
    /// Change a setting of all variants; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// What computes losses and gradients, as in `train`
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Do every N-th run only, beginning with the I-th (from 1): 2/4
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    /// Folder for runs, findings and tables
    #[arg(long, value_name = "DIR", required_unless_present = "only")]
    out: Option<PathBuf>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// What is known of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Finding {
    variant: String,
    seed: u64,
    /// Settings of the run, as its config file.
    settings: String,
    track: Track,
    /// How its reactions were drawn.
    sampling: Sampling,
    seconds: f64,
    /// Held-out CLG with the recognised latent (if there are latents), nats a frame.
    clg: Option<f64>,
    values: Vec<(String, Option<f64>)>,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    if args.only == ["list"] {
        let text: String =
            VARIANTS.iter().map(|variant| format!("{:<22} {}\n", variant.name, variant.note)).collect();
        let value: Vec<_> = VARIANTS
            .iter()
            .map(|v| serde_json::json!({ "name": v.name, "note": v.note, "changes": v.changes }))
            .collect();
        return output.result(&value, text);
    }
    let (Some(corpus), Some(out)) = (&args.corpus, &args.out) else {
        return Err(bad_request("nothing to learn from, or nowhere to keep it", "give --corpus and --out"));
    };
    let variants = chosen(&args.only)?;
    let engine = accelerated::engine(&args.device)?;
    if args.seeds == 0 {
        return Err(bad_request("--seeds 0 trains nothing", "ask for at least 1"));
    }
    let mut config = Config::preset(&args.preset)?;
    for change in &args.set {
        config.set(change)?;
    }
    let reference = reference(&config);
    let shard = args.shard.as_deref().map(Shard::parse).transpose()?;
    let control = output.control();
    let corpus = Corpus::open(corpus, &control.silent())?;
    let known = KnownSplit::read(&corpus, Split::Val, &control)?;
    make_folder(&out.join("findings"))?;
    let jobs: Vec<(&Variant, u64)> = variants
        .iter()
        .flat_map(|variant| {
            let seeds = if variant.decides || args.all_seeds { args.seeds } else { 1 };
            (1..=seeds).map(move |seed| (*variant, seed))
        })
        .collect();
    for (index, (variant, seed)) in jobs.iter().enumerate() {
        if shard.is_some_and(|shard| !shard.holds(index)) {
            continue;
        }
        control.step("variants", index as u64, jobs.len() as u64, variant.name)?;
        let work = Work { engine: &*engine, corpus: &corpus, known: &known, out, control: &control };
        work.one(variant, &variant.config(&reference, *seed)?)?;
    }
    let rows = table_rows(out, &jobs)?;
    let missing = jobs.iter().filter(|(variant, seed)| !file_of(out, variant.name, *seed).is_file()).count();
    if missing > 0 {
        output.warn(format!("{missing} of {} runs are not done yet", jobs.len()));
    }
    let markdown = markdown(&rows);
    let write = |name: &str, text: &str| {
        write_atomically(&out.join(name), |writer| writer.write_all(text.as_bytes()))
    };
    write("ablations.md", &markdown)?;
    write("ablations.csv", &csv_of(&rows))?;
    let value = serde_json::json!({ "rows": rows, "missing": missing });
    write("ablations.json", &value.to_string())?;
    output.result(&value, markdown)
}

fn chosen(only: &[String]) -> clips::Result<Vec<&'static Variant>> {
    if only.is_empty() {
        return Ok(VARIANTS.iter().collect());
    }
    only.iter()
        .map(|name| {
            VARIANTS.iter().find(|variant| variant.name == name).ok_or_else(|| {
                bad_request(format!("there is no variant {name}"), "`ablate --only list` shows them")
            })
        })
        .collect()
}

fn file_of(out: &Path, variant: &str, seed: u64) -> PathBuf {
    out.join("findings").join(format!("{variant}-{seed}.json"))
}

struct Work<'a> {
    engine: &'a dyn Engine,
    corpus: &'a Corpus,
    known: &'a KnownSplit,
    out: &'a Path,
    control: &'a Control,
}

impl Work<'_> {
    /// Trains and measures a variant, unless that is done.
    fn one(&self, variant: &Variant, config: &Config) -> clips::Result<()> {
        let file = file_of(self.out, variant.name, config.seed);
        let settings = config.to_toml()?;
        if let Some(old) = read(&file)? {
            if old.settings == settings && old.sampling == Sampling::default() {
                return Ok(());
            }
            if old.settings != settings {
                return Err(Fault::new(FaultKind::Mismatch, &file, "this finding is of other settings")
                    .remedy("choose another --out, or remove the file and its run"));
            }
        }
        let run = self.out.join("runs").join(format!("{}-{}", variant.name, config.seed));
        let summary = training::train_with(
            self.engine,
            config,
            self.corpus,
            &run,
            run.join("state.bin").is_file(),
            self.control,
        )?;
        let track = if config.mode == Mode::Online { Track::Online } else { Track::Offline };
        let system = listener::load(&summary.checkpoint)?;
        let asked = Asked { track, sampling: Sampling::default(), seed: 1 };
        let found = findings(&*system, self.known, &asked, self.control)?;
        let finding = Finding {
            variant: variant.name.to_owned(),
            seed: config.seed,
            settings,
            track,
            sampling: asked.sampling,
            seconds: summary.seconds,
            clg: Some(summary.watch.clg),
            values: found.values().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        };
        let text = serde_json::to_string(&finding)
            .map_err(|error| Fault::new(FaultKind::Internal, "", error.to_string()))?;
        write_atomically(&file, |writer| writer.write_all(text.as_bytes()))
    }
}

fn read(file: &Path) -> clips::Result<Option<Finding>> {
    if !file.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(file).map_err(|error| Fault::io(file, &error))?;
    let finding = serde_json::from_str(&text).map_err(|error| {
        Fault::new(FaultKind::Malformed, file, error.to_string()).remedy("remove it; it is made again")
    })?;
    Ok(Some(finding))
}

/// One row of the table: a variant over its seeds.
#[derive(Debug, Serialize)]
struct Row {
    variant: String,
    note: &'static str,
    seeds: Vec<u64>,
    /// Name, mean, and standard deviation over seeds (`None` with one seed).
    values: Vec<(String, Option<f64>, Option<f64>)>,
}

fn table_rows(out: &Path, jobs: &[(&Variant, u64)]) -> clips::Result<Vec<Row>> {
    let mut names: Vec<(&str, &'static str)> = Vec::new();
    for (variant, _) in jobs {
        if !names.iter().any(|(name, _)| *name == variant.name) {
            names.push((variant.name, variant.note));
        }
    }
    let most = jobs.iter().map(|(_, seed)| *seed).max().unwrap_or(1);
    let mut rows = Vec::new();
    for (name, note) in names {
        let mut found = Vec::new();
        for seed in 1..=most {
            found.extend(read(&file_of(out, name, seed))?);
        }
        let Some(first) = found.first() else { continue };
        let mut values = vec![("clg".to_owned(), found.iter().map(|f| f.clg).collect::<Vec<_>>())];
        for (index, (name, _)) in first.values.iter().enumerate() {
            values.push((name.clone(), found.iter().map(|f| f.values.get(index)?.1).collect()));
        }
        let values = values.into_iter().map(|(name, all)| {
            let all: Vec<f64> = all.into_iter().flatten().filter(|x| x.is_finite()).collect();
            let count = all.len() as f64;
            let mean = (!all.is_empty()).then(|| all.iter().sum::<f64>() / count);
            let spread = mean.filter(|_| all.len() > 1).map(|mean| {
                (all.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (count - 1.0)).sqrt()
            });
            (name, mean, spread)
        });
        rows.push(Row {
            variant: name.to_owned(),
            note,
            seeds: found.iter().map(|finding| finding.seed).collect(),
            values: values.collect(),
        });
    }
    Ok(rows)
}

fn markdown(rows: &[Row]) -> String {
    let Some(first) = rows.first() else { return "no finding yet\n".to_owned() };
    let mut text = String::from("| variant | seeds |");
    for (name, ..) in &first.values {
        let _ = write!(text, " {name} |"); // writing to a String cannot fail
    }
    let _ = write!(text, " |\n|---|---|{}---|\n", "---:|".repeat(first.values.len()));
    for row in rows {
        let _ = write!(text, "| {} | {} |", row.variant, row.seeds.len());
        for (_, mean, spread) in &row.values {
            let _ = match (mean, spread) {
                (Some(mean), Some(spread)) => write!(text, " {mean:.2} ±{spread:.2} |"),
                (Some(mean), None) => write!(text, " {mean:.2} |"),
                _ => write!(text, " - |"),
            };
        }
        let _ = writeln!(text, " {} |", row.note);
    }
    text
}

fn csv_of(rows: &[Row]) -> String {
    let mut text = String::from("variant,measure,mean,sd,seeds\n");
    for row in rows {
        for (name, mean, spread) in &row.values {
            let number = |value: &Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
            let _ = writeln!(
                text,
                "{},{name},{},{},{}",
                row.variant,
                number(mean),
                number(spread),
                row.seeds.len()
            );
        }
    }
    text
}
