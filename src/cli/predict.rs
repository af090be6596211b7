//! `steerscope predict`: agreement and separation of activations, before any steering.

use std::io::{self, Write};

use serde::Serialize;

use super::args::PredictArgs;
use super::lab::{self, number};
use super::open::{self, Opened, failed};
use super::output::{Ending, Progress};
use super::study::Study;
use crate::engine::Cancel;
use crate::measure::{Cloud, DatasetIdentity, ModelIdentity, Predictors, Separation, Template};
use crate::steering::dataset::Part;
use crate::steering::pair_activations;
use crate::units::BlockIndex;

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    schema_version: u32,
    model: ModelIdentity,
    block: BlockIndex,
    seed: u64,
    datasets: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    dataset: DatasetIdentity,
    /// Part that v is fitted on, and the position read in each text.
    fitted_on: &'static str,
    held_out_part: &'static str,
    read: String,
    /// What stands around the prompts.
    template: Template,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    predictors: Predictors,
}

pub(super) fn run(args: &PredictArgs) -> Result<(), Ending> {
    let opened = open::model(&args.model)?;
    let block = lab::block(args.layer, &opened)?;
    let datasets = (args.datasets.iter())
        .map(|text| entry(args, &opened, text, block))
        .collect::<Result<Vec<_>, _>>()?;
    let report = Report {
        schema_version: 1,
        model: lab::model_identity(&opened),
        block,
        seed: args.seed,
        datasets,
    };
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(
        out,
        "model    {}, output of block {block}",
        report.model.name
    )?;
    for entry in &report.datasets {
        table(entry, &mut out)?;
    }
    Ok(())
}

fn entry(
    args: &PredictArgs,
    opened: &Opened,
    text: &str,
    block: BlockIndex,
) -> Result<Entry, Ending> {
    let study = Study::open(opened, text, &args.ask, false, args.seed)?;
    let dataset = &study.dataset;
    let (fit, held_out) = (Part::from(args.fit), Part::from(args.held_out));
    let (train, read) = cloud(args, opened, &study, fit, block)?;
    // Pairs that made the vector are not held out.
    let apart = fit != held_out && fit != Part::All && held_out != Part::All;
    let others = if apart && !dataset.part(held_out, args.seed).is_empty() {
        cloud(args, opened, &study, held_out, block)?.0
    } else {
        open::remark(&format!(
            "no held-out pairs of '{}': separation is shown on the vector's own pairs only, where it is inflated",
            dataset.name
        ));
        Cloud::default()
    };
    Ok(Entry {
        dataset: lab::dataset_identity(dataset, Vec::new()),
        fitted_on: fit.name(),
        held_out_part: held_out.name(),
        read,
        template: study.asked.prompting.template(),
        system: study.asked.prompting.system().map(str::to_owned),
        predictors: Predictors::of_clouds(&train, &others, args.seed),
    })
}

/// Activations of one part, and the position read.
fn cloud(
    args: &PredictArgs,
    opened: &Opened,
    study: &Study<'_>,
    part: Part,
    block: BlockIndex,
) -> Result<(Cloud, String), Ending> {
    let model = &opened.model;
    let rows = study.rows(part, args.limit)?;
    let pairs = study.pairs(&rows.examples)?;
    for message in pairs.rejected.messages() {
        open::remark(&message);
    }
    let mut progress = Progress::start("reading activations");
    let mut report = |done, total| progress.update(done, total);
    let activations = pair_activations(model, &pairs, block, &mut report, &Cancel::never());
    let cloud = Cloud::from(&activations.map_err(failed)?);
    Ok((cloud, pairs.read.to_string()))
}

fn table(entry: &Entry, out: &mut impl Write) -> Result<(), Ending> {
    let predictors = &entry.predictors;
    let agreement = &predictors.agreement;
    writeln!(out)?;
    writeln!(
        out,
        "data     {}: {} pairs of '{}' read at {}, norm of v {:.3}",
        entry.dataset.name, agreement.n, entry.fitted_on, entry.read, predictors.norm
    )?;
    if entry.template != Template::Plain {
        let system = entry.system.as_deref().unwrap_or("none");
        writeln!(
            out,
            "         {}, system text {system:?}",
            entry.template.words()
        )?;
    }
    if agreement.dropped > 0 {
        writeln!(
            out,
            "         {} pairs without a difference dropped",
            agreement.dropped
        )?;
    }
    writeln!(out)?;
    let chance = 1.0 / (agreement.n as f64).sqrt();
    writeln!(
        out,
        "directional agreement       {:>8}   unrelated pairs give about {chance:.3}",
        number(agreement.directional)
    )?;
    writeln!(
        out,
        "  leave-one-out             {:>8}   unrelated pairs give 0",
        number(agreement.leave_one_out)
    )?;
    writeln!(
        out,
        "pairwise agreement          {:>8}   off the diagonal {}",
        number(agreement.pairwise),
        number(agreement.pairwise_off_diagonal)
    )?;
    writeln!(
        out,
        "euclidean                   {:>8}",
        number(agreement.euclidean)
    )?;
    writeln!(
        out,
        "norm variance               {:>8}",
        number(agreement.norm_variance)
    )?;
    match &predictors.stability {
        Some(s) => writeln!(
            out,
            "stability, {} of the pairs  {:>8}   quartiles {:.3} .. {:.3}, least {:.3}, {} draws",
            s.pairs,
            number(Some(s.mean)),
            s.quartiles.lower,
            s.quartiles.upper,
            s.min,
            s.repetitions
        )?,
        None => writeln!(
            out,
            "stability                   {:>8}   too few pairs",
            "-"
        )?,
    }
    writeln!(out)?;
    writeln!(
        out,
        "{:<26}  {:>8}  {:>9}",
        "along v", "held out", "in sample"
    )?;
    let in_sample = &predictors.in_sample;
    let line = |out: &mut dyn Write, name: &str, show: &dyn Fn(&Separation) -> String| {
        let held = predictors
            .held_out
            .as_ref()
            .map_or_else(|| "-".to_string(), show);
        writeln!(out, "{name:<26}  {held:>8}  {:>9}", show(in_sample))
    };
    line(out, "pairs", &|s| s.n.to_string())?;
    line(out, "cosine of pair and v", &|s| number(s.directional))?;
    line(out, "kproj of positive", &|s| number(s.kproj_positive))?;
    line(out, "kproj of negative", &|s| number(s.kproj_negative))?;
    line(out, "d'", &|s| {
        if s.separated {
            "separated".to_string()
        } else {
            number(s.d_prime)
        }
    })?;
    line(out, "AUC", &|s| number(s.auc))?;
    line(out, "overlap, 50 bins", &|s| number(s.overlap))?;
    Ok(())
}
