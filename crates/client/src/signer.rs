//! Keys of accounts and what they sign.

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Signature, keccak256};
use alloy_sol_types::{SolStruct as _, eip712_domain, sol};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};
use std::sync::Arc;
use zeroize::Zeroizing;

sol! {
    /// ERC-2612: the owner lets the spender move units, by signature.
    #[derive(Debug, PartialEq, Eq)]
    struct Permit {
        /// Whose units.
        address owner;
        /// Who may move them.
        address spender;
        /// How many.
        uint256 value;
        /// The owner's permit nonce at the token.
        uint256 nonce;
        /// Until when it may be used, in seconds since 1970.
        uint256 deadline;
    }
}

/// Why there is no key or no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// Not a private key.
    #[error("not a secp256k1 private key: it is 32 bytes (64 hex digits), above zero and below the curve's order")]
    Key,
    /// Not a public key.
    #[error("not a secp256k1 public key")]
    PublicKey,
    /// A device signed with another key than the one it showed.
    #[error("the device's signature is not of the key that it showed: nothing was sent, look after the device")]
    OtherKey,
    /// The library refused to sign.
    #[error("this transaction cannot be signed: {reason}")]
    Signing {
        /// What it said.
        reason: String,
    },
}

impl SignerError {
    /// The permanent code of this error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Key => "signer.key",
            Self::PublicKey => "signer.public_key",
            Self::OtherKey => "signer.other_key",
            Self::Signing { .. } => "signer.signing",
        }
    }
}

/// A signed transaction, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTx {
    /// Hash under which it will be found.
    pub hash: B256,
    /// Its EIP-2718 encoding.
    pub bytes: Bytes,
}

/// A device that holds an account's key and never gives it away: a hardware security module, a token, another machine.
pub trait Device: Send + Sync {
    /// Signs a digest; gives `r` and `s` of ECDSA on secp256k1, 32 bytes each.
    fn sign_digest(&self, digest: B256) -> Result<[u8; 64], SignerError>;
}

/// An account's private key, here or in a device. Here it is erased from memory when dropped, and never printed.
#[derive(Clone)]
pub struct Signer {
    key: Key,
    address: Address,
}

#[derive(Clone)]
enum Key {
    Here(Zeroizing<[u8; 32]>),
    Elsewhere(Arc<dyn Device>),
}

impl Signer {
    /// Takes a key of 32 bytes.
    pub fn from_bytes(secret: Zeroizing<[u8; 32]>) -> Result<Self, SignerError> {
        let mut key = SecretKey::from_slice(secret.as_slice()).map_err(|_| SignerError::Key)?;
        let public = key.public_key(SECP256K1);
        key.non_secure_erase();
        Ok(Self { key: Key::Here(secret), address: address_of(&public) })
    }

    /// An account whose key is in a device; `public_key` as the device says it, compressed or not.
    pub fn from_device(public_key: &[u8], device: Arc<dyn Device>) -> Result<Self, SignerError> {
        let public = PublicKey::from_slice(public_key).map_err(|_| SignerError::PublicKey)?;
        Ok(Self { key: Key::Elsewhere(device), address: address_of(&public) })
    }

    /// Reads a key from hex, with or without `0x`.
    pub fn from_hex(text: &str) -> Result<Self, SignerError> {
        let digits = text.trim();
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        let mut secret = Zeroizing::new([0u8; 32]);
        alloy_primitives::hex::decode_to_slice(digits, secret.as_mut_slice()).map_err(|_| SignerError::Key)?;
        Self::from_bytes(secret)
    }

    /// A new key from the operating system's randomness.
    pub fn random() -> Self {
        loop {
            let mut key = SecretKey::new(&mut secp256k1::rand::rngs::OsRng);
            let secret = Zeroizing::new(key.secret_bytes());
            key.non_secure_erase();
            if let Ok(signer) = Self::from_bytes(secret) {
                return signer;
            }
        }
    }

    /// The account's address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The key's bytes, for storing them encrypted. A key in a device has none.
    pub fn secret(&self) -> Option<&Zeroizing<[u8; 32]>> {
        match &self.key {
            Key::Here(secret) => Some(secret),
            Key::Elsewhere(_) => None,
        }
    }

    /// Signs a 32-byte digest with low `s`; a key that is here by RFC 6979.
    pub fn sign_digest(&self, digest: B256) -> Result<Signature, SignerError> {
        let secret = match &self.key {
            Key::Here(secret) => secret,
            Key::Elsewhere(device) => return self.checked(digest, device.sign_digest(digest)?),
        };
        let mut key = SecretKey::from_slice(secret.as_slice()).map_err(|_| SignerError::Key)?;
        let signature = SECP256K1.sign_ecdsa_recoverable(&Message::from_digest(digest.0), &key);
        key.non_secure_erase();
        let (parity, bytes) = signature.serialize_compact();
        Ok(Signature::from_bytes_and_parity(&bytes, i32::from(parity) == 1))
    }

    /// A device's signature as Ethereum wants it: low `s`, and the parity that leads back to this account.
    fn checked(&self, digest: B256, signature: [u8; 64]) -> Result<Signature, SignerError> {
        let with_parity = |parity| Signature::from_bytes_and_parity(&signature, parity).normalized_s();
        let ours = |signature: &Signature| signature.recover_address_from_prehash(&digest).ok() == Some(self.address);
        [false, true].map(with_parity).into_iter().find(ours).ok_or(SignerError::OtherKey)
    }

    /// Signs an EIP-1559 transaction.
    pub fn sign(&self, tx: TxEip1559) -> Result<SignedTx, SignerError> {
        let signature = self.sign_digest(tx.signature_hash())?;
        let envelope = TxEnvelope::from(tx.into_signed(signature));
        Ok(SignedTx { hash: *envelope.tx_hash(), bytes: envelope.encoded_2718().into() })
    }

    /// Signs an ERC-2612 permit of the token `token`, whose name is `token_name`, on chain `chain_id`.
    pub fn sign_permit(
        &self,
        permit: &Permit,
        token_name: &str,
        token: Address,
        chain_id: u64,
    ) -> Result<Signature, SignerError> {
        let domain = eip712_domain! {
            name: token_name.to_owned(),
            version: "1",
            chain_id: chain_id,
            verifying_contract: token,
        };
        self.sign_digest(permit.eip712_signing_hash(&domain))
    }
}

fn address_of(public: &PublicKey) -> Address {
    let point = public.serialize_uncompressed();
    // The first byte only says that both coordinates follow.
    Address::from_word(keccak256(point.get(1..).unwrap_or_default()))
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("address", &self.address).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U256;
    use florin_types::VerifiedTx;

    /// First account of the well-known development mnemonic ("test test … junk").
    const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    #[test]
    fn a_known_key_has_its_known_address() {
        let signer = Signer::from_hex(KEY).unwrap();
        assert_eq!(signer.address().to_string(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        assert_eq!(Signer::from_hex(&KEY[2..]).unwrap().address(), signer.address());
    }

    #[test]
    fn bad_keys_are_refused_and_never_shown() {
        let zero = "00".repeat(32);
        let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
        for text in ["", "0x", "0x12", &KEY[..65], "zz", &zero, order] {
            let error = Signer::from_hex(text).unwrap_err();
            assert_eq!(error, SignerError::Key, "{text}");
        }
        let shown = format!("{:?}", Signer::from_hex(KEY).unwrap());
        assert!(!shown.contains("ac0974") && shown.contains("0xf39fd6"), "{shown}");
    }

    #[test]
    fn a_signed_transaction_is_verified_to_its_sender() {
        let signer = Signer::random();
        let tx = TxEip1559 { chain_id: 7, nonce: 3, gas_limit: 21_000, ..TxEip1559::default() };
        let signed = signer.sign(tx).unwrap();
        let verified = VerifiedTx::from_bytes(&signed.bytes, 7).unwrap();
        assert_eq!((verified.sender(), verified.hash()), (signer.address(), signed.hash));
        assert_ne!(Signer::random().address(), signer.address());
    }

    /// A key that is here, behind the interface of a device; `high` gives the other `s` that is valid too.
    struct Behind {
        signer: Signer,
        high: bool,
    }

    impl Device for Behind {
        fn sign_digest(&self, digest: B256) -> Result<[u8; 64], SignerError> {
            let signature = self.signer.sign_digest(digest)?;
            let order =
                U256::from_str_radix("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16).unwrap();
            let s = if self.high { order - signature.s() } else { signature.s() };
            let words = [signature.r().to_be_bytes::<32>(), s.to_be_bytes::<32>()].concat();
            Ok(words.try_into().unwrap())
        }
    }

    fn public_key(signer: &Signer) -> [u8; 65] {
        SecretKey::from_slice(signer.secret().unwrap().as_slice())
            .unwrap()
            .public_key(SECP256K1)
            .serialize_uncompressed()
    }

    #[test]
    fn what_a_device_signs_is_the_same_transaction_whichever_s_it_gives() {
        let signer = Signer::from_hex(KEY).unwrap();
        for (nonce, high) in [(0, false), (0, true), (1, false), (1, true), (2, true)] {
            let device = Arc::new(Behind { signer: signer.clone(), high });
            let remote = Signer::from_device(&public_key(&signer), device).unwrap();
            assert_eq!((remote.address(), remote.secret()), (signer.address(), None));
            let tx = TxEip1559 { chain_id: 7, nonce, gas_limit: 21_000, ..TxEip1559::default() };
            assert_eq!(remote.sign(tx.clone()).unwrap(), signer.sign(tx).unwrap());
        }
    }

    #[test]
    fn a_device_that_signs_with_another_key_is_noticed() {
        let (signer, other) = (Signer::from_hex(KEY).unwrap(), Signer::random());
        let device = Arc::new(Behind { signer: other, high: false });
        let remote = Signer::from_device(&public_key(&signer), device.clone()).unwrap();
        assert_eq!(remote.sign_digest(B256::repeat_byte(1)).unwrap_err(), SignerError::OtherKey);
        assert_eq!(Signer::from_device(&[4; 65], device).unwrap_err(), SignerError::PublicKey);
    }

    #[test]
    fn a_permit_is_signed_as_erc_2612_says() {
        let signer = Signer::from_hex(KEY).unwrap();
        let permit = Permit {
            owner: signer.address(),
            spender: Address::repeat_byte(2),
            value: U256::from(5),
            nonce: U256::from(1),
            deadline: U256::from(1_900_000_000),
        };
        let token = Address::repeat_byte(9);
        let signature = signer.sign_permit(&permit, "Digital Euro", token, 7).unwrap();
        // The digest by the letter of EIP-712, put together by hand.
        let word = |bytes: &[u8]| B256::left_padding_from(bytes);
        let domain_type = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
        let domain =
            [keccak256(domain_type), keccak256("Digital Euro"), keccak256("1"), word(&[7]), word(token.as_slice())];
        let permit_type = b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)";
        let content = [
            keccak256(permit_type),
            word(permit.owner.as_slice()),
            word(permit.spender.as_slice()),
            permit.value.into(),
            permit.nonce.into(),
            permit.deadline.into(),
        ];
        let domain_hash = keccak256(domain.concat());
        let content_hash = keccak256(content.map(|word| word.0).concat());
        let digest = keccak256([&[0x19, 0x01][..], &domain_hash[..], &content_hash[..]].concat());
        assert_eq!(signature.recover_address_from_prehash(&digest).unwrap(), signer.address());
        assert!(signature.normalize_s().is_none(), "s is low");
    }
}
