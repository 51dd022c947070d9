//! What a node knows of the network around it, for its status: the view, the newest finalised height, who is connected.

use crate::{
    block::EngineBlock,
    evidence::{EvidenceReceiver, Witness},
    metrics::Metrics,
    pace::POLL,
    pending::Pending,
    runtime::Runtime,
    sight::Sightings,
    votes::VoteScheme,
};
use alloy_primitives::B256;
use commonware_actor::Feedback;
use commonware_consensus::{Reporter, marshal::Update, simplex::types::Activity};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{CheckedSender as _, Recipients, Sender};
use commonware_runtime::{Handle, telemetry::metrics::GaugeExt as _};
use commonware_utils::Acknowledgement as _;
use florin_proof::BlockDigest;
use florin_types::Height;
use parking_lot::Mutex;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Shared between those who see something and those who ask.
#[derive(Default)]
pub(crate) struct Observed {
    /// Epoch, and view within it: views begin anew with each epoch.
    round: Mutex<(u64, u64)>,
    tip: AtomicU64,
    connected: Mutex<Vec<B256>>,
    evidence: Mutex<Option<EvidenceReceiver>>,
    /// What was seen of each node.
    pub(crate) sightings: Arc<Sightings>,
}

impl Observed {
    /// Epoch and view that consensus is in.
    pub(crate) fn round(&self) -> (u64, u64) {
        *self.round.lock()
    }

    /// Newest height that is known to be final, whether or not its block is here.
    pub(crate) fn tip(&self) -> Height {
        self.tip.load(Ordering::Relaxed)
    }

    /// Says where evidence of equivocation comes out.
    pub(crate) fn keep_evidence(&self, receiver: EvidenceReceiver) {
        *self.evidence.lock() = Some(receiver);
    }

    /// Evidence of equivocation as it is found; to one taker only.
    pub(crate) fn take_evidence(&self) -> Option<EvidenceReceiver> {
        self.evidence.lock().take()
    }

    /// Nodes with an open connection.
    pub(crate) fn connected(&self) -> Vec<B256> {
        self.connected.lock().clone()
    }
}

/// Hears of votes and certificates.
#[derive(Clone)]
pub(crate) struct ActivityObserver {
    pub(crate) observed: Arc<Observed>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) witness: Witness,
}

impl Reporter for ActivityObserver {
    type Activity = Activity<VoteScheme, BlockDigest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        self.witness.hear(&activity);
        // A view ends with a certificate: the next one has begun.
        let ended = match &activity {
            Activity::Certification(certificate) => certificate.round(),
            Activity::Nullification(certificate) => certificate.round(),
            Activity::Finalization(certificate) => certificate.round(),
            _ => return Feedback::Ok,
        };
        let begun = (ended.epoch().get(), ended.view().get().saturating_add(1));
        let mut round = self.observed.round.lock();
        *round = (*round).max(begun);
        let _ = self.metrics.view.try_set(round.1);
        let _ = self.metrics.epoch.try_set(round.0);
        Feedback::Ok
    }
}

/// Hears of finalised heights before their blocks have been applied.
#[derive(Clone)]
pub(crate) struct TipObserver {
    pub(crate) observed: Arc<Observed>,
}

impl Reporter for TipObserver {
    type Activity = Update<EngineBlock>;

    fn report(&mut self, update: Self::Activity) -> Feedback {
        match update {
            Update::Tip(_, height, _) => {
                self.observed.tip.fetch_max(height.get(), Ordering::Relaxed);
            }
            // Marshal waits for every copy of the acknowledgement; the application's is the one that counts.
            Update::Block(_, acknowledgement) => acknowledgement.acknowledge(),
        }
        Feedback::Ok
    }
}

/// Looks at the connections and at the pool twice a second; drops what waited too long there.
pub(crate) fn start_watching<E: Runtime>(
    context: E,
    observed: Arc<Observed>,
    pending: Pending,
    metrics: Arc<Metrics>,
    mut sender: impl Sender<PublicKey = PublicKey>,
) -> Handle<()> {
    context.spawn(move |context| async move {
        loop {
            // All are held back by the quota only while all are connected and busy: what was seen before stays true.
            if let Ok(checked) = sender.check(Recipients::All) {
                let mut connected: Vec<B256> =
                    checked.recipients().iter().map(|key| B256::from_slice(key.as_ref())).collect();
                connected.sort_unstable();
                let _ = metrics.peers_connected.try_set(connected.len());
                *observed.connected.lock() = connected;
            }
            pending.pool().expire(crate::clock::now_ms(&context));
            metrics.pool.show(&pending.pool().metrics());
            context.sleep(POLL).await;
        }
    })
}
