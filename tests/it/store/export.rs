//! Exports say the same in every format and read back as they were.

use std::fs::File;
use std::io::Write;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;
use steerscope::store::{ExportFormat, Exporter, Filter, Store};

use super::{cell, key, open, place};

fn export(store: &Store, format: ExportFormat) -> Vec<u8> {
    let mut exporter = Exporter::new(format, Vec::new()).unwrap();
    store
        .each(&Filter::default(), |record| exporter.add(&record))
        .unwrap();
    exporter.finish().unwrap()
}

/// The bytes as the file that the library wants to read.
fn parquet(bytes: &[u8]) -> SerializedFileReader<File> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    SerializedFileReader::new(file).unwrap()
}

fn two_runs() -> (tempfile::TempDir, Store) {
    let (folder, path) = place();
    let mut store = open(&path);
    for block in [4, 9] {
        let mut named = cell(block);
        named.names.model = "a \"quoted\", name".into();
        named.created = 1_700_000_000_000 + block as u64;
        store.put(&key(block), &named).unwrap();
    }
    (folder, store)
}

#[test]
fn parquet_reads_back_with_types_nulls_and_exact_numbers() {
    let (_folder, store) = two_runs();
    let reader = parquet(&export(&store, ExportFormat::Parquet));
    let rows: Vec<_> = reader
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows.len(), 2 * 2 * 3);
    let field = |row: usize, name: &str| -> Field {
        let found = rows[row].get_column_iter().find(|(n, _)| *n == name);
        found.unwrap_or_else(|| panic!("column {name}")).1.clone()
    };
    assert_eq!(field(0, "model"), Field::Str("a \"quoted\", name".into()));
    assert_eq!(field(0, "key"), Field::Str(key(4).digest()));
    assert_eq!(field(0, "block"), Field::Long(4));
    assert_eq!(field(11, "block"), Field::Long(9));
    assert_eq!(field(0, "mask"), Field::Str("all".into()));
    assert_eq!(field(0, "seed"), Field::Long(3));
    assert_eq!(field(0, "limit"), Field::Null);
    assert_eq!(field(0, "arithmetic"), Field::Null, "not in this protocol");
    assert_eq!(field(0, "input"), Field::Long(7));
    assert_eq!(field(0, "positive_is_a"), Field::Bool(true));
    assert_eq!(field(3, "positive_is_a"), Field::Null);
    assert_eq!(field(0, "multiplier"), Field::Float(-1.0));
    assert_eq!(field(0, "propensity"), Field::Float(-0.1));
    assert_eq!(field(3, "propensity"), Field::Float(3.0e-41), "subnormal");
    assert_eq!(field(4, "propensity"), Field::Null, "NaN");
    assert_eq!(field(3, "steerability"), Field::Null);
    let Field::Double(slope) = field(2, "steerability") else {
        panic!("no slope");
    };
    assert!((slope - 2.05).abs() < 1e-6, "{slope}");
}

#[test]
fn csv_and_json_hold_the_same_rows() {
    let (_folder, store) = two_runs();
    let json: Vec<Value> = serde_json::from_slice(&export(&store, ExportFormat::Json)).unwrap();
    let csv = export(&store, ExportFormat::Csv);
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    let header = reader.headers().unwrap().clone();
    let mut n = 0;
    for (record, object) in reader.records().zip(&json) {
        let record = record.unwrap();
        assert_eq!(object.as_object().unwrap().len(), header.len());
        for (name, text) in header.iter().zip(&record) {
            let said = match &object[name] {
                Value::Null => String::new(),
                Value::String(s) => s.clone(),
                Value::Number(x) if x.is_f64() => {
                    let (a, b) = (x.as_f64().unwrap(), text.parse::<f64>().unwrap());
                    assert!((a - b).abs() <= 1e-12 * a.abs(), "{name}: {a} and {b}");
                    text.to_owned()
                }
                other => other.to_string(),
            };
            assert_eq!(said, text, "{name}");
        }
        n += 1;
    }
    assert_eq!((n, json.len()), (12, 12));
    assert_eq!(json[0]["propensity"], -0.1);
    assert_eq!(json[4]["propensity"], Value::Null);
}

#[test]
fn an_empty_store_gives_an_empty_table_with_its_columns() {
    let (_folder, path) = place();
    let store = open(&path);
    let csv = String::from_utf8(export(&store, ExportFormat::Csv)).unwrap();
    assert!(
        csv.starts_with("run,created_ms,key,") && csv.lines().count() == 1,
        "{csv}"
    );
    let json: Vec<Value> = serde_json::from_slice(&export(&store, ExportFormat::Json)).unwrap();
    assert!(json.is_empty());
    let reader = parquet(&export(&store, ExportFormat::Parquet));
    let columns = reader
        .metadata()
        .file_metadata()
        .schema_descr()
        .num_columns();
    assert_eq!(columns, csv.trim_end().split(',').count());
    assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
}
