//! CSV and JSON.

use std::io::Write;

use serde_json::{Map, Value};

use super::failed;
use super::table::{Data, Table};
use crate::store::error::StoreError;

pub(super) fn csv_header<W: Write>(
    table: &Table,
    writer: &mut csv::Writer<W>,
) -> Result<(), StoreError> {
    let names = table.columns.iter().map(|c| c.name);
    writer.write_record(names).map_err(|e| failed(&e))
}

pub(super) fn csv_rows<W: Write>(
    table: &Table,
    writer: &mut csv::Writer<W>,
) -> Result<(), StoreError> {
    for i in 0..table.len() {
        let record = table.columns.iter().map(|c| text(&c.data, i));
        writer.write_record(record).map_err(|e| failed(&e))?;
    }
    writer.flush().map_err(|e| failed(&e))
}

/// Objects, one per line; `any` says whether one was written before.
pub(super) fn json_rows<W: Write>(
    table: &Table,
    out: &mut W,
    any: &mut bool,
) -> Result<(), StoreError> {
    for i in 0..table.len() {
        let object: Map<String, Value> = table
            .columns
            .iter()
            .map(|c| (c.name.to_owned(), value(&c.data, i)))
            .collect();
        let before: &[u8] = if *any { b",\n" } else { b"\n" };
        *any = true;
        out.write_all(before).map_err(|e| failed(&e))?;
        serde_json::to_writer(&mut *out, &object).map_err(|e| failed(&e))?;
    }
    Ok(())
}

fn text(data: &Data, i: usize) -> String {
    fn at<T: ToString>(values: &[Option<T>], i: usize) -> Option<String> {
        values.get(i)?.as_ref().map(ToString::to_string)
    }
    match data {
        Data::Text(values) => at(values, i),
        Data::Int(values) => at(values, i),
        Data::Float(values) => at(values, i),
        Data::Double(values) => at(values, i),
        Data::Bool(values) => at(values, i),
    }
    .unwrap_or_default()
}

fn value(data: &Data, i: usize) -> Value {
    fn at<T: Clone + Into<Value>>(values: &[Option<T>], i: usize) -> Value {
        values
            .get(i)
            .cloned()
            .flatten()
            .map_or(Value::Null, Into::into)
    }
    match data {
        Data::Text(values) => at(values, i),
        Data::Int(values) => at(values, i),
        // The shortest text of the single-precision number, not the digits of its double.
        Data::Float(values) => values
            .get(i)
            .copied()
            .flatten()
            .and_then(|v| v.to_string().parse::<f64>().ok())
            .map_or(Value::Null, Value::from),
        Data::Double(values) => at(values, i),
        Data::Bool(values) => at(values, i),
    }
}
