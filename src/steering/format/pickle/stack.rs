//! The stack, memo and marks of the walker, each within its limit.

use std::rc::Rc;

use super::super::super::error::VectorError;
use super::super::error::FormatError;
use super::{Id, Node, Pickle};

pub(super) const DEEPEST: usize = 64;
const MOST_MEMOS: usize = 65_536;

pub(super) struct Walker<'a> {
    pub(super) file: Rc<str>,
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) pickle: Pickle,
    /// Nesting of each node.
    pub(super) depths: Vec<u8>,
    pub(super) stack: Vec<Id>,
    /// Heights of the stack at the open marks.
    pub(super) marks: Vec<usize>,
    pub(super) memo: Vec<Option<Id>>,
    /// Bytes of text encoded so far.
    pub(super) encoded: usize,
}

pub(super) type Done<T> = Result<T, VectorError>;

impl<'a> Walker<'a> {
    pub(super) fn bad(&self, reason: impl Into<String>) -> VectorError {
        FormatError::PickleInvalid {
            file: self.file.to_string(),
            reason: format!("byte {}: {}", self.at, reason.into()),
        }
        .into()
    }

    pub(super) fn limit(&self, what: impl Into<String>) -> VectorError {
        FormatError::PickleLimit {
            file: self.file.to_string(),
            what: what.into(),
        }
        .into()
    }

    pub(super) fn take(&mut self, n: usize) -> Done<&'a [u8]> {
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
    pub(super) fn length(&mut self, n: usize) -> Done<usize> {
        let bytes = self.take(n)?;
        let value = bytes
            .iter()
            .rev()
            .fold(0u64, |v, b| (v << 8) | u64::from(*b));
        usize::try_from(value).map_err(|_| self.limit("a length"))
    }

    /// The bytes behind a length of `n` bytes.
    pub(super) fn counted(&mut self, n: usize) -> Done<&'a [u8]> {
        let len = self.length(n)?;
        self.take(len)
    }

    /// Text up to a line feed.
    pub(super) fn line(&mut self) -> Done<String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().take(512).position(|b| *b == b'\n');
        let end = end.ok_or_else(|| self.bad("a name without an end"))?;
        let line = self.take(end + 1)?;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Ok(String::from_utf8_lossy(line).into_owned())
    }

    pub(super) fn depth(&self, id: Id) -> u8 {
        self.depths.get(id).copied().unwrap_or(0)
    }

    /// Adds a value and puts it on the stack.
    pub(super) fn push(&mut self, node: Node) -> Done<()> {
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

    pub(super) fn pop(&mut self) -> Done<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(self.bad("nothing is left to take"));
        }
        self.stack.pop().ok_or_else(|| self.bad("nothing is left"))
    }

    /// Everything above the last mark.
    pub(super) fn pop_mark(&mut self) -> Done<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(|| self.bad("no mark"))?;
        if mark > self.stack.len() {
            return Err(self.bad("a mark above the stack"));
        }
        Ok(self.stack.split_off(mark))
    }

    pub(super) fn top(&self) -> Done<Id> {
        let top = self.stack.last().copied();
        top.ok_or_else(|| self.bad("nothing is there"))
    }

    pub(super) fn tuple(&mut self, n: usize) -> Done<()> {
        let mut ids = Vec::with_capacity(n);
        for _ in 0..n {
            ids.push(self.pop()?);
        }
        ids.reverse();
        self.push(Node::Tuple(ids))
    }

    pub(super) fn extend(&mut self, list: Id, items: Vec<Id>) -> Done<()> {
        let depth = items.iter().map(|i| self.depth(*i) + 1).max().unwrap_or(0);
        self.deepen(list, depth)?;
        match self.pickle.nodes.get_mut(list) {
            Some(Node::List(ids)) => ids.extend(items),
            _ => return Err(self.bad("items for what is no list")),
        }
        Ok(())
    }

    pub(super) fn set_items(&mut self, dict: Id, items: &[Id]) -> Done<()> {
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

    pub(super) fn deepen(&mut self, id: Id, depth: u8) -> Done<()> {
        if usize::from(depth) > DEEPEST {
            return Err(self.limit(format!("nesting of {DEEPEST}")));
        }
        if let Some(known) = self.depths.get_mut(id) {
            *known = depth.max(*known);
        }
        Ok(())
    }

    pub(super) fn memoize(&mut self, at: usize) -> Done<()> {
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

    pub(super) fn recall(&mut self, at: usize) -> Done<()> {
        let id = self.memo.get(at).copied().flatten();
        let id = id.ok_or_else(|| self.bad("a memo entry that was never made"))?;
        self.stack.push(id);
        Ok(())
    }
}
