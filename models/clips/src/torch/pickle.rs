//! The part of the pickle machine that a dict of tensors needs.
//!
//! Definition: Python's `Lib/pickletools.py`, protocols 2 to 5. Known are constants, strings, tuples, lists, dicts, the
//! memo, and calls of exactly four names: `collections.OrderedDict()`, `torch._utils._rebuild_tensor_v2`,
//! `torch._utils._rebuild_parameter` and the storage classes (as parts of a persistent id). Nothing is ever called;
//! each of these has its own meaning here. Containers live in arenas and are named by number, so a pickle that
//! refers to itself neither leaks nor recurses.

use std::path::Path;
use std::rc::Rc;

use super::{EXPORT, element_of};
use crate::fault::{Fault, FaultKind, Result};
use crate::tensors::Element;

/// Most values alive on the stack, in the memo and in containers together.
const MOST_VALUES: usize = 1 << 20;

/// A value on the stack.
#[derive(Debug, Clone)]
pub enum Value {
    /// None, a float, bytes: something that is of no interest.
    Other,
    /// A whole number (a bool is 0 or 1).
    Int(i64),
    /// Text.
    Text(Rc<str>),
    /// A number of [`Machine::tuple`]; lists share the arena.
    Tuple(usize),
    /// A number of [`Machine::dict`].
    Dict(usize),
    /// `module.name`.
    Global(Rc<str>),
    /// A storage: its element type and key.
    Storage(Element, Rc<str>),
    /// A number of [`Machine::tensor`].
    Tensor(usize),
}

/// A part of a storage.
#[derive(Debug, Clone)]
pub struct Tensor {
    pub element: Element,
    /// Key of the storage.
    pub storage: Rc<str>,
    /// First element in the storage.
    pub offset: u64,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

/// The interpreter and what it has made.
pub struct Machine<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: Vec<Value>,
    tuples: Vec<Vec<Value>>,
    dicts: Vec<Vec<(Value, Value)>>,
    tensors: Vec<Tensor>,
    values: usize,
}

impl<'a> Machine<'a> {
    /// A machine about to run `bytes`.
    pub fn new(path: &'a Path, bytes: &'a [u8]) -> Self {
        Self {
            path,
            bytes,
            at: 0,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Vec::new(),
            tuples: Vec::new(),
            dicts: Vec::new(),
            tensors: Vec::new(),
            values: 0,
        }
    }

    /// The pairs of a dict, in the order they were set.
    pub fn dict(&self, number: usize) -> &[(Value, Value)] {
        self.dicts.get(number).map_or(&[], Vec::as_slice)
    }

    /// The members of a tuple or list.
    pub fn tuple(&self, number: usize) -> &[Value] {
        self.tuples.get(number).map_or(&[], Vec::as_slice)
    }

    /// A tensor.
    pub fn tensor(&self, number: usize) -> Option<&Tensor> {
        self.tensors.get(number)
    }

    /// Runs to the end and gives the value left.
    pub fn run(&mut self) -> Result<Value> {
        loop {
            let code = self.byte()?;
            if code == b'.' {
                return self.pop();
            }
            self.step(code)?;
        }
    }

    fn step(&mut self, code: u8) -> Result<()> {
        match code {
            // protocol, frame: lengths that say nothing new
            0x80 => drop(self.byte()?),
            0x95 => drop(self.take(8)?),
            // None, True, False
            b'N' => self.push(Value::Other)?,
            0x88 => self.push(Value::Int(1))?,
            0x89 => self.push(Value::Int(0))?,
            // integers of 4, 1, 2 bytes, of a counted number of bytes
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.push(Value::Int(i64::from(value)))?;
            }
            b'K' => {
                let value = self.byte()?;
                self.push(Value::Int(i64::from(value)))?;
            }
            b'M' => {
                let value = u16::from_le_bytes(self.array()?);
                self.push(Value::Int(i64::from(value)))?;
            }
            0x8a => {
                let length = usize::from(self.byte()?);
                let value = long(self.take(length)?).ok_or_else(|| self.fault("a number of over 64 bits"))?;
                self.push(Value::Int(value))?;
            }
            // float, byte strings
            b'G' => {
                self.take(8)?;
                self.push(Value::Other)?;
            }
            b'C' => {
                let length = usize::from(self.byte()?);
                self.take(length)?;
                self.push(Value::Other)?;
            }
            b'B' => {
                let length = self.length4()?;
                self.take(length)?;
                self.push(Value::Other)?;
            }
            // text with a length of 4, 1, 8 bytes; old byte strings that are text
            b'X' | b'T' => {
                let length = self.length4()?;
                self.text(length)?;
            }
            0x8c | b'U' => {
                let length = usize::from(self.byte()?);
                self.text(length)?;
            }
            0x8d => {
                let length = u64::from_le_bytes(self.array()?);
                self.text(usize::try_from(length).unwrap_or(usize::MAX))?;
            }
            // containers
            b'(' => {
                self.count(1)?;
                self.marks.push(self.stack.len());
            }
            b')' | b']' => self.new_tuple(Vec::new())?,
            b'}' => self.new_dict()?,
            b't' | b'l' => {
                let members = self.pop_to_mark()?;
                self.new_tuple(members)?;
            }
            0x85..=0x87 => {
                let first = self.stack.len().checked_sub(usize::from(code - 0x84));
                let first = first.ok_or_else(|| self.fault("the stack is empty"))?;
                let members = self.stack.split_off(first);
                self.new_tuple(members)?;
            }
            b'a' => {
                let member = self.pop()?;
                self.append(vec![member])?;
            }
            b'e' => {
                let members = self.pop_to_mark()?;
                self.append(members)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(vec![key, value])?;
            }
            b'u' => {
                let pairs = self.pop_to_mark()?;
                self.set(pairs)?;
            }
            b'0' => drop(self.pop()?),
            // the memo
            b'q' => {
                let slot = usize::from(self.byte()?);
                self.remember(slot)?;
            }
            b'r' => {
                let slot = self.length4()?;
                self.remember(slot)?;
            }
            0x94 => self.remember(self.memo.len())?,
            b'h' => {
                let slot = usize::from(self.byte()?);
                self.recall(slot)?;
            }
            b'j' => {
                let slot = self.length4()?;
                self.recall(slot)?;
            }
            // names, persistent ids, calls
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name)?;
            }
            0x93 => match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => self.global(&module, &name)?,
                _ => return Err(self.fault("a name that is not text")),
            },
            b'Q' => self.persistent()?,
            b'R' => self.call()?,
            b'b' => {
                // the state of an ordered dict holds versions of modules; there is nothing in it for us
                let _state = self.pop()?;
                if !matches!(self.stack.last(), Some(Value::Dict(_) | Value::Tensor(_))) {
                    return Err(self.fault("the state of something that is not a dict"));
                }
            }
            other => {
                return Err(self.refused(format!("instruction 0x{other:02x}, which no state dict needs")));
            }
        }
        Ok(())
    }

    fn global(&mut self, module: &str, name: &str) -> Result<()> {
        let full = format!("{module}.{name}");
        let known = matches!(
            full.as_str(),
            "collections.OrderedDict" | "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_parameter"
        );
        if !known && element_of(&full).is_none() {
            return Err(self.refused(format!("the name {full}, which would have to be executed")));
        }
        self.push(Value::Global(full.into()))
    }

    /// `('storage', class, key, location, elements)` on the stack becomes a storage.
    fn persistent(&mut self) -> Result<()> {
        let Value::Tuple(id) = self.pop()? else {
            return Err(self.fault("a persistent id that is not a tuple"));
        };
        let [Value::Text(kind), Value::Global(class), Value::Text(key), ..] = self.tuple(id) else {
            return Err(self.fault("a persistent id of another form"));
        };
        let (kind, class, key) = (kind.clone(), class.clone(), key.clone());
        match element_of(&class).filter(|_| &*kind == "storage") {
            Some(element) => self.push(Value::Storage(element, key)),
            None => Err(self.refused(format!("a storage of {class}"))),
        }
    }

    fn call(&mut self) -> Result<()> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let (Value::Tuple(arguments), Value::Global(callee)) = (arguments, callee) else {
            return Err(self.fault("a call of something that is not a name"));
        };
        match &*callee {
            "collections.OrderedDict" => self.new_dict(),
            "torch._utils._rebuild_parameter" => match self.tuple(arguments).first() {
                Some(Value::Tensor(tensor)) => self.push(Value::Tensor(*tensor)),
                _ => Err(self.fault("a parameter without a tensor")),
            },
            "torch._utils._rebuild_tensor_v2" => {
                let [
                    Value::Storage(element, storage),
                    Value::Int(offset),
                    Value::Tuple(shape),
                    Value::Tuple(strides),
                    ..,
                ] = self.tuple(arguments)
                else {
                    return Err(self.fault("a tensor of another form"));
                };
                let tensor = Tensor {
                    element: *element,
                    storage: storage.clone(),
                    offset: u64::try_from(*offset).map_err(|_| self.fault("a negative offset"))?,
                    shape: self.sizes(*shape)?,
                    strides: self.sizes(*strides)?,
                };
                if tensor.shape.len() != tensor.strides.len() {
                    return Err(self.fault("a tensor with more or fewer strides than sizes"));
                }
                self.count(1 + tensor.shape.len() / 2)?;
                self.tensors.push(tensor);
                self.push(Value::Tensor(self.tensors.len() - 1))
            }
            other => Err(self.refused(format!("a call of {other}"))),
        }
    }

    fn sizes(&self, tuple: usize) -> Result<Vec<usize>> {
        let members = self.tuple(tuple);
        if members.len() > 64 {
            return Err(self.fault("a tensor of over 64 dimensions"));
        }
        members
            .iter()
            .map(|member| match member {
                Value::Int(size) => usize::try_from(*size).map_err(|_| self.fault("a negative size")),
                _ => Err(self.fault("a size that is not a number")),
            })
            .collect()
    }

    fn push(&mut self, value: Value) -> Result<()> {
        self.count(1)?;
        self.stack.push(value);
        Ok(())
    }

    /// Takes note of new values; a pickle that makes more than any state dict is refused.
    fn count(&mut self, more: usize) -> Result<()> {
        self.values += more;
        if self.values > MOST_VALUES {
            return Err(Fault::new(FaultKind::TooLarge, self.path, "it makes over a million values")
                .at(format!("data.pkl, byte {}", self.at))
                .remedy(EXPORT));
        }
        Ok(())
    }

    fn pop(&mut self) -> Result<Value> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len() > floor {
            true => self.stack.pop().ok_or_else(|| self.fault("the stack is empty")),
            false => Err(self.fault("the stack is empty")),
        }
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value>> {
        let mark = self.marks.pop().ok_or_else(|| self.fault("a mark is missing"))?;
        if mark > self.stack.len() {
            return Err(self.fault("a mark above the stack"));
        }
        Ok(self.stack.split_off(mark))
    }

    fn new_tuple(&mut self, members: Vec<Value>) -> Result<()> {
        self.tuples.push(members);
        self.push(Value::Tuple(self.tuples.len() - 1))
    }

    fn new_dict(&mut self) -> Result<()> {
        self.dicts.push(Vec::new());
        self.push(Value::Dict(self.dicts.len() - 1))
    }

    fn append(&mut self, members: Vec<Value>) -> Result<()> {
        match self.stack.last() {
            Some(Value::Tuple(list)) => {
                let list = *list;
                if let Some(list) = self.tuples.get_mut(list) {
                    list.extend(members);
                }
                Ok(())
            }
            _ => Err(self.fault("members for something that is not a list")),
        }
    }

    fn set(&mut self, pairs: Vec<Value>) -> Result<()> {
        match self.stack.last() {
            Some(Value::Dict(dict)) if pairs.len().is_multiple_of(2) => {
                let dict = *dict;
                if let Some(dict) = self.dicts.get_mut(dict) {
                    let (pairs, _) = pairs.as_chunks::<2>();
                    dict.extend(pairs.iter().map(|[key, value]| (key.clone(), value.clone())));
                }
                Ok(())
            }
            _ => Err(self.fault("pairs for something that is not a dict")),
        }
    }

    fn remember(&mut self, slot: usize) -> Result<()> {
        let value = self.stack.last().cloned().ok_or_else(|| self.fault("the stack is empty"))?;
        // writers number the memo from 0 without gaps
        if slot < self.memo.len() {
            self.memo[slot] = value;
        } else if slot == self.memo.len() {
            self.count(1)?;
            self.memo.push(value);
        } else {
            return Err(self.fault("a memo with gaps"));
        }
        Ok(())
    }

    fn recall(&mut self, slot: usize) -> Result<()> {
        let value =
            self.memo.get(slot).cloned().ok_or_else(|| self.fault("a memo that was never written"))?;
        self.push(value)
    }

    fn byte(&mut self) -> Result<u8> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.take(N)?;
        Ok(bytes.first_chunk().copied().unwrap_or([0; N]))
    }

    fn length4(&mut self) -> Result<usize> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length);
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(bytes) => {
                self.at += length;
                Ok(bytes)
            }
            None => Err(self.fault("it ends too early")),
        }
    }

    fn text(&mut self, length: usize) -> Result<()> {
        let bytes = self.take(length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.fault("text that is not UTF-8"))?;
        self.push(Value::Text(text.into()))
    }

    fn line(&mut self) -> Result<String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().take(256).position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| self.fault("a name without an end"))?;
        let line = self.take(end)?;
        self.at += 1;
        std::str::from_utf8(line).map(str::to_owned).map_err(|_| self.fault("a name that is not UTF-8"))
    }

    fn fault(&self, what: &str) -> Fault {
        Fault::new(FaultKind::Malformed, self.path, what)
            .at(format!("data.pkl, byte {}", self.at))
            .remedy(format!("download the file again, or {EXPORT}"))
    }

    fn refused(&self, what: String) -> Fault {
        Fault::new(FaultKind::Unsupported, self.path, format!("it holds {what}"))
            .at(format!("data.pkl, byte {}", self.at))
            .remedy(EXPORT)
    }
}

/// A little-endian two's complement number.
fn long(bytes: &[u8]) -> Option<i64> {
    if bytes.len() > 8 {
        return None;
    }
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut all = [if negative { 0xff } else { 0 }; 8];
    for (slot, byte) in all.iter_mut().zip(bytes) {
        *slot = *byte;
    }
    Some(i64::from_le_bytes(all))
}
