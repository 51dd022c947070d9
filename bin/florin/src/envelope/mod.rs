//! Encryption of files that leave this machine: the age format, version 1.
//!
//! **Purpose.** Backups and key backups are encrypted for *recipients*, so that the machine that writes them needs no secret,
//! or with a passphrase. The format is public and small, so that whoever has lost this program opens them with `age` or
//! `rage`. Source: C2SP, "The age file encryption format". Why no library for it: `docs/decisions/0070-backup.md`.
//!
//! **Form.** A header in text: the file key, wrapped once for each recipient (X25519, HKDF-SHA256, ChaCha20-Poly1305) or under
//! a passphrase (scrypt), and a MAC over all of it. Then a nonce, and the content in pieces of 64 KiB, each sealed with
//! ChaCha20-Poly1305 under its number, the last one marked.
//!
//! **Invariants.** [`Opened`] gives only bytes whose piece was authentic, in order; a changed, missing, doubled or reordered
//! byte anywhere is an error, a cut at the end of a piece too.
//!
//! **Limits.** A header has at most [`HEADER_BYTES_MAX`] bytes. A file may ask for at most [`SCRYPT_LOG_N_MAX`] of scrypt: a
//! hostile one could ask for all memory.

mod keys;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use keys::{Identity, Recipient};
pub(crate) use stream::{Opened, Sealed};

use crate::key::keystore::Cost;
use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

const VERSION: &str = "age-encryption.org/v1";
const X25519_LABEL: &[u8] = b"age-encryption.org/v1/X25519";
const SCRYPT_LABEL: &[u8] = b"age-encryption.org/v1/scrypt";
/// Longest header that is read.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Most work that a file may ask for: 512 MiB of memory.
const SCRYPT_LOG_N_MAX: u8 = 19;
/// Columns of a line of base64 in a header.
const COLUMNS: usize = 64;
const FILE_KEY_BYTES: usize = 16;
const WRAPPED_BYTES: usize = FILE_KEY_BYTES + 16;
const NONCE_BYTES: usize = 16;

type FileKey = Zeroizing<[u8; FILE_KEY_BYTES]>;

/// Why something encrypted is not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvelopeError {
    /// The bytes cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The header is none.
    #[error("not an age file: {0}")]
    Header(&'static str),
    /// The header was changed after it was written.
    #[error("the header was changed: its MAC does not match")]
    HeaderMac,
    /// It is encrypted for somebody else.
    #[error("it is encrypted for other recipients than this identity's, or its header was changed")]
    NoMatch,
    /// The passphrase is wrong.
    #[error("the passphrase does not open it, or its header was changed")]
    Passphrase,
    /// It is encrypted in the other way.
    #[error("{0}")]
    OtherWay(&'static str),
    /// It asks for more work than is allowed.
    #[error("it asks for scrypt with 2^{log_n}, at most 2^{SCRYPT_LOG_N_MAX} is done")]
    Work {
        /// What it asks for.
        log_n: u8,
    },
    /// A piece of the content was changed, moved or cut off.
    #[error("piece {piece} of the content (64 KiB each) was changed, moved or cut off")]
    Content {
        /// Number of the piece, from 0.
        piece: u64,
    },
    /// A key is none.
    #[error("{0}")]
    Key(&'static str),
}

/// Who may open what is sealed.
#[derive(Clone, Debug)]
pub(crate) enum Lock {
    /// The holders of these recipients' identities.
    Recipients(Vec<Recipient>),
    /// Who knows the passphrase.
    Passphrase(Zeroizing<String>, Cost),
}

/// What opens.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    /// One recipient's secret half.
    Identity(Identity),
    /// The passphrase.
    Passphrase(Zeroizing<String>),
}

/// Begins to write something encrypted. [`Sealed::finish`] ends it.
pub(crate) fn seal<W: Write>(lock: &Lock, mut out: W) -> Result<Sealed<W>, EnvelopeError> {
    let file_key: FileKey = Zeroizing::new(rand::random());
    let mut header = format!("{VERSION}\n");
    match lock {
        Lock::Recipients(recipients) => {
            for recipient in recipients {
                header.push_str(&recipient.wrap(&file_key)?);
            }
        }
        Lock::Passphrase(passphrase, cost) => {
            let log_n = match cost {
                Cost::Standard => 18,
                Cost::Light => 10,
            };
            let salt: [u8; 16] = rand::random();
            let wrapped = chacha(&stretched(passphrase, &salt, log_n)?)?.seal(&[0; 12], file_key.as_slice())?;
            header.push_str(&stanza(&["scrypt", &encode(&salt), &log_n.to_string()], &wrapped));
        }
    }
    header.push_str("---");
    let mac = header_mac(&file_key, header.as_bytes())?.finalize().into_bytes();
    let nonce: [u8; NONCE_BYTES] = rand::random();
    writeln!(out, "{header} {}", encode(&mac))?;
    out.write_all(&nonce)?;
    Ok(Sealed::new(out, payload_key(&file_key, &nonce)?))
}

/// Begins to read something encrypted: whether the key fits is known when this returns.
pub(crate) fn open<R: Read>(key: &Key, mut from: R) -> Result<Opened<R>, EnvelopeError> {
    let header = Header::read(&mut from)?;
    let file_key = header.unwrap(key)?;
    let expected = header_mac(&file_key, &header.covered)?;
    expected.verify_slice(&header.mac).map_err(|_| EnvelopeError::HeaderMac)?;
    let mut nonce = [0u8; NONCE_BYTES];
    from.read_exact(&mut nonce).map_err(|_| EnvelopeError::Header("it ends after the header"))?;
    Ok(Opened::new(from, payload_key(&file_key, &nonce)?))
}

/// Seals a few bytes.
pub(crate) fn seal_bytes(lock: &Lock, content: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
    let mut sealed = seal(lock, Vec::new())?;
    sealed.write_all(content)?;
    Ok(sealed.finish()?)
}

/// Opens at most `bytes_max` bytes.
pub(crate) fn open_bytes(key: &Key, sealed: &[u8], bytes_max: u64) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
    let mut content = Zeroizing::new(Vec::new());
    let mut opened = open(key, sealed)?.take(bytes_max.saturating_add(1));
    opened.read_to_end(&mut content).map_err(stream::unpacked)?;
    if content.len() as u64 > bytes_max {
        return Err(EnvelopeError::Header("its content is longer than anything that belongs here"));
    }
    Ok(content)
}

/// Whether a file begins like one of these.
pub(crate) fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(VERSION.as_bytes())
}

/// One wrapped file key.
struct Stanza {
    arguments: Vec<String>,
    body: Vec<u8>,
}

/// A header as it was read.
struct Header {
    stanzas: Vec<Stanza>,
    /// What the MAC covers.
    covered: Vec<u8>,
    mac: Vec<u8>,
}

impl Header {
    fn read(from: &mut impl Read) -> Result<Self, EnvelopeError> {
        let mut covered = Vec::new();
        if read_line(from, &mut covered)? != VERSION {
            return Err(EnvelopeError::Header("its first line is not that of age, version 1"));
        }
        let mut stanzas = Vec::new();
        loop {
            let begin = covered.len();
            let line = read_line(from, &mut covered)?;
            if let Some(mac) = line.strip_prefix("--- ") {
                let mac = decode(mac)?;
                covered.truncate(begin + 3);
                return Ok(Self { stanzas, covered, mac });
            }
            let arguments = line.strip_prefix("-> ").ok_or(EnvelopeError::Header("a line begins no stanza"))?;
            let arguments = arguments.split(' ').map(String::from).collect();
            let mut body = Vec::new();
            loop {
                let line = read_line(from, &mut covered)?;
                if line.len() > COLUMNS {
                    return Err(EnvelopeError::Header("a line of it is too long"));
                }
                body.extend(decode(&line)?);
                if line.len() < COLUMNS {
                    break;
                }
            }
            stanzas.push(Stanza { arguments, body });
        }
    }

    fn unwrap(&self, key: &Key) -> Result<FileKey, EnvelopeError> {
        let scrypt = self.stanzas.iter().find(|stanza| stanza.is("scrypt"));
        if scrypt.is_some() && self.stanzas.len() > 1 {
            return Err(EnvelopeError::Header("a passphrase stands beside other keys"));
        }
        match (key, scrypt) {
            (Key::Passphrase(passphrase), Some(stanza)) => stanza.unwrap_scrypt(passphrase),
            (Key::Identity(identity), None) => {
                let mut mine = self.stanzas.iter().filter(|stanza| stanza.is("X25519"));
                mine.find_map(|stanza| identity.unwrap(stanza).transpose()).ok_or(EnvelopeError::NoMatch)?
            }
            (Key::Passphrase(_), None) => {
                Err(EnvelopeError::OtherWay("it is encrypted for recipients, so an identity opens it"))
            }
            (Key::Identity(_), Some(_)) => {
                Err(EnvelopeError::OtherWay("it is encrypted with a passphrase, so no identity opens it"))
            }
        }
    }
}

impl Stanza {
    fn is(&self, kind: &str) -> bool {
        self.arguments.first().is_some_and(|argument| argument == kind)
    }

    fn unwrap_scrypt(&self, passphrase: &str) -> Result<FileKey, EnvelopeError> {
        let malformed = EnvelopeError::Header("a stanza of a passphrase is malformed");
        let [_, salt, log_n] = self.arguments.as_slice() else { return Err(malformed) };
        let salt = decode(salt)?;
        let digits = log_n.parse::<u8>().ok().filter(|number| number.to_string() == *log_n && *number > 0);
        let (Some(log_n), 16) = (digits, salt.len()) else { return Err(malformed) };
        if log_n > SCRYPT_LOG_N_MAX {
            return Err(EnvelopeError::Work { log_n });
        }
        unwrapped(&stretched(passphrase, &salt, log_n)?, &self.body)?.ok_or(EnvelopeError::Passphrase)
    }
}

/// Reads a line of a header, without its end, and keeps its bytes.
fn read_line(from: &mut impl Read, covered: &mut Vec<u8>) -> Result<String, EnvelopeError> {
    let mut line = Vec::new();
    let mut byte = [0u8];
    loop {
        if from.read(&mut byte)? == 0 {
            return Err(EnvelopeError::Header("it ends within the header"));
        }
        covered.extend(byte);
        if covered.len() > HEADER_BYTES_MAX {
            return Err(EnvelopeError::Header("its header is too long"));
        }
        if byte == *b"\n" {
            return String::from_utf8(line).map_err(|_| EnvelopeError::Header("its header is no text"));
        }
        line.extend(byte);
    }
}

/// A stanza as text.
fn stanza(arguments: &[&str], body: &[u8]) -> String {
    let body = encode(body);
    let mut text = format!("-> {}\n", arguments.join(" "));
    let mut rest = body.as_str();
    while rest.len() >= COLUMNS {
        let (line, after) = rest.split_at(COLUMNS);
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(rest);
    text.push('\n');
    text
}

/// Opens a wrapped file key; `None` when the key is another one.
fn unwrapped(key: &Zeroizing<[u8; 32]>, body: &[u8]) -> Result<Option<FileKey>, EnvelopeError> {
    if body.len() != WRAPPED_BYTES {
        return Err(EnvelopeError::Header("a wrapped key has another length"));
    }
    let opened = chacha(key)?.open(&[0; 12], body);
    Ok(opened.and_then(|bytes| bytes.as_slice().try_into().ok().map(Zeroizing::new)))
}

fn encode(bytes: &[u8]) -> String {
    BASE64_STANDARD_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Result<Vec<u8>, EnvelopeError> {
    BASE64_STANDARD_NO_PAD.decode(text).map_err(|_| EnvelopeError::Header("its header holds wrong base64"))
}

fn stretched(passphrase: &str, salt: &[u8], log_n: u8) -> Result<Zeroizing<[u8; 32]>, EnvelopeError> {
    let refused = |_| EnvelopeError::Work { log_n };
    let parameters = scrypt::Params::new(log_n, 8, 1).map_err(refused)?;
    let mut key = Zeroizing::new([0; 32]);
    let salt = [SCRYPT_LABEL, salt].concat();
    scrypt::scrypt(passphrase.as_bytes(), &salt, &parameters, key.as_mut())
        .map_err(|_| EnvelopeError::Work { log_n })?;
    Ok(key)
}

/// HKDF-SHA256 to 32 bytes.
fn derived(secret: &[u8], salt: &[u8], info: &[u8]) -> Result<Zeroizing<[u8; 32]>, EnvelopeError> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), secret)
        .expand(info, key.as_mut())
        .map_err(|_| EnvelopeError::Key("a key cannot be derived"))?;
    Ok(key)
}

fn header_mac(file_key: &FileKey, covered: &[u8]) -> Result<Hmac<Sha256>, EnvelopeError> {
    let key = derived(file_key.as_slice(), &[], b"header")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).map_err(|_| EnvelopeError::Key("no key of a MAC"))?;
    mac.update(covered);
    Ok(mac)
}

fn payload_key(file_key: &FileKey, nonce: &[u8]) -> Result<stream::Cipher, EnvelopeError> {
    chacha(&derived(file_key.as_slice(), nonce, b"payload")?)
}

fn chacha(key: &Zeroizing<[u8; 32]>) -> Result<stream::Cipher, EnvelopeError> {
    stream::Cipher::new(key)
}
