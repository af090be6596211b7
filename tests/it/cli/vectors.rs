//! `vectors list`, `info` and `convert`; vectors of other tools in the other commands.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::{home, output, refusal, shared, steerscope};

fn vectors(home: &tempfile::TempDir, words: &[&str]) -> String {
    output(steerscope(home).arg("vectors").args(words))
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A vector for the bundled model in a foreign format: layer 3 as IBM's tool counts it.
fn foreign(home: &tempfile::TempDir) -> String {
    let values: Vec<f32> = (0..160).map(|i| (i % 7) as f32 - 2.5).collect();
    let path = home.path().join("mine.svec");
    let text = json!({"model_type": "llama", "directions": {"3": values}});
    fs::write(&path, text.to_string()).unwrap();
    path.display().to_string()
}

#[test]
fn info_says_where_a_foreign_file_lands_and_what_to_know() {
    let home = home();
    let file = foreign(&home);
    let value = parsed(&vectors(&home, &["info", &file, "--json"]));
    assert_eq!(value["format"], "svec");
    assert_eq!(
        value["sentence"],
        "file says 3 (IBM activation-steering) → output of block 2"
    );
    assert_eq!(value["blocks"][0]["block"], 2);
    assert_eq!(value["blocks"][0]["measured"], 3);
    assert_eq!(value["recommended_block"], 2);
    assert_eq!(value["warnings"][0]["id"], "applied-early");
    let share = value["blocks"][0]["top_two_energy"].as_f64().unwrap();
    assert!(share > 0.0 && share < 1.0);
    let moved = parsed(&vectors(&home, &["info", &file, "--json", "--as-measured"]));
    assert_eq!(moved["blocks"][0]["block"], 3);
    let moved = parsed(&vectors(&home, &["info", &file, "--json", "--shift", "-1"]));
    assert_eq!(moved["blocks"][0]["block"], 1);
    let text = vectors(&home, &["info", &file]);
    for word in ["start at  block 2", "note      its tool reads", "top two"] {
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn convert_writes_every_format_says_what_is_lost_and_keeps_the_block() {
    let home = home();
    let file = foreign(&home);
    for (format, lost) in [
        ("native", ""),
        ("gguf", "not kept: the mask"),
        ("glp", "not kept: the mask"),
        ("svec-cast", "not kept: the name"),
        ("johny-b", "not kept: the pairs"),
        ("steering-vectors", "not kept: the name"),
        ("lm-eval", "not kept: all blocks but one"),
        ("neuronpedia", "not kept: all blocks but one"),
    ] {
        let out = home.path().join(format).display().to_string();
        let said = vectors(&home, &["convert", &file, "--to", format, "--out", &out]);
        assert!(said.contains(lost), "{format}: {said}");
        let value = parsed(&vectors(&home, &["info", &out, "--json"]));
        assert_eq!(value["blocks"][0]["block"], 2, "{format}");
        if format != "johny-b" {
            let (status, said) = refusal(
                steerscope(&home)
                    .args(["vectors", "convert", &file, "--to", format, "--out", &out]),
            );
            assert_eq!(status, 1, "{said}");
            assert!(said.contains("--force"), "{said}");
        }
    }
}

#[test]
fn changes_are_made_only_when_asked_for() {
    let home = home();
    let file = foreign(&home);
    let norm = |words: &[&str]| {
        let out = home
            .path()
            .join("changed.safetensors")
            .display()
            .to_string();
        let all = [
            &["convert", &file, "--to", "native", "--out", &out, "--force"],
            words,
        ]
        .concat();
        vectors(&home, &all);
        let value = parsed(&vectors(&home, &["info", &out, "--json"]));
        (value["blocks"][0]["norm"].as_f64().unwrap(), value)
    };
    let (plain, _) = norm(&[]);
    let (doubled, _) = norm(&["--scale", "2"]);
    assert!((doubled / plain - 2.0).abs() < 1e-6);
    let (folded, value) = norm(&["--fold-multiplier", "0.5", "--name", "half"]);
    assert!((folded / plain - 0.5).abs() < 1e-6);
    assert_eq!(value["metadata"]["folded_multiplier"], "0.5");
    assert_eq!(value["metadata"]["recommended_multiplier"], "1");
    assert_eq!(value["name"], "half");
    let (_, back) = norm(&["--flip"]);
    assert_ne!(back["id"], norm(&[]).1["id"]);
}

#[test]
fn questions_are_wrong_usage_and_answers_are_flags() {
    let home = home();
    let path = home.path().join("a.svec");
    fs::write(&path, r#"{"directions": {"1": [[1.0, 2.0]]}}"#).unwrap();
    let path = path.display().to_string();
    let (status, said) = refusal(steerscope(&home).args(["vectors", "info", &path]));
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("--location input"), "{said}");
    let value = parsed(&vectors(
        &home,
        &["info", &path, "--location", "input", "--json"],
    ));
    assert_eq!(value["blocks"][0]["block"], 0);
    let (status, said) =
        refusal(steerscope(&home).args(["generate", "--prompt", "x", "--vector", &path]));
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("vectors convert"), "{said}");
}

#[test]
fn every_command_takes_a_foreign_vector_and_says_where_it_acts() {
    let home = home();
    fs::create_dir_all(home.path().join("data/vectors")).unwrap();
    let file = foreign(&home);
    let run = steerscope(&home)
        .args([
            "generate",
            "--prompt",
            "Once",
            "--max-tokens",
            "2",
            "--vector",
            &file,
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    assert!(said.contains("→ output of block 2 of 7"), "{said}");
    assert!(String::from_utf8_lossy(&run.stdout).contains("block 2"));
}

#[test]
fn a_list_names_what_is_no_vector() {
    let home = home();
    let folder = home.path().join("mixed");
    fs::create_dir(&folder).unwrap();
    fs::rename(foreign(&home), folder.join("good.svec")).unwrap();
    fs::write(folder.join("bad.pt"), b"PK\x03\x04").unwrap();
    let folder = folder.display().to_string();
    let value = parsed(&vectors(&home, &["list", &folder, "--json"]));
    let rows = value["vectors"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["error"]), (2, &json!("zip-invalid")));
    assert_eq!(rows[1]["format"], "svec");
    assert!(vectors(&home, &["list"]).contains("she_he"));
}

#[test]
fn files_of_other_libraries_are_listed() {
    let Some(folder) = shared("oracle/stories260K/vectors") else {
        return;
    };
    let text = vectors(&home(), &["list", &folder.display().to_string()]);
    assert_eq!(text.lines().count(), 9, "{text}");
    assert!(
        text.contains("(repeng) → output of blocks 1 to 4"),
        "{text}"
    );
}

/// Small files that announce gigabytes: with little memory to take, none may try.
#[cfg(target_os = "linux")]
#[test]
fn gigabytes_declared_in_a_kilobyte_reserve_nothing() {
    let home = home();
    let word = |n: u64| n.to_le_bytes().to_vec();
    let huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (999999999, 999999999), }\n";
    let mut npy = b"\x93NUMPY\x01\x00".to_vec();
    npy.extend((huge.len() as u16).to_le_bytes());
    npy.extend(huge.as_bytes());
    let files = [
        (
            "counts.gguf",
            [b"GGUF\x03\0\0\0".to_vec(), word(1 << 40), word(1 << 40)].concat(),
        ),
        (
            "text.gguf",
            [
                b"GGUF\x03\0\0\0".to_vec(),
                word(0),
                word(1),
                word(1 << 40),
                vec![0; 40],
            ]
            .concat(),
        ),
        (
            "string.pkl",
            [b"\x80\x04\x8d".to_vec(), word(10 << 30), vec![b'a'; 64]].concat(),
        ),
        (
            "bytes.pkl",
            [b"\x80\x04\x8e".to_vec(), word(10 << 30), vec![b'a'; 64]].concat(),
        ),
        ("memo.pkl", b"\x80\x04Nr\xff\xff\xff\x7f.".to_vec()),
        ("huge.npy", npy),
        (
            "header.safetensors",
            [word(90_000_000), b"{".to_vec()].concat(),
        ),
    ];
    for (name, bytes) in files {
        let path = home.path().join(name);
        fs::write(&path, bytes).unwrap();
        let run = Command::new("sh")
            .arg("-c")
            .arg("ulimit -v 2500000 && exec \"$0\" vectors info \"$1\"")
            .arg(env!("CARGO_BIN_EXE_steerscope"))
            .arg(&path)
            .env("STEERSCOPE_HOME", home.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(name), "{said}");
    }
}
