//! Numbers out of a glTF 2.0 file: container, buffers, accessors.
//!
//! Definition: the Khronos glTF 2.0 specification, sections 3.6 (binary data) and 4 (GLB). Read are GLB and JSON with
//! data URIs or files beside it, all component types, normalised integers, strides and sparse accessors. Every offset
//! is checked against the bytes that are there before memory is taken. Refused: compressed meshes (they name their
//! extension), files outside the folder.

use super::draft::{Read, fault};
use crate::error::HeadError;
use serde_json::Value;
use std::path::Path;

const REMEDY: &str = "export it again as glTF 2.0 or GLB, without mesh compression";
/// Most vertices or values of one accessor.
const MOST: usize = 4_000_000;
/// Most bytes of a buffer.
const MOST_BYTES: usize = 1 << 28;

/// A file: its JSON and its buffers.
pub(crate) struct Data<'a> {
    pub file: &'a str,
    pub json: Value,
    buffers: Vec<std::borrow::Cow<'a, [u8]>>,
    folder: Option<&'a Path>,
}

/// Extensions that may be required: they change nothing that we read, or are read.
const SERVED: [&str; 6] = [
    "KHR_mesh_quantization",
    "KHR_texture_transform",
    "KHR_materials_",
    "VRM",
    "EXT_texture_webp",
    "KHR_texture_basisu",
];

impl<'a> Data<'a> {
    /// Reads the container and the buffers; `folder` is where files beside it lie.
    pub fn read(file: &'a str, bytes: &'a [u8], folder: Option<&'a Path>) -> Read<Self> {
        let wrong = |what: String| fault(file, what, REMEDY);
        let (json, binary) = if bytes.starts_with(b"glTF") { chunks(file, bytes)? } else { (bytes, None) };
        let json: Value = serde_json::from_slice(json).map_err(|e| wrong(format!("JSON: {e}")))?;
        let version = json["asset"]["version"].as_str().unwrap_or("");
        if !version.starts_with("2.") {
            return Err(wrong(format!("asset.version is \"{version}\", expected 2.0")));
        }
        let needed = json["extensionsRequired"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let strange: Vec<&str> = needed.filter(|name| !SERVED.iter().any(|s| name.starts_with(s))).collect();
        if !strange.is_empty() {
            return Err(wrong(format!("extensionsRequired: {} is not read", strange.join(", "))));
        }
        let mut data = Self { file, json, buffers: Vec::new(), folder };
        let list = data.json["buffers"].as_array().cloned().unwrap_or_default();
        if list.len() > 64 {
            return Err(wrong(format!("buffers: {} of them, at most 64 are read", list.len())));
        }
        for (i, buffer) in list.iter().enumerate() {
            let length = size(&buffer["byteLength"]).unwrap_or(usize::MAX);
            let bytes: std::borrow::Cow<'a, [u8]> = match buffer["uri"].as_str() {
                None => binary.filter(|_| i == 0).unwrap_or_default().into(),
                Some(uri) => beside(uri, folder).map_err(|e| wrong(format!("buffers[{i}]: {e}")))?.into(),
            };
            if length > bytes.len() || length > MOST_BYTES {
                let place = format!("buffers[{i}]: byteLength {length}, the file has {}", bytes.len());
                return Err(data.fault(place));
            }
            data.buffers.push(bytes);
        }
        Ok(data)
    }

    pub fn fault(&self, place: impl Into<String>) -> HeadError {
        fault(self.file, place, REMEDY)
    }

    /// The members of a list of the file (`nodes`, `meshes`, ...).
    pub fn list(&self, name: &str) -> &[Value] {
        self.json[name].as_array().map_or(&[], Vec::as_slice)
    }

    /// Bytes of a buffer view, and its stride.
    fn view(&self, index: usize) -> Option<(&[u8], Option<usize>)> {
        let view = self.list("bufferViews").get(index)?;
        let buffer = self.buffers.get(size(&view["buffer"])?)?;
        let from = offset(&view["byteOffset"])?;
        let to = from.checked_add(size(&view["byteLength"])?)?;
        Some((buffer.get(from..to)?, size(&view["byteStride"])))
    }

    /// The bytes of a picture, or why there are none.
    pub fn image(&self, image: &Value) -> Result<std::borrow::Cow<'_, [u8]>, String> {
        match (image["uri"].as_str(), size(&image["bufferView"])) {
            (Some(uri), _) => beside(uri, self.folder).map(Into::into),
            (None, Some(view)) => {
                self.view(view).map(|(bytes, _)| bytes.into()).ok_or("it reaches beyond its buffer".into())
            }
            (None, None) => Err("it says neither where it lies nor what it is".into()),
        }
    }

    /// Values of an accessor as rows of `W` numbers.
    pub fn rows<const W: usize>(&self, index: &Value, what: &str) -> Read<Vec<[f32; W]>> {
        let wrong = |detail: String| self.fault(format!("{what}: accessor {index}: {detail}"));
        let accessor = size(index).and_then(|i| self.list("accessors").get(i));
        let accessor = accessor.ok_or_else(|| wrong("there is none of this number".into()))?;
        let wanted = ["", "SCALAR", "VEC2", "VEC3", "VEC4"].get(W).copied().unwrap_or("MAT4");
        let kind = accessor["type"].as_str().unwrap_or("");
        if kind != wanted {
            return Err(wrong(format!("type {kind}, expected {wanted}")));
        }
        let count = size(&accessor["count"]).unwrap_or(0);
        if count == 0 || count > MOST {
            return Err(wrong(format!("count {count}, expected 1 to {MOST}")));
        }
        let component = Component::of(accessor).ok_or_else(|| wrong("an unknown component type".into()))?;
        let short = || wrong(format!("{count} of them do not fit into the buffer"));
        let mut out = match size(&accessor["bufferView"]) {
            // without a view all values are 0 and only sparse ones differ
            None => vec![[0.0; W]; count],
            Some(view) => {
                let (bytes, stride) = self.view(view).ok_or_else(short)?;
                component
                    .table(bytes, offset(&accessor["byteOffset"]).ok_or_else(short)?, stride, count)
                    .ok_or_else(short)?
            }
        };
        let sparse = &accessor["sparse"];
        if sparse.is_object() {
            let few = size(&sparse["count"]).filter(|few| *few <= count).ok_or_else(short)?;
            let part = |key: &str| {
                let (bytes, _) = size(&sparse[key]["bufferView"]).and_then(|view| self.view(view))?;
                Some((bytes, offset(&sparse[key]["byteOffset"])?))
            };
            let (places, at) = part("indices").ok_or_else(short)?;
            let places_as = Component::of(&sparse["indices"]).ok_or_else(short)?;
            let places: Vec<[f32; 1]> = places_as.table(places, at, None, few).ok_or_else(short)?;
            let (values, at) = part("values").ok_or_else(short)?;
            let values: Vec<[f32; W]> = component.table(values, at, None, few).ok_or_else(short)?;
            for ([place], value) in places.into_iter().zip(values) {
                let slot =
                    out.get_mut(place as usize).ok_or_else(|| wrong(format!("sparse index {place}")))?;
                *slot = value;
            }
        }
        match out.iter().position(|row| row.iter().any(|v| !v.is_finite() || v.abs() > 1e7)) {
            Some(row) => Err(wrong(format!("row {row} has a number that is no place"))),
            None => Ok(out),
        }
    }

    /// Vertex numbers of an accessor, all below `limit` (which is below 16 million, so that f32 holds them).
    pub fn indices(&self, index: &Value, what: &str, limit: usize) -> Read<Vec<u32>> {
        let rows = self.rows::<1>(index, what)?;
        match rows.iter().position(|[v]| *v < 0.0 || *v as usize >= limit.min(1 << 24)) {
            Some(at) => {
                Err(self.fault(format!("{what}: index {at} is {}, expected less than {limit}", rows[at][0])))
            }
            None => Ok(rows.into_iter().map(|[v]| v as u32).collect()),
        }
    }
}

/// How one number is stored.
#[derive(Clone, Copy)]
struct Component {
    code: u64,
    normalized: bool,
}

impl Component {
    fn of(value: &Value) -> Option<Self> {
        let code = value["componentType"].as_u64()?;
        let normalized = value["normalized"].as_bool().unwrap_or(false);
        matches!(code, 5120..=5123 | 5125 | 5126).then_some(Self { code, normalized })
    }

    fn bytes(self) -> usize {
        match self.code {
            5120 | 5121 => 1,
            5122 | 5123 => 2,
            _ => 4,
        }
    }

    fn number(self, b: &[u8]) -> f32 {
        let (value, most) = match self.code {
            5120 => (f32::from(b[0] as i8), 127.0),
            5121 => (f32::from(b[0]), 255.0),
            5122 => (f32::from(i16::from_le_bytes([b[0], b[1]])), 32767.0),
            5123 => (f32::from(u16::from_le_bytes([b[0], b[1]])), 65535.0),
            5125 => (u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as f32, 1.0),
            _ => (f32::from_le_bytes([b[0], b[1], b[2], b[3]]), 1.0),
        };
        if self.normalized { (value / most).max(-1.0) } else { value }
    }

    fn table<const W: usize>(
        self,
        bytes: &[u8],
        offset: usize,
        stride: Option<usize>,
        count: usize,
    ) -> Option<Vec<[f32; W]>> {
        let row = self.bytes() * W;
        let stride = stride.filter(|s| *s > 0).unwrap_or(row);
        if stride < row && count > 1 {
            return None;
        }
        let end =
            offset.checked_add(stride.checked_mul(count - usize::from(count > 0))?)?.checked_add(row)?;
        if count == 0 || end > bytes.len() {
            return (count == 0).then(Vec::new);
        }
        let read = |at: usize| {
            std::array::from_fn(|w| self.number(&bytes[at + w * self.bytes()..at + (w + 1) * self.bytes()]))
        };
        Some((0..count).map(|i| read(offset + i * stride)).collect())
    }
}

/// An offset: 0 where it is left out, nothing where it is no number.
fn offset(value: &Value) -> Option<usize> {
    if value.is_null() { Some(0) } else { size(value) }
}

/// A whole number that fits in memory.
pub(crate) fn size(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|v| usize::try_from(v).ok()).filter(|v| *v < 1 << 40)
}

/// The JSON and the binary chunk of a GLB.
fn chunks<'a>(file: &str, bytes: &'a [u8]) -> Read<(&'a [u8], Option<&'a [u8]>)> {
    let wrong = |what: &str| fault(file, format!("GLB: {what}"), REMEDY);
    let word = |at: usize| {
        let b = bytes.get(at..at + 4)?;
        Some(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    };
    if word(4) != Some(2) {
        return Err(wrong("version 2 is read"));
    }
    if word(8).is_none_or(|length| length as usize > bytes.len()) {
        return Err(wrong("it ends before what its header promises"));
    }
    let chunk = |at: usize, kind: u32| -> Option<&'a [u8]> {
        (word(at + 4)? == kind).then_some(())?;
        bytes.get(at + 8..)?.get(..word(at)? as usize)
    };
    let json = chunk(12, 0x4E4F_534A).ok_or_else(|| wrong("the JSON chunk is missing or cut off"))?;
    let after = 20 + json.len();
    let binary = chunk(after, 0x004E_4942);
    if binary.is_none() && after + 8 <= bytes.len() && word(after + 4) == Some(0x004E_4942) {
        return Err(wrong("the binary chunk is cut off"));
    }
    Ok((json, binary))
}

/// What is not in the GLB: a data URI, or a file in the same folder.
fn beside(uri: &str, folder: Option<&Path>) -> Result<Vec<u8>, String> {
    if let Some(data) = uri.strip_prefix("data:") {
        let (_, text) = data.split_once(";base64,").ok_or("a data URI that is not base64")?;
        return base64(text).ok_or_else(|| "base64 with a slip in it".into());
    }
    let shown: String = uri.chars().take(80).collect();
    let name = Path::new(uri);
    let plain = name.components().all(|c| matches!(c, std::path::Component::Normal(_)));
    let path = folder.filter(|_| plain && !uri.contains(':')).map(|folder| folder.join(name));
    let path = path.ok_or_else(|| format!("{shown} lies outside the folder"))?;
    let length = std::fs::metadata(&path).map_err(|e| format!("{shown}: {e}"))?.len();
    if length > MOST_BYTES as u64 {
        return Err(format!("{shown}: {length} bytes, at most {MOST_BYTES} are read"));
    }
    std::fs::read(&path).map_err(|e| format!("{shown}: {e}"))
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let text = text.trim_end_matches('=').as_bytes();
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    for four in text.chunks(4) {
        let mut bits = 0u32;
        for c in four {
            bits = bits << 6 | u32::from(value(*c)?);
        }
        bits <<= 6 * (4 - four.len() as u32);
        let kept = [0, 0, 1, 2, 3][four.len()];
        if kept == 0 {
            return None;
        }
        out.extend(&bits.to_be_bytes()[1..=kept]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_of_the_standard_comes_out() {
        // RFC 4648, section 10
        for (text, bytes) in
            [("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar"), ("", "")]
        {
            assert_eq!(base64(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(base64("Zm9v!"), None);
        assert_eq!(base64("Zm9vY"), None);
    }
}
