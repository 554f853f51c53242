//! Colours, sizes and type of the whole window, in a dark and a light edition, and the look of each latent: one
//! colour, one glyph, one dash pattern everywhere. Nothing else in this crate names a colour.
//!
//! The first eight latent colours were chosen by maximising the smallest distance (OKLab) under normal vision and
//! under simulated protanopia, deuteranopia and tritanopia; the tests keep a floor under it. Latents nine to
//! sixteen repeat the hues in a second tone and are told apart by hollow glyphs and their own dashes.

use egui::{Color32, CornerRadius, FontId, Margin, Stroke, TextStyle, Vec2};

/// Which edition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// Light ink on dark greys.
    #[default]
    Dark,
    /// Dark ink on light greys.
    Light,
}

/// The colours of one edition. Four greys carry structure; colour is for data and for the one primary action.
#[derive(Debug, Clone, Copy)]
pub struct Tokens {
    /// Behind everything.
    pub ground: Color32,
    /// Side panels and bars.
    pub panel: Color32,
    /// Fields, chips and tiles on a panel.
    pub card: Color32,
    /// A card under the pointer.
    pub hover: Color32,
    /// Hairlines between things.
    pub line: Color32,
    /// The chosen row of a list.
    pub chosen: Color32,
    /// Main text.
    pub text: Color32,
    /// Secondary text.
    pub dim: Color32,
    /// Labels, units and hints; still readable.
    pub faint: Color32,
    /// The primary action and the waveform.
    pub accent: Color32,
    /// Text on the primary action.
    pub on_accent: Color32,
    /// Fine.
    pub good: Color32,
    /// Worth knowing.
    pub warn: Color32,
    /// Failed.
    pub bad: Color32,
    /// Behind words on pictures of faces.
    pub veil: Color32,
    /// Text on pictures of faces.
    pub on_picture: Color32,
    /// Quieter text on pictures.
    pub on_picture_dim: Color32,
    /// The real listener's curves and the playhead.
    pub truth: Color32,
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const DARK: Tokens = Tokens {
    ground: rgb(0x0f1014),
    panel: rgb(0x15171f),
    card: rgb(0x1c1f29),
    hover: rgb(0x262a37),
    line: rgb(0x282c38),
    chosen: rgb(0x22315a),
    text: rgb(0xeceef4),
    dim: rgb(0xb1b7c6),
    faint: rgb(0x8f97a9),
    accent: rgb(0x7aa2ff),
    on_accent: rgb(0x0b1226),
    good: rgb(0x4fd1a5),
    warn: rgb(0xffb655),
    bad: rgb(0xff8080),
    veil: rgb(0x05060a),
    on_picture: rgb(0xffffff),
    on_picture_dim: rgb(0xd9dde6),
    truth: rgb(0xffffff),
};

const LIGHT: Tokens = Tokens {
    ground: rgb(0xf3f4f7),
    panel: rgb(0xffffff),
    card: rgb(0xf0f2f6),
    hover: rgb(0xe3e7ef),
    line: rgb(0xd9dde6),
    chosen: rgb(0xdce6ff),
    text: rgb(0x171a22),
    dim: rgb(0x444b5a),
    faint: rgb(0x5c6474),
    accent: rgb(0x2b5bd7),
    on_accent: rgb(0xffffff),
    good: rgb(0x0a7350),
    warn: rgb(0x8a5200),
    bad: rgb(0xb3261e),
    veil: rgb(0xffffff),
    on_picture: rgb(0x14161c),
    on_picture_dim: rgb(0x363c48),
    truth: rgb(0x14161c),
};

impl Theme {
    /// The colours of this edition.
    pub fn tokens(self) -> &'static Tokens {
        match self {
            Self::Dark => &DARK,
            Self::Light => &LIGHT,
        }
    }

    /// The other edition.
    pub fn other(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::Dark,
        }
    }
}

/// Most latents that have a look of their own.
pub const MOST_LATENTS: usize = 16;

const LATENTS_DARK: [u32; 8] =
    [0x8fa2ff, 0xffc5a1, 0x0fa698, 0xf5484b, 0xa968ff, 0x2fe9f7, 0xd5f52a, 0xff9500];
const LATENTS_LIGHT: [u32; 8] =
    [0x2a18d1, 0x9c6000, 0x047868, 0xd4006f, 0x7d5cc0, 0x003b55, 0x493500, 0x943a10];

/// Shape that stands for a latent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Glyph {
    /// 0 circle, 1 square, 2 triangle, 3 diamond, 4 triangle down, 5 plus, 6 hexagon, 7 star.
    pub shape: u8,
    /// Drawn as an outline.
    pub hollow: bool,
}

/// Dash and gap lengths in points; empty is a solid line.
pub type Dash = &'static [f32];

const DASHES: [Dash; MOST_LATENTS] = [
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

/// Dash of the real listener's curves; no latent has it.
pub const TRUTH_DASH: Dash = &[4.0, 3.0];

/// How one latent looks everywhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatentLook {
    /// Colour of lines, bars and glyphs, readable as text on panels.
    pub color: Color32,
    /// Shape beside its name.
    pub glyph: Glyph,
    /// Pattern of its curves.
    pub dash: Dash,
}

/// The look of latent `index` (counted from 0, repeating after sixteen).
pub fn latent_look(theme: Theme, index: usize) -> LatentLook {
    let index = index % MOST_LATENTS;
    let (hue, second) = (index % 8, index >= 8);
    let base = match theme {
        Theme::Dark => rgb(LATENTS_DARK[hue]),
        Theme::Light => rgb(LATENTS_LIGHT[hue]),
    };
    let color = match (second, theme) {
        (false, _) => base,
        (true, Theme::Dark) => base.lerp_to_gamma(Color32::WHITE, 0.5),
        (true, Theme::Light) => base.lerp_to_gamma(rgb(0x6a7080), 0.5),
    };
    LatentLook { color, glyph: Glyph { shape: hue as u8, hollow: second }, dash: DASHES[index] }
}

/// Sizes in points.
pub mod size {
    /// Side panel on the left.
    pub const LIST: f32 = 236.0;
    /// Side panel on the right.
    pub const INSPECTOR: f32 = 264.0;
    /// Top bar.
    pub const BAR: f32 = 44.0;
    /// Status bar.
    pub const STATUS: f32 = 26.0;
    /// Transport.
    pub const TRANSPORT: f32 = 46.0;
    /// Between tiles and around panels.
    pub const GAP: f32 = 8.0;
    /// Corners of tiles and cards.
    pub const ROUND: u8 = 8;
    /// Names of tracks.
    pub const GUTTER: f32 = 104.0;
}

/// Body text.
pub fn body() -> FontId {
    FontId::proportional(13.5)
}

/// Small text.
pub fn small() -> FontId {
    FontId::proportional(12.0)
}

/// Numbers.
pub fn mono() -> FontId {
    FontId::monospace(12.0)
}

/// Small numbers.
pub fn mono_small() -> FontId {
    FontId::monospace(11.0)
}

/// Names and headings: the same face, a little larger; colour does the rest.
pub fn strong(size: f32) -> FontId {
    FontId::proportional(size + 0.5)
}

/// Relative luminance contrast, 1 to 21 (WCAG 2).
pub fn contrast(a: Color32, b: Color32) -> f32 {
    let luminance = |color: Color32| {
        let linear = egui::Rgba::from(color);
        0.2126 * linear.r() + 0.7152 * linear.g() + 0.0722 * linear.b()
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Puts both editions into the context; once, at the start. Type is what the window's own library ships.
pub fn install(ctx: &egui::Context) {
    // The proportional face has no arrows; the fixed one lends them.
    let mut fonts = egui::FontDefinitions::default();
    let lenders = fonts.families.get(&egui::FontFamily::Monospace).cloned().unwrap_or_default();
    let words = fonts.families.entry(egui::FontFamily::Proportional).or_default();
    words.extend(lenders.into_iter().filter(|name| name == "Hack"));
    ctx.set_fonts(fonts);
    for (theme, edition) in [(Theme::Dark, egui::Theme::Dark), (Theme::Light, egui::Theme::Light)] {
        ctx.style_mut_of(edition, |style| dress(style, theme));
    }
}

/// Switches the edition.
pub fn apply(ctx: &egui::Context, theme: Theme) {
    ctx.set_theme(match theme {
        Theme::Dark => egui::Theme::Dark,
        Theme::Light => egui::Theme::Light,
    });
}

fn dress(style: &mut egui::Style, theme: Theme) {
    let tokens = theme.tokens();
    style.text_styles = [
        (TextStyle::Small, small()),
        (TextStyle::Body, body()),
        (TextStyle::Button, body()),
        (TextStyle::Monospace, mono()),
        (TextStyle::Heading, strong(18.0)),
    ]
    .into();
    style.spacing.item_spacing = Vec2::new(8.0, 6.0);
    style.spacing.button_padding = Vec2::new(10.0, 5.0);
    style.spacing.interact_size = Vec2::new(24.0, 24.0);
    style.spacing.menu_margin = Margin::same(6);
    style.spacing.scroll = egui::style::ScrollStyle::floating();
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.35;
    style.animation_time = 0.08;
    let visuals = &mut style.visuals;
    visuals.dark_mode = theme == Theme::Dark;
    visuals.override_text_color = None;
    visuals.weak_text_color = Some(tokens.faint);
    visuals.panel_fill = tokens.panel;
    visuals.window_fill = tokens.panel;
    visuals.window_stroke = Stroke::new(1.0, tokens.line);
    visuals.window_corner_radius = CornerRadius::same(12);
    visuals.menu_corner_radius = CornerRadius::same(size::ROUND);
    visuals.extreme_bg_color = tokens.ground;
    visuals.text_edit_bg_color = Some(tokens.ground);
    visuals.faint_bg_color = tokens.card;
    visuals.code_bg_color = tokens.card;
    visuals.hyperlink_color = tokens.accent;
    visuals.warn_fg_color = tokens.warn;
    visuals.error_fg_color = tokens.bad;
    visuals.selection.bg_fill = tokens.chosen;
    visuals.selection.stroke = Stroke::new(1.0, tokens.accent);
    for (widget, fill, stroke, ink) in [
        (&mut visuals.widgets.noninteractive, tokens.panel, tokens.line, tokens.text),
        (&mut visuals.widgets.inactive, tokens.card, tokens.line, tokens.text),
        (&mut visuals.widgets.hovered, tokens.hover, tokens.faint, tokens.text),
        (&mut visuals.widgets.active, tokens.hover, tokens.accent, tokens.text),
        (&mut visuals.widgets.open, tokens.hover, tokens.line, tokens.text),
    ] {
        widget.bg_fill = fill;
        widget.weak_bg_fill = fill;
        widget.bg_stroke = Stroke::new(1.0, stroke);
        widget.fg_stroke = Stroke::new(1.0, ink);
        widget.corner_radius = CornerRadius::same(6);
        widget.expansion = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEMES: [Theme; 2] = [Theme::Dark, Theme::Light];

    #[test]
    fn text_is_readable_on_every_surface_of_both_editions() {
        for theme in THEMES {
            let tokens = theme.tokens();
            for surface in [tokens.ground, tokens.panel, tokens.card] {
                let inks = [
                    tokens.text,
                    tokens.dim,
                    tokens.faint,
                    tokens.accent,
                    tokens.good,
                    tokens.warn,
                    tokens.bad,
                ];
                for (index, ink) in inks.into_iter().enumerate() {
                    let got = contrast(ink, surface);
                    assert!(got >= 4.5, "{theme:?}: ink {index} on {surface:?} has {got:.2}");
                }
            }
            for surface in [tokens.hover, tokens.chosen] {
                assert!(contrast(tokens.text, surface) >= 4.5 && contrast(tokens.dim, surface) >= 4.5);
                assert!(contrast(tokens.faint, surface) >= 3.0);
            }
            assert!(contrast(tokens.on_accent, tokens.accent) >= 4.5);
            assert!(
                contrast(tokens.on_picture, tokens.veil) >= 7.0
                    && contrast(tokens.on_picture_dim, tokens.veil) >= 7.0
            );
            for index in 0..MOST_LATENTS {
                let color = latent_look(theme, index).color;
                let got = contrast(color, tokens.panel).min(contrast(color, tokens.ground));
                assert!(got >= if index < 8 { 4.5 } else { 3.0 }, "{theme:?}: latent {index} has {got:.2}");
            }
        }
    }

    #[test]
    fn every_latent_has_its_own_colour_glyph_and_dash() {
        for theme in THEMES {
            for a in 0..MOST_LATENTS {
                assert_ne!(latent_look(theme, a).dash, TRUTH_DASH);
                for b in 0..a {
                    let (x, y) = (latent_look(theme, a), latent_look(theme, b));
                    assert!(
                        x.color != y.color && x.glyph != y.glyph && x.dash != y.dash,
                        "{a} and {b} in {theme:?}"
                    );
                }
            }
        }
    }

    /// Machado, Oliveira, Fernandes 2009, severity 1, on linear rgb.
    const SIMULATIONS: [[[f32; 3]; 3]; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ];

    fn oklab(linear: [f32; 3]) -> [f32; 3] {
        let [r, g, b] = linear.map(|value| value.clamp(0.0, 1.0));
        let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
        let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
        let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
        [
            0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
            1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
            0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
        ]
    }

    #[test]
    fn the_first_eight_colours_stay_apart_for_colour_blind_readers() {
        for theme in THEMES {
            for (sight, matrix) in SIMULATIONS.iter().enumerate() {
                let seen: Vec<[f32; 3]> = (0..8)
                    .map(|index| {
                        let color = egui::Rgba::from(latent_look(theme, index).color);
                        let linear = [color.r(), color.g(), color.b()];
                        oklab(matrix.map(|row| row.iter().zip(linear).map(|(a, b)| a * b).sum()))
                    })
                    .collect();
                for a in 0..8 {
                    for b in 0..a {
                        let apart =
                            (0..3).map(|axis| (seen[a][axis] - seen[b][axis]).powi(2)).sum::<f32>().sqrt();
                        assert!(
                            apart > 0.07,
                            "{theme:?}, sight {sight}: z{} and z{} are {apart:.3}",
                            a + 1,
                            b + 1
                        );
                    }
                }
            }
        }
    }
}
