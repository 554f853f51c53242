//! `backchannel parity`: golden files recomputed with our own code, every tensor against its tolerance.

use std::fmt::Write as _;
use std::path::PathBuf;

use clips::golden::Verdict;
use serde::Serialize;

use crate::output::Output;
use crate::parity::{self, Checked};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of golden files; folders inside are searched too
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Write what was computed there, under the same file and tensor names
    #[arg(long, value_name = "OUT")]
    outputs: Option<PathBuf>,
    /// Where networks run
    #[arg(long, default_value = "cpu")]
    device: String,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// The result of the command.
#[derive(Debug, Serialize)]
struct Report {
    within: usize,
    beyond: usize,
    not_computed: usize,
    inputs: usize,
    files: Vec<Checked>,
}

/// Whether any tensor is further off than it may be.
pub fn run(args: &Args, output: &Output) -> clips::Result<bool> {
    if args.device != "cpu" {
        return Err(super::bad_request(
            format!("there is no device {:?} for golden files", args.device),
            "use --device cpu; networks run on the processor in this build",
        ));
    }
    let files = parity::check(&args.folder, args.outputs.as_deref(), &output.control())?;
    let count =
        |verdict| files.iter().flat_map(|file| &file.tensors).filter(|line| line.verdict == verdict).count();
    let report = Report {
        within: count(Verdict::Within),
        beyond: count(Verdict::Beyond),
        not_computed: count(Verdict::NotComputed),
        inputs: count(Verdict::Input),
        files,
    };
    output.result(&report, table(&report))?;
    Ok(report.beyond > 0)
}

fn table(report: &Report) -> String {
    let mut text = String::new();
    // writing to a String cannot fail
    for file in &report.files {
        let _ = writeln!(text, "{} ({})", file.file, file.form.unwrap_or("of no form we know"));
        for line in &file.tensors {
            let (mark, numbers) = match line.verdict {
                Verdict::Within => ("ok", numbers(line)),
                Verdict::Beyond => ("BEYOND", numbers(line)),
                Verdict::Input => ("input", String::new()),
                Verdict::NotComputed => ("not computed", String::new()),
            };
            let _ = writeln!(text, "  {mark:<13}{:<44}{numbers}  {}", line.tensor, line.remark);
        }
    }
    let _ = write!(
        text,
        "{} within tolerance, {} beyond, {} not computed, {} inputs",
        report.within, report.beyond, report.not_computed, report.inputs
    );
    text
}

fn numbers(line: &clips::golden::Line) -> String {
    let difference = line.largest_difference.map_or_else(|| "-".to_owned(), |value| format!("{value:.2e}"));
    let tolerance = line.tolerance.map_or_else(String::new, |tolerance| {
        let relative = match tolerance.relative {
            0.0 => String::new(),
            relative => format!(" + {relative:.0e} of it"),
        };
        let rounded = match tolerance.rounded_share {
            0.0 => String::new(),
            share => format!(", {:.0} % may be 1 off", share * 100.0),
        };
        format!("{:.0e}{relative}{rounded}", tolerance.absolute)
    });
    format!("{difference:>9} of {tolerance}")
}
