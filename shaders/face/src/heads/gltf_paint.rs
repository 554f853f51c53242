//! Colours of the vertices of a glTF primitive: the picture on it, colours of its own, its material's colour.
//!
//! Our renderer colours vertices. So each takes the mean of the picture around it, over about as much of it as lies
//! between the vertex and its neighbours: a dense head keeps brows and lips, a coarse one keeps its complexion. Definition:
//! glTF 2.0, sections 3.8 (textures) and 3.9 (materials), and `KHR_texture_transform`. Read are PNG and JPEG, in the file,
//! beside it or as data. A picture that cannot be read is noted, and its skin looks as ours does.

use super::draft::Read;
use super::gltf_data::{Data, size};
use super::report::Report;
use crate::head::part;
use serde_json::Value;
use std::collections::HashMap;
use std::io::Cursor;

/// Longest side of a picture that is read.
const LONGEST: u32 = 16_384;
/// Most memory for reading one, bytes.
const MOST_BYTES: u64 = 1 << 30;
/// Longest side that is kept: more than the vertices of any head can show.
const KEPT: usize = 1024;

/// Linear colour and opacity.
type Texel = [f32; 4];

/// A picture at one size.
struct Level {
    side: [usize; 2],
    texels: Vec<Texel>,
}

/// A picture, then its halves down to one texel.
struct Picture(Vec<Level>);

/// How a picture goes on beyond its edges (glTF 2.0, 5.26).
#[derive(Clone, Copy, PartialEq)]
enum Wrap {
    Repeat,
    Mirror,
    Clamp,
}

/// The pictures of a file, each read once.
#[derive(Default)]
pub(crate) struct Pictures(HashMap<usize, Option<Picture>>);

/// Linear colours of `count` vertices; empty where nothing says any.
pub(crate) fn colours(
    data: &Data<'_>,
    pictures: &mut Pictures,
    primitive: &Value,
    what: &str,
    kind: u8,
    index: &[u32],
    count: usize,
    report: &mut Report,
) -> Read<Vec<[f32; 3]>> {
    let mut out = own(data, primitive, what)?;
    // the inside of the mouth is darker than its picture: no light gets there
    if kind == part::MOUTH_BAG {
        return Ok(out);
    }
    let material = size(&primitive["material"]).and_then(|m| data.list("materials").get(m));
    let Some(pbr) = material.map(|material| &material["pbrMetallicRoughness"]) else { return Ok(out) };
    let mut times = |colours: &[[f32; 3]]| {
        out.resize(count, [1.0; 3]);
        for (old, new) in out.iter_mut().zip(colours) {
            *old = std::array::from_fn(|c| old[c] * new[c]);
        }
    };
    if let Some(factor) = factor(pbr) {
        times(&vec![factor; count]);
    }
    let painted = painted(data, pictures, primitive, pbr, what, index, count, report)?;
    if !painted.is_empty() {
        times(&painted);
    }
    Ok(out)
}

/// Colours that the vertices themselves have; empty when they are white everywhere, which says nothing.
fn own(data: &Data<'_>, primitive: &Value, what: &str) -> Read<Vec<[f32; 3]>> {
    let accessor = &primitive["attributes"]["COLOR_0"];
    if accessor.is_null() {
        return Ok(Vec::new());
    }
    let what = format!("{what}.COLOR_0");
    let three = |[r, g, b, _]: [f32; 4]| [r, g, b];
    let rows = match size(accessor).and_then(|i| data.list("accessors").get(i)).map(|a| a["type"] == "VEC4") {
        Some(true) => data.rows::<4>(accessor, &what)?.into_iter().map(three).collect(),
        _ => data.rows::<3>(accessor, &what)?,
    };
    let plain = rows.iter().all(|row| *row == [1.0; 3]);
    Ok(if plain { Vec::new() } else { rows.iter().map(|row| row.map(|c| c.clamp(0.0, 1.0))).collect() })
}

/// A material's own colour, where that is no white.
fn factor(pbr: &Value) -> Option<[f32; 3]> {
    let factor: Vec<f32> =
        pbr["baseColorFactor"].as_array()?.iter().filter_map(Value::as_f64).map(|v| v as f32).collect();
    let rgb = <[f32; 3]>::try_from(factor.get(..3)?).ok()?.map(|v| v.clamp(0.0, 1.0));
    (rgb != [1.0; 3]).then_some(rgb)
}

/// Colours of a material's picture at the vertices; empty without a picture.
fn painted(
    data: &Data<'_>,
    pictures: &mut Pictures,
    primitive: &Value,
    pbr: &Value,
    what: &str,
    index: &[u32],
    count: usize,
    report: &mut Report,
) -> Read<Vec<[f32; 3]>> {
    let info = &pbr["baseColorTexture"];
    let Some(texture) = size(&info["index"]).and_then(|t| data.list("textures").get(t)) else {
        return Ok(Vec::new());
    };
    let Some(source) = size(&texture["source"]) else { return Ok(Vec::new()) };
    let picture = pictures.0.entry(source).or_insert_with(|| match read(data, source) {
        Ok(picture) => Some(picture),
        Err(why) => {
            report.note(format!("images[{source}]: {why}; what it is on looks as ours does"));
            None
        }
    });
    let Some(picture) = picture else { return Ok(Vec::new()) };
    let turned = &info["extensions"]["KHR_texture_transform"];
    let set = size(&turned["texCoord"]).or(size(&info["texCoord"])).unwrap_or(0);
    let name = format!("TEXCOORD_{set}");
    let accessor = &primitive["attributes"][&name];
    if accessor.is_null() {
        return Ok(Vec::new());
    }
    let mut places = data.rows::<2>(accessor, &format!("{what}.{name}"))?;
    if places.len() != count {
        return Err(data.fault(format!("{what}.{name}: {} rows for {count} vertices", places.len())));
    }
    turn(turned, &mut places);
    let sampler = size(&texture["sampler"]).and_then(|s| data.list("samplers").get(s));
    let wraps = ["wrapS", "wrapT"].map(|key| match sampler.and_then(|s| s[key].as_u64()) {
        Some(33_071) => Wrap::Clamp,
        Some(33_648) => Wrap::Mirror,
        _ => Wrap::Repeat,
    });
    let reach = reach(&places, index);
    Ok(places.iter().zip(reach).map(|(place, reach)| picture.around(*place, reach, wraps)).collect())
}

/// `KHR_texture_transform`: scaled, turned counter-clockwise, moved.
fn turn(transform: &Value, places: &mut [[f32; 2]]) {
    let pair = |key: &str, or: f32| {
        let numbers = transform[key].as_array().into_iter().flatten().filter_map(Value::as_f64);
        <[f32; 2]>::try_from(numbers.map(|v| v as f32).collect::<Vec<_>>()).unwrap_or([or; 2])
    };
    let (offset, scale) = (pair("offset", 0.0), pair("scale", 1.0));
    let (sin, cos) = (transform["rotation"].as_f64().unwrap_or(0.0) as f32).sin_cos();
    for place in places {
        let [u, v] = [place[0] * scale[0], place[1] * scale[1]];
        *place = [cos * u + sin * v + offset[0], cos * v - sin * u + offset[1]];
    }
}

/// How far, as a part of the picture, a vertex is from its neighbours on it, on average.
fn reach(places: &[[f32; 2]], index: &[u32]) -> Vec<f32> {
    let mut sums = vec![(0.0f32, 0u32); places.len()];
    for corners in index.as_chunks::<3>().0 {
        for (a, b) in [(0, 1), (1, 2), (2, 0)] {
            let (a, b) = (corners[a] as usize, corners[b] as usize);
            let (Some(from), Some(to)) = (places.get(a), places.get(b)) else { continue };
            let far = (from[0] - to[0]).hypot(from[1] - to[1]);
            for v in [a, b] {
                sums[v].0 += far;
                sums[v].1 += 1;
            }
        }
    }
    sums.into_iter().map(|(sum, edges)| sum / edges.max(1) as f32).collect()
}

/// The picture of a number, or why there is none.
fn read(data: &Data<'_>, source: usize) -> Result<Picture, String> {
    let image = data.list("images").get(source).ok_or("there is none of this number")?;
    let bytes = data.image(image)?;
    let mut reader = image::ImageReader::new(Cursor::new(&*bytes));
    reader.set_format(image::guess_format(&bytes).map_err(|_| "it is neither PNG nor JPEG")?);
    let mut limits = image::Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LONGEST), Some(LONGEST));
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| error.to_string())?.into_rgba8();
    let side = [picture.width() as usize, picture.height() as usize];
    if side.contains(&0) {
        return Err("it has no pixels".into());
    }
    let linear: Vec<f32> = (0..=255u8).map(linear).collect();
    let texel = |x: usize, y: usize| {
        let at = (y * side[0] + x) * 4;
        let [r, g, b, a] = [0, 1, 2, 3].map(|c| picture.as_raw()[at + c]);
        [linear[usize::from(r)], linear[usize::from(g)], linear[usize::from(b)], f32::from(a) / 255.0]
    };
    let times = side[0].max(side[1]).div_ceil(KEPT);
    let mut levels = vec![shrunk(side, times, texel)];
    while let Some(Level { side, texels }) = levels.last()
        && *side != [1, 1]
    {
        let half = shrunk(*side, 2, |x, y| texels[y * side[0] + x]);
        levels.push(half);
    }
    Ok(Picture(levels))
}

/// A picture with so many times fewer texels a side, each the mean of those it stands for; what is transparent counts
/// as little as it is seen.
fn shrunk(side: [usize; 2], times: usize, texel: impl Fn(usize, usize) -> Texel) -> Level {
    let small = side.map(|side| side.div_ceil(times));
    let mut texels = Vec::with_capacity(small[0] * small[1]);
    for y in 0..small[1] {
        for x in 0..small[0] {
            let (mut sum, mut count) = ([0.0f32; 4], 0.0f32);
            for row in y * times..((y + 1) * times).min(side[1]) {
                for column in x * times..((x + 1) * times).min(side[0]) {
                    let [r, g, b, a] = texel(column, row);
                    for (sum, value) in sum.iter_mut().zip([r * a, g * a, b * a, a]) {
                        *sum += value;
                    }
                    count += 1.0;
                }
            }
            let [r, g, b, a] = sum;
            let seen = a.max(1e-6);
            texels.push([r / seen, g / seen, b / seen, a / count]);
        }
    }
    Level { side: small, texels }
}

/// sRGB as light (IEC 61966-2-1).
fn linear(value: u8) -> f32 {
    let v = f32::from(value) / 255.0;
    if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
}

impl Picture {
    /// The colour around a place, over about `reach` of the picture.
    fn around(&self, place: [f32; 2], reach: f32, wraps: [Wrap; 2]) -> [f32; 3] {
        let longest = self.0[0].side[0].max(self.0[0].side[1]) as f32;
        let level = (reach * longest).max(1.0).log2().round() as usize;
        let Level { side, texels } = &self.0[level.min(self.0.len() - 1)];
        // between the four texels whose middles are nearest
        let along = |axis: usize| {
            let at = place[axis] * side[axis] as f32 - 0.5;
            let low = at.floor();
            let number = |at: f32| wrapped(at as i64, side[axis] as i64, wraps[axis]);
            ([number(low), number(low + 1.0)], at - low)
        };
        let ((xs, fx), (ys, fy)) = (along(0), along(1));
        let mut sum = [0.0f32; 4];
        for (y, wy) in ys.into_iter().zip([1.0 - fy, fy]) {
            for (x, wx) in xs.into_iter().zip([1.0 - fx, fx]) {
                let [r, g, b, a] = texels[y * side[0] + x];
                let weight = wx * wy * a.max(1e-4);
                for (sum, value) in sum.iter_mut().zip([r, g, b, 1.0]) {
                    *sum += weight * value;
                }
            }
        }
        [0, 1, 2].map(|c| (sum[c] / sum[3]).clamp(0.0, 1.0))
    }
}

fn wrapped(at: i64, side: i64, wrap: Wrap) -> usize {
    let at = match wrap {
        Wrap::Repeat => at.rem_euclid(side),
        Wrap::Clamp => at.clamp(0, side - 1),
        Wrap::Mirror => {
            let at = at.rem_euclid(2 * side);
            at.min(2 * side - 1 - at)
        }
    };
    at as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(side: [usize; 2], of: impl Fn(usize, usize) -> Texel) -> Picture {
        let mut levels = vec![shrunk(side, 1, of)];
        while let Some(Level { side, texels }) = levels.last()
            && *side != [1, 1]
        {
            let half = shrunk(*side, 2, |x, y| texels[y * side[0] + x]);
            levels.push(half);
        }
        Picture(levels)
    }

    #[test]
    fn a_vertex_sees_as_much_of_a_picture_as_lies_around_it() {
        // red on the left, blue on the right
        let red = |x: usize| if x < 8 { [1.0, 0.0, 0.0, 1.0] } else { [0.0, 0.0, 1.0, 1.0] };
        let halves = picture([16, 16], |x, _| red(x));
        let clamp = [Wrap::Clamp; 2];
        assert_eq!(halves.around([0.2, 0.5], 0.01, clamp), [1.0, 0.0, 0.0]);
        assert_eq!(halves.around([0.8, 0.5], 0.01, clamp), [0.0, 0.0, 1.0]);
        assert_eq!(halves.around([0.5, 0.5], 0.01, clamp), [0.5, 0.0, 0.5]);
        assert_eq!(halves.around([0.1, 0.1], 1.0, clamp), [0.5, 0.0, 0.5]);
        // beyond the edge: the same edge, the other one, or the same mirrored
        assert_eq!(halves.around([1.2, 0.5], 0.01, clamp), [0.0, 0.0, 1.0]);
        assert_eq!(halves.around([1.2, 0.5], 0.01, [Wrap::Repeat; 2]), [1.0, 0.0, 0.0]);
        assert_eq!(halves.around([1.2, 0.5], 0.01, [Wrap::Mirror; 2]), [0.0, 0.0, 1.0]);
        // what cannot be seen has no colour
        let holes =
            picture(
                [4, 4],
                |x, y| if (x + y) % 2 == 0 { [0.0, 1.0, 0.0, 1.0] } else { [1.0, 0.0, 0.0, 0.0] },
            );
        let [r, g, _] = holes.around([0.5, 0.5], 1.0, clamp);
        assert!(r < 1e-3 && g > 0.999, "{r} {g}");
    }

    #[test]
    fn places_are_scaled_turned_and_moved_in_this_order() {
        let transform = serde_json::json!({
            "offset": [0.5, 0.0], "scale": [2.0, 1.0], "rotation": std::f64::consts::FRAC_PI_2,
        });
        let mut places = [[0.25, 0.0], [0.0, 0.25]];
        turn(&transform, &mut places);
        // a quarter turn counter-clockwise where v points down: u goes up, v goes right
        for (place, expected) in places.iter().zip([[0.5, -0.5], [0.75, 0.0]]) {
            assert!(
                (place[0] - expected[0]).abs() < 1e-6 && (place[1] - expected[1]).abs() < 1e-6,
                "{places:?}"
            );
        }
    }

    #[test]
    fn srgb_is_what_its_standard_says() {
        assert_eq!((linear(0), linear(255)), (0.0, 1.0));
        assert!((linear(188) - 0.502_886).abs() < 1e-5 && (linear(10) - 0.003_035_3).abs() < 1e-6);
    }
}
