//! The state with which a snapshot begins: taken from a node that runs, part by part, while it goes on.
//!
//! The newest block with a certificate is chosen, and stayed with: a node keeps the operations of its newest thousand blocks and
//! more. Where it has dropped them before the last part was asked for, a newer block is taken and the state begun anew.

use super::{
    blocks::{Kept, Trust},
    manifest::{Hashing, Manifest, STATE, Store},
    state::{write_beginning, write_part},
    take::{lied, sealing},
};
use crate::{
    envelope::{Lock, seal},
    failure::Failure,
    network::Network,
    progress::Progress,
    remote::client_failure,
};
use florin_client::ClientError;
use florin_state::StateCopy;
use florin_types::{Genesis, Height, StateTarget};

/// Blocks that are chosen before it is given up.
const ATTEMPTS_MAX: usize = 3;
/// Newest blocks among which one with a certificate of its own is looked for: nearly all have one.
const BLOCKS_TRIED_MAX: u64 = 64;
/// Rules by which a node refuses what it does not keep any more.
const DROPPED: [&str; 2] = ["ledger.operations_pruned", "ledger.block_pruned"];

/// Refuses networks whose nodes need more than a state to begin with.
pub(super) fn check_network(genesis: &Genesis) -> Result<(), Failure> {
    match genesis.epoch_blocks {
        None => Ok(()),
        Some(epoch_blocks) => Err(Failure::input(
            "snapshot.epochs",
            format_args!(
                "the committee of this network changes every {epoch_blocks} blocks; a node needs the block with which the running \
                 epoch began, and a snapshot does not hold it"
            ),
            "use a backup that begins with genesis, without --snapshot",
        )),
    }
}

/// Where a state comes from and where it goes.
pub(super) struct Taking<'a> {
    pub(super) network: &'a Network,
    pub(super) store: &'a Store,
    pub(super) trust: &'a Trust,
    pub(super) lock: &'a Lock,
    pub(super) progress: &'a Progress,
}

impl Taking<'_> {
    /// Adds the state after the newest certified block to a list that has only the genesis file yet.
    pub(super) async fn begin(&self, mut manifest: Manifest) -> Result<Manifest, Failure> {
        let mut dropped = None;
        for _ in 0..ATTEMPTS_MAX {
            let (block, target) = self.newest().await?;
            match self.copy(&block, &target).await {
                Ok(file) => {
                    let entry = self.store.put_state(file, block.height)?;
                    manifest.add(entry, block.hash);
                    self.store.save(&manifest)?;
                    return Ok(manifest);
                }
                Err(Stopped::Dropped(error)) => {
                    let height = block.height;
                    self.progress
                        .say(&format!("the state after block {height} is dropped there; a newer one is taken"));
                    dropped = Some(error);
                }
                Err(Stopped::Failed(failure)) => return Err(failure),
            }
        }
        let error = dropped.map(|error| error.to_string()).unwrap_or_default();
        Err(Failure::unavailable(
            "snapshot.dropped",
            format_args!("the node drops states faster than they can be copied, {ATTEMPTS_MAX} times now: {error}"),
            "run this on the machine of the node, or while less is paid",
        ))
    }

    /// The newest block that has a certificate of its own, and the state after it.
    async fn newest(&self) -> Result<(Kept, StateTarget), Failure> {
        let client = &self.network.client;
        let head = client.block_number().await.map_err(client_failure)?;
        for height in (1..=head).rev().take(BLOCKS_TRIED_MAX as usize) {
            let page = client.blocks(height, 1).await.map_err(client_failure)?;
            let Some((block, certificate)) = page.into_iter().next().map(|found| (found.block, found.certificate))
            else {
                return Err(lied(client, format!("it gave no block {height}")));
            };
            let Some(certificate) = certificate else { continue };
            let (kept, target) = self.trust.certified(block, certificate).map_err(|reason| lied(client, reason))?;
            if kept.height != height {
                return Err(lied(client, format!("it gave block {} as block {height}", kept.height)));
            }
            return Ok((kept, target));
        }
        Err(Failure::unavailable(
            "snapshot.uncertified",
            format_args!("{} has no block with a certificate among its newest, up to block {head}", client.url()),
            "try again when the network has made blocks",
        ))
    }

    /// Writes block and state to a file, each part once it is checked.
    async fn copy(&self, block: &Kept, target: &StateTarget) -> Result<Hashing<std::fs::File>, Stopped> {
        let client = &self.network.client;
        let writing = |error| Failure::writing(&self.store.path(STATE), &error);
        let impossible = || lied(client, format!("block {} has a state that cannot be", block.height));
        let mut copy = StateCopy::of(target).ok_or_else(impossible)?;
        let mut out = seal(self.lock, Hashing::new(self.store.begin(STATE)?)).map_err(sealing)?;
        write_beginning(&mut out, self.trust, block).map_err(writing)?;
        while let Some(start) = copy.next() {
            let part = client.state_operations(block.height, start).await.map_err(Stopped::of)?;
            copy.take(part.0.clone()).map_err(|reason| lied(client, reason))?;
            write_part(&mut out, &part).map_err(writing)?;
            let (done, all) = copy.progress();
            self.progress.show("state", done, all);
        }
        Ok(out.finish().map_err(writing)?)
    }
}

/// Why a state is not taken.
enum Stopped {
    /// The node does not have it any more.
    Dropped(ClientError),
    Failed(Failure),
}

impl Stopped {
    fn of(error: ClientError) -> Self {
        match error {
            ClientError::Refused { rule: Some(ref rule), .. } if DROPPED.contains(&rule.as_str()) => {
                Self::Dropped(error)
            }
            error => Self::Failed(client_failure(error)),
        }
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// How a run of `florin backup` is to begin.
pub(super) async fn begin(taking: &Taking<'_>, manifest: Manifest, wanted: bool) -> Result<Manifest, Failure> {
    let blocks_from_genesis = manifest.height() > 0 && manifest.state().is_none();
    match (wanted, blocks_from_genesis) {
        (true, true) => Err(Failure::usage(
            "snapshot.begun",
            format_args!("the backup begins with genesis and holds all blocks up to {}", manifest.height()),
            "leave --snapshot out, or give an empty directory",
        )),
        (true, false) if manifest.state().is_none() => taking.begin(manifest).await,
        _ => Ok(manifest),
    }
}

/// Height of the state with which a backup begins.
pub(super) fn height(manifest: &Manifest) -> Option<Height> {
    manifest.state().map(|entry| entry.first)
}
