//! Other people: smooth changes of a head's form and colours, drawn from a seed.
//!
//! A person is a warp of space: some thirty fields (jaw, chin, face length, brow, nose, cheeks, lips, eyes, neck, ears) with
//! weights from the seed. Everything goes through the same warp, so what touches keeps touching: lips stay closed, brows stay
//! on the skin. A shape moves as the warp says: `d' = W(p + d) - W(p)`. About each eye the warp is a similarity (shift and
//! one scale), so lids close on the ball as they did before. Fields are polynomials and the generator is integer
//! arithmetic: the same seed gives the same bytes everywhere. Seed 0 is the head as it is.
//!
//! It works on a head in our own layout, in place: triangles, parts and everything that does not change stay.

use super::draft::{Read, fault};
use crate::error::HeadError;
use crate::head::{Parts, part};
use crate::read;
use glam::{Mat3, Vec3};
use half::f16;

const REMEDY: &str = "open the head without --identity";
/// Radius about an eye's centre within which the warp is a similarity, and where that has faded, cm.
const EYE: [f32; 2] = [2.15, 4.4];

/// Least share of its volume that any place may keep.
const LEAST_VOLUME: f32 = 0.35;

/// 1 within `near`, 0 beyond `far`, smooth between.
fn bump(distance: f32, near: f32, far: f32) -> f32 {
    let t = ((far - distance) / (far - near)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// 0 below `from`, 1 above `to`.
fn rise(x: f32, from: f32, to: f32) -> f32 {
    1.0 - bump(x, from, to)
}

/// A field about (x, y, z) and its mirror image: value of the bump, and which side (+1, -1).
fn pair(p: Vec3, at: [f32; 3], near: f32, far: f32) -> (f32, f32) {
    let side = if p.x < 0.0 { -1.0 } else { 1.0 };
    (bump(Vec3::new(p.x.abs(), p.y, p.z).distance(at.into()), near, far), side)
}

/// A field of displacement, cm at weight 1.
type Field = fn(Vec3) -> Vec3;

/// Names and fields; all mirror-symmetric.
const FIELDS: [(&str, Field); 30] = [
    ("face width", |p| Vec3::X * p.x * 0.045 * bump(p.y.abs(), 8.0, 13.0)),
    ("face length", |p| Vec3::Y * -0.055 * (0.0 - p.y).max(0.0) * bump((p.y + 6.0).abs(), 6.5, 10.0)),
    ("upper face length", |p| Vec3::Y * 0.05 * rise(p.y, 1.0, 9.0) * 8.0),
    ("jaw width", |p| Vec3::X * p.x * 0.10 * bump((p.y + 6.5).abs(), 1.5, 5.5) * rise(p.z, -3.0, 2.0)),
    ("jaw angle", |p| {
        let (w, s) = pair(p, [5.2, -5.2, 1.2], 0.8, 4.2);
        Vec3::new(s * 0.55, -0.25, 0.0) * w
    }),
    ("chin length", |p| Vec3::Y * -0.65 * bump(p.distance(Vec3::new(0.0, -9.8, 7.2)), 0.9, 4.3)),
    ("chin forward", |p| Vec3::Z * 0.65 * bump(p.distance(Vec3::new(0.0, -9.4, 8.0)), 0.9, 4.3)),
    ("chin width", |p| {
        let (w, s) = pair(p, [1.5, -9.4, 7.2], 0.5, 3.0);
        Vec3::X * s * 0.45 * w * rise(p.x.abs(), 0.0, 1.0)
    }),
    ("forehead slope", |p| Vec3::Z * -0.55 * rise(p.y, 2.5, 9.0) * rise(p.z, -4.0, 4.0)),
    ("forehead width", |p| Vec3::X * p.x * 0.06 * rise(p.y, 1.5, 6.0) * bump(p.y, 9.0, 13.0)),
    ("brow height", |p| {
        let (w, _) = pair(p, [3.2, 2.6, 7.6], 1.2, 3.6);
        Vec3::Y * 0.42 * w
    }),
    ("brow ridge", |p| {
        let (w, _) = pair(p, [2.4, 2.1, 8.0], 0.8, 3.2);
        Vec3::Z * 0.42 * w
    }),
    ("brow tilt", |p| {
        let (w, _) = pair(p, [4.4, 2.5, 6.6], 0.7, 2.6);
        Vec3::Y * 0.35 * w
    }),
    ("eye spacing", |p| {
        let (w, s) = pair(p, [3.15, 0.0, 6.8], 2.0, 5.0);
        Vec3::X * s * 0.24 * w * rise(p.x.abs(), 0.0, 1.6)
    }),
    ("eye height", |p| {
        let (w, _) = pair(p, [3.15, 0.0, 6.8], 2.0, 4.8);
        Vec3::Y * 0.28 * w
    }),
    ("eye depth", |p| {
        let (w, _) = pair(p, [3.15, 0.0, 6.8], 2.0, 4.6);
        Vec3::Z * -0.26 * w
    }),
    ("nose width", |p| Vec3::X * p.x * 0.22 * bump(p.distance(Vec3::new(0.0, -3.5, 9.6)), 1.4, 3.6)),
    ("nose length", |p| Vec3::Y * -0.50 * bump(p.distance(Vec3::new(0.0, -3.4, 10.2)), 0.9, 3.2)),
    ("nose projection", |p| Vec3::Z * 0.70 * bump(p.distance(Vec3::new(0.0, -3.0, 10.4)), 0.7, 3.6)),
    ("nose bridge", |p| Vec3::Z * 0.42 * bump(p.distance(Vec3::new(0.0, -0.6, 9.1)), 0.7, 3.0)),
    ("nose tip", |p| Vec3::new(0.0, 0.40, 0.12) * bump(p.distance(Vec3::new(0.0, -3.4, 11.0)), 0.4, 2.0)),
    ("bridge width", |p| Vec3::X * p.x * 0.14 * bump(p.distance(Vec3::new(0.0, -0.8, 8.8)), 1.1, 3.2)),
    ("cheekbones", |p| {
        let (w, s) = pair(p, [4.9, -2.0, 5.4], 0.9, 3.8);
        Vec3::new(s * 0.45, 0.1, 0.25) * w
    }),
    ("cheeks", |p| {
        let (w, s) = pair(p, [4.0, -4.9, 6.0], 0.9, 3.8);
        Vec3::new(s * 0.40, 0.0, 0.25) * w
    }),
    ("mouth width", |p| Vec3::X * p.x * 0.12 * bump(p.distance(Vec3::new(0.0, -6.3, 8.8)), 2.3, 4.8)),
    ("mouth height", |p| Vec3::Y * 0.38 * bump(p.distance(Vec3::new(0.0, -6.3, 8.8)), 2.4, 4.8)),
    ("lip fullness", |p| {
        // away from the seam, so that closed lips stay closed
        let d = p.y + 6.35;
        let w = bump(Vec3::new(p.x * 0.75, d, p.z - 9.4).length(), 0.4, 2.2);
        Vec3::new(0.0, 0.30 * d, 0.22) * w
    }),
    ("mouth projection", |p| Vec3::Z * 0.38 * bump(p.distance(Vec3::new(0.0, -6.3, 8.8)), 2.2, 4.6)),
    ("neck", |p| Vec3::new(p.x, 0.0, p.z + 1.5) * 0.10 * rise(-p.y, 7.5, 11.0) * bump(p.z, 1.5, 5.0)),
    ("ears", |p| {
        let (w, s) = pair(p, [8.2, -1.2, -0.8], 1.4, 3.2);
        Vec3::new(s * 0.25, 0.15, -0.1) * w * rise(p.x.abs(), 6.6, 7.6)
    }),
];

/// Names of the fields, in the order their weights are drawn.
pub fn field_names() -> [&'static str; FIELDS.len()] {
    FIELDS.map(|(name, _)| name)
}

/// Multipliers of the linear skin colour.
const SKINS: [[f32; 3]; 6] = [
    [1.0, 1.0, 1.0],
    [1.05, 1.16, 1.22],
    [0.88, 0.80, 0.70],
    [0.66, 0.56, 0.46],
    [0.45, 0.37, 0.31],
    [0.29, 0.235, 0.205],
];
/// Multipliers of the linear hair and brow colour.
const HAIRS: [[f32; 3]; 6] =
    [[1.0, 1.0, 1.0], [0.45, 0.5, 0.6], [2.6, 2.1, 1.6], [4.4, 2.2, 1.2], [9.5, 9.0, 6.2], [8.0, 13.0, 16.0]];
/// Multipliers of the garment's colour.
const CLOTHS: [[f32; 3]; 6] =
    [[1.0, 1.0, 1.0], [4.5, 0.9, 0.6], [1.1, 1.9, 0.8], [3.4, 2.1, 0.9], [2.2, 1.1, 1.7], [5.0, 3.4, 2.2]];

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0..1.
    fn share(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// About normal, within +-2: a sum of uniform numbers, which no platform computes otherwise.
    fn normal(&mut self) -> f32 {
        let sum: f32 = (0..12).map(|_| self.share()).sum::<f32>() - 6.0;
        sum.clamp(-2.0, 2.0)
    }
}

/// One person.
pub(crate) struct Person {
    weights: [f32; FIELDS.len()],
    eye_scale: f32,
    eyes: [Vec3; 2],
    skin: [f32; 3],
    hair: [f32; 3],
    cloth: [f32; 3],
}

impl Person {
    /// The person of a seed on a head with eyes at these places.
    pub fn new(seed: u64, eyes: [[f32; 3]; 2]) -> Self {
        let mut chance = Chance(seed);
        let weights = std::array::from_fn(|_| 0.6 * chance.normal());
        let eye_scale = 1.0 + 0.03 * chance.normal();
        let mut one_of = |list: &[[f32; 3]; 6]| {
            let at = chance.share() * 5.0;
            let (a, b) = (list[at as usize], list[(at as usize + 1).min(5)]);
            let t = at.fract();
            [0, 1, 2].map(|c| a[c] + t * (b[c] - a[c]))
        };
        let (skin, hair, cloth) = (one_of(&SKINS), one_of(&HAIRS), one_of(&CLOTHS));
        Self { weights, eye_scale, eyes: eyes.map(Vec3::from), skin, hair, cloth }
    }

    /// Draws the person nearer to the head as it is until nothing of these places folds or shrinks away.
    pub fn tamed(mut self, places: &[[f32; 3]]) -> Self {
        for _ in 0..12 {
            if places.iter().all(|p| self.slope((*p).into()).determinant() > LEAST_VOLUME) {
                break;
            }
            self.weights = self.weights.map(|w| 0.85 * w);
        }
        self
    }

    fn field(&self, p: Vec3) -> Vec3 {
        let sum: Vec3 = FIELDS.iter().zip(self.weights).map(|((_, field), w)| field(p) * w).sum();
        // at the collar nothing moves
        sum * rise(p.y, -14.5, -10.5)
    }

    /// Where a place goes.
    pub fn warp(&self, p: Vec3) -> Vec3 {
        let mut offset = self.field(p);
        for eye in self.eyes {
            let near = bump(p.distance(eye), EYE[0], EYE[1]);
            if near > 0.0 {
                let rigid = self.field(eye) + (p - eye) * (self.eye_scale - 1.0);
                offset += (rigid - offset) * near;
            }
        }
        p + offset
    }

    /// Derivative of the warp.
    fn slope(&self, p: Vec3) -> Mat3 {
        const STEP: f32 = 0.02;
        let along = |axis: Vec3| (self.warp(p + axis * STEP) - self.warp(p - axis * STEP)) / (2.0 * STEP);
        Mat3::from_cols(along(Vec3::X), along(Vec3::Y), along(Vec3::Z))
    }

    fn colour(&self, kind: u8, rgb: [f32; 3]) -> [f32; 3] {
        let by = match kind {
            part::SKIN | part::EAR => self.skin,
            part::HAIR | part::BROW => self.hair,
            part::GARMENT => self.cloth,
            _ => return rgb,
        };
        [0, 1, 2].map(|c| (rgb[c] * by[c]).clamp(0.0, 0.85))
    }
}

/// The head file of another person, made of a head file in our layout.
pub(crate) fn vary(name: &str, bytes: &[u8], seed: u64) -> Read<Vec<u8>> {
    if seed == 0 {
        return Ok(bytes.to_vec());
    }
    let parts = read::parts(name, bytes)?;
    let person = Person::new(seed, parts.eye_centre).tamed(&parts.position);
    let mut file = File::open(name, bytes)?;
    let still = |v: usize| parts.part[v] == part::GARMENT;
    let place = |v: usize, p: Vec3| if still(v) { p } else { person.warp(p) };
    let n = parts.position.len();
    let rest: Vec<Vec3> = parts.position.iter().map(|p| Vec3::from(*p)).collect();
    let warped: Vec<Vec3> = (0..n).map(|v| place(v, rest[v])).collect();
    file.floats("position", warped.iter().flat_map(|p| p.to_array()))?;
    let normal = |v: usize| {
        let own = Vec3::from(parts.normal[v]);
        if still(v) {
            return own;
        }
        let turned = person.slope(rest[v]).inverse().transpose() * own;
        if turned.is_finite() { turned.normalize_or(own) } else { own }
    };
    file.floats("normal", (0..n).flat_map(|v| normal(v).to_array()))?;
    file.floats("albedo", (0..n).flat_map(|v| person.colour(parts.part[v], parts.albedo[v])))?;
    file.floats("eye_centre", person.eyes.iter().flat_map(|eye| person.warp(*eye).to_array()))?;
    file.shapes(&parts, &|v, d| {
        let v = v as usize;
        (place(v, rest[v] + d) - warped[v]).to_array()
    })?;
    let radius = parts.eye_radius * person.eye_scale;
    file.header["__metadata__"]["eye_radius"] = format!("{radius:.6}").into();
    file.header["__metadata__"]["identity"] = seed.to_string().into();
    Ok(file.bytes())
}

/// A file in our layout whose numbers are written over.
struct File<'a> {
    name: &'a str,
    header: serde_json::Value,
    data: Vec<u8>,
}

impl<'a> File<'a> {
    fn open(name: &'a str, bytes: &[u8]) -> Read<Self> {
        let whole = || fault(name, "header: it ends too early", REMEDY);
        let length = bytes.first_chunk::<8>().map(|b| u64::from_le_bytes(*b) as usize).ok_or_else(whole)?;
        let (text, data) = bytes[8..].split_at_checked(length).ok_or_else(whole)?;
        let header = serde_json::from_slice(text).map_err(|e| fault(name, format!("header: {e}"), REMEDY))?;
        Ok(Self { name, header, data: data.to_vec() })
    }

    fn tensor(&mut self, tensor: &str) -> Read<&mut [u8]> {
        let at = |k: usize| self.header[tensor]["data_offsets"][k].as_u64().map(|v| v as usize);
        let range = at(0).zip(at(1)).map(|(from, to)| from..to);
        let missing =
            || -> HeadError { fault(self.name, format!("{tensor}: this tensor is missing"), REMEDY) };
        let range = range.ok_or_else(missing)?;
        let name = self.name;
        self.data.get_mut(range).ok_or_else(|| fault(name, format!("{tensor}: it ends too early"), REMEDY))
    }

    fn floats(&mut self, tensor: &str, values: impl Iterator<Item = f32>) -> Read<()> {
        for (slot, value) in self.tensor(tensor)?.chunks_exact_mut(4).zip(values) {
            slot.copy_from_slice(&value.to_le_bytes());
        }
        Ok(())
    }

    /// Every entry of every shape anew.
    fn shapes(&mut self, parts: &Parts, moved: &dyn Fn(u32, Vec3) -> [f32; 3]) -> Read<()> {
        let wide = self.header["index"]["dtype"] != "U16";
        let index: Vec<u32> = match wide {
            true => self
                .tensor("index")?
                .chunks_exact(4)
                .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
            false => self
                .tensor("index")?
                .chunks_exact(2)
                .map(|b| u32::from(u16::from_le_bytes([b[0], b[1]])))
                .collect(),
        };
        for (v, slot) in index.into_iter().zip(self.tensor("delta")?.chunks_exact_mut(6)) {
            if v as usize >= parts.position.len() {
                continue;
            }
            let d = Vec3::from([0, 2, 4].map(|k| f16::from_le_bytes([slot[k], slot[k + 1]]).to_f32()));
            for (b, value) in slot.chunks_exact_mut(2).zip(moved(v, d)) {
                b.copy_from_slice(&f16::from_f32(value).to_le_bytes());
            }
        }
        Ok(())
    }

    fn bytes(self) -> Vec<u8> {
        let mut text = self.header.to_string().into_bytes();
        text.resize(text.len().next_multiple_of(8), b' ');
        let mut out = (text.len() as u64).to_le_bytes().to_vec();
        out.extend(text);
        out.extend(self.data);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::index_of;

    fn ours() -> Parts {
        read::parts("built-in head", crate::head::BUILTIN).unwrap()
    }

    fn person(seed: u64) -> (Vec<u8>, Parts) {
        let bytes = vary("built-in head", crate::head::BUILTIN, seed).unwrap();
        let parts = read::parts("person", &bytes).unwrap();
        (bytes, parts)
    }

    #[test]
    fn a_seed_is_a_person_and_always_the_same_one() {
        let (a, pa) = person(7);
        let (b, _) = person(7);
        let (_, pc) = person(8);
        assert_eq!(a, b);
        assert_eq!(vary("x", crate::head::BUILTIN, 0).unwrap(), crate::head::BUILTIN);
        let apart = |x: &Parts, y: &Parts| {
            x.position
                .iter()
                .zip(&y.position)
                .map(|(p, q)| Vec3::from(*p).distance((*q).into()))
                .fold(0.0, f32::max)
        };
        assert!(apart(&pa, &pc) > 0.4 && apart(&pa, &ours()) > 0.4 && apart(&pa, &ours()) < 4.0);
        // pinned: the first numbers of the generator, from the published algorithm with seed 0
        let mut chance = Chance(0);
        assert_eq!([chance.next(), chance.next()], [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4]);
    }

    #[test]
    fn about_the_eyes_every_person_is_a_similarity_so_lids_still_close() {
        let head = ours();
        for seed in 1..=12 {
            let who = Person::new(seed, head.eye_centre).tamed(&head.position);
            for (v, p) in head.position.iter().enumerate().filter(|(v, _)| head.part[*v] != part::GARMENT) {
                let p = Vec3::from(*p);
                let eye = who.eyes[usize::from(p.x < 0.0)];
                let far = p.distance(eye);
                // the lids' margins and the ball
                if far > 0.1 && far < 2.0 {
                    let ratio = who.warp(p).distance(who.warp(eye)) / far;
                    assert!(
                        (ratio - who.eye_scale).abs() < 2e-3,
                        "seed {seed}, vertex {v}: {ratio} {}",
                        who.eye_scale
                    );
                }
            }
        }
    }

    #[test]
    fn lids_at_a_full_blink_stay_off_the_ball_and_cover_it() {
        let head = ours();
        let blink = index_of("eyeBlinkLeft").unwrap();
        // how near the closed lid comes to the ball, and how low it reaches, in the ball's own measure
        let closed = |parts: &Parts| -> (f32, f32) {
            let (eye, r) = (Vec3::from(parts.eye_centre[0]), parts.eye_radius);
            let moved = parts.shapes[blink].iter().filter(|(v, _)| parts.part[*v as usize] == part::SKIN);
            let at = moved.map(|(v, d)| (Vec3::from(parts.position[*v as usize]) + Vec3::from(*d) - eye) / r);
            let front: Vec<Vec3> = at.filter(|p| p.z > 0.6 && p.x.abs() < 0.5).collect();
            let near = front.iter().map(|p| p.length()).fold(f32::INFINITY, f32::min);
            let low = front.iter().filter(|p| p.length() < 1.25).map(|p| p.y).fold(f32::INFINITY, f32::min);
            (near, low)
        };
        let (near, low) = closed(&head);
        for seed in 1..=8 {
            let (_, parts) = person(seed);
            let (n, l) = closed(&parts);
            assert!((n - near).abs() < 0.01 && (l - low).abs() < 0.02, "seed {seed}: {n} {near}, {l} {low}");
        }
    }

    #[test]
    fn nothing_folds_over_and_the_two_halves_stay_alike() {
        let head = ours();
        for seed in 1..=12 {
            let who = Person::new(seed, head.eye_centre).tamed(&head.position);
            let mut worst = f32::INFINITY;
            for p in &head.position {
                worst = worst.min(who.slope((*p).into()).determinant());
            }
            assert!(worst > LEAST_VOLUME, "seed {seed}: the smallest volume is {worst}");
            let p = Vec3::new(2.3, -4.0, 8.0);
            let (a, b) = (who.warp(p), who.warp(p * Vec3::new(-1.0, 1.0, 1.0)));
            assert!((a * Vec3::new(-1.0, 1.0, 1.0)).distance(b) < 1e-5);
        }
    }
}
