//! Recipients and identities: the two halves of an X25519 key, as age writes them.

use super::{EnvelopeError, FileKey, Stanza, X25519_LABEL, chacha, decode, derived, encode, stanza, unwrapped};
use bech32::{Bech32, Hrp};
use std::{fmt, str::FromStr};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

const RECIPIENT_PREFIX: &str = "age";
const IDENTITY_PREFIX: &str = "age-secret-key-";

/// Whom something is encrypted for: public, `age1…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recipient(PublicKey);

impl Recipient {
    /// Wraps a file key: a stanza of the header.
    pub(super) fn wrap(&self, file_key: &FileKey) -> Result<String, EnvelopeError> {
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(rand::random());
        let ephemeral = StaticSecret::from(*bytes);
        let share = PublicKey::from(&ephemeral);
        let shared = ephemeral.diffie_hellman(&self.0);
        if !shared.was_contributory() {
            return Err(EnvelopeError::Key("the recipient is no key that can be used"));
        }
        let key = derived(shared.as_bytes(), &[share.as_bytes().as_slice(), self.0.as_bytes()].concat(), X25519_LABEL)?;
        let wrapped = chacha(&key)?.seal(&[0; 12], file_key.as_slice())?;
        Ok(stanza(&["X25519", &encode(share.as_bytes())], &wrapped))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = bech32::encode::<Bech32>(Hrp::parse_unchecked(RECIPIENT_PREFIX), self.0.as_bytes());
        formatter.write_str(&text.map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Recipient {
    type Err = EnvelopeError;

    fn from_str(text: &str) -> Result<Self, EnvelopeError> {
        let wrong = EnvelopeError::Key("a recipient is written age1… with 62 characters");
        match bech32_bytes(text, RECIPIENT_PREFIX) {
            Some(bytes) if text.starts_with("age1") => Ok(Self(PublicKey::from(*bytes))),
            _ => Err(wrong),
        }
    }
}

/// What opens it: secret, `AGE-SECRET-KEY-1…`.
#[derive(Clone)]
pub(crate) struct Identity(StaticSecret);

impl Identity {
    /// A new one.
    pub(crate) fn generate() -> Self {
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(rand::random());
        Self(StaticSecret::from(*bytes))
    }

    /// Its public half.
    pub(crate) fn recipient(&self) -> Recipient {
        Recipient(PublicKey::from(&self.0))
    }

    /// The first identity in a file as `age-keygen` and [`Self::to_text`] write it: one a line, comments begin with `#`.
    pub(crate) fn parse_file(text: &str) -> Result<Self, EnvelopeError> {
        let wrong = EnvelopeError::Key("the file holds no line AGE-SECRET-KEY-1…");
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let line = lines.next().ok_or(wrong)?;
        let bytes = bech32_bytes(line, IDENTITY_PREFIX).filter(|_| line.starts_with("AGE-SECRET-KEY-1"));
        bytes.map(|bytes| Self(StaticSecret::from(*bytes))).ok_or(EnvelopeError::Key("no identity: AGE-SECRET-KEY-1…"))
    }

    /// The file of an identity. Secret.
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(self.0.to_bytes());
        let text = bech32::encode_upper::<Bech32>(Hrp::parse_unchecked(IDENTITY_PREFIX), secret.as_slice());
        let text = Zeroizing::new(text.unwrap_or_default());
        Zeroizing::new(format!("# public key: {}\n{}\n", self.recipient(), text.as_str()))
    }

    /// Opens a stanza; `None` when it is somebody else's.
    pub(super) fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, EnvelopeError> {
        let malformed = EnvelopeError::Header("a stanza of a recipient is malformed");
        let [_, share] = stanza.arguments.as_slice() else { return Err(malformed) };
        let share: [u8; 32] = decode(share)?.try_into().map_err(|_| malformed)?;
        let shared = self.0.diffie_hellman(&PublicKey::from(share));
        if !shared.was_contributory() {
            return Err(EnvelopeError::Header("a recipient's share is no key"));
        }
        let salt = [share.as_slice(), self.recipient().0.as_bytes()].concat();
        unwrapped(&derived(shared.as_bytes(), &salt, X25519_LABEL)?, &stanza.body)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Identity").field("recipient", &self.recipient().to_string()).finish_non_exhaustive()
    }
}

fn bech32_bytes(text: &str, prefix: &str) -> Option<Zeroizing<[u8; 32]>> {
    let parsed = bech32::primitives::decode::CheckedHrpstring::new::<Bech32>(text).ok()?;
    if !parsed.hrp().as_str().eq_ignore_ascii_case(prefix) {
        return None;
    }
    let bytes = Zeroizing::new(parsed.byte_iter().collect::<Vec<u8>>());
    bytes.as_slice().try_into().ok().map(Zeroizing::new)
}
