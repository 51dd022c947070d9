//! `florin key backup` and `florin key restore`: the key files of a node, as they lie there, in one sealed file.
//!
//! Each key file inside is still encrypted with its own passphrase; the backup never opens them. Around them stands a second
//! lock: an identity's recipient, or a passphrase. What is restored is written like every secret: new, closed to others.

use super::{Opening, recipients};
use crate::{
    envelope::{self, EnvelopeError, Identity, Key, Lock, is_sealed, open_bytes, seal_bytes},
    failure::Failure,
    files::{self, Audience, FILE_BYTES_MAX},
    key::{CostFlag, Keystore, accounts, keystore::KeyFile},
    node::directory::Directory,
    output::{self, Output},
    passphrase::PassphraseSource,
};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    io::Read as _,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

const FORMAT: u32 = 1;
/// Longest identity file and key backup.
const BACKUP_BYTES_MAX: u64 = FILE_BYTES_MAX;
/// Most files in a key backup.
const FILES_MAX: usize = 4_096;
const NODE_KEY: &str = "node.key.json";
const SHARE: &str = "share.key.json";
const GENESIS: &str = "genesis.json";
const KEYSTORE: &str = "keystore/";

/// Arguments of `florin key backup`.
#[derive(Debug, Args)]
pub(crate) struct KeyBackup {
    /// The node's directory: its key, its share, and genesis.json.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    accounts: Accounts,
    /// The file to be written.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Who can open it: `age1…`. May be given several times. Without it a passphrase opens it.
    #[arg(long = "recipient", value_name = "AGE")]
    recipients: Vec<String>,
    #[command(flatten)]
    cost: CostFlag,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// Arguments of `florin key restore`.
#[derive(Debug, Args)]
pub(crate) struct KeyRestore {
    /// The file that `florin key backup` wrote.
    #[arg(value_name = "FILE")]
    backup: PathBuf,
    /// The node's directory; made if it does not exist.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    accounts: Accounts,
    #[command(flatten)]
    opening: Opening,
}

/// Whether accounts are part of it.
#[derive(Debug, Args)]
struct Accounts {
    /// The accounts of the keystore too.
    #[arg(long)]
    accounts: bool,
    #[command(flatten)]
    keystore: Keystore,
}

impl Accounts {
    fn directory(&self) -> Result<Option<PathBuf>, Failure> {
        let named = self.accounts || self.keystore.directory.is_some();
        named.then(|| accounts::Store::open(&self.keystore).map(|store| store.directory().to_path_buf())).transpose()
    }
}

/// What stands in a key backup.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: u32,
    files: Vec<KeptFile>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptFile {
    name: String,
    text: String,
}

/// Runs `florin key backup`.
pub(crate) fn backup(command: &KeyBackup, output: Output) -> Result<(), Failure> {
    let mut kept = Vec::new();
    if let Some(root) = &command.dir {
        let directory = Directory::open(root)?;
        keep_key(&mut kept, NODE_KEY, &directory.node_key_path())?;
        if directory.share_path().exists() {
            keep_key(&mut kept, SHARE, &directory.share_path())?;
        }
        let genesis = root.join(GENESIS);
        if genesis.exists() {
            kept.push(KeptFile { name: GENESIS.into(), text: files::read_text(&genesis)? });
        }
    }
    if let Some(keystore) = command.accounts.directory()? {
        for path in key_files(&keystore)? {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            keep_key(&mut kept, &format!("{KEYSTORE}{name}"), &path)?;
        }
    }
    if kept.is_empty() {
        return Err(Failure::usage("key.backup", "nothing to back up was named", "give --dir DIR, --accounts or both"));
    }
    let lock = match recipients(&command.recipients)? {
        none if none.is_empty() => Lock::Passphrase(command.passphrase.new_key("the key backup")?, command.cost.cost()),
        recipients => Lock::Recipients(recipients),
    };
    let names: Vec<String> = kept.iter().map(|file| file.name.clone()).collect();
    let contents = serde_json::to_vec(&Contents { format: FORMAT, files: kept });
    let contents = contents.map(Zeroizing::new).map_err(|error| Failure::input("key.backup", error, "report this"))?;
    let sealed = seal_bytes(&lock, &contents).map_err(|error| Failure::input("key.backup", error, "try again"))?;
    files::write_new(&command.out, &sealed, Audience::Owner)?;
    output.show(&json!({ "path": command.out, "files": names }), || {
        format!(
            "{}\nEach key in it still needs its own passphrase. Keep this file apart from the backup of the ledger.\n",
            output::fields(&[("written", command.out.display().to_string()), ("holds", names.join(", "))])
        )
    })
}

/// Runs `florin key restore`.
pub(crate) fn restore(command: &KeyRestore, output: Output) -> Result<(), Failure> {
    let sealed = read(&command.backup)?;
    let key = match command.opening.identity {
        Some(_) => command.opening.key()?,
        None => None,
    };
    let key = match key {
        Some(key) => key,
        None => Key::Passphrase(command.opening.passphrase.existing("the key backup")?),
    };
    let opened = open_bytes(&key, &sealed, BACKUP_BYTES_MAX).map_err(|error| unopened(&command.backup, error))?;
    let contents = parse(&opened).map_err(|reason| damaged(&command.backup, reason))?;
    let places = places(command, &contents)?;
    // All or nothing: a name that is taken is found before anything is written.
    for (path, _) in &places {
        if path.exists() {
            return Err(Failure::writing(path, &std::io::ErrorKind::AlreadyExists.into()));
        }
    }
    for (path, file) in &places {
        files::make_directory(path.parent().unwrap_or(Path::new(".")))?;
        let audience = if file.name == GENESIS { Audience::Everyone } else { Audience::Owner };
        files::write_new(path, file.text.as_bytes(), audience)?;
    }
    let written: Vec<String> = places.iter().map(|(path, _)| path.display().to_string()).collect();
    output.show(&json!({ "files": written }), || {
        format!(
            "written: {}\nA validator with a restored key follows until it is certain that it votes for nothing twice.\n\
             Never run one node key on two machines.\n",
            written.join(", ")
        )
    })
}

/// Where each file goes.
fn places<'a>(command: &KeyRestore, contents: &'a Contents) -> Result<Vec<(PathBuf, &'a KeptFile)>, Failure> {
    let directory = command.dir.as_ref().map(|root| files::make_directory(root).and_then(|()| Directory::open(root)));
    let directory = directory.transpose()?;
    let keystore = command.accounts.directory()?;
    let mut places = Vec::new();
    for file in &contents.files {
        let path = match (file.name.strip_prefix(KEYSTORE), &directory) {
            (Some(name), _) => keystore.as_ref().map(|keystore| keystore.join(name)),
            (None, Some(directory)) if file.name == NODE_KEY => Some(directory.node_key_path()),
            (None, Some(directory)) if file.name == SHARE => Some(directory.share_path()),
            (None, Some(directory)) => Some(directory.root().join(GENESIS)),
            (None, None) => None,
        };
        places.extend(path.map(|path| (path, file)));
    }
    if places.is_empty() {
        let holds: Vec<&str> = contents.files.iter().map(|file| file.name.as_str()).collect();
        let message = format!("the backup holds {}, and nothing of it was asked for", holds.join(", "));
        return Err(Failure::usage("key.backup", message, "give --dir DIR for a node's keys, --accounts for accounts"));
    }
    Ok(places)
}

/// Reads the contents; only names that a backup of ours has, each once, so that nothing is written elsewhere.
fn parse(bytes: &[u8]) -> Result<Contents, String> {
    let contents: Contents = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if contents.format != FORMAT {
        return Err(format!("it has format {}, this program knows {FORMAT}", contents.format));
    }
    if contents.files.len() > FILES_MAX {
        return Err(format!("it holds {} files, at most {FILES_MAX}", contents.files.len()));
    }
    let mut seen = std::collections::BTreeSet::new();
    for file in &contents.files {
        let plain = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
        let known = match file.name.strip_prefix(KEYSTORE) {
            Some(name) => plain(name) && name.ends_with(".json"),
            None => [NODE_KEY, SHARE, GENESIS].contains(&file.name.as_str()),
        };
        if !known || !seen.insert(&file.name) {
            return Err(format!("it holds {:?}, which does not belong there", file.name));
        }
    }
    Ok(contents)
}

/// Keeps a key file, after a look at whether it is one.
fn keep_key(kept: &mut Vec<KeptFile>, name: &str, path: &Path) -> Result<(), Failure> {
    let text = files::read_text(path)?;
    KeyFile::parse(&text)
        .map_err(|failure| Failure { message: format!("{}: {}", path.display(), failure.message), ..failure })?;
    kept.push(KeptFile { name: name.into(), text });
    Ok(())
}

fn key_files(keystore: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(keystore).map_err(|error| Failure::reading(keystore, &error))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "json") && path.is_file()).collect();
    paths.sort();
    Ok(paths)
}

/// Reads an identity: as `florin backup identity` writes it, encrypted with a passphrase, or as `age-keygen` does, plain and
/// then closed to others.
pub(super) fn read_identity(path: &Path, passphrase: &PassphraseSource) -> Result<Identity, Failure> {
    let bytes = read(path)?;
    let text = if is_sealed(&bytes) {
        let key = Key::Passphrase(passphrase.existing("the identity")?);
        let opened = envelope::open_bytes(&key, &bytes, BACKUP_BYTES_MAX).map_err(|error| unopened(path, error))?;
        Zeroizing::new(String::from_utf8_lossy(&opened).into_owned())
    } else {
        files::read_secret(path)?
    };
    Identity::parse_file(&text).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        Failure::input("backup.identity", message, "give the file that `florin backup identity` wrote")
    })
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    let file = std::fs::File::open(path).map_err(|error| Failure::reading(path, &error))?;
    let read = file.take(BACKUP_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::reading(path, &error))?;
    if bytes.len() as u64 > BACKUP_BYTES_MAX {
        let message = format!("{} has more than {BACKUP_BYTES_MAX} bytes", path.display());
        return Err(Failure::input("file.large", message, "give the right file"));
    }
    Ok(bytes)
}

fn unopened(path: &Path, error: EnvelopeError) -> Failure {
    match error {
        EnvelopeError::NoMatch | EnvelopeError::Passphrase | EnvelopeError::OtherWay(_) => Failure::input(
            "backup.key",
            format_args!("{}: {error}", path.display()),
            "give the identity or passphrase it was made for; if you did, the file is damaged: take another copy",
        ),
        EnvelopeError::Io(error) => Failure::reading(path, &error),
        error => damaged(path, error),
    }
}

fn damaged(path: &Path, reason: impl std::fmt::Display) -> Failure {
    let message = format!("{} is damaged: {reason}", path.display());
    Failure::damaged("backup.damaged", message, "take another copy of this file")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Of a node with its account.
    fn archive(names: &[&str]) -> Vec<u8> {
        let file = |name: &&str| KeptFile { name: name.to_string(), text: "{}".into() };
        serde_json::to_vec(&Contents { format: FORMAT, files: names.iter().map(file).collect() }).unwrap()
    }

    proptest::proptest! {
        /// What is in it is written where its names say: never outside of the two directories.
        #[test]
        fn no_name_leads_elsewhere(name in "(keystore/)?[a-z./\\\\]{0,12}(\\.json)?", other in ".{0,30}") {
            for name in [name, format!("{KEYSTORE}{other}"), other] {
                let Ok(contents) = parse(&archive(&[&name])) else { continue };
                let kept = Path::new(contents.files[0].name.strip_prefix(KEYSTORE).unwrap_or(&contents.files[0].name));
                let parts: Vec<_> = kept.components().collect();
                proptest::prop_assert!(matches!(parts[..], [std::path::Component::Normal(_)]), "{}", name);
            }
        }

        #[test]
        fn a_damaged_archive_is_read_or_refused(
            bytes in crate::damage::near(archive(&[NODE_KEY, SHARE, GENESIS, "keystore/one.json"]))
        ) {
            if let Ok(contents) = parse(&bytes) {
                let names: std::collections::BTreeSet<&str> = contents.files.iter().map(|file| file.name.as_str()).collect();
                proptest::prop_assert_eq!(names.len(), contents.files.len(), "each once");
            }
        }
    }
}
