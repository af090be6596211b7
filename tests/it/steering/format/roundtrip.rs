//! What is written reads the same, and is written the same again; conversion keeps block and edit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use steerscope::steering::SteeringVector;
use steerscope::steering::format::{
    ExportOptions, Exported, ImportOptions, Location, Target, export, import, import_bytes,
};
use steerscope::units::{Edit, HookPoint, Operator};

use super::make::{self, M, v};

fn write(folder: &Path, target: Target, exported: &Exported) -> PathBuf {
    let place = folder.join(target.name());
    std::fs::create_dir_all(&place).unwrap();
    for (name, bytes) in &exported.files {
        std::fs::write(place.join(name), bytes).unwrap();
    }
    match (target, exported.directory) {
        (Target::EasySteer, _) => place.join("spec.json"),
        (_, true) => place,
        (_, false) => place.join(&exported.files[0].0),
    }
}

/// What a format does not say about itself.
fn told(target: Target, block: usize) -> ImportOptions {
    ImportOptions {
        layer: (target == Target::Npy).then_some(block),
        location: (target == Target::SvecAisteer).then_some(Location::Output),
        ..ImportOptions::default()
    }
}

/// Checks one vector and target: same blocks, same values, same edit, same bytes when written again.
fn check(vector: &SteeringVector, target: Target, options: &ExportOptions) {
    let folder = tempfile::tempdir().unwrap();
    let exported = export(vector, target, options).unwrap_or_else(|e| panic!("{target}: {e}"));
    let again = export(vector, target, options).unwrap();
    assert_eq!(exported, again, "{target} is not the same twice");
    let path = write(folder.path(), target, &exported);
    let block = *vector.directions.keys().next().unwrap();
    let options_in = told(target, block);
    let read = import(&path, &options_in).unwrap_or_else(|e| panic!("{target}: {e}"));
    assert_eq!(read.vector.edit, vector.edit, "{target}");
    for (b, values) in &read.vector.directions {
        let want = &vector.directions[b];
        let unit = vector.edit.operator == Operator::Project && target == Target::Glp;
        for (x, y) in values.iter().zip(want) {
            assert!(
                unit || x.to_bits() == y.to_bits(),
                "{target}, block {b}: {x} {y}"
            );
        }
    }
    if !matches!(target, Target::LmEval | Target::Neuronpedia | Target::Npy) {
        let kept: Vec<&usize> = read.vector.directions.keys().collect();
        assert_eq!(
            kept,
            vector.directions.keys().collect::<Vec<_>>(),
            "{target}"
        );
    }
    let options = ExportOptions {
        block: options.block,
        ..options.clone()
    };
    let mut twice = read.vector;
    // Formats without a name take the file's, and none of them says how many blocks a model has.
    twice.name.clone_from(&vector.name);
    let twice = export(&twice, target, &options).unwrap();
    assert_eq!(
        twice.files, exported.files,
        "{target}: written, read, written"
    );
}

fn vector(directions: &[(usize, Vec<f32>)], edit: Edit, rank: usize) -> SteeringVector {
    let metadata = BTreeMap::from([
        ("method".to_owned(), "mean".to_owned()),
        ("model_hint".to_owned(), "llama".to_owned()),
        ("recommended_multiplier".to_owned(), "1.5".to_owned()),
    ]);
    SteeringVector::with_edit(
        "mood é",
        edit,
        rank,
        directions.iter().cloned().collect(),
        metadata,
    )
    .unwrap()
}

const ADDING: [Target; 11] = [
    Target::Native,
    Target::Gguf,
    Target::Glp,
    Target::SvecCast,
    Target::SvecAisteer,
    Target::JohnyB,
    Target::SteeringVectors,
    Target::LmEval,
    Target::Npy,
    Target::Neuronpedia,
    Target::EasySteer,
];

#[test]
fn projections_and_other_sites_survive() {
    let half = std::f32::consts::FRAC_1_SQRT_2;
    let project = Edit {
        operator: Operator::Project,
        point: HookPoint::MlpOut,
    };
    let basis = vec![half, half, 0.0, half, -half, 0.0];
    for target in [Target::Native, Target::Glp] {
        check(
            &vector(&[(0, vec![3.0, 4.0, 0.0])], project, 1),
            target,
            &ExportOptions::default(),
        );
        check(
            &vector(&[(2, basis.clone())], project, 2),
            target,
            &ExportOptions::default(),
        );
    }
    let mlp = Edit {
        operator: Operator::Add,
        point: HookPoint::MlpOut,
    };
    let written = vector(&[(3, vec![1.0, 2.0])], mlp, 1);
    for target in [Target::Native, Target::Glp, Target::SteeringVectors] {
        check(&written, target, &ExportOptions::default());
    }
    for target in [Target::Gguf, Target::SvecCast, Target::Npy, Target::JohnyB] {
        let refused = export(&written, target, &ExportOptions::default());
        let refused = match (target, refused) {
            (Target::Npy, kept) => {
                assert!(kept.unwrap().loses.iter().any(|l| l.contains("site")));
                continue;
            }
            (_, refused) => refused.unwrap_err(),
        };
        assert_eq!(refused.id(), "write-unsupported");
    }
}

#[test]
fn llama_cpp_accepts_every_control_vector() {
    let written = vector(&[(1, vec![1.0, 2.0]), (10, vec![3.0, 4.0])], Edit::ADD, 1);
    let exported = export(&written, Target::Gguf, &ExportOptions::default()).unwrap();
    assert_eq!(llama_cpp(&exported.files[0].1, 2), Ok(vec![1, 10]));
}

/// The rules of llama.cpp's loader: names, type, dimensions, equal lengths, no layer 0. Returns the
/// layers.
fn llama_cpp(bytes: &[u8], width: u64) -> Result<Vec<u32>, String> {
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let half = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let text = |at: &mut usize| {
        let n = word(*at) as usize;
        let text = String::from_utf8(bytes[*at + 8..*at + 8 + n].to_vec()).unwrap();
        *at += 8 + n;
        text
    };
    assert_eq!((&bytes[..4], half(4)), (b"GGUF".as_slice(), 3));
    let (tensors, values, mut at) = (word(8), word(16), 24);
    for _ in 0..values {
        text(&mut at);
        let kind = half(at);
        at += 4;
        match kind {
            4 | 6 => at += 4,
            7 => at += 1,
            8 => drop(text(&mut at)),
            other => return Err(format!("value of type {other}")),
        }
    }
    let mut layers = BTreeSet::new();
    for _ in 0..tensors {
        let name = text(&mut at);
        let number = name.strip_prefix("direction.").ok_or("a foreign name")?;
        let layer: u32 = number.parse().map_err(|_| "no layer number")?;
        let (dims, length, kind, offset) = (half(at), word(at + 4), half(at + 12), word(at + 16));
        at += 24;
        if layer == 0 || dims != 1 || kind != 0 || length != width || !offset.is_multiple_of(32) {
            return Err(format!(
                "{name}: {dims} dimensions of {length}, type {kind}"
            ));
        }
        layers.insert(layer);
    }
    Ok(layers.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_target_keeps_block_and_edit(
        blocks in prop::collection::btree_set(1usize..40, 1..5),
        seed in any::<u32>(),
    ) {
        let value = |b: usize, i: usize| {
            let x = (seed as usize).wrapping_mul(2_654_435_761).wrapping_add(b * 97 + i * 31);
            ((x % 2_000_003) as f32 - 1_000_000.0) * 1.7e-5 + 1e-9
        };
        let directions: Vec<(usize, Vec<f32>)> = blocks
            .iter()
            .map(|b| (*b, (0..5).map(|i| value(*b, i)).collect()))
            .collect();
        let written = vector(&directions, Edit::ADD, 1);
        let options = ExportOptions { block: directions.first().map(|d| d.0), ..ExportOptions::default() };
        for target in ADDING {
            check_one_or_all(&written, target, &options);
        }
    }
}

/// Formats of one array per file are read file by file, the others whole.
fn check_one_or_all(vector: &SteeringVector, target: Target, options: &ExportOptions) {
    if target != Target::Npy {
        return check(vector, target, options);
    }
    let folder = tempfile::tempdir().unwrap();
    let exported = export(vector, target, options).unwrap();
    let place = write(folder.path(), target, &exported);
    for (b, values) in &vector.directions {
        let path = if exported.directory {
            place.join(format!("layer{b}.npy"))
        } else {
            place.clone()
        };
        let read = import(&path, &told(target, *b)).unwrap();
        assert_eq!(
            read.vector.directions,
            BTreeMap::from([(*b, values.clone())])
        );
    }
}

/// GLP: alpha of layer L is the default times the layer's factor. It is no part of the data.
#[test]
fn factors_of_layers_are_said_and_written_again_and_never_folded_in() {
    let mut facts = make::glp("add", 2);
    facts.push(("glp.layer_scales", M::Text("1:2.0,2:0.5")));
    let tensors = [
        ("direction.1", v(1)),
        ("direction.2", v(2)),
        ("direction.3", v(3)),
    ];
    let file = make::gguf(&facts, &tensors);
    let read = |bytes: &[u8]| import_bytes("glp.gguf", bytes, &ImportOptions::default()).unwrap();
    let first = read(&file);
    assert_eq!(first.vector.directions[&1], v(1));
    let said = |imported: &steerscope::steering::format::Imported| {
        let found = imported
            .warnings
            .iter()
            .find(|w| w.id == "glp-layer-scales");
        found.map(|w| w.text.clone()).unwrap_or_default()
    };
    let words = said(&first);
    assert!(
        words.contains("1 at block 1") && words.contains("0.25 at block 2"),
        "{words}"
    );
    let options = ExportOptions::default();
    let written = export(&first.vector, Target::Glp, &options).unwrap();
    let second = read(&written.files[0].1);
    assert_eq!(said(&second), words);
    assert_eq!(second.vector.directions, first.vector.directions);
    // A shifted vector takes its factors along, a block that is left out takes its own away.
    let shifted = first.vector.shifted(1).unwrap();
    let without = ExportOptions {
        skip: [3].into(),
        ..options.clone()
    };
    let written = export(&shifted, Target::Glp, &without).unwrap();
    let words = said(&read(&written.files[0].1));
    assert!(
        words.contains("1 at block 2") && !words.contains("0.25"),
        "{words}"
    );
    // Where there is no place for them, that is said.
    let lost = export(&first.vector, Target::Gguf, &options).unwrap().loses;
    assert!(
        lost.iter().any(|l| l.contains("glp.layer_scales")),
        "{lost:?}"
    );
}
