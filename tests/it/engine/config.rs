//! What `config.json` may say, and in how many ways; no configuration makes the reader panic.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};
use steerscope::engine::{Config, EngineError, Model, NoHook, Rows, TextTokenizer};

use super::oracle::directory;
use super::support::forward;
use super::tiny::prompt_below;

fn family(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/families")
        .join(name)
}

fn config(name: &str) -> Value {
    let bytes = fs::read(family(name).join("config.json")).expect("readable");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// Final rows of a family's weights under another `config.json`.
fn rows(name: &str, config: &Value) -> Result<Rows, EngineError> {
    let dir = directory(&family(name));
    fs::write(dir.path().join("config.json"), config.to_string()).expect("written");
    let model = Model::from_dir(dir.path())?;
    Ok(forward(&model, &prompt_below(40, 60, 2), &mut NoHook))
}

fn same(name: &str, other: &Value) {
    let want = rows(name, &config(name)).expect("loads");
    assert_eq!(rows(name, other).expect("loads"), want, "{name}");
}

/// Moves values to other keys.
fn moved(mut config: Value, remove: &[&str], add: Value) -> Value {
    let map = config.as_object_mut().expect("an object");
    for key in remove {
        map.remove(*key);
    }
    if let Value::Object(add) = add {
        map.extend(add);
    }
    config
}

#[test]
fn rotary_parameters_of_older_files_mean_the_same() {
    let old = |name: &str, add| moved(config(name), &["rope_parameters"], add);
    let yarn = json!({"rope_theta": 10000.0, "rope_scaling":
        {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 40}});
    same("rope_yarn", &old("rope_yarn", yarn));
    let linear = json!({"rope_theta": 10000.0, "rope_scaling": {"type": "linear", "factor": 4.0}});
    same("rope_linear", &old("rope_linear", linear));
    let part = json!({"rope_theta": 10000.0, "rope_scaling": null, "partial_rotary_factor": 0.75});
    same("phi4_mini", &old("phi4_mini", part));
    let gemma = json!({"rope_theta": 1e6, "rope_local_base_freq": 10000.0,
        "rope_scaling": {"rope_type": "linear", "factor": 8.0}});
    same("gemma3", &old("gemma3", gemma));
    let long = json!({"rope_theta": 10000.0, "original_max_position_embeddings": 128, "rope_scaling":
        {"type": "su", "short_factor": [1.0, 1.25, 2.0], "long_factor": [2.0, 2.5, 4.0]}});
    same("rope_longrope", &old("rope_longrope", long));
}

#[test]
fn text_part_of_a_model_that_sees_images_is_read() {
    let inner = config("gemma3");
    let outer = json!({
        "model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"],
        "text_config": inner, "vision_config": {"hidden_size": 1152}, "eos_token_id": [1, 106],
    });
    let read = Config::from_json(outer.to_string().as_bytes(), "config.json").expect("reads");
    assert_eq!(read.architecture, "gemma3_text");
    same("gemma3", &outer);
}

#[test]
fn layers_without_a_list_follow_the_family() {
    // Of the first five blocks of a Gemma 3 without `layer_types` all have a window.
    let all = json!({"layer_types": vec!["sliding_attention"; 3]});
    let want = rows("gemma3", &moved(config("gemma3"), &[], all)).expect("loads");
    let without = moved(config("gemma3"), &["layer_types"], json!({}));
    assert_eq!(rows("gemma3", &without).expect("loads"), want);
    // `max_window_layers` counts the blocks without a window.
    same(
        "qwen2_window",
        &moved(config("qwen2_window"), &["layer_types"], json!({})),
    );
    let off = json!({"use_sliding_window": false});
    let off = rows(
        "qwen2_window",
        &moved(config("qwen2_window"), &["layer_types"], off),
    );
    let on = rows("qwen2_window", &config("qwen2_window"));
    assert_ne!(off.expect("loads"), on.expect("loads"));
    // SmolLM3 rotates all but every fourth block.
    let every = moved(config("smollm3"), &["no_rope_layers"], json!({}));
    let list = moved(
        config("smollm3"),
        &[],
        json!({"no_rope_layers": [1, 1, 1, 0]}),
    );
    assert_eq!(
        rows("smollm3", &every).expect("loads"),
        rows("smollm3", &list).expect("loads")
    );
}

#[test]
fn null_keeps_the_default_of_the_family_away() {
    let gemma = |cap: Value| {
        let config = moved(
            config("gemma3"),
            &["layer_types", "attn_logit_softcapping"],
            json!({"model_type": "gemma2", "rope_parameters": {"rope_theta": 10000.0}}),
        );
        let mut config = moved(config, &[], cap);
        config["architectures"] = json!(["Gemma2ForCausalLM"]);
        rows("gemma3", &config).expect("loads")
    };
    let silent = gemma(json!({}));
    assert_eq!(silent, gemma(json!({"attn_logit_softcapping": 50.0})));
    assert_ne!(silent, gemma(json!({"attn_logit_softcapping": null})));
}

#[test]
fn longrope_models_without_factors_for_longer_texts_end_at_the_original_length() {
    let mut whole = config("rope_longrope");
    let longest = |config: &Value| {
        let read = Config::from_json(config.to_string().as_bytes(), "config.json");
        read.expect("reads").max_positions
    };
    assert_eq!(longest(&whole), 160);
    whole["rope_parameters"]["long_factor"] = Value::Null;
    assert_eq!(longest(&whole), 128);
}

#[test]
fn what_is_not_computed_is_refused_by_name() {
    for (name, add, word) in [
        (
            "gemma3",
            json!({"layer_types": ["linear_attention", "full_attention", "full_attention"]}),
            "linear_attention",
        ),
        (
            "gemma3",
            json!({"use_bidirectional_attention": true}),
            "bidirectional",
        ),
        (
            "rope_yarn",
            json!({"rope_parameters": {"rope_type": "spiral"}}),
            "spiral",
        ),
        ("olmo2", json!({"hidden_act": "relu6"}), "relu6"),
    ] {
        let error = rows(name, &moved(config(name), &[], add)).expect_err("a refusal");
        assert_eq!(error.id(), "architecture-unsupported");
        assert!(error.to_string().contains(word), "{error}");
    }
    for (name, add) in [
        ("gemma3", json!({"layer_types": ["full_attention"]})),
        ("gemma3", json!({"query_pre_attn_scalar": 0})),
        ("smollm3", json!({"no_rope_layers": [1]})),
        ("smollm3", json!({"no_rope_layers": "none"})),
        ("granite", json!({"logits_scaling": 0.0})),
        ("granite", json!({"attention_bias": "yes"})),
        ("rope_yarn", json!({"rope_parameters": "yarn"})),
        (
            "rope_linear",
            json!({"rope_parameters": {"rope_type": "linear"}}),
        ),
        (
            "rope_linear",
            json!({"rope_parameters": {"rope_type": "linear", "factor": -2}}),
        ),
        (
            "rope_longrope",
            json!({"rope_parameters": {"rope_type": "longrope", "short_factor": [1.0]}}),
        ),
        (
            "phi4_mini",
            json!({"rope_parameters": {"partial_rotary_factor": 0.5}}),
        ),
        (
            "phi4_mini",
            json!({"rope_parameters": {"partial_rotary_factor": 2.0}}),
        ),
        ("phi4_mini", json!({"num_hidden_layers": 1_000_000})),
        ("phi4_mini", json!({"hidden_size": 2, "head_dim": null})),
    ] {
        let error = rows(name, &moved(config(name), &[], add.clone())).expect_err("a refusal");
        assert_eq!(error.id(), "config-invalid", "{name} {add}");
    }
}

#[test]
fn beginning_of_text_follows_the_tokenizer_configuration() {
    let dir = directory(&family("olmo2"));
    let write =
        |text: &str| fs::write(dir.path().join("tokenizer_config.json"), text).expect("written");
    let ids = || {
        let model = Model::from_dir(dir.path()).expect("loads");
        model.tokenizer().encode("w5 w6").expect("encodes")
    };
    assert_eq!(ids(), [5, 6]);
    write(r#"{"add_bos_token": true, "bos_token": "w1"}"#);
    assert_eq!(ids(), [1, 5, 6]);
    write(r#"{"add_bos_token": true, "bos_token": {"content": "w1"}}"#);
    assert_eq!(ids(), [1, 5, 6]);
    write(r#"{"add_bos_token": false, "bos_token": "w5"}"#);
    assert_eq!(ids(), [5, 6], "what the text spells out stays");
    for text in [r#"{"add_bos_token": true}"#, r#"{"bos_token": "w1"}"#, "{}"] {
        write(text);
        assert_eq!(ids(), [5, 6], "{text}");
    }
    // A tokenizer that puts it there by itself.
    let path = dir.path().join("tokenizer.json");
    let bytes = fs::read(&path).expect("readable");
    let mut tokenizer: Value = serde_json::from_slice(&bytes).expect("JSON");
    let (text, begin) = (
        json!({"Sequence": {"id": "A", "type_id": 0}}),
        json!({"SpecialToken": {"id": "w1", "type_id": 0}}),
    );
    tokenizer["post_processor"] = json!({
        "type": "TemplateProcessing", "single": [begin, text], "pair": [text],
        "special_tokens": {"w1": {"id": "w1", "ids": [1], "tokens": ["w1"]}},
    });
    fs::write(&path, tokenizer.to_string()).expect("written");
    assert_eq!(ids(), [1, 5, 6]);
    write(r#"{"add_bos_token": true, "bos_token": "w1"}"#);
    assert_eq!(ids(), [1, 5, 6], "once is enough");
    write(r#"{"add_bos_token": false, "bos_token": "w1"}"#);
    assert_eq!(ids(), [5, 6]);
    write("{");
    assert_eq!(
        Model::from_dir(dir.path()).expect_err("a refusal").id(),
        "config-invalid"
    );
}

#[test]
fn every_family_can_be_made_of_random_weights() {
    let words = super::tiny::tokenizer(40);
    for name in NAMES {
        let config = config(name).to_string();
        let config = Config::from_json(config.as_bytes(), "config.json").expect("reads");
        let words = TextTokenizer::from_bytes(words.as_bytes(), "test").expect("a tokenizer");
        let model = Model::random(config, words, 5).expect("a model");
        let rows = forward(&model, &prompt_below(40, 60, 2), &mut NoHook);
        let logits = model.logits(&rows).expect("logits");
        assert!(logits.iter().all(|v| v.is_finite()), "{name}");
        assert!(logits.iter().any(|v| *v != 0.0), "{name}");
    }
}

const NAMES: [&str; 10] = [
    "gemma",
    "gemma3",
    "granite",
    "olmo2",
    "phi4_mini",
    "qwen2_window",
    "rope_linear",
    "rope_longrope",
    "rope_yarn",
    "smollm3",
];

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0u64..300).prop_map(Value::from),
        "[a-z_]{0,8}".prop_map(Value::from),
        prop::collection::vec(any::<f32>().prop_map(Value::from), 0..4).prop_map(Value::from),
        Just(json!({})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_value_under_any_key_makes_the_reader_panic(
        name in prop::sample::select(&NAMES[..]), key in any::<prop::sample::Index>(), value in any_value(),
        inner in any::<prop::sample::Index>(), deep in any::<bool>()
    ) {
        let mut config = config(name);
        let map = config.as_object_mut().expect("an object");
        let keys: Vec<String> = map.keys().cloned().collect();
        let rope = map.get_mut("rope_parameters").and_then(Value::as_object_mut);
        match rope.filter(|_| deep) {
            Some(rope) => {
                let keys: Vec<String> = rope.keys().cloned().collect();
                rope.insert(inner.get(&keys).clone(), value);
            }
            None => {
                map.insert(key.get(&keys).clone(), value);
            }
        }
        let _ = Config::from_json(config.to_string().as_bytes(), "config.json");
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        name in prop::sample::select(&NAMES[..]), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let mut bytes = config(name).to_string().into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = Config::from_json(&bytes, "config.json");
    }
}
