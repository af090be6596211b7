//! `PyTorch`'s zip container, and plain pickles of numpy arrays: the tensors that a pickle refers to.

use std::path::Path;

use super::super::error::VectorError;
use super::Context;
use super::array::{Array, count, within};
use super::error::FormatError;
use super::imported::VectorFormat;
use super::pickle::{self, NdArray, Node, Pickle, TensorRef};
use super::reading::Reading;
use super::source::Opened;
use super::zipped::Zipped;
use super::{npy, objects};

/// Longest `data.pkl`: it names tensors and holds none.
const MAX_PICKLE: u64 = 1 << 28;

/// Whether an archive is `PyTorch`'s: an entry `<root>/data.pkl`; its root.
pub(super) fn root(names: &[String]) -> Option<String> {
    let name = names
        .iter()
        .find(|n| n.as_str() == "data.pkl" || n.ends_with("/data.pkl"))?;
    Some(name.strip_suffix("data.pkl")?.to_owned())
}

/// Reads an archive.
pub(super) fn read(
    mut zip: Zipped,
    root: &str,
    context: &Context<'_>,
) -> Result<Reading, VectorError> {
    let invalid = |reason: String| FormatError::TorchInvalid {
        file: context.file.to_owned(),
        reason,
    };
    let order = format!("{root}byteorder");
    if zip.size(&order).is_some() {
        let order = zip.stored(&order, 64)?;
        if order != b"little" {
            return Err(invalid("its numbers are not in little-endian order".to_owned()).into());
        }
    }
    let stream = zip.stored(&format!("{root}data.pkl"), MAX_PICKLE)?;
    let pickle = pickle::read(context.file, &stream)?;
    let mut tensors = Tensors {
        zip: Some(zip),
        root: root.to_owned(),
        file: context.file.to_owned(),
        limit: context.options.max_tensor_bytes,
    };
    objects::read(&pickle, &mut tensors, VectorFormat::Torch, context)
}

/// Reads a plain pickle, which holds its arrays itself.
pub(super) fn read_pickle(bytes: &[u8], context: &Context<'_>) -> Result<Reading, VectorError> {
    let pickle = pickle::read(context.file, bytes)?;
    let mut tensors = Tensors {
        zip: None,
        root: String::new(),
        file: context.file.to_owned(),
        limit: context.options.max_tensor_bytes,
    };
    objects::read(&pickle, &mut tensors, VectorFormat::Pickle, context)
}

/// The one tensor that a file beside others holds, or the only one of a dictionary.
pub(super) fn bare(path: &Path, limit: u64) -> Result<Array, VectorError> {
    let (pickle, mut tensors) = open(path, limit)?;
    let root = pickle.root();
    if let Some(array) = tensors.array(&pickle, root)? {
        return Ok(array);
    }
    let mut found = Vec::new();
    for (_, node) in pickle.entries(root) {
        found.extend(tensors.array(&pickle, node)?);
        if found.len() > 1 {
            break;
        }
    }
    match found.pop() {
        Some(array) if found.is_empty() => Ok(array),
        _ => Err(tensors.invalid("it holds something else than one tensor".to_owned())),
    }
}

/// `dir` and, where it is given, `avg_proj` of vLLM-Hook.
pub(super) fn dir_and_average(
    path: &Path,
    context: &Context<'_>,
) -> Result<(Vec<f32>, Option<f32>), VectorError> {
    let (pickle, mut tensors) = open(path, context.options.max_tensor_bytes)?;
    let root = pickle.root();
    let mut array = |key: &str| match pickle.get(root, key) {
        Some(node) => tensors.array(&pickle, node),
        None => Ok(None),
    };
    let dir = array("dir")?;
    let average = match pickle.get(root, "avg_proj") {
        Some(Node::Float(value)) => Some(*value as f32),
        _ => array("avg_proj")?.and_then(|a| a.values.first().copied()),
    };
    let file = path.display().to_string();
    let dir = dir.ok_or_else(|| super::cards::no_tensor(&file, "'dir'"))?;
    Ok((dir.direction(&file, "dir")?, average))
}

fn open(path: &Path, limit: u64) -> Result<(Pickle, Tensors), VectorError> {
    let file = path.display().to_string();
    let mut zip = Zipped::open(Opened::path(path)?)?;
    let root = root(&zip.names()).ok_or_else(|| super::cards::no_tensor(&file, "data.pkl"))?;
    let stream = zip.stored(&format!("{root}data.pkl"), MAX_PICKLE)?;
    let pickle = pickle::read(&file, &stream)?;
    let zip = Some(zip);
    let tensors = Tensors {
        zip,
        root,
        file,
        limit,
    };
    Ok((pickle, tensors))
}

/// Shape of the tensor or array that a value stands for.
pub(super) fn shape_of(node: &Node) -> Option<&[usize]> {
    match node {
        Node::Tensor(tensor) => Some(&tensor.shape),
        Node::Array(array) => Some(&array.shape),
        _ => None,
    }
}

/// The numbers behind a pickle.
pub(super) struct Tensors {
    zip: Option<Zipped>,
    root: String,
    file: String,
    limit: u64,
}

impl Tensors {
    /// The array that a value stands for; `None` for values that are no arrays.
    pub(super) fn array(
        &mut self,
        pickle: &Pickle,
        node: &Node,
    ) -> Result<Option<Array>, VectorError> {
        match node {
            Node::Tensor(tensor) => self.tensor(tensor).map(Some),
            Node::Array(array) => self.numpy(pickle, array).map(Some),
            _ => Ok(None),
        }
    }

    /// Row (`axis` 0) or column (1) `index` of a matrix, without reading the rest of it.
    pub(super) fn line(
        &mut self,
        pickle: &Pickle,
        node: &Node,
        axis: usize,
        index: usize,
    ) -> Result<Option<Vec<f32>>, VectorError> {
        let Node::Tensor(tensor) = node else {
            // numpy's numbers lie in the stream itself.
            let array = self.array(pickle, node)?;
            return Ok(array.and_then(|a| match (a.shape.as_slice(), axis) {
                ([_, width], 0) => a
                    .values
                    .chunks_exact(*width)
                    .nth(index)
                    .map(<[f32]>::to_vec),
                ([_, width], _) => {
                    let column = a.values.iter().skip(index).step_by((*width).max(1));
                    (index < *width).then(|| column.copied().collect())
                }
                _ => None,
            }));
        };
        let (Some(&size), Some(&n)) = (tensor.shape.get(axis), tensor.shape.get(1 - axis.min(1)))
        else {
            return Ok(None);
        };
        if index >= size || tensor.shape.len() != 2 {
            return Ok(None);
        }
        let steps = tensor
            .stride
            .get(axis)
            .zip(tensor.stride.get(1 - axis.min(1)));
        let Some((across, along)) = steps.filter(|(_, along)| **along > 0) else {
            return Ok(None);
        };
        let entry = self.entry(tensor)?;
        let wide = tensor.number.size() as u64;
        within(&self.file, n as u64 * wide, self.limit)?;
        let from = tensor.offset as u64 + index as u64 * *across as u64;
        let Some(zip) = &mut self.zip else {
            return Ok(None);
        };
        let data = if *along == 1 {
            let whole = wide.saturating_mul(n as u64);
            zip.strided(&entry, from * wide, whole, whole, 1)?
        } else {
            zip.strided(&entry, from * wide, *along as u64 * wide, wide, n)?
        };
        Ok(Some(tensor.number.decode(&data, false)))
    }

    /// Refuses arrays that are too large together: entries of an archive may all show one storage.
    pub(super) fn together(&self, values: usize) -> Result<(), VectorError> {
        within(&self.file, 4 * values as u64, self.limit)
    }

    fn invalid(&self, reason: String) -> VectorError {
        let file = self.file.clone();
        FormatError::TorchInvalid { file, reason }.into()
    }

    fn tensor(&mut self, tensor: &TensorRef) -> Result<Array, VectorError> {
        let TensorRef {
            number,
            offset,
            shape,
            stride,
            ..
        } = tensor;
        let (n, bytes) = count(shape, number.size())
            .ok_or_else(|| self.invalid(format!("shape {shape:?} cannot be counted")))?;
        within(&self.file, bytes as u64, self.limit)?;
        let entry = self.entry(tensor)?;
        let Some(zip) = &mut self.zip else {
            let file = self.file.clone();
            return Err(FormatError::TorchNested { file }.into());
        };
        let data = zip.stored(&entry, self.limit)?;
        let storage = number.decode(&data, false);
        Ok(Array {
            shape: shape.clone(),
            number: *number,
            values: gather(&storage, *offset, shape, stride, n),
        })
    }

    /// The entry of a tensor's storage, which is as long as declared and holds the whole view.
    fn entry(&mut self, tensor: &TensorRef) -> Result<String, VectorError> {
        let TensorRef {
            number,
            key,
            numel,
            offset,
            shape,
            stride,
        } = tensor;
        let (n, _) = count(shape, number.size())
            .ok_or_else(|| self.invalid(format!("shape {shape:?} cannot be counted")))?;
        let last = shape
            .iter()
            .zip(stride)
            .try_fold(*offset, |at, (size, step)| {
                at.checked_add(size.saturating_sub(1).checked_mul(*step)?)
            });
        if n > *numel || last.is_none_or(|last| n > 0 && last >= *numel) {
            return Err(self.invalid(format!(
                "a tensor of shape {shape:?} goes beyond its storage of {numel} values"
            )));
        }
        let Some(zip) = &mut self.zip else {
            let file = self.file.clone();
            return Err(FormatError::TorchNested { file }.into());
        };
        let entry = format!("{}data/{key}", self.root);
        let declared = numel.saturating_mul(number.size()) as u64;
        match zip.size(&entry) {
            None => Err(self.invalid(format!("entry {entry} is missing"))),
            Some(got) if got != declared => Err(VectorError::Truncated {
                file: self.file.clone(),
                expected: declared,
                got,
            }),
            Some(_) => Ok(entry),
        }
    }

    fn numpy(&self, pickle: &Pickle, array: &NdArray) -> Result<Array, VectorError> {
        let (number, _) = npy::number(&self.file, &array.descr)?;
        let data = match array.data.map(|id| pickle.node(id)) {
            Some(Node::Bytes(data)) => data.as_slice(),
            _ => return Err(self.invalid("an array without numbers".to_owned())),
        };
        let header = npy::Header {
            number,
            big: array.big,
            fortran: array.fortran,
            shape: array.shape.clone(),
            start: 0,
        };
        npy::array(&self.file, header, data, self.limit)
    }
}

/// Values of a view, row-major, whatever its strides.
fn gather(storage: &[f32], offset: usize, shape: &[usize], stride: &[usize], n: usize) -> Vec<f32> {
    let mut index = vec![0usize; shape.len()];
    let mut out = Vec::with_capacity(n);
    for _ in 0..n {
        let at = index
            .iter()
            .zip(stride)
            .fold(offset, |at, (i, step)| at + i * step);
        out.push(storage.get(at).copied().unwrap_or_default());
        for (i, size) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < *size {
                break;
            }
            *i = 0;
        }
    }
    out
}
