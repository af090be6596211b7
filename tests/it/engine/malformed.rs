//! Damaged and foreign files: typed errors that name the file, never a panic.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::json;
use steerscope::engine::{EngineError, Model};

use super::tiny::{Tiny, rewrite, safetensors, tokenizer, with_header};

/// The refusal of a directory: its id, with the file named in the message.
fn refused(dir: &Path, file: &str) -> &'static str {
    let error = Model::from_dir(dir).expect_err("a refusal");
    let message = error.to_string();
    assert!(message.contains(file), "'{message}' does not name {file}");
    assert!(
        message.len() > file.len() + 20,
        "'{message}' does not say what to do"
    );
    error.id()
}

#[test]
fn missing_files_are_named() {
    assert_eq!(
        refused(Path::new("/no/such/model"), "config.json"),
        "model-file-missing"
    );
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let dir = Tiny::default().write();
        fs::remove_file(dir.path().join(file)).expect("removed");
        assert_eq!(refused(dir.path(), file), "model-file-missing");
    }
    let dir = Tiny {
        shards: 3,
        ..Tiny::default()
    }
    .write();
    fs::remove_file(dir.path().join("model-1.safetensors")).expect("removed");
    assert_eq!(
        refused(dir.path(), "model-1.safetensors"),
        "model-file-missing"
    );
}

#[test]
fn unreadable_files_are_named() {
    let dir = Tiny::default().write();
    let path = dir.path().join("model.safetensors");
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("a directory");
    assert_eq!(
        refused(dir.path(), "model.safetensors"),
        "model-file-unreadable"
    );
}

#[test]
fn foreign_architectures_are_named() {
    for (key, value, word) in [
        ("model_type", json!("mamba"), "mamba"),
        ("model_type", json!("mamba"), "qwen3"),
        ("hidden_act", json!("relu6"), "relu6"),
        (
            "rope_scaling",
            json!({"rope_type": "spiral", "factor": 2.0}),
            "spiral",
        ),
        ("quantization_config", json!({"bits": 4}), "quantiz"),
    ] {
        let dir = Tiny::default().with(key, value).write();
        assert_eq!(
            refused(dir.path(), "config.json"),
            "architecture-unsupported"
        );
        let message = Model::from_dir(dir.path())
            .expect_err("a refusal")
            .to_string();
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn contradictory_configurations_are_refused() {
    for (key, value) in [
        ("model_type", json!(null)),
        ("hidden_size", json!(0)),
        ("hidden_size", json!("wide")),
        ("num_key_value_heads", json!(4)),
        ("head_dim", json!(7)),
        ("num_attention_heads", json!(0)),
        ("vocab_size", json!(u64::from(u32::MAX) * 16)),
        ("rope_theta", json!(-1.0)),
        ("rms_norm_eps", json!(-1.0)),
        ("eos_token_id", json!("end")),
        (
            "rope_scaling",
            json!({"rope_type": "llama3", "factor": 8.0}),
        ),
    ] {
        let dir = Tiny::default().write();
        let mut config = Tiny::default().config;
        config[key] = value;
        fs::write(dir.path().join("config.json"), config.to_string()).expect("written");
        assert_eq!(
            refused(dir.path(), "config.json"),
            "config-invalid",
            "{key}"
        );
    }
    let dir = Tiny::default().write();
    fs::write(dir.path().join("config.json"), "{\"model_type\": ").expect("written");
    assert_eq!(refused(dir.path(), "config.json"), "config-invalid");
    let dir = Tiny::default().write();
    fs::write(
        dir.path().join("generation_config.json"),
        r#"{"eos_token_id": -4}"#,
    )
    .expect("written");
    assert_eq!(
        refused(dir.path(), "generation_config.json"),
        "config-invalid"
    );
}

#[test]
fn truncated_weights_are_recognised_at_every_length() {
    let dir = Tiny::default().write();
    let path = dir.path().join("model.safetensors");
    let whole = fs::read(&path).expect("read");
    for len in [0, 1, 7, 8, 9, 100, 3000, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..len]).expect("written");
        assert_eq!(
            refused(dir.path(), "model.safetensors"),
            "weights-truncated",
            "{len} bytes"
        );
    }
    let mut longer = whole;
    longer.push(0);
    fs::write(&path, longer).expect("written");
    assert_eq!(refused(dir.path(), "model.safetensors"), "weights-invalid");
}

#[test]
fn hostile_headers_are_refused() {
    for header in [
        "",
        "[]",
        "{\"a\": 1}",
        r#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}"#,
        r#"{"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}"#,
        r#"{"a": {"dtype": "F32", "shape": [18446744073709551615, 2], "data_offsets": [0, 8]}}"#,
        r#"{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 8]}}"#,
        r#"{"a": {"dtype": "U8", "shape": [8], "data_offsets": [0, 18446744073709551615]}}"#,
    ] {
        let dir = Tiny::default().write();
        fs::write(
            dir.path().join("model.safetensors"),
            with_header(header, &[0; 8]),
        )
        .expect("written");
        assert_eq!(
            refused(dir.path(), "model.safetensors"),
            "weights-invalid",
            "{header}"
        );
    }
    let dir = Tiny::default().write();
    fs::write(dir.path().join("model.safetensors"), u64::MAX.to_le_bytes()).expect("written");
    assert_eq!(refused(dir.path(), "model.safetensors"), "weights-invalid");
}

#[test]
fn missing_tensors_and_wrong_shapes_are_named_with_both_shapes() {
    let dir = Tiny::default().write();
    let mut tensors = Tiny::default().tensors();
    let name = "model.layers.2.mlp.up_proj.weight";
    let kept = tensors.remove(name).expect("a tensor");
    rewrite(dir.path(), &tensors);
    assert_eq!(refused(dir.path(), name), "tensor-missing");
    tensors.insert(name.to_owned(), (vec![44, 70], kept.1));
    rewrite(dir.path(), &tensors);
    assert_eq!(refused(dir.path(), name), "tensor-shape");
    let message = Model::from_dir(dir.path())
        .expect_err("a refusal")
        .to_string();
    assert!(
        message.contains("[44, 70]") && message.contains("[70, 44]"),
        "{message}"
    );
    // The configuration promises an output head of its own that the file does not have.
    let dir = Tiny::default().write();
    let config = Tiny::default()
        .with("tie_word_embeddings", json!(false))
        .config;
    fs::write(dir.path().join("config.json"), config.to_string()).expect("written");
    assert_eq!(refused(dir.path(), "lm_head.weight"), "tensor-missing");
}

#[test]
fn other_number_types_are_named() {
    let dir = Tiny::default().write();
    let text = safetensors(&Tiny::default().tensors(), "F32");
    let header_len = u64::from_le_bytes(*text.first_chunk().expect("eight bytes")) as usize;
    let header = String::from_utf8(text[8..8 + header_len].to_vec())
        .expect("text")
        .replace("F32", "I32");
    fs::write(
        dir.path().join("model.safetensors"),
        with_header(&header, &text[8 + header_len..]),
    )
    .expect("written");
    assert_eq!(refused(dir.path(), "I32"), "tensor-type");
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for name in [
            "model.embed_tokens.weight",
            "model.layers.1.self_attn.k_proj.weight",
            "model.norm.weight",
        ] {
            let dir = Tiny::default().write();
            let mut tensors = Tiny::default().tensors();
            let values = &mut tensors.get_mut(name).expect("a tensor").1;
            *values.last_mut().expect("a value") = value;
            rewrite(dir.path(), &tensors);
            assert_eq!(refused(dir.path(), name), "weights-not-finite");
        }
    }
}

#[test]
fn foreign_and_damaged_tokenizers_are_refused() {
    let dir = Tiny {
        tokens: 98,
        ..Tiny::default()
    }
    .write();
    assert_eq!(refused(dir.path(), "tokenizer.json"), "tokenizer-mismatch");
    let dir = Tiny {
        tokens: 20,
        ..Tiny::default()
    }
    .write();
    assert_eq!(refused(dir.path(), "tokenizer.json"), "tokenizer-mismatch");
    // Some rows of the embedding without a token are usual.
    assert!(
        Model::from_dir(
            Tiny {
                tokens: 90,
                ..Tiny::default()
            }
            .write()
            .path()
        )
        .is_ok()
    );
    // Nor are added tokens beyond it, as a text model's has that shares a tokenizer.
    let dir = Tiny::default().write();
    let shared = tokenizer(97).replace(
        "\"added_tokens\":[]",
        r#""added_tokens":[{"id":97,"content":"<image>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]"#,
    );
    assert!(shared.contains("<image>"));
    fs::write(dir.path().join("tokenizer.json"), shared).expect("written");
    let model = Model::from_dir(dir.path()).expect("loads");
    assert_eq!(
        model.tokenizer().encode("w1 <image>").expect("encodes"),
        [1, 97]
    );
    for text in ["", "{}", "not json", &tokenizer(0)] {
        let dir = Tiny::default().write();
        fs::write(dir.path().join("tokenizer.json"), text).expect("written");
        assert_eq!(
            refused(dir.path(), "tokenizer.json"),
            "tokenizer-invalid",
            "{text}"
        );
    }
}

#[test]
fn malformed_shard_indexes_are_refused() {
    for index in [
        json!([]),
        json!({}),
        json!({"weight_map": {}}),
        json!({"weight_map": {"a": 3}}),
        json!({"weight_map": {"a": "../model-0.safetensors"}}),
        json!({"weight_map": {"a": "/etc/passwd"}}),
    ] {
        let dir = Tiny {
            shards: 2,
            ..Tiny::default()
        }
        .write();
        fs::write(
            dir.path().join("model.safetensors.index.json"),
            index.to_string(),
        )
        .expect("written");
        assert_eq!(
            refused(dir.path(), "model.safetensors.index.json"),
            "config-invalid",
            "{index}"
        );
    }
}

fn load_bytes(bytes: &[u8]) -> Result<(), EngineError> {
    let dir = Tiny::default().write();
    fs::write(dir.path().join("model.safetensors"), bytes).expect("written");
    Model::from_dir(dir.path()).map(|_| ())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_loading_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(load_bytes(&bytes).is_err());
    }

    #[test]
    fn no_change_of_the_header_makes_loading_panic(at in 0usize..3000, byte in any::<u8>()) {
        let mut bytes = safetensors(&Tiny::default().tensors(), "F32");
        bytes[at] = byte;
        // Either refused or, where the change means nothing, loaded.
        let _ = load_bytes(&bytes);
    }
}
