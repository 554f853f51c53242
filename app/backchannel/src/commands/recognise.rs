//! `backchannel recognise`: which latent intent a network sees in real listeners, as a whole and on the way.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use clips::corpus::Corpus;
use clips::take::STYLES;
use clips::{Fault, FaultKind};
use rayon::prelude::*;

use super::bad_request;
use super::generate::parse_split;
use crate::output::Output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Checkpoint file; `demo` is the shipped one
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// Corpus folder in the REACT layout
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// Split of the corpus: train, val or test
    #[arg(long, default_value = "val")]
    split: String,
    /// Only this row of the split, counted from 0
    #[arg(long, value_name = "ROW")]
    row: Option<usize>,
    /// Also the posterior after every so many frames: what a watcher would have thought so far
    #[arg(long, value_name = "FRAMES")]
    every: Option<usize>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    if args.every == Some(0) {
        return Err(bad_request("--every 0 reads nothing", "ask for at least 1 frame"));
    }
    let control = output.control();
    let system = super::load_system(&args.checkpoint)?;
    let network = system.latent_intent().filter(|_| system.latents() > 0).ok_or_else(|| {
        Fault::new(FaultKind::Unsupported, &args.checkpoint, "this system has no latent intents")
            .remedy("choose a latent-intent checkpoint")
    })?;
    let corpus = Corpus::open(&args.corpus, &control.silent())?;
    let split = parse_split(&args.split)?;
    let entries = corpus.clips(split);
    let rows: Vec<usize> = match args.row {
        Some(row) if row < entries.len() => vec![row],
        Some(row) => {
            return Err(bad_request(
                format!("--row {row}: the {} split has {} rows", split.name(), entries.len()),
                "rows are counted from 0",
            ));
        }
        None => (0..entries.len()).collect(),
    };
    let done = std::sync::atomic::AtomicU64::new(0);
    let read: Vec<serde_json::Value> = rows
        .par_iter()
        .map(|row| {
            let step = 1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            control.step("reading real listeners", step, rows.len() as u64, "")?;
            let entry = &entries[*row];
            let speaker = listener::corpus_speaker(&corpus, entry)?;
            let person = listener::read_face(&corpus, &entry.listener)?;
            let (posterior, logit) = network.recognise(&entry.id, &speaker, &person)?;
            let style = network.style_of(&entry.id, &person)?;
            let style = style.map(|style| STYLES.into_iter().zip(style).collect::<BTreeMap<_, _>>());
            let way = match args.every {
                Some(every) => {
                    network.posterior_over_time(&entry.id, &speaker, &person, every, &control.silent())?
                }
                None => Vec::new(),
            };
            let way: Vec<_> = way
                .into_iter()
                .map(|(frames, posterior)| serde_json::json!({ "frames": frames, "posterior": posterior }))
                .collect();
            let mut read = serde_json::json!({
                "row": row, "clip": entry.id, "posterior": posterior, "rm_score": logit, "on_the_way": way,
            });
            if let Some(style) = style {
                read["style"] = serde_json::json!(style);
            }
            Ok(read)
        })
        .collect::<clips::Result<_>>()?;
    let head = match args.every {
        Some(_) => "clip, its surest latents | the surest so far, by the frame at which it changes\n",
        None => "clip, its surest latents\n",
    };
    let text = head.to_owned() + &read.iter().map(line).collect::<String>();
    let value = serde_json::json!({
        "system": system.name(), "checkpoint": system.checkpoint(), "split": split, "rows": read,
    });
    output.result(&value, text)
}

/// The clip, its surest latents, and how the surest one changes on the way.
fn line(row: &serde_json::Value) -> String {
    let shares = |value: &serde_json::Value| -> Vec<(usize, f64)> {
        let mut all: Vec<(usize, f64)> = value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(serde_json::Value::as_f64)
            .enumerate()
            .collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all
    };
    let mut text = row["clip"].as_str().unwrap_or_default().to_owned();
    // writing to a String cannot fail
    for (latent, share) in shares(&row["posterior"]).into_iter().take(3) {
        let _ = write!(text, "  z{} {share:.2}", latent + 1);
    }
    if let Some(style) = row["style"].as_object() {
        let number = |name: &str| style.get(name).and_then(serde_json::Value::as_f64).unwrap_or(0.0);
        let words: Vec<String> = STYLES.iter().map(|name| format!("{name}={:.1}", number(name))).collect();
        let _ = write!(text, "  | {}", words.join(" "));
    }
    let mut leader = None;
    for moment in row["on_the_way"].as_array().into_iter().flatten() {
        let best = shares(&moment["posterior"]).first().map(|(latent, _)| *latent);
        if best != leader {
            let _ = write!(
                text,
                "{} {}:z{}",
                if leader.is_none() { "  |" } else { "" },
                moment["frames"],
                best.map_or(0, |z| z + 1)
            );
            leader = best;
        }
    }
    text + "\n"
}
