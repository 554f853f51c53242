//! Named tensors on disk: `.safetensors`, and the `.bin` / `.pth` state dicts of PyTorch, read one tensor at a time.
//!
//! The file is told by its first bytes, not by its name. Opening reads names, shapes and places and holds every one of
//! them against the length of the file; a tensor is read when it is asked for, so a large model never lies in
//! memory twice. safetensors: <https://github.com/huggingface/safetensors> (8 bytes length, JSON, data); PyTorch: see
//! [`torch`](crate::torch).
//!
//! Written ([`write`]): safetensors with `F32` tensors, sorted by name, so that equal tensors give equal bytes.
//!
//! What it is not: it executes nothing that a file says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};

use crate::array::write_atomically;
use crate::fault::{Fault, FaultKind, Result};

/// Longest JSON header of a safetensors file.
const MOST_HEADER: u64 = 32 << 20;
/// Most dimensions of a tensor.
pub(crate) const MOST_DIMENSIONS: usize = 8;

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// 64-bit float.
    F64,
    /// 32-bit float.
    F32,
    /// 16-bit float, IEEE.
    F16,
    /// 16-bit float with the exponent of a 32-bit one.
    BF16,
    /// 64-bit integer.
    I64,
    /// 32-bit integer.
    I32,
    /// 16-bit integer.
    I16,
    /// 8-bit integer.
    I8,
    /// 8-bit integer without sign.
    U8,
    /// One byte, 0 or 1.
    Bool,
}

impl Element {
    /// Bytes of one element.
    pub fn size(self) -> u64 {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    fn of_safetensors(name: &str) -> Option<Self> {
        Some(match name {
            "F64" => Self::F64,
            "F32" => Self::F32,
            "F16" => Self::F16,
            "BF16" => Self::BF16,
            "I64" => Self::I64,
            "I32" => Self::I32,
            "I16" => Self::I16,
            "I8" => Self::I8,
            "U8" => Self::U8,
            "BOOL" => Self::Bool,
            _ => return None,
        })
    }

    /// The element at the start of `bytes`, as `f64` (integers beyond 2^53 are rounded).
    fn read(self, bytes: &[u8]) -> f64 {
        /// The first bytes, which the caller has counted.
        fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
            bytes.first_chunk().copied().unwrap_or([0; N])
        }
        match self {
            Self::F64 => f64::from_le_bytes(first(bytes)),
            Self::F32 => f64::from(f32::from_le_bytes(first(bytes))),
            Self::F16 => half::f16::from_le_bytes(first(bytes)).to_f64(),
            Self::BF16 => half::bf16::from_le_bytes(first(bytes)).to_f64(),
            Self::I64 => i64::from_le_bytes(first(bytes)) as f64,
            Self::I32 => f64::from(i32::from_le_bytes(first(bytes))),
            Self::I16 => f64::from(i16::from_le_bytes(first(bytes))),
            Self::I8 => f64::from(i8::from_le_bytes(first(bytes))),
            Self::U8 | Self::Bool => f64::from(first::<1>(bytes)[0]),
        }
    }
}

/// Where a tensor lies.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub element: Element,
    pub shape: Vec<usize>,
    /// Elements between neighbours along each dimension; `None` when the tensor is dense in row-major order.
    pub strides: Option<Vec<usize>>,
    /// First byte in the file.
    pub start: u64,
    /// Bytes from the first element to the last, inclusive.
    pub length: u64,
}

impl Entry {
    fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Elements of a shape, when that is a number that memory could hold.
pub(crate) fn count_of(shape: &[usize]) -> Option<u64> {
    let product = shape.iter().try_fold(1u64, |product, length| product.checked_mul(*length as u64))?;
    (shape.len() <= MOST_DIMENSIONS && product < 1 << 40).then_some(product)
}

/// What is read from.
#[derive(Debug)]
enum Held {
    File(File),
    Memory(std::io::Cursor<&'static [u8]>),
}

impl Read for Held {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::File(file) => file.read(into),
            Self::Memory(bytes) => bytes.read(into),
        }
    }
}

impl Seek for Held {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Memory(bytes) => bytes.seek(to),
        }
    }
}

/// An open file of named tensors.
#[derive(Debug)]
pub struct Tensors {
    path: PathBuf,
    file: Held,
    entries: BTreeMap<String, Entry>,
    metadata: BTreeMap<String, String>,
}

impl Tensors {
    /// Opens a file and reads what is in it.
    ///
    /// # Errors
    /// A fault naming the file when it is missing, empty, cut, in neither format, promises more than it holds, or
    /// would have to be executed to be read.
    pub fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(|error| Fault::io(path, &error))?;
        let meta = file.metadata().map_err(|error| Fault::io(path, &error))?;
        if !meta.is_file() {
            return Err(Fault::new(FaultKind::Malformed, path, "this is not a regular file")
                .remedy("name a .safetensors or .bin file"));
        }
        if meta.len() == 0 {
            return Err(Fault::new(FaultKind::Empty, path, "the file is empty").remedy("download it again"));
        }
        let mut start = Vec::new();
        (&mut file).take(16).read_to_end(&mut start).map_err(|error| Fault::io(path, &error))?;
        let (entries, metadata) = if start.starts_with(b"PK\x03\x04") {
            (crate::torch::entries(path, &file, meta.len())?, BTreeMap::new())
        } else if start.get(8) == Some(&b'{') {
            safetensors(path, &mut file, meta.len())?
        } else {
            return Err(crate::torch::legacy(path, &start).unwrap_or_else(|| {
                Fault::new(FaultKind::Malformed, path, "neither a safetensors file nor a PyTorch state dict")
                    .at("header")
                    .remedy(
                        "download it again; a file of a few hundred bytes is often the pointer of a large-file store",
                    )
            }));
        };
        Ok(Self { path: path.to_owned(), file: Held::File(file), entries, metadata })
    }

    /// A safetensors file that is part of the program; `name` stands for its path in faults.
    ///
    /// # Errors
    /// As [`Tensors::open`].
    pub fn of_bytes(name: &str, bytes: &'static [u8]) -> Result<Self> {
        let path = PathBuf::from(name);
        if bytes.len() < 8 {
            return Err(
                Fault::new(FaultKind::Empty, &path, "there is nothing in it").remedy("build it again")
            );
        }
        let mut held = std::io::Cursor::new(bytes);
        let (entries, metadata) = safetensors(&path, &mut held, bytes.len() as u64)?;
        Ok(Self { path, file: Held::Memory(held), entries, metadata })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The shape of a tensor; `None` when there is none of this name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| entry.shape.as_slice())
    }

    /// The element type of a tensor.
    pub fn element(&self, name: &str) -> Option<Element> {
        self.entries.get(name).map(|entry| entry.element)
    }

    /// The text that a safetensors file carries beside its tensors; empty for a PyTorch file.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// A tensor's values in row-major order, rounded to `f32`.
    ///
    /// # Errors
    /// When there is no such tensor or the file ends early.
    pub fn floats(&mut self, name: &str) -> Result<Vec<f32>> {
        self.read(name, |element, bytes| match element {
            Element::F32 => f32::from_le_bytes(bytes.first_chunk().copied().unwrap_or_default()),
            other => other.read(bytes) as f32,
        })
    }

    /// A tensor's values in row-major order, widened to `f64`.
    ///
    /// # Errors
    /// As [`Tensors::floats`].
    pub fn doubles(&mut self, name: &str) -> Result<Vec<f64>> {
        self.read(name, Element::read)
    }

    fn read<T: Copy>(&mut self, name: &str, of: impl Fn(Element, &[u8]) -> T) -> Result<Vec<T>> {
        /// Bytes converted at a time; a multiple of every element's size.
        const CHUNK: u64 = 1 << 18;
        let entry = self.entries.get(name).ok_or_else(|| {
            Fault::new(FaultKind::NotFound, &self.path, "the tensor is missing")
                .at(name)
                .remedy("check the file")
        })?;
        let failed = |error: std::io::Error| Fault::io(&self.path, &error).at(name);
        let size = entry.element.size();
        self.file.seek(SeekFrom::Start(entry.start)).map_err(failed)?;
        // `length` was held against the file when it was opened
        let mut values = Vec::with_capacity((entry.length / size) as usize);
        let mut bytes = vec![0; CHUNK.min(entry.length) as usize];
        let mut left = entry.length;
        while left > 0 {
            let part = &mut bytes[..CHUNK.min(left) as usize];
            self.file.read_exact(part).map_err(failed)?;
            values.extend(part.chunks_exact(size as usize).map(|bytes| of(entry.element, bytes)));
            left -= part.len() as u64;
        }
        let Some(strides) = &entry.strides else { return Ok(values) };
        let mut place = vec![0; entry.shape.len()];
        let mut gathered = Vec::with_capacity(entry.count());
        for _ in 0..entry.count() {
            let at: usize = place.iter().zip(strides).map(|(place, stride)| place * stride).sum();
            gathered.extend(values.get(at));
            for (place, length) in place.iter_mut().zip(&entry.shape).rev() {
                *place += 1;
                if *place < *length {
                    break;
                }
                *place = 0;
            }
        }
        Ok(gathered)
    }
}

/// A tensor to write: its name, its shape, and its values in row-major order.
pub type Named<'a> = (&'a str, &'a [usize], &'a [f32]);

/// Writes a safetensors file of `f32` tensors, atomically.
///
/// # Errors
/// When two tensors share a name, a shape does not fit its values, or the file cannot be written.
pub fn write(path: &Path, tensors: &[Named<'_>], metadata: &BTreeMap<String, String>) -> Result<()> {
    let internal = |detail: String| Fault::new(FaultKind::Internal, path, detail);
    let mut header = serde_json::Map::new();
    if !metadata.is_empty() {
        header.insert("__metadata__".to_owned(), serde_json::json!(metadata));
    }
    let mut sorted: Vec<&Named<'_>> = tensors.iter().collect();
    sorted.sort_by_key(|(name, ..)| *name);
    let mut offset = 0;
    for (name, shape, values) in &sorted {
        if shape.iter().product::<usize>() != values.len() {
            return Err(internal(format!("{name}: {} values do not fill {shape:?}", values.len())));
        }
        let end = offset + values.len() * 4;
        let info = serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [offset, end] });
        if header.insert((*name).to_owned(), info).is_some() {
            return Err(internal(format!("two tensors are called {name}")));
        }
        offset = end;
    }
    // data starts at a multiple of 8, filled up with blanks as the definition allows
    let mut text = serde_json::Value::Object(header).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    write_atomically(path, |writer| {
        writer.write_all(&(text.len() as u64).to_le_bytes())?;
        writer.write_all(&text)?;
        for (_, _, values) in sorted {
            for value in *values {
                writer.write_all(&value.to_le_bytes())?;
            }
        }
        Ok(())
    })
}

#[derive(Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// The JSON header, tensors and metadata apart.
#[derive(Default)]
struct Header {
    tensors: Vec<(String, Info)>,
    metadata: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Header;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Header, A::Error> {
                let mut header = Header::default();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        header.metadata = map.next_value()?;
                    } else {
                        header.tensors.push((name, map.next_value()?));
                    }
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

type Contents = (BTreeMap<String, Entry>, BTreeMap<String, String>);

fn safetensors(path: &Path, file: &mut (impl Read + Seek), length: u64) -> Result<Contents> {
    let malformed = |detail: String| {
        Fault::new(FaultKind::Malformed, path, detail)
            .at("header")
            .remedy("download or write the file again; its header does not fit its data")
    };
    let failed = |error: std::io::Error| Fault::io(path, &error).at("header");
    let mut bytes = [0; 8];
    file.seek(SeekFrom::Start(0)).and_then(|_| file.read_exact(&mut bytes)).map_err(failed)?;
    let header = u64::from_le_bytes(bytes);
    if header > MOST_HEADER || header > length - 8 {
        return Err(Fault::new(
            if header > length - 8 { FaultKind::Truncated } else { FaultKind::TooLarge },
            path,
            format!("the header says it has {header} bytes, the file has {length}"),
        )
        .at("first 8 bytes")
        .remedy("download the file again; it was cut or is no safetensors file"));
    }
    let mut text = vec![0; header as usize];
    file.read_exact(&mut text).map_err(failed)?;
    let found: Header = serde_json::from_slice(&text)
        .map_err(|error| malformed(format!("the header is not as defined: {error}")))?;
    let data = 8 + header;
    let mut entries = BTreeMap::new();
    for (name, info) in found.tensors {
        let element = Element::of_safetensors(&info.dtype).ok_or_else(|| {
            Fault::new(FaultKind::WrongType, path, format!("elements are {}", info.dtype))
                .at(&name)
                .remedy("save it as float32, float16 or bfloat16")
        })?;
        let [from, to] = info.data_offsets;
        let wanted = count_of(&info.shape).map(|count| count * element.size());
        if to.checked_sub(from).is_none() || to.checked_sub(from) != wanted {
            return Err(malformed(format!("{name}: bytes {from} to {to} do not hold {:?}", info.shape)));
        }
        if to > length - data {
            return Err(Fault::new(
                FaultKind::Truncated,
                path,
                format!("the tensor ends at byte {to} of the data, there are {}", length - data),
            )
            .at(name)
            .remedy("download the file again; it was cut"));
        }
        let entry =
            Entry { element, shape: info.shape, strides: None, start: data + from, length: to - from };
        if entries.insert(name.clone(), entry).is_some() {
            return Err(malformed(format!("{name} is there twice")));
        }
    }
    Ok((entries, found.metadata))
}
