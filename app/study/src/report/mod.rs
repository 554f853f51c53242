//! A study as one self-contained HTML page: no script, no reference to anything outside, the same bytes for the same
//! board.
//!
//! The order is that of reading: what was compared, what may be concluded, the table, what the official numbers hide,
//! beyond them, figures, tests, latents, reliability, clips to look at, definitions, and where everything comes from.
//! What it is not: a place where anything is measured. Every number is one of [`Board`] or [`Scored`].

mod origin;
pub mod page;

use std::fmt::Write;

use clips::{Control, Result};
use figures::number::{self, counted, percent};
use measures::Measure;

use crate::board::{Board, Row, Scored};
use crate::column::Column;
use crate::conclusions::conclusions;
use crate::gallery::{self, Picture, Subject};
use crate::{plots, tables};
use page::{element, escape, list};

pub use origin::{command, quoted};

/// Clips that are named as the worst of a system.
const WORST: usize = 10;
/// Widths of figures on the page, in CSS pixels.
const WIDE: f32 = 760.0;
const HALF: f32 = 500.0;

/// The sections: anchor and heading.
const SECTIONS: [(&str, &str); 12] = [
    ("compared", "What was compared"),
    ("conclusions", "What may be concluded"),
    ("measures", "The official measures"),
    ("honest", "What the official numbers hide"),
    ("beyond", "Beyond the six"),
    ("figures", "Figures"),
    ("tests", "Paired tests"),
    ("latents", "Latent intents"),
    ("reliability", "Reliability of the matching score"),
    ("clips", "Clips to look at"),
    ("definitions", "Definitions"),
    ("provenance", "Where it comes from"),
];

/// What each honest reading corrects.
const HIDDEN: [&str; 5] = [
    "Undefined share: a reaction (or a speaker) with a column that never changes has no offset. The official function \
     counts such a clip as 1 to 49 frames, mostly 49, and FRSyn does not say how many there are.",
    "FRSyn looks at the first sample of each clip only. FRSyn_all_samples is the mean over all samples, FRSyn_defined the \
     mean over the clips where there is an offset.",
    "FRCorr and FRDist are sums over samples: twice the samples, twice the number. FRCorr_per_sample and FRDist_per_sample \
     can be compared between sample counts.",
    "FRVar counts movement of any kind as better, so that jitter wins. FRVar_ratio sets it against real listeners: near 1 is \
     the aim, above it is jitter, below it a frozen face.",
    "FRDiv and FRDvs count any difference as better: uniform noise reaches 1/6 in both. Read them beside precision and \
     coverage below.",
];

/// The page.
///
/// # Errors
/// Cancelled on request.
pub fn html(board: &Board, scored: &[Scored], control: &Control) -> Result<String> {
    let pictures = gallery::pictures(board, scored, control)?;
    let title = format!("Listener reactions, {} split: evaluation", board.split.name());
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"generator\" content=\"backchannel {}\">\n<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n",
        env!("CARGO_PKG_VERSION"),
        escape(&title),
        page::css()
    );
    let systems: Vec<&str> = board.rows.iter().map(|row| row.label.as_str()).collect();
    let _ = write!(
        out,
        "<header>\n{}<p class=\"lead\">{}</p>\n</header>\n<nav aria-label=\"Sections\">\n<ul>\n",
        element("h1", &title),
        escape(&format!("{}: {}", counted(systems.len(), "system"), systems.join(", ")))
    );
    for (anchor, heading) in SECTIONS {
        let _ = writeln!(out, "<li><a href=\"#{anchor}\">{heading}</a></li>");
    }
    out.push_str("</ul>\n</nav>\n<main>\n");
    for (index, (anchor, heading)) in SECTIONS.into_iter().enumerate() {
        control.step("report", index as u64, SECTIONS.len() as u64, heading)?;
        let body = section(anchor, board, scored, &pictures, control)?;
        let _ = writeln!(
            out,
            "<section aria-labelledby=\"{anchor}\">\n<h2 id=\"{anchor}\">{heading}</h2>\n{body}</section>"
        );
    }
    out.push_str("</main>\n</body>\n</html>\n");
    Ok(out)
}

fn section(
    anchor: &str,
    board: &Board,
    scored: &[Scored],
    pictures: &[Picture],
    control: &Control,
) -> Result<String> {
    Ok(match anchor {
        "compared" => compared(board),
        "conclusions" => concluded(board, scored, control)?,
        "measures" => measures(board),
        "honest" => list(&HIDDEN) + &of_synthetic(board) + &table(&tables::honest(board, scored)),
        "beyond" => beyond(board),
        "figures" => figures_of(pictures),
        "tests" => tests(board, control)?,
        "latents" => latents(board, pictures),
        "reliability" => reliability(board, scored, pictures),
        "clips" => worst(board),
        "definitions" => {
            page::definitions("terms", Column::all().map(|column| (column.name(), meaning(column))))
        }
        _ => origin::origin(board, scored),
    })
}

/// What a synthetic corpus makes of two measures; nothing for others.
fn of_synthetic(board: &Board) -> String {
    let value = |row: &Row, column| row.cell(column).and_then(|cell| cell.value);
    let mut said = Vec::new();
    let silent =
        |row: &Row| value(row, Column::Measure(Measure::ConstantShare)).is_some_and(|share| share >= 1.0);
    if !board.rows.is_empty() && board.rows.iter().all(silent) {
        said.push(
            "FRSyn is 49 for every system here, random noise included: in every clip a column of the speaker never changes \
             (synthetic faces leave some action units and expressions at rest), the official function finds no offset, and \
             counts the largest."
                .to_owned(),
        );
    }
    let copied = board.rows.iter().find(|row| {
        row.system == listener::Naive::Mime.name()
            && value(row, Column::Frechet).is_some_and(|found| found < 1e-6)
    });
    if let Some(row) = copied {
        said.push(format!(
            "The Frechet distance of {} is 0 although it answers nobody: every pair stands in the list twice, with the roles \
             exchanged, so that the speakers it copies are, as a set, the very listeners it is held against.",
            row.label
        ));
    }
    if said.is_empty() { String::new() } else { list(&said) }
}

fn table(table: &figures::Table) -> String {
    page::table("System", table, &|name| Column::of_name(name).map(Column::meaning))
}

fn meaning(column: Column) -> String {
    let better = match column.better() {
        Some(measures::Direction::Higher) => "Higher is better",
        Some(measures::Direction::Lower) => "Lower is better",
        None => "Neither end is better",
    };
    format!("{}. {better}.", column.meaning())
}

fn compared(board: &Board) -> String {
    let seeds: Vec<String> = board.settings.seeds.iter().map(u64::to_string).collect();
    let facts = [
        ("Split", board.split.name().to_owned()),
        ("Clips", number::count(board.clips)),
        ("Frames of each clip", number::count(board.frames)),
        ("Samples of each clip", number::count(board.settings.samples)),
        ("Seeds of systems that draw", seeds.join(", ")),
        ("Bootstrap resamples", number::count(board.settings.bootstrap)),
        ("Program", format!("backchannel {}", env!("CARGO_PKG_VERSION"))),
    ];
    let long = [("Corpus", board.corpus.clone()), ("Fingerprint of the split", board.fingerprint.clone())];
    let mut out = page::definitions("facts", facts) + &page::definitions("terms", long);
    if !board.warnings.is_empty() {
        let _ = write!(out, "<div class=\"warn\">\n<h3>Warnings</h3>\n{}</div>\n", list(&board.warnings));
    }
    out
}

fn concluded(board: &Board, scored: &[Scored], control: &Control) -> Result<String> {
    let said = conclusions(board, scored, &control.silent())?;
    let rule = "By rule, from the numbers on this page: a system is called ahead only where the 95 % interval of its paired \
                difference over clips leaves 0 out and p of the sign-flip test is below 0.05. The intervals are not corrected for the number of comparisons and say \
                nothing about other training seeds.";
    Ok(if said.is_empty() {
        element("p", "Nothing: there is no trained system, or there are no intervals.")
    } else {
        list(&said) + &format!("<p class=\"notes\">{}</p>\n", escape(rule))
    })
}

fn measures(board: &Board) -> String {
    let mut out = table(&tables::table(board, &Column::OFFICIAL, true));
    out.push_str(&not_bold(board, &Column::OFFICIAL));
    out
}

fn beyond(board: &Board) -> String {
    table(&tables::table(board, &Column::BEYOND, false)) + &not_bold(board, &Column::BEYOND)
}

/// Why some columns have nothing bold.
fn not_bold(board: &Board, columns: &[Column]) -> String {
    let why: Vec<String> = columns
        .iter()
        .filter_map(|column| {
            Some(format!("Nothing bold in {}: {}", column.name(), board.not_bold.get(column.name())?))
        })
        .collect();
    if why.is_empty() {
        String::new()
    } else {
        format!("<p class=\"notes\">{}</p>\n", escape(&why.join(". ")))
    }
}

fn figures_of(pictures: &[Picture]) -> String {
    let mut out = String::new();
    for picture in pictures.iter().filter(|picture| picture.subject == Subject::Tradeoff) {
        out.push_str(&set(picture, WIDE));
    }
    for column in Column::OFFICIAL {
        let of = |subject: Subject| pictures.iter().filter(move |picture| picture.subject == subject);
        let pair: String = of(Subject::Forest(column))
            .chain(of(Subject::Distribution(column)))
            .chain(of(Subject::Difference(column)))
            .map(|picture| set(picture, HALF))
            .collect();
        let _ = write!(out, "{}<div class=\"pair\">\n{pair}</div>\n", element("h3", column.name()));
    }
    out
}

fn set(picture: &Picture, width: f32) -> String {
    page::figure(&*picture.figure, width, &picture.label, &picture.caption)
}

fn tests(board: &Board, control: &Control) -> Result<String> {
    let (mut out, mut notes) = (String::new(), Vec::new());
    for column in Column::OFFICIAL {
        if tables::best_rows(board, column, true).len() < 2 {
            continue;
        }
        let mut found = tables::tests(board, column, board.settings.bootstrap, &control.silent())?;
        // the same below every one of them
        notes = std::mem::take(&mut found.notes);
        out.push_str(&element("h3", column.name()));
        out.push_str(&table(&found));
    }
    Ok(if out.is_empty() {
        element("p", "There are no two systems to compare.")
    } else {
        notes.iter().map(|note| element("p", note)).collect::<String>() + &out
    })
}

fn latents(board: &Board, pictures: &[Picture]) -> String {
    let mut out = String::new();
    for (index, row) in board.rows.iter().enumerate().filter(|(_, row)| !row.latents.is_empty()) {
        out.push_str(&element("h3", &row.label));
        let found = pictures
            .iter()
            .filter(|picture| [Subject::Usage(index), Subject::Signatures(index)].contains(&picture.subject));
        let pair: String = found.map(|picture| set(picture, HALF)).collect();
        let _ = write!(
            out,
            "<div class=\"pair\">\n{pair}</div>\n{}",
            page::table("Latent", &latent_table(row), &|_| None)
        );
    }
    if out.is_empty() { element("p", "No system here has latent intents.") } else { out }
}

/// The numbers of the figure of use.
fn latent_table(row: &Row) -> figures::Table {
    use figures::table::{Cell, Column, Row as Line};
    let column =
        |name: &str, decimals| Column { name: name.to_owned(), unit: String::new(), better: None, decimals };
    let rows = row.latents.iter().map(|latent| Line {
        name: format!("z{}", latent.latent + 1),
        group: String::new(),
        note: plots::words(latent),
        published: false,
        footnotes: Vec::new(),
        cells: vec![
            Cell {
                interval: Some((latent.use_share.low, latent.use_share.high)),
                ..Cell::new(latent.use_share.value)
            },
            Cell::new(latent.clips.len() as f64),
        ],
    });
    figures::Table {
        title: format!("{}: how often each latent intent is ranked best", row.label),
        columns: vec![column("share", 3), column("clips", 0)],
        rows: rows.collect(),
        notes: Vec::new(),
    }
}

fn reliability(board: &Board, scored: &[Scored], pictures: &[Picture]) -> String {
    let mut out = String::new();
    for (index, (row, scored)) in board.rows.iter().zip(scored).enumerate() {
        let Some(found) = scored.recognition.as_ref().and_then(|found| found.calibration.as_ref()) else {
            continue;
        };
        // it depends on the checkpoint alone, not on how reactions are drawn
        let alike = |other: &&Row| !other.checkpoint.is_empty() && other.checkpoint == row.checkpoint;
        if board.rows[..index].iter().any(|other| alike(&other)) {
            continue;
        }
        let others = board.rows[index + 1..].iter().filter(alike).map(|other| other.label.as_str());
        let labels: Vec<&str> = std::iter::once(row.label.as_str()).chain(others).collect();
        out.push_str(&element("h3", &labels.join(", ")));
        let sentence = format!(
            "Area under the curve {}, expected calibration error {} over {}, Brier score {} ({} is what always saying the \
             base rate of {} would give).",
            found.area.map_or("undefined".to_owned(), |area| number::fixed(area, 3)),
            number::fixed(found.expected_error, 3),
            counted(found.bins.len(), "bin"),
            number::fixed(found.brier, 3),
            number::fixed(found.brier_of_base_rate, 3),
            percent(found.base_rate)
        );
        out.push_str(&element("p", &sentence));
        for picture in pictures.iter().filter(|picture| picture.subject == Subject::Reliability(index)) {
            out.push_str(&set(picture, HALF));
        }
    }
    if out.is_empty() {
        element("p", "No system here has a matching score that real listeners can be given.")
    } else {
        out
    }
}

fn worst(board: &Board) -> String {
    let column = Column::Measure(Measure::Corr);
    let mut out = element(
        "p",
        &format!(
            "The {WORST} clips of each system with the lowest FRCorr, the lowest first: where it fails, or where the corpus does."
        ),
    );
    for row in &board.rows {
        let clips = row.ranked_clips(column);
        let items: String = clips
            .iter()
            .take(WORST)
            .map(|(clip, value)| {
                let id = board.ids.get(*clip).map_or("", String::as_str);
                let value = number::fixed(*value, column.decimals());
                format!("<li><span class=\"mono\">{}</span> <small>{value}</small></li>\n", escape(id))
            })
            .collect();
        let _ = write!(out, "{}<ol class=\"clips\">\n{items}</ol>\n", element("h3", &row.label));
    }
    out
}
