//! What a vector file of another tool may leave open.

use serde::{Deserialize, Serialize};

/// What the rows of a matrix are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowsAre {
    /// Row i is the output of block i.
    Layers,
    /// Row i is `hidden_states[i]`: row 0 the embeddings, row i the output of block i − 1.
    HiddenStates,
    /// Rows are concepts or features; one of them is the direction.
    Concepts,
}

/// Which end of its block a vector was fitted at, where the file does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// Residual stream that enters the block: layer k is block k − 1's output.
    Input,
    /// Residual stream that leaves the block.
    Output,
}

/// What a file leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenQuestion {
    /// The block; a number in its name suggests one.
    Layer(Option<usize>),
    /// What so many rows are.
    Rows(usize),
    /// Whether so many bare rows are layers.
    BareRows(usize),
    /// Which of so many rows, features or items.
    Row(usize),
    /// Which of so many token positions.
    Position(usize),
    /// Input or output of the block.
    Location,
    /// Whether two directions span a plane of rotation.
    Plane,
}

/// An answer to such a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFact {
    /// Output of this block.
    Layer(usize),
    /// What rows are.
    Rows(RowsAre),
    /// This row.
    Row(usize),
    /// This token position, negative from the prompt's end.
    Position(i64),
    /// This end of the block.
    Location(Location),
    /// Two directions are a plane.
    Plane,
    /// Directions stand where they were measured, or where their own tool applies them.
    AsMeasured(bool),
}
