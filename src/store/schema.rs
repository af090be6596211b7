//! The layout of the database: created, recognised, and brought up to date.

use rusqlite::{Connection, TransactionBehavior};

use super::error::StoreError;

/// Layout this program writes: the number of migrations.
pub const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// Marks the file as ours ("strs"), so that nothing else is ever changed.
const APPLICATION_ID: i64 = 0x7374_7273;

/// Each entry turns the layout of its index into the next; entries are never edited, only added.
const MIGRATIONS: &[&str] = &[
    "CREATE TABLE cell (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL UNIQUE,
        model TEXT NOT NULL,
        config TEXT NOT NULL,
        vector TEXT NOT NULL,
        dataset TEXT NOT NULL,
        inputs TEXT NOT NULL,
        protocol TEXT NOT NULL,
        model_name TEXT NOT NULL,
        vector_name TEXT NOT NULL,
        dataset_name TEXT NOT NULL,
        block INTEGER NOT NULL,
        multipliers BLOB NOT NULL,
        input_rows TEXT NOT NULL,
        propensities BLOB NOT NULL,
        created INTEGER NOT NULL,
        program TEXT NOT NULL
    ) STRICT",
    "CREATE INDEX cell_by_time ON cell (created, id)",
    // What a list shows, apart from the figures it is made of: cells of older layouts have no row here.
    "CREATE TABLE summary (
        run INTEGER PRIMARY KEY REFERENCES cell (id) ON DELETE CASCADE,
        n INTEGER NOT NULL,
        finite INTEGER NOT NULL,
        mean REAL,
        anti INTEGER NOT NULL,
        made INTEGER NOT NULL,
        made_by TEXT NOT NULL
    ) STRICT",
    // What is no table of propensities: controls, calibrations, taxes.
    "CREATE TABLE answer (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        details TEXT NOT NULL,
        model TEXT NOT NULL,
        config TEXT NOT NULL,
        vector TEXT NOT NULL,
        dataset TEXT NOT NULL,
        inputs TEXT NOT NULL,
        protocol TEXT NOT NULL,
        model_name TEXT NOT NULL,
        vector_name TEXT NOT NULL,
        dataset_name TEXT NOT NULL,
        block INTEGER NOT NULL,
        answer TEXT NOT NULL,
        created INTEGER NOT NULL,
        program TEXT NOT NULL
    ) STRICT",
];

/// Recognises the file and brings its layout up to date, all or nothing.
pub(super) fn prepare(connection: &mut Connection, file: &str) -> Result<(), StoreError> {
    let fault = |e: rusqlite::Error| StoreError::of(file, &e);
    if check(connection, file)? == SCHEMA_VERSION {
        return Ok(());
    }
    // Another process may be doing the same: what is to be done is decided under the lock.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(fault)?;
    let version = look(&transaction, file)?;
    for migration in MIGRATIONS
        .iter()
        .skip(usize::try_from(version).unwrap_or(0))
    {
        transaction.execute_batch(migration).map_err(fault)?;
    }
    transaction
        .pragma_update(None, "user_version", SCHEMA_VERSION)
        .and_then(|()| transaction.pragma_update(None, "application_id", APPLICATION_ID))
        .map_err(fault)?;
    transaction.commit().map_err(fault)
}

/// The file's layout, 0 for a new one; refuses files of other programs and of newer ones.
pub(super) fn check(connection: &Connection, file: &str) -> Result<i64, StoreError> {
    // One snapshot: another process may be making the store at this moment.
    let snapshot = connection
        .unchecked_transaction()
        .map_err(|e| StoreError::of(file, &e))?;
    look(&snapshot, file)
}

fn look(connection: &Connection, file: &str) -> Result<i64, StoreError> {
    let fault = |e: rusqlite::Error| StoreError::of(file, &e);
    let number = |name: &str| connection.pragma_query_value(None, name, |r| r.get::<_, i64>(0));
    let found = number("user_version").map_err(fault)?;
    let ours = number("application_id").map_err(fault)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))
        .map_err(fault)?;
    let new = found == 0 && ours == 0 && tables == 0;
    if !new && ours != APPLICATION_ID {
        return Err(StoreError::Foreign {
            file: file.to_owned(),
            found: "a database of another program".to_owned(),
        });
    }
    if found > SCHEMA_VERSION {
        return Err(StoreError::Newer {
            file: file.to_owned(),
            found,
            known: SCHEMA_VERSION,
            program: env!("CARGO_PKG_VERSION"),
        });
    }
    Ok(found.max(0))
}
