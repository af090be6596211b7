//! numpy archives: parameters of a sparse autoencoder, or arrays whose names tell their layers.

use super::super::error::VectorError;
use super::Context;
use super::array::within;
use super::imported::VectorFormat;
use super::zipped::Zipped;
use super::{matrix, npy, sae};

/// The array that an entry holds.
pub(super) fn array_name(entry: &str) -> Option<&str> {
    entry.strip_suffix(".npy")
}

pub(super) fn read(
    mut zip: Zipped,
    names: &[String],
    context: &Context<'_>,
) -> Result<super::Reading, VectorError> {
    if names.iter().any(|n| n == "W_dec.npy") {
        return sae::archive(zip, context);
    }
    let limit = context.options.max_tensor_bytes;
    let mut total = 0u64;
    let mut arrays = Vec::new();
    for name in names {
        let bytes = zip.read(name, limit)?;
        let array = npy::read(context.file, &bytes, limit)?;
        total = total.saturating_add(4 * array.values.len() as u64);
        within(context.file, total, limit)?;
        arrays.push((array_name(name).unwrap_or(name).to_owned(), array));
    }
    matrix::keyed(arrays, VectorFormat::Npz, "numpy archive", context)
}
