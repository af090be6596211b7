//! Decoder rows of sparse autoencoders in `PyTorch` files.

use steerscope::engine::HookPoint;
use steerscope::steering::format::{ImportOptions, Imported, VectorFormat, import_bytes};
use steerscope::steering::{SteeringVector, VectorError};

use super::make::{self, D, P, v};

/// Features of the autoencoder.
const N: usize = 5;

/// Feature i is `v(i)`.
fn rows() -> Vec<f32> {
    (0..N as i64).flat_map(v).collect()
}

/// The same with features as columns.
fn columns() -> Vec<f32> {
    let rows = rows();
    (0..D)
        .flat_map(|j| (0..N).map(move |i| (i, j)))
        .map(|(i, j)| rows[i * D + j])
        .collect()
}

/// `W_dec [features, d]` beside its encoder, as `SAELens` has them.
fn sae_lens(p: P) -> P {
    p.op(b"}(")
        .text("W_enc")
        .tensor(&[D, N], &columns())
        .text("b_dec")
        .tensor(&[D], &v(9))
        .text("W_dec")
        .tensor(&[N, D], &rows())
        .op(b"u")
}

/// `decoder.weight [d, features]` of `nn.Linear`.
fn linear(encoder: &[usize]) -> P {
    P::new()
        .op(b"ccollections\nOrderedDict\n)R(")
        .text("encoder.weight")
        .tensor(encoder, &rows())
        .text("decoder.weight")
        .tensor(&[D, N], &columns())
        .op(b"u")
}

fn told(row: usize) -> ImportOptions {
    ImportOptions {
        row: Some(row),
        layer: Some(2),
        ..ImportOptions::default()
    }
}

fn read(bytes: &[u8], told: &ImportOptions) -> Result<Imported, VectorError> {
    import_bytes("sae.pt", bytes, told)
}

fn only(vector: &SteeringVector) -> (usize, &[f32]) {
    assert_eq!(vector.directions.len(), 1);
    let (block, values) = vector.directions.first_key_value().unwrap();
    (*block, values)
}

#[test]
fn a_feature_is_a_row_of_w_dec_and_a_column_of_a_linear_decoder() {
    // A view of the decoder the other way round: features are columns of the storage.
    let turned = P::new()
        .op(b"}")
        .text("W_dec")
        .view(
            "FloatStorage",
            make::bytes(&columns()),
            N * D,
            &[N, D],
            &[1, N],
        )
        .op(b"s");
    let doubles: Vec<u8> = rows()
        .iter()
        .flat_map(|x| f64::from(*x).to_le_bytes())
        .collect();
    let doubles = P::new()
        .op(b"}")
        .text("W_dec")
        .view("DoubleStorage", doubles, N * D, &[N, D], &[D, 1])
        .op(b"s");
    let nested = sae_lens(P::new().op(b"}").text("state_dict")).op(b"s");
    for (name, file) in [
        ("SAELens", sae_lens(P::new()).pt()),
        ("nested", nested.pt()),
        ("linear", linear(&[N, D]).pt()),
        ("turned", turned.pt()),
        ("doubles", doubles.pt()),
    ] {
        for feature in [0, 2, N - 1] {
            let found = read(&file, &told(feature)).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(found.format, VectorFormat::Sae, "{name}");
            let (block, values) = only(&found.vector);
            assert_eq!((block, values), (2, v(feature as i64).as_slice()), "{name}");
            let feature = feature.to_string();
            assert_eq!(found.vector.metadata.get("sae_feature"), Some(&feature));
        }
    }
}

#[test]
fn a_configuration_beside_the_weights_says_where_it_belongs() {
    let with = |hook: &str| {
        let p = P::new().op(b"}(").text("cfg").op(b"}");
        let p = p.text("hook_name").text(hook).op(b"s").text("state_dict");
        sae_lens(p).op(b"u").pt()
    };
    let unplaced = ImportOptions {
        layer: None,
        ..told(1)
    };
    let found = read(&with("blocks.3.hook_resid_pre"), &unplaced).unwrap();
    assert_eq!(only(&found.vector), (2, v(1).as_slice()));
    let found = read(&with("blocks.1.hook_mlp_out"), &unplaced).unwrap();
    assert_eq!(only(&found.vector).0, 1);
    assert_eq!(found.vector.edit.point, HookPoint::MlpOut);
    // Heads of attention are no place to steer; a layer that is told is taken at its word.
    let heads = with("blocks.1.attn.hook_z");
    assert_eq!(
        read(&heads, &unplaced).unwrap_err().id(),
        "site-unsupported"
    );
    assert_eq!(only(&read(&heads, &told(1)).unwrap().vector).0, 2);
}

#[test]
fn what_is_not_certain_is_asked_and_what_is_wrong_refused() {
    let id = |file: &[u8], told: &ImportOptions| read(file, told).unwrap_err().id();
    let file = sae_lens(P::new()).pt();
    let asked = read(&file, &ImportOptions::default()).unwrap_err();
    assert!(
        asked.asks() && asked.to_string().contains("--row"),
        "{asked}"
    );
    let unplaced = ImportOptions {
        layer: None,
        ..told(1)
    };
    assert_eq!(id(&file, &unplaced), "layer-unknown");
    assert_eq!(id(&file, &told(N)), "row-range");
    // An encoder of another shape: W_dec is something else.
    let odd = P::new()
        .op(b"}(")
        .text("W_enc")
        .tensor(&[N, D], &rows())
        .text("W_dec")
        .tensor(&[N, D], &rows())
        .op(b"u");
    assert_eq!(id(&odd.pt(), &told(1)), "vector-shape");
    let cube = P::new()
        .op(b"}")
        .text("W_dec")
        .tensor(&[N, 2, D / 2], &rows())
        .op(b"s");
    assert_eq!(id(&cube.pt(), &told(1)), "vector-shape");
    // A storage that is shorter than declared, and a view that leaves its storage.
    let cut = P::new()
        .op(b"}")
        .text("W_dec")
        .view(
            "FloatStorage",
            make::bytes(&rows()[..D]),
            N * D,
            &[N, D],
            &[D, 1],
        )
        .op(b"s");
    assert_eq!(id(&cut.pt(), &told(1)), "truncated");
    let beyond = P::new()
        .op(b"}")
        .text("W_dec")
        .view(
            "FloatStorage",
            make::bytes(&rows()),
            N * D,
            &[N, D],
            &[D + 1, 1],
        )
        .op(b"s");
    assert_eq!(id(&beyond.pt(), &told(1)), "torch-invalid");
    // A decoder without an encoder of the opposite shape may be a language model's head.
    let found = read(&linear(&[D, N]).pt(), &told(1));
    assert!(found.is_err() || found.unwrap().format != VectorFormat::Sae);
}
