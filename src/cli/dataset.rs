//! `steerscope dataset`: what a file holds, conversion, split.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::args::{ConvertArgs, DatasetCommand, InfoArgs, LayoutChoice, SplitArgs, SplitChoice};
use super::open::{self, failed, may_write, remark};
use super::output::Ending;
use crate::stats::{MersenneTwister, Splits, parse_split};
use crate::steering::dataset::{
    Dataset, Example, LoadOptions, Part, steering_bench_json, to_own_jsonl,
};

pub(super) fn run(command: &DatasetCommand) -> Result<(), Ending> {
    match command {
        DatasetCommand::Info(args) => info(args),
        DatasetCommand::Convert(args) => convert(args),
        DatasetCommand::Split(args) => split(args),
    }
}

fn load(text: &str, deduplicate: bool) -> Result<Dataset, Ending> {
    let library = open::library();
    let asset = library.dataset_asset(text);
    library
        .load_dataset_with(&asset, LoadOptions { deduplicate })
        .map_err(failed)
}

/// The same, its remarks on standard error.
fn load_aloud(text: &str, deduplicate: bool) -> Result<Dataset, Ending> {
    let dataset = load(text, deduplicate)?;
    for warning in &dataset.warnings {
        remark(&warning.to_string());
    }
    Ok(dataset)
}

fn info(args: &InfoArgs) -> Result<(), Ending> {
    let dataset = load(&args.dataset, !args.keep_duplicates)?;
    let rows = &dataset.examples;
    let count = |test: &dyn Fn(&Example) -> bool| rows.iter().filter(|e| test(e)).count();
    let measurable = dataset.measurable().count();
    let letters = [true, false].map(|a| count(&|e| e.positive_is_a == Some(a)));
    let words = [true, false].map(|y| count(&|e| e.positive_is_yes == Some(y)));
    let cells = [(true, true), (true, false), (false, true), (false, false)]
        .map(|(a, y)| count(&|e| e.positive_is_a == Some(a) && e.positive_is_yes == Some(y)));
    let parts = [Part::Train, Part::Validation, Part::Test].map(|p| dataset.part(p, 0).len());
    let warnings: Vec<String> = dataset.warnings.iter().map(ToString::to_string).collect();
    let mut out = io::stdout().lock();
    if args.json {
        let object = json!({
            "schema": 1,
            "name": dataset.name,
            "format": dataset.format.name(),
            "id": dataset.id,
            "rows": rows.len(),
            "measurable": measurable,
            "texts_only": rows.len() - measurable,
            "warnings": warnings,
            "positive_is": { "a": letters[0], "b": letters[1], "yes": words[0], "no": words[1] },
            "cells": { "a_yes": cells[0], "a_no": cells[1], "b_yes": cells[2], "b_no": cells[3] },
            "split": { "seed": 0, "train": parts[0], "val": parts[1], "test": parts[2] },
            "first": rows.first().map(reading),
        });
        writeln!(out, "{object:#}")?;
        return Ok(());
    }
    writeln!(out, "name      {}", dataset.name)?;
    writeln!(out, "format    {}", dataset.format.name())?;
    writeln!(out, "id        {}", dataset.id)?;
    writeln!(
        out,
        "rows      {} usable: {measurable} with a prompt and two answers, {} pairs of texts (extraction only)",
        rows.len(),
        rows.len() - measurable
    )?;
    for warning in &warnings {
        writeln!(out, "note      {warning}")?;
    }
    if letters != [0, 0] {
        writeln!(
            out,
            "positive  is (A) in {}, another letter in {}",
            letters[0], letters[1]
        )?;
    }
    if words != [0, 0] {
        writeln!(out, "positive  is Yes in {}, No in {}", words[0], words[1])?;
    }
    if cells.iter().any(|c| *c > 0) {
        writeln!(
            out,
            "cells     A/Yes {}, A/No {}, B/Yes {}, B/No {}",
            cells[0], cells[1], cells[2], cells[3]
        )?;
    }
    writeln!(
        out,
        "split     train {}, val {}, test {} (seed 0)",
        parts[0], parts[1], parts[2]
    )?;
    if let Some(first) = rows.first() {
        // Quoted, so that spaces and line breaks are seen.
        let [positive, negative] = first.answer_texts();
        writeln!(out, "\nfirst row as the model reads it")?;
        if let Some(prompt) = first.prompt_text() {
            writeln!(out, "  prompt    {prompt:?}")?;
        }
        writeln!(out, "  positive  {positive:?}")?;
        writeln!(out, "  negative  {negative:?}")?;
    }
    Ok(())
}

fn reading(example: &Example) -> Value {
    let [positive, negative] = example.answer_texts();
    json!({ "row": example.row, "prompt": example.prompt_text(), "positive": positive, "negative": negative })
}

fn layout(examples: &[Example], format: LayoutChoice) -> String {
    match format {
        LayoutChoice::Jsonl => to_own_jsonl(examples),
        LayoutChoice::SteeringBench => format!("{:#}\n", steering_bench_json(examples)),
    }
}

fn convert(args: &ConvertArgs) -> Result<(), Ending> {
    let dataset = match &args.positive_class {
        Some(class) => Dataset::load_classes(Path::new(&args.dataset), class).map_err(failed)?,
        None => load_aloud(&args.dataset, args.deduplicate)?,
    };
    let text = layout(&dataset.examples, args.format);
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}

fn split(args: &SplitArgs) -> Result<(), Ending> {
    let dataset = load_aloud(&args.dataset, !args.keep_duplicates)?;
    let n = dataset.examples.len();
    let mut out = io::stdout().lock();
    if let Some(spec) = &args.slice {
        let range = parse_split(spec, n).map_err(|e| Ending::Usage(e.to_string()))?;
        let order = MersenneTwister::new(args.seed).permutation(n);
        let rows: Vec<Example> = order
            .get(range)
            .unwrap_or_default()
            .iter()
            .filter_map(|i| dataset.examples.get(*i).cloned())
            .collect();
        return Ok(out.write_all(layout(&rows, args.format).as_bytes())?);
    }
    if let Some(part) = args.part {
        let rows = part_rows(&dataset, part, args);
        return Ok(out.write_all(layout(&rows, args.format).as_bytes())?);
    }
    let parts = [SplitChoice::Train, SplitChoice::Val, SplitChoice::Test]
        .map(|part| (Part::from(part).name(), part_rows(&dataset, part, args)));
    if let Some(folder) = &args.out_dir {
        return write_parts(folder, &parts, args);
    }
    let numbers = |rows: &[Example]| rows.iter().map(|e| e.row).collect::<Vec<_>>();
    let overlap = overlap(&parts);
    if args.json {
        let of = |name: &str| {
            let rows = parts.iter().find(|(part, _)| *part == name);
            rows.map(|(_, rows)| numbers(rows))
        };
        let object = json!({
            "schema": 1,
            "dataset": { "name": dataset.name, "id": dataset.id, "rows": n },
            "kind": if args.published { "published" } else { "disjoint" },
            "seed": args.seed,
            "overlap": overlap,
            "train": of("train"),
            "val": of("val"),
            "test": of("test"),
        });
        writeln!(out, "{object:#}")?;
        return Ok(());
    }
    writeln!(out, "part   rows  first rows of the file")?;
    for (name, rows) in &parts {
        let first: Vec<String> = (numbers(rows).iter().take(10))
            .map(ToString::to_string)
            .collect();
        writeln!(out, "{name:<5}  {:>4}  {}", rows.len(), first.join(" "))?;
    }
    if overlap > 0 {
        writeln!(out, "train/test overlap: {overlap} rows")?;
    }
    Ok(())
}

/// Rows of a part: of the published split, else as measuring takes them.
fn part_rows(dataset: &Dataset, part: SplitChoice, args: &SplitArgs) -> Vec<Example> {
    if !args.published || part == SplitChoice::All {
        let rows = dataset.part(part.into(), args.seed);
        return rows.into_iter().cloned().collect();
    }
    let splits = Splits::published(dataset.examples.len(), args.seed);
    let chosen = match part {
        SplitChoice::Train => splits.train,
        SplitChoice::Val => splits.validation,
        SplitChoice::Test | SplitChoice::All => splits.test,
    };
    let row = |i: usize| dataset.examples.get(i).cloned();
    chosen.into_iter().filter_map(row).collect()
}

/// Rows that both make vectors and are reported.
fn overlap(parts: &[(&str, Vec<Example>)]) -> usize {
    let rows = |wanted: &str| -> BTreeSet<usize> {
        let of = parts.iter().filter(|(name, _)| *name == wanted);
        of.flat_map(|(_, rows)| rows.iter().map(|e| e.row))
            .collect()
    };
    rows("train").intersection(&rows("test")).count()
}

fn write_parts(
    folder: &Path,
    parts: &[(&str, Vec<Example>)],
    args: &SplitArgs,
) -> Result<(), Ending> {
    let extension = match args.format {
        LayoutChoice::Jsonl => "jsonl",
        LayoutChoice::SteeringBench => "json",
    };
    let targets: Vec<_> = parts
        .iter()
        .filter(|(_, rows)| !rows.is_empty())
        .map(|(name, rows)| (folder.join(format!("{name}.{extension}")), rows))
        .collect();
    for (target, _) in &targets {
        may_write(target, args.force)?;
    }
    let unwritable =
        |path: &Path, e: &io::Error| Ending::Failed(format!("'{}': {e}", path.display()));
    std::fs::create_dir_all(folder).map_err(|e| unwritable(folder, &e))?;
    let mut out = io::stdout().lock();
    for (target, rows) in &targets {
        std::fs::write(target, layout(rows, args.format)).map_err(|e| unwritable(target, &e))?;
        writeln!(out, "{}: {} rows", target.display(), rows.len())?;
    }
    let overlap = overlap(parts);
    if overlap > 0 {
        remark(&format!("train and test share {overlap} rows"));
    }
    Ok(())
}
