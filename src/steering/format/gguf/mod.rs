//! GGUF control vectors (llama.cpp, repeng and others) and GGUF layer projections.

mod glp;
mod header;
mod layers;
mod producer;
mod write;

use super::super::error::VectorError;
use super::options::ImportOptions;
use super::reading::Reading;
pub(super) use glp::LAYER_SCALES;
pub(super) use layers::point_name;
pub(super) use producer::OWN;
pub(super) use write::{GgufValue, file as write_file};

/// The four bytes a GGUF file begins with.
pub(super) const MAGIC: &[u8] = b"GGUF";

/// Reads either kind; what it is follows from its metadata.
pub(super) fn read(
    file: &str,
    bytes: &[u8],
    options: &ImportOptions,
) -> Result<Reading, VectorError> {
    let header = header::Header::read(file, bytes)?;
    let directions = layers::directions(file, bytes, &header, options)?;
    if header.keys("glp.").next().is_some() {
        return glp::read(file, &header, directions);
    }
    producer::read(file, &header, directions)
}
