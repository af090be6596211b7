//! Opening a store, finding a cell and keeping one.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};

use super::cell::{Cell, to_blob};
use super::error::StoreError;
use super::key::Key;
use super::list::{COLUMNS, Record, record};
use super::schema;

/// How long another process may hold the store before we give up.
const PATIENCE: Duration = Duration::from_secs(15);

/// Propensities this close, in logits, are the same result: what rounding on another instruction
/// set or another number of threads may change, far below what any statistic shows.
const ROUNDING: f32 = 1e-3;

/// An open store. Any number of processes may have the same file open.
#[derive(Debug)]
pub struct Store {
    pub(super) connection: Connection,
    pub(super) file: String,
}

/// What became of a cell that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is new, with this number.
    New(i64),
    /// The same numbers were there already, under this number.
    Known(i64),
}

impl Store {
    /// Opens a store for reading and writing; creates it, and its folder, where there is none.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = path.display().to_string();
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|e| StoreError::ReadOnly {
                file: file.clone(),
                reason: e.to_string(),
            })?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut store = Self::connect(path, flags, file)?;
        // Before anything else is written: a file of something else stays as it is.
        schema::check(&store.connection, &store.file)?;
        store.write_ahead()?;
        schema::prepare(&mut store.connection, &store.file)?;
        // A question that a read-only file answers no to, before hours are spent measuring for it.
        store
            .connection
            .execute_batch("BEGIN IMMEDIATE; ROLLBACK")
            .map_err(|e| store.fault(&e))?;
        Ok(store)
    }

    /// Opens a store that exists; one that cannot be written, in a read-only folder or of an
    /// archive, is opened for reading.
    pub fn open_existing(path: &Path) -> Result<Self, StoreError> {
        let file = path.display().to_string();
        if !path.exists() {
            return Err(StoreError::Missing { file });
        }
        match Self::open(path) {
            Err(StoreError::ReadOnly { .. }) => Self::open_unwritable(path, file),
            other => other,
        }
    }

    fn open_unwritable(path: &Path, file: String) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        // Without a log beside it nobody is writing, and none can be made here.
        let log = PathBuf::from(format!("{file}-wal"));
        let options = if log.exists() {
            "mode=ro"
        } else {
            "immutable=1"
        };
        let escaped = file
            .replace('%', "%25")
            .replace('?', "%3f")
            .replace('#', "%23");
        let uri = PathBuf::from(format!("file:{escaped}?{options}"));
        let _ = path;
        let store = Self::connect(&uri, flags, file)?;
        let layout = schema::check(&store.connection, &store.file)?;
        if layout < schema::SCHEMA_VERSION {
            return Err(StoreError::ReadOnly {
                file: store.file,
                reason: format!("its layout {layout} has to be brought up to date"),
            });
        }
        Ok(store)
    }

    fn connect(path: &Path, flags: OpenFlags, file: String) -> Result<Self, StoreError> {
        let connection =
            Connection::open_with_flags(path, flags).map_err(|e| StoreError::of(&file, &e))?;
        let store = Self { connection, file };
        store
            .connection
            .busy_timeout(PATIENCE)
            .and_then(|()| store.connection.pragma_update(None, "foreign_keys", true))
            // A cell costs seconds of computing and one flush to the disk: it survives a power cut.
            .and_then(|()| store.connection.pragma_update(None, "synchronous", "FULL"))
            .map_err(|e| store.fault(&e))?;
        Ok(store)
    }

    /// Switches to a write-ahead log, under which readers and a writer do not wait for each other.
    /// Where a file system cannot have one the store works with a plain journal.
    fn write_ahead(&self) -> Result<(), StoreError> {
        let started = Instant::now();
        loop {
            let answer =
                self.connection
                    .pragma_update_and_check(None, "journal_mode", "WAL", |r| {
                        r.get::<_, String>(0)
                    });
            match answer.map_err(|e| self.fault(&e)) {
                Ok(_) => return Ok(()),
                // SQLite does not wait by itself when two processes make this change at once.
                Err(StoreError::Busy { .. }) if started.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Path of the file, as given.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Keeps the file from growing beyond about `bytes`; what no longer fits is refused as
    /// [`StoreError::Full`]. Holds for this connection.
    pub fn limit_size(&self, bytes: u64) -> Result<(), StoreError> {
        let page: i64 = self
            .connection
            .pragma_query_value(None, "page_size", |r| r.get(0))
            .map_err(|e| self.fault(&e))?;
        let pages = bytes / u64::try_from(page).unwrap_or(4096).max(1);
        // To SQLite zero means no change.
        let pages = i64::try_from(pages).unwrap_or(i64::MAX).max(1);
        self.connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .map_err(|e| self.fault(&e))
    }

    /// The cell of a key.
    pub fn find(&self, key: &Key) -> Result<Option<Cell>, StoreError> {
        Ok(self.by_digest(&key.digest())?.map(|r| r.cell))
    }

    /// Whether there is a cell of a key, without reading it.
    pub fn has(&self, key: &Key) -> Result<bool, StoreError> {
        self.connection
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM cell WHERE key = ?1)",
                [key.digest()],
                |r| r.get(0),
            )
            .map_err(|e| self.fault(&e))
    }

    /// Keeps a cell, in a transaction of its own. Known numbers are not written again; other
    /// numbers under the same key are refused as [`StoreError::Conflict`].
    pub fn put(&mut self, key: &Key, cell: &Cell) -> Result<Put, StoreError> {
        let transaction = begin(&mut self.connection, &self.file)?;
        let put = put_in(&transaction, &self.file, key, cell, "the one just measured")?;
        transaction
            .commit()
            .map_err(|e| StoreError::of(&self.file, &e))?;
        Ok(put)
    }

    pub(super) fn by_digest(&self, digest: &str) -> Result<Option<Record>, StoreError> {
        by_digest(&self.connection, &self.file, digest)
    }

    pub(super) fn fault(&self, error: &rusqlite::Error) -> StoreError {
        StoreError::of(&self.file, error)
    }
}

/// A transaction that holds the right to write from its first moment on.
pub(super) fn begin<'a>(
    connection: &'a mut Connection,
    file: &str,
) -> Result<rusqlite::Transaction<'a>, StoreError> {
    connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|e| StoreError::of(file, &e))
}

fn by_digest(
    connection: &Connection,
    file: &str,
    digest: &str,
) -> Result<Option<Record>, StoreError> {
    connection
        .query_row(
            &format!("SELECT {COLUMNS} FROM cell WHERE key = ?1"),
            [digest],
            |row| Ok(record(row, file)),
        )
        .optional()
        .map_err(|e| StoreError::of(file, &e))?
        .transpose()
}

/// Inserts within a transaction; `origin` names the cell in a conflict.
pub(super) fn put_in(
    connection: &Connection,
    file: &str,
    key: &Key,
    cell: &Cell,
    origin: &str,
) -> Result<Put, StoreError> {
    if !cell.is_whole() {
        return Err(StoreError::Shape {
            got: cell.propensities.len(),
            inputs: cell.inputs.len(),
            multipliers: cell.multipliers.len(),
        });
    }
    let digest = key.digest();
    if let Some(known) = by_digest(connection, file, &digest)? {
        return match known.cell.difference(cell) {
            Some(d) if d <= ROUNDING => Ok(Put::Known(known.id)),
            difference => Err(StoreError::Conflict {
                file: file.to_owned(),
                run: known.id,
                other: origin.to_owned(),
                difference: difference.map_or_else(
                    || "more than rounding".to_owned(),
                    |d| format!("up to {d} logits"),
                ),
            }),
        };
    }
    let inputs: Vec<_> = cell
        .inputs
        .iter()
        .map(|i| (i.row, i.positive_is_a, i.positive_is_yes))
        .collect();
    let inputs = serde_json::to_string(&inputs).map_err(|e| StoreError::Database {
        file: file.to_owned(),
        reason: e.to_string(),
    })?;
    connection
        .execute(
            "INSERT INTO cell (key, model, config, vector, dataset, inputs, protocol, model_name,
                vector_name, dataset_name, block, multipliers, input_rows, propensities, created,
                program)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            params![
                digest,
                key.model,
                key.config,
                key.vector,
                key.dataset,
                key.inputs,
                key.protocol,
                cell.names.model,
                cell.names.vector,
                cell.names.dataset,
                i64::try_from(cell.block).unwrap_or(i64::MAX),
                to_blob(&cell.multipliers),
                inputs,
                to_blob(&cell.propensities),
                i64::try_from(cell.created).unwrap_or(i64::MAX),
                cell.program,
            ],
        )
        .map_err(|e| StoreError::of(file, &e))?;
    let run = connection.last_insert_rowid();
    summarise(connection, run, cell).map_err(|e| StoreError::of(file, &e))?;
    Ok(Put::New(run))
}

/// Keeps what a list shows of a cell beside it.
fn summarise(connection: &Connection, run: i64, cell: &Cell) -> rusqlite::Result<()> {
    let figures = cell.figures();
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    connection.execute(
        "INSERT INTO summary (run, n, finite, mean, anti, made, made_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            run,
            count(cell.inputs.len()),
            count(figures.finite),
            figures.mean,
            count(figures.anti_steerable),
            i64::try_from(cell.created).unwrap_or(i64::MAX),
            cell.program,
        ],
    )?;
    Ok(())
}
