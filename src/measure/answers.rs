//! Questions whose answers the run store keeps beside the cells: controls, calibrations, taxes.
//!
//! Each names everything that the answer depends on; another model, vector, site, text or number of
//! directions is another question. A changed definition raises the number in the kind's name.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::calibrate::Sign;
use super::prepare::PreparedSet;
use super::protocol::{Protocol, Split};
use super::stored::{model_key, store_key};
use crate::engine::Model;
use crate::steering::dataset::Part;
use crate::steering::{SteeringVector, hex};
use crate::store::{Key, Names, Question};
use crate::units::{BlockIndex, Edit, Mask};

/// Which controls.
#[derive(Debug, Clone, Serialize)]
pub struct ControlsAsked<'a> {
    /// Random directions, and as many orthogonal ones.
    pub random: usize,
    /// Vectors of shuffled labels.
    pub shuffled: usize,
    /// Seed of all of them.
    pub seed: u64,
    /// Canonical hash of the data set whose training pairs carry the labels.
    pub pairs: &'a str,
    /// Name and identity of other behaviours' vectors.
    pub others: Vec<(String, String)>,
    /// The system text.
    pub sentence: &'a str,
}

/// The controls of a vector on a prepared data set; the answer is a
/// [`ControlSlopes`](super::controls::ControlSlopes).
pub fn controls_question(
    model: &Model,
    vector: &SteeringVector,
    set: &PreparedSet,
    protocol: &Protocol,
    names: Names,
    asked: &ControlsAsked<'_>,
) -> Question {
    Question {
        kind: "controls/1",
        key: store_key(model, vector, set, protocol),
        details: json(asked),
        block: protocol.block.0,
        names,
    }
}

/// Where a vector is applied, without any data set.
#[derive(Debug, Clone, Copy)]
pub struct Applied<'a> {
    /// Model.
    pub model: &'a Model,
    /// Its display name.
    pub model_name: &'a str,
    /// Vector.
    pub vector: &'a SteeringVector,
    /// Block.
    pub block: BlockIndex,
    /// Steered positions.
    pub mask: Mask,
    /// What is done there, and at which point of the block.
    pub edit: Edit,
}

impl Applied<'_> {
    fn question(
        &self,
        kind: &'static str,
        texts: &[&[u32]],
        coefficients: &[f32],
        details: String,
    ) -> Question {
        // No rows are split here: the field is the same for all.
        let split = Split::part(Part::All, 0);
        let protocol = Protocol::new(self.block, self.mask, coefficients, split)
            .with_edit(self.edit)
            .on(self.model);
        let (model, config) = model_key(self.model);
        Question {
            kind,
            key: Key {
                model,
                config,
                vector: self.vector.id(),
                dataset: String::new(),
                inputs: hash(texts),
                protocol: protocol.canonical(),
            },
            details,
            block: self.block.0,
            names: Names {
                model: self.model_name.to_owned(),
                vector: self.vector.name.clone(),
                dataset: String::new(),
            },
        }
    }

    /// Top-1 accuracy and perplexity of a text at some coefficients; the answer is a list of
    /// [`TaxRow`](super::TaxRow)s.
    pub fn tax_question(&self, ids: &[u32], coefficients: &[f32]) -> Question {
        self.question("tax/1", &[ids], coefficients, String::new())
    }

    /// The coefficient of an effect; the answer is a [`Solved`](super::calibrate::Solved).
    pub fn calibration_question(&self, asked: &CalibrationAsked<'_>) -> Question {
        #[derive(Serialize)]
        struct Details<'a> {
            target: f64,
            sign: Sign,
            residual_norm: f64,
            fixed: bool,
            stop_ids: &'a [u32],
            neutral: String,
        }
        let texts: Vec<&[u32]> = asked.texts.iter().map(Vec::as_slice).collect();
        let details = Details {
            target: asked.target,
            sign: asked.sign,
            residual_norm: asked.residual_norm,
            fixed: asked.fixed,
            stop_ids: asked.stop_ids,
            neutral: hash(&[asked.neutral]),
        };
        self.question("calibration/1", &texts, &[], json(&details))
    }
}

/// What a calibration is asked for.
#[derive(Debug, Clone, Copy)]
pub struct CalibrationAsked<'a> {
    /// KL to be reached, nats.
    pub target: f64,
    /// Which way.
    pub sign: Sign,
    /// Prompts that are continued, or the fixed text, as tokens.
    pub texts: &'a [Vec<u32>],
    /// The statistic is read on a fixed text.
    pub fixed: bool,
    /// What ends a continuation.
    pub stop_ids: &'a [u32],
    /// Typical length of a residual vector at the block.
    pub residual_norm: f64,
    /// Tokens of the neutral text.
    pub neutral: &'a [u32],
}

/// Plain data with text keys always serialises.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn hash(texts: &[&[u32]]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        for id in *text {
            hash.update(id.to_le_bytes());
        }
    }
    hex(&hash.finalize())
}
