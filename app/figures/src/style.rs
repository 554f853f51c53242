//! Colours, type and lines of figures, for paper and for the two editions of the window, and the look of each series:
//! one colour, one glyph, one dash pattern.
//!
//! The values are those of the studio's theme (`app/studio/src/theme.rs`), which this crate must not depend on. Paper
//! takes the light edition's colours, which are dark on white, so that a grey print still has contrast; glyph and
//! dash tell series apart where colour cannot.

use crate::drawing::{Color, Face, Point};

/// Shape that stands for a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Glyph {
    /// 0 circle, 1 square, 2 triangle, 3 diamond, 4 triangle down, 5 plus, 6 hexagon, 7 star.
    pub shape: u8,
    /// Drawn as an outline.
    pub hollow: bool,
    /// Written into the shape.
    pub letter: Option<char>,
}

impl Glyph {
    /// How much larger than a plain shape it is drawn: a letter needs room.
    pub fn scale(self) -> f32 {
        if self.letter.is_some() { 1.3 } else { 1.0 }
    }

    /// Corners of the shape about `center`, of about the same area as a circle of `radius`; a circle has none.
    pub fn outline(self, center: Point, radius: f32) -> Option<Vec<Point>> {
        let around = |count: usize, turn: f32, radii: &[f32]| -> Vec<Point> {
            (0..count)
                .map(|index| {
                    let angle = turn + index as f32 * std::f32::consts::TAU / count as f32;
                    let radius = radius * radii[index % radii.len()];
                    [center[0] + radius * angle.cos(), center[1] + radius * angle.sin()]
                })
                .collect()
        };
        let quarter = std::f32::consts::FRAC_PI_2;
        match self.shape {
            1 => Some(around(4, quarter / 2.0, &[1.25])),
            2 => Some(around(3, -quarter, &[1.4])),
            3 => Some(around(4, -quarter, &[1.3])),
            4 => Some(around(3, quarter, &[1.4])),
            5 => {
                let (long, half) = (1.2 * radius, 0.42 * radius);
                let corners = [
                    [-half, -long],
                    [half, -long],
                    [half, -half],
                    [long, -half],
                    [long, half],
                    [half, half],
                    [half, long],
                    [-half, long],
                    [-half, half],
                    [-long, half],
                    [-long, -half],
                    [-half, -half],
                ];
                Some(corners.map(|[x, y]| [center[0] + x, center[1] + y]).to_vec())
            }
            6 => Some(around(6, 0.0, &[1.12])),
            7 => Some(around(10, -quarter, &[1.4, 0.66])),
            _ => None,
        }
    }
}

/// How one series looks in every figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Lines, bars and glyphs.
    pub color: Color,
    /// Shape beside its name.
    pub glyph: Glyph,
    /// Dash and gap lengths in points; empty is solid.
    pub dash: &'static [f32],
}

/// Series that have a look of their own; more repeat.
pub const MOST_LOOKS: usize = 16;
/// Looks of systems begin here: grey squares with a letter. Colours and shapes are those of latents, and a system that
/// wore them would be taken for one; a letter is read on a grey print and by every eye.
const SYSTEMS: usize = 1 << 16;
/// Letters of the alphabet.
const LETTERS: usize = 26;

/// The look of a system: a square with that letter (`A` to `Z`, whatever is given), hollow for a baseline.
pub fn system(letter: char, hollow: bool) -> usize {
    let letter = (letter.to_ascii_uppercase() as usize).saturating_sub('A' as usize) % LETTERS;
    SYSTEMS + letter + if hollow { LETTERS } else { 0 }
}

/// Letter and hollowness of a system's look; `None` for that of a series.
pub fn of_system(look: usize) -> Option<(char, bool)> {
    let slot = look.checked_sub(SYSTEMS)? % (2 * LETTERS);
    Some(((b'A' + (slot % LETTERS) as u8) as char, slot >= LETTERS))
}

const DARK_SERIES: [u32; 8] =
    [0x8fa2ff, 0xffc5a1, 0x0fa698, 0xf5484b, 0xa968ff, 0x2fe9f7, 0xd5f52a, 0xff9500];
const LIGHT_SERIES: [u32; 8] =
    [0x2a18d1, 0x9c6000, 0x047868, 0xd4006f, 0x7d5cc0, 0x003b55, 0x493500, 0x943a10];

const DASHES: [&[f32]; MOST_LOOKS] = [
    &[],
    &[9.0, 3.0],
    &[3.0, 2.5],
    &[9.0, 3.0, 2.0, 3.0],
    &[14.0, 4.0],
    &[1.5, 2.5],
    &[9.0, 2.5, 2.0, 2.5, 2.0, 2.5],
    &[5.0, 5.0],
    &[18.0, 3.0, 3.0, 3.0],
    &[6.0, 2.0, 1.5, 2.0],
    &[2.0, 5.0],
    &[12.0, 8.0],
    &[4.0, 2.0, 4.0, 6.0],
    &[20.0, 4.0],
    &[7.0, 2.0, 7.0, 6.0],
    &[3.0, 3.0, 12.0, 3.0],
];

/// The look of a whole figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Style {
    /// Behind everything; `None` leaves the canvas clear.
    pub paper: Option<Color>,
    /// What "clear" will lie on: hollow glyphs and faint cells are mixed with it.
    pub ground: Color,
    /// Behind cells of a heat map and bars that are empty.
    pub card: Color,
    /// Names and values.
    pub ink: Color,
    /// Secondary words.
    pub quiet: Color,
    /// Units, ticks and uncertainty; still readable.
    pub faint: Color,
    /// Lines of the grid.
    pub grid: Color,
    /// The one thing to look at.
    pub accent: Color,
    /// Better.
    pub good: Color,
    /// Worse.
    pub bad: Color,
    /// First eight series; the next eight are a second tone of them, with hollow glyphs.
    pub series: [Color; 8],
    /// What the second tone is mixed with, half and half.
    pub second: Color,
    /// Size of names, in points.
    pub text: f32,
    /// Size of ticks, values and notes.
    pub small: f32,
    /// Size of titles.
    pub title: f32,
    /// Width of data lines.
    pub line: f32,
    /// Width of grid lines and axes.
    pub hair: f32,
}

impl Style {
    /// White, for print.
    pub fn paper() -> Self {
        Self {
            paper: Some(Color::hex(0xffffff)),
            ground: Color::hex(0xffffff),
            card: Color::hex(0xf3f4f6),
            ink: Color::hex(0x101218),
            quiet: Color::hex(0x3b414d),
            faint: Color::hex(0x5c6474),
            grid: Color::hex(0xe3e6eb),
            accent: Color::hex(0x2b5bd7),
            good: Color::hex(0x00523a),
            bad: Color::hex(0xd6337c),
            series: LIGHT_SERIES.map(Color::hex),
            second: Color::hex(0x6a7080),
            text: 7.5,
            small: 6.75,
            title: 8.5,
            line: 1.1,
            hair: 0.5,
        }
    }

    /// The dark edition of the window.
    pub fn dark() -> Self {
        Self {
            paper: Some(Color::hex(0x15171f)),
            ground: Color::hex(0x15171f),
            card: Color::hex(0x1c1f29),
            ink: Color::hex(0xeceef4),
            quiet: Color::hex(0xb1b7c6),
            faint: Color::hex(0x8f97a9),
            grid: Color::hex(0x282c38),
            accent: Color::hex(0x7aa2ff),
            good: Color::hex(0x4fd1a5),
            bad: Color::hex(0xff8080),
            series: DARK_SERIES.map(Color::hex),
            second: Color::hex(0xffffff),
            ..Self::screen()
        }
    }

    /// The light edition of the window.
    pub fn light() -> Self {
        Self {
            paper: Some(Color::hex(0xffffff)),
            ground: Color::hex(0xffffff),
            card: Color::hex(0xf0f2f6),
            ink: Color::hex(0x171a22),
            quiet: Color::hex(0x444b5a),
            faint: Color::hex(0x5c6474),
            grid: Color::hex(0xd9dde6),
            accent: Color::hex(0x2b5bd7),
            good: Color::hex(0x0a7350),
            bad: Color::hex(0xb3261e),
            ..Self::screen()
        }
    }

    fn screen() -> Self {
        Self { text: 12.0, small: 11.0, title: 13.5, line: 1.6, hair: 1.0, ..Self::paper() }
    }

    /// The look of series or latent `index`, counted from 0 and repeating after sixteen.
    pub fn look(&self, index: usize) -> Look {
        if index >= SYSTEMS {
            return self.of_system(index);
        }
        let index = index % MOST_LOOKS;
        let (hue, hollow) = (index % 8, index >= 8);
        let color = if hollow { self.series[hue].mix(self.second, 0.5) } else { self.series[hue] };
        Look { color, glyph: Glyph { shape: hue as u8, hollow, letter: None }, dash: DASHES[index] }
    }

    /// The look of the system `index` of [`system`]; any other index is a series.
    fn of_system(&self, index: usize) -> Look {
        let slot = (index - SYSTEMS) % (2 * LETTERS);
        let (letter, hollow) = ((b'A' + (slot % LETTERS) as u8) as char, slot >= LETTERS);
        let color = if hollow { self.faint } else { self.quiet };
        Look { color, glyph: Glyph { shape: 1, hollow, letter: Some(letter) }, dash: &[] }
    }

    /// Type of names.
    pub fn words(&self) -> Face {
        Face { size: self.text, bold: false, mono: false }
    }

    /// Type of the emphasised name.
    pub fn strong(&self) -> Face {
        Face { bold: true, ..self.words() }
    }

    /// Type of titles.
    pub fn heading(&self) -> Face {
        Face { size: self.title, bold: true, mono: false }
    }

    /// Type of notes and axis names.
    pub fn notes(&self) -> Face {
        Face { size: self.small, bold: false, mono: false }
    }

    /// Type of values and ticks.
    pub fn numbers(&self) -> Face {
        Face { size: self.small * 0.94, bold: false, mono: true }
    }

    /// Radius of a glyph.
    pub fn glyph(&self) -> f32 {
        self.text * 0.36
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_series_are_readable_in_every_style() {
        for style in [Style::paper(), Style::dark(), Style::light()] {
            for ink in [style.ink, style.quiet, style.faint, style.accent, style.good, style.bad] {
                assert!(ink.contrast(style.ground) >= 4.5, "{ink:?} on {:?}", style.ground);
            }
            for index in 0..MOST_LOOKS {
                let got = style.look(index).color.contrast(style.ground);
                assert!(got >= 3.0, "series {index} has {got:.2}");
            }
        }
    }

    #[test]
    fn better_and_worse_differ_on_a_grey_print() {
        let style = Style::paper();
        assert!(style.good.contrast(style.bad) >= 1.8, "{}", style.good.contrast(style.bad));
    }

    #[test]
    fn every_series_has_a_look_of_its_own() {
        let style = Style::paper();
        for a in 0..MOST_LOOKS {
            for b in 0..a {
                let (x, y) = (style.look(a), style.look(b));
                assert!(x.color != y.color && x.glyph != y.glyph && x.dash != y.dash, "{a} and {b}");
            }
        }
        assert_eq!(style.look(3), style.look(19));
    }

    #[test]
    fn systems_are_grey_squares_with_letters_and_never_look_like_a_latent() {
        for style in [Style::paper(), Style::dark(), Style::light()] {
            for (letter, hollow) in [('A', false), ('Z', false), ('R', true)] {
                let look = style.look(system(letter, hollow));
                assert_eq!((look.glyph.letter, look.glyph.hollow), (Some(letter), hollow));
                assert_eq!(of_system(system(letter, hollow)), Some((letter, hollow)));
                let Color { r, g, b, .. } = look.color;
                assert!(r.max(g).max(b) - r.min(g).min(b) < 30, "{:?} is no grey", look.color);
                assert!(look.color.contrast(style.ground) >= 4.5);
                assert!((0..MOST_LOOKS).all(|series| style.look(series).color != look.color));
            }
        }
        assert_eq!(of_system(3), None);
    }

    #[test]
    fn glyphs_are_about_as_large_as_a_circle() {
        for shape in 1..8 {
            let corners = Glyph { shape, hollow: false, letter: None }.outline([0.0, 0.0], 1.0).unwrap();
            let area: f32 = (0..corners.len())
                .map(|index| {
                    let (a, b) = (corners[index], corners[(index + 1) % corners.len()]);
                    (a[0] * b[1] - a[1] * b[0]) / 2.0
                })
                .sum();
            assert!((area.abs() / std::f32::consts::PI - 1.0).abs() < 0.25, "shape {shape}: {area}");
        }
    }
}
