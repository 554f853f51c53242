//! All steps of a run as CSV, and back. Read are also files of others, as long as a column is named `step`.

use std::io::Read;
use std::path::Path;

use clips::array::write_atomically;
use clips::{Control, Fault, FaultKind, Result};

use crate::table::{MOST_CELLS, MOST_COLUMNS, Row, Table, too_large};

/// Columns that are no quantities.
const HEAD: [&str; 4] = ["stage", "step", "epoch", "seconds"];

/// Writes the table; numbers in the shortest form that reads back the same.
pub fn write(table: &Table, path: &Path) -> Result<()> {
    write_atomically(path, |file| {
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(HEAD.into_iter().chain(table.columns.iter().map(String::as_str)))?;
        for row in &table.rows {
            let shown = |value: &f64| if value.is_finite() { value.to_string() } else { String::new() };
            let head = [row.stage.to_string(), row.step.to_string(), shown(&row.epoch), shown(&row.seconds)];
            writer.write_record(head.into_iter().chain(row.values.iter().map(shown)))?;
        }
        writer.flush()
    })
}

/// Whether the first line names a column of steps.
pub fn has_steps(path: &Path) -> bool {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(64 << 10).read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes);
    read.is_ok() && text.lines().next().is_some_and(|line| line.split(',').any(is_step))
}

fn is_step(name: &str) -> bool {
    name.trim().trim_matches('"').eq_ignore_ascii_case("step")
}

/// Reads a table.
pub fn read(path: &Path, control: &Control) -> Result<Table> {
    let broken = |line: u64, detail: String| {
        Fault::new(FaultKind::Malformed, path, detail)
            .at(format!("line {line}"))
            .remedy("the first line names the columns, one of them step; all others hold numbers or nothing")
    };
    let file = std::fs::File::open(path).map_err(|error| Fault::io(path, &error))?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file);
    let names: Vec<String> =
        reader.headers().map_err(|error| broken(1, error.to_string()))?.iter().map(str::to_owned).collect();
    if names.len() > MOST_COLUMNS {
        return Err(broken(1, format!("{} columns", names.len())));
    }
    let place = |wanted: &str| names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
    let Some(step) = place("step") else { return Err(broken(1, "no column is named step".to_owned())) };
    let [stage, _, epoch, seconds] = HEAD.map(place);
    let quantities: Vec<usize> = (0..names.len())
        .filter(|column| ![Some(step), stage, epoch, seconds].contains(&Some(*column)))
        .collect();
    let mut table =
        Table { columns: quantities.iter().map(|column| names[*column].clone()).collect(), rows: Vec::new() };
    let mut line = csv::StringRecord::new();
    let mut number = 1;
    loop {
        number += 1;
        if number % 4096 == 0 {
            control.check()?;
        }
        match reader.read_record(&mut line) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(broken(number, error.to_string())),
        }
        let value = |column: usize| -> Result<f64> {
            match line.get(column).unwrap_or("") {
                "" => Ok(f64::NAN),
                text => text.parse().map_err(|_| {
                    let shown: String = text.chars().take(40).collect();
                    broken(number, format!("{}: {shown:?} is no number", names[column]))
                }),
            }
        };
        let whole = |column: Option<usize>, absent: u64| -> Result<u64> {
            let Some(column) = column else { return Ok(absent) };
            let value = value(column)?;
            // Some write steps as 10.0
            let fits = value >= 0.0 && value.fract() == 0.0 && value < 9e15;
            if fits { Ok(value as u64) } else { Err(broken(number, format!("{} is {value}", names[column]))) }
        };
        let optional = |column: Option<usize>| column.map_or(Ok(f64::NAN), value);
        table.rows.push(Row {
            stage: whole(stage, 1)?,
            step: whole(Some(step), 0)?,
            epoch: optional(epoch)?,
            seconds: optional(seconds)?,
            values: quantities.iter().map(|column| value(*column)).collect::<Result<_>>()?,
        });
        if table.rows.len().saturating_mul(names.len()) > MOST_CELLS {
            return Err(too_large(path));
        }
    }
    table.rows.sort_by_key(|row| (row.stage, row.step));
    Ok(table)
}
