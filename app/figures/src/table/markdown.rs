//! Markdown with pipes, as most readers know it.

use std::fmt::Write;

use super::{PUBLISHED, Table, head, letter, marks, reason, uncertainty};
use crate::text;

impl Table {
    /// A pipe table: numbers right-aligned, best in bold, published rows in italics with a dagger, footnotes below.
    pub fn markdown(&self) -> String {
        let (groups, reasons) = (self.has_groups(), self.reasons());
        let mut out = String::new();
        let title = text::clean(&self.title);
        if !title.is_empty() {
            let _ = writeln!(out, "**{}**\n", escape(&title));
        }
        let mut heads = vec![String::from("System")];
        let mut rule = vec!["---"];
        if groups {
            heads.push("Track".into());
            rule.push("---");
        }
        for column in &self.columns {
            heads.push(escape(&head(column)));
            rule.push("---:");
        }
        let _ = writeln!(out, "| {} |\n| {} |", heads.join(" | "), rule.join(" | "));
        for row in &self.rows {
            let mut name = escape(&text::name(&row.name));
            if row.published {
                name = format!("*{name}* †");
            }
            let marks = marks(row, &reasons);
            if !marks.is_empty() {
                let _ = write!(name, " <sup>{marks}</sup>");
            }
            let note = text::clean(&row.note);
            if !note.is_empty() {
                let _ = write!(name, " ({})", escape(&note));
            }
            let mut cells = vec![name];
            if groups {
                cells.push(escape(&text::clean(&row.group)));
            }
            for (at, column) in self.columns.iter().enumerate() {
                let cell = self.cell(row, at);
                cells.push(match (cell.finite(), reason(&cell)) {
                    (Some(_), _) => {
                        let mut words = escape(&cell.written(column.decimals).unwrap_or_default());
                        if cell.bold {
                            words = format!("**{words}**");
                        } else if row.published {
                            words = format!("*{words}*");
                        }
                        match uncertainty(&cell, column.decimals) {
                            Some(uncertainty) => format!("{words} {}", escape(&uncertainty)),
                            None => words,
                        }
                    }
                    (None, reason) => {
                        let place =
                            reason.and_then(|reason| reasons.iter().position(|other| *other == reason));
                        format!("— <sup>{}</sup>", place.map(letter).unwrap_or_default())
                    }
                });
            }
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
        let mut notes = Vec::new();
        if self.has_published() {
            notes.push(format!("† {PUBLISHED}"));
        }
        notes.extend(
            reasons
                .iter()
                .enumerate()
                .map(|(at, reason)| format!("<sup>{}</sup> {}", letter(at), escape(reason))),
        );
        notes.extend(
            self.uncertainty_note(false).iter().chain(&self.notes).map(|note| escape(&text::clean(note))),
        );
        if !notes.is_empty() {
            let _ = writeln!(out, "\n{}", notes.join("<br>\n"));
        }
        out
    }
}

/// Foreign words: what Markdown or HTML take for more than words.
fn escape(words: &str) -> String {
    let mut out = String::new();
    for character in words.chars() {
        match character {
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '#' => {
                out.push('\\');
                out.push(character);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            character => out.push(character),
        }
    }
    out
}
