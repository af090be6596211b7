//! `steerscope extract --method actadd`, and generating with what it makes.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::args::{ExtractArgs, GenerateArgs};
use super::open::{Opened, failed};
use super::output::Ending;
use crate::engine::{Cancel, Generation, SamplerSettings};
use crate::steering::{PositionRows, extract_positions};
use crate::units::BlockIndex;

pub(super) fn run(args: &ExtractArgs, opened: &Opened) -> Result<(), Ending> {
    let Some([positive, negative]) = args.pair.as_deref() else {
        return Err(Ending::Usage(
            "actadd is made from one pair of prompts; give --pair POSITIVE NEGATIVE".to_owned(),
        ));
    };
    let name = args.name.clone();
    let name = name.unwrap_or_else(|| format!("{positive} - {negative}"));
    let (model, never) = (&opened.model, Cancel::never());
    let rows = extract_positions(model, &name, &opened.name, [positive, negative], &never)
        .map_err(failed)?;
    rows.write(&args.out).map_err(failed)?;
    let blocks: Vec<(usize, Vec<f64>)> = (rows.rows.keys())
        .map(|b| (*b, rows.norms(BlockIndex(*b))))
        .collect();
    let mut out = io::stdout().lock();
    if args.json {
        let norms: Vec<&Vec<f64>> = blocks.iter().map(|(_, norms)| norms).collect();
        let object = json!({
            "schema": 1,
            "file": args.out,
            "method": args.method.name(),
            "unit": args.method.unit(),
            "model": { "name": opened.name, "hash": model.hash() },
            "pair": [positive, negative],
            "positions": rows.positions(),
            "norms": norms,
            "metadata": rows.metadata,
        });
        writeln!(out, "{object:#}")?;
        return Ok(());
    }
    writeln!(
        out,
        "{}: a row for each of {} positions (actadd); 'steerscope generate --vector' adds row t at position t of the prompt\n",
        args.out.display(),
        rows.positions()
    )?;
    writeln!(out, "block  norm at position 0, 1, …")?;
    for (block, norms) in blocks {
        let norms: Vec<String> = norms.iter().map(|n| format!("{n:.4}")).collect();
        writeln!(out, "{block:>5}  {}", norms.join("  "))?;
    }
    Ok(())
}

/// The rows of `--vector` if it is a file of them.
pub(super) fn rows(vector: Option<&str>) -> Result<Option<PositionRows>, Ending> {
    let Some(path) = vector.map(Path::new).filter(|path| path.is_file()) else {
        return Ok(None);
    };
    PositionRows::load(path).map_err(failed)
}

/// Both texts of a prompt, the rows added at their positions of it.
pub(super) fn generate(
    args: &GenerateArgs,
    opened: &Opened,
    rows: &PositionRows,
    prompt: &str,
) -> Result<(), Ending> {
    let model = &opened.model;
    if rows.width != model.hidden_size() {
        return Err(Ending::Failed(format!(
            "'{}' has rows of {} values, '{}' has {}; it was made for another model",
            rows.name,
            rows.width,
            opened.name,
            model.hidden_size()
        )));
    }
    let block = args
        .site
        .layer
        .unwrap_or_else(|| BlockIndex::start_of(model.n_blocks()));
    let chat = if args.chat {
        Some(
            model
                .chat_prompt(args.system.as_deref(), prompt)
                .map_err(failed)?,
        )
    } else {
        None
    };
    let (ids, stop) = match chat {
        Some(turn) => (turn.ids, model.chat_stop_ids()),
        None => (
            model.tokenizer().encode(prompt).map_err(failed)?,
            model.stop_ids().to_vec(),
        ),
    };
    let hook = (rows.hook(block, args.coefficient, 1, ids.len())).map_err(failed)?;
    let settings = SamplerSettings {
        temperature: args.sampling.temperature,
        top_k: args.sampling.top_k,
        top_p: args.sampling.top_p,
        seed: args.sampling.seed,
    };
    let mut generation =
        Generation::start(Arc::clone(model), ids, 2, &settings, stop, Box::new(hook))
            .map_err(failed)?
            .limit(args.sampling.max_tokens);
    let mut lanes: [Vec<u32>; 2] = [Vec::new(), Vec::new()];
    while !generation.is_finished() {
        for step in generation.step(&Cancel::never()).map_err(failed)? {
            if let Some(lane) = lanes.get_mut(step.lane) {
                lane.extend(step.token);
            }
        }
    }
    let text = |ids: &[u32]| model.tokenizer().decode(ids).map_err(failed);
    let (baseline, steered) = (text(&lanes[0])?, text(&lanes[1])?);
    let mut out = io::stdout().lock();
    if args.json {
        let object = json!({
            "schema": 1,
            "model": { "name": opened.name, "hash": model.hash() },
            "vector": { "name": rows.name, "operator": crate::steering::PER_POSITION },
            "block": block,
            "coefficient": args.coefficient,
            "prompt": prompt,
            "baseline": { "text": baseline, "ids": lanes[0] },
            "steered": { "text": steered, "ids": lanes[1] },
        });
        writeln!(out, "{object:#}")?;
        return Ok(());
    }
    writeln!(out, "── unsteered ──\n{prompt}{baseline}\n")?;
    writeln!(
        out,
        "── steered: block {block}, coefficient {:+}, positions 0 to {} ──\n{prompt}{steered}",
        args.coefficient,
        rows.positions().saturating_sub(1)
    )?;
    Ok(())
}
