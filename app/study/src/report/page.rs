//! The parts of a page: escaped words, tables, figures. All foreign text passes [`escape`]; a page refers to nothing
//! outside itself.

use std::fmt::Write;

use figures::table::{self, letter, reason};
use figures::{Color, Direction, Drawing, Figure, Style, Table, Width, number};

/// Text within an element or a quoted attribute; what HTML forbids becomes a blank.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(' '),
            // control characters, and marks that turn the direction of everything after them
            character if character.is_control() => out.push(' '),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => out.push(' '),
            character => out.push(character),
        }
    }
    out
}

/// `<tag>text</tag>`, escaped.
pub fn element(tag: &str, text: &str) -> String {
    format!("<{tag}>{}</{tag}>\n", escape(text))
}

/// A list of sentences; nothing for none.
pub fn list<T: AsRef<str>>(items: &[T]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items: String = items.iter().map(|item| format!("<li>{}</li>\n", escape(item.as_ref()))).collect();
    format!("<ul>\n{items}</ul>\n")
}

/// Terms and what they are; values are escaped.
pub fn definitions<'a>(class: &str, pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut out = format!("<dl class=\"{class}\">\n");
    for (term, value) in pairs {
        let _ = writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", escape(term), escape(&value));
    }
    out + "</dl>\n"
}

/// A table with its caption, arrows, intervals and footnotes; `first` heads the names of its rows, `meaning` explains a
/// column by its name.
pub fn table(first: &str, table: &Table, meaning: &dyn Fn(&str) -> Option<&'static str>) -> String {
    let (groups, reasons) = (table.has_groups(), table.reasons());
    let across = 1 + usize::from(groups) + table.columns.len();
    let mut out = format!(
        "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"{0}\">\n<table>\n<caption>{0}</caption>\n<thead><tr>\
         <th scope=\"col\">{1}</th>",
        escape(&table.title),
        escape(first)
    );
    if groups {
        out.push_str("<th scope=\"col\">Track</th>");
    }
    for column in &table.columns {
        out.push_str(&head(column, meaning(&column.name)));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    let mut published = false;
    for row in &table.rows {
        if row.published && !published {
            let _ = writeln!(
                out,
                "</tbody>\n<tbody class=\"published\">\n<tr><th scope=\"rowgroup\" colspan=\"{across}\">Published: {}</th></tr>",
                escape(table::PUBLISHED)
            );
        }
        published |= row.published;
        out.push_str("<tr><th scope=\"row\">");
        out.push_str(&escape(&figures::text::name(&row.name)));
        let letters: Vec<String> = table::footnotes(row).filter_map(|note| place(&reasons, &note)).collect();
        if !letters.is_empty() {
            let _ = write!(out, " <sup>{}</sup>", letters.join(","));
        }
        if !row.note.is_empty() {
            let _ = write!(out, " <small>{}</small>", escape(&row.note));
        }
        out.push_str("</th>");
        if groups {
            let _ = write!(out, "<td class=\"word\">{}</td>", escape(&row.group));
        }
        for (at, column) in table.columns.iter().enumerate() {
            out.push_str(&cell(&table.cell(row, at), column.decimals, &reasons));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
    let notes: Vec<String> = (reasons.iter().enumerate())
        .map(|(index, note)| format!("<sup>{}</sup> {}", letter(index), escape(note)))
        .chain(table.uncertainty_note(false).iter().chain(&table.notes).map(|note| escape(note)))
        .collect();
    if !notes.is_empty() {
        let _ = writeln!(out, "<p class=\"notes\">{}</p>", notes.join("<br>\n"));
    }
    out
}

fn place(reasons: &[String], note: &str) -> Option<String> {
    reasons.iter().position(|other| other == note).map(letter)
}

fn head(column: &table::Column, meaning: Option<&str>) -> String {
    // long names break where their parts meet
    let name = escape(&column.name).replace('_', "_<wbr>");
    let name = match meaning {
        Some(meaning) => format!("<abbr title=\"{}\">{name}</abbr>", escape(meaning)),
        None => name,
    };
    let arrow = match column.better {
        Some(better) => {
            let words = if better == Direction::Higher { "higher is better" } else { "lower is better" };
            format!(
                " <span title=\"{words}\" aria-hidden=\"true\">{}</span><span class=\"sr\">, {words}</span>",
                better.arrow()
            )
        }
        None => String::new(),
    };
    format!("<th scope=\"col\">{name}{arrow}</th>")
}

fn cell(cell: &table::Cell, decimals: usize, reasons: &[String]) -> String {
    let Some(written) = cell.written(decimals) else {
        let mark = reason(cell).and_then(|reason| place(reasons, &reason)).unwrap_or_default();
        return format!("<td>\u{2014} <sup>{mark}</sup></td>");
    };
    let mut out = escape(&written);
    if cell.bold {
        out = format!("<strong>{out}</strong>");
    }
    if let Some(spread) = cell.spread.filter(|spread| spread.is_finite()) {
        let _ = write!(out, " <small>{}</small>", number::spread(spread, decimals));
    }
    if let Some(range) = cell.interval.filter(|(low, high)| low.is_finite() && high.is_finite()) {
        let _ = write!(out, "<br><small>{}</small>", number::interval(range, decimals));
    }
    format!("<td>{out}</td>")
}

/// A figure with its caption, once for light and once for dark grounds; `label` says what a reader who cannot see it
/// would miss.
pub fn figure(figure: &dyn Figure, width: f32, label: &str, caption: &str) -> String {
    let draw = |style: Style| {
        let style = Style { paper: None, ..style };
        svg(&figure.draw_at(&style, Width::Points(width)), label)
    };
    format!(
        "<figure>\n<div class=\"light\">{}</div>\n<div class=\"dark\">{}</div>\n<figcaption>{}</figcaption>\n</figure>\n",
        draw(Style::light()),
        draw(Style::dark()),
        escape(caption)
    )
}

/// An SVG element for use within a page: named for screen readers, as wide as there is room, with no namespace.
fn svg(drawing: &Drawing, label: &str) -> String {
    let whole = figures::svg(drawing);
    let inner = whole.split_once('>').map_or("", |(_, inner)| inner);
    let (width, height) = (drawing.size.width, drawing.size.height);
    format!(
        "<svg role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">{}",
        escape(label),
        inner.trim_end()
    )
}

/// The style of the page; its colours are those of the figures.
pub fn css() -> String {
    let colors = |style: Style| {
        let hex = |color: Color| format!("#{:02x}{:02x}{:02x}", color.r, color.g, color.b);
        format!(
            "--ground:{};--card:{};--ink:{};--quiet:{};--faint:{};--grid:{};--accent:{};",
            hex(style.ground),
            hex(style.card),
            hex(style.ink),
            hex(style.quiet),
            hex(style.faint),
            hex(style.grid),
            hex(style.accent)
        )
    };
    let (light, dark) = (colors(Style::light()), colors(Style::dark()));
    format!(
        ":root{{color-scheme:light dark;{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}\n\
         .light{{display:none}}}}\n@media not screen,(prefers-color-scheme:light){{.dark{{display:none}}}}\n{}",
        include_str!("style.css")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_foreign_cannot_leave_its_element() {
        assert_eq!(escape("<b a='1' b=\"2\">&\n"), "&lt;b a=&#39;1&#39; b=&quot;2&quot;&gt;&amp; ");
        assert_eq!(escape("a\u{202e}b\u{0}c"), "a b c");
    }
}
