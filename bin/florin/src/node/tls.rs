//! Certificates of the public ports: read from files, and read again when the files change.
//!
//! Whoever renews certificates writes the two files; the node looks every [`LOOK_INTERVAL`] and shows new connections what it
//! finds. A pair that cannot be used is named in the log, and the one before stays in use; it is looked at again until it can
//! be used, since a file's owner or mode may be all that is wrong with it.

use crate::{failure::Failure, files};
use florin_rpc::Tls;
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// How often the files are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// The two files of one port.
#[derive(Debug)]
struct Files {
    /// Section of the configuration, for messages.
    section: &'static str,
    certificate: PathBuf,
    key: PathBuf,
}

/// When and how long each file is: what changes when either is written.
type Stamp = [Option<(SystemTime, u64)>; 2];

/// The certificate of a port, which follows its files from now on; `None` where the configuration names none.
pub(crate) fn open(
    root: &Path,
    section: &'static str,
    (certificate, key): (&Option<PathBuf>, &Option<PathBuf>),
) -> Result<Option<Tls>, Failure> {
    let (Some(certificate), Some(key)) = (certificate, key) else { return Ok(None) };
    let files = Files { section, certificate: root.join(certificate), key: root.join(key) };
    let stamp = files.stamp();
    let tls = files.read(Tls::new)?;
    tokio::spawn(follow(tls.clone(), files, stamp));
    Ok(Some(tls))
}

async fn follow(tls: Tls, files: Files, mut used: Stamp) {
    // What was said last of files that cannot be used: once is enough.
    let mut told = None;
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let stamp = files.stamp();
        if stamp == used {
            continue;
        }
        let (section, certificate) = (files.section, files.certificate.display());
        match files.read(|certificate, key| tls.replace(certificate, key)) {
            Ok(()) => {
                (used, told) = (stamp, None);
                tracing::info!(section, %certificate, "a new certificate is in use");
            }
            Err(failure) if told.as_ref() == Some(&(stamp, failure.message.clone())) => {}
            Err(failure) => {
                tracing::error!(
                    section,
                    code = failure.code,
                    "a new certificate cannot be used, the one before stays: {}",
                    failure.message
                );
                told = Some((stamp, failure.message));
            }
        }
    }
}

impl Files {
    fn stamp(&self) -> Stamp {
        let stamp = |path: &Path| fs::metadata(path).and_then(|file| Ok((file.modified()?, file.len()))).ok();
        [stamp(&self.certificate), stamp(&self.key)]
    }

    fn read<T>(&self, take: impl FnOnce(&[u8], &[u8]) -> Result<T, florin_rpc::TlsError>) -> Result<T, Failure> {
        let certificate = files::read_text(&self.certificate)?;
        let key = files::read_secret(&self.key)?;
        take(certificate.as_bytes(), key.as_bytes()).map_err(|error| {
            let section = self.section;
            Failure::input(
                &format!("{section}.tls"),
                format_args!("{}, {}: {error}", self.certificate.display(), self.key.display()),
                format_args!("correct {section}.tls_certificate and {section}.tls_key"),
            )
        })
    }
}
