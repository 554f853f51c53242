//! A table of measures described once, written as LaTeX, CSV, Markdown or JSON.
//!
//! An undefined cell is an em dash with the reason as a footnote, never 0. Uncertainty stands beside its value and
//! is quieter. Published rows are set apart and say so.

mod latex;
mod markdown;
mod plain;

use serde::{Deserialize, Serialize};

use crate::axis::{Direction, measure};
use crate::{number, text};

/// A column: one measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Name of the measure: "FRCorr".
    pub name: String,
    /// Unit, or nothing: "frames".
    pub unit: String,
    /// Which values are better; gives the arrow.
    pub better: Option<Direction>,
    /// Decimals of its values and their uncertainty.
    pub decimals: usize,
}

/// A cell: a value or why there is none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Cell {
    /// The value; `None`, or one that is not finite, is undefined.
    pub value: Option<f64>,
    /// Its interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// Its deviation over seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<f64>,
    /// Best, where the uncertainty allows to say so.
    #[serde(default)]
    pub bold: bool,
    /// Why it is undefined; beside a value: how its source printed it, which is then shown as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Cell {
    /// A value alone.
    pub fn new(value: f64) -> Self {
        Self { value: Some(value), ..Self::default() }
    }

    /// No value, and the reason.
    pub fn undefined(why: &str) -> Self {
        Self { text: Some(why.into()), ..Self::default() }
    }

    /// A published value with the digits that its source printed; undefined where they are no number.
    pub fn printed(digits: &str) -> Self {
        match digits.trim().parse::<f64>() {
            Ok(value) if value.is_finite() => {
                Self { value: Some(value), text: Some(digits.trim().into()), ..Self::default() }
            }
            _ => Self::undefined("not published"),
        }
    }

    /// The value as it is written in a column: as its source printed it, else with the decimals of the column.
    pub fn written(&self, decimals: usize) -> Option<String> {
        let value = self.finite()?;
        Some(self.as_printed().unwrap_or_else(|| number::fixed(value, decimals)))
    }

    /// How the source of a value printed it.
    fn as_printed(&self) -> Option<String> {
        self.finite()?;
        self.text.as_deref().map(text::clean).filter(|printed| !printed.is_empty())
    }

    /// The value where it is a number.
    pub fn finite(&self) -> Option<f64> {
        self.value.filter(|value| value.is_finite())
    }

    fn finite_interval(&self) -> Option<(f64, f64)> {
        self.interval.filter(|(low, high)| low.is_finite() && high.is_finite())
    }

    fn finite_spread(&self) -> Option<f64> {
        self.spread.filter(|spread| spread.is_finite())
    }
}

/// A row: one system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its track: "offline", "online", or nothing.
    #[serde(default)]
    pub group: String,
    /// A word after the name: "3 seeds", or nothing.
    #[serde(default)]
    pub note: String,
    /// Copied from a paper, not measured here.
    #[serde(default)]
    pub published: bool,
    /// What a reader of the row must know; equal ones of several rows are one footnote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub footnotes: Vec<String>,
    /// One a column; missing ones are undefined.
    pub cells: Vec<Cell>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Table {
    /// Caption.
    pub title: String,
    /// Measures.
    pub columns: Vec<Column>,
    /// Systems.
    pub rows: Vec<Row>,
    /// What a reader of the whole must know, below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a published row's dagger means.
pub const PUBLISHED: &str = "as published, not measured here";

impl Table {
    /// The cell of a column, undefined where the row is too short.
    pub fn cell<'a>(&self, row: &'a Row, column: usize) -> std::borrow::Cow<'a, Cell> {
        match row.cells.get(column) {
            Some(cell) => std::borrow::Cow::Borrowed(cell),
            None => std::borrow::Cow::Owned(Cell::undefined("not measured")),
        }
    }

    /// Whether a row belongs to a group.
    pub fn has_groups(&self) -> bool {
        self.rows.iter().any(|row| !text::clean(&row.group).is_empty())
    }

    /// Whether a row is copied from a paper.
    pub fn has_published(&self) -> bool {
        self.rows.iter().any(|row| row.published)
    }

    /// What stands beside the values; `None` when nothing does. `compact` writes an interval as half its length.
    pub fn uncertainty_note(&self, compact: bool) -> Option<String> {
        let cells = || self.rows.iter().flat_map(|row| &row.cells).filter(|cell| cell.finite().is_some());
        let spread = cells().any(|cell| cell.finite_spread().is_some());
        let interval = cells().any(|cell| cell.finite_spread().is_none() && cell.finite_interval().is_some());
        let words = match (spread, interval, compact) {
            (false, false, _) => return None,
            (true, false, _) => "\u{b1} is the standard deviation over seeds",
            (false, true, true) => "\u{b1} is half of the 95 % bootstrap interval over clips",
            (false, true, false) => "Brackets: 95 % bootstrap interval over clips",
            (true, true, true) => {
                "\u{b1} is the standard deviation over seeds, for systems of one run half of the 95 % bootstrap interval over clips"
            }
            (true, true, false) => {
                "Brackets: 95 % bootstrap interval over clips. \u{b1}: standard deviation over seeds"
            }
        };
        Some(words.to_owned())
    }

    /// What the footnotes of rows and of undefined cells say, each once, in the order of reading; its letter is that of
    /// its place here ([`letter`]).
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons: Vec<String> = Vec::new();
        for row in &self.rows {
            for footnote in footnotes(row) {
                if !reasons.contains(&footnote) {
                    reasons.push(footnote);
                }
            }
            for column in 0..self.columns.len() {
                let reason = reason(&self.cell(row, column));
                if let Some(reason) = reason.filter(|reason| !reasons.contains(reason)) {
                    reasons.push(reason);
                }
            }
        }
        reasons
    }
}

/// The footnotes of a row that say something.
pub fn footnotes(row: &Row) -> impl Iterator<Item = String> {
    row.footnotes.iter().map(|footnote| text::clean(footnote)).filter(|footnote| !footnote.is_empty())
}

/// Letters of the footnotes of a row, "a,b"; nothing where it has none.
fn marks(row: &Row, reasons: &[String]) -> String {
    let places = footnotes(row).filter_map(|footnote| reasons.iter().position(|other| *other == footnote));
    places.map(letter).collect::<Vec<_>>().join(",")
}

/// Why a cell is undefined; `None` where it is not.
pub fn reason(cell: &Cell) -> Option<String> {
    if cell.finite().is_some() {
        return None;
    }
    let reason = cell.text.as_deref().map(text::clean).unwrap_or_default();
    Some(if reason.is_empty() { "undefined".into() } else { reason })
}

/// Letters of footnotes: a, b, ... z, aa, ab.
pub fn letter(index: usize) -> String {
    let last = char::from(b'a' + (index % 26) as u8);
    match index / 26 {
        0 => last.to_string(),
        more => format!("{}{last}", letter(more - 1)),
    }
}

/// The uncertainty of a cell as figures write it: "±0.007", or "[0.10, 0.20]" where there is no deviation.
pub fn uncertainty(cell: &Cell, decimals: usize) -> Option<String> {
    cell.finite()?;
    match (cell.finite_spread(), cell.finite_interval()) {
        (Some(spread), _) => Some(number::spread(spread, decimals)),
        (None, Some(interval)) => Some(number::interval(interval, decimals)),
        (None, None) => None,
    }
}

/// The head of a column as figures write it: "FRSyn (frames) ↓".
pub fn head(column: &Column) -> String {
    let (name, unit) = (text::name(&column.name), text::clean(&column.unit));
    measure(&if unit.is_empty() { name } else { format!("{name} ({unit})") }, column.better)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_do_not_run_out() {
        let got: Vec<String> = [0, 25, 26, 27, 701, 702].into_iter().map(letter).collect();
        assert_eq!(got, ["a", "z", "aa", "ab", "zz", "aaa"]);
    }
}
