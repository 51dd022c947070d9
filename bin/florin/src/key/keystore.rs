//! Encrypted key files: Web3 Secret Storage, version 3.
//!
//! **Purpose.** One secret in one file, readable by geth, cast, ethers and MetaMask when it is an account's key. Node
//! keys and threshold shares use the same envelope with a `kind` beside it, so that they are never taken for accounts.
//!
//! **Form.** Source: ethereum.org, "Web3 Secret Storage Definition". The passphrase is stretched by scrypt (or, when
//! reading, PBKDF2-HMAC-SHA256) to 32 bytes; the first 16 encrypt by AES-128-CTR, the last 16 with the ciphertext give
//! the keccak256 `mac`, compared in constant time before anything is decrypted.
//!
//! **Limits.** A file asks for its own key-derivation cost, so a hostile one could ask for all memory: cost is refused
//! above [`SCRYPT_BYTES_MAX`] and [`PBKDF2_ROUNDS_MAX`]. Ciphertexts have at most [`SECRET_BYTES_MAX`] bytes.

use crate::failure::Failure;
use aes::{
    Aes128,
    cipher::{KeyIvInit as _, StreamCipher as _},
};
use alloy_primitives::keccak256_uncached;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Most bytes of memory that a file's scrypt parameters may ask for: twice geth's standard cost.
pub(crate) const SCRYPT_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Most rounds that a file's PBKDF2 parameters may ask for.
pub(crate) const PBKDF2_ROUNDS_MAX: u32 = 10_000_000;
/// Longest secret.
pub(crate) const SECRET_BYTES_MAX: usize = 4096;

const DERIVED_BYTES: usize = 32;

/// How hard guessing the passphrase is made. The names and numbers are geth's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    /// About a second and 256 MiB for one guess.
    Standard,
    /// A few milliseconds and 4 MiB: for development, where keys protect nothing.
    Light,
}

/// What a key file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A node's ed25519 key.
    NodeKey,
    /// A validator's share of the network's threshold key.
    ThresholdShare,
}

impl Kind {
    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NodeKey => "node key",
            Self::ThresholdShare => "threshold share",
        }
    }
}

/// A key file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeyFile {
    /// Always 3.
    pub(crate) version: u8,
    /// A random UUID.
    pub(crate) id: String,
    /// Account's address in hexadecimal without `0x`; absent for other kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    /// Absent for accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<Kind>,
    /// Public half of a node key, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) public_key: Option<String>,
    /// The encrypted secret. Some old writers capitalise the name.
    #[serde(alias = "Crypto")]
    pub(crate) crypto: Crypto,
}

/// The encrypted secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Crypto {
    cipher: String,
    cipherparams: CipherParameters,
    ciphertext: String,
    #[serde(flatten)]
    kdf: KeyDerivation,
    mac: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct CipherParameters {
    iv: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kdf", content = "kdfparams", rename_all = "lowercase")]
enum KeyDerivation {
    Scrypt { dklen: u32, n: u64, p: u32, r: u32, salt: String },
    Pbkdf2 { c: u32, dklen: u32, prf: String, salt: String },
}

impl KeyFile {
    /// Encrypts `secret` under `passphrase`.
    pub(crate) fn encrypt(secret: &[u8], passphrase: &str, cost: Cost) -> Result<Self, Failure> {
        let n = match cost {
            Cost::Standard => 1 << 18,
            Cost::Light => 1 << 12,
        };
        let salt: [u8; 32] = rand::random();
        let kdf = KeyDerivation::Scrypt { dklen: 32, n, p: 1, r: 8, salt: hex::encode(salt) };
        Self::seal(secret, passphrase, kdf, rand::random(), rand::random())
    }

    fn seal(secret: &[u8], passphrase: &str, kdf: KeyDerivation, iv: [u8; 16], id: [u8; 16]) -> Result<Self, Failure> {
        let derived = kdf.derive(passphrase)?;
        let mut ciphertext = secret.to_vec();
        apply_cipher(&derived, &iv, &mut ciphertext);
        let crypto = Crypto {
            cipher: "aes-128-ctr".into(),
            cipherparams: CipherParameters { iv: hex::encode(iv) },
            mac: hex::encode(mac(&derived, &ciphertext)),
            ciphertext: hex::encode(ciphertext),
            kdf,
        };
        Ok(Self { version: 3, id: uuid(id), address: None, kind: None, public_key: None, crypto })
    }

    /// Marks the file as an account's.
    pub(crate) fn for_account(mut self, address: alloy_primitives::Address) -> Self {
        self.address = Some(hex::encode(address));
        self
    }

    /// Marks the file as another kind than an account's.
    pub(crate) fn for_kind(mut self, kind: Kind, public_key: Option<alloy_primitives::B256>) -> Self {
        self.kind = Some(kind);
        self.public_key = public_key.map(hex::encode);
        self
    }

    /// Reads the text of a key file. Decrypts nothing.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let file: Self = serde_json::from_str(text)
            .map_err(|error| broken(format_args!("it is not Web3 Secret Storage JSON: {error}")))?;
        if file.version != 3 {
            return Err(broken(format_args!("its version is {}, only 3 is known", file.version)));
        }
        if file.crypto.cipher != "aes-128-ctr" {
            return Err(broken(format_args!("its cipher is {:?}, only aes-128-ctr is known", file.crypto.cipher)));
        }
        Ok(file)
    }

    /// The file's text.
    pub(crate) fn to_text(&self) -> Result<String, Failure> {
        serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(|error| broken(format_args!("{error}")))
    }

    /// Decrypts the secret. A wrong passphrase and a damaged file cannot be told apart, and the error says so.
    pub(crate) fn decrypt(&self, passphrase: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let ciphertext = bytes("ciphertext", &self.crypto.ciphertext)?;
        if ciphertext.len() > SECRET_BYTES_MAX {
            return Err(broken(format_args!("{} bytes of ciphertext, at most {SECRET_BYTES_MAX}", ciphertext.len())));
        }
        let expected: [u8; 32] = exact("mac", &self.crypto.mac)?;
        let iv: [u8; 16] = exact("cipherparams.iv", &self.crypto.cipherparams.iv)?;
        let derived = self.crypto.kdf.derive(passphrase)?;
        let found = mac(&derived, &ciphertext);
        let difference = found.iter().zip(&expected).fold(0u8, |sum, (left, right)| sum | (left ^ right));
        if difference != 0 {
            return Err(Failure::input(
                "keystore.passphrase",
                "the passphrase is wrong, or the key file was changed",
                "try the passphrase again; if it is certainly right, take the file from a backup",
            ));
        }
        let mut secret = Zeroizing::new(ciphertext);
        apply_cipher(&derived, &iv, &mut secret);
        Ok(secret)
    }
}

impl KeyDerivation {
    fn derive(&self, passphrase: &str) -> Result<Zeroizing<[u8; DERIVED_BYTES]>, Failure> {
        let mut derived = Zeroizing::new([0u8; DERIVED_BYTES]);
        match self {
            Self::Scrypt { dklen, n, p, r, salt } => {
                check_length(*dklen)?;
                let memory = n.saturating_mul(u64::from(*r)).saturating_mul(128);
                let work = memory.saturating_mul(u64::from(*p));
                if !n.is_power_of_two() || *n < 2 || work > SCRYPT_BYTES_MAX {
                    return Err(broken(format_args!(
                        "scrypt with n={n}, r={r}, p={p} is refused: n is a power of two and n*r*p*128 at most {SCRYPT_BYTES_MAX}"
                    )));
                }
                let log_n = u8::try_from(n.trailing_zeros()).unwrap_or(u8::MAX);
                let parameters = scrypt::Params::new(log_n, *r, *p)
                    .map_err(|error| broken(format_args!("scrypt with n={n}, r={r}, p={p} is refused: {error}")))?;
                scrypt::scrypt(passphrase.as_bytes(), &bytes("salt", salt)?, &parameters, derived.as_mut())
                    .map_err(|error| broken(format_args!("{error}")))?;
            }
            Self::Pbkdf2 { c, dklen, prf, salt } => {
                check_length(*dklen)?;
                if prf != "hmac-sha256" || *c == 0 || *c > PBKDF2_ROUNDS_MAX {
                    return Err(broken(format_args!(
                        "pbkdf2 with prf {prf:?} and c={c} is refused: prf is hmac-sha256 and c 1 to {PBKDF2_ROUNDS_MAX}"
                    )));
                }
                pbkdf2::pbkdf2_hmac::<Sha256>(passphrase.as_bytes(), &bytes("salt", salt)?, *c, derived.as_mut());
            }
        }
        Ok(derived)
    }
}

fn check_length(dklen: u32) -> Result<(), Failure> {
    if dklen as usize == DERIVED_BYTES {
        return Ok(());
    }
    Err(broken(format_args!("dklen is {dklen}, only {DERIVED_BYTES} is known")))
}

fn apply_cipher(derived: &[u8; DERIVED_BYTES], iv: &[u8; 16], data: &mut [u8]) {
    let mut key = Zeroizing::new([0u8; 16]);
    key.copy_from_slice(&derived[..16]);
    ctr::Ctr128BE::<Aes128>::new((&*key).into(), iv.into()).apply_keystream(data);
}

fn mac(derived: &[u8; DERIVED_BYTES], ciphertext: &[u8]) -> [u8; 32] {
    // Room for all of it at once, so that no copy stays behind where it grows.
    let mut input = Zeroizing::new(Vec::with_capacity(DERIVED_BYTES + ciphertext.len()));
    input.extend_from_slice(&derived[16..]);
    input.extend_from_slice(ciphertext);
    // A secret must not stay in a cache.
    keccak256_uncached(&*input).0
}

fn bytes(field: &str, text: &str) -> Result<Vec<u8>, Failure> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode(digits).map_err(|error| broken(format_args!("field {field} is not hexadecimal: {error}")))
}

fn exact<const N: usize>(field: &str, text: &str) -> Result<[u8; N], Failure> {
    let decoded = bytes(field, text)?;
    let length = decoded.len();
    decoded.try_into().map_err(|_| broken(format_args!("field {field} has {length} bytes instead of {N}")))
}

fn broken(reason: std::fmt::Arguments<'_>) -> Failure {
    Failure::input(
        "keystore.format",
        format_args!("this key file cannot be used: {reason}"),
        "give a key file that florin, geth, cast or ethers wrote",
    )
}

/// Random bytes as a version 4 UUID.
fn uuid(mut random: [u8; 16]) -> String {
    random[6] = (random[6] & 0x0f) | 0x40;
    random[8] = (random[8] & 0x3f) | 0x80;
    let digits = hex::encode(random);
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

#[cfg(test)]
#[path = "keystore_tests.rs"]
mod tests;
