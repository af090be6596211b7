//! `steerscope factors`: how much of the spread of steerability is letter or word.

use std::io::{self, Write};

use serde::Serialize;

use super::args::FactorsArgs;
use super::lab::{self, number};
use super::measure::own_vector;
use super::open::{self, Opened, failed};
use super::output::Ending;
use crate::measure::{
    DatasetIdentity, ModelIdentity, Protocol, Site, Split, VectorIdentity, check_multipliers,
};
use crate::stats::{FactorRow, SpuriousFactors, Summary, steerability};
use crate::steering::dataset::Part;

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
    factors: SpuriousFactors,
    summary: Summary,
}

pub(super) fn run(args: &FactorsArgs) -> Result<(), Ending> {
    let grid = args.grid.grid();
    check_multipliers(&grid).map_err(|e| Ending::Usage(e.to_string()))?;
    let opened = open::model(&args.model)?;
    let datasets = (args.datasets.iter())
        .map(|text| entry(args, &opened, text, &grid))
        .collect::<Result<Vec<_>, _>>()?;
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
    for entry in &report.datasets {
        table(entry, &mut out)?;
    }
    if report.datasets.len() > 1 {
        overview(&report.datasets, &mut out)?;
    }
    Ok(())
}

fn entry(args: &FactorsArgs, opened: &Opened, text: &str, grid: &[f32]) -> Result<Entry, Ending> {
    let dataset = open::dataset(text)?;
    let vector = match &args.vector {
        Some(text) => open::vector(text, opened)?,
        None => own_vector(&dataset, opened, args.seed)?,
    };
    let block = open::block(args.site.layer, &vector, opened)?;
    let mut rows = dataset.part(args.split.into(), args.seed);
    rows.truncate(args.limit.unwrap_or(usize::MAX));
    let set = lab::prepared(&dataset, &rows, opened, args.site.mask)?;
    let site = Site {
        direction: vector.direction(block).map_err(failed)?,
        block,
        mask: args.site.mask,
    };
    let measured = lab::propensities(opened, &set, &site, grid)?;
    let slopes: Vec<(usize, f64)> = (set.inputs.iter().zip(&measured))
        .map(|(input, row)| (input.row, steerability(grid, row).unwrap_or(f64::NAN)))
        .collect();
    let values: Vec<f64> = slopes.iter().map(|(_, slope)| *slope).collect();
    let split = Split::part(Part::from(args.split), args.seed).first(args.limit);
    Ok(Entry {
        vector: VectorIdentity {
            name: vector.name.clone(),
            id: vector.id(),
            norm: vector.norm(block).unwrap_or(f32::NAN),
        },
        dataset: lab::dataset_identity(&dataset, set.warnings()),
        protocol: Protocol::new(block, args.site.mask, grid, split).on(&opened.model),
        factors: SpuriousFactors::of_rows(&FactorRow::of_dataset(&dataset, slopes)),
        summary: Summary::of_slopes(&values),
    })
}

fn table(entry: &Entry, out: &mut impl Write) -> Result<(), Ending> {
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
    Ok(())
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
