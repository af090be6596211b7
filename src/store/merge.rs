//! Taking over the runs of another store, such as those of a job array's shards.

use std::path::Path;

use super::answer::take_over;
use super::error::StoreError;
use super::list::Filter;
use super::open::{Put, Store, begin, put_in};

/// What a merge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Merged {
    /// Runs that were taken over.
    pub new: usize,
    /// Runs that were there already.
    pub known: usize,
}

impl Store {
    /// Takes over every run of another store, all or none; the other one is only read.
    ///
    /// Doing it again changes nothing. The same key with other numbers is refused as
    /// [`StoreError::Conflict`], which names both, and leaves this store as it was.
    pub fn merge(&mut self, other: &Path) -> Result<Merged, StoreError> {
        let theirs = Self::open_existing(other)?;
        let mut merged = Merged::default();
        let transaction = begin(&mut self.connection, &self.file)?;
        theirs.each(&Filter::default(), |record| {
            let origin = format!("run {} of '{}'", record.id, theirs.file);
            match put_in(&transaction, &self.file, &record.key, &record.cell, &origin)? {
                Put::New(_) => merged.new += 1,
                Put::Known(_) => merged.known += 1,
            }
            Ok(())
        })?;
        take_over(&transaction, &theirs.connection).map_err(|e| theirs.fault(&e))?;
        transaction
            .commit()
            .map_err(|e| StoreError::of(&self.file, &e))?;
        Ok(merged)
    }
}
