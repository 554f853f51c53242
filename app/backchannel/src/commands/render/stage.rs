//! Where each face stands in the picture, and one frame of it.

use std::cell::RefCell;
use std::sync::Arc;

use face::{Camera, Expression, Head, Heat, Look, Overlays, Painter, Quality, Style, View};
use studio::Theme;
use studio::theme::latent_look;

use super::caption::Letters;
use super::source::{Cast, Tile};

/// How faces are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The best take alone.
    Single,
    /// All takes, and the speaker on the left where the face is known.
    Wall,
    /// Speaker and best take.
    Pair,
}

/// What lies over the faces.
#[derive(Debug, Clone, Copy, Default)]
pub struct Over {
    /// Colour by displacement.
    pub movement: bool,
    /// Regions lit by action units, derived from the weights.
    pub units: bool,
    /// Direction of the head.
    pub axes: bool,
    /// Edges of the mesh.
    pub mesh: bool,
    /// Faces alone on nothing.
    pub transparent: bool,
}

/// One face of the picture.
struct Place<'a> {
    at: [u32; 4],
    name: &'a str,
    remark: &'a str,
    color: Option<[u8; 3]>,
    frames: &'a [Expression],
}

/// Everything needed to draw a frame.
pub struct Stage<'a> {
    places: Vec<Place<'a>>,
    painter: Painter,
    letters: Letters,
    look: Look,
    over: Over,
    theme: Theme,
    size: [u32; 2],
    drawn_by: RefCell<String>,
}

/// Pixels between the faces.
const GAP: u32 = 6;

impl<'a> Stage<'a> {
    /// Lays the cast out in a picture of `size` pixels.
    pub fn new(
        head: &Arc<Head>,
        cast: &'a Cast,
        layout: Layout,
        theme: Theme,
        style: Style,
        over: Over,
        size: [u32; 2],
    ) -> clips::Result<Self> {
        let painter = Painter::with_head(head);
        let best = cast.tiles.iter().min_by_key(|tile| tile.rank.unwrap_or(usize::MAX));
        let [width, height] = size;
        let whole = [GAP, GAP, width.saturating_sub(2 * GAP), height.saturating_sub(2 * GAP)];
        let mut places = Vec::new();
        let speaker = |at: [u32; 4]| {
            cast.speaker.as_ref().map(|motion| Place {
                at,
                name: "Speaker",
                remark: "",
                color: None,
                frames: &motion.frames,
            })
        };
        let place = |at: [u32; 4], tile: &'a Tile| Place {
            at,
            name: &tile.name,
            remark: &tile.remark,
            color: tile
                .latent
                .map(|latent| latent_look(theme, latent).color.to_srgba_unmultiplied())
                .map(|[r, g, b, _]| [r, g, b]),
            frames: &tile.motion.frames,
        };
        match layout {
            Layout::Single => places.extend(best.map(|tile| place(whole, tile))),
            Layout::Pair => {
                let halves = grid(whole, if cast.speaker.is_some() { 2 } else { 1 });
                places.extend(speaker(halves[0]));
                places.extend(halves.last().zip(best).map(|(at, tile)| place(*at, tile)));
            }
            Layout::Wall => {
                let mut rest = whole;
                if cast.speaker.is_some() {
                    let wide = (whole[2] / 3).min(whole[3]);
                    places.extend(speaker([whole[0], whole[1], wide, whole[3]]));
                    rest = [whole[0] + wide + GAP, whole[1], whole[2].saturating_sub(wide + GAP), whole[3]];
                }
                places.extend(
                    grid(rest, cast.tiles.len())
                        .into_iter()
                        .zip(&cast.tiles)
                        .map(|(at, tile)| place(at, tile)),
                );
            }
        }
        if places.iter().any(|place| place.at[2] < 8 || place.at[3] < 8) {
            return Err(super::bad_request(
                format!("{} faces do not fit into {width} x {height} pixels", places.len()),
                "choose a larger --size",
            ));
        }
        let look = if theme == Theme::Dark { Look::dark() } else { Look::light() };
        let overlays = Overlays {
            heat: over.movement.then(Heat::default),
            wireframe: over.mesh,
            axes: over.axes,
            ..Overlays::default()
        };
        let look = Look { style, transparent: over.transparent, ..look.with(overlays) };
        Ok(Self {
            places,
            painter,
            letters: Letters::new()?,
            look,
            over,
            theme,
            size,
            drawn_by: RefCell::default(),
        })
    }

    /// What drew the last frame ("software ..." or the name of the graphics device).
    pub fn drawn_by(&self) -> String {
        self.drawn_by.borrow().clone()
    }

    /// RGBA of one frame.
    pub fn frame(&self, frame: usize) -> Vec<u8> {
        let [width, height] = self.size;
        let (wall, ink, quiet) = match self.theme {
            Theme::Dark => ([14, 15, 18], [240, 241, 244], [170, 175, 186]),
            Theme::Light => ([236, 238, 242], [24, 26, 32], [70, 76, 88]),
        };
        let ground = if self.over.transparent { [0; 4] } else { [wall[0], wall[1], wall[2], 255] };
        let mut picture: Vec<u8> = (0..width * height).flat_map(|_| ground).collect();
        let faces: Vec<(Expression, Look)> = self
            .places
            .iter()
            .map(|place| {
                let e = place.frames.get(frame).or(place.frames.last()).copied().unwrap_or_default();
                let regions = self.over.units.then(|| e.activity());
                (e, self.look.with(Overlays { regions, ..self.look.overlays }))
            })
            .collect();
        let camera = Camera::portrait();
        let views: Vec<View<'_>> = self
            .places
            .iter()
            .zip(&faces)
            .map(|(place, (expression, look))| View {
                expression,
                camera: &camera,
                look,
                size: [place.at[2], place.at[3]],
            })
            .collect();
        // one face is worth every pore; a wall of them on a software device must come to an end
        let quality = if self.painter.slow() && views.len() > 2 { Quality::Plain } else { Quality::Fine };
        let (tiles, backend) = self.painter.pictures(&views, quality);
        *self.drawn_by.borrow_mut() = backend.to_string();
        for (place, tile) in self.places.iter().zip(tiles) {
            let [x, y, w, h] = place.at;
            for row in 0..h as usize {
                let to = 4 * ((y as usize + row) * width as usize + x as usize);
                let from = 4 * row * w as usize;
                picture[to..to + 4 * w as usize].copy_from_slice(&tile.rgba[from..from + 4 * w as usize]);
            }
            if self.over.transparent {
                continue;
            }
            let size = (h as f32 * 0.062).clamp(12.0, 30.0);
            let (left, top) = (x as f32 + size * 0.5, y as f32 + size * 0.4);
            let band = [x, y, w, (size * 1.75) as u32];
            plate(&mut picture, self.size, band, wall);
            let mut text_left = left;
            if let Some(color) = place.color {
                fill(
                    &mut picture,
                    self.size,
                    [left as u32, (top + size * 0.25) as u32, (size * 0.5) as u32, (size * 0.5) as u32],
                    color,
                );
                fill(&mut picture, self.size, [x, y + h - 4, w, 4], color);
                text_left += size * 0.8;
            }
            self.letters.draw(&mut picture, self.size, [text_left, top], size, place.name, ink);
            if !place.remark.is_empty() {
                let small = size * 0.8;
                let wide = self.letters.width(place.remark, small);
                let at = [x as f32 + w as f32 - wide - size * 0.5, top + size * 0.15];
                self.letters.draw(&mut picture, self.size, at, small, place.remark, quiet);
            }
        }
        picture
    }
}

fn fill(picture: &mut [u8], [width, height]: [u32; 2], [x, y, w, h]: [u32; 4], color: [u8; 3]) {
    for row in y..(y + h).min(height) {
        for column in x..(x + w).min(width) {
            let at = 4 * (row as usize * width as usize + column as usize);
            picture[at..at + 3].copy_from_slice(&color);
        }
    }
}

/// Lays the wall's colour over part of the picture, so that words are readable on any face.
fn plate(picture: &mut [u8], [width, height]: [u32; 2], [x, y, w, h]: [u32; 4], color: [u8; 3]) {
    for row in y..(y + h).min(height) {
        for column in x..(x + w).min(width) {
            let at = 4 * (row as usize * width as usize + column as usize);
            for (channel, ink) in color.iter().enumerate() {
                let below = u16::from(picture[at + channel]);
                picture[at + channel] = ((below + 3 * u16::from(*ink)) / 4) as u8;
            }
        }
    }
}

/// `count` equal places inside `whole`, in the arrangement whose faces are largest.
fn grid([x, y, width, height]: [u32; 4], count: usize) -> Vec<[u32; 4]> {
    let count = count.max(1) as u32;
    let side = |columns: u32| {
        let rows = count.div_ceil(columns);
        (width / columns).min(height / rows)
    };
    let columns = (1..=count).max_by_key(|columns| (side(*columns), u32::MAX - columns)).unwrap_or(1);
    let rows = count.div_ceil(columns);
    let cell = |index: u32| {
        let (column, row) = (index % columns, index / columns);
        let (left, right) = (column * width / columns, (column + 1) * width / columns);
        let (top, bottom) = (row * height / rows, (row + 1) * height / rows);
        let gap = |last: bool| if last { 0 } else { GAP };
        [
            x + left,
            y + top,
            (right - left).saturating_sub(gap(column + 1 == columns)),
            (bottom - top).saturating_sub(gap(row + 1 == rows)),
        ]
    };
    (0..count).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::grid;

    #[test]
    fn eight_faces_stand_in_two_rows_and_none_overlap() {
        let places = grid([0, 0, 840, 700], 8);
        assert_eq!(places.len(), 8);
        for (a, one) in places.iter().enumerate() {
            assert!(one[0] + one[2] <= 840 && one[1] + one[3] <= 700);
            for other in &places[a + 1..] {
                let apart = one[0] + one[2] <= other[0]
                    || other[0] + other[2] <= one[0]
                    || one[1] + one[3] <= other[1]
                    || other[1] + other[3] <= one[1];
                assert!(apart, "{one:?} {other:?}");
            }
        }
    }
}
