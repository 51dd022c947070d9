//! What a node must remember of the threshold key through a restart, encrypted on disk with a key that only the node's own
//! key gives: its shares, the seeds of its dealings, what was dealt to it.
//!
//! A dealer that restarts must deal the same shares again: another deal would look like a lie. So its seed, the shares
//! dealt to it and its final share are durable before the protocol goes on.
//!
//! **Forgetting.** A quorum of shares of any past committee can sign as the network for ever, so the records of an epoch
//! are removed when the next but one begins. The store keeps two generations of its file; both are written anew, so that
//! neither holds a removed record. What a disk keeps of overwritten files (SSDs do) is protected by the node key alone.

use crate::{
    application::stop,
    keys::{NodeSecret, ThresholdShare},
    runtime::Runtime,
};
use commonware_codec::{Copying, DecodeExt as _, Encode, RangeCfg, ReadExt};
use commonware_consensus::types::Epoch;
use commonware_cryptography::{
    ChaCha20Poly1305, Cipher as _, PublicKey,
    bls12381::{dkg::feldman_desmedt::DealerPrivMsg, primitives::group::Share},
    transcript::Summary,
};
use commonware_glue::dkg::SecretStore;
use commonware_math::algebra::Random as _;
use commonware_storage::metadata::{Config, Metadata};
use commonware_utils::sequence::FixedBytes;
use futures::lock::Mutex;
use parking_lot::Mutex as SyncMutex;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use std::{collections::BTreeSet, sync::Arc};
use zeroize::Zeroizing;

/// Bytes that make the key of each record its own.
const SALT_BYTES: usize = 32;
/// Bytes that authenticate a record.
const TAG_BYTES: usize = 16;
/// Largest record: a share or dealing has about 40 bytes.
const RECORD_BYTES_MAX: usize = 4_096;
/// Bytes of an epoch at the beginning of a record's name.
const EPOCH_BYTES: usize = 8;
/// Name of the record that is no secret: it changes when others are removed.
const MARKER: [u8; 32] = [u8::MAX; 32];

type Place = FixedBytes<32>;
type Records<E> = Metadata<E, Place, Vec<u8>>;

/// Whose records they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Of one ceremony: it has one epoch, and its records go when the operator removes its directory.
    Ceremony,
    /// Of a network's epochs, each with records of its own.
    Epochs,
}

/// The records. Clones share them.
pub(crate) struct Secrets<E: Runtime>(Arc<Inner<E>>);

struct Inner<E: Runtime> {
    kept: Kept,
    /// Epochs whose shares are not to be used.
    is_hidden: Box<dyn Fn(Epoch) -> bool + Send + Sync>,
    master: Zeroizing<[u8; 32]>,
    /// The runtime's randomness: simulations repeat themselves.
    salts: SyncMutex<E>,
    /// Absent only while a write is in progress or after one has failed, which stops the node.
    records: Mutex<Option<Records<E>>>,
}

impl<E: Runtime> Clone for Secrets<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E: Runtime> Secrets<E> {
    /// Opens the records, which only the same node key can read. Shares of an epoch that `is_hidden` are not given out: who does not
    /// know what it has done with them neither signs nor deals.
    pub(crate) async fn open(
        context: E,
        partition: String,
        secret: &NodeSecret,
        kept: Kept,
        is_hidden: impl Fn(Epoch) -> bool + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let codec_config = (RangeCfg::new(0..=RECORD_BYTES_MAX), ());
        let salts = SyncMutex::new(context.child("salts"));
        let records = Metadata::init(context, Config { partition, codec_config }).await;
        let records = records.map_err(|error| error.to_string())?;
        let master = Zeroizing::new(blake3::derive_key("florin ceremony records 2026", &secret.to_bytes()));
        let is_hidden = Box::new(is_hidden);
        Ok(Self(Arc::new(Inner { kept, is_hidden, master, salts, records: Mutex::new(Some(records)) })))
    }

    /// The share that the ceremony gave to this node.
    pub(crate) async fn share(&self) -> Option<Share> {
        self.get(Epoch::zero(), "share", &[]).await
    }

    /// Takes over the share of the first epoch from the node's configuration, if nothing was ever kept here.
    pub(crate) async fn import(&mut self, share: &ThresholdShare) {
        let empty = self.0.records.lock().await.as_ref().is_some_and(|records| records.keys().next().is_none());
        if empty {
            self.put(Epoch::zero(), "share", &[], share.inner()).await;
        }
    }

    /// Forgets what is of ceremonies that may have gone on without this disk: what was dealt to it, and what it was to deal. Shares stay.
    pub(crate) async fn forget_ceremonies(&self) {
        let shares: BTreeSet<Place> = match self.0.records.lock().await.as_ref() {
            Some(records) => records.keys().map(|place| self.place(epoch_of(place), "share", &[])).collect(),
            None => return,
        };
        self.remove(|place| !shares.contains(place)).await;
    }

    /// Removes records, from both generations of the file.
    async fn remove(&self, is_gone: impl Fn(&Place) -> bool + Send + Sync) {
        let marker = FixedBytes::new(MARKER);
        let is_gone = |place: &Place| *place != marker && is_gone(place);
        if !self.0.records.lock().await.as_ref().is_some_and(|records| records.keys().any(&is_gone)) {
            return;
        }
        self.write(|records| records.retain(|place, _| !is_gone(place))).await;
        // The older generation still has them: it is written once more. Only a change is written.
        for round in [0, 1] {
            self.write(|records| {
                records.put(marker.clone(), vec![round]);
            })
            .await;
        }
    }

    fn cipher(&self, salt: &[u8]) -> ChaCha20Poly1305 {
        let key = Zeroizing::new(blake3::keyed_hash(&self.0.master, salt).into());
        ChaCha20Poly1305::random(StdRng::from_seed(*key))
    }

    async fn put(&self, epoch: Epoch, kind: &str, name: &[u8], value: &impl Encode) {
        let place = self.place(epoch, kind, name);
        let mut salt = [0; SALT_BYTES];
        self.0.salts.lock().fill_bytes(&mut salt);
        let mut sealed = Zeroizing::new(value.encode().to_vec());
        let Some((_, tag)) = self.cipher(&salt).seal(place.as_ref(), &mut sealed) else {
            stop("cannot encrypt a secret of this node");
        };
        let record = [salt.as_slice(), sealed.as_slice(), tag.as_ref()].concat();
        self.write(|records| {
            records.put(place, record);
        })
        .await;
    }

    /// Changes the records, durably.
    async fn write(&self, change: impl FnOnce(&mut Records<E>)) {
        let mut records = self.0.records.lock().await;
        let Some(mut open) = records.take() else { stop("this node's secrets were lost by an earlier failure") };
        change(&mut open);
        match open.sync().await {
            Ok(open) => *records = Some(open),
            Err(error) => stop(&format!("cannot write a secret of this node: {error}")),
        }
    }

    async fn get<T: ReadExt>(&self, epoch: Epoch, kind: &str, name: &[u8]) -> Option<T> {
        let place = self.place(epoch, kind, name);
        let record = self.0.records.lock().await.as_ref()?.get(&place)?.clone();
        let value = self.unseal(&place, &record);
        let value = value
            .unwrap_or_else(|| stop(&format!("a {kind} of this node is damaged or was written by another node key")));
        Some(value)
    }

    /// Where a record stands. Those of epochs begin with their epoch, so that they can be forgotten by it.
    fn place(&self, epoch: Epoch, kind: &str, name: &[u8]) -> Place {
        let mut hasher = blake3::Hasher::new_derive_key("florin ceremony record names 2026");
        hasher.update(kind.as_bytes()).update(&[0]).update(name);
        let mut place: [u8; 32] = hasher.finalize().into();
        if self.0.kept == Kept::Epochs {
            place[..EPOCH_BYTES].copy_from_slice(&epoch.get().to_be_bytes());
        }
        FixedBytes::new(place)
    }

    fn unseal<T: ReadExt>(&self, place: &Place, record: &[u8]) -> Option<T> {
        let (salt, rest) = record.split_at_checked(SALT_BYTES)?;
        let (sealed, tag) = rest.split_at_checked(rest.len().checked_sub(TAG_BYTES)?)?;
        let tag = FixedBytes::<TAG_BYTES>::new(tag.try_into().ok()?);
        let mut value = Zeroizing::new(sealed.to_vec());
        self.cipher(salt).open(place.as_ref(), &mut value, &tag)?;
        T::decode(Copying(&value)).ok()
    }
}

/// The epoch that a record is of.
fn epoch_of(place: &Place) -> Epoch {
    Epoch::new(place.as_ref().iter().take(EPOCH_BYTES).fold(0, |epoch, byte| (epoch << 8) | u64::from(*byte)))
}

impl<E: Runtime> SecretStore for Secrets<E> {
    async fn put_share(&mut self, epoch: Epoch, share: Share) {
        self.put(epoch, "share", &[], &share).await;
    }

    async fn get_share(&mut self, epoch: Epoch) -> Option<Share> {
        if (self.0.is_hidden)(epoch) {
            return None;
        }
        self.get(epoch, "share", &[]).await
    }

    async fn put_seed(&mut self, epoch: Epoch, seed: Summary) {
        self.put(epoch, "seed", &[], &seed).await;
    }

    async fn get_seed(&mut self, epoch: Epoch) -> Option<Summary> {
        self.get(epoch, "seed", &[]).await
    }

    async fn put_dealing<P: PublicKey>(&mut self, epoch: Epoch, dealer: P, private: DealerPrivMsg) {
        self.put(epoch, "dealing", dealer.as_ref(), &private).await;
    }

    async fn get_dealing<P: PublicKey>(&mut self, epoch: Epoch, dealer: &P) -> Option<DealerPrivMsg> {
        self.get(epoch, "dealing", dealer.as_ref()).await
    }

    async fn prune(&mut self, min: Epoch) {
        if self.0.kept == Kept::Epochs {
            self.remove(|place| epoch_of(place) < min).await;
        }
    }
}

#[cfg(test)]
mod tests;
