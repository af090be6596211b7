//! Between a measurement and the run store: keys from content, cells from rows.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::prepare::PreparedSet;
use super::protocol::{Propensity, Protocol};
use crate::engine::Model;
use crate::steering::dataset::Example;
use crate::steering::{SteeringVector, hex};
use crate::store::{Cell, Input, Key, Names};

/// The key of one measurement: weights, configuration, vector, rows, tokens, protocol.
pub fn store_key(
    model: &Model,
    vector: &SteeringVector,
    set: &PreparedSet,
    protocol: &Protocol,
) -> Key {
    let (model, config) = model_key(model);
    Key {
        model,
        config,
        vector: vector.id(),
        dataset: set.dataset_id.clone(),
        inputs: match protocol.propensity {
            Propensity::AnswerLogit => set.hash(),
            Propensity::SumLogits => set.hash_with_tails(),
        },
        protocol: protocol.canonical(),
    }
}

/// Hash of the weights, and of the configuration as the engine reads it.
pub(super) fn model_key(model: &Model) -> (String, String) {
    let config = hex(&Sha256::digest(format!("{:?}", model.config())));
    (model.hash().to_owned(), config)
}

/// A finished measurement as the store keeps it: `rows` holds one propensity per multiplier for
/// each input of `set`, `examples` the data-set rows that the set was made of.
pub fn store_cell(
    names: Names,
    protocol: &Protocol,
    set: &PreparedSet,
    examples: &[&Example],
    rows: &[Vec<f32>],
) -> Cell {
    let by_row: HashMap<usize, &Example> = examples.iter().map(|e| (e.row, *e)).collect();
    let input = |row: usize| {
        let example = by_row.get(&row);
        Input {
            row: row as u64,
            positive_is_a: example.and_then(|e| e.positive_is_a),
            positive_is_yes: example.and_then(|e| e.positive_is_yes),
        }
    };
    let inputs = set.inputs.iter().map(|i| input(i.row)).collect();
    let grid = protocol.multipliers.clone();
    Cell::new(names, protocol.block.0, grid, inputs, rows)
}

impl PreparedSet {
    /// SHA-256, hex, over the inputs as the model reads them, in measuring order: another
    /// tokenizer, template or choice of rows gives another one.
    pub fn hash(&self) -> String {
        hex(&self.hashed().finalize())
    }

    /// The same with the tokens after the answer token, which summed logits depend on.
    pub fn hash_with_tails(&self) -> String {
        let mut hash = self.hashed();
        for tail in self.inputs.iter().flat_map(|input| &input.tails) {
            hash.update((tail.len() as u64).to_le_bytes());
            for id in tail {
                hash.update(id.to_le_bytes());
            }
        }
        hex(&hash.finalize())
    }

    fn hashed(&self) -> Sha256 {
        let mut hash = Sha256::new();
        for input in &self.inputs {
            hash.update((input.row as u64).to_le_bytes());
            hash.update((input.prompt_len as u64).to_le_bytes());
            hash.update((input.prefix.len() as u64).to_le_bytes());
            for id in input.prefix.iter().chain(&input.answers) {
                hash.update(id.to_le_bytes());
            }
        }
        hash
    }
}
