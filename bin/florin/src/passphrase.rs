//! Where passphrases come from: a file or descriptor, or a prompt without echo. Never an argument, never the
//! environment itself, never a log.

use crate::{failure::Failure, files};
use std::{
    io::{self, BufRead as _, IsTerminal as _, Read as _},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Fewest characters of a new passphrase: what stands between a stolen file and the money.
pub(crate) const PASSPHRASE_CHARS_MIN: usize = 8;

/// Where a passphrase is taken from.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct PassphraseSource {
    /// File that holds the passphrase, one line, readable by this user alone. `/dev/fd/3` reads an inherited
    /// descriptor, `-` standard input. Without it the program asks.
    #[arg(long, value_name = "FILE", env = "FLORIN_PASSPHRASE_FILE", hide_env_values = true)]
    pub(crate) passphrase_file: Option<PathBuf>,
}

impl PassphraseSource {
    /// From a file, for callers that hold a path.
    pub(crate) fn file(path: Option<PathBuf>) -> Self {
        Self { passphrase_file: path }
    }

    /// The passphrase of an existing key.
    pub(crate) fn existing(&self, what: &str) -> Result<Zeroizing<String>, Failure> {
        match &self.passphrase_file {
            Some(path) => from_file(path),
            None => prompt(&format!("Passphrase of {what}: ")),
        }
    }

    /// The passphrase of a new key: long enough, and asked for twice when a person types it.
    pub(crate) fn new_key(&self, what: &str) -> Result<Zeroizing<String>, Failure> {
        let passphrase = match &self.passphrase_file {
            Some(path) => from_file(path)?,
            None => {
                let first = prompt(&format!("New passphrase for {what}: "))?;
                if *prompt("The same again: ")? != *first {
                    return Err(Failure::input("passphrase.differs", "the two passphrases differ", "type it again"));
                }
                first
            }
        };
        let characters = passphrase.chars().count();
        if characters < PASSPHRASE_CHARS_MIN {
            return Err(Failure::input(
                "passphrase.short",
                format_args!("a passphrase has at least {PASSPHRASE_CHARS_MIN} characters, this one has {characters}"),
                "choose a longer one; a few random words are easy to keep",
            ));
        }
        Ok(passphrase)
    }
}

/// Reads the first line; the line end is no part of the passphrase.
fn from_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = if path == Path::new("-") {
        let mut line = Zeroizing::new(String::with_capacity(files::SECRET_BYTES_MAX + 1));
        io::stdin()
            .lock()
            .take(files::SECRET_BYTES_MAX as u64)
            .read_line(&mut line)
            .map_err(|error| Failure::reading(path, &error))?;
        line
    } else {
        files::read_secret(path)?
    };
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_string()))
}

fn prompt(question: &str) -> Result<Zeroizing<String>, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(
            "passphrase.absent",
            "a passphrase is needed and there is no terminal to ask on",
            "give --passphrase-file FILE (or /dev/fd/N), or set FLORIN_PASSPHRASE_FILE",
        ));
    }
    rpassword::prompt_password(question).map(Zeroizing::new).map_err(|error| {
        Failure::input("passphrase.prompt", format_args!("the passphrase cannot be read: {error}"), "try again")
    })
}
