//! Damaged and foreign GGUF files: typed errors that name the file, never a panic.

use std::fs;

use proptest::prelude::*;
use serde_json::json;
use steerscope::engine::{EngineError, Model};

use super::gguf_file::{Block, Gguf, Meta, convert, words};
use super::tiny::Tiny;

fn tiny() -> Gguf {
    let tiny = Tiny::default().with("num_hidden_layers", json!(1));
    let mut gguf = convert(&tiny.config, &tiny.tensors());
    words(&mut gguf, 97);
    gguf
}

fn load(bytes: &[u8]) -> Result<Model, EngineError> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("model.gguf");
    fs::write(&path, bytes).expect("written");
    Model::open(&path)
}

/// The refusal: its id, with the file named in the message.
fn refused(bytes: &[u8]) -> &'static str {
    let error = load(bytes).expect_err("a refusal");
    let message = error.to_string();
    assert!(message.contains("model.gguf"), "{message}");
    error.id()
}

/// Everything up to the data.
fn header_len(gguf: &Gguf) -> usize {
    let mut empty = gguf.clone();
    let padded: usize = empty
        .tensors
        .iter()
        .map(|t| t.bytes.len().next_multiple_of(32))
        .sum();
    empty.tensors.iter_mut().for_each(|t| t.bytes.clear());
    let whole = gguf.bytes().len();
    assert!(padded < whole + 32);
    empty.bytes().len()
}

#[test]
fn truncated_files_are_recognised_at_every_length() {
    let gguf = tiny();
    let whole = gguf.bytes();
    assert!(load(&whole).is_ok());
    let header = header_len(&gguf);
    for len in
        (0..header)
            .step_by(97)
            .chain([3, 4, 8, 23, header, whole.len() / 2, whole.len() - 40])
    {
        assert_eq!(refused(&whole[..len]), "weights-truncated", "{len} bytes");
    }
    let missing = Model::open(std::path::Path::new("/no/such/model.gguf"));
    assert_eq!(missing.expect_err("a refusal").id(), "model-file-missing");
}

#[test]
fn other_formats_and_versions_are_refused() {
    assert_eq!(refused(b"GGML and what follows it"), "weights-invalid");
    let mut bytes = tiny().bytes();
    for version in [0u32, 1, 4, 0x0300_0000] {
        bytes[4..8].copy_from_slice(&version.to_le_bytes());
        assert_eq!(refused(&bytes), "weights-invalid");
    }
    bytes[..4].copy_from_slice(b"FUGG");
    assert_eq!(refused(&bytes), "weights-invalid");
    let mut gguf = tiny();
    gguf.set("general.architecture", "mamba");
    assert_eq!(refused(&gguf.bytes()), "gguf-unsupported");
    let message = load(&gguf.bytes()).expect_err("a refusal").to_string();
    assert!(
        message.contains("mamba") && message.contains("qwen3"),
        "{message}"
    );
    let mut gguf = tiny();
    gguf.set("llama.expert_count", Meta::U32(8));
    assert_eq!(refused(&gguf.bytes()), "gguf-unsupported");
}

#[test]
fn counts_that_the_file_cannot_hold_are_refused_without_being_reserved() {
    let whole = tiny().bytes();
    for (at, len) in [(8, 8), (16, 8), (24, 8)] {
        // Numbers of tensors and of values; length of the first key.
        for absurd in [u64::MAX, 10_000_000_000, 1 << 40] {
            let mut bytes = whole.clone();
            bytes[at..at + len].copy_from_slice(&absurd.to_le_bytes());
            assert_eq!(refused(&bytes), "weights-truncated", "at {at}");
        }
    }
    // Ten gigabytes of values in a file of one kilobyte.
    let mut gguf = tiny();
    gguf.tensors.clear();
    gguf.tensors.push(Block {
        name: "token_embd.weight".to_owned(),
        shape: vec![50_000_000, 50],
        kind: 0,
        bytes: Vec::new(),
    });
    assert_eq!(refused(&gguf.bytes()), "weights-truncated");
    for shape in [
        vec![usize::MAX, 2],
        vec![usize::MAX / 4, 4, 4, 4],
        vec![1; 5],
    ] {
        gguf.tensors[0].shape = shape;
        assert_eq!(refused(&gguf.bytes()), "weights-invalid");
    }
    // A list of ten thousand million texts.
    let mut gguf = tiny();
    gguf.metadata.clear();
    gguf.set("list", Meta::Texts(vec![]));
    let mut bytes = gguf.bytes();
    let at = 24 + 8 + 4 + 4 + 4;
    bytes[at..at + 8].copy_from_slice(&10_000_000_000u64.to_le_bytes());
    assert_eq!(refused(&bytes), "weights-truncated");
}

#[test]
fn places_of_tensors_are_checked() {
    let gguf = tiny();
    let whole = gguf.bytes();
    let place = |name: &str| {
        let at = whole.windows(name.len()).position(|w| w == name.as_bytes());
        let dims = gguf
            .tensors
            .iter()
            .find(|t| t.name == name)
            .expect("a tensor")
            .shape
            .len();
        at.expect("the name") + name.len() + 4 + 8 * dims + 4
    };
    let at = place("blk.0.ffn_up.weight");
    let with = |offset: u64| {
        let mut bytes = whole.clone();
        bytes[at..at + 8].copy_from_slice(&offset.to_le_bytes());
        bytes
    };
    assert_eq!(refused(&with(1 << 40)), "weights-truncated");
    assert_eq!(refused(&with(u64::MAX)), "weights-invalid");
    assert_eq!(
        refused(&with(0)),
        "weights-invalid",
        "overlaps the first tensor"
    );
    assert_eq!(refused(&with(8)), "weights-invalid", "not aligned");
    let mut twice = gguf.clone();
    twice.tensors.push(twice.tensors[0].clone());
    assert_eq!(refused(&twice.bytes()), "weights-invalid");
    let mut odd = gguf.clone();
    odd.set("general.alignment", Meta::U32(0));
    assert_eq!(refused(&odd.bytes()), "config-invalid");
}

#[test]
fn texts_that_are_not_utf8_are_refused() {
    let whole = tiny().bytes();
    for word in ["general.architecture", "qwen", "w42", "blk.0.ffn_up.weight"] {
        let Some(at) = whole.windows(word.len()).position(|w| w == word.as_bytes()) else {
            continue;
        };
        let mut bytes = whole.clone();
        bytes[at] = 0xFF;
        assert_eq!(refused(&bytes), "weights-invalid", "{word}");
    }
}

#[test]
fn values_of_another_type_and_contradictions_are_refused() {
    let cases: [(&str, Meta, &str); 10] = [
        ("general.architecture", Meta::U32(1), "config-invalid"),
        ("llama.block_count", "three".into(), "config-invalid"),
        ("llama.block_count", Meta::U32(u32::MAX), "config-invalid"),
        ("llama.block_count", Meta::U32(2), "tensor-missing"),
        ("llama.embedding_length", Meta::U32(40), "tensor-shape"),
        (
            "llama.attention.value_length",
            Meta::U32(8),
            "gguf-unsupported",
        ),
        ("split.count", Meta::U32(3), "gguf-split"),
        ("tokenizer.ggml.pre", "default".into(), "tokenizer-invalid"),
        ("tokenizer.ggml.tokens", Meta::U32(1), "config-invalid"),
        ("tokenizer.ggml.model", "rwkv".into(), "tokenizer-invalid"),
    ];
    for (key, value, id) in cases {
        let mut gguf = tiny();
        gguf.set(key, value);
        assert_eq!(refused(&gguf.bytes()), id, "{key}");
    }
    let mut gguf = tiny();
    gguf.tensors[0].kind = 999;
    assert_eq!(refused(&gguf.bytes()), "tensor-type");
    let mut gguf = tiny();
    for t in &mut gguf.tensors {
        if t.name == "blk.0.ffn_norm.weight" {
            t.bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
        }
    }
    assert_eq!(refused(&gguf.bytes()), "weights-not-finite");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend(bytes);
        prop_assert!(load(&file).is_err());
    }

    #[test]
    fn no_change_of_the_header_makes_reading_panic(
        changes in prop::collection::vec((0usize..6000, any::<u8>()), 1..6)
    ) {
        let gguf = tiny();
        let mut bytes = gguf.bytes();
        let header = header_len(&gguf);
        for (at, byte) in changes {
            bytes[at % header] = byte;
        }
        // Either refused or, where the change means nothing, loaded.
        let _ = load(&bytes);
    }

    #[test]
    fn no_number_in_the_header_makes_reading_panic(at in 0usize..6000, number in any::<u64>(), shift in 0u32..64) {
        let gguf = tiny();
        let mut bytes = gguf.bytes();
        let at = at % (header_len(&gguf) - 8);
        bytes[at..at + 8].copy_from_slice(&(number >> shift).to_le_bytes());
        let _ = load(&bytes);
    }
}
