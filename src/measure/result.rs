//! What `steerscope measure --json` prints.

use serde::{Deserialize, Serialize};

use super::prepare::PreparedSet;
use super::protocol::Protocol;
use crate::stats::{CurvePoint, Summary, curve, steerability};

/// Version of the layout; raised when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 2;

/// Which model was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// Display name.
    pub name: String,
    /// SHA-256 of the weights, hex.
    pub sha256: String,
    /// Number of blocks.
    pub n_blocks: usize,
    /// Residual width.
    pub hidden_size: usize,
}

/// Which vector was applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VectorIdentity {
    /// Display name.
    pub name: String,
    /// Identity of its directions, hex.
    pub id: String,
    /// Euclidean norm at the measured block.
    pub norm: f32,
}

/// Which data set was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetIdentity {
    /// Display name.
    pub name: String,
    /// SHA-256 of the canonical rows, hex.
    pub id: String,
    /// Format the file was recognised as.
    pub format: String,
    /// Remarks of the reader and rows left out.
    pub warnings: Vec<String>,
}

/// One input's response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputMeasurement {
    /// Row of the data set, 0-based.
    pub id: usize,
    /// Propensity at each multiplier, in logits; `null` where it was not finite.
    pub propensity: Vec<Option<f32>>,
    /// Least-squares slope of propensity against multiplier; `null` when a propensity is.
    pub steerability: Option<f64>,
}

/// A finished measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Model.
    pub model: ModelIdentity,
    /// Vector.
    pub vector: VectorIdentity,
    /// Data set.
    pub dataset: DatasetIdentity,
    /// Settings.
    pub protocol: Protocol,
    /// [`Protocol::badge`]: said wherever the figures are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub badge: Option<String>,
    /// The vector is a row for each of so many positions, row t added at position t of the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_position: Option<usize>,
    /// Proof of how the vector is applied, where one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<serde_json::Value>,
    /// Condition under which prompts were steered; inputs whose prompts were not have slope 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<serde_json::Value>,
    /// Multipliers in the unit they were given in, where that is not the stored vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<serde_json::Value>,
    /// Inputs in the order of the data set.
    pub inputs: Vec<InputMeasurement>,
    /// Distribution of the slopes.
    pub summary: Summary,
    /// Mean propensity with its quartile band.
    pub curve: Vec<CurvePoint>,
}

impl Measurement {
    /// Puts together what was measured; `rows` holds one propensity per multiplier for each input
    /// of `set`.
    pub fn new(
        model: ModelIdentity,
        vector: VectorIdentity,
        dataset: DatasetIdentity,
        protocol: Protocol,
        set: &PreparedSet,
        rows: &[Vec<f32>],
    ) -> Self {
        let grid = &protocol.multipliers;
        let inputs: Vec<InputMeasurement> = (set.inputs.iter().zip(rows))
            .map(|(input, row)| InputMeasurement {
                id: input.row,
                propensity: row.iter().map(|m| m.is_finite().then_some(*m)).collect(),
                steerability: steerability(grid, row),
            })
            .collect();
        let slopes: Vec<f64> = inputs
            .iter()
            .map(|i| i.steerability.unwrap_or(f64::NAN))
            .collect();
        Self {
            schema_version: SCHEMA_VERSION,
            model,
            vector,
            dataset,
            summary: Summary::of_slopes(&slopes),
            curve: curve(grid, rows.iter().map(Vec::as_slice)),
            badge: protocol.badge(),
            per_position: None,
            receipt: None,
            condition: None,
            unit: None,
            protocol,
            inputs,
        }
    }
}
