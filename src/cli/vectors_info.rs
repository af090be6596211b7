//! `steerscope vectors info`: everything that one vector file says.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::args::VectorInfoArgs;
use super::output::Ending;
use super::vectors::imported;
use crate::steering::format::{Imported, LayerRead};
use crate::steering::meta;
use crate::text::one_line;
use crate::units::BlockIndex;

pub(super) fn run(args: &VectorInfoArgs) -> Result<(), Ending> {
    let found = imported(&args.vector, &args.import.options_at(args.site))?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", as_json(&found))?;
        return Ok(());
    }
    table(&mut out, &found)?;
    Ok(())
}

/// Block, norm and energy share of every direction; the layer that the file calls it.
fn rows(found: &Imported) -> Vec<(&LayerRead, usize, f32, f64)> {
    let vector = &found.vector;
    let row = |layer: &'_ LayerRead| {
        let block = layer.placed?;
        let share = vector.top_two_share(block)?;
        Some((block, vector.norm(BlockIndex(block))?, f64::from(share)))
    };
    let mut rows: Vec<_> = found
        .layers
        .iter()
        .filter_map(|layer| row(layer).map(|(b, n, s)| (layer, b, n, s)))
        .collect();
    rows.sort_by_key(|(_, block, ..)| *block);
    rows
}

fn as_json(found: &Imported) -> Value {
    let vector = &found.vector;
    let blocks: Vec<Value> = rows(found)
        .into_iter()
        .map(|(layer, block, norm, share)| {
            json!({
                "block": block,
                "in_file": layer.in_file,
                "measured": layer.measured,
                "applied": layer.applied,
                "post_final_norm": layer.post_final_norm,
                "norm": norm,
                "top_two_energy": share,
            })
        })
        .collect();
    json!({
        "schema": 1,
        "name": vector.name,
        "format": found.format.name(),
        "producer": found.producer,
        "sentence": found.sentence,
        "operator": vector.edit.operator.name(),
        "site": vector.edit.point.name(),
        "rank": vector.rank,
        "width": vector.width(),
        "blocks": blocks,
        "recommended_block": vector.recommended_block(),
        "id": vector.id(),
        "tensor_sha256": vector.tensor_sha256(),
        "file_sha256": found.file_sha256,
        "warnings": found.warnings.iter().map(|w| json!({ "id": w.id, "text": w.text })).collect::<Vec<_>>(),
        "metadata": vector.metadata,
    })
}

fn table(out: &mut impl Write, found: &Imported) -> io::Result<()> {
    let vector = &found.vector;
    writeln!(out, "name      {}", one_line(&vector.name))?;
    writeln!(
        out,
        "format    {}, by {}",
        found.format,
        one_line(&found.producer)
    )?;
    writeln!(out, "layers    {}", one_line(&found.sentence))?;
    writeln!(
        out,
        "operator  {}: {}",
        vector.edit,
        vector.edit.operator.words()
    )?;
    let rank = match vector.rank {
        1 => String::new(),
        rank => format!(", {rank} directions per block"),
    };
    writeln!(out, "width     {} values{rank}", vector.width())?;
    if let Some(block) = vector.recommended_block() {
        writeln!(out, "start at  block {block}")?;
    }
    writeln!(out, "id        {}", vector.id())?;
    writeln!(out, "tensors   {}", vector.tensor_sha256())?;
    if let Some(hash) = &found.file_sha256 {
        writeln!(out, "file      {hash}")?;
    }
    for key in [
        meta::MODEL_ID,
        meta::MODEL_HINT,
        meta::METHOD,
        meta::RECOMMENDED_MULTIPLIER,
        meta::SOURCE_FORMAT,
        meta::SOURCE_SHIFT,
    ] {
        if let Some(value) = vector.metadata.get(key) {
            writeln!(out, "{key}: {}", one_line(value))?;
        }
    }
    for warning in &found.warnings {
        writeln!(out, "note      {}", one_line(&warning.text))?;
    }
    writeln!(out, "block  in file       norm  top two")?;
    for (layer, block, norm, share) in rows(found) {
        let mark = if layer.post_final_norm {
            "  after the final norm"
        } else {
            ""
        };
        writeln!(
            out,
            "{block:>5}  {:12}  {norm:>8.4}  {:>6.1} %{mark}",
            one_line(&layer.in_file),
            100.0 * share
        )?;
    }
    Ok(())
}
