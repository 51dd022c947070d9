//! What a person or a script is told when a command cannot do what it was asked.
//!
//! Every failure has a permanent code, the rule with its values, and the next step. The exit code says whose turn it
//! is: the caller's (2 usage, 3 input), the ledger's (4 refused), the network's (5 unavailable), the operator's
//! (6 damaged). A failure never shows a Rust debug form and never holds a secret.

use serde::Serialize;
use std::{fmt, io, path::Path};

/// Whose turn it is, as a process exit code. The numbers are permanent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Something this program did not foresee.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// A file or value that was given is wrong.
    Input = 3,
    /// The ledger refused or reverted.
    Refused = 4,
    /// Something that is needed cannot be reached, or is taken.
    Unavailable = 5,
    /// Stored data is damaged.
    Damaged = 6,
}

/// A failure for people and scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Failure {
    /// Permanent name, such as `keystore.passphrase`.
    pub(crate) code: String,
    /// The rule, with the values.
    pub(crate) message: String,
    /// What to do now.
    pub(crate) next: String,
    /// Exit code of the process.
    #[serde(skip)]
    pub(crate) exit: Exit,
}

impl Failure {
    /// A failure of one kind.
    pub(crate) fn new(exit: Exit, code: &str, message: impl fmt::Display, next: impl fmt::Display) -> Self {
        Self { code: code.into(), message: message.to_string(), next: next.to_string(), exit }
    }

    /// The command line or the configuration is wrong.
    pub(crate) fn usage(code: &str, message: impl fmt::Display, next: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, code, message, next)
    }

    /// A file or value that was given is wrong.
    pub(crate) fn input(code: &str, message: impl fmt::Display, next: impl fmt::Display) -> Self {
        Self::new(Exit::Input, code, message, next)
    }

    /// The ledger refused or reverted.
    pub(crate) fn refused(code: &str, message: impl fmt::Display, next: impl fmt::Display) -> Self {
        Self::new(Exit::Refused, code, message, next)
    }

    /// Something that is needed cannot be reached, or is taken.
    pub(crate) fn unavailable(code: &str, message: impl fmt::Display, next: impl fmt::Display) -> Self {
        Self::new(Exit::Unavailable, code, message, next)
    }

    /// Stored data is damaged.
    pub(crate) fn damaged(code: &str, message: impl fmt::Display, next: impl fmt::Display) -> Self {
        Self::new(Exit::Damaged, code, message, next)
    }

    /// A file could not be read.
    pub(crate) fn reading(path: &Path, error: &io::Error) -> Self {
        let next = match error.kind() {
            io::ErrorKind::NotFound => "check the path",
            io::ErrorKind::PermissionDenied => "give this user the right to read it",
            _ => "check the disk and try again",
        };
        Self::input("file.read", format_args!("{} cannot be read: {error}", path.display()), next)
    }

    /// A file could not be written.
    pub(crate) fn writing(path: &Path, error: &io::Error) -> Self {
        let (code, next) = match error.kind() {
            io::ErrorKind::AlreadyExists => {
                ("file.exists", "nothing is ever overwritten: choose another name, or move the file away yourself")
            }
            io::ErrorKind::PermissionDenied => ("file.write", "give this user the right to write there"),
            io::ErrorKind::NotFound => ("file.write", "make the directory first"),
            _ => ("file.write", "check the disk and try again"),
        };
        Self::input(code, format_args!("{} cannot be written: {error}", path.display()), next)
    }

    /// Shows the failure on standard error: three lines for people, one line of JSON for scripts.
    pub(crate) fn show(&self, json: bool) {
        use io::Write as _;
        let mut stderr = io::stderr().lock();
        // When standard error itself is gone there is nobody left to tell; the exit code still speaks.
        let _ = if json {
            let value = serde_json::json!({ "error": self });
            writeln!(stderr, "{value}")
        } else {
            writeln!(stderr, "error: {}\n  next: {}\n  code: {}", self.message, self.next, self.code)
        };
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({}; {})", self.message, self.next, self.code)
    }
}

impl std::error::Error for Failure {}
