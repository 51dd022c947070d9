//! Where a history is kept: a file of SQLite, or a database of PostgreSQL named by a URL.

use crate::{HistoryError, database::Failure};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::{
    fmt::{self, Display, Formatter},
    path::PathBuf,
};

/// What a URL may say after its question mark. Others are refused: a misspelt one would be passed over, and a password
/// does not belong there.
const PARAMETERS: [&str; 6] = ["sslmode", "sslrootcert", "sslcert", "sslkey", "host", "application_name"];

/// Where a history is kept. Shown without the password.
#[derive(Clone)]
pub enum Location {
    /// SQLite, in this file.
    Sqlite(PathBuf),
    /// PostgreSQL: a database of its own.
    Postgres(Box<PgConnectOptions>),
}

impl Location {
    /// Reads `postgres://user@host:port/database?sslmode=...`, or the name of a file, which `sqlite:` may precede.
    ///
    /// The password comes apart from the URL, which people see in lists of processes and in logs. A server that is not
    /// reached through a socket in the file system must show a certificate for its name (`sslmode=verify-full`), issued
    /// under `sslrootcert` or a public root, unless the URL says otherwise.
    pub fn parse(url: &str, password: Option<&str>) -> Result<Self, HistoryError> {
        let invalid = |reason: &str| HistoryError::Url { reason: reason.into() };
        let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        if !is_postgres {
            let file = url.strip_prefix("sqlite:").map_or(url, |rest| rest.strip_prefix("//").unwrap_or(rest));
            if file.is_empty() || file.contains("://") {
                return Err(invalid("it begins with neither postgres:// nor sqlite: and is no file"));
            }
            return Ok(Self::Sqlite(file.into()));
        }
        let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
        let user = address.split_once("://").and_then(|(_, rest)| rest.split_once('@')).map_or("", |(user, _)| user);
        if user.contains(':') {
            return Err(invalid("it has a password: put that into a file of its own"));
        }
        let named = |name: &str| parameters.split('&').any(|pair| pair.split('=').next() == Some(name));
        if parameters.split('&').any(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            !name.is_empty() && !PARAMETERS.contains(&name)
        }) {
            return Err(invalid("after ? it may say sslmode, sslrootcert, sslcert, sslkey, host, application_name"));
        }
        let mut options: PgConnectOptions = url.parse().map_err(|_| invalid("it is no URL of PostgreSQL"))?;
        if let Some(password) = password {
            options = options.password(password);
        }
        if !named("sslmode") {
            let mode = if options.get_socket().is_some() { PgSslMode::Disable } else { PgSslMode::VerifyFull };
            options = options.ssl_mode(mode);
        }
        Ok(Self::Postgres(Box::new(options)))
    }

    /// A failure of the database with its place.
    pub(crate) fn error(&self, source: sqlx::Error) -> HistoryError {
        HistoryError::Database { place: self.to_string(), source }
    }

    /// The same for a failure of a query, which had so many milliseconds.
    pub(crate) fn failure(&self, failure: Failure, milliseconds: u128) -> HistoryError {
        match failure {
            Failure::TooSlow => HistoryError::TooSlow { milliseconds },
            Failure::Search(reason) => HistoryError::Search { reason },
            Failure::Cursor => HistoryError::Cursor,
            Failure::Encoding(encoding) => HistoryError::Encoding { place: self.to_string(), encoding },
            Failure::Damaged(what) => HistoryError::Damaged { place: self.to_string(), what },
            Failure::Database(source) => self.error(source),
        }
    }
}

impl Display for Location {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(formatter, "{}", file.display()),
            Self::Postgres(options) => {
                let host = options.get_socket().map_or(options.get_host().into(), |path| path.display().to_string());
                let database = options.get_database().unwrap_or(options.get_username());
                write!(formatter, "postgres://{host}:{}/{database}", options.get_port())
            }
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}
