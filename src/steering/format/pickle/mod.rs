//! Pickles without Python: a walker over the opcodes that builds plain values of a closed set. Nothing
//! is imported, called or instantiated.

mod calls;
mod globals;
mod numpy;
mod stack;
mod walk;

use super::array::Number;

/// Index of a value. Values refer to each other by index, so that a stream which repeats one value a
/// million times costs a million indices.
pub(super) type Id = usize;

/// A plain value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Bytes(Vec<u8>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Tuple(Vec<Id>),
    /// A `PyTorch` tensor: its numbers lie in another entry of the archive.
    Tensor(TensorRef),
    /// A numpy array.
    Array(NdArray),
    /// An object of a known class: the state that `BUILD` gave it.
    Record {
        class: &'static str,
        state: Option<Id>,
    },
    /// An allowed global, not yet applied to anything.
    Global(globals::Global),
    /// A numpy dtype.
    Dtype {
        descr: String,
        big: bool,
    },
    /// A `PyTorch` storage: number type, key of its entry, number of values.
    Storage {
        number: Number,
        key: String,
        numel: usize,
    },
}

/// A view of a storage.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TensorRef {
    pub(super) number: Number,
    pub(super) key: String,
    /// Values in the storage.
    pub(super) numel: usize,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) stride: Vec<usize>,
}

/// A numpy array as pickled; without a dtype while it is being built.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct NdArray {
    pub(super) shape: Vec<usize>,
    pub(super) descr: String,
    pub(super) big: bool,
    pub(super) fortran: bool,
    /// Its bytes; `None` while it is being built.
    pub(super) data: Option<Id>,
}

/// All values of a stream and the one it ends with.
#[derive(Debug)]
pub(super) struct Pickle {
    nodes: Vec<Node>,
    root: Id,
}

pub(super) use globals::{IBM, REPENG, STEERING_VECTORS};
pub(super) use walk::read;

impl Pickle {
    pub(super) fn root(&self) -> &Node {
        self.node(self.root)
    }

    pub(super) fn node(&self, id: Id) -> &Node {
        self.nodes.get(id).unwrap_or(&Node::None)
    }

    /// Entries of a dictionary in file order; keys as text, integers included.
    pub(super) fn entries<'a>(
        &'a self,
        node: &'a Node,
    ) -> impl Iterator<Item = (String, &'a Node)> + 'a {
        let entries = match node {
            Node::Dict(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().filter_map(|(key, value)| {
            let key = match self.node(*key) {
                Node::Str(text) => text.clone(),
                Node::Int(n) => n.to_string(),
                _ => return None,
            };
            Some((key, self.node(*value)))
        })
    }

    /// A value of a dictionary.
    pub(super) fn get<'a>(&'a self, node: &'a Node, key: &str) -> Option<&'a Node> {
        self.entries(node).find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// Text of a dictionary's value.
    pub(super) fn text<'a>(&'a self, node: &'a Node, key: &str) -> Option<&'a str> {
        match self.get(node, key) {
            Some(Node::Str(text)) => Some(text),
            _ => None,
        }
    }
}
