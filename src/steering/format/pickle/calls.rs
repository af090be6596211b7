//! What applying an allowed name, or giving an object its state, stands for. Nothing is called.

use super::globals::Global;
use super::stack::{Done, Walker};
use super::{Id, NdArray, Node, TensorRef, numpy};

/// Arguments of a call; none of the allowed ones takes as many.
const MOST_ARGUMENTS: usize = 16;
/// Length of a storage's key.
const LONGEST_KEY: usize = 64;

impl Walker<'_> {
    /// `('storage', class, key, device, number of values)`
    pub(super) fn storage(&self, id: Id) -> Option<Node> {
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
    pub(super) fn reduce(&mut self, call: Id, args: Id) -> Done<Node> {
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
            Global::NumpyFromBuffer => numpy::from_buffer(pickle, args),
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
    pub(super) fn build(&mut self) -> Done<()> {
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
