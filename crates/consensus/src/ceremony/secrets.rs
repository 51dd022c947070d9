//! What a ceremony must remember through a restart, encrypted on disk with a key that only the node's own key gives.
//!
//! A dealer that restarts must deal the same shares again: another deal would look like a lie. So its seed, the shares
//! dealt to it and its final share are durable before the protocol goes on.

use crate::{application::stop, keys::NodeSecret, runtime::Runtime};
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
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Bytes that make the key of each record its own.
const SALT_BYTES: usize = 32;
/// Bytes that authenticate a record.
const TAG_BYTES: usize = 16;
/// Largest record: a share or dealing has about 40 bytes.
const RECORD_BYTES_MAX: usize = 4_096;

type Records<E> = Metadata<E, FixedBytes<32>, Vec<u8>>;

/// The records of one ceremony. Clones share them.
pub(super) struct Secrets<E: Runtime>(Arc<Inner<E>>);

struct Inner<E: Runtime> {
    master: Zeroizing<[u8; 32]>,
    /// Absent only while a write is in progress or after one has failed, which stops the node.
    records: Mutex<Option<Records<E>>>,
}

impl<E: Runtime> Clone for Secrets<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E: Runtime> Secrets<E> {
    /// Opens the records, which only the same node key can read.
    pub(super) async fn open(context: E, partition: String, secret: &NodeSecret) -> Result<Self, String> {
        let codec_config = (RangeCfg::new(0..=RECORD_BYTES_MAX), ());
        let records = Metadata::init(context, Config { partition, codec_config }).await;
        let records = records.map_err(|error| error.to_string())?;
        let master = Zeroizing::new(blake3::derive_key("florin ceremony records 2026", &secret.to_bytes()));
        Ok(Self(Arc::new(Inner { master, records: Mutex::new(Some(records)) })))
    }

    /// The share that the ceremony gave to this node.
    pub(super) async fn share(&self) -> Option<Share> {
        self.get("share", &[]).await
    }

    fn cipher(&self, salt: &[u8]) -> ChaCha20Poly1305 {
        let key = Zeroizing::new(blake3::keyed_hash(&self.0.master, salt).into());
        ChaCha20Poly1305::random(StdRng::from_seed(*key))
    }

    async fn put(&self, kind: &str, name: &[u8], value: &impl Encode) {
        let place = place(kind, name);
        let salt: [u8; SALT_BYTES] = rand::rng().random();
        let mut sealed = Zeroizing::new(value.encode().to_vec());
        let Some((_, tag)) = self.cipher(&salt).seal(place.as_ref(), &mut sealed) else {
            stop("cannot encrypt a secret of the ceremony");
        };
        let record = [salt.as_slice(), sealed.as_slice(), tag.as_ref()].concat();
        let mut records = self.0.records.lock().await;
        let Some(open) = records.take() else { stop("the ceremony's records were lost by an earlier failure") };
        match open.put_sync(place, record).await {
            Ok(open) => *records = Some(open),
            Err(error) => stop(&format!("cannot write a secret of the ceremony: {error}")),
        }
    }

    async fn get<T: ReadExt>(&self, kind: &str, name: &[u8]) -> Option<T> {
        let place = place(kind, name);
        let record = self.0.records.lock().await.as_ref()?.get(&place)?.clone();
        let value = self.unseal(&place, &record);
        let value = value.unwrap_or_else(|| {
            stop(&format!("a {kind} of the ceremony is damaged or was written by another node key"))
        });
        Some(value)
    }

    fn unseal<T: ReadExt>(&self, place: &FixedBytes<32>, record: &[u8]) -> Option<T> {
        let (salt, rest) = record.split_at_checked(SALT_BYTES)?;
        let (sealed, tag) = rest.split_at_checked(rest.len().checked_sub(TAG_BYTES)?)?;
        let tag = FixedBytes::<TAG_BYTES>::new(tag.try_into().ok()?);
        let mut value = Zeroizing::new(sealed.to_vec());
        self.cipher(salt).open(place.as_ref(), &mut value, &tag)?;
        T::decode(Copying(&value)).ok()
    }
}

/// Where a record stands.
fn place(kind: &str, name: &[u8]) -> FixedBytes<32> {
    let mut hasher = blake3::Hasher::new_derive_key("florin ceremony record names 2026");
    hasher.update(kind.as_bytes()).update(&[0]).update(name);
    FixedBytes::new(hasher.finalize().into())
}

impl<E: Runtime> SecretStore for Secrets<E> {
    async fn put_share(&mut self, _epoch: Epoch, share: Share) {
        self.put("share", &[], &share).await;
    }

    async fn get_share(&mut self, _epoch: Epoch) -> Option<Share> {
        self.share().await
    }

    async fn put_seed(&mut self, _epoch: Epoch, seed: Summary) {
        self.put("seed", &[], &seed).await;
    }

    async fn get_seed(&mut self, _epoch: Epoch) -> Option<Summary> {
        self.get("seed", &[]).await
    }

    async fn put_dealing<P: PublicKey>(&mut self, _epoch: Epoch, dealer: P, private: DealerPrivMsg) {
        self.put("dealing", dealer.as_ref(), &private).await;
    }

    async fn get_dealing<P: PublicKey>(&mut self, _epoch: Epoch, dealer: &P) -> Option<DealerPrivMsg> {
        self.get("dealing", dealer.as_ref()).await
    }

    async fn prune(&mut self, _min: Epoch) {
        // A ceremony has one epoch; its records go when the operator removes its directory.
    }
}
