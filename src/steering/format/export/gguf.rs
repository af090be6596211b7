//! GGUF control vectors, which llama.cpp and repeng read, and GLP files.

use super::super::super::error::VectorError;
use super::super::super::vector::{SteeringVector, bytes_of, meta};
use super::super::error::FormatError;
use super::super::gguf::{GgufValue as V, LAYER_SCALES, OWN, point_name, write_file};
use super::super::source::sha256_of;
use super::{Exported, Source};
use crate::units::{HookPoint, Operator};

/// Version of what the program writes beside the directions.
const OWN_VERSION: &str = "1";

fn text(key: &str, value: &str) -> (String, V) {
    (key.to_owned(), V::Text(value.to_owned()))
}

/// Name and facts under the program's own prefix, sorted.
fn own(source: &Source<'_>, without: &[&str]) -> Vec<(String, V)> {
    let mut facts = source.facts(without);
    facts.insert("name".to_owned(), source.vector.name.clone());
    facts.insert("version".to_owned(), OWN_VERSION.to_owned());
    facts
        .into_iter()
        .map(|(key, value)| (format!("{OWN}{key}"), V::Text(value)))
        .collect()
}

/// `direction.N` for N ≥ 1: llama.cpp refuses a whole file for anything else.
pub(super) fn control_vector(source: &Source<'_>) -> Result<Exported, VectorError> {
    source.only_add()?;
    if source.vector.directions.contains_key(&0) {
        let name = source.vector.name.clone();
        return Err(FormatError::WriteLayerZero { name }.into());
    }
    let bytes = add_file(source);
    Ok(Exported::one("vector.gguf", bytes).loses(&[
        "the mask: llama.cpp steers every token",
        "the block to start from: llama.cpp adds all blocks of the file unless given a range",
    ]))
}

/// The file, whatever its blocks.
pub(super) fn add_file(source: &Source<'_>) -> Vec<u8> {
    let directions = &source.vector.directions;
    let mut metadata = vec![
        text("general.architecture", "controlvector"),
        text("controlvector.model_hint", source.model_hint()),
        (
            "controlvector.layer_count".to_owned(),
            V::U32(directions.len() as u32),
        ),
    ];
    metadata.extend(own(source, &[]));
    let tensors: Vec<(String, &[f32])> = directions
        .iter()
        .map(|(b, v)| (format!("direction.{b}"), v.as_slice()))
        .collect();
    write_file(&metadata, &tensors)
}

/// A layer projection: unit directions, mode and version always stated.
pub(super) fn projection(source: &Source<'_>) -> Result<Exported, VectorError> {
    source.only(
        &[Operator::Add, Operator::Project],
        &[HookPoint::ResidPost, HookPoint::MlpOut, HookPoint::AttnOut],
    )?;
    let vector = source.vector;
    let (operator, rank) = (vector.edit.operator, vector.rank);
    let hook = point_name(vector.edit.point).unwrap_or_default();
    let project = operator == Operator::Project;
    let rows = rows(vector, project && rank == 1);
    let mut ids: Vec<String> = vector.directions.keys().map(ToString::to_string).collect();
    ids.dedup();
    let hash = sha256_of(
        &rows
            .iter()
            .flat_map(|(_, v)| bytes_of(v))
            .collect::<Vec<u8>>(),
    );
    let scales = source.layer_scales();
    let number = |key: &str, value: u32| (key.to_owned(), V::U32(value));
    let mut metadata = vec![
        text("general.architecture", "controlvector"),
        text("controlvector.model_hint", source.model_hint()),
        number("controlvector.layer_count", vector.directions.len() as u32),
        text("glp.mode", operator.name()),
        number(
            "glp.spec_version",
            if rank > 1 || scales.is_some() { 2 } else { 1 },
        ),
        text("glp.hook_point", hook),
        text("glp.derived_at", hook),
        (
            "glp.alpha_default".to_owned(),
            V::F32(source.multiplier().unwrap_or(1.0)),
        ),
        number("glp.rank", rank as u32),
        ("glp.orthonormal".to_owned(), V::Bool(project)),
        text("glp.layer_ids_zero_based", &ids.join(",")),
        text("glp.content_sha256", &hash),
    ];
    for (key, ours) in [
        ("glp.method", meta::METHOD),
        ("general.base_model.0.name", meta::MODEL_ID),
    ] {
        if let Some(value) = source.fact(ours) {
            metadata.push(text(key, value));
        }
    }
    metadata.extend(scales.iter().map(|s| text("glp.layer_scales", s)));
    metadata.extend(own(source, &[meta::RECOMMENDED_MULTIPLIER, LAYER_SCALES]));
    let tensors: Vec<(String, &[f32])> = rows
        .iter()
        .map(|(n, v)| (n.clone(), v.as_slice()))
        .collect();
    let exported = Exported::one("vector.gguf", write_file(&metadata, &tensors));
    Ok(exported.loses(&["the mask"]))
}

/// Tensors in order; directions that are removed are written with length 1.
fn rows(vector: &SteeringVector, unit: bool) -> Vec<(String, Vec<f32>)> {
    let width = vector.width().max(1);
    let mut rows = Vec::new();
    for (block, values) in &vector.directions {
        for (j, row) in values.chunks_exact(width).enumerate() {
            let name = match j {
                0 => format!("direction.{block}"),
                _ => format!("direction.{block}.{j}"),
            };
            let length = row
                .iter()
                .map(|x| f64::from(*x).powi(2))
                .sum::<f64>()
                .sqrt();
            // What is of length 1 already stays bit for bit.
            let scaled = unit && (length - 1.0).abs() > 1e-6 && length > 0.0;
            let row = if scaled {
                let unit = |x: &f32| (f64::from(*x) / length) as f32;
                row.iter().map(unit).collect()
            } else {
                row.to_vec()
            };
            rows.push((name, row));
        }
    }
    rows
}
