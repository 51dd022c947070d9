//! BIP-39 phrases and the accounts derived from them (BIP-32, path `m/44'/60'/0'/0/index`, as every Ethereum wallet does).

use crate::failure::Failure;
use bip39::{Language, Mnemonic};
use florin_client::Signer;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secp256k1::{Scalar, SecretKey};
use sha2::Sha512;
use zeroize::Zeroizing;

const HARDENED: u32 = 1 << 31;
/// Purpose 44, Ethereum's coin type 60, first account, external chain. Source: BIP-44, SLIP-44.
const ACCOUNT_PATH: [u32; 4] = [HARDENED | 44, HARDENED | 60, HARDENED, 0];

/// A new phrase of 12 or 24 English words from the operating system's randomness.
pub(crate) fn generate(words: usize) -> Result<Zeroizing<String>, Failure> {
    let bytes = match words {
        12 => 16,
        24 => 32,
        _ => {
            let message = format!("a new phrase has 12 or 24 words, not {words}");
            return Err(Failure::usage("mnemonic.words", message, "give --words 12 or --words 24"));
        }
    };
    let random: Zeroizing<[u8; 32]> = Zeroizing::new(rand::random());
    let mnemonic = Mnemonic::from_entropy_in(Language::English, &random[..bytes]).map_err(refused)?;
    Ok(Zeroizing::new(mnemonic.to_string()))
}

/// The signer of account `index` of a phrase. `password` is BIP-39's optional 25th word; empty for none.
pub(crate) fn derive(phrase: &str, password: &str, index: u32) -> Result<Signer, Failure> {
    if index >= HARDENED {
        let message = format!("index {index} is above {}", HARDENED - 1);
        return Err(Failure::usage("mnemonic.index", message, "give an index such as 0"));
    }
    let mnemonic = Mnemonic::parse_in(Language::English, phrase).map_err(refused)?;
    let seed = Zeroizing::new(mnemonic.to_seed(password));
    let node = ACCOUNT_PATH.into_iter().chain([index]).try_fold(Node::master(&*seed)?, Node::child)?;
    Signer::from_bytes(Zeroizing::new(node.key.secret_bytes())).map_err(|_| unlucky())
}

/// A private node of the BIP-32 tree.
struct Node {
    key: SecretKey,
    chain_code: Zeroizing<[u8; 32]>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.key.non_secure_erase();
    }
}

impl Node {
    fn master(seed: &[u8]) -> Result<Self, Failure> {
        let (left, chain_code) = hmac_halves(b"Bitcoin seed", &[seed])?;
        let key = SecretKey::from_slice(&*left).map_err(|_| unlucky())?;
        Ok(Self { key, chain_code })
    }

    fn child(self, index: u32) -> Result<Self, Failure> {
        let secret = Zeroizing::new(self.key.secret_bytes());
        let number = index.to_be_bytes();
        let (left, chain_code) = if index >= HARDENED {
            hmac_halves(&*self.chain_code, &[&[0], &*secret, &number])?
        } else {
            let public = self.key.public_key(secp256k1::SECP256K1).serialize();
            hmac_halves(&*self.chain_code, &[&public, &number])?
        };
        let tweak = Scalar::from_be_bytes(*left).map_err(|_| unlucky())?;
        let key = self.key.add_tweak(&tweak).map_err(|_| unlucky())?;
        Ok(Self { key, chain_code })
    }
}

type Half = Zeroizing<[u8; 32]>;

fn hmac_halves(key: &[u8], parts: &[&[u8]]) -> Result<(Half, Half), Failure> {
    let mut hmac = Hmac::<Sha512>::new_from_slice(key).map_err(|_| unlucky())?;
    parts.iter().for_each(|part| hmac.update(part));
    let digest = hmac.finalize().into_bytes();
    let mut halves = (Half::default(), Half::default());
    halves.0.copy_from_slice(&digest[..32]);
    halves.1.copy_from_slice(&digest[32..]);
    Ok(halves)
}

/// BIP-32 allows an index to have no key, with probability 2^-127.
fn unlucky() -> Failure {
    Failure::input("mnemonic.index", "this index has no key (BIP-32)", "take the next index")
}

fn refused(error: bip39::Error) -> Failure {
    // The library's messages name positions and counts, never words.
    Failure::input(
        "mnemonic.phrase",
        format_args!("this is not a BIP-39 phrase of English words: {error}"),
        "check words and order; the last word is a checksum of the others",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TEST_PHRASE: &str = "test test test test test test test test test test test junk";

    #[test]
    fn accounts_are_those_of_every_ethereum_wallet() {
        // Published by Hardhat and Foundry for this phrase.
        let keys = [
            (0, "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
            (1, "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
            (9, "2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6"),
        ];
        for (index, key) in keys {
            assert_eq!(hex::encode(derive(TEST_PHRASE, "", index).unwrap().secret().unwrap().as_slice()), key);
        }
    }

    #[test]
    fn the_password_changes_every_key() {
        let address = |password| derive(TEST_PHRASE, password, 0).unwrap().address();
        assert_ne!(address(""), address("more"));
    }

    #[test]
    fn derivation_follows_bip_32_vector_1() {
        let seed = hex::decode("000102030405060708090a0b0c0d0e0f").unwrap();
        let path = [HARDENED, 1, HARDENED | 2, 2, 1_000_000_000];
        let keys = [
            "edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea",
            "3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319dc93368",
            "cbce0d719ecf7431d88e6a89fa1483e02e35092af60c042b1df2ff59fa424dca",
            "0f479245fb19a38a1954c5c7c0ebab2f9bdfd96a17563ef28a6a4b1a2a764ef4",
            "471b76e389e528d6de6d816857e012c5455051cad6660850e58372a6c3e6e7c8",
        ];
        let mut node = Node::master(&seed).unwrap();
        for (index, key) in path.into_iter().zip(keys) {
            node = node.child(index).unwrap();
            assert_eq!(hex::encode(node.key.secret_bytes()), key, "at index {index}");
        }
    }

    #[test]
    fn a_wrong_phrase_is_refused_without_being_repeated() {
        let wrong = TEST_PHRASE.replace("junk", "zebra");
        for phrase in [wrong.as_str(), "", "test", "florin florin florin"] {
            let error = derive(phrase, "", 0).unwrap_err();
            assert_eq!(error.code, "mnemonic.phrase");
            assert!(!error.message.contains("zebra") && !error.message.contains("florin"), "{}", error.message);
        }
        assert_eq!(derive(TEST_PHRASE, "", HARDENED).unwrap_err().code, "mnemonic.index");
    }

    #[test]
    fn new_phrases_have_the_words_asked_for_and_differ() {
        for words in [12, 24] {
            let phrase = generate(words).unwrap();
            assert_eq!(phrase.split(' ').count(), words);
            assert_ne!(phrase, generate(words).unwrap());
            derive(&phrase, "", 0).unwrap();
        }
        assert_eq!(generate(13).unwrap_err().code, "mnemonic.words");
    }
}
