//! Bare numbers: numpy arrays and a table.

use std::fmt::Write as _;

use super::super::super::error::VectorError;
use super::super::npy;
use super::{Exported, Source};

/// One array `[d]` per block; the file's name alone tells the block.
pub(super) fn npy(source: &Source<'_>) -> Result<Exported, VectorError> {
    let vector = source.vector;
    let width = vector.width();
    if vector.rank > 1 {
        return Err(source.refuse("it holds several directions per block", "write it as glp"));
    }
    let files: Vec<(String, Vec<u8>)> = vector
        .directions
        .iter()
        .map(|(b, values)| (format!("layer{b}.npy"), npy::write(&[width], values)))
        .collect();
    let exported = Exported {
        directory: files.len() > 1,
        files,
        loses: Vec::new(),
    };
    Ok(exported.loses(&[
        "the block, but for the file's name: reading it again takes --layer-in-file",
        "the operator, the site and everything about its origin",
    ]))
}

/// A line per direction: block, index within the basis, d values.
pub(super) fn csv(source: &Source<'_>) -> Exported {
    let width = source.vector.width().max(1);
    let mut text = "block,direction".to_owned();
    for i in 0..width {
        // Writing to a String cannot fail.
        let _ = write!(text, ",v{i}");
    }
    text.push('\n');
    for (block, values) in &source.vector.directions {
        for (j, row) in values.chunks_exact(width).enumerate() {
            let _ = write!(text, "{block},{j}");
            for x in row {
                let _ = write!(text, ",{x}");
            }
            text.push('\n');
        }
    }
    Exported::one("vector.csv", text.into_bytes()).loses(&[
        "the operator, the site and everything about its origin",
        "that it is a vector: this program does not read tables",
    ])
}
