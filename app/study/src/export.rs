//! A study as files for a paper: tables in four forms, tests, values clip by clip, figures, and the report.
//!
//! Everything is made in memory first and written then, each file in one step: a cancelled or failed export leaves whole
//! files or none. The same board gives the same bytes.

use std::io::Write;
use std::path::{Path, PathBuf};

use clips::array::{make_folder, write_atomically};
use clips::{Control, Fault, FaultKind, Result};
use figures::{Figure, Style, Table, Width};
use rayon::prelude::*;

use crate::board::{Board, Scored};
use crate::column::Column;
use crate::gallery::{self, Picture};
use crate::protocol::Protocol;
use crate::{report, tables};

/// Pixels for every point of a PNG: 300 dots an inch.
const PIXELS_PER_POINT: f32 = 300.0 / 72.0;

/// Writes everything into `folder`, which is made, and returns the files in a fixed order:
///
/// - `table.*` (the official six; with the published rows where the split is theirs) and `table-all.*` (every column) as `.tex`, `.csv`, `.md`,
///   `.json`;
/// - `tests.csv`: every system against the best by each column; `per_clip.csv`: every value of every clip;
/// - `figures/NAME-column.*` and `figures/NAME-page.*` as `.svg` and `.png` (300 dots an inch), for the widths of a paper;
/// - `report.html`.
///
/// # Errors
/// [`FaultKind::NotWritable`] naming the file; cancelled on request.
pub fn write(board: &Board, scored: &[Scored], folder: &Path, control: &Control) -> Result<Vec<PathBuf>> {
    let mut files = documents(board, scored, control)?;
    files.extend(drawn(&gallery::pictures(board, scored, &control.silent())?, control)?);
    make_folder(folder)?;
    make_folder(&folder.join("figures"))?;
    let total = files.len() as u64;
    let mut written = Vec::with_capacity(files.len());
    for (index, (name, bytes)) in files.into_iter().enumerate() {
        control.step("writing", index as u64, total, name.clone())?;
        let path = folder.join(&name);
        write_atomically(&path, |out| out.write_all(&bytes))?;
        written.push(path);
    }
    Ok(written)
}

/// Writes the table of a protocol into `folder` as `table-NAME` in the four forms.
///
/// # Errors
/// As [`write`].
pub fn table_of(board: &Board, protocol: &Protocol, folder: &Path) -> Result<Vec<PathBuf>> {
    make_folder(folder)?;
    let mut written = Vec::new();
    for (ending, text) in forms(&tables::of_protocol(board, protocol))? {
        let path = folder.join(format!("table-{}.{ending}", protocol.name));
        write_atomically(&path, |out| out.write_all(text.as_bytes()))?;
        written.push(path);
    }
    Ok(written)
}

/// Name and content of everything but the figures.
fn documents(board: &Board, scored: &[Scored], control: &Control) -> Result<Vec<(String, Vec<u8>)>> {
    let all: Vec<Column> = Column::all().collect();
    let mut files = Vec::new();
    for (name, columns) in [("table", &Column::OFFICIAL[..]), ("table-all", &all)] {
        for (ending, text) in forms(&tables::table(board, columns, tables::beside_published(board)))? {
            files.push((format!("{name}.{ending}"), text.into_bytes()));
        }
    }
    files.push(("tests.csv".to_owned(), tests(board, control)?));
    files.push(("per_clip.csv".to_owned(), per_clip(board, control)?));
    files.push(("report.html".to_owned(), report::html(board, scored, control)?.into_bytes()));
    Ok(files)
}

/// Writes figures of any kind into `folder`, each as `.svg` and `.png` at the width of a page.
///
/// # Errors
/// As [`write`].
pub fn pictures(figures: &[(&str, &dyn Figure)], folder: &Path) -> Result<Vec<PathBuf>> {
    make_folder(folder)?;
    let mut written = Vec::new();
    for (name, figure) in figures {
        let drawing = figure.draw_at(&Style::paper(), Width::Page);
        let svg = figures::svg(&drawing).into_bytes();
        for (ending, bytes) in [("svg", svg), ("png", figures::png(&drawing, PIXELS_PER_POINT)?)] {
            let path = folder.join(format!("{name}.{ending}"));
            write_atomically(&path, |out| out.write_all(&bytes))?;
            written.push(path);
        }
    }
    Ok(written)
}

fn forms(table: &Table) -> Result<[(&'static str, String); 4]> {
    Ok([("tex", table.latex()), ("csv", table.csv()?), ("md", table.markdown()), ("json", table.json()?)])
}

/// Pictures at two widths as SVG and PNG.
fn drawn(pictures: &[Picture], control: &Control) -> Result<Vec<(String, Vec<u8>)>> {
    let style = Style::paper();
    let done = std::sync::atomic::AtomicU64::new(0);
    let files: Vec<Vec<(String, Vec<u8>)>> = pictures
        .par_iter()
        .map(|picture| {
            let step = 1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            control.step("drawing figures", step, pictures.len() as u64, picture.name.clone())?;
            let mut files = Vec::with_capacity(4);
            for (width, place) in [(Width::Column, "column"), (Width::Page, "page")] {
                let drawing = picture.figure.draw_at(&style, width);
                let name = format!("figures/{}-{place}", picture.name);
                files.push((format!("{name}.svg"), figures::svg(&drawing).into_bytes()));
                files.push((format!("{name}.png"), figures::png(&drawing, PIXELS_PER_POINT)?));
            }
            Ok(files)
        })
        .collect::<Result<_>>()?;
    Ok(files.into_iter().flatten().collect())
}

/// A number with every digit it has, or nothing.
fn digits(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

/// A p with every digit it has, the small ones with their power of ten.
fn probability(value: Option<f64>) -> String {
    match value {
        Some(p) if p < 1e-3 => format!("{p:e}"),
        value => digits(value),
    }
}

/// Every system against the best, a line a column and system.
fn tests(board: &Board, control: &Control) -> Result<Vec<u8>> {
    let head = [
        "measure",
        "system",
        "best",
        "difference",
        "low",
        "high",
        "p_permutation",
        "p_permutation_exact",
        "p_signed_rank",
        "p_holm",
        "d_z",
        "share_better",
        "clips",
        "left_out",
    ];
    let mut lines = Vec::new();
    for column in Column::all() {
        let rounds = board.settings.bootstrap;
        let Some(found) = tables::against_best(board, column, rounds, &control.silent())? else { continue };
        for test in &found.tests {
            let Some(pair) = &test.found else { continue };
            lines.push(vec![
                column.name().to_owned(),
                board.rows[test.row].label.clone(),
                board.rows[found.best].label.clone(),
                digits(Some(pair.difference)),
                digits(pair.interval.map(|interval| interval.low)),
                digits(pair.interval.map(|interval| interval.high)),
                probability(pair.permutation),
                pair.exact.to_string(),
                probability(pair.signed_rank),
                probability(test.adjusted),
                digits(pair.effect),
                digits(Some(pair.better)),
                pair.clips.to_string(),
                pair.left_out.to_string(),
            ]);
        }
    }
    csv(head.map(str::to_owned).to_vec(), lines)
}

/// Every value of every clip: a line a system and clip, a column a measure that has values by clip. Mean over seeds.
fn per_clip(board: &Board, control: &Control) -> Result<Vec<u8>> {
    let by_clip = |column: &Column| {
        board.rows.iter().any(|row| row.cell(*column).is_some_and(|cell| !cell.per_clip.is_empty()))
    };
    let columns: Vec<Column> = Column::all().filter(by_clip).collect();
    let head = ["clip", "system"].into_iter().chain(columns.iter().map(|column| column.name()));
    let mut lines = Vec::with_capacity(board.rows.len() * board.ids.len());
    for row in &board.rows {
        control.check()?;
        let values: Vec<&[Option<f64>]> = columns
            .iter()
            .map(|column| row.cell(*column).map_or(&[][..], |cell| cell.per_clip.as_slice()))
            .collect();
        for (clip, id) in board.ids.iter().enumerate() {
            let mut line = vec![id.clone(), row.label.clone()];
            line.extend(values.iter().map(|values| digits(values.get(clip).copied().flatten())));
            lines.push(line);
        }
    }
    csv(head.map(str::to_owned).collect(), lines)
}

fn csv(head: Vec<String>, lines: Vec<Vec<String>>) -> Result<Vec<u8>> {
    let failed = |error: &dyn std::fmt::Display| Fault::new(FaultKind::Internal, "", format!("csv: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in std::iter::once(head).chain(lines) {
        writer.write_record(&line).map_err(|error| failed(&error))?;
    }
    writer.into_inner().map_err(|error| failed(&error))
}
