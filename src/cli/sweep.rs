//! `steerscope sweep`: all blocks of a vector × all multipliers over a data set.

use std::io::{self, Write};

use super::args::{Blocks, SplitChoice, SweepArgs};
use super::condition::{self, Condition, SetGate};
use super::lab::{self, number, store_fault};
use super::open::{self, Opened, failed};
use super::output::{Ending, Progress};
use super::study::Study;
use super::sweep_cells::{CellRun, Cells};
use super::units::Scales;
use crate::measure::{
    SCHEMA_VERSION, Site, SweepGiven, SweepResult, SweepRow, SweepSite, SweepUnit, VectorIdentity,
    check_multipliers, suggested_block, sweep_sites,
};
use crate::steering::SteeringVector;
use crate::store::Keeping;
use crate::units::{BlockIndex, CoefficientUnit, DEFAULT_MULTIPLIERS, Edit, Mask};

/// Columns of a bar in the table.
const BAR: usize = 16;

pub(super) fn run(args: &SweepArgs) -> Result<(), Ending> {
    let grid = args
        .multipliers
        .clone()
        .unwrap_or_else(|| DEFAULT_MULTIPLIERS.to_vec());
    check_multipliers(&grid).map_err(|e| Ending::Usage(e.to_string()))?;
    let given = args.unit.filter(|unit| *unit != CoefficientUnit::Raw);
    if let Some(unit) = given.filter(|_| args.multipliers.is_none()) {
        return Err(Ending::Usage(format!(
            "give --multipliers in {unit}: the default ones are multiples of the vector; '--length kappa' compares blocks at equal length without a unit"
        )));
    }
    let comparisons = match args.unit {
        None => args.length.units(),
        Some(CoefficientUnit::Raw) => &[SweepUnit::Raw],
        Some(_) => &[SweepUnit::Given],
    };
    let opened = open::model(&args.model)?;
    let study = Study::open(&opened, &args.dataset, &args.ask, args.parity, args.seed)?;
    let vector = match &args.vector {
        Some(text) => open::vector(text, &opened)?,
        None => study.own_vector()?,
    };
    let wanted = blocks(args, &vector, &opened)?;
    let norms = study.residual_norms()?;
    let reference = vector
        .recommended_block()
        .filter(|b| wanted.contains(b))
        .unwrap_or(wanted[wanted.len() / 2]);
    let edit = args.edit.of(&vector)?;
    let directions = wanted
        .iter()
        .filter_map(|b| Some((*b, vector.direction(*b).ok()?)));
    let mut unit = None;
    let sites = if let Some(given) = given {
        let scales = Scales::new(given, &opened, &vector, Some(&study.dataset)).with_norms(&norms);
        let (sites, means) = given_sites(&scales, directions, &grid, (args.mask, edit))?;
        let name = given.name().to_owned();
        unit = Some(SweepGiven { unit: name, means });
        sites
    } else {
        sweep_sites(directions, &norms, reference, comparisons)
    };
    if sites.is_empty() {
        return Err(Ending::Failed(format!(
            "'{}' cannot be compared at equal κ: the residual stream has no length at block {reference}; give --length raw",
            vector.name
        )));
    }
    left_out(&wanted, &sites, comparisons);
    let default = if args.parity {
        SplitChoice::Test
    } else {
        SplitChoice::Val
    };
    let rows = study.rows(args.split.unwrap_or(default).into(), args.limit)?;
    let set = study.prepared(&rows, args.mask)?;
    let unsteered = condition::unsteered(&args.condition, &grid, edit)?;
    let gate = match Condition::of(&args.condition, &opened)? {
        Some(condition) => Some(condition.set(&set)?),
        None => None,
    };
    let mut keeping = args.store.keeping();
    if args.shard.is_some() {
        kept_somewhere(&mut keeping)?;
    }
    store_fault(&mut keeping);
    let all = sites.len();
    let mine = match args.shard {
        Some(shard) => shard.cells(sites),
        None => sites,
    };
    let run = CellRun {
        study: &study,
        opened: &opened,
        vector: &vector,
        rows: &rows,
        set: &set,
        grid: &grid,
        mask: args.mask,
        edit,
        closed: gate.as_ref().map(|gate| (gate, unsteered)),
        options: args.memory.options(&opened.model),
    };
    let Cells { mut figures, found } = run.all(&mine, &mut keeping)?;
    if found > 0 {
        open::remark(&format!(
            "{found} of {} cells from the store; --no-store measures anew",
            figures.len()
        ));
    }
    if let Some(shard) = args.shard {
        kept_somewhere(&mut keeping)?;
        open::remark(&format!(
            "part {shard}: {} of {all} cells, {} computed; join the parts' stores with 'steerscope runs merge' and sweep without --shard",
            figures.len(),
            figures.len() - found
        ));
    }
    store_fault(&mut keeping);
    let order = |r: &SweepRow| (r.unit == SweepUnit::EqualKappa, r.block);
    figures.sort_by_key(order);

    let protocol = study
        .protocol(reference, args.mask, &grid, &rows)
        .with_edit(edit);
    let result = SweepResult {
        schema_version: SCHEMA_VERSION,
        model: lab::model_identity(&opened),
        vector: VectorIdentity {
            name: vector.name.clone(),
            id: vector.id(),
            norm: vector.norm(reference).unwrap_or(f32::NAN),
        },
        dataset: lab::dataset_identity(&study.dataset, set.warnings()),
        badge: protocol.badge(),
        protocol,
        unit,
        condition: (gate.as_ref().map(serde_json::to_value).transpose()).map_err(failed)?,
        shard: args.shard.map(|shard| shard.to_string()),
        inputs: set.inputs.iter().map(|i| i.row).collect(),
        residual_norms: norms,
        suggested_block: match args.shard {
            Some(_) => None,
            None => suggested_block(&figures),
        },
        rows: figures,
    };
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &result).map_err(io::Error::from)?;
        writeln!(out)?;
    } else if args.csv {
        csv(&result, &mut out)?;
    } else {
        table(&result, gate.as_ref(), &mut out)?;
    }
    Ok(())
}

/// The blocks asked for, each with a direction; else all that have one. No vector that can be loaded or
/// extracted has a direction of length 0.
fn blocks(
    args: &SweepArgs,
    vector: &SteeringVector,
    opened: &Opened,
) -> Result<Vec<BlockIndex>, Ending> {
    let Some(Blocks(wanted)) = &args.layers else {
        return Ok(vector.directions.keys().copied().map(BlockIndex).collect());
    };
    for block in wanted {
        open::block(Some(*block), vector, opened)?;
    }
    Ok(wanted.clone())
}

/// What a unit is at each block, in words.
type Meanings = Vec<(BlockIndex, String)>;

/// The blocks with their raw multipliers for values in a unit, and what the unit is at each.
fn given_sites<'a>(
    scales: &Scales<'_>,
    directions: impl Iterator<Item = (BlockIndex, &'a [f32])>,
    grid: &[f32],
    (mask, edit): (Mask, Edit),
) -> Result<(Vec<SweepSite>, Meanings), Ending> {
    let (mut sites, mut means) = (Vec::new(), Vec::new());
    let directions: Vec<_> = directions.collect();
    let mut progress = Progress::start("converting the unit");
    for (i, (block, direction)) in directions.iter().copied().enumerate() {
        progress.update(i, directions.len());
        let site = Site {
            edit,
            direction,
            block,
            mask,
        };
        let stated = scales.state(grid, &site)?;
        sites.push(SweepSite {
            block,
            direction: direction.to_vec(),
            scale: stated.one,
            unit: SweepUnit::Given,
            raw: Some(stated.raw),
        });
        means.push((block, stated.means));
    }
    progress.finish();
    Ok((sites, means))
}

/// Names the blocks that one comparison had to leave out.
fn left_out(wanted: &[BlockIndex], sites: &[SweepSite], units: &[SweepUnit]) {
    for unit in units {
        let measured = |b: &&BlockIndex| !sites.iter().any(|s| s.unit == *unit && s.block == **b);
        let missing: Vec<String> = (wanted.iter().filter(measured))
            .map(ToString::to_string)
            .collect();
        if !missing.is_empty() {
            let which = match unit {
                SweepUnit::Raw => "as it is",
                SweepUnit::EqualKappa => "at equal κ",
                SweepUnit::Given => "in the unit",
            };
            open::remark(&format!(
                "not measured {which}: block {}, where the direction or the residual stream has no length",
                missing.join(", ")
            ));
        }
    }
}

/// Refuses to compute a part of a sweep that nobody could join with the others.
fn kept_somewhere(keeping: &mut Keeping) -> Result<(), Ending> {
    match keeping.take_fault() {
        Some(fault) => Err(Ending::Failed(format!(
            "a part of a sweep is of use in a store only: {fault}"
        ))),
        None => Ok(()),
    }
}

fn percent(row: &SweepRow) -> String {
    let fraction = row.summary.anti_steerable.fraction;
    fraction.map_or_else(|| "-".to_owned(), |f| format!("{:.0} %", 100.0 * f))
}

/// The raw multipliers from the least to the largest, where they were given in a unit.
fn raw_range(row: &SweepRow) -> String {
    let Some(raw) = &row.raw else {
        return String::new();
    };
    let low = raw.iter().copied().fold(f32::INFINITY, f32::min);
    let high = raw.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    format!("  {:>16}", format!("{low:+.3}..{high:+.3}"))
}

fn table(result: &SweepResult, gate: Option<&SetGate>, out: &mut impl Write) -> Result<(), Ending> {
    writeln!(out, "model    {}", result.model.name)?;
    writeln!(
        out,
        "vector   {}, mask {}",
        result.vector.name, result.protocol.mask
    )?;
    writeln!(
        out,
        "data     {} ({}), {} inputs",
        result.dataset.name,
        result.protocol.split.part,
        result.inputs.len()
    )?;
    if let Some(badge) = &result.badge {
        writeln!(out, "         {badge}")?;
    }
    if let Some(gate) = gate {
        writeln!(out, "steered  {}", gate.words())?;
    }
    if let Some(shard) = &result.shard {
        writeln!(out, "part     {shard} of the cells")?;
    }
    for unit in [SweepUnit::Raw, SweepUnit::EqualKappa, SweepUnit::Given] {
        let rows: Vec<&SweepRow> = result.rows.iter().filter(|r| r.unit == unit).collect();
        if rows.is_empty() {
            continue;
        }
        writeln!(out)?;
        match unit {
            SweepUnit::Raw => writeln!(out, "raw: times the vector as it is")?,
            SweepUnit::EqualKappa => writeln!(
                out,
                "equal κ: as long relative to the residual stream as at block {}",
                result.protocol.block
            )?,
            SweepUnit::Given => {
                let unit = result.unit.as_ref().map_or("", |u| u.unit.as_str());
                let words = unit.parse().map(CoefficientUnit::words).unwrap_or_default();
                writeln!(
                    out,
                    "multipliers in {unit}: {words}; ×vector: 1 in multiples of the vector"
                )?;
            }
        }
        let raw_too = if unit == SweepUnit::Given {
            "   raw multipliers"
        } else {
            ""
        };
        writeln!(
            out,
            "block  steerability  variance  anti-steerable  ×vector{raw_too}"
        )?;
        let largest = rows
            .iter()
            .filter_map(|r| r.summary.mean)
            .fold(0.0, |a: f64, m| a.max(m.abs()));
        for row in rows {
            let mean = row.summary.mean;
            let share = mean.map_or(0.0, |m| if largest > 0.0 { m / largest } else { 0.0 });
            let bar = "#".repeat((share.max(0.0) * BAR as f64).round() as usize);
            let here = result.suggested_block == Some(row.block)
                && (unit == SweepUnit::EqualKappa || result.rows.iter().all(|r| r.unit == unit));
            writeln!(
                out,
                "{:>5}  {:>12}  {:>8}  {:>14}  {:>7.3}{}  {bar}{}",
                row.block.0,
                number(mean),
                number(row.variance),
                percent(row),
                row.scale,
                raw_range(row),
                if here { "  suggested" } else { "" }
            )?;
        }
    }
    Ok(())
}

fn csv(result: &SweepResult, out: &mut impl Write) -> Result<(), Ending> {
    let mut writer = csv::Writer::from_writer(out);
    let mut header: Vec<String> = [
        "unit", "block", "scale", "n", "mean", "median", "variance", "anti",
    ]
    .map(str::to_owned)
    .to_vec();
    header.extend(
        result
            .protocol
            .multipliers
            .iter()
            .map(|m| format!("propensity@{m}")),
    );
    let given = result.unit.as_ref().map(|u| u.unit.as_str());
    if given.is_some() {
        let multipliers = result.protocol.multipliers.iter();
        header.extend(multipliers.map(|m| format!("raw@{m}")));
    }
    header.extend(result.badge.iter().map(|_| "badge".to_owned()));
    let text = |x: Option<f64>| x.map(|x| x.to_string()).unwrap_or_default();
    let written = writer.write_record(&header).and_then(|()| {
        for row in &result.rows {
            let unit = match row.unit {
                SweepUnit::Raw => "raw",
                SweepUnit::EqualKappa => "equal_kappa",
                SweepUnit::Given => given.unwrap_or("given"),
            };
            let mut record = vec![
                unit.to_owned(),
                row.block.0.to_string(),
                row.scale.to_string(),
                row.summary.n.to_string(),
                text(row.summary.mean),
                text(row.summary.median),
                text(row.variance),
                text(row.summary.anti_steerable.fraction),
            ];
            record.extend(result.protocol.multipliers.iter().map(|m| {
                let point = row.curve.iter().find(|p| p.multiplier.total_cmp(m).is_eq());
                text(point.map(|p| p.mean))
            }));
            let raw = row.raw.iter().flatten().filter(|_| given.is_some());
            record.extend(raw.map(ToString::to_string));
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
