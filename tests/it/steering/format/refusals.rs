//! Bad files, each refused under its stable id with a message that names the file; questions name the
//! flag that answers them.

use std::path::Path;

use serde_json::json;
use steerscope::steering::VectorError;
use steerscope::steering::format::{
    ExportOptions, ImportOptions, ModelShape, RowsAre, Target, export, import,
};

use super::make::{self, D, M, P, put, v};

fn told() -> ImportOptions {
    ImportOptions::default()
}

fn one(name: &str) -> Vec<(&str, Vec<f32>)> {
    vec![(name, v(1))]
}

/// `(id, name, bytes, told)`
type Bad = (&'static str, &'static str, Vec<u8>, ImportOptions);

fn gguf_files() -> Vec<Bad> {
    let control = make::control(M::U32(1));
    let good = make::gguf(&control, &one("direction.1"));
    let with = |at: usize, value: &[u8]| {
        let mut file = good.clone();
        file[at..at + value.len()].copy_from_slice(value);
        file
    };
    let mut glp_mode = make::glp("project", 1);
    glp_mode[1].1 = M::Text("rotate");
    let mut glp_hook = make::glp("project", 1);
    glp_hook[3].1 = M::Text("final_norm");
    let unversioned: Vec<_> = make::glp("project", 1)
        .into_iter()
        .filter(|(k, _)| *k != "glp.spec_version")
        .collect();
    let mut basis = make::glp("project", 2);
    basis.push(("glp.rank", M::U32(2)));
    basis.push(("glp.orthonormal", M::Bool(true)));
    let mut hashed = make::glp("project", 1);
    hashed.push(("glp.content_sha256", M::Text("00")));
    let mut ids = make::glp("project", 1);
    ids.push(("glp.layer_ids_zero_based", M::Text("2")));
    let dspark = vec![("dspark.mode", M::Text("project"))];
    let two = [("direction.1", v(1)), ("direction.1.1", v(2))];
    let nan = vec![("direction.1", vec![f32::NAN, 1.0])];
    let zero = vec![("direction.1", vec![0.0; 4])];
    let mixed = [("direction.1", vec![1.0; 4]), ("direction.2", vec![1.0; 5])];
    let twice = [("direction.1", v(1)), ("direction.1", v(2))];
    let f = |metadata: &[(&str, M)], tensors: &[(&str, Vec<f32>)]| make::gguf(metadata, tensors);
    vec![
        (
            "gguf-foreign-tensor",
            "foreign.gguf",
            f(&control, &one("token_embd.weight")),
            told(),
        ),
        (
            "gguf-foreign-tensor",
            "rank.gguf",
            f(&control, &two),
            told(),
        ),
        (
            "gguf-foreign-tensor",
            "letters.gguf",
            f(&control, &one("direction.1x")),
            told(),
        ),
        ("gguf-duplicate", "twice.gguf", f(&control, &twice), told()),
        (
            "gguf-duplicate",
            "zeros.gguf",
            f(&control, &[("direction.1", v(1)), ("direction.01", v(2))]),
            told(),
        ),
        (
            "gguf-dtype",
            "half.gguf",
            make::gguf_typed(&control, &one("direction.1"), 1),
            told(),
        ),
        (
            "gguf-version",
            "version.gguf",
            with(4, &[9, 0, 0, 0]),
            told(),
        ),
        (
            "gguf-big-endian",
            "big.gguf",
            with(4, &[0, 0, 0, 3]),
            told(),
        ),
        (
            "truncated",
            "cut.gguf",
            good[..good.len() - 9].to_vec(),
            told(),
        ),
        ("truncated", "counts.gguf", with(8, &[255; 8]), told()),
        ("format-unknown", "empty.gguf", f(&control, &[]), told()),
        ("non-finite", "nan.gguf", f(&control, &nan), told()),
        ("zero-vector", "zero.gguf", f(&control, &zero), told()),
        ("vector-widths", "mixed.gguf", f(&control, &mixed), told()),
        (
            "glp-mode",
            "mode.gguf",
            f(&glp_mode, &one("direction.1")),
            told(),
        ),
        (
            "glp-hook",
            "hook.gguf",
            f(&glp_hook, &one("direction.1")),
            told(),
        ),
        (
            "glp-version",
            "three.gguf",
            f(&make::glp("project", 3), &one("direction.1")),
            told(),
        ),
        (
            "glp-version",
            "none.gguf",
            f(&unversioned, &one("direction.1")),
            told(),
        ),
        ("glp-basis", "basis.gguf", f(&basis, &two), told()),
        (
            "glp-legacy",
            "dspark.gguf",
            f(&dspark, &one("direction.1")),
            told(),
        ),
        (
            "hash-mismatch",
            "hash.gguf",
            f(&hashed, &one("direction.1")),
            told(),
        ),
        (
            "hash-mismatch",
            "ids.gguf",
            f(&ids, &one("direction.1")),
            told(),
        ),
        (
            "layer-range",
            "layers.gguf",
            f(&make::control(M::U32(1)), &one("direction.40")),
            ImportOptions {
                model: Some(ModelShape {
                    n_blocks: 4,
                    hidden_size: D,
                }),
                ..told()
            },
        ),
        (
            "too-large",
            "limit.gguf",
            good,
            ImportOptions {
                max_tensor_bytes: 8,
                ..told()
            },
        ),
    ]
}

fn torch_files() -> Vec<Bad> {
    let tensor = P::new().tensor(&[D], &v(1));
    let rows: Vec<f32> = (0..3).flat_map(v).collect();
    let heads: Vec<f32> = (0..6).flat_map(v).collect();
    let here = ImportOptions {
        layer: Some(1),
        ..told()
    };
    let mut deep = vec![0x80, 2];
    deep.extend(b"]".repeat(200));
    deep.extend(b"a".repeat(199));
    deep.push(b'.');
    let mut marks = vec![0x80, 2];
    marks.extend(b"(".repeat(200));
    let short = P::new().view("FloatStorage", vec![0; 4 * D - 4], D, &[D], &[1]);
    let beyond = P::new().view("FloatStorage", make::bytes(&v(1)), D, &[2, D], &[D, 1]);
    let spread = P::new().view("FloatStorage", make::bytes(&v(1)), D, &[4], &[100]);
    let norm = P::new()
        .op(b"csteering_vectors.steering_vector\nSteeringVector\n)\x81}(")
        .text("layer_activations")
        .op(b"}(")
        .int(1)
        .tensor(&[D], &v(1))
        .op(b"u")
        .text("layer_type")
        .text("input_layernorm")
        .op(b"ub");
    let reft = P::new()
        .op(b"}(")
        .text("rotate_layer")
        .tensor(&[D], &v(1))
        .op(b"u");
    let lm = P::new()
        .op(b"}(")
        .text("layers.2")
        .op(b"}(")
        .text("steering_vector")
        .tensor(&[D], &v(2))
        .text("action")
        .text("ablate")
        .op(b"uu");
    let big = {
        let files = [
            ("a/data.pkl".to_owned(), b"\x80\x02N.".to_vec()),
            ("a/byteorder".to_owned(), b"big".to_vec()),
        ];
        make::zip(&files, false)
    };
    vec![
        (
            "layer-unknown",
            "vector_layer15.pt",
            tensor.clone().pt(),
            told(),
        ),
        (
            "rows-ambiguous",
            "rows.pt",
            P::new().tensor(&[3, D], &rows).pt(),
            told(),
        ),
        (
            "site-unsupported",
            "heads.pt",
            P::new().tensor(&[2, 3, D], &heads).pt(),
            told(),
        ),
        ("site-unsupported", "norm.pt", norm.pt(), told()),
        ("operator-unsupported", "reft.pt", reft.pt(), told()),
        ("operator-unsupported", "lm.pt", lm.pt(), told()),
        (
            "pickle-global",
            "system.pt",
            P::new()
                .op(b"cposix\nsystem\n")
                .text("id")
                .op(b"\x85R")
                .pt(),
            told(),
        ),
        (
            "pickle-global",
            "eval.pkl",
            P::new().op(b"c__builtin__\neval\n.").stream,
            told(),
        ),
        (
            "pickle-opcode",
            "inst.pkl",
            b"\x80\x02(ios\nsystem\n.".to_vec(),
            told(),
        ),
        (
            "pickle-opcode",
            "ext.pkl",
            b"\x80\x02\x82\x01.".to_vec(),
            told(),
        ),
        (
            "pickle-opcode",
            "persid.pkl",
            b"\x80\x02Pabc\n.".to_vec(),
            told(),
        ),
        (
            "pickle-opcode",
            "buffer.pkl",
            b"\x80\x05\x97.".to_vec(),
            told(),
        ),
        ("pickle-limit", "deep.pkl", deep, told()),
        ("pickle-limit", "marks.pkl", marks, told()),
        (
            "pickle-limit",
            "memo.pkl",
            b"\x80\x02Nr\xff\xff\xff\x7f.".to_vec(),
            told(),
        ),
        (
            "pickle-limit",
            "long.pkl",
            b"\x80\x02\x8a\x0a\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a.".to_vec(),
            told(),
        ),
        ("pickle-invalid", "stack.pkl", b"\x80\x02.".to_vec(), told()),
        (
            "truncated",
            "string.pkl",
            b"\x80\x02X\xff\xff\xff\xff".to_vec(),
            told(),
        ),
        (
            "torch-legacy",
            "legacy.pt",
            b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.".to_vec(),
            told(),
        ),
        (
            "torch-nested",
            "nested.pkl",
            b"\x80\x04ctorch.storage\n_load_from_bytes\n.".to_vec(),
            told(),
        ),
        (
            "torch-nested",
            "bare.pkl",
            tensor.clone().op(b".").stream,
            here,
        ),
        ("truncated", "short.pt", short.pt(), here),
        ("torch-invalid", "beyond.pt", beyond.pt(), here),
        ("torch-invalid", "spread.pt", spread.pt(), here),
        ("torch-invalid", "big.pt", big, here),
        ("format-unknown", "none.pt", P::new().op(b"N").pt(), here),
        ("format-unknown", "dict.pt", P::new().op(b"}").pt(), here),
        ("format-unknown", "list.pt", P::new().op(b"]").pt(), here),
        ("zip-invalid", "cut.pt", tensor.pt()[..60].to_vec(), here),
    ]
}

fn other_files() -> Vec<Bad> {
    let head = |descr: &str, shape: &str| {
        format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}")
    };
    let here = ImportOptions {
        layer: Some(1),
        ..told()
    };
    let row = ImportOptions {
        rows: Some(RowsAre::Concepts),
        row: Some(9),
        ..here
    };
    let svec = |directions: serde_json::Value| json!({ "directions": directions }).to_string();
    let text = String::into_bytes;
    vec![
        (
            "npy-object",
            "object.npy",
            make::npy_raw(&head("'|O'", "(1,)"), b"x"),
            here,
        ),
        (
            "npy-dtype",
            "bf16.npy",
            make::npy_raw(&head("'|V2'", "(1,)"), b"xx"),
            here,
        ),
        (
            "npy-dtype",
            "fields.npy",
            make::npy_raw(&head("[('a', '<f4')]", "(1,)"), b"xxxx"),
            here,
        ),
        (
            "npy-shape",
            "shape.npy",
            make::npy("(9999999999, 9999999999)", &[1.0]),
            here,
        ),
        ("npy-shape", "cut.npy", make::npy("(5,)", &[1.0; 4]), here),
        (
            "npy-invalid",
            "header.npy",
            make::npy_raw("__import__('os')", b""),
            here,
        ),
        ("row-range", "rows.npy", make::npy("(2, 4)", &[1.0; 8]), row),
        (
            "layer-unknown",
            "plain.npy",
            make::npy("(4,)", &[1.0; 4]),
            told(),
        ),
        (
            "rows-ambiguous",
            "many.npy",
            make::npy("(2, 4)", &[1.0; 8]),
            told(),
        ),
        (
            "location-unknown",
            "aisteer.svec",
            text(svec(json!({"1": [[1.0, 2.0]]}))),
            told(),
        ),
        (
            "json-invalid",
            "text.svec",
            text(svec(json!({"1": "no"}))),
            told(),
        ),
        (
            "json-invalid",
            "brace.json",
            b"{\"directions\": ".to_vec(),
            told(),
        ),
        (
            "site-unsupported",
            "heads.svec",
            text(json!({"directions": {"1": [1.0]}, "num_heads": 8}).to_string()),
            told(),
        ),
        (
            "layer-range",
            "lowest.svec",
            text(svec(json!({"-9223372036854775808": [1.0]}))),
            told(),
        ),
        (
            "layer-range",
            "highest.svec",
            text(svec(json!({"9223372036854775807": [1.0]}))),
            told(),
        ),
        ("format-unknown", "none.svec", text(svec(json!({}))), told()),
        (
            "format-unknown",
            "other.json",
            b"{\"a\": 1}".to_vec(),
            told(),
        ),
        ("format-unknown", "text.txt", b"hello".to_vec(), told()),
        ("format-unknown", "empty.pt", Vec::new(), told()),
        (
            "operator-unsupported",
            "lite.safetensors",
            make::safetensors(
                &json!({"cfg": "{\"method\": \"gated\"}"}),
                &[("layer1.v", vec![D], v(1))],
            ),
            told(),
        ),
        (
            "format-unknown",
            "weights.safetensors",
            make::safetensors(
                &json!(null),
                &[
                    (
                        "model.layers.0.mlp.up_proj.weight",
                        vec![2, 2],
                        vec![1.0; 4],
                    ),
                    ("b", vec![4], vec![1.0; 4]),
                ],
            ),
            told(),
        ),
        (
            "zero-vector",
            "zero.svec",
            text(svec(json!({"2": [0.0, 0.0]}))),
            told(),
        ),
    ]
}

#[test]
fn bad_files_are_refused_by_their_stable_ids() {
    let folder = tempfile::tempdir().unwrap();
    let files = [gguf_files(), torch_files(), other_files()].concat();
    let mut faults = Vec::new();
    for (i, (id, name, bytes, options)) in files.iter().enumerate() {
        let path = put(&folder.path().join(i.to_string()), name, bytes);
        match import(&path, options) {
            Ok(found) => faults.push(format!("{name} was accepted: {}", found.sentence)),
            Err(error) if error.id() != *id => {
                faults.push(format!("{name}: {} instead of {id}: {error}", error.id()));
            }
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains(*name), "{id}: {text}");
                println!(
                    "{id}: {}",
                    text.replace(&folder.path().display().to_string(), "")
                );
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn questions_name_the_flag_that_answers_them() {
    let folder = tempfile::tempdir().unwrap();
    let ask = |name: &str, bytes: Vec<u8>| -> VectorError {
        import(&put(folder.path(), name, bytes), &told()).unwrap_err()
    };
    let rows: Vec<f32> = (0..3).flat_map(v).collect();
    for (error, flags) in [
        (
            ask("vector_layer15.npy", make::npy("(2,)", &[1.0; 2])),
            vec!["--layer-in-file", "suggests 15"],
        ),
        (
            ask("rows.pt", P::new().tensor(&[3, D], &rows).pt()),
            vec!["--rows layers", "--row I"],
        ),
        (
            ask("a.svec", br#"{"directions": {"1": [[1.0]]}}"#.to_vec()),
            vec!["--location input"],
        ),
    ] {
        assert!(error.asks(), "{error}");
        for flag in flags {
            assert!(error.to_string().contains(flag), "{error}");
        }
    }
}

#[test]
fn paths_named_in_a_file_stay_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "v.pt", P::new().tensor(&[D], &v(1)).pt());
    for source in ["../v.pt", "/etc/passwd", ""] {
        let hook = json!({"steering": {"optimal_layer": 1, "vector_path": source}});
        let path = put(&folder.path().join("in"), "hook.json", hook.to_string());
        assert_eq!(
            import(&path, &told()).unwrap_err().id(),
            "json-invalid",
            "{source}"
        );
        let spec = json!({"vectors": [{"source": source}]});
        let path = put(&folder.path().join("in"), "spec.json", spec.to_string());
        assert_eq!(
            import(&path, &told()).unwrap_err().id(),
            "json-invalid",
            "{source}"
        );
    }
}

#[test]
fn what_a_target_cannot_say_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let read = |path: &Path| import(path, &told()).unwrap().vector;
    let mut easy = make::control(M::U32(2));
    easy.push(("controlvector.method", M::Text("diff")));
    let file = make::gguf(&easy, &[("direction.0", v(0)), ("direction.1", v(1))]);
    let vector = read(&put(folder.path(), "zero.gguf", file));
    let refused =
        |target, options: &ExportOptions| export(&vector, target, options).unwrap_err().id();
    let plain = ExportOptions::default();
    assert_eq!(refused(Target::Gguf, &plain), "write-layer-zero");
    let skip = ExportOptions {
        skip: vec![0],
        ..plain.clone()
    };
    assert!(export(&vector, Target::Gguf, &skip).unwrap().loses.len() > 2);
    assert_eq!(refused(Target::Neuronpedia, &plain), "write-unsupported");
    let last = ExportOptions {
        n_blocks: Some(2),
        ..plain
    };
    assert_eq!(refused(Target::SvecCast, &last), "write-unsupported");
}
