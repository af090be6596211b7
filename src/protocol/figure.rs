//! What a figure of a measurement shows.

use serde::{Deserialize, Serialize};

/// Per-input responses under one protocol, as they are drawn for a paper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponseFigure {
    /// Vector, data set and site in one line.
    pub title: String,
    /// How it was measured, in one line below everything.
    pub protocol: String,
    /// Multiplier grid.
    pub multipliers: Vec<f32>,
    /// Propensity of each input at each multiplier.
    pub rows: Vec<Vec<f32>>,
}
