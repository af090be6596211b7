//! Removing results that are no longer wanted.

use rusqlite::params_from_iter;

use super::answer::expire;
use super::error::StoreError;
use super::list::Filter;
use super::open::{Store, begin};

/// Which runs may go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expiry {
    /// Only runs that the filter names.
    pub filter: Filter,
    /// Only runs measured before this moment, milliseconds since 1970 (UTC).
    pub before: Option<u64>,
    /// The newest so many of those named stay.
    pub keep: usize,
}

impl Store {
    /// Numbers of the runs that [`Store::gc`] would remove.
    pub fn expired(&self, expiry: &Expiry) -> Result<Vec<i64>, StoreError> {
        let (condition, values) = expiry.filter.condition();
        let before = expiry
            .before
            .map_or(i64::MAX, |t| i64::try_from(t).unwrap_or(i64::MAX));
        let keep = i64::try_from(expiry.keep).unwrap_or(i64::MAX);
        let found = self
            .connection
            .prepare(&format!(
                "SELECT id FROM (SELECT id, created FROM cell WHERE {condition}
                    ORDER BY created DESC, id DESC LIMIT -1 OFFSET {keep})
                 WHERE created < {before} ORDER BY id"
            ))
            .and_then(|mut statement| {
                statement
                    .query_map(params_from_iter(values), |r| r.get(0))?
                    .collect()
            });
        found.map_err(|e| self.fault(&e))
    }

    /// Removes runs and gives their room back to the disk; returns their numbers.
    pub fn gc(&mut self, expiry: &Expiry) -> Result<Vec<i64>, StoreError> {
        let gone = self.expired(expiry)?;
        let file = self.file.clone();
        let fault = |e: rusqlite::Error| StoreError::of(&file, &e);
        let transaction = begin(&mut self.connection, &file)?;
        for id in &gone {
            transaction
                .execute("DELETE FROM cell WHERE id = ?1", [id])
                .map_err(fault)?;
        }
        expire(&transaction, expiry).map_err(fault)?;
        transaction.commit().map_err(fault)?;
        if !gone.is_empty() {
            // With another process reading, the room is given back by a later call.
            let _ = self
                .connection
                .execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
        }
        Ok(gone)
    }
}
