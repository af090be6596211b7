//! numpy arrays in pickles of protocol 5, as numpy 2.4 writes them.
//!
//! ```python
//! import numpy as np, pickle
//! a = (np.arange(8, dtype=np.float32) - 3) / 4
//! frozen = a.copy(); frozen.setflags(write=False)
//! for name, x in [("F4", a), ("FROZEN", frozen), ("BIG", a.astype(">f8")), ("HALF", a.astype(np.float16)),
//!                 ("FORTRAN", np.asfortranarray(np.stack([a, 2 * a]))), ("DICT", {3: a, 1: -a}),
//!                 ("EMPTY", np.zeros((0,), np.float32)), ("OBJECTS", np.array([1, "a"], dtype=object))]:
//!     print(name, pickle.dumps(x, protocol=5).hex())
//! print("OUTSIDE", pickle.dumps(a, protocol=5, buffer_callback=[].append).hex())
//! ```

use steerscope::steering::format::{ImportOptions, Imported, RowsAre, import_bytes};

const F4: &str = "80059594000000000000008c136e756d70792e5f636f72652e6e756d65726963948c0b5f66726f6d62756666657294939428962000000000000000000040bf000000bf000080be000000000000803e0000003f0000403f0000803f948c056e756d7079948c0564747970659493948c02663494898887945294284b038c013c944e4e4e4affffffff4affffffff4b007494624b0885948c014394749452942e";
const FROZEN: &str = "8005958d000000000000008c136e756d70792e5f636f72652e6e756d65726963948c0b5f66726f6d627566666572949394284320000040bf000000bf000080be000000000000803e0000003f0000403f0000803f948c056e756d7079948c0564747970659493948c02663494898887945294284b038c013c944e4e4e4affffffff4affffffff4b007494624b0885948c014394749452942e";
const BIG: &str = "800595b4000000000000008c136e756d70792e5f636f72652e6e756d65726963948c0b5f66726f6d62756666657294939428964000000000000000bfe8000000000000bfe0000000000000bfd000000000000000000000000000003fd00000000000003fe00000000000003fe80000000000003ff0000000000000948c056e756d7079948c0564747970659493948c02663894898887945294284b038c013e944e4e4e4affffffff4affffffff4b007494624b0885948c014394749452942e";
const HALF: &str = "80059584000000000000008c136e756d70792e5f636f72652e6e756d65726963948c0b5f66726f6d6275666665729493942896100000000000000000ba00b800b4000000340038003a003c948c056e756d7079948c0564747970659493948c02663294898887945294284b038c013c944e4e4e4affffffff4affffffff4b007494624b0885948c014394749452942e";
const FORTRAN: &str = "800595b6000000000000008c136e756d70792e5f636f72652e6e756d65726963948c0b5f66726f6d62756666657294939428964000000000000000000040bf0000c0bf000000bf000080bf000080be000000bf00000000000000000000803e0000003f0000003f0000803f0000403f0000c03f0000803f00000040948c056e756d7079948c0564747970659493948c02663494898887945294284b038c013c944e4e4e4affffffff4affffffff4b007494624b024b0886948c014694749452942e";
const DICT: &str = "800595d5000000000000007d94284b038c136e756d70792e5f636f72652e6e756d65726963948c0b5f66726f6d62756666657294939428962000000000000000000040bf000000bf000080be000000000000803e0000003f0000403f0000803f948c056e756d7079948c0564747970659493948c02663494898887945294284b038c013c944e4e4e4affffffff4affffffff4b007494624b0885948c014394749452944b016803289620000000000000000000403f0000003f0000803e00000080000080be000000bf000040bf000080bf94680a4b088594680e74945294752e";
const EMPTY: &str = "80059574000000000000008c136e756d70792e5f636f72652e6e756d65726963948c0b5f66726f6d62756666657294939428960000000000000000948c056e756d7079948c0564747970659493948c02663494898887945294284b038c013c944e4e4e4affffffff4affffffff4b007494624b0085948c014394749452942e";
const OBJECTS: &str = "80059590000000000000008c166e756d70792e5f636f72652e6d756c74696172726179948c0c5f7265636f6e7374727563749493948c056e756d7079948c076e6461727261799493944b0085944301629487945294284b014b02859468038c0564747970659493948c024f3894898887945294284b038c017c944e4e4e4affffffff4affffffff4b3f749462895d94284b018c016194657494622e";
const OUTSIDE: &str = "8005956b000000000000008c136e756d70792e5f636f72652e6e756d65726963948c0b5f66726f6d62756666657294939428978c056e756d7079948c0564747970659493948c02663494898887945294284b038c013c944e4e4e4affffffff4affffffff4b007494624b0885948c014394749452942e";

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn a() -> Vec<f32> {
    (0..8).map(|i| (i as f32 - 3.0) / 4.0).collect()
}

fn read(bytes: &[u8], told: ImportOptions) -> Result<Imported, String> {
    import_bytes("file.pkl", bytes, &told).map_err(|e| e.id().to_owned())
}

fn told() -> ImportOptions {
    ImportOptions {
        layer: Some(1),
        ..ImportOptions::default()
    }
}

/// The same pickle with one part replaced by another; the frame's length is not checked by anybody.
fn with(hex: &str, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(hex.matches(from).count(), 1, "{from}");
    bytes(&hex.replace(from, to))
}

#[test]
fn arrays_come_with_their_shape_order_and_number_type() {
    for (name, hex) in [("F4", F4), ("FROZEN", FROZEN), ("BIG", BIG), ("HALF", HALF)] {
        let imported = read(&bytes(hex), told()).unwrap_or_else(|id| panic!("{name}: {id}"));
        assert_eq!(imported.vector.directions[&1], a(), "{name}");
    }
    let rows = ImportOptions {
        rows: Some(RowsAre::Layers),
        ..ImportOptions::default()
    };
    let fortran = read(&bytes(FORTRAN), rows).unwrap();
    let twice: Vec<f32> = a().iter().map(|x| 2.0 * x).collect();
    assert_eq!(fortran.vector.directions[&0], a());
    assert_eq!(fortran.vector.directions[&1], twice);
    // Layers by key; what the second array shares with the first is looked up.
    let dict = read(&bytes(DICT), ImportOptions::default()).unwrap();
    let minus: Vec<f32> = a().iter().map(|x| -x).collect();
    assert_eq!(dict.vector.directions[&3], a());
    assert_eq!(dict.vector.directions[&1], minus);
    assert_eq!(
        read(&bytes(F4), ImportOptions::default()).unwrap_err(),
        "layer-unknown"
    );
}

#[test]
fn what_is_no_array_of_numbers_is_refused_by_name() {
    assert_eq!(read(&bytes(OBJECTS), told()).unwrap_err(), "npy-object");
    // Numbers that were left out of the stream.
    assert_eq!(read(&bytes(OUTSIDE), told()).unwrap_err(), "pickle-opcode");
    assert!(read(&bytes(EMPTY), told()).is_err());
    let other = with(
        F4,
        "8c0b5f66726f6d627566666572",
        "8c0b5f66726f6d627566666578",
    );
    assert_eq!(read(&other, told()).unwrap_err(), "pickle-global");
}

#[test]
fn damaged_arrays_are_refused() {
    let data = "962000000000000000";
    for (what, file) in [
        // `U` for `<f4`, and a shape of 9 over 8 values, of −1, of 2³¹ − 1, of another type.
        ("dtype", with(F4, "8c026634", "8c025534")),
        ("shape", with(F4, "4b0885", "4b0985")),
        ("negative", with(F4, "4b0885", "4affffffff85")),
        ("huge", with(F4, "4b0885", "4affffff7f85")),
        ("no tuple", with(F4, "4b088594", "4b0894")),
        (
            "text as size",
            with(F4, "4b0885", "8c01388594".trim_end_matches("94")),
        ),
        // Neither C nor Fortran order, and no order at all.
        ("order", with(F4, "8c014394", "8c015894")),
        ("arguments", with(F4, "8c0143947494", "7494")),
        // A length beyond the stream, and one that ends within the numbers.
        ("long", with(F4, data, "960000000000000040")),
        ("wrap", with(F4, data, "96ffffffffffffffff")),
        ("short", with(F4, data, "961f00000000000000")),
        // Text in place of the numbers.
        ("no bytes", with(F4, "4b0885948c0143", "4b0885948c0243")),
    ] {
        assert!(read(&file, told()).is_err(), "{what}");
    }
    let whole = bytes(F4);
    for end in 0..whole.len() {
        assert!(read(&whole[..end], told()).is_err(), "cut at {end}");
    }
}
