//! Keys of a node: its identity on the network, its share of the committee's threshold key, and the committee's public key.
//!
//! **Place in the way of a payment.** A validator signs its votes with its share; three of four shares make the
//! certificate that proves a block final.
//!
//! **Invariants.** A committee's key fits its committee: as many shares as validators, a threshold equal to the quorum
//! of three in every four (2f + 1 of 3f + 1). A [`ThresholdShare`] is only accepted together with a committee key that
//! it belongs to. Secrets live in memory that is overwritten when it is dropped; `Debug` never shows them.
//!
//! **Limits.** At most [`VALIDATORS_MAX`] validators.

use crate::{turns::Turns, votes::VoteScheme};
use alloy_primitives::{B256, Bytes};
use commonware_codec::{Copying, Decode as _, DecodeExt as _, Encode as _, EncodeSize as _, ReadExt as _, Write as _};
use commonware_consensus::{
    simplex::elector::{Config, Elector},
    types::{Epoch, Round, View},
};
use commonware_cryptography::{
    Signer as _,
    bls12381::{
        dkg::feldman_desmedt::{self, Reveal},
        primitives::{
            group,
            sharing::{Mode, ModeVersion, Sharing},
            variant::MinSig,
        },
    },
    ed25519,
};
use commonware_math::algebra::Random as _;
use commonware_utils::{Faults as _, N3f1, NZU32, Participant, ordered::Set};
use florin_types::Genesis;
use std::{fmt, num::NonZeroU32};
use zeroize::Zeroizing;

/// Most validators of one committee.
pub const VALIDATORS_MAX: u32 = VALIDATORS.get();
/// The same, for what is never of nobody.
pub(crate) const VALIDATORS: NonZeroU32 = NZU32!(64);
/// How shares of the key are numbered, and how dealers reveal those that nobody acknowledged. Both stand in what is signed
/// while shares are dealt: a network never changes them.
pub(crate) const SHARING: Mode = Mode::NonZeroCounter;
pub(crate) const REVEAL: Reveal = Reveal::V1;

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes are no such key.
    #[error("not a valid {kind}: {reason}")]
    Malformed {
        /// What was expected.
        kind: &'static str,
        /// What the decoder met.
        reason: String,
    },
    /// The committee has no members, too many, or one twice.
    #[error("a committee has 1 to {VALIDATORS_MAX} different validators, not {found}")]
    Committee {
        /// Different validators named.
        found: usize,
    },
    /// The threshold key was made for another committee.
    #[error(
        "the threshold key is for {total} validators of which {required} must sign, but the genesis file names \
         {validators} of which {quorum} must sign: repeat the ceremony with exactly these validators"
    )]
    Mismatch {
        /// Shares of the key.
        total: u32,
        /// Shares that make a signature.
        required: u32,
        /// Validators in the genesis file.
        validators: u32,
        /// Validators that must sign.
        quorum: u32,
    },
    /// The share is not of this committee's key.
    #[error("the threshold share does not belong to validator {node} under this genesis file's threshold key")]
    ForeignShare {
        /// The node's key.
        node: B256,
    },
}

/// A node's secret identity: an ed25519 key.
#[derive(Clone)]
pub struct NodeSecret(ed25519::PrivateKey);

impl NodeSecret {
    /// A new key from the operating system's randomness.
    pub fn generate() -> Self {
        Self(ed25519::PrivateKey::random(rand::rng()))
    }

    /// The key that a seed gives. For tests and simulations: anyone who knows the seed knows the key.
    pub fn from_seed(seed: u64) -> Self {
        Self(ed25519::PrivateKey::from_seed(seed))
    }

    /// Reads the 32 bytes that [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        ed25519::PrivateKey::decode(Copying(bytes))
            .map(Self)
            .map_err(|error| KeyError::Malformed { kind: "node key (32 bytes)", reason: error.to_string() })
    }

    /// The secret, for an encrypted key file.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(32));
        self.0.write(&mut *bytes);
        bytes
    }

    /// Public half: the node's name on the network.
    pub fn public_key(&self) -> B256 {
        B256::from_slice(self.0.public_key().as_ref())
    }

    pub(crate) fn signer(&self) -> &ed25519::PrivateKey {
        &self.0
    }

    /// The same key for votes, which are signed as the ledger verifies them.
    pub(crate) fn vote_key(&self) -> ed25519_zebra::SigningKey {
        let mut seed = Zeroizing::new([0; 32]);
        seed.copy_from_slice(&self.to_bytes());
        ed25519_zebra::SigningKey::from(*seed)
    }
}

impl fmt::Debug for NodeSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NodeSecret({})", self.public_key())
    }
}

/// A validator's share of the committee's threshold key.
#[derive(Clone)]
pub struct ThresholdShare(group::Share);

impl ThresholdShare {
    pub(crate) fn new(share: group::Share) -> Self {
        Self(share)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        group::Share::decode(Copying(bytes))
            .map(Self)
            .map_err(|error| KeyError::Malformed { kind: "threshold share", reason: error.to_string() })
    }

    /// The secret, for an encrypted key file.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.0.encode_size()));
        self.0.write(&mut *bytes);
        bytes
    }

    /// Position in the committee, by which the share was evaluated.
    pub fn index(&self) -> u32 {
        self.0.index.get()
    }

    pub(crate) fn inner(&self) -> &group::Share {
        &self.0
    }
}

impl fmt::Debug for ThresholdShare {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ThresholdShare({})", self.index())
    }
}

/// The validators and their public threshold key, checked against one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committee {
    /// Validators, ordered by key; the position is the index of the share.
    pub(crate) participants: Set<ed25519::PublicKey>,
    /// Public polynomial; its constant term is the network's key.
    pub(crate) sharing: Sharing<MinSig>,
}

impl Committee {
    /// Reads the committee of a genesis file.
    pub fn from_genesis(genesis: &Genesis) -> Result<Self, KeyError> {
        let participants = participants(genesis.validators().map(|node| node.public_key))?;
        let sharing =
            Sharing::<MinSig>::decode_cfg(Copying(&genesis.threshold_public), &(VALIDATORS, ModeVersion::v0()))
                .map_err(|error| KeyError::Malformed { kind: "threshold public key", reason: error.to_string() })?;
        Self::new(participants, sharing)
    }

    pub(crate) fn new(participants: Set<ed25519::PublicKey>, sharing: Sharing<MinSig>) -> Result<Self, KeyError> {
        let validators = u32::try_from(participants.len()).unwrap_or(u32::MAX);
        let (total, required, quorum) = (sharing.total().get(), sharing.required(), N3f1::quorum(validators));
        if total != validators || required != quorum {
            return Err(KeyError::Mismatch { total, required, validators, quorum });
        }
        Ok(Self { participants, sharing })
    }

    /// Node keys of the validators in the order of their shares.
    pub fn validators(&self) -> Vec<B256> {
        self.participants.iter().map(|key| B256::from_slice(key.as_ref())).collect()
    }

    /// Public halves of the validators' shares, encoded, in their order. They change whenever the shares do.
    pub fn share_keys(&self) -> Vec<Bytes> {
        let key = |index| self.sharing.partial_public(Participant::new(index)).map(|key| Bytes::from(key.encode()));
        (0..self.sharing.total().get()).filter_map(|index| key(index).ok()).collect()
    }

    /// The public key of all of them together, encoded: the network's, which never changes.
    pub fn network_key(&self) -> Bytes {
        Bytes::from(self.sharing.public().encode())
    }

    /// Validators that must sign a block.
    pub fn quorum(&self) -> u32 {
        self.sharing.required()
    }

    /// Who leads a view.
    pub(crate) fn leader(&self, epoch: u64, view: u64) -> B256 {
        let round = Round::new(Epoch::new(epoch), View::new(view));
        let turns = Config::<VoteScheme>::build(Turns, &self.participants);
        let leader = Elector::<VoteScheme>::elect(&turns, round, ());
        self.participants.get(usize::from(leader)).map(|key| B256::from_slice(key.as_ref())).unwrap_or_default()
    }

    /// Whether `node` is one of the validators.
    pub fn contains(&self, node: &B256) -> bool {
        self.participants.iter().any(|key| key.as_ref() == node.as_slice())
    }

    /// Checks that `share` is the one of `node` under this committee's key.
    pub fn check_share(&self, node: &B256, share: &ThresholdShare) -> Result<(), KeyError> {
        let foreign = || KeyError::ForeignShare { node: *node };
        let position = self.participants.iter().position(|key| key.as_ref() == node.as_slice()).ok_or_else(foreign)?;
        let expected = self.sharing.partial_public(share.inner().index).map_err(|_| foreign())?;
        if usize::try_from(share.index()) != Ok(position) || share.inner().public::<MinSig>() != expected {
            return Err(foreign());
        }
        Ok(())
    }
}

/// A threshold key with all of its shares, made on one machine. **For development only**: whoever ran the dealer knows
/// every share and can forge finality. Real networks hold a ceremony, see [`crate::ceremony`].
#[derive(Debug)]
pub struct Dealing {
    /// For [`Genesis::threshold_public`], together with `dealt_for_development = true`.
    pub threshold_public: Bytes,
    /// The shares by node key.
    pub shares: Vec<(B256, ThresholdShare)>,
}

/// Deals a threshold key to the validators with these node keys. **For development only**, see [`Dealing`].
pub fn deal(validators: &[B256]) -> Result<Dealing, KeyError> {
    deal_from(rand::rng(), validators)
}

/// Deals from a seed, so that a simulation has the same keys every time. Never for a network that carries value.
pub fn deal_from_seed(seed: u64, validators: &[B256]) -> Result<Dealing, KeyError> {
    use rand::SeedableRng as _;
    deal_from(rand::rngs::StdRng::seed_from_u64(seed), validators)
}

fn deal_from(rng: impl rand::CryptoRng, validators: &[B256]) -> Result<Dealing, KeyError> {
    let participants = participants(validators.iter().copied())?;
    let (output, shares) = feldman_desmedt::deal::<MinSig, _, N3f1>(rng, SHARING, participants)
        .map_err(|error| KeyError::Malformed { kind: "committee", reason: error.to_string() })?;
    let shares = shares
        .iter_pairs()
        .map(|(key, share)| (B256::from_slice(key.as_ref()), ThresholdShare::new(share.clone())))
        .collect();
    Ok(Dealing { threshold_public: Bytes::from(output.public().encode()), shares })
}

/// A node key from outside as a key of the engine.
pub(crate) fn node_key(key: &B256) -> Result<ed25519::PublicKey, KeyError> {
    ed25519::PublicKey::read(&mut Copying(key.as_slice()))
        .map_err(|error| KeyError::Malformed { kind: "node public key", reason: format!("{key}: {error}") })
}

/// Validators as an ordered set, none twice.
pub(crate) fn participants(keys: impl Iterator<Item = B256>) -> Result<Set<ed25519::PublicKey>, KeyError> {
    let keys = keys.map(|key| node_key(&key)).collect::<Result<Vec<_>, _>>()?;
    let named = keys.len();
    let set = Set::from_iter_dedup(keys);
    if set.is_empty() || set.len() != named || u32::try_from(set.len()).map_or(true, |count| count > VALIDATORS_MAX) {
        return Err(KeyError::Committee { found: set.len() });
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(count: u64) -> Vec<B256> {
        (0..count).map(|seed| NodeSecret::from_seed(seed).public_key()).collect()
    }

    #[test]
    fn secrets_survive_their_bytes_and_stay_out_of_debug() {
        let secret = NodeSecret::generate();
        let again = NodeSecret::from_bytes(&secret.to_bytes()).unwrap();
        assert_eq!(again.public_key(), secret.public_key());
        assert!(!format!("{secret:?}").contains(&hex(&secret.to_bytes())));
        assert!(NodeSecret::from_bytes(&[1; 31]).is_err());
        assert!(NodeSecret::from_bytes(&[1; 33]).is_err());

        let dealing = deal(&nodes(4)).unwrap();
        let (_, share) = &dealing.shares[0];
        assert_eq!(ThresholdShare::from_bytes(&share.to_bytes()).unwrap().inner(), share.inner());
        assert!(ThresholdShare::from_bytes(&[]).is_err());
        assert!(!format!("{share:?}").contains(&hex(&share.to_bytes()[1..])));
    }

    fn hex(bytes: &[u8]) -> String {
        alloy_primitives::hex::encode(bytes)
    }

    #[test]
    fn a_share_belongs_to_one_validator_of_one_committee() {
        let nodes = nodes(4);
        let dealing = deal(&nodes).unwrap();
        let sharing = |dealing: &Dealing| {
            Sharing::<MinSig>::decode_cfg(
                Copying(&dealing.threshold_public),
                &(NonZeroU32::new(4).unwrap(), ModeVersion::v0()),
            )
            .unwrap()
        };
        let committee = Committee::new(participants(nodes.iter().copied()).unwrap(), sharing(&dealing)).unwrap();
        assert_eq!(committee.quorum(), 3);
        for (node, share) in &dealing.shares {
            committee.check_share(node, share).unwrap();
        }
        let (first, second) = (&dealing.shares[0], &dealing.shares[1]);
        assert!(committee.check_share(&first.0, &second.1).is_err());
        let other = deal(&nodes).unwrap();
        assert!(committee.check_share(&other.shares[0].0, &other.shares[0].1).is_err());
        assert!(committee.check_share(&B256::repeat_byte(1), &first.1).is_err());
    }

    #[test]
    fn committees_that_do_not_fit_are_refused() {
        assert_eq!(deal(&[]).unwrap_err(), KeyError::Committee { found: 0 });
        let twice = vec![nodes(1)[0]; 2];
        assert_eq!(deal(&twice).unwrap_err(), KeyError::Committee { found: 1 });
        assert!(matches!(deal(&nodes(65)).unwrap_err(), KeyError::Committee { found: 65 }));
        let dealing = deal(&nodes(7)).unwrap();
        let sharing = Sharing::<MinSig>::decode_cfg(
            Copying(&dealing.threshold_public),
            &(NonZeroU32::new(VALIDATORS_MAX).unwrap(), ModeVersion::v0()),
        )
        .unwrap();
        let error = Committee::new(participants(nodes(4).into_iter()).unwrap(), sharing).unwrap_err();
        assert_eq!(error, KeyError::Mismatch { total: 7, required: 5, validators: 4, quorum: 3 });
    }
}
