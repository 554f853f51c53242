//! A drawing as PNG, through its SVG: the same bytes on every machine, because only the built-in fonts are loaded.

use std::sync::{Arc, OnceLock};

use clips::{Fault, FaultKind, Result};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::drawing::Drawing;
use crate::svg;

/// Most pixels of one picture.
const MOST_PIXELS: f64 = 1.0e8;

fn fonts() -> Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    FONTS
        .get_or_init(|| {
            let mut fonts = fontdb::Database::new();
            fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
            fonts.load_font_data(epaint_default_fonts::HACK_REGULAR.to_vec());
            let family = |mono: bool| {
                let face = fonts.faces().find(|face| face.monospaced == mono);
                face.and_then(|face| face.families.first()).map(|(name, _)| name.clone())
            };
            let (sans, mono) = (family(false), family(true));
            if let Some(sans) = sans {
                fonts.set_sans_serif_family(sans);
            }
            if let Some(mono) = mono {
                fonts.set_monospace_family(mono);
            }
            Arc::new(fonts)
        })
        .clone()
}

pub(crate) fn tree(text: &str) -> Result<Tree> {
    let options = Options { fontdb: fonts(), dpi: 72.0, ..Options::default() };
    Tree::from_str(text, &options)
        .map_err(|error| Fault::new(FaultKind::Internal, "", format!("the drawing is not SVG: {error}")))
}

/// The picture with `pixels_per_point` pixels for every point (print at 300 dots an inch: 4.17).
///
/// # Errors
/// [`FaultKind::OutOfRange`] for a scale that is not above 0 or gives more than 100 million pixels.
pub fn png(drawing: &Drawing, pixels_per_point: f32) -> Result<Vec<u8>> {
    let scale = f64::from(pixels_per_point);
    let [width, height] =
        [drawing.size.width, drawing.size.height].map(|length| (f64::from(length) * scale).ceil());
    if !(scale > 0.0 && width >= 1.0 && height >= 1.0 && width * height <= MOST_PIXELS) {
        return Err(Fault::new(
            FaultKind::OutOfRange,
            "",
            format!("a picture of {width} x {height} pixels cannot be made"),
        )
        .remedy("choose 0.5 to 10 pixels a point"));
    }
    // Scaled to whole pixels, so that the last row and column are covered.
    let tree = tree(&svg::write(drawing, true))?;
    let failed = |what: &str| Fault::new(FaultKind::Internal, "", what.to_owned());
    let mut pixels =
        Pixmap::new(width as u32, height as u32).ok_or_else(|| failed("no memory for the picture"))?;
    resvg::render(
        &tree,
        Transform::from_scale(
            (width / f64::from(drawing.size.width)) as f32,
            (height / f64::from(drawing.size.height)) as f32,
        ),
        &mut pixels.as_mut(),
    );
    pixels.encode_png().map_err(|error| failed(&format!("the picture was not encoded: {error}")))
}
