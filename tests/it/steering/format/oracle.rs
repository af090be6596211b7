//! Files that other libraries wrote: they load, land on the right block, hold the reference's numbers
//! and reproduce the slopes that the other libraries measured.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;
use steerscope::engine::{Cancel, Model};
use steerscope::measure::{CacheOptions, PreparedSet, PromptCache, Site};
use steerscope::stats::steerability;
use steerscope::steering::dataset::Dataset;
use steerscope::steering::format::{ImportOptions, Imported, ModelShape, VectorFormat, import};
use steerscope::units::{BlockIndex, Edit, Mask};

use super::landing::lands;
use crate::reference::{json, shared, stories};

fn numbers(value: &Value) -> Vec<f32> {
    let list = value.as_array().expect("a list");
    list.iter()
        .map(|x| x.as_f64().expect("a number") as f32)
        .collect()
}

fn read(name: &str, model: &Model) -> Option<Imported> {
    let path = shared(&format!("oracle/stories260K/vectors/{name}"))?;
    let options = ImportOptions {
        model: Some(ModelShape {
            n_blocks: model.n_blocks(),
            hidden_size: model.hidden_size(),
        }),
        ..ImportOptions::default()
    };
    Some(import(&path, &options).unwrap_or_else(|e| panic!("{name}: {e}")))
}

/// Files, the reference that each has to equal, and the blocks.
fn files() -> Vec<(String, VectorFormat, &'static str, Vec<usize>)> {
    let mut files = Vec::new();
    for method in ["mean", "pca", "logistic"] {
        for (ending, format) in [
            ("pt", VectorFormat::Torch),
            ("safetensors", VectorFormat::Safetensors),
        ] {
            files.push((
                format!("mood.{method}.{ending}"),
                format,
                method,
                (0..5).collect(),
            ));
        }
    }
    files.push((
        "mood.mean.gguf".to_owned(),
        VectorFormat::Gguf,
        "mean",
        (1..5).collect(),
    ));
    for method in ["pca_diff", "pca_center"] {
        let name = format!("mood.{method}.repeng.gguf");
        files.push((name, VectorFormat::Gguf, method, (1..5).collect()));
    }
    files
}

fn reference(all: &Value, method: &str, block: usize) -> Vec<f32> {
    let mood = &all["concepts"]["mood"];
    let block = block.to_string();
    match method {
        "pca_diff" | "pca_center" => numbers(&mood["repeng"][method]["directions"][&block]),
        _ => numbers(&mood["steering_vectors"][method][&block]["vector"]),
    }
}

#[test]
fn files_of_other_libraries_land_where_they_were_made() {
    let (Some(model), Some(all)) = (stories(), json("oracle/stories260K/reference.json")) else {
        return;
    };
    for (name, format, method, blocks) in files() {
        let Some(imported) = read(&name, &model) else {
            return;
        };
        assert_eq!(imported.format, format, "{name}");
        let found: Vec<usize> = imported.vector.directions.keys().copied().collect();
        assert_eq!(found, blocks, "{name}");
        for block in blocks {
            let want = reference(&all, method, block);
            let got = &imported.vector.directions[&block];
            let worst = got.iter().zip(&want).map(|(g, w)| (g - w).abs());
            let worst = worst.fold(0.0f32, f32::max);
            assert!(worst < 1e-6, "{name}, block {block}: {worst:e}");
        }
        lands(&model, &imported, 2.0);
        println!("{name}: {}", imported.sentence);
    }
}

#[test]
fn files_of_other_libraries_reproduce_their_slopes() {
    let (Some(model), Some(all), Some(items)) = (
        stories(),
        json("oracle/stories260K/reference.json"),
        json("oracle/items.json"),
    ) else {
        return;
    };
    let mut rows = String::new();
    for row in items["mood"]["test"].as_array().expect("rows") {
        let row = serde_json::json!({"prompt": row["prompt"], "positive": row["pos"], "negative": row["neg"]});
        writeln!(rows, "{row}").expect("a string");
    }
    let dataset = Dataset::from_bytes("mood-test", rows.as_bytes()).expect("a data set");
    let set = PreparedSet::build(&dataset, model.tokenizer(), 512).expect("inputs");
    let mut cache = PromptCache::new(Arc::clone(&model), set.into(), CacheOptions::default());
    let multipliers = numbers(&all["multipliers"]);
    let mut compared = 0;
    for method in ["mean", "pca", "logistic"] {
        for ending in ["pt", "safetensors", "gguf"] {
            let name = format!("mood.{method}.{ending}");
            if ending == "gguf" && method != "mean" {
                continue;
            }
            let Some(imported) = read(&name, &model) else {
                return;
            };
            let mut worst = 0.0f64;
            for (block, direction) in &imported.vector.directions {
                let site = Site {
                    edit: Edit::ADD,
                    direction,
                    block: BlockIndex(*block),
                    mask: Mask::All,
                };
                let rows = cache
                    .evaluate(&site, &multipliers, 0..48, &Cancel::never())
                    .expect("propensities");
                let block = block.to_string();
                let entry = &all["concepts"]["mood"]["steering_vectors"][method][&block];
                let slopes = entry["slope"].as_array().expect("slopes");
                for (row, slope) in rows.iter().zip(slopes) {
                    let got = steerability(&multipliers, row).expect("a slope");
                    worst = worst.max((got - slope.as_f64().expect("a slope")).abs());
                    compared += 1;
                }
            }
            println!("{name}: largest difference of a slope {worst:.2e}");
            assert!(worst < 1e-3, "{name}: a slope differs by {worst}");
        }
    }
    assert_eq!(compared, 48 * (6 * 5 + 4));
}
