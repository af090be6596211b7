//! `steerscope measure`: vector + data set → per-input steerability.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::args::{MeasureArgs, TemplateChoice};
use super::bundle::Bundle;
use super::condition::{self, Condition, SetGate};
use super::extract_positions;
use super::lab::{self, Keep, Measured, beside_published, number, store_fault};
use super::measure_positions;
use super::open::{self, failed};
use super::output::Ending;
use super::probe;
use super::study::Study;
use super::units;
use crate::measure::reference::CAVEAT;
use crate::measure::{Measurement, PreparedSet, Site, VectorIdentity, check_multipliers};
use crate::plot;
use crate::protocol::ResponseFigure;
use crate::stats::Interval;
use crate::steering::dataset::Part;

pub(super) fn run(args: &MeasureArgs) -> Result<(), Ending> {
    let grid = args.grid();
    check_multipliers(&grid).map_err(|e| Ending::Usage(e.to_string()))?;
    let opened = open::model(&args.model)?;
    if let Some(rows) = extract_positions::rows(args.vector.as_deref())? {
        return measure_positions::run(args, &opened, &rows, &grid);
    }
    let study = Study::open(&opened, &args.dataset, &args.ask, args.parity, args.seed)?;
    let dataset = &study.dataset;
    let vector = match &args.vector {
        Some(text) => open::vector(text, &opened)?,
        None => study.own_vector()?,
    };
    let block = open::block(args.site.layer, &vector, &opened)?;

    let site = Site {
        direction: vector.direction(block).map_err(failed)?,
        block,
        mask: args.site.mask,
        edit: args.site.edit(&vector)?,
    };
    let data = Some(dataset);
    let (grid, stated) = units::raw(args.unit.unit, &grid, &opened, &vector, &site, data)?;
    check_multipliers(&grid).map_err(failed)?;
    let rows = study.rows(args.split.into(), args.limit)?;
    let protocol = study
        .protocol(block, args.site.mask, &grid, &rows)
        .with_edit(args.site.edit(&vector)?);
    let edit = protocol.edit();
    let condition = Condition::of(&args.condition, &opened)?;
    let unsteered = condition::unsteered(&args.condition, &grid, edit)?;
    let mut keeping = args.store.keeping();
    store_fault(&mut keeping);
    let mut keep = Keep {
        keeping: &mut keeping,
        options: args.memory.options(&opened.model),
    };
    let Measured {
        set,
        rows: mut measured,
        found,
    } = lab::measured(&study, &opened, &vector, &protocol, &rows, &mut keep)?;
    if found {
        open::remark("from the store; --no-store measures anew");
    }
    store_fault(&mut keeping);

    let gate = condition::closed(condition.as_ref(), &set, &mut measured, unsteered)?;

    let mut result = Measurement::new(
        lab::model_identity(&opened),
        VectorIdentity {
            name: vector.name.clone(),
            id: vector.id(),
            norm: vector.norm(block).unwrap_or(f32::NAN),
        },
        lab::dataset_identity(dataset, set.warnings()),
        protocol,
        &set,
        &measured,
    );
    result.condition = (gate.as_ref().map(serde_json::to_value).transpose()).map_err(failed)?;
    result.unit = stated
        .as_ref()
        .map(serde_json::to_value)
        .transpose()
        .map_err(failed)?;
    if let Some(path) = &args.plot {
        open::may_write(path, args.force)?;
        plot::write(&figure(&result, &measured, gate.as_ref()), path).map_err(open::failed)?;
        open::remark(&format!("figure written to '{}'", path.display()));
    }
    if args.json || args.bundle.is_some() {
        let prompt = set.inputs.first().map_or_else(Vec::new, |input| {
            input
                .prefix
                .iter()
                .copied()
                .take(input.prompt_len)
                .collect()
        });
        result.receipt =
            probe::receipt(&opened, &vector, (block, edit, args.site.mask), 1.0, prompt);
    }
    if let Some(folder) = &args.bundle {
        open::may_write(folder, args.force)?;
        let bundle = Bundle {
            opened: &opened,
            vector: &vector,
            result: &result,
            set: &set,
            rows: &dataset.examples,
            figure: &figure(&result, &measured, gate.as_ref()),
            model: args.model.model.to_string(),
            flags: flags(args),
        };
        bundle.write(folder)?;
        open::remark(&format!("bundle written to '{}'", folder.display()));
    }
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

/// What else the command was given that changes its figures.
fn flags(args: &MeasureArgs) -> String {
    let mut flags = String::new();
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    if let Some(n) = args.limit {
        let _ = write!(flags, " --limit {n}");
    }
    if args.seed != 0 {
        let _ = write!(flags, " --seed {}", args.seed);
    }
    if args.ask.template == TemplateChoice::Chat {
        flags.push_str(" --template chat");
    }
    if let Some(system) = &args.ask.system {
        let _ = write!(flags, " --system {}", quoted(system));
    }
    if args.parity {
        flags.push_str(" --parity");
    }
    let edit = args.site.edit.own();
    if args.site.edit.operator.is_some() {
        let _ = write!(flags, " --operator {}", edit.operator);
    }
    if args.site.edit.site.is_some() {
        let _ = write!(flags, " --site {}", edit.point);
    }
    flags
}

/// Title and protocol of the figure, the same figures as in the table.
pub(super) fn figure(
    result: &Measurement,
    rows: &[Vec<f32>],
    gate: Option<&SetGate>,
) -> ResponseFigure {
    ResponseFigure {
        title: format!(
            "{} on {}, block {} of {}",
            result.vector.name, result.dataset.name, result.protocol.block, result.model.name
        ),
        protocol: format!(
            "{}{}, ‖v‖ {:.3}, steerscope {}",
            result.protocol.words(),
            gate.map_or_else(String::new, |gate| format!(", {}", gate.words())),
            result.vector.norm,
            env!("CARGO_PKG_VERSION")
        ),
        multipliers: result.protocol.multipliers.clone(),
        rows: rows.to_vec(),
    }
}

pub(super) fn csv(result: &Measurement, out: &mut impl Write) -> Result<(), Ending> {
    let mut writer = csv::Writer::from_writer(out);
    let mut header = vec!["id".to_string(), "steerability".to_string()];
    header.extend(
        result
            .protocol
            .multipliers
            .iter()
            .map(|m| format!("propensity@{m}")),
    );
    header.extend(result.badge.iter().map(|_| "badge".to_owned()));
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
            record.extend(result.badge.clone());
            writer.write_record(&record)?;
        }
        writer.flush().map_err(csv::Error::from)
    });
    written.map_err(|error| match error.into_kind() {
        csv::ErrorKind::Io(error) => Ending::from(error),
        kind => Ending::Failed(format!("could not write the table: {kind:?}")),
    })
}

pub(super) fn table(
    result: &Measurement,
    split: &str,
    set: &PreparedSet,
    out: &mut impl Write,
) -> Result<(), Ending> {
    let summary = &result.summary;
    writeln!(out, "model    {}", result.model.name)?;
    writeln!(
        out,
        "vector   {} at block {}, mask {}",
        result.vector.name, result.protocol.block, result.protocol.mask
    )?;
    if let Some(n) = result.per_position {
        writeln!(
            out,
            "         row t is added at position t of the prompt, {n} rows"
        )?;
    }
    writeln!(
        out,
        "data     {} ({split}), {} inputs",
        result.dataset.name, summary.n
    )?;
    writeln!(out, "protocol {}", result.protocol.words())?;
    if let Some(badge) = &result.badge {
        writeln!(out, "         {badge}")?;
    }
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
    if beside_published(&result.dataset.name, summary, None, out)? {
        writeln!(out, "{CAVEAT}")?;
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
