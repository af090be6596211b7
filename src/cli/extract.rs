//! `steerscope extract`: pairs, texts, prompts or responses → vector file with every layer.

use std::io::{self, Write};

use serde_json::json;

use super::args::ExtractArgs;
use super::extract_source::{Given, given};
use super::open::{self, failed};
use super::output::{Ending, Progress};
use super::{extract_positions, extract_table, lab};
use crate::engine::Cancel;
use crate::measure::{Cloud, Predictors};
use crate::steering::{Extraction, Extractor, Method, Responding};

pub(super) fn run(args: &ExtractArgs) -> Result<(), Ending> {
    open::may_write(&args.out, args.force)?;
    let opened = open::model(&args.model)?;
    if args.method == Method::ActAdd {
        return extract_positions::run(args, &opened);
    }
    let model = &opened.model;
    if args.layer.is_some() {
        lab::block(args.layer, &opened)?;
        if !args.method.takes_pairs() {
            return Err(Ending::Usage(format!(
                "predictors are figures of pairs, and {} has none; leave --layer out",
                args.method
            )));
        }
    }
    let Given {
        source,
        name,
        about,
    } = given(args, &opened)?;
    let name = args.name.clone().unwrap_or(name);
    let how = Extraction {
        read: args.read,
        seed: args.seed,
        truncate: args.truncate,
        system: args.ask.system.clone(),
        responding: Responding {
            max_tokens: args.max_tokens,
            temperature: args.temperature,
            seed: args.seed,
        },
        memory: args.memory,
        watch: args.layer,
        ..Extraction::new(args.method)
    };
    let mut line = Progress::start("extracting");
    let mut extractor = Extractor::new(model, &name, &opened.name, source, &how).map_err(failed)?;
    if extractor.passes() > 1 {
        open::remark(&format!(
            "the differences of all blocks would take more than --memory: the pairs are read {} times",
            extractor.passes()
        ));
    }
    while extractor.done() < extractor.total() {
        let done = extractor.step(model, &Cancel::never()).map_err(failed)?;
        line.update(done, extractor.total());
    }
    line.finish();
    let predictors = predictors(args, &extractor);
    let extracted = extractor.finish(model).map_err(failed)?;
    extracted.vector.write(&args.out).map_err(failed)?;

    extract_table::remarks(args.method, &extracted);
    let mut out = io::stdout().lock();
    if args.json {
        let object = json!({
            "schema": 1,
            "file": args.out,
            "vector": extracted.vector.id(),
            "method": args.method.name(),
            "unit": args.method.unit(),
            "model": { "name": opened.name, "hash": model.hash() },
            "dataset": about,
            "pairs": extracted.texts[0].min(extracted.texts[1]),
            "texts": extracted.texts,
            "complete": extracted.complete,
            "read": extracted.read,
            "norms": extracted.vector.norms(model.n_blocks()),
            "blocks": extracted.blocks,
            "responses": extracted.responses,
            "predictors": predictors,
            "metadata": extracted.vector.metadata,
        });
        writeln!(out, "{object:#}")?;
        return Ok(());
    }
    let file = args.out.display().to_string();
    extract_table::write(&file, args.method, &extracted, &mut out)?;
    if let Some((block, predictors)) = how.watch.zip(predictors) {
        extract_table::predictors(block, &predictors, &mut out)?;
    }
    Ok(())
}

/// Predictors of the mean difference of the pairs that were read, from the same activations.
fn predictors(args: &ExtractArgs, extractor: &Extractor) -> Option<Predictors> {
    let cloud = Cloud::from(extractor.watched()?);
    Some(Predictors::of_clouds(&cloud, &Cloud::default(), args.seed))
}
