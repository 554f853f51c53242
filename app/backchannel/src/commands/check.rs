//! `backchannel check`: every fault of a corpus with path, kind and remedy; and, with `--split-matrix`, the cut of the
//! matrix over the whole corpus into the matrices of the splits.
//!
//! Exit code 1 when anything was found, junk files included: a copy that is not what was shipped should not pass a
//! script unseen. `--fail-on warning` or `--fail-on error` lets lighter findings pass; they are still printed.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use clips::Fault;
use clips::corpus::check::{CheckConfig, Severity, check};
use clips::corpus::{Corpus, data_indices, split_matrix};

use super::bad_request;
use crate::output::Output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Corpus folder in the REACT 2023, 2024 or 2025 layout
    #[arg(value_name = "CORPUS")]
    corpus: PathBuf,
    /// Frames that every clip's attributes should have; without it the usual length of the corpus
    #[arg(long, value_name = "N")]
    frames: Option<usize>,
    /// Do not decode sound (quicker; nothing is then said about the jaw)
    #[arg(long)]
    no_sound: bool,
    /// Show every finding, not only the first of each sort
    #[arg(long)]
    all: bool,
    /// Lightest finding that makes the exit code 1
    #[arg(long, value_enum, default_value = "note")]
    fail_on: FailOn,
    /// Do not check; cut this matrix over the whole corpus into neighbour_emotion_{train,val,test}.npy
    #[arg(long, value_name = "FILE")]
    split_matrix: Option<PathBuf>,
    /// The data_indices.csv of that matrix; without it the corpus' own
    #[arg(long, value_name = "FILE", requires = "split_matrix")]
    indices: Option<PathBuf>,
    /// Folder for the cut matrices; without it the corpus
    #[arg(long, value_name = "DIR", requires = "split_matrix")]
    out: Option<PathBuf>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// What makes the exit code 1.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FailOn {
    /// Anything at all
    Note,
    /// Warnings and errors
    Warning,
    /// Errors only
    Error,
}

/// Checks or cuts; whether the exit code should be 1.
pub fn run(args: &Args, output: &Output) -> clips::Result<bool> {
    let control = output.control();
    let corpus = Corpus::open(&args.corpus, &control.silent())?;
    if let Some(full) = &args.split_matrix {
        return split(args, &corpus, full, output, &control);
    }
    let loudness =
        |path: &Path| -> clips::Result<Vec<f32>> { Ok(speech::loudness_db(&speech::decode(path)?)) };
    let mut config = CheckConfig { frames: args.frames, loudness: None };
    if !args.no_sound {
        config.loudness = Some(&loudness);
    }
    let report = check(&corpus, &config, &control)?;
    output.result(&report, report.table(args.all))?;
    let worst = match args.fail_on {
        FailOn::Note => Severity::Note,
        FailOn::Warning => Severity::Warning,
        FailOn::Error => Severity::Error,
    };
    Ok(report.faults.iter().any(|finding| finding.severity <= worst))
}

fn split(
    args: &Args,
    corpus: &Corpus,
    full: &Path,
    output: &Output,
    control: &clips::Control,
) -> clips::Result<bool> {
    let indices = args.indices.clone().or_else(|| data_indices(corpus.root())).ok_or_else(|| {
        bad_request(
            "there is no data_indices.csv in the corpus",
            "name it with --indices; it is tool/data_indices.csv of the challenge's repository",
        )
    })?;
    let folder = args.out.as_deref().unwrap_or(corpus.root());
    clips::array::make_folder(folder)?;
    let (mut written, mut text) = (Vec::new(), String::new());
    let mut dropped: Vec<Fault> = Vec::new();
    for matrix in split_matrix(corpus, full, &indices, control)? {
        let path = matrix.write(folder)?;
        let wanted = corpus.clips(matrix.split).len();
        text += &format!("{}: {} x {} for {wanted} clips\n", path.display(), matrix.size, matrix.size);
        written.push(serde_json::json!({
            "split": matrix.split.name(), "path": path, "size": matrix.size, "clips": wanted,
            "dropped": matrix.dropped.len(),
        }));
        dropped.extend(matrix.dropped);
    }
    for fault in &dropped {
        output.warn(fault);
    }
    output.result(&serde_json::json!({ "matrices": written, "faults": dropped }), text)?;
    Ok(!dropped.is_empty())
}
