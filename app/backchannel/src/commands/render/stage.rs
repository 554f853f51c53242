//! Where each face stands in the picture, and one frame of it.

use std::sync::{Arc, Mutex};

use clips::arkit::FaceSource;
use clips::time::FRAMES_PER_SECOND;
use face::{Expression, Head, Look, Painter, Picture, Quality, Style, View};
use studio::Theme;
use studio::theme::latent_look;

use super::caption::Letters;
use super::over::{Marks, Over};
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
    /// Moments of the best take in a row.
    Strip,
    /// Moments of every take, a row each.
    Sheet,
}

impl Layout {
    /// Whether it is made of moments: a picture, never a film.
    pub fn still(self) -> bool {
        matches!(self, Self::Strip | Self::Sheet)
    }
}

/// What is to be drawn, and how.
pub struct Plan<'p> {
    pub layout: Layout,
    pub theme: Theme,
    pub style: Style,
    pub over: Over<'p>,
    /// Faces alone on nothing.
    pub transparent: bool,
    /// Pixels.
    pub size: [u32; 2],
    /// Seeds of the faces, in turn; empty: every face another person.
    pub people: &'p [u64],
    /// Frames of a strip or a sheet.
    pub moments: Vec<usize>,
    /// No names on the faces.
    pub bare: bool,
    /// Many pictures, which must come to an end on a slow device.
    pub film: bool,
}

/// One face of the picture.
struct Place<'a> {
    at: [u32; 4],
    name: String,
    remark: String,
    color: Option<[u8; 3]>,
    motion: &'a studio::motion::Motion,
    /// The only frame it shows; none follows the film.
    moment: Option<usize>,
    /// Number of its person.
    person: usize,
    /// Whether it is a reaction, which others are compared with.
    reacts: bool,
}

/// Everything needed to draw a frame.
pub struct Stage<'a> {
    places: Vec<Place<'a>>,
    people: Vec<(Painter, Arc<Head>)>,
    letters: Option<Letters>,
    over: Over<'a>,
    style: Style,
    transparent: bool,
    theme: Theme,
    size: [u32; 2],
    drawn_by: Mutex<String>,
    film: bool,
}

/// A face as it was drawn, and what is to be written over it.
pub struct Drawn {
    picture: Picture,
    marks: Marks,
}

/// Pixels between the faces.
const GAP: u32 = 6;

impl<'a> Stage<'a> {
    /// Lays the cast out; `open` gives the head of a person.
    pub fn new(
        open: &dyn Fn(u64) -> clips::Result<Arc<Head>>,
        cast: &'a Cast,
        plan: &Plan<'a>,
    ) -> clips::Result<Self> {
        let (theme, size) = (plan.theme, plan.size);
        let best = cast.tiles.iter().min_by_key(|tile| tile.rank.unwrap_or(usize::MAX));
        let [width, height] = size;
        let whole = [GAP, GAP, width.saturating_sub(2 * GAP), height.saturating_sub(2 * GAP)];
        let mut places = Vec::new();
        // the face names where it comes from, and never two at once
        let with_source = |remark: &str, source: FaceSource| match remark {
            "" => source.label().to_owned(),
            remark => format!("{remark}   {}", source.label()),
        };
        let speaker = |at: [u32; 4]| {
            cast.speaker.as_ref().map(|motion| Place {
                at,
                name: "Speaker".to_owned(),
                remark: with_source("", motion.source),
                color: None,
                motion,
                moment: None,
                person: 0,
                reacts: false,
            })
        };
        let place = |at: [u32; 4], tile: &'a Tile| Place {
            at,
            name: tile.name.clone(),
            remark: with_source(&tile.remark, tile.motion.source),
            color: tile
                .latent
                .map(|latent| latent_look(theme, latent).color.to_srgba_unmultiplied())
                .map(|[r, g, b, _]| [r, g, b]),
            motion: &tile.motion,
            moment: None,
            person: 0,
            reacts: true,
        };
        let row = |tile: &'a Tile, at: [u32; 4]| {
            let cells = line(at, plan.moments.len());
            cells.into_iter().zip(&plan.moments).enumerate().map(move |(i, (at, frame))| {
                let seconds = *frame as f64 / f64::from(FRAMES_PER_SECOND);
                let first = place(at, tile);
                let name = if i == 0 {
                    format!("{}   {seconds:.2} s", first.name)
                } else {
                    format!("{seconds:.2} s")
                };
                let remark = if i == 0 { tile.motion.source.label().to_owned() } else { String::new() };
                Place { name, remark, moment: Some(*frame), ..first }
            })
        };
        match plan.layout {
            Layout::Single => places.extend(best.map(|tile| place(whole, tile))),
            Layout::Strip => places.extend(best.into_iter().flat_map(|tile| row(tile, whole))),
            Layout::Sheet => {
                let rows = cast.tiles.len().max(1) as u32;
                for (number, tile) in cast.tiles.iter().enumerate() {
                    let (top, bottom) =
                        (number as u32 * whole[3] / rows, (number as u32 + 1) * whole[3] / rows);
                    places.extend(row(
                        tile,
                        [whole[0], whole[1] + top, whole[2], (bottom - top).saturating_sub(GAP)],
                    ));
                }
            }
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
        let people = cast_people(&mut places, plan, open)?;
        Ok(Self {
            places,
            people,
            letters: if plan.bare { None } else { Some(Letters::new()?) },
            over: plan.over.clone(),
            style: plan.style,
            transparent: plan.transparent,
            film: plan.film,
            theme,
            size,
            drawn_by: Mutex::default(),
        })
    }

    /// What drew the last frame ("software ..." or the name of the graphics device).
    pub fn drawn_by(&self) -> String {
        self.drawn_by.lock().map_or_else(|_| String::new(), |name| name.clone())
    }

    /// The pictures of the places, each by the painter of its person.
    fn tiles(&self, faces: &[(Expression, Look)]) -> Vec<Picture> {
        let mut tiles: Vec<Option<Picture>> = self.places.iter().map(|_| None).collect();
        for (person, (painter, _)) in self.people.iter().enumerate() {
            let seats: Vec<usize> =
                (0..self.places.len()).filter(|seat| self.places[*seat].person == person).collect();
            let view = |seat: &usize| {
                let (expression, look) = &faces[*seat];
                let [_, _, width, height] = self.places[*seat].at;
                View { expression, camera: &self.over.camera, look, size: [width, height] }
            };
            let views: Vec<View<'_>> = seats.iter().map(view).collect();
            // one picture is worth every pore; a film of a wall on a software device must come to an end
            let many = self.film && self.places.len() > 2;
            let quality = if painter.slow() && many { Quality::Plain } else { Quality::Fine };
            let (drawn, backend) = painter.pictures(&views, quality);
            if let Ok(mut name) = self.drawn_by.lock() {
                *name = backend.to_string();
            }
            seats.into_iter().zip(drawn).for_each(|(seat, tile)| tiles[seat] = Some(tile));
        }
        tiles.into_iter().flatten().collect()
    }

    /// RGBA of one frame.
    pub fn frame(&self, frame: usize) -> Vec<u8> {
        self.layout(self.draw(frame))
    }

    /// The faces of one frame, for [`Stage::layout`].
    pub fn draw(&self, frame: usize) -> Vec<Drawn> {
        let faces: Vec<(Expression, Look)> = self
            .places
            .iter()
            .map(|place| {
                let frame = place.moment.unwrap_or(frame);
                let look = self.over.look(self.theme, place.motion, frame, place.reacts);
                let look = Look { style: self.style, transparent: self.transparent, ..look };
                (place.motion.at(frame), look)
            })
            .collect();
        // the colours mean the same on all faces: the first has the scale
        let scaled = faces.iter().position(|(_, look)| look.overlays.heat.is_some());
        let pictures = self.tiles(&faces).into_iter();
        let marks = faces.iter().zip(&self.places).enumerate().map(|(seat, ((expression, look), place))| {
            let [_, _, width, height] = place.at;
            let places = self.people[place.person].1.region_places(&expression.pose);
            let heat = look.overlays.heat.filter(|_| scaled == Some(seat));
            Marks::of(heat, look.overlays.regions, places, &self.over.camera, [width, height])
        });
        pictures.zip(marks).map(|(picture, marks)| Drawn { picture, marks }).collect()
    }

    /// RGBA of faces in their places, with captions.
    pub fn layout(&self, tiles: Vec<Drawn>) -> Vec<u8> {
        let [width, height] = self.size;
        let (wall, ink, quiet) = match self.theme {
            Theme::Dark => ([14, 15, 18], [240, 241, 244], [170, 175, 186]),
            Theme::Light => ([236, 238, 242], [24, 26, 32], [70, 76, 88]),
        };
        let ground = if self.transparent { [0; 4] } else { [wall[0], wall[1], wall[2], 255] };
        let mut picture = ground.repeat((width * height) as usize);
        for (place, Drawn { picture: tile, marks }) in self.places.iter().zip(tiles) {
            let [x, y, w, h] = place.at;
            for row in 0..h as usize {
                let to = 4 * ((y as usize + row) * width as usize + x as usize);
                let from = 4 * row * w as usize;
                picture[to..to + 4 * w as usize].copy_from_slice(&tile.rgba[from..from + 4 * w as usize]);
            }
            if self.transparent {
                continue;
            }
            let Some(letters) = &self.letters else { continue };
            marks.write(&mut Page { picture: &mut picture, size: self.size, letters, wall, ink }, place.at);
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
            let right = x as f32 + w as f32 - size * 0.5;
            let name = letters.cut(&place.name, size, right - text_left);
            letters.draw(&mut picture, self.size, [text_left, top], size, &name, ink);
            // what does not fit beside the name is smaller, then left out, beginning with the end of the remark
            let taken = letters.width(&name, size) + size * 0.5;
            let first = place.remark.split("   ").next().unwrap_or_default();
            let fits =
                |(remark, small): &(&str, f32)| text_left + taken + letters.width(remark, *small) <= right;
            let ways =
                [place.remark.as_str(), first].map(|remark| [0.8, 0.66].map(|part| (remark, size * part)));
            if let Some((remark, small)) = ways.into_iter().flatten().find(fits) {
                let at = [right - letters.width(remark, small), top + (size - small) * 0.75];
                letters.draw(&mut picture, self.size, at, small, remark, quiet);
            }
        }
        picture
    }
}

/// A picture that is written on.
pub struct Page<'p> {
    pub picture: &'p mut [u8],
    /// Pixels.
    pub size: [u32; 2],
    pub letters: &'p Letters,
    /// The colour behind words, and of words.
    pub wall: [u8; 3],
    pub ink: [u8; 3],
}

impl Page<'_> {
    /// Fills a rectangle.
    pub fn fill(&mut self, at: [u32; 4], color: [u8; 3]) {
        fill(self.picture, self.size, at, color);
    }

    /// Lays the wall's colour over a rectangle, so that words are readable on any face.
    pub fn plate(&mut self, at: [u32; 4]) {
        plate(self.picture, self.size, at, self.wall);
    }

    /// Writes a line with its top left corner there, in letters of this height.
    pub fn write(&mut self, at: [f32; 2], height: f32, text: &str) {
        self.letters.draw(self.picture, self.size, at, height, text, self.ink);
    }
}

/// Gives every place its person and makes one painter a person. The moments of a take are one person.
fn cast_people(
    places: &mut [Place<'_>],
    plan: &Plan<'_>,
    open: &dyn Fn(u64) -> clips::Result<Arc<Head>>,
) -> clips::Result<Vec<(Painter, Arc<Head>)>> {
    let mut seeds: Vec<u64> = Vec::new();
    let mut painters = Vec::new();
    let each = if plan.layout.still() { plan.moments.len().max(1) } else { 1 };
    for (number, place) in places.iter_mut().enumerate() {
        let face = number / each;
        let seed = match plan.people {
            [] => face as u64,
            some => some[face % some.len()],
        };
        place.person = match seeds.iter().position(|known| *known == seed) {
            Some(person) => person,
            None => {
                let head = open(seed)?;
                painters.push((Painter::with_head(&head), head));
                seeds.push(seed);
                seeds.len() - 1
            }
        };
    }
    Ok(painters)
}

/// `count` equal places in a row.
fn line([x, y, width, height]: [u32; 4], count: usize) -> Vec<[u32; 4]> {
    let count = count.max(1) as u32;
    let cell = |index: u32| {
        let (left, right) = (index * width / count, (index + 1) * width / count);
        let gap = if index + 1 == count { 0 } else { GAP };
        [x + left, y, (right - left).saturating_sub(gap), height]
    };
    (0..count).map(cell).collect()
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
