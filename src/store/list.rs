//! Reading back what is kept: one run, or all that a filter names.

use rusqlite::{OptionalExtension, Row, params_from_iter};
use serde::Serialize;

use super::cell::{Cell, Input, Names, from_blob};
use super::error::StoreError;
use super::key::Key;
use super::open::Store;

pub(super) const COLUMNS: &str = "id, key, model, config, vector, dataset, inputs, protocol, \
     model_name, vector_name, dataset_name, block, multipliers, input_rows, propensities, created, program";

/// One run: its number in the store, what it depends on, and what was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Number in this store; never given to another run.
    pub id: i64,
    /// What the numbers depend on.
    pub key: Key,
    /// The numbers.
    pub cell: Cell,
}

/// Which runs; an empty filter names all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Part of the model's name, or the beginning of its hash.
    pub model: Option<String>,
    /// Part of the vector's name, or the beginning of its identity.
    pub vector: Option<String>,
    /// Part of the data set's name, or the beginning of its hash.
    pub dataset: Option<String>,
    /// Site.
    pub block: Option<usize>,
    /// Numbers of runs.
    pub runs: Vec<i64>,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Number in this store.
    pub run: i64,
    /// SHA-256 of the key, hex.
    pub key: String,
    /// Milliseconds since 1970 (UTC).
    pub created: u64,
    /// Version of the program that measured it.
    pub program: String,
    /// Names shown to people.
    #[serde(flatten)]
    pub names: Names,
    /// Site.
    pub block: usize,
    /// Protocol as JSON.
    pub protocol: serde_json::Value,
    /// Inputs.
    pub n: usize,
    /// Inputs whose slope is a finite number.
    pub finite: usize,
    /// Mean of these slopes: the dataset steerability.
    pub mean: Option<f64>,
    /// How many of them are not positive: anti-steerable.
    pub anti_steerable: usize,
}

impl Store {
    /// Runs that a filter names, oldest first.
    ///
    /// Only names, protocol and the summary of each run are read, not its figures: a list costs the
    /// same however many inputs the runs have. Cells from before there were summaries are read whole.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Entry>, StoreError> {
        let (condition, values) = filter.condition();
        let mut statement = self
            .connection
            .prepare(&format!(
                "SELECT id, key, protocol, model_name, vector_name, dataset_name, block,
                    run, n, finite, mean, anti, made, made_by
                 FROM cell LEFT JOIN summary ON run = id
                 WHERE {condition} ORDER BY created, id"
            ))
            .map_err(|e| self.fault(&e))?;
        let found: Vec<Listed> = statement
            .query_map(params_from_iter(values), listed)
            .and_then(Iterator::collect)
            .map_err(|e| self.fault(&e))?;
        let whole = |listed| match listed {
            Listed::Summary(entry) => Ok(*entry),
            Listed::Cell(run) => self.show(run).map(|record| entry(&record)),
        };
        found.into_iter().map(whole).collect()
    }

    /// One run by its number.
    pub fn show(&self, run: i64) -> Result<Record, StoreError> {
        self.connection
            .query_row(
                &format!("SELECT {COLUMNS} FROM cell WHERE id = ?1"),
                [run],
                |row| Ok(record(row, &self.file)),
            )
            .optional()
            .map_err(|e| self.fault(&e))?
            .unwrap_or_else(|| {
                Err(StoreError::Unknown {
                    file: self.file.clone(),
                    run: run.to_string(),
                })
            })
    }

    /// Hands over every run that a filter names, oldest first, one at a time.
    pub fn each(
        &self,
        filter: &Filter,
        mut visit: impl FnMut(Record) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let (condition, values) = filter.condition();
        let mut statement = self
            .connection
            .prepare(&format!(
                "SELECT {COLUMNS} FROM cell WHERE {condition} ORDER BY created, id"
            ))
            .map_err(|e| self.fault(&e))?;
        let mut rows = statement
            .query(params_from_iter(values))
            .map_err(|e| self.fault(&e))?;
        while let Some(row) = rows.next().map_err(|e| self.fault(&e))? {
            visit(record(row, &self.file)?)?;
        }
        Ok(())
    }
}

impl Filter {
    /// The condition in SQL with its values, in order.
    pub(super) fn condition(&self) -> (String, Vec<String>) {
        let mut parts = Vec::new();
        let mut values = Vec::new();
        for (column, text) in [
            ("model", &self.model),
            ("vector", &self.vector),
            ("dataset", &self.dataset),
        ] {
            if let Some(text) = text {
                values.push(text.clone());
                let n = values.len();
                parts.push(format!(
                    "(instr(lower({column}_name), lower(?{n})) > 0 OR substr({column}, 1, length(?{n})) = ?{n})"
                ));
            }
        }
        if let Some(block) = self.block {
            parts.push(format!("block = {block}"));
        }
        if !self.runs.is_empty() {
            let numbers: Vec<String> = self.runs.iter().map(ToString::to_string).collect();
            parts.push(format!("id IN ({})", numbers.join(", ")));
        }
        if parts.is_empty() {
            parts.push("1".to_owned());
        }
        (parts.join(" AND "), values)
    }
}

/// A row of a list, or the number of a cell that has no summary.
enum Listed {
    Summary(Box<Entry>),
    Cell(i64),
}

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    if row.get::<_, Option<i64>>("run")?.is_none() {
        return Ok(Listed::Cell(row.get("id")?));
    }
    let size = |column: &str| {
        let value: i64 = row.get(column)?;
        Ok::<_, rusqlite::Error>(usize::try_from(value).unwrap_or_default())
    };
    let protocol: String = row.get("protocol")?;
    Ok(Listed::Summary(Box::new(Entry {
        run: row.get("id")?,
        key: row.get("key")?,
        created: u64::try_from(row.get::<_, i64>("made")?).unwrap_or_default(),
        program: row.get("made_by")?,
        names: Names {
            model: row.get("model_name")?,
            vector: row.get("vector_name")?,
            dataset: row.get("dataset_name")?,
        },
        block: size("block")?,
        protocol: serde_json::from_str(&protocol).unwrap_or_default(),
        n: size("n")?,
        finite: size("finite")?,
        mean: row.get("mean")?,
        anti_steerable: size("anti")?,
    })))
}

fn entry(record: &Record) -> Entry {
    let (key, cell) = (&record.key, &record.cell);
    let figures = cell.figures();
    Entry {
        run: record.id,
        key: key.digest(),
        created: cell.created,
        program: cell.program.clone(),
        names: cell.names.clone(),
        block: cell.block,
        protocol: serde_json::from_str(&key.protocol).unwrap_or_default(),
        n: cell.inputs.len(),
        finite: figures.finite,
        mean: figures.mean,
        anti_steerable: figures.anti_steerable,
    }
}

/// Reads a row of [`COLUMNS`] and checks that it is whole.
pub(super) fn record(row: &Row<'_>, file: &str) -> Result<Record, StoreError> {
    let fault = |e: rusqlite::Error| StoreError::of(file, &e);
    let id: i64 = row.get(0).map_err(fault)?;
    let damaged = |what: &str| StoreError::Damaged {
        file: file.to_owned(),
        run: id,
        what: what.to_owned(),
    };
    let text = |i: usize| {
        row.get::<_, String>(i)
            .map_err(|_| damaged("a text is missing"))
    };
    let floats = |i: usize| {
        let blob = row.get_ref(i).ok().and_then(|v| v.as_blob().ok());
        blob.and_then(from_blob)
            .ok_or_else(|| damaged("numbers are cut off"))
    };
    let number = |i: usize| {
        row.get::<_, i64>(i)
            .ok()
            .and_then(|n| u64::try_from(n).ok())
            .ok_or_else(|| damaged("a number is out of range"))
    };
    let key = Key {
        model: text(2)?,
        config: text(3)?,
        vector: text(4)?,
        dataset: text(5)?,
        inputs: text(6)?,
        protocol: text(7)?,
    };
    if key.digest() != text(1)? {
        return Err(damaged("its key is not that of its fields"));
    }
    let inputs: Vec<(u64, Option<bool>, Option<bool>)> = serde_json::from_str(&text(13)?)
        .map_err(|_| damaged("the list of inputs is unreadable"))?;
    let input = |(row, positive_is_a, positive_is_yes)| Input {
        row,
        positive_is_a,
        positive_is_yes,
    };
    let cell = Cell {
        names: Names {
            model: text(8)?,
            vector: text(9)?,
            dataset: text(10)?,
        },
        block: usize::try_from(number(11)?).map_err(|_| damaged("the block is out of range"))?,
        multipliers: floats(12)?,
        inputs: inputs.into_iter().map(input).collect(),
        propensities: floats(14)?,
        created: number(15)?,
        program: text(16)?,
    };
    if !cell.is_whole() {
        return Err(damaged("figures are missing"));
    }
    Ok(Record { id, key, cell })
}
