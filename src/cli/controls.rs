//! `steerscope controls`: a vector against other directions of the same length.

use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use super::args::ControlsArgs;
use super::condition::{Condition, SetGate};
use super::lab::{self, SLICE, number, store_fault};
use super::open::{self, Opened, failed, remark};
use super::output::{Ending, Progress};
use super::study::{Rows, Study, repeated};
use crate::engine::Cancel;
use crate::measure::controls::{
    Control, ControlDirection, ControlSlopes, Controls, drawn, length, other, shuffled, slopes, z,
};
use crate::measure::shift::{SentenceFile, Sentences};
use crate::measure::{
    ControlsAsked, DatasetIdentity, ModelIdentity, PromptCache, Protocol, VectorIdentity,
    check_multipliers, controls_question, system_text_changes,
};
use crate::stats::{Summary, mean, sd};
use crate::steering::dataset::Part;
use crate::steering::{SteeringVector, pair_activations};

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    schema_version: u32,
    model: ModelIdentity,
    vector: VectorIdentity,
    dataset: DatasetIdentity,
    protocol: Protocol,
    seed: u64,
    inputs: usize,
    /// Condition on prompts; inputs whose prompts are not steered have slope 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<SetGate>,
    groups: Vec<Group>,
    controls: Controls,
    /// Change of propensity when the positive sentence is the system text.
    #[serde(skip_serializing_if = "Option::is_none")]
    system_text: Option<Summary>,
}

/// Controls of one kind.
#[derive(Serialize)]
struct Group {
    name: String,
    directions: usize,
    /// Mean over directions of the mean steerability.
    mean: Option<f64>,
    /// Spread of that mean between directions.
    sd: Option<f64>,
    /// Share of inputs that respond the wrong way, mean over directions.
    anti_steerable: Option<f64>,
    /// How many spreads the vector's mean stands above theirs.
    z: Option<f64>,
}

pub(super) fn run(args: &ControlsArgs) -> Result<(), Ending> {
    let grid = args.grid.grid();
    check_multipliers(&grid).map_err(|e| Ending::Usage(e.to_string()))?;
    let opened = open::model(&args.model)?;
    let (model, never) = (&opened.model, Cancel::never());
    let study = Study::open(&opened, &args.dataset, &args.ask, false, args.seed)?;
    let vector = match &args.vector {
        Some(text) => open::vector(text, &opened)?,
        None => study.own_vector()?,
    };
    let block = open::block(args.site.layer, &vector, &opened)?;
    let direction = vector.direction(block).map_err(failed)?;
    let rows = study.rows(args.split.into(), args.limit)?;
    let set = study.prepared(&rows, args.site.mask)?;
    let protocol = study
        .protocol(block, args.site.mask, &grid, &rows)
        .with_edit(args.site.edit(&vector)?);
    let others: Vec<SteeringVector> = (args.others.iter())
        .map(|text| open::vector(text, &opened))
        .collect::<Result<_, _>>()?;
    let bundled = SentenceFile::bundled().map_err(failed)?;
    let known = bundled.get(&study.dataset.name).cloned();
    let sentences = known.unwrap_or_else(|| Sentences::from_name(&study.dataset.name));
    let asked = ControlsAsked {
        random: args.random,
        shuffled: args.shuffled,
        seed: args.seed,
        pairs: &study.dataset.id,
        others: others.iter().map(|v| (v.name.clone(), v.id())).collect(),
        sentence: &sentences.positive,
    };
    let names = lab::names(&opened, &vector, &study.dataset);
    let question = controls_question(model, &vector, &set, &protocol, names, &asked);
    let mut keeping = args.store.keeping();
    store_fault(&mut keeping);
    let known = keeping.answer(&question);
    let all = if let Some(known) = known.and_then(|t| serde_json::from_str(&t).ok()) {
        remark("from the store; --no-store measures anew");
        known
    } else {
        let (directions, remarks) =
            directions(args, (&opened, &study), &vector, &protocol, &others)?;
        let mut all = ControlSlopes {
            remarks,
            ..ControlSlopes::new(&directions)
        };
        let options = args.memory.options(model);
        let mut cache = PromptCache::new(Arc::clone(model), Arc::clone(&set), options);
        let mut progress = Progress::start("measuring");
        let n = cache.len();
        for from in (0..n).step_by(SLICE) {
            let site = (block, args.site.mask, protocol.edit());
            let range = from..(from + SLICE).min(n);
            let new = slopes(&mut cache, &directions, site, &grid, range, &never);
            all.extend(new.map_err(failed)?);
            progress.update((from + SLICE).min(n), n);
        }
        progress.finish();
        repeated(&cache.facts());
        system_text(args, &opened, &study, (&rows, &sentences), &mut all);
        let text = serde_json::to_string(&all).map_err(io::Error::from)?;
        keeping.keep_answer(&question, &text);
        all
    };
    store_fault(&mut keeping);
    for words in &all.remarks {
        remark(words);
    }
    let condition = match Condition::of(&args.condition, &opened)? {
        Some(condition) => Some(condition.set(&set)?),
        None => None,
    };
    let all = match &condition {
        Some(gate) => all.under(&gate.open),
        None => all,
    };
    let controls = all.figures();
    let report = Report {
        schema_version: 1,
        model: lab::model_identity(&opened),
        vector: VectorIdentity {
            name: vector.name.clone(),
            id: vector.id(),
            norm: length(direction) as f32,
        },
        dataset: lab::dataset_identity(&study.dataset, set.warnings()),
        protocol,
        seed: args.seed,
        inputs: all.inputs(),
        condition,
        groups: groups(&controls),
        system_text: {
            let wide: Vec<f64> = all.system_text.iter().map(|x| f64::from(*x)).collect();
            (!wide.is_empty()).then(|| Summary::of_slopes(&wide))
        },
        controls,
    };
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    if args.csv {
        return csv(&report, &mut out);
    }
    table(&report, &mut out)
}

/// The vector and its controls, and what was left out.
fn directions(
    args: &ControlsArgs,
    (opened, study): (&Opened, &Study<'_>),
    vector: &SteeringVector,
    protocol: &Protocol,
    others: &[SteeringVector],
) -> Result<(Vec<ControlDirection>, Vec<String>), Ending> {
    let mut remarks = Vec::new();
    let (model, block, never) = (&opened.model, protocol.block, Cancel::never());
    let direction = vector.direction(block).map_err(failed)?;
    let mut all = vec![ControlDirection {
        control: Control::Vector,
        direction: direction.to_vec(),
    }];
    all.extend(drawn(direction, args.random, args.seed));
    let train = study.rows(Part::Train, None)?;
    match study.pairs(&train.examples) {
        Ok(pairs) => {
            let mut progress = Progress::start("reading pairs");
            let mut told = |done, total| progress.update(done, total);
            let read = pair_activations(model, &pairs, block, &mut told, &never);
            let differences = read.map_err(failed)?.differences();
            let length = length(direction);
            all.extend(shuffled(&differences, length, args.shuffled, args.seed));
        }
        Err(Ending::Failed(words)) => {
            remarks.push(format!("no shuffled labels: {words}"));
        }
        Err(other) => return Err(other),
    }
    for their in others {
        let there = their.direction(block).map_err(failed)?;
        all.extend(other(&their.name, there, direction));
    }
    Ok((all, remarks))
}

fn system_text(
    args: &ControlsArgs,
    opened: &Opened,
    study: &Study<'_>,
    (rows, sentences): (&Rows, &Sentences),
    all: &mut ControlSlopes,
) {
    let mut progress = Progress::start("prompted baseline");
    let changes = system_text_changes(
        &opened.model,
        &study.dataset,
        &rows.refs(),
        sentences,
        args.memory.options(&opened.model),
        &mut |done, total| progress.update(done, total),
        &Cancel::never(),
    );
    match changes {
        Ok(changes) => all.system_text = changes,
        Err(error) => all.remarks.push(format!("no prompted baseline: {error}")),
    }
}

/// Controls of one kind side by side, in the order they were drawn.
fn groups(controls: &Controls) -> Vec<Group> {
    let name = |control: &Control| match control {
        Control::Random(_) => "random".to_owned(),
        Control::Orthogonal(_) => "orthogonal".to_owned(),
        Control::Shuffled(_) => "shuffled labels".to_owned(),
        one => one.name(),
    };
    let effect = controls.rows.first().and_then(|r| r.summary.mean);
    (controls.rows)
        .chunk_by(|a, b| name(&a.control) == name(&b.control))
        .map(|rows| {
            let means: Vec<f64> = rows.iter().filter_map(|r| r.summary.mean).collect();
            let anti: Vec<f64> = (rows.iter())
                .filter_map(|r| r.summary.anti_steerable.fraction)
                .collect();
            Group {
                name: rows.first().map(|r| name(&r.control)).unwrap_or_default(),
                directions: rows.len(),
                mean: mean(&means),
                sd: sd(&means),
                anti_steerable: mean(&anti),
                z: effect.and_then(|effect| z(effect, &means)),
            }
        })
        .collect()
}

fn table(report: &Report, out: &mut impl Write) -> Result<(), Ending> {
    let protocol = &report.protocol;
    writeln!(out, "model    {}", report.model.name)?;
    writeln!(
        out,
        "vector   {} at block {}, mask {}, length {:.3}",
        report.vector.name, protocol.block, protocol.mask, report.vector.norm
    )?;
    writeln!(
        out,
        "data     {} ({}), {} inputs",
        report.dataset.name, protocol.split.part, report.inputs
    )?;
    writeln!(out, "protocol {}", protocol.words())?;
    if let Some(gate) = &report.condition {
        writeln!(out, "steered  {}", gate.words())?;
    }
    let width = lab::widest(report.groups.iter().map(|g| g.name.as_str())).max(15);
    writeln!(
        out,
        "\n{:<width$}  {:>4}  {:>8}  {:>8}  {:>7}  {:>8}",
        "direction", "k", "mean", "sd", "anti", "vector z"
    )?;
    let percent =
        |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{:.1} %", 100.0 * x));
    for g in &report.groups {
        writeln!(
            out,
            "{:<width$}  {:>4}  {:>8}  {:>8}  {:>7}  {:>8}",
            g.name,
            g.directions,
            number(g.mean),
            number(g.sd),
            percent(g.anti_steerable),
            number(g.z)
        )?;
    }
    if let Some(system) = &report.system_text {
        let anti = system.anti_steerable.fraction;
        writeln!(
            out,
            "{:<width$}  {:>4}  {:>8}  {:>8}  {:>7}  {:>8}",
            "system text",
            "-",
            number(system.mean),
            "-",
            percent(anti),
            "-"
        )?;
    }
    writeln!(
        out,
        "\nmean: steerability, mean over inputs and directions; sd: between directions; anti: inputs moved the"
    )?;
    writeln!(
        out,
        "wrong way; z: (vector's mean - theirs) / sd; system text: change of propensity without a vector"
    )?;
    Ok(())
}

fn csv(report: &Report, out: &mut impl Write) -> Result<(), Ending> {
    let mut writer = csv::Writer::from_writer(out);
    let header = [
        "control",
        "inputs",
        "mean",
        "median",
        "sd",
        "anti_steerable",
    ];
    let failed = |e: csv::Error| match e.into_kind() {
        csv::ErrorKind::Io(error) => Ending::from(error),
        other => Ending::Failed(format!("could not write the output: {other:?}")),
    };
    writer.write_record(header).map_err(failed)?;
    let text = |x: Option<f64>| x.map(|x| x.to_string()).unwrap_or_default();
    let system = report
        .system_text
        .iter()
        .map(|s| ("system text".to_owned(), s));
    let rows = (report.controls.rows.iter()).map(|r| (r.control.name(), &r.summary));
    for (name, s) in rows.chain(system) {
        let record = [
            name,
            s.n.to_string(),
            text(s.mean),
            text(s.median),
            text(s.sd),
            text(s.anti_steerable.fraction),
        ];
        writer.write_record(record).map_err(failed)?;
    }
    writer.flush()?;
    Ok(())
}
