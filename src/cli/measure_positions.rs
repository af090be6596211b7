//! `steerscope measure` with a row for each position in place of a vector.

use std::io::{self, Write};

use super::args::MeasureArgs;
use super::condition::{self, Condition};
use super::lab;
use super::measure::{csv, figure, table};
use super::open::{self, Opened, failed};
use super::output::{Ending, Progress};
use super::study::Study;
use crate::engine::Cancel;
use crate::measure::{Measurement, VectorIdentity, propensities_per_position};
use crate::plot;
use crate::steering::PositionRows;
use crate::steering::dataset::Part;
use crate::units::{BlockIndex, CoefficientUnit, Edit, Mask};

/// Row t is added at position t of every prompt. The figures depend on all rows, so they are not kept
/// under the key of a vector.
pub(super) fn run(
    args: &MeasureArgs,
    opened: &Opened,
    rows: &PositionRows,
    grid: &[f32],
) -> Result<(), Ending> {
    refuse(args, rows)?;
    let model = &opened.model;
    let study = Study::open(opened, &args.dataset, &args.ask, false, args.seed)?;
    let block = (args.site.layer).unwrap_or_else(|| BlockIndex::start_of(model.n_blocks()));
    let hi = rows.positions();
    let mask = Mask::PromptRange { lo: 0, hi };
    let part = study.rows(args.split.into(), args.limit)?;
    let set = study.prepared(&part, mask)?;
    let condition = Condition::of(&args.condition, opened)?;
    let unsteered = condition::unsteered(&args.condition, grid, Edit::ADD)?;
    let shortest = set.inputs.iter().map(|i| i.prompt_len).min().unwrap_or(hi);
    if shortest < hi {
        open::remark(&format!(
            "the shortest prompt has {shortest} tokens: rows behind a prompt's end are not added"
        ));
    }
    let mut progress = Progress::start("measuring");
    let n = set.inputs.len();
    let mut measured = propensities_per_position(
        model,
        &set,
        rows,
        block,
        grid,
        &mut |done| progress.update(done, n),
        &Cancel::never(),
    )
    .map_err(failed)?;
    progress.finish();
    open::remark("rows per position are measured anew each time: the run store keeps vectors");
    let gate = condition::closed(condition.as_ref(), &set, &mut measured, unsteered)?;
    let mut result = Measurement::new(
        lab::model_identity(opened),
        VectorIdentity {
            name: rows.name.clone(),
            id: rows.id(),
            norm: rows.norms(block).iter().map(|n| n * n).sum::<f64>().sqrt() as f32,
        },
        lab::dataset_identity(&study.dataset, set.warnings()),
        study.protocol(block, mask, grid, &part),
        &set,
        &measured,
    );
    result.per_position = Some(hi);
    result.condition = (gate.as_ref().map(serde_json::to_value).transpose()).map_err(failed)?;
    if let Some(path) = &args.plot {
        open::may_write(path, args.force)?;
        plot::write(&figure(&result, &measured, gate.as_ref()), path).map_err(failed)?;
        open::remark(&format!("figure written to '{}'", path.display()));
    }
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &result).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    if args.csv {
        return csv(&result, &mut out);
    }
    table(&result, Part::from(args.split).name(), &set, &mut out)
}

/// Flags that mean nothing where every position has a row of its own.
fn refuse(args: &MeasureArgs, rows: &PositionRows) -> Result<(), Ending> {
    let refused = [
        (args.site.mask != Mask::default(), "--mask"),
        (args.site.edit.operator.is_some(), "--operator"),
        (args.site.edit.site.is_some(), "--site"),
        (args.unit.unit != CoefficientUnit::Raw, "--unit"),
        (args.parity, "--parity"),
        (args.bundle.is_some(), "--bundle"),
    ];
    match refused.into_iter().find(|(given, _)| *given) {
        Some((_, flag)) => Err(Ending::Usage(format!(
            "'{}' adds row t at position t of a prompt, which {flag} cannot change; leave {flag} out",
            rows.name
        ))),
        None => Ok(()),
    }
}
