//! How this node signs and verifies in each epoch.
//!
//! **Failures.** A committee under another public key than the genesis file's, and a share that does not fit its committee,
//! are faults: the node stops.

use crate::{
    application::stop,
    epochs::current::{Current, Seated},
    keys::{Committee, KeyError, NodeSecret, ThresholdShare, node_key},
    runtime::Runtime,
    votes::{Domain, VoteScheme},
};
use commonware_consensus::types::Epoch;
use commonware_cryptography::{
    bls12381::primitives::{
        group::Share,
        sharing::Sharing,
        variant::{MinSig, Variant},
    },
    certificate::{Provider, Scoped},
    ed25519::PublicKey,
};
use commonware_glue::dkg::{Registrar, types::SchemeInfo};
use commonware_runtime::Error as RuntimeError;
use commonware_utils::ordered::Set;
use florin_types::NodeRole;
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};

/// Epochs whose schemes are kept: votes of the one before may still arrive.
const KEPT: usize = 2;
/// Epochs below the one before whose votes are looked for, to be removed.
const REMOVED_MAX: u64 = 16;

/// In which epochs this node signs nothing, whatever shares it has: it may have signed there and not know what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abstains {
    /// It knows all of its votes.
    Never,
    /// Up to this epoch.
    UpTo(Epoch),
    /// As long as it runs.
    Always,
}

impl Abstains {
    fn in_epoch(self, epoch: Epoch) -> bool {
        match self {
            Self::Never => false,
            Self::UpTo(last) => epoch <= last,
            Self::Always => true,
        }
    }

    /// The same, and up to this epoch.
    pub(crate) fn and_up_to(self, epoch: Epoch) -> Self {
        match self {
            Self::Never => Self::UpTo(epoch),
            Self::UpTo(last) => Self::UpTo(last.max(epoch)),
            Self::Always => Self::Always,
        }
    }
}

/// The schemes of the newest epochs. Clones share them.
#[derive(Clone)]
pub(crate) struct Schemes(Arc<Inner>);

struct Inner {
    domain: Domain,
    secret: NodeSecret,
    /// The network's key, which never changes.
    network: <MinSig as Variant>::Public,
    abstains: Mutex<Abstains>,
    current: Current,
    by_epoch: Mutex<BTreeMap<Epoch, Arc<VoteScheme>>>,
}

impl Schemes {
    /// Begins with the committee of the genesis file, of which this node has `share`, or none.
    pub(crate) fn new(
        domain: Domain,
        secret: NodeSecret,
        committee: Committee,
        share: Option<&ThresholdShare>,
        abstains: Abstains,
    ) -> Result<Self, KeyError> {
        let network = *committee.sharing.public();
        let share = share.map(ThresholdShare::inner).filter(|_| !abstains.in_epoch(Epoch::zero()));
        let (scheme, role) = scheme(domain, &secret, &committee, share)?;
        if role == NodeRole::Follower && committee.contains(&secret.public_key()) {
            tracing::warn!(node = %secret.public_key(), "this node's key is a validator's but it has no threshold share of it: it only follows");
        }
        let current = Current::new(Seated { epoch: 0, committee, role });
        let by_epoch = Mutex::new([(Epoch::zero(), Arc::new(scheme))].into());
        Ok(Self(Arc::new(Inner { domain, secret, network, abstains: Mutex::new(abstains), current, by_epoch })))
    }

    /// The committee that signs.
    pub(crate) fn current(&self) -> &Current {
        &self.0.current
    }

    /// From now on no epoch up to this one begins with a share.
    pub(crate) fn abstain_up_to(&self, epoch: Epoch) {
        let mut abstains = self.0.abstains.lock();
        *abstains = abstains.and_up_to(epoch);
    }

    /// All votes of earlier lives are known to be at or below this epoch: shares of later ones may be used, if this node has been
    /// abstaining for not knowing that.
    pub(crate) fn abstain_only_up_to(&self, epoch: Epoch) {
        *self.0.abstains.lock() = Abstains::UpTo(epoch);
    }

    /// Whether nothing is signed in this epoch, whatever shares there are.
    pub(crate) fn abstains_in(&self, epoch: Epoch) -> bool {
        self.0.abstains.lock().in_epoch(epoch)
    }

    /// The network that votes are for.
    pub(crate) fn domain(&self) -> Domain {
        self.0.domain
    }

    /// How votes of an epoch are verified.
    pub(crate) fn of(&self, epoch: Epoch) -> Option<Arc<VoteScheme>> {
        self.0.by_epoch.lock().get(&epoch).cloned()
    }

    /// Verifies certificates of every epoch, and no single votes.
    pub(crate) fn of_certificates(&self) -> VoteScheme {
        VoteScheme::certificate_verifier(self.0.domain, self.0.network)
    }

    /// An epoch begins with this committee.
    pub(crate) fn seat(&self, epoch: Epoch, members: Set<PublicKey>, sharing: Sharing<MinSig>, share: Option<Share>) {
        let inner = &self.0;
        if *sharing.public() != inner.network {
            stop(&format!("the committee of epoch {epoch} has another public key than the genesis file"));
        }
        let committee = Committee::new(members, sharing)
            .unwrap_or_else(|error| stop(&format!("the committee of epoch {epoch}: {error}")));
        let share = share.filter(|_| !inner.abstains.lock().in_epoch(epoch));
        let (scheme, role) = scheme(inner.domain, &inner.secret, &committee, share.as_ref())
            .unwrap_or_else(|error| stop(&format!("the share of epoch {epoch}: {error}")));
        tracing::info!(epoch = epoch.get(), validators = committee.participants.len(), ?role, "an epoch begins");
        let mut by_epoch = inner.by_epoch.lock();
        by_epoch.insert(epoch, Arc::new(scheme));
        while by_epoch.len() > KEPT {
            by_epoch.pop_first();
        }
        drop(by_epoch);
        inner.current.replace(Seated { epoch: epoch.get(), committee, role });
    }
}

impl Provider for Schemes {
    type Scope = Epoch;
    type Scheme = VoteScheme;

    fn scoped(&self, epoch: Epoch) -> Option<Scoped<VoteScheme>> {
        self.of(epoch).map(Scoped::scheme)
    }
}

/// How this node signs in a committee, and so what it is: it votes with its share, and only follows without.
fn scheme(
    domain: Domain,
    secret: &NodeSecret,
    committee: &Committee,
    share: Option<&Share>,
) -> Result<(VoteScheme, NodeRole), KeyError> {
    let node = secret.public_key();
    if let Some(share) = share {
        committee.check_share(&node, &ThresholdShare::new(share.clone()))?;
        let signer = VoteScheme::signer(domain, committee, share.clone(), secret);
        return signer.map(|scheme| (scheme, NodeRole::Validator)).ok_or(KeyError::ForeignShare { node });
    }
    Ok((VoteScheme::follower(domain, committee, &node_key(&node)?), NodeRole::Follower))
}

/// Told by the protocol who signs in an epoch.
pub(crate) struct Register<E: Runtime> {
    pub(crate) context: Arc<E>,
    pub(crate) schemes: Schemes,
    /// How the partitions of votes begin.
    pub(crate) votes: String,
}

/// Partition of an epoch's votes, as the engine names it.
pub(crate) fn votes_partition(prefix: &str, epoch: u64) -> String {
    format!("{prefix}_consensus_{epoch}")
}

impl<E: Runtime> Registrar for Register<E> {
    type Variant = MinSig;
    type PublicKey = PublicKey;

    async fn register(&self, epoch: Epoch, info: SchemeInfo<MinSig, PublicKey>) {
        let (members, sharing, share) = match info {
            SchemeInfo::Verifier { participants, sharing } | SchemeInfo::Member { participants, sharing, .. } => {
                (participants, sharing, None)
            }
            SchemeInfo::Signer { participants, sharing, share } => (participants, sharing, Some(share)),
        };
        self.schemes.seat(epoch, members, sharing, share);
        self.remove_old_votes(epoch.get()).await;
    }
}

impl<E: Runtime> Register<E> {
    /// Votes of epochs that are over protect nothing. Those of the epoch before stay: its engine may still run.
    async fn remove_old_votes(&self, epoch: u64) {
        for old in (0..epoch.saturating_sub(1)).rev().take(usize::try_from(REMOVED_MAX).unwrap_or_default()) {
            let partition = votes_partition(&self.votes, old);
            match self.context.remove(&partition, None).await {
                Ok(()) | Err(RuntimeError::PartitionMissing(_)) => {}
                Err(error) => tracing::warn!(partition, %error, "old votes cannot be removed; they do no harm"),
            }
        }
    }
}
