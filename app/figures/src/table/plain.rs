//! CSV and JSON, for programs: full precision, nothing rounded.

use clips::{Fault, FaultKind, Result};

use super::Table;

impl Table {
    /// CSV (RFC 4180, UTF-8, line feeds): `system, track, note, published` (the note with the footnotes), then for every column its value, `low`
    /// and `high` (the interval), `spread` and `why` (the reason where undefined). Undefined is empty.
    ///
    /// # Errors
    /// [`FaultKind::Internal`] when memory runs out.
    pub fn csv(&self) -> Result<String> {
        let failed =
            |error: &dyn std::fmt::Display| Fault::new(FaultKind::Internal, "", format!("csv: {error}"));
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut head: Vec<String> = ["system", "track", "note", "published"].map(String::from).to_vec();
        for column in &self.columns {
            head.push(column.name.clone());
            head.extend(["low", "high", "spread", "why"].map(|part| format!("{} {part}", column.name)));
        }
        writer.write_record(&head).map_err(|error| failed(&error))?;
        let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
        for row in &self.rows {
            let note: Vec<String> = Some(row.note.clone())
                .filter(|note| !note.is_empty())
                .into_iter()
                .chain(super::footnotes(row))
                .collect();
            let mut record =
                vec![row.name.clone(), row.group.clone(), note.join("; "), row.published.to_string()];
            for column in 0..self.columns.len() {
                let cell = self.cell(row, column);
                let interval = cell.finite_interval();
                record.push(cell.as_printed().unwrap_or_else(|| number(cell.finite())));
                record.push(number(interval.map(|interval| interval.0)));
                record.push(number(interval.map(|interval| interval.1)));
                record.push(number(cell.finite_spread()));
                record.push(super::reason(&cell).unwrap_or_default());
            }
            writer.write_record(&record).map_err(|error| failed(&error))?;
        }
        let bytes = writer.into_inner().map_err(|error| failed(&error))?;
        String::from_utf8(bytes).map_err(|error| failed(&error))
    }

    /// The table as JSON, as [`Table::from_json`] reads it; values that are not finite become `null` with a reason.
    ///
    /// # Errors
    /// [`FaultKind::Internal`] when memory runs out.
    pub fn json(&self) -> Result<String> {
        let mut plain = self.clone();
        for cell in plain.rows.iter_mut().flat_map(|row| &mut row.cells) {
            let why = super::reason(cell);
            *cell = super::Cell {
                value: cell.finite(),
                interval: cell.finite_interval(),
                spread: cell.finite_spread(),
                bold: cell.bold,
                text: why.or(cell.text.take()),
            };
        }
        serde_json::to_string_pretty(&plain)
            .map(|text| text + "\n")
            .map_err(|error| Fault::new(FaultKind::Internal, "", format!("json: {error}")))
    }

    /// Reads what [`Table::json`] wrote.
    ///
    /// # Errors
    /// [`FaultKind::Malformed`] with the line.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| {
            Fault::new(FaultKind::Malformed, "", error.to_string())
                .at(format!("line {}", error.line()))
                .remedy("give a table that this program wrote")
        })
    }
}
