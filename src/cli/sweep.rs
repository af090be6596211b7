//! `steerscope sweep`: all blocks of a vector × all multipliers over a data set.

use std::io::{self, Write};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::args::{ModelArgs, SplitChoice, StoreArgs, parse_finite, parse_positive};
use super::lab::{self, number};
use super::measure::{own_vector, store_fault};
use super::open::{self, Opened, failed};
use super::output::{Ending, Progress};
use crate::engine::Cancel;
use crate::measure::{
    CacheOptions, PromptCache, Protocol, SCHEMA_VERSION, Split, Sweep, SweepResult, SweepRow,
    SweepUnit, VectorIdentity, check_multipliers, store_cell, store_key, suggested_block,
    sweep_sites,
};
use crate::steering::dataset::Part;
use crate::steering::{SteeringVector, prompt_norms};
use crate::store::Names;
use crate::units::{BlockIndex, DEFAULT_MULTIPLIERS, Mask};

/// Sites that go up together: when they are through, they are in the store.
const TOGETHER: usize = 16;
/// Columns of a bar in the table.
const BAR: usize = 16;

/// `steerscope sweep`
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// Model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Vector: a file, or the name of a bundled one [default: extracted from the training split]
    #[arg(long, value_name = "FILE|NAME")]
    pub vector: Option<String>,
    /// Data set: a file, or the name of a bundled one
    #[arg(long, value_name = "FILE|NAME")]
    pub dataset: String,
    /// Blocks, such as 0-5,8,11 [default: all that the vector has]
    #[arg(long, value_name = "LIST", value_parser = parse_blocks)]
    pub layers: Option<Blocks>,
    /// Steered positions
    #[arg(long, default_value_t = Mask::default())]
    pub mask: Mask,
    /// Multiplier grid of the slope, at least three values
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true, value_parser = parse_finite)]
    pub multipliers: Option<Vec<f32>>,
    /// Comparison of blocks: the vector as it is, at equal length relative to the residual stream, or both
    #[arg(long, value_enum, default_value_t = UnitChoice::Both)]
    pub unit: UnitChoice,
    /// Part of the data set after the seeded shuffle; layers are chosen on 'val'
    #[arg(long, value_enum, default_value_t = SplitChoice::Val)]
    pub split: SplitChoice,
    /// Measure at most N inputs
    #[arg(long, value_name = "N", value_parser = parse_positive)]
    pub limit: Option<usize>,
    /// Seed of the split and of the bootstrap
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// One JSON object, nothing else, on standard output
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// One line per block and unit on standard output
    #[arg(long)]
    pub csv: bool,
    /// Where results are kept.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Blocks named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocks(pub Vec<BlockIndex>);

/// `--unit`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UnitChoice {
    /// The vector as it is
    Raw,
    /// Equal length relative to the residual stream at each block
    Kappa,
    /// Both
    Both,
}

impl UnitChoice {
    fn units(self) -> &'static [SweepUnit] {
        match self {
            Self::Raw => &[SweepUnit::Raw],
            Self::Kappa => &[SweepUnit::EqualKappa],
            Self::Both => &[SweepUnit::Raw, SweepUnit::EqualKappa],
        }
    }
}

fn parse_blocks(text: &str) -> Result<Blocks, String> {
    let number = |s: &str| {
        s.trim()
            .parse::<usize>()
            .map_err(|_| format!("'{s}' is no block; write a list such as 0-5,8,11"))
    };
    let mut blocks = Vec::new();
    for part in text.split(',') {
        let (from, to) = match part.split_once('-') {
            Some((from, to)) => (number(from)?, number(to)?),
            None => (number(part)?, number(part)?),
        };
        if to < from || to - from > 4096 {
            return Err(format!("'{part}' is no range of blocks"));
        }
        blocks.extend((from..=to).map(BlockIndex));
    }
    blocks.sort_unstable();
    blocks.dedup();
    Ok(Blocks(blocks))
}

pub(super) fn run(args: &SweepArgs) -> Result<(), Ending> {
    let grid = args
        .multipliers
        .clone()
        .unwrap_or_else(|| DEFAULT_MULTIPLIERS.to_vec());
    check_multipliers(&grid).map_err(|e| Ending::Usage(e.to_string()))?;
    let opened = open::model(&args.model)?;
    let dataset = open::dataset(&args.dataset)?;
    let vector = match &args.vector {
        Some(text) => open::vector(text, &opened)?,
        None => own_vector(&dataset, &opened, args.seed)?,
    };
    let model = &opened.model;
    let wanted = blocks(args, &vector, &opened)?;
    let norms = prompt_norms(model, &dataset, &Cancel::never()).map_err(failed)?;
    let reference = vector
        .recommended_block()
        .filter(|b| wanted.contains(b))
        .unwrap_or(wanted[wanted.len() / 2]);
    let directions = wanted
        .iter()
        .filter_map(|b| Some((*b, vector.direction(*b).ok()?)));
    let sites = sweep_sites(directions, &norms, reference, args.unit.units());
    if sites.is_empty() {
        return Err(Ending::Failed(format!(
            "'{}' has no direction of any length at these blocks",
            vector.name
        )));
    }

    let part = Part::from(args.split);
    let mut rows = dataset.part(part, args.seed);
    rows.truncate(args.limit.unwrap_or(usize::MAX));
    let set = lab::prepared(&dataset, &rows, &opened, args.mask)?;
    let split = Split::part(part, args.seed).first(args.limit);
    let protocol =
        |block, grid: &[f32]| Protocol::new(block, args.mask, grid, split.clone()).on(model);
    let names = Names {
        model: opened.name.clone(),
        vector: vector.name.clone(),
        dataset: dataset.name.clone(),
    };
    let mut keeping = args.store.keeping();
    store_fault(&mut keeping);
    let mut cache = PromptCache::new(Arc::clone(model), Arc::clone(&set), CacheOptions::default());
    let mut progress = Progress::start("sweeping");
    let (mut figures, mut found) = (Vec::new(), 0);
    let (mut finished, total) = (0, sites.len() * set.inputs.len());
    for sites in sites.chunks(TOGETHER) {
        let mut missing = Vec::new();
        for site in sites {
            let protocol = protocol(site.block, &site.grid(&grid));
            match keeping.find(&store_key(model, &vector, &set, &protocol)) {
                Some(cell) => {
                    let rows: Vec<Vec<f32>> = cell.rows().map(<[f32]>::to_vec).collect();
                    figures.push(SweepRow::new(site, &grid, &rows));
                    found += 1;
                    finished += set.inputs.len();
                }
                None => missing.push(site.clone()),
            }
        }
        if missing.is_empty() {
            continue;
        }
        let n = missing.len();
        let mut sweep = Sweep::new(missing, &grid, args.mask);
        while sweep.done() < cache.len() {
            let done = sweep
                .advance(&mut cache, &Cancel::never())
                .map_err(failed)?;
            progress.update(finished + n * done, total);
        }
        finished += n * set.inputs.len();
        for (site, measured) in sweep.into_rows() {
            let protocol = protocol(site.block, &site.grid(&grid));
            let cell = store_cell(names.clone(), &protocol, &set, &rows, &measured);
            keeping.put(&store_key(model, &vector, &set, &protocol), &cell);
            figures.push(SweepRow::new(&site, &grid, &measured));
        }
    }
    progress.finish();
    if found > 0 {
        open::remark(&format!(
            "{found} of {} cells from the store; --no-store measures anew",
            figures.len()
        ));
    }
    store_fault(&mut keeping);
    let order = |r: &SweepRow| (r.unit == SweepUnit::EqualKappa, r.block);
    figures.sort_by_key(order);

    let result = SweepResult {
        schema_version: SCHEMA_VERSION,
        model: lab::model_identity(&opened),
        vector: VectorIdentity {
            name: vector.name.clone(),
            id: vector.id(),
            norm: vector.norm(reference).unwrap_or(f32::NAN),
        },
        dataset: lab::dataset_identity(&dataset, set.warnings()),
        protocol: protocol(reference, &grid),
        inputs: set.inputs.iter().map(|i| i.row).collect(),
        residual_norms: norms,
        suggested_block: suggested_block(&figures),
        rows: figures,
    };
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &result).map_err(io::Error::from)?;
        writeln!(out)?;
    } else if args.csv {
        csv(&result, &mut out)?;
    } else {
        table(&result, &mut out)?;
    }
    Ok(())
}

/// The blocks asked for, each with a direction; else all that have one.
fn blocks(
    args: &SweepArgs,
    vector: &SteeringVector,
    opened: &Opened,
) -> Result<Vec<BlockIndex>, Ending> {
    let Some(Blocks(wanted)) = &args.layers else {
        let all: Vec<BlockIndex> = vector.directions.keys().copied().map(BlockIndex).collect();
        return if all.is_empty() {
            Err(Ending::Failed(format!(
                "'{}' has no directions",
                vector.name
            )))
        } else {
            Ok(all)
        };
    };
    for block in wanted {
        open::block(Some(*block), vector, opened)?;
    }
    Ok(wanted.clone())
}

fn percent(row: &SweepRow) -> String {
    let fraction = row.summary.anti_steerable.fraction;
    fraction.map_or_else(|| "-".to_owned(), |f| format!("{:.0} %", 100.0 * f))
}

fn table(result: &SweepResult, out: &mut impl Write) -> Result<(), Ending> {
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
    for unit in [SweepUnit::Raw, SweepUnit::EqualKappa] {
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
        }
        writeln!(
            out,
            "block  steerability  variance  anti-steerable  ×vector"
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
                && (unit == SweepUnit::EqualKappa
                    || !result.rows.iter().any(|r| r.unit != SweepUnit::Raw));
            writeln!(
                out,
                "{:>5}  {:>12}  {:>8}  {:>14}  {:>7.3}  {bar}{}",
                row.block.0,
                number(mean),
                number(row.variance),
                percent(row),
                row.scale,
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
    let text = |x: Option<f64>| x.map(|x| x.to_string()).unwrap_or_default();
    let written = writer.write_record(&header).and_then(|()| {
        for row in &result.rows {
            let unit = match row.unit {
                SweepUnit::Raw => "raw",
                SweepUnit::EqualKappa => "equal_kappa",
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
            writer.write_record(&record)?;
        }
        writer.flush().map_err(csv::Error::from)
    });
    written.map_err(|error| match error.into_kind() {
        csv::ErrorKind::Io(error) => Ending::from(error),
        kind => Ending::Failed(format!("could not write the table: {kind:?}")),
    })
}
