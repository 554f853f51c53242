//! LaTeX that compiles with the article class, booktabs and graphicx.

use std::fmt::Write;

use super::{PUBLISHED, Table, letter, marks, reason, uncertainty};
use crate::axis::Direction;
use crate::{number, text};

impl Table {
    /// A `table` environment with booktabs rules: published rows in italics with a dagger, best values in bold,
    /// uncertainty in small type. Needs `\usepackage{booktabs,graphicx}`; a table that is wider than the text is
    /// made smaller.
    pub fn latex(&self) -> String {
        let (groups, reasons) = (self.has_groups(), self.reasons());
        // Values stay aligned beside uncertainties: those have a column of their own where there are any.
        let wide: Vec<bool> = (0..self.columns.len())
            .map(|at| self.rows.iter().any(|row| uncertainty(&self.cell(row, at), 0).is_some()))
            .collect();

        let mut out = String::from(
            "% needs \\usepackage{booktabs,graphicx}; a table wider than the text is made smaller\n\\begin{table}\n\\centering\n\\small\n\\setlength{\\tabcolsep}{4pt}\n",
        );
        if !text::clean(&self.title).is_empty() {
            let _ = writeln!(out, "\\caption{{{}}}", escape(&self.title));
        }
        let numbers: String = wide.iter().map(|wide| if *wide { "r@{ }l" } else { "r" }).collect();
        let _ = writeln!(
            out,
            "\\setbox8\\hbox{{%\n\\begin{{tabular}}{{@{{}}l{}{numbers}@{{}}}}\n\\toprule",
            if groups { "l" } else { "" }
        );
        let mut heads = vec![String::from("System")];
        if groups {
            heads.push("Track".into());
        }
        for (column, wide) in self.columns.iter().zip(&wide) {
            let unit = text::clean(&column.unit);
            let mut head = escape(&text::name(&column.name));
            if !unit.is_empty() {
                let _ = write!(head, " ({})", escape(&unit));
            }
            match column.better {
                Some(Direction::Higher) => head += " $\\uparrow$",
                Some(Direction::Lower) => head += " $\\downarrow$",
                None => {}
            }
            heads.push(if *wide { format!("\\multicolumn{{2}}{{c}}{{{head}}}") } else { head });
        }
        let _ = writeln!(out, "{} \\\\\n\\midrule", heads.join(" & "));
        for (index, row) in self.rows.iter().enumerate() {
            if index > 0 && groups && row.group != self.rows[index - 1].group {
                out.push_str("\\addlinespace\n");
            }
            let mut name = escape(&text::name(&row.name));
            let note = text::clean(&row.note);
            if !note.is_empty() {
                let _ = write!(name, " {{\\scriptsize {}}}", escape(&note));
            }
            if row.published {
                name = format!("\\textit{{{name}}}$^\\dagger$");
            }
            let marks = marks(row, &reasons);
            if !marks.is_empty() {
                let _ = write!(name, "$^{{{marks}}}$");
            }
            let mut cells = vec![name];
            if groups {
                cells.push(escape(&row.group));
            }
            for (at, column) in self.columns.iter().enumerate() {
                let cell = self.cell(row, at);
                cells.push(match cell.finite() {
                    None => {
                        let place = reason(&cell)
                            .and_then(|reason| reasons.iter().position(|other| *other == reason))
                            .map(letter);
                        let end = if wide[at] { " &" } else { "" };
                        format!("---\\textsuperscript{{{}}}{end}", place.unwrap_or_default())
                    }
                    Some(value) => {
                        let decimals = column.decimals;
                        let mut text = match cell.as_printed() {
                            Some(printed) => escape(&printed),
                            None => number_in_text(&number::fixed(value, decimals)),
                        };
                        if cell.bold {
                            text = format!("\\textbf{{{text}}}");
                        }
                        if row.published {
                            text = format!("\\textit{{{text}}}");
                        }
                        match (cell.finite_spread(), cell.finite_interval()) {
                            (Some(spread), _) => {
                                let spread = number::fixed(spread.abs(), decimals);
                                format!("{text} & {{\\scriptsize $\\pm${}}}", number_in_text(&spread))
                            }
                            // half of the interval: both ends of six measures have no room on a page
                            (None, Some((low, high))) => {
                                let half = number::fixed((high - low) * 0.5, decimals);
                                format!("{text} & {{\\scriptsize $\\pm${}}}", number_in_text(&half))
                            }
                            (None, None) if wide[at] => format!("{text} &"),
                            (None, None) => text,
                        }
                    }
                });
            }
            let _ = writeln!(out, "{} \\\\", cells.join(" & "));
        }
        out.push_str("\\bottomrule\n");
        let mut notes = Vec::new();
        if self.has_published() {
            notes.push(format!("$^\\dagger$\\,{PUBLISHED}"));
        }
        notes.extend(
            reasons.iter().enumerate().map(|(index, reason)| {
                format!("\\textsuperscript{{{}}}\\,{}", letter(index), escape(reason))
            }),
        );
        notes.extend(self.uncertainty_note(true).iter().chain(&self.notes).map(|note| escape(note)));
        // Notes break at the width of the table and shrink with it: they are never larger than what they explain.
        out.push_str("\\end{tabular}}%\n");
        let _ = writeln!(
            out,
            "\\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{%\n\\begin{{minipage}}{{\\wd8}}\\box8"
        );
        if !notes.is_empty() {
            let _ = writeln!(out, "\\par\\smallskip\\scriptsize\\raggedright\n{}", notes.join("\\\\\n"));
        }
        out.push_str("\\end{minipage}}\n");
        out.push_str("\\end{table}\n");
        out
    }
}

/// Our own numbers: the true minus and powers become mathematics.
fn number_in_text(number: &str) -> String {
    let mut out = String::new();
    for character in number.chars() {
        match character {
            '−' => out.push_str("$-$"),
            '×' => out.push_str("$\\times$"),
            '⁻' => out.push_str("$^-$"),
            '—' => out.push_str("---"),
            character => match "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().position(|raised| raised == character) {
                Some(digit) => {
                    let _ = write!(out, "$^{digit}$");
                }
                None => out.push(character),
            },
        }
    }
    out
}

/// Foreign words: whatever LaTeX takes for a command is escaped, and what the article class cannot set without
/// further packages is a question mark.
pub(crate) fn escape(words: &str) -> String {
    let mut out = String::new();
    for character in text::clean(words).chars() {
        match character {
            '_' | '%' | '&' | '#' | '$' | '{' | '}' => {
                out.push('\\');
                out.push(character);
            }
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '\\' => out.push_str("\\textbackslash{}"),
            '<' => out.push_str("$<$"),
            '>' => out.push_str("$>$"),
            '|' => out.push_str("$|$"),
            // Straight quotes exist in T1 only.
            '"' => out.push_str("''"),
            '−' => out.push_str("$-$"),
            '×' => out.push_str("$\\times$"),
            '±' => out.push_str("$\\pm$"),
            '·' => out.push_str("$\\cdot$"),
            '↑' => out.push_str("$\\uparrow$"),
            '↓' => out.push_str("$\\downarrow$"),
            '→' => out.push_str("$\\rightarrow$"),
            '–' => out.push_str("--"),
            '—' => out.push_str("---"),
            '…' => out.push_str("\\ldots{}"),
            '‘' => out.push('`'),
            '’' => out.push('\''),
            '“' => out.push_str("``"),
            '”' => out.push_str("''"),
            // Latin letters of the standard input encoding; other scripts need fonts that we cannot ask for.
            '\u{a0}' => out.push('~'),
            character if character.is_ascii() || ('\u{c0}'..='\u{17f}').contains(&character) => {
                out.push(character)
            }
            _ => out.push('?'),
        }
    }
    out
}
