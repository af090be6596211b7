//! Answers that are no table of propensities: controls, calibrations, taxes. Kept by the question, as
//! JSON.

use rusqlite::{OptionalExtension, params, params_from_iter};
use sha2::{Digest, Sha256};

use super::cell::{Names, now};
use super::error::StoreError;
use super::gc::Expiry;
use super::key::{Key, hex};
use super::open::{Store, begin};

/// A question whose answer is kept. Two questions are the same when kind, key and details are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is asked, a stable word; with the version of the answer's layout.
    pub kind: &'static str,
    /// Model, vector, data set, inputs, protocol.
    pub key: Key,
    /// Everything else that the answer depends on, as JSON with fields in a fixed order.
    pub details: String,
    /// Block of the site, for people.
    pub block: usize,
    /// Names shown to people; no part of the question's identity.
    pub names: Names,
}

impl Question {
    /// SHA-256 over kind, key and details, hex.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for part in [self.kind, &self.key.digest(), &self.details] {
            // The length keeps two parts from running into each other.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hex(&hash.finalize())
    }
}

impl Store {
    /// The answer to a question, JSON.
    ///
    /// # Errors
    /// Those of reading the database.
    pub fn answer(&self, question: &Question) -> Result<Option<String>, StoreError> {
        self.connection
            .query_row(
                "SELECT answer FROM answer WHERE key = ?1",
                [question.digest()],
                |row| row.get(0),
            )
            .optional()
            .map_err(|e| self.fault(&e))
    }

    /// Keeps an answer, in a transaction of its own. One that is there stays: numbers that only
    /// rounding tells apart must not flicker between sessions.
    ///
    /// # Errors
    /// Those of writing the database.
    pub fn keep_answer(&mut self, question: &Question, answer: &str) -> Result<(), StoreError> {
        let transaction = begin(&mut self.connection, &self.file)?;
        let (key, names) = (&question.key, &question.names);
        transaction
            .execute(
                "INSERT OR IGNORE INTO answer (key, kind, details, model, config, vector, dataset,
                    inputs, protocol, model_name, vector_name, dataset_name, block, answer, created,
                    program)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
                params![
                    question.digest(),
                    question.kind,
                    question.details,
                    key.model,
                    key.config,
                    key.vector,
                    key.dataset,
                    key.inputs,
                    key.protocol,
                    names.model,
                    names.vector,
                    names.dataset,
                    i64::try_from(question.block).unwrap_or(i64::MAX),
                    answer,
                    i64::try_from(now()).unwrap_or(i64::MAX),
                    env!("CARGO_PKG_VERSION"),
                ],
            )
            .map_err(|e| StoreError::of(&self.file, &e))?;
        transaction
            .commit()
            .map_err(|e| StoreError::of(&self.file, &e))
    }

    /// Answers kept.
    ///
    /// # Errors
    /// Those of reading the database.
    pub fn answers(&self) -> Result<usize, StoreError> {
        let count: i64 = self
            .connection
            .query_row("SELECT count(*) FROM answer", [], |row| row.get(0))
            .map_err(|e| self.fault(&e))?;
        Ok(usize::try_from(count).unwrap_or_default())
    }
}

/// Columns of an answer without its number.
const COLUMNS: &str = "key, kind, details, model, config, vector, dataset, inputs, protocol, \
     model_name, vector_name, dataset_name, block, answer, created, program";

/// Takes over the answers of another store that this one lacks.
pub(super) fn take_over(
    into: &rusqlite::Connection,
    from: &rusqlite::Connection,
) -> rusqlite::Result<()> {
    let mut read = from.prepare(&format!("SELECT {COLUMNS} FROM answer"))?;
    let mut write = into.prepare(&format!(
        "INSERT OR IGNORE INTO answer ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
    ))?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let values = (0..16)
            .map(|i| row.get::<_, rusqlite::types::Value>(i))
            .collect::<rusqlite::Result<Vec<_>>>()?;
        write.execute(params_from_iter(values))?;
    }
    Ok(())
}

/// Removes the answers that an expiry names. Those that it names by the numbers of runs, or would keep
/// the newest of, stay: answers have no such numbers.
pub(super) fn expire(connection: &rusqlite::Connection, expiry: &Expiry) -> rusqlite::Result<()> {
    if !expiry.filter.runs.is_empty() || expiry.keep > 0 {
        return Ok(());
    }
    let (condition, values) = expiry.filter.condition();
    let before = expiry
        .before
        .map_or(i64::MAX, |t| i64::try_from(t).unwrap_or(i64::MAX));
    let sql = format!("DELETE FROM answer WHERE {condition} AND created < {before}");
    connection.execute(&sql, params_from_iter(values))?;
    Ok(())
}
