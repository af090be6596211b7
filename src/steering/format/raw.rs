//! Bare little-endian floats, n × d, as ds4 writes them: row L is a direction of length 1 that is
//! removed from what the MLP of block L writes. The file has no mark of its own, so that it is read only
//! where its size fits the model and the user says so.

use super::super::error::VectorError;
use super::Context;
use super::array::{Number, within};
use super::error::FormatError;
use super::imported::VectorFormat;
use super::options::RowsAre;
use super::reading::{Found, Reading};
use crate::units::{Edit, HookPoint, Operator};

pub(super) fn read(bytes: &[u8], context: &Context<'_>) -> Result<Option<Reading>, VectorError> {
    let Some(model) = context.options.model else {
        return Ok(None);
    };
    let width = model.hidden_size.saturating_mul(4);
    let size = model.n_blocks.saturating_mul(width);
    if bytes.is_empty() || size != bytes.len() {
        return Ok(None);
    }
    if context.options.rows != Some(RowsAre::Layers) {
        return Err(FormatError::RowsAmbiguous {
            file: context.file.to_owned(),
            rows: model.n_blocks,
            what: "rows of bare floats",
            choices: "directions that ds4 removes from what the MLP of each block writes; give --rows layers if they are"
                .to_owned(),
            asks: crate::units::OpenQuestion::BareRows(model.n_blocks),
        }
        .into());
    }
    within(
        context.file,
        bytes.len() as u64,
        context.options.max_tensor_bytes,
    )?;
    let mut reading = Reading::new(VectorFormat::RawF32, "ds4", "row L");
    reading.edit = Edit {
        operator: Operator::Project,
        point: HookPoint::MlpOut,
    };
    reading.found = Number::F32
        .decode(bytes, false)
        .chunks_exact(model.hidden_size.max(1))
        .enumerate()
        .map(|(i, row)| Found::at(format!("row {i}"), i as i64, row.to_vec()))
        .collect();
    Ok(Some(reading))
}
