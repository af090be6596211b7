//! Files of strangers: valid ones mutated, and streams of random opcodes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::bodies;
use super::make::{self, M, P, v};

/// A valid file of every container.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let small = |n: i64| v(n)[..8].to_vec();
    let dict = P::new()
        .op(b"}(")
        .text("layer_activations")
        .op(b"}(")
        .int(1)
        .tensor(&[8], &small(1))
        .int(3)
        .tensor(&[8], &small(3))
        .op(b"uu");
    let numpy = {
        let data = make::bytes(&small(2));
        let mut p = P::new()
            .op(b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85U\x01btR(K\x01K\x08\x85cnumpy\ndtype\n")
            .text("f4")
            .op(b"K\0K\x01\x87R(K\x03")
            .text("<")
            .op(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89U");
        p.stream.push(data.len() as u8);
        p.op(&data).op(b"tb.").stream
    };
    let rows: Vec<f32> = (0..4).flat_map(small).collect();
    let array = ("15.npy".to_owned(), make::npy("(8,)", &small(1)));
    let sae = ("W_dec.npy".to_owned(), make::npy("(4, 8)", &rows));
    let state = make::P::new()
        .op(b"}")
        .text("W_dec")
        .tensor(&[4, 8], &rows)
        .op(b"s");
    vec![
        ("sae-torch", state.pt()),
        (
            "gguf",
            make::gguf(&make::control(M::U32(1)), &[("direction.1", small(1))]),
        ),
        (
            "glp",
            make::gguf(&make::glp("project", 1), &[("direction.1", small(1))]),
        ),
        ("torch", dict.clone().pt()),
        ("pickle", dict.op(b".").stream),
        ("numpy-pickle", numpy),
        ("npy", make::npy("(4, 8)", &rows)),
        ("npz", make::zip(&[array], true)),
        ("sae", make::zip(&[sae], false)),
        (
            "svec",
            json!({"directions": {"2": small(2)}})
                .to_string()
                .into_bytes(),
        ),
        (
            "aisteer",
            json!({"directions": {"2": [small(2)]}})
                .to_string()
                .into_bytes(),
        ),
        (
            "native",
            make::safetensors(
                &json!(null),
                &[("blocks.1.hook_resid_post", vec![8], small(1))],
            ),
        ),
        (
            "foreign",
            make::safetensors(
                &json!({"layer_type": "mlp"}),
                &[("layer.1", vec![8], small(1))],
            ),
        ),
        (
            "psyctl",
            make::safetensors(
                &json!({"layer_names": "['model.layers[1].mlp']"}),
                &[("layer_0", vec![8], small(1))],
            ),
        ),
        (
            "neuronpedia",
            json!({"vector": small(1), "hookName": "blocks.1.hook_resid_post"})
                .to_string()
                .into_bytes(),
        ),
    ]
}

#[test]
fn the_seeds_are_accepted() {
    for (name, bytes) in seeds() {
        // Without answers some ask; with them every file is read.
        let told = steerscope::steering::format::ImportOptions {
            layer: Some(1),
            row: ["npy", "sae", "sae-torch"].contains(&name).then_some(0),
            location: Some(steerscope::steering::format::Location::Output),
            ..Default::default()
        };
        let read = steerscope::steering::format::import_bytes(name, &bytes, &told);
        if name == "pickle" {
            assert_eq!(read.unwrap_err().id(), "torch-nested");
            continue;
        }
        read.unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
#[ignore = "writes the corpora of the fuzz targets"]
fn vector_seeds_of_the_fuzz_targets_are_written() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, bytes) in seeds() {
        make::put(&root.join("vector"), name, &bytes);
        if let Some(stream) = bytes.strip_prefix(b"\x80") {
            make::put(
                &root.join("pickle"),
                name,
                stream.get(1..).unwrap_or_default(),
            );
        }
    }
}

#[derive(Debug, Clone)]
enum Change {
    Cut(usize),
    Byte(usize, u8),
    Word(usize, u64),
    Copy(usize, usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let word = prop_oneof![
        prop::sample::select(vec![0, 1, 1 << 31, 1 << 40, i64::MAX as u64, u64::MAX]),
        any::<u64>(),
    ];
    prop_oneof![
        any::<usize>().prop_map(Change::Cut),
        (any::<usize>(), any::<u8>()).prop_map(|(at, b)| Change::Byte(at, b)),
        (any::<usize>(), word).prop_map(|(at, w)| Change::Word(at, w)),
        (any::<usize>(), any::<usize>(), 1usize..40).prop_map(|(a, b, n)| Change::Copy(a, b, n)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    let n = bytes.len();
    match *change {
        Change::Cut(at) => bytes.truncate(at % n),
        Change::Byte(at, value) => bytes[at % n] = value,
        Change::Word(at, value) => {
            for (i, b) in value.to_le_bytes().into_iter().enumerate() {
                if let Some(to) = bytes.get_mut(at % n + i) {
                    *to = b;
                }
            }
        }
        Change::Copy(from, to, len) => {
            let part: Vec<u8> = bytes.iter().copied().skip(from % n).take(len).collect();
            for (i, b) in part.into_iter().enumerate() {
                if let Some(place) = bytes.get_mut(to % n + i) {
                    *place = b;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn mutated_files_never_panic(which in 0usize..14, changes in prop::collection::vec(change(), 1..4)) {
        let mut seeds = seeds();
        let mut bytes = seeds.swap_remove(which % seeds.len()).1;
        for change in &changes {
            apply(&mut bytes, change);
        }
        bodies::vector(&bytes);
    }

    #[test]
    fn random_opcodes_never_panic(
        picks in prop::collection::vec((0usize..40, any::<u8>()), 0..120),
    ) {
        const OPS: &[u8] = b"()]}.012NJKMGXBCTUtaesulqrhjRbQc\x81\x85\x86\x87\x88\x89\x8a\x93\x94";
        let mut bytes = vec![0x80, 4];
        for (op, argument) in picks {
            bytes.push(OPS[op % OPS.len()]);
            if argument % 3 > 0 {
                bytes.push(argument % 4);
            }
        }
        bodies::vector(&bytes);
    }
}

#[test]
fn every_cut_of_every_seed_is_refused_or_complete() {
    let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, bytes) in seeds() {
        for n in 0..bytes.len() {
            if let Some(id) = bodies::vector(&bytes[..n]) {
                *ids.entry(id).or_default() += 1;
            }
        }
    }
    println!("{ids:?}");
    assert!(ids.contains_key("truncated") && ids.contains_key("zip-invalid"));
}
