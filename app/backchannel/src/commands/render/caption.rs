//! Words in pictures: one line of text into an RGBA picture, in the font the window uses.

use std::borrow::Cow;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use clips::{Fault, FaultKind};

/// A font at hand for captions.
pub struct Letters {
    font: FontRef<'static>,
}

impl Letters {
    /// The window's text font.
    pub fn new() -> clips::Result<Self> {
        FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT)
            .map(|font| Self { font })
            .map_err(|error| Fault::new(FaultKind::Internal, "", format!("the built-in font: {error}")))
    }

    /// Width of a line in pixels.
    pub fn width(&self, text: &str, height: f32) -> f32 {
        let font = self.font.as_scaled(PxScale::from(height));
        text.chars().map(|letter| font.h_advance(font.glyph_id(letter))).sum()
    }

    /// The line, or as much of its beginning as fits into `room` pixels, with an ellipsis.
    pub fn cut<'a>(&self, text: &'a str, height: f32, room: f32) -> Cow<'a, str> {
        if self.width(text, height) <= room {
            return text.into();
        }
        let mut left: String = text.to_owned();
        while left.pop().is_some() && self.width(&left, height) + self.width("…", height) > room {}
        (left.trim_end().to_owned() + "…").into()
    }

    /// Draws a line with its top left corner at (x, y); what falls outside is left out.
    pub fn draw(
        &self,
        picture: &mut [u8],
        [width, height]: [u32; 2],
        [x, y]: [f32; 2],
        size: f32,
        text: &str,
        color: [u8; 3],
    ) {
        let font = self.font.as_scaled(PxScale::from(size));
        let mut pen = x;
        for letter in text.chars() {
            let id = font.glyph_id(letter);
            let glyph = id.with_scale_and_position(size, point(pen, y + font.ascent()));
            pen += font.h_advance(id);
            let Some(outline) = self.font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, coverage| {
                let (px, py) = (corner.x as i64 + i64::from(dx), corner.y as i64 + i64::from(dy));
                if (0..i64::from(width)).contains(&px) && (0..i64::from(height)).contains(&py) {
                    let at = 4 * (py as usize * width as usize + px as usize);
                    for (channel, ink) in color.iter().enumerate() {
                        let below = f32::from(picture[at + channel]);
                        picture[at + channel] =
                            (below + (f32::from(*ink) - below) * coverage.min(1.0)).round() as u8;
                    }
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Letters;

    #[test]
    fn a_line_that_is_too_long_ends_in_an_ellipsis_and_fits() {
        let letters = Letters::new().unwrap();
        assert_eq!(letters.cut("AU6=1", 20.0, 200.0), "AU6=1");
        let cut = letters.cut("mouthLowerDownLeft=1", 20.0, 90.0);
        assert!(cut.starts_with("mouth") && cut.ends_with('…') && letters.width(&cut, 20.0) <= 90.0, "{cut}");
        assert_eq!(letters.cut("wide", 20.0, 1.0), "…", "nothing else is left to show");
    }

    #[test]
    fn letters_leave_ink_inside_the_picture_only() {
        let letters = Letters::new().unwrap();
        let mut picture = vec![0u8; 4 * 40 * 20];
        letters.draw(&mut picture, [40, 20], [-5.0, -3.0], 18.0, "z3 #1 and far beyond the edge", [255; 3]);
        assert!(picture.iter().any(|value| *value > 200));
        assert!(letters.width("mm", 18.0) > letters.width("i", 18.0));
    }
}
