//! Vector files: what is written reads back, bytes are reproducible, models are checked.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use steerscope::steering::{Card, FitWarning, SteeringVector, meta};
use steerscope::units::BlockIndex;

fn sample() -> SteeringVector {
    let directions = (0..12)
        .map(|b| (b, vec![b as f32 + 0.5, -1.0, 0.25, 1e-20]))
        .collect();
    let entries = [
        (meta::METHOD, "mean"),
        (meta::MODEL_ID, "m"),
        (meta::MODEL_REVISION, "abc"),
        (meta::RECOMMENDED_LAYER, "3"),
    ];
    let metadata = entries.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    SteeringVector::new("sample", directions, metadata).expect("a vector")
}

#[test]
fn writing_twice_gives_the_same_bytes_and_reading_gives_the_vector_back() {
    let vector = sample();
    let bytes = vector.to_bytes().unwrap();
    assert_eq!(bytes, vector.to_bytes().unwrap());
    let read = SteeringVector::from_bytes("file", &bytes).unwrap();
    assert_eq!(
        (&read.name, &read.directions, read.id()),
        (&vector.name, &vector.directions, vector.id())
    );
    assert_eq!(read.to_bytes().unwrap(), bytes, "read and written again");
    assert_eq!(read.metadata[meta::SHA256], vector.tensor_sha256());
    let header_len = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert_eq!(header_len % 8, 0);
    assert!(bytes[8..].starts_with(b"{\"__metadata__\":{\"format\":\"steerscope-vector\""));
}

#[test]
fn the_written_file_satisfies_the_safetensors_library() {
    let bytes = sample().to_bytes().unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let view = tensors.tensor("blocks.10.hook_resid_post").unwrap();
    assert_eq!(view.shape(), [4]);
    assert_eq!(
        f32::from_le_bytes(view.data()[..4].try_into().unwrap()),
        10.5
    );
    assert_eq!(tensors.len(), 12);
}

#[test]
fn files_are_written_and_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mood.safetensors");
    sample().write(&path).unwrap();
    assert_eq!(SteeringVector::load(&path).unwrap().id(), sample().id());
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no partial file stays"
    );
    let missing = SteeringVector::load(&folder.path().join("none")).unwrap_err();
    assert_eq!(missing.id(), "vector-missing");
    assert_eq!(
        sample()
            .write(&folder.path().join("no/such/folder.safetensors"))
            .unwrap_err()
            .id(),
        "vector-unreadable"
    );
}

#[test]
fn identity_follows_numbers_and_blocks_but_not_metadata() {
    let vector = sample();
    let mut renamed = vector.clone();
    renamed.name = "other".to_owned();
    renamed.metadata.clear();
    assert_eq!(renamed.id(), vector.id());
    let shifted = SteeringVector {
        directions: vector
            .directions
            .iter()
            .map(|(b, v)| (b + 1, v.clone()))
            .collect(),
        ..vector.clone()
    };
    assert_ne!(shifted.id(), vector.id());
    assert_ne!(vector.reversed().id(), vector.id());
    assert_eq!(vector.reversed().reversed().directions, vector.directions);
}

#[test]
fn half_precision_and_rows_of_one_are_read() {
    let half: Vec<u8> = [1.5_f32, -2.0]
        .iter()
        .flat_map(|x| half::f16::from_f32(*x).to_le_bytes())
        .collect();
    let brain: Vec<u8> = [0.5_f32, 4.0]
        .iter()
        .flat_map(|x| half::bf16::from_f32(*x).to_le_bytes())
        .collect();
    let double: Vec<u8> = [0.1_f64, 0.2]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    let view = |dtype, shape: &[usize], data| {
        safetensors::tensor::TensorView::new(dtype, shape.to_vec(), data).unwrap()
    };
    let tensors = [
        (
            "blocks.0.hook_resid_post",
            view(safetensors::Dtype::F16, &[2], &half),
        ),
        (
            "blocks.1.hook_resid_post",
            view(safetensors::Dtype::BF16, &[1, 2], &brain),
        ),
        (
            "blocks.2.hook_resid_post",
            view(safetensors::Dtype::F64, &[2], &double),
        ),
        ("extra", view(safetensors::Dtype::F16, &[2], &half)),
    ];
    let bytes = safetensors::serialize(tensors, None).unwrap();
    let vector = SteeringVector::from_bytes("fallback", &bytes).unwrap();
    assert_eq!(vector.name, "fallback");
    let want: BTreeMap<usize, Vec<f32>> = [
        (0, vec![1.5, -2.0]),
        (1, vec![0.5, 4.0]),
        (2, vec![0.1, 0.2]),
    ]
    .into();
    assert_eq!(vector.directions, want);
}

#[test]
fn a_vector_is_checked_against_the_model() {
    let vector = sample();
    assert_eq!(vector.fit("m", "abc", 12, 4), Ok(vec![]));
    assert_eq!(
        vector.fit("m", "abc", 14, 4),
        Ok(vec![FitWarning::MissingBlocks { count: 2, of: 14 }])
    );
    let other = FitWarning::OtherModel {
        made_on: "m".into(),
        running: "n".into(),
    };
    assert_eq!(vector.fit("n", "def", 12, 4), Ok(vec![other]));
    let refused = vector.fit("n", "def", 12, 8).unwrap_err();
    assert_eq!(refused.id(), "hidden-size");
    assert_eq!(
        refused.to_string(),
        "vector 'sample' has 4 values, 'n' has 8; it was made for another model"
    );
    let refused = vector.fit("n", "def", 6, 4).unwrap_err();
    assert_eq!(refused.id(), "layer-range");
    assert!(
        refused
            .to_string()
            .contains("block 6; 'n' has blocks 0 to 5"),
        "{refused}"
    );
    assert_eq!(
        vector.direction(BlockIndex(12)).unwrap_err().id(),
        "layer-missing"
    );
    assert_eq!(vector.recommended_block(), Some(BlockIndex(3)));
    assert_eq!(vector.norms(13)[12], None);
}

#[test]
fn directions_that_cannot_steer_are_refused() {
    let make = |rows: &[(usize, Vec<f32>)]| {
        SteeringVector::new("v", rows.iter().cloned().collect(), BTreeMap::new())
            .map_err(|e| e.id())
    };
    assert_eq!(make(&[]), Err("format-unknown"));
    assert_eq!(
        make(&[(0, vec![1.0]), (1, vec![1.0, 2.0])]),
        Err("vector-widths")
    );
    assert_eq!(make(&[(0, vec![1.0, f32::NAN])]), Err("non-finite"));
    assert_eq!(make(&[(0, vec![0.0, -0.0])]), Err("zero-vector"));
    assert!(make(&[(5, vec![0.0, 1e-30])]).is_ok());
}

#[test]
fn a_card_lies_beside_its_vector() {
    let folder = tempfile::tempdir().unwrap();
    let vector = folder.path().join("mood.safetensors");
    assert_eq!(Card::beside(&vector), Ok(None));
    let card = Card {
        title: Some("Mood".to_owned()),
        recommended_layers: vec![3, 4],
        recommended_range: Some([-2.0, 2.0]),
        known_failures: vec!["long prompts".to_owned()],
        ..Card::default()
    };
    std::fs::write(Card::path_for(&vector), card.to_toml().unwrap()).unwrap();
    assert_eq!(Card::beside(&vector), Ok(Some(card)));
    let bad = Card::parse("mood.toml", "title = \"a\"\nlayers = 3\n").unwrap_err();
    assert_eq!(bad.id(), "card-invalid");
    assert!(bad.to_string().contains("line 2"), "{bad}");
}

proptest! {
    #[test]
    fn any_vector_survives_a_round_trip(
        directions in btree_map(0_usize..40, vec(-1e6_f32..1e6, 3), 1..12),
        metadata in btree_map("\\PC{0,12}", "\\PC{0,12}", 0..4),
    ) {
        let nonzero = directions.values().all(|v| v.iter().any(|x| *x != 0.0));
        prop_assume!(nonzero);
        prop_assume!(!metadata.contains_key(meta::SHA256) && !metadata.contains_key(meta::OPERATOR));
        let vector = SteeringVector::new("any \"name\"\n", directions, metadata).unwrap();
        let bytes = vector.to_bytes().unwrap();
        let read = SteeringVector::from_bytes("x", &bytes).unwrap();
        prop_assert_eq!(&read.directions, &vector.directions);
        prop_assert_eq!(&read.name, &vector.name);
        for (key, value) in &vector.metadata {
            if !["format", "format_version", meta::NAME, meta::HIDDEN_SIZE].contains(&key.as_str()) {
                prop_assert_eq!(read.metadata.get(key), Some(value));
            }
        }
        prop_assert_eq!(read.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn damaged_files_never_panic(at in 0_usize..2000, byte: u8, keep in 0_usize..2000) {
        let mut bytes = sample().to_bytes().unwrap();
        let n = bytes.len();
        bytes[at % n] ^= byte;
        bytes.truncate(n - keep % n);
        if let Ok(vector) = SteeringVector::from_bytes("x", &bytes) {
            prop_assert!(!vector.directions.is_empty());
        }
    }
}
