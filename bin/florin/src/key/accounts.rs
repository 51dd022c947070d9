//! Accounts: secp256k1 keys by name in a keystore directory.

use super::{
    Keystore,
    keystore::{Cost, KeyFile},
    mnemonic, pkcs11,
};
use crate::{
    failure::Failure,
    files::{self, Audience},
    output,
    passphrase::PassphraseSource,
};
use alloy_primitives::Address;
use florin_client::Signer;
use serde::Serialize;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Longest name of an account.
const NAME_CHARS_MAX: usize = 64;

/// A signer from 32 bytes.
fn signer(bytes: &[u8]) -> Result<Signer, Failure> {
    let wrong = |reason: &dyn std::fmt::Display| {
        Failure::input("key.secret", reason, "give 64 hexadecimal digits, as wallets export them")
    };
    let secret: Zeroizing<[u8; 32]> = match bytes.try_into() {
        Ok(secret) => Zeroizing::new(secret),
        Err(_) => return Err(wrong(&format_args!("a private key has 32 bytes, this one {}", bytes.len()))),
    };
    Signer::from_bytes(secret).map_err(|error| wrong(&error))
}

/// From a file with a private key in hexadecimal.
pub(crate) fn from_private_key_file(path: &Path) -> Result<Signer, Failure> {
    let text = files::read_secret(path)?;
    let digits = text.trim().trim_start_matches("0x");
    let bytes = hex::decode(digits).map(Zeroizing::new).map_err(|_| {
        let message = format!("{} does not hold 64 hexadecimal digits", path.display());
        Failure::input("key.secret", message, "give a file with the private key and nothing else")
    })?;
    signer(&bytes)
}

/// From a file with a BIP-39 phrase.
pub(crate) fn from_phrase_file(path: &Path, index: u32) -> Result<Signer, Failure> {
    let text = files::read_secret(path)?;
    let phrase = Zeroizing::new(text.split_whitespace().collect::<Vec<_>>().join(" "));
    mnemonic::derive(&phrase, "", index)
}

/// From an encrypted key file of an account.
pub(crate) fn from_key_file(path: &Path, passphrase: &PassphraseSource) -> Result<Signer, Failure> {
    let file = KeyFile::parse(&files::read_text(path)?)?;
    if let Some(kind) = file.kind {
        let message = format!("{} holds a {}, not an account", path.display(), kind.name());
        return Err(Failure::input("key.kind", message, "give an account's key file"));
    }
    let secret = file.decrypt(&passphrase.existing(&path.display().to_string())?)?;
    let signer = signer(&secret)?;
    match &file.address {
        Some(named) if named.trim_start_matches("0x").to_lowercase() != hex::encode(signer.address()) => {
            let message = format!("{} names address {named} but holds {}", path.display(), signer.address());
            Err(Failure::input("keystore.address", message, "the file was changed: take it from a backup"))
        }
        _ => Ok(signer),
    }
}

/// The account of this name: in a device (`pkcs11:…`), in the keystore, or in a key file.
pub(crate) fn named(name: &str, store: &Store, passphrase: &PassphraseSource) -> Result<Signer, Failure> {
    if name.starts_with(pkcs11::SCHEME) {
        return pkcs11::open(name, passphrase);
    }
    from_key_file(&store.find(name)?.path, passphrase)
}

/// The secret of an account; one in a device has none to give.
pub(crate) fn secret(signer: &Signer) -> Result<&Zeroizing<[u8; 32]>, Failure> {
    signer.secret().ok_or_else(|| {
        let message = format!("the key of {} is in a device, which never gives it away", signer.address());
        Failure::input("key.device", message, "use the account where it is")
    })
}

/// A secret in hexadecimal, for people who asked for it.
pub(crate) fn secret_hex(signer: &Signer) -> Result<Zeroizing<String>, Failure> {
    let digits = Zeroizing::new(hex::encode(secret(signer)?.as_slice()));
    Ok(Zeroizing::new(["0x", digits.as_str()].concat()))
}

/// An account in a keystore, without its secret.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Saved {
    /// Its name.
    pub(crate) name: String,
    /// Its address.
    pub(crate) address: String,
    /// Its key file.
    pub(crate) path: PathBuf,
}

impl Saved {
    /// For people.
    pub(crate) fn text(&self) -> String {
        output::fields(&[
            ("name", self.name.clone()),
            ("address", self.address.clone()),
            ("key file", self.path.display().to_string()),
        ])
    }
}

/// A keystore directory.
#[derive(Debug)]
pub(crate) struct Store {
    directory: PathBuf,
}

impl Store {
    /// The directory that was named, or the default one.
    pub(crate) fn open(keystore: &Keystore) -> Result<Self, Failure> {
        if let Some(directory) = &keystore.directory {
            return Ok(Self { directory: directory.clone() });
        }
        let home = std::env::var_os("HOME").ok_or_else(|| {
            Failure::usage(
                "keystore.directory",
                "HOME is not set, so there is no default keystore",
                "give --keystore DIR or set FLORIN_KEYSTORE",
            )
        })?;
        Ok(Self { directory: Path::new(&home).join(".florin").join("keystore") })
    }

    /// A directory that is known.
    pub(crate) fn at(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Where it is.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    fn path(&self, name: &str) -> Result<PathBuf, Failure> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let length = name.chars().count();
        if length == 0 || length > NAME_CHARS_MAX || name.starts_with('.') || !name.chars().all(allowed) {
            let shown: String = name.chars().take(NAME_CHARS_MAX).collect();
            return Err(Failure::usage(
                "key.name",
                format_args!("{shown:?} is no name: 1 to {NAME_CHARS_MAX} letters, digits, '-', '_' or '.'"),
                "choose another name",
            ));
        }
        Ok(self.directory.join(format!("{name}.json")))
    }

    /// Fails early when a name is taken, before anyone types a passphrase.
    pub(crate) fn check_free(&self, name: &str) -> Result<(), Failure> {
        let path = self.path(name)?;
        if path.exists() {
            return Err(Failure::writing(&path, &std::io::ErrorKind::AlreadyExists.into()));
        }
        Ok(())
    }

    /// Encrypts and keeps an account.
    pub(crate) fn save(&self, name: &str, account: &Signer, passphrase: &str, cost: Cost) -> Result<Saved, Failure> {
        let path = self.path(name)?;
        let file = KeyFile::encrypt(secret(account)?.as_slice(), passphrase, cost)?.for_account(account.address());
        files::make_directory(&self.directory)?;
        files::write_new(&path, file.to_text()?.as_bytes(), Audience::Owner)?;
        Ok(Saved { name: name.into(), address: account.address().to_string(), path })
    }

    /// An account by name, or by the path of its file.
    pub(crate) fn find(&self, name: &str) -> Result<Saved, Failure> {
        let path = match self.path(name) {
            Ok(path) if path.exists() => path,
            _ if Path::new(name).is_file() => PathBuf::from(name),
            Ok(path) => {
                let message = format!("there is no account {name:?}: {} does not exist", path.display());
                return Err(Failure::input("key.unknown", message, "see `florin key list`"));
            }
            Err(failure) => return Err(failure),
        };
        self.describe(&path)
    }

    /// Every account, by name.
    pub(crate) fn list(&self) -> Result<Vec<Saved>, Failure> {
        let entries = match std::fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::reading(&self.directory, &error)),
        };
        let mut listed = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| Failure::reading(&self.directory, &error))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                listed.push(self.describe(&path)?);
            }
        }
        listed.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(listed)
    }

    fn describe(&self, path: &Path) -> Result<Saved, Failure> {
        let file = KeyFile::parse(&files::read_text(path)?)
            .map_err(|failure| Failure { message: format!("{}: {}", path.display(), failure.message), ..failure })?;
        let address = file
            .address
            .and_then(|digits| hex::decode(digits.trim_start_matches("0x")).ok())
            .filter(|bytes| bytes.len() == 20)
            .map_or_else(|| "not named in the file".into(), |bytes| Address::from_slice(&bytes).to_string());
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Saved { name, address, path: path.into() })
    }
}
