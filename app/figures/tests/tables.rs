//! Tables: what is written is read back, undefined is never 0, and foreign words are no commands.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use figures::table::{Cell, Column, Row};
use figures::{Direction, Table};

#[test]
fn a_table_is_read_back_and_undefined_is_never_nought() {
    let table = table();
    assert_eq!(Table::from_json(&table.json().unwrap()).unwrap(), {
        let mut plain = table.clone();
        plain.rows[1].cells[0] = Cell::undefined("no neighbours");
        plain.rows[1].cells[1] = Cell::undefined("undefined");
        plain
    });
    assert_eq!(Table::from_json("{\"title\": 3").unwrap_err().kind, clips::FaultKind::Malformed);
    let text = table.csv().unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.headers().unwrap().get(5), Some("FR_Corr low"));
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), table.rows.len());
    for (record, row) in records.iter().zip(&table.rows) {
        assert_eq!(record.len(), 4 + 5 * table.columns.len());
        assert_eq!(&record[0], row.name.as_str());
        assert_eq!(record[4].parse().ok(), row.cells[0].finite());
        assert_eq!(record[5].parse().ok(), row.cells[0].interval.map(|interval| interval.0));
    }
    assert_eq!((&records[1][4], &records[1][8]), ("", "no neighbours"));
    let markdown = table.markdown();
    assert!(
        markdown.contains("— <sup>a</sup>") && markdown.contains("<sup>a</sup> no neighbours"),
        "{markdown}"
    );
    let pipes = |line: &str| line.replace("\\|", "").matches('|').count();
    for line in markdown.lines().filter(|line| line.starts_with('|')) {
        assert_eq!(pipes(line), 5, "{line}");
    }
}

#[test]
fn latex_is_balanced_and_says_nothing_that_latex_takes_for_a_command() {
    let text = table().latex();
    let mut depth = 0i32;
    let mut escaped = false;
    for character in text.lines().skip(1).flat_map(str::chars) {
        match character {
            '{' if !escaped => depth += 1,
            '}' if !escaped => depth -= 1,
            _ => {}
        }
        assert!(depth >= 0);
        escaped = character == '\\' && !escaped;
    }
    assert_eq!(depth, 0);
    let plain = text.replace("\\$", "");
    assert_eq!(plain.matches('$').count() % 2, 0);
    assert!(text.is_ascii(), "{text}");
    // FR_Corr has uncertainties, FRDiv has none: system, track, value, uncertainty, value.
    assert!(text.contains("\\begin{tabular}{@{}llr@{ }lr@{}}"), "{text}");
    let body = text.split("\\midrule").nth(1).unwrap().split("\\bottomrule").next().unwrap();
    let rows: Vec<&str> = body.lines().filter(|line| line.ends_with("\\\\")).collect();
    assert_eq!(rows.len(), table().rows.len());
    for row in rows {
        assert_eq!(row.replace("\\&", "").matches('&').count(), 4, "{row}");
    }
    for part in [
        "FR\\_Corr $\\uparrow$",
        "100\\% \\& \\#1 \\$ \\{x\\} \\textasciitilde{} \\textasciicircum{} \\textbackslash{}",
        "\\textbf{0.123} & {\\scriptsize $\\pm$0.004}",
        "\\textit{$-$0.500} & {\\scriptsize $\\pm$0.100}",
        "---\\textsuperscript{a} &",
        "\\textit{BeLFusion}$^\\dagger$",
        "as published",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn a_row_with_too_few_cells_says_that_they_were_not_measured() {
    let mut table = table();
    table.rows[0].cells.truncate(1);
    assert!(table.latex().contains("not measured") && table.markdown().contains("not measured"));
    assert!(table.csv().unwrap().lines().nth(1).unwrap().ends_with(",,,,not measured"));
}

fn table() -> Table {
    let column = |name: &str| Column {
        name: name.into(),
        unit: String::new(),
        better: Some(Direction::Higher),
        decimals: 3,
    };
    let row = |name: &str, published, cells| Row {
        name: name.into(),
        group: "offline".into(),
        note: String::new(),
        published,
        footnotes: Vec::new(),
        cells,
    };
    Table {
        title: "Measures, 100 %".into(),
        columns: vec![column("FR_Corr"), column("FRDiv")],
        rows: vec![
            row(
                "100% & #1 $ {x} ~ ^ \\",
                false,
                vec![Cell { bold: true, spread: Some(0.004), ..Cell::new(0.1234) }, Cell::new(1.0 / 3.0)],
            ),
            row("pipe | star *", false, vec![Cell::undefined("no neighbours"), Cell::new(f64::NAN)]),
            row(
                "BeLFusion",
                true,
                vec![Cell { interval: Some((-0.6, -0.4)), ..Cell::new(-0.5) }, Cell::new(0.0)],
            ),
        ],
        notes: Vec::new(),
    }
}
