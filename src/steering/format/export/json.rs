//! JSON targets: `.svec`, Neuronpedia, `EasySteer`.

use serde_json::{Map, Value, json};

use super::super::super::error::VectorError;
use super::super::super::vector::meta;
use super::super::json::list;
use super::{Exported, Source, gguf};
use crate::units::{HookPoint, Operator};

/// Most values that Neuronpedia takes.
const NEURONPEDIA_WIDTH: usize = 24_576;
/// Largest default multiplier that Neuronpedia takes.
const NEURONPEDIA_MULTIPLIER: f32 = 300.0;

fn pretty(value: &Value) -> Vec<u8> {
    let mut text = format!("{value:#}");
    text.push('\n');
    text.into_bytes()
}

/// IBM's CAST adds layer k to what enters block k: key b + 1.
pub(super) fn cast(source: &Source<'_>) -> Result<Exported, VectorError> {
    source.only_add()?;
    let mut directions = Map::new();
    let mut variances = Map::new();
    for (block, values) in &source.vector.directions {
        source.expressible_as_input(*block)?;
        directions.insert((block + 1).to_string(), list(values));
        variances.insert((block + 1).to_string(), Value::Null);
    }
    let value = json!({
        "model_type": source.model_hint(),
        "directions": directions,
        "explained_variances": variances,
    });
    let exported = Exported::one("vector.svec", pretty(&value));
    Ok(exported.loses(&["the mask", "the name and everything about its origin"]))
}

/// Output controls of `AISteer360` add layer k at the output of block k: key b.
pub(super) fn aisteer(source: &Source<'_>) -> Result<Exported, VectorError> {
    source.only(&[Operator::Add, Operator::Angular], &[HookPoint::ResidPost])?;
    let width = source.vector.width().max(1);
    let mut directions = Map::new();
    let mut variances = Map::new();
    for (block, values) in &source.vector.directions {
        let rows: Value = values.chunks_exact(width).map(list).collect();
        directions.insert(block.to_string(), rows);
        variances.insert(block.to_string(), Value::Null);
    }
    let value = json!({
        "model_type": source.model_hint(),
        "directions": directions,
        "explained_variances": variances,
    });
    let exported = Exported::one("vector.svec", pretty(&value));
    Ok(exported.loses(&[
        "the mask",
        "the name and everything about its origin",
        "that its layers are block outputs: reading it again takes --location output",
    ]))
}

/// The body of Neuronpedia's request for a new vector.
pub(super) fn neuronpedia(source: &Source<'_>) -> Result<Exported, VectorError> {
    source.only_add()?;
    let block = source.block()?;
    let width = source.vector.width();
    if width > NEURONPEDIA_WIDTH {
        let what = format!("{width} values, it takes {NEURONPEDIA_WIDTH}");
        return Err(source.refuse(&what, "write it as native"));
    }
    let multiplier = source.multiplier().unwrap_or(1.0);
    if multiplier.abs() > NEURONPEDIA_MULTIPLIER {
        let what = format!("its multiplier {multiplier} is beyond ±{NEURONPEDIA_MULTIPLIER}");
        return Err(source.refuse(&what, "scale the vector with --scale"));
    }
    let values = source.vector.direction(crate::units::BlockIndex(block))?;
    let value = json!({
        "modelId": source.fact(meta::MODEL_ID).unwrap_or("unknown"),
        "layerNumber": block,
        "hookType": "hook_resid_post",
        "vector": list(values),
        "vectorDefaultSteerStrength": f64::from(multiplier),
        "vectorLabel": source.vector.name,
    });
    let exported = Exported::one("vector.json", pretty(&value));
    Ok(exported.loses(&["all blocks but one", "the method and the data set"]))
}

/// `EasySteer`: a specification and the GGUF file it names. Its `direct` adds; its `erase` removes.
pub(super) fn easysteer(source: &Source<'_>) -> Result<Exported, VectorError> {
    source.only(
        &[
            Operator::Add,
            Operator::NormPreservingAdd,
            Operator::Project,
        ],
        &[HookPoint::ResidPost],
    )?;
    if source.vector.rank > 1 {
        return Err(source.refuse("it holds several directions per block", "write it as glp"));
    }
    let operator = source.vector.edit.operator;
    let mut entry = json!({
        "source": "vector.gguf",
        "layers": source.vector.directions.keys().collect::<Vec<_>>(),
        "normalize": operator == Operator::NormPreservingAdd,
        "algorithm": if operator == Operator::Project { "erase" } else { "direct" },
        "name": source.vector.name,
    });
    if let (Some(c), Some(entry)) = (source.multiplier(), entry.as_object_mut()) {
        entry.insert("scale".to_owned(), Value::from(f64::from(c)));
    }
    let specification = json!({ "vectors": [entry], "conflict": "error" });
    let exported = Exported {
        files: vec![
            ("spec.json".to_owned(), pretty(&specification)),
            ("vector.gguf".to_owned(), gguf::add_file(source)),
        ],
        directory: true,
        loses: Vec::new(),
    };
    Ok(exported.loses(&["the mask: the specification selects no positions"]))
}
