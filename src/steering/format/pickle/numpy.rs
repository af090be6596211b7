//! numpy's share of a pickle: dtypes, arrays, scalars.

use super::super::array::Number;
use super::{Id, NdArray, Node, Pickle};

/// Axes of an array.
const MOST_AXES: usize = 8;
/// Letters of a dtype.
const LONGEST_DTYPE: usize = 16;

/// `numpy.dtype('f4', align, copy)`
pub(super) fn dtype(pickle: &Pickle, args: &[Id]) -> Option<Node> {
    match pickle.node(*args.first()?) {
        Node::Str(descr) if descr.len() <= LONGEST_DTYPE => Some(Node::Dtype {
            descr: descr.clone(),
            big: false,
        }),
        _ => None,
    }
}

/// State of a dtype: `(version, byte order, …)`.
pub(super) fn dtype_state(pickle: &Pickle, descr: &str, state: &[Id]) -> Option<Node> {
    let order = match pickle.node(*state.get(1)?) {
        Node::Str(order) => order.as_str(),
        _ => return None,
    };
    Some(Node::Dtype {
        descr: descr.to_owned(),
        big: order == ">",
    })
}

/// `_frombuffer(bytes, dtype, shape, order)` of protocol 5, the bytes within the stream.
pub(super) fn from_buffer(pickle: &Pickle, args: &[Id]) -> Option<Node> {
    let [data, dtype, shape, order] = args else {
        return None;
    };
    let (Node::Bytes(_), Node::Dtype { descr, big }, Node::Tuple(shape), Node::Str(order)) = (
        pickle.node(*data),
        pickle.node(*dtype),
        pickle.node(*shape),
        pickle.node(*order),
    ) else {
        return None;
    };
    let fortran = match order.as_str() {
        "C" => false,
        "F" => true,
        _ => return None,
    };
    Some(Node::Array(NdArray {
        shape: sizes(pickle, shape)?,
        descr: descr.clone(),
        big: *big,
        fortran,
        data: Some(*data),
    }))
}

/// State of an array: `(version, shape, dtype, fortran order, bytes)`.
pub(super) fn array_state(pickle: &Pickle, state: &[Id]) -> Option<Node> {
    let [_, shape, dtype, fortran, data] = state else {
        return None;
    };
    let Node::Tuple(shape) = pickle.node(*shape) else {
        return None;
    };
    let shape = sizes(pickle, shape)?;
    let Node::Dtype { descr, big } = pickle.node(*dtype) else {
        return None;
    };
    // Objects come as a list; the dtype says so and is refused by it.
    matches!(pickle.node(*data), Node::Bytes(_) | Node::List(_)).then_some(())?;
    Some(Node::Array(NdArray {
        shape,
        descr: descr.clone(),
        big: *big,
        fortran: matches!(pickle.node(*fortran), Node::Bool(true) | Node::Int(1)),
        data: Some(*data),
    }))
}

/// `scalar(dtype, bytes)` as a number.
pub(super) fn scalar(pickle: &Pickle, args: &[Id]) -> Option<Node> {
    let (Node::Dtype { descr, big }, Node::Bytes(data)) =
        (pickle.node(*args.first()?), pickle.node(*args.get(1)?))
    else {
        return None;
    };
    let number = Number::from_numpy(descr)?;
    let value = number.decode(data, *big);
    Some(Node::Float(f64::from(*value.first()?)))
}

/// A tuple of sizes.
pub(super) fn sizes(pickle: &Pickle, ids: &[Id]) -> Option<Vec<usize>> {
    (ids.len() <= MOST_AXES).then_some(())?;
    ids.iter()
        .map(|id| match pickle.node(*id) {
            Node::Int(n) => usize::try_from(*n).ok(),
            _ => None,
        })
        .collect()
}
