//! What lies over the faces of a picture, whom they are compared with, and from where they are seen.

use face::{Camera, Heat, Look, REGIONS};
use studio::Theme;
use studio::motion::Motion;
use studio::overlay::{Beside, NAMED_FROM, NAMED_HIGH, Overlay, SCALED_HIGH, Shown};

use super::super::bad_request;
use super::source::Cast;
use super::stage::Page;

/// Words of `--overlay` and the switches of the window that they are.
const NAMES: [(&str, Overlay); 7] = [
    ("movement", Overlay::Movement),
    ("difference", Overlay::Difference),
    ("units", Overlay::Regions),
    ("onion", Overlay::Onion),
    ("axes", Overlay::Axes),
    ("trail", Overlay::Trail),
    ("mesh", Overlay::Wireframe),
];
/// The word that has no switch among them: the real listener over the face.
const LISTENER: &str = "listener";

#[derive(Debug, clap::Args)]
pub struct OverArgs {
    /// Over the faces: movement (colour by displacement), difference (colour by difference, see --against), units (action
    /// units and their names, derived), onion (the last moments), listener (the real one, translucent), axes (direction of
    /// the head), trail (where it pointed in the last second), mesh (edges); may be given more than once
    #[arg(long = "overlay", value_name = "WHAT")]
    overlays: Vec<String>,
    /// Whom `--overlay difference` compares with: listener (the real one) or the number of a take, counted from 1
    #[arg(long, value_name = "WHOM", default_value = "listener")]
    against: String,
    /// What the real listener did, where the takes do not bring it (the demo does): FILE.npy of frames x 25 or 58, or
    /// `FILE.npy:CLIP` of an array of clips
    #[arg(long, value_name = "FILE")]
    pub listener: Option<String>,
    /// From where the faces are seen: degrees to their left and up, and how many times closer
    #[arg(long, value_name = "LEFT,UP[,CLOSER]", allow_hyphen_values = true)]
    camera: Option<String>,
}

/// What was asked for, before the takes are known.
pub struct Asked {
    shown: Shown,
    outlined: bool,
    /// The number of a take, from 0; the real listener without one.
    against: Option<usize>,
    camera: Camera,
}

impl OverArgs {
    /// Whether anything but the faces' motion was asked for, which a file of motion cannot hold.
    pub fn any(&self) -> bool {
        !self.overlays.is_empty() || self.camera.is_some() || self.listener.is_some()
    }

    /// Reads the words.
    pub fn read(&self) -> clips::Result<Asked> {
        let mut shown = Shown::default();
        let mut outlined = false;
        let against = match self.against.as_str() {
            LISTENER => None,
            number => Some(
                number.parse::<usize>().ok().and_then(|number| number.checked_sub(1)).ok_or_else(|| {
                    bad_request(
                        format!("--against {number} is nobody"),
                        "say listener, or the number of a take, counted from 1",
                    )
                })?,
            ),
        };
        for word in &self.overlays {
            if word == LISTENER {
                outlined = true;
                continue;
            }
            let Some((_, overlay)) = NAMES.into_iter().find(|(name, _)| name == word) else {
                let names = NAMES.map(|(name, _)| name).join(", ");
                return Err(bad_request(
                    format!("--overlay {word} is not an overlay"),
                    format!("say {names} or {LISTENER}"),
                ));
            };
            let overlay =
                if overlay == Overlay::Difference && against.is_some() { Overlay::Chosen } else { overlay };
            if overlay.colours() && shown.all().iter().any(|other| other.colours() && *other != overlay) {
                return Err(bad_request(
                    format!("--overlay {word} is the second that colours the skin"),
                    "give one of movement, difference and units",
                ));
            }
            if !shown.has(overlay) {
                shown.toggle(overlay);
            }
        }
        if against.is_some() && !shown.has(Overlay::Chosen) {
            return Err(bad_request("--against without a difference", "add --overlay difference"));
        }
        Ok(Asked { shown, outlined, against, camera: self.camera()? })
    }

    fn camera(&self) -> clips::Result<Camera> {
        let portrait = Camera::portrait();
        let Some(text) = &self.camera else { return Ok(portrait) };
        let numbers: Option<Vec<f32>> = text.split(',').map(|word| word.trim().parse().ok()).collect();
        let (left, up, closer) = match numbers.as_deref() {
            Some([left, up]) => (*left, *up, 1.0),
            Some([left, up, closer]) if *closer > 0.0 => (*left, *up, *closer),
            _ => {
                return Err(bad_request(
                    format!("--camera {text} is no place"),
                    "say degrees to their left and up, as 30,10, or with how many times closer, as 30,10,1.5",
                ));
            }
        };
        if ![left, up, closer].iter().all(|number| number.is_finite()) {
            return Err(bad_request(format!("--camera {text} is no place"), "say finite numbers"));
        }
        let camera = Camera {
            yaw: portrait.yaw + left.to_radians(),
            pitch: portrait.pitch + up.to_radians(),
            distance: portrait.distance / closer,
            ..portrait
        };
        Ok(camera.limited())
    }
}

/// What lies over the faces of these takes.
#[derive(Clone)]
pub struct Over<'a> {
    shown: Shown,
    outlined: bool,
    real: Option<&'a Motion>,
    chosen: Option<&'a Motion>,
    pub camera: Camera,
}

impl<'a> Over<'a> {
    /// Finds who is compared with.
    pub fn new(asked: Asked, cast: &'a Cast) -> clips::Result<Self> {
        let Asked { shown, outlined, against, camera } = asked;
        let real = cast.listener.as_ref();
        if real.is_none() && (outlined || shown.has(Overlay::Difference)) {
            return Err(bad_request(
                "nobody knows what the real listener did",
                "name it with --listener FILE.npy, or compare with a take: --against 1",
            ));
        }
        let chosen = match against {
            None => None,
            Some(number) => Some(cast.tiles.get(number).map(|tile| &tile.motion).ok_or_else(|| {
                bad_request(
                    format!("--against {}: there is no such take", number + 1),
                    format!("there are {}, counted from 1", cast.tiles.len()),
                )
            })?),
        };
        Ok(Self { shown, outlined, real, chosen, camera })
    }

    /// The look of a face at a frame of its motion; only reactions are compared with others.
    pub fn look(&self, theme: Theme, motion: &Motion, frame: usize, reacts: bool) -> Look {
        let at = |motion: Option<&Motion>| motion.filter(|_| reacts).map(|motion| motion.at(frame));
        let beside = Beside { real: at(self.real), chosen: at(self.chosen), outlined: self.outlined };
        self.shown.look(theme, motion, frame, &beside)
    }
}

/// What is written over a face: the scale of its colours, and names of active units.
#[derive(Debug, Default)]
pub struct Marks {
    scale: Option<Heat>,
    /// Pixels from the top left of the face.
    names: Vec<([f32; 2], &'static str)>,
}

impl Marks {
    /// Of a face that is seen in `size` pixels; `places` are where its units are, in cm.
    pub fn of(
        scale: Option<Heat>,
        units: Option<[f32; REGIONS.len()]>,
        places: [[f32; 3]; REGIONS.len()],
        camera: &Camera,
        [width, height]: [u32; 2],
    ) -> Self {
        let seen = |place| camera.project(place, width as f32, height as f32);
        let named = units.map_or_else(Vec::new, |units| {
            let active =
                places.into_iter().zip(REGIONS).zip(units).filter(|(_, active)| *active >= NAMED_FROM);
            active.filter_map(|((place, name), _)| Some((seen(place)?, name))).collect()
        });
        Self { scale, names: named }
    }

    /// Writes them on the face that stands at a place of the page, as far as it is large enough.
    pub fn write(&self, page: &mut Page<'_>, [x, y, width, height]: [u32; 4]) {
        let size = (height as f32 * 0.034).clamp(9.0, 22.0);
        let high = (size * 1.3) as u32;
        let mut taken: Vec<[u32; 4]> = Vec::new();
        for ([right, down], name) in self.names.iter().filter(|_| height as f32 > NAMED_HIGH) {
            let wide = page.letters.width(name, size) + size * 0.7;
            if wide > width as f32 {
                continue;
            }
            let left =
                (x as f32 + right + size * 1.5 - wide * 0.5).clamp(x as f32, (x + width) as f32 - wide);
            let mut at = [left as u32, y + down.max(0.0) as u32, wide as u32, high];
            let meets = |a: &[u32; 4], b: &[u32; 4]| {
                a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3]
            };
            while let Some(other) = taken.iter().find(|other| meets(other, &at)) {
                at[1] = other[1] + other[3] + 1;
            }
            taken.push(at);
            if at[1] + at[3] > y + height {
                continue;
            }
            page.plate(at);
            page.write([at[0] as f32 + size * 0.35, at[1] as f32 + size * 0.12], size, name);
        }
        if let Some(heat) = self.scale.filter(|_| height as f32 > SCALED_HIGH) {
            let [none, full] = studio::text::heat_scale(heat.full_cm, heat.against.is_some());
            let bar = (width as f32 * 0.2).clamp(24.0, 160.0);
            let [low, high_end] = [&none, &full].map(|text| page.letters.width(text, size));
            let wide = bar + low + high_end + size * 2.0;
            if wide > width as f32 {
                return;
            }
            let top = (y + height).saturating_sub(high + (size * 0.8) as u32);
            let left = x as f32 + size * 0.5;
            page.plate([left as u32, top, wide as u32, high]);
            page.write([left + size * 0.5, top as f32 + size * 0.12], size, &none);
            let first = left + low + size;
            for step in 0..bar as u32 {
                let [r, g, b] = face::twin::heat_colour(step as f32 / (bar - 1.0));
                let at = [first as u32 + step, top + high / 3, 1, (high / 3).max(3)];
                page.fill(at, [r, g, b]);
            }
            page.write([first + bar + size * 0.5, top as f32 + size * 0.12], size, &full);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(overlays: &[&str], against: &str, camera: Option<&str>) -> OverArgs {
        OverArgs {
            overlays: overlays.iter().map(|word| (*word).to_owned()).collect(),
            against: against.to_owned(),
            listener: None,
            camera: camera.map(str::to_owned),
        }
    }

    #[test]
    fn words_are_the_switches_of_the_window_and_one_colours_the_skin() {
        let asked = args(&["units", "trail", "units", "listener"], "listener", None).read().unwrap();
        assert_eq!(asked.shown.all(), [Overlay::Regions, Overlay::Trail]);
        assert!(asked.outlined);
        let asked = args(&["difference"], "3", None).read().unwrap();
        assert_eq!((asked.shown.all(), asked.against), ([Overlay::Chosen].as_slice(), Some(2)));
        for (overlays, against, what) in [
            (&["units", "movement"][..], "listener", "second"),
            (&["difference", "units"], "2", "second"),
            (&["heat"], "listener", "not an overlay"),
            (&["difference"], "0", "nobody"),
            (&["difference"], "z2", "nobody"),
            (&["mesh"], "2", "without a difference"),
        ] {
            let refusal = args(overlays, against, None).read().map(|_| ()).unwrap_err().to_string();
            assert!(refusal.contains(what), "{refusal}");
        }
    }

    #[test]
    fn a_face_too_small_for_words_is_left_without_them() {
        let letters = super::super::caption::Letters::new().unwrap();
        let units = Some([1.0; REGIONS.len()]);
        for (size, written) in [([40, 40], false), ([20, 400], false), ([400, 400], true)] {
            let [width, height] = size;
            let mut picture = [9, 9, 9, 255].repeat((width * height) as usize);
            let before = picture.clone();
            let heat = Some(Heat { against: None, full_cm: 1.2 });
            let marks = Marks::of(heat, units, [[0.0; 3]; REGIONS.len()], &Camera::portrait(), size);
            let (wall, ink) = ([14, 15, 18], [240, 241, 244]);
            let mut page = Page { picture: &mut picture, size, letters: &letters, wall, ink };
            marks.write(&mut page, [0, 0, width, height]);
            assert_eq!(picture != before, written, "{size:?}");
        }
    }

    #[test]
    fn a_camera_is_degrees_and_a_factor_or_refused() {
        let camera = args(&[], "listener", Some("-30, 10, 2")).read().unwrap().camera;
        let portrait = Camera::portrait();
        assert!((camera.yaw - portrait.yaw + 30f32.to_radians()).abs() < 1e-5);
        assert!((camera.pitch - portrait.pitch - 10f32.to_radians()).abs() < 1e-5);
        assert!((camera.distance - portrait.distance / 2.0).abs() < 1e-3);
        for wrong in ["", "30", "a,b", "1,2,0", "1,2,3,4", "NaN,0", "0,inf"] {
            assert!(args(&[], "listener", Some(wrong)).read().is_err(), "{wrong}");
        }
    }
}
