//! Numpy arrays out of an array file that holds one pickled dict (`numpy.save` of a dict).
//!
//! The header must say one object (`'descr': '|O'`, shape `()`); the pickle is read by `pickle.rs`. An array there is a
//! recorded call with the state (version, shape, type, Fortran order, bytes). Every length is compared with the bytes
//! that are there before a number is read.

use super::draft::{Read, fault};
use super::pickle::{Call, Known, Machine, Value};
use crate::error::HeadError;

const REMEDY: &str = "use the FaceVerse file as its authors publish it";
/// Most elements of one array.
const MOST: usize = 1 << 31;

/// A dict of arrays.
pub(crate) struct Dict<'a> {
    file: &'a str,
    machine: Machine<'a>,
    dict: usize,
}

/// One array: where its bytes are and how to read them.
pub(crate) struct Array<'m> {
    pub shape: Vec<usize>,
    kind: Kind<'m>,
    fortran: bool,
}

enum Kind<'m> {
    /// Element letter (`f`, `i`, `u`, `b`, `U`, `S`), bytes an element, big-endian.
    Plain(char, usize, bool, &'m [u8]),
    /// Objects: values of the machine.
    Objects(&'m [Value]),
}

impl<'a> Dict<'a> {
    /// Reads the container; `file` is what errors call it.
    pub fn read(file: &'a str, bytes: &'a [u8]) -> Read<Self> {
        let wrong = |what: &str| fault(file, format!("header: {what}"), REMEDY);
        let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(|| wrong("no NumPy file"))?;
        let [major, _, rest @ ..] = rest else { return Err(wrong("it ends too early")) };
        let (length, rest) = match (major, rest) {
            (1, [a, b, rest @ ..]) => (usize::from(u16::from_le_bytes([*a, *b])), rest),
            (2 | 3, [a, b, c, d, rest @ ..]) => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
            _ => return Err(wrong("an unknown version, or it ends too early")),
        };
        let (text, pickle) = rest.split_at_checked(length).ok_or_else(|| wrong("it ends too early"))?;
        let text: String =
            String::from_utf8_lossy(text).chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
        if !text.contains("'descr':'|O'") || !text.contains("'shape':()") {
            return Err(wrong("a plain array; a FaceVerse model is one dict in an object array"));
        }
        let mut machine = Machine::new(pickle);
        let top = machine.run().map_err(|what| fault(file, what, REMEDY))?;
        let dict = match array_state(&machine, top).and_then(|state| state.last().copied()) {
            Some(Value::List(list)) => machine.list(list).first().copied(),
            other => other.or(Some(top)),
        };
        match dict {
            Some(Value::Dict(dict)) => Ok(Self { file, machine, dict }),
            _ => Err(fault(file, "pickle: it holds no dict", REMEDY)),
        }
    }

    fn fault(&self, place: impl Into<String>) -> HeadError {
        fault(self.file, place, REMEDY)
    }

    fn value(&self, key: &str) -> Option<Value> {
        let pairs = self.machine.dict(self.dict);
        pairs.iter().rev().find(|(k, _)| self.machine.text(*k) == Some(key)).map(|(_, v)| *v)
    }

    /// Whether there is such a key.
    pub fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The keys, in order.
    pub fn keys(&self) -> Vec<String> {
        let pairs = self.machine.dict(self.dict);
        pairs
            .iter()
            .filter_map(|(k, _)| self.machine.text(*k))
            .map(|k| k.chars().take(60).collect())
            .collect()
    }

    /// An array by key.
    pub fn array(&self, key: &str) -> Read<Array<'_>> {
        let value = self.value(key).ok_or_else(|| self.fault(format!("{key}: this key is missing")))?;
        self.array_of(key, value)
    }

    fn array_of(&self, key: &str, value: Value) -> Read<Array<'_>> {
        let no_array = || self.fault(format!("{key}: this is no array"));
        let m = &self.machine;
        if let Value::List(list) = value {
            let items = m.list(list);
            return Ok(Array { shape: vec![items.len()], kind: Kind::Objects(items), fortran: false });
        }
        let (shape, dtype, fortran, data) = match value {
            Value::Call(call) => match m.call(call).ok_or_else(no_array)? {
                Call { callee: Known::Reconstruct, state: Some(Value::List(state)), .. } => {
                    match *m.list(state) {
                        [_, shape, dtype, Value::Int(fortran), data] => (shape, dtype, fortran == 1, data),
                        _ => return Err(no_array()),
                    }
                }
                Call { callee: Known::FromBuffer, arguments, .. } => match *m.list(arguments) {
                    [data, dtype, shape, order] => (shape, dtype, m.text(order) == Some("F"), data),
                    _ => return Err(no_array()),
                },
                _ => return Err(no_array()),
            },
            _ => return Err(no_array()),
        };
        let Value::List(shape) = shape else { return Err(no_array()) };
        let sizes: Option<Vec<usize>> = m
            .list(shape)
            .iter()
            .map(|size| match size {
                Value::Int(size) => usize::try_from(*size).ok().filter(|size| *size > 0),
                _ => None,
            })
            .collect();
        let shape = sizes.filter(|s| s.len() <= 4).ok_or_else(|| {
            self.fault(format!("{key}: a shape with a zero, a negative size or over four dimensions"))
        })?;
        let count = shape.iter().try_fold(1usize, |all, size| all.checked_mul(*size)).filter(|n| *n <= MOST);
        let count =
            count.ok_or_else(|| self.fault(format!("{key}: shape {shape:?} has over {MOST} elements")))?;
        let (letter, size, big) =
            self.dtype(dtype).ok_or_else(|| self.fault(format!("{key}: an unknown type")))?;
        let kind = match data {
            Value::List(items) if letter == 'O' => Kind::Objects(m.list(items)),
            Value::Bytes(bytes) if letter != 'O' => Kind::Plain(letter, size, big, m.bytes(bytes)),
            _ => return Err(no_array()),
        };
        let have = match &kind {
            Kind::Plain(_, size, _, bytes) if *size > 0 && bytes.len() % size == 0 => bytes.len() / size,
            Kind::Plain(..) => usize::MAX,
            Kind::Objects(items) => items.len(),
        };
        if have != count {
            return Err(
                self.fault(format!("{key}: shape {shape:?} needs {count} elements, the file has {have}"))
            );
        }
        Ok(Array { shape, kind, fortran })
    }

    /// Letter, bytes and byte order of an element type.
    fn dtype(&self, value: Value) -> Option<(char, usize, bool)> {
        let Value::Call(call) = value else { return None };
        let call = self.machine.call(call).filter(|call| call.callee == Known::Dtype)?;
        let name = self.machine.text(*self.machine.list(call.arguments).first()?)?;
        let order = match call.state {
            Some(Value::List(state)) => self.machine.list(state).get(1).and_then(|v| self.machine.text(*v)),
            _ => None,
        };
        let name = name.trim_start_matches(['<', '>', '|', '=']);
        let letter = name.chars().next()?;
        let size: usize = name[letter.len_utf8()..].parse().ok()?;
        let size = if letter == 'U' { size.checked_mul(4)? } else { size };
        Some((letter, size, order == Some(">")))
    }

    /// A table of finite numbers of any float or integer type, row by row.
    pub fn numbers(&self, key: &str) -> Read<(Vec<usize>, Vec<f32>)> {
        let array = self.array(key)?;
        let Kind::Plain(letter, size, big, bytes) = array.kind else {
            return Err(self.fault(format!("{key}: not an array of numbers")));
        };
        let one = |b: &[u8]| -> Option<f32> {
            let mut le = [0u8; 8];
            for (i, slot) in le.iter_mut().enumerate().take(size) {
                *slot = if big { b[size - 1 - i] } else { b[i] };
            }
            let bits = u64::from_le_bytes(le);
            Some(match (letter, size) {
                ('f', 8) => f64::from_bits(bits) as f32,
                ('f', 4) => f32::from_bits(bits as u32),
                ('f', 2) => half::f16::from_bits(bits as u16).to_f32(),
                ('i', 8) => bits as i64 as f32,
                ('i', 4) => bits as u32 as i32 as f32,
                ('i', 2) => f32::from(bits as u16 as i16),
                ('i', 1) => f32::from(bits as u8 as i8),
                ('u' | 'b', 1) | ('u', 2 | 4 | 8) => bits as f32,
                _ => return None,
            })
        };
        let count = bytes.len() / size.max(1);
        let (rows, columns) = (array.shape[0], count / array.shape[0].max(1));
        let mut out = Vec::with_capacity(count);
        for at in 0..count {
            let from = if array.fortran { at % columns * rows + at / columns } else { at };
            match one(&bytes[from * size..(from + 1) * size]) {
                Some(value) if value.is_finite() && value.abs() < 1e9 => out.push(value),
                Some(_) => return Err(self.fault(format!("{key}: element {at} is not a number"))),
                None => return Err(self.fault(format!("{key}: numbers of type {letter}{size} are not read"))),
            }
        }
        Ok((array.shape, out))
    }

    /// Whole numbers below `limit`. Numbers go through f32: exact to 16 million, which `limit` is checked against.
    pub fn indices(&self, key: &str, limit: usize) -> Read<Vec<u32>> {
        let (_, values) = self.numbers(key)?;
        let wrong =
            values.iter().position(|v| v.fract() != 0.0 || *v < 0.0 || *v >= limit.min(1 << 24) as f32);
        match wrong {
            Some(at) => {
                Err(self.fault(format!("{key}: element {at} is {}, expected less than {limit}", values[at])))
            }
            None => Ok(values.into_iter().map(|v| v as u32).collect()),
        }
    }

    /// A list or an array of text.
    pub fn words(&self, key: &str) -> Read<Vec<String>> {
        let array = self.array(key)?;
        let no_text = || self.fault(format!("{key}: not a list of names"));
        let short = |text: String| text.chars().take(80).collect::<String>();
        match array.kind {
            Kind::Objects(items) => items
                .iter()
                .map(|v| self.machine.text(*v).map(|t| short(t.to_owned())).ok_or_else(no_text))
                .collect(),
            Kind::Plain('U', size, big, bytes) => bytes
                .chunks_exact(size.max(1))
                .map(|word| {
                    word.chunks_exact(4)
                        .map(|b| match big {
                            true => u32::from_be_bytes([b[0], b[1], b[2], b[3]]),
                            false => u32::from_le_bytes([b[0], b[1], b[2], b[3]]),
                        })
                        .take_while(|c| *c != 0)
                        .map(char::from_u32)
                        .collect::<Option<String>>()
                        .map(short)
                        .ok_or_else(no_text)
                })
                .collect(),
            Kind::Plain('S', size, _, bytes) => Ok(bytes
                .chunks_exact(size.max(1))
                .map(|word| short(String::from_utf8_lossy(word).trim_end_matches('\0').to_owned()))
                .collect()),
            Kind::Plain(..) => Err(no_text()),
        }
    }
}

/// The state tuple of a recorded array.
fn array_state<'m>(machine: &'m Machine<'_>, value: Value) -> Option<&'m [Value]> {
    let Value::Call(call) = value else { return None };
    match machine.call(call)?.state? {
        Value::List(state) => Some(machine.list(state)),
        _ => None,
    }
}
