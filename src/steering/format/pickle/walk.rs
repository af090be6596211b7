//! The walker: opcodes of protocol 2 and what protocols 3 to 5 add for plain data.

use std::rc::Rc;

use super::super::super::error::VectorError;
use super::super::error::FormatError;
use super::globals::{self, Global};
use super::{Id, NdArray, Node, Pickle, TensorRef, numpy};

const MOST_OPCODES: usize = 1_000_000;
const DEEPEST: usize = 64;
const MOST_MEMOS: usize = 65_536;
/// Arguments of a call; none of the allowed ones takes as many.
const MOST_ARGUMENTS: usize = 16;
/// Length of a storage's key.
const LONGEST_KEY: usize = 64;
/// The number that a `PyTorch` file from before the zip container begins with.
const LEGACY: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Walks a stream to its end.
pub(in crate::steering::format) fn read(file: &str, bytes: &[u8]) -> Result<Pickle, VectorError> {
    let mut walker = Walker {
        file: Rc::from(file),
        bytes,
        at: 0,
        pickle: Pickle {
            nodes: Vec::new(),
            root: 0,
        },
        depths: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        encoded: 0,
    };
    for _ in 0..MOST_OPCODES {
        if walker.step()? {
            return Ok(walker.pickle);
        }
    }
    Err(walker.limit(format!("{MOST_OPCODES} opcodes")))
}

struct Walker<'a> {
    file: Rc<str>,
    bytes: &'a [u8],
    at: usize,
    pickle: Pickle,
    /// Nesting of each node.
    depths: Vec<u8>,
    stack: Vec<Id>,
    /// Heights of the stack at the open marks.
    marks: Vec<usize>,
    memo: Vec<Option<Id>>,
    /// Bytes of text encoded so far.
    encoded: usize,
}

type Done<T> = Result<T, VectorError>;

impl<'a> Walker<'a> {
    fn bad(&self, reason: impl Into<String>) -> VectorError {
        FormatError::PickleInvalid {
            file: self.file.to_string(),
            reason: format!("byte {}: {}", self.at, reason.into()),
        }
        .into()
    }

    fn limit(&self, what: impl Into<String>) -> VectorError {
        FormatError::PickleLimit {
            file: self.file.to_string(),
            what: what.into(),
        }
        .into()
    }

    fn take(&mut self, n: usize) -> Done<&'a [u8]> {
        let end = self.at.saturating_add(n);
        let taken = self.bytes.get(self.at..end);
        let truncated = || VectorError::Truncated {
            file: self.file.to_string(),
            expected: end as u64,
            got: self.bytes.len() as u64,
        };
        let taken = taken.ok_or_else(truncated)?;
        self.at = end;
        Ok(taken)
    }

    /// An unsigned number of `n` bytes.
    fn length(&mut self, n: usize) -> Done<usize> {
        let bytes = self.take(n)?;
        let value = bytes
            .iter()
            .rev()
            .fold(0u64, |v, b| (v << 8) | u64::from(*b));
        usize::try_from(value).map_err(|_| self.limit("a length"))
    }

    /// The bytes behind a length of `n` bytes.
    fn counted(&mut self, n: usize) -> Done<&'a [u8]> {
        let len = self.length(n)?;
        self.take(len)
    }

    /// Text up to a line feed.
    fn line(&mut self) -> Done<String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().take(512).position(|b| *b == b'\n');
        let end = end.ok_or_else(|| self.bad("a name without an end"))?;
        let line = self.take(end + 1)?;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Ok(String::from_utf8_lossy(line).into_owned())
    }

    fn depth(&self, id: Id) -> u8 {
        self.depths.get(id).copied().unwrap_or(0)
    }

    /// Adds a value and puts it on the stack.
    fn push(&mut self, node: Node) -> Done<()> {
        let inner = match &node {
            Node::List(ids) | Node::Tuple(ids) => ids.iter().map(|i| self.depth(*i) + 1).max(),
            Node::Dict(entries) => entries
                .iter()
                .map(|(k, v)| self.depth(*k).max(self.depth(*v)) + 1)
                .max(),
            Node::Record {
                state: Some(id), ..
            } => Some(self.depth(*id) + 1),
            _ => None,
        };
        let depth = inner.unwrap_or(0);
        if usize::from(depth) > DEEPEST {
            return Err(self.limit(format!("nesting of {DEEPEST}")));
        }
        self.pickle.nodes.push(node);
        self.depths.push(depth);
        self.stack.push(self.pickle.nodes.len() - 1);
        Ok(())
    }

    fn pop(&mut self) -> Done<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(self.bad("nothing is left to take"));
        }
        self.stack.pop().ok_or_else(|| self.bad("nothing is left"))
    }

    /// Everything above the last mark.
    fn pop_mark(&mut self) -> Done<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(|| self.bad("no mark"))?;
        if mark > self.stack.len() {
            return Err(self.bad("a mark above the stack"));
        }
        Ok(self.stack.split_off(mark))
    }

    fn top(&self) -> Done<Id> {
        let top = self.stack.last().copied();
        top.ok_or_else(|| self.bad("nothing is there"))
    }

    fn tuple(&mut self, n: usize) -> Done<()> {
        let mut ids = Vec::with_capacity(n);
        for _ in 0..n {
            ids.push(self.pop()?);
        }
        ids.reverse();
        self.push(Node::Tuple(ids))
    }

    fn extend(&mut self, list: Id, items: Vec<Id>) -> Done<()> {
        let depth = items.iter().map(|i| self.depth(*i) + 1).max().unwrap_or(0);
        self.deepen(list, depth)?;
        match self.pickle.nodes.get_mut(list) {
            Some(Node::List(ids)) => ids.extend(items),
            _ => return Err(self.bad("items for what is no list")),
        }
        Ok(())
    }

    fn set_items(&mut self, dict: Id, items: &[Id]) -> Done<()> {
        if !items.len().is_multiple_of(2) {
            return Err(self.bad("a key without a value"));
        }
        let depth = items.iter().map(|i| self.depth(*i) + 1).max().unwrap_or(0);
        self.deepen(dict, depth)?;
        let pairs = items.as_chunks::<2>().0.iter().map(|[k, v]| (*k, *v));
        match self.pickle.nodes.get_mut(dict) {
            Some(Node::Dict(entries)) => entries.extend(pairs),
            _ => return Err(self.bad("entries for what is no dictionary")),
        }
        Ok(())
    }

    fn deepen(&mut self, id: Id, depth: u8) -> Done<()> {
        if usize::from(depth) > DEEPEST {
            return Err(self.limit(format!("nesting of {DEEPEST}")));
        }
        if let Some(known) = self.depths.get_mut(id) {
            *known = depth.max(*known);
        }
        Ok(())
    }

    fn memoize(&mut self, at: usize) -> Done<()> {
        if at >= MOST_MEMOS {
            return Err(self.limit(format!("{MOST_MEMOS} memo entries")));
        }
        let top = self.top()?;
        if self.memo.len() <= at {
            self.memo.resize(at + 1, None);
        }
        if let Some(entry) = self.memo.get_mut(at) {
            *entry = Some(top);
        }
        Ok(())
    }

    fn recall(&mut self, at: usize) -> Done<()> {
        let id = self.memo.get(at).copied().flatten();
        let id = id.ok_or_else(|| self.bad("a memo entry that was never made"))?;
        self.stack.push(id);
        Ok(())
    }

    fn text(&mut self, bytes: &[u8]) -> Done<()> {
        let text = std::str::from_utf8(bytes).map_err(|_| self.bad("text that is not UTF-8"))?;
        self.push(Node::Str(text.to_owned()))
    }

    fn long(&mut self, n: usize) -> Done<()> {
        let bytes = self.counted(n)?;
        if bytes == LEGACY {
            let file = self.file.to_string();
            return Err(FormatError::TorchLegacy { file }.into());
        }
        if bytes.len() > 8 {
            return Err(self.limit("an integer of more than 64 bits"));
        }
        let sign = match bytes.last() {
            Some(b) if b & 0x80 != 0 => 0xff,
            _ => 0,
        };
        let mut word = [sign; 8];
        for (to, from) in word.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.push(Node::Int(i64::from_le_bytes(word)))
    }

    fn global(&mut self, module: &str, name: &str) -> Done<()> {
        if (module, name) == ("torch.storage", "_load_from_bytes") {
            let file = self.file.to_string();
            return Err(FormatError::TorchNested { file }.into());
        }
        match globals::find(module, name) {
            Some(global) => self.push(Node::Global(global)),
            None => Err(FormatError::PickleGlobal {
                file: self.file.to_string(),
                global: format!("{module}.{name}"),
            }
            .into()),
        }
    }

    /// One opcode; true at the end.
    fn step(&mut self) -> Done<bool> {
        let at = self.at;
        let opcode = self.take(1)?.first().copied().unwrap_or_default();
        match opcode {
            0x80 => {
                if self.length(1)? > 5 {
                    return Err(self.bad("a protocol above 5"));
                }
            }
            0x95 => {
                self.take(8)?;
            }
            b'.' => {
                self.pickle.root = self.pop()?;
                return Ok(true);
            }
            b'(' => {
                if self.marks.len() >= DEEPEST {
                    return Err(self.limit(format!("{DEEPEST} open marks")));
                }
                self.marks.push(self.stack.len());
            }
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'N' => self.push(Node::None)?,
            0x88 => self.push(Node::Bool(true))?,
            0x89 => self.push(Node::Bool(false))?,
            b'J' => {
                let n = self.length(4)? as u32 as i32;
                self.push(Node::Int(i64::from(n)))?;
            }
            b'K' => {
                let n = self.length(1)?;
                self.push(Node::Int(n as i64))?;
            }
            b'M' => {
                let n = self.length(2)?;
                self.push(Node::Int(n as i64))?;
            }
            0x8a => self.long(1)?,
            0x8b => self.long(4)?,
            b'G' => {
                let bits = self.take(8)?.first_chunk().copied().unwrap_or_default();
                self.push(Node::Float(f64::from_be_bytes(bits)))?;
            }
            b'X' => {
                let bytes = self.counted(4)?;
                self.text(bytes)?;
            }
            0x8c => {
                let bytes = self.counted(1)?;
                self.text(bytes)?;
            }
            0x8d => {
                let bytes = self.counted(8)?;
                self.text(bytes)?;
            }
            b'B' | b'T' => {
                let bytes = self.counted(4)?.to_vec();
                self.push(Node::Bytes(bytes))?;
            }
            b'C' | b'U' => {
                let bytes = self.counted(1)?.to_vec();
                self.push(Node::Bytes(bytes))?;
            }
            0x8e | 0x96 => {
                let bytes = self.counted(8)?.to_vec();
                self.push(Node::Bytes(bytes))?;
            }
            b']' => self.push(Node::List(Vec::new()))?,
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b')' => self.push(Node::Tuple(Vec::new()))?,
            b'l' => {
                let items = self.pop_mark()?;
                self.push(Node::List(items))?;
            }
            b't' => {
                let items = self.pop_mark()?;
                self.push(Node::Tuple(items))?;
            }
            b'a' => {
                let item = self.pop()?;
                let list = self.top()?;
                self.extend(list, vec![item])?;
            }
            b'e' => {
                let items = self.pop_mark()?;
                let list = self.top()?;
                self.extend(list, items)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                let dict = self.top()?;
                self.set_items(dict, &[key, value])?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                let dict = self.top()?;
                self.set_items(dict, &items)?;
            }
            0x85..=0x87 => self.tuple(usize::from(opcode - 0x84))?,
            b'q' => {
                let at = self.length(1)?;
                self.memoize(at)?;
            }
            b'r' => {
                let at = self.length(4)?;
                self.memoize(at)?;
            }
            0x94 => self.memoize(self.memo.len())?,
            b'h' => {
                let at = self.length(1)?;
                self.recall(at)?;
            }
            b'j' => {
                let at = self.length(4)?;
                self.recall(at)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let word = |id| match self.pickle.node(id) {
                    Node::Str(text) => Some(text.clone()),
                    _ => None,
                };
                let names = word(module).zip(word(name));
                let (module, name) = names.ok_or_else(|| self.bad("a name that is no text"))?;
                self.global(&module, &name)?;
            }
            b'R' => {
                let (args, call) = (self.pop()?, self.pop()?);
                let node = self.reduce(call, args)?;
                self.push(node)?;
            }
            0x81 => {
                let (_, class) = (self.pop()?, self.pop()?);
                let node = match self.pickle.node(class) {
                    Node::Global(Global::Class(class)) => Node::Record { class, state: None },
                    Node::Global(Global::Dict) => Node::Dict(Vec::new()),
                    _ => return Err(self.bad("an object of no known class")),
                };
                self.push(node)?;
            }
            b'b' => self.build()?,
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(id).ok_or_else(|| self.bad("no storage"))?;
                self.push(storage)?;
            }
            other => {
                return Err(FormatError::PickleOpcode {
                    file: self.file.to_string(),
                    opcode: format!("0x{other:02x}"),
                    at,
                }
                .into());
            }
        }
        Ok(false)
    }

    /// `('storage', class, key, device, number of values)`
    fn storage(&self, id: Id) -> Option<Node> {
        let Node::Tuple(ids) = self.pickle.node(id) else {
            return None;
        };
        let [_, class, key, _, numel] = ids.as_slice() else {
            return None;
        };
        match (
            self.pickle.node(*class),
            self.pickle.node(*key),
            self.pickle.node(*numel),
        ) {
            (Node::Global(Global::Storage(number)), Node::Str(key), Node::Int(n))
                if key.len() <= LONGEST_KEY =>
            {
                Some(Node::Storage {
                    number: *number,
                    key: key.clone(),
                    numel: usize::try_from(*n).ok()?,
                })
            }
            _ => None,
        }
    }

    /// `encode(text, 'latin1')`. One text may be encoded many times; all together get no longer than
    /// the stream.
    fn encoded(&mut self, args: &[Id]) -> Done<Option<Vec<u8>>> {
        let Some(Node::Str(text)) = args.first().map(|id| self.pickle.node(*id)) else {
            return Ok(None);
        };
        self.encoded = self.encoded.saturating_add(text.len());
        if self.encoded > self.bytes.len() {
            return Err(self.limit("text encoded again and again"));
        }
        let bytes = text.chars().map(|c| u8::try_from(u32::from(c)).ok());
        Ok(bytes.collect())
    }

    /// What applying an allowed name to its arguments stands for.
    fn reduce(&mut self, call: Id, args: Id) -> Done<Node> {
        let Node::Global(global) = *self.pickle.node(call) else {
            return Err(self.bad("a call of what is no known name"));
        };
        let args = match self.pickle.node(args) {
            Node::Tuple(args) if args.len() <= MOST_ARGUMENTS => args.clone(),
            _ => return Err(self.bad("arguments that are no tuple")),
        };
        let args = args.as_slice();
        if global == Global::Encode {
            let bytes = self.encoded(args)?.map(Node::Bytes);
            return bytes.ok_or_else(|| self.bad("arguments that do not fit"));
        }
        let pickle = &self.pickle;
        let node = match global {
            Global::RebuildTensor => self.tensor(args),
            Global::RebuildParameter => match args.first().map(|id| pickle.node(*id)) {
                Some(tensor @ Node::Tensor(_)) => Some(tensor.clone()),
                _ => None,
            },
            Global::RebuildFromType => match args {
                [_, _, inner, ..] => match pickle.node(*inner) {
                    Node::Tuple(inner) => self.tensor(inner),
                    _ => None,
                },
                _ => None,
            },
            Global::Dict => Some(Node::Dict(Vec::new())),
            Global::NumpyReconstruct => Some(Node::Array(NdArray::default())),
            Global::NumpyDtype => numpy::dtype(pickle, args),
            Global::NumpyScalar => numpy::scalar(pickle, args),
            Global::Class(class) => Some(Node::Record { class, state: None }),
            Global::Encode | Global::TensorClass | Global::Storage(_) | Global::NumpyArray => None,
        };
        node.ok_or_else(|| self.bad("arguments that do not fit"))
    }

    /// `_rebuild_tensor_v2(storage, offset, shape, stride, …)`
    fn tensor(&self, args: &[Id]) -> Option<Node> {
        let [storage, offset, shape, stride, ..] = args else {
            return None;
        };
        let pickle = &self.pickle;
        let Node::Storage { number, key, numel } = pickle.node(*storage) else {
            return None;
        };
        let (Node::Int(offset), Node::Tuple(shape), Node::Tuple(stride)) = (
            pickle.node(*offset),
            pickle.node(*shape),
            pickle.node(*stride),
        ) else {
            return None;
        };
        let (shape, stride) = (numpy::sizes(pickle, shape)?, numpy::sizes(pickle, stride)?);
        (shape.len() == stride.len()).then_some(())?;
        Some(Node::Tensor(TensorRef {
            number: *number,
            key: key.clone(),
            numel: *numel,
            offset: usize::try_from(*offset).ok()?,
            shape,
            stride,
        }))
    }

    /// Gives the object below the top its state.
    fn build(&mut self) -> Done<()> {
        let (state, object) = (self.pop()?, self.top()?);
        let pickle = &self.pickle;
        let fields = match pickle.node(state) {
            Node::Tuple(fields) => fields.as_slice(),
            _ => &[],
        };
        let built = match pickle.node(object) {
            Node::Record { class, .. } => Some(Node::Record {
                class,
                state: Some(state),
            }),
            Node::Array(_) => numpy::array_state(pickle, fields),
            Node::Dtype { descr, .. } => numpy::dtype_state(pickle, descr, fields),
            // Attributes of a dictionary or a tensor say nothing that is used.
            Node::Dict(_) | Node::Tensor(_) => return Ok(()),
            _ => None,
        };
        let built = built.ok_or_else(|| self.bad("a state that does not fit"))?;
        let depth = self.depth(state).saturating_add(1);
        self.deepen(object, depth)?;
        if let Some(node) = self.pickle.nodes.get_mut(object) {
            *node = built;
        }
        Ok(())
    }
}
