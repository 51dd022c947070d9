//! Why the gateway cannot go on, for people.

use florin_client::ClientError;
use florin_history::sql::Failure;
use std::path::{Path, PathBuf};

/// A failure of the gateway itself. What is wrong with a message is an answer, not one of these.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The database does not answer.
    #[error("database {place}: {reason}; see that it runs and has room, nothing is lost")]
    Database {
        /// Where.
        place: String,
        /// What it says.
        reason: String,
    },
    /// What stands in the database is not what this program writes.
    #[error("database {place} is damaged ({what}): restore it from its backup before anything is sent again")]
    Damaged {
        /// Where.
        place: String,
        /// What was found.
        what: String,
    },
    /// The database belongs to another ledger.
    #[error("database {place} belongs to the ledger with genesis block {found}, not {expected}: name another database")]
    OtherLedger {
        /// Where.
        place: String,
        /// Genesis block in the database.
        found: String,
        /// Genesis block of this ledger.
        expected: String,
    },
    /// The node did not answer, or what it answered is not proven.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A file.
    #[error("{path} cannot be used: {error}; give this user the right to read, write and rename there")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The configuration.
    #[error("field {field}: {rule}")]
    Config {
        /// Field.
        field: String,
        /// The rule with its values.
        rule: String,
    },
    /// An answer that its own schema refuses: a fault of this program.
    #[error("an answer cannot be written: {0}; report this, with the message that it answers")]
    Answer(String),
    /// A test stopped it here.
    #[error("stopped at {0}")]
    Stopped(&'static str),
}

impl GatewayError {
    /// The permanent code of this failure.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Database { .. } => "gateway.database",
            Self::Damaged { .. } => "gateway.damaged",
            Self::OtherLedger { .. } => "gateway.other_ledger",
            Self::Client(error) => error.code(),
            Self::File { .. } => "gateway.file",
            Self::Config { .. } => "gateway.config",
            Self::Answer(_) => "gateway.answer",
            Self::Stopped(_) => "gateway.stopped",
        }
    }

    /// Whether going on makes no sense: a person has to look.
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::OtherLedger { .. } | Self::Config { .. } | Self::Stopped(_))
    }

    pub(crate) fn sql(place: &str, failure: Failure) -> Self {
        let place = place.to_owned();
        let database = |reason: String| Self::Database { place: place.clone(), reason };
        match failure {
            Failure::Damaged(what) => Self::Damaged { place, what },
            Failure::Database(error) => database(error.to_string()),
            Failure::Encoding(encoding) => Self::Config {
                field: "database".into(),
                rule: format!("{place} keeps text as {encoding}: create it with ENCODING 'UTF8'"),
            },
            Failure::TooSlow => database("no answer in time".into()),
            Failure::Search(reason) => database(reason),
            Failure::Cursor => database("no such cursor".into()),
        }
    }

    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |error| Self::File { path, error }
    }
}
