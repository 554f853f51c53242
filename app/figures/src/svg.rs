//! A drawing as SVG: text stays text, nothing is loaded from elsewhere, and the same drawing gives the same bytes.

use std::fmt::Write;

use crate::drawing::{Align, Color, Drawing, Face, Item, Stroke, Text};
use crate::text;

/// Ubuntu first, because the picture was measured with it; then what machines have.
const SANS: &str = "Ubuntu, 'Helvetica Neue', Helvetica, Arial, sans-serif";
const MONO: &str = "Hack, 'DejaVu Sans Mono', Menlo, Consolas, monospace";

/// The SVG document of a drawing, one unit a point.
pub fn svg(drawing: &Drawing) -> String {
    write(drawing, false)
}

/// With `built_in`, for rendering with the built-in fonts: those have one weight, so bold text gets an outline.
pub(crate) fn write(drawing: &Drawing, built_in: bool) -> String {
    let (width, height) = (short(drawing.size.width), short(drawing.size.height));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}pt\" height=\"{height}pt\" \
         viewBox=\"0 0 {width} {height}\">\n"
    );
    for item in &drawing.items {
        match item {
            Item::Line { points, stroke } => {
                let _ = write!(out, "<polyline points=\"{}\" fill=\"none\"", places(points));
                outline(&mut out, Some(stroke));
                out.push_str(" stroke-linejoin=\"round\"");
            }
            Item::Area { points, fill, stroke } => {
                let _ = write!(out, "<polygon points=\"{}\"", places(points));
                inside(&mut out, *fill);
                outline(&mut out, stroke.as_ref());
            }
            Item::Rect { rect, radius, fill, stroke } => {
                let _ = write!(
                    out,
                    "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
                    short(rect.x),
                    short(rect.y),
                    short(rect.w),
                    short(rect.h)
                );
                if *radius > 0.0 {
                    let _ = write!(out, " rx=\"{}\"", short(*radius));
                }
                inside(&mut out, *fill);
                outline(&mut out, stroke.as_ref());
            }
            Item::Circle { center, radius, fill, stroke } => {
                let [x, y] = center.map(short);
                let _ = write!(out, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{}\"", short(*radius));
                inside(&mut out, *fill);
                outline(&mut out, stroke.as_ref());
            }
            Item::Text(text) => {
                words(&mut out, text, built_in);
                continue;
            }
        }
        out.push_str("/>\n");
    }
    out.push_str("</svg>\n");
    out
}

/// A line of text. Where a character is borrowed from the other font the SVG says so for that run; rendered with the
/// built-in fonts, whose widths are known, every run is a text of its own, because the renderer sets a whole line in
/// the font of its one borrowed character.
fn words(out: &mut String, one: &Text, built_in: bool) {
    let runs = text::runs(&one.text, one.face.mono);
    if built_in && runs.len() > 1 {
        let (sin, cos) = (-one.rotation.to_radians()).sin_cos();
        let mut along = match one.align {
            Align::Start => 0.0,
            Align::Middle => text::width(&one.text, one.face) / -2.0,
            Align::End => -text::width(&one.text, one.face),
        };
        for (run, mono) in runs {
            let face = Face { mono, ..one.face };
            let at = [one.at[0] + along * cos, one.at[1] + along * sin];
            along += text::width(run, face);
            let piece = Text { at, text: run.to_owned(), face, align: Align::Start, ..one.clone() };
            open_text(out, &piece, built_in);
            let _ = writeln!(out, ">{}</text>", escape(run));
        }
        return;
    }
    open_text(out, one, built_in);
    out.push('>');
    for (run, mono) in runs {
        if mono == one.face.mono {
            out.push_str(&escape(run));
        } else {
            let family = if mono { MONO } else { SANS };
            let _ = write!(out, "<tspan font-family=\"{family}\">{}</tspan>", escape(run));
        }
    }
    out.push_str("</text>\n");
}

fn open_text(out: &mut String, one: &Text, embolden: bool) {
    let [x, y] = one.at.map(short);
    let family = if one.face.mono { MONO } else { SANS };
    let _ = write!(
        out,
        "<text x=\"{x}\" y=\"{y}\" xml:space=\"preserve\" font-family=\"{family}\" font-size=\"{}\"",
        short(one.face.size)
    );
    inside(out, Some(one.color));
    if one.face.bold {
        if embolden {
            outline(
                out,
                Some(&Stroke::new(one.face.size * if one.face.mono { 0.03 } else { 0.045 }, one.color)),
            );
        }
        out.push_str(" font-weight=\"600\"");
    }
    match one.align {
        Align::Start => {}
        Align::Middle => out.push_str(" text-anchor=\"middle\""),
        Align::End => out.push_str(" text-anchor=\"end\""),
    }
    if one.rotation != 0.0 {
        let _ = write!(out, " transform=\"rotate({} {x} {y})\"", short(-one.rotation));
    }
}

fn inside(out: &mut String, fill: Option<Color>) {
    match fill {
        None => out.push_str(" fill=\"none\""),
        Some(color) => {
            let _ = write!(out, " fill=\"{}\"", hex(color));
            if color.a < 255 {
                let _ = write!(out, " fill-opacity=\"{}\"", short(f32::from(color.a) / 255.0));
            }
        }
    }
}

fn outline(out: &mut String, stroke: Option<&Stroke>) {
    let Some(stroke) = stroke else { return };
    let _ = write!(out, " stroke=\"{}\" stroke-width=\"{}\"", hex(stroke.color), short(stroke.width));
    if stroke.color.a < 255 {
        let _ = write!(out, " stroke-opacity=\"{}\"", short(f32::from(stroke.color.a) / 255.0));
    }
    if !stroke.dash.is_empty() {
        let dash: Vec<String> = stroke.dash.iter().map(|length| short(*length)).collect();
        let _ = write!(out, " stroke-dasharray=\"{}\"", dash.join(" "));
    }
}

fn hex(color: Color) -> String {
    format!("#{:02x}{:02x}{:02x}", color.r, color.g, color.b)
}

fn places(points: &[[f32; 2]]) -> String {
    let points: Vec<String> = points.iter().map(|[x, y]| format!("{},{}", short(*x), short(*y))).collect();
    points.join(" ")
}

/// Hundredths of a point are finer than any printer.
fn short(value: f32) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" || text.is_empty() { "0".into() } else { text.into() }
}

/// Text within an element or an attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Characters that XML 1.0 forbids even as references.
            character if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => {
                out.push(' ');
            }
            character => out.push(character),
        }
    }
    out
}
