//! The tables of a study as values: systems by measures, what the official numbers hide, paired tests. Windows, reports
//! and papers write the same ones, in whatever form [`figures::Table`] has.
//!
//! Published rows keep the digits that their source printed. They are never bold and never compared with ours by a test.

use clips::{Control, Fault, FaultKind, Result, Track};
use figures::Table;
use figures::table;
use measures::paired::{Comparison, holm};
use measures::published;

use crate::board::{Board, Cell, Row, Scored};
use crate::column::Column;
use crate::entry::Draw;
use crate::protocol::Protocol;

/// Why published rows are to be read with care.
const OTHER_CLIPS: &str = "Published rows are of the 1612 clips of the official REACT 2024 test split and 10 samples unless a \
                           footnote says otherwise; rows over other clips or samples cannot be compared with them";
/// When a value is bold.
pub const BOLD: &str = "Bold: the best trained system of a column and all not told apart from it, if at least one is. Told \
                        apart needs both: the paired 95 % interval of the difference leaves 0 out, and p of the sign-flip \
                        test, Holm-adjusted within the column, is below 0.05 (FRDvs has no such test). Naive baselines, the \
                        truth and published rows are never bold";

/// Clips of the official REACT 2024 test split.
const OFFICIAL_CLIPS: usize = 1612;

/// Whether published rows may stand in a table of this board without being asked for: it is over as many clips of a test
/// split as theirs are.
pub fn beside_published(board: &Board) -> bool {
    board.split == clips::corpus::Split::Test && board.clips == OFFICIAL_CLIPS
}

/// The systems of a board by some of the columns, in its order; with the published rows below, where they have one of
/// the columns.
pub fn table(board: &Board, columns: &[Column], with_published: bool) -> Table {
    let mut rows: Vec<table::Row> = board.rows.iter().map(|row| row_of(board, row, columns)).collect();
    let mut notes = Vec::new();
    if rows.iter().flat_map(|row| &row.cells).any(|cell| cell.bold) {
        notes.push(BOLD.to_owned());
    }
    notes.extend(columns.iter().filter_map(|column| board.uneven(*column)));
    if with_published {
        let ours = rows.len();
        rows.extend(published::ROWS.iter().filter_map(|row| published_row(row, columns)));
        if rows.len() > ours {
            notes.push(OTHER_CLIPS.to_owned());
        }
    }
    Table { title: title(board), columns: columns.iter().map(|column| head(*column)).collect(), rows, notes }
}

/// The systems of a board by the columns of a protocol, with the rows of its source below where it has one of its own.
pub fn of_protocol(board: &Board, protocol: &Protocol) -> Table {
    let Some(source) = protocol.source else {
        return table(board, protocol.columns, beside_published(board));
    };
    let mut table = table(board, protocol.columns, false);
    let theirs = published::ROWS.iter().filter(|row| row.source == source);
    table.rows.extend(theirs.filter_map(|row| published_row(row, protocol.columns)));
    table.notes.push(OTHER_CLIPS.to_owned());
    table.notes.push(protocol.note.to_owned());
    table
}

/// Split, clips, samples, seeds in one line.
pub fn title(board: &Board) -> String {
    let counted = figures::number::counted;
    let seeds: Vec<String> = board.settings.seeds.iter().map(u64::to_string).collect();
    format!(
        "{} split, {} of {}, {} each, seed{} {}",
        board.split.name(),
        counted(board.clips, "clip"),
        counted(board.frames, "frame"),
        counted(board.settings.samples, "sample"),
        if seeds.len() == 1 { "" } else { "s" },
        seeds.join(", "),
    )
}

/// The head of a column.
pub fn head(column: Column) -> table::Column {
    table::Column {
        name: column.name().to_owned(),
        unit: String::new(),
        better: column.better().map(direction),
        decimals: column.decimals(),
    }
}

fn direction(better: measures::Direction) -> figures::Direction {
    match better {
        measures::Direction::Higher => figures::Direction::Higher,
        measures::Direction::Lower => figures::Direction::Lower,
    }
}

/// How the samples of a row were drawn, and where it differs from the title.
pub fn note(board: &Board, row: &Row) -> String {
    let mut parts = Vec::new();
    let drawn = row.draw.map(|draw| match draw {
        Draw::Best => "best".to_owned(),
        Draw::Spread => "spread".to_owned(),
        Draw::One(latent) => format!("z{}", latent + 1),
    });
    // many a label says it already
    parts.extend(drawn.filter(|word| !row.label.split_whitespace().any(|known| known == word)));
    if row.seeds.len() > 1 {
        parts.push(format!("{} seeds", row.seeds.len()));
    }
    if row.samples != board.settings.samples {
        parts.push(figures::number::counted(row.samples, "sample"));
    }
    parts.join(", ")
}

fn row_of(board: &Board, row: &Row, columns: &[Column]) -> table::Row {
    table::Row {
        name: row.label.clone(),
        group: match row.track {
            Some(Track::Offline) => "offline".to_owned(),
            Some(Track::Online) => "online".to_owned(),
            None => String::new(),
        },
        note: note(board, row),
        published: false,
        footnotes: Vec::new(),
        cells: columns.iter().map(|column| row.cell(*column).map_or_else(missing, cell_of)).collect(),
    }
}

fn missing() -> table::Cell {
    table::Cell::undefined("not measured")
}

fn cell_of(cell: &Cell) -> table::Cell {
    match cell.value {
        Some(value) => table::Cell {
            value: Some(value),
            interval: cell.interval.map(|interval| (interval.low, interval.high)),
            spread: cell.spread.and_then(|spread| spread.deviation),
            bold: cell.bold,
            text: None,
        },
        None => table::Cell::undefined(&cell.why),
    }
}

/// `None` for a row that printed none of the columns.
fn published_row(row: &published::Row, columns: &[Column]) -> Option<table::Row> {
    let cells: Vec<table::Cell> = columns
        .iter()
        .map(|column| {
            let place = published::MEASURES.iter().position(|name| *name == column.name());
            table::Cell::printed(place.map_or("", |place| row.printed[place]))
        })
        .collect();
    cells.iter().any(|cell| cell.value.is_some()).then(|| table::Row {
        name: row.system.to_owned(),
        group: match row.track {
            published::Track::Naive => "",
            published::Track::Offline => "offline",
            published::Track::Online => "online",
        }
        .to_owned(),
        note: String::new(),
        published: true,
        footnotes: [row.source.label(), row.caution].map(str::to_owned).to_vec(),
        cells,
    })
}

/// What the official six hide, a row a system: per sample, over all samples, where defined, against the truth.
pub fn honest(board: &Board, scored: &[Scored]) -> Table {
    let column = |name: &str, decimals| table::Column {
        name: name.to_owned(),
        unit: String::new(),
        better: None,
        decimals,
    };
    let rows = board.rows.iter().zip(scored).map(|(row, scored)| {
        let mean = |value: fn(&measures::Evaluation) -> Option<f64>, why: &str| {
            let values: Option<Vec<f64>> =
                scored.outcomes.iter().map(|outcome| value(&outcome.evaluation)).collect();
            match values.filter(|values| !values.is_empty()) {
                Some(values) => table::Cell::new(values.iter().sum::<f64>() / values.len() as f64),
                None => table::Cell::undefined(why),
            }
        };
        let of = |column: Column| row.cell(column).map_or_else(missing, cell_of);
        let cells = vec![
            of(Column::Measure(measures::Measure::ConstantShare)),
            of(Column::Measure(measures::Measure::Syn)),
            of(Column::Measure(measures::Measure::SynAllSamples)),
            mean(|found| found.FRSyn_defined, "no clip has a defined synchrony"),
            mean(|found| Some(found.FRCorr_per_sample), ""),
            mean(|found| Some(found.FRDist_per_sample), ""),
            of(Column::VarRatio),
        ];
        table::Row { cells: cells.into_iter().map(plain).collect(), ..row_of(board, row, &[]) }
    });
    Table {
        title: format!("What the official numbers hide: {}", title(board)),
        columns: vec![
            column("undefined share", 3),
            column("FRSyn", 2),
            column("FRSyn_all_samples", 2),
            column("FRSyn_defined", 2),
            column("FRCorr_per_sample", 4),
            column("FRDist_per_sample", 3),
            column("FRVar_ratio", 3),
        ],
        rows: rows.collect(),
        notes: Vec::new(),
    }
}

/// Bold is for the table where it is explained.
fn plain(cell: table::Cell) -> table::Cell {
    table::Cell { bold: false, ..cell }
}

/// One system against the best.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// Row of the board.
    pub row: usize,
    /// The system minus the best; `None` where they share no clip with values.
    pub found: Option<Comparison>,
    /// p of the permutation test, adjusted by Holm for all comparisons of the column.
    pub adjusted: Option<f64>,
}

/// Every system against the best one by a column.
#[derive(Debug, Clone, PartialEq)]
pub struct AgainstBest {
    /// Row of the best: of trained systems where there is one, else of all.
    pub best: usize,
    /// The others in the order of the board.
    pub tests: Vec<Test>,
}

/// Every system against the best by a column, paired by clip; `None` for a column that has no better, no values by clip,
/// or a single system.
///
/// # Errors
/// Cancelled on request.
pub fn against_best(
    board: &Board,
    column: Column,
    rounds: usize,
    control: &Control,
) -> Result<Option<AgainstBest>> {
    let Some(best) = ranked(board, column, false).or_else(|| ranked(board, column, true)) else {
        return Ok(None);
    };
    let mut tests = Vec::new();
    for (row, other) in board.rows.iter().enumerate().filter(|(row, _)| *row != best) {
        control.step("paired tests", row as u64, board.rows.len() as u64, other.label.clone())?;
        let found = board.compare(row, best, column, rounds, &control.silent())?;
        tests.push(Test { row, found, adjusted: None });
    }
    let values: Vec<Option<f64>> = tests.iter().map(|test| test.found.as_ref()?.permutation).collect();
    for (test, adjusted) in tests.iter_mut().zip(holm(&values)) {
        test.adjusted = adjusted;
    }
    Ok((!tests.is_empty()).then_some(AgainstBest { best, tests }))
}

/// The best row by a column; the first of equals.
fn ranked(board: &Board, column: Column, naive: bool) -> Option<usize> {
    best_rows(board, column, naive).first().copied()
}

/// Rows with values by clip, the best first: trained ones, or the naive ones alike. Of a sum over samples only the rows
/// with the usual number of samples: no other can be better or worse than they are.
pub fn best_rows(board: &Board, column: Column, with_naive: bool) -> Vec<usize> {
    let Some(better) = column.better() else { return Vec::new() };
    let uneven = board.uneven(column).is_some().then(|| board.usual_samples());
    let mut rows: Vec<(usize, f64)> = (board.rows.iter().enumerate())
        .filter(|(_, row)| with_naive || !row.naive)
        .filter(|(_, row)| uneven.is_none_or(|samples| row.samples == samples))
        .filter_map(|(index, row)| {
            let cell = row.cell(column).filter(|cell| cell.per_clip.iter().any(Option::is_some))?;
            Some((index, cell.value?))
        })
        .collect();
    rows.sort_by(|a, b| match better {
        measures::Direction::Higher => b.1.total_cmp(&a.1),
        measures::Direction::Lower => a.1.total_cmp(&b.1),
    });
    rows.into_iter().map(|(row, _)| row).collect()
}

/// A p that would be written as 0 is written as less than what can be written: none is 0.
fn share_of_chance(cell: table::Cell) -> table::Cell {
    match cell.value {
        Some(p) if p < 0.5e-4 => table::Cell { text: Some("<0.0001".to_owned()), ..cell },
        _ => cell,
    }
}

/// [`against_best`] as a table: difference with its interval, p of both tests, adjusted p, effect, share of clips better.
///
/// # Errors
/// [`FaultKind::BadRequest`] for a column that has nothing to compare; cancelled on request.
pub fn tests(board: &Board, column: Column, rounds: usize, control: &Control) -> Result<Table> {
    let found = against_best(board, column, rounds, control)?.ok_or_else(|| {
        Fault::new(
            FaultKind::BadRequest,
            "",
            format!("{}: there is nothing to compare clip by clip", column.name()),
        )
        .remedy("compare at least two systems by a measure that has values by clip and a better end")
    })?;
    let head = |name: &str, decimals, better| table::Column {
        name: name.to_owned(),
        unit: String::new(),
        better,
        decimals,
    };
    let pairs = column.kind() == measures::uncertainty::Kind::Pairs;
    let rows = found.tests.iter().map(|test| {
        let row = &board.rows[test.row];
        let cells = match &test.found {
            None => {
                let why = board.incomparable(test.row, found.best, column);
                vec![
                    table::Cell::undefined(&why.unwrap_or_else(|| "no clip has a value of both".to_owned()));
                    7
                ]
            }
            Some(found) => {
                let optional = |value: Option<f64>, why: &str| match value {
                    Some(value) => table::Cell::new(value),
                    None => table::Cell::undefined(why),
                };
                let no_test = if pairs {
                    "a mean over pairs of clips has no independent differences to test"
                } else {
                    "no difference to test, or no resamples"
                };
                vec![
                    table::Cell {
                        interval: found.interval.map(|interval| (interval.low, interval.high)),
                        ..table::Cell::new(found.difference)
                    },
                    share_of_chance(optional(found.permutation, no_test)),
                    share_of_chance(optional(found.signed_rank, no_test)),
                    share_of_chance(optional(test.adjusted, no_test)),
                    optional(found.effect, "all differences are equal"),
                    table::Cell::new(found.better),
                    table::Cell::new(found.clips as f64),
                ]
            }
        };
        table::Row { cells, ..row_of(board, row, &[]) }
    });
    Ok(Table {
        title: format!("{}: each system minus {}, paired by clip", column.name(), board.rows[found.best].label),
        columns: vec![
            head("difference", column.decimals().max(3), column.better().map(direction)),
            head("p permutation", 4, None),
            head("p signed rank", 4, None),
            head("p Holm", 4, None),
            head("d_z", 2, None),
            head("share better", 3, None),
            head("clips", 0, None),
        ],
        rows: rows.collect(),
        notes: vec![
            "p: two-sided. p Holm: of the permutation test, adjusted for all rows of this table. d_z: mean over standard \
             deviation of the differences. Share better: clips where the system is better, ties counting one half"
                .to_owned(),
        ],
    })
}
