//! Extraction: golden mean difference, symmetry, one pass for all blocks.

use steerscope::engine::{Cancel, Keep, KvCache, Model, Part};
use steerscope::steering::dataset::Dataset;
use steerscope::steering::{
    ContrastivePair, MeanDifference, PairSet, PositionRead, SteeringVector, extract_mean, meta,
    residual_norms,
};
use steerscope::units::BlockIndex;

use crate::measure::support::{dataset, json, numbers, tiny};

fn extract(model: &Model, pairs: &PairSet) -> SteeringVector {
    extract_mean(
        model,
        "test",
        "tiny",
        pairs,
        &mut |_, _| {},
        &Cancel::never(),
    )
    .expect("a vector")
}

fn pairs(model: &Model) -> PairSet {
    PairSet::build(&dataset(), model.tokenizer(), 256).expect("pairs")
}

#[test]
fn golden_mean_difference() {
    let Some(golden) = json("oracle/golden_statistics.json") else {
        return;
    };
    let rows = |side: &str| -> Vec<Vec<f32>> {
        let rows = golden["braun_geometry"][side].as_array().expect("rows");
        rows.iter()
            .map(|row| numbers(row).into_iter().map(|x| x as f32).collect())
            .collect()
    };
    let mut mean = MeanDifference::new(1, 4);
    for (positive, negative) in rows("pos").iter().zip(&rows("neg")) {
        mean.add(BlockIndex(0), positive, negative);
    }
    let v = mean.directions().remove(&0).expect("a direction");
    let norm = v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    for (got, want) in v.iter().zip([0.3516, 0.8725, -0.508_575, 0.111_587_5]) {
        assert!((got - want).abs() < 2e-7, "{got} is not {want}");
    }
    assert!((norm - 1.075_164_690_1).abs() < 2e-7);
}

#[test]
fn the_vector_is_the_mean_of_differences_at_the_answer_token_of_every_block() {
    let model = tiny();
    let set = pairs(&model);
    assert_eq!((set.pairs.len(), set.read), (5, PositionRead::Answer));
    let vector = extract(&model, &set);
    assert_eq!(vector.directions.len(), model.n_blocks());
    // The last block's output is what a plain pass returns.
    let last = |ids: &[u32]| {
        let part = [Part { sequence: 0, ids }];
        let mut none = steerscope::engine::NoHook;
        model
            .extend(
                &mut KvCache::new(&model, 1),
                &part,
                Keep::Last,
                &mut none,
                &Cancel::never(),
            )
            .unwrap()
            .into_vec()
    };
    let mut mean = MeanDifference::new(1, model.hidden_size());
    for pair in &set.pairs {
        mean.add(
            BlockIndex(0),
            &last(&pair.positive.ids),
            &last(&pair.negative.ids),
        );
    }
    let want = &mean.directions()[&0];
    let got = vector.direction(BlockIndex(3)).unwrap();
    assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn exchanging_the_roles_negates_the_vector_exactly() {
    let model = tiny();
    let set = pairs(&model);
    let mut swapped = set.clone();
    swapped.pairs = set.pairs.iter().map(ContrastivePair::swapped).collect();
    let (vector, other) = (extract(&model, &set), extract(&model, &swapped));
    assert_eq!(other.directions, vector.reversed().directions);
}

#[test]
fn duplicating_every_pair_leaves_the_mean() {
    let model = tiny();
    let set = pairs(&model);
    let mut twice = set.clone();
    twice.pairs.extend(set.pairs.iter().cloned());
    let (vector, other) = (extract(&model, &set), extract(&model, &twice));
    for (a, b) in vector
        .directions
        .values()
        .flatten()
        .zip(other.directions.values().flatten())
    {
        assert!((a - b).abs() < 1e-6);
    }
}

#[test]
fn texts_are_read_at_their_last_token() {
    let model = tiny();
    let rows = r#"{"positive":"Tom was happy. He ran home.","negative":"Tom was sad. He sat down and cried."}
{"positive":"The sun is out.","negative":"It rains and rains."}"#;
    let set = PairSet::build(
        &Dataset::from_bytes("texts", rows.as_bytes()).unwrap(),
        model.tokenizer(),
        256,
    )
    .unwrap();
    assert_eq!(set.read, PositionRead::Last);
    for (pair, row) in set.pairs.iter().zip(rows.lines()) {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        let ids = model
            .tokenizer()
            .encode(row["positive"].as_str().unwrap())
            .unwrap();
        assert_eq!(pair.positive.ids, ids);
        assert!(pair.shared_prefix() < ids.len());
    }
    let vector = extract(&model, &set);
    assert_eq!(vector.metadata[meta::POSITIONS_READ], "last");
}

#[test]
fn metadata_say_how_the_vector_was_made() {
    let model = tiny();
    let vector = extract(&model, &pairs(&model));
    for (key, want) in [
        (meta::METHOD, "mean"),
        (meta::UNIT, "raw_difference"),
        (meta::MODEL_ID, "tiny"),
        (meta::MODEL_REVISION, model.hash()),
        (meta::N_LAYERS, "4"),
        (meta::HIDDEN_SIZE, "48"),
        (meta::N_POS, "5"),
        (meta::POSITIONS_READ, "answer"),
        (meta::DATASET_SHA256, &dataset().id),
    ] {
        assert_eq!(vector.metadata[key], want, "{key}");
    }
    let norms: serde_json::Value =
        serde_json::from_str(&vector.metadata[meta::VECTOR_NORM]).unwrap();
    let stated = norms["2"].as_f64().unwrap();
    assert!((stated - f64::from(vector.norm(BlockIndex(2)).unwrap())).abs() < 1e-4);
}

#[test]
fn rows_of_different_kinds_are_not_mixed() {
    let model = tiny();
    let rows = "{\"positive\":\"a b\",\"negative\":\"c d\"}\n{\"prompt\":\"p\",\"positive\":\" a\",\"negative\":\" b\"}";
    let dataset = Dataset::from_bytes("mixed", rows.as_bytes()).unwrap();
    assert_eq!(
        PairSet::build(&dataset, model.tokenizer(), 256)
            .unwrap_err()
            .id(),
        "mixed-positions"
    );
    let texts = Dataset::from_bytes("texts", rows.lines().next().unwrap().as_bytes()).unwrap();
    assert_eq!(
        PairSet::build(&texts, model.tokenizer(), 1)
            .unwrap_err()
            .id(),
        "no-pairs"
    );
}

#[test]
fn progress_is_told_and_cancelling_stops() {
    let model = tiny();
    let mut set = pairs(&model);
    set.pairs = set.pairs.iter().cycle().take(120).cloned().collect();
    let mut seen = Vec::new();
    extract_mean(
        &model,
        "t",
        "tiny",
        &set,
        &mut |done, total| seen.push((done, total)),
        &Cancel::never(),
    )
    .unwrap();
    assert_eq!(
        (seen.first(), seen.last()),
        (Some(&(0, 120)), Some(&(120, 120)))
    );
    assert!(seen.len() > 2 && seen.is_sorted());
    let cancel = Cancel::new(std::sync::Arc::new(2.into()), 1);
    assert!(
        extract_mean(&model, "t", "tiny", &set, &mut |_, _| {}, &cancel)
            .unwrap_err()
            .is_cancelled()
    );
}

#[test]
fn residual_norms_are_medians_without_the_first_position() {
    let model = tiny();
    let prompts: [&[u32]; 3] = [&[5, 6, 7, 8], &[9, 10], &[11]];
    let got = residual_norms(&model, &prompts, &Cancel::never()).unwrap();
    let mut norms = Vec::new();
    for ids in prompts {
        let part = [Part { sequence: 0, ids }];
        let mut none = steerscope::engine::NoHook;
        let rows = model
            .extend(
                &mut KvCache::new(&model, 1),
                &part,
                Keep::All,
                &mut none,
                &Cancel::never(),
            )
            .unwrap();
        let norm = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>().sqrt();
        norms.extend(
            rows.as_slice()
                .chunks_exact(model.hidden_size())
                .skip(1)
                .map(norm),
        );
    }
    norms.sort_by(f32::total_cmp);
    assert_eq!(norms.len(), 4);
    assert!((got[3] - f32::midpoint(norms[1], norms[2])).abs() < 1e-5);
    assert!(got.iter().all(|h| *h > 0.0));
    assert_eq!(
        residual_norms(&model, &[&[11]], &Cancel::never()).unwrap(),
        [0.0; 4]
    );
}
