//! Changes to a vector that a person asks for: never made by a reader or writer on its own.

use super::super::error::VectorError;
use super::super::vector::{SteeringVector, meta};

/// The vector times a factor; 0 and what leaves f32 are refused.
///
/// # Errors
/// The result is zero or not finite.
pub fn scaled(vector: &SteeringVector, factor: f32) -> Result<SteeringVector, VectorError> {
    let scale = |(b, v): (&usize, &Vec<f32>)| (*b, v.iter().map(|x| x * factor).collect());
    let mut metadata = vector.metadata.clone();
    metadata.remove(meta::SHA256);
    metadata.remove(meta::VECTOR_NORM);
    let directions = vector.directions.iter().map(scale).collect();
    let mut scaled = SteeringVector::with_edit(
        vector.name.clone(),
        vector.edit,
        vector.rank,
        directions,
        metadata,
    )?;
    note(&mut scaled, "scaled_by", &factor.to_string());
    Ok(scaled)
}

/// The multiplier made part of the data, for tools that have none: multiplier 1 is then what `c` was.
///
/// # Errors
/// As [`scaled`].
pub fn folded(vector: &SteeringVector, c: f32) -> Result<SteeringVector, VectorError> {
    let mut folded = scaled(vector, c)?;
    folded.metadata.remove("scaled_by");
    note(&mut folded, "folded_multiplier", &c.to_string());
    note(&mut folded, meta::RECOMMENDED_MULTIPLIER, "1");
    Ok(folded)
}

fn note(vector: &mut SteeringVector, key: &str, value: &str) {
    vector.metadata.insert(key.to_owned(), value.to_owned());
}
