//! Files of strangers, valid ones mutated: the bodies of the fuzz targets a bounded number of times,
//! and declarations far beyond the file under a memory limit.

use std::fs;
use std::process::Command;

use proptest::prelude::*;
use serde_json::json;

use super::bodies;
use super::gguf_file::{Gguf, Meta, convert, words};
use super::tiny::{Tiny, safetensors, with_header};

fn tiny() -> Gguf {
    let tiny = Tiny::default().with("num_hidden_layers", json!(1));
    let mut gguf = convert(&tiny.config, &tiny.tensors());
    words(&mut gguf, 97);
    gguf
}

/// Weights that fit [`bodies::SMALL`].
fn small() -> Vec<u8> {
    let config = serde_json::from_slice(bodies::SMALL).expect("JSON");
    let tiny = Tiny {
        config,
        ..Tiny::default()
    };
    safetensors(&tiny.tensors(), "F32")
}

/// Numbers that lengths, offsets and shapes are overwritten with.
fn extreme() -> impl Strategy<Value = u64> {
    prop_oneof![
        prop::sample::select(vec![
            0,
            1,
            31,
            1 << 16,
            1 << 31,
            10 << 30,
            1 << 40,
            i64::MAX as u64,
            u64::MAX - 7,
            u64::MAX,
        ]),
        any::<u64>(),
        0u64..4096,
    ]
}

#[derive(Debug, Clone)]
enum Change {
    Cut(usize),
    Byte(usize, u8),
    Word(usize, u64),
    Half(usize, u32),
    /// A stretch once more, elsewhere.
    Copy(usize, usize, usize),
}

/// Changes within the first `span` bytes: headers are where files go wrong in interesting ways.
fn change(span: usize) -> impl Strategy<Value = Change> {
    let at = 0..span;
    prop_oneof![
        1 => at.clone().prop_map(Change::Cut),
        3 => (at.clone(), any::<u8>()).prop_map(|(i, b)| Change::Byte(i, b)),
        4 => (at.clone(), extreme()).prop_map(|(i, v)| Change::Word(i, v)),
        2 => (at.clone(), any::<u32>()).prop_map(|(i, v)| Change::Half(i, v % 40)),
        1 => (at.clone(), at, 1usize..64).prop_map(|(a, b, n)| Change::Copy(a, b, n)),
    ]
}

fn apply(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let n = bytes.len();
        let put = |bytes: &mut Vec<u8>, at: usize, new: &[u8]| {
            let end = (at + new.len()).min(bytes.len());
            if at < end {
                bytes[at..end].copy_from_slice(&new[..end - at]);
            }
        };
        match *change {
            Change::Cut(i) => bytes.truncate(i),
            Change::Byte(i, b) => put(&mut bytes, i, &[b]),
            Change::Word(i, v) => put(&mut bytes, i, &v.to_le_bytes()),
            Change::Half(i, v) => put(&mut bytes, i, &v.to_le_bytes()),
            Change::Copy(a, b, len) => {
                let stretch = bytes[a.min(n)..(a + len).min(n)].to_vec();
                put(&mut bytes, b, &stretch);
            }
        }
    }
    bytes
}

#[test]
fn the_unchanged_files_are_accepted() {
    assert_eq!(bodies::gguf(&tiny().bytes()), None);
    assert_eq!(bodies::safetensors(&small()), None);
    assert_eq!(bodies::config(bodies::SMALL), None);
    assert_eq!(bodies::chat_template(b"{{ messages[0].content }}"), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mutated_gguf_file_makes_a_reader_panic(
        changes in prop::collection::vec(change(6000), 1..5)
    ) {
        bodies::gguf(&apply(tiny().bytes(), &changes));
    }

    #[test]
    fn no_numbers_in_the_metadata_make_a_reader_panic(
        key in any::<prop::sample::Index>(), value in extreme(), float in any::<f32>(), kind in 0..4
    ) {
        let mut gguf = tiny();
        let keys: Vec<String> = gguf.metadata.iter().map(|(k, _)| k.clone()).collect();
        let value = match kind {
            0 => Meta::U32(value as u32),
            1 => Meta::F32(float),
            2 => Meta::Texts(vec!["a".to_owned(); (value % 300) as usize]),
            _ => Meta::Bool(value & 1 == 1),
        };
        gguf.set(&keys[key.index(keys.len())], value);
        bodies::gguf(&gguf.bytes());
    }

    #[test]
    fn no_shape_makes_a_reader_panic(
        tensor in any::<prop::sample::Index>(), dim in any::<prop::sample::Index>(), value in extreme(), kind in 0u32..45
    ) {
        let mut gguf = tiny();
        let i = tensor.index(gguf.tensors.len());
        let shape = &mut gguf.tensors[i].shape;
        let d = dim.index(shape.len());
        shape[d] = value as usize;
        gguf.tensors[i].kind = if kind > 40 { 0 } else { kind };
        bodies::gguf(&gguf.bytes());
    }

    #[test]
    fn no_mutated_safetensors_file_makes_the_reader_panic(
        changes in prop::collection::vec(change(1200), 1..5)
    ) {
        bodies::safetensors(&apply(small(), &changes));
    }

    #[test]
    fn no_mutated_index_names_a_file_elsewhere(
        changes in prop::collection::vec(change(60), 1..4), name in "[./a\\\\:~]{0,12}"
    ) {
        let index = json!({ "weight_map": { "a": "model-1.safetensors", "b": name } }).to_string();
        bodies::shards(index.as_bytes());
        bodies::shards(&apply(index.into_bytes(), &changes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_pieces_of_templates_run_without_an_end(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{% for m in messages %}", "{% endfor %}", "{% if m.role == 'user' %}", "{% else %}", "{% endif %}",
            "{% macro f(x) %}", "{% endmacro %}", "{{ f(f) }}", "{{ m.content }}", "{{ raise_exception('no') }}",
            "{% set ns = namespace(x=[]) %}", "{% set ns.x = ns.x + [ns.x] %}", "{{ ns.x }}", "{{ 'x' * 100000 }}",
            "{% for i in range(9999) %}", "{{ messages | tojson }}", "{{ loop.index }}", "{% generation %}", "{{", "}}", "%}",
            "{{ messages[0]['content'].split('')[-1] }}", "\u{0}", "{#", "#}",
        ]), 1..10)
    ) {
        bodies::chat_template(pieces.concat().as_bytes());
    }
}

/// Files of at most a few KB that announce gigabytes.
fn braggarts() -> Vec<(&'static str, Vec<u8>)> {
    let header = |json: serde_json::Value| with_header(&json.to_string(), &[0; 64]);
    let mut cases = vec![
        (
            "model.safetensors",
            header(
                json!({"lm_head.weight": {"dtype": "F32", "shape": [50_000, 53_687], "data_offsets": [0, 10_737_400_000u64]}}),
            ),
        ),
        (
            "model.safetensors",
            header(json!({"a": {"dtype": "F32", "shape": [u64::MAX, 2], "data_offsets": [0, 64]}})),
        ),
        ("model.safetensors", (90_000_000u64).to_le_bytes().to_vec()),
    ];
    let gguf = |tensors: u64, values: u64, rest: &[u8]| {
        let mut out = b"GGUF\x03\0\0\0".to_vec();
        out.extend(tensors.to_le_bytes());
        out.extend(values.to_le_bytes());
        out.extend(rest);
        out
    };
    let list = |kind: u32, n: u64| {
        let mut out = 1u64.to_le_bytes().to_vec();
        out.push(b'k');
        out.extend(9u32.to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend(n.to_le_bytes());
        out.extend([0; 900]);
        out
    };
    cases.push(("model.gguf", gguf(10 << 30, 0, &[0; 900])));
    cases.push(("model.gguf", gguf(0, u64::MAX, &[0; 900])));
    for kind in [0, 4, 6, 8, 9, 12] {
        cases.push(("model.gguf", gguf(0, 1, &list(kind, 10 << 30))));
        cases.push(("model.gguf", gguf(0, 1, &list(kind, u64::MAX / 2))));
    }
    let mut one = Gguf::default();
    one.set("general.architecture", "llama");
    one.f32_tensor("token_embd.weight", &[16], &[0.0; 16]);
    one.tensors[0].shape = vec![50_000, 53_687];
    cases.push(("model.gguf", one.bytes()));
    cases
}

/// With two gigabytes of address space beyond what the program takes by itself, nothing near what
/// the files announce could be reserved: that would end the program by a signal.
#[cfg(target_os = "linux")]
#[test]
fn ten_gigabytes_declared_in_a_kilobyte_reserve_nothing() {
    for (name, bytes) in braggarts() {
        assert!(bytes.len() < 4096);
        let dir = Tiny::default().write();
        let path = dir.path().join(name);
        fs::write(&path, &bytes).expect("written");
        let model = if name.ends_with("gguf") {
            &path
        } else {
            dir.path()
        };
        let output = Command::new("sh")
            .arg("-c")
            .arg("ulimit -v 4000000 && exec \"$0\" generate --prompt x --model \"$1\"")
            .arg(env!("CARGO_BIN_EXE_steerscope"))
            .arg(model)
            .env("STEERSCOPE_HOME", dir.path())
            .output()
            .expect("runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(name), "{said}");
    }
}
