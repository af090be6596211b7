//! What the fuzz targets of vector files do with their bytes; the tests run the same functions on a
//! bounded number of mutated files.
//!
//! None may panic; a refusal has a stable id and a sentence; what is accepted holds directions.

use steerscope::steering::format::{ImportOptions, Location, ModelShape, import_bytes};

/// Reads a file's bytes with every question answered, and with none. The id of a refusal comes back.
pub fn vector(data: &[u8]) -> Option<&'static str> {
    let told = ImportOptions {
        layer: Some(1),
        row: Some(0),
        location: Some(Location::Output),
        position: Some(-1),
        angular: true,
        max_tensor_bytes: 1 << 20,
        model: Some(ModelShape {
            n_blocks: 4,
            hidden_size: 8,
        }),
        ..ImportOptions::default()
    };
    let plain = ImportOptions {
        max_tensor_bytes: 1 << 20,
        ..ImportOptions::default()
    };
    let mut id = None;
    for options in [told, plain] {
        match import_bytes("fuzzed", data, &options) {
            Ok(found) => {
                assert!(!found.vector.directions.is_empty(), "nothing was read");
                assert!(found.vector.width() > 0);
            }
            Err(error) => {
                let bytes = error.id().bytes();
                assert!(bytes.clone().all(|b| b.is_ascii_lowercase() || b == b'-'));
                assert!(error.to_string().len() > 10, "{error}");
                id = Some(error.id());
            }
        }
    }
    id
}
