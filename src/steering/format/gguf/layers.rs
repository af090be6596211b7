//! Tensors `direction.N` and, of a basis, `direction.N.j`.

use std::collections::BTreeMap;

use super::super::super::error::VectorError;
use super::super::array::within;
use super::super::error::FormatError;
use super::super::options::ImportOptions;
use super::header::{Header, Tensor};
use crate::units::{BlockIndex, HookPoint};

/// Directions of a file: layer → vectors of its basis in order; bytes in file order for the hash.
#[derive(Debug)]
pub(super) struct Directions {
    pub(super) layers: BTreeMap<i64, Vec<Vec<f32>>>,
    /// Tensor bytes by name and by place in the file.
    pub(super) bytes: Vec<(String, Vec<u8>)>,
}

impl Directions {
    pub(super) fn rank(&self) -> usize {
        self.layers.values().map(Vec::len).max().unwrap_or(1)
    }
}

pub(super) fn directions(
    file: &str,
    bytes: &[u8],
    header: &Header,
    options: &ImportOptions,
) -> Result<Directions, VectorError> {
    let glp = header.keys("glp.").next().is_some();
    let mut found: BTreeMap<(i64, usize), Vec<f32>> = BTreeMap::new();
    let mut raw = Vec::new();
    for tensor in &header.tensors {
        let foreign = || FormatError::GgufForeign {
            file: file.to_owned(),
            name: tensor.name.clone(),
        };
        let (layer, j) = place(&tensor.name).ok_or_else(foreign)?;
        if j > 0 && !glp {
            return Err(foreign().into());
        }
        let data = data(file, bytes, header, tensor, options)?;
        if found.insert((layer, j), floats(data)).is_some() {
            return Err(FormatError::GgufDuplicate {
                file: file.to_owned(),
                name: tensor.name.clone(),
            }
            .into());
        }
        raw.push((tensor.name.clone(), data.to_vec()));
    }
    if found.is_empty() {
        return Err(VectorError::FormatUnknown {
            file: file.to_owned(),
            found: "a GGUF file without tensors".to_owned(),
        });
    }
    let mut layers: BTreeMap<i64, Vec<Vec<f32>>> = BTreeMap::new();
    for ((layer, j), values) in found {
        let rows = layers.entry(layer).or_default();
        if rows.len() != j {
            return Err(gap(file, layer, rows.len()));
        }
        rows.push(values);
    }
    let rank = layers.values().map(Vec::len).max().unwrap_or(1);
    if let Some((layer, rows)) = layers.iter().find(|(_, rows)| rows.len() != rank) {
        return Err(gap(file, *layer, rows.len()));
    }
    Ok(Directions { layers, bytes: raw })
}

fn gap(file: &str, layer: i64, j: usize) -> VectorError {
    let key = match j {
        0 => format!("direction.{layer}"),
        _ => format!("direction.{layer}.{j}"),
    };
    let file = file.to_owned();
    VectorError::BasisGap { file, key }
}

/// Layer and index within the basis. Only digits count: what other parsers make of the rest differs.
fn place(name: &str) -> Option<(i64, usize)> {
    let number = |s: &str| {
        let digits = !s.is_empty() && s.len() <= 9 && s.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| s.parse::<usize>().ok()).flatten()
    };
    let rest = name.strip_prefix("direction.")?;
    let (layer, j) = match rest.split_once('.') {
        None => (number(rest)?, 0),
        Some((layer, j)) => (number(layer)?, number(j).filter(|j| *j > 0)?),
    };
    Some((layer as i64, j))
}

fn data<'a>(
    file: &str,
    bytes: &'a [u8],
    header: &Header,
    tensor: &Tensor,
    options: &ImportOptions,
) -> Result<&'a [u8], VectorError> {
    if tensor.kind != 0 {
        return Err(FormatError::GgufDtype {
            file: file.to_owned(),
            name: tensor.name.clone(),
            dtype: match tensor.kind {
                1 => "F16".to_owned(),
                30 => "BF16".to_owned(),
                other => format!("GGUF type {other}"),
            },
        }
        .into());
    }
    let [d @ 1..=u64::MAX] = tensor.shape.as_slice() else {
        return Err(VectorError::Shape {
            file: file.to_owned(),
            key: tensor.name.clone(),
            shape: tensor.shape.iter().map(|n| *n as usize).collect(),
        });
    };
    let n = d.saturating_mul(4);
    within(file, n, options.max_tensor_bytes)?;
    let range = header.place(file, tensor, n, bytes.len())?;
    Ok(bytes.get(range).unwrap_or_default())
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let words = bytes.as_chunks::<4>().0;
    words.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// The basis of every layer joined to `(rank, d)`, widths checked.
pub(super) fn joined(
    file: &str,
    layers: BTreeMap<i64, Vec<Vec<f32>>>,
) -> Result<Vec<(i64, Vec<f32>)>, VectorError> {
    let width = layers.values().flatten().next().map_or(0, Vec::len);
    if let Some(other) = layers.values().flatten().find(|v| v.len() != width) {
        return Err(VectorError::MixedWidths {
            file: file.to_owned(),
            a: width,
            b: other.len(),
        });
    }
    Ok(layers
        .into_iter()
        .map(|(layer, rows)| (layer, rows.concat()))
        .collect())
}

/// Whether the rows of every layer are orthonormal, as a declared basis has to be.
pub(super) fn check_basis(
    file: &str,
    layers: &[(i64, Vec<f32>)],
    rank: usize,
) -> Result<(), VectorError> {
    for (layer, values) in layers {
        let width = (values.len() / rank.max(1)).max(1);
        if !super::super::super::apply::is_orthonormal(values, width, 1e-3) {
            return Err(VectorError::Basis {
                file: file.to_owned(),
                block: BlockIndex(usize::try_from(*layer).unwrap_or_default()),
            });
        }
    }
    Ok(())
}

/// The point of a block that `glp.hook_point` and `glp.derived_at` name.
pub(super) fn point(name: &str) -> Option<HookPoint> {
    Some(match name {
        "residual_stream_post_layer" => HookPoint::ResidPost,
        "ffn_out_pre_residual" => HookPoint::MlpOut,
        "attn_out_pre_residual" => HookPoint::AttnOut,
        _ => return None,
    })
}

/// The same the other way round.
pub(in crate::steering::format) fn point_name(point: HookPoint) -> Option<&'static str> {
    Some(match point {
        HookPoint::ResidPost => "residual_stream_post_layer",
        HookPoint::MlpOut => "ffn_out_pre_residual",
        HookPoint::AttnOut => "attn_out_pre_residual",
        HookPoint::ResidPre | HookPoint::ResidMid => return None,
    })
}
