//! How validators vote: each with its share of the network's key, and with the key of its node beside it.
//!
//! **Purpose.** A quorum of *partials*, votes under shares, makes the certificate that everyone else verifies. But whoever
//! knows a quorum of partials for a block can work out anyone's partial for it, so they prove nothing against one who
//! made them. What proves something is the signature of the node key, over a layout that the ledger knows
//! ([`NodeVote::signed_bytes`]): two that contradict one another convict (`crate::evidence`).
//!
//! **Place.** Around `florin_proof::Scheme`, for whoever signs or verifies single votes: the engine of one epoch and those of
//! many. Certificates are that scheme's, byte for byte; what is stored and what light clients verify knows nothing of this.
//!
//! **Invariants.** No vote counts without both of its signatures, alone, among others, or in a certificate that is made in
//! one go. So whoever is counted can be convicted.
//!
//! **Limits.** A vote has [`VOTE_SIGNATURE_BYTES`] of signatures, 64 more than a partial. What a node signature costs, measured:
//! 18 microseconds to sign, 38 to verify, 26 in a batch of 42, where checking one partial takes a millisecond.

use crate::keys::{Committee, NodeSecret};
use alloy_primitives::B256;
use commonware_codec::{Buf, Error as CodecError, FixedSize, Read, ReadExt as _, Write, types::lazy::Lazy};
use commonware_consensus::simplex::types::{self, Proposal, Subject};
use commonware_cryptography::{
    Digest,
    bls12381::primitives::{
        group::Share,
        variant::{MinSig, Variant},
    },
    certificate::{self, AssemblyError, Attestation, Membership, Verification, Verifier},
    ed25519::PublicKey,
};
use commonware_parallel::Strategy;
use commonware_utils::{N3f1, Participant, iter::NonEmpty, ordered::Set};
use ed25519_zebra::{SigningKey, VerificationKeyBytes, batch};
use florin_proof::{BlockDigest, Namespace, Scheme};
use florin_types::{Equivocation, EquivocationError, NodeVote, SignedVote, VoteKind};
use rand::CryptoRng;
use std::{collections::BTreeSet, fmt, sync::Arc};
use zeroize::Zeroizing;

/// Bytes of the signature of a node key.
const NODE_SIGNATURE_BYTES: usize = 64;
/// Bytes of the signatures of one vote.
pub(crate) const VOTE_SIGNATURE_BYTES: usize = Partial::SIZE + NODE_SIGNATURE_BYTES;

/// A signature under a share.
type Partial = <MinSig as Variant>::Signature;
/// A certificate that a block is final, as the engine knows it: encoded it is [`florin_proof::Finalization`].
pub(crate) type Finalization = types::Finalization<VoteScheme, BlockDigest>;

/// A stored certificate, for the engine.
pub(crate) fn of_engine(stored: florin_proof::Finalization) -> Finalization {
    Finalization { proposal: stored.proposal, certificate: stored.certificate }
}

/// The network that votes are signed for: they say nothing on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Domain {
    pub(crate) chain_id: u64,
    pub(crate) genesis_hash: B256,
}

impl Domain {
    fn namespace(&self) -> Namespace {
        Namespace::new(self.chain_id, self.genesis_hash)
    }

    /// What two votes prove against whoever holds this node key.
    pub(crate) fn convict(
        &self,
        validator: B256,
        one: SignedVote,
        other: SignedVote,
    ) -> Result<Equivocation, EquivocationError> {
        let equivocation = Equivocation::new(validator, one, other)?;
        equivocation.verify(self.chain_id, self.genesis_hash)?;
        Ok(equivocation)
    }

    fn signed_bytes(&self, vote: &NodeVote) -> Vec<u8> {
        vote.signed_bytes(self.chain_id, self.genesis_hash)
    }
}

/// Both signatures of a vote.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct VoteSignature {
    /// Under the validator's share of the network's key. Decoded when it is verified, which costs as much again.
    partial: Lazy<Partial>,
    /// Under its node key.
    node: [u8; 64],
}

impl FixedSize for VoteSignature {
    const SIZE: usize = VOTE_SIGNATURE_BYTES;
}

impl Write for VoteSignature {
    fn write(&self, buffer: &mut impl bytes::BufMut) {
        self.partial.write(buffer);
        self.node.write(buffer);
    }
}

impl Read for VoteSignature {
    type Cfg = ();

    fn read_cfg(buffer: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        Ok(Self { partial: Lazy::read(buffer)?, node: <[u8; NODE_SIGNATURE_BYTES]>::read(buffer)? })
    }
}

/// What a vote is about, in the ledger's words; `None` if its block's name is none of this ledger's.
fn node_vote<D: Digest>(subject: &Subject<'_, D>) -> Option<NodeVote> {
    let for_block = |kind, proposal: &Proposal<D>| {
        let payload = B256::try_from(proposal.payload.as_ref()).ok()?;
        let (epoch, view) = (proposal.round.epoch().get(), proposal.round.view().get());
        Some(NodeVote { kind, epoch, view, parent_view: proposal.parent.get(), payload })
    };
    match subject {
        Subject::Notarize { proposal } => for_block(VoteKind::Notarize, proposal),
        Subject::Nullify { round } => Some(NodeVote::nullify(round.epoch().get(), round.view().get())),
        Subject::Finalize { proposal } => for_block(VoteKind::Finalize, proposal),
    }
}

/// A vote of the engine as the ledger knows it. Whether its signature is right is not asked.
pub(crate) fn signed_vote(
    subject: &Subject<'_, BlockDigest>,
    attestation: &Attestation<VoteScheme>,
) -> Option<SignedVote> {
    Some(SignedVote { vote: node_vote(subject)?, signature: attestation.signature.get()?.node })
}

/// Signs and verifies votes, and makes certificates of them.
#[derive(Clone)]
pub(crate) struct VoteScheme {
    threshold: Scheme,
    domain: Domain,
    /// The node's key, of a validator that votes.
    node: Option<Arc<Zeroizing<SigningKey>>>,
}

impl fmt::Debug for VoteScheme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("VoteScheme").field("domain", &self.domain).finish_non_exhaustive()
    }
}

impl VoteScheme {
    /// For a validator that votes. `None` if the share is not of this committee's key.
    ///
    /// # Panics
    ///
    /// Where [`Committee::new`] fails.
    pub(crate) fn signer(domain: Domain, committee: &Committee, share: Share, secret: &NodeSecret) -> Option<Self> {
        let Committee { participants, sharing } = committee.clone();
        let threshold = Scheme::signer(domain.namespace().as_bytes(), participants, sharing, share)?;
        Some(Self { threshold, domain, node: Some(Arc::new(Zeroizing::new(secret.vote_key()))) })
    }

    /// For a node that follows, be it a member of the committee or not.
    ///
    /// # Panics
    ///
    /// Where [`Committee::new`] fails.
    pub(crate) fn follower(domain: Domain, committee: &Committee, node: &PublicKey) -> Self {
        let Committee { participants, sharing } = committee.clone();
        let namespace = domain.namespace();
        let member = Scheme::member(namespace.as_bytes(), participants.clone(), sharing.clone(), node);
        let threshold = member.unwrap_or_else(|| Scheme::verifier(namespace.as_bytes(), participants, sharing));
        Self { threshold, domain, node: None }
    }

    /// Verifies certificates of every epoch, and no single votes: asked about one, it panics, as the scheme beneath.
    pub(crate) fn certificate_verifier(domain: Domain, network: <MinSig as Variant>::Public) -> Self {
        let threshold = Scheme::certificate_verifier(domain.namespace().as_bytes(), network);
        Self { threshold, domain, node: None }
    }

    /// Divides votes about one subject into those that their validators' node keys signed, and the signers of the others.
    fn by_node_signature<D: Digest>(
        &self,
        rng: &mut impl CryptoRng,
        subject: &Subject<'_, D>,
        attestations: Vec<Attestation<Self>>,
    ) -> (Vec<Attestation<Self>>, BTreeSet<Participant>) {
        let message = node_vote(subject).map(|vote| self.domain.signed_bytes(&vote));
        let item = |attestation: &Attestation<Self>| self.item(attestation, message.as_ref()?);
        let items: Vec<Option<batch::Item>> = attestations.iter().map(item).collect();
        if items.len() > 1 && items.iter().all(Option::is_some) {
            let mut together = batch::Verifier::new();
            items.iter().flatten().for_each(|item| together.queue(item.clone()));
            if together.verify(rng).is_ok() {
                return (attestations, BTreeSet::new());
            }
        }
        let (mut signed, mut unsigned) = (Vec::with_capacity(attestations.len()), BTreeSet::new());
        for (attestation, item) in attestations.into_iter().zip(items) {
            if item.is_some_and(|item| item.verify_single().is_ok()) {
                signed.push(attestation);
            } else {
                unsigned.insert(attestation.signer);
            }
        }
        (signed, unsigned)
    }

    /// A node signature with the key that it should be of; `None` if nobody has that place.
    fn item(&self, attestation: &Attestation<Self>, message: &[u8]) -> Option<batch::Item> {
        let key = certificate::Scheme::participants(self).get(usize::from(attestation.signer))?;
        let key = VerificationKeyBytes::try_from(key.as_ref()).ok()?;
        Some((key, attestation.signature.get()?.node.into(), message).into())
    }

    /// Verifies the partials of votes whose node signatures are right.
    fn verify_partials<D: Digest>(
        &self,
        rng: &mut impl CryptoRng,
        subject: Subject<'_, D>,
        (signed, mut invalid): (Vec<Attestation<Self>>, BTreeSet<Participant>),
        strategy: &impl Strategy,
    ) -> Verification<Self> {
        let partials: Vec<_> = signed.iter().map(partial).collect();
        let found = certificate::Scheme::verify_attestations(&self.threshold, rng, subject, partials, strategy);
        invalid.extend(&found.invalid);
        with_node_signatures(signed, &found, invalid)
    }
}

/// The part of a vote that the threshold scheme knows.
fn partial(attestation: &Attestation<VoteScheme>) -> Attestation<Scheme> {
    // What cannot be read is handed on as what cannot be read.
    let unreadable = || Lazy::deferred(&mut bytes::Bytes::new(), ());
    let signature = attestation.signature.get().map_or_else(unreadable, |signature| signature.partial.clone());
    Attestation { signer: attestation.signer, signature }
}

/// What the threshold scheme found, about whole votes. Each signer is there once.
fn with_node_signatures(
    votes: Vec<Attestation<VoteScheme>>,
    found: &Verification<Scheme>,
    invalid: BTreeSet<Participant>,
) -> Verification<VoteScheme> {
    let verified: BTreeSet<Participant> = found.verified.iter().map(|attestation| attestation.signer).collect();
    let votes = votes.into_iter().filter(|vote| verified.contains(&vote.signer) && !invalid.contains(&vote.signer));
    Verification::new(votes.collect(), invalid.iter().copied().collect())
}

impl Verifier for VoteScheme {
    type Subject<'a, D: Digest> = Subject<'a, D>;
    type Faults = N3f1;
    type PublicKey = PublicKey;
    type Certificate = <Scheme as Verifier>::Certificate;

    fn verify_certificate<R: CryptoRng, D: Digest>(
        &self,
        rng: &mut R,
        subject: Subject<'_, D>,
        certificate: &Self::Certificate,
        strategy: &impl Strategy,
    ) -> bool {
        self.threshold.verify_certificate(rng, subject, certificate, strategy)
    }

    fn verify_certificates<'a, R, D, I>(&self, rng: &mut R, certificates: NonEmpty<I>, strategy: &impl Strategy) -> bool
    where
        R: CryptoRng,
        D: Digest,
        I: Iterator<Item = (Subject<'a, D>, &'a Self::Certificate)>,
    {
        self.threshold.verify_certificates(rng, certificates, strategy)
    }

    fn is_batchable() -> bool {
        Scheme::is_batchable()
    }

    fn max_certificate_size(participants: u32) -> usize {
        Scheme::max_certificate_size(participants)
    }

    fn certificate_codec_config(&self) {
        self.threshold.certificate_codec_config();
    }

    fn certificate_codec_config_unbounded() {
        Scheme::certificate_codec_config_unbounded();
    }
}

impl certificate::Scheme for VoteScheme {
    type Signature = VoteSignature;

    fn me(&self) -> Option<Membership> {
        self.threshold.me()
    }

    fn participants(&self) -> &Set<PublicKey> {
        self.threshold.participants()
    }

    fn sign<D: Digest>(&self, subject: Subject<'_, D>) -> Option<Attestation<Self>> {
        let message = self.domain.signed_bytes(&node_vote(&subject)?);
        let node = self.node.as_ref()?.sign(&message).to_bytes();
        let Attestation { signer, signature: partial } = certificate::Scheme::sign(&self.threshold, subject)?;
        Some(Attestation { signer, signature: VoteSignature { partial, node }.into() })
    }

    fn verify_attestation<R: CryptoRng, D: Digest>(
        &self,
        rng: &mut R,
        subject: Subject<'_, D>,
        attestation: &Attestation<Self>,
        strategy: &impl Strategy,
    ) -> bool {
        let (signed, _) = self.by_node_signature(rng, &subject, vec![attestation.clone()]);
        !signed.is_empty() && self.threshold.verify_attestation(rng, subject, &partial(attestation), strategy)
    }

    fn verify_attestations<R, D, I>(
        &self,
        rng: &mut R,
        subject: Subject<'_, D>,
        attestations: I,
        strategy: &impl Strategy,
    ) -> Verification<Self>
    where
        R: CryptoRng,
        D: Digest,
        I: IntoIterator<Item = Attestation<Self>>,
        I::IntoIter: Send,
    {
        let divided = self.by_node_signature(rng, &subject, attestations.into_iter().collect());
        self.verify_partials(rng, subject, divided, strategy)
    }

    /// The scheme beneath looks at single votes only where the certificate is wrong. Node signatures leave no trace in it,
    /// so they are looked at before, and one that is wrong fails the attempt.
    fn optimistic_assemble<'a, R, D, I, J>(
        &self,
        rng: &mut R,
        subject: Subject<'_, D>,
        pending: I,
        verified: J,
        strategy: &impl Strategy,
    ) -> Result<Self::Certificate, Verification<Self>>
    where
        R: CryptoRng,
        D: Digest,
        I: IntoIterator<Item = Attestation<Self>>,
        I::IntoIter: ExactSizeIterator + Send,
        J: IntoIterator<Item = &'a Attestation<Self>>,
        J::IntoIter: Send,
    {
        let (signed, unsigned) = self.by_node_signature(rng, &subject, pending.into_iter().collect());
        if !unsigned.is_empty() {
            return Err(self.verify_partials(rng, subject, (signed, unsigned), strategy));
        }
        let pending: Vec<_> = signed.iter().map(partial).collect();
        let verified: Vec<_> = verified.into_iter().map(partial).collect();
        let assembled = self.threshold.optimistic_assemble(rng, subject, pending, &verified, strategy);
        assembled.map_err(|found| {
            let invalid = found.invalid.iter().copied().collect();
            with_node_signatures(signed, &found, invalid)
        })
    }

    fn assemble<I>(
        &self,
        attestations: NonEmpty<I>,
        strategy: &impl Strategy,
    ) -> Result<Self::Certificate, AssemblyError>
    where
        I: Iterator<Item = Attestation<Self>> + Send,
    {
        let (first, rest) = attestations.into_parts();
        let partials = NonEmpty::new(partial(&first), rest.map(|attestation| partial(&attestation)));
        self.threshold.assemble(partials, strategy)
    }

    /// The node signatures can: nobody makes them but who has the key.
    fn is_attributable() -> bool {
        true
    }
}

#[cfg(test)]
pub(crate) mod tests;
