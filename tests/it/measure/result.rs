//! The machine-readable result.

use std::sync::Arc;

use steerscope::engine::Cancel;
use steerscope::measure::{
    CacheOptions, DatasetIdentity, Measurement, ModelIdentity, PromptCache, Protocol, Site, Split,
    VectorIdentity, check_multipliers,
};
use steerscope::steering::dataset::Part;
use steerscope::units::{BlockIndex, DEFAULT_MULTIPLIERS, Mask};

use super::support::{direction, prepared, tiny};

fn measurement(rows: Option<Vec<Vec<f32>>>) -> Measurement {
    let model = tiny();
    let set = prepared(&model);
    let v = direction(model.hidden_size());
    let site = Site {
        edit: steerscope::units::Edit::ADD,
        direction: &v,
        block: BlockIndex(1),
        mask: Mask::FromLastPrompt,
    };
    let mut cache = PromptCache::new(
        Arc::clone(&model),
        Arc::clone(&set),
        CacheOptions::default(),
    );
    let measured = cache
        .evaluate(&site, &DEFAULT_MULTIPLIERS, 0..5, &Cancel::never())
        .unwrap();
    let (n_blocks, hidden_size) = (model.n_blocks(), model.hidden_size());
    Measurement::new(
        ModelIdentity {
            name: "tiny".into(),
            sha256: model.hash().into(),
            n_blocks,
            hidden_size,
        },
        VectorIdentity {
            name: "v".into(),
            id: "0".into(),
            norm: 1.0,
        },
        DatasetIdentity {
            name: "rows".into(),
            id: "0".into(),
            format: "steerscope JSONL".into(),
            warnings: vec![],
        },
        Protocol::new(
            BlockIndex(1),
            Mask::FromLastPrompt,
            &DEFAULT_MULTIPLIERS,
            Split::part(Part::Test, 0),
        ),
        &set,
        &rows.unwrap_or(measured),
    )
}

#[test]
fn the_json_has_the_promised_fields_and_reads_back() {
    let measured = measurement(None);
    let json = serde_json::to_value(&measured).unwrap();
    assert_eq!(json["schema_version"], 2);
    assert_eq!(json["protocol"]["mask"], "from_last_prompt");
    assert_eq!(json["protocol"]["block"], 1);
    assert_eq!(json["inputs"][2]["id"], 2);
    assert_eq!(json["inputs"][2]["propensity"].as_array().unwrap().len(), 7);
    for field in [
        "n",
        "mean",
        "median",
        "sd",
        "quartiles",
        "anti_steerable",
        "ci95",
    ] {
        assert!(json["summary"].get(field).is_some(), "summary.{field}");
    }
    assert_eq!(json["curve"].as_array().unwrap().len(), 7);
    let text = serde_json::to_string(&measured).unwrap();
    let read: Measurement = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&read.model, &read.vector, &read.protocol),
        (&measured.model, &measured.vector, &measured.protocol)
    );
    for (read, written) in read.inputs.iter().zip(&measured.inputs) {
        assert_eq!(
            (read.id, &read.propensity),
            (written.id, &written.propensity)
        );
        assert!((read.steerability.unwrap() - written.steerability.unwrap()).abs() < 1e-12);
    }
}

#[test]
fn a_propensity_that_is_not_finite_is_null_and_leaves_the_rest_alone() {
    let mut rows = vec![vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]; 5];
    rows[1][6] = f32::NAN;
    let json = serde_json::to_value(measurement(Some(rows))).unwrap();
    assert!(
        json["inputs"][1]["propensity"][6].is_null() && json["inputs"][1]["steerability"].is_null()
    );
    assert_eq!(json["summary"]["n"], 4);
    assert_eq!(json["summary"]["non_finite"], 1);
    assert_eq!(json["summary"]["mean"], 2.0);
}

#[test]
fn a_grid_needs_three_distinct_finite_multipliers() {
    assert!(check_multipliers(&[-1.0, 0.0, 1.0]).is_ok());
    assert_eq!(
        check_multipliers(&[1.0, 1.0, 2.0]).unwrap_err().id(),
        "multiplier-grid"
    );
    assert_eq!(
        check_multipliers(&[0.0, -0.0, 2.0]).unwrap_err().id(),
        "multiplier-grid"
    );
    assert_eq!(
        check_multipliers(&[0.0, f32::NAN, 2.0]).unwrap_err().id(),
        "multiplier-value"
    );
}
