//! Writes tables, figures and the report of a corpus: `report CORPUS OUT [SPLIT] [SYSTEM]...`.
#![allow(clippy::print_stdout, reason = "a program of the command line")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use clips::corpus::{self, Corpus};
use clips::{Control, Fault, FaultKind, Result};
use study::{Entry, Settings, Split, export, run};

const SYSTEMS: [&str; 6] = ["random", "mime", "mean-frame", "demo", "demo@spread", "demo-plain"];

fn main() -> std::process::ExitCode {
    match made() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(fault) => {
            println!("{fault}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn made() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [corpus, out, rest @ ..] = words.as_slice() else {
        return Err(Fault::new(FaultKind::BadRequest, "", "name a corpus and a folder")
            .remedy("report CORPUS OUT [SPLIT] [SYSTEM]..."));
    };
    let control = Control::default();
    let wanted = rest.first().map_or("val", String::as_str);
    let which = corpus::Split::ALL.into_iter().find(|split| split.name() == wanted).ok_or_else(|| {
        Fault::new(FaultKind::BadRequest, "", format!("{wanted} is no split"))
            .remedy("use train, val or test")
    })?;
    let corpus = Arc::new(Corpus::open(Path::new(corpus), &control)?);
    let split = Split::read(corpus.clone(), which, None, &control)?;
    let named: Vec<&str> = rest.iter().skip(1).map(String::as_str).collect();
    let entries = if named.is_empty() { SYSTEMS.to_vec() } else { named }
        .into_iter()
        .map(|spec| Entry::parse(spec, &corpus, which, &control))
        .collect::<Result<Vec<_>>>()?;
    let start = Instant::now();
    let (scored, board) = run(&entries, &split, &Settings::default(), None, &control)?;
    println!(
        "{} systems over {} clips: {:.1} s",
        board.rows.len(),
        board.clips,
        start.elapsed().as_secs_f64()
    );
    let start = Instant::now();
    let files = export::write(&board, &scored, Path::new(out), &control)?;
    let bytes: u64 =
        files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|meta| meta.len()).sum();
    println!("{} files, {} KiB: {:.1} s", files.len(), bytes / 1024, start.elapsed().as_secs_f64());
    Ok(())
}
