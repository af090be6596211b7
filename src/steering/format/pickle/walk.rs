//! The walker: opcodes of protocol 2 and what protocols 3 to 5 add for plain data.

use std::rc::Rc;

use super::super::super::error::VectorError;
use super::super::error::FormatError;
use super::globals::{self, Global};
use super::stack::{DEEPEST, Done, Walker};
use super::{Node, Pickle};

const MOST_OPCODES: usize = 1_000_000;
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

impl Walker<'_> {
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
}
