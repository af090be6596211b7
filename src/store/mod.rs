//! The run store: every measured cell in an embedded `SQLite` database, found again by content.
//!
//! A cell is what one protocol gives on one model, vector and data set: the propensities of all
//! inputs at all multipliers. Its [`Key`] is the SHA-256 of everything the numbers depend on, so that
//! a changed field or another revision of a model never finds an older result. Each cell is one
//! transaction: a process that is killed loses the cell under way and nothing else. What is no table of
//! propensities (controls, calibrations) is kept beside the cells as an answer to its [`Question`].

mod answer;
mod cell;
mod error;
mod export;
mod gc;
mod keeping;
mod key;
mod list;
mod merge;
mod open;
mod schema;

pub use answer::Question;
pub use cell::{Cell, Input, Names};
pub use error::StoreError;
pub use export::{Column, Data, ExportFormat, Exporter, Table};
pub use gc::Expiry;
pub use keeping::Keeping;
pub use key::Key;
pub use list::{Entry, Filter, Record};
pub use merge::Merged;
pub use open::{Put, Store};
pub use schema::SCHEMA_VERSION;

/// File name of the store in the user's data directory.
pub const FILE_NAME: &str = "runs.sqlite";
