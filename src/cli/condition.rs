//! `--condition`: steer only prompts that are like a condition vector.

use serde_json::{Value, json};

use super::args::ConditionArgs;
use super::open::{self, Opened, failed};
use super::output::Ending;
use crate::engine::Cancel;
use crate::measure::PreparedSet;
use crate::steering::Gate;
use crate::units::Edit;

/// The gate that the flags ask for, with the name of its vector.
pub(super) fn gate(
    args: &ConditionArgs,
    opened: &Opened,
) -> Result<Option<(Gate, String)>, Ending> {
    let (Some(text), Some(threshold)) = (&args.condition, args.condition_threshold) else {
        return Ok(None);
    };
    let vector = open::vector(text, opened)?;
    let block = open::block(args.condition_layer, &vector, opened)?;
    let direction = vector.direction(block).map_err(failed)?;
    let gate = Gate {
        direction: direction
            .get(..vector.width())
            .unwrap_or(direction)
            .to_vec(),
        block,
        threshold: f64::from(threshold),
        above: !args.condition_below,
    };
    Ok(Some((gate, vector.name)))
}

/// Whether a prompt is steered; what was found is a remark.
pub(super) fn opens(gate: &Gate, opened: &Opened, ids: &[u32]) -> Result<bool, Ending> {
    let read = gate.read(&opened.model, &[ids], &Cancel::never());
    let similarity = read.map_err(failed)?.first().copied().flatten();
    let open = gate.opens(similarity);
    open::remark(&format!(
        "condition at block {}: similarity {}, threshold {}: {}",
        gate.block,
        similarity.map_or_else(|| "undefined".to_owned(), |s| format!("{s:.4}")),
        gate.threshold,
        if open { "steered" } else { "not steered" }
    ));
    Ok(open)
}

/// Replaces the propensities of prompts that are not steered by their unsteered ones, and says how many
/// those are.
pub(super) fn close(
    (gate, name): &(Gate, String),
    opened: &Opened,
    set: &PreparedSet,
    (multipliers, edit): (&[f32], Edit),
    rows: &mut [Vec<f32>],
) -> Result<Value, Ending> {
    let zero = multipliers.iter().position(|m| edit.operator.is_off(*m));
    let zero = zero.ok_or_else(|| {
        Ending::Usage(
            "a condition needs the unsteered figure: put 0 into the multipliers, and use an operator that is off there".to_owned(),
        )
    })?;
    let prompts: Vec<&[u32]> = (set.inputs.iter())
        .map(|i| i.prefix.get(..i.prompt_len).unwrap_or(&i.prefix))
        .collect();
    let similarities = gate
        .read(&opened.model, &prompts, &Cancel::never())
        .map_err(failed)?;
    let mut steered = 0;
    for (row, similarity) in rows.iter_mut().zip(&similarities) {
        if gate.opens(*similarity) {
            steered += 1;
        } else if let Some(unsteered) = row.get(zero).copied() {
            row.fill(unsteered);
        }
    }
    open::remark(&format!(
        "condition '{name}' at block {}: {steered} of {} prompts are steered; the others have slope 0, which counts as anti-steerable",
        gate.block,
        rows.len()
    ));
    Ok(json!({
        "vector": name,
        "block": gate.block,
        "threshold": gate.threshold,
        "above": gate.above,
        "steered": steered,
        "similarities": similarities,
    }))
}
