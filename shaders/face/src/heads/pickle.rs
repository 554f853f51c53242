//! The part of the pickle machine that an array file with a dict of numpy arrays needs; nothing is ever executed.
//!
//! Definition: Python's `Lib/pickletools.py`, protocols 2 to 5. Names (`numpy.dtype`, `numpy.ndarray`, ...) become inert
//! markers, a call becomes a record of its arguments and a state, and any name that numpy arrays do not need is refused.
//! Values live in arenas and are named by number and bytes are ranges of the file, so a pickle that refers to itself
//! neither leaks nor recurses, and a memo that doubles itself costs nothing.

use std::borrow::Cow;

/// Most values made by one pickle.
const MOST_VALUES: usize = 1 << 21;

/// A value on the stack; numbers point into the arenas of [`Machine`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value {
    /// None or a float.
    Other,
    /// A whole number; a bool is 0 or 1.
    Int(i64),
    /// Text or bytes: a number of [`Machine::bytes`].
    Bytes(usize),
    /// A tuple or a list: a number of [`Machine::list`].
    List(usize),
    /// A number of [`Machine::dict`].
    Dict(usize),
    /// `module.name`: a number of the known names.
    Global(Known),
    /// A call that was not made: a number of [`Machine::call`].
    Call(usize),
}

/// Names that array files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Makes an empty array, filled by its state.
    Reconstruct,
    /// The array class, an argument of the above.
    NdArray,
    /// An element type.
    Dtype,
    /// A number with a type.
    Scalar,
    /// An array in one go (protocol 5).
    FromBuffer,
    /// Bytes as latin-1 text (protocol 2).
    Encode,
}

/// A call that was recorded and not made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// What would be called.
    pub callee: Known,
    /// Its arguments, a number of [`Machine::list`].
    pub arguments: usize,
    /// The state given afterwards.
    pub state: Option<Value>,
}

/// The interpreter and what it has made.
pub(crate) struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: Vec<Value>,
    blobs: Vec<Cow<'a, [u8]>>,
    lists: Vec<Vec<Value>>,
    dicts: Vec<Vec<(Value, Value)>>,
    calls: Vec<Call>,
    values: usize,
    encoded: usize,
}

/// What went wrong, and where (a byte of the pickle).
pub(crate) type Step<T> = Result<T, String>;

impl<'a> Machine<'a> {
    /// A machine about to run `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Vec::new(),
            blobs: Vec::new(),
            lists: Vec::new(),
            dicts: Vec::new(),
            calls: Vec::new(),
            values: 0,
            encoded: 0,
        }
    }

    /// Text or bytes.
    pub fn bytes(&self, number: usize) -> &[u8] {
        self.blobs.get(number).map_or(&[], |b| b)
    }

    /// Text of a value, if it is text.
    pub fn text(&self, value: Value) -> Option<&str> {
        match value {
            Value::Bytes(b) => std::str::from_utf8(self.bytes(b)).ok(),
            _ => None,
        }
    }

    /// The members of a tuple or list.
    pub fn list(&self, number: usize) -> &[Value] {
        self.lists.get(number).map_or(&[], Vec::as_slice)
    }

    /// The pairs of a dict in the order they were set.
    pub fn dict(&self, number: usize) -> &[(Value, Value)] {
        self.dicts.get(number).map_or(&[], Vec::as_slice)
    }

    /// A recorded call.
    pub fn call(&self, number: usize) -> Option<Call> {
        self.calls.get(number).copied()
    }

    /// Runs to the end and gives the value left.
    pub fn run(&mut self) -> Step<Value> {
        loop {
            let code = self.byte()?;
            if code == b'.' {
                return self.pop();
            }
            self.step(code)?;
        }
    }

    fn step(&mut self, code: u8) -> Step<()> {
        match code {
            // protocol, frame: lengths that say nothing new
            0x80 => drop(self.byte()?),
            0x95 => drop(self.take(8)?),
            b'N' => self.push(Value::Other)?,
            0x88 => self.push(Value::Int(1))?,
            0x89 => self.push(Value::Int(0))?,
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
                let bytes = self.take(length)?;
                if length > 8 {
                    return Err(self.fault("a number of over 64 bits"));
                }
                let mut all = [if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 }; 8];
                all[..length].copy_from_slice(bytes);
                self.push(Value::Int(i64::from_le_bytes(all)))?;
            }
            b'G' => {
                self.take(8)?;
                self.push(Value::Other)?;
            }
            // bytes and text with a length of 1, 4, 8 bytes
            b'C' | b'U' | 0x8c => {
                let length = usize::from(self.byte()?);
                self.blob(length)?;
            }
            b'B' | b'T' | b'X' => {
                let length = u32::from_le_bytes(self.array()?) as usize;
                self.blob(length)?;
            }
            0x8d | 0x8e | 0x96 => {
                let length = u64::from_le_bytes(self.array()?);
                self.blob(usize::try_from(length).unwrap_or(usize::MAX))?;
            }
            b'(' => {
                self.count(1)?;
                self.marks.push(self.stack.len());
            }
            b')' | b']' => self.new_list(Vec::new())?,
            b'}' => {
                self.dicts.push(Vec::new());
                self.push(Value::Dict(self.dicts.len() - 1))?;
            }
            b't' | b'l' => {
                let members = self.pop_to_mark()?;
                self.new_list(members)?;
            }
            0x85..=0x87 => {
                let floor = self.marks.last().copied().unwrap_or(0);
                let first = self.stack.len().checked_sub(usize::from(code - 0x84));
                let first = first.filter(|f| *f >= floor).ok_or_else(|| self.fault("the stack is empty"))?;
                let members = self.stack.split_off(first);
                self.new_list(members)?;
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
            b'q' => {
                let slot = usize::from(self.byte()?);
                self.remember(slot)?;
            }
            b'r' => {
                let slot = u32::from_le_bytes(self.array()?) as usize;
                self.remember(slot)?;
            }
            0x94 => self.remember(self.memo.len())?,
            b'h' => {
                let slot = usize::from(self.byte()?);
                self.recall(slot)?;
            }
            b'j' => {
                let slot = u32::from_le_bytes(self.array()?) as usize;
                self.recall(slot)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&format!("{module}.{name}"))?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let full = match (self.text(module), self.text(name)) {
                    (Some(module), Some(name)) => format!("{module}.{name}"),
                    _ => return Err(self.fault("a name that is not text")),
                };
                self.global(&full)?;
            }
            b'R' => self.reduce()?,
            b'b' => {
                let state = self.pop()?;
                match self.stack.last() {
                    Some(Value::Call(call)) => {
                        let call = *call;
                        if let Some(call) = self.calls.get_mut(call) {
                            call.state = Some(state);
                        }
                    }
                    _ => return Err(self.fault("the state of something that is not an array")),
                }
            }
            other => {
                return Err(self.fault(&format!("instruction 0x{other:02x}, which no array needs")));
            }
        }
        Ok(())
    }

    fn global(&mut self, full: &str) -> Step<()> {
        let known = match full {
            "numpy.core.multiarray._reconstruct" | "numpy._core.multiarray._reconstruct" => {
                Known::Reconstruct
            }
            "numpy.ndarray" => Known::NdArray,
            "numpy.dtype" => Known::Dtype,
            "numpy.core.multiarray.scalar" | "numpy._core.multiarray.scalar" => Known::Scalar,
            "numpy.core.numeric._frombuffer" | "numpy._core.numeric._frombuffer" => Known::FromBuffer,
            "_codecs.encode" => Known::Encode,
            other => {
                let shown: String = other.chars().take(80).filter(|c| !c.is_control()).collect();
                return Err(self.fault(&format!("the name {shown}, which would have to be executed")));
            }
        };
        self.push(Value::Global(known))
    }

    fn reduce(&mut self) -> Step<()> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let (Value::List(arguments), Value::Global(callee)) = (arguments, callee) else {
            return Err(self.fault("a call of something that is not a name"));
        };
        if callee == Known::Encode {
            let Some(Value::Bytes(text)) = self.list(arguments).first().copied() else {
                return Err(self.fault("an encoding of something that is not text"));
            };
            let bytes: Option<Vec<u8>> = std::str::from_utf8(self.bytes(text))
                .ok()
                .and_then(|t| t.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect());
            let bytes = bytes.ok_or_else(|| self.fault("bytes that are not latin-1"))?;
            // one text encoded again and again would multiply it
            self.encoded += bytes.len();
            if self.encoded > self.bytes.len() {
                return Err(self.fault("more bytes made of text than the file has"));
            }
            self.blobs.push(Cow::Owned(bytes));
            return self.push(Value::Bytes(self.blobs.len() - 1));
        }
        self.calls.push(Call { callee, arguments, state: None });
        self.push(Value::Call(self.calls.len() - 1))
    }

    fn blob(&mut self, length: usize) -> Step<()> {
        let bytes = self.take(length)?;
        self.blobs.push(Cow::Borrowed(bytes));
        self.push(Value::Bytes(self.blobs.len() - 1))
    }

    fn push(&mut self, value: Value) -> Step<()> {
        self.count(1)?;
        self.stack.push(value);
        Ok(())
    }

    /// Takes note of new values; a pickle that makes more than any head is refused.
    fn count(&mut self, more: usize) -> Step<()> {
        self.values = self.values.saturating_add(more);
        if self.values > MOST_VALUES {
            return Err(self.fault(&format!("more than the {MOST_VALUES} values a head may have")));
        }
        Ok(())
    }

    fn pop(&mut self) -> Step<Value> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len() > floor {
            true => self.stack.pop().ok_or_else(|| self.fault("the stack is empty")),
            false => Err(self.fault("the stack is empty")),
        }
    }

    fn pop_to_mark(&mut self) -> Step<Vec<Value>> {
        let mark = self.marks.pop().ok_or_else(|| self.fault("a mark is missing"))?;
        if mark > self.stack.len() {
            return Err(self.fault("a mark above the stack"));
        }
        Ok(self.stack.split_off(mark))
    }

    fn new_list(&mut self, members: Vec<Value>) -> Step<()> {
        self.lists.push(members);
        self.push(Value::List(self.lists.len() - 1))
    }

    fn append(&mut self, members: Vec<Value>) -> Step<()> {
        match self.stack.last() {
            Some(Value::List(list)) => {
                let list = *list;
                if let Some(list) = self.lists.get_mut(list) {
                    list.extend(members);
                }
                Ok(())
            }
            _ => Err(self.fault("members for something that is not a list")),
        }
    }

    fn set(&mut self, pairs: Vec<Value>) -> Step<()> {
        match self.stack.last() {
            Some(Value::Dict(dict)) if pairs.len().is_multiple_of(2) => {
                let dict = *dict;
                if let Some(dict) = self.dicts.get_mut(dict) {
                    dict.extend(pairs.chunks_exact(2).map(|pair| (pair[0], pair[1])));
                }
                Ok(())
            }
            _ => Err(self.fault("pairs for something that is not a dict")),
        }
    }

    fn remember(&mut self, slot: usize) -> Step<()> {
        let value = self.stack.last().copied().ok_or_else(|| self.fault("the stack is empty"))?;
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

    fn recall(&mut self, slot: usize) -> Step<()> {
        let value =
            self.memo.get(slot).copied().ok_or_else(|| self.fault("a memo that was never written"))?;
        self.push(value)
    }

    fn byte(&mut self) -> Step<u8> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        let bytes = self.take(N)?;
        Ok(bytes.first_chunk().copied().unwrap_or([0; N]))
    }

    fn take(&mut self, length: usize) -> Step<&'a [u8]> {
        let end = self.at.checked_add(length);
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(bytes) => {
                self.at += length;
                Ok(bytes)
            }
            None => Err(self.fault("it ends too early")),
        }
    }

    fn line(&mut self) -> Step<String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().take(256).position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| self.fault("a name without an end"))?;
        let line = self.take(end)?;
        self.at += 1;
        std::str::from_utf8(line).map(str::to_owned).map_err(|_| self.fault("a name that is not UTF-8"))
    }

    fn fault(&self, what: &str) -> String {
        format!("pickle, byte {}: {what}", self.at)
    }
}
