//! `steerscope extract`: data set → vector file with every layer.

use std::io::{self, Write};

use serde_json::json;

use super::args::ExtractArgs;
use super::open::{self, failed};
use super::output::{Ending, Progress};
use crate::engine::Cancel;
use crate::steering::{PairSet, extract_mean};
use crate::units::BlockIndex;

pub(super) fn run(args: &ExtractArgs) -> Result<(), Ending> {
    open::may_write(&args.out, args.force)?;
    let opened = open::model(&args.model)?;
    let dataset = open::dataset(&args.dataset)?;
    let rows = dataset.part(args.split.into(), args.seed);
    let model = &opened.model;
    let pairs = PairSet::of_rows(
        &dataset,
        &rows,
        model.tokenizer(),
        model.config().max_positions,
    )
    .map_err(failed)?;
    for message in pairs.rejected.messages() {
        open::remark(&message);
    }
    let mut progress = Progress::start("extracting");
    let name = args.name.clone().unwrap_or_else(|| dataset.name.clone());
    let mut report = |done, total| progress.update(done, total);
    let vector = extract_mean(
        model,
        &name,
        &opened.name,
        &pairs,
        &mut report,
        &Cancel::never(),
    )
    .map_err(failed)?;
    progress.finish();
    vector.write(&args.out).map_err(failed)?;

    let norms = vector.norms(model.n_blocks());
    let mut out = io::stdout().lock();
    if args.json {
        let object = json!({
            "schema": 1,
            "file": args.out,
            "vector": vector.id(),
            "model": { "name": opened.name, "hash": model.hash() },
            "dataset": { "name": dataset.name, "id": dataset.id },
            "pairs": pairs.pairs.len(),
            "read": pairs.read.to_string(),
            "norms": norms,
        });
        writeln!(out, "{object:#}")?;
        return Ok(());
    }
    writeln!(
        out,
        "{}: mean difference of {} pairs, read at {}",
        args.out.display(),
        pairs.pairs.len(),
        pairs.read
    )?;
    writeln!(out, "block  norm")?;
    for (b, norm) in norms.iter().enumerate() {
        writeln!(
            out,
            "{:>5}  {}",
            BlockIndex(b).0,
            norm.map_or_else(|| "-".to_string(), |n| format!("{n:.4}"))
        )?;
    }
    Ok(())
}
