//! The directory of johny-b: its layer L is what enters block L, so block b is written as b + 1.

use serde_json::{Map, Value};

use super::super::super::error::VectorError;
use super::super::super::vector::meta;
use super::super::npy;
use super::super::source::sha256_of;
use super::{Exported, Source};
use crate::units::BlockIndex;

/// Values of `deltas_all_layers.npy`: 512 layers of half a million.
const MOST_VALUES: usize = 1 << 28;

pub(super) fn directory(source: &Source<'_>) -> Result<Exported, VectorError> {
    source.only_add()?;
    let vector = source.vector;
    let block = source.block()?;
    source.expressible_as_input(block)?;
    let last = vector.directions.keys().last().copied().unwrap_or(block);
    // Rows are what enters blocks 0 to n − 1; without n as many as there are directions for.
    let n = source.n_blocks().unwrap_or(last + 2);
    let width = vector.width();
    if n.saturating_mul(width) > MOST_VALUES {
        let what = format!("{n} layers of {width} values are more than any model has");
        return Err(source.refuse(
            &what,
            "say how many blocks the model has with --model-blocks",
        ));
    }
    let mut deltas = vec![0.0f32; n * width];
    let mut lost = Vec::new();
    for (b, values) in &vector.directions {
        match deltas.chunks_exact_mut(width.max(1)).nth(b + 1) {
            Some(row) => row.copy_from_slice(values),
            None => lost.push(format!("block {b}: no block follows whose input it is")),
        }
    }
    let direction = vector.direction(BlockIndex(block))?;
    let one = npy::write(&[width], direction);
    let all = npy::write(&[n, width], &deltas);

    let mut json = Map::new();
    let mut set = |key: &str, value: Value| json.insert(key.to_owned(), value);
    set("name", vector.name.clone().into());
    set("layer", (block + 1).into());
    set("hidden_size", width.into());
    if let Some(n) = source.n_blocks() {
        set("n_layers", n.into());
    }
    set(
        "vector_norm",
        vector.norm(BlockIndex(block)).map(f64::from).into(),
    );
    let norms: Vec<f64> = deltas
        .chunks_exact(width.max(1))
        .map(|row| {
            let square: f64 = row.iter().map(|x| f64::from(*x).powi(2)).sum();
            square.sqrt()
        })
        .collect();
    set("per_layer_delta_norm", norms.into());
    set("vector_npy_sha256", sha256_of(&one).into());
    set("deltas_npy_sha256", sha256_of(&all).into());
    for (key, ours) in [
        ("model", meta::MODEL_ID),
        ("position_convention", meta::POSITIONS_READ),
        ("sign_convention", meta::SIGN_CONVENTION),
        ("n_pos", meta::N_POS),
        ("n_neg", meta::N_NEG),
    ] {
        if let Some(value) = source.fact(ours) {
            set(key, value.into());
        }
    }
    let mut text = format!("{:#}", Value::Object(json));
    text.push('\n');
    let readme = format!(
        "# {}\n\n`vector.npy` is the direction at the input of block {} (the output of block {block}), `deltas_all_layers.npy` \
         row l that at the input of block l; rows of zeros were not measured.\n",
        vector.name,
        block + 1
    );
    let file = |name: &str, bytes| (name.to_owned(), bytes);
    let mut exported = Exported {
        files: vec![
            file("README.md", readme.into_bytes()),
            file("deltas_all_layers.npy", all),
            file("meta.json", text.into_bytes()),
            file("vector.npy", one),
        ],
        directory: true,
        loses: Vec::new(),
    };
    exported = exported.loses(&["the mask", "the pairs it was made from"]);
    exported.loses.extend(lost);
    Ok(exported)
}
