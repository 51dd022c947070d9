//! A node's directory: what stands where, and who holds it.
//!
//! ```text
//! DIR/genesis.json       what all nodes agree on
//! DIR/config.toml        what this machine decides (optional)
//! DIR/node.key.json      the node's key, encrypted
//! DIR/share.key.json     a validator's threshold share, encrypted
//! DIR/data/              everything stored
//! DIR/data/votes.json    a validator's: whether it knows all its votes
//! DIR/data/restoring/    a restore that is not finished: no node starts
//! DIR/data/restore.json  the same: everything is there, and is being put in its place
//! DIR/data.lock          held by the process that uses data/
//! ```

use crate::{
    config::Config,
    failure::Failure,
    files::{self, Audience, Lock},
    key::keystore::{Cost, KeyFile, Kind},
    node::votes,
    passphrase::PassphraseSource,
};
use alloy_primitives::B256;
use florin_consensus::{NodeSecret, ThresholdShare};
use florin_types::Genesis;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Name of the mark in the data directory of a restore that has yet to put everything in its place.
pub(crate) const RESTORE_MARK: &str = "restore.json";

/// A node's directory with its configuration.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    root: PathBuf,
    config: Config,
}

impl Directory {
    /// Opens a directory; an absent `config.toml` means the defaults.
    pub(crate) fn open(root: &Path) -> Result<Self, Failure> {
        Self::open_with(root, environment()?)
    }

    /// Opens a directory of the demo, whose layout is its own: what the operator exported for another node is not for it.
    pub(crate) fn open_as_it_is(root: &Path) -> Result<Self, Failure> {
        Self::open_with(root, Vec::new())
    }

    fn open_with(root: &Path, environment: Vec<(String, String)>) -> Result<Self, Failure> {
        if !root.is_dir() {
            return Err(Failure::input(
                "node.directory",
                format_args!("{} is not a directory", root.display()),
                "make it with `florin key node --dir DIR` and put genesis.json into it",
            ));
        }
        let path = root.join("config.toml");
        let config = if path.exists() {
            Config::load(&path, environment.into_iter())?
        } else {
            Config::parse("", "the defaults", environment.into_iter())?
        };
        Ok(Self { root: root.into(), config })
    }

    /// The configuration in force.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The directory itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Directory of stored data.
    pub(crate) fn data(&self) -> PathBuf {
        self.root.join(&self.config.storage.directory)
    }

    /// Where `florin restore` works until all is there.
    pub(crate) fn restoring(&self) -> PathBuf {
        self.data().join("restoring")
    }

    /// Path of the node's key file.
    pub(crate) fn node_key_path(&self) -> PathBuf {
        self.root.join(&self.config.keys.node)
    }

    /// Path of the share's key file.
    pub(crate) fn share_path(&self) -> PathBuf {
        self.root.join(&self.config.keys.share)
    }

    /// The genesis file.
    pub(crate) fn genesis(&self) -> Result<Genesis, Failure> {
        crate::genesis::read(&self.root.join("genesis.json"))
    }

    /// The passphrase source: the command line's wins over the configuration's.
    pub(crate) fn passphrase_source(&self, given: &PassphraseSource) -> PassphraseSource {
        let configured = self.config.keys.passphrase_file.as_ref().map(|path| self.root.join(path));
        PassphraseSource::file(given.passphrase_file.clone().or(configured))
    }

    /// Public half of the node's key, read without the passphrase.
    pub(crate) fn node_public_key(&self) -> Result<B256, Failure> {
        let path = self.node_key_path();
        let file = KeyFile::parse(&files::read_text(&path)?)?;
        let public = file.public_key.as_deref().and_then(|digits| digits.parse::<B256>().ok());
        public.filter(|_| file.kind == Some(Kind::NodeKey)).ok_or_else(|| {
            Failure::input(
                "key.kind",
                format_args!("{} does not hold a node key", path.display()),
                "make one with `florin key node --dir DIR`",
            )
        })
    }

    /// Makes and keeps a new node key.
    pub(crate) fn create_node_key(&self, passphrase: &str, cost: Cost) -> Result<NodeSecret, Failure> {
        let secret = NodeSecret::generate();
        let file =
            KeyFile::encrypt(&secret.to_bytes(), passphrase, cost)?.for_kind(Kind::NodeKey, Some(secret.public_key()));
        files::write_new(&self.node_key_path(), file.to_text()?.as_bytes(), Audience::Owner)?;
        Ok(secret)
    }

    /// Keeps a threshold share that was made just now. That it has signed nothing is noted first: a share without the note
    /// would wait for a network that waits for it. And only where there is no share yet, of which it would not be true.
    pub(crate) fn save_share(&self, share: &ThresholdShare, passphrase: &str, cost: Cost) -> Result<(), Failure> {
        let file = KeyFile::encrypt(&share.to_bytes(), passphrase, cost)?.for_kind(Kind::ThresholdShare, None);
        if self.share_path().exists() {
            return Err(Failure::writing(&self.share_path(), &std::io::ErrorKind::AlreadyExists.into()));
        }
        votes::share_is_made(&self.data(), self.node_public_key()?)?;
        files::write_new(&self.share_path(), file.to_text()?.as_bytes(), Audience::Owner)
    }

    /// Decrypts the node's key.
    pub(crate) fn node_secret(&self, passphrase: &str) -> Result<NodeSecret, Failure> {
        let bytes = decrypt(&self.node_key_path(), Kind::NodeKey, passphrase)?;
        NodeSecret::from_bytes(&bytes)
            .map_err(|error| Failure::damaged("key.node", error, "take the node key file from a backup"))
    }

    /// Decrypts the share, if there is one.
    pub(crate) fn share(&self, passphrase: &str) -> Result<Option<ThresholdShare>, Failure> {
        let path = self.share_path();
        if !path.exists() {
            return Ok(None);
        }
        let bytes = decrypt(&path, Kind::ThresholdShare, passphrase)?;
        ThresholdShare::from_bytes(&bytes).map(Some).map_err(|error| {
            Failure::damaged("key.share", error, "take the share's key file from a backup, or hold a new ceremony")
        })
    }

    /// Takes the data directory for this process until the lock is dropped (or the process ends, however it ends).
    pub(crate) fn lock(&self) -> Result<Lock, Failure> {
        if self.restoring().exists() || self.data().join(RESTORE_MARK).exists() {
            return Err(Failure::input(
                "restore.unfinished",
                format_args!("{} holds an unfinished restore", self.data().display()),
                "finish it with the `florin restore` that began it, or empty the directory and begin anew",
            ));
        }
        self.lock_for_restore()
    }

    /// The same while the data is being restored.
    pub(crate) fn lock_for_restore(&self) -> Result<Lock, Failure> {
        let data = self.data();
        files::make_directory(&data)?;
        files::lock(&data.with_extension("lock"), &data)
    }
}

/// The environment as text; what is no text cannot be ours, unless it bears our prefix.
fn environment() -> Result<Vec<(String, String)>, Failure> {
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => variables.push((name, value)),
            (Ok(name), Err(_)) if name.starts_with(crate::config::ENVIRONMENT_PREFIX) => {
                let message = format!("environment variable {name} is not UTF-8");
                return Err(Failure::usage("config.environment", message, "set it to a text"));
            }
            _ => {}
        }
    }
    Ok(variables)
}

fn decrypt(path: &Path, kind: Kind, passphrase: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let named = |failure: Failure| Failure { message: format!("{}: {}", path.display(), failure.message), ..failure };
    let file = KeyFile::parse(&files::read_text(path)?).map_err(named)?;
    if file.kind != Some(kind) {
        let message = format!("{} does not hold a {}", path.display(), kind.name());
        return Err(Failure::input("key.kind", message, "check [keys] in config.toml"));
    }
    file.decrypt(passphrase).map_err(named)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A directory with a node key, and a share for it.
    fn validator(root: &Path) -> (Directory, ThresholdShare) {
        let directory = Directory::open_as_it_is(root).unwrap();
        let key = directory.create_node_key("passphrase", Cost::Light).unwrap().public_key();
        let share = florin_consensus::deal(&[key]).unwrap().shares.remove(0).1;
        (directory, share)
    }

    #[test]
    fn no_share_is_written_without_the_note_that_it_is_new() {
        let root = tempfile::tempdir().unwrap();
        let (directory, share) = validator(root.path());
        // The note cannot be written: where its directory belongs there is a file.
        std::fs::write(directory.data(), "in the way").unwrap();
        directory.save_share(&share, "passphrase", Cost::Light).unwrap_err();
        assert!(!directory.share_path().exists());
        std::fs::remove_file(directory.data()).unwrap();
        directory.save_share(&share, "passphrase", Cost::Light).unwrap();
        assert_eq!(votes::look(&directory.data(), directory.node_public_key().unwrap()).unwrap(), votes::Known::None);
    }

    #[test]
    fn a_share_that_is_there_is_not_called_new() {
        let root = tempfile::tempdir().unwrap();
        let (directory, share) = validator(root.path());
        directory.save_share(&share, "passphrase", Cost::Light).unwrap();
        votes::forget(&directory.data()).unwrap();
        let again = directory.save_share(&share, "passphrase", Cost::Light).unwrap_err();
        assert_eq!(again.code, "file.exists");
        assert_eq!(votes::look(&directory.data(), directory.node_public_key().unwrap()).unwrap(), votes::Known::Not);
    }
}
