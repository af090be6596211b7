//! `steerscope measure`: vector + data set → per-input steerability.

use std::io::{self, Write};
use std::sync::Arc;

use super::args::MeasureArgs;
use super::open::{self, Opened, failed};
use super::output::{Ending, Progress};
use crate::engine::Cancel;
use crate::measure::{
    CacheOptions, DatasetIdentity, Measurement, ModelIdentity, PreparedSet, PromptCache, Protocol,
    Site, VectorIdentity, check_multipliers,
};
use crate::stats::Interval;
use crate::steering::dataset::{Dataset, Part};
use crate::steering::{PairSet, SteeringVector, extract_mean};
use crate::units::Mask;

/// Inputs between two looks at the progress line.
const SLICE: usize = 16;

pub(super) fn run(args: &MeasureArgs) -> Result<(), Ending> {
    let grid = args.grid();
    check_multipliers(&grid).map_err(|e| Ending::Usage(e.to_string()))?;
    let opened = open::model(&args.model)?;
    let dataset = open::dataset(&args.dataset)?;
    let vector = match &args.vector {
        Some(text) => open::vector(text, &opened)?,
        None => own_vector(&dataset, &opened, args.seed)?,
    };
    let block = open::block(args.site.layer, &vector, &opened)?;
    let mask = args.site.mask;

    let mut rows = dataset.part(args.split.into(), args.seed);
    rows.truncate(args.limit.unwrap_or(usize::MAX));
    let model = &opened.model;
    let set = PreparedSet::of_rows(
        &dataset,
        &rows,
        model.tokenizer(),
        model.config().max_positions,
    )
    .map_err(failed)?;
    for warning in set.warnings() {
        open::remark(&warning);
    }
    let void = set.void_under_from_answer();
    if mask == Mask::FromAnswer && void > 0 {
        open::remark(&format!(
            "{void} of {} inputs read their answer at the last prompt token, which 'from_answer' does not steer: their effect is exactly zero; use --mask from_last_prompt",
            set.inputs.len()
        ));
    }
    let set = Arc::new(set);
    let mut cache = PromptCache::new(Arc::clone(model), Arc::clone(&set), CacheOptions::default());
    let site = Site {
        direction: vector.direction(block).map_err(failed)?,
        block,
        mask,
    };
    let mut progress = Progress::start("measuring");
    let mut measured = Vec::with_capacity(cache.len());
    while measured.len() < cache.len() {
        let range = measured.len()..(measured.len() + SLICE).min(cache.len());
        measured.extend(
            cache
                .evaluate(&site, &grid, range, &Cancel::never())
                .map_err(failed)?,
        );
        progress.update(measured.len(), cache.len());
    }
    progress.finish();

    let result = Measurement::new(
        ModelIdentity {
            name: opened.name.clone(),
            sha256: model.hash().to_string(),
            n_blocks: model.n_blocks(),
            hidden_size: model.hidden_size(),
        },
        VectorIdentity {
            name: vector.name.clone(),
            id: vector.id(),
            norm: vector.norm(block).unwrap_or(f32::NAN),
        },
        DatasetIdentity {
            name: dataset.name.clone(),
            id: dataset.id.clone(),
            format: dataset.format.name().to_string(),
            warnings: dataset
                .warnings
                .iter()
                .map(ToString::to_string)
                .chain(set.warnings())
                .collect(),
        },
        Protocol::new(block, mask, grid, Part::from(args.split).name(), args.seed),
        &set,
        &measured,
    );
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &result).map_err(io::Error::from)?;
        writeln!(out)?;
    } else if args.csv {
        csv(&result, &mut out)?;
    } else {
        table(&result, Part::from(args.split).name(), &set, &mut out)?;
    }
    Ok(())
}

/// Without a vector: the mean difference over the training part, which no reported input is in.
pub(super) fn own_vector(
    dataset: &Dataset,
    opened: &Opened,
    seed: u64,
) -> Result<SteeringVector, Ending> {
    let rows = dataset.part(Part::Train, seed);
    let model = &opened.model;
    let pairs = PairSet::of_rows(
        dataset,
        &rows,
        model.tokenizer(),
        model.config().max_positions,
    )
    .map_err(failed)?;
    open::remark(&format!(
        "no --vector given: taking the mean difference of {} training pairs of '{}'",
        pairs.pairs.len(),
        dataset.name
    ));
    let mut progress = Progress::start("extracting");
    let mut report = |done, total| progress.update(done, total);
    extract_mean(
        model,
        &dataset.name,
        &opened.name,
        &pairs,
        &mut report,
        &Cancel::never(),
    )
    .map_err(failed)
}

fn csv(result: &Measurement, out: &mut impl Write) -> Result<(), Ending> {
    let mut writer = csv::Writer::from_writer(out);
    let mut header = vec!["id".to_string(), "steerability".to_string()];
    header.extend(
        result
            .protocol
            .multipliers
            .iter()
            .map(|m| format!("propensity@{m}")),
    );
    let text = |x: Option<String>| x.unwrap_or_default();
    let written = writer.write_record(&header).and_then(|()| {
        for input in &result.inputs {
            let mut record = vec![
                input.id.to_string(),
                text(input.steerability.map(|s| s.to_string())),
            ];
            record.extend(
                input
                    .propensity
                    .iter()
                    .map(|m| text(m.map(|m| m.to_string()))),
            );
            writer.write_record(&record)?;
        }
        writer.flush().map_err(csv::Error::from)
    });
    written.map_err(|error| match error.into_kind() {
        csv::ErrorKind::Io(error) => Ending::from(error),
        kind => Ending::Failed(format!("could not write the table: {kind:?}")),
    })
}

fn table(
    result: &Measurement,
    split: &str,
    set: &PreparedSet,
    out: &mut impl Write,
) -> Result<(), Ending> {
    let summary = &result.summary;
    let number = |x: Option<f64>| x.map_or_else(|| "-".to_string(), |x| format!("{x:.3}"));
    writeln!(out, "model    {}", result.model.name)?;
    writeln!(
        out,
        "vector   {} at block {}, mask {}",
        result.vector.name, result.protocol.block, result.protocol.mask
    )?;
    writeln!(
        out,
        "data     {} ({split}), {} inputs",
        result.dataset.name, summary.n
    )?;
    writeln!(out)?;
    writeln!(out, "  row  steerability  input")?;
    let mut order: Vec<usize> = (0..result.inputs.len()).collect();
    let slope = |i: &usize| {
        result
            .inputs
            .get(*i)
            .and_then(|r| r.steerability)
            .unwrap_or(f64::NAN)
    };
    order.sort_by(|a, b| slope(b).total_cmp(&slope(a)));
    for i in order {
        let (Some(input), Some(prepared)) = (result.inputs.get(i), set.inputs.get(i)) else {
            continue;
        };
        let mark = if input.steerability.is_some_and(|s| s > 0.0) {
            ' '
        } else {
            '-'
        };
        writeln!(
            out,
            "{:>5}  {:>11} {mark}  {}",
            input.id,
            number(input.steerability),
            one_line(&prepared.prompt, 70)
        )?;
    }
    writeln!(out)?;
    writeln!(out, "multiplier  mean propensity  quartiles")?;
    for point in &result.curve {
        writeln!(
            out,
            "{:>10}  {:>15}  {} .. {}",
            point.multiplier,
            number(Some(point.mean)),
            number(Some(point.lower)),
            number(Some(point.upper))
        )?;
    }
    writeln!(out)?;
    let interval = |i: Option<Interval>| {
        i.map_or_else(String::new, |i| {
            format!("  (95 % {:.3} .. {:.3})", i.low, i.high)
        })
    };
    let anti = summary.anti_steerable;
    let percent = anti
        .fraction
        .map_or_else(|| "-".to_string(), |f| format!("{:.1} %", 100.0 * f));
    writeln!(
        out,
        "mean steerability  {}{}",
        number(summary.mean),
        interval(summary.ci95)
    )?;
    writeln!(
        out,
        "median, sd         {}, {}",
        number(summary.median),
        number(summary.sd)
    )?;
    writeln!(
        out,
        "anti-steerable     {percent}, {} of {}{}",
        anti.count,
        summary.n,
        interval(anti.ci95)
    )?;
    if summary.non_finite > 0 {
        writeln!(
            out,
            "not finite         {} inputs left the usable range and are not in the figures above",
            summary.non_finite
        )?;
    }
    Ok(())
}

/// The last part of a prompt, where inputs of one data set differ, without line breaks.
fn one_line(prompt: &str, width: usize) -> String {
    let flat: Vec<&str> = prompt.split_whitespace().collect();
    let flat = flat.join(" ");
    let shown: String = flat.chars().take(width).collect();
    if shown.chars().count() < flat.chars().count() {
        format!("{shown}…")
    } else {
        shown
    }
}
