//! `steerscope compare`: several vectors on one data set, side by side.

use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use super::args::CompareArgs;
use super::condition::{self, Condition, SetGate};
use super::lab::{self, names, number, store_fault};
use super::open::{self, Opened, failed, remark};
use super::output::{Ending, Progress};
use super::study::{Rows, Study, repeated};
use crate::engine::Cancel;
use crate::measure::{
    DatasetIdentity, ModelIdentity, Placed, PlacedVector, PreparedSet, PromptCache, Protocol,
    SCHEMA_VERSION, Sweep, SweepRow, SweepSite, SweepUnit, VectorIdentity, check_multipliers,
    store_cell, store_key,
};
use crate::protocol::Asset;
use crate::steering::SteeringVector;
use crate::store::Keeping;

/// Vectors that go up together: when they are through, they are in the store.
const TOGETHER: usize = 16;

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    schema_version: u32,
    model: ModelIdentity,
    dataset: DatasetIdentity,
    /// Its block is that of vectors which recommend none.
    protocol: Protocol,
    /// At equal κ: the vector whose κ all have.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<Reference>,
    /// Condition on prompts; inputs whose prompts are not steered have slope 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<SetGate>,
    /// Rows of the data set, in the order of the propensities.
    inputs: Vec<usize>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Reference {
    vector: String,
    kappa: f32,
}

/// One vector's figures.
#[derive(Serialize)]
struct Row {
    vector: VectorIdentity,
    placed: Placed,
    /// κ of multiplier 1.
    kappa: Option<f32>,
    #[serde(flatten)]
    figures: SweepRow,
}

pub(super) fn run(args: &CompareArgs) -> Result<(), Ending> {
    let grid = args.grid.grid();
    check_multipliers(&grid).map_err(|e| Ending::Usage(e.to_string()))?;
    let opened = open::model(&args.model)?;
    let study = Study::open(&opened, &args.dataset, &args.ask, false, args.seed)?;
    let block = lab::block(args.site.layer, &opened)?;
    let norms = study.residual_norms()?;
    let edit = args.site.edit.own();
    let place = |vector| {
        let own = args.site.layer.is_none();
        PlacedVector::new(Arc::new(vector), block, own, edit, &norms)
    };
    let mut placed = Vec::new();
    for (name, vector) in vectors(args, &opened)? {
        match vector.and_then(|v| place(v).map_err(failed)) {
            Ok(vector) => placed.push(vector),
            // One that was asked for by name has to be there.
            Err(ending) if !args.vectors.is_empty() => return Err(ending),
            Err(Ending::Failed(words)) => remark(&format!("'{name}' left out: {words}")),
            Err(ending) => return Err(ending),
        }
    }
    if placed.is_empty() {
        return Err(Ending::Failed("no vector fits the model".to_owned()));
    }
    let mut reference = None;
    let mut sites: Vec<(PlacedVector, SweepUnit)> = Vec::new();
    for unit in args.length.units() {
        match unit {
            SweepUnit::Raw | SweepUnit::Given => {
                sites.extend(placed.iter().map(|v| (v.clone(), *unit)));
            }
            SweepUnit::EqualKappa => {
                let first = equal_kappa(args, &placed)?;
                let all = placed.iter().filter_map(|v| {
                    let at = v.clone().at_kappa(first.kappa);
                    if at.is_none() {
                        remark(&format!("'{}' has no known κ", v.vector.name));
                    }
                    Some((at?, *unit))
                });
                sites.extend(all);
                reference = Some(first);
            }
        }
    }
    let rows = study.rows(args.split.into(), args.limit)?;
    let set = study.prepared(&rows, args.site.mask)?;
    let unsteered = condition::unsteered(&args.condition, &grid, edit)?;
    let gate = match Condition::of(&args.condition, &opened)? {
        Some(condition) => Some(condition.set(&set)?),
        None => None,
    };
    let run = CompareRun {
        args,
        opened: &opened,
        study: &study,
        rows: &rows,
        set: &set,
        grid: &grid,
        closed: gate.as_ref().map(|gate| (gate, unsteered)),
    };
    let mut keeping = args.store.keeping();
    store_fault(&mut keeping);
    let figures = run.all(&sites, &mut keeping)?;
    store_fault(&mut keeping);
    let report = Report {
        schema_version: SCHEMA_VERSION,
        model: lab::model_identity(&opened),
        dataset: lab::dataset_identity(&study.dataset, set.warnings()),
        protocol: study
            .protocol(block, args.site.mask, &grid, &rows)
            .with_edit(edit),
        reference,
        condition: gate,
        inputs: set.inputs.iter().map(|i| i.row).collect(),
        rows: sites.iter().zip(figures).map(row).collect(),
    };
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    table(&report, args, &mut out)
}

/// A vector by the name it was asked for with, or why it cannot be had.
type Named = (String, Result<SteeringVector, Ending>);

/// The vectors asked for, else all of the library.
fn vectors(args: &CompareArgs, opened: &Opened) -> Result<Vec<Named>, Ending> {
    if !args.vectors.is_empty() {
        let named = args.vectors.iter();
        return Ok(named
            .map(|t| (t.clone(), open::vector(t, opened)))
            .collect());
    }
    let text = |asset: &Asset| match asset {
        Asset::File(path) => path.display().to_string(),
        asset => asset.label(),
    };
    let all = open::library().vectors();
    if all.is_empty() {
        return Err(Ending::Usage(
            "there are no vectors; give --vector".to_owned(),
        ));
    }
    let open = |text: String| (text.clone(), open::vector(&text, opened));
    Ok(all.iter().map(|e| open(text(&e.asset))).collect())
}

/// The first vector's κ.
fn equal_kappa(args: &CompareArgs, placed: &[PlacedVector]) -> Result<Reference, Ending> {
    let operator = args.site.edit.own().operator;
    if !operator.scales_with_norm() {
        return Err(Ending::Usage(format!(
            "{operator} does not depend on the vector's length; give --length raw"
        )));
    }
    let known = placed.iter().find_map(|v| {
        let vector = v.vector.name.clone();
        Some(Reference {
            vector,
            kappa: v.kappa?,
        })
    });
    known.ok_or_else(|| Ending::Failed("no vector's κ is known; give --length raw".to_owned()))
}

fn row(((placed, _), figures): (&(PlacedVector, SweepUnit), SweepRow)) -> Row {
    Row {
        vector: VectorIdentity {
            name: placed.vector.name.clone(),
            id: placed.vector.id(),
            norm: placed.vector.norm(placed.block).unwrap_or(f32::NAN),
        },
        placed: placed.placed,
        kappa: placed.kappa.map(|k| k * placed.scale),
        figures,
    }
}

struct CompareRun<'a> {
    args: &'a CompareArgs,
    opened: &'a Opened,
    study: &'a Study<'a>,
    rows: &'a Rows,
    set: &'a Arc<PreparedSet>,
    grid: &'a [f32],
    /// The condition on prompts, and the place of the unsteered figure in the grid. What is kept is
    /// measured without it.
    closed: Option<(&'a SetGate, usize)>,
}

impl CompareRun<'_> {
    /// Every vector: looked up, else measured with the others and kept.
    fn all(
        &self,
        sites: &[(PlacedVector, SweepUnit)],
        keeping: &mut Keeping,
    ) -> Result<Vec<SweepRow>, Ending> {
        let model = &self.opened.model;
        let mut figures: Vec<Option<SweepRow>> = Vec::with_capacity(sites.len());
        for (placed, unit) in sites {
            let site = placed.site(*unit).map_err(failed)?;
            let key = store_key(model, &placed.vector, self.set, &self.protocol(placed));
            figures.push(keeping.find(&key).map(|cell| {
                let rows: Vec<Vec<f32>> = cell.rows().map(<[f32]>::to_vec).collect();
                self.figures(&site, &rows)
            }));
        }
        let found = figures.iter().flatten().count();
        if found > 0 {
            remark(&format!(
                "{found} of {} from the store; --no-store measures anew",
                sites.len()
            ));
        }
        let missing: Vec<usize> = (0..sites.len()).filter(|i| figures[*i].is_none()).collect();
        let options = self.args.memory.options(model);
        let mut cache = PromptCache::new(Arc::clone(model), Arc::clone(self.set), options);
        let mut progress = Progress::start("comparing");
        let (mask, edit) = (self.args.site.mask, self.args.site.edit.own());
        let (n, total) = (cache.len(), missing.len() * cache.len());
        for (group, places) in missing.chunks(TOGETHER).enumerate() {
            let sites_of = places.iter().map(|i| sites[*i].0.site(sites[*i].1));
            let together = sites_of.collect::<Result<Vec<_>, _>>().map_err(failed)?;
            let mut sweep = Sweep::new(together, self.grid, mask, edit);
            while sweep.done() < n {
                let done = sweep
                    .advance(&mut cache, &Cancel::never())
                    .map_err(failed)?;
                progress.update(group * TOGETHER * n + places.len() * done, total);
            }
            for (i, (site, measured)) in places.iter().zip(sweep.into_rows()) {
                let (placed, _) = &sites[*i];
                let protocol = self.protocol(placed);
                let names = names(self.opened, &placed.vector, &self.study.dataset);
                let cell = store_cell(names, &protocol, self.set, &self.rows.refs(), &measured);
                let key = store_key(model, &placed.vector, self.set, &protocol);
                keeping.put(&key, &cell);
                figures[*i] = Some(self.figures(&site, &measured));
            }
        }
        progress.finish();
        repeated(&cache.facts());
        Ok(figures.into_iter().flatten().collect())
    }

    fn figures(&self, site: &SweepSite, rows: &[Vec<f32>]) -> SweepRow {
        match self.closed {
            Some((gate, unsteered)) => SweepRow::new(site, self.grid, &gate.close(rows, unsteered)),
            None => SweepRow::new(site, self.grid, rows),
        }
    }

    fn protocol(&self, placed: &PlacedVector) -> Protocol {
        let grid = placed.grid(self.grid);
        (self.study)
            .protocol(placed.block, self.args.site.mask, &grid, self.rows)
            .with_edit(self.args.site.edit.own())
    }
}

fn table(report: &Report, args: &CompareArgs, out: &mut impl Write) -> Result<(), Ending> {
    writeln!(out, "model    {}", report.model.name)?;
    writeln!(
        out,
        "data     {} ({}), {} inputs",
        report.dataset.name,
        report.protocol.split.part,
        report.inputs.len()
    )?;
    writeln!(out, "protocol {}", report.protocol.words())?;
    if let Some(gate) = &report.condition {
        writeln!(out, "steered  {}", gate.words())?;
    }
    let width = lab::widest(report.rows.iter().map(|r| r.vector.name.as_str())).max(6);
    for unit in args.length.units() {
        let mut rows: Vec<&Row> = report.rows.iter().collect();
        rows.retain(|r| r.figures.unit == *unit);
        let median = |r: &Row| r.figures.summary.median.unwrap_or(f64::NEG_INFINITY);
        rows.sort_by(|a, b| median(b).total_cmp(&median(a)));
        match (unit, &report.reference) {
            (SweepUnit::EqualKappa, Some(r)) => writeln!(
                out,
                "\nequal κ: multiplier 1 is κ {:.3}, that of '{}'",
                r.kappa, r.vector
            )?,
            _ => writeln!(out, "\nraw: times each vector as it is")?,
        }
        writeln!(
            out,
            "{:<width$}  block  {:>8}  {:>8}  {:>17}  {:>7}  {:>7}",
            "vector", "median", "mean", "95 % interval", "anti", "×vector"
        )?;
        for r in rows {
            let s = &r.figures.summary;
            let interval = s.ci95.as_ref().map_or_else(
                || "-".to_owned(),
                |i| format!("{} .. {}", number(Some(i.low)), number(Some(i.high))),
            );
            let anti = s.anti_steerable.fraction;
            let anti = anti.map_or_else(|| "-".to_owned(), |f| format!("{:.1} %", 100.0 * f));
            writeln!(
                out,
                "{:<width$}  {:>4}{}  {:>8}  {:>8}  {interval:>17}  {anti:>7}  {:>7.3}",
                r.vector.name,
                r.figures.block.0,
                if r.placed == Placed::Recommended || args.site.layer.is_some() {
                    " "
                } else {
                    "*"
                },
                number(s.median),
                number(s.mean),
                r.figures.scale
            )?;
        }
    }
    let star = |r: &Row| r.placed != Placed::Recommended && args.site.layer.is_none();
    if report.rows.iter().any(star) {
        writeln!(
            out,
            "\n* recommends no block: {} where it has a direction there",
            report.protocol.block
        )?;
    }
    Ok(())
}
