//! What can go wrong with a store.

/// A store that cannot be opened, read or written. Measuring goes on without it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No file where one was named.
    #[error("there is no run store '{file}'; check the path, or measure something first")]
    Missing {
        /// File.
        file: String,
    },
    /// Written by a later version of the program.
    #[error(
        "'{file}' has layout {found}, this program (version {program}) knows layouts up to {known}; use the newer steerscope that wrote it"
    )]
    Newer {
        /// File.
        file: String,
        /// Its layout.
        found: i64,
        /// Newest layout known here.
        known: i64,
        /// This program.
        program: &'static str,
    },
    /// A database of something else, or no database.
    #[error("'{file}' is no run store of steerscope ({found}); name another file with --store")]
    Foreign {
        /// File.
        file: String,
        /// What it is.
        found: String,
    },
    /// The disk is full, or the store has reached its size limit.
    #[error(
        "'{file}' cannot grow: {reason}; make room, or remove old results with 'steerscope runs gc'"
    )]
    Full {
        /// File.
        file: String,
        /// The library's words.
        reason: String,
    },
    /// No permission to write or to create the file.
    #[error("'{file}' cannot be written ({reason}); name a file in a writable folder with --store")]
    ReadOnly {
        /// File.
        file: String,
        /// The library's or system's words.
        reason: String,
    },
    /// Another process held the store for longer than we wait.
    #[error("'{file}' is in use by another program; try again when it is done")]
    Busy {
        /// File.
        file: String,
    },
    /// Content that this program does not write.
    #[error(
        "run {run} of '{file}' is damaged ({what}); remove it with 'steerscope runs gc --run {run}' and measure again"
    )]
    Damaged {
        /// File.
        file: String,
        /// Number of the run in its store.
        run: i64,
        /// What is wrong.
        what: String,
    },
    /// The same key with other numbers.
    #[error(
        "the same measurement has two results that differ by {difference}: run {run} of '{file}' and {other}; remove the wrong one with 'steerscope runs gc --run'"
    )]
    Conflict {
        /// File.
        file: String,
        /// Number of the run in it.
        run: i64,
        /// The other result.
        other: String,
        /// How much, in words.
        difference: String,
    },
    /// A cell without one propensity for each input and multiplier.
    #[error(
        "a result with {got} figures for {inputs} inputs and {multipliers} multipliers cannot be stored; this is a defect in steerscope, please report it"
    )]
    Shape {
        /// Figures.
        got: usize,
        /// Inputs.
        inputs: usize,
        /// Multipliers.
        multipliers: usize,
    },
    /// No such run.
    #[error("'{file}' has no run '{run}'; 'steerscope runs list' shows them")]
    Unknown {
        /// File.
        file: String,
        /// What was asked for.
        run: String,
    },
    /// An export that could not be written.
    #[error("the export could not be written: {reason}")]
    Export {
        /// The library's words.
        reason: String,
    },
    /// Anything else that the database library reports.
    #[error("'{file}': {reason}; if this lasts, move the file away and a new one is made")]
    Database {
        /// File.
        file: String,
        /// The library's words.
        reason: String,
    },
}

impl StoreError {
    /// Stable kebab-case id.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "store-missing",
            Self::Newer { .. } => "store-newer",
            Self::Foreign { .. } => "store-foreign",
            Self::Full { .. } => "store-full",
            Self::ReadOnly { .. } => "store-read-only",
            Self::Busy { .. } => "store-busy",
            Self::Damaged { .. } => "store-damaged",
            Self::Conflict { .. } => "store-conflict",
            Self::Shape { .. } => "store-shape",
            Self::Unknown { .. } => "store-run-unknown",
            Self::Export { .. } => "store-export",
            Self::Database { .. } => "store-database",
        }
    }

    /// The kind that an error of the database library is.
    pub(super) fn of(file: &str, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let (file, reason) = (file.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { file, reason },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::ReadOnly { file, reason }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { file },
            Some(ErrorCode::NotADatabase) => Self::Foreign {
                file,
                found: "it is no SQLite database".to_owned(),
            },
            _ => Self::Database { file, reason },
        }
    }
}
