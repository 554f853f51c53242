//! State dicts that `torch.save` wrote (`.bin`, `.pth`, `.pt`): names, shapes and places, without executing anything.
//!
//! The container is a zip of stored files since PyTorch 1.6: `NAME/data.pkl` (a pickle that says which tensor is which
//! part of which storage), `NAME/data/KEY` (one storage each), `NAME/byteorder`. A pickle is a program; the small
//! interpreter in [`pickle`] knows the few instructions and the few names that a dict of tensors needs and refuses
//! everything else by its name. Nested dicts are flattened, keys joined by a dot.
//!
//! What it is not: a reader of whole pickled models, of the older container, of compressed archives, or of
//! sparse and quantised tensors. Checksums of the container are not verified.

mod pickle;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::fault::{Fault, FaultKind, Result};
use crate::tensors::{Element, Entry, MOST_DIMENSIONS, count_of};
use pickle::{Machine, Tensor, Value};

/// Longest pickle; that of the largest models is a few MB.
const MOST_PICKLE: u64 = 64 << 20;
/// How deep dicts may be nested.
const MOST_DEPTH: usize = 8;

/// What exports a state dict that this reader takes.
pub const EXPORT: &str = "export a plain state dict with Python:\n\
    \x20   import torch\n\
    \x20   model = torch.load('FILE', map_location='cpu', weights_only=False)\n\
    \x20   torch.save(dict(getattr(model, 'state_dict', lambda: model)()), 'state_dict.pth')";

/// The fault of a file that starts like PyTorch's older container or a bare pickle; `None` for other files.
pub(crate) fn legacy(path: &Path, start: &[u8]) -> Option<Fault> {
    let tar = start.starts_with(b"././@LongLink") || start.starts_with(b"sys_info");
    (start.starts_with(&[0x80]) && start.get(1).is_some_and(|version| *version <= 5) || tar).then(|| {
        Fault::new(FaultKind::Unsupported, path, "a pickle or the container of PyTorch before 1.6")
            .at("header")
            .remedy(format!("{EXPORT}\n(a recent PyTorch writes the newer container)"))
    })
}

/// Every tensor of a zip container of `length` bytes.
pub(crate) fn entries(path: &Path, file: &File, length: u64) -> Result<BTreeMap<String, Entry>> {
    let malformed = |detail: String| {
        Fault::new(FaultKind::Malformed, path, detail).remedy(format!("download the file again, or {EXPORT}"))
    };
    let mut archive = zip::ZipArchive::new(BufReader::new(file))
        .map_err(|error| malformed(format!("the container cannot be read: {error}")).at("zip directory"))?;
    let names: Vec<String> =
        (0..archive.len()).map(|part| name_of(&mut archive, part).unwrap_or_default()).collect();
    let index = names
        .iter()
        .find(|name| name.ends_with("/data.pkl") || *name == "data.pkl")
        .ok_or_else(|| malformed("there is no data.pkl in it: not a file of torch.save".to_owned()))?;
    let root = index.strip_suffix("data.pkl").unwrap_or_default();
    let mut places: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut pickled = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let Some(inner) = name.strip_prefix(root) else { continue };
        let key = inner.strip_prefix("data/");
        if key.is_none() && inner != "data.pkl" && inner != "byteorder" {
            continue;
        }
        let mut part = archive
            .by_index(number)
            .map_err(|error| malformed(format!("a part cannot be read: {error}")).at(name))?;
        if part.compression() != zip::CompressionMethod::Stored {
            return Err(Fault::new(FaultKind::Unsupported, path, "the part is compressed")
                .at(name)
                .remedy("torch.save does not compress; save the state dict again with it"));
        }
        let (size, start) = (part.size(), part.data_start());
        let within = start.filter(|start| start.checked_add(size).is_some_and(|end| end <= length));
        let Some(start) = within.filter(|_| part.compressed_size() == size) else {
            return Err(Fault::new(FaultKind::Truncated, path, format!("{size} bytes are promised"))
                .at(name)
                .remedy("download the file again; it was cut"));
        };
        if let Some(key) = key {
            places.insert(key.to_owned(), (start, size));
        } else if inner == "byteorder" {
            let mut order = String::new();
            let read = part.by_ref().take(16).read_to_string(&mut order);
            if read.is_err() || order.trim() != "little" {
                return Err(Fault::new(FaultKind::Unsupported, path, format!("the byte order is {order:?}"))
                    .at(name)
                    .remedy("save it again on a little-endian machine"));
            }
        } else {
            if size > MOST_PICKLE {
                return Err(Fault::new(FaultKind::TooLarge, path, format!("it has {size} bytes"))
                    .at(name)
                    .remedy(EXPORT));
            }
            let failed = |error| Fault::io(path, &error).at(name);
            part.by_ref().take(size).read_to_end(&mut pickled).map_err(failed)?;
        }
    }
    let mut machine = Machine::new(path, &pickled);
    let root = machine.run()?;
    let mut collector =
        Collector { path, machine: &machine, places: &places, seen: BTreeSet::new(), found: BTreeMap::new() };
    match root {
        Value::Dict(dict) => collector.walk("", dict, 0)?,
        _ => {
            return Err(Fault::new(
                FaultKind::WrongType,
                path,
                "it holds something that is not a dict of tensors",
            )
            .at("data.pkl")
            .remedy(EXPORT));
        }
    }
    Ok(collector.found)
}

/// The name of a part, when it is text.
fn name_of(archive: &mut zip::ZipArchive<BufReader<&File>>, part: usize) -> Option<String> {
    archive.by_index_raw(part).ok()?.name().ok().map(std::borrow::Cow::into_owned)
}

/// Walks dicts and turns their tensors into places of the file.
struct Collector<'a> {
    path: &'a Path,
    machine: &'a Machine<'a>,
    places: &'a BTreeMap<String, (u64, u64)>,
    seen: BTreeSet<usize>,
    found: BTreeMap<String, Entry>,
}

impl Collector<'_> {
    fn walk(&mut self, prefix: &str, dict: usize, depth: usize) -> Result<()> {
        // a dict may lie within itself
        if depth > MOST_DEPTH || !self.seen.insert(dict) {
            return Ok(());
        }
        for (key, value) in self.machine.dict(dict) {
            let key = match key {
                Value::Text(text) => text.to_string(),
                Value::Int(number) => number.to_string(),
                _ => continue,
            };
            let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            match value {
                Value::Dict(inner) => self.walk(&name, *inner, depth + 1)?,
                Value::Tensor(tensor) => {
                    if let Some(tensor) = self.machine.tensor(*tensor) {
                        let entry = self.place(&name, tensor)?;
                        self.found.insert(name, entry);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn place(&self, name: &str, tensor: &Tensor) -> Result<Entry> {
        let fault = |kind, detail: String| {
            Fault::new(kind, self.path, detail)
                .at(name)
                .remedy(format!("download the file again, or {EXPORT}"))
        };
        let (start, size) = *self.places.get(&*tensor.storage).ok_or_else(|| {
            fault(FaultKind::Truncated, format!("its storage {} is missing", tensor.storage))
        })?;
        let element = tensor.element;
        let count = count_of(&tensor.shape)
            .filter(|count| tensor.shape.len() <= MOST_DIMENSIONS && count * element.size() <= size)
            .ok_or_else(|| {
                fault(
                    FaultKind::WrongShape,
                    format!("shape {:?} is more than the {size} bytes of its storage", tensor.shape),
                )
            })?;
        let span = span(&tensor.shape, &tensor.strides);
        let end = span.and_then(|span| tensor.offset.checked_add(span)?.checked_mul(element.size()));
        let (Some(span), Some(_)) = (span, end.filter(|end| *end <= size)) else {
            return Err(fault(
                FaultKind::Truncated,
                format!(
                    "shape {:?} with strides {:?} reaches beyond its storage",
                    tensor.shape, tensor.strides
                ),
            ));
        };
        let dense = dense(&tensor.shape, &tensor.strides);
        debug_assert!(!dense || span == count);
        Ok(Entry {
            element,
            shape: tensor.shape.clone(),
            strides: (!dense).then(|| tensor.strides.clone()),
            start: start + tensor.offset * element.size(),
            length: span * element.size(),
        })
    }
}

/// Elements from the first to the last, inclusive; 0 for a tensor without elements.
fn span(shape: &[usize], strides: &[usize]) -> Option<u64> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().zip(strides).try_fold(1u64, |span, (length, stride)| {
        span.checked_add((*length as u64 - 1).checked_mul(*stride as u64)?)
    })
}

/// Whether strides are those of a row-major tensor (a dimension of one may have any).
fn dense(shape: &[usize], strides: &[usize]) -> bool {
    let mut wanted = 1;
    shape.contains(&0)
        || shape.iter().zip(strides).rev().all(|(length, stride)| {
            let fits = *length == 1 || *stride == wanted;
            wanted *= length;
            fits
        })
}

/// The element type of a storage class of PyTorch.
fn element_of(storage: &str) -> Option<Element> {
    Some(match storage {
        "torch.DoubleStorage" => Element::F64,
        "torch.FloatStorage" => Element::F32,
        "torch.HalfStorage" => Element::F16,
        "torch.BFloat16Storage" => Element::BF16,
        "torch.LongStorage" => Element::I64,
        "torch.IntStorage" => Element::I32,
        "torch.ShortStorage" => Element::I16,
        "torch.CharStorage" => Element::I8,
        "torch.ByteStorage" => Element::U8,
        "torch.BoolStorage" => Element::Bool,
        _ => return None,
    })
}
