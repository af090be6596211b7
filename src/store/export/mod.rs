//! Runs as one flat table, one row per input and multiplier, for pandas, polars, `DuckDB` or R.

mod columnar;
mod table;
mod textual;

use std::io::Write;

use super::error::StoreError;
use super::list::Record;

pub use table::{Column, Data, Table};

/// Rows that are held in memory before they are written: a Parquet file's row group.
const GROUP: usize = 200_000;

/// Format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Comma-separated, one header line; values that are missing or not finite are empty.
    Csv,
    /// A list of objects; values that are missing or not finite are `null`.
    Json,
    /// Apache Parquet, plain encodings and dictionaries, uncompressed; such values are null.
    Parquet,
}

enum Writer<W: Write + Send> {
    Csv(Box<csv::Writer<W>>),
    Json { out: W, any: bool },
    Parquet(Box<columnar::Parquet<W>>),
}

/// Writes runs one after the other; little is held in memory whatever their number.
pub struct Exporter<W: Write + Send> {
    writer: Writer<W>,
    pending: Table,
}

impl<W: Write + Send> Exporter<W> {
    /// Begins an export: a file without runs has the columns all the same.
    pub fn new(format: ExportFormat, mut out: W) -> Result<Self, StoreError> {
        let pending = Table::default();
        let writer = match format {
            ExportFormat::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                textual::csv_header(&pending, &mut writer)?;
                Writer::Csv(Box::new(writer))
            }
            ExportFormat::Json => {
                out.write_all(b"[").map_err(|e| failed(&e))?;
                Writer::Json { out, any: false }
            }
            ExportFormat::Parquet => {
                Writer::Parquet(Box::new(columnar::Parquet::new(out, &pending)?))
            }
        };
        Ok(Self { writer, pending })
    }

    /// Adds a run.
    pub fn add(&mut self, record: &Record) -> Result<(), StoreError> {
        self.pending.add(record);
        if self.pending.len() >= GROUP {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let table = std::mem::take(&mut self.pending);
        if table.is_empty() {
            return Ok(());
        }
        match &mut self.writer {
            Writer::Csv(writer) => textual::csv_rows(&table, writer),
            Writer::Json { out, any } => textual::json_rows(&table, out, any),
            Writer::Parquet(writer) => writer.write(&table),
        }
    }

    /// Writes what is left and the end of the file.
    pub fn finish(mut self) -> Result<W, StoreError> {
        self.flush()?;
        match self.writer {
            Writer::Csv(writer) => writer.into_inner().map_err(|e| failed(&e.error())),
            Writer::Json { mut out, .. } => {
                out.write_all(b"\n]\n").map_err(|e| failed(&e))?;
                Ok(out)
            }
            Writer::Parquet(writer) => writer.finish(),
        }
    }
}

fn failed(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Export {
        reason: error.to_string(),
    }
}
