//! `steerscope factors`: how much of the spread of steerability is letter or word.

use std::io::{self, Write};

use serde::Serialize;

use super::args::FactorsArgs;
use super::condition::{self, Condition, SetGate};
use super::lab::{self, Keep, Measured, beside_published, number, store_fault};
use super::open::{self, Opened};
use super::output::Ending;
use super::study::Study;
use crate::measure::reference::CAVEAT;
use crate::measure::{DatasetIdentity, ModelIdentity, Protocol, VectorIdentity, check_multipliers};
use crate::stats::{FactorRow, SpuriousFactors, Summary, steerability};

/// Characters of a whole bar.
const BAR: usize = 40;

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    schema_version: u32,
    model: ModelIdentity,
    datasets: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    vector: VectorIdentity,
    dataset: DatasetIdentity,
    protocol: Protocol,
    #[serde(skip_serializing_if = "Option::is_none")]
    badge: Option<String>,
    /// Condition on prompts; inputs whose prompts are not steered have slope 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<SetGate>,
    factors: SpuriousFactors,
    summary: Summary,
}

pub(super) fn run(args: &FactorsArgs) -> Result<(), Ending> {
    let grid = args.grid.grid();
    check_multipliers(&grid).map_err(|e| Ending::Usage(e.to_string()))?;
    let opened = open::model(&args.model)?;
    let mut keeping = args.store.keeping();
    store_fault(&mut keeping);
    let mut keep = Keep {
        keeping: &mut keeping,
        options: args.memory.options(&opened.model),
    };
    let condition = Condition::of(&args.condition, &opened)?;
    let found = (args.datasets.iter())
        .map(|text| entry(args, &opened, condition.as_ref(), text, &grid, &mut keep))
        .collect::<Result<Vec<_>, _>>()?;
    let from_store = found.iter().filter(|(_, found)| *found).count();
    if from_store > 0 {
        open::remark(&format!(
            "{from_store} of {} data sets from the store; --no-store measures anew",
            found.len()
        ));
    }
    store_fault(&mut keeping);
    let datasets = found.into_iter().map(|(entry, _)| entry).collect();
    let report = Report {
        schema_version: 1,
        model: lab::model_identity(&opened),
        datasets,
    };
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "model    {}", report.model.name)?;
    let mut beside = false;
    for entry in &report.datasets {
        beside |= table(entry, &mut out)?;
    }
    if report.datasets.len() > 1 {
        overview(&report.datasets, &mut out)?;
    }
    if beside {
        writeln!(out, "\n{CAVEAT}")?;
    }
    Ok(())
}

/// The figures of one data set, and whether they come from the store.
fn entry(
    args: &FactorsArgs,
    opened: &Opened,
    condition: Option<&Condition<'_>>,
    text: &str,
    grid: &[f32],
    keep: &mut Keep<'_>,
) -> Result<(Entry, bool), Ending> {
    let study = Study::open(opened, text, &args.ask, args.parity, args.seed)?;
    let vector = match &args.vector {
        Some(text) => open::vector(text, opened)?,
        None => study.own_vector()?,
    };
    let block = open::block(args.site.layer, &vector, opened)?;
    let rows = study.rows(args.split.into(), args.limit)?;
    let protocol = study
        .protocol(block, args.site.mask, grid, &rows)
        .with_edit(args.site.edit(&vector)?);
    let unsteered = condition::unsteered(&args.condition, grid, protocol.edit())?;
    let Measured {
        set,
        rows: mut measured,
        found,
    } = lab::measured(&study, opened, &vector, &protocol, &rows, keep)?;
    let condition = condition::closed(condition, &set, &mut measured, unsteered)?;
    let slopes: Vec<(usize, f64)> = (set.inputs.iter().zip(&measured))
        .map(|(input, row)| (input.row, steerability(grid, row).unwrap_or(f64::NAN)))
        .collect();
    let values: Vec<f64> = slopes.iter().map(|(_, slope)| *slope).collect();
    let entry = Entry {
        vector: VectorIdentity {
            name: vector.name.clone(),
            id: vector.id(),
            norm: vector.norm(block).unwrap_or(f32::NAN),
        },
        dataset: lab::dataset_identity(&study.dataset, set.warnings()),
        badge: protocol.badge(),
        protocol,
        condition,
        factors: SpuriousFactors::of_rows(&FactorRow::of_examples(&rows.refs(), slopes)),
        summary: Summary::of_slopes(&values),
    };
    Ok((entry, found))
}

/// Says whether a published row stands beside ours.
fn table(entry: &Entry, out: &mut impl Write) -> Result<bool, Ending> {
    let (factors, protocol) = (&entry.factors, &entry.protocol);
    writeln!(out)?;
    writeln!(
        out,
        "vector   {} at block {}, mask {}",
        entry.vector.name, protocol.block, protocol.mask
    )?;
    writeln!(
        out,
        "data     {} ({}), {} inputs",
        entry.dataset.name, protocol.split.part, factors.n
    )?;
    writeln!(out, "protocol {}", protocol.words())?;
    if let Some(badge) = &entry.badge {
        writeln!(out, "         {badge}")?;
    }
    if let Some(gate) = &entry.condition {
        writeln!(out, "steered  {}", gate.words())?;
    }
    if factors.non_finite > 0 {
        writeln!(
            out,
            "         {} inputs left the usable range",
            factors.non_finite
        )?;
    }
    writeln!(out)?;
    match (factors.variance, factors.shares) {
        (Some(variance), Some(shares)) => {
            writeln!(out, "{:<24}  variance    share", "part of the variance")?;
            let words = if factors.yes_used {
                "Yes/No, beyond A/B"
            } else {
                "Yes/No (not known)"
            };
            let parts = [
                variance.first,
                variance.second_marginal,
                variance.unexplained,
            ];
            for ((name, part), share) in ["A/B", words, "unexplained"].iter().zip(parts).zip(shares)
            {
                writeln!(out, "{name:<24}  {part:>8.4}  {:>5.1} %", 100.0 * share)?;
            }
            writeln!(out, "{:<24}  {:>8.4}", "total", variance.total)?;
        }
        _ => writeln!(
            out,
            "no decomposition: it takes four inputs whose steerability is not all equal"
        )?,
    }
    for (name, effect) in [("(A)", factors.letter), ("Yes", factors.word)] {
        if let Some(effect) = effect {
            let relative = number(effect.relative);
            writeln!(
                out,
                "push toward {name:<12}  {:>+8.4}  {relative} of the mean steerability",
                effect.half_difference
            )?;
        }
    }
    writeln!(out)?;
    writeln!(
        out,
        "{:<6} {:>5}  {:>8} {:>8} {:>8} {:>8} {:>8}  {:>8}",
        "cell", "n", "min", "lower", "median", "upper", "max", "mean"
    )?;
    for cell in &factors.cells {
        let of =
            |pick: fn(&crate::stats::FiveNumbers) -> f64| number(cell.numbers.as_ref().map(pick));
        writeln!(
            out,
            "{:<6} {:>5}  {:>8} {:>8} {:>8} {:>8} {:>8}  {:>8}",
            cell.name,
            cell.n,
            of(|x| x.min),
            of(|x| x.lower),
            of(|x| x.median),
            of(|x| x.upper),
            of(|x| x.max),
            number(cell.mean)
        )?;
    }
    let shares = entry.factors.shares;
    Ok(beside_published(
        &entry.dataset.name,
        &entry.summary,
        shares,
        out,
    )?)
}

/// One stacked bar per data set: A for the letter, Y for the word, dots for the rest.
fn overview(entries: &[Entry], out: &mut impl Write) -> Result<(), Ending> {
    let width = lab::widest(entries.iter().map(|e| e.dataset.name.as_str())).max(8);
    writeln!(out)?;
    writeln!(
        out,
        "{:<width$}  {:>8}  {:>8}  {:>7}  {:>7}  {:<BAR$}",
        "data set", "mean", "variance", "A/B", "Yes/No", "A letter, Y word, . rest"
    )?;
    for entry in entries {
        let shares = entry.factors.shares.unwrap_or([f64::NAN; 3]);
        let percent = |x: f64| {
            if x.is_finite() {
                format!("{:.1} %", 100.0 * x)
            } else {
                "-".to_string()
            }
        };
        let cut = |x: f64| (x * BAR as f64).round() as usize;
        let (letter, word) = (cut(shares[0]), cut(shares[0] + shares[1]));
        let bar: String = (0..if entry.factors.shares.is_some() {
            BAR
        } else {
            0
        })
            .map(|i| match i {
                i if i < letter => 'A',
                i if i < word => 'Y',
                _ => '.',
            })
            .collect();
        writeln!(
            out,
            "{:<width$}  {:>8}  {:>8}  {:>7}  {:>7}  {bar}",
            entry.dataset.name,
            number(entry.summary.mean),
            number(entry.factors.variance.map(|v| v.total)),
            percent(shares[0]),
            percent(shares[1]),
        )?;
    }
    Ok(())
}
