//! Reference data, small models and data sets of the measurement and steering tests.

use std::sync::Arc;

use serde_json::Value;
use steerscope::engine::{Config, Model, TextTokenizer};
use steerscope::measure::{PreparedInput, PreparedSet, Propensity};
use steerscope::steering::dataset::Dataset;

pub(crate) use crate::reference::{json, shared, stories};

/// A list of numbers.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .expect("a list")
        .iter()
        .map(|v| v.as_f64().expect("a number"))
        .collect()
}

/// Four blocks of width 48 with random weights and the tokenizer of the bundled model.
pub(crate) fn tiny() -> Arc<Model> {
    tiny_of(4096)
}

/// The same with as many tokens.
pub(crate) fn tiny_of(vocabulary: usize) -> Arc<Model> {
    let json = format!(
        r#"{{"model_type":"llama","hidden_size":48,"intermediate_size":96,"num_hidden_layers":4,
        "num_attention_heads":6,"num_key_value_heads":2,"head_dim":8,"vocab_size":{vocabulary},
        "max_position_embeddings":256,"rms_norm_eps":1e-5,"tie_word_embeddings":true}}"#
    );
    let bytes = include_bytes!("../../../assets/model/tokenizer.json");
    let tokenizer = TextTokenizer::from_bytes(bytes, "tokenizer.json").expect("a tokenizer");
    let config = Config::from_json(json.as_bytes(), "config.json").expect("a configuration");
    Arc::new(Model::random(config, tokenizer, 11).expect("a model"))
}

/// Rows of several lengths; the lettered ones have answer tokens before the letter.
pub(crate) const ROWS: &str = r#"{"prompt":"Tom found a dog in the garden. Tom was very","positive":" happy","negative":" sad"}
{"prompt":"Once upon a time there was a girl. She was","positive":" good","negative":" bad"}
{"prompt":"Would you say \"I like rain\"?\n(A) Yes\n(B) No\nAnswer:","positive":" (A)","negative":" (B)"}
{"prompt":"Would you say \"I like long walks by the sea\"?\n(A) No\n(B) Yes\nAnswer:","positive":" (B)","negative":" (A)"}
{"prompt":"He","positive":" ran","negative":" sat"}
"#;

pub(crate) fn dataset() -> Dataset {
    Dataset::from_bytes("rows", ROWS.as_bytes()).expect("a data set")
}

pub(crate) fn prepared(model: &Model) -> Arc<PreparedSet> {
    let max = model.config().max_positions;
    Arc::new(PreparedSet::build(&dataset(), model.tokenizer(), max).expect("inputs"))
}

/// Inputs of given shapes with arbitrary tokens: `(k, P)` each.
pub(crate) fn synthetic(model: &Model, shapes: &[(usize, usize)]) -> Arc<PreparedSet> {
    let vocab = model.config().vocab_size as u32;
    let input = |(row, &(k, prompt_len)): (usize, &(usize, usize))| PreparedInput {
        row,
        prefix: (0..k)
            .map(|i| (i as u32 * 31 + row as u32 * 17 + 5) % vocab)
            .collect(),
        prompt_len,
        answers: [7, 90].map(|id| (id + row as u32) % vocab),
        tails: [Vec::new(), Vec::new()],
        prompt: format!("input {row}"),
        positive: "a".to_owned(),
        negative: "b".to_owned(),
    };
    Arc::new(PreparedSet {
        dataset: "synthetic".to_owned(),
        dataset_id: "synthetic".to_owned(),
        inputs: shapes.iter().enumerate().map(input).collect(),
        rejected: steerscope::steering::Rejections::default(),
        texts_only: 0,
        propensity: Propensity::AnswerLogit,
    })
}

/// A direction with arbitrary fixed values.
pub(crate) fn direction(width: usize) -> Vec<f32> {
    (0..width)
        .map(|i| ((i * 7919 + 13) % 101) as f32 / 101.0 - 0.5)
        .collect()
}
