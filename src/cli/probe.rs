//! `steerscope vectors probe`: the receipt of a vector on a model.

use std::io::{self, Write};
use std::sync::Arc;

use super::args::ProbeArgs;
use super::open::{self, Opened, failed};
use super::output::{Ending, Progress};
use super::units;
use crate::engine::Cancel;
use crate::measure::receipt::{Check, Probe, ProbePlan, Receipt, Verdict};
use crate::measure::{Asked, Site, text_ids};
use crate::steering::dataset::Part;
use crate::steering::{PairSet, SteeringVector, meta};
use crate::text::one_line;
use crate::units::{BlockIndex, Edit, Mask};

/// What is read without `--prompt`.
const NEUTRAL: &str = "Once upon a time there was";

pub(super) fn run(args: &ProbeArgs) -> Result<(), Ending> {
    let opened = open::model(&args.model)?;
    let vector = open::vector_with(&args.vector, &opened, &args.import.options())?;
    let block = open::block(args.site.layer, &vector, &opened)?;
    let edit = args.site.edit(&vector)?;
    let (model, never) = (&opened.model, Cancel::never());
    let prompt = match (&args.prompt, args.chat) {
        (None, _) => text_ids(model, NEUTRAL).map_err(failed)?,
        (Some(text), false) => text_ids(model, text).map_err(failed)?,
        (Some(text), true) => {
            let system = args.system.as_deref();
            model.chat_prompt(system, text).map_err(failed)?.ids
        }
    };
    let dataset = match &args.dataset {
        Some(text) => Some(open::dataset(text)?),
        None => open::library().dataset_of(&vector),
    };
    let (mut pairs, mut residual_norm) = (None, None);
    if let Some(dataset) = &dataset {
        let rows = dataset.part(Part::Test, 0);
        let most = model.config().max_positions;
        match PairSet::of_rows(dataset, &rows, model.tokenizer(), most) {
            Ok(found) if same_position(&vector, &found) => pairs = Some(Arc::new(found)),
            Ok(found) => open::remark(&format!(
                "'{}' is read at {}, the vector was at {}: sign and geometry are left out",
                dataset.name,
                found.read,
                vector
                    .metadata
                    .get(meta::POSITIONS_READ)
                    .map_or("another token", String::as_str)
            )),
            Err(error) => open::remark(&error.to_string()),
        }
        let norms = Asked::default()
            .norms(model, dataset, &never)
            .map_err(failed)?;
        residual_norm = norms.get(block.0).copied().filter(|h| *h > 0.0);
    }
    let given = [args.coefficient];
    let site = Site {
        direction: vector.direction(block).map_err(failed)?,
        block,
        mask: args.site.mask,
        edit,
    };
    let (raw, _) = units::raw(
        args.unit.unit,
        &given,
        &opened,
        &vector,
        &site,
        dataset.as_ref(),
    )?;
    let coefficient = raw.first().copied().unwrap_or(args.coefficient);
    let plan = ProbePlan {
        vector: Arc::new(vector),
        model_name: opened.name.clone(),
        block,
        edit,
        mask: args.site.mask,
        coefficient,
        prompt,
        pairs,
        residual_norm,
        seed: args.seed,
    };
    let mut probe = Probe::new(model, plan).map_err(failed)?;
    let mut progress = Progress::start("probing");
    let mut done = 0;
    while probe.step(&never).map_err(failed)?.is_some() {
        done += 1;
        progress.update(done, Check::ALL.len());
    }
    progress.finish();
    let receipt = probe.receipt();
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", receipt.to_json())?;
    } else {
        table(&receipt, &mut out)?;
    }
    if receipt.holds() {
        Ok(())
    } else {
        Err(Ending::Failed(
            "a check failed: what is shown as steered would not be what the label says".to_owned(),
        ))
    }
}

/// Whether pairs are read at the kind of token that the vector was made of; unknown counts as yes.
fn same_position(vector: &SteeringVector, pairs: &PairSet) -> bool {
    let said = vector.metadata.get(meta::POSITIONS_READ);
    said.is_none_or(|said| *said == pairs.read.to_string())
}

fn table(receipt: &Receipt, out: &mut impl Write) -> io::Result<()> {
    let site = &receipt.site;
    writeln!(
        out,
        "{} on {}: block {} of {}, {}, mask {}",
        one_line(&receipt.vector.name),
        one_line(&receipt.model.name),
        site.block,
        receipt.model.n_blocks,
        site.edit,
        site.mask
    )?;
    let kappa = site
        .kappa
        .map_or_else(String::new, |k| format!(", kappa {k:+.3}"));
    writeln!(
        out,
        "coefficient {:+}, length {:+.3}{kappa}",
        site.coefficient, site.applied_norm
    )?;
    for (i, item) in receipt.items.iter().enumerate() {
        let verdict = match item.verdict {
            Verdict::Pass => "pass",
            Verdict::Skipped => "skipped",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        writeln!(
            out,
            "{} {:<8} {verdict:<7} {}",
            i + 1,
            item.check.name(),
            item.words
        )?;
    }
    Ok(())
}

/// The receipt that goes into a command's JSON: the same checks without pairs. `None` where the probe is
/// refused, which a remark says.
pub(super) fn receipt(
    opened: &Opened,
    vector: &SteeringVector,
    site: (BlockIndex, Edit, Mask),
    coefficient: f32,
    prompt: Vec<u32>,
) -> Option<serde_json::Value> {
    let (block, edit, mask) = site;
    let plan = ProbePlan {
        vector: Arc::new(vector.clone()),
        model_name: opened.name.clone(),
        block,
        edit,
        mask,
        coefficient,
        prompt,
        pairs: None,
        residual_norm: None,
        seed: 0,
    };
    let made = Probe::new(&opened.model, plan).and_then(|mut probe| {
        while probe.step(&Cancel::never())?.is_some() {}
        Ok(probe.receipt())
    });
    match made {
        Ok(receipt) => {
            if !receipt.holds() {
                open::remark(
                    "a check of the receipt failed: 'steerscope vectors probe' shows which",
                );
            }
            Some(receipt.to_json())
        }
        Err(error) => {
            open::remark(&format!("no receipt: {error}"));
            None
        }
    }
}
