//! GGUF models in several files: any part opens them all, and parts that do not belong together are
//! refused by name.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use steerscope::engine::{EngineError, Model};

use super::gguf::{logits, open};
use super::gguf_file::{Gguf, Meta, convert, words};
use super::tiny::{Tiny, prompt};

fn tiny() -> Gguf {
    let tiny = Tiny::default().with("num_hidden_layers", json!(2));
    let mut gguf = convert(&tiny.config, &tiny.tensors());
    words(&mut gguf, 97);
    gguf
}

/// As llama.cpp's splitting does it: all metadata in the first part, the keys of the split in each.
fn split(whole: &Gguf, n: usize) -> Vec<Gguf> {
    let size = whole.tensors.len().div_ceil(n);
    let mut parts: Vec<Gguf> = whole
        .tensors
        .chunks(size)
        .map(|tensors| Gguf {
            metadata: Vec::new(),
            tensors: tensors.to_vec(),
        })
        .collect();
    assert_eq!(parts.len(), n);
    parts[0].metadata.clone_from(&whole.metadata);
    for (i, part) in parts.iter_mut().enumerate() {
        part.set("split.no", Meta::U16(i as u16));
        part.set("split.count", Meta::U16(n as u16));
        part.set("split.tensors.count", Meta::I32(whole.tensors.len() as i32));
    }
    parts
}

fn name(i: usize, n: usize) -> String {
    format!("m-Q8_0-{:05}-of-{n:05}.gguf", i + 1)
}

fn write(dir: &Path, parts: &[Gguf]) -> Vec<PathBuf> {
    let n = parts.len();
    let write = |(i, part): (usize, &Gguf)| {
        let path = dir.join(name(i, n));
        fs::write(&path, part.bytes()).expect("written");
        path
    };
    parts.iter().enumerate().map(write).collect()
}

fn refused(path: &Path) -> String {
    let error = Model::open(path).expect_err("a refusal");
    assert_eq!(error.id(), "gguf-split", "{error}");
    assert!(matches!(error, EngineError::Split { .. }));
    error.to_string()
}

#[test]
fn any_part_opens_the_whole_model() {
    let whole = tiny();
    let one = open(&whole);
    let ids = prompt(20, 3);
    let want = logits(&one, &ids);
    let dir = tempfile::tempdir().expect("a directory");
    for n in [2, 3] {
        for path in write(dir.path(), &split(&whole, n)) {
            let model = Model::open(&path).expect("opens");
            assert_eq!(logits(&model, &ids), want, "{}", path.display());
            assert_eq!(model.parameters(), one.parameters());
        }
    }
}

#[test]
fn missing_parts_are_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let paths = write(dir.path(), &split(&tiny(), 3));
    fs::remove_file(&paths[0]).expect("removed");
    fs::remove_file(&paths[2]).expect("removed");
    let said = refused(&paths[1]);
    assert!(
        said.contains(&name(0, 3)) && said.contains(&name(2, 3)),
        "{said}"
    );
    assert!(
        !said.contains(&format!("beside it: {}", name(1, 3))),
        "{said}"
    );
}

#[test]
fn renamed_parts_are_refused_with_the_name_to_give() {
    let dir = tempfile::tempdir().expect("a directory");
    let paths = write(dir.path(), &split(&tiny(), 2));
    let other = dir.path().join("first.gguf");
    fs::copy(&paths[0], &other).expect("copied");
    let said = refused(&other);
    assert!(said.contains("name-00001-of-00002.gguf"), "{said}");
    let other = dir.path().join("m-00001-of-00005.gguf");
    fs::copy(&paths[0], &other).expect("copied");
    assert!(refused(&other).contains("5 parts"));
    // Two parts under each other's names.
    fs::rename(&paths[0], &other).expect("renamed");
    fs::rename(&paths[1], &paths[0]).expect("renamed");
    fs::rename(&other, &paths[1]).expect("renamed");
    assert!(refused(&paths[0]).contains("number"));
}

#[test]
fn parts_of_different_models_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    // The second part of a model that was split elsewhere.
    let mut parts = split(&tiny(), 2);
    let tensor = parts[0].tensors[0].clone();
    parts[1].tensors.push(tensor);
    let said = refused(&write(dir.path(), &parts)[0]);
    assert!(said.contains("earlier part"), "{said}");
    let mut parts = split(&tiny(), 2);
    parts[1].tensors.pop();
    let said = refused(&write(dir.path(), &parts)[0]);
    assert!(said.contains("announces"), "{said}");
    let mut parts = split(&tiny(), 2);
    parts[1].set("split.count", Meta::U16(3));
    let said = refused(&write(dir.path(), &parts)[0]);
    assert!(said.contains("of 3 parts"), "{said}");
    // A damaged part is refused like any damaged file, by its own name.
    let paths = write(dir.path(), &split(&tiny(), 2));
    let bytes = fs::read(&paths[1]).expect("readable");
    fs::write(&paths[1], &bytes[..bytes.len() / 2]).expect("written");
    let error = Model::open(&paths[0]).expect_err("truncated");
    assert_eq!(error.id(), "weights-truncated");
    assert!(error.to_string().contains(&name(1, 2)), "{error}");
}
