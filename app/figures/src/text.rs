//! How wide words are in the built-in fonts, and how hostile ones are tamed.
//!
//! Ubuntu Light for words, Hack for numbers, the pair that the window uses as well. A character that Ubuntu lacks (the
//! arrows) comes from Hack, here as in the PNG backend.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};

use crate::drawing::Face;

/// Room above the baseline that capitals and accents take, of the size of the type.
pub const ASCENT: f32 = 0.80;
/// Room below the baseline.
pub const DESCENT: f32 = 0.22;
/// Height of capitals: text centred on a place has its baseline half of it below.
pub const CAPITAL: f32 = 0.70;
/// How much heavier strokes widen bold text.
const BOLD: f32 = 1.02;
/// Characters that any one text keeps.
const MOST: usize = 400;

fn fonts() -> Option<&'static [FontRef<'static>; 2]> {
    static FONTS: OnceLock<Option<[FontRef<'static>; 2]>> = OnceLock::new();
    FONTS
        .get_or_init(|| {
            let sans = FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).ok()?;
            let mono = FontRef::try_from_slice(epaint_default_fonts::HACK_REGULAR).ok()?;
            Some([sans, mono])
        })
        .as_ref()
}

/// Whether the built-in fonts have a shape for `character`.
pub fn has_glyph(character: char) -> bool {
    fonts().is_some_and(|fonts| fonts.iter().any(|font| font.glyph_id(character).0 != 0))
}

/// `text` cut where its font changes: pieces, and whether each is set in the fixed-width font. A character that neither
/// font has stays in its own.
pub fn runs(text: &str, mono: bool) -> Vec<(&str, bool)> {
    let Some(fonts) = fonts() else { return vec![(text, mono)] };
    let own = &fonts[usize::from(mono)];
    let other = &fonts[usize::from(!mono)];
    let mut runs: Vec<(&str, bool)> = Vec::new();
    let mut start = 0;
    let mut last = mono;
    for (at, character) in text.char_indices() {
        let borrowed = own.glyph_id(character).0 == 0 && other.glyph_id(character).0 != 0;
        let font = if borrowed { !mono } else { mono };
        if font != last && at > start {
            runs.push((&text[start..at], last));
            start = at;
        }
        last = font;
    }
    if start < text.len() {
        runs.push((&text[start..], last));
    }
    runs
}

/// Width of one line in points; kerning is left out, which overstates by a hair.
pub fn width(text: &str, face: Face) -> f32 {
    let Some([sans, mono]) = fonts() else {
        return text.chars().count() as f32 * face.size * 0.6;
    };
    let order = if face.mono { [mono, sans] } else { [sans, mono] };
    let advance = |character: char| {
        let font = order.into_iter().find(|font| font.glyph_id(character).0 != 0).unwrap_or(order[0]);
        // `PxScale` is the height from ascent to descent; the size of type is that of the em.
        let em = font.units_per_em().unwrap_or(1000.0);
        let scaled = font.as_scaled(PxScale::from(face.size * font.height_unscaled() / em));
        scaled.h_advance(scaled.glyph_id(character))
    };
    text.chars().map(advance).sum::<f32>() * if face.bold { BOLD } else { 1.0 }
}

/// One line without control characters, invisible direction marks and runs of spaces; at most 400 characters.
pub fn clean(text: &str) -> String {
    let mut out = String::new();
    let mut count = 0;
    for character in text.chars() {
        let hidden = matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}');
        if hidden {
            continue;
        }
        let blank =
            character.is_control() || character == ' ' || matches!(character, '\u{2028}' | '\u{2029}');
        if blank {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        } else {
            out.push(character);
        }
        count += 1;
        if count >= MOST {
            out.push('…');
            break;
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// A name that can be shown: cleaned, and never nothing.
pub fn name(text: &str) -> String {
    let text = clean(text);
    if text.is_empty() { "(unnamed)".into() } else { text }
}

/// As much of `text` as fits into `room` points, with an ellipsis where something is missing; nothing where not even
/// two characters fit.
pub fn fit(text: &str, face: Face, room: f32) -> String {
    if width(text, face) <= room {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    // The widths of prefixes grow, so the longest that fits is found by halving.
    let (mut fits, mut too_long) = (0, characters.len());
    while too_long - fits > 1 {
        let middle = usize::midpoint(fits, too_long);
        let prefix: String = characters[..middle].iter().chain(&['…']).collect();
        if width(&prefix, face) <= room {
            fits = middle;
        } else {
            too_long = middle;
        }
    }
    if fits < 1 {
        return String::new();
    }
    let prefix: String = characters[..fits].iter().collect();
    format!("{}…", prefix.trim_end())
}

/// As much of a name as fits: its middle goes, because names of systems differ at their ends.
pub fn fit_name(text: &str, face: Face, room: f32) -> String {
    if width(text, face) <= room {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let shortened = |kept: usize| -> String {
        let tail = kept * 2 / 5;
        let head: String = characters[..kept - tail].iter().collect();
        let end: String = characters[characters.len() - tail..].iter().collect();
        format!("{}…{}", head.trim_end(), end.trim_start_matches(|end: char| !end.is_alphanumeric()))
    };
    // The widths do not always grow with what is kept (the tail changes too), so the longest is looked for downwards.
    let fits = (4..characters.len()).rev().find(|kept| width(&shortened(*kept), face) <= room);
    fits.map_or_else(|| fit(text, face, room), shortened)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Face = Face { size: 10.0, bold: false, mono: false };
    const NUMBERS: Face = Face { size: 10.0, bold: false, mono: true };

    #[test]
    fn fixed_width_is_fixed_and_words_are_not() {
        assert!((width("0.142", NUMBERS) - width("±8.−1", NUMBERS)).abs() < 1e-3);
        assert!((width("0", NUMBERS) - 6.02).abs() < 0.02, "Hack advances 0.602 em");
        assert!(width("iiii", WORDS) < width("MMMM", WORDS) / 2.0);
    }

    #[test]
    fn arrows_are_borrowed_from_the_other_font() {
        assert_eq!(runs("FRCorr ↑ (x)", false), [("FRCorr ", false), ("↑", true), (" (x)", false)]);
        assert_eq!(runs("↓", false), [("↓", true)]);
        assert_eq!(runs("−0.1 ±0.2", true), [("−0.1 ±0.2", true)]);
        assert_eq!(runs("", true), []);
    }

    #[test]
    fn what_is_fitted_fits_and_says_that_it_was_cut() {
        let text = "BeLFusion with ten steps and binarised action units";
        for room in [0.0, 3.0, 12.0, 40.0, 90.0, 500.0] {
            let fitted = fit(text, WORDS, room);
            assert!(width(&fitted, WORDS) <= room);
            assert!(fitted.is_empty() || fitted == text || fitted.ends_with('…'));
            let fitted = fit_name(text, WORDS, room);
            assert!(width(&fitted, WORDS) <= room);
            assert!(fitted.is_empty() || fitted == text || fitted.contains('…'));
        }
        assert_eq!(fit(text, WORDS, 500.0), text);
    }

    #[test]
    fn hostile_text_becomes_one_visible_line() {
        assert_eq!(clean("a\n\tb\u{0}\u{7}c\u{202e}d\u{feff} "), "a b cd");
        assert_eq!(name("\u{200b}\n"), "(unnamed)");
        assert!(clean(&"x".repeat(100_000)).chars().count() <= 401);
        assert_eq!(clean("שלום \"<&>'"), "שלום \"<&>'");
    }
}
