//! What a vector's file says about how it was made.

use std::collections::BTreeMap;

use super::super::vector::meta;
use super::method::Method;
use crate::engine::Model;

/// How a vector was made.
pub(super) struct Provenance<'a> {
    /// Display name of the model.
    pub(super) model_id: &'a str,
    pub(super) method: Method,
    /// Position read, as it is named in files.
    pub(super) read: String,
    /// Positive and negative texts.
    pub(super) counts: [usize; 2],
    pub(super) dataset_id: &'a str,
}

pub(super) fn metadata(
    model: &Model,
    made: &Provenance<'_>,
    directions: &BTreeMap<usize, Vec<f32>>,
) -> BTreeMap<String, String> {
    let norm = |v: &Vec<f32>| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let norms = directions.iter().map(|(b, v)| (*b, norm(v)));
    let [positive, negative] = made.counts;
    let entries = [
        (meta::METHOD, made.method.name().to_owned()),
        (meta::OPERATOR, "add".to_owned()),
        (meta::UNIT, made.method.unit().to_owned()),
        (
            meta::SIGN_CONVENTION,
            "a positive multiplier moves toward the positive texts".to_owned(),
        ),
        (meta::MODEL_ID, made.model_id.to_owned()),
        (meta::MODEL_REVISION, model.hash().to_owned()),
        (meta::N_LAYERS, model.n_blocks().to_string()),
        (meta::HIDDEN_SIZE, model.hidden_size().to_string()),
        (meta::POSITIONS_READ, made.read.clone()),
        (meta::N_POS, positive.to_string()),
        (meta::N_NEG, negative.to_string()),
        (meta::DATASET_SHA256, made.dataset_id.to_owned()),
        (meta::VECTOR_NORM, map_of_blocks(norms)),
        (
            "created_by",
            concat!("steerscope ", env!("CARGO_PKG_VERSION")).to_owned(),
        ),
    ];
    entries.map(|(key, value)| (key.to_owned(), value)).into()
}

/// A JSON map from block to number, six digits.
pub(super) fn map_of_blocks(values: impl Iterator<Item = (usize, f64)>) -> String {
    let entries: Vec<String> = values.map(|(b, x)| format!("\"{b}\":{x:.6}")).collect();
    format!("{{{}}}", entries.join(","))
}
